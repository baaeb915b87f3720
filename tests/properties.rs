//! What always holds, whatever the input: rules print as they read, no text makes a reader or the walk panic, shares
//! are of one whole, and a Service has no say in another's trace.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    reason = "tests"
)]

use std::fmt::Write;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use svc_trace::collect::snapshot::{Completeness, Dump, NodeDumps};
use svc_trace::dataplane::Loc;
use svc_trace::dataplane::iptables::{Ruleset, parse_rule};
use svc_trace::dataplane::plane::Plane;
use svc_trace::diagnose::outcome::largest_remainder;
use svc_trace::walk::packet::{Entry, Outcome, Packet, Protocol};
use svc_trace::walk::walk;

const MILLION: u32 = 1_000_000;

/// Recordings of kube-proxy in iptables mode; those of other modes have it behind a dot.
fn captures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures");
    let mut all: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir() && path.extension().is_none())
        .collect();
    all.sort();
    all
}

fn text(capture: &Path, file: &str) -> String {
    fs::read_to_string(capture.join("nodes/node-a").join(file)).unwrap()
}

fn dumps(capture: &Path) -> NodeDumps {
    let mut dumps = NodeDumps::default();
    for (name, file) in [
        ("iptables-save", "iptables-save.txt"),
        ("ip6tables-save", "ip6tables-save.txt"),
        ("ip-addr", "ip-addr.json"),
        ("ip-route", "ip-route.json"),
        ("ip-route6", "ip-route6.json"),
        ("ip-rule", "ip-rule.json"),
        ("sysctl", "sysctl.txt"),
        ("ipset-save", "ipset-save.txt"),
    ] {
        put(&mut dumps, name, text(capture, file));
    }
    dumps
}

fn put(dumps: &mut NodeDumps, name: &str, text: String) {
    let dump = Dump { text, exit: Some(0), complete: Completeness::Whole, ..Dump::default() };
    dumps.dumps.insert(name.to_owned(), dump);
}

/// What an outcome says, without where it stands: lines move when others come in between.
fn said(outcomes: &[Outcome<'_>]) -> Vec<String> {
    outcomes
        .iter()
        .map(|way| {
            let hops: Vec<String> =
                way.hops.iter().map(|hop| format!("{} {} {:?}", hop.table, hop.chain, hop.action)).collect();
            let Outcome { share, when, disposition, destination, source, masqueraded, interface, .. } = way;
            format!("{share:.9} {when:?} {disposition:?} {destination} {source:?} {masqueraded} {interface:?} {hops:?}")
        })
        .collect()
}

#[track_caller]
fn prints_as_it_reads(line: &str) {
    let at = Loc { dump: "iptables-save", line: 1, text: line };
    let rule = parse_rule(at).unwrap_or_else(|why| panic!("{why}: {line}"));
    assert_eq!(rule.to_string(), line);
}

#[test]
fn recorded_rules_print_as_they_read() {
    let mut rules = 0;
    for capture in captures() {
        for file in ["iptables-save.txt", "ip6tables-save.txt"] {
            for line in text(&capture, file).lines() {
                let rule = line.strip_prefix('[').and_then(|rest| rest.split_once("] ")).map_or(line, |(_, rule)| rule);
                if rule.starts_with("-A ") {
                    prints_as_it_reads(rule);
                    rules += 1;
                }
            }
        }
    }
    assert!(rules > 500, "{rules}");
}

fn address() -> impl Strategy<Value = String> {
    (any::<[u8; 4]>(), 0_u8..=32).prop_map(|(ip, bits)| format!("{}/{bits}", IpAddr::from(ip)))
}

fn name() -> impl Strategy<Value = String> {
    "[A-Z][A-Z0-9-]{0,27}".prop_filter("no target", |name| {
        let at = format!("-A X -j {name}");
        parse_rule(Loc { dump: "", line: 1, text: &at })
            .is_ok_and(|rule| matches!(rule.target, svc_trace::dataplane::iptables::Target::Jump(_)))
    })
}

fn not() -> impl Strategy<Value = &'static str> {
    prop_oneof![3 => Just(""), 1 => Just("! ")]
}

fn test() -> impl Strategy<Value = String> {
    prop_oneof![
        (not(), address()).prop_map(|(not, ip)| format!("{not}-s {ip}")),
        (not(), address()).prop_map(|(not, ip)| format!("{not}-d {ip}")),
        (not(), "[a-z]{1,8}[0-9+]?").prop_map(|(not, dev)| format!("{not}-i {dev}")),
        (not(), any::<u16>()).prop_map(|(not, port)| format!("-p tcp -m tcp {not}--dport {port}")),
        (not(), any::<u16>(), any::<u16>())
            .prop_map(|(not, a, b)| format!("-p udp -m multiport {not}--dports {a},{b}")),
        (not(), any::<u32>(), any::<u32>()).prop_map(|(not, v, m)| format!("-m mark {not}--mark {v:#x}/{m:#x}")),
        (not(), prop::sample::select(vec!["NEW", "RELATED,ESTABLISHED", "DNAT", "INVALID,UNTRACKED"]))
            .prop_map(|(not, states)| format!("-m conntrack {not}--ctstate {states}")),
        (not(), prop::sample::select(vec!["LOCAL", "UNICAST,BROADCAST"]))
            .prop_map(|(not, kind)| format!("-m addrtype {not}--dst-type {kind}")),
        (not(), 1_u32..=1_000_000)
            .prop_map(|(not, n)| format!("-m statistic --mode random {not}--probability {:.11}", f64::from(n) / 1e6)),
        (1_u32..100).prop_map(|n| format!("-m statistic --mode nth --every {n}")),
        (not(), name()).prop_map(|(not, set)| format!("-m set {not}--match-set {set} dst,src")),
        "[ -~&&[^\"\\\\]]{0,60}".prop_map(|text| format!("-m comment --comment \"{text}\"")),
        name().prop_map(|list| format!(
            "-m recent --rcheck --seconds 10800 --reap --name {list} --mask 255.255.255.255 --rsource"
        )),
        (not(), 1_u16..9000).prop_map(|(not, n)| format!("-m length {not}--length {n}")),
        (not(), address()).prop_map(|(not, ip)| format!("-m conntrack {not}--ctorigdst {ip}")),
    ]
}

fn target() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        Just(" -j ACCEPT".to_owned()),
        Just(" -j DROP".to_owned()),
        Just(" -j RETURN".to_owned()),
        Just(" -j MASQUERADE --random-fully".to_owned()),
        name().prop_map(|chain| format!(" -j {chain}")),
        name().prop_map(|chain| format!(" -g {chain}")),
        any::<SocketAddr>().prop_map(|to| format!(" -j DNAT --to-destination {to}")),
        (any::<u32>(), any::<u32>()).prop_map(|(v, m)| format!(" -j MARK --set-xmark {v:#x}/{m:#x}")),
        prop::sample::select(vec!["icmp-port-unreachable", "tcp-reset"])
            .prop_map(|with| format!(" -j REJECT --reject-with {with}")),
        "[ -~&&[^\"\\\\]]{1,20}".prop_map(|text| format!(" -j LOG --log-prefix \"{text}\"")),
    ]
}

prop_compose! {
    fn rule()(chain in name(), tests in prop::collection::vec(test(), 0..4), target in target()) -> String {
        let words: Vec<String> = std::iter::once(format!("-A {chain}")).chain(tests).collect();
        words.join(" ") + &target
    }
}

/// A dump of a few chains with any rules in them, some of them no rules at all.
fn dump() -> impl Strategy<Value = String> {
    let line = prop_oneof![4 => rule(), 1 => "\\PC{0,80}"];
    let table = prop::sample::select(vec!["raw", "mangle", "nat", "filter"]);
    prop::collection::vec((table, prop::collection::vec(line, 0..12)), 0..5).prop_map(|tables| {
        let mut text = String::from("# Generated by iptables-save v1.8.9 (nf_tables)\n");
        for (table, lines) in tables {
            let _ = writeln!(text, "*{table}\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:POSTROUTING ACCEPT [0:0]");
            for (at, line) in lines.iter().enumerate() {
                // Into the builtin chains, so that packets meet them.
                let chain = ["PREROUTING", "OUTPUT", "FORWARD", "POSTROUTING"][at % 4];
                let rest = line.strip_prefix("-A ").and_then(|rest| rest.find(' ').map(|end| &rest[end..]));
                let _ = writeln!(text, "{}", rest.map_or_else(|| line.clone(), |rest| format!("-A {chain}{rest}")));
            }
            text.push_str("COMMIT\n");
        }
        text
    })
}

fn packet() -> impl Strategy<Value = Packet> {
    let entry = prop_oneof![
        Just(Entry::Local),
        Just(Entry::Arrives(None)),
        Just(Entry::Arrives(Some("veth-pod1".to_owned()))),
        Just(Entry::Arrives(Some("eth0".to_owned()))),
    ];
    let protocol = prop::sample::select(vec![Protocol::Tcp, Protocol::Udp, Protocol::Sctp, Protocol::Icmp]);
    (entry, any::<bool>(), any::<[u8; 4]>(), any::<[u8; 16]>(), any::<u16>(), protocol, any::<Option<u16>>()).prop_map(
        |(entry, four, v4, v6, port, protocol, from_port)| {
            let (from, to): (IpAddr, IpAddr) = if four {
                ("10.244.1.5".parse().unwrap(), v4.into())
            } else {
                ("fd00:244:0:1::5".parse().unwrap(), v6.into())
            };
            Packet { entry, from, from_port, to: SocketAddr::new(to, port), protocol }
        },
    )
}

#[track_caller]
fn whole(outcomes: &[Outcome<'_>]) {
    assert!(!outcomes.is_empty());
    let shares: Vec<f64> = outcomes.iter().map(|way| if way.when.is_none() { way.share } else { 0.0 }).collect();
    assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{shares:?}");
    assert!(outcomes.iter().all(|way| way.when.is_none() || way.share == 0.0));
    assert_eq!(largest_remainder(&shares).iter().sum::<u32>(), MILLION);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_rule_prints_as_it_reads(line in rule()) {
        prints_as_it_reads(&line);
    }

    #[test]
    fn any_line_is_a_rule_or_refused(line in "\\PC*", head in "(-A [A-Z]{1,5} |)") {
        let line = format!("{head}{line}");
        let _either = parse_rule(Loc { dump: "x", line: 1, text: &line });
    }

    #[test]
    fn any_words_are_a_rule_or_refused(words in prop::collection::vec(
        prop::sample::select(vec!["-A", "X", "-m", "!", "-j", "-p", "tcp", "set", "recent", "statistic", "conntrack", "--dport", "--ctstate",
            "--probability", "--every", "0", "1", "9", "-1", "\"", "\\", "a:b", "[", "]", "[::]-[::]", ":", "0/0", "255.0.255.0", "--to-destination",
            "DNAT", "MARK", "--set-xmark", "0x", "REDIRECT", "--to-ports", "9-1", "iprange", "--src-range", "-", "multiport", "--dports", ","]), 0..20)) {
        let line = words.join(" ");
        let _either = parse_rule(Loc { dump: "x", line: 1, text: &line });
    }

}

proptest! {
    // Each case walks whole dumps.
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn shares_are_of_one_whole(dump in dump(), packet in packet()) {
        let mut dumps = dumps(&captures()[0]);
        put(&mut dumps, "iptables-save", dump.clone());
        put(&mut dumps, "ip6tables-save", dump);
        let plane = Plane::new("node-a", &dumps, &[]);
        whole(&walk(&plane, &packet));
    }

    #[test]
    fn any_dumps_can_be_walked(texts in prop::collection::vec("(\\*[a-z]+\n|:[A-Z]+ ACCEPT\n|-A [A-Z]+ \\PC{0,30}\n|\\PC{0,40}\n|[\\[{]\"[a-z]+\":\\PC{0,20}){0,12}", 8), packet in packet()) {
        let mut dumps = NodeDumps::default();
        let names = ["iptables-save", "ip6tables-save", "ip-addr", "ip-route", "ip-route6", "ip-rule", "sysctl", "ipset-save"];
        for (name, text) in names.into_iter().zip(texts) {
            put(&mut dumps, name, text);
        }
        let plane = Plane::new("node-a", &dumps, &["192.168.50.11".parse().unwrap()]);
        whole(&walk(&plane, &packet));
    }

    #[test]
    fn a_damaged_dump_can_be_walked(capture in 0_usize..8, cut in any::<prop::sample::Index>(), hole in any::<prop::sample::Index>(), junk in "\\PC{0,9}") {
        let capture = &captures()[capture];
        let mut dumps = dumps(capture);
        let whole_text = text(capture, "iptables-save.txt");
        let (cut, hole) = (cut.index(whole_text.len()), hole.index(whole_text.len()));
        let mut damaged = whole_text.get(..cut).unwrap_or(&whole_text).to_owned();
        if damaged.is_char_boundary(hole.min(damaged.len())) {
            damaged.insert_str(hole.min(damaged.len()), &junk);
        }
        let _indexed = Ruleset::index("iptables-save", &damaged, None);
        put(&mut dumps, "iptables-save", damaged);
        let plane = Plane::new("node-a", &dumps, &[]);
        for row in rows(capture) {
            whole(&walk(&plane, &row));
        }
    }

    #[test]
    fn an_unrelated_service_changes_no_trace(capture in 0_usize..8, at in any::<prop::sample::Index>(), n in 1_usize..40) {
        let capture = &captures()[capture];
        let (before, mut after) = (dumps(capture), dumps(capture));
        put(&mut after, "iptables-save", with_services(&text(capture, "iptables-save.txt"), n, |len| at.index(len)));
        let (before, after) = (Plane::new("node-a", &before, &[]), Plane::new("node-a", &after, &[]));
        for row in rows(capture) {
            prop_assert_eq!(said(&walk(&before, &row)), said(&walk(&after, &row)));
        }
    }
}

/// The IPv4 packets of a recording.
fn rows(capture: &Path) -> Vec<Packet> {
    let rows: Vec<serde_json::Value> =
        serde_json::from_str(&fs::read_to_string(capture.join("traffic.json")).unwrap()).unwrap();
    rows.iter()
        .filter_map(|row| {
            let to: SocketAddr = row["to"].as_str()?.parse().ok()?;
            let (entry, from) = match row["from"].as_str()? {
                "node" => (Entry::Local, "0.0.0.0"),
                "pod1" => (Entry::Arrives(Some("veth-pod1".to_owned())), "10.244.1.5"),
                _ => (Entry::Arrives(Some("eth0".to_owned())), "203.0.113.7"),
            };
            let protocol = Protocol::parse(row["proto"].as_str()?)?;
            to.is_ipv4().then(|| Packet { entry, from: from.parse().unwrap(), from_port: None, to, protocol })
        })
        .collect()
}

/// The dump with `n` more Services of kube-proxy's making, their entries before the `at`th rule of KUBE-SERVICES.
fn with_services(dump: &str, n: usize, at: impl Fn(usize) -> usize) -> String {
    let (mut chains, mut rules, mut entries) = (String::new(), String::new(), String::new());
    for n in 0..n {
        let (svc, sep) = (format!("KUBE-SVC-UNRELATED{n:07}"), format!("KUBE-SEP-UNRELATED{n:07}"));
        let _ = writeln!(chains, ":{svc} - [0:0]\n:{sep} - [0:0]");
        let _ = writeln!(
            entries,
            "-A KUBE-SERVICES -d 10.111.0.{n}/32 -p tcp -m comment --comment \"other/s{n} cluster IP\" -m tcp --dport 80 -j {svc}"
        );
        let _ = writeln!(
            rules,
            "-A {svc} ! -s 10.244.0.0/16 -d 10.111.0.{n}/32 -p tcp -m tcp --dport 80 -j KUBE-MARK-MASQ\n-A {svc} -j {sep}"
        );
        let _ = writeln!(
            rules,
            "-A {sep} -s 10.244.9.{n}/32 -j KUBE-MARK-MASQ\n-A {sep} -p tcp -m tcp -j DNAT --to-destination 10.244.9.{n}:8080"
        );
    }
    let nat = dump.find("*nat\n").expect("a nat table") + "*nat\n".len();
    let end = nat + dump[nat..].find("COMMIT").expect("its end");
    let body = &dump[nat..end];
    let first =
        body.find("-A KUBE-SERVICES ").or_else(|| body.find("] -A KUBE-SERVICES ")).expect("kube-proxy's rules");
    let starts: Vec<usize> = body
        .match_indices('\n')
        .map(|(place, _)| place + 1)
        .filter(|place| body[*place..].lines().next().is_some_and(|line| line.contains("-A KUBE-SERVICES ")))
        .collect();
    let place = nat + starts.get(at(starts.len())).copied().unwrap_or(first);
    format!("{}{chains}{}{entries}{}{rules}{}", &dump[..nat], &dump[nat..place], &dump[place..end], &dump[end..])
}
