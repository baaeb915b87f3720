//! Two readings of the same thing: what differs twice is certain, what does not differ any more was only on its way.

use std::collections::BTreeSet;

use crate::report::{Confidence, Finding, PathState, Report};

/// Judges the first reading by the second.
pub(super) fn settle(report: &mut Report, again: &Report) {
    let second: BTreeSet<String> = again.findings.iter().map(Finding::fingerprint).collect();
    // What is likely of objects alone rests on an assumption that a second reading does not lift.
    let sampled = |finding: &Finding| finding.confidence == Confidence::Likely && finding.node.is_some();
    report.findings.retain(|finding| !sampled(finding) || second.contains(&finding.fingerprint()));
    for finding in report.findings.iter_mut().filter(|finding| sampled(finding)) {
        finding.confidence = Confidence::Certain;
        finding.details.retain(|detail| !detail.starts_with("seen once"));
        finding.details.push("seen twice, some seconds apart".into());
    }
    // Paths that are as promised in the second reading are shown as they are then.
    for trace in &mut report.traces {
        if trace.state == PathState::Differs
            && let Some(later) = again.traces.iter().find(|later| later.path == trace.path)
            && later.state == PathState::Expected
        {
            *trace = later.clone();
        }
    }
}
