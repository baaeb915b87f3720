//! Who points at Services by name: Ingresses, routes, webhooks, aggregated APIs. A Service that is pointed at is one
//! that somebody expects to answer.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::collect::snapshot::Objects;
use crate::report::ObjectRef;

use super::ingress;

/// One reference to a Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referrer {
    /// Who refers.
    pub object: ObjectRef,
    /// Field that holds the name.
    pub field: String,
    /// Namespace of the Service.
    pub namespace: String,
    /// Name of the Service.
    pub service: String,
    /// Port as it is written; `None` where none is.
    pub port: Option<String>,
    /// Name of the webhook, for one.
    pub webhook: Option<String>,
}

/// Kind and resource of the webhooks' objects.
const WEBHOOKS: [(&str, &str); 2] = [
    ("ValidatingWebhookConfiguration", "validatingwebhookconfigurations"),
    ("MutatingWebhookConfiguration", "mutatingwebhookconfigurations"),
];
/// Kind and resource of the Gateway API's routes.
const ROUTES: [(&str, &str); 2] = [("HTTPRoute", "httproutes"), ("GRPCRoute", "grpcroutes")];

/// Kinds of which it is not known whether one of them refers to a Service: they were not read.
#[must_use]
pub fn unread(objects: &Objects) -> Vec<&'static str> {
    let ingresses = objects.ingresses.is_none().then_some("Ingresses");
    let routes = (!objects.other.contains_key("httproutes")).then_some("routes");
    let webhooks = (!WEBHOOKS.iter().all(|(_, resource)| objects.other.contains_key(*resource))).then_some("webhooks");
    let services = (!objects.other.contains_key("apiservices")).then_some("APIServices");
    [ingresses, routes, webhooks, services].into_iter().flatten().collect()
}

/// Every reference that was read.
#[must_use]
pub fn all(objects: &Objects) -> Vec<Referrer> {
    let mut found = of_ingresses(objects);
    for (kind, resource) in ROUTES {
        found.extend(objects.others(resource).iter().flat_map(|route| of_route(kind, route)));
    }
    for (kind, resource) in WEBHOOKS {
        found.extend(objects.others(resource).iter().flat_map(|object| of_webhooks(kind, object)));
    }
    for object in objects.others("apiservices") {
        if let Some(service) = object.pointer("/spec/service").filter(|service| !service.is_null()) {
            found.extend(of_client(reference("APIService", object), "spec.service".to_owned(), service, None));
        }
    }
    found
}

/// References by the Service's namespace and name.
#[must_use]
pub fn by_service(objects: &Objects) -> BTreeMap<(String, String), Vec<Referrer>> {
    let mut map = BTreeMap::<_, Vec<Referrer>>::new();
    for referrer in all(objects) {
        map.entry((referrer.namespace.clone(), referrer.service.clone())).or_default().push(referrer);
    }
    map
}

fn of_ingresses(objects: &Objects) -> Vec<Referrer> {
    let mut found = Vec::new();
    for object in objects.ingresses() {
        let reference = ingress::reference(object);
        for backend in ingress::backends(object) {
            found.push(Referrer {
                object: reference.clone(),
                namespace: reference.namespace.clone(),
                service: backend.service.to_owned(),
                port: Some(backend.port()),
                field: backend.field,
                webhook: None,
            });
        }
    }
    found
}

/// `backendRefs` of every rule; one of another kind than Service is left out (gateway-api, `BackendObjectReference`).
fn of_route(kind: &str, route: &Value) -> Vec<Referrer> {
    let object = reference(kind, route);
    let mut found = Vec::new();
    for (number, rule) in list(route.pointer("/spec/rules")).iter().enumerate() {
        for (at, backend) in list(rule.get("backendRefs")).iter().enumerate() {
            let is_service = text(backend, "kind").is_none_or(|kind| kind == "Service")
                && text(backend, "group").is_none_or(str::is_empty);
            let Some(name) = text(backend, "name").filter(|_| is_service) else { continue };
            found.push(Referrer {
                object: object.clone(),
                field: format!("spec.rules[{number}].backendRefs[{at}]"),
                namespace: text(backend, "namespace").unwrap_or(&object.namespace).to_owned(),
                service: name.to_owned(),
                port: backend.get("port").and_then(Value::as_u64).map(|port| port.to_string()),
                webhook: None,
            });
        }
    }
    found
}

fn of_webhooks(kind: &str, object: &Value) -> Vec<Referrer> {
    let reference = reference(kind, object);
    let mut found = Vec::new();
    for (number, hook) in list(object.get("webhooks")).iter().enumerate() {
        let Some(service) = hook.pointer("/clientConfig/service").filter(|service| !service.is_null()) else {
            continue;
        };
        let field = format!("webhooks[{number}].clientConfig.service");
        let name = text(hook, "name").map(ToOwned::to_owned);
        found.extend(of_client(reference.clone(), field, service, name));
    }
    found
}

/// A `service` of a webhook or an aggregated API: port 443 where none is given (k8s.io/api, `ServiceReference`).
fn of_client(object: ObjectRef, field: String, service: &Value, webhook: Option<String>) -> Option<Referrer> {
    let port = service.get("port").and_then(Value::as_u64).unwrap_or(443);
    Some(Referrer {
        object,
        field,
        namespace: text(service, "namespace")?.to_owned(),
        service: text(service, "name")?.to_owned(),
        port: Some(port.to_string()),
        webhook,
    })
}

fn reference(kind: &str, object: &Value) -> ObjectRef {
    let of = |key: &str| object.pointer(&format!("/metadata/{key}")).and_then(Value::as_str).unwrap_or_default();
    ObjectRef::new(kind, of("namespace"), of("name"))
}

fn list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn text<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key).and_then(Value::as_str)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_kind_of_reference() {
        let ingress = json!({"metadata": {"name": "shop", "namespace": "n"}, "spec": {
            "defaultBackend": {"service": {"name": "d", "port": {"name": "http"}}},
            "rules": [{"host": "h", "http": {"paths": [{"path": "/x", "pathType": "Prefix",
                "backend": {"service": {"name": "web", "port": {"number": 80}}}}]}}]}});
        let mut objects =
            Objects { ingresses: Some(vec![serde_json::from_value(ingress).unwrap()]), ..Objects::default() };
        objects.other.insert("httproutes".into(), vec![json!({"metadata": {"name": "r", "namespace": "n"},
            "spec": {"rules": [{"backendRefs": [{"name": "web", "port": 8080}, {"kind": "Other", "name": "o"}, {"name": "far", "namespace": "m"}]}]}})]);
        objects.other.insert("validatingwebhookconfigurations".into(), vec![json!({"metadata": {"name": "v"},
            "webhooks": [{"name": "a.b.c", "clientConfig": {"service": {"namespace": "n", "name": "hook"}}}, {"name": "u", "clientConfig": {"url": "https://x"}}]})]);
        objects.other.insert("apiservices".into(), vec![json!({"metadata": {"name": "v1"}, "spec": {"service": null}}),
            json!({"metadata": {"name": "v1beta1.metrics"}, "spec": {"service": {"namespace": "n", "name": "metrics", "port": 444}}})]);
        let words: Vec<String> = all(&objects)
            .iter()
            .map(|one| {
                format!(
                    "{} {} {}/{}:{}",
                    one.object,
                    one.field,
                    one.namespace,
                    one.service,
                    one.port.as_deref().unwrap_or("-")
                )
            })
            .collect();
        assert_eq!(
            words,
            [
                "Ingress n/shop spec.defaultBackend.service n/d:http",
                "Ingress n/shop spec.rules[0].http.paths[0].backend.service n/web:80",
                "HTTPRoute n/r spec.rules[0].backendRefs[0] n/web:8080",
                "HTTPRoute n/r spec.rules[0].backendRefs[2] m/far:-",
                "ValidatingWebhookConfiguration v webhooks[0].clientConfig.service n/hook:443",
                "APIService v1beta1.metrics spec.service n/metrics:444",
            ]
        );
        assert_eq!(by_service(&objects)[&("n".to_owned(), "web".to_owned())].len(), 2);
    }
}
