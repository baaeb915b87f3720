//! The document of `-o json` as YAML.

use super::text;
use crate::report::{Report, Severity};

/// The document, ending in a newline.
#[must_use]
pub fn render(report: &Report, fail_on: Option<Severity>) -> String {
    let json = super::json::render(report, fail_on);
    match crate::yaml::from_json(&json) {
        Ok(mut text) if text.lines().all(|line| text::clean(line) == line) => {
            if !text.ends_with('\n') {
                text.push('\n');
            }
            text
        }
        // JSON is YAML too, and there what could steer a terminal is escaped
        Ok(_) | Err(_) => json,
    }
}
