//! Outline of `nft list ruleset`: native tables, their base chains, and whether these can do anything to a packet.
//! Does not walk them. Tables that iptables-nft made are left to the reader of `iptables-save`.

mod effect;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::collect::snapshot::{Dump, NodeDumps};
use crate::dataplane::Loc;
use crate::dataplane::hooks::Hook;
use crate::dataplane::links::read_dump;
use crate::dataplane::plane::Family;

/// A base chain that may decide.
#[derive(Debug, Clone, Copy)]
pub struct NftBase<'snap> {
    /// Where it hooks.
    pub hook: Hook,
    /// How early.
    pub priority: i32,
    /// `inet firewalld`.
    pub table: &'snap str,
    /// `filter_INPUT`.
    pub chain: &'snap str,
    /// `filter`, `nat`, `route`.
    pub kind: &'snap str,
    /// The first line that may decide: a rule, or the policy.
    pub at: Loc<'snap>,
}

/// A base chain that sees packets before, or beside, the hooks that are walked.
#[derive(Debug, Clone, Copy)]
pub struct EarlyBase<'snap> {
    /// `netdev early`.
    pub table: &'snap str,
    /// `in`.
    pub chain: &'snap str,
    /// `ingress`, `egress`, or a hook of a bridge.
    pub hook: &'snap str,
    /// Interface that it is bound to.
    pub device: Option<&'snap str>,
    /// The first line that may decide.
    pub at: Loc<'snap>,
}

/// One table.
#[derive(Debug)]
struct Table<'snap> {
    /// `inet firewalld`.
    title: &'snap str,
    line: u32,
    head: &'snap str,
    dormant: bool,
    chains: Vec<Chain<'snap>>,
    by_name: FxHashMap<&'snap str, usize>,
    /// Maps and sets that have elements.
    filled: FxHashSet<&'snap str>,
}

/// One chain: its lines, and where it hooks.
#[derive(Debug)]
struct Chain<'snap> {
    name: &'snap str,
    line: u32,
    text: &'snap str,
    base: Option<Base<'snap>>,
}

/// `type filter hook prerouting priority dstnat - 10; policy accept;`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Base<'snap> {
    kind: &'snap str,
    hook: &'snap str,
    device: Option<&'snap str>,
    priority: Option<i32>,
    drops: bool,
    line: u32,
    text: &'snap str,
}

impl<'snap> Table<'snap> {
    fn family(&self) -> &'snap str {
        self.title.split_once(' ').map_or("", |(family, _)| family)
    }

    fn name(&self) -> &'snap str {
        self.title.split_once(' ').map_or("", |(_, name)| name)
    }
}

/// Base chains of native tables that a packet of this family passes and that can decide over it.
#[must_use]
pub fn base_chains(dumps: &NodeDumps, family: Family) -> Vec<NftBase<'_>> {
    let mut found = Vec::new();
    for_each_base(dumps, |name, table, base, chain| {
        let ours = match table.family() {
            "inet" => true,
            "ip" => family == Family::V4,
            "ip6" => family == Family::V6,
            _ => false,
        };
        let Some(hook) = Hook::ALL.into_iter().find(|hook| hook.as_str() == base.hook).filter(|_| ours) else { return };
        let Some(at) = effect::decides(table, chain, base, name) else { return };
        let priority = base.priority.unwrap_or_default();
        found.push(NftBase { hook, priority, table: table.title, chain: chain.name, kind: base.kind, at });
    });
    found
}

/// Base chains of native tables that may act on a packet before the hooks that are walked: at ingress, or on a bridge.
#[must_use]
pub fn early_chains(dumps: &NodeDumps) -> Vec<EarlyBase<'_>> {
    let mut found = Vec::new();
    // Few nodes have one, and a ruleset may be long.
    let early = ["hook ingress", "hook egress", "table bridge"];
    if !read_dump(dumps, "nft-ruleset").is_some_and(|(_, dump)| early.iter().any(|words| dump.text.contains(words))) {
        return found;
    }
    for_each_base(dumps, |name, table, base, chain| {
        let bridged = table.family() == "bridge";
        if !bridged && !["ingress", "egress"].contains(&base.hook) {
            return;
        }
        let Some(at) = effect::decides(table, chain, base, name) else { return };
        found.push(EarlyBase { table: table.title, chain: chain.name, hook: base.hook, device: base.device, at });
    });
    found
}

/// Where kube-proxy's own table stands, and whether it holds any Service.
#[must_use]
pub fn kube_proxy_table(dumps: &NodeDumps) -> Option<(bool, Loc<'_>)> {
    let (name, dump) = read_dump(dumps, "nft-ruleset")?;
    if !dump.text.contains(" kube-proxy {") {
        return None;
    }
    let tables = tables(&dump.text);
    let own: Vec<_> =
        tables.iter().filter(|table| table.name() == "kube-proxy" && table.family().starts_with("ip")).collect();
    let first = own.first()?;
    let serves =
        own.iter().any(|table| table.filled.contains("service-ips") || table.filled.contains("no-endpoint-services"));
    Some((serves, Loc { dump: name, line: first.line, text: first.head }))
}

fn for_each_base<'snap>(
    dumps: &'snap NodeDumps,
    mut with: impl FnMut(&'snap str, &Table<'snap>, &Base<'snap>, &Chain<'snap>),
) {
    let Some((name, dump)) = read_dump(dumps, "nft-ruleset") else { return };
    if !dump.text.contains("hook") {
        return;
    }
    for table in tables(&dump.text).iter().filter(|table| !table.dormant && !is_managed(table, dump, dumps)) {
        for chain in &table.chains {
            if let Some(base) = &chain.base {
                with(name, table, base, chain);
            }
        }
    }
}

/// Whether iptables-nft made a table. nft says so, on stderr or (from 1.0.9 on) among the rules; without that word
/// it is one if it looks like one and `iptables-save` shows a table of that name.
fn is_managed(table: &Table<'_>, dump: &Dump, dumps: &NodeDumps) -> bool {
    let warning = format!("# Warning: table {} is managed by iptables-nft", table.title);
    if dump.stderr.contains(&warning) || dump.text.contains(&warning) {
        return true;
    }
    let saves = match table.family() {
        "ip" => ["iptables-save", "iptables-nft-save"],
        "ip6" => ["ip6tables-save", "ip6tables-nft-save"],
        _ => return false,
    };
    let builtin = |name: &str| Hook::ALL.into_iter().any(|hook| hook.chain() == name);
    let looks_so = ["raw", "mangle", "nat", "filter", "security"].contains(&table.name())
        && table.chains.iter().all(|chain| chain.base.is_none() || builtin(chain.name));
    let head = format!("*{}", table.name());
    looks_so
        && saves
            .into_iter()
            .filter_map(|save| read_dump(dumps, save))
            .any(|(_, save)| save.text.lines().any(|line| line == head))
}

/// What stands between two braces.
#[derive(Clone, Copy)]
enum Inside<'snap> {
    Nothing,
    Table,
    Chain(usize),
    /// A set or map, by name.
    Set(&'snap str),
    Other,
}

/// Reads the outline in one pass.
fn tables(text: &str) -> Vec<Table<'_>> {
    let mut found: Vec<Table<'_>> = Vec::new();
    let mut inside = Inside::Nothing;
    let mut depth = 0_usize;
    let mut at = 0;
    for (number, raw) in text.split_inclusive('\n').enumerate() {
        let start = at;
        at += raw.len();
        let number = u32::try_from(number).unwrap_or(u32::MAX).saturating_add(1);
        let line = raw.trim();
        // Only a whole table begins in the first column; so a cut one does not swallow those that follow.
        if let Some(title) = raw.strip_prefix("table ").and_then(|head| head.trim_end().strip_suffix(" {")) {
            found.push(Table {
                title,
                line: number,
                head: line,
                dormant: false,
                chains: Vec::new(),
                by_name: FxHashMap::default(),
                filled: FxHashSet::default(),
            });
            (inside, depth) = (Inside::Table, 1);
            continue;
        }
        let Some(table) = found.last_mut() else { continue };
        match inside {
            Inside::Nothing => continue,
            Inside::Table => {
                table.dormant |= line.starts_with("flags") && line.contains("dormant");
                let mut words = line.split_ascii_whitespace();
                match (words.next(), words.next()) {
                    (Some("chain"), Some(name)) if line.ends_with('{') => {
                        table.by_name.insert(name, table.chains.len());
                        inside = Inside::Chain(table.chains.len());
                        table.chains.push(Chain { name, line: number.saturating_add(1), text: "", base: None });
                    }
                    (Some("set" | "map"), Some(name)) if line.ends_with('{') => inside = Inside::Set(name),
                    _ if line.ends_with('{') => inside = Inside::Other,
                    _ => {}
                }
            }
            Inside::Chain(place) => {
                if let Some(chain) = table.chains.get_mut(place) {
                    if chain.base.is_none() && line.starts_with("type ") {
                        chain.base = read_base(line, number, table.title);
                    }
                    if depth > 2 || line != "}" {
                        let from = if chain.text.is_empty() {
                            start
                        } else {
                            chain.text.as_ptr().addr() - text.as_ptr().addr()
                        };
                        chain.text = text.get(from..at).unwrap_or_default();
                    }
                }
            }
            Inside::Set(name) => {
                if line.starts_with("elements = {") {
                    table.filled.insert(name);
                }
            }
            Inside::Other => {}
        }
        depth = braces(line, depth);
        match depth {
            0 => inside = Inside::Nothing,
            1 => inside = Inside::Table,
            _ => {}
        }
    }
    found
}

/// How deep in braces a line ends.
fn braces(line: &str, mut depth: usize) -> usize {
    let mut quoted = false;
    for byte in line.bytes() {
        match byte {
            b'"' => quoted = !quoted,
            b'{' if !quoted => depth += 1,
            b'}' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    depth
}

fn read_base<'snap>(line: &'snap str, number: u32, title: &str) -> Option<Base<'snap>> {
    let (head, rest) = line.split_once(';').unwrap_or((line, ""));
    let mut words = head.split_ascii_whitespace().peekable();
    let (Some("type"), Some(kind), Some("hook"), Some(hook)) = (words.next(), words.next(), words.next(), words.next())
    else {
        return None;
    };
    let mut device = None;
    if words.next_if(|word| *word == "device" || *word == "devices").is_some() {
        device = words.next().map(|name| name.trim_matches('"'));
    }
    let mut priority = None;
    if words.find(|word| *word == "priority").is_some() {
        let bridge = title.starts_with("bridge ");
        priority = read_priority(&mut words, if bridge { &BRIDGE_PRIORITIES } else { &PRIORITIES });
    }
    let drops = rest.split_once("policy").is_some_and(|(_, policy)| policy.trim_start().starts_with("drop"));
    Some(Base { kind, hook, device, priority, drops, line: number, text: line })
}

/// Names of priorities; nftables src/rule.c std_prios and bridge_std_prios.
const PRIORITIES: [(&str, i32); 6] =
    [("raw", -300), ("mangle", -150), ("dstnat", -100), ("filter", 0), ("security", 50), ("srcnat", 100)];
const BRIDGE_PRIORITIES: [(&str, i32); 4] = [("dstnat", -300), ("filter", -200), ("out", 100), ("srcnat", 300)];

/// `filter`, `-110`, `dstnat - 10`.
fn read_priority<'a>(words: &mut impl Iterator<Item = &'a str>, names: &[(&str, i32)]) -> Option<i32> {
    let first = words.next()?;
    let start = match names.iter().find(|(name, _)| *name == first) {
        Some((_, value)) => *value,
        None => first.parse().ok()?,
    };
    match words.next() {
        None => Some(start),
        Some("+") => start.checked_add(words.next()?.parse().ok()?),
        Some("-") => start.checked_sub(words.next()?.parse().ok()?),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests;
