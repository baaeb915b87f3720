//! Dumps of real nodes, trimmed, and what the kernel that they were read on answers (`ip route get`).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::net::IpAddr;

use super::*;
use crate::collect::snapshot::{Dump, NodeDumps};

/// A node of a cluster: uplink, pods on a bridge, a virtual address on `kube-ipvs0`.
const ADDR: &str = r#"[{"ifindex":1,"ifname":"lo","flags":["LOOPBACK","UP","LOWER_UP"],"group":"default","addr_info":[{"family":"inet","local":"127.0.0.1","prefixlen":8,"scope":"host","label":"lo"},{"family":"inet6","local":"::1","prefixlen":128,"scope":"host"}]},
{"ifindex":2,"link_index":40,"ifname":"eth0","flags":["BROADCAST","MULTICAST","UP","LOWER_UP"],"group":"default","addr_info":[{"family":"inet","local":"10.90.0.11","prefixlen":24,"scope":"global","label":"eth0"},{"family":"inet","local":"10.90.0.12","prefixlen":24,"scope":"global","secondary":true,"label":"eth0"},{"family":"inet6","local":"fd00:90::11","prefixlen":64,"scope":"global","nodad":true},{"family":"inet6","local":"fe80::9077:4aff:fe46:981d","prefixlen":64,"scope":"link"}]},
{"ifindex":3,"ifname":"cni0","flags":["BROADCAST","MULTICAST","UP","LOWER_UP"],"group":"default","addr_info":[{"family":"inet","local":"10.244.1.1","prefixlen":24,"broadcast":"10.244.1.255","scope":"global","label":"cni0"},{"family":"inet6","local":"fd00:10:244:1::1","prefixlen":64,"scope":"global"}]},
{"ifindex":4,"link_index":2,"ifname":"veth91c4f146","flags":["BROADCAST","UP"],"master":"cni0","group":"default","addr_info":[]},
{"ifindex":5,"ifname":"kube-ipvs0","flags":["BROADCAST","NOARP"],"operstate":"DOWN","group":"default","addr_info":[{"family":"inet","local":"10.96.0.1","prefixlen":32,"scope":"global","label":"kube-ipvs0"}]},
{"ifindex":6,"ifname":"veth-bare","flags":["UP"],"group":"default","addr_info":[]}]"#;

const ROUTES: &str = r#"[{"dst":"default","gateway":"10.90.0.1","dev":"eth0","flags":[]},
{"dst":"10.90.0.0/24","dev":"eth0","protocol":"kernel","scope":"link","prefsrc":"10.90.0.11","flags":[]},
{"dst":"10.244.1.0/24","dev":"cni0","protocol":"kernel","scope":"link","prefsrc":"10.244.1.1","flags":[]},
{"dst":"10.244.2.0/24","gateway":"10.90.0.2","dev":"eth0","flags":[]},
{"dst":"10.244.9.9","dev":"veth-bare","scope":"link","flags":[]},
{"type":"unreachable","dst":"10.8.0.0/16","flags":[]},
{"dst":"10.5.0.0/16","flags":[],"nexthops":[{"gateway":"10.90.0.2","dev":"eth0","weight":1,"flags":[]},{"gateway":"10.244.1.2","dev":"cni0","weight":1,"flags":[]}]},
{"type":"local","dst":"10.90.0.11","dev":"eth0","table":"local","protocol":"kernel","scope":"host","prefsrc":"10.90.0.11","flags":[]},
{"type":"local","dst":"10.90.0.12","dev":"eth0","table":"local","protocol":"kernel","scope":"host","prefsrc":"10.90.0.11","flags":[]},
{"type":"broadcast","dst":"10.90.0.255","dev":"eth0","table":"local","protocol":"kernel","scope":"link","prefsrc":"10.90.0.11","flags":[]},
{"type":"local","dst":"10.244.1.1","dev":"cni0","table":"local","protocol":"kernel","scope":"host","prefsrc":"10.244.1.1","flags":[]},
{"type":"local","dst":"10.96.0.1","dev":"kube-ipvs0","table":"local","protocol":"kernel","scope":"host","prefsrc":"10.96.0.1","flags":[]},
{"type":"local","dst":"127.0.0.0/8","dev":"lo","table":"local","protocol":"kernel","scope":"host","prefsrc":"127.0.0.1","flags":[]},
{"dst":"default","gateway":"10.244.1.254","dev":"cni0","table":"100","flags":[]},
{"dst":"fd00:90::/64","dev":"eth0","protocol":"kernel","metric":256,"flags":[],"pref":"medium"},
{"dst":"fd00:10:244:1::/64","dev":"cni0","protocol":"kernel","metric":256,"flags":[],"pref":"medium"},
{"dst":"default","gateway":"fd00:90::1","dev":"eth0","metric":1024,"flags":[],"pref":"medium"},
{"type":"local","dst":"::1","dev":"lo","table":"local","protocol":"kernel","metric":0,"flags":[],"pref":"medium"},
{"type":"anycast","dst":"fd00:90::","dev":"eth0","table":"local","protocol":"kernel","metric":0,"flags":[],"pref":"medium"},
{"type":"local","dst":"fd00:90::11","dev":"eth0","table":"local","protocol":"kernel","metric":0,"flags":[],"pref":"medium"},
{"type":"multicast","dst":"ff00::/8","dev":"eth0","table":"local","protocol":"kernel","metric":256,"flags":[],"pref":"medium"}]"#;

const RULES: &str = r#"[{"priority":0,"src":"all","table":"local"},{"priority":32766,"src":"all","table":"main"},{"priority":32767,"src":"all","table":"default"}]"#;

pub(crate) fn dumps(list: &[(&str, &str)]) -> NodeDumps {
    let mut node = NodeDumps::default();
    for (name, text) in list {
        let dump = Dump { text: (*text).to_owned(), exit: Some(0), ..Dump::default() };
        node.dumps.insert((*name).to_owned(), dump);
    }
    node
}

fn node(rules: &str) -> NodeDumps {
    dumps(&[("ip-addr", ADDR), ("ip-route", ROUTES), ("ip-rule", rules)])
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[track_caller]
fn found(lookup: &Lookup<'_>) -> String {
    match lookup {
        Lookup::Found(route) => format!("{} [{}]", route.text(), route.dev().unwrap_or("?")),
        Lookup::Unknown { possible, .. } => possible.iter().map(Route::text).collect::<Vec<_>>().join(" | "),
    }
}

#[track_caller]
fn route(rules: &str, key: &RouteKey<'_>, expected: &str) {
    assert_eq!(found(&Links::read(&node(rules), &[]).route(key)), expected);
}

#[test]
fn default_rules() {
    let to = |dst| RouteKey::to(ip(dst));
    route(RULES, &to("10.244.1.5"), "10.244.1.0/24 dev cni0 src 10.244.1.1 [cni0]");
    route(RULES, &to("1.1.1.1"), "default via 10.90.0.1 dev eth0 [eth0]");
    route(RULES, &to("10.90.0.12"), "local 10.90.0.12 dev eth0 table local src 10.90.0.11 [lo]");
    route(RULES, &to("10.8.1.1"), "unreachable 10.8.0.0/16 [?]");
    route(RULES, &to("fd00:90::11"), "local fd00:90::11 dev eth0 table local [lo]");
    route(RULES, &to("2001:db8::1"), "default via fd00:90::1 dev eth0 metric 1024 [eth0]");
    route(RULES, &to("10.5.0.1"), "10.5.0.0/16 nexthop via 10.90.0.2 dev eth0, nexthop via 10.244.1.2 dev cni0 [?]");
    let gone = dumps(&[("ip-addr", ADDR), ("ip-route", "[]")]);
    assert_eq!(found(&Links::read(&gone, &[]).route(&to("1.1.1.1"))), "no route to 1.1.1.1 [?]");
}

#[test]
fn policy_rules() {
    let rules = |first: &str| RULES.replace(r#"{"priority":32766"#, &format!("{first},{{\"priority\":32766"));
    let pod = RouteKey { src: Some(ip("10.244.1.5")), ingress: Ingress::By("cni0"), ..RouteKey::to(ip("1.1.1.1")) };
    let by_100 = "default via 10.244.1.254 dev cni0 table 100 [cni0]";
    let by_main = "default via 10.90.0.1 dev eth0 [eth0]";
    route(&rules(r#"{"priority":9,"src":"10.244.1.5","table":"100"}"#), &pod, by_100);
    route(&rules(r#"{"priority":9,"src":"10.244.1.6","table":"100"}"#), &pod, by_main);
    route(&rules(r#"{"priority":9,"src":"all","table":"100","suppress_prefixlen":0}"#), &pod, by_main);
    route(&rules(r#"{"priority":9,"src":"all","table":"777"}"#), &pod, by_main);
    route(&rules(r#"{"priority":9,"src":"all","action":"prohibit"}"#), &pod, "policy rule 9: from all prohibit [?]");
    route(&rules(r#"{"priority":8,"src":"all","goto":32000},{"priority":9,"src":"all","table":"100"}"#), &pod, by_main);
    route(&rules(r#"{"priority":9,"src":"all","l3mdev":null}"#), &pod, by_main);
    // Not to be decided, and it matters.
    let odd = rules(r#"{"priority":9,"src":"all","tun_id":5,"table":"100"}"#);
    route(&odd, &pod, "default via 10.244.1.254 dev cni0 table 100 | default via 10.90.0.1 dev eth0");
    let unmarked = RouteKey { mark: None, ..pod };
    let marked = rules(r#"{"priority":9,"src":"all","fwmark":"0x80","table":"100"}"#);
    route(&marked, &pod, by_main);
    route(&marked, &unmarked, "default via 10.244.1.254 dev cni0 table 100 | default via 10.90.0.1 dev eth0");
    // Not to be decided, and it does not matter.
    let own = RouteKey { dst: ip("10.90.0.11"), ..unmarked };
    route(&marked, &own, "local 10.90.0.11 dev eth0 table local src 10.90.0.11 [lo]");
    let links = node(&odd);
    assert_eq!(Links::read(&links, &[]).route(&pod).is_local(), Tri::No);
}

#[test]
fn rules_that_are_not_understood_leave_the_route_open() {
    let dumps = node(r#"[{"priority":0,"src":"all","table":"local"},{"src":"all"}]"#);
    let links = Links::read(&dumps, &[]);
    assert_eq!(links.issues().len(), 1);
    assert!(matches!(links.route(&RouteKey::to(ip("1.1.1.1"))), Lookup::Unknown { .. }));
    assert_eq!(links.route(&RouteKey::to(ip("10.96.0.1"))).is_local(), Tri::Yes);
}

#[test]
fn without_table_local_the_addresses_count() {
    let main = r#"[{"dst":"default","gateway":"10.90.0.1","dev":"eth0"},{"dst":"10.90.0.0/24","dev":"eth0","prefsrc":"10.90.0.11","scope":"link"}]"#;
    let said = "IPv4 table local holds the node's addresses (it was not read)".to_owned();
    let node = dumps(&[("ip-addr", ADDR), ("ip-route", main), ("ip-rule", RULES)]);
    let links = Links::read(&node, &[]);
    for own in ["10.90.0.11", "127.0.0.1", "127.1.2.3"] {
        assert_eq!(links.is_local(ip(own)), Tri::Yes, "{own}");
        assert_eq!(links.route(&RouteKey::to(ip(own))).is_local(), Tri::Yes, "{own}");
    }
    assert_eq!(links.is_local(ip("10.90.0.99")), Tri::No);
    assert!(links.assumed().contains(&said), "{:?}", links.assumed());
    let bare = dumps(&[("ip-route", main), ("ip-rule", RULES)]);
    assert_eq!(Links::read(&bare, &[]).is_local(ip("10.90.0.11")), Tri::Unknown);
    assert_eq!(Links::read(&bare, &[ip("10.90.0.11")]).is_local(ip("10.90.0.11")), Tri::Yes);
}

#[test]
fn local_and_main_may_be_one_trie() {
    let routes = r#"[{"type":"local","dst":"10.99.0.0/16","dev":"lo","table":"local","scope":"host"},{"dst":"10.99.1.0/24","gateway":"10.1.0.2","dev":"eth0"}]"#;
    let node = dumps(&[("ip-addr", ADDR), ("ip-route", routes), ("ip-rule", RULES)]);
    let links = Links::read(&node, &[]);
    assert_eq!(links.is_local(ip("10.99.2.1")), Tri::Yes);
    assert_eq!(links.is_local(ip("10.99.1.1")), Tri::Unknown);
    assert_eq!(links.is_local(ip("10.98.1.1")), Tri::No);
}

#[track_caller]
fn local(dst: &str, expected: Tri) {
    let node = node(RULES);
    assert_eq!(Links::read(&node, &[]).is_local(ip(dst)), expected, "{dst}");
}

#[test]
fn own_addresses() {
    local("10.90.0.11", Tri::Yes);
    local("127.8.8.8", Tri::Yes);
    local("10.96.0.1", Tri::Yes);
    local("10.96.0.2", Tri::No);
    local("10.90.0.255", Tri::No);
    local("::1", Tri::Yes);
    local("fd00:90::12", Tri::No);
}

#[track_caller]
fn source(dst: &str, expected: &str) {
    let node = node(RULES);
    assert_eq!(Links::read(&node, &[]).source_for(ip(dst)), Source::Address(ip(expected)), "{dst}");
}

#[test]
fn sources() {
    source("1.1.1.1", "10.90.0.11");
    source("10.244.1.5", "10.244.1.1");
    source("10.90.0.12", "10.90.0.11");
    source("10.96.0.1", "10.96.0.1");
    source("127.0.0.9", "127.0.0.1");
    // An interface without addresses borrows the first one of another, which is never that of `lo`.
    source("10.244.9.9", "10.90.0.11");
    source("2001:db8::7", "fd00:90::11");
    source("fd00:10:244:1::5", "fd00:10:244:1::1");
    let node = node(RULES);
    let links = Links::read(&node, &[]);
    assert_eq!(links.source_for(ip("10.8.0.1")), Source::None);
    assert!(matches!(links.source_for(ip("10.5.0.1")), Source::Unknown(_)));
    let masquerade =
        |dev, gateway: Option<&str>, dst| links.masquerade_address(dev, gateway.map(ip), ip(dst)).address();
    assert_eq!(masquerade("eth0", Some("10.90.0.1"), "10.244.2.7"), Some(ip("10.90.0.11")));
    assert_eq!(masquerade("cni0", None, "10.244.1.7"), Some(ip("10.244.1.1")));
    assert_eq!(masquerade("cni0", None, "fd00:10:244:1::7"), Some(ip("fd00:10:244:1::1")));
}

#[track_caller]
fn typed(dst: &str, types: &[AddrType], limit: Limit<'_>, expected: Tri) {
    let node = node(RULES);
    assert_eq!(Links::read(&node, &[]).addr_type(ip(dst), types, limit), expected, "{dst} {types:?}");
}

#[test]
fn address_types() {
    use AddrType::{Anycast, Blackhole, Broadcast, Local, Multicast, Unicast, Unreachable, Unspec};
    let anywhere = Limit::Anywhere;
    typed("10.90.0.11", &[Local], anywhere, Tri::Yes);
    typed("10.90.0.11", &[Unicast], anywhere, Tri::No);
    typed("10.90.0.11", &[Local], Limit::To("eth0"), Tri::Yes);
    typed("10.90.0.11", &[Local], Limit::To("cni0"), Tri::No);
    typed("10.90.0.11", &[Local], Limit::Unknown, Tri::Unknown);
    typed("10.90.0.255", &[Broadcast], anywhere, Tri::Yes);
    typed("255.255.255.255", &[Broadcast], anywhere, Tri::Yes);
    typed("0.1.2.3", &[Unspec], anywhere, Tri::No);
    typed("224.0.0.1", &[Multicast, Local], anywhere, Tri::Yes);
    typed("10.8.0.1", &[Unreachable, Blackhole], anywhere, Tri::No);
    typed("10.8.0.1", &[Unicast], anywhere, Tri::Yes);
    typed("fd00:90::11", &[Local], anywhere, Tri::Yes);
    typed("fd00:90::11", &[Unicast], anywhere, Tri::Yes);
    typed("fd00:90::11", &[Local, Multicast], anywhere, Tri::No);
    typed("fd00:90::", &[Anycast], anywhere, Tri::Yes);
    typed("::", &[Unspec], anywhere, Tri::Yes);
}

#[test]
fn without_any_dump() {
    let nothing = NodeDumps::default();
    let links = Links::read(&nothing, &[]);
    assert_eq!(links.is_local(ip("10.90.0.11")), Tri::Unknown);
    assert_eq!(links.is_local(ip("127.0.0.1")), Tri::Yes);
    assert_eq!(links.route(&RouteKey::to(ip("10.244.2.5"))).is_local(), Tri::No);
    let links = Links::read(&nothing, &[ip("10.90.0.11")]);
    assert_eq!(links.is_local(ip("10.90.0.11")), Tri::Yes);
    assert_eq!(links.is_local(ip("10.90.0.12")), Tri::No);
    assert_eq!(links.source_for(ip("10.244.2.5")).address(), Some(ip("10.90.0.11")));
    assert_eq!(
        Links::read(&nothing, &[ip("10.90.0.11"), ip("10.91.0.11")]).source_for(ip("10.244.2.5")).address(),
        None
    );
    assert_eq!(links.masquerade_address("eth0", None, ip("10.244.2.5")).address(), Some(ip("10.90.0.11")));
    assert_eq!(
        links.assumed(),
        [
            "the node's addresses are those of its Node object (10.90.0.11)",
            "every other IPv4 address has a route, by an interface that is not known",
            "every other IPv6 address has a route, by an interface that is not known",
        ]
    );
}

#[test]
fn a_failed_or_cut_dump_is_not_an_empty_one() {
    let mut node = node(RULES);
    node.dumps.get_mut("ip-route").unwrap().text.truncate(100);
    node.dumps.get_mut("ip-rule").unwrap().exit = Some(255);
    let links = Links::read(&node, &[]);
    assert_eq!(links.issues()[0].dump, "ip-route");
    assert!(!links.knows_routes(Family::V4));
    assert_eq!(links.is_local(ip("10.90.0.11")), Tri::Yes);
}

/// `/proc/net` of a node without `ip`, before any policy rule was added: local and main are one trie under two names.
const TRIE: &str = "Main:
  +-- 0.0.0.0/1 2 0 2
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 10.1.0.0/28 2 0 2
        +-- 10.1.0.0/31 1 0 0
           |-- 10.1.0.0
              /24 link UNICAST
           |-- 10.1.0.1
              /32 host LOCAL
     |-- 10.1.0.255
        /32 link BROADCAST
     |-- 10.3.0.0
        /16 link UNICAST tos=16
     |-- 10.9.0.0
        /16 universe BLACKHOLE
     |-- 10.96.0.1
        /32 host LOCAL
     +-- 127.0.0.0/31 1 0 0
        |-- 127.0.0.0
           /8 host LOCAL
        |-- 127.0.0.1
           /32 host LOCAL
";

const ROUTE: &str = "Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
d0	00000000	FE00010A	0003	0	0	0	00000000	0	0	0
d0	0000010A	00000000	0001	0	0	0	00FFFFFF	0	0	0
d0	0000030A	00000000	0001	0	0	0	0000FFFF	0	0	0
*	0000090A	00000000	0001	0	0	0	0000FFFF	0	0	0
";

const ROUTE6: &str = "fd000001000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000003 00000000 00000001       d0
fd080000000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000400 00000001 00000000 00200200       lo
00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe800000000000000000000000000009 00000400 00000001 00000000 00000003       d0
fd000001000000000000000000000001 80 00000000000000000000000000000000 00 00000000000000000000000000000000 00000000 00000002 00000000 80200001       d0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000002 00000000 00200200       lo
";

const IF_INET6: &str = "fd000001000000000000000000000001 02 40 00 82       d0
fe800000000000003cfab8fffe513d1f 02 40 20 c0       d0
00000000000000000000000000000001 01 80 10 80       lo
";

fn proc(trie: &str) -> NodeDumps {
    dumps(&[
        ("proc-net-fib_trie", trie),
        ("proc-net-route", ROUTE),
        ("proc-net-ipv6_route", ROUTE6),
        ("proc-net-if_inet6", IF_INET6),
    ])
}

#[track_caller]
fn by_proc(dst: &str, expected: &str) {
    let node = proc(&format!("{TRIE}{}", TRIE.replace("Main", "Local")));
    assert_eq!(found(&Links::read(&node, &[]).route(&RouteKey::to(ip(dst)))), expected);
}

#[test]
fn without_ip_there_is_proc() {
    by_proc("10.1.0.5", "10.1.0.0/24 dev d0 [d0]");
    by_proc("10.3.0.5", "default via 10.1.0.254 dev d0 [d0]");
    by_proc("10.9.0.5", "blackhole 10.9.0.0/16 [?]");
    by_proc("10.96.0.1", "local 10.96.0.1 table local [lo]");
    by_proc("fd00:1::5", "fd00:1::/64 dev d0 metric 256 [d0]");
    by_proc("fd00:1::1", "local fd00:1::1 dev d0 table local [lo]");
    by_proc("fd08::1", "unreachable fd08::/64 metric 1024 [?]");
    by_proc("2001:db8::1", "default via fe80::9 dev d0 metric 1024 [d0]");
    let node = proc(&format!("{TRIE}{}", TRIE.replace("Main", "Local")));
    let links = Links::read(&node, &[]);
    assert_eq!(links.source_for(ip("1.1.1.1")), Source::Address(ip("10.1.0.1")));
    assert_eq!(links.source_for(ip("2001:db8::1")), Source::Address(ip("fd00:1::1")));
    assert_eq!(links.is_local(ip("10.96.0.1")), Tri::Yes);
    assert_eq!(links.is_local(ip("10.1.0.255")), Tri::No);
    assert_eq!(links.assumed().len(), 4, "{:?}", links.assumed());
}

#[test]
fn another_table_in_proc_leaves_the_route_open() {
    let local = "Local:
  |-- 10.1.0.1
     /32 host LOCAL
";
    let other = "Id 100:
  |-- 0.0.0.0
     /0 universe UNICAST
";
    let main = TRIE.replace("/32 host LOCAL", "/32 link BROADCAST").replace("/8 host LOCAL", "/8 link BROADCAST");
    let node = proc(&format!("{other}{main}{local}"));
    let links = Links::read(&node, &[]);
    let lookup = links.route(&RouteKey::to(ip("1.1.1.1")));
    assert!(matches!(&lookup, Lookup::Unknown { possible, .. } if possible.len() == 2), "{lookup:?}");
    assert_eq!(lookup.is_local(), Tri::No);
    assert_eq!(links.route(&RouteKey::to(ip("10.1.0.1"))).is_local(), Tri::Yes);
}

proptest::proptest! {
    #[test]
    fn any_text_is_read(name in 0_usize..8, text in ".{0,200}", cut in 0_usize..4000) {
        let names = ["ip-addr", "ip-link", "ip-route", "ip-route6", "ip-rule", "proc-net-fib_trie", "proc-net-route", "proc-net-if_inet6"];
        let mut node = dumps(&[("ip-addr", ADDR), ("ip-route", ROUTES), ("ip-rule", RULES)]);
        let real: String = ROUTES.chars().skip(cut).collect();
        node.dumps.insert(names[name].to_owned(), Dump { text: format!("{text}{real}"), exit: Some(0), ..Dump::default() });
        let links = Links::read(&node, &[]);
        let _ = links.route(&RouteKey::to(ip("10.1.1.1")));
        let _ = links.source_for(ip("fd00::1"));
    }
}
