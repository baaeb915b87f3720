//! Records that a zone should give, by the objects: one table for each kind of name.

use serde_json::{Value, json};

use super::*;

fn service(namespace: &str, name: &str, spec: &Value) -> Value {
    json!({"metadata": {"namespace": namespace, "name": name}, "spec": spec})
}

fn world() -> Value {
    json!({
        "services": [
            service("default", "kubernetes", &json!({"clusterIP": "10.96.0.1", "ports": [{"name": "https", "port": 443}]})),
            service("shop", "web", &json!({"clusterIP": "10.96.0.7", "clusterIPs": ["10.96.0.7", "fd00::7"],
                "ports": [{"name": "http", "port": 80}, {"name": "dns", "port": 53, "protocol": "UDP"}]})),
            service("shop", "db", &json!({"clusterIP": "None", "selector": {"app": "db"}, "ports": [{"name": "sql", "port": 5432}]})),
            service("shop", "empty", &json!({"clusterIP": "None", "selector": {"app": "x"}, "ports": [{"port": 1}]})),
            service("shop", "out", &json!({"type": "ExternalName", "externalName": "www.example.com"})),
            service("shop", "in", &json!({"type": "ExternalName", "externalName": "out.shop.svc.cluster.local"})),
            service("shop", "ring", &json!({"type": "ExternalName", "externalName": "ring2.shop.svc.cluster.local"})),
            service("shop", "ring2", &json!({"type": "ExternalName", "externalName": "ring.shop.svc.cluster.local"})),
            service("shop", "address", &json!({"type": "ExternalName", "externalName": "192.0.2.1"})),
        ],
        "slices": [
            {"metadata": {"namespace": "shop", "name": "db-x", "labels": {"kubernetes.io/service-name": "db"}},
                "addressType": "IPv4", "ports": [{"name": "sql", "port": 5433, "protocol": "TCP"}],
                "endpoints": [
                    {"addresses": ["10.244.1.5"], "hostname": "db-0", "conditions": {"ready": true}, "targetRef": {"kind": "Pod", "name": "db-0"}},
                    {"addresses": ["10.244.1.6"], "conditions": {"ready": true}, "targetRef": {"kind": "Pod", "name": "db-old"}},
                    {"addresses": ["10.244.1.7"], "hostname": "db-1", "conditions": {"ready": false}},
                ]},
            {"metadata": {"namespace": "shop", "name": "web-x", "labels": {"kubernetes.io/service-name": "web"}},
                "addressType": "IPv4", "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
                "endpoints": [{"addresses": ["10.244.1.9"], "conditions": {"ready": true}}]},
            {"metadata": {"namespace": "shop", "name": "empty-x", "labels": {"kubernetes.io/service-name": "empty"}}, "addressType": "IPv4", "endpoints": []},
        ],
        "pods": [{"metadata": {"namespace": "shop", "name": "web-1"}, "status": {"podIP": "10.244.1.9"}}],
    })
}

fn objects(corefile: Option<&str>) -> Objects {
    let world = world();
    let mut objects = Objects {
        services: Some(serde_json::from_value(world["services"].clone()).unwrap()),
        slices: Some(serde_json::from_value(world["slices"].clone()).unwrap()),
        pods: Some(serde_json::from_value(world["pods"].clone()).unwrap()),
        ..Objects::default()
    };
    objects.whole.extend(["services", "endpointslices", "pods"].map(String::from));
    if let Some(text) = corefile {
        let map = json!({"metadata": {"namespace": "kube-system", "name": "coredns"}, "data": {"Corefile": text}});
        objects.other.insert("configmaps".into(), vec![map]);
    }
    objects
}

const INSECURE: &str = ".:53 {\n kubernetes cluster.local in-addr.arpa {\n  pods insecure\n }\n}";

#[track_caller]
fn case(corefile: Option<&str>, text: &str, expected: &str) {
    let objects = objects(corefile);
    let zone = Zone::new(&objects, name::absolute("cluster.local").unwrap());
    let entry = zone.entry(&name::absolute(text).unwrap());
    let ports: Vec<String> =
        entry.ports.iter().map(|srv| format!("{} {}", srv.port, name::plain(&srv.target))).collect();
    let mut words = format!("{}: {}", entry.is, entry.promise());
    if text.starts_with('_') {
        words = format!("{words}; {}", ports.join(", "));
    }
    if let Some(unsure) = &entry.unsure {
        words = format!("{words}? {unsure}");
    }
    assert_eq!(words, expected, "{text}");
}

#[test]
fn services() {
    case(None, "kubernetes.default.svc.cluster.local", "Service default/kubernetes: 10.96.0.1");
    case(None, "WEB.shop.svc.cluster.local.", "Service shop/web: 10.96.0.7, fd00::7");
    case(None, "wbe.shop.svc.cluster.local", "there is no Service shop/wbe: NXDOMAIN");
    case(None, "db.shop.svc.cluster.local", "headless Service shop/db: 10.244.1.5, 10.244.1.6");
    case(None, "empty.shop.svc.cluster.local", "Service shop/empty has no ready endpoint: NXDOMAIN");
    case(None, "out.shop.svc.cluster.local", "ExternalName Service shop/out: alias of www.example.com");
    case(None, "address.shop.svc.cluster.local", "ExternalName Service shop/address: no address");
    case(None, "www.example.com", "a name outside the cluster's domain: whatever the outside says");
}

#[test]
fn parts_of_services() {
    case(None, "db-0.db.shop.svc.cluster.local", "endpoint db-0 of Service shop/db: 10.244.1.5");
    case(None, "db-1.db.shop.svc.cluster.local", "Service shop/db has no ready endpoint named db-1: NXDOMAIN");
    case(None, "10-244-1-6.db.shop.svc.cluster.local", "endpoint 10-244-1-6 of Service shop/db: 10.244.1.6");
    case(None, "10-244-1-9.web.shop.svc.cluster.local", "endpoint 10-244-1-9 of Service shop/web: 10.244.1.9");
    let named = ".:53 {\n kubernetes cluster.local {\n  endpoint_pod_names\n }\n}";
    case(Some(named), "db-old.db.shop.svc.cluster.local", "endpoint db-old of Service shop/db: 10.244.1.6");
    case(
        None,
        "_http._tcp.web.shop.svc.cluster.local",
        "port http/tcp of Service shop/web: 10.96.0.7, fd00::7; 80 web.shop.svc.cluster.local",
    );
    case(None, "_http._udp.web.shop.svc.cluster.local", "Service shop/web has no port named http/udp: NXDOMAIN; ");
    case(
        None,
        "_sql._tcp.db.shop.svc.cluster.local",
        "port sql/tcp of Service shop/db: 10.244.1.5, 10.244.1.6; 5433 10-244-1-6.db.shop.svc.cluster.local, 5433 db-0.db.shop.svc.cluster.local",
    );
    case(None, "_sql._tcp.empty.shop.svc.cluster.local", "Service shop/empty has no ready endpoint: NXDOMAIN; ");
}

#[test]
fn pods_and_addresses() {
    case(Some(INSECURE), "192-0-2-1.shop.pod.cluster.local", "pod 192.0.2.1 of namespace shop: 192.0.2.1");
    let verified = INSECURE.replace("insecure", "verified");
    case(Some(&verified), "10-244-1-9.shop.pod.cluster.local", "pod 10.244.1.9 of namespace shop: 10.244.1.9");
    case(Some(&verified), "10-244-1-8.shop.pod.cluster.local", "no pod of namespace shop has 10.244.1.8: NXDOMAIN");
    let off = INSECURE.replace("pods insecure", "ttl 30");
    case(
        Some(&off),
        "10-244-1-9.shop.pod.cluster.local",
        "names of pods by address are switched off in the Corefile: NXDOMAIN",
    );
    case(
        None,
        "10-244-1-9.shop.pod.cluster.local",
        "pod 10.244.1.9 of namespace shop: 10.244.1.9? the Corefile was not read: it says whether pods have names",
    );
    case(None, "7.0.96.10.in-addr.arpa", "the name of 10.96.0.7: web.shop.svc.cluster.local");
    case(None, "5.1.244.10.in-addr.arpa", "the name of 10.244.1.5: db-0.db.shop.svc.cluster.local");
    case(None, "99.1.244.10.in-addr.arpa", "no Service and no endpoint has 10.244.1.99: NXDOMAIN");
}

#[test]
fn the_tree_between() {
    let between = "a part of the cluster's domain that holds names and no record: no address";
    case(None, "cluster.local", between);
    case(None, "svc.cluster.local", between);
    case(None, "shop.svc.cluster.local", between);
    case(
        None,
        "nowhere.svc.cluster.local",
        "there is no namespace nowhere: NXDOMAIN? namespaces were not read: nothing that was read is in nowhere",
    );
    case(None, "web.shop.cluster.local", "no name of the cluster's domain has this form: NXDOMAIN");
    case(None, "a.b.c.web.shop.svc.cluster.local", "no name of the cluster's domain has this form: NXDOMAIN");
    let shown = ".:53 {\n kubernetes cluster.local {\n  namespaces default\n }\n}";
    case(Some(shown), "web.shop.svc.cluster.local", "there is no namespace shop: NXDOMAIN");
}

#[track_caller]
fn chain(text: &str, seen: &[&str], looped: bool) {
    let objects = objects(None);
    let zone = Zone::new(&objects, name::absolute("cluster.local").unwrap());
    let (names, end) = zone.follow(&zone.entry(&name::absolute(text).unwrap()));
    assert_eq!(names.iter().map(name::plain).collect::<Vec<_>>(), seen);
    assert_eq!(matches!(end, ChainEnd::Loop(_)), looped);
}

#[test]
fn aliases_are_followed() {
    let (one, two) = ("in.shop.svc.cluster.local", "out.shop.svc.cluster.local");
    chain(one, &[one, two, "www.example.com"], false);
    chain("web.shop.svc.cluster.local", &["web.shop.svc.cluster.local"], false);
    chain("ring.shop.svc.cluster.local", &["ring.shop.svc.cluster.local", "ring2.shop.svc.cluster.local"], true);
}

#[test]
fn narrow_readings_do_not_tell_what_is_not_there() {
    let mut objects = objects(None);
    objects.whole.clear();
    let zone = Zone::new(&objects, name::absolute("cluster.local").unwrap());
    let entry = zone.entry(&name::absolute("wbe.shop.svc.cluster.local").unwrap());
    assert_eq!(entry.unsure.as_deref(), Some("not all Services were read"));
}
