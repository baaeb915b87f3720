//! Rulesets as nft 1.0.6 prints them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use super::*;

const FIREWALL: &str = r#"table inet firewalld {
	set vips {
		type ipv4_addr
		elements = { 10.1.1.1, 10.1.1.2,
			     10.1.1.3, 10.1.1.4,
			     10.1.1.9 }
	}

	map verdicts {
		type ipv4_addr : verdict
	}

	chain filter_INPUT {
		type filter hook input priority filter + 10; policy accept;
		ct state { established, related } accept
		ct status dnat accept
		iifname "lo" accept
		ct state invalid drop
		jump filter_INPUT_ZONES
		reject with icmpx admin-prohibited
	}

	chain filter_INPUT_ZONES {
		iifname "eth0" goto filter_IN_public
		counter packets 0 bytes 0
	}

	chain filter_IN_public {
		tcp dport 22 accept
		return
	}

	chain count {
		type filter hook forward priority filter - 5; policy accept;
		counter packets 0 bytes 0 comment "drop nothing"
		log prefix "drop it "
		ct state established,related accept
		ct state vmap { invalid : drop, established : accept }
		jump sub
	}

	chain sub {
		counter packets 0 bytes 0
		ip saddr 10.0.0.0/8 counter packets 0 bytes 0 accept
	}

	chain guard {
		type filter hook forward priority filter; policy drop;
		ct state new accept
	}

	chain pre {
		type nat hook prerouting priority dstnat - 5; policy accept;
		ip daddr @vips dnat ip to 10.0.0.1
	}

	chain raw {
		type filter hook prerouting priority raw; policy accept;
		ip protocol icmp notrack
	}

	chain m {
		type route hook output priority mangle; policy accept;
		meta mark set 0x00000007
	}

	chain emptyvmap {
		type filter hook output priority security; policy accept;
		ip daddr vmap @verdicts
	}
}
table netdev early {
	chain in {
		type filter hook ingress device "lo" priority -500; policy accept;
		ip saddr 10.0.0.1 drop
	}
}
table bridge br {
	chain f {
		type filter hook forward priority 0; policy accept;
		ether saddr 00:11:22:33:44:55 drop
	}
}
table arp a {
	chain i {
		type filter hook input priority filter; policy accept;
		drop
	}
}
"#;

/// Trimmed from a node in nftables mode.
const KUBE_PROXY: &str = r#"table ip kube-proxy {
	comment "rules for kube-proxy"
	map no-endpoint-services {
		type ipv4_addr . inet_proto . inet_service : verdict
		comment "vmap to drop or reject packets to services with no endpoints"
	}

	map service-ips {
		type ipv4_addr . inet_proto . inet_service : verdict
		comment "ClusterIP, ExternalIP and LoadBalancer IP traffic"
		elements = { 10.96.10.1 . tcp . 80 : goto service-SUSTUHLJ-default/web/tcp/http }
	}

	chain filter-forward {
		type filter hook forward priority filter; policy accept;
		ct state new jump service-endpoints-check
	}

	chain nat-prerouting {
		type nat hook prerouting priority dstnat; policy accept;
		jump services
	}

	chain service-endpoints-check {
		ip daddr . meta l4proto . th dport vmap @no-endpoint-services
	}

	chain services {
		ip daddr . meta l4proto . th dport vmap @service-ips
	}
}
table ip6 kube-proxy {
	comment "rules for kube-proxy"
	chain nat-prerouting {
		type nat hook prerouting priority dstnat; policy accept;
	}
}
"#;

fn node(list: &[(&str, &str)]) -> NodeDumps {
    let mut node = NodeDumps::default();
    for (name, text) in list {
        node.dumps.insert((*name).to_owned(), Dump { text: (*text).to_owned(), exit: Some(0), ..Dump::default() });
    }
    node
}

fn outline(dumps: &NodeDumps, family: Family) -> Vec<String> {
    let show = |base: NftBase<'_>| {
        format!(
            "{} {} {} {} {}: {} {}",
            base.table,
            base.chain,
            base.kind,
            base.hook.as_str(),
            base.priority,
            base.at.line,
            base.at.text
        )
    };
    base_chains(dumps, family).into_iter().map(show).collect()
}

#[test]
fn a_firewall() {
    let dumps = node(&[("nft-ruleset", FIREWALL)]);
    let both = [
        "inet firewalld filter_INPUT filter input 10: 20 reject with icmpx admin-prohibited",
        "inet firewalld guard filter forward 0: 48 type filter hook forward priority filter; policy drop;",
        "inet firewalld pre nat prerouting -105: 54 ip daddr @vips dnat ip to 10.0.0.1",
        "inet firewalld raw filter prerouting -300: 59 ip protocol icmp notrack",
        "inet firewalld m route output -150: 64 meta mark set 0x00000007",
    ];
    assert_eq!(outline(&dumps, Family::V4), both);
    assert_eq!(outline(&dumps, Family::V4), outline(&dumps, Family::V6));
    let early: Vec<_> = early_chains(&dumps).iter().map(|base| (base.table, base.hook, base.device)).collect();
    assert_eq!(early, [("netdev early", "ingress", Some("lo")), ("bridge br", "forward", None)]);
    assert!(kube_proxy_table(&dumps).is_none());
}

#[test]
fn kube_proxys_own() {
    let dumps = node(&[("nft-ruleset", KUBE_PROXY)]);
    assert_eq!(
        outline(&dumps, Family::V4),
        ["ip kube-proxy nat-prerouting nat prerouting -100: 29 ip daddr . meta l4proto . th dport vmap @service-ips"]
    );
    assert_eq!(outline(&dumps, Family::V6), Vec::<String>::new());
    let (serves, at) = kube_proxy_table(&dumps).unwrap();
    assert!(serves);
    assert_eq!((at.line, at.text), (1, "table ip kube-proxy {"));
    let empty = KUBE_PROXY.replace("		elements", "		#elements");
    assert!(!kube_proxy_table(&node(&[("nft-ruleset", &empty)])).unwrap().0);
    assert!(!kube_proxy_table(&node(&[("nft-ruleset", "table ip6 kube-proxy {\n}\n")])).unwrap().0);
}

const IPTABLES: &str = "table ip filter {\n\tchain INPUT {\n\t\ttype filter hook input priority filter; policy accept;\n\t\tcounter packets 28 bytes 1806 jump KUBE-FIREWALL\n\t}\n\n\tchain KUBE-FIREWALL {\n\t\tdrop\n\t}\n}\n";

#[test]
fn what_iptables_made_is_left_to_it() {
    let warned = "# Warning: table ip filter is managed by iptables-nft, do not touch!\n";
    let mut dumps = node(&[("nft-ruleset", IPTABLES)]);
    assert_eq!(outline(&dumps, Family::V4).len(), 1, "nothing says that iptables made it");
    dumps.dumps.get_mut("nft-ruleset").unwrap().stderr = warned.to_owned();
    assert_eq!(outline(&dumps, Family::V4).len(), 0);
    assert_eq!(outline(&node(&[("nft-ruleset", &format!("{warned}{IPTABLES}"))]), Family::V4).len(), 0);
    let saved = "*filter\n:INPUT ACCEPT [28:1806]\nCOMMIT\n";
    assert_eq!(outline(&node(&[("nft-ruleset", IPTABLES), ("iptables-save", saved)]), Family::V4).len(), 0);
    let native = IPTABLES.replace("INPUT", "input");
    assert_eq!(outline(&node(&[("nft-ruleset", &native), ("iptables-save", saved)]), Family::V4).len(), 1);
}

#[track_caller]
fn rule(text: &str, expected: &effect::Effect<'_>) {
    let tables = tables(FIREWALL);
    assert_eq!(&effect::effect(text, &tables[0]), expected, "{text}");
}

#[test]
fn effects() {
    use effect::Effect::{Decides, Jumps, Nothing};
    rule("counter packets 0 bytes 0", &Nothing);
    rule(r#"iifname "drop" accept comment "drop reject""#, &Nothing);
    rule("ct state established,related accept", &Nothing);
    rule("ct state { invalid } drop", &Nothing);
    rule("ct state != established drop", &Decides);
    rule("ct state new,established drop", &Decides);
    rule("ct state vmap { established : accept, new : jump a }", &Jumps(vec!["a"]));
    rule("ip daddr vmap @vips", &Decides);
    rule("ip daddr vmap @verdicts", &Nothing);
    rule("tcp dport { 22, 80 } jump x", &Jumps(vec!["x"]));
    rule("meta mark set meta mark | 0x00004000", &Decides);
    rule("tcp flags syn tcp option maxseg size set rt mtu", &Decides);
}

#[test]
fn a_dormant_table_does_nothing() {
    let text = FIREWALL.replace("table inet firewalld {\n", "table inet firewalld {\n\tflags dormant\n");
    assert_eq!(outline(&node(&[("nft-ruleset", &text)]), Family::V4).len(), 0);
}

#[test]
fn a_cut_table_does_not_hide_the_next() {
    let cut = FIREWALL.split("chain m").next().unwrap();
    let text = format!("{cut}\n{KUBE_PROXY}");
    assert!(outline(&node(&[("nft-ruleset", &text)]), Family::V4).iter().any(|line| line.starts_with("ip kube-proxy")));
}

proptest::proptest! {
    #[test]
    fn any_text_is_read(from in 0_usize..2400, len in 0_usize..2400, noise in "[{}\"a-z; \t\n]{0,60}") {
        let real: String = FIREWALL.chars().skip(from).take(len).collect();
        let dumps = node(&[("nft-ruleset", &format!("table ip x {{\n{real}{noise}{real}"))]);
        let _ = base_chains(&dumps, Family::V4);
        let _ = early_chains(&dumps);
        let _ = kube_proxy_table(&dumps);
    }
}
