//! Interfaces and their addresses, from `ip -j addr`, `ip -j -d link` and `/proc/net/if_inet6`. Does not decide
//! which address is used; that is `source.rs`.

use std::net::IpAddr;

use rustc_hash::FxHashMap;

use super::json::Json;
use crate::order;

/// A network interface of the node.
///
/// `{"ifindex":3,"ifname":"cni0","flags":["BROADCAST","UP"],"addr_info":[{"local":"10.244.1.1","prefixlen":24}]}`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface<'snap> {
    /// Number; the kernel lists interfaces in this order. 0 where it is not known.
    pub index: u64,
    /// `eth0`.
    pub name: &'snap str,
    /// Whether the flag UP is set.
    pub up: bool,
    /// Bridge, bond or VRF that it is a port of.
    pub master: Option<&'snap str>,
    /// What it stands on, for a VLAN or a tunnel: the interface that its packets pass below it.
    pub below: Option<&'snap str>,
    /// Kind that `ip -d link` tells: `veth`, `bridge`, `dummy`, `vrf`.
    pub kind: Option<&'snap str>,
    /// Kind of port, for a port of a master: `bridge`, `vrf`.
    pub port_kind: Option<&'snap str>,
    /// `default` or a number, for `suppress_ifgroup`.
    pub group: Option<&'snap str>,
    /// Whether an XDP program is attached.
    pub xdp: bool,
    /// Addresses, in the kernel's order.
    pub addresses: Vec<Address<'snap>>,
}

impl<'snap> Interface<'snap> {
    /// An interface of which only the name is known.
    pub(crate) fn named(name: &'snap str) -> Self {
        Self {
            index: 0,
            name,
            up: true,
            master: None,
            below: None,
            kind: None,
            port_kind: None,
            group: None,
            xdp: false,
            addresses: Vec::new(),
        }
    }
}

/// One address of an interface.
///
/// `{"family":"inet","local":"10.1.0.9","prefixlen":24,"scope":"global","secondary":true,"label":"eth0"}`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address<'snap> {
    /// The address.
    pub ip: IpAddr,
    /// Length of its prefix.
    pub prefix_len: u8,
    /// Far end, where the link has one (`10.0.0.1 peer 10.0.0.2/32`).
    pub peer: Option<IpAddr>,
    /// How far it is good for.
    pub scope: Scope,
    /// As printed, where it is not one of the usual names.
    pub scope_text: &'snap str,
    /// IPv4: not the first of its prefix, so never chosen as a source by itself.
    pub secondary: bool,
    /// Whether it can be a source.
    pub standing: Standing,
    /// IPv6: a privacy address.
    pub temporary: bool,
}

/// Whether an address can be chosen as a source; the last two are of IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Not yet, or never: tentative, or found twice on the link.
    Unusable,
    /// Only where there is no other.
    Deprecated,
    /// It can.
    Good,
}

/// Scope of an address or a route; Linux `include/uapi/linux/rtnetlink.h` `rt_scope_t`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// `global`, 0.
    Global,
    /// `site`, 200, and numbers of the user's own.
    Site,
    /// `link`, 253.
    Link,
    /// `host`, 254.
    Host,
    /// `nowhere`, 255.
    Nowhere,
}

impl Scope {
    /// Reads `global`, `universe`, `link`, `253`.
    pub(crate) fn parse(text: &str) -> Self {
        match text {
            "global" | "universe" => Self::Global,
            "link" => Self::Link,
            "host" => Self::Host,
            "nowhere" => Self::Nowhere,
            other => match other.parse::<u8>() {
                Ok(0) => Self::Global,
                Ok(253) => Self::Link,
                Ok(254) => Self::Host,
                Ok(255) => Self::Nowhere,
                Ok(_) | Err(_) => Self::Site,
            },
        }
    }
}

/// Reads `ip -j addr`: interfaces in the kernel's order.
pub(crate) fn read_addr<'snap>(list: &[Json<'snap>]) -> Vec<Interface<'snap>> {
    list.iter().filter_map(read_interface).collect()
}

fn read_interface<'snap>(entry: &Json<'snap>) -> Option<Interface<'snap>> {
    let addresses = entry.get("addr_info").map(Json::items).unwrap_or_default();
    Some(Interface {
        index: entry.number("ifindex").unwrap_or_default(),
        name: entry.text("ifname")?,
        up: entry.has_word("flags", "UP"),
        master: entry.text("master"),
        below: entry.text("link"),
        group: entry.text("group"),
        kind: entry.get("linkinfo").and_then(|info| info.text("info_kind")),
        port_kind: entry.get("linkinfo").and_then(|info| info.text("info_slave_kind")),
        xdp: entry.get("xdp").is_some(),
        addresses: addresses.iter().filter_map(read_address).collect(),
    })
}

fn read_address<'snap>(entry: &Json<'snap>) -> Option<Address<'snap>> {
    let ip: IpAddr = entry.text("local").or(entry.text("address"))?.parse().ok()?;
    let scope_text = entry.text("scope").unwrap_or("global");
    Some(Address {
        ip,
        prefix_len: entry
            .number("prefixlen")
            .and_then(|len| u8::try_from(len).ok())
            .unwrap_or(max_len(ip))
            .min(max_len(ip)),
        peer: entry.text("address").filter(|_| entry.text("local").is_some()).and_then(|peer| peer.parse().ok()),
        scope: Scope::parse(scope_text),
        scope_text,
        secondary: entry.get("secondary").is_some(),
        standing: if entry.get("tentative").is_some() || entry.get("dadfailed").is_some() {
            Standing::Unusable
        } else if entry.get("deprecated").is_some() {
            Standing::Deprecated
        } else {
            Standing::Good
        },
        temporary: entry.get("temporary").is_some(),
    })
}

/// Adds what `ip -j -d link` tells; what it lists and `ip addr` did not is added without addresses.
pub(crate) fn add_links<'snap>(interfaces: &mut Vec<Interface<'snap>>, list: &[Json<'snap>]) {
    let mut places: FxHashMap<&str, usize> =
        interfaces.iter().zip(0..).map(|(known, place)| (known.name, place)).collect();
    for entry in list.iter().filter_map(read_interface) {
        if let Some(known) = places.get(entry.name).and_then(|place| interfaces.get_mut(*place)) {
            known.kind = entry.kind.or(known.kind);
            known.port_kind = entry.port_kind.or(known.port_kind);
            known.master = entry.master.or(known.master);
            known.below = entry.below.or(known.below);
            known.xdp |= entry.xdp;
        } else {
            places.insert(entry.name, interfaces.len());
            interfaces.push(entry);
        }
    }
    order::sort_by_key(interfaces, |interface| interface.index);
}

/// 32 or 128.
pub(crate) const fn max_len(ip: IpAddr) -> u8 {
    if ip.is_ipv4() { 32 } else { 128 }
}
