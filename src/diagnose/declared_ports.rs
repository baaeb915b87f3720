//! ST106, ST108 and ST109: ports that the pods do not declare, or that an apply has lost.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Pod;
use serde_json::Value;

use crate::cluster::service::{TargetPort, port_number};
use crate::collect::allow::APPLIED;
use crate::report::{Code, Finding};
use crate::walk::packet::Protocol;

use super::context::{Context, field_of, pod_name, pod_ref};
use super::words;

/// A port that a container declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Declared {
    pub(super) number: u16,
    pub(super) protocol: Protocol,
}

/// Ports of a pod's containers and sidecars.
pub(super) fn declared(pod: &Pod) -> Vec<Declared> {
    let Some(spec) = &pod.spec else { return Vec::new() };
    let sidecars = spec.init_containers.iter().flatten().filter(|c| c.restart_policy.as_deref() == Some("Always"));
    let ports = spec.containers.iter().chain(sidecars).flat_map(|c| c.ports.iter().flatten());
    ports
        .filter_map(|port| {
            let protocol = Protocol::parse(port.protocol.as_deref().unwrap_or("TCP"))?;
            Some(Declared { number: port_number(port.container_port)?, protocol })
        })
        .collect()
}

fn texts(pods: &[&Pod]) -> String {
    let all: BTreeSet<String> = pods
        .iter()
        .flat_map(|pod| declared(pod))
        .map(|one| format!("{}/{}", one.number, one.protocol.as_str()))
        .collect();
    words::list(&all.into_iter().collect::<Vec<_>>())
}

/// ST106 and ST108: the target port is a number that the pods declare otherwise, or not.
pub(super) fn undeclared(context: &Context<'_, '_>) -> Vec<Finding> {
    let pods: Vec<&Pod> = context.selected_alive().collect();
    let mut found = Vec::new();
    for port in context.ports {
        let TargetPort::Number(number) = port.target else { continue };
        let declares_it =
            |pod: &Pod| declared(pod).iter().any(|one| one.number == number && one.protocol == port.protocol);
        // Who declares nothing says nothing.
        let Some(first) = pods.first().filter(|_| pods.iter().all(|pod| !declared(pod).is_empty())) else { continue };
        if pods.iter().any(|pod| declares_it(pod)) {
            continue;
        }
        let other = pods.iter().find_map(|pod| declared(pod).into_iter().find(|one| one.number == number));
        let mut finding = if let Some(other) = other {
            let summary = format!(
                "port {} is {}, and the pods declare {number} with {} alone",
                port.label(),
                port.protocol.as_str().to_ascii_uppercase(),
                other.protocol.as_str().to_ascii_uppercase()
            );
            context.finding(Code::ProtocolMismatch, summary)
        } else {
            let summary = format!("no selected pod declares target port {number}; they declare {}", texts(&pods));
            let mut finding = context.finding(Code::NumericTargetPortUndeclared, summary);
            finding.details.push("a declaration is information only: what the pods listen on decides".to_owned());
            finding
        };
        finding.reason = Some(port.label());
        finding.evidence.push(context.field("spec.ports[].targetPort", number.to_string()));
        finding.evidence.push(field_of(pod_ref(first), "spec.containers[].ports", texts(&[*first])));
        finding.help = Some(context.kubectl(&format!("describe pod {}", words::shell(pod_name(first)))));
        found.push(finding);
    }
    found
}

/// ST109: two ports with one number were applied, and one of them is there (kubernetes#39188: ports are merged by
/// number alone).
pub(super) fn lost_in_apply(context: &Context<'_, '_>) -> Vec<Finding> {
    let annotations = context.view.object.metadata.annotations.as_ref();
    let Some(applied) = annotations.and_then(|all| serde_json::from_str::<Value>(all.get(APPLIED)?).ok()) else {
        return Vec::new();
    };
    let ports = applied.pointer("/spec/ports").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let read = |port: &Value| {
        let number = u16::try_from(port.get("port")?.as_u64()?).ok()?;
        Some((number, Protocol::parse(port.get("protocol").and_then(Value::as_str).unwrap_or("TCP"))?))
    };
    let applied: Vec<(u16, Protocol)> = ports.iter().filter_map(read).collect();
    let is_there = |(number, protocol): &(u16, Protocol)| {
        context.view.ports.iter().any(|port| port.port == *number && port.protocol == *protocol)
    };
    let twice = |(number, protocol): &(u16, Protocol)| applied.iter().any(|(n, p)| n == number && p != protocol);
    let lost: Vec<String> = applied
        .iter()
        .filter(|port| twice(port) && !is_there(port))
        .map(|(number, protocol)| format!("{number}/{}", protocol.as_str()))
        .collect();
    if lost.is_empty() {
        return Vec::new();
    }
    let summary = format!("port {} was applied and is not there: its number stands once only", words::list(&lost));
    let mut finding = context.finding(Code::PortLostInApply, summary);
    let all: Vec<String> = applied.iter().map(|(number, protocol)| format!("{number}/{}", protocol.as_str())).collect();
    finding.evidence.push(context.field("last-applied-configuration spec.ports", all.join(", ")));
    let live: Vec<String> = context.view.ports.iter().map(crate::cluster::PortView::label).collect();
    finding.evidence.push(context.field("spec.ports", live.join(", ")));
    finding.details.push("kubectl apply merges ports by number alone; apply --server-side does not".to_owned());
    finding.help = Some(context.kubectl(&format!("get svc {} -o yaml", words::shell(context.view.name))));
    vec![finding]
}
