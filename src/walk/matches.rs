//! Does a rule's test hold for this packet? Kernel semantics of each match, three-valued.
//! Sources: Linux `net/netfilter/xt_*.c`, `net/ipv4/netfilter/ip_tables.c`.

use super::entered::{Passage, Store, enters};
use super::packet::Protocol;
use super::state::{Iface, Made, State, Told};
use crate::dataplane::hooks::Hook;
use crate::dataplane::ipset::SetIface;
use crate::dataplane::iptables::net::Ports;
use crate::dataplane::iptables::rule::{
    CtStates, Direction, Limit, Match, Not, NotListed, Physdev, RecentAction, Rpfilter, Rule, Side, Test,
};
use crate::dataplane::links::{self, AddrType, Ingress, RouteKey};
use crate::dataplane::plane::Plane;
use crate::dataplane::tri::Tri;

/// First and last port that a client's own port may have (RFC 6056, section 3.2).
pub(super) const EPHEMERAL: Ports = Ports { first: 1024, last: u16::MAX };

/// What is known of whether all tests of a rule hold.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Holds {
    /// They do not.
    No,
    /// They do, for this share of the packets that come here.
    Yes(f64),
    /// By state: what happens to a client that was never seen, and in words when it is otherwise.
    State {
        /// For a new client at rest.
        fresh: Fresh,
        /// When it is the other way round.
        otherwise: String,
        /// Share of the packets for which it holds, where it does.
        chance: f64,
    },
    /// Not known, and why.
    Unknown(String),
}

/// What happens to a client that was never seen before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fresh {
    /// The rule matches.
    Matches,
    /// The rule does not match.
    Passes,
}

/// Tests of one rule that go by state: all must hold.
#[derive(Debug, Default)]
pub(super) struct States {
    /// When those fail that hold for a new client.
    failing: Vec<String>,
    /// When those hold that fail for a new client.
    holding: Vec<String>,
}

impl States {
    pub(super) fn add(&mut self, fresh: bool, otherwise: String) {
        let side = if fresh { &mut self.failing } else { &mut self.holding };
        if !side.contains(&otherwise) {
            side.push(otherwise);
        }
    }

    /// What happens to a new client, and when it is otherwise; `None` if nothing goes by state.
    pub(super) fn all(self) -> Option<(Fresh, String)> {
        if self.failing.is_empty() && self.holding.is_empty() {
            return None;
        }
        let failing = self.failing.join(" or ");
        if self.holding.is_empty() {
            return Some((Fresh::Matches, failing));
        }
        let holding = self.holding.join(" and ");
        let otherwise = if failing.is_empty() { holding } else { format!("{holding}, unless {failing}") };
        Some((Fresh::Passes, otherwise))
    }
}

/// One test's answer.
pub(super) enum Answer {
    Known(bool),
    Chance(f64),
    State {
        fresh: bool,
        otherwise: String,
    },
    Unknown(String),
    /// False whatever `!` says: a connection test on a packet without a connection.
    Never,
}

impl From<bool> for Answer {
    fn from(value: bool) -> Self {
        Self::Known(value)
    }
}

impl<'snap> State<'snap> {
    /// Whether all tests of a rule hold.
    pub(super) fn holds(&self, rule: &Rule<'snap>, plane: &Plane<'snap>) -> Holds {
        let (mut chance, mut unknown, mut states) = (1.0, None, States::default());
        // What one test enters the next one sees.
        let mut behind: Option<Box<Self>> = None;
        for test in &rule.matches {
            let negated = test.not == Not::Negated;
            let answer = behind.as_deref().unwrap_or(self).answer(test, plane);
            if enters(test)
                && let Test::Recent(recent) = &test.test
            {
                let state = behind.get_or_insert_with(|| Box::new(self.clone()));
                state.remember_recent(recent, test.not, Passage::Taken, Tri::Yes);
            }
            match answer {
                Answer::Never => return Holds::No,
                Answer::Known(holds) if holds == negated => return Holds::No,
                Answer::Known(_) => {}
                Answer::Chance(p) => chance *= if negated { 1.0 - p } else { p },
                Answer::State { fresh, otherwise } => states.add(fresh != negated, otherwise),
                Answer::Unknown(why) => unknown = unknown.or(Some(why)),
            }
        }
        match (unknown, states.all()) {
            _ if chance <= 0.0 => Holds::No,
            (Some(why), _) => Holds::Unknown(why),
            (None, Some((fresh, otherwise))) => Holds::State { fresh, otherwise, chance },
            (None, None) => Holds::Yes(chance),
        }
    }

    pub(super) fn answer(&self, test: &Match<'snap>, plane: &Plane<'snap>) -> Answer {
        match &test.test {
            Test::Always => true.into(),
            Test::Address(Side::Dst, net) => self.to.is_in(*net).into(),
            Test::Address(Side::Src, net) => self.told(self.from.is_in(*net)),
            Test::InInterface(name) => interface(self.iif, name),
            Test::OutInterface(name) => interface(self.oif, name),
            Test::Protocol(number) => (*number == 0 || *number == self.protocol_number()).into(),
            Test::Fragment => false.into(),
            Test::Port(Side::Dst, ports) => self.to.has_port(*ports).into(),
            Test::Port(Side::Src, ports) => self.source_port(*ports),
            Test::Multiport(sides, ports) => self.multiport(sides, ports),
            Test::TcpFlags(mask, set) => (SYN & mask == *set).into(),
            Test::IcmpType(kind, code) => (*kind == self.echo_request() && code.is_none_or(|code| code == 0)).into(),
            Test::Mark(value, mask) => known(self.mark.equals(*value, *mask), "the mark is not known here"),
            Test::Connmark(value, mask) => {
                self.tracked(|| known(self.ctmark.equals(*value, *mask), "the connection's mark is not known here"))
            }
            Test::CtState(states) => self.ct_state(*states).into(),
            Test::CtStatus(names) => self.tracked(|| {
                let of_new = |name: &&str| matches!(*name, "EXPECTED" | "SEEN_REPLY" | "ASSURED" | "CONFIRMED");
                // What is looped back was confirmed on its way out (nf_conntrack_confirm).
                if self.made == Made::HereLooped && names.contains(&"CONFIRMED") {
                    true.into()
                } else if names.iter().all(of_new) {
                    false.into()
                } else {
                    Answer::Unknown("the connection's status is not simulated".into())
                }
            }),
            Test::OfConnection(inner) if self.has_connection() => {
                let inner = Match { test: (**inner).clone(), not: test.not, text: test.text };
                self.answer(&inner, plane)
            }
            Test::OfConnection(_) => (test.not == Not::Plain).into(),
            Test::CtOriginal(Side::Src, net) => self.tracked(|| net.contains(self.from.first()).into()),
            Test::CtOriginal(Side::Dst, net) => self.tracked(|| net.contains(self.to.first().ip()).into()),
            Test::CtReply(Side::Src, net) => self.tracked(|| self.to.is_in(*net).into()),
            Test::CtReply(Side::Dst, net) => self.tracked(|| self.told(self.from.is_in(*net))),
            Test::CtOriginalPort(Side::Src, ports) => self.tracked(|| self.source_port(*ports)),
            Test::CtOriginalPort(Side::Dst, ports) => self.tracked(|| ports.contains(self.to.first().port()).into()),
            Test::CtProtocol(number) => self.tracked(|| (*number == self.protocol_number()).into()),
            Test::CtDirection(direction) => self.tracked(|| (*direction == Direction::Original).into()),
            Test::AddrType(side, types, limit) => self.address_type(*side, types, *limit, plane),
            Test::Set(name, sides) => self.set(name, sides, plane),
            Test::Recent(recent) => match recent.action {
                RecentAction::Set => true.into(),
                RecentAction::Check | RecentAction::Update | RecentAction::Remove => {
                    let times = recent.hitcount.filter(|_| recent.action != RecentAction::Remove).unwrap_or(1);
                    let store = Store::Recent(recent.name);
                    if let Some(there) = self.entered.has(store, self.recent_key(recent).as_deref(), times) {
                        return tri(there, || format!("whether an earlier rule entered it in {} is open", recent.name));
                    }
                    let seconds = recent.seconds.map_or(String::new(), |s| format!(" in the last {s} s"));
                    Answer::State {
                        fresh: false,
                        otherwise: format!("this client was entered in {}{seconds}", recent.name),
                    }
                }
            },
            Test::Random(probability) => Answer::Chance(*probability),
            Test::Nth(every, _) => Answer::Chance(1.0 / f64::from(*every)),
            Test::Physdev(physdev) => self.physdev(physdev, plane),
            Test::Range(Side::Src, range) => self.told(range.contains(self.from.ip())),
            Test::Range(Side::Dst, range) => range.contains(self.to.ip()).into(),
            Test::Rate(rate) => Answer::State { fresh: true, otherwise: format!("the rate of {rate} is used up") },
            Test::Above(rate) => Answer::State { fresh: false, otherwise: format!("there are more than {rate}") },
            Test::Owner => match (self.made, self.hook) {
                (Made::Here, Hook::Output | Hook::Postrouting) => {
                    Answer::Unknown("which user the process runs as is not known".into())
                }
                // xt_owner: without a socket only what is wholly negated holds.
                (Made::Here | Made::HereLooped | Made::Elsewhere, _) => false.into(),
            },
            Test::ReversePath(filter) => self.reverse_path(*filter, plane),
            Test::PacketType(kind) => match (self.made, *kind) {
                (Made::Elsewhere, "unicast" | "host") => true.into(),
                (Made::Elsewhere, "broadcast" | "multicast") => false.into(),
                (Made::Here | Made::HereLooped | Made::Elsewhere, _) => {
                    Answer::Unknown("the link-layer type of the packet is not simulated".into())
                }
            },
            Test::Ipvs(test) => self.ipvs_test(*test),
            Test::NotListed(NotListed::Interfaces) => {
                Answer::Unknown("which interfaces it is for is not listed: `iptables -L` shows that with -v".into())
            }
            Test::NotListed(NotListed::Words(words)) => Answer::Unknown(format!("`{words}` is not understood")),
            Test::Unknown => Answer::Unknown(format!("`{}` is not understood", test.text)),
        }
    }

    /// A test of the source, which may have been replaced by an address that cannot be told.
    fn told(&self, holds: bool) -> Answer {
        match self.src_told {
            Told::Yes => Answer::Known(holds),
            Told::No => Answer::Unknown("the masqueraded source address is not known".into()),
        }
    }

    /// A test of the connection: never holds where there is none (Linux `xt_conntrack.c`, `xt_connmark.c`).
    fn tracked(&self, test: impl FnOnce() -> Answer) -> Answer {
        if self.has_connection() { test() } else { Answer::Never }
    }

    pub(super) const fn protocol_number(&self) -> u8 {
        match (self.protocol, self.family) {
            (Protocol::Tcp, _) => 6,
            (Protocol::Udp, _) => 17,
            (Protocol::Sctp, _) => 132,
            (Protocol::Icmp, crate::dataplane::plane::Family::V4) => 1,
            (Protocol::Icmp, crate::dataplane::plane::Family::V6) => 58,
        }
    }

    /// An ICMP packet that opens something is an echo request (RFC 792, RFC 4443), code 0.
    const fn echo_request(&self) -> u8 {
        match self.family {
            crate::dataplane::plane::Family::V4 => 8,
            crate::dataplane::plane::Family::V6 => 128,
        }
    }

    fn source_port(&self, ports: Ports) -> Answer {
        match self.sport {
            Some(port) => ports.contains(port).into(),
            None if ports.first <= self.client_ports.first && ports.last >= self.client_ports.last => true.into(),
            None if ports.last < self.client_ports.first || ports.first > self.client_ports.last => false.into(),
            None => Answer::Unknown("the client's own port is not known".into()),
        }
    }

    fn multiport(&self, sides: &[Side], ports: &[Ports]) -> Answer {
        let mut unknown = None;
        for side in sides {
            for ports in ports {
                let answer = match side {
                    Side::Dst => self.to.has_port(*ports).into(),
                    Side::Src => self.source_port(*ports),
                };
                match answer {
                    Answer::Known(true) => return true.into(),
                    Answer::Unknown(why) => unknown = Some(why),
                    Answer::Known(false) | Answer::Chance(_) | Answer::State { .. } | Answer::Never => {}
                }
            }
        }
        unknown.map_or(Answer::Known(false), Answer::Unknown)
    }

    /// The first packet of a new connection is NEW, and INVALID before connections are looked up; SNAT and DNAT are added once an address was rewritten.
    fn ct_state(&self, states: CtStates) -> bool {
        match self.connection.tracked {
            Told::No => states.untracked.holds(),
            Told::Yes if self.before_conntrack() => states.invalid.holds(),
            Told::Yes => {
                states.new.holds()
                    || states.dnat.holds() && self.connection.dnat.holds()
                    || states.snat.holds() && self.connection.snat.holds()
            }
        }
    }

    fn address_type(&self, side: Side, types: &[AddrType], limit: Limit, plane: &Plane<'snap>) -> Answer {
        let ip = match side {
            Side::Dst => self.to.ip(),
            Side::Src if self.src_told == Told::No => {
                return Answer::Unknown("the masqueraded source address is not known".into());
            }
            Side::Src => self.from.ip(),
        };
        let iface = match limit {
            Limit::None => Iface::None,
            Limit::In => self.iif,
            Limit::Out => self.oif,
        };
        let limit = match iface {
            Iface::None => links::Limit::Anywhere,
            Iface::Known(name) => links::Limit::To(name),
            Iface::Unknown => links::Limit::Unknown,
        };
        tri(plane.links.addr_type(ip, types, limit), || {
            format!("what kind of address {ip} is on this node is not known")
        })
    }

    fn set(&self, name: &str, sides: &[Side], plane: &Plane<'snap>) -> Answer {
        if self.src_told == Told::No && sides.contains(&Side::Src) {
            return Answer::Unknown("the masqueraded source address is not known".into());
        }
        let fields = crate::dataplane::ipset::Fields {
            src: self.from.ip(),
            dst: self.to.ip(),
            sport: self.sport,
            dport: Some(self.to.port()),
            protocol: self.protocol_number(),
            iif: set_iface(self.iif),
            oif: set_iface(self.oif),
            mark: (self.mark.known == u32::MAX).then_some(self.mark.value),
        };
        if let Some(there) = self.entered.has(Store::Ipset(name), self.set_key(sides).as_deref(), 1) {
            return tri(there, || format!("an earlier rule changes ipset {name} with this packet"));
        }
        let membership = plane.sets().contains(name, sides, &fields);
        let is_list = || plane.sets().get(name).is_none_or(|set| set.kind.starts_with("list"));
        if self.entered.has_any_set() && !membership.tri.is_yes() && is_list() {
            return Answer::Unknown(format!("an earlier rule changes a set that may be in {name}"));
        }
        tri(membership.tri, || membership.why.clone().unwrap_or_else(|| format!("ipset {name} is not in the input")))
    }

    /// xt_physdev looks at the bridge ports a packet came in by and leaves by. It leaves by one only if it stays on its
    /// bridge (`br_netfilter_hooks.c` br_nf_forward_ip, br_nf_pre_routing_finish): what is routed has none.
    fn physdev(&self, physdev: &Physdev<'snap>, plane: &Plane<'snap>) -> Answer {
        let bridged_in = match self.iif {
            Iface::None => Tri::No,
            Iface::Known(name) => plane.links.is_bridge(name).and(plane.sysctls.bridge_nf_call(self.family).into()),
            Iface::Unknown => Tri::Unknown,
        };
        let stays = match (self.made, self.hook, self.iif, self.oif) {
            (Made::Elsewhere, Hook::Forward | Hook::Postrouting, Iface::Known(by), Iface::Known(to)) => {
                (by == to).into()
            }
            (Made::Elsewhere, Hook::Forward | Hook::Postrouting, ..) => Tri::Unknown,
            (Made::Here | Made::HereLooped | Made::Elsewhere, ..) => Tri::No,
        };
        let bridged = bridged_in.and(stays);
        match physdev {
            Physdev::IsIn => tri(bridged_in, || "whether it came in by a bridge port is not known".into()),
            Physdev::In(_) if bridged_in.is_no() => false.into(),
            Physdev::In(_) => Answer::Unknown("the bridge port that it came in by is not known".into()),
            Physdev::IsOut | Physdev::IsBridged => {
                tri(bridged, || "whether it stays on its bridge is not known".into())
            }
            Physdev::Out(_) if bridged.is_no() => false.into(),
            Physdev::Out(_) => Answer::Unknown("the bridge port that it leaves by is not known".into()),
        }
    }

    /// Linux `ipt_rpfilter.c`: the way back to the source must lead out by the interface it came in by.
    fn reverse_path(&self, filter: Rpfilter, plane: &Plane<'snap>) -> Answer {
        let name = match self.iif {
            Iface::None | Iface::Known("lo") => return (!filter.invert.holds()).into(),
            Iface::Unknown => return Answer::Unknown("the interface that it came in by is not known".into()),
            Iface::Known(name) => name,
        };
        let local = plane.links.is_local(self.from.ip());
        let key = RouteKey {
            dst: self.from.ip(),
            src: (!filter.loose.holds()).then_some(self.to.ip()),
            ingress: Ingress::Here,
            mark: filter.validmark.holds().then_some(self.mark.value).or(Some(0)),
            protocol: Some(self.protocol),
            from_port: None,
            to_port: None,
        };
        let lookup = plane.links.route(&key);
        let mut ways = lookup.possible().iter().map(|route| match (filter.loose.holds(), route.dev()) {
            (true, _) => Tri::from(!route.kind.refuses()),
            (false, _) if route.kind.refuses() => Tri::No,
            (false, Some(dev)) => Tri::from(dev == name),
            (false, None) => Tri::Unknown,
        });
        let back = match ways.next() {
            Some(first) if ways.all(|other| other == first) => first,
            Some(_) | None => Tri::Unknown,
        };
        let passes = (!local).and(back);
        let passes = if filter.accept_local.holds() { passes.or(local) } else { passes };
        let holds = if filter.invert.holds() { !passes } else { passes };
        tri(holds, || format!("the way back to {} is not known", self.from.ip()))
    }
}

const SYN: u8 = 0x02;

fn known(value: Option<bool>, why: &str) -> Answer {
    value.map_or_else(|| Answer::Unknown(why.into()), Answer::Known)
}

fn tri(value: Tri, why: impl FnOnce() -> String) -> Answer {
    match value {
        Tri::Yes => Answer::Known(true),
        Tri::No => Answer::Known(false),
        Tri::Unknown => Answer::Unknown(why()),
    }
}

/// `eth0`, or `eth+` for all that begin so; `+` alone is any.
fn interface(iface: Iface<'_>, pattern: &str) -> Answer {
    let prefix = pattern.strip_suffix('+');
    match (iface, prefix) {
        (_, Some("")) => true.into(),
        (Iface::None, _) => false.into(),
        (Iface::Known(name), Some(prefix)) => name.starts_with(prefix).into(),
        (Iface::Known(name), None) => (name == pattern).into(),
        (Iface::Unknown, _) => Answer::Unknown("the interface is not known".into()),
    }
}

/// As sets see an interface.
fn set_iface(iface: Iface<'_>) -> SetIface<'_> {
    match iface {
        Iface::None => SetIface::Absent,
        Iface::Known(name) => SetIface::Named(name),
        Iface::Unknown => SetIface::Unknown,
    }
}
