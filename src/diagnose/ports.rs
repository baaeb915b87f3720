//! ST104, ST105, ST110 and ST114: ports that are not what they are taken for.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Pod;

use crate::cluster::PortView;
use crate::cluster::nearest::closest;
use crate::cluster::service::{Form, TargetPort};
use crate::cluster::summary::container_port;
use crate::query::Port;
use crate::report::{Code, Finding, Severity};

use super::context::{Context, field_of, pod_name, pod_ref};
use super::words;

/// ST104: targetPort is a name that the selected pods do not declare.
pub(super) fn named_target_port_missing(context: &Context<'_, '_>) -> Vec<Finding> {
    let pods: Vec<&Pod> = context.selected_alive().collect();
    let mut found = Vec::new();
    for port in context.ports {
        let TargetPort::Name(name) = port.target else { continue };
        let lacking: Vec<&Pod> = pods.iter().copied().filter(|pod| container_port(pod, name, port).is_none()).collect();
        let Some(first) = lacking.first() else { continue };
        let protocol = port.protocol.as_str().to_ascii_uppercase();
        let all = lacking.len() == pods.len();
        let summary = if all {
            format!("no selected pod declares a {protocol} port named {name}, the target of port {}", port.label())
        } else {
            let declare = if lacking.len() == 1 { "declares" } else { "declare" };
            format!("{} of {} selected pods {declare} no {protocol} port named {name}", lacking.len(), pods.len())
        };
        let mut finding = context.finding(Code::NamedTargetPortMissing, summary);
        finding.severity = if all { Severity::Error } else { Severity::Warning };
        finding.share_ppm = all.then_some(1_000_000);
        finding.evidence.push(context.field(format!("{}.targetPort", path_of(context, port)), name));
        finding.evidence.push(field_of(pod_ref(first), "spec.containers[].ports", declared_words(first)));
        if !all {
            let names: Vec<&str> = lacking.iter().map(|pod| pod_name(pod)).collect();
            finding.details.push(format!("no traffic goes to {}", words::list(&names)));
        }
        let declared = declared(first);
        let names: Vec<&str> = declared.iter().filter(|d| d.2.eq_ignore_ascii_case(&protocol)).map(|d| d.0).collect();
        let only = match names.as_slice() {
            [only] => Some(*only),
            _ => None,
        };
        let near = closest(name, names.iter().copied()).or(only);
        if let Some(near) = near {
            finding.details.push(format!("{} {near}", if lacking.len() == 1 { "it declares" } else { "they declare" }));
        }
        // What fits the pods without the name would take the port from those that have it.
        finding.help = Some(match near.filter(|_| all) {
            Some(near) => retarget(context, port, near),
            None => context.kubectl(&format!(
                "get pod {} -o jsonpath='{{.spec.containers[*].ports}}'",
                words::shell(pod_name(first))
            )),
        });
        if let Some(other) = declared.iter().find(|d| d.0 == name) {
            finding
                .details
                .push(format!("{name} is declared with protocol {}: name and protocol must both fit", other.2));
        }
        found.push(finding);
    }
    found
}

/// ST105: one name, several numbers.
pub(super) fn named_target_port_differs(context: &Context<'_, '_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for port in context.ports {
        let TargetPort::Name(name) = port.target else { continue };
        let mut numbers: BTreeMap<u16, Vec<&Pod>> = BTreeMap::new();
        for pod in context.selected_alive() {
            if let Some(number) = container_port(pod, name, port) {
                numbers.entry(number).or_default().push(pod);
            }
        }
        if numbers.len() < 2 {
            continue;
        }
        let words: Vec<String> =
            numbers.iter().map(|(number, pods)| format!("{number} in {}", words::count(pods.len(), "pod"))).collect();
        let summary = format!("target port {name} is {}", words.join(" and "));
        let mut finding = context.finding(Code::NamedTargetPortDiffers, summary);
        finding.details.push("each pod is reached on its own number; during a roll-out that is as it should be".into());
        finding.evidence.push(context.field(format!("{}.targetPort", path_of(context, port)), name));
        for pod in numbers.values().filter_map(|pods| pods.first()) {
            finding.evidence.push(field_of(pod_ref(pod), "spec.containers[].ports", declared_words(pod)));
        }
        finding.help = Some(context.get_slices());
        found.push(finding);
    }
    found
}

/// ST110: the port that was asked for is none of the Service's.
pub(super) fn port_not_in_service(context: &Context<'_, '_>) -> Vec<Finding> {
    let Some(asked) = context.missing else { return Vec::new() };
    let view = context.view;
    let labels: Vec<String> = view.ports.iter().map(PortView::label).collect();
    let has = if labels.is_empty() { "no port".to_owned() } else { words::list(&labels) };
    let mut finding = context.finding(
        Code::PortNotInService,
        format!("port {asked} is not in Service {}, which has {has}", view.full_name()),
    );
    finding.evidence.push(context.field("spec.ports", labels.join(", ")));
    let other_protocol = view.ports.iter().find(|port| match &asked.port {
        Some(Port::Number(number)) => port.port == *number,
        Some(Port::Name(name)) => port.name == name,
        None => false,
    });
    let meant = match &asked.port {
        _ if other_protocol.is_some() => other_protocol.inspect(|port| {
            finding.details.push(format!("that port is {} here", port.protocol.as_str().to_ascii_uppercase()));
        }),
        Some(Port::Number(number)) => view
            .ports
            .iter()
            .find(|port| port.target == TargetPort::Number(*number))
            .inspect(|port| {
                finding.details.push(format!(
                    "{number} is the target port of {}: clients use {}",
                    port.label(),
                    port.port
                ));
            })
            .or_else(|| {
                view.ports.iter().find(|port| port.node_port == Some(*number)).inspect(|port| {
                    finding.details.push(format!(
                        "{number} is the node port of {}: it is on nodes, not on this address",
                        port.label()
                    ));
                })
            }),
        Some(Port::Name(name)) => {
            let near = closest(name, view.ports.iter().map(|port| port.name));
            view.ports.iter().find(|port| Some(port.name) == near)
        }
        None => None,
    };
    let port = meant
        .or(view.ports.first())
        .map(|port| if port.name.is_empty() { port.port.to_string() } else { port.name.to_owned() });
    finding.help = port.map(|port| {
        format!(
            "kubectl svc-trace -n {} {}",
            words::shell(view.namespace),
            words::shell(&format!("{}:{port}", view.name))
        )
    });
    vec![finding]
}

/// ST114: a headless Service does not translate ports.
pub(super) fn headless_port_remap(context: &Context<'_, '_>) -> Vec<Finding> {
    if context.view.form != Form::Headless {
        return Vec::new();
    }
    let mut found = Vec::new();
    for port in context.ports {
        let target = match port.target {
            TargetPort::Number(number) => Some(number),
            TargetPort::Name(name) => context.selected_alive().find_map(|pod| container_port(pod, name, port)),
        };
        let Some(target) = target.filter(|target| *target != port.port) else { continue };
        let summary =
            format!("port {} of this headless Service does not lead to {target}: nothing translates it", port.port);
        let mut finding = context.finding(Code::HeadlessPortRemapIgnored, summary);
        finding.details.push(format!("its name resolves to the pods themselves: clients must use port {target}"));
        finding.evidence.push(context.field("spec.clusterIP", "None"));
        let at = path_of(context, port);
        finding.evidence.push(context.field(format!("{at}.port"), port.port.to_string()));
        finding.evidence.push(context.field(format!("{at}.targetPort"), port.target.to_string()));
        finding.help = Some(context.get_slices());
        found.push(finding);
    }
    found
}

/// `spec.ports[1]`.
fn path_of(context: &Context<'_, '_>, port: &PortView<'_>) -> String {
    format!("spec.ports[{}]", index_of(context, port))
}

fn index_of(context: &Context<'_, '_>, port: &PortView<'_>) -> usize {
    let ports = context.view.object.spec.as_ref().and_then(|s| s.ports.as_deref()).unwrap_or_default();
    let is_it = |p: &k8s_openapi::api::core::v1::ServicePort| {
        p.name.as_deref().unwrap_or_default() == port.name
            && p.port == i32::from(port.port)
            && p.protocol.as_deref().unwrap_or("TCP").eq_ignore_ascii_case(port.protocol.as_str())
    };
    ports.iter().position(is_it).unwrap_or_default()
}

fn retarget(context: &Context<'_, '_>, port: &PortView<'_>, target: &str) -> String {
    let pointer = format!("/spec/ports/{}/targetPort", index_of(context, port));
    let patch = serde_json::json!([{"op": "replace", "path": pointer, "value": target}]).to_string();
    context.kubectl(&format!("patch svc {} --type=json -p {}", words::shell(context.view.name), words::shell(&patch)))
}

/// Name, number and protocol of each container port.
fn declared(pod: &Pod) -> Vec<(&str, i32, &str)> {
    let containers = pod.spec.as_ref().map(|s| s.containers.as_slice()).unwrap_or_default();
    containers
        .iter()
        .flat_map(|c| c.ports.as_deref().unwrap_or_default())
        .map(|p| (p.name.as_deref().unwrap_or_default(), p.container_port, p.protocol.as_deref().unwrap_or("TCP")))
        .collect()
}

fn declared_words(pod: &Pod) -> String {
    let words: Vec<String> = declared(pod)
        .into_iter()
        .map(
            |(name, number, protocol)| {
                if name.is_empty() { format!("{number}/{protocol}") } else { format!("{name} {number}/{protocol}") }
            },
        )
        .collect();
    if words.is_empty() { "none".into() } else { words.join(", ") }
}
