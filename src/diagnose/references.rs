//! ST820, ST824 and ST124: Ingresses, routes, webhooks and aggregated APIs that lead to a Service that is not there,
//! or that does not answer the control plane.

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::events::v1::Event;
use rustc_hash::FxHashMap;

use crate::cluster::ServiceView;
use crate::cluster::nearest;
use crate::cluster::referrers::{self, Referrer};
use crate::cluster::service::{Form, TargetPort};
use crate::collect::snapshot::Objects;
use crate::report::{Code, Confidence, Finding, ObjectRef};

use super::context::field_of;
use super::words;

/// What an API server writes where a webhook does not answer it (apiserver pkg/admission/plugin/webhook, errors).
const UNREACHABLE: [&str; 4] =
    ["context deadline exceeded", "i/o timeout", "no route to host", "Client.Timeout exceeded"];
/// Ports that the control plane of a private GKE cluster may reach on nodes without a rule of one's own.
const GKE_OPEN: [u16; 2] = [443, 10250];

/// ST820 and ST124: a reference to a Service, or to a port of it, that is not there.
pub(super) fn backend_invalid(objects: &Objects) -> Vec<Finding> {
    if !objects.is_whole("services") {
        return Vec::new();
    }
    let services: FxHashMap<(&str, &str), &Service> = objects
        .services()
        .iter()
        .filter_map(|one| Some(((one.metadata.namespace.as_deref()?, one.metadata.name.as_deref()?), one)))
        .collect();
    let found = |one: &Referrer| services.get(&(one.namespace.as_str(), one.service.as_str())).copied();
    referrers::all(objects).iter().filter_map(|one| invalid(objects, one, found(one))).collect()
}

fn invalid(objects: &Objects, referrer: &Referrer, service: Option<&Service>) -> Option<Finding> {
    let is_route = matches!(referrer.object.kind.as_str(), "Ingress" | "HTTPRoute" | "GRPCRoute");
    let name = format!("{}/{}", referrer.namespace, referrer.service);
    let mut finding = match service.map(ServiceView::new) {
        None => {
            let code = if is_route { Code::RouteBackendInvalid } else { Code::ServiceMissing };
            let mut finding =
                Finding::new(code, format!("{} leads to Service {name}, which does not exist", referrer.object));
            finding.reason = Some("no-service".to_owned());
            if let Some(near) = nearest::services(objects, &referrer.namespace, &referrer.service).first() {
                finding.details.push(format!("there is {near}"));
            }
            finding
        }
        Some(view) => {
            let wanted = referrer.port.as_deref()?;
            let has = |port: &crate::cluster::PortView<'_>| port.name == wanted || port.port.to_string() == wanted;
            if view.form == Form::ExternalName || view.ports.iter().any(has) {
                return None;
            }
            let ports: Vec<String> = view.ports.iter().map(crate::cluster::PortView::label).collect();
            let summary = format!(
                "{} leads to port {wanted} of Service {name}, which has {}",
                referrer.object,
                words::list(&ports)
            );
            let mut finding =
                Finding::new(if is_route { Code::RouteBackendInvalid } else { Code::PortNotInService }, summary);
            finding.reason = Some("no-port".to_owned());
            let target = view.ports.iter().find(|port| port.target.to_string() == wanted);
            if let Some(port) = target {
                finding
                    .details
                    .push(format!("{wanted} is the target port of {}: here stands the Service's own", port.label()));
            }
            finding.evidence.push(field_of(view.reference(), "spec.ports", ports.join(", ")));
            finding
        }
    };
    finding.object = Some(referrer.object.clone());
    let port = referrer.port.as_ref().map(|port| format!(":{port}")).unwrap_or_default();
    finding.evidence.insert(0, field_of(referrer.object.clone(), referrer.field.clone(), format!("{name}{port}")));
    finding.help = Some(get(&referrer.object));
    Some(finding)
}

/// `kubectl -n n get ingress shop -o yaml`.
fn get(object: &ObjectRef) -> String {
    let kind = object.kind.to_ascii_lowercase();
    let place =
        if object.namespace.is_empty() { String::new() } else { format!("-n {} ", words::shell(&object.namespace)) };
    format!("kubectl {place}get {kind} {} -o yaml", words::shell(&object.name))
}

/// ST824: an event says that the API server did not reach a webhook.
pub(super) fn control_plane_blocked(objects: &Objects) -> Vec<Finding> {
    let mut found: Vec<Finding> = Vec::new();
    let hooks: Vec<Referrer> = referrers::all(objects).into_iter().filter(|one| one.webhook.is_some()).collect();
    for event in objects.events().iter().rev() {
        let note = event.note.as_deref().unwrap_or_default();
        if !note.contains("failed calling webhook") || !UNREACHABLE.iter().any(|words| note.contains(words)) {
            continue;
        }
        let called = |hook: &&Referrer| {
            hook.webhook.as_ref().is_some_and(|name| note.contains(&format!("failed calling webhook \"{name}\"")))
        };
        let Some(hook) = hooks.iter().find(called) else { continue };
        if found.iter().any(|finding| finding.object.as_ref() == Some(&hook.object) && finding.reason == hook.webhook) {
            continue;
        }
        found.push(unreachable(objects, hook, event, note));
    }
    found
}

fn unreachable(objects: &Objects, hook: &Referrer, event: &Event, note: &str) -> Finding {
    let webhook = hook.webhook.as_deref().unwrap_or_default();
    let mut finding = Finding::new(
        Code::ControlPlaneToPodBlocked,
        format!("the API server does not reach webhook {webhook} at Service {}/{}", hook.namespace, hook.service),
    );
    finding.reason.clone_from(&hook.webhook);
    finding.object = Some(hook.object.clone());
    finding.confidence = Confidence::Likely;
    finding
        .details
        .push("it connects to the pod's port, often by another way than nodes do: a firewall must let it".to_owned());
    let view = ServiceView::find(objects, &hook.namespace, &hook.service);
    let port = view.as_ref().and_then(|view| {
        let wanted = hook.port.as_deref()?;
        view.ports.iter().find(|port| port.port.to_string() == wanted)
    });
    let gke = objects.nodes().iter().any(|node| {
        node.spec.as_ref().and_then(|spec| spec.provider_id.as_deref()).is_some_and(|id| id.starts_with("gce://"))
    });
    if let Some(TargetPort::Number(number)) = port.map(|port| port.target) {
        if gke && !GKE_OPEN.contains(&number) {
            finding.details.push(format!("a private GKE cluster opens 443 and 10250 alone; this is port {number}"));
        } else {
            finding.details.push(format!("the pod's port is {number}"));
        }
    }
    let (kind, namespace, name) = event.regarding.as_ref().map_or(("", "", ""), |about| {
        (
            about.kind.as_deref().unwrap_or_default(),
            about.namespace.as_deref().unwrap_or_default(),
            about.name.as_deref().unwrap_or_default(),
        )
    });
    finding.evidence.push(field_of(ObjectRef::new(kind, namespace, name), "event", note));
    finding.evidence.push(field_of(
        hook.object.clone(),
        hook.field.clone(),
        format!("{}/{}", hook.namespace, hook.service),
    ));
    if let Some(view) = view {
        finding.evidence.push(field_of(
            view.reference(),
            "spec.ports",
            view.ports.iter().map(crate::cluster::PortView::label).collect::<Vec<_>>().join(", "),
        ));
    }
    finding.help = Some(format!(
        "kubectl -n {} get endpointslices -l kubernetes.io/service-name={}",
        words::shell(&hook.namespace),
        words::shell(&hook.service)
    ));
    finding
}
