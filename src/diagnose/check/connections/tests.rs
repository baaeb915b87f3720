//! Connections that a real cluster recorded (`tests/scenarios/connections`), changed: what each change must come to.

use std::path::Path;

use crate::collect::bundle;
use crate::collect::scope::Scope;
use crate::collect::snapshot::Snapshot;
use crate::diagnose::check::{Chosen, Selection, analyze_check};
use crate::probe::Transport;
use crate::probe::connections::{Attempt, Met};
use crate::report::Verdict;

use super::*;

fn recorded() -> Snapshot {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios/connections");
    bundle::load(&folder, &Scope::everything()).unwrap()
}

fn query(service: &str) -> CheckQuery {
    CheckQuery {
        suites: [SuiteKind::Dataplane, SuiteKind::Nodes, SuiteKind::Probe].into(),
        services: Selection::Chosen(Box::new(Chosen {
            names: vec![(Some("default".into()), service.into())],
            ..Chosen::default()
        })),
        ..CheckQuery::default()
    }
}

/// Whether an address is the Service's own.
fn is_service(one: &Connection) -> bool {
    one.to.port() == 80
}

#[track_caller]
fn case(service: &str, change: impl Fn(&mut Vec<Caller>), verdict: Verdict, codes: &[Code], word: &str) {
    let mut snapshot = recorded();
    change(&mut snapshot.connections);
    let report = analyze_check(&snapshot, &query(service)).unwrap();
    let found = report.findings.iter().map(|one| (one.code, one.summary.clone()));
    let all: Vec<(Code, String)> = found.chain(report.gaps.iter().map(|one| (one.code, one.summary.clone()))).collect();
    assert_eq!(report.verdict(Some(Code::PodIpUnreachable.severity())), verdict, "{all:?}");
    assert_eq!(all.iter().map(|(code, _)| *code).collect::<Vec<_>>(), codes, "{all:?}");
    let skipped = report.check.iter().flat_map(|check| &check.suites).flat_map(|suite| &suite.cases);
    let text = format!("{all:?} {:?}", skipped.filter_map(|case| case.skipped.clone()).collect::<Vec<_>>());
    assert!(text.contains(word), "no `{word}` in {text}");
}

/// Every try of some connections meets with this.
fn met(of: impl Fn(&Connection) -> bool, with: &Met) -> impl Fn(&mut Vec<Caller>) {
    move |callers| {
        for one in callers.iter_mut().flat_map(|caller| &mut caller.connections).filter(|one| of(one)) {
            one.tries.iter_mut().for_each(|attempt| *attempt = Attempt { ms: 1, met: with.clone() });
        }
    }
}

#[test]
fn what_was_recorded_tells_what_it_tells() {
    let refused = [Code::NothingListensOnTargetPort];
    case("echo", |_| (), Verdict::Healthy, &[], "");
    case("broken-port", |_| (), Verdict::Findings, &refused, "3 of 3 endpoints of default/broken-port refuse");
    case("echo", met(|_| true, &Met::Silence), Verdict::Findings, &[Code::PodIpUnreachable], "3 of 3 endpoints");
    case("echo", met(is_service, &Met::Silence), Verdict::Findings, &[Code::ServiceAddressFails], "10.96.91.15:80/TCP");
}

#[test]
fn endpoints_that_answer_by_the_service_alone_are_no_fault() {
    case("echo", met(|one| !is_service(one), &Met::Refused), Verdict::Healthy, &[], "");
}

#[test]
fn what_was_not_tried_is_open() {
    let open = [Code::ConnectionNotJudged];
    case("echo", Vec::clear, Verdict::Incomplete, &open, "no connection was made from a pod on node a");
    let lost = |callers: &mut Vec<Caller>| callers[0].connections.retain(|one| !is_service(one));
    case("echo", lost, Verdict::Incomplete, &open, "addresses were not connected to from node a");
    let cannot = Met::Error { why: "too many open files".into() };
    case("echo", met(is_service, &cannot), Verdict::Incomplete, &[open[0]; 2], "too many open files");
}

#[test]
fn silence_over_udp_is_neither_good_nor_bad() {
    let mut snapshot = recorded();
    let list = targets(&snapshot, &query("datagram")).unwrap();
    let (node, mut connections) = list[0].clone();
    assert!(!connections.is_empty() && connections.iter().all(|one| one.transport == Transport::Udp));
    for one in &mut connections {
        one.tries = vec![Attempt { ms: 2500, met: Met::Silence }];
    }
    snapshot.connections = vec![Caller { node, connections, ..Caller::default() }];
    let report = analyze_check(&snapshot, &query("datagram")).unwrap();
    assert_eq!((report.findings.len(), report.gaps.len()), (0, 0));
    let suite = report.check.unwrap().suites.pop().unwrap();
    assert_eq!(suite.cases[0].skipped.as_deref(), Some("UDP: nothing came back, which proves nothing"));
}

#[test]
fn what_is_tried_is_bounded_and_of_everywhere() {
    let all: Vec<usize> = (0..1000).collect();
    let kept = spread(&all, MOST);
    assert_eq!((kept.len(), kept[0]), (MOST, 0));
    assert!(kept.windows(2).all(|pair| pair[0] < pair[1]) && kept[MOST - 1] > 990, "{kept:?}");
    assert_eq!(spread(&all[..3], MOST), [0, 1, 2]);
    assert!(spread::<usize>(&[], MOST).is_empty());
}

#[test]
fn sctp_is_left_open() {
    let mut snapshot = recorded();
    let sctp = Some("SCTP".to_owned());
    for service in snapshot.objects.services.iter_mut().flatten() {
        for port in service.spec.iter_mut().filter_map(|spec| spec.ports.as_mut()).flatten() {
            port.protocol.clone_from(&sctp);
        }
    }
    for slice in snapshot.objects.slices.iter_mut().flatten() {
        for port in slice.ports.iter_mut().flatten() {
            port.protocol.clone_from(&sctp);
        }
    }
    for dump in snapshot.nodes.values_mut().flat_map(|node| node.dumps.values_mut()) {
        dump.text = dump.text.replace(" tcp ", " sctp ");
    }
    let report = analyze_check(&snapshot, &query("echo")).unwrap();
    let gaps: Vec<&str> = report.gaps.iter().map(|gap| gap.summary.as_str()).collect();
    assert!(gaps.iter().any(|summary| summary.contains("SCTP address")), "{gaps:?}");
    let cases = report.check.iter().flat_map(|check| &check.suites).filter(|suite| suite.kind == SuiteKind::Probe);
    let skipped: Vec<_> = cases.flat_map(|suite| &suite.cases).filter_map(|case| case.skipped.as_deref()).collect();
    assert!(skipped.contains(&"SCTP is not spoken here"), "{skipped:?}");
}
