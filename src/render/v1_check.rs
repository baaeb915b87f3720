//! The part of schema `svc-trace/v1` that `check` adds. As of `v1`: fields are added, never renamed, retyped or removed.

use schemars::JsonSchema;
use serde::Serialize;

use super::check::{self, ByKey};
use super::v1::{V1Finding, V1Gap};
use crate::report::check::{Accepted, Case, CheckSummary, Entry, GapsAre, Problem, Suite};
use crate::report::{Report, Severity};

/// What was checked.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct V1Check<'r> {
    require_complete: bool,
    suites: Vec<V1Suite<'r>>,
    accepted: Vec<V1Accepted<'r>>,
    entries: Vec<V1Entry<'r>>,
}

impl<'r> V1Check<'r> {
    /// The check as the document has it; `fail_on` decides which cases failed.
    pub(super) fn new(report: &'r Report, check: &'r CheckSummary, fail_on: Option<Severity>) -> Self {
        let by_key = ByKey::of(report, fail_on);
        Self {
            require_complete: check.gaps == GapsAre::Failures,
            suites: check.suites.iter().map(|suite| V1Suite::new(report, suite, &by_key)).collect(),
            accepted: check.accepted.iter().map(Into::into).collect(),
            entries: check.entries.iter().map(Into::into).collect(),
        }
    }
}

/// One suite.
#[derive(Debug, Serialize, JsonSchema)]
struct V1Suite<'r> {
    suite: &'static str,
    result: String,
    services: usize,
    services_total: usize,
    endpoints: usize,
    nodes: usize,
    nodes_total: Option<usize>,
    paths: usize,
    connections: usize,
    findings: &'r [String],
    gaps: &'r [String],
    cases: Vec<V1Case<'r>>,
}

impl<'r> V1Suite<'r> {
    fn new(report: &'r Report, suite: &'r Suite, by_key: &ByKey<'_>) -> Self {
        let scope = suite.scope;
        Self {
            suite: suite.kind.as_str(),
            result: check::result(report, suite),
            services: scope.services,
            services_total: scope.services_total,
            endpoints: scope.endpoints,
            nodes: scope.nodes,
            nodes_total: scope.nodes_total,
            paths: scope.paths,
            connections: scope.connections,
            findings: &suite.findings,
            gaps: &suite.gaps,
            cases: suite.cases.iter().map(|case| V1Case::new(case, by_key)).collect(),
        }
    }
}

/// One Service and one check of it.
#[derive(Debug, Serialize, JsonSchema)]
struct V1Case<'r> {
    subject: &'r str,
    node: Option<&'r str>,
    state: &'static str,
    paths: usize,
    skipped: Option<&'r str>,
    findings: &'r [String],
}

impl<'r> V1Case<'r> {
    fn new(case: &'r Case, by_key: &ByKey<'_>) -> Self {
        Self {
            subject: &case.subject,
            node: case.node.as_deref(),
            state: by_key.state(case).as_str(),
            paths: case.paths,
            skipped: case.skipped.as_deref(),
            findings: &case.findings,
        }
    }
}

/// Something that somebody accepted.
#[derive(Debug, Serialize, JsonSchema)]
struct V1Accepted<'r> {
    finding: Option<V1Finding<'r>>,
    gap: Option<V1Gap<'r>>,
    by: &'r str,
    reason: Option<&'r str>,
}

impl<'r> From<&'r Accepted> for V1Accepted<'r> {
    fn from(accepted: &'r Accepted) -> Self {
        let (finding, gap) = match &accepted.what {
            Problem::Finding(finding) => (Some((&**finding).into()), None),
            Problem::Gap(gap) => (None, Some(gap.into())),
        };
        Self { finding, gap, by: &accepted.by, reason: accepted.reason.as_deref() }
    }
}

/// An entry that accepts something, and what became of it.
#[derive(Debug, Serialize, JsonSchema)]
struct V1Entry<'r> {
    entry: &'r str,
    from: &'r str,
    state: &'static str,
    until: Option<&'r str>,
}

impl<'r> From<&'r Entry> for V1Entry<'r> {
    fn from(entry: &'r Entry) -> Self {
        Self { entry: &entry.entry, from: &entry.from, state: entry.state.as_str(), until: entry.until.as_deref() }
    }
}
