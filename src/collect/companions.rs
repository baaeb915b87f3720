//! The pods that stand beside a Service on the nodes that are read: service proxies and network plugins, and one
//! ordinary pod of each node as its client.

use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams};

use super::lookup::{add, is_alive, node_name};
use super::objects::is_proxy;
use super::requests::{Miss, Reader};
use super::snapshot::Objects;
use crate::order;

/// Up to so many nodes are asked for their pods one by one.
const FEW: usize = 2;

/// `k8s-app` of proxies and plugins, as their own manifests give it; EKS and kubeadm label kube-proxy so, GKE and AKS
/// by `component`.
const LABELLED: &str =
    "k8s-app in (kube-proxy,cilium,calico-node,aws-node,antrea,kube-router,flannel,kindnet,weave-net,canal)";

/// Reads them into `objects`. What may not be read is left unread: nothing is claimed of it.
pub async fn read(reader: &Reader, objects: &mut Objects, namespace: &str, nodes: &[String]) {
    let everywhere: Api<Pod> = Api::all(reader.client().clone());
    if nodes.len() <= FEW {
        for node in nodes {
            match reader.list(&everywhere, &ListParams::default().fields(&format!("spec.nodeName={node}"))).await {
                Ok(pods) => take(objects, namespace, node, pods),
                Err(Miss::Denied | Miss::NotFound | Miss::Failed(_)) => system(reader, objects).await,
            }
        }
        return;
    }
    match reader.list(&everywhere, &ListParams::default().labels(LABELLED)).await {
        Ok(pods) => {
            let kube_proxy = pods.iter().any(|pod| has_name(pod, "kube-proxy"));
            add(&mut objects.proxies, pods);
            if !kube_proxy
                && reader.may_ask(3)
                && let Ok(pods) = reader.list(&everywhere, &ListParams::default().labels("component=kube-proxy")).await
            {
                add(&mut objects.proxies, pods);
            }
        }
        Err(_) => system(reader, objects).await,
    }
}

/// The same from kube-system alone, for who may not list the pods of all namespaces.
async fn system(reader: &Reader, objects: &mut Objects) {
    let api: Api<Pod> = Api::namespaced(reader.client().clone(), "kube-system");
    if objects.proxies.is_none()
        && let Ok(pods) = reader.list(&api, &ListParams::default().labels(LABELLED)).await
    {
        add(&mut objects.proxies, pods);
    }
}

fn take(objects: &mut Objects, namespace: &str, node: &str, pods: Vec<Pod>) {
    let (proxies, others): (Vec<_>, Vec<_>) = pods.into_iter().filter(is_alive).partition(is_companion);
    add(&mut objects.proxies, proxies);
    let known =
        |pod: &Pod| {
            objects.pods.iter().flatten().any(|other| {
                other.metadata.name == pod.metadata.name && other.metadata.namespace == pod.metadata.namespace
            })
        };
    let mut clients: Vec<_> =
        others.into_iter().filter(|pod| is_client(pod) && node_name(pod) == Some(node) && !known(pod)).collect();
    // one that is no endpoint and lives where the Service does is the likeliest client
    order::sort_by_key(&mut clients, |pod| {
        (pod.metadata.namespace.as_deref() != Some(namespace), pod.metadata.name.clone())
    });
    clients.truncate(1);
    add(&mut objects.pods, clients);
}

fn is_companion(pod: &Pod) -> bool {
    let labels = pod.metadata.labels.as_ref();
    let label = |key: &str| labels.and_then(|labels| labels.get(key)).map(String::as_str);
    is_proxy(pod.metadata.name.as_deref().unwrap_or_default())
        || label("component") == Some("kube-proxy")
        || label("k8s-app").is_some_and(|app| is_proxy(&format!("{app}-")))
}

fn has_name(pod: &Pod, part: &str) -> bool {
    pod.metadata.name.as_deref().is_some_and(|name| name.contains(part))
}

fn is_client(pod: &Pod) -> bool {
    let status = pod.status.as_ref();
    pod.metadata.deletion_timestamp.is_none()
        && pod.spec.as_ref().is_some_and(|spec| spec.host_network != Some(true))
        && status.and_then(|status| status.phase.as_deref()) == Some("Running")
        && status.and_then(|status| status.pod_ip.as_deref()).is_some_and(|ip| !ip.is_empty())
}

/// The kube-proxy pod of a node.
#[must_use]
pub fn kube_proxy<'a>(objects: &'a Objects, node: &str) -> Option<&'a Pod> {
    objects
        .proxies
        .iter()
        .flatten()
        .find(|pod| node_name(pod) == Some(node) && has_name(pod, "kube-proxy") && is_alive(pod))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(namespace: &str, name: &str, labels: &serde_json::Value, host: bool) -> Pod {
        serde_json::from_value(json!({
            "metadata": {"namespace": namespace, "name": name, "labels": labels},
            "spec": {"nodeName": "a", "hostNetwork": host, "containers": []},
            "status": {"phase": "Running", "podIP": "10.244.1.9"},
        }))
        .unwrap()
    }

    #[test]
    fn proxies_and_one_client_are_kept() {
        let mut objects = Objects { pods: Some(vec![pod("shop", "web-1", &json!({}), false)]), ..Objects::default() };
        let pods = vec![
            pod("kube-system", "kube-proxy-abc", &json!({}), true),
            pod("kube-system", "agent-x", &json!({"k8s-app": "cilium"}), true),
            pod("kube-system", "gke-y", &json!({"component": "kube-proxy"}), true),
            pod("default", "a-stranger", &json!({}), false),
            pod("shop", "zzz", &json!({}), false),
            pod("shop", "web-1", &json!({}), false),
            pod("shop", "host", &json!({}), true),
        ];
        take(&mut objects, "shop", "a", pods);
        let names = |list: &Option<Vec<Pod>>| {
            list.iter().flatten().filter_map(|pod| pod.metadata.name.clone()).collect::<Vec<_>>()
        };
        assert_eq!(names(&objects.proxies), ["kube-proxy-abc", "agent-x", "gke-y"]);
        assert_eq!(names(&objects.pods), ["web-1", "zzz"]);
        assert_eq!(kube_proxy(&objects, "a").unwrap().metadata.name.as_deref(), Some("kube-proxy-abc"));
        assert!(kube_proxy(&objects, "b").is_none());
    }
}
