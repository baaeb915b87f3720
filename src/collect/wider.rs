//! The kinds beside Services that a bundle and a check read: policies, routes, webhooks, ranges, events. Each is one
//! list; a right that is missing is said once, and counts as nothing that was asked.

use k8s_openapi::api::core::v1::Endpoints;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy};
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, ListParams};

use super::requests::{Miss, Reader, failed};
use super::snapshot::Objects;
use crate::Result;
use crate::report::{Code, Gap};

/// Group, version, kind and plural of a kind that is kept as it is printed, and whether it has namespaces.
type Raw = (&'static str, &'static str, &'static str, &'static str, Place);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Namespaced,
    Cluster,
}

/// Kinds that few checks look at. A cluster that does not serve one has none of it.
const RAW: &[Raw] = &[
    ("", "v1", "Namespace", "namespaces", Place::Cluster),
    ("networking.k8s.io", "v1", "ServiceCIDR", "servicecidrs", Place::Cluster),
    (
        "admissionregistration.k8s.io",
        "v1",
        "ValidatingWebhookConfiguration",
        "validatingwebhookconfigurations",
        Place::Cluster,
    ),
    (
        "admissionregistration.k8s.io",
        "v1",
        "MutatingWebhookConfiguration",
        "mutatingwebhookconfigurations",
        Place::Cluster,
    ),
    ("apiregistration.k8s.io", "v1", "APIService", "apiservices", Place::Cluster),
    ("apps", "v1", "Deployment", "deployments", Place::Namespaced),
    ("apps", "v1", "StatefulSet", "statefulsets", Place::Namespaced),
    ("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes", Place::Namespaced),
    ("gateway.networking.k8s.io", "v1", "GRPCRoute", "grpcroutes", Place::Namespaced),
];

/// Reads them into `objects`, of one namespace or of all.
///
/// # Errors
/// The API server failed.
pub(super) async fn read(
    reader: &Reader,
    namespace: Option<&str>,
    objects: &mut Objects,
    gaps: &mut Vec<Gap>,
) -> Result<()> {
    let mut denied: Vec<&str> = Vec::new();
    objects.policies = had(typed::<NetworkPolicy>(reader, namespace).await, "networkpolicies", &mut denied)?;
    objects.ingresses = had(typed::<Ingress>(reader, namespace).await, "ingresses", &mut denied)?;
    objects.endpoints = had(typed::<Endpoints>(reader, namespace).await, "endpoints", &mut denied)?;
    objects.events = had(typed::<Event>(reader, namespace).await, "events", &mut denied)?;
    let read = [
        ("networkpolicies", objects.policies.is_some()),
        ("ingresses", objects.ingresses.is_some()),
        ("endpoints", objects.endpoints.is_some()),
        ("events", objects.events.is_some()),
    ];
    let mut whole: Vec<&str> = read.iter().filter(|(_, was_read)| *was_read).map(|(name, _)| *name).collect();
    for (group, version, kind, plural, place) in RAW {
        let kind = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural);
        let client = reader.client().clone();
        let api: Api<DynamicObject> = match namespace.filter(|_| *place == Place::Namespaced) {
            Some(namespace) => Api::namespaced_with(client, namespace, &kind),
            None => Api::all_with(client, &kind),
        };
        let list = reader.list(&api, &ListParams::default()).await;
        if let Some(list) = had(list, plural, &mut denied)? {
            let values = list.iter().filter_map(|one| serde_json::to_value(one).ok()).collect();
            objects.other.insert((*plural).to_owned(), values);
            whole.push(plural);
        }
    }
    if namespace.is_none() {
        objects.whole.extend(whole.into_iter().map(ToOwned::to_owned));
    }
    if !denied.is_empty() {
        let mut gap = Gap::new(Code::RbacDenied, None, format!("you may not list {}", denied.join(", ")));
        gap.lost = Some("what they say of Services".to_owned());
        gap.help = denied.first().map(|first| format!("kubectl auth can-i list {first}"));
        gap.counts = false;
        gaps.push(gap);
    }
    Ok(())
}

async fn typed<K>(reader: &Reader, namespace: Option<&str>) -> Result<Vec<K>, Miss>
where
    K: kube::Resource<Scope = kube::core::NamespaceResourceScope>
        + Clone
        + serde::de::DeserializeOwned
        + std::fmt::Debug,
    K::DynamicType: Default,
{
    let client = reader.client().clone();
    let api: Api<K> = namespace.map_or_else(|| Api::all(client.clone()), |name| Api::namespaced(client.clone(), name));
    reader.list(&api, &ListParams::default()).await
}

/// What a cluster does not serve is none of it; what may not be read is noted.
fn had<T>(
    answer: Result<Vec<T>, Miss>,
    plural: &'static str,
    denied: &mut Vec<&'static str>,
) -> Result<Option<Vec<T>>> {
    match answer {
        Ok(list) => Ok(Some(list)),
        Err(Miss::NotFound) => Ok(Some(Vec::new())),
        Err(Miss::Denied) => {
            denied.push(plural);
            Ok(None)
        }
        Err(Miss::Failed(message)) => Err(failed(message)),
    }
}
