//! ipsets of a node, from `ipset save` or `ipset list`: indexed by name at once, a set's entries read when it is
//! first asked. Does not know what a set is for.

mod entry;
mod matching;

use std::sync::OnceLock;

use rustc_hash::FxHashMap;

use super::Loc;
use super::links::{Family, read_dump};
use crate::collect::snapshot::{Completeness, Dump, NodeDumps};

pub use matching::{Fields, Membership, SetIface};

use entry::Entries;

/// All sets of one node.
#[derive(Debug, Default)]
pub struct Sets<'snap> {
    by_name: FxHashMap<&'snap str, Set<'snap>>,
    /// Why there are none, where nothing was read.
    missing: Option<&'static str>,
    /// Whether the dump is all of them.
    all: Whole,
    /// Lines that are of no set that is named.
    unread: Vec<Loc<'snap>>,
}

/// One set.
///
/// `create KUBE-CLUSTER-IP hash:ip,port family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x75e4001b`
#[derive(Debug)]
pub struct Set<'snap> {
    /// Name, cut by kube-proxy at 31 characters.
    pub name: &'snap str,
    /// Dump that it stands in.
    pub dump: &'snap str,
    /// Line of its head, from 1.
    pub line: u32,
    /// Its type as written: `hash:ip,port`.
    pub kind: &'snap str,
    /// Family; `None` for types that have none (`bitmap:port`, `list:set`, `hash:mac`).
    pub family: Option<Family>,
    /// What is asked of a packet, in order; `None` for a type that is not known.
    pub dims: Option<Vec<Dim>>,
    options: Vec<&'snap str>,
    /// Lines that hold its entries: first line number, the text, and what an entry begins with.
    blocks: Vec<Block<'snap>>,
    /// Whether the list of entries is all of it, as far as the dump tells.
    whole: Whole,
    /// How many entries it has, where the dump says so.
    said: Option<usize>,
    entries: OnceLock<Entries<'snap>>,
}

/// One part of a set's entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dim {
    /// An address.
    Ip,
    /// A prefix.
    Net,
    /// A port, with the protocol in hash types.
    Port,
    /// A hardware address.
    Mac,
    /// A packet mark.
    Mark,
    /// An interface.
    Iface,
    /// Another set.
    Set,
}

/// Whether all entries of a set are in the dump.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Whole {
    Yes,
    #[default]
    No,
}

#[derive(Debug, Clone, Copy)]
struct Block<'snap> {
    line: u32,
    text: &'snap str,
    style: Style,
}

/// Lines of one set that follow one another.
struct Run<'snap> {
    set: &'snap str,
    from: usize,
    to: usize,
    line: u32,
}

impl Run<'_> {
    fn goes_on(&self, line: &str) -> bool {
        line.strip_prefix("add ")
            .and_then(|rest| rest.strip_prefix(self.set))
            .is_some_and(|rest| rest.as_bytes().first() == Some(&b' '))
    }
}

/// Where in a listed set a line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Head,
    Members,
}

/// How entries are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    /// `add KUBE-CLUSTER-IP 10.96.10.6,tcp:80`.
    Save,
    /// `10.96.10.6,tcp:80`, under `Members:`.
    List,
}

impl<'snap> Sets<'snap> {
    /// Reads the dump `ipset-save`, or `ipset-list` where that is not there.
    #[must_use]
    pub fn read(dumps: &'snap NodeDumps) -> Self {
        let found = ["ipset-save", "ipset-list"].into_iter().find_map(|name| read_dump(dumps, name));
        let Some((name, dump)) = found else {
            return Self { missing: Some("the node's ipsets were not read"), ..Self::default() };
        };
        Self::parse(name, dump)
    }

    /// Reads one dump, in either form.
    #[must_use]
    pub fn parse(name: &'snap str, dump: &'snap Dump) -> Self {
        let whole = match dump.complete {
            Completeness::Cut | Completeness::Fragment => Whole::No,
            Completeness::Whole | Completeness::Unknown => Whole::Yes,
        };
        // Whoever lists one set prints what the list of all has of it.
        let all = match dump.complete {
            Completeness::Whole => Whole::Yes,
            Completeness::Unknown if dump.exit == Some(0) => Whole::Yes,
            Completeness::Cut | Completeness::Fragment | Completeness::Unknown => Whole::No,
        };
        let mut sets = Self { all, ..Self::default() };
        let mut at = 0;
        // Entries that follow one another, as `ipset save` prints them.
        let mut run: Option<Run<'snap>> = None;
        // The set that the last line was an entry of, and the one that is being listed.
        let mut last: Option<&'snap str> = None;
        let mut listed: Option<(&'snap str, Part)> = None;
        let ends = memchr::memchr_iter(b'\n', dump.text.as_bytes()).map(|end| end + 1);
        let last_end = (!dump.text.ends_with('\n')).then_some(dump.text.len());
        for (number, end) in ends.chain(last_end).enumerate() {
            let (range, number) = (at..end, u32::try_from(number).unwrap_or(u32::MAX).saturating_add(1));
            let line = dump.text.get(range.clone()).unwrap_or_default();
            at = end;
            if let Some(run) = run.as_mut().filter(|run| run.goes_on(line)) {
                run.to = end;
                continue;
            }
            sets.add_run(run.take(), dump);
            let line = line.trim_end();
            if let Some(head) = line.strip_prefix("create ").or_else(|| line.strip_prefix("-N ")) {
                let mut words = head.split_ascii_whitespace();
                let (Some(set), Some(kind)) = (words.next(), words.next()) else { continue };
                sets.by_name.insert(set, Set::new(set, name, number, kind, words.collect(), whole));
                (last, listed) = (None, None);
            } else if let Some(rest) = line.strip_prefix("add ").or_else(|| line.strip_prefix("-A ")) {
                let mut words = rest.split_ascii_whitespace();
                let Some(set) = words.next() else { continue };
                if !sets.by_name.contains_key(set)
                    && let Some(guessed) = Set::of_entry(set, name, number, words.next().unwrap_or_default())
                {
                    sets.by_name.insert(set, guessed);
                }
                run = Some(Run { set, from: range.start, to: range.end, line: number });
                (last, listed) = (None, None);
            } else if let Some(set) = line.strip_prefix("Name: ") {
                let set = set.trim();
                // A terse list has no `Members:`, so its entries are not known.
                sets.by_name.insert(set, Set::new(set, name, number, "", Vec::new(), Whole::No));
                (last, listed) = (None, Some((set, Part::Head)));
            } else if let Some((set, part)) = listed {
                match part {
                    Part::Head => {
                        if let Some(found) = sets.by_name.get_mut(set)
                            && found.read_head(line, whole) == Part::Members
                        {
                            listed = Some((set, Part::Members));
                        }
                    }
                    Part::Members if line.is_empty() => {}
                    Part::Members => {
                        sets.add_line(set, last, dump, range, number);
                        last = Some(set);
                    }
                }
            } else if !line.is_empty() {
                sets.unread.push(Loc { dump: name, line: number, text: line });
            }
        }
        sets.add_run(run, dump);
        sets
    }

    fn add_run(&mut self, run: Option<Run<'snap>>, dump: &'snap Dump) {
        if let Some(run) = run
            && let Some(set) = self.by_name.get_mut(run.set)
        {
            let text = dump.text.get(run.from..run.to).unwrap_or_default();
            set.blocks.push(Block { line: run.line, text, style: Style::Save });
        }
    }

    fn add_line(
        &mut self,
        name: &'snap str,
        last: Option<&'snap str>,
        dump: &'snap Dump,
        range: std::ops::Range<usize>,
        line: u32,
    ) {
        let Some(set) = self.by_name.get_mut(name) else { return };
        let from = dump.text.as_ptr().addr();
        // Lines of one set that follow one another are one block.
        if last == Some(name)
            && let Some(block) = set.blocks.last_mut()
            && block.style == Style::List
        {
            let start = block.text.as_ptr().addr() - from;
            block.text = dump.text.get(start..range.end).unwrap_or_default();
        } else {
            let text = dump.text.get(range).unwrap_or_default();
            set.blocks.push(Block { line, text, style: Style::List });
        }
    }

    /// A set by name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Set<'snap>> {
        self.by_name.get(name)
    }

    /// Every set, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Set<'snap>> {
        self.by_name.values()
    }

    /// Whether all sets of the node are here.
    #[must_use]
    pub fn are_whole(&self) -> bool {
        self.missing.is_none() && self.all == Whole::Yes
    }

    /// Lines that are of no set that is named.
    #[must_use]
    pub fn unread(&self) -> &[Loc<'snap>] {
        &self.unread
    }

    /// Why a set is not there.
    fn why_missing(&self, name: &str) -> String {
        self.missing.map_or_else(|| format!("there is no ipset `{name}` in the dump"), ToOwned::to_owned)
    }
}

impl<'snap> Set<'snap> {
    fn new(
        name: &'snap str,
        dump: &'snap str,
        line: u32,
        kind: &'snap str,
        options: Vec<&'snap str>,
        whole: Whole,
    ) -> Self {
        let mut set = Self {
            name,
            dump,
            line,
            kind,
            family: None,
            dims: None,
            options,
            blocks: Vec::new(),
            whole,
            said: None,
            entries: OnceLock::new(),
        };
        set.settle();
        set
    }

    /// A set of which only entries are there: its type is told by the form of one. None where the form leaves open what
    /// an entry means.
    fn of_entry(name: &'snap str, dump: &'snap str, line: u32, entry: &str) -> Option<Self> {
        let parts: Vec<&str> = entry.split(',').collect();
        let ip = |part: &str| part.parse::<std::net::IpAddr>().ok();
        let port = |part: &str| part.split_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let kind = match parts.as_slice() {
            [one] if one.parse::<u16>().is_ok() => "bitmap:port",
            [one] if ip(one).is_some() => "hash:ip",
            [one, two] if ip(one).is_some() && port(two) => "hash:ip,port",
            [one, two, three] if ip(one).is_some() && port(two) && ip(three).is_some() => "hash:ip,port,ip",
            _ => return None,
        };
        let six = parts.first().and_then(|part| ip(part)).is_some_and(|ip| ip.is_ipv6());
        let family = if six { vec!["family", "inet6"] } else { Vec::new() };
        Some(Self::new(name, dump, line, kind, family, Whole::No))
    }

    /// Whether all its entries are in the dump: what a listing says of their number counts more than what the dump is.
    fn is_whole(&self) -> bool {
        self.said.map_or(self.whole == Whole::Yes, |said| said == self.len())
    }

    /// One line of the head of a listed set.
    fn read_head(&mut self, line: &'snap str, whole: Whole) -> Part {
        match line.split_once(':').map_or((line, ""), |(field, value)| (field, value.trim())) {
            ("Type", kind) => self.kind = kind,
            ("Header", header) => self.options = header.split_ascii_whitespace().collect(),
            ("Number of entries", number) => self.said = number.parse().ok(),
            ("Members", _) => {
                self.whole = whole;
                self.settle();
                return Part::Members;
            }
            _ => {}
        }
        self.settle();
        Part::Head
    }

    /// Derives dims and family from the head.
    fn settle(&mut self) {
        self.dims = self.kind.split_once(':').and_then(|(_, dims)| dims.split(',').map(read_dim).collect());
        let named = match self.option("family") {
            Some("inet") => Some(Family::V4),
            Some("inet6") => Some(Family::V6),
            Some(_) | None => None,
        };
        // `hash` types print their family; bitmaps of addresses are IPv4 only.
        self.family = match self.kind {
            "bitmap:ip" | "bitmap:ip,mac" => Some(Family::V4),
            kind if kind.starts_with("hash:") && kind != "hash:mac" => Some(named.unwrap_or(Family::V4)),
            _ => None,
        };
    }

    /// The value of an option of its head: `family inet`.
    #[must_use]
    pub fn option(&self, name: &str) -> Option<&'snap str> {
        let at = self.options.iter().position(|word| *word == name)?;
        self.options.get(at + 1).copied()
    }

    /// Its entries, read when first asked.
    fn entries(&self) -> &Entries<'snap> {
        self.entries.get_or_init(|| Entries::read(self))
    }

    /// How many entries the dump holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries().len()
    }

    /// Whether the dump holds no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Entries as they are written (`10.96.10.6,tcp:80`), with their lines.
    pub fn members(&self) -> impl Iterator<Item = (u32, &'snap str)> {
        entry::lines(self).map(|(line, text)| (line, text.split_ascii_whitespace().next().unwrap_or_default()))
    }
}

fn read_dim(text: &str) -> Option<Dim> {
    Some(match text {
        "ip" => Dim::Ip,
        "net" => Dim::Net,
        "port" => Dim::Port,
        "mac" => Dim::Mac,
        "mark" => Dim::Mark,
        "iface" => Dim::Iface,
        "set" => Dim::Set,
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
