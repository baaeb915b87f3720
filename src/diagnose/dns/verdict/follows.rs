//! Failures that follow from others: a DNS server on a node whose pods cannot ask DNS cannot ask the servers outside
//! either, so that names outside fail at it, whoever asks.

use std::collections::BTreeSet;

use crate::probe::{QuestionKind, ServerKind, Transport};
use crate::report::dns::CellState;

use super::Spot;

/// Parts what fails into what has to be explained, and what follows from it.
pub(super) fn part<'p>(failing: &[Spot<'p>], all: &[Spot<'p>]) -> (Vec<Spot<'p>>, Vec<Spot<'p>>) {
    let shut = shut(all);
    let at_shut_pod = |spot: &Spot<'_>| {
        let ServerKind::Pod { node: Some(on), .. } = &spot.server().is else { return false };
        is_candidate(spot, &shut) && shut.contains(&(on.as_str(), spot.probe.transport))
    };
    // a Service leads to the servers: it fails as they do, where no other of them fails
    let by_service = |spot: &Spot<'_>| {
        let leads =
            matches!(&spot.server().is, ServerKind::Service { cached: false, .. } | ServerKind::Upstream { .. });
        let mut behind = failing.iter().filter(|other| {
            other.is_of_pod()
                && other.kind() == QuestionKind::External
                && (other.node(), other.probe.transport) == (spot.node(), spot.probe.transport)
        });
        leads && is_candidate(spot, &shut) && behind.next().is_some_and(at_shut_pod) && behind.all(at_shut_pod)
    };
    failing.iter().copied().partition(|spot| !at_shut_pod(spot) && !by_service(spot))
}

/// Nodes from which nothing gets an answer by a transport.
fn shut<'s>(all: &'s [Spot<'_>]) -> BTreeSet<(&'s str, Transport)> {
    let full = || all.iter().filter(|spot| spot.kind() == QuestionKind::Full);
    let key = |spot: &'s Spot<'_>| (spot.node(), spot.probe.transport);
    let open: BTreeSet<_> = full().filter(|spot| !is_mute(spot)).map(key).collect();
    full().map(key).filter(|one| !open.contains(one)).collect()
}

fn is_mute(spot: &Spot<'_>) -> bool {
    spot.cell.state == CellState::Bad && spot.is_unreached()
}

/// Asked for a name outside, from a node that is not shut itself.
fn is_candidate(spot: &Spot<'_>, shut: &BTreeSet<(&str, Transport)>) -> bool {
    spot.kind() == QuestionKind::External && !shut.contains(&(spot.node(), spot.probe.transport))
}

/// `; the DNS server on a gets no names from outside either`.
pub(super) fn words(following: &[Spot<'_>]) -> String {
    let on: BTreeSet<&str> = following
        .iter()
        .filter_map(|spot| match &spot.server().is {
            ServerKind::Pod { node, .. } => node.as_deref(),
            ServerKind::Service { .. }
            | ServerKind::NodeLocal { .. }
            | ServerKind::Upstream { .. }
            | ServerKind::Configured => None,
        })
        .collect();
    let on: Vec<String> = on.into_iter().map(ToOwned::to_owned).collect();
    if on.is_empty() {
        return String::new();
    }
    format!("; DNS servers on {} get no names from outside either", crate::diagnose::dns::node_words(&on))
}
