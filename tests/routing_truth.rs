//! Asks the kernel where packets go (`ip route get` in a network namespace) and compares it with what is read from
//! the dumps of that namespace: routes, sources, and what is refused. Needs root and `ip`; without them it says so and
//! is skipped, or fails where `SVC_TRACE_REQUIRE` names `netns`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests"
)]

use std::collections::BTreeSet;
use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::process::{Command, Stdio};

use svc_trace::collect::snapshot::{Dump, NodeDumps};
use svc_trace::dataplane::links::{Links, Lookup, Route, RouteKey, RouteKind, Source};
use svc_trace::dataplane::plane::Plane;
use svc_trace::report::Disposition;
use svc_trace::walk::packet::{Entry, Packet, Protocol};
use svc_trace::walk::walk;

/// A namespace with a neighbour on two links; gone when dropped.
struct World {
    name: String,
}

impl Drop for World {
    fn drop(&mut self) {
        for end in ["", "-far"] {
            let _ = Command::new("ip").args(["netns", "del", &format!("{}{end}", self.name)]).output();
        }
    }
}

const LINKS: &str = "
    ip link set lo up
    ip link add d0 type veth peer name p0 netns FAR
    ip link add d1 type veth peer name p1 netns FAR
    ip link add d2 type veth peer name p2 netns FAR
    for n in 0 1 2; do ip link set d$n up; ip -n FAR link set p$n up; done
    ip addr add 10.1.0.1/24 brd + dev d0
    ip addr add 10.1.0.9/24 dev d0
    ip addr add 172.20.0.1/16 dev d0
    ip addr add 10.2.0.1/24 dev d1
    ip addr add 10.96.0.1/32 dev d1
    ip addr add fd00:1::1/64 dev d0 nodad
    ip addr add fd00:2::1/64 dev d1 nodad
    ip route add default via 10.1.0.254
    ip route add default via 10.2.0.254 metric 100
    ip route add 10.30.0.0/16 via 10.1.0.2
    ip route add 10.30.5.0/24 via 10.2.0.2 src 10.96.0.1
    ip route add 10.30.5.7 dev d2 scope link
    ip route add 10.31.0.0/16 dev d2
    ip route add 10.32.0.0/16 via 172.20.0.7
    ip route add blackhole 10.9.0.0/16
    ip route add unreachable 10.8.0.0/16
    ip route add prohibit 10.7.0.0/16
    ip route add 10.3.0.0/16 dev d1 tos 0x10
    ip route add local 10.99.0.0/16 dev lo
    ip route add 10.99.1.0/24 via 10.1.0.2
    ip route add 10.33.0.0/16 encap ip id 5 dst 10.1.0.3 dev d0
    ip route add default via 10.2.0.99 table 100
    ip route add throw 10.30.0.0/16 table 100
    ip route add 10.40.0.0/16 via 10.1.0.40 table 200
    ip -6 route add default via fd00:1::9
    ip -6 route add fd05::/64 via fd00:2::9
    ip -6 route add fd05:0:0:0:8::/80 via fd00:1::8 metric 5
    ip -6 route add fd06::/64 via fd00:2::6 metric 10
    ip -6 route add fd06::/64 via fd00:1::6 metric 20
    ip -6 route add blackhole fd09::/64
    ip -6 route add unreachable fd08::/64
    ip -6 route add default via fd00:2::99 table 100
    sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
    for n in all d0 d1 d2; do sysctl -qw net.ipv4.conf.$n.rp_filter=0; done
";

const RULES: &str = "
    ip rule add priority 10 to 10.30.0.0/16 lookup 100
    ip rule add priority 20 from 10.2.0.0/24 lookup 100
    ip rule add priority 30 fwmark 0x10/0xf0 lookup 200
    ip rule add priority 31 fwmark 0x10/0xf0 to 10.41.0.0/16 prohibit
    ip rule add priority 40 iif d1 goto 60
    ip rule add priority 50 not from all to 10.0.0.0/8 lookup 100 suppress_prefixlength 0
    ip rule add priority 60 from 10.1.0.66 blackhole
    ip rule add priority 70 to 10.42.0.0/16 iif lo lookup 100
    ip -6 rule add priority 20 from fd00:2::/64 lookup 100
    ip -6 rule add priority 30 fwmark 0x10 unreachable
";

const DESTINATIONS: &[&str] = &[
    "10.1.0.1",
    "10.1.0.9",
    "10.1.0.5",
    "10.1.0.255",
    "10.2.0.1",
    "10.2.0.7",
    "10.96.0.1",
    "10.96.0.2",
    "172.20.0.1",
    "172.20.3.4",
    "10.30.1.1",
    "10.30.5.1",
    "10.30.5.7",
    "10.31.0.1",
    "10.32.0.1",
    "10.9.0.1",
    "10.8.0.1",
    "10.7.0.1",
    "10.3.0.1",
    "10.99.2.2",
    "10.33.0.1",
    "10.40.0.1",
    "10.41.0.1",
    "10.42.0.1",
    "127.0.0.1",
    "127.8.8.8",
    "1.1.1.1",
    "192.168.7.7",
    "fd00:1::1",
    "fd00:1::5",
    "fd00:2::1",
    "fd00:2::7",
    "fd05::1",
    "fd05::8:0:0:1",
    "fd06::1",
    "fd08::1",
    "fd09::1",
    "2001:db8::1",
    "::1",
];

/// Where packets come in, and from whom.
const ARRIVALS: &[(&str, &str)] = &[
    ("d0", "10.1.0.5"),
    ("d0", "10.1.0.66"),
    ("d0", "10.2.0.7"),
    ("d0", "1.2.3.4"),
    ("d0", "10.1.0.1"),
    ("d0", "127.0.0.5"),
    ("d0", "10.9.0.5"),
    ("d1", "10.2.0.7"),
    ("d1", "1.2.3.4"),
    ("d1", "10.30.5.1"),
    ("d2", "10.31.0.9"),
    ("d2", "1.2.3.4"),
    ("d0", "fd00:1::5"),
    ("d1", "fd00:2::7"),
    ("d1", "2001:db8::9"),
];

fn run(name: &str, script: &str) {
    let script = format!("set -e\n{}", script.replace("FAR", &format!("{name}-far")));
    let done = Command::new("ip").args(["netns", "exec", name, "sh", "-c", &script]).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

fn output(name: &str, argv: &[&str]) -> String {
    let done = Command::new("ip").args(["netns", "exec", name]).args(argv).output().unwrap();
    String::from_utf8(done.stdout).unwrap()
}

/// The world, or why there is none.
fn world(number: usize) -> Result<World, String> {
    let world = World { name: format!("svctrace-{}-route{number}", std::process::id()) };
    for end in ["", "-far"] {
        let made = Command::new("ip").args(["netns", "add", &format!("{}{end}", world.name)]).output();
        match made {
            Ok(done) if done.status.success() => {}
            Ok(done) => return Err(String::from_utf8_lossy(&done.stderr).trim().to_owned()),
            Err(error) => return Err(format!("ip: {error}")),
        }
    }
    run(&world.name, LINKS);
    Ok(world)
}

fn dumps(name: &str) -> NodeDumps {
    let mut node = NodeDumps::default();
    let commands: &[(&str, &[&str])] = &[
        ("ip-addr", &["ip", "-j", "addr"]),
        ("ip-link", &["ip", "-j", "-d", "link"]),
        ("ip-route", &["ip", "-j", "route", "show", "table", "all"]),
        ("ip-route6", &["ip", "-6", "-j", "route", "show", "table", "all"]),
        ("ip-rule", &["ip", "-j", "rule"]),
        ("ip-rule6", &["ip", "-6", "-j", "rule"]),
        ("sysctl", &["sysctl", "-a", "-r", "^net.ipv[46].(ip_forward|conf)"]),
        ("iptables-save", &["true"]),
        ("ip6tables-save", &["true"]),
    ];
    for (dump, argv) in commands {
        let text = output(name, argv);
        node.dumps.insert((*dump).to_owned(), Dump { text, exit: Some(0), ..Dump::default() });
    }
    node
}

/// One question to the kernel.
#[derive(Clone, Copy)]
struct Question {
    to: &'static str,
    mark: u32,
    arrival: Option<(&'static str, &'static str)>,
}

impl Question {
    fn command(self) -> String {
        let arrival = self.arrival.map(|(iif, from)| format!(" from {from} iif {iif}")).unwrap_or_default();
        format!("route get {}{arrival} mark {}\n", self.to, self.mark)
    }
}

/// The kernel's answers, in order; nothing is printed for what it refuses.
fn kernel(name: &str, questions: &[Question]) -> Vec<String> {
    let mut child = Command::new("ip")
        .args(["-n", name, "-j", "-force", "-batch", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let batch: String = questions.iter().map(|question| question.command()).collect();
    let mut input = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || input.write_all(batch.as_bytes()).unwrap());
    let done = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let failed: BTreeSet<usize> = String::from_utf8(done.stderr)
        .unwrap()
        .lines()
        .filter_map(|line| line.strip_prefix("Command failed -:").and_then(|number| number.trim().parse().ok()))
        .collect();
    let mut printed = serde_json::Deserializer::from_slice(&done.stdout).into_iter::<serde_json::Value>();
    let answer = |(number, question): (usize, &Question)| {
        if failed.contains(&(number + 1)) {
            "refused".into()
        } else {
            read(&printed.next().unwrap().unwrap(), *question)
        }
    };
    questions.iter().enumerate().map(answer).collect()
}

/// `unicast via 10.1.0.254 dev d0 src 10.1.0.1`, `local src 10.1.0.1`, `refused`.
fn read(found: &serde_json::Value, question: Question) -> String {
    let field = |name: &str| found[0][name].as_str();
    let kind = field("type").unwrap_or("unicast");
    // IPv6 prints the route that refuses, with an error.
    if ["blackhole", "unreachable", "prohibit"].contains(&kind) || found[0]["error"].is_i64() {
        return "refused".into();
    }
    match question.arrival {
        // The gateway is in the words of the hop; the interface is what counts here.
        Some(_) => words(kind, None, field("dev"), None),
        None if kind == "broadcast" => kind.into(),
        None => words(kind, field("gateway"), field("dev"), field("prefsrc")),
    }
}

fn words(kind: &str, gateway: Option<&str>, dev: Option<&str>, source: Option<&str>) -> String {
    let mut text = kind.to_owned();
    if kind == "unicast" {
        if let Some(gateway) = gateway {
            text = format!("{text} via {gateway}");
        }
        text = format!("{text} dev {}", dev.unwrap_or("?"));
    }
    if let Some(source) = source {
        text = format!("{text} src {source}");
    }
    text
}

fn route_words(route: &Route<'_>, source: Option<&Source>) -> String {
    if route.kind.refuses() {
        return "refused".into();
    }
    let gateway = route.gateway().map(|ip| ip.to_string());
    let source = source.map(|source| source.address().map_or_else(|| format!("{source:?}"), |ip| ip.to_string()));
    words(route.kind.as_str(), gateway.as_deref(), route.dev(), source.as_deref())
}

fn sent(links: &Links<'_>, dst: IpAddr, mark: u32) -> String {
    let key = RouteKey { mark: Some(mark), protocol: Some(Protocol::Tcp), to_port: Some(80), ..RouteKey::to(dst) };
    match links.route(&key) {
        Lookup::Found(route) => {
            let source = links.source_by(&route, dst);
            route_words(&route, Some(&source).filter(|_| route.kind != RouteKind::Broadcast))
        }
        other @ Lookup::Unknown { .. } => format!("{other:?}"),
    }
}

fn arrived(plane: &Plane<'_>, dst: IpAddr, iif: &str, from: IpAddr) -> String {
    let packet = Packet {
        entry: Entry::Arrives(Some(iif.into())),
        from,
        from_port: Some(40000),
        to: SocketAddr::new(dst, 80),
        protocol: Protocol::Tcp,
    };
    let outcomes = walk(plane, &packet);
    match outcomes.as_slice() {
        [one] => match one.disposition {
            Disposition::Local => "local".into(),
            Disposition::Untouched => format!("unicast dev {}", one.interface.unwrap_or("?")),
            Disposition::Unroutable | Disposition::Dropped => "refused".into(),
            other => format!("{other:?} {:?}", one.depends_on),
        },
        many => format!("{many:?}"),
    }
}

fn questions() -> Vec<Question> {
    let mut all = Vec::new();
    for to in DESTINATIONS {
        all.extend([0, 0x10, 0x25].map(|mark| Question { to, mark, arrival: None }));
        // `ip route get` does not ask what comes before routing in IPv6; broadcasts are no connections.
        let arrivals = ARRIVALS.iter().filter(|(_, from)| from.contains(':') == to.contains(':'));
        let fitting = arrivals.filter(|_| *to != "::1" && *to != "10.1.0.255");
        all.extend(fitting.map(|arrival| Question { to, mark: 0, arrival: Some(*arrival) }));
    }
    all
}

fn compare(world: &World, wrong: &mut Vec<String>) -> usize {
    let dumps = dumps(&world.name);
    let plane = Plane::new("node", &dumps, &[]);
    assert_eq!(plane.links.issues(), []);
    let questions = questions();
    for (question, truth) in questions.iter().zip(kernel(&world.name, &questions)) {
        let dst: IpAddr = question.to.parse().unwrap();
        let found = match question.arrival {
            Some((iif, from)) => arrived(&plane, dst, iif, from.parse().unwrap()),
            None => sent(&plane.links, dst, question.mark),
        };
        if truth != found {
            wrong.push(format!("{}: the kernel says {truth}, we say {found}", question.command().trim()));
        }
    }
    questions.len()
}

#[test]
fn as_the_kernel_routes() {
    let world = match world(0) {
        Ok(world) => world,
        Err(why) => {
            let required =
                std::env::var("SVC_TRACE_REQUIRE").is_ok_and(|list| list.split(',').any(|word| word == "netns"));
            assert!(!required, "SVC_TRACE_REQUIRE asks for namespaces: {why}");
            eprintln!("routing_truth: skipped: {why}");
            return;
        }
    };
    let mut wrong = Vec::new();
    let mut asked = compare(&world, &mut wrong);
    run(&world.name, RULES);
    asked += compare(&world, &mut wrong);
    for filter in [1, 2] {
        run(&world.name, &format!("for n in all d0 d1 d2; do sysctl -qw net.ipv4.conf.$n.rp_filter={filter}; done"));
        asked += compare(&world, &mut wrong);
    }
    run(&world.name, "sysctl -qw net.ipv4.conf.d0.route_localnet=1 net.ipv4.conf.d1.forwarding=0; ip link set d1 down");
    asked += compare(&world, &mut wrong);
    run(&world.name, "sysctl -qw net.ipv4.ip_forward=0");
    asked += compare(&world, &mut wrong);
    assert!(asked > 1000, "{asked} asked");
    assert!(wrong.is_empty(), "{} of {asked} differ:\n{}", wrong.len(), wrong.join("\n"));
}
