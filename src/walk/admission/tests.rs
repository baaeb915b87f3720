//! What a node takes and what it does not; each case was tried on Linux 6.18 with `ip route get … from … iif …` or
//! with packets.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use crate::collect::snapshot::{Dump, NodeDumps};
use crate::dataplane::plane::Plane;
use crate::report::Disposition::{self, Dropped, Indeterminate, Local, Unroutable, Untouched};
use crate::walk::packet::{Entry, Packet, Protocol, Reason};
use crate::walk::walk;

const ADDR: &str = r#"[{"ifindex":1,"ifname":"lo","flags":["UP"],"addr_info":[{"family":"inet","local":"127.0.0.1","prefixlen":8,"scope":"host"},{"family":"inet6","local":"::1","prefixlen":128,"scope":"host"}]},
{"ifindex":2,"ifname":"d0","flags":["UP"],"addr_info":[{"family":"inet","local":"10.1.0.1","prefixlen":24,"scope":"global"},{"family":"inet6","local":"fd00:1::1","prefixlen":64,"scope":"global"}]},
{"ifindex":3,"ifname":"d1","flags":["UP"],"addr_info":[{"family":"inet","local":"10.2.0.1","prefixlen":24,"scope":"global"}]},
{"ifindex":4,"ifname":"veth0","flags":["UP"],"addr_info":[]}]"#;

const ROUTES: &str = r#"[{"dst":"default","gateway":"10.1.0.254","dev":"d0","flags":[]},
{"dst":"10.1.0.0/24","dev":"d0","scope":"link","prefsrc":"10.1.0.1","flags":[]},
{"dst":"10.2.0.0/24","dev":"d1","scope":"link","prefsrc":"10.2.0.1","flags":[]},
{"type":"blackhole","dst":"10.9.0.0/16","flags":[]},
{"type":"local","dst":"10.1.0.1","dev":"d0","table":"local","scope":"host","prefsrc":"10.1.0.1","flags":[]},
{"type":"local","dst":"10.2.0.1","dev":"d1","table":"local","scope":"host","prefsrc":"10.2.0.1","flags":[]},
{"type":"local","dst":"127.0.0.0/8","dev":"lo","table":"local","scope":"host","prefsrc":"127.0.0.1","flags":[]},
{"dst":"fd00:1::/64","dev":"d0","metric":256,"pref":"medium"},
{"dst":"default","gateway":"fd00:1::9","dev":"d0","metric":1024,"pref":"medium"},
{"type":"local","dst":"::1","dev":"lo","table":"local","metric":0,"pref":"medium"},
{"type":"local","dst":"fd00:1::1","dev":"d0","table":"local","metric":0,"pref":"medium"}]"#;

const RULES: &str = r#"[{"priority":0,"src":"all","table":"local"},{"priority":32766,"src":"all","table":"main"},{"priority":32767,"src":"all","table":"default"}]"#;

const SYSCTLS: &str = "net.ipv4.ip_forward = 1\nnet.ipv6.conf.all.forwarding = 1\nnet.ipv4.conf.all.route_localnet = 0\nnet.ipv4.conf.all.rp_filter = 0\nnet.ipv4.conf.default.rp_filter = 0\n";

/// What becomes of a packet that comes in by `iif`, and why if it is not taken.
fn arrives(sysctls: &str, iif: Option<&str>, from: &str, to: &str) -> (Disposition, String) {
    let mut dumps = NodeDumps::default();
    let list = [
        ("ip-addr", ADDR),
        ("ip-route", ROUTES),
        ("ip-rule", RULES),
        ("ip-rule6", "[]"),
        ("sysctl", sysctls),
        ("iptables-save", ""),
        ("ip6tables-save", ""),
    ];
    for (name, text) in list {
        dumps.dumps.insert(name.to_owned(), Dump { text: text.to_owned(), exit: Some(0), ..Dump::default() });
    }
    let plane = Plane::new("a", &dumps, &[]);
    let packet = Packet {
        entry: Entry::Arrives(iif.map(Into::into)),
        from: from.parse().unwrap(),
        from_port: Some(40000),
        to: to.parse().unwrap(),
        protocol: Protocol::Tcp,
    };
    let outcomes = walk(&plane, &packet);
    let why = match &outcomes[0].reason {
        Some(Reason::Sysctl(words) | Reason::Route(words)) => words.clone(),
        _ => String::new(),
    };
    (outcomes[0].disposition, why)
}

#[track_caller]
fn case(changes: &str, iif: &str, from: &str, to: &str, expected: Disposition, words: &str) {
    let iif = (iif != "?").then_some(iif);
    let (found, why) = arrives(&format!("{SYSCTLS}{changes}"), iif, from, to);
    assert_eq!(found, expected, "{from} → {to}: {why}");
    assert!(why.contains(words), "{why}");
}

#[test]
fn plain_ones_are_taken() {
    case("", "d0", "10.1.0.5", "10.1.0.1:80", Local, "");
    case("", "d0", "10.1.0.5", "1.1.1.1:80", Untouched, "");
    case("", "?", "10.1.0.5", "1.1.1.1:80", Untouched, "");
    case("", "d0", "fd00:1::5", "[fd00:1::1]:80", Local, "");
}

#[test]
fn martians_are_not() {
    case("", "d0", "10.1.0.5", "127.0.0.1:80", Unroutable, "route_localnet = 0");
    case("net.ipv4.conf.d0.route_localnet = 1\n", "d0", "10.1.0.5", "127.0.0.1:80", Local, "");
    case("", "d0", "127.0.0.1", "10.1.0.1:80", Unroutable, "route_localnet = 0");
    case("", "d0", "10.1.0.1", "1.1.1.1:80", Unroutable, "is an address of this node");
    case("net.ipv4.conf.d0.accept_local = 1\n", "d0", "10.1.0.1", "1.1.1.1:80", Untouched, "");
    case("", "d0", "224.0.0.1", "1.1.1.1:80", Unroutable, "no address to send from");
    case("", "d0", "10.1.0.5", "0.0.0.1:80", Unroutable, "no address to send to");
    case("", "d0", "::1", "[fd00:1::1]:80", Unroutable, "not taken from outside");
    case("", "d0", "fe80::5", "[2001:db8::1]:80", Unroutable, "not forwarded");
}

#[test]
fn the_way_back_must_fit() {
    let strict = "net.ipv4.conf.all.rp_filter = 1\n";
    let loose = "net.ipv4.conf.all.rp_filter = 2\n";
    case(strict, "d0", "10.1.0.5", "1.1.1.1:80", Untouched, "");
    case(
        strict,
        "d1",
        "10.1.0.5",
        "1.1.1.1:80",
        Dropped,
        "net.ipv4.conf.all.rp_filter = 1: the way back to 10.1.0.5 leads by d0, not by d1",
    );
    case(
        "net.ipv4.conf.d1.rp_filter = 1\n",
        "d1",
        "10.1.0.5",
        "10.2.0.1:80",
        Dropped,
        "net.ipv4.conf.d1.rp_filter = 1",
    );
    case("net.ipv4.conf.d1.rp_filter = 1\n", "d0", "10.2.0.5", "10.2.0.1:80", Local, "");
    case(strict, "d0", "10.9.0.5", "1.1.1.1:80", Dropped, "no way back to 10.9.0.5 (`blackhole 10.9.0.0/16`)");
    case(loose, "d1", "10.1.0.5", "1.1.1.1:80", Untouched, "");
    case(loose, "d0", "10.9.0.5", "1.1.1.1:80", Dropped, "no way back");
    case(loose, "veth0", "10.1.0.5", "1.1.1.1:80", Dropped, "not by veth0");
    case(strict, "?", "10.1.0.5", "1.1.1.1:80", Indeterminate, "");
    case(loose, "?", "10.1.0.5", "1.1.1.1:80", Untouched, "");
    // There is no such filter in IPv6.
    case(strict, "d1", "fd00:1::5", "[2001:db8::1]:80", Untouched, "");
}

#[test]
fn forwarding_is_the_interfaces() {
    case(
        "net.ipv4.conf.d0.forwarding = 0\n",
        "d0",
        "10.1.0.5",
        "1.1.1.1:80",
        Unroutable,
        "net.ipv4.conf.d0.forwarding = 0",
    );
    case("net.ipv4.conf.d0.forwarding = 0\n", "d0", "10.1.0.5", "10.1.0.1:80", Local, "");
    case("net.ipv4.ip_forward = 0\n", "d0", "10.1.0.5", "1.1.1.1:80", Unroutable, "net.ipv4.ip_forward = 0");
    case(
        "net.ipv6.conf.all.forwarding = 0\n",
        "d0",
        "fd00:1::5",
        "[2001:db8::1]:80",
        Unroutable,
        "net.ipv6.conf.all.forwarding = 0",
    );
}
