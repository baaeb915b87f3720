//! Why no rule gave a packet another destination, from the rules that should have.

use std::net::SocketAddr;

use crate::cluster::names::ChainKind;
use crate::cluster::service::ServiceView;
use crate::dataplane::Loc;
use crate::dataplane::iptables::rule::Side;
use crate::dataplane::iptables::ruleset::Chain;
use crate::dataplane::iptables::{Target, Test};
use crate::dataplane::plane::{Family, Loaded};
use crate::report::{AddressKind, Code, Origin, Severity};
use crate::walk::packet::{Action, Hop, Outcome};

use super::cause::{Cause, in_service_chain};
use super::mode::ModeKind;
use super::nft_cause;
use super::node::{NodeResult, PathResult};

/// No rule gave it another destination.
pub(super) fn untouched<'snap>(
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
    if node.mode.kind == ModeKind::Nftables {
        return nft_cause::untouched(service, node, path, outcome, share);
    }
    if node.plane.dumps.dumps.get(super::backends::PROXY_MODE).is_some_and(|dump| dump.text.trim() == "nftables") {
        let fact = format!("{} has no table of kube-proxy, though it runs in nftables mode", node.view.name);
        return Cause::new(Code::NftTableMissing, share, fact);
    }
    if let Some((fact, at)) = fallen_through(node, path) {
        return Cause::new(Code::ChainGraphBroken, share, fact).at(Some(at));
    }
    if let Some(hop) = nat.iter().rev().find(|hop| in_service_chain(hop.chain)) {
        let fact = format!("{} leads to no endpoint", hop.chain);
        return Cause::new(Code::ChainGraphBroken, share, fact).at(hop.at);
    }
    let rules = node.plane.rules(Family::of(path.info.to));
    if node.mode.kind == ModeKind::Userspace {
        let (chain, at) = super::userspace::entry(rules, path.info.origin);
        return Cause::new(Code::ServiceRuleMissing, share, format!("{chain} has no rule for it")).at(at).of_objects();
    }
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
    if path.info.address == AddressKind::NodePort {
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
fn node_port_elsewhere<'snap>(loaded: &Loaded<'snap>, path: &PathResult<'snap>) -> Option<Loc<'snap>> {
    let body = loaded.body_of("nat", "KUBE-NODEPORTS")?;
    let found = body.rules().flatten().find(|rule| {
        rule.matches.iter().any(|test| {
            matches!(&test.test, Test::Port(Side::Dst, ports)
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
                if in_service_chain(name) && nat.chain(name).is_some_and(Chain::is_empty) =>
            {
                Some((format!("{name} has no rule: what is sent there comes back untranslated"), rule.at))
            }
            _ => None,
        })
    })
}
