//! Elements of sets and maps: read once, when first asked; found by hash if they are exact, by order if they are ranges,
//! one by one only where ranges stand in concatenations. Keeps places in the text, and no element.

use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::sync::OnceLock;

use rustc_hash::{FxHashMap, FxHasher};

use super::kind::{Kind, Pattern, number, number_of};
use super::parse_statement::verdict;
use super::statement::Verdict;
use super::words::Words;

/// What is looked up: what is known of each part of a packet.
#[derive(Debug, Clone, PartialEq)]
pub enum Known<'snap> {
    /// A number of which these bits are known.
    Number {
        /// Its value, where known.
        value: u128,
        /// Its known bits.
        known: u128,
    },
    /// A number from first to last, not known which.
    Between(u128, u128),
    /// A name; empty where there is no such thing.
    Name(&'snap str),
    /// Not known, and why.
    Unknown(String),
}

impl Known<'_> {
    /// A number that is known whole.
    #[must_use]
    pub const fn number(value: u128) -> Self {
        Self::Number { value, known: u128::MAX }
    }

    /// An address.
    #[must_use]
    pub fn address(ip: IpAddr) -> Self {
        Self::number(number_of(ip))
    }

    /// Why it is not known.
    #[must_use]
    pub fn why(&self) -> Option<String> {
        match self {
            Self::Number { known: u128::MAX, .. } | Self::Name(_) => None,
            Self::Number { .. } => Some("some bits of it are not known".into()),
            Self::Between(..) => Some("the client's own port is not known".into()),
            Self::Unknown(why) => Some(why.clone()),
        }
    }
}

/// A part of a map's value: `10.244.1.5`, `8080`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Datum<'snap> {
    /// An address.
    Address(IpAddr),
    /// Addresses from first to last.
    Addresses(IpAddr, IpAddr),
    /// A number.
    Number(u128),
    /// Anything else.
    Word(&'snap str),
}

/// What a map gives.
#[derive(Debug, Clone, PartialEq)]
pub enum Data<'snap> {
    /// It is a set.
    None,
    /// A verdict.
    Verdict(Verdict<'snap>),
    /// Values.
    Values(Vec<Datum<'snap>>),
}

/// One element.
///
/// `10.96.10.9 . tcp . 80 comment "default/extip-empty:http" : goto reject-chain`
#[derive(Debug, Clone, PartialEq)]
pub struct Element<'snap> {
    /// One pattern for each part.
    pub key: Vec<Pattern<'snap>>,
    /// What it gives.
    pub data: Data<'snap>,
    /// `2h59m58s268ms`
    pub expires: Option<&'snap str>,
    /// `default/extip-empty:http`
    pub comment: Option<&'snap str>,
    /// `limit rate 10/second`: holds only by a state of its own.
    pub limited: bool,
    /// As it stands, on one line.
    pub text: &'snap str,
    /// Its line in the dump.
    pub line: u32,
}

/// The elements of a set or map.
#[derive(Debug, Clone, Default)]
pub struct Elements<'snap> {
    kinds: Vec<Kind>,
    /// What stands between the braces.
    text: &'snap str,
    line: u32,
    index: OnceLock<Index>,
}

/// Where elements stand in the text.
#[derive(Debug, Clone, Default)]
struct Index {
    /// Hash of the parts → start and end of the first element with it.
    exact: FxHashMap<u64, (u32, u32)>,
    /// Elements whose hash another one has.
    clashes: Vec<(u32, u32)>,
    /// Ranges of a single part, by their first value: first, last, start, end.
    ranges: Vec<(u128, u128, u32, u32)>,
    /// Elements that are compared one by one.
    others: Vec<(u32, u32)>,
    /// `*`
    fallback: Option<(u32, u32)>,
}

/// What a lookup finds.
#[derive(Debug, Clone, PartialEq)]
pub enum Found<'snap> {
    /// This one.
    One(Element<'snap>),
    /// None.
    None,
    /// One of these, or none: and why that is not known.
    Perhaps(Vec<Element<'snap>>, String),
}

/// Whether a pattern holds; `None` when that is not known.
#[must_use]
pub fn fits(pattern: &Pattern<'_>, value: &Known<'_>) -> Option<bool> {
    match (pattern, value) {
        (Pattern::Any, _) => Some(true),
        (Pattern::Range(first, last), Known::Number { value, known }) => {
            if *known == u128::MAX {
                Some(first <= value && value <= last)
            } else if first == last {
                ((value ^ first) & known != 0).then_some(false)
            } else {
                None
            }
        }
        (Pattern::Range(first, last), Known::Between(low, high)) => {
            if first <= low && high <= last {
                Some(true)
            } else if last < low || high < first {
                Some(false)
            } else {
                None
            }
        }
        (Pattern::Name(name), Known::Name(is)) => Some(name == is),
        (Pattern::Begins(begin), Known::Name(is)) => Some(!is.is_empty() && is.starts_with(begin)),
        (Pattern::Unknown(_), _)
        | (_, Known::Unknown(_))
        | (Pattern::Range(..), Known::Name(_))
        | (Pattern::Name(_) | Pattern::Begins(_), Known::Number { .. } | Known::Between(..)) => None,
    }
}

/// Whether all patterns hold.
#[must_use]
pub fn all_fit(patterns: &[Pattern<'_>], values: &[Known<'_>]) -> Option<bool> {
    if patterns.len() != values.len() {
        return None;
    }
    let mut sure = true;
    for (pattern, value) in patterns.iter().zip(values) {
        match fits(pattern, value) {
            Some(true) => {}
            Some(false) => return Some(false),
            None => sure = false,
        }
    }
    sure.then_some(true)
}

impl<'snap> Elements<'snap> {
    /// Elements of a named set or map.
    #[must_use]
    pub fn named(kinds: Vec<Kind>, text: &'snap str, line: u32) -> Self {
        Self { kinds, text, line, index: OnceLock::new() }
    }

    /// Elements between the braces of a rule.
    #[must_use]
    pub fn anonymous(kinds: Vec<Kind>, text: &'snap str, line: u32) -> Self {
        Self::named(kinds, text, line)
    }

    /// What the parts of a key are.
    #[must_use]
    pub fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.trim().is_empty()
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = Element<'snap>> + '_ {
        let (mut read, mut line) = (0, self.line);
        Pieces::of(self.text).filter_map(move |(start, end)| {
            let (between, text) = (self.text.get(read..start as usize)?, self.text.get(start as usize..end as usize)?);
            line = line.saturating_add(newlines(between));
            read = start as usize;
            Some(Element { line, ..read_element(&self.kinds, text) })
        })
    }

    fn element(&self, start: u32, end: u32) -> Option<Element<'snap>> {
        let text = self.text.get(start as usize..end as usize)?;
        let line = self.line.saturating_add(newlines(self.text.get(..start as usize)?));
        Some(Element { line, ..read_element(&self.kinds, text) })
    }

    fn index(&self) -> &Index {
        self.index.get_or_init(|| {
            let mut index = Index::default();
            for (start, end) in Pieces::of(self.text) {
                let text = self.text.get(start as usize..end as usize).unwrap_or_default();
                index.add(&key(&self.kinds, text).0, start, end);
            }
            index.ranges.sort_unstable();
            index
        })
    }

    /// Looks a packet's parts up.
    #[must_use]
    pub fn find(&self, values: &[Known<'snap>]) -> Found<'snap> {
        if let Some(why) = values.iter().find_map(Known::why) {
            return self.perhaps(values, why);
        }
        let index = self.index();
        let mut unsure = Vec::new();
        let candidates = hash_of_values(values).and_then(|hash| index.exact.get(&hash).copied());
        let clashes = if candidates.is_some() { index.clashes.as_slice() } else { &[] };
        for (start, end) in candidates.into_iter().chain(clashes.iter().copied()).chain(index.others.iter().copied()) {
            let Some(text) = self.text.get(start as usize..end as usize) else { continue };
            match all_fit(&key(&self.kinds, text).0, values) {
                Some(true) => return self.element(start, end).map_or(Found::None, Found::One),
                Some(false) => {}
                None => unsure.extend(self.element(start, end)),
            }
        }
        if let [Known::Number { value, .. }] = values {
            let after = index.ranges.partition_point(|(first, ..)| first <= value);
            // The kernel takes no intervals that overlap.
            if let Some((_, last, start, end)) = after.checked_sub(1).and_then(|place| index.ranges.get(place))
                && value <= last
                && let Some(element) = self.element(*start, *end)
            {
                return Found::One(element);
            }
        }
        if !unsure.is_empty() {
            return Found::Perhaps(unsure, "an element is not understood".into());
        }
        match index.fallback.and_then(|(start, end)| self.element(start, end)) {
            Some(element) => Found::One(element),
            None => Found::None,
        }
    }

    fn perhaps(&self, values: &[Known<'snap>], why: String) -> Found<'snap> {
        let mut open = Vec::new();
        for element in self.iter() {
            match all_fit(&element.key, values) {
                Some(true) => return Found::One(element),
                Some(false) => {}
                None => open.push(element),
            }
        }
        if open.is_empty() { Found::None } else { Found::Perhaps(open, why) }
    }
}

impl Index {
    fn add(&mut self, key: &[Pattern<'_>], start: u32, end: u32) {
        match key {
            [Pattern::Any] => self.fallback = Some((start, end)),
            [Pattern::Range(first, last)] if first != last => self.ranges.push((*first, *last, start, end)),
            _ => match hash_of_key(key) {
                Some(hash) => match self.exact.entry(hash) {
                    std::collections::hash_map::Entry::Vacant(place) => {
                        place.insert((start, end));
                    }
                    std::collections::hash_map::Entry::Occupied(_) => self.clashes.push((start, end)),
                },
                None => self.others.push((start, end)),
            },
        }
    }
}

fn hash_of_key(key: &[Pattern<'_>]) -> Option<u64> {
    let mut hasher = FxHasher::default();
    for part in key {
        match part {
            Pattern::Range(first, last) if first == last => first.hash(&mut hasher),
            Pattern::Name(name) => name.hash(&mut hasher),
            Pattern::Range(..) | Pattern::Begins(_) | Pattern::Any | Pattern::Unknown(_) => return None,
        }
    }
    Some(hasher.finish())
}

fn hash_of_values(values: &[Known<'_>]) -> Option<u64> {
    let mut hasher = FxHasher::default();
    for part in values {
        match part {
            Known::Number { value, known: u128::MAX } => value.hash(&mut hasher),
            Known::Name(name) => name.hash(&mut hasher),
            Known::Number { .. } | Known::Between(..) | Known::Unknown(_) => return None,
        }
    }
    Some(hasher.finish())
}

/// Start and end of each element: what commas part, outside of quotes.
struct Pieces<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Pieces<'a> {
    const fn of(text: &'a str) -> Self {
        Self { text, at: 0 }
    }
}

impl Iterator for Pieces<'_> {
    type Item = (u32, u32);

    fn next(&mut self) -> Option<(u32, u32)> {
        let bytes = self.text.as_bytes();
        let mut start = self.at;
        while bytes.get(start).is_some_and(u8::is_ascii_whitespace) {
            start += 1;
        }
        if start >= bytes.len() {
            return None;
        }
        let mut end = start;
        loop {
            let rest = bytes.get(end..).unwrap_or_default();
            match memchr::memchr2(b',', b'"', rest) {
                None => {
                    end = bytes.len();
                    break;
                }
                Some(found) if rest.get(found) == Some(&b',') => {
                    end += found;
                    break;
                }
                Some(quote) => {
                    let inside = rest.get(quote + 1..).unwrap_or_default();
                    end += quote + 1 + memchr::memchr(b'"', inside).map_or(inside.len(), |len| len + 1);
                }
            }
        }
        self.at = end + 1;
        while end > start && bytes.get(end - 1).is_some_and(u8::is_ascii_whitespace) {
            end -= 1;
        }
        Some((u32::try_from(start).ok()?, u32::try_from(end).ok()?))
    }
}

/// The parts of an element's key, and what follows them.
fn key<'snap>(kinds: &[Kind], text: &'snap str) -> (Vec<Pattern<'snap>>, &'snap str) {
    let mut patterns = Vec::with_capacity(kinds.len().max(1));
    let mut rest = text;
    loop {
        let kind = kinds.get(patterns.len()).copied().unwrap_or(Kind::Other);
        let (word, quoted, after) = first_word(rest);
        patterns.push(Pattern::read(kind, word, quoted));
        match after.strip_prefix(". ") {
            Some(after) => rest = after.trim_start(),
            None => return (patterns, after),
        }
    }
}

/// The first word, whether it is quoted, and what follows it.
fn first_word(text: &str) -> (&str, bool, &str) {
    if let Some(inside) = text.strip_prefix('"') {
        let (word, after) = inside.split_once('"').unwrap_or((inside, ""));
        return (word, true, after.trim_start());
    }
    let end = memchr::memchr3(b' ', b'\n', b'\t', text.as_bytes()).unwrap_or(text.len());
    let (word, after) = text.split_at_checked(end).unwrap_or((text, ""));
    (word, false, after.trim_start())
}

fn newlines(text: &str) -> u32 {
    u32::try_from(memchr::memchr_iter(b'\n', text.as_bytes()).count()).unwrap_or(u32::MAX)
}

fn read_element<'snap>(kinds: &[Kind], text: &'snap str) -> Element<'snap> {
    let (patterns, rest) = key(kinds, text);
    let mut element =
        Element { key: patterns, data: Data::None, expires: None, comment: None, limited: false, text, line: 0 };
    let mut words = Words::of(rest);
    while let Some(word) = words.next() {
        match word.text {
            "expires" => element.expires = words.text(),
            "comment" => element.comment = words.text(),
            "limit" | "quota" => element.limited = true,
            "ct" if words.keyword() == "count" => element.limited = true,
            ":" if !word.quoted => {
                element.data = match verdict(&mut words) {
                    Some(verdict) => Data::Verdict(verdict),
                    None => Data::Values(values(&mut words)),
                };
            }
            _ => {}
        }
    }
    element
}

fn values<'snap>(words: &mut Words<'snap>) -> Vec<Datum<'snap>> {
    let mut all = Vec::with_capacity(2);
    while let Some(word) = words.next() {
        all.push(datum(word.text));
        if !words.eat(".") {
            break;
        }
    }
    all
}

fn datum(text: &str) -> Datum<'_> {
    if let Ok(ip) = text.parse() {
        return Datum::Address(ip);
    }
    if let Some(number) = number(text) {
        return Datum::Number(number);
    }
    if let Ok(net) = text.parse::<ipnet::IpNet>() {
        return Datum::Addresses(net.network(), net.broadcast());
    }
    let range = text.split_once('-').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
    range.map_or(Datum::Word(text), |(first, last)| Datum::Addresses(first, last))
}

#[cfg(test)]
mod tests;
