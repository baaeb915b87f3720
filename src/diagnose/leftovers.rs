//! ST335: entry rules for addresses and ports that no Service has: of this Service before it was changed, and of
//! Services that are gone.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use rustc_hash::FxHashSet;

use crate::cluster::ServiceView;
use crate::cluster::names::{ChainKind, ServicePortName};
use crate::cluster::nft_names::NftName;
use crate::cluster::owners::{Owner, Owners};
use crate::cluster::service::Ingress;
use crate::collect::snapshot::Objects;
use crate::dataplane::Loc;
use crate::dataplane::iptables::Body;
use crate::dataplane::iptables::rule::{Rule, Side, Target, Test};
use crate::dataplane::iptables::ruleset::Backend;
use crate::dataplane::plane::{Family, Plane};
use crate::report::{Code, Confidence, Evidence, Finding, Severity};
use crate::walk::packet::Protocol;

use super::mode::ModeKind;
use super::nft_table;
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
    let own = Own::of(service);
    let addresses: BTreeSet<IpAddr> =
        service.cluster_ips.iter().chain(&service.external_ips).copied().chain(service.load_balancer_ips()).collect();
    let stale: Vec<Loc<'_>> = entries(&node.plane, node.mode.kind)
        .into_iter()
        .filter(|entry| {
            own.port_of(entry.chain).is_some_and(|(port, node_port)| match entry.dst {
                Some(dst) if dst.is_loopback() => Some(entry.port) != node_port,
                Some(dst) => !addresses.contains(&dst) || entry.port != port,
                None => Some(entry.port) != node_port,
            })
        })
        .map(|entry| entry.at)
        .collect();
    if stale.is_empty() { Vec::new() } else { vec![former(service, node.view.name, &stale)] }
}

/// The finding of entry rules that lead to a Service from where it is not any more.
fn former(service: &ServiceView<'_>, name: &str, stale: &[Loc<'_>]) -> Finding {
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
    finding
}

/// Entry rules of a node that lead to any Service from where it is not, or from addresses that no Service has.
#[must_use]
pub(super) fn of_all(objects: &Objects, node: &NodeResult<'_>, owners: &Owners) -> Vec<Finding> {
    let mut places: FxHashSet<(IpAddr, u16, Protocol)> = FxHashSet::default();
    let mut ports: FxHashSet<(u16, Protocol)> = FxHashSet::default();
    for view in ServiceView::all(objects) {
        let ips = view.cluster_ips.iter().chain(&view.external_ips).copied().chain(view.load_balancer_ips());
        for (ip, port) in ips.flat_map(|ip| view.ports.iter().map(move |port| (ip, port))) {
            places.insert((ip, port.port, port.protocol));
        }
        ports.extend(view.ports.iter().filter_map(|port| Some((port.node_port?, port.protocol))));
    }
    let is_known = |entry: &Entry<'_>| match entry.dst {
        Some(dst) if !dst.is_loopback() => places.contains(&(dst, entry.port, entry.protocol)),
        Some(_) | None => ports.contains(&(entry.port, entry.protocol)),
    };
    let stale: Vec<Entry<'_>> =
        entries(&node.plane, node.mode.kind).into_iter().filter(|entry| !is_known(entry)).collect();
    let mut former_of: BTreeMap<(&str, &str), Vec<Loc<'_>>> = BTreeMap::new();
    let mut own: FxHashSet<&str> = FxHashSet::default();
    for entry in &stale {
        if let Owner::Port(name) = owners.of_chain(entry.chain)
            && let Some((namespace, service)) = name.service()
        {
            former_of.entry((namespace, service)).or_default().push(entry.at);
            own.insert(entry.chain);
        }
    }
    let name = node.view.name;
    let found = former_of.iter().filter_map(|((namespace, service), stale)| {
        Some(former(&ServiceView::find(objects, namespace, service)?, name, stale))
    });
    let mut findings: Vec<Finding> = found.collect();
    if objects.is_whole("services") {
        findings.extend(deleted(objects, node, owners, &|entry| own.contains(entry.chain)));
    }
    findings
}

/// Chains that entry rules of this Service lead to.
struct Own<'a> {
    service: &'a ServiceView<'a>,
    /// Those of iptables mode, with port and node port.
    chains: BTreeMap<String, (u16, Option<u16>)>,
}

impl<'a> Own<'a> {
    fn of(service: &'a ServiceView<'a>) -> Self {
        let mut chains = BTreeMap::new();
        for port in &service.ports {
            for name in ServicePortName::forms(service.namespace, service.name, port.name) {
                for kind in ENTRIES {
                    chains.insert(name.chain(kind, port.protocol), (port.port, port.node_port));
                }
            }
        }
        Self { service, chains }
    }

    /// Port and node port of the Service port whose chain this is.
    fn port_of(&self, chain: &str) -> Option<(u16, Option<u16>)> {
        if let Some(found) = self.chains.get(chain) {
            return Some(*found);
        }
        let name = NftName::read(chain)?;
        let is_it = (name.namespace, name.service) == (self.service.namespace, self.service.name);
        let mut ports = self.service.ports.iter().filter(|_| is_it);
        ports
            .find(|port| port.name == name.port && port.protocol == name.protocol)
            .map(|port| (port.port, port.node_port))
    }
}

/// Entry rules for addresses that no Service has, or to chains that are no Service's, beside those of this one. Needs
/// all Services.
#[must_use]
pub(super) fn deleted_services(
    objects: &Objects,
    service: &ServiceView<'_>,
    node: &NodeResult<'_>,
    owners: &Owners,
) -> Vec<Finding> {
    if !objects.is_whole("services") {
        return Vec::new();
    }
    let own = Own::of(service);
    deleted(objects, node, owners, &|entry| own.port_of(entry.chain).is_some())
}

/// The same, beside entries that are told of elsewhere.
fn deleted(
    objects: &Objects,
    node: &NodeResult<'_>,
    owners: &Owners,
    is_told: &dyn Fn(&Entry<'_>) -> bool,
) -> Vec<Finding> {
    let mut known: BTreeMap<IpAddr, String> = BTreeMap::new();
    let mut node_ports: BTreeSet<u16> = BTreeSet::new();
    for view in ServiceView::all(objects) {
        let ingress = view.ingress.iter().filter_map(|ingress| match ingress {
            Ingress::Vip(ip) | Ingress::Proxy(ip) => Some(*ip),
            Ingress::Host(_) => None,
        });
        let own = view.cluster_ips.iter().chain(&view.external_ips).copied().chain(view.load_balancer_ips());
        known.extend(own.chain(ingress).map(|ip| (ip, view.full_name())));
        node_ports.extend(view.ports.iter().filter_map(|port| port.node_port));
    }
    let mut stale: Vec<Loc<'_>> = Vec::new();
    // Another Service has the address by now; only the chain's name tells.
    let mut taken_over: Vec<Entry<'_>> = Vec::new();
    for entry in entries(&node.plane, node.mode.kind).into_iter().filter(|entry| !is_told(entry)) {
        let served = match entry.dst {
            Some(dst) if !dst.is_loopback() => known.contains_key(&dst),
            Some(_) | None => node_ports.contains(&entry.port),
        };
        if !served {
            stale.push(entry.at);
        } else if owners.of_chain(entry.chain) == Owner::NoPort && !of_its_holder(&entry, &known) {
            taken_over.push(entry);
        }
    }
    let mut findings = Vec::new();
    let name = node.view.name;
    if !stale.is_empty() {
        let what = "for addresses or node ports that no Service has";
        findings.push(of_deleted(node, format!("{name} holds {} {what}", entry_rules(stale.len())), &stale));
    }
    if let Some(first) = taken_over.first() {
        let lines: Vec<Loc<'_>> = taken_over.iter().map(|entry| entry.at).collect();
        let what = "to chains of Service ports that are gone, though a Service has the address";
        let mut finding = of_deleted(node, format!("{name} holds {} {what}", entry_rules(lines.len())), &lines);
        finding.reason = Some("address-taken-over".into());
        finding.details.push(format!("{} is the chain of no Service port that there is, by its name", first.chain));
        findings.push(finding);
    }
    findings
}

/// Whether a rule's comment names the Service that has the address: one of its ports has another name by now.
fn of_its_holder(entry: &Entry<'_>, known: &BTreeMap<IpAddr, String>) -> bool {
    let holder = entry.dst.and_then(|dst| known.get(&dst)).and_then(|holder| holder.split_once('/'));
    holder.is_some_and(|(namespace, name)| match NftName::read(entry.chain) {
        Some(own) => (own.namespace, own.service) == (namespace, name),
        None => names(entry.at.text, namespace, name),
    })
}

fn entry_rules(count: usize) -> String {
    format!("{count} entry {}", if count == 1 { "rule" } else { "rules" })
}

fn of_deleted(node: &NodeResult<'_>, summary: String, lines: &[Loc<'_>]) -> Finding {
    let name = node.view.name;
    let mut finding = Finding::new(Code::RulesForDeletedService, summary);
    finding.node = Some(name.into());
    finding.confidence = Confidence::Likely;
    finding.evidence = lines.iter().take(QUOTED).map(|at| line(name, *at)).collect();
    if lines.len() > QUOTED {
        finding.details.push(format!("{} more", lines.len() - QUOTED));
    }
    finding.help = Some(format!("kubectl -n kube-system get pods -o wide --field-selector spec.nodeName={name}"));
    finding
}

/// Entry rules for an address that no Service has.
pub(super) fn rules_of_address(node: &NodeResult<'_>, ip: IpAddr, port: u16) -> Vec<Finding> {
    let stale: Vec<Loc<'_>> = entries(&node.plane, node.mode.kind)
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

/// What leads to a Service's chain: elements of maps in nftables mode, else rules of nat KUBE-SERVICES and
/// KUBE-NODEPORTS.
fn entries<'snap>(plane: &Plane<'snap>, mode: ModeKind) -> Vec<Entry<'snap>> {
    let mut found = Vec::new();
    if mode == ModeKind::Nftables {
        for one in nft_table::entries(plane) {
            let Some(chain) = one.chain.filter(|chain| NftName::read(chain).is_some()) else { continue };
            found.push(Entry { dst: one.dst, port: one.port, protocol: one.protocol, chain, at: one.at });
        }
        return found;
    }
    for loaded in [Family::V4, Family::V6].into_iter().flat_map(|family| &plane.rules(family).rulesets) {
        for chain in ["KUBE-SERVICES", "KUBE-NODEPORTS"] {
            for rule in loaded.body_of("nat", chain).into_iter().flat_map(Body::rules).flatten() {
                found.extend(entry(rule));
            }
        }
    }
    found
}

/// Addresses of entry rules in one backend.
pub(super) fn entry_addresses(plane: &Plane<'_>, backend: Backend) -> FxHashSet<IpAddr> {
    let of_backend = |entry: &Entry<'_>| {
        [Family::V4, Family::V6]
            .into_iter()
            .flat_map(|family| &plane.rules(family).rulesets)
            .any(|loaded| loaded.ruleset.backend == backend && loaded.ruleset.dump == entry.at.dump)
    };
    entries(plane, ModeKind::Iptables(backend)).into_iter().filter(of_backend).filter_map(|entry| entry.dst).collect()
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
    if super::mode::detect(plane).kind == ModeKind::Nftables {
        let own = nft_table::entries(plane).into_iter().filter(|entry| entry.is_of(namespace, name));
        return own.take(QUOTED).map(|entry| line(plane.node, entry.at)).collect();
    }
    for loaded in [Family::V4, Family::V6].into_iter().flat_map(|family| &plane.rules(family).rulesets) {
        let chains = [
            ("nat", "KUBE-SERVICES"),
            ("nat", "KUBE-NODEPORTS"),
            ("filter", "KUBE-SERVICES"),
            ("filter", "KUBE-EXTERNAL-SERVICES"),
        ];
        for (table, chain) in chains {
            let lines = loaded.body_of(table, chain).into_iter().flat_map(Body::lines);
            found
                .extend(lines.filter(|at| names(at.text, namespace, name)).take(QUOTED).map(|at| line(plane.node, at)));
        }
    }
    found.truncate(QUOTED);
    found
}

/// Addresses that entry rules with this Service's name in their comments are for.
#[must_use]
pub(super) fn addresses_of_name(plane: &Plane<'_>, namespace: &str, name: &str) -> Vec<(IpAddr, u16, Protocol)> {
    let mut found = Vec::new();
    if super::mode::detect(plane).kind == ModeKind::Nftables {
        for entry in nft_table::entries(plane).into_iter().filter(|entry| entry.is_of(namespace, name)) {
            let one = entry.dst.map(|dst| (dst, entry.port, entry.protocol));
            found.extend(one.filter(|one| !found.contains(one)));
        }
        return found;
    }
    for entry in entries(plane, ModeKind::None).into_iter().filter(|entry| names(entry.at.text, namespace, name)) {
        let one = entry.dst.map(|dst| (dst, entry.port, entry.protocol));
        found.extend(one.filter(|(dst, _, _)| !dst.is_loopback()).filter(|one| !found.contains(one)));
    }
    found
}
