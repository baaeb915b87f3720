//! Lines as the tools print them.

use super::*;
use crate::collect::snapshot::{Dump, NodeDumps};

fn node(dumps: &[(&str, &str)]) -> NodeDumps {
    let mut node = NodeDumps::default();
    for (name, text) in dumps {
        let dump = Dump { text: (*text).to_owned(), exit: Some(0), ..Dump::default() };
        node.dumps.insert((*name).to_owned(), dump);
    }
    node
}

const SAVE: &str = "-A -t 10.96.10.49:80 -s rr -p 10800\n-a -t 10.96.10.49:80 -r 10.244.1.5:8080 -m -w 1\n-a -t 10.96.10.49:80 -r 10.244.2.5:8080 -m -w 0\n-A -u [fd00:96::a]:53 -s wrr\n-a -u [fd00:96::a]:53 -r [fd00:244::5]:53 -g -w 3\n-A --sctp-service 10.96.10.50:9 -s sh -b sh-fallback,sh-port\n-A -f 7 -s rr\n-a -f 7 -r 10.244.1.5:0 -i -w 1\n";
const LIST: &str = "IP Virtual Server version 1.2.1 (size=4096)\nProt LocalAddress:Port Scheduler Flags\n  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\nTCP  10.96.10.49:80 rr persistent 10800\n  -> 10.244.1.5:8080              Masq    1      4          0         \n  -> 10.244.2.5:8080              Masq    0      1          0         \nUDP  [fd00:96::a]:53 wrr\n  -> [fd00:244::5]:53             Route   3      0          0         \nSCTP 10.96.10.50:9 sh (sh-fallback,sh-port)\nFWM  7 rr\n  -> 10.244.1.5:0                 Tunnel  1      0          0         \n";
const NAMES: &str = "-A -t 10.96.10.49:http -s rr -p 10800\n-a -t 10.96.10.49:http -r 10.244.1.5:http-alt -m -w 1\n-a -t 10.96.10.49:http -r 10.244.2.5:http-alt -m -w 0\n-A -u [fd00:96::a]:domain -s wrr\n-a -u [fd00:96::a]:domain -r [fd00:244::5]:domain -g -w 3\n-A --sctp-service 10.96.10.50:9 -s sh -b sh-fallback,sh-port\n-A -f 7 -s rr\n-a -f 7 -r 10.244.1.5:0 -i -w 1\n";
const PROC: &str = "IP Virtual Server version 1.2.1 (size=4096)\nProt LocalAddress:Port Scheduler Flags\n  -> RemoteAddress:Port Forward Weight ActiveConn InActConn\nTCP  0A600A31:0050 rr  persistent 2700000 FFFFFFFF\n  -> 0AF40105:1F90      Masq    1      4          0         \n  -> 0AF40205:1F90      Masq    0      1          0         \nUDP  [fd00:0096:0000:0000:0000:0000:0000:000a]:0035 wrr \n  -> [fd00:0244:0000:0000:0000:0000:0000:0005]:0035      Route   3      0          0         \nSCTP 0A600A32:0009 sh  \nFWM  00000007 rr \n  -> 0AF40105:0000      Tunnel  1      0          0         \n";

fn found(ipvs: &Ipvs<'_>, protocol: u8, to: &str, mark: Option<u32>) -> String {
    match ipvs.find(Wanted { protocol, to: to.parse().unwrap(), mark }) {
        Found::Server(server) => {
            let servers: Vec<String> = server
                .servers
                .iter()
                .map(|real| format!("{} {} {:?}", real.to, real.method.as_str(), real.weight.unwrap()))
                .collect();
            format!(":{} {} {} {}", server.at.line, server.scheduler.0, server.persistent.is_some(), servers.join(", "))
        }
        Found::None => "none".to_owned(),
        Found::Unknown(why) => why,
    }
}

#[test]
fn every_form_reads_alike() {
    for (name, text, first) in
        [("ipvsadm-save", SAVE, 1), ("ipvsadm-list", LIST, 4), ("ipvsadm-names", NAMES, 1), ("proc-net-ip_vs", PROC, 4)]
    {
        let node = node(&[(name, text)]);
        let ipvs = Ipvs::read(&node);
        assert!(ipvs.is_whole() && ipvs.unread().next().is_none(), "{name}");
        assert_eq!(ipvs.len(), 4, "{name}");
        let case = |protocol, to, mark, expected: &str| {
            assert_eq!(found(&ipvs, protocol, to, mark), expected, "{name}: {to}");
        };
        let at = |line: u32| first + line;
        let web = format!(":{} rr true 10.244.1.5:8080 Masq 1, 10.244.2.5:8080 Masq 0", at(0));
        case(6, "10.96.10.49:80", Some(0), &web);
        case(17, "10.96.10.49:80", Some(0), "none");
        case(6, "10.96.10.49:81", Some(0), "none");
        case(17, "[fd00:96::a]:53", Some(0x4000), &format!(":{} wrr false [fd00:244::5]:53 Route 3", at(3)));
        case(132, "10.96.10.50:9", Some(0), &format!(":{} sh false ", at(5)));
        case(6, "192.0.2.1:1", Some(7), &format!(":{} rr false 10.244.1.5:0 Tunnel 1", at(6)));
        case(6, "[2001:db8::1]:1", Some(7), "none");
        case(6, "10.96.10.49:80", None, "the mark is not known here, and there are virtual servers for marks");
    }
}

#[test]
fn names_that_are_not_known_stay_unknown() {
    let node = node(&[(
        "ipvsadm-list",
        "TCP  10.105.159.33:odd-name rr\n    -> 10.105.130.151:irdmi         Masq    1      0          0\nTCP  web.example:http rr\n",
    )]);
    let ipvs = Ipvs::read(&node);
    assert_eq!(ipvs.unread().count(), 2);
    assert!(found(&ipvs, 6, "10.105.159.33:8000", Some(0)).contains("cannot be read"));
    assert!(found(&ipvs, 6, "10.105.159.99:80", Some(0)).contains("cannot be read"));
    assert_eq!(found(&ipvs, 6, "10.105.159.99:81", Some(0)), "none");
    assert_eq!(found(&ipvs, 17, "10.105.159.33:8000", Some(0)), "none");
}

#[test]
fn fallback_of_what_is_not_there() {
    let none = node(&[("ipvsadm-save", ""), ("sysctl", "")]);
    assert!(Ipvs::read(&none).is_empty());
    assert!(!Ipvs::read(&node(&[])).was_read());
    let mut failed = node(&[("ipvsadm-save", "")]);
    let dump = failed.dumps.get_mut("ipvsadm-save").unwrap();
    dump.exit = Some(2);
    dump.stderr = "Can't initialize ipvs: Protocol not available".to_owned();
    assert!(Ipvs::read(&failed).is_empty());
    failed.dumps.get_mut("ipvsadm-save").unwrap().stderr = "Permission denied (you must be root)".to_owned();
    assert!(!Ipvs::read(&failed).was_read());
}

#[test]
fn counters_tell_no_weight() {
    let node = node(&[(
        "ipvsadm-list",
        "IP Virtual Server version 1.2.1 (size=4096)\nProt LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes\n  -> RemoteAddress:Port\nTCP  10.96.10.6:80                       0        0        0        0        0\n  -> 10.244.1.5:8080                     0        0        0        0        0\n",
    )]);
    let ipvs = Ipvs::read(&node);
    let server = ipvs.get(6, "10.96.10.6:80".parse().unwrap()).unwrap();
    assert_eq!(server.servers[0].method, Method::Unknown);
    assert_eq!(server.servers[0].weight, None);
}

#[test]
fn ftp_and_any_port() {
    let node = node(&[("ipvsadm-save", "-A -t 10.0.0.1:21 -s rr -p 300\n-A -t 10.0.0.2:0 -s rr -p 300\n")]);
    let ipvs = Ipvs::read(&node);
    assert_eq!(found(&ipvs, 6, "10.0.0.1:20", Some(0)), ":1 rr true ");
    assert_eq!(found(&ipvs, 6, "10.0.0.1:1024", Some(0)), ":1 rr true ");
    assert_eq!(found(&ipvs, 6, "10.0.0.1:1023", Some(0)), "none");
    assert_eq!(found(&ipvs, 6, "10.0.0.2:5", Some(0)), ":2 rr true ");
}
