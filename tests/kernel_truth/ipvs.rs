//! Rule sets of IPVS: virtual servers with ipsets, rules and `kube-ipvs0` in kube-proxy's layout, one subject each. They
//! are run in a machine of its own (`machine.rs`).

mod services;
mod surroundings;

use crate::case::{Aim, Backend, RuleSet};

/// One subject.
struct Row {
    name: &'static str,
    /// Addresses of `kube-ipvs0`.
    bound: &'static [&'static str],
    /// Members of kube-proxy's sets.
    members: &'static [&'static str],
    /// `ipvsadm -S` text, one a line.
    servers: &'static [&'static str],
    /// Lines of iptables before kube-proxy's: table and rule.
    rules: &'static [(&'static str, &'static str)],
    sysctl: &'static [(&'static str, &'static str)],
    packets: &'static [&'static str],
}

const ROW: Row = Row { name: "", bound: &[], members: &[], servers: &[], rules: &[], sysctl: &[], packets: &[] };

/// One rule set a row.
pub(crate) fn sets() -> impl Iterator<Item = RuleSet> {
    services::ROWS.iter().chain(surroundings::ROWS).map(set)
}

fn set(row: &Row) -> RuleSet {
    let packets: Vec<Aim> = row.packets.iter().map(|text| Aim::parse(text).expect("a packet")).collect();
    let four = packets.iter().all(|aim| aim.to.is_ipv4());
    let lines = |lines: &[&str]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    let members: String = row.members.iter().map(|member| format!("add {member}\n")).collect();
    let of = |table: &str| -> String {
        row.rules.iter().filter(|(name, _)| *name == table).map(|(_, rule)| format!("{rule}\n")).collect()
    };
    let rules = RULES
        .replace("*mangle\n", &format!("*mangle\n{}", of("mangle")))
        .replace("{nat}", &of("nat"))
        .replace("{filter}", &of("filter"));
    let (ipset, rules) = if four {
        (format!("{SETS}{members}"), rules)
    } else {
        let sets = SETS.replace("KUBE-", "KUBE-6-").replace("family inet", "family inet6");
        let sets = sets.replace("SOURCE-CIDR", "SOURCE-CID");
        let rules = rules
            .replace("KUBE-LOAD-BALANCER-SOURCE-CIDR ", "KUBE-LOAD-BALANCER-SOURCE-CID ")
            .replace("--match-set KUBE-", "--match-set KUBE-6-")
            .replace("-s 127.0.0.0/8", "-s ::1/128")
            .replace("10.244.0.0/16", "fd00:244::/56")
            .replace("icmp-port-unreachable", "icmp6-port-unreachable");
        (format!("{sets}{members}"), rules)
    };
    let bits = if four { 32 } else { 128 };
    let mut ip = vec!["link add kube-ipvs0 type dummy".to_owned()];
    ip.extend(
        row.bound
            .iter()
            .map(|address| format!("addr add {address}/{bits} dev kube-ipvs0{}", if four { "" } else { " nodad" })),
    );
    let mut sysctl = vec![("net.ipv4.vs.conntrack".to_owned(), "1".to_owned())];
    sysctl.extend(row.sysctl.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
    RuleSet {
        name: format!("ipvs-{}", row.name),
        backends: vec![Backend::Nft],
        packets,
        ipset,
        v4: if four { rules.clone() } else { String::new() },
        v6: if four { String::new() } else { rules },
        ipvs: lines(row.servers),
        sysctl,
        ip,
        ip_undo: vec!["link del kube-ipvs0".to_owned()],
        ..RuleSet::default()
    }
}

/// kube-proxy 1.34, `pkg/proxy/ipvs/ipset.go`.
const SETS: &str = "\
create KUBE-CLUSTER-IP hash:ip,port family inet
create KUBE-EXTERNAL-IP hash:ip,port family inet
create KUBE-EXTERNAL-IP-LOCAL hash:ip,port family inet
create KUBE-HEALTH-CHECK-NODE-PORT bitmap:port range 0-65535
create KUBE-IPVS-IPS hash:ip family inet
create KUBE-LOAD-BALANCER hash:ip,port family inet
create KUBE-LOAD-BALANCER-FW hash:ip,port family inet
create KUBE-LOAD-BALANCER-LOCAL hash:ip,port family inet
create KUBE-LOAD-BALANCER-SOURCE-CIDR hash:ip,port,net family inet
create KUBE-LOOP-BACK hash:ip,port,ip family inet
create KUBE-NODE-PORT-LOCAL-TCP bitmap:port range 0-65535
create KUBE-NODE-PORT-TCP bitmap:port range 0-65535
create KUBE-NODE-PORT-UDP bitmap:port range 0-65535
";

/// What kube-proxy 1.34 makes of them (`pkg/proxy/ipvs/proxier.go`, `writeIptablesRules`).
const RULES: &str = r#"*mangle
COMMIT
*filter
:KUBE-FORWARD - [0:0]
:KUBE-IPVS-FILTER - [0:0]
:KUBE-IPVS-OUT-FILTER - [0:0]
:KUBE-NODE-PORT - [0:0]
:KUBE-PROXY-FIREWALL - [0:0]
:KUBE-SOURCE-RANGES-FIREWALL - [0:0]
{filter}-A INPUT -m comment --comment "kubernetes ipvs access filter" -j KUBE-IPVS-FILTER
-A INPUT -m comment --comment "kube-proxy firewall rules" -j KUBE-PROXY-FIREWALL
-A INPUT -m comment --comment "kubernetes health check rules" -j KUBE-NODE-PORT
-A FORWARD -m comment --comment "kube-proxy firewall rules" -j KUBE-PROXY-FIREWALL
-A FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD
-A OUTPUT -m comment --comment "kubernetes ipvs access filter" -j KUBE-IPVS-OUT-FILTER
-A KUBE-FORWARD -m mark --mark 0x4000/0x4000 -j ACCEPT
-A KUBE-FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A KUBE-IPVS-FILTER -m set --match-set KUBE-LOAD-BALANCER dst,dst -j RETURN
-A KUBE-IPVS-FILTER -m set --match-set KUBE-CLUSTER-IP dst,dst -j RETURN
-A KUBE-IPVS-FILTER -m set --match-set KUBE-EXTERNAL-IP dst,dst -j RETURN
-A KUBE-IPVS-FILTER -m set --match-set KUBE-EXTERNAL-IP-LOCAL dst,dst -j RETURN
-A KUBE-IPVS-FILTER -m set --match-set KUBE-HEALTH-CHECK-NODE-PORT dst -j RETURN
-A KUBE-IPVS-FILTER -m conntrack --ctstate NEW -m set --match-set KUBE-IPVS-IPS dst -j REJECT --reject-with icmp-port-unreachable
-A KUBE-NODE-PORT -m set --match-set KUBE-HEALTH-CHECK-NODE-PORT dst -j ACCEPT
-A KUBE-PROXY-FIREWALL -m set --match-set KUBE-LOAD-BALANCER-FW dst,dst -j KUBE-SOURCE-RANGES-FIREWALL
-A KUBE-SOURCE-RANGES-FIREWALL -m set --match-set KUBE-LOAD-BALANCER-SOURCE-CIDR dst,dst,src -j RETURN
-A KUBE-SOURCE-RANGES-FIREWALL -j DROP
COMMIT
*nat
:KUBE-LOAD-BALANCER - [0:0]
:KUBE-MARK-MASQ - [0:0]
:KUBE-NODE-PORT - [0:0]
:KUBE-POSTROUTING - [0:0]
:KUBE-SERVICES - [0:0]
{nat}-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING
-A KUBE-LOAD-BALANCER -j KUBE-MARK-MASQ
-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
-A KUBE-NODE-PORT -p tcp -m set --match-set KUBE-NODE-PORT-LOCAL-TCP dst -j RETURN
-A KUBE-NODE-PORT -p tcp -m set --match-set KUBE-NODE-PORT-TCP dst -j KUBE-MARK-MASQ
-A KUBE-NODE-PORT -p udp -m set --match-set KUBE-NODE-PORT-UDP dst -j KUBE-MARK-MASQ
-A KUBE-POSTROUTING -m set --match-set KUBE-LOOP-BACK dst,dst,src -j MASQUERADE
-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0
-A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully
-A KUBE-SERVICES -s 127.0.0.0/8 -j RETURN
-A KUBE-SERVICES -m set --match-set KUBE-LOAD-BALANCER dst,dst -j KUBE-LOAD-BALANCER
-A KUBE-SERVICES ! -s 10.244.0.0/16 -m set --match-set KUBE-CLUSTER-IP dst,dst -j KUBE-MARK-MASQ
-A KUBE-SERVICES -m set --match-set KUBE-EXTERNAL-IP dst,dst -j KUBE-MARK-MASQ
-A KUBE-SERVICES -m set --match-set KUBE-EXTERNAL-IP dst,dst -m physdev ! --physdev-is-in -m addrtype ! --src-type LOCAL -j ACCEPT
-A KUBE-SERVICES -m set --match-set KUBE-EXTERNAL-IP dst,dst -m addrtype --dst-type LOCAL -j ACCEPT
-A KUBE-SERVICES -m set --match-set KUBE-EXTERNAL-IP-LOCAL dst,dst -m physdev ! --physdev-is-in -m addrtype ! --src-type LOCAL -j ACCEPT
-A KUBE-SERVICES -m set --match-set KUBE-EXTERNAL-IP-LOCAL dst,dst -m addrtype --dst-type LOCAL -j ACCEPT
-A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODE-PORT
-A KUBE-SERVICES -m set --match-set KUBE-CLUSTER-IP dst,dst -j ACCEPT
-A KUBE-SERVICES -m set --match-set KUBE-LOAD-BALANCER dst,dst -j ACCEPT
COMMIT
"#;
