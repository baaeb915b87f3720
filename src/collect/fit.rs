//! Lists of objects as long as they are, for they are kept by the ten thousand: a list that is read grows by doubling,
//! from room for four.

use k8s_openapi::api::core::v1::{Container, ContainerStatus, Endpoints, Node, Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy};
use serde_json::Value;

/// An object whose lists can be made to fit.
pub(super) trait Fit {
    /// Gives back the room that nothing stands in, where that is much.
    fn fit(&mut self) {}
}

impl Fit for Service {
    fn fit(&mut self) {
        let Some(spec) = &mut self.spec else { return };
        list(&mut spec.ports);
        list(&mut spec.cluster_ips);
        list(&mut spec.ip_families);
    }
}

impl Fit for EndpointSlice {
    fn fit(&mut self) {
        list(&mut self.ports);
        list(&mut self.endpoints);
        for endpoint in self.endpoints.iter_mut().flatten() {
            endpoint.addresses.shrink_to_fit();
        }
    }
}

impl Fit for Endpoints {
    fn fit(&mut self) {
        list(&mut self.subsets);
        for subset in self.subsets.iter_mut().flatten() {
            list(&mut subset.addresses);
            list(&mut subset.not_ready_addresses);
            list(&mut subset.ports);
        }
    }
}

impl Fit for Pod {
    fn fit(&mut self) {
        if let Some(spec) = &mut self.spec {
            spec.containers.shrink_to_fit();
            list(&mut spec.init_containers);
            list(&mut spec.volumes);
            list(&mut spec.tolerations);
            spec.containers.iter_mut().chain(spec.init_containers.iter_mut().flatten()).for_each(container);
        }
        if let Some(status) = &mut self.status {
            list(&mut status.conditions);
            list(&mut status.pod_ips);
            list(&mut status.host_ips);
            statuses(&mut status.container_statuses);
            statuses(&mut status.init_container_statuses);
        }
    }
}

impl Fit for Node {}
impl Fit for NetworkPolicy {}
impl Fit for Ingress {}
impl Fit for Value {}

fn container(container: &mut Container) {
    list(&mut container.env);
    list(&mut container.ports);
    list(&mut container.volume_mounts);
}

fn statuses(all: &mut Option<Vec<ContainerStatus>>) {
    list(all);
    for status in all.iter_mut().flatten() {
        list(&mut status.volume_mounts);
    }
}

fn list<T>(list: &mut Option<Vec<T>>) {
    if let Some(list) = list {
        list.shrink_to_fit();
    }
}
