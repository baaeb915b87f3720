//! A name that does not exist: which names that do come near it.

use std::collections::BTreeSet;

use hickory_resolver::proto::rr::Name;

use crate::cluster::{ServiceView, nearest};
use crate::collect::snapshot::Objects;
use crate::order;

use super::name;
use super::zone::{Entry, Meaning, Missing, ServiceName, Zone, endpoints};

/// How many are told.
const TOLD: usize = 5;

/// Names that exist and come near this one, as a pod of `namespace` writes them, best first.
#[must_use]
pub fn nearest_names(objects: &Objects, zone: &Zone<'_>, entry: &Entry, namespace: &str) -> Vec<String> {
    let Meaning::Missing(missing) = &entry.is else { return Vec::new() };
    match missing {
        Missing::Service(service) => {
            let found = nearest::services(objects, &service.namespace, &service.name);
            found.iter().filter_map(|full| full.split_once('/')).map(|(ns, name)| short(name, ns, namespace)).collect()
        }
        Missing::Endpoint { service, host } => hosts(objects, zone, service, host, namespace),
        Missing::Port { service, port } => ports(objects, service, port, namespace),
        Missing::Namespace(wanted) => {
            let known: BTreeSet<&str> = ServiceView::all(objects).map(|view| view.namespace).collect();
            let service = name::below(&entry.name, &zone.domain).filter(|labels| labels.len() == 3);
            let near = nearest::closest(wanted, known.iter().copied());
            match (near, service.as_deref().and_then(<[String]>::first)) {
                (Some(near), Some(service)) if ServiceView::find(objects, near, service).is_some() => {
                    vec![short(service, near, namespace)]
                }
                (_, Some(service)) => {
                    let same = ServiceView::all(objects).filter(|view| view.name == service);
                    same.map(|view| short(view.name, view.namespace, namespace)).take(TOLD).collect()
                }
                (_, None) => Vec::new(),
            }
        }
        Missing::Form => with_svc(objects, zone, &entry.name, namespace),
        Missing::NoReadyEndpoint(_) | Missing::PodRecordsOff | Missing::Pod { .. } | Missing::Address(_) => Vec::new(),
    }
}

/// As a pod of `from` writes it: `web` at home, `web.shop` from elsewhere.
fn short(service: &str, namespace: &str, from: &str) -> String {
    if namespace == from { service.to_owned() } else { format!("{service}.{namespace}") }
}

/// Labels of the ready endpoints: near ones first, then others.
fn hosts(objects: &Objects, zone: &Zone<'_>, service: &ServiceName, host: &str, from: &str) -> Vec<String> {
    let Some(view) = ServiceView::find(objects, &service.namespace, &service.name) else { return Vec::new() };
    let mut labels: Vec<(usize, String)> = endpoints(objects, &view)
        .unwrap_or_default()
        .iter()
        .filter(|endpoint| endpoint.ready)
        .map(|endpoint| zone.label(endpoint))
        .map(|label| (nearest::distance(host, &label), label))
        .collect();
    order::sort(&mut labels);
    labels.dedup();
    let base = short(&service.name, &service.namespace, from);
    labels.into_iter().take(TOLD).map(|(_, label)| format!("{label}.{base}")).collect()
}

fn ports(objects: &Objects, service: &ServiceName, port: &str, from: &str) -> Vec<String> {
    let Some(view) = ServiceView::find(objects, &service.namespace, &service.name) else { return Vec::new() };
    let base = short(&service.name, &service.namespace, from);
    let mut found: Vec<(usize, String)> = view
        .ports
        .iter()
        .filter(|port| !port.name.is_empty())
        .map(|has| {
            let label = format!("{}/{}", has.name, has.protocol.as_str());
            let name = format!("_{}._{}.{base}", has.name, has.protocol.as_str().to_lowercase());
            (nearest::distance(port, &label), name)
        })
        .collect();
    order::sort(&mut found);
    found.into_iter().take(TOLD).map(|(_, name)| name).collect()
}

/// `web.shop.cluster.local` lacks `svc`.
fn with_svc(objects: &Objects, zone: &Zone<'_>, name: &Name, from: &str) -> Vec<String> {
    let labels = name::below(name, &zone.domain).unwrap_or_default();
    match labels.as_slice() {
        [service, namespace] if ServiceView::find(objects, namespace, service).is_some() => {
            vec![short(service, namespace, from)]
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn case(text: &str, expected: &[&str]) {
        let service = |namespace: &str, name: &str, ip: &str| {
            json!({"metadata": {"namespace": namespace, "name": name},
            "spec": {"clusterIP": ip, "ports": [{"name": "http", "port": 80}]}})
        };
        let services = json!([
            service("shop", "web", "10.96.0.7"),
            service("shop", "db", "None"),
            service("default", "webs", "10.96.0.8")
        ]);
        let slices = json!([{"metadata": {"namespace": "shop", "name": "db-x", "labels": {"kubernetes.io/service-name": "db"}},
            "addressType": "IPv4", "ports": [{"name": "http", "port": 80}],
            "endpoints": [{"addresses": ["10.244.1.5"], "hostname": "db-0"}, {"addresses": ["10.244.1.6"], "hostname": "db-1"}]}]);
        let mut objects = Objects {
            services: Some(serde_json::from_value(services).unwrap()),
            slices: Some(serde_json::from_value(slices).unwrap()),
            ..Objects::default()
        };
        objects.whole.insert("services".into());
        let zone = Zone::new(&objects, name::absolute("cluster.local").unwrap());
        let entry = zone.entry(&name::absolute(text).unwrap());
        assert_eq!(nearest_names(&objects, &zone, &entry, "default"), expected, "{text}");
    }

    #[test]
    fn names_that_come_near() {
        case("web.default.svc.cluster.local", &["web.shop", "webs"]);
        case("wbe.shop.svc.cluster.local", &["web.shop"]);
        case("db-2.db.shop.svc.cluster.local", &["db-0.db.shop", "db-1.db.shop"]);
        case("_htpp._tcp.web.shop.svc.cluster.local", &["_http._tcp.web.shop"]);
        case("web.shop.cluster.local", &["web.shop"]);
        case("web.shopp.svc.cluster.local", &["web.shop", "webs"]);
        case("web.shop.svc.cluster.local", &[]);
    }
}
