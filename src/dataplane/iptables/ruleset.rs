//! One dump, indexed in one pass: table → chain → lines. Rules are read when a packet first enters their chain.

use std::hash::BuildHasher;
use std::sync::OnceLock;

use hashbrown::HashTable;
use memchr::{memchr, memchr_iter};
use rustc_hash::FxBuildHasher;

use super::body::Body;
use crate::dataplane::Loc;

/// Everything one `iptables-save` printed.
#[derive(Debug)]
pub struct Ruleset<'snap> {
    /// Dump name, `iptables-save`.
    pub dump: &'snap str,
    /// Which kernel interface the rules live in, as the header says.
    pub backend: Backend,
    /// Tables in the order of the dump.
    pub tables: Vec<Table<'snap>>,
    /// Lines that are neither rule, chain, table nor comment.
    pub unread: Vec<Loc<'snap>>,
    text: &'snap str,
}

/// Which of the kernel's two rule stores a dump is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Backend {
    /// `(nf_tables)`
    Nft,
    /// `(legacy)`, and tools before 1.8
    Legacy,
    /// No header says it.
    Unknown,
}

/// `*nat` … `COMMIT`
#[derive(Debug)]
pub struct Table<'snap> {
    /// `nat`
    pub name: &'snap str,
    /// Name of the dump that it is of.
    pub dump: &'snap str,
    text: &'snap str,
    /// Chains, in the order of the dump.
    pub chains: Vec<Chain<'snap>>,
    /// `COMMIT` was seen.
    pub committed: Committed,
    /// Places in `chains`, by the hash of their names.
    by_name: HashTable<u32>,
}

/// Whether a table's `COMMIT` was seen: without it, what a chain lacks may have been cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Committed {
    /// All of the table is there.
    Yes,
    /// It may be cut.
    No,
}

/// `:KUBE-SERVICES - [0:0]` and its rules. There are as many as ten per Service: kept small.
#[derive(Debug)]
pub struct Chain<'snap> {
    /// Name.
    pub name: &'snap str,
    /// Where the line that declares it begins, and its number; number 0 in a fragment that has only rules of it.
    declared: u32,
    declared_line: u32,
    lines: u32,
    /// Nearly every chain's lines stand together.
    first: Span,
    #[expect(clippy::box_collection, reason = "it is nearly never there, and a chain is kept small")]
    more: Option<Box<Vec<Span>>>,
    body: OnceLock<Box<Body<'snap>>>,
}

/// Consecutive lines of one chain.
#[derive(Debug, Clone, Copy, Default)]
struct Span {
    start: u32,
    end: u32,
    line: u32,
}

impl<'snap> Ruleset<'snap> {
    /// Indexes a dump. `dump` is its name; lines outside any table go to `default_table`, as pasted rules have none.
    #[must_use]
    pub fn index(dump: &'snap str, text: &'snap str, default_table: Option<&'snap str>) -> Self {
        let mut set = Self { dump, backend: Backend::Unknown, tables: Vec::new(), unread: Vec::new(), text };
        if u32::try_from(text.len()).is_err() {
            set.unread.push(Loc { dump, line: 1, text: "more than 4 GiB" });
            return set;
        }
        let mut table: Option<usize> = None;
        let mut last_chain = usize::MAX;
        let mut last_name = "";
        let mut start = 0;
        let mut number = 0_u32;
        let ends = memchr_iter(b'\n', text.as_bytes()).chain((!text.ends_with('\n')).then_some(text.len()));
        for end in ends {
            let line = text.get(start..end).unwrap_or_default();
            let line_start = start;
            start = end + 1;
            number = number.saturating_add(1);
            let rule = rule_part(line);
            if let Some(rest) = rule.strip_prefix("-A ") {
                let same = rest.strip_prefix(last_name).is_some_and(|rest| rest.starts_with(' '));
                let at = table.unwrap_or(usize::MAX);
                let chain = if same && last_chain != usize::MAX {
                    last_chain
                } else {
                    let name = first_word(rest);
                    let Some(index) = set.table_for(&mut table, default_table) else {
                        set.unread.push(Loc { dump, line: number, text: rule });
                        continue;
                    };
                    last_name = name;
                    last_chain = set.tables.get_mut(index).map_or(usize::MAX, |t| t.chain_for(name));
                    last_chain
                };
                let at = if at == usize::MAX { table.unwrap_or(0) } else { at };
                if let Some(chain) = set.tables.get_mut(at).and_then(|t| t.chains.get_mut(chain)) {
                    chain.extend(line_start, end, number);
                }
                continue;
            }
            match line.as_bytes().first() {
                None | Some(b'\r') => {}
                Some(b'#') => set.header(line),
                Some(b'*') => {
                    let name = line.get(1..).unwrap_or_default().trim_end();
                    table = Some(set.begin(name));
                    (last_chain, last_name) = (usize::MAX, "");
                }
                Some(b':') => {
                    let loc = Loc { dump, line: number, text: line.trim_end() };
                    match set.table_for(&mut table, default_table).and_then(|index| set.tables.get_mut(index)) {
                        Some(table) => table.declare(first_word(loc.text.get(1..).unwrap_or_default()), loc),
                        None => set.unread.push(loc),
                    }
                }
                Some(b'C') if line.trim_end() == "COMMIT" => {
                    if let Some(table) = table.take().and_then(|index| set.tables.get_mut(index)) {
                        table.committed = Committed::Yes;
                    }
                    (last_chain, last_name) = (usize::MAX, "");
                }
                Some(_) => set.other(line, number, &mut table, default_table),
            }
        }
        set
    }

    /// `*nat`: the same table goes on where several commands listed parts of it.
    fn begin(&mut self, name: &'snap str) -> usize {
        let open = |table: &Table<'_>| table.name == name && table.committed == Committed::No;
        self.tables.iter().position(open).unwrap_or_else(|| {
            self.tables.push(Table::new(self.dump, self.text, name));
            self.tables.len() - 1
        })
    }

    /// `-P INPUT ACCEPT`, `-N KUBE-SERVICES` of `iptables -S`; anything else is unread.
    fn other(&mut self, line: &'snap str, number: u32, table: &mut Option<usize>, default_table: Option<&'snap str>) {
        let loc = Loc { dump: self.dump, line: number, text: line.trim_end() };
        let mut words = line.split_ascii_whitespace();
        let declared = match (words.next(), words.next()) {
            (Some("-P" | "-N"), Some(name)) => Some(name),
            (None, _) => return,
            _ => None,
        };
        let index = declared.and_then(|_| self.table_for(table, default_table));
        match (declared, index.and_then(|index| self.tables.get_mut(index))) {
            (Some(name), Some(table)) => table.declare(name, loc),
            _ => self.unread.push(loc),
        }
    }

    fn table_for(&mut self, table: &mut Option<usize>, default_table: Option<&'snap str>) -> Option<usize> {
        if table.is_none() {
            let name = default_table?;
            let known = self.tables.iter().position(|t| t.name == name);
            *table = Some(known.unwrap_or_else(|| {
                self.tables.push(Table::new(self.dump, self.text, name));
                self.tables.len() - 1
            }));
        }
        *table
    }

    fn header(&mut self, line: &str) {
        if !line.starts_with("# Generated by ") {
            return;
        }
        self.backend = if line.contains("(nf_tables)") { Backend::Nft } else { Backend::Legacy };
    }

    /// The table of this name.
    #[must_use]
    pub fn table(&self, name: &str) -> Option<&Table<'snap>> {
        self.tables.iter().find(|table| table.name == name)
    }

    /// Whether there is any chain at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tables.iter().all(|table| table.chains.is_empty())
    }
}

impl<'snap> Table<'snap> {
    fn new(dump: &'snap str, text: &'snap str, name: &'snap str) -> Self {
        Self { name, dump, text, chains: Vec::new(), committed: Committed::No, by_name: HashTable::new() }
    }

    fn chain_for(&mut self, name: &'snap str) -> usize {
        let name_of = |at: &u32| self.chains.get(*at as usize).map(|chain| chain.name).unwrap_or_default();
        let next = u32::try_from(self.chains.len()).unwrap_or(u32::MAX);
        let entry = self.by_name.entry(hash(name), |at| name_of(at) == name, |at| hash(name_of(at)));
        let index = *entry.or_insert(next).get();
        if index == next {
            self.chains.push(Chain::new(name));
        }
        index as usize
    }

    /// `:INPUT ACCEPT [0:0]`, `-P INPUT ACCEPT`, `-N KUBE-SERVICES`
    fn declare(&mut self, name: &'snap str, loc: Loc<'snap>) {
        let index = self.chain_for(name);
        if let Some(chain) = self.chains.get_mut(index) {
            let start = loc.text.as_ptr().addr() - self.text.as_ptr().addr();
            (chain.declared, chain.declared_line) = (place(start), loc.line);
        }
    }

    /// The chain of this name.
    #[must_use]
    pub fn chain(&self, name: &str) -> Option<&Chain<'snap>> {
        self.index_of(name).and_then(|index| self.chains.get(index))
    }

    /// Place of the chain of this name in `chains`.
    #[must_use]
    pub fn index_of(&self, name: &str) -> Option<usize> {
        let is_it = |at: &u32| self.chains.get(*at as usize).is_some_and(|chain| chain.name == name);
        self.by_name.find(hash(name), is_it).map(|index| *index as usize)
    }
}

impl<'snap> Chain<'snap> {
    fn new(name: &'snap str) -> Self {
        let first = Span::default();
        Self { name, declared: 0, declared_line: 0, lines: 0, first, more: None, body: OnceLock::new() }
    }

    fn extend(&mut self, start: usize, end: usize, line: u32) {
        self.lines = self.lines.saturating_add(1);
        let (start, end) = (place(start), place(end));
        let last = self.more.as_mut().and_then(|more| more.last_mut()).unwrap_or(&mut self.first);
        if self.lines == 1 {
            *last = Span { start, end, line };
        } else if last.end + 1 == start {
            last.end = end;
        } else {
            self.more.get_or_insert_default().push(Span { start, end, line });
        }
    }

    /// The line that declares it; `None` in a fragment that has only rules of it. `table` is the one that it is of.
    #[must_use]
    pub fn declared(&self, table: &Table<'snap>) -> Option<Loc<'snap>> {
        let rest = table.text.get(self.declared as usize..)?;
        let line = rest.get(..memchr(b'\n', rest.as_bytes()).unwrap_or(rest.len()))?.trim_end();
        (self.declared_line > 0).then_some(Loc { dump: table.dump, line: self.declared_line, text: line })
    }

    /// Whether a line declares it.
    #[must_use]
    pub const fn is_declared(&self) -> bool {
        self.declared_line > 0
    }

    /// Policy of a builtin chain of this table.
    #[must_use]
    pub fn policy(&self, table: &Table<'snap>) -> Option<&'snap str> {
        Self::policy_of(self.declared(table)?.text)
    }

    /// Policy in the line that declares a chain: `:INPUT ACCEPT [0:0]`, `-P INPUT ACCEPT`.
    pub(crate) fn policy_of(line: &str) -> Option<&str> {
        if let Some(rest) = line.strip_prefix(':') {
            let behind = rest.get(first_word(rest).len()..)?;
            return Some(first_word(behind.trim_start())).filter(|policy| *policy != "-" && !policy.is_empty());
        }
        let mut words = line.split_ascii_whitespace();
        match words.next()? {
            "-P" => words.nth(1),
            _ => None,
        }
    }

    /// Number of rule lines.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lines as usize
    }

    /// Whether it has no rule.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines == 0
    }

    /// Its rules, each read when it is first asked for. `dump` and `text` are the whole dump that the chain is of.
    pub fn body(&self, dump: &'snap str, text: &'snap str) -> &Body<'snap> {
        self.body.get_or_init(|| Box::new(Body::new(self.name, self.len(), self.rule_lines(dump, text))))
    }

    /// The lines of its rules, without counters; nothing of them is kept.
    #[must_use]
    pub fn rule_lines<'a>(&'a self, dump: &'snap str, text: &'snap str) -> RuleLines<'a, 'snap> {
        let first = (!self.is_empty()).then_some(self.first);
        let more = self.more.as_deref().map(Vec::as_slice).unwrap_or_default();
        RuleLines { dump, text, span: first, more: more.iter() }
    }
}

/// Lines of a chain.
#[derive(Debug)]
pub struct RuleLines<'a, 'snap> {
    dump: &'snap str,
    text: &'snap str,
    /// What is left of the lines that stand together.
    span: Option<Span>,
    more: std::slice::Iter<'a, Span>,
}

impl<'snap> Iterator for RuleLines<'_, 'snap> {
    type Item = Loc<'snap>;

    fn next(&mut self) -> Option<Self::Item> {
        let span = self.span.take().or_else(|| self.more.next().copied())?;
        let part = self.text.get(span.start as usize..span.end as usize).unwrap_or_default();
        let end = memchr(b'\n', part.as_bytes());
        self.span = end.map(|end| Span { start: span.start + place(end) + 1, line: span.line + 1, ..span });
        let line = part.get(..end.unwrap_or(part.len())).unwrap_or_default();
        Some(Loc { dump: self.dump, line: span.line, text: rule_part(line).trim_end() })
    }
}

fn hash(name: &str) -> u64 {
    FxBuildHasher.hash_one(name)
}

/// An offset in a dump, which is no longer than 4 GiB.
fn place(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}

/// The line without its counters `[12:720] `.
fn rule_part(line: &str) -> &str {
    // counters of rules that nothing met, which is most of them
    if let Some(rest) = line.strip_prefix("[0:0] ") {
        return rest;
    }
    let bytes = line.as_bytes();
    if bytes.first() != Some(&b'[') {
        return line;
    }
    let mut at = 1;
    while bytes.get(at).is_some_and(|b| b.is_ascii_digit() || *b == b':') {
        at += 1;
    }
    if bytes.get(at) == Some(&b']') && bytes.get(at + 1) == Some(&b' ') {
        line.get(at + 2..).unwrap_or_default()
    } else {
        line
    }
}

fn first_word(text: &str) -> &str {
    let len = text.bytes().position(|b| matches!(b, b' ' | b'\t' | b'\r')).unwrap_or(text.len());
    text.get(..len).unwrap_or_default()
}
