//! Tools of an image: what is run, and what is made of what they print.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use hickory_resolver::proto::op::{Message, MessageType};

use super::*;

const NC: Tool = Tool::Nc { asked_to_tell: true, udp: true };
/// `dig` 9.18 of CoreDNS 1.13.
const DIG: &str = ";; Got answer:\n;; WARNING: .local is reserved for Multicast DNS\n\
    ;; ->>HEADER<<- opcode: QUERY, status: NOERROR, id: 29427\n\
    ;; flags: qr aa rd; QUERY: 1, ANSWER: 1, AUTHORITY: 0, ADDITIONAL: 1\n\
    ;; WARNING: recursion requested but not available\n\n;; ANSWER SECTION:\n\
    _https._tcp.kubernetes.default.svc.cluster.local. 30 IN\tSRV 0 100 443 kubernetes.default.svc.cluster.local.\n\n\
    ;; Query time: 3 msec\n;; SERVER: 10.244.1.5#53(10.244.1.5) (UDP)\n;; MSG SIZE  rcvd: 222\n";

fn asked() -> Asked {
    Asked::new("web.shop.svc.cluster.local.", "A").unwrap()
}

#[track_caller]
fn seen(tools: &str, help: &str, expected: Option<Tool>) {
    let text = format!("{tools}== nc\n{help}== resolv.conf\nnameserver 10.96.0.10\n");
    let seen = Seen::read(&text);
    assert_eq!((seen.tool, seen.resolv_conf.as_deref()), (expected, Some("nameserver 10.96.0.10\n")));
}

#[test]
fn what_there_is() {
    let debian = "OpenBSD netcat (Debian patchlevel 1.219-1)\nusage: nc [-46CDdFhklNnrStUuvZz]\n";
    let small = "nc: invalid option -- 'h'\nBusyBox v1.35.0\n\nUsage: nc [-iN] [-wN] [-l] [-p PORT]\n";
    let large = "BusyBox v1.36.1\n\nUsage: nc [OPTIONS] HOST PORT\n\t-u\tUDP mode\n";
    seen("tool nc\n", debian, Some(NC));
    seen("tool nc\n", small, Some(Tool::Nc { asked_to_tell: false, udp: false }));
    seen("tool nc\n", large, Some(Tool::Nc { asked_to_tell: false, udp: true }));
    seen("tool socat\ntool nc\n", debian, Some(Tool::Socat));
    seen("tool dig\ntool nc\n", debian, Some(Tool::Dig));
    seen("", "/bin/sh: 1: nc: not found\n", None);
    assert_eq!(Seen::read(""), Seen::default());
}

#[test]
fn commands() {
    let to: SocketAddr = "10.96.0.10:53".parse().unwrap();
    let command = |tool: Tool, transport| tool.command(to, transport, &asked(), "A");
    let udp = command(NC, Transport::Udp);
    assert!(udp.starts_with("echo begin; printf '\\") && udp.ends_with(" | nc -u -w 2 10.96.0.10 53"), "{udp}");
    assert!(udp.contains("\\003\\167\\145\\142\\004"), "the label web: {udp}");
    assert!(!udp.contains('%'), "nothing that printf would take for a format: {udp}");
    let tcp = command(Tool::Socat, Transport::Tcp);
    // 44 octets follow
    assert!(tcp.contains("printf '\\000\\054\\"), "{tcp}");
    assert!(tcp.ends_with(" | socat -t 2 -T 2 - TCP4:10.96.0.10:53,connect-timeout=2"), "{tcp}");
    let dig = command(Tool::Dig, Transport::Tcp);
    assert!(dig.contains(" +tcp @10.96.0.10 -p 53 -q 'web.shop.svc.cluster.local.' -t A"), "{dig}");
    let six = Tool::Socat.command("[fd00::a]:53".parse().unwrap(), Transport::Udp, &asked(), "A");
    assert!(six.ends_with("UDP6:[fd00::a]:53"), "{six}");
}

#[test]
fn replies_are_read_when_they_are_whole() {
    let asked = asked();
    let mut message = Message::from_vec(&asked.bytes).unwrap();
    message.metadata.message_type = MessageType::Response;
    let bytes = message.to_vec().unwrap();
    let length = u16::try_from(bytes.len()).unwrap().to_be_bytes();
    let udp = [BEGIN, &bytes].concat();
    let tcp = [BEGIN, &length, &bytes].concat();
    for (transport, stdout) in [(Transport::Udp, udp), (Transport::Tcp, tcp)] {
        for cut in 0..stdout.len() {
            assert_eq!(NC.reply(transport, &asked, &stdout[..cut]), None, "{transport:?} {cut}");
        }
        let Some(Outcome::Answered(reply)) = NC.reply(transport, &asked, &stdout) else { panic!("{transport:?}") };
        assert_eq!(reply.rcode, "NOERROR");
    }
    assert!(!NC.has_begun(b"beg") && NC.has_begun(b"begin\n"));
}

#[test]
fn dig_is_read() {
    let Some(Outcome::Answered(reply)) = Tool::Dig.reply(Transport::Udp, &asked(), DIG.as_bytes()) else { panic!() };
    assert_eq!((reply.rcode.as_str(), reply.authoritative, reply.truncated), ("NOERROR", true, false));
    let data = "0 100 443 kubernetes.default.svc.cluster.local.";
    let name = "_https._tcp.kubernetes.default.svc.cluster.local.";
    assert_eq!(reply.answers, [Answer { name: name.into(), record: "SRV".into(), data: data.into(), ttl: 30 }]);
    assert_eq!(dig_ms(DIG.as_bytes()), Some(3));
    let cut = DIG.split_once(";; Query").unwrap().0;
    assert_eq!(Tool::Dig.reply(Transport::Udp, &asked(), cut.as_bytes()), None);
}

#[track_caller]
fn case(tool: Tool, said: &str, ms: u64, expected: &Outcome) {
    let (stdout, stderr) = if tool == Tool::Dig { (said, "") } else { ("begin\n", said) };
    assert_eq!(&tool.failure(stdout.as_bytes(), stderr.as_bytes(), ms), expected, "{said}");
}

#[test]
fn what_a_tool_complains_of() {
    let none = ";; no servers could be reached\n";
    case(Tool::Dig, &format!(";; communications error to 10.96.0.10#53: timed out\n{none}"), 2046, &Outcome::Timeout);
    case(
        Tool::Dig,
        &format!(";; communications error to 10.96.0.10#53: connection refused\n{none}"),
        4,
        &Outcome::Refused,
    );
    let unreachable = Outcome::Unreachable { why: ";; no servers could be reached".into() };
    case(
        Tool::Dig,
        &format!(";; UDP setup with 10.244.9.250#53(10.244.9.250) for x. failed: host unreachable.\n{none}"),
        44,
        &unreachable,
    );
    let stray = Outcome::WrongSource { from: "10.244.1.2:53".parse().unwrap(), reply: Reply::default() };
    case(Tool::Dig, ";; reply from unexpected source: 10.244.1.2#53, expected 10.96.0.10#53\n", 2000, &stray);
    case(NC, "nc: connect to 127.0.0.1 port 5397 (tcp) failed: Connection refused\n", 1, &Outcome::Refused);
    let no_route = "nc: connect to 10.244.1.250 port 53 (tcp) failed: No route to host";
    case(NC, no_route, 1013, &Outcome::Unreachable { why: no_route.into() });
    case(NC, "", 2003, &Outcome::Timeout);
    case(NC, "", 3, &Outcome::Error { why: "nc ended without a reply: ".into() });
    let late = "2026/11/28 07:26:41 socat[28092] E connecting to AF=2 10.244.1.250:53: Connection timed out\n";
    case(Tool::Socat, late, 2016, &Outcome::Timeout);
    let read = "2026/11/28 07:21:33 socat[11417] E read(5, 0x55977e75e000, 8192): Connection refused\n";
    case(Tool::Socat, read, 1, &Outcome::Refused);
}
