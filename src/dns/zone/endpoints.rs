//! The endpoints of a Service as DNS names them: address, label, ports, and whether they are shown.

use std::net::IpAddr;

use crate::cluster::ServiceView;
use crate::cluster::endpoints::{SERVICE_NAME_LABEL, slice_service};
use crate::cluster::service::port_number;
use crate::collect::snapshot::Objects;
use crate::walk::packet::Protocol;

/// One endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsEndpoint<'snap> {
    /// Address.
    pub ip: IpAddr,
    /// Host name that its pod asks for (`spec.hostname` with `spec.subdomain`), as the slice has it.
    pub hostname: Option<&'snap str>,
    /// Name of its pod.
    pub pod: Option<&'snap str>,
    /// Whether DNS shows it: `ready` is true, or not said. publishNotReadyAddresses makes it true for all
    /// (kubernetes endpointslice controller, `podToEndpoint`; coredns plugin/kubernetes/object/endpoint.go).
    pub ready: bool,
    /// Ports: name, protocol, number.
    pub ports: Vec<(&'snap str, Protocol, u16)>,
    /// The slice, or the v1 Endpoints.
    pub from: &'snap str,
}

/// The endpoints of a Service, in the order of the objects; `None`: they were not read.
#[must_use]
pub fn endpoints<'snap>(objects: &'snap Objects, view: &ServiceView<'_>) -> Option<Vec<DnsEndpoint<'snap>>> {
    if objects.slices.is_some() {
        return Some(of_slices(objects, view));
    }
    objects.endpoints.as_ref().map(|_| of_legacy(objects, view))
}

fn of_slices<'snap>(objects: &'snap Objects, view: &ServiceView<'_>) -> Vec<DnsEndpoint<'snap>> {
    let slices = objects.slices().iter().filter(|slice| {
        slice_service(slice) == Some(view.name)
            && slice.metadata.namespace.as_deref() == Some(view.namespace)
            && slice.address_type != "FQDN"
    });
    let mut found = Vec::new();
    for slice in slices {
        let ports: Vec<(&str, Protocol, u16)> = slice
            .ports
            .iter()
            .flatten()
            .filter_map(|port| {
                let protocol = Protocol::parse(port.protocol.as_deref().unwrap_or("TCP"))?;
                Some((port.name.as_deref().unwrap_or_default(), protocol, port.port.and_then(port_number)?))
            })
            .collect();
        for endpoint in slice.endpoints.iter().flatten() {
            let reference = endpoint.target_ref.as_ref().filter(|target| target.kind.as_deref() == Some("Pod"));
            found.extend(endpoint.addresses.iter().filter_map(|address| address.parse().ok()).map(|ip| DnsEndpoint {
                ip,
                hostname: endpoint.hostname.as_deref().filter(|name| !name.is_empty()),
                pod: reference.and_then(|target| target.name.as_deref()),
                ready: endpoint.conditions.as_ref().and_then(|conditions| conditions.ready).unwrap_or(true),
                ports: ports.clone(),
                from: slice.metadata.name.as_deref().unwrap_or_default(),
            }));
        }
    }
    found
}

fn of_legacy<'snap>(objects: &'snap Objects, view: &ServiceView<'_>) -> Vec<DnsEndpoint<'snap>> {
    let mine = objects.endpoints().iter().find(|one| {
        one.metadata.name.as_deref() == Some(view.name) && one.metadata.namespace.as_deref() == Some(view.namespace)
    });
    let mut found = Vec::new();
    for subset in mine.and_then(|one| one.subsets.as_ref()).into_iter().flatten() {
        let ports: Vec<(&str, Protocol, u16)> = subset
            .ports
            .iter()
            .flatten()
            .filter_map(|port| {
                let protocol = Protocol::parse(port.protocol.as_deref().unwrap_or("TCP"))?;
                Some((port.name.as_deref().unwrap_or_default(), protocol, port_number(port.port)?))
            })
            .collect();
        let ready = subset.addresses.iter().flatten().map(|address| (address, true));
        let not_ready = subset.not_ready_addresses.iter().flatten().map(|address| (address, false));
        for (address, ready) in ready.chain(not_ready) {
            let Ok(ip) = address.ip.parse() else { continue };
            found.push(DnsEndpoint {
                ip,
                hostname: address.hostname.as_deref().filter(|name| !name.is_empty()),
                pod: address.target_ref.as_ref().and_then(|target| target.name.as_deref()),
                ready,
                ports: ports.clone(),
                from: mine.and_then(|one| one.metadata.name.as_deref()).unwrap_or(SERVICE_NAME_LABEL),
            });
        }
    }
    found
}
