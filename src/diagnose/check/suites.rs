//! What suites find, gathered: which finding belongs to which suite and case, and how bad it is here, where nobody
//! asked for one Service by name.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashMap;

use crate::cluster::ServiceView;
use crate::cluster::referrers::Referrer;
use crate::report::check::{Case, PathCounts, Scope, Suite, SuiteKind};
use crate::report::{Code, Evidence, Finding, Gap, Report, Severity};

use super::connections::is_of_connections;
use super::select::{is_api, is_dns};
use crate::diagnose::words;

/// Who refers to Services.
pub(super) struct Referrers<'a> {
    /// By namespace and name.
    pub(super) known: &'a BTreeMap<(String, String), Vec<Referrer>>,
    /// Kinds that were not read.
    pub(super) unread: &'a [&'static str],
}

/// What was found so far.
#[derive(Debug, Default)]
pub(super) struct Found {
    services: usize,
    services_total: usize,
    nodes_total: Option<usize>,
    /// Endpoints of the Services.
    pub(super) endpoints: usize,
    /// Nodes that were looked at.
    pub(super) nodes: usize,
    /// Nodes that DNS was asked from.
    pub(super) dns_nodes: usize,
    /// Paths that were walked.
    pub(super) paths: PathCounts,
    /// Services that a cluster does not work without.
    vital: BTreeSet<(String, String)>,
    suites: BTreeMap<SuiteKind, Parts>,
}

#[derive(Debug, Default)]
struct Parts {
    cases: Vec<Case>,
    findings: Vec<Finding>,
    gaps: Vec<Gap>,
}

impl Found {
    /// Nothing yet, of these Services.
    pub(super) fn new(services: &[ServiceView<'_>], services_total: usize, nodes_total: Option<usize>) -> Self {
        let vital = services.iter().filter(|view| is_api(view) || is_dns(view));
        let vital = vital.map(|view| (view.namespace.to_owned(), view.name.to_owned())).collect();
        Self { services: services.len(), services_total, nodes_total, vital, ..Self::default() }
    }

    /// Adds a case.
    pub(super) fn case(
        &mut self,
        suite: SuiteKind,
        subject: String,
        node: Option<String>,
        paths: usize,
        skipped: Option<String>,
    ) {
        let case = Case { subject, node, paths, skipped, findings: Vec::new() };
        self.suites.entry(suite).or_default().cases.push(case);
    }

    /// Adds findings, those of one fingerprint once.
    pub(super) fn findings(&mut self, suite: SuiteKind, findings: Vec<Finding>) {
        self.suites.entry(suite).or_default().findings.extend(findings);
    }

    /// Adds a gap, once.
    pub(super) fn gap(&mut self, suite: SuiteKind, gap: Gap) {
        let gaps = &mut self.suites.entry(suite).or_default().gaps;
        if !gaps.contains(&gap) {
            gaps.push(gap);
        }
    }

    /// Puts all into the report.
    pub(super) fn finish(mut self, asked: &BTreeSet<SuiteKind>, referred: &Referrers<'_>, report: &mut Report) {
        let scope = Scope {
            services: self.services,
            services_total: self.services_total,
            endpoints: self.endpoints,
            nodes: self.nodes,
            nodes_total: self.nodes_total,
            paths: self.paths.all(),
            connections: 0,
        };
        // what was said while reading belongs to the nodes, or to the objects
        let read: Vec<(SuiteKind, String)> = report.gaps.iter().map(|gap| (suite_of(gap), gap.fingerprint())).collect();
        let mut known: BTreeSet<String> = BTreeSet::new();
        let mut suites = Vec::new();
        let mut lowered = 0;
        for kind in SuiteKind::ALL.into_iter().filter(|kind| asked.contains(kind)) {
            let parts = self.suites.remove(&kind).unwrap_or_default();
            let scope = if kind == SuiteKind::Dns { Scope { nodes: self.dns_nodes, ..scope } } else { scope };
            let mut suite = Suite { kind, scope, cases: parts.cases, findings: Vec::new(), gaps: Vec::new() };
            for mut finding in parts.findings {
                let key = finding.fingerprint();
                if known.insert(key.clone()) {
                    lowered += usize::from(milder(&mut finding, referred.known, &self.vital));
                    report.findings.push(finding);
                    suite.findings.push(key);
                }
            }
            suite.gaps = read.iter().filter(|(of, _)| *of == kind).map(|(_, key)| key.clone()).collect();
            let mut gaps = parts.gaps;
            if kind == SuiteKind::Objects && lowered > 0 && !referred.unread.is_empty() {
                gaps.push(unreferred(lowered, referred.unread));
            }
            suite.gaps.extend(gaps.iter().map(Gap::fingerprint));
            report.gaps.extend(gaps);
            suites.push(suite);
        }
        if let Some(check) = &mut report.check {
            check.suites = suites;
            check.paths = self.paths;
        }
    }
}

/// Whether a gap of the reading is that DNS could not be asked: what is lost by it says so.
pub(super) fn is_of_dns(gap: &Gap) -> bool {
    gap.lost.as_ref().is_some_and(|lost| lost.contains("DNS"))
}

/// The suite that a gap of the reading belongs to.
fn suite_of(gap: &Gap) -> SuiteKind {
    if is_of_dns(gap) {
        return SuiteKind::Dns;
    }
    if is_of_connections(gap) {
        return SuiteKind::Probe;
    }
    match (&gap.node, gap.code) {
        (Some(_), _) | (None, Code::NodeNotCollected | Code::ApiOnlyVerdict | Code::CollectorLeftBehind) => {
            SuiteKind::Nodes
        }
        (None, Code::SnapshotSkew) => SuiteKind::Dataplane,
        (None, _) => SuiteKind::Objects,
    }
}

/// That a Service has no pods to send to is an error for whoever asks for it by name, and for whatever refers to it.
/// Among all Services it is a warning: clusters hold some that nobody uses. Whether it was made one.
fn milder(
    finding: &mut Finding,
    referred: &BTreeMap<(String, String), Vec<Referrer>>,
    vital: &BTreeSet<(String, String)>,
) -> bool {
    let without_pods =
        [Code::SelectorMatchesNoPod, Code::SelectorWorkloadScaledToZero, Code::NoReadyEndpoint].contains(&finding.code);
    let Some(object) = finding.object.as_ref().filter(|_| without_pods && finding.severity == Severity::Error) else {
        return false;
    };
    let key = (object.namespace.clone(), object.name.clone());
    if vital.contains(&key) {
        return false;
    }
    match referred.get(&key) {
        Some(by) => {
            if let Some(first) = by.first() {
                finding.details.push(format!("{} refers to it", first.object));
                finding.evidence.push(Evidence::Field {
                    object: first.object.clone(),
                    field: first.field.clone(),
                    value: object.name.clone(),
                });
            }
        }
        None => finding.severity = Severity::Warning,
    }
    finding.severity == Severity::Warning
}

/// That it is not known whether something refers to Services without pods: with it they would be errors.
fn unreferred(services: usize, unread: &[&str]) -> Gap {
    let many = if services == 1 { "a Service".to_owned() } else { format!("{services} Services") };
    let what = format!("{} were not read: whether one refers to {many} without pods is not known", words::list(unread));
    let mut gap = Gap::new(Code::ObjectsNotRead, None, what);
    gap.lost = Some("whether these Services are missed: then each is an error".into());
    gap
}

/// Gives each case its findings, when it is settled which there are.
pub(super) fn assign(report: &mut Report) {
    let Some(check) = &mut report.check else { return };
    let findings: FxHashMap<String, &Finding> =
        report.findings.iter().map(|finding| (finding.fingerprint(), finding)).collect();
    let gaps: BTreeSet<String> = report.gaps.iter().map(Gap::fingerprint).collect();
    let in_suites: BTreeSet<String> = check.suites.iter().flat_map(|suite| suite.gaps.iter().cloned()).collect();
    for suite in &mut check.suites {
        suite.findings.retain(|key| findings.contains_key(key));
        suite.gaps.retain(|key| gaps.contains(key));
        if suite.kind == SuiteKind::Dataplane {
            // what is said of the time between two readings comes last
            suite.gaps.extend(gaps.iter().filter(|key| !in_suites.contains(*key)).cloned());
        }
        let mut at: FxHashMap<(String, Option<String>), usize> = FxHashMap::default();
        for (place, case) in suite.cases.iter_mut().enumerate() {
            case.findings.clear();
            at.insert((case.subject.clone(), case.node.clone()), place);
        }
        for key in &suite.findings {
            let Some(finding) = findings.get(key) else { continue };
            let subject = match (&finding.object, &finding.node) {
                (Some(object), _) if object.kind == "Service" => format!("{}/{}", object.namespace, object.name),
                (_, Some(node)) => node.clone(),
                (_, None) => continue,
            };
            let case = at.get(&(subject, finding.node.clone())).and_then(|place| suite.cases.get_mut(*place));
            if let Some(case) = case {
                case.findings.push(key.clone());
                case.skipped = None;
            }
        }
    }
}
