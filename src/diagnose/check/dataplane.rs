//! The suite of nodes' rules: every path to every Service, walked on every node and compared with its promise.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use rayon::prelude::*;
use rustc_hash::FxHashSet;

use crate::cluster::owners::Owners;
use crate::cluster::{NodeView, ServiceEndpoints, ServiceView};
use crate::collect::snapshot::NodeDumps;
use crate::diagnose::analyze::{dumps_version, summary};
use crate::diagnose::mode::ModeKind;
use crate::diagnose::node::{NodePlane, NodeResult, PathResult, Question};
use crate::diagnose::{
    backends, behind, chain_graph, doubled, ipvs, issues, leftovers, local_detection, mismatch, modes, nft_kernel,
    pod_route, replacement,
};
use crate::query::{Query, Target};
use crate::report::check::{PathCounts, SuiteKind};
use crate::report::{Code, Disposition, Finding, Gap, Issue, Origin, PathState, Report};
use crate::walk::Ends;
use crate::walk::packet::{Dependency, Outcome};

use super::Work;
use super::nodes::ChosenNodes;
use super::suites::Found;
use crate::diagnose::userspace::is_open;

/// Services of a node whose paths stand in the report, of those with a path that is not as promised.
const SHOWN: usize = 20;
/// Services of a node that tell how kube-proxy knows pods: all have the same rules for it.
const ASKED: usize = 5;
/// Lines of a node that are told of one by one.
const LINES: usize = 20;

/// What the paths of one Service on one node lead to.
#[derive(Debug, Default)]
struct Walked {
    findings: Vec<Finding>,
    paths: PathCounts,
    /// Why paths are open: the gap that it is, and its words.
    open: Vec<(Code, String)>,
    gaps: Vec<Gap>,
    said: Vec<String>,
    issues: Vec<Issue>,
    /// Whether a path passes a chain of the Service, where its hops were looked at.
    served: Option<bool>,
    /// Why there is nothing to walk.
    skipped: Option<String>,
}

/// Walks all Services on all nodes.
pub(super) fn check<'snap>(
    work: Work<'_, 'snap>,
    chosen: &ChosenNodes<'snap>,
    dumps: impl Fn(&'snap NodeDumps) -> Option<&'snap NodeDumps> + Sync,
    report: &mut Report,
    found: &mut Found,
) {
    let objects = work.index.objects;
    let query = anything();
    let owners = Owners::of(objects);
    let planes: Vec<NodePlane<'snap>> =
        chosen.list.par_iter().filter_map(|(name, node)| Some(NodePlane::read(objects, name, dumps(node)?))).collect();
    found.nodes = planes.len();
    let results: Vec<NodeResult<'snap>> = planes.iter().map(NodePlane::result).collect();
    found.findings(SuiteKind::Dataplane, pod_route::lost_to(objects, &has_endpoint(work), &results));
    for plane in &planes {
        let mut node = plane.result();
        let name = node.view.name;
        report.nodes.push(summary(&node, dumps_version(objects, name)));
        Question::not_walked(&mut node);
        issues::of_node(&node, &mut report.issues);
        let told = report.gaps.iter().any(|gap| gap.node.as_deref() == Some(name));
        for gap in node.gaps.iter().filter(|gap| !(told && gap.code == Code::NodeNotCollected)) {
            let suite = if gap.code == Code::NodeNotCollected { SuiteKind::Nodes } else { SuiteKind::Dataplane };
            found.gap(suite, gap.clone());
        }
        let walks = node.mode.kind.is_walked();
        let all: Vec<Walked> = if walks {
            let services = work.services.par_iter().zip(work.endpoints);
            services
                .map_init(
                    || plane.ends(),
                    |ends, (view, endpoints)| one(work, (&query, &owners), view, endpoints, plane, ends),
                )
                .collect()
        } else {
            let why = format!("{} is not walked", node.mode.kind.words());
            work.services.iter().map(|_| Walked { skipped: Some(why.clone()), ..Walked::default() }).collect()
        };
        // What kube-proxy does not serve is neither right nor wrong here.
        let beyond = replacement::said(&node);
        let why = beyond.is_some().then(|| node.mode.kind.words().to_owned());
        report.notes.extend(beyond);
        found.case(SuiteKind::Dataplane, name.to_owned(), Some(name.to_owned()), 0, why);
        let again = |places: &[usize]| -> Vec<NodeResult<'snap>> {
            let pick = |at: &usize| Some((work.services.get(*at)?, work.endpoints.get(*at)?));
            let chosen: Vec<_> = places.iter().filter_map(pick).collect();
            chosen.par_iter().map(|(view, ends)| question(work, &query, view, ends).ask_of(plane)).collect()
        };
        let mut findings = of_node(work, &node, &owners);
        let by_chains = matches!(node.mode.kind, ModeKind::Iptables(_));
        let may_be_served = |walked: &Walked| walked.served.unwrap_or(by_chains && walked.skipped.is_none());
        let served = places(&all, may_be_served).flat_map(|at| again(&[at]).into_iter().zip(work.services.get(at)));
        let mut compared = Vec::new();
        for (result, view) in &served.filter(|(result, _)| passes_service(result)).take(ASKED).collect::<Vec<_>>() {
            let ranges = local_detection::pod_ranges(view, result);
            if !ranges.iter().all(|range| compared.contains(range)) {
                findings.extend(local_detection::cluster_cidr_wrong(objects, view, result));
                compared.extend(ranges);
            }
            findings.extend(local_detection::no_local_detection(objects, view, result));
        }
        // what IPVS says of the whole node is the same whichever Service is asked about
        for (result, view) in again(&[0]).iter().zip(work.services) {
            findings.extend(ipvs::of_node(objects, view, result, None));
        }
        found.findings(SuiteKind::Dataplane, findings);
        let shown: Vec<usize> = places(&all, |walked| walked.paths.differs + walked.paths.undecided > 0).collect();
        show(report, work, &again(shown.get(..SHOWN).unwrap_or(&shown)));
        gather(name, work, all, report, found);
    }
}

/// Whether a node runs an endpoint.
fn has_endpoint<'a>(work: Work<'a, '_>) -> impl Fn(&NodeView<'_>) -> bool + 'a {
    let listed = work.endpoints.iter().flat_map(|endpoints| &endpoints.slices).flat_map(|slice| slice.endpoints.iter());
    let nodes: BTreeSet<&str> = listed.flatten().filter_map(|endpoint| endpoint.node_name.as_deref()).collect();
    move |node| nodes.contains(node.name)
}

/// Places of those that are so.
fn places(all: &[Walked], is_so: impl Fn(&Walked) -> bool) -> impl Iterator<Item = usize> {
    all.iter().enumerate().filter(move |(_, walked)| is_so(walked)).map(|(at, _)| at)
}

/// A question without a target: the Service is handed in.
pub(super) fn anything() -> Query {
    Query {
        target: Target::Address { ip: IpAddr::V4(Ipv4Addr::UNSPECIFIED), port: None, protocol: None },
        target_text: String::new(),
        from: None,
        from_text: None,
        namespace: "default".into(),
        nodes: Vec::new(),
    }
}

pub(super) fn question<'a, 'snap>(
    work: Work<'a, 'snap>,
    query: &'a Query,
    view: &'a ServiceView<'snap>,
    endpoints: &'a ServiceEndpoints<'snap>,
) -> Question<'a, 'snap> {
    Question {
        objects: work.index.objects,
        index: work.index,
        query,
        service: Some((view, &view.ports, endpoints)),
        only: None,
        plain: None,
        by_name: None,
    }
}

/// Walks one Service on one node, and keeps what it says.
fn one<'snap>(
    work: Work<'_, 'snap>,
    (query, owners): (&Query, &Owners),
    view: &ServiceView<'snap>,
    endpoints: &ServiceEndpoints<'snap>,
    plane: &NodePlane<'snap>,
    ends: &mut Ends<'_, 'snap>,
) -> Walked {
    if let Some(why) = view.not_programmed() {
        return Walked { skipped: Some(why), ..Walked::default() };
    }
    let question = question(work, query, view, endpoints);
    let ends = plane.tells_by_ends().then(|| question.ask_for_ends(plane, ends));
    let ends = ends.filter(|ends| ends.paths.iter().all(is_plain));
    let served = ends.is_none();
    let result = ends.unwrap_or_else(|| question.ask_of(plane));
    let mut walked = Walked {
        findings: [
            mismatch::findings(view, &result, owners),
            chain_graph::undefined_chain(&result),
            ipvs::of_service(work.index.objects, view, &result, None),
        ]
        .concat(),
        served: served.then(|| passes_service(&result)),
        ..Walked::default()
    };
    for path in &result.paths {
        walked.paths.add(path.state());
        walked.open.extend(open(path));
        issues::of_outcomes(result.view.name, &path.outcomes, &mut walked.issues);
    }
    if result.paths.is_empty() && result.gaps.is_empty() {
        walked.open.push((Code::ObjectsNotRead, "no path could be walked: an address or a port is missing".into()));
    }
    if result.paths.is_empty() {
        walked.skipped = Some("no path could be walked".into());
    }
    walked.gaps = result.gaps;
    walked.said = result.said;
    walked
}

/// Whether nothing is told of a path but that it is as promised. Of a pod that arrives as somebody else, the rule is
/// told that makes it so, unless it is kube-proxy's.
fn is_plain(path: &PathResult<'_>) -> bool {
    let of_proxy =
        |outcome: &Outcome<'_>| outcome.masqueraded_at.is_some_and(|at| at.text.starts_with("-A KUBE-POSTROUTING "));
    let replaced =
        |outcome: &Outcome<'_>| outcome.masqueraded && outcome.destination.ip() != path.info.from && !of_proxy(outcome);
    path.comparison.as_ref().is_some_and(|it| it.state == PathState::Expected && it.uneven.is_none())
        && (path.info.origin != Origin::Pod || !path.outcomes.iter().any(replaced))
}

fn passes_service(result: &NodeResult<'_>) -> bool {
    let outcomes = result.paths.iter().flat_map(|path| &path.outcomes);
    outcomes.flat_map(|outcome| &outcome.hops).any(|hop| hop.chain.starts_with("KUBE-SVC-"))
}

/// Why a path is open, if it is.
fn open(path: &PathResult<'_>) -> Option<(Code, String)> {
    match path.state() {
        PathState::Expected | PathState::Differs => None,
        PathState::NotCompared => {
            let why = path.expectation.as_ref().map(|expected| expected.promise.to_string()).unwrap_or_default();
            Some((Code::ObjectsNotRead, format!("cannot be compared: what they should do is {why}")))
        }
        PathState::Undecided => {
            let undecided = path.outcomes.iter().find(|o| o.disposition == Disposition::Indeterminate || is_open(o));
            Some(match undecided.and_then(|outcome| outcome.depends_on.first()) {
                Some(Dependency::Rule(at, why)) => {
                    (Code::LayoutUnknown, format!("cannot be decided: {} :{}, {why}", at.dump, at.line))
                }
                Some(Dependency::Fact(fact)) => (Code::DataplaneNotModelled, format!("cannot be decided: {fact}")),
                None => (Code::LayoutUnknown, "cannot be decided by the rules alone".into()),
            })
        }
    }
}

/// What a node's rules say beside the paths.
fn of_node(work: Work<'_, '_>, node: &NodeResult<'_>, owners: &Owners) -> Vec<Finding> {
    let mut findings =
        [backends::mixed_backends(node), modes::leftover_mode_rules(None, node), backends::mode_mismatch(node)]
            .concat();
    findings.extend(replacement::two_proxies(work.index.objects, node));
    if node.mode.kind.is_walked() {
        findings.extend(doubled::duplicated_rules(node));
        findings.extend(leftovers::of_all(work.index.objects, node, owners));
        findings.extend(nft_kernel::too_old(work.index.objects, node));
    }
    findings
}

/// Paths that are not as promised, whole.
fn show(report: &mut Report, work: Work<'_, '_>, results: &[NodeResult<'_>]) {
    if results.is_empty() {
        return;
    }
    let behind = behind::behind(work.index.objects, None, Owners::of(work.index.objects));
    let paths = results.iter().flat_map(|result| &result.paths);
    let odd = paths.filter(|path| matches!(path.state(), PathState::Differs | PathState::Undecided));
    report.traces.extend(odd.map(|path| path.trace(&behind)));
}

/// Puts what all Services of a node say into the report.
fn gather(name: &str, work: Work<'_, '_>, all: Vec<Walked>, report: &mut Report, found: &mut Found) {
    let mut open: BTreeMap<(Code, String), (usize, usize)> = BTreeMap::new();
    let (before, differing) = (report.issues.len(), all.iter().filter(|walked| walked.paths.differs > 0).count());
    // Most Services say the same.
    let mut heard: FxHashSet<String> = FxHashSet::default();
    for (view, walked) in work.services.iter().zip(all) {
        let mut reasons: Vec<(Code, String)> = Vec::new();
        for reason in walked.open {
            let entry = open.entry(reason.clone()).or_default();
            entry.0 += 1;
            if !reasons.contains(&reason) {
                entry.1 += 1;
                reasons.push(reason);
            }
        }
        let why = reasons.into_iter().next().map(|(_, why)| format!("paths {why}"));
        found.paths.join(walked.paths);
        found.case(
            SuiteKind::Dataplane,
            view.full_name(),
            Some(name.to_owned()),
            walked.paths.all(),
            walked.skipped.or(why),
        );
        found.findings(SuiteKind::Dataplane, walked.findings);
        walked.gaps.into_iter().for_each(|gap| found.gap(SuiteKind::Dataplane, gap));
        for said in walked.said {
            if heard.contains(&said) {
                continue;
            }
            heard.insert(said.clone());
            let said = format!("{name}: {said}");
            if !report.assumed.contains(&said) && report.assumed.len() < LINES {
                report.assumed.push(said);
            }
        }
        for issue in walked.issues {
            if report.issues.len() < before + LINES && !report.issues.contains(&issue) {
                report.issues.push(issue);
            }
        }
    }
    for ((code, why), (paths, services)) in open {
        let many = |count: usize, noun: &str| if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") };
        let summary = format!("{} of {} {why}", many(paths, "path"), many(services, "Service"));
        found.gap(SuiteKind::Dataplane, Gap::new(code, Some(name), summary));
    }
    if differing > SHOWN {
        report.notes.push(format!("{name}: paths of {SHOWN} Services are shown, {} more differ", differing - SHOWN));
    }
}
