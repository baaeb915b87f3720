//! Promise against kernel: sees everything, decides what is a finding. Wording stands beside the check.

mod addresses;
mod agents;
mod analyze;
mod announcers;
mod authors;
mod backends;
mod behind;
mod bypass;
mod cause;
mod chain_graph;
pub mod check;
pub mod clients;
pub mod code;
pub mod compare;
pub mod context;
mod coverage;
mod declared_ports;
mod deletion;
pub mod dns;
mod doubled;
mod endpoints;
mod external_ips;
mod external_name;
mod families;
mod gone;
mod ingress_target;
mod ipvs;
mod issues;
mod kernel;
mod kubernetes_service;
mod leftovers;
mod load_balancer;
mod local_detection;
mod meaning;
mod mismatch;
pub mod mode;
mod modes;
mod nft_cause;
mod nft_kernel;
mod nft_meaning;
mod nft_table;
pub mod node;
mod node_port;
mod node_port_taken;
pub mod outcome;
mod outsiders;
mod ownership;
pub mod packet;
mod platform;
mod pod_route;
mod policies;
mod policy;
mod ports;
mod proxy_pods;
mod ranges;
mod references;
mod refusals;
mod replacement;
mod selector;
mod service_links;
mod settle;
mod shared_addresses;
mod skew;
mod slice_owners;
mod slices;
mod trouble;
mod unready_nodes;
mod untouched;
mod userspace;
pub mod words;
mod workloads;

pub use analyze::analyze;
pub use check::{CheckQuery, analyze_check};
pub use context::Context;
pub use packet::{PacketQuery, packet};

/// What a trace says of a rule that does this, where there is more to say than the action itself.
#[must_use]
pub fn words_of_rule<'snap>(
    table: &'snap str,
    chain: &'snap str,
    action: crate::walk::packet::Action<'snap>,
    at: crate::dataplane::Loc<'snap>,
) -> Option<String> {
    let hop = crate::walk::packet::Hop { hook: "", table, chain, action, at: Some(at), chance: None };
    meaning::of(&hop, &crate::cluster::owners::Owners::default())
}

use crate::collect::snapshot::Objects;
use crate::order;
use crate::report::{Evidence, Finding, ObjectRef};

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
    workloads::selector_too_broad,
    declared_ports::undeclared,
    declared_ports::lost_in_apply,
    bypass::affinity_collapses,
    proxy_pods::foreign_proxy_label,
    external_name::external_name_host,
    policies::ingress_denies,
    policies::egress_denies,
    policies::uses_service_port,
    policies::not_enforced,
    slice_owners::stale_duplicates,
    unready_nodes::topology_inactive,
    unready_nodes::endpoint_on_unready_node,
    platform::pods_with_security_groups,
    announcers::nodes_excluded,
    announcers::short_circuit,
    external_ips::external_ips,
    announcers::no_node_ports,
    bypass::promises_bypassed,
    families::family_mismatch,
    platform::local_cluster,
    kubernetes_service::traced,
    service_links::environment,
];

/// A check of what no Service tells alone; each of its findings names its object.
pub type ClusterCheck = fn(&Objects) -> Vec<Finding>;

/// Every check of the objects of a whole cluster.
pub const CLUSTER_CHECKS: &[ClusterCheck] = &[
    shared_addresses::duplicate_cluster_ip,
    ranges::outside_service_cidr,
    slice_owners::endpoints_truncated,
    proxy_pods::not_running_anywhere,
    ranges::cidr_overlap,
    node_port_taken::collision,
    shared_addresses::shared_outside_address,
    references::backend_invalid,
    references::control_plane_blocked,
    dns::aliases::alias_loop,
];

/// What the objects of a whole cluster say is wrong beside its single Services, worst first.
#[must_use]
pub fn cluster_findings(objects: &Objects) -> Vec<Finding> {
    let mut found: Vec<Finding> = CLUSTER_CHECKS.iter().flat_map(|check| check(objects)).collect();
    order::sort_by_key(&mut found, |finding| {
        (std::cmp::Reverse(finding.severity), finding.code, finding.fingerprint())
    });
    found
}

/// Whether a finding is about this object, or stands on a field of it.
#[must_use]
pub fn concerns(finding: &Finding, about: &ObjectRef) -> bool {
    let quotes = |evidence: &Evidence| match evidence {
        Evidence::Field { object, .. } => object == about,
        Evidence::Line { .. } | Evidence::Fact { .. } => false,
    };
    match &finding.object {
        Some(object) if object.kind == about.kind => object == about,
        Some(_) | None => finding.evidence.iter().any(quotes),
    }
}

/// What the objects alone say is wrong, worst first, else in the order of the catalogue.
#[must_use]
pub fn object_findings(context: &Context<'_, '_>) -> Vec<Finding> {
    let mut found: Vec<Finding> = OBJECT_CHECKS.iter().flat_map(|check| check(context)).collect();
    order::sort_by_key(&mut found, |finding| (std::cmp::Reverse(finding.severity), finding.code));
    found
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]
mod cases;
