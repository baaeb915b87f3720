//! The pages of codes as text for a terminal: one page, or the table of all. Pages are written in plain Markdown.

use crate::cluster::nearest;
use crate::render::{Style, prose};
use crate::report::{Code, Kind};
use crate::{Error, Result};

/// The page of one code, by slug or number (`ST323`).
///
/// # Errors
/// If there is no such code.
pub fn page(code: &str, style: Style) -> Result<String> {
    let Some(found) = Code::find(code) else {
        let near = nearest::closest(code, Code::ALL.iter().map(|code| code.as_str()));
        let help = near.map_or_else(
            || "kubectl svc-trace explain lists all codes".to_owned(),
            |near| format!("kubectl svc-trace explain {near}"),
        );
        return Err(Error::usage_help(format!("there is no code `{}`", code.escape_debug()), help));
    };
    let kind = match found.kind() {
        Kind::Finding => found.severity().as_str(),
        Kind::Gap => "gap: something that could not be looked at",
        Kind::Issue => "issue: something that could not be read",
    };
    Ok(prose::render(&format!("{} (ST{})", found.as_str(), found.number()), kind, found.explanation(), style))
}

/// A table of all codes: number, slug, severity, and what it means in one line.
#[must_use]
pub fn list(style: Style) -> String {
    let rows: Vec<[String; 4]> = Code::ALL
        .iter()
        .map(|code| {
            let kind = match code.kind() {
                Kind::Finding => code.severity().as_str(),
                Kind::Gap => "gap",
                Kind::Issue => "issue",
            };
            [format!("ST{}", code.number()), code.as_str().to_owned(), kind.to_owned(), code.meaning().to_owned()]
        })
        .collect();
    let mut text = prose::columns(&rows, style);
    text.push_str("\nkubectl svc-trace explain CODE prints the page of one.\n");
    text
}
