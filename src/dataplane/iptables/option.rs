//! Reads the words of one rule in order: `!`, options, their values.

use super::token::Token;

/// The words of a rule and how far they are read.
#[derive(Debug)]
pub(super) struct Words<'a, 'snap> {
    line: &'snap str,
    tokens: &'a [Token<'snap>],
    at: usize,
}

/// An option as it stands: `! --ctstate`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Opt<'snap> {
    /// `--ctstate`
    pub(super) name: &'snap str,
    /// A `!` stands before it.
    pub(super) not: Not,
    /// Byte where it begins, `!` included.
    pub(super) start: usize,
}

/// Whether a test is turned round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Not {
    /// As it stands.
    Plain,
    /// Turned round by `!`.
    Negated,
}

impl Not {
    /// The other one.
    #[must_use]
    pub const fn reverse(self) -> Self {
        match self {
            Self::Plain => Self::Negated,
            Self::Negated => Self::Plain,
        }
    }
}

impl<'a, 'snap> Words<'a, 'snap> {
    pub(super) const fn new(line: &'snap str, tokens: &'a [Token<'snap>]) -> Self {
        Self { line, tokens, at: 0 }
    }

    /// The next word, not taken.
    pub(super) fn peek(&self) -> Option<&'a Token<'snap>> {
        self.tokens.get(self.at)
    }

    /// The next word.
    pub(super) fn next(&mut self) -> Option<&'a Token<'snap>> {
        let token = self.tokens.get(self.at)?;
        self.at += 1;
        Some(token)
    }

    /// Value of an option: the next word, if it is no option itself. A `!` may stand before the value in old dumps.
    pub(super) fn value(&mut self) -> Option<&'snap str> {
        let token = self.peek().filter(|token| token.quoted || !is_option(token.text))?;
        self.at += 1;
        Some(token.text)
    }

    /// The next option of the current module (`--x`), with its `!`; `None` at the next `-m`, `-j` and the like.
    pub(super) fn module_option(&mut self) -> Option<Opt<'snap>> {
        let first = self.peek()?;
        if first.quoted {
            return None;
        }
        if first.text == "!" {
            let second = self.tokens.get(self.at + 1).filter(|t| !t.quoted && t.text.starts_with("--"))?;
            self.at += 2;
            return Some(Opt { name: second.text, not: Not::Negated, start: first.start });
        }
        if first.text.starts_with("--") {
            self.at += 1;
            return Some(Opt { name: first.text, not: Not::Plain, start: first.start });
        }
        None
    }

    /// Skips to the next `-m`, `-j`, `-g`, `-p` … that is no part of the current module.
    pub(super) fn skip_module(&mut self) {
        while let Some(token) = self.peek() {
            let next = self.tokens.get(self.at + 1);
            let starts = |token: &Token<'_>| {
                !token.quoted && (is_short_option(token.text) || matches!(token.text, "--jump" | "--goto" | "--match"))
            };
            if starts(token) || (!token.quoted && token.text == "!" && next.is_some_and(starts)) {
                return;
            }
            self.at += 1;
        }
    }

    /// Byte after the last word that was taken.
    pub(super) fn end(&self) -> usize {
        self.at.checked_sub(1).and_then(|last| self.tokens.get(last)).map_or(0, |token| token.end)
    }

    /// Text from a byte to the end of the last word that was taken.
    pub(super) fn text_from(&self, start: usize) -> &'snap str {
        self.line.get(start..self.end()).unwrap_or_default()
    }
}

fn is_option(text: &str) -> bool {
    text == "!" || text.starts_with("--") || is_short_option(text)
}

/// `-m`, `-j`: a dash and one letter. `-1` is a value.
fn is_short_option(text: &str) -> bool {
    matches!(text.as_bytes(), [b'-', letter] if letter.is_ascii_alphabetic())
}
