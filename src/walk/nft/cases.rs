//! Small rule sets of nft and where they send a packet: one idea of the kernel each. The live kernel is asked in
//! `tests/kernel_truth`.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::net::IpAddr;

use crate::collect::snapshot::{Completeness, Dump, NodeDumps};
use crate::dataplane::plane::Plane;
use crate::walk::packet::{Disposition, Entry, Outcome, Packet, Protocol};
use crate::walk::walk;

const ADDRESSES: &str = r#"[{"ifindex":1,"ifname":"lo","flags":["UP"],"addr_info":[{"local":"127.0.0.1","prefixlen":8,"scope":"host"}]},
{"ifindex":2,"ifname":"eth0","flags":["UP"],"addr_info":[{"local":"192.168.50.11","prefixlen":24,"scope":"global"}]},
{"ifindex":3,"ifname":"cni0","flags":["UP"],"addr_info":[{"local":"10.244.1.1","prefixlen":24,"scope":"global"}]}]"#;
const ROUTES: &str = r#"[{"dst":"default","gateway":"192.168.50.1","dev":"eth0"},{"dst":"192.168.50.0/24","dev":"eth0","prefsrc":"192.168.50.11","scope":"link"},
{"dst":"10.244.1.0/24","dev":"cni0","prefsrc":"10.244.1.1","scope":"link"},
{"type":"local","dst":"127.0.0.0/8","dev":"lo","table":"local","scope":"host"},
{"type":"local","dst":"192.168.50.11","dev":"eth0","table":"local","scope":"host","prefsrc":"192.168.50.11"},
{"type":"local","dst":"10.244.1.1","dev":"cni0","table":"local","scope":"host","prefsrc":"10.244.1.1"}]"#;
const RULES: &str = r#"[{"priority":0,"src":"all","table":"local"},{"priority":32766,"src":"all","table":"main"}]"#;
const SWITCHES: &str =
    "net.ipv4.ip_forward = 1\nnet.ipv4.conf.all.rp_filter = 0\nnet.ipv4.ip_local_port_range = 40000\t50000\n";

/// A pod's connection to 10.96.0.1:80, through this ruleset.
fn walked(ruleset: &str) -> Vec<String> {
    walked_from(Entry::Arrives(Some("cni0".into())), "10.244.1.7", ruleset)
}

fn walked_from(entry: Entry, from: &str, ruleset: &str) -> Vec<String> {
    let mut node = NodeDumps::default();
    let text = ruleset.lines().map(str::trim).collect::<Vec<_>>().join("\n") + "\n";
    let list = [
        ("ip-addr", ADDRESSES),
        ("ip-route", ROUTES),
        ("ip-rule", RULES),
        ("sysctl", SWITCHES),
        ("nft-ruleset", &text),
    ];
    for (name, text) in list {
        let dump = Dump { text: text.into(), exit: Some(0), complete: Completeness::Whole, ..Dump::default() };
        node.dumps.insert(name.into(), dump);
    }
    let plane = Plane::new("n", &node, &[]);
    let packet = Packet {
        entry,
        from: from.parse::<IpAddr>().unwrap(),
        from_port: None,
        to: "10.96.0.1:80".parse().unwrap(),
        protocol: Protocol::Tcp,
    };
    walk(&plane, &packet).iter().map(show).collect()
}

/// `50 % delivered 10.244.1.5:8080`, `when … dropped`
fn show(outcome: &Outcome<'_>) -> String {
    let lead = match &outcome.when {
        Some(when) => format!("{when}: "),
        None if outcome.share < 1.0 => format!("{:.0} % ", outcome.share * 100.0),
        None => String::new(),
    };
    let end = match outcome.disposition {
        Disposition::Delivered | Disposition::Local => format!("to {}", outcome.destination),
        other => format!("{other:?}").to_lowercase(),
    };
    let masqueraded = if outcome.masqueraded { " masqueraded" } else { "" };
    format!("{lead}{end}{masqueraded}")
}

/// Rules of a forward chain: what becomes of the packet.
#[track_caller]
fn forward(rules: &str, expected: &[&str]) {
    let text = format!(
        "table inet t {{
            set allowed {{
                type ipv4_addr . inet_service
                flags interval
                elements = {{ 10.0.0.0/8 . 80-90 }}
            }}
            set seen {{
                type ipv4_addr
                flags dynamic,timeout
            }}
            chain c {{
                type filter hook forward priority filter; policy accept;
                {rules}
            }}
            chain out {{
                return
            }}
            chain stop {{
                drop
            }}
        }}"
    );
    assert_eq!(walked(&text), expected, "{rules}");
}

const PASSES: &[&str] = &["untouched"];
const DROPS: &[&str] = &["dropped"];

#[test]
fn tests_of_rules() {
    forward("ip daddr 10.96.0.0/12 drop", DROPS);
    forward("ip daddr != 10.96.0.0/12 drop", PASSES);
    forward("ip6 daddr fd00::1 drop", PASSES);
    forward("tcp dport { 22, 80 } drop", DROPS);
    forward("udp dport 80 drop", PASSES);
    forward("th dport 79-81 drop", DROPS);
    forward("meta l4proto != tcp drop", PASSES);
    forward("meta nfproto ipv4 drop", DROPS);
    forward("iifname \"cni*\" oifname \"eth0\" drop", DROPS);
    forward("iifname != \"cni0\" drop", PASSES);
    forward("ip daddr . tcp dport @allowed drop", DROPS);
    forward("ip saddr . tcp sport @allowed drop", PASSES);
    forward("ct state established,related drop", PASSES);
    forward("ct state new drop", DROPS);
    forward("ct state { established, related } drop", PASSES);
    forward("ct state vmap { invalid : drop, established : accept, new : drop }", DROPS);
    forward("ct status dnat drop", PASSES);
    forward("ct direction original drop", DROPS);
    forward("tcp flags syn / fin,syn,rst,ack drop", DROPS);
    forward("tcp flags & (fin | syn | rst) == fin drop", PASSES);
    forward("fib saddr type local drop", PASSES);
    forward("fib daddr type unicast drop", DROPS);
    forward("fib saddr . iif oif missing drop", PASSES);
    forward("meta pkttype host drop", DROPS);
    forward("meta skuid 0 drop", PASSES);
    forward("icmp type echo-request drop", PASSES);
    forward("tcp sport 53 drop", PASSES);
    forward("tcp sport 1024-65535 drop", DROPS);
    forward("ip protocol tcp ip saddr & 255.255.0.0 == 10.244.0.0 drop", DROPS);
}

#[test]
fn a_process_of_the_node_has_a_port_of_its_range() {
    let ends = |ports: &str| {
        let text = format!(
            "table ip t {{
                chain c {{
                    type filter hook output priority filter; policy accept;
                    tcp sport {ports} drop
                }}
            }}"
        );
        walked_from(Entry::Local, "192.168.50.11", &text)
    };
    assert_eq!(ends("40000-50000"), DROPS);
    assert_eq!(ends("1024-39999"), PASSES);
    assert_eq!(ends("1024-65535"), DROPS);
    assert_eq!(ends("40000-45000").first().map(String::as_str), Some("indeterminate"));
}

#[test]
fn marks() {
    forward("meta mark set 0x1\nmeta mark 0x1 drop", DROPS);
    forward("meta mark set meta mark | 0x4000\nmeta mark & 0x4000 == 0x0 drop", PASSES);
    forward("meta mark set mark or 0x4000 meta mark set mark xor 0x4000\nmeta mark != 0x0 drop", PASSES);
    forward("ct mark set 0x7 meta mark set ct mark\nmeta mark 7 drop", DROPS);
    forward("meta mark set tcp dport map { 80 : 0x5, 81 : 0x6 } meta mark 0x5 drop", DROPS);
    // Where a map has no element the rule ends.
    forward("meta mark set tcp dport map { 81 : 0x6 } accept\ndrop", DROPS);
    forward("ct mark set ip daddr map { 1.1.1.1 : 0x1 } accept\ndrop", DROPS);
    forward("ct mark set ip daddr map { 10.96.0.1 : 0x1 } accept\ndrop", PASSES);
    for key in ["meta mark", "ct mark"] {
        forward(
            &format!("{key} set tcp sport map {{ 40000 : 0x1 }} accept\ndrop"),
            &[
                "indeterminate",
                "if the map in line 13 has an element for it: untouched",
                "if the map in line 13 has none: dropped",
            ],
        );
    }
}

#[test]
fn chains_and_verdicts() {
    forward("jump out\ndrop", DROPS);
    forward("goto out\ndrop", PASSES);
    forward("goto c", &["loop"]);
    forward("jump out\njump out\ngoto c", &["loop"]);
    forward("accept\ndrop", PASSES);
    forward("return\ndrop", PASSES);
    forward("counter packets 1 bytes 60 log prefix \"x drop \" continue\ndrop", DROPS);
    forward("tcp dport vmap { 79-81 : jump stop, 443 : accept }", DROPS);
    forward("tcp dport vmap { 443 : accept, * : drop }", DROPS);
    forward("reject with icmpx admin-prohibited", &["rejected"]);
    forward("meta nftrace set 1 ct helper set \"ftp\" tcp option maxseg size set rt mtu drop", DROPS);
}

#[test]
fn shares_states_and_what_is_not_known() {
    forward("numgen random mod 4 0 drop", &["25 % dropped", "75 % untouched"]);
    forward("numgen inc mod 2 vmap { 0 : drop, 1 : accept }", &["50 % dropped", "50 % untouched"]);
    forward("jhash ip saddr mod 2 seed 0x1 vmap { 0 : drop }", &["50 % dropped", "50 % untouched"]);
    forward("jhash ip saddr . ip daddr mod 2 0 drop", &["50 % dropped", "50 % untouched"]);
    forward(
        "jhash ip daddr mod 2 vmap { 0 : drop }",
        &[
            "when `0 : drop` is the one that this address hashes to, for all clients: dropped",
            "when no element is the one that this address hashes to, for all clients: untouched",
        ],
    );
    forward(
        "jhash ip daddr mod 2 0 drop",
        &["indeterminate", "if line 13 matches: dropped", "if line 13 does not match: untouched"],
    );
    forward(
        "limit rate over 10/second burst 5 packets drop",
        &["when there is more than `limit rate over 10/second burst 5 packets`: dropped", "untouched"],
    );
    forward(
        "ip saddr @seen drop\nupdate @seen { ip saddr timeout 1m }",
        &["when this client is entered in seen: dropped", "untouched"],
    );
    forward(
        "ip saddr @seen limit rate 10/second drop",
        &["when this client is entered in seen, unless `limit rate 10/second` is used up: dropped", "untouched"],
    );
    forward(
        "numgen random mod 4 0 limit rate 10/second drop",
        &["25 % dropped", "75 % untouched", "when `limit rate 10/second` is used up: untouched"],
    );
    forward(
        "osf name \"Linux\" tcp dport 443 drop",
        &["indeterminate", "if line 13 matches: dropped", "if line 13 does not match: untouched"],
    );
    forward("osf name \"Linux\" counter packets 0 bytes 0", PASSES);
    forward("ip daddr 10.96.0.9 osf name \"Linux\" drop", PASSES);
    forward("queue num 0", &["indeterminate"]);
    forward("ct zone set 5\nct zone 5 drop", &["indeterminate"]);
    forward("ct label set 1\nct label 1 drop", &["indeterminate"]);
    forward("ct zone 5 drop", PASSES);
    forward("ct event set new,destroy\nct helper set \"ftp\"", PASSES);
    forward("ip daddr set 10.0.0.1", &["indeterminate"]);
}

#[test]
fn limits_that_the_dump_decides() {
    forward("quota 25 mbytes used 25 mbytes accept\ndrop", DROPS);
    forward("quota until 25 mbytes used 30 mbytes accept\ndrop", DROPS);
    forward("quota over 25 mbytes used 26214401 bytes drop", DROPS);
    forward(
        "quota over 25 mbytes used 2 kbytes drop",
        &["when there is more than `quota over 25 mbytes used 2 kbytes`: dropped", "untouched"],
    );
    forward("ct count over 0 drop", DROPS);
    forward("ct count 0 drop", PASSES);
    let named = |objects: &str, rules: &str| {
        walked(&format!(
            "table ip t {{
                {objects}
                chain c {{
                    type filter hook forward priority filter; policy drop;
                    {rules}
                }}
            }}"
        ))
    };
    let over = "limit l {\nrate over 10/second burst 5 packets\n}\nquota q {\nover 25 mbytes used 0 bytes\n}";
    assert_eq!(
        named(over, "limit name \"l\" accept"),
        ["when there is more than `limit name \"l\"`: untouched", "dropped"]
    );
    assert_eq!(
        named(over, "quota name \"q\" accept"),
        ["when there is more than `quota name \"q\"`: untouched", "dropped"]
    );
    let until = "limit l {\ncomment \"x\"\nrate 10/second burst 5 packets\n}\nquota q {\n25 mbytes used 26 mbytes\n}";
    assert_eq!(named(until, "limit name \"l\" accept"), ["untouched", "when `limit name \"l\"` is used up: dropped"]);
    assert_eq!(named(until, "quota name \"q\" accept"), DROPS);
    let gone = ["indeterminate", "if line 5 matches: untouched", "if line 5 does not match: dropped"];
    assert_eq!(named("", "limit name \"l\" accept"), gone);
}

#[test]
fn what_a_rule_enters_the_next_one_sees() {
    forward("update @seen { ip saddr timeout 1m }\nip saddr @seen drop", DROPS);
    forward("add @seen { ip saddr timeout 1m } ip saddr @seen drop", DROPS);
    forward("update @seen { ip saddr timeout 1m }\nip saddr != @seen drop", PASSES);
    forward(
        "ip daddr 1.1.1.1 update @seen { ip saddr }\nip saddr @seen counter accept\ndrop",
        &["when this client is entered in seen: untouched", "dropped"],
    );
    for open in [
        "update @seen { ip daddr timeout 1m }\nip saddr @seen drop",
        "delete @seen { ip saddr }\nip saddr @seen drop",
        "update @seen { ip saddr }\ndelete @seen { ip saddr }\nip saddr @seen drop",
    ] {
        let ends = ["indeterminate", "dropped", "untouched"];
        let walked = walked(&format!(
            "table inet t {{
                set seen {{
                    type ipv4_addr
                    flags dynamic,timeout
                }}
                chain c {{
                    type filter hook forward priority filter; policy accept;
                    {open}
                }}
            }}"
        ));
        assert!(walked.len() == 3 && walked.iter().zip(ends).all(|(is, end)| is.ends_with(end)), "{open}: {walked:?}");
    }
}

#[test]
fn what_no_rule_is_like_is_left_open() {
    let nested = |depth: usize| format!("{}meta mark{} 1 drop", "( ".repeat(depth), " )".repeat(depth));
    forward(&nested(3), PASSES);
    let open = |rules: &str| {
        let walked = walked(&format!(
            "table ip t {{
                chain c {{
                    type filter hook forward priority filter; policy accept;
                    {rules}
                }}
            }}"
        ));
        assert_eq!(walked.first().map(String::as_str), Some("indeterminate"), "{walked:?}");
    };
    open(&nested(33));
    open(&nested(60_000));
    open(&format!("meta mark {}== 0 drop", "| 0x1 ".repeat(60_000)));
    open(&format!("meta mark set {}0x1 drop", "( ".repeat(60_000)));
    open(&format!("meta mark {}== 0 drop", "& ( meta mark ".repeat(20_000)));
    open(&format!("log prefix \"{}\" drop", "x".repeat(2 << 20)));
    let listed = (0..5000).map(|n| format!("10.1.{}.{}", n / 256, n % 256)).collect::<Vec<_>>().join(", ");
    forward(&format!("ip daddr {{ 10.96.0.1, {listed} }} drop"), DROPS);
}

#[test]
fn an_accept_ends_one_chain() {
    let text = "table inet a {
            chain c {
                type filter hook forward priority filter - 1; policy accept;
                accept
            }
        }
        table ip b {
            chain c {
                type filter hook forward priority filter; policy drop;
                ct status dnat accept
            }
        }";
    assert_eq!(walked(text), DROPS);
    assert_eq!(walked(&text.replace("table ip b {", "table ip b {\nflags dormant")), PASSES);
    assert_eq!(walked(&text.replace("table ip b {", "table ip6 b {")), PASSES);
}

/// The rules of a nat prerouting chain.
#[track_caller]
fn nat(rules: &str, expected: &[&str]) {
    let text = format!(
        "table ip kube-proxy {{
            set hairpin-connections {{
                type ipv4_addr . ipv4_addr . inet_proto . inet_service
                elements = {{ 10.244.1.7 . 10.244.1.7 . tcp . 8080 }}
            }}
            chain pre {{
                type nat hook prerouting priority dstnat; policy accept;
                {rules}
            }}
            chain post {{
                type nat hook postrouting priority srcnat; policy accept;
                ct status dnat ip saddr . ip daddr . meta l4proto . th dport @hairpin-connections masquerade fully-random
            }}
        }}"
    );
    assert_eq!(walked(&text), expected, "{rules}");
}

#[test]
fn translation() {
    nat("dnat to 10.244.1.5:8080", &["to 10.244.1.5:8080"]);
    nat("dnat ip to 10.244.1.5", &["to 10.244.1.5:80"]);
    nat("dnat ip6 to fd00::1", PASSES);
    nat(
        "meta l4proto tcp dnat ip to numgen random mod 2 map { 0 : 10.244.1.5 . 8080, 1 : 10.244.1.7 . 8080 }",
        &["50 % to 10.244.1.5:8080", "50 % to 10.244.1.7:8080 masqueraded"],
    );
    nat(
        "dnat ip addr . port to jhash ip saddr mod 2 map { 0 : 10.244.1.5 . 8080, 1 : 10.244.1.6 . 8081 }",
        &["50 % to 10.244.1.5:8080", "50 % to 10.244.1.6:8081"],
    );
    // What is the same for all clients leads all of them one way.
    nat(
        "dnat ip addr . port to jhash ip daddr . tcp dport mod 2 map { 0 : 10.244.1.5 . 8080, 1 : 10.244.1.6 . 8081 }",
        &[
            "when `0 : 10.244.1.5 . 8080` is the one that this address hashes to, for all clients: to 10.244.1.5:8080",
            "when `1 : 10.244.1.6 . 8081` is the one that this address hashes to, for all clients: to 10.244.1.6:8081",
        ],
    );
    nat(
        "dnat to symhash mod 2 map { 0 : 10.244.1.5, 1 : 10.244.1.5 }",
        &["50 % to 10.244.1.5:80", "50 % to 10.244.1.5:80"],
    );
    nat("dnat to jhash ip daddr mod 1 map { 0 : 10.244.1.5 }", &["to 10.244.1.5:80"]);
    nat("dnat to tcp dport map { 80 : 10.244.1.5 }", &["to 10.244.1.5:80"]);
    nat("dnat to tcp dport map { 81 : 10.244.1.5 }", PASSES);
    nat("dnat to 10.244.1.5-10.244.1.6", &["50 % to 10.244.1.5:80", "50 % to 10.244.1.6:80"]);
    nat("redirect to :3128", &["to 10.244.1.1:3128"]);
    nat("notrack\ndnat to 10.244.1.5", &["to 10.244.1.5:80"]);
}
