//! Addresses and routes from `/proc/net`, for nodes without `ip`. Fills only what the dumps of `ip` left open, and
//! says what `/proc` cannot tell.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use rustc_hash::FxHashMap;

use super::addresses::{Address, Interface, Scope, Standing};
use super::lookup::Rules;
use super::routes::{Family, NextHop, RouteEntry, RouteKind, table_name};
use super::{Knows, Links, read_dump, rules};
use crate::collect::snapshot::NodeDumps;
use crate::order;

/// Adds what `/proc/net` tells to what is still open.
pub(super) fn complete<'snap>(links: &mut Links<'snap>, dumps: &'snap NodeDumps) {
    let text = |name| read_dump(dumps, name).map(|(_, dump)| dump.text.as_str());
    if links.v4.routes == Knows::Nothing
        && let Some(trie) = text("proc-net-fib_trie")
    {
        let trie = read_trie(trie);
        let ways = text("proc-net-route").map(read_route).unwrap_or_default();
        if matches!(links.v4.rules, Rules::NotRead) {
            links.v4.rules = rules_of(&trie);
            if !matches!(links.v4.rules, Rules::Unknown(_)) {
                links.assumed.push("IPv4 policy rules are the kernel's own: /proc shows no sign of others".to_owned());
            }
        }
        if links.v4.addresses == Knows::Nothing {
            add_addresses(links, &trie, &ways);
        }
        links.v4.set_routes(join(trie, &ways), 0);
        links.assumed.push(
            "IPv4 routes are those of /proc, which shows one way of a multipath route and no preferred source"
                .to_owned(),
        );
    }
    if links.v6.routes == Knows::Nothing
        && let Some(routes) = text("proc-net-ipv6_route")
    {
        links.v6.set_routes(routes.lines().filter_map(read_route6).collect(), 0);
        let known = matches!(links.v4.rules, Rules::Read(_));
        if matches!(links.v6.rules, Rules::NotRead) && !known {
            links.v6.rules =
                Rules::Unknown("IPv6 policy rules were not read, and there are tables beside main".to_owned());
        }
        links
            .assumed
            .push("IPv6 routes are those of /proc, which does not name their table: all count as main".to_owned());
    }
    if links.v6.addresses == Knows::Nothing
        && let Some(list) = text("proc-net-if_inet6")
    {
        for (index, name, address) in list.lines().filter_map(read_if_inet6) {
            hold(links, name, index, address);
        }
        links.v6.addresses = Knows::Read;
    }
    order::sort_by_key(&mut links.interfaces, |interface| interface.index);
}

fn hold<'snap>(links: &mut Links<'snap>, name: &'snap str, index: u64, address: Address<'snap>) {
    match links.interfaces.iter_mut().find(|known| known.name == name) {
        Some(known) => {
            known.index = known.index.max(index);
            known.addresses.push(address);
        }
        None => links.interfaces.push(Interface { index, addresses: vec![address], ..Interface::named(name) }),
    }
}

/// One leaf of `/proc/net/fib_trie`:
///
/// ```text
///    |-- 10.90.0.1
///       /32 host LOCAL
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Leaf<'snap> {
    table: &'snap str,
    net: Ipv4Net,
    kind: RouteKind,
    scope: Scope,
    tos: u8,
}

/// Reads the leaves of all tables; Linux net/ipv4/fib_trie.c fib_trie_seq_show.
fn read_trie(text: &str) -> Vec<Leaf<'_>> {
    let mut table = "main";
    let mut address: Option<Ipv4Addr> = None;
    let mut leaves = Vec::new();
    for line in text.lines() {
        if let Some(head) = line.strip_suffix(':') {
            table = match head {
                "Main" => "main",
                "Local" => "local",
                other => table_name(other.strip_prefix("Id ").unwrap_or(other)),
            };
            continue;
        }
        let line = line.trim_start();
        if let Some(leaf) = line.strip_prefix("|-- ") {
            address = leaf.trim().parse().ok();
        } else if let (Some(address), Some(rest)) = (address, line.strip_prefix('/')) {
            let mut words = rest.split_ascii_whitespace();
            let net = words.next().and_then(|len| len.parse().ok()).and_then(|len| Ipv4Net::new(address, len).ok());
            let (Some(net), Some(scope), Some(kind)) = (net, words.next(), words.next()) else { continue };
            leaves.push(Leaf {
                table,
                net: net.trunc(),
                kind: RouteKind::parse(&kind.to_ascii_lowercase()),
                scope: Scope::parse(scope),
                tos: words
                    .next()
                    .and_then(|tos| tos.strip_prefix("tos="))
                    .map_or(0, |tos| tos.parse().unwrap_or(u8::MAX)),
            });
        }
    }
    leaves
}

/// Other tables than local, main and default mean that there are rules which lead to them; but while local and main
/// are one, no rule was ever added.
fn rules_of<'snap>(trie: &[Leaf<'snap>]) -> Rules<'snap> {
    match trie.iter().map(|leaf| leaf.table).find(|table| !["local", "main", "default"].contains(table)) {
        Some(table) if !is_merged(trie) => {
            Rules::Unknown(format!("IPv4 policy rules were not read, and there is a table {table}"))
        }
        Some(_) | None => Rules::Read(rules::default_rules(Family::V4)),
    }
}

/// One line of `/proc/net/route`, which shows the main table: interface, destination, gateway, flags, … metric, mask.
///
/// `eth0 0001F40A 0B005A0A 0003 0 0 0 00FFFFFF 0 0 0`, with tabs
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Way<'snap> {
    dev: &'snap str,
    net: Ipv4Net,
    gateway: Option<Ipv4Addr>,
    metric: u64,
}

fn read_route(text: &str) -> Vec<Way<'_>> {
    text.lines().skip(1).filter_map(read_way).collect()
}

fn read_way(line: &str) -> Option<Way<'_>> {
    // Numbers are in the byte order of the machine; nodes are little-endian.
    let address = |word: &str| u32::from_str_radix(word, 16).ok().map(|raw| Ipv4Addr::from(raw.swap_bytes()));
    let words: Vec<_> = line.split_ascii_whitespace().collect();
    let [dev, dst, gateway, _flags, _, _, metric, mask, ..] = words.as_slice() else { return None };
    let net = Ipv4Net::with_netmask(address(dst)?, address(mask)?).ok()?;
    let gateway = address(gateway)?;
    Some(Way {
        dev,
        net: net.trunc(),
        gateway: (!gateway.is_unspecified()).then_some(gateway),
        metric: metric.parse().ok()?,
    })
}

/// Kinds and scopes of fib_trie with the interfaces and gateways of route.
fn join<'snap>(trie: Vec<Leaf<'snap>>, ways: &[Way<'snap>]) -> Vec<RouteEntry<'snap>> {
    let merged = is_merged(&trie);
    let mut by_net: FxHashMap<Ipv4Net, Vec<&Way<'snap>>> = FxHashMap::default();
    for way in ways.iter().filter(|way| way.dev != "*") {
        by_net.entry(way.net).or_default().push(way);
    }
    let mut routes = Vec::new();
    for leaf in trie {
        let held = matches!(leaf.kind, RouteKind::Local | RouteKind::Broadcast);
        if merged && held != (leaf.table == "local") {
            continue;
        }
        let entry = |metric, hops| RouteEntry {
            kind: leaf.kind,
            prefix: IpNet::V4(leaf.net),
            from: None,
            table: leaf.table,
            hops,
            prefsrc: None,
            metric,
            tos: leaf.tos,
            scope: leaf.scope,
        };
        if leaf.kind != RouteKind::Unicast {
            routes.push(entry(0, Vec::new()));
            continue;
        }
        let fitting = by_net.get(&leaf.net).filter(|_| leaf.table == "main").map(Vec::as_slice).unwrap_or_default();
        if fitting.is_empty() {
            routes.push(entry(0, vec![NextHop { dev: None, gateway: None, dead: false }]));
        }
        for way in fitting {
            let hop = NextHop { dev: Some(way.dev), gateway: way.gateway.map(IpAddr::V4), dead: false };
            routes.push(entry(way.metric, vec![hop]));
        }
    }
    routes.dedup();
    routes
}

/// Until the first policy rule is added the kernel shows one trie under both names.
fn is_merged(trie: &[Leaf<'_>]) -> bool {
    trie.iter().any(|leaf| leaf.table == "main" && leaf.kind == RouteKind::Local)
}

/// IPv4 addresses: `/32 host LOCAL` leaves, with the interface of the connected route around them.
fn add_addresses<'snap>(links: &mut Links<'snap>, trie: &[Leaf<'snap>], ways: &[Way<'snap>]) {
    links.v4.addresses = Knows::Read;
    let held = trie
        .iter()
        .filter(|leaf| leaf.table == "local" && leaf.kind == RouteKind::Local && leaf.net.prefix_len() == 32);
    for leaf in held {
        let ip = leaf.net.addr();
        let connected = ways
            .iter()
            .filter(|way| way.gateway.is_none() && way.net.contains(&ip) && way.net.prefix_len() > 0 && way.dev != "*")
            .max_by_key(|way| way.net.prefix_len());
        let (dev, len) = match connected {
            _ if ip.is_loopback() => ("lo", 8),
            Some(way) => (way.dev, way.net.prefix_len()),
            None => {
                links.loose.push(IpAddr::V4(ip));
                continue;
            }
        };
        let scope = if ip.is_loopback() { Scope::Host } else { Scope::Global };
        // Which of two addresses of one prefix is the first cannot be seen.
        let Ok(net) = IpNet::new(IpAddr::V4(ip), len) else { continue };
        let second =
            links.interface(dev).is_some_and(|known| known.addresses.iter().any(|other| net.contains(&other.ip)));
        if second {
            links.loose.push(IpAddr::V4(ip));
        } else {
            hold(links, dev, 0, Address { scope, ..plain(IpAddr::V4(ip), len) });
        }
    }
}

const fn plain<'snap>(ip: IpAddr, prefix_len: u8) -> Address<'snap> {
    Address {
        ip,
        prefix_len,
        peer: None,
        scope: Scope::Global,
        scope_text: "global",
        secondary: false,
        standing: Standing::Good,
        temporary: false,
    }
}

/// One line of `/proc/net/ipv6_route`: destination, source, gateway, metric, … flags, interface.
///
/// `fd000090…00 40 00…00 00 00…00 00000100 00000001 00000000 00000001   eth0`
fn read_route6(line: &str) -> Option<RouteEntry<'_>> {
    const GATEWAY: u32 = 0x2;
    const REJECT: u32 = 0x200;
    const ANYCAST: u32 = 0x0010_0000;
    const LOCAL: u32 = 0x8000_0000;
    let words: Vec<_> = line.split_ascii_whitespace().collect();
    let [dst, len, from, from_len, gateway, metric, _, _, flags, dev] = words.as_slice() else { return None };
    let address = |word: &str| u128::from_str_radix(word, 16).ok().map(Ipv6Addr::from);
    let net =
        |word, len| Some(IpNet::V6(Ipv6Net::new(address(word)?, u8::from_str_radix(len, 16).ok()?).ok()?.trunc()));
    let (flags, metric) = (u32::from_str_radix(flags, 16).ok()?, u32::from_str_radix(metric, 16).ok()?);
    let prefix = net(dst, len)?;
    // The null entry that each table ends with.
    if flags & REJECT != 0 && metric == u32::MAX && prefix.prefix_len() == 0 {
        return None;
    }
    let kind = if flags & LOCAL != 0 {
        RouteKind::Local
    } else if flags & ANYCAST != 0 {
        RouteKind::Anycast
    } else if flags & REJECT != 0 {
        RouteKind::Unreachable
    } else if matches!(prefix.addr(), IpAddr::V6(ip) if ip.is_multicast()) {
        RouteKind::Multicast
    } else {
        RouteKind::Unicast
    };
    let gateway = if flags & GATEWAY != 0 { Some(IpAddr::V6(address(gateway)?)) } else { None };
    Some(RouteEntry {
        kind,
        prefix,
        from: net(from, from_len).filter(|from| from.prefix_len() > 0),
        table: if matches!(kind, RouteKind::Local | RouteKind::Anycast | RouteKind::Multicast) {
            "local"
        } else {
            "main"
        },
        hops: if kind == RouteKind::Unreachable {
            Vec::new()
        } else {
            vec![NextHop { dev: Some(dev), gateway, dead: false }]
        },
        prefsrc: None,
        metric: u64::from(metric),
        tos: 0,
        scope: Scope::Global,
    })
}

/// One line of `/proc/net/if_inet6`: address, interface number, prefix length, scope, flags, name.
///
/// `fd000000000000000000000000000002 04 40 00 82     eth0`
fn read_if_inet6(line: &str) -> Option<(u64, &str, Address<'_>)> {
    // Linux include/uapi/linux/if_addr.h IFA_F_*.
    const TEMPORARY: u32 = 0x01;
    const DUPLICATE: u32 = 0x08;
    const DEPRECATED: u32 = 0x20;
    const TENTATIVE: u32 = 0x40;
    let words: Vec<_> = line.split_ascii_whitespace().collect();
    let [ip, index, len, scope, flags, name] = words.as_slice() else { return None };
    let hex = |word: &str| u32::from_str_radix(word, 16).ok();
    let flags = hex(flags)?;
    let ip = IpAddr::V6(u128::from_str_radix(ip, 16).ok()?.into());
    let address = Address {
        scope: match hex(scope)? {
            0x10 => Scope::Host,
            0x20 => Scope::Link,
            0x40 => Scope::Site,
            _ => Scope::Global,
        },
        standing: match flags {
            flags if flags & (TENTATIVE | DUPLICATE) != 0 => Standing::Unusable,
            flags if flags & DEPRECATED != 0 => Standing::Deprecated,
            _ => Standing::Good,
        },
        temporary: flags & TEMPORARY != 0,
        ..plain(ip, u8::try_from(hex(len)?).ok()?.min(128))
    };
    Some((u64::from(hex(index)?), name, address))
}
