//! From a path that differs to its causes: the code, and the line that proves it. Wording is `mismatch.rs`.

use std::net::SocketAddr;

use crate::cluster::expectation::{Masquerade, Promise};
use crate::cluster::names::ChainKind;
use crate::cluster::service::ServiceView;
use crate::dataplane::Loc;
use crate::dataplane::iptables::Target;
use crate::dataplane::plane::Family;
use crate::report::{Code, Disposition, Origin, PathState, Severity};
use crate::walk::packet::{Action, Hop, Outcome, Reason};

use super::node::{NodeResult, PathResult};
use super::outcome::rewrite;

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
}

impl<'snap> Cause<'snap> {
    fn new(code: Code, share: f64, fact: impl Into<String>) -> Self {
        Self {
            code,
            reason: None,
            of_objects: false,
            share,
            at: None,
            fact: fact.into(),
            severity: None,
            endpoint: None,
        }
    }

    fn at(mut self, at: Option<Loc<'snap>>) -> Self {
        self.at = at;
        self
    }

    fn reason(mut self, reason: &'static str) -> Self {
        self.reason = Some(reason);
        self
    }

    fn of_objects(mut self) -> Self {
        self.of_objects = true;
        self
    }

    fn milder(mut self, severity: Severity) -> Self {
        self.severity = Some(severity);
        self
    }

    fn endpoint(mut self, endpoint: SocketAddr) -> Self {
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
        return causes;
    }
    let promised_endpoints = matches!(expectation.promise, Promise::Endpoints(_));
    for (outcome, ok) in path.outcomes.iter().zip(&comparison.promised) {
        let counts = outcome.disposition != Disposition::Indeterminate && outcome.depends_on.is_empty();
        if *ok || !counts || (outcome.when.is_some() && outcome.disposition == Disposition::Indeterminate) {
            continue;
        }
        causes.push(if promised_endpoints {
            not_delivered(service, node, path, outcome)
        } else {
            delivered_though(path, outcome, &expectation.promise)
        });
    }
    let explained = !causes.is_empty();
    if promised_endpoints && !comparison.missing.is_empty() && !explained {
        causes.extend(missing(service, node, path, &comparison.missing));
    }
    for place in &comparison.masquerade {
        if let Some(outcome) = path.outcomes.get(*place) {
            causes.push(masquerade(path, outcome, expectation.masquerade(outcome.destination)));
        }
    }
    causes
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
        (Some(Reason::Sysctl(words)), _) if words.contains("forward") => {
            Cause::new(Code::IpForwardOff, share, format!("{words}: the node forwards nothing"))
        }
        (Some(Reason::Sysctl(words)), _) => Cause::new(Code::FirewallReject, share, words.clone()).reason("sysctl"),
        (Some(Reason::Route(words)), _) => Cause::new(Code::NoRouteForVip, share, words.clone()),
        (Some(Reason::Policy(at)), _) => {
            let chain = outcome.hops.last().map_or("", |hop| hop.chain);
            let fact = format!("no rule accepts it, and the policy of {chain} is DROP");
            let code = if chain == "FORWARD" { Code::ForwardDrop } else { Code::FirewallReject };
            let cause = Cause::new(code, share, fact).at(Some(*at));
            if code == Code::FirewallReject { cause.reason("policy") } else { cause }
        }
        (Some(Reason::Rule(at) | Reason::RejectedWith(at, _)), Disposition::Dropped | Disposition::Rejected) => {
            stopped(outcome, *at, share)
        }
        (_, Disposition::Delivered | Disposition::Local) if rewrite(outcome).is_some() => elsewhere(outcome, share),
        (_, Disposition::Loop) => {
            Cause::new(Code::ChainGraphBroken, share, "the chains lead round in a loop").reason("loop")
        }
        _ => untouched(service, node, path, outcome, share),
    }
}

/// A rule drops or refuses it.
fn stopped<'snap>(outcome: &Outcome<'snap>, at: Loc<'snap>, share: f64) -> Cause<'snap> {
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
        Cause::new(Code::FirewallReject, share, format!("a rule of {chain} {verb} it")).at(Some(at))
    }
}

/// It is sent to an address that is no endpoint.
fn elsewhere<'snap>(outcome: &Outcome<'snap>, share: f64) -> Cause<'snap> {
    let Some((hop, to)) = rewrite(outcome) else {
        return Cause::new(Code::DnatTargetMismatch, share, "it is sent elsewhere");
    };
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

/// No rule gave it another destination.
fn untouched<'snap>(
    service: &ServiceView<'_>,
    node: &NodeResult<'snap>,
    path: &PathResult<'snap>,
    outcome: &Outcome<'snap>,
    share: f64,
) -> Cause<'snap> {
    let nat: Vec<&Hop<'snap>> = outcome.hops.iter().filter(|hop| hop.table == "nat").collect();
    if let Some(hop) = outcome.hops.iter().find(|hop| hop.action == Action::Notrack) {
        let fact = "a raw rule switches connection tracking off: no address is translated";
        return Cause::new(Code::NotrackOnPath, share, fact).at(hop.at).milder(Severity::Error);
    }
    if let Some((fact, at)) = fallen_through(node, path) {
        return Cause::new(Code::ChainGraphBroken, share, fact).at(Some(at));
    }
    if let Some(hop) = nat.iter().rev().find(|hop| in_service_chain(hop.chain)) {
        let fact = format!("{} leads to no endpoint", hop.chain);
        return Cause::new(Code::ChainGraphBroken, share, fact).at(hop.at);
    }
    let rules = node.plane.rules(Family::of(path.info.to));
    let Some(loaded) = rules.rulesets.iter().find(|loaded| super::mode::serves(loaded)) else {
        return Cause::new(Code::NoServiceProxy, share, "nothing on this node serves Services");
    };
    let decided = nat.iter().find(|hop| {
        matches!(hop.action, Action::Accept | Action::Return) && (hop.hook == "prerouting" || hop.hook == "output")
    });
    if let Some(hop) = decided.filter(|hop| !hop.chain.starts_with("KUBE-")) {
        let fact = format!("a rule of {} ends nat before KUBE-SERVICES", hop.chain);
        return Cause::new(Code::EarlierNatRuleWins, share, fact).at(hop.at);
    }
    let builtin = if path.info.origin == Origin::Node { "OUTPUT" } else { "PREROUTING" };
    let hooked = loaded.body_of("nat", builtin).is_some_and(|body| {
        body.rules()
            .flatten()
            .any(|rule| rule.target == Target::Jump("KUBE-SERVICES") || rule.target == Target::Goto("KUBE-SERVICES"))
    });
    if !hooked {
        let reason = if builtin == "OUTPUT" { "jump-missing-output" } else { "jump-missing-prerouting" };
        return Cause::new(
            Code::KubeServicesNotHooked,
            share,
            format!("no rule of nat {builtin} leads to KUBE-SERVICES"),
        )
        .at(loaded.place_of("nat", builtin))
        .reason(reason);
    }
    let at = loaded.place_of("nat", "KUBE-SERVICES");
    let entry = format!("KUBE-SERVICES has no rule for {}", SocketAddr::new(path.info.to, path.info.port));
    let entry = match own_chain(service, path).filter(|chain| loaded.place_of("nat", chain).is_some()) {
        Some(chain) => format!("{entry}, though {chain} of this Service is there"),
        None => entry,
    };
    if path.info.address == crate::report::AddressKind::NodePort {
        if let Some(entered) = node_port_elsewhere(loaded, path) {
            return Cause::new(Code::NodeportAddressNotServed, share, "node ports are not served on this address")
                .at(Some(entered));
        }
        let fact = format!("no rule for node port {}", path.info.port);
        return Cause::new(Code::ServiceRuleMissing, share, fact)
            .at(loaded.place_of("nat", "KUBE-NODEPORTS"))
            .of_objects();
    }
    Cause::new(Code::ServiceRuleMissing, share, entry).at(at).of_objects()
}

/// The rule for this node port, where it is there and the packet does not get to it.
fn node_port_elsewhere<'snap>(
    loaded: &crate::dataplane::plane::Loaded<'snap>,
    path: &PathResult<'snap>,
) -> Option<Loc<'snap>> {
    let body = loaded.body_of("nat", "KUBE-NODEPORTS")?;
    let found = body.rules().flatten().find(|rule| {
        rule.matches.iter().any(|test| {
            matches!(&test.test, crate::dataplane::iptables::Test::Port(crate::dataplane::iptables::rule::Side::Dst, ports)
                if ports.first == path.info.port && ports.last == path.info.port)
        })
    });
    found.map(|rule| rule.at)
}

fn own_chain(service: &ServiceView<'_>, path: &PathResult<'_>) -> Option<String> {
    let port = path.port.as_ref()?;
    Some(service.port_name(port).chain(ChainKind::Svc, port.protocol))
}

/// A chain of the Service without a rule, and the line that leads there: what is sent into it comes back and goes on.
fn fallen_through<'snap>(node: &NodeResult<'snap>, path: &PathResult<'snap>) -> Option<(String, Loc<'snap>)> {
    let passed = || path.outcomes.iter().flat_map(|outcome| &outcome.hops).filter(|hop| in_service_chain(hop.chain));
    node.plane.rules(Family::of(path.info.to)).rulesets.iter().find_map(|loaded| {
        let nat = loaded.table("nat")?;
        let rules = passed().filter_map(|hop| loaded.body_of("nat", hop.chain)).flat_map(|body| body.rules().flatten());
        rules.into_iter().find_map(|rule| match rule.target {
            Target::Jump(name) | Target::Goto(name)
                if in_service_chain(name)
                    && nat.chain(name).is_some_and(super::super::dataplane::iptables::ruleset::Chain::is_empty) =>
            {
                Some((format!("{name} has no rule: what is sent there comes back untranslated"), rule.at))
            }
            _ => None,
        })
    })
}

fn in_service_chain(chain: &str) -> bool {
    ["KUBE-SVC-", "KUBE-SVL-", "KUBE-SEP-", "KUBE-EXT-", "KUBE-XLB-", "KUBE-FW-"]
        .iter()
        .any(|prefix| chain.starts_with(prefix))
}

/// Nothing, or a refusal, is promised, and it is something else.
fn delivered_though<'snap>(path: &PathResult<'snap>, outcome: &Outcome<'snap>, promise: &Promise) -> Cause<'snap> {
    let share = if outcome.when.is_some() { 0.0 } else { outcome.share };
    match outcome.disposition {
        Disposition::Delivered | Disposition::Local if rewrite(outcome).is_some() => {
            let cause = elsewhere(outcome, share);
            if cause.code == Code::DnatTargetMismatch { cause.reason("no-endpoint") } else { cause }
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
        Disposition::Delivered | Disposition::Loop | Disposition::Indeterminate => elsewhere(outcome, share),
    }
}

/// All ends are right, but some endpoints get nothing.
fn missing<'snap>(
    service: &ServiceView<'_>,
    node: &NodeResult<'snap>,
    path: &PathResult<'snap>,
    missing: &[SocketAddr],
) -> Vec<Cause<'snap>> {
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
                None => Cause::new(Code::DnatTargetMismatch, 0.0, format!("no connection goes to {endpoint}"))
                    .at(path
                        .outcomes
                        .first()
                        .and_then(|o| o.hops.iter().find(|hop| in_service_chain(hop.chain)))
                        .and_then(|hop| hop.at))
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
