//! The answer of `dns`: the matrix of what was asked, judged, and what follows from it by elimination.

use crate::probe::{Place, Probe, QuestionKind, ServerKind};
use crate::query::Query;

use super::Code;

/// All that is said of the cluster's DNS.
#[derive(Debug, Clone, Default)]
pub struct DnsReport {
    /// The DNS Service: `kube-system/kube-dns 10.96.0.10`; `None` where none was found.
    pub service: Option<String>,
    /// What is known of its servers: `2 of 2 pods ready`, `coredns:v1.13.1`.
    pub servers: Vec<String>,
    /// A place and all that was asked from there, judged.
    pub places: Vec<DnsPlace>,
    /// What follows.
    pub verdict: DnsVerdict,
    /// What is to be traced next, and whose rules that takes.
    pub next: Option<Query>,
    /// From the name that was asked to the endpoints behind it, a step a line.
    pub walk: Vec<String>,
}

/// What follows from the matrix by elimination.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DnsVerdict {
    /// Code of the finding that says the same; `None`: nothing is wrong, or nothing was asked.
    pub code: Option<Code>,
    /// In one sentence.
    pub sentence: String,
}

/// A place, judged.
#[derive(Debug, Clone)]
pub struct DnsPlace {
    /// What was asked there.
    pub place: Place,
    /// The judgement on each of its probes, in their order.
    pub cells: Vec<DnsCell>,
}

/// How one cell of the matrix did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsCell {
    /// How it did.
    pub state: CellState,
    /// What there is to say of it: `NXDOMAIN`, `refused`, `timeout`; empty where it is well, `none` where
    /// it is well that there is no such record.
    pub word: String,
    /// Milliseconds of the answer that counts, or that were waited in vain.
    pub ms: u64,
    /// Tries that got no answer.
    pub lost: usize,
    /// Tries in all.
    pub tries: usize,
    /// Addresses and other data of the answer.
    pub answers: Vec<String>,
}

/// How a cell did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CellState {
    /// As it should be.
    Good,
    /// As it should be, and late.
    Slow,
    /// Some tries got an answer, some none.
    Lossy,
    /// Not as it should be.
    Bad,
}

impl CellState {
    /// As in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Slow => "slow",
            Self::Lossy => "lossy",
            Self::Bad => "bad",
        }
    }
}

impl DnsPlace {
    /// Probes with their judgement.
    pub fn judged(&self) -> impl Iterator<Item = (&Probe, &DnsCell)> {
        self.place.probes.iter().zip(&self.cells)
    }
}

/// What a server is, in a word or two: `Service IP`, `pod on a`.
#[must_use]
pub fn server_words(is: &ServerKind) -> String {
    match is {
        ServerKind::Service { cached: false, .. } => "Service IP".into(),
        ServerKind::Service { cached: true, .. } => "Service IP, cache".into(),
        ServerKind::Pod { node: Some(node), .. } => format!("pod on {node}"),
        ServerKind::Pod { name, node: None, .. } => format!("pod {name}"),
        ServerKind::NodeLocal { .. } => "node-local cache".into(),
        ServerKind::Upstream { name, .. } => name.clone(),
        ServerKind::Configured => "resolv.conf".into(),
    }
}

/// What a question is, for the row: the name, or what it stands for.
#[must_use]
pub fn question_words(kind: QuestionKind, name: &str) -> String {
    match kind {
        QuestionKind::MustNotExist => "a name that must not exist".into(),
        QuestionKind::Short | QuestionKind::Full | QuestionKind::External | QuestionKind::Asked => {
            name.strip_suffix('.').unwrap_or(name).to_owned()
        }
    }
}
