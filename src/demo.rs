//! Captures that are built in, so that everything can be seen without a cluster. They go the way of any bundle:
//! load, analyze, render.

use std::collections::BTreeMap;

use crate::cluster::nearest;
use crate::collect::bundle;
use crate::collect::scope::Scope;
use crate::collect::snapshot::Snapshot;
use crate::query::{DnsQuery, Query, Target};
use crate::render::{Style, prose};
use crate::report::Report;
use crate::{Error, Result};

/// Files of a bundle: name in it and content.
type Files = &'static [(&'static str, &'static str)];

/// Which command a demo shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// `trace`.
    Trace,
    /// `dns`.
    Dns,
}

/// One thing to see.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// What it is called.
    pub name: &'static str,
    /// What is to be seen, in one line.
    pub about: &'static str,
    /// Where the data is from, in one line.
    pub origin: &'static str,
    /// What is asked.
    pub question: Question,
    /// What is traced, or the name that DNS is asked for.
    pub target: &'static str,
    /// Nodes that are looked at; empty: all there are.
    nodes: &'static [&'static str],
    files: Files,
    /// Files that stand in place of those of the same name.
    instead: Files,
}

macro_rules! files {
    ($folder:literal: $($file:literal)*) => {
        &[$(($file, include_str!(concat!("../demo/", $folder, "/", $file))),)*]
    };
}

/// Three nodes, of which two are here: a runs kube-proxy in iptables mode on the nft backend, c on the legacy one.
const CLUSTER: Files = files!("cluster":
    "bundle.json"
    "objects/services.json" "objects/endpointslices.json" "objects/pods.json" "objects/nodes.json"
    "nodes/a/commands.json" "nodes/a/iptables-save.txt" "nodes/a/ip6tables-save.txt" "nodes/a/iptables-legacy-save.txt"
    "nodes/a/ip-addr.json" "nodes/a/ip-route.json" "nodes/a/ip-route6.json" "nodes/a/ip-rule.json" "nodes/a/sysctl.txt"
    "nodes/c/commands.json" "nodes/c/iptables-save.txt" "nodes/c/ip6tables-save.txt" "nodes/c/iptables-legacy-save.txt"
    "nodes/c/ip-addr.json" "nodes/c/ip-route.json" "nodes/c/ip-route6.json" "nodes/c/ip-rule.json" "nodes/c/sysctl.txt"
);

/// One node whose kube-proxy stopped before the Service was scaled from three endpoints to one.
const STALE: Files = files!("stale":
    "bundle.json"
    "objects/services.json" "objects/endpointslices.json" "objects/pods.json" "objects/nodes.json"
    "nodes/node-a/commands.json" "nodes/node-a/iptables-save.txt" "nodes/node-a/iptables-legacy-save.txt"
    "nodes/node-a/ip-addr.json" "nodes/node-a/ip-route.json" "nodes/node-a/ip-route6.json" "nodes/node-a/ip-rule.json"
    "nodes/node-a/sysctl.txt"
);

/// Two nodes that asked DNS, and the rules of the one that could not.
const DNS: Files = files!("dns":
    "bundle.json" "probes.json"
    "objects/services.json" "objects/endpointslices.json" "objects/pods.json" "objects/nodes.json"
    "nodes/a/commands.json" "nodes/a/iptables-save.txt" "nodes/a/ip6tables-save.txt" "nodes/a/iptables-legacy-save.txt"
    "nodes/a/ip6tables-legacy-save.txt" "nodes/a/proc-net-fib_trie.txt" "nodes/a/proc-net-route.txt"
    "nodes/a/proc-net-dev.txt" "nodes/a/proc-net-ipv6_route.txt" "nodes/a/proc-net-if_inet6.txt" "nodes/a/sysctl.txt"
);

const CAPTURE: &str = "a capture of a cluster of three nodes, Kubernetes 1.34, a part of its Services";

/// All of them, the healthy one first.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "healthy",
        about: "a Service with three ready endpoints, as it should be",
        origin: CAPTURE,
        question: Question::Trace,
        target: "echo",
        nodes: &["a"],
        files: CLUSTER,
        instead: &[],
    },
    Scenario {
        name: "nodeport",
        about: "a NodePort Service on two nodes: every address, from inside and outside",
        origin: CAPTURE,
        question: Question::Trace,
        target: "nodeport",
        nodes: &[],
        files: CLUSTER,
        instead: &[],
    },
    Scenario {
        name: "affinity",
        about: "session affinity: where a client goes that was here before",
        origin: CAPTURE,
        question: Question::Trace,
        target: "sticky",
        nodes: &["a"],
        files: CLUSTER,
        instead: &[],
    },
    Scenario {
        name: "selector-typo",
        about: "a selector that matches no pod, by one letter",
        origin: CAPTURE,
        question: Question::Trace,
        target: "broken-selector",
        nodes: &["a"],
        files: CLUSTER,
        instead: &[],
    },
    Scenario {
        name: "not-ready",
        about: "pods are there, none is ready, the node refuses",
        origin: CAPTURE,
        question: Question::Trace,
        target: "broken-unready",
        nodes: &["a"],
        files: CLUSTER,
        instead: &[],
    },
    Scenario {
        name: "port-name",
        about: "targetPort names a port that no container has",
        origin: CAPTURE,
        question: Question::Trace,
        target: "broken-port-name",
        nodes: &["a"],
        files: CLUSTER,
        instead: &[],
    },
    Scenario {
        name: "stale-endpoint",
        about: "a node that was left behind sends connections to pods that are gone",
        origin: "a capture of what kube-proxy 1.34 programmed, taken after pods went and it had stopped",
        question: Question::Trace,
        target: "web",
        nodes: &[],
        files: STALE,
        instead: &[],
    },
    Scenario {
        name: "forward-drop",
        about: "a firewall that drops what is forwarded",
        origin: "a capture of a cluster of three nodes, Kubernetes 1.34, the policy of FORWARD changed by hand",
        question: Question::Trace,
        target: "echo",
        nodes: &["a"],
        files: CLUSTER,
        instead: &[("nodes/a/iptables-save.txt", include_str!("../demo/forward-drop/iptables-save.txt"))],
    },
    Scenario {
        name: "dns",
        about: "DNS fails from one node, and it is not DNS: by elimination, down to the rule that is missing",
        origin: "a capture of a cluster of two nodes, Kubernetes 1.34, the rules of its DNS Service flushed on one",
        question: Question::Dns,
        target: "",
        nodes: &[],
        files: DNS,
        instead: &[],
    },
];

impl Scenario {
    /// The scenario of this name.
    ///
    /// # Errors
    /// If there is none.
    pub fn find(name: &str) -> Result<Self> {
        SCENARIOS.iter().find(|scenario| scenario.name == name).copied().ok_or_else(|| {
            let near = nearest::closest(name, SCENARIOS.iter().map(|scenario| scenario.name));
            let help = near.map_or_else(
                || "kubectl svc-trace demo --list".to_owned(),
                |near| format!("kubectl svc-trace demo {near}"),
            );
            Error::usage_help(format!("there is no demo `{}`", name.escape_debug()), help)
        })
    }

    /// The question.
    ///
    /// # Errors
    /// If its target cannot be read.
    pub fn query(&self) -> Result<Query> {
        Ok(Query {
            target: Target::parse(self.target)?,
            target_text: self.target.to_owned(),
            from: None,
            from_text: None,
            namespace: "default".to_owned(),
            nodes: self.nodes.iter().map(|node| (*node).to_owned()).collect(),
        })
    }

    /// The answer.
    ///
    /// # Errors
    /// If its target cannot be read, or it is no bundle.
    pub fn report(&self) -> Result<Report> {
        match self.question {
            Question::Trace => {
                let query = self.query()?;
                crate::analyze(&self.snapshot(&Scope::of(&query))?, &query)
            }
            Question::Dns => {
                let query = DnsQuery {
                    name: (!self.target.is_empty()).then(|| self.target.to_owned()),
                    from: None,
                    from_text: None,
                    namespace: "default".to_owned(),
                    nodes: self.nodes.iter().map(|node| (*node).to_owned()).collect(),
                    external: DnsQuery::EXTERNAL.to_owned(),
                };
                crate::analyze_dns(&self.snapshot(&Scope::everything())?, &query)
            }
        }
    }

    /// The data, loaded as any bundle is.
    ///
    /// # Errors
    /// If it is no bundle.
    pub fn snapshot(&self, scope: &Scope) -> Result<Snapshot> {
        let files: BTreeMap<String, Vec<u8>> = self
            .files
            .iter()
            .chain(self.instead)
            .map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()))
            .collect();
        bundle::load_memory(self.name, files, scope)
    }

    /// The line before the report: what is seen, and that it is no cluster of the reader's.
    #[must_use]
    pub fn introduction(&self) -> String {
        format!(
            "Demo {}: {}. Embedded data: {}. No cluster was asked. Other demos: --list",
            self.name, self.about, self.origin
        )
    }
}

/// The table of scenarios.
#[must_use]
pub fn list(style: Style) -> String {
    let rows: Vec<[String; 2]> =
        SCENARIOS.iter().map(|scenario| [scenario.name.to_owned(), scenario.about.to_owned()]).collect();
    prose::columns(&rows, style)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_loads_whole() {
        for scenario in SCENARIOS.iter().filter(|scenario| scenario.question == Question::Trace) {
            let query = scenario.query().unwrap();
            let snapshot = scenario.snapshot(&Scope::of(&query)).unwrap();
            assert!(snapshot.gaps.is_empty(), "{}: {:?}", scenario.name, snapshot.gaps);
            assert!(
                snapshot.objects.services.is_some()
                    && snapshot.objects.slices.is_some()
                    && snapshot.objects.pods.is_some()
            );
            assert_eq!(
                snapshot
                    .objects
                    .services()
                    .iter()
                    .filter(|s| s.metadata.name.as_deref() == Some(scenario.target))
                    .count(),
                1
            );
            assert!(!snapshot.nodes.is_empty());
            for (node, dumps) in &snapshot.nodes {
                for dump in ["iptables-save", "ip-addr", "ip-route", "ip-rule", "sysctl"] {
                    assert!(
                        dumps.dumps.get(dump).is_some_and(|dump| !dump.text.is_empty()),
                        "{}: {node} {dump}",
                        scenario.name
                    );
                }
            }
        }
    }

    #[test]
    fn a_changed_file_is_changed_in_one_line() {
        let scenario = Scenario::find("forward-drop").unwrap();
        let query = scenario.query().unwrap();
        let changed = scenario.snapshot(&Scope::of(&query)).unwrap();
        let original = Scenario { instead: &[], ..scenario }.snapshot(&Scope::of(&query)).unwrap();
        let text =
            |snapshot: &Snapshot| snapshot.nodes.get("a").unwrap().dumps.get("iptables-save").unwrap().text.clone();
        let (changed, original) = (text(&changed), text(&original));
        let differing: Vec<(&str, &str)> = changed.lines().zip(original.lines()).filter(|(a, b)| a != b).collect();
        assert_eq!(differing, [(":FORWARD DROP [0:0]", ":FORWARD ACCEPT [0:0]")]);
        assert_eq!(changed.lines().count(), original.lines().count());
    }

    #[test]
    fn dns_leads_to_the_rules() {
        let report = Scenario::find("dns").unwrap().report().unwrap();
        let codes: Vec<&str> = report.findings.iter().map(|finding| finding.code.as_str()).collect();
        assert_eq!(codes, ["dns-service-ip-only", "service-rule-missing"]);
    }

    #[test]
    fn a_wrong_name_is_told_the_nearest() {
        let error = Scenario::find("helthy").unwrap_err();
        assert_eq!(error.to_string(), "there is no demo `helthy`");
        assert_eq!(error.hint().as_deref(), Some("kubectl svc-trace demo healthy"));
    }
}
