//! ST103: a selector that means the pods of several workloads.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Pod;

use crate::cluster::ServiceView;
use crate::cluster::readiness::is_ready;
use crate::cluster::service::TargetPort;
use crate::report::{Code, Confidence, Finding, Severity};

use super::context::{Context, field_of, pod_name, pod_ref};
use super::declared_ports::declared;
use super::words;

/// ST103: the selected pods have several owners, and those are not alike.
pub(super) fn selector_too_broad(context: &Context<'_, '_>) -> Vec<Finding> {
    let Some(selector) = context.view.selector_text() else { return Vec::new() };
    let mut owners: BTreeMap<String, Vec<&Pod>> = BTreeMap::new();
    for pod in context.selected_alive() {
        owners.entry(owner(pod)).or_default().push(pod);
    }
    if owners.len() < 2 {
        return Vec::new();
    }
    let all: usize = owners.values().map(Vec::len).sum();
    let mut finding = if let Some((port, odd)) = lacking(context, &owners) {
        let pods = owners.get(&odd).map(Vec::len).unwrap_or_default();
        let summary = format!("{pods} of {all} selected pods are of {odd}, which does not declare target port {port}");
        let mut finding = context.finding(Code::SelectorTooBroad, summary);
        finding.reason = Some("target-port".to_owned());
        // What a container declares is information only.
        finding.confidence = Confidence::Likely;
        finding.share_ppm = u32::try_from(pods * 1_000_000 / all.max(1)).ok();
        finding
    } else if let Some(twin) = same_selector(context) {
        let summary = format!(
            "pods of {} are behind this Service, and behind {twin} as well",
            words::count(owners.len(), "owner")
        );
        let mut finding = context.finding(Code::SelectorTooBroad, summary);
        finding.reason = Some("shared-selector".to_owned());
        finding.severity = Severity::Info;
        finding.confidence = Confidence::Possible;
        finding
    } else {
        let ready = |pods: &Vec<&Pod>| pods.iter().any(|pod| is_ready(pod));
        let Some((odd, pods)) = owners.iter().find(|(_, pods)| !ready(pods)).filter(|_| owners.values().any(ready))
        else {
            return Vec::new();
        };
        let summary = format!(
            "none of the {} of {odd} is ready, others behind the same selector are",
            words::count(pods.len(), "pod")
        );
        let mut finding = context.finding(Code::SelectorTooBroad, summary);
        finding.reason = Some("readiness".to_owned());
        finding.severity = Severity::Info;
        finding.confidence = Confidence::Possible;
        finding
    };
    let shares: Vec<String> =
        owners.iter().map(|(owner, pods)| format!("{owner} ({} of {all} pods)", pods.len())).collect();
    finding.details.push(format!("selected: {}", words::list(&shares)));
    finding.details.push("a canary, or blue beside green, is like this by design".to_owned());
    finding.evidence.push(context.field("spec.selector", selector));
    for (owner, pods) in &owners {
        if let Some(pod) = pods.first() {
            finding.evidence.push(field_of(pod_ref(pod), "metadata.ownerReferences", owner.clone()));
        }
    }
    let first = owners.values().flatten().next().map(|pod| pod_name(pod)).unwrap_or_default();
    finding.help = Some(context.kubectl(&format!("get pod {} --show-labels", words::shell(first))));
    vec![finding]
}

/// The workload that a pod is of: a ReplicaSet's is its Deployment, by the hash that the Deployment gives both.
fn owner(pod: &Pod) -> String {
    let owners = pod.metadata.owner_references.as_deref().unwrap_or_default();
    let Some(owner) = owners.iter().find(|owner| owner.controller == Some(true)).or(owners.first()) else {
        return "no workload".to_owned();
    };
    let hash = pod.metadata.labels.as_ref().and_then(|labels| labels.get("pod-template-hash"));
    match hash.and_then(|hash| owner.name.strip_suffix(hash.as_str())?.strip_suffix('-')) {
        Some(deployment) if owner.kind == "ReplicaSet" => format!("Deployment {deployment}"),
        Some(_) | None => format!("{} {}", owner.kind, owner.name),
    }
}

/// A port that the pods of one owner do not declare and those of another do, and that owner.
fn lacking(context: &Context<'_, '_>, owners: &BTreeMap<String, Vec<&Pod>>) -> Option<(u16, String)> {
    for port in context.ports {
        let TargetPort::Number(number) = port.target else { continue };
        let declares =
            |pod: &Pod| declared(pod).iter().any(|one| one.number == number && one.protocol == port.protocol);
        if !owners.values().flatten().any(|pod| declares(pod)) {
            continue;
        }
        let odd = owners.iter().find(|(_, pods)| pods.iter().all(|pod| !declared(pod).is_empty() && !declares(pod)));
        if let Some((odd, _)) = odd {
            return Some((number, odd.clone()));
        }
    }
    None
}

/// Another Service of the namespace with the very same selector.
fn same_selector(context: &Context<'_, '_>) -> Option<String> {
    ServiceView::all(context.objects)
        .filter(|other| other.namespace == context.view.namespace && other.name != context.view.name)
        .find(|other| other.selector == context.view.selector)
        .map(|other| format!("Service {}", other.name))
}
