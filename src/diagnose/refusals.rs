//! ST336: a rule that accepts before the one that refuses connections to a Service without endpoints.

use crate::dataplane::iptables::Body;
use crate::dataplane::iptables::rule::{Rule, Side, Target, Test};
use crate::dataplane::plane::Family;
use crate::report::Code;
use crate::walk::packet::{Action, Outcome};

use super::cause::Cause;
use super::node::{NodeResult, PathResult};

/// The rule that accepts a packet which kube-proxy's own rule would have refused: clients wait instead of being told.
pub(super) fn bypassed<'snap>(
    node: &NodeResult<'snap>,
    path: &PathResult<'snap>,
    outcome: &Outcome<'snap>,
) -> Option<Cause<'snap>> {
    let accepted = outcome.hops.iter().find(|hop| {
        hop.action == Action::Accept && hop.table == "filter" && !hop.chain.starts_with("KUBE-") && hop.at.is_some()
    })?;
    let refusal = refusal(node, path)?;
    let fact = format!(
        "a rule of {} accepts them before {}:{} refuses them, and clients wait",
        accepted.chain, refusal.at.dump, refusal.at.line
    );
    Some(Cause::new(Code::NoEndpointRejectBypassed, 0.0, fact).at(accepted.at))
}

/// kube-proxy's rule that refuses connections to the path's address and port.
fn refusal<'a, 'snap>(node: &'a NodeResult<'snap>, path: &PathResult<'snap>) -> Option<&'a Rule<'snap>> {
    let rulesets = &node.plane.rules(Family::of(path.info.to)).rulesets;
    let chains = ["KUBE-SERVICES", "KUBE-EXTERNAL-SERVICES"];
    let bodies = rulesets.iter().flat_map(|loaded| chains.iter().filter_map(|chain| loaded.body_of("filter", chain)));
    bodies.flat_map(Body::rules).flatten().find(|rule| {
        let to_it = rule.matches.iter().any(
            |test| matches!(&test.test, Test::Address(Side::Dst, net) if net.network() == Some(path.info.to)),
        );
        let port = rule.matches.iter().any(|test| {
            matches!(test.test, Test::Port(Side::Dst, ports) if ports.first == path.info.port && ports.last == path.info.port)
        });
        matches!(rule.target, Target::Reject(_)) && to_it && port
    })
}
