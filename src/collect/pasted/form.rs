//! Which dumps a pasted text holds, told by its content: whole texts of one format here, line formats by `sorter`.

use super::Pasted;
use super::decode::MAX_LINE;
use super::lines::{Line, line};
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
    if let Some(whole) = json(text).or_else(|| ruleset(text)).or_else(|| other(text)) {
        return whole.map(|pasted| vec![pasted]);
    }
    if let Some((number, line)) = text.lines().enumerate().find(|(_, line)| line.len() > MAX_LINE) {
        return Err(Refusal::Unknown(format!(
            "line {} has {} bytes, and no tool prints such a line",
            number + 1,
            line.len()
        )));
    }
    let mut sorter = Sorter::default();
    for (number, text) in text.lines().enumerate() {
        sorter.take(number, line(text));
    }
    let found = sorter.finish(text.lines().count());
    if found.is_empty() { Err(nothing_in(text)) } else { Ok(found) }
}

fn nothing_in(text: &str) -> Refusal {
    if text.lines().any(|text| matches!(line(text), Line::Listing(_))) {
        return Refusal::NotRead {
            what: "a listing of `iptables -L`",
            instead: "ssh NODE iptables-save | kubectl svc-trace TARGET --node-dump -",
        };
    }
    let first: String = text.trim().lines().next().unwrap_or_default().chars().take(60).collect();
    Refusal::Unknown(format!("it begins with `{}`", first.escape_debug()))
}

/// JSON that `ip -j` prints.
fn json(text: &str) -> Option<Result<Pasted, Refusal>> {
    let body = without_commands(text);
    if !body.trim_start().starts_with(['[', '{']) {
        return None;
    }
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
    let opens = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        words.next() == Some("table") && words.next().is_some() && line.trim_end().ends_with('{')
    };
    text.lines().any(opens).then(|| {
        let text = without_commands(text);
        Ok(Pasted {
            name: "nft-ruleset",
            dump: Dump { complete: prove("nft-ruleset", &text), text, ..Dump::default() },
        })
    })
}

/// Formats that are known by how a line of theirs begins.
fn other(text: &str) -> Option<Result<Pasted, Refusal>> {
    const BEGIN: [(&str, &str); 8] = [
        ("net.ipv4.", "sysctl"),
        ("net.ipv6.", "sysctl"),
        ("net.netfilter.", "sysctl"),
        ("net.bridge.", "sysctl"),
        ("Name: KUBE-", "ipset-list"),
        ("tcp      6 ", "conntrack"),
        ("udp      17 ", "conntrack"),
        ("IP Virtual Server version", "ipvsadm-list"),
    ];
    let body = without_commands(text);
    let first = body.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim_start();
    let interface = first
        .split_once(": ")
        .is_some_and(|(number, rest)| number.bytes().all(|b| b.is_ascii_digit()) && rest.contains(": <"));
    if interface || first.starts_with("default via ") {
        return Some(Err(Refusal::NotRead {
            what: "the text form of `ip`",
            instead: "ip -j addr, or ip -j route show table all",
        }));
    }
    let (_, mut name) = *BEGIN.iter().find(|(begin, _)| first.starts_with(begin))?;
    if name == "ipvsadm-list"
        && body.lines().any(|line| line.starts_with("TCP  ") && line.get(5..13).is_some_and(is_hex))
    {
        name = "proc-net-ip_vs"; // the kernel's file has the same head and hexadecimal addresses
    }
    Some(Ok(Pasted { name, dump: Dump { complete: prove(name, &body), text: body, ..Dump::default() } }))
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// The text with prompts and commands blank, and without CR.
fn without_commands(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 1);
    for text in text.lines() {
        let short = text.len() < 4096;
        if !(short && matches!(line(text), Line::Command(_)) || text.starts_with("```")) {
            out.push_str(text);
        }
        out.push('\n');
    }
    out
}
