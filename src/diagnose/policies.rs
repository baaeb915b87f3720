//! ST180, ST181, ST183 and ST185: NetworkPolicies between a client and the pods behind a Service.

use std::net::{IpAddr, SocketAddr};

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::cluster::network_policy::{Direction, Peer, PodPort, Policies, port_rules};
use crate::cluster::service::port_number;
use crate::collect::snapshot::Objects;
use crate::report::{Code, Confidence, Finding, ObjectRef, Origin, Severity};
use crate::walk::packet::Protocol;

use super::context::{Context, field_of, pod_name};
use super::words;

/// What has to be true for a policy to matter, said wherever it is taken for granted.
const ASSUMED: &str = "assumed that the network plugin enforces NetworkPolicies, and that nothing else allows more";

/// The policies, where the Service's namespace has any.
fn here<'snap>(context: &Context<'_, 'snap>) -> Option<Policies<'snap>> {
    Policies::of(context.objects).filter(|policies| policies.has_any_in(context.view.namespace))
}

/// A pod that takes connections of the Service.
struct Behind<'snap> {
    pod: &'snap Pod,
    address: SocketAddr,
    protocol: Protocol,
}

impl Behind<'_> {
    fn port(&self) -> PodPort<'_> {
        PodPort { number: self.address.port(), protocol: self.protocol, pod: Some(self.pod) }
    }
}

fn behind<'snap>(context: &Context<'_, 'snap>) -> Vec<Behind<'snap>> {
    let mut all = Vec::new();
    for port in context.ports {
        for family in context.view.families() {
            let sorted = context.endpoints.anywhere(port, family);
            for endpoint in sorted.all.iter().filter(|endpoint| sorted.cluster.contains(&endpoint.address)) {
                let pod = endpoint.pod.filter(|(namespace, _)| *namespace == context.view.namespace);
                if let Some(pod) = pod.and_then(|(_, name)| context.endpoints.pod(name)) {
                    all.push(Behind { pod, address: endpoint.address, protocol: port.protocol });
                }
            }
        }
    }
    all
}

/// The pod that the question names as the client.
fn client<'snap>(context: &Context<'_, 'snap>) -> Option<(&'snap Pod, IpAddr)> {
    let client = context.client.filter(|client| client.origin == Origin::Pod)?;
    let (namespace, name) = client.name.as_deref()?.split_once('/')?;
    let pod = context.objects.pods().iter().find(|pod| {
        pod.metadata.namespace.as_deref() == Some(namespace) && pod.metadata.name.as_deref() == Some(name)
    })?;
    Some((pod, client.address))
}

/// ST180: no rule lets the client in to the pods; or nobody at all.
pub(super) fn ingress_denies(context: &Context<'_, '_>) -> Vec<Finding> {
    let Some(policies) = here(context).filter(|_| without_enforcer(context.objects).is_none()) else {
        return Vec::new();
    };
    let behind = behind(context);
    let client = client(context);
    let nobody =
        |one: &&Behind<'_>| policies.allow(one.pod, Direction::Ingress, Peer::Anybody, one.port()) == Some(false);
    let this = |one: &&Behind<'_>| {
        client
            .filter(|(pod, _)| pod.metadata.uid != one.pod.metadata.uid || pod.metadata.name != one.pod.metadata.name)
            .is_some_and(|(pod, ip)| {
                policies.allow(one.pod, Direction::Ingress, Peer::Pod(pod, ip), one.port()) == Some(false)
            })
    };
    let shut_to_all: Vec<&Behind<'_>> = behind.iter().filter(nobody).collect();
    let (shut, reason) = if shut_to_all.is_empty() {
        (behind.iter().filter(this).collect::<Vec<_>>(), "client")
    } else {
        (shut_to_all, "nobody")
    };
    let Some(first) = shut.first() else { return Vec::new() };
    let places = places(&shut, behind.len());
    let summary = match client.filter(|_| reason == "client") {
        Some((pod, _)) => format!("no NetworkPolicy lets pod {} in to {places}", pod_name(pod)),
        None => format!("no NetworkPolicy lets anybody in to {places}"),
    };
    let isolating = policies.isolating(first.pod, Direction::Ingress);
    vec![denied(
        context,
        Code::NetpolIngressDenies,
        reason,
        summary,
        &shut,
        behind.len(),
        &isolating,
        Direction::Ingress,
    )]
}

/// ST181: no rule lets the client pod out to the pods.
pub(super) fn egress_denies(context: &Context<'_, '_>) -> Vec<Finding> {
    let Some(policies) = Policies::of(context.objects).filter(|_| without_enforcer(context.objects).is_none()) else {
        return Vec::new();
    };
    let Some((pod, _)) = client(context) else { return Vec::new() };
    let isolating = policies.isolating(pod, Direction::Egress);
    // Whether an ipBlock sees the address before or after its translation is left open (network-policies, "ipBlock").
    let by_address = context.ports.iter().any(|port| {
        context.view.cluster_ips.iter().any(|ip| {
            let port = PodPort { number: port.port, protocol: port.protocol, pod: None };
            policies.allow(pod, Direction::Egress, Peer::Address(*ip), port) != Some(false)
        })
    });
    if isolating.is_empty() || by_address {
        return Vec::new();
    }
    let behind = behind(context);
    let shut: Vec<&Behind<'_>> = behind
        .iter()
        .filter(|one| one.pod.metadata.name != pod.metadata.name)
        .filter(|one| {
            let to = Peer::Pod(one.pod, one.address.ip());
            policies.allow(pod, Direction::Egress, to, one.port()) == Some(false)
        })
        .collect();
    if shut.is_empty() {
        return Vec::new();
    }
    let summary = format!("no NetworkPolicy lets pod {} out to {}", pod_name(pod), places(&shut, behind.len()));
    vec![denied(
        context,
        Code::NetpolEgressDenies,
        "client",
        summary,
        &shut,
        behind.len(),
        &isolating,
        Direction::Egress,
    )]
}

/// `port 8080/tcp of 2 of 3 pods`.
fn places(shut: &[&Behind<'_>], all: usize) -> String {
    let mut ports: Vec<String> =
        shut.iter().map(|one| format!("{}/{}", one.address.port(), one.protocol.as_str())).collect();
    ports.sort();
    ports.dedup();
    let many = if ports.len() == 1 { "port" } else { "ports" };
    let of =
        if shut.len() == all { words::count(all, "endpoint") } else { format!("{} of {all} endpoints", shut.len()) };
    format!("{many} {} of {of}", words::list(&ports))
}

#[allow(clippy::too_many_arguments, reason = "the parts of one sentence")]
fn denied(
    context: &Context<'_, '_>,
    code: Code,
    reason: &str,
    summary: String,
    shut: &[&Behind<'_>],
    all: usize,
    isolating: &[&NetworkPolicy],
    direction: Direction,
) -> Finding {
    let mut finding = context.finding(code, summary);
    finding.reason = Some(reason.to_owned());
    finding.confidence = Confidence::Likely;
    if shut.len() < all {
        finding.severity = Severity::Warning;
    }
    let names: Vec<&str> = isolating.iter().map(|policy| name(policy)).collect();
    finding.details.push(format!("isolated by {}: what no rule of them names is dropped", words::list(&names)));
    if code == Code::NetpolIngressDenies {
        finding.details.push("their own node usually gets in, so its probes pass".to_owned());
    }
    finding.details.push(ASSUMED.to_owned());
    for policy in isolating {
        finding.evidence.push(field_of(reference(policy), "spec", text(policy, direction)));
    }
    finding.help = isolating.first().map(|policy| {
        let namespace = policy.metadata.namespace.as_deref().unwrap_or_default();
        format!("kubectl -n {} describe networkpolicy {}", words::shell(namespace), words::shell(name(policy)))
    });
    finding
}

/// ST183: a policy names the Service's port, and the pods listen on another.
pub(super) fn uses_service_port(context: &Context<'_, '_>) -> Vec<Finding> {
    let Some(policies) = here(context) else { return Vec::new() };
    let mut found: Vec<Finding> = Vec::new();
    for one in behind(context) {
        for policy in policies.isolating(one.pod, Direction::Ingress) {
            for port in context.ports {
                let named = |rule: &&k8s_openapi::api::networking::v1::NetworkPolicyPort| {
                    rule.port == Some(IntOrString::Int(i32::from(port.port)))
                        && rule.end_port.is_none()
                        && Protocol::parse(rule.protocol.as_deref().unwrap_or("TCP")) == Some(port.protocol)
                };
                let differs = one.protocol == port.protocol && one.address.port() != port.port;
                if !differs
                    || declares(one.pod, port.port)
                    || port_rules(policy, Direction::Ingress).find(named).is_none()
                {
                    continue;
                }
                let object = reference(policy);
                if found.iter().any(|finding| {
                    finding
                        .evidence
                        .iter()
                        .any(|e| matches!(e, crate::report::Evidence::Field { object: o, .. } if *o == object))
                }) {
                    continue;
                }
                let summary = format!(
                    "NetworkPolicy {} allows port {}, which is the Service's: the pods get packets on {}",
                    name(policy),
                    port.port,
                    one.address.port()
                );
                let mut finding = context.finding(Code::NetpolUsesServicePort, summary);
                finding.reason = Some(name(policy).to_owned());
                finding.details.push("policies see a connection after its address was translated".to_owned());
                finding.evidence.push(field_of(object, "spec.ingress[].ports[].port", port.port.to_string()));
                finding.evidence.push(context.field("spec.ports[].targetPort", port.target.to_string()));
                finding.help = Some(context.kubectl(&format!("edit networkpolicy {}", words::shell(name(policy)))));
                found.push(finding);
            }
        }
    }
    found
}

/// Whether a container of the pod declares this number, in whatever protocol.
fn declares(pod: &Pod, number: u16) -> bool {
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    containers.flat_map(|one| one.ports.iter().flatten()).any(|port| port_number(port.container_port) == Some(number))
}

/// ST185: policies are there, and no agent that enforces them is known to run.
pub(super) fn not_enforced(context: &Context<'_, '_>) -> Vec<Finding> {
    let Some(policies) = here(context) else { return Vec::new() };
    let Some(plugin) = without_enforcer(context.objects) else { return Vec::new() };
    let behind = behind(context);
    let isolating: Vec<&NetworkPolicy> =
        behind.iter().flat_map(|one| policies.isolating(one.pod, Direction::Ingress)).collect();
    let Some(first) = isolating.first() else { return Vec::new() };
    let summary = format!("NetworkPolicy {} selects the pods, and flannel enforces none", name(first));
    let mut finding = context.finding(Code::NetpolNotEnforced, summary);
    finding.confidence = Confidence::Possible;
    finding.details.push("an agent that enforces policies under a name of its own would not be known here".to_owned());
    finding.evidence.push(field_of(reference(first), "spec", text(first, Direction::Ingress)));
    finding.evidence.push(field_of(super::context::pod_ref(plugin), "metadata.name", pod_name(plugin)));
    finding.help = Some("kubectl -n kube-system get daemonsets".to_owned());
    vec![finding]
}

/// A pod of flannel, where the known proxies and plugins are kube-proxy and flannel alone: flannel has no enforcer
/// (flannel README, "flannel does not … network policy").
fn without_enforcer(objects: &Objects) -> Option<&Pod> {
    let known = objects.proxies.as_deref()?;
    let is = |pod: &&Pod, what: &str| pod_name(pod).starts_with(what);
    let flannel = known.iter().find(|pod| is(pod, "kube-flannel-"))?;
    known.iter().all(|pod| is(&pod, "kube-flannel-") || is(&pod, "kube-proxy-")).then_some(flannel)
}

fn name(policy: &NetworkPolicy) -> &str {
    policy.metadata.name.as_deref().unwrap_or_default()
}

fn reference(policy: &NetworkPolicy) -> ObjectRef {
    ObjectRef::new("NetworkPolicy", policy.metadata.namespace.as_deref().unwrap_or_default(), name(policy))
}

/// The rules of one direction as they stand, in one line: `podSelector {}, ingress: none`.
fn text(policy: &NetworkPolicy, direction: Direction) -> String {
    let Some(spec) = &policy.spec else { return String::new() };
    let json = |value: serde_json::Result<String>| value.unwrap_or_default();
    let selector = json(serde_json::to_string(&spec.pod_selector.clone().unwrap_or_default()));
    let rules = match direction {
        Direction::Ingress => spec.ingress.as_ref().map(|rules| json(serde_json::to_string(rules))),
        Direction::Egress => spec.egress.as_ref().map(|rules| json(serde_json::to_string(rules))),
    };
    let word = direction.as_str().to_ascii_lowercase();
    format!("podSelector {selector}, {word} {}", rules.unwrap_or_else(|| "none".to_owned()))
}
