//! ST412, ST413, ST414: sources that answers cannot come back to, clients bound to servers that are gone, and node
//! ports on 127.0.0.1.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::cluster::expectation::Promise;
use crate::dataplane::Loc;
use crate::dataplane::links::Links;
use crate::report::{AddressKind, Code, Confidence, Disposition, Evidence, Finding, Origin, Severity};

use super::super::outcome::line;
use super::Ask;

/// Dump of IPVS's connections.
const CONNECTIONS: &str = "proc-net-ip_vs_conn";

/// ST412: UDP clients that IPVS keeps sending to a server that is no endpoint any more.
pub(super) fn udp_to_dead_servers(ask: Ask<'_, '_>) -> Vec<Finding> {
    let Ask { service, node, .. } = ask;
    let Some((dump, text)) = node.plane.dumps.dumps.get_key_value(CONNECTIONS).map(|(name, dump)| (name, &dump.text))
    else {
        return Vec::new();
    };
    let mut dead: Vec<(SocketAddr, Loc<'_>)> = Vec::new();
    for (number, text) in text.lines().enumerate().filter(|(_, text)| text.starts_with("UDP ")) {
        let mut words = text.split_ascii_whitespace().skip(3);
        let mut address = || {
            let ip = u32::from_str_radix(words.next()?, 16).ok().map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits)))?;
            Some(SocketAddr::new(ip, u16::from_str_radix(words.next()?, 16).ok()?))
        };
        let (Some(to), Some(real)) = (address(), address()) else { continue };
        let of_service = service.cluster_ips.contains(&to.ip());
        let alive = node
            .plane
            .ipvs()
            .get(17, to)
            .is_some_and(|server| server.servers.iter().any(|one| one.to == real && one.weight != Some(0)));
        if of_service && !alive {
            let line = u32::try_from(number).unwrap_or(u32::MAX).saturating_add(1);
            dead.push((real, Loc { dump, line, text: text.trim_end() }));
        }
    }
    let Some((real, _)) = dead.first() else { return Vec::new() };
    let name = node.view.name;
    let mut finding = Finding::new(
        Code::UdpBoundToDeadServer,
        format!("{name} keeps sending {} UDP clients of {} to {real}, which is gone", dead.len(), service.full_name()),
    );
    finding.node = Some(name.into());
    finding.object = Some(service.reference());
    finding.confidence = Confidence::Likely;
    finding.evidence = dead.iter().take(5).map(|(_, at)| line(name, *at)).collect();
    finding.details.push("it lasts until such a client is silent for the UDP timeout of IPVS, 300 s by default".into());
    finding.help = Some(format!("on {name}: ipvsadm -l --timeout; ipvsadm -lcn"));
    vec![finding]
}

/// ST413: the node's own connection leaves with an address of kube-ipvs0, which every node holds.
pub(super) fn own_source(ask: Ask<'_, '_>) -> Vec<Finding> {
    let Ask { service, node, .. } = ask;
    let links = &node.plane.links;
    let lost = |ip: IpAddr| links.holders(ip).all(|holder| holder == Links::IPVS) && links.holders(ip).next().is_some();
    let found = node.paths.iter().filter(|path| path.info.origin == Origin::Node).find_map(|path| {
        let outcome = path.outcomes.iter().find(|outcome| {
            outcome.disposition == Disposition::Delivered
                && outcome.depends_on.is_empty()
                && outcome.source.is_some_and(lost)
                && !is_here(ask, outcome.destination.ip())
        })?;
        Some((path, outcome))
    });
    let Some((path, outcome)) = found else { return Vec::new() };
    let (name, source) = (node.view.name, outcome.source.map(|ip| ip.to_string()).unwrap_or_default());
    let mut finding = Finding::new(
        Code::IpvsSourceOrHairpin,
        format!(
            "{name}'s own connections to {} leave with {source} as their source: answers stay on the other node",
            path.info.to
        ),
    );
    finding.reason = Some("source".into());
    finding.node = Some(name.into());
    finding.object = Some(service.reference());
    finding.confidence = Confidence::Likely;
    // kube-proxy marks nothing for an address whose external policy is Local.
    if path.info.address != AddressKind::ClusterIp {
        finding.severity = Severity::Info;
    }
    if let Some(at) = outcome.hops.iter().rev().find_map(|hop| hop.at.filter(|_| hop.table == "ipvs")) {
        finding.evidence.push(line(name, at));
    }
    finding.evidence.push(Evidence::Fact { node: Some(name.into()), text: format!("{source} is on kube-ipvs0") });
    finding.help = Some(format!("on {name}: ip route get {}", path.info.to));
    vec![finding]
}

/// Whether an endpoint is on the node: its answers pass IPVS whatever they are sent to.
fn is_here(ask: Ask<'_, '_>, ip: IpAddr) -> bool {
    let text = ip.to_string();
    ask.objects
        .slices()
        .iter()
        .flat_map(|slice| slice.endpoints.iter().flatten())
        .any(|endpoint| endpoint.addresses.contains(&text) && endpoint.node_name.as_deref() == Some(ask.node.view.name))
}

/// ST414: a node port on 127.0.0.1 is a thing of iptables mode.
pub(super) fn localhost_node_port(ask: Ask<'_, '_>) -> Vec<Finding> {
    let Ask { service, node, .. } = ask;
    let path = node.paths.iter().find(|path| {
        path.info.address == AddressKind::LocalhostNodePort
            && path.info.from.is_loopback()
            && matches!(path.expectation.as_ref().map(|e| &e.promise), Some(Promise::Endpoints(_)))
    });
    let asked = ask.only.is_some_and(|ip| ip.is_loopback());
    let Some(path) = path.filter(|_| asked) else { return Vec::new() };
    let name = node.view.name;
    let mut finding = Finding::new(
        Code::IpvsLocalhostNodePort,
        format!(
            "node port {} of {} is not served on {} in ipvs mode",
            path.info.port,
            service.full_name(),
            path.info.to
        ),
    );
    finding.node = Some(name.into());
    finding.object = Some(service.reference());
    finding.evidence.extend(node.mode.evidence.clone());
    finding.details.push("IPVS has virtual servers for the node's other addresses alone".into());
    finding.help = Some(format!("kubectl svc-trace {name}:{}", path.info.port));
    vec![finding]
}
