//! What is traced after the probes: the DNS Service, where only its address fails; the Service that a name led to.

use std::collections::BTreeSet;

use crate::cluster::ServiceView;
use crate::collect::snapshot::Snapshot;
use crate::dns::DnsService;
use crate::dns::server::DNS_PORT;
use crate::probe::{Outcome, Probe, QuestionKind};
use crate::query::{Client, DnsQuery, Query, Target};
use crate::report::dns::{CellState, DnsPlace, DnsReport};
use crate::report::{Code, Report};

use super::verdict::{Cause, eliminate};
use super::wording::nodes;

/// The trace that follows, if one does.
pub(super) fn next(snapshot: &Snapshot, query: &DnsQuery, dns: &DnsReport) -> Option<Query> {
    for found in eliminate(&dns.places) {
        if matches!(found.cause, Cause::ServiceIp | Cause::WrongSource | Cause::Only(_) | Cause::OneNode) {
            let service = DnsService::find(&snapshot.objects)?;
            let mut nodes = nodes(&found.failing);
            // one node shows it
            nodes.truncate(1);
            return trace(query, service.view.namespace, &format!("{}:{DNS_PORT}", service.view.name), nodes);
        }
    }
    let (namespace, name) = led_to(snapshot, dns)?;
    let nodes = dns.places.first().map(|place| place.place.node.clone()).into_iter().collect();
    trace(query, &namespace, &name, nodes)
}

fn trace(query: &DnsQuery, namespace: &str, name: &str, nodes: Vec<String>) -> Option<Query> {
    let text = format!("svc/{name}");
    Some(Query {
        target: Target::parse(&text).ok()?,
        target_text: text,
        from: query.from.clone().map(|from| at_home(from, &query.namespace)),
        from_text: query.from_text.clone(),
        namespace: namespace.to_owned(),
        nodes,
    })
}

/// A client whose namespace is the question's, also where the Service is in another.
fn at_home(client: Client, namespace: &str) -> Client {
    let own = |given: Option<String>| given.or_else(|| Some(namespace.to_owned()));
    match client {
        Client::Pod { namespace: given, name } => Client::Pod { namespace: own(given), name },
        Client::Deployment { namespace: given, name } => Client::Deployment { namespace: own(given), name },
        other @ (Client::Node(_) | Client::Address(_) | Client::External) => other,
    }
}

/// The Service whose address the name that was asked for gave.
pub(super) fn led_to(snapshot: &Snapshot, dns: &DnsReport) -> Option<(String, String)> {
    let judged = dns.places.iter().flat_map(DnsPlace::judged);
    let mut good = judged
        .filter(|(probe, cell)| probe.question.kind == QuestionKind::Asked && cell.state != CellState::Bad)
        .flat_map(|(_, cell)| &cell.answers);
    good.find_map(|answer| {
        let ip = answer.parse().ok()?;
        let view = ServiceView::all(&snapshot.objects).find(|view| view.cluster_ips.contains(&ip))?;
        Some((view.namespace.to_owned(), view.name.to_owned()))
    })
}

/// What the trace shows, put into the report of `dns`.
pub(super) fn append(report: &mut Report, traced: Report) {
    report.service = traced.service;
    report.nodes = traced.nodes;
    report.traces = traced.traces;
    report.issues = traced.issues;
    report.assumed = traced.assumed;
    report.notes.extend(traced.notes);
    for finding in traced.findings {
        let known = report.findings.iter().any(|other| other.fingerprint() == finding.fingerprint());
        if !known {
            report.findings.push(finding);
        }
    }
    // that no node was read for a name that needs none is nobody's loss
    let kept = |code: Code| !matches!(code, Code::ApiOnlyVerdict);
    for gap in traced.gaps.into_iter().filter(|gap| kept(gap.code)) {
        if !report.gaps.contains(&gap) {
            report.gaps.push(gap);
        }
    }
}

/// From the name to the Service behind it, a step a line.
pub(super) fn walk(snapshot: &Snapshot, query: &DnsQuery, dns: &DnsReport) -> Vec<String> {
    let Some(name) = &query.name else { return Vec::new() };
    let asked = |probe: &&Probe| probe.question.kind == QuestionKind::Asked;
    let Some(place) = dns.places.iter().find(|place| place.place.probes.iter().any(|probe| asked(&probe))) else {
        return Vec::new();
    };
    let mut steps = Vec::new();
    let mut seen = BTreeSet::new();
    for probe in place.place.probes.iter().filter(asked) {
        if !seen.insert(probe.question.record.clone()) {
            continue;
        }
        for one in &probe.tries {
            let said = match &one.outcome {
                Outcome::Answered(reply) if reply.answers.is_empty() && reply.rcode == "NOERROR" => {
                    "no such record".into()
                }
                Outcome::Answered(reply) if reply.answers.is_empty() => reply.rcode.clone(),
                Outcome::Answered(reply) | Outcome::WrongSource { reply, .. } => reply
                    .answers
                    .iter()
                    .map(|answer| format!("{} {}", answer.record, answer.data))
                    .collect::<Vec<_>>()
                    .join(", "),
                Outcome::Timeout => "no reply".into(),
                Outcome::Refused => "refused".into(),
                Outcome::Unreachable { why } | Outcome::Error { why } | Outcome::NotAsked { why } => why.clone(),
            };
            steps.push(format!("{name} → {} {}: {said}", one.asked, probe.question.record));
        }
    }
    if let Some((namespace, service)) = led_to(snapshot, dns) {
        steps.push(format!("that is the address of Service {namespace}/{service}"));
    }
    steps
}
