//! ST118 and ST302: Services that kube-proxy leaves alone, and nodes whose kube-proxy does not run.

use k8s_openapi::api::core::v1::{Node, Pod};

use crate::cluster::NodeView;
use crate::cluster::readiness::{NotReady, is_alive, quote, why_not_ready};
use crate::cluster::service::{Form, PROXY_NAME_LABEL};
use crate::collect::snapshot::Objects;
use crate::report::{Code, Confidence, Finding, ObjectRef};

use super::context::{Context, field_of, pod_name, pod_ref};
use super::words;

/// Labels of nodes that no kube-proxy is meant for: another system, or no node of one's own.
const NOT_MEANT: [(&str, &str); 3] =
    [("kubernetes.io/os", "windows"), ("eks.amazonaws.com/compute-type", "fargate"), ("type", "virtual-kubelet")];

/// ST118: the label that hides a Service from kube-proxy.
pub(super) fn foreign_proxy_label(context: &Context<'_, '_>) -> Vec<Finding> {
    let Some(value) = context.view.proxy_name else { return Vec::new() };
    match context.view.form {
        Form::ClusterIp | Form::NodePort | Form::LoadBalancer => {}
        Form::ExternalName | Form::Headless => return Vec::new(),
    }
    let mut finding = context.finding(
        Code::ForeignServiceProxyLabel,
        format!(
            "kube-proxy leaves this Service to {}: no rule of its own leads to it",
            if value.is_empty() { "another proxy" } else { value }
        ),
    );
    finding.details.push("whether that proxy runs and serves it is not known here".to_owned());
    finding.evidence.push(context.field(format!("metadata.labels[{PROXY_NAME_LABEL}]"), value));
    finding.help = Some(context.kubectl(&format!("get svc {} --show-labels", words::shell(context.view.name))));
    vec![finding]
}

/// ST302: kube-proxy's pod on this node does not run.
pub(super) fn not_running_on(objects: &Objects, node: &str) -> Vec<Finding> {
    objects
        .proxies
        .iter()
        .flatten()
        .filter(|pod| is_kube_proxy(pod) && is_alive(pod) && node_of(pod) == Some(node))
        .filter_map(|pod| not_running(objects, pod, node))
        .collect()
}

/// ST302 of every node, those without such a pod too, where others have one.
pub(super) fn not_running_anywhere(objects: &Objects) -> Vec<Finding> {
    let mut found = Vec::new();
    let pods: Vec<&Pod> = objects.proxies.iter().flatten().filter(|pod| is_kube_proxy(pod) && is_alive(pod)).collect();
    for node in objects.nodes() {
        let name = node.metadata.name.as_deref().unwrap_or_default();
        let here = not_running_on(objects, name);
        let other = pods.first().filter(|_| !pods.iter().any(|pod| node_of(pod) == Some(name)));
        if let Some(other) = other.filter(|_| objects.is_whole("pods") && is_meant(node)) {
            let mut finding = Finding::new(Code::KubeProxyNotRunning, format!("no kube-proxy pod is on node {name}"));
            finding.reason = Some("missing".to_owned());
            finding.confidence = Confidence::Likely;
            finding.node = Some(name.to_owned());
            finding.details.push("other nodes have one; a taint, or a proxy of another name, explains it".to_owned());
            finding.evidence.push(field_of(pod_ref(other), "spec.nodeName", node_of(other).unwrap_or_default()));
            finding.evidence.push(field_of(ObjectRef::new("Node", "", name), "status.conditions[Ready]", "True"));
            finding.help = Some(
                "kubectl -n kube-system get pods -o wide --field-selector spec.nodeName=".to_owned()
                    + &words::shell(name),
            );
            found.push(finding);
        }
        found.extend(here);
    }
    found
}

fn not_running(objects: &Objects, pod: &Pod, node: &str) -> Option<Finding> {
    let why = why_not_ready(pod, objects)?;
    match why {
        // Its node is what is wrong, or it says nothing, or is being replaced.
        NotReady::NodeNotReady(_) | NotReady::Unsaid | NotReady::Deleting | NotReady::Gone | NotReady::Gate(_) => {
            return None;
        }
        NotReady::Finished(_)
        | NotReady::Unscheduled(_)
        | NotReady::Waiting { .. }
        | NotReady::Ended { .. }
        | NotReady::Probe { .. }
        | NotReady::Container(_) => {}
    }
    let mut finding = Finding::new(Code::KubeProxyNotRunning, format!("kube-proxy on node {node} does not run: {why}"));
    finding.reason = Some(why.slug().to_owned());
    finding.node = Some(node.to_owned());
    finding.object = Some(pod_ref(pod));
    finding.details.push("the rules that it made stay in the kernel and follow no change any more".to_owned());
    finding.evidence.push(field_of(pod_ref(pod), why.field(), quote(pod, &why)));
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    finding.help = Some(format!(
        "kubectl -n {} logs {} --previous --tail=20",
        words::shell(namespace),
        words::shell(pod_name(pod))
    ));
    Some(finding)
}

fn is_kube_proxy(pod: &Pod) -> bool {
    let label = |key: &str| pod.metadata.labels.as_ref().and_then(|labels| labels.get(key)).map(String::as_str);
    pod_name(pod).starts_with("kube-proxy-")
        || label("k8s-app") == Some("kube-proxy")
        || label("component") == Some("kube-proxy")
}

fn node_of(pod: &Pod) -> Option<&str> {
    pod.spec.as_ref()?.node_name.as_deref()
}

fn is_meant(node: &Node) -> bool {
    let label = |key: &str| node.metadata.labels.as_ref().and_then(|labels| labels.get(key)).map(String::as_str);
    NodeView::new(node).is_ready() == Some(true) && !NOT_MEANT.iter().any(|(key, value)| label(key) == Some(*value))
}
