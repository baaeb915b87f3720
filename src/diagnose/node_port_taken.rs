//! ST808: a node port that something else uses on a node.

use std::collections::BTreeMap;
use std::net::IpAddr;

use k8s_openapi::api::core::v1::Pod;

use crate::cluster::endpoints::slice_service;
use crate::cluster::readiness::is_alive;
use crate::cluster::service::port_number;
use crate::cluster::{NodeView, ServiceView};
use crate::collect::snapshot::Objects;
use crate::report::{Code, Confidence, Finding, ObjectRef};
use crate::walk::packet::Protocol;

use super::context::{field_of, pod_name, pod_ref};
use super::words;

/// Service and the path of its port, by node port and protocol.
type NodePorts<'snap> = BTreeMap<(u16, Protocol), (ServiceView<'snap>, String)>;

/// ST808: a pod, or the API server, has a port of nodes that is a node port too.
pub(super) fn collision(objects: &Objects) -> Vec<Finding> {
    let mut ports: NodePorts<'_> = BTreeMap::new();
    for view in ServiceView::all(objects) {
        for port in &view.ports {
            if let Some(number) = port.node_port {
                ports.insert((number, port.protocol), (view.clone(), port.label()));
            }
        }
    }
    if ports.is_empty() {
        return Vec::new();
    }
    let mut found: Vec<Finding> = Vec::new();
    for pod in objects.pods().iter().filter(|pod| is_alive(pod)) {
        for (number, protocol, field) in on_the_node(pod) {
            if let Some((view, label)) = ports.get(&(number, protocol)) {
                add(&mut found, of_pod(view, label, pod, (number, protocol), field));
            }
        }
    }
    found.extend(of_api_server(objects, &ports));
    found
}

/// One finding for each Service and port.
fn add(found: &mut Vec<Finding>, finding: Finding) {
    if !found.iter().any(|one| one.fingerprint() == finding.fingerprint()) {
        found.push(finding);
    }
}

/// Ports that a pod has on its node, and the field that says so.
fn on_the_node(pod: &Pod) -> Vec<(u16, Protocol, &'static str)> {
    let Some(spec) = pod.spec.as_ref().filter(|spec| spec.node_name.is_some()) else { return Vec::new() };
    let ports = spec.containers.iter().flat_map(|one| one.ports.iter().flatten());
    ports
        .filter_map(|port| {
            let protocol = Protocol::parse(port.protocol.as_deref().unwrap_or("TCP"))?;
            match (port.host_port.and_then(port_number), spec.host_network) {
                (Some(number), _) => Some((number, protocol, "spec.containers[].ports[].hostPort")),
                (None, Some(true)) => {
                    Some((port_number(port.container_port)?, protocol, "spec.containers[].ports[].containerPort"))
                }
                (None, Some(false) | None) => None,
            }
        })
        .collect()
}

fn of_pod(
    view: &ServiceView<'_>,
    label: &str,
    pod: &Pod,
    (number, protocol): (u16, Protocol),
    field: &'static str,
) -> Finding {
    let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).unwrap_or_default();
    let mut finding = new(
        view,
        label,
        number,
        format!("node port {number}/{} is also a port of pod {} on node {node}", protocol.as_str(), pod_name(pod)),
    );
    finding.reason = Some(format!("pod {number}"));
    if field.ends_with("containerPort") {
        // On the host's network a declaration is no proof that the program listens there.
        finding.confidence = Confidence::Likely;
    }
    finding
        .details
        .push("rules come before programs: what comes to that port of the node goes to the Service".to_owned());
    finding.evidence.push(field_of(pod_ref(pod), field, number.to_string()));
    finding
}

fn new(view: &ServiceView<'_>, label: &str, number: u16, summary: String) -> Finding {
    let mut finding = Finding::new(Code::NodeportCollision, summary);
    finding.object = Some(view.reference());
    finding.evidence.push(field_of(view.reference(), format!("spec.ports nodePort of {label}"), number.to_string()));
    finding.help = Some(format!("kubectl -n {} edit svc {}", words::shell(view.namespace), words::shell(view.name)));
    finding
}

/// The API server's own port, where it is served on a node's address.
fn of_api_server(objects: &Objects, ports: &NodePorts<'_>) -> Vec<Finding> {
    let nodes: Vec<NodeView<'_>> = objects.nodes().iter().map(NodeView::new).collect();
    let slices = objects.slices().iter().filter(|slice| {
        slice.metadata.namespace.as_deref() == Some("default") && slice_service(slice) == Some("kubernetes")
    });
    let mut found = Vec::new();
    for slice in slices {
        let addresses = slice.endpoints.iter().flatten().flat_map(|endpoint| &endpoint.addresses);
        let on = addresses
            .filter_map(|text| text.parse::<IpAddr>().ok())
            .find_map(|ip| Some((ip, nodes.iter().find(|node| node.addresses.contains(&ip))?.name)));
        let Some((ip, node)) = on else { continue };
        let numbers = slice.ports.iter().flatten().filter_map(|port| port.port.and_then(port_number));
        for number in numbers {
            let Some((view, label)) = ports.get(&(number, Protocol::Tcp)) else { continue };
            let mut finding = new(
                view,
                label,
                number,
                format!(
                    "node port {number} is the port of the API server on node {node}: from outside it is out of reach there"
                ),
            );
            finding.reason = Some("apiserver".to_owned());
            let name = slice.metadata.name.as_deref().unwrap_or_default();
            finding.evidence.push(field_of(
                ObjectRef::new("EndpointSlice", "default", name),
                "endpoints and ports",
                format!("{ip}, {number}"),
            ));
            add(&mut found, finding);
        }
    }
    found
}
