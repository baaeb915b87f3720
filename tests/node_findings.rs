//! Nodes of a real cluster, of which one is in nftables mode, give no warning and no error; recorded nodes that were left
//! behind give what they deserve, in each mode.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use svc_trace::analyze;
use svc_trace::cluster::ServiceView;
use svc_trace::collect::bundle;
use svc_trace::collect::scope::Scope;
use svc_trace::query::{Query, Target};
use svc_trace::report::{Disposition, Report, Severity};

/// Modes whose nodes are walked hop by hop.
const MODES: [&str; 2] = ["iptables-nft", "nftables"];

/// What a set that was changed without a sync must give at least, by mode: iptables, nftables.
const STALE: [(&str, [&[&str]; 2]); 7] = [
    ("scale-down", [&["dnat-target-mismatch"], &["nft-endpoint-mismatch"]]),
    ("pods-replaced", [&["dnat-target-mismatch"], &["nft-endpoint-mismatch"]]),
    ("endpoints-gone", [&["dnat-target-mismatch"], &["nft-endpoint-mismatch"]]),
    ("service-deleted", [&["rules-for-deleted-service"], &["rules-for-deleted-service"]]),
    (
        "cluster-ip-changed",
        [
            &["service-rule-missing", "rules-for-deleted-service"],
            &["service-rule-missing", "rules-for-deleted-service"],
        ],
    ),
    (
        "port-changed",
        [
            &["service-rule-missing", "rules-for-deleted-service"],
            &["service-rule-missing", "rules-for-deleted-service"],
        ],
    ),
    ("becomes-nodeport", [&["service-rule-missing"], &["service-rule-missing"]]),
];

fn query(namespace: &str, name: &str, node: &str) -> Query {
    Query {
        target: Target::Service { namespace: Some(namespace.into()), name: name.into(), port: None, protocol: None },
        target_text: format!("{namespace}/{name}"),
        from: None,
        from_text: None,
        namespace: namespace.into(),
        nodes: vec![node.into()],
    }
}

/// Reports of every Service of a bundle, for one node.
fn reports(folder: &Path, node: &str, also: &[(&str, &str)]) -> Vec<(String, Report)> {
    let snapshot = bundle::load(folder, &Scope::everything()).unwrap();
    let mut names: Vec<(String, String)> =
        ServiceView::all(&snapshot.objects).map(|view| (view.namespace.to_owned(), view.name.to_owned())).collect();
    names.extend(also.iter().map(|(namespace, name)| ((*namespace).to_owned(), (*name).to_owned())));
    let answer = |(namespace, name): (String, String)| {
        let report = analyze(&snapshot, &query(&namespace, &name, node)).ok()?;
        Some((format!("{namespace}/{name}"), report))
    };
    names.into_iter().filter_map(answer).collect()
}

/// What a healthy node must not give.
fn complaints(report: &Report) -> Vec<String> {
    let findings = report
        .findings
        .iter()
        .filter(|finding| finding.node.is_some() && finding.severity >= Severity::Warning)
        .map(|finding| format!("{}[{}] {}", finding.severity.as_str(), finding.code, finding.summary));
    let undecided = report.traces.iter().filter_map(|trace| {
        let open = trace.outcomes.iter().find(|outcome| outcome.disposition == Disposition::Indeterminate)?;
        Some(format!("undecided {:?}: {:?}", trace.path.to, open.depends_on))
    });
    let issues = report.issues.iter().map(|issue| format!("issue {issue:?}"));
    let gaps = report.gaps.iter().filter(|gap| gap.node.is_some()).map(|gap| format!("gap {}", gap.summary));
    findings.chain(undecided).chain(issues).chain(gaps).collect()
}

/// The recordings, if they are here; else says so.
fn captures(test: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/captures");
    if path.is_dir() {
        return Some(path);
    }
    let required = std::env::var("SVC_TRACE_REQUIRE").is_ok_and(|list| list.split(',').any(|word| word == "captures"));
    assert!(!required, "`{}` is not there", path.display());
    // Not by a macro: what a passing test prints is swallowed.
    let _closed = std::io::stderr().write_all(format!("{test}: skipped: ../shared/captures is not there\n").as_bytes());
    None
}

#[test]
fn nodes_of_a_cluster_have_no_findings() {
    let Some(path) = captures("nodes_of_a_cluster_have_no_findings") else { return };
    let mut wrong = Vec::new();
    let mut seen = 0;
    for node in ["a", "b"] {
        for (service, report) in reports(&path.join("cluster-healthy"), node, &[]) {
            seen += 1;
            wrong.extend(complaints(&report).iter().map(|why| format!("cluster-healthy {node} {service}: {why}")));
        }
    }
    assert!(seen > 10, "{seen} reports");
    assert!(wrong.is_empty(), "{} of {seen}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn nodes_left_behind_have_their_findings() {
    let Some(path) = captures("nodes_left_behind_have_their_findings") else { return };
    let mut wrong = Vec::new();
    for (change, codes) in STALE {
        for (mode, wanted) in MODES.iter().zip(codes) {
            let folder = path.join(format!("bundles/clusterip+{change}+stale/{mode}"));
            let also: &[(&str, &str)] = if change == "service-deleted" { &[("default", "web")] } else { &[] };
            let found: BTreeSet<String> = reports(&folder, "node-a", also)
                .iter()
                .flat_map(|(_, report)| &report.findings)
                .filter(|finding| finding.node.is_some())
                .map(|finding| finding.code.as_str().to_owned())
                .collect();
            let wanted: BTreeSet<String> = wanted.iter().map(|code| (*code).to_owned()).collect();
            if found != wanted {
                wrong.push(format!("{change} {mode}: {found:?}, not {wanted:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
