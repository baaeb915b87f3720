//! The names that kube-proxy's nftables mode gives to its chains: the Service stands in them in clear, and a hash proves
//! that kube-proxy made the name. Reads names only.

use std::net::{IpAddr, SocketAddr};

use data_encoding::BASE32;
use sha2::{Digest, Sha256};

use super::names::ServicePortName;
use crate::walk::packet::Protocol;

/// Characters of the hash in front (kube-proxy pkg/proxy/nftables/proxier.go, `hashAndTruncate`).
const HASH_CHARS: usize = 8;

/// What a chain of nftables mode is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NftKind {
    /// `service-`: all usable endpoints.
    Service,
    /// `local-`: endpoints of this node.
    Local,
    /// `external-`: entry from outside.
    External,
    /// `firewall-`: source ranges of a load balancer.
    Firewall,
    /// `endpoint-`: one endpoint.
    Endpoint,
    /// `affinity-`: the set of clients that one endpoint keeps.
    Affinity,
}

impl NftKind {
    /// Every kind, with what its names begin with.
    const PREFIXES: [(Self, &'static str); 6] = [
        (Self::Service, "service-"),
        (Self::Local, "local-"),
        (Self::External, "external-"),
        (Self::Firewall, "firewall-"),
        (Self::Endpoint, "endpoint-"),
        (Self::Affinity, "affinity-"),
    ];
}

/// A name of nftables mode, read: `service-2QRHZV4L-default/kubernetes/tcp/https`.
#[derive(Debug, Clone, PartialEq)]
pub struct NftName<'a> {
    /// What it is for.
    pub kind: NftKind,
    /// Namespace of the Service.
    pub namespace: &'a str,
    /// Name of the Service.
    pub service: &'a str,
    /// Protocol.
    pub protocol: Protocol,
    /// Name of the port; empty when unnamed.
    pub port: &'a str,
    /// The endpoint, where it is of one.
    pub endpoint: Option<SocketAddr>,
}

impl<'a> NftName<'a> {
    /// Reads a name; `None` where the hash is not that of what follows it: kube-proxy did not make it.
    #[must_use]
    pub fn read(name: &'a str) -> Option<Self> {
        let (kind, rest) =
            NftKind::PREFIXES.into_iter().find_map(|(kind, prefix)| Some((kind, name.strip_prefix(prefix)?)))?;
        let (hash, base) = rest.split_at_checked(HASH_CHARS)?;
        let base = base.strip_prefix('-')?;
        if !BASE32.encode(&Sha256::digest(base.as_bytes())).starts_with(hash) {
            return None;
        }
        let (port, endpoint) = match base.split_once("__") {
            Some((port, endpoint)) => (port, Some(read_endpoint(endpoint)?)),
            None => (base, None),
        };
        let mut parts = port.split('/');
        let (namespace, service) = (parts.next()?, parts.next()?);
        let protocol = Protocol::parse(parts.next()?)?;
        Some(Self { kind, namespace, service, protocol, port: parts.next()?, endpoint })
    }

    /// The Service port as kube-proxy prints it.
    #[must_use]
    pub fn port_name(&self) -> ServicePortName {
        ServicePortName::new(self.namespace, self.service, self.port)
    }
}

/// `10.180.0.1/80`; the colons of an IPv6 address are dots.
fn read_endpoint(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.rsplit_once('/')?;
    let ip: IpAddr = ip.parse().or_else(|_| ip.replace('.', ":").parse()).ok()?;
    Some(SocketAddr::new(ip, port.parse().ok()?))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[track_caller]
    fn case(name: &str, port: &str, endpoint: Option<&str>) {
        let read = NftName::read(name).unwrap();
        assert_eq!(read.port_name().as_str(), port);
        assert_eq!(read.endpoint, endpoint.map(|endpoint| endpoint.parse().unwrap()));
    }

    #[test]
    fn names_of_kube_proxy() {
        case("service-2QRHZV4L-default/kubernetes/tcp/https", "default/kubernetes:https", None);
        case("external-ULMVA6XW-ns1/svc1/tcp/p80", "ns1/svc1:p80", None);
        case("local-PFISGYVC-default/web/tcp/", "default/web", None);
        case("endpoint-5OJB2KTY-ns1/svc1/tcp/p80__10.180.0.1/80", "ns1/svc1:p80", Some("10.180.0.1:80"));
    }

    #[test]
    fn a_port_whose_name_is_of_no_kube_proxy() {
        assert_eq!(NftName::read("service-AAAAAAAA-default/kubernetes/tcp/https"), None);
        assert_eq!(NftName::read("service-endpoints-check"), None);
        assert_eq!(NftName::read("services"), None);
    }

    #[test]
    fn colons_of_an_address_are_dots() {
        assert_eq!(read_endpoint("fd00.244..5/8080"), Some("[fd00:244::5]:8080".parse().unwrap()));
    }
}
