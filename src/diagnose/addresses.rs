//! ST217: one address, two running pods.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::Pod;

use crate::cluster::readiness::{addresses, is_alive, phase};
use crate::cluster::service::TargetPort;
use crate::cluster::summary::container_port;
use crate::report::{Code, Finding};

use super::context::{Context, field_of, pod_name, pod_ref};
use super::words;

/// ST217: an endpoint's address is that of two running pods.
pub(super) fn duplicate_endpoint_address(context: &Context<'_, '_>) -> Vec<Finding> {
    let endpoints: BTreeSet<&str> = context
        .endpoints
        .slices
        .iter()
        .flat_map(|slice| slice.endpoints.as_deref().unwrap_or_default())
        .flat_map(|endpoint| endpoint.addresses.iter().map(String::as_str))
        .collect();
    let mut by_address: BTreeMap<String, Vec<&Pod>> = BTreeMap::new();
    for address in endpoints {
        let sharing = context.index.sharing(address);
        if !sharing.is_empty() {
            by_address.insert(format!("address {address}"), sharing.to_vec());
        }
    }
    for pod in context.selected_alive().filter(|pod| is_running(pod) && on_host_network(pod)) {
        let Some(node) = pod.spec.as_ref().and_then(|s| s.node_name.as_deref()) else { continue };
        for port in context.ports {
            let target = match port.target {
                TargetPort::Number(number) => Some(number),
                TargetPort::Name(name) => container_port(pod, name, port),
            };
            if let Some(target) = target {
                by_address.entry(format!("port {target}/{} of {node}", port.protocol.as_str())).or_default().push(pod);
            }
        }
    }
    // Only their uids prove that two entries are two pods and not one that was written down twice.
    let uids = |pods: &[&Pod]| pods.iter().filter_map(|pod| pod.metadata.uid.clone()).collect::<BTreeSet<_>>().len();
    let doubled = by_address.into_iter().filter(|(_, pods)| uids(pods) > 1);
    doubled
        .map(|(address, pods)| {
            let names: Vec<String> = pods.iter().map(|pod| name_from(context, pod)).collect();
            let mut finding = context.finding(
                Code::DuplicateEndpointAddress,
                format!("{address} is that of {}: {}", words::count(pods.len(), "running pod"), words::list(&names)),
            );
            finding.details.push("which of them answers is up to the network".into());
            for pod in &pods {
                finding.evidence.push(field_of(pod_ref(pod), "status.podIP", addresses(pod).join(", ")));
            }
            finding.help = pods.first().map(|pod| match addresses(pod).first() {
                Some(ip) => format!("kubectl get pods -A -o wide --field-selector status.podIP={}", words::shell(ip)),
                None => context.kubectl(&format!("describe pod {}", words::shell(pod_name(pod)))),
            });
            finding
        })
        .collect()
}

/// Name of a pod, with its namespace where that is not the Service's.
fn name_from(context: &Context<'_, '_>, pod: &Pod) -> String {
    match pod.metadata.namespace.as_deref() {
        Some(namespace) if namespace != context.view.namespace => format!("{namespace}/{}", pod_name(pod)),
        Some(_) | None => pod_name(pod).to_owned(),
    }
}

fn is_running(pod: &Pod) -> bool {
    phase(pod) == "Running" && is_alive(pod)
}

fn on_host_network(pod: &Pod) -> bool {
    pod.spec.as_ref().and_then(|s| s.host_network).unwrap_or_default()
}
