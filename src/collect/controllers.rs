//! Which Service leads to the controller of an Ingress, as far as objects tell. Pure: it decides what else is read, and
//! later what the answer is about.

use std::net::IpAddr;

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::networking::v1::Ingress;

/// Names and `app.kubernetes.io/name` labels that the controllers' own manifests give their Services.
const NAMES: [&str; 7] = ["ingress", "traefik", "haproxy", "kong", "contour", "envoy", "ambassador"];

/// The Service of a controller, and what says that it is.
#[derive(Debug, Clone)]
pub struct Found<'s> {
    /// The Service.
    pub service: &'s Service,
    /// What says that it is this one.
    pub why: String,
    /// Its name alone says so.
    pub assumed: bool,
}

/// The Service with the address in the Ingress's status, else the only one that is reachable from outside and named
/// after a controller.
///
/// # Errors
/// The candidates, where it is not one.
pub fn controller<'s>(services: &'s [Service], ingress: &Ingress) -> Result<Found<'s>, Vec<&'s Service>> {
    let outward: Vec<&Service> = services.iter().filter(|service| is_outward(service)).collect();
    let status = ingress.status.as_ref().and_then(|status| status.load_balancer.as_ref());
    let entries = status.and_then(|status| status.ingress.as_deref()).unwrap_or_default();
    let mut addresses = entries.iter().filter_map(|entry| entry.ip.as_deref()?.parse::<IpAddr>().ok());
    let by_address = addresses.find_map(|ip| Some((outward.iter().find(|service| has(service, ip))?, ip)));
    if let Some((service, ip)) = by_address {
        return Ok(Found { service, why: format!("it has {ip}, the Ingress's address"), assumed: false });
    }
    let named: Vec<&Service> = outward.into_iter().filter(|service| is_named_so(service)).collect();
    match named.as_slice() {
        [service] => Ok(Found {
            service,
            why: "the only Service reachable from outside that is named after an ingress controller".to_owned(),
            assumed: true,
        }),
        _ => Err(named),
    }
}

fn is_outward(service: &Service) -> bool {
    let Some(spec) = &service.spec else { return false };
    matches!(spec.type_.as_deref(), Some("NodePort" | "LoadBalancer"))
        || spec.external_ips.as_ref().is_some_and(|ips| !ips.is_empty())
}

fn has(service: &Service, ip: IpAddr) -> bool {
    let external = service.spec.iter().flat_map(|spec| spec.external_ips.iter().flatten()).map(String::as_str);
    let status = service.status.iter().flat_map(|status| &status.load_balancer);
    let balancer = status.flat_map(|lb| lb.ingress.iter().flatten()).filter_map(|entry| entry.ip.as_deref());
    external.chain(balancer).any(|text| text.parse::<IpAddr>() == Ok(ip))
}

fn is_named_so(service: &Service) -> bool {
    let name = service.metadata.name.as_deref().unwrap_or_default();
    let label = service.metadata.labels.as_ref().and_then(|labels| labels.get("app.kubernetes.io/name"));
    let is = |text: &str| NAMES.iter().any(|name| text.contains(name));
    is(name) || label.is_some_and(|label| is(label))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[track_caller]
    fn case(services: &Value, status: &Value, expected: Result<&str, usize>) {
        let services: Vec<Service> = serde_json::from_value(services.clone()).unwrap();
        let ingress: Ingress = serde_json::from_value(
            json!({"metadata": {"name": "shop"}, "status": {"loadBalancer": {"ingress": status}}}),
        )
        .unwrap();
        let found = controller(&services, &ingress);
        let name = found.map(|found| found.service.metadata.name.clone().unwrap()).map_err(|several| several.len());
        assert_eq!(name.as_deref().map_err(|several| *several), expected, "{services:?}");
    }

    #[test]
    fn the_address_tells_and_else_the_only_name() {
        let service = |name: &str, kind: &str, ip: &str| {
            json!({"metadata": {"name": name}, "spec": {"type": kind},
                "status": {"loadBalancer": {"ingress": [{"ip": ip}]}}})
        };
        let (web, one) =
            (service("web", "LoadBalancer", "203.0.113.1"), service("my-ingress", "NodePort", "203.0.113.2"));
        let two = service("traefik", "LoadBalancer", "203.0.113.3");
        let hidden = service("ingress-admission", "ClusterIP", "203.0.113.4");
        let none = json!([]);
        case(&json!([web, one, two]), &json!([{"ip": "203.0.113.1"}]), Ok("web"));
        case(&json!([web, one, hidden]), &none, Ok("my-ingress"));
        case(&json!([web, one, two]), &none, Err(2));
        case(&json!([web, hidden]), &none, Err(0));
    }
}
