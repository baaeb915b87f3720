//! Label selectors as kubectl's `-l` takes them: `app=web,tier!=db,zone in (a,b),!old`
//! (apimachinery pkg/labels, selector.go).

use std::collections::BTreeMap;

use crate::error::{Error, Result};

/// What labels must be like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labels(Vec<Need>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Need {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Absent(String),
}

impl Labels {
    /// Reads a selector.
    ///
    /// # Errors
    /// What is no selector.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = || Error::usage_help(format!("`-l {text}` is no label selector"), "-l app=web,tier!=db");
        let needs = parts(text).into_iter().map(|part| need(part.trim()).ok_or_else(wrong)).collect::<Result<_>>()?;
        Ok(Self(needs))
    }

    /// Whether these labels are so.
    #[must_use]
    pub fn match_all(&self, labels: Option<&BTreeMap<String, String>>) -> bool {
        let value = |key: &String| labels.and_then(|labels| labels.get(key));
        self.0.iter().all(|need| match need {
            Need::In(key, values) => value(key).is_some_and(|value| values.contains(value)),
            Need::NotIn(key, values) => value(key).is_none_or(|value| !values.contains(value)),
            Need::Exists(key) => value(key).is_some(),
            Need::Absent(key) => value(key).is_none(),
        })
    }
}

/// Parts between commas that are not inside brackets.
fn parts(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut depth) = (0, 0_usize);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                parts.extend(text.get(start..at));
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.extend(text.get(start..));
    parts
}

fn need(part: &str) -> Option<Need> {
    let key = |text: &str| {
        let text = text.trim();
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
        (!text.is_empty() && text.chars().all(good)).then(|| text.to_owned())
    };
    let value = |text: &str| {
        let text = text.trim();
        text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')).then(|| text.to_owned())
    };
    let values = |text: &str| {
        let inside = text.trim().strip_prefix('(')?.strip_suffix(')')?;
        inside.split(',').map(value).collect::<Option<Vec<String>>>()
    };
    if let Some((name, list)) = part.split_once(" notin") {
        return Some(Need::NotIn(key(name)?, values(list)?));
    }
    if let Some((name, list)) = part.split_once(" in") {
        return Some(Need::In(key(name)?, values(list)?));
    }
    if let Some((name, one)) = part.split_once("!=") {
        return Some(Need::NotIn(key(name)?, vec![value(one)?]));
    }
    if let Some((name, one)) = part.split_once("==").or_else(|| part.split_once('=')) {
        return Some(Need::In(key(name)?, vec![value(one)?]));
    }
    match part.strip_prefix('!') {
        Some(name) => Some(Need::Absent(key(name)?)),
        None => Some(Need::Exists(key(part)?)),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[track_caller]
    fn case(selector: &str, labels: &str, expected: bool) {
        let labels: BTreeMap<String, String> = labels
            .split(',')
            .filter_map(|pair| pair.split_once('='))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        assert_eq!(Labels::parse(selector).unwrap().match_all(Some(&labels)), expected, "{selector}");
    }

    #[test]
    fn selectors() {
        case("app=web", "app=web,tier=x", true);
        case("app==web", "app=db", false);
        case("app!=web", "app=db", true);
        case("app!=web", "tier=x", true);
        case("app=web,tier in (a, b)", "app=web,tier=b", true);
        case("app=web,tier in (a,b)", "app=web,tier=c", false);
        case("tier notin (a,b)", "tier=c", true);
        case("app,!old", "app=x", true);
        case("app,!old", "app=x,old=1", false);
        for wrong in ["", "app=web,", "a b", "x in y", "=x", "a=(b)"] {
            assert!(Labels::parse(wrong).is_err(), "{wrong}");
        }
    }
}
