//! What a check of objects may look at, and how it writes a finding. Decides nothing.

use k8s_openapi::api::core::v1::Pod;

use crate::cluster::paths::Client;
use crate::cluster::resolve::Asked;
use crate::cluster::{Index, NodeView, PortView, ServiceEndpoints, ServiceView, readiness};
use crate::collect::snapshot::Objects;
use crate::report::{Code, Evidence, Finding, ObjectRef};

use super::words;

/// One Service, as it was asked about.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a, 'snap> {
    /// All objects.
    pub objects: &'snap Objects,
    /// The same, to be looked up.
    pub index: &'a Index<'snap>,
    /// The Service.
    pub view: &'a ServiceView<'snap>,
    /// Its endpoints and pods.
    pub endpoints: &'a ServiceEndpoints<'snap>,
    /// The ports that are meant.
    pub ports: &'a [PortView<'snap>],
    /// The port that was asked for and is not there.
    pub missing: Option<&'a Asked>,
    /// The nodes that are looked at.
    pub nodes: &'a [NodeView<'snap>],
    /// The client, where the question names one.
    pub client: Option<&'a Client>,
    /// When reading began, RFC 3339.
    pub at: Option<&'a str>,
}

impl<'snap> Context<'_, 'snap> {
    /// Pods that the selector means, by name; none without a selector.
    pub fn selected(&self) -> impl Iterator<Item = &'snap Pod> + use<'_, 'snap> {
        self.endpoints.selected()
    }

    /// Those that are neither ended nor being deleted.
    pub fn selected_alive(&self) -> impl Iterator<Item = &'snap Pod> + use<'_, 'snap> {
        self.selected().filter(|pod| readiness::is_alive(pod))
    }

    /// Whether any port that is meant has an endpoint that takes connections somewhere.
    #[must_use]
    pub fn is_served(&self) -> bool {
        self.ports.iter().any(|port| self.is_port_served(port))
    }

    /// Whether this port has an endpoint that takes connections somewhere.
    #[must_use]
    pub fn is_port_served(&self, port: &PortView<'snap>) -> bool {
        self.view.families().into_iter().any(|family| self.endpoints.anywhere(port, family).has_any)
    }

    /// Seconds between a time of the API and the reading; `None` where either is not known.
    #[must_use]
    pub fn age(&self, since: Option<&k8s_openapi::apimachinery::pkg::apis::meta::v1::Time>) -> Option<i64> {
        let at: k8s_openapi::jiff::Timestamp = self.at?.parse().ok()?;
        Some(at.as_second().saturating_sub(since?.0.as_second()))
    }

    /// A finding about the Service.
    #[must_use]
    pub fn finding(&self, code: Code, summary: impl Into<String>) -> Finding {
        let mut finding = Finding::new(code, summary);
        finding.object = Some(self.view.reference());
        finding
    }

    /// A field of the Service.
    #[must_use]
    pub fn field(&self, field: impl Into<String>, value: impl Into<String>) -> Evidence {
        field_of(self.view.reference(), field, value)
    }

    /// The command that shows the Service's slices.
    #[must_use]
    pub fn get_slices(&self) -> String {
        let label = format!("kubernetes.io/service-name={}", self.view.name);
        self.kubectl(&format!("get endpointslices -l {} -o yaml", words::shell(&label)))
    }

    /// `kubectl -n NAMESPACE …` about something in the Service's namespace.
    #[must_use]
    pub fn kubectl(&self, rest: &str) -> String {
        format!("kubectl -n {} {rest}", words::shell(self.view.namespace))
    }
}

/// A field of an object.
#[must_use]
pub fn field_of(object: ObjectRef, field: impl Into<String>, value: impl Into<String>) -> Evidence {
    Evidence::Field { object, field: field.into(), value: value.into() }
}

/// Reference to a pod.
#[must_use]
pub fn pod_ref(pod: &Pod) -> ObjectRef {
    ObjectRef::new("Pod", pod.metadata.namespace.as_deref().unwrap_or_default(), pod_name(pod))
}

/// Name of a pod.
#[must_use]
pub fn pod_name(pod: &Pod) -> &str {
    pod.metadata.name.as_deref().unwrap_or_default()
}
