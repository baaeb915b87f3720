//! Faults of the Service itself: selector, ports, alias.

use serde_json::{Value, json};

use super::{SERVICE, asked, at, case, changed, found};
use crate::report::Evidence;

#[test]
fn selectors() {
    let none = ("/slices/0/endpoints", Value::Null);
    case(
        &[(&at("selector"), json!({"app": "wbe"})), none.clone()],
        &["error selector-matches-no-pod: no pod has app=wbe; 2 pods have app=web (web-1, web-2): one letter differs"],
    );
    case(
        &[(&at("selector"), json!({"app": "web", "tier": "front"})), none.clone()],
        &[
            "error selector-matches-no-pod: no pod has app=web,tier=front; 2 pods have the other labels but no tier (web-1, web-2)",
        ],
    );
    case(
        &[(&at("selector"), json!({"app.kubernetes.io/name": "web"})), none.clone()],
        &[
            "error selector-matches-no-pod: no pod has app.kubernetes.io/name=web; 2 pods have app=web (web-1, web-2): another key, the same value",
        ],
    );
    case(
        &[(&at("selector"), json!({"app": "postgres"})), none.clone()],
        &["error selector-matches-no-pod: no pod has app=postgres"],
    );
    let elsewhere = json!([{"metadata": {"name": "x", "namespace": "shop", "labels": {"app": "web"}}, "status": {"phase": "Running"}}]);
    case(
        &[("/pods", elsewhere), none.clone()],
        &[
            "error selector-matches-no-pod: no pod has app=web; 1 pod has these labels in namespace shop, where this selector does not reach",
        ],
    );
    // Not read is not "none": that nothing answers is certain, why is not.
    case(
        &[("/pods", Value::Null), none],
        &[
            "error no-ready-endpoint: no endpoint takes connections, so every client is refused; why is not known: pods were not read",
        ],
    );
}

#[test]
fn near_misses_come_with_a_patch() {
    let world =
        changed(&[(&at("selector"), json!({"app.kubernetes.io/name": "web"})), ("/slices/0/endpoints", Value::Null)]);
    assert_eq!(
        found(&world, "web", None)[0].help.as_deref(),
        Some(
            r#"kubectl -n default patch svc web -p '{"spec":{"selector":{"app":"web","app.kubernetes.io/name":null}}}'"#
        )
    );
}

#[test]
fn workloads() {
    let gone = [("/pods", json!([])), ("/slices/0/endpoints", Value::Null)];
    let deployment = |replicas: u32| {
        json!([{"metadata": {"name": "web", "namespace": "default"},
            "spec": {"replicas": replicas, "template": {"metadata": {"labels": {"app": "web", "x": "y"}}}}}])
    };
    let old = json!([{"metadata": {"name": "web-old", "namespace": "default", "ownerReferences": [{"name": "web"}]},
        "spec": {"replicas": 0, "template": {"metadata": {"labels": {"app": "web"}}}}}]);
    let mut changes = gone.to_vec();
    changes.extend([("/deployments", deployment(0)), ("/replicasets", old.clone())]);
    case(
        &changes,
        &["error selector-workload-scaled-to-zero: Deployment default/web is scaled to 0, so no pod has app=web"],
    );
    let mut changes = gone.to_vec();
    changes.extend([("/deployments", deployment(2)), ("/replicasets", old)]);
    case(
        &changes,
        &["error selector-matches-no-pod: no pod has app=web; Deployment default/web wants 2 of them, none is there"],
    );
}

#[test]
fn target_ports() {
    let unserved = ("/slices/0/ports", Value::Null);
    case(
        &[(&at("ports/0/targetPort"), json!("htttp")), unserved],
        &[
            "error named-target-port-missing: no selected pod declares a TCP port named htttp, the target of port http 80/tcp; they declare http",
        ],
    );
    case(
        &[("/pods/1/spec/containers/0/ports/0/name", json!("web"))],
        &[
            "warning named-target-port-missing: 1 of 2 selected pods declares no TCP port named http; no traffic goes to web-2; it declares web",
        ],
    );
    case(
        &[("/pods/1/spec/containers/0/ports/0/containerPort", json!(9090))],
        &[
            "info named-target-port-differs: target port http is 8080 in 1 pod and 9090 in 1 pod; each pod is reached on its own number; during a roll-out that is as it should be",
        ],
    );
    // A sidecar's port counts.
    let sidecar =
        json!([{"name": "proxy", "restartPolicy": "Always", "ports": [{"name": "http", "containerPort": 8080}]}]);
    let moved = [("/pods/1/spec/containers/0/ports", Value::Null), ("/pods/1/spec/initContainers", sidecar)];
    case(&moved, &[]);
}

#[test]
fn asked_ports() {
    let start = "error port-not-in-service: port";
    asked(&[], "web:8081", None, &[&format!("{start} 8081 is not in Service default/web, which has http 80/tcp")]);
    asked(&[], "web:htttp", None, &[&format!("{start} htttp is not in Service default/web, which has http 80/tcp")]);
    asked(
        &[],
        "web:80/udp",
        None,
        &[&format!("{start} 80/udp is not in Service default/web, which has http 80/tcp; that port is TCP here")],
    );
    let number = [(at("ports/0/targetPort"), json!(8080)), (at("ports/0/nodePort"), json!(30080))];
    let number: Vec<(&str, Value)> = number.iter().map(|(at, value)| (at.as_str(), value.clone())).collect();
    asked(
        &number,
        "web:8080",
        None,
        &[&format!(
            "{start} 8080 is not in Service default/web, which has http 80/tcp; 8080 is the target port of http 80/tcp: clients use 80"
        )],
    );
    asked(
        &number,
        "web:30080",
        None,
        &[&format!(
            "{start} 30080 is not in Service default/web, which has http 80/tcp; 30080 is the node port of http 80/tcp: it is on nodes, not on this address"
        )],
    );
}

#[test]
fn services_that_go_and_headless_ones() {
    case(
        &[
            ("/services/0/metadata/deletionTimestamp", json!("2026-01-01T00:30:00Z")),
            ("/services/0/metadata/finalizers", json!(["x/y"])),
        ],
        &[
            "warning service-terminating: the Service is being deleted: it waits for x/y; nodes serve it until it is gone, then its rules vanish",
        ],
    );
    let headless = [(at("clusterIP"), json!("None")), (at("clusterIPs"), json!(["None"]))];
    let mut headless: Vec<(&str, Value)> = headless.iter().map(|(at, value)| (at.as_str(), value.clone())).collect();
    case(
        &headless,
        &[
            "warning headless-port-remap-ignored: port 80 of this headless Service does not lead to 8080: nothing translates it; its name resolves to the pods themselves: clients must use port 8080",
        ],
    );
    let port = at("ports/0/port");
    headless.push((&port, json!(8080)));
    case(&headless, &[]);
    // Objects from before dual stack do not say their family.
    let families = at("ipFamilies");
    headless.push((&families, Value::Null));
    case(&headless, &[]);
}

#[test]
fn aliases() {
    let alias = |name: &str, more: Value| {
        let mut spec = json!({"type": "ExternalName", "externalName": name});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        (SERVICE, spec)
    };
    case(&[alias("db.example.test", json!({}))], &[]);
    case(&[alias("web.default.svc.cluster.local", json!({}))], &[]);
    case(
        &[alias("192.0.2.7", json!({}))],
        &[
            "error external-name-is-ip: externalName is the address 192.0.2.7: DNS answers with a name that does not exist; make it a Service without a selector and write the address into an EndpointSlice",
        ],
    );
    case(
        &[alias("db.example.test", json!({"ports": [{"port": 81, "targetPort": 8080}, {"port": 444}]}))],
        &[
            "warning external-name-ports-ignored: an ExternalName Service maps no ports: 81 → 8080 is not done; clients must use the port of the host behind the alias",
        ],
    );
    case(
        &[alias("db.example.test", json!({"selector": {"app": "web"}}))],
        &["warning external-name-ports-ignored: an ExternalName Service selects no pods: its selector is not used"],
    );
    case(
        &[alias("weeb.default.svc.cluster.local.", json!({}))],
        &[
            "error service-missing: externalName points at Service default/weeb, which does not exist; assumed that cluster.local is this cluster's domain; there is default/web",
        ],
    );
}

#[test]
fn evidence_quotes_field_and_value() {
    let world = changed(&[(&at("selector"), json!({"app": "wbe"})), ("/slices/0/endpoints", Value::Null)]);
    let all = found(&world, "web", None);
    let quoted = |evidence: &Evidence| match evidence {
        Evidence::Field { object, field, value } => format!("{object} {field} {value}"),
        other => panic!("{other:?}"),
    };
    let texts: Vec<String> = all[0].evidence.iter().map(quoted).collect();
    assert_eq!(texts, ["Service default/web spec.selector app=wbe", "Pod default/web-1 metadata.labels app=web"]);
    assert_eq!(all[0].fingerprint(), "selector-matches-no-pod|near-miss|Service default/web|");
}
