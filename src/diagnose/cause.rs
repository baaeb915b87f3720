//! From a path that differs to its causes: the code, and the line that proves it. Wording is `mismatch.rs`.

use std::net::SocketAddr;

use crate::cluster::expectation::{Masquerade, Promise};
use crate::cluster::service::ServiceView;
use crate::dataplane::Loc;
use crate::dataplane::iptables::Target;
use crate::dataplane::plane::Family;
use crate::report::{Code, Disposition, Origin, PathState, Severity};
use crate::walk::packet::{Action, Hop, Outcome, Reason};

use super::authors::Author;
use super::mode::ModeKind;
use super::node::{NodeResult, PathResult};
use super::outcome::rewrite;
use super::{nft_cause, nft_table, untouched};

/// A cause, before it is worded.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cause<'snap> {
    pub(super) code: Code,
    pub(super) reason: Option<&'static str>,
    /// Whether the objects could explain it, had they changed while the node was read.
    pub(super) of_objects: bool,
    pub(super) share: f64,
    pub(super) at: Option<Loc<'snap>>,
    pub(super) fact: String,
    pub(super) severity: Option<Severity>,
    pub(super) endpoint: Option<SocketAddr>,
    /// What it depends on, `when there are more than 1000 …`: then only some connections meet it.
    pub(super) when: Option<String>,
}

impl<'snap> Cause<'snap> {
    pub(super) fn new(code: Code, share: f64, fact: impl Into<String>) -> Self {
        Self {
            code,
            reason: None,
            of_objects: false,
            share,
            at: None,
            fact: fact.into(),
            severity: None,
            endpoint: None,
            when: None,
        }
    }

    pub(super) fn at(mut self, at: Option<Loc<'snap>>) -> Self {
        self.at = at;
        self
    }

    pub(super) fn reason(mut self, reason: &'static str) -> Self {
        self.reason = Some(reason);
        self
    }

    pub(super) fn of_objects(mut self) -> Self {
        self.of_objects = true;
        self
    }

    pub(super) fn milder(mut self, severity: Severity) -> Self {
        self.severity = Some(severity);
        self
    }

    pub(super) fn endpoint(mut self, endpoint: SocketAddr) -> Self {
        self.endpoint = Some(endpoint);
        self
    }
}

/// What is wrong with one path.
pub(super) fn causes<'snap>(
    service: &ServiceView<'_>,
    node: &NodeResult<'snap>,
    path: &PathResult<'snap>,
) -> Vec<Cause<'snap>> {
    let (Some(comparison), Some(expectation)) = (&path.comparison, &path.expectation) else {
        return Vec::new();
    };
    let mut causes = Vec::new();
    if comparison.state != PathState::Differs {
        if let (PathState::Expected, Some((most, least))) = (comparison.state, comparison.uneven) {
            causes.push(uneven(path, most, least));
        }
        causes.extend(address_replaced(service, node, path));
        return causes;
    }
    let promised_endpoints = matches!(expectation.promise, Promise::Endpoints(_));
    for (outcome, ok) in path.outcomes.iter().zip(&comparison.promised) {
        let counts = outcome.disposition != Disposition::Indeterminate && outcome.depends_on.is_empty();
        if *ok || !counts || (outcome.when.is_some() && outcome.disposition == Disposition::Indeterminate) {
            continue;
        }
        let share = if outcome.when.is_some() { 0.0 } else { outcome.share };
        let of_ipvs = match node.mode.kind {
            ModeKind::Ipvs if promised_endpoints => super::ipvs::of(node, path, outcome, share),
            ModeKind::Ipvs => super::ipvs::nothing_promised(outcome, &expectation.promise, share),
            ModeKind::Iptables(_)
            | ModeKind::Nftables
            | ModeKind::Userspace
            | ModeKind::Replaced(_)
            | ModeKind::NotRead
            | ModeKind::None => None,
        };
        let mut cause = if let Some(cause) = of_ipvs {
            cause
        } else if promised_endpoints {
            not_delivered(service, node, path, outcome)
        } else {
            delivered_though(node, path, outcome, &expectation.promise)
        };
        cause.when.clone_from(&outcome.when);
        let stops = matches!(outcome.disposition, Disposition::Dropped | Disposition::Rejected);
        if stops && cause.when.is_some() {
            // a limit that somebody set is no fault of the Service
            cause = cause.milder(Severity::Warning);
        }
        causes.push(cause);
    }
    let explained = !causes.is_empty();
    let by_ipvs: Vec<_> =
        comparison.missing.iter().filter_map(|endpoint| super::ipvs::missing(path, *endpoint)).collect();
    if promised_endpoints && !by_ipvs.is_empty() {
        causes.extend(by_ipvs.into_iter().filter(|_| !explained));
    } else if promised_endpoints && !comparison.missing.is_empty() && !explained {
        causes.extend(missing(service, node, path, &comparison.missing));
    }
    for place in &comparison.masquerade {
        let Some(outcome) = path.outcomes.get(*place) else { continue };
        let asked = expectation.masquerade(outcome.destination);
        if node.mode.kind == ModeKind::Ipvs && asked == Masquerade::Must {
            causes.extend(super::ipvs::masquerade(node, path, outcome));
        } else {
            causes.push(masquerade(path, outcome, asked));
        }
    }
    causes
}

/// A pod whose address somebody else's rule replaces on the way to another pod: it arrives, and as somebody else.
fn address_replaced<'snap>(
    service: &ServiceView<'_>,
    node: &NodeResult<'snap>,
    path: &PathResult<'snap>,
) -> Option<Cause<'snap>> {
    if path.info.origin != Origin::Pod {
        return None;
    }
    let (hop, author, outcome) = path.outcomes.iter().find_map(|outcome| {
        let replaced = |hop: &&Hop<'snap>| matches!(hop.action, Action::Masquerade(_) | Action::Snat(_));
        let hop = outcome.hops.iter().rev().find(replaced).filter(|hop| !of_proxy(hop))?;
        let author = Author::of_rule(hop.chain, hop.at?.text)?;
        let among_pods = super::local_detection::is_pod(service, node, outcome.destination.ip())
            && path.info.from != outcome.destination.ip();
        among_pods.then_some((hop, author, outcome))
    })?;
    let fact = format!(
        "{} replaces the pod's address towards {}: pods see a node, and policies that name pods do not match",
        author.name(),
        outcome.destination
    );
    let cause = Cause::new(Code::MasqueradePathBroken, 0.0, fact).at(hop.at);
    Some(cause.reason("address-replaced").milder(Severity::Warning))
}

fn uneven<'snap>(path: &PathResult<'snap>, most: f64, least: f64) -> Cause<'snap> {
    let at = path.outcomes.iter().flat_map(|o| &o.hops).find(|hop| hop.chance.is_some()).and_then(|hop| hop.at);
    let fact = format!("shares lie between {:.1} % and {:.1} %", least * 100.0, most * 100.0);
    Cause::new(Code::UnevenShares, most - least, fact).at(at)
}

/// Endpoints are promised, and this end is none of them.
fn not_delivered<'snap>(
    service: &ServiceView<'_>,
    node: &NodeResult<'snap>,
    path: &PathResult<'snap>,
    outcome: &Outcome<'snap>,
) -> Cause<'snap> {
    let share = if outcome.when.is_some() { 0.0 } else { outcome.share };
    match (&outcome.reason, outcome.disposition) {
        (Some(Reason::Sysctl(words)), _) if words.contains("forward") => forwards_nothing(words, share),
        (Some(Reason::Sysctl(words)), _) => Cause::new(Code::FirewallReject, share, words.clone()).reason("sysctl"),
        (Some(Reason::Route(words)), _) => Cause::new(Code::NoRouteForVip, share, words.clone()),
        (Some(Reason::Policy(at)), _) if in_other_table(node, outcome) => {
            nft_cause::stopped(service, node, path, outcome, *at, share)
        }
        (Some(Reason::Policy(at)), _) => {
            let chain = outcome.hops.last().map_or("", |hop| hop.chain);
            let fact = format!("no rule accepts it, and the policy of {chain} is DROP");
            let code = if chain == "FORWARD" { Code::ForwardDrop } else { Code::FirewallReject };
            let cause = Cause::new(code, share, fact).at(Some(*at));
            if code == Code::FirewallReject { cause.reason("policy") } else { cause }
        }
        (Some(Reason::Rule(at) | Reason::RejectedWith(at, _)), Disposition::Dropped | Disposition::Rejected) => {
            if in_other_table(node, outcome) {
                nft_cause::stopped(service, node, path, outcome, *at, share)
            } else {
                stopped(node, path, outcome, *at, share)
            }
        }
        (_, Disposition::Delivered | Disposition::Local) if rewrite(outcome).is_some() => elsewhere(outcome, share),
        (_, Disposition::Loop) => {
            Cause::new(Code::ChainGraphBroken, share, "the chains lead round in a loop").reason("loop")
        }
        _ => untouched::untouched(service, node, path, outcome, share),
    }
}

/// Whether it ends in an nft table of a node in nftables mode.
fn in_other_table(node: &NodeResult<'_>, outcome: &Outcome<'_>) -> bool {
    node.mode.kind == ModeKind::Nftables && outcome.hops.last().is_some_and(|hop| nft_table::is_native(hop.table))
}

/// A rule drops or refuses it.
fn stopped<'snap>(
    node: &NodeResult<'snap>,
    path: &PathResult<'snap>,
    outcome: &Outcome<'snap>,
    at: Loc<'snap>,
    share: f64,
) -> Cause<'snap> {
    let chain = outcome.hops.last().map_or("", |hop| hop.chain);
    if at.text.contains("has no endpoints") {
        Cause::new(Code::RejectWithEndpoints, share, "the node refuses it, for it knows of no endpoint")
            .at(Some(at))
            .of_objects()
    } else if at.text.contains("has no local endpoints") {
        Cause::new(Code::RejectWithEndpoints, share, "the node drops it, for it knows of no endpoint of its own")
            .at(Some(at))
            .of_objects()
            .reason("local")
    } else {
        let verb = if outcome.disposition == Disposition::Dropped { "drops" } else { "refuses" };
        let author = Author::of_rule(chain, at.text);
        let of = author.map(|author| format!(" ({})", author.name())).unwrap_or_default();
        let fact = format!("a rule of {chain}{of} {verb} it");
        if author.is_some_and(Author::enforces_policies) {
            let policies = super::outsiders::policies(node, Family::of(path.info.to), chain);
            let fact = if policies.is_empty() {
                fact
            } else {
                format!("{fact}: it is not what {} lets through", policies.join(" or "))
            };
            return Cause::new(Code::CniPolicyDrop, share, fact).at(Some(at));
        }
        Cause::new(Code::FirewallReject, share, fact).at(Some(at))
    }
}

/// It is sent to an address that is no endpoint.
fn elsewhere<'snap>(outcome: &Outcome<'snap>, share: f64) -> Cause<'snap> {
    let Some((hop, to)) = rewrite(outcome) else {
        return Cause::new(Code::DnatTargetMismatch, share, "it is sent elsewhere");
    };
    if nft_table::is_native(hop.table) {
        return nft_cause::elsewhere(hop, to, share);
    }
    let through = |prefix: &str| outcome.hops.iter().any(|hop| hop.chain.starts_with(prefix));
    if through("CNI-HOSTPORT") || through("CNI-DN-") || through("CNI-HOSTPORT-DNAT") {
        Cause::new(Code::HostportHijacksService, share, format!("a hostPort rule sends it to {to}"))
            .at(hop.at)
            .endpoint(to)
    } else if of_proxy(hop) || through("KUBE-SVC-") || through("KUBE-SVL-") || through("KUBE-XLB-") {
        Cause::new(Code::DnatTargetMismatch, share, format!("sent to {to}"))
            .at(hop.at)
            .of_objects()
            .reason("extra")
            .endpoint(to)
    } else {
        Cause::new(Code::EarlierNatRuleWins, share, format!("a rule of {} sends it to {to}", hop.chain))
            .at(hop.at)
            .endpoint(to)
    }
}

fn of_proxy(hop: &Hop<'_>) -> bool {
    hop.chain.starts_with("KUBE-")
}

pub(super) fn in_service_chain(chain: &str) -> bool {
    ["KUBE-SVC-", "KUBE-SVL-", "KUBE-SEP-", "KUBE-EXT-", "KUBE-XLB-", "KUBE-FW-"]
        .iter()
        .any(|prefix| chain.starts_with(prefix))
}

/// A kernel switch keeps the node from forwarding.
fn forwards_nothing<'snap>(words: &str, share: f64) -> Cause<'snap> {
    Cause::new(Code::IpForwardOff, share, format!("{words}: the node forwards nothing"))
}

/// Nothing, or a refusal, is promised, and it is something else.
fn delivered_though<'snap>(
    node: &NodeResult<'snap>,
    path: &PathResult<'snap>,
    outcome: &Outcome<'snap>,
    promise: &Promise,
) -> Cause<'snap> {
    let share = if outcome.when.is_some() { 0.0 } else { outcome.share };
    match outcome.disposition {
        Disposition::Delivered | Disposition::Local if rewrite(outcome).is_some() => {
            let cause = elsewhere(outcome, share);
            if matches!(cause.code, Code::DnatTargetMismatch | Code::NftEndpointMismatch) {
                cause.reason("no-endpoint")
            } else {
                cause
            }
        }
        Disposition::Rejected | Disposition::Dropped => {
            let at = match &outcome.reason {
                Some(Reason::Rule(at) | Reason::RejectedWith(at, _) | Reason::Policy(at)) => Some(*at),
                Some(Reason::Sysctl(_) | Reason::Route(_)) | None => None,
            };
            Cause::new(Code::RejectWithEndpoints, 0.0, format!("it does not answer as it should ({promise})"))
                .at(at)
                .of_objects()
                .milder(Severity::Info)
                .reason("other-answer")
        }
        Disposition::Untouched | Disposition::Local | Disposition::Unroutable => {
            // a rule that refuses stands in FORWARD, and is not reached
            if let Some(Reason::Sysctl(words)) = &outcome.reason
                && words.contains("forward")
            {
                return forwards_nothing(words, 0.0);
            }
            if let Some(cause) = super::refusals::bypassed(node, path, outcome) {
                return cause;
            }
            let what = if path.info.origin == Origin::Node { "the node's own connection" } else { "it" };
            Cause::new(
                Code::ServiceRuleMissing,
                0.0,
                format!("no rule refuses {what}: a client waits instead of being refused"),
            )
            .of_objects()
            .milder(Severity::Warning)
            .reason("no-refusal")
        }
        Disposition::Loop => {
            Cause::new(Code::ChainGraphBroken, share, "the chains lead round in a loop").reason("loop")
        }
        Disposition::Delivered | Disposition::Indeterminate => elsewhere(outcome, share),
    }
}

/// All ends are right, but some endpoints get nothing.
fn missing<'snap>(
    service: &ServiceView<'_>,
    node: &NodeResult<'snap>,
    path: &PathResult<'snap>,
    missing: &[SocketAddr],
) -> Vec<Cause<'snap>> {
    let nft = node.mode.kind == ModeKind::Nftables;
    let code = if nft { Code::NftEndpointMismatch } else { Code::DnatTargetMismatch };
    let inside = |hop: &&Hop<'snap>| if nft { nft_table::is_own(hop.table) } else { in_service_chain(hop.chain) };
    let loaded = node.plane.rules(Family::of(path.info.to)).rulesets.iter().find(|loaded| super::mode::serves(loaded));
    missing
        .iter()
        .map(|endpoint| {
            let chain = path.port.as_ref().map(|port| service.port_name(port).endpoint_chain(port.protocol, *endpoint));
            let broken = chain.as_deref().zip(loaded).and_then(|(chain, loaded)| {
                let body = loaded.body_of("nat", chain)?;
                let translates = body.rules().flatten().any(|rule| matches!(rule.target, Target::Dnat(_)));
                (!translates).then(|| loaded.place_of("nat", chain))
            });
            match broken {
                Some(at) => {
                    Cause::new(Code::ChainGraphBroken, 0.0, format!("the chain of {endpoint} translates nothing"))
                        .at(at)
                        .reason("endpoint-chain-empty")
                        .endpoint(*endpoint)
                }
                None => Cause::new(code, 0.0, format!("no connection goes to {endpoint}"))
                    .at(path.outcomes.first().and_then(|o| o.hops.iter().find(inside)).and_then(|hop| hop.at))
                    .of_objects()
                    .reason("missing")
                    .endpoint(*endpoint),
            }
        })
        .collect()
}

fn masquerade<'snap>(path: &PathResult<'snap>, outcome: &Outcome<'snap>, asked: Masquerade) -> Cause<'snap> {
    let share = outcome.share;
    if asked == Masquerade::MustNot {
        let at = outcome
            .hops
            .iter()
            .rev()
            .find(|hop| matches!(hop.action, Action::Masquerade(_) | Action::Snat(_)))
            .and_then(|h| h.at);
        return Cause::new(
            Code::MasqueradePathBroken,
            share,
            "the client's address is lost though the policy is Local",
        )
        .at(at)
        .reason("client-address-lost")
        .milder(Severity::Warning);
    }
    let marked = outcome.hops.iter().rev().find(|hop| matches!(hop.action, Action::Mark(_)));
    let to_itself = path.info.from == outcome.destination.ip();
    match marked {
        Some(hop) => {
            Cause::new(Code::MasqueradePathBroken, share, "it is marked, and no rule masquerades what is marked")
                .at(hop.at)
                .reason("mark-not-masqueraded")
        }
        None if to_itself => Cause::new(
            Code::MasqueradePathBroken,
            share,
            "a pod that reaches itself is not masqueraded: the answer does not come back",
        )
        .at(rewrite(outcome).and_then(|(hop, _)| hop.at))
        .reason("hairpin"),
        None => Cause::new(
            Code::MasqueradePathBroken,
            share,
            "it is not marked to be masqueraded: the answer does not come back",
        )
        .at(rewrite(outcome).and_then(|(hop, _)| hop.at))
        .reason("not-marked"),
    }
}
