//! Matches of what the node adds: marks, connections, kinds of addresses, sets, ways back.

use super::{ROW, Row, Stage};

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

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "mark",
        mangle: MARKED,
        holds: &[
            "-m mark --mark 0x4021",
            "-m mark --mark 0x4000/0x4000",
            "-m mark ! --mark 0x1/0x3000",
            "-m mark --mark 0x1/0x3",
            "-m mark ! --mark 0x21",
        ],
        fails: &[
            "-m mark --mark 0x4020",
            "-m mark ! --mark 0x4000/0x4000",
            "-m mark --mark 0x0/0x20",
            "-m mark --mark 0x3/0x3",
            "-m mark ! --mark 0x4021",
        ],
        ..ROW
    },
    Row {
        name: "connmark",
        mangle: CONNMARKED,
        holds: &[
            "-m connmark --mark 0x4021",
            "-m connmark --mark 0x4000/0x4000",
            "-m connmark ! --mark 0x1/0x3000",
            "-m connmark --mark 0x1/0x3",
            "-m mark --mark 0x0",
        ],
        fails: &[
            "-m connmark --mark 0x4020",
            "-m connmark ! --mark 0x4000/0x4000",
            "-m connmark --mark 0x0/0x20",
            "-m connmark ! --mark 0x4021",
            "-m mark --mark 0x4021",
        ],
        ..ROW
    },
    Row {
        name: "conntrack-state",
        stage: Stage::Filter,
        holds: &[
            "-m conntrack --ctstate NEW",
            "-m state --state NEW,ESTABLISHED",
            "-m conntrack ! --ctstate ESTABLISHED",
            "-m conntrack ! --ctstate INVALID,RELATED",
            "-m conntrack ! --ctstate DNAT",
            "-m conntrack --ctstate NEW,DNAT",
        ],
        fails: &[
            "-m conntrack --ctstate ESTABLISHED",
            "-m state ! --state NEW",
            "-m conntrack --ctstate RELATED,ESTABLISHED",
            "-m conntrack --ctstate INVALID",
            "-m conntrack --ctstate DNAT,SNAT",
            "-m conntrack --ctstate UNTRACKED",
        ],
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
        holds: &[
            "-m conntrack --ctstate UNTRACKED",
            "-m conntrack ! --ctstate NEW",
            "-m conntrack ! --ctstate INVALID",
            "-m state --state NEW,UNTRACKED",
            "-m conntrack ! --ctstate DNAT",
            "-m conntrack --ctstate UNTRACKED --ctorigdst 1.2.3.4",
            "-m conntrack --ctstate UNTRACKED ! --ctorigdst {to}",
        ],
        fails: &[
            "-m conntrack ! --ctstate UNTRACKED",
            "-m conntrack --ctstate NEW",
            "-m conntrack --ctstate INVALID",
            "-m state --state NEW,ESTABLISHED",
            "-m conntrack --ctstate DNAT",
            "-m conntrack --ctorigdst {to}",
            "-m conntrack --ctstate NEW ! --ctorigdst 1.2.3.4",
        ],
        ..ROW
    },
    Row {
        name: "connlimit-of-none",
        stage: Stage::Filter,
        holds: &["-p tcp -m connlimit --connlimit-above 0"],
        fails: &["-p tcp -m connlimit --connlimit-upto 0", "-p tcp -m connlimit --connlimit-above 9999"],
        ..ROW
    },
    Row {
        name: "addrtype",
        holds: &[
            "-m addrtype --dst-type UNICAST",
            "-m addrtype ! --dst-type LOCAL",
            "-m addrtype --src-type UNICAST",
            "-m addrtype ! --src-type LOCAL --dst-type UNICAST",
            "-m addrtype --dst-type LOCAL,UNICAST",
        ],
        fails: &[
            "-m addrtype ! --dst-type UNICAST",
            "-m addrtype --dst-type LOCAL",
            "-m addrtype --src-type LOCAL",
            "-m addrtype ! --src-type LOCAL --dst-type LOCAL",
            "-m addrtype --dst-type BROADCAST,MULTICAST",
        ],
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
        holds: &[
            "-m set --match-set ip src",
            "-m set --match-set net dst",
            "-m set --match-set ip-port src,dst",
            "-m set --match-set ports dst",
        ],
        fails: &[
            "-m set ! --match-set ip src",
            "-m set --match-set ip dst",
            "-m set --match-set ip-port dst,dst",
            "-m set ! --match-set ports dst",
        ],
        ..ROW
    },
    Row {
        name: "physdev",
        stage: Stage::Filter,
        holds: &[
            "-m physdev ! --physdev-is-in",
            "-m physdev ! --physdev-is-out",
            "-m physdev ! --physdev-is-bridged",
            "-m physdev ! --physdev-in eth0",
            "-m physdev ! --physdev-is-in ! --physdev-is-out",
        ],
        fails: &[
            "-m physdev --physdev-is-in",
            "-m physdev --physdev-is-bridged",
            "-m physdev --physdev-in veth-pod1",
            "-m physdev --physdev-in eth0",
            "-m physdev --physdev-is-in -i veth-pod1",
        ],
        ..ROW
    },
    Row {
        name: "iprange",
        holds: &[
            "-m iprange --src-range 10.244.1.1-10.244.1.9",
            "-m iprange --dst-range 10.96.0.0-10.96.1.0",
            "-m iprange ! --src-range 10.244.1.6-10.244.1.9",
            "-m iprange ! --dst-range 10.97.0.0-10.98.0.0",
            "-m iprange --src-range 10.244.1.5-10.244.1.5 --dst-range 10.96.0.0-10.96.0.255",
        ],
        fails: &[
            "-m iprange --src-range 10.244.1.6-10.244.1.9",
            "-m iprange ! --dst-range 10.96.0.0-10.96.1.0",
            "-m iprange ! --src-range 10.244.1.1-10.244.1.9",
            "-m iprange --dst-range 10.97.0.0-10.98.0.0",
            "-m iprange --src-range 10.244.1.5-10.244.1.5 ! --dst-range 10.96.0.0-10.96.0.255",
        ],
        ..ROW
    },
    Row {
        name: "packet-type",
        holds: &[
            "-m pkttype --pkt-type unicast",
            "-m pkttype ! --pkt-type broadcast",
            "-m pkttype ! --pkt-type multicast",
        ],
        fails: &[
            "-m pkttype ! --pkt-type unicast",
            "-m pkttype --pkt-type broadcast",
            "-m pkttype --pkt-type multicast",
        ],
        ..ROW
    },
    Row {
        name: "rpfilter",
        stage: Stage::Mangle,
        holds: &["-m rpfilter", "-m rpfilter --loose", "-m rpfilter --validmark"],
        fails: &["-m rpfilter --invert", "-m rpfilter --loose --invert", "-m rpfilter --validmark --invert"],
        ..ROW
    },
];
