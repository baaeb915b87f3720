//! The cluster's own DNS as objects: its Service, its pods, their configuration, a cache on the nodes. Decides nothing.

use std::net::IpAddr;

use k8s_openapi::api::core::v1::Pod;
use serde_json::Value;

pub use crate::collect::dns_names::{CACHE_CONFIG_MAPS, CONFIG_MAPS, KUBELET_CONFIG_MAP, LABEL, is_cache, is_server};

use crate::cluster::service::{TargetPort, port_number};
use crate::cluster::{PortView, ServiceView, selector};
use crate::collect::snapshot::Objects;
use crate::report::ObjectRef;
use crate::walk::packet::Protocol;

/// Namespace and name of DNS Services that lack the label, or have company: kubeadm and most others, OpenShift, RKE2.
const NAMES: [(&str, &str); 5] = [
    ("kube-system", "kube-dns"),
    ("openshift-dns", "dns-default"),
    ("kube-system", "rke2-coredns-rke2-coredns"),
    ("kube-system", "coredns"),
    ("kube-system", "kube-dns-default"),
];
/// The Service that a cache on the node asks where it has the DNS Service's own address (kubernetes/dns,
/// cmd/node-cache: `-upstreamsvc`).
const UPSTREAM: (&str, &str) = ("kube-system", "kube-dns-upstream");
/// What a DNS server listens on.
pub const DNS_PORT: u16 = 53;
/// The DNS Service.
#[derive(Debug, Clone)]
pub struct DnsService<'snap> {
    /// The Service.
    pub view: ServiceView<'snap>,
}

/// Text of one key of a ConfigMap.
#[derive(Debug, Clone, Copy)]
pub struct Config<'snap> {
    /// Namespace of the ConfigMap.
    pub namespace: &'snap str,
    /// Its name.
    pub name: &'snap str,
    /// Key.
    pub key: &'snap str,
    /// Value.
    pub text: &'snap str,
}

impl Config<'_> {
    /// Reference to the ConfigMap.
    #[must_use]
    pub fn reference(&self) -> ObjectRef {
        ObjectRef::new("ConfigMap", self.namespace, self.name)
    }
}

impl<'snap> DnsService<'snap> {
    /// Finds it: by the names that installers give it, else by its label.
    #[must_use]
    pub fn find(objects: &'snap Objects) -> Option<Self> {
        let named = NAMES
            .iter()
            .find_map(|(namespace, name)| ServiceView::find(objects, namespace, name).filter(|view| serves_dns(view)));
        let labelled = || {
            ServiceView::all(objects).find(|view| {
                let labels = view.object.metadata.labels.as_ref();
                labels.and_then(|labels| labels.get(LABEL.0)).map(String::as_str) == Some(LABEL.1)
                    && (view.namespace, view.name) != UPSTREAM
            })
        };
        let view = named.or_else(labelled).or_else(|| ServiceView::find(objects, NAMES[0].0, NAMES[0].1))?;
        Some(Self { view })
    }

    /// The Service that a cache on the node asks, where there is one.
    #[must_use]
    pub fn upstream(objects: &'snap Objects) -> Option<ServiceView<'snap>> {
        ServiceView::find(objects, UPSTREAM.0, UPSTREAM.1)
    }

    /// Its addresses.
    #[must_use]
    pub fn addresses(&self) -> &[IpAddr] {
        &self.view.cluster_ips
    }

    /// The port that answers queries by this protocol.
    #[must_use]
    pub fn port(&self, protocol: Protocol) -> Option<&PortView<'snap>> {
        self.view.ports.iter().find(|port| port.port == DNS_PORT && port.protocol == protocol)
    }

    /// Pods of DNS servers: those that it selects, and those that look like one.
    #[must_use]
    pub fn pods(&self, objects: &'snap Objects) -> Vec<&'snap Pod> {
        let selects = |pod: &Pod| {
            pod.metadata.namespace.as_deref() == Some(self.view.namespace)
                && self.view.selector.is_some_and(|labels| selector::matches(labels, pod))
        };
        objects.pods().iter().filter(|pod| selects(pod) || is_server(pod)).collect()
    }

    /// The port that its pods listen on; 53 where that cannot be told.
    #[must_use]
    pub fn pod_port(&self, objects: &Objects) -> u16 {
        match self.port(Protocol::Udp).map(|port| &port.target) {
            Some(TargetPort::Number(number)) => *number,
            Some(TargetPort::Name(name)) => {
                let containers = self.pods(objects).into_iter().filter_map(|pod| pod.spec.as_ref());
                let mut ports = containers.flat_map(|spec| &spec.containers).flat_map(|one| one.ports.iter().flatten());
                let named = ports.find(|port| port.name.as_deref() == Some(name));
                named.and_then(|port| port_number(port.container_port)).unwrap_or(DNS_PORT)
            }
            None => DNS_PORT,
        }
    }
}

fn serves_dns(view: &ServiceView<'_>) -> bool {
    view.ports.iter().any(|port| port.port == DNS_PORT)
}

/// The ConfigMaps of the cluster's DNS that were read; `None`: ConfigMaps were not asked for.
fn config_maps(objects: &Objects) -> Option<&[Value]> {
    objects.other.get("configmaps").map(Vec::as_slice)
}

/// Whether ConfigMaps were read at all.
#[must_use]
pub fn configs_were_read(objects: &Objects) -> bool {
    config_maps(objects).is_some()
}

/// One key of one of these ConfigMaps, the first that there is.
fn config<'snap>(objects: &'snap Objects, names: &[(&str, &str)], key: &'snap str) -> Option<Config<'snap>> {
    let maps = config_maps(objects)?;
    names.iter().find_map(|(namespace, name)| {
        let map = maps.iter().find(|map| {
            let meta = |field: &str| map.pointer(&format!("/metadata/{field}")).and_then(Value::as_str);
            meta("namespace") == Some(namespace) && meta("name") == Some(name)
        })?;
        let meta = |field: &str| map.pointer(&format!("/metadata/{field}")).and_then(Value::as_str).unwrap_or_default();
        let text = map.pointer("/data")?.get(key)?.as_str()?;
        Some(Config { namespace: meta("namespace"), name: meta("name"), key, text })
    })
}

/// The Corefile of CoreDNS.
#[must_use]
pub fn corefile(objects: &Objects) -> Option<Config<'_>> {
    config(objects, &CONFIG_MAPS, "Corefile")
}

/// The Corefile of the caches on the nodes.
#[must_use]
pub fn cache_corefile(objects: &Objects) -> Option<Config<'_>> {
    config(objects, &CACHE_CONFIG_MAPS, "Corefile")
}

/// The kubelet's configuration as kubeadm keeps it: what new nodes get, not proof of what a node has.
#[must_use]
pub fn kubelet_config(objects: &Objects) -> Option<Config<'_>> {
    config(objects, &[KUBELET_CONFIG_MAP], "kubelet")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::*;

    fn objects(services: &Value, pods: &Value) -> Objects {
        Objects {
            services: Some(serde_json::from_value(services.clone()).unwrap()),
            pods: Some(serde_json::from_value(pods.clone()).unwrap()),
            ..Objects::default()
        }
    }

    fn service(namespace: &str, name: &str, labels: &Value, port: u16) -> Value {
        json!({"metadata": {"namespace": namespace, "name": name, "labels": labels},
            "spec": {"clusterIP": "10.96.0.10", "selector": {"k8s-app": "kube-dns"},
                "ports": [{"port": port, "protocol": "UDP", "targetPort": "dns"}]}})
    }

    #[track_caller]
    fn found(services: &Value, expected: Option<&str>) {
        let objects = objects(services, &json!([]));
        assert_eq!(DnsService::find(&objects).map(|dns| dns.view.full_name()).as_deref(), expected);
    }

    #[test]
    fn the_service_is_found() {
        let web = service("default", "web", &json!({}), 53);
        found(&json!([web]), None);
        found(&json!([web, service("kube-system", "kube-dns", &json!({}), 53)]), Some("kube-system/kube-dns"));
        found(&json!([service("dns", "cluster", &json!({"k8s-app": "kube-dns"}), 53)]), Some("dns/cluster"));
        found(&json!([service("openshift-dns", "dns-default", &json!({}), 53)]), Some("openshift-dns/dns-default"));
        // edited until nothing of it is left, it is still the one
        found(&json!([service("kube-system", "kube-dns", &json!({}), 5300)]), Some("kube-system/kube-dns"));
        found(&json!([service("kube-system", "kube-dns-upstream", &json!({"k8s-app": "kube-dns"}), 53)]), None);
    }

    #[test]
    fn pods_of_dns() {
        let pod = |name: &str, labels: Value, image: &str| {
            json!({"metadata": {"namespace": "kube-system", "name": name, "labels": labels},
            "spec": {"containers": [{"name": "c", "image": image}]}})
        };
        let objects = objects(
            &json!([service("kube-system", "kube-dns", &json!({}), 53)]),
            &json!([
                pod("a", json!({"k8s-app": "kube-dns"}), "kubelab:dev"),
                pod("b", json!({"app": "x"}), "registry.k8s.io/coredns/coredns:v1.13.1"),
                pod("c", json!({"k8s-app": "node-local-dns"}), "registry.k8s.io/dns/k8s-dns-node-cache:1.26"),
                pod("d", json!({}), "coredns-exporter:1"),
            ]),
        );
        let pods = DnsService::find(&objects).unwrap().pods(&objects);
        let names: Vec<_> = pods.iter().filter_map(|pod| pod.metadata.name.as_deref()).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(objects.pods().iter().filter(|pod| is_cache(pod)).count(), 1);
    }
}
