//! What programs beside kube-proxy do to a Service's packets on purpose: a DNS cache that has the Service's address, the
//! policies that a network plugin enforces; and what to do about a firewall.

use crate::cluster::expectation::Setting;
use crate::dataplane::iptables::Body;
use crate::dataplane::plane::{Family, Plane};
use crate::report::{AddressKind, Code, Disposition, PathState};
use crate::walk::packet::Action;

use super::authors::{Author, firewalls};
use super::cause::Cause;
use super::node::{NodeResult, PathResult};

/// The interface that NodeLocal DNSCache makes (kubernetes/dns cmd/node-cache/main.go, `interfacename`).
const NODE_CACHE: &str = "nodelocaldns";
const DNS: u16 = 53;

/// A server of this node has the DNS Service's address, and connections to it are not tracked so that nothing
/// translates them: they end here, as they should.
pub(super) fn allow_node_cache(plane: &Plane<'_>, path: &mut PathResult<'_>) {
    let cached = of_node_cache(plane, path);
    if let Some(comparison) = path.comparison.as_mut().filter(|_| cached) {
        comparison.state = PathState::Expected;
        comparison.promised.fill(true);
        comparison.missing.clear();
        comparison.masquerade.clear();
        comparison.lost = 0.0;
        comparison.by = Some(Setting::NodeCache);
    }
}

fn of_node_cache(plane: &Plane<'_>, path: &PathResult<'_>) -> bool {
    let of_dns = path.info.port == DNS && path.info.address == AddressKind::ClusterIp;
    let bound =
        || plane.links.interface(NODE_CACHE).is_some_and(|own| own.addresses.iter().any(|at| at.ip == path.info.to));
    of_dns
        && path.outcomes.iter().all(|outcome| {
            outcome.disposition == Disposition::Local
                && outcome.destination == (path.info.to, path.info.port).into()
                && outcome.hops.iter().any(|hop| hop.action == Action::Notrack)
        })
        && bound()
}

/// What is said of a node whose cache answers, once for each address.
pub(super) fn node_caches(plane: &Plane<'_>, paths: &[PathResult<'_>]) -> Vec<String> {
    let mut said: Vec<String> = Vec::new();
    for path in paths.iter().filter(|path| of_node_cache(plane, path)) {
        let words = format!(
            "{}:{} is answered on the node itself: NodeLocal DNSCache has the address on {NODE_CACHE}",
            path.info.to, path.info.port
        );
        if !said.contains(&words) {
            said.push(words);
        }
    }
    said
}

/// The policies of a pod's chain: `-j cali-pi-…` of Calico's, `run through nw policy web` of kube-router's.
pub(super) fn policies(node: &NodeResult<'_>, family: Family, chain: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let bodies = node.plane.rules(family).rulesets.iter().filter_map(|loaded| loaded.body_of("filter", chain));
    for at in bodies.flat_map(Body::lines) {
        let to = at.text.rsplit_once(" -j ").map_or("", |(_, to)| to);
        let name = if to.starts_with("cali-pi-") || to.starts_with("cali-po-") {
            calico_policy(node, family, to).unwrap_or_else(|| to.to_owned())
        } else if let Some((_, rest)) = at.text.split_once("run through nw policy ") {
            format!("NetworkPolicy {}", rest.split(['"', ' ']).next().unwrap_or_default())
        } else {
            continue;
        };
        if !found.contains(&name) {
            found.push(name);
        }
    }
    found
}

/// `"Policy default/knp.default.web ingress"` → `NetworkPolicy default/web` (felix `rules/policy.go`).
fn calico_policy(node: &NodeResult<'_>, family: Family, chain: &str) -> Option<String> {
    let bodies = node.plane.rules(family).rulesets.iter().filter_map(|loaded| loaded.body_of("filter", chain));
    let mut lines = bodies.flat_map(Body::lines);
    let (_, rest) = lines.find_map(|at| at.text.split_once("\"Policy "))?;
    let name = rest.split([' ', '"']).next()?;
    Some(match name.split_once("/knp.default.") {
        Some((namespace, name)) => format!("NetworkPolicy {namespace}/{name}"),
        None => format!("policy {name}"),
    })
}

/// What helps against whoever stops it.
pub(super) fn advice(node: &NodeResult<'_>, cause: &Cause<'_>, path: &PathResult<'_>) -> Vec<String> {
    let family = Family::of(path.info.to);
    match cause.code {
        Code::ForwardDrop => {
            firewalls(&node.plane, family).into_iter().filter_map(Author::advice).map(Into::into).collect()
        }
        Code::FirewallReject => {
            let chain = cause.at.and_then(|at| at.text.strip_prefix("-A ")?.split(' ').next()).unwrap_or_default();
            Author::of_chain(chain).and_then(Author::advice).map(Into::into).into_iter().collect()
        }
        Code::NoServiceProxy | Code::KubeServicesNotHooked
            if firewalls(&node.plane, family).contains(&Author::Firewalld) =>
        {
            vec!["firewalld is on this node: when it starts or reloads, it flushes what is not its own (FlushAllOnReload)".into()]
        }
        _ => Vec::new(),
    }
}
