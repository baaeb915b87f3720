//! The report for a person at a terminal: what it is about, the paths, what is wrong, what was not looked at, and
//! in the last line the answer.

use super::page::{Ink, Mark, Page};
use super::{Style, dns, findings, header, paths, words};
use crate::report::{Disposition, EndpointSummary, PathState, Report, Severity, Trace, Verdict};

/// How much is spelled out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// The first path, and what differs from it.
    Folded,
    /// All paths, all ways, all rules, nothing cut.
    Whole,
}

/// The report as text, ending in a newline.
#[must_use]
pub fn render(report: &Report, style: Style, detail: Detail) -> String {
    if let Some(check) = &report.check {
        return super::check::render(report, check, style, detail);
    }
    let mut page = Page::new(style);
    if let Some(dns) = &report.dns {
        dns::draw(&mut page, dns, detail);
        page.blank();
    }
    header::draw(&mut page, report, detail);
    match detail {
        Detail::Folded => paths::draw(&mut page, report),
        Detail::Whole => paths::draw_whole(&mut page, report),
    }
    findings::draw(&mut page, &report.findings, detail);
    findings::draw_gaps(&mut page, &report.gaps);
    findings::draw_issues(&mut page, report, detail);
    page.blank();
    if !report.not_checked.is_empty() {
        page.paragraph(0, 2, (Ink::Dim, "not checked:"), &report.not_checked.join(", "));
    }
    let (mark, text) = answer(report, style.fail_on);
    page.marked(mark, &text);
    page.finish()
}

/// The last line.
fn answer(report: &Report, fail_on: Option<Severity>) -> (Mark, String) {
    let counts = words::severities(&report.findings.iter().map(|finding| finding.severity));
    let scope = scope(report);
    match report.verdict(fail_on) {
        Verdict::Findings => (Mark::Bad, format!("{counts}: {}", trouble(report))),
        Verdict::Incomplete => {
            let found = if counts.is_empty() { "nothing wrong was found".to_owned() } else { counts };
            (Mark::Unknown, format!("{found}, but {}", unanswered(report)))
        }
        Verdict::Healthy if counts.is_empty() => (calm(report), format!("{}{scope}", paths_answer(report))),
        Verdict::Healthy => {
            let worst = report.findings.iter().map(|finding| finding.severity).max().map_or(Mark::Good, findings::mark);
            let mark = if worst == Mark::Plain { calm(report) } else { worst };
            (mark, format!("{}; {counts}{scope}", paths_answer(report)))
        }
    }
}

/// The mark when there is nothing to complain of: no tick where nothing was compared.
fn calm(report: &Report) -> Mark {
    let asked = report.dns.as_ref().is_some_and(|dns| dns.places.iter().any(|place| !place.cells.is_empty()));
    if !asked && report.traces.iter().all(|trace| trace.state == PathState::NotCompared) {
        Mark::Plain
    } else {
        Mark::Good
    }
}

/// ` (1 of 3 nodes)`, when not all nodes of the cluster were looked at.
fn scope(report: &Report) -> String {
    let read = match &report.dns {
        Some(dns) => dns.places.iter().map(|place| &place.place.node).collect::<std::collections::BTreeSet<_>>().len(),
        None => report.nodes.iter().filter(|node| node.read).count(),
    };
    match report.nodes_total {
        Some(total) if read < total => format!(" ({read} of {total} nodes)"),
        Some(_) | None => String::new(),
    }
}

/// What the question was about.
fn subject(report: &Report) -> String {
    report
        .service
        .as_ref()
        .map_or_else(|| report.query.target.clone(), |service| format!("{}/{}", service.namespace, service.name))
}

fn trouble(report: &Report) -> String {
    if let Some(code) = report.dns.as_ref().and_then(|dns| dns.verdict.code) {
        let meaning = code.meaning().trim_end_matches('.');
        let mut rest = meaning.chars();
        let first = rest.next().map(|first| first.to_lowercase().to_string()).unwrap_or_default();
        return if meaning.starts_with("DNS") { meaning.to_owned() } else { format!("{first}{}", rest.as_str()) };
    }
    let wrong: Vec<&Trace> = report.traces.iter().filter(|trace| trace.state == PathState::Differs).collect();
    if let Some(text) = wrong.iter().find_map(|trace| trace.trouble.as_ref()) {
        let mut nodes: Vec<&str> = wrong.iter().map(|trace| trace.path.node.as_str()).collect();
        nodes.dedup();
        let of = format!("{} of {}", wrong.len(), words::count(report.traces.len(), "path"));
        return format!("{}: {text} on {} ({of})", subject(report), words::on_nodes(&nodes, 3));
    }
    let Some(finding) = report.findings.first() else { return subject(report) };
    let subject = subject(report);
    if finding.summary.contains(&subject) { finding.summary.clone() } else { format!("{subject}: {}", finding.summary) }
}

/// Why an incomplete answer is one.
fn unanswered(report: &Report) -> String {
    let undecided = report.traces.iter().filter(|trace| trace.state == PathState::Undecided).count();
    let gaps: Vec<String> = report
        .gaps
        .iter()
        .filter(|gap| gap.counts)
        .map(|gap| gap.node.as_ref().map_or_else(|| gap.code.to_string(), |node| format!("{node} ({})", gap.code)))
        .collect();
    let gaps: Vec<&str> = gaps.iter().map(String::as_str).collect();
    match (undecided, gaps.is_empty()) {
        (0, _) => format!("not all could be checked: {}", words::list(&gaps, 3)),
        (undecided, true) => format!("{} cannot be decided", words::count(undecided, "path")),
        (undecided, false) => {
            format!(
                "{} cannot be decided, and not all could be checked: {}",
                words::count(undecided, "path"),
                words::list(&gaps, 3)
            )
        }
    }
}

fn paths_answer(report: &Report) -> String {
    let traces = &report.traces;
    if let Some(dns) = &report.dns {
        return dns.verdict.sentence.clone();
    }
    if traces.is_empty() {
        return match &report.service {
            Some(_) => format!("{}: no path to walk, nothing wrong found", subject(report)),
            None => "nothing was walked".to_owned(),
        };
    }
    let nodes = words::on_nodes(&words::nodes(traces), 4);
    let many = match traces.len() {
        1 => "the path".to_owned(),
        2 => "both paths".to_owned(),
        count => format!("all {count} paths"),
    };
    if traces.iter().all(|trace| trace.state == PathState::NotCompared) {
        return match traces.as_slice() {
            [only] => format!("walked on {nodes}: {}", ends(only)),
            _ => format!("{many} walked on {nodes}"),
        };
    }
    let silent = traces.iter().filter(|trace| !paths::arrives(trace)).count();
    if silent == traces.len() {
        return format!("no connection gets through on {nodes}, as the objects say");
    }
    if silent > 0 {
        let are = if silent == 1 { "1 is" } else { &format!("{silent} are") };
        let rest = traces.len() - silent;
        return format!("{rest} of {} paths reach endpoints from {nodes}, {are} closed by design", traces.len());
    }
    let used: Vec<usize> = traces.iter().map(|trace| used_by(report, trace)).collect();
    let all_reach = traces.iter().zip(&used).all(|(trace, used)| *used > 0 && reached(trace) == *used);
    let reach = if traces.len() == 1 { "reaches" } else { "reach" };
    let are = if traces.len() == 1 { "is as it should be" } else { "are as they should be" };
    match used.first() {
        Some(1) if all_reach && used.iter().all(|used| *used == 1) => {
            format!("{many} {reach} the endpoint from {nodes}")
        }
        Some(2) if all_reach && used.iter().all(|used| *used == 2) => {
            format!("{many} {reach} both endpoints from {nodes}")
        }
        Some(first) if all_reach && used.iter().all(|used| used == first) => {
            format!("{many} {reach} all {first} endpoints from {nodes}")
        }
        Some(_) if all_reach => format!("{many} {reach} all their endpoints from {nodes}"),
        Some(_) | None => format!("{many} {are} on {nodes}"),
    }
}

/// Endpoints that a path could reach: those in use of its port and family.
fn used_by(report: &Report, trace: &Trace) -> usize {
    let endpoints = report.service.iter().flat_map(|service| &service.endpoints);
    let of_path = |endpoint: &&EndpointSummary| {
        endpoint.used
            && endpoint.port_name == trace.path.port_name
            && endpoint.address.starts_with('[') == trace.path.to.is_ipv6()
    };
    endpoints.filter(of_path).count()
}

/// How many destinations a path arrives at.
fn reached(trace: &Trace) -> usize {
    let mut to: Vec<&str> = trace
        .outcomes
        .iter()
        .filter(|outcome| matches!(outcome.disposition, Disposition::Delivered | Disposition::Local))
        .filter_map(|outcome| outcome.destination.as_deref())
        .collect();
    to.sort_unstable();
    to.dedup();
    to.len()
}

/// What becomes of a path that nothing is compared with.
fn ends(trace: &Trace) -> String {
    let mut kinds: Vec<&str> = trace.outcomes.iter().map(|outcome| outcome.disposition.as_str()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let to = reached(trace);
    if to > 0 { format!("{} to {}", kinds.join(" or "), words::count(to, "destination")) } else { kinds.join(" or ") }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]
mod tests {
    use super::*;
    use crate::render::{Glyphs, samples, text};

    /// Without the colours that this program itself puts in.
    fn plain(report: &Report, style: Style, detail: Detail) -> String {
        let mut out = String::new();
        let drawn = render(report, style, detail);
        let mut rest = drawn.as_str();
        while let Some((before, after)) = rest.split_once("\u{1b}[") {
            out.push_str(before);
            let (code, after) = after.split_once('m').unwrap();
            assert!(code.bytes().all(|b| b.is_ascii_digit() || b == b';'), "{code}");
            rest = after;
        }
        out.push_str(rest);
        out
    }

    fn all() -> Vec<Report> {
        let mut reports: Vec<Report> = [1, 3, 500].into_iter().map(samples::healthy).collect();
        reports.extend([
            samples::stale(),
            samples::v6(),
            samples::long(),
            samples::hostile(),
            samples::unread_node(),
            samples::undecided(),
            Report::default(),
        ]);
        reports
    }

    #[test]
    fn every_line_fits_and_nothing_steers() {
        for (number, report) in all().iter().enumerate() {
            for (glyphs, width) in
                [(Glyphs::Unicode, 80), (Glyphs::Ascii, 80), (Glyphs::Unicode, 120), (Glyphs::Unicode, 60)]
            {
                for detail in [Detail::Folded, Detail::Whole] {
                    let drawn = plain(report, Style { width, glyphs, ..Style::default() }, detail);
                    assert!(drawn.ends_with('\n') && !drawn.contains("\n\n\n"));
                    for line in drawn.lines() {
                        // a word of a command is never broken, so that it can be copied
                        let word = line.trim().trim_end_matches(" \\");
                        let command = line.starts_with("         ") && !word.contains(' ');
                        assert!(text::columns(line) <= width || command, "{number} {detail:?} {width}: {line}");
                        assert_eq!(text::clean(line), line, "{number} {detail:?}");
                        assert_eq!(line.trim_end(), line, "{number} {detail:?}: blanks at the end");
                    }
                    assert!(glyphs == Glyphs::Unicode || drawn.is_ascii(), "{number} {detail:?}: {drawn}");
                }
            }
        }
    }

    #[track_caller]
    fn says(report: &Report, texts: &[&str]) {
        let drawn = plain(report, Style::default(), Detail::Folded);
        let mut rest = drawn.as_str();
        for text in texts {
            let Some((_, after)) = rest.split_once(text) else {
                panic!("no `{text}` after the one before in:\n{drawn}")
            };
            rest = after;
        }
    }

    #[track_caller]
    fn ends_in(report: &Report, want: &str) {
        let drawn = plain(report, Style::default(), Detail::Folded);
        assert_eq!(drawn.lines().last().unwrap(), want, "{drawn}");
    }

    #[test]
    fn a_healthy_service() {
        says(
            &samples::healthy(3),
            &[
                "default/web",
                "10.96.10.1",
                "http 30080 → 80 → 8080/TCP",
                "3 ready",
                "10.244.1.5:8080",
                "✓ a pod on node-a → 10.96.10.1:80",
                "this is default/web:http",
                ":60",
                "33.3 % → 10.244.1.5:8080",
                ":80",
                "33.3 % → 10.244.1.6:8080",
                "nothing matches, policy ACCEPT",
                "node-a → 10.96.10.1:80",
                "as above, masqueraded (mark :59)",
                "outside",
                "as above, masqueraded",
                "endpoint 10.244.1.5",
                "as above, masqueraded to itself",
                "not checked: nodes b and c (--all-nodes)",
            ],
        );
        ends_in(&samples::healthy(3), "✓ all 4 paths reach all 3 endpoints from node-a (1 of 3 nodes)");
        ends_in(&samples::healthy(1), "✓ all 4 paths reach the endpoint from node-a (1 of 3 nodes)");
    }

    #[test]
    fn many_endpoints_are_folded() {
        let drawn = plain(&samples::healthy(500), Style::default(), Detail::Folded);
        assert!(drawn.contains("… 490 more, 0.2 % each"), "{drawn}");
        assert!(drawn.contains("… 494 more"), "{drawn}");
        assert!(drawn.lines().count() < 50, "{drawn}");
        let whole = plain(&samples::healthy(500), Style::default(), Detail::Whole);
        assert!(whole.contains("web-5d4f8c7b9-00499") && whole.contains("way 500 of 500"));
    }

    #[test]
    fn trouble_is_marked_where_it_is() {
        let report = samples::stale();
        says(
            &report,
            &[
                "✗ a pod on node-b → 10.96.10.1:80: 1 of 3 new connections is lost",
                "✗ 33.3 % → 10.244.9.99:8080 no endpoint",
                ":81",
                "✓ node-a",
                "all 4 paths as they should be",
                "error[dnat-target-mismatch] (likely): node-b sends a third",
                "hits a third of new connections",
                "node-b, iptables-save line 59",
                "-A KUBE-SEP-OAIGUPJHOE4YU7HS",
                "--to-destination 10.244.9.99:8080",
                "EndpointSlice default/web-x1",
                "next:",
                "kubectl -n kube-system logs",
                "more:",
                "explain dnat-target-mismatch",
            ],
        );
        ends_in(&report, "✗ 1 error: default/web: 1 of 3 new connections is lost on node-b (4 of 8 paths)");
    }

    #[test]
    fn what_was_not_read_is_never_green() {
        let report = samples::unread_node();
        says(
            &report,
            &[
                "node-b  its rules were not read",
                "not checked[rbac-denied]: node-b: may not create",
                "so not known:",
                "next:",
            ],
        );
        ends_in(&report, "? nothing wrong was found, but not all could be checked: node-b (rbac-denied)");
        says(
            &samples::undecided(),
            &[
                "? a pod on node-a",
                "50 % dropped by rule; depends on :24",
                "depends on iptables-save line 24",
                "-A FORWARD -m bpf",
                "1 path cannot be decided",
            ],
        );
    }

    #[test]
    fn nothing_walked_is_not_green() {
        ends_in(&Report::default(), "· nothing was walked");
    }

    #[test]
    fn wide_quotes_rules_whole() {
        let drawn = plain(&samples::stale(), Style::default(), Detail::Whole);
        let joined = drawn.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(joined.contains("-A KUBE-SEP-OAIGUPJHOE4YU7HS -p tcp -m comment --comment \"default/web:http\" -m tcp -j DNAT --to-destination 10.244.9.99:8080"));
        assert!(joined.contains("iptables-save:60 -A KUBE-SERVICES -m comment --comment \"default/web:http\" -j jump KUBE-SVC-CDGGSHYLABCDEFGH"));
        assert!(!drawn.contains('…'), "{drawn}");
    }
}
