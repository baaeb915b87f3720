//! Rule sets of nftables by a seeded generator, every other one beside a generated set of iptables: several base chains
//! of a hook at several priorities, sets, maps, verdict maps, marks, choices by number. The same seed always makes the
//! same text.

use std::fmt::Write;

use crate::case::{Aim, Decides, RuleSet};
use crate::generate::{self, Dice};

/// Seeds that are run; the odd ones hold iptables too.
pub(crate) const SEEDS: std::ops::Range<u64> = 1..61;
/// First seed of the iptables rules in sets of both languages.
const BESIDE: u64 = 1000;

/// What a chain may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Site {
    /// Before connections are looked up.
    Raw,
    /// Before translation of the destination, or after.
    Marks,
    NatDst,
    NatSrc,
    Filter,
}

/// A hook with a base chain: type, hook, priorities to choose from, what it holds. None is one of iptables' own:
/// which of two languages comes first at equal priority is no matter of the text.
const BASES: &[(&str, &str, &[&str], Site)] = &[
    ("filter", "prerouting", &["-290", "raw + 20", "-250"], Site::Raw),
    ("filter", "prerouting", &["mangle + 1", "-140", "dstnat - 10", "-90", "-40"], Site::Marks),
    ("filter", "forward", &["mangle - 1", "-110", "filter - 10", "filter + 1", "10", "200"], Site::Filter),
    ("filter", "input", &["-110", "filter - 5", "filter + 5"], Site::Filter),
    ("filter", "output", &["-110", "-90", "filter - 5", "filter + 10"], Site::Filter),
    ("route", "output", &["-149", "-151"], Site::Marks),
    ("nat", "prerouting", &["dstnat - 5", "dstnat + 5", "-190", "0"], Site::NatDst),
    ("nat", "output", &["-105", "-95", "-20"], Site::NatDst),
    ("nat", "postrouting", &["srcnat - 5", "srcnat + 5", "srcnat + 50"], Site::NatSrc),
    ("filter", "postrouting", &["-10", "srcnat + 1", "srcnat - 1"], Site::Marks),
];

const SETS4: &str = "\
	set clients {\n\t\ttype ipv4_addr\n\t\telements = { 10.244.1.5, 203.0.113.7 }\n\t}\n\
	set nets {\n\t\ttype ipv4_addr\n\t\tflags interval\n\t\telements = { 10.96.0.8/30, 10.244.0.0-10.244.1.5 }\n\t}\n\
	set ports {\n\t\ttype inet_service\n\t\tflags interval\n\t\telements = { 53, 80-443, 8080-8081 }\n\t}\n\
	set services {\n\t\ttype ipv4_addr . inet_proto . inet_service\n\t\telements = { 10.96.0.10 . tcp . 80, 10.96.0.11 . udp . 53 }\n\t}\n\
	map back {\n\t\ttype ipv4_addr : ipv4_addr\n\t\telements = { 10.96.0.10 : 10.244.2.5, 10.96.0.11 : 10.244.1.6, 192.168.50.11 : 10.244.2.6 }\n\t}\n\
	map sockets {\n\t\ttype ipv4_addr . inet_service : ipv4_addr . inet_service\n\t\telements = { 10.96.0.10 . 80 : 10.244.2.6 . 8080, 10.96.0.12 . 80 : 10.244.1.6 . 9000 }\n\t}\n\
	map marks {\n\t\ttype inet_service : mark\n\t\telements = { 80 : 0x00000001, 53 : 0x00004000 }\n\t}\n";
const SETS6: &str = "\
	set clients {\n\t\ttype ipv6_addr\n\t\telements = { fd00:244:0:1::5, 2001:db8::7 }\n\t}\n\
	set nets {\n\t\ttype ipv6_addr\n\t\tflags interval\n\t\telements = { fd00:96::8/126, fd00:244::-fd00:244:0:1::5 }\n\t}\n\
	set ports {\n\t\ttype inet_service\n\t\tflags interval\n\t\telements = { 53, 80-443, 8080-8081 }\n\t}\n\
	set services {\n\t\ttype ipv6_addr . inet_proto . inet_service\n\t\telements = { fd00:96::a . udp . 80, fd00:96::b . udp . 80 }\n\t}\n\
	map back {\n\t\ttype ipv6_addr : ipv6_addr\n\t\telements = { fd00:96::a : fd00:244:0:2::5, fd00:96::b : fd00:244:0:1::6 }\n\t}\n\
	map sockets {\n\t\ttype ipv6_addr . inet_service : ipv6_addr . inet_service\n\t\telements = { fd00:96::a . 80 : fd00:244:0:2::6 . 8080 }\n\t}\n\
	map marks {\n\t\ttype inet_service : mark\n\t\telements = { 80 : 0x00000001, 53 : 0x00004000 }\n\t}\n";

struct Maker {
    dice: Dice,
    four: bool,
    inet: bool,
    /// How many choices by chance may still be written.
    chances: usize,
    /// Whether something that the walk cannot know was written.
    unknown: bool,
}

/// One rule while it is made: its words, and the protocol that they ask for.
#[derive(Default)]
struct Draft {
    words: String,
    protocol: Option<&'static str>,
}

impl Draft {
    fn add(&mut self, words: &str) {
        self.words.push_str(words);
        self.words.push(' ');
    }

    /// Asks for a protocol; false where another was asked for already.
    fn asks(&mut self, protocol: &'static str) -> bool {
        let agrees = self.protocol.is_none_or(|other| other == protocol);
        self.protocol = Some(self.protocol.unwrap_or(protocol));
        agrees
    }
}

/// The rule set of a seed.
pub(crate) fn set(seed: u64) -> RuleSet {
    let both = !seed.is_multiple_of(2);
    let mut beside = if both { generate::set(BESIDE + seed) } else { RuleSet::default() };
    let four = if both { beside.v6.is_empty() } else { !seed.is_multiple_of(8) };
    let mut maker = Maker {
        dice: Dice(seed.wrapping_mul(0x9e6c_63d0_876a_9a47)),
        four,
        inet: !four || seed.is_multiple_of(3),
        chances: if both { 1 } else { 3 },
        unknown: false,
    };
    beside.nft = maker.text();
    if !both {
        beside.packets = generate::packets(&mut maker.dice, four);
        beside.backends = vec![crate::case::Backend::Nft];
    }
    if maker.unknown {
        beside.packets.iter_mut().for_each(|aim: &mut Aim| aim.decides = Decides::Maybe);
    }
    beside.name = format!("{}-seed-{seed}", if both { "both" } else { "nft" });
    beside
}

impl Maker {
    fn text(&mut self) -> String {
        let family = match (self.inet, self.four) {
            (true, _) => "inet",
            (false, true) => "ip",
            (false, false) => "ip6",
        };
        let tables = 1 + self.dice.below(2);
        let mut text = String::new();
        let sets = if self.four { SETS4 } else { SETS6 };
        for table in 0..tables {
            let _ = writeln!(text, "table {family} t{table} {{\n{sets}");
            let mut bodies = Vec::new();
            for (at, base) in BASES.iter().enumerate() {
                if self.dice.below(3) < 2 {
                    self.base(&mut bodies, at, base);
                }
            }
            // What is jumped to must have been named before.
            bodies.reverse();
            text.push_str(&bodies.concat());
            text.push_str("}\n");
        }
        text
    }

    /// A base chain and the chains that it enters, the deepest last.
    fn base(
        &mut self,
        bodies: &mut Vec<String>,
        at: usize,
        (kind, hook, priorities, site): &(&str, &str, &[&str], Site),
    ) {
        let below: Vec<String> = (0..=self.dice.below(3)).map(|n| format!("c{at}x{n}")).collect();
        let drops = *site == Site::Filter && *hook == "forward" && self.dice.once_in(5);
        let priority = self.dice.of(priorities);
        let policy = if drops { "drop" } else { "accept" };
        let mut body = format!("\tchain b{at} {{\n\t\ttype {kind} hook {hook} priority {priority}; policy {policy};\n");
        if *site == Site::Raw && self.dice.once_in(3) {
            // Both directions: an answer to a packet that was not tracked would be a connection of its own.
            let vip = if self.four { "ip %s 10.96.0.12" } else { "ip6 %s fd00:96::c" };
            for side in ["daddr", "saddr"] {
                let _ = writeln!(body, "\t\t{} notrack", vip.replace("%s", side));
            }
            let own = vip.replace("%s", "daddr");
            bodies.push(format!(
                "\tchain o{at} {{\n\t\ttype filter hook output priority -290; policy accept;\n\t\t{own} notrack\n\t}}\n"
            ));
        }
        if matches!(site, Site::Filter | Site::Marks) {
            // Only first packets are under test: what answers or follows them passes.
            let untracked = if self.four { "ip saddr 10.96.0.12" } else { "ip6 saddr fd00:96::c" };
            let _ = writeln!(
                body,
                "\t\tct state established,related accept\n\t\t{untracked} accept\n\t\tmeta l4proto {{ icmp, ipv6-icmp }} accept"
            );
        }
        for _ in 0..=self.dice.below(3) {
            self.rule(&mut body, *site, hook, &below);
        }
        let _ = writeln!(body, "\t\tjump {}", below[0]);
        self.rule(&mut body, *site, hook, &below[1..]);
        body.push_str("\t}\n");
        bodies.push(body);
        for (n, name) in below.iter().enumerate() {
            let mut body = format!("\tchain {name} {{\n");
            for _ in 0..=self.dice.below(4) {
                self.rule(&mut body, *site, hook, &below[n + 1..]);
            }
            body.push_str("\t}\n");
            bodies.push(body);
        }
    }

    fn rule(&mut self, body: &mut String, site: Site, hook: &str, below: &[String]) {
        let mut draft = Draft::default();
        for _ in 0..=self.dice.below(2) {
            self.test(&mut draft, site, hook);
        }
        self.statement(&mut draft, site, below);
        let _ = writeln!(body, "\t\t{}", draft.words.trim_end());
    }

    fn address(&self) -> &'static str {
        if self.four { "ip" } else { "ip6" }
    }

    #[allow(clippy::too_many_lines, reason = "one arm a test")]
    fn test(&mut self, draft: &mut Draft, site: Site, hook: &str) {
        let not = if self.dice.once_in(3) { "!= " } else { "" };
        let family = self.address();
        let four = self.four;
        let pick = |dice: &mut Dice, v4: &[&'static str], v6: &[&'static str]| dice.of(if four { v4 } else { v6 });
        match self.dice.below(23) {
            0 | 1 => {
                let net = pick(
                    &mut self.dice,
                    &["10.244.1.5", "10.244.0.0/16", "203.0.113.0/24", "@clients", "{ 10.244.1.5, 192.168.0.0/16 }"],
                    &["fd00:244:0:1::5", "fd00:244::/56", "2001:db8::/32", "@clients"],
                );
                draft.add(&format!("{family} saddr {not}{net}"));
            }
            2..=4 => {
                let net = pick(
                    &mut self.dice,
                    &[
                        "10.96.0.10",
                        "10.96.0.8/30",
                        "10.244.0.0/16",
                        "10.96.0.9-10.96.0.11",
                        "@nets",
                        "{ 10.96.0.11, 192.168.50.11 }",
                    ],
                    &["fd00:96::a", "fd00:96::8/126", "fd00:244::/56", "@nets", "{ fd00:96::b, fd00:50::11 }"],
                );
                draft.add(&format!("{family} daddr {not}{net}"));
            }
            5 if matches!(hook, "prerouting" | "input" | "forward") => {
                let name =
                    self.dice.of(&["\"eth0\"", "\"eth1\"", "\"veth-pod1\"", "\"eth*\"", "{ \"eth0\", \"veth-pod1\" }"]);
                draft.add(&format!("iifname {not}{name}"));
            }
            6 if matches!(hook, "output" | "postrouting" | "forward") => {
                let name = self.dice.of(&["\"eth0\"", "\"eth1\"", "\"veth-pod2\"", "\"veth*\"", "\"lo\""]);
                draft.add(&format!("oifname {not}{name}"));
            }
            7 | 8 => {
                let protocol = self.dice.of(&["tcp", "udp"]);
                let ports = self.dice.of(&["80", "53", "1-1023", "{ 80, 443, 8000-9000 }", "@ports"]);
                if draft.asks(protocol) {
                    draft.add(&format!("{protocol} dport {not}{ports}"));
                }
            }
            9 => {
                let protocol = self.dice.of(&["tcp", "udp"]);
                if draft.asks(protocol) {
                    draft.add(&format!("meta l4proto {protocol}"));
                }
            }
            10 => draft.add(&format!("{family} daddr . meta l4proto . th dport {not}@services")),
            11 => {
                let pairs = pick(
                    &mut self.dice,
                    &["{ 10.244.1.5 . 10.96.0.10, 203.0.113.7 . 10.96.0.12 }", "{ 203.0.113.7 . 192.168.50.11 }"],
                    &["{ fd00:244:0:1::5 . fd00:96::a, 2001:db8::7 . fd00:96::a }"],
                );
                draft.add(&format!("{family} saddr . {family} daddr {not}{pairs}"));
            }
            12 | 13 if site != Site::Raw => {
                let test = self.dice.of(&[
                    "ct state new",
                    "ct state established,related",
                    "ct state invalid",
                    "ct state { new, untracked }",
                    "ct status dnat",
                    "ct status & dnat == 0",
                    "ct direction original",
                    "ct direction reply",
                ]);
                draft.add(test);
            }
            14 if site != Site::Raw => {
                let net = pick(&mut self.dice, &["10.96.0.10", "10.96.0.8/30"], &["fd00:96::a", "fd00:96::8/126"]);
                draft.add(&format!("ct original {family} daddr {not}{net}"));
            }
            15 if hook != "postrouting" => {
                let test = self.dice.of(&["type local", "type != local", "type unicast", "type { local, unicast }"]);
                draft.add(&format!("fib daddr {test}"));
            }
            16 | 17 => {
                let test = self.dice.of(&[
                    "0x1",
                    "& 0x4000 == 0x4000",
                    "& 0x4000 == 0x0",
                    "!= 0x0",
                    "& 0x3 != 0x1",
                    "{ 0x1, 0x4000-0x4001 }",
                ]);
                draft.add(&format!("meta mark {test}"));
            }
            18 if site != Site::Raw => {
                draft.add(&format!("ct mark {}", self.dice.of(&["0x0", "0x10", "& 0xf0 == 0x10"])))
            }
            19 if self.chances > 0 && self.dice.once_in(2) => {
                self.chances -= 1;
                draft.add(self.dice.of(&[
                    "numgen random mod 4 0",
                    "numgen random mod 10 < 3",
                    "numgen random mod 2 1",
                ]));
            }
            20 if self.dice.once_in(8) => {
                self.unknown = true;
                draft.add(self.dice.of(&["meta length 1-59", "meta length > 60"]));
            }
            21 if self.inet => draft.add(if four { "meta nfproto ipv4" } else { "meta nfproto ipv6" }),
            _ => draft.add("counter"),
        }
    }

    fn statement(&mut self, draft: &mut Draft, site: Site, below: &[String]) {
        if !below.is_empty() && self.dice.once_in(2) {
            let chain = &below[self.dice.below(below.len())];
            let last = below.last().map_or("", String::as_str);
            let verb = self.dice.of(&["jump", "jump", "goto"]);
            let family = self.address();
            let vip = if self.four { "10.96.0.10" } else { "fd00:96::a" };
            let words = match self.dice.below(4) {
                0 => format!(
                    "{family} daddr vmap {{ {vip} : {verb} {chain}, {} : return }}",
                    vip.replace("::a", "::b").replace(".10", ".11")
                ),
                1 => format!(
                    "meta l4proto . th dport vmap {{ tcp . 80 : {verb} {chain}, udp . 53 : goto {last}, udp . 80 : continue }}"
                ),
                _ => format!("{verb} {chain}"),
            };
            draft.add(&words);
            return;
        }
        if self.dice.once_in(6) {
            draft.add(self.dice.of(&["return", "accept", "log prefix \"x\"", "counter", "continue"]));
            return;
        }
        match site {
            Site::Raw => {
                draft.add(self.dice.of(&["meta mark set 0x2", "accept", "return", "meta mark set mark or 0x8"]))
            }
            Site::Marks => draft.add(self.dice.of(&[
                "meta mark set 0x1",
                "meta mark set mark or 0x4000",
                "meta mark set mark xor 0x3",
                "meta mark set mark and 0xfffe",
                "ct mark set mark",
                "meta mark set ct mark",
                "ct mark set 0x10",
                "meta mark set th dport map @marks",
                "return",
                "accept",
            ])),
            Site::NatDst => self.destination(draft),
            Site::NatSrc => {
                let v4 = [
                    "masquerade",
                    "masquerade fully-random",
                    "snat ip to 10.99.0.1",
                    "snat ip to 192.168.60.11",
                    "snat ip to ip saddr map { 10.244.1.5 : 10.99.0.5, 203.0.113.7 : 10.99.0.7 }",
                    "meta mark set mark xor 0x4000",
                    "return",
                ];
                let v6 = ["masquerade", "snat ip6 to fd00:99::1", "return"];
                let words = self.dice.of(if self.four { &v4 } else { &v6 });
                draft.add(words);
            }
            Site::Filter => {
                let reset = if draft.protocol == Some("tcp") { "reject with tcp reset" } else { "reject" };
                let v4 = [
                    "reject",
                    "reject with icmp type admin-prohibited",
                    "reject with icmpx type host-unreachable",
                    reset,
                    "drop",
                    "accept",
                    "accept",
                    "return",
                ];
                let v6 = ["reject", "reject with icmpx type admin-prohibited", "drop", "accept", "return"];
                let words = self.dice.of(if self.four { &v4 } else { &v6 });
                // icmpx is for tables of both families alone.
                draft.add(if words.contains("icmpx") && !self.inet { "reject" } else { words });
            }
        }
    }

    fn destination(&mut self, draft: &mut Draft) {
        let family = self.address();
        let protocol = draft.protocol.unwrap_or_else(|| self.dice.of(&["tcp", "udp"]));
        draft.add(&format!("meta l4proto {protocol}"));
        let v4 = [
            "10.244.2.5:8080",
            "10.244.1.6:9000",
            "10.244.1.5:8080",
            "10.244.2.6",
            "192.168.50.11:8443",
            "203.0.113.8:53",
        ];
        let v6 = ["[fd00:244:0:2::5]:8080", "[fd00:244:0:1::6]:9000", "fd00:244:0:2::6", "[fd00:50::11]:8443"];
        let words = match self.dice.below(10) {
            0 => "meta mark set mark or 0x4000".to_owned(),
            1 => format!("redirect to {}", self.dice.of(&[":9000", ":8081"])),
            2 => "accept".to_owned(),
            3 => format!("dnat {family} to {family} daddr map @back"),
            4 => format!("dnat {family} to {family} daddr . th dport map @sockets"),
            5 if self.chances > 0 => {
                self.chances -= 1;
                let (a, b) =
                    if self.four { ("10.244.2.5", "10.244.1.6") } else { ("fd00:244:0:2::5", "fd00:244:0:1::6") };
                format!("dnat {family} to numgen random mod 3 map {{ 0 : {a}, 1 : {a}, 2 : {b} }}")
            }
            _ => format!("dnat {family} to {}", self.dice.of(if self.four { &v4 } else { &v6 })),
        };
        draft.add(&words);
    }
}
