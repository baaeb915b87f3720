//! ST332: the same rule many times in one chain, as some releases of iptables make it.

use rustc_hash::FxHashMap;

use crate::dataplane::Loc;
use crate::dataplane::iptables::{Body, Chain};
use crate::dataplane::plane::Family;
use crate::report::{Code, Finding};

use super::node::NodeResult;
use super::outcome::line;

/// This often is no accident any more.
const OFTEN: usize = 4;

/// Doubled rules of builtin chains and of chains that all Services share.
#[must_use]
pub(super) fn duplicated_rules<'snap>(node: &NodeResult<'snap>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for family in [Family::V4, Family::V6] {
        for loaded in &node.plane.rules(family).rulesets {
            for table in &loaded.ruleset.tables {
                let is_builtin = |chain: &Chain<'snap>| chain.policy(table).is_some();
                for chain in table.chains.iter().filter(|one| is_shared(table.name, one.name, || is_builtin(one))) {
                    let body = loaded.body_of(table.name, chain.name);
                    let mut seen: FxHashMap<&str, (Loc<'_>, usize)> = FxHashMap::default();
                    for at in body.into_iter().flat_map(Body::lines) {
                        seen.entry(at.text).or_insert((at, 0)).1 += 1;
                    }
                    if let Some((at, times)) =
                        seen.into_values().filter(|(_, times)| *times >= OFTEN).max_by_key(|(_, times)| *times)
                    {
                        let name = node.view.name;
                        let summary =
                            format!("{} {} on {name} holds the same rule {times} times", table.name, chain.name);
                        let mut finding = Finding::new(Code::DuplicatedRules, summary);
                        finding.node = Some(name.into());
                        finding.reason = Some(chain.name.to_ascii_lowercase());
                        finding.evidence = vec![line(name, at)];
                        finding.details.push(
                            "each packet is tested against all of them; kube-proxy and kubelet do not remove them"
                                .into(),
                        );
                        finding.help = Some(format!(
                            "on {name}: {} --version",
                            if family == Family::V4 { "iptables" } else { "ip6tables" }
                        ));
                        findings.push(finding);
                    }
                }
            }
        }
    }
    findings
}

/// Chains of single Services, and the health check ports (one rule for each port of a Service), may repeat rules.
fn is_shared(table: &str, chain: &str, is_builtin: impl FnOnce() -> bool) -> bool {
    let of_service = ["KUBE-SEP-", "KUBE-SVC-", "KUBE-SVL-", "KUBE-EXT-", "KUBE-FW-", "KUBE-XLB-"];
    let may_repeat =
        of_service.iter().any(|prefix| chain.starts_with(prefix)) || (table == "filter" && chain == "KUBE-NODEPORTS");
    !may_repeat && (chain.starts_with("KUBE-") || is_builtin())
}
