//! The report as Markdown, for a step summary or a comment: verdict, suites, findings with their proof. Names are
//! escaped, so that they neither format nor mention anybody.

use super::check;
use super::github::answer;
use super::junit::proof;
use super::text::clean;
use super::words;
use crate::report::{Finding, PathState, Report, Severity, Verdict};

/// Findings that are told before the rest is counted.
const TOLD: usize = 50;

/// The document, ending in a newline.
#[must_use]
pub fn render(report: &Report, fail_on: Option<Severity>) -> String {
    let mut out = String::new();
    let mark = match report.verdict(fail_on) {
        Verdict::Healthy => "✓",
        Verdict::Findings => "✗",
        Verdict::Incomplete => "?",
    };
    let asked = [report.query.command.as_str(), report.query.target.as_str()];
    let asked: Vec<&str> = asked.into_iter().filter(|word| !word.is_empty()).collect();
    out.push_str(&format!(
        "## {mark} svc-trace {}: {}\n\n",
        escaped(&asked.join(" ")),
        escaped(&answer(report, fail_on))
    ));
    match &report.check {
        Some(summary) => {
            out.push_str("| suite | looked at | result |\n| --- | --- | --- |\n");
            for suite in &summary.suites {
                let scope = check::scope(suite.kind, suite.scope);
                let result = check::result(report, suite);
                out.push_str(&format!("| {} | {} | {} |\n", suite.kind.as_str(), escaped(&scope), escaped(&result)));
            }
            out.push('\n');
        }
        None if !report.traces.is_empty() => paths(&mut out, report),
        None => {}
    }
    let folded = check::folded(&report.findings, fail_on);
    for finding in folded.iter().take(TOLD) {
        of_finding(&mut out, finding);
    }
    if folded.len() > TOLD {
        out.push_str(&format!("… and {} more\n\n", folded.len() - TOLD));
    }
    let remarks = check::count_remarks(&report.findings, fail_on);
    if remarks > 0 {
        out.push_str(&format!("{} of what is by design\n\n", words::count(remarks, "remark")));
    }
    let open: Vec<_> = report.gaps.iter().filter(|gap| gap.counts).collect();
    if !open.is_empty() {
        out.push_str("### Not checked\n\n");
        for gap in open {
            let node = gap.node.as_ref().map(|node| format!("{}: ", escaped(node))).unwrap_or_default();
            let lost = gap.lost.as_ref().map(|lost| format!("; so not known: {}", escaped(lost))).unwrap_or_default();
            out.push_str(&format!("- `{}` {node}{}{lost}\n", gap.code, escaped(&gap.summary)));
        }
        out.push('\n');
    }
    while out.ends_with("\n\n") {
        out.pop();
    }
    out
}

fn paths(out: &mut String, report: &Report) {
    out.push_str("| path | node | |\n| --- | --- | --- |\n");
    let clients = words::Clients::of(report);
    for trace in &report.traces {
        let state = match trace.state {
            PathState::Expected => "✓ as it should be",
            PathState::Differs => "✗",
            PathState::Undecided => "? cannot be decided",
            PathState::NotCompared => "· nothing to compare with",
        };
        let trouble = trace.trouble.as_deref().unwrap_or_default();
        let path = format!("{} → {}", clients.name(&trace.path), words::address(&trace.path));
        let state = format!("{state} {}", if trace.state == PathState::Differs { trouble } else { "" });
        out.push_str(&format!("| {} | {} | {} |\n", escaped(&path), escaped(&trace.path.node), escaped(state.trim())));
    }
    out.push('\n');
}

fn of_finding(out: &mut String, finding: &Finding) {
    out.push_str(&format!(
        "### {}: `{}` {}\n\n",
        finding.severity.as_str(),
        finding.code,
        escaped(&check::place(finding))
    ));
    out.push_str(&escaped(&finding.summary));
    out.push_str("\n\n");
    for detail in &finding.details {
        out.push_str(&format!("- {}\n", escaped(detail)));
    }
    for evidence in finding.evidence.iter().take(6) {
        out.push_str(&format!("- {}\n", code(&proof(evidence))));
    }
    if let Some(help) = &finding.help {
        out.push_str(&format!("- next: {}\n", code(help)));
    }
    out.push('\n');
}

/// Text that formats nothing: what Markdown or HTML would read is escaped.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in clean(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '@' => out.push_str("&#64;"),
            '#' => out.push_str("&#35;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '!' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

/// Text as code, in more backticks than it has itself.
fn code(text: &str) -> String {
    let text = clean(text);
    let (mut run, mut longest) = (0, 0);
    for c in text.chars() {
        run = if c == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    let fence = "`".repeat(longest + 1);
    if text.starts_with('`') || text.ends_with('`') {
        format!("{fence} {text} {fence}")
    } else {
        format!("{fence}{text}{fence}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_format_nothing() {
        for (text, want) in [
            ("a_b*c", "a\\_b\\*c"),
            ("<img src=x>", "&lt;img src=x&gt;"),
            ("@team | #1", "&#64;team \\| &#35;1"),
            ("two\nlines", "two\\nlines"),
        ] {
            assert_eq!(escaped(text), if text.contains('\n') { "two\\\\nlines" } else { want }, "{text}");
        }
        assert_eq!(code("a"), "`a`");
        assert_eq!(code("a `b` c"), "``a `b` c``");
        assert_eq!(code("`x`"), "`` `x` ``");
    }
}
