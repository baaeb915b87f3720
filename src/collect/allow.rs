//! The fields of each kind that are kept. Everything else — environment, commands, volumes, annotations, managed
//! fields — never enters a snapshot, so it cannot leave in a bundle.

use k8s_openapi::api::core::v1::{
    Container, ContainerState, ContainerStateTerminated, ContainerStateWaiting, ContainerStatus, Endpoints, Node,
    NodeSpec, NodeStatus, NodeSystemInfo, Pod, PodCondition, PodReadinessGate, PodSpec, PodStatus, Probe, Service,
};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::snapshot::Objects;

/// Annotations that say how Services are served.
const ANNOTATIONS: &[&str] = &[
    "endpoints.kubernetes.io/last-change-trigger-time",
    "endpoints.kubernetes.io/over-capacity",
    "kubernetes.io/config.mirror",
    "kubernetes.io/ingress.class",
    "load-balancer.hetzner.cloud/uses-proxyprotocol",
    "loadbalancer.openstack.org/proxy-protocol",
    "networking.gke.io/load-balancer-type",
    "nginx.ingress.kubernetes.io/service-upstream",
    "nginx.org/use-cluster-ip",
    "service.alpha.kubernetes.io/tolerate-unready-endpoints",
    "service.beta.kubernetes.io/aws-load-balancer-nlb-target-type",
    "service.beta.kubernetes.io/aws-load-balancer-proxy-protocol",
    "service.beta.kubernetes.io/do-loadbalancer-enable-proxy-protocol",
    "service.beta.kubernetes.io/scw-loadbalancer-proxy-protocol-v1",
    "service.beta.kubernetes.io/scw-loadbalancer-proxy-protocol-v2",
    "service.kubernetes.io/topology-aware-hints",
    "service.kubernetes.io/topology-mode",
    "vpc.amazonaws.com/pod-eni",
];

/// Arguments of containers that say whether an agent acts on packets: whole, so that nothing else can be in them.
const SWITCHES: &[&str] = &["--enable-network-policy=false", "--enable-network-policy=true"];

/// Keeps of every object what is allowed.
pub fn objects(objects: &mut Objects) {
    objects.services.iter_mut().flatten().for_each(service);
    objects.slices.iter_mut().flatten().for_each(slice);
    objects.endpoints.iter_mut().flatten().for_each(endpoints);
    objects.pods.iter_mut().flatten().for_each(pod);
    objects.proxies.iter_mut().flatten().for_each(pod);
    objects.nodes.iter_mut().flatten().for_each(node);
    objects.events.iter_mut().flatten().for_each(event);
    objects.policies.iter_mut().flatten().for_each(policy);
    objects.ingresses.iter_mut().flatten().for_each(ingress);
    for (resource, list) in &mut objects.other {
        for object in list {
            other(resource, object);
        }
    }
}

/// Names, times, labels, owners.
fn meta(meta: &mut ObjectMeta) {
    let all = std::mem::take(meta);
    *meta = ObjectMeta {
        name: all.name,
        namespace: all.namespace,
        uid: all.uid,
        resource_version: all.resource_version,
        generation: all.generation,
        creation_timestamp: all.creation_timestamp,
        deletion_timestamp: all.deletion_timestamp,
        deletion_grace_period_seconds: all.deletion_grace_period_seconds,
        labels: all.labels,
        owner_references: all.owner_references,
        finalizers: all.finalizers,
        annotations: all
            .annotations
            .map(|all| all.into_iter().filter(|(key, _)| ANNOTATIONS.contains(&key.as_str())).collect()),
        ..ObjectMeta::default()
    };
    if meta.annotations.as_ref().is_some_and(std::collections::BTreeMap::is_empty) {
        meta.annotations = None;
    }
}

/// Annotation that `kubectl apply` keeps the whole manifest in.
pub const APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// A Service has nothing to hide in its spec; of what was applied only the ports stay.
pub fn service(object: &mut Service) {
    let applied = object.metadata.annotations.as_ref().and_then(|all| applied_ports(all.get(APPLIED)?));
    meta(&mut object.metadata);
    if let Some(applied) = applied {
        object.metadata.annotations.get_or_insert_default().insert(APPLIED.to_owned(), applied);
    }
}

/// `{"spec":{"ports":[…]}}` of an applied manifest: name, number and protocol of each.
fn applied_ports(manifest: &str) -> Option<String> {
    let manifest: serde_json::Value = serde_json::from_str(manifest).ok()?;
    let ports = manifest.pointer("/spec/ports")?.as_array()?;
    let kept: Vec<serde_json::Value> = ports
        .iter()
        .filter_map(serde_json::Value::as_object)
        .map(|port| port.iter().filter(|(key, _)| ["name", "port", "protocol"].contains(&key.as_str())))
        .map(|fields| fields.map(|(key, value)| (key.clone(), value.clone())).collect())
        .map(serde_json::Value::Object)
        .collect();
    Some(serde_json::json!({"spec": {"ports": kept}}).to_string())
}

/// Nor has a policy.
pub fn policy(object: &mut NetworkPolicy) {
    meta(&mut object.metadata);
}

/// Hosts, paths and backends; not the names of its secrets.
pub fn ingress(object: &mut Ingress) {
    meta(&mut object.metadata);
    for tls in object.spec.iter_mut().flat_map(|spec| spec.tls.iter_mut().flatten()) {
        tls.secret_name = None;
    }
}

/// Nor has a slice.
pub fn slice(object: &mut EndpointSlice) {
    meta(&mut object.metadata);
}

/// Nor have Endpoints.
pub fn endpoints(object: &mut Endpoints) {
    meta(&mut object.metadata);
}

/// Where a pod runs, its addresses and ports, and whether it is ready.
pub fn pod(object: &mut Pod) {
    meta(&mut object.metadata);
    object.spec = object.spec.take().map(|all| PodSpec {
        node_name: all.node_name,
        host_network: all.host_network,
        hostname: all.hostname,
        subdomain: all.subdomain,
        dns_policy: all.dns_policy,
        dns_config: all.dns_config,
        host_aliases: all.host_aliases,
        enable_service_links: all.enable_service_links,
        restart_policy: all.restart_policy,
        containers: all.containers.into_iter().map(container).collect(),
        init_containers: all.init_containers.map(|list| list.into_iter().map(container).collect()),
        readiness_gates: all.readiness_gates.map(|gates| {
            gates.into_iter().map(|gate| PodReadinessGate { condition_type: gate.condition_type }).collect()
        }),
        ..PodSpec::default()
    });
    object.status = object.status.take().map(|all| PodStatus {
        phase: all.phase,
        reason: all.reason,
        pod_ip: all.pod_ip,
        pod_ips: all.pod_ips,
        host_ip: all.host_ip,
        host_ips: all.host_ips,
        start_time: all.start_time,
        conditions: all.conditions.map(|list| list.into_iter().map(condition).collect()),
        container_statuses: all.container_statuses.map(|list| list.into_iter().map(status).collect()),
        init_container_statuses: all.init_container_statuses.map(|list| list.into_iter().map(status).collect()),
        ..PodStatus::default()
    });
}

fn condition(all: PodCondition) -> PodCondition {
    PodCondition {
        type_: all.type_,
        status: all.status,
        reason: all.reason,
        message: all.message,
        last_transition_time: all.last_transition_time,
        ..PodCondition::default()
    }
}

/// Name, image, ports; of arguments a few switches, of probes only where they look.
fn container(all: Container) -> Container {
    let switches: Vec<String> = all.args.into_iter().flatten().filter(|arg| SWITCHES.contains(&arg.as_str())).collect();
    Container {
        name: all.name,
        image: all.image,
        args: (!switches.is_empty()).then_some(switches),
        ports: all.ports,
        restart_policy: all.restart_policy,
        readiness_probe: all.readiness_probe.map(probe),
        ..Container::default()
    }
}

/// A probe's commands and headers may hold credentials.
fn probe(all: Probe) -> Probe {
    Probe {
        http_get: all.http_get.map(|mut get| {
            get.http_headers = None;
            get
        }),
        tcp_socket: all.tcp_socket,
        grpc: all.grpc,
        period_seconds: all.period_seconds,
        failure_threshold: all.failure_threshold,
        initial_delay_seconds: all.initial_delay_seconds,
        timeout_seconds: all.timeout_seconds,
        success_threshold: all.success_threshold,
        ..Probe::default()
    }
}

fn status(all: ContainerStatus) -> ContainerStatus {
    ContainerStatus {
        name: all.name,
        image: all.image,
        image_id: all.image_id,
        ready: all.ready,
        started: all.started,
        restart_count: all.restart_count,
        state: all.state.map(state),
        last_state: all.last_state.map(state),
        ..ContainerStatus::default()
    }
}

/// The messages of a terminated container are what the program wrote last.
fn state(all: ContainerState) -> ContainerState {
    ContainerState {
        running: all.running,
        waiting: all.waiting.map(|waiting| ContainerStateWaiting { reason: waiting.reason, message: None }),
        terminated: all.terminated.map(|ended| ContainerStateTerminated {
            exit_code: ended.exit_code,
            signal: ended.signal,
            reason: ended.reason,
            started_at: ended.started_at,
            finished_at: ended.finished_at,
            ..ContainerStateTerminated::default()
        }),
    }
}

/// A node's addresses, pod ranges, labels, taints and versions.
pub fn node(object: &mut Node) {
    meta(&mut object.metadata);
    object.spec = object.spec.take().map(|all| NodeSpec {
        pod_cidr: all.pod_cidr,
        pod_cidrs: all.pod_cidrs,
        taints: all.taints,
        unschedulable: all.unschedulable,
        provider_id: all.provider_id,
        ..NodeSpec::default()
    });
    object.status = object.status.take().map(|all| NodeStatus {
        addresses: all.addresses,
        conditions: all.conditions,
        node_info: all.node_info.map(|info| NodeSystemInfo {
            machine_id: String::new(),
            system_uuid: String::new(),
            boot_id: String::new(),
            ..info
        }),
        ..NodeStatus::default()
    });
}

/// An event says what happened to what.
pub fn event(object: &mut Event) {
    meta(&mut object.metadata);
}

/// Of any other kind: names and labels, for workloads how many pods there should be and are, and of what points at
/// Services where it points.
fn other(resource: &str, object: &mut serde_json::Value) {
    let keep_spec: &[&str] = match resource {
        "deployments" | "replicasets" | "statefulsets" | "daemonsets" => {
            template_labels(object);
            &["replicas", "selector", "serviceName", "template"]
        }
        "servicecidrs" => &["cidrs"],
        "apiservices" => &["service"],
        "httproutes" | "grpcroutes" => &["parentRefs", "hostnames", "rules"],
        "validatingwebhookconfigurations" | "mutatingwebhookconfigurations" => return webhooks(object),
        "configmaps" => return super::allow_dns::config_map(object),
        _ => &[],
    };
    only_meta(object);
    let Some(fields) = object.as_object_mut() else { return };
    for part in ["spec", "status"] {
        if let Some(serde_json::Value::Object(values)) = fields.get_mut(part) {
            values.retain(|key, _| keep_spec.contains(&key.as_str()) || (part == "status" && key.ends_with("eplicas")));
        }
    }
    fields.retain(|key, _| ["apiVersion", "kind", "metadata", "spec", "status"].contains(&key.as_str()));
}

/// Of a workload's pods only their labels: a selector means them also where none is.
fn template_labels(object: &mut serde_json::Value) {
    let Some(template) = object.pointer_mut("/spec/template") else { return };
    let labels = template.pointer("/metadata/labels").cloned().unwrap_or_default();
    *template = serde_json::json!({"metadata": {"labels": labels}});
}

/// Of each webhook its name, its Service, and what happens when that does not answer; no certificate.
fn webhooks(object: &mut serde_json::Value) {
    only_meta(object);
    let Some(fields) = object.as_object_mut() else { return };
    fields.retain(|key, _| ["apiVersion", "kind", "metadata", "webhooks"].contains(&key.as_str()));
    let Some(hooks) = fields.get_mut("webhooks").and_then(serde_json::Value::as_array_mut) else { return };
    for hook in hooks.iter_mut().filter_map(serde_json::Value::as_object_mut) {
        hook.retain(|key, _| ["name", "failurePolicy", "timeoutSeconds", "clientConfig"].contains(&key.as_str()));
        if let Some(client) = hook.get_mut("clientConfig").and_then(serde_json::Value::as_object_mut) {
            client.retain(|key, _| key == "service");
        }
    }
}

pub(super) fn only_meta(object: &mut serde_json::Value) {
    if let Some(serde_json::Value::Object(meta)) = object.get_mut("metadata") {
        meta.retain(|key, _| {
            ["name", "namespace", "labels", "uid", "resourceVersion", "creationTimestamp", "deletionTimestamp"]
                .contains(&key.as_str())
        });
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn no_secret_of_a_pod_gets_through() {
        let secret = "hunter2";
        let mut given: Pod = serde_json::from_value(json!({
            "metadata": {"name": "web-1", "namespace": "default", "labels": {"app": "web"},
                "annotations": {"kubectl.kubernetes.io/last-applied-configuration": secret, "vpc.amazonaws.com/pod-eni": "[]"},
                "managedFields": [{"manager": secret}]},
            "spec": {
                "serviceAccountName": secret, "nodeName": "a",
                "volumes": [{"name": "v", "secret": {"secretName": secret}}],
                "imagePullSecrets": [{"name": secret}],
                "containers": [{
                    "name": "web", "image": "web:1", "command": [secret], "args": [secret, "--enable-network-policy=false"],
                    "env": [{"name": "PASSWORD", "value": secret}],
                    "ports": [{"name": "http", "containerPort": 8080}],
                    "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080, "httpHeaders": [{"name": "Authorization", "value": secret}]}},
                    "livenessProbe": {"exec": {"command": [secret]}},
                }, {"name": "other", "image": "o", "readinessProbe": {"exec": {"command": [secret]}}}],
            },
            "status": {"phase": "Running", "podIP": "10.244.1.5", "message": secret,
                "conditions": [{"type": "Ready", "status": "True"}],
                "containerStatuses": [{"name": "web", "image": "web:1", "imageID": "", "ready": true, "restartCount": 1,
                    "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled", "message": secret}}}]},
        }))
        .unwrap();
        pod(&mut given);
        let text = serde_json::to_string(&given).unwrap();
        assert!(!text.contains(secret), "{text}");
        for kept in [
            "web-1",
            "10.244.1.5",
            "8080",
            "/ready",
            "OOMKilled",
            "pod-eni",
            "--enable-network-policy=false",
            "\"Ready\"",
            "\"nodeName\":\"a\"",
        ] {
            assert!(text.contains(kept), "{kept} is lost: {text}");
        }
        let other = &given.spec.unwrap().containers[1];
        assert!(other.readiness_probe.is_some(), "that there is a probe is no secret");
    }

    #[test]
    fn workloads_keep_their_counts() {
        let mut given = json!({"kind": "Deployment", "metadata": {"name": "web", "annotations": {"x": "y"}},
            "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "web"}},
                "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"env": "hunter2"}}},
            "status": {"readyReplicas": 0, "conditions": []}});
        other("deployments", &mut given);
        let expected = json!({"kind": "Deployment", "metadata": {"name": "web"},
            "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "web"}},
                "template": {"metadata": {"labels": {"app": "web"}}}}, "status": {"readyReplicas": 0}});
        assert_eq!(given, expected);
    }

    #[test]
    fn what_points_at_services_keeps_where() {
        let mut given = json!({"kind": "ValidatingWebhookConfiguration", "metadata": {"name": "x"}, "webhooks": [
            {"name": "a.b", "rules": [{}], "failurePolicy": "Fail",
                "clientConfig": {"caBundle": "hunter2", "service": {"namespace": "n", "name": "s", "port": 443}}}]});
        other("validatingwebhookconfigurations", &mut given);
        let expected = json!({"kind": "ValidatingWebhookConfiguration", "metadata": {"name": "x"}, "webhooks": [
            {"name": "a.b", "failurePolicy": "Fail",
                "clientConfig": {"service": {"namespace": "n", "name": "s", "port": 443}}}]});
        assert_eq!(given, expected);
        let mut given = json!({"kind": "APIService", "metadata": {"name": "v1.x"},
            "spec": {"caBundle": "hunter2", "service": {"namespace": "n", "name": "s"}}});
        other("apiservices", &mut given);
        assert_eq!(given["spec"], json!({"service": {"namespace": "n", "name": "s"}}));
    }

    #[test]
    fn of_an_applied_manifest_the_ports_stay() {
        let manifest = json!({"metadata": {"annotations": {"token": "hunter2"}},
            "spec": {"ports": [{"port": 53, "protocol": "UDP", "x": "hunter2"}, {"port": 53}]}});
        let mut given: Service = serde_json::from_value(
            json!({"metadata": {"name": "dns", "annotations": {APPLIED: manifest.to_string(), "y": "hunter2"}}}),
        )
        .unwrap();
        service(&mut given);
        assert_eq!(
            given.metadata.annotations.unwrap()[APPLIED],
            r#"{"spec":{"ports":[{"port":53,"protocol":"UDP"},{"port":53}]}}"#
        );
    }

    #[test]
    fn configmaps_lose_their_data() {
        let mut given = json!({"kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"password": "y"}});
        other("configmaps", &mut given);
        assert_eq!(given, json!({"kind": "ConfigMap", "metadata": {"name": "x"}}));
    }
}
