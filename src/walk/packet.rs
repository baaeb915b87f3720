//! The packet that is sent, and what comes of it. Borrowed from the snapshot; knows rules, not Services.

use std::net::{IpAddr, SocketAddr};

use crate::dataplane::Loc;
pub use crate::report::Disposition;

/// Transport protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// TCP, 6.
    Tcp,
    /// UDP, 17.
    Udp,
    /// SCTP, 132.
    Sctp,
    /// ICMP, 1 (58 in IPv6): an echo request.
    Icmp,
}

impl Protocol {
    /// `tcp`, as in dumps.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
            Self::Icmp => "icmp",
        }
    }

    /// Reads `tcp`, `TCP`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Tcp, Self::Udp, Self::Sctp, Self::Icmp].into_iter().find(|it| text.eq_ignore_ascii_case(it.as_str()))
    }
}

/// How a packet enters the node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A process of the node sends it (OUTPUT).
    Local,
    /// It arrives (PREROUTING); by which interface, if that is known.
    Arrives(Option<String>),
}

/// The first packet of a new connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// How it enters.
    pub entry: Entry,
    /// Source address. For `Entry::Local` the unspecified address means: the kernel chooses by the route.
    pub from: IpAddr,
    /// Source port; `None` is an ephemeral one (1024 to 65535).
    pub from_port: Option<u16>,
    /// Destination.
    pub to: SocketAddr,
    /// Protocol.
    pub protocol: Protocol,
}

/// One way the packet can go.
#[derive(Debug, Clone)]
pub struct Outcome<'snap> {
    /// Share of new connections, of one; 0 where `when` is set.
    pub share: f64,
    /// Condition in words for branches that depend on state; they have no share.
    pub when: Option<String>,
    /// What becomes of it.
    pub disposition: Disposition,
    /// Why, for what is not delivered.
    pub reason: Option<Reason<'snap>>,
    /// Destination at the end.
    pub destination: SocketAddr,
    /// Source at the end; `None` when it was replaced by an address that cannot be told.
    pub source: Option<IpAddr>,
    /// Whether the source was replaced (SNAT, MASQUERADE).
    pub masqueraded: bool,
    /// The rule that replaced it.
    pub masqueraded_at: Option<Loc<'snap>>,
    /// Interface that it leaves by, where known.
    pub interface: Option<&'snap str>,
    /// What it depends on when it is not certain.
    pub depends_on: Vec<Dependency<'snap>>,
    /// Every step, first to last.
    pub hops: Vec<Hop<'snap>>,
}

/// Why a packet is not delivered.
#[derive(Debug, Clone, PartialEq)]
pub enum Reason<'snap> {
    /// This rule.
    Rule(Loc<'snap>),
    /// The policy of a base chain.
    Policy(Loc<'snap>),
    /// REJECT, with this answer: `icmp-port-unreachable`.
    RejectedWith(Loc<'snap>, String),
    /// A kernel switch: `net.ipv4.ip_forward = 0`.
    Sysctl(String),
    /// Routing: `no route to 10.96.0.1`, `blackhole 10.0.0.0/8`.
    Route(String),
}

/// What makes an outcome uncertain.
#[derive(Debug, Clone, PartialEq)]
pub enum Dependency<'snap> {
    /// A rule that could decide but cannot be decided, and why.
    Rule(Loc<'snap>, String),
    /// Something beside the rules: `no addresses of the node in the input`.
    Fact(String),
}

impl Dependency<'_> {
    /// How the reason ends where a line leads to a chain that the dump does not hold.
    pub const CHAIN_MISSING: &'static str = "is not in the dump";

    /// Whether it is what a cut or grepped dump leaves out, and not a line that is not understood.
    #[must_use]
    pub fn is_left_out(&self) -> bool {
        matches!(self, Self::Rule(_, why) if why.ends_with(Self::CHAIN_MISSING))
    }
}

/// One step.
#[derive(Debug, Clone, PartialEq)]
pub struct Hop<'snap> {
    /// Hook, or `routing`.
    pub hook: &'static str,
    /// Table; empty for routing.
    pub table: &'snap str,
    /// Chain; empty for routing.
    pub chain: &'snap str,
    /// What it did.
    pub action: Action<'snap>,
    /// The rule or policy line.
    pub at: Option<Loc<'snap>>,
    /// The share of all new connections that a choosing rule took, of one.
    pub chance: Option<f64>,
}

/// What a step did.
#[derive(Debug, Clone, PartialEq)]
pub enum Action<'snap> {
    /// Went on in another chain.
    Jump(&'snap str),
    /// Went on in another chain and does not come back here.
    Goto(&'snap str),
    /// Back to the calling chain.
    Return,
    /// Verdict of this table at this hook.
    Accept,
    /// End.
    Drop,
    /// End, with an answer.
    Reject(String),
    /// The mark is now this.
    Mark(u32),
    /// Destination rewritten.
    Dnat(SocketAddr),
    /// Source rewritten.
    Snat(IpAddr),
    /// Source becomes the address of the interface it leaves by, where that can be told.
    Masquerade(Option<IpAddr>),
    /// Redirected to a port of this node.
    Redirect(SocketAddr),
    /// Not tracked: no address translation follows.
    Notrack,
    /// Matched, counted, logged: `LOG`, `counted`.
    Pass(String),
    /// Policy of the base chain.
    Policy(&'static str),
    /// Routing, in words: `to pod network by cni0`.
    Route(String),
    /// Something that is not understood stands here.
    Unknown(String),
}
