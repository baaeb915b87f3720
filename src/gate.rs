//! What is accepted of a check's findings and gaps: by entries with a reason and a last day, by a baseline. Takes a
//! report and gives it back with what is accepted set aside. Reads no file and no clock: days are compared with the
//! time of the reading.

pub mod baseline;
pub mod ignore;

use jiff::civil::Date;

use crate::report::check::{Accepted, CheckSummary, Entry, EntryState, GapsAre, Problem};
use crate::report::{Finding, Report};

pub use baseline::Baseline;
pub use ignore::Ignore;

/// What is accepted, and how strict the rest is taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gate {
    /// Entries, from the command line and from files.
    pub ignores: Vec<Ignore>,
    /// What was there before.
    pub baseline: Option<Baseline>,
    /// Whether a gap fails.
    pub gaps: GapsAre,
}

/// Sets aside what is accepted.
pub fn apply(report: &mut Report, gate: &Gate) {
    let today = day_of(report);
    let Report { findings, gaps, check, .. } = report;
    let Some(check) = check else { return };
    check.gaps = gate.gaps;
    let mut states: Vec<EntryState> = gate
        .ignores
        .iter()
        .map(|entry| if entry.holds(today) { EntryState::Unused } else { EntryState::Expired })
        .collect();
    let mut by_entry = |is_it: &dyn Fn(&Ignore) -> bool| -> Option<Ignore> {
        let at = gate
            .ignores
            .iter()
            .zip(&states)
            .position(|(entry, state)| *state != EntryState::Expired && is_it(entry))?;
        if let Some(state) = states.get_mut(at) {
            *state = EntryState::Used;
        }
        gate.ignores.get(at).cloned()
    };
    let mut kept: Vec<Finding> = Vec::with_capacity(findings.len());
    for finding in std::mem::take(findings) {
        let by = by_entry(&|entry| entry.means_finding(&finding)).map(|entry| (entry.from, entry.reason));
        let known = || {
            let baseline = gate.baseline.as_ref().filter(|baseline| baseline.holds(&finding))?;
            Some((baseline.from.clone(), None))
        };
        match by.or_else(known) {
            Some((by, reason)) => {
                check.accepted.push(Accepted { what: Problem::Finding(Box::new(finding)), by, reason });
            }
            None => kept.push(finding),
        }
    }
    *findings = kept;
    for gap in gaps.iter_mut().filter(|gap| gap.counts) {
        if let Some(entry) = by_entry(&|entry| entry.means_gap(gap)) {
            gap.counts = false;
            check.accepted.push(Accepted { what: Problem::Gap(gap.clone()), by: entry.from, reason: entry.reason });
        }
    }
    entries(check, gate, &states);
    if let Some(baseline) = &gate.baseline {
        let gone = baseline.gone(check.accepted.iter().filter_map(|accepted| match &accepted.what {
            Problem::Finding(finding) => Some(finding.fingerprint()),
            Problem::Gap(_) => None,
        }));
        check.entries.extend(gone.into_iter().map(|key| Entry {
            entry: key,
            from: baseline.from.clone(),
            state: EntryState::Unused,
            until: None,
        }));
    }
}

/// Tells of each entry what became of it.
fn entries(check: &mut CheckSummary, gate: &Gate, states: &[EntryState]) {
    check.entries.extend(gate.ignores.iter().zip(states).map(|(entry, state)| Entry {
        entry: entry.words(),
        from: entry.from.clone(),
        state: *state,
        until: entry.until.map(|day| day.to_string()),
    }));
}

/// The day of the reading, as far as it is known.
fn day_of(report: &Report) -> Option<Date> {
    let (from, to) = &report.collected;
    let text = to.as_deref().or(from.as_deref())?;
    let time: jiff::Timestamp = text.parse().ok()?;
    Some(time.to_zoned(jiff::tz::TimeZone::UTC).date())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;
    use crate::report::{Code, Gap, ObjectRef, Severity, Verdict};

    fn report() -> Report {
        let about = |code: Code, name: &str, node: Option<&str>| {
            let mut finding = Finding::new(code, "x");
            finding.object = Some(ObjectRef::new("Service", "shop", name));
            finding.node = node.map(Into::into);
            finding
        };
        Report {
            findings: vec![
                about(Code::NoReadyEndpoint, "web", None),
                about(Code::NoReadyEndpoint, "db", None),
                about(Code::ForwardDrop, "web", Some("node-a")),
            ],
            gaps: vec![Gap::new(Code::NodeNotCollected, Some("node-b"), "not read")],
            collected: (Some("2026-11-28T03:00:00Z".into()), None),
            check: Some(CheckSummary::default()),
            ..Report::default()
        }
    }

    fn entry(text: &str) -> Ignore {
        Ignore::parse(text).unwrap()
    }

    #[track_caller]
    fn case(gate: &Gate, left: &[&str], states: &[EntryState], verdict: Verdict) {
        let mut report = report();
        apply(&mut report, gate);
        let names: Vec<String> = report.findings.iter().map(Finding::fingerprint).collect();
        assert_eq!(names, left);
        let check = report.check.as_ref().unwrap();
        assert_eq!(check.entries.iter().map(|entry| entry.state).collect::<Vec<_>>(), states);
        assert_eq!(report.verdict(Some(Severity::Error)), verdict);
    }

    const WEB: &str = "no-ready-endpoint||Service shop/web|";
    const DB: &str = "no-ready-endpoint||Service shop/db|";
    const DROP: &str = "forward-drop||Service shop/web|node-a";

    #[test]
    fn entries_accept_what_they_name() {
        let gate = |ignores: Vec<Ignore>| Gate { ignores, ..Gate::default() };
        case(&Gate::default(), &[WEB, DB, DROP], &[], Verdict::Findings);
        case(&gate(vec![entry("no-ready-endpoint:shop/web")]), &[DB, DROP], &[EntryState::Used], Verdict::Findings);
        case(&gate(vec![entry("no-ready-endpoint:shop/*")]), &[DROP], &[EntryState::Used], Verdict::Findings);
        case(
            &gate(vec![entry("no-ready-endpoint"), entry("forward-drop:node-a"), entry("mode-mismatch")]),
            &[],
            &[EntryState::Used, EntryState::Used, EntryState::Unused],
            Verdict::Incomplete,
        );
    }

    #[test]
    fn days_are_compared_with_the_reading() {
        let until = |day: &str| Ignore { until: Some(day.parse().unwrap()), ..entry("no-ready-endpoint") };
        let gate = |entry: Ignore| Gate { ignores: vec![entry], ..Gate::default() };
        case(&gate(until("2026-11-28")), &[DROP], &[EntryState::Used], Verdict::Findings);
        case(&gate(until("2026-11-27")), &[WEB, DB, DROP], &[EntryState::Expired], Verdict::Findings);
    }

    #[test]
    fn gaps_can_fail_and_can_be_accepted() {
        let all = vec![entry("no-ready-endpoint"), entry("forward-drop")];
        let used = [EntryState::Used, EntryState::Used];
        let strict = Gate { ignores: all.clone(), gaps: GapsAre::Failures, ..Gate::default() };
        case(&strict, &[], &used, Verdict::Findings);
        let gap = Ignore {
            code: Code::NodeNotCollected,
            object: None,
            node: Some("node-b".into()),
            reason: Some("is being rebuilt".into()),
            until: Some("2026-12-01".parse().unwrap()),
            from: "ignore.yaml entry 1".into(),
        };
        let with_gap = Gate { ignores: [all, vec![gap]].concat(), gaps: GapsAre::Failures, ..Gate::default() };
        case(&with_gap, &[], &[EntryState::Used; 3], Verdict::Healthy);
    }

    #[test]
    fn a_baseline_lets_pass_what_was_there() {
        let mut before = report();
        before.findings.truncate(2);
        let text = baseline::write(&before);
        let baseline = Baseline::parse("base.json", &text).unwrap();
        let gate = Gate { baseline: Some(baseline), ..Gate::default() };
        case(&gate, &[DROP], &[], Verdict::Findings);
        let mut later = report();
        later.findings.remove(0);
        apply(&mut later, &gate);
        let gone = &later.check.unwrap().entries[0];
        assert_eq!((gone.entry.as_str(), gone.state), (WEB, EntryState::Unused));
    }
}
