//! Short questions about a node's links that callers have in common. The answers are those of `links`.

use std::net::IpAddr;

use super::links::{Ingress, Links, RouteKey, Scope};
use super::plane::Family;
use super::tri::Tri;

impl<'snap> Links<'snap> {
    /// The interface's name as the dumps hold it.
    #[must_use]
    pub fn name(&self, name: &str) -> Option<&'snap str> {
        self.interfaces().iter().map(|interface| interface.name).find(|known| *known == name)
    }

    /// Whether an interface is a bridge: its kind says so, or others are its ports.
    #[must_use]
    pub fn is_bridge(&self, name: &str) -> Tri {
        let ports = self
            .interfaces()
            .iter()
            .any(|interface| interface.master == Some(name) && interface.port_kind != Some("vrf"));
        match self.interface(name).map(|interface| interface.kind) {
            Some(Some(kind)) => Tri::from(kind == "bridge"),
            Some(None) if ports => Tri::Yes,
            // Without `ip -d link` a bridge without ports cannot be told from another interface.
            Some(None) if name.starts_with("eth") || name.starts_with("veth") || name == "lo" => Tri::No,
            Some(None) | None => Tri::Unknown,
        }
    }

    /// The interface that packets to an address leave by, where that is one and known.
    #[must_use]
    pub fn interface_to(&self, ip: IpAddr) -> Option<&'snap str> {
        let key = RouteKey { ingress: Ingress::Here, ..RouteKey::to(ip) };
        let lookup = self.route(&key);
        let mut devs = lookup.possible().iter().map(super::links::Route::dev);
        let first = devs.next()??;
        devs.all(|dev| dev == Some(first)).then_some(first)
    }

    /// The first address of an interface, where a redirected packet goes: a link-local one only where there is no
    /// other, for global ones stand before it (Linux `nf_nat_redirect.c`, `net/ipv6/addrconf.c` ipv6_link_dev_addr).
    #[must_use]
    pub fn first_address(&self, name: &str, family: Family) -> Option<IpAddr> {
        let of_family = |ip: &IpAddr| Family::of(*ip) == family;
        let addresses = &self.interface(name)?.addresses;
        addresses.iter().map(|address| address.ip).find(of_family)
    }

    /// The node's addresses that others may know it by: global ones of interfaces that are no virtual ones of Services.
    #[must_use]
    pub fn outward_addresses(&self) -> Vec<IpAddr> {
        let virtual_ones = ["lo", "kube-ipvs0", "nodelocaldns", "docker0", "cni0"];
        self.interfaces()
            .iter()
            .filter(|interface| !virtual_ones.contains(&interface.name) && interface.kind != Some("dummy"))
            .flat_map(|interface| &interface.addresses)
            .filter(|address| address.scope == Scope::Global && !address.ip.is_loopback())
            .map(|address| address.ip)
            .collect()
    }

    /// Whether packets to an address leave by a default route: it is not of this node's own networks.
    #[must_use]
    pub fn is_default_way(&self, ip: IpAddr) -> bool {
        let lookup = self.route(&RouteKey::to(ip));
        lookup
            .possible()
            .iter()
            .all(|route| route.prefix.is_none_or(|prefix| prefix.prefix_len() == 0) || route.gateway().is_some())
    }
}
