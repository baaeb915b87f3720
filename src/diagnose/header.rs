//! The Service as the header shows it: ports, addresses, endpoints with pod, node and readiness.

use std::collections::{BTreeMap, BTreeSet};

use crate::cluster::readiness;
use crate::cluster::service::{Form, Ingress, Policy, TargetPort};
use crate::cluster::{NodeView, ServiceEndpoints, ServiceView};
use crate::collect::snapshot::Objects;
use crate::report::{EndpointSummary, PortSummary, ServiceSummary};

use super::clients::{on_host_network, pod_addresses, pod_name};
use super::node::NodeResult;
use super::outcome::Behind;

/// The header of a Service.
#[must_use]
pub fn service(view: &ServiceView<'_>, endpoints: &ServiceEndpoints<'_>, nodes: &[NodeResult<'_>]) -> ServiceSummary {
    let metadata = &view.object.metadata;
    ServiceSummary {
        namespace: view.namespace.into(),
        name: view.name.into(),
        kind: view.form.as_str().into(),
        cluster_ips: view.cluster_ips.iter().map(ToString::to_string).collect(),
        external_ips: view.external_ips.iter().map(ToString::to_string).collect(),
        load_balancer: view
            .ingress
            .iter()
            .map(|ingress| match ingress {
                Ingress::Vip(ip) => ip.to_string(),
                Ingress::Proxy(ip) => format!("{ip} (ipMode Proxy)"),
                Ingress::Host(name) => (*name).to_owned(),
            })
            .collect(),
        external_name: view.external_name.map(Into::into),
        ports: view
            .ports
            .iter()
            .map(|port| PortSummary {
                name: port.name.into(),
                node_port: port.node_port,
                port: port.port,
                target: target(port.target, port.name, endpoints),
                protocol: port.protocol.as_str().to_uppercase(),
            })
            .collect(),
        selector: view.selector_text(),
        traits: traits(view),
        created: metadata.creation_timestamp.as_ref().map(|time| time.0.to_string()),
        endpoints: summaries(view, endpoints, nodes),
    }
}

/// `8080`, or `web (8080)` with what the slices say of the name.
fn target(target: TargetPort<'_>, port_name: &str, endpoints: &ServiceEndpoints<'_>) -> String {
    let TargetPort::Name(name) = target else {
        return target.to_string();
    };
    let numbers: BTreeSet<i32> = endpoints
        .slices
        .iter()
        .flat_map(|slice| slice.ports.iter().flatten())
        .filter(|port| port.name.as_deref().unwrap_or_default() == port_name)
        .filter_map(|port| port.port)
        .collect();
    if numbers.is_empty() {
        return name.to_owned();
    }
    format!("{name} ({})", numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
}

fn traits(view: &ServiceView<'_>) -> Vec<String> {
    let mut traits = Vec::new();
    if view.external == Policy::Local {
        traits.push("externalTrafficPolicy Local".into());
    }
    if view.internal == Policy::Local {
        traits.push("internalTrafficPolicy Local".into());
    }
    if let Some(seconds) = view.affinity_seconds {
        traits.push(format!("a client stays with its endpoint for {seconds} s"));
    }
    if !view.source_ranges.is_empty() {
        let ranges: Vec<String> = view.source_ranges.iter().map(ToString::to_string).collect();
        traits.push(format!("load balancer open to {}", ranges.join(", ")));
    }
    if view.publishes_not_ready() {
        traits.push("publishes addresses that are not ready".into());
    }
    if view.selector.is_none() && view.form != Form::ExternalName {
        traits.push("no selector: endpoints are kept by hand".into());
    }
    if let Some(name) = view.proxy_name {
        traits.push(format!("left to the service proxy `{name}`"));
    }
    traits
}

fn summaries(view: &ServiceView<'_>, endpoints: &ServiceEndpoints<'_>, nodes: &[NodeResult<'_>]) -> Vec<EndpointSummary> {
    let mut found: BTreeMap<(String, String), EndpointSummary> = BTreeMap::new();
    let nowhere;
    let views: Vec<&NodeView<'_>> = if nodes.is_empty() {
        nowhere = NodeView { name: "", object: None, zone: None, minor: None, addresses: Vec::new(), pod_ranges: Vec::new() };
        vec![&nowhere]
    } else {
        nodes.iter().map(|node| &node.view).collect()
    };
    for node in views {
        for port in &view.ports {
            for family in view.families() {
                let sorted = endpoints.on_node(view, port, family, node);
                for endpoint in &sorted.all {
                    let used = sorted.reachable.contains(&endpoint.address);
                    let key = (endpoint.address.to_string(), port.name.to_owned());
                    let entry = found.entry(key).or_insert_with(|| EndpointSummary {
                        address: endpoint.address.to_string(),
                        port_name: port.name.into(),
                        pod: endpoint.pod.map(|(_, name)| name.to_owned()),
                        node: endpoint.node.map(Into::into),
                        zone: endpoint.zone.map(Into::into),
                        used,
                        state: String::new(),
                    });
                    entry.used |= used;
                    if used {
                        entry.state = if endpoint.terminating { "terminating, and still used".into() } else { "ready".into() };
                    } else if entry.state.is_empty() {
                        entry.state = sorted
                            .left_out
                            .iter()
                            .find(|left| left.address == endpoint.address.to_string())
                            .map_or_else(|| "not used".to_owned(), |left| left.why.to_string());
                    }
                }
                for left in &sorted.left_out {
                    let key = (left.address.clone(), port.name.to_owned());
                    found.entry(key).or_insert_with(|| EndpointSummary {
                        address: left.address.clone(),
                        port_name: port.name.into(),
                        pod: left.pod.map(|(_, name)| name.to_owned()),
                        node: left.node.map(Into::into),
                        zone: None,
                        used: false,
                        state: left.why.to_string(),
                    });
                }
            }
        }
    }
    if found.is_empty() {
        headless(view, endpoints, &mut found);
    }
    let mut list: Vec<EndpointSummary> = found.into_values().collect();
    list.sort_by(|a, b| b.used.cmp(&a.used).then_with(|| a.port_name.cmp(&b.port_name)));
    list
}

/// Endpoints of a Service that no node programs, as its slices list them.
fn headless(view: &ServiceView<'_>, endpoints: &ServiceEndpoints<'_>, found: &mut BTreeMap<(String, String), EndpointSummary>) {
    if view.form != Form::Headless {
        return;
    }
    for slice in &endpoints.slices {
        for endpoint in slice.endpoints.iter().flatten() {
            let ready = endpoint.conditions.as_ref().and_then(|c| c.ready).unwrap_or(true);
            for address in &endpoint.addresses {
                found.entry((address.clone(), String::new())).or_insert_with(|| EndpointSummary {
                    address: address.clone(),
                    port_name: String::new(),
                    pod: endpoint.target_ref.as_ref().and_then(|target| target.name.clone()),
                    node: endpoint.node_name.clone(),
                    zone: endpoint.zone.clone(),
                    used: ready,
                    state: if ready { "ready".into() } else { "not ready".into() },
                });
            }
        }
    }
}

/// What stands behind addresses: pods, and nodes.
#[must_use]
pub fn behind(objects: &Objects, endpoints: Option<&ServiceEndpoints<'_>>) -> Behind {
    let mut behind = Behind::default();
    for node in objects.nodes() {
        let view = NodeView::new(node);
        for ip in &view.addresses {
            behind.known.insert(*ip, (format!("node {}", view.name), Some(view.name.into())));
        }
    }
    for pod in objects.pods().iter().filter(|pod| !on_host_network(pod) && readiness::is_alive(pod)) {
        let (namespace, name) = pod_name(pod);
        let node = pod.spec.as_ref().and_then(|spec| spec.node_name.clone());
        for ip in pod_addresses(pod) {
            behind.known.insert(ip, (format!("{namespace}/{name}"), node.clone()));
        }
    }
    for slice in endpoints.iter().flat_map(|endpoints| &endpoints.slices) {
        for endpoint in slice.endpoints.iter().flatten() {
            let Some(target) = &endpoint.target_ref else {
                continue;
            };
            for ip in endpoint.addresses.iter().filter_map(|ip| ip.parse().ok()) {
                let name = target.name.as_deref().unwrap_or_default();
                let namespace = target.namespace.as_deref().unwrap_or_default();
                behind.known.entry(ip).or_insert_with(|| (format!("{namespace}/{name}"), endpoint.node_name.clone()));
            }
        }
    }
    behind
}
