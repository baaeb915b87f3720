//! The suite of real connections: which there are to make, and whether those that were made went as the walk says.

mod judge;
mod plan;

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;

use crate::cluster::Index;
use crate::collect::snapshot::{NodeDumps, Snapshot};
use crate::diagnose::node::NodePlane;
use crate::error::Result;
use crate::probe::connections::{Caller, Connection};
use crate::report::check::{Case, Scope, Suite, SuiteKind};
use crate::report::{Code, Finding, Gap, Report};

use super::{CheckQuery, Work, nodes, select};
use plan::{Group, Groups, groups, spread};

/// Addresses that are connected to from one node at most.
const MOST: usize = 300;

/// How it begins what is lost where connections could not be made.
const LOST: &str = "whether connections";

/// What there is to connect to: for each node that was read, what the walk says leads to endpoints, and these.
///
/// # Errors
/// As of [`super::analyze_check`].
pub fn targets(snapshot: &Snapshot, query: &CheckQuery) -> Result<Vec<(String, Vec<Connection>)>> {
    let mut all = Vec::new();
    each_node(snapshot, query, |_, node, groups| {
        let mut seen = BTreeSet::new();
        let list: Vec<Connection> = groups
            .list
            .iter()
            .flat_map(Group::targets)
            .filter(|target| seen.insert(*target))
            .map(|(to, transport)| Connection { to, transport, tries: Vec::new() })
            .collect();
        all.push((node.to_owned(), spread(&list, MOST)));
    })?;
    Ok(all)
}

/// Adds the suite of connections to a report that has all else.
pub(super) fn add(snapshot: &Snapshot, query: &CheckQuery, report: &mut Report) -> Result<()> {
    let mut suite = Parts::default();
    each_node(snapshot, query, |work, node, groups| suite.node(snapshot, work, node, groups))?;
    suite.add_to(report);
    Ok(())
}

/// Walks every node of the last reading.
fn each_node<'snap>(
    snapshot: &'snap Snapshot,
    query: &CheckQuery,
    mut body: impl FnMut(Work<'_, 'snap>, &'snap str, &Groups<'snap>),
) -> Result<()> {
    let objects = snapshot.objects_after.as_ref().unwrap_or(&snapshot.objects);
    let latest = |dumps: &'snap NodeDumps| dumps.again.as_deref().unwrap_or(dumps);
    let index = Index::new(objects);
    let services = select::services(objects, &query.services)?;
    let endpoints = select::endpoints(&index, &services);
    let chosen = nodes::choose(snapshot, query, objects)?;
    let work = Work { snapshot, index: &index, services: &services, endpoints: &endpoints };
    for (name, dumps) in chosen.list {
        body(work, name, &groups(work, &NodePlane::read(objects, name, latest(dumps))));
    }
    Ok(())
}

/// Whether a gap of the reading is that no connections could be made: what is lost by it says so.
pub(super) fn is_of_connections(gap: &Gap) -> bool {
    gap.lost.as_ref().is_some_and(|lost| lost.starts_with(LOST))
}

/// What the suite comes to.
#[derive(Default)]
struct Parts {
    services: usize,
    nodes: usize,
    connections: usize,
    cases: Vec<Case>,
    findings: Vec<Finding>,
    gaps: Vec<Gap>,
}

impl Parts {
    fn node<'snap>(&mut self, snapshot: &Snapshot, work: Work<'_, 'snap>, node: &str, groups: &Groups<'snap>) {
        self.services = work.services.len();
        let callers: Vec<&Caller> = snapshot.connections.iter().filter(|caller| caller.node == node).collect();
        let Some(caller) = callers.last() else {
            self.nobody(snapshot, work, node, groups);
            return;
        };
        self.nodes += 1;
        let made: FxHashMap<_, _> = caller.connections.iter().map(|one| ((one.to, one.transport), one)).collect();
        let mut silent: FxHashMap<usize, usize> = FxHashMap::default();
        let mut judged: BTreeSet<usize> = BTreeSet::new();
        let (mut left, mut all) = (BTreeSet::new(), BTreeSet::new());
        for group in &groups.list {
            let of = |to| made.get(&(to, group.transport)).copied();
            all.extend(group.targets());
            left.extend(group.targets().filter(|target| !made.contains_key(target)));
            let verdict = judge::group(work, caller, group, of);
            self.findings.extend(verdict.finding);
            self.gaps.extend(verdict.gap);
            *silent.entry(group.service).or_default() += verdict.silent;
            judged.extend((verdict.judged > 0).then_some(group.service));
        }
        self.connections += all.len() - left.len();
        if !left.is_empty() {
            let (left, all) = (left.len(), all.len());
            let mut gap = Gap::new(
                Code::ConnectionNotJudged,
                Some(node),
                format!("{left} of {all} addresses were not connected to from node {node}"),
            );
            gap.lost = Some(format!("whether they work: {MOST} are tried on a node, evenly of all"));
            gap.help = Some("kubectl svc-trace check --probe SERVICE…".into());
            self.gaps.push(gap);
        }
        if !groups.unspoken.is_empty() {
            let many = match groups.unspoken.len() {
                1 => "an SCTP address was".to_owned(),
                count => format!("{count} SCTP addresses were"),
            };
            let what = format!("{many} not connected to from node {node}");
            let mut gap = Gap::new(Code::ConnectionNotJudged, Some(node), what);
            gap.lost = Some("whether they work: only TCP and UDP are tried".into());
            self.gaps.push(gap);
        }
        for (at, view) in work.services.iter().enumerate() {
            let skipped = match (judged.contains(&at), groups.nothing.get(&at), silent.get(&at)) {
                (true, ..) => None,
                (false, Some(why), _) => Some(why.clone()),
                (false, None, Some(count)) if *count > 0 => Some("UDP: nothing came back, which proves nothing".into()),
                (false, None, _) => Some("it was not connected to".into()),
            };
            self.case(view.full_name(), node, skipped);
        }
    }

    /// Nothing was tried from here.
    fn nobody(&mut self, snapshot: &Snapshot, work: Work<'_, '_>, node: &str, groups: &Groups<'_>) {
        let nothing = groups.list.is_empty();
        for (at, view) in work.services.iter().enumerate() {
            let why = groups.nothing.get(&at).cloned().unwrap_or_else(|| "no connection was made from here".into());
            self.case(view.full_name(), node, Some(why));
        }
        // why it was not is told where it was tried
        let told = |gap: &Gap| gap.counts && gap.node.as_deref() == Some(node) && is_of_connections(gap);
        if nothing || snapshot.gaps.iter().any(told) {
            return;
        }
        let mut gap = Gap::new(
            Code::ConnectionNotJudged,
            Some(node),
            format!("no connection was made from a pod on node {node}"),
        );
        gap.lost = Some("whether what the rules deliver also arrives".into());
        gap.help = Some("kubectl svc-trace check --probe".into());
        self.gaps.push(gap);
    }

    fn case(&mut self, subject: String, node: &str, skipped: Option<String>) {
        self.cases.push(Case { subject, node: Some(node.to_owned()), paths: 0, skipped, findings: Vec::new() });
    }

    fn add_to(self, report: &mut Report) {
        let nodes_total = report.nodes_total;
        let read = report.gaps.iter().filter(|gap| is_of_connections(gap)).map(Gap::fingerprint);
        let gaps: Vec<String> = read.chain(self.gaps.iter().map(Gap::fingerprint)).collect();
        let findings = judge::of_one(self.findings);
        let Some(check) = &mut report.check else { return };
        let services_total = check.suites.first().map_or(self.services, |suite| suite.scope.services_total);
        let scope = Scope {
            services: self.services,
            services_total,
            nodes: self.nodes,
            nodes_total,
            connections: self.connections,
            ..Scope::default()
        };
        check.suites.push(Suite {
            kind: SuiteKind::Probe,
            scope,
            cases: self.cases,
            findings: findings.iter().map(Finding::fingerprint).collect(),
            gaps,
        });
        report.findings.extend(findings);
        report.gaps.extend(self.gaps);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests;
