//! Which of its addresses the node sends from, and which one MASQUERADE puts in. Says Unknown where the addresses
//! or the interface are not known.

use std::net::IpAddr;

use ipnet::IpNet;

use super::addresses::{Address, Interface, Scope, Standing};
use super::lookup::{Lookup, Route};
use super::rules::RouteKey;
use super::{Family, Knows, Links, RouteKind};

/// A source address that the kernel chooses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// This one.
    Address(IpAddr),
    /// The kernel has none to offer.
    None,
    /// It cannot be told, and why.
    Unknown(String),
}

impl Source {
    /// The address, where it is known.
    #[must_use]
    pub const fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Address(ip) => Some(*ip),
            Self::None | Self::Unknown(_) => None,
        }
    }
}

impl<'snap> Links<'snap> {
    /// The source address of what a process of the node sends to `dst`, where it binds none.
    #[must_use]
    pub fn source_for(&self, dst: IpAddr) -> Source {
        match self.route(&RouteKey::to(dst)) {
            Lookup::Found(route) => self.source_by(&route, dst),
            Lookup::Unknown { reason, possible } => {
                let mut sources = possible.iter().map(|route| self.source_by(route, dst));
                match sources.next() {
                    Some(first) if sources.all(|source| source == first) => first,
                    Some(_) | None => Source::Unknown(reason),
                }
            }
        }
    }

    /// The source address for a route; Linux net/ipv4/route.c ip_route_output_key_hash_rcu, net/ipv4/fib_semantics.c
    /// fib_result_prefsrc, net/ipv6/ip6_output.c ip6_dst_lookup_tail.
    #[must_use]
    pub fn source_by(&self, route: &Route<'snap>, dst: IpAddr) -> Source {
        if route.kind.refuses() {
            return Source::None;
        }
        if let Some(src) = route.prefsrc {
            return Source::Address(src);
        }
        if route.kind == RouteKind::Local {
            return Source::Address(dst);
        }
        let mut sources = route.live().map(|hop| match hop.dev {
            Some(dev) => self.select(dev, hop.gateway.filter(IpAddr::is_ipv4), dst, route.scope),
            None => Source::Unknown(format!("the interface of `{}` is not known", route.text())),
        });
        match sources.next() {
            Some(first) if sources.all(|source| source == first) => first,
            Some(_) => Source::Unknown(format!("`{}` has several ways", route.text())),
            // by whichever interface it leaves: a node with one address sends from that
            None => match self.only_address(dst) {
                Source::Address(only) => Source::Address(only),
                Source::None | Source::Unknown(_) => Source::Unknown(format!("the interface to {dst} is not known")),
            },
        }
    }

    /// The address that MASQUERADE puts in for a packet to `dst` that leaves by `dev` over `gateway`. It does not look
    /// at the route's preferred source; Linux net/netfilter/nf_nat_masquerade.c.
    #[must_use]
    pub fn masquerade_address(&self, dev: &str, gateway: Option<IpAddr>, dst: IpAddr) -> Source {
        self.select(dev, gateway.filter(IpAddr::is_ipv4), dst, Scope::Global)
    }

    fn select(&self, dev: &str, gateway: Option<IpAddr>, dst: IpAddr, scope: Scope) -> Source {
        if self.family(Family::of(dst)).addresses != Knows::Read || !self.knows_subnets_of(dev) {
            return self.only_address(dst);
        }
        let found = match dst {
            IpAddr::V4(_) => self.select_v4(dev, gateway.unwrap_or(dst), scope),
            IpAddr::V6(_) => self.select_v6(dev, dst),
        };
        found.map_or(Source::None, Source::Address)
    }

    /// Whether no address without an interface can be one of this interface's.
    fn knows_subnets_of(&self, dev: &str) -> bool {
        let own = self.interface(dev).map(|interface| interface.addresses.as_slice()).unwrap_or_default();
        let shares = |ip: &IpAddr| own.is_empty() || own.iter().any(|address| covers(address, *ip));
        !self.loose.iter().any(shares)
    }

    /// Without a list of interfaces: the node's address where it has one of the family only.
    fn only_address(&self, dst: IpAddr) -> Source {
        let usable = |ip: &IpAddr| ip.is_ipv4() == dst.is_ipv4() && !ip.is_loopback() && !is_link_local(*ip);
        let mut own: Vec<_> = self.addresses().map(|(ip, _)| ip).filter(usable).collect();
        own.sort_unstable();
        own.dedup();
        match own.as_slice() {
            [only] => Source::Address(*only),
            _ => Source::Unknown("the addresses of the interface were not read".to_owned()),
        }
    }

    /// Linux net/ipv4/devinet.c inet_select_addr: a primary address of the interface, one on the subnet of the next
    /// hop before others; if the interface has none, the first of any interface.
    fn select_v4(&self, dev: &str, near: IpAddr, scope: Scope) -> Option<IpAddr> {
        let primary = |interface: &&Interface<'snap>| {
            interface.addresses.iter().filter(|a| a.ip.is_ipv4() && !a.secondary).copied().collect::<Vec<_>>()
        };
        let own: Vec<_> = self.interfaces.iter().find(|i| i.name == dev).as_ref().map(primary).unwrap_or_default();
        let mut fitting = own.iter().filter(|a| a.scope <= scope);
        let on_subnet = own.iter().filter(|a| a.scope <= scope).find(|a| covers(a, near));
        if let Some(address) = on_subnet.or_else(|| fitting.next()) {
            return Some(address.ip);
        }
        self.interfaces
            .iter()
            .flat_map(|i| primary(&i))
            .find(|a| a.scope != Scope::Link && a.scope <= scope)
            .map(|address| address.ip)
    }

    /// Linux net/ipv6/addrconf.c ipv6_dev_get_saddr, the order of RFC 6724 section 5.
    fn select_v6(&self, dev: &str, dst: IpAddr) -> Option<IpAddr> {
        let wanted = reach(dst);
        let everywhere = wanted > 2 && !dst.is_multicast();
        self.interfaces
            .iter()
            .filter(|interface| everywhere || interface.name == dev)
            .flat_map(|interface| interface.addresses.iter().map(move |address| (interface, address)))
            .filter(|(_, address)| address.ip.is_ipv6() && address.standing != Standing::Unusable)
            .enumerate()
            .max_by_key(|(order, (interface, address))| {
                let own = reach(address.ip);
                // Of two scopes the smallest that still reaches wins; below that the widest.
                let scope = if own >= wanted { 100 - i32::from(own) } else { i32::from(own) - 100 };
                (
                    address.ip == dst,
                    scope,
                    address.standing,
                    interface.name == dev,
                    label(address.ip) == label(dst),
                    !address.temporary,
                    common_bits(address, dst),
                    std::cmp::Reverse(*order),
                )
            })
            .map(|(_, (_, address))| address.ip)
    }
}

fn covers(address: &Address<'_>, ip: IpAddr) -> bool {
    // With a far end the prefix is the far end's; Linux inet_ifa_match looks at ifa_address.
    IpNet::new(address.peer.unwrap_or(address.ip), address.prefix_len).is_ok_and(|net| net.contains(&ip))
}

const fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

/// Scope of an IPv6 address, smallest first: 1 host, 2 link, 5 site, 14 global. Linux net/ipv6/addrconf_core.c.
fn reach(ip: IpAddr) -> u8 {
    let IpAddr::V6(ip) = ip else { return 14 };
    let [first, second, ..] = ip.octets();
    if ip.is_multicast() {
        return second & 0xf;
    }
    if ip.is_loopback() || ip.is_unicast_link_local() {
        return 2;
    }
    if first == 0xfe && second & 0xc0 == 0xc0 { 5 } else { 14 }
}

/// Linux net/ipv6/addrlabel.c ip6addrlbl_init_table, longest prefix first.
fn label(ip: IpAddr) -> u8 {
    const TABLE: [(&str, u8); 9] = [
        ("::1/128", 0),
        ("::/96", 3),
        ("::ffff:0:0/96", 4),
        ("2001:10::/28", 7),
        ("2001::/32", 6),
        ("2002::/16", 2),
        ("3ffe::/16", 11),
        ("fec0::/10", 11),
        ("fc00::/7", 5),
    ];
    TABLE.iter().find(|(net, _)| net.parse::<IpNet>().is_ok_and(|net| net.contains(&ip))).map_or(1, |(_, label)| *label)
}

/// Leading bits in common, not more than the address's own prefix.
fn common_bits(address: &Address<'_>, dst: IpAddr) -> u32 {
    let (IpAddr::V6(own), IpAddr::V6(dst)) = (address.ip, dst) else { return 0 };
    (u128::from(own) ^ u128::from(dst)).leading_zeros().min(u32::from(address.prefix_len))
}
