//! Matches of what stands in the packet: addresses, ports, interfaces, flags, types.

use super::{ROW, Row, Stage};

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "source",
        holds: &[
            "-s 10.244.1.5/32",
            "-s 10.244.0.0/16",
            "! -s 10.244.1.6/32",
            "-s 10.244.1.4/31",
            "! -s 203.0.113.0/24",
            "-s 10.0.1.0/255.0.255.0",
        ],
        fails: &[
            "-s 10.244.1.6/32",
            "! -s 10.244.0.0/16",
            "-s 203.0.113.0/24",
            "-s 10.244.1.6/31",
            "! -s 10.244.1.5/32",
            "-s 10.0.2.0/255.0.255.0",
        ],
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
    Row {
        name: "fragment",
        holds: &["! -f", "! -f -s 10.0.0.0/8", "! -f --dport 80"],
        fails: &["-f", "-f -s 10.0.0.0/8", "! -f --dport 81"],
        ..ROW
    },
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
        holds: &[
            "--sport 1024:65535",
            "! --sport 80",
            "! --sport :1023",
            "-m multiport --sports 1024:65535",
            "--sport 1000:",
        ],
        fails: &[
            "! --sport 1024:65535",
            "--sport 80",
            "--sport :1023",
            "-m multiport ! --sports 1024:65535",
            "--sport 1:1000",
        ],
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
        holds: &[
            "--syn",
            "--tcp-flags SYN SYN",
            "! --tcp-flags ALL ACK",
            "--tcp-flags ALL SYN",
            "--tcp-flags RST,FIN NONE",
            "--tcp-flags SYN,ACK SYN",
        ],
        fails: &[
            "! --syn",
            "! --tcp-flags SYN SYN",
            "--tcp-flags ALL ACK",
            "--tcp-flags ALL NONE",
            "! --tcp-flags RST,FIN NONE",
            "--tcp-flags SYN,ACK SYN,ACK",
        ],
        ..ROW
    },
    Row {
        name: "icmp-type",
        stage: Stage::Filter,
        packet: "pod icmp 4",
        holds: &[
            "-p icmp --icmp-type 8",
            "-p icmp --icmp-type echo-request",
            "-p icmp --icmp-type 8/0",
            "-p icmp ! --icmp-type 0",
            "-p icmp --icmp-type any",
        ],
        fails: &[
            "-p icmp --icmp-type 0",
            "-p icmp --icmp-type 3/1",
            "-p icmp ! --icmp-type 8",
            "-p icmp --icmp-type 8/1",
            "-p icmp ! --icmp-type 8/0",
        ],
        ..ROW
    },
    Row {
        name: "icmpv6-type",
        stage: Stage::Filter,
        packet: "pod icmp 6",
        holds: &[
            "-p ipv6-icmp --icmpv6-type 128",
            "-p ipv6-icmp --icmpv6-type echo-request",
            "-p ipv6-icmp --icmpv6-type 128/0",
            "-p ipv6-icmp ! --icmpv6-type 129",
            "-p ipv6-icmp",
        ],
        fails: &[
            "-p ipv6-icmp --icmpv6-type 129",
            "-p ipv6-icmp --icmpv6-type 1/4",
            "-p ipv6-icmp ! --icmpv6-type 128",
            "-p ipv6-icmp --icmpv6-type 128/1",
            "! -p ipv6-icmp",
        ],
        ..ROW
    },
    Row {
        name: "comment",
        holds: &[
            "-m comment --comment \"a b: -j DROP\"",
            "-m comment --comment plain",
            "-s 10.244.1.5/32 -m comment --comment \"say \\\"no\\\"\"",
        ],
        fails: &[
            "! -s 10.244.1.5/32 -m comment --comment \"a b\"",
            "-s 10.244.1.6/32 -m comment --comment x",
            "-m comment --comment y --dport 81",
        ],
        ..ROW
    },
    Row {
        name: "ipv6",
        packet: "pod tcp 6",
        holds: &[
            "-s fd00:244:0:1::5/128",
            "! -s 2001:db8::/32",
            "-d fd00:96::/108",
            "-i veth-pod1",
            "--dport 80",
            "-m multiport --dports 80,81",
            "-m addrtype ! --dst-type LOCAL",
            "-m iprange --src-range fd00:244:0:1::1-fd00:244:0:1::9",
        ],
        fails: &[
            "-s fd00:244:0:1::6/128",
            "-s 2001:db8::/32",
            "! -d fd00:96::/108",
            "! -i veth-pod1",
            "--dport 81",
            "-m multiport ! --dports 80,81",
            "-m addrtype --dst-type LOCAL",
            "-m iprange ! --src-range fd00:244:0:1::1-fd00:244:0:1::9",
        ],
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
