//! Ingresses: which Services they lead to, and which Service leads to their controller. What a controller then does is
//! its own affair.

use k8s_openapi::api::networking::v1::{Ingress, IngressBackend};

use crate::collect::controllers;
use crate::collect::snapshot::Objects;
use crate::report::ObjectRef;

use super::service::{PortView, ServiceView, port_number};

/// Annotations by which an nginx controller goes to the cluster IP, and whose controller reads them
/// (kubernetes/ingress-nginx and nginx/kubernetes-ingress, "annotations").
const BY_CLUSTER_IP: [&str; 2] = ["nginx.ingress.kubernetes.io/service-upstream", "nginx.org/use-cluster-ip"];

/// A Service that an Ingress leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backend<'snap> {
    /// Host and path, as `shop.example/cart`; `default backend`.
    pub rule: String,
    /// Field of the Ingress.
    pub field: String,
    /// Name of the Service, in the Ingress's namespace.
    pub service: &'snap str,
    /// Its port by name.
    pub port_name: Option<&'snap str>,
    /// Its port by number.
    pub port_number: Option<u16>,
}

impl Backend<'_> {
    /// Whether a port of the Service is the one that is meant.
    #[must_use]
    pub fn means(&self, port: &PortView<'_>) -> bool {
        match (self.port_name, self.port_number) {
            (Some(name), _) => port.name == name,
            (None, Some(number)) => port.port == number,
            (None, None) => false,
        }
    }

    /// The port as it is written.
    #[must_use]
    pub fn port(&self) -> String {
        match (self.port_name, self.port_number) {
            (Some(name), _) => name.to_owned(),
            (None, Some(number)) => number.to_string(),
            (None, None) => "none".to_owned(),
        }
    }
}

/// The Service that leads to a controller, and what says so.
#[derive(Debug, Clone)]
pub struct Controller<'snap> {
    /// The Service.
    pub view: ServiceView<'snap>,
    /// What says that it is this one.
    pub why: String,
    /// It is taken for the one by its name alone.
    pub assumed: bool,
}

/// The Ingress of this name.
#[must_use]
pub fn find<'snap>(objects: &'snap Objects, namespace: &str, name: &str) -> Option<&'snap Ingress> {
    objects.ingresses().iter().find(|ingress| {
        ingress.metadata.name.as_deref() == Some(name)
            && ingress.metadata.namespace.as_deref().unwrap_or("default") == namespace
    })
}

/// Reference to an Ingress.
#[must_use]
pub fn reference(ingress: &Ingress) -> ObjectRef {
    let metadata = &ingress.metadata;
    ObjectRef::new(
        "Ingress",
        metadata.namespace.as_deref().unwrap_or("default"),
        metadata.name.as_deref().unwrap_or_default(),
    )
}

/// Every Service that an Ingress leads to, in the order of its rules.
#[must_use]
pub fn backends(ingress: &Ingress) -> Vec<Backend<'_>> {
    let Some(spec) = &ingress.spec else { return Vec::new() };
    let mut all = Vec::new();
    if let Some(backend) = &spec.default_backend {
        all.extend(read(backend, "default backend".to_owned(), "spec.defaultBackend.service".to_owned()));
    }
    for (number, rule) in spec.rules.iter().flatten().enumerate() {
        for (at, path) in rule.http.iter().flat_map(|http| &http.paths).enumerate() {
            let words = format!("{}{}", rule.host.as_deref().unwrap_or("*"), path.path.as_deref().unwrap_or("/"));
            let field = format!("spec.rules[{number}].http.paths[{at}].backend.service");
            all.extend(read(&path.backend, words, field));
        }
    }
    all
}

fn read(backend: &IngressBackend, rule: String, field: String) -> Option<Backend<'_>> {
    let service = backend.service.as_ref()?;
    let port = service.port.as_ref();
    Some(Backend {
        rule,
        field,
        service: &service.name,
        port_name: port.and_then(|port| port.name.as_deref()).filter(|name| !name.is_empty()),
        port_number: port.and_then(|port| port.number).and_then(port_number),
    })
}

/// Whether its controller is told to go to the cluster IPs, by an annotation that is set.
#[must_use]
pub fn by_cluster_ip(ingress: &Ingress) -> bool {
    let annotations = ingress.metadata.annotations.as_ref();
    BY_CLUSTER_IP.iter().any(|key| annotations.and_then(|all| all.get(*key)).is_some_and(|value| value == "true"))
}

/// The Service that leads to its controller.
///
/// # Errors
/// The candidates, where it is not one.
pub fn controller<'snap>(objects: &'snap Objects, ingress: &Ingress) -> Result<Controller<'snap>, Vec<String>> {
    match controllers::controller(objects.services(), ingress) {
        Ok(found) => Ok(Controller { view: ServiceView::new(found.service), why: found.why, assumed: found.assumed }),
        Err(several) => Err(several.into_iter().map(|service| ServiceView::new(service).full_name()).collect()),
    }
}
