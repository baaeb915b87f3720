//! Each way that DNS can be broken, as probes show it, and its twin where all is well.
#![allow(clippy::unnecessary_wraps, reason = "tries as a change gives them")]

use super::*;
use crate::diagnose::dns::probed::matrix;
use crate::diagnose::dns::samples::{found, no_name, places, rcode, timeout, tries};
use crate::probe::{Outcome, Reply, Try};

type Change<'c> = &'c dyn Fn(&str, &Server, Transport, QuestionKind) -> Option<Vec<Try>>;

#[track_caller]
fn case(change: Change<'_>, cause: Option<Cause>, words: &str) {
    let places = matrix(&places(change));
    let found = eliminate(&places);
    assert_eq!(found.first().map(|one| one.cause), cause, "{found:#?}");
    let sentence = found.first().map(|one| one.sentence.clone()).unwrap_or_default();
    assert!(sentence.contains(words), "{sentence}");
}

fn lost() -> Option<Vec<Try>> {
    Some(tries(&[(0, 2000, timeout()), (0, 2000, timeout()), (0, 2000, timeout())]))
}

fn half(kind: QuestionKind) -> Option<Vec<Try>> {
    if kind == QuestionKind::Full {
        let rounds = [(0, 1, found()), (1, 2000, timeout()), (1, 2, found()), (2, 1, found()), (3, 2000, timeout())];
        Some(tries(&rounds))
    } else {
        None
    }
}

fn is_service(server: &Server) -> bool {
    matches!(server.is, ServerKind::Service { .. })
}

fn is_pod(server: &Server, node: &str) -> bool {
    matches!(&server.is, ServerKind::Pod { node: Some(on), .. } if on == node)
}

fn said(code: &str) -> Option<Vec<Try>> {
    Some(tries(&[(0, 1, rcode(code))]))
}

#[test]
fn all_is_well() {
    case(&|_, _, _, _| None, None, "");
}

#[test]
fn by_the_way() {
    use Transport::{Tcp, Udp};
    case(&|_, server, _, _| is_service(server).then(lost).flatten(), Some(Cause::ServiceIp), "10.96.0.10 fails. Look");
    let one_node: Change<'_> = &|node, server, _, _| (node == "a" && is_service(server)).then(lost).flatten();
    case(one_node, Some(Cause::ServiceIp), "fails from node a. Look at the rules of node a");
    let udp: Change<'_> = &|_, server, by, _| (by == Udp && is_service(server)).then(lost).flatten();
    case(udp, Some(Cause::ServiceIp), "UDP to the DNS Service");
    let half_service: Change<'_> = &|_, server, _, kind| is_service(server).then(|| half(kind)).flatten();
    case(half_service, Some(Cause::ServiceIp), "8 of 20 tries are lost");
    let one: Change<'_> = &|_, server, _, kind| {
        if is_pod(server, "b") { lost() } else { is_service(server).then(|| half(kind)).flatten() }
    };
    case(one, Some(Cause::OneServer), "DNS server kube-system/coredns-b on b fails from everywhere");
    case(&|_, _, by, _| (by == Udp).then(lost).flatten(), Some(Cause::Only(Udp)), "over UDP fails,");
    let udp_node: Change<'_> = &|node, _, by, _| (by == Udp && node == "a").then(lost).flatten();
    case(udp_node, Some(Cause::Only(Udp)), "over UDP fails from node a,");
    case(&|_, _, by, _| (by == Tcp).then(lost).flatten(), Some(Cause::Only(Tcp)), "over TCP fails,");
    case(&|node, _, _, _| (node == "a").then(lost).flatten(), Some(Cause::OneNode), "from node a alone");
    let across: Change<'_> = &|node, server, _, kind| {
        if is_service(server) { half(kind) } else { (!is_pod(server, node)).then(lost).flatten() }
    };
    case(across, Some(Cause::AcrossNodes), "network between nodes");
    case(&|_, _, _, _| lost(), Some(Cause::All), "timeout");
    case(&|_, _, _, kind| half(kind), Some(Cause::Intermittent), "now and then");
}

#[test]
fn names_that_do_not_exist_get_that_answer() {
    use QuestionKind::MustNotExist;
    let odd: Change<'_> = &|_, _, _, kind| (kind == MustNotExist).then(|| said("SERVFAIL")).flatten();
    case(odd, Some(Cause::NoSuchNames), "that do not exist get SERVFAIL and not NXDOMAIN");
    let silent: Change<'_> = &|_, _, _, kind| (kind == MustNotExist).then(lost).flatten();
    case(silent, Some(Cause::NoSuchNames), "that do not exist get timeout");
}

#[test]
fn a_server_on_a_node_that_is_shut_in_cannot_ask_outside() {
    use QuestionKind::External;
    let shut: Change<'_> = &|node, server, by, kind| match (node, kind) {
        ("a", _) => lost(),
        (_, External) if is_pod(server, "a") => said("SERVFAIL"),
        (_, External) if is_service(server) && by == Transport::Udp => said("SERVFAIL"),
        _ => None,
    };
    case(shut, Some(Cause::OneNode), "DNS fails from node a alone");
    case(shut, Some(Cause::OneNode), "servers on node a get no names from outside either");
    let udp: Change<'_> =
        &|node, server, by, kind| (by == Transport::Udp).then(|| shut(node, server, by, kind)).flatten();
    case(udp, Some(Cause::Only(Transport::Udp)), "over UDP fails from node a,");
    // the same at a server whose node is not shut in is something of its own
    let other: Change<'_> = &|node, server, by, kind| match (node, kind) {
        ("b", External) if is_pod(server, "b") => said("SERVFAIL"),
        _ => shut(node, server, by, kind),
    };
    case(other, Some(Cause::Intermittent), "now and then");
}

#[test]
fn a_cache_on_the_node_is_not_the_service() {
    let with_cache = |change: Change<'_>| {
        let mut places = places(change);
        for probe in places.iter_mut().filter(|place| place.node == "a").flat_map(|place| &mut place.probes) {
            if let ServerKind::Service { cached, .. } = &mut probe.server.is {
                *cached = true;
            }
        }
        matrix(&places)
    };
    let dead: Change<'_> = &|node, server, _, _| (node == "a" && is_service(server)).then(lost).flatten();
    let places = with_cache(dead);
    let found = eliminate(&places);
    assert_eq!(found.first().map(|one| one.cause), Some(Cause::Cache), "{found:#?}");
    let sentence = &found.first().unwrap().sentence;
    assert!(sentence.contains("the DNS cache on node a at 10.96.0.10 fails. Look at the cache"), "{sentence}");
    // where the Service fails on a node without a cache too, it is more than the cache
    let both: Change<'_> = &|_, server, _, _| is_service(server).then(lost).flatten();
    assert_eq!(eliminate(&with_cache(both)).first().map(|one| one.cause), Some(Cause::ServiceIp));
}

#[test]
fn by_the_name() {
    use QuestionKind::{External, Full, MustNotExist, Short};
    case(&|_, _, _, kind| (kind == Short).then(|| said("NXDOMAIN")).flatten(), Some(Cause::ShortNames), "search list");
    case(&|_, _, _, kind| (kind == External).then(|| said("SERVFAIL")).flatten(), Some(Cause::External), "forwards");
    case(&|_, _, _, kind| (kind == External).then(lost).flatten(), Some(Cause::External), "forwards");
    let both: Change<'_> = &|_, _, _, kind| matches!(kind, External | Short).then(lost).flatten();
    case(both, Some(Cause::ExternalAndShort), "search list");
    let zone: Change<'_> = &|_, _, _, kind| matches!(kind, Full | Short).then(|| said("SERVFAIL")).flatten();
    case(zone, Some(Cause::ClusterNames), "get SERVFAIL");
    let one: Change<'_> =
        &|_, server, _, kind| (kind == Full && is_pod(server, "a")).then(|| said("NXDOMAIN")).flatten();
    case(one, Some(Cause::OneServer), "coredns-a");
    let wild: Change<'_> = &|_, _, _, kind| (kind == MustNotExist).then(|| Some(tries(&[(0, 1, found())]))).flatten();
    case(wild, Some(Cause::Wildcard), "answers every name");
    let hijacked: Change<'_> = &|_, _, _, kind| {
        let mut walk = tries(&[(0, 1, no_name()), (0, 1, found())]);
        walk[1].asked = "x.invalid.".into();
        (kind == MustNotExist).then_some(walk)
    };
    case(hijacked, Some(Cause::Hijacked), "forwards to");
}

#[test]
fn by_the_answer() {
    let astray = Outcome::WrongSource { from: ([10, 244, 1, 2], 53).into(), reply: Reply::default() };
    let stray: Change<'_> = &|_, server, by, _| {
        (is_service(server) && by == Transport::Udp).then(|| tries(&[(0, 2000, timeout()), (0, 1, astray.clone())]))
    };
    case(stray, Some(Cause::WrongSource), "come from 10.244.1.2");
    let slow: Change<'_> = &|_, _, _, kind| (kind != QuestionKind::MustNotExist).then(|| tries(&[(0, 3100, found())]));
    case(slow, Some(Cause::Slow), "up to 3.1 s");
    let late: Change<'_> = &|_, _, _, kind| (kind == QuestionKind::External).then(|| tries(&[(0, 4000, found())]));
    case(late, Some(Cause::SlowElsewhere), "outside the cluster are slow");
}
