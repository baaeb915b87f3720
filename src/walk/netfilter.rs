//! The way of a packet through the kernel: hooks, tables, chains, address translation, routing in between.
//! One packet in, every way it can go out. Knows rules, not Services.
//!
//! Where a rule may or may not match and it cannot be told, both ways are followed to their ends; if the ends are
//! the same the rule does not matter, else the outcome is indeterminate and names the rule.

use super::addresses::{Destination, Source};
use super::ends::{doubted, either_first, finish, same};
use super::kept::Kept;
use super::packet::{Action, Dependency, Disposition, Entry, Outcome, Packet};
use super::state::{Bits, Bound, Connection, Frame, Iface, LEFT_OUT, Made, State, Told, Trail};
use smallvec::{SmallVec, smallvec};

use crate::dataplane::hooks::{BaseBody, BaseChain, Hook, Hooks};
use crate::dataplane::plane::{Family, Loaded, Plane, Rules};

/// Rules that are looked at for one packet, at most; more is no real node.
const STEPS: usize = 5_000_000;
/// Connection tracking looks at a packet here (Linux `NF_IP_PRI_CONNTRACK`): rules that run before see no connection.
const CONNTRACK: i32 = -200;
/// Hops of all outcomes of one packet, at most; then only the first ones of each are kept.
const HOPS: usize = 100_000;
/// So many.
const FIRST_HOPS: usize = 16;
/// Undecidable rules that are followed both ways inside each other, at most.
const NESTED: usize = 10;

/// Every way the packet can go, in the order of the rules; shares sum to one.
#[must_use]
pub fn walk<'snap>(plane: &Plane<'snap>, packet: &Packet) -> Vec<Outcome<'snap>> {
    follow(plane, packet, &Trail::kept(), [None, None])
}

/// The same ways, without their hops: for who asks where many packets end and not how they came there.
pub struct Ends<'a, 'snap> {
    plane: &'a Plane<'snap>,
    kept: Kept<'snap>,
    /// With two stores of rules, those of the other order.
    kept_other_order: Kept<'snap>,
}

impl<'a, 'snap> Ends<'a, 'snap> {
    /// Of packets on this node.
    #[must_use]
    pub fn new(plane: &'a Plane<'snap>) -> Self {
        Self { plane, kept: Kept::default(), kept_other_order: Kept::default() }
    }

    /// Where a packet ends.
    #[must_use]
    pub fn of(&mut self, packet: &Packet) -> Vec<Outcome<'snap>> {
        follow(self.plane, packet, &Trail::left_out(), [Some(&mut self.kept), Some(&mut self.kept_other_order)])
    }
}

fn follow<'snap>(
    plane: &Plane<'snap>,
    packet: &Packet,
    trail: &Trail<'snap>,
    [kept, kept_other_order]: [Option<&mut Kept<'snap>>; 2],
) -> Vec<Outcome<'snap>> {
    let rules = plane.rules(Family::of(packet.to.ip()));
    let through = |hooks, kept| {
        let mut walker = Walker { plane, rules, hooks, kept, steps: 0, hops: 0, nested: 0 };
        let entered = walker.enter(packet, trail.clone());
        walker.run(entered)
    };
    let mut outcomes = through(&rules.hooks, kept);
    if let Some(hooks) = &rules.other_order {
        let dump = |loaded: Option<&Loaded<'snap>>| loaded.map_or("", |loaded| loaded.ruleset.dump);
        let nft = if rules.rulesets.len() > 1 { dump(rules.rulesets.last()) } else { "nft-ruleset" };
        let dumps = [dump(rules.rulesets.first()), nft];
        outcomes = either_first(outcomes, through(hooks, kept_other_order), dumps);
    }
    if !rules.doubts.is_empty() {
        outcomes = doubted(outcomes, &rules.doubts, rules.condition());
    }
    let beside = beside(plane, packet, &outcomes);
    if !beside.is_empty() {
        outcomes = doubted(outcomes, &beside, "if nothing acts beside the rules");
    }
    outcomes
}

/// What may act on the packet before the rules or beside them, in words.
fn beside(plane: &Plane<'_>, packet: &Packet, outcomes: &[Outcome<'_>]) -> Vec<String> {
    if plane.signs().is_empty() {
        return Vec::new();
    }
    let came = match &packet.entry {
        Entry::Arrives(name) => Some(name.as_deref()),
        Entry::Local => None,
    };
    // What is stopped or handed over here does not pass another interface.
    let left = outcomes
        .iter()
        .filter(|outcome| matches!(outcome.disposition, Disposition::Delivered | Disposition::Untouched));
    let passed: Vec<_> = came.into_iter().chain(left.map(|outcome| outcome.interface)).collect();
    plane.signs().iter().filter(|sign| sign.concerns(&passed)).map(crate::dataplane::ebpf::Sign::words).collect()
}

pub(super) struct Walker<'a, 'snap> {
    pub(super) plane: &'a Plane<'snap>,
    pub(super) rules: &'a Rules<'snap>,
    hooks: &'a Hooks<'snap>,
    /// Ends of packets before this one.
    pub(super) kept: Option<&'a mut Kept<'snap>>,
    pub(super) steps: usize,
    hops: usize,
    pub(super) nested: usize,
}

/// What becomes of a packet in one step: mostly one way.
pub(super) type Ways<'snap> = SmallVec<[Way<'snap>; 2]>;

/// A packet that goes on, or has come to its end.
pub(super) enum Way<'snap> {
    /// On its way.
    Goes(Box<State<'snap>>),
    /// At its end.
    Ends(Box<Outcome<'snap>>),
}

/// What follows a step.
pub(super) enum Step<'snap> {
    /// These ways, each with its share.
    Ways(Ways<'snap>),
    /// All of it is at these ends.
    Ends(Vec<Outcome<'snap>>),
    /// The first way or the second: which cannot be told. With each, the condition in words.
    Undecided(Dependency<'snap>, Box<State<'snap>>, [(String, Ways<'snap>); 2]),
}

impl<'snap> State<'snap> {
    /// It goes on.
    pub(super) fn goes(self: Box<Self>) -> Step<'snap> {
        Step::Ways(smallvec![self.way()])
    }

    /// It goes on, among others.
    pub(super) fn way(self: Box<Self>) -> Way<'snap> {
        Way::Goes(self)
    }

    /// It is at its end, and what that depends on is not known.
    pub(super) fn undecided(&self, why: Dependency<'snap>) -> Way<'snap> {
        Way::Ends(Box::new(finish(self, Disposition::Indeterminate, None, vec![why])))
    }
}

impl<'snap> Walker<'_, 'snap> {
    /// Follows packets, and all their forks, to their ends.
    pub(super) fn run(&mut self, ways: Ways<'snap>) -> Vec<Outcome<'snap>> {
        let mut outcomes = Vec::new();
        let mut waiting: Vec<_> = ways.into_iter().rev().collect();
        while let Some(way) = waiting.pop() {
            match way {
                Way::Ends(outcome) => outcomes.push(self.shortened(*outcome)),
                Way::Goes(state) => match self.advance(state) {
                    Step::Ways(ways) => waiting.extend(ways.into_iter().rev()),
                    Step::Ends(ends) if outcomes.is_empty() => outcomes = ends,
                    Step::Ends(ends) => outcomes.extend(ends),
                    Step::Undecided(dependency, here, ways) => self.both(&dependency, &here, ways, &mut outcomes),
                },
            }
        }
        outcomes
    }

    /// An outcome with as many of its hops as there is room for.
    fn shortened(&mut self, mut outcome: Outcome<'snap>) -> Outcome<'snap> {
        if self.hops.saturating_add(outcome.hops.len()) > HOPS && outcome.hops.len() > FIRST_HOPS {
            outcome.hops.truncate(FIRST_HOPS);
            outcome.hops.shrink_to_fit();
            if let Some(last) = outcome.hops.last_mut() {
                (last.action, last.at, last.chance) = (Action::Pass(LEFT_OUT.into()), None, None);
            }
        }
        self.hops = self.hops.saturating_add(outcome.hops.len());
        outcome
    }

    /// Follows both ways of an undecidable rule. If they end alike, it does not matter.
    fn both(
        &mut self,
        dependency: &Dependency<'snap>,
        here: &State<'snap>,
        [first, second]: [(String, Ways<'snap>); 2],
        into: &mut Vec<Outcome<'snap>>,
    ) {
        let undecided = || finish(here, Disposition::Indeterminate, None, vec![dependency.clone()]);
        if self.nested >= NESTED {
            into.push(undecided());
            return;
        }
        self.nested += 1;
        let one = self.run(first.1);
        let other = self.run(second.1);
        self.nested -= 1;
        if same(&one, &other) {
            into.extend(other);
            return;
        }
        into.push(undecided());
        for (condition, outcomes) in [(first.0, one), (second.0, other)] {
            for mut outcome in outcomes {
                let part = (here.share > 0.0 && outcome.share < here.share && outcome.when.is_none())
                    .then(|| format!(" ({:.1} %)", outcome.share / here.share * 100.0));
                let condition = condition.clone() + part.as_deref().unwrap_or_default();
                outcome.when = Some(match outcome.when {
                    Some(when) => format!("{condition}, {when}"),
                    None => condition,
                });
                outcome.share = 0.0;
                outcome.depends_on.push(dependency.clone());
                into.push(outcome);
            }
        }
    }

    /// Puts the packet at its first hook.
    fn enter(&self, packet: &Packet, trail: Trail<'snap>) -> Ways<'snap> {
        let to = packet.to.ip();
        let mut state = Box::new(State {
            family: Family::of(to),
            protocol: packet.protocol,
            from: Source::new(packet.from),
            src_told: Told::Yes,
            to: Destination::new(packet.to),
            sport: packet.from_port,
            client_ports: super::matches::EPHEMERAL,
            mark: Bits::ZERO,
            ctmark: Bits::ZERO,
            iif: Iface::None,
            oif: Iface::None,
            route_oif: Iface::None,
            connection: Connection {
                tracked: Told::Yes,
                looked_up: Bound::No,
                dst_bound: Bound::No,
                src_bound: Bound::No,
                dnat: Bound::No,
                snat: Bound::No,
            },
            made: Made::Elsewhere,
            hook: Hook::Prerouting,
            base: 0,
            frames: SmallVec::new(),
            share: 1.0,
            when: None,
            trail,
            routed_mark: Bits::ZERO,
            masqueraded: None,
            gateway: None,
            entered: super::entered::Entered::default(),
            balanced: None,
        });
        match &packet.entry {
            Entry::Arrives(name) => {
                state.iif = Iface::of(name.as_deref().and_then(|name| self.plane.links.name(name)));
                smallvec![state.way()]
            }
            Entry::Local => {
                state.made = Made::Here;
                state.client_ports = self.plane.sysctls.client_ports().unwrap_or(super::matches::EPHEMERAL);
                state.hook = Hook::Output;
                self.send(state)
            }
        }
    }

    fn advance(&mut self, mut state: Box<State<'snap>>) -> Step<'snap> {
        self.steps += 1;
        if self.steps > STEPS {
            return Step::Ways(smallvec![state.undecided(Dependency::Fact("too many rules to follow".into()))]);
        }
        let Some(base) = self.hooks.at(state.hook).get(state.base).copied() else {
            return Step::Ways(self.end_of_hook(state));
        };
        if state.frames.is_empty() {
            return self.enter_base(state, &base);
        }
        match base.body {
            BaseBody::Iptables { ruleset, table, .. } | BaseBody::Presumed { ruleset, table, .. } => {
                let rules = self.rules;
                let loaded = rules.rulesets.get(ruleset);
                match loaded.and_then(|loaded| Some((loaded, loaded.ruleset.tables.get(table)?))) {
                    Some((loaded, table)) => self.in_chain(state, &base, loaded, table),
                    None => Step::Ways(smallvec![state.undecided(Dependency::Fact("a table is missing".into()))]),
                }
            }
            BaseBody::Nft { table, chain, .. } => self.in_nft(state, &base, table, chain),
            BaseBody::Unread(_) | BaseBody::Ipvs => {
                state.leave_table();
                state.goes()
            }
        }
    }

    fn enter_base(&self, mut state: Box<State<'snap>>, base: &BaseChain<'snap>) -> Step<'snap> {
        if base.priority >= CONNTRACK {
            state.connection.looked_up = Bound::Yes;
        }
        let dst_side = matches!(state.hook, Hook::Prerouting | Hook::Output);
        let bound = if dst_side { state.connection.dst_bound } else { state.connection.src_bound };
        if base.is_nat() && (bound.holds() || state.connection.tracked == Told::No) {
            state.base += 1;
            return state.goes();
        }
        // Only what this chain changes is routed anew behind it (ipt_mangle_out, nf_route_table_hook).
        state.routed();
        match base.body {
            BaseBody::Iptables { chain, .. } | BaseBody::Nft { chain, .. } => {
                state.frames.push(Frame::at_start(chain));
                state.goes()
            }
            BaseBody::Presumed { chain, .. } => {
                let here = state.clone();
                let mut entered = state.clone();
                entered.frames.push(Frame::at_start(chain));
                state.base += 1;
                let hook = state.hook.chain();
                Step::Undecided(
                    Dependency::Fact(format!("the lines of {hook} in table {} are not in the input", base.table)),
                    here,
                    [
                        (format!("if {hook} leads to kube-proxy's chain, as it makes it"), smallvec![entered.way()]),
                        (format!("if {hook} does not"), smallvec![state.way()]),
                    ],
                )
            }
            BaseBody::Ipvs => self.ipvs(state),
            BaseBody::Unread(at) => {
                let why = format!("when this chain of table {} runs cannot be read", base.table);
                let unknown = state.undecided(Dependency::Rule(at, why));
                state.base += 1;
                state.share = 0.0;
                state.only_when(&format!("if table {} lets it pass", base.table));
                Step::Ways(smallvec![unknown, state.way()])
            }
        }
    }
}
