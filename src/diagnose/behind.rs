//! What stands behind addresses: pods and nodes, by the objects that were read.

use crate::cluster::owners::Owners;
use crate::cluster::{NodeView, ServiceEndpoints, readiness};
use crate::collect::snapshot::Objects;

use super::clients::{on_host_network, pod_addresses, pod_name};
use super::outcome::{Behind, node_words};

/// What stands behind addresses: pods, and nodes.
#[must_use]
pub(super) fn behind(objects: &Objects, endpoints: Option<&ServiceEndpoints<'_>>, owners: Owners) -> Behind {
    let mut behind = Behind { owners, ..Behind::default() };
    for node in objects.nodes() {
        let view = NodeView::new(node);
        for ip in &view.addresses {
            behind.known.insert(*ip, (node_words(view.name), Some(view.name.into())));
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
