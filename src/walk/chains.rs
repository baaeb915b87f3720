//! Inside a table: rule after rule, jumps and returns, verdicts, marks, address translation.
//! Sources: Linux `net/ipv4/netfilter/ip_tables.c` (ipt_do_table), `net/netfilter/xt_*.c`, `nf_nat_core.c`.

use std::rc::Rc;

use smallvec::smallvec;

use super::addresses::Question;
use super::ends::finish;
use super::entered::Passage;
use super::matches::{Fresh, Holds};
use super::netfilter::{Step, Walker, Way, Ways};
use super::packet::{Action, Dependency, Disposition, Reason};
use super::state::{Frame, Made, State, Told};
use crate::dataplane::Loc;
use crate::dataplane::hooks::{BaseBody, BaseChain, Hook};
use crate::dataplane::iptables::rule::Connmark;
use crate::dataplane::iptables::{Body, Chain, Rule, Table, Target};
use crate::dataplane::plane::{Family, Loaded};

/// Chains inside each other, at most; the kernel refuses loops (nft: 16 deep; legacy: as many as there are chains).
const DEEP: usize = 512;

/// Where a rule stands, for hops.
#[derive(Clone, Copy)]
pub(super) struct Place<'a, 'snap> {
    pub(super) base: &'a BaseChain<'snap>,
    table: &'a Table<'snap>,
    pub(super) chain: &'snap str,
}

impl<'snap> Walker<'_, 'snap> {
    /// Goes on to the next rule that does something.
    pub(super) fn in_chain(
        &mut self,
        mut state: Box<State<'snap>>,
        base: &BaseChain<'snap>,
        loaded: &Loaded<'snap>,
        table: &Table<'snap>,
    ) -> Step<'snap> {
        if self.kept.is_some()
            && let Some(frame) = state.frames.last().copied()
            && let Some(outcomes) = self.spread(&state, base, loaded, table, frame)
        {
            return Step::Ends(outcomes);
        }
        loop {
            let Some(frame) = state.frames.last().copied() else {
                return Step::Ways(self.policy(state, base, table));
            };
            let Some(chain) = table.chains.get(frame.chain) else {
                state.frames.pop();
                continue;
            };
            let body = chain.body(loaded.ruleset.dump, loaded.text);
            let Some(at) = next_rule(&state, base, body, frame) else {
                state.frames.pop();
                continue;
            };
            if let Some(frame) = state.frames.last_mut() {
                frame.next = at + 1;
            }
            let rule = match body.rule(at) {
                Some(Ok(rule)) => rule,
                Some(Err(unread)) => {
                    let why = Dependency::Rule(unread.at, format!("the line cannot be read: {}", unread.why));
                    return Step::Ways(smallvec![state.undecided(why)]);
                }
                None => continue,
            };
            let place = Place { base, table, chain: chain.name };
            match state.holds(rule, self.plane) {
                Holds::No => state.remember(rule, Passage::Passed, self.plane),
                Holds::Yes(chance) if chance >= 1.0 => {
                    state.remember(rule, Passage::Taken, self.plane);
                    return Step::Ways(self.take(state, place, rule, None));
                }
                Holds::Yes(chance) => {
                    let (mut taken, mut passed) = split(state, chance);
                    taken.remember(rule, Passage::Taken, self.plane);
                    passed.remember(rule, Passage::Passed, self.plane);
                    return Step::Ways(self.fork(taken, passed, place, rule));
                }
                Holds::State { fresh, otherwise, chance } => {
                    let mut known = state.clone();
                    known.share = 0.0;
                    known.only_when(&format!("when {otherwise}"));
                    return Step::Ways(match fresh {
                        Fresh::Passes => {
                            known.remember(rule, Passage::Taken, self.plane);
                            state.remember(rule, Passage::Passed, self.plane);
                            self.fork(known, state, place, rule)
                        }
                        Fresh::Matches => {
                            let (mut taken, mut passed) = split(state, chance);
                            taken.remember(rule, Passage::Taken, self.plane);
                            passed.remember(rule, Passage::Passed, self.plane);
                            known.remember(rule, Passage::Passed, self.plane);
                            let mut ways = self.fork(taken, passed, place, rule);
                            ways.push(known.way());
                            ways
                        }
                    });
                }
                Holds::Unknown(_) if matches!(rule.target, Target::None | Target::Pass) && !rule.enters() => {}
                Holds::Unknown(why) => {
                    let (mut taken, mut passed) = (state.clone(), state.clone());
                    taken.remember(rule, Passage::Taken, self.plane);
                    passed.remember(rule, Passage::Passed, self.plane);
                    // What follows is inside an undecidable rule already.
                    self.nested += 1;
                    let taken = self.take(taken, place, rule, None);
                    self.nested -= 1;
                    let line = rule.at.line;
                    return Step::Undecided(
                        Dependency::Rule(rule.at, why),
                        state,
                        [
                            (format!("if line {line} matches"), taken),
                            (format!("if line {line} does not match"), smallvec![passed.way()]),
                        ],
                    );
                }
            }
        }
    }

    fn fork(
        &mut self,
        taken: Box<State<'snap>>,
        passed: Box<State<'snap>>,
        place: Place<'_, 'snap>,
        rule: &Rule<'snap>,
    ) -> Ways<'snap> {
        let chance = taken.when.is_none().then_some(taken.share);
        let mut ways = self.take(taken, place, rule, chance);
        if passed.share > 0.0 || passed.when.is_some() {
            ways.push(passed.way());
        }
        ways
    }

    /// Does what the rule says.
    fn take(
        &mut self,
        mut state: Box<State<'snap>>,
        place: Place<'_, 'snap>,
        rule: &Rule<'snap>,
        chance: Option<f64>,
    ) -> Ways<'snap> {
        let Place { base, chain, .. } = place;
        let at = Some(rule.at);
        let hop = |state: &mut State<'snap>, action| state.hop_with(base.table, chain, action, at, chance);
        match &rule.target {
            Target::None => {
                hop(&mut state, Action::Pass("counted".into()));
                smallvec![state.way()]
            }
            Target::Pass => {
                let name = rule.target_text.split(' ').nth(1).unwrap_or_default();
                hop(&mut state, Action::Pass(name.into()));
                smallvec![state.way()]
            }
            Target::Accept => {
                hop(&mut state, Action::Accept);
                self.leave_base(state, base)
            }
            Target::Drop => {
                hop(&mut state, Action::Drop);
                ends(&state, Disposition::Dropped, Reason::Rule(rule.at))
            }
            Target::Reject(with) => {
                let with = reject_name(with, state.family);
                hop(&mut state, Action::Reject(with.clone()));
                ends(&state, Disposition::Rejected, Reason::RejectedWith(rule.at, with))
            }
            Target::Return => {
                hop(&mut state, Action::Return);
                state.frames.pop();
                // From a builtin chain, or one that was gone to from it, there is only the policy to return to.
                if state.frames.is_empty() { self.policy(state, base, place.table) } else { smallvec![state.way()] }
            }
            Target::Jump(name) => Self::jump(state, place, rule, Action::Jump(name), name, chance),
            Target::Goto(name) => Self::jump(state, place, rule, Action::Goto(name), name, chance),
            Target::Mark(value, mask) => {
                state.mark = state.mark.set_xmark(*value, *mask);
                let now = Action::Mark(state.mark.value);
                hop(&mut state, now);
                smallvec![state.way()]
            }
            Target::Connmark(set) => {
                state.connmark(*set);
                hop(&mut state, Action::Pass("CONNMARK".into()));
                smallvec![state.way()]
            }
            Target::Notrack => {
                // xt_CT.c xt_ct_target: what has a connection keeps it.
                if state.before_conntrack() {
                    state.connection.tracked = Told::No;
                    hop(&mut state, Action::Notrack);
                }
                smallvec![state.way()]
            }
            Target::Dnat(range) => self.dnat(state, place, rule, *range, chance),
            Target::Redirect(ports) => self.redirect(state, place, rule, *ports, chance),
            Target::Netmap(net) => self.netmap(state, place, rule, *net, chance),
            Target::Snat(range) => super::nat::snat(state, place, rule, *range, chance),
            Target::Masquerade => self.masquerade(state, place, rule, chance),
            Target::Unknown(name) => {
                let why = Dependency::Rule(rule.at, format!("what target `{name}` does is not known"));
                hop(&mut state, Action::Unknown((*name).into()));
                smallvec![state.undecided(why)]
            }
        }
    }

    fn jump(
        mut state: Box<State<'snap>>,
        place: Place<'_, 'snap>,
        rule: &Rule<'snap>,
        action: Action<'snap>,
        name: &'snap str,
        chance: Option<f64>,
    ) -> Ways<'snap> {
        let Some(index) = place.table.index_of(name) else {
            state.hop_with(place.base.table, place.chain, Action::Unknown(name.into()), Some(rule.at), chance);
            return smallvec![
                state.undecided(Dependency::Rule(rule.at, format!("chain {name} {}", Dependency::CHAIN_MISSING))),
            ];
        };
        let declared = place.table.chains.get(index).is_some_and(|chain| chain.is_declared() || !chain.is_empty());
        if !declared {
            state.hop_with(place.base.table, place.chain, Action::Unknown(name.into()), Some(rule.at), chance);
            return smallvec![
                state.undecided(Dependency::Rule(rule.at, format!("chain {name} {}", Dependency::CHAIN_MISSING))),
            ];
        }
        if state.frames.len() > DEEP {
            return smallvec![
                state.undecided(Dependency::Rule(rule.at, format!("more than {DEEP} chains lie inside each other"))),
            ];
        }
        let looping = state.frames.iter().filter(|frame| frame.chain == index).count() > 1;
        let goto = matches!(action, Action::Goto(_));
        state.hop_with(place.base.table, place.chain, action, Some(rule.at), chance);
        if looping {
            return ends(&state, Disposition::Loop, Reason::Rule(rule.at));
        }
        let mut entered = Frame::at_start(index);
        if goto {
            // One after the other they cannot be more than there are chains.
            entered.gotos = state.frames.pop().map_or(0, |frame| frame.gotos) + 1;
            if entered.gotos > place.table.chains.len() {
                return ends(&state, Disposition::Loop, Reason::Rule(rule.at));
            }
        }
        state.frames.push(entered);
        smallvec![state.way()]
    }

    /// Ends a base chain without a new destination; mangle at OUTPUT routes anew when the mark has changed.
    fn leave_base(&self, mut state: Box<State<'snap>>, base: &BaseChain<'snap>) -> Ways<'snap> {
        if base.table == "mangle" {
            return self.leave_table_routed(state);
        }
        state.leave_table();
        smallvec![state.way()]
    }

    /// Ends the table at this hook; a packet that is made here and has changed is routed anew
    /// (Linux `ip_route_me_harder`, called by mangle and nat at OUTPUT).
    pub(super) fn leave_table_routed(&self, mut state: Box<State<'snap>>) -> Ways<'snap> {
        state.leave_table();
        if state.made == Made::Here && state.hook == Hook::Output {
            return self.reroute(state);
        }
        smallvec![state.way()]
    }

    /// The end of a builtin chain.
    fn policy(&self, mut state: Box<State<'snap>>, base: &BaseChain<'snap>, table: &Table<'snap>) -> Ways<'snap> {
        let chain = table.chain(state.hook.chain());
        let name: &'static str = state.hook.chain();
        let at: Option<Loc<'snap>> = chain.and_then(|chain| chain.declared(table));
        match at.and_then(|at| Chain::policy_of(at.text)) {
            Some("DROP") => {
                state.hop(base.table, name, Action::Policy("DROP"), at);
                let reason = at.map_or_else(|| Reason::Route("policy DROP".into()), Reason::Policy);
                ends(&state, Disposition::Dropped, reason)
            }
            Some("ACCEPT") | None => {
                if base.table == "filter" {
                    state.hop(base.table, name, Action::Policy("ACCEPT"), at);
                }
                self.leave_base(state, base)
            }
            Some(_) => {
                let why = at.map_or_else(
                    || Dependency::Fact(format!("the policy of {name} is not known")),
                    |at| Dependency::Rule(at, "the policy is not known".into()),
                );
                smallvec![state.undecided(why)]
            }
        }
    }
}

impl State<'_> {
    /// Ends the table at this hook.
    pub(super) fn leave_table(&mut self) {
        self.frames.clear();
        self.base += 1;
    }

    /// From here on only under a condition.
    pub(super) fn only_when(&mut self, condition: &str) {
        self.when = Some(Rc::from(match &self.when {
            Some(when) => format!("{when}, {condition}"),
            None => condition.to_owned(),
        }));
    }

    fn connmark(&mut self, change: Connmark) {
        if !self.has_connection() {
            return;
        }
        match change {
            Connmark::Set(value, mask) => self.ctmark = self.ctmark.set_xmark(value, mask),
            Connmark::Save { nfmask, ctmask } => self.ctmark = self.ctmark.copy_masked(self.mark, nfmask, ctmask),
            Connmark::Restore { nfmask, ctmask } => self.mark = self.mark.copy_masked(self.ctmark, ctmask, nfmask),
        }
    }
}

/// The next rule of the chain that could match.
fn next_rule(state: &State<'_>, base: &BaseChain<'_>, body: &Body<'_>, frame: Frame) -> Option<usize> {
    let next = body.next_for(frame.next, state.to.unnoted());
    if body.is_indexed() {
        match base.body {
            BaseBody::Iptables { ruleset, table, .. } | BaseBody::Presumed { ruleset, table, .. } => {
                let (chain, from) = (frame.chain, frame.next);
                state.to.note(|| Question::Next { ruleset, table, chain, from, next });
            }
            BaseBody::Ipvs | BaseBody::Nft { .. } | BaseBody::Unread(_) => state.to.looked(),
        }
    }
    next
}

fn split(state: Box<State<'_>>, chance: f64) -> (Box<State<'_>>, Box<State<'_>>) {
    let (mut taken, mut passed) = (state.clone(), state);
    taken.share *= chance;
    passed.share *= 1.0 - chance;
    if chance >= 1.0 {
        passed.when = None;
    }
    (taken, passed)
}

pub(super) fn ends<'snap>(state: &State<'snap>, disposition: Disposition, reason: Reason<'snap>) -> Ways<'snap> {
    smallvec![Way::Ends(Box::new(finish(state, disposition, Some(reason), Vec::new())))]
}

/// Full name of the answer: `ip6tables` prints `icmp6-…`, and short forms exist.
fn reject_name(with: &str, family: Family) -> String {
    match (with, family) {
        ("icmp-port-unreachable" | "port-unreach" | "port-unreachable", Family::V6) => "icmp6-port-unreachable".into(),
        _ => with.into(),
    }
}
