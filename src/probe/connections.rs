//! Connections that were made from inside the cluster and what became of them, as `connections.json` of a bundle keeps
//! them. Plain values: who connects stands in `agent/`, what it means in `diagnose/check/connections/`.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::Transport;

/// A pod of our own that made connections, with all that it made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Caller {
    /// Node.
    pub node: String,
    /// Namespace of the pod: its policies hold for what it sends.
    pub namespace: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Address that its connections left from, as it sees it.
    pub address: Option<IpAddr>,
    /// The connections, in the order that they were asked for.
    pub connections: Vec<Connection>,
}

/// One address, as often as it was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// Where to.
    pub to: SocketAddr,
    /// By what.
    pub transport: Transport,
    /// Every try, in order.
    pub tries: Vec<Attempt>,
}

/// One try, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Milliseconds until that was known.
    pub ms: u64,
    /// What became of it.
    #[serde(flatten)]
    pub met: Met,
}

/// What a try met with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "met", rename_all = "kebab-case")]
pub enum Met {
    /// The connection was made; over UDP: something came back.
    Connected,
    /// Nothing came in time. Over UDP that is what a server does that has nothing to say.
    Silence,
    /// The port is closed: RST, or ICMP port unreachable.
    Refused,
    /// There is no way: ICMP unreachable or prohibited, or no route.
    Unreachable {
        /// What the system says.
        why: String,
    },
    /// It could not be tried.
    Error {
        /// What the system says.
        why: String,
    },
}

impl Connection {
    /// Tries that were made at all.
    pub fn made(&self) -> impl Iterator<Item = &Attempt> {
        self.tries.iter().filter(|attempt| !matches!(attempt.met, Met::Error { .. }))
    }

    /// Tries that prove that the address does not work: over UDP silence proves nothing.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.made()
            .filter(|attempt| match attempt.met {
                Met::Refused | Met::Unreachable { .. } => true,
                Met::Silence => self.transport == Transport::Tcp,
                Met::Connected | Met::Error { .. } => false,
            })
            .count()
    }

    /// Whether what came back tells anything.
    #[must_use]
    pub fn is_judged(&self) -> bool {
        self.failed() > 0 || self.made().any(|attempt| attempt.met == Met::Connected)
    }

    /// `10.96.0.1:443/TCP`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}/{}", self.to, self.transport.as_str().to_uppercase())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[track_caller]
    fn case(transport: &str, met: &[&str], failed: usize, judged: bool) {
        let tries: Vec<String> =
            met.iter().map(|met| format!(r#"{{"ms":1,"met":"{met}","why":"no route"}}"#)).collect();
        let text = format!(r#"{{"to":"10.96.0.1:443","transport":"{transport}","tries":[{}]}}"#, tries.join(","));
        let read: Connection = serde_json::from_str(&text).unwrap();
        assert_eq!((read.failed(), read.is_judged()), (failed, judged), "{text}");
        assert_eq!(serde_json::from_str::<Connection>(&serde_json::to_string(&read).unwrap()).unwrap(), read);
    }

    #[test]
    fn silence_proves_something_over_tcp_alone() {
        case("tcp", &["connected", "connected"], 0, true);
        case("tcp", &["connected", "silence", "refused", "unreachable"], 3, true);
        case("udp", &["silence"], 0, false);
        case("udp", &["silence", "refused"], 1, true);
        case("tcp", &["error"], 0, false);
        case("tcp", &[], 0, false);
    }
}
