//! The client that `--from` names: which pods may be meant. Reads no more than that takes.

use std::fmt::Debug;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::api::{Api, ListParams};
use serde::de::DeserializeOwned;

use super::lookup::{is_alive, labels_text, node_name};
use super::requests::{Miss, Reader, failed};
use crate::cluster::nearest;
use crate::order;
use crate::query::Client;
use crate::{Error, Result};

/// The client that `--from` names, as far as pods have to be read for it.
#[derive(Debug, Clone, Default)]
pub(super) struct ClientPods {
    /// Pods that may be meant.
    pub(super) pods: Vec<Pod>,
    /// Why their node is read.
    pub(super) words: String,
}

/// Reads the client; a name without a namespace is of `home`.
pub(super) async fn read(reader: &Reader, from: Option<&Client>, home: &str) -> Result<Option<ClientPods>> {
    let within = |namespace: &Option<String>| namespace.as_deref().unwrap_or(home).to_owned();
    match from {
        Some(Client::Pod { namespace, name }) => {
            let namespace = within(namespace);
            let api: Api<Pod> = Api::namespaced(reader.client().clone(), &namespace);
            let pod = match reader.get(&api, name).await {
                Err(Miss::NotFound) => return Err(not_there(&api, reader, ("pod", &namespace, name)).await),
                other => other.map_err(|miss| missed(&miss, "get pods", &namespace))?,
            };
            Ok(Some(ClientPods { pods: vec![pod], words: format!("the node of pod {namespace}/{name}") }))
        }
        Some(Client::Deployment { namespace, name }) => {
            let namespace = within(namespace);
            let api: Api<Deployment> = Api::namespaced(reader.client().clone(), &namespace);
            let deployment = match reader.get(&api, name).await {
                Err(Miss::NotFound) => return Err(not_there(&api, reader, ("deployment", &namespace, name)).await),
                other => other.map_err(|miss| missed(&miss, "get deployments", &namespace))?,
            };
            let pods: Api<Pod> = Api::namespaced(reader.client().clone(), &namespace);
            let labels = selected(&deployment.spec.selector);
            let mut pods = match reader.list(&pods, &ListParams::default().labels(&labels)).await {
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

/// There is none of that name: those that come near are told.
async fn not_there<K>(api: &Api<K>, reader: &Reader, (kind, namespace, name): (&str, &str, &str)) -> Error
where
    K: kube::Resource + Clone + DeserializeOwned + Debug,
{
    let all = reader.list(api, &ListParams::default()).await.unwrap_or_default();
    let near = nearest::closest(name, all.iter().filter_map(|one| one.meta().name.as_deref()));
    Error::usage_help(
        format!("no {kind} `{name}` in namespace `{namespace}`"),
        near.map_or_else(|| format!("kubectl get {kind}s -n {namespace}"), |near| format!("did you mean `{near}`?")),
    )
}

/// A selector as the API takes it in a request.
fn selected(selector: &LabelSelector) -> String {
    let labels = selector.match_labels.iter().filter(|labels| !labels.is_empty()).map(labels_text);
    let expressions = selector.match_expressions.iter().flatten().map(|one| {
        let (key, values) = (&one.key, one.values.clone().unwrap_or_default().join(","));
        match one.operator.as_str() {
            "In" => format!("{key} in ({values})"),
            "NotIn" => format!("{key} notin ({values})"),
            "DoesNotExist" => format!("!{key}"),
            _ => key.clone(),
        }
    });
    labels.chain(expressions).collect::<Vec<_>>().join(",")
}

fn missed(miss: &Miss, what: &str, namespace: &str) -> Error {
    match miss {
        Miss::Failed(message) => failed(message.clone()),
        Miss::Denied | Miss::NotFound => Error::usage_help(
            format!("--from needs the right to {what} in `{namespace}`"),
            format!("kubectl auth can-i {what} -n {namespace}"),
        ),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[track_caller]
    fn case(selector: Value, expected: &str) {
        assert_eq!(selected(&serde_json::from_value(selector).unwrap()), expected);
    }

    #[test]
    fn selectors_of_requests() {
        case(json!({"matchLabels": {"app": "web", "tier": "front"}}), "app=web,tier=front");
        let expressions = json!([
            {"key": "app", "operator": "In", "values": ["web", "shop"]}, {"key": "track", "operator": "NotIn", "values": ["canary"]},
            {"key": "tier", "operator": "Exists"}, {"key": "old", "operator": "DoesNotExist"},
        ]);
        case(json!({"matchExpressions": expressions}), "app in (web,shop),track notin (canary),tier,!old");
        case(json!({"matchLabels": {"a": "b"}, "matchExpressions": [{"key": "c", "operator": "Exists"}]}), "a=b,c");
    }
}
