//! Text that is safe and measured: escapes what could steer a terminal, counts columns, cuts, wraps.

use std::borrow::Cow;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The text with everything that could steer a terminal or reorder a line spelled out: control characters
/// (C0, DEL, C1), line and paragraph separators, bidirectional controls, invisible joiners and tags.
#[must_use]
pub fn clean(text: &str) -> Cow<'_, str> {
    if !text.chars().any(steers) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if steers(c) { out.extend(c.escape_default()) } else { out.push(c) }
    }
    Cow::Owned(out)
}

/// As [`clean`], and in ASCII alone: our own symbols by their ASCII forms, other characters escaped.
#[must_use]
pub(super) fn ascii(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return clean(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '→' => out.push_str("->"),
            '…' => out.push_str("..."),
            '·' => out.push('.'),
            '×' => out.push('x'),
            '–' => out.push('-'),
            '≥' => out.push_str(">="),
            '✓' => out.push_str("ok"),
            '✗' => out.push_str("FAIL"),
            c if c.is_ascii() && !steers(c) => out.push(c),
            c => out.extend(c.escape_default()),
        }
    }
    Cow::Owned(out)
}

/// A JSON document in which what could steer a terminal stands as `\uXXXX`; its line ends stay.
pub(super) fn json(document: String) -> String {
    let steering = |c: char| c != '\n' && steers(c);
    if !document.chars().any(steering) {
        return document;
    }
    let mut out = String::with_capacity(document.len() + 64);
    for c in document.chars() {
        if steering(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            out.push(c);
        }
    }
    out
}

/// Bidirectional controls as in Unicode UAX 9, invisible format characters as in UTS 39.
fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Columns that the text takes.
pub(super) fn columns(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// The text in at most `width` columns, its end replaced by `dots`.
pub(super) fn cut_end(text: &str, width: usize, dots: &str) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    let mut out = head(text, width.saturating_sub(columns(dots)));
    out.push_str(dots);
    head(&out, width)
}

/// The text in at most `width` columns, its middle replaced by `dots`: of names, both ends tell.
pub(super) fn cut_middle(text: &str, width: usize, dots: &str) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    let room = width.saturating_sub(columns(dots));
    let front = head(text, room.div_ceil(2));
    let back: String = head(&text.chars().rev().collect::<String>(), room / 2).chars().rev().collect();
    head(&format!("{front}{dots}{back}"), width)
}

/// As much of the beginning as `width` columns hold.
fn head(text: &str, width: usize) -> String {
    let mut used = 0;
    text.chars()
        .take_while(|c| {
            used += c.width().unwrap_or(0);
            used <= width
        })
        .collect()
}

/// Lines of at most `width` columns, broken at blanks, and inside a word only where it is wider than a line.
/// Runs of blanks inside a line stay.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    wrap_hanging(text, width, width)
}

/// As [`wrap`], the first line of another width than the others.
pub(super) fn wrap_hanging(text: &str, first: usize, others: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    let mut gap = 0;
    for word in text.trim_end().split(' ') {
        if word.is_empty() {
            gap += 1;
            continue;
        }
        let width = if lines.is_empty() { first.max(8) } else { others.max(8) };
        if columns(&line) + gap + columns(word) <= width {
            line.extend(std::iter::repeat_n(' ', gap));
            line.push_str(word);
        } else {
            if !line.trim().is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            let mut pieces = pieces(word, first.min(others).max(8));
            line = pieces.pop().unwrap_or_default();
            lines.append(&mut pieces);
        }
        gap = 1;
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

/// A word in pieces of at most `width` columns.
fn pieces(word: &str, width: usize) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut rest = word;
    while columns(rest) > width {
        let piece = head(rest, width);
        let Some(after) = rest.get(piece.len()..).filter(|_| !piece.is_empty()) else { break };
        pieces.push(piece);
        rest = after;
    }
    pieces.push(rest.to_owned());
    pieces
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]
mod tests {
    use super::*;

    #[track_caller]
    fn case(text: &str, want: &str) {
        assert_eq!(clean(text), want);
    }

    #[test]
    fn what_steers_is_spelled_out() {
        case("plain, with umlaut ä and →", "plain, with umlaut ä and →");
        case("a\x1b[31mb", "a\\u{1b}[31mb");
        case("a\nb\tc\r", "a\\nb\\tc\\r");
        case("\u{9b}31m", "\\u{9b}31m");
        case("evil\u{202e}gpj", "evil\\u{202e}gpj");
        case("a\u{2028}b\u{2066}c\u{200b}", "a\\u{2028}b\\u{2066}c\\u{200b}");
        case("tag\u{e0041}", "tag\\u{e0041}");
        case("\x7f", "\\u{7f}");
    }

    #[test]
    fn ascii_is_ascii() {
        assert_eq!(ascii("80 → 8080 …"), "80 -> 8080 ...");
        assert_eq!(ascii("name\u{e9}\x1b"), "name\\u{e9}\\u{1b}");
        assert!(ascii("漢字 ✓ ✗ ×").is_ascii());
    }

    #[test]
    fn cuts_fit() {
        assert_eq!(cut_middle("KUBE-SVC-CDGGSHYLABCDEFGH", 11, "…"), "KUBE-…DEFGH");
        assert_eq!(cut_end("KUBE-SVC-CDGGSHYLABCDEFGH", 11, "…"), "KUBE-SVC-C…");
        assert_eq!(cut_middle("short", 11, "…"), "short");
        for width in 0..30 {
            for text in ["漢字漢字漢字漢字漢字漢字", "abcdefghijklmnopqrstuvwxyz0123", ""] {
                assert!(columns(&cut_middle(text, width, "...")) <= width, "{text} {width}");
                assert!(columns(&cut_end(text, width, "…")) <= width, "{text} {width}");
            }
        }
    }

    #[test]
    fn wraps_at_blanks_and_loses_nothing() {
        assert_eq!(wrap("one two three", 9), ["one two", "three"]);
        assert_eq!(wrap("", 9), [""]);
        assert_eq!(wrap("abcdefghijklmnopqrstuvwxyz", 10), ["abcdefghij", "klmnopqrst", "uvwxyz"]);
        let text = "-A KUBE-SEP-OAIGUPJHOE4YU7HS -p tcp -m tcp -j DNAT --to-destination 10.244.9.99:8080";
        assert_eq!(wrap(text, 40).join(" "), text);
        assert_eq!(wrap_hanging("one two three four", 7, 20), ["one two", "three four"]);
        assert!(wrap(text, 40).iter().all(|line| columns(line) <= 40));
    }
}
