//! The suite of DNS: what its objects say, and what servers answered where they were asked.

use std::collections::BTreeSet;

use crate::diagnose::dns;
use crate::error::Result;
use crate::query::DnsQuery;
use crate::report::check::SuiteKind;
use crate::report::{Code, Gap, Report};

use super::suites::{Found, is_of_dns};
use super::{CheckQuery, Work};

/// What is asked of DNS: as `dns` without a name does.
#[must_use]
pub fn query(check: &CheckQuery) -> DnsQuery {
    DnsQuery {
        name: None,
        from: None,
        from_text: None,
        namespace: "default".into(),
        nodes: check.nodes.clone(),
        external: check.external.clone().unwrap_or_else(|| DnsQuery::EXTERNAL.to_owned()),
    }
}

/// Checks DNS as `dns` without a name does.
pub(super) fn check(work: Work<'_, '_>, query: &CheckQuery, report: &mut Report, found: &mut Found) -> Result<()> {
    let snapshot = work.snapshot;
    let dns = dns::analyze(snapshot, &self::query(query))?;
    let asked = snapshot.probes.iter().map(|place| &place.node);
    let nodes: BTreeSet<&str> =
        asked.filter(|node| query.nodes.is_empty() || query.nodes.contains(node)).map(String::as_str).collect();
    for node in &nodes {
        found.case(SuiteKind::Dns, (*node).to_owned(), Some((*node).to_owned()), 0, None);
    }
    found.dns_nodes = nodes.len();
    found.findings(SuiteKind::Dns, dns.findings);
    let read: BTreeSet<String> = snapshot.gaps.iter().map(Gap::fingerprint).collect();
    report.dns = dns.dns.filter(|_| !nodes.is_empty());
    // that nobody was asked is said once, below
    let told = |gap: &Gap| read.contains(&gap.fingerprint()) || (nodes.is_empty() && gap.code == Code::ApiOnlyVerdict);
    for gap in dns.gaps.into_iter().filter(|gap| !told(gap)) {
        found.gap(SuiteKind::Dns, gap);
    }
    if nodes.is_empty() && !snapshot.gaps.iter().any(|gap| gap.counts && is_of_dns(gap)) {
        let mut gap = Gap::new(Code::ObjectsNotRead, None, "no DNS server was asked for a name");
        gap.lost = Some("whether DNS answers".into());
        gap.help = Some("kubectl svc-trace dns".into());
        found.gap(SuiteKind::Dns, gap);
    }
    Ok(())
}
