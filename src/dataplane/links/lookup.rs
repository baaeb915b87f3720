//! The routing decision: policy rules in order, tables, the best route. Where a rule cannot be evaluated all
//! routes that are possible are told, never one of them.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::addresses::Scope;
use super::routes::{Family, NextHop, RouteEntry, RouteKind, RouteTable};
use super::rules::{PolicyRule, RouteKey, RuleAction};
use super::{Knows, Links};
use crate::dataplane::Tri;

/// Rules and tables of one family.
#[derive(Debug, Clone)]
pub(crate) struct Routing<'snap> {
    tables: FxHashMap<&'snap str, RouteTable<'snap>>,
    /// Whether routes were read.
    pub(crate) routes: Knows,
    /// Whether the node's addresses were read.
    pub(crate) addresses: Knows,
    /// Routes that were read and not understood.
    pub(crate) lost: usize,
    /// Whether all routes are for whoever sends, and none is of a kind that is not modelled.
    plain: bool,
    pub(crate) rules: Rules<'snap>,
    /// Whether the rules are those that a kernel starts with.
    pub(crate) as_the_kernel_starts: bool,
}

/// Policy rules of one family.
#[derive(Debug, Clone)]
pub(crate) enum Rules<'snap> {
    /// Nobody read them.
    NotRead,
    /// In order of priority.
    Read(Vec<PolicyRule<'snap>>),
    /// There are some that are not known, and why.
    Unknown(String),
}

impl Default for Routing<'_> {
    fn default() -> Self {
        Self {
            tables: FxHashMap::default(),
            routes: Knows::Nothing,
            addresses: Knows::Nothing,
            lost: 0,
            plain: true,
            rules: Rules::NotRead,
            as_the_kernel_starts: false,
        }
    }
}

impl<'snap> Routing<'snap> {
    /// Sorts routes into their tables.
    pub(crate) fn set_routes(&mut self, routes: Vec<RouteEntry<'snap>>, lost: usize) {
        let mut by_table: FxHashMap<&'snap str, Vec<RouteEntry<'snap>>> = FxHashMap::default();
        by_table.entry("local").or_default();
        let for_all = |route: &RouteEntry<'_>| route.from.is_none_or(|from| from.prefix_len() == 0);
        self.plain = routes.iter().all(|route| for_all(route) && route.kind != RouteKind::Other);
        for route in routes {
            by_table.entry(route.table).or_default().push(route);
        }
        self.tables = by_table.into_iter().map(|(name, routes)| (name, RouteTable::new(routes))).collect();
        self.routes = Knows::Read;
        self.lost = lost;
    }

    /// Whether table `local` names no address of the node: then it was not listed.
    pub(crate) fn lacks_local(&self) -> bool {
        self.routes == Knows::Read
            && self.table("local").is_none_or(|table| table.all().all(|route| route.kind != RouteKind::Local))
    }

    /// Fills table `local` with what the kernel keeps in it: the node's addresses, and its loopback network.
    pub(crate) fn fill_local(&mut self, family: Family, held: &[(IpAddr, Option<&'snap str>)]) {
        let local = |prefix: IpNet, dev: Option<&'snap str>| RouteEntry {
            kind: RouteKind::Local,
            prefix,
            from: None,
            table: "local",
            hops: vec![NextHop { dev, gateway: None, dead: false }],
            prefsrc: None,
            metric: 0,
            tos: 0,
            scope: Scope::Host,
        };
        let loopback = match family {
            Family::V4 => IpNet::new(IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 0)), 8),
            Family::V6 => IpNet::new(IpAddr::V6(std::net::Ipv6Addr::LOCALHOST), 128),
        };
        let mut routes: Vec<_> =
            self.table("local").into_iter().flat_map(RouteTable::all).map(|route| route.as_ref().clone()).collect();
        routes.extend(loopback.ok().map(|prefix| local(prefix, Some("lo"))));
        for (ip, dev) in held.iter().filter(|(ip, _)| !ip.is_loopback()) {
            routes.push(local(IpNet::from(*ip), *dev));
        }
        self.tables.insert("local", RouteTable::new(routes));
    }

    /// A table; none where it has no routes.
    pub(crate) fn table(&self, name: &str) -> Option<&RouteTable<'snap>> {
        self.tables.get(name)
    }
}

/// A routing decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route<'snap> {
    /// What happens.
    pub kind: RouteKind,
    /// The route's destinations; `None` where there is no route, or none was read.
    pub prefix: Option<IpNet>,
    /// Ways it can take; none where nothing is sent, more than one for multipath.
    pub hops: SmallVec<[NextHop<'snap>; 1]>,
    /// Source address that the route prefers.
    pub prefsrc: Option<IpAddr>,
    /// Scope, which bounds the choice of a source.
    pub scope: Scope,
    /// Table; empty where there is no route.
    pub table: &'snap str,
    words: Words<'snap>,
}

/// How a decision is told.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Words<'snap> {
    /// As `ip route` prints the route.
    Printed(Arc<RouteEntry<'snap>>),
    /// No route was read, and this is an address of the node.
    Held(IpAddr),
    /// No route was read, and this is a multicast address.
    Multicast(IpAddr),
    /// No route was read, and one is assumed.
    Assumed(IpAddr),
    /// There is no route.
    Nowhere(IpAddr),
    /// A policy rule ends the lookup.
    Refused(String),
}

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Printed(route) => route.fmt(f),
            Self::Held(dst) => write!(f, "{dst} is an address of the node"),
            Self::Multicast(dst) => write!(f, "{dst} is a multicast address"),
            Self::Assumed(dst) => write!(f, "a route to {dst} is assumed"),
            Self::Nowhere(dst) => write!(f, "no route to {dst}"),
            Self::Refused(rule) => write!(f, "policy rule {rule}"),
        }
    }
}

impl<'snap> Route<'snap> {
    fn prefix_len(&self) -> Option<u8> {
        self.prefix.map(|prefix| prefix.prefix_len())
    }

    /// The one interface that it leaves by, where that is known. A packet for the node itself leaves by `lo`,
    /// whatever interface the route names.
    #[must_use]
    pub fn dev(&self) -> Option<&'snap str> {
        if matches!(self.kind, RouteKind::Local | RouteKind::Anycast) {
            return Some("lo");
        }
        let mut devs = self.live().map(|hop| hop.dev);
        let first = devs.next()??;
        devs.all(|dev| dev == Some(first)).then_some(first)
    }

    /// The one gateway, where there is one for all ways.
    #[must_use]
    pub fn gateway(&self) -> Option<IpAddr> {
        let mut gateways = self.live().map(|hop| hop.gateway);
        let first = gateways.next()??;
        gateways.all(|gateway| gateway == Some(first)).then_some(first)
    }

    /// As `ip route` prints it: `default via 10.1.0.254 dev eth0`.
    #[must_use]
    pub fn text(&self) -> String {
        self.words.to_string()
    }

    /// Ways that are not dead.
    pub fn live(&self) -> impl Iterator<Item = &NextHop<'snap>> {
        self.hops.iter().filter(|hop| !hop.dead)
    }

    /// Whether a packet fares alike with another route.
    fn leads_like(&self, other: &Self) -> bool {
        let alike = |route: &Self| (route.kind, route.prefsrc, route.scope);
        alike(self) == alike(other) && self.hops == other.hops
    }

    fn of(route: &Arc<RouteEntry<'snap>>, others: &[&Arc<RouteEntry<'snap>>]) -> Self {
        let mut hops: SmallVec<[NextHop<'snap>; 1]> = SmallVec::from_slice(&route.hops);
        for other in others {
            hops.extend(other.hops.iter().copied());
        }
        Self {
            kind: route.kind,
            prefix: Some(route.prefix),
            hops,
            prefsrc: route.prefsrc,
            scope: route.scope,
            table: route.table,
            words: Words::Printed(Arc::clone(route)),
        }
    }

    const fn end(kind: RouteKind, words: Words<'snap>) -> Self {
        Self { kind, prefix: None, hops: SmallVec::new_const(), prefsrc: None, scope: Scope::Global, table: "", words }
    }

    const fn nowhere(dst: IpAddr) -> Self {
        Self::end(RouteKind::NoRoute, Words::Nowhere(dst))
    }
}

/// What a lookup finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup<'snap> {
    /// This.
    Found(Route<'snap>),
    /// One of these, and why it cannot be told which; none where nothing is known.
    Unknown {
        /// `policy rule 97: from all uidrange 0-100 blackhole depends on who sends it`.
        reason: String,
        /// What is possible.
        possible: Vec<Route<'snap>>,
    },
}

impl<'snap> Lookup<'snap> {
    /// Whether the packet is for the node itself.
    #[must_use]
    pub fn is_local(&self) -> Tri {
        match self {
            Self::Found(route) => Tri::from(route.kind == RouteKind::Local),
            Self::Unknown { possible, .. } => agree(possible.iter().map(|route| route.kind == RouteKind::Local)),
        }
    }

    /// What is possible: one, or more where it cannot be told.
    #[must_use]
    pub fn possible(&self) -> &[Route<'snap>] {
        match self {
            Self::Found(route) => std::slice::from_ref(route),
            Self::Unknown { possible, .. } => possible,
        }
    }
}

/// What all say alike.
pub(crate) fn agree(mut values: impl Iterator<Item = bool>) -> Tri {
    let Some(first) = values.next() else { return Tri::Unknown };
    if values.all(|value| value == first) { Tri::from(first) } else { Tri::Unknown }
}

/// What one policy rule does once it holds.
enum Turn<'snap> {
    End(Route<'snap>),
    Next,
    To(usize),
    Unknown,
}

impl<'snap> Links<'snap> {
    /// Where a packet goes; Linux net/core/fib_rules.c fib_rules_lookup.
    #[must_use]
    pub fn route(&self, key: &RouteKey<'_>) -> Lookup<'snap> {
        let routing = self.family(Family::of(key.dst));
        if routing.routes == Knows::Nothing {
            return Lookup::Found(self.assumed_route(key.dst));
        }
        match &routing.rules {
            Rules::Read(rules) => self.by_rules(routing, rules, key),
            Rules::NotRead => self.by_rules(routing, &super::rules::default_rules(Family::of(key.dst)), key),
            Rules::Unknown(reason) => {
                Lookup::Unknown { reason: reason.clone(), possible: self.any_table(routing, key) }
            }
        }
    }

    /// Whether routing looks at nothing but the destination of a packet.
    #[must_use]
    pub fn routes_by_destination(&self, dst: IpAddr) -> bool {
        let routing = self.family(Family::of(dst));
        let by_rules = matches!(routing.rules, Rules::Unknown(_)) || !routing.as_the_kernel_starts;
        routing.routes == Knows::Nothing || (routing.plain && !by_rules)
    }

    /// The route where none was read: local, or somewhere.
    fn assumed_route(&self, dst: IpAddr) -> Route<'snap> {
        if self.is_local(dst).is_yes() {
            Route::end(RouteKind::Local, Words::Held(dst))
        } else if dst.is_multicast() {
            Route::end(RouteKind::Multicast, Words::Multicast(dst))
        } else {
            Route::end(RouteKind::Unicast, Words::Assumed(dst))
        }
    }

    /// Rules are there that were not read. The local table is asked first unless somebody moved its rule, which
    /// would be one of them; what the other tables say is possible.
    fn any_table(&self, routing: &Routing<'snap>, key: &RouteKey<'_>) -> Vec<Route<'snap>> {
        if let Some(local) = self.in_table(routing, "local", key, None).filter(|route| route.kind == RouteKind::Local) {
            return vec![local];
        }
        let mut names: Vec<_> = routing.tables.keys().copied().collect();
        names.sort_unstable();
        let mut found: Vec<Route<'snap>> = Vec::new();
        for route in names.into_iter().filter_map(|name| self.in_table(routing, name, key, None)) {
            if !found.contains(&route) {
                found.push(route);
            }
        }
        if found.is_empty() { vec![Route::nowhere(key.dst)] } else { found }
    }

    fn by_rules(&self, routing: &Routing<'snap>, rules: &[PolicyRule<'snap>], key: &RouteKey<'_>) -> Lookup<'snap> {
        if routing.as_the_kernel_starts
            && let Some(found) = self.by_default_rules(routing, key)
        {
            return found;
        }
        let mut found: Vec<Route<'snap>> = Vec::new();
        let mut reason: Option<String> = None;
        let mut lost = false;
        let mut todo = vec![0];
        // Each rule is asked once, however many ways lead to it: jumps only lead forward.
        let mut asked = BTreeSet::new();
        while let Some(start) = todo.pop() {
            let mut at = start;
            loop {
                if !asked.insert(at) {
                    break;
                }
                let Some(rule) = rules.get(at) else {
                    found.push(Route::nowhere(key.dst));
                    break;
                };
                let holds = if rule.is_vrf() && !self.has_vrf() { Tri::No } else { rule.test(key) };
                let turn = if holds.is_no() { Turn::Next } else { self.act(routing, rules, at, key) };
                if !holds.is_no()
                    && (holds.is_unknown() && !matches!(turn, Turn::Next) || matches!(turn, Turn::Unknown))
                {
                    reason.get_or_insert_with(|| format!("policy rule `{rule}` cannot be decided"));
                }
                match turn {
                    Turn::Next => {}
                    Turn::End(route) => {
                        if !found.iter().any(|other| other.leads_like(&route)) {
                            found.push(route);
                        }
                        if holds.is_yes() {
                            break;
                        }
                    }
                    Turn::To(next) => {
                        if holds.is_yes() {
                            at = next;
                            continue;
                        }
                        todo.push(next);
                    }
                    Turn::Unknown => {
                        lost = true;
                        if holds.is_yes() {
                            break;
                        }
                    }
                }
                at += 1;
            }
        }
        match found.as_slice() {
            [only] if !lost => Lookup::Found(only.clone()),
            // Where a rule leads cannot be told: neither can anything else.
            _ if lost => Lookup::Unknown { reason: reason.unwrap_or_default(), possible: Vec::new() },
            _ => Lookup::Unknown { reason: reason.unwrap_or_default(), possible: found },
        }
    }

    fn has_vrf(&self) -> bool {
        !self.knows_interfaces() || self.interfaces.iter().any(|i| i.kind == Some("vrf") || i.port_kind == Some("vrf"))
    }

    /// The tables that a kernel asks without rules of the administrator's own. `None` where one holds a route that is
    /// not modelled.
    fn by_default_rules(&self, routing: &Routing<'snap>, key: &RouteKey<'_>) -> Option<Lookup<'snap>> {
        let mut found = None;
        // IPv6 starts without a rule for table `default`.
        let last = key.dst.is_ipv4().then_some("default");
        for table in ["local", "main"].into_iter().chain(last) {
            found = self.in_table(routing, table, key, None);
            if found.is_some() {
                break;
            }
        }
        let found = found.unwrap_or_else(|| Route::nowhere(key.dst));
        if found.kind == RouteKind::Other {
            return None;
        }
        Some(self.one_trie(routing, &found, key).unwrap_or(Lookup::Found(found)))
    }

    /// Until its first policy rule is added an IPv4 kernel keeps local and main in one trie, where the longest
    /// prefix of both wins; afterwards never again. Linux net/ipv4/fib_frontend.c fib_unmerge. Which of the two it is
    /// cannot be seen, and matters only where main is more specific than a local prefix.
    fn one_trie(&self, routing: &Routing<'snap>, local: &Route<'snap>, key: &RouteKey<'_>) -> Option<Lookup<'snap>> {
        if key.dst.is_ipv6() || local.table != "local" || local.prefix_len() == Some(32) {
            return None;
        }
        let local = local.clone();
        let main = self.in_table(routing, "main", key, None).filter(|main| main.prefix_len() > local.prefix_len())?;
        let reason = format!(
            "`{}` and `{}` both fit, and the kernel may ask for the longer prefix or for the local table first",
            local.words, main.words
        );
        Some(Lookup::Unknown { reason, possible: vec![main, local] })
    }

    fn act(&self, routing: &Routing<'snap>, rules: &[PolicyRule<'snap>], at: usize, key: &RouteKey<'_>) -> Turn<'snap> {
        let Some(rule) = rules.get(at) else { return Turn::Next };
        match rule.action {
            RuleAction::Lookup(table) => match self.in_table(routing, table, key, Some(rule)) {
                Some(route) if route.kind == RouteKind::Other => Turn::Unknown,
                Some(route) => Turn::End(route),
                None => Turn::Next,
            },
            RuleAction::Goto(Some(to)) => {
                let target = rules.partition_point(|other| other.priority < to);
                if target > at { Turn::To(target) } else { Turn::Next }
            }
            RuleAction::Goto(None) => Turn::Next,
            RuleAction::Refuse(kind) => Turn::End(Route::end(kind, Words::Refused(rule.to_string()))),
            RuleAction::Other => Turn::Unknown,
        }
    }

    /// What a table says: nothing where no route fits, or `throw`, or the rule passes over the route.
    fn in_table(
        &self,
        routing: &Routing<'snap>,
        name: &str,
        key: &RouteKey<'_>,
        rule: Option<&PolicyRule<'snap>>,
    ) -> Option<Route<'snap>> {
        let best = routing.table(name)?.best(key.dst, key.src);
        let (first, others) = best.split_first()?;
        if first.kind == RouteKind::Throw {
            return None;
        }
        let route = Route::of(first, others);
        // Only what leads somewhere is passed over; Linux net/ipv4/fib_rules.c fib4_rule_suppress.
        if let Some(rule) = rule
            && !route.kind.refuses()
        {
            let short = rule.suppress_prefix_len.is_some_and(|len| first.prefix.prefix_len() <= len);
            let grouped = rule.suppress_group.is_some_and(|group| {
                first.hops.first().and_then(|hop| hop.dev).and_then(|dev| self.interface(dev)).and_then(|i| i.group)
                    == Some(group)
            });
            if short || grouped {
                return None;
            }
        }
        Some(route)
    }
}
