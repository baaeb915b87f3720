//! ST222: the Service of the API server leads elsewhere than to the API server.

use std::net::IpAddr;

use crate::cluster::ServiceView;
use crate::collect::snapshot::Objects;
use crate::dns::zone::{DnsEndpoint, endpoints};
use crate::report::{Code, Confidence, Finding, ObjectRef};

use super::Context;
use super::context::field_of;
use super::words;

/// Labels of nodes that run the API server (kubeadm; the second until 1.24).
const CONTROL_PLANE: [&str; 2] = ["node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"];

/// ST222, where the Service is traced itself.
pub(super) fn traced(context: &Context<'_, '_>) -> Vec<Finding> {
    let own = context.view.namespace == "default" && context.view.name == "kubernetes";
    if own { wrong_endpoint(context.objects) } else { Vec::new() }
}

/// ST222: an endpoint of default/kubernetes that no control-plane node has.
pub(super) fn wrong_endpoint(objects: &Objects) -> Vec<Finding> {
    let Some(view) = ServiceView::find(objects, "default", "kubernetes") else { return Vec::new() };
    let all: Vec<DnsEndpoint<'_>> = endpoints(objects, &view).unwrap_or_default();
    let loopback = all.iter().find(|endpoint| endpoint.ip.is_loopback());
    let servers = control_plane(objects);
    // without a node of that role the API server is somebody else's, at an address that no object tells
    let strange: Vec<&DnsEndpoint<'_>> = all
        .iter()
        .filter(|endpoint| !servers.is_empty() && !servers.iter().any(|(_, ip)| *ip == endpoint.ip))
        .collect();
    let Some(first) = loopback.or(strange.first().copied()) else { return Vec::new() };
    let summary = match loopback {
        Some(endpoint) => format!("default/kubernetes leads to {}: each node would ask itself", endpoint.ip),
        None => format!("default/kubernetes leads to {}, which no control-plane node has", first.ip),
    };
    let mut finding = Finding::new(Code::KubernetesServiceWrongEndpoint, summary);
    finding.object = Some(view.reference());
    finding.reason = Some(if loopback.is_some() { "loopback" } else { "not-a-control-plane-node" }.into());
    if loopback.is_none() {
        finding.confidence = Confidence::Likely;
        finding.details.push("assumed that no load balancer of the API server has this address".into());
        let has: Vec<String> = servers.iter().map(|(node, ip)| format!("{node} {ip}")).collect();
        finding.details.push(format!("control plane: {}", words::list(&has)));
        if let Some((node, ip)) = servers.first() {
            finding.evidence.push(field_of(
                ObjectRef::new("Node", "", *node),
                "status.addresses InternalIP",
                ip.to_string(),
            ));
        }
    }
    let share = u32::try_from(strange.len().max(1)).ok().zip(u32::try_from(all.len()).ok());
    finding.share_ppm = share.and_then(|(bad, all)| (1_000_000 * bad).checked_div(all));
    finding.evidence.push(field_of(
        ObjectRef::new("EndpointSlice", "default", first.from),
        "endpoints[].addresses",
        words::list(&all.iter().map(|endpoint| endpoint.ip.to_string()).collect::<Vec<_>>()),
    ));
    finding.help = Some("kubectl get endpointslices -n default -l kubernetes.io/service-name=kubernetes; --advertise-address of the API server".into());
    vec![finding]
}

/// Every address of every control-plane node.
fn control_plane(objects: &Objects) -> Vec<(&str, IpAddr)> {
    let mut found = Vec::new();
    for node in objects.nodes() {
        let labels = node.metadata.labels.as_ref();
        if !labels.is_some_and(|labels| CONTROL_PLANE.iter().any(|role| labels.contains_key(*role))) {
            continue;
        }
        let name = node.metadata.name.as_deref().unwrap_or_default();
        let addresses = node.status.as_ref().and_then(|status| status.addresses.as_ref());
        found.extend(addresses.into_iter().flatten().filter_map(|address| Some((name, address.address.parse().ok()?))));
    }
    found
}
