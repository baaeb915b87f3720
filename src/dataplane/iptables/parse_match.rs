//! Reads what stands behind `-m NAME`. A module or an option that is not known makes the whole module unknown:
//! what a part says may not be judged without the rest.

use super::net::{IpRange, Net, Ports, masked};
use super::option::{Not, Opt, Words};
use super::parse::protocol_number;
use super::rule::{
    CtStates, Direction, IpvsTest, Limit, Match, Named, NotListed, Physdev, Recent, RecentAction, Rpfilter, Side, Test,
};
use crate::dataplane::ipvs::{Method, port};
use crate::dataplane::links::AddrType;

/// What a module was, besides tests.
pub(super) enum Parsed<'snap> {
    /// Its tests were added.
    Tests,
    /// It was a comment.
    Comment(&'snap str),
}

/// Reads the options of module `name` and adds its tests. `start` is the byte of its `-m`.
pub(super) fn module<'snap>(
    name: &str,
    protocol: u8,
    words: &mut Words<'_, 'snap>,
    start: usize,
    into: &mut Vec<Match<'snap>>,
) -> Parsed<'snap> {
    if name == "comment" {
        let comment = words.module_option().and_then(|_| words.value());
        into.push(Match { test: Test::Always, not: Not::Plain, text: words.text_from(start) });
        return comment.map_or(Parsed::Tests, Parsed::Comment);
    }
    let before = into.len();
    let known = match name {
        "listed" => listed(words, start, into),
        "recent" => recent(words, start, into),
        "statistic" => statistic(words, start, into),
        "addrtype" => addrtype(words, start, into),
        "multiport" => multiport(words, start, into),
        "rpfilter" => rpfilter(words, start, into),
        "limit" | "hashlimit" | "connlimit" => rate(name, words, start, into),
        "nfacct" | "tcp" | "udp" | "udplite" | "sctp" | "dccp" | "icmp" | "icmp6" | "mark" | "connmark"
        | "conntrack" | "state" | "set" | "physdev" | "iprange" | "owner" | "pkttype" | "ipvs" => {
            each(name, protocol, words, start, into)
        }
        _ => None,
    };
    if known.is_none() {
        into.truncate(before);
        words.skip_module();
        into.push(Match { test: Test::Unknown, not: Not::Plain, text: words.text_from(start) });
    }
    Parsed::Tests
}

/// What a listing for people does not tell of a rule, as `collect/pasted` marks it.
fn listed<'snap>(words: &mut Words<'_, 'snap>, start: usize, into: &mut Vec<Match<'snap>>) -> Option<()> {
    let what = match words.module_option()?.name {
        "--without-interfaces" => NotListed::Interfaces,
        "--unread" => NotListed::Words(words.value()?),
        _ => return None,
    };
    into.push(Match { test: Test::NotListed(what), not: Not::Plain, text: words.text_from(start) });
    Some(())
}

/// Modules whose options are tests of their own.
fn each<'snap>(
    module: &str,
    protocol: u8,
    words: &mut Words<'_, 'snap>,
    start: usize,
    into: &mut Vec<Match<'snap>>,
) -> Option<()> {
    let before = into.len();
    let mut start = start;
    let mut any = false;
    while let Some(option) = words.module_option() {
        if any {
            start = option.start;
        }
        let test = option_test(module, protocol, option, words)?;
        into.push(Match { test, not: option.not, text: words.text_from(start) });
        any = true;
    }
    if !any {
        into.push(Match { test: Test::Always, not: Not::Plain, text: words.text_from(start) });
    }
    let of_state = |one: &Match<'_>| matches!(one.test, Test::CtState(_));
    if let Some(own) = into.get_mut(before..)
        && own.len() > 1
        && own.iter().any(of_state)
    {
        for one in own.iter_mut().filter(|one| !of_state(one)) {
            one.test = Test::OfConnection(Box::new(std::mem::replace(&mut one.test, Test::Always)));
        }
    }
    Some(())
}

fn option_test<'snap>(
    module: &str,
    protocol: u8,
    option: Opt<'snap>,
    words: &mut Words<'_, 'snap>,
) -> Option<Test<'snap>> {
    let mut value = || words.value();
    Some(match (module, option.name) {
        ("nfacct", "--nfacct-name") => {
            value()?;
            Test::Always
        }
        ("tcp" | "udp" | "udplite" | "sctp" | "dccp", "--dport" | "--destination-port") => {
            Test::Port(Side::Dst, ports(value()?)?)
        }
        ("tcp" | "udp" | "udplite" | "sctp" | "dccp", "--sport" | "--source-port") => {
            Test::Port(Side::Src, ports(value()?)?)
        }
        ("tcp", "--syn") => Test::TcpFlags(0x17, 0x02),
        ("tcp", "--tcp-flags") => Test::TcpFlags(tcp_flags(value()?)?, tcp_flags(value()?)?),
        ("icmp" | "icmp6", "--icmp-type" | "--icmpv6-type") => {
            let text = value()?;
            let (kind, code) = text.split_once('/').map_or((text, None), |(kind, code)| (kind, Some(code)));
            let code = match code {
                Some(code) => Some(code.parse().ok()?),
                None => None,
            };
            if kind == "any" || kind == "255" { Test::Always } else { Test::IcmpType(icmp_type(kind, protocol)?, code) }
        }
        ("mark", "--mark") => masked(value()?).map(|(value, mask)| Test::Mark(value, mask))?,
        ("connmark", "--mark") => masked(value()?).map(|(value, mask)| Test::Connmark(value, mask))?,
        ("conntrack", "--ctstate") | ("state", "--state") => Test::CtState(states(value()?)?),
        ("conntrack", "--ctstatus") => Test::CtStatus(value()?.split(',').collect()),
        ("conntrack", "--ctproto") => Test::CtProtocol(protocol_number(value()?)?),
        ("conntrack", "--ctorigsrc") => Test::CtOriginal(Side::Src, Net::parse(value()?)?),
        ("conntrack", "--ctorigdst") => Test::CtOriginal(Side::Dst, Net::parse(value()?)?),
        ("conntrack", "--ctreplsrc") => Test::CtReply(Side::Src, Net::parse(value()?)?),
        ("conntrack", "--ctrepldst") => Test::CtReply(Side::Dst, Net::parse(value()?)?),
        ("conntrack", "--ctorigsrcport") => Test::CtOriginalPort(Side::Src, Ports::parse(value()?)?),
        ("conntrack", "--ctorigdstport") => Test::CtOriginalPort(Side::Dst, Ports::parse(value()?)?),
        ("conntrack", "--ctdir") => Test::CtDirection(direction(value()?)?),
        ("set", "--match-set") => {
            let name = value()?;
            Test::Set(name, sides(value()?)?)
        }
        ("physdev", "--physdev-is-in") => Test::Physdev(Physdev::IsIn),
        ("physdev", "--physdev-is-out") => Test::Physdev(Physdev::IsOut),
        ("physdev", "--physdev-is-bridged") => Test::Physdev(Physdev::IsBridged),
        ("physdev", "--physdev-in") => Test::Physdev(Physdev::In(value()?)),
        ("physdev", "--physdev-out") => Test::Physdev(Physdev::Out(value()?)),
        ("iprange", "--src-range") => Test::Range(Side::Src, IpRange::parse(value()?)?),
        ("iprange", "--dst-range") => Test::Range(Side::Dst, IpRange::parse(value()?)?),
        ("owner", "--uid-owner" | "--gid-owner") => {
            value()?;
            Test::Owner
        }
        ("owner", "--socket-exists" | "--suppl-groups") => Test::Owner,
        ("ipvs", "--ipvs") => Test::Ipvs(IpvsTest::Any),
        ("ipvs", "--vproto") => Test::Ipvs(IpvsTest::Protocol(protocol_number(value()?)?)),
        ("ipvs", "--vaddr") => Test::Ipvs(IpvsTest::Address(Net::parse(value()?)?)),
        ("ipvs", "--vport") => Test::Ipvs(IpvsTest::Port(value()?.parse().ok()?)),
        ("ipvs", "--vdir") => Test::Ipvs(IpvsTest::Direction(direction(value()?)?)),
        ("ipvs", "--vmethod") => Test::Ipvs(IpvsTest::Method(match value()? {
            "MASQ" => Method::Masq,
            "GATE" => Method::Route,
            "IPIP" => Method::Tunnel,
            _ => return None,
        })),
        ("pkttype", "--pkt-type") => Test::PacketType(value()?),
        _ => return None,
    })
}

fn recent<'snap>(words: &mut Words<'_, 'snap>, start: usize, into: &mut Vec<Match<'snap>>) -> Option<()> {
    let mut recent = Recent {
        action: RecentAction::Check,
        name: "DEFAULT",
        seconds: None,
        hitcount: None,
        side: Side::Src,
        mask: "",
    };
    let mut not = Not::Plain;
    while let Some(option) = words.module_option() {
        match option.name {
            "--set" => (recent.action, not) = (RecentAction::Set, option.not),
            "--rcheck" => (recent.action, not) = (RecentAction::Check, option.not),
            "--update" => (recent.action, not) = (RecentAction::Update, option.not),
            "--remove" => (recent.action, not) = (RecentAction::Remove, option.not),
            "--name" => recent.name = words.value()?,
            "--seconds" => recent.seconds = Some(words.value()?.parse().ok()?),
            "--hitcount" => recent.hitcount = Some(words.value()?.parse().ok()?),
            "--mask" => recent.mask = words.value()?,
            "--rsource" => recent.side = Side::Src,
            "--rdest" => recent.side = Side::Dst,
            "--reap" => {}
            _ => return None,
        }
    }
    into.push(Match { test: Test::Recent(Box::new(recent)), not, text: words.text_from(start) });
    Some(())
}

fn statistic<'snap>(words: &mut Words<'_, 'snap>, start: usize, into: &mut Vec<Match<'snap>>) -> Option<()> {
    let (mut random, mut every, mut packet, mut not) = (None, None, 0, Not::Plain);
    while let Some(option) = words.module_option() {
        match option.name {
            "--mode" => {
                words.value()?;
            }
            "--probability" => {
                random = Some(words.value()?.parse::<f64>().ok().filter(|p| (0.0..=1.0).contains(p))?);
                not = option.not;
            }
            "--every" => {
                every = Some(words.value()?.parse::<u32>().ok().filter(|n| *n > 0)?);
                not = option.not;
            }
            "--packet" => packet = words.value()?.parse().ok()?,
            _ => return None,
        }
    }
    let test = match (random, every) {
        (Some(probability), None) => Test::Random(probability),
        (None, Some(every)) => Test::Nth(every, packet),
        _ => return None,
    };
    into.push(Match { test, not, text: words.text_from(start) });
    Some(())
}

fn addrtype<'snap>(words: &mut Words<'_, 'snap>, start: usize, into: &mut Vec<Match<'snap>>) -> Option<()> {
    let mut tests = Vec::new();
    let mut limit = Limit::None;
    while let Some(option) = words.module_option() {
        match option.name {
            "--src-type" | "--dst-type" => {
                let side = if option.name == "--src-type" { Side::Src } else { Side::Dst };
                let types = words.value()?.split(',').map(AddrType::parse).collect::<Option<Vec<_>>>()?;
                tests.push((side, types, option.not));
            }
            "--limit-iface-in" => limit = Limit::In,
            "--limit-iface-out" => limit = Limit::Out,
            _ => return None,
        }
    }
    let text = words.text_from(start);
    for (index, (side, types, not)) in tests.into_iter().enumerate() {
        let text = if index == 0 { text } else { "" };
        into.push(Match { test: Test::AddrType(side, types, limit), not, text });
    }
    Some(())
}

fn multiport<'snap>(words: &mut Words<'_, 'snap>, start: usize, into: &mut Vec<Match<'snap>>) -> Option<()> {
    while let Some(option) = words.module_option() {
        let sides: Box<[Side]> = match option.name {
            "--dports" | "--destination-ports" => [Side::Dst].into(),
            "--sports" | "--source-ports" => [Side::Src].into(),
            "--ports" => [Side::Src, Side::Dst].into(),
            _ => return None,
        };
        let ports = words.value()?.split(',').map(ports).collect::<Option<_>>()?;
        into.push(Match { test: Test::Multiport(sides, ports), not: option.not, text: words.text_from(start) });
    }
    Some(())
}

fn rpfilter<'snap>(words: &mut Words<'_, 'snap>, start: usize, into: &mut Vec<Match<'snap>>) -> Option<()> {
    let mut filter = Rpfilter::default();
    while let Some(option) = words.module_option() {
        match option.name {
            "--loose" => filter.loose = Named::Yes,
            "--validmark" => filter.validmark = Named::Yes,
            "--accept-local" => filter.accept_local = Named::Yes,
            "--invert" => filter.invert = Named::Yes,
            _ => return None,
        }
    }
    into.push(Match { test: Test::ReversePath(filter), not: Not::Plain, text: words.text_from(start) });
    Some(())
}

/// Rates hold for the first packets of a quiet node, until the rate is used up; `--x-above` the other way round.
fn rate<'snap>(module: &str, words: &mut Words<'_, 'snap>, start: usize, into: &mut Vec<Match<'snap>>) -> Option<()> {
    let (mut above, mut not, mut what) = (false, Not::Plain, "");
    while let Some(option) = words.module_option() {
        let name = option.name;
        if matches!(name, "--limit" | "--hashlimit" | "--hashlimit-upto" | "--connlimit-upto") {
            (what, not) = (words.value()?, option.not);
        } else if matches!(name, "--hashlimit-above" | "--connlimit-above") {
            (what, not, above) = (words.value()?, option.not, true);
        } else if name.starts_with("--limit-") || name.starts_with("--hashlimit-") || name.starts_with("--connlimit-") {
            words.value();
        } else {
            return None;
        }
    }
    if what.is_empty() {
        // `-m limit` alone has the default rate (xt_limit: 3/hour, burst 5).
        what = if module == "limit" { "3/hour" } else { return None };
    }
    if module == "connlimit" && what == "0" {
        // Its own connection is one of them (xt_connlimit.c).
        let not = if above { not } else { not.reverse() };
        into.push(Match { test: Test::Always, not, text: words.text_from(start) });
        return Some(());
    }
    let test = if above { Test::Above(what) } else { Test::Rate(what) };
    into.push(Match { test, not, text: words.text_from(start) });
    Some(())
}

/// Ports by number, or by a name that is known: listings without `-n` have them.
fn ports(text: &str) -> Option<Ports> {
    Ports::parse(text).or_else(|| {
        let (first, last) = text.split_once(':').unwrap_or((text, text));
        Some(Ports { first: port(first)?, last: port(last)? })
    })
}

fn direction(text: &str) -> Option<Direction> {
    match text {
        "ORIGINAL" => Some(Direction::Original),
        "REPLY" => Some(Direction::Reply),
        _ => None,
    }
}

fn states(text: &str) -> Option<CtStates> {
    let mut states = CtStates::default();
    for name in text.split(',') {
        match name {
            "INVALID" => states.invalid = Named::Yes,
            "NEW" => states.new = Named::Yes,
            "ESTABLISHED" => states.established = Named::Yes,
            "RELATED" => states.related = Named::Yes,
            "UNTRACKED" => states.untracked = Named::Yes,
            "SNAT" => states.snat = Named::Yes,
            "DNAT" => states.dnat = Named::Yes,
            _ => return None,
        }
    }
    Some(states)
}

fn sides(text: &str) -> Option<Box<[Side]>> {
    text.split(',')
        .map(|side| match side {
            "src" => Some(Side::Src),
            "dst" => Some(Side::Dst),
            _ => None,
        })
        .collect()
}

fn tcp_flags(text: &str) -> Option<u8> {
    text.split(',').try_fold(0, |bits, name| {
        Some(
            bits | match name {
                "FIN" => 0x01,
                "SYN" => 0x02,
                "RST" => 0x04,
                "PSH" => 0x08,
                "ACK" => 0x10,
                "URG" => 0x20,
                "ALL" => 0x3f,
                "NONE" => 0,
                _ => return None,
            },
        )
    })
}

fn icmp_type(text: &str, protocol: u8) -> Option<u8> {
    const ICMPV6: u8 = 58;
    Some(match (text, protocol) {
        ("echo-request", ICMPV6) => 128,
        ("echo-reply", ICMPV6) => 129,
        ("echo-request", _) => 8,
        ("echo-reply", _) => 0,
        ("destination-unreachable", ICMPV6) => 1,
        ("destination-unreachable", _) => 3,
        (number, _) => number.parse().ok()?,
    })
}
