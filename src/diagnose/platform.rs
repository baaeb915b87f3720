//! ST624 and ST822: what the platform under the cluster means for reaching a Service.

use k8s_openapi::api::core::v1::{Node, Pod};

use crate::cluster::service::Form;
use crate::report::{Code, Confidence, Finding, ObjectRef};

use super::context::{Context, field_of, pod_name, pod_ref};
use super::words;

/// Annotation of pods with a network interface of their own (amazon-vpc-resource-controller-k8s).
const POD_ENI: &str = "vpc.amazonaws.com/pod-eni";

/// ST624: pods with their own security groups.
pub(super) fn pods_with_security_groups(context: &Context<'_, '_>) -> Vec<Finding> {
    let has = |pod: &&Pod| pod.metadata.annotations.as_ref().is_some_and(|all| all.contains_key(POD_ENI));
    let pods: Vec<&Pod> = context.selected_alive().filter(has).collect();
    let Some(first) = pods.first() else { return Vec::new() };
    let names: Vec<&str> = pods.iter().map(|pod| pod_name(pod)).collect();
    let verb = if pods.len() == 1 { "has a security group of its own" } else { "have security groups of their own" };
    let mut finding = context.finding(
        Code::EksSecurityGroupsForPods,
        format!("{} {verb}: {}", words::count(pods.len(), "pod"), words::list(&names)),
    );
    finding.confidence = Confidence::Possible;
    finding
        .details
        .push("clients, kubelets and DNS must be let through by those groups; no rule on a node shows them".to_owned());
    finding.evidence.push(field_of(pod_ref(first), format!("metadata.annotations[{POD_ENI}]"), "set"));
    finding.help = Some(context.kubectl("get securitygrouppolicies.vpcresources.k8s.aws"));
    vec![finding]
}

/// ST822: a cluster in containers on one machine, whose node ports and load balancers that machine may not reach.
pub(super) fn local_cluster(context: &Context<'_, '_>) -> Vec<Finding> {
    match context.view.form {
        Form::NodePort | Form::LoadBalancer => {}
        Form::ClusterIp | Form::Headless | Form::ExternalName => return Vec::new(),
    }
    let Some((node, what, how, field, value)) = context.objects.nodes().iter().find_map(local) else {
        return Vec::new();
    };
    let mut finding = context.finding(
        Code::LocalClusterLimits,
        format!("this is a {what} cluster: its node ports and load balancers may not be reachable from the machine around it"),
    );
    finding.details.push(how.to_owned());
    finding.evidence.push(field_of(
        ObjectRef::new("Node", "", node.metadata.name.as_deref().unwrap_or_default()),
        field,
        value,
    ));
    finding.help = Some("kubectl get nodes -o wide".to_owned());
    vec![finding]
}

fn local(node: &Node) -> Option<(&Node, &'static str, &'static str, &'static str, String)> {
    let id = node.spec.as_ref().and_then(|spec| spec.provider_id.as_deref()).unwrap_or_default();
    let minikube = node.metadata.labels.as_ref().and_then(|labels| labels.get("minikube.k8s.io/name"));
    let name = node.metadata.name.as_deref().unwrap_or_default();
    if id.starts_with("kind://") {
        let how = "extraPortMappings, or cloud-provider-kind, brings them there";
        Some((node, "kind", how, "spec.providerID", id.to_owned()))
    } else if let Some(profile) = minikube {
        let how = "minikube service, or minikube tunnel, brings them there";
        Some((node, "minikube", how, "metadata.labels[minikube.k8s.io/name]", profile.clone()))
    } else if name == "docker-desktop" {
        let how = "there they are on localhost, not on the node's address";
        Some((node, "Docker Desktop", how, "metadata.name", name.to_owned()))
    } else {
        None
    }
}
