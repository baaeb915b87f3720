//! The part of schema `svc-trace/v1` that `dns` adds.

use schemars::JsonSchema;
use serde::Serialize;

use crate::probe::{Probe, Try};
use crate::report::dns::{DnsCell, DnsPlace, DnsReport};

/// The cluster's DNS.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct V1Dns<'r> {
    service: Option<&'r str>,
    servers: &'r [String],
    verdict: V1DnsVerdict<'r>,
    places: Vec<V1Place<'r>>,
    walk: &'r [String],
}

/// What follows by elimination.
#[derive(Debug, Serialize, JsonSchema)]
struct V1DnsVerdict<'r> {
    code: Option<&'static str>,
    sentence: &'r str,
}

/// A place that was asked from.
#[derive(Debug, Serialize, JsonSchema)]
struct V1Place<'r> {
    node: &'r str,
    client: &'r crate::probe::PlaceClient,
    address: Option<String>,
    resolv_conf: Option<&'r str>,
    cells: Vec<V1Cell<'r>>,
}

/// One cell of the matrix.
#[derive(Debug, Serialize, JsonSchema)]
struct V1Cell<'r> {
    server: String,
    server_is: &'r crate::probe::ServerKind,
    transport: &'static str,
    kind: crate::probe::QuestionKind,
    name: &'r str,
    record: &'r str,
    state: &'static str,
    word: &'r str,
    ms: u64,
    lost: usize,
    tries: usize,
    answers: &'r [String],
    tried: &'r [Try],
}

impl<'r> From<&'r DnsReport> for V1Dns<'r> {
    fn from(dns: &'r DnsReport) -> Self {
        Self {
            service: dns.service.as_deref(),
            servers: &dns.servers,
            verdict: V1DnsVerdict {
                code: dns.verdict.code.map(crate::report::Code::as_str),
                sentence: &dns.verdict.sentence,
            },
            places: dns.places.iter().map(Into::into).collect(),
            walk: &dns.walk,
        }
    }
}

impl<'r> From<&'r DnsPlace> for V1Place<'r> {
    fn from(place: &'r DnsPlace) -> Self {
        Self {
            node: &place.place.node,
            client: &place.place.client,
            address: place.place.address.map(|ip| ip.to_string()),
            resolv_conf: place.place.resolv_conf.as_deref(),
            cells: place.judged().map(Into::into).collect(),
        }
    }
}

impl<'r> From<(&'r Probe, &'r DnsCell)> for V1Cell<'r> {
    fn from((probe, cell): (&'r Probe, &'r DnsCell)) -> Self {
        Self {
            server: probe.server.address.to_string(),
            server_is: &probe.server.is,
            transport: probe.transport.as_str(),
            kind: probe.question.kind,
            name: &probe.question.name,
            record: &probe.question.record,
            state: cell.state.as_str(),
            word: &cell.word,
            ms: cell.ms,
            lost: cell.lost,
            tries: cell.tries,
            answers: &cell.answers,
            tried: &probe.tries,
        }
    }
}
