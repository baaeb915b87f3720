//! ST120, ST121, ST122 and ST124: aliases that cannot work as they are written.

use std::net::IpAddr;

use crate::cluster::nearest;
use crate::cluster::service::{Form, ServiceView, TargetPort};
use crate::report::{Code, Confidence, Finding};

use super::context::Context;
use super::words;

/// ST120: the alias is an address, and a CNAME must be a name.
pub(super) fn external_name_is_ip(context: &Context<'_, '_>) -> Vec<Finding> {
    let Some(name) = context.view.external_name else { return Vec::new() };
    let bare = name.trim_end_matches('.').trim_start_matches('[').trim_end_matches(']');
    if bare.parse::<IpAddr>().is_err() {
        return Vec::new();
    }
    let mut finding = context.finding(
        Code::ExternalNameIsIp,
        format!("externalName is the address {name}: DNS answers with a name that does not exist"),
    );
    finding.share_ppm = Some(1_000_000);
    finding.details.push("make it a Service without a selector and write the address into an EndpointSlice".into());
    finding.evidence.push(context.field("spec.externalName", name));
    finding.help = Some(context.kubectl(&format!("edit svc {}", words::shell(context.view.name))));
    vec![finding]
}

/// ST122: what is spoken behind the alias names a host.
pub(super) fn external_name_host(context: &Context<'_, '_>) -> Vec<Finding> {
    let Some(name) = context.view.external_name else { return Vec::new() };
    let ports = context.view.object.spec.as_ref().and_then(|spec| spec.ports.as_deref()).unwrap_or_default();
    let is_http = |port: &&k8s_openapi::api::core::v1::ServicePort| {
        let protocol = port.app_protocol.as_deref().unwrap_or_default().to_ascii_lowercase();
        matches!(port.port, 80 | 443) || protocol.starts_with("http") || protocol.ends_with("/http2")
    };
    let Some(port) = ports
        .iter()
        .find(is_http)
        .filter(|_| name.trim_end_matches('.').parse::<IpAddr>().is_err() && !name.contains(".svc."))
    else {
        return Vec::new();
    };
    let own = format!("{}.{}", context.view.name, context.view.namespace);
    let mut finding = context
        .finding(Code::ExternalNameHostOrTls, format!("clients ask {name} for the host {own}, which it may not know"));
    finding.details.push(
        "over HTTP and TLS the name that the client used goes along: a page is missing, or a certificate does not fit"
            .into(),
    );
    finding.evidence.push(context.field("spec.externalName", name));
    finding.evidence.push(context.field("spec.ports[].port", port.port.to_string()));
    finding.help = Some(context.kubectl(&format!("get svc {} -o yaml", words::shell(context.view.name))));
    vec![finding]
}

/// ST121: fields that an alias has no use for.
pub(super) fn external_name_ports_ignored(context: &Context<'_, '_>) -> Vec<Finding> {
    if context.view.form != Form::ExternalName {
        return Vec::new();
    }
    let mapped: Vec<String> = context
        .view
        .ports
        .iter()
        .filter(|port| port.target != TargetPort::Number(port.port))
        .map(|port| format!("{} → {}", port.port, port.target))
        .collect();
    let mut found = Vec::new();
    if !mapped.is_empty() {
        let summary = format!("an ExternalName Service maps no ports: {} is not done", words::list(&mapped));
        let mut finding = context.finding(Code::ExternalNamePortsIgnored, summary);
        finding.reason = Some("ports".into());
        finding.details.push("clients must use the port of the host behind the alias".into());
        finding.evidence.push(context.field("spec.type", "ExternalName"));
        finding.evidence.push(context.field("spec.ports", mapped.join(", ")));
        finding.help = Some(context.kubectl(&format!("edit svc {}", words::shell(context.view.name))));
        found.push(finding);
    }
    if let Some(selector) = context.view.selector_text() {
        let mut finding = context.finding(
            Code::ExternalNamePortsIgnored,
            "an ExternalName Service selects no pods: its selector is not used",
        );
        finding.reason = Some("selector".into());
        finding.evidence.push(context.field("spec.type", "ExternalName"));
        finding.evidence.push(context.field("spec.selector", selector));
        finding.help = Some(context.kubectl(&format!("edit svc {}", words::shell(context.view.name))));
        found.push(finding);
    }
    found
}

/// ST124: the alias points at a Service of this cluster that is not there.
pub(super) fn alias_of_a_missing_service(context: &Context<'_, '_>) -> Vec<Finding> {
    let Some(alias) = context.view.external_name.filter(|_| context.objects.is_whole("services")) else {
        return Vec::new();
    };
    let labels: Vec<&str> = alias.trim_end_matches('.').split('.').collect();
    let [name, namespace, "svc", domain @ ..] = labels.as_slice() else { return Vec::new() };
    // Another domain may be another cluster's.
    if !(domain.is_empty() || domain == ["cluster", "local"])
        || ServiceView::find(context.objects, namespace, name).is_some()
    {
        return Vec::new();
    }
    let mut finding = context.finding(
        Code::ServiceMissing,
        format!("externalName points at Service {namespace}/{name}, which does not exist"),
    );
    finding.reason = Some("external-name".into());
    finding.confidence = Confidence::Likely;
    finding.share_ppm = Some(1_000_000);
    finding.details.push("assumed that cluster.local is this cluster's domain".into());
    finding.evidence.push(context.field("spec.externalName", alias));
    let near = nearest::services(context.objects, namespace, name);
    if !near.is_empty() {
        finding.details.push(format!("there is {}", words::list(&near)));
    }
    finding.help = Some(format!("kubectl -n {} get services", words::shell(namespace)));
    vec![finding]
}
