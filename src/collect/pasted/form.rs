//! Which dumps a pasted text holds, told by its content: whole texts of one format here, line formats by `sorter`.

use super::Pasted;
use super::decode::MAX_LINE;
use super::lines::{Line, line, split};
use super::listing;
use super::sorter::Sorter;
use crate::collect::complete::prove;
use crate::collect::snapshot::Dump;

/// Why a text is not taken.
#[derive(Debug)]
pub(super) enum Refusal {
    /// It is nothing that is known.
    Unknown(String),
    /// It is known and not read.
    NotRead {
        /// What it is.
        what: &'static str,
        /// What to give instead.
        instead: &'static str,
    },
}

/// The dumps in `text`.
pub(super) fn dumps(text: &str) -> Result<Vec<Pasted>, Refusal> {
    let first = first_said(text);
    if let Some(whole) = json(text, first).or_else(|| ruleset(text)).or_else(|| other(text, first)) {
        return whole.map(|pasted| vec![pasted]);
    }
    let mut sorter = Sorter::default();
    let (mut count, mut has_listing) = (0, false);
    for text in split(text) {
        if text.len() > MAX_LINE {
            return Err(Refusal::Unknown(format!(
                "line {} has {} bytes, and no tool prints such a line",
                count + 1,
                text.len()
            )));
        }
        let line = line(text);
        has_listing |= listing::may_begin(line);
        sorter.take(count, line);
        count += 1;
    }
    let listed = has_listing.then(|| listing::as_rules(text)).flatten();
    if let Some(listed) = &listed {
        sorter = Sorter::default();
        split(listed).enumerate().for_each(|(number, text)| sorter.take(number, line(text)));
    }
    let mut found = sorter.finish(count);
    if listed.is_some() {
        for pasted in found.iter_mut().filter(|pasted| pasted.name.ends_with("tables-save")) {
            pasted.dump.argv = listing::COMMAND.map(ToOwned::to_owned).to_vec();
        }
    }
    if found.is_empty() { Err(nothing_in(listed.as_deref().unwrap_or(text))) } else { Ok(found) }
}

/// The first line that says something of its own: neither blank nor a command.
fn first_said(text: &str) -> &str {
    let says = |text: &&str| !text.trim().is_empty() && !is_around(text);
    split(text).find(says).unwrap_or_default().trim_start()
}

fn nothing_in(text: &str) -> Refusal {
    if text.lines().any(listing::is_rule) {
        return Refusal::NotRead {
            what: "rules of `iptables -L` without the chain that they are of",
            instead: "ssh NODE iptables-save | kubectl svc-trace TARGET --node-dump -",
        };
    }
    let first: String = text.trim().lines().next().unwrap_or_default().chars().take(60).collect();
    Refusal::Unknown(format!("it begins with `{}`", first.escape_debug()))
}

/// JSON that `ip -j` prints.
fn json(text: &str, first: &str) -> Option<Result<Pasted, Refusal>> {
    if !first.starts_with(['[', '{']) {
        return None;
    }
    let body = without_commands(text);
    let value: serde_json::Value = match serde_json::from_str(&body) {
        Ok(value) => value,
        // rules with counters begin with `[` too
        Err(error) if error.is_eof() => {
            return Some(Err(Refusal::Unknown("it is JSON that ends in the middle".to_owned())));
        }
        Err(_) => return None,
    };
    let row = value.as_array().and_then(|rows| rows.first());
    let has = |field: &str| row.is_some_and(|row| row.get(field).is_some());
    let name = if value.get("nftables").is_some() {
        return Some(Err(Refusal::NotRead {
            what: "the JSON form of an nftables ruleset",
            instead: "nft list ruleset",
        }));
    } else if value.get("items").is_some() || value.get("apiVersion").is_some() {
        return Some(Err(Refusal::NotRead {
            what: "a list of Kubernetes objects",
            instead: "objects belong in a bundle: --bundle DIR",
        }));
    } else if has("addr_info") {
        "ip-addr"
    } else if has("ifname") {
        "ip-link"
    } else if has("priority") || has("table") && has("src") && !has("dst") {
        "ip-rule"
    } else if has("dst") {
        // without -6 `ip` shows both families when it shows all tables
        let wide = |row: &serde_json::Value| {
            ["dst", "gateway"].iter().any(|f| row.get(f).and_then(|v| v.as_str()).is_some_and(|t| t.contains(':')))
        };
        if value.as_array().into_iter().flatten().all(wide) { "ip-route6" } else { "ip-route" }
    } else {
        return Some(Err(Refusal::Unknown("it is JSON of something else".to_owned())));
    };
    Some(Ok(Pasted { name, dump: Dump { complete: prove(name, &body), text: body, ..Dump::default() } }))
}

/// `nft list ruleset`: `table ip kube-proxy {`
fn ruleset(text: &str) -> Option<Result<Pasted, Refusal>> {
    let opens = |at: usize| {
        let (before, rest) = text.split_at_checked(at).unwrap_or_default();
        let begins = before.rsplit('\n').next().is_some_and(|before| before.trim_ascii().is_empty());
        let mut words = split(rest).next().unwrap_or_default().split_ascii_whitespace();
        begins && words.next() == Some("table") && words.next().is_some() && words.last() == Some("{")
    };
    memchr::memmem::find_iter(text.as_bytes(), "table").any(opens).then(|| {
        let text = tables(text);
        Ok(Pasted {
            name: "nft-ruleset",
            dump: Dump { complete: prove("nft-ruleset", &text), text, ..Dump::default() },
        })
    })
}

/// Formats that are known by how a line of theirs begins.
fn other(text: &str, first: &str) -> Option<Result<Pasted, Refusal>> {
    const BEGIN: [(&str, &str); 6] = [
        ("net.ipv4.", "sysctl"),
        ("net.ipv6.", "sysctl"),
        ("net.netfilter.", "sysctl"),
        ("net.bridge.", "sysctl"),
        ("tcp      6 ", "conntrack"),
        ("udp      17 ", "conntrack"),
    ];
    let interface = first
        .split_once(": ")
        .is_some_and(|(number, rest)| number.bytes().all(|b| b.is_ascii_digit()) && rest.contains(": <"));
    if interface || first.starts_with("default via ") {
        return Some(Err(Refusal::NotRead {
            what: "the text form of `ip`",
            instead: "ip -j addr, or ip -j route show table all",
        }));
    }
    let (_, name) = *BEGIN.iter().find(|(begin, _)| first.starts_with(begin))?;
    let body = without_commands(text);
    Some(Ok(Pasted { name, dump: Dump { complete: prove(name, &body), text: body, ..Dump::default() } }))
}

/// The same, but inside of tables: there `ip daddr 10.96.0.1 …` is a rule, and no command.
fn tables(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 1);
    let mut depth = 0_usize;
    for text in split(text) {
        let opens = text.starts_with("table ") && text.trim_end().ends_with('{');
        if opens {
            depth = 0;
        }
        if depth > 0 || opens || !is_around(text) {
            out.push_str(text);
        }
        out.push('\n');
        let mut quoted = false;
        for byte in text.bytes() {
            match byte {
                b'"' => quoted = !quoted,
                b'{' if !quoted => depth += 1,
                b'}' if !quoted => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
    }
    out
}

/// Whether a line is around what a tool printed: a prompt, a command, a fence.
fn is_around(text: &str) -> bool {
    text.starts_with("```") || text.len() < 4096 && matches!(line(text), Line::Command(_))
}

/// The text with prompts and commands blank, and without CR.
fn without_commands(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 1);
    for text in split(text) {
        if !is_around(text) {
            out.push_str(text);
        }
        out.push('\n');
    }
    out
}
