//! Names that exist, for completion: few requests, a short deadline, and silence where there is no answer.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Namespace, Node, Pod, Service};
use kube::api::{Api, ListParams};
use kube::{Client, Resource};

use super::client::{connect, namespace_of};
use super::config::KubeOptions;

/// Longest time that a person waits for a completion before typing on.
const DEADLINE: Duration = Duration::from_secs(2);
/// The most names that are asked for.
const MOST: u32 = 500;

/// What names are wanted of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// Services of the namespace, as `web`.
    Services,
    /// Ports of the Services of the namespace, as `web:http`.
    ServicePorts,
    /// Clients, as `pod/web-1` and `node/a`.
    Clients,
    /// Nodes.
    Nodes,
    /// Namespaces.
    Namespaces,
    /// Contexts of the kubeconfig.
    Contexts,
}

/// The names that there are; none if that cannot be told in time.
#[must_use]
pub fn list(what: Names, options: &KubeOptions) -> Vec<String> {
    if what == Names::Contexts {
        return contexts(options);
    }
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return Vec::new() };
    let asked = runtime.block_on(async { tokio::time::timeout(DEADLINE, ask(what, options)).await });
    // a name resolution that hangs would be waited for when the runtime goes
    runtime.shutdown_background();
    let mut names = asked.ok().flatten().unwrap_or_default();
    names.retain(|name| name.bytes().all(|b| b.is_ascii_graphic()));
    names
}

async fn ask(what: Names, options: &KubeOptions) -> Option<Vec<String>> {
    let client = connect(options).await.ok()?;
    let namespace = namespace_of(options).ok()?;
    let params = ListParams::default().limit(MOST);
    match what {
        Names::Services => metadata::<Service>(Api::namespaced(client, &namespace)).await,
        Names::ServicePorts => {
            let services = Api::<Service>::namespaced(client, &namespace).list(&params).await.ok()?;
            Some(services.items.iter().flat_map(ports).collect())
        }
        Names::Clients => {
            let pods = metadata::<Pod>(Api::namespaced(client.clone(), &namespace)).await.unwrap_or_default();
            let nodes = metadata::<Node>(Api::all(client)).await.unwrap_or_default();
            let kinds =
                pods.iter().map(|name| format!("pod/{name}")).chain(nodes.iter().map(|name| format!("node/{name}")));
            Some(kinds.chain(std::iter::once("external".to_owned())).collect())
        }
        Names::Nodes => all::<Node>(client).await,
        Names::Namespaces => all::<Namespace>(client).await,
        Names::Contexts => None,
    }
}

async fn all<K>(client: Client) -> Option<Vec<String>>
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::ClusterResourceScope>
        + Clone
        + std::fmt::Debug
        + serde::de::DeserializeOwned,
{
    metadata::<K>(Api::all(client)).await
}

async fn metadata<K>(api: Api<K>) -> Option<Vec<String>>
where
    K: Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    let list = api.list_metadata(&ListParams::default().limit(MOST)).await.ok()?;
    Some(list.items.into_iter().filter_map(|item| item.metadata.name).collect())
}

/// `web:http`, or `web:80` where the port has no name.
fn ports(service: &Service) -> Vec<String> {
    let Some(name) = &service.metadata.name else { return Vec::new() };
    let ports = service.spec.as_ref().and_then(|spec| spec.ports.as_deref()).unwrap_or_default();
    ports
        .iter()
        .map(|port| port.name.as_ref().map_or_else(|| format!("{name}:{}", port.port), |port| format!("{name}:{port}")))
        .collect()
}

fn contexts(options: &KubeOptions) -> Vec<String> {
    let read = match &options.kubeconfig {
        Some(file) => kube::config::Kubeconfig::read_from(file),
        None => kube::config::Kubeconfig::read(),
    };
    read.map(|config| config.contexts.into_iter().map(|context| context.name).collect()).unwrap_or_default()
}
