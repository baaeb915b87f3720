//! Ends of a packet's way: what an outcome is made of, when two ends are the same, what doubt does to certainty.

use super::packet::{Dependency, Disposition, Outcome, Reason};
use super::state::{Bound, State, Told};

/// Makes an outcome of a packet that is at its end.
pub(super) fn finish<'snap>(
    state: &State<'snap>,
    disposition: Disposition,
    reason: Option<Reason<'snap>>,
    depends_on: Vec<Dependency<'snap>>,
) -> Outcome<'snap> {
    Outcome {
        share: state.share,
        when: state.when.as_deref().map(Into::into),
        disposition,
        reason,
        destination: state.destination(),
        source: (state.src_told == Told::Yes).then_some(state.src),
        masqueraded: state.masqueraded == Bound::Yes,
        interface: state.route_oif.name(),
        depends_on,
        hops: state.trail.hops(),
    }
}

/// Whether two sets of ends are the same for whoever sends the packet: where it ends, as whom, with which share.
pub(super) fn same(one: &[Outcome<'_>], other: &[Outcome<'_>]) -> bool {
    let sum = |outcomes: &[Outcome<'_>]| {
        let mut all: Vec<_> = outcomes
            .iter()
            .map(|o| {
                let key = (o.disposition, o.destination, o.source, o.masqueraded, o.when.clone());
                (key, o.share)
            })
            .collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all.dedup_by(|later, first| {
            let equal = later.0 == first.0;
            if equal {
                first.1 += later.1;
            }
            equal
        });
        all
    };
    let undecided = |outcomes: &[Outcome<'_>]| outcomes.iter().any(|o| o.disposition == Disposition::Indeterminate);
    let (a, b) = (sum(one), sum(other));
    let depends = || one.iter().flat_map(|o| &o.depends_on).eq(other.iter().flat_map(|o| &o.depends_on));
    a.len() == b.len()
        && a.iter().zip(&b).all(|(a, b)| a.0 == b.0 && (a.1 - b.1).abs() < 1e-9)
        && (!undecided(one) || depends())
}

/// Where the input is not whole, or something acts beside the rules, nothing is certain: what was found holds on a
/// condition, said as `if …`.
pub(super) fn doubted<'snap>(outcomes: Vec<Outcome<'snap>>, doubts: &[String], condition: &str) -> Vec<Outcome<'snap>> {
    let facts: Vec<_> = doubts.iter().map(|doubt| Dependency::Fact(doubt.clone())).collect();
    let mut all = Vec::with_capacity(outcomes.len() + 1);
    if outcomes.iter().any(|outcome| outcome.disposition != Disposition::Indeterminate && outcome.when.is_none()) {
        if let Some(first) = outcomes.iter().find(|outcome| outcome.when.is_none()) {
            let mut whole = first.clone();
            whole.share = 1.0;
            whole.disposition = Disposition::Indeterminate;
            whole.reason = None;
            whole.depends_on.clone_from(&facts);
            whole.hops.truncate(common_hops(&outcomes));
            all.push(whole);
        }
        for mut outcome in outcomes {
            outcome.depends_on.extend(facts.iter().cloned());
            outcome.when = Some(match outcome.when {
                Some(when) => format!("{when}, {condition}"),
                None if outcome.share < 1.0 => format!("{:.1} %, {condition}", outcome.share * 100.0),
                None => condition.into(),
            });
            outcome.share = 0.0;
            all.push(outcome);
        }
        return all;
    }
    outcomes
        .into_iter()
        .map(|mut outcome| {
            outcome.depends_on.extend(facts.iter().cloned());
            outcome
        })
        .collect()
}

/// Number of leading hops that all outcomes share.
fn common_hops(outcomes: &[Outcome<'_>]) -> usize {
    let Some((first, rest)) = outcomes.split_first() else {
        return 0;
    };
    rest.iter()
        .map(|other| first.hops.iter().zip(&other.hops).take_while(|(a, b)| a == b).count())
        .min()
        .unwrap_or(first.hops.len())
}
