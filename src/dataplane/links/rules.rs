//! Policy rules: which tables are asked for a packet, in which order. Says Unknown where a rule needs what is not
//! known of the packet; never skips a rule that it does not understand.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

use super::json::Json;
use super::routes::{Family, read_prefix, table_name};
use crate::dataplane::Tri;
use crate::order;
use crate::walk::packet::Protocol;

/// How the packet that is routed came here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ingress<'a> {
    /// A process of this node sends it; the kernel routes it as if it came in by `lo`.
    Here,
    /// It came in by this interface.
    By(&'a str),
    /// It came in by an interface that is not known.
    Unknown,
}

/// What routing may look at. The packet has no type of service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouteKey<'a> {
    /// Destination.
    pub dst: IpAddr,
    /// Source; `None` where the kernel has still to choose it.
    pub src: Option<IpAddr>,
    /// How it came here.
    pub ingress: Ingress<'a>,
    /// Mark; `None` where it is not known.
    pub mark: Option<u32>,
    /// Protocol, where a rule may ask for it.
    pub protocol: Option<Protocol>,
    /// Source port; `None` for any.
    pub from_port: Option<u16>,
    /// Destination port.
    pub to_port: Option<u16>,
}

impl RouteKey<'_> {
    /// A packet to `dst` that a process of this node sends, without a mark.
    #[must_use]
    pub const fn to(dst: IpAddr) -> Self {
        Self { dst, src: None, ingress: Ingress::Here, mark: Some(0), protocol: None, from_port: None, to_port: None }
    }
}

/// What a policy rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RuleAction<'snap> {
    /// Asks a table.
    Lookup(&'snap str),
    /// Goes on at the first rule of this priority; to one that is not there, or nowhere: with the next.
    Goto(Option<u32>),
    /// Ends the lookup: `blackhole`, `unreachable`, `prohibit`.
    Refuse(super::RouteKind),
    /// Something that is not modelled.
    Other,
}

/// One policy rule.
///
/// `{"priority":99,"src":"all","fwmark":"0x1","fwmask":"0xff","table":"100","suppress_prefixlen":0}`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PolicyRule<'snap> {
    /// Position.
    pub(crate) priority: u32,
    not: bool,
    src: Option<IpNet>,
    dst: Option<IpNet>,
    iif: Option<(&'snap str, Attached)>,
    oif: Option<&'snap str>,
    mark: Option<(u32, u32)>,
    tos: bool,
    protocol: Option<&'snap str>,
    sport: Option<(u16, u16)>,
    dport: Option<(u16, u16)>,
    uid: Option<(u64, u64)>,
    vrf: bool,
    /// A condition that is not modelled, by its name.
    odd: Option<&'snap str>,
    pub(crate) action: RuleAction<'snap>,
    /// Routes with a prefix of at most this length are passed over.
    pub(crate) suppress_prefix_len: Option<u8>,
    /// Routes that leave by an interface of this group are passed over.
    pub(crate) suppress_group: Option<&'snap str>,
}

/// Whether the interface that a rule names exists; one that does not never matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attached {
    Yes,
    No,
}

impl fmt::Display for PolicyRule<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.priority)?;
        if self.not {
            f.write_str(" not")?;
        }
        match self.src {
            Some(src) => write!(f, " from {src}")?,
            None => f.write_str(" from all")?,
        }
        if let Some(dst) = self.dst {
            write!(f, " to {dst}")?;
        }
        if let Some((mark, mask)) = self.mark {
            write!(f, " fwmark {mark:#x}")?;
            if mask != u32::MAX {
                write!(f, "/{mask:#x}")?;
            }
        }
        if let Some((iif, _)) = self.iif {
            write!(f, " iif {iif}")?;
        }
        if let Some(oif) = self.oif {
            write!(f, " oif {oif}")?;
        }
        if let Some((first, last)) = self.uid {
            write!(f, " uidrange {first}-{last}")?;
        }
        if let Some(protocol) = self.protocol {
            write!(f, " ipproto {protocol}")?;
        }
        for (name, range) in [("sport", self.sport), ("dport", self.dport)] {
            match range {
                Some((first, last)) if first == last => write!(f, " {name} {first}")?,
                Some((first, last)) => write!(f, " {name} {first}-{last}")?,
                None => {}
            }
        }
        if let Some(odd) = self.odd {
            write!(f, " {odd} …")?;
        }
        match self.action {
            RuleAction::Lookup(table) => write!(f, " lookup {table}"),
            RuleAction::Goto(Some(to)) => write!(f, " goto {to}"),
            RuleAction::Goto(None) => f.write_str(" nop"),
            RuleAction::Refuse(kind) => write!(f, " {}", kind.as_str()),
            RuleAction::Other if self.vrf => f.write_str(" lookup [l3mdev-table]"),
            RuleAction::Other => f.write_str(" (an action that is not known)"),
        }
    }
}

/// Fields of `ip -j rule` that are read below, or that change nothing for a lookup.
const KNOWN: [&str; 34] = [
    "priority",
    "not",
    "src",
    "srclen",
    "dst",
    "dstlen",
    "tos",
    "fwmark",
    "fwmask",
    "iif",
    "iif_detached",
    "oif",
    "oif_detached",
    "l3mdev",
    "uid_start",
    "uid_end",
    "ipproto",
    "sport",
    "sport_start",
    "sport_end",
    "dport",
    "dport_start",
    "dport_end",
    "table",
    "suppress_prefixlen",
    "suppress_ifgroup",
    "goto",
    "unresolved",
    "nop",
    "action",
    "protocol",
    "flow_from",
    "flow_to",
    "type",
];

/// Reads `ip -j rule`; `None` stands for an entry that is not understood.
pub(crate) fn read_rules<'snap>(list: &[Json<'snap>], family: Family) -> Vec<Option<PolicyRule<'snap>>> {
    let mut rules: Vec<_> = list.iter().map(|entry| read_rule(entry, family)).collect();
    order::sort_by_key(&mut rules, |rule| rule.as_ref().map(|rule| rule.priority));
    rules
}

/// The rules that a kernel starts with; Linux net/ipv4/fib_rules.c fib_default_rules_init, net/ipv6/fib6_rules.c.
pub(crate) fn default_rules<'snap>(family: Family) -> Vec<PolicyRule<'snap>> {
    let rule = |priority, table| PolicyRule {
        priority,
        not: false,
        src: None,
        dst: None,
        iif: None,
        oif: None,
        mark: None,
        tos: false,
        protocol: None,
        sport: None,
        dport: None,
        uid: None,
        vrf: false,
        odd: None,
        action: RuleAction::Lookup(table),
        suppress_prefix_len: None,
        suppress_group: None,
    };
    match family {
        Family::V4 => vec![rule(0, "local"), rule(32766, "main"), rule(32767, "default")],
        Family::V6 => vec![rule(0, "local"), rule(32766, "main")],
    }
}

fn read_rule<'snap>(entry: &Json<'snap>, family: Family) -> Option<PolicyRule<'snap>> {
    let mark = match entry.get("fwmark") {
        Some(_) => Some((
            word(entry, "fwmark")?,
            if entry.get("fwmask").is_some() { word(entry, "fwmask")? } else { u32::MAX },
        )),
        None => None,
    };
    let uid = match entry.get("uid_start") {
        Some(_) => Some((entry.number("uid_start")?, entry.number("uid_end")?)),
        None => None,
    };
    let vrf = entry.get("l3mdev").is_some();
    Some(PolicyRule {
        priority: word(entry, "priority")?,
        not: entry.get("not").is_some(),
        src: Some(read_selector(entry, "src", "srclen", family)?).filter(|net| net.prefix_len() > 0),
        dst: Some(read_selector(entry, "dst", "dstlen", family)?).filter(|net| net.prefix_len() > 0),
        iif: match entry.get("iif") {
            Some(_) => Some((
                entry.text("iif")?,
                if entry.get("iif_detached").is_some() { Attached::No } else { Attached::Yes },
            )),
            None => None,
        },
        oif: match entry.get("oif") {
            Some(_) => Some(entry.text("oif")?),
            None => None,
        },
        mark,
        tos: entry.get("tos").is_some(),
        protocol: match entry.get("ipproto") {
            Some(_) => Some(entry.text("ipproto")?),
            None => None,
        },
        sport: Some(read_ports(entry, "sport", "sport_start", "sport_end")?).filter(|range| *range != EVERY_PORT),
        dport: Some(read_ports(entry, "dport", "dport_start", "dport_end")?).filter(|range| *range != EVERY_PORT),
        uid,
        vrf,
        odd: entry.fields().iter().map(|(name, _)| *name).find(|name| !KNOWN.contains(name)),
        action: if vrf { RuleAction::Other } else { read_action(entry) },
        suppress_prefix_len: match entry.get("suppress_prefixlen") {
            Some(_) => Some(u8::try_from(entry.number("suppress_prefixlen")?).ok()?),
            None => None,
        },
        suppress_group: match entry.get("suppress_ifgroup") {
            Some(_) => Some(entry.text("suppress_ifgroup")?),
            None => None,
        },
    })
}

fn word(entry: &Json<'_>, name: &str) -> Option<u32> {
    u32::try_from(entry.number(name)?).ok()
}

/// `"src":"all"`, `"src":"10.2.0.0","srclen":24`, `"src":"10.77.0.1"`; a prefix of no length holds for all.
fn read_selector(entry: &Json<'_>, name: &str, len_name: &str, family: Family) -> Option<IpNet> {
    let whole = match entry.get(name) {
        Some(_) => read_prefix(entry.text(name)?, family)?,
        None => read_prefix("all", family)?,
    };
    match entry.get(len_name) {
        Some(_) => Some(IpNet::new(whole.addr(), u8::try_from(entry.number(len_name)?).ok()?).ok()?.trunc()),
        None => Some(whole),
    }
}

/// `"sport":5` or `"dport_start":80,"dport_end":90`; without either every port.
fn read_ports(entry: &Json<'_>, one: &str, start: &str, end: &str) -> Option<(u16, u16)> {
    let port = |name: &str| entry.number(name).and_then(|number| u16::try_from(number).ok());
    if entry.get(one).is_some() {
        Some((port(one)?, port(one)?))
    } else if entry.get(start).is_some() {
        Some((port(start)?, port(end)?))
    } else {
        Some(EVERY_PORT)
    }
}

const EVERY_PORT: (u16, u16) = (0, u16::MAX);

fn read_action<'snap>(entry: &Json<'snap>) -> RuleAction<'snap> {
    use super::RouteKind;
    if let Some(table) = entry.text("table") {
        return RuleAction::Lookup(table_name(table));
    }
    if entry.get("nop").is_some() || entry.get("unresolved").is_some() {
        return RuleAction::Goto(None);
    }
    if let Some(to) = word(entry, "goto") {
        return RuleAction::Goto(Some(to));
    }
    match entry.text("action").or(entry.text("type")) {
        Some("blackhole") => RuleAction::Refuse(RouteKind::Blackhole),
        Some("unreachable") => RuleAction::Refuse(RouteKind::Unreachable),
        Some("prohibit") => RuleAction::Refuse(RouteKind::Prohibit),
        Some("nop") => RuleAction::Goto(None),
        Some(_) | None => RuleAction::Other,
    }
}

impl PolicyRule<'_> {
    /// Whether the rule is one for packets of VRFs.
    pub(crate) const fn is_vrf(&self) -> bool {
        self.vrf
    }

    /// Whether the rule holds for a packet; Linux net/core/fib_rules.c fib_rule_match, net/ipv4/fib_rules.c
    /// fib4_rule_match.
    pub(crate) fn test(&self, key: &RouteKey<'_>) -> Tri {
        let all = Tri::all([
            self.iif.map_or(Tri::Yes, |(name, attached)| match (attached, key.ingress) {
                (Attached::No, _) => Tri::No,
                (Attached::Yes, Ingress::Here) => Tri::from(name == "lo"),
                (Attached::Yes, Ingress::By(iif)) => Tri::from(iif == name),
                // What arrives does not arrive by lo.
                (Attached::Yes, Ingress::Unknown) => {
                    if name == "lo" {
                        Tri::No
                    } else {
                        Tri::Unknown
                    }
                }
            }),
            // Only sockets that are bound to an interface have one before they are routed.
            self.oif.map_or(Tri::Yes, |_| Tri::No),
            self.mark.map_or(Tri::Yes, |(mark, mask)| key.mark.map(|known| known & mask == mark & mask).into()),
            self.test_addresses(key),
            // The packet has no type of service, and 0 is not printed.
            Tri::from(!self.tos),
            self.protocol.map_or(Tri::Yes, |protocol| key.protocol.map(|known| names(protocol, known, key.dst)).into()),
            in_range(self.sport, key.from_port),
            in_range(self.dport, key.to_port),
            self.uid.map_or(Tri::Yes, |range| match key.ingress {
                _ if range == (0, u64::from(u32::MAX)) => Tri::Yes,
                // A packet without a socket counts as root's; Linux net/ipv4/route.c ip_route_input_slow.
                Ingress::By(_) | Ingress::Unknown => Tri::from(range.0 == 0),
                Ingress::Here => Tri::Unknown,
            }),
            if self.vrf || self.odd.is_some() { Tri::Unknown } else { Tri::Yes },
        ]);
        if self.not { !all } else { all }
    }

    /// While the kernel has no source yet, a rule that asks for one does not hold.
    fn test_addresses(&self, key: &RouteKey<'_>) -> Tri {
        let src = self.src.is_none_or(|net| key.src.is_some_and(|src| net.contains(&src)));
        let dst = self.dst.is_none_or(|net| net.contains(&key.dst));
        Tri::from(src && dst)
    }
}

fn in_range(range: Option<(u16, u16)>, port: Option<u16>) -> Tri {
    range.map_or(Tri::Yes, |(first, last)| port.map(|port| (first..=last).contains(&port)).into())
}

/// `tcp`, `6`, `ipv6-icmp`.
fn names(text: &str, protocol: Protocol, dst: IpAddr) -> bool {
    let (number, name) = match protocol {
        Protocol::Tcp => ("6", "tcp"),
        Protocol::Udp => ("17", "udp"),
        Protocol::Sctp => ("132", "sctp"),
        Protocol::Icmp if dst.is_ipv6() => ("58", "ipv6-icmp"),
        Protocol::Icmp => ("1", "icmp"),
    };
    text == number || text.eq_ignore_ascii_case(name)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]
mod tests {
    use super::*;

    fn rule(text: &str) -> PolicyRule<'_> {
        read_rule(&Json::list(text).unwrap()[0], Family::V4).unwrap()
    }

    fn key() -> RouteKey<'static> {
        RouteKey {
            dst: "10.96.0.1".parse().unwrap(),
            src: Some("10.244.1.5".parse().unwrap()),
            ingress: Ingress::By("cni0"),
            mark: Some(0x4001),
            protocol: Some(Protocol::Tcp),
            from_port: None,
            to_port: Some(443),
        }
    }

    #[track_caller]
    fn case(text: &str, expected: Tri) {
        assert_eq!(rule(text).test(&key()), expected, "{}", rule(text));
    }

    #[test]
    fn conditions() {
        case(r#"{"priority":0,"src":"all","table":"local"}"#, Tri::Yes);
        case(r#"{"priority":1,"src":"10.244.0.0","srclen":16,"table":"5"}"#, Tri::Yes);
        case(r#"{"priority":1,"src":"10.245.0.0","srclen":16,"table":"5"}"#, Tri::No);
        case(r#"{"priority":1,"src":"all","dst":"10.96.0.1","table":"5"}"#, Tri::Yes);
        case(r#"{"priority":1,"src":"all","dst":"10.96.0.2","table":"5"}"#, Tri::No);
        case(r#"{"priority":1,"not":null,"src":"all","dst":"10.96.0.2","table":"5"}"#, Tri::Yes);
        case(r#"{"priority":1,"src":"all","fwmark":"0x1","fwmask":"0xff","table":"5"}"#, Tri::Yes);
        case(r#"{"priority":1,"src":"all","fwmark":"0x1","table":"5"}"#, Tri::No);
        case(r#"{"priority":1,"src":"all","iif":"cni0","table":"5"}"#, Tri::Yes);
        case(r#"{"priority":1,"src":"all","iif":"cni0","iif_detached":null,"table":"5"}"#, Tri::No);
        case(r#"{"priority":1,"src":"all","iif":"lo","table":"5"}"#, Tri::No);
        case(r#"{"priority":1,"src":"all","oif":"eth1","table":"5"}"#, Tri::No);
        case(r#"{"priority":1,"src":"all","tos":"0x10","table":"5"}"#, Tri::No);
        case(r#"{"priority":1,"src":"all","ipproto":"tcp","dport":443,"table":"5"}"#, Tri::Yes);
        case(r#"{"priority":1,"src":"all","ipproto":"udp","table":"5"}"#, Tri::No);
        case(r#"{"priority":1,"src":"all","dport_start":80,"dport_end":90,"table":"5"}"#, Tri::No);
        case(r#"{"priority":1,"src":"all","sport":5,"table":"5"}"#, Tri::Unknown);
        case(r#"{"priority":1,"src":"all","sport":5,"dport":80,"table":"5"}"#, Tri::No);
        case(r#"{"priority":1,"src":"all","uid_start":0,"uid_end":100,"table":"5"}"#, Tri::Yes);
        case(r#"{"priority":1,"src":"all","uid_start":1000,"uid_end":1000,"table":"5"}"#, Tri::No);
        case(r#"{"priority":1,"src":"all","tun_id":5,"table":"5"}"#, Tri::Unknown);
        case(r#"{"priority":54,"src":"all","l3mdev":null}"#, Tri::Unknown);
    }

    #[test]
    fn what_the_node_sends_is_known_by_lo() {
        let from_lo = rule(r#"{"priority":1,"src":"all","iif":"lo","table":"5"}"#);
        let uid = rule(r#"{"priority":1,"src":"all","uid_start":0,"uid_end":100,"table":"5"}"#);
        let here = RouteKey { ingress: Ingress::Here, ..key() };
        let unknown = RouteKey { ingress: Ingress::Unknown, mark: None, ..key() };
        assert_eq!(from_lo.test(&here), Tri::Yes);
        assert_eq!(from_lo.test(&unknown), Tri::No);
        assert_eq!(uid.test(&here), Tri::Unknown);
        assert_eq!(rule(r#"{"priority":1,"src":"all","iif":"cni0","table":"5"}"#).test(&unknown), Tri::Unknown);
        assert_eq!(rule(r#"{"priority":1,"src":"all","fwmark":"0x1","table":"5"}"#).test(&unknown), Tri::Unknown);
    }

    #[test]
    fn actions() {
        let text = |text| rule(text).to_string();
        assert_eq!(text(r#"{"priority":50,"src":"all","goto":100}"#), "50: from all goto 100");
        assert_eq!(text(r#"{"priority":58,"src":"all","goto":9999,"unresolved":null}"#), "58: from all nop");
        assert_eq!(text(r#"{"priority":52,"src":"10.77.0.1","action":"prohibit"}"#), "52: from 10.77.0.1/32 prohibit");
        assert_eq!(
            text(
                r#"{"priority":98,"not":null,"src":"all","tos":"0x10","fwmark":"0x20000","fwmask":"0x20000","ipproto":"tcp","sport":5,"dport_start":80,"dport_end":90,"table":"254"}"#
            ),
            "98: not from all fwmark 0x20000/0x20000 ipproto tcp sport 5 dport 80-90 lookup main"
        );
        assert_eq!(read_rule(&Json::list(r#"[{"src":"all","table":"5"}]"#).unwrap()[0], Family::V4), None);
        assert_eq!(
            read_rule(&Json::list(r#"[{"priority":1,"src":"all","fwmark":"zebra"}]"#).unwrap()[0], Family::V4),
            None
        );
    }
}
