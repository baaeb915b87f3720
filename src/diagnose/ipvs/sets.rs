//! ST407 and ST408: what kube-proxy's ipsets must hold for the Service, and rules of sets that are not there.

use std::net::{IpAddr, SocketAddr};

use crate::dataplane::ipset::{Fields, SetIface};
use crate::dataplane::iptables::Body;
use crate::dataplane::iptables::rule::{Side, Test};
use crate::dataplane::plane::Family;
use crate::report::{Code, Confidence, Evidence, Finding, Severity};
use crate::walk::packet::Protocol;

use super::super::outcome::line;
use super::Ask;

/// The longest name that kube-proxy gives a set (pkg/proxy/ipvs/ipset.go).
const LONGEST: usize = 31;

/// A set's name in the family of an address: `KUBE-CLUSTER-IP`, `KUBE-6-CLUSTER-IP`.
pub(super) fn name(of: IpAddr, name: &str) -> String {
    let mut whole = if of.is_ipv4() { format!("KUBE-{name}") } else { format!("KUBE-6-{name}") };
    whole.truncate(LONGEST);
    whole
}

/// ST407: a cluster IP and port that `KUBE-CLUSTER-IP` lacks; what is lost is the masquerade, or, since 1.26, all.
pub(super) fn incomplete(ask: Ask<'_, '_>) -> Vec<Finding> {
    let Ask { service, node, .. } = ask;
    let refused = node.paths.iter().flat_map(|path| &path.outcomes).any(super::refused_by_filter);
    if refused {
        return Vec::new();
    }
    let sets = node.plane.sets();
    let mut lacking = Vec::new();
    let mut evidence = Vec::new();
    for ip in &service.cluster_ips {
        let set = name(*ip, "CLUSTER-IP");
        let Some(found) = sets.get(&set) else { continue };
        // Without a rule that looks at it the set stays empty (kube-proxy without a cluster CIDR, before 1.14).
        if found.is_empty() {
            continue;
        }
        for port in &service.ports {
            let fields = Fields {
                src: *ip,
                dst: *ip,
                protocol: match port.protocol {
                    Protocol::Tcp => 6,
                    Protocol::Udp => 17,
                    Protocol::Sctp => 132,
                    Protocol::Icmp => 1,
                },
                sport: None,
                dport: Some(port.port),
                iif: SetIface::Absent,
                oif: SetIface::Absent,
                mark: None,
            };
            if sets.contains(&set, &[Side::Dst, Side::Dst], &fields).tri.is_no() {
                lacking.push(format!("{},{}:{}", ip, port.protocol.as_str(), port.port));
                evidence.push(Evidence::Line {
                    node: node.view.name.into(),
                    dump: found.dump.into(),
                    line: found.line,
                    text: format!("{} {} ({} entries)", found.name, found.kind, found.len()),
                });
            }
        }
    }
    // What kube-proxy has not programmed at all is told by its virtual server.
    let served = |member: &String| {
        let to = member.replace(",tcp:", ":");
        to.parse::<SocketAddr>().is_err()
            || service.cluster_ips.iter().any(|ip| {
                service.ports.iter().any(|port| node.plane.ipvs().get(6, SocketAddr::new(*ip, port.port)).is_some())
            })
    };
    if lacking.is_empty() || !lacking.iter().all(served) {
        return Vec::new();
    }
    let name = node.view.name;
    let mut finding = Finding::new(
        Code::IpsetIncomplete,
        format!(
            "{name} lacks {} in the ipset of cluster IPs: clients that are no pods keep their address",
            lacking.join(", ")
        ),
    );
    finding.reason = Some("cluster-ip".into());
    finding.severity = Severity::Warning;
    finding.confidence = Confidence::Likely;
    finding.node = Some(name.into());
    finding.object = Some(service.reference());
    evidence.dedup();
    finding.evidence = evidence;
    finding.help = Some(format!("on {name}: ipset list KUBE-CLUSTER-IP"));
    vec![finding]
}

/// ST408: rules that ask for a set that is not there, or is of the other family.
pub(super) fn broken_reference(ask: Ask<'_, '_>) -> Vec<Finding> {
    let node = ask.node;
    let sets = node.plane.sets();
    if !sets.are_whole() {
        return Vec::new();
    }
    let mut broken = Vec::new();
    for family in [Family::V4, Family::V6] {
        for loaded in &node.plane.rules(family).rulesets {
            let bodies = loaded.ruleset.tables.iter().flat_map(|table| &table.chains);
            let rules = bodies
                .filter(|chain| chain.name.starts_with("KUBE-"))
                .map(|chain| chain.body(loaded.ruleset.dump, loaded.text))
                .flat_map(Body::rules)
                .flatten();
            for rule in rules {
                for test in &rule.matches {
                    let Test::Set(set, _) = test.test else { continue };
                    let fault = match sets.get(set) {
                        None => format!("there is no ipset {set}"),
                        Some(found) if found.family.is_some_and(|of| of != family) => {
                            format!("ipset {set} is of the other address family")
                        }
                        Some(_) => continue,
                    };
                    broken.push((fault, rule.at));
                }
            }
        }
    }
    let Some((fault, _)) = broken.first() else { return Vec::new() };
    let name = node.view.name;
    let more = if broken.len() > 1 { format!(", and {} more rules", broken.len() - 1) } else { String::new() };
    let mut finding = Finding::new(Code::IpsetReferenceBroken, format!("a rule of {name} cannot work: {fault}{more}"));
    finding.node = Some(name.into());
    finding.evidence = broken.iter().take(5).map(|(_, at)| line(name, *at)).collect();
    finding.help = Some(format!("on {name}: ipset list -n"));
    vec![finding]
}
