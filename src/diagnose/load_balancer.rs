//! ST801, ST802, ST803, ST812 and ST813: load balancers that have no address, or keep clients out.

use std::net::IpAddr;

use k8s_openapi::api::events::v1::Event;

use crate::cluster::service::{Family, Form};
use crate::report::{Code, Confidence, Finding, Origin, Severity};

use super::context::{Context, field_of};
use super::words;

/// Reasons of events that say that a controller could not do it (cloud-provider service controller, MetalLB).
const FAILED: [&str; 4] =
    ["SyncLoadBalancerFailed", "AllocationFailed", "CreatingLoadBalancerFailed", "UpdateLoadBalancerFailed"];
/// Seconds that a controller may take for an address.
const GRACE: i64 = 60;

/// ST801, ST802 and ST803: type LoadBalancer, and nobody gave it an address; or its controller says that it failed.
pub(super) fn pending(context: &Context<'_, '_>) -> Vec<Finding> {
    let view = context.view;
    if view.form != Form::LoadBalancer {
        return Vec::new();
    }
    if let Some(failed) = failed(context) {
        return vec![failed];
    }
    if !view.ingress.is_empty() {
        return Vec::new();
    }
    let age = context.age(view.object.metadata.creation_timestamp.as_ref());
    if age.is_some_and(|age| age < GRACE) {
        return Vec::new();
    }
    let event = context.objects.events().iter().rev().find(|event| is_about(context, event));
    let class = view.object.spec.as_ref().and_then(|s| s.load_balancer_class.as_deref());
    let mut finding = match class.filter(|_| event.is_none()) {
        Some(class) => context.finding(
            Code::LbClassUnclaimed,
            format!("the load balancer has no address: no controller has claimed class {class}"),
        ),
        None => {
            context.finding(Code::LbPendingNoController, "the load balancer has no address: no controller gave it one")
        }
    };
    // Events are kept for an hour: that there is none proves little. Without an age even less is known.
    finding.confidence = if age.is_some() { Confidence::Likely } else { Confidence::Possible };
    finding.severity = if age.is_some() { Severity::Error } else { Severity::Warning };
    finding.evidence.push(context.field("status.loadBalancer.ingress", "none"));
    if let Some(class) = class {
        finding.details.push(format!("only a controller of class {class} may serve it"));
        finding.evidence.push(context.field("spec.loadBalancerClass", class));
    }
    if let Some(created) = view.object.metadata.creation_timestamp.as_ref() {
        finding.evidence.push(context.field("metadata.creationTimestamp", created.0.to_string()));
    }
    if let Some(event) = event {
        let reason = event.reason.as_deref().unwrap_or_default();
        let note = event.note.as_deref().unwrap_or_default();
        "the load balancer has no address, and its controller says why".clone_into(&mut finding.summary);
        finding.reason = Some("event".into());
        finding.details.push(format!("{reason}: {note}"));
        finding.evidence.push(field_of(view.reference(), "event", format!("{reason}: {note}")));
    }
    let ports: Vec<String> = view.ports.iter().filter_map(|port| port.node_port).map(|port| port.to_string()).collect();
    if !ports.is_empty() {
        finding.details.push(format!("node port {} works meanwhile", words::list(&ports)));
    }
    finding.help = Some(context.kubectl(&format!("describe svc {}", words::shell(view.name))));
    vec![finding]
}

fn is_about(context: &Context<'_, '_>, event: &Event) -> bool {
    event.regarding.as_ref().is_some_and(|about| {
        about.kind.as_deref() == Some("Service")
            && about.name.as_deref() == Some(context.view.name)
            && about.namespace.as_deref() == Some(context.view.namespace)
    })
}

/// ST803: the newest warning of its controller. With an address an older state is served meanwhile.
fn failed(context: &Context<'_, '_>) -> Option<Finding> {
    let view = context.view;
    let is_failure = |event: &&Event| {
        is_about(context, event) && event.reason.as_deref().is_some_and(|reason| FAILED.contains(&reason))
    };
    let event = context.objects.events().iter().rev().find(is_failure)?;
    let reason = event.reason.as_deref().unwrap_or_default();
    let note = event.note.as_deref().unwrap_or_default();
    let mut finding = context.finding(Code::LbControllerError, format!("the load balancer's controller fails: {note}"));
    finding.reason = Some(reason.to_owned());
    let addresses: Vec<String> = view.load_balancer_ips().iter().map(ToString::to_string).collect();
    if view.ingress.is_empty() {
        finding.evidence.push(context.field("status.loadBalancer.ingress", "none"));
    } else {
        finding.severity = Severity::Warning;
        finding.details.push("it keeps the address it has; what changed since may not be there".into());
        finding.evidence.push(context.field("status.loadBalancer.ingress", addresses.join(", ")));
    }
    finding.evidence.push(field_of(view.reference(), "event", format!("{reason}: {note}")));
    finding.help = Some(context.kubectl(&format!("describe svc {}", words::shell(view.name))));
    Some(finding)
}

/// ST812: the client from outside is in none of the ranges.
pub(super) fn excludes_the_client(context: &Context<'_, '_>) -> Vec<Finding> {
    let Some(client) = context.client.filter(|c| c.origin == Origin::External && !c.address.is_unspecified()) else {
        return Vec::new();
    };
    let Some(ranges) = closed_ranges(context, Family::of(client.address)) else { return Vec::new() };
    if ranges.iter().any(|range| range.contains(&client.address)) {
        return Vec::new();
    }
    let summary = format!("{} is in none of loadBalancerSourceRanges: the node drops it", client.address);
    let mut finding = context.finding(Code::SourceRangeExcludesClient, summary);
    finding.evidence.push(context.field("spec.loadBalancerSourceRanges", texts(&ranges)));
    finding.details.push("node ports and the cluster IP are not limited by them".into());
    finding.help = Some(context.kubectl(&format!(
        "get svc {} -o jsonpath='{{.spec.loadBalancerSourceRanges}}'",
        words::shell(context.view.name)
    )));
    vec![finding]
}

/// ST813: the ranges leave out the cluster's own pods or nodes, which kube-proxy serves on the spot.
pub(super) fn blocks_in_cluster(context: &Context<'_, '_>) -> Vec<Finding> {
    let view = context.view;
    let families: Vec<Family> = view.families();
    let Some((family, ranges)) =
        families.into_iter().find_map(|family| Some((family, closed_ranges(context, family)?)))
    else {
        return Vec::new();
    };
    let inside = |ip: &IpAddr| ranges.iter().any(|range| range.contains(ip));
    let client = context.client.filter(|c| c.origin != Origin::External && Family::of(c.address) == family);
    let mut finding = if let Some(client) = client.filter(|c| !c.address.is_unspecified()) {
        if inside(&client.address) {
            return Vec::new();
        }
        let who = client.name.clone().unwrap_or_else(|| client.address.to_string());
        let mut finding = context.finding(
            Code::SourceRangeBlocksInCluster,
            format!("{who} is in none of loadBalancerSourceRanges: the node drops it on the load balancer's address"),
        );
        finding.node = Some(client.node.clone());
        finding
    } else {
        let pods: Vec<IpAddr> = context
            .objects
            .nodes()
            .iter()
            .flat_map(|node| crate::cluster::NodeView::new(node).pod_ranges)
            .map(|range| range.addr())
            .filter(|ip| Family::of(*ip) == family)
            .collect();
        if pods.is_empty() || pods.iter().any(inside) {
            return Vec::new();
        }
        let mut finding = context.finding(
            Code::SourceRangeBlocksInCluster,
            "loadBalancerSourceRanges holds no pod range: pods are dropped on the load balancer's address",
        );
        // As somebody wrote it, and nobody asked for a pod.
        finding.severity = Severity::Info;
        finding
    };
    finding.details.push("nodes serve that address themselves, so the ranges hold for clients inside too".into());
    finding.evidence.push(context.field("spec.loadBalancerSourceRanges", texts(&ranges)));
    finding.help = Some(
        context
            .kubectl(&format!("get svc {} -o jsonpath='{{.spec.loadBalancerSourceRanges}}'", words::shell(view.name))),
    );
    vec![finding]
}

/// The ranges that limit the load balancer's addresses of a family; `None` where nothing is limited.
fn closed_ranges(context: &Context<'_, '_>, family: Family) -> Option<Vec<ipnet::IpNet>> {
    let served = context.view.load_balancer_ips().iter().any(|ip| Family::of(*ip) == family);
    let ranges = context.view.source_ranges_of(family);
    (served && !ranges.is_empty() && ranges.iter().all(|range| range.prefix_len() > 0)).then_some(ranges)
}

fn texts(ranges: &[ipnet::IpNet]) -> String {
    ranges.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
