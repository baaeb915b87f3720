//! Two rule stores, or two modes, on one node: which of them acts, and what is left over.

use crate::dataplane::Loc;
use crate::dataplane::iptables::ruleset::Backend;
use crate::dataplane::nft::xtables::xtables_rules;
use crate::dataplane::plane::{Family, Loaded};
use crate::report::{Code, Evidence, Finding, Severity};

use super::mode::{has_entries, serves};
use super::node::NodeResult;
use super::outcome::line;

/// ST331: service rules in both backends of iptables; or rules of somebody in both, which one tool does not show.
#[must_use]
pub(super) fn mixed_backends(node: &NodeResult<'_>) -> Vec<Finding> {
    let name = node.view.name;
    let mut evidence: Vec<Evidence> = Vec::new();
    let mut families = Vec::new();
    for family in [Family::V4, Family::V6] {
        let both: Vec<&Loaded<'_>> =
            node.plane.rules(family).rulesets.iter().filter(|loaded| has_entries(loaded)).collect();
        // Rules of iptables-nft that only `nft` shows.
        let hidden = xtables_rules(node.plane.nft(), family)
            .and_then(|rules| rules.service)
            .filter(|_| node.plane.rules(family).backend(Backend::Nft).is_none());
        if both.len() + usize::from(hidden.is_some()) < 2 {
            continue;
        }
        families.push(family.as_str());
        evidence
            .extend(both.iter().filter_map(|loaded| loaded.place_of("nat", "KUBE-SERVICES")).map(|at| line(name, at)));
        evidence.extend(hidden.map(|at| line(name, at)));
    }
    if families.is_empty() {
        return split_rules(node).into_iter().collect();
    }
    let families = families.join(" and ");
    let mut finding = Finding::new(
        Code::MixedBackends,
        format!("{name} holds {families} service rules in both backends of iptables: packets pass both"),
    );
    finding.node = Some(name.into());
    finding.evidence = evidence;
    finding.details.push("one of them belongs to a kube-proxy that is gone, and nobody updates it".into());
    finding.help = Some(format!("kubectl -n kube-system get pods -o wide --field-selector spec.nodeName={name}"));
    vec![finding]
}

/// Somebody's rules in one backend and kube-proxy's in the other: both act, and one tool shows half of them.
fn split_rules(node: &NodeResult<'_>) -> Option<Finding> {
    let name = node.view.name;
    let (serving, other, at) = [Family::V4, Family::V6].into_iter().find_map(|family| {
        let rules = &node.plane.rules(family).rulesets;
        let serving = rules.iter().find(|loaded| serves(loaded))?;
        let (other, at) = rules
            .iter()
            .filter(|other| other.ruleset.backend != serving.ruleset.backend)
            .find_map(|other| Some((other, stops(other)?)))?;
        Some((serving, other, at))
    })?;
    let words = |loaded: &Loaded<'_>| match loaded.ruleset.backend {
        Backend::Nft => "iptables-nft",
        Backend::Legacy => "iptables-legacy",
        Backend::Unknown => "iptables",
    };
    let mut finding = Finding::new(
        Code::MixedBackends,
        format!(
            "{name} has kube-proxy's rules in {}, and {} stops packets too: one tool does not show the other's rules",
            words(serving),
            words(other)
        ),
    );
    finding.reason = Some("firewall-in-the-other".into());
    finding.severity = Severity::Info;
    finding.node = Some(name.into());
    finding.evidence =
        serving.place_of("nat", "KUBE-SERVICES").into_iter().chain([at]).map(|at| line(name, at)).collect();
    finding.help = Some(format!("on {name}: {}-save", words(other)));
    Some(finding)
}

/// The first place where a ruleset drops or refuses what it forwards or takes in; the kubelet's own rule does not count.
fn stops<'snap>(loaded: &Loaded<'snap>) -> Option<Loc<'snap>> {
    let filter = loaded.table("filter")?;
    let policy = ["FORWARD", "INPUT"]
        .iter()
        .find_map(|name| filter.chain(name)?.declared(filter).filter(|at| at.text.contains(" DROP ")));
    policy.or_else(|| {
        filter.chains.iter().filter(|chain| !chain.name.starts_with("KUBE-")).find_map(|chain| {
            let body = loaded.body_of("filter", chain.name)?;
            body.lines().find(|at| at.text.contains(" -j DROP") || at.text.contains(" -j REJECT"))
        })
    })
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
