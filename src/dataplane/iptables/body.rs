//! The rules of one chain, read one by one as packets meet them. A long chain is indexed by exact destination
//! address, so that of ten thousand Services only the asked one is read.

use std::net::IpAddr;
use std::sync::OnceLock;

use rustc_hash::FxHashMap;

use super::parse::parse_rule;
use super::rule::Rule;
use crate::dataplane::Loc;

/// Chains shorter than this are walked rule by rule.
const LONG: usize = 32;

/// No rule is so long: the kernel bounds what a rule holds, and its comment to 256 bytes (Linux `xt_comment.h`).
const LONGEST: usize = 1 << 16;

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

/// Rules that begin with `-d ADDRESS/32`, by that address; and all the others.
#[derive(Debug, Default)]
struct ByDestination {
    exact: FxHashMap<IpAddr, Vec<usize>>,
    others: Vec<usize>,
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
        Some(line.rule.get_or_init(|| {
            let at = line.at;
            if at.text.len() > LONGEST {
                return Err(Unread { at: Loc { text: at.shown(), ..at }, why: "it is longer than any rule" });
            }
            let mut rule = parse_rule(at).map_err(|why| Unread { at, why })?;
            // a check of all Services keeps all rules; the room that they were read in is that of the next
            let mut matches = Vec::with_capacity(rule.matches.len());
            matches.append(&mut rule.matches);
            Ok(Rule { matches, ..rule })
        }))
    }

    /// All rules.
    pub fn rules(&self) -> impl Iterator<Item = &Result<Rule<'snap>, Unread<'snap>>> {
        (0..self.len()).filter_map(|at| self.rule(at))
    }

    /// The first place from `from` on whose rule could match a packet to `destination`.
    #[must_use]
    pub fn next_for(&self, from: usize, destination: IpAddr) -> Option<usize> {
        let Some(index) = &self.index else {
            return (from < self.len()).then_some(from);
        };
        let next = |places: &[usize]| places.get(places.partition_point(|place| *place < from)).copied();
        let exact = index.exact.get(&destination).and_then(|places| next(places));
        match (exact, next(&index.others)) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }
}

impl ByDestination {
    fn of(chain: &str, lines: &[Line<'_>]) -> Self {
        let mut index = Self::default();
        let skip = "-A ".len() + chain.len() + 1;
        for (place, line) in lines.iter().enumerate() {
            match line.at.text.get(skip..).and_then(exact_destination) {
                Some(ip) => index.exact.entry(ip).or_default().push(place),
                None => index.others.push(place),
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
