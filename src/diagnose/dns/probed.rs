//! The probes, judged: the matrix, the verdict, and the finding that says the same with its evidence.

use std::collections::BTreeSet;

use crate::collect::snapshot::Snapshot;
use crate::order;
use crate::probe::{Outcome, Place, Probe, QuestionKind, ServerKind};
use crate::query::DnsQuery;
use crate::report::dns::{CellState, DnsCell, DnsPlace, DnsReport, DnsVerdict};
use crate::report::{Evidence, Finding, ObjectRef};

use super::cell;
use super::verdict::{Cause, Elimination, Spot, eliminate};
use super::wording::{nodes, seconds};

/// Tries that are quoted.
const QUOTED: usize = 4;

/// Judges every cell.
pub(crate) fn matrix(places: &[Place]) -> Vec<DnsPlace> {
    places
        .iter()
        .map(|place| {
            let mut cells: Vec<DnsCell> = place.probes.iter().map(cell::judge).collect();
            excuse(&place.probes, &mut cells);
            DnsPlace { place: place.clone(), cells }
        })
        .collect()
}

/// A name that is there and has addresses of one family alone is well: that it has none of the other is the answer, also
/// where the search list was then walked to its end.
fn excuse(probes: &[Probe], cells: &mut [DnsCell]) {
    let excused: Vec<bool> = probes
        .iter()
        .zip(cells.iter())
        .map(|(probe, cell)| {
            let key = |one: &Probe| (one.server.address, one.transport, one.question.name.clone());
            let family = |one: &Probe| ["A", "AAAA"].contains(&one.question.record.as_str());
            let has = |other: &Probe, cell: &DnsCell| {
                let found = other.tries.iter().find(|one| cell::is_positive(&one.outcome));
                let empty = |asked: &str| probe.tries.iter().any(|one| one.asked == asked && is_empty(&one.outcome));
                cell.state == CellState::Good && found.is_some_and(|found| empty(&found.asked))
            };
            let candidate = cell.state == CellState::Bad && cell.lost == 0 && family(probe);
            let mut others = probes.iter().zip(cells.iter());
            candidate
                && probe.question.kind == QuestionKind::Asked
                && others.any(|(other, cell)| key(other) == key(probe) && family(other) && has(other, cell))
        })
        .collect();
    for (cell, _) in cells.iter_mut().zip(excused).filter(|(_, excused)| *excused) {
        cell.state = CellState::Good;
        "none".clone_into(&mut cell.word);
    }
}

/// The name is there, and has no record of the type.
fn is_empty(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Answered(reply) if reply.rcode == "NOERROR" && reply.answers.is_empty())
}

/// The verdict and what it finds.
pub(super) fn verdict(snapshot: &Snapshot, report: &DnsReport) -> (DnsVerdict, Vec<Finding>) {
    let asked = report.places.iter().map(|place| place.cells.len()).sum::<usize>();
    if asked == 0 {
        let sentence = "no DNS server was asked: nothing is known of how DNS does".to_owned();
        return (DnsVerdict { code: None, sentence }, Vec::new());
    }
    let found = eliminate(&report.places);
    let findings: Vec<Finding> = found.iter().map(|one| finding(snapshot, one)).collect();
    let verdict = match found.first() {
        None => DnsVerdict { code: None, sentence: well(report) },
        Some(first) => {
            let worst = found.iter().max_by_key(|one| one.cause.code().0.severity()).unwrap_or(first);
            DnsVerdict { code: Some(worst.cause.code().0), sentence: worst.sentence.clone() }
        }
    };
    (verdict, findings)
}

fn well(report: &DnsReport) -> String {
    let nodes: Vec<String> =
        report.places.iter().map(|place| place.place.node.clone()).collect::<BTreeSet<_>>().into_iter().collect();
    let servers: BTreeSet<_> = report
        .places
        .iter()
        .flat_map(|place| &place.place.probes)
        .filter(|probe| probe.server.is != ServerKind::Configured)
        .map(|probe| &probe.server)
        .collect();
    let own: BTreeSet<String> = report
        .places
        .iter()
        .flat_map(DnsPlace::judged)
        .filter(|(probe, cell)| probe.server.is == ServerKind::Configured && cell.state > CellState::Slow)
        .map(|(probe, _)| probe.server.address.ip().to_string())
        .collect();
    let but = match own.into_iter().collect::<Vec<_>>().as_slice() {
        [] => String::new(),
        servers => format!("; of the nodes' own resolv.conf, {} does not always answer", servers.join(" and ")),
    };
    format!(
        "DNS is well from {}: {} by UDP and TCP answer every name{but}. What fails is not DNS",
        super::node_words(&nodes),
        if servers.len() == 1 { "the server".to_owned() } else { format!("all {} servers", servers.len()) }
    )
}

fn finding(snapshot: &Snapshot, found: &Elimination<'_>) -> Finding {
    let (code, reason) = found.cause.code();
    let mut finding = Finding::new(code, found.sentence.clone());
    finding.reason = reason.map(ToOwned::to_owned);
    finding.object = object(found);
    let nodes = nodes(&found.failing);
    let places: BTreeSet<&str> = snapshot.probes.iter().map(|place| place.node.as_str()).collect();
    if let ([only], true) = (nodes.as_slice(), places.len() > 1) {
        finding.node = Some(only.clone());
    }
    finding.evidence = quoted(&found.failing);
    let usual = format!("{}.", DnsQuery::EXTERNAL);
    if found.cause == Cause::External && found.failing.iter().all(|spot| spot.probe.question.name == usual) {
        finding.details.push(format!(
            "where {} is not to be reached on purpose, --external NAME asks for another",
            DnsQuery::EXTERNAL
        ));
    }
    finding.help = Some(help(found));
    finding
}

/// The Service or the server that is meant.
fn object(found: &Elimination<'_>) -> Option<ObjectRef> {
    let pods = || {
        let mut pods = found.failing.iter().filter_map(|spot| match &spot.server().is {
            ServerKind::Pod { namespace, name, .. } => Some(ObjectRef::new("Pod", namespace, name)),
            ServerKind::Service { .. }
            | ServerKind::NodeLocal { .. }
            | ServerKind::Upstream { .. }
            | ServerKind::Configured => None,
        });
        let first = pods.next()?;
        pods.all(|pod| pod == first).then_some(first)
    };
    let service = || {
        found.failing.iter().find_map(|spot| match &spot.server().is {
            ServerKind::Service { namespace, name, .. } | ServerKind::Upstream { namespace, name } => {
                Some(ObjectRef::new("Service", namespace, name))
            }
            ServerKind::Pod { .. } | ServerKind::NodeLocal { .. } | ServerKind::Configured => None,
        })
    };
    let cache = || {
        found.failing.iter().find_map(|spot| match &spot.server().is {
            ServerKind::NodeLocal { pod: Some(pod) } => Some(ObjectRef::new("Pod", "kube-system", pod)),
            ServerKind::NodeLocal { pod: None }
            | ServerKind::Service { .. }
            | ServerKind::Upstream { .. }
            | ServerKind::Pod { .. }
            | ServerKind::Configured => None,
        })
    };
    match found.cause {
        Cause::OneServer => pods(),
        Cause::Cache => cache().or_else(service),
        _ => service(),
    }
}

/// One cell of each kind of failure, worst first.
pub(super) fn quoted(failing: &[Spot<'_>]) -> Vec<Evidence> {
    let mut sorted: Vec<&Spot<'_>> = failing.iter().collect();
    order::sort_by_key(&mut sorted, |spot| (std::cmp::Reverse(spot.cell.state), spot.kind(), spot.node().to_owned()));
    let mut seen = BTreeSet::new();
    sorted
        .into_iter()
        .filter(|spot| seen.insert((spot.node().to_owned(), spot.server().address, spot.probe.transport)))
        .take(QUOTED)
        .map(|spot| Evidence::Fact { node: None, text: quote(&spot.place.place, spot.probe) })
        .collect()
}

/// `from a pod on node a: udp 10.96.0.10:53 kubernetes.default.svc.cluster.local. A: timeout after 6.0 s, 3 tries`.
fn quote(place: &Place, probe: &Probe) -> String {
    let server = probe.server.address;
    let outcome = probe.tries.iter().rev().find(|one| cell::is_lost(&one.outcome)).or(probe.tries.last());
    let Some(one) = outcome else { return format!("from {}: {server} was not asked", place.words()) };
    let said = match &one.outcome {
        Outcome::Answered(reply) if reply.answers.is_empty() => reply.rcode.clone(),
        Outcome::Answered(reply) => {
            let data: Vec<&str> = reply.answers.iter().map(|answer| answer.data.as_str()).collect();
            data.join(", ")
        }
        Outcome::Timeout => "no reply".into(),
        Outcome::Refused => "refused".into(),
        Outcome::Unreachable { why } | Outcome::Error { why } | Outcome::NotAsked { why } => why.clone(),
        Outcome::WrongSource { from, reply } => format!("{} from {from}", reply.rcode),
    };
    let longest = probe.tries.iter().map(|one| one.ms).max().unwrap_or_default();
    let lost = probe.tries.iter().filter(|one| cell::is_lost(&one.outcome)).count();
    let of = if lost > 0 { format!(", {lost} of {} tries lost", probe.tries.len()) } else { String::new() };
    format!(
        "from {}: {} {server} {} {}: {said} after {}{of}",
        place.words(),
        probe.transport.as_str(),
        one.asked,
        probe.question.record,
        seconds(if cell::is_lost(&one.outcome) { longest } else { one.ms })
    )
}

fn help(found: &Elimination<'_>) -> String {
    let service = found.failing.iter().find_map(|spot| match &spot.server().is {
        ServerKind::Service { namespace, name, .. } | ServerKind::Upstream { namespace, name } => {
            Some((namespace.as_str(), name.as_str()))
        }
        ServerKind::Pod { .. } | ServerKind::NodeLocal { .. } | ServerKind::Configured => None,
    });
    let (namespace, name) = service.unwrap_or(("kube-system", "kube-dns"));
    let node = nodes(&found.failing).into_iter().next().unwrap_or_default();
    match found.cause {
        Cause::ServiceIp | Cause::WrongSource => {
            format!("kubectl svc-trace {name}:53 -n {namespace} --node {node}")
        }
        Cause::Cache => match object(found).filter(|object| object.kind == "Pod") {
            Some(pod) => format!("kubectl logs -n {} {} --since=10m", pod.namespace, pod.name),
            None => "kubectl -n kube-system get pods -l k8s-app=node-local-dns -o wide".into(),
        },
        Cause::OneServer => match object(found) {
            Some(pod) => format!("kubectl logs -n {} {} --since=10m", pod.namespace, pod.name),
            None => format!("kubectl get pods -n {namespace} -l k8s-app=kube-dns -o wide"),
        },
        Cause::OneNode | Cause::AcrossNodes | Cause::Only(_) | Cause::Intermittent => {
            format!("kubectl svc-trace {name}:53/udp -n {namespace} --node {node} -o wide")
        }
        Cause::ShortNames => "kubectl exec POD -- cat /etc/resolv.conf".into(),
        Cause::External | Cause::ExternalAndShort | Cause::Hijacked | Cause::Wildcard | Cause::SlowElsewhere => {
            format!("kubectl get configmap coredns -n {namespace} -o yaml")
        }
        Cause::ClusterNames | Cause::NoSuchNames | Cause::Slow | Cause::All => {
            format!("kubectl logs -n {namespace} -l k8s-app=kube-dns --since=10m")
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;
    use crate::diagnose::dns::samples::{found, no_name, probe, rcode, tries};

    #[test]
    fn a_name_of_one_family_is_well() {
        let of = |record: &str, outcomes: &[(&str, Outcome)]| {
            let mut made = tries(&outcomes.iter().map(|(_, outcome)| (0, 1, outcome.clone())).collect::<Vec<_>>());
            for (one, (asked, _)) in made.iter_mut().zip(outcomes) {
                (*asked).clone_into(&mut one.asked);
            }
            let mut probe = probe(QuestionKind::Asked, made);
            record.clone_into(&mut probe.question.record);
            probe
        };
        let case = |aaaa: &[(&str, Outcome)], state, word: &str| {
            let place = Place { probes: vec![of("A", &[("web.a.", found())]), of("AAAA", aaaa)], ..Place::default() };
            let cells = matrix(&[place]).remove(0).cells;
            assert_eq!((cells[1].state, cells[1].word.as_str()), (state, word), "{aaaa:?}");
        };
        case(&[("web.a.", rcode("NOERROR"))], CellState::Good, "none");
        case(&[("web.a.", rcode("NOERROR")), ("web.", no_name())], CellState::Good, "none");
        case(&[("web.a.", no_name()), ("web.", no_name())], CellState::Bad, "NXDOMAIN");
        case(&[("web.a.", rcode("SERVFAIL"))], CellState::Bad, "SERVFAIL");
        case(&[("web.a.", no_name()), ("web.", rcode("NOERROR"))], CellState::Bad, "empty");
    }
}
