//! ST703, ST718 and ST728: the DNS Service itself has no endpoint, lacks a port, or was edited.

use crate::cluster::readiness;
use crate::cluster::{ServiceEndpoints, ServiceView};
use crate::collect::dns_names::is_server;
use crate::dns::DnsService;
use crate::probe::{Outcome, Probe, Transport};
use crate::report::{Code, Confidence, Evidence, Finding, Severity};
use crate::walk::packet::Protocol;

use super::super::context::{field_of, pod_name, pod_ref};
use super::super::words;
use super::DnsContext;
use super::setup::Setup;

fn about(dns: &DnsService<'_>, code: Code, summary: String) -> Finding {
    let mut finding = Finding::new(code, summary);
    finding.object = Some(dns.view.reference());
    finding.help = Some(format!("kubectl -n {} get svc {} -o yaml", words::shell(dns.view.namespace), dns.view.name));
    finding
}

/// ST703: nothing answers behind the DNS Service.
pub(super) fn no_endpoints(context: &DnsContext<'_, '_>) -> Vec<Finding> {
    let setup = Setup::read(context);
    let Some(dns) = &setup.service else { return Vec::new() };
    let endpoints = ServiceEndpoints::read(setup.objects, &dns.view);
    let ports: Vec<_> = dns.view.ports.iter().filter(|port| port.port == 53).collect();
    let served = |port: &&crate::cluster::PortView<'_>| {
        dns.view.families().into_iter().any(|family| endpoints.anywhere(port, family).has_any)
    };
    if !endpoints.were_read() || ports.is_empty() || ports.iter().any(served) {
        return Vec::new();
    }
    let mut finding = about(
        dns,
        Code::DnsServiceNoEndpoints,
        format!("no DNS server is ready behind {}: no name resolves in any pod that asks it", dns.view.full_name()),
    );
    finding.share_ppm = Some(1_000_000);
    let pods = dns.pods(setup.objects);
    for pod in pods.iter().take(3) {
        let why = readiness::why_not_ready(pod, setup.objects);
        let words = why.as_ref().map_or_else(|| "is ready, and no slice has it".to_owned(), ToString::to_string);
        finding.details.push(format!("pod {}: {words}", pod_name(pod)));
        match &why {
            Some(why) => finding.evidence.push(field_of(pod_ref(pod), why.field(), readiness::quote(pod, why))),
            None => finding.evidence.push(field_of(pod_ref(pod), "status.conditions", "Ready True")),
        }
    }
    if pods.is_empty() && setup.objects.pods.is_some() {
        finding.reason = Some("no-pod".into());
        finding.details.push("there is no pod of a DNS server: scaled to zero, or never made".into());
        let selector = dns.view.selector_text().unwrap_or_else(|| "none".into());
        finding.evidence.push(field_of(dns.view.reference(), "spec.selector", selector));
    }
    if finding.evidence.is_empty() {
        finding.evidence.push(field_of(dns.view.reference(), "endpoints", "none"));
    }
    let namespace = words::shell(dns.view.namespace);
    finding.help = Some(format!("kubectl -n {namespace} get pods -l k8s-app=kube-dns -o wide"));
    vec![finding]
}

/// ST728: the DNS Service is not as installers make it.
pub(super) fn edited(context: &DnsContext<'_, '_>) -> Vec<Finding> {
    let setup = Setup::read(context);
    let Some(dns) = &setup.service else { return Vec::new() };
    let view = &dns.view;
    let mut found = Vec::new();
    let ports: Vec<String> = view.ports.iter().map(crate::cluster::PortView::label).collect();
    if dns.port(Protocol::Udp).is_none() {
        let mut finding = about(
            dns,
            Code::DnsServiceEdited,
            format!("{} has no UDP port 53: resolvers ask by UDP first", view.full_name()),
        );
        finding.reason = Some("udp-missing".into());
        finding.severity = Severity::Error;
        finding.evidence.push(field_of(view.reference(), "spec.ports", words::list(&ports)));
        found.push(finding);
    }
    let strangers: Vec<_> = dns.pods(setup.objects).into_iter().filter(|pod| !is_server(pod)).collect();
    if let Some(first) = strangers.first() {
        let mut finding = about(
            dns,
            Code::DnsServiceEdited,
            format!(
                "{} selects {}, which do not look like DNS servers",
                view.full_name(),
                words::count(strangers.len(), "pod")
            ),
        );
        finding.reason = Some("selector".into());
        finding.confidence = Confidence::Likely;
        finding.evidence.push(field_of(view.reference(), "spec.selector", view.selector_text().unwrap_or_default()));
        finding.evidence.push(field_of(pod_ref(first), "metadata.name", pod_name(first)));
        found.push(finding);
    }
    found.extend(claimed(dns, &setup));
    found
}

/// Other Services that have the DNS Service's address as an external one or a load balancer's.
fn claimed(dns: &DnsService<'_>, setup: &Setup<'_>) -> Vec<Finding> {
    let own = |view: &ServiceView<'_>| view.namespace == dns.view.namespace && view.name == dns.view.name;
    ServiceView::all(setup.objects)
        .filter(|view| !own(view))
        .filter_map(|view| {
            let claims = view.external_ips.iter().copied().chain(view.load_balancer_ips());
            let ip = claims.into_iter().find(|ip| dns.addresses().contains(ip))?;
            let mut finding = about(
                dns,
                Code::DnsServiceEdited,
                format!("{} claims {ip}, the address of {}", view.full_name(), dns.view.full_name()),
            );
            finding.reason = Some("claimed".into());
            finding.evidence.push(field_of(view.reference(), "spec.externalIPs", ip.to_string()));
            Some(finding)
        })
        .collect()
}

/// ST718: answers that do not fit into UDP have no way.
pub(super) fn tcp_or_size(context: &DnsContext<'_, '_>) -> Vec<Finding> {
    let setup = Setup::read(context);
    let mut found = Vec::new();
    if let Some(dns) =
        setup.service.as_ref().filter(|dns| dns.port(Protocol::Udp).is_some() && dns.port(Protocol::Tcp).is_none())
    {
        let mut finding = about(
            dns,
            Code::DnsTcpOrSize,
            format!("{} has no TCP port 53: answers that do not fit into UDP cannot be had", dns.view.full_name()),
        );
        finding.reason = Some("no-tcp-port".into());
        let ports: Vec<String> = dns.view.ports.iter().map(crate::cluster::PortView::label).collect();
        finding.evidence.push(field_of(dns.view.reference(), "spec.ports", words::list(&ports)));
        finding
            .details
            .push("resolvers ask again by TCP when an answer is cut (TC), as with very many addresses".into());
        found.push(finding);
    }
    for place in &context.snapshot.probes {
        let cut = place
            .probes
            .iter()
            .find(|probe| probe.transport == Transport::Udp && replies(probe).any(|reply| reply.truncated));
        let Some(cut) = cut else { continue };
        let by_tcp = |probe: &&Probe| {
            probe.transport == Transport::Tcp && probe.server == cut.server && probe.question == cut.question
        };
        let Some(tcp) = place.probes.iter().find(by_tcp).filter(|probe| replies(probe).next().is_none()) else {
            continue;
        };
        let server = cut.server.address.ip();
        let mut finding = Finding::new(
            Code::DnsTcpOrSize,
            format!("the answer of {server} to {} is cut, and TCP does not bring the rest", cut.question.name),
        );
        finding.reason = Some("cut".into());
        finding.node = Some(place.node.clone());
        for (probe, word) in [(cut, "udp: truncated"), (tcp, "tcp: no answer")] {
            let text = format!("{}, {} to {server} by {word}", place.words(), probe.question.name);
            finding.evidence.push(Evidence::Fact { node: Some(place.node.clone()), text });
        }
        finding.help = Some(format!("dig +tcp @{server} {}", words::shell(&cut.question.name)));
        found.push(finding);
        break;
    }
    found
}

fn replies(probe: &Probe) -> impl Iterator<Item = &crate::probe::Reply> {
    probe.tries.iter().filter_map(|one| match &one.outcome {
        Outcome::Answered(reply) => Some(reply),
        Outcome::Timeout
        | Outcome::Refused
        | Outcome::Unreachable { .. }
        | Outcome::WrongSource { .. }
        | Outcome::Error { .. }
        | Outcome::NotAsked { .. } => None,
    })
}
