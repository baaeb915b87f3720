//! ST111 and ST817: one address for two Services.

use std::net::IpAddr;

use k8s_openapi::api::core::v1::Service;
use rustc_hash::FxHashMap;

use crate::cluster::{PortView, ServiceView};
use crate::collect::snapshot::Objects;
use crate::order;
use crate::report::{Code, Finding, Severity};

use super::context::field_of;
use super::words;

/// Services that stay and have one of these addresses in common, by address and then by name.
fn shared<'snap>(
    objects: &'snap Objects,
    addresses: impl Fn(&'snap Service) -> Vec<&'snap str>,
) -> Vec<(IpAddr, Vec<ServiceView<'snap>>)> {
    let mut owners: FxHashMap<&str, Vec<&Service>> = FxHashMap::default();
    for service in objects.services().iter().filter(|service| service.metadata.deletion_timestamp.is_none()) {
        for address in addresses(service) {
            owners.entry(address).or_default().push(service);
        }
    }
    let mut all: Vec<(IpAddr, Vec<ServiceView<'snap>>)> = owners
        .into_iter()
        .filter(|(_, services)| services.len() > 1)
        .filter_map(|(address, services)| {
            let mut views: Vec<ServiceView<'snap>> = services.into_iter().map(ServiceView::new).collect();
            order::sort_by_key(&mut views, ServiceView::full_name);
            views.dedup_by_key(|view| view.full_name());
            Some((address.parse().ok()?, views))
        })
        .filter(|(_, views)| views.len() > 1)
        .collect();
    order::sort_by_key(&mut all, |(address, _)| *address);
    all
}

/// Cluster IPs as they are written; an alias has none.
fn cluster_addresses(service: &Service) -> Vec<&str> {
    let spec = service.spec.as_ref().filter(|spec| spec.type_.as_deref() != Some("ExternalName"));
    let listed = spec.and_then(|spec| spec.cluster_ips.as_deref()).unwrap_or_default();
    let single = spec.and_then(|spec| spec.cluster_ip.as_ref()).filter(|_| listed.is_empty());
    listed.iter().chain(single).map(String::as_str).collect()
}

/// External and load balancer addresses that nodes take for their own.
fn outside_addresses(service: &Service) -> Vec<&str> {
    let external = service.spec.iter().flat_map(|spec| spec.external_ips.iter().flatten()).map(String::as_str);
    let status = service.status.iter().flat_map(|status| &status.load_balancer);
    let entries = status.flat_map(|balancer| balancer.ingress.iter().flatten());
    let own = entries.filter(|entry| entry.ip_mode.as_deref() != Some("Proxy")).filter_map(|entry| entry.ip.as_deref());
    external.chain(own).collect()
}

/// ST111: two live Services with one cluster IP.
pub(super) fn duplicate_cluster_ip(objects: &Objects) -> Vec<Finding> {
    let mut found = Vec::new();
    for (ip, services) in shared(objects, cluster_addresses) {
        for view in &services {
            let others: Vec<String> =
                services.iter().map(ServiceView::full_name).filter(|n| *n != view.full_name()).collect();
            let summary = format!("cluster IP {ip} is also that of Service {}", words::list(&others));
            let mut finding = Finding::new(Code::DuplicateClusterIp, summary);
            finding.object = Some(view.reference());
            finding.details.push("which of them a client reaches is left to the order of the rules".to_owned());
            for other in &services {
                finding.evidence.push(field_of(other.reference(), "spec.clusterIPs", ip.to_string()));
            }
            finding.help = Some(format!("kubectl get svc -A --field-selector spec.clusterIP={ip}"));
            found.push(finding);
        }
    }
    found
}

/// ST817: two Services with one load balancer or external address.
pub(super) fn shared_outside_address(objects: &Objects) -> Vec<Finding> {
    let mut found = Vec::new();
    for (ip, services) in shared(objects, outside_addresses) {
        for view in services.iter().filter(|view| !view.cluster_ips.is_empty()) {
            for other in services.iter().filter(|other| other.full_name() != view.full_name()) {
                found.push(outside(ip, view, other));
            }
        }
    }
    found
}

fn outside(ip: IpAddr, view: &ServiceView<'_>, other: &ServiceView<'_>) -> Finding {
    let name = other.full_name();
    let is_same =
        |port: &&PortView<'_>| other.ports.iter().any(|one| one.port == port.port && one.protocol == port.protocol);
    let mut finding = if let Some(port) = view.ports.iter().find(is_same) {
        let what = format!("{ip} port {}/{}", port.port, port.protocol.as_str());
        Finding::new(Code::LbIpShared, format!("{what} is also that of Service {name}"))
    } else {
        let summary = format!("address {ip} is shared with Service {name}, each with its own ports");
        let mut finding = Finding::new(Code::LbIpShared, summary);
        finding.severity = Severity::Info;
        finding
    };
    finding.reason = Some(name);
    finding.object = Some(view.reference());
    for one in [view, other] {
        let ports: Vec<String> = one.ports.iter().map(PortView::label).collect();
        let value = format!("{ip}: {}", ports.join(", "));
        finding.evidence.push(field_of(one.reference(), "address and ports", value));
    }
    finding.help =
        Some(format!("kubectl -n {} get svc {} -o wide", words::shell(other.namespace), words::shell(other.name)));
    finding
}
