//! ST204 and ST209: slices that two controllers write for one Service, and Endpoints that are cut.

use std::collections::BTreeSet;

use k8s_openapi::api::discovery::v1::EndpointSlice;

use crate::cluster::readiness::addresses;
use crate::cluster::service::Form;
use crate::collect::snapshot::Objects;
use crate::report::{Code, Confidence, Finding, ObjectRef, Severity};

use super::context::{Context, field_of};
use super::slices::{MANAGED_BY, MIRROR, managed_by, slice_ref};
use super::words;

/// Annotation of Endpoints that hold too many addresses (k8s.io/api/core/v1, `EndpointsOverCapacity`).
const OVER_CAPACITY: &str = "endpoints.kubernetes.io/over-capacity";

/// ST204: slices that are copied from v1 Endpoints stand beside others of the same Service.
pub(super) fn stale_duplicates(context: &Context<'_, '_>) -> Vec<Finding> {
    if context.view.form == Form::ExternalName {
        return Vec::new();
    }
    let of = |slice: &&EndpointSlice| managed_by(slice) == Some(MIRROR);
    let (mirrored, others): (Vec<&EndpointSlice>, Vec<&EndpointSlice>) =
        context.endpoints.slices.iter().copied().partition(of);
    let filled = |slice: &&&EndpointSlice| slice.endpoints.as_ref().is_some_and(|list| !list.is_empty());
    let (Some(copy), Some(other)) = (mirrored.iter().find(filled), others.first()) else { return Vec::new() };
    let listed: BTreeSet<&str> = mirrored
        .iter()
        .flat_map(|slice| slice.endpoints.iter().flatten())
        .flat_map(|endpoint| endpoint.addresses.iter().map(String::as_str))
        .collect();
    let current: BTreeSet<&str> = context.selected_alive().flat_map(addresses).collect();
    let stale: Vec<&str> = listed.iter().copied().filter(|ip| !current.contains(ip)).collect();
    let certain = context.view.selector.is_some() && context.objects.pods.is_some() && !stale.is_empty();
    let summary = if certain {
        format!("an old Endpoints object adds {}, which no selected pod has", words::list(&stale))
    } else {
        "slices of two controllers stand side by side: both are used".to_owned()
    };
    let mut finding = context.finding(Code::StaleDuplicateSlices, summary);
    if !certain {
        finding.severity = Severity::Warning;
        finding.confidence = Confidence::Likely;
    }
    for slice in [copy, other] {
        let by = managed_by(slice).unwrap_or("nobody");
        finding.evidence.push(field_of(slice_ref(slice), format!("metadata.labels[{MANAGED_BY}]"), by));
    }
    finding.evidence.push(field_of(
        slice_ref(copy),
        "endpoints[].addresses",
        words::list(&listed.iter().copied().collect::<Vec<_>>()),
    ));
    finding.details.push("the copy follows its Endpoints object: it goes when that is deleted".to_owned());
    finding.help = Some(context.kubectl(&format!("get endpoints {} -o yaml", words::shell(context.view.name))));
    vec![finding]
}

/// ST209: v1 Endpoints hold 1000 addresses at most.
pub(super) fn endpoints_truncated(objects: &Objects) -> Vec<Finding> {
    let cut = objects.endpoints().iter().filter_map(|one| {
        let value = one.metadata.annotations.as_ref()?.get(OVER_CAPACITY)?;
        Some((one.metadata.namespace.as_deref()?, one.metadata.name.as_deref()?, value))
    });
    cut.map(|(namespace, name, value)| {
        let mut finding = Finding::new(
            Code::EndpointsTruncated,
            "its v1 Endpoints are cut at 1000 addresses: who reads those sees a part",
        );
        finding.object = Some(ObjectRef::new("Service", namespace, name));
        finding.details.push("kube-proxy reads EndpointSlices and has them all".to_owned());
        finding.evidence.push(field_of(
            ObjectRef::new("Endpoints", namespace, name),
            format!("metadata.annotations[{OVER_CAPACITY}]"),
            value.clone(),
        ));
        finding.help = Some(format!(
            "kubectl -n {} get endpointslices -l kubernetes.io/service-name={}",
            words::shell(namespace),
            words::shell(name)
        ));
        finding
    })
    .collect()
}
