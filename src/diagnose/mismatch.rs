//! One finding for each cause and node, however many paths it breaks: its words, its evidence, the next command.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::cluster::expectation::Promise;
use crate::cluster::owners::Owners;
use crate::cluster::service::ServiceView;
use crate::dataplane::Loc;
use crate::report::{Code, Confidence, Disposition, Evidence, Finding, Origin, Severity};

use super::cause::{Cause, causes};
use super::node::{NodeResult, PathResult};
use super::outcome::line;
use super::trouble::share;

/// A cause, and the path that it breaks.
type Broken<'a, 'snap> = (Cause<'snap>, &'a PathResult<'snap>);

/// Findings of one node's paths.
#[must_use]
pub(super) fn findings(service: &ServiceView<'_>, node: &NodeResult<'_>, owners: &Owners) -> Vec<Finding> {
    let mut groups: BTreeMap<(Code, Option<&'static str>), Vec<Broken<'_, '_>>> = BTreeMap::new();
    for path in &node.paths {
        for cause in causes(service, node, path) {
            groups.entry((cause.code, cause.reason)).or_default().push((cause, path));
        }
    }
    groups.into_values().map(|group| finding(service, node, &group, owners)).collect()
}

/// One finding of all paths with the same cause.
fn finding(service: &ServiceView<'_>, node: &NodeResult<'_>, group: &[Broken<'_, '_>], owners: &Owners) -> Finding {
    let name = node.view.name;
    // several ends of one path can be wrong for the same reason: what is lost is their sum
    let lost = |path: &PathResult<'_>| -> f64 {
        group.iter().filter(|(_, other)| std::ptr::eq(*other, path)).map(|(cause, _)| cause.share).sum::<f64>().min(1.0)
    };
    let most = group.iter().map(|(_, path)| lost(path)).fold(0.0, f64::max);
    let worst = group.iter().find(|(_, path)| lost(path) >= most).or(group.first());
    let Some((cause, path)) = worst else {
        return Finding::new(Code::DnatTargetMismatch, "");
    };
    let lost = lost(path);
    let summary = summary(service, name, group, (cause, path), lost);
    let mut finding = Finding::new(cause.code, summary);
    finding.reason = cause.reason.map(Into::into);
    finding.severity =
        group.iter().map(|(cause, _)| cause.severity.unwrap_or(cause.code.severity())).max().unwrap_or(Severity::Error);
    finding.confidence = if cause.of_objects { Confidence::Likely } else { Confidence::Certain };
    finding.node = Some(name.into());
    finding.object = Some(service.reference());
    finding.share_ppm = (lost > 0.0).then(|| parts(lost));
    finding.evidence = lines_of(group).into_iter().map(|at| line(name, at)).collect();
    if finding.evidence.is_empty() {
        finding.evidence.push(Evidence::Fact { node: Some(name.into()), text: cause.fact.clone() });
    }
    if let Some(Promise::Endpoints(list)) = path.expectation.as_ref().map(|e| &e.promise)
        && cause.of_objects
    {
        finding.evidence.push(endpoints_as_evidence(service, list));
    }
    finding.details.push(hit_paths(group));
    let conditions = distinct(group.iter().filter_map(|(cause, _)| cause.when.clone()));
    if group.iter().all(|(cause, _)| cause.when.is_some()) {
        finding.details.extend(conditions.iter().take(2).map(|when| format!("only {when}")));
    }
    if matches!(cause.code, Code::DnatTargetMismatch | Code::NftEndpointMismatch)
        && let (Some(at), Some(to)) = (cause.at, cause.endpoint)
    {
        finding.details.extend(super::ownership::said(owners, service, path, at, to));
    }
    finding.details.extend(super::outsiders::advice(node, cause, path));
    if matches!(
        cause.code,
        Code::ServiceRuleMissing | Code::RejectWithEndpoints | Code::NftVipMissing | Code::NftNoEndpointVerdict
    ) {
        finding.details.insert(0, cause.fact.clone());
    }
    if cause.of_objects {
        finding.details.push("seen once: kube-proxy may be about to change it (--settle reads twice)".into());
    }
    finding.help = Some(help(cause.code, node, path));
    finding
}

/// The lines that prove it, few of many.
fn lines_of<'snap>(group: &[Broken<'_, 'snap>]) -> Vec<Loc<'snap>> {
    let mut lines: Vec<Loc<'snap>> = Vec::new();
    for at in group.iter().filter_map(|(cause, _)| cause.at) {
        if !lines.contains(&at) && lines.len() < 5 {
            lines.push(at);
        }
    }
    lines
}

/// What is wrong, in one sentence.
fn summary(
    service: &ServiceView<'_>,
    name: &str,
    group: &[Broken<'_, '_>],
    (cause, path): (&Cause<'_>, &PathResult<'_>),
    lost: f64,
) -> String {
    let to = SocketAddr::new(path.info.to, path.info.port);
    let who = match path.info.origin {
        Origin::Pod => format!("pods on {name}"),
        Origin::Node => format!("{name} itself"),
        Origin::External => format!("clients outside, by {name}"),
    };
    match (cause.code, cause.reason) {
        _ if super::ipvs::words(cause).is_some() => {
            format!("{name}: {to} of {} {}", service.full_name(), super::ipvs::words(cause).unwrap_or_default())
        }
        (Code::DnatTargetMismatch | Code::NftEndpointMismatch | Code::RealServerMismatch, Some("extra")) => {
            let mut to = distinct(group.iter().filter_map(|(cause, _)| cause.endpoint.map(|e| e.to_string())));
            let are = if to.len() == 1 { "is no endpoint" } else { "are no endpoints" };
            let more = to.len().saturating_sub(3);
            to.truncate(3);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let to = if to.is_empty() { cause.fact.clone() } else { to.join(", ") };
            format!("{name} sends {} to {to}{more}, which {are} of {}", part(lost), service.full_name())
        }
        (Code::DnatTargetMismatch | Code::NftEndpointMismatch | Code::RealServerMismatch, Some("no-endpoint")) => {
            let to = cause.endpoint.map_or_else(|| cause.fact.clone(), |endpoint| endpoint.to_string());
            format!("{name} sends connections to {to}, and {} has no endpoint for them", service.full_name())
        }
        (Code::DnatTargetMismatch | Code::NftEndpointMismatch, _) | (Code::RealServerMismatch, Some("missing")) => {
            let endpoints: Vec<String> =
                distinct(group.iter().filter_map(|(cause, _)| cause.endpoint.map(|e| e.to_string())));
            format!(
                "{name} sends nothing to {}, which {} of {}",
                endpoints.join(", "),
                if endpoints.len() == 1 { "is an endpoint" } else { "are endpoints" },
                service.full_name()
            )
        }
        (Code::ServiceRuleMissing, Some("no-refusal")) => {
            format!(
                "{name} does not refuse connections to {to}, though {} has no endpoint: clients wait",
                service.full_name()
            )
        }
        (Code::NoEndpointRejectBypassed, _) => {
            format!("{name} does not refuse connections to {to} of {}: {}", service.full_name(), cause.fact)
        }
        (Code::ServiceRuleMissing | Code::NftVipMissing, _) => {
            format!("{name} has no rule for {to} of {}", service.full_name())
        }
        (Code::RejectWithEndpoints, Some("other-answer")) => format!("{name} → {to}: {}", cause.fact),
        (Code::RejectWithEndpoints | Code::NftNoEndpointVerdict, _) => {
            let verb = if cause.reason == Some("local") { "drops" } else { "refuses" };
            format!("{name} {verb} connections to {to}, though {} has endpoints", service.full_name())
        }
        (Code::ForwardDrop, _) => format!("{name} drops what it forwards for {}: {}", service.full_name(), cause.fact),
        (Code::IpForwardOff, _) => format!("{name} does not forward: {}", cause.fact),
        (Code::KubeServicesNotHooked, _) => format!(
            "{name} serves no Service to {who}: {}",
            cause.fact,
            who = if path.info.origin == Origin::Node { "its own processes" } else { "pods and hosts" }
        ),
        (Code::NoServiceProxy, _) => format!("nothing on {name} serves Services: there is no rule of kube-proxy"),
        (Code::NftTableMissing | Code::NftBaseChainWrong, _) => {
            format!("{name} serves no Service to {who}: {}", cause.fact)
        }
        (Code::NftOtherTableDrops, _) => {
            format!("{name} stops what goes to {to} of {}: {}", service.full_name(), cause.fact)
        }
        (Code::UnevenShares, _) => format!("{name} spreads connections to {to} unevenly: {}", cause.fact),
        _ => format!("{who} → {to}: {}", cause.fact),
    }
}

/// The paths that are broken, in words.
fn hit_paths(group: &[Broken<'_, '_>]) -> String {
    let mut paths: Vec<String> = distinct(group.iter().map(|(_, path)| words_of(path)));
    let more = paths.len().saturating_sub(4);
    paths.truncate(4);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("on the way {}{more}", paths.join(", "))
}

fn part(part: f64) -> String {
    if part <= 0.0 {
        "some connections".into()
    } else if part >= 1.0 - 1e-6 {
        "all new connections".into()
    } else {
        share(part).trim_end_matches(" is").trim_end_matches(" are").to_owned()
    }
}

fn distinct(items: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen: Vec<String> = Vec::new();
    for item in items {
        if !seen.contains(&item) {
            seen.push(item);
        }
    }
    seen
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and a million")]
fn parts(share: f64) -> u32 {
    (share.clamp(0.0, 1.0) * 1_000_000.0).round() as u32
}

fn words_of(path: &PathResult<'_>) -> String {
    let to = SocketAddr::new(path.info.to, path.info.port);
    match path.info.origin {
        Origin::Pod => format!("a pod → {to}"),
        Origin::Node => format!("the node → {to}"),
        Origin::External => format!("outside → {to}"),
    }
}

fn endpoints_as_evidence(service: &ServiceView<'_>, list: &[SocketAddr]) -> Evidence {
    let shown: Vec<String> = list.iter().take(8).map(ToString::to_string).collect();
    let more = if list.len() > shown.len() { format!(" and {} more", list.len() - shown.len()) } else { String::new() };
    Evidence::Field {
        object: service.reference(),
        field: "endpoints in its EndpointSlices".into(),
        value: format!("{}{more}", shown.join(", ")),
    }
}

/// One command that shows more, and changes nothing.
fn help(code: Code, node: &NodeResult<'_>, path: &PathResult<'_>) -> String {
    let name = node.view.name;
    let proxy_pods = format!("kubectl -n kube-system get pods -o wide --field-selector spec.nodeName={name}");
    let tool = if path.info.to.is_ipv4() { "iptables" } else { "ip6tables" };
    let backend = super::backends::suffix(node, crate::dataplane::plane::Family::of(path.info.to));
    let own = if path.info.to.is_ipv4() { "ip" } else { "ip6" };
    let native = path.outcomes.iter().any(|o| o.hops.last().is_some_and(|hop| super::nft_table::is_native(hop.table)));
    let chain_of_nft = node.mode.kind == super::mode::ModeKind::Nftables;
    match code {
        Code::NftOtherTableDrops => format!("on {name}: nft -a list ruleset | less -p '{}'", last_chain(path)),
        Code::FirewallReject | Code::EarlierNatRuleWins | Code::HostportHijacksService if native => {
            format!("on {name}: nft -a list ruleset | less -p '{}'", last_chain(path))
        }
        Code::ChainGraphBroken if chain_of_nft => format!(
            "on {name}: nft delete table {own} kube-proxy, then restart its kube-proxy pod   # a restart alone does not mend it"
        ),
        Code::ForwardDrop => {
            format!("on {name}: {tool}{backend} -nvL FORWARD   # who set the policy: docker, ufw, firewalld")
        }
        Code::CniPolicyDrop => "kubectl get networkpolicies -A".into(),
        Code::FirewallReject
        | Code::EarlierNatRuleWins
        | Code::HostportHijacksService
        | Code::NoEndpointRejectBypassed
        | Code::NotrackOnPath => {
            format!("on {name}: {tool}{backend}-save -c | grep -n -- '-A {}'", last_chain(path))
        }
        Code::VipNotOnKubeIpvs0 => format!("on {name}: ip addr show kube-ipvs0"),
        Code::IpvsInputDrop => format!("on {name}: {tool}{backend} -nvL INPUT --line-numbers"),
        Code::IpsetIncomplete => format!("on {name}: ipset list | grep -F {}", path.info.to),
        Code::VirtualServerMissing | Code::VirtualServerEmpty | Code::RealServerMismatch => {
            format!("on {name}: ipvsadm -Ln; then {proxy_pods}")
        }
        Code::IpForwardOff => format!("on {name}: sysctl net.ipv4.ip_forward net.ipv6.conf.all.forwarding"),
        Code::NoServiceProxy | Code::KubeServicesNotHooked => match super::replacement::embedded(node.view.object) {
            Some(program) => format!("on {name}: journalctl -n 50 -g proxy   # kube-proxy is a part of {program}"),
            None => proxy_pods,
        },
        Code::NoRouteForVip => format!("on {name}: ip route get {}", path.info.to),
        _ => proxy_pods,
    }
}

fn last_chain(path: &PathResult<'_>) -> String {
    path.outcomes
        .iter()
        .find(|o| matches!(o.disposition, Disposition::Dropped | Disposition::Rejected))
        .or(path.outcomes.first())
        .and_then(|o| o.hops.iter().rev().find(|hop| !hop.chain.is_empty()))
        .map_or_else(String::new, |hop| hop.chain.to_owned())
}
