//! ST821: addresses of a family that nothing serves.

use std::net::IpAddr;

use k8s_openapi::api::core::v1::Pod;

use crate::cluster::readiness::{addresses, is_ready};
use crate::cluster::service::{Family, Form};
use crate::report::{Code, Finding};

use super::context::{Context, field_of, pod_ref};
use super::words;

/// ST821: a cluster IP of a family that no ready pod has, or an outside address of a family without a cluster IP.
pub(super) fn family_mismatch(context: &Context<'_, '_>) -> Vec<Finding> {
    if context.view.cluster_ips.is_empty() {
        return Vec::new();
    }
    without_pods(context).into_iter().chain(without_cluster_ip(context)).collect()
}

fn without_pods(context: &Context<'_, '_>) -> Option<Finding> {
    let families = context.view.families();
    if families.len() < 2 {
        return None;
    }
    let served = |family: &Family| context.ports.iter().any(|port| context.endpoints.anywhere(port, *family).has_any);
    let empty = families.iter().find(|family| !served(family))?;
    let other = families.iter().find(|family| served(family))?;
    let ready: Vec<&Pod> = context.selected_alive().filter(|pod| is_ready(pod)).collect();
    let has =
        |pod: &&Pod| addresses(pod).iter().any(|ip| ip.parse::<IpAddr>().is_ok_and(|ip| Family::of(ip) == *empty));
    let first = ready.first().filter(|_| !ready.iter().any(has))?;
    let address = context.view.cluster_ips.iter().find(|ip| Family::of(**ip) == *empty)?;
    let mut finding = context.finding(
        Code::FamilyMismatch,
        format!("{address} refuses: none of {} has an {empty} address", words::count(ready.len(), "ready pod")),
    );
    finding.reason = Some("pods".to_owned());
    finding.details.push(format!("clients that use {other} are served"));
    finding.evidence.push(context.field("spec.clusterIPs", address.to_string()));
    finding.evidence.push(field_of(pod_ref(first), "status.podIPs", addresses(first).join(", ")));
    finding.help = Some(context.get_slices());
    Some(finding)
}

/// kube-proxy leaves out addresses of a family that the Service has no cluster IP of (pkg/proxy/serviceport.go,
/// `newBaseServiceInfo`: "incorrect IP version").
fn without_cluster_ip(context: &Context<'_, '_>) -> Option<Finding> {
    let view = context.view;
    let families = view.families();
    let outside = match view.form {
        Form::ClusterIp | Form::NodePort | Form::LoadBalancer => {
            view.external_ips.iter().map(|ip| (*ip, "spec.externalIPs"))
        }
        Form::ExternalName | Form::Headless => return None,
    };
    let balancers = view.load_balancer_ips().into_iter().map(|ip| (ip, "status.loadBalancer.ingress"));
    let (ip, field) = outside.chain(balancers).find(|(ip, _)| !families.contains(&Family::of(*ip)))?;
    let family = Family::of(ip);
    let mut finding =
        context.finding(Code::FamilyMismatch, format!("no node serves {ip}: the Service has no {family} cluster IP"));
    finding.reason = Some("address".to_owned());
    let policy = view.object.spec.as_ref().and_then(|spec| spec.ip_family_policy.as_deref()).unwrap_or("not set");
    finding.evidence.push(context.field(field, ip.to_string()));
    let own: Vec<String> = view.cluster_ips.iter().map(ToString::to_string).collect();
    finding.evidence.push(context.field("spec.clusterIPs", own.join(", ")));
    finding.evidence.push(context.field("spec.ipFamilyPolicy", policy));
    finding.help = Some(context.kubectl(&format!("get svc {} -o yaml", words::shell(view.name))));
    Some(finding)
}
