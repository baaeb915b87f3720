//! ST417: virtual servers and addresses on kube-ipvs0 that no Service has.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use crate::cluster::ServiceView;
use crate::cluster::service::Ingress;
use crate::collect::snapshot::Snapshot;
use crate::dataplane::ipvs::{Key, Method, Virtual};
use crate::dataplane::links::Links;
use crate::order;
use crate::report::{Code, Confidence, Evidence, Finding, Severity};

use super::super::mode::ModeKind;
use super::super::node::{NodePlane, NodeResult};
use super::super::outcome::line;
use super::Ask;

/// Virtual servers that are quoted, at most.
const QUOTED: usize = 5;

/// What no Service has: of this Service before it was changed, and, where all Services were read, of any.
pub(super) fn nobodys(ask: Ask<'_, '_>) -> Vec<Finding> {
    let Ask { objects, service, node, .. } = ask;
    let known = objects.is_whole("services").then(|| Known::of(ServiceView::all(objects)));
    let own = Known::of(std::iter::once(service.clone()));
    let ipvs = node.plane.ipvs();
    let mut former = Vec::new();
    for key in ipvs.keys() {
        let Key::Address(protocol, to) = key else { continue };
        if own.has(to.ip()) && !own.serves(to) {
            former.extend(ipvs.get(protocol, to));
        }
    }
    let others = known.as_ref().map(|known| of_nobody(node, known, &own)).unwrap_or_default();
    let mut findings = Vec::new();
    if !former.is_empty() {
        let summary = format!(
            "{} still serves {} at an address or port that it does not have any more",
            node.view.name,
            service.full_name()
        );
        let mut finding = finding(node, summary, former);
        finding.reason = Some("former-address".into());
        finding.object = Some(service.reference());
        findings.push(finding);
    }
    if !others.is_empty() {
        let count = others.len();
        let servers = if count == 1 { "virtual server" } else { "virtual servers" };
        let summary = format!("{} holds {count} {servers} for addresses or ports that no Service has", node.view.name);
        findings.push(finding(node, summary, others));
    } else if let Some(known) = known
        && let Some(left) = left_on_the_interface(node, &known)
        && findings.is_empty()
    {
        findings.push(left);
    }
    findings
}

/// Virtual servers that no Service has, beside those for addresses of `own`.
fn of_nobody<'snap>(node: &NodeResult<'snap>, known: &Known, own: &Known) -> Vec<Virtual<'snap>> {
    let ipvs = node.plane.ipvs();
    let local = |ip: IpAddr| {
        let held = node.plane.links.holders(ip).any(|holder| holder != Links::IPVS);
        held || !node.plane.links.knows_interfaces() && node.view.addresses.contains(&ip)
    };
    // where the node's addresses are not all known, any may be one of them
    let may_be_local = |ip: IpAddr| local(ip) || !node.plane.links.knows_interfaces();
    let served = |to: SocketAddr| {
        may_be_local(to.ip()) && known.node_ports.contains(&to.port()) || !local(to.ip()) && known.serves(to)
    };
    let mut found = Vec::new();
    for key in ipvs.keys() {
        let Key::Address(protocol, to) = key else { continue };
        if !own.has(to.ip()) && !served(to) {
            found.extend(ipvs.get(protocol, to));
        }
    }
    // Another program's virtual servers are not kube-proxy's to remove: it makes none but by rewriting.
    found.retain(|server| server.servers.iter().all(|real| matches!(real.method, Method::Masq | Method::Unknown)));
    found
}

/// For a name that no Service has: what nodes in ipvs mode still balance for nobody. Virtual servers have no names, so
/// whether they were this Service's is not known.
pub(in crate::diagnose) fn left_for_nobody(snapshot: &Snapshot) -> Option<String> {
    let objects = &snapshot.objects;
    if !objects.is_whole("services") {
        return None;
    }
    let known = Known::of(ServiceView::all(objects));
    let of_no_one = Known::of(std::iter::empty());
    snapshot.nodes.iter().find_map(|(name, dumps)| {
        let node = NodePlane::read(objects, name, dumps).result();
        let mut left = if node.mode.kind == ModeKind::Ipvs { of_nobody(&node, &known, &of_no_one) } else { Vec::new() };
        order::sort_by_key(&mut left, |server| server.at.line);
        let first = left.first()?;
        let more = if left.len() > 1 { format!(" and {} more", left.len() - 1) } else { String::new() };
        Some(format!(
            "{name} still balances {}{more} (ipvs mode), which no Service has; whose it was is not told there: \
             kubectl svc-trace {}",
            first.name, first.name
        ))
    })
}

/// Virtual servers for one address that no Service has.
pub(in crate::diagnose) fn rules_of_address(node: &NodeResult<'_>, ip: IpAddr, port: u16) -> Vec<Finding> {
    let to = SocketAddr::new(ip, port);
    let ipvs = node.plane.ipvs();
    let found: Vec<_> = [6, 17, 132].into_iter().filter_map(|protocol| ipvs.get(protocol, to)).collect();
    if found.is_empty() {
        return Vec::new();
    }
    let summary = format!("{} still has a virtual server for {to}, and no Service has that address", node.view.name);
    let mut finding = finding(node, summary, found);
    finding.severity = Severity::Error;
    vec![finding]
}

fn finding(node: &NodeResult<'_>, summary: String, mut servers: Vec<Virtual<'_>>) -> Finding {
    let name = node.view.name;
    order::sort_by_key(&mut servers, |server| server.at.line);
    let mut finding = Finding::new(Code::IpvsStaleService, summary);
    finding.node = Some(name.into());
    finding.confidence = Confidence::Likely;
    finding.evidence = servers.iter().take(QUOTED).map(|server| line(name, server.at)).collect();
    if servers.len() > QUOTED {
        finding.details.push(format!("{} more", servers.len() - QUOTED));
    }
    finding.details.push("seen once: kube-proxy may be about to change it (--settle reads twice)".into());
    finding.help = Some(format!("kubectl -n kube-system get pods -o wide --field-selector spec.nodeName={name}"));
    finding
}

/// Addresses on kube-ipvs0 alone.
fn left_on_the_interface(node: &NodeResult<'_>, known: &Known) -> Option<Finding> {
    let interface = node.plane.links.interface(Links::IPVS)?;
    let left: Vec<String> = interface
        .addresses
        .iter()
        .map(|address| address.ip)
        .filter(|ip| !known.has(*ip) && !is_link_local(*ip))
        .map(|ip| ip.to_string())
        .collect();
    let first = left.first()?;
    let name = node.view.name;
    let more = if left.len() > 1 { format!(" and {} more", left.len() - 1) } else { String::new() };
    let mut finding = Finding::new(
        Code::IpvsStaleService,
        format!("{name} holds {first}{more} on kube-ipvs0, and no Service has it: packets to it stay on the node"),
    );
    finding.reason = Some("address".into());
    finding.node = Some(name.into());
    finding.confidence = Confidence::Likely;
    finding
        .evidence
        .push(Evidence::Fact { node: Some(name.into()), text: format!("kube-ipvs0 holds {}", left.join(", ")) });
    finding.help = Some(format!("on {name}: ip addr show kube-ipvs0"));
    Some(finding)
}

fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

/// Addresses and ports that Services have.
struct Known {
    addresses: BTreeSet<IpAddr>,
    served: BTreeSet<SocketAddr>,
    node_ports: BTreeSet<u16>,
}

impl Known {
    fn of<'snap>(services: impl IntoIterator<Item = ServiceView<'snap>>) -> Self {
        let mut known = Self { addresses: BTreeSet::new(), served: BTreeSet::new(), node_ports: BTreeSet::new() };
        for view in services {
            let ingress = view.ingress.iter().filter_map(|ingress| match ingress {
                Ingress::Vip(ip) | Ingress::Proxy(ip) => Some(*ip),
                Ingress::Host(_) => None,
            });
            let addresses: Vec<IpAddr> =
                view.cluster_ips.iter().chain(&view.external_ips).copied().chain(ingress).collect();
            for port in &view.ports {
                known.served.extend(addresses.iter().map(|ip| SocketAddr::new(*ip, port.port)));
                known.node_ports.extend(port.node_port);
            }
            known.addresses.extend(addresses);
        }
        known
    }

    fn has(&self, ip: IpAddr) -> bool {
        self.addresses.contains(&ip)
    }

    fn serves(&self, to: SocketAddr) -> bool {
        self.served.contains(&to)
    }
}
