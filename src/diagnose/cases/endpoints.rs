//! Faults behind the Service, and what policies keep from it: readiness, slices, topology, load balancers.

use serde_json::{Value, json};

use super::{SERVICE, asked, at, case, changed, endpoint, found, words};
use crate::report::Origin;

fn unready(pod: usize, slice: usize) -> Vec<(String, Value)> {
    vec![
        (format!("/pods/{pod}/status/conditions/0/status"), json!("False")),
        (
            format!("/pods/{pod}/status/containerStatuses"),
            json!([{"name": "app", "ready": false, "image": "", "imageID": "", "restartCount": 4,
                "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]),
        ),
        (format!("/slices/0/endpoints/{slice}/conditions"), json!({"ready": false, "serving": false})),
    ]
}

fn borrow(changes: &[(String, Value)]) -> Vec<(&str, Value)> {
    changes.iter().map(|(at, value)| (at.as_str(), value.clone())).collect()
}

#[test]
fn readiness() {
    let mut all = unready(0, 0);
    case(&borrow(&all), &[]);
    all.extend(unready(1, 1));
    case(
        &borrow(&all),
        &[
            "error no-ready-endpoint: 2 pods match and none is ready, so the Service has no endpoint; web-1, web-2: container app waits: CrashLoopBackOff",
        ],
    );
    let ending = json!({"ready": false, "serving": true, "terminating": true});
    case(
        &[("/slices/0/endpoints/0/conditions", ending.clone()), ("/slices/0/endpoints/1/conditions", ending)],
        &[
            "warning only-terminating-endpoints: all endpoints left are terminating: 10.244.1.5:8080, 10.244.2.5:8080; kube-proxy sends new connections there as the last resort (1.26 and later)",
        ],
    );
    let mut published = unready(0, 0);
    published.pop();
    published.push((at("publishNotReadyAddresses"), json!(true)));
    case(&borrow(&published), &["warning publish-not-ready: 1 pod is not ready and gets connections: web-1"]);
}

#[test]
fn slices() {
    case(
        &[("/slices", json!([]))],
        &[
            "error slice-missing-or-late: 2 pods are ready, and the Service has no EndpointSlice; kube-controller-manager writes the slices: it may be down or behind; its lease says when it was last alive",
        ],
    );
    // The controller may still be at it.
    let now = json!("2026-01-01T00:59:58Z");
    case(
        &[
            ("/slices", json!([])),
            ("/pods/0/status/conditions/0/lastTransitionTime", now.clone()),
            ("/pods/1/status/conditions/0/lastTransitionTime", now),
        ],
        &[],
    );
    case(
        &[
            ("/slices/0/endpoints/1/addresses/0", json!("10.244.9.9")),
            ("/slices/0/endpoints/1/targetRef/name", json!("web-9")),
        ],
        &[
            "error slice-disagrees-with-pods: 1 endpoint does not fit its pod, 1 ready pod is in no slice; 10.244.9.9 is pod web-9, which is gone or no longer selected; seen once: the objects may have changed between two reads, or kube-controller-manager is down or behind",
        ],
    );
    case(
        &[("/slices/0/endpoints/1/addresses/0", json!("10.244.9.9"))],
        &[
            "error slice-disagrees-with-pods: 1 endpoint does not fit its pod, 1 ready pod is in no slice; 10.244.9.9 is pod web-2, which has 10.244.2.5; seen once: the objects may have changed between two reads, or kube-controller-manager is down or behind",
        ],
    );
    case(
        &[("/pods/1/metadata/uid", json!("web-2")), ("/pods/1/status/podIPs/0/ip", json!("10.244.1.5"))],
        &[
            "error slice-disagrees-with-pods: 1 endpoint does not fit its pod; 10.244.2.5 is pod web-2, which has 10.244.1.5; seen once: the objects may have changed between two reads, or kube-controller-manager is down or behind",
            "error duplicate-endpoint-address: address 10.244.1.5 is that of 2 running pods: web-1, web-2; which of them answers is up to the network",
        ],
    );
}

/// `web` without a selector and with this slice written by hand.
fn by_hand(slice: Value) -> Vec<(&'static str, Value)> {
    let spec = json!({"clusterIP": "10.96.0.1", "ports": [{"name": "http", "port": 80}]});
    vec![(SERVICE, spec), ("/slices/0", slice)]
}

#[test]
fn slices_by_hand() {
    let slice = |labels: Value, name: &str, address: &str| {
        json!({"metadata": {"name": "web-1", "namespace": "default", "labels": labels}, "addressType": "IPv4",
            "ports": [{"name": name, "port": 8080}], "endpoints": [{"addresses": [address]}]})
    };
    let label = json!({"kubernetes.io/service-name": "web"});
    case(&by_hand(slice(label.clone(), "http", "192.0.2.9")), &[]);
    case(
        &by_hand(slice(label.clone(), "", "192.0.2.9")),
        &[
            "error slice-port-name-mismatch: slice web-1 has an unnamed port 8080/tcp; port http 80/tcp needs a tcp port named http; kube-proxy joins the two by name and protocol, not by number",
        ],
    );
    let none = "error no-ready-endpoint: no selector, and no EndpointSlice is labelled for it: the Service has no endpoint; a slice belongs to it by the label kubernetes.io/service-name=web";
    case(
        &by_hand(slice(json!({}), "http", "192.0.2.9")),
        &[none, "warning orphan-slice: slice web-1 has no label kubernetes.io/service-name: it belongs to no Service"],
    );
    case(
        &by_hand(slice(json!({"kubernetes.io/service-name": "weeb"}), "http", "192.0.2.9")),
        &[
            none,
            "warning orphan-slice: slice web-1 is labelled for Service weeb, which does not exist: it belongs to no Service",
        ],
    );
    case(
        &by_hand(slice(label.clone(), "http", "127.0.0.1")),
        &[
            "error custom-endpoint-invalid: endpoint 127.0.0.1 cannot work: it is the loopback of whatever node the packet is on",
        ],
    );
    case(
        &by_hand(slice(label.clone(), "http", "10.96.0.1")),
        &[
            "error custom-endpoint-invalid: endpoint 10.96.0.1 cannot work: it is the cluster IP of default/web, and an address is translated once",
        ],
    );
    let mut named = slice(label.clone(), "http", "db.example.test");
    named["addressType"] = json!("FQDN");
    case(
        &by_hand(named),
        &[
            "error custom-endpoint-invalid: endpoint db.example.test cannot work: it is a host name, and kube-proxy ignores addressType FQDN; a host name belongs in a Service of type ExternalName; the addressType of a slice cannot be changed",
        ],
    );
    let mut unready = slice(label, "http", "192.0.2.9");
    unready["endpoints"][0]["conditions"] = json!({"ready": false});
    case(
        &by_hand(unready),
        &["error no-ready-endpoint: endpoints are listed and none of them is ready; 192.0.2.9:8080: not ready"],
    );
}

#[test]
fn policies() {
    let local = at("internalTrafficPolicy");
    let only_b =
        ("/slices/0/endpoints", json!([endpoint("web-2", "b", "10.244.2.5"), endpoint("web-1", "b", "10.244.1.5")]));
    let dropped = "internal-traffic-policy-no-local: no endpoint on a: clients there are dropped, as internalTrafficPolicy Local says; endpoints are on b";
    case(&[(&local, json!("Local"))], &[]);
    case(&[(&local, json!("Local")), only_b.clone()], &[&format!("info {dropped}")]);
    asked(
        &[(&local, json!("Local")), only_b.clone()],
        "web",
        Some((Origin::Pod, "10.244.1.9")),
        &[&format!("error {dropped}")],
    );
    let outside = json!({"type": "NodePort", "clusterIP": "10.96.0.1", "externalTrafficPolicy": "Local", "selector": {"app": "web"},
        "ports": [{"name": "http", "port": 80, "targetPort": "http", "nodePort": 30080}]});
    case(&[(SERVICE, outside.clone())], &[]);
    case(
        &[(SERVICE, outside), only_b],
        &[
            "info etp-local-no-local-endpoint: no endpoint on a: outside clients are dropped there, as externalTrafficPolicy Local says; endpoints are on b",
        ],
    );
    let hints = |zone: &str| json!({"forZones": [{"name": zone}]});
    let world =
        changed(&[("/slices/0/endpoints/0/hints", hints("zone-a")), ("/slices/0/endpoints/1/hints", hints("zone-b"))]);
    let found = found(&world, "web", None);
    assert_eq!(
        words(&found),
        [
            "info topology-filtered: topology hints leave out endpoints of other zones on a (zone zone-a), b (zone zone-b); used there: 10.244.1.5:8080, 10.244.2.5:8080"
        ]
    );
}

fn balancer(ingress: &Value, ranges: &Value) -> Vec<(&'static str, Value)> {
    vec![
        (
            SERVICE,
            json!({"type": "LoadBalancer", "clusterIP": "10.96.0.1", "selector": {"app": "web"}, "loadBalancerSourceRanges": ranges,
                "ports": [{"name": "http", "port": 80, "targetPort": "http", "nodePort": 30080}]}),
        ),
        ("/services/0/status", json!({"loadBalancer": {"ingress": ingress}})),
    ]
}

#[test]
fn load_balancers() {
    let vip = json!([{"ip": "198.51.100.1"}]);
    case(&balancer(&vip, &json!([])), &[]);
    case(
        &balancer(&json!([]), &json!([])),
        &[
            "error lb-pending-no-controller: the load balancer has no address: no controller gave it one; node port 30080 works meanwhile",
        ],
    );
    let mut young = balancer(&json!([]), &json!([]));
    young.push(("/services/0/metadata/creationTimestamp", json!("2026-01-01T00:59:30Z")));
    case(&young, &[]);
    let mut told = balancer(&json!([]), &json!([]));
    told.push((
        "/events",
        json!([{"metadata": {"name": "e"}, "reason": "SyncLoadBalancerFailed", "note": "quota", "eventTime": null,
            "regarding": {"kind": "Service", "namespace": "default", "name": "web"}}]),
    ));
    case(&told, &["error lb-controller-error: the load balancer's controller fails: quota"]);
    let closed = balancer(&vip, &json!(["203.0.113.0/24", "10.244.0.0/16"]));
    case(&closed, &[]);
    asked(&closed, "web", Some((Origin::External, "203.0.113.7")), &[]);
    asked(
        &closed,
        "web",
        Some((Origin::External, "198.18.0.1")),
        &[
            "error source-range-excludes-client: 198.18.0.1 is in none of loadBalancerSourceRanges: the node drops it; node ports and the cluster IP are not limited by them",
        ],
    );
    asked(&closed, "web", Some((Origin::Pod, "10.244.1.5")), &[]);
    let tight = balancer(&vip, &json!(["203.0.113.0/24"]));
    let inside = "nodes serve that address themselves, so the ranges hold for clients inside too";
    asked(
        &tight,
        "web",
        Some((Origin::Pod, "10.244.1.5")),
        &[&format!(
            "warning source-range-blocks-in-cluster: 10.244.1.5 is in none of loadBalancerSourceRanges: the node drops it on the load balancer's address; {inside}"
        )],
    );
    case(
        &tight,
        &[&format!(
            "info source-range-blocks-in-cluster: loadBalancerSourceRanges holds no pod range: pods are dropped on the load balancer's address; {inside}"
        )],
    );
    // An address that the load balancer keeps for itself, and a range that holds all.
    case(&balancer(&json!([{"ip": "198.51.100.1", "ipMode": "Proxy"}]), &json!(["203.0.113.0/24"])), &[]);
    case(&balancer(&json!([{"ip": "198.51.100.1"}]), &json!(["0.0.0.0/0"])), &[]);
}
