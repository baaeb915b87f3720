//! Why an endpoint is not used, in words. Decides nothing.

use std::fmt;

use super::readiness::NotReady;

/// Why an endpoint is not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WhyNot {
    /// Not ready, and what the pod says of it.
    NotReady(Option<NotReady>),
    /// It is ending while others are ready.
    Terminating,
    /// It is ending and does not answer any more.
    TerminatingNotServing,
    /// Its hints name other zones.
    OtherZone(String),
    /// Its hints name other nodes.
    OtherNode(String),
    /// It is on another node and the policy is Local.
    NotLocal(Option<String>),
    /// Its family is none of the Service's.
    WrongFamily(String),
    /// Its address is a name.
    Fqdn,
    /// Its address cannot be read, or is not of the family that the slice declares.
    BadAddress,
    /// The slice has no port of this name and protocol; those it has.
    PortNotServed(String),
    /// kube-proxy takes the first address of an endpoint only.
    SecondAddress,
}

impl fmt::Display for WhyNot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotReady(None) => f.write_str("not ready"),
            Self::NotReady(Some(why)) => write!(f, "not ready: {why}"),
            Self::Terminating => f.write_str("terminating, and others are ready"),
            Self::TerminatingNotServing => f.write_str("terminating and no longer ready"),
            Self::OtherZone(zones) => write!(f, "meant for zone {zones} by its topology hint"),
            Self::OtherNode(nodes) => write!(f, "meant for node {nodes} by its topology hint"),
            Self::NotLocal(Some(node)) => write!(f, "on {node}, and the traffic policy is Local"),
            Self::NotLocal(None) => f.write_str("on no known node, and the traffic policy is Local"),
            Self::WrongFamily(kind) => write!(f, "{kind}, which is no family of this Service"),
            Self::Fqdn => f.write_str("a host name: kube-proxy ignores addressType FQDN"),
            Self::BadAddress => f.write_str("not an address of the family that its slice declares"),
            Self::PortNotServed(ports) if ports.is_empty() => f.write_str("its slice has no port"),
            Self::PortNotServed(ports) => write!(f, "its slice serves {ports}"),
            Self::SecondAddress => f.write_str("second address of an endpoint: kube-proxy takes the first only"),
        }
    }
}

/// An endpoint that is not used, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut<'snap> {
    /// Address, with its port where it has one.
    pub address: String,
    /// Namespace and name of its pod.
    pub pod: Option<(&'snap str, &'snap str)>,
    /// Its node.
    pub node: Option<&'snap str>,
    /// Name of the slice.
    pub from: &'snap str,
    /// Why.
    pub why: WhyNot,
}
