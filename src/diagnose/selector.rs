//! ST101 and ST102: the selector means no pod. Finds what it nearly means, and a workload that is scaled to zero.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Pod;
use serde_json::Value;

use crate::cluster::nearest::{closest, distance};
use crate::cluster::readiness::is_alive;
use crate::cluster::selector::{matches, text};
use crate::cluster::service::Form;
use crate::order;
use crate::report::{Code, Confidence, Evidence, Finding, ObjectRef, Severity};

use super::context::{Context, field_of, pod_name, pod_ref};
use super::words;

/// Resources whose pods a selector can mean, with the kind that each holds.
const WORKLOADS: [(&str, &str); 4] = [
    ("deployments", "Deployment"),
    ("statefulsets", "StatefulSet"),
    ("daemonsets", "DaemonSet"),
    ("replicasets", "ReplicaSet"),
];

/// Keys that name an application by custom (kubernetes.io, reference/labels-annotations-taints, and older habits).
const APPLICATION_KEYS: [&str; 6] =
    ["app", "k8s-app", "name", "component", "app.kubernetes.io/name", "app.kubernetes.io/instance"];

type Labels = BTreeMap<String, String>;

/// ST101, ST102: no pod has the labels.
pub(super) fn selector_matches_no_pod(context: &Context<'_, '_>) -> Vec<Finding> {
    let Some(selector) = context.view.selector.filter(|_| context.view.form != Form::ExternalName) else {
        return Vec::new();
    };
    // Endpoints without pods are another finding: slices that disagree.
    if context.objects.pods.is_none() || context.selected().next().is_some() || context.is_served() {
        return Vec::new();
    }
    let workload = workload(context, selector);
    vec![match workload {
        Some(workload) if workload.replicas == 0 => scaled_to_zero(context, selector, &workload),
        Some(_) | None => no_pod(context, selector, workload.as_ref()),
    }]
}

fn no_pod(context: &Context<'_, '_>, selector: &Labels, workload: Option<&Workload<'_>>) -> Finding {
    let mut finding = context.finding(Code::SelectorMatchesNoPod, format!("no pod has {}", text(selector)));
    finding.share_ppm = Some(1_000_000);
    finding.evidence.push(context.field("spec.selector", text(selector)));
    finding.help = Some(context.kubectl("get pods --show-labels"));
    if let Some(workload) = workload {
        finding.reason = Some("pods-missing".into());
        finding.details.push(format!("{} wants {} of them, none is there", workload.reference, workload.replicas));
        finding.evidence.push(field_of(workload.reference.clone(), "spec.replicas", workload.replicas.to_string()));
        finding.help = Some(context.kubectl(&format!(
            "describe {} {}",
            workload.reference.kind.to_ascii_lowercase(),
            words::shell(&workload.reference.name)
        )));
    } else if let Some(near) = near_misses(context, selector).into_iter().next() {
        finding.reason = Some("near-miss".into());
        near.describe(context, &mut finding);
    } else {
        other_namespace(context, selector, &mut finding);
    }
    finding
}

/// Pods elsewhere that have the labels: a selector never reaches into another namespace.
fn other_namespace(context: &Context<'_, '_>, selector: &Labels, finding: &mut Finding) {
    let elsewhere = |pod: &&Pod| {
        pod.metadata.namespace.as_deref() != Some(context.view.namespace) && matches(selector, pod) && is_alive(pod)
    };
    let found: Vec<&Pod> = context.objects.pods().iter().filter(elsewhere).collect();
    let Some(first) = found.first() else {
        if context.objects.is_whole("pods") && context.endpoints.pods().next().is_none() {
            finding.details.push(format!("namespace {} has no pods at all", context.view.namespace));
        }
        return;
    };
    let namespace = first.metadata.namespace.as_deref().unwrap_or_default();
    let there = found.iter().filter(|pod| pod.metadata.namespace.as_deref() == Some(namespace)).count();
    finding.reason = Some("other-namespace".into());
    finding.details.push(format!(
        "{} these labels in namespace {namespace}, where this selector does not reach",
        words::count_has(there, "pod")
    ));
    finding.evidence.push(field_of(
        pod_ref(first),
        "metadata.labels",
        first.metadata.labels.as_ref().map(text).unwrap_or_default(),
    ));
    finding.help = Some(format!("kubectl -n {} get services", words::shell(namespace)));
}

/// One label that differs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Slip {
    wanted: (String, String),
    has: Option<(String, String)>,
    letters: usize,
}

/// Pods whose labels differ from the selector in the same way.
struct NearMiss<'p> {
    slips: Vec<Slip>,
    pods: Vec<&'p Pod>,
}

impl NearMiss<'_> {
    fn describe(&self, context: &Context<'_, '_>, finding: &mut Finding) {
        let names: Vec<&str> = self.pods.iter().map(|pod| pod_name(pod)).collect();
        let have: Vec<String> =
            self.slips.iter().filter_map(|s| s.has.as_ref()).map(|(key, value)| format!("{key}={value}")).collect();
        let lack: Vec<String> = self.slips.iter().filter(|s| s.has.is_none()).map(|s| s.wanted.0.clone()).collect();
        let how = match self.slips.as_slice() {
            [slip] if slip.letters == 1 && slip.has.as_ref().is_some_and(|has| has.0 == slip.wanted.0) => {
                ": one letter differs"
            }
            [slip] if slip.has.as_ref().is_some_and(|has| has.0 != slip.wanted.0) => ": another key, the same value",
            _ => "",
        };
        let what = match (have.is_empty(), lack.is_empty()) {
            (false, _) => format!("{} {}", words::count_has(names.len(), "pod"), have.join(",")),
            (true, _) => {
                format!("{} the other labels but no {}", words::count_has(names.len(), "pod"), lack.join(", "))
            }
        };
        finding.details.push(format!("{what} ({}){how}", words::list(&names)));
        if let Some(pod) = self.pods.first() {
            finding.evidence.push(field_of(
                pod_ref(pod),
                "metadata.labels",
                pod.metadata.labels.as_ref().map(text).unwrap_or_default(),
            ));
        }
        if let Some(patch) = self.patch() {
            let name = words::shell(context.view.name);
            finding.help = Some(context.kubectl(&format!("patch svc {name} -p {}", words::shell(&patch))));
        }
    }

    /// The change to the Service that makes the selector mean these pods, where every label has a counterpart.
    fn patch(&self) -> Option<String> {
        let mut labels = serde_json::Map::new();
        for slip in &self.slips {
            let (key, value) = slip.has.as_ref()?;
            if *key != slip.wanted.0 {
                labels.insert(slip.wanted.0.clone(), Value::Null);
            }
            labels.insert(key.clone(), Value::String(value.clone()));
        }
        Some(serde_json::json!({"spec": {"selector": labels}}).to_string())
    }
}

/// Groups of living pods that the selector nearly means, nearest first.
fn near_misses<'snap>(context: &Context<'_, 'snap>, selector: &Labels) -> Vec<NearMiss<'snap>> {
    let mut groups: BTreeMap<Vec<Slip>, Vec<&'snap Pod>> = BTreeMap::new();
    for pod in context.endpoints.pods().filter(|pod| is_alive(pod)) {
        if let Some(slips) = slips(selector, pod) {
            groups.entry(slips).or_default().push(pod);
        }
    }
    let mut found: Vec<NearMiss<'snap>> = groups.into_iter().map(|(slips, pods)| NearMiss { slips, pods }).collect();
    let letters = |near: &NearMiss<'_>| near.slips.iter().map(|s| s.letters).sum::<usize>();
    order::sort_by_key(&mut found, |near| (near.slips.len(), letters(near), usize::MAX - near.pods.len()));
    found
}

/// How a pod's labels differ, if that can be a slip: one pair of several, or letters of a value, or the key.
fn slips(selector: &Labels, pod: &Pod) -> Option<Vec<Slip>> {
    let labels = pod.metadata.labels.as_ref()?;
    let differing: Vec<(&String, &String)> =
        selector.iter().filter(|(key, value)| labels.get(*key) != Some(value)).collect();
    let others_match = selector.len() > 1 && differing.len() == 1;
    let slip = |(key, value): (&String, &String)| {
        let wanted = (key.clone(), value.clone());
        if let Some(has) = labels.get(key) {
            let near = closest(value, [has.as_str()]).is_some() || value.eq_ignore_ascii_case(has);
            return (near || others_match).then(|| Slip {
                letters: distance(value, has),
                wanted,
                has: Some((key.clone(), has.clone())),
            });
        }
        let same_value = labels
            .iter()
            .find(|(other, has)| *has == value && is_alike(key, other))
            .map(|(key, has)| (key.clone(), has.clone()));
        (same_value.is_some() || others_match).then_some(Slip { wanted, has: same_value, letters: key.len() })
    };
    differing.into_iter().map(slip).collect()
}

/// Whether one label key can be taken for the other: both name the application by custom, or one letter differs.
fn is_alike(wanted: &str, other: &str) -> bool {
    (APPLICATION_KEYS.contains(&wanted) && APPLICATION_KEYS.contains(&other)) || distance(wanted, other) == 1
}

/// A workload whose pods the selector means.
struct Workload<'v> {
    reference: ObjectRef,
    replicas: u64,
    labels: &'v serde_json::Map<String, Value>,
}

fn workload<'snap>(context: &Context<'_, 'snap>, selector: &Labels) -> Option<Workload<'snap>> {
    let mut found: Option<Workload<'snap>> = None;
    for (resource, kind) in WORKLOADS {
        for value in context.objects.other.get(resource).into_iter().flatten() {
            let namespace = value.pointer("/metadata/namespace").and_then(Value::as_str).unwrap_or("default");
            let Some(labels) = value.pointer("/spec/template/metadata/labels").and_then(Value::as_object) else {
                continue;
            };
            let all = selector.iter().all(|(key, wanted)| labels.get(key).and_then(Value::as_str) == Some(wanted));
            if namespace != context.view.namespace || !all {
                continue;
            }
            let name = value.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
            // A DaemonSet has no replicas: it may have no node, which is not scaled to zero.
            let replicas = value.pointer("/spec/replicas").and_then(Value::as_u64).unwrap_or(1);
            let owned =
                value.pointer("/metadata/ownerReferences").and_then(Value::as_array).is_some_and(|o| !o.is_empty());
            if owned && found.is_some() {
                continue;
            }
            // What wants pods explains more than an old ReplicaSet of none.
            if found.as_ref().is_none_or(|known| known.replicas == 0 && replicas > 0) {
                found = Some(Workload { reference: ObjectRef::new(kind, namespace, name), replicas, labels });
            }
        }
    }
    found
}

fn scaled_to_zero(context: &Context<'_, '_>, selector: &Labels, workload: &Workload<'_>) -> Finding {
    let summary = format!("{} is scaled to 0, so no pod has {}", workload.reference, text(selector));
    let mut finding = context.finding(Code::SelectorWorkloadScaledToZero, summary);
    // Whoever asks for this very Service wants it to answer.
    finding.severity = Severity::Error;
    finding.confidence = Confidence::Certain;
    finding.share_ppm = Some(1_000_000);
    let pairs: Vec<String> =
        workload.labels.iter().map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect();
    finding.evidence.push(context.field("spec.selector", text(selector)));
    finding.evidence.push(Evidence::Field {
        object: workload.reference.clone(),
        field: "spec.replicas".into(),
        value: "0".into(),
    });
    finding.evidence.push(Evidence::Field {
        object: workload.reference.clone(),
        field: "spec.template.metadata.labels".into(),
        value: pairs.join(","),
    });
    let kind = workload.reference.kind.to_ascii_lowercase();
    finding.help =
        Some(context.kubectl(&format!("scale {kind} {} --replicas=1", words::shell(&workload.reference.name))));
    finding
}
