//! The rules of one chain, read one by one as packets meet them. A long chain is indexed by exact destination
//! address and port, so that of ten thousand Services only the asked one is read.

use std::net::{IpAddr, SocketAddr};
use std::sync::OnceLock;

use memchr::memmem;
use rustc_hash::FxHashMap;

use super::parse::parse_rule;
use super::rule::Rule;
use crate::dataplane::Loc;

/// Chains shorter than this are walked rule by rule.
const LONG: usize = 32;

/// No rule is so long: the kernel bounds what a rule holds, and its comment to 256 bytes (Linux `xt_comment.h`).
pub(super) const LONGEST: usize = 1 << 16;

/// The rules of a chain.
#[derive(Debug)]
pub struct Body<'snap> {
    lines: Box<[Line<'snap>]>,
    index: Option<Box<ByDestination>>,
}

/// One line, and its rule once that is asked for.
#[derive(Debug)]
struct Line<'snap> {
    at: Loc<'snap>,
    rule: OnceLock<Result<Rule<'snap>, Unread<'snap>>>,
}

/// A rule line that could not be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Unread<'snap> {
    /// Where.
    pub at: Loc<'snap>,
    /// Why, as a fragment.
    pub why: &'static str,
}

/// Rules that begin with `-d ADDRESS/32`, by that address; others with `--dport PORT`, by that port; and the rest.
#[derive(Debug, Default)]
struct ByDestination {
    addresses: FxHashMap<IpAddr, Vec<usize>>,
    ports: FxHashMap<u16, Vec<usize>>,
    others: Vec<usize>,
}

/// Reads one line.
///
/// # Errors
/// Why it is no rule.
pub(super) fn read(at: Loc<'_>) -> Result<Rule<'_>, Unread<'_>> {
    if at.text.len() > LONGEST {
        return Err(Unread { at: Loc { text: at.shown(), ..at }, why: "it is longer than any rule" });
    }
    parse_rule(at).map_err(|why| Unread { at, why })
}

impl<'snap> Body<'snap> {
    pub(super) fn new(chain: &str, count: usize, places: impl Iterator<Item = Loc<'snap>>) -> Self {
        let mut lines = Vec::with_capacity(count);
        lines.extend(places.map(|at| Line { at, rule: OnceLock::new() }));
        let index = (lines.len() >= LONG).then(|| Box::new(ByDestination::of(chain, &lines)));
        Self { lines: lines.into(), index }
    }

    /// Number of rules.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Its lines, as they stand, without counters.
    pub fn lines(&self) -> impl Iterator<Item = Loc<'snap>> {
        self.lines.iter().map(|line| line.at)
    }

    /// The rule at this place.
    #[must_use]
    pub fn rule(&self, at: usize) -> Option<&Result<Rule<'snap>, Unread<'snap>>> {
        let line = self.lines.get(at)?;
        Some(line.rule.get_or_init(|| read(line.at)))
    }

    /// All rules.
    pub fn rules(&self) -> impl Iterator<Item = &Result<Rule<'snap>, Unread<'snap>>> {
        (0..self.len()).filter_map(|at| self.rule(at))
    }

    /// Whether its rules are found by the destination of a packet.
    #[must_use]
    pub const fn is_indexed(&self) -> bool {
        self.index.is_some()
    }

    /// The first place from `from` on whose rule could match a packet to `destination`.
    #[must_use]
    pub fn next_for(&self, from: usize, destination: SocketAddr) -> Option<usize> {
        let Some(index) = &self.index else {
            return (from < self.len()).then_some(from);
        };
        let next = |places: &Vec<usize>| places.get(places.partition_point(|place| *place < from)).copied();
        let by_address = index.addresses.get(&destination.ip()).and_then(next);
        let by_port = index.ports.get(&destination.port()).and_then(next);
        [by_address, by_port, next(&index.others)].into_iter().flatten().min()
    }
}

impl ByDestination {
    fn of(chain: &str, lines: &[Line<'_>]) -> Self {
        let mut index = Self::default();
        let skip = "-A ".len() + chain.len() + 1;
        for (place, line) in lines.iter().enumerate() {
            let rest = line.at.text.get(skip..).unwrap_or_default();
            if let Some(ip) = exact_destination(rest) {
                index.addresses.entry(ip).or_default().push(place);
            } else if let Some(port) = exact_port(rest) {
                index.ports.entry(port).or_default().push(place);
            } else {
                index.others.push(place);
            }
        }
        index
    }
}

/// `-d 10.96.0.1/32 …` → 10.96.0.1; only in the form that the tools print, everything else is looked at in full.
fn exact_destination(rest: &str) -> Option<IpAddr> {
    let rest = rest.strip_prefix("-d ")?;
    let end = rest.bytes().position(|b| b == b' ')?;
    let (ip, len) = rest.get(..end)?.split_once('/')?;
    match (ip.parse().ok()?, len) {
        (ip @ IpAddr::V4(_), "32") | (ip @ IpAddr::V6(_), "128") => Some(ip),
        _ => None,
    }
}

/// `-p tcp -m tcp --dport 30080 -j …` → 30080; only in the form that the tools print, and before the target. A test that
/// enters the packet in a list does so whatever its port.
fn exact_port(rest: &str) -> Option<u16> {
    const OPTION: &str = " --dport ";
    let at = memmem::find(rest.as_bytes(), OPTION.as_bytes())?;
    let (before, behind) = (rest.get(..at)?, rest.get(at + OPTION.len()..)?);
    let value = behind.get(..behind.bytes().position(|b| b == b' ').unwrap_or(behind.len()))?;
    let negated = before.trim_end().ends_with('!');
    let is_plain = whole_words(before) && !negated && !before.contains('\\');
    let of_target = [" -j ", " -g "].iter().any(|option| memmem::find(before.as_bytes(), option.as_bytes()).is_some());
    let enters = memmem::find(before.as_bytes(), b"recent").is_some();
    (is_plain && !of_target && !enters).then(|| value.parse().ok())?
}

/// Whether every quote begins a word or ends one, and none is open.
fn whole_words(text: &str) -> bool {
    let bytes = text.as_bytes();
    let stands = |(number, at): (usize, usize)| {
        let beside = if number.is_multiple_of(2) { at.checked_sub(1) } else { Some(at + 1) };
        // What is asked about begins with a blank.
        beside.is_some_and(|beside| bytes.get(beside).is_none_or(|byte| *byte == b' '))
    };
    let quotes = || memchr::memchr_iter(b'"', bytes);
    quotes().count().is_multiple_of(2) && quotes().enumerate().all(stands)
}

#[cfg(test)]
mod tests {
    use super::{exact_destination, exact_port};

    #[test]
    fn only_what_is_surely_tested_is_indexed() {
        let port = |text: &str| exact_port(text);
        assert_eq!(port("-p tcp -m comment --comment \"a/b:http\" -m tcp --dport 30156 -j KUBE-EXT-A"), Some(30156));
        assert_eq!(port("-d 127.0.0.0/8 -p tcp -m tcp --dport 1 -m nfacct --nfacct-name  x -j A"), Some(1));
        assert_eq!(port("-p tcp -m tcp ! --dport 30156 -j A"), None);
        assert_eq!(port("! --dport 30156 -j A"), None);
        assert_eq!(port("-p tcp -m tcp --dport 1:9 -j A"), None);
        assert_eq!(port("-p tcp -m comment --comment \"x --dport 5 y\" -j A"), None);
        assert_eq!(port("-p tcp -m comment --comment \"x \\\" --dport 5 y\" -j A"), None);
        assert_eq!(port("-p tcp -m recent --set --name x -m tcp --dport 22 -j A"), None);
        assert_eq!(port("-p tcp -m \"recent\" --set --name x -m tcp --dport 22 -j A"), None);
        assert_eq!(port("-p tcp -m tcp !  --dport 22 -j A"), None);
        assert_eq!(port("-m comment --comment a\"b -m comment --comment \"x --dport 5 y\" -j A"), None);
        assert_eq!(port("-p tcp -j X --dport 22 y"), None);
        assert_eq!(port("-p tcp -m tcp --dport 70000 -j A"), None);
        assert_eq!(exact_destination("-d 10.96.0.1/32 -p tcp"), "10.96.0.1".parse().ok());
        assert_eq!(exact_destination("! -d 10.96.0.1/32 -p tcp"), None);
    }
}
