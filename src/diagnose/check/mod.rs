//! Many Services at once: which ones, on which nodes, and what they, the nodes and DNS are like. Each node is read once
//! and walked for all Services, objects are indexed once. Pure, as `analyze` is.

mod connections;
mod dataplane;
mod dns;
mod nodes;
mod objects;
mod select;
mod suites;

use std::collections::BTreeSet;

use crate::cluster::labels::Labels;
use crate::cluster::referrers;
use crate::cluster::{Index, ServiceEndpoints, ServiceView};
use crate::collect::snapshot::{NodeDumps, Objects, Snapshot};
use crate::error::Result;
use crate::report::check::{CheckSummary, SuiteKind};
use crate::report::{Code, Gap, QueryEcho, Report};

use super::{analyze::sort, settle, skew};
pub use connections::targets;
pub use dns::query as dns_query;
use suites::{Found, Referrers};

/// What is checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckQuery {
    /// Which suites.
    pub suites: BTreeSet<SuiteKind>,
    /// Which Services.
    pub services: Selection,
    /// Nodes that were chosen by name; empty: all that the snapshot holds.
    pub nodes: Vec<String>,
    /// At most so many nodes of those.
    pub sample: Option<usize>,
    /// A name outside the cluster to ask DNS for, instead of the usual one.
    pub external: Option<String>,
    /// As typed, for the echo.
    pub text: String,
}

/// Which Services are checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// The API's own, DNS, and a sample of the others.
    Smoke,
    /// These.
    Chosen(Box<Chosen>),
}

impl Default for Selection {
    fn default() -> Self {
        Self::Chosen(Box::default())
    }
}

/// Services by name, namespace and labels; all where nothing is said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chosen {
    /// Namespace, where it was given with the name, and name; empty: all.
    pub names: Vec<(Option<String>, String)>,
    /// Namespace of names without one, and the only one that is looked at where no name is given; `None`: all.
    pub namespace: Option<String>,
    /// What labels must be like.
    pub labels: Option<Labels>,
    /// Namespaces that are left out.
    pub without: Vec<String>,
}

/// Checks Services from what was read.
///
/// # Errors
/// A Service or node that is named and not there.
pub fn analyze_check(snapshot: &Snapshot, query: &CheckQuery) -> Result<Report> {
    let mut report = reading(snapshot, query, &snapshot.objects, Some)?;
    if snapshot.nodes.values().any(|dumps| dumps.again.is_some()) {
        let objects = snapshot.objects_after.as_ref().unwrap_or(&snapshot.objects);
        let again = reading(snapshot, query, objects, |dumps| dumps.again.as_deref().or(Some(dumps)))?;
        settle::settle(&mut report, &again);
    } else {
        skew::around(&mut report, snapshot);
    }
    if query.suites.contains(&SuiteKind::Probe) {
        connections::add(snapshot, query, &mut report)?;
    } else if query.suites.contains(&SuiteKind::Dataplane) {
        report.not_checked.push("real connections (--probe)".into());
    }
    suites::assign(&mut report);
    sort(&mut report.findings);
    Ok(report)
}

/// One reading of objects and nodes.
fn reading<'snap>(
    snapshot: &'snap Snapshot,
    query: &CheckQuery,
    objects: &'snap Objects,
    dumps: impl Fn(&'snap NodeDumps) -> Option<&'snap NodeDumps> + Sync,
) -> Result<Report> {
    let mut report = Report {
        query: QueryEcho { command: "check".into(), target: query.text.clone(), ..QueryEcho::default() },
        collected: (snapshot.from.clone(), snapshot.to.clone()),
        kubernetes: snapshot.kubernetes.clone(),
        nodes_total: snapshot.nodes_total.or(objects.nodes.as_ref().map(Vec::len)),
        nodes_why: snapshot.nodes_why.clone(),
        gaps: snapshot.gaps.clone(),
        check: Some(CheckSummary::default()),
        ..Report::default()
    };
    let index = Index::new(objects);
    let services = select::services(objects, &query.services)?;
    let of_services = [SuiteKind::Objects, SuiteKind::Dataplane, SuiteKind::Probe];
    if services.is_empty() && of_services.iter().any(|suite| query.suites.contains(suite)) {
        select::refuse_none(objects, &query.services)?;
    }
    let chosen = nodes::choose(snapshot, query, objects)?;
    let endpoints = select::endpoints(&index, &services);
    let referred = referrers::by_service(objects);
    let mut found = Found::new(&services, objects.services().len(), report.nodes_total);
    if objects.services.is_none() && !told(&report.gaps, Code::ObjectsNotRead) {
        let mut gap = Gap::new(Code::ObjectsNotRead, None, "Services were not read");
        gap.lost = Some("everything that is checked of them".into());
        report.gaps.push(gap);
    }
    let work = Work { snapshot, index: &index, services: &services, endpoints: &endpoints };
    if query.suites.contains(&SuiteKind::Objects) {
        objects::check(work, &chosen, &mut found);
    }
    if query.suites.contains(&SuiteKind::Dataplane) {
        dataplane::check(work, &chosen, dumps, &mut report, &mut found);
    }
    if query.suites.contains(&SuiteKind::Dns) {
        dns::check(work, query, &mut report, &mut found)?;
    }
    if query.suites.contains(&SuiteKind::Nodes) {
        nodes::check(work, &chosen, &mut report, &mut found);
    }
    let unread = referrers::unread(objects);
    found.finish(&query.suites, &Referrers { known: &referred, unread: &unread }, &mut report);
    Ok(report)
}

/// What all suites work on.
#[derive(Clone, Copy)]
struct Work<'a, 'snap> {
    snapshot: &'snap Snapshot,
    index: &'a Index<'snap>,
    services: &'a [ServiceView<'snap>],
    endpoints: &'a [ServiceEndpoints<'snap>],
}

fn told(gaps: &[Gap], code: Code) -> bool {
    gaps.iter().any(|gap| gap.code == code)
}
