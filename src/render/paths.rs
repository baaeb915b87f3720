//! All paths of a report: the telling ones spelled out, the others in one line that says in what they differ.

use std::collections::BTreeSet;

use super::hops;
use super::page::{Column, Mark, Marks, Page, Row};
use super::words;
use crate::order;
use crate::report::{AddressKind, Disposition, Hop, Origin, Outcome, PathState, Report, Trace};

/// Nodes that are told in full when several have trouble.
const NODES: usize = 3;
/// Paths of one node that are spelled out when several have trouble.
const SPELLED: usize = 3;

/// Draws the paths: one spelled out for a healthy node, those with trouble else; nodes without trouble in a line.
pub(super) fn draw(page: &mut Page, report: &Report) {
    let traces = &report.traces;
    let clients = words::Clients::of(report);
    let nodes = words::nodes(traces);
    let of = |node: &str| traces.iter().filter(|trace| trace.path.node == node).collect::<Vec<_>>();
    let (mut bad, mut good): (Vec<&str>, Vec<&str>) =
        nodes.iter().partition(|node| of(node).iter().any(|t| is_trouble(t)));
    let told: Vec<&str> =
        if bad.is_empty() { good.iter().take(1).copied().collect() } else { distinct(&mut bad, traces) };
    good.retain(|node| !told.contains(node));
    for node in &told {
        page.blank();
        draw_node(page, clients, &of(node));
    }
    let mut rows = Vec::new();
    for node in &bad {
        let traces = of(node);
        let wrong: Vec<&&Trace> = traces.iter().filter(|trace| is_trouble(trace)).collect();
        let first = wrong.first().and_then(|trace| trace.trouble.clone()).unwrap_or_else(|| "trouble".into());
        let mark = worst(traces.iter().copied());
        rows.push(Row {
            mark,
            cells: vec![
                words::on_nodes(&[node], 1),
                format!("{first} ({} of {})", wrong.len(), words::count(traces.len(), "path")),
            ],
        });
    }
    if !good.is_empty() {
        let count: usize = good.iter().map(|node| of(node).len()).sum();
        let compared = good.iter().flat_map(|node| of(node)).all(|trace| trace.state == PathState::Expected);
        let text = if compared { "as they should be" } else { "walked, nothing to compare with" };
        rows.push(Row {
            mark: if compared { Mark::Good } else { Mark::Plain },
            cells: vec![words::on_nodes(&good, 4), format!("all {} {text}", words::count(count, "path"))],
        });
    }
    if !rows.is_empty() {
        page.blank();
        let width = cell_width(page, &rows);
        let rest = rest_width(page, width);
        page.table(0, Marks::Drawn, &[Column::of(width), Column::of(rest)], &rows);
    }
}

/// Draws every path with every way and every rule whole.
pub(super) fn draw_whole(page: &mut Page, report: &Report) {
    for trace in &report.traces {
        page.blank();
        headline(page, words::Clients::of(report), trace);
        hops::draw_whole(page, trace);
    }
}

/// Takes the nodes to tell in full out of `bad`: each new kind of trouble once, as many as a page bears.
fn distinct<'r>(bad: &mut Vec<&'r str>, traces: &[Trace]) -> Vec<&'r str> {
    let mut seen: BTreeSet<Vec<String>> = BTreeSet::new();
    let mut told = Vec::new();
    bad.retain(|node| {
        let kind: Vec<String> = traces
            .iter()
            .filter(|trace| trace.path.node == *node && is_trouble(trace))
            .map(|trace| format!("{:?} {:?} {:?}", trace.path.origin, trace.path.address, trace.trouble))
            .collect();
        let fresh = told.len() < NODES && seen.insert(kind);
        if fresh {
            told.push(*node);
        }
        !fresh
    });
    told
}

fn is_trouble(trace: &Trace) -> bool {
    match trace.state {
        PathState::Differs | PathState::Undecided => true,
        PathState::Expected | PathState::NotCompared => false,
    }
}

fn worst<'r>(traces: impl Iterator<Item = &'r Trace>) -> Mark {
    let mut worst = Mark::Good;
    for trace in traces {
        match trace.state {
            PathState::Differs => return Mark::Bad,
            PathState::Undecided => worst = Mark::Unknown,
            PathState::Expected | PathState::NotCompared => {}
        }
    }
    worst
}

/// The mark of one path. A tick is for connections that arrive: what is refused as promised is nothing to mend, and
/// nothing to be glad of.
pub(super) fn mark(trace: &Trace) -> Mark {
    match trace.state {
        PathState::Expected if !arrives(trace) => Mark::Warn,
        PathState::Expected => Mark::Good,
        PathState::Differs => Mark::Bad,
        PathState::Undecided => Mark::Unknown,
        PathState::NotCompared => Mark::Plain,
    }
}

fn draw_node(page: &mut Page, clients: words::Clients<'_>, traces: &[&Trace]) {
    let troubled = traces.iter().any(|trace| is_trouble(trace));
    let mut spelled: Vec<&Trace> = Vec::new();
    // What "above" means to a reader: the path before, as long as nothing else stands in between.
    let mut above: Option<&Trace> = None;
    let mut rows: Vec<Told<'_>> = Vec::new();
    for trace in traces {
        let telling = if troubled { is_trouble(trace) && spelled.len() < SPELLED } else { spelled.is_empty() };
        let repeats = spelled.iter().any(|other| shape(other) == shape(trace));
        if telling && !repeats {
            flush(page, clients, &mut rows);
            headline(page, clients, trace);
            hops::draw(page, trace);
            spelled.push(trace);
            above = Some(trace);
        } else {
            above = above.filter(|other| shape(other) == shape(trace));
            rows.push(Told { trace, effect: effect(page, trace, above, spelled.last().copied()) });
        }
    }
    flush(page, clients, &mut rows);
}

/// The line above a hop table.
fn headline(page: &mut Page, clients: words::Clients<'_>, trace: &Trace) {
    let mut text = place(page, clients, trace);
    let refused = trace.outcomes.iter().all(|outcome| outcome.destination.is_none() || !reaches(outcome));
    match (&trace.trouble, &trace.expected) {
        (Some(trouble), _) => text.push_str(&format!(": {trouble}")),
        (None, Some(expected)) if refused => text.push_str(&format!(": {}", promised(expected))),
        (None, _) => {}
    }
    page.headline(mark(trace), &text, hops::main_dump(trace).unwrap_or_default());
}

/// A promise that was kept: `refused, as it should be: no endpoint is ready`.
fn promised(expected: &str) -> String {
    match expected.split_once(": ") {
        Some((what, why)) => format!("{what}, as it should be: {why}"),
        None => format!("{expected}, as it should be"),
    }
}

/// `a pod on node-a → 10.96.10.1:80`.
fn place(page: &Page, clients: words::Clients<'_>, trace: &Trace) -> String {
    format!("{} {} {}", clients.name(&trace.path), page.arrow(), words::address(&trace.path))
}

/// A path that is told in one line.
struct Told<'r> {
    trace: &'r Trace,
    effect: String,
}

/// Draws what has gathered, like ones in one line.
fn flush(page: &mut Page, clients: words::Clients<'_>, told: &mut Vec<Told<'_>>) {
    let mut rows: Vec<Row> = Vec::new();
    let mut done = vec![false; told.len()];
    for (number, path) in told.iter().enumerate() {
        if done.get(number).copied().unwrap_or(true) {
            continue;
        }
        let like: Vec<usize> =
            told.iter().enumerate().filter(|(_, other)| folds(path, other)).map(|(at, _)| at).collect();
        let text = if like.len() > 2 {
            for at in &like {
                if let Some(done) = done.get_mut(*at) {
                    *done = true;
                }
            }
            folded_place(page, clients, path.trace, like.len())
        } else {
            place(page, clients, path.trace)
        };
        rows.push(Row { mark: mark(path.trace), cells: vec![text, path.effect.clone()] });
    }
    told.clear();
    if rows.is_empty() {
        return;
    }
    let width = cell_width(page, &rows);
    let rest = rest_width(page, width);
    page.table(0, Marks::Drawn, &[Column::of(width), Column::of(rest)], &rows);
}

fn cell_width(page: &Page, rows: &[Row]) -> usize {
    let widest =
        rows.iter().filter_map(|row| row.cells.first()).map(|cell| super::text::columns(&page.safe(cell))).max();
    // the second column has what it wants first, as far as it goes
    let other = rows
        .iter()
        .filter_map(|row| row.cells.get(1))
        .map(|cell| super::text::columns(&page.safe(cell)))
        .max()
        .unwrap_or(0);
    let room = page.width().saturating_sub(page.mark_width() + 4);
    widest.unwrap_or(0).min(room.saturating_sub(other).max(room * 11 / 20))
}

fn rest_width(page: &Page, first: usize) -> usize {
    page.width().saturating_sub(page.mark_width() + 1 + first + 2).max(10)
}

/// Whether two paths say the same of different addresses.
fn folds(a: &Told<'_>, b: &Told<'_>) -> bool {
    let key =
        |told: &Told<'_>| (told.trace.path.origin, told.trace.path.address, told.trace.path.port, told.trace.state);
    key(a) == key(b) && a.trace.path.protocol == b.trace.path.protocol && a.effect == b.effect
}

fn folded_place(page: &Page, clients: words::Clients<'_>, trace: &Trace, count: usize) -> String {
    let client = if trace.path.origin == Origin::Pod {
        format!("pods on {}", trace.path.node)
    } else {
        clients.name(&trace.path)
    };
    let addresses = match trace.path.address {
        AddressKind::NodePort => "node addresses",
        AddressKind::ClusterIp => "cluster IPs",
        AddressKind::ExternalIp => "external IPs",
        AddressKind::LoadBalancer => "load balancer addresses",
        AddressKind::LocalhostNodePort => "localhost addresses",
        AddressKind::Plain => "addresses",
    };
    format!("{client} {} :{} ({count} {addresses})", page.arrow(), trace.path.port)
}

/// Where the ways of a path end, and in which shares.
fn shape(trace: &Trace) -> Vec<End<'_>> {
    let arrives = |outcome: &Outcome| matches!(outcome.disposition, Disposition::Delivered | Disposition::Local);
    let mut shape: Vec<End<'_>> = trace
        .outcomes
        .iter()
        .map(|outcome| End {
            // what does not arrive ends at the address that was asked for, which differs by path
            to: outcome.destination.as_deref().filter(|_| arrives(outcome)),
            when: outcome.when.as_deref(),
            ppm: outcome.ppm,
            disposition: outcome.disposition,
            expected: outcome.expected,
        })
        .collect();
    order::sort(&mut shape);
    shape
}

/// Where one way of a path ends, for comparing.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct End<'r> {
    to: Option<&'r str>,
    when: Option<&'r str>,
    ppm: Option<u32>,
    disposition: Disposition,
    expected: Option<bool>,
}

/// Whether any connection gets somewhere.
pub(super) fn arrives(trace: &Trace) -> bool {
    trace.outcomes.iter().any(|outcome| outcome.when.is_none() && reaches(outcome))
}

fn reaches(outcome: &Outcome) -> bool {
    match outcome.disposition {
        Disposition::Delivered | Disposition::Local | Disposition::Untouched | Disposition::Indeterminate => true,
        Disposition::Dropped | Disposition::Rejected | Disposition::Unroutable | Disposition::Loop => false,
    }
}

/// In what a path differs from one that was spelled out above; without such a one, what becomes of it.
fn effect(page: &Page, trace: &Trace, above: Option<&Trace>, spelled: Option<&Trace>) -> String {
    let mut text = match (above, &trace.trouble) {
        (Some(_), _) => "as above".to_owned(),
        (None, Some(trouble)) => trouble.clone(),
        (None, None) => describe(page, trace),
    };
    let masqueraded = masquerade(trace);
    let main = spelled.and_then(hops::main_dump);
    let before = above.map_or(Masquerade::None, masquerade);
    match masqueraded {
        Masquerade::All if before != Masquerade::All => {
            text.push_str(&format!(", masqueraded{}", marked_at(trace, main)));
        }
        Masquerade::Some => text.push_str(&some_masqueraded(trace, main)),
        Masquerade::None if above.is_some() && before != Masquerade::None => text.push_str(", source kept"),
        Masquerade::All | Masquerade::None => {}
    }
    text
}

/// Which ways of a path have their source replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Masquerade {
    All,
    Some,
    None,
}

fn masquerade(trace: &Trace) -> Masquerade {
    let arriving = || trace.outcomes.iter().filter(|outcome| reaches(outcome));
    match (arriving().any(|o| o.masqueraded), arriving().all(|o| o.masqueraded)) {
        (false, _) => Masquerade::None,
        (true, true) => Masquerade::All,
        (true, false) => Masquerade::Some,
    }
}

fn some_masqueraded(trace: &Trace, main: Option<&str>) -> String {
    let which: Vec<&Outcome> = trace.outcomes.iter().filter(|o| o.masqueraded && o.when.is_none()).collect();
    let at = which.first().map(|outcome| mark_place(outcome, main).replacen("mark ", "", 1)).unwrap_or_default();
    let own = trace.path.from.to_string();
    let to_self = |o: &&Outcome| o.destination.as_deref().is_some_and(|to| host(to) == own);
    if !which.is_empty() && which.iter().all(to_self) {
        return format!(", masqueraded to itself{at}");
    }
    let names: Vec<&str> = which.iter().filter_map(|o| o.destination.as_deref()).collect();
    format!(", masqueraded to {}{at}", words::list(&names, 2))
}

/// The address of `10.244.1.5:8080` or `[fd00::1]:8080`.
fn host(socket: &str) -> String {
    socket.parse::<std::net::SocketAddr>().map_or_else(|_| socket.to_owned(), |socket| socket.ip().to_string())
}

fn marked_at(trace: &Trace, main: Option<&str>) -> String {
    trace.outcomes.iter().find(|o| o.masqueraded).map(|outcome| mark_place(outcome, main)).unwrap_or_default()
}

/// Which rule decided on the masquerade: ` (mark :62)`, the call of the chain that set the mark. Its dump is named where
/// it is not the `main` one, whose name stands above.
fn mark_place(outcome: &Outcome, main: Option<&str>) -> String {
    let place = |what: &str, hop: &Hop| match (hop.dump.as_deref(), hop.line) {
        (_, None) => String::new(),
        (Some(dump), Some(line)) if main != Some(dump) => format!(" ({dump}:{line})"),
        (_, Some(line)) => format!(" ({what} :{line})"),
    };
    let call = outcome.hops.iter().zip(outcome.hops.iter().skip(1)).find(|(call, set)| {
        set.action.starts_with("mark") && call.action.strip_prefix("jump ").is_some_and(|chain| chain == set.chain)
    });
    if let Some((call, _)) = call {
        return place("mark", call);
    }
    let acts = |hop: &&Hop| hop.action.starts_with("masquerade") || hop.action.starts_with("snat");
    outcome.hops.iter().rev().find(acts).map_or_else(String::new, |hop| place(&hop.chain, hop))
}

/// What becomes of a path, by itself: `→ 3 endpoints`, `refused`.
fn describe(page: &Page, trace: &Trace) -> String {
    let sure: Vec<&Outcome> = trace.outcomes.iter().filter(|outcome| outcome.when.is_none()).collect();
    match sure.as_slice() {
        [] => "nothing is known of it".into(),
        [only] => {
            let why = trace.expected.as_ref().filter(|_| !reaches(only));
            why.map_or_else(|| hops::short_ending(page, only), |why| promised(why))
        }
        many => {
            let arriving = many.iter().filter(|outcome| reaches(outcome)).count();
            let lost = many.len() - arriving;
            let lost = if lost > 0 { format!(", {lost} lost") } else { String::new() };
            format!("{} {}{lost}", page.arrow(), words::count(arriving, "endpoint"))
        }
    }
}
