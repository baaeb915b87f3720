//! ST201, ST211 and ST218: the pods are there, and whether they take connections.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Pod;

use crate::cluster::endpoints::Endpoint;
use crate::cluster::readiness::{NotReady, quote, why_not_ready};
use crate::cluster::service::Form;
use crate::cluster::why_not::WhyNot;
use crate::order;
use crate::report::{Code, Evidence, Finding, ObjectRef};

use super::context::{Context, field_of, pod_name, pod_ref};
use super::words;

/// ST201: nothing behind the ports that are meant is ready.
pub(super) fn no_ready_endpoint(context: &Context<'_, '_>) -> Vec<Finding> {
    let view = context.view;
    if view.form == Form::ExternalName
        || !context.endpoints.were_read()
        || context.ports.is_empty()
        || context.is_served()
    {
        return Vec::new();
    }
    if view.selector.is_some() {
        let pods: Vec<&Pod> = context.selected().collect();
        // Ready pods that no slice holds, and slices without the port, are findings of their own.
        let any_ready = pods.iter().any(|pod| why_not_ready(pod, context.objects).is_none());
        if context.objects.pods.is_some() {
            if pods.is_empty() || any_ready { Vec::new() } else { vec![pods_not_ready(context, &pods)] }
        } else {
            unused(context)
        }
    } else if context.endpoints.slices.is_empty() && context.endpoints.legacy.is_none() {
        vec![nothing_written(context)]
    } else {
        unused(context)
    }
}

fn pods_not_ready(context: &Context<'_, '_>, pods: &[&Pod]) -> Finding {
    let mut reasons: BTreeMap<String, Vec<(&Pod, NotReady)>> = BTreeMap::new();
    for pod in pods {
        let why = why_not_ready(pod, context.objects).unwrap_or(NotReady::Unsaid);
        reasons.entry(why.to_string()).or_default().push((pod, why));
    }
    let mut reasons: Vec<(String, Vec<(&Pod, NotReady)>)> = reasons.into_iter().collect();
    order::sort_by_key(&mut reasons, |(_, pods)| usize::MAX - pods.len());
    let match_words = if pods.len() == 1 {
        "1 pod matches and is not ready".to_owned()
    } else {
        format!("{} pods match and none is ready", pods.len())
    };
    let mut finding = context.finding(Code::NoReadyEndpoint, format!("{match_words}, so the Service has no endpoint"));
    finding.share_ppm = Some(1_000_000);
    finding.reason = reasons.first().and_then(|(_, pods)| pods.first()).map(|(_, why)| why.slug().to_owned());
    for (words_of, pods) in &reasons {
        let names: Vec<&str> = pods.iter().map(|(pod, _)| pod_name(pod)).collect();
        finding.details.push(format!("{}: {words_of}", words::list(&names)));
        if let Some((pod, why)) = pods.first() {
            finding.evidence.push(field_of(pod_ref(pod), why.field(), quote(pod, why)));
        }
    }
    if let Some(selector) = context.view.selector_text() {
        finding.evidence.push(context.field("spec.selector", selector));
    }
    finding.help = reasons
        .first()
        .and_then(|(_, pods)| pods.first())
        .map(|(pod, _)| context.kubectl(&format!("describe pod {}", words::shell(pod_name(pod)))));
    finding
}

/// A Service without a selector, and nobody wrote endpoints for it.
fn nothing_written(context: &Context<'_, '_>) -> Finding {
    let name = context.view.name;
    let mut finding = context.finding(
        Code::NoReadyEndpoint,
        "no selector, and no EndpointSlice is labelled for it: the Service has no endpoint",
    );
    finding.reason = Some("no-endpoints".into());
    finding.share_ppm = Some(1_000_000);
    finding.evidence.push(context.field("spec.selector", "none"));
    finding.details.push(format!("a slice belongs to it by the label kubernetes.io/service-name={name}"));
    finding.help = Some(context.kubectl("get endpointslices --show-labels"));
    finding
}

/// Endpoints are listed, and kube-proxy uses none of them.
fn unused(context: &Context<'_, '_>) -> Vec<Finding> {
    let mut reasons: BTreeMap<String, Vec<(String, Evidence)>> = BTreeMap::new();
    for port in context.ports {
        for family in context.view.families() {
            let sorted = context.endpoints.anywhere(port, family);
            for left in &sorted.left_out {
                // Slices without the port, and addresses that cannot work, are findings of their own.
                if matches!(left.why, WhyNot::PortNotServed(_) | WhyNot::Fqdn) {
                    continue;
                }
                let slice = ObjectRef::new("EndpointSlice", context.view.namespace, left.from);
                let listed = sorted.all.iter().find(|e| e.address.to_string() == left.address);
                let evidence = match listed {
                    Some(e) => field_of(slice, "endpoints[].conditions", conditions(e)),
                    None => field_of(slice, "endpoints[].addresses", left.address.clone()),
                };
                let entry = reasons.entry(left.why.to_string()).or_default();
                if entry.iter().all(|(address, _)| *address != left.address) {
                    entry.push((left.address.clone(), evidence));
                }
            }
        }
    }
    if reasons.is_empty() {
        // Without pods nobody can say why, but that there is none is certain.
        if context.objects.pods.is_some() || context.view.selector.is_none() {
            return Vec::new();
        }
        let mut finding =
            context.finding(Code::NoReadyEndpoint, "no endpoint takes connections, so every client is refused");
        finding.reason = Some("pods-not-read".into());
        finding.share_ppm = Some(1_000_000);
        finding.details.push("why is not known: pods were not read".into());
        finding.evidence.extend(context.view.selector_text().map(|selector| context.field("spec.selector", selector)));
        finding.help = Some(context.kubectl("get pods -o wide --show-labels"));
        return vec![finding];
    }
    let mut finding = context.finding(Code::NoReadyEndpoint, "endpoints are listed and none of them is ready");
    finding.share_ppm = Some(1_000_000);
    finding.reason = Some("endpoints-not-ready".into());
    for (why, addresses) in &reasons {
        let texts: Vec<&str> = addresses.iter().map(|(address, _)| address.as_str()).collect();
        finding.details.push(format!("{}: {why}", words::list(&texts)));
        finding.evidence.extend(addresses.first().map(|(_, evidence)| evidence.clone()));
    }
    finding.help = Some(context.get_slices());
    vec![finding]
}

/// `10.244.1.5:8080 ready false, serving true, terminating true`.
fn conditions(endpoint: &Endpoint<'_>) -> String {
    format!(
        "{} ready {}, serving {}, terminating {}",
        endpoint.address, endpoint.ready, endpoint.serving, endpoint.terminating
    )
}

/// ST211: what still answers is on its way out.
pub(super) fn only_terminating_endpoints(context: &Context<'_, '_>) -> Vec<Finding> {
    let mut ending: Vec<Endpoint<'_>> = Vec::new();
    for port in context.ports {
        for family in context.view.families() {
            let sorted = context.endpoints.anywhere(port, family);
            if sorted.all.iter().any(|e| e.ready) {
                continue;
            }
            ending.extend(sorted.all.into_iter().filter(|e| e.serving && e.terminating));
        }
    }
    let Some(first) = ending.first() else { return Vec::new() };
    let addresses: Vec<String> = ending.iter().map(|e| e.address.to_string()).collect();
    let all =
        if ending.len() == 1 { "the only endpoint left is terminating" } else { "all endpoints left are terminating" };
    let mut finding = context.finding(Code::OnlyTerminatingEndpoints, format!("{all}: {}", words::list(&addresses)));
    finding.details.push("kube-proxy sends new connections there as the last resort (1.26 and later)".into());
    let slice = ObjectRef::new("EndpointSlice", context.view.namespace, first.from);
    finding.evidence.push(field_of(slice, "endpoints[].conditions", conditions(first)));
    finding.help = Some(match first.pod {
        Some((_, pod)) => context.kubectl(&format!("describe pod {}", words::shell(pod))),
        None => context.kubectl("get pods"),
    });
    vec![finding]
}

/// ST218: pods that are not ready get traffic, because the Service wants it so.
pub(super) fn publish_not_ready(context: &Context<'_, '_>) -> Vec<Finding> {
    let form = context.view.form;
    if !context.view.publishes_not_ready() || matches!(form, Form::Headless | Form::ExternalName) {
        return Vec::new();
    }
    let unready: Vec<(&Pod, NotReady)> =
        context.selected_alive().filter_map(|pod| Some((pod, why_not_ready(pod, context.objects)?))).collect();
    let Some((first, why)) = unready.first() else { return Vec::new() };
    let names: Vec<&str> = unready.iter().map(|(pod, _)| pod_name(pod)).collect();
    let verb = if names.len() == 1 { "is not ready and gets" } else { "are not ready and get" };
    let summary = format!("{} {verb} connections: {}", words::count(names.len(), "pod"), words::list(&names));
    let mut finding = context.finding(Code::PublishNotReady, summary);
    finding.evidence.push(context.field("spec.publishNotReadyAddresses", "true"));
    finding.evidence.push(field_of(pod_ref(first), why.field(), quote(first, why)));
    finding.help = Some(context.kubectl(&format!("describe pod {}", words::shell(pod_name(first)))));
    vec![finding]
}
