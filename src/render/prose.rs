//! Pages and plain tables: Markdown as far as our own pages use it, laid out for a terminal.

use super::Style;
use super::page::{Column, Ink, Mark, Marks, Page, Row};
use super::text;

/// A page under a title; a first `#` heading is what the title already says.
#[must_use]
pub fn render(title: &str, aside: &str, markdown: &str, style: Style) -> String {
    let mut page = Page::new(style);
    page.paragraph(0, 2, (Ink::Bold, title), &format!(" {aside}"));
    let mut paragraph: Vec<&str> = Vec::new();
    let mut fenced = Fence::Closed;
    for line in markdown.lines() {
        if line.starts_with("```") {
            flush(&mut page, &mut paragraph);
            fenced = fenced.turned();
            if fenced == Fence::Open {
                page.blank();
            }
        } else if fenced == Fence::Open || line.starts_with("    ") {
            flush(&mut page, &mut paragraph);
            page.verbatim(if fenced == Fence::Open { 4 } else { 0 }, line);
        } else if let Some(heading) = line.strip_prefix('#') {
            flush(&mut page, &mut paragraph);
            if let Some(heading) = heading.strip_prefix('#') {
                page.blank();
                page.paragraph(0, 2, (Ink::Bold, heading.trim_start_matches('#').trim()), "");
            }
        } else if line.trim().is_empty() {
            flush(&mut page, &mut paragraph);
            page.blank();
        } else if line.starts_with("- ") || line.starts_with(|c: char| c.is_ascii_digit()) && line.contains(". ") {
            flush(&mut page, &mut paragraph);
            paragraph.push(line);
        } else if line.starts_with('|') {
            flush(&mut page, &mut paragraph);
            page.verbatim(0, line);
        } else {
            paragraph.push(line.trim());
        }
    }
    flush(&mut page, &mut paragraph);
    page.finish()
}

/// Whether we are between two fences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fence {
    Open,
    Closed,
}

impl Fence {
    const fn turned(self) -> Self {
        match self {
            Self::Open => Self::Closed,
            Self::Closed => Self::Open,
        }
    }
}

fn flush(page: &mut Page, paragraph: &mut Vec<&str>) {
    if paragraph.is_empty() {
        return;
    }
    let hang = match paragraph.first() {
        Some(first) if first.starts_with("- ") => 2,
        Some(first) if first.starts_with(|c: char| c.is_ascii_digit()) => 3,
        Some(_) | None => 0,
    };
    page.paragraph(0, hang, (Ink::Plain, ""), &paragraph.join(" "));
    paragraph.clear();
}

/// Rows of a plain table; the last column takes what is left and is wrapped.
#[must_use]
pub fn columns<const N: usize>(rows: &[[String; N]], style: Style) -> String {
    let mut page = Page::new(style);
    let mut widths: Vec<usize> = (0..N)
        .map(|at| {
            rows.iter().filter_map(|row| row.get(at)).map(|cell| text::columns(&page.safe(cell))).max().unwrap_or(1)
        })
        .collect();
    let used: usize = widths.iter().take(N.saturating_sub(1)).map(|width| width + 2).sum();
    if let Some(last) = widths.last_mut() {
        *last = page.width().saturating_sub(used).clamp(10, 200);
    }
    let columns: Vec<Column> = widths
        .iter()
        .enumerate()
        .map(|(at, width)| Column::of(if at + 1 < N { width + 1 } else { width - 1 }))
        .collect();
    let rows: Vec<Row> = rows.iter().map(|row| Row { mark: Mark::Plain, cells: row.to_vec() }).collect();
    page.table(0, Marks::Left, &columns, &rows);
    page.finish()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]
mod tests {
    use super::*;
    use crate::report::Code;

    #[test]
    fn markdown_for_a_terminal() {
        let text = render(
            "a-code (ST1)",
            "error",
            "# a-code\n\nOne\ntwo.\n\n## Next\n\n- first\n  more\n- second\n\n```\nkubectl   get x\n```\nend",
            Style::default(),
        );
        colored::control::set_override(false);
        assert_eq!(
            text.replace("\u{1b}[1m", "").replace("\u{1b}[0m", ""),
            "a-code (ST1)  error\n\nOne two.\n\nNext\n\n- first more\n- second\n\n    kubectl   get x\nend\n"
        );
    }

    #[test]
    fn every_page_fits() {
        for code in Code::ALL {
            let drawn = render(code.as_str(), "", code.explanation(), Style::default());
            for line in drawn.lines().filter(|line| !line.contains('\u{1b}')) {
                assert!(
                    text::columns(line) <= 80 || line.starts_with("    ") || line.starts_with('|'),
                    "{code}: {line}"
                );
            }
        }
    }

    #[test]
    fn a_table_is_wrapped_in_its_last_column() {
        let rows = [["a".to_owned(), "word ".repeat(40)], ["long".to_owned(), "x".to_owned()]];
        let drawn = columns(&rows, Style::default());
        assert!(drawn.lines().all(|line| text::columns(line) <= 80), "{drawn}");
        assert!(drawn.starts_with("a     word word") && drawn.contains("\nlong  x\n"), "{drawn}");
    }
}
