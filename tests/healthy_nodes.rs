//! Nodes that kube-proxy programmed and nobody meddled with: no warning and no error of the node, nothing undecided, no
//! line unread, for any Service, in any mode and version that was recorded. A few recordings stand in `captures/`; all of
//! them are read where `../shared/captures` is.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::Value;
use svc_trace::collect::bundle;
use svc_trace::collect::scope::Scope;
use svc_trace::collect::snapshot::Snapshot;
use svc_trace::diagnose::analyze;
use svc_trace::query::{Query, Target};
use svc_trace::report::{Disposition, Report, Severity};

/// Modes of recordings.
const MODES: [&str; 4] = ["iptables-nft", "iptables-legacy", "ipvs", "nftables"];

/// Names of the Services of a bundle: namespace and name.
fn services(folder: &Path) -> Vec<(String, String)> {
    let text = fs::read_to_string(folder.join("objects/services.json")).unwrap_or_default();
    let list: Value = serde_json::from_str(&text).unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    list["items"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|service| (text(&service["metadata"]["namespace"]), text(&service["metadata"]["name"])))
        .collect()
}

fn ask(snapshot: &Snapshot, namespace: &str, name: &str) -> Report {
    let target = format!("svc/{name}");
    let query = Query {
        target: Target::parse(&target).unwrap(),
        target_text: target,
        from: None,
        from_text: None,
        namespace: namespace.to_owned(),
        nodes: Vec::new(),
    };
    analyze(snapshot, &query).unwrap_or_else(|error| panic!("{namespace}/{name}: {error}"))
}

/// What is not as it is on a healthy node.
fn wrong(report: &Report) -> Vec<String> {
    let findings = report
        .findings
        .iter()
        .filter(|finding| finding.node.is_some() && finding.severity >= Severity::Warning)
        .map(|finding| format!("{}: {}", finding.code.as_str(), finding.summary));
    let undecided = report.traces.iter().flat_map(|trace| {
        trace.outcomes.iter().filter(|way| way.disposition == Disposition::Indeterminate).map(|way| {
            format!("undecided from {} to {}:{}: {:?}", trace.path.from, trace.path.to, trace.path.port, way.depends_on)
        })
    });
    let unread = report.issues.iter().map(|issue| format!("unread: {issue:?}"));
    findings.chain(undecided).chain(unread).collect()
}

/// Asks for each Service of each bundle; returns how many answers there were.
#[track_caller]
fn all_healthy(folders: &[(String, PathBuf)]) -> usize {
    let (mut asked, mut all) = (0, Vec::new());
    for (name, folder) in folders {
        let snapshot = bundle::load(folder, &Scope::everything()).unwrap();
        for (namespace, service) in services(folder) {
            asked += 1;
            let report = ask(&snapshot, &namespace, &service);
            all.extend(wrong(&report).into_iter().map(|text| format!("{name} {namespace}/{service}: {text}")));
        }
    }
    assert!(all.is_empty(), "{} are not as they should be:\n{}", all.len(), all.join("\n"));
    asked
}

fn folders(path: &Path, below: &str) -> Vec<(String, PathBuf)> {
    let mut all: Vec<_> = fs::read_dir(path)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| (entry.file_name().into_string().unwrap(), entry.path().join(below)))
        .filter(|(name, folder)| !name.contains("+stale") && !name.starts_with("left-") && folder.is_dir())
        .filter(|(_, folder)| folder.join("objects/services.json").is_file())
        .map(|(name, folder)| (format!("{name} {below}"), folder))
        .collect();
    all.sort();
    all
}

#[test]
fn committed_recordings() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures");
    let asked = all_healthy(&folders(&path, ""));
    assert!(asked >= 8, "{asked} answers");
}

#[test]
fn all_recordings() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/captures/bundles");
    if !path.is_dir() {
        let required =
            std::env::var("SVC_TRACE_REQUIRE").is_ok_and(|list| list.split(',').any(|word| word == "captures"));
        assert!(!required, "`{}` is not there", path.display());
        // Not by a macro: what a passing test prints is swallowed.
        let _closed = std::io::stderr().write_all(b"all_recordings: skipped: ../shared/captures is not there\n");
        return;
    }
    let all: Vec<_> = MODES.iter().flat_map(|mode| folders(&path, mode)).collect();
    let asked = all_healthy(&all);
    assert!(asked >= 300, "{asked} answers");
}
