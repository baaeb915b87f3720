//! Entries that accept something: `CODE[:namespace/name]` on the command line, or a file that says why and until when.

use jiff::civil::Date;
use serde::Deserialize;

use crate::error::{Error, Result};
use crate::report::{Code, Finding, Gap, Kind};

/// Help for what is written wrongly.
const HELP: &str =
    "--ignore CODE, CODE:namespace/name, CODE:namespace/* or CODE:NODE; codes: kubectl svc-trace explain";

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ignore {
    /// The code that it accepts.
    pub code: Code,
    /// Namespace and name of the one object; the name `*` is any.
    pub object: Option<(String, String)>,
    /// The one node.
    pub node: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// Last day that it holds, in UTC.
    pub until: Option<Date>,
    /// Where it stands.
    pub from: String,
}

/// One entry of a file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    code: String,
    #[serde(default)]
    object: Option<String>,
    #[serde(default)]
    node: Option<String>,
    reason: String,
    #[serde(default)]
    until: Option<String>,
}

impl Ignore {
    /// Reads what stands after `--ignore`.
    ///
    /// # Errors
    /// What is no entry; a gap, which needs a reason and a day.
    pub fn parse(text: &str) -> Result<Self> {
        let (code, rest) = text.split_once(':').map_or((text, None), |(code, rest)| (code, Some(rest)));
        let code = code_of(code).map_err(|why| Error::usage_help(format!("`--ignore {text}`: {why}"), HELP))?;
        if code.kind() != Kind::Finding {
            return Err(Error::usage_help(
                format!("`--ignore {text}`: what could not be checked is accepted with a reason and a last day"),
                "--ignore-file FILE",
            ));
        }
        let mut entry = Self { code, object: None, node: None, reason: None, until: None, from: "--ignore".into() };
        match rest.map(|rest| (rest, rest.split_once('/'))) {
            Some((_, Some((namespace, name)))) if !namespace.is_empty() && !name.is_empty() => {
                entry.object = Some((namespace.to_owned(), name.to_owned()));
            }
            Some((node, None)) if !node.is_empty() => entry.node = Some(node.to_owned()),
            Some(_) => return Err(Error::usage_help(format!("`--ignore {text}` names no object and no node"), HELP)),
            None => {}
        }
        Ok(entry)
    }

    /// Reads a file: a list in YAML. `name` is for messages.
    ///
    /// # Errors
    /// What is no such list; an entry without a reason, or without a day where it accepts a gap.
    pub fn parse_file(name: &str, text: &str) -> Result<Vec<Self>> {
        let help = "each entry: {code: …, object: namespace/name, node: …, reason: …, until: 2026-12-31}";
        let wrong = |what: String| Error::usage_help(format!("`{name}`: {what}"), help);
        if text.trim().is_empty() {
            return Ok(Vec::new());
        }
        let rows: Vec<Row> = serde_saphyr::from_str(text).map_err(|error| {
            let message = error.to_string();
            wrong(message.lines().next().unwrap_or_default().to_owned())
        })?;
        rows.into_iter()
            .enumerate()
            .map(|(at, row)| {
                let from = format!("{name} entry {}", at + 1);
                row.entry(&from).map_err(|why| wrong(format!("entry {}: {why}", at + 1)))
            })
            .collect()
    }

    /// Whether its day has not passed; where the day of the reading is not known, an entry with a day does not hold.
    #[must_use]
    pub fn holds(&self, today: Option<Date>) -> bool {
        self.until.is_none_or(|until| today.is_some_and(|today| today <= until))
    }

    /// Whether it accepts this finding.
    #[must_use]
    pub fn means_finding(&self, finding: &Finding) -> bool {
        let object = finding.object.as_ref();
        self.code == finding.code
            && self.node.as_ref().is_none_or(|node| finding.node.as_ref() == Some(node))
            && self.object.as_ref().is_none_or(|(namespace, name)| {
                object.is_some_and(|object| object.namespace == *namespace && (name == "*" || object.name == *name))
            })
    }

    /// Whether it accepts this gap.
    #[must_use]
    pub fn means_gap(&self, gap: &Gap) -> bool {
        self.code == gap.code
            && self.object.is_none()
            && self.node.as_ref().is_none_or(|node| gap.node.as_ref() == Some(node))
    }

    /// `no-ready-endpoint:shop/web`.
    #[must_use]
    pub fn words(&self) -> String {
        match (&self.object, &self.node) {
            (Some((namespace, name)), _) => format!("{}:{namespace}/{name}", self.code),
            (None, Some(node)) => format!("{}:{node}", self.code),
            (None, None) => self.code.to_string(),
        }
    }
}

impl Row {
    fn entry(self, from: &str) -> std::result::Result<Ignore, String> {
        let code = code_of(&self.code)?;
        if self.reason.trim().is_empty() {
            return Err("it gives no reason".into());
        }
        let until = self
            .until
            .map(|day| day.parse::<Date>().map_err(|_| format!("`until: {day}` is no day as 2026-12-31")))
            .transpose()?;
        if code.kind() != Kind::Finding && until.is_none() {
            return Err(format!("{code} is something that could not be checked: it needs a last day (until)"));
        }
        let object = self
            .object
            .map(|object| match object.split_once('/') {
                Some((namespace, name)) => Ok((namespace.to_owned(), name.to_owned())),
                None => Err(format!("`object: {object}` is not namespace/name")),
            })
            .transpose()?;
        Ok(Ignore { code, object, node: self.node, reason: Some(self.reason), until, from: from.to_owned() })
    }
}

fn code_of(text: &str) -> std::result::Result<Code, String> {
    Code::find(text).ok_or_else(|| format!("there is no code `{text}`"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn what_the_command_line_takes() {
        for (text, expected) in [
            ("forward-drop", "forward-drop"),
            ("ST201:shop/web", "no-ready-endpoint:shop/web"),
            ("no-ready-endpoint:shop/*", "no-ready-endpoint:shop/*"),
            ("forward-drop:node-a", "forward-drop:node-a"),
        ] {
            assert_eq!(Ignore::parse(text).unwrap().words(), expected);
        }
        for wrong in ["", "no-such-code", "forward-drop:", "forward-drop:/x", "rbac-denied"] {
            let error = Ignore::parse(wrong).unwrap_err();
            assert!(error.to_string().contains("--ignore") && error.hint().is_some(), "{error}");
        }
    }

    #[track_caller]
    fn refused(text: &str, why: &str) {
        let error = Ignore::parse_file("ignore.yaml", text).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }

    #[test]
    fn the_example_is_one() {
        let read = Ignore::parse_file("ignore.yaml", include_str!("../../examples/ci/ignore.yaml")).unwrap();
        assert_eq!(read.len(), 2);
        assert!(read.iter().all(|entry| entry.reason.is_some() && entry.until.is_some()));
    }

    #[test]
    fn a_file_says_why_and_until_when() {
        let text = "- code: no-ready-endpoint\n  object: shop/web\n  reason: comes next week\n  until: 2026-12-01\n\
                    - {code: node-not-collected, node: b, reason: is rebuilt, until: '2026-12-02'}\n";
        let entries = Ignore::parse_file("ignore.yaml", text).unwrap();
        assert_eq!(entries[0].words(), "no-ready-endpoint:shop/web");
        assert_eq!(entries[0].until.unwrap().to_string(), "2026-12-01");
        assert_eq!(
            (entries[1].from.as_str(), entries[1].words().as_str()),
            ("ignore.yaml entry 2", "node-not-collected:b")
        );
        assert_eq!(Ignore::parse_file("ignore.yaml", "\n").unwrap(), []);
        refused("- code: forward-drop\n", "reason");
        refused("- {code: forward-drop, reason: ' '}", "entry 1: it gives no reason");
        refused("- {code: rbac-denied, reason: x}", "it needs a last day");
        refused("- {code: forward-drop, reason: x, until: soon}", "is no day");
        refused("- {code: forward-drop, reason: x, object: web}", "is not namespace/name");
        refused("- {code: nothing, reason: x}", "there is no code `nothing`");
        refused("- {code: forward-drop, reason: x, who: me}", "who");
    }
}
