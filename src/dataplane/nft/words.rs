//! Splits nft's text into words: blanks part them, quotes hold one, braces, parentheses, commas and bars stand alone.

/// One word, with the place it stands at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word<'snap> {
    /// The word, without its quotes.
    pub(super) text: &'snap str,
    start: usize,
    end: usize,
    /// Whether it stood in quotes: then it is a name, never a keyword.
    pub(super) quoted: bool,
}

/// The words of a rule or of an element, and how far they are read.
#[derive(Debug, Clone)]
pub(super) struct Words<'snap> {
    line: &'snap str,
    all: Vec<Word<'snap>>,
    at: usize,
}

/// Bytes that are a word of their own.
const ALONE: [u8; 8] = *b"{}(),;|^";

impl<'snap> Words<'snap> {
    pub(super) fn of(line: &'snap str) -> Self {
        let mut words = Vec::with_capacity(16);
        let bytes = line.as_bytes();
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            let start = at;
            if byte.is_ascii_whitespace() {
                at += 1;
                continue;
            }
            if byte == b'"' {
                let rest = bytes.get(at + 1..).unwrap_or_default();
                let len = memchr::memchr(b'"', rest).unwrap_or(rest.len());
                at = (start + 1 + len + 1).min(bytes.len());
                let text = line.get(start + 1..start + 1 + len).unwrap_or_default();
                words.push(Word { text, start, end: at, quoted: true });
                continue;
            }
            at += 1;
            // `:tcp dport map { … }`: a port that is looked up.
            let before_name = byte == b':' && bytes.get(at).is_some_and(u8::is_ascii_alphabetic);
            if !ALONE.contains(&byte) && !before_name {
                while bytes.get(at).is_some_and(|b| !b.is_ascii_whitespace() && *b != b'"' && !ALONE.contains(b)) {
                    at += 1;
                }
            }
            words.push(Word { text: line.get(start..at).unwrap_or_default(), start, end: at, quoted: false });
        }
        Self { line, all: words, at: 0 }
    }

    /// The line from the last bytes of a word on.
    pub(super) fn line_from(&self, word: Word<'snap>, last: usize) -> &'snap str {
        self.line.get(word.end.saturating_sub(last)..).unwrap_or_default()
    }

    /// The next word, which stays.
    pub(super) fn peek(&self) -> Option<Word<'snap>> {
        self.all.get(self.at).copied()
    }

    /// The next word's text if it is no quoted one; empty at the end.
    pub(super) fn keyword(&self) -> &'snap str {
        self.peek().filter(|word| !word.quoted).map_or("", |word| word.text)
    }

    /// The keyword after the next one.
    pub(super) fn second(&self) -> &'snap str {
        self.all.get(self.at + 1).filter(|word| !word.quoted).map_or("", |word| word.text)
    }

    /// Takes the next word.
    pub(super) fn next(&mut self) -> Option<Word<'snap>> {
        let word = self.peek();
        self.at += usize::from(word.is_some());
        word
    }

    /// Takes the next word if it is this keyword.
    pub(super) fn eat(&mut self, keyword: &str) -> bool {
        let is_it = !keyword.is_empty() && self.keyword() == keyword;
        self.at += usize::from(is_it);
        is_it
    }

    /// Takes the text of the next word, whatever it is.
    pub(super) fn text(&mut self) -> Option<&'snap str> {
        self.next().map(|word| word.text)
    }

    pub(super) fn is_done(&self) -> bool {
        self.at >= self.all.len()
    }

    /// How far it is read.
    pub(super) const fn place(&self) -> usize {
        self.at
    }

    /// Goes back to a place.
    pub(super) fn back_to(&mut self, place: usize) {
        self.at = place;
    }

    /// The text from a place to here.
    pub(super) fn since(&self, place: usize) -> &'snap str {
        let start = self.all.get(place).map_or(self.line.len(), |word| word.start);
        let end = self.at.checked_sub(1).and_then(|last| self.all.get(last)).map_or(start, |word| word.end);
        self.line.get(start..end.max(start)).unwrap_or_default()
    }

    /// Takes all that is left.
    pub(super) fn rest(&mut self) -> &'snap str {
        let place = self.at;
        self.at = self.all.len();
        self.since(place)
    }

    /// Takes what stands between the brace that comes next and the one that closes it.
    pub(super) fn braced(&mut self) -> Option<&'snap str> {
        if self.keyword() != "{" {
            return None;
        }
        let from = self.next()?.end;
        let mut depth = 1_usize;
        while let Some(word) = self.next() {
            match word.text {
                "{" if !word.quoted => depth += 1,
                "}" if !word.quoted => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return self.line.get(from..word.start);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::Words;

    #[track_caller]
    fn case(line: &str, expected: &[&str]) {
        let mut words = Words::of(line);
        let all: Vec<_> = std::iter::from_fn(|| words.text()).collect();
        assert_eq!(all, expected, "{line}");
    }

    #[test]
    fn words() {
        case(
            "numgen random mod 1 vmap { 0 : goto endpoint-A-d/w/tcp/http__10.0.0.1/80 }",
            &[
                "numgen",
                "random",
                "mod",
                "1",
                "vmap",
                "{",
                "0",
                ":",
                "goto",
                "endpoint-A-d/w/tcp/http__10.0.0.1/80",
                "}",
            ],
        );
        case("ct state established,related", &["ct", "state", "established", ",", "related"]);
        case(r#"iifname != "veth*" x "a, {b"#, &["iifname", "!=", "veth*", "x", "a, {b"]);
        case("tcp flags & (fin|syn) == syn", &["tcp", "flags", "&", "(", "fin", "|", "syn", ")", "==", "syn"]);
        case("", &[]);
    }

    #[test]
    fn braces() {
        let mut words = Words::of("{ a : { b } , \"}\" } drop");
        assert_eq!(words.braced(), Some(" a : { b } , \"}\" "));
        assert_eq!(words.rest(), "drop");
        assert_eq!(Words::of("{ a").braced(), None);
    }
}
