//! The report stays right: each folder of `tests/scenarios` is a bundle, a question and what the answer must say.
//! `SVC_TRACE_SCENARIO=name` runs those whose name contains it. A new scenario begins with `verdict = "?"`: it fails with
//! what would have to stand there. `cargo insta review`, or `INSTA_UPDATE=always`, takes over changed reports.
#![allow(clippy::format_collect, clippy::print_stdout, reason = "tests")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod runner;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use svc_trace::render::{Format, Style, render, schema::schema};
use svc_trace::report::{Code, Finding, Report, Severity};

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

/// Findings that only a question about one port, address or client can have.
const OF_QUESTIONS: &[Code] = &[Code::PortNotInService, Code::NodeportAddressNotServed];

/// What a finding is about, whatever its words. That a route is missing is of the node, whichever Service is asked for.
fn about(finding: &Finding) -> String {
    let object = finding.object.as_ref().filter(|_| finding.code != Code::NoRouteForVip);
    let object = object.map(ToString::to_string).unwrap_or_default();
    format!("{} {object} {}", finding.code, finding.node.as_deref().unwrap_or_default())
}

/// How the nodes serve Services.
fn modes(report: &Report) -> String {
    let modes: BTreeSet<&str> = report
        .nodes
        .iter()
        .map(|node| node.dataplane.strip_prefix("kube-proxy ").unwrap_or(&node.dataplane))
        .map(|mode| mode.split(' ').next().unwrap_or_default())
        .collect();
    if modes.is_empty() { "objects alone".into() } else { modes.into_iter().collect::<Vec<_>>().join("+") }
}

/// A check finds of a Service what a trace of it finds, and nothing in the healthy twin; which faults of which modes are
/// seen is kept as a list. `UPDATE_LISTS=1` writes it anew.
#[test]
fn a_check_finds_what_a_trace_finds() {
    let mut seen: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    let mut wrong = Vec::new();
    for scenario in all() {
        let (Some(trace), Some(check)) = (scenario.report(), scenario.checked()) else { continue };
        let wanted: BTreeSet<String> =
            trace.findings.iter().filter(|f| !OF_QUESTIONS.contains(&f.code)).map(about).collect();
        // a check of a whole cluster's objects tells of nodes that nobody asked for as well
        let asked = |finding: &&Finding| {
            finding.node.as_ref().is_none_or(|node| check.nodes.iter().any(|one| one.name == *node))
        };
        let found: BTreeSet<String> = check.findings.iter().filter(asked).map(about).collect();
        let missing: Vec<&String> = wanted.difference(&found).collect();
        let more: Vec<&String> = found.difference(&wanted).collect();
        if !missing.is_empty() || !more.is_empty() {
            wrong.push(format!("{}: misses {missing:?}, has beside {more:?}", scenario.name));
        }
        for finding in check.findings.iter().filter(|finding| finding.severity > Severity::Info) {
            seen.entry((finding.code.to_string(), modes(&check))).or_default().insert(scenario.name.clone());
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let text: String = seen
        .iter()
        .map(|((code, mode), names)| {
            format!("{code}, {mode}: {}\n", names.iter().cloned().collect::<Vec<_>>().join(", "))
        })
        .collect();
    let list = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/check_faults.txt");
    if std::env::var_os("UPDATE_LISTS").is_some() {
        std::fs::write(&list, &text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&list).unwrap(), text, "set UPDATE_LISTS=1, then read the difference through");
    assert!(seen.len() >= 40, "{} faults", seen.len());
}

/// Every report of a scenario, of a trace and of a check.
fn reports() -> Vec<(String, Report)> {
    let mut reports = Vec::new();
    for scenario in all() {
        reports.extend(scenario.report().map(|report| (scenario.name.clone(), report)));
        reports.extend(scenario.checked().map(|report| (format!("check {}", scenario.name), report)));
    }
    reports
}

#[test]
fn every_answer_is_as_the_schema_says() {
    let kept = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/svc-trace-v1.json");
    if std::env::var_os("SVC_TRACE_UPDATE").is_some() {
        std::fs::create_dir_all(kept.parent().unwrap()).unwrap();
        std::fs::write(&kept, schema()).unwrap();
    }
    let text = std::fs::read_to_string(&kept).unwrap();
    assert_eq!(text, schema(), "the schema is not that of the types: SVC_TRACE_UPDATE=1 writes it");
    let schema = serde_json::from_str(&text).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for (name, report) in reports() {
        let json: serde_json::Value = serde_json::from_str(&render(&report, Format::Json, Style::default())).unwrap();
        let errors: Vec<String> =
            validator.iter_errors(&json).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{name}: {errors:?}");
        let yaml = render(&report, Format::Yaml, Style::default());
        let again: serde_json::Value = serde_saphyr::from_str(&yaml).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(again, json, "{name}: YAML and JSON are one document");
    }
}

#[test]
fn every_answer_is_junit_that_readers_take() {
    let folder = tempfile::tempdir().unwrap();
    for (number, (name, report)) in reports().into_iter().enumerate() {
        let file = folder.path().join(format!("{number}-{}.xml", name.replace(' ', "-")));
        std::fs::write(file, render(&report, Format::Junit, Style::default())).unwrap();
    }
    let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    let schema = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/junit.xsd");
    let lint = std::process::Command::new("xmllint").arg("--noout").arg("--schema").arg(schema).args(&files).output();
    match lint {
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => {
            let required = std::env::var("SVC_TRACE_REQUIRE").unwrap_or_default();
            assert!(
                !required.split(',').any(|layer| layer == "xmllint"),
                "SVC_TRACE_REQUIRE asks for xmllint: {error}"
            );
            println!("skipped: xmllint is not here");
        }
    }
}

#[test]
fn no_form_lets_a_name_break_out() {
    for (name, report) in reports() {
        let github = render(&report, Format::Github, Style::default());
        let commands = ["::error title=", "::warning title=", "::notice title="];
        assert!(
            github.lines().all(|line| commands.iter().any(|command| line.starts_with(command))),
            "{name}: {github}"
        );
        let markdown = render(&report, Format::Markdown, Style::default());
        assert!(markdown.starts_with("## ") && markdown.ends_with('\n'), "{name}");
        assert!(!markdown.contains("\n## "), "{name}: {markdown}");
    }
}
