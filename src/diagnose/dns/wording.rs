//! The verdict in words: one sentence that says what fails, from where, how often, and where to look.

use std::collections::BTreeSet;

use crate::probe::{QuestionKind, ServerKind, Transport};
use crate::report::dns::CellState;

use super::node_words;
use super::verdict::{Cause, Spot};

/// One sentence, without a full stop.
pub(super) fn sentence(cause: Cause, failing: &[Spot<'_>], all: &[Spot<'_>]) -> String {
    let from = from_nodes(failing, all);
    let by = by_transport(failing, all);
    let rate = rate(failing);
    match cause {
        Cause::ServiceIp => {
            let service = service_address(failing);
            format!(
                "the DNS servers are well: {by}{service} fails{from}{rate}. Look at the rules{} and at connection \
                 tracking, not at DNS",
                of_nodes(failing, all)
            )
        }
        Cause::Cache => {
            let addresses: BTreeSet<String> =
                failing.iter().map(|spot| spot.server().address.ip().to_string()).collect();
            let addresses: Vec<String> = addresses.into_iter().collect();
            format!(
                "the DNS servers are well: {by}the DNS cache{} at {} fails{rate}. Look at the cache, not at rules or servers",
                of_nodes(failing, all).replace(" of ", " on "),
                addresses.join(" and ")
            )
        }
        Cause::OneServer => {
            let servers = server_names(failing);
            format!("{by}{servers} fails from everywhere, the other DNS servers are well{rate}")
        }
        Cause::OneNode => format!("DNS fails{from} alone, whichever server is asked{rate}: look at that node"),
        Cause::AcrossNodes => {
            format!(
                "{by}DNS servers on other nodes are not reached{from}, those on the same node are: look at the network between nodes{rate}"
            )
        }
        Cause::Only(Transport::Udp) => {
            format!("DNS over UDP fails{from}, over TCP it is well{rate}: look at what treats UDP apart")
        }
        Cause::Only(Transport::Tcp) => {
            format!("DNS over TCP fails{from}, over UDP it is well{rate}: long answers will be lost")
        }
        Cause::ShortNames => format!(
            "short names fail{from}, full names are well: look at the search list and ndots of resolv.conf, not at the servers"
        ),
        Cause::ExternalAndShort => {
            format!(
                "names that leave the cluster fail{from}, full names of the cluster are well: look at the servers that CoreDNS forwards to, and at the search list"
            )
        }
        Cause::External => {
            format!(
                "names outside the cluster fail{from}, those of the cluster are well: look at the servers that CoreDNS forwards to{rate}"
            )
        }
        Cause::ClusterNames => {
            let said: Vec<Spot<'_>> = failing.iter().filter(|spot| spot.cell.lost == 0).copied().collect();
            let what = words_of(&said);
            format!(
                "names of the cluster get {what}, names outside are well: look at CoreDNS's view of the API and at the cluster's domain"
            )
        }
        Cause::NoSuchNames => format!(
            "names of the cluster that do not exist get {}{from} and not NXDOMAIN, all others are answered: a search list waits or ends there. Look at what CoreDNS's kubernetes block falls through to",
            words_of(failing)
        ),
        Cause::Hijacked => {
            "a name that must not exist has an address: a server that CoreDNS forwards to answers every name".into()
        }
        Cause::Wildcard => {
            "a name of the cluster that must not exist has an address: something answers every name of a domain".into()
        }
        Cause::WrongSource => {
            let word = failing.first().map_or("", |spot| spot.cell.word.as_str());
            format!("replies come {word} and not from the address that was asked{from}: clients drop them")
        }
        Cause::Intermittent => format!(
            "DNS answers now and then{from}{rate}; each loss costs a client its resolver's wait, 5 s by default"
        ),
        Cause::Slow | Cause::SlowElsewhere => {
            let slowest = failing.iter().map(|spot| spot.cell.ms).max().unwrap_or_default();
            let what = if cause == Cause::SlowElsewhere { "names outside the cluster are" } else { "DNS is" };
            format!("{what} slow{from}: up to {} for one answer", seconds(slowest))
        }
        Cause::All => {
            format!("DNS fails{from}, whichever server is asked and by whichever transport: {}", words_of(failing))
        }
    }
}

/// ` from node a`, where not every node fails.
fn from_nodes(failing: &[Spot<'_>], all: &[Spot<'_>]) -> String {
    let (bad, known) = (nodes(failing), nodes(all));
    if bad.len() < known.len() { format!(" from {}", node_words(&bad)) } else { String::new() }
}

/// ` of node a`, where not every node fails.
fn of_nodes(failing: &[Spot<'_>], all: &[Spot<'_>]) -> String {
    let (bad, known) = (nodes(failing), nodes(all));
    if bad.len() < known.len() || known.len() == 1 { format!(" of {}", node_words(&bad)) } else { String::new() }
}

pub(super) fn nodes(spots: &[Spot<'_>]) -> Vec<String> {
    spots.iter().map(|spot| spot.node().to_owned()).collect::<BTreeSet<_>>().into_iter().collect()
}

/// `UDP to `, where TCP is well.
fn by_transport(failing: &[Spot<'_>], all: &[Spot<'_>]) -> &'static str {
    let of = |spots: &[Spot<'_>]| spots.iter().map(|spot| spot.probe.transport).collect::<BTreeSet<_>>();
    let bad = of(failing);
    match bad.iter().next() {
        Some(Transport::Udp) if bad.len() < of(all).len() => "UDP to ",
        Some(Transport::Tcp) if bad.len() < of(all).len() => "TCP to ",
        Some(Transport::Udp | Transport::Tcp) | None => "",
    }
}

fn service_address(failing: &[Spot<'_>]) -> String {
    let service = failing.iter().find_map(|spot| match &spot.server().is {
        ServerKind::Service { namespace, name, .. } => {
            Some(format!("the DNS Service {namespace}/{name} at {}", spot.server().address.ip()))
        }
        ServerKind::NodeLocal { .. } => Some(format!("the node-local cache at {}", spot.server().address.ip())),
        ServerKind::Upstream { namespace, name } => Some(format!("the Service {namespace}/{name}")),
        ServerKind::Pod { .. } | ServerKind::Configured => None,
    });
    service.unwrap_or_else(|| "the DNS Service".into())
}

fn server_names(failing: &[Spot<'_>]) -> String {
    let names: BTreeSet<String> = failing
        .iter()
        .filter_map(|spot| match &spot.server().is {
            ServerKind::Pod { namespace, name, node } => {
                let on = node.as_ref().map(|node| format!(" on {node}")).unwrap_or_default();
                Some(format!("DNS server {namespace}/{name}{on}"))
            }
            ServerKind::Service { .. }
            | ServerKind::NodeLocal { .. }
            | ServerKind::Upstream { .. }
            | ServerKind::Configured => None,
        })
        .collect();
    names.into_iter().collect::<Vec<_>>().join(" and ")
}

/// `, 5 of 10 tries are lost`, where it is not all of them.
fn rate(failing: &[Spot<'_>]) -> String {
    let lossy = failing.iter().filter(|spot| spot.kind() == QuestionKind::Full && spot.cell.tries > 1);
    let (lost, tries) = lossy
        .filter(|spot| spot.cell.state == CellState::Lossy)
        .fold((0, 0), |(lost, tries), spot| (lost + spot.cell.lost, tries + spot.cell.tries));
    if lost == 0 { String::new() } else { format!(", {lost} of {tries} tries are lost") }
}

/// `SERVFAIL`, `timeout or refused`.
pub(super) fn words_of(failing: &[Spot<'_>]) -> String {
    let words: BTreeSet<&str> =
        failing.iter().map(|spot| spot.cell.word.as_str()).filter(|word| !word.is_empty()).collect();
    words.into_iter().collect::<Vec<_>>().join(" or ")
}

/// `3.1 s`, `800 ms`.
pub(super) fn seconds(ms: u64) -> String {
    if ms >= 1000 { format!("{}.{} s", ms / 1000, ms % 1000 / 100) } else { format!("{ms} ms") }
}
