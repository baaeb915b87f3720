//! The little world that packets fly through: a node, two of its pods, a client behind eth0 and the pods of other
//! nodes behind eth1, each a network namespace. All answers come back through the node, so that what the client sees
//! is what the node did. Removed again when dropped.

use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, SocketAddr};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use crate::agent::{Orders, Seen, Shot};
use crate::case::{Place, Proto};
use crate::machine;

/// Name of every namespace made here begins so, then the process id.
const PREFIX: &str = "svctrace-";

/// Variable that makes this binary an agent.
pub(crate) const AGENT: &str = "SVC_TRACE_KERNEL_TRUTH_AGENT";

pub(crate) const NODE: &[&str] = &["192.168.50.11", "192.168.60.11", "fd00:50::11", "fd00:60::11", "127.0.0.1", "::1"];
pub(crate) const POD1: &[&str] = &["10.244.1.5", "fd00:244:0:1::5"];
pub(crate) const POD2: &[&str] = &["10.244.1.6", "fd00:244:0:1::6"];
pub(crate) const CLIENT: &[&str] =
    &["203.0.113.7", "203.0.113.8", "192.168.50.1", "2001:db8::7", "2001:db8::8", "fd00:50::1"];
const REMOTE: &[&str] = &[
    "10.244.2.5",
    "10.244.2.6",
    "10.244.3.5",
    "192.168.60.2",
    "fd00:244:0:2::5",
    "fd00:244:0:2::6",
    "fd00:244:0:3::5",
    "fd00:60::2",
];
/// Addresses 10.96.0.10 and up, and their IPv6 kin, answer behind eth1: a packet that no rule changed is seen there.
const SERVICES: std::ops::Range<u8> = 10..58;

/// All that answers behind eth1.
pub(crate) fn remote() -> Vec<IpAddr> {
    let services = SERVICES
        .flat_map(|n| [IpAddr::from([10, 96, 0, n]), IpAddr::from([0xfd00, 0x96, 0, 0, 0, 0, 0, u16::from(n)])]);
    addresses(REMOTE).into_iter().chain(services).collect()
}

/// Addresses from text.
pub(crate) fn addresses(text: &[&str]) -> Vec<IpAddr> {
    text.iter().map(|ip| ip.parse().unwrap()).collect()
}

/// The namespaces with an agent in each.
#[derive(Debug)]
pub(crate) struct World {
    base: String,
    made: Vec<String>,
    agents: Vec<Agent>,
}

#[derive(Debug)]
struct Agent {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl World {
    /// Makes it. `number` tells several worlds of one process apart.
    pub(crate) fn make(number: usize) -> Self {
        let base = format!("{PREFIX}{}-{number}", std::process::id());
        let mut world = Self { base, made: Vec::new(), agents: Vec::new() };
        for name in ["node", "pod1", "pod2", "client", "remote"] {
            world.namespace(name);
        }
        world.cable();
        let served = [addresses(NODE), addresses(POD1), addresses(CLIENT), remote(), addresses(POD2)];
        for (name, addresses) in ["node", "pod1", "client", "remote", "pod2"].into_iter().zip(served) {
            let agent = Agent::start(&world.name(name), &Orders { addresses });
            world.agents.push(agent);
        }
        world.settle();
        world.keep_neighbours();
        world
    }

    /// Whoever was found stays found: what a rule set does to a packet is asked here, not whether a busy machine answers
    /// ARP in time.
    fn keep_neighbours(&self) {
        for name in &self.made {
            let listed = Command::new("ip").args(["-n", name, "neigh", "show"]).output().expect("ip runs");
            let listed = String::from_utf8(listed.stdout).unwrap();
            let kept: String = listed
                .lines()
                .filter_map(|line| line.split_once(" lladdr "))
                .map(|(to, rest)| {
                    let mac = rest.split(' ').next().unwrap_or_default();
                    format!("neigh replace {to} lladdr {mac} nud permanent\n")
                })
                .collect();
            assert!(!kept.is_empty(), "{name} knows no neighbour");
            batch(Some(name), &kept);
        }
    }

    /// Neighbours are found and links are up once everybody hears from everybody.
    fn settle(&mut self) {
        let four = ["10.244.1.5", "10.244.1.6", "203.0.113.7", "10.96.0.10", "192.168.50.11", "192.168.50.1"];
        let six = ["fd00:244:0:1::5", "fd00:244:0:1::6", "2001:db8::7", "fd00:96::a", "fd00:50::11", "fd00:50::1"];
        let shots: Vec<(Place, Shot)> = [Place::Node, Place::Pod, Place::Client, Place::Remote]
            .into_iter()
            .flat_map(|place| addresses(&four).into_iter().chain(addresses(&six)).map(move |ip| (place, ip)))
            .map(|(place, ip)| {
                let to = SocketAddr::new(ip, 80);
                (place, Shot { proto: Proto::Udp, from: None, from_port: None, to, tries: 1, wait_ms: 300 })
            })
            .collect();
        // An emulated machine is slow.
        let deadline = Instant::now() + Duration::from_secs(if machine::is_here() { 90 } else { 15 });
        while self.fire(&shots).into_iter().flatten().any(|seen| !matches!(seen, Seen::Answer(..))) {
            assert!(Instant::now() < deadline, "the namespaces do not reach each other");
        }
    }

    /// Full name of a namespace.
    pub(crate) fn name(&self, short: &str) -> String {
        format!("{}-{short}", self.base)
    }

    /// A command that runs in the node's namespace.
    pub(crate) fn on_node(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{}", self.name("node"))).arg(program);
        command
    }

    /// Fires from all places side by side and says what each try of each shot came to, in the order of the shots.
    pub(crate) fn fire(&mut self, shots: &[(Place, Shot)]) -> Vec<Vec<Seen>> {
        let places = [Place::Node, Place::Pod, Place::Client, Place::Remote];
        let mut seen = vec![Vec::new(); shots.len()];
        std::thread::scope(|scope| {
            let asked: Vec<_> = self
                .agents
                .iter_mut()
                .zip(places)
                .map(|(agent, place)| {
                    let (at, mine): (Vec<usize>, Vec<Shot>) = shots
                        .iter()
                        .enumerate()
                        .filter(|(_, (from, _))| *from == place)
                        .map(|(at, (_, shot))| (at, shot.clone()))
                        .unzip();
                    (at, scope.spawn(move || if mine.is_empty() { Vec::new() } else { agent.ask(&mine) }))
                })
                .collect();
            for (places, answers) in asked {
                for (at, tries) in places.into_iter().zip(answers.join().expect("an agent answers")) {
                    seen[at] = tries;
                }
            }
        });
        seen
    }

    fn namespace(&mut self, short: &str) {
        let name = self.name(short);
        run(Command::new("ip").args(["netns", "add", &name]));
        self.made.push(name.clone());
        // ICMP errors without rate limits: otherwise only the first rejection in a second is heard.
        let settings = "net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_ra=0 \
             net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 net.ipv4.icmp_ratelimit=0 net.ipv4.icmp_ratemask=0 \
             net.ipv6.icmp.ratelimit=0 net.ipv6.icmp.ratemask=2 net.ipv4.tcp_tw_reuse=1";
        let mut sysctl = Command::new("nsenter");
        sysctl.arg(format!("--net=/run/netns/{name}")).args(["sysctl", "-qw"]);
        run(sysctl.args(settings.split_whitespace()).arg("net.ipv4.ping_group_range=0 2147483647"));
        run(Command::new("ip").args(["-n", &name, "link", "set", "lo", "up"]));
    }

    fn cable(&self) {
        let n = |short| self.name(short);
        let (node, client, remote) = (n("node"), n("client"), n("remote"));
        let mut links = String::new();
        for (device, peer) in
            [("eth0", &client), ("eth1", &remote), ("veth-pod1", &n("pod1")), ("veth-pod2", &n("pod2"))]
        {
            links.push_str(&format!("link add {device} netns {node} type veth peer name eth0 netns {peer}\n"));
        }
        batch(None, &links);
        batch(
            Some(&node),
            "addr add 192.168.50.11/24 dev eth0\naddr add fd00:50::11/64 dev eth0 nodad\n\
             addr add 192.168.60.11/24 dev eth1\naddr add fd00:60::11/64 dev eth1 nodad\n\
             addr add fe80::1/64 dev veth-pod1 nodad\naddr add fe80::1/64 dev veth-pod2 nodad\n\
             link set eth0 up\nlink set eth1 up\nlink set veth-pod1 up\nlink set veth-pod2 up\n\
             route add default via 192.168.50.1\nroute add 10.244.1.5/32 dev veth-pod1\nroute add 10.244.1.6/32 dev veth-pod2\n\
             route add 10.244.0.0/16 via 192.168.60.2\nroute add 10.96.0.0/16 via 192.168.60.2\n",
        );
        batch6(
            &node,
            "route add default via fd00:50::1\nroute add fd00:244:0:1::5/128 dev veth-pod1\nroute add fd00:244:0:1::6/128 dev veth-pod2\n\
             route add fd00:244::/56 via fd00:60::2\nroute add fd00:96::/108 via fd00:60::2\n",
        );
        let mut sysctl = self.on_node("sysctl");
        run(sysctl.arg("-qw").args([
            "net.ipv4.ip_forward=1",
            "net.ipv6.conf.all.forwarding=1",
            "net.ipv4.conf.veth-pod1.proxy_arp=1",
            "net.ipv4.conf.veth-pod2.proxy_arp=1",
            "net.ipv4.neigh.veth-pod1.proxy_delay=0",
            "net.ipv4.neigh.veth-pod2.proxy_delay=0",
        ]));
        for (pod, v4, v6) in [(n("pod1"), POD1[0], POD1[1]), (n("pod2"), POD2[0], POD2[1])] {
            batch(
                Some(&pod),
                &format!(
                    "addr add {v4}/32 dev eth0\naddr add {v6}/128 dev eth0 nodad\nlink set eth0 up\n\
                     route add 169.254.1.1 dev eth0\nroute add default via 169.254.1.1 dev eth0\n"
                ),
            );
            batch6(&pod, "route add default via fe80::1 dev eth0\n");
        }
        for (name, all, gateways) in [
            (&client, addresses(CLIENT), ["192.168.50.11", "fd00:50::11"]),
            (&remote, self::remote(), ["192.168.60.11", "fd00:60::11"]),
        ] {
            let mut text = String::new();
            for ip in all {
                let gateway =
                    ["192.168.50.1", "192.168.60.2", "fd00:50::1", "fd00:60::2"].contains(&ip.to_string().as_str());
                let (bits, device) = match (ip.is_ipv4(), gateway) {
                    (true, true) => (24, "eth0"),
                    (true, false) => (32, "lo"),
                    (false, true) => (64, "eth0 nodad"),
                    (false, false) => (128, "lo nodad"),
                };
                text.push_str(&format!("addr add {ip}/{bits} dev {device}\n"));
            }
            batch(Some(name), &format!("{text}link set eth0 up\nroute add default via {}\n", gateways[0]));
            batch6(name, &format!("route add default via {}\n", gateways[1]));
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for agent in &mut self.agents {
            drop(agent.input.take());
            // Already gone is as good.
            let _gone = agent.child.kill();
            let _status = agent.child.wait();
        }
        for name in &self.made {
            let _removed = Command::new("ip").args(["netns", "del", name]).status();
        }
    }
}

impl Agent {
    fn start(namespace: &str, orders: &Orders) -> Self {
        let binary = std::env::current_exe().unwrap();
        let mut child = Command::new("nsenter")
            .arg(format!("--net=/run/netns/{namespace}"))
            .arg(binary)
            .env(AGENT, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("nsenter runs");
        let mut agent = Self { input: child.stdin.take(), output: BufReader::new(child.stdout.take().unwrap()), child };
        agent.write(&serde_json::to_vec(orders).unwrap());
        assert_eq!(agent.line(), "ready\n", "the agent in {namespace} did not start");
        agent
    }

    fn ask(&mut self, shots: &[Shot]) -> Vec<Vec<Seen>> {
        self.write(&serde_json::to_vec(shots).unwrap());
        serde_json::from_str(&self.line()).expect("an agent answers with one line")
    }

    fn write(&mut self, bytes: &[u8]) {
        let input = self.input.as_mut().unwrap();
        input.write_all(bytes).unwrap();
        input.write_all(b"\n").unwrap();
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line
    }
}

/// Removes what a killed run left behind: namespaces whose process is gone.
pub(crate) fn sweep() {
    let Ok(names) = std::fs::read_dir("/run/netns") else { return };
    for name in names.flatten().filter_map(|entry| entry.file_name().into_string().ok()) {
        let pid = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
        if pid.is_some_and(|pid| !std::path::Path::new("/proc").join(pid).exists()) {
            let _removed = Command::new("ip").args(["netns", "del", &name]).status();
        }
    }
}

/// Runs a command that must succeed.
#[track_caller]
pub(crate) fn run(command: &mut Command) -> String {
    feed(command, "")
}

/// The same with something on its standard input.
#[track_caller]
pub(crate) fn feed(command: &mut Command, input: &str) -> String {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let mut pipe = child.stdin.take().unwrap();
    let text = input.to_owned();
    let writer = std::thread::spawn(move || pipe.write_all(text.as_bytes()));
    let output = child.wait_with_output().unwrap();
    // A command that does not read is judged by its status.
    let _unread = writer.join().unwrap();
    assert!(output.status.success(), "{command:?}: {}\n{input}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn batch(namespace: Option<&str>, lines: &str) {
    let mut command = Command::new("ip");
    if let Some(name) = namespace {
        command.args(["-n", name]);
    }
    feed(command.args(["-batch", "-"]), lines);
}

fn batch6(namespace: &str, lines: &str) {
    feed(Command::new("ip").args(["-6", "-n", namespace, "-batch", "-"]), lines);
}
