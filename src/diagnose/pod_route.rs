//! ST610, the pods' side: the route to another node's pods is gone here, while others of its kind are there. Many
//! networks route pods behind the default gateway, so a node without any such route says nothing by itself.

use ipnet::IpNet;

use crate::cluster::{NodeView, ServiceEndpoints, ServiceView};
use crate::collect::snapshot::Objects;
use crate::dataplane::links::{Ingress, RouteKey};
use crate::dataplane::plane::Family;
use crate::report::{Code, Confidence, Evidence, Finding};

use super::node::NodeResult;

/// How a node sends to a range of pods.
#[derive(Debug, PartialEq, Eq)]
enum Way {
    /// By a route that is narrower than the default one, as `ip route` prints it.
    Own(String),
    /// By the default route.
    Default(String),
    /// It cannot be told.
    Unknown,
}

/// Nodes that lack the route to the pods of another, where their neighbours or their other routes show that there
/// should be one. Only nodes with endpoints of the Service are looked for.
#[must_use]
pub(super) fn lost(
    objects: &Objects,
    service: &ServiceView<'_>,
    endpoints: &ServiceEndpoints<'_>,
    results: &[NodeResult<'_>],
) -> Vec<Finding> {
    let mut found = lost_to(objects, &|peer| serves(service, endpoints, peer), results);
    for finding in &mut found {
        finding.object = Some(service.reference());
    }
    found
}

/// Nodes that lack the route to the pods of another that is so.
#[must_use]
pub(super) fn lost_to(
    objects: &Objects,
    is_so: &dyn Fn(&NodeView<'_>) -> bool,
    results: &[NodeResult<'_>],
) -> Vec<Finding> {
    let views: Vec<NodeView<'_>> = objects.nodes().iter().map(NodeView::new).collect();
    let mut found = Vec::new();
    for result in results {
        for peer in views.iter().filter(|peer| peer.name != result.view.name && is_so(peer)) {
            for range in &peer.pod_ranges {
                let Way::Default(route) = way(result, range) else { continue };
                if let Some(evidence) = should_be(result, peer, range, &views, results) {
                    found.push(finding(result, peer, range, (&route, evidence)));
                }
            }
        }
    }
    found
}

/// Whether an endpoint of the Service is on this node.
fn serves(service: &ServiceView<'_>, endpoints: &ServiceEndpoints<'_>, node: &NodeView<'_>) -> bool {
    let families = service.families();
    service.ports.iter().any(|port| {
        families.iter().any(|family| {
            let sorted = endpoints.anywhere(port, *family);
            sorted.all.iter().any(|endpoint| {
                endpoint.node == Some(node.name) && node.pod_ranges.iter().any(|r| r.contains(&endpoint.address.ip()))
            })
        })
    })
}

fn way(node: &NodeResult<'_>, range: &IpNet) -> Way {
    let Some(host) = range.hosts().next() else { return Way::Unknown };
    if !node.plane.links.knows_routes(Family::of(host)) {
        return Way::Unknown;
    }
    let lookup = node.plane.links.route(&RouteKey { ingress: Ingress::Here, ..RouteKey::to(host) });
    match lookup.possible() {
        [route] => match route.prefix {
            Some(prefix) if prefix.prefix_len() == 0 => Way::Default(route.text()),
            Some(_) if !route.kind.refuses() => Way::Own(route.text()),
            Some(_) | None => Way::Unknown,
        },
        [] | [_, ..] => Way::Unknown,
    }
}

/// What shows that there should be a route: one of this node to a third node's pods, or another node's to any other's.
fn should_be(
    result: &NodeResult<'_>,
    peer: &NodeView<'_>,
    range: &IpNet,
    views: &[NodeView<'_>],
    results: &[NodeResult<'_>],
) -> Option<Evidence> {
    let same_family = |other: &&IpNet| other.addr().is_ipv4() == range.addr().is_ipv4();
    let fact = |node: &str, route: String| {
        Some(Evidence::Fact { node: Some(node.into()), text: format!("route `{route}`, to pods of another node") })
    };
    let others = views.iter().filter(|view| view.name != peer.name && view.name != result.view.name);
    let here =
        others.flat_map(|view| view.pod_ranges.iter().filter(same_family)).find_map(|range| match way(result, range) {
            Way::Own(route) => Some(route),
            Way::Default(_) | Way::Unknown => None,
        });
    if let Some(route) = here {
        return fact(result.view.name, route);
    }
    let there = results.iter().filter(|other| other.view.name != result.view.name);
    there
        .flat_map(|other| views.iter().filter(|view| view.name != other.view.name).map(move |view| (other, view)))
        .find_map(|(other, view)| {
            let own = view.pod_ranges.iter().filter(same_family).find_map(|range| match way(other, range) {
                Way::Own(route) => Some(route),
                Way::Default(_) | Way::Unknown => None,
            })?;
            fact(other.view.name, own)
        })
}

fn finding(
    result: &NodeResult<'_>,
    peer: &NodeView<'_>,
    range: &IpNet,
    (route, evidence): (&str, Evidence),
) -> Finding {
    let (node, peer) = (result.view.name, peer.name);
    let mut finding = Finding::new(
        Code::NoRouteForVip,
        format!("{node} has no route to the pods of {peer} ({range}): packets to them leave by the default route"),
    );
    finding.reason = Some(format!("pods-of-{peer}"));
    finding.node = Some(node.into());
    finding.confidence = Confidence::Likely;
    finding.details.push("likely, and not certain: the default gateway may know the way".into());
    finding.evidence = vec![
        Evidence::Fact { node: Some(node.into()), text: format!("route `{route}` is the only one to {range}") },
        evidence,
    ];
    finding.help = Some(format!("kubectl -n kube-system get pods -o wide --field-selector spec.nodeName={node}"));
    finding
}
