//! What a node's rules say of themselves, whatever the path: two backends, doubled rules, rules of Services that are
//! gone. Paths are `mismatch.rs`.

use crate::cluster::ServiceView;
use crate::collect::snapshot::Objects;
use crate::dataplane::plane::{Family, Plane};
use crate::report::{Evidence, Finding};

use super::node::NodeResult;
use super::outcome::line;

/// Findings about a node's rules.
#[must_use]
pub fn findings(objects: &Objects, service: Option<&ServiceView<'_>>, node: &NodeResult<'_>) -> Vec<Finding> {
    let _ = (objects, service, node);
    Vec::new()
}

/// Entry rules whose comments name this Service.
#[must_use]
pub fn rules_of_name(plane: &Plane<'_>, namespace: &str, name: &str) -> Vec<Evidence> {
    let plain = format!("{namespace}/{name}");
    let mut found = Vec::new();
    for loaded in [Family::V4, Family::V6].into_iter().flat_map(|family| &plane.rules(family).rulesets) {
        let chains = [("nat", "KUBE-SERVICES"), ("nat", "KUBE-NODEPORTS"), ("filter", "KUBE-SERVICES"), ("filter", "KUBE-EXTERNAL-SERVICES")];
        for (table, chain) in chains {
            for at in loaded.body_of(table, chain).map(|body| body.lines().to_vec()).unwrap_or_default() {
                let named = at.text.match_indices(&plain).any(|(place, _)| {
                    let after = at.text.get(place + plain.len()..).and_then(|rest| rest.chars().next());
                    matches!(after, Some(':' | ' ' | '"'))
                });
                if named && found.len() < 8 {
                    found.push(line(plane.node, at));
                }
            }
        }
    }
    found
}
