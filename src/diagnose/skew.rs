//! Whether the objects stood still while the nodes were read. If they did, what differs is no accident of the moment;
//! if not, that is a gap of its own.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::collect::snapshot::Snapshot;
use crate::report::{Code, Confidence, Gap, Report};

/// When the endpoints controller last saw a reason to write (kubernetes pkg/apis/core `EndpointsLastChangeTriggerTime`).
const CHANGED: &str = "endpoints.kubernetes.io/last-change-trigger-time";

/// kube-proxy writes a change within seconds; what is younger than this may still be on its way.
const SETTLED: SignedDuration = SignedDuration::from_secs(30);

/// Judges one sample by the objects before and after it.
pub(super) fn around(report: &mut Report, snapshot: &Snapshot) {
    let Some(after) = &snapshot.objects_after else { return };
    if snapshot.nodes.is_empty() {
        return;
    }
    let by_node =
        |finding: &&mut crate::report::Finding| finding.confidence == Confidence::Likely && finding.node.is_some();
    if !snapshot.objects.stood_still(after) {
        let matters = report.findings.iter_mut().any(|finding| by_node(&finding));
        report.gaps.push(Gap {
            lost: Some("whether a difference is only of this moment".into()),
            help: Some("ask again, or with --settle".into()),
            counts: matters,
            ..Gap::new(Code::SnapshotSkew, None, "the Service or its endpoints changed while the nodes were read")
        });
        return;
    }
    if !settled(snapshot) {
        return;
    }
    for finding in report.findings.iter_mut().filter(by_node) {
        if finding.details.iter().any(|detail| detail.starts_with("seen once: kube-proxy")) {
            finding.details.retain(|detail| !detail.starts_with("seen once: kube-proxy"));
            finding.details.push("the objects have stood still since well before the node was read".into());
            finding.confidence = Confidence::Certain;
        }
    }
}

/// Whether nothing of the Service is known to have changed shortly before the reading.
fn settled(snapshot: &Snapshot) -> bool {
    let Some(began) = snapshot.from.as_deref().and_then(|text| text.parse::<Timestamp>().ok()) else { return false };
    let services = snapshot.objects.services().iter().map(|one| &one.metadata);
    let slices = snapshot.objects.slices().iter().map(|one| &one.metadata);
    let pods = snapshot.objects.pods().iter().map(|one| &one.metadata);
    services.chain(slices).chain(pods).filter_map(last_change).all(|changed| began.duration_since(changed) > SETTLED)
}

fn last_change(meta: &ObjectMeta) -> Option<Timestamp> {
    let noted = meta.annotations.as_ref().and_then(|annotations| annotations.get(CHANGED)?.parse().ok());
    let deleted = meta.deletion_timestamp.as_ref().map(|time| time.0);
    [noted, deleted, meta.creation_timestamp.as_ref().map(|time| time.0)].into_iter().flatten().max()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]
mod tests {
    use super::*;
    use crate::collect::snapshot::{NodeDumps, Objects};
    use crate::report::Finding;
    use serde_json::{Value, json};

    fn objects(version: &str, changed: &str) -> Objects {
        let meta = json!({"namespace": "default", "name": "web", "resourceVersion": version, "creationTimestamp": "2026-11-21T06:00:00Z",
            "annotations": {CHANGED: changed}, "labels": {"kubernetes.io/service-name": "web"}});
        let service: Value = json!({"metadata": {"namespace": "default", "name": "web", "resourceVersion": "1", "creationTimestamp": "2026-11-21T06:00:00Z"}});
        Objects {
            services: Some(vec![serde_json::from_value(service).unwrap()]),
            slices: Some(vec![
                serde_json::from_value(json!({"metadata": meta, "addressType": "IPv4", "endpoints": []})).unwrap(),
            ]),
            ..Objects::default()
        }
    }

    #[track_caller]
    fn case(after: Option<&str>, changed: &str, expected: Confidence, gap: bool) {
        let mut finding = Finding::new(Code::DnatTargetMismatch, "x");
        finding.confidence = Confidence::Likely;
        finding.node = Some("a".into());
        finding.details.push("seen once: kube-proxy may be about to change it (--settle reads twice)".into());
        let mut report = Report { findings: vec![finding], ..Report::default() };
        let snapshot = Snapshot {
            objects: objects("5", changed),
            objects_after: after.map(|version| objects(version, changed)),
            nodes: [("a".to_owned(), NodeDumps::default())].into(),
            from: Some("2026-11-21T07:00:00Z".into()),
            ..Snapshot::default()
        };
        around(&mut report, &snapshot);
        assert_eq!(report.findings[0].confidence, expected);
        assert_eq!(report.gaps.iter().any(|gap| gap.code == Code::SnapshotSkew && gap.counts), gap);
    }

    #[test]
    fn one_sample_between_two_looks_at_the_objects() {
        case(Some("5"), "2026-11-21T06:30:00Z", Confidence::Certain, false);
        case(Some("5"), "2026-11-21T06:59:50Z", Confidence::Likely, false);
        case(Some("6"), "2026-11-21T06:30:00Z", Confidence::Likely, true);
        case(None, "2026-11-21T06:30:00Z", Confidence::Likely, false);
    }
}
