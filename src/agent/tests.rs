//! The agent against a small DNS server on this machine, which behaves as each case says.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use hickory_resolver::proto::op::{Message, MessageType, ResponseCode};
use hickory_resolver::proto::rr::rdata::A;
use hickory_resolver::proto::rr::{RData, Record};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

use super::*;
use crate::probe::{Outcome, PlaceClient, QuestionKind, Reply, ServerKind, Transport, Try};

/// What the server does with a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Answers,
    Silent,
    /// The first packet is lost.
    LosesOne,
    /// Every answer comes after so many milliseconds.
    Late(u64),
    /// Answers from another socket.
    FromElsewhere,
    /// Has every name.
    Wildcard,
    Fails,
}

const KNOWN: &str = "web.shop.svc.cluster.local.";

fn reply(manner: Manner, bytes: &[u8]) -> Vec<u8> {
    let asked = Message::from_vec(bytes).unwrap();
    let name = asked.queries[0].name().clone();
    let mut reply = Message::new(asked.metadata.id, MessageType::Response, asked.metadata.op_code);
    reply.add_query(asked.queries[0].clone());
    reply.metadata.authoritative = true;
    if manner == Manner::Fails {
        reply.metadata.response_code = ResponseCode::ServFail;
    } else if manner == Manner::Wildcard || name.to_ascii() == KNOWN {
        let data = RData::A(A(Ipv4Addr::new(10, 96, 0, 7)));
        reply.add_answer(Record::from_rdata(name, 30, data));
    } else {
        reply.metadata.response_code = ResponseCode::NXDomain;
    }
    reply.to_vec().unwrap()
}

/// Serves until the runtime of the test ends.
async fn server(udp: Manner, tcp: Manner) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let listener = TcpListener::bind(address).await.unwrap();
    let elsewhere = UdpSocket::bind("127.0.0.2:0").await.unwrap();
    tokio::spawn(async move {
        let mut buffer = vec![0; 2048];
        let mut seen = 0;
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            seen += 1;
            let answer = reply(udp, &buffer[..length]);
            match udp {
                Manner::Silent => continue,
                Manner::LosesOne if seen == 1 => continue,
                Manner::Late(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
                Manner::FromElsewhere => {
                    elsewhere.send_to(&answer, from).await.unwrap();
                    continue;
                }
                Manner::Answers | Manner::LosesOne | Manner::Wildcard | Manner::Fails => {}
            }
            // who asked may have gone
            let _ = socket.send_to(&answer, from).await;
        }
    });
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            if tcp == Manner::Silent {
                kept.push(stream);
                continue;
            }
            let length = stream.read_u16().await.unwrap();
            let mut asked = vec![0; usize::from(length)];
            stream.read_exact(&mut asked).await.unwrap();
            let answer = reply(tcp, &asked);
            stream.write_u16(u16::try_from(answer.len()).unwrap()).await.unwrap();
            stream.write_all(&answer).await.unwrap();
        }
    });
    address
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

fn order(address: SocketAddr, kind: QuestionKind, name: &str) -> Order {
    Order {
        place: Place {
            node: "a".into(),
            client: PlaceClient::OwnPod,
            resolv_conf: Some("search shop.svc.cluster.local svc.cluster.local\noptions ndots:5\n".into()),
            ..Place::default()
        },
        servers: vec![Server { address, is: ServerKind::Pod { namespace: "k".into(), name: "d".into(), node: None } }],
        questions: vec![Question { kind, name: name.into(), record: "A".into() }],
        search: None,
        instead: None,
        container: None,
        limit_ms: 150,
        tries: 3,
        rounds: 4,
    }
}

/// The tries by UDP and by TCP.
fn tries(place: &Place) -> (&[Try], &[Try]) {
    let [udp, tcp] = place.probes.as_slice() else { panic!("{place:#?}") };
    assert_eq!((udp.transport, tcp.transport), (Transport::Udp, Transport::Tcp));
    (&udp.tries, &tcp.tries)
}

fn found(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Answered(Reply { rcode, answers, authoritative: true, .. })
        if rcode == "NOERROR" && answers[0].data == "10.96.0.7" && answers[0].record == "A")
}

#[test]
fn a_short_name_is_walked() {
    run(async {
        let address = server(Manner::Answers, Manner::Answers).await;
        let place = ask(order(address, QuestionKind::Short, "web.shop")).await;
        assert_eq!(place.address, Some(IpAddr::from([127, 0, 0, 1])));
        let (udp, tcp) = tries(&place);
        for tries in [udp, tcp] {
            let asked: Vec<_> = tries.iter().map(|one| one.asked.as_str()).collect();
            assert_eq!(asked, ["web.shop.shop.svc.cluster.local.", KNOWN]);
            assert!(found(&tries[1].outcome), "{tries:#?}");
        }
    });
}

#[test]
fn silence_and_closed_ports_are_kept_apart() {
    run(async {
        let address = server(Manner::Silent, Manner::Silent).await;
        let place = ask(order(address, QuestionKind::Full, KNOWN)).await;
        for tries in [tries(&place).0, tries(&place).1] {
            assert_eq!(tries.iter().map(|one| &one.outcome).collect::<Vec<_>>(), [&Outcome::Timeout; 3]);
        }
        let nobody = UdpSocket::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let place = ask(order(nobody, QuestionKind::Full, KNOWN)).await;
        for tries in [tries(&place).0, tries(&place).1] {
            assert_eq!(tries.iter().map(|one| &one.outcome).collect::<Vec<_>>(), [&Outcome::Refused]);
        }
    });
}

#[test]
fn what_is_lost_and_what_is_late_are_kept_apart() {
    run(async {
        let address = server(Manner::LosesOne, Manner::Answers).await;
        let place = ask(order(address, QuestionKind::Full, KNOWN)).await;
        let (udp, tcp) = tries(&place);
        assert_eq!(udp[0].outcome, Outcome::Timeout);
        assert!(found(&udp[1].outcome) && udp.len() == 2 && tcp.len() == 1, "{udp:#?}");

        let address = server(Manner::Late(200), Manner::Answers).await;
        let place = ask(order(address, QuestionKind::Full, KNOWN)).await;
        let udp = tries(&place).0;
        assert!(found(&udp[0].outcome) && udp.len() == 1 && udp[0].ms >= 200, "{udp:#?}");
    });
}

#[test]
fn a_reply_from_elsewhere_is_no_answer() {
    run(async {
        let address = server(Manner::FromElsewhere, Manner::Answers).await;
        let place = ask(order(address, QuestionKind::Full, KNOWN)).await;
        let udp = tries(&place).0;
        let Outcome::WrongSource { from, reply } = &udp.last().unwrap().outcome else { panic!("{udp:#?}") };
        assert_eq!((from.ip(), reply.rcode.as_str()), ([127, 0, 0, 2].into(), "NOERROR"));
    });
}

#[test]
fn wrong_answers_are_answers() {
    run(async {
        let address = server(Manner::Fails, Manner::Wildcard).await;
        let place = ask(order(address, QuestionKind::MustNotExist, "x")).await;
        let (udp, tcp) = tries(&place);
        let asked: Vec<_> = udp.iter().map(|one| one.asked.as_str()).collect();
        assert_eq!(asked, ["x.shop.svc.cluster.local.", "x.svc.cluster.local.", "x.invalid."]);
        assert!(matches!(&udp[0].outcome, Outcome::Answered(reply) if reply.rcode == "SERVFAIL"));
        assert!(found(&tcp[0].outcome) && tcp.len() == 1);
    });
}

#[test]
fn a_service_is_asked_in_rounds_and_others_are_found_in_resolv_conf() {
    run(async {
        let address = server(Manner::Answers, Manner::Answers).await;
        let mut order = order(address, QuestionKind::Full, KNOWN);
        let is = ServerKind::Service { namespace: "kube-system".into(), name: "kube-dns".into(), cached: false };
        order.servers[0].is = is;
        order.place.resolv_conf = Some("nameserver 127.0.0.1\nnameserver 127.0.0.9\n".into());
        let place = ask(order).await;
        assert_eq!(place.probes[0].tries.iter().map(|one| one.round).collect::<Vec<_>>(), [0, 1, 2, 3]);
        let others: Vec<_> = place.probes.iter().filter(|probe| probe.server.is == ServerKind::Configured).collect();
        assert_eq!(others.len(), 0, "names of the cluster are not asked of strangers");
        let mut order = self::order(address, QuestionKind::External, "example.com");
        order.place.resolv_conf = Some("nameserver 127.0.0.1\nnameserver 127.0.0.9\n".into());
        let place = ask(order).await;
        let strangers: Vec<_> = place.probes.iter().filter(|one| one.server.is == ServerKind::Configured).collect();
        assert_eq!(strangers.len(), 2);
        assert_eq!(strangers[0].server.address.to_string(), "127.0.0.9:53");
    });
}

#[test]
fn orders_come_by_line() {
    let said = serve(Work::Dns, "nonsense\n\nnot read\n".as_bytes()).unwrap();
    let said: Said = serde_json::from_str(&said).unwrap();
    assert!(matches!(said, Said::Failed(why) if why.starts_with("the order cannot be read")));
    let mut nothing = order("127.0.0.1:53".parse().unwrap(), QuestionKind::Full, KNOWN);
    nothing.servers.clear();
    let said = serve(Work::Dns, serde_json::to_string(&nothing).unwrap().as_bytes()).unwrap();
    assert!(matches!(serde_json::from_str(&said).unwrap(), Said::Place(place) if place.node == "a"));
}
