//! ST112 and ST612: the ranges that Services, pods and nodes take their addresses from.

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::Value;

use crate::cluster::{NodeView, ServiceView};
use crate::collect::snapshot::Objects;
use crate::report::{Code, Finding, ObjectRef, Severity};

use super::context::field_of;
use super::words;

/// The ranges of ServiceCIDR objects, each with its object's name.
fn service_ranges(objects: &Objects) -> Vec<(&str, IpNet)> {
    let mut all = Vec::new();
    for object in objects.others("servicecidrs") {
        let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        let cidrs = object.pointer("/spec/cidrs").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        all.extend(cidrs.iter().filter_map(|cidr| Some((name, cidr.as_str()?.parse().ok()?))));
    }
    all
}

/// ST112: no ServiceCIDR holds a cluster IP.
pub(super) fn outside_service_cidr(objects: &Objects) -> Vec<Finding> {
    let ranges = service_ranges(objects);
    if ranges.is_empty() || !objects.is_whole("servicecidrs") {
        return Vec::new();
    }
    let outside = |ip: &&IpAddr| !ranges.iter().any(|(_, range)| range.contains(*ip));
    let mut found = Vec::new();
    for view in ServiceView::all(objects) {
        let outside: Vec<String> = view.cluster_ips.iter().filter(outside).map(ToString::to_string).collect();
        if outside.is_empty() {
            continue;
        }
        let mut finding = Finding::new(
            Code::ClusterIpOutsideServiceCidr,
            format!("cluster IP {} is in no ServiceCIDR of the cluster", words::list(&outside)),
        );
        finding.object = Some(view.reference());
        finding.details.push("routes, proxies and NO_PROXY settings often go by the range".to_owned());
        finding.evidence.push(field_of(view.reference(), "spec.clusterIPs", outside.join(", ")));
        for (name, range) in &ranges {
            finding.evidence.push(field_of(ObjectRef::new("ServiceCIDR", "", *name), "spec.cidrs", range.to_string()));
        }
        finding.help = Some("kubectl get servicecidrs".to_owned());
        found.push(finding);
    }
    found
}

/// A range or an address of a node, and the field that it stands in.
struct OfNode<'snap> {
    node: &'snap str,
    range: IpNet,
    field: &'static str,
}

/// ST612: a node's pod range, or a node's own address, lies where Services have theirs.
pub(super) fn cidr_overlap(objects: &Objects) -> Vec<Finding> {
    let mut of_nodes: Vec<OfNode<'_>> = Vec::new();
    for node in objects.nodes() {
        let NodeView { name, addresses, pod_ranges, .. } = NodeView::new(node);
        of_nodes.extend(pod_ranges.into_iter().map(|range| OfNode { node: name, range, field: "spec.podCIDRs" }));
        let own = addresses.into_iter().map(IpNet::from);
        of_nodes.extend(own.map(|range| OfNode { node: name, range, field: "status.addresses" }));
    }
    let ranges = service_ranges(objects);
    let overlaps = |a: &IpNet, b: &IpNet| a.contains(&b.network()) || b.contains(&a.network());
    let declared: Vec<(&str, IpNet, &OfNode<'_>)> = ranges
        .iter()
        .filter_map(|(name, range)| {
            Some((*name, *range, of_nodes.iter().find(|of_node| overlaps(range, &of_node.range))?))
        })
        .collect();
    let mut found = Vec::new();
    for view in ServiceView::all(objects) {
        for ip in &view.cluster_ips {
            if let Some(hit) = of_nodes.iter().find(|of_node| of_node.range.contains(ip)) {
                found.push(hit_by(&view, *ip, hit));
            } else if let Some((name, range, of_node)) = declared.iter().find(|(_, range, _)| range.contains(ip)) {
                found.push(declared_overlap(&view, (name, range), of_node));
            }
        }
    }
    found
}

fn hit_by(view: &ServiceView<'_>, ip: IpAddr, hit: &OfNode<'_>) -> Finding {
    let is_own = hit.field == "status.addresses";
    let summary = if is_own {
        format!("cluster IP {ip} is the address of node {}", hit.node)
    } else {
        format!("cluster IP {ip} lies in {}, the range of node {}'s pods", hit.range, hit.node)
    };
    let mut finding = Finding::new(Code::CidrOverlap, summary);
    finding.object = Some(view.reference());
    finding.reason = Some(if is_own { "node-address" } else { "pod-range" }.to_owned());
    if !is_own {
        finding.details.push("a pod may get this very address, and routes to the pods take its packets".to_owned());
    }
    finding.evidence.push(field_of(view.reference(), "spec.clusterIPs", ip.to_string()));
    finding.evidence.push(field_of(ObjectRef::new("Node", "", hit.node), hit.field, hit.range.to_string()));
    finding.help = Some("kubectl get nodes -o custom-columns=NAME:.metadata.name,PODS:.spec.podCIDRs".to_owned());
    finding
}

fn declared_overlap(view: &ServiceView<'_>, services: (&str, &IpNet), of_node: &OfNode<'_>) -> Finding {
    let (name, range) = services;
    let mut finding = Finding::new(
        Code::CidrOverlap,
        format!("the range of Services, {range}, and {} of node {} lie in each other", of_node.range, of_node.node),
    );
    finding.object = Some(view.reference());
    finding.severity = Severity::Warning;
    finding.reason = Some("declared".to_owned());
    finding.details.push("this Service's own address is not hit; one of another Service may be".to_owned());
    finding.evidence.push(field_of(ObjectRef::new("ServiceCIDR", "", name), "spec.cidrs", range.to_string()));
    finding.evidence.push(field_of(ObjectRef::new("Node", "", of_node.node), of_node.field, of_node.range.to_string()));
    finding.help = Some("kubectl get servicecidrs; kubectl get nodes -o wide".to_owned());
    finding
}
