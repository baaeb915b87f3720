//! Statements: what a rule does, in the order in which it does it. What is not understood stays as text.

use std::net::IpAddr;

use super::expr::{Expr, Lookup};
use super::kind::Pattern;
use super::set::Elements;
use crate::dataplane::Loc;

/// One rule.
///
/// `ip daddr 10.96.10.6 ip saddr != 10.244.0.0/16 jump mark-for-masquerade`
#[derive(Debug, Clone)]
pub struct Rule<'snap> {
    /// Where it stands.
    pub at: Loc<'snap>,
    /// What it looks at and does, first to last.
    pub statements: Vec<Statement<'snap>>,
}

/// How two sides compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// Equal; of bits: any of them.
    Implicit,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `>`
    Greater,
    /// `<=`
    LessOrEqual,
    /// `>=`
    GreaterOrEqual,
    /// `!`: none of these bits.
    None,
}

/// What is compared with.
#[derive(Debug, Clone)]
pub enum Right<'snap> {
    /// A constant for each part.
    Patterns(Vec<Pattern<'snap>>),
    /// `{ 80, 443 }`
    Here(Box<Elements<'snap>>),
    /// `@cluster-ips`
    Named(&'snap str),
    /// `established,related`: bits.
    Bits(u128),
    /// `syn / fin,syn,rst,ack`: these of those.
    Masked {
        /// Those that are set.
        value: u128,
        /// Those that are looked at.
        mask: u128,
    },
    /// Not understood.
    Unknown(&'snap str),
}

/// What becomes of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict<'snap> {
    /// Ends this base chain, and no other.
    Accept,
    /// Ends everything.
    Drop,
    /// Goes on with what follows.
    Continue,
    /// Back to the calling chain.
    Return,
    /// In that chain, and back.
    Jump(&'snap str),
    /// In that chain, and not back.
    Goto(&'snap str),
    /// A process decides.
    Queue,
}

/// The new destination or source.
#[derive(Debug, Clone)]
pub enum NatTo<'snap> {
    /// `to :8080`, or nothing but flags: address and port stay.
    Kept,
    /// `to 10.0.0.1`, `to 10.0.0.1-10.0.0.9`
    Addresses(IpAddr, IpAddr),
    /// `to numgen random mod 2 map { … }`, `to ip daddr map …`; with `addr . port` or an address.
    Computed(Box<Expr<'snap>>),
    /// Not understood.
    Unknown(&'snap str),
}

/// Address translation.
#[derive(Debug, Clone)]
pub struct Nat<'snap> {
    /// `dnat ip to …` in an inet table: the family it is for.
    pub family: Option<crate::dataplane::plane::Family>,
    /// Address.
    pub to: NatTo<'snap>,
    /// First and last port; `None` where the text tells none.
    pub ports: Option<(u16, u16)>,
    /// `redirect to :tcp dport map { … }`
    pub port_of: Option<Box<Expr<'snap>>>,
    /// `dnat ip prefix to 10.1.0.0/16`: only the network part is replaced.
    pub prefix: bool,
    /// `random`, `fully-random`: a port of the range that is drawn.
    pub random: bool,
}

/// What changes by a limit of some kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit<'snap> {
    /// Holds until it is used up: `limit rate 10/second`.
    Until,
    /// Holds from then on: `limit rate over 10/second`, `ct count over 20`.
    Over,
    /// Holds for each packet: `quota over 25 mbytes used 30 mbytes`, `ct count over 0`.
    Always,
    /// Holds for none: `quota 25 mbytes used 25 mbytes`.
    Never,
    /// `limit name "l"`, `quota name "q"`: an object of the table says. Its kind and name.
    Named(&'snap str, &'snap str),
    /// Which of them cannot be told.
    Open,
}

/// What a statement is.
#[derive(Debug, Clone)]
pub enum Statement<'snap> {
    /// `ip daddr 10.96.0.1`
    Match {
        /// What is looked at.
        left: Expr<'snap>,
        /// How.
        op: Op,
        /// With what.
        right: Right<'snap>,
        /// As it is written.
        text: &'snap str,
    },
    /// A test that is not understood.
    Unknown(&'snap str),
    /// `accept`, `jump services`
    Verdict(Verdict<'snap>),
    /// `ip daddr . meta l4proto . th dport vmap @service-ips`
    Vmap(Expr<'snap>, Lookup<'snap>),
    /// `meta mark set meta mark | 0x4000`
    Mark(Expr<'snap>),
    /// `ct mark set meta mark`
    CtMark(Expr<'snap>),
    /// `dnat to 10.244.1.5:8080`
    Dnat(Nat<'snap>),
    /// `snat to 192.168.0.1`
    Snat(Nat<'snap>),
    /// `masquerade fully-random`
    Masquerade,
    /// `redirect to :3128`
    Redirect(Nat<'snap>),
    /// `reject with icmp port-unreachable`; by the name that iptables has for it.
    Reject(&'static str),
    /// `notrack`
    Notrack,
    /// `limit rate 10/minute`, `quota over 25 mbytes`, `ct count over 20`: by what came before.
    Limit(Limit<'snap>, &'snap str),
    /// `update @set { ip saddr timeout 1m }`: what stands in the braces is in the set from here on. `None` if that is not
    /// understood, or depends.
    Enter(&'snap str, Option<Expr<'snap>>),
    /// `counter`, `log prefix "x"`: decides nothing.
    Pass(&'snap str),
    /// Does something that is not understood, or simulated.
    Other(&'snap str),
}

impl Statement<'_> {
    /// Whether it is a test, and changes nothing.
    #[must_use]
    pub const fn is_test(&self) -> bool {
        matches!(self, Self::Match { .. } | Self::Unknown(_) | Self::Limit(..))
    }

    /// Whether it neither tests nor does anything to the packet.
    #[must_use]
    pub const fn is_idle(&self) -> bool {
        matches!(self, Self::Pass(_) | Self::Verdict(Verdict::Continue))
    }
}
