//! Routes and routing tables, as `ip -j route show table all` prints them. Finds the best route of one table;
//! which tables are asked is `rules.rs`.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::addresses::{Scope, max_len};
use super::json::Json;

/// What a route does with a packet; Linux `include/uapi/linux/rtnetlink.h` `RTN_*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RouteKind {
    /// Sent on, to a gateway or over a link.
    Unicast,
    /// An address of this node.
    Local,
    /// A broadcast address.
    Broadcast,
    /// A multicast address.
    Multicast,
    /// An anycast address of this node.
    Anycast,
    /// Dropped without a word.
    Blackhole,
    /// Answered with "host unreachable".
    Unreachable,
    /// Answered with "administratively prohibited".
    Prohibit,
    /// This table says nothing: the next policy rule is asked.
    Throw,
    /// A kind that is not modelled (`nat`, `xresolve`).
    Other,
    /// There is no route.
    NoRoute,
}

impl RouteKind {
    pub(crate) fn parse(text: &str) -> Self {
        match text {
            "unicast" => Self::Unicast,
            "local" => Self::Local,
            "broadcast" => Self::Broadcast,
            "multicast" => Self::Multicast,
            "anycast" => Self::Anycast,
            "blackhole" => Self::Blackhole,
            "unreachable" => Self::Unreachable,
            "prohibit" => Self::Prohibit,
            "throw" => Self::Throw,
            _ => Self::Other,
        }
    }

    /// The word that `ip route` has for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unicast => "unicast",
            Self::Local => "local",
            Self::Broadcast => "broadcast",
            Self::Multicast => "multicast",
            Self::Anycast => "anycast",
            Self::Blackhole => "blackhole",
            Self::Unreachable => "unreachable",
            Self::Prohibit => "prohibit",
            Self::Throw => "throw",
            Self::Other => "unknown kind",
            Self::NoRoute => "no route",
        }
    }

    /// Whether the lookup ends with an error.
    #[must_use]
    pub const fn refuses(self) -> bool {
        matches!(self, Self::Blackhole | Self::Unreachable | Self::Prohibit | Self::NoRoute)
    }
}

/// One way of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextHop<'snap> {
    /// Interface; `None` where the dump does not tell.
    pub dev: Option<&'snap str>,
    /// Gateway, if there is one.
    pub gateway: Option<IpAddr>,
    /// Flagged `dead`: the kernel passes it over.
    pub dead: bool,
}

/// One route.
///
/// `{"dst":"10.244.1.0/24","gateway":"10.90.0.11","dev":"eth0","protocol":"kernel","metric":100,"prefsrc":"10.90.0.1"}`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteEntry<'snap> {
    /// What it does.
    pub kind: RouteKind,
    /// Destinations.
    pub prefix: IpNet,
    /// IPv6: sources that it is for.
    pub from: Option<IpNet>,
    /// Table.
    pub table: &'snap str,
    /// Ways; more than one for multipath, none for `blackhole` and its like.
    pub hops: Vec<NextHop<'snap>>,
    /// Source address that it prefers.
    pub prefsrc: Option<IpAddr>,
    /// Metric, lowest first.
    pub metric: u64,
    /// Type of service that it is for; 0 for any.
    pub tos: u8,
    /// Scope.
    pub scope: Scope,
}

impl fmt::Display for RouteEntry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind != RouteKind::Unicast {
            write!(f, "{} ", self.kind.as_str())?;
        }
        if self.prefix.prefix_len() == 0 {
            f.write_str("default")?;
        } else if self.prefix.prefix_len() == max_len(self.prefix.addr()) {
            write!(f, "{}", self.prefix.addr())?;
        } else {
            write!(f, "{}", self.prefix)?;
        }
        if let Some(from) = self.from {
            write!(f, " from {from}")?;
        }
        if self.tos != 0 {
            write!(f, " tos {:#04x}", self.tos)?;
        }
        for (number, hop) in self.hops.iter().enumerate() {
            if self.hops.len() > 1 {
                f.write_str(if number == 0 { " nexthop" } else { ", nexthop" })?;
            }
            if let Some(gateway) = hop.gateway {
                write!(f, " via {gateway}")?;
            }
            if let Some(dev) = hop.dev {
                write!(f, " dev {dev}")?;
            }
        }
        if self.table != "main" {
            write!(f, " table {}", self.table)?;
        }
        if let Some(src) = self.prefsrc {
            write!(f, " src {src}")?;
        }
        if self.metric != 0 {
            write!(f, " metric {}", self.metric)?;
        }
        Ok(())
    }
}

/// Address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The family of an address.
    #[must_use]
    pub const fn of(ip: IpAddr) -> Self {
        if ip.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    /// `IPv4`, `IPv6`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        }
    }
}

/// Reads the routes of one family; `None` stands for an entry that is not understood.
pub(crate) fn read_routes<'snap>(list: &[Json<'snap>], family: Family) -> Vec<Option<RouteEntry<'snap>>> {
    list.iter()
        .filter(|entry| family_of(entry).is_none_or(|found| found == family))
        .map(|entry| read_route(entry, family))
        .collect()
}

/// `ip route show table all` lists both families in one; `default` names none, but only IPv6 routes print `pref`.
pub(crate) fn family_of(entry: &Json<'_>) -> Option<Family> {
    let dst = entry.text("dst")?;
    let address = dst.split_once('/').map_or(dst, |(address, _)| address);
    if let Ok(ip) = address.parse::<IpAddr>() {
        return Some(Family::of(ip));
    }
    if entry.get("pref").is_some() {
        return Some(Family::V6);
    }
    if entry.get("via").is_some() {
        return Some(Family::V4);
    }
    Some(entry.text("gateway").and_then(|gateway| gateway.parse().ok()).map_or(Family::V4, Family::of))
}

fn read_route<'snap>(entry: &Json<'snap>, family: Family) -> Option<RouteEntry<'snap>> {
    let kind = entry.text("type").map_or(RouteKind::Unicast, RouteKind::parse);
    let mut hops: Vec<_> = entry.get("nexthops").map(Json::items).unwrap_or_default().iter().map(read_hop).collect();
    if hops.is_empty() && (entry.get("dev").is_some() || entry.get("gateway").is_some()) {
        hops.push(read_hop(entry));
    }
    Some(RouteEntry {
        kind,
        prefix: read_prefix(entry.text("dst")?, family)?,
        from: match entry.text("from") {
            Some(from) => Some(read_prefix(from, family)?),
            None => None,
        },
        table: table_name(entry.text("table").unwrap_or("main")),
        hops,
        prefsrc: entry.text("prefsrc").and_then(|src| src.parse().ok()),
        metric: entry.number("metric").unwrap_or_default(),
        // A tunnel's own tos is printed too, but as a number; a name is one of rt_dsfield's, and not 0.
        tos: match entry.text("tos") {
            Some(text) => text.strip_prefix("0x").and_then(|hex| u8::from_str_radix(hex, 16).ok()).unwrap_or(u8::MAX),
            None => 0,
        },
        scope: match entry.text("scope") {
            Some(scope) => Scope::parse(scope),
            None => Scope::Global,
        },
    })
}

fn read_hop<'snap>(entry: &Json<'snap>) -> NextHop<'snap> {
    let via = entry.get("via").and_then(|via| via.text("host"));
    NextHop {
        dev: entry.text("dev"),
        gateway: entry.text("gateway").or(via).and_then(|gateway| gateway.parse().ok()),
        dead: entry.has_word("flags", "dead"),
    }
}

/// `default`, `10.0.0.0/8`, `10.0.0.1`.
pub(crate) fn read_prefix(text: &str, family: Family) -> Option<IpNet> {
    if text == "default" || text == "all" {
        let text = match family {
            Family::V4 => "0.0.0.0/0",
            Family::V6 => "::/0",
        };
        return text.parse().ok();
    }
    let net: IpNet = match text.parse() {
        Ok(net) => net,
        Err(_) => IpNet::from(text.parse::<IpAddr>().ok()?),
    };
    (Family::of(net.addr()) == family).then(|| net.trunc())
}

/// A table's name with the three fixed numbers made names.
pub(crate) fn table_name(text: &str) -> &str {
    match text {
        "255" => "local",
        "254" => "main",
        "253" => "default",
        other => other,
    }
}

/// One routing table of one family, ready for lookups.
#[derive(Debug, Clone, Default)]
pub(crate) struct RouteTable<'snap> {
    routes: Vec<Arc<RouteEntry<'snap>>>,
    /// Prefix → its routes, in the order in which the kernel tries them.
    by_prefix: FxHashMap<IpNet, Vec<usize>>,
    /// Prefix lengths that occur, longest first.
    lengths: Vec<u8>,
}

impl<'snap> RouteTable<'snap> {
    /// Indexes routes.
    pub(crate) fn new(routes: Vec<RouteEntry<'snap>>) -> Self {
        let routes = routes.into_iter().map(Arc::new).collect();
        let mut table = Self { routes, by_prefix: FxHashMap::default(), lengths: Vec::new() };
        for (number, route) in table.routes.iter().enumerate() {
            table.by_prefix.entry(route.prefix).or_default().push(number);
            table.lengths.push(route.prefix.prefix_len());
        }
        table.lengths.sort_unstable_by(|a, b| b.cmp(a));
        table.lengths.dedup();
        // Within one prefix: highest tos, then lowest metric, then as printed (Linux net/ipv4/fib_trie.c
        // fib_find_alias; net/ipv6/ip6_fib.c fib6_add_rt2node, where tos is always 0).
        for numbers in table.by_prefix.values_mut() {
            numbers.sort_by_key(|number| {
                table.routes.get(*number).map(|route| (std::cmp::Reverse(route.tos), route.metric))
            });
        }
        table
    }

    /// All of them, as they were listed.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<RouteEntry<'snap>>> {
        self.routes.iter()
    }

    /// The routes that tie for `dst`: longest prefix, then the lowest metric. More than one only in IPv6 (where
    /// equal routes of several links stand beside one another). A packet without a type of service.
    ///
    /// Linux net/ipv4/fib_trie.c fib_table_lookup (dead next hops are passed over, the search goes on with shorter
    /// prefixes); net/ipv6/route.c fib6_select_path.
    pub(crate) fn best(&self, dst: IpAddr, src: Option<IpAddr>) -> SmallVec<[&Arc<RouteEntry<'snap>>; 1]> {
        for len in &self.lengths {
            let Ok(net) = IpNet::new(dst, *len) else { continue };
            let Some(numbers) = self.by_prefix.get(&net.trunc()) else { continue };
            let mut found: SmallVec<[&Arc<RouteEntry<'snap>>; 1]> = SmallVec::new();
            for route in numbers.iter().filter_map(|number| self.routes.get(*number)) {
                let for_source =
                    route.from.is_none_or(|from| from.prefix_len() == 0 || src.is_some_and(|src| from.contains(&src)));
                let alive = route.hops.is_empty() || route.hops.iter().any(|hop| !hop.dead);
                if route.tos != 0 || !for_source || !alive {
                    continue;
                }
                let ties = match found.first() {
                    None => true,
                    Some(first) => dst.is_ipv6() && first.metric == route.metric,
                };
                if !ties {
                    break;
                }
                found.push(route);
            }
            if !found.is_empty() {
                return found;
            }
        }
        SmallVec::new()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]
mod tests {
    use super::*;

    fn routes(text: &str, family: Family) -> Vec<RouteEntry<'_>> {
        read_routes(&Json::list(text).unwrap(), family).into_iter().map(Option::unwrap).collect()
    }

    // Printed by iproute2 6.1 on Linux 6.18.
    const PRINTED: &str = r#"[{"type":"throw","dst":"10.6.0.0/16","table":"100","flags":[]},
{"dst":"default","gateway":"10.1.0.254","dev":"d0","flags":[]},
{"dst":"10.1.0.0/24","dev":"d0","protocol":"kernel","scope":"link","prefsrc":"10.1.0.1","flags":[]},
{"dst":"10.3.0.0/16","tos":"0x10","dev":"d0","protocol":"static","scope":"link","flags":[]},
{"dst":"10.4.0.0/16","via":{"family":"inet6","host":"fe80::5"},"dev":"d0","flags":[]},
{"dst":"10.5.0.0/16","flags":[],"nexthops":[{"gateway":"10.1.0.2","dev":"d0","weight":2,"flags":[]},{"gateway":"10.2.0.2","dev":"d1","weight":1,"flags":["dead","linkdown"]}]},
{"type":"blackhole","dst":"10.9.0.0/16","flags":[]},
{"dst":"10.33.0.0/16","encap":"ip","id":5,"src":"0.0.0.0","dst":"10.1.0.3","ttl":0,"tos":0,"dev":"d0","scope":"link","flags":[]},
{"type":"local","dst":"10.1.0.9","dev":"d0","table":"local","protocol":"kernel","scope":"host","prefsrc":"10.1.0.1","flags":[]},
{"dst":"fd07::/64","metric":1024,"flags":[],"pref":"medium","nexthops":[{"gateway":"fe80::1","dev":"d0","weight":1,"flags":[]},{"gateway":"fe80::2","dev":"d1","weight":1,"flags":["dead","linkdown"]}]},
{"type":"blackhole","dst":"fd09::/64","dev":"lo","metric":1024,"flags":[],"pref":"medium"},
{"dst":"default","gateway":"fe80::9","dev":"d0","metric":1024,"flags":[],"pref":"medium"}]"#;

    #[test]
    fn reads_what_ip_prints() {
        let text: Vec<_> = routes(PRINTED, Family::V4).iter().map(ToString::to_string).collect();
        assert_eq!(
            text,
            [
                "throw 10.6.0.0/16 table 100",
                "default via 10.1.0.254 dev d0",
                "10.1.0.0/24 dev d0 src 10.1.0.1",
                "10.3.0.0/16 tos 0x10 dev d0",
                "10.4.0.0/16 via fe80::5 dev d0",
                "10.5.0.0/16 nexthop via 10.1.0.2 dev d0, nexthop via 10.2.0.2 dev d1",
                "blackhole 10.9.0.0/16",
                "10.33.0.0/16 dev d0",
                "local 10.1.0.9 dev d0 table local src 10.1.0.1",
            ]
        );
        let text: Vec<_> = routes(PRINTED, Family::V6).iter().map(ToString::to_string).collect();
        assert_eq!(
            text,
            [
                "fd07::/64 nexthop via fe80::1 dev d0, nexthop via fe80::2 dev d1 metric 1024",
                "blackhole fd09::/64 dev lo metric 1024",
                "default via fe80::9 dev d0 metric 1024",
            ]
        );
    }

    #[track_caller]
    fn best(text: &str, dst: &str, expected: &[&str]) {
        let dst: IpAddr = dst.parse().unwrap();
        let table = RouteTable::new(routes(text, Family::of(dst)));
        let found: Vec<_> = table.best(dst, None).iter().map(ToString::to_string).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn longest_prefix_then_metric() {
        best(PRINTED, "10.1.0.77", &["10.1.0.0/24 dev d0 src 10.1.0.1"]);
        best(PRINTED, "10.3.0.1", &["default via 10.1.0.254 dev d0"]);
        best(PRINTED, "10.9.1.1", &["blackhole 10.9.0.0/16"]);
        let two = r#"[{"dst":"default","dev":"b","metric":200},{"dst":"default","dev":"a","metric":100}]"#;
        best(two, "1.1.1.1", &["default dev a metric 100"]);
        best(r#"[{"dst":"10.0.0.0/8","dev":"a"}]"#, "11.0.0.1", &[]);
    }

    #[test]
    fn a_dead_way_is_passed_over() {
        let dead =
            r#"[{"dst":"10.2.0.0/24","dev":"d1","flags":["dead","linkdown"]},{"dst":"default","dev":"d0","flags":[]}]"#;
        best(dead, "10.2.0.5", &["default dev d0"]);
    }

    #[test]
    fn equal_ipv6_routes_stand_beside_one_another() {
        let two = r#"[{"dst":"fe80::/64","dev":"eth0","metric":256,"pref":"medium"},{"dst":"fe80::/64","dev":"veth1","metric":256,"pref":"medium"},{"dst":"fe80::/64","dev":"late","metric":300,"pref":"medium"}]"#;
        best(two, "fe80::7", &["fe80::/64 dev eth0 metric 256", "fe80::/64 dev veth1 metric 256"]);
    }

    #[test]
    fn what_is_not_understood_is_not_dropped() {
        let list = Json::list(r#"[{"dst":"banana","dev":"eth0"},{"dev":"eth0"}]"#).unwrap();
        assert_eq!(read_routes(&list, Family::V4), [None, None]);
        best(r#"[{"dst":"10.0.0.0/8","tos":"lowdelay","dev":"eth0"}]"#, "10.0.0.1", &[]);
    }
}
