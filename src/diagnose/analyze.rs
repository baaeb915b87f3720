//! The whole way from a snapshot and a question to a report. Pure: no clock, no environment, no I/O.

use std::collections::BTreeSet;
use std::net::IpAddr;

use rayon::prelude::*;

use crate::cluster::owners::Owners;
use crate::cluster::resolve::{Chosen, Subject, resolve};
use crate::cluster::summary::summarize;
use crate::cluster::{Index, NodeView, ServiceEndpoints};
use crate::collect::snapshot::{NodeDumps, Objects, Snapshot};
use crate::error::{Error, Result};
use crate::order;
use crate::query::{self, Query, Target};
use crate::report::{Code, Finding, Gap, NodeSummary, QueryEcho, Report};
use crate::walk::packet::Protocol;

use super::clients::node_of_client;
use super::node::{NodeResult, Question};
use super::{
    Context, backends, behind, chain_graph, doubled, gone, ingress_target, issues, leftovers, local_detection,
    mismatch, modes, node_port, pod_route, replacement, settle, skew,
};

/// Answers a question from what was read.
///
/// # Errors
/// A target that nothing has: no such Service, no such node.
pub fn analyze(snapshot: &Snapshot, query: &Query) -> Result<Report> {
    let mut report = one(snapshot, query, &snapshot.objects, Some)?;
    if snapshot.nodes.values().any(|dumps| dumps.again.is_some()) {
        let objects = snapshot.objects_after.as_ref().unwrap_or(&snapshot.objects);
        let again = one(snapshot, query, objects, |dumps| dumps.again.as_deref().or(Some(dumps)))?;
        settle::settle(&mut report, &again);
    } else {
        skew::around(&mut report, snapshot);
    }
    Ok(report)
}

fn one<'snap>(
    snapshot: &'snap Snapshot,
    query: &Query,
    objects: &'snap Objects,
    dumps: impl Fn(&'snap NodeDumps) -> Option<&'snap NodeDumps> + Sync,
) -> Result<Report> {
    if let Target::Ingress { namespace, name } = &query.target {
        let entry = ingress_target::entry(objects, namespace.as_deref().unwrap_or(&query.namespace), name)?;
        let mut report = match entry.question(query) {
            Some(to) => one(snapshot, &to, objects, dumps)?,
            None => Report { query: echo(query), gaps: snapshot.gaps.clone(), ..Report::default() },
        };
        entry.add_to(&mut report, snapshot, objects);
        sort(&mut report.findings);
        return Ok(report);
    }
    let subject = match resolve(objects, &query.target, &query.namespace) {
        Err(error) => match gone::rules_of_deleted(snapshot, query) {
            Some(report) => return Ok(report),
            None => return Err(error.with_left(|| super::ipvs::left_for_nobody(snapshot))),
        },
        Ok(subject) => subject,
    };
    answerable(snapshot, query, objects, &subject)?;
    let mut report = Report {
        query: echo(query),
        collected: (snapshot.from.clone(), snapshot.to.clone()),
        kubernetes: snapshot.kubernetes.clone(),
        nodes_total: snapshot.nodes_total.or(objects.nodes.as_ref().map(Vec::len)),
        nodes_why: snapshot.nodes_why.clone(),
        gaps: snapshot.gaps.clone(),
        ..Report::default()
    };
    let chosen: Vec<(&'snap str, &'snap NodeDumps)> = chosen_nodes(snapshot, query, objects, &subject)
        .into_iter()
        .filter_map(|(name, node)| Some((name, dumps(node)?)))
        .collect();
    let index = Index::new(objects);
    let endpoints = match &subject {
        Subject::Service(chosen) => Some(ServiceEndpoints::of(&index, &chosen.view)),
        Subject::Plain { .. } | Subject::NotRead { .. } => None,
    };
    let question = question(&index, query, &subject, endpoints.as_ref());
    let results: Vec<NodeResult<'snap>> = chosen.par_iter().map(|(name, node)| question.ask(name, node)).collect();
    let owners = Owners::of(objects);
    match (&subject, &endpoints) {
        (Subject::Service(chosen), Some(endpoints)) => {
            of_service(&mut report, snapshot, query, &index, (chosen, endpoints), &results, &owners);
        }
        (Subject::NotRead { namespace, name }, _) => {
            let told = report.gaps.iter().any(|gap| matches!(gap.code, Code::RbacDenied | Code::ObjectsNotRead));
            let summary = format!("no objects were read: what {namespace}/{name} should do is not known");
            let mut gap = Gap::new(Code::ObjectsNotRead, None, summary);
            gap.lost = Some("the comparison with what the objects promise".into());
            if !told {
                report.gaps.push(gap);
            }
        }
        (Subject::Plain { ip, port: Some(port), .. }, _) => plain(&mut report, objects, &results, *ip, *port),
        _ => {}
    }
    let behind = behind::behind(objects, endpoints.as_ref(), owners);
    for result in &results {
        report.nodes.push(summary(result, dumps_version(objects, result.view.name)));
        report.traces.extend(result.paths.iter().map(|path| path.trace(&behind)));
        let told = report.gaps.iter().any(|gap| gap.node.as_deref() == Some(result.view.name));
        report.gaps.extend(result.gaps.iter().filter(|gap| !(told && gap.code == Code::NodeNotCollected)).cloned());
        issues::of_node(result, &mut report.issues);
    }
    report.assumed = assumed(&results);
    for node in query.nodes.iter().filter(|node| !snapshot.nodes.contains_key(*node)) {
        if !report.gaps.iter().any(|gap| gap.node.as_ref() == Some(node)) {
            let mut gap = Gap::new(Code::NodeNotCollected, Some(node), "this node was not read");
            gap.lost = Some("what its rules do".into());
            report.gaps.push(gap);
        }
    }
    if results.is_empty() && query.nodes.is_empty() {
        api_only(&mut report);
    }
    incomplete_objects(&mut report, &subject, endpoints.as_ref(), &results);
    not_checked(&mut report, objects, &results);
    sort(&mut report.findings);
    Ok(report)
}

/// What was taken for granted: each thing once, with the nodes that it was taken for where these are not all.
fn assumed(results: &[NodeResult<'_>]) -> Vec<String> {
    let mut told: Vec<(&str, Vec<&str>)> = Vec::new();
    for result in results {
        for said in &result.said {
            match told.iter_mut().find(|(text, _)| text == said) {
                Some((_, nodes)) => nodes.push(result.view.name),
                None => told.push((said, vec![result.view.name])),
            }
        }
    }
    told.into_iter()
        .map(|(said, mut nodes)| {
            nodes.dedup();
            if nodes.len() == results.len() { said.to_owned() } else { format!("{}: {said}", nodes.join(", ")) }
        })
        .collect()
}

/// The question, said back.
fn echo(query: &Query) -> QueryEcho {
    QueryEcho {
        command: "trace".into(),
        target: query.target_text.clone(),
        from: query.from_text.clone(),
        namespace: query.namespace.clone(),
    }
}

/// Refuses questions that name what is not there.
fn answerable(snapshot: &Snapshot, query: &Query, objects: &Objects, subject: &Subject<'_>) -> Result<()> {
    if let Subject::Plain { ip, port: None, .. } = subject {
        let to = match ip {
            IpAddr::V4(ip) => format!("{ip}:PORT"),
            IpAddr::V6(ip) => format!("[{ip}]:PORT"),
        };
        return Err(Error::usage_help(
            format!("no Service has `{ip}`, and no port was given"),
            format!("kubectl svc-trace {to}"),
        ));
    }
    let held = || snapshot.nodes.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let missing = |name: &&String| {
        !snapshot.nodes.contains_key(*name) && !snapshot.gaps.iter().any(|gap| gap.node.as_ref() == Some(*name))
    };
    if let Some(name) = query.nodes.iter().find(missing).filter(|_| !snapshot.nodes.is_empty()) {
        return Err(Error::usage_help(
            format!("there is nothing of node `{name}`"),
            format!("--node, one of {}", held()),
        ));
    }
    match &query.from {
        Some(query::Client::Pod { name, .. } | query::Client::Deployment { name, .. })
            if objects.pods.is_some() && !snapshot.nodes.is_empty() && node_of_client(objects, query).is_none() =>
        {
            Err(Error::usage_help(format!("no pod of `{name}` on a node is known here"), "kubectl get pods -A -o wide"))
        }
        Some(query::Client::Node(name))
            if !snapshot.nodes.is_empty()
                && !snapshot.nodes.contains_key(name)
                && !snapshot.gaps.iter().any(|gap| gap.node.as_ref() == Some(name)) =>
        {
            Err(Error::usage_help(
                format!("there is nothing of node `{name}`"),
                format!("--from node/NAME, one of {}", held()),
            ))
        }
        _ => Ok(()),
    }
}

fn question<'a, 'snap>(
    index: &'a Index<'snap>,
    query: &'a Query,
    subject: &'a Subject<'snap>,
    endpoints: Option<&'a ServiceEndpoints<'snap>>,
) -> Question<'a, 'snap> {
    let by_name = match subject {
        Subject::NotRead { namespace, name } => Some((namespace.as_str(), name.as_str())),
        Subject::Service(_) | Subject::Plain { .. } => None,
    };
    let (service, only, plain) = match subject {
        Subject::Service(chosen) => {
            (endpoints.map(|endpoints| (&chosen.view, chosen.ports.as_slice(), endpoints)), chosen.only, None)
        }
        Subject::Plain { ip, port: Some(port), protocol } => {
            (None, None, Some((*ip, *port, protocol.unwrap_or(Protocol::Tcp))))
        }
        Subject::Plain { .. } | Subject::NotRead { .. } => (None, None, None),
    };
    Question { objects: index.objects, index, query, service, only, plain, by_name }
}

fn of_service<'snap>(
    report: &mut Report,
    snapshot: &'snap Snapshot,
    query: &Query,
    index: &Index<'snap>,
    (chosen, endpoints): (&Chosen<'snap>, &ServiceEndpoints<'snap>),
    results: &[NodeResult<'snap>],
    owners: &Owners,
) {
    let objects = index.objects;
    report.service = Some(summarize(&chosen.view, endpoints));
    if let Some(why) = chosen.view.not_programmed() {
        report.notes.push(why);
    }
    let nodes: Vec<NodeView<'snap>> = results.iter().map(|result| result.view.clone()).collect();
    let client = results
        .iter()
        .flat_map(|result| &result.clients)
        .next()
        .filter(|_| !matches!(query.from, None | Some(query::Client::External)));
    let alone = results.is_empty().then(|| super::clients::of_objects(objects, &chosen.view, query)).flatten();
    let context = Context {
        objects,
        index,
        view: &chosen.view,
        endpoints,
        ports: &chosen.ports,
        missing: chosen.missing.as_ref(),
        nodes: &nodes,
        client: client.or(alone.as_ref()),
        at: snapshot.from.as_deref().or(snapshot.to.as_deref()),
    };
    report.findings.extend(super::object_findings(&context));
    report.environment = super::service_links::shown(&context);
    let own = chosen.view.reference();
    let whole = super::cluster_findings(objects);
    report.findings.extend(whole.into_iter().filter(|finding| super::concerns(finding, &own)));
    if chosen.view.not_programmed().is_none() {
        report
            .findings
            .extend(results.iter().flat_map(|result| super::proxy_pods::not_running_on(objects, result.view.name)));
    }
    for result in results.iter().filter(|result| result.mode.kind.is_walked()) {
        report.findings.extend(mismatch::findings(&chosen.view, result, owners));
        report.findings.extend(of_node(objects, chosen, result, owners));
    }
    report.findings.extend(pod_route::lost(objects, &chosen.view, endpoints, results));
    for result in results {
        report.findings.extend(
            [
                backends::mixed_backends(result),
                modes::leftover_mode_rules(Some(&chosen.view), result),
                backends::mode_mismatch(result),
                replacement::two_proxies(objects, result).into_iter().collect(),
            ]
            .concat(),
        );
    }
}

/// What a node's rules say beside the paths.
fn of_node<'snap>(
    objects: &'snap Objects,
    chosen: &Chosen<'snap>,
    node: &NodeResult<'snap>,
    owners: &Owners,
) -> Vec<Finding> {
    let service = &chosen.view;
    let asked = |ip| chosen.only == Some(ip) || chosen.node.is_some();
    [
        leftovers::former_addresses(service, node),
        leftovers::deleted_services(objects, service, node, owners),
        doubled::duplicated_rules(node),
        local_detection::cluster_cidr_wrong(objects, service, node),
        local_detection::no_local_detection(objects, service, node),
        chain_graph::undefined_chain(node),
        node_port::address_not_served(service, node, &asked),
        super::nft_kernel::too_old(objects, node),
        super::ipvs::of_node(objects, service, node, chosen.only),
        super::ipvs::of_service(objects, service, node, chosen.only),
    ]
    .concat()
}

/// The nodes that are asked: those of the question, or of its client, or all that were read.
fn chosen_nodes<'snap>(
    snapshot: &'snap Snapshot,
    query: &Query,
    objects: &Objects,
    subject: &Subject<'_>,
) -> Vec<(&'snap str, &'snap NodeDumps)> {
    let one_node = match subject {
        Subject::Service(chosen) => chosen.node.clone(),
        Subject::Plain { .. } | Subject::NotRead { .. } => None,
    };
    let client = node_of_client(objects, query).map(str::to_owned);
    snapshot
        .nodes
        .iter()
        .filter(|(name, _)| query.nodes.is_empty() || query.nodes.contains(name))
        .filter(|(name, _)| client.as_ref().is_none_or(|client| client == *name))
        .filter(|(name, _)| one_node.as_ref().is_none_or(|node| node == *name))
        .map(|(name, dumps)| (name.as_str(), dumps))
        .collect()
}

pub(super) fn summary(result: &NodeResult<'_>, kubernetes: Option<String>) -> NodeSummary {
    use crate::report::Evidence;
    let evidence = result.mode.evidence.as_ref().map(|evidence| match evidence {
        Evidence::Line { dump, line, .. } => format!("{dump} :{line}"),
        Evidence::Field { field, value, .. } => format!("{field} {value}"),
        Evidence::Fact { text, .. } => text.clone(),
    });
    let evidence = match (evidence, &result.mode.why) {
        (Some(evidence), Some(why)) => Some(format!("{evidence}; {}", why.words())),
        (evidence, _) => evidence,
    };
    NodeSummary {
        name: result.view.name.into(),
        dataplane: match super::replacement::embedded(result.view.object).filter(|_| result.mode.kind.name().is_some())
        {
            Some(program) => format!("{}, inside {program}", result.mode.kind.words()),
            None => result.mode.kind.words().into(),
        },
        evidence,
        kubernetes,
        zone: result.view.zone.map(Into::into),
        read: result.mode.kind != super::mode::ModeKind::NotRead,
    }
}

pub(super) fn dumps_version(objects: &Objects, node: &str) -> Option<String> {
    objects
        .nodes()
        .iter()
        .find(|object| object.metadata.name.as_deref() == Some(node))
        .and_then(|object| object.status.as_ref()?.node_info.as_ref())
        .map(|info| info.kubelet_version.clone())
        .filter(|version| !version.is_empty())
}

fn api_only(report: &mut Report) {
    // A port that is not there, and a Service that no node programs, need no node.
    if report.findings.iter().any(|finding| finding.code == Code::PortNotInService) {
        return;
    }
    if report.service.as_ref().is_some_and(|service| service.kind == "ExternalName" || service.kind == "headless") {
        return;
    }
    let mut gap = Gap::new(Code::ApiOnlyVerdict, None, "no node was read: the answer is what the objects alone tell");
    gap.lost = Some("whether the nodes' rules do what the objects promise".into());
    report.gaps.push(gap);
}

/// Objects that were not read, or lack what they should have: no promise can be made of them.
fn incomplete_objects(
    report: &mut Report,
    subject: &Subject<'_>,
    endpoints: Option<&ServiceEndpoints<'_>>,
    results: &[NodeResult<'_>],
) {
    let Subject::Service(chosen) = subject else {
        return;
    };
    let name = chosen.view.full_name();
    let spec = chosen.view.object.spec.as_ref();
    let has_type = spec.is_some_and(|spec| spec.cluster_ip.is_some() || spec.external_name.is_some());
    if chosen.view.not_programmed().is_some() && has_type {
        return;
    }
    if endpoints.is_some_and(|endpoints| !endpoints.were_read()) {
        let mut gap = Gap::new(Code::ObjectsNotRead, None, format!("EndpointSlices of {name} were not read"));
        gap.lost = Some("which endpoints it should have".into());
        report.gaps.push(gap);
    }
    if chosen.view.cluster_ips.is_empty() || chosen.view.ports.is_empty() {
        let mut gap =
            Gap::new(Code::ObjectsNotRead, None, format!("{name} has no cluster IP, or no port, that can be read"));
        gap.lost = Some("its paths".into());
        gap.help = Some(format!("kubectl get service {} -n {} -o yaml", chosen.view.name, chosen.view.namespace));
        report.gaps.push(gap);
    } else if chosen.missing.is_none()
        && report.traces.is_empty()
        && results.iter().any(|result| result.mode.kind.is_walked())
    {
        let mut gap = Gap::new(Code::ObjectsNotRead, None, format!("no path to {name} could be walked"));
        gap.help = Some("kubectl svc-trace collect -d DIR makes a bundle that shows why".into());
        report.gaps.push(gap);
    }
}

/// An address that no Service has: said, and compared with the rules that a node still holds for it.
fn plain(report: &mut Report, objects: &Objects, results: &[NodeResult<'_>], ip: IpAddr, port: u16) {
    if !objects.is_whole("services") {
        return;
    }
    report.notes.push(format!("no Service has {ip} with port {port}, or node port {port}"));
    for result in results {
        report.findings.extend(leftovers::rules_of_address(result, ip, port));
        report.findings.extend(super::ipvs::rules_of_address(result, ip, port));
    }
}

/// Nodes that nobody asked about.
fn not_checked(report: &mut Report, objects: &Objects, results: &[NodeResult<'_>]) {
    let read: BTreeSet<&str> = results.iter().map(|result| result.view.name).collect();
    let others: Vec<&str> = objects
        .nodes()
        .iter()
        .filter_map(|node| node.metadata.name.as_deref())
        .filter(|name| !read.contains(name))
        .collect();
    let names = match others.as_slice() {
        [one] => format!("node {one}"),
        few if few.len() <= 4 => format!("nodes {}", few.join(", ")),
        many => format!("{} other nodes", many.len()),
    };
    if !others.is_empty() && !results.is_empty() {
        report.not_checked.push(format!("{names} (--all-nodes)"));
    }
    report.notes.extend(results.iter().filter_map(replacement::said));
    let beyond: Vec<&str> = results
        .iter()
        .filter(|result| matches!(result.mode.kind, super::mode::ModeKind::Replaced(_)))
        .map(|result| result.view.name)
        .collect();
    if !beyond.is_empty() {
        report.not_checked.push(format!("where packets go on {}, which kube-proxy does not serve", beyond.join(", ")));
    }
    if !report.traces.is_empty() {
        report.not_checked.push("real connections (nothing was sent)".into());
    }
}

/// Worst first; within a severity the surest, then by code, node and object.
pub(super) fn sort(findings: &mut [Finding]) {
    order::sort_by(findings, |a, b| {
        b.severity
            .cmp(&a.severity)
            .then(b.confidence.cmp(&a.confidence))
            .then(b.share_ppm.cmp(&a.share_ppm))
            .then_with(|| a.fingerprint().cmp(&b.fingerprint()))
    });
}
