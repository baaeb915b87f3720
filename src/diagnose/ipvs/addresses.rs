//! ST405 and ST419: addresses that the node holds by kube-ipvs0 and should not, or holds elsewhere too.

use std::net::IpAddr;

use crate::cluster::NodeView;
use crate::dataplane::links::Links;
use crate::report::{Code, Evidence, Finding, ObjectRef};

use super::Ask;

/// ST405: an address of the Service is a node's own: every node takes it for itself.
pub(super) fn node_address_on_ipvs(ask: Ask<'_, '_>) -> Vec<Finding> {
    let Ask { objects, service, node, .. } = ask;
    let given: Vec<IpAddr> = service.external_ips.iter().copied().chain(service.load_balancer_ips()).collect();
    let nodes: Vec<NodeView<'_>> = objects.nodes().iter().map(NodeView::new).collect();
    let Some((ip, other)) =
        given.iter().find_map(|ip| Some((*ip, nodes.iter().find(|view| view.addresses.contains(ip))?)))
    else {
        return Vec::new();
    };
    let name = node.view.name;
    let mut finding = Finding::new(
        Code::NodeIpOnKubeIpvs0,
        format!(
            "{} has the address of node {}, {ip}: in ipvs mode the other nodes take it for their own",
            service.full_name(),
            other.name
        ),
    );
    finding.node = Some(name.into());
    finding.object = Some(service.reference());
    finding.evidence.push(Evidence::Field {
        object: ObjectRef::new("Node", "", other.name),
        field: "status.addresses".into(),
        value: ip.to_string(),
    });
    let bound = node.plane.links.holders(ip).any(|holder| holder == Links::IPVS);
    if bound {
        finding.evidence.push(Evidence::Fact { node: Some(name.into()), text: format!("kube-ipvs0 holds {ip}") });
        finding
            .details
            .push(format!("{name} cannot reach node {} any more: what it sends to {ip} stays here", other.name));
    }
    finding.help = Some(format!("kubectl -n {} get service {} -o yaml", service.namespace, service.name));
    vec![finding]
}

/// ST419: an address of the Service is also on an interface that is not kube-proxy's.
pub(super) fn bound_elsewhere(ask: Ask<'_, '_>) -> Vec<Finding> {
    let Ask { objects, service, node, .. } = ask;
    let own: Vec<IpAddr> = objects.nodes().iter().flat_map(|node| NodeView::new(node).addresses).collect();
    let links = &node.plane.links;
    let vips = service.cluster_ips.iter().chain(&service.external_ips).copied().chain(service.load_balancer_ips());
    let found = vips.filter(|ip| !own.contains(ip)).find_map(|ip| {
        let other = links.holders(ip).find(|holder| *holder != Links::IPVS)?;
        Some((ip, other))
    });
    let Some((ip, other)) = found else { return Vec::new() };
    let name = node.view.name;
    let mut finding = Finding::new(
        Code::VipBoundElsewhere,
        format!("{name} holds {ip} of {} also on interface {other}", service.full_name()),
    );
    finding.node = Some(name.into());
    finding.object = Some(service.reference());
    let both: Vec<&str> = links.holders(ip).collect();
    finding
        .evidence
        .push(Evidence::Fact { node: Some(name.into()), text: format!("{ip} is on {}", both.join(" and ")) });
    finding.details.push("whoever put it there answers for the Service, or stops answering without it".into());
    finding.help = Some(format!("on {name}: ip addr show to {ip}"));
    vec![finding]
}
