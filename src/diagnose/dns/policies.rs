//! ST182: NetworkPolicies that keep a client from the DNS servers.

use std::net::IpAddr;

use k8s_openapi::api::core::v1::Pod;

use crate::cluster::network_policy::{Direction, Peer, PodPort, Policies};
use crate::cluster::readiness;
use crate::report::{Code, Confidence, Finding, ObjectRef, Severity};
use crate::walk::packet::Protocol;

use super::super::context::{field_of, pod_ref};
use super::super::words;
use super::DnsContext;
use super::setup::Setup;

/// ST182: no rule lets the client's queries out, or into the servers.
pub(super) fn blocks_dns(context: &DnsContext<'_, '_>) -> Vec<Finding> {
    let setup = Setup::read(context);
    let (Some(policies), Some(dns)) = (Policies::of(context.objects), &setup.service) else { return Vec::new() };
    let Some(client) = setup.clients.first() else { return Vec::new() };
    let mut any = Pod::default();
    any.metadata.namespace = Some(client.namespace.clone());
    let pod = client.pod.unwrap_or(&any);
    let address: Option<IpAddr> = readiness::addresses(pod).first().and_then(|text| text.parse().ok());
    let port = dns.pod_port(context.objects);
    let servers: Vec<(&Pod, IpAddr)> = dns
        .pods(context.objects)
        .into_iter()
        .filter(|server| readiness::is_ready(server))
        .filter_map(|server| Some((server, readiness::addresses(server).first()?.parse().ok()?)))
        .collect();
    if servers.is_empty() {
        return Vec::new();
    }
    let mut closed: Vec<(Protocol, Direction)> = Vec::new();
    for protocol in [Protocol::Udp, Protocol::Tcp] {
        let out = |(server, ip): &(&Pod, IpAddr)| {
            let port = PodPort { number: port, protocol, pod: Some(server) };
            policies.allow(pod, Direction::Egress, Peer::Pod(server, *ip), port)
        };
        let into = |(server, _): &(&Pod, IpAddr)| {
            let peer = address.map_or(Peer::Anybody, |address| Peer::Pod(pod, address));
            policies.allow(server, Direction::Ingress, peer, PodPort { number: port, protocol, pod: Some(server) })
        };
        if servers.iter().all(|server| out(server) == Some(false)) {
            closed.push((protocol, Direction::Egress));
        } else if servers.iter().all(|server| into(server) == Some(false)) {
            closed.push((protocol, Direction::Ingress));
        }
    }
    let Some((protocol, direction)) = closed.first().copied() else { return Vec::new() };
    let (isolated, whose) = match (direction, servers.first()) {
        (Direction::Ingress, Some((server, _))) => (policies.isolating(server, direction), "the DNS servers"),
        (Direction::Egress | Direction::Ingress, _) => (policies.isolating(pod, direction), client.words.as_str()),
    };
    let names: Vec<String> = isolated.iter().map(|policy| policy.metadata.name.clone().unwrap_or_default()).collect();
    let both = closed.len() > 1;
    let what = match (both, protocol) {
        (true, _) => format!("port {port}"),
        (false, protocol) => format!("port {port}/{}", protocol.as_str()),
    };
    let way = match direction {
        Direction::Egress => "out of",
        Direction::Ingress => "into",
    };
    let mut finding = Finding::new(
        Code::NetpolBlocksDns,
        format!(
            "no NetworkPolicy lets {what} {way} {whose}: {}",
            if both || protocol == Protocol::Udp {
                "names do not resolve"
            } else {
                "answers that do not fit into UDP cannot be had"
            }
        ),
    );
    finding.confidence = Confidence::Likely;
    if !both && protocol == Protocol::Tcp {
        finding.reason = Some("tcp-missing".into());
        finding.severity = Severity::Warning;
    }
    finding.object = client.pod.map(pod_ref);
    for policy in isolated.iter().take(3) {
        let name = policy.metadata.name.as_deref().unwrap_or_default();
        let reference = ObjectRef::new("NetworkPolicy", policy.metadata.namespace.as_deref().unwrap_or_default(), name);
        finding.object.get_or_insert_with(|| reference.clone());
        finding.evidence.push(field_of(reference, "spec.policyTypes", direction.as_str()));
    }
    finding.evidence.push(field_of(dns.view.reference(), "port of its pods", port.to_string()));
    finding.details.push(format!("isolated by {}; whether a plugin enforces it is not seen", words::list(&names)));
    finding
        .details
        .push("a rule must name the port of the pods, UDP and TCP, and the cache's address where there is one".into());
    finding.help = Some(format!("kubectl -n {} get networkpolicies -o yaml", words::shell(&client.namespace)));
    vec![finding]
}
