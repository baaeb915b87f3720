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
    lines: Vec<Loc<'snap>>,
    rules: Vec<OnceLock<Result<Rule<'snap>, Unread<'snap>>>>,
    index: Option<ByDestination>,
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
    pub(super) fn new(chain: &str, lines: Vec<Loc<'snap>>) -> Self {
        let rules = std::iter::repeat_with(OnceLock::new).take(lines.len()).collect();
        let index = (lines.len() >= LONG).then(|| ByDestination::of(chain, &lines));
        Self { lines, rules, index }
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
    #[must_use]
    pub fn lines(&self) -> &[Loc<'snap>] {
        &self.lines
    }

    /// The rule at this place.
    #[must_use]
    pub fn rule(&self, at: usize) -> Option<&Result<Rule<'snap>, Unread<'snap>>> {
        let line = *self.lines.get(at)?;
        Some(self.rules.get(at)?.get_or_init(|| {
            if line.text.len() > LONGEST {
                let at = Loc { text: line.shown(), ..line };
                return Err(Unread { at, why: "it is longer than any rule" });
            }
            parse_rule(line).map_err(|why| Unread { at: line, why })
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
    fn of(chain: &str, lines: &[Loc<'_>]) -> Self {
        let mut index = Self::default();
        let skip = "-A ".len() + chain.len() + 1;
        for (place, line) in lines.iter().enumerate() {
            match line.text.get(skip..).and_then(exact_destination) {
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
