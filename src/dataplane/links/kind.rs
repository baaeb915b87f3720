//! Types of addresses as `-m addrtype` sees them. Answers per family, because the kernel's two halves differ.

use std::net::{IpAddr, Ipv4Addr};

use super::routes::{Family, RouteKind};
use super::rules::RouteKey;
use super::{Knows, Links, Lookup};
use crate::dataplane::Tri;

/// A type that `-m addrtype` can ask for; Linux net/netfilter/xt_addrtype.c.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddrType {
    /// `UNSPEC`: 0.0.0.0 or `::` in IPv6, never in IPv4.
    Unspec,
    /// `UNICAST`.
    Unicast,
    /// `LOCAL`.
    Local,
    /// `BROADCAST`.
    Broadcast,
    /// `ANYCAST`.
    Anycast,
    /// `MULTICAST`.
    Multicast,
    /// `BLACKHOLE`.
    Blackhole,
    /// `UNREACHABLE`.
    Unreachable,
    /// `PROHIBIT`.
    Prohibit,
    /// `THROW`.
    Throw,
    /// `NAT`.
    Nat,
    /// `XRESOLVE`.
    Xresolve,
}

impl AddrType {
    /// Reads `LOCAL`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "UNSPEC" => Self::Unspec,
            "UNICAST" => Self::Unicast,
            "LOCAL" => Self::Local,
            "BROADCAST" => Self::Broadcast,
            "ANYCAST" => Self::Anycast,
            "MULTICAST" => Self::Multicast,
            "BLACKHOLE" => Self::Blackhole,
            "UNREACHABLE" => Self::Unreachable,
            "PROHIBIT" => Self::Prohibit,
            "THROW" => Self::Throw,
            "NAT" => Self::Nat,
            "XRESOLVE" => Self::Xresolve,
            _ => return None,
        })
    }
}

/// Which interfaces an `addrtype` rule limits its question to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit<'a> {
    /// None.
    Anywhere,
    /// `--limit-iface-in`, `--limit-iface-out`: this one.
    To(&'a str),
    /// One that is not known.
    Unknown,
}

impl Links<'_> {
    /// Whether an address is of one of these types.
    #[must_use]
    pub fn addr_type(&self, ip: IpAddr, types: &[AddrType], limit: Limit<'_>) -> Tri {
        match ip {
            IpAddr::V4(ip) => self.type_v4(ip, types, limit),
            IpAddr::V6(_) => self.type_v6(ip, types, limit),
        }
    }

    /// IPv4 asks the local table only, so a blackhole or unreachable route never shows; Linux net/ipv4/fib_frontend.c
    /// __inet_dev_addr_type.
    fn type_v4(&self, ip: Ipv4Addr, types: &[AddrType], limit: Limit<'_>) -> Tri {
        let has = |wanted| Tri::from(types.contains(&wanted));
        if ip.octets()[0] == 0 || ip.is_broadcast() {
            return has(AddrType::Broadcast);
        }
        if ip.is_multicast() {
            return has(AddrType::Multicast);
        }
        let held = IpAddr::V4(ip);
        let (kind, devs) = match self.v4.table("local") {
            Some(table) => match table.best(held, None).first() {
                Some(route) => (kind_type(route.kind), Some(route.hops.iter().map(|hop| hop.dev).collect::<Vec<_>>())),
                None => (Some(AddrType::Unicast), Some(Vec::new())),
            },
            None => (None, None),
        };
        let of_type = match (kind, self.is_local(held)) {
            (_, Tri::Yes) => has(AddrType::Local),
            (Some(kind), Tri::No) => has(kind),
            // Without routes a broadcast address cannot be told from any other.
            // Without routes the last address of a subnet may be its broadcast address.
            (None, Tri::No) => match [AddrType::Unicast, AddrType::Broadcast].map(|wanted| types.contains(&wanted)) {
                [true, true] => Tri::Yes,
                [false, false] => Tri::No,
                [true, false] => !self.broadcast(ip),
                [false, true] => self.broadcast(ip),
            },
            (_, Tri::Unknown) => {
                let decided =
                    [AddrType::Local, AddrType::Unicast, AddrType::Broadcast].map(|wanted| types.contains(&wanted));
                if decided == [true; 3] {
                    Tri::Yes
                } else if decided == [false; 3] {
                    Tri::No
                } else {
                    Tri::Unknown
                }
            }
        };
        // With an interface the type counts only if the route is of that interface; else the address is UNICAST.
        match limit {
            Limit::Anywhere => of_type,
            Limit::To(dev) => match devs {
                Some(devs) if devs.contains(&Some(dev)) || devs.is_empty() => of_type,
                Some(devs) if !devs.contains(&None) => has(AddrType::Unicast),
                Some(_) | None => merge(of_type, has(AddrType::Unicast)),
            },
            Limit::Unknown => merge(of_type, has(AddrType::Unicast)),
        }
    }

    fn broadcast(&self, ip: Ipv4Addr) -> Tri {
        if self.v4.addresses == Knows::Read {
            let own = self.interfaces().iter().flat_map(|interface| &interface.addresses);
            let mut nets = own.filter_map(|a| match a.ip {
                IpAddr::V4(own) if a.prefix_len < 31 => ipnet::Ipv4Net::new(own, a.prefix_len).ok(),
                IpAddr::V4(_) | IpAddr::V6(_) => None,
            });
            if nets.any(|net| net.broadcast() == ip) { Tri::Unknown } else { Tri::No }
        } else {
            Tri::No
        }
    }

    /// IPv6 asks for UNICAST, MULTICAST and UNSPEC by the address itself, and all that is asked must hold; the rest is
    /// a routing lookup. Linux net/netfilter/xt_addrtype.c match_type6.
    fn type_v6(&self, ip: IpAddr, types: &[AddrType], limit: Limit<'_>) -> Tri {
        let has = |wanted| types.contains(&wanted);
        let unicast = !ip.is_multicast() && !ip.is_unspecified();
        let by_itself = (!has(AddrType::Multicast) || ip.is_multicast())
            && (!has(AddrType::Unicast) || unicast)
            && (!has(AddrType::Unspec) || ip.is_unspecified());
        if !by_itself {
            return Tri::No;
        }
        let routed = [AddrType::Local, AddrType::Anycast, AddrType::Prohibit, AddrType::Unreachable];
        if !routed.into_iter().any(has) {
            return Tri::Yes;
        }
        let lookup = self.route(&RouteKey::to(ip));
        let any_of = |kinds: &[RouteKind]| match &lookup {
            Lookup::Unknown { possible, .. } if possible.is_empty() => Tri::Unknown,
            Lookup::Found(_) | Lookup::Unknown { .. } => {
                super::lookup::agree(lookup.possible().iter().map(|route| kinds.contains(&route.kind)))
            }
        };
        let local = match limit {
            Limit::Anywhere if self.knows_routes(Family::V6) => any_of(&[RouteKind::Local]),
            Limit::Anywhere => self.is_local(ip),
            Limit::To(dev) if self.v6.addresses == Knows::Read => {
                Tri::from(self.interface(dev).is_some_and(|interface| interface.addresses.iter().any(|a| a.ip == ip)))
            }
            Limit::To(_) | Limit::Unknown => {
                if self.is_local(ip).is_no() {
                    Tri::No
                } else {
                    Tri::Unknown
                }
            }
        };
        let refused = [RouteKind::NoRoute, RouteKind::Blackhole, RouteKind::Unreachable, RouteKind::Prohibit];
        Tri::any([
            if has(AddrType::Local) { local } else { Tri::No },
            if has(AddrType::Unreachable) { any_of(&refused) } else { Tri::No },
            if has(AddrType::Anycast) { any_of(&[RouteKind::Anycast]) } else { Tri::No },
        ])
    }
}

const fn kind_type(kind: RouteKind) -> Option<AddrType> {
    Some(match kind {
        RouteKind::Local => AddrType::Local,
        RouteKind::Broadcast => AddrType::Broadcast,
        RouteKind::Multicast => AddrType::Multicast,
        RouteKind::Anycast => AddrType::Anycast,
        // A lookup that ends with an error leaves the type at unicast.
        RouteKind::Unicast
        | RouteKind::Blackhole
        | RouteKind::Unreachable
        | RouteKind::Prohibit
        | RouteKind::Throw
        | RouteKind::NoRoute => AddrType::Unicast,
        RouteKind::Other => return None,
    })
}

fn merge(a: Tri, b: Tri) -> Tri {
    if a == b { a } else { Tri::Unknown }
}
