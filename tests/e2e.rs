//! The whole program on a real cluster: any KUBECONFIG with SVC_TRACE_E2E=1; what needs known workloads or faults
//! runs on the cluster of `../shared/cluster` alone.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, missing_docs, reason = "tests")]

mod cluster;

use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use cluster::{Cluster, Said, await_that};

/// Gaps that say that a node's proxy is not one that is modelled: not healthy, and no failure of ours.
fn only_not_modelled(said: &Said) -> bool {
    let gaps = said.codes("gaps");
    said.exit == Some(3) && !gaps.is_empty() && gaps.iter().all(|code| code == "dataplane-not-modelled")
}

#[test]
fn services_that_every_cluster_has() {
    let Some(cluster) = Cluster::find("services_that_every_cluster_has") else { return };
    let said = cluster.trace(&["kubernetes", "-n", "default"]);
    assert!(said.exit == Some(0) || only_not_modelled(&said), "{said:#?}");
    assert_eq!(said.codes("findings"), [""; 0]);
    assert_eq!(cluster.jobs(), [""; 0]);
}

#[test]
fn healthy_services_are_healthy_on_every_node() {
    const NAME: &str = "healthy_services_are_healthy_on_every_node";
    let Some(cluster) = Cluster::find(NAME) else { return };
    if cluster.scripts(NAME).is_none() {
        return;
    }
    let mut walked = 0;
    for (namespace, name) in cluster.services() {
        if name.starts_with("broken-") {
            continue;
        }
        let said = cluster.trace(&[&name, "-n", &namespace, "--all-nodes"]);
        let gaps: Vec<_> = said.codes("gaps").into_iter().filter(|code| code != "dataplane-not-modelled").collect();
        assert_eq!(gaps, [""; 0], "{namespace}/{name}: {said:#?}");
        let worse: Vec<_> =
            said.json["findings"].as_array().unwrap().iter().filter(|finding| finding["severity"] != "info").collect();
        assert!(worse.is_empty(), "{namespace}/{name}: {worse:#?}");
        assert_eq!(said.json["issues"].as_array().unwrap().len(), 0, "{namespace}/{name}");
        let traces = said.json["traces"].as_array().unwrap();
        walked += traces.len();
        for trace in traces {
            for outcome in trace["outcomes"].as_array().unwrap() {
                assert_ne!(outcome["disposition"], "indeterminate", "{namespace}/{name}: {trace:#}");
            }
        }
    }
    assert!(walked > 100, "only {walked} paths were walked");
    assert_eq!(cluster.jobs(), [""; 0]);
}

#[test]
fn broken_services_have_their_finding() {
    const NAME: &str = "broken_services_have_their_finding";
    let Some(cluster) = Cluster::find(NAME) else { return };
    if cluster.scripts(NAME).is_none() {
        return;
    }
    for (service, code) in [
        ("broken-selector", "selector-matches-no-pod"),
        ("broken-port-name", "named-target-port-missing"),
        ("broken-unready", "no-ready-endpoint"),
    ] {
        let said = cluster.trace(&[service, "-n", "default"]);
        assert_eq!((said.exit, said.codes("findings")), (Some(1), vec![code.to_owned()]), "{said:#?}");
    }
}

#[test]
fn a_name_that_is_not_there_has_near_ones() {
    let Some(cluster) = Cluster::find("a_name_that_is_not_there_has_near_ones") else { return };
    let said = cluster.run(&["trace", "kubernete", "-n", "default"]);
    assert_eq!(said.exit, Some(2));
    assert!(said.stderr.contains("default/kubernetes"), "{}", said.stderr);
}

#[test]
fn with_view_rights_the_api_part_comes_at_once() {
    const NAME: &str = "with_view_rights_the_api_part_comes_at_once";
    let Some(mut cluster) = Cluster::find(NAME) else { return };
    let viewer = cluster.kubeconfig.with_file_name("viewer.conf");
    if cluster.scripts(NAME).is_none() || !viewer.exists() {
        return;
    }
    let admin = std::mem::replace(&mut cluster.kubeconfig, viewer);
    let said = cluster.trace(&["echo", "-n", "default"]);
    assert_eq!(said.exit, Some(3), "{said:#?}");
    assert!(said.took < Duration::from_secs(3), "{:?}", said.took);
    assert!(said.codes("gaps").contains(&"rbac-denied".to_owned()));
    let broken = cluster.trace(&["broken-selector", "-n", "default"]);
    assert_eq!((broken.exit, broken.codes("findings")), (Some(1), vec!["selector-matches-no-pod".to_owned()]));
    cluster.kubeconfig = admin;
    assert_eq!(cluster.jobs(), [""; 0]);
}

#[test]
fn the_committed_rights_are_enough() {
    let Some(cluster) = Cluster::find("the_committed_rights_are_enough") else { return };
    let rights = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/rbac.yaml")).unwrap();
    let bindings = ["reader", "maker", "execer"].map(|user| {
        format!(
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {{name: svc-trace-e2e-{user}}}\nroleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: svc-trace-reader}}\nsubjects: [{{kind: User, name: svc-trace-e2e-{user}, apiGroup: rbac.authorization.k8s.io}}]\n"
        )
    });
    let role = |user: &str, role: &str| {
        format!(
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {{name: svc-trace-e2e-{user}, namespace: kube-system}}\nroleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: {role}}}\nsubjects: [{{kind: User, name: svc-trace-e2e-{user}, apiGroup: rbac.authorization.k8s.io}}]\n"
        )
    };
    let all = [rights, bindings.join("\n---\n"), role("maker", "svc-trace-pods"), role("execer", "svc-trace-exec")]
        .join("\n---\n");
    let _made = cluster.with(&all);
    let as_user = |user: &str, more: &[&str]| {
        let user = format!("svc-trace-e2e-{user}");
        await_that(
            Duration::from_secs(10),
            || cluster.trace(&[&["kubernetes", "-n", "default", "--as", &user], more].concat()),
            // the authorizer takes a moment to know a new binding
            |said| !said.codes("gaps").contains(&"rbac-denied".to_owned()),
        )
    };
    let maker = as_user("maker", &[]);
    assert!(maker.exit == Some(0) || only_not_modelled(&maker), "{maker:#?}");
    if cluster.has_proxy_pods() {
        let execer = as_user("execer", &["--via", "kube-proxy"]);
        assert!(execer.exit == Some(0) || only_not_modelled(&execer), "{execer:#?}");
    }
    let reader = cluster.trace(&["kubernetes", "-n", "default", "--as", "svc-trace-e2e-reader"]);
    assert_eq!(reader.exit, Some(3));
    let denied: Vec<_> =
        reader.json["gaps"].as_array().unwrap().iter().filter(|gap| gap["code"] == "rbac-denied").collect();
    assert_eq!(denied.len(), 1, "the reader's rights are not enough for the API: {denied:#?}");
    assert_eq!(cluster.jobs(), [""; 0]);
}

#[test]
fn signals_leave_nothing_behind() {
    let Some(cluster) = Cluster::find("signals_leave_nothing_behind") else { return };
    for signal in ["INT", "TERM", "HUP"] {
        let mut program = cluster
            .command(&["kubernetes", "-n", "default"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(program.stderr.take().unwrap()).lines();
        let making = lines.by_ref().map_while(Result::ok).find(|line| line.contains("making Job"));
        assert!(making.is_some());
        let killed = Command::new("kill").args([&format!("-{signal}"), &program.id().to_string()]).status().unwrap();
        assert!(killed.success());
        let rest: Vec<_> = lines.map_while(Result::ok).collect();
        let status = program.wait().unwrap();
        assert_eq!(status.code(), Some(2), "{signal}: {rest:?}");
        assert_eq!(cluster.jobs(), [""; 0], "{signal}: {rest:?}");
    }
}

#[test]
fn what_is_shown_is_what_would_be_made_and_cleanup_removes_it() {
    let Some(cluster) = Cluster::find("what_is_shown_is_what_would_be_made_and_cleanup_removes_it") else { return };
    let shown = cluster.command(&["trace", "kubernetes", "-n", "default", "--dry-run"]).output().unwrap();
    assert!(shown.status.success());
    assert_eq!(cluster.jobs(), [""; 0], "a dry run makes nothing");
    let made = cluster.with(&String::from_utf8(shown.stdout).unwrap());
    assert_eq!(cluster.jobs().len(), 1);
    let cleaned = cluster.command(&["cleanup"]).output().unwrap();
    assert!(cleaned.status.success());
    assert!(String::from_utf8_lossy(&cleaned.stdout).contains("kube-system/svc-trace-"));
    assert_eq!(cluster.jobs(), [""; 0]);
    drop(made);
}

#[test]
fn a_namespace_that_admits_no_such_pod() {
    let Some(cluster) = Cluster::find("a_namespace_that_admits_no_such_pod") else { return };
    let namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: svc-trace-e2e-restricted, labels: {pod-security.kubernetes.io/enforce: restricted}}\n";
    let _made = cluster.with(namespace);
    let said = cluster.trace(&["kubernetes", "-n", "default", "--pod-namespace", "svc-trace-e2e-restricted"]);
    assert_eq!(said.exit, Some(3));
    assert!(said.codes("gaps").contains(&"collector-blocked-by-admission".to_owned()), "{said:#?}");
    assert_eq!(cluster.jobs(), [""; 0]);
}

#[test]
fn an_image_that_cannot_be_had() {
    let Some(cluster) = Cluster::find("an_image_that_cannot_be_had") else { return };
    let said = cluster.trace(&["kubernetes", "-n", "default", "--image", "svc-trace.invalid/none:0"]);
    assert_eq!(said.exit, Some(3));
    assert!(said.codes("gaps").contains(&"collector-image-pull".to_owned()), "{said:#?}");
    assert_eq!(cluster.jobs(), [""; 0]);
}

#[test]
fn a_bundle_says_what_the_cluster_said() {
    let Some(cluster) = Cluster::find("a_bundle_says_what_the_cluster_said") else { return };
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("bundle");
    let to = to.to_str().unwrap();
    assert_eq!(cluster.run(&["collect", "kubernetes", "-n", "default", "-d", to]).exit, Some(0));
    let live = cluster.trace(&["kubernetes", "-n", "default"]);
    let offline = cluster.trace(&["kubernetes", "-n", "default", "--bundle", to]);
    assert_eq!(live.exit, offline.exit);
    let paths = |said: &Said| {
        said.json["traces"].as_array().unwrap().iter().map(|trace| trace["path"].to_string()).collect::<Vec<_>>()
    };
    assert_eq!(paths(&live), paths(&offline));
    let secrets =
        Command::new("grep").args(["-rlE", "managedFields|last-applied|serviceAccount|\"env\"", to]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&secrets.stdout), "", "fields that are not allowed");
}

#[test]
fn every_way_to_a_node_reads_the_same_rules() {
    const NAME: &str = "every_way_to_a_node_reads_the_same_rules";
    let Some(cluster) = Cluster::find(NAME) else { return };
    if cluster.scripts(NAME).is_none() {
        return;
    }
    let node = first_node(&cluster);
    let ways: [&[&str]; 4] = [
        &[],
        &["--via", "kube-proxy"],
        &["--image", "svc-trace-debug:dev"],
        &["--image", "svc-trace-debug:dev", "--profile", "sysadmin"],
    ];
    let pods = cluster.has_proxy_pods();
    let ways: Vec<_> = ways.into_iter().filter(|way| pods || !way.contains(&"--via")).collect();
    let read = |way: &&[&str]| {
        let said = cluster.trace(&[&["nodeport", "-n", "default", "--node", &node], *way].concat());
        assert_eq!(said.exit, Some(0), "{way:?}: {said:#?}");
        let of = |trace: &serde_json::Value| {
            let reached =
                trace["outcomes"].as_array().unwrap().iter().map(|one| {
                    (one["destination"].clone(), one["probability_ppm"].clone(), one["masqueraded"].clone())
                });
            (trace["path"]["from"].clone(), trace["path"]["to"].clone(), reached.collect::<Vec<_>>())
        };
        said.json["traces"].as_array().unwrap().iter().map(of).collect::<Vec<_>>()
    };
    let outcomes: Vec<_> = ways.iter().map(read).collect();
    assert!(!outcomes[0].is_empty());
    for (way, other) in ways.iter().zip(&outcomes) {
        assert_eq!(other, &outcomes[0], "{way:?}");
    }
}

fn first_node(cluster: &Cluster) -> String {
    let nodes = cluster.nodes();
    let iptables = nodes.iter().find(|node| {
        node.metadata
            .labels
            .as_ref()
            .is_some_and(|labels| labels.get("kubelab/proxy").is_some_and(|mode| mode != "nftables"))
    });
    iptables.and_then(|node| node.metadata.name.clone()).expect("a node in an iptables mode")
}

/// A fault that is on until it is dropped.
struct Fault<'a> {
    script: &'a Path,
    name: &'a str,
    node: &'a str,
}

impl<'a> Fault<'a> {
    fn on(script: &'a Path, name: &'a str, node: &'a str) -> Self {
        let fault = Self { script, name, node };
        fault.switch("on");
        fault
    }

    fn switch(&self, how: &str) {
        let output = Command::new(self.script).args([self.name, how, self.node]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() || std::thread::panicking(), "fault {} {how}: {said}", self.name);
    }
}

impl Drop for Fault<'_> {
    fn drop(&mut self) {
        self.switch("off");
    }
}

#[test]
fn faults_are_found() {
    const NAME: &str = "faults_are_found";
    let Some(cluster) = Cluster::find(NAME) else { return };
    let Some(scripts) = cluster.scripts(NAME) else { return };
    let script = scripts.join("fault");
    let node = first_node(&cluster);
    let cases = [
        ("sep-rule-deleted", "echo", "chain-graph-broken"),
        ("svc-chain-flushed", "echo", "service-rule-missing"),
        ("forward-drop", "echo", "forward-drop"),
        ("ipset-drop", "echo", "firewall-reject"),
        ("notrack", "echo", "notrack-on-path"),
        ("forwarding-off", "echo", "ip-forward-off"),
        ("input-drop", "edge", "firewall-reject"),
        ("masquerade-missing", "echo", "masquerade-path-broken"),
        ("proxy-stopped", "echo", "dnat-target-mismatch"),
        ("proxy-frozen", "echo", "dnat-target-mismatch"),
        ("selector-wrong", "echo", "selector-matches-no-pod"),
        ("not-ready-all", "echo", "no-ready-endpoint"),
    ];
    let mut failed = Vec::new();
    for (fault, service, code) in cases {
        let told = {
            let _on = Fault::on(&script, fault, &node);
            // a rule that is left behind has to stand there twice to be certain
            let sampling: &[&str] = if fault == "proxy-frozen" { &["--settle"] } else { &[] };
            let look = || cluster.trace(&[&[service, "-n", "default", "--node", &node], sampling].concat());
            await_that(Duration::from_secs(30), look, |said| {
                said.exit == Some(1) && said.codes("findings").iter().any(|found| found == code)
            })
        };
        let found = told.codes("findings");
        let _ = writeln!(std::io::stderr(), "fault {fault}: exit {:?}, {}", told.exit, found.join(", "));
        if told.exit != Some(1) || !found.iter().any(|found| found == code) {
            failed.push(format!(
                "{fault}: {code} expected, got exit {:?}, {found:?}, {:?}",
                told.exit,
                told.codes("gaps")
            ));
        }
        if fault == "proxy-frozen" && told.json["findings"][0]["confidence"] != "certain" {
            failed.push(format!("{fault}: seen twice and not certain: {:#}", told.json["findings"]));
        }
        // mended, and kube-proxy has caught up
        let look = || cluster.trace(&[service, "-n", "default", "--node", &node]);
        let healed = await_that(Duration::from_secs(60), look, |said| said.exit == Some(0));
        if healed.exit != Some(0) {
            failed.push(format!("{fault} off: {:?} {:?}", healed.exit, healed.codes("findings")));
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
    assert_eq!(cluster.jobs(), [""; 0]);
}

#[test]
fn a_kubelet_that_hangs_does_not_hang_us() {
    const NAME: &str = "a_kubelet_that_hangs_does_not_hang_us";
    let Some(cluster) = Cluster::find(NAME) else { return };
    let Some(scripts) = cluster.scripts(NAME) else { return };
    let script = scripts.join("fault");
    let node = first_node(&cluster);
    let _on = Fault::on(&script, "kubelet-stopped", &node);
    let ways: &[&[&str]] = if cluster.has_proxy_pods() { &[&["--via", "kube-proxy"], &[]] } else { &[&[]] };
    for way in ways {
        let said = cluster.trace(&[&["echo", "-n", "default", "--node", &node], *way].concat());
        assert_eq!(said.exit, Some(3), "{way:?}: {said:#?}");
        assert!(said.codes("gaps").contains(&"kubelet-port-blocked".to_owned()), "{way:?}: {said:#?}");
        assert!(said.took < Duration::from_secs(60), "{way:?}: {:?}", said.took);
    }
    assert_eq!(cluster.jobs(), [""; 0]);
}
