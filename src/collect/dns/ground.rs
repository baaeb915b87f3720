//! Where is asked from: nodes, and on each which client. A pure choice among what the API named.

use std::net::IpAddr;

use k8s_openapi::api::core::v1::Pod;

use crate::collect::api::Found;
use crate::collect::from::ClientPods;
use crate::collect::local;
use crate::collect::lookup::{is_alive, node_name};
use crate::collect::manifest::Privilege;
use crate::collect::snapshot::Objects;
use crate::probe::{Place, PlaceClient};
use crate::query::{Client, DnsQuery};
use crate::{Error, Result};

/// A place to ask from, and what it takes.
#[derive(Debug, Clone)]
pub(super) struct Ground {
    pub(super) node: String,
    pub(super) client: PlaceClient,
    pub(super) privilege: Privilege,
    /// Id of a container whose network namespace is entered.
    pub(super) container: Option<String>,
}

impl Ground {
    /// This very machine.
    pub(super) fn here(objects: &Objects) -> Self {
        let host = local::host_name();
        let pods = objects.pods().iter();
        let name = local::name_among(objects.nodes(), &host);
        // in a pod the host name is the pod's
        let pod = pods.into_iter().find(|pod| pod.metadata.name.as_deref() == Some(&host) && is_alive(pod));
        match (name, pod) {
            (None, Some(pod)) => Self {
                node: node_name(pod).unwrap_or(&host).to_owned(),
                client: of_pod(pod),
                privilege: Privilege::Asker,
                container: None,
            },
            (name, _) => Self {
                node: name.unwrap_or(host),
                client: PlaceClient::Host,
                privilege: Privilege::HostAsker,
                container: None,
            },
        }
    }

    /// The place, nothing being asked yet.
    pub(super) fn place(&self) -> Place {
        Place { node: self.node.clone(), client: self.client.clone(), ..Place::default() }
    }
}

/// The places that the question means; the choice of nodes is made already where no client is named.
pub(super) fn grounds(found: &mut Found, query: &DnsQuery, client: Option<ClientPods>) -> Result<Vec<Ground>> {
    match &query.from {
        Some(Client::Node(node)) => {
            if found
                .objects
                .nodes
                .as_ref()
                .is_some_and(|nodes| !nodes.iter().any(|one| one.metadata.name.as_ref() == Some(node)))
            {
                return Err(Error::usage_help(format!("no node `{}`", node.escape_debug()), "kubectl get nodes"));
            }
            found.chosen.why = "asked for by name".into();
            Ok(vec![Ground {
                node: node.clone(),
                client: PlaceClient::Host,
                privilege: Privilege::HostAsker,
                container: None,
            }])
        }
        Some(Client::Pod { name, .. } | Client::Deployment { name, .. }) => {
            let client = client.unwrap_or_default();
            let running = client.pods.iter().find(|pod| is_alive(pod) && node_name(pod).is_some());
            let pod = running.ok_or_else(|| {
                Error::usage_help(
                    format!("no pod of `{name}` runs"),
                    format!("kubectl get pods -o wide -n {}", namespace_of(query)),
                )
            })?;
            let ground = entered(pod)?;
            found.chosen.why = client.words;
            Ok(vec![ground])
        }
        Some(Client::Address(_) | Client::External) | None => Ok(found
            .chosen
            .nodes
            .iter()
            .map(|node| Ground {
                node: node.clone(),
                client: PlaceClient::OwnPod,
                privilege: Privilege::Asker,
                container: None,
            })
            .collect()),
    }
}

/// The namespace of the client.
fn namespace_of(query: &DnsQuery) -> &str {
    let own = match &query.from {
        Some(Client::Pod { namespace, .. } | Client::Deployment { namespace, .. }) => namespace.as_deref(),
        Some(Client::Node(_) | Client::Address(_) | Client::External) | None => None,
    };
    own.unwrap_or(&query.namespace)
}

fn of_pod(pod: &Pod) -> PlaceClient {
    PlaceClient::Pod {
        namespace: pod.metadata.namespace.clone().unwrap_or_default(),
        name: pod.metadata.name.clone().unwrap_or_default(),
    }
}

/// The network namespace of a pod, by one of its running containers.
fn entered(pod: &Pod) -> Result<Ground> {
    let containers = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
    let mut running = containers.filter(|one| one.state.as_ref().is_some_and(|state| state.running.is_some()));
    // `containerd://1a2b…`
    let id = running.find_map(|one| Some(one.container_id.as_deref()?.rsplit('/').next()?.to_owned()));
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let id = id.ok_or_else(|| Error::usage_help(format!("no container of pod `{name}` runs"), "kubectl get pods"))?;
    Ok(Ground {
        node: node_name(pod).unwrap_or_default().to_owned(),
        client: of_pod(pod),
        privilege: Privilege::Entering,
        container: Some(id),
    })
}

/// Addresses of a pod.
pub(super) fn addresses(pod: &Pod) -> Vec<IpAddr> {
    crate::cluster::readiness::addresses(pod).into_iter().filter_map(|text| text.parse().ok()).collect()
}
