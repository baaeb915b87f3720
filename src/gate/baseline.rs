//! What was there before: the fingerprints of an earlier answer. A report in JSON is one too.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::order;
use crate::report::check::Problem;
use crate::report::{Finding, Report};

/// The format that is written.
const SCHEMA: &str = "svc-trace-baseline/v1";

/// An earlier answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Baseline {
    keys: BTreeSet<String>,
    /// Where it stands.
    pub from: String,
}

#[derive(Debug, Deserialize)]
struct File {
    schema: String,
    findings: Vec<Row>,
    /// Of a report: what was accepted then.
    #[serde(default)]
    check: Option<Check>,
}

#[derive(Debug, Deserialize)]
struct Check {
    #[serde(default)]
    accepted: Vec<AcceptedRow>,
}

#[derive(Debug, Deserialize)]
struct AcceptedRow {
    finding: Option<Row>,
    by: String,
    reason: Option<String>,
}

impl AcceptedRow {
    /// The finding, where an older baseline held it: what an entry accepts stays with that entry.
    fn older(self) -> Option<Row> {
        self.finding.filter(|_| self.reason.is_none() && self.by != "--ignore")
    }
}

#[derive(Debug, Deserialize)]
struct Row {
    fingerprint: String,
}

#[derive(Debug, Serialize)]
struct Written<'r> {
    schema: &'static str,
    read: Option<&'r str>,
    findings: Vec<WrittenRow<'r>>,
}

#[derive(Debug, Serialize)]
struct WrittenRow<'r> {
    fingerprint: String,
    summary: &'r str,
}

impl Baseline {
    /// Reads a baseline, or a report in JSON. `name` is for messages.
    ///
    /// # Errors
    /// What is neither.
    pub fn parse(name: &str, text: &str) -> Result<Self> {
        let help = "kubectl svc-trace check --write-baseline FILE makes one";
        let wrong = |what: String| Error::usage_help(format!("`{name}` is no baseline: {what}"), help);
        let file: File = serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
        if file.schema != SCHEMA && file.schema != "svc-trace/v1" {
            return Err(wrong(format!("its schema is `{}`", file.schema.escape_debug())));
        }
        let older = file.check.into_iter().flat_map(|check| check.accepted).filter_map(AcceptedRow::older);
        Ok(Self {
            keys: file.findings.into_iter().chain(older).map(|row| row.fingerprint).collect(),
            from: name.to_owned(),
        })
    }

    /// Whether a finding was there.
    #[must_use]
    pub fn holds(&self, finding: &Finding) -> bool {
        self.keys.contains(&finding.fingerprint())
    }

    /// What is not there any more, given what was accepted.
    #[must_use]
    pub fn gone(&self, still: impl Iterator<Item = String>) -> Vec<String> {
        let still: BTreeSet<String> = still.collect();
        self.keys.difference(&still).cloned().collect()
    }
}

/// The baseline of a report, ending in a newline: all its findings, those of an older baseline too.
#[must_use]
pub fn write(report: &Report) -> String {
    let accepted = report.check.iter().flat_map(|check| &check.accepted);
    // what an entry accepts stays with that entry, and with its last day
    let older = accepted.filter(|accepted| accepted.reason.is_none() && accepted.by != "--ignore");
    let older = older.filter_map(|accepted| match &accepted.what {
        Problem::Finding(finding) => Some(&**finding),
        Problem::Gap(_) => None,
    });
    let mut findings: Vec<WrittenRow<'_>> = report
        .findings
        .iter()
        .chain(older)
        .map(|finding| WrittenRow { fingerprint: finding.fingerprint(), summary: &finding.summary })
        .collect();
    order::sort_by(&mut findings, |a, b| a.fingerprint.cmp(&b.fingerprint));
    let read = report.collected.1.as_deref().or(report.collected.0.as_deref());
    // only maps with keys that are no strings can fail, and there is none
    let mut text = serde_json::to_string_pretty(&Written { schema: SCHEMA, read, findings }).unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_a_baseline_and_other_files_are_not() {
        let report = r#"{"schema":"svc-trace/v1","findings":[{"fingerprint":"a|b|c|d","code":"x"}]}"#;
        assert_eq!(Baseline::parse("r", report).unwrap().keys.len(), 1);
        let older = r#"{"schema":"svc-trace/v1","findings":[],"check":{"accepted":[
            {"finding":{"fingerprint":"a"},"by":"b.json"}, {"finding":{"fingerprint":"b"},"by":"--ignore"},
            {"finding":{"fingerprint":"c"},"by":"ignore.yaml","reason":"known"}, {"gap":{"code":"x"},"by":"b.json"}]}}"#;
        let keys = Baseline::parse("r", older).unwrap().keys;
        assert_eq!(keys.into_iter().collect::<Vec<_>>(), ["a"]);
        for wrong in ["", "[]", r#"{"schema":"other","findings":[]}"#, r#"{"schema":"svc-trace/v1"}"#] {
            assert!(Baseline::parse("r", wrong).unwrap_err().to_string().starts_with("`r` is no baseline"), "{wrong}");
        }
    }
}
