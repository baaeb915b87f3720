//! Rule sets by a seeded generator: chains of random tests and targets in every table, and packets that meet them.
//! The same seed always makes the same text.

use std::fmt::Write;

use crate::case::{Aim, Backend, Decides, RuleSet};

/// Seeds that are run, each in one backend by turns.
pub(crate) const SEEDS: std::ops::Range<u64> = 1..49;

const SETS: &str = "create src hash:ip family inet\nadd src 10.244.1.5\nadd src 203.0.113.7\n\
    create dst hash:net family inet\nadd dst 10.96.0.8/30\nadd dst 10.244.0.0/16\nadd dst 10.244.1.6 nomatch\n\
    create both hash:ip,port,ip family inet\nadd both 10.96.0.10,tcp:80,10.244.1.5\nadd both 10.96.0.12,udp:53,203.0.113.7\n\
    create ports bitmap:port range 0-65535\nadd ports 80\nadd ports 8080\n";

/// What a rule may hold: where it stands decides which tests the kernel takes there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Site {
    Raw,
    ManglePre,
    MangleForward,
    NatDst,
    NatSrc,
    Filter,
}

/// Splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.roll() % n as u64).unwrap()
    }

    pub(crate) fn of<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len())]
    }

    /// True once in `n`.
    pub(crate) fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

struct Maker {
    dice: Dice,
    four: bool,
    /// How many choices by chance may still be written: each doubles the outcomes.
    chances: usize,
    /// Whether the counter was written: two of them in step are not independent.
    counted: bool,
    /// Whether something that the walk cannot know was written.
    unknown: bool,
}

/// The rule set of a seed.
pub(crate) fn set(seed: u64) -> RuleSet {
    let dice = Dice(seed.wrapping_mul(0x2545_f491_4f6c_dd1d));
    let mut maker = Maker { dice, four: !seed.is_multiple_of(4), chances: 3, counted: false, unknown: false };
    let text = maker.text();
    let mut packets = packets(&mut maker.dice, maker.four);
    if maker.unknown {
        for aim in &mut packets {
            aim.decides = Decides::Maybe;
        }
    }
    let four = maker.four;
    RuleSet {
        name: format!("seed-{seed}"),
        backends: vec![if seed.is_multiple_of(2) { Backend::Legacy } else { Backend::Nft }],
        packets,
        ipset: if four { SETS.to_owned() } else { String::new() },
        v4: if four { text.clone() } else { String::new() },
        v6: if four { String::new() } else { text },
        ..RuleSet::default()
    }
}

impl Maker {
    fn text(&mut self) -> String {
        let mut text = String::new();
        let notrack = self.dice.once_in(4);
        self.table(&mut text, "raw", &[("PREROUTING", Site::Raw)], notrack);
        self.table(&mut text, "mangle", &[("PREROUTING", Site::ManglePre), ("FORWARD", Site::MangleForward)], false);
        self.table(&mut text, "nat", &[("PREROUTING", Site::NatDst), ("POSTROUTING", Site::NatSrc)], false);
        self.table(&mut text, "filter", &[("FORWARD", Site::Filter)], false);
        text
    }

    /// One table: for each site a builtin chain (or two that share what follows) and user chains that it enters.
    fn table(&mut self, text: &mut String, table: &str, sites: &[(&str, Site)], notrack: bool) {
        let mut heads = format!("*{table}\n");
        let mut rules = String::new();
        for (at, (chain, site)) in sites.iter().enumerate() {
            let builtins: Vec<&str> = match site {
                Site::NatDst | Site::ManglePre => vec![chain, "OUTPUT"],
                Site::Filter => vec!["INPUT", chain, "OUTPUT"],
                Site::Raw | Site::MangleForward | Site::NatSrc => vec![chain],
            };
            for builtin in &builtins {
                let drops = *site == Site::Filter && *builtin == "FORWARD" && self.dice.once_in(4);
                let _ = writeln!(heads, ":{builtin} {} [0:0]", if drops { "DROP" } else { "ACCEPT" });
                if !matches!(site, Site::Raw | Site::NatDst | Site::NatSrc) {
                    self.replies(&mut rules, builtin);
                }
            }
            if notrack {
                let vip = if self.four { "10.96.0.12/32" } else { "fd00:96::c/128" };
                // Both directions: an answer to a packet that was not tracked would be a connection of its own.
                heads.push_str(":OUTPUT ACCEPT [0:0]\n");
                for (chain, side) in [("PREROUTING", "-d"), ("PREROUTING", "-s"), ("OUTPUT", "-d")] {
                    let _ = writeln!(rules, "-A {chain} {side} {vip} -j CT --notrack");
                }
            }
            let chains: Vec<String> =
                (0..=self.dice.below(3)).map(|n| format!("{}{at}{n}", char::from(table.as_bytes()[0]))).collect();
            for name in &chains {
                let _ = writeln!(heads, ":{name} - [0:0]");
            }
            for builtin in &builtins {
                for _ in 0..=self.dice.below(2) {
                    self.rule(&mut rules, builtin, *site, &chains);
                }
                let first = &chains[0];
                let _ = writeln!(rules, "-A {builtin} -j {first}");
                self.rule(&mut rules, builtin, *site, &chains[1..]);
            }
            for (n, name) in chains.iter().enumerate() {
                for _ in 0..=self.dice.below(4) {
                    self.rule(&mut rules, name, *site, &chains[n + 1..]);
                }
            }
        }
        let _ = writeln!(text, "{heads}{rules}COMMIT");
    }

    /// Only first packets are under test: what answers or follows them passes.
    fn replies(&self, rules: &mut String, chain: &str) {
        let (icmp, untracked) = if self.four { ("icmp", "10.96.0.12/32") } else { ("ipv6-icmp", "fd00:96::c/128") };
        let _ = write!(
            rules,
            "-A {chain} -p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN -j ACCEPT\n\
             -A {chain} -p udp -m conntrack --ctdir REPLY -j ACCEPT\n\
             -A {chain} -s {untracked} -j ACCEPT\n-A {chain} -p {icmp} -j ACCEPT\n"
        );
    }

    fn rule(&mut self, rules: &mut String, chain: &str, site: Site, below: &[String]) {
        let mut tests = String::new();
        let mut protocol = String::new();
        if site == Site::NatDst && !self.counted && self.dice.once_in(3) {
            // For one place alone: packets of several places in step would not meet each turn by chance.
            self.counted = true;
            let pod = if self.four { "10.244.1.5/32" } else { "fd00:244:0:1::5/128" };
            let turns = self.dice.of(&["--every 2 --packet 0", "--every 3 --packet 2", "--every 4 --packet 1"]);
            let not = if self.dice.once_in(3) { "! " } else { "" };
            let (protocol, target) = self.destination();
            let _ = writeln!(rules, "-A {chain} -s {pod} -p {protocol} -m statistic --mode nth {not}{turns}{target}");
        }
        for _ in 0..=self.dice.below(2) {
            if let Some((needs, test)) = self.test(site, chain) {
                let clash = !needs.is_empty() && !protocol.is_empty() && protocol != needs;
                if clash || repeats(&tests, &test) {
                    continue;
                }
                if !needs.is_empty() {
                    needs.clone_into(&mut protocol);
                }
                tests = format!("{tests} {test}");
            }
        }
        let (needs, target) = self.target(site, below);
        if !needs.is_empty() && protocol.is_empty() {
            needs.clone_into(&mut protocol);
        }
        let protocol = if protocol.is_empty() { String::new() } else { format!(" -p {protocol}") };
        let _ = writeln!(rules, "-A {chain}{protocol}{tests}{target}");
    }

    /// A test and the protocol that it needs.
    #[allow(clippy::too_many_lines, reason = "one arm a test")]
    fn test(&mut self, site: Site, chain: &str) -> Option<(String, String)> {
        let not = if self.dice.once_in(3) { "! " } else { "" };
        let kind = self.dice.below(22);
        let four = self.four;
        let pick = |dice: &mut Dice, v4: &[&'static str], v6: &[&'static str]| dice.of(if four { v4 } else { v6 });
        let plain = |text: String| Some((String::new(), text));
        match kind {
            0 | 1 => {
                let net = pick(
                    &mut self.dice,
                    &["10.244.1.5/32", "10.244.0.0/16", "203.0.113.0/24", "192.168.0.0/16"],
                    &["fd00:244:0:1::5/128", "fd00:244::/56", "2001:db8::/32"],
                );
                plain(format!("{not}-s {net}"))
            }
            2 | 3 => {
                let net = pick(
                    &mut self.dice,
                    &[
                        "10.96.0.10/32",
                        "10.96.0.8/30",
                        "10.96.0.0/16",
                        "10.244.0.0/16",
                        "192.168.50.11/32",
                        "10.96.0.12/32",
                    ],
                    &["fd00:96::a/128", "fd00:96::8/126", "fd00:96::/108", "fd00:244::/56"],
                );
                plain(format!("{not}-d {net}"))
            }
            4 if !matches!(chain, "OUTPUT" | "POSTROUTING") => {
                plain(format!("{not}-i {}", self.dice.of(&["eth0", "eth1", "veth-pod1", "eth+", "veth+", "lo"])))
            }
            5 if !matches!(chain, "INPUT" | "PREROUTING") => {
                plain(format!("{not}-o {}", self.dice.of(&["eth0", "eth1", "veth-pod2", "eth+", "veth+", "lo"])))
            }
            6 | 7 => {
                let (protocol, port) =
                    (self.dice.of(&["tcp", "udp"]), self.dice.of(&["80", "8080", "53", "1:1023", "8000:9000", ":80"]));
                Some((protocol.to_owned(), format!("-m {protocol} {not}--dport {port}")))
            }
            8 => {
                let protocol = self.dice.of(&["tcp", "udp"]);
                let ports = self.dice.of(&[
                    "--dports 80,443",
                    "--dports 53,8000:9000",
                    "--ports 80,443",
                    "--sports 1024:65535",
                ]);
                Some((protocol.to_owned(), format!("-m multiport {not}{ports}")))
            }
            9 => Some((
                "tcp".to_owned(),
                format!(
                    "-m tcp {not}--tcp-flags {}",
                    self.dice.of(&["SYN,ACK SYN", "FIN,SYN,RST,ACK SYN", "ACK ACK", "RST NONE"])
                ),
            )),
            10 | 11 => plain(format!(
                "-m mark {not}--mark {}",
                self.dice.of(&["0x1/0x1", "0x2/0x3", "0x4000/0x4000", "0x0", "0x3"])
            )),
            12 => plain(format!("-m connmark {not}--mark {}", self.dice.of(&["0x1/0x1", "0x0", "0x10/0xf0"]))),
            13 => {
                let states = [
                    "NEW",
                    "ESTABLISHED,RELATED",
                    "NEW,ESTABLISHED",
                    "INVALID",
                    "UNTRACKED",
                    "DNAT",
                    "SNAT,DNAT",
                    "NEW,UNTRACKED",
                ];
                (site != Site::Raw)
                    .then(|| (String::new(), format!("-m conntrack {not}--ctstate {}", self.dice.of(&states))))
            }
            14 => plain(format!(
                "-m addrtype {not}{}",
                self.dice.of(&[
                    "--dst-type LOCAL",
                    "--src-type LOCAL",
                    "--dst-type UNICAST",
                    if four { "--dst-type LOCAL,BROADCAST" } else { "--dst-type LOCAL,UNICAST" }
                ])
            )),
            15 | 16 if four => plain(format!(
                "-m set {not}--match-set {}",
                self.dice.of(&["src src", "dst dst", "both dst,dst,src", "ports dst", "dst src", "src dst"])
            )),
            17 => {
                let range = pick(
                    &mut self.dice,
                    &[
                        "--src-range 10.244.1.0-10.244.1.9",
                        "--dst-range 10.96.0.9-10.96.0.11",
                        "--dst-range 10.244.1.6-10.244.2.5",
                    ],
                    &["--src-range fd00:244:0:1::1-fd00:244:0:1::9", "--dst-range fd00:96::9-fd00:96::b"],
                );
                let (option, value) = range.split_once(' ')?;
                plain(format!("-m iprange {not}{option} {value}"))
            }
            18 if self.chances > 0 && self.dice.once_in(2) => {
                self.chances -= 1;
                plain(format!(
                    "-m statistic --mode random {not}--probability {}",
                    self.dice.of(&["0.25", "0.5", "0.33333333349", "0.8"])
                ))
            }
            20 if self.dice.once_in(6) => {
                self.unknown = true;
                plain(format!("-m length {not}--length {}", self.dice.of(&["1:59", "60:1500", "20"])))
            }
            _ => plain(format!("-m comment --comment \"{}\"", self.dice.of(&["a b", "x: -j DROP", "plain"]))),
        }
    }

    /// A target and the protocol that it needs.
    fn target(&mut self, site: Site, below: &[String]) -> (String, String) {
        let any = |text: &str| (String::new(), format!(" {text}"));
        if let Some(chain) = (!below.is_empty() && self.dice.once_in(2)).then(|| &below[self.dice.below(below.len())]) {
            return any(&format!("{} {chain}", self.dice.of(&["-j", "-j", "-g"])));
        }
        if self.dice.once_in(6) {
            return any(self.dice.of(&["-j RETURN", "-j ACCEPT", "-j LOG", ""]));
        }
        match site {
            Site::Raw => any(self.dice.of(&["-j RETURN", "-j ACCEPT", "-j TRACE", "-j MARK --set-xmark 0x2/0x2"])),
            Site::ManglePre | Site::MangleForward => any(self.dice.of(&[
                "-j MARK --set-xmark 0x1/0x1",
                "-j MARK --set-xmark 0x2/0xffffffff",
                "-j MARK --or-mark 0x4000",
                "-j MARK --xor-mark 0x3",
                "-j MARK --and-mark 0xfffe",
                "-j CONNMARK --save-mark --nfmask 0xffffffff --ctmask 0xffffffff",
                "-j CONNMARK --restore-mark --nfmask 0xff --ctmask 0xff",
                "-j CONNMARK --set-xmark 0x10/0xf0",
                "-j RETURN",
                "-j ACCEPT",
            ])),
            Site::NatDst => self.destination(),
            Site::NatSrc => {
                let v4 = [
                    "-j MASQUERADE",
                    "-j MASQUERADE --random-fully",
                    "-j SNAT --to-source 10.99.0.1",
                    "-j SNAT --to-source 192.168.60.11",
                    "-j MARK --set-xmark 0x4000/0x0",
                    "-j RETURN",
                ];
                let v6 = ["-j MASQUERADE", "-j SNAT --to-source fd00:99::1", "-j RETURN"];
                any(self.dice.of(if self.four { &v4 } else { &v6 }))
            }
            Site::Filter => {
                let v4 = [
                    "-j REJECT",
                    "-j REJECT --reject-with icmp-admin-prohibited",
                    "-j REJECT --reject-with icmp-host-prohibited",
                    "-j DROP",
                    "-j ACCEPT",
                    "-j ACCEPT",
                    "-j RETURN",
                ];
                let v6 =
                    ["-j REJECT", "-j REJECT --reject-with icmp6-adm-prohibited", "-j DROP", "-j ACCEPT", "-j RETURN"];
                any(self.dice.of(if self.four { &v4 } else { &v6 }))
            }
        }
    }

    fn destination(&mut self) -> (String, String) {
        let protocol = self.dice.of(&["tcp", "udp"]).to_owned();
        let v4 = [
            "10.244.2.5:8080",
            "10.244.1.6:9000",
            "10.244.1.5:8080",
            "10.244.2.6",
            "192.168.50.11:8443",
            "203.0.113.8:53",
            "10.244.3.5:81",
            ":8081",
        ];
        let v6 = ["[fd00:244:0:2::5]:8080", "[fd00:244:0:1::6]:9000", "fd00:244:0:2::6", "[fd00:50::11]:8443"];
        let text = match self.dice.below(8) {
            0 => " -j MARK --set-xmark 0x4000/0x4000".to_owned(),
            1 => " -j REDIRECT --to-ports 9000".to_owned(),
            2 => " -j ACCEPT".to_owned(),
            _ => format!(" -j DNAT --to-destination {}", self.dice.of(if self.four { &v4 } else { &v6 })),
        };
        (protocol, text)
    }
}

/// Packets that meet a generated rule set.
pub(crate) fn packets(dice: &mut Dice, four: bool) -> Vec<Aim> {
    let v4 = [
        "pod tcp 10.96.0.10:80",
        "pod udp 10.96.0.11:53",
        "pod tcp 10.96.0.12:8080",
        "pod udp 10.244.2.5:8080",
        "client tcp 10.96.0.10:80",
        "client udp 10.96.0.12:53",
        "client tcp 192.168.50.11:8080",
        "client udp 10.244.1.6:9000",
        "node tcp 10.96.0.10:80",
        "node udp 10.96.0.11:53",
        "node tcp 10.244.1.6:8080",
        "node udp 10.96.0.12:80",
        "remote tcp 192.168.60.11:80",
        "remote udp 10.244.1.5:53",
        "pod tcp 192.168.50.11:80",
        "client tcp 10.96.0.11:9000",
    ];
    let v6 = [
        "pod udp [fd00:96::a]:80",
        "pod tcp [fd00:96::b]:8080",
        "client udp [fd00:96::a]:53",
        "client tcp [fd00:96::c]:80",
        "node udp [fd00:96::b]:80",
        "node tcp [fd00:244:0:1::6]:8080",
        "remote udp [fd00:244:0:1::5]:53",
        "client udp [fd00:50::11]:80",
    ];
    let all: &[&str] = if four { &v4 } else { &v6 };
    let first = dice.below(all.len());
    let step = 2 * dice.below(all.len() / 2) + 1;
    // An odd step through a power of two meets each once.
    (0..6).map(|n| Aim::parse(all[(first + n * step) % all.len()]).expect("a packet")).collect()
}

/// Whether the rule has this option already: `-s` twice, or a module twice, is another rule than it looks.
fn repeats(tests: &str, test: &str) -> bool {
    let key = |text: &str| {
        let mut words = text.split(' ').filter(|word| *word != "!");
        let first = words.next().unwrap_or_default().to_owned();
        if first == "-m" { words.next().unwrap_or_default().to_owned() } else { first }
    };
    let key = key(test);
    tests.split(' ').any(|word| word == key)
}
