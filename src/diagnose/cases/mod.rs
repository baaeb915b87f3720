//! Faults of objects, each beside its healthy twin: what is found in small objects made here.

mod cluster;
mod endpoints;
mod services;

use std::net::IpAddr;

use serde_json::{Value, json};

use super::{Context, object_findings};
use crate::cluster::paths::Client;
use crate::cluster::resolve::{Subject, resolve};
use crate::cluster::{Index, NodeView, ServiceEndpoints};
use crate::collect::snapshot::Objects;
use crate::query::Target;
use crate::report::{Finding, Origin};

/// A world with the Service `web`, two ready pods behind it on nodes a and b, and their slice.
fn world() -> Value {
    json!({
        "services": [{"metadata": {"name": "web", "namespace": "default", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"type": "ClusterIP", "clusterIP": "10.96.0.1", "clusterIPs": ["10.96.0.1"], "ipFamilies": ["IPv4"],
                "selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}]}}],
        "pods": [pod("web-1", "a", "10.244.1.5"), pod("web-2", "b", "10.244.2.5")],
        "slices": [{"metadata": {"name": "web-x", "namespace": "default", "labels": {"kubernetes.io/service-name": "web",
                "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"}},
            "addressType": "IPv4", "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
            "endpoints": [endpoint("web-1", "a", "10.244.1.5"), endpoint("web-2", "b", "10.244.2.5")]}],
        "nodes": [node("a", "10.244.1.0/24"), node("b", "10.244.2.0/24")],
    })
}

fn pod(name: &str, node: &str, ip: &str) -> Value {
    json!({"metadata": {"name": name, "namespace": "default", "uid": name, "labels": {"app": "web"}},
        "spec": {"nodeName": node, "containers": [{"name": "app", "ports": [{"name": "http", "containerPort": 8080}]}]},
        "status": {"phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}],
            "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}]}})
}

fn endpoint(pod: &str, node: &str, ip: &str) -> Value {
    json!({"addresses": [ip], "conditions": {"ready": true, "serving": true, "terminating": false}, "nodeName": node,
        "targetRef": {"kind": "Pod", "name": pod, "namespace": "default"}})
}

fn node(name: &str, range: &str) -> Value {
    json!({"metadata": {"name": name, "labels": {"topology.kubernetes.io/zone": format!("zone-{name}")}},
        "spec": {"podCIDR": range, "podCIDRs": [range]}, "status": {"addresses": [{"type": "InternalIP", "address": "192.0.2.1"}]}})
}

/// The world with changes: a pointer into it and the value that stands there then.
fn changed(changes: &[(&str, Value)]) -> Value {
    let mut world = world();
    for (pointer, value) in changes {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        match world.pointer_mut(parent).unwrap() {
            Value::Array(list) => match key.parse::<usize>() {
                Ok(at) => list[at] = value.clone(),
                Err(_) => list.push(value.clone()),
            },
            object => object[key] = value.clone(),
        }
    }
    world
}

fn objects(world: &Value) -> Objects {
    fn read<T: serde::de::DeserializeOwned>(world: &Value, key: &str) -> Option<Vec<T>> {
        world.get(key).filter(|list| !list.is_null()).map(|list| serde_json::from_value(list.clone()).unwrap())
    }
    let mut objects = Objects {
        services: read(world, "services"),
        slices: read(world, "slices"),
        pods: read(world, "pods"),
        nodes: read(world, "nodes"),
        events: read(world, "events"),
        policies: read(world, "policies"),
        ingresses: read(world, "ingresses"),
        proxies: read(world, "proxies"),
        ..Objects::default()
    };
    for resource in ["services", "pods", "endpointslices", "nodes", "servicecidrs"] {
        objects.whole.insert(resource.into());
    }
    let others =
        ["deployments", "replicasets", "servicecidrs", "validatingwebhookconfigurations", "apiservices", "httproutes"];
    for resource in others {
        if let Some(list) = read(world, resource) {
            objects.other.insert(resource.into(), list);
        }
    }
    objects
}

fn found(world: &Value, target: &str, client: Option<(Origin, &str)>) -> Vec<Finding> {
    let objects = objects(world);
    let subject = resolve(&objects, &Target::parse(target).unwrap(), "default").unwrap();
    let Subject::Service(chosen) = subject else { panic!("{target} is no Service") };
    let endpoints = ServiceEndpoints::read(&objects, &chosen.view);
    let nodes: Vec<NodeView<'_>> = objects.nodes().iter().map(NodeView::new).collect();
    let client = client.map(|(origin, address)| Client {
        origin,
        name: None,
        address: address.parse::<IpAddr>().unwrap(),
        interface: None,
        node: "a".into(),
        is_endpoint: false,
    });
    let index = Index::new(&objects);
    object_findings(&Context {
        index: &index,
        objects: &objects,
        view: &chosen.view,
        endpoints: &endpoints,
        ports: &chosen.ports,
        missing: chosen.missing.as_ref(),
        nodes: &nodes,
        client: client.as_ref(),
        at: Some("2026-01-01T01:00:00Z"),
    })
}

fn words(found: &[Finding]) -> Vec<String> {
    let line = |f: &Finding| {
        assert!(f.help.is_some() && !f.evidence.is_empty(), "{f:?}");
        let mut parts = vec![format!("{} {}: {}", f.severity.as_str(), f.code, f.summary)];
        parts.extend(f.details.iter().cloned());
        parts.join("; ")
    };
    found.iter().map(line).collect()
}

#[track_caller]
fn case(changes: &[(&str, Value)], expected: &[&str]) {
    asked(changes, "web", None, expected);
}

#[track_caller]
fn asked(changes: &[(&str, Value)], target: &str, client: Option<(Origin, &str)>, expected: &[&str]) {
    assert_eq!(words(&found(&changed(changes), target, client)), expected);
}

const SERVICE: &str = "/services/0/spec";

fn at(rest: &str) -> String {
    format!("{SERVICE}/{rest}")
}

#[test]
fn a_healthy_service_has_none() {
    case(&[], &[]);
    asked(&[], "web:http", Some((Origin::Pod, "10.244.1.5")), &[]);
    asked(&[], "web:80", Some((Origin::External, "203.0.113.7")), &[]);
}
