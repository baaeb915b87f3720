//! ST202, ST203, ST205, ST206 and ST207: slices that are missing, wrong, or written by hand and not usable.

use std::net::IpAddr;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::discovery::v1::EndpointSlice;

use crate::cluster::ServiceView;
use crate::cluster::endpoints::{port_words, slice_service};
use crate::cluster::readiness::{addresses, is_ready};
use crate::cluster::service::Form;
use crate::cluster::why_not::WhyNot;
use crate::report::{Code, Confidence, Finding, ObjectRef, Severity};

use super::context::{Context, field_of, pod_ref};
use super::words;

/// Label that says who writes a slice.
pub(super) const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";
/// The controller that writes slices from pods.
const CONTROLLER: &str = "endpointslice-controller.k8s.io";
/// The controller that copies v1 Endpoints into slices.
pub(super) const MIRROR: &str = "endpointslicemirroring-controller.k8s.io";
/// Seconds that the controller may take to see a change.
const GRACE: i64 = 10;

pub(super) fn managed_by(slice: &EndpointSlice) -> Option<&str> {
    slice.metadata.labels.as_ref().and_then(|l| l.get(MANAGED_BY)).map(String::as_str)
}

fn is_controllers(slice: &EndpointSlice) -> bool {
    managed_by(slice) == Some(CONTROLLER)
}

/// The command that opens what a slice is made from: what is mirrored is overwritten, so its Endpoints.
fn edit(context: &Context<'_, '_>, slice: &EndpointSlice) -> String {
    let (kind, name) = match slice_service(slice).filter(|_| managed_by(slice) == Some(MIRROR)) {
        Some(endpoints) => ("endpoints", endpoints),
        None => ("endpointslice", slice.metadata.name.as_deref().unwrap_or_default()),
    };
    context.kubectl(&format!("edit {kind} {}", words::shell(name)))
}

pub(super) fn slice_ref(slice: &EndpointSlice) -> ObjectRef {
    let metadata = &slice.metadata;
    ObjectRef::new(
        "EndpointSlice",
        metadata.namespace.as_deref().unwrap_or_default(),
        metadata.name.as_deref().unwrap_or_default(),
    )
}

/// Selected pods that have been ready for longer than the controller needs.
fn settled_ready<'snap>(context: &Context<'_, 'snap>) -> Vec<&'snap Pod> {
    let since_ready = |pod: &Pod| {
        let conditions = pod.status.as_ref().and_then(|s| s.conditions.as_deref()).unwrap_or_default();
        let ready = conditions.iter().find(|c| c.type_ == "Ready");
        context.age(ready.and_then(|c| c.last_transition_time.as_ref()))
    };
    context.selected_alive().filter(|pod| is_ready(pod) && since_ready(pod).is_none_or(|age| age > GRACE)).collect()
}

/// ST202: ready pods, and nobody wrote a slice.
pub(super) fn slice_missing_or_late(context: &Context<'_, '_>) -> Vec<Finding> {
    let view = context.view;
    if view.form == Form::ExternalName || context.objects.slices.is_none() || !context.endpoints.slices.is_empty() {
        return Vec::new();
    }
    let pods = settled_ready(context);
    let Some(first) = pods.first() else { return Vec::new() };
    let mut finding = context.finding(
        Code::SliceMissingOrLate,
        format!(
            "{} ready, and the Service has no EndpointSlice",
            if pods.len() == 1 { "1 pod is".into() } else { format!("{} pods are", pods.len()) }
        ),
    );
    // One reading cannot tell late from never.
    finding.confidence = Confidence::Likely;
    finding.share_ppm = Some(1_000_000);
    finding.details.push(
        "kube-controller-manager writes the slices: it may be down or behind; its lease says when it was last alive"
            .into(),
    );
    finding.evidence.push(context.field("spec.selector", view.selector_text().unwrap_or_default()));
    finding.evidence.push(field_of(pod_ref(first), "status.conditions", "Ready True"));
    finding.help = Some("kubectl -n kube-system get lease kube-controller-manager -o yaml".into());
    vec![finding]
}

/// ST203: a slice holds a pod that is gone or has another address, or lacks one that is ready.
pub(super) fn slice_disagrees_with_pods(context: &Context<'_, '_>) -> Vec<Finding> {
    let view = context.view;
    let slices: Vec<&EndpointSlice> =
        context.endpoints.slices.iter().copied().filter(|slice| is_controllers(slice)).collect();
    if view.selector.is_none() || view.form == Form::ExternalName || context.objects.pods.is_none() || slices.is_empty()
    {
        return Vec::new();
    }
    let mut wrong: Vec<(String, String, &EndpointSlice)> = Vec::new();
    let mut listed: Vec<&str> = Vec::new();
    for slice in &slices {
        for endpoint in slice.endpoints.as_deref().unwrap_or_default() {
            listed.extend(endpoint.addresses.iter().map(String::as_str));
            let reference = endpoint.target_ref.as_ref().filter(|t| t.kind.as_deref() == Some("Pod"));
            let (Some(name), Some(address)) = (reference.and_then(|t| t.name.as_deref()), endpoint.addresses.first())
            else {
                continue;
            };
            match context.endpoints.pod(name) {
                // Pods without the labels need not have been read.
                None => wrong.push((
                    format!("{address} is pod {name}, which is gone or no longer selected"),
                    format!("{address} Pod {name}"),
                    slice,
                )),
                Some(pod) => {
                    let has = addresses(pod);
                    if !has.is_empty() && !has.contains(&address.as_str()) {
                        let words = format!("{address} is pod {name}, which has {}", has.join(", "));
                        wrong.push((words, format!("{address} Pod {name}"), slice));
                    }
                }
            }
        }
    }
    let absent: Vec<&Pod> = settled_ready(context)
        .into_iter()
        .filter(|pod| addresses(pod).first().is_some_and(|_| addresses(pod).iter().all(|ip| !listed.contains(ip))))
        .collect();
    if wrong.is_empty() && absent.is_empty() {
        return Vec::new();
    }
    let mut parts = Vec::new();
    if !wrong.is_empty() {
        parts.push(if wrong.len() == 1 {
            "1 endpoint does not fit its pod".to_owned()
        } else {
            format!("{} endpoints do not fit their pods", wrong.len())
        });
    }
    if !absent.is_empty() {
        parts.push(format!(
            "{} in no slice",
            if absent.len() == 1 { "1 ready pod is".into() } else { format!("{} ready pods are", absent.len()) }
        ));
    }
    let mut finding = context.finding(Code::SliceDisagreesWithPods, parts.join(", "));
    finding.confidence = Confidence::Likely;
    finding.reason = Some(if wrong.is_empty() { "pod-absent" } else { "pod-gone" }.into());
    for (words, value, slice) in wrong.iter().take(3) {
        finding.details.push(words.clone());
        finding.evidence.push(field_of(slice_ref(slice), "endpoints[].targetRef", value.clone()));
    }
    for pod in absent.iter().take(3) {
        finding.evidence.push(field_of(pod_ref(pod), "status.podIP", addresses(pod).join(", ")));
    }
    finding.details.push(
        "seen once: the objects may have changed between two reads, or kube-controller-manager is down or behind"
            .into(),
    );
    finding.help = Some(context.get_slices());
    vec![finding]
}

/// ST205: slices serve ports, and none by the name of the Service's port.
pub(super) fn slice_port_name_mismatch(context: &Context<'_, '_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for port in context.ports {
        if context.is_port_served(port) {
            continue;
        }
        // What the controller writes has the Service's own names: there a named target port is missing instead.
        let mut foreign = context.endpoints.slices.iter().copied().filter(|slice| {
            !is_controllers(slice)
                && slice.endpoints.as_deref().is_some_and(|e| !e.is_empty())
                && slice.address_type != "FQDN"
        });
        let Some(slice) = foreign.next() else { continue };
        let left =
            context.view.families().into_iter().flat_map(|family| context.endpoints.anywhere(port, family).left_out);
        if !left.into_iter().any(|l| matches!(l.why, WhyNot::PortNotServed(_))) {
            continue;
        }
        let served: Vec<String> = slice.ports.as_deref().unwrap_or_default().iter().map(port_words).collect();
        let has = if served.is_empty() { "no port".to_owned() } else { words::list(&served) };
        let protocol = port.protocol.as_str();
        let wanted = if port.name.is_empty() {
            format!("an unnamed {protocol} port")
        } else {
            format!("a {protocol} port named {}", port.name)
        };
        let mut finding = context.finding(
            Code::SlicePortNameMismatch,
            format!(
                "slice {} has {has}; port {} needs {wanted}",
                slice.metadata.name.as_deref().unwrap_or_default(),
                port.label()
            ),
        );
        finding.share_ppm = Some(1_000_000);
        finding.details.push("kube-proxy joins the two by name and protocol, not by number".into());
        finding.evidence.push(field_of(slice_ref(slice), "ports", has));
        finding.evidence.push(context.field("spec.ports", port.label()));
        finding.help = Some(edit(context, slice));
        found.push(finding);
    }
    found
}

/// ST206: a slice that seems to be meant for this Service and does not say so.
pub(super) fn orphan_slice(context: &Context<'_, '_>) -> Vec<Finding> {
    let name = context.view.name;
    if context.is_served() || context.view.form == Form::ExternalName {
        return Vec::new();
    }
    let seems_meant = |slice: &&EndpointSlice| {
        let own = slice.metadata.name.as_deref().unwrap_or_default();
        let like = own.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
        let label = slice_service(slice);
        // One that names another Service, though not one that exists, was meant for this by its name.
        let free = label.is_none_or(|other| {
            other != name && ServiceView::find(context.objects, context.view.namespace, other).is_none()
        });
        slice.metadata.namespace.as_deref() == Some(context.view.namespace) && like && free
    };
    let found = context.objects.slices().iter().filter(seems_meant).map(|slice| {
        let own = slice.metadata.name.as_deref().unwrap_or_default();
        let label = slice_service(slice);
        let says = label.map_or_else(
            || "has no label kubernetes.io/service-name".to_owned(),
            |other| format!("is labelled for Service {other}, which does not exist"),
        );
        let mut finding = context.finding(Code::OrphanSlice, format!("slice {own} {says}: it belongs to no Service"));
        finding.reason = Some(if label.is_none() { "no-label" } else { "no-such-service" }.into());
        finding.confidence = Confidence::Likely;
        finding.evidence.push(field_of(
            slice_ref(slice),
            "metadata.labels",
            label.unwrap_or("no kubernetes.io/service-name"),
        ));
        finding.help = Some(context.kubectl(&format!(
            "label endpointslice {} --overwrite {}",
            words::shell(own),
            words::shell(&format!("kubernetes.io/service-name={name}"))
        )));
        finding
    });
    found.collect()
}

/// ST207: an endpoint written by hand that no packet can reach.
pub(super) fn custom_endpoint_invalid(context: &Context<'_, '_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for slice in context.endpoints.slices.iter().copied().filter(|slice| !is_controllers(slice)) {
        let endpoints = slice.endpoints.as_deref().unwrap_or_default();
        let mut bad: Vec<(String, String)> = Vec::new();
        for address in endpoints.iter().filter_map(|e| e.addresses.first()) {
            if slice.address_type == "FQDN" {
                bad.push((address.clone(), "it is a host name, and kube-proxy ignores addressType FQDN".into()));
            } else if let Some(why) = address.parse().ok().and_then(|ip| cannot_work(context, ip)) {
                bad.push((address.clone(), why));
            }
        }
        let Some((address, why)) = bad.first() else { continue };
        let others = if bad.len() > 1 { format!(", and {} more", bad.len() - 1) } else { String::new() };
        let mut finding =
            context.finding(Code::CustomEndpointInvalid, format!("endpoint {address} cannot work: {why}{others}"));
        finding.severity = if bad.len() == endpoints.len() { Severity::Error } else { Severity::Warning };
        let quoted: Vec<&str> = bad.iter().map(|(address, _)| address.as_str()).collect();
        finding.evidence.push(field_of(slice_ref(slice), "addressType", slice.address_type.clone()));
        finding.evidence.push(field_of(slice_ref(slice), "endpoints[].addresses", words::list(&quoted)));
        finding.help = Some(edit(context, slice));
        if slice.address_type == "FQDN" {
            finding.details.push(
                "a host name belongs in a Service of type ExternalName; the addressType of a slice cannot be changed"
                    .into(),
            );
            finding.help = Some(context.get_slices());
        }
        found.push(finding);
    }
    found
}

/// Why an address cannot be an endpoint (validation of discovery/v1 refuses most of them; mirrored and old ones exist).
fn cannot_work(context: &Context<'_, '_>, ip: IpAddr) -> Option<String> {
    let link_local = match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    if ip.is_loopback() {
        return Some("it is the loopback of whatever node the packet is on".into());
    }
    if link_local {
        return Some("it is link-local".into());
    }
    if ip.is_multicast() || ip.is_unspecified() {
        return Some("it is no address of a host".into());
    }
    context
        .index
        .with_cluster_ip(ip)
        .map(|view| format!("it is the cluster IP of {}, and an address is translated once", view.full_name()))
}
