//! Whom to ask and what, from the objects. Asks nobody.

use std::net::{IpAddr, SocketAddr};

use super::ground::{Ground, addresses};
use crate::agent::Order;
use crate::collect::config::CollectConfig;
use crate::collect::dns_names::is_cache;
use crate::collect::lookup::{is_alive, node_name};
use crate::collect::snapshot::Objects;
use crate::dns::server::{DNS_PORT, cache_corefile};
use crate::dns::{Corefile, DnsService, Domain, name};
use crate::order;
use crate::probe::{PlaceClient, Question, QuestionKind, Server, ServerKind};
use crate::query::DnsQuery;

/// What is asked from one place.
pub(super) fn order(objects: &Objects, query: &DnsQuery, config: &CollectConfig, ground: &Ground) -> Order {
    let domain = name::plain(&Domain::find(objects, &[]).name);
    let (limit_ms, tries, rounds) = Order::PATIENCE;
    // a pod of ours stands in a namespace of its own, and the host's resolver is not the cluster's
    let namespace = match &ground.client {
        PlaceClient::Pod { .. } | PlaceClient::Host => None,
        PlaceClient::OwnPod => Some((config.pod.namespace().to_owned(), query.namespace.clone())),
    };
    let search = (ground.client == PlaceClient::Host)
        .then(|| vec![format!("{}.svc.{domain}", query.namespace), format!("svc.{domain}"), domain.clone()]);
    Order {
        place: ground.place(),
        servers: servers(objects, &ground.node),
        questions: questions(query, &domain),
        search,
        instead: namespace,
        container: ground.container.clone(),
        limit_ms,
        tries,
        rounds,
    }
}

/// Every server that clients of the cluster may be sent to, as seen from `node`.
fn servers(objects: &Objects, node: &str) -> Vec<Server> {
    let Some(service) = DnsService::find(objects) else { return Vec::new() };
    let cache = objects.pods().iter().find(|pod| is_cache(pod) && is_alive(pod) && node_name(pod) == Some(node));
    let bound = if cache.is_some() { cache_addresses(objects) } else { Vec::new() };
    let (namespace, name) = (service.view.namespace.to_owned(), service.view.name.to_owned());
    let port = DNS_PORT;
    let mut servers: Vec<Server> = service
        .addresses()
        .iter()
        .map(|ip| Server {
            address: SocketAddr::new(*ip, port),
            is: ServerKind::Service { namespace: namespace.clone(), name: name.clone(), cached: bound.contains(ip) },
        })
        .collect();
    let families: Vec<bool> = service.addresses().iter().map(IpAddr::is_ipv4).collect();
    let mut pods = service.pods(objects);
    pods.retain(|pod| is_alive(pod) && pod.metadata.deletion_timestamp.is_none());
    order::sort_by_key(&mut pods, |pod| pod.metadata.name.clone());
    for pod in pods {
        let of_family = |ip: &IpAddr| families.is_empty() || families.contains(&ip.is_ipv4());
        servers.extend(addresses(pod).into_iter().filter(of_family).map(|ip| Server {
            address: SocketAddr::new(ip, service.pod_port(objects)),
            is: ServerKind::Pod {
                namespace: pod.metadata.namespace.clone().unwrap_or_default(),
                name: pod.metadata.name.clone().unwrap_or_default(),
                node: node_name(pod).map(ToOwned::to_owned),
            },
        }));
    }
    if let Some(cache) = cache {
        let own = bound.iter().filter(|ip| !service.addresses().contains(ip));
        servers.extend(own.map(|ip| Server {
            address: SocketAddr::new(*ip, port),
            is: ServerKind::NodeLocal { pod: cache.metadata.name.clone() },
        }));
    }
    if let Some(upstream) = DnsService::upstream(objects) {
        servers.extend(upstream.cluster_ips.iter().map(|ip| Server {
            address: SocketAddr::new(*ip, port),
            is: ServerKind::Upstream { namespace: upstream.namespace.to_owned(), name: upstream.name.to_owned() },
        }));
    }
    servers
}

/// Addresses that the caches on the nodes are told to listen on: `bind 169.254.20.10 10.96.0.10`
/// (kubernetes/dns, nodelocaldns.yaml).
fn cache_addresses(objects: &Objects) -> Vec<IpAddr> {
    let Some(config) = cache_corefile(objects) else { return Vec::new() };
    let corefile = Corefile::read(config.text);
    let plugins = corefile.blocks.iter().flat_map(|block| &block.plugins);
    let bound = plugins.filter(|plugin| plugin.name == "bind").flat_map(|plugin| &plugin.args);
    let mut addresses: Vec<IpAddr> = bound.filter_map(|text| text.parse().ok()).collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

/// The names of the matrix.
fn questions(query: &DnsQuery, domain: &str) -> Vec<Question> {
    let question = |kind, name: String, record: &str| Question { kind, name, record: record.to_owned() };
    let nobody = format!("svc-trace-{:.8}", crate::collect::random_hex());
    let mut questions = vec![
        question(QuestionKind::Short, "kubernetes.default".into(), "A"),
        question(QuestionKind::Full, format!("kubernetes.default.svc.{domain}."), "A"),
        question(QuestionKind::MustNotExist, nobody, "A"),
        question(QuestionKind::External, format!("{}.", query.external.trim_end_matches('.')), "A"),
    ];
    if let Some(name) = &query.name {
        questions.extend(records(name).iter().map(|record| question(QuestionKind::Asked, name.clone(), record)));
    }
    questions
}

/// The types that a name has records of, by its form: `_http._tcp.web`, `10.0.96.10.in-addr.arpa.`, `web`.
fn records(name: &str) -> &'static [&'static str] {
    if name.starts_with('_') {
        &["SRV"]
    } else if name::absolute(name).is_some_and(|name| name.parse_arpa_name().is_ok()) {
        &["PTR"]
    } else {
        &["A", "AAAA"]
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn objects(pods: Value, binds: &str) -> Objects {
        let service = json!({"metadata": {"name": "kube-dns", "namespace": "kube-system"},
            "spec": {"clusterIP": "10.96.0.10", "clusterIPs": ["10.96.0.10"], "selector": {"k8s-app": "kube-dns"},
                "ports": [{"name": "dns", "port": 53, "protocol": "UDP", "targetPort": 1053}]}});
        let map = json!({"metadata": {"name": "node-local-dns", "namespace": "kube-system"},
            "data": {"Corefile": format!("cluster.local:53 {{\n    bind {binds}\n    cache 30\n}}\n")}});
        Objects {
            services: Some(vec![serde_json::from_value(service).unwrap()]),
            pods: Some(serde_json::from_value(pods).unwrap()),
            other: [("configmaps".to_owned(), vec![map])].into(),
            ..Objects::default()
        }
    }

    fn pod(name: &str, app: &str, node: &str, ip: &str) -> Value {
        json!({"metadata": {"name": name, "namespace": "kube-system", "labels": {"k8s-app": app}},
            "spec": {"nodeName": node, "containers": []}, "status": {"phase": "Running", "podIP": ip}})
    }

    #[track_caller]
    fn case(objects: &Objects, node: &str, expected: &[&str]) {
        let said: Vec<String> = servers(objects, node)
            .iter()
            .map(|server| format!("{} {}", server.address, crate::report::dns::server_words(&server.is)))
            .collect();
        assert_eq!(said, expected);
    }

    #[test]
    fn every_server_is_asked() {
        let dns = pod("coredns-1", "kube-dns", "a", "10.244.1.2");
        case(
            &objects(json!([dns]), "169.254.20.10 10.96.0.10"),
            "a",
            &["10.96.0.10:53 Service IP", "10.244.1.2:1053 pod on a"],
        );
        let cache = pod("node-local-dns-x", "node-local-dns", "a", "10.0.0.1");
        let cached = objects(json!([dns, cache]), "169.254.20.10 10.96.0.10");
        let all = ["10.96.0.10:53 Service IP, cache", "10.244.1.2:1053 pod on a", "169.254.20.10:53 node-local cache"];
        case(&cached, "a", &all);
        case(&cached, "b", &["10.96.0.10:53 Service IP", "10.244.1.2:1053 pod on a"]);
        case(
            &objects(json!([dns, cache]), "169.254.25.10"),
            "a",
            &["10.96.0.10:53 Service IP", "10.244.1.2:1053 pod on a", "169.254.25.10:53 node-local cache"],
        );
    }

    #[test]
    fn a_name_is_asked_for_both_families() {
        let query = DnsQuery {
            name: Some("web".into()),
            from: None,
            from_text: None,
            namespace: "shop".into(),
            nodes: Vec::new(),
            external: "example.com".into(),
        };
        let asked = questions(&query, "cluster.test");
        assert_eq!(asked[1].name, "kubernetes.default.svc.cluster.test.");
        assert_eq!(asked[3].name, "example.com.");
        let records: Vec<&str> = asked[4..].iter().map(|question| question.record.as_str()).collect();
        assert_eq!(records, ["A", "AAAA"]);
        assert_eq!(super::records("_http._tcp.web"), ["SRV"]);
        assert_eq!(super::records("10.0.96.10.in-addr.arpa."), ["PTR"]);
    }
}
