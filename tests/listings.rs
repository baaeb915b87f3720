//! What a listing of `iptables -L` says of a packet, against what `iptables-save` of the same rules says: the same, or
//! that it cannot be told; never something else. The listings in `listings/` were printed by iptables
//! (`listings/record.sh`) from the rules of the recorded nodes in `captures/`; those of IPVS and of ipsets by
//! `listings/record-ipvs.sh`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stdout, reason = "tests")]

#[path = "listings/compare.rs"]
mod compare;
#[path = "listings/ipvs.rs"]
mod ipvs;
#[path = "listings/pieces.rs"]
mod pieces;

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use compare::{Listed, compare};
use serde::Deserialize;
use svc_trace::collect::bundle;
use svc_trace::collect::pasted;
use svc_trace::collect::scope::Scope;
use svc_trace::collect::snapshot::NodeDumps;
use svc_trace::dataplane::plane::{Family, Plane};
use svc_trace::walk::packet::{Entry, Packet, Protocol};
use svc_trace::walk::walk;

const NODE: &str = "node-a";

/// One connection that was recorded: here only a question.
#[derive(Deserialize)]
struct Row {
    from: String,
    source: Option<IpAddr>,
    proto: String,
    to: SocketAddr,
}

impl Row {
    fn packet(&self) -> Packet {
        let ip = |four: &str, six: &str| if self.to.is_ipv4() { four.parse().unwrap() } else { six.parse().unwrap() };
        let (entry, from) = match self.from.as_str() {
            "node" => (Entry::Local, ip("0.0.0.0", "::")),
            "pod1" => (Entry::Arrives(Some("veth-pod1".to_owned())), ip("10.244.1.5", "fd00:244:0:1::5")),
            _ => (Entry::Arrives(Some("eth0".to_owned())), self.source.unwrap_or(ip("192.168.50.1", "fd00:50::1"))),
        };
        Packet { entry, from, from_port: None, to: self.to, protocol: Protocol::parse(&self.proto).unwrap() }
    }
}

/// All questions of a recording: how many had the same answer, how many none.
fn replay(folder: &Path, listing: &Path) -> (usize, usize) {
    let snapshot = bundle::load(folder, &Scope::everything()).unwrap();
    let saved = &snapshot.nodes[NODE];
    let mut dumps = NodeDumps::default();
    for (name, dump) in &saved.dumps {
        if !name.contains("tables-save") {
            dumps.dumps.insert(name.clone(), dump.clone());
        }
    }
    dumps.dumps.extend(pasted::read(&[listing.to_owned()]).unwrap().dumps);
    let (one, other) = (Plane::new(NODE, saved, &[]), Plane::new(NODE, &dumps, &[]));
    let rows: Vec<Row> = serde_json::from_str(&fs::read_to_string(folder.join("traffic.json")).unwrap()).unwrap();
    let (mut same, mut undecided) = (0, 0);
    for row in rows {
        let packet = row.packet();
        let condition = other.rules(Family::of(row.to.ip())).condition();
        match compare(&walk(&one, &packet), &walk(&other, &packet), condition) {
            Listed::Same => same += 1,
            Listed::Undecided => undecided += 1,
            Listed::Other(why) => panic!("{}: {packet:?}\n{why}", listing.display()),
        }
    }
    (same, undecided)
}

fn all(form: &str) -> (usize, usize) {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut listings: Vec<PathBuf> = fs::read_dir(tests.join("listings")).unwrap().map(|e| e.unwrap().path()).collect();
    listings.sort();
    let (mut same, mut undecided) = (0, 0);
    for listing in listings {
        let name = listing.file_name().unwrap().to_string_lossy().into_owned();
        let Some(capture) = name.strip_suffix(form) else { continue };
        let (s, u) = replay(&tests.join("captures").join(capture), &listing);
        println!("{capture}{form}: {s} the same, {u} undecided");
        same += s;
        undecided += u;
    }
    (same, undecided)
}

#[test]
fn verbose_listings_say_what_saved_rules_say() {
    let (same, undecided) = all(".nvL.txt");
    assert!(same >= 200 && undecided == 0, "{same} the same, {undecided} undecided");
}

#[test]
fn rules_as_dash_s_prints_them_say_what_saved_rules_say() {
    let (same, undecided) = all(".S.txt");
    assert!(same >= 20 && undecided == 0, "{same} the same, {undecided} undecided");
}

#[test]
fn bare_listings_say_the_same_or_nothing() {
    let (same, undecided) = all(".nL.txt");
    assert!(same >= 200, "{same} the same, {undecided} undecided");
}
