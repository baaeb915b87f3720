//! What a name is, in words.

use std::fmt;

use super::{Entry, Meaning, Missing, Srv};
use crate::dns::name;

/// How many addresses are spelled out.
const SPELLED: usize = 4;

impl fmt::Display for Meaning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(service) => write!(f, "Service {service}"),
            Self::Headless(service) => write!(f, "headless Service {service}"),
            Self::Alias(service) => write!(f, "ExternalName Service {service}"),
            Self::Endpoint { service, host } => write!(f, "endpoint {host} of Service {service}"),
            Self::Port { service, port } => write!(f, "port {port} of Service {service}"),
            Self::PodAddress { namespace, ip } => write!(f, "pod {ip} of namespace {namespace}"),
            Self::Reverse(ip) => write!(f, "the name of {ip}"),
            Self::Between => f.write_str("a part of the cluster's domain that holds names and no record"),
            Self::Missing(missing) => missing.fmt(f),
            Self::Outside => f.write_str("a name outside the cluster's domain"),
        }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(service) => write!(f, "there is no Service {service}"),
            Self::NoReadyEndpoint(service) => write!(f, "Service {service} has no ready endpoint"),
            Self::Endpoint { service, host } => write!(f, "Service {service} has no ready endpoint named {host}"),
            Self::Port { service, port } => write!(f, "Service {service} has no port named {port}"),
            Self::PodRecordsOff => f.write_str("names of pods by address are switched off in the Corefile"),
            Self::Pod { namespace, ip } => write!(f, "no pod of namespace {namespace} has {ip}"),
            Self::Namespace(namespace) => write!(f, "there is no namespace {namespace}"),
            Self::Address(ip) => write!(f, "no Service and no endpoint has {ip}"),
            Self::Form => f.write_str("no name of the cluster's domain has this form"),
        }
    }
}

impl fmt::Display for Srv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "port {} at {}", self.port, name::plain(&self.target))
    }
}

impl Entry {
    /// The same for records of one type.
    #[must_use]
    pub fn promise_of(&self, record: &str) -> String {
        if record != "SRV" || self.ports.is_empty() {
            return self.promise();
        }
        let ports: Vec<String> = self.ports.iter().take(SPELLED).map(ToString::to_string).collect();
        let more = if self.ports.len() > ports.len() { ", …" } else { "" };
        format!("{}{more}", ports.join(", "))
    }

    /// What it should give, in a few words: `10.96.0.1`, `3 addresses: …`, `alias of example.com`, `NXDOMAIN`.
    #[must_use]
    pub fn promise(&self) -> String {
        if let Some(alias) = &self.alias {
            return format!("alias of {}", name::plain(alias));
        }
        let addresses: Vec<String> = self.addresses.iter().map(ToString::to_string).collect();
        match (&self.is, addresses.as_slice()) {
            (Meaning::Missing(_), _) => "NXDOMAIN".to_owned(),
            (Meaning::Outside, _) => "whatever the outside says".to_owned(),
            (Meaning::Reverse(_), _) => {
                let names: Vec<String> = self.pointers.iter().take(SPELLED).map(name::plain).collect();
                names.join(" or ")
            }
            (_, []) => "no address".to_owned(),
            (_, few) if few.len() <= SPELLED => few.join(", "),
            (_, many) => format!("{} addresses", many.len()),
        }
    }
}
