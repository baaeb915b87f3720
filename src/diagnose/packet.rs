//! One hand-made packet on one node: no Service, no promise, just where the rules send it.

use std::net::{IpAddr, SocketAddr};

use crate::collect::snapshot::Snapshot;
use crate::dataplane::plane::{Family, Plane, Read, dumps_of};
use crate::error::{Error, Result};
use crate::report::{AddressKind, Code, Gap, NodeSummary, Origin, PathInfo, PathState, QueryEcho, Report, Trace};
use crate::walk::packet::{Entry, Packet, Protocol};
use crate::walk::walk;

use super::outcome::{Behind, outcomes};

/// A packet as a user describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PacketQuery {
    /// Node; of one that is the only one, none need be named.
    pub node: Option<String>,
    /// Source: an address of the node is made there, a pod of the node comes from its interface, others from outside.
    pub from: IpAddr,
    /// Source port, when one is meant.
    pub from_port: Option<u16>,
    /// Destination.
    pub to: SocketAddr,
    /// Protocol.
    pub protocol: Protocol,
}

/// Sends one packet. Needs no objects.
///
/// # Errors
/// A node that the snapshot does not hold, or none named where there are several; mixed families.
pub fn packet(snapshot: &Snapshot, query: &PacketQuery) -> Result<Report> {
    if query.from.is_ipv4() != query.to.is_ipv4() {
        return Err(Error::usage(format!("`{}` and `{}` are of different families", query.from, query.to.ip())));
    }
    let names = || snapshot.nodes.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let (node, dumps) = match &query.node {
        Some(name) => snapshot.nodes.get_key_value(name).ok_or_else(|| {
            Error::usage_help(format!("no dumps of node `{name}`"), format!("there are: {}", names()))
        })?,
        None => match snapshot.nodes.iter().collect::<Vec<_>>().as_slice() {
            [one] => *one,
            [] => return Err(Error::usage("no node's dumps were given")),
            _ => return Err(Error::usage_help("which node?", format!("--node, one of {}", names()))),
        },
    };
    let plane = Plane::new(node, dumps, &[]);
    let mut report = Report {
        query: QueryEcho {
            command: "packet".into(),
            target: query.to.to_string(),
            from: Some(query.from.to_string()),
            namespace: String::new(),
        },
        collected: (snapshot.from.clone(), snapshot.to.clone()),
        kubernetes: snapshot.kubernetes.clone(),
        assumed: plane.assumed(Family::of(query.to.ip())),
        ..Report::default()
    };
    let mode = super::mode::detect_for(&plane, Family::of(query.to.ip()));
    report.nodes.push(NodeSummary {
        name: node.clone(),
        dataplane: mode.kind.words().into(),
        read: true,
        ..NodeSummary::default()
    });
    let family = Family::of(query.to.ip());
    if plane.rules(family).read == Read::No {
        let [dump, ..] = dumps_of(family);
        report.gaps.push(Gap::new(Code::NodeNotCollected, Some(node), format!("{dump} of this node was not read")));
        return Ok(report);
    }
    let (origin, interface) = if plane.links.is_local(query.from).is_yes() {
        (Origin::Node, None)
    } else {
        let interface = plane.links.interface_to(query.from);
        let origin = if plane.links.is_default_way(query.from) { Origin::External } else { Origin::Pod };
        (origin, interface)
    };
    let mut walked = walk(
        &plane,
        &Packet {
            entry: if origin == Origin::Node { Entry::Local } else { Entry::Arrives(interface.map(Into::into)) },
            from: query.from,
            from_port: query.from_port,
            to: query.to,
            protocol: query.protocol,
        },
    );
    super::userspace::ends_at_proxy(mode.kind, &mut walked);
    let outcomes = outcomes(node, &walked, &Behind::default());
    let undecided = outcomes.iter().any(|o| o.disposition == crate::report::Disposition::Indeterminate);
    report.traces.push(Trace {
        path: PathInfo {
            node: node.clone(),
            origin,
            client: None,
            client_is_endpoint: false,
            interface: interface.map(Into::into),
            from: query.from,
            to: query.to.ip(),
            port: query.to.port(),
            protocol: query.protocol.as_str().into(),
            address: AddressKind::Plain,
            port_name: String::new(),
        },
        state: if undecided { PathState::Undecided } else { PathState::NotCompared },
        expected: None,
        trouble: None,
        outcomes,
    });
    super::issues::of_outcomes(node, &walked, &mut report.issues);
    Ok(report)
}
