//! Ends that are kept: a packet that is given a destination ends as one before it did, if nothing that was asked on
//! the way of that one tells the two apart. A check of many Services sends thousands of packets to endpoints that all
//! fare alike. Only for who asks for ends alone; what is kept is of one node.

use std::hash::{Hash, Hasher};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use rustc_hash::FxHashMap;
use smallvec::smallvec;

use super::addresses::{Ahead, Kind, Question};
use super::admission::{Admission, admits};
use super::fan::{Fans, Ray};
use super::netfilter::{Walker, Way, Ways};
use super::packet::{Outcome, Protocol};
use super::state::{Balanced, Bits, Bound, Connection, Iface, Made, State, Told};
use crate::dataplane::hooks::Hook;
use crate::dataplane::iptables::net::Ports;
use crate::dataplane::links::RouteKey;
use crate::dataplane::plane::{Family, Plane, Rules};

/// Ends that are kept of packets that were alike: to look through more costs as much as to follow a packet. After as
/// many that could not be kept none is tried.
const MOST: usize = 16;

/// Groups of packets that are alike, at most.
const GROUPS: usize = 256;

/// Routing decisions that are kept, at most.
const ROUTED: usize = 1024;

/// Ends of packets so far.
#[derive(Debug, Default)]
pub(super) struct Kept<'snap> {
    groups: FxHashMap<Like<'snap>, Group<'snap>>,
    pub(super) fans: Fans<'snap>,
    ahead: Routed<'snap>,
}

/// Packets that were alike when they were given a destination.
#[derive(Debug, Default)]
struct Group<'snap> {
    /// Where they ended, those that were asked for last first.
    ends: Vec<End<'snap>>,
    /// How many could not be kept.
    in_vain: usize,
}

/// All that a packet carries when it is given a destination, but its addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Like<'snap> {
    family: Family,
    protocol: Protocol,
    src_told: Told,
    sport: Option<u16>,
    client_ports: Ports,
    is_new: bool,
    mark: Bits,
    ctmark: Bits,
    iif: Iface<'snap>,
    oif: Iface<'snap>,
    route_oif: Iface<'snap>,
    connection: Connection,
    made: Made,
    hook: Hook,
    base: usize,
    is_routed: bool,
    routed_mark: Bits,
    gateway: Option<IpAddr>,
    balanced: Option<Balanced>,
    nested: usize,
}

/// In what the packets differ that a fan sends on.
#[derive(Clone, Copy, PartialEq)]
struct Own {
    mark: Bits,
    dnat: Bound,
    is_new: bool,
    is_routed: bool,
}

impl Own {
    fn of(state: &State<'_>, ray: &Ray) -> Self {
        let dnat = if state.to.unnoted() == ray.to { state.connection.dnat } else { Bound::Yes };
        let (is_new, is_routed) = (state.to.first_unnoted() != ray.to, state.to.was_routed_for(ray.to.ip()));
        Self { mark: ray.mark, dnat, is_new, is_routed }
    }
}

impl Hash for Like<'_> {
    // What differs most is enough.
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        (self.mark.value, self.hook, self.connection.dnat).hash(hasher);
    }
}

/// One end.
#[derive(Debug)]
struct End<'snap> {
    /// What was asked on the way of where the packet is from.
    of_source: Vec<Question<'snap>>,
    /// What was asked of where it is for.
    of_destination: Vec<Question<'snap>>,
    outcome: Outcome<'snap>,
    steps: usize,
}

impl<'snap> Like<'snap> {
    /// A packet that is sent on by a fan.
    fn sent(state: &State<'snap>, nested: usize, own: Own) -> Self {
        Self {
            mark: own.mark,
            connection: Connection { dst_bound: Bound::Yes, dnat: own.dnat, ..state.connection },
            is_new: own.is_new,
            is_routed: own.is_routed,
            ..Self::of(state, nested)
        }
    }

    fn of(state: &State<'snap>, nested: usize) -> Self {
        Self {
            family: state.family,
            protocol: state.protocol,
            src_told: state.src_told,
            sport: state.sport,
            client_ports: state.client_ports,
            is_new: state.to.is_new(),
            mark: state.mark,
            ctmark: state.ctmark,
            iif: state.iif,
            oif: state.oif,
            route_oif: state.route_oif,
            connection: state.connection,
            made: state.made,
            hook: state.hook,
            base: state.base,
            is_routed: state.to.is_routed(),
            routed_mark: state.routed_mark,
            gateway: state.gateway,
            balanced: state.balanced,
            nested,
        }
    }
}

impl<'snap> Walker<'_, 'snap> {
    /// What follows when a packet was given a destination.
    pub(super) fn behind(&mut self, mut state: Box<State<'snap>>) -> Ways<'snap> {
        if self.kept.is_none() || state.is_its_own() {
            return self.leave_table_routed(state);
        }
        let like = Like::of(&state, self.nested);
        if let Some(end) = self.end_like(&like, &state) {
            return smallvec![Way::Ends(Box::new(end))];
        }
        if self.kept.as_deref_mut().is_none_or(|kept| kept.group(like).in_vain > MOST) {
            return self.leave_table_routed(state);
        }
        let asked = Rc::default();
        state.from.watch(&asked);
        state.to.watch(&asked);
        let (share, when, before) = (state.share, state.when.clone(), self.steps);
        let ways = self.leave_table_routed(state);
        let outcomes = self.run(ways);
        let only = match outcomes.as_slice() {
            [only] if only.depends_on.is_empty() => Some(only),
            _ => None,
        };
        // A way that nothing takes would not be split.
        let some = share > 0.0 || when.is_some();
        let whole = only.filter(|end| {
            some && end.share.to_bits() == share.to_bits() && end.when == when.as_deref().map(Into::into)
        });
        let end = whole.and_then(|outcome| {
            let (of_source, of_destination) = asked.questions()?.into_iter().partition(Question::is_of_source);
            let steps = self.steps.saturating_sub(before);
            Some(End { of_source, of_destination, outcome: outcome.clone(), steps })
        });
        if let Some(kept) = self.kept.as_deref_mut() {
            kept.group(like).add(end);
        }
        outcomes.into_iter().map(|outcome| Way::Ends(Box::new(outcome))).collect()
    }

    /// The end of a packet that was like this one, and that nothing told apart from it.
    fn end_like(&mut self, like: &Like<'snap>, state: &State<'snap>) -> Option<Outcome<'snap>> {
        let Kept { groups, ahead, .. } = self.kept.as_deref_mut()?;
        let mut asking = Asking { plane: self.plane, rules: self.rules, ahead };
        let sent = Sent::of(state, state.to.unnoted());
        let end = groups.get_mut(like)?.find(&sent, &mut asking, &mut false)?;
        self.steps = self.steps.saturating_add(end.steps);
        Some(end.outcome(state, state.share, &sent))
    }

    /// Ends of packets that a fan sends on, up to the first of which none is kept; how many there were.
    pub(super) fn ends_like(&mut self, state: &State<'snap>, rays: &[Ray], into: &mut Vec<Outcome<'snap>>) -> usize {
        let Some(Kept { groups, ahead, .. }) = self.kept.as_deref_mut() else { return 0 };
        let mut asking = Asking { plane: self.plane, rules: self.rules, ahead };
        let mut last: Option<(Own, &mut Group<'snap>)> = None;
        let mut source_fits = false;
        for (at, ray) in rays.iter().enumerate() {
            let own = Own::of(state, ray);
            if last.as_ref().is_none_or(|(other, _)| *other != own) {
                last = groups.get_mut(&Like::sent(state, self.nested, own)).map(|group| (own, group));
                source_fits = false;
            }
            let sent = Sent::of(state, ray.to);
            let Some((_, group)) = &mut last else { return at };
            let Some(end) = group.find(&sent, &mut asking, &mut source_fits) else { return at };
            self.steps = self.steps.saturating_add(end.steps);
            into.push(end.outcome(state, ray.share, &sent));
        }
        rays.len()
    }
}

/// The addresses of a packet.
struct Sent {
    from: IpAddr,
    to: SocketAddr,
    /// As it came.
    first_from: IpAddr,
    first_to: SocketAddr,
}

impl Sent {
    fn of(state: &State<'_>, to: SocketAddr) -> Self {
        let (from, first_from) = (state.from.unnoted(), state.from.first_unnoted());
        Self { from, to, first_from, first_to: state.to.first_unnoted() }
    }
}

impl<'snap> End<'snap> {
    /// As the end of another packet, and its share.
    fn outcome(&self, state: &State<'snap>, share: f64, sent: &Sent) -> Outcome<'snap> {
        let end = &self.outcome;
        let own = !end.masqueraded && end.source.is_some();
        Outcome {
            share,
            when: state.when.as_deref().map(Into::into),
            disposition: end.disposition,
            reason: end.reason.clone(),
            destination: sent.to,
            source: if own { Some(sent.from) } else { end.source },
            masqueraded: end.masqueraded,
            masqueraded_at: end.masqueraded_at,
            interface: end.interface,
            // What depends on something is not kept, nor are hops.
            depends_on: Vec::new(),
            hops: Vec::new(),
        }
    }
}

impl State<'_> {
    /// Whether what follows is of this packet alone.
    pub(super) fn is_its_own(&self) -> bool {
        self.to.is_watched() || self.masqueraded.is_some() || !self.entered.is_empty()
    }
}

impl<'snap> Kept<'snap> {
    /// The group that a packet is of.
    fn group(&mut self, like: Like<'snap>) -> &mut Group<'snap> {
        if self.groups.len() >= GROUPS && !self.groups.contains_key(&like) {
            self.groups.clear();
        }
        self.groups.entry(like).or_default()
    }
}

impl<'snap> Group<'snap> {
    /// An end on whose way nothing was asked that this packet answers otherwise. `source_fits`: what the last one found
    /// was asked of the source is answered so.
    fn find(&mut self, sent: &Sent, asking: &mut Asking<'_, 'snap>, source_fits: &mut bool) -> Option<&End<'snap>> {
        let mut fits = |end: &End<'snap>, known: bool| {
            (known || end.of_source.iter().all(|question| asking.same_answer(question, sent)))
                && end.of_destination.iter().all(|question| asking.same_answer(question, sent))
        };
        if !fits(self.ends.first()?, *source_fits) {
            let at = self.ends.iter().skip(1).position(|end| fits(end, false))? + 1;
            self.ends.swap(0, at);
        }
        *source_fits = true;
        self.ends.first()
    }

    fn add(&mut self, end: Option<End<'snap>>) {
        match end {
            Some(end) => {
                self.ends.truncate(MOST - 1);
                self.ends.insert(0, end);
            }
            None => self.in_vain += 1,
        }
    }
}

/// Who is asked.
struct Asking<'a, 'snap> {
    plane: &'a Plane<'snap>,
    rules: &'a Rules<'snap>,
    ahead: &'a mut Routed<'snap>,
}

/// Where packets are routed.
#[derive(Debug, Default)]
struct Routed<'snap> {
    /// Where routing looks at destinations alone, by these.
    v4: FxHashMap<u32, Ahead<'snap>>,
    v6: FxHashMap<u128, Ahead<'snap>>,
    /// Else the last decision.
    last: Option<(RouteKey<'snap>, Ahead<'snap>)>,
}

impl<'snap> Routed<'snap> {
    fn ahead(&mut self, plane: &Plane<'snap>, key: &RouteKey<'snap>, sent: &Sent) -> Ahead<'snap> {
        let dst = sent.to.ip();
        let known = match dst {
            IpAddr::V4(ip) => self.v4.get(&ip.to_bits()),
            IpAddr::V6(ip) => self.v6.get(&ip.to_bits()),
        };
        if let Some(ahead) = known {
            return *ahead;
        }
        let key = RouteKey { dst, to_port: Some(sent.to.port()), src: key.src.map(|_| sent.from), ..*key };
        if let Some((_, ahead)) = self.last.filter(|(other, _)| *other == key) {
            return ahead;
        }
        let ahead = Ahead::of(&plane.links.route(&key));
        if !plane.links.routes_by_destination(dst) {
            self.last = Some((key, ahead));
            return ahead;
        }
        if self.v4.len() + self.v6.len() > ROUTED {
            self.v4.clear();
            self.v6.clear();
        }
        match dst {
            IpAddr::V4(ip) => self.v4.insert(ip.to_bits(), ahead),
            IpAddr::V6(ip) => self.v6.insert(ip.to_bits(), ahead),
        };
        ahead
    }
}

impl<'snap> Asking<'_, 'snap> {
    /// Whether a question has the same answer for a packet.
    fn same_answer(&mut self, question: &Question<'snap>, sent: &Sent) -> bool {
        match question {
            Question::From(net, answer) => net.contains(sent.from) == *answer,
            Question::To(net, answer) => net.contains(sent.to.ip()) == *answer,
            Question::Port(ports, answer) => ports.contains(sent.to.port()) == *answer,
            Question::FromKind(answer) => Kind::of(sent.from) == *answer,
            Question::ToKind(answer) => Kind::of(sent.to.ip()) == *answer,
            Question::FromHeld(answer) => self.plane.links.is_local(sent.from) == *answer,
            Question::CameLoopback(answer) => {
                (sent.first_from.is_loopback() || sent.first_to.ip().is_loopback()) == *answer
            }
            Question::Next { ruleset, table, chain, from, next } => {
                let loaded = self.rules.rulesets.get(*ruleset);
                let chain = loaded.and_then(|loaded| loaded.ruleset.tables.get(*table)?.chains.get(*chain));
                loaded.zip(chain).is_some_and(|(loaded, chain)| {
                    chain.body(loaded.ruleset.dump, loaded.text).next_for(*from, sent.to) == *next
                })
            }
            Question::Route(key, answer) => {
                // Without a source the key has none.
                key.src.is_some() != sent.from.is_unspecified() && self.ahead.ahead(self.plane, key, sent) == *answer
            }
            Question::Admitted(before) => {
                let mut state = before.as_ref().clone();
                state.from = state.from.of(sent.from, sent.first_from);
                state.to.set(sent.to.ip(), sent.to.port());
                admits(self.plane, &state) == Admission::Taken
            }
            Question::Masquerade(dev, gateway, answer) => {
                self.plane.links.masquerade_address(dev, *gateway, sent.to.ip()).address() == *answer
            }
        }
    }
}
