//! Where a packet is from and for, and what was asked of that. Ends are kept for packets of which no later step asks
//! anything that tells them apart (`kept.rs`): so every question is noted, and who looks at a bare address or port makes
//! what follows the packet's own.

use std::cell::{Cell, RefCell};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use super::state::State;
use crate::dataplane::iptables::net::{Net, Ports};
use crate::dataplane::links::{Links, Lookup, Route, RouteKey};
use crate::dataplane::tri::Tri;

/// The source of a packet on its way.
#[derive(Debug, Clone)]
pub(super) struct Source<'snap> {
    now: IpAddr,
    /// As it came.
    first: IpAddr,
    /// It was replaced on the way: what is asked of it tells no packets apart.
    replaced: bool,
    asked: Option<Rc<Asked<'snap>>>,
}

/// The destination of a packet on its way.
#[derive(Debug, Clone)]
pub(super) struct Destination<'snap> {
    now: SocketAddr,
    /// As it came.
    first: SocketAddr,
    /// What routing looked at when the packet was last routed.
    routed: IpAddr,
    asked: Option<Rc<Asked<'snap>>>,
}

/// What was asked of a packet's addresses.
#[derive(Debug, Default)]
pub(super) struct Asked<'snap> {
    questions: RefCell<Vec<Question<'snap>>>,
    /// Somebody looked at the bare address or port.
    bare: Cell<bool>,
}

/// A question, and its answer.
#[derive(Debug)]
pub(super) enum Question<'snap> {
    /// Whether the source is in a network.
    From(Net, bool),
    /// Whether the destination is.
    To(Net, bool),
    /// Whether the destination's port is one of these.
    Port(Ports, bool),
    /// What kind of address the source is.
    FromKind(Kind),
    /// What kind of address the destination is.
    ToKind(Kind),
    /// Whether the node holds the source.
    FromHeld(Tri),
    /// Whether it came from a loopback address, or for one.
    CameLoopback(bool),
    /// The next rule of an indexed chain that could match.
    Next { ruleset: usize, table: usize, chain: usize, from: usize, next: Option<usize> },
    /// Where a packet with this key goes; addresses and destination port are the packet's.
    Route(RouteKey<'snap>, Ahead<'snap>),
    /// Whether a packet that arrives so is taken: it is.
    Admitted(Box<State<'snap>>),
    /// As whom it leaves by an interface, over a gateway.
    Masquerade(&'snap str, Option<IpAddr>, Option<IpAddr>),
}

impl Question<'_> {
    /// Whether it is of where a packet is from, or came.
    pub(super) const fn is_of_source(&self) -> bool {
        matches!(self, Self::From(..) | Self::FromKind(_) | Self::FromHeld(_) | Self::CameLoopback(_))
    }

    /// Whether the other one asks the same.
    fn repeats(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::From(net, _), Self::From(other, _)) | (Self::To(net, _), Self::To(other, _)) => net == other,
            (Self::Port(ports, _), Self::Port(other, _)) => ports == other,
            (Self::FromKind(_), Self::FromKind(_))
            | (Self::ToKind(_), Self::ToKind(_))
            | (Self::FromHeld(_), Self::FromHeld(_))
            | (Self::CameLoopback(_), Self::CameLoopback(_)) => true,
            _ => false,
        }
    }
}

/// Kinds of addresses that nodes treat apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// 0.0.0.0/8, ::
    Nowhere,
    /// 127.0.0.0/8, ::1
    Loopback,
    /// To many hosts.
    Multicast,
    /// 255.255.255.255
    Broadcast,
    /// Good for its link only; IPv6.
    LinkLocal,
    /// Any other.
    Ordinary,
}

impl Kind {
    pub(super) fn of(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(ip) if ip.octets()[0] == 0 => Self::Nowhere,
            IpAddr::V6(ip) if ip.is_unspecified() => Self::Nowhere,
            IpAddr::V4(ip) if ip.is_broadcast() => Self::Broadcast,
            IpAddr::V6(ip) if ip.is_unicast_link_local() => Self::LinkLocal,
            ip if ip.is_loopback() => Self::Loopback,
            ip if ip.is_multicast() => Self::Multicast,
            IpAddr::V4(_) | IpAddr::V6(_) => Self::Ordinary,
        }
    }
}

/// What a way takes over from a routing decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ahead<'snap> {
    local: Tri,
    /// What is left to choose from.
    routes: usize,
    dev: Option<&'snap str>,
    gateway: Option<IpAddr>,
    /// Some of the routes refuse it.
    refuses: bool,
}

impl<'snap> Ahead<'snap> {
    pub(super) fn of(lookup: &Lookup<'snap>) -> Self {
        let possible = lookup.possible();
        let dev = possible.first().and_then(Route::dev);
        let one = possible.iter().all(|route| route.dev() == dev);
        Self {
            local: lookup.is_local(),
            routes: possible.len(),
            dev: dev.filter(|_| one),
            gateway: possible.first().filter(|_| matches!(lookup, Lookup::Found(_))).and_then(Route::gateway),
            refuses: possible.iter().any(|route| route.kind.refuses()),
        }
    }
}

impl<'snap> Source<'snap> {
    pub(super) const fn new(ip: IpAddr) -> Self {
        Self { now: ip, first: ip, replaced: false, asked: None }
    }

    /// The bare address.
    pub(super) fn ip(&self) -> IpAddr {
        if !self.replaced {
            self.looked();
        }
        self.now
    }

    /// The bare address that it came from.
    pub(super) fn first(&self) -> IpAddr {
        self.looked();
        self.first
    }

    /// The address, for who notes what he asked of it.
    pub(super) const fn unnoted(&self) -> IpAddr {
        self.now
    }

    /// The address that it came from, for who notes what he asked of it.
    pub(super) const fn first_unnoted(&self) -> IpAddr {
        self.first
    }

    /// Replaces it.
    pub(super) fn set(&mut self, ip: IpAddr) {
        self.now = ip;
        self.replaced = true;
    }

    pub(super) const fn is_replaced(&self) -> bool {
        self.replaced
    }

    /// It comes from there.
    pub(super) fn chosen(&mut self, ip: IpAddr) {
        self.looked();
        *self = Self { asked: self.asked.take(), ..Self::new(ip) };
    }

    pub(super) fn is_in(&self, net: Net) -> bool {
        let answer = net.contains(self.now);
        self.note(|| Question::From(net, answer));
        answer
    }

    pub(super) fn kind(&self) -> Kind {
        let answer = Kind::of(self.now);
        self.note(|| Question::FromKind(answer));
        answer
    }

    /// Whether the node holds it.
    pub(super) fn is_held(&self, links: &Links<'_>) -> Tri {
        let answer = links.is_local(self.now);
        self.note(|| Question::FromHeld(answer));
        answer
    }

    fn note(&self, question: impl FnOnce() -> Question<'snap>) {
        if let Some(asked) = self.asked.as_ref().filter(|_| !self.replaced) {
            asked.questions.borrow_mut().push(question());
        }
    }

    /// From here on questions are noted.
    pub(super) fn watch(&mut self, asked: &Rc<Asked<'snap>>) {
        self.asked = Some(Rc::clone(asked));
    }

    /// Another one; nothing is noted of it.
    pub(super) const fn of(&self, now: IpAddr, first: IpAddr) -> Self {
        Self { now, first, replaced: self.replaced, asked: None }
    }

    /// The same; nothing is noted of it.
    pub(super) const fn alone(&self) -> Self {
        Self { now: self.now, first: self.first, replaced: self.replaced, asked: None }
    }

    /// What follows is of this source alone.
    pub(super) fn looked(&self) {
        if let Some(asked) = &self.asked {
            asked.bare.set(true);
        }
    }
}

impl<'snap> Destination<'snap> {
    pub(super) const fn new(to: SocketAddr) -> Self {
        Self { now: to, first: to, routed: to.ip(), asked: None }
    }

    /// The bare address.
    pub(super) fn ip(&self) -> IpAddr {
        self.looked();
        self.now.ip()
    }

    /// The bare port.
    pub(super) fn port(&self) -> u16 {
        self.looked();
        self.now.port()
    }

    /// Both.
    pub(super) fn socket(&self) -> SocketAddr {
        self.looked();
        self.now
    }

    /// Both as it came, for who notes what he asked of it.
    pub(super) const fn first_unnoted(&self) -> SocketAddr {
        self.first
    }

    /// Both, as it came.
    pub(super) fn first(&self) -> SocketAddr {
        self.looked();
        self.first
    }

    /// Both, for who notes what he asked of it.
    pub(super) const fn unnoted(&self) -> SocketAddr {
        self.now
    }

    /// The same, sent elsewhere; nothing is noted of it.
    pub(super) const fn sent(&self, to: SocketAddr) -> Self {
        Self { now: to, first: self.first, routed: self.routed, asked: None }
    }

    /// Sends it elsewhere.
    pub(super) fn set(&mut self, ip: IpAddr, port: u16) {
        self.looked();
        self.now = SocketAddr::new(ip, port);
    }

    /// Whether it is for another than it came for.
    pub(super) fn is_new(&self) -> bool {
        self.now != self.first
    }

    /// Whether it was last routed for this address.
    pub(super) fn is_routed(&self) -> bool {
        self.routed == self.now.ip()
    }

    /// Whether it was last routed for an address.
    pub(super) fn was_routed_for(&self, ip: IpAddr) -> bool {
        self.routed == ip
    }

    /// It is routed for the address that it has now.
    pub(super) fn route(&mut self) {
        self.routed = self.now.ip();
    }

    pub(super) fn is_in(&self, net: Net) -> bool {
        let answer = net.contains(self.now.ip());
        self.note(|| Question::To(net, answer));
        answer
    }

    pub(super) fn has_port(&self, ports: Ports) -> bool {
        let answer = ports.contains(self.now.port());
        self.note(|| Question::Port(ports, answer));
        answer
    }

    pub(super) fn kind(&self) -> Kind {
        let answer = Kind::of(self.now.ip());
        self.note(|| Question::ToKind(answer));
        answer
    }

    /// Notes a question and its answer.
    pub(super) fn note(&self, question: impl FnOnce() -> Question<'snap>) {
        if let Some(asked) = &self.asked {
            asked.questions.borrow_mut().push(question());
        }
    }

    /// From here on questions are noted.
    pub(super) fn watch(&mut self, asked: &Rc<Asked<'snap>>) {
        self.asked = Some(Rc::clone(asked));
    }

    pub(super) const fn is_watched(&self) -> bool {
        self.asked.is_some()
    }

    /// What follows is of this destination alone.
    pub(super) fn looked(&self) {
        if let Some(asked) = &self.asked {
            asked.bare.set(true);
        }
    }
}

impl<'snap> Asked<'snap> {
    /// All questions, each once; none if somebody looked at the bare address or port.
    pub(super) fn questions(&self) -> Option<Vec<Question<'snap>>> {
        let mut questions: Vec<Question<'snap>> = Vec::new();
        for question in self.questions.take() {
            if !questions.iter().any(|other| other.repeats(&question)) {
                questions.push(question);
            }
        }
        (!self.bare.get()).then_some(questions)
    }
}
