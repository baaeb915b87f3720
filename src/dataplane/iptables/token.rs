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

/// The words of a line; those of most rules need no room of their own.
pub(super) type Tokens<'snap> = SmallVec<[Token<'snap>; 32]>;

/// All words of a line, appended to `into`. An unclosed quote reaches to the end of the line and gives `false`.
pub(super) fn split<'snap>(line: &'snap str, into: &mut Tokens<'snap>) -> bool {
    let bytes = line.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if byte == b' ' || byte == b'\t' || byte == b'\r' {
            at += 1;
        } else if byte == b'"' {
            let mut end = at + 1;
            let mut closed = false;
            while let Some(next) = bytes.get(end..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
                end += next;
                closed = bytes.get(end) == Some(&b'"');
                if closed {
                    break;
                }
                end += 2;
            }
            let end = if closed { end } else { bytes.len() };
            let text = line.get(at + 1..end).unwrap_or_default();
            into.push(Token { text, start: at, end: (end + 1).min(bytes.len()), quoted: true });
            if !closed {
                return false;
            }
            at = end + 1;
        } else {
            let rest = bytes.get(at..).unwrap_or_default();
            let len = rest.iter().position(|b| matches!(b, b' ' | b'\t' | b'\r')).unwrap_or(rest.len());
            into.push(Token {
                text: line.get(at..at + len).unwrap_or_default(),
                start: at,
                end: at + len,
                quoted: false,
            });
            at += len;
        }
    }
    true
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
