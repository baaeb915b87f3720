//! What `grep` leaves of what tools print of nodes that are well: nothing that it lacks is taken for missing.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use svc_trace::collect;
use svc_trace::collect::pasted;
use svc_trace::collect::scope::Scope;
use svc_trace::diagnose::analyze;
use svc_trace::query::{Query, Target};
use svc_trace::report::{PathState, Report, Severity};

use super::NODE;

/// Bundles of nodes that are well, and beside each the texts that are grepped.
const NODES: [(&str, &[&str]); 5] = [
    (
        "scenarios/every-form",
        &[
            "listings/every-form.nL.txt",
            "listings/every-form.nvL.txt",
            "listings/every-form.S.txt",
            "listings/every-form.filter-nL.txt",
            "listings/every-form.chains.txt",
            "scenarios/every-form/nodes/node-a/iptables-save.txt",
        ],
    ),
    ("scenarios/dual-stack", &["listings/dual-stack.nvL.txt", "scenarios/dual-stack/nodes/node-a/ip6tables-save.txt"]),
    (
        "captures/1.36-iptables-internal-local-without-endpoint",
        &[
            "listings/1.36-iptables-internal-local-without-endpoint.nL.txt",
            "captures/1.36-iptables-internal-local-without-endpoint/nodes/node-a/iptables-save.txt",
        ],
    ),
    (
        "captures/1.30-iptables-nodeport-local-with-endpoint",
        &["listings/1.30-iptables-nodeport-local-with-endpoint.nvL.txt"],
    ),
    (
        "captures/every-form-ipvs",
        &[
            "listings/every-form-ipvs.ipvsadm-L.txt",
            "listings/every-form-ipvs.ipvsadm-Ln-stats.txt",
            "listings/every-form-ipvs.ipvsadm-S.txt",
            "listings/every-form-ipvs.ipset-list.txt",
            "captures/every-form-ipvs/nodes/node-a/ipset-save.txt",
            "captures/every-form-ipvs/nodes/node-a/iptables-save.txt",
        ],
    ),
];

/// What is looked for, with as many lines behind each hit; the whole text first.
const GREPS: [(&str, usize); 11] = [
    ("", 0),
    ("KUBE-SERVICES", 0),
    ("KUBE-SERVICES", 5),
    ("KUBE-", 0),
    ("Chain KUBE-SVC", 3),
    ("KUBE-SEP", 0),
    ("10.96.", 0),
    ("10.96.", 4),
    ("10.244.", 0),
    ("8080", 0),
    ("fd00:", 2),
];

/// `grep -A BEHIND WORD`
fn grep(text: &str, word: &str, behind: usize) -> String {
    let (mut left, mut out, mut gap) = (0, String::new(), false);
    for line in text.lines() {
        if line.contains(word) {
            left = behind + 1;
        }
        if left == 0 {
            gap = true;
            continue;
        }
        if gap && behind > 0 && !out.is_empty() {
            out.push_str("--\n");
        }
        (left, gap) = (left - 1, false);
        out.push_str(line);
        out.push('\n');
    }
    out
}

/// What is said to be wrong.
fn faults(report: &Report) -> BTreeSet<String> {
    let severe = report.findings.iter().filter(|finding| finding.severity >= Severity::Warning);
    let findings = severe.map(|finding| format!("{} {}", finding.code, finding.summary));
    let differs = report.traces.iter().filter(|trace| trace.state == PathState::Differs);
    findings.chain(differs.map(|trace| format!("{:?}: {:?}", trace.path, trace.trouble))).collect()
}

#[test]
fn what_a_piece_lacks_is_not_missing() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("pasted.txt");
    let (mut asked, mut refused) = (0, 0);
    for (bundle, texts) in NODES {
        let mut snapshot = collect::bundle::load(&tests.join(bundle), &Scope::everything()).unwrap();
        let names: Vec<(String, String)> = snapshot
            .objects
            .services()
            .iter()
            .map(|service| {
                let meta = &service.metadata;
                (meta.namespace.clone().unwrap(), meta.name.clone().unwrap())
            })
            .collect();
        let queries: Vec<Query> = names
            .into_iter()
            .map(|(namespace, name)| Query {
                target: Target::parse(&name).unwrap(),
                target_text: name,
                from: None,
                from_text: None,
                namespace,
                nodes: Vec::new(),
            })
            .collect();
        let whole: Vec<BTreeSet<String>> =
            queries.iter().map(|query| faults(&analyze(&snapshot, query).unwrap())).collect();
        for text in texts {
            let text = fs::read_to_string(tests.join(text)).unwrap();
            for (word, behind) in GREPS {
                fs::write(&file, grep(&text, word, behind)).unwrap();
                let dumps = match pasted::read(std::slice::from_ref(&file)) {
                    Ok(dumps) => dumps,
                    Err(error) => {
                        let why = error.to_string();
                        let nothing = why.contains("is empty") || why.contains("without the chain that they are of");
                        assert!(nothing, "{bundle}, grep -A{behind} {word}: {why}");
                        refused += 1;
                        continue;
                    }
                };
                snapshot.nodes.insert(NODE.to_owned(), dumps);
                for (query, whole) in queries.iter().zip(&whole) {
                    asked += 1;
                    let found = faults(&analyze(&snapshot, query).unwrap());
                    let more: Vec<&String> = found.difference(whole).collect();
                    assert!(more.is_empty(), "{bundle}, {}, grep -A{behind} {word}: {more:#?}", query.target_text);
                }
            }
        }
    }
    println!("{asked} questions, {refused} pieces of which nothing is left");
    assert!(asked >= 60, "{asked}");
}
