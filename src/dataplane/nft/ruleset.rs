//! `nft list ruleset`, indexed in one pass: tables, their chains and sets as ranges of lines. A chain's rules are read
//! when a packet enters it, a set's elements when they are first asked for.

use std::sync::OnceLock;

use rustc_hash::FxHashMap;

use super::base::{self, Base};
use super::kind::Kind;
use super::parse_expr::kinds_of;
use super::parse_limit::named_limit;
use super::parse_statement::rule;
use super::set::Elements;
use super::statement::{Limit, Rule};
use crate::dataplane::Loc;
use crate::dataplane::plane::Family;

/// All tables of a dump.
#[derive(Debug, Default)]
pub struct Tables<'snap> {
    /// In the order of the dump.
    pub tables: Vec<Table<'snap>>,
    /// Lines that stand in no table.
    pub unread: Vec<Loc<'snap>>,
}

/// One table.
///
/// `table ip kube-proxy {`
#[derive(Debug)]
pub struct Table<'snap> {
    /// `ip kube-proxy`
    pub title: &'snap str,
    /// The line that opens it.
    pub at: Loc<'snap>,
    /// Whether its base chains hook.
    pub standing: Standing,
    /// Its chains, in order.
    pub chains: Vec<Chain<'snap>>,
    by_name: FxHashMap<&'snap str, usize>,
    sets: FxHashMap<&'snap str, Set<'snap>>,
    /// Named limits and quotas: what the first line in them says.
    limits: FxHashMap<(&'static str, &'snap str), &'snap str>,
    /// Whether the brace that ends it was read.
    pub end: End,
    filling: Option<&'snap str>,
    limiting: Option<(&'static str, &'snap str)>,
}

/// Whether a table acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It does.
    Active,
    /// `flags dormant`: its base chains are not hooked.
    Dormant,
    /// iptables-nft made it: it is read from `iptables-save`.
    Managed,
}

/// Whether a table's text is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It is closed.
    Read,
    /// It is cut.
    Missing,
}

/// One chain.
#[derive(Debug)]
pub struct Chain<'snap> {
    /// `services`
    pub name: &'snap str,
    /// The line that opens it.
    pub at: Loc<'snap>,
    /// Where it hooks, if it is a base chain.
    pub base: Option<Base<'snap>>,
    text: &'snap str,
    rules: OnceLock<Vec<Rule<'snap>>>,
}

/// One set or map.
#[derive(Debug)]
pub struct Set<'snap> {
    /// `service-ips`
    pub name: &'snap str,
    /// The line that opens it.
    pub at: Loc<'snap>,
    text: &'snap str,
    head: OnceLock<Head<'snap>>,
}

/// What a set or map is of.
#[derive(Debug)]
struct Head<'snap> {
    learning: Learning,
    elements: Elements<'snap>,
}

/// Whether packets add elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Learning {
    /// `flags dynamic`: they do, or may.
    Packets,
    /// Only who makes the rules.
    Nothing,
}

impl<'snap> Table<'snap> {
    /// `ip`
    #[must_use]
    pub fn family(&self) -> &'snap str {
        self.title.split_once(' ').map_or("", |(family, _)| family)
    }

    /// `kube-proxy`
    #[must_use]
    pub fn name(&self) -> &'snap str {
        self.title.split_once(' ').map_or("", |(_, name)| name)
    }

    /// Whether packets of this family pass its base chains.
    #[must_use]
    pub fn sees(&self, family: Family) -> bool {
        match self.family() {
            "inet" => true,
            "ip" => family == Family::V4,
            "ip6" => family == Family::V6,
            _ => false,
        }
    }

    /// The place of a chain.
    #[must_use]
    pub fn index_of(&self, chain: &str) -> Option<usize> {
        self.by_name.get(chain).copied()
    }

    /// A chain by name.
    #[must_use]
    pub fn chain(&self, name: &str) -> Option<&Chain<'snap>> {
        self.chains.get(self.index_of(name)?)
    }

    /// A set or map by name.
    #[must_use]
    pub fn set(&self, name: &str) -> Option<&Set<'snap>> {
        self.sets.get(name)
    }

    /// What a named limit or quota says; `kind` is `limit` or `quota`.
    #[must_use]
    pub fn limit(&self, kind: &str, name: &str) -> Option<Limit<'snap>> {
        let kind = ["limit", "quota"].into_iter().find(|one| *one == kind)?;
        self.limits.get(&(kind, name)).map(|text| named_limit(text, kind))
    }

    /// All sets and maps, in no order.
    pub fn sets(&self) -> impl Iterator<Item = &Set<'snap>> {
        self.sets.values()
    }
}

impl<'snap> Chain<'snap> {
    /// Its rules, read once.
    pub fn rules(&self) -> &[Rule<'snap>] {
        self.rules.get_or_init(|| self.lines().map(rule).collect())
    }

    /// Whether it has no rule.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines().next().is_none()
    }

    /// Its rules as they stand; one that goes over several lines is one.
    pub fn lines(&self) -> impl Iterator<Item = Loc<'snap>> {
        RuleLines { text: self.text, dump: self.at.dump, line: self.at.line.saturating_add(1) }
    }
}

struct RuleLines<'snap> {
    text: &'snap str,
    dump: &'snap str,
    line: u32,
}

impl<'snap> Iterator for RuleLines<'snap> {
    type Item = Loc<'snap>;

    fn next(&mut self) -> Option<Loc<'snap>> {
        loop {
            if self.text.is_empty() {
                return None;
            }
            let first = self.line;
            let mut end = 0;
            loop {
                let rest = self.text.get(end..).unwrap_or_default();
                let len = memchr::memchr(b'\n', rest.as_bytes()).map_or(rest.len(), |len| len + 1);
                end += len;
                self.line = self.line.saturating_add(1);
                if len == rest.len() || !goes_on(rest.get(..len).unwrap_or_default().trim_end()) {
                    break;
                }
            }
            let (one, rest) = self.text.split_at_checked(end).unwrap_or((self.text, ""));
            self.text = rest;
            let text = one.trim();
            let says_nothing = text.is_empty()
                || text.starts_with('#')
                || text.starts_with("comment ")
                || text.starts_with("type ")
                || text.starts_with("policy ");
            if !says_nothing {
                return Some(Loc { dump: self.dump, line: first, text });
            }
        }
    }
}

/// Whether a rule is not at its end: nft breaks lines only between the elements of a set.
fn goes_on(line: &str) -> bool {
    line.ends_with(',') || line.ends_with('{')
}

impl<'snap> Set<'snap> {
    fn head(&self) -> &Head<'snap> {
        self.head.get_or_init(|| {
            let (mut kinds, mut learning) = (Vec::new(), Learning::Nothing);
            let mut at = 0;
            let mut line = self.at.line;
            let mut elements = None;
            for raw in self.text.split_inclusive('\n') {
                line = line.saturating_add(1);
                let text = raw.trim();
                if let Some(first) = text.strip_prefix("elements = {") {
                    let start = at + raw.find("elements = {").unwrap_or_default() + "elements = {".len();
                    let rest = self.text.get(start..).unwrap_or(first);
                    elements = Some((rest.trim_end().strip_suffix('}').unwrap_or(rest), line));
                    break;
                }
                at += raw.len();
                if let Some(types) = text.strip_prefix("type ") {
                    let keys = types.split(" : ").next().unwrap_or_default();
                    kinds = keys.split(" . ").map(|name| Kind::of_type(name.trim_end_matches(';').trim())).collect();
                } else if let Some(types) = text.strip_prefix("typeof ") {
                    kinds = kinds_of(types.split(" : ").next().unwrap_or_default().trim_end_matches(';'));
                } else if text.starts_with("flags ") && text.contains("dynamic") {
                    learning = Learning::Packets;
                }
            }
            let (text, line) = elements.unwrap_or(("", line));
            Head { learning, elements: Elements::named(kinds, text, line) }
        })
    }

    /// Its elements.
    #[must_use]
    pub fn elements(&self) -> &Elements<'snap> {
        &self.head().elements
    }

    /// Whether packets add to it.
    #[must_use]
    pub fn learning(&self) -> Learning {
        self.head().learning
    }
}

/// What the lines are of.
#[derive(Clone, Copy)]
enum Inside {
    Nothing,
    Table,
    Chain,
    Set,
    /// Something that is not read, so many braces deep.
    Other(usize),
}

/// One pass over the text.
#[must_use]
pub fn index<'snap>(dump: &'snap str, text: &'snap str) -> Tables<'snap> {
    let mut found = Tables::default();
    let mut inside = Inside::Nothing;
    // Where the text of the object begins that is being read, and whether a list of it is open.
    let (mut body, mut open) = (0, false);
    let mut at = 0;
    let mut number = 0_u32;
    while at < text.len() {
        let start = at;
        let rest = text.as_bytes().get(at..).unwrap_or_default();
        at += memchr::memchr(b'\n', rest).map_or(rest.len(), |len| len + 1);
        number = number.saturating_add(1);
        let raw = text.get(start..at).unwrap_or_default();
        // Only a whole table begins in the first column; so a cut one does not swallow those that follow.
        if raw.starts_with("table ")
            && let Some(title) = head(raw.trim_end(), "table ")
        {
            found.tables.push(Table::new(title, Loc { dump, line: number, text: raw.trim_end() }));
            inside = Inside::Table;
            continue;
        }
        let line = raw.trim_ascii();
        if line.is_empty() {
            continue;
        }
        let here = Loc { dump, line: number, text: line };
        let Some(table) = found.tables.last_mut().filter(|_| !matches!(inside, Inside::Nothing)) else {
            if !line.starts_with('#') {
                found.unread.push(here);
            }
            continue;
        };
        match inside {
            Inside::Nothing => {}
            Inside::Table => {
                open = false;
                inside = table.line(here, &mut body, at);
            }
            Inside::Chain => {
                let closed = line == "}" && !open;
                open = goes_on(line);
                if closed {
                    inside = Inside::Table;
                    if let Some(chain) = table.chains.last_mut() {
                        chain.text = text.get(body..start).unwrap_or_default();
                    }
                } else if let Some(chain) = table.chains.last_mut().filter(|_| line.starts_with("type ")) {
                    let family = table.title.split_once(' ').map_or("", |(family, _)| family);
                    chain.base = chain.base.or_else(|| base::read(here, family));
                }
            }
            Inside::Set => {
                if open {
                    open = !line.ends_with('}');
                } else if line == "}" {
                    inside = Inside::Table;
                    table.fill(text.get(body..start).unwrap_or_default());
                } else {
                    open = line.starts_with("elements = {") && !line.ends_with('}');
                }
            }
            Inside::Other(depth) => {
                if !line.starts_with("comment ")
                    && line != "}"
                    && let Some(key) = table.limiting.take()
                {
                    table.limits.insert(key, line);
                }
                let deeper = usize::from(line.ends_with('{'));
                let depth = (depth + deeper).saturating_sub(usize::from(line == "}"));
                inside = if depth == 0 { Inside::Table } else { Inside::Other(depth) };
            }
        }
        if matches!(inside, Inside::Table) && table.end == End::Read {
            inside = Inside::Nothing;
        }
    }
    // What is cut is still of use.
    if let Some(table) = found.tables.last_mut() {
        let rest = text.get(body..).unwrap_or_default();
        match inside {
            Inside::Chain => {
                if let Some(chain) = table.chains.last_mut() {
                    chain.text = rest;
                }
            }
            Inside::Set => table.fill(rest),
            Inside::Nothing | Inside::Table | Inside::Other(_) => {}
        }
    }
    found
}

/// `table ip kube-proxy {` → `ip kube-proxy`, with or without the handle that `nft -a` prints.
fn head<'snap>(line: &'snap str, keyword: &str) -> Option<&'snap str> {
    let rest = line.strip_prefix(keyword)?;
    let rest = rest.rsplit_once(" # handle ").map_or(rest, |(rest, _)| rest);
    rest.strip_suffix(" {").map(str::trim)
}

impl<'snap> Table<'snap> {
    fn new(title: &'snap str, at: Loc<'snap>) -> Self {
        Self {
            title,
            at,
            standing: Standing::Active,
            chains: Vec::new(),
            by_name: FxHashMap::default(),
            sets: FxHashMap::default(),
            limits: FxHashMap::default(),
            end: End::Missing,
            filling: None,
            limiting: None,
        }
    }

    /// A line of the table itself.
    fn line(&mut self, here: Loc<'snap>, body: &mut usize, next: usize) -> Inside {
        if here.text == "}" {
            self.end = End::Read;
            return Inside::Table;
        }
        if here.text.starts_with("flags") {
            if here.text.contains("dormant") {
                self.standing = Standing::Dormant;
            }
            return Inside::Table;
        }
        if let Some(name) = head(here.text, "chain ") {
            self.by_name.insert(name, self.chains.len());
            self.chains.push(Chain { name, at: here, base: None, text: "", rules: OnceLock::new() });
            *body = next;
            return Inside::Chain;
        }
        for keyword in ["set ", "map ", "meter "] {
            if let Some(name) = head(here.text, keyword) {
                self.sets.insert(name, Set { name, at: here, text: "", head: OnceLock::new() });
                // The one whose text is still missing is the one that is being read.
                self.filling = Some(name);
                *body = next;
                return Inside::Set;
            }
        }
        self.limiting = None;
        for (keyword, kind) in [("limit ", "limit"), ("quota ", "quota")] {
            if let Some(name) = head(here.text, keyword) {
                self.limiting = Some((kind, name.trim_matches('"')));
            }
        }
        if here.text.ends_with('{') || here.text.contains("{ #") { Inside::Other(1) } else { Inside::Table }
    }

    fn fill(&mut self, text: &'snap str) {
        if let Some(set) = self.filling.take().and_then(|name| self.sets.get_mut(name)) {
            set.text = text;
        }
    }
}

#[cfg(test)]
mod tests;
