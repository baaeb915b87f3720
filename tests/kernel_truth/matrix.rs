//! Each match, both ways: for every way of writing one that holds for the packet, and every way that does not, a chain
//! of its own is entered by an address of its own. What a matching packet meets (another destination, a rejection) is
//! seen at once, and so is what it meets otherwise.

use std::fmt::Write;

use crate::case::{Aim, Backend, RuleSet};

/// What a matching packet meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// DNAT in nat PREROUTING or OUTPUT.
    Nat,
    /// REJECT in filter FORWARD or OUTPUT, where only first packets come.
    Filter,
    /// The same, after the destination was rewritten.
    AfterDnat,
    /// A mark in mangle PREROUTING, and DNAT for the mark.
    Mangle,
}

/// Ways of writing one match.
struct Row {
    name: &'static str,
    stage: Stage,
    /// Place, protocol and family of the packet; `from=` if it matters.
    packet: &'static str,
    ipset: &'static str,
    raw: &'static str,
    mangle: &'static str,
    holds: &'static [&'static str],
    fails: &'static [&'static str],
}

const ROW: Row = Row {
    name: "",
    stage: Stage::Nat,
    packet: "pod tcp 4",
    ipset: "",
    raw: "",
    mangle: "",
    holds: &[],
    fails: &[],
};

const MARKED: &str = "-A PREROUTING -j MARK --set-xmark 0x4021/0xffffffff\n";
const CONNMARKED: &str = "-A PREROUTING -j CONNMARK --set-xmark 0x4021/0xffffffff\n";
const SETS: &str = "create ip hash:ip family inet\nadd ip 10.244.1.5\nadd ip 10.96.0.10\n\
    create net hash:net family inet\nadd net 10.244.0.0/16\nadd net 10.96.0.0/24\nadd net 10.244.1.6 nomatch\n\
    create other hash:ip family inet\nadd other 203.0.113.7\n\
    create ip-port hash:ip,port family inet\nadd ip-port 10.244.1.5,tcp:80\nadd ip-port 10.96.0.10,udp:80\n\
    create net-port hash:net,port family inet\nadd net-port 10.96.0.0/24,tcp:80\n\
    create ip-port-ip hash:ip,port,ip family inet\nadd ip-port-ip 10.244.1.5,tcp:80,10.244.1.5\n\
    create ip-port-net hash:ip,port,net family inet\nadd ip-port-net 10.244.1.5,tcp:80,10.96.0.0/24\n\
    create ports bitmap:port range 0-1000\nadd ports 80\nadd ports 443\n\
    create range bitmap:ip range 10.244.1.0/24\nadd range 10.244.1.5\n\
    create list list:set\nadd list other\nadd list ip\n\
    create empty hash:net family inet\n";
const SETS6: &str = "create ip hash:ip family inet6\nadd ip fd00:244:0:1::5\n\
    create net hash:net family inet6\nadd net fd00:244::/56\nadd net fd00:96::/108\n\
    create ip-port hash:ip,port family inet6\nadd ip-port fd00:244:0:1::5,tcp:80\n\
    create ports bitmap:port range 0-1000\nadd ports 80\n\
    create four hash:ip family inet\nadd four 10.244.1.5\n";

const ROWS: &[Row] = &[
    Row {
        name: "source",
        holds: &["-s 10.244.1.5/32", "-s 10.244.0.0/16", "! -s 10.244.1.6/32", "-s 10.244.1.4/31", "! -s 203.0.113.0/24", "-s 10.0.1.0/255.0.255.0"],
        fails: &["-s 10.244.1.6/32", "! -s 10.244.0.0/16", "-s 203.0.113.0/24", "-s 10.244.1.6/31", "! -s 10.244.1.5/32", "-s 10.0.2.0/255.0.255.0"],
        ..ROW
    },
    Row {
        name: "source-of-client",
        packet: "client udp 4",
        holds: &["-s 203.0.113.7/32", "! -s 10.0.0.0/8", "-s 203.0.113.0/29"],
        fails: &["! -s 203.0.113.7/32", "-s 10.0.0.0/8", "-s 203.0.113.8/29"],
        ..ROW
    },
    Row {
        name: "destination",
        holds: &["-d {to}/32", "-d 10.96.0.0/16", "! -d 10.97.0.0/16", "-d 0.0.0.0/1", "! -d 128.0.0.0/1"],
        fails: &["! -d {to}/32", "! -d 10.96.0.0/16", "-d 10.97.0.0/16", "-d 128.0.0.0/1", "-d 10.96.0.1/32"],
        ..ROW
    },
    Row {
        name: "in-interface",
        holds: &["-i veth-pod1", "-i veth+", "! -i eth0", "! -i eth+", "! -i veth-pod"],
        fails: &["-i eth0", "! -i veth-pod1", "! -i veth+", "-i eth+", "-i veth-pod"],
        ..ROW
    },
    Row {
        name: "out-interface",
        stage: Stage::Filter,
        holds: &["-o eth1", "-o eth+", "! -o eth0", "! -o veth+", "-i veth-pod1 -o eth1"],
        fails: &["-o eth0", "! -o eth+", "! -o eth1", "-o veth+", "-i eth1 -o eth1"],
        ..ROW
    },
    Row {
        name: "out-interface-of-node",
        stage: Stage::Filter,
        packet: "node udp 4",
        holds: &["-o eth1", "! -o eth0", "! -o lo"],
        fails: &["-o eth0", "! -o eth1", "-o lo"],
        ..ROW
    },
    Row {
        name: "protocol",
        stage: Stage::Filter,
        holds: &["-p tcp", "! -p udp", "-p all", "! -p icmp", "! -p 132"],
        fails: &["-p udp", "! -p tcp", "-p icmp", "-p 132", "-p udp -m udp --dport 80"],
        ..ROW
    },
    Row {
        name: "protocol-udp",
        stage: Stage::Filter,
        packet: "pod udp 4",
        holds: &["-p udp", "! -p tcp", "-p udp -m udp --dport 80"],
        fails: &["-p tcp", "! -p udp", "-p tcp -m tcp --dport 80"],
        ..ROW
    },
    Row { name: "fragment", holds: &["! -f", "! -f -s 10.0.0.0/8", "! -f --dport 80"], fails: &["-f", "-f -s 10.0.0.0/8", "! -f --dport 81"], ..ROW },
    Row {
        name: "destination-port",
        holds: &["--dport 80", "--dport 79:81", "! --dport 81", "--dport :80", "--dport 80:", "! --dport 81:90"],
        fails: &["--dport 81", "! --dport 79:81", "! --dport 80", "--dport :79", "--dport 81:", "--dport 90:99"],
        ..ROW
    },
    Row {
        name: "source-port",
        packet: "pod udp 4 from=10.244.1.5:4000",
        holds: &["--sport 4000", "--sport 3999:4001", "! --sport 4001", "! --sport 80", "--sport 1024:65535"],
        fails: &["--sport 4001", "! --sport 3999:4001", "! --sport 4000", "--sport 80", "--sport 4001:"],
        ..ROW
    },
    Row {
        name: "ephemeral-port",
        holds: &["--sport 1024:65535", "! --sport 80", "! --sport :1023", "-m multiport --sports 1024:65535", "--sport 1000:"],
        fails: &["! --sport 1024:65535", "--sport 80", "--sport :1023", "-m multiport ! --sports 1024:65535", "--sport 1:1000"],
        ..ROW
    },
    Row {
        name: "multiport",
        packet: "pod udp 4 from=10.244.1.5:4001",
        holds: &[
            "-m multiport --dports 80,443",
            "-m multiport --dports 1,70:90",
            "-m multiport ! --dports 81,443",
            "-m multiport --sports 4000,4001",
            "-m multiport --ports 80",
            "-m multiport --ports 4001",
        ],
        fails: &[
            "-m multiport --dports 81,443",
            "-m multiport ! --dports 1,70:90",
            "-m multiport ! --dports 80,443",
            "-m multiport --sports 80,443",
            "-m multiport --ports 443,4000",
            "-m multiport ! --ports 4001",
        ],
        ..ROW
    },
    Row {
        name: "tcp-flags",
        holds: &["--syn", "--tcp-flags SYN SYN", "! --tcp-flags ALL ACK", "--tcp-flags ALL SYN", "--tcp-flags RST,FIN NONE", "--tcp-flags SYN,ACK SYN"],
        fails: &["! --syn", "! --tcp-flags SYN SYN", "--tcp-flags ALL ACK", "--tcp-flags ALL NONE", "! --tcp-flags RST,FIN NONE", "--tcp-flags SYN,ACK SYN,ACK"],
        ..ROW
    },
    Row {
        name: "icmp-type",
        stage: Stage::Filter,
        packet: "pod icmp 4",
        holds: &["-p icmp --icmp-type 8", "-p icmp --icmp-type echo-request", "-p icmp --icmp-type 8/0", "-p icmp ! --icmp-type 0", "-p icmp --icmp-type any"],
        fails: &["-p icmp --icmp-type 0", "-p icmp --icmp-type 3/1", "-p icmp ! --icmp-type 8", "-p icmp --icmp-type 8/1", "-p icmp ! --icmp-type 8/0"],
        ..ROW
    },
    Row {
        name: "icmpv6-type",
        stage: Stage::Filter,
        packet: "pod icmp 6",
        holds: &["-p ipv6-icmp --icmpv6-type 128", "-p ipv6-icmp --icmpv6-type echo-request", "-p ipv6-icmp --icmpv6-type 128/0", "-p ipv6-icmp ! --icmpv6-type 129", "-p ipv6-icmp"],
        fails: &["-p ipv6-icmp --icmpv6-type 129", "-p ipv6-icmp --icmpv6-type 1/4", "-p ipv6-icmp ! --icmpv6-type 128", "-p ipv6-icmp --icmpv6-type 128/1", "! -p ipv6-icmp"],
        ..ROW
    },
    Row {
        name: "mark",
        mangle: MARKED,
        holds: &["-m mark --mark 0x4021", "-m mark --mark 0x4000/0x4000", "-m mark ! --mark 0x1/0x3000", "-m mark --mark 0x1/0x3", "-m mark ! --mark 0x21"],
        fails: &["-m mark --mark 0x4020", "-m mark ! --mark 0x4000/0x4000", "-m mark --mark 0x0/0x20", "-m mark --mark 0x3/0x3", "-m mark ! --mark 0x4021"],
        ..ROW
    },
    Row {
        name: "connmark",
        mangle: CONNMARKED,
        holds: &["-m connmark --mark 0x4021", "-m connmark --mark 0x4000/0x4000", "-m connmark ! --mark 0x1/0x3000", "-m connmark --mark 0x1/0x3", "-m mark --mark 0x0"],
        fails: &["-m connmark --mark 0x4020", "-m connmark ! --mark 0x4000/0x4000", "-m connmark --mark 0x0/0x20", "-m connmark ! --mark 0x4021", "-m mark --mark 0x4021"],
        ..ROW
    },
    Row {
        name: "conntrack-state",
        stage: Stage::Filter,
        holds: &["-m conntrack --ctstate NEW", "-m state --state NEW,ESTABLISHED", "-m conntrack ! --ctstate ESTABLISHED", "-m conntrack ! --ctstate INVALID,RELATED", "-m conntrack ! --ctstate DNAT", "-m conntrack --ctstate NEW,DNAT"],
        fails: &["-m conntrack --ctstate ESTABLISHED", "-m state ! --state NEW", "-m conntrack --ctstate RELATED,ESTABLISHED", "-m conntrack --ctstate INVALID", "-m conntrack --ctstate DNAT,SNAT", "-m conntrack --ctstate UNTRACKED"],
        ..ROW
    },
    Row {
        name: "conntrack-after-dnat",
        stage: Stage::AfterDnat,
        holds: &[
            "-m conntrack --ctstate DNAT",
            "-m conntrack ! --ctstate SNAT",
            "-m conntrack --ctstate NEW",
            "-m conntrack --ctorigdst {vip}",
            "-m conntrack --ctreplsrc {to}",
            "-m conntrack --ctorigsrc 10.244.0.0/16",
            "-m conntrack --ctrepldst 10.244.1.5",
            "-m conntrack --ctorigdstport 80",
            "-m conntrack --ctproto 6",
            "-m conntrack --ctdir ORIGINAL",
            "-m conntrack ! --ctstatus CONFIRMED",
            "-m conntrack ! --ctorigdst {to}",
        ],
        fails: &[
            "-m conntrack ! --ctstate DNAT",
            "-m conntrack --ctstate SNAT",
            "-m conntrack --ctstate ESTABLISHED,SNAT",
            "-m conntrack --ctorigdst {to}",
            "-m conntrack --ctreplsrc {vip}",
            "-m conntrack ! --ctorigsrc 10.244.0.0/16",
            "-m conntrack --ctrepldst 10.244.1.6",
            "-m conntrack --ctorigdstport 8080",
            "-m conntrack --ctproto 17",
            "-m conntrack --ctdir REPLY",
            "-m conntrack --ctstatus SEEN_REPLY,ASSURED",
            "-m conntrack ! --ctorigdst {vip}",
        ],
        ..ROW
    },
    Row {
        name: "conntrack-untracked",
        stage: Stage::Filter,
        packet: "pod udp 4",
        raw: "-A PREROUTING -s 10.244.1.5/32 -j CT --notrack\n",
        holds: &["-m conntrack --ctstate UNTRACKED", "-m conntrack ! --ctstate NEW", "-m conntrack ! --ctstate INVALID", "-m state --state NEW,UNTRACKED", "-m conntrack ! --ctstate DNAT"],
        fails: &["-m conntrack ! --ctstate UNTRACKED", "-m conntrack --ctstate NEW", "-m conntrack --ctstate INVALID", "-m state --state NEW,ESTABLISHED", "-m conntrack --ctstate DNAT"],
        ..ROW
    },
    Row {
        name: "addrtype",
        holds: &["-m addrtype --dst-type UNICAST", "-m addrtype ! --dst-type LOCAL", "-m addrtype --src-type UNICAST", "-m addrtype ! --src-type LOCAL --dst-type UNICAST", "-m addrtype --dst-type LOCAL,UNICAST"],
        fails: &["-m addrtype ! --dst-type UNICAST", "-m addrtype --dst-type LOCAL", "-m addrtype --src-type LOCAL", "-m addrtype ! --src-type LOCAL --dst-type LOCAL", "-m addrtype --dst-type BROADCAST,MULTICAST"],
        ..ROW
    },
    Row {
        name: "addrtype-of-node",
        packet: "node tcp 4",
        holds: &["-m addrtype --src-type LOCAL", "-m addrtype --dst-type UNICAST", "-m addrtype ! --dst-type LOCAL"],
        fails: &["-m addrtype ! --src-type LOCAL", "-m addrtype --dst-type LOCAL", "-m addrtype --src-type UNICAST"],
        ..ROW
    },
    Row {
        name: "set",
        ipset: SETS,
        holds: &[
            "-m set --match-set ip src",
            "-m set --match-set net dst",
            "-m set --match-set net src",
            "-m set ! --match-set other src",
            "-m set --match-set ip-port src,dst",
            "-m set --match-set net-port dst,dst",
            "-m set --match-set ip-port-ip src,dst,src",
            "-m set --match-set ip-port-net src,dst,dst",
            "-m set --match-set ports dst",
            "-m set --match-set range src",
            "-m set --match-set list src",
            "-m set ! --match-set empty src",
        ],
        fails: &[
            "-m set --match-set other src",
            "-m set ! --match-set net dst",
            "-m set --match-set empty dst",
            "-m set ! --match-set ip src",
            "-m set --match-set ip-port dst,dst",
            "-m set --match-set net-port src,dst",
            "-m set --match-set ip-port-ip dst,dst,src",
            "-m set --match-set ip-port-net src,dst,src",
            "-m set ! --match-set ports dst",
            "-m set ! --match-set range src",
            "-m set ! --match-set list src",
        ],
        ..ROW
    },
    Row {
        name: "set-ipv6",
        packet: "pod tcp 6",
        ipset: SETS6,
        holds: &["-m set --match-set ip src", "-m set --match-set net dst", "-m set --match-set ip-port src,dst", "-m set --match-set ports dst"],
        fails: &["-m set ! --match-set ip src", "-m set --match-set ip dst", "-m set --match-set ip-port dst,dst", "-m set ! --match-set ports dst"],
        ..ROW
    },
    Row {
        name: "physdev",
        stage: Stage::Filter,
        holds: &["-m physdev ! --physdev-is-in", "-m physdev ! --physdev-is-out", "-m physdev ! --physdev-is-bridged", "-m physdev ! --physdev-in eth0", "-m physdev ! --physdev-is-in ! --physdev-is-out"],
        fails: &["-m physdev --physdev-is-in", "-m physdev --physdev-is-bridged", "-m physdev --physdev-in veth-pod1", "-m physdev --physdev-in eth0", "-m physdev --physdev-is-in -i veth-pod1"],
        ..ROW
    },
    Row {
        name: "iprange",
        holds: &["-m iprange --src-range 10.244.1.1-10.244.1.9", "-m iprange --dst-range 10.96.0.0-10.96.1.0", "-m iprange ! --src-range 10.244.1.6-10.244.1.9", "-m iprange ! --dst-range 10.97.0.0-10.98.0.0", "-m iprange --src-range 10.244.1.5-10.244.1.5 --dst-range 10.96.0.0-10.96.0.255"],
        fails: &["-m iprange --src-range 10.244.1.6-10.244.1.9", "-m iprange ! --dst-range 10.96.0.0-10.96.1.0", "-m iprange ! --src-range 10.244.1.1-10.244.1.9", "-m iprange --dst-range 10.97.0.0-10.98.0.0", "-m iprange --src-range 10.244.1.5-10.244.1.5 ! --dst-range 10.96.0.0-10.96.0.255"],
        ..ROW
    },
    Row {
        name: "packet-type",
        holds: &["-m pkttype --pkt-type unicast", "-m pkttype ! --pkt-type broadcast", "-m pkttype ! --pkt-type multicast"],
        fails: &["-m pkttype ! --pkt-type unicast", "-m pkttype --pkt-type broadcast", "-m pkttype --pkt-type multicast"],
        ..ROW
    },
    Row {
        name: "rpfilter",
        stage: Stage::Mangle,
        holds: &["-m rpfilter", "-m rpfilter --loose", "-m rpfilter --validmark"],
        fails: &["-m rpfilter --invert", "-m rpfilter --loose --invert", "-m rpfilter --validmark --invert"],
        ..ROW
    },
    Row {
        name: "comment",
        holds: &["-m comment --comment \"a b: -j DROP\"", "-m comment --comment plain", "-s 10.244.1.5/32 -m comment --comment \"say \\\"no\\\"\""],
        fails: &["! -s 10.244.1.5/32 -m comment --comment \"a b\"", "-s 10.244.1.6/32 -m comment --comment x", "-m comment --comment y --dport 81"],
        ..ROW
    },
    Row {
        name: "ipv6",
        packet: "pod tcp 6",
        holds: &["-s fd00:244:0:1::5/128", "! -s 2001:db8::/32", "-d fd00:96::/108", "-i veth-pod1", "--dport 80", "-m multiport --dports 80,81", "-m addrtype ! --dst-type LOCAL", "-m iprange --src-range fd00:244:0:1::1-fd00:244:0:1::9"],
        fails: &["-s fd00:244:0:1::6/128", "-s 2001:db8::/32", "! -d fd00:96::/108", "! -i veth-pod1", "--dport 81", "-m multiport ! --dports 80,81", "-m addrtype --dst-type LOCAL", "-m iprange ! --src-range fd00:244:0:1::1-fd00:244:0:1::9"],
        ..ROW
    },
    Row {
        name: "ipv6-filter",
        stage: Stage::Filter,
        packet: "client udp 6",
        holds: &["-m conntrack --ctstate NEW", "-o eth1", "! -p tcp", "-s 2001:db8::7/128"],
        fails: &["-m conntrack --ctstate RELATED,ESTABLISHED", "-o eth0", "-p tcp", "-s 2001:db8::8/128"],
        ..ROW
    },
];

/// One rule set a row.
pub(crate) fn sets() -> Vec<RuleSet> {
    ROWS.iter().map(set).collect()
}

fn set(row: &Row) -> RuleSet {
    let mut words = row.packet.split_whitespace();
    let (place, proto, family) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
    let from = words.next().unwrap_or_default();
    let four = family == "4";
    let (mut nat, mut mangle, mut filter) = (String::new(), row.mangle.to_owned(), String::new());
    let (entry, through) = if place == "node" { ("OUTPUT", "OUTPUT") } else { ("PREROUTING", "FORWARD") };
    // Only first packets are tested: what follows them would meet tests of state and flags anew.
    let mut chains = (String::new(), String::new(), String::new());
    let _ = writeln!(filter, "-A {through} -p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN -j ACCEPT");
    let mut packets = Vec::new();
    for (at, text) in row.holds.iter().chain(row.fails).enumerate() {
        let ip = |n: usize| if four { format!("10.96.0.{n}") } else { format!("fd00:96::{n:x}") };
        let (vip, moved) = (ip(10 + at), ip(34 + at));
        let bits = if four { 32 } else { 128 };
        let to = if row.stage == Stage::AfterDnat { &moved } else { &vip };
        let test = text.replace("{to}", to).replace("{vip}", &vip);
        let endpoint = if four { "10.244.2.5:8080" } else { "[fd00:244:0:2::5]:8080" };
        let protocol = if test.contains("-p ") { String::new() } else { format!(" -p {proto}") };
        let dnat = format!("-j DNAT --to-destination {endpoint}");
        match row.stage {
            Stage::Nat => {
                let _ = writeln!(chains.0, ":T{at} - [0:0]");
                let _ = writeln!(nat, "-A {entry} -d {vip}/{bits} -j T{at}\n-A T{at}{protocol} {test} {dnat}");
            }
            Stage::Filter | Stage::AfterDnat => {
                let _ = writeln!(chains.2, ":T{at} - [0:0]");
                let _ = writeln!(filter, "-A {through} -d {to}/{bits} -j T{at}\n-A T{at} {test} -j REJECT");
                if row.stage == Stage::AfterDnat {
                    let _ = writeln!(nat, "-A {entry} -d {vip}/{bits} -j DNAT --to-destination {moved}");
                }
            }
            Stage::Mangle => {
                let _ = writeln!(chains.1, ":T{at} - [0:0]");
                let _ = writeln!(mangle, "-A PREROUTING -d {vip}/{bits} -j T{at}\n-A T{at} {test} -j MARK --set-xmark 0x7/0xff");
                let _ = writeln!(nat, "-A {entry} -d {vip}/{bits} -p {proto} -m mark --mark 0x7/0xff {dnat}");
            }
        }
        let target = if four { format!("{vip}:80") } else { format!("[{vip}]:80") };
        packets.push(Aim::parse(&format!("{place} {proto} {target} {from}")).expect("a row makes packets"));
    }
    let text = format!(
        "*raw\n{}COMMIT\n*mangle\n{}{mangle}COMMIT\n*nat\n{}{nat}COMMIT\n*filter\n{}{filter}COMMIT\n",
        row.raw, chains.1, chains.0, chains.2
    );
    RuleSet {
        name: format!("match-{}", row.name),
        backends: vec![Backend::Nft, Backend::Legacy],
        packets,
        ipset: row.ipset.to_owned(),
        v4: if four { text.clone() } else { String::new() },
        v6: if four { String::new() } else { text },
        ..RuleSet::default()
    }
}
