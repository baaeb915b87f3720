//! Which agents that handle packets themselves run on a node, as its pods tell. What they do is not modelled.

use k8s_openapi::api::core::v1::Pod;

use crate::collect::snapshot::Objects;
use crate::dataplane::ebpf::{Agent, agent_of_container};
use crate::order;

/// Agents among the pods of a node that are not finished.
pub(crate) fn of_node(objects: &Objects, node: &str) -> Vec<Agent> {
    let pods = objects.proxies.iter().flatten().chain(objects.pods());
    let mut agents: Vec<Agent> = pods.filter(|pod| runs_on(pod, node)).flat_map(of_pod).collect();
    order::sort(&mut agents);
    agents.dedup();
    agents
}

fn runs_on(pod: &Pod, node: &str) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    let here = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()) == Some(node);
    here && !matches!(phase, Some("Succeeded" | "Failed"))
}

fn of_pod(pod: &Pod) -> Vec<Agent> {
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    containers
        .filter_map(|container| {
            let args =
                [container.command.as_deref(), container.args.as_deref()].into_iter().flatten().flatten().cloned();
            agent_of_container(container.image.as_deref()?, &args.collect::<Vec<_>>())
        })
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]
mod tests {
    use super::*;

    fn pod(node: &str, image: &str, args: &[&str]) -> Pod {
        let spec =
            serde_json::json!({"nodeName": node, "containers": [{"name": "agent", "image": image, "args": args}]});
        serde_json::from_value(serde_json::json!({"metadata": {"name": "x"}, "spec": spec})).unwrap()
    }

    #[test]
    fn agents_of_this_node_only() {
        let aws = "public.ecr.aws/eks/aws-network-policy-agent:v1.2.0";
        let objects = Objects {
            proxies: Some(vec![
                pod("a", "quay.io/cilium/cilium:v1.17.2", &[]),
                pod("a", aws, &["--enable-network-policy=false"]),
                pod("b", aws, &["--enable-network-policy=true"]),
            ]),
            ..Objects::default()
        };
        assert_eq!(of_node(&objects, "a"), [Agent::Cilium]);
        assert_eq!(of_node(&objects, "b"), [Agent::AwsPolicy]);
        assert_eq!(of_node(&objects, "c"), []);
    }
}
