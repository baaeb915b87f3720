//! Expressions: what a rule looks at. What is not understood stays as text.

use super::kind::{Kind, Pattern};
use super::set::Elements;

/// An address side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Source.
    Src,
    /// Destination.
    Dst,
}

/// What a packet's bytes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payload {
    /// `ip saddr`, `ip daddr`
    Address4(Side),
    /// `ip6 saddr`, `ip6 daddr`
    Address6(Side),
    /// `ip protocol`
    Protocol4,
    /// `ip6 nexthdr`
    NextHeader,
    /// `tcp dport`: the port, if it is of this protocol.
    Port(u8, Side),
    /// `th dport`
    AnyPort(Side),
    /// `tcp flags`
    TcpFlags,
    /// `icmp type`
    IcmpType,
    /// `icmp code`
    IcmpCode,
    /// `icmpv6 type`
    Icmp6Type,
    /// `icmpv6 code`
    Icmp6Code,
}

/// What the kernel knows of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meta {
    /// `meta l4proto`
    L4Proto,
    /// `meta nfproto`
    NfProto,
    /// `meta protocol`
    Protocol,
    /// `meta mark`
    Mark,
    /// `iifname`, `iif`
    InName,
    /// `oifname`, `oif`
    OutName,
    /// `meta pkttype`
    PacketType,
    /// `meta skuid`, `meta skgid`, `meta cgroup`: of the process that sends.
    Owner,
    /// `meta random`: compares as a number of 32 bits.
    Random,
}

/// What connection tracking knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ct {
    /// `ct state`
    State,
    /// `ct status`
    Status,
    /// `ct mark`
    Mark,
    /// `ct direction`
    Direction,
    /// `ct original ip saddr`, `ct reply daddr`
    Address(Tuple, Side),
    /// `ct original proto-dst`
    Port(Tuple, Side),
    /// `ct original protocol`
    Protocol,
    /// `ct original l3proto`
    L3Proto,
    /// `ct zone`, `ct label`: 0 where nothing sets it.
    Zero,
}

/// Direction of a connection's addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tuple {
    /// As it came.
    Original,
    /// As answers come.
    Reply,
}

/// What is looked up in the routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fib {
    /// Which address.
    pub side: Side,
    /// `. iif`, `. oif`: only on this interface.
    pub limit: FibLimit,
    /// `. mark`
    pub mark: FibMark,
    /// What is asked.
    pub result: FibResult,
}

/// On which interface a fib lookup is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FibLimit {
    /// Anywhere.
    None,
    /// The one it came in by.
    In,
    /// The one it leaves by.
    Out,
}

/// Whether a fib lookup takes the mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FibMark {
    /// It does.
    Used,
    /// It does not.
    Unused,
}

/// What a fib lookup gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FibResult {
    /// `type`
    Type,
    /// `oif`, `oifname`
    Interface,
    /// `check` or `oif exists`
    Exists,
}

/// Which operation on bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BitOp {
    /// `&`
    And,
    /// `|`
    Or,
    /// `^`
    Xor,
    /// `<<`
    Left,
    /// `>>`
    Right,
}

/// How a number is found.
#[derive(Debug, Clone)]
pub enum Drawn<'snap> {
    /// `numgen`, `symhash` over addresses and ports: another one for each connection.
    Anew,
    /// `jhash ip saddr . ip daddr`: of this.
    HashOf(Box<Expr<'snap>>),
}

/// Named or anonymous elements.
#[derive(Debug, Clone)]
pub enum Lookup<'snap> {
    /// `@service-ips`
    Named(&'snap str),
    /// `{ 0 : goto …, 1 : goto … }`
    Here(Box<Elements<'snap>>),
}

/// An expression.
#[derive(Debug, Clone)]
pub enum Expr<'snap> {
    /// `ip daddr`
    Payload(Payload),
    /// `meta mark`
    Meta(Meta),
    /// `ct state`
    Ct(Ct),
    /// `fib daddr type`
    Fib(Fib),
    /// `numgen random mod 3 offset 1`, `jhash … mod 3`, `symhash mod 3`: each of as many numbers from the offset on.
    Spread {
        /// How many.
        modulus: u32,
        /// From which on.
        offset: u32,
        /// How one of them is found.
        drawn: Drawn<'snap>,
    },
    /// `ip daddr . th dport`
    Concat(Vec<Self>),
    /// `meta mark & 0x4000`
    Bits(Box<Self>, BitOp, Box<Self>),
    /// `tcp dport map { 80 : 8080 }`
    Map(Box<Self>, Lookup<'snap>),
    /// `0x4000`, `10.0.0.1`
    Constant(Pattern<'snap>),
    /// Not understood.
    Unknown(&'snap str),
}

impl Expr<'_> {
    /// Whether it differs from client to client, or from connection to connection. In doubt it does not.
    #[must_use]
    pub fn varies(&self) -> bool {
        match self {
            Self::Payload(payload) => matches!(
                payload,
                Payload::Address4(Side::Src)
                    | Payload::Address6(Side::Src)
                    | Payload::Port(_, Side::Src)
                    | Payload::AnyPort(Side::Src)
            ),
            Self::Ct(ct) => matches!(
                ct,
                Ct::Address(Tuple::Original, Side::Src)
                    | Ct::Address(Tuple::Reply, Side::Dst)
                    | Ct::Port(Tuple::Original, Side::Src)
                    | Ct::Port(Tuple::Reply, Side::Dst)
            ),
            Self::Meta(meta) => *meta == Meta::Random,
            Self::Spread { drawn, .. } => match drawn {
                Drawn::Anew => true,
                Drawn::HashOf(key) => key.varies(),
            },
            Self::Concat(parts) => parts.iter().any(Self::varies),
            Self::Bits(left, ..) => left.varies(),
            Self::Map(..) | Self::Fib(_) | Self::Constant(_) | Self::Unknown(_) => false,
        }
    }

    /// Whether it may give nothing because a map has no element for it.
    #[must_use]
    pub fn may_miss(&self) -> bool {
        match self {
            Self::Map(..) => true,
            Self::Bits(left, _, right) => left.may_miss() || right.may_miss(),
            Self::Concat(parts) => parts.iter().any(Self::may_miss),
            Self::Payload(_)
            | Self::Meta(_)
            | Self::Ct(_)
            | Self::Fib(_)
            | Self::Spread { .. }
            | Self::Constant(_)
            | Self::Unknown(_) => false,
        }
    }

    /// What its constants are.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Payload(payload) => match payload {
                Payload::Address4(_) => Kind::Ipv4,
                Payload::Address6(_) => Kind::Ipv6,
                Payload::Protocol4 | Payload::NextHeader => Kind::Proto,
                Payload::Port(..) | Payload::AnyPort(_) => Kind::Port,
                Payload::TcpFlags => Kind::TcpFlags,
                Payload::IcmpType => Kind::IcmpType,
                Payload::Icmp6Type => Kind::Icmp6Type,
                Payload::IcmpCode => Kind::IcmpCode,
                Payload::Icmp6Code => Kind::Icmp6Code,
            },
            Self::Meta(meta) => match meta {
                Meta::L4Proto => Kind::Proto,
                Meta::NfProto => Kind::NfProto,
                Meta::Protocol => Kind::EtherType,
                Meta::Mark | Meta::Owner | Meta::Random => Kind::Number,
                Meta::InName | Meta::OutName => Kind::Interface,
                Meta::PacketType => Kind::Name,
            },
            Self::Ct(ct) => match ct {
                Ct::State => Kind::CtState,
                Ct::Status => Kind::CtStatus,
                Ct::Mark | Ct::Zero => Kind::Number,
                Ct::Direction => Kind::CtDirection,
                // The text tells the family; addresses of either compare as numbers.
                Ct::Address(..) => Kind::Ipv4,
                Ct::Port(..) => Kind::Port,
                Ct::Protocol => Kind::Proto,
                Ct::L3Proto => Kind::NfProto,
            },
            Self::Fib(fib) => match fib.result {
                FibResult::Type => Kind::Name,
                FibResult::Interface => Kind::Interface,
                FibResult::Exists => Kind::Exists,
            },
            Self::Bits(left, ..) => left.kind(),
            Self::Spread { .. } => Kind::Number,
            Self::Concat(_) | Self::Map(..) | Self::Constant(_) | Self::Unknown(_) => Kind::Other,
        }
    }

    /// The kinds of its parts.
    #[must_use]
    pub fn kinds(&self) -> Vec<Kind> {
        match self {
            Self::Concat(parts) => parts.iter().map(Self::kind).collect(),
            Self::Payload(_)
            | Self::Meta(_)
            | Self::Ct(_)
            | Self::Fib(_)
            | Self::Spread { .. }
            | Self::Bits(..)
            | Self::Map(..)
            | Self::Constant(_)
            | Self::Unknown(_) => vec![self.kind()],
        }
    }
}
