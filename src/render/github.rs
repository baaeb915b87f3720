//! The report as commands of GitHub's runner, each an annotation. Data cannot break out: line ends and `%` are escaped
//! as the runner reads them (docs.github.com, workflow commands).

use super::check;
use super::junit::proof;
use super::text::clean;
use super::words;
use crate::report::{Report, Severity, Verdict};

/// The annotations, worst first, and in the last line the answer.
#[must_use]
pub fn render(report: &Report, fail_on: Option<Severity>) -> String {
    let mut out = String::new();
    for finding in check::folded(&report.findings, fail_on) {
        let kind = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "notice",
        };
        let mut lines = vec![finding.summary.clone()];
        lines.extend(finding.details.iter().cloned());
        lines.extend(finding.evidence.iter().take(4).map(proof));
        lines.extend(finding.help.iter().map(|help| format!("next: {help}")));
        lines.push(format!("more: kubectl svc-trace explain {}", finding.code));
        command(&mut out, kind, &format!("{} {}", finding.code, check::place(&finding)), &lines);
    }
    for gap in report.gaps.iter().filter(|gap| gap.counts) {
        let mut lines = vec![gap.summary.clone()];
        lines.extend(gap.lost.iter().map(|lost| format!("so not known: {lost}")));
        lines.extend(gap.help.iter().map(|help| format!("next: {help}")));
        let node = gap.node.as_ref().map(|node| format!(" {node}")).unwrap_or_default();
        command(&mut out, "warning", &format!("not checked: {}{node}", gap.code), &lines);
    }
    command(&mut out, "notice", "svc-trace", &[answer(report, fail_on)]);
    out
}

/// What it came to, in one line.
pub(super) fn answer(report: &Report, fail_on: Option<Severity>) -> String {
    let counts = words::severities(&report.findings.iter().map(|finding| finding.severity));
    if counts.is_empty() && report.verdict(fail_on) == Verdict::Findings {
        return "FAILED: nothing wrong was found, and not all was checked".to_owned();
    }
    let counts = if counts.is_empty() { "nothing wrong was found".to_owned() } else { counts };
    match report.verdict(fail_on) {
        Verdict::Findings => format!("FAILED: {counts}"),
        Verdict::Incomplete => format!("NOT ALL CHECKED: {counts}"),
        Verdict::Healthy => format!("PASSED: {counts}"),
    }
}

/// `::error title=…::…`.
fn command(out: &mut String, kind: &str, title: &str, lines: &[String]) {
    let text: Vec<String> = lines.iter().map(|line| data(&clean(line))).collect();
    out.push_str(&format!("::{kind} title={}::{}\n", property(&clean(title)), text.join("%0A")));
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;
    use crate::report::{Code, Finding, ObjectRef};

    #[test]
    fn names_cannot_break_out() {
        let mut finding = Finding::new(Code::ForwardDrop, "a\n::error::b 100%\r\nc");
        finding.object = Some(ObjectRef::new("Service", "shop", "web::set-output name=x,y::z"));
        let report = Report { findings: vec![finding], ..Report::default() };
        let drawn = render(&report, Some(Severity::Error));
        assert_eq!(drawn.lines().count(), 2, "{drawn}");
        assert!(drawn.lines().all(|line| line.starts_with("::error title=") || line.starts_with("::notice title=")));
        let first = drawn.lines().next().unwrap();
        let (_, rest) = first.split_once("title=").unwrap();
        let (title, text) = rest.split_once("::").unwrap();
        assert!(!title.contains(',') && title.contains("%3A%3Aset-output"), "{title}");
        assert!(text.contains("100%25"), "{text}");
        assert!(drawn.ends_with("::FAILED%3A 1 error\n") || drawn.ends_with("::FAILED: 1 error\n"), "{drawn}");
    }
}
