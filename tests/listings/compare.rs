//! The same packet, walked over saved rules and over a listing of them: may these be the answers to one question?

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use svc_trace::walk::packet::{Disposition, Outcome};

/// How a packet ends: where, as whom, and for which part of the packets or when.
type Ends = BTreeSet<(Disposition, SocketAddr, Option<IpAddr>, bool, String)>;

fn ends<'a>(outcomes: impl Iterator<Item = &'a Outcome<'a>>, condition: &str) -> Ends {
    outcomes
        .map(|way| {
            let when = match &way.when {
                Some(when) => when.strip_suffix(condition).unwrap_or(when).trim_end_matches(", ").to_owned(),
                None if way.share < 1.0 => format!("{:.1} %", way.share * 100.0),
                None => String::new(),
            };
            (way.disposition, way.destination, way.source, way.masqueraded, when)
        })
        .collect()
}

/// What the listing comes to, beside what the saved rules do.
pub(crate) enum Listed {
    Same,
    Undecided,
    Other(String),
}

pub(crate) fn compare(saved: &[Outcome<'_>], listed: &[Outcome<'_>], condition: &str) -> Listed {
    if saved.iter().any(|way| way.disposition == Disposition::Indeterminate || !way.depends_on.is_empty()) {
        // what is not decided with all that there is needs no other answer
        return if listed.iter().all(|way| !way.depends_on.is_empty()) {
            Listed::Undecided
        } else {
            Listed::Other("it is certain of what is not decided".to_owned())
        };
    }
    if listed.iter().any(|way| way.when.is_none() && way.disposition != Disposition::Indeterminate) {
        return Listed::Other(format!("it is certain of what a listing cannot tell: {listed:?}"));
    }
    let on_condition = || listed.iter().filter(|way| way.when.is_some());
    let (one, other) = (ends(saved.iter(), condition), ends(on_condition(), condition));
    if one == other {
        return Listed::Same;
    }
    // a rule that could not be decided: what the saved rules do must be one of the ways
    let split = on_condition().any(|way| way.when.as_ref().is_some_and(|when| when.contains("matches")));
    let within = |way: &(Disposition, SocketAddr, Option<IpAddr>, bool, String)| {
        other.iter().any(|found| (found.0, found.1, found.2, found.3) == (way.0, way.1, way.2, way.3))
    };
    let undecided = other.is_empty() || split && one.iter().all(within);
    if undecided {
        Listed::Undecided
    } else {
        Listed::Other(format!(
            "saved {one:?}\nlisted {other:?}, {:?}",
            listed.iter().map(|way| &way.depends_on).collect::<Vec<_>>()
        ))
    }
}
