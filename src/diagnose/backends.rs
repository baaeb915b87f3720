//! Two rule stores, or two modes, on one node: which of them acts, and what is left over.

use crate::dataplane::iptables::ruleset::Backend;
use crate::dataplane::nft::xtables::xtables_rules;
use crate::dataplane::plane::{Family, Loaded};
use crate::report::{Code, Confidence, Evidence, Finding, Severity};

use super::mode::{ModeKind, serves};
use super::node::NodeResult;
use super::outcome::line;

/// ST331: service rules in both backends of iptables.
#[must_use]
pub(super) fn mixed_backends(node: &NodeResult<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for family in [Family::V4, Family::V6] {
        let both: Vec<&Loaded<'_>> =
            node.plane.rules(family).rulesets.iter().filter(|loaded| holds_services(loaded)).collect();
        // Rules of iptables-nft that only `nft` shows.
        let hidden = xtables_rules(node.plane.dumps, family)
            .and_then(|rules| rules.service)
            .filter(|_| node.plane.rules(family).backend(Backend::Nft).is_none());
        if both.len() + usize::from(hidden.is_some()) < 2 {
            continue;
        }
        let name = node.view.name;
        let mut finding = Finding::new(
            Code::MixedBackends,
            format!("{name} holds {} service rules in both backends of iptables: packets pass both", family.as_str()),
        );
        finding.node = Some(name.into());
        finding.evidence =
            both.iter().filter_map(|loaded| loaded.place_of("nat", "KUBE-SERVICES")).map(|at| line(name, at)).collect();
        finding.evidence.extend(hidden.map(|at| line(name, at)));
        finding.details.push("one of them belongs to a kube-proxy that is gone, and nobody updates it".into());
        finding.help = Some(format!("kubectl -n kube-system get pods -o wide --field-selector spec.nodeName={name}"));
        findings.push(finding);
    }
    findings
}

fn holds_services(loaded: &Loaded<'_>) -> bool {
    let entries = loaded.body_of("nat", "KUBE-SERVICES").is_some_and(|body| !body.is_empty());
    entries && loaded.table("nat").is_some_and(|nat| nat.chains.iter().any(|chain| chain.name.starts_with("KUBE-SVC-")))
}

/// ST333: rules of a mode that is not the one that acts.
#[must_use]
pub(super) fn leftover_mode_rules(node: &NodeResult<'_>) -> Vec<Finding> {
    let name = node.view.name;
    let mut evidence: Vec<Evidence> = Vec::new();
    let mut what = Vec::new();
    let mode = match node.mode.kind {
        ModeKind::Iptables(_) => "iptables",
        ModeKind::Nftables => return iptables_under_nftables(node),
        ModeKind::Ipvs | ModeKind::Userspace | ModeKind::NotRead | ModeKind::None => return Vec::new(),
    };
    if let Some((true, at)) = crate::dataplane::nft::outline::kube_proxy_table(node.plane.dumps) {
        evidence.push(line(name, at));
        what.push("kube-proxy's nftables table");
    }
    let ipvs_addresses =
        node.plane.links.interface("kube-ipvs0").is_some_and(|interface| !interface.addresses.is_empty());
    if ipvs_addresses {
        evidence.push(Evidence::Fact {
            node: Some(name.into()),
            text: "interface kube-ipvs0 holds addresses of Services".into(),
        });
        what.push("addresses of ipvs mode on kube-ipvs0");
    }
    for family in [Family::V4, Family::V6] {
        for loaded in &node.plane.rules(family).rulesets {
            if let Some(at) = loaded.place_of("filter", "KUBE-IPVS-FILTER") {
                evidence.push(line(name, at));
                what.push("chains of ipvs mode");
            }
        }
    }
    if what.is_empty() {
        return Vec::new();
    }
    what.dedup();
    let mut finding = Finding::new(
        Code::LeftoverModeRules,
        format!("{name} serves Services by {mode}, and still holds {}", what.join(", ")),
    );
    finding.node = Some(name.into());
    finding.confidence = Confidence::Likely;
    finding.severity = Severity::Warning;
    finding.evidence = evidence;
    finding
        .details
        .push("kube-proxy does not clean up behind ipvs and iptables mode; a reboot of the node does".into());
    finding.help = Some(format!("kubectl -n kube-system get pods -o wide --field-selector spec.nodeName={name}"));
    vec![finding]
}

/// iptables' rules come after those of kube-proxy's nftables table and still act on what it does not take.
fn iptables_under_nftables(node: &NodeResult<'_>) -> Vec<Finding> {
    let name = node.view.name;
    let left: Vec<_> = [Family::V4, Family::V6]
        .into_iter()
        .flat_map(|family| &node.plane.rules(family).rulesets)
        .filter(|loaded| holds_services(loaded))
        .filter_map(|loaded| loaded.place_of("nat", "KUBE-SERVICES"))
        .collect();
    if left.is_empty() {
        return Vec::new();
    }
    let summary = format!("{name} holds kube-proxy's rules of two modes: an nftables table, and chains of iptables");
    let mut finding = Finding::new(Code::LeftoverModeRules, summary);
    finding.node = Some(name.into());
    finding.confidence = Confidence::Likely;
    finding.evidence = node.mode.evidence.iter().cloned().chain(left.into_iter().map(|at| line(name, at))).collect();
    finding.help = Some("kubectl -n kube-system get configmap kube-proxy -o yaml".into());
    vec![finding]
}

/// ST304: what kube-proxy says of itself is not what the kernel holds.
#[must_use]
pub(super) fn mode_mismatch(node: &NodeResult<'_>) -> Vec<Finding> {
    let (Some(dump), Some(found)) = (node.plane.dumps.dumps.get(PROXY_MODE), node.mode.kind.name()) else {
        return Vec::new();
    };
    let said = dump.text.trim();
    let is_mode = ["iptables", "ipvs", "nftables", "userspace"].contains(&said);
    if !is_mode || said == found {
        return Vec::new();
    }
    let name = node.view.name;
    let mut finding = Finding::new(
        Code::ModeMismatch,
        format!("kube-proxy on {name} runs in mode {said}, and the rules that serve are of mode {found}"),
    );
    finding.node = Some(name.into());
    finding.evidence.push(Evidence::Line { node: name.into(), dump: PROXY_MODE.into(), line: 1, text: said.into() });
    finding.evidence.extend(node.mode.evidence.clone());
    finding.help = Some("kubectl -n kube-system get configmap kube-proxy -o yaml".into());
    vec![finding]
}

/// What `127.0.0.1:10249/proxyMode` answered on the node.
pub(super) const PROXY_MODE: &str = "kube-proxy-mode";

/// The backend that serves, for commands that are suggested: `-nft`, `-legacy`, or nothing.
#[must_use]
pub(super) fn suffix(node: &NodeResult<'_>, family: Family) -> &'static str {
    let serving = node.plane.rules(family).rulesets.iter().find(|loaded| serves(loaded));
    match serving.map(|loaded| loaded.ruleset.backend) {
        Some(Backend::Nft) => "-nft",
        Some(Backend::Legacy) => "-legacy",
        Some(Backend::Unknown) | None => "",
    }
}
