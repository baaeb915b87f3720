//! A check for a person: one line for each suite, what is wrong with like things told once, and in the last line the
//! answer.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;

use super::human::Detail;
use super::page::{Ink, Mark, Page};
use super::{Style, findings, paths, words};
use crate::report::check::{Case, CheckSummary, EntryState, Problem, Scope, Suite, SuiteKind};
use crate::report::{Finding, Gap, Report, Severity, Verdict};

/// Columns of a suite's name, and where its result begins unless what was looked at is longer.
const NAME: usize = 12;
const RESULT: usize = 51;
/// Objects that are named of those with the same finding.
const NAMED: usize = 4;

/// The check as text, ending in a newline.
pub(super) fn render(report: &Report, check: &CheckSummary, style: Style, detail: Detail) -> String {
    let mut page = Page::new(style);
    let by_key = ByKey::of(report, style.fail_on);
    let column = check.suites.iter().map(|suite| super::text::columns(&scope(suite.kind, suite.scope)) + 2);
    let column = column.max().unwrap_or_default().max(RESULT - NAME);
    for suite in &check.suites {
        line(&mut page, report, suite, column);
        if detail == Detail::Whole {
            cases(&mut page, suite, &by_key);
        }
    }
    if let Some(why) = report.nodes_why.as_ref().filter(|_| detail == Detail::Whole || is_part(report, check)) {
        let nodes: Vec<&str> = report.nodes.iter().map(|node| node.name.as_str()).collect();
        page.paragraph(0, 2, (Ink::Dim, "nodes read:"), &format!("{} ({why})", words::list(&nodes, 6)));
    }
    if let Some(dns) = report.dns.as_ref().filter(|dns| detail == Detail::Whole || dns.verdict.code.is_some()) {
        page.blank();
        super::dns::draw(&mut page, dns, detail);
    }
    match detail {
        Detail::Folded => {
            findings::draw(&mut page, &folded(&report.findings, style.fail_on), detail);
            remarks(&mut page, report, style.fail_on);
        }
        Detail::Whole => {
            paths::draw_whole(&mut page, report);
            findings::draw(&mut page, &report.findings, detail);
        }
    }
    match detail {
        Detail::Folded => findings::draw_gaps(&mut page, &folded_gaps(&report.gaps)),
        Detail::Whole => findings::draw_gaps(&mut page, &report.gaps),
    }
    findings::draw_issues(&mut page, report, detail);
    accepted(&mut page, check, detail);
    page.blank();
    if detail == Detail::Whole {
        for text in report.assumed.iter().chain(&report.notes) {
            page.paragraph(0, 2, (Ink::Dim, ""), text);
        }
    }
    if !report.not_checked.is_empty() {
        page.paragraph(0, 2, (Ink::Dim, "not checked:"), &report.not_checked.join(", "));
    }
    let (mark, text, exit) = answer(report, check, style.fail_on);
    page.headline(mark, &text, exit);
    page.finish()
}

/// Whether not all nodes were looked at.
fn is_part(report: &Report, check: &CheckSummary) -> bool {
    let scope = check.suites.first().map(|suite| suite.scope).unwrap_or_default();
    scope.nodes > 0 && report.nodes_total.is_some_and(|total| scope.nodes < total)
}

/// `objects     41 Services, 118 endpoints             1 warning`.
fn line(page: &mut Page, report: &Report, suite: &Suite, column: usize) {
    let scope = page.safe(&scope(suite.kind, suite.scope));
    let gap = column.saturating_sub(super::text::columns(&scope)).max(2);
    let text = format!("{scope}{}{}", " ".repeat(gap), result(report, suite));
    page.pair(suite.kind.as_str(), NAME, &text);
}

pub(super) fn scope(kind: SuiteKind, scope: Scope) -> String {
    let services = if scope.services == scope.services_total {
        words::many(scope.services, "Service")
    } else {
        format!("{} of {}", words::number(scope.services), words::many(scope.services_total, "Service"))
    };
    match kind {
        SuiteKind::Objects => format!("{services}, {}", words::many(scope.endpoints, "endpoint")),
        SuiteKind::Dataplane => {
            format!("{services} × {}, {}", words::count(scope.nodes, "node"), words::many(scope.paths, "path"))
        }
        SuiteKind::Dns if scope.nodes == 0 => "asked from no node".into(),
        SuiteKind::Dns => format!("asked from {}", words::count(scope.nodes, "node")),
        SuiteKind::Nodes => match scope.nodes_total {
            Some(total) => format!("{} of {total} read", scope.nodes),
            None => format!("{} read", scope.nodes),
        },
        SuiteKind::Probe if scope.nodes == 0 => "connected from no node".into(),
        SuiteKind::Probe => {
            let to = if scope.connections == 1 { "address" } else { "addresses" };
            let connections = words::number(scope.connections);
            format!("{services} × {}, {connections} {to}", words::count(scope.nodes, "node"))
        }
    }
}

/// What a suite came to, in a few words.
pub(super) fn result(report: &Report, suite: &Suite) -> String {
    let own: BTreeSet<&String> = suite.findings.iter().collect();
    let found = report.findings.iter().filter(|finding| own.contains(&finding.fingerprint()));
    // what is by design is no result
    let counts = words::severities(&found.map(|finding| finding.severity).filter(|one| *one > Severity::Info));
    let gaps: BTreeSet<&String> = suite.gaps.iter().collect();
    let open = report.gaps.iter().filter(|gap| gap.counts && gaps.contains(&gap.fingerprint())).count();
    let nothing = suite.cases.iter().all(|case| case.skipped.is_some());
    match (counts.is_empty(), open) {
        (true, 0) if nothing && !suite.cases.is_empty() => "does not apply".into(),
        (true, 0) => "ok".into(),
        (true, _) if nothing => "not checked".into(),
        (true, _) => "not all checked".into(),
        (false, 0) => counts,
        (false, _) => format!("{counts}, not all checked"),
    }
}

/// Every case of a suite on its line.
fn cases(page: &mut Page, suite: &Suite, findings: &ByKey<'_>) {
    for case in &suite.cases {
        let count = words::count(findings.of_case(case).count(), "finding");
        let (mark, what) = match findings.state(case) {
            CaseState::Failed => (Mark::Bad, format!(": {count}")),
            CaseState::Skipped => (Mark::Plain, format!(": {}", case.skipped.as_deref().unwrap_or_default())),
            CaseState::Passed if count.starts_with("0 ") => (Mark::Good, String::new()),
            CaseState::Passed => (Mark::Good, format!(": {count}")),
        };
        let node = case.node.as_ref().filter(|node| **node != case.subject);
        let node = node.map(|node| format!(" on {node}")).unwrap_or_default();
        let paths = if case.paths > 0 { format!(", {}", words::many(case.paths, "path")) } else { String::new() };
        page.marked(mark, &format!("{} {}{node}{paths}{what}", suite.kind.as_str(), case.subject));
    }
}

/// How a case ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CaseState {
    /// Looked at, and nothing at or above the threshold.
    Passed,
    /// A finding at or above the threshold.
    Failed,
    /// Not looked at.
    Skipped,
}

impl CaseState {
    /// As in JSON.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// Findings of a report by fingerprint, and which of them fail.
pub(super) struct ByKey<'r> {
    all: FxHashMap<String, &'r Finding>,
    fail_on: Option<Severity>,
}

impl<'r> ByKey<'r> {
    /// Of this report, with the threshold.
    pub(super) fn of(report: &'r Report, fail_on: Option<Severity>) -> Self {
        let all = report.findings.iter().map(|finding| (finding.fingerprint(), finding)).collect();
        Self { all, fail_on }
    }

    /// The findings of a case that were not accepted, with whether each fails.
    pub(super) fn of_case(&self, case: &Case) -> impl Iterator<Item = (&'r Finding, bool)> {
        let found = case.findings.iter().filter_map(|key| self.all.get(key).copied());
        found.map(|finding| (finding, self.fail_on.is_some_and(|least| finding.severity >= least)))
    }

    /// How a case ended.
    pub(super) fn state(&self, case: &Case) -> CaseState {
        if self.of_case(case).any(|(_, fails)| fails) {
            CaseState::Failed
        } else if case.skipped.is_some() {
            CaseState::Skipped
        } else {
            CaseState::Passed
        }
    }
}

/// Whether a finding is counted, and not told: a remark, unless remarks fail.
fn is_remark(finding: &Finding, fail_on: Option<Severity>) -> bool {
    finding.severity == Severity::Info && fail_on != Some(Severity::Info)
}

/// How many findings are counted only.
pub(super) fn count_remarks(findings: &[Finding], fail_on: Option<Severity>) -> usize {
    findings.iter().filter(|finding| is_remark(finding, fail_on)).count()
}

/// Findings but remarks, the same thing of many objects told once.
pub(super) fn folded(findings: &[Finding], fail_on: Option<Severity>) -> Vec<Finding> {
    let mut groups: Vec<(Finding, Vec<String>)> = Vec::new();
    for finding in findings.iter().filter(|finding| !is_remark(finding, fail_on)) {
        let same = |(first, _): &&mut (Finding, Vec<String>)| {
            (first.code, &first.reason, first.severity) == (finding.code, &finding.reason, finding.severity)
        };
        match groups.iter_mut().find(same) {
            Some((_, others)) => others.push(place(finding)),
            None => groups.push((finding.clone(), Vec::new())),
        }
    }
    groups
        .into_iter()
        .map(|(mut first, others)| {
            let name = first.object.as_ref().map(|object| format!("{}/{}", object.namespace, object.name));
            if let Some(name) = name.filter(|name| !first.summary.contains(name)) {
                first.summary = format!("{name}: {}", first.summary);
            }
            if !others.is_empty() {
                let names: Vec<&str> = others.iter().map(String::as_str).collect();
                let text = format!("the same {} more: {}", times(others.len()), words::list(&names, NAMED));
                first.details.push(text);
            }
            first
        })
        .collect()
}

/// Gaps, the same of many nodes told once.
fn folded_gaps(gaps: &[Gap]) -> Vec<Gap> {
    let plain = |gap: &Gap| {
        let node = gap.node.as_ref()?;
        let of_nobody = gap.summary.replace(&format!("node {node}"), "node").replace(&format!(" of {node} "), " of ");
        Some((gap.code, gap.counts, of_nobody))
    };
    let mut groups: Vec<(Gap, Vec<&str>)> = Vec::new();
    for gap in gaps {
        let like = plain(gap).filter(|key| key.2 != gap.summary);
        let first = groups.iter_mut().find(|(first, _)| like.is_some() && plain(first) == like);
        match (first, &gap.node) {
            (Some((_, others)), Some(node)) => others.push(node),
            _ => groups.push((gap.clone(), Vec::new())),
        }
    }
    groups
        .into_iter()
        .map(|(mut first, others)| {
            if !others.is_empty() {
                first.summary = format!("{}; the same of {}", first.summary, words::list(&others, NAMED));
            }
            first
        })
        .collect()
}

fn times(count: usize) -> String {
    if count == 1 { "once".into() } else { format!("{} times", words::number(count)) }
}

/// What a finding is of, in a few words.
pub(super) fn place(finding: &Finding) -> String {
    let object = finding.object.as_ref().map(|object| match object.namespace.as_str() {
        "" => object.name.clone(),
        namespace => format!("{namespace}/{}", object.name),
    });
    match (object, &finding.node) {
        (Some(object), Some(node)) => format!("{object} on {node}"),
        (Some(object), None) => object,
        (None, Some(node)) => node.clone(),
        (None, None) => finding.code.to_string(),
    }
}

fn remarks(page: &mut Page, report: &Report, fail_on: Option<Severity>) {
    let count = count_remarks(&report.findings, fail_on);
    if count > 0 {
        page.blank();
        page.marked(Mark::Plain, &format!("{} of what is by design (-o wide)", words::count(count, "remark")));
    }
}

/// What was accepted, and entries that accept nothing any more.
fn accepted(page: &mut Page, check: &CheckSummary, detail: Detail) {
    if !check.accepted.is_empty() {
        page.blank();
        let mut by: Vec<(&str, usize)> = Vec::new();
        for accepted in &check.accepted {
            match by.iter_mut().find(|(name, _)| *name == accepted.by) {
                Some((_, count)) => *count += 1,
                None => by.push((&accepted.by, 1)),
            }
        }
        let parts: Vec<String> = by.iter().map(|(name, count)| format!("{count} by {name}")).collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        page.marked(Mark::Plain, &format!("accepted: {}", words::list(&parts, 6)));
    }
    if detail == Detail::Whole {
        for accepted in &check.accepted {
            let what = match &accepted.what {
                Problem::Finding(finding) => format!("{} {}: {}", finding.code, place(finding), finding.summary),
                Problem::Gap(gap) => format!("{}: {}", gap.code, gap.summary),
            };
            let reason = accepted.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
            page.paragraph(2, 4, (Ink::Plain, ""), &format!("{what}, by {}{reason}", accepted.by));
        }
    }
    for entry in check.entries.iter().filter(|entry| entry.state != EntryState::Used) {
        let what = match (entry.state, &entry.until) {
            (EntryState::Expired, Some(until)) => format!("held until {until} and does not hold any more"),
            (EntryState::Expired, None) => "does not hold any more".to_owned(),
            (EntryState::Unused | EntryState::Used, _) => "accepts nothing that is there: it can go".to_owned(),
        };
        page.marked(Mark::Warn, &format!("{}: {} {what}", entry.from, entry.entry));
    }
}

/// The last line: mark, words, and what the exit code is.
fn answer(report: &Report, check: &CheckSummary, fail_on: Option<Severity>) -> (Mark, String, &'static str) {
    let counts = words::severities(&report.findings.iter().map(|finding| finding.severity));
    let scope = check.suites.first().map(|suite| suite.scope).unwrap_or_default();
    let looked = if scope.nodes > 0 {
        format!("{} on {}", words::many(scope.services, "Service"), words::count(scope.nodes, "node"))
    } else {
        words::many(scope.services, "Service")
    };
    let open = report.gaps.iter().filter(|gap| gap.counts).count();
    match report.verdict(fail_on) {
        Verdict::Findings => {
            let open = if open > 0 { format!("{} not checked", words::count(open, "thing")) } else { String::new() };
            let parts: Vec<String> = [counts, open].into_iter().filter(|part| !part.is_empty()).collect();
            (Mark::Bad, format!("FAILED: {}", parts.join(", ")), "exit 1")
        }
        Verdict::Incomplete => {
            let found = if counts.is_empty() { format!("nothing wrong in {looked}") } else { counts };
            let open = if open > 0 { words::count(open, "thing") } else { "something".to_owned() };
            (Mark::Unknown, format!("NOT ALL CHECKED: {found}, but {open} could not be checked"), "exit 3")
        }
        Verdict::Healthy if counts.is_empty() => (Mark::Good, format!("PASSED: nothing wrong in {looked}"), "exit 0"),
        Verdict::Healthy => (Mark::Good, format!("PASSED: {looked}, {counts}"), "exit 0"),
    }
}
