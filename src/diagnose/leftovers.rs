//! ST335: entry rules for addresses and ports that no Service has: of this Service before it was changed, and of
//! Services that are gone.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::cluster::ServiceView;
use crate::cluster::names::{ChainKind, ServicePortName};
use crate::cluster::service::Ingress;
use crate::collect::snapshot::Objects;
use crate::dataplane::Loc;
use crate::dataplane::iptables::Body;
use crate::dataplane::iptables::rule::{Rule, Side, Target, Test};
use crate::dataplane::plane::{Family, Plane};
use crate::report::{Code, Confidence, Evidence, Finding, Severity};
use crate::walk::packet::Protocol;

use super::node::NodeResult;
use super::outcome::line;

/// Kinds of chains that entry rules lead to.
const ENTRIES: [ChainKind; 5] = [ChainKind::Svc, ChainKind::Svl, ChainKind::Ext, ChainKind::Xlb, ChainKind::Fw];
/// Lines that are quoted, at most.
const QUOTED: usize = 5;

/// An entry rule, as far as it matters here.
struct Entry<'snap> {
    dst: Option<IpAddr>,
    port: u16,
    protocol: Protocol,
    chain: &'snap str,
    at: Loc<'snap>,
}

/// Entry rules that lead to chains of this Service from addresses or ports it does not have.
#[must_use]
pub(super) fn former_addresses(service: &ServiceView<'_>, node: &NodeResult<'_>) -> Vec<Finding> {
    let own = own_chains(service);
    let addresses: BTreeSet<IpAddr> =
        service.cluster_ips.iter().chain(&service.external_ips).copied().chain(service.load_balancer_ips()).collect();
    let stale: Vec<Loc<'_>> = entries(&node.plane)
        .into_iter()
        .filter(|entry| {
            own.get(entry.chain).is_some_and(|(port, node_port)| match entry.dst {
                Some(dst) if dst.is_loopback() => Some(entry.port) != *node_port,
                Some(dst) => !addresses.contains(&dst) || entry.port != *port,
                None => Some(entry.port) != *node_port,
            })
        })
        .map(|entry| entry.at)
        .collect();
    if stale.is_empty() {
        return Vec::new();
    }
    let name = node.view.name;
    let mut finding = Finding::new(
        Code::RulesForDeletedService,
        format!("{name} still serves {} at an address or port that it does not have any more", service.full_name()),
    );
    finding.reason = Some("former-address".into());
    finding.node = Some(name.into());
    finding.object = Some(service.reference());
    finding.confidence = Confidence::Likely;
    finding.evidence = stale.iter().take(QUOTED).map(|at| line(name, *at)).collect();
    let ips: Vec<String> = service.cluster_ips.iter().map(ToString::to_string).collect();
    finding.evidence.push(Evidence::Field {
        object: service.reference(),
        field: "spec.clusterIPs".into(),
        value: format!(
            "{}, ports {}",
            ips.join(", "),
            service.ports.iter().map(|p| p.port.to_string()).collect::<Vec<_>>().join(", ")
        ),
    });
    finding.details.push("seen once: kube-proxy may be about to change it (--settle reads twice)".into());
    finding.help = Some(format!("kubectl -n kube-system get pods -o wide --field-selector spec.nodeName={name}"));
    vec![finding]
}

/// Chains that entry rules of this Service lead to, with its port and node port.
fn own_chains(service: &ServiceView<'_>) -> BTreeMap<String, (u16, Option<u16>)> {
    let mut own = BTreeMap::new();
    for port in &service.ports {
        for name in ServicePortName::forms(service.namespace, service.name, port.name) {
            for kind in ENTRIES {
                own.insert(name.chain(kind, port.protocol), (port.port, port.node_port));
            }
        }
    }
    own
}

/// Entry rules for addresses that no Service has, beside those of this one. Needs all Services.
#[must_use]
pub(super) fn deleted_services(objects: &Objects, service: &ServiceView<'_>, node: &NodeResult<'_>) -> Vec<Finding> {
    if !objects.is_whole("services") {
        return Vec::new();
    }
    let mut known: BTreeSet<IpAddr> = BTreeSet::new();
    let mut node_ports: BTreeSet<u16> = BTreeSet::new();
    for view in ServiceView::all(objects) {
        known.extend(view.cluster_ips.iter().chain(&view.external_ips).copied().chain(view.load_balancer_ips()));
        known.extend(view.ingress.iter().filter_map(|ingress| match ingress {
            Ingress::Vip(ip) | Ingress::Proxy(ip) => Some(*ip),
            Ingress::Host(_) => None,
        }));
        node_ports.extend(view.ports.iter().filter_map(|port| port.node_port));
    }
    let own = own_chains(service);
    let stale: Vec<Loc<'_>> = entries(&node.plane)
        .into_iter()
        .filter(|entry| !own.contains_key(entry.chain))
        .filter(|entry| match entry.dst {
            Some(dst) if !dst.is_loopback() => !known.contains(&dst),
            Some(_) | None => !node_ports.contains(&entry.port),
        })
        .map(|entry| entry.at)
        .collect();
    if stale.is_empty() {
        return Vec::new();
    }
    let name = node.view.name;
    let count = stale.len();
    let mut finding = Finding::new(
        Code::RulesForDeletedService,
        format!(
            "{name} holds {count} entry {} for addresses or node ports that no Service has",
            if count == 1 { "rule" } else { "rules" }
        ),
    );
    finding.node = Some(name.into());
    finding.confidence = Confidence::Likely;
    finding.evidence = stale.iter().take(QUOTED).map(|at| line(name, *at)).collect();
    if count > QUOTED {
        finding.details.push(format!("{} more", count - QUOTED));
    }
    finding.help = Some(format!("kubectl -n kube-system get pods -o wide --field-selector spec.nodeName={name}"));
    vec![finding]
}

/// Entry rules for an address that no Service has.
pub(super) fn rules_of_address(node: &NodeResult<'_>, ip: IpAddr, port: u16) -> Vec<Finding> {
    let stale: Vec<Loc<'_>> = entries(&node.plane)
        .into_iter()
        .filter(|entry| entry.dst == Some(ip) && entry.port == port)
        .map(|entry| entry.at)
        .collect();
    if stale.is_empty() {
        return Vec::new();
    }
    let name = node.view.name;
    let mut finding = Finding::new(
        Code::RulesForDeletedService,
        format!("{name} still serves {ip}:{port}, and no Service has that address and port"),
    );
    finding.severity = Severity::Error;
    finding.node = Some(name.into());
    finding.confidence = Confidence::Likely;
    finding.evidence = stale.iter().take(QUOTED).map(|at| line(name, *at)).collect();
    finding.help = Some("kubectl get services -A -o wide".into());
    vec![finding]
}

/// Rules of nat KUBE-SERVICES and KUBE-NODEPORTS that lead to a Service's chain.
fn entries<'snap>(plane: &Plane<'snap>) -> Vec<Entry<'snap>> {
    let mut found = Vec::new();
    for loaded in [Family::V4, Family::V6].into_iter().flat_map(|family| &plane.rules(family).rulesets) {
        for chain in ["KUBE-SERVICES", "KUBE-NODEPORTS"] {
            for rule in loaded.body_of("nat", chain).into_iter().flat_map(Body::rules).flatten() {
                found.extend(entry(rule));
            }
        }
    }
    found
}

fn entry<'snap>(rule: &Rule<'snap>) -> Option<Entry<'snap>> {
    let (Target::Jump(chain) | Target::Goto(chain)) = rule.target else {
        return None;
    };
    if !ENTRIES.iter().any(|kind| chain.starts_with(kind.prefix())) {
        return None;
    }
    let mut dst = None;
    let mut port = None;
    let mut protocol = Protocol::Tcp;
    for test in &rule.matches {
        match &test.test {
            Test::Address(Side::Dst, net) => dst = net.network(),
            Test::Port(Side::Dst, ports) if ports.first == ports.last => port = Some(ports.first),
            Test::Protocol(17) => protocol = Protocol::Udp,
            Test::Protocol(132) => protocol = Protocol::Sctp,
            _ => {}
        }
    }
    Some(Entry { dst, port: port?, protocol, chain, at: rule.at })
}

/// Whether a rule's comment names this Service: `"shop/web:http cluster IP"`.
fn names(text: &str, namespace: &str, name: &str) -> bool {
    let plain = format!("{namespace}/{name}");
    text.match_indices(&plain).any(|(place, _)| {
        let before = place.checked_sub(1).and_then(|at| text.as_bytes().get(at));
        let after = text.as_bytes().get(place + plain.len());
        matches!(before, Some(b'"' | b' ')) && matches!(after, Some(b':' | b' ' | b'"'))
    })
}

/// Entry rules whose comments name this Service.
#[must_use]
pub(super) fn rules_of_name(plane: &Plane<'_>, namespace: &str, name: &str) -> Vec<Evidence> {
    let mut found = Vec::new();
    for loaded in [Family::V4, Family::V6].into_iter().flat_map(|family| &plane.rules(family).rulesets) {
        let chains = [
            ("nat", "KUBE-SERVICES"),
            ("nat", "KUBE-NODEPORTS"),
            ("filter", "KUBE-SERVICES"),
            ("filter", "KUBE-EXTERNAL-SERVICES"),
        ];
        for (table, chain) in chains {
            let lines = loaded.body_of(table, chain).map(Body::lines).unwrap_or_default();
            found.extend(
                lines.iter().filter(|at| names(at.text, namespace, name)).take(QUOTED).map(|at| line(plane.node, *at)),
            );
        }
    }
    found.truncate(QUOTED);
    found
}

/// Addresses that entry rules with this Service's name in their comments are for.
#[must_use]
pub(super) fn addresses_of_name(plane: &Plane<'_>, namespace: &str, name: &str) -> Vec<(IpAddr, u16, Protocol)> {
    let mut found = Vec::new();
    for entry in entries(plane).into_iter().filter(|entry| names(entry.at.text, namespace, name)) {
        let one = entry.dst.map(|dst| (dst, entry.port, entry.protocol));
        found.extend(one.filter(|(dst, _, _)| !dst.is_loopback()).filter(|one| !found.contains(one)));
    }
    found
}
