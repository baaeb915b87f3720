//! What is wrong with a node in ipvs mode: causes of paths that differ, and checks of what IPVS needs beside its
//! virtual servers.

mod addresses;
mod cause;
mod sets;
mod source;
mod stale;
mod switches;

pub(super) use cause::{masquerade, missing, nothing_promised, of, refused_by_filter, words};
pub(super) use stale::{left_for_nobody, rules_of_address};

use crate::cluster::ServiceView;
use crate::collect::snapshot::Objects;
use crate::report::Finding;

use super::mode::ModeKind;
use super::node::NodeResult;

/// What a check may look at.
#[derive(Clone, Copy)]
struct Ask<'a, 'snap> {
    objects: &'snap Objects,
    service: &'a ServiceView<'snap>,
    node: &'a NodeResult<'snap>,
    /// The one address that is meant.
    only: Option<std::net::IpAddr>,
}

type Check = fn(Ask<'_, '_>) -> Vec<Finding>;

/// Checks of a node in ipvs mode that are the same whichever Service is asked about.
const OF_NODE: [Check; 5] = [
    sets::broken_reference,
    switches::conn_reuse_mode,
    switches::vs_conntrack_off,
    stale::nobodys,
    switches::deprecated,
];

/// Checks of what a Service needs on a node in ipvs mode.
const OF_SERVICE: [Check; 7] = [
    addresses::node_address_on_ipvs,
    sets::incomplete,
    switches::strict_arp_off,
    source::udp_to_dead_servers,
    source::own_source,
    source::localhost_node_port,
    addresses::bound_elsewhere,
];

/// What a node's state says beside the paths.
pub(super) fn of_node<'snap>(
    objects: &'snap Objects,
    service: &ServiceView<'snap>,
    node: &NodeResult<'snap>,
    only: Option<std::net::IpAddr>,
) -> Vec<Finding> {
    let ask = Ask { objects, service, node, only };
    let mut found = switches::modules_missing(ask);
    if node.mode.kind == ModeKind::Ipvs {
        found.extend(OF_NODE.iter().flat_map(|check| check(ask)));
    }
    found
}

/// What a node's state says of one Service beside its paths.
pub(super) fn of_service<'snap>(
    objects: &'snap Objects,
    service: &ServiceView<'snap>,
    node: &NodeResult<'snap>,
    only: Option<std::net::IpAddr>,
) -> Vec<Finding> {
    let ask = Ask { objects, service, node, only };
    let checks = OF_SERVICE.iter().filter(|_| node.mode.kind == ModeKind::Ipvs);
    checks.flat_map(|check| check(ask)).collect()
}
