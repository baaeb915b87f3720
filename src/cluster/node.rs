//! One node as the API describes it: what kube-proxy on it goes by. Reads no dump of it.

use std::net::IpAddr;

use ipnet::IpNet;
use k8s_openapi::api::core::v1::Node;

use crate::collect::snapshot::Objects;

/// Label that names a node's zone.
pub const ZONE_LABEL: &str = "topology.kubernetes.io/zone";

/// One node.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeView<'snap> {
    /// Name; kube-proxy compares it letter for letter with `nodeName` of endpoints.
    pub name: &'snap str,
    /// The object, if it was read. Without it nothing is known of the zone, and that is not "no zone".
    pub object: Option<&'snap Node>,
    /// Zone label.
    pub zone: Option<&'snap str>,
    /// Minor version of Kubernetes on it (34 of `v1.34.4`), taken from the kubelet.
    pub minor: Option<u32>,
    /// Addresses in status, as far as they are addresses.
    pub addresses: Vec<IpAddr>,
    /// Pod ranges in spec.
    pub pod_ranges: Vec<IpNet>,
}

impl<'snap> NodeView<'snap> {
    /// The node of this name; one without an object where it was not read.
    #[must_use]
    pub fn find(objects: &'snap Objects, name: &'snap str) -> Self {
        objects.nodes().iter().find(|node| node.metadata.name.as_deref() == Some(name)).map_or_else(
            || Self { name, object: None, zone: None, minor: None, addresses: Vec::new(), pod_ranges: Vec::new() },
            Self::new,
        )
    }

    /// The view of this object.
    #[must_use]
    pub fn new(node: &'snap Node) -> Self {
        let status = node.status.as_ref();
        let spec = node.spec.as_ref();
        let ranges = spec.and_then(|s| s.pod_cidrs.as_deref()).unwrap_or_default();
        let single = spec.and_then(|s| s.pod_cidr.as_ref()).filter(|_| ranges.is_empty());
        Self {
            name: node.metadata.name.as_deref().unwrap_or_default(),
            object: Some(node),
            zone: node
                .metadata
                .labels
                .as_ref()
                .and_then(|l| l.get(ZONE_LABEL))
                .map(String::as_str)
                .filter(|z| !z.is_empty()),
            minor: status.and_then(|s| s.node_info.as_ref()).and_then(|info| minor(&info.kubelet_version)),
            addresses: status
                .and_then(|s| s.addresses.as_deref())
                .unwrap_or_default()
                .iter()
                .filter_map(|address| address.address.parse().ok())
                .collect(),
            pod_ranges: ranges.iter().chain(single).filter_map(|range| range.parse().ok()).collect(),
        }
    }

    /// Whether its Ready condition is True; `None` where it is not known.
    #[must_use]
    pub fn is_ready(&self) -> Option<bool> {
        let conditions = self.object?.status.as_ref()?.conditions.as_deref()?;
        conditions.iter().find(|c| c.type_ == "Ready").map(|c| c.status == "True")
    }
}

/// Minor version in `v1.34.4`, `1.30.14+k3s1`.
#[must_use]
pub fn minor(version: &str) -> Option<u32> {
    let mut parts = version.strip_prefix('v').unwrap_or(version).split('.');
    (parts.next()? == "1").then_some(())?;
    let digits: String = parts.next()?.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minor_versions() {
        for (text, expected) in [
            ("v1.34.4", Some(34)),
            ("1.30.14+k3s1", Some(30)),
            ("v1.9", Some(9)),
            ("", None),
            ("v2.1", None),
            ("v1.", None),
        ] {
            assert_eq!(minor(text), expected, "{text}");
        }
    }
}
