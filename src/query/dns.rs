//! What `dns` is asked.

use super::Client;

/// One question about DNS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsQuery {
    /// The name that does not resolve as it should, as typed; `None`: the cluster's DNS as a whole.
    pub name: Option<String>,
    /// Who the client is, when that was said.
    pub from: Option<Client>,
    /// As typed.
    pub from_text: Option<String>,
    /// Namespace of names without one.
    pub namespace: String,
    /// Nodes that were chosen by name; empty: all that the snapshot holds.
    pub nodes: Vec<String>,
    /// A name outside the cluster.
    pub external: String,
}

impl DnsQuery {
    /// A name outside the cluster that resolves wherever the internet can be reached (RFC 6761 keeps it).
    pub const EXTERNAL: &str = "example.com";
}
