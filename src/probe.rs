//! What was asked of DNS servers from inside the cluster and what came back, as `probes.json` of a bundle keeps it.
//! Plain values: who asks stands in `agent/`, what it means in `diagnose/dns/`.

pub mod connections;

use std::net::{IpAddr, SocketAddr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A place that questions were asked from, with all that was asked there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Place {
    /// Node.
    pub node: String,
    /// Which client on it.
    pub client: PlaceClient,
    /// Address that questions left from, as the client sees it.
    pub address: Option<IpAddr>,
    /// `/etc/resolv.conf` as it stands there; `None`: not read.
    pub resolv_conf: Option<String>,
    /// The questions, in the order of the matrix.
    pub probes: Vec<Probe>,
}

/// Which client on a node.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PlaceClient {
    /// A pod of our own, made for asking.
    #[default]
    OwnPod,
    /// This pod's network namespace.
    Pod {
        /// Namespace.
        namespace: String,
        /// Name.
        name: String,
    },
    /// The node's own network namespace.
    Host,
}

/// One cell: a question to a server by a transport, as often as it was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Probe {
    /// Who is asked.
    pub server: Server,
    /// By what.
    pub transport: Transport,
    /// What is asked.
    pub question: Question,
    /// Every packet or connection that asked it, in order. A name that is walked through a search list has one for
    /// each name that was tried.
    pub tries: Vec<Try>,
}

/// A server that is asked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Server {
    /// Address and port.
    pub address: SocketAddr,
    /// What it is.
    pub is: ServerKind,
}

/// What a server is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ServerKind {
    /// The DNS Service by its cluster IP.
    Service {
        /// Namespace.
        namespace: String,
        /// Name.
        name: String,
        /// A node-local cache has this address on the node: what answers is the cache.
        #[serde(default)]
        cached: bool,
    },
    /// One of its pods by the pod's own address.
    Pod {
        /// Namespace.
        namespace: String,
        /// Name.
        name: String,
        /// Node that it runs on.
        node: Option<String>,
    },
    /// A node-local cache by an address of its own.
    NodeLocal {
        /// Name of its pod on the node.
        pod: Option<String>,
    },
    /// The Service that a node-local cache asks.
    Upstream {
        /// Namespace.
        namespace: String,
        /// Name.
        name: String,
    },
    /// A nameserver of the client's resolv.conf that is none of the above.
    Configured,
}

/// What carries a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
}

impl Transport {
    /// `udp`, `tcp`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        }
    }
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Question {
    /// What it is asked for.
    pub kind: QuestionKind,
    /// The name as it was given: `kubernetes.default`, `kubernetes.default.svc.cluster.local.`.
    pub name: String,
    /// Type of the record: `A`, `AAAA`, `SRV`.
    pub record: String,
}

/// What a question is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum QuestionKind {
    /// `kubernetes.default` by search list and ndots, as a pod asks.
    Short,
    /// The same by its full name.
    Full,
    /// A name of the cluster's domain that must not exist.
    MustNotExist,
    /// A name outside the cluster's domain.
    External,
    /// The name that the user asked for, by search list and ndots.
    Asked,
}

/// One packet or connection, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Try {
    /// The full name on the wire.
    pub asked: String,
    /// Which round of the same question: rounds have sockets of their own, so that each may reach another server.
    #[serde(default)]
    pub round: u32,
    /// Milliseconds until the outcome was known.
    pub ms: u64,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What became of one try.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// A reply came from the server.
    Answered(Reply),
    /// Nothing came in time.
    Timeout,
    /// The port is closed: RST, or ICMP port unreachable.
    Refused,
    /// There is no way: ICMP unreachable or prohibited, or no route here.
    Unreachable {
        /// What the system says.
        why: String,
    },
    /// A reply came, from an address that was not asked.
    WrongSource {
        /// From where.
        from: SocketAddr,
        /// What it says.
        reply: Reply,
    },
    /// Something else went wrong.
    Error {
        /// What.
        why: String,
    },
    /// The question never left: the pod that was to ask could not be reached. Tells nothing of the server.
    NotAsked {
        /// What went wrong.
        why: String,
    },
}

/// A reply.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Reply {
    /// `NOERROR`, `NXDOMAIN`, `SERVFAIL`, `REFUSED` …
    pub rcode: String,
    /// Its answer section.
    pub answers: Vec<Answer>,
    /// It was cut (TC).
    pub truncated: bool,
    /// The server says that it is the authority (AA).
    pub authoritative: bool,
}

/// One record of an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Answer {
    /// Owner.
    pub name: String,
    /// Type: `A`.
    pub record: String,
    /// Data as in a zone file: `10.96.0.1`, `0 100 443 kubernetes.default.svc.cluster.local.`.
    pub data: String,
    /// Seconds.
    pub ttl: u32,
}

impl Place {
    /// `node a`, `pod default/web-1`, `a pod on node a`.
    #[must_use]
    pub fn words(&self) -> String {
        match &self.client {
            PlaceClient::OwnPod => format!("a pod on node {}", self.node),
            PlaceClient::Pod { namespace, name } => format!("pod {namespace}/{name} on node {}", self.node),
            PlaceClient::Host => format!("node {} itself", self.node),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn json_is_flat_where_it_is_read_by_people() {
        let text = r#"{"asked":"kubernetes.default.svc.cluster.local.","round":0,"ms":1,"outcome":"answered",
            "rcode":"NOERROR","answers":[{"name":"kubernetes.default.svc.cluster.local.","record":"A","data":"10.96.0.1","ttl":30}],
            "truncated":false,"authoritative":true}"#;
        let read: Try = serde_json::from_str(text).unwrap();
        let Outcome::Answered(reply) = &read.outcome else { panic!("{read:?}") };
        assert_eq!((reply.rcode.as_str(), reply.answers[0].data.as_str()), ("NOERROR", "10.96.0.1"));
        assert_eq!(serde_json::from_str::<Try>(&serde_json::to_string(&read).unwrap()).unwrap(), read);
        let bare: Try = serde_json::from_str(r#"{"asked":"x.","ms":5000,"outcome":"timeout"}"#).unwrap();
        assert_eq!((bare.outcome, bare.round), (Outcome::Timeout, 0));
    }
}
