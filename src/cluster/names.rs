//! The names that kube-proxy gives to a Service port and to its chains. Makes names only; whether a chain of that
//! name exists is the dataplane's to say.

use std::fmt;
use std::net::SocketAddr;

use data_encoding::BASE32;
use sha2::{Digest, Sha256};

use crate::walk::packet::Protocol;

/// Characters of the hash that stand in a chain name (kube-proxy pkg/proxy/iptables/proxier.go, `portProtoHash`).
const HASH_CHARS: usize = 16;

/// What a chain of kube-proxy's iptables mode is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChainKind {
    /// `KUBE-SVC-`: all usable endpoints.
    Svc,
    /// `KUBE-SVL-`: endpoints of this node (since 1.24).
    Svl,
    /// `KUBE-EXT-`: entry from outside (since 1.24).
    Ext,
    /// `KUBE-FW-`: source ranges of a load balancer.
    Fw,
    /// `KUBE-XLB-`: entry from outside and endpoints of this node, until 1.23.
    Xlb,
}

impl ChainKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Svc, Self::Svl, Self::Ext, Self::Fw, Self::Xlb];

    /// What its chains begin with.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Svc => "KUBE-SVC-",
            Self::Svl => "KUBE-SVL-",
            Self::Ext => "KUBE-EXT-",
            Self::Fw => "KUBE-FW-",
            Self::Xlb => "KUBE-XLB-",
        }
    }
}

/// The name of a Service port as kube-proxy prints and hashes it: `default/web:http`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServicePortName(String);

impl ServicePortName {
    /// The name that kube-proxy 1.19 and later uses: an unnamed port has no colon.
    #[must_use]
    pub fn new(namespace: &str, service: &str, port: &str) -> Self {
        if port.is_empty() {
            Self(format!("{namespace}/{service}"))
        } else {
            Self::before_1_19(namespace, service, port)
        }
    }

    /// The name that kube-proxy up to 1.18 used: an unnamed port ends in a colon.
    #[must_use]
    pub fn before_1_19(namespace: &str, service: &str, port: &str) -> Self {
        Self(format!("{namespace}/{service}:{port}"))
    }

    /// Every form that a node may hold, newest first; one where the port has a name.
    #[must_use]
    pub fn forms(namespace: &str, service: &str, port: &str) -> Vec<Self> {
        let new = Self::new(namespace, service, port);
        let old = Self::before_1_19(namespace, service, port);
        if new == old { vec![new] } else { vec![new, old] }
    }

    /// Namespace and name of the Service.
    #[must_use]
    pub fn service(&self) -> Option<(&str, &str)> {
        let (namespace, rest) = self.0.split_once('/')?;
        Some((namespace, rest.split_once(':').map_or(rest, |(service, _)| service)))
    }

    /// As printed in comments.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Chain of this port: `KUBE-SVC-NPX46M4PTMTKRN6Y`.
    #[must_use]
    pub fn chain(&self, kind: ChainKind, protocol: Protocol) -> String {
        format!("{}{}", kind.prefix(), hash(&format!("{}{}", self.0, protocol.as_str())))
    }

    /// Chain of one endpoint of this port: `KUBE-SEP-UKSFD7AGPMPPLUHC`. An IPv6 address stands in brackets.
    #[must_use]
    pub fn endpoint_chain(&self, protocol: Protocol, endpoint: SocketAddr) -> String {
        format!("KUBE-SEP-{}", hash(&format!("{}{}{endpoint}", self.0, protocol.as_str())))
    }
}

impl fmt::Display for ServicePortName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// First 16 characters of base32 of sha256, the parts joined without a separator.
#[must_use]
pub fn hash(text: &str) -> String {
    let mut encoded = BASE32.encode(&Sha256::digest(text.as_bytes()));
    encoded.truncate(HASH_CHARS);
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn case(name: &ServicePortName, protocol: Protocol, expected: &str) {
        assert_eq!(name.chain(ChainKind::Svc, protocol), format!("KUBE-SVC-{expected}"), "{name}");
    }

    #[test]
    fn chains_of_ports() {
        let new = ServicePortName::new;
        let old = ServicePortName::before_1_19;
        case(&old("default", "httpd-svc", ""), Protocol::Tcp, "RL3JAE4GN7VOGDGP");
        case(&new("default", "httpd-svc", ""), Protocol::Tcp, "IYRDZZKXS5EOQ6Q6");
        case(&old("default", "hostnames", ""), Protocol::Tcp, "NWV5X2332I4OT4T3");
        case(&new("default", "hostnames", ""), Protocol::Tcp, "YN5D6RYVEVZOH44Q");
        case(&old("default", "hostnames", "default"), Protocol::Tcp, "ODX2UBAZM7RQWOIU");
        case(&old("default", "nginx", ""), Protocol::Tcp, "4N57TFCL4MD7ZTDA");
        case(&new("default", "nginx", ""), Protocol::Tcp, "2CMXP7HKUVJN7L6M");
        case(&new("default", "kubernetes", "https"), Protocol::Tcp, "NPX46M4PTMTKRN6Y");
        case(&new("kube-system", "kube-dns", "dns"), Protocol::Udp, "TCOU7JCQXEZGVUNU");
        case(&new("kube-system", "kube-dns", "dns-tcp"), Protocol::Tcp, "ERIFXISQEP7F7OF4");
        case(&new("kube-system", "kube-dns", "metrics"), Protocol::Tcp, "JD5MR3NA4I4DYORP");
        case(&new("ns4", "svc4", "p80"), Protocol::Tcp, "4SW47YFZTEDKD3PK");
    }

    #[test]
    fn one_hash_for_all_chains_of_a_port() {
        let name = ServicePortName::new("shop", "web", "http");
        for kind in ChainKind::ALL {
            assert_eq!(name.chain(kind, Protocol::Tcp), format!("{}67NZLRHBNDSAWJRO", kind.prefix()));
        }
    }

    #[track_caller]
    fn endpoint(name: &ServicePortName, endpoint: &str, expected: &str) {
        assert_eq!(
            name.endpoint_chain(Protocol::Tcp, endpoint.parse().expect("an address")),
            format!("KUBE-SEP-{expected}")
        );
    }

    #[test]
    fn chains_of_endpoints() {
        endpoint(&ServicePortName::before_1_19("default", "httpd-svc", ""), "10.244.1.28:80", "CR63JSDONEUBE2YK");
        endpoint(&ServicePortName::new("ns4", "svc4", "p80"), "10.180.0.4:80", "UKSFD7AGPMPPLUHC");
        endpoint(&ServicePortName::new("default", "web", ""), "[fd00::5]:8080", "QOTVL4YGKQSINFVI");
    }

    #[test]
    fn forms_of_a_name() {
        assert_eq!(ServicePortName::forms("a", "b", "").len(), 2);
        assert_eq!(ServicePortName::forms("a", "b", "c"), [ServicePortName::new("a", "b", "c")]);
    }
}
