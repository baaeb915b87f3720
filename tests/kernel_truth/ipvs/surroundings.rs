//! What is around virtual servers: addresses that are not bound, settings, marks, methods, rules before and behind.

use super::services::{WEB, WEB_MEMBERS};
use super::{ROW, Row};

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "not-bound",
        bound: &["10.96.0.111"],
        members: &[
            "KUBE-CLUSTER-IP 10.96.0.10,tcp:80",
            "KUBE-CLUSTER-IP 10.96.0.111,tcp:80",
            "KUBE-IPVS-IPS 10.96.0.111",
        ],
        servers: &[
            "-A -t 10.96.0.10:80 -s rr",
            "-a -t 10.96.0.10:80 -r 10.244.1.6:8080 -m -w 1",
            "-a -t 10.96.0.10:80 -r 10.244.2.5:8080 -m -w 1",
        ],
        packets: &[
            "pod tcp 10.96.0.10:80",
            "client tcp 10.96.0.10:80",
            "node tcp 10.96.0.10:80",
            "pod tcp 10.96.0.111:80",
            "pod tcp 10.96.0.111:81",
            "node tcp 10.96.0.111:8080",
        ],
        ..ROW
    },
    Row {
        name: "untracked-by-ipvs",
        bound: &["10.96.0.110"],
        // Not in KUBE-IPVS-IPS: an answer that nobody tracks is new, and would be refused.
        members: &[WEB_MEMBERS[0]],
        servers: &["-A -t 10.96.0.110:80 -s rr", "-a -t 10.96.0.110:80 -r 10.244.2.5:8080 -m -w 1"],
        sysctl: &[("net.ipv4.vs.conntrack", "0")],
        packets: &["pod tcp 10.96.0.110:80", "client tcp 10.96.0.110:80", "node tcp 10.96.0.110:80"],
        ..ROW
    },
    Row {
        name: "host-network",
        bound: &["10.96.0.110", "10.96.0.111"],
        members: &["KUBE-CLUSTER-IP 10.96.0.110,tcp:80", "KUBE-CLUSTER-IP 10.96.0.111,udp:80"],
        servers: &[
            "-A -t 10.96.0.110:80 -s rr",
            "-a -t 10.96.0.110:80 -r 192.168.50.11:8080 -m -w 1",
            "-A -u 10.96.0.111:80 -s rr",
            "-a -u 10.96.0.111:80 -r 192.168.50.11:8080 -m -w 1",
        ],
        packets: &[
            "pod tcp 10.96.0.110:80",
            "client tcp 10.96.0.110:80",
            "node tcp 10.96.0.110:80",
            "pod udp 10.96.0.111:80",
        ],
        ..ROW
    },
    Row {
        name: "by-mark",
        bound: &["10.96.0.110", "10.96.0.111"],
        servers: &["-A -f 7 -s rr", "-a -f 7 -r 10.244.1.6:0 -m -w 1", "-a -f 7 -r 10.244.2.5:0 -m -w 1"],
        rules: &[
            ("mangle", "-A PREROUTING -d 10.96.0.110/32 -p tcp -m tcp --dport 80 -j MARK --set-xmark 0x7/0xffffffff"),
            ("mangle", "-A PREROUTING -d 10.96.0.111/32 -p tcp -m tcp --dport 8080 -j MARK --set-xmark 0x7/0xffffffff"),
            ("mangle", "-A OUTPUT -d 10.96.0.110/32 -p tcp -m tcp --dport 80 -j MARK --set-xmark 0x7/0xffffffff"),
        ],
        packets: &[
            "pod tcp 10.96.0.110:80",
            "pod tcp 10.96.0.111:8080",
            "pod tcp 10.96.0.111:80",
            "node tcp 10.96.0.110:80",
        ],
        ..ROW
    },
    Row {
        name: "direct",
        bound: &["10.96.0.110", "10.96.0.111"],
        servers: &[
            "-A -t 10.96.0.110:80 -s rr",
            "-a -t 10.96.0.110:80 -r 10.244.2.5:80 -g -w 1",
            "-A -t 10.96.0.111:80 -s rr",
            "-a -t 10.96.0.111:80 -r 192.168.50.11:80 -g -w 1",
        ],
        // An answer would come back with an address of the node as its source, and be lost as a martian.
        rules: &[
            (
                "filter",
                "-A OUTPUT -o eth1 -d 10.96.0.110/32 -p tcp -m tcp --dport 80 -j REJECT --reject-with icmp-host-prohibited",
            ),
            ("filter", "-A OUTPUT -d 10.244.2.5/32 -p tcp -j REJECT --reject-with tcp-reset"),
        ],
        packets: &["pod tcp 10.96.0.110:80", "client tcp 10.96.0.110:80", "pod tcp 10.96.0.111:80"],
        ..ROW
    },
    Row {
        name: "input-first",
        bound: &["10.96.0.110", "10.96.0.111", "10.96.0.112"],
        members: &[
            "KUBE-CLUSTER-IP 10.96.0.110,tcp:80",
            "KUBE-CLUSTER-IP 10.96.0.111,tcp:80",
            "KUBE-CLUSTER-IP 10.96.0.112,tcp:80",
        ],
        servers: &[
            "-A -t 10.96.0.110:80 -s rr",
            "-a -t 10.96.0.110:80 -r 10.244.2.5:8080 -m -w 1",
            "-A -t 10.96.0.111:80 -s rr",
            "-a -t 10.96.0.111:80 -r 10.244.2.5:8081 -m -w 1",
            "-A -t 10.96.0.112:80 -s rr",
            "-a -t 10.96.0.112:80 -r 10.244.2.6:8081 -m -w 1",
        ],
        rules: &[
            ("filter", "-A INPUT -d 10.96.0.110/32 -p tcp -m tcp --dport 80 -j DROP"),
            ("filter", "-A OUTPUT -d 10.244.2.5/32 -p tcp -m tcp --dport 8081 -j DROP"),
            ("filter", "-A FORWARD -d 10.244.2.6/32 -p tcp -m tcp --dport 8081 -j DROP"),
        ],
        packets: &[
            "pod tcp 10.96.0.110:80",
            "pod tcp 10.96.0.111:80",
            "pod tcp 10.96.0.112:80",
            "node tcp 10.96.0.110:80",
            "node tcp 10.96.0.111:80",
        ],
        ..ROW
    },
    Row {
        name: "translated-before",
        bound: &["10.96.0.110"],
        members: &[WEB_MEMBERS[0], WEB_MEMBERS[1]],
        servers: &["-A -t 10.96.0.110:80 -s rr", "-a -t 10.96.0.110:80 -r 10.244.2.5:8080 -m -w 1"],
        rules: &[
            ("nat", "-A PREROUTING -d 10.96.0.40/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.96.0.110:80"),
            (
                "nat",
                "-A PREROUTING -d 10.96.0.110/32 -p tcp -m tcp --dport 80 -s 203.0.113.8/32 -j DNAT --to-destination 10.244.1.6:8081",
            ),
        ],
        packets: &["pod tcp 10.96.0.40:80", "client tcp 10.96.0.110:80 from=203.0.113.8", "client tcp 10.96.0.110:80"],
        ..ROW
    },
    Row {
        name: "forward-policy",
        bound: &["10.96.0.110"],
        members: &[WEB_MEMBERS[0], WEB_MEMBERS[1], WEB_MEMBERS[2], WEB_MEMBERS[3]],
        servers: &[WEB[0], WEB[1], WEB[2], WEB[3]],
        rules: &[("filter", ":FORWARD DROP [0:0]")],
        packets: &["pod tcp 10.96.0.110:80", "client tcp 10.96.0.110:80", "client tcp 10.96.0.41:80"],
        ..ROW
    },
    Row {
        name: "out-filter",
        bound: &["10.96.0.130"],
        members: &["KUBE-LOAD-BALANCER 10.96.0.130,tcp:80", "KUBE-IPVS-IPS 10.96.0.130"],
        servers: &["-A -t 10.96.0.130:80 -s rr", "-a -t 10.96.0.130:80 -r 10.244.2.5:8080 -m -w 1"],
        rules: &[(
            "filter",
            "-A KUBE-IPVS-OUT-FILTER -s 10.96.0.130/32 -m ipvs --vproto 6 --vaddr 10.96.0.130 --vport 80 -j DROP",
        )],
        packets: &["node tcp 10.96.0.130:80", "pod tcp 10.96.0.130:80", "client tcp 10.96.0.130:80"],
        ..ROW
    },
    Row {
        name: "six",
        bound: &["fd00:96::1:a", "fd00:96::1:b"],
        members: &[
            "KUBE-6-CLUSTER-IP fd00:96::1:a,udp:80",
            "KUBE-6-CLUSTER-IP fd00:96::1:b,tcp:80",
            "KUBE-6-IPVS-IPS fd00:96::1:a",
            "KUBE-6-IPVS-IPS fd00:96::1:b",
            "KUBE-6-LOOP-BACK fd00:244:0:1::5,udp:8080,fd00:244:0:1::5",
        ],
        servers: &[
            "-A -u [fd00:96::1:a]:80 -s rr",
            "-a -u [fd00:96::1:a]:80 -r [fd00:244:0:1::5]:8080 -m -w 1",
            "-a -u [fd00:96::1:a]:80 -r [fd00:244:0:2::5]:8080 -m -w 1",
            "-A -t [fd00:96::1:b]:80 -s rr",
            "-a -t [fd00:96::1:b]:80 -r [fd00:244:0:1::6]:8080 -m -w 1",
        ],
        packets: &[
            "pod udp [fd00:96::1:a]:80",
            "node udp [fd00:96::1:a]:80",
            "client udp [fd00:96::1:a]:80",
            "pod tcp [fd00:96::1:b]:80",
            "client tcp [fd00:96::1:b]:80",
            "pod udp [fd00:96::1:a]:81",
        ],
        ..ROW
    },
];
