//! The records that the cluster's DNS should give, computed from the objects as CoreDNS computes them
//! (coredns/plugin/kubernetes/kubernetes.go and parse.go; kubernetes/dns docs/specification.md). Asks nobody.

mod endpoints;
mod reverse;
mod service;
mod words;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use hickory_resolver::proto::rr::Name;

use crate::collect::snapshot::Objects;
use crate::walk::packet::Protocol;

use super::corefile::{Corefile, Kubernetes, PodRecords};
use super::name;
use super::server;

pub use endpoints::{DnsEndpoint, endpoints};

/// Aliases that are followed, one to the next.
const LONGEST_CHAIN: usize = 8;

/// The part of DNS that the cluster answers for.
#[derive(Debug, Clone)]
pub struct Zone<'snap> {
    objects: &'snap Objects,
    /// The cluster's domain.
    pub domain: Name,
    settings: Settings,
}

/// What the Corefile says of the cluster's names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Settings {
    /// Names of pods by address; `None`: not known.
    pods: Option<PodRecords>,
    namespaces: Vec<String>,
    endpoint_pod_names: bool,
    ignore_empty_service: bool,
}

/// Namespace and name of a Service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServiceName {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
}

/// What a name should give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name.
    pub name: Name,
    /// What it is.
    pub is: Meaning,
    /// Its addresses, of both families.
    pub addresses: BTreeSet<IpAddr>,
    /// Its SRV records.
    pub ports: BTreeSet<Srv>,
    /// Names of which a PTR answer may hold any.
    pub pointers: BTreeSet<Name>,
    /// The name that it is an alias of.
    pub alias: Option<Name>,
    /// What would have to be known to be sure.
    pub unsure: Option<String>,
}

/// An SRV record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Srv {
    /// Port.
    pub port: u16,
    /// Name of the host.
    pub target: Name,
}

/// What a name is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// A Service with a cluster IP.
    Service(ServiceName),
    /// A Service without: its endpoints.
    Headless(ServiceName),
    /// A Service that is an alias.
    Alias(ServiceName),
    /// One endpoint of a Service.
    Endpoint {
        /// The Service.
        service: ServiceName,
        /// The label before it.
        host: String,
    },
    /// A named port of a Service.
    Port {
        /// The Service.
        service: ServiceName,
        /// Name of the port, with its protocol: `http/tcp`.
        port: String,
    },
    /// A pod by its address.
    PodAddress {
        /// Namespace.
        namespace: String,
        /// Address.
        ip: IpAddr,
    },
    /// The name of an address.
    Reverse(IpAddr),
    /// A part of the tree that holds names and no record: `svc.cluster.local`.
    Between,
    /// It is in the cluster's domain and does not exist.
    Missing(Missing),
    /// It is in no zone of the cluster: answered by whoever is asked next.
    Outside,
}

/// Why a name of the cluster's domain does not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing {
    /// No such Service.
    Service(ServiceName),
    /// The Service is headless and no endpoint is ready.
    NoReadyEndpoint(ServiceName),
    /// The Service has no endpoint of that name.
    Endpoint {
        /// The Service.
        service: ServiceName,
        /// The label before it.
        host: String,
    },
    /// The Service has no port of that name and protocol.
    Port {
        /// The Service.
        service: ServiceName,
        /// `http/tcp`.
        port: String,
    },
    /// Names of pods by address are switched off.
    PodRecordsOff,
    /// No pod of that namespace has the address.
    Pod {
        /// Namespace.
        namespace: String,
        /// Address.
        ip: IpAddr,
    },
    /// Nothing of that namespace is shown or known.
    Namespace(String),
    /// No Service and no endpoint has the address.
    Address(IpAddr),
    /// Names of that form mean nothing: neither `svc` nor `pod`, or too many labels.
    Form,
}

/// An alias followed to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChainEnd {
    /// A name that is no alias of this cluster.
    At(Box<Entry>),
    /// It comes back to this name.
    Loop(Name),
}

impl<'snap> Zone<'snap> {
    /// The zone of these objects, with what their Corefile says of it.
    #[must_use]
    pub fn new(objects: &'snap Objects, domain: Name) -> Self {
        let mut settings = Settings::default();
        if let Some(config) = server::corefile(objects) {
            let file = Corefile::read(config.text);
            let of_domain = |kubernetes: &Kubernetes<'_, '_>| kubernetes.answers(&domain);
            if let Some(kubernetes) = file.kubernetes().find(of_domain) {
                settings = Settings {
                    pods: Some(kubernetes.pods),
                    namespaces: kubernetes.namespaces.iter().map(ToString::to_string).collect(),
                    endpoint_pod_names: kubernetes.endpoint_pod_names,
                    ignore_empty_service: kubernetes.ignore_empty_service,
                };
            }
        }
        Self { objects, domain, settings }
    }

    /// What `name` should give.
    #[must_use]
    pub fn entry(&self, name: &Name) -> Entry {
        let name = name.to_lowercase();
        if let Some(ip) = reverse::address(&name) {
            return self.reverse(name, ip);
        }
        let Some(labels) = name::below(&name, &self.domain) else { return Entry::bare(name, Meaning::Outside) };
        let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
        match labels.as_slice() {
            [] | ["svc" | "pod"] => Entry::bare(name, Meaning::Between),
            [.., namespace, "svc" | "pod"] if !self.shows(namespace) => {
                Entry::bare(name.clone(), Meaning::Missing(Missing::Namespace((*namespace).to_owned())))
            }
            [namespace, "svc" | "pod"] => self.namespace(name.clone(), namespace),
            [front @ .., service, namespace, "svc"] => self.of_service(name.clone(), front, service, namespace),
            [dashed, namespace, "pod"] => self.of_pod(name.clone(), dashed, namespace),
            _ => Entry::bare(name, Meaning::Missing(Missing::Form)),
        }
    }

    /// Follows an alias from entry to entry.
    #[must_use]
    pub fn follow(&self, entry: &Entry) -> (Vec<Name>, ChainEnd) {
        let mut seen = vec![entry.name.clone()];
        let mut at = entry.clone();
        for _ in 0..LONGEST_CHAIN {
            let Some(next) = at.alias.clone() else { return (seen, ChainEnd::At(Box::new(at))) };
            if seen.contains(&next) {
                return (seen, ChainEnd::Loop(next));
            }
            seen.push(next.clone());
            at = self.entry(&next);
        }
        (seen, ChainEnd::At(Box::new(at)))
    }

    fn shows(&self, namespace: &str) -> bool {
        self.settings.namespaces.is_empty() || self.settings.namespaces.iter().any(|shown| shown == namespace)
    }

    /// `shop.svc.cluster.local`: there as long as the namespace is.
    fn namespace(&self, name: Name, namespace: &str) -> Entry {
        if self.knows(namespace) {
            return Entry::bare(name, Meaning::Between);
        }
        let mut entry = Entry::bare(name, Meaning::Missing(Missing::Namespace(namespace.to_owned())));
        let whole = self.objects.is_whole("namespaces");
        entry.unsure = (!whole).then(|| format!("namespaces were not read: nothing that was read is in {namespace}"));
        entry
    }

    /// Whether there is a namespace of this name, or anything in it, as far as was read.
    #[must_use]
    pub fn knows(&self, namespace: &str) -> bool {
        let named =
            |one: &serde_json::Value| one.pointer("/metadata/name").and_then(|name| name.as_str()) == Some(namespace);
        self.objects.others("namespaces").iter().any(named)
            || self.objects.services().iter().any(|one| one.metadata.namespace.as_deref() == Some(namespace))
            || self.objects.pods().iter().any(|pod| pod.metadata.namespace.as_deref() == Some(namespace))
    }

    /// `10-244-1-5.shop.pod.cluster.local`.
    fn of_pod(&self, name: Name, dashed: &str, namespace: &str) -> Entry {
        let Some(ip) = undashed(dashed) else { return Entry::bare(name, Meaning::Missing(Missing::Form)) };
        let has = |pod: &k8s_openapi::api::core::v1::Pod| {
            pod.metadata.namespace.as_deref() == Some(namespace)
                && crate::cluster::readiness::addresses(pod).iter().any(|text| text.parse() == Ok(ip))
        };
        let found = match self.settings.pods {
            Some(PodRecords::Disabled) => return Entry::bare(name, Meaning::Missing(Missing::PodRecordsOff)),
            Some(PodRecords::Insecure) => self.knows(namespace),
            Some(PodRecords::Verified) | None => self.objects.pods().iter().any(has),
        };
        let mut entry = Entry::bare(name, Meaning::PodAddress { namespace: namespace.to_owned(), ip });
        if found {
            entry.addresses.insert(ip);
        } else {
            entry.is = Meaning::Missing(Missing::Pod { namespace: namespace.to_owned(), ip });
        }
        if self.settings.pods.is_none() {
            entry.unsure = Some("the Corefile was not read: it says whether pods have names".into());
        } else if !found && !self.objects.is_whole("pods") {
            entry.unsure = Some("not all pods were read".into());
        }
        entry
    }
}

impl Entry {
    fn bare(name: Name, is: Meaning) -> Self {
        Self {
            name,
            is,
            addresses: BTreeSet::new(),
            ports: BTreeSet::new(),
            pointers: BTreeSet::new(),
            alias: None,
            unsure: None,
        }
    }

    /// Whether the name exists, as far as the cluster says.
    #[must_use]
    pub fn exists(&self) -> bool {
        !matches!(self.is, Meaning::Missing(_) | Meaning::Outside)
    }

    /// The Service that it belongs to.
    #[must_use]
    pub fn service(&self) -> Option<&ServiceName> {
        match &self.is {
            Meaning::Service(service)
            | Meaning::Headless(service)
            | Meaning::Alias(service)
            | Meaning::Endpoint { service, .. }
            | Meaning::Port { service, .. }
            | Meaning::Missing(
                Missing::NoReadyEndpoint(service)
                | Missing::Endpoint { service, .. }
                | Missing::Port { service, .. }
                | Missing::Service(service),
            ) => Some(service),
            Meaning::PodAddress { .. }
            | Meaning::Reverse(_)
            | Meaning::Between
            | Meaning::Missing(
                Missing::PodRecordsOff
                | Missing::Pod { .. }
                | Missing::Namespace(_)
                | Missing::Address(_)
                | Missing::Form,
            )
            | Meaning::Outside => None,
        }
    }
}

impl ServiceName {
    /// Name of this Service in DNS.
    #[must_use]
    pub fn in_domain(&self, domain: &Name) -> Option<Name> {
        name::within(&format!("{}.{}.svc", self.name, self.namespace), domain)
    }
}

impl std::fmt::Display for ServiceName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// An address as one label: `10-244-1-5`, `fd00--5`.
fn dashed(ip: IpAddr) -> String {
    ip.to_string().replace(['.', ':'], "-")
}

fn undashed(label: &str) -> Option<IpAddr> {
    let dotted = label.replace('-', ".");
    if let Ok(ip) = dotted.parse::<Ipv4Addr>() {
        return Some(ip.into());
    }
    label.replace('-', ":").parse::<std::net::Ipv6Addr>().ok().map(IpAddr::V6)
}

/// `_http`, `http` → `http`.
fn underscored(label: &str) -> &str {
    label.strip_prefix('_').unwrap_or(label)
}

fn protocol(label: &str) -> Option<Protocol> {
    Protocol::parse(underscored(label))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]
mod tests;
