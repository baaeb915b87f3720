//! A path in a report: where from and where to, and every way it can go.

use std::net::IpAddr;

use super::Evidence;

/// Where the client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// A pod on the node.
    Pod,
    /// A process on the node itself.
    Node,
    /// A host outside the node.
    External,
}

impl Origin {
    /// `pod`, `node`, `external`: as in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pod => "pod",
            Self::Node => "node",
            Self::External => "external",
        }
    }
}

/// Which of a Service's addresses a path uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddressKind {
    /// A cluster IP.
    ClusterIp,
    /// One of spec.externalIPs.
    ExternalIp,
    /// A load balancer's ingress address.
    LoadBalancer,
    /// A node's address with the node port.
    NodePort,
    /// 127.0.0.1 or ::1 with the node port.
    LocalhostNodePort,
    /// An address that is no Service's.
    Plain,
}

/// A client place and an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathInfo {
    /// Node that is walked.
    pub node: String,
    /// Client place.
    pub origin: Origin,
    /// `default/client-6lv87` when the client is a real pod.
    pub client: Option<String>,
    /// The client is an endpoint of this very Service.
    pub client_is_endpoint: bool,
    /// Interface that the packet comes in by, when it is known.
    pub interface: Option<String>,
    /// Source address.
    pub from: IpAddr,
    /// Destination address.
    pub to: IpAddr,
    /// Destination port.
    pub port: u16,
    /// `tcp`, `udp`, `sctp`.
    pub protocol: String,
    /// What kind of address.
    pub address: AddressKind,
    /// Name of the Service port, empty when unnamed or none.
    pub port_name: String,
}

/// How a path compares with what it should do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathState {
    /// As the objects promise (also: refused or dropped as it should be).
    Expected,
    /// Not as the objects promise.
    Differs,
    /// The rules alone do not decide it.
    Undecided,
    /// Nothing to compare with.
    NotCompared,
}

/// One path, walked.
#[derive(Debug, Clone)]
pub struct Trace {
    /// The path.
    pub path: PathInfo,
    /// How it compares.
    pub state: PathState,
    /// What the objects promise, in words: `3 endpoints`, `refused: no endpoint is ready`.
    pub expected: Option<String>,
    /// What is wrong in a few words, for the path's line: `1 of 3 new connections is lost`.
    pub trouble: Option<String>,
    /// Outcomes, in the order of the rules.
    pub outcomes: Vec<Outcome>,
}

/// What becomes of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Disposition {
    /// Sent on towards the destination after a rewrite.
    Delivered,
    /// Handed to a socket of this node.
    Local,
    /// Dropped without a word.
    Dropped,
    /// Refused with an answer.
    Rejected,
    /// Leaves for the address it came with.
    Untouched,
    /// Has no way: no route, forwarding off, martian.
    Unroutable,
    /// Comes back to where it was.
    Loop,
    /// Cannot be decided.
    Indeterminate,
}

impl Disposition {
    /// As in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Local => "local",
            Self::Dropped => "dropped",
            Self::Rejected => "rejected",
            Self::Untouched => "untouched",
            Self::Unroutable => "unroutable",
            Self::Loop => "loop",
            Self::Indeterminate => "indeterminate",
        }
    }
}

/// One way that a packet can go.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Parts per million of new connections; `None` where `when` is set.
    pub ppm: Option<u32>,
    /// Condition in words, for branches that depend on state.
    pub when: Option<String>,
    /// What becomes of it.
    pub disposition: Disposition,
    /// By what it is dropped or left without a way: `rule`, `policy`, `sysctl`, `route`; with what it is rejected.
    pub by: Option<String>,
    /// Last destination, `10.244.1.5:8080`.
    pub destination: Option<String>,
    /// Pod and node behind the destination, where known: `default/web-1 on node-a`.
    pub destination_is: Option<String>,
    /// Node of the destination, where known.
    pub destination_node: Option<String>,
    /// Source that the receiver sees, where known.
    pub source: Option<String>,
    /// Whether the source was replaced.
    pub masqueraded: bool,
    /// Interface it leaves by, where known.
    pub interface: Option<String>,
    /// Rules, or things beside netfilter, that it depends on.
    pub depends_on: Vec<Evidence>,
    /// Every hop.
    pub hops: Vec<Hop>,
    /// Whether the objects promise this outcome; `None` where nothing was compared.
    pub expected: Option<bool>,
}

/// One step of a packet: a rule that acted, a policy, a routing decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// `prerouting`, `input`, `forward`, `output`, `postrouting`, `routing`.
    pub hook: String,
    /// `nat`; empty for routing.
    pub table: String,
    /// `KUBE-SERVICES`; empty for routing.
    pub chain: String,
    /// What happened: `jump KUBE-SVC-…`, `mark 0x4000`, `dnat to 10.244.1.5:8080`, `policy ACCEPT`.
    pub action: String,
    /// What it means, in words, when there is something to say.
    pub words: Option<String>,
    /// Canonical rule.
    pub rule: Option<String>,
    /// Dump that it stands in.
    pub dump: Option<String>,
    /// Line in it, from 1.
    pub line: Option<u32>,
    /// Share of the connections that take this step, where it chooses: parts per million.
    pub ppm: Option<u32>,
}
