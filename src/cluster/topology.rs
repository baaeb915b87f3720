//! Which endpoints policies and topology hints leave on one node (kube-proxy pkg/proxy/topology.go). kube-proxy reads
//! hints alone: what trafficDistribution asks for, the EndpointSlice controller has already turned into them.

use std::net::SocketAddr;

use rustc_hash::FxHashSet;

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
            let (topology, unsure) = mode(view, &sorted.all, node);
            sorted.topology = topology;
            sorted.unsure = sorted.unsure.take().or(unsure);
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
            let cluster: FxHashSet<&SocketAddr> = sorted.cluster.iter().collect();
            let more = sorted.local.iter().filter(|a| !cluster.contains(a));
            sorted.cluster.iter().chain(more).copied().collect()
        } else {
            sorted.local.clone()
        };
        self.explain(sorted);
    }

    /// Without a node: what is ready, else what is ending and still answers.
    pub(super) fn settle(&self, sorted: &mut PortEndpoints<'snap>) {
        sorted.cluster = sorted.all.iter().filter(|e| e.ready).map(|e| e.address).collect();
        if sorted.cluster.is_empty() {
            sorted.cluster = sorted.all.iter().filter(|e| e.serving && e.terminating).map(|e| e.address).collect();
        }
        sorted.has_any = !sorted.cluster.is_empty();
        sorted.reachable.clone_from(&sorted.cluster);
        self.explain(sorted);
    }

    /// Says of each endpoint that is in no list why it is not.
    fn explain(&self, sorted: &mut PortEndpoints<'snap>) {
        let used: FxHashSet<SocketAddr> = sorted.cluster.iter().chain(&sorted.local).copied().collect();
        let unused: Vec<LeftOut<'snap>> = sorted
            .all
            .iter()
            .filter(|e| !used.contains(&e.address))
            .map(|e| LeftOut {
                address: e.address.to_string(),
                pod: e.pod,
                node: e.node,
                from: e.from,
                why: self.why(e, sorted),
            })
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
        (None, None) => (
            Topology::Off,
            Some(format!("the zone of node {} is not known, and topology hints depend on it", node.name)),
        ),
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
    annotated(view).is_some()
}

fn annotated<'v>(view: &'v ServiceView<'_>) -> Option<(&'static str, &'v str)> {
    let annotations = view.object.metadata.annotations.as_ref()?;
    let (name, value) = ANNOTATIONS.iter().find_map(|name| Some((*name, annotations.get(*name)?)))?;
    (!value.is_empty() && !value.eq_ignore_ascii_case("disabled")).then_some((name, value.as_str()))
}

/// The field by which a Service asks for hints, and its value.
#[must_use]
pub fn asked_hints(view: &ServiceView<'_>) -> Option<(String, String)> {
    let wish = view.object.spec.as_ref().and_then(|spec| spec.traffic_distribution.as_deref());
    match wish {
        Some(wish) => Some(("spec.trafficDistribution".to_owned(), wish.to_owned())),
        None => annotated(view).map(|(name, value)| (format!("metadata.annotations[{name}]"), value.to_owned())),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::collect::snapshot::Objects;

    /// A port `http` with these endpoints in one slice, seen from `node-a` in `zone-a`.
    fn on_node_a(spec: &Value, endpoints: &Value, kubelet: &str) -> (Vec<String>, Vec<String>, Topology, Vec<String>) {
        let mut service = json!({"metadata": {"name": "web", "namespace": "default"},
            "spec": {"clusterIP": "10.96.0.1", "ports": [{"name": "http", "port": 80, "nodePort": 0}]}});
        for (key, value) in spec.as_object().unwrap() {
            service["spec"][key] = value.clone();
        }
        let slice = json!({"metadata": {"name": "web-1", "namespace": "default", "labels": {"kubernetes.io/service-name": "web"}},
            "addressType": "IPv4", "ports": [{"name": "http", "port": 8080}], "endpoints": endpoints});
        let node = json!({"metadata": {"name": "node-a", "labels": {"topology.kubernetes.io/zone": "zone-a"}},
            "status": {"nodeInfo": {"kubeletVersion": kubelet, "architecture": "", "bootID": "", "containerRuntimeVersion": "",
                "kernelVersion": "", "kubeProxyVersion": "", "machineID": "", "operatingSystem": "", "osImage": "", "systemUUID": ""}}});
        let objects = Objects {
            services: Some(vec![serde_json::from_value(service).unwrap()]),
            slices: Some(vec![serde_json::from_value(slice).unwrap()]),
            nodes: Some(vec![serde_json::from_value(node).unwrap()]),
            ..Objects::default()
        };
        let view = ServiceView::find(&objects, "default", "web").unwrap();
        let sorted = ServiceEndpoints::read(&objects, &view).on_node(
            &view,
            &view.ports[0],
            Family::V4,
            &NodeView::find(&objects, "node-a"),
        );
        let words = |list: &[SocketAddr]| list.iter().map(|a| a.ip().to_string()).collect();
        let left_out = sorted.left_out.iter().map(|l| format!("{} {}", l.address, l.why)).collect();
        (words(&sorted.cluster), words(&sorted.local), sorted.topology, left_out)
    }

    fn ready(ip: &str, node: &str, zones: &[&str], nodes: &[&str]) -> Value {
        let names = |list: &[&str]| list.iter().map(|name| json!({"name": name})).collect::<Vec<_>>();
        json!({"addresses": [ip], "nodeName": node, "hints": {"forZones": names(zones), "forNodes": names(nodes)}})
    }

    fn ending(ip: &str, node: &str, serving: &Value) -> Value {
        json!({"addresses": [ip], "nodeName": node, "conditions": {"ready": false, "serving": serving, "terminating": true}})
    }

    #[track_caller]
    fn hints(kubelet: &str, endpoints: &[Value], expected: (&[&str], Topology)) {
        let (cluster, _, topology, _) = on_node_a(&json!({}), &json!(endpoints), kubelet);
        assert_eq!(
            (cluster.as_slice(), topology),
            (expected.0.iter().map(ToString::to_string).collect::<Vec<_>>().as_slice(), expected.1)
        );
    }

    #[test]
    fn topology_hints() {
        let [a, b] = [ready("10.0.0.1", "node-a", &["zone-a"], &[]), ready("10.0.0.2", "node-b", &["zone-b"], &[])];
        hints("v1.34.0", &[a.clone(), b.clone()], (&["10.0.0.1"], Topology::SameZone));
        hints("v1.29.0", &[a.clone(), b.clone()], (&["10.0.0.1", "10.0.0.2"], Topology::Off));
        hints("v1.34.0", std::slice::from_ref(&b), (&["10.0.0.2"], Topology::Off));
        let unhinted = ready("10.0.0.3", "node-c", &[], &[]);
        hints("v1.34.0", &[a, unhinted], (&["10.0.0.1", "10.0.0.3"], Topology::Off));
        let here = ready("10.0.0.4", "node-a", &["zone-a"], &["node-a"]);
        let zone = ready("10.0.0.5", "node-d", &["zone-a"], &["node-d"]);
        hints("v1.34.0", &[here.clone(), zone.clone()], (&["10.0.0.4"], Topology::SameNode));
        hints("v1.32.0", &[here, zone], (&["10.0.0.4", "10.0.0.5"], Topology::SameZone));
    }

    #[test]
    fn ending_endpoints_are_the_last_resort() {
        let end = ending("10.0.0.1", "node-a", &json!(true));
        let dead = ending("10.0.0.2", "node-a", &json!(false));
        let (cluster, _, _, why) = on_node_a(&json!({}), &json!([end, dead]), "v1.34.0");
        assert_eq!(cluster, ["10.0.0.1"]);
        assert_eq!(why, ["10.0.0.2:8080 terminating and no longer ready"]);
        let (cluster, _, _, why) =
            on_node_a(&json!({}), &json!([end, ready("10.0.0.3", "node-b", &[], &[])]), "v1.34.0");
        assert_eq!(cluster, ["10.0.0.3"]);
        assert_eq!(why, ["10.0.0.1:8080 terminating, and others are ready"]);
    }

    #[test]
    fn policy_local() {
        let spec = json!({"internalTrafficPolicy": "Local"});
        let both = json!([ready("10.0.0.1", "node-a", &[], &[]), ready("10.0.0.2", "node-b", &[], &[])]);
        let (cluster, local, _, why) = on_node_a(&spec, &both, "v1.34.0");
        assert_eq!((cluster.len(), local), (0, vec!["10.0.0.1".to_owned()]));
        assert_eq!(why, ["10.0.0.2:8080 on node-b, and the traffic policy is Local"]);
        // Local falls back to an ending endpoint of this node although others are ready elsewhere.
        let spec = json!({"type": "NodePort", "externalTrafficPolicy": "Local", "ports": [{"name": "http", "port": 80, "nodePort": 30080}]});
        let mixed = json!([ending("10.0.0.1", "node-a", &json!(true)), ready("10.0.0.2", "node-b", &[], &[])]);
        let (cluster, local, _, why) = on_node_a(&spec, &mixed, "v1.34.0");
        assert_eq!((cluster, local), (vec!["10.0.0.2".to_owned()], vec!["10.0.0.1".to_owned()]));
        assert!(why.is_empty());
    }

    #[test]
    fn odd_endpoints() {
        let odd = json!([{"addresses": ["10.0.0.1", "10.0.0.9"]}, {"addresses": ["fd00::1"]}, {"addresses": []},
            {"addresses": ["10.0.0.1"], "conditions": {"ready": false}}, {"addresses": ["10.0.0.2"], "conditions": {"ready": false}}]);
        let (cluster, _, _, why) = on_node_a(&json!({}), &odd, "v1.34.0");
        assert_eq!(cluster, ["10.0.0.1"]);
        assert_eq!(
            why,
            [
                "10.0.0.9:8080 second address of an endpoint: kube-proxy takes the first only",
                "[fd00::1]:8080 not an address of the family that its slice declares",
                ":8080 not an address of the family that its slice declares",
                "10.0.0.2:8080 not ready"
            ]
        );
    }
}
