//! What a check of many Services says beside its findings and gaps: how far it went, case by case, and what was
//! accepted. Plain values; whether that is good enough is decided by [`super::Report::verdict`].

use super::{Finding, Gap, PathState};

/// A part of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SuiteKind {
    /// What the API's objects say.
    Objects,
    /// What the nodes do with packets.
    Dataplane,
    /// Whether names are answered.
    Dns,
    /// Whether nodes could be read.
    Nodes,
    /// Whether connections are made.
    Probe,
}

impl SuiteKind {
    /// Every one that is not asked for by itself, in the order of the answer.
    pub const ALL: [Self; 4] = [Self::Objects, Self::Dataplane, Self::Dns, Self::Nodes];

    /// `objects`, `dataplane`, `dns`, `nodes`, `probe`: as in JSON and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Objects => "objects",
            Self::Dataplane => "dataplane",
            Self::Dns => "dns",
            Self::Nodes => "nodes",
            Self::Probe => "probe",
        }
    }
}

/// What was checked, in numbers and cases.
#[derive(Debug, Clone, Default)]
pub struct CheckSummary {
    /// The suites that were asked for, in order.
    pub suites: Vec<Suite>,
    /// How all paths compare with their promises.
    pub paths: PathCounts,
    /// Findings and gaps that somebody accepted.
    pub accepted: Vec<Accepted>,
    /// What became of each entry that accepts something.
    pub entries: Vec<Entry>,
    /// Whether a gap fails like a finding (`--require-complete`).
    pub gaps: GapsAre,
}

/// What a gap does to the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GapsAre {
    /// Alone it leaves the verdict open.
    #[default]
    Open,
    /// It fails.
    Failures,
}

/// One suite.
#[derive(Debug, Clone)]
pub struct Suite {
    /// Which.
    pub kind: SuiteKind,
    /// How far it went.
    pub scope: Scope,
    /// Its cases, in order.
    pub cases: Vec<Case>,
    /// Fingerprints of its findings.
    pub findings: Vec<String>,
    /// Fingerprints of its gaps.
    pub gaps: Vec<String>,
}

/// How far a suite went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scope {
    /// Services that were looked at.
    pub services: usize,
    /// Services that there are, as far as they were read.
    pub services_total: usize,
    /// Endpoints of these Services.
    pub endpoints: usize,
    /// Nodes that were looked at.
    pub nodes: usize,
    /// Nodes of the cluster, if known.
    pub nodes_total: Option<usize>,
    /// Paths that were walked.
    pub paths: usize,
    /// Addresses that were connected to, on each node.
    pub connections: usize,
}

/// One Service and one check of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// `default/web`, or the node where it is about that alone.
    pub subject: String,
    /// Node, if it is of one.
    pub node: Option<String>,
    /// Paths that were walked.
    pub paths: usize,
    /// Why nothing can be said, where that is so.
    pub skipped: Option<String>,
    /// Fingerprints of its findings.
    pub findings: Vec<String>,
}

/// Paths by how they compare.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PathCounts {
    /// As promised.
    pub expected: usize,
    /// Not as promised.
    pub differs: usize,
    /// Cannot be decided.
    pub undecided: usize,
    /// Nothing to compare with.
    pub not_compared: usize,
}

impl PathCounts {
    /// Counts one path.
    pub fn add(&mut self, state: PathState) {
        match state {
            PathState::Expected => self.expected += 1,
            PathState::Differs => self.differs += 1,
            PathState::Undecided => self.undecided += 1,
            PathState::NotCompared => self.not_compared += 1,
        }
    }

    /// Adds others.
    pub fn join(&mut self, other: Self) {
        self.expected += other.expected;
        self.differs += other.differs;
        self.undecided += other.undecided;
        self.not_compared += other.not_compared;
    }

    /// All of them.
    #[must_use]
    pub const fn all(&self) -> usize {
        self.expected + self.differs + self.undecided + self.not_compared
    }
}

/// A finding or a gap that somebody accepted.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// What.
    pub what: Problem,
    /// By what: `--ignore`, the file's entry, the baseline.
    pub by: String,
    /// Why, where that was written down.
    pub reason: Option<String>,
}

/// A finding or a gap.
#[derive(Debug, Clone)]
pub enum Problem {
    /// Something wrong.
    Finding(Box<Finding>),
    /// Something that could not be looked at.
    Gap(Gap),
}

/// An entry that accepts something, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// As written: `no-ready-endpoint:shop/web`.
    pub entry: String,
    /// Where it stands: `--ignore`, `ignore.yaml entry 3`.
    pub from: String,
    /// What became of it.
    pub state: EntryState,
    /// Last day that it holds.
    pub until: Option<String>,
}

/// What became of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryState {
    /// It accepted something.
    Used,
    /// There was nothing for it.
    Unused,
    /// Its day has passed, or the day of the reading is not known.
    Expired,
}

impl EntryState {
    /// As in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Used => "used",
            Self::Unused => "unused",
            Self::Expired => "expired",
        }
    }
}
