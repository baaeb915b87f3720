//! Looking things up among objects that were read. Pure.

use std::collections::BTreeMap;
use std::net::IpAddr;

use k8s_openapi::api::core::v1::{Pod, Service};

use super::snapshot::Objects;
use crate::order;

/// A Service's namespace and name.
pub(super) type Name = (String, String);

/// Whether the Service was read.
pub(super) fn has(objects: &Objects, namespace: &str, name: &str) -> bool {
    objects.services().iter().any(|service| {
        service.metadata.namespace.as_deref() == Some(namespace) && service.metadata.name.as_deref() == Some(name)
    })
}

pub(super) fn name_of(service: &Service) -> Name {
    (service.metadata.namespace.clone().unwrap_or_default(), service.metadata.name.clone().unwrap_or_default())
}

/// Services with this address; those that have the port as well come first.
pub(super) fn by_address(services: &[Service], ip: IpAddr, port: Option<u16>) -> Vec<Name> {
    let text = ip.to_string();
    let mut found: Vec<_> = services
        .iter()
        .filter(|service| {
            let Some(spec) = &service.spec else { return false };
            let ingress = service
                .status
                .as_ref()
                .and_then(|status| status.load_balancer.as_ref()?.ingress.as_deref())
                .unwrap_or_default();
            let own = spec.cluster_ips.iter().flatten().chain(spec.external_ips.iter().flatten());
            own.chain(ingress.iter().filter_map(|one| one.ip.as_ref()))
                .any(|own| own.parse::<IpAddr>().ok() == Some(ip) || *own == text)
        })
        .collect();
    let has_port = |service: &Service| {
        service
            .spec
            .iter()
            .flat_map(|spec| spec.ports.iter().flatten())
            .any(|own| Some(own.port) == port.map(i32::from))
    };
    order::sort_by_key(&mut found, |service| !has_port(service));
    if let (true, Some(port)) = (found.is_empty(), port) {
        // an address that no Service has may be a node's, with a node port
        return by_port(services, port);
    }
    found.into_iter().map(name_of).collect()
}

/// Services with this node port.
pub(super) fn by_port(services: &[Service], port: u16) -> Vec<Name> {
    let serves = |service: &&Service| {
        service
            .spec
            .iter()
            .flat_map(|spec| spec.ports.iter().flatten())
            .any(|own| own.node_port == Some(i32::from(port)))
    };
    services.iter().filter(serves).map(name_of).collect()
}

pub(super) fn selector(objects: &Objects, namespace: &str, name: &str) -> Option<String> {
    let service =
        objects.services().iter().find(|service| name_of(service) == (namespace.to_owned(), name.to_owned()))?;
    let labels = service.spec.as_ref()?.selector.as_ref().filter(|labels| !labels.is_empty())?;
    Some(labels_text(labels))
}

pub(super) fn labels_text(labels: &BTreeMap<String, String>) -> String {
    labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}

/// Nodes of ready endpoints.
pub(super) fn endpoint_nodes(objects: &Objects) -> Vec<String> {
    let slices = objects.slices().iter().flat_map(|slice| slice.endpoints.iter().flatten());
    let ready =
        slices.filter(|endpoint| endpoint.conditions.as_ref().and_then(|conditions| conditions.ready) != Some(false));
    let mut names: Vec<_> = ready.filter_map(|endpoint| endpoint.node_name.clone()).collect();
    names.sort();
    names.dedup();
    names
}

/// Name of the node that a pod is on.
pub(super) fn node_name(pod: &Pod) -> Option<&str> {
    pod.spec.as_ref()?.node_name.as_deref()
}

/// Whether a pod runs, or may.
pub(super) fn is_alive(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default();
    phase != "Succeeded" && phase != "Failed"
}

pub(super) fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// Adds objects to a list that may not have been read yet, each once.
pub(super) fn add<K: k8s_openapi::Metadata<Ty = k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta>>(
    list: &mut Option<Vec<K>>,
    more: Vec<K>,
) {
    let list = list.get_or_insert_default();
    for one in more {
        let same = |other: &K| {
            other.metadata().name == one.metadata().name && other.metadata().namespace == one.metadata().namespace
        };
        if !list.iter().any(same) {
            list.push(one);
        }
    }
}
