//! The verdict by elimination: which places, servers, transports and kinds of names fail, and what alone explains it.

use std::collections::BTreeSet;

use crate::probe::{Probe, QuestionKind, Server, ServerKind, Transport};
use crate::report::Code;
use crate::report::dns::{CellState, DnsCell, DnsPlace};

use super::wording;

mod follows;

/// One cell and where it stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spot<'p> {
    pub(super) place: &'p DnsPlace,
    pub(super) probe: &'p Probe,
    pub(super) cell: &'p DnsCell,
}

impl Spot<'_> {
    pub(super) fn node(&self) -> &str {
        &self.place.place.node
    }

    pub(super) fn kind(&self) -> QuestionKind {
        self.probe.question.kind
    }

    pub(super) fn server(&self) -> &Server {
        &self.probe.server
    }

    pub(super) fn fails(&self) -> bool {
        match self.cell.state {
            CellState::Bad | CellState::Lossy => true,
            CellState::Good | CellState::Slow => false,
        }
    }

    fn is_of_pod(&self) -> bool {
        matches!(self.server().is, ServerKind::Pod { .. })
    }

    /// What answers is a cache on the node.
    fn is_of_cache(&self) -> bool {
        matches!(self.server().is, ServerKind::NodeLocal { .. } | ServerKind::Service { cached: true, .. })
    }

    /// The pod that is asked runs where the question comes from.
    fn is_at_home(&self) -> bool {
        matches!(&self.server().is, ServerKind::Pod { node: Some(node), .. } if node == self.node())
    }

    /// Nothing came, or not always: the way to the server or the server itself, and not what it says.
    fn is_unreached(&self) -> bool {
        self.cell.lost > 0
    }
}

/// What alone explains a set of failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// The way by the Service's address.
    ServiceIp,
    /// The cache on the node, which may answer at the Service's address too.
    Cache,
    /// One server, or some of several.
    OneServer,
    /// One node, or some of several.
    OneNode,
    /// Servers on other nodes than the client's.
    AcrossNodes,
    /// A transport.
    Only(Transport),
    /// The search list.
    ShortNames,
    /// Where CoreDNS forwards to.
    External,
    /// The same, and a search list whose names go there.
    ExternalAndShort,
    /// The cluster's zone: its names do not exist, or fail.
    ClusterNames,
    /// Names of the cluster that do not exist: they get something else than that answer.
    NoSuchNames,
    /// Something in the cluster answers every name.
    Wildcard,
    /// Something outside does.
    Hijacked,
    /// Replies are not translated back.
    WrongSource,
    /// Losses here and there.
    Intermittent,
    /// Answers are late.
    Slow,
    /// Answers from outside are.
    SlowElsewhere,
    /// Nothing works.
    All,
}

impl Cause {
    /// The code of the finding, and its variant.
    pub(super) const fn code(self) -> (Code, Option<&'static str>) {
        match self {
            Self::ServiceIp => (Code::DnsServiceIpOnly, None),
            Self::Cache => (Code::DnsServiceIpOnly, Some("node-local-cache")),
            Self::OneServer => (Code::DnsOneServer, None),
            Self::OneNode => (Code::DnsOneNode, None),
            Self::AcrossNodes => (Code::DnsAcrossNodes, None),
            Self::Only(Transport::Udp) => (Code::DnsUdpOnly, None),
            Self::Only(Transport::Tcp) => (Code::DnsTcpOnly, None),
            Self::ShortNames => (Code::DnsShortNamesOnly, None),
            Self::External => (Code::DnsExternalOnly, None),
            Self::ExternalAndShort => (Code::DnsExternalOnly, Some("search-list-too")),
            Self::ClusterNames => (Code::DnsClusterNamesOnly, None),
            Self::NoSuchNames => (Code::DnsClusterNamesOnly, Some("no-such-name")),
            Self::Wildcard => (Code::DnsWildcard, None),
            Self::Hijacked => (Code::DnsWildcard, Some("hijacked")),
            Self::WrongSource => (Code::ReplyFromWrongSource, None),
            Self::Intermittent => (Code::DnsIntermittent, None),
            Self::Slow => (Code::DnsSlow, None),
            Self::SlowElsewhere => (Code::DnsSlow, Some("upstream")),
            Self::All => (Code::DnsAllFail, None),
        }
    }
}

/// What explains all that fails.
#[derive(Debug, Clone)]
pub(super) struct Elimination<'p> {
    pub(super) cause: Cause,
    /// The cells that fail.
    pub(super) failing: Vec<Spot<'p>>,
    /// In one sentence.
    pub(super) sentence: String,
}

/// Everything that is wrong, by elimination; empty where all is well. More than one only where one does not explain
/// the other.
pub(super) fn eliminate(places: &[DnsPlace]) -> Vec<Elimination<'_>> {
    let spots: Vec<Spot<'_>> = places
        .iter()
        .flat_map(|place| place.judged().map(move |(probe, cell)| Spot { place, probe, cell }))
        .filter(|spot| spot.server().is != ServerKind::Configured && spot.kind() != QuestionKind::Asked)
        .collect();
    let mut found = Vec::new();
    let exists = |spot: &&Spot<'_>| spot.kind() == QuestionKind::MustNotExist && spot.cell.word == "exists";
    let wild: Vec<Spot<'_>> = spots.iter().filter(exists).copied().collect();
    if let Some(first) = wild.first() {
        let elsewhere = first
            .probe
            .tries
            .iter()
            .any(|one| super::cell::is_positive(&one.outcome) && super::cell::is_elsewhere(one));
        found.push(of(if elsewhere { Cause::Hijacked } else { Cause::Wildcard }, wild, &spots));
    }
    let rest: Vec<Spot<'_>> = spots.iter().filter(|spot| spot.kind() != QuestionKind::MustNotExist).copied().collect();
    let astray = |spot: &&Spot<'_>| spot.cell.word.starts_with("from ");
    let stray: Vec<Spot<'_>> = rest.iter().filter(astray).copied().collect();
    if !stray.is_empty() {
        found.push(of(Cause::WrongSource, stray, &spots));
        return found;
    }
    let failing: Vec<Spot<'_>> = rest.iter().filter(|spot| spot.fails()).copied().collect();
    if failing.is_empty() {
        let strange = |spot: &&Spot<'_>| spot.kind() == QuestionKind::MustNotExist && spot.fails() && !exists(spot);
        let strange: Vec<Spot<'_>> = spots.iter().filter(strange).copied().collect();
        if !strange.is_empty() {
            let lossy = strange.iter().all(|spot| spot.cell.state == CellState::Lossy);
            found.push(of(if lossy { Cause::Intermittent } else { Cause::NoSuchNames }, strange, &spots));
            return found;
        }
        let late: Vec<Spot<'_>> = rest.iter().filter(|spot| spot.cell.state == CellState::Slow).copied().collect();
        if !late.is_empty() {
            let elsewhere = late.iter().all(|spot| spot.kind() == QuestionKind::External);
            found.push(of(if elsewhere { Cause::SlowElsewhere } else { Cause::Slow }, late, &spots));
        }
        return found;
    }
    let (failing, following) = follows::part(&failing, &rest);
    let cause = by_name(&failing, &rest).unwrap_or_else(|| by_way(&failing, &rest));
    let mut explained = of(cause, failing, &spots);
    explained.sentence.push_str(&follows::words(&following));
    found.push(explained);
    found
}

fn of<'p>(cause: Cause, failing: Vec<Spot<'p>>, all: &[Spot<'p>]) -> Elimination<'p> {
    let sentence = wording::sentence(cause, &failing, all);
    Elimination { cause, failing, sentence }
}

/// Failures that go by the name that is asked for: every server can be reached, and says no.
fn by_name(failing: &[Spot<'_>], all: &[Spot<'_>]) -> Option<Cause> {
    let kinds: BTreeSet<QuestionKind> = failing.iter().map(Spot::kind).collect();
    let well = |kind: QuestionKind| all.iter().filter(|spot| spot.kind() == kind).all(|spot| !spot.fails());
    // one server that says otherwise than its fellows is another matter
    if only_some_pods(failing, all) {
        return None;
    }
    let only = |kind: QuestionKind| kinds.iter().all(|other| *other == kind);
    if only(QuestionKind::External) && well(QuestionKind::Full) {
        return Some(Cause::External);
    }
    if only(QuestionKind::Short) && well(QuestionKind::Full) {
        return Some(Cause::ShortNames);
    }
    let short_and_external = kinds.iter().all(|kind| *kind != QuestionKind::Full);
    if short_and_external && well(QuestionKind::Full) {
        // names that no search entry of the cluster completes go upstream
        return Some(Cause::ExternalAndShort);
    }
    // a server that does not know the cluster is not ready, and the Service leads to none: what they say themselves counts
    let said = direct(failing, all, QuestionKind::Full);
    let all_said = !said.is_empty()
        && said.len() == direct(all, all, QuestionKind::Full).len()
        && said.iter().all(|spot| spot.cell.state == CellState::Bad && !spot.is_unreached());
    if all_said && direct(failing, all, QuestionKind::External).is_empty() {
        return Some(Cause::ClusterNames);
    }
    None
}

/// Of these the questions to the pods themselves, where pods were asked; else all.
fn direct<'p>(spots: &[Spot<'p>], all: &[Spot<'p>], kind: QuestionKind) -> Vec<Spot<'p>> {
    let pods = all.iter().any(Spot::is_of_pod);
    spots.iter().filter(|spot| spot.kind() == kind && (!pods || spot.is_of_pod())).copied().collect()
}

/// Whether some of several pods fail and others do not, from the same places.
fn only_some_pods(failing: &[Spot<'_>], all: &[Spot<'_>]) -> bool {
    let bad = pods(failing);
    let known = pods(all);
    !bad.is_empty() && bad.len() < known.len()
}

fn pods<'s>(spots: &[Spot<'s>]) -> BTreeSet<&'s Server> {
    spots.iter().filter(|spot| spot.is_of_pod()).map(|spot| &spot.probe.server).collect()
}

/// Failures that go by the way a question takes: to which server, by which transport, from which node.
fn by_way(failing: &[Spot<'_>], all: &[Spot<'_>]) -> Cause {
    let pods_asked = !pods(all).is_empty();
    let pods_failing = pods(failing);
    if pods_asked && pods_failing.is_empty() {
        let by_cache = failing.iter().all(Spot::is_of_cache);
        return if by_cache { Cause::Cache } else { Cause::ServiceIp };
    }
    // a server that the Service may lead to fails: the Service then fails as often as it leads there
    if only_some_pods(failing, all) && everywhere(failing, all) {
        return Cause::OneServer;
    }
    if is_across_nodes(failing, all) {
        return Cause::AcrossNodes;
    }
    if let Some(transport) = one_transport(failing, all) {
        return Cause::Only(transport);
    }
    let nodes = |spots: &[Spot<'_>]| spots.iter().map(|spot| spot.node().to_owned()).collect::<BTreeSet<_>>();
    let full: Vec<Spot<'_>> = all.iter().filter(|spot| spot.kind() == QuestionKind::Full).copied().collect();
    let lossy_only = failing.iter().all(|spot| spot.cell.state == CellState::Lossy);
    if nodes(failing).len() < nodes(all).len() {
        Cause::OneNode
    } else if lossy_only || full.iter().any(|spot| !spot.fails()) && failing.iter().any(|spot| spot.cell.lost > 0) {
        Cause::Intermittent
    } else {
        Cause::All
    }
}

/// The transport that alone fails, where both were asked.
fn one_transport(failing: &[Spot<'_>], all: &[Spot<'_>]) -> Option<Transport> {
    let of = |spots: &[Spot<'_>]| spots.iter().map(|spot| spot.probe.transport).collect::<BTreeSet<_>>();
    let bad = of(failing);
    match bad.iter().next() {
        Some(first) if bad.len() == 1 && of(all).len() == 2 => Some(*first),
        Some(_) | None => None,
    }
}

/// Whether every pod that fails does so from each place that asked it.
fn everywhere(failing: &[Spot<'_>], all: &[Spot<'_>]) -> bool {
    let from = |spots: &[Spot<'_>], server: &Server| {
        let asked = spots.iter().filter(|spot| spot.server() == server);
        asked.map(|spot| spot.node().to_owned()).collect::<BTreeSet<_>>()
    };
    pods(failing).into_iter().all(|server| from(failing, server) == from(all, server))
}

/// Whether pods of other nodes fail, and those at home do not.
fn is_across_nodes(failing: &[Spot<'_>], all: &[Spot<'_>]) -> bool {
    let home = |spots: &[Spot<'_>]| spots.iter().filter(|spot| spot.is_of_pod() && spot.is_at_home()).count();
    let away = |spots: &[Spot<'_>]| spots.iter().filter(|spot| spot.is_of_pod() && !spot.is_at_home()).count();
    // the Service leads to the server at home too, now and then
    let cut_off = failing
        .iter()
        .any(|spot| spot.kind() == QuestionKind::Full && !spot.is_of_pod() && spot.cell.state == CellState::Bad);
    home(all) > 0 && home(failing) == 0 && away(failing) > 0 && !cut_off
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]
mod tests;
