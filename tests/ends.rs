//! Ends alone against whole ways: a check asks for ends, which are kept from packet to packet, and a trace for every
//! hop. Both must say the same of every packet, on nodes that kube-proxy programmed and on nodes that something is wrong
//! with. Bundles stand in `captures/` and `scenarios/`; more are read where `../shared/captures` is.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "tests")]

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use svc_trace::cluster::paths::addresses;
use svc_trace::cluster::{NodeView, ServiceView};
use svc_trace::collect::bundle;
use svc_trace::collect::scope::Scope;
use svc_trace::collect::snapshot::{Objects, Snapshot};
use svc_trace::dataplane::plane::Plane;
use svc_trace::walk::packet::{Entry, Outcome, Packet, Protocol};
use svc_trace::walk::{Ends, walk};

/// Clients of a node that are tried, beside the node itself.
const CLIENTS: usize = 8;
/// Addresses that are tried, at most; with 20 Services and more others only say the same again.
const ADDRESSES: usize = 200;

/// Folders that hold a bundle, in and below one.
fn bundles(folder: &Path, into: &mut Vec<PathBuf>) {
    if folder.join("nodes").is_dir() {
        into.push(folder.to_owned());
        return;
    }
    let mut below: Vec<PathBuf> = fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
    below.sort();
    below.iter().filter(|path| path.is_dir()).for_each(|path| bundles(path, into));
}

/// Where packets are sent: every address of every Service, and one that is none.
fn targets(objects: &Objects, node: &NodeView<'_>) -> Vec<(SocketAddr, Protocol)> {
    let mut all = BTreeSet::from([("192.0.2.9:80".parse().unwrap(), Protocol::Tcp)]);
    for view in ServiceView::all(objects) {
        for port in &view.ports {
            all.extend(addresses(&view, port, &node.addresses).into_iter().map(|(_, to)| (to, port.protocol)));
        }
    }
    all.into_iter().take(ADDRESSES).collect()
}

/// Who sends: pods, endpoints that call themselves among them, hosts outside, and addresses that nobody has.
fn clients(objects: &Objects, node: &NodeView<'_>) -> Vec<IpAddr> {
    let of_pods = objects.pods().iter().filter_map(|pod| pod.status.as_ref()?.pod_ip.as_deref()?.parse().ok());
    let slices = objects.slices.iter().flatten().flat_map(|slice| slice.endpoints.iter().flatten());
    let of_slices = slices.filter_map(|endpoint| endpoint.addresses.first()?.parse().ok());
    let all: BTreeSet<IpAddr> = of_pods.take(CLIENTS).chain(of_slices.take(CLIENTS)).collect();
    let odd = ["192.0.2.1", "10.244.1.77", "127.0.0.1", "2001:db8::1", "fe80::1", "::1"];
    all.into_iter().chain(odd.map(|ip| ip.parse().unwrap())).chain(node.addresses.iter().copied()).collect()
}

fn without_hops(mut outcomes: Vec<Outcome<'_>>) -> String {
    for outcome in &mut outcomes {
        outcome.hops.clear();
    }
    format!("{outcomes:?}")
}

/// Asks both ways of every packet; returns how many there were.
#[track_caller]
fn case(folder: &Path, snapshot: &Snapshot) -> usize {
    let mut asked = 0;
    for (name, dumps) in &snapshot.nodes {
        let node = NodeView::find(&snapshot.objects, name);
        let plane = Plane::new(name, dumps, &node.addresses);
        let interface = |ip: IpAddr| plane.links.interface_to(ip).map(str::to_owned);
        let mut ends = Ends::new(&plane);
        let targets = targets(&snapshot.objects, &node);
        for from in clients(&snapshot.objects, &node) {
            let entries = [Entry::Arrives(None), Entry::Arrives(interface(from)), Entry::Local];
            for entry in entries {
                for (to, protocol) in targets.iter().filter(|(to, _)| to.is_ipv4() == from.is_ipv4()) {
                    let packet = Packet { entry: entry.clone(), from, from_port: None, to: *to, protocol: *protocol };
                    let (whole, alone) = (without_hops(walk(&plane, &packet)), without_hops(ends.of(&packet)));
                    assert!(whole == alone, "{} {name} {packet:?}:\n{whole}\n{alone}", folder.display());
                    asked += 1;
                }
            }
        }
    }
    asked
}

#[track_caller]
fn all(root: &Path) -> usize {
    let mut folders = Vec::new();
    bundles(root, &mut folders);
    let load = |folder: &PathBuf| Some((folder.clone(), bundle::load(folder, &Scope::everything()).ok()?));
    folders.iter().filter_map(load).map(|(folder, snapshot)| case(&folder, &snapshot)).sum()
}

#[test]
fn of_recorded_nodes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let asked = all(&root.join("tests/captures"));
    assert!(asked > 2_000, "{asked}");
}

#[test]
fn of_nodes_with_faults() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let asked = all(&root.join("tests/scenarios")) + all(&root.join("demo"));
    assert!(asked > 5_000, "{asked}");
}

#[test]
fn of_all_captures() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/captures");
    for part in ["bundles", "cluster-healthy"] {
        eprintln!("{part}: {} packets", all(&root.join(part)));
    }
}
