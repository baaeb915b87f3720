//! Ends that are kept: a packet that anything on the way tells apart from those before it does not end as they did.

use super::*;

/// A Service of three endpoints, as kube-proxy makes it: one on this node, two beyond it, one of those with another port.
const SERVICE: &str = ":KUBE-SERVICES - [0:0]
:KUBE-MARK-MASQ - [0:0]
:KUBE-POSTROUTING - [0:0]
:KUBE-SVC-A - [0:0]
:KUBE-SEP-A - [0:0]
:KUBE-SEP-B - [0:0]
:KUBE-SEP-C - [0:0]
-A PREROUTING -j KUBE-SERVICES
-A OUTPUT -j KUBE-SERVICES
-A POSTROUTING -j KUBE-POSTROUTING
-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
-A KUBE-POSTROUTING -j MASQUERADE
-A KUBE-SERVICES -d 10.96.0.1/32 -p tcp -m tcp --dport 80 -j KUBE-SVC-A
-A KUBE-SERVICES -d 192.168.50.11/32 -p tcp -m tcp --dport 30080 -j KUBE-SVC-A
-A KUBE-SVC-A ! -s 10.244.0.0/16 -d 10.96.0.1/32 -p tcp -m tcp --dport 80 -j KUBE-MARK-MASQ
-A KUBE-SVC-A -m statistic --mode random --probability 0.33333333349 -j KUBE-SEP-A
-A KUBE-SVC-A -m statistic --mode random --probability 0.50000000000 -j KUBE-SEP-B
-A KUBE-SVC-A -j KUBE-SEP-C
-A KUBE-SEP-A -s 10.244.1.5/32 -j KUBE-MARK-MASQ
-A KUBE-SEP-A -p tcp -m tcp -j DNAT --to-destination 10.244.1.5:8080
-A KUBE-SEP-B -s 10.244.2.5/32 -j KUBE-MARK-MASQ
-A KUBE-SEP-B -p tcp -m tcp -j DNAT --to-destination 10.244.2.5:8080
-A KUBE-SEP-C -s 10.244.2.6/32 -j KUBE-MARK-MASQ
-A KUBE-SEP-C -p tcp -m tcp -j DNAT --to-destination 10.244.2.6:9090";

/// Clients, endpoints that call themselves among them.
const CLIENTS: [&str; 9] = [
    "10.244.1.7",
    "10.244.1.5",
    "10.244.1.8",
    "10.244.2.5",
    "10.244.2.6",
    "192.0.2.1",
    "192.168.50.11",
    "10.244.1.1",
    "127.0.0.1",
];

/// Sends from all clients to both addresses, and back again: ends alone must say what whole ways say, and some of the
/// ends must differ in what `differ` looks at.
#[track_caller]
fn alike(change: impl Fn(&mut NodeDumps), tables: &[(&str, &str)], differ: &str) {
    alike_to(SERVICE, change, tables, differ);
}

#[track_caller]
fn alike_to(service: &str, change: impl Fn(&mut NodeDumps), tables: &[(&str, &str)], differ: &str) {
    let all: Vec<(&str, &str)> = [("nat", service)].into_iter().chain(tables.iter().copied()).collect();
    let mut dumps = node(dump(&all), Completeness::Whole);
    change(&mut dumps);
    let plane = Plane::new("n", &dumps, &[]);
    let mut ends = Ends::new(&plane);
    let targets = ["10.96.0.1:80", "192.168.50.11:30080"];
    let of = |from: &&str| targets.map(|to| packet(from, to));
    let by_eth0 = |from: &&str| of(from).map(|packet| Packet { entry: Entry::Arrives(Some("eth0".into())), ..packet });
    let packets: Vec<Packet> = CLIENTS.iter().flat_map(of).chain(CLIENTS.iter().flat_map(by_eth0)).collect();
    let mut seen = std::collections::BTreeSet::new();
    for packet in packets.iter().chain(packets.iter().rev()) {
        let mut whole = walk(&plane, packet);
        for outcome in &mut whole {
            outcome.hops.clear();
            seen.insert(words(outcome));
        }
        assert_eq!(format!("{:?}", ends.of(packet)), format!("{whole:?}"), "{packet:?} {tables:?}");
    }
    assert!(seen.iter().any(|end| end.contains(differ)), "{differ} {seen:#?}");
    assert!(seen.len() > 1, "{seen:#?}");
}

const DEFAULT_RULES: &str = "[{\"priority\":0,\"src\":\"all\",\"table\":\"local\"},
    {\"priority\":32766,\"src\":\"all\",\"table\":\"main\"},{\"priority\":32767,\"src\":\"all\",\"table\":\"default\"}]";

const SAME: fn(&mut NodeDumps) = |_| ();

#[test]
fn where_nothing_tells_them_apart() {
    alike(SAME, &[], "delivered 10.244.2.6:9090 as 192.168.50.11");
}

#[test]
fn what_rules_ask_of_addresses_and_ports() {
    let forward = |rules: &str| alike(SAME, &[("filter", rules)], "dropped");
    forward("-A FORWARD -d 10.244.2.5/32 -j DROP");
    forward("-A FORWARD ! -d 10.244.2.0/24 -j DROP");
    forward("-A FORWARD -s 10.244.1.7/32 -j DROP");
    forward("-A FORWARD -s 10.244.1.8/32 -d 10.244.2.6/32 -j DROP");
    forward("-A FORWARD -p tcp -m tcp --dport 9090 -j DROP");
    forward("-A FORWARD -d 10.9.9.9/32 -j DROP\n-A FORWARD -d 10.244.2.6/32 -j DROP");
    forward("-A FORWARD -s 10.9.9.9/32 -j DROP\n-A FORWARD -s 10.244.1.8/32 -j DROP");
    forward("-A FORWARD -p tcp -m tcp --dport 9 -j DROP\n-A FORWARD -p tcp -m tcp --dport 9090 -j DROP");
    forward("-A FORWARD -p tcp -m multiport --dports 9090,53 -j DROP");
    forward("-A FORWARD -m iprange --dst-range 10.244.2.6-10.244.2.9 -j DROP");
    forward("-A FORWARD -m iprange --src-range 10.244.1.7-10.244.1.7 -j DROP");
    forward("-A FORWARD -m mark --mark 0x4000/0x4000 -j DROP");
    forward("-A FORWARD -m conntrack --ctorigdst 192.168.50.11/32 -j DROP");
    forward("-A FORWARD -m conntrack --ctorigsrc 10.244.1.8/32 -j DROP");
    forward("-A FORWARD -m conntrack --ctreplsrc 10.244.2.6/32 -j DROP");
    forward("-A FORWARD -m conntrack --ctrepldst 10.244.1.8/32 -j DROP");
    forward("-A FORWARD -m conntrack --ctorigdstport 30080 -j DROP");
    forward("-A FORWARD -m addrtype --src-type LOCAL -j DROP\n-A FORWARD -d 10.244.1.5/32 -j DROP");
    forward("-A FORWARD -m recent --set --name A --rdest\n-A FORWARD -d 10.244.2.5/32 -j DROP");
}

#[test]
fn what_a_long_chain_asks() {
    let lines = |line: fn(u8) -> String| (1..40).map(line).collect::<Vec<_>>().join("\n");
    let many = lines(|at| format!("-A FORWARD -d 10.9.9.{at}/32 -j DROP"));
    alike(SAME, &[("filter", &format!("{many}\n-A FORWARD -d 10.244.2.6/32 -j DROP"))], "dropped");
    let ports = lines(|at| format!("-A FORWARD -p tcp -m tcp --dport {at} -j DROP"));
    alike(SAME, &[("filter", &format!("{ports}\n-A FORWARD -p tcp -m tcp --dport 9090 -j DROP"))], "dropped");
}

#[test]
fn where_they_are_routed() {
    alike(SAME, &[("filter", "-A FORWARD -o cni0 -j DROP")], "dropped");
    alike(SAME, &[("filter", "-A FORWARD -o eth0 -j DROP")], "dropped");
    let no_way = |dumps: &mut NodeDumps| {
        let text = ROUTES.replacen('[', "[{\"type\":\"blackhole\",\"dst\":\"10.244.2.6\"},", 1);
        dumps.dumps.get_mut("ip-route").unwrap().text = text;
    };
    alike(no_way, &[], "unroutable");
    let by_source = |dumps: &mut NodeDumps| {
        let rules = "[{\"priority\":0,\"src\":\"all\",\"table\":\"local\"},
            {\"priority\":5,\"src\":\"10.244.1.8\",\"action\":\"blackhole\"},
            {\"priority\":32766,\"src\":\"all\",\"table\":\"main\"}]";
        dumps.dumps.get_mut("ip-rule").unwrap().text = rules.into();
    };
    alike(by_source, &[], "unroutable");
    let refused = |dumps: &mut NodeDumps| {
        let both =
            "[{\"type\":\"blackhole\",\"dst\":\"10.244.2.5\"},{\"type\":\"unreachable\",\"dst\":\"10.244.2.6\"},";
        dumps.dumps.get_mut("ip-route").unwrap().text = ROUTES.replacen('[', both, 1);
    };
    alike(refused, &[], "unroutable");
    let as_the_kernel_starts = |dumps: &mut NodeDumps| {
        refused(dumps);
        dumps.dumps.get_mut("ip-rule").unwrap().text = DEFAULT_RULES.into();
    };
    alike(as_the_kernel_starts, &[], "unroutable");
}

#[test]
fn whether_they_are_taken() {
    let strict = |dumps: &mut NodeDumps| {
        let text = SWITCHES.replace("rp_filter = 0", "rp_filter = 1");
        dumps.dumps.get_mut("sysctl").unwrap().text = text;
    };
    alike(strict, &[], "dropped");
    let own = |dumps: &mut NodeDumps| {
        dumps.dumps.get_mut("sysctl").unwrap().text = format!("{SWITCHES}net.ipv4.conf.all.accept_local = 1\n");
    };
    alike(own, &[], "delivered");
    let no_localnet = |dumps: &mut NodeDumps| {
        let text = SWITCHES.replace("route_localnet = 1", "route_localnet = 0");
        dumps.dumps.get_mut("sysctl").unwrap().text = text;
    };
    alike(no_localnet, &[], "unroutable");
    // An endpoint is the node itself.
    alike_to(&SERVICE.replace("10.244.2.6:9090", "127.0.0.1:80"), no_localnet, &[], "unroutable");
    alike_to(&SERVICE.replace("10.244.2.6:9090", "192.168.50.11:80"), SAME, &[], "local");
    alike_to(&SERVICE.replace("10.244.2.6:9090", "0.0.0.0:80"), SAME, &[], "unroutable");
}

#[test]
fn where_a_fan_is_none() {
    // Session affinity, an endpoint's rule that does not hold, shares that leave some, a chain within itself.
    let affinity = SERVICE.replace(
        "-A KUBE-SVC-A -m statistic --mode random --probability 0.33333333349",
        "-A KUBE-SVC-A -m recent --rcheck --seconds 10800 --reap --name KUBE-SEP-B --mask 255.255.255.255 --rsource \
         -j KUBE-SEP-B\n-A KUBE-SVC-A -m statistic --mode random --probability 0.33333333349",
    );
    alike_to(&affinity, SAME, &[], "when this client was entered");
    alike_to(
        &SERVICE.replace("-A KUBE-SEP-B -p tcp -m tcp -j", "-A KUBE-SEP-B -p udp -m udp -j"),
        SAME,
        &[],
        "unroutable",
    );
    alike_to(&SERVICE.replace("-A KUBE-SVC-A -j KUBE-SEP-C", ""), SAME, &[], "untouched");
    alike_to(&SERVICE.replace("-A KUBE-SVC-A -j KUBE-SEP-C", "-A KUBE-SVC-A -j KUBE-SVC-A"), SAME, &[], "loop");
    alike_to(&SERVICE.replace("--probability 0.50000000000", "--probability 1.0"), SAME, &[], "66.7 %");
    alike_to(&SERVICE.replace("--probability 0.50000000000", "--probability 0.0"), SAME, &[], "66.7 %");
    alike_to(&SERVICE.replace("10.244.2.6:9090", "10.244.2.6:9090-9099"), SAME, &[], "indeterminate");
    alike_to(&SERVICE.replace("10.244.2.6:9090", "10.244.2.6-10.244.2.7:9090"), SAME, &[], "16.7 %");
    alike_to(&SERVICE.replace("-j MARK --set-xmark 0x4000/0x4000", "-j DROP"), SAME, &[], "dropped");
    let half = "-m statistic --mode random --probability 0.5";
    alike_to(&SERVICE.replace("-A KUBE-SVC-A -j", &format!("-A KUBE-SVC-A {half} {half} -j")), SAME, &[], "8.3 %");
    let comment = SERVICE.replace("-A KUBE-SVC-A -j", "-A KUBE-SVC-A -m comment --comment --x -j");
    alike_to(&comment, SAME, &[], "indeterminate");
    let long = format!("-A KUBE-SVC-A -m comment --comment \"{}\" -j", "x".repeat(70_000));
    alike_to(&SERVICE.replace("-A KUBE-SVC-A -j", &long), SAME, &[], "indeterminate");
    alike_to(&SERVICE.replace("-A KUBE-SEP-C -p", "-A KUBE-SEP-C -m owner --uid-owner 0 -p"), SAME, &[], "untouched");
}

#[test]
fn as_whom_they_leave() {
    let two = |dumps: &mut NodeDumps| {
        let text = ADDRESSES
            .replace("\"prefixlen\":24,\"scope\":\"global\"}]},\n", "\"prefixlen\":24,\"scope\":\"global\"},{\"local\":\"10.244.2.4\",\"prefixlen\":31,\"scope\":\"global\"}]},\n");
        assert!(text.contains("10.244.2.4"));
        dumps.dumps.get_mut("ip-addr").unwrap().text = text;
        let routes = ROUTES.replacen('[', "[{\"dst\":\"10.244.2.0/24\",\"dev\":\"eth0\",\"scope\":\"link\"},", 1);
        dumps.dumps.get_mut("ip-route").unwrap().text = routes;
    };
    alike(two, &[], "10.244.2.5:8080 as 10.244.2.4");
    alike(two, &[], "10.244.2.6:9090 as 192.168.50.11");
}

#[test]
fn inside_undecidable_rules() {
    let owners = (1..=10).map(|user| format!("-A OUTPUT -m owner --uid-owner {user} -j ACCEPT")).collect::<Vec<_>>();
    let nat = "-A OUTPUT -d 10.96.0.1/32 -p tcp -m owner --uid-owner 0 -j DNAT --to-destination 10.244.2.5:8080";
    alike_to(nat, SAME, &[("filter", &owners.join("\n"))], "indeterminate");
}

/// Draws numbers, the same ones each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, count: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 40).unwrap() % count
    }

    fn one_of<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len())]
    }

    /// Lines of one table.
    fn rules(&mut self, chains: &[&str], targets: &[&str]) -> String {
        let mut lines = vec![
            ":USER - [0:0]".to_owned(),
            "-A USER -d 10.244.2.5/32 -j DROP".to_owned(),
            "-A USER -p tcp -m tcp --dport 9090 -j RETURN".to_owned(),
        ];
        let long = self.below(4);
        let test =
            |at: u8| if long == 0 { format!("-d 10.9.9.{at}/32") } else { format!("-p tcp -m tcp --dport {at}") };
        lines.extend((1..40).filter(|_| long < 2).map(|at| format!("-A {} {} -j DROP", chains[0], test(at))));
        for _ in 0..self.below(5) {
            lines.push(format!("-A {} {} -j {}", self.one_of(chains), self.one_of(&TESTS), self.one_of(targets)));
        }
        lines.join("\n")
    }
}

const TESTS: [&str; 28] = [
    "",
    "-s 10.244.1.0/24",
    "! -s 10.244.1.5/32",
    "-d 10.244.2.5/32",
    "! -d 10.244.2.0/24",
    "-p udp",
    "-p tcp -m tcp --dport 8080",
    "-p tcp -m multiport --dports 9090,53",
    "-i cni0",
    "-o eth0",
    "-o lo",
    "-m mark --mark 0x4000/0x4000",
    "-m connmark --mark 1",
    "-m conntrack --ctstate DNAT",
    "-m conntrack ! --ctstate DNAT",
    "-m conntrack --ctorigdst 192.168.50.11/32",
    "-m conntrack --ctreplsrc 10.244.2.6/32",
    "-m conntrack --ctstatus CONFIRMED",
    "-m addrtype --dst-type LOCAL",
    "-m addrtype --src-type LOCAL",
    "-m owner --uid-owner 0",
    "-m statistic --mode random --probability 0.5",
    "-m recent --set --name A --mask 255.255.255.255 --rsource",
    "-m recent --rcheck --name A --mask 255.255.255.255 --rsource",
    "-m limit --limit 5/sec",
    "-m set --match-set foo dst",
    "-m rpfilter --invert",
    "-m iprange --src-range 10.244.1.7-10.244.1.8",
];

/// Rules that nobody thought of, on nodes with other switches, routes and policy rules.
#[test]
fn whatever_the_rules_are() {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let targets = ["DROP", "ACCEPT", "RETURN", "REJECT", "MARK --set-xmark 0x4000/0x4000", "LOG", "QUEUE", "USER"];
    let sources = ["MASQUERADE", "SNAT --to-source 192.168.50.77", "SNAT --to-source 10.244.1.9", "ACCEPT"];
    let endpoints =
        ["10.244.2.6:9090", "10.244.1.5:8080", "192.168.50.11:80", "127.0.0.1:80", "224.0.0.1:80", "10.96.0.1:80"];
    for _ in 0..300 {
        let behind = "-A KUBE-POSTROUTING -m mark !";
        let source = format!(
            "-A KUBE-POSTROUTING {} -j {}\n{behind}",
            dice.one_of(&TESTS).replace("-i cni0", ""),
            dice.one_of(&sources)
        );
        let service = SERVICE
            .replace("10.244.2.6:9090", dice.one_of(&endpoints))
            .replace("10.244.1.5:8080", dice.one_of(&endpoints))
            .replace("0.50000000000", dice.one_of(&["1.0", "0.0", "0.25", "0.5"]))
            .replace(behind, dice.one_of(&[behind, &source]));
        let filter = dice.rules(&["FORWARD", "OUTPUT", "INPUT"], &targets);
        let mangle = dice.rules(&["POSTROUTING", "FORWARD", "PREROUTING", "OUTPUT", "INPUT"], &targets);
        let switches = SWITCHES
            .replace("rp_filter = 0", dice.one_of(&["rp_filter = 0", "rp_filter = 1", "rp_filter = 2"]))
            .replace("route_localnet = 1", dice.one_of(&["route_localnet = 1", "route_localnet = 0"]));
        let first = dice.one_of(&[
            "[",
            "[{\"type\":\"blackhole\",\"dst\":\"10.244.2.6\"},",
            "[{\"dst\":\"10.244.2.0/24\",\"dev\":\"cni0\"},",
        ]);
        let rules = dice.one_of(&[DEFAULT_RULES, "[{\"priority\":0,\"src\":\"all\",\"table\":\"local\"},{\"priority\":5,\"src\":\"10.244.1.8\",\"action\":\"blackhole\"},{\"priority\":32766,\"src\":\"all\",\"table\":\"main\"}]"]);
        let change = |dumps: &mut NodeDumps| {
            dumps.dumps.get_mut("sysctl").unwrap().text = switches.clone();
            dumps.dumps.get_mut("ip-route").unwrap().text = ROUTES.replacen('[', first, 1);
            dumps.dumps.get_mut("ip-rule").unwrap().text = rules.into();
        };
        alike_to(&service, change, &[("filter", &filter), ("mangle", &mangle)], "");
    }
}
