//! The matrix of `dns` for people: a row for each name, two columns for each server, places that are well folded.

use super::human::Detail;
use super::page::{Ink, Mark, Page};
use super::text::columns;
use crate::probe::{Question, Server, ServerKind, Transport};
use crate::report::dns::{CellState, DnsCell, DnsPlace, DnsReport, question_words, server_words};

/// Columns that names at least get.
const LABEL: usize = 20;
/// Columns that names at most get.
const WIDEST_LABEL: usize = 34;

/// Draws the header, the matrix and the verdict.
pub(super) fn draw(page: &mut Page, dns: &DnsReport, detail: Detail) {
    let mut head = vec![dns.service.clone().unwrap_or_else(|| "not found".into())];
    head.extend(dns.servers.iter().cloned());
    page.paragraph(0, 12, (Ink::Bold, "DNS Service"), &head.join("   "));
    let asked: Vec<&DnsPlace> = dns.places.iter().filter(|place| !place.cells.is_empty()).collect();
    let bad = asked.iter().any(|place| !is_well(place));
    for (number, place) in asked.iter().enumerate() {
        if detail == Detail::Whole || !is_well(place) || (number == 0 && !bad) {
            draw_place(page, place);
        } else {
            fold(page, place);
        }
    }
    for step in &dns.walk {
        page.paragraph(2, 4, (Ink::Plain, ""), step);
    }
    if dns.verdict.code.is_some() {
        page.blank();
        page.paragraph(0, 0, (Ink::Bold, "Verdict:"), &format!("{}.", dns.verdict.sentence));
    }
}

fn is_well(place: &DnsPlace) -> bool {
    place.judged().all(|(probe, cell)| cell.state == CellState::Good || probe.server.is == ServerKind::Configured)
}

fn fold(page: &mut Page, place: &DnsPlace) {
    page.blank();
    let symbol = page.symbol(Mark::Good);
    let text = format!("from {}   ", place.place.words());
    page.line(
        0,
        &[
            (Ink::Plain, text),
            (Ink::Of(Mark::Good), symbol.into()),
            (Ink::Plain, format!(" all {}", place.cells.len())),
        ],
    );
}

/// The cells of one row: name, then by server and transport.
type Row<'p> = (&'p Question, Vec<(&'p Server, Transport, &'p DnsCell)>);

fn draw_place(page: &mut Page, place: &DnsPlace) {
    let mut servers: Vec<&Server> = Vec::new();
    let mut rows: Vec<Row<'_>> = Vec::new();
    for (probe, cell) in place.judged() {
        if !servers.contains(&&probe.server) {
            servers.push(&probe.server);
        }
        let entry = (&probe.server, probe.transport, cell);
        match rows.iter_mut().find(|(question, _)| **question == probe.question) {
            Some((_, cells)) => cells.push(entry),
            None => rows.push((&probe.question, vec![entry])),
        }
    }
    let widest = place.cells.iter().map(|cell| columns(&text_of(page, cell))).max().unwrap_or(4).max(5);
    let heads = servers.iter().flat_map(|server| head_of(server)).map(|text| columns(&text)).max().unwrap_or(0);
    // two columns of a server stand below its address
    let pair = (2 * (widest + 1)).max(heads + 2);
    let room = page.width().saturating_sub(LABEL);
    let at_once = (room / pair).max(1);
    let blocks = servers.len().div_ceil(at_once).max(1);
    let label = page.width().saturating_sub(servers.len().div_ceil(blocks) * pair).clamp(LABEL, WIDEST_LABEL);
    for (number, block) in servers.chunks(servers.len().div_ceil(blocks).max(1)).enumerate() {
        page.blank();
        let mut top = String::new();
        let mut below = String::new();
        let mut transports = String::new();
        for server in block {
            let [first, second] = head_of(server);
            top.push_str(&pad(&first, pair));
            below.push_str(&pad(&second, pair));
            transports.push_str(&pad(&format!("{}tcp", pad("udp", pair / 2)), pair));
        }
        page.line(label, &[(Ink::Bold, top)]);
        page.line(label, &[(Ink::Plain, below)]);
        let mut from = if number == 0 { format!("from {}", place.place.words()) } else { String::new() };
        if columns(&from) >= label {
            page.line(0, &[(Ink::Bold, from)]);
            from = String::new();
        }
        let from = pad(&from, label);
        page.line(0, &[(Ink::Bold, from), (Ink::Dim, transports)]);
        for (question, cells) in &rows {
            draw_row(page, question, cells, block, (label, pair));
        }
    }
}

fn draw_row(
    page: &mut Page,
    question: &Question,
    cells: &[(&Server, Transport, &DnsCell)],
    block: &[&Server],
    (label, pair): (usize, usize),
) {
    let mut name = question_words(question.kind, &question.name);
    if question.record != "A" {
        name = format!("{name} {}", question.record);
    }
    let mut parts = vec![(Ink::Plain, pad(&format!("  {}", page.cut_end(&name, label.saturating_sub(3))), label))];
    for server in block {
        for (transport, width) in [(Transport::Udp, pair / 2), (Transport::Tcp, pair - pair / 2)] {
            let cell = cells.iter().find(|(of, by, _)| of == server && *by == transport);
            match cell {
                Some((_, _, cell)) => {
                    parts.push((Ink::Of(mark(cell.state)), pad(&text_of(page, cell), width)));
                }
                None => parts.push((Ink::Dim, pad(page.symbol(Mark::Plain), width))),
            }
        }
    }
    page.line(0, &parts);
}

/// Two lines over the columns of a server.
fn head_of(server: &Server) -> [String; 2] {
    let address = server.address.ip().to_string();
    let words = server_words(&server.is);
    match server.is {
        ServerKind::Service { .. } | ServerKind::NodeLocal { .. } | ServerKind::Upstream { .. } => [words, address],
        ServerKind::Pod { .. } | ServerKind::Configured => [address, words],
    }
}

const fn mark(state: CellState) -> Mark {
    match state {
        CellState::Good => Mark::Good,
        CellState::Slow | CellState::Lossy => Mark::Warn,
        CellState::Bad => Mark::Bad,
    }
}

/// `✓ 1ms`, `✓ none`, `✗ 6s`, `✗ SERVFAIL`, `! 5 of 20`.
fn text_of(page: &Page, cell: &DnsCell) -> String {
    let symbol = page.symbol(mark(cell.state));
    match cell.state {
        CellState::Good if !cell.word.is_empty() => format!("{symbol} {}", cell.word),
        CellState::Good | CellState::Slow => format!("{symbol} {}", short_time(cell.ms)),
        CellState::Lossy => format!("{symbol} {}/{}", cell.tries - cell.lost.min(cell.tries), cell.tries),
        CellState::Bad if cell.word == "timeout" => format!("{symbol} {}", short_time(cell.ms)),
        CellState::Bad if cell.word.starts_with("from ") => format!("{symbol} source"),
        CellState::Bad => format!("{symbol} {}", cell.word),
    }
}

fn short_time(ms: u64) -> String {
    match ms {
        0..1000 => format!("{ms}ms"),
        1000..10_000 if ms % 1000 >= 100 => format!("{}.{}s", ms / 1000, ms % 1000 / 100),
        _ => format!("{}s", ms / 1000),
    }
}

fn pad(text: &str, width: usize) -> String {
    let gap = width.saturating_sub(columns(text));
    format!("{text}{}", " ".repeat(gap))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]
mod tests {
    use super::*;
    use crate::diagnose::dns::probed::matrix;
    use crate::diagnose::dns::samples::{places, rcode, timeout, tries};
    use crate::probe::QuestionKind;
    use crate::render::{Glyphs, Style};

    fn drawn(dns: &DnsReport, width: usize, glyphs: Glyphs) -> String {
        colored::control::set_override(false);
        let mut page = Page::new(Style { width, glyphs, ..Style::default() });
        draw(&mut page, dns, Detail::Folded);
        page.finish()
    }

    #[test]
    fn it_fits_and_says_what_fails() {
        let bad = places(|node, server, by, kind| match (node, &server.is, by, kind) {
            ("a", ServerKind::Service { .. }, Transport::Udp, _) => Some(tries(&[(0, 6000, timeout())])),
            ("a", _, _, QuestionKind::External) => Some(tries(&[(0, 3, rcode("SERVFAIL"))])),
            _ => None,
        });
        let dns = DnsReport {
            places: matrix(&bad),
            service: Some("kube-system/kube-dns 10.96.0.10".into()),
            ..DnsReport::default()
        };
        for (width, glyphs) in [(80, Glyphs::Unicode), (80, Glyphs::Ascii), (60, Glyphs::Unicode), (120, Glyphs::Ascii)]
        {
            let text = drawn(&dns, width, glyphs);
            for line in text.lines() {
                assert!(columns(line) <= width, "{width}: {line}");
            }
            for words in ["6s", "SERVFAIL", "Service IP", "10.244.2.2", "pod on b", "a name that must n"] {
                assert!(text.contains(words), "{words}: {text}");
            }
            assert!(text.contains("from a pod on node b") && text.contains("all 24"), "{text}");
        }
        let well = DnsReport { places: matrix(&places(|_, _, _, _| None)), ..DnsReport::default() };
        let text = drawn(&well, 80, Glyphs::Unicode);
        assert!(text.contains("✓ 1ms") && !text.contains('✗') && !text.contains("Verdict"), "{text}");
    }
}
