//! Lines that could not be read, and dumps that are cut: told apart from what is wrong with the cluster.

use crate::collect::pasted::listing::without_marks;
use crate::collect::snapshot::Completeness;
use crate::dataplane::plane::Family;
use crate::report::{Code, Issue};
use crate::walk::packet::{Dependency, Outcome};

use super::node::NodeResult;

/// Longest text of a line that is repeated.
const SHOWN: usize = 200;
/// Lines of one node that are told of one by one.
const TOLD: usize = 20;

/// Adds the issues of one node.
pub(super) fn of_node(node: &NodeResult<'_>, into: &mut Vec<Issue>) {
    let name = node.view.name;
    let issue = |code, dump: &str, line, message: String, text: &str| Issue {
        code,
        node: name.into(),
        dump: dump.into(),
        line,
        message,
        text: text.chars().take(SHOWN).collect(),
    };
    for (dump, read) in &node.plane.dumps.dumps {
        if read.complete == Completeness::Cut {
            let lines = u32::try_from(read.text.lines().count()).unwrap_or(u32::MAX);
            let last = read.text.lines().last().unwrap_or_default();
            into.push(issue(Code::OutputTruncated, dump, lines, "the dump ends before its end".into(), last));
        }
    }
    let mut told: Vec<Issue> = Vec::new();
    for family in [Family::V4, Family::V6] {
        if !node.paths.iter().any(|path| Family::of(path.info.to) == family) {
            continue;
        }
        for at in node.plane.rules(family).rulesets.iter().flat_map(|loaded| &loaded.ruleset.unread) {
            told.push(issue(Code::LayoutUnknown, at.dump, at.line, "no line of an iptables dump".into(), at.text));
        }
    }
    for at in &node.plane.nft().unread {
        told.push(issue(Code::LayoutUnknown, at.dump, at.line, "it stands in no nft table".into(), at.text));
    }
    for at in node.plane.sets().unread() {
        told.push(issue(Code::LayoutUnknown, at.dump, at.line, "it is of no ipset that is named".into(), at.text));
    }
    for path in &node.paths {
        of_outcomes(name, &path.outcomes, &mut told);
    }
    let more = told.len().saturating_sub(TOLD);
    told.truncate(TOLD);
    if more > 0
        && let Some(last) = told.last_mut()
    {
        last.message.push_str(&format!(" (and {more} more lines)"));
    }
    into.extend(told);
}

/// Adds the lines that outcomes depend on.
pub(super) fn of_outcomes(node: &str, outcomes: &[Outcome<'_>], into: &mut Vec<Issue>) {
    for dependency in outcomes.iter().flat_map(|outcome| &outcome.depends_on) {
        if let Dependency::Rule(at, why) = dependency {
            let issue = Issue {
                code: if dependency.is_left_out() { Code::OutputTruncated } else { Code::LayoutUnknown },
                node: node.into(),
                dump: at.dump.into(),
                line: at.line,
                message: why.clone(),
                text: without_marks(at.text).chars().take(SHOWN).collect(),
            };
            if !into.contains(&issue) {
                into.push(issue);
            }
        }
    }
}
