//! Which endpoints policies and topology hints leave on one node (kube-proxy pkg/proxy/topology.go). kube-proxy reads
//! hints alone: what trafficDistribution asks for, the EndpointSlice controller has already turned into them.

use std::net::SocketAddr;

use super::endpoints::{Endpoint, PortEndpoints, ServiceEndpoints};
use super::node::NodeView;
use super::service::{Family, Policy, PortView, ServiceView};
use super::why_not::{LeftOut, WhyNot};

/// Annotations that asked for hints, newer name first.
const ANNOTATIONS: [&str; 2] = ["service.kubernetes.io/topology-mode", "service.kubernetes.io/topology-aware-hints"];

/// First version that honours hints for a node without a gate (PreferSameTrafficDistribution beta).
const NODE_HINTS: u32 = 34;
/// First version that honours zone hints without the annotation.
const ZONE_HINTS_ALONE: u32 = 30;
/// First version that honours zone hints.
const ZONE_HINTS: u32 = 21;

/// What hints do for a Service port on a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topology {
    /// Nothing: all ready endpoints are used.
    Off,
    /// Endpoints that are meant for this zone.
    SameZone,
    /// Endpoints that are meant for this node.
    SameNode,
}

impl<'snap> ServiceEndpoints<'snap> {
    /// kube-proxy's `CategorizeEndpoints` (pkg/proxy/topology.go, 1.26 and later).
    pub(super) fn categorize(
        &self,
        view: &ServiceView<'_>,
        port: &PortView<'_>,
        family: Family,
        node: &NodeView<'_>,
        sorted: &mut PortEndpoints<'snap>,
    ) {
        let outward = view.is_externally_accessible(port, family);
        let uses_cluster = view.internal == Policy::Cluster || outward;
        let uses_local = view.internal == Policy::Local || (view.external == Policy::Local && outward);
        let fallback = |e: &Endpoint<'_>| e.serving && e.terminating;
        if uses_cluster {
            (sorted.topology, sorted.unsure) = mode(view, &sorted.all, node);
            let allowed = |e: &&Endpoint<'_>| e.ready && allows(sorted.topology, e, node);
            sorted.cluster = sorted.all.iter().filter(allowed).map(|e| e.address).collect();
            if sorted.cluster.is_empty() {
                sorted.cluster = sorted.all.iter().filter(|e| fallback(e)).map(|e| e.address).collect();
            }
            sorted.has_any = !sorted.cluster.is_empty();
        }
        let mut local_is_ending = false;
        if uses_local {
            sorted.has_any |= sorted.all.iter().any(|e| e.ready || fallback(e));
            let here = |e: &&Endpoint<'_>| e.node == Some(node.name);
            sorted.local = sorted.all.iter().filter(here).filter(|e| e.ready).map(|e| e.address).collect();
            if sorted.local.is_empty() {
                sorted.local = sorted.all.iter().filter(here).filter(|e| fallback(e)).map(|e| e.address).collect();
                local_is_ending = !sorted.local.is_empty();
            }
        }
        sorted.reachable = if !uses_local || (uses_cluster && sorted.topology == Topology::Off && !local_is_ending) {
            sorted.cluster.clone()
        } else if uses_cluster {
            let more = sorted.local.iter().filter(|a| !sorted.cluster.contains(a));
            sorted.cluster.iter().chain(more).copied().collect()
        } else {
            sorted.local.clone()
        };
        let used: Vec<SocketAddr> = sorted.cluster.iter().chain(&sorted.local).copied().collect();
        let unused: Vec<LeftOut<'snap>> = sorted
            .all
            .iter()
            .filter(|e| !used.contains(&e.address))
            .map(|e| LeftOut { address: e.address.to_string(), pod: e.pod, node: e.node, from: e.from, why: self.why(e, sorted) })
            .collect();
        sorted.left_out.extend(unused);
    }

    fn why(&self, endpoint: &Endpoint<'_>, sorted: &PortEndpoints<'_>) -> WhyNot {
        if endpoint.terminating {
            return if endpoint.serving { WhyNot::Terminating } else { WhyNot::TerminatingNotServing };
        }
        if !endpoint.ready {
            return WhyNot::NotReady(self.not_ready(endpoint.pod));
        }
        match sorted.topology {
            Topology::SameZone => WhyNot::OtherZone(endpoint.zone_hints.join(", ")),
            Topology::SameNode => WhyNot::OtherNode(endpoint.node_hints.join(", ")),
            Topology::Off => WhyNot::NotLocal(endpoint.node.map(Into::into)),
        }
    }
}

/// How hints limit the ready endpoints here, and what would have to be known where that cannot be told.
fn mode(view: &ServiceView<'_>, all: &[Endpoint<'_>], node: &NodeView<'_>) -> (Topology, Option<String>) {
    let ready: Vec<&Endpoint<'_>> = all.iter().filter(|e| e.ready).collect();
    if ready.is_empty() {
        return (Topology::Off, None);
    }
    let since = |minor: u32| node.minor.is_none_or(|m| m >= minor);
    let node_hints = ready.iter().all(|e| !e.node_hints.is_empty());
    if node_hints && since(NODE_HINTS) && ready.iter().any(|e| e.node_hints.contains(&node.name)) {
        return (Topology::SameNode, None);
    }
    let zone_hints = ready.iter().all(|e| !e.zone_hints.is_empty());
    if !zone_hints || !since(ZONE_HINTS) || !(since(ZONE_HINTS_ALONE) || asks_for_hints(view)) {
        return (Topology::Off, None);
    }
    match (node.zone, node.object) {
        (Some(zone), _) if ready.iter().any(|e| e.zone_hints.contains(&zone)) => (Topology::SameZone, None),
        (Some(_), _) | (None, Some(_)) => (Topology::Off, None),
        (None, None) => (Topology::Off, Some(format!("the zone of node {} is not known, and topology hints depend on it", node.name))),
    }
}

/// Whether an endpoint may be used under this mode.
fn allows(mode: Topology, endpoint: &Endpoint<'_>, node: &NodeView<'_>) -> bool {
    match mode {
        Topology::Off => true,
        Topology::SameNode => endpoint.node_hints.contains(&node.name),
        Topology::SameZone => node.zone.is_some_and(|zone| endpoint.zone_hints.contains(&zone)),
    }
}

fn asks_for_hints(view: &ServiceView<'_>) -> bool {
    let annotations = view.object.metadata.annotations.as_ref();
    let value = ANNOTATIONS.iter().find_map(|name| annotations.and_then(|a| a.get(*name)));
    value.is_some_and(|value| !value.is_empty() && !value.eq_ignore_ascii_case("disabled"))
}
