//! What `ipvsadm -L` and `ipset list` print of a recorded node, against `ipvsadm -S` and `ipset save`.

use std::fs;
use std::path::Path;

use svc_trace::collect::bundle;
use svc_trace::collect::pasted;
use svc_trace::collect::scope::Scope;
use svc_trace::collect::snapshot::NodeDumps;
use svc_trace::dataplane::plane::Plane;
use svc_trace::walk::packet::{Disposition, Outcome};
use svc_trace::walk::walk;

use super::{NODE, Row};

const CAPTURE: &str = "every-form-ipvs";

/// What each recorded connection comes to when `gone` is known as this listing has it: the same, and undecided.
fn replay(gone: &[&str], listing: &str) -> (usize, usize) {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let folder = tests.join("captures").join(CAPTURE);
    let snapshot = bundle::load(&folder, &Scope::everything()).unwrap();
    let saved = &snapshot.nodes[NODE];
    let mut dumps = NodeDumps::default();
    for (name, dump) in saved.dumps.iter().filter(|(name, _)| !gone.contains(&name.as_str())) {
        dumps.dumps.insert(name.clone(), dump.clone());
    }
    assert_ne!(dumps.dumps.len(), saved.dumps.len());
    dumps.dumps.extend(pasted::read(&[tests.join(format!("listings/{CAPTURE}.{listing}.txt"))]).unwrap().dumps);
    let (one, other) = (Plane::new(NODE, saved, &[]), Plane::new(NODE, &dumps, &[]));
    let rows: Vec<Row> = serde_json::from_str(&fs::read_to_string(folder.join("traffic.json")).unwrap()).unwrap();
    let (mut same, mut undecided) = (0, 0);
    for row in rows {
        let packet = row.packet();
        let (saved, listed) = (walk(&one, &packet), walk(&other, &packet));
        if places(&saved) == places(&listed) {
            same += 1;
        } else {
            let open = |way: &Outcome<'_>| way.disposition == Disposition::Indeterminate || way.when.is_some();
            assert!(listed.iter().all(open), "{listing}: {packet:?}\nsaved {saved:?}\nlisted {listed:?}");
            undecided += 1;
        }
    }
    println!("{listing}: {same} the same, {undecided} undecided");
    (same, undecided)
}

/// How a packet ends, whatever the condition: the kernel's own file counts seconds in another unit.
fn places(outcomes: &[Outcome<'_>]) -> Vec<String> {
    let place = |way: &Outcome<'_>| {
        format!("{:?} {} {:?} {} {:.4}", way.disposition, way.destination, way.source, way.masqueraded, way.share)
    };
    let mut all: Vec<String> = outcomes.iter().map(place).collect();
    all.sort();
    all
}

const VIRTUALS: [&str; 2] = ["ipvsadm-save", "proc-net-ip_vs"];

#[test]
fn listed_virtual_servers_are_the_saved_ones() {
    for listing in ["ipvsadm-L", "ipvsadm-Ln", "proc-net-ip_vs"] {
        let (same, undecided) = replay(&VIRTUALS, listing);
        assert!(same >= 20 && undecided == 0, "{listing}: {same} the same, {undecided} undecided");
    }
    // names of `ipvsadm -S` are known too; whether it is all of the node is not told
    let (same, _) = replay(&VIRTUALS, "ipvsadm-S");
    assert!(same >= 20, "{same}");
}

#[test]
fn counters_tell_no_shares() {
    for listing in ["ipvsadm-Ln-stats", "ipvsadm-Ln-rate"] {
        let (same, undecided) = replay(&VIRTUALS, listing);
        assert!(undecided >= 20, "{listing}: {same} the same, {undecided} undecided");
    }
}

#[test]
fn listed_sets_are_the_saved_ones() {
    let (same, undecided) = replay(&["ipset-save"], "ipset-list");
    assert!(same >= 20 && undecided == 0, "{same} the same, {undecided} undecided");
}
