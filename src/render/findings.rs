//! What is wrong, what could not be looked at, what could not be read: each with its source and the next command.

use super::human::Detail;
use super::page::{Ink, Mark, Page};
use super::words;
use crate::report::{Confidence, Evidence, Finding, Gap, Issue, Report, Severity};

/// Findings, quotes of one, and unread lines that are shown before the rest is counted.
const FINDINGS: usize = 12;
const QUOTES: usize = 6;
const ISSUES: usize = 3;

/// Draws findings, worst first as they come.
pub(super) fn draw(page: &mut Page, findings: &[Finding], detail: Detail) {
    let most = limit(detail, FINDINGS);
    for finding in findings.iter().take(most) {
        page.blank();
        draw_finding(page, finding, detail);
    }
    if findings.len() > most {
        page.blank();
        let left = words::severities(&findings.iter().skip(most).map(|finding| finding.severity));
        page.paragraph(0, 2, (Ink::Plain, ""), &format!("{} and more: {left} (-o wide)", page.dots()));
    }
}

fn limit(detail: Detail, most: usize) -> usize {
    match detail {
        Detail::Folded => most,
        Detail::Whole => usize::MAX,
    }
}

/// The mark of a severity.
pub(super) const fn mark(severity: Severity) -> Mark {
    match severity {
        Severity::Error => Mark::Bad,
        Severity::Warning => Mark::Warn,
        Severity::Info => Mark::Plain,
    }
}

fn draw_finding(page: &mut Page, finding: &Finding, detail: Detail) {
    let sure = match finding.confidence {
        Confidence::Certain => "",
        Confidence::Likely => " (likely)",
        Confidence::Possible => " (possible)",
    };
    let lead = format!("{}[{}]{sure}:", finding.severity.as_str(), finding.code);
    page.paragraph(0, 2, (Ink::Of(mark(finding.severity)), &lead), &finding.summary);
    for text in &finding.details {
        page.paragraph(2, 4, (Ink::Plain, ""), text);
    }
    let told = finding.details.iter().any(|text| text.contains(" is hit") || text.contains(" are hit"));
    if let Some(ppm) = finding.share_ppm.filter(|_| !told) {
        page.paragraph(2, 4, (Ink::Plain, ""), &format!("hits {}", words::share(ppm)));
    }
    draw_evidence(page, &finding.evidence, detail);
    if let Some(help) = &finding.help {
        page.command(2, 9, "next:", help);
    }
    page.command(2, 9, "more:", &format!("kubectl svc-trace explain {}", finding.code));
}

pub(super) fn draw_evidence(page: &mut Page, evidence: &[Evidence], detail: Detail) {
    let most = limit(detail, QUOTES);
    let mut place = String::new();
    for item in evidence.iter().take(most) {
        match item {
            Evidence::Line { node, dump, line, text } => {
                let here = format!("{node}, {dump} line {line}");
                if here != place {
                    page.paragraph(2, 4, (Ink::Plain, ""), &here);
                    place = here;
                }
                match detail {
                    Detail::Folded => page.quote(4, text),
                    Detail::Whole => page.quote_whole(4, text),
                }
            }
            Evidence::Field { object, field, value } => {
                page.paragraph(2, 4, (Ink::Plain, ""), &format!("{object}: {field} = {value}"));
            }
            Evidence::Fact { node, text } => {
                let at = node.as_ref().map(|node| format!("{node}: ")).unwrap_or_default();
                page.paragraph(2, 4, (Ink::Plain, ""), &format!("{at}{text}"));
            }
        }
    }
    if evidence.len() > most {
        page.paragraph(2, 4, (Ink::Dim, ""), &format!("{} {} more (-o wide)", page.dots(), evidence.len() - most));
    }
}

/// A source in a few words, for a line of a table.
pub(super) fn short(evidence: &Evidence) -> String {
    match evidence {
        Evidence::Line { line, .. } => format!(":{line}"),
        Evidence::Field { object, field, .. } => format!("{field} of {object}"),
        Evidence::Fact { text, .. } => text.clone(),
    }
}

/// Draws what could not be looked at.
pub(super) fn draw_gaps(page: &mut Page, gaps: &[Gap]) {
    for gap in gaps {
        page.blank();
        let at = gap.node.as_ref().map(|node| format!("{node}: ")).unwrap_or_default();
        let (mark, word) = if gap.counts { (Mark::Unknown, "not checked") } else { (Mark::Plain, "left out") };
        page.paragraph(0, 2, (Ink::Of(mark), &format!("{word}[{}]:", gap.code)), &format!("{at}{}", gap.summary));
        if let Some(lost) = &gap.lost {
            page.paragraph(2, 4, (Ink::Plain, ""), &format!("so not known: {lost}"));
        }
        if let Some(help) = &gap.help {
            page.command(2, 9, "next:", help);
        }
    }
}

/// Draws lines that could not be read.
pub(super) fn draw_issues(page: &mut Page, report: &Report, detail: Detail) {
    // a line that a path depends on was quoted with the path
    let quoted = |issue: &&Issue| {
        let depends = report.traces.iter().flat_map(|trace| &trace.outcomes).flat_map(|outcome| &outcome.depends_on);
        depends.into_iter().any(|evidence| match evidence {
            Evidence::Line { node, dump, line, .. } => (node, dump, *line) == (&issue.node, &issue.dump, issue.line),
            Evidence::Field { .. } | Evidence::Fact { .. } => false,
        })
    };
    let issues: Vec<&Issue> = report.issues.iter().filter(|issue| detail == Detail::Whole || !quoted(issue)).collect();
    let most = limit(detail, ISSUES);
    for issue in issues.iter().take(most) {
        page.blank();
        let text = format!("{}, {} line {}: {}", issue.node, issue.dump, issue.line, issue.message);
        page.paragraph(0, 2, (Ink::Of(Mark::Unknown), &format!("not understood[{}]:", issue.code)), &text);
        if !issue.text.is_empty() {
            match detail {
                Detail::Folded => page.quote(4, &issue.text),
                Detail::Whole => page.quote_whole(4, &issue.text),
            }
        }
    }
    if issues.len() > most {
        page.paragraph(
            2,
            4,
            (Ink::Dim, ""),
            &format!("{} {} more (-o wide)", page.dots(), words::count(issues.len() - most, "line")),
        );
    }
}
