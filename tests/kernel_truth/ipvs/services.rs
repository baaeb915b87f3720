//! Services as kube-proxy programs them: cluster IPs, node ports, load balancers, schedulers, affinity.

use super::{ROW, Row};

/// The usual server: three endpoints, two of them on this node.
pub(super) const WEB: &[&str] = &[
    "-A -t 10.96.0.110:80 -s rr",
    "-a -t 10.96.0.110:80 -r 10.244.1.5:8080 -m -w 1",
    "-a -t 10.96.0.110:80 -r 10.244.1.6:8080 -m -w 1",
    "-a -t 10.96.0.110:80 -r 10.244.2.5:8080 -m -w 1",
];
pub(super) const WEB_MEMBERS: &[&str] = &[
    "KUBE-CLUSTER-IP 10.96.0.110,tcp:80",
    "KUBE-IPVS-IPS 10.96.0.110",
    "KUBE-LOOP-BACK 10.244.1.5,tcp:8080,10.244.1.5",
    "KUBE-LOOP-BACK 10.244.1.6,tcp:8080,10.244.1.6",
];

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "cluster-ip",
        bound: &["10.96.0.110", "10.96.0.111"],
        members: &[
            WEB_MEMBERS[0],
            WEB_MEMBERS[1],
            WEB_MEMBERS[2],
            WEB_MEMBERS[3],
            "KUBE-CLUSTER-IP 10.96.0.111,udp:53",
            "KUBE-IPVS-IPS 10.96.0.111",
        ],
        servers: &[
            WEB[0],
            WEB[1],
            WEB[2],
            WEB[3],
            "-A -u 10.96.0.111:53 -s rr",
            "-a -u 10.96.0.111:53 -r 10.244.1.6:53 -m -w 1",
            "-a -u 10.96.0.111:53 -r 10.244.2.6:53 -m -w 1",
        ],
        packets: &[
            "pod tcp 10.96.0.110:80",
            "node tcp 10.96.0.110:80",
            "client tcp 10.96.0.110:80",
            "remote tcp 10.96.0.110:80",
            "remote udp 10.96.0.111:53",
            "pod udp 10.96.0.111:53",
            "node udp 10.96.0.111:53",
            "client udp 10.96.0.111:53",
            "pod tcp 10.96.0.110:81",
            "pod tcp 10.96.0.111:53",
            "node tcp 10.96.0.110:8080",
            "pod icmp 10.96.0.110",
        ],
        ..ROW
    },
    Row {
        name: "node-port",
        bound: &["10.96.0.110"],
        members: &[
            WEB_MEMBERS[0],
            WEB_MEMBERS[1],
            WEB_MEMBERS[2],
            WEB_MEMBERS[3],
            "KUBE-NODE-PORT-TCP 30080",
            "KUBE-NODE-PORT-UDP 30053",
        ],
        servers: &[
            WEB[0],
            WEB[1],
            WEB[2],
            WEB[3],
            "-A -t 192.168.50.11:30080 -s rr",
            "-a -t 192.168.50.11:30080 -r 10.244.1.5:8080 -m -w 1",
            "-a -t 192.168.50.11:30080 -r 10.244.1.6:8080 -m -w 1",
            "-a -t 192.168.50.11:30080 -r 10.244.2.5:8080 -m -w 1",
            "-A -u 192.168.50.11:30053 -s rr",
            "-a -u 192.168.50.11:30053 -r 10.244.2.5:53 -m -w 1",
        ],
        packets: &[
            "client tcp 192.168.50.11:30080",
            "pod tcp 192.168.50.11:30080",
            "node tcp 192.168.50.11:30080",
            "remote tcp 192.168.50.11:30080",
            "client tcp 192.168.60.11:30080",
            "client udp 192.168.50.11:30053",
            "client tcp 192.168.50.11:30053",
            "node tcp 127.0.0.1:30080",
        ],
        ..ROW
    },
    Row {
        name: "node-port-local",
        bound: &["10.96.0.110"],
        members: &[
            "KUBE-CLUSTER-IP 10.96.0.110,tcp:80",
            "KUBE-IPVS-IPS 10.96.0.110",
            "KUBE-NODE-PORT-LOCAL-TCP 30080",
            "KUBE-NODE-PORT-TCP 30080",
        ],
        servers: &["-A -t 192.168.50.11:30080 -s rr", "-a -t 192.168.50.11:30080 -r 10.244.1.6:8080 -m -w 1"],
        packets: &["client tcp 192.168.50.11:30080", "remote tcp 192.168.50.11:30080", "pod tcp 192.168.50.11:30080"],
        ..ROW
    },
    Row {
        name: "none-ready",
        bound: &["10.96.0.110", "10.96.0.112"],
        members: &[
            "KUBE-CLUSTER-IP 10.96.0.110,tcp:80",
            "KUBE-CLUSTER-IP 10.96.0.112,udp:53",
            "KUBE-IPVS-IPS 10.96.0.110",
            "KUBE-IPVS-IPS 10.96.0.112",
        ],
        servers: &["-A -t 10.96.0.110:80 -s rr", "-A -u 10.96.0.112:53 -s rr"],
        packets: &[
            "pod tcp 10.96.0.110:80",
            "client tcp 10.96.0.110:80",
            "node tcp 10.96.0.110:80",
            "pod udp 10.96.0.112:53",
        ],
        ..ROW
    },
    Row {
        name: "weights",
        bound: &["10.96.0.110", "10.96.0.111", "10.96.0.112", "10.96.0.113"],
        members: &[
            "KUBE-CLUSTER-IP 10.96.0.110,tcp:80",
            "KUBE-CLUSTER-IP 10.96.0.111,tcp:80",
            "KUBE-CLUSTER-IP 10.96.0.112,tcp:80",
            "KUBE-CLUSTER-IP 10.96.0.113,tcp:80",
        ],
        servers: &[
            "-A -t 10.96.0.110:80 -s wrr",
            "-a -t 10.96.0.110:80 -r 10.244.1.6:8080 -m -w 3",
            "-a -t 10.96.0.110:80 -r 10.244.2.5:8080 -m -w 1",
            "-A -t 10.96.0.111:80 -s rr",
            "-a -t 10.96.0.111:80 -r 10.244.1.6:8080 -m -w 0",
            "-a -t 10.96.0.111:80 -r 10.244.2.5:8080 -m -w 1",
            "-A -t 10.96.0.112:80 -s rr",
            "-a -t 10.96.0.112:80 -r 10.244.1.6:8080 -m -w 0",
            "-A -t 10.96.0.113:80 -s rr",
            "-a -t 10.96.0.113:80 -r 10.244.1.6:8080 -m -w 5",
            "-a -t 10.96.0.113:80 -r 10.244.2.5:8080 -m -w 1",
        ],
        packets: &[
            "pod tcp 10.96.0.110:80 turns",
            "pod tcp 10.96.0.111:80",
            "pod tcp 10.96.0.112:80",
            "pod tcp 10.96.0.113:80 turns",
        ],
        ..ROW
    },
    Row {
        name: "schedulers",
        bound: &[
            "10.96.0.110",
            "10.96.0.111",
            "10.96.0.112",
            "10.96.0.113",
            "10.96.0.114",
            "10.96.0.115",
            "10.96.0.116",
        ],
        servers: &[
            "-A -t 10.96.0.110:80 -s lc",
            "-a -t 10.96.0.110:80 -r 10.244.1.6:8080 -m -w 1",
            "-a -t 10.96.0.110:80 -r 10.244.2.5:8080 -m -w 1",
            "-A -t 10.96.0.111:80 -s wlc",
            "-a -t 10.96.0.111:80 -r 10.244.1.6:8080 -m -w 1",
            "-a -t 10.96.0.111:80 -r 10.244.2.5:8080 -m -w 2",
            "-A -t 10.96.0.112:80 -s sh",
            "-a -t 10.96.0.112:80 -r 10.244.1.6:8080 -m -w 1",
            "-a -t 10.96.0.112:80 -r 10.244.2.5:8080 -m -w 1",
            "-A -t 10.96.0.113:80 -s sed",
            "-a -t 10.96.0.113:80 -r 10.244.1.6:8080 -m -w 1",
            "-a -t 10.96.0.113:80 -r 10.244.2.5:8080 -m -w 1",
            "-A -t 10.96.0.114:80 -s nq",
            "-a -t 10.96.0.114:80 -r 10.244.1.6:8080 -m -w 1",
            "-a -t 10.96.0.114:80 -r 10.244.2.5:8080 -m -w 1",
            "-A -t 10.96.0.115:80 -s dh",
            "-a -t 10.96.0.115:80 -r 10.244.1.6:8080 -m -w 1",
            "-a -t 10.96.0.115:80 -r 10.244.2.5:8080 -m -w 1",
            "-A -t 10.96.0.116:80 -s mh",
            "-a -t 10.96.0.116:80 -r 10.244.1.6:8080 -m -w 1",
            "-a -t 10.96.0.116:80 -r 10.244.2.5:8080 -m -w 1",
        ],
        packets: &[
            "pod tcp 10.96.0.110:80 spread",
            "pod tcp 10.96.0.111:80 spread",
            "pod tcp 10.96.0.112:80 spread",
            "pod tcp 10.96.0.113:80 spread",
            "pod tcp 10.96.0.114:80 spread",
            "pod tcp 10.96.0.115:80 spread",
            "pod tcp 10.96.0.116:80 spread",
        ],
        ..ROW
    },
    Row {
        name: "affinity",
        bound: &["10.96.0.110"],
        members: &[WEB_MEMBERS[0], WEB_MEMBERS[1], WEB_MEMBERS[2], WEB_MEMBERS[3]],
        servers: &["-A -t 10.96.0.110:80 -s rr -p 10800", WEB[1], WEB[2], WEB[3]],
        packets: &["pod tcp 10.96.0.110:80", "client tcp 10.96.0.110:80", "node tcp 10.96.0.110:80"],
        ..ROW
    },
    Row {
        name: "external-ip",
        bound: &["10.96.0.120", "10.96.0.121"],
        members: &[
            "KUBE-EXTERNAL-IP 10.96.0.120,tcp:80",
            "KUBE-EXTERNAL-IP-LOCAL 10.96.0.121,tcp:80",
            "KUBE-IPVS-IPS 10.96.0.120",
            "KUBE-IPVS-IPS 10.96.0.121",
        ],
        servers: &[
            "-A -t 10.96.0.120:80 -s rr",
            "-a -t 10.96.0.120:80 -r 10.244.1.6:8080 -m -w 1",
            "-a -t 10.96.0.120:80 -r 10.244.2.5:8080 -m -w 1",
            "-A -t 10.96.0.121:80 -s rr",
            "-a -t 10.96.0.121:80 -r 10.244.1.6:8080 -m -w 1",
        ],
        packets: &[
            "client tcp 10.96.0.120:80",
            "pod tcp 10.96.0.120:80",
            "node tcp 10.96.0.120:80",
            "client tcp 10.96.0.121:80",
            "remote tcp 10.96.0.121:80",
            "client tcp 10.96.0.120:443",
        ],
        ..ROW
    },
    Row {
        name: "source-ranges",
        bound: &["10.96.0.130"],
        members: &[
            "KUBE-LOAD-BALANCER 10.96.0.130,tcp:80",
            "KUBE-LOAD-BALANCER-FW 10.96.0.130,tcp:80",
            "KUBE-LOAD-BALANCER-SOURCE-CIDR 10.96.0.130,tcp:80,203.0.113.0/29",
            "KUBE-IPVS-IPS 10.96.0.130",
        ],
        servers: &[
            "-A -t 10.96.0.130:80 -s rr",
            "-a -t 10.96.0.130:80 -r 10.244.1.6:8080 -m -w 1",
            "-a -t 10.96.0.130:80 -r 10.244.2.5:8080 -m -w 1",
        ],
        packets: &[
            "client tcp 10.96.0.130:80",
            "client tcp 10.96.0.130:80 from=203.0.113.8",
            "pod tcp 10.96.0.130:80",
            "node tcp 10.96.0.130:80",
            "client tcp 10.96.0.130:8080",
        ],
        ..ROW
    },
];
