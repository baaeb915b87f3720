//! What the objects promise against what real connections did: rows of `traffic.json`, recorded on a node that
//! kube-proxy had programmed. Reads objects alone, no rules.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stderr, reason = "tests")]

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use serde::Deserialize;
use serde_json::Value;
use svc_trace::cluster::expectation::{Masquerade, Promise, Surroundings};
use svc_trace::cluster::paths::addresses;
use svc_trace::cluster::service::{Family, PortView};
use svc_trace::cluster::{Client, NodeView, PathSpec, ServiceEndpoints, ServiceView, expectation};
use svc_trace::collect::snapshot::Objects;
use svc_trace::report::{AddressKind, Origin};

const NODE: &str = "node-a";

#[derive(Deserialize)]
struct Row {
    service: String,
    port: String,
    via: String,
    from: String,
    source: Option<String>,
    proto: String,
    to: SocketAddr,
    outcomes: BTreeMap<String, u32>,
    #[serde(default)]
    endpoints: BTreeMap<String, u32>,
    #[serde(default)]
    seen: BTreeMap<String, u32>,
}

fn list<T: serde::de::DeserializeOwned>(folder: &Path, name: &str) -> Option<Vec<T>> {
    let text = fs::read_to_string(folder.join("objects").join(format!("{name}.json"))).ok()?;
    let mut list: Value = serde_json::from_str(&text).unwrap();
    Some(serde_json::from_value(list["items"].take()).unwrap())
}

fn objects(folder: &Path) -> Objects {
    Objects {
        services: list(folder, "services"),
        slices: list(folder, "endpointslices"),
        nodes: list(folder, "nodes"),
        pods: list(folder, "pods"),
        ..Objects::default()
    }
}

fn client(row: &Row) -> Client {
    let v4 = row.to.is_ipv4();
    let (origin, address) = match row.from.as_str() {
        "node" => (Origin::Node, if v4 { "0.0.0.0" } else { "::" }),
        "pod1" => (Origin::Pod, if v4 { "10.244.1.5" } else { "fd00:244:0:1::5" }),
        _ => (Origin::External, row.source.as_deref().unwrap_or(if v4 { "192.168.50.1" } else { "fd00:50::1" })),
    };
    let address: IpAddr = address.parse().unwrap();
    Client { origin, name: None, address, interface: None, node: NODE.into(), is_endpoint: origin == Origin::Pod }
}

fn kind(via: &str) -> AddressKind {
    match via {
        "clusterIP" => AddressKind::ClusterIp,
        "externalIP" => AddressKind::ExternalIp,
        "loadBalancer" => AddressKind::LoadBalancer,
        "nodePort" => AddressKind::NodePort,
        "nodePortLoopback" => AddressKind::LocalhostNodePort,
        other => panic!("unknown address kind {other}"),
    }
}

/// What contradicts the promise, if anything does.
fn compare(objects: &Objects, row: &Row) -> Option<String> {
    let (namespace, name) = row.service.split_once('/').unwrap();
    let view = ServiceView::find(objects, namespace, name).unwrap();
    let is_it = |p: &&PortView<'_>| p.name == row.port && p.protocol.as_str() == row.proto;
    let port = view.ports.iter().find(is_it).unwrap().clone();
    let path = PathSpec { client: client(row), port: port.clone(), kind: kind(&row.via), to: row.to };
    let node = NodeView::find(objects, NODE);
    let endpoints = ServiceEndpoints::read(objects, &view).on_node(&view, &port, Family::of(row.to.ip()), &node);
    let pod_ranges: Vec<IpNet> = objects.nodes().iter().flat_map(|n| NodeView::new(n).pod_ranges).collect();
    let around = Surroundings { node_addresses: &node.addresses, pod_ranges: &pod_ranges };
    let expected = expectation(&view, &path, &endpoints, around);
    let no_path = Promise::NotServed("not an address of the Service".into());
    let promises: Vec<&Promise> = if addresses(&view, &port, &node.addresses).contains(&(path.kind, path.to)) {
        expected.promises().collect()
    } else {
        vec![&no_path]
    };
    let fits = |outcome: &str| {
        promises.iter().any(|promise| match (outcome, promise) {
            ("ok", Promise::Endpoints(list)) => row.endpoints.keys().all(|e| list.contains(&e.parse().unwrap())),
            // Without a listener the kernel refuses what arrives at the node itself.
            ("refused", Promise::Refused(_) | Promise::NotServed(_))
            | ("timeout", Promise::Dropped(_) | Promise::NotServed(_))
            | (_, Promise::Unknown(_)) => true,
            _ => false,
        })
    };
    if let Some(outcome) = row.outcomes.keys().find(|outcome| !fits(outcome)) {
        return Some(format!("{outcome} {:?}, promised {promises:?}", row.endpoints.keys()));
    }
    let seen: Vec<IpAddr> = row.seen.keys().map(|ip| ip.parse().unwrap()).collect();
    let [destination] = row.endpoints.keys().collect::<Vec<_>>()[..] else { return None };
    // A client on the node has the address that masquerading gives it: nothing to tell them apart by.
    let kept = path.client.origin != Origin::Node && seen.contains(&path.client.address);
    match expected.masquerade(destination.parse().unwrap()) {
        Masquerade::Must if kept => Some(format!("{destination} saw the client {seen:?}, promised a masquerade")),
        Masquerade::MustNot if !kept && !seen.is_empty() => {
            Some(format!("{destination} saw {seen:?}, promised the client"))
        }
        Masquerade::Must | Masquerade::MustNot | Masquerade::Either => None,
    }
}

/// Rows that an option of the recording decides, or the network around the node: one namespace plays router, client
/// and remote pods, so an answer that is not masqueraded may not find its way back.
fn is_excepted(folder: &str, row: &Row) -> bool {
    let one_family = folder.contains("opt-family-6") && row.to.is_ipv4();
    let remote_pod = matches!(row.source.as_deref(), Some("10.244.2.6" | "fd00:244:0:2::6"));
    let no_way_back = row.from == "out" && row.outcomes.contains_key("timeout");
    one_family || (no_way_back && (remote_pod || folder.contains("opt-detect-none")))
}

fn check(folder: &Path) -> (usize, Vec<String>) {
    let objects = objects(folder);
    let rows: Vec<Row> = serde_json::from_str(&fs::read_to_string(folder.join("traffic.json")).unwrap()).unwrap();
    let wrong = rows
        .iter()
        .filter_map(|row| {
            let words = compare(&objects, row).filter(|_| !is_excepted(&folder.display().to_string(), row))?;
            Some(format!(
                "{}: {} {} {} from {} {:?}: {words}",
                folder.display(),
                row.service,
                row.via,
                row.to,
                row.from,
                row.source
            ))
        })
        .collect();
    (rows.len(), wrong)
}

fn folders(root: &Path, below: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(root)
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path().join(below))
        .filter(|folder| folder.join("traffic.json").exists())
        .collect();
    found.sort();
    found
}

#[test]
fn promises_are_what_connections_met() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut all = folders(&root.join("tests/promises"), "");
    assert!(all.len() >= 8, "the committed recordings are there");
    let mut more = folders(&root.join("../shared/captures/bundles"), "iptables-nft");
    more.extend(folders(&root.join("../shared/captures/bundles"), "nftables"));
    if more.is_empty() {
        eprintln!("the whole set of recordings is not here: only the committed ones are compared");
    }
    // Stale nodes do not do what the objects promise.
    all.extend(more.into_iter().filter(|folder| !folder.display().to_string().contains("+stale")));
    let results: Vec<(usize, Vec<String>)> = all.iter().map(|folder| check(folder)).collect();
    let rows: usize = results.iter().map(|(rows, _)| rows).sum();
    let wrong: Vec<String> = results.into_iter().flat_map(|(_, wrong)| wrong).collect();
    assert!(rows > 150, "{rows} rows");
    assert!(wrong.is_empty(), "{} of {rows} rows:\n{}", wrong.len(), wrong.join("\n"));
}
