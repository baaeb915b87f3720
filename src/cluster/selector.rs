//! Which pods a selector means, and which it nearly means.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Pod;

/// `app=web,tier=x`.
#[must_use]
pub fn text(selector: &BTreeMap<String, String>) -> String {
    selector.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}

/// Whether a pod has all the labels.
#[must_use]
pub fn matches(selector: &BTreeMap<String, String>, pod: &Pod) -> bool {
    matches_labels(selector, pod.metadata.labels.as_ref())
}

/// Whether these labels hold all of the selector's.
#[must_use]
pub fn matches_labels(selector: &BTreeMap<String, String>, labels: Option<&BTreeMap<String, String>>) -> bool {
    selector.iter().all(|(key, value)| labels.and_then(|l| l.get(key)) == Some(value))
}
