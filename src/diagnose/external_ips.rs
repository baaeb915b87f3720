//! ST816: addresses that somebody gave a Service by hand.

use crate::cluster::NodeView;
use crate::cluster::service::Form;
use crate::report::{Code, Finding, ObjectRef};

use super::context::{Context, field_of};
use super::words;

/// First version in which the field is deprecated (KEP-5707).
const DEPRECATED: u32 = 36;

/// ST816: an external IP that is a node's own, or in a version that gives the field up.
pub(super) fn external_ips(context: &Context<'_, '_>) -> Vec<Finding> {
    let view = context.view;
    match view.form {
        Form::ClusterIp | Form::NodePort | Form::LoadBalancer if !view.external_ips.is_empty() => {}
        Form::ClusterIp | Form::NodePort | Form::LoadBalancer | Form::Headless | Form::ExternalName => {
            return Vec::new();
        }
    }
    let nodes: Vec<NodeView<'_>> = context.objects.nodes().iter().map(NodeView::new).collect();
    let texts: Vec<String> = view.external_ips.iter().map(ToString::to_string).collect();
    let own =
        nodes.iter().find_map(|node| Some((node, view.external_ips.iter().find(|ip| node.addresses.contains(ip))?)));
    let mut found = Vec::new();
    if let Some((node, ip)) = own {
        let ports: Vec<String> = view.ports.iter().map(|port| port.port.to_string()).collect();
        let mut finding = context.finding(
            Code::ExternalIps,
            format!(
                "external IP {ip} is the address of node {}: every node takes its port {} for this Service",
                node.name,
                words::list(&ports)
            ),
        );
        finding.reason = Some("node-address".to_owned());
        finding.details.push("what listens on that port of the node itself is out of reach; in IPVS mode the whole address is bound everywhere".to_owned());
        finding.evidence.push(context.field("spec.externalIPs", texts.join(", ")));
        finding.evidence.push(field_of(ObjectRef::new("Node", "", node.name), "status.addresses", ip.to_string()));
        finding.help = Some(context.kubectl(&format!("edit svc {}", words::shell(view.name))));
        found.push(finding);
    }
    if let Some(node) = nodes.iter().find(|node| node.minor.is_some_and(|minor| minor >= DEPRECATED)) {
        let mut finding = context.finding(
            Code::ExternalIps,
            format!("externalIPs ({}) are deprecated in this version and will be served no more", words::list(&texts)),
        );
        finding.reason = Some("deprecated".to_owned());
        finding.evidence.push(context.field("spec.externalIPs", texts.join(", ")));
        finding.evidence.push(field_of(
            ObjectRef::new("Node", "", node.name),
            "status.nodeInfo.kubeletVersion",
            node.minor.map(|minor| format!("1.{minor}")).unwrap_or_default(),
        ));
        finding.help = Some(context.kubectl(&format!("get svc {} -o wide", words::shell(view.name))));
        found.push(finding);
    }
    found
}
