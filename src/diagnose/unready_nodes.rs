//! ST215 and ST216: hints that no node goes by, and endpoints on nodes that are not ready.

use crate::cluster::endpoints::Endpoint;
use crate::cluster::service::Policy;
use crate::cluster::topology::{Topology, asked_hints};
use crate::cluster::{NodeView, PortEndpoints};
use crate::report::{Code, Finding, ObjectRef};

use super::context::{Context, field_of};
use super::words;

/// ST215: hints were asked for, and all endpoints are used all the same.
pub(super) fn topology_inactive(context: &Context<'_, '_>) -> Vec<Finding> {
    let view = context.view;
    let Some((field, value)) = asked_hints(view).filter(|_| view.not_programmed().is_none()) else {
        return Vec::new();
    };
    let mut why: Vec<(String, Vec<&str>)> = Vec::new();
    for node in context.nodes {
        for port in context.ports {
            for family in view.families() {
                let sorted = context.endpoints.on_node(view, port, family, node);
                let ready: Vec<&Endpoint<'_>> = sorted.all.iter().filter(|endpoint| endpoint.ready).collect();
                if sorted.topology != Topology::Off || ready.len() < 2 || sorted.unsure.is_some() {
                    continue;
                }
                let reason = unused(context, &sorted, &ready, node);
                match why.iter_mut().find(|(known, _)| *known == reason) {
                    Some((_, nodes)) if nodes.contains(&node.name) => {}
                    Some((_, nodes)) => nodes.push(node.name),
                    None => why.push((reason, vec![node.name])),
                }
            }
        }
    }
    let Some((first, nodes)) = why.first() else { return Vec::new() };
    let summary = format!("topology hints are asked for and not used on {}: {first}", words::list(nodes));
    let mut finding = context.finding(Code::TopologyInactive, summary);
    for (reason, nodes) in why.iter().skip(1) {
        finding.details.push(format!("{}: {reason}", words::list(nodes)));
    }
    finding.details.push("endpoints of all zones are used alike".to_owned());
    finding.evidence.push(context.field(field, value));
    finding.help = Some(context.get_slices());
    vec![finding]
}

fn unused(
    context: &Context<'_, '_>,
    sorted: &PortEndpoints<'_>,
    ready: &[&Endpoint<'_>],
    node: &NodeView<'_>,
) -> String {
    let without = ready.iter().filter(|one| one.zone_hints.is_empty() && one.node_hints.is_empty()).count();
    if context.view.internal == Policy::Local {
        "internalTrafficPolicy Local takes what is on the node, whatever the hints".to_owned()
    } else if without == ready.len() {
        "no endpoint carries a hint".to_owned()
    } else if without > 0 {
        format!("{without} of {} endpoints carry no hint, so none counts", ready.len())
    } else {
        match node.zone {
            None => format!("the node has no label {}", crate::cluster::node::ZONE_LABEL),
            Some(zone) if sorted.all.iter().all(|one| !one.zone_hints.contains(&zone)) => {
                format!("no endpoint is meant for zone {zone}")
            }
            Some(_) => "the kubelet's version does not go by them".to_owned(),
        }
    }
}

/// ST216: an endpoint is listed as ready, and its node is not.
pub(super) fn endpoint_on_unready_node(context: &Context<'_, '_>) -> Vec<Finding> {
    let unready: Vec<&str> = context
        .objects
        .nodes()
        .iter()
        .filter(|node| {
            let conditions = node.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
            conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status != "True")
        })
        .filter_map(|node| node.metadata.name.as_deref())
        .collect();
    if unready.is_empty() {
        return Vec::new();
    }
    let mut on: Vec<(&str, String)> = Vec::new();
    for port in context.ports {
        for family in context.view.families() {
            for endpoint in context.endpoints.anywhere(port, family).all.iter().filter(|endpoint| endpoint.ready) {
                let Some(node) = endpoint.node else { continue };
                let address = endpoint.address.to_string();
                if unready.contains(&node) && !on.iter().any(|(_, known)| *known == address) {
                    on.push((node, address));
                }
            }
        }
    }
    let Some((node, _)) = on.first() else { return Vec::new() };
    let addresses: Vec<&str> = on.iter().map(|(_, address)| address.as_str()).collect();
    let count =
        if on.len() == 1 { "1 ready endpoint is".to_owned() } else { format!("{} ready endpoints are", on.len()) };
    let mut finding = context.finding(
        Code::EndpointOnUnreadyNode,
        format!("{count} on a node that is not Ready: {}", words::list(&addresses)),
    );
    finding
        .details
        .push("it gets new connections until the node's lease has run out and its pods are marked".to_owned());
    let condition = context
        .objects
        .nodes()
        .iter()
        .find(|one| one.metadata.name.as_deref() == Some(node))
        .and_then(|one| one.status.as_ref()?.conditions.as_ref()?.iter().find(|c| c.type_ == "Ready"));
    let status = condition.map_or("not True", |condition| condition.status.as_str());
    finding.evidence.push(field_of(ObjectRef::new("Node", "", *node), "status.conditions[Ready]", status));
    finding.evidence.push(context.field("endpoints", addresses.join(", ")));
    finding.help = Some(format!("kubectl describe node {}", words::shell(node)));
    vec![finding]
}
