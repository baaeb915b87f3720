//! A report as text. Sees only the report: no file, no clock, no environment.

mod check;
mod dns;
mod findings;
pub mod github;
mod header;
mod hops;
pub mod human;
pub mod json;
pub mod junit;
pub mod markdown;
mod page;
mod paths;
pub mod prose;
#[cfg(test)]
mod samples;
pub mod schema;
mod text;
mod v1;
mod v1_check;
mod v1_dns;
mod v1_path;
mod ways;
mod words;
pub mod yaml;

use crate::report::{Report, Severity};

pub use page::Glyphs;
pub use text::clean;

/// Forms that a report can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Format {
    /// For a terminal, folded.
    #[default]
    Human,
    /// For a terminal, every path spelled out and every rule whole.
    Wide,
    /// One JSON document, schema `svc-trace/v1`.
    Json,
    /// The same document as YAML.
    Yaml,
    /// JUnit XML.
    Junit,
    /// Annotations of GitHub's runner.
    Github,
    /// Markdown.
    Markdown,
}

/// How a report is drawn; decided once, outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Columns to fill.
    pub width: usize,
    /// Symbols to use.
    pub glyphs: Glyphs,
    /// Mildest severity that makes the verdict bad; `None`: none does.
    pub fail_on: Option<Severity>,
}

impl Default for Style {
    fn default() -> Self {
        Self { width: 80, glyphs: Glyphs::Unicode, fail_on: Some(Severity::Error) }
    }
}

/// The report in this form, ending in a newline.
#[must_use]
pub fn render(report: &Report, format: Format, style: Style) -> String {
    match format {
        Format::Human => human::render(report, style, human::Detail::Folded),
        Format::Wide => human::render(report, style, human::Detail::Whole),
        Format::Json => json::render(report, style.fail_on),
        Format::Yaml => yaml::render(report, style.fail_on),
        Format::Junit => junit::render(report, style.fail_on),
        Format::Github => github::render(report, style.fail_on),
        Format::Markdown => markdown::render(report, style.fail_on),
    }
}

/// A paragraph before a report, with an empty line after it.
#[must_use]
pub fn note(text: &str, style: Style) -> String {
    let mut page = page::Page::new(style);
    page.paragraph(0, 0, (page::Ink::Plain, ""), text);
    page.blank();
    page.finish()
}
