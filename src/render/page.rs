//! The sheet that is written on: every text that reaches it is made safe here, laid out to a width, and inked.
//! Colour only repeats what a symbol says; whether there is colour at all was decided outside, once.

use colored::Colorize;
use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table, TableStyle, Width};

use super::Style;
use super::text;

/// Which symbols to draw with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Glyphs {
    /// `✓ ! ✗ ?`, `→`, `…`.
    #[default]
    Unicode,
    /// `ok warn FAIL ?`, `->`, `...`.
    Ascii,
}

/// What a line says of its subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Mark {
    /// As it should be.
    Good,
    /// Look at it some day.
    Warn,
    /// Broken.
    Bad,
    /// Not known.
    Unknown,
    /// Nothing to judge.
    Plain,
}

/// How a piece of text is inked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    /// As it comes.
    Plain,
    /// What the eye should find.
    Bold,
    /// What only some need.
    Dim,
    /// In the colour of a mark.
    Of(Mark),
}

/// One column of a table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    /// Columns of text that it takes.
    pub(super) width: usize,
    /// How its text is inked.
    pub(super) ink: Ink,
    /// Which side its text stands at.
    pub(super) side: Side,
}

/// Where text stands in its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// At the left.
    Left,
    /// At the right.
    Right,
}

impl Column {
    /// A column at the left, plain.
    pub(super) const fn of(width: usize) -> Self {
        Self { width, ink: Ink::Plain, side: Side::Left }
    }

    /// The same in this ink.
    pub(super) const fn ink(self, ink: Ink) -> Self {
        Self { ink, ..self }
    }

    /// The same at the right.
    pub(super) const fn right(self) -> Self {
        Self { side: Side::Right, ..self }
    }
}

/// One row of a table, its mark apart.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// What it says.
    pub(super) mark: Mark,
    /// The cells after it.
    pub(super) cells: Vec<String>,
}

/// What has been written so far.
#[derive(Debug)]
pub(super) struct Page {
    style: Style,
    out: String,
}

impl Page {
    /// An empty page.
    pub(super) const fn new(style: Style) -> Self {
        Self { style, out: String::new() }
    }

    /// The text that was written.
    pub(super) fn finish(self) -> String {
        self.out
    }

    /// Columns of a line.
    pub(super) fn width(&self) -> usize {
        self.style.width.max(60)
    }

    /// The arrow.
    pub(super) const fn arrow(&self) -> &'static str {
        match self.style.glyphs {
            Glyphs::Unicode => "→",
            Glyphs::Ascii => "->",
        }
    }

    /// What stands for text that was left out.
    pub(super) const fn dots(&self) -> &'static str {
        match self.style.glyphs {
            Glyphs::Unicode => "…",
            Glyphs::Ascii => "...",
        }
    }

    /// The symbol of a mark.
    pub(super) const fn symbol(&self, mark: Mark) -> &'static str {
        match (self.style.glyphs, mark) {
            (Glyphs::Unicode, Mark::Good) => "✓",
            (Glyphs::Unicode, Mark::Warn) => "!",
            (Glyphs::Unicode, Mark::Bad) => "✗",
            (Glyphs::Unicode, Mark::Plain) => "·",
            (Glyphs::Ascii, Mark::Good) => "ok",
            (Glyphs::Ascii, Mark::Warn) => "warn",
            (Glyphs::Ascii, Mark::Bad) => "FAIL",
            (Glyphs::Ascii, Mark::Plain) => ".",
            (Glyphs::Unicode | Glyphs::Ascii, Mark::Unknown) => "?",
        }
    }

    /// Columns that a mark takes.
    pub(super) const fn mark_width(&self) -> usize {
        match self.style.glyphs {
            Glyphs::Unicode => 1,
            Glyphs::Ascii => 4,
        }
    }

    /// The text made safe, and ASCII where that is wanted.
    pub(super) fn safe(&self, text: &str) -> String {
        match self.style.glyphs {
            Glyphs::Unicode => text::clean(text).into_owned(),
            Glyphs::Ascii => text::ascii(text).into_owned(),
        }
    }

    /// The text made safe, its end cut to fit.
    pub(super) fn cut_end(&self, text: &str, width: usize) -> String {
        text::cut_end(&self.safe(text), width, self.dots())
    }

    /// The text made safe, its middle cut to fit.
    pub(super) fn cut_middle(&self, text: &str, width: usize) -> String {
        text::cut_middle(&self.safe(text), width, self.dots())
    }

    /// An empty line, unless the page ends in one or has not begun.
    pub(super) fn blank(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }

    /// A paragraph whose first words are inked: wrapped, later lines indented by `hang`.
    pub(super) fn paragraph(&mut self, indent: usize, hang: usize, lead: (Ink, &str), text: &str) {
        let lead_text = self.safe(lead.1);
        let whole = if lead_text.is_empty() { self.safe(text) } else { format!("{lead_text} {}", self.safe(text)) };
        let (room, rest_room) = (self.width().saturating_sub(indent), self.width().saturating_sub(hang));
        let mut lines = text::wrap_hanging(&whole, room, rest_room).into_iter();
        let first = lines.next().unwrap_or_default();
        self.out.extend(std::iter::repeat_n(' ', indent));
        match first.strip_prefix(&lead_text).filter(|_| !lead_text.is_empty()) {
            Some(tail) => {
                self.out.push_str(&inked(lead.0, &lead_text));
                self.out.push_str(tail.trim_end());
            }
            None => self.out.push_str(&first),
        }
        self.out.push('\n');
        for line in lines {
            self.out.extend(std::iter::repeat_n(' ', hang));
            self.out.push_str(&line);
            self.out.push('\n');
        }
    }

    /// A bold label in `width` columns and a line after it; the line was measured before.
    pub(super) fn pair(&mut self, label: &str, width: usize, line: &str) {
        self.out.push_str(&inked(Ink::Bold, &format!("{label:<width$}")));
        self.out.push_str(&self.safe(line));
        self.out.push('\n');
    }

    /// Pieces of one line, each in its ink; they were measured before.
    pub(super) fn line(&mut self, indent: usize, parts: &[(Ink, String)]) {
        self.out.extend(std::iter::repeat_n(' ', indent));
        for (ink, text) in parts {
            self.out.push_str(&inked(*ink, &self.safe(text)));
        }
        self.out.truncate(self.out.trim_end_matches(' ').len());
        self.out.push('\n');
    }

    /// Quoted text on one line, its middle cut to fit.
    pub(super) fn quote(&mut self, indent: usize, text: &str) {
        let line = self.cut_middle(text, self.width().saturating_sub(indent));
        self.write_dim(indent, &line);
    }

    /// Quoted text, never cut: as many lines as it takes.
    pub(super) fn quote_whole(&mut self, indent: usize, text: &str) {
        let lines = text::wrap(&self.safe(text), self.width().saturating_sub(indent + 2));
        for (number, line) in lines.iter().enumerate() {
            self.write_dim(if number == 0 { indent } else { indent + 2 }, line);
        }
    }

    /// A line as it is written, made safe; not cut, as it may be there to be copied.
    pub(super) fn verbatim(&mut self, indent: usize, line: &str) {
        self.out.extend(std::iter::repeat_n(' ', indent));
        let line = self.safe(line);
        self.out.push_str(line.trim_end());
        self.out.push('\n');
    }

    fn write_dim(&mut self, indent: usize, line: &str) {
        self.out.extend(std::iter::repeat_n(' ', indent));
        self.out.push_str(&inked(Ink::Dim, line));
        self.out.push('\n');
    }

    /// A mark and a paragraph after it.
    pub(super) fn marked(&mut self, mark: Mark, text: &str) {
        let symbol = self.symbol(mark);
        self.paragraph(0, self.mark_width() + 1, (Ink::Of(mark), symbol), text);
    }

    /// A mark, a paragraph, and dim at the right edge what the numbers below belong to.
    pub(super) fn headline(&mut self, mark: Mark, text: &str, aside: &str) {
        let begin = self.out.len();
        self.marked(mark, text);
        let aside = self.safe(aside);
        let last = self.out.get(begin..).and_then(|added| added.trim_end().lines().last()).unwrap_or_default();
        let used = text::columns(&plain(last));
        let gap = self.width().saturating_sub(used + text::columns(&aside));
        if gap >= 2 && !aside.is_empty() {
            self.out.truncate(self.out.trim_end().len());
            self.out.extend(std::iter::repeat_n(' ', gap));
            self.out.push_str(&inked(Ink::Dim, &aside));
            self.out.push('\n');
        }
    }

    /// A command that can be copied: broken between words alone, each line but the last ending in a backslash.
    pub(super) fn command(&mut self, indent: usize, hang: usize, lead: &str, command: &str) {
        let command = self.safe(command);
        let room = self.width().saturating_sub(hang + 2);
        let mut lines: Vec<String> = vec![String::new()];
        let mut open = Quote::Closed;
        for word in command.split(' ') {
            let line = lines.last().map(String::as_str).unwrap_or_default();
            let fits = line.is_empty() || text::columns(line) + 1 + text::columns(word) <= room;
            // a break inside quotes would be part of the argument
            if fits || open == Quote::Open {
                if let Some(line) = lines.last_mut() {
                    if !line.is_empty() {
                        line.push(' ');
                    }
                    line.push_str(word);
                }
            } else {
                lines.push(word.to_owned());
            }
            open = open.after(word);
        }
        let comment =
            lines.iter().position(|line| line.contains(" # ") || line.starts_with("# ")).unwrap_or(usize::MAX);
        let last = lines.len().saturating_sub(1);
        for (number, line) in lines.iter().enumerate() {
            let start = if number == 0 { indent } else { hang };
            self.out.extend(std::iter::repeat_n(' ', start));
            if number == 0 {
                self.out.push_str(&inked(Ink::Bold, lead));
                self.out.extend(std::iter::repeat_n(' ', hang.saturating_sub(indent + text::columns(lead))));
            }
            if number > comment {
                self.out.push_str("# ");
            }
            self.out.push_str(line);
            self.out.push_str(if number < last && number < comment { " \\\n" } else { "\n" });
        }
    }

    /// Rows in columns; a cell that is wider than its column is wrapped. `marks` says whether marks are drawn before them.
    pub(super) fn table(&mut self, indent: usize, marks: Marks, columns: &[Column], rows: &[Row]) {
        let mut all = Vec::new();
        if marks == Marks::Drawn {
            all.push(Column::of(self.mark_width()));
        }
        all.extend_from_slice(columns);
        let mut table = Table::new();
        table.load_style(TableStyle::new()).set_content_arrangement(ContentArrangement::Disabled);
        for row in rows {
            let mark = (marks == Marks::Drawn).then(|| self.symbol(row.mark).to_owned());
            table.add_row(mark.into_iter().chain(row.cells.iter().map(|cell| self.safe(cell))).collect::<Vec<_>>());
        }
        for (number, column) in all.iter().enumerate() {
            let Some(drawn) = table.column_mut(number) else { continue };
            drawn.set_padding((0, 1));
            let width = u16::try_from(column.width.max(1) + 1).unwrap_or(u16::MAX);
            drawn.set_constraint(ColumnConstraint::Absolute(Width::Fixed(width)));
            if column.side == Side::Right {
                drawn.set_cell_alignment(CellAlignment::Right);
            }
        }
        let lines: Vec<String> = table.lines().collect();
        for line in lines {
            self.out.extend(std::iter::repeat_n(' ', indent));
            let painted = self.paint(&line, marks, &all);
            self.out.push_str(painted.trim_end());
            self.out.push('\n');
        }
    }

    /// A drawn line with each column in its ink.
    fn paint(&self, line: &str, marks: Marks, columns: &[Column]) -> String {
        let mut out = String::new();
        let mut rest = line.trim_end();
        for (number, column) in columns.iter().enumerate() {
            let mut used = 0;
            let end = rest
                .char_indices()
                .find(|(_, c)| {
                    used += unicode_width::UnicodeWidthChar::width(*c).unwrap_or(0);
                    used > column.width.max(1) + 1
                })
                .map_or(rest.len(), |(at, _)| at);
            let (cell, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
            let mark = (marks == Marks::Drawn && number == 0).then(|| self.mark_of(cell.trim())).flatten();
            out.push_str(&inked(mark.map_or(column.ink, Ink::Of), cell));
            rest = after;
        }
        out.push_str(rest);
        out
    }

    fn mark_of(&self, symbol: &str) -> Option<Mark> {
        [Mark::Good, Mark::Warn, Mark::Bad, Mark::Unknown].into_iter().find(|mark| self.symbol(*mark) == symbol)
    }
}

/// Whether a shell's single quotes are open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quote {
    Open,
    Closed,
}

impl Quote {
    fn after(self, word: &str) -> Self {
        let odd = word.matches('\'').count() % 2 == 1;
        match (self, odd) {
            (quote, false) => quote,
            (Self::Open, true) => Self::Closed,
            (Self::Closed, true) => Self::Open,
        }
    }
}

/// A line without the colours that were put in here.
fn plain(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        out.push_str(before);
        rest = after.split_once('m').map_or("", |(_, after)| after);
    }
    out.push_str(rest);
    out
}

/// Whether a table has marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marks {
    /// Before each row.
    Drawn,
    /// None.
    Left,
}

/// The text in this ink; blanks around it stay without.
pub(super) fn inked(ink: Ink, text: &str) -> String {
    let core = text.trim();
    if core.is_empty() {
        return text.to_owned();
    }
    let coloured = match ink {
        Ink::Plain | Ink::Of(Mark::Plain) => return text.to_owned(),
        Ink::Bold => core.bold(),
        Ink::Dim => core.dimmed(),
        Ink::Of(Mark::Good) => core.green(),
        Ink::Of(Mark::Warn | Mark::Unknown) => core.yellow(),
        Ink::Of(Mark::Bad) => core.red().bold(),
    };
    let (before, after) = text.split_once(core).unwrap_or(("", ""));
    format!("{before}{coloured}{after}")
}
