//! One Service, read as kube-proxy reads it. A borrowed view: nothing is decided here that needs endpoints or a node.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use k8s_openapi::api::core::v1::Service;

use crate::collect::snapshot::Objects;
use crate::report::ObjectRef;

use super::names::ServicePortName;
pub use super::port::{PortView, TargetPort, port_number};

/// Label that hides a Service from kube-proxy, whatever its value (kube-proxy cmd/kube-proxy/app/server.go).
pub const PROXY_NAME_LABEL: &str = "service.kubernetes.io/service-proxy-name";

/// Seconds of ClientIP affinity where the object names none (API default).
const AFFINITY_DEFAULT: u32 = 10_800;

/// IP family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// Family of an address.
    #[must_use]
    pub const fn of(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    /// `IPv4`, `IPv6`: as in ipFamilies and addressType.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Form of a Service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Form {
    /// A cluster IP alone.
    ClusterIp,
    /// With node ports.
    NodePort,
    /// With an address from a load balancer.
    LoadBalancer,
    /// An alias in DNS.
    ExternalName,
    /// clusterIP None: names only.
    Headless,
}

impl Form {
    /// As users know it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClusterIp => "ClusterIP",
            Self::NodePort => "NodePort",
            Self::LoadBalancer => "LoadBalancer",
            Self::ExternalName => "ExternalName",
            Self::Headless => "headless",
        }
    }
}

/// Which endpoints a traffic policy allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Policy {
    /// Those of all nodes.
    Cluster,
    /// Those of the node that the packet is on.
    Local,
}

/// One entry of status.loadBalancer.ingress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ingress<'snap> {
    /// An address that kube-proxy takes as its own (ipMode VIP or none).
    Vip(IpAddr),
    /// An address that kube-proxy leaves to the load balancer (ipMode Proxy, kube-proxy 1.30 and later).
    Proxy(IpAddr),
    /// A name: nothing for kube-proxy.
    Host(&'snap str),
}

/// One Service.
#[derive(Debug, Clone)]
pub struct ServiceView<'snap> {
    /// The object.
    pub object: &'snap Service,
    /// Namespace.
    pub namespace: &'snap str,
    /// Name.
    pub name: &'snap str,
    /// Form.
    pub form: Form,
    /// Cluster IPs, first family first; none when headless or an alias.
    pub cluster_ips: Vec<IpAddr>,
    /// externalIPs.
    pub external_ips: Vec<IpAddr>,
    /// status.loadBalancer.ingress.
    pub ingress: Vec<Ingress<'snap>>,
    /// Ports.
    pub ports: Vec<PortView<'snap>>,
    /// Seconds of ClientIP affinity.
    pub affinity_seconds: Option<u32>,
    /// internalTrafficPolicy.
    pub internal: Policy,
    /// externalTrafficPolicy; Cluster where nothing is reachable from outside.
    pub external: Policy,
    /// loadBalancerSourceRanges that can be read, of both families.
    pub source_ranges: Vec<IpNet>,
    /// healthCheckNodePort, where kube-proxy serves it (LoadBalancer with external policy Local).
    pub health_check_node_port: Option<u16>,
    /// Value of the label that hides it from kube-proxy.
    pub proxy_name: Option<&'snap str>,
    /// Selector; `None` when there is none or it is empty.
    pub selector: Option<&'snap BTreeMap<String, String>>,
    /// spec.externalName of an alias.
    pub external_name: Option<&'snap str>,
}

impl<'snap> ServiceView<'snap> {
    /// The view of this object.
    #[must_use]
    pub fn new(object: &'snap Service) -> Self {
        let spec = object.spec.as_ref();
        let kind = spec.and_then(|s| s.type_.as_deref()).unwrap_or("ClusterIP");
        let external_name = spec.and_then(|s| s.external_name.as_deref());
        let form = form_of(object);
        let cluster_ips = match form {
            Form::ExternalName | Form::Headless => Vec::new(),
            Form::ClusterIp | Form::NodePort | Form::LoadBalancer => cluster_ips(object),
        };
        let external_ips = parse_all(spec.and_then(|s| s.external_ips.as_deref()));
        let outward = matches!(form, Form::NodePort | Form::LoadBalancer)
            || (form == Form::ClusterIp && !external_ips.is_empty());
        let local = |policy: Option<&str>| if policy == Some("Local") { Policy::Local } else { Policy::Cluster };
        let external =
            if outward { local(spec.and_then(|s| s.external_traffic_policy.as_deref())) } else { Policy::Cluster };
        let health = spec.and_then(|s| s.health_check_node_port).and_then(port_number);
        Self {
            object,
            namespace: object.metadata.namespace.as_deref().unwrap_or("default"),
            name: object.metadata.name.as_deref().unwrap_or_default(),
            form,
            cluster_ips,
            external_ips,
            ingress: ingress_of(object),
            ports: spec
                .and_then(|s| s.ports.as_deref())
                .unwrap_or_default()
                .iter()
                .filter_map(PortView::read)
                .collect(),
            affinity_seconds: affinity_of(object),
            internal: local(spec.and_then(|s| s.internal_traffic_policy.as_deref())),
            external,
            // The API wants trimmed text, kube-proxy trims what is not (pkg/proxy/serviceport.go).
            source_ranges: spec
                .and_then(|s| s.load_balancer_source_ranges.as_deref())
                .unwrap_or_default()
                .iter()
                .filter_map(|range| range.trim().parse().ok())
                .collect(),
            health_check_node_port: health.filter(|_| form == Form::LoadBalancer && external == Policy::Local),
            proxy_name: object.metadata.labels.as_ref().and_then(|l| l.get(PROXY_NAME_LABEL)).map(String::as_str),
            selector: spec.and_then(|s| s.selector.as_ref()).filter(|selector| !selector.is_empty()),
            external_name: external_name.filter(|_| kind == "ExternalName"),
        }
    }

    /// The Service of this name, if it was read.
    #[must_use]
    pub fn find(objects: &'snap Objects, namespace: &str, name: &str) -> Option<Self> {
        objects
            .services()
            .iter()
            .find(|s| {
                s.metadata.name.as_deref() == Some(name)
                    && s.metadata.namespace.as_deref().unwrap_or("default") == namespace
            })
            .map(Self::new)
    }

    /// Every Service that was read.
    pub fn all(objects: &'snap Objects) -> impl Iterator<Item = Self> {
        objects.services().iter().map(Self::new)
    }

    /// Reference to the object.
    #[must_use]
    pub fn reference(&self) -> ObjectRef {
        ObjectRef::new("Service", self.namespace, self.name)
    }

    /// `default/web`.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    /// kube-proxy's name of a port, newest form.
    #[must_use]
    pub fn port_name(&self, port: &PortView<'_>) -> ServicePortName {
        ServicePortName::new(self.namespace, self.name, port.name)
    }

    /// Families that it has a cluster IP of; without any, those that it declares.
    #[must_use]
    pub fn families(&self) -> Vec<Family> {
        let mut families: Vec<Family> = Vec::new();
        if self.cluster_ips.is_empty() {
            let declared = self.object.spec.as_ref().and_then(|s| s.ip_families.as_deref()).unwrap_or_default();
            // Objects from before ipFamilies say nothing of it.
            let wanted = |f: &Family| declared.is_empty() || declared.iter().any(|d| d == f.as_str());
            return [Family::V4, Family::V6].into_iter().filter(wanted).collect();
        }
        for family in self.cluster_ips.iter().map(|ip| Family::of(*ip)) {
            if !families.contains(&family) {
                families.push(family);
            }
        }
        families
    }

    /// Load balancer addresses that kube-proxy takes as its own.
    #[must_use]
    pub fn load_balancer_ips(&self) -> Vec<IpAddr> {
        let mut ips = Vec::new();
        for ingress in &self.ingress {
            match ingress {
                Ingress::Vip(ip) => ips.push(*ip),
                Ingress::Proxy(_) | Ingress::Host(_) => {}
            }
        }
        ips
    }

    /// Source ranges of one family; none means that all may come (ranges of the other family limit nothing here).
    #[must_use]
    pub fn source_ranges_of(&self, family: Family) -> Vec<IpNet> {
        self.source_ranges.iter().copied().filter(|range| Family::of(range.addr()) == family).collect()
    }

    /// Whether kube-proxy takes a port as reachable from outside in one family: it has a node port, an external IP
    /// or a load balancer address (kube-proxy pkg/proxy/serviceport.go, `ExternallyAccessible`).
    #[must_use]
    pub fn is_externally_accessible(&self, port: &PortView<'_>, family: Family) -> bool {
        port.node_port.is_some()
            || self.external_ips.iter().chain(&self.load_balancer_ips()).any(|ip| Family::of(*ip) == family)
    }

    /// Why kube-proxy programs nothing for it, where it does not.
    #[must_use]
    pub fn not_programmed(&self) -> Option<String> {
        match self.form {
            Form::ExternalName => {
                Some("an ExternalName Service is an alias in DNS; no node holds anything of it".into())
            }
            Form::Headless => {
                Some("a headless Service has no address; its name resolves to the endpoints themselves".into())
            }
            Form::ClusterIp | Form::NodePort | Form::LoadBalancer => {
                if let Some(name) = self.proxy_name {
                    Some(format!("the label {PROXY_NAME_LABEL}={name} leaves it to another proxy than kube-proxy"))
                } else if self.cluster_ips.is_empty() {
                    Some("it has no cluster IP yet, and kube-proxy skips it without one".into())
                } else {
                    None
                }
            }
        }
    }

    /// Whether publishNotReadyAddresses is set.
    #[must_use]
    pub fn publishes_not_ready(&self) -> bool {
        self.object.spec.as_ref().and_then(|s| s.publish_not_ready_addresses).unwrap_or_default()
    }

    /// Selector as `app=web,tier=x`.
    #[must_use]
    pub fn selector_text(&self) -> Option<String> {
        self.selector.map(super::selector::text)
    }
}

fn form_of(object: &Service) -> Form {
    let spec = object.spec.as_ref();
    match spec.and_then(|s| s.type_.as_deref()) {
        Some("ExternalName") => Form::ExternalName,
        kind => match (spec.and_then(|s| s.cluster_ip.as_deref()), kind) {
            (Some("None"), _) => Form::Headless,
            (_, Some("NodePort")) => Form::NodePort,
            (_, Some("LoadBalancer")) => Form::LoadBalancer,
            _ => Form::ClusterIp,
        },
    }
}

fn cluster_ips(object: &Service) -> Vec<IpAddr> {
    let spec = object.spec.as_ref();
    let listed = parse_all(spec.and_then(|s| s.cluster_ips.as_deref()));
    if listed.is_empty() {
        // clusterIPs came with dual stack; older objects have the one field only.
        spec.and_then(|s| s.cluster_ip.as_deref()).and_then(|ip| ip.parse().ok()).into_iter().collect()
    } else {
        listed
    }
}

fn parse_all(texts: Option<&[String]>) -> Vec<IpAddr> {
    texts.unwrap_or_default().iter().filter_map(|text| text.parse().ok()).collect()
}

fn affinity_of(object: &Service) -> Option<u32> {
    let spec = object.spec.as_ref()?;
    (spec.session_affinity.as_deref() == Some("ClientIP")).then(|| {
        spec.session_affinity_config
            .as_ref()
            .and_then(|config| config.client_ip.as_ref())
            .and_then(|client| client.timeout_seconds)
            .and_then(|seconds| u32::try_from(seconds).ok())
            .unwrap_or(AFFINITY_DEFAULT)
    })
}

fn ingress_of(object: &Service) -> Vec<Ingress<'_>> {
    let status = object.status.as_ref().and_then(|s| s.load_balancer.as_ref());
    let mut found = Vec::new();
    for entry in status.and_then(|s| s.ingress.as_deref()).unwrap_or_default() {
        if let Some(ip) = entry.ip.as_deref().and_then(|ip| ip.parse().ok()) {
            found.push(if entry.ip_mode.as_deref() == Some("Proxy") { Ingress::Proxy(ip) } else { Ingress::Vip(ip) });
        } else if let Some(host) = entry.hostname.as_deref() {
            found.push(Ingress::Host(host));
        }
    }
    found
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn service(spec: &Value, status: &Value) -> Service {
        let labels = json!({"app": "x"});
        serde_json::from_value(
            json!({"metadata": {"name": "web", "namespace": "shop", "labels": labels}, "spec": spec, "status": status}),
        )
        .unwrap()
    }

    #[track_caller]
    fn form(spec: &Value, expected: Form, cluster_ips: usize) {
        let object = service(spec, &json!({}));
        let view = ServiceView::new(&object);
        assert_eq!((view.form, view.cluster_ips.len()), (expected, cluster_ips), "{spec}");
        assert_eq!(view.not_programmed().is_none(), cluster_ips > 0, "{spec}");
    }

    #[test]
    fn forms() {
        form(&json!({"clusterIP": "10.96.0.1"}), Form::ClusterIp, 1);
        form(&json!({"clusterIPs": ["10.96.0.1", "fd00::1"], "clusterIP": "10.96.0.1"}), Form::ClusterIp, 2);
        form(&json!({"clusterIP": "None", "clusterIPs": ["None"]}), Form::Headless, 0);
        form(&json!({"type": "NodePort", "clusterIP": "10.96.0.1"}), Form::NodePort, 1);
        form(&json!({"type": "LoadBalancer", "clusterIP": "10.96.0.1"}), Form::LoadBalancer, 1);
        form(&json!({"type": "ExternalName", "externalName": "x.test"}), Form::ExternalName, 0);
        form(
            &json!({"type": "ExternalName", "externalName": "x.test", "clusterIP": "10.96.0.1"}),
            Form::ExternalName,
            0,
        );
        form(&json!({}), Form::ClusterIp, 0);
        form(&json!({"clusterIP": "rubbish"}), Form::ClusterIp, 0);
    }

    #[test]
    fn outward_fields() {
        let spec = json!({"type": "LoadBalancer", "clusterIP": "10.96.0.1", "externalTrafficPolicy": "Local", "healthCheckNodePort": 31000,
            "sessionAffinity": "ClientIP", "loadBalancerSourceRanges": [" 10.0.0.0/8 ", "fd00::/8", "rubbish"], "ports": [{"port": 80}]});
        let ingress = json!([{"ip": "198.51.100.1"}, {"ip": "198.51.100.2", "ipMode": "Proxy"}, {"hostname": "lb.example.test"},
            {"ip": "198.51.100.3", "ipMode": "VIP"}]);
        let object = service(&spec, &json!({"loadBalancer": {"ingress": ingress}}));
        let view = ServiceView::new(&object);
        let ips: Vec<String> = view.load_balancer_ips().iter().map(ToString::to_string).collect();
        assert_eq!(ips, ["198.51.100.1", "198.51.100.3"]);
        assert_eq!(view.source_ranges_of(Family::V4).len(), 1);
        assert_eq!(
            (view.external, view.health_check_node_port, view.affinity_seconds),
            (Policy::Local, Some(31000), Some(10_800))
        );
        assert!(view.is_externally_accessible(&view.ports[0], Family::V4));
        assert!(!view.is_externally_accessible(&view.ports[0], Family::V6));
    }

    #[test]
    fn an_external_policy_needs_something_outside() {
        let policy = |spec: Value| ServiceView::new(&service(&spec, &json!({}))).external;
        assert_eq!(policy(json!({"clusterIP": "10.96.0.1", "externalTrafficPolicy": "Local"})), Policy::Cluster);
        assert_eq!(
            policy(json!({"clusterIP": "10.96.0.1", "externalTrafficPolicy": "Local", "externalIPs": ["192.0.2.1"]})),
            Policy::Local
        );
    }
}
