//! ST113: the Service itself is on its way out.

use crate::report::{Code, Finding};

use super::context::Context;
use super::words;

/// ST113: deletionTimestamp is set.
pub(super) fn service_terminating(context: &Context<'_, '_>) -> Vec<Finding> {
    let metadata = &context.view.object.metadata;
    let Some(since) = metadata.deletion_timestamp.as_ref() else { return Vec::new() };
    let finalizers = metadata.finalizers.as_deref().unwrap_or_default();
    let waits =
        if finalizers.is_empty() { String::new() } else { format!(": it waits for {}", words::list(finalizers)) };
    let mut finding = context.finding(Code::ServiceTerminating, format!("the Service is being deleted{waits}"));
    finding.details.push("nodes serve it until it is gone, then its rules vanish".into());
    finding.evidence.push(context.field("metadata.deletionTimestamp", since.0.to_string()));
    if !finalizers.is_empty() {
        finding.evidence.push(context.field("metadata.finalizers", finalizers.join(", ")));
    }
    finding.help = Some(context.kubectl(&format!("describe svc {}", words::shell(context.view.name))));
    vec![finding]
}
