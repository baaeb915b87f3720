//! Where a packet is and what it carries, while it is on its way. Cheap to clone: every fork is a clone.

use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use smallvec::SmallVec;

use super::addresses::{Destination, Source};
use super::packet::{Action, Hop, Protocol};
use crate::dataplane::Loc;
use crate::dataplane::hooks::Hook;
use crate::dataplane::iptables::net::Ports;
use crate::dataplane::ipvs::Method;
use crate::dataplane::plane::Family;

/// A packet on its way.
#[derive(Debug, Clone)]
pub(super) struct State<'snap> {
    pub(super) family: Family,
    pub(super) protocol: Protocol,
    pub(super) from: Source<'snap>,
    /// The source is replaced by an address that cannot be told.
    pub(super) src_told: Told,
    /// `None` is an ephemeral port.
    pub(super) sport: Option<u16>,
    /// What an ephemeral port lies between.
    pub(super) client_ports: Ports,
    pub(super) to: Destination<'snap>,
    pub(super) mark: Bits,
    pub(super) ctmark: Bits,
    pub(super) iif: Iface<'snap>,
    /// As the current hook sees it. OUTPUT keeps the interface of before its own DNAT (Linux `__ip_local_out`).
    pub(super) oif: Iface<'snap>,
    /// As routing says.
    pub(super) route_oif: Iface<'snap>,
    pub(super) connection: Connection,
    pub(super) made: Made,
    pub(super) hook: Hook,
    /// Place of the base chain at this hook.
    pub(super) base: usize,
    /// Chains that are entered, innermost last; empty between base chains.
    pub(super) frames: SmallVec<[Frame; 5]>,
    pub(super) share: f64,
    pub(super) when: Option<Rc<str>>,
    pub(super) trail: Trail<'snap>,
    /// The mark that routing looked at when the packet was last routed.
    pub(super) routed_mark: Bits,
    /// The rule that replaced the source.
    pub(super) masqueraded: Option<Loc<'snap>>,
    /// The next hop that routing chose.
    pub(super) gateway: Option<IpAddr>,
    /// What rules have entered of it in lists and sets.
    pub(super) entered: super::entered::Entered<'snap>,
    /// IPVS has sent it on: it takes it no more (`skb->ipvs_property`).
    pub(super) balanced: Option<Balanced>,
}

/// What IPVS did to a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Balanced {
    /// The virtual server's address, as the packet came.
    pub(super) from: SocketAddr,
    /// How it gets to its server.
    pub(super) method: Method,
    /// The server that it is sent to without a new destination.
    pub(super) carried_to: Option<SocketAddr>,
}

/// Whether an address can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Told {
    Yes,
    No,
}

/// Where the packet was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Made {
    /// By a process of this node; still on its way out.
    Here,
    /// By a process of this node, for this node: comes in by `lo`.
    HereLooped,
    /// Elsewhere.
    Elsewhere,
}

/// What connection tracking knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Connection {
    pub(super) tracked: Told,
    /// Connection tracking has looked at the packet, early in its first hook: rules before that see no connection.
    pub(super) looked_up: Bound,
    /// The destination side of nat is decided: by a rule, or by none.
    pub(super) dst_bound: Bound,
    /// The source side of nat is decided.
    pub(super) src_bound: Bound,
    /// IPS_DST_NAT
    pub(super) dnat: Bound,
    /// IPS_SRC_NAT
    pub(super) snat: Bound,
}

/// Whether something of a connection is settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Bound {
    Yes,
    No,
}

impl Bound {
    pub(super) const fn holds(self) -> bool {
        matches!(self, Self::Yes)
    }
}

/// A mark of which some bits may not be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Bits {
    pub(super) value: u32,
    pub(super) known: u32,
}

impl Bits {
    pub(super) const ZERO: Self = Self { value: 0, known: u32::MAX };

    /// (mark & !mask) ^ value
    pub(super) const fn set_xmark(self, value: u32, mask: u32) -> Self {
        Self { value: (self.value & !mask) ^ value, known: self.known | mask }
    }

    /// Whether the masked bits equal `value`; `None` when that is not known.
    pub(super) const fn equals(self, value: u32, mask: u32) -> Option<bool> {
        if (self.value ^ value) & mask & self.known != 0 || value & !mask != 0 {
            Some(false)
        } else if self.known & mask == mask {
            Some(true)
        } else {
            None
        }
    }

    /// `CONNMARK --save-mark` and `--restore-mark`: to = (to & !to_mask) ^ (from & from_mask) (Linux `xt_connmark.c`).
    pub(super) const fn copy_masked(self, from: Self, from_mask: u32, to_mask: u32) -> Self {
        let known = (self.known | to_mask) & (from.known | !from_mask);
        Self { value: (self.value & !to_mask) ^ (from.value & from_mask), known }
    }
}

/// An interface, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Iface<'snap> {
    /// There is none at this hook.
    None,
    /// This one.
    Known(&'snap str),
    /// Some, not known which.
    Unknown,
}

impl<'snap> Iface<'snap> {
    pub(super) fn of(name: Option<&'snap str>) -> Self {
        name.map_or(Self::Unknown, Self::Known)
    }

    pub(super) const fn name(self) -> Option<&'snap str> {
        match self {
            Self::Known(name) => Some(name),
            Self::None | Self::Unknown => None,
        }
    }
}

/// A chain that is entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Frame {
    /// Place of the chain in the table of the base chain.
    pub(super) chain: usize,
    /// Place of the next rule.
    pub(super) next: usize,
    /// Place of the statement in it to go on with: nft's rules do several things one after the other.
    pub(super) statement: usize,
    /// How many gotos led here, one after the other.
    pub(super) gotos: usize,
}

impl Frame {
    /// At the start of a chain.
    pub(super) const fn at_start(chain: usize) -> Self {
        Self { chain, next: 0, statement: 0, gotos: 0 }
    }
}

/// Hops so far, shared between forks.
#[derive(Debug, Clone)]
pub(super) struct Trail<'snap> {
    last: Option<Rc<Link<'snap>>>,
    kept: bool,
    len: usize,
}

/// Hops that are kept of one way, at most.
const LONGEST: usize = 1 << 14;

/// What stands for hops that are not kept.
pub(super) const LEFT_OUT: &str = "more steps, which are left out";

#[derive(Debug)]
struct Link<'snap> {
    hop: Hop<'snap>,
    depth: usize,
    before: Option<Rc<Link<'snap>>>,
}

impl<'snap> Trail<'snap> {
    /// None yet, and all that come are kept.
    pub(super) const fn kept() -> Self {
        Self { last: None, kept: true, len: 0 }
    }

    /// None, ever.
    pub(super) const fn left_out() -> Self {
        Self { last: None, kept: false, len: 0 }
    }

    fn push(&mut self, hop: Hop<'snap>, depth: usize) {
        self.len += 1;
        let mut hop = hop;
        if self.len >= LONGEST {
            hop = Hop { action: Action::Pass(LEFT_OUT.into()), at: None, chance: None, ..hop };
            self.kept = false;
        }
        let before = self.last.take();
        self.last = Some(Rc::new(Link { hop, depth, before }));
    }

    /// All hops, first to last; jumps into chains where nothing happened are left out.
    pub(super) fn hops(&self) -> Vec<Hop<'snap>> {
        let mut all = Vec::new();
        let mut at = &self.last;
        // Read backwards: a jump was of use if what follows it stands deeper.
        let mut follows: Option<(usize, &'static str)> = None;
        while let Some(link) = at {
            let of_use = match link.hop.action {
                Action::Jump(_) => follows.is_some_and(|(depth, hook)| depth > link.depth && hook == link.hop.hook),
                _ => true,
            };
            if of_use {
                follows = Some((link.depth, link.hop.hook));
                all.push(link.hop.clone());
            }
            at = &link.before;
        }
        all.reverse();
        all
    }
}

// Long trails must not be dropped by recursion.
impl Drop for Link<'_> {
    fn drop(&mut self) {
        let mut next = self.before.take();
        while let Some(link) = next {
            match Rc::try_unwrap(link) {
                Ok(mut link) => next = link.before.take(),
                Err(_) => break,
            }
        }
    }
}

impl<'snap> State<'snap> {
    /// Adds a hop at the current place.
    pub(super) fn hop(&mut self, table: &'snap str, chain: &'snap str, action: Action<'snap>, at: Option<Loc<'snap>>) {
        self.hop_with(table, chain, action, at, None);
    }

    /// Adds a hop that chose among several.
    pub(super) fn hop_with(
        &mut self,
        table: &'snap str,
        chain: &'snap str,
        action: Action<'snap>,
        at: Option<Loc<'snap>>,
        chance: Option<f64>,
    ) {
        if !self.trail.kept {
            return;
        }
        let depth = self.frames.len();
        let hop = Hop { hook: self.hook.as_str(), table, chain, action, at, chance };
        self.trail.push(hop, depth);
    }

    /// Adds a routing decision.
    pub(super) fn tell_route(&mut self, words: impl FnOnce(&Self) -> String) {
        if !self.trail.kept {
            return;
        }
        let action = Action::Route(words(self));
        let hop = Hop { hook: "routing", table: "", chain: "", action, at: None, chance: None };
        self.trail.push(hop, 0);
    }

    /// The same packet, of which no question is noted.
    pub(super) fn unwatched(&self) -> Self {
        Self { from: self.from.alone(), to: self.to.sent(self.to.unnoted()), ..self.clone() }
    }

    /// It is routed as it is now.
    pub(super) fn routed(&mut self) {
        self.to.route();
        self.routed_mark = self.mark;
    }

    /// Whether it was routed as it is now.
    pub(super) fn is_routed(&self) -> bool {
        self.to.is_routed() && self.routed_mark == self.mark
    }

    /// Whether connection tracking has not seen the packet yet.
    pub(super) fn before_conntrack(&self) -> bool {
        matches!(self.hook, Hook::Prerouting | Hook::Output) && !self.connection.looked_up.holds()
    }

    /// Whether there is a connection to ask about.
    pub(super) fn has_connection(&self) -> bool {
        self.connection.tracked == Told::Yes && !self.before_conntrack()
    }
}
