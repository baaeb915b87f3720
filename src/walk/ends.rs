//! Ends of a packet's way: what an outcome is made of, when two ends are the same, what doubt does to certainty.

use std::net::{IpAddr, SocketAddr};

use super::packet::{Dependency, Disposition, Outcome, Reason};
use super::state::{State, Told};

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
        destination: state.to.unnoted(),
        source: (state.src_told == Told::Yes).then_some(state.from.unnoted()),
        masqueraded: state.masqueraded.is_some(),
        masqueraded_at: state.masqueraded,
        interface: state.route_oif.name(),
        depends_on,
        hops: state.trail.hops(),
    }
}

/// Whether two sets of ends are the same for whoever sends the packet, and in what is told of them: where it ends, as
/// whom, by which interface, with which answer and share.
pub(super) fn same(one: &[Outcome<'_>], other: &[Outcome<'_>]) -> bool {
    let undecided = |outcomes: &[Outcome<'_>]| outcomes.iter().any(|o| o.disposition == Disposition::Indeterminate);
    let (a, b) = (summed(one), summed(other));
    let depends = || one.iter().flat_map(|o| &o.depends_on).eq(other.iter().flat_map(|o| &o.depends_on));
    a.len() == b.len()
        && a.iter().zip(&b).all(|(a, b)| a.0 == b.0 && (a.1 - b.1).abs() < 1e-9)
        && (!undecided(one) || depends())
}

/// What is compared of an end.
type End<'a> = (Disposition, SocketAddr, Option<IpAddr>, bool, Option<&'a str>, Option<&'a str>, Option<&'a str>);

/// The different ends, each with its share.
fn summed<'a>(outcomes: &'a [Outcome<'_>]) -> Vec<(End<'a>, f64)> {
    let end = |o: &'a Outcome<'_>| {
        let answer = match &o.reason {
            Some(Reason::RejectedWith(_, with)) => Some(with.as_str()),
            Some(Reason::Rule(_) | Reason::Policy(_) | Reason::Sysctl(_) | Reason::Route(_)) | None => None,
        };
        (o.disposition, o.destination, o.source, o.masqueraded, answer, o.interface, o.when.as_deref())
    };
    let mut all: Vec<(End<'a>, f64)> = outcomes.iter().map(|o| (end(o), o.share)).collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all.dedup_by(|later, first| {
        let equal = later.0 == first.0;
        if equal {
            first.1 += later.1;
        }
        equal
    });
    all
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

/// Two stores of rules of which either may come first: if that makes a difference, the way is undecided, and both stand.
/// `dumps` name the stores, in the order of `one`.
pub(super) fn either_first<'snap>(
    one: Vec<Outcome<'snap>>,
    other: Vec<Outcome<'snap>>,
    [first, last]: [&str; 2],
) -> Vec<Outcome<'snap>> {
    if same(&one, &other) {
        return one;
    }
    let doubt = ["two stores of rules act on it, and which comes first stands in no dump".to_owned()];
    let mut all = doubted(one, &doubt, &format!("if the rules of {first} come first"));
    let second = doubted(other, &doubt, &format!("if the rules of {last} come first"));
    // One undecided way for both is enough.
    all.extend(second.into_iter().filter(|outcome| outcome.when.is_some()));
    all
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
