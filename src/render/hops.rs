//! One path as a table of hops: what all its ways have in common once, where they part a line for each way.

use std::collections::HashSet;

use super::human::Detail;
use super::page::{Column, Ink, Mark, Marks, Page, Row};
use super::ways::{After, Branch, Parted, Routes, is_base, is_end, is_passage, is_rewrite};
use super::words;
use crate::order;
use crate::report::{Disposition, Evidence, Hop, Outcome, Trace};

/// Ways that are shown one by one before the rest is counted.
const WAYS: usize = 10;
/// Things that a path depends on that are shown.
const DEPENDENCIES: usize = 3;

/// Columns of the hook (`postrouting`), and most columns of a chain, on a page of usual and of narrow width.
const HOOK: usize = 11;
const CHAIN: usize = 18;
const CHAIN_NARROW: usize = 12;

/// Draws the hops of a path, folded.
pub(super) fn draw(page: &mut Page, trace: &Trace) {
    let rows = rows(page, trace);
    if rows.is_empty() {
        draw_dependencies(page, trace, Detail::Folded);
        return;
    }
    let main = main_dump(trace);
    let place = rows.iter().map(|row| row.place().chars().count()).max().unwrap_or(0);
    let marked = rows.iter().any(|row| row.mark != Mark::Plain);
    let symbol = if marked { page.mark_width() } else { 0 };
    let chain = rows.iter().map(|row| row.chain.chars().count()).max().unwrap_or(0);
    let chain = chain.clamp(8, if page.width() < 72 { CHAIN_NARROW } else { CHAIN });
    let fixed = 2 + HOOK + 1 + chain + 1 + symbol + usize::from(marked) + place + 2;
    let text = page.width().saturating_sub(fixed).max(16);
    let mut columns = vec![Column::of(HOOK).ink(Ink::Dim), Column::of(chain)];
    if marked {
        columns.push(Column::of(symbol).ink(Ink::Of(Mark::Bad)));
    }
    columns.push(Column::of(text));
    if place > 0 {
        columns.push(Column::of(place).ink(Ink::Dim).right());
    }
    let mut hook = "";
    let mut drawn = Vec::new();
    for row in &rows {
        let mut cells = vec![if row.hook == hook { String::new() } else { row.hook.to_owned() }];
        hook = row.hook;
        cells.push(page.cut_end(row.chain, chain));
        if marked {
            cells.push(if row.mark == Mark::Plain { String::new() } else { page.symbol(row.mark).to_owned() });
        }
        cells.push(row.words(main));
        if place > 0 {
            cells.push(row.place());
        }
        drawn.push(Row { mark: row.mark, cells });
    }
    page.table(2, Marks::Left, &columns, &drawn);
    draw_dependencies(page, trace, Detail::Folded);
}

/// What a path depends on, each thing once.
fn draw_dependencies(page: &mut Page, trace: &Trace, detail: Detail) {
    let mut seen: Vec<&Evidence> = Vec::new();
    for evidence in trace.outcomes.iter().flat_map(|outcome| &outcome.depends_on) {
        if !seen.contains(&evidence) {
            seen.push(evidence);
        }
    }
    let most = match detail {
        Detail::Folded => DEPENDENCIES,
        Detail::Whole => usize::MAX,
    };
    let left = seen.len().saturating_sub(most);
    for evidence in seen.into_iter().take(most) {
        let (text, rule) = match evidence {
            Evidence::Line { dump, line, text, .. } => (format!("depends on {dump} line {line}"), Some(text)),
            Evidence::Field { object, field, value } => (format!("depends on {object}: {field} = {value}"), None),
            Evidence::Fact { text, .. } => (format!("depends on: {text}"), None),
        };
        let symbol = page.symbol(Mark::Unknown);
        page.paragraph(2, 4, (Ink::Of(Mark::Unknown), symbol), &text);
        if let Some(rule) = rule {
            page.quote_whole(6, rule);
        }
    }
    if left > 0 {
        page.paragraph(4, 6, (Ink::Dim, ""), &format!("{} and on {left} more (-o wide)", page.dots()));
    }
}

/// Draws every hop of every way, each with its whole rule; what ways have in common once.
pub(super) fn draw_whole(page: &mut Page, trace: &Trace) {
    let parted = Parted::of(&trace.outcomes);
    if let [only] = trace.outcomes.as_slice() {
        page.paragraph(2, 4, (Ink::Bold, ""), &whole_ending(page, only));
    }
    draw_hops(page, parted.before.iter());
    let ways = trace.outcomes.len();
    for (number, branch) in parted.branches.iter().enumerate() {
        let lead = format!("way {} of {ways}:", number + 1);
        page.paragraph(2, 4, (Ink::Bold, &lead), &whole_ending(page, branch.outcome));
        let own_route = parted.after.iter().any(|group| group.routes == Routes::Own);
        let rest = branch.outcome.hops.iter().skip(parted.before.len() + branch.hops.len());
        let route = rest.filter(|hop| own_route && hop.table.is_empty());
        draw_hops(page, branch.hops.iter().chain(route));
    }
    for group in &parted.after {
        let whose =
            if group.count == ways { "then:".to_owned() } else { format!("then, {} of {ways} ways:", group.count) };
        let text = if group.count == 1 && ways > 1 { whole_ending(page, group.outcome) } else { String::new() };
        page.paragraph(2, 4, (Ink::Bold, &whose), &text);
        draw_hops(page, group.hops.iter().filter(|hop| group.routes == Routes::Same || !hop.table.is_empty()));
    }
    draw_dependencies(page, trace, Detail::Whole);
}

/// Where a way ends, with all that is known of the end.
fn whole_ending(page: &Page, outcome: &Outcome) -> String {
    let mut text = String::new();
    if let Some(ppm) = outcome.ppm.filter(|ppm| *ppm < 1_000_000) {
        text.push_str(&format!("{} ", words::percent(ppm)));
    }
    if let Some(when) = &outcome.when {
        text.push_str(&format!("{when}: "));
    }
    text.push_str(&ending(page, outcome));
    match (&outcome.source, outcome.masqueraded) {
        (Some(source), true) => text.push_str(&format!(", masqueraded as {source}")),
        (None, true) => text.push_str(", masqueraded"),
        (_, false) => {}
    }
    text
}

fn draw_hops<'r>(page: &mut Page, hops: impl Iterator<Item = &'r Hop>) {
    let mut above = String::new();
    for hop in hops {
        let place = [hop.hook.as_str(), hop.table.as_str(), hop.chain.as_str()];
        let place: Vec<&str> = place.into_iter().filter(|part| !part.is_empty()).collect();
        let place = place.join(" ");
        if place != above {
            page.paragraph(4, 6, (Ink::Bold, &place), "");
            above = place;
        }
        let share = hop.ppm.map(|ppm| format!(" ({})", words::percent(ppm))).unwrap_or_default();
        let what = match hop.words.as_deref() {
            Some(words) if words.starts_with(&hop.action) => format!("{words}{share}"),
            Some(words) => format!("{}{share}: {words}", hop.action),
            None => format!("{}{share}", hop.action),
        };
        page.paragraph(6, 8, (Ink::Plain, ""), &what);
        if let Some(rule) = &hop.rule {
            let at = source(hop);
            page.quote_whole(8, &if at.is_empty() { rule.clone() } else { format!("{at} {rule}") });
        }
    }
}

/// `iptables-save:60`.
fn source(hop: &Hop) -> String {
    match (&hop.dump, hop.line) {
        (Some(dump), Some(line)) => format!("{dump}:{line}"),
        (Some(dump), None) => dump.clone(),
        (None, Some(line)) => format!(":{line}"),
        (None, None) => String::new(),
    }
}

/// The dump that most lines of a path stand in: named once, above the table.
pub(super) fn main_dump(trace: &Trace) -> Option<&str> {
    let mut dumps: Vec<(&str, usize)> = Vec::new();
    let hops = trace.outcomes.iter().take(WAYS).flat_map(|outcome| &outcome.hops);
    for dump in hops.filter_map(|hop| hop.dump.as_deref()) {
        match dumps.iter_mut().find(|(name, _)| *name == dump) {
            Some((_, count)) => *count += 1,
            None => dumps.push((dump, 1)),
        }
    }
    dumps.into_iter().rev().max_by_key(|(_, count)| *count).map(|(name, _)| name)
}

/// A line of the table.
struct Line<'r> {
    hook: &'r str,
    chain: &'r str,
    mark: Mark,
    text: String,
    at: (Option<&'r str>, Option<u32>),
}

impl Line<'_> {
    /// `:60`.
    fn place(&self) -> String {
        self.at.1.map_or_else(String::new, |line| format!(":{line}"))
    }

    /// What it says; with the dump of its line where that is not the main one.
    fn words(&self, main: Option<&str>) -> String {
        match self.at {
            (Some(dump), Some(_)) if main != Some(dump) => format!("{} [{dump}]", self.text),
            _ => self.text.clone(),
        }
    }
}

fn rows<'r>(page: &Page, trace: &'r Trace) -> Vec<Line<'r>> {
    let Some(first) = trace.outcomes.first() else { return Vec::new() };
    let parted = Parted::of(&trace.outcomes);
    let mut lines = Vec::new();
    let only = (trace.outcomes.len() == 1).then_some(first);
    for (number, hop) in parted.before.iter().enumerate() {
        let next = parted.before.get(number + 1).or_else(|| first.hops.get(number + 1));
        if let Some(line) = hop_line(page, hop, next, only) {
            lines.push(line);
        }
    }
    branch_lines(page, &parted, &mut lines);
    for (number, group) in parted.after.iter().enumerate() {
        if number == 0 {
            for (at, hop) in group.hops.iter().enumerate() {
                // ways that part are routed apart, which says nothing new
                if hop.table.is_empty() && group.routes == Routes::Own {
                    continue;
                }
                if let Some(mut line) = hop_line(page, hop, group.hops.get(at + 1), Some(group.outcome)) {
                    let common = parted.after.iter().all(|other| other.hops.iter().any(|own| key(own) == key(hop)));
                    if !common {
                        line.text = format!("{}: {}", whose(group), line.text);
                    }
                    lines.push(line);
                }
            }
        } else if let Some(main) = parted.after.first() {
            other_end(main, group, &mut lines);
        }
    }
    lines
}

/// The hops of one group of ways after the last rewrite, where they differ from the main group's.
fn other_end<'r>(main: &After<'r>, group: &After<'r>, lines: &mut Vec<Line<'r>>) {
    let whose = whose(group);
    let known: HashSet<(&str, &str, Option<u32>)> = main.hops.iter().map(key).collect();
    let mut own = group.hops.iter().filter(|hop| !known.contains(&key(hop)) && !is_passage(hop)).peekable();
    if own.peek().is_none() {
        return;
    }
    for hop in own {
        let what = hop.words.clone().unwrap_or_else(|| hop.action.clone());
        lines.push(Line {
            hook: &hop.hook,
            chain: &hop.chain,
            mark: mark(group.outcome, hop),
            text: format!("{whose}: {what}"),
            at: (hop.dump.as_deref(), hop.line),
        });
    }
}

/// Which ways a line is of, where it is not of all.
fn whose(group: &After<'_>) -> String {
    match group.count {
        1 => group.outcome.destination.clone().unwrap_or_else(|| "one way".into()),
        count => format!("{count} ways"),
    }
}

fn key(hop: &Hop) -> (&str, &str, Option<u32>) {
    (&hop.hook, &hop.chain, hop.line)
}

fn branch_lines<'r>(page: &Page, parted: &Parted<'r>, lines: &mut Vec<Line<'r>>) {
    let (sure, conditional): (Vec<&Branch<'r>>, Vec<&Branch<'r>>) =
        parted.branches.iter().partition(|branch| branch.outcome.when.is_none());
    let mut shown: Vec<&Branch<'r>> = sure.clone();
    // of many, the wrong ones are what is looked for
    if shown.len() > WAYS + 2 {
        order::sort_by_key(&mut shown, |branch| branch.outcome.expected != Some(false));
        shown.truncate(WAYS);
    }
    // what is wholly open is told below the table, by what it depends on
    for branch in shown
        .iter()
        .filter(|branch| !(branch.leaves.is_none() && branch.outcome.disposition == Disposition::Indeterminate))
    {
        lines.push(branch_line(page, branch));
    }
    if shown.len() < sure.len() {
        let left: Vec<&&Branch<'r>> =
            sure.iter().filter(|branch| !shown.iter().any(|s| std::ptr::eq(*s, **branch))).collect();
        lines.push(rest_line(page, &left));
    }
    let mut said: Vec<String> = Vec::new();
    let conditions: Vec<&str> = conditional.iter().filter_map(|branch| branch.outcome.when.as_deref()).collect();
    for branch in &conditional {
        let when = folded_condition(branch.outcome.when.as_deref().unwrap_or_default(), &conditions, page.dots());
        if said.contains(&when) {
            continue;
        }
        let same: Vec<&&Branch<'r>> = conditional
            .iter()
            .filter(|other| {
                folded_condition(other.outcome.when.as_deref().unwrap_or_default(), &conditions, page.dots()) == when
            })
            .collect();
        lines.push(conditional_line(page, &when, branch, &same));
        said.push(when);
    }
}

/// A condition in which the one word is left out that tells it from others.
fn folded_condition(when: &str, all: &[&str], dots: &str) -> String {
    let words: Vec<&str> = when.split(' ').collect();
    let differs = |other: &&&str| {
        let other: Vec<&str> = other.split(' ').collect();
        let apart: Vec<usize> =
            words.iter().zip(&other).enumerate().filter(|(_, (a, b))| a != b).map(|(at, _)| at).collect();
        (other.len() == words.len() && apart.len() == 1).then(|| apart.first().copied()).flatten()
    };
    let Some(at) = all.iter().find_map(|other| differs(&other)) else { return when.to_owned() };
    words.iter().enumerate().map(|(number, word)| if number == at { dots } else { word }).collect::<Vec<_>>().join(" ")
}

fn rest_line<'r>(page: &Page, left: &[&&Branch<'r>]) -> Line<'r> {
    let shares: Vec<u32> = left.iter().filter_map(|branch| branch.outcome.ppm).collect();
    let (least, most) = (shares.iter().min().copied().unwrap_or(0), shares.iter().max().copied().unwrap_or(0));
    let (least, most) = (words::percent(least), words::percent(most));
    let each = if least == most { format!("{least} each") } else { format!("{least} to {most} each") };
    let bad = left.iter().filter(|branch| branch.outcome.expected == Some(false)).count();
    let trouble = if bad > 0 { format!(", {bad} of them wrong") } else { String::new() };
    Line {
        hook: left.first().and_then(|branch| branch.hops.last()).map_or("", |hop| &hop.hook),
        chain: "",
        mark: if bad > 0 { Mark::Bad } else { Mark::Plain },
        text: format!("{} {} more, {each}{trouble} (-o wide)", page.dots(), left.len()),
        at: (None, None),
    }
}

fn conditional_line<'r>(page: &Page, when: &str, branch: &Branch<'r>, same: &[&&Branch<'r>]) -> Line<'r> {
    let hop = branch.hops.last().or(branch.outcome.hops.last());
    let to = match same.len() {
        1 => short_ending(page, branch.outcome),
        count => format!("{} one of {}", page.arrow(), words::count(count, "endpoint")),
    };
    Line {
        hook: hop.map_or("", |hop| &hop.hook),
        chain: hop.map_or("", |hop| &hop.chain),
        mark: if same.iter().any(|branch| branch.outcome.expected == Some(false)) { Mark::Bad } else { Mark::Plain },
        text: format!("{when}: {to}"),
        at: hop.filter(|_| same.len() == 1).map_or((None, None), |hop| (hop.dump.as_deref(), hop.line)),
    }
}

fn branch_line<'r>(page: &Page, branch: &Branch<'r>) -> Line<'r> {
    let hop = branch.hops.last().or(branch.leaves);
    let mut text = String::new();
    if let Some(ppm) = branch.outcome.ppm {
        text.push_str(&format!("{} ", words::percent(ppm)));
    }
    // what is lost further down was on its way somewhere
    let headed = branch
        .hops
        .last()
        .filter(|hop| is_rewrite(hop) && is_end(branch.outcome))
        .and_then(|hop| hop.action.rsplit(' ').next());
    match headed {
        Some(to) => text.push_str(&format!("to {to}: {}", lost(branch.outcome.disposition))),
        None => text.push_str(&short_ending(page, branch.outcome)),
    }
    let notes: Vec<&str> =
        branch.hops.iter().filter_map(|hop| hop.words.as_deref()).filter(|w| !text.contains(*w)).collect();
    if branch.outcome.depends_on.is_empty() && is_end(branch.outcome) && !notes.is_empty() {
        text.push_str(&format!(" ({})", notes.join("; ")));
    }
    Line {
        hook: hop.map_or("", |hop| &hop.hook),
        chain: hop.map_or("", |hop| &hop.chain),
        mark: branch_mark(branch.outcome),
        text,
        at: hop.map_or((None, None), |hop| (hop.dump.as_deref(), hop.line)),
    }
}

fn branch_mark(outcome: &Outcome) -> Mark {
    if outcome.disposition == Disposition::Indeterminate || !outcome.depends_on.is_empty() {
        Mark::Unknown
    } else if outcome.expected == Some(false) {
        Mark::Bad
    } else {
        Mark::Plain
    }
}

/// The mark of a hop: a way's trouble stands where it ends.
fn mark(outcome: &Outcome, hop: &Hop) -> Mark {
    let ends = outcome.hops.last().is_some_and(|last| last == hop) && is_end(outcome);
    if outcome.expected == Some(false) && (ends || (is_rewrite(hop) && !is_end(outcome))) {
        Mark::Bad
    } else {
        Mark::Plain
    }
}

/// What becomes of a way that the lines below tell the reason of.
const fn lost(disposition: Disposition) -> &'static str {
    match disposition {
        Disposition::Rejected => "refused",
        Disposition::Dropped => "dropped",
        Disposition::Unroutable => "no way on",
        Disposition::Loop => "a loop",
        Disposition::Delivered | Disposition::Local | Disposition::Untouched | Disposition::Indeterminate => "",
    }
}

/// Where a way ends, in a table: pods stand in the header, the node is enough.
pub(super) fn short_ending(page: &Page, outcome: &Outcome) -> String {
    let mut short = outcome.clone();
    short.hops.clear();
    if let (Some(node), Some(is)) = (&outcome.destination_node, &mut short.destination_is) {
        is.clone_from(node);
    }
    ending(page, &short)
}

/// Where a way ends, in words: `→ 10.244.1.5:8080 web-1 on node-a`.
pub(super) fn ending(page: &Page, outcome: &Outcome) -> String {
    let arrow = page.arrow();
    let to = outcome.destination.as_deref().unwrap_or("an end that is not known");
    let is = match (&outcome.destination_is, outcome.expected) {
        (Some(is), Some(false)) => format!(" {is}, not promised"),
        (Some(is), _) => format!(" {is}"),
        (None, Some(false)) => " no endpoint".into(),
        (None, _) => String::new(),
    };
    let by = outcome.by.as_deref().map(|by| format!(" by {by}")).unwrap_or_default();
    let mut text = match outcome.disposition {
        Disposition::Delivered => format!("{arrow} {to}{is}"),
        Disposition::Local => format!("{arrow} {to}{is}, a socket of this node"),
        Disposition::Untouched => format!("{arrow} {to} unchanged"),
        Disposition::Dropped => format!("dropped{by}"),
        Disposition::Rejected => match &outcome.by {
            Some(with) => format!("refused with {with}"),
            None => "refused".into(),
        },
        Disposition::Unroutable => format!("no way to {to}{by}"),
        Disposition::Loop => format!("comes back to {to}: a loop"),
        Disposition::Indeterminate => "not decided".to_owned(),
    };
    if !outcome.depends_on.is_empty() {
        let on: Vec<String> = outcome.depends_on.iter().map(super::findings::short).collect();
        text.push_str(&format!("; depends on {}", on.join(", ")));
    }
    text
}

/// One hop as a line; `None` for a mere passage from chain to chain. `only`: the one way that takes this hop.
fn hop_line<'r>(page: &Page, hop: &'r Hop, next: Option<&Hop>, only: Option<&'r Outcome>) -> Option<Line<'r>> {
    let leads_on = next.is_some_and(|next| !next.chain.is_empty() && hop.action.ends_with(next.chain.as_str()));
    if is_passage(hop) && (hop.action == "return" || !leads_on || is_base(hop) || next.is_some_and(is_rewrite)) {
        return None;
    }
    let text = match only.filter(|_| is_rewrite(hop)) {
        Some(outcome) if !is_end(outcome) => short_ending(page, outcome),
        Some(_) | None => hop.words.clone().unwrap_or_else(|| hop.action.clone()),
    };
    let mark = only.map_or(Mark::Plain, |outcome| mark(outcome, hop));
    Some(Line { hook: &hop.hook, chain: &hop.chain, mark, text, at: (hop.dump.as_deref(), hop.line) })
}
