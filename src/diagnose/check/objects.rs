//! The suite of objects: every check of objects, of every Service.

use rayon::prelude::*;

use crate::cluster::NodeView;
use crate::diagnose::{Context, cluster_findings, concerns, object_findings};
use crate::report::check::SuiteKind;
use crate::report::{Code, Finding, Gap};

use super::Work;
use super::nodes::ChosenNodes;
use super::suites::Found;

/// Checks the objects of all Services.
pub(super) fn check<'snap>(work: Work<'_, 'snap>, chosen: &ChosenNodes<'snap>, found: &mut Found) {
    let objects = work.index.objects;
    let nodes: Vec<NodeView<'snap>> = chosen.list.iter().map(|(name, _)| NodeView::find(objects, name)).collect();
    let at = work.snapshot.from.as_deref().or(work.snapshot.to.as_deref());
    let checked: Vec<(Vec<Finding>, usize)> = work
        .services
        .par_iter()
        .zip(work.endpoints)
        .map(|(view, endpoints)| {
            let context = Context {
                objects,
                index: work.index,
                view,
                endpoints,
                ports: &view.ports,
                missing: None,
                nodes: &nodes,
                client: None,
                at,
            };
            let listed = endpoints.slices.iter().flat_map(|slice| slice.endpoints.iter().flatten()).count();
            (object_findings(&context), listed)
        })
        .collect();
    for (view, (findings, endpoints)) in work.services.iter().zip(checked) {
        found.endpoints += endpoints;
        found.case(SuiteKind::Objects, view.full_name(), None, 0, None);
        found.findings(SuiteKind::Objects, findings);
    }
    // of what no Service tells alone, that of the chosen ones; all of it where all are chosen
    let of_chosen = |finding: &Finding| {
        let all = work.services.len() == objects.services().len();
        all || work.services.iter().any(|view| concerns(finding, &view.reference()))
    };
    found.findings(SuiteKind::Objects, cluster_findings(objects).into_iter().filter(of_chosen).collect());
    let missing = [
        (objects.slices.is_none() && objects.endpoints.is_none(), "EndpointSlices", "which endpoints there should be"),
        (objects.pods.is_none(), "Pods", "whether slices agree with pods, and why pods are not ready"),
    ];
    for (_, what, lost) in missing.iter().filter(|(missing, ..)| *missing && !work.services.is_empty()) {
        let mut gap = Gap::new(Code::ObjectsNotRead, None, format!("{what} were not read"));
        gap.lost = Some((*lost).into());
        found.gap(SuiteKind::Objects, gap);
    }
}
