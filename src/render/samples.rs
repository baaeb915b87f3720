//! Reports made by hand, for the tests of all renderers.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::net::IpAddr;

use crate::report::{
    AddressKind, Code, Confidence, Disposition, EndpointSummary, Environment, Evidence, Finding, Gap, Hop, Issue,
    NodeSummary, ObjectRef, Origin, Outcome, PathInfo, PathState, PortSummary, QueryEcho, Report, ServiceSummary,
    Trace,
};

/// A name that tries everything.
pub(crate) const HOSTILE: &str = "we\u{1b}[31mb\u{202e}gpj\r\n\u{9b}2J\u{7}end";

fn hop(hook: &str, chain: &str, action: &str, words: &str, line: u32) -> Hop {
    Hop {
        hook: hook.into(),
        table: if hook == "forward" { "filter" } else { "nat" }.into(),
        chain: chain.into(),
        action: action.into(),
        words: (!words.is_empty()).then(|| words.into()),
        rule: Some(format!("-A {chain} -m comment --comment \"default/web:http\" -j {action}")),
        dump: Some("iptables-save".into()),
        line: Some(line),
        ppm: None,
    }
}

fn way(number: usize, of: usize, to: &str) -> Outcome {
    let sep = format!("KUBE-SEP-{number:04}AFGSLHODX");
    let share = 1_000_000 / u32::try_from(of).unwrap();
    let ppm = share + if number == 0 { 1_000_000 - share * u32::try_from(of).unwrap() } else { 0 };
    let mut choice = hop("prerouting", "KUBE-SVC-CDGGSHYLABCDEFGH", &format!("jump {sep}"), "", 62);
    choice.ppm = Some(ppm);
    choice.line = Some(60 + u32::try_from(number).unwrap());
    Outcome {
        ppm: Some(ppm),
        when: None,
        disposition: Disposition::Delivered,
        by: None,
        destination: Some(to.into()),
        destination_is: Some(format!("web-{number} on node-{}", char::from(b'a' + u8::try_from(number % 3).unwrap()))),
        destination_node: Some(format!("node-{}", char::from(b'a' + u8::try_from(number % 3).unwrap()))),
        source: Some("10.244.1.7".into()),
        masqueraded: false,
        interface: None,
        depends_on: Vec::new(),
        hops: vec![
            hop("prerouting", "PREROUTING", "jump KUBE-SERVICES", "", 40),
            hop("prerouting", "KUBE-SERVICES", "jump KUBE-SVC-CDGGSHYLABCDEFGH", "this is default/web:http", 60),
            choice,
            hop("prerouting", &sep, &format!("dnat to {to}"), "", 80 + u32::try_from(number).unwrap()),
            Hop {
                table: String::new(),
                chain: String::new(),
                rule: None,
                dump: None,
                line: None,
                ..hop("routing", "", &format!("to {to} by veth{number}"), "", 0)
            },
            hop("forward", "FORWARD", "jump KUBE-FORWARD", "", 20),
            hop("forward", "FORWARD", "policy ACCEPT", "nothing matches, policy ACCEPT", 27),
            hop("postrouting", "KUBE-POSTROUTING", "return", "not marked: no masquerade", 50),
        ],
        expected: Some(true),
    }
}

fn trace(node: &str, origin: Origin, from: &str, to: &str, outcomes: Vec<Outcome>) -> Trace {
    Trace {
        path: PathInfo {
            node: node.into(),
            origin,
            client: None,
            client_is_endpoint: false,
            interface: None,
            from: from.parse::<IpAddr>().unwrap(),
            to: to.parse::<IpAddr>().unwrap(),
            port: 80,
            protocol: "tcp".into(),
            address: AddressKind::ClusterIp,
            port_name: "http".into(),
        },
        state: PathState::Expected,
        expected: Some(format!("{} endpoints", outcomes.len())),
        trouble: None,
        outcomes,
    }
}

fn masqueraded(mut outcome: Outcome) -> Outcome {
    outcome.masqueraded = true;
    outcome.source = None;
    let mark = [
        hop(
            "prerouting",
            "KUBE-SVC-CDGGSHYLABCDEFGH",
            "jump KUBE-MARK-MASQ",
            "not from a pod: will be masqueraded",
            59,
        ),
        hop("prerouting", "KUBE-MARK-MASQ", "mark 0x4000", "", 48),
    ];
    outcome.hops.splice(2..2, mark);
    outcome.hops.pop();
    outcome.hops.push(hop("postrouting", "KUBE-POSTROUTING", "masquerade", "source becomes the node's", 52));
    outcome
}

fn endpoint(number: usize) -> EndpointSummary {
    EndpointSummary {
        address: format!("10.244.{}.{}:8080", number / 200 + 1, number % 200 + 5),
        port_name: "http".into(),
        pod: Some(format!("web-5d4f8c7b9-{number:05}")),
        node: Some(format!("node-{}", char::from(b'a' + u8::try_from(number % 3).unwrap()))),
        zone: None,
        used: true,
        state: "ready".into(),
    }
}

/// A healthy Service with this many endpoints.
pub(crate) fn healthy(count: usize) -> Report {
    let endpoints: Vec<EndpointSummary> = (0..count).map(endpoint).collect();
    let ways = || endpoints.iter().enumerate().map(|(number, e)| way(number, count, &e.address)).collect::<Vec<_>>();
    let to = "10.96.10.1";
    let mut own = trace("node-a", Origin::Pod, "10.244.1.5", to, ways());
    own.path.client_is_endpoint = true;
    if let Some(first) = own.outcomes.first_mut() {
        *first = masqueraded(first.clone());
    }
    Report {
        query: QueryEcho { command: "trace".into(), target: "web".into(), from: None, namespace: "default".into() },
        service: Some(ServiceSummary {
            namespace: "default".into(),
            name: "web".into(),
            kind: "NodePort".into(),
            cluster_ips: vec![to.into()],
            ports: vec![PortSummary {
                name: "http".into(),
                node_port: Some(30080),
                port: 80,
                target: "8080".into(),
                protocol: "TCP".into(),
            }],
            selector: Some("app=web".into()),
            endpoints: endpoints.clone(),
            ..ServiceSummary::default()
        }),
        nodes: vec![NodeSummary {
            name: "node-a".into(),
            dataplane: "kube-proxy iptables (nft backend)".into(),
            kubernetes: Some("v1.34.4".into()),
            read: true,
            ..NodeSummary::default()
        }],
        traces: vec![
            trace("node-a", Origin::Pod, "10.244.1.7", to, ways()),
            trace("node-a", Origin::Node, "192.0.2.10", to, ways().into_iter().map(masqueraded).collect()),
            trace("node-a", Origin::External, "203.0.113.7", to, ways().into_iter().map(masqueraded).collect()),
            own,
        ],
        not_checked: vec!["nodes b and c (--all-nodes)".into()],
        nodes_total: Some(3),
        ..Report::default()
    }
}

/// One node left behind: a third of connections to a pod that is gone.
pub(crate) fn stale() -> Report {
    let mut report = healthy(3);
    for trace in &mut report.traces {
        trace.path.node = "node-b".into();
        trace.state = PathState::Differs;
        trace.trouble = Some("1 of 3 new connections is lost".into());
        trace.outcomes[1].expected = Some(false);
        trace.outcomes[1].destination = Some("10.244.9.99:8080".into());
        trace.outcomes[1].destination_is = None;
    }
    let mut other = healthy(3).traces;
    report.traces.append(&mut other);
    report.nodes.push(NodeSummary {
        name: "node-b".into(),
        dataplane: "kube-proxy iptables (nft backend)".into(),
        read: true,
        ..NodeSummary::default()
    });
    let mut finding = Finding::new(
        Code::DnatTargetMismatch,
        "node-b sends a third of new connections to 10.244.9.99:8080, which is not an endpoint of default/web",
    );
    finding.confidence = Confidence::Likely;
    finding.node = Some("node-b".into());
    finding.object = Some(ObjectRef::new("Service", "default", "web"));
    finding.share_ppm = Some(333_333);
    finding.evidence = vec![
        Evidence::Line { node: "node-b".into(), dump: "iptables-save".into(), line: 59, text: "-A KUBE-SEP-OAIGUPJHOE4YU7HS -p tcp -m comment --comment \"default/web:http\" -m tcp -j DNAT --to-destination 10.244.9.99:8080".into() },
        Evidence::Field { object: ObjectRef::new("EndpointSlice", "default", "web-x1"), field: "endpoints".into(), value: "10.244.1.5, 10.244.2.5, 10.244.3.5".into() },
        Evidence::Fact { node: Some("node-b".into()), text: "read once: kube-proxy may not have caught up yet".into() },
    ];
    finding.help = Some("kubectl -n kube-system logs kube-proxy-8x2lq --since=20m".into());
    report.findings.push(finding);
    report
}

/// IPv6 and UDP.
pub(crate) fn v6() -> Report {
    let mut report = healthy(2);
    for (number, trace) in report.traces.iter_mut().enumerate() {
        trace.path.to = "fd00:96::a".parse().unwrap();
        trace.path.from = ["fd00:244::7", "fd00:10::1", "2001:db8::7", "fd00:244::8"][number].parse().unwrap();
        trace.path.port = 53;
        trace.path.protocol = "udp".into();
        for (at, outcome) in trace.outcomes.iter_mut().enumerate() {
            outcome.destination = Some(format!("[fd00:244:0:1:aaaa:bbbb:cccc:{at}]:5353"));
            outcome.destination_is = Some(
                "kube-system/coredns-668d6bf9bc-abcde on worker-node-with-a-long-name-0001.example.internal".into(),
            );
        }
    }
    report
}

/// Names as long as they may be.
pub(crate) fn long() -> Report {
    let mut report = stale();
    let name = "n".repeat(63);
    let node = format!("{}.{}", "node".repeat(15), "example".repeat(8));
    let service = report.service.as_mut().unwrap();
    service.name.clone_from(&name);
    service.selector = Some(format!("app.kubernetes.io/name={name},app.kubernetes.io/instance={name}"));
    for endpoint in &mut service.endpoints {
        endpoint.pod = Some(format!("{name}-{name}"));
        endpoint.node = Some(node.clone());
        endpoint.zone = Some("europe-west-1b".into());
    }
    report.nodes[0].name.clone_from(&node);
    for trace in &mut report.traces {
        trace.path.node.clone_from(&node);
        for outcome in &mut trace.outcomes {
            outcome.destination_is = Some(format!("{name}-{name} on {node}"));
        }
    }
    report.findings[0].help = Some(format!("kubectl -n {name} get pods -l app={name} -o wide"));
    report
}

/// Text that tries to steer the terminal, in every place that can hold text.
pub(crate) fn hostile() -> Report {
    let mut report = stale();
    let evil = || HOSTILE.to_owned();
    let service = report.service.as_mut().unwrap();
    service.name = evil();
    service.namespace = evil();
    service.kind = evil();
    service.traits = vec![evil()];
    service.selector = Some(evil());
    service.cluster_ips = vec![evil()];
    service.external_ips = vec![evil()];
    service.load_balancer = vec![evil()];
    service.external_name = Some(evil());
    service.ports[0].name = evil();
    service.ports[0].target = evil();
    service.ports[0].protocol = evil();
    for endpoint in &mut service.endpoints {
        endpoint.pod = Some(evil());
        endpoint.node = Some(evil());
        endpoint.state = evil();
        endpoint.address = evil();
        endpoint.zone = Some(evil());
    }
    for node in &mut report.nodes {
        node.name = evil();
        node.dataplane = evil();
        node.evidence = Some(evil());
        node.kubernetes = Some(evil());
    }
    for trace in &mut report.traces {
        trace.path.node = evil();
        trace.path.client = Some(evil());
        trace.path.client_is_endpoint = false;
        trace.path.protocol = evil();
        trace.trouble = Some(evil());
        trace.expected = Some(evil());
        for outcome in &mut trace.outcomes {
            outcome.destination = Some(evil());
            outcome.destination_is = Some(evil());
            outcome.by = Some(evil());
            for hop in &mut outcome.hops {
                hop.words = Some(evil());
                hop.rule = Some(evil());
                hop.chain = evil();
                hop.dump = Some(evil());
            }
        }
    }
    report.findings[0].summary = evil();
    report.findings[0].details = vec![evil()];
    report.findings[0].help = Some(evil());
    report.findings[0].evidence = vec![
        Evidence::Line { node: evil(), dump: evil(), line: 1, text: evil() },
        Evidence::Field { object: ObjectRef::new(HOSTILE, HOSTILE, HOSTILE), field: evil(), value: evil() },
        Evidence::Fact { node: Some(evil()), text: evil() },
    ];
    let mut gap = Gap::new(Code::NodeNotCollected, Some(HOSTILE), HOSTILE);
    gap.lost = Some(evil());
    gap.help = Some(evil());
    report.gaps.push(gap);
    report.issues.push(Issue {
        code: Code::LayoutUnknown,
        node: evil(),
        dump: evil(),
        line: 1,
        message: evil(),
        text: evil(),
    });
    report.assumed.push(evil());
    report.notes.push(evil());
    report.environment = Some(Environment { client: evil(), missing: None, variables: vec![(evil(), evil())] });
    report.not_checked.push(evil());
    report.nodes_why = Some(evil());
    report.query.target = evil();
    report
}

/// A node that was asked for and could not be read.
pub(crate) fn unread_node() -> Report {
    let mut report = healthy(3);
    report.nodes.push(NodeSummary { name: "node-b".into(), read: false, ..NodeSummary::default() });
    let mut gap = Gap::new(Code::RbacDenied, Some("node-b"), "may not create jobs.batch in kube-system");
    gap.lost = Some("what node-b does with packets for default/web".into());
    gap.help = Some("kubectl auth can-i create jobs.batch -n kube-system".into());
    report.gaps.push(gap);
    report
}

/// A rule that cannot be decided, both branches.
pub(crate) fn undecided() -> Report {
    let mut report = healthy(1);
    report.traces.truncate(1);
    let trace = &mut report.traces[0];
    trace.state = PathState::Undecided;
    let mut dropped = trace.outcomes[0].clone();
    let rule = Evidence::Line {
        node: "node-a".into(),
        dump: "iptables-save".into(),
        line: 24,
        text: "-A FORWARD -m bpf --object-pinned /sys/fs/bpf/x -j DROP".into(),
    };
    dropped.hops.truncate(5);
    dropped.hops.push(hop("forward", "FORWARD", "drop", "", 24));
    dropped.disposition = Disposition::Dropped;
    dropped.by = Some("rule".into());
    dropped.depends_on = vec![rule.clone()];
    dropped.ppm = Some(500_000);
    dropped.expected = None;
    trace.outcomes[0].depends_on = vec![rule];
    trace.outcomes[0].ppm = Some(500_000);
    trace.outcomes.push(dropped);
    report
}
