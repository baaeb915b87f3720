//! Entries of a set, read into an index. What cannot be read is counted, never dropped.

use std::collections::hash_map::Entry as Slot;
use std::net::IpAddr;

use ipnet::IpNet;
use rustc_hash::FxHashMap;

use super::{Dim, Set, Style};

/// One entry.
///
/// `10.0.0.1,tcp:80,10.1.2.0/24 nomatch`, `10.0.0.7 timeout 0 packets 5 bytes 0 comment "a b"`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry<'snap> {
    /// First and second address or prefix.
    pub(super) nets: [Option<IpNet>; 2],
    /// Port.
    pub(super) port: Option<EntryPort>,
    /// Mark.
    pub(super) mark: Option<u32>,
    /// Interface.
    pub(super) iface: Option<EntryIface<'snap>>,
    /// Whether it asks for a hardware address.
    pub(super) mac: bool,
    /// Another set.
    pub(super) set: Option<&'snap str>,
    /// Whether it takes what it covers out of the set.
    pub(super) nomatch: bool,
    /// Seconds left; `None` for ever.
    pub(super) expires: Option<u64>,
    /// Line, from 1.
    pub(super) line: u32,
}

/// The port of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum EntryPort {
    /// `80` in `bitmap:port`.
    Any(u16),
    /// `tcp:80`, by the protocol's number.
    Of(u8, u16),
    /// Kind and code of an ICMP message, which no packet here has.
    Icmp(u8),
}

/// The interface of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EntryIface<'snap> {
    pub(super) name: &'snap str,
    /// `physdev:eth1`: a bridge port.
    pub(super) physdev: bool,
    /// `et wildcard`: all that begin so.
    pub(super) wildcard: bool,
}

/// What is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) nets: [Option<IpNet>; 2],
    pub(super) port: Option<EntryPort>,
}

/// The entries of one set.
#[derive(Debug, Default)]
pub(super) struct Entries<'snap> {
    pub(super) list: Vec<Entry<'snap>>,
    by_key: FxHashMap<Key, usize>,
    /// Others with the same key: they differ in an interface, a mark or the like.
    others: FxHashMap<Key, Vec<usize>>,
    /// Pairs of prefix lengths that occur, in the order in which the kernel tries them.
    pub(super) shapes: Vec<[Option<u8>; 2]>,
    /// The first line that could not be read.
    pub(super) unread: Option<(u32, &'snap str)>,
    count: usize,
}

impl<'snap> Entries<'snap> {
    pub(super) fn read(set: &Set<'snap>) -> Self {
        let mut entries = Self::default();
        let Some(dims) = &set.dims else { return entries };
        for (line, text) in lines(set) {
            entries.count += 1;
            match read_entry(text, dims, set, line) {
                Some(entry) => entries.list.push(entry),
                None => {
                    entries.unread.get_or_insert((line, text));
                }
            }
        }
        entries.by_key.reserve(entries.list.len());
        for (at, entry) in entries.list.iter().enumerate() {
            let key = Key { nets: entry.nets, port: entry.port };
            match entries.by_key.entry(key) {
                Slot::Vacant(slot) => _ = slot.insert(at),
                Slot::Occupied(slot) => entries.others.entry(*slot.key()).or_default().push(at),
            }
            let shape = entry.nets.map(|net| net.map(|net| net.prefix_len()));
            if entries.shapes.last() != Some(&shape) {
                entries.shapes.push(shape);
            }
        }
        // Longest first, the first prefix before the second; Linux net/netfilter/ipset/ip_set_hash_gen.h
        // mtype_test_cidrs.
        entries.shapes.sort_unstable_by(|a, b| b.cmp(a));
        entries.shapes.dedup();
        entries
    }

    pub(super) const fn len(&self) -> usize {
        self.count
    }

    /// Entries with exactly these prefixes and this port.
    pub(super) fn at(&self, key: Key) -> impl Iterator<Item = &Entry<'snap>> {
        let others = self.others.get(&key).into_iter().flatten();
        self.by_key.get(&key).into_iter().chain(others).filter_map(|at| self.list.get(*at))
    }
}

/// Lines that hold entries, without `add` and the set's name.
pub(super) fn lines<'snap>(set: &Set<'snap>) -> impl Iterator<Item = (u32, &'snap str)> {
    set.blocks.iter().flat_map(|block| {
        let numbers = block.line..;
        numbers.zip(block.text.lines()).filter_map(move |(number, line)| {
            let text = match block.style {
                Style::Save => {
                    line.trim_start().split_ascii_whitespace().nth(2).and_then(|member| line.find_member(member))?
                }
                Style::List => line.trim(),
            };
            (!text.is_empty()).then_some((number, text))
        })
    })
}

trait FindMember<'snap> {
    /// The rest of the line from its third word on.
    fn find_member(self, member: &'snap str) -> Option<&'snap str>;
}

impl<'snap> FindMember<'snap> for &'snap str {
    fn find_member(self, member: &'snap str) -> Option<&'snap str> {
        let offset = member.as_ptr().addr().checked_sub(self.as_ptr().addr())?;
        Some(self.get(offset..)?.trim_end())
    }
}

fn read_entry<'snap>(text: &'snap str, dims: &[Dim], set: &Set<'snap>, line: u32) -> Option<Entry<'snap>> {
    let mut words = text.split_ascii_whitespace();
    let member = words.next()?;
    let mut entry = Entry {
        nets: [None; 2],
        port: None,
        mark: None,
        iface: None,
        mac: false,
        set: None,
        nomatch: false,
        expires: None,
        line,
    };
    let mut wildcard = false;
    while let Some(word) = words.next() {
        match word {
            "nomatch" => entry.nomatch = true,
            "wildcard" => wildcard = true,
            // 0 is for ever.
            "timeout" => entry.expires = Some(words.next()?.parse().ok()?).filter(|seconds| *seconds > 0),
            "packets" | "bytes" | "skbmark" | "skbprio" | "skbqueue" => {
                words.next()?;
            }
            "comment" => break,
            _ => return None,
        }
    }
    let mut parts = member.split(',');
    let mut filled = 0;
    for dim in dims {
        // Only a hardware address may be left open: `10.0.0.1` in `bitmap:ip,mac`.
        let Some(part) = parts.next() else {
            if *dim == Dim::Mac {
                continue;
            }
            return None;
        };
        match dim {
            Dim::Ip | Dim::Net => {
                *entry.nets.get_mut(filled)? = Some(read_net(part)?);
                filled += 1;
            }
            Dim::Port => entry.port = Some(read_port(part, set)?),
            Dim::Mac => entry.mac = true,
            Dim::Mark => entry.mark = Some(read_mark(part)?),
            Dim::Iface => {
                let name = part.strip_prefix("physdev:");
                entry.iface = Some(EntryIface { name: name.unwrap_or(part), physdev: name.is_some(), wildcard });
            }
            Dim::Set => entry.set = Some(part),
        }
    }
    parts.next().is_none().then_some(entry)
}

fn read_net(text: &str) -> Option<IpNet> {
    if text.contains('/') {
        Some(text.parse::<IpNet>().ok()?.trunc())
    } else {
        Some(text.parse::<IpAddr>().ok()?.into())
    }
}

fn read_mark(text: &str) -> Option<u32> {
    match text.strip_prefix("0x") {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

/// `80`, `tcp:80`, `200:0`, `icmp:echo-request`.
fn read_port(text: &str, set: &Set<'_>) -> Option<EntryPort> {
    let Some((protocol, port)) = text.split_once(':') else {
        let port = text.parse().ok()?;
        // Without a protocol hash types mean TCP.
        return Some(if set.kind.starts_with("bitmap:") { EntryPort::Any(port) } else { EntryPort::Of(6, port) });
    };
    let number = match protocol {
        "icmp" => return Some(EntryPort::Icmp(1)),
        "ipv6-icmp" | "icmpv6" => return Some(EntryPort::Icmp(58)),
        "tcp" => 6,
        "udp" => 17,
        "sctp" => 132,
        "udplite" => 136,
        "gre" => 47,
        "esp" => 50,
        "ah" => 51,
        other => other.parse().ok()?,
    };
    Some(EntryPort::Of(number, port.parse().ok()?))
}
