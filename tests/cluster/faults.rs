//! The faults of the cluster's `fault` script, what each is to be told by, and the loop that switches them on and off.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::{Cluster, Said, await_that};

/// A fault that is on until it is dropped.
pub(crate) struct Fault<'a> {
    script: &'a Path,
    name: &'a str,
    node: &'a str,
}

impl<'a> Fault<'a> {
    pub(crate) fn on(script: &'a Path, name: &'a str, node: &'a str) -> Self {
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

/// A fault, the Service that suffers, and the code that tells it.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    pub(crate) fault: &'static str,
    pub(crate) service: &'static str,
    pub(crate) code: &'static str,
    /// It shows beside nodes that are well.
    pub(crate) all_nodes: bool,
    /// Has to be seen twice to be certain, and then is.
    pub(crate) twice: bool,
}

const fn case(fault: &'static str, service: &'static str, code: &'static str) -> Case {
    Case { fault, service, code, all_nodes: false, twice: false }
}

/// Those that objects or rules show, in a mode of iptables.
pub(crate) const SHOWN: &[Case] = &[
    case("sep-rule-deleted", "echo", "chain-graph-broken"),
    case("svc-chain-flushed", "echo", "service-rule-missing"),
    case("forward-drop", "echo", "forward-drop"),
    case("ipset-drop", "echo", "firewall-reject"),
    case("notrack", "echo", "notrack-on-path"),
    case("forwarding-off", "echo", "ip-forward-off"),
    case("input-drop", "edge", "firewall-reject"),
    case("masquerade-missing", "echo", "masquerade-path-broken"),
    Case { all_nodes: true, ..case("route-missing", "echo", "no-route-for-vip") },
    case("proxy-stopped", "echo", "dnat-target-mismatch"),
    Case { twice: true, ..case("proxy-frozen", "echo", "dnat-target-mismatch") },
    case("selector-wrong", "echo", "selector-matches-no-pod"),
    case("not-ready-all", "echo", "no-ready-endpoint"),
];

/// Those that DNS shows.
pub(crate) const SHOWN_BY_DNS: &[Case] =
    &[case("dns-drop", "kube-dns", "dns-udp-only"), case("coredns-down", "kube-dns", "dns-all-fail")];

/// Those that real connections alone show.
pub(crate) const SHOWN_BY_CONNECTIONS: &[Case] = &[case("wrong-target-port", "echo", "nothing-listens-on-target-port")];

/// A node in a mode of iptables.
pub(crate) fn iptables_node(cluster: &Cluster) -> String {
    let nodes = cluster.nodes();
    let iptables = nodes.iter().find(|node| {
        let labels = node.metadata.labels.as_ref();
        labels.is_some_and(|labels| labels.get("kubelab/proxy").is_some_and(|mode| mode != "nftables"))
    });
    iptables.and_then(|node| node.metadata.name.clone()).expect("a node in an iptables mode")
}

/// Switches each fault on, looks until `look` gives exit 1 with its code, and off again, until `healed` gives exit 0.
pub(crate) fn each(
    cluster: &Cluster,
    scripts: &Path,
    cases: &[Case],
    look: impl Fn(&Case, &str) -> Said,
    healed: impl Fn(&Case, &str) -> Said,
) {
    let script = scripts.join("fault");
    let node = iptables_node(cluster);
    let mut failed = Vec::new();
    for case in cases {
        let Case { fault, code, .. } = case;
        let told = {
            let _on = Fault::on(&script, fault, &node);
            let content =
                |said: &Said| said.exit == Some(1) && said.codes("findings").iter().any(|found| found == code);
            await_that(Duration::from_secs(40), || look(case, &node), content)
        };
        let found = told.codes("findings");
        let _ = writeln!(std::io::stderr(), "fault {fault}: exit {:?}, {}", told.exit, found.join(", "));
        if told.exit != Some(1) || !found.iter().any(|found| found == code) {
            let gaps = told.codes("gaps");
            failed.push(format!("{fault}: {code} expected, got exit {:?}, {found:?}, {gaps:?}", told.exit));
        }
        let certain = told.json["findings"].as_array().into_iter().flatten().filter(|one| one["code"] == *code);
        if case.twice && certain.clone().any(|one| one["confidence"] != "certain") {
            failed.push(format!("{fault}: seen twice and not certain: {:#}", told.json["findings"]));
        }
        // mended, and kube-proxy has caught up
        let healed = await_that(Duration::from_secs(60), || healed(case, &node), |said| said.exit == Some(0));
        if healed.exit != Some(0) {
            failed.push(format!(
                "{fault} off: {:?} {:?} {:?}",
                healed.exit,
                healed.codes("findings"),
                healed.codes("gaps")
            ));
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
    assert_eq!(cluster.jobs(), [""; 0]);
}
