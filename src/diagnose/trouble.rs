//! What is wrong with a path, in a few words for its line.

use crate::cluster::expectation::{Expectation, Promise};
use crate::report::{Disposition, PathState};
use crate::walk::packet::{Outcome, Reason};

use super::compare::Comparison;

/// Words for a path that differs, or is undecided.
#[must_use]
pub(super) fn of(
    comparison: &Comparison,
    expectation: Option<&Expectation>,
    outcomes: &[Outcome<'_>],
) -> Option<String> {
    match comparison.state {
        PathState::Expected | PathState::NotCompared => None,
        PathState::Undecided if outcomes.iter().any(super::userspace::is_open) => {
            Some("kube-proxy itself decides".into())
        }
        PathState::Undecided => Some("cannot be decided".into()),
        PathState::Differs => Some(match expectation.map(|e| &e.promise) {
            Some(Promise::Endpoints(_)) => lost(comparison, outcomes),
            Some(Promise::Refused(_)) => format!("{}, and should be refused", ends(outcomes)),
            Some(Promise::Dropped(_)) => format!("{}, and should be dropped", ends(outcomes)),
            Some(Promise::NotServed(_)) => format!("{}, and nothing should serve it", ends(outcomes)),
            Some(Promise::Unknown(_)) | None => "differs".into(),
        }),
    }
}

fn lost(comparison: &Comparison, outcomes: &[Outcome<'_>]) -> String {
    if comparison.lost > 0.0 {
        let what = outcomes.iter().zip(&comparison.promised).find(|(outcome, ok)| !**ok && outcome.share > 0.0);
        let how = what.map_or("lost", |(outcome, _)| verb(outcome));
        return format!("{} {how}", share(comparison.lost));
    }
    let wrong =
        outcomes.iter().zip(&comparison.promised).filter(|(outcome, ok)| !**ok && outcome.depends_on.is_empty());
    let mut by_state = wrong.filter_map(|(outcome, _)| Some((outcome, outcome.when.as_deref()?)));
    if let (true, true, Some((outcome, when))) =
        (comparison.missing.is_empty(), comparison.masquerade.is_empty(), by_state.next())
    {
        return format!("{} {when}", verb(outcome));
    }
    match (comparison.missing.len(), comparison.masquerade.is_empty()) {
        (0, false) => "answers cannot come back as they should".into(),
        (1, _) => {
            format!("{} gets no connection", comparison.missing.first().map_or_else(String::new, ToString::to_string))
        }
        (n, _) => format!("{n} endpoints get no connection"),
    }
}

fn ends(outcomes: &[Outcome<'_>]) -> String {
    outcomes.iter().find(|o| o.when.is_none()).map_or_else(
        || "ends nowhere".into(),
        |o| match o.disposition {
            Disposition::Delivered | Disposition::Local => format!("goes to {}", o.destination),
            Disposition::Dropped
            | Disposition::Rejected
            | Disposition::Untouched
            | Disposition::Unroutable
            | Disposition::Loop
            | Disposition::Indeterminate => format!("is {}", verb(o)),
        },
    )
}

fn verb(outcome: &Outcome<'_>) -> &'static str {
    match (outcome.disposition, &outcome.reason) {
        (Disposition::Dropped, Some(Reason::Policy(_))) => "dropped by policy",
        (Disposition::Dropped, _) => "dropped",
        (Disposition::Rejected, _) => "refused",
        (Disposition::Untouched, _) => "left untranslated",
        (Disposition::Unroutable, _) => "without a way",
        (Disposition::Loop, _) => "sent round in a loop",
        (Disposition::Local, _) => "left to the node itself",
        (Disposition::Delivered, _) => "lost",
        (Disposition::Indeterminate, _) => "undecided",
    }
}

/// `every new connection is`, `1 of 3 new connections is`, `12 % of new connections are`.
#[must_use]
pub(super) fn share(part: f64) -> String {
    if part >= 1.0 - 1e-6 {
        return "every new connection is".into();
    }
    for n in 2..=10_u32 {
        for k in 1..n {
            if (part - f64::from(k) / f64::from(n)).abs() < 1e-4 {
                return format!("{k} of {n} new connections {}", if k == 1 { "is" } else { "are" });
            }
        }
    }
    format!("{:.1} % of new connections are", part * 100.0)
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn shares_in_words() {
        assert_eq!(share(1.0), "every new connection is");
        assert_eq!(share(1.0 / 3.0), "1 of 3 new connections is");
        assert_eq!(share(0.5), "1 of 2 new connections is");
        assert_eq!(share(0.4), "2 of 5 new connections are");
        assert_eq!(share(0.017), "1.7 % of new connections are");
    }
}
