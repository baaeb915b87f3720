//! `dns`: what objects, dumps and probes say of the cluster's DNS. The checks stand in files of their subject.

pub(in crate::diagnose) mod aliases;
mod analyze;
mod answers;
mod asked;
mod cell;
mod clients;
mod corefile;
mod logs;
mod names;
mod next;
mod node_local;
mod policies;
pub(crate) mod probed;
#[cfg(test)]
pub(crate) mod samples;
mod service;
mod setup;
mod verdict;
mod wording;

pub use analyze::analyze;

use crate::collect::snapshot::{Objects, Snapshot};
use crate::order;
use crate::query::DnsQuery;
use crate::report::Finding;

/// What a check of DNS may look at.
#[derive(Debug, Clone, Copy)]
pub struct DnsContext<'a, 'snap> {
    /// All that was read.
    pub snapshot: &'snap Snapshot,
    /// Its objects.
    pub objects: &'snap Objects,
    /// What is asked.
    pub query: &'a DnsQuery,
}

/// A check of DNS.
pub type DnsCheck = for<'a, 'snap> fn(&DnsContext<'a, 'snap>) -> Vec<Finding>;

/// Every check of DNS but the verdict on the probes.
pub const DNS_CHECKS: &[DnsCheck] = &[
    names::stateful_set_service,
    aliases::alias_chain,
    policies::blocks_dns,
    |context| super::kubernetes_service::wrong_endpoint(context.objects),
    clients::cluster_dns_ip_mismatch,
    clients::pod_resolv_conf,
    service::no_endpoints,
    logs::looped,
    logs::forbidden,
    logs::api_unreachable,
    clients::host_network_policy,
    clients::policy_unfit,
    clients::missing_cluster_dns,
    clients::resolv_limits,
    names::search_expansion,
    corefile::domain_mismatch,
    corefile::forward_to_loopback,
    logs::upstream_failing,
    node_local::five_second_delay,
    node_local::broken,
    node_local::ipvs,
    service::tcp_or_size,
    names::not_in_cluster,
    names::headless_empty,
    names::pod_record_missing,
    corefile::negative_cache,
    corefile::local_override,
    service::edited,
    answers::differ,
    answers::aaaa_behaviour,
];

/// What the checks find, worst first, else in the order of the catalogue.
#[must_use]
pub fn dns_findings(context: &DnsContext<'_, '_>) -> Vec<Finding> {
    let mut found: Vec<Finding> = DNS_CHECKS.iter().flat_map(|check| check(context)).collect();
    order::sort_by_key(&mut found, |finding| (std::cmp::Reverse(finding.severity), finding.code));
    found
}

/// `node a`, `nodes a and b`, `nodes a, b and 3 more`.
fn node_words(nodes: &[String]) -> String {
    match nodes {
        [] => "no node".into(),
        [one] => format!("node {one}"),
        [one, other] => format!("nodes {one} and {other}"),
        [one, other, more @ ..] => format!("nodes {one}, {other} and {} more", more.len()),
    }
}
