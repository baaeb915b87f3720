//! What is worth a connection from a node: each address of which the walk says that it leads to endpoints, and these
//! endpoints by their own addresses.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use rayon::prelude::*;

use crate::cluster::{Family, PortView};
use crate::diagnose::node::{NodePlane, PathResult};
use crate::probe::Transport;
use crate::report::{Disposition, Origin, PathState};
use crate::walk::packet::{Outcome, Protocol};

use super::super::Work;
use super::super::dataplane::{anything, question};

/// Endpoints of one port that are tried by their own addresses.
const ENDPOINTS: usize = 8;

/// The addresses of one port of a Service in one family, and where they lead.
#[derive(Debug, Clone)]
pub(super) struct Group<'snap> {
    /// Place of the Service.
    pub(super) service: usize,
    pub(super) port: PortView<'snap>,
    pub(super) family: Family,
    pub(super) transport: Transport,
    /// Addresses of the Service.
    pub(super) addresses: Vec<SocketAddr>,
    /// Endpoints that they lead to.
    pub(super) endpoints: Vec<SocketAddr>,
}

impl Group<'_> {
    /// Everything to connect to.
    pub(super) fn targets(&self) -> impl Iterator<Item = (SocketAddr, Transport)> {
        self.addresses.iter().chain(&self.endpoints).map(|to| (*to, self.transport))
    }
}

/// What the walk says of one node.
pub(super) struct Groups<'snap> {
    pub(super) list: Vec<Group<'snap>>,
    /// Why there is nothing to connect to, by place of the Service.
    pub(super) nothing: BTreeMap<usize, String>,
    /// Addresses of protocols that are not spoken here.
    pub(super) unspoken: BTreeSet<SocketAddr>,
}

/// Walks all Services on a node, and keeps what leads to endpoints.
pub(super) fn groups<'snap>(work: Work<'_, 'snap>, plane: &NodePlane<'snap>) -> Groups<'snap> {
    let query = anything();
    let services: Vec<_> = work.services.iter().zip(work.endpoints).collect();
    let walked: Vec<(Vec<Group<'snap>>, BTreeSet<SocketAddr>, Option<String>)> = services
        .par_iter()
        .enumerate()
        .map(|(service, (view, endpoints))| {
            if let Some(why) = view.not_programmed() {
                return (Vec::new(), BTreeSet::new(), Some(why));
            }
            let result = question(work, &query, view, endpoints).ask_of(plane);
            let found = of_paths(service, &result.paths);
            let unspoken: BTreeSet<SocketAddr> = unspoken(&result.paths).collect();
            let nothing = match (found.is_empty(), unspoken.is_empty()) {
                (false, _) => None,
                (true, true) => Some("no path of a pod here leads to endpoints".to_owned()),
                (true, false) => Some("SCTP is not spoken here".to_owned()),
            };
            (found, unspoken, nothing)
        })
        .collect();
    let mut groups = Groups { list: Vec::new(), nothing: BTreeMap::new(), unspoken: BTreeSet::new() };
    for (service, (found, unspoken, nothing)) in walked.into_iter().enumerate() {
        groups.list.extend(found);
        groups.unspoken.extend(unspoken);
        groups.nothing.extend(nothing.map(|why| (service, why)));
    }
    groups
}

/// Paths of pods that are as promised; the pod that connects is none of the Service's.
fn of_pods<'r, 'snap>(paths: &'r [PathResult<'snap>]) -> impl Iterator<Item = &'r PathResult<'snap>> {
    paths.iter().filter(|path| {
        path.info.origin == Origin::Pod && !path.info.client_is_endpoint && path.state() == PathState::Expected
    })
}

/// What leads to endpoints by a protocol that is not spoken here.
fn unspoken(paths: &[PathResult<'_>]) -> impl Iterator<Item = SocketAddr> {
    let silent = |path: &&PathResult<'_>| transport(path.info.protocol.as_str()).is_none();
    let lead = of_pods(paths).filter(silent).filter(|path| delivered(&path.outcomes).is_some());
    lead.map(|path| SocketAddr::new(path.info.to, path.info.port))
}

fn of_paths<'snap>(service: usize, paths: &[PathResult<'snap>]) -> Vec<Group<'snap>> {
    let mut found: Vec<Group<'snap>> = Vec::new();
    for path in of_pods(paths) {
        let (Some(port), Some(transport)) = (&path.port, transport(path.info.protocol.as_str())) else { continue };
        let Some(destinations) = delivered(&path.outcomes) else { continue };
        let to = SocketAddr::new(path.info.to, path.info.port);
        let family = Family::of(path.info.to);
        let is_it =
            |group: &Group<'_>| (group.port.name, group.family, group.transport) == (port.name, family, transport);
        match found.iter_mut().find(|group| is_it(group)) {
            Some(group) => {
                group.addresses.push(to);
                group.endpoints.extend(destinations);
            }
            None => found.push(Group {
                service,
                port: port.clone(),
                family,
                transport,
                addresses: vec![to],
                endpoints: destinations,
            }),
        }
    }
    for group in &mut found {
        for list in [&mut group.addresses, &mut group.endpoints] {
            list.sort_unstable();
            list.dedup();
        }
        group.endpoints = spread(&group.endpoints, ENDPOINTS);
    }
    found
}

/// SCTP is not spoken here.
fn transport(protocol: &str) -> Option<Transport> {
    match Protocol::parse(protocol)? {
        Protocol::Tcp => Some(Transport::Tcp),
        Protocol::Udp => Some(Transport::Udp),
        Protocol::Sctp | Protocol::Icmp => None,
    }
}

/// Where new connections end, if every one of them ends at an endpoint.
fn delivered(outcomes: &[Outcome<'_>]) -> Option<Vec<SocketAddr>> {
    let new = outcomes.iter().filter(|outcome| outcome.when.is_none());
    let ends: Option<Vec<SocketAddr>> = new
        .map(|outcome| match outcome.disposition {
            Disposition::Delivered | Disposition::Local => Some(outcome.destination),
            Disposition::Dropped
            | Disposition::Rejected
            | Disposition::Untouched
            | Disposition::Unroutable
            | Disposition::Loop
            | Disposition::Indeterminate => None,
        })
        .collect();
    ends.filter(|ends| !ends.is_empty())
}

/// At most so many, evenly from all of the list.
pub(super) fn spread<T: Clone>(list: &[T], most: usize) -> Vec<T> {
    let kept = list.len().min(most);
    (0..kept).filter_map(|at| list.get(at * list.len() / kept)).cloned().collect()
}
