//! Which nodes are looked at, and the suite that says whether they could be read.

use crate::collect::sample;
use crate::collect::snapshot::{NodeDumps, Objects, Snapshot};
use crate::diagnose::analyze::{dumps_version, summary};
use crate::diagnose::node::NodePlane;
use crate::error::{Error, Result};
use crate::report::check::SuiteKind;
use crate::report::{Code, Gap, Report};

use super::suites::Found;
use super::{CheckQuery, Work};

/// The nodes that are looked at, by name.
pub(super) struct ChosenNodes<'snap> {
    /// Those that were read.
    pub(super) list: Vec<(&'snap str, &'snap NodeDumps)>,
    /// Those that were asked for by name and were not.
    pub(super) unread: Vec<String>,
}

/// Chooses among the nodes that were read.
pub(super) fn choose<'snap>(
    snapshot: &'snap Snapshot,
    query: &CheckQuery,
    objects: &Objects,
) -> Result<ChosenNodes<'snap>> {
    let told = |name: &str| snapshot.gaps.iter().any(|gap| gap.node.as_deref() == Some(name));
    let there = |name: &str| {
        snapshot.nodes.contains_key(name)
            || told(name)
            || objects.nodes().iter().any(|node| node.metadata.name.as_deref() == Some(name))
    };
    if let Some(name) = query.nodes.iter().find(|name| !there(name)) {
        let held: Vec<String> = snapshot.nodes.keys().map(|name| format!("`{name}`")).collect();
        return Err(Error::usage_help(
            format!("there is nothing of node `{name}`"),
            format!("--node, one of {}", held.join(", ")),
        ));
    }
    let mut list: Vec<(&'snap str, &'snap NodeDumps)> = snapshot
        .nodes
        .iter()
        .filter(|(name, _)| query.nodes.is_empty() || query.nodes.contains(name))
        .map(|(name, dumps)| (name.as_str(), dumps))
        .collect();
    if let Some(most) = query.sample.filter(|most| *most < list.len()) {
        let names: Vec<String> = list.iter().map(|(name, _)| (*name).to_owned()).collect();
        let kept = sample::spread(objects.nodes(), &names, most);
        list.retain(|(name, _)| kept.iter().any(|kept| kept == name));
    }
    let unread = query.nodes.iter().filter(|name| !snapshot.nodes.contains_key(*name)).cloned().collect();
    Ok(ChosenNodes { list, unread })
}

/// Says of each node whether it could be read, and of none that it was not looked at.
pub(super) fn check<'snap>(work: Work<'_, 'snap>, chosen: &ChosenNodes<'snap>, report: &mut Report, found: &mut Found) {
    let objects = work.index.objects;
    found.nodes = chosen.list.len();
    for (name, dumps) in &chosen.list {
        let kubernetes = dumps_version(objects, name);
        if report.nodes.iter().all(|node| node.name != *name) {
            report.nodes.push(summary(&NodePlane::read(objects, name, dumps).result(), kubernetes));
        }
        let read = report.nodes.iter().any(|node| node.name == *name && node.read);
        let why = (!read).then(|| "its rules were not read".to_owned());
        found.case(SuiteKind::Nodes, (*name).to_owned(), Some((*name).to_owned()), 0, why);
    }
    for name in &chosen.unread {
        if !report.gaps.iter().any(|gap| gap.node.as_ref() == Some(name)) {
            let mut gap = Gap::new(Code::NodeNotCollected, Some(name), "this node was not read");
            gap.lost = Some("what its rules do".into());
            found.gap(SuiteKind::Nodes, gap);
        }
    }
    let silent: Vec<String> = report.gaps.iter().filter_map(|gap| gap.node.clone()).collect();
    for name in silent.iter().chain(&chosen.unread) {
        if !chosen.list.iter().any(|(read, _)| read == name) {
            found.case(SuiteKind::Nodes, name.clone(), Some(name.clone()), 0, Some("it was not read".into()));
        }
    }
    if chosen.list.is_empty() && chosen.unread.is_empty() && silent.is_empty() {
        let mut gap = Gap::new(Code::ApiOnlyVerdict, None, "no node was read: the answer is what the objects tell");
        gap.lost = Some("whether the nodes' rules do what the objects promise".into());
        found.gap(SuiteKind::Nodes, gap);
    }
}
