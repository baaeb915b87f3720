//! ST730 and ST731: what came back is not what the objects promise.

use std::collections::BTreeSet;
use std::net::IpAddr;

use hickory_resolver::proto::rr::Name;

use crate::dns::{Entry, name};
use crate::probe::{Answer, Outcome, Place, Probe, QuestionKind, Reply, ServerKind, Try};
use crate::report::{Code, Confidence, Evidence, Finding, ObjectRef};

use super::super::words;
use super::DnsContext;
use super::setup::Setup;

mod records;

/// Records of addresses.
const TYPES: [&str; 2] = ["A", "AAAA"];
/// Records that are compared.
const COMPARED: [&str; 4] = ["A", "AAAA", "SRV", "PTR"];

/// ST730: a DNS server answers a name of the cluster with something else than the objects say.
pub(super) fn differ(context: &DnsContext<'_, '_>) -> Vec<Finding> {
    let setup = Setup::read(context);
    let has_autopath = super::corefile::autopath(&setup).is_some();
    let mut found: Vec<Finding> = Vec::new();
    for place in &context.snapshot.probes {
        for probe in place.probes.iter().filter(|probe| is_about_cluster(probe)) {
            for one in &probe.tries {
                let Some(reply) = reply(one).filter(|reply| !reply.truncated) else { continue };
                let Some(asked) = name::absolute(&one.asked) else { continue };
                let entry = setup.zone.entry(&asked);
                if entry.unsure.is_some() || super::corefile::answers_itself(&setup, &asked, &entry) {
                    continue;
                }
                if has_autopath && is_alias(reply, &asked) && entry.alias.is_none() {
                    // the name at the end of the search list, given for the first
                    continue;
                }
                let Some((reason, words)) = records::difference(&setup.zone, &entry, &probe.question.record, reply)
                else {
                    continue;
                };
                let server = server_words(probe);
                let mut finding = Finding::new(
                    Code::DnsAnswerDiffersFromApi,
                    format!("{server} says of {}: {words}", name::plain(&asked)),
                );
                finding.reason = Some(reason.into());
                // the server may not have heard yet of what changed a moment ago
                finding.confidence = Confidence::Likely;
                finding.object = Some(server_ref(&setup, probe, &entry));
                if found.iter().any(|known| known.object == finding.object && known.summary == finding.summary) {
                    continue;
                }
                finding.evidence.push(quote(place, probe, one, reply));
                finding.evidence.push(Evidence::Fact {
                    node: None,
                    text: format!("objects: {}: {}", entry.is, entry.promise_of(&probe.question.record)),
                });
                finding.details.push(
                    "seen once: a server lags behind the API by a second or two, and its cache by its TTL".into(),
                );
                finding.help = Some(format!(
                    "kubectl -n kube-system logs -l k8s-app=kube-dns --tail=50; dig @{} {}",
                    probe.server.address.ip(),
                    words::shell(&one.asked)
                ));
                found.push(finding);
            }
        }
    }
    found.truncate(4);
    found
}

/// The reply makes the name that was asked for an alias of another.
fn is_alias(reply: &Reply, asked: &Name) -> bool {
    let of_asked = |answer: &&Answer| name::absolute(&answer.name).as_ref() == Some(asked);
    reply.answers.iter().filter(of_asked).any(|answer| answer.record == "CNAME")
}

fn is_about_cluster(probe: &Probe) -> bool {
    match probe.question.kind {
        QuestionKind::Short | QuestionKind::Full | QuestionKind::Asked => {
            COMPARED.contains(&probe.question.record.as_str())
        }
        QuestionKind::MustNotExist | QuestionKind::External => false,
    }
}

fn reply(one: &Try) -> Option<&Reply> {
    match &one.outcome {
        Outcome::Answered(reply) => Some(reply),
        Outcome::Timeout
        | Outcome::Refused
        | Outcome::Unreachable { .. }
        | Outcome::WrongSource { .. }
        | Outcome::Error { .. }
        | Outcome::NotAsked { .. } => None,
    }
}

/// The addresses of an answer.
fn addresses(answers: &[Answer]) -> BTreeSet<IpAddr> {
    answers
        .iter()
        .filter(|answer| TYPES.contains(&answer.record.as_str()))
        .filter_map(|answer| answer.data.parse().ok())
        .collect()
}

fn server_words(probe: &Probe) -> String {
    let ip = probe.server.address.ip();
    match &probe.server.is {
        ServerKind::Service { namespace, name, cached: false } | ServerKind::Upstream { namespace, name } => {
            format!("{namespace}/{name} ({ip})")
        }
        ServerKind::Pod { name, .. } => format!("DNS server {name} ({ip})"),
        ServerKind::NodeLocal { .. } | ServerKind::Service { cached: true, .. } => format!("the cache at {ip}"),
        ServerKind::Configured => format!("nameserver {ip}"),
    }
}

fn server_ref(setup: &Setup<'_>, probe: &Probe, entry: &Entry) -> ObjectRef {
    let asked = || entry.service().map(|service| ObjectRef::new("Service", &service.namespace, &service.name));
    match &probe.server.is {
        ServerKind::Pod { namespace, name, .. } => ObjectRef::new("Pod", namespace, name),
        ServerKind::Service { namespace, name, .. } | ServerKind::Upstream { namespace, name } => {
            ObjectRef::new("Service", namespace, name)
        }
        ServerKind::NodeLocal { .. } | ServerKind::Configured => {
            let service = setup.service.as_ref().map(|dns| dns.view.reference());
            service.or_else(asked).unwrap_or_else(|| ObjectRef::new("Service", "kube-system", "kube-dns"))
        }
    }
}

fn quote(place: &Place, probe: &Probe, one: &Try, reply: &Reply) -> Evidence {
    let data: Vec<String> = reply.answers.iter().map(|answer| format!("{} {}", answer.record, answer.data)).collect();
    let answer = if data.is_empty() { "no record".to_owned() } else { words::list(&data) };
    let (asked, record, rcode) = (&one.asked, &probe.question.record, &reply.rcode);
    let by = probe.transport.as_str();
    let text = format!(
        "{} asked {} by {by} for {asked} {record}: {rcode}, {answer}",
        place.words(),
        probe.server.address.ip()
    );
    Evidence::Fact { node: Some(place.node.clone()), text }
}

/// ST731: a name has an A record, and for AAAA the server says that there is no such name, or fails.
pub(super) fn aaaa_behaviour(context: &DnsContext<'_, '_>) -> Vec<Finding> {
    for place in &context.snapshot.probes {
        for probe in place.probes.iter().filter(|probe| probe.question.record == "AAAA") {
            for one in &probe.tries {
                let Some(bad) =
                    reply(one).filter(|reply| matches!(reply.rcode.as_str(), "NXDOMAIN" | "SERVFAIL" | "NOTIMP"))
                else {
                    continue;
                };
                let of_a = |other: &&Probe| other.question.record == "A" && other.server == probe.server;
                let good = place
                    .probes
                    .iter()
                    .filter(of_a)
                    .flat_map(|other| other.tries.iter().map(move |one| (other, one)))
                    .find(|(_, other)| {
                        other.asked == one.asked
                            && reply(other)
                                .is_some_and(|reply| reply.rcode == "NOERROR" && !addresses(&reply.answers).is_empty())
                    });
                let Some((other, a)) = good else { continue };
                let Some(a_reply) = reply(a) else { continue };
                let mut finding = Finding::new(
                    Code::AaaaBehaviour,
                    format!(
                        "{} has an A record at {}, and {} for AAAA: musl (Alpine) takes the name for missing",
                        one.asked,
                        server_words(probe),
                        bad.rcode
                    ),
                );
                finding.evidence.push(quote(place, other, a, a_reply));
                finding.evidence.push(quote(place, probe, one, bad));
                finding.details.push(
                    "a server must answer NOERROR without a record for a type that a name does not have (RFC 2308)"
                        .into(),
                );
                finding.help = Some(format!("dig @{} AAAA {}", probe.server.address.ip(), words::shell(&one.asked)));
                return vec![finding];
            }
        }
    }
    Vec::new()
}
