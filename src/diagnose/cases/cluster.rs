//! Faults that no Service tells alone: addresses that are shared, references that lead nowhere, kube-proxy pods.

use serde_json::{Value, json};

use super::{changed, node, objects, words};
use crate::diagnose::{cluster_findings, concerns};
use crate::report::ObjectRef;

#[track_caller]
fn case(changes: &[(&str, Value)], expected: &[&str]) {
    assert_eq!(words(&cluster_findings(&objects(&changed(changes)))), expected);
}

fn service(name: &str, ip: &str) -> Value {
    json!({"metadata": {"name": name, "namespace": "default"}, "spec": {"clusterIP": ip, "clusterIPs": [ip],
        "ports": [{"name": "http", "port": 80}]}})
}

#[test]
fn a_healthy_cluster_has_none() {
    case(&[], &[]);
}

#[test]
fn one_cluster_ip_for_two() {
    let twice = changed(&[("/services/-", service("other", "10.96.0.1"))]);
    let found = cluster_findings(&objects(&twice));
    assert_eq!(
        words(&found),
        [
            "error duplicate-cluster-ip: cluster IP 10.96.0.1 is also that of Service default/web; which of them a client reaches is left to the order of the rules",
            "error duplicate-cluster-ip: cluster IP 10.96.0.1 is also that of Service default/other; which of them a client reaches is left to the order of the rules",
        ]
    );
    // Each is told of its own Service, once.
    let web = ObjectRef::new("Service", "default", "web");
    assert_eq!(found.iter().filter(|finding| concerns(finding, &web)).count(), 1);
    let mut going = service("other", "10.96.0.1");
    going["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    case(&[("/services/-", going)], &[]);
    case(&[("/services/-", service("none", "None")), ("/services/-", service("too", "None"))], &[]);
}

#[test]
fn outside_addresses() {
    let balancer = |name: &str, ip: &str, port: u16| {
        json!({"metadata": {"name": name, "namespace": "default"}, "spec": {"type": "LoadBalancer", "clusterIP": ip,
            "clusterIPs": [ip], "ports": [{"port": port}]}, "status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.9"}]}}})
    };
    let pair = |second: Value| [("/services/-", balancer("a", "10.96.0.2", 80)), ("/services/-", second)];
    case(
        &pair(balancer("b", "10.96.0.3", 80)),
        &[
            "error lb-ip-shared: 203.0.113.9 port 80/tcp is also that of Service default/a",
            "error lb-ip-shared: 203.0.113.9 port 80/tcp is also that of Service default/b",
        ],
    );
    case(
        &pair(balancer("b", "10.96.0.3", 81)),
        &[
            "info lb-ip-shared: address 203.0.113.9 is shared with Service default/a, each with its own ports",
            "info lb-ip-shared: address 203.0.113.9 is shared with Service default/b, each with its own ports",
        ],
    );
    let mut proxied = balancer("b", "10.96.0.3", 80);
    proxied["status"]["loadBalancer"]["ingress"][0]["ipMode"] = json!("Proxy");
    case(&pair(proxied), &[]);
}

#[test]
fn ranges() {
    let range =
        |cidr: &str| ("/servicecidrs", json!([{"metadata": {"name": "kubernetes"}, "spec": {"cidrs": [cidr]}}]));
    case(&[range("10.96.0.0/16")], &[]);
    case(
        &[range("10.97.0.0/16")],
        &[
            "warning cluster-ip-outside-service-cidr: cluster IP 10.96.0.1 is in no ServiceCIDR of the cluster; routes, proxies and NO_PROXY settings often go by the range",
        ],
    );
    case(
        &[("/nodes/1", node("b", "10.96.0.0/24"))],
        &[
            "error cidr-overlap: cluster IP 10.96.0.1 lies in 10.96.0.0/24, the range of node b's pods; a pod may get this very address, and routes to the pods take its packets",
        ],
    );
    case(
        &[range("10.96.0.0/16"), ("/nodes/1", node("b", "10.96.7.0/24"))],
        &[
            "warning cidr-overlap: the range of Services, 10.96.0.0/16, and 10.96.7.0/24 of node b lie in each other; this Service's own address is not hit; one of another Service may be",
        ],
    );
}

#[test]
fn references() {
    let hook = |service: &str, port: u16| {
        json!([{"metadata": {"name": "hook"}, "webhooks": [{"name": "a.b.c",
            "clientConfig": {"service": {"namespace": "default", "name": service, "port": port}}}]}])
    };
    case(&[("/validatingwebhookconfigurations", hook("web", 80))], &[]);
    case(
        &[("/validatingwebhookconfigurations", hook("wbe", 80))],
        &[
            "error service-missing: ValidatingWebhookConfiguration hook leads to Service default/wbe, which does not exist; there is default/web",
        ],
    );
    case(
        &[("/validatingwebhookconfigurations", hook("web", 443))],
        &[
            "error port-not-in-service: ValidatingWebhookConfiguration hook leads to port 443 of Service default/web, which has http 80/tcp",
        ],
    );
    let api =
        json!([{"metadata": {"name": "v1.metrics"}, "spec": {"service": {"namespace": "default", "name": "gone"}}}]);
    case(
        &[("/apiservices", api)],
        &["error service-missing: APIService v1.metrics leads to Service default/gone, which does not exist"],
    );
    let route = |port: u16| json!([{"metadata": {"name": "r", "namespace": "default"}, "spec": {"rules": [{"backendRefs": [{"name": "web", "port": port}]}]}}]);
    case(&[("/httproutes", route(80))], &[]);
    case(
        &[("/httproutes", route(8080))],
        &[
            "error route-backend-invalid: HTTPRoute default/r leads to port 8080 of Service default/web, which has http 80/tcp",
        ],
    );
}

#[test]
fn node_ports() {
    let with_port = ("/services/0/spec/ports/0/nodePort", json!(30080));
    let on_node = |spec: Value| {
        (
            "/pods/-",
            json!({"metadata": {"name": "x", "namespace": "default"}, "spec": spec, "status": {"phase": "Running"}}),
        )
    };
    let start = "error nodeport-collision: node port 30080/tcp is also a port of pod x on node a";
    let more = "; rules come before programs: what comes to that port of the node goes to the Service";
    let host_port =
        json!({"nodeName": "a", "containers": [{"name": "c", "ports": [{"containerPort": 80, "hostPort": 30080}]}]});
    case(&[with_port.clone(), on_node(host_port.clone())], &[&format!("{start}{more}")]);
    let host = json!({"nodeName": "a", "hostNetwork": true, "containers": [{"name": "c", "ports": [{"containerPort": 30080}]}]});
    case(&[with_port.clone(), on_node(host)], &[&format!("{start}{more}")]);
    let udp = json!({"nodeName": "a", "containers": [{"name": "c", "ports": [{"containerPort": 80, "hostPort": 30080, "protocol": "UDP"}]}]});
    case(&[with_port.clone(), on_node(udp)], &[]);
    let own = json!({"nodeName": "a", "containers": [{"name": "c", "ports": [{"containerPort": 30080}]}]});
    case(&[with_port, on_node(own)], &[]);
    case(&[on_node(host_port)], &[]);
}

#[test]
fn kube_proxy_pods() {
    let proxy = |name: &str, node: &str, ready: &str, waits: &str| {
        json!({"metadata": {"name": name, "namespace": "kube-system"}, "spec": {"nodeName": node, "containers": [{"name": "kube-proxy"}]},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}],
                "containerStatuses": [{"name": "kube-proxy", "image": "", "imageID": "", "ready": ready == "True", "restartCount": 3,
                    "state": if waits.is_empty() { json!({"running": {}}) } else { json!({"waiting": {"reason": waits}}) }}]}})
    };
    let well = |name: &str, node: &str| proxy(name, node, "True", "");
    let ready = |name: &str| {
        let mut node = node(name, "10.244.9.0/24");
        node["status"]["conditions"] = json!([{"type": "Ready", "status": "True"}]);
        node
    };
    case(&[("/proxies", json!([well("kube-proxy-1", "a"), well("kube-proxy-2", "b")]))], &[]);
    case(
        &[("/proxies", json!([well("kube-proxy-1", "a"), proxy("kube-proxy-2", "b", "False", "CrashLoopBackOff")]))],
        &[
            "error kube-proxy-not-running: kube-proxy on node b does not run: container kube-proxy waits: CrashLoopBackOff; the rules that it made stay in the kernel and follow no change any more",
        ],
    );
    case(
        &[("/proxies", json!([well("kube-proxy-1", "a")])), ("/nodes/1", ready("b"))],
        &[
            "error kube-proxy-not-running: no kube-proxy pod is on node b; other nodes have one; a taint, or a proxy of another name, explains it",
        ],
    );
    // Not meant for it, or not known to be ready.
    let mut windows = ready("b");
    windows["metadata"]["labels"]["kubernetes.io/os"] = json!("windows");
    case(&[("/proxies", json!([well("kube-proxy-1", "a")])), ("/nodes/1", windows)], &[]);
    case(&[("/proxies", json!([well("kube-proxy-1", "a")]))], &[]);
    case(&[("/proxies", json!([])), ("/nodes/1", ready("b"))], &[]);
}
