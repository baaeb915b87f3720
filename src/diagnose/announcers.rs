//! ST804, ST814 and ST818: load balancers that have an address, and whose packets do not come as the Service means.

use crate::cluster::NodeView;
use crate::cluster::service::{Form, Policy};
use crate::report::{Code, Confidence, Finding, ObjectRef, Severity};

use super::context::{Context, field_of};
use super::policy::with_endpoints;
use super::words;

/// Label that keeps a node out of load balancers (k8s.io/api/core/v1, `LabelNodeExcludeBalancers`).
const EXCLUDED: &str = "node.kubernetes.io/exclude-from-external-load-balancers";

/// Clouds whose balancers send to node ports, by the beginning of `spec.providerID`, as their own controllers say it.
const NEED_NODE_PORTS: [&str; 4] = ["aws://", "openstack://", "digitalocean://", "hcloud://"];

/// Annotation of the AWS controller that sends to pods instead.
const AWS_TARGET: &str = "service.beta.kubernetes.io/aws-load-balancer-nlb-target-type";

/// Annotations that put the PROXY protocol in front of what the client sends, and the values that do not.
const PROXY_PROTOCOL: [&str; 6] = [
    "load-balancer.hetzner.cloud/uses-proxyprotocol",
    "loadbalancer.openstack.org/proxy-protocol",
    "service.beta.kubernetes.io/aws-load-balancer-proxy-protocol",
    "service.beta.kubernetes.io/do-loadbalancer-enable-proxy-protocol",
    "service.beta.kubernetes.io/scw-loadbalancer-proxy-protocol-v1",
    "service.beta.kubernetes.io/scw-loadbalancer-proxy-protocol-v2",
];

/// ST804: every node that could take the load balancer's packets is kept out of load balancers.
pub(super) fn nodes_excluded(context: &Context<'_, '_>) -> Vec<Finding> {
    let view = context.view;
    if view.form != Form::LoadBalancer || context.objects.nodes.is_none() {
        return Vec::new();
    }
    let with_endpoint = with_endpoints(context);
    let candidates: Vec<NodeView<'_>> = context
        .objects
        .nodes()
        .iter()
        .map(NodeView::new)
        .filter(|node| match view.external {
            Policy::Cluster => true,
            Policy::Local => with_endpoint.iter().any(|name| name == node.name),
        })
        .collect();
    let excluded = |node: &NodeView<'_>| {
        node.object
            .and_then(|object| object.metadata.labels.as_ref())
            .is_some_and(|labels| labels.contains_key(EXCLUDED))
    };
    let Some(first) = candidates.first().filter(|_| candidates.iter().all(excluded)) else { return Vec::new() };
    let names: Vec<&str> = candidates.iter().map(|node| node.name).collect();
    let of = match view.external {
        Policy::Cluster => "every node",
        Policy::Local => "every node with an endpoint",
    };
    let mut finding = context
        .finding(Code::NodesExcludedFromLb, format!("{of} is kept out of load balancers: {}", words::list(&names)));
    finding.confidence = Confidence::Likely;
    finding
        .details
        .push("assumed that the controller goes by the label, as most do (MetalLB: --ignore-exclude-lb)".to_owned());
    let value =
        first.object.and_then(|object| object.metadata.labels.as_ref()?.get(EXCLUDED)).cloned().unwrap_or_default();
    finding.evidence.push(field_of(
        ObjectRef::new("Node", "", first.name),
        format!("metadata.labels[{EXCLUDED}]"),
        value,
    ));
    if view.external == Policy::Local {
        finding.evidence.push(context.field("spec.externalTrafficPolicy", "Local"));
    }
    finding.help = Some(format!("kubectl get nodes -L {EXCLUDED}"));
    vec![finding]
}

/// ST814: nodes send the load balancer's address to the pods themselves, and what the balancer adds is missing then.
pub(super) fn short_circuit(context: &Context<'_, '_>) -> Vec<Finding> {
    let view = context.view;
    let ips = view.load_balancer_ips();
    let Some(ip) = ips.first().filter(|_| view.form == Form::LoadBalancer) else { return Vec::new() };
    let annotations = view.object.metadata.annotations.as_ref();
    let set = PROXY_PROTOCOL.iter().find_map(|key| {
        let value = annotations?.get(*key)?;
        (!matches!(value.to_ascii_lowercase().as_str(), "" | "false" | "0" | "no" | "disabled"))
            .then_some((*key, value))
    });
    let Some((key, value)) = set else { return Vec::new() };
    let mut finding = context.finding(
        Code::LbIpShortCircuit,
        format!("clients in the cluster that use {ip} come without the PROXY protocol the pods expect"),
    );
    finding.confidence = Confidence::Likely;
    finding.details.push("nodes serve that address themselves: the load balancer sees nothing of it".to_owned());
    finding.details.push("ipMode Proxy in status, or a host name there, sends them by the load balancer".to_owned());
    finding.evidence.push(context.field(format!("metadata.annotations[{key}]"), value.clone()));
    finding.evidence.push(context.field("status.loadBalancer.ingress", format!("{ip} (ipMode VIP)")));
    finding.help =
        Some(context.kubectl(&format!("get svc {} -o jsonpath='{{.status.loadBalancer}}'", words::shell(view.name))));
    vec![finding]
}

/// ST818: no node ports, and a cloud whose balancer sends to them.
pub(super) fn no_node_ports(context: &Context<'_, '_>) -> Vec<Finding> {
    let view = context.view;
    let spec = view.object.spec.as_ref();
    let none = spec.and_then(|spec| spec.allocate_load_balancer_node_ports) == Some(false)
        && view.ports.iter().all(|port| port.node_port.is_none());
    let straight =
        view.object.metadata.annotations.as_ref().and_then(|all| all.get(AWS_TARGET)).is_some_and(|kind| kind == "ip");
    // Another class is another implementation.
    if view.form != Form::LoadBalancer
        || !none
        || straight
        || spec.is_some_and(|spec| spec.load_balancer_class.is_some())
    {
        return Vec::new();
    }
    let cloud = context.objects.nodes().iter().find_map(|node| {
        let id = node.spec.as_ref()?.provider_id.as_deref()?;
        NEED_NODE_PORTS.iter().any(|prefix| id.starts_with(prefix)).then_some((node, id))
    });
    let Some((machine, id)) = cloud else { return Vec::new() };
    let name = machine.metadata.name.as_deref().unwrap_or_default();
    let mut finding = context.finding(
        Code::NoNodeportsForLb,
        "the load balancer of this cloud sends to node ports, and the Service has none",
    );
    finding.severity = Severity::Error;
    finding.confidence = Confidence::Likely;
    finding.details.push("assumed that the cloud's own controller serves it".to_owned());
    finding.evidence.push(context.field("spec.allocateLoadBalancerNodePorts", "false"));
    finding.evidence.push(field_of(ObjectRef::new("Node", "", name), "spec.providerID", id));
    finding.help = Some(context.kubectl(&format!("describe svc {}", words::shell(view.name))));
    vec![finding]
}
