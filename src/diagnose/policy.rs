//! ST212, ST214 and ST805: endpoints that policies and hints keep from a node. By design, so one line for all nodes.

use std::collections::BTreeSet;

use crate::cluster::service::Policy;
use crate::cluster::topology::Topology;
use crate::cluster::why_not::WhyNot;
use crate::cluster::{NodeView, PortEndpoints};
use crate::report::{Code, Finding, ObjectRef, Origin, Severity};

use super::context::{Context, field_of};
use super::words;

/// The endpoints of each port and family on a node.
fn on_node<'snap>(context: &Context<'_, 'snap>, node: &NodeView<'_>) -> Vec<PortEndpoints<'snap>> {
    let families = context.view.families();
    context
        .ports
        .iter()
        .flat_map(|port| families.iter().map(|family| context.endpoints.on_node(context.view, port, *family, node)))
        .collect()
}

/// Nodes that have none of their own while others have.
fn without_local<'c>(context: &'c Context<'_, '_>) -> Vec<&'c NodeView<'c>> {
    context
        .nodes
        .iter()
        .filter(|node| {
            let lists = on_node(context, node);
            lists.iter().any(|l| l.has_any) && lists.iter().all(|l| l.local.is_empty())
        })
        .collect()
}

/// Nodes that have an endpoint that takes connections.
pub(super) fn with_endpoints(context: &Context<'_, '_>) -> Vec<String> {
    let mut names = BTreeSet::new();
    for port in context.ports {
        for family in context.view.families() {
            let sorted = context.endpoints.anywhere(port, family);
            // What takes connections: the ready ones, or, where none is ready, those that end and still answer.
            let ready = sorted.all.iter().any(|e| e.ready);
            let used = sorted.all.iter().filter(|e| if ready { e.ready } else { e.serving && e.terminating });
            names.extend(used.filter_map(|e| e.node.map(ToOwned::to_owned)));
        }
    }
    names.into_iter().collect()
}

fn on(names: &[String]) -> String {
    if names.is_empty() {
        "endpoints are on no known node".into()
    } else {
        format!("endpoints are on {}", words::list(names))
    }
}

/// ST212: internalTrafficPolicy Local, and no endpoint here.
pub(super) fn internal_without_local(context: &Context<'_, '_>) -> Vec<Finding> {
    if context.view.internal != Policy::Local || context.view.not_programmed().is_some() {
        return Vec::new();
    }
    let nodes = without_local(context);
    if nodes.is_empty() {
        return Vec::new();
    }
    let names: Vec<&str> = nodes.iter().map(|node| node.name).collect();
    let inside = context.client.filter(|c| c.origin != Origin::External && names.contains(&c.node.as_str()));
    let elsewhere = with_endpoints(context);
    let summary = format!(
        "no endpoint on {}: clients there are dropped, as internalTrafficPolicy Local says",
        words::list(&names)
    );
    let mut finding = context.finding(Code::InternalTrafficPolicyNoLocal, summary);
    // By design for a Service of a DaemonSet; wrong for the client that the question names.
    finding.severity = if inside.is_some() { Severity::Error } else { Severity::Info };
    finding.share_ppm = inside.map(|_| 1_000_000);
    finding.node = inside.map(|client| client.node.clone());
    finding.details.push(on(&elsewhere));
    finding.evidence.push(context.field("spec.internalTrafficPolicy", "Local"));
    finding.evidence.push(
        context.field("endpoints by node", if elsewhere.is_empty() { "none".into() } else { elsewhere.join(", ") }),
    );
    finding.help = Some(context.get_slices());
    vec![finding]
}

/// ST805: externalTrafficPolicy Local, and no endpoint here.
pub(super) fn external_without_local(context: &Context<'_, '_>) -> Vec<Finding> {
    if context.view.external != Policy::Local || context.view.not_programmed().is_some() {
        return Vec::new();
    }
    let nodes = without_local(context);
    if nodes.is_empty() {
        return Vec::new();
    }
    let names: Vec<&str> = nodes.iter().map(|node| node.name).collect();
    let elsewhere = with_endpoints(context);
    let summary = format!(
        "no endpoint on {}: outside clients are dropped there, as externalTrafficPolicy Local says",
        words::list(&names)
    );
    let mut finding = context.finding(Code::EtpLocalNoLocalEndpoint, summary);
    finding.details.push(on(&elsewhere));
    if let Some(port) = context.view.health_check_node_port {
        finding.details.push(format!("a load balancer that checks node port {port} leaves such nodes out"));
    }
    finding.evidence.push(context.field("spec.externalTrafficPolicy", "Local"));
    finding.evidence.push(
        context.field("endpoints by node", if elsewhere.is_empty() { "none".into() } else { elsewhere.join(", ") }),
    );
    finding.help = Some(context.get_slices());
    vec![finding]
}

/// ST214: topology hints leave endpoints out.
pub(super) fn topology_filtered(context: &Context<'_, '_>) -> Vec<Finding> {
    if context.view.not_programmed().is_some() {
        return Vec::new();
    }
    let mut nodes: Vec<String> = Vec::new();
    let mut kept = BTreeSet::new();
    let mut dropped = BTreeSet::new();
    let mut example: Option<(String, String)> = None;
    for node in context.nodes {
        for sorted in on_node(context, node).into_iter().filter(|l| l.topology != Topology::Off) {
            for left in &sorted.left_out {
                if let WhyNot::OtherZone(hint) | WhyNot::OtherNode(hint) = &left.why {
                    dropped.insert(left.address.clone());
                    example.get_or_insert_with(|| (left.from.to_owned(), format!("{} for {hint}", left.address)));
                    let words =
                        node.zone.map_or_else(|| node.name.to_owned(), |zone| format!("{} (zone {zone})", node.name));
                    if !nodes.contains(&words) {
                        nodes.push(words);
                    }
                }
            }
            kept.extend(sorted.cluster.iter().map(ToString::to_string));
        }
    }
    let Some((slice, hint)) = example else { return Vec::new() };
    let dropped: Vec<String> = dropped.into_iter().filter(|address| !kept.contains(address)).collect();
    let kept: Vec<String> = kept.into_iter().collect();
    let left = if dropped.is_empty() {
        "endpoints of other zones".to_owned()
    } else {
        words::count(dropped.len(), "endpoint")
    };
    let mut finding =
        context.finding(Code::TopologyFiltered, format!("topology hints leave out {left} on {}", words::list(&nodes)));
    finding.details.push(format!("used there: {}", words::list(&kept)));
    if let ([only], true) = (kept.as_slice(), nodes.len() == 1) {
        finding.details.push(format!("{only} alone serves all clients there"));
    }
    finding.evidence.push(field_of(
        ObjectRef::new("EndpointSlice", context.view.namespace, slice),
        "endpoints[].hints",
        hint,
    ));
    if let Some(wish) = context.view.object.spec.as_ref().and_then(|s| s.traffic_distribution.as_deref()) {
        finding.evidence.push(context.field("spec.trafficDistribution", wish));
    }
    finding.help = Some(context.get_slices());
    vec![finding]
}
