//! ST327 and ST328: does kube-proxy know which clients are pods? What it was told stands in its cluster-IP rules.

use std::net::IpAddr;

use crate::cluster::ServiceView;
use crate::cluster::names::ChainKind;
use crate::collect::snapshot::Objects;
use crate::dataplane::iptables::Body;
use crate::dataplane::iptables::net::Net;
use crate::dataplane::iptables::rule::{Not, Rule, Side, Target, Test};
use crate::dataplane::plane::Family;
use crate::report::{Code, Confidence, Evidence, Finding, ObjectRef};

use super::clients::{on_host_network, pod_addresses, pod_name};
use super::node::NodeResult;
use super::outcome::line;

/// ST328: the range that kube-proxy takes for pods leaves out pods of this node, or holds the node itself.
#[must_use]
pub(super) fn cluster_cidr_wrong(objects: &Objects, service: &ServiceView<'_>, node: &NodeResult<'_>) -> Vec<Finding> {
    let name = node.view.name;
    for rule in masquerade_rules(service, node) {
        let Some(range) = pod_range(rule) else {
            continue;
        };
        let of_family = |ip: &IpAddr| range.is_v4() == ip.is_ipv4();
        let here = objects.pods().iter().filter(|pod| {
            !on_host_network(pod) && pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()) == Some(name)
        });
        let outside = here
            .flat_map(|pod| pod_addresses(pod).into_iter().map(move |ip| (pod_name(pod), ip)))
            .find(|(_, ip)| of_family(ip) && !range.contains(*ip));
        let own = node.view.addresses.iter().find(|ip| of_family(ip) && range.contains(**ip));
        let (summary, reason, fact) = match (outside, own) {
            (Some(((namespace, pod), ip)), _) => (
                format!("kube-proxy on {name} does not take its pods for pods: {ip} is not in the range of its rules"),
                "pod-outside",
                format!("pod {namespace}/{pod} on {name} has {ip}"),
            ),
            (None, Some(ip)) => (
                format!("kube-proxy on {name} takes the node itself for a pod: {ip} is in the range of its rules"),
                "node-inside",
                format!("node {name} has {ip}"),
            ),
            (None, None) => continue,
        };
        let mut finding = Finding::new(Code::ClusterCidrWrong, summary);
        finding.reason = Some(reason.into());
        finding.node = Some(name.into());
        finding.confidence = Confidence::Likely;
        finding.evidence = vec![line(name, rule.at), Evidence::Fact { node: Some(name.into()), text: fact }];
        finding.help = Some("kubectl -n kube-system get configmap kube-proxy -o yaml".into());
        return vec![finding];
    }
    Vec::new()
}

/// ST327: kube-proxy was told no range at all, and its configuration says so.
#[must_use]
pub(super) fn no_local_detection(objects: &Objects, service: &ServiceView<'_>, node: &NodeResult<'_>) -> Vec<Finding> {
    let Some((object, text)) = proxy_config(objects) else {
        return Vec::new();
    };
    let empty = |key: &str| {
        text.lines().find_map(|line| line.trim().strip_prefix(key)).is_none_or(|value| {
            let value = value.trim().trim_matches('"');
            value.is_empty() || value == "null"
        })
    };
    let served = node
        .paths
        .iter()
        .any(|path| path.outcomes.iter().any(|o| o.hops.iter().any(|hop| hop.chain.starts_with("KUBE-SVC-"))));
    if !empty("clusterCIDR:") || !empty("detectLocalMode:") || !served || !masquerade_rules(service, node).is_empty() {
        return Vec::new();
    }
    let name = node.view.name;
    let mut finding = Finding::new(
        Code::NoLocalDetection,
        format!(
            "kube-proxy on {name} was not told which clients are pods: clients from outside keep their address on a cluster IP"
        ),
    );
    finding.node = Some(name.into());
    finding.evidence.push(Evidence::Field {
        object,
        field: "clusterCIDR, detectLocalMode".into(),
        value: "empty".into(),
    });
    finding.details.push("answers to such clients must come back over this node, or they are lost".into());
    finding.help = Some("kubectl -n kube-system get configmap kube-proxy -o yaml".into());
    vec![finding]
}

/// Rules that mark what comes to a cluster IP of this Service.
fn masquerade_rules<'a, 'snap>(service: &ServiceView<'_>, node: &'a NodeResult<'snap>) -> Vec<&'a Rule<'snap>> {
    let mut found = Vec::new();
    for loaded in [Family::V4, Family::V6].into_iter().flat_map(|family| &node.plane.rules(family).rulesets) {
        for port in &service.ports {
            for kind in [ChainKind::Svc, ChainKind::Svl] {
                let chain = service.port_name(port).chain(kind, port.protocol);
                let rules = loaded.body_of("nat", &chain).into_iter().flat_map(Body::rules).flatten();
                found.extend(rules.filter(|rule| rule.target == Target::Jump("KUBE-MARK-MASQ")));
            }
        }
    }
    found
}

fn pod_range(rule: &Rule<'_>) -> Option<Net> {
    rule.matches.iter().find_map(|test| match test.test {
        Test::Address(Side::Src, net) if test.not == Not::Negated => Some(net),
        _ => None,
    })
}

/// The ranges that this Service's rules take for pods.
#[must_use]
pub(super) fn pod_ranges(service: &ServiceView<'_>, node: &NodeResult<'_>) -> Vec<Net> {
    masquerade_rules(service, node).into_iter().filter_map(pod_range).collect()
}

/// Whether an address is in the range that this Service's rules take for pods.
#[must_use]
pub(super) fn is_pod(service: &ServiceView<'_>, node: &NodeResult<'_>, ip: IpAddr) -> bool {
    pod_ranges(service, node).iter().any(|range| range.is_v4() == ip.is_ipv4() && range.contains(ip))
}

/// kube-proxy's configuration, where it was read: the object and its text.
pub(super) fn proxy_config(objects: &Objects) -> Option<(ObjectRef, String)> {
    let maps = objects.other.get("configmaps")?;
    maps.iter().find_map(|map| {
        let name = map.pointer("/metadata/name")?.as_str()?;
        let namespace = map.pointer("/metadata/namespace")?.as_str()?;
        if name != "kube-proxy" && name != "kube-proxy-config" {
            return None;
        }
        let data = map.get("data")?.as_object()?;
        let text = ["config.conf", "config"].iter().find_map(|key| data.get(*key)?.as_str())?;
        Some((ObjectRef::new("ConfigMap", namespace, name), text.to_owned()))
    })
}
