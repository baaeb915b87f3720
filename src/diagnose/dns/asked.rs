//! The name that was asked for gets no answer, and nothing else is wrong with DNS: it does not exist, or its zone fails.

use std::collections::BTreeSet;

use crate::dns::zone::Meaning;
use crate::probe::{QuestionKind, ServerKind};
use crate::report::dns::{DnsReport, DnsVerdict};
use crate::report::{Code, Finding, Severity};

use super::DnsContext;
use super::names::Asked;
use super::probed::quoted;
use super::verdict::Spot;
use super::wording::{nodes, words_of};

/// Findings that tell why a name has no answer, or why what came is not right.
const TOLD: [Code; 6] = [
    Code::NameNotInCluster,
    Code::HeadlessEmpty,
    Code::PodRecordMissing,
    Code::StatefulsetServiceName,
    Code::ExternalNameLoopOrDangling,
    Code::DnsAnswerDiffersFromApi,
];

/// There is no such name, or it has no such record.
fn said_no(spot: &Spot<'_>) -> bool {
    spot.cell.lost == 0 && ["NXDOMAIN", "empty"].contains(&spot.cell.word.as_str())
}

/// The verdict where all else is well, and its finding unless one of `others` says the same.
pub(super) fn verdict(
    context: &DnsContext<'_, '_>,
    report: &DnsReport,
    others: &[Finding],
) -> Option<(DnsVerdict, Option<Finding>)> {
    let asked: Vec<Spot<'_>> = report
        .places
        .iter()
        .flat_map(|place| place.judged().map(move |(probe, cell)| Spot { place, probe, cell }))
        .filter(|spot| spot.kind() == QuestionKind::Asked && spot.server().is != ServerKind::Configured)
        .collect();
    // a client that gets one address of the name has what it needs
    let is_resolved = |spot: &Spot<'_>| {
        let same = |other: &&Spot<'_>| {
            let from = |spot: &Spot<'_>| (spot.node().to_owned(), spot.probe.transport);
            from(other) == from(spot) && other.server() == spot.server() && !other.fails()
        };
        said_no(spot) && asked.iter().filter(same).any(|other| !other.cell.answers.is_empty())
    };
    let failing: Vec<Spot<'_>> = asked.iter().filter(|spot| spot.fails() && !is_resolved(spot)).copied().collect();
    let name = context.query.name.as_deref()?;
    let what = words_of(&failing);
    let first = failing.first()?;
    if let Some(told) = others.iter().find(|other| TOLD.contains(&other.code) && other.severity == Severity::Error) {
        let sentence = format!("{name} gets {what}, see below; every other name that was asked for is answered");
        return Some((DnsVerdict { code: Some(told.code), sentence }, None));
    }
    let entry = Asked::of(context).and_then(|asked| asked.entry());
    let inside = entry.is_some_and(|entry| !matches!(entry.is, Meaning::Outside | Meaning::Missing(_)));
    let everywhere = failing.len() == asked.len();
    let (code, reason, sentence) = if everywhere && !inside && failing.iter().all(said_no) {
        let servers: BTreeSet<_> = failing.iter().map(Spot::server).collect();
        let who = if servers.len() == 1 {
            "the server says".to_owned()
        } else {
            format!("all {} servers say", servers.len())
        };
        let no_such = failing.iter().all(|spot| spot.cell.word == "NXDOMAIN");
        let lacks = if no_such { "does not exist" } else { "has no address" };
        let sentence = format!("{name} {lacks}: {who} {what}. Every other name that was asked for is answered");
        (Code::NameNotInCluster, "nowhere", sentence)
    } else {
        let from = super::node_words(&nodes(&failing));
        let (code, look) = if inside {
            (Code::DnsClusterNamesOnly, "at the logs of CoreDNS for it")
        } else {
            (Code::DnsExternalOnly, "at the servers that CoreDNS forwards its zone to")
        };
        let by_server = asked
            .iter()
            .filter(|spot| !spot.fails())
            .all(|good| failing.iter().all(|bad| bad.server() != good.server()));
        let gets = if everywhere {
            format!("{name} alone gets {what}, asked from {from}")
        } else if by_server {
            format!("{name} gets {what} from some servers and an answer from others, asked from {from}")
        } else {
            format!("{name} gets {what} in {} of {} questions, asked from {from}", failing.len(), asked.len())
        };
        let sentence = format!("{gets}; every other name is answered. Look {look}");
        (code, "one-name", sentence)
    };
    let mut finding = Finding::new(code, sentence.clone());
    finding.reason = Some(reason.into());
    finding.evidence = quoted(&failing);
    let (server, record) = (first.server().address.ip(), &first.probe.question.record);
    finding.help = Some(format!("dig @{server} {} {record}", crate::diagnose::words::shell(name)));
    Some((DnsVerdict { code: Some(code), sentence }, Some(finding)))
}
