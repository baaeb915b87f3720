//! Splits a rule into words as the tools quote them: blanks part words, `"` … `"` holds one, `\` escapes inside.

use memchr::memchr2;
use smallvec::SmallVec;

/// One word of a rule, with the place it stands at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'snap> {
    /// The word, without its quotes; escapes are left as they are.
    pub(super) text: &'snap str,
    /// Byte where it begins, quote included.
    pub(super) start: usize,
    /// Byte after its end, quote included.
    pub(super) end: usize,
    /// Whether it stood in quotes: then it is never an option.
    pub(super) quoted: bool,
}

impl Token<'_> {
    /// Whether a test begins here: `-m`, `-s`, `-p` and the like. What follows one may be tests of their own.
    pub(super) fn is_test(&self) -> bool {
        !self.quoted && matches!(self.text.as_bytes(), [b'-', letter] if !matches!(letter, b'A' | b'I' | b'j' | b'g'))
    }
}

/// The words of a line; those of most rules need no room of their own.
pub(super) type Tokens<'snap> = SmallVec<[Token<'snap>; 32]>;

/// All words of a line, appended to `into`. An unclosed quote reaches to the end of the line and gives `false`.
pub(super) fn split<'snap>(line: &'snap str, into: &mut Tokens<'snap>) -> bool {
    let bytes = line.as_bytes();
    let mut at = 0;
    loop {
        while bytes.get(at).is_some_and(|byte| is_blank(*byte)) {
            at += 1;
        }
        let Some(first) = bytes.get(at) else { return true };
        let quoted = *first == b'"';
        let rest = bytes.get(at..).unwrap_or_default();
        let (start, end) = if quoted {
            (at + 1, closing_quote(bytes, at + 1))
        } else {
            (at, Some(rest.iter().position(|byte| is_blank(*byte)).map_or(bytes.len(), |len| at + len)))
        };
        let text = line.get(start..end.unwrap_or(bytes.len())).unwrap_or_default();
        let next = end.map_or(bytes.len(), |end| end + usize::from(quoted));
        into.push(Token { text, start: at, end: next, quoted });
        if end.is_none() {
            return false;
        }
        at = next;
    }
}

/// The first comparison is enough for nearly every byte.
const fn is_blank(byte: u8) -> bool {
    byte <= b' ' && matches!(byte, b' ' | b'\t' | b'\r')
}

/// Where the quote stands that is no part of the word.
fn closing_quote(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes.get(at) == Some(&b'"') {
            return Some(at);
        }
        at += 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn case(line: &str, words: &[&str], closed: bool) {
        let mut tokens = Tokens::new();
        assert_eq!(split(line, &mut tokens), closed, "{line}");
        assert_eq!(tokens.iter().map(|t| t.text).collect::<Vec<_>>(), words, "{line}");
    }

    #[test]
    fn words() {
        case(
            "-A KUBE-FORWARD -m nfacct --nfacct-name  x -j DROP",
            &["-A", "KUBE-FORWARD", "-m", "nfacct", "--nfacct-name", "x", "-j", "DROP"],
            true,
        );
        case(r#"--comment "a -j b" -j X"#, &["--comment", "a -j b", "-j", "X"], true);
        case(r#"--comment "say \"no\"" x"#, &["--comment", r#"say \"no\""#, "x"], true);
        case(r#"--comment "open"#, &["--comment", "open"], false);
        case(r#"--comment "open\"#, &["--comment", r"open\"], false);
        case("", &[], true);
    }
}
