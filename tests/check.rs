//! A check of whole recorded bundles: the rules of a healthy node give no finding, those of a stale one the right ones,
//! and the same bundle gives the same bytes. The bundles are not part of the repository; without them only a message
//! says so. `UPDATE_LISTS=1` writes the list anew: read the difference through.
#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::panic, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use svc_trace::collect::bundle;
use svc_trace::collect::scope::Scope;
use svc_trace::render::{Format, Style, render};
use svc_trace::report::check::SuiteKind;
use svc_trace::report::{Finding, Report};
use svc_trace::{CheckQuery, analyze_check};

fn captures() -> Option<PathBuf> {
    let captures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/captures");
    if captures.exists() {
        return Some(captures);
    }
    eprintln!("skipped: the recorded bundles are not here");
    None
}

/// Every bundle: its name, the mode of its node, its folder.
fn bundles(captures: &Path) -> Vec<(String, String, PathBuf)> {
    let names = |folder: &Path| -> BTreeSet<PathBuf> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect()
    };
    let word = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    let mut all = vec![("cluster-healthy".to_owned(), "cluster".to_owned(), captures.join("cluster-healthy"))];
    for set in names(&captures.join("bundles")) {
        all.extend(names(&set).into_iter().map(|mode| (word(&set), word(&mode), mode)));
    }
    all
}

fn checked(folder: &Path) -> Report {
    let snapshot = bundle::load(folder, &Scope::everything()).unwrap();
    let suites = BTreeSet::from([SuiteKind::Objects, SuiteKind::Dataplane, SuiteKind::Nodes]);
    analyze_check(&snapshot, &CheckQuery { suites, ..CheckQuery::default() }).unwrap()
}

/// Findings of the nodes' rules, each on its line.
fn of_rules(report: &Report) -> Vec<String> {
    let check = report.check.as_ref().unwrap();
    let suite = check.suites.iter().find(|suite| suite.kind == SuiteKind::Dataplane).unwrap();
    let own: BTreeSet<&String> = suite.findings.iter().collect();
    let line = |finding: &Finding| {
        let object = finding.object.as_ref().map(ToString::to_string).unwrap_or_default();
        let reason = finding.reason.as_deref().unwrap_or_default();
        format!("{}[{}] {reason} {object}: {}", finding.severity.as_str(), finding.code, finding.summary)
    };
    report.findings.iter().filter(|finding| own.contains(&finding.fingerprint())).map(line).collect()
}

#[test]
fn rules_of_recorded_nodes_have_the_findings_they_deserve() {
    let Some(captures) = captures() else { return };
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut unwalked: BTreeSet<String> = BTreeSet::new();
    for (set, mode, folder) in bundles(&captures) {
        let report = checked(&folder);
        for line in of_rules(&report) {
            all.entry(line).or_default().push(format!("{set}/{mode}"));
        }
        for gap in report.gaps.iter().filter(|gap| gap.counts) {
            unwalked.insert(format!("{mode}: {} {}", gap.code, gap.summary));
        }
    }
    let mut text = String::new();
    for (line, sets) in all {
        writeln!(text, "{line}\n    in {}", sets.join(", ")).unwrap();
    }
    for line in unwalked {
        writeln!(text, "not checked: {line}").unwrap();
    }
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/check_findings.txt");
    if std::env::var_os("UPDATE_LISTS").is_some() {
        fs::write(&list, &text).unwrap();
    }
    assert_eq!(fs::read_to_string(&list).unwrap(), text, "set UPDATE_LISTS=1, then read the difference through");
}

#[test]
fn the_same_bundle_gives_the_same_bytes() {
    let Some(captures) = captures() else { return };
    for folder in [captures.join("cluster-healthy"), captures.join("bundles/all/iptables-nft")] {
        let draw = || {
            let report = checked(&folder);
            [Format::Human, Format::Wide, Format::Json].map(|format| render(&report, format, Style::default()))
        };
        assert_eq!(draw(), draw(), "{}", folder.display());
    }
}
