//! Whose chain it is: names of chains prove their Service port by hash, also where comments are gone (kube-proxy leaves
//! them out above 1,000 endpoints). Knows the Services that were read; a chain of none of them proves nothing alone.

use std::net::SocketAddr;

use rustc_hash::FxHashMap;

use super::names::{ChainKind, ServicePortName, hash};
use super::nft_names::{NftKind, NftName};
use super::service::ServiceView;
use crate::collect::snapshot::Objects;
use crate::walk::packet::Protocol;

/// The Service ports that were read, by the hash in the names of their chains.
#[derive(Debug, Default, Clone)]
pub struct Owners {
    ports: FxHashMap<String, (ServicePortName, Protocol)>,
}

/// Whose chain it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner<'a> {
    /// Of this Service port.
    Port(&'a ServicePortName),
    /// Of a Service port, and of none that was read.
    NoPort,
    /// It is of no Service port, by its name.
    NotOfService,
}

impl Owners {
    /// Of all Services that were read. Both forms of an unnamed port are known.
    #[must_use]
    pub fn of(objects: &Objects) -> Self {
        let mut owners = Self::default();
        for view in ServiceView::all(objects) {
            owners.add(&view);
        }
        owners
    }

    fn add(&mut self, view: &ServiceView<'_>) {
        for port in &view.ports {
            for name in ServicePortName::forms(view.namespace, view.name, port.name) {
                let hash = hash(&format!("{name}{}", port.protocol.as_str()));
                self.ports.insert(hash, (view.port_name(port), port.protocol));
            }
        }
    }

    /// Whose chain of this name is.
    #[must_use]
    pub fn of_chain(&self, chain: &str) -> Owner<'_> {
        if let Some(hash) = ChainKind::ALL.iter().find_map(|kind| chain.strip_prefix(kind.prefix())) {
            return self.ports.get(hash).map_or(Owner::NoPort, |(name, _)| Owner::Port(name));
        }
        match NftName::read(chain) {
            Some(name) if name.kind != NftKind::Affinity => {
                let hash = hash(&format!("{}{}", name.port_name(), name.protocol.as_str()));
                self.ports.get(&hash).map_or(Owner::NoPort, |(name, _)| Owner::Port(name))
            }
            Some(_) | None => Owner::NotOfService,
        }
    }
}

/// What the name of an endpoint's chain says of where it sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndpointChain {
    /// kube-proxy made it for this Service port and this address.
    AsNamed,
    /// kube-proxy made it for this Service port and the address with this place in the list.
    MadeFor(usize),
    /// It is of another Service port, or of an address that is not in the list.
    Other,
}

/// Compares an endpoint's chain with where it sends; `others` are addresses that it may have been made for.
#[must_use]
pub fn endpoint_chain(
    names: &[ServicePortName],
    protocol: Protocol,
    chain: &str,
    to: SocketAddr,
    others: &[SocketAddr],
) -> EndpointChain {
    let made_for = |address: &SocketAddr| match NftName::read(chain) {
        Some(read) => read.endpoint == Some(*address) && names.contains(&read.port_name()),
        None => names.iter().any(|name| name.endpoint_chain(protocol, *address) == chain),
    };
    if made_for(&to) {
        return EndpointChain::AsNamed;
    }
    others.iter().position(made_for).map_or(EndpointChain::Other, EndpointChain::MadeFor)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn owners() -> Owners {
        let service = |name: &str, port: &str| {
            serde_json::from_value(serde_json::json!({"metadata": {"namespace": "default", "name": name},
                "spec": {"clusterIP": "10.96.0.9", "ports": [{"name": port, "port": 80}]}}))
            .unwrap()
        };
        let services = Some(vec![service("nginx", ""), service("web", "http")]);
        Owners::of(&Objects { services, ..Objects::default() })
    }

    #[track_caller]
    fn case(chain: &str, expected: Option<&str>) {
        let owners = owners();
        let found = match owners.of_chain(chain) {
            Owner::Port(name) => Some(name.as_str()),
            Owner::NoPort => Some("no port"),
            Owner::NotOfService => None,
        };
        assert_eq!(found, expected, "{chain}");
    }

    #[test]
    fn both_forms_of_an_unnamed_port() {
        case("KUBE-SVC-4N57TFCL4MD7ZTDA", Some("default/nginx"));
        case("KUBE-XLB-4N57TFCL4MD7ZTDA", Some("default/nginx"));
        case("KUBE-SVC-2CMXP7HKUVJN7L6M", Some("default/nginx"));
    }

    #[test]
    fn every_kind_of_chain() {
        for kind in ChainKind::ALL {
            case(&format!("{}CDGGSHYLG3RE2FKL", kind.prefix()), Some("default/web:http"));
        }
        case("KUBE-SVC-NPX46M4PTMTKRN6Y", Some("no port"));
        case("service-2QRHZV4L-default/kubernetes/tcp/https", Some("no port"));
        case("KUBE-SERVICES", None);
        case("KUBE-NODEPORTS", None);
        case("CNI-HOSTPORT-DNAT", None);
    }

    #[test]
    fn chains_of_endpoints() {
        let names = [ServicePortName::new("ns4", "svc4", "p80")];
        let [right, wrong] = ["10.180.0.4:80", "10.180.0.9:80"].map(|text| text.parse().unwrap());
        let chain = "KUBE-SEP-UKSFD7AGPMPPLUHC";
        let of = |to, others: &[SocketAddr]| endpoint_chain(&names, Protocol::Tcp, chain, to, others);
        assert_eq!(of(right, &[]), EndpointChain::AsNamed);
        assert_eq!(of(wrong, &[right]), EndpointChain::MadeFor(0));
        assert_eq!(of(wrong, &[]), EndpointChain::Other);
    }
}
