//! A question about a Service that is no more.

use crate::cluster::NodeView;
use crate::collect::snapshot::Snapshot;
use crate::dataplane::plane::Plane;
use crate::query::{Query, Target};
use crate::report::{Code, Confidence, Finding, NodeSummary, ObjectRef, QueryEcho, Report, Severity};

use super::leftovers;

/// A name that no Service has any more, whose rules a node still holds.
pub(super) fn rules_of_deleted(snapshot: &Snapshot, query: &Query) -> Option<Report> {
    let Target::Service { namespace, name, .. } = &query.target else {
        return None;
    };
    // A list that could not be read whole does not tell what is gone.
    let unread = snapshot.gaps.iter().any(|gap| gap.code == Code::LayoutUnknown && gap.summary.contains("services"));
    if unread {
        return None;
    }
    let namespace = namespace.as_deref().unwrap_or(&query.namespace);
    let mut findings = Vec::new();
    let mut nodes = Vec::new();
    for (node, dumps) in &snapshot.nodes {
        let view = NodeView::find(&snapshot.objects, node);
        let plane = Plane::new(node, dumps, &view.addresses);
        let found = leftovers::rules_of_name(&plane, namespace, name);
        if !found.is_empty() {
            let mut finding = Finding::new(
                Code::RulesForDeletedService,
                format!("{node} still has rules for {namespace}/{name}, and there is no such Service"),
            );
            finding.severity = Severity::Error;
            finding.node = Some(node.clone());
            finding.object = Some(ObjectRef::new("Service", namespace, name));
            finding.evidence = found;
            finding.confidence = Confidence::Likely;
            finding.help = Some(format!("kubectl get services -n {namespace}"));
            findings.push(finding);
            nodes.push(NodeSummary {
                name: node.clone(),
                dataplane: super::mode::detect(&plane).kind.words().into(),
                read: true,
                ..NodeSummary::default()
            });
        }
    }
    (!findings.is_empty()).then(|| Report {
        query: QueryEcho {
            command: "trace".into(),
            target: query.target_text.clone(),
            from: query.from_text.clone(),
            namespace: query.namespace.clone(),
        },
        findings,
        nodes,
        gaps: snapshot.gaps.clone(),
        ..Report::default()
    })
}
