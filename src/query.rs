//! What is asked: the target and the client, read from the words a user types.

use std::net::IpAddr;

use crate::walk::packet::Protocol;

/// One question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// What is traced.
    pub target: Target,
    /// As typed.
    pub target_text: String,
    /// Who the client is, when that was said.
    pub from: Option<Client>,
    /// As typed.
    pub from_text: Option<String>,
    /// Namespace of names without one.
    pub namespace: String,
    /// Nodes that were chosen by name; empty: all that the snapshot holds.
    pub nodes: Vec<String>,
}

/// What is traced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A Service by name.
    Service {
        /// Namespace, when it was given with the name (`web.shop.svc…`).
        namespace: Option<String>,
        /// Name.
        name: String,
        /// One of its ports.
        port: Option<Port>,
        /// Protocol, when given.
        protocol: Option<Protocol>,
    },
    /// An address and port.
    Address {
        /// Address.
        ip: IpAddr,
        /// Port; without one the Service that has the address says which.
        port: Option<u16>,
        /// Protocol, when given.
        protocol: Option<Protocol>,
    },
    /// A node by name and a port.
    Node {
        /// Node name.
        node: String,
        /// Port.
        port: u16,
        /// Protocol, when given.
        protocol: Option<Protocol>,
    },
}

/// A Service port by name or number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Port {
    /// By name.
    Name(String),
    /// By number.
    Number(u16),
}

/// Who the client is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Client {
    /// A pod.
    Pod {
        /// Namespace, if given.
        namespace: Option<String>,
        /// Name.
        name: String,
    },
    /// Any pod of a Deployment.
    Deployment {
        /// Namespace, if given.
        namespace: Option<String>,
        /// Name.
        name: String,
    },
    /// A process of this node.
    Node(String),
    /// This address.
    Address(IpAddr),
    /// A host outside the cluster.
    External,
}
