//! Promise against kernel: sees everything, decides what is a finding. Wording stands beside the check.

mod addresses;
mod agents;
mod analyze;
mod backends;
mod behind;
mod cause;
mod chain_graph;
pub mod clients;
pub mod code;
pub mod compare;
pub mod context;
mod deletion;
mod doubled;
mod endpoints;
mod external_name;
mod issues;
mod leftovers;
mod load_balancer;
mod local_detection;
mod meaning;
mod mismatch;
pub mod mode;
pub mod node;
mod node_port;
pub mod outcome;
pub mod packet;
mod policy;
mod ports;
mod selector;
mod skew;
mod slices;
mod trouble;
pub mod words;

pub use analyze::analyze;
pub use context::Context;
pub use packet::{PacketQuery, packet};

use crate::report::Finding;

/// A check that needs objects alone.
pub type ObjectCheck = fn(&Context<'_, '_>) -> Vec<Finding>;

/// Every check that needs objects alone. Each decides for itself whether another one explains the case better.
pub const OBJECT_CHECKS: &[ObjectCheck] = &[
    ports::port_not_in_service,
    selector::selector_matches_no_pod,
    ports::named_target_port_missing,
    ports::named_target_port_differs,
    deletion::service_terminating,
    ports::headless_port_remap,
    external_name::external_name_is_ip,
    external_name::external_name_ports_ignored,
    external_name::alias_of_a_missing_service,
    endpoints::no_ready_endpoint,
    slices::slice_missing_or_late,
    slices::slice_disagrees_with_pods,
    slices::slice_port_name_mismatch,
    slices::orphan_slice,
    slices::custom_endpoint_invalid,
    endpoints::only_terminating_endpoints,
    policy::internal_without_local,
    policy::topology_filtered,
    addresses::duplicate_endpoint_address,
    endpoints::publish_not_ready,
    load_balancer::pending,
    policy::external_without_local,
    load_balancer::excludes_the_client,
    load_balancer::blocks_in_cluster,
];

/// What the objects alone say is wrong, worst first, else in the order of the catalogue.
#[must_use]
pub fn object_findings(context: &Context<'_, '_>) -> Vec<Finding> {
    let mut found: Vec<Finding> = OBJECT_CHECKS.iter().flat_map(|check| check(context)).collect();
    found.sort_by_key(|finding| (std::cmp::Reverse(finding.severity), finding.code));
    found
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]
mod cases;
