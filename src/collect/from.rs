//! The client that `--from` names: which pods may be meant. Reads no more than that takes.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams};

use super::lookup::{is_alive, labels_text, node_name};
use super::requests::{Miss, Reader, failed};
use crate::order;
use crate::query::{Client, Query};
use crate::{Error, Result};

/// The client that `--from` names, as far as pods have to be read for it.
#[derive(Debug, Clone, Default)]
pub(super) struct ClientPods {
    /// Pods that may be meant.
    pub(super) pods: Vec<Pod>,
    /// Why their node is read.
    pub(super) words: String,
}

/// Reads the client.
pub(super) async fn read(reader: &Reader, query: &Query) -> Result<Option<ClientPods>> {
    let within = |namespace: &Option<String>| namespace.as_ref().unwrap_or(&query.namespace).clone();
    match &query.from {
        Some(Client::Pod { namespace, name }) => {
            let namespace = within(namespace);
            let api: Api<Pod> = Api::namespaced(reader.client().clone(), &namespace);
            let pod = named(reader.get(&api, name).await, "pod", &namespace, name)?;
            Ok(Some(ClientPods { pods: vec![pod], words: format!("the node of pod {namespace}/{name}") }))
        }
        Some(Client::Deployment { namespace, name }) => {
            let namespace = within(namespace);
            let api: Api<Deployment> = Api::namespaced(reader.client().clone(), &namespace);
            let deployment = named(reader.get(&api, name).await, "deployment", &namespace, name)?;
            let labels = deployment.spec.selector.match_labels.unwrap_or_default();
            let pods: Api<Pod> = Api::namespaced(reader.client().clone(), &namespace);
            let mut pods = match reader.list(&pods, &ListParams::default().labels(&labels_text(&labels))).await {
                Ok(pods) => pods,
                Err(miss) => return Err(missed(&miss, "list pods", &namespace)),
            };
            pods.retain(|pod| node_name(pod).is_some());
            order::sort_by_key(&mut pods, |pod| pod.metadata.name.clone());
            if pods.is_empty() {
                return Err(Error::usage_help(
                    format!("deployment `{namespace}/{name}` has no pod on any node"),
                    format!("kubectl get deployment {name} -n {namespace}"),
                ));
            }
            Ok(Some(ClientPods { pods, words: format!("the node of a pod of deployment {namespace}/{name}") }))
        }
        Some(Client::Address(ip)) => {
            let api: Api<Pod> = Api::all(reader.client().clone());
            let pods = reader
                .list(&api, &ListParams::default().fields(&format!("status.podIP={ip}")))
                .await
                .unwrap_or_default();
            let pods: Vec<_> = pods.into_iter().filter(|pod| node_name(pod).is_some() && is_alive(pod)).collect();
            Ok((!pods.is_empty()).then(|| ClientPods { pods, words: format!("the node of the pod with {ip}") }))
        }
        Some(Client::Node(_) | Client::External) | None => Ok(None),
    }
}

fn named<T>(answer: Result<T, Miss>, kind: &str, namespace: &str, name: &str) -> Result<T> {
    answer.map_err(|miss| match miss {
        Miss::NotFound => Error::usage_help(
            format!("no {kind} `{name}` in namespace `{namespace}`"),
            format!("kubectl get {kind}s -n {namespace}"),
        ),
        other => missed(&other, &format!("get {kind}s"), namespace),
    })
}

fn missed(miss: &Miss, what: &str, namespace: &str) -> Error {
    match miss {
        Miss::Failed(message) => failed(message.clone()),
        Miss::Denied | Miss::NotFound | Miss::Spent => Error::usage_help(
            format!("--from needs the right to {what} in `{namespace}`"),
            format!("kubectl auth can-i {what} -n {namespace}"),
        ),
    }
}
