//! What is wanted of a bundle: all of it, or what one question needs. Reads nothing.

use std::net::IpAddr;

use crate::query::{Client, Port, Query, Target};

/// What is read of a bundle.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// Which objects.
    pub objects: Wanted,
    /// Whose dumps; `None`: every node's.
    pub nodes: Option<Vec<String>>,
    /// A client pod or Deployment that must be among the pods.
    pub client: Option<ClientName>,
}

/// Which objects are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Wanted {
    /// All there are.
    #[default]
    Everything,
    /// What paths on the nodes that are read need: all but the pods of other nodes.
    Paths,
    /// None.
    Nothing,
    /// What one Service needs.
    Service {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// The port, if it was given: `node-a:30080` reads as a Service until it is known that there is none.
        port: Option<u16>,
    },
    /// What the Services that have this address, or this node port, need.
    Address {
        /// The address; `None` stands for a node's, whichever that is.
        ip: Option<IpAddr>,
        /// The port.
        port: Option<u16>,
    },
}

/// A pod's, or a Deployment's, namespace and name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientName {
    /// Namespace.
    pub namespace: String,
    /// Name; a Deployment's is the beginning of its pods' names.
    pub name: String,
}

impl Scope {
    /// All there is.
    #[must_use]
    pub fn everything() -> Self {
        Self::default()
    }

    /// The dumps of these nodes and no objects; an empty list: of all nodes.
    #[must_use]
    pub fn dumps(nodes: &[String]) -> Self {
        Self { objects: Wanted::Nothing, nodes: named(nodes), client: None }
    }

    /// What the answer to `query` needs.
    #[must_use]
    pub fn of(query: &Query) -> Self {
        let objects = match &query.target {
            Target::Service { namespace, name, port, .. } => Wanted::Service {
                namespace: namespace.as_ref().unwrap_or(&query.namespace).clone(),
                name: name.clone(),
                port: match port {
                    Some(Port::Number(port)) => Some(*port),
                    Some(Port::Name(_)) | None => None,
                },
            },
            Target::Address { ip, port, .. } => Wanted::Address { ip: Some(*ip), port: *port },
            // what it leads to is not known before it is read
            Target::Ingress { .. } => Wanted::Everything,
            Target::Node { port, .. } => Wanted::Address { ip: None, port: Some(*port) },
        };
        let client = match &query.from {
            Some(Client::Pod { namespace, name } | Client::Deployment { namespace, name }) => Some(ClientName {
                namespace: namespace.as_ref().unwrap_or(&query.namespace).clone(),
                name: name.clone(),
            }),
            Some(Client::Node(_) | Client::Address(_) | Client::External) | None => None,
        };
        Self { objects, nodes: named(&query.nodes), client }
    }
}

fn named(nodes: &[String]) -> Option<Vec<String>> {
    (!nodes.is_empty()).then(|| nodes.to_vec())
}
