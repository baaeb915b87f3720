//! Probes for tests, made by hand.
#![allow(clippy::unwrap_used, reason = "tests")]

use crate::probe::{
    Answer, Outcome, Place, PlaceClient, Probe, Question, QuestionKind, Reply, Server, ServerKind, Transport, Try,
};

pub(crate) fn found() -> Outcome {
    let answer = Answer { name: "x.".into(), record: "A".into(), data: "10.96.0.1".into(), ttl: 30 };
    Outcome::Answered(Reply { rcode: "NOERROR".into(), answers: vec![answer], ..Reply::default() })
}

pub(crate) fn rcode(text: &str) -> Outcome {
    Outcome::Answered(Reply { rcode: text.into(), ..Reply::default() })
}

pub(crate) fn no_name() -> Outcome {
    rcode("NXDOMAIN")
}

pub(crate) fn timeout() -> Outcome {
    Outcome::Timeout
}

pub(crate) fn tries(outcomes: &[(u32, u64, Outcome)]) -> Vec<Try> {
    outcomes
        .iter()
        .map(|(round, ms, outcome)| Try { asked: "x.".into(), round: *round, ms: *ms, outcome: outcome.clone() })
        .collect()
}

pub(crate) fn probe(kind: QuestionKind, tries: Vec<Try>) -> Probe {
    Probe {
        server: servers().remove(0),
        transport: Transport::Udp,
        question: Question { kind, name: "x".into(), record: "A".into() },
        tries,
    }
}

/// The Service, and its pods on a and b.
pub(crate) fn servers() -> Vec<Server> {
    let pod = |node: &str, ip: [u8; 4]| Server {
        address: (ip, 53).into(),
        is: ServerKind::Pod {
            namespace: "kube-system".into(),
            name: format!("coredns-{node}"),
            node: Some(node.into()),
        },
    };
    let service = ServerKind::Service { namespace: "kube-system".into(), name: "kube-dns".into(), cached: false };
    vec![
        Server { address: ([10, 96, 0, 10], 53).into(), is: service },
        pod("a", [10, 244, 1, 2]),
        pod("b", [10, 244, 2, 2]),
    ]
}

/// Questions of the matrix.
pub(crate) const KINDS: [QuestionKind; 4] =
    [QuestionKind::Short, QuestionKind::Full, QuestionKind::MustNotExist, QuestionKind::External];

/// Places a and b where every cell is well but what `change` says otherwise of.
pub(crate) fn places(change: impl Fn(&str, &Server, Transport, QuestionKind) -> Option<Vec<Try>>) -> Vec<Place> {
    ["a", "b"]
        .map(|node| {
            let mut probes = Vec::new();
            for server in servers() {
                for kind in KINDS {
                    for transport in [Transport::Udp, Transport::Tcp] {
                        let well = if kind == QuestionKind::MustNotExist { no_name() } else { found() };
                        let made = change(node, &server, transport, kind).unwrap_or_else(|| tries(&[(0, 1, well)]));
                        probes.push(Probe { server: server.clone(), transport, ..probe(kind, made) });
                    }
                }
            }
            Place { node: node.into(), client: PlaceClient::OwnPod, probes, ..Place::default() }
        })
        .into()
}
