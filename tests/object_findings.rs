//! What the objects of the recorded bundles deserve: every finding, by set and Service, against a list that was read
//! through. The bundles are not part of the repository; without them only a message says so.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use svc_trace::cluster::{Index, NodeView, ServiceEndpoints, ServiceView};
use svc_trace::collect::bundle;
use svc_trace::collect::scope::{Scope, Wanted};
use svc_trace::collect::snapshot::Snapshot;
use svc_trace::diagnose::{Context, object_findings};

/// Services of namespaces that differ from others in nothing but the mode of the node: one mode is enough.
const MODE: &str = "iptables-nft";

fn load(path: &Path) -> Snapshot {
    bundle::load(path, &Scope { objects: Wanted::Everything, nodes: Some(Vec::new()), client: None }).unwrap()
}

fn findings(snapshot: &Snapshot, node: &str) -> Vec<String> {
    let objects = &snapshot.objects;
    let mut lines = Vec::new();
    let index = Index::new(objects);
    for view in ServiceView::all(objects) {
        let endpoints = ServiceEndpoints::of(&index, &view);
        let nodes = [NodeView::find(objects, node)];
        let ports = view.ports.clone();
        let context = Context {
            objects,
            index: &index,
            view: &view,
            endpoints: &endpoints,
            ports: &ports,
            missing: None,
            nodes: &nodes,
            client: None,
            at: snapshot.from.as_deref(),
        };
        for finding in object_findings(&context) {
            assert!(!finding.evidence.is_empty(), "{finding:?} has no evidence");
            assert!(finding.help.is_some(), "{finding:?} has no help");
            let mut line =
                format!("{}: {}[{}] {}", view.full_name(), finding.severity.as_str(), finding.code, finding.summary);
            for detail in &finding.details {
                write!(line, "; {detail}").unwrap();
            }
            lines.push(line);
        }
    }
    lines.sort();
    lines
}

#[test]
fn recorded_objects_have_the_findings_they_deserve() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let captures = root.join("../shared/captures");
    if !captures.exists() {
        eprintln!("skipped: the recorded bundles are not here");
        return;
    }
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for entry in fs::read_dir(captures.join("bundles")).unwrap() {
        let folder = entry.unwrap().path();
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        if folder.join(MODE).exists() {
            for line in findings(&load(&folder.join(MODE)), "node-a") {
                all.entry(line).or_default().push(name.clone());
            }
        }
    }
    for line in findings(&load(&captures.join("cluster-healthy")), "a") {
        all.entry(line).or_default().push("cluster-healthy".into());
    }
    let mut text = String::new();
    for (line, mut sets) in all {
        sets.sort();
        writeln!(text, "{line}\n    in {}", sets.join(", ")).unwrap();
    }
    let list = root.join("tests/object_findings.txt");
    if std::env::var_os("UPDATE_LISTS").is_some() {
        fs::write(&list, &text).unwrap();
    }
    assert_eq!(fs::read_to_string(&list).unwrap(), text, "set UPDATE_LISTS=1, then read the difference through");
}
