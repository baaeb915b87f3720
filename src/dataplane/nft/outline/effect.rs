//! Whether a base chain can do anything to the first packet of a connection. In doubt it can.

use rustc_hash::FxHashSet;

use super::{Base, Chain, Table};
use crate::dataplane::Loc;

/// What a rule may do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Effect<'snap> {
    /// Nothing: it counts, logs, or sees no new connection.
    Nothing,
    /// It goes to these chains.
    Jumps(Vec<&'snap str>),
    /// It drops, rewrites, marks, or something that is not known.
    Decides,
}

/// The first line that may decide over a new connection's packet, from a base chain on.
pub(super) fn decides<'snap>(
    table: &Table<'snap>,
    base_chain: &Chain<'snap>,
    base: &Base<'snap>,
    dump: &'snap str,
) -> Option<Loc<'snap>> {
    if base.drops {
        return Some(Loc { dump, line: base.line, text: base.text });
    }
    let mut seen = FxHashSet::default();
    let mut todo = vec![base_chain];
    seen.insert(base_chain.name);
    while let Some(chain) = todo.pop() {
        for (number, line) in (chain.line..).zip(chain.text.lines()) {
            let text = line.trim();
            let found = Loc { dump, line: number, text };
            match effect(text, table) {
                Effect::Nothing => {}
                Effect::Decides => return Some(found),
                Effect::Jumps(names) => {
                    for name in names {
                        let Some(next) = table.by_name.get(name).and_then(|place| table.chains.get(*place)) else {
                            return Some(found);
                        };
                        if seen.insert(name) {
                            todo.push(next);
                        }
                    }
                }
            }
        }
    }
    None
}

/// What one rule may do to a new connection's packet. An `accept` ends a base chain and no other, so without anything
/// that drops or rewrites it does nothing.
pub(super) fn effect<'snap>(rule: &'snap str, table: &Table<'_>) -> Effect<'snap> {
    if rule.is_empty()
        || rule == "}"
        || rule.starts_with("type ")
        || rule.starts_with("comment ")
        || rule.starts_with('#')
    {
        return Effect::Nothing;
    }
    let words = words(rule);
    if misses_new(&words) {
        return Effect::Nothing;
    }
    let mut jumps = Vec::new();
    let mut rest = words.iter().copied().peekable();
    while let Some(word) = rest.next() {
        match word {
            "drop" | "reject" | "dnat" | "snat" | "masquerade" | "redirect" | "tproxy" | "queue" | "notrack"
            | "dup" | "fwd" | "synproxy" | "set" | "xt" | "reset" => return Effect::Decides,
            // `ct status dnat` asks, it does not rewrite.
            "status" => while rest.next_if(|word| ["!=", "{", "}", "dnat", "snat"].contains(word)).is_some() {},
            "jump" | "goto" => match rest.next() {
                Some(name) => jumps.push(name),
                None => return Effect::Decides,
            },
            // A map of verdicts without elements matches nothing.
            "vmap" => {
                if let Some(name) = rest.clone().next().and_then(|word| word.strip_prefix('@'))
                    && table.filled.contains(name)
                {
                    return Effect::Decides;
                }
            }
            _ => {}
        }
    }
    if jumps.is_empty() { Effect::Nothing } else { Effect::Jumps(jumps) }
}

/// Words outside of quotes; punctuation of lists stands alone.
fn words(rule: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for (place, part) in rule.split('"').enumerate() {
        if place % 2 == 0 {
            found.extend(
                part.split(|c: char| c.is_whitespace() || c == ',' || c == ';').filter(|word| !word.is_empty()),
            );
        }
    }
    found
}

/// Whether a rule asks for a state that the first packet of a connection does not have: `ct state invalid drop`,
/// `ct state { established, related } accept`, `ct state vmap { invalid : drop }`.
fn misses_new(words: &[&str]) -> bool {
    const STATES: [&str; 5] = ["new", "established", "related", "invalid", "untracked"];
    let mut rest = words
        .windows(2)
        .position(|pair| pair == ["ct", "state"])
        .and_then(|at| words.get(at + 2..))
        .unwrap_or_default();
    let mapped = rest.first() == Some(&"vmap");
    if mapped {
        rest = rest.get(1..).unwrap_or_default();
    }
    let braced = rest.first() == Some(&"{");
    if mapped && !braced {
        return false;
    }
    if braced {
        let end = rest.iter().position(|word| *word == "}").unwrap_or(rest.len());
        rest = rest.get(1..end).unwrap_or_default();
    }
    let mut states =
        rest.iter().take_while(|word| braced || STATES.contains(word)).filter(|word| STATES.contains(word)).peekable();
    states.peek().is_some() && states.all(|state| *state != "new" && *state != "untracked")
}
