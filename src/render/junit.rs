//! The report as JUnit XML, for what shows test results in pipelines: a suite for each part, a case for each Service and
//! check of it; what could not be looked at is skipped, never passed.

use quick_junit::{NonSuccessKind, Report as Document, TestCase, TestCaseStatus, TestSuite};

use super::check::{ByKey, CaseState};
use super::text::clean;
use super::words;
use crate::report::check::{Case, CheckSummary, GapsAre, Suite};
use crate::report::{Evidence, Finding, Gap, PathState, Report, Severity, Trace, Verdict};

/// The document, ending in a newline.
#[must_use]
pub fn render(report: &Report, fail_on: Option<Severity>) -> String {
    let mut document = Document::new("kubectl svc-trace");
    match &report.check {
        Some(check) => of_check(&mut document, report, check, fail_on),
        None => of_question(&mut document, report, fail_on),
    }
    // only a writer that fails can fail, and memory does not
    let mut text = common(&document.to_string().unwrap_or_default());
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

/// Without what not all readers know: how many were skipped stands with each suite, and none is ever disabled.
fn common(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let drop = |line: &str, attribute: &str| match line.split_once(attribute) {
            Some((before, rest)) => format!("{before}{}", rest.split_once('"').map_or("", |(_, after)| after)),
            None => line.to_owned(),
        };
        if line.trim_start().starts_with("<testsuites ") {
            out.push_str(&drop(line, " skipped=\""));
        } else if line.trim_start().starts_with("<testsuite ") {
            out.push_str(&drop(line, " disabled=\""));
        } else {
            out.push_str(line);
        }
    }
    out
}

fn of_check(document: &mut Document, report: &Report, check: &CheckSummary, fail_on: Option<Severity>) {
    let by_key = ByKey::of(report, fail_on);
    for suite in &check.suites {
        let mut drawn = TestSuite::new(format!("svc-trace {}", suite.kind.as_str()));
        for case in &suite.cases {
            drawn.add_test_case(of_case(suite, case, &by_key));
        }
        for gap in report.gaps.iter().filter(|gap| gap.counts && suite.gaps.contains(&gap.fingerprint())) {
            drawn.add_test_case(of_gap(suite.kind.as_str(), gap, check.gaps));
        }
        let told = |finding: &&Finding| {
            let key = finding.fingerprint();
            suite.findings.contains(&key) && !suite.cases.iter().any(|case| case.findings.contains(&key))
        };
        for finding in report.findings.iter().filter(told) {
            drawn.add_test_case(of_finding(suite.kind.as_str(), finding, fail_on));
        }
        document.add_test_suite(drawn);
    }
}

fn of_case(suite: &Suite, case: &Case, by_key: &ByKey<'_>) -> TestCase {
    let found: Vec<(&Finding, bool)> = by_key.of_case(case).collect();
    let worst = found.iter().filter(|(_, fails)| *fails).max_by_key(|(finding, _)| finding.severity);
    let mut status = match (by_key.state(case), worst) {
        (CaseState::Skipped, _) => TestCaseStatus::skipped(),
        (_, Some((worst, _))) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_type(worst.code.as_str());
            let more = found.iter().filter(|(_, fails)| *fails).count().saturating_sub(1);
            let more = if more > 0 { format!(" (and {more} more)") } else { String::new() };
            status.set_message(clean(&format!("{}{more}", worst.summary)));
            let texts: Vec<String> = found.iter().map(|(finding, _)| spelled(finding)).collect();
            status.set_description(texts.join("\n"));
            status
        }
        (CaseState::Passed | CaseState::Failed, None) => TestCaseStatus::success(),
    };
    if let Some(why) = case.skipped.as_ref().filter(|_| by_key.state(case) == CaseState::Skipped) {
        status.set_message(clean(why));
    }
    let passed = matches!(status, TestCaseStatus::Success { .. });
    let name = match case.node.as_ref().filter(|node| **node != case.subject) {
        Some(node) => format!("{} on {node}", case.subject),
        None => case.subject.clone(),
    };
    let mut drawn = TestCase::new(clean(&name), status);
    drawn.set_classname(format!("svc-trace.{}", suite.kind.as_str()));
    if passed && !found.is_empty() {
        let texts: Vec<String> = found.iter().map(|(finding, _)| spelled(finding)).collect();
        drawn.set_system_out(texts.join("\n"));
    }
    drawn
}

fn of_question(document: &mut Document, report: &Report, fail_on: Option<Severity>) {
    let subject = clean(&report.query.target).into_owned();
    let command = if report.query.command.is_empty() { "trace" } else { &report.query.command };
    let mut paths = TestSuite::new(format!("svc-trace {command} {subject}"));
    let clients = words::Clients::of(report);
    let fails = report.verdict(fail_on) == Verdict::Findings;
    for trace in &report.traces {
        paths.add_test_case(of_path(&clients, trace, fails));
    }
    for finding in &report.findings {
        paths.add_test_case(of_finding(command, finding, fail_on));
    }
    for gap in report.gaps.iter().filter(|gap| gap.counts) {
        paths.add_test_case(of_gap(command, gap, GapsAre::Open));
    }
    document.add_test_suite(paths);
}

/// A path as a case. One that is not as promised fails where the whole does.
fn of_path(clients: &words::Clients<'_>, trace: &Trace, fails: bool) -> TestCase {
    let status = match trace.state {
        PathState::Differs if !fails => TestCaseStatus::success(),
        PathState::Expected => TestCaseStatus::success(),
        PathState::Differs => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_type("path");
            status.set_message(clean(trace.trouble.as_deref().unwrap_or("not as the objects promise")));
            status
        }
        PathState::Undecided | PathState::NotCompared => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(clean(trace.trouble.as_deref().unwrap_or("nothing to compare with")));
            status
        }
    };
    let path = &trace.path;
    let name = format!("{} → {} by {}", clients.name(path), words::address(path), path.node);
    let mut case = TestCase::new(clean(&name), status);
    if trace.state == PathState::Differs && !fails {
        case.set_system_out(clean(trace.trouble.as_deref().unwrap_or("not as the objects promise")));
    }
    case.set_classname("svc-trace.path");
    case
}

fn of_finding(class: &str, finding: &Finding, fail_on: Option<Severity>) -> TestCase {
    let fails = fail_on.is_some_and(|least| finding.severity >= least);
    let status = if fails {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        status.set_type(finding.code.as_str());
        status.set_message(clean(&finding.summary));
        status.set_description(spelled(finding));
        status
    } else {
        TestCaseStatus::success()
    };
    let place = super::check::place(finding);
    let mut case = TestCase::new(clean(&format!("{} {place}", finding.code)), status);
    case.set_classname(format!("svc-trace.{class}"));
    if !fails {
        case.set_system_out(spelled(finding));
    }
    case
}

fn of_gap(class: &str, gap: &Gap, gaps: GapsAre) -> TestCase {
    let mut status = match gaps {
        GapsAre::Open => TestCaseStatus::skipped(),
        GapsAre::Failures => TestCaseStatus::non_success(NonSuccessKind::Failure),
    };
    status.set_type(gap.code.as_str());
    status.set_message(clean(&gap.summary));
    let node = gap.node.as_ref().map(|node| format!(" on {node}")).unwrap_or_default();
    let mut case = TestCase::new(clean(&format!("{}{node}: {}", gap.code, gap.summary)), status);
    case.set_classname(format!("svc-trace.{class}"));
    case
}

/// A finding with its proof, each on a line.
pub(super) fn spelled(finding: &Finding) -> String {
    let mut lines = vec![format!("{}[{}]: {}", finding.severity.as_str(), finding.code, finding.summary)];
    lines.extend(finding.details.iter().map(|detail| format!("  {detail}")));
    lines.extend(finding.evidence.iter().map(|evidence| format!("  {}", proof(evidence))));
    lines.extend(finding.help.iter().map(|help| format!("  next: {help}")));
    lines.iter().map(|line| clean(line)).collect::<Vec<_>>().join("\n")
}

/// A quoted source on one line.
pub(super) fn proof(evidence: &Evidence) -> String {
    match evidence {
        Evidence::Line { node, dump, line, text } => format!("{node}, {dump} line {line}: {text}"),
        Evidence::Field { object, field, value } => format!("{object}: {field} = {value}"),
        Evidence::Fact { node, text } => match node {
            Some(node) => format!("{node}: {text}"),
            None => text.clone(),
        },
    }
}
