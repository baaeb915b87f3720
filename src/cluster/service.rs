//! One Service, read as kube-proxy reads it. A borrowed view: nothing is decided here that needs endpoints or a node.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use k8s_openapi::api::core::v1::{Service, ServicePort};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::collect::snapshot::Objects;
use crate::report::ObjectRef;
use crate::walk::packet::Protocol;

use super::names::ServicePortName;

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

/// One port of a Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortView<'snap> {
    /// Name; empty when unnamed.
    pub name: &'snap str,
    /// port.
    pub port: u16,
    /// Protocol; TCP when none is given.
    pub protocol: Protocol,
    /// nodePort, when there is one.
    pub node_port: Option<u16>,
    /// targetPort; `port` when none is given.
    pub target: TargetPort<'snap>,
}

/// targetPort of a Service port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetPort<'snap> {
    /// A number.
    Number(u16),
    /// The name of a container port.
    Name(&'snap str),
}

impl fmt::Display for TargetPort<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl<'snap> PortView<'snap> {
    /// The port as kube-proxy reads it; `None` where its number or protocol is none.
    fn read(port: &'snap ServicePort) -> Option<Self> {
        let number = port_number(port.port)?;
        let target = match &port.target_port {
            Some(IntOrString::String(name)) => match name.parse::<u16>() {
                Ok(number) => TargetPort::Number(number),
                Err(_) => TargetPort::Name(name),
            },
            Some(IntOrString::Int(target)) => TargetPort::Number(port_number(*target).unwrap_or(number)),
            None => TargetPort::Number(number),
        };
        Some(Self {
            name: port.name.as_deref().unwrap_or_default(),
            port: number,
            protocol: Protocol::parse(port.protocol.as_deref().unwrap_or("TCP"))?,
            node_port: port.node_port.and_then(port_number),
            target,
        })
    }

    /// `80/tcp`, or `http 80/tcp`.
    #[must_use]
    pub fn label(&self) -> String {
        let number = format!("{}/{}", self.port, self.protocol.as_str());
        if self.name.is_empty() { number } else { format!("{} {number}", self.name) }
    }
}

/// A port number of the API: an i32 that must be 1 to 65535.
#[must_use]
pub fn port_number(number: i32) -> Option<u16> {
    u16::try_from(number).ok().filter(|number| *number != 0)
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
        let outward = matches!(form, Form::NodePort | Form::LoadBalancer) || (form == Form::ClusterIp && !external_ips.is_empty());
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
            ports: spec.and_then(|s| s.ports.as_deref()).unwrap_or_default().iter().filter_map(PortView::read).collect(),
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
            .find(|s| s.metadata.name.as_deref() == Some(name) && s.metadata.namespace.as_deref().unwrap_or("default") == namespace)
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
            return [Family::V4, Family::V6].into_iter().filter(|f| declared.iter().any(|d| d == f.as_str())).collect();
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
            Form::ExternalName => Some("an ExternalName Service is an alias in DNS; no node holds anything of it".into()),
            Form::Headless => Some("a headless Service has no address; its name resolves to the endpoints themselves".into()),
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
