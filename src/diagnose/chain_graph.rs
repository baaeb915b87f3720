//! ST324: chains of this Service that lead to chains that are not there. A whole dump cannot hold such a jump, so it
//! tells of a reader that lost something, or of a dump that was edited.

use crate::report::{Code, Disposition, Finding};
use crate::walk::packet::{Action, Dependency};

use super::node::NodeResult;
use super::outcome::line;
use crate::dataplane::plane::Family;

/// Jumps on the paths into chains that a whole dump does not have.
#[must_use]
pub(super) fn undefined_chain(node: &NodeResult<'_>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for path in &node.paths {
        if !node.plane.rules(Family::of(path.info.to)).doubts.is_empty() {
            continue;
        }
        for outcome in path.outcomes.iter().filter(|o| o.disposition == Disposition::Indeterminate) {
            let Some(Dependency::Rule(at, _)) = outcome.depends_on.first() else {
                continue;
            };
            let Some(Action::Unknown(missing)) = outcome.hops.last().map(|hop| &hop.action) else {
                continue;
            };
            if !missing.starts_with("KUBE-") {
                continue;
            }
            let name = node.view.name;
            let mut finding = Finding::new(
                Code::ChainGraphBroken,
                format!("a rule on {name} leads to chain {missing}, which is not there"),
            );
            finding.reason = Some("undefined-chain".into());
            finding.node = Some(name.into());
            finding.evidence = vec![line(name, *at)];
            finding.help =
                Some(format!("kubectl -n kube-system get pods -o wide --field-selector spec.nodeName={name}"));
            if !findings.iter().any(|other| other.fingerprint() == finding.fingerprint()) {
                findings.push(finding);
            }
        }
    }
    findings
}
