//! Inside an nft table: rule after rule, and statement after statement inside a rule, which all act on the packet in
//! turn. Verdicts, jumps, maps of verdicts. Sources: Linux `net/netfilter/nf_tables_core.c` (nft_do_chain), `nft_*.c`.

#[cfg(test)]
mod cases;
mod eval;
mod forks;
mod nat;
mod test;

use smallvec::smallvec;

use self::eval::{Value, Weighed, when_hashed};
use self::forks::{Part, by_state, fork, marked_each, marked_or_not, undecided};
use self::test::Answer;
use super::chains::ends;
use super::entered::{Standing, Store};
use super::netfilter::{Step, Walker, Ways};
use super::packet::{Action, Dependency, Disposition, Reason};
use super::state::{Bits, Frame, State, Told};
use crate::dataplane::Loc;
use crate::dataplane::hooks::{BaseBody, BaseChain, Kind};
use crate::dataplane::nft::base::Policy;
use crate::dataplane::nft::expr::{Expr, Lookup};
use crate::dataplane::nft::set::{Data, Found, Known};
use crate::dataplane::nft::statement::{Rule, Statement, Verdict};
use crate::dataplane::nft::{Chain, Table};
use crate::dataplane::plane::{Family, Plane};

/// Chains inside each other, at most (Linux `NFT_JUMP_STACK_SIZE`).
const DEEP: usize = 16;

/// Marks by a random number that are followed each on its own, at most.
const SPREAD: u32 = 64;

/// Where a rule stands.
#[derive(Clone, Copy)]
pub(super) struct Place<'a, 'snap> {
    pub(super) base: &'a BaseChain<'snap>,
    pub(super) table: &'a Table<'snap>,
    /// The base chain.
    root: &'a Chain<'snap>,
    pub(super) chain: &'snap str,
    pub(super) plane: &'a Plane<'snap>,
}

impl<'snap> Place<'_, 'snap> {
    /// The elements of a lookup.
    fn find(&self, lookup: &Lookup<'snap>, values: &[Known<'snap>]) -> Found<'snap> {
        match lookup {
            Lookup::Here(elements) => elements.find(values),
            Lookup::Named(name) => match self.table.set(name) {
                Some(set) => set.elements().find(values),
                None => Found::Perhaps(Vec::new(), format!("@{name} {}", Dependency::CHAIN_MISSING)),
            },
        }
    }
}

impl<'snap> Walker<'_, 'snap> {
    /// Goes on to the next rule that does something.
    pub(super) fn in_nft(
        &mut self,
        mut state: Box<State<'snap>>,
        base: &BaseChain<'snap>,
        table: usize,
        chain: usize,
    ) -> Step<'snap> {
        let tables = &self.plane.nft().tables;
        let Some((table, root)) = tables.get(table).and_then(|table| Some((table, table.chains.get(chain)?))) else {
            return Step::Ways(smallvec![state.undecided(Dependency::Fact("a table is missing".into()))]);
        };
        loop {
            let mut place = Place { base, table, root, chain: root.name, plane: self.plane };
            let Some(frame) = state.frames.last_mut() else {
                return Step::Ways(self.nft_policy(state, place));
            };
            let Some(chain) = table.chains.get(frame.chain) else {
                state.frames.pop();
                continue;
            };
            let Some(rule) = chain.rules().get(frame.next) else {
                state.frames.pop();
                continue;
            };
            place.chain = chain.name;
            match self.statements(state, place, rule) {
                Ok(step) => return step,
                Err(next) => state = next,
            }
        }
    }

    /// What is left of a rule. `Err` if it decides nothing and the next one is next.
    fn statements(
        &mut self,
        mut state: Box<State<'snap>>,
        place: Place<'_, 'snap>,
        rule: &Rule<'snap>,
    ) -> Result<Step<'snap>, Box<State<'snap>>> {
        let from = state.frames.last().map_or(0, |frame| frame.statement);
        let mut at = from;
        while let Some(statement) = rule.statements.get(at) {
            if statement.is_test() {
                // All tests up to the next action are one question.
                let end = rule.statements.iter().skip(at).position(|one| !one.is_test() && !one.is_idle());
                let end = end.map_or(rule.statements.len(), |more| at + more);
                let tests = rule.statements.get(at..end).unwrap_or_default();
                let answer = state.ask(tests, place);
                // What nothing follows does not matter.
                let matters = end < rule.statements.len();
                at = end;
                match answer {
                    Answer::Yes => {}
                    Answer::No => return Err(state.next_rule()),
                    _ if !matters => return Err(state.next_rule()),
                    Answer::Chance(chance) => return Ok(Step::Ways(fork(state, at, chance))),
                    Answer::State { fresh, otherwise, chance } => {
                        return Ok(Step::Ways(by_state(state, at, fresh, &otherwise, chance)));
                    }
                    Answer::Unknown(why) => return Ok(undecided(state, at, rule, why)),
                }
                continue;
            }
            at += 1;
            if statement.is_idle() {
                continue;
            }
            if let Some(frame) = state.frames.last_mut() {
                frame.statement = at;
            }
            if let Some(why) = state.may_break(statement, place) {
                return Ok(marked_or_not(state, statement, at, rule, why));
            }
            match self.act(state, place, rule, statement) {
                Ok(ways) => return Ok(Step::Ways(ways)),
                Err(next) => state = next,
            }
        }
        // What counts or logs and does nothing else is told where it may be of interest.
        Err(state.next_rule())
    }

    /// Does what a statement says. `Err` if the rule goes on behind it.
    fn act(
        &mut self,
        mut state: Box<State<'snap>>,
        place: Place<'_, 'snap>,
        rule: &Rule<'snap>,
        statement: &Statement<'snap>,
    ) -> Result<Ways<'snap>, Box<State<'snap>>> {
        match statement {
            Statement::Match { .. } | Statement::Unknown(_) | Statement::Limit(..) | Statement::Pass(_) => Err(state),
            Statement::Enter(name, key) => {
                let key = key.as_ref().and_then(|key| key_of(&state.evaluate(key, place)));
                let store = Store::Nft(place.base.table, name);
                state.entered.set(store, key, Standing::There);
                Err(state)
            }
            Statement::Verdict(verdict) => self.verdict(state, place, *verdict, rule.at, None),
            Statement::Vmap(key, lookup) => self.vmap(state, place, rule, key, lookup),
            Statement::Mark(value) => {
                match state.evaluate(value, place) {
                    Value::One(Known::Number { value, known }) => {
                        state.mark = Bits { value: low(value), known: low(known) };
                    }
                    Value::Break => return Ok(smallvec![state.next_rule().way()]),
                    Value::Spread { modulus, offset } if modulus <= SPREAD => {
                        return Ok(marked_each(&state, place, rule.at, modulus, offset));
                    }
                    Value::One(_)
                    | Value::Parts(_)
                    | Value::Data(_)
                    | Value::Spread { .. }
                    | Value::Fixed { .. }
                    | Value::Perhaps(..) => {
                        state.mark = Bits { value: 0, known: 0 };
                    }
                }
                let now = Action::Mark(state.mark.value);
                state.hop(place.base.table, place.chain, now, Some(rule.at));
                Err(state)
            }
            Statement::CtMark(value) => {
                if !state.has_connection() {
                    return Ok(smallvec![state.next_rule().way()]);
                }
                state.ctmark = match state.evaluate(value, place) {
                    Value::One(Known::Number { value, known }) => Bits { value: low(value), known: low(known) },
                    Value::Break => return Ok(smallvec![state.next_rule().way()]),
                    Value::One(_)
                    | Value::Parts(_)
                    | Value::Data(_)
                    | Value::Spread { .. }
                    | Value::Fixed { .. }
                    | Value::Perhaps(..) => Bits { value: 0, known: 0 },
                };
                state.hop(place.base.table, place.chain, Action::Pass("ct mark set".into()), Some(rule.at));
                Err(state)
            }
            Statement::Notrack => {
                // nft_ct.c nft_notrack_eval: what has a connection keeps it.
                if state.before_conntrack() {
                    state.connection.tracked = Told::No;
                    state.hop(place.base.table, place.chain, Action::Notrack, Some(rule.at));
                }
                Err(state)
            }
            Statement::Reject(with) => {
                let with = reject_name(with, state.family);
                if with == "tcp-reset" && state.protocol != super::packet::Protocol::Tcp {
                    state.hop(place.base.table, place.chain, Action::Drop, Some(rule.at));
                    return Ok(ends(&state, Disposition::Dropped, Reason::Rule(rule.at)));
                }
                state.hop(place.base.table, place.chain, Action::Reject(with.clone()), Some(rule.at));
                Ok(ends(&state, Disposition::Rejected, Reason::RejectedWith(rule.at, with)))
            }
            Statement::Dnat(nat) => self.nft_dnat(state, place, rule, nat),
            Statement::Redirect(nat) => self.nft_redirect(state, place, rule, nat),
            Statement::Snat(nat) => Self::nft_snat(state, place, rule, nat),
            Statement::Masquerade => Ok(self.nft_masquerade(state, place, rule)),
            Statement::Other(text) => {
                let why = Dependency::Rule(rule.at, format!("what `{text}` does is not known"));
                state.hop(place.base.table, place.chain, Action::Unknown((*text).into()), Some(rule.at));
                Ok(smallvec![state.undecided(why)])
            }
        }
    }

    fn verdict(
        &mut self,
        mut state: Box<State<'snap>>,
        place: Place<'_, 'snap>,
        verdict: Verdict<'snap>,
        at: Loc<'snap>,
        chance: Option<f64>,
    ) -> Result<Ways<'snap>, Box<State<'snap>>> {
        let table = place.base.table;
        let hop = |state: &mut State<'snap>, action| state.hop_with(table, place.chain, action, Some(at), chance);
        match verdict {
            Verdict::Continue => Err(state),
            Verdict::Accept => {
                hop(&mut state, Action::Accept);
                Ok(self.leave_nft(state, place))
            }
            Verdict::Drop => {
                hop(&mut state, Action::Drop);
                Ok(ends(&state, Disposition::Dropped, Reason::Rule(at)))
            }
            Verdict::Return => {
                hop(&mut state, Action::Return);
                state.frames.pop();
                let ways = if state.frames.is_empty() { self.nft_policy(state, place) } else { smallvec![state.way()] };
                Ok(ways)
            }
            Verdict::Queue => {
                hop(&mut state, Action::Unknown("queue".into()));
                let why = Dependency::Rule(at, "a process decides, by a queue".into());
                Ok(smallvec![state.undecided(why)])
            }
            Verdict::Jump(name) | Verdict::Goto(name) => {
                let Some(chain) = place.table.index_of(name) else {
                    hop(&mut state, Action::Unknown(name.into()));
                    let why = format!("chain {name} {}", Dependency::CHAIN_MISSING);
                    return Ok(smallvec![state.undecided(Dependency::Rule(at, why))]);
                };
                if state.frames.len() > DEEP {
                    let why = format!("more than {DEEP} chains lie inside each other");
                    return Ok(smallvec![state.undecided(Dependency::Rule(at, why))]);
                }
                let mut entered = Frame::at_start(chain);
                if matches!(verdict, Verdict::Goto(_)) {
                    hop(&mut state, Action::Goto(name));
                    entered.gotos = state.frames.pop().map_or(0, |frame| frame.gotos) + 1;
                    if entered.gotos > place.table.chains.len() {
                        return Ok(ends(&state, Disposition::Loop, Reason::Rule(at)));
                    }
                } else {
                    hop(&mut state, Action::Jump(name));
                    if let Some(frame) = state.frames.last_mut() {
                        (frame.next, frame.statement) = (frame.next + 1, 0);
                    }
                }
                state.frames.push(entered);
                Ok(smallvec![state.way()])
            }
        }
    }

    fn vmap(
        &mut self,
        state: Box<State<'snap>>,
        place: Place<'_, 'snap>,
        rule: &Rule<'snap>,
        key: &Expr<'snap>,
        lookup: &Lookup<'snap>,
    ) -> Result<Ways<'snap>, Box<State<'snap>>> {
        match state.look_up(key, lookup, place) {
            Weighed::None | Weighed::Break => Ok(smallvec![state.next_rule().way()]),
            Weighed::One(element) => {
                let at = element_place(lookup, &element, rule.at);
                match (element.data, element.limited) {
                    (Data::Verdict(verdict), false) => self.verdict(state, place, verdict, at, None),
                    (Data::Verdict(_) | Data::Values(_) | Data::None, _) => {
                        Ok(smallvec![state.undecided(Dependency::Rule(at, "the element is not understood".into()))])
                    }
                }
            }
            chosen @ (Weighed::Shares(_) | Weighed::Hashed(_)) => {
                let shares: Vec<_> = match chosen {
                    Weighed::Shares(shares) => shares.into_iter().map(|(part, one)| (Part::Share(part), one)).collect(),
                    Weighed::Hashed(elements) => {
                        elements.into_iter().map(|one| (Part::When(when_hashed(one.as_ref())), one)).collect()
                    }
                    Weighed::None | Weighed::One(_) | Weighed::Perhaps(..) | Weighed::Break => Vec::new(),
                };
                let mut ways = Ways::with_capacity(shares.len());
                for (part, element) in shares {
                    let mut one = state.clone();
                    one.take_part(&part);
                    let chance = one.when.is_none().then_some(one.share);
                    let Some(element) = element else {
                        ways.push(one.next_rule().way());
                        continue;
                    };
                    let at = element_place(lookup, &element, rule.at);
                    let Data::Verdict(verdict) = element.data else {
                        ways.push(one.undecided(Dependency::Rule(at, "the element is not understood".into())));
                        continue;
                    };
                    match self.verdict(one, place, verdict, at, chance) {
                        Ok(more) => ways.extend(more),
                        Err(on) => ways.push(on.way()),
                    }
                }
                Ok(ways)
            }
            Weighed::Perhaps(_, why) => Ok(smallvec![state.undecided(Dependency::Rule(rule.at, why))]),
        }
    }

    /// Ends this base chain, and no other; what is made here and has changed is routed anew by chains of type route.
    fn leave_nft(&self, mut state: Box<State<'snap>>, place: Place<'_, 'snap>) -> Ways<'snap> {
        if matches!(place.base.body, BaseBody::Nft { kind: Kind::Route, .. }) {
            return self.leave_table_routed(state);
        }
        state.leave_table();
        smallvec![state.way()]
    }

    /// The end of a base chain.
    fn nft_policy(&self, mut state: Box<State<'snap>>, place: Place<'_, 'snap>) -> Ways<'snap> {
        let Some(base) = place.root.base else {
            state.leave_table();
            return smallvec![state.way()];
        };
        match base.policy {
            Policy::Drop => {
                state.hop(place.base.table, place.root.name, Action::Policy("DROP"), Some(base.at));
                ends(&state, Disposition::Dropped, Reason::Policy(base.at))
            }
            Policy::Accept => {
                if base.kind == "filter" && place.base.priority >= 0 {
                    state.hop(place.base.table, place.root.name, Action::Policy("ACCEPT"), Some(base.at));
                }
                self.leave_nft(state, place)
            }
        }
    }
}

/// The line that a verdict of a map stands in: that of the element, unless the map is part of the rule.
fn element_place<'snap>(
    lookup: &Lookup<'snap>,
    element: &crate::dataplane::nft::set::Element<'snap>,
    rule: Loc<'snap>,
) -> Loc<'snap> {
    match lookup {
        Lookup::Named(_) => Loc { dump: rule.dump, line: element.line, text: element.text },
        Lookup::Here(_) => rule,
    }
}

impl<'snap> State<'snap> {
    /// Why a mark may be set or the rule may break off: whether a map has an element is not known.
    fn may_break(&self, statement: &Statement<'snap>, place: Place<'_, 'snap>) -> Option<String> {
        let value = match statement {
            Statement::Mark(value) => value,
            Statement::CtMark(value) if self.has_connection() => value,
            _ => return None,
        };
        match value.may_miss().then(|| self.evaluate(value, place)) {
            Some(Value::Perhaps(why) | Value::One(Known::Unknown(why))) => Some(why),
            _ => None,
        }
    }
}

/// What is entered in a set, in words; `None` if it is not known.
fn key_of(value: &Value<'_>) -> Option<String> {
    let told = |known: &Known<'_>| matches!(known, Known::Between(..)) || known.why().is_none();
    match value {
        Value::One(known) if told(known) => Some(format!("{:?}", [known])),
        Value::Parts(parts) if parts.iter().all(told) => Some(format!("{parts:?}")),
        Value::One(_)
        | Value::Parts(_)
        | Value::Data(_)
        | Value::Spread { .. }
        | Value::Fixed { .. }
        | Value::Perhaps(_)
        | Value::Break => None,
    }
}

/// The lower 32 bits.
fn low(value: u128) -> u32 {
    u32::try_from(value & u128::from(u32::MAX)).unwrap_or_default()
}

/// Name of the answer, as ip6tables prints it for IPv6.
fn reject_name(with: &str, family: Family) -> String {
    match (with, family) {
        ("icmp-port-unreachable", Family::V6) => "icmp6-port-unreachable".into(),
        ("icmp-net-unreachable", Family::V6) => "icmp6-no-route".into(),
        ("icmp-host-unreachable", Family::V6) => "icmp6-addr-unreachable".into(),
        ("icmp-admin-prohibited", Family::V6) => "icmp6-adm-prohibited".into(),
        _ => with.into(),
    }
}
