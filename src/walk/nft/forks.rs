//! Where the ways of a packet part inside a rule of nft: by chance, by state, by what cannot be told.

use smallvec::smallvec;

use super::Place;
use crate::dataplane::Loc;
use crate::dataplane::nft::statement::{Rule, Statement};
use crate::walk::matches::Fresh;
use crate::walk::netfilter::{Step, Ways};
use crate::walk::packet::{Action, Dependency};
use crate::walk::state::{Bits, State};

/// Which packets go one of several ways.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Part {
    /// This part of one.
    Share(f64),
    /// All, on this condition.
    When(String),
}

impl State<'_> {
    pub(super) fn take_part(&mut self, part: &Part) {
        match part {
            Part::Share(share) => self.share *= share,
            Part::When(condition) => {
                self.share = 0.0;
                self.only_when(condition);
            }
        }
    }
}

/// The rule matches for this share of the packets.
pub(super) fn fork(state: Box<State<'_>>, at: usize, chance: f64) -> Ways<'_> {
    let (mut taken, mut passed) = (state.clone().at_statement(at), state.next_rule());
    taken.share *= chance;
    passed.share *= 1.0 - chance;
    smallvec![taken.way(), passed.way()]
}

/// The rule matches or not by what came before: a fresh client goes one way, others the other.
pub(super) fn by_state<'snap>(
    state: Box<State<'snap>>,
    at: usize,
    fresh: Fresh,
    otherwise: &str,
    chance: f64,
) -> Ways<'snap> {
    let mut known = state.clone();
    known.share = 0.0;
    known.only_when(&format!("when {otherwise}"));
    match fresh {
        Fresh::Passes => smallvec![known.at_statement(at).way(), state.next_rule().way()],
        Fresh::Matches if chance < 1.0 => {
            let mut ways = fork(state, at, chance);
            ways.push(known.next_rule().way());
            ways
        }
        Fresh::Matches => smallvec![state.at_statement(at).way(), known.next_rule().way()],
    }
}

pub(super) fn undecided<'snap>(state: Box<State<'snap>>, at: usize, rule: &Rule<'snap>, why: String) -> Step<'snap> {
    let line = rule.at.line;
    let taken = state.clone().at_statement(at).way();
    let passed = state.clone().next_rule().way();
    Step::Undecided(
        Dependency::Rule(rule.at, why),
        state,
        [
            (format!("if line {line} matches"), smallvec![taken]),
            (format!("if line {line} does not match"), smallvec![passed]),
        ],
    )
}

impl State<'_> {
    /// Goes on at a statement of the rule.
    pub(super) fn at_statement(mut self: Box<Self>, at: usize) -> Box<Self> {
        if let Some(frame) = self.frames.last_mut() {
            frame.statement = at;
        }
        self
    }

    /// Goes on with the next rule.
    pub(super) fn next_rule(mut self: Box<Self>) -> Box<Self> {
        if let Some(frame) = self.frames.last_mut() {
            (frame.next, frame.statement) = (frame.next + 1, 0);
        }
        self
    }
}

/// The mark is set, to what is not known, or the rule breaks off.
pub(super) fn marked_or_not<'snap>(
    state: Box<State<'snap>>,
    statement: &Statement<'snap>,
    at: usize,
    rule: &Rule<'snap>,
    why: String,
) -> Step<'snap> {
    let unknown = Bits { value: 0, known: 0 };
    let mut marked = state.clone().at_statement(at);
    match statement {
        Statement::CtMark(_) => marked.ctmark = unknown,
        _ => marked.mark = unknown,
    }
    let passed = state.clone().next_rule();
    let line = rule.at.line;
    Step::Undecided(
        Dependency::Rule(rule.at, why),
        state,
        [
            (format!("if the map in line {line} has an element for it"), smallvec![marked.way()]),
            (format!("if the map in line {line} has none"), smallvec![passed.way()]),
        ],
    )
}

/// The packet with each of these marks.
pub(super) fn marked_each<'snap>(
    state: &State<'snap>,
    place: Place<'_, 'snap>,
    at: Loc<'snap>,
    modulus: u32,
    offset: u32,
) -> Ways<'snap> {
    (0..modulus)
        .map(|turn| {
            let mut one = Box::new(state.clone());
            one.share /= f64::from(modulus);
            one.mark = Bits { value: offset.wrapping_add(turn), known: u32::MAX };
            let chance = one.when.is_none().then_some(one.share);
            let now = Action::Mark(one.mark.value);
            one.hop_with(place.base.table, place.chain, now, Some(at), chance);
            one.way()
        })
        .collect()
}
