//! The part of schema `svc-trace/v1` that tells of paths. As of `v1`: fields are added, never renamed, retyped or removed.

use std::net::SocketAddr;

use schemars::JsonSchema;
use serde::Serialize;

use super::v1::V1Evidence;
use crate::report::{AddressKind, Hop, Outcome, PathState, Trace};

/// One path, walked.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct V1Trace<'r> {
    path: V1Path<'r>,
    state: &'static str,
    expected: Option<&'r str>,
    trouble: Option<&'r str>,
    outcomes: Vec<V1Outcome<'r>>,
}

impl<'r> From<&'r Trace> for V1Trace<'r> {
    fn from(trace: &'r Trace) -> Self {
        let path = &trace.path;
        Self {
            path: V1Path {
                node: &path.node,
                origin: path.origin.as_str(),
                client: path.client.as_deref(),
                client_is_endpoint: path.client_is_endpoint,
                interface: path.interface.as_deref(),
                from: path.from.to_string(),
                to: SocketAddr::new(path.to, path.port).to_string(),
                protocol: &path.protocol,
                address: match path.address {
                    AddressKind::ClusterIp => "cluster-ip",
                    AddressKind::ExternalIp => "external-ip",
                    AddressKind::LoadBalancer => "load-balancer",
                    AddressKind::NodePort => "node-port",
                    AddressKind::LocalhostNodePort => "localhost-node-port",
                    AddressKind::Plain => "plain",
                },
                port_name: &path.port_name,
            },
            state: match trace.state {
                PathState::Expected => "expected",
                PathState::Differs => "differs",
                PathState::Undecided => "undecided",
                PathState::NotCompared => "not-compared",
            },
            expected: trace.expected.as_deref(),
            trouble: trace.trouble.as_deref(),
            outcomes: trace.outcomes.iter().map(Into::into).collect(),
        }
    }
}

/// A client place and an address.
#[derive(Debug, Serialize, JsonSchema)]
struct V1Path<'r> {
    node: &'r str,
    origin: &'static str,
    client: Option<&'r str>,
    client_is_endpoint: bool,
    interface: Option<&'r str>,
    from: String,
    to: String,
    protocol: &'r str,
    address: &'static str,
    port_name: &'r str,
}

/// One way the packet can go.
#[derive(Debug, Serialize, JsonSchema)]
struct V1Outcome<'r> {
    probability_ppm: Option<u32>,
    when: Option<&'r str>,
    disposition: &'static str,
    by: Option<&'r str>,
    destination: Option<&'r str>,
    destination_is: Option<&'r str>,
    destination_node: Option<&'r str>,
    source: Option<&'r str>,
    masqueraded: bool,
    interface: Option<&'r str>,
    expected: Option<bool>,
    depends_on: Vec<V1Evidence<'r>>,
    hops: Vec<V1Hop<'r>>,
}

impl<'r> From<&'r Outcome> for V1Outcome<'r> {
    fn from(outcome: &'r Outcome) -> Self {
        Self {
            probability_ppm: outcome.ppm,
            when: outcome.when.as_deref(),
            disposition: outcome.disposition.as_str(),
            by: outcome.by.as_deref(),
            destination: outcome.destination.as_deref(),
            destination_is: outcome.destination_is.as_deref(),
            destination_node: outcome.destination_node.as_deref(),
            source: outcome.source.as_deref(),
            masqueraded: outcome.masqueraded,
            interface: outcome.interface.as_deref(),
            expected: outcome.expected,
            depends_on: outcome.depends_on.iter().map(Into::into).collect(),
            hops: outcome.hops.iter().map(Into::into).collect(),
        }
    }
}

/// One step.
#[derive(Debug, Serialize, JsonSchema)]
struct V1Hop<'r> {
    hook: &'r str,
    table: &'r str,
    chain: &'r str,
    action: &'r str,
    words: Option<&'r str>,
    rule: Option<&'r str>,
    dump: Option<&'r str>,
    line: Option<u32>,
    probability_ppm: Option<u32>,
}

impl<'r> From<&'r Hop> for V1Hop<'r> {
    fn from(hop: &'r Hop) -> Self {
        Self {
            hook: &hop.hook,
            table: &hop.table,
            chain: &hop.chain,
            action: &hop.action,
            words: hop.words.as_deref(),
            rule: hop.rule.as_deref(),
            dump: hop.dump.as_deref(),
            line: hop.line,
            probability_ppm: hop.ppm,
        }
    }
}
