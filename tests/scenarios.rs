//! The report stays right: each folder of `tests/scenarios` is a bundle, a question and what the answer must say.
//! `SVC_TRACE_SCENARIO=name` runs those whose name contains it. A new scenario begins with `verdict = "?"`: it fails with
//! what would have to stand there. `cargo insta review`, or `INSTA_UPDATE=always`, takes over changed reports.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod runner;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use svc_trace::report::Code;

use runner::{Scenario, all};

/// Codes that no scenario shows yet. Nothing is added here but with the reason beside it.
const WITHOUT_SCENARIO: &[&str] = &[];

#[test]
fn reports_stay_right() {
    let wanted = std::env::var("SVC_TRACE_SCENARIO").unwrap_or_default();
    let mut failed = Vec::new();
    let scenarios: Vec<_> = all().into_iter().filter(|scenario| scenario.name.contains(&wanted)).collect();
    assert!(!scenarios.is_empty(), "no scenario has `{wanted}` in its name");
    for scenario in &scenarios {
        if catch_unwind(AssertUnwindSafe(|| scenario.check())).is_err() {
            failed.push(scenario.name.as_str());
        }
    }
    assert!(failed.is_empty(), "{} of {} scenarios: {}", failed.len(), scenarios.len(), failed.join(", "));
}

#[test]
fn every_code_has_a_failing_scenario_and_a_healthy_twin() {
    let scenarios: BTreeMap<String, Scenario> =
        all().into_iter().map(|scenario| (scenario.name.clone(), scenario)).collect();
    let mut shown = BTreeSet::new();
    for scenario in scenarios.values() {
        let Some(twin) = scenario.twin() else { continue };
        let twin = scenarios.get(twin).unwrap_or_else(|| panic!("{}: its twin {twin} is not there", scenario.name));
        let healthy = twin.codes();
        shown.extend(scenario.codes().difference(&healthy).cloned());
    }
    let missing: BTreeSet<&str> =
        Code::ALL.iter().map(|code| code.as_str()).filter(|code| !shown.contains(*code)).collect();
    let known: BTreeSet<&str> = WITHOUT_SCENARIO.iter().copied().collect();
    assert_eq!(missing, known, "codes without a failing scenario that has a healthy twin");
}
