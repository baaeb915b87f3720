//! Objects by what they are looked up by. Each index is built when it is first asked for, and once: a check of all
//! Services must not look through all objects for each of them. Judges nothing.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use ipnet::IpNet;
use k8s_openapi::api::core::v1::{Endpoints, Pod};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use rustc_hash::FxHashMap;

use crate::collect::snapshot::Objects;

use super::endpoints::slice_service;
use super::node::NodeView;
use super::readiness;
use super::selector::matches;
use super::service::ServiceView;

/// By namespace, then by name.
type ByName<'snap, T> = FxHashMap<&'snap str, FxHashMap<&'snap str, T>>;
/// Pods of one namespace by name.
pub(super) type PodsByName<'snap> = Arc<BTreeMap<&'snap str, &'snap Pod>>;
/// Pods by namespace, label and value.
type ByLabel<'snap> = FxHashMap<&'snap str, ByName<'snap, Vec<&'snap Pod>>>;

/// Objects, and the ways to look them up.
#[derive(Debug)]
pub struct Index<'snap> {
    /// All of them.
    pub objects: &'snap Objects,
    slices: OnceLock<ByName<'snap, Vec<&'snap EndpointSlice>>>,
    legacy: OnceLock<ByName<'snap, &'snap Endpoints>>,
    pods: OnceLock<FxHashMap<&'snap str, PodsByName<'snap>>>,
    labelled: OnceLock<ByLabel<'snap>>,
    on_node: OnceLock<FxHashMap<&'snap str, Vec<&'snap Pod>>>,
    shared: OnceLock<FxHashMap<&'snap str, Vec<&'snap Pod>>>,
    cluster_ips: OnceLock<FxHashMap<IpAddr, ServiceView<'snap>>>,
    pod_ranges: OnceLock<Vec<IpNet>>,
}

impl<'snap> Index<'snap> {
    /// Of these objects; nothing is built yet.
    #[must_use]
    pub fn new(objects: &'snap Objects) -> Self {
        Self {
            objects,
            slices: OnceLock::new(),
            legacy: OnceLock::new(),
            pods: OnceLock::new(),
            labelled: OnceLock::new(),
            on_node: OnceLock::new(),
            shared: OnceLock::new(),
            cluster_ips: OnceLock::new(),
            pod_ranges: OnceLock::new(),
        }
    }

    /// Slices that are labelled for a Service.
    pub(super) fn slices_of(&self, namespace: &str, service: &str) -> &[&'snap EndpointSlice] {
        let slices = self.slices.get_or_init(|| {
            let mut slices = ByName::<Vec<&EndpointSlice>>::default();
            for slice in self.objects.slices() {
                if let (Some(namespace), Some(name)) = (slice.metadata.namespace.as_deref(), slice_service(slice)) {
                    slices.entry(namespace).or_default().entry(name).or_default().push(slice);
                }
            }
            slices
        });
        slices.get(namespace).and_then(|names| names.get(service)).map(Vec::as_slice).unwrap_or_default()
    }

    /// v1 Endpoints of a Service.
    pub(super) fn legacy_of(&self, namespace: &str, service: &str) -> Option<&'snap Endpoints> {
        let legacy = self.legacy.get_or_init(|| {
            let mut legacy = ByName::<&Endpoints>::default();
            for one in self.objects.endpoints() {
                if let (Some(namespace), Some(name)) = (one.metadata.namespace.as_deref(), one.metadata.name.as_deref())
                {
                    legacy.entry(namespace).or_default().entry(name).or_insert(one);
                }
            }
            legacy
        });
        legacy.get(namespace)?.get(service).copied()
    }

    /// Pods of a namespace by name.
    pub(super) fn pods_of(&self, namespace: &str) -> PodsByName<'snap> {
        let pods = self.pods.get_or_init(|| {
            let mut pods: FxHashMap<&str, BTreeMap<&str, &Pod>> = FxHashMap::default();
            for pod in self.objects.pods() {
                if let (Some(namespace), Some(name)) = (pod.metadata.namespace.as_deref(), pod.metadata.name.as_deref())
                {
                    pods.entry(namespace).or_default().insert(name, pod);
                }
            }
            pods.into_iter().map(|(namespace, pods)| (namespace, Arc::new(pods))).collect()
        });
        pods.get(namespace).cloned().unwrap_or_default()
    }

    /// Pods of a namespace that have all these labels, in the order they were read in.
    #[must_use]
    pub fn selected(&self, namespace: &str, selector: &BTreeMap<String, String>) -> Vec<&'snap Pod> {
        let labelled = self.labelled.get_or_init(|| {
            let mut labelled = ByLabel::default();
            for pod in self.objects.pods() {
                let Some(namespace) = pod.metadata.namespace.as_deref() else { continue };
                for (key, value) in pod.metadata.labels.iter().flatten() {
                    let labels = labelled.entry(namespace).or_default();
                    labels.entry(key).or_default().entry(value).or_default().push(pod);
                }
            }
            labelled
        });
        let with = |(key, value): (&String, &String)| {
            let values = labelled.get(namespace).and_then(|labels| labels.get(key.as_str()));
            values.and_then(|values| values.get(value.as_str())).map(Vec::as_slice).unwrap_or_default()
        };
        let rarest = selector.iter().map(with).min_by_key(|pods| pods.len()).unwrap_or_default();
        rarest.iter().copied().filter(|pod| matches(selector, pod)).collect()
    }

    /// Pods of a node, in the order they were read in.
    #[must_use]
    pub fn pods_on(&self, node: &str) -> &[&'snap Pod] {
        let on_node = self.on_node.get_or_init(|| {
            let mut on_node: FxHashMap<&str, Vec<&Pod>> = FxHashMap::default();
            for pod in self.objects.pods() {
                if let Some(node) = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()) {
                    on_node.entry(node).or_default().push(pod);
                }
            }
            on_node
        });
        on_node.get(node).map(Vec::as_slice).unwrap_or_default()
    }

    /// Running pods with a network of their own that have this address, where there are several.
    #[must_use]
    pub fn sharing(&self, address: &str) -> &[&'snap Pod] {
        let shared = self.shared.get_or_init(|| {
            let mut shared: FxHashMap<&str, Vec<&Pod>> = FxHashMap::default();
            let own = |pod: &&Pod| !pod.spec.as_ref().and_then(|spec| spec.host_network).unwrap_or_default();
            let running = |pod: &&Pod| readiness::phase(pod) == "Running" && readiness::is_alive(pod);
            for pod in self.objects.pods().iter().filter(own).filter(running) {
                for address in readiness::addresses(pod) {
                    shared.entry(address).or_default().push(pod);
                }
            }
            shared.retain(|_, pods| pods.len() > 1);
            shared
        });
        shared.get(address).map(Vec::as_slice).unwrap_or_default()
    }

    /// The Service with this cluster IP.
    #[must_use]
    pub fn with_cluster_ip(&self, ip: IpAddr) -> Option<&ServiceView<'snap>> {
        let cluster_ips = self.cluster_ips.get_or_init(|| {
            let mut cluster_ips = FxHashMap::default();
            for view in ServiceView::all(self.objects) {
                for ip in view.cluster_ips.clone() {
                    cluster_ips.entry(ip).or_insert_with(|| view.clone());
                }
            }
            cluster_ips
        });
        cluster_ips.get(&ip)
    }

    /// Ranges that pods have their addresses from, on any node.
    #[must_use]
    pub fn pod_ranges(&self) -> &[IpNet] {
        self.pod_ranges
            .get_or_init(|| self.objects.nodes().iter().flat_map(|node| NodeView::new(node).pod_ranges).collect())
    }
}
