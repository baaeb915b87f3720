//! Tests of what stands in the packet: addresses, ports, interfaces, flags, types; sets and maps of them.

use super::{ROW, Row, Stage};

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "source",
        holds: &[
            "ip saddr 10.244.1.5",
            "ip saddr 10.244.0.0/16",
            "ip saddr != 10.244.1.6",
            "ip saddr { 10.244.1.5, 10.244.1.9 }",
            "ip saddr 10.244.1.4-10.244.1.6",
            "ip saddr != { 10.244.1.6, 203.0.113.0/24 }",
            "ip saddr & 255.0.255.0 == 10.0.1.0",
            "ip saddr > 10.244.1.4",
        ],
        fails: &[
            "ip saddr 10.244.1.6",
            "ip saddr != 10.244.0.0/16",
            "ip saddr != 10.244.1.5",
            "ip saddr != { 10.244.1.5, 10.244.1.9 }",
            "ip saddr 10.244.1.6-10.244.1.9",
            "ip6 saddr fd00:244:0:1::5 goto {then}",
            "ip saddr & 255.0.255.0 == 10.0.2.0",
            "ip saddr < 10.244.1.5",
        ],
        ..ROW
    },
    Row {
        name: "source-6",
        packet: "pod udp 6",
        holds: &[
            "ip6 saddr fd00:244:0:1::5",
            "ip6 saddr fd00:244::/56",
            "ip6 saddr != 2001:db8::/32",
            "ip6 saddr { fd00:244:0:1::5, ::1 }",
            "ip6 saddr fd00:244:0:1::1-fd00:244:0:1::9",
        ],
        fails: &[
            "ip6 saddr fd00:244:0:1::6",
            "ip6 saddr != fd00:244::/56",
            "ip6 saddr { fd00:244:0:1::6, ::1 }",
            "ip saddr 10.244.1.5 goto {then}",
            "ip6 saddr fd00:244:0:1::6-fd00:244:0:1::9",
        ],
        ..ROW
    },
    Row {
        name: "destination",
        stage: Stage::Filter,
        holds: &[
            "ip daddr {to}",
            "ip daddr 10.96.0.0/16",
            "ip daddr != 10.97.0.0/16",
            "ip daddr 0.0.0.0/1",
            "ip daddr { 10.96.0.0-10.96.0.255 }",
            "ip daddr != { 10.97.0.0/16, 128.0.0.0/1 }",
        ],
        fails: &[
            "ip daddr != {to}",
            "ip daddr != 10.96.0.0/16",
            "ip daddr 10.97.0.0/16",
            "ip daddr 128.0.0.0/1",
            "ip daddr { 10.96.1.0-10.96.1.255 }",
        ],
        ..ROW
    },
    Row {
        name: "in-interface",
        holds: &[
            "iifname \"veth-pod1\"",
            "iifname \"veth*\"",
            "iifname != \"eth0\"",
            "iifname { \"veth-pod1\", \"eth0\" }",
            "iif \"veth-pod1\"",
            "iif != \"eth0\"",
            "meta iifname \"veth-pod1\"",
            "iifname != \"veth-pod\"",
        ],
        fails: &[
            "iifname \"eth0\"",
            "iifname != \"veth-pod1\"",
            "iifname \"eth*\"",
            "iifname != \"veth*\"",
            "iif \"eth0\"",
            "iifname { \"eth1\", \"eth0\" }",
            "iifname \"veth-pod\"",
        ],
        ..ROW
    },
    Row {
        name: "out-interface",
        stage: Stage::Filter,
        holds: &[
            "oifname \"eth1\"",
            "oifname \"eth*\"",
            "oifname != \"eth0\"",
            "oif \"eth1\"",
            "iifname . oifname { \"veth-pod1\" . \"eth1\" }",
            "oifname != \"veth*\"",
        ],
        fails: &[
            "oifname \"eth0\"",
            "oifname != \"eth1\"",
            "oifname \"veth*\"",
            "oif \"eth0\"",
            "iifname . oifname { \"eth1\" . \"eth1\" }",
        ],
        ..ROW
    },
    Row {
        name: "out-interface-of-node",
        stage: Stage::Filter,
        packet: "node udp 4",
        holds: &["oifname \"eth1\"", "oifname != \"eth0\"", "oifname != \"lo\"", "ip saddr 192.168.60.11"],
        fails: &["oifname \"eth0\"", "oifname != \"eth1\"", "oifname \"lo\"", "iifname \"eth1\"", "iifname \"lo\""],
        ..ROW
    },
    Row {
        name: "protocol",
        stage: Stage::Filter,
        holds: &[
            "meta l4proto tcp",
            "meta l4proto { tcp, udp }",
            "meta l4proto != udp",
            "ip protocol tcp",
            "ip protocol != { udp, icmp }",
            "meta nfproto ipv4",
            "meta protocol ip",
            "meta l4proto 6",
        ],
        fails: &[
            "meta l4proto udp",
            "meta l4proto != tcp",
            "ip protocol udp",
            "meta nfproto ipv6",
            "meta protocol ip6",
            "meta l4proto { udp, sctp }",
            "udp dport 80",
            "ip6 nexthdr tcp",
            "icmp type echo-request",
        ],
        ..ROW
    },
    Row {
        name: "port",
        holds: &[
            "tcp dport 80",
            "tcp dport 79-81",
            "tcp dport != 81",
            "tcp dport { 80, 443 }",
            "tcp dport < 81",
            "tcp dport >= 80",
            "th dport 80",
            "tcp dport != { 81-90, 443 }",
            "meta l4proto . th dport { tcp . 80 }",
            "tcp dport http",
        ],
        fails: &[
            "tcp dport 81",
            "tcp dport != 79-81",
            "tcp dport != 80",
            "tcp dport { 81, 443 }",
            "tcp dport > 80",
            "tcp dport <= 79",
            "th dport 81",
            "udp dport 80",
            "meta l4proto . th dport { udp . 80 }",
            "sctp dport 80",
        ],
        ..ROW
    },
    Row {
        name: "source-port",
        packet: "pod udp 4 from=10.244.1.5:4000",
        holds: &[
            "udp sport 4000",
            "udp sport 3999-4001",
            "udp sport != 4001",
            "th sport . th dport { 4000 . 80 }",
            "udp sport { 4000, 80 }",
        ],
        fails: &[
            "udp sport 4001",
            "udp sport != 3999-4001",
            "udp sport != 4000",
            "th sport . th dport { 4001 . 80 }",
            "udp sport < 1024",
        ],
        ..ROW
    },
    Row {
        name: "ephemeral-port",
        holds: &["tcp sport 1024-65535", "tcp sport != 80", "tcp sport > 1023", "tcp sport != { 53, 80 }"],
        fails: &["tcp sport != 1024-65535", "tcp sport 80", "tcp sport < 1024", "tcp sport { 53, 80 }"],
        ..ROW
    },
    Row {
        name: "named-sets",
        sets: "\tset a {\n\t\ttype ipv4_addr\n\t\telements = { 10.244.1.5 }\n\t}\n\tset e {\n\t\ttype ipv4_addr\n\t}\n\
               \tset n {\n\t\ttype ipv4_addr\n\t\tflags interval\n\t\telements = { 10.244.1.0-10.244.1.5, 203.0.113.0/24 }\n\t}\n\
               \tset i {\n\t\ttype ifname\n\t\telements = { \"veth-pod1\", \"eth7\" }\n\t}\n\
               \tset m {\n\t\ttype mark\n\t\telements = { 0x00000000 }\n\t}\n\
               \tset c {\n\t\ttype ipv4_addr . ifname . inet_service\n\t\tflags interval\n\t\telements = { 10.244.1.0/24 . \"veth-pod1\" . 1-80, 203.0.113.7 . \"eth0\" . 80 }\n\t}\n",
        holds: &[
            "ip saddr @a",
            "ip saddr != @e",
            "ip saddr @n",
            "iifname @i",
            "meta mark @m",
            "ip saddr . iifname . tcp dport @c",
            "ip daddr != @a",
            "ip daddr != @n",
        ],
        fails: &[
            "ip saddr != @a",
            "ip saddr @e",
            "ip saddr != @n",
            "iifname != @i",
            "meta mark != @m",
            "ip daddr . iifname . tcp dport @c",
            "ip daddr @n",
        ],
        ..ROW
    },
    Row {
        name: "verdict-maps",
        sets: "\tmap e {\n\t\ttype ipv4_addr : verdict\n\t}\n",
        holds: &[
            "ip daddr vmap { {vip} : goto {then} }",
            "tcp dport vmap { 80 : jump {then}, 81 : drop }",
            "ip saddr . ip daddr vmap { 10.244.1.5 . {vip} : goto {then} }",
            "meta l4proto vmap { udp : drop, tcp : goto {then} }",
            "ct state vmap { established : drop, new : goto {then} }",
            "iifname vmap { \"eth0\" : drop, \"veth-pod1\" : jump {then} }",
            "ip saddr vmap { 10.244.0.0/16 : goto {then} }",
            "meta mark vmap { 0 : jump {then} }",
        ],
        fails: &[
            "ip daddr vmap { {vip} : return }\n\t\tgoto {then}",
            "tcp dport vmap { 81 : jump {then} }",
            "ip saddr . ip daddr vmap { {vip} . 10.244.1.5 : goto {then} }",
            "ip saddr vmap @e\n\t\tip saddr 10.244.1.6 goto {then}",
            "meta l4proto vmap { udp : goto {then}, tcp : accept }",
            "ip saddr vmap { 10.244.0.0/24 : goto {then} }",
            "tcp dport vmap { 80 : return, 81-65535 : goto {then} }",
        ],
        ..ROW
    },
    Row {
        name: "tcp-flags",
        stage: Stage::Filter,
        holds: &[
            "tcp flags syn",
            "tcp flags & (fin | syn | rst | ack) == syn",
            "tcp flags & (syn | ack) == syn",
            "tcp flags & rst == 0",
            "tcp flags != ack",
        ],
        fails: &[
            "tcp flags ack",
            "tcp flags & (fin | syn | rst | ack) != syn",
            "tcp flags & (syn | ack) == ack",
            "tcp flags & syn == 0",
            "tcp flags { ack, rst }",
        ],
        ..ROW
    },
    Row {
        name: "icmp",
        stage: Stage::Filter,
        packet: "pod icmp 4",
        holds: &[
            "icmp type echo-request",
            "icmp type { echo-request, redirect }",
            "icmp type != echo-reply",
            "icmp code 0",
            "meta l4proto icmp",
        ],
        fails: &[
            "icmp type echo-reply",
            "icmp type != echo-request",
            "meta l4proto ipv6-icmp",
            "icmpv6 type echo-request",
            "tcp dport 80",
        ],
        ..ROW
    },
    Row {
        name: "icmp-6",
        stage: Stage::Filter,
        packet: "pod icmp 6",
        holds: &["icmpv6 type echo-request", "icmpv6 type { echo-request, nd-redirect }", "meta l4proto ipv6-icmp"],
        fails: &[
            "icmpv6 type echo-reply",
            "icmpv6 type != echo-request",
            "meta l4proto icmp",
            "icmp type echo-request",
        ],
        ..ROW
    },
];
