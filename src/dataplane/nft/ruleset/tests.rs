//! Rulesets as nft 1.0.6 prints them, and any text.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use super::{End, Learning, Standing, Tables, index};
use crate::dataplane::nft::set::{Data, Found, Known};
use crate::dataplane::nft::statement::{Statement, Verdict};

const TEXT: &str = "table ip kube-proxy {
	comment \"rules for kube-proxy\"
	set cluster-ips {
		type ipv4_addr
		comment \"Active ClusterIPs\"
		elements = { 10.96.0.1, 10.96.0.10,
			     10.96.10.1 }
	}

	map no-endpoint-services {
		type ipv4_addr . inet_proto . inet_service : verdict
		elements = { 10.96.10.9 . tcp . 80 comment \"default/a, b:http\" : goto reject-chain,
			     10.96.10.17 . tcp . 80 : drop }
	}

	set affinity-X-d/w/tcp/http__10.0.0.1/80 {
		type ipv4_addr
		size 65535
		flags dynamic,timeout
		timeout 3h
		elements = { 10.244.1.5 expires 2h59m55s224ms }
	}

	chain services {
		ip daddr . meta l4proto . th dport vmap @service-ips
		tcp dport { 80, 443,
			    8080 } accept
	}

	chain nat-prerouting { # handle 7
		type nat hook prerouting priority dstnat; policy accept;
		jump services # handle 9
	}
}
table inet off {
	flags dormant
	chain c {
		type filter hook input priority filter; policy drop;
	}
";

fn read(text: &str) -> Tables<'_> {
    index("nft-ruleset", text)
}

#[test]
fn an_outline() {
    let tables = read(TEXT);
    let [kube, off] = tables.tables.as_slice() else { panic!("{} tables", tables.tables.len()) };
    assert_eq!(
        (kube.family(), kube.name(), kube.end, kube.standing),
        ("ip", "kube-proxy", End::Read, Standing::Active)
    );
    assert_eq!((off.title, off.end, off.standing), ("inet off", End::Missing, Standing::Dormant));
    let services: Vec<_> = kube.chain("services").unwrap().lines().map(|at| at.line).collect();
    assert_eq!(services, [25, 26], "a rule over two lines is one");
    let hooked = kube.chain("nat-prerouting").unwrap();
    assert_eq!(hooked.base.unwrap().priority, Some(-100));
    assert!(matches!(hooked.rules()[0].statements.as_slice(), [Statement::Verdict(Verdict::Jump("services"))]));
    assert!(tables.unread.is_empty());
}

#[test]
fn elements() {
    let tables = read(TEXT);
    let find = |set: &str, values: &[Known<'static>]| match tables.tables[0].set(set).unwrap().elements().find(values) {
        Found::One(element) => Some((element.line, element.data)),
        Found::None => None,
        Found::Perhaps(..) => panic!("not sure"),
    };
    let ip = |text: &str| Known::address(text.parse().unwrap());
    assert_eq!(find("cluster-ips", &[ip("10.96.10.1")]).unwrap().0, 7);
    assert_eq!(find("cluster-ips", &[ip("10.96.10.2")]), None);
    let key = |text: &str, port| [ip(text), Known::number(6), Known::number(port)];
    let found = find("no-endpoint-services", &key("10.96.10.9", 80)).unwrap();
    assert_eq!(found, (12, Data::Verdict(Verdict::Goto("reject-chain"))));
    assert_eq!(find("no-endpoint-services", &key("10.96.10.17", 80)).unwrap().1, Data::Verdict(Verdict::Drop));
    assert_eq!(find("no-endpoint-services", &key("10.96.10.17", 81)), None);
    let affinity = tables.tables[0].set("affinity-X-d/w/tcp/http__10.0.0.1/80").unwrap();
    assert_eq!(affinity.learning(), Learning::Packets);
    assert_eq!(affinity.elements().iter().next().unwrap().expires, Some("2h59m55s224ms"));
}

proptest::proptest! {
    #[test]
    fn any_text_is_read(from in 0_usize..1200, len in 0_usize..1200, noise in "[{}\"a-z0-9.:@; ,\t\n]{0,80}") {
        let part: String = TEXT.chars().skip(from).take(len).collect();
        for text in [format!("{part}{noise}{part}"), format!("table ip x {{\n{noise}{part}")] {
            let tables = read(&text);
            for table in &tables.tables {
                for chain in &table.chains {
                    proptest::prop_assert!(chain.rules().iter().all(|rule| !rule.statements.is_empty()));
                }
                for set in table.sets() {
                    let _ = set.elements().find(&[Known::number(1)]);
                    let _ = set.elements().iter().count();
                }
            }
        }
    }
}
