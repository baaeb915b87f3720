//! From what was read to the report of `dns`. Puts together; the judgements stand elsewhere.

use k8s_openapi::api::core::v1::Pod;

use super::{DnsContext, asked, cell, dns_findings, names, next, probed};
use crate::Result;
use crate::cluster::readiness;
use crate::collect::snapshot::Snapshot;
use crate::dns::DnsService;
use crate::order;
use crate::query::DnsQuery;
use crate::report::dns::DnsReport;
use crate::report::{Code, Gap, QueryEcho, Report};

/// Answers a question about DNS from what was read.
///
/// # Errors
/// As of [`crate::analyze`], of the trace that follows.
pub fn analyze(snapshot: &Snapshot, query: &DnsQuery) -> Result<Report> {
    let context = DnsContext { snapshot, objects: &snapshot.objects, query };
    let chosen = snapshot.probes.iter().filter(|place| query.nodes.is_empty() || query.nodes.contains(&place.node));
    let (places, unasked): (Vec<_>, Vec<_>) = chosen.map(cell::asked).unzip();
    let mut dns = DnsReport { places: probed::matrix(&places), ..DnsReport::default() };
    head(snapshot, &mut dns);
    let (verdict, mut findings) = probed::verdict(snapshot, &dns);
    dns.verdict = verdict;
    let others = dns_findings(&context);
    if dns.verdict.code.is_none()
        && let Some((verdict, finding)) = asked::verdict(&context, &dns, &others)
    {
        dns.verdict = verdict;
        findings.extend(finding);
    }
    findings.extend(others);
    let traced = next::next(snapshot, query, &dns);
    let has_rules = traced.as_ref().is_some_and(|next| next.nodes.iter().any(|node| snapshot.nodes.contains_key(node)));
    dns.next = if has_rules { None } else { traced.clone() };
    dns.walk = next::walk(snapshot, query, &dns);
    dns.walk.extend(names::walk(&context));
    let mut report = Report {
        query: QueryEcho {
            command: "dns".into(),
            target: query.name.clone().unwrap_or_default(),
            from: query.from_text.clone(),
            namespace: query.namespace.clone(),
        },
        collected: (snapshot.from.clone(), snapshot.to.clone()),
        kubernetes: snapshot.kubernetes.clone(),
        nodes_total: snapshot.nodes_total.or(snapshot.objects.nodes.as_ref().map(Vec::len)),
        nodes_why: snapshot.nodes_why.clone(),
        dns: Some(dns),
        findings,
        gaps: snapshot.gaps.clone(),
        ..Report::default()
    };
    for (place, why) in places.iter().zip(unasked).filter_map(|(place, why)| Some((place, why?))) {
        let mut gap = Gap::new(Code::ToolMissingOrCrashed, Some(&place.node), format!("{}: {why}", place.words()));
        gap.lost = Some("questions to DNS from there: they were not asked".into());
        report.gaps.push(gap);
    }
    let asked = report.dns.iter().flat_map(|dns| &dns.places).any(|place| !place.cells.is_empty());
    if !asked && report.gaps.iter().all(|gap| !gap.counts) {
        // no answer is no good answer
        let mut gap = Gap::new(Code::ApiOnlyVerdict, None, "no DNS server was asked: what they answer is not known");
        gap.help = Some("leave out --via, or give a bundle of `dns --save`".into());
        report.gaps.push(gap);
    }
    if let (Some(next), true) = (traced, has_rules) {
        next::append(&mut report, crate::analyze(snapshot, &next)?);
    }
    order::sort_by_key(&mut report.findings, |finding| std::cmp::Reverse(finding.severity));
    Ok(report)
}

/// The DNS Service and its servers, for the first line.
fn head(snapshot: &Snapshot, dns: &mut DnsReport) {
    let objects = &snapshot.objects;
    let Some(service) = DnsService::find(objects) else { return };
    let addresses: Vec<String> = service.addresses().iter().map(ToString::to_string).collect();
    dns.service = Some(format!("{} {}", service.view.full_name(), addresses.join(", ")));
    if objects.pods.is_none() {
        return;
    }
    let pods = service.pods(objects);
    let ready = pods.iter().filter(|pod| readiness::is_ready(pod)).count();
    dns.servers.push(format!("{ready} of {} pods ready", pods.len()));
    dns.servers.extend(pods.first().and_then(|pod| version(pod)));
}

/// `coredns:v1.13.1`.
fn version(pod: &Pod) -> Option<String> {
    let image = pod.spec.as_ref()?.containers.first()?.image.as_deref()?;
    let name = image.rsplit('/').next()?;
    Some(name.split('@').next().unwrap_or(name).to_owned())
}
