//! What `ipset save` of version 7.17 prints, and what `iptables -m set` on Linux 6.18 does with packets sent at it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::net::IpAddr;

use super::*;
use crate::dataplane::Tri;
use crate::dataplane::iptables::rule::Side::{self, Dst, Src};

const SAVED: &str = r#"create bp bitmap:port range 0-65535
add bp 80
add bp 8000
create bi bitmap:ip range 10.0.0.0-10.0.255.255
add bi 10.0.2.3
create bin bitmap:ip range 10.0.0.0-10.0.255.255 netmask 24
add bin 10.0.1.0
create bim bitmap:ip,mac range 10.0.0.0-10.0.0.255
add bim 10.0.0.1
add bim 10.0.0.2,00:11:22:33:44:55
create hi hash:ip family inet hashsize 1024 maxelem 65536 timeout 600 counters comment bucketsize 12 initval 0x8e527442
add hi 10.0.0.7 timeout 0 packets 5 bytes 0
add hi 10.0.0.1 timeout 19 packets 0 bytes 0 comment "a b \ c"
create hin hash:ip family inet hashsize 1024 maxelem 65536 netmask 24 bucketsize 12 initval 0x93bdfdb9
add hin 10.0.1.0
create hi6 hash:ip family inet6 hashsize 1024 maxelem 65536 bucketsize 12 initval 0x64df8648
add hi6 fd00::1
create hip hash:ip,port family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0xa62c9327
add hip 10.0.0.1,icmp:echo-request
add hip 10.0.0.1,200:0
add hip 10.0.0.1,esp:0
add hip 10.0.0.1,tcp:80
add hip 10.0.0.1,sctp:9
add hip 10.0.0.1,gre:0
create hip6 hash:ip,port family inet6 hashsize 1024 maxelem 65536 bucketsize 12 initval 0x2f161282
add hip6 fd00::1,tcp:80
add hip6 fd00::1,ipv6-icmp:200/1
create KUBE-LOOP-BACK hash:ip,port,ip family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x3279e7e8
add KUBE-LOOP-BACK 10.244.1.5,tcp:8080,10.244.1.5
create hipn hash:ip,port,net family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x74a441c2
add hipn 10.0.0.1,tcp:80,10.1.0.0/16
add hipn 10.0.0.1,tcp:80,10.1.2.3
add hipn 10.0.0.1,tcp:80,10.1.2.0/24 nomatch
create hn hash:net family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0xf6102c15
add hn 10.1.1.1
add hn 10.1.0.0/16 nomatch
add hn 11.0.0.0/29
add hn 10.0.0.0/8
create hnp hash:net,port family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x1e81469a
add hnp 10.0.0.1,udp:2
add hnp 10.1.0.0/16,tcp:80 nomatch
add hnp 10.0.0.0/8,tcp:80
create m1 hash:net,iface family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x6a680c25
add m1 10.2.0.0/16,xx
add m1 10.0.0.0/8,d1
create m3 hash:net,iface family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x6a680c25
add m3 10.2.0.0/16,xx
add m3 10.2.0.0/16,d1
add m3 10.3.0.0/16,d wildcard
create sk hash:ip family inet hashsize 1024 maxelem 65536 skbinfo bucketsize 12 initval 0x5b0791c6
add sk 10.0.0.1 skbmark 0x1111/0xff00ffff skbprio 1:10 skbqueue 10
create hb hash:ip family inet hashsize 1024 maxelem 65536 bitmask 255.0.255.0 bucketsize 12 initval 0x064313c7
add hb 10.0.1.0
create nn hash:net,net family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x1
add nn 10.0.0.0/8,10.1.0.0/16
add nn 10.2.0.0/16,0.0.0.0/0 nomatch
create mk hash:ip,mark family inet markmask 0x000000ff hashsize 1024 maxelem 65536 bucketsize 12 initval 0x1
add mk 10.0.0.1,0x00000063
create mac hash:mac hashsize 1024 maxelem 65536 bucketsize 12 initval 0x1
add mac 00:11:22:33:44:55
create ls list:set size 8
add ls hip
add ls bp
add ls hn
create lst list:set size 4 timeout 100
add lst hi timeout 99
create odd hash:ip,banana family inet
create bad hash:ip family inet
add bad 10.0.0.9 mystery 7
"#;

fn dump(text: &str) -> Dump {
    Dump { text: text.to_owned(), exit: Some(0), ..Dump::default() }
}

fn packet(protocol: &str, dst: &str, port: u16) -> Fields<'static> {
    let protocol = match protocol {
        "tcp" => 6,
        "udp" => 17,
        "sctp" => 132,
        "gre" => 47,
        "icmp" => 1,
        other => panic!("{other}"),
    };
    let dst: IpAddr = dst.parse().unwrap();
    let src = if dst.is_ipv4() { "10.1.0.1" } else { "fd00:1::1" };
    let (iif, oif) = (SetIface::Absent, SetIface::Named("d1"));
    Fields {
        src: src.parse().unwrap(),
        dst,
        protocol,
        sport: Some(40000),
        dport: Some(port),
        iif,
        oif,
        mark: Some(0x163),
    }
}

#[track_caller]
fn case(set: &str, sides: &[Side], protocol: &str, dst: &str, port: u16, expected: Tri) {
    let dump = dump(SAVED);
    let sets = Sets::parse("ipset-save", &dump);
    let found = sets.contains(set, sides, &packet(protocol, dst, port));
    assert_eq!(found.tri, expected, "{set} {protocol} {dst} {port}: {found:?}");
}

#[test]
fn as_the_kernel_does() {
    case("bp", &[Dst], "tcp", "10.1.0.2", 80, Tri::Yes);
    case("bp", &[Dst], "udp", "10.1.0.2", 80, Tri::Yes);
    case("bp", &[Dst], "udp", "fd00::2", 80, Tri::Yes);
    case("bp", &[Dst], "sctp", "10.1.0.2", 80, Tri::No);
    case("bp", &[Dst], "gre", "10.1.0.2", 80, Tri::No);
    case("bp", &[Dst, Dst], "tcp", "10.1.0.2", 80, Tri::Yes);
    case("hip", &[Dst], "tcp", "10.0.0.1", 80, Tri::No);
    case("hip", &[Dst, Dst], "tcp", "10.0.0.1", 80, Tri::Yes);
    case("hip", &[Dst, Src], "tcp", "10.0.0.1", 80, Tri::No);
    case("hip", &[Dst, Dst, Dst], "tcp", "10.0.0.1", 80, Tri::Yes);
    case("hip", &[Dst, Dst], "udp", "10.0.0.1", 80, Tri::No);
    case("hip", &[Dst, Dst], "sctp", "10.0.0.1", 9, Tri::Yes);
    case("hip", &[Dst, Dst], "gre", "10.0.0.1", 0, Tri::Yes);
    case("hin", &[Dst], "tcp", "10.0.1.77", 80, Tri::Yes);
    case("hb", &[Dst], "tcp", "10.5.1.9", 80, Tri::Yes);
    case("hb", &[Dst], "tcp", "10.5.2.9", 80, Tri::No);
    case("bin", &[Dst], "tcp", "10.0.1.9", 80, Tri::Yes);
    case("bi", &[Dst], "tcp", "10.0.2.3", 80, Tri::Yes);
    case("bi", &[Dst], "tcp", "10.9.2.3", 80, Tri::No);
    case("hn", &[Dst], "tcp", "10.1.0.2", 80, Tri::No);
    case("hn", &[Dst], "tcp", "10.1.1.1", 80, Tri::Yes);
    case("hn", &[Dst], "tcp", "10.2.1.1", 80, Tri::Yes);
    case("hn", &[Dst], "tcp", "11.0.0.5", 80, Tri::Yes);
    case("hn", &[Dst], "tcp", "200.0.0.5", 80, Tri::No);
    case("hnp", &[Dst, Dst], "tcp", "10.2.0.2", 80, Tri::Yes);
    case("hnp", &[Dst, Dst], "tcp", "10.1.0.2", 80, Tri::No);
    case("hnp", &[Dst, Dst], "udp", "10.0.0.1", 2, Tri::Yes);
    case("m1", &[Dst, Dst], "tcp", "10.2.0.2", 80, Tri::No);
    case("m3", &[Dst, Dst], "tcp", "10.2.0.2", 80, Tri::Yes);
    case("m3", &[Dst, Dst], "tcp", "10.3.0.2", 80, Tri::Yes);
    case("m1", &[Dst, Src], "tcp", "10.3.0.2", 80, Tri::No);
    case("ls", &[Dst], "tcp", "10.0.0.1", 80, Tri::Yes);
    case("ls", &[Dst, Dst], "tcp", "200.0.0.1", 80, Tri::Yes);
    case("ls", &[Dst], "tcp", "200.0.0.1", 81, Tri::No);
    case("lst", &[Dst], "tcp", "10.0.0.7", 80, Tri::Yes);
    case("hi", &[Dst], "tcp", "10.0.0.7", 80, Tri::Yes);
    case("hi6", &[Dst], "tcp", "10.0.0.7", 80, Tri::No);
}

#[test]
fn by_the_source_of_the_kernel() {
    case("hip6", &[Dst, Dst], "tcp", "fd00::1", 80, Tri::Yes);
    case("sk", &[Dst], "tcp", "10.0.0.1", 80, Tri::Yes);
    case("mk", &[Dst, Dst], "tcp", "10.0.0.1", 80, Tri::Yes);
    case("nn", &[Dst, Src], "tcp", "10.3.0.1", 80, Tri::Yes);
    case("nn", &[Dst, Src], "tcp", "10.2.0.1", 80, Tri::No);
    case("nn", &[Src, Dst], "tcp", "10.2.0.1", 80, Tri::No);
    case("hipn", &[Dst, Dst, Src], "tcp", "10.0.0.1", 80, Tri::Yes);
}

#[test]
fn what_is_not_known_stays_so() {
    case("nothing", &[Dst], "tcp", "10.0.0.1", 80, Tri::Unknown);
    case("odd", &[Dst, Dst], "tcp", "10.0.0.1", 80, Tri::Unknown);
    case("bad", &[Dst], "tcp", "10.0.0.1", 80, Tri::Unknown);
    case("mac", &[Src], "tcp", "10.0.0.1", 80, Tri::Unknown);
    case("bim", &[Dst, Src], "tcp", "10.0.0.1", 80, Tri::Unknown);
    case("bim", &[Dst, Src], "tcp", "10.0.0.3", 80, Tri::No);
    case("hip", &[Dst, Dst], "icmp", "10.0.0.1", 0, Tri::Unknown);
    case("hip", &[Dst, Dst], "icmp", "10.0.0.2", 0, Tri::No);
}

#[test]
fn an_ephemeral_port_is_not_known() {
    let text = "create s hash:ip,port family inet\nadd s 10.1.0.1,tcp:40000\nadd s 10.1.0.2,tcp:80\n";
    let dump = dump(text);
    let sets = Sets::parse("ipset-save", &dump);
    let ask = |src: &str| {
        let packet = Fields { src: src.parse().unwrap(), sport: None, ..packet("tcp", "10.9.9.9", 80) };
        sets.contains("s", &[Src, Src], &packet).tri
    };
    assert_eq!([ask("10.1.0.1"), ask("10.1.0.2"), ask("10.1.0.3")], [Tri::Unknown, Tri::No, Tri::No]);
}

#[test]
fn a_nomatch_entry_is_told() {
    let dump = dump(SAVED);
    let sets = Sets::parse("ipset-save", &dump);
    let found = sets.contains("hn", &[Dst], &packet("tcp", "10.1.0.2", 80));
    assert_eq!((found.tri, found.nomatch, found.line), (Tri::No, Tri::Yes, Some(36)));
    let found = sets.contains("hi", &[Dst], &packet("tcp", "10.0.0.1", 80));
    assert_eq!(found.why.as_deref(), Some("the entry expires in 19 s"));
}

#[test]
fn a_listing_says_the_same() {
    let listed = "Name: KUBE-CLUSTER-IP\nType: hash:ip,port\nRevision: 6\nHeader: family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x75e4001b\nSize in memory: 296\nReferences: 3\nNumber of entries: 2\nMembers:\n10.96.10.6,tcp:80\n10.96.10.7,tcp:80\n\nName: terse\nType: hash:ip\nRevision: 6\nHeader: family inet\nSize in memory: 1\nReferences: 0\nNumber of entries: 1\n";
    let dump = dump(listed);
    let sets = Sets::parse("ipset-list", &dump);
    let ask = |set: &str, dst| sets.contains(set, &[Dst, Dst], &packet("tcp", dst, 80)).tri;
    assert_eq!(ask("KUBE-CLUSTER-IP", "10.96.10.7"), Tri::Yes);
    assert_eq!(ask("KUBE-CLUSTER-IP", "10.96.10.8"), Tri::No);
    assert_eq!(ask("terse", "10.96.10.8"), Tri::Unknown);
    let members: Vec<_> = sets.get("KUBE-CLUSTER-IP").unwrap().members().collect();
    assert_eq!(members, [(9, "10.96.10.6,tcp:80"), (10, "10.96.10.7,tcp:80")]);
}

#[test]
fn a_cut_dump_does_not_say_no() {
    let dump =
        Dump { complete: Completeness::Cut, ..dump("create s hash:ip family inet\nadd s 10.0.0.1\nadd s 10.0.") };
    let sets = Sets::parse("ipset-save", &dump);
    let ask = |dst| sets.contains("s", &[Dst], &packet("tcp", dst, 80)).tri;
    assert_eq!([ask("10.0.0.1"), ask("10.0.0.2")], [Tri::Yes, Tri::Unknown]);
    let nothing = NodeDumps::default();
    let found = Sets::read(&nothing).contains("s", &[Dst], &packet("tcp", "10.0.0.1", 80));
    assert_eq!(found.why.as_deref(), Some("the node's ipsets were not read"));
}

#[test]
fn sets_in_any_order() {
    let dump = dump(
        "create a hash:ip family inet\ncreate b hash:ip family inet\nadd a 10.0.0.1\nadd b 10.0.0.2\nadd a 10.0.0.3\n",
    );
    let sets = Sets::parse("ipset-save", &dump);
    let members: Vec<_> = sets.get("a").unwrap().members().collect();
    assert_eq!(members, [(3, "10.0.0.1"), (5, "10.0.0.3")]);
    assert_eq!(sets.get("b").unwrap().len(), 1);
}

proptest::proptest! {
    #[test]
    fn any_text_is_read(head in "(create|add|Name:|Type:|Members:|-N)? ?[a-z:,0-9. ]{0,60}", cut in 0_usize..3000, noise in ".{0,80}") {
        let real: String = SAVED.chars().skip(cut).collect();
        let dump = dump(&format!("{head}\n{real}\n{noise}"));
        let sets = Sets::parse("ipset-save", &dump);
        for set in sets.iter() {
            let _ = sets.contains(set.name, &[Dst, Dst, Dst], &packet("tcp", "10.0.0.1", 80));
        }
    }
}
