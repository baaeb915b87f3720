//! Events of both APIs as the newer one's type. Reads one object.

use k8s_openapi::api::events::v1::Event;
use serde_json::Value;

/// Old field (`kubectl get events` prints core/v1) → field of events.k8s.io/v1
/// (kubernetes pkg/apis/events/v1/conversion.go).
const RENAMED: [(&str, &str); 6] = [
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("count", "deprecatedCount"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("source", "deprecatedSource"),
];

/// Reads an event, whichever API printed it.
pub(super) fn event(json: &str) -> serde_json::Result<Event> {
    let mut value: Value = serde_json::from_str(json)?;
    if let Some(fields) = value.as_object_mut() {
        for (old, new) in RENAMED {
            if let Some(value) = fields.remove(old) {
                fields.entry(new).or_insert(value);
            }
        }
        for (old, new) in [("reportingComponent", "reportingController")] {
            if let Some(value) = fields.remove(old) {
                fields.entry(new).or_insert(value);
            }
        }
        // the type insists on its own group and version
        fields.insert("apiVersion".to_owned(), "events.k8s.io/v1".into());
    }
    serde_json::from_str(&value.to_string())
}
