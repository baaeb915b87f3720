//! The environment variables that the kubelet gives a container for each Service (pkg/kubelet/envvars/envvars.go), and
//! whether a container has them. Knows nothing of what a container does with them.

use std::net::SocketAddr;

use k8s_openapi::api::core::v1::{ContainerStatus, Pod};

use super::service::ServiceView;

/// The one Service whose variables every pod gets (pkg/kubelet/kubelet_pods.go, `masterServices`).
const ALWAYS: (&str, &str) = ("default", "kubernetes");

/// Whether a container has a Service's variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// It has.
    Yes,
    /// The container was started before the Service was made.
    TooOld {
        /// Container.
        container: String,
        /// When it was started, RFC 3339.
        started: String,
    },
    /// The Service is of another namespace.
    OtherNamespace,
    /// enableServiceLinks is false.
    SwitchedOff,
    /// The Service has no cluster IP.
    NoAddress,
    /// No container runs, or its start is not known.
    NotKnown,
}

/// The variables of a Service, in the order of the kubelet: `WEB_SERVICE_HOST`, `WEB_SERVICE_PORT`, … and the forms
/// that links of Docker had: `WEB_PORT`, `WEB_PORT_80_TCP`, … of its first cluster IP.
#[must_use]
pub fn variables(view: &ServiceView<'_>) -> Vec<(String, String)> {
    let Some(ip) = view.cluster_ips.first() else { return Vec::new() };
    let prefix = name(view.name);
    let mut found = vec![(format!("{prefix}_SERVICE_HOST"), ip.to_string())];
    if let Some(first) = view.ports.first() {
        found.push((format!("{prefix}_SERVICE_PORT"), first.port.to_string()));
    }
    for port in view.ports.iter().filter(|port| !port.name.is_empty()) {
        found.push((format!("{prefix}_SERVICE_PORT_{}", name(port.name)), port.port.to_string()));
    }
    for (number, port) in view.ports.iter().enumerate() {
        let protocol = port.protocol.as_str().to_lowercase();
        let url = format!("{protocol}://{}", SocketAddr::new(*ip, port.port));
        if number == 0 {
            found.push((format!("{prefix}_PORT"), url.clone()));
        }
        let link = format!("{prefix}_PORT_{}_{}", port.port, protocol.to_uppercase());
        found.push((link.clone(), url));
        found.push((format!("{link}_PROTO"), protocol));
        found.push((format!("{link}_PORT"), port.port.to_string()));
        found.push((format!("{link}_ADDR"), ip.to_string()));
    }
    found
}

/// `my-web` → `MY_WEB`.
fn name(text: &str) -> String {
    text.to_uppercase().replace('-', "_")
}

/// Whether the containers of a pod have a Service's variables. They are made when a container starts, not when the pod
/// is made: a restart brings what was missing.
#[must_use]
pub fn given(view: &ServiceView<'_>, pod: &Pod) -> Given {
    if view.cluster_ips.is_empty() {
        return Given::NoAddress;
    }
    let namespace = pod.metadata.namespace.as_deref().unwrap_or("default");
    if (view.namespace, view.name) != ALWAYS {
        if view.namespace != namespace {
            return Given::OtherNamespace;
        }
        if pod.spec.as_ref().and_then(|spec| spec.enable_service_links) == Some(false) {
            return Given::SwitchedOff;
        }
    }
    let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.as_deref()).unwrap_or_default();
    let started = |status: &ContainerStatus| status.state.as_ref()?.running.as_ref()?.started_at.clone();
    let oldest = statuses.iter().filter_map(|status| Some((status, started(status)?))).min_by_key(|(_, at)| at.0);
    match (oldest, view.object.metadata.creation_timestamp.as_ref()) {
        (Some((status, at)), Some(made)) if at.0 < made.0 => {
            Given::TooOld { container: status.name.clone(), started: at.0.to_string() }
        }
        (Some(_), Some(_)) => Given::Yes,
        (None, _) | (_, None) => Given::NotKnown,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use k8s_openapi::api::core::v1::Service;
    use serde_json::{Value, json};

    use super::*;

    fn service(spec: &Value) -> Service {
        serde_json::from_value(json!({"metadata": {"name": "my-web", "namespace": "shop", "creationTimestamp": "2026-01-01T12:00:00Z"}, "spec": spec}))
            .unwrap()
    }

    #[test]
    fn variables_of_a_service() {
        let object = service(
            &json!({"clusterIP": "10.96.0.7", "ports": [{"name": "http-alt", "port": 80}, {"name": "dns", "port": 53, "protocol": "UDP"}]}),
        );
        let found: Vec<String> =
            variables(&ServiceView::new(&object)).iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(
            found,
            [
                "MY_WEB_SERVICE_HOST=10.96.0.7",
                "MY_WEB_SERVICE_PORT=80",
                "MY_WEB_SERVICE_PORT_HTTP_ALT=80",
                "MY_WEB_SERVICE_PORT_DNS=53",
                "MY_WEB_PORT=tcp://10.96.0.7:80",
                "MY_WEB_PORT_80_TCP=tcp://10.96.0.7:80",
                "MY_WEB_PORT_80_TCP_PROTO=tcp",
                "MY_WEB_PORT_80_TCP_PORT=80",
                "MY_WEB_PORT_80_TCP_ADDR=10.96.0.7",
                "MY_WEB_PORT_53_UDP=udp://10.96.0.7:53",
                "MY_WEB_PORT_53_UDP_PROTO=udp",
                "MY_WEB_PORT_53_UDP_PORT=53",
                "MY_WEB_PORT_53_UDP_ADDR=10.96.0.7",
            ]
        );
        let six = service(&json!({"clusterIP": "fd00::7", "ports": [{"port": 80}]}));
        assert!(variables(&ServiceView::new(&six)).contains(&("MY_WEB_PORT".into(), "tcp://[fd00::7]:80".into())));
        assert!(
            variables(&ServiceView::new(&service(&json!({"clusterIP": "None", "ports": [{"port": 80}]})))).is_empty()
        );
    }

    #[track_caller]
    fn case(namespace: &str, links: Option<bool>, started: Option<&str>, expected: &Given) {
        let object = service(&json!({"clusterIP": "10.96.0.7", "ports": [{"port": 80}]}));
        let state = started.map_or(json!({}), |at| json!({"running": {"startedAt": at}}));
        let pod: Pod = serde_json::from_value(json!({"metadata": {"name": "p", "namespace": namespace},
            "spec": {"containers": [], "enableServiceLinks": links},
            "status": {"containerStatuses": [{"name": "app", "image": "a", "imageID": "", "ready": true, "restartCount": 0, "state": state}]}}))
        .unwrap();
        assert_eq!(&given(&ServiceView::new(&object), &pod), expected);
    }

    #[test]
    fn who_has_them() {
        let later = Some("2026-01-01T12:00:01Z");
        case("shop", None, later, &Given::Yes);
        case("shop", Some(true), later, &Given::Yes);
        case("shop", Some(false), later, &Given::SwitchedOff);
        case("default", None, later, &Given::OtherNamespace);
        case("shop", None, None, &Given::NotKnown);
        let started = "2026-01-01T11:59:59Z".to_owned();
        case("shop", None, Some(&started), &Given::TooOld { container: "app".into(), started: started.clone() });
    }
}
