//! Promise against outcome, for one path: is this what the objects say, and if not, in what does it differ?
//! Says what differs; which code that is, is `mismatch.rs`.

use std::net::SocketAddr;

use rustc_hash::FxHashMap;

use crate::cluster::expectation::{Expectation, Masquerade, Promise, Setting};
use crate::report::{Disposition, PathState};
use crate::walk::packet::Outcome;

use super::userspace::is_open;

/// Shares closer than this to the fair one are even: rules print their probabilities with five to eleven digits.
const EVEN: f64 = 5e-5;

/// How a path compares with its promise.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// In one word.
    pub state: PathState,
    /// For each outcome: whether it is promised.
    pub promised: Vec<bool>,
    /// Endpoints that no outcome leads to.
    pub missing: Vec<SocketAddr>,
    /// Share of new connections that do not end as promised, of one.
    pub lost: f64,
    /// All ends are promised, but not in even shares: the largest and the smallest share.
    pub uneven: Option<(f64, f64)>,
    /// The option of kube-proxy that makes it right, where it is not the first promise that fits.
    pub by: Option<Setting>,
    /// Ends whose source is not replaced though it must be, or the reverse: places of outcomes.
    pub masquerade: Vec<usize>,
}

/// Compares all outcomes of a path with every promise that is right; the first one counts when none fits.
/// Whether the option that makes another one right is really set is for the caller to look at.
#[must_use]
pub fn compare(expectation: &Expectation, outcomes: &[Outcome<'_>]) -> Comparison {
    let first = with(&expectation.promise, expectation, outcomes);
    if first.state == PathState::Expected {
        return first;
    }
    for other in &expectation.also_acceptable {
        let mut comparison = with(&other.promise, expectation, outcomes);
        if comparison.state == PathState::Expected {
            comparison.by = Some(other.because);
            return comparison;
        }
    }
    first
}

/// Compares all outcomes with the first promise alone.
#[must_use]
pub fn strictly(expectation: &Expectation, outcomes: &[Outcome<'_>]) -> Comparison {
    with(&expectation.promise, expectation, outcomes)
}

fn with(promise: &Promise, expectation: &Expectation, outcomes: &[Outcome<'_>]) -> Comparison {
    let places = match promise {
        Promise::Endpoints(list) => places(list, outcomes),
        Promise::Refused(_) | Promise::Dropped(_) | Promise::NotServed(_) | Promise::Unknown(_) => Vec::new(),
    };
    let is_listed = |at: usize| places.get(at).is_some_and(Option::is_some);
    let promised: Vec<bool> =
        outcomes.iter().enumerate().map(|(at, outcome)| fits(promise, outcome, is_listed(at))).collect();
    let mut comparison = Comparison {
        state: PathState::Expected,
        missing: Vec::new(),
        lost: outcomes.iter().zip(&promised).filter(|(_, ok)| !**ok).map(|(o, _)| o.share).sum(),
        uneven: None,
        by: None,
        masquerade: Vec::new(),
        promised,
    };
    if matches!(promise, Promise::Unknown(_)) {
        comparison.state = PathState::NotCompared;
        comparison.lost = 0.0;
        return comparison;
    }
    let undecided = outcomes.iter().any(|o| o.disposition == Disposition::Indeterminate || is_open(o));
    if let Promise::Endpoints(list) = promise {
        endpoints(list, &places, expectation, outcomes, &mut comparison);
    }
    let wrong = outcomes.iter().zip(&comparison.promised).any(|(outcome, ok)| {
        // What happens under a condition that is undecided is no proof of anything.
        !ok && outcome.disposition != Disposition::Indeterminate && outcome.depends_on.is_empty()
    });
    let differs = wrong || !comparison.masquerade.is_empty() || (!undecided && !comparison.missing.is_empty());
    comparison.state = if differs {
        PathState::Differs
    } else if undecided {
        PathState::Undecided
    } else {
        PathState::Expected
    };
    comparison
}

/// Lists longer than this are looked up by address.
const LONG: usize = 16;

/// For each outcome the place of its destination in a list. Rules mostly stand in the order of the list: the place
/// behind the last one is tried first.
fn places(list: &[SocketAddr], outcomes: &[Outcome<'_>]) -> Vec<Option<usize>> {
    let mut by_address: Option<FxHashMap<SocketAddr, usize>> = None;
    let mut next = 0;
    let mut place_of = |to: SocketAddr| {
        if list.get(next).is_some_and(|expected| *expected == to) {
            next += 1;
            return Some(next - 1);
        }
        let place = if list.len() > LONG {
            let all = || list.iter().enumerate().rev().map(|(at, to)| (*to, at)).collect();
            by_address.get_or_insert_with(all).get(&to).copied()
        } else {
            list.iter().position(|other| *other == to)
        };
        next = place.map_or(next, |place| place + 1);
        place
    };
    outcomes.iter().map(|outcome| place_of(outcome.destination)).collect()
}

fn endpoints(
    list: &[SocketAddr],
    places: &[Option<usize>],
    expectation: &Expectation,
    outcomes: &[Outcome<'_>],
    into: &mut Comparison,
) {
    // For each place of the list the share that comes there, if an end does.
    let mut shares: Vec<Option<f64>> = vec![None; list.len()];
    for (at, ((outcome, ok), place)) in outcomes.iter().zip(&into.promised).zip(places).enumerate() {
        let share = place.filter(|_| *ok).and_then(|place| shares.get_mut(place));
        let Some(share) = share else { continue };
        *share.get_or_insert_default() += outcome.share;
        let wrong = match expectation.masquerade(outcome.destination) {
            Masquerade::Must => !outcome.masqueraded,
            Masquerade::MustNot => outcome.masqueraded,
            Masquerade::Either => false,
        };
        if wrong && outcome.depends_on.is_empty() {
            into.masquerade.push(at);
        }
    }
    // Where state alone decides, no end has a share.
    let by_state = outcomes.iter().all(|outcome| outcome.when.is_some());
    let gets_none = |share: &Option<f64>| share.is_none_or(|share| share <= 0.0 && !by_state);
    into.missing = list.iter().zip(&shares).filter(|(_, share)| gets_none(share)).map(|(to, _)| *to).collect();
    let reached = || shares.iter().flatten();
    let (least, most) =
        reached().fold((f64::MAX, 0.0_f64), |(least, most), share| (least.min(*share), most.max(*share)));
    let fair = 1.0 / f64::from(u32::try_from(list.len()).unwrap_or(u32::MAX).max(1));
    let whole = into.missing.is_empty() && into.lost <= 0.0 && !by_state;
    if whole && reached().count() > 1 && (most - fair > EVEN.max(fair * 0.01) || fair - least > EVEN.max(fair * 0.01)) {
        into.uneven = Some((most, least));
    }
}

/// Whether an end is one that the promise names. `is_listed`: its destination is one of the promised endpoints.
fn fits(promise: &Promise, outcome: &Outcome<'_>, is_listed: bool) -> bool {
    let end = outcome.disposition;
    match promise {
        Promise::Endpoints(_) => matches!(end, Disposition::Delivered | Disposition::Local) && is_listed,
        Promise::Refused(_) => end == Disposition::Rejected,
        Promise::Dropped(_) => end == Disposition::Dropped,
        Promise::NotServed(_) => {
            !matches!(end, Disposition::Delivered | Disposition::Indeterminate | Disposition::Loop)
        }
        Promise::Unknown(_) => true,
    }
}
