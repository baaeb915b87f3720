//! The gate on a real cluster: what is healthy passes, each fault that objects or rules can show fails with its reason,
//! and what could not be looked at is never green. As of `e2e.rs`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, missing_docs, reason = "tests")]

mod cluster;

use std::time::Duration;

use cluster::faults::{self, Case, Fault, iptables_node};
use cluster::{Cluster, Said};

/// A name that the servers outside the cluster know.
const OUTSIDE: &str = "db.example.test";

/// `check -o json` of objects and rules; DNS is a suite of its own.
fn check(cluster: &Cluster, arguments: &[&str]) -> Said {
    cluster.run(&[&["check", "-o", "json"], arguments].concat())
}

/// The cluster's Services but those that are broken on purpose.
fn healthy(cluster: &Cluster) -> Vec<String> {
    let all = cluster.services().into_iter().filter(|(_, name)| !name.starts_with("broken-"));
    all.map(|(namespace, name)| format!("{namespace}/{name}")).collect()
}

#[test]
fn a_healthy_cluster_passes() {
    const NAME: &str = "a_healthy_cluster_passes";
    let Some(cluster) = Cluster::find(NAME) else { return };
    if cluster.scripts(NAME).is_none() {
        return;
    }
    let services = healthy(&cluster);
    let services: Vec<&str> = services.iter().map(String::as_str).collect();
    // this cluster has a world of its own
    let said = check(&cluster, &[&["--all-nodes", "--probe", "--external", OUTSIDE], services.as_slice()].concat());
    let worse: Vec<_> =
        said.json["findings"].as_array().unwrap().iter().filter(|finding| finding["severity"] != "info").collect();
    assert!(worse.is_empty(), "{worse:#?}");
    assert_eq!(said.codes("gaps"), [""; 0], "{said:#?}");
    assert_eq!((said.exit, &said.json["complete"]), (Some(0), &true.into()), "{said:#?}");
    assert!(said.json["summary"]["paths"].as_u64().unwrap() > 100, "{said:#?}");
    assert_eq!(cluster.jobs(), [""; 0]);
    // with the broken ones it fails, and says which
    let all = check(&cluster, &["-A", "--suite", "objects"]);
    assert_eq!(all.exit, Some(1), "{all:#?}");
    assert!(all.codes("findings").contains(&"named-target-port-missing".to_owned()), "{all:#?}");
}

#[test]
fn each_fault_fails_with_its_reason() {
    const NAME: &str = "each_fault_fails_with_its_reason";
    let Some(cluster) = Cluster::find(NAME) else { return };
    let Some(scripts) = cluster.scripts(NAME) else { return };
    let services = healthy(&cluster);
    let services: Vec<&str> = services.iter().map(String::as_str).collect();
    let look = |case: &Case, node: &str| {
        let nodes: &[&str] = if case.all_nodes { &["--all-nodes"] } else { &["--node", node] };
        // a Service without pods is a warning where nothing refers to it
        let words = ["--suite", "objects,dataplane", "--fail-on", "warning"];
        check(&cluster, &[&words[..], nodes, services.as_slice()].concat())
    };
    let healed =
        |_: &Case, node: &str| check(&cluster, &["default/echo", "--suite", "objects,dataplane", "--node", node]);
    faults::each(&cluster, &scripts, faults::SHOWN, look, healed);
}

#[test]
fn each_fault_of_dns_fails_with_its_reason() {
    const NAME: &str = "each_fault_of_dns_fails_with_its_reason";
    let Some(cluster) = Cluster::find(NAME) else { return };
    let Some(scripts) = cluster.scripts(NAME) else { return };
    let look = |_: &Case, _: &str| check(&cluster, &["--suite", "dns", "--all-nodes", "--external", OUTSIDE]);
    faults::each(&cluster, &scripts, faults::SHOWN_BY_DNS, look, look);
}

#[test]
fn what_rules_cannot_show_real_connections_do() {
    const NAME: &str = "what_rules_cannot_show_real_connections_do";
    let Some(cluster) = Cluster::find(NAME) else { return };
    let Some(scripts) = cluster.scripts(NAME) else { return };
    let words = |case: &Case| [format!("default/{}", case.service), "--suite=objects,dataplane".into()];
    let by_rules = |case: &Case, node: &str| {
        let [service, suite] = words(case);
        check(&cluster, &[&service, &suite, "--node", node])
    };
    let look = |case: &Case, node: &str| {
        let rules = by_rules(case, node);
        assert_eq!(rules.exit, Some(0), "{}: rules alone show it: {rules:#?}", case.fault);
        let [service, suite] = words(case);
        check(&cluster, &[&service, &suite, "--node", node, "--probe"])
    };
    let healed = |case: &Case, node: &str| {
        let [service, suite] = words(case);
        check(&cluster, &[&service, &suite, "--node", node, "--probe"])
    };
    faults::each(&cluster, &scripts, faults::SHOWN_BY_CONNECTIONS, look, healed);
    // what was recorded gives the same answer without a cluster
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("bundle");
    let bundle = bundle.to_str().unwrap();
    let node = iptables_node(&cluster);
    let words = ["default/broken-port", "--suite=objects,dataplane", "--node", &node, "--probe"];
    let live = check(&cluster, &[&words[..], &["--save", bundle]].concat());
    assert!(live.codes("findings").contains(&"nothing-listens-on-target-port".to_owned()), "{live:#?}");
    let offline = check(&cluster, &[&words[..], &["--bundle", bundle]].concat());
    assert_eq!((offline.exit, &offline.json["findings"]), (live.exit, &live.json["findings"]));
    assert_eq!(offline.json["check"]["suites"], live.json["check"]["suites"]);
}

#[test]
fn a_time_limit_gives_a_part_of_the_answer() {
    const NAME: &str = "a_time_limit_gives_a_part_of_the_answer";
    let Some(cluster) = Cluster::find(NAME) else { return };
    let said = check(&cluster, &["kubernetes", "-n", "default", "--all-nodes", "--timeout", "1s"]);
    assert_eq!(said.exit, Some(3), "{said:#?}");
    assert!(!said.json["check"]["suites"].as_array().unwrap().is_empty(), "{said:#?}");
    assert!(said.took < Duration::from_secs(15), "{:?}", said.took);
    assert_eq!(cluster.jobs(), [""; 0]);
}

#[test]
fn a_stopped_kubelet_is_never_green() {
    const NAME: &str = "a_stopped_kubelet_is_never_green";
    let Some(cluster) = Cluster::find(NAME) else { return };
    let Some(scripts) = cluster.scripts(NAME) else { return };
    let script = scripts.join("fault");
    let node = cluster.nodes()[0].metadata.name.clone().unwrap();
    let _on = Fault::on(&script, "kubelet-stopped", &node);
    let said = check(&cluster, &["default/kubernetes", "--suite", "objects,dataplane", "--all-nodes"]);
    assert_eq!(said.exit, Some(3), "{said:#?}");
    assert!(said.codes("gaps").contains(&"kubelet-port-blocked".to_owned()), "{said:#?}");
    let strict =
        check(&cluster, &["default/kubernetes", "--suite", "objects,dataplane", "--all-nodes", "--require-complete"]);
    assert_eq!(strict.exit, Some(1), "{strict:#?}");
    assert_eq!(cluster.jobs(), [""; 0]);
}
