//! What NetworkPolicies allow by their own words (networking.k8s.io/v1): which pods they isolate, and whom they let in
//! or out. Whether anything enforces them is another question.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::networking::v1::{IPBlock, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::collect::snapshot::Objects;
use crate::order;
use crate::walk::packet::Protocol;

/// Label that the API gives every namespace with its own name (1.22 and later).
const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";

/// Which way a connection goes, seen from the pod that a policy selects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To the pod.
    Ingress,
    /// From the pod.
    Egress,
}

impl Direction {
    /// `Ingress`, `Egress`, as in policyTypes.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ingress => "Ingress",
            Self::Egress => "Egress",
        }
    }
}

/// The other end of a connection.
#[derive(Debug, Clone, Copy)]
pub enum Peer<'a> {
    /// Whoever a rule may mean: is there any at all?
    Anybody,
    /// A pod, and the address it is seen with.
    Pod(&'a Pod, IpAddr),
    /// An address that is no pod's.
    Address(IpAddr),
}

/// The port of a connection at its destination, after address translation.
#[derive(Debug, Clone, Copy)]
pub struct PodPort<'a> {
    /// Number.
    pub number: u16,
    /// Protocol.
    pub protocol: Protocol,
    /// The pod that the port is of: names of ports are looked up there.
    pub pod: Option<&'a Pod>,
}

/// The policies of a cluster, as far as they were read.
#[derive(Debug, Clone, Copy)]
pub struct Policies<'snap> {
    policies: &'snap [NetworkPolicy],
    namespaces: &'snap [serde_json::Value],
}

/// One rule: its peers and its ports.
type Rule<'snap> = (Option<&'snap [NetworkPolicyPeer]>, Option<&'snap [NetworkPolicyPort]>);

impl<'snap> Policies<'snap> {
    /// The policies; `None` where they were not read.
    #[must_use]
    pub fn of(objects: &'snap Objects) -> Option<Self> {
        Some(Self { policies: objects.policies.as_deref()?, namespaces: objects.others("namespaces") })
    }

    /// Whether a namespace has any policy.
    #[must_use]
    pub fn has_any_in(&self, namespace: &str) -> bool {
        self.policies.iter().any(|policy| policy.metadata.namespace.as_deref() == Some(namespace))
    }

    /// Policies that isolate a pod in this direction, by name. A pod of the host's network is not isolated by any.
    #[must_use]
    pub fn isolating(&self, pod: &Pod, direction: Direction) -> Vec<&'snap NetworkPolicy> {
        if pod.spec.as_ref().and_then(|spec| spec.host_network) == Some(true) {
            return Vec::new();
        }
        let mut found: Vec<&NetworkPolicy> = self
            .policies
            .iter()
            .filter(|policy| policy.metadata.namespace == pod.metadata.namespace)
            .filter(|policy| isolates(policy, direction))
            .filter(|policy| {
                let selector = policy.spec.as_ref().and_then(|spec| spec.pod_selector.as_ref());
                selector.is_none_or(|selector| selects(selector, pod.metadata.labels.as_ref()))
            })
            .collect();
        order::sort_by(&mut found, |a, b| a.metadata.name.cmp(&b.metadata.name));
        found
    }

    /// Whether the policies that isolate `pod` let this connection pass: one rule of one of them is enough.
    /// `None`: what was read does not tell.
    #[must_use]
    pub fn allow(&self, pod: &Pod, direction: Direction, peer: Peer<'_>, port: PodPort<'_>) -> Option<bool> {
        let isolating = self.isolating(pod, direction);
        if isolating.is_empty() {
            return Some(true);
        }
        any(isolating.iter().map(|policy| self.allows(policy, direction, peer, port)))
    }

    /// Whether a policy has a rule for this connection.
    #[must_use]
    pub fn allows(
        &self,
        policy: &NetworkPolicy,
        direction: Direction,
        peer: Peer<'_>,
        port: PodPort<'_>,
    ) -> Option<bool> {
        let namespace = policy.metadata.namespace.as_deref().unwrap_or_default();
        any(rules(policy, direction).into_iter().map(|(peers, ports)| {
            let peer = match peers.filter(|peers| !peers.is_empty()) {
                None => Some(true),
                Some(peers) => any(peers.iter().map(|rule| self.means(rule, peer, namespace))),
            };
            let port = match ports.filter(|ports| !ports.is_empty()) {
                None => Some(true),
                Some(ports) => any(ports.iter().map(|rule| covers(rule, port))),
            };
            both(peer, port)
        }))
    }

    fn means(&self, rule: &NetworkPolicyPeer, peer: Peer<'_>, namespace: &str) -> Option<bool> {
        let (pod, address) = match peer {
            Peer::Anybody => return Some(true),
            Peer::Pod(pod, address) => (Some(pod), address),
            Peer::Address(address) => (None, address),
        };
        if let Some(block) = &rule.ip_block {
            // Which address of a pod a plugin compares is left open (network-policies, "ipBlock").
            return Some(contains(block, address));
        }
        let Some(pod) = pod else { return Some(false) };
        let of = pod.metadata.namespace.as_deref().unwrap_or_default();
        let place = match &rule.namespace_selector {
            None => Some(of == namespace),
            Some(selector) => self.namespace_is(of, selector),
        };
        let labels = rule.pod_selector.as_ref().is_none_or(|selector| selects(selector, pod.metadata.labels.as_ref()));
        both(place, Some(labels))
    }

    /// Whether the namespace of this name is selected; without its object only its name is known.
    fn namespace_is(&self, name: &str, selector: &LabelSelector) -> Option<bool> {
        let object =
            self.namespaces.iter().find(|one| one.pointer("/metadata/name").and_then(|n| n.as_str()) == Some(name));
        let mut labels: BTreeMap<String, String> = object
            .and_then(|one| one.pointer("/metadata/labels")?.as_object())
            .into_iter()
            .flatten()
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
            .collect();
        labels.entry(NAMESPACE_NAME.to_owned()).or_insert_with(|| name.to_owned());
        if object.is_none() {
            let keys = selector.match_labels.iter().flatten().map(|(key, _)| key);
            let keys = keys.chain(selector.match_expressions.iter().flatten().map(|one| &one.key));
            if keys.into_iter().any(|key| key != NAMESPACE_NAME) {
                return None;
            }
        }
        Some(selects(selector, Some(&labels)))
    }
}

/// Without policyTypes a policy is for Ingress, and for Egress where it has rules for it.
fn isolates(policy: &NetworkPolicy, direction: Direction) -> bool {
    let Some(spec) = &policy.spec else { return direction == Direction::Ingress };
    match spec.policy_types.as_deref().filter(|types| !types.is_empty()) {
        Some(types) => types.iter().any(|kind| kind == direction.as_str()),
        None => direction == Direction::Ingress || spec.egress.as_ref().is_some_and(|rules| !rules.is_empty()),
    }
}

fn rules(policy: &NetworkPolicy, direction: Direction) -> Vec<Rule<'_>> {
    let Some(spec) = &policy.spec else { return Vec::new() };
    match direction {
        Direction::Ingress => {
            spec.ingress.iter().flatten().map(|rule| (rule.from.as_deref(), rule.ports.as_deref())).collect()
        }
        Direction::Egress => {
            spec.egress.iter().flatten().map(|rule| (rule.to.as_deref(), rule.ports.as_deref())).collect()
        }
    }
}

/// Every port rule of a policy in this direction.
pub fn port_rules(policy: &NetworkPolicy, direction: Direction) -> impl Iterator<Item = &NetworkPolicyPort> {
    rules(policy, direction).into_iter().flat_map(|(_, ports)| ports.unwrap_or_default())
}

/// Whether a selector means these labels; an operator that is not known selects nothing.
#[must_use]
pub fn selects(selector: &LabelSelector, labels: Option<&BTreeMap<String, String>>) -> bool {
    let value = |key: &str| labels.and_then(|labels| labels.get(key));
    let equal = selector.match_labels.iter().flatten().all(|(key, wanted)| value(key) == Some(wanted));
    let expressions = selector.match_expressions.iter().flatten().all(|one| {
        let listed = |value: &String| one.values.iter().flatten().any(|wanted| wanted == value);
        match one.operator.as_str() {
            "In" => value(&one.key).is_some_and(listed),
            "NotIn" => !value(&one.key).is_some_and(listed),
            "Exists" => value(&one.key).is_some(),
            "DoesNotExist" => value(&one.key).is_none(),
            _ => false,
        }
    });
    equal && expressions
}

/// Whether a port rule holds for a port; `None` where its name cannot be looked up.
#[must_use]
pub fn covers(rule: &NetworkPolicyPort, port: PodPort<'_>) -> Option<bool> {
    if Protocol::parse(rule.protocol.as_deref().unwrap_or("TCP")) != Some(port.protocol) {
        return Some(false);
    }
    match &rule.port {
        None => Some(true),
        Some(IntOrString::Int(first)) => {
            let last = rule.end_port.unwrap_or(*first);
            Some((*first..=last).contains(&i32::from(port.number)))
        }
        Some(IntOrString::String(name)) => {
            let spec = port.pod?.spec.as_ref()?;
            let declared = spec
                .containers
                .iter()
                .chain(spec.init_containers.iter().flatten())
                .flat_map(|container| container.ports.iter().flatten());
            Some(declared.into_iter().any(|one| {
                one.name.as_ref() == Some(name)
                    && one.container_port == i32::from(port.number)
                    && Protocol::parse(one.protocol.as_deref().unwrap_or("TCP")) == Some(port.protocol)
            }))
        }
    }
}

fn contains(block: &IPBlock, address: IpAddr) -> bool {
    let inside = |range: &str| range.parse::<IpNet>().is_ok_and(|range| range.contains(&address));
    inside(&block.cidr) && !block.except.iter().flatten().any(|range| inside(range))
}

/// Yes if one is, no if all are not.
fn any(answers: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut unknown = false;
    for answer in answers {
        match answer {
            Some(true) => return Some(true),
            Some(false) => {}
            None => unknown = true,
        }
    }
    if unknown { None } else { Some(false) }
}

fn both(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    match (a, b) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        (None, _) | (_, None) => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(namespace: &str, app: &str) -> Pod {
        serde_json::from_value(json!({"metadata": {"name": app, "namespace": namespace, "labels": {"app": app}},
            "spec": {"containers": [{"name": "c", "ports": [{"name": "http", "containerPort": 8080}]}]}}))
        .unwrap()
    }

    fn objects(spec: &Value) -> Objects {
        let policy = json!({"metadata": {"name": "p", "namespace": "shop"}, "spec": spec});
        let mut objects =
            Objects { policies: Some(vec![serde_json::from_value(policy).unwrap()]), ..Objects::default() };
        objects
            .other
            .insert("namespaces".into(), vec![json!({"metadata": {"name": "front", "labels": {"team": "web"}}})]);
        objects
    }

    #[track_caller]
    fn ingress(spec: &Value, from: Peer<'_>, expected: Option<bool>) {
        let objects = objects(spec);
        let web = pod("shop", "web");
        let port = PodPort { number: 8080, protocol: Protocol::Tcp, pod: Some(&web) };
        let policies = Policies::of(&objects).unwrap();
        assert_eq!(policies.allow(&web, Direction::Ingress, from, port), expected, "{spec}");
    }

    #[test]
    fn isolation() {
        let address = "10.244.1.9".parse().unwrap();
        let client = pod("shop", "client");
        let from = Peer::Pod(&client, address);
        ingress(&json!({"podSelector": {"matchLabels": {"app": "other"}}}), from, Some(true));
        ingress(&json!({"podSelector": {}}), from, Some(false));
        ingress(&json!({"podSelector": {}, "policyTypes": ["Egress"]}), from, Some(true));
        ingress(&json!({"podSelector": {}, "ingress": [{}]}), from, Some(true));
        ingress(&json!({"podSelector": {}}), Peer::Anybody, Some(false));
        let expression = |operator: &str| json!({"podSelector": {"matchExpressions": [{"key": "app", "operator": operator, "values": ["web"]}]}});
        ingress(&expression("In"), from, Some(false));
        ingress(&expression("NotIn"), from, Some(true));
        ingress(&expression("Exists"), from, Some(false));
        ingress(&expression("DoesNotExist"), from, Some(true));
    }

    #[test]
    fn peers() {
        let rule = |from: Value| json!({"podSelector": {}, "ingress": [{"from": [from]}]});
        let address: IpAddr = "10.244.1.9".parse().unwrap();
        let (client, front, far) = (pod("shop", "client"), pod("front", "client"), pod("far", "client"));
        let labelled = json!({"podSelector": {"matchLabels": {"app": "client"}}});
        ingress(&rule(labelled.clone()), Peer::Pod(&client, address), Some(true));
        ingress(&rule(labelled.clone()), Peer::Pod(&front, address), Some(false));
        ingress(&rule(labelled.clone()), Peer::Address(address), Some(false));
        ingress(&rule(labelled), Peer::Anybody, Some(true));
        let team = json!({"namespaceSelector": {"matchLabels": {"team": "web"}}});
        ingress(&rule(team.clone()), Peer::Pod(&front, address), Some(true));
        ingress(&rule(team), Peer::Pod(&far, address), None);
        let named = json!({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "far"}}});
        ingress(&rule(named.clone()), Peer::Pod(&far, address), Some(true));
        ingress(&rule(named), Peer::Pod(&front, address), Some(false));
        let block = json!({"ipBlock": {"cidr": "10.244.0.0/16", "except": ["10.244.1.0/24"]}});
        ingress(&rule(block.clone()), Peer::Pod(&client, address), Some(false));
        ingress(&rule(block), Peer::Address("10.244.2.9".parse().unwrap()), Some(true));
    }

    #[test]
    fn ports() {
        let rule = |port: Value| json!({"podSelector": {}, "ingress": [{"ports": [port]}]});
        for (port, expected) in [
            (json!({"port": 8080}), true),
            (json!({"port": 80}), false),
            (json!({"port": 8080, "protocol": "UDP"}), false),
            (json!({"protocol": "TCP"}), true),
            (json!({"port": "http"}), true),
            (json!({"port": "metrics"}), false),
            (json!({"port": 8000, "endPort": 8100}), true),
            (json!({"port": 8000, "endPort": 8079}), false),
        ] {
            ingress(&rule(port), Peer::Anybody, Some(expected));
        }
    }
}
