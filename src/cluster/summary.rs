//! A Service as the head of the answer shows it. Words and order only; decides nothing.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use k8s_openapi::api::core::v1::Pod;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::report::{EndpointSummary, PortSummary, ServiceSummary};

use super::endpoints::ServiceEndpoints;
use super::readiness;
use super::service::{Ingress, Policy, PortView, ServiceView, TargetPort};
use super::why_not::LeftOut;

/// The summary of a Service with its endpoints.
#[must_use]
pub fn summarize(view: &ServiceView<'_>, endpoints: &ServiceEndpoints<'_>) -> ServiceSummary {
    let texts = |ips: &[std::net::IpAddr]| ips.iter().map(ToString::to_string).collect();
    ServiceSummary {
        namespace: view.namespace.to_owned(),
        name: view.name.to_owned(),
        kind: view.form.as_str().to_owned(),
        cluster_ips: texts(&view.cluster_ips),
        external_ips: texts(&view.external_ips),
        load_balancer: view.ingress.iter().map(ingress).collect(),
        external_name: view.external_name.map(Into::into),
        ports: view.ports.iter().map(|port| port_summary(view, port, endpoints)).collect(),
        selector: view.selector_text(),
        traits: traits(view),
        created: view.object.metadata.creation_timestamp.as_ref().map(|time| time.0.to_string()),
        endpoints: endpoint_summaries(view, endpoints),
    }
}

fn ingress(ingress: &Ingress<'_>) -> String {
    match ingress {
        Ingress::Vip(ip) => ip.to_string(),
        Ingress::Proxy(ip) => format!("{ip} (ipMode Proxy)"),
        Ingress::Host(host) => (*host).to_owned(),
    }
}

fn port_summary(view: &ServiceView<'_>, port: &PortView<'_>, endpoints: &ServiceEndpoints<'_>) -> PortSummary {
    let target = match port.target {
        TargetPort::Number(number) => number.to_string(),
        TargetPort::Name(name) => {
            let numbers: BTreeSet<u16> = match view.selector {
                Some(selector) => endpoints
                    .pods()
                    .filter(|pod| super::selector::matches(selector, pod) && readiness::is_alive(pod))
                    .filter_map(|pod| container_port(pod, name, port))
                    .collect(),
                None => BTreeSet::new(),
            };
            let words: Vec<String> = numbers.iter().map(ToString::to_string).collect();
            if words.is_empty() { name.to_owned() } else { format!("{name} ({})", words.join(", ")) }
        }
    };
    PortSummary {
        name: port.name.to_owned(),
        node_port: port.node_port,
        port: port.port,
        target,
        protocol: port.protocol.as_str().to_ascii_uppercase(),
    }
}

/// The number behind a port's name in this pod: the first container port of that name and protocol
/// (k8s.io/endpointslice, `FindPort`; sidecars, which are init containers that keep running, count too).
#[must_use]
pub fn container_port(pod: &Pod, name: &str, port: &PortView<'_>) -> Option<u16> {
    let spec = pod.spec.as_ref()?;
    let sidecars = spec.init_containers.as_deref().unwrap_or_default().iter();
    let sidecars = sidecars.filter(|c| c.restart_policy.as_deref() == Some("Always"));
    spec.containers
        .iter()
        .chain(sidecars)
        .flat_map(|c| c.ports.as_deref().unwrap_or_default())
        .find(|p| {
            p.name.as_deref() == Some(name)
                && p.protocol.as_deref().unwrap_or("TCP").eq_ignore_ascii_case(port.protocol.as_str())
        })
        .and_then(|p| super::service::port_number(p.container_port))
}

fn traits(view: &ServiceView<'_>) -> Vec<String> {
    let mut words = Vec::new();
    if view.object.metadata.deletion_timestamp.is_some() {
        words.push("being deleted".to_owned());
    }
    if view.internal == Policy::Local {
        words.push("internalTrafficPolicy Local".to_owned());
    }
    if view.external == Policy::Local {
        words.push("externalTrafficPolicy Local".to_owned());
    }
    if let Some(seconds) = view.affinity_seconds {
        words.push(format!("session affinity ClientIP {seconds} s"));
    }
    if !view.source_ranges.is_empty() {
        let ranges: Vec<String> = view.source_ranges.iter().map(ToString::to_string).collect();
        words.push(format!("load balancer only from {}", ranges.join(", ")));
    }
    if let Some(port) = view.health_check_node_port {
        words.push(format!("health check on node port {port}"));
    }
    if view.publishes_not_ready() {
        words.push("publishes not-ready addresses".to_owned());
    }
    if let Some(wish) = view.object.spec.as_ref().and_then(|s| s.traffic_distribution.as_deref()) {
        words.push(format!("trafficDistribution {wish}"));
    }
    if let Some(name) = view.proxy_name {
        words.push(format!("left to the service proxy {name}"));
    }
    words
}

/// Every endpoint of every port, ready ones first, then by address.
fn endpoint_summaries(view: &ServiceView<'_>, endpoints: &ServiceEndpoints<'_>) -> Vec<EndpointSummary> {
    let mut all = Vec::new();
    for port in &view.ports {
        for family in view.families() {
            let sorted = endpoints.anywhere(port, family);
            let mut left: FxHashMap<&str, &LeftOut<'_>> =
                sorted.left_out.iter().map(|l| (l.address.as_str(), l)).collect();
            let used: FxHashSet<&SocketAddr> = sorted.cluster.iter().collect();
            for endpoint in &sorted.all {
                let address = endpoint.address.to_string();
                let why = left.remove(address.as_str()).map(|l| l.why.to_string());
                let state = if endpoint.ready { "ready" } else { "terminating, the last resort" };
                all.push(EndpointSummary {
                    port_name: port.name.to_owned(),
                    pod: endpoint.pod.map(|(_, name)| name.to_owned()),
                    node: endpoint.node.map(Into::into),
                    zone: endpoint.zone.map(Into::into),
                    used: used.contains(&endpoint.address),
                    state: why.unwrap_or_else(|| state.to_owned()),
                    address,
                });
            }
            // What is left out for its own shape is in no list above.
            all.extend(left.into_values().map(|left| EndpointSummary {
                address: left.address.clone(),
                port_name: port.name.to_owned(),
                pod: left.pod.map(|(_, name)| name.to_owned()),
                node: left.node.map(Into::into),
                zone: None,
                used: false,
                state: left.why.to_string(),
            }));
        }
    }
    all.sort_by_cached_key(|e| (!e.used, e.port_name.clone(), e.address.clone(), e.state.clone()));
    all.dedup();
    all
}
