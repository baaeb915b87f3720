//! ST333 and ST511: rules of a mode of kube-proxy that is not the one that acts, and whether they still do anything.

use std::net::IpAddr;

use crate::cluster::ServiceView;
use crate::dataplane::Loc;
use crate::dataplane::iptables::Body;
use crate::dataplane::iptables::rule::{Side, Target, Test};
use crate::dataplane::plane::Family;
use crate::report::{Code, Confidence, Evidence, Finding, Severity};

use super::mode::{Candidate, ModeKind, Why};
use super::node::NodeResult;
use super::outcome::line;

/// What is left of other modes than the one that serves.
#[must_use]
pub(super) fn leftover_mode_rules(service: Option<&ServiceView<'_>>, node: &NodeResult<'_>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = node.mode.others.iter().map(|other| of_other(node, other)).collect();
    let ipvs_told = node.mode.others.iter().any(|other| other.kind == ModeKind::Ipvs);
    match node.mode.kind {
        ModeKind::Iptables(_) | ModeKind::Nftables if !ipvs_told => findings.extend(bound_addresses(node)),
        ModeKind::Ipvs => findings.extend(refusals_under_ipvs(service, node)),
        ModeKind::Iptables(_)
        | ModeKind::Nftables
        | ModeKind::Userspace
        | ModeKind::Replaced(_)
        | ModeKind::NotRead
        | ModeKind::None => {}
    }
    findings
}

/// What a mode's rules are called.
const fn things(kind: ModeKind) -> &'static str {
    match kind {
        ModeKind::Iptables(_) => "chains of iptables mode",
        ModeKind::Nftables => "kube-proxy's nftables table",
        ModeKind::Ipvs => "chains and addresses of ipvs mode",
        ModeKind::Userspace => "chains of userspace mode",
        ModeKind::Replaced(_) | ModeKind::NotRead | ModeKind::None => "nothing",
    }
}

/// What those rules still do beside the mode that serves.
fn effect(serving: ModeKind, other: &Candidate) -> &'static str {
    if !other.serves {
        return "they hold no Service: nothing is sent anywhere by them";
    }
    match (other.kind, serving) {
        // Both translate at -100 (kube-proxy 1.29 to 1.36, pkg/proxy/nftables/proxier.go).
        (ModeKind::Nftables, ModeKind::Iptables(_)) => {
            "both translate at one priority: what it holds may decide first, and nobody updates it"
        }
        (ModeKind::Nftables, _) => "packets meet it first: what it holds decides, and nobody updates it",
        (ModeKind::Iptables(_), ModeKind::Nftables) => {
            "both translate at one priority: what they hold may decide first, and nobody updates it"
        }
        (ModeKind::Iptables(_), _) => "packets meet them first: what they hold decides, and nobody updates it",
        (ModeKind::Ipvs, _) => "the addresses on kube-ipvs0 make the node keep what no other rule takes",
        (ModeKind::Userspace | ModeKind::Replaced(_) | ModeKind::NotRead | ModeKind::None, _) => {
            "they lead to a port where nobody listens"
        }
    }
}

fn of_other(node: &NodeResult<'_>, other: &Candidate) -> Finding {
    let name = node.view.name;
    let serving = node.mode.kind.name().unwrap_or("no mode");
    let code = if other.kind == ModeKind::Nftables { Code::NftTableLeftover } else { Code::LeftoverModeRules };
    let mut finding = match node.mode.why {
        // Which of two is the old one cannot be told: what there is of both is.
        Some(Why::Open) => Finding::new(
            Code::LeftoverModeRules,
            format!(
                "{name} holds rules of kube-proxy in two modes: {}, and {}",
                things(node.mode.kind),
                things(other.kind)
            ),
        ),
        Some(Why::Said(_) | Why::Covers(_)) | None => {
            Finding::new(code, format!("{name} serves Services by {serving}, and still holds {}", things(other.kind)))
        }
    };
    finding.node = Some(name.into());
    finding.reason = other.kind.name().map(Into::into);
    finding.severity = if other.serves { Severity::Warning } else { Severity::Info };
    finding.confidence = match node.mode.why {
        Some(Why::Said(_)) => Confidence::Certain,
        Some(Why::Covers(_) | Why::Open) | None => Confidence::Likely,
    };
    finding.evidence = node.mode.evidence.iter().chain(&other.evidence).cloned().collect();
    if let Some(why @ (Why::Said(_) | Why::Covers(_))) = &node.mode.why {
        finding.details.push(why.words());
    }
    finding.details.push(effect(node.mode.kind, other).into());
    finding.help = Some(match (&node.mode.why, other.kind) {
        (Some(Why::Open), _) => format!("on {name}: curl -s http://127.0.0.1:10249/proxyMode   # which one is in use"),
        (_, ModeKind::Nftables) => format!("on {name}: nft list table ip kube-proxy   # nft delete table removes it"),
        _ => format!("kubectl -n kube-system get pods -o wide --field-selector spec.nodeName={name}"),
    });
    finding
}

/// Addresses of ipvs mode on its interface, where its chains are gone.
fn bound_addresses(node: &NodeResult<'_>) -> Option<Finding> {
    let name = node.view.name;
    let held: Vec<IpAddr> = node.plane.links.interface("kube-ipvs0")?.addresses.iter().map(|own| own.ip).collect();
    let first = held.first()?;
    let serving = node.mode.kind.name().unwrap_or("no mode");
    let mut finding = Finding::new(
        Code::LeftoverModeRules,
        format!("{name} serves Services by {serving}, and still holds addresses of ipvs mode on kube-ipvs0"),
    );
    finding.node = Some(name.into());
    finding.reason = Some("ipvs".into());
    finding.confidence = Confidence::Likely;
    finding.evidence = vec![Evidence::Fact {
        node: Some(name.into()),
        text: format!("interface kube-ipvs0 holds {} addresses, {first} is one", held.len()),
    }];
    finding.details.push("the node keeps for itself what no rule takes: clients wait instead of being refused".into());
    finding.help = Some(format!("on {name}: ip -brief addr show kube-ipvs0"));
    Some(finding)
}

/// Refusals of iptables mode that ipvs mode does not clean up; they act on the node's own connections
/// (kubernetes/kubernetes#102314). ipvs mode itself makes no such chain in filter.
fn refusals_under_ipvs(service: Option<&ServiceView<'_>>, node: &NodeResult<'_>) -> Option<Finding> {
    let name = node.view.name;
    let mut refusals: Vec<Loc<'_>> = Vec::new();
    let mut own = false;
    for loaded in [Family::V4, Family::V6].into_iter().flat_map(|family| &node.plane.rules(family).rulesets) {
        for chain in ["KUBE-SERVICES", "KUBE-EXTERNAL-SERVICES"] {
            for rule in loaded.body_of("filter", chain).into_iter().flat_map(Body::rules).flatten() {
                if !matches!(rule.target, Target::Reject(_) | Target::Drop) {
                    continue;
                }
                refusals.push(rule.at);
                own |= rule.matches.iter().any(|test| {
                    matches!(&test.test, Test::Address(Side::Dst, net)
                        if net.network().is_some_and(|ip| service.is_some_and(|service| service.cluster_ips.contains(&ip))))
                });
            }
        }
    }
    if refusals.is_empty() {
        return None;
    }
    let mut finding = Finding::new(
        Code::LeftoverModeRules,
        format!("{name} serves Services by ipvs, and rules of iptables mode still refuse connections"),
    );
    finding.node = Some(name.into());
    finding.reason = Some("refusals".into());
    finding.severity = if own { Severity::Error } else { Severity::Warning };
    finding.confidence = Confidence::Likely;
    finding.evidence = refusals.iter().take(3).map(|at| line(name, *at)).collect();
    finding.details.push("they refuse what the node itself, and its pods on the host network, connect to".into());
    finding.help = Some(format!("kubectl -n kube-system get pods -o wide --field-selector spec.nodeName={name}"));
    Some(finding)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;
    use crate::collect::snapshot::{Dump, NodeDumps, Objects};
    use crate::diagnose::node::NodePlane;

    const IPTABLES: &str = "*nat\n:PREROUTING ACCEPT [0:0]\n:KUBE-SERVICES - [0:0]\n:KUBE-SVC-NPX46M4PTMTKRN6Y - [0:0]\n-A KUBE-SERVICES -d 10.96.0.1/32 -p tcp -m tcp --dport 443 -j KUBE-SVC-NPX46M4PTMTKRN6Y\nCOMMIT\n";
    const IPVS: &str = "*filter\n:INPUT ACCEPT [0:0]\n:KUBE-IPVS-FILTER - [0:0]\n:KUBE-SERVICES - [0:0]\n-A KUBE-SERVICES -d 10.96.0.9/32 -p tcp -m comment --comment \"default/old has no endpoints\" -m tcp --dport 80 -j REJECT --reject-with icmp-port-unreachable\nCOMMIT\n";
    const BOUND: &str = r#"[{"ifindex":9,"ifname":"kube-ipvs0","addr_info":[{"family":"inet","local":"10.96.0.1","prefixlen":32,"scope":"global"}]}]"#;
    const EMPTY_TABLE: &str = "table ip kube-proxy {\n\tcomment \"rules for kube-proxy\"\n}\n";

    #[track_caller]
    fn case(list: &[(&str, &str)], expected: &[&str]) {
        let mut dumps = NodeDumps::default();
        for (name, text) in list {
            dumps.dumps.insert((*name).to_owned(), Dump { text: (*text).to_owned(), exit: Some(0), ..Dump::default() });
        }
        let objects = Objects::default();
        let node = NodePlane::read(&objects, "a", &dumps).result();
        let found: Vec<String> = leftover_mode_rules(None, &node)
            .iter()
            .map(|one| format!("{}[{}] {}", one.severity.as_str(), one.code, one.reason.as_deref().unwrap_or("-")))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn one_mode_leaves_nothing() {
        case(&[("iptables-save", IPTABLES)], &[]);
        case(&[("ip-addr", BOUND)], &[]);
    }

    #[test]
    fn addresses_of_ipvs_mode() {
        case(&[("iptables-save", IPTABLES), ("ip-addr", BOUND)], &["warning[leftover-mode-rules] ipvs"]);
    }

    #[test]
    fn refusals_that_ipvs_mode_does_not_clean_up() {
        case(&[("iptables-save", IPVS), ("ip-addr", BOUND)], &["warning[leftover-mode-rules] refusals"]);
    }

    #[test]
    fn a_table_that_holds_nothing_does_nothing() {
        let both = [("iptables-save", IPTABLES), ("nft-ruleset", EMPTY_TABLE)];
        case(&both, &["info[nft-table-leftover] nftables"]);
    }

    #[test]
    fn what_kube_proxy_says_decides() {
        let ipvs = IPVS.to_owned() + IPTABLES;
        let both = [("iptables-save", ipvs.as_str()), ("ip-addr", BOUND)];
        case(&both, &["warning[leftover-mode-rules] ipvs"]);
        let said = [both[0], both[1], ("kube-proxy-mode", "ipvs")];
        case(&said, &["warning[leftover-mode-rules] iptables", "warning[leftover-mode-rules] refusals"]);
    }
}
