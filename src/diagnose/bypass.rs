//! ST117 and ST819: what an ingress controller, or a proxy in front, takes away from a Service's own fields.

use k8s_openapi::api::networking::v1::Ingress;

use crate::cluster::ServiceView;
use crate::cluster::ingress::{Backend, backends, by_cluster_ip, reference};
use crate::cluster::service::{Form, Ingress as Entry, Policy};
use crate::report::{Code, Confidence, Finding};

use super::context::{Context, field_of};
use super::words;

/// Ingresses that lead to the Service, each with the first rule that does.
fn leading<'snap>(context: &Context<'_, 'snap>) -> Vec<(&'snap Ingress, Backend<'snap>)> {
    context
        .objects
        .ingresses()
        .iter()
        .filter(|ingress| ingress.metadata.namespace.as_deref().unwrap_or("default") == context.view.namespace)
        .filter_map(|ingress| {
            Some((ingress, backends(ingress).into_iter().find(|one| one.service == context.view.name)?))
        })
        .collect()
}

/// ST819 for a Service whose fields promise something that an ingress controller does not go by.
pub(super) fn promises_bypassed(context: &Context<'_, '_>) -> Vec<Finding> {
    let view = context.view;
    let mut fields = Vec::new();
    if view.internal == Policy::Local {
        fields.push("internalTrafficPolicy Local");
    }
    if view.proxy_name.is_some() {
        fields.push("its other proxy");
    }
    if fields.is_empty() {
        return Vec::new();
    }
    leading(context)
        .into_iter()
        .filter(|(ingress, _)| !by_cluster_ip(ingress))
        .map(|(ingress, backend)| bypass(view, ingress, &backend, &fields))
        .collect()
}

/// ST819: the controller goes to the endpoints of this Service itself.
pub(super) fn bypass(view: &ServiceView<'_>, ingress: &Ingress, backend: &Backend<'_>, fields: &[&str]) -> Finding {
    let of = reference(ingress);
    let summary = format!("the controller of {of} goes to the endpoints of {} itself", view.full_name());
    let mut finding = Finding::new(Code::IngressBypassesService, summary);
    finding.object = Some(view.reference());
    finding.reason = Some(of.name.clone());
    finding.confidence = Confidence::Likely;
    let own: Vec<String> = view.cluster_ips.iter().map(ToString::to_string).collect();
    let address = if own.is_empty() { "cluster IP".to_owned() } else { words::list(&own) };
    let not = if fields.is_empty() { "affinity, traffic policies".to_owned() } else { words::list(fields) };
    finding
        .details
        .push(format!("{address}, its rules on nodes, and {not} do not apply; its selector and endpoints do"));
    finding.details.push("assumed that no setting of the controller sends it by the cluster IP".to_owned());
    finding.evidence.push(field_of(
        of.clone(),
        backend.field.clone(),
        format!("{}:{}", backend.service, backend.port()),
    ));
    finding.evidence.push(field_of(view.reference(), "spec.clusterIP", address));
    finding.help = Some(format!(
        "kubectl -n {} get endpointslices -l kubernetes.io/service-name={}",
        words::shell(view.namespace),
        words::shell(view.name)
    ));
    finding
}

/// ST117: affinity by client address, and clients whose address is not their own.
pub(super) fn affinity_collapses(context: &Context<'_, '_>) -> Vec<Finding> {
    let view = context.view;
    if view.affinity_seconds.is_none() {
        return Vec::new();
    }
    let proxied = view.form == Form::LoadBalancer
        && view.external == Policy::Cluster
        && view.ingress.iter().any(|entry| match entry {
            Entry::Proxy(_) | Entry::Host(_) => true,
            Entry::Vip(_) => false,
        });
    let mut found = Vec::new();
    if proxied {
        let mut finding = context.finding(
            Code::AffinityCollapses,
            "sessionAffinity ClientIP sees the load balancer as the client: its clients may all go to one pod",
        );
        finding.reason = Some("load-balancer".to_owned());
        finding.confidence = Confidence::Likely;
        finding.details.push("assumed that the load balancer connects from its own address, as one with a host name or ipMode Proxy does".to_owned());
        finding.evidence.push(context.field("spec.sessionAffinity", "ClientIP"));
        let entries: Vec<String> = view
            .ingress
            .iter()
            .map(|entry| match entry {
                Entry::Proxy(ip) => format!("{ip} (ipMode Proxy)"),
                Entry::Vip(ip) => ip.to_string(),
                Entry::Host(host) => (*host).to_owned(),
            })
            .collect();
        finding.evidence.push(context.field("status.loadBalancer.ingress", entries.join(", ")));
        finding.help = Some(context.kubectl(&format!("get svc {} -o yaml", words::shell(view.name))));
        found.push(finding);
    }
    if let Some((ingress, backend)) = leading(context).first() {
        let of = reference(ingress);
        let mut finding = context.finding(
            Code::AffinityCollapses,
            format!("sessionAffinity ClientIP does not hold for clients that come by {of}"),
        );
        finding.reason = Some("ingress".to_owned());
        finding.confidence = Confidence::Likely;
        finding.details.push("its controller goes to the pods itself, or comes with one address for all; it may have an affinity of its own".to_owned());
        finding.evidence.push(context.field("spec.sessionAffinity", "ClientIP"));
        finding.evidence.push(field_of(
            of.clone(),
            backend.field.clone(),
            format!("{}:{}", backend.service, backend.port()),
        ));
        finding.help =
            Some(format!("kubectl -n {} describe ingress {}", words::shell(&of.namespace), words::shell(&of.name)));
        found.push(finding);
    }
    found
}
