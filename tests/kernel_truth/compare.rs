//! Does what came of a packet agree with what the walk says? Shares are compared with bounds so wide that chance
//! alone does not break them; everything else exactly.

use std::net::{IpAddr, SocketAddr};

use svc_trace::walk::packet::{Disposition, Entry, Outcome, Packet, Protocol, Reason};

use crate::agent::{SERVED, Seen};
use crate::case::{Aim, Decides, Place, Proto, Shares};
use crate::topology::{CLIENT, NODE, POD1, POD2, addresses, remote};

const ECONNREFUSED: i32 = 111;
const ENETUNREACH: i32 = 101;
const EHOSTUNREACH: i32 = 113;
const ENOPROTOOPT: i32 = 92;
const EACCES: i32 = 13;
const EPERM: i32 = 1;

/// How far a count may be from its mean, in standard deviations: once in a million counts or less by chance.
const SIGMAS: f64 = 5.0;
/// Tries that a server may have more or fewer of where the kernel goes round: a round that is not at its end, and what a
/// busy machine sends again.
const ROUND: f64 = 10.0;

/// What one outcome looks like to the client.
#[derive(Debug, Clone, PartialEq)]
enum Sight {
    /// A listener answers and saw this source; `None` where the walk cannot tell.
    Answer(SocketAddr, Option<IpAddr>),
    /// An echo reply.
    Echo,
    /// Nothing, or one of these errors.
    Lost(Vec<i32>),
    /// One of these errors.
    Refused(Vec<i32>),
}

impl Sight {
    fn admits(&self, seen: Seen) -> bool {
        match (self, seen) {
            (Self::Answer(server, source), Seen::Answer(by, from)) => {
                *server == by && source.is_none_or(|ip| ip == from)
            }
            (Self::Echo, Seen::Echo) | (Self::Lost(_), Seen::Silence) => true,
            (Self::Refused(codes) | Self::Lost(codes), Seen::Errno(code)) => codes.contains(&code),
            (Self::Answer(..) | Self::Echo | Self::Refused(_) | Self::Lost(_), _) => false,
        }
    }
}

/// The packet as the walk takes it.
pub(crate) fn packet(aim: &Aim) -> Packet {
    let interface = match aim.place {
        Place::Node => None,
        Place::Pod => Some("veth-pod1"),
        Place::Client => Some("eth0"),
        Place::Remote => Some("eth1"),
    };
    let any = if aim.to.is_ipv4() { IpAddr::from([0; 4]) } else { IpAddr::from([0_u16; 8]) };
    Packet {
        entry: interface.map_or(Entry::Local, |name| Entry::Arrives(Some(name.to_owned()))),
        from: aim.from.unwrap_or(any),
        from_port: aim.from_port,
        to: aim.to,
        protocol: match aim.proto {
            Proto::Tcp => Protocol::Tcp,
            Proto::Udp => Protocol::Udp,
            Proto::Icmp => Protocol::Icmp,
        },
    }
}

/// Whether the walk leaves a choice, so that one try shows too little.
pub(crate) fn branches(outcomes: &[Outcome<'_>]) -> bool {
    outcomes.len() > 1
}

/// What is wrong, if something is.
pub(crate) fn compare(aim: &Aim, outcomes: &[Outcome<'_>], seen: &[Seen]) -> Result<(), String> {
    let undecided =
        outcomes.iter().any(|way| way.disposition == Disposition::Indeterminate || !way.depends_on.is_empty());
    match (aim.decides, undecided) {
        (Decides::Yes, true) => return Err("the walk does not decide what the kernel does".to_owned()),
        (Decides::No, false) => return Err("the walk decides what it cannot know".to_owned()),
        (Decides::No | Decides::Maybe, true) => return undecided_holds(aim, outcomes, seen),
        (Decides::Yes | Decides::Maybe, false) => {}
    }
    let total: f64 = outcomes.iter().map(|way| way.share).sum();
    // Where all depends on state there are no shares at all.
    let stateful = outcomes.iter().all(|way| way.when.is_some());
    if (total - 1.0).abs() > 1e-6 && !stateful {
        return Err(format!("the shares add up to {total}"));
    }
    let sights: Vec<Sight> = outcomes.iter().map(|way| sight(aim, way)).collect();
    for one in seen {
        if !sights.iter().any(|sight| sight.admits(*one)) {
            return Err(format!("the kernel did what no outcome says: {one:?}"));
        }
    }
    for (way, sight) in outcomes.iter().zip(&sights) {
        if let (Sight::Answer(_, Some(source)), Some(from)) = (sight, aim.from)
            && way.masqueraded != (*source != from)
        {
            return Err(format!("masqueraded is {} and the source {source}", way.masqueraded));
        }
    }
    if outcomes.iter().any(|way| way.when.is_some()) || aim.shares == Shares::ByHash {
        return Ok(());
    }
    shares(aim.shares, outcomes, &sights, seen)
}

fn undecided_holds(aim: &Aim, outcomes: &[Outcome<'_>], seen: &[Seen]) -> Result<(), String> {
    // Where the walk names its branches, what happened is one of them.
    if outcomes.iter().any(|way| way.disposition == Disposition::Indeterminate) {
        return Ok(());
    }
    let sights: Vec<Sight> = outcomes.iter().map(|way| sight(aim, way)).collect();
    match seen.iter().find(|one| !sights.iter().any(|sight| sight.admits(**one))) {
        Some(one) => Err(format!("the kernel did what no branch says: {one:?}")),
        None => Ok(()),
    }
}

fn shares(chosen: Shares, outcomes: &[Outcome<'_>], sights: &[Sight], seen: &[Seen]) -> Result<(), String> {
    #[allow(clippy::cast_precision_loss, reason = "a few hundred tries")]
    let count = |holds: &dyn Fn(&Seen) -> bool| seen.iter().filter(|one| holds(one)).count() as f64;
    let tries = count(&|_| true);
    for (at, sight) in sights.iter().enumerate() {
        if sights[..at].contains(sight) {
            continue;
        }
        let share: f64 =
            outcomes.iter().zip(sights).filter(|(_, other)| *other == sight).map(|(way, _)| way.share).sum();
        let mean = tries * share;
        let bound = match chosen {
            Shares::InTurn => ROUND,
            Shares::Seen | Shares::ByHash => {
                SIGMAS * (mean * (1.0 - share).max(0.0)).sqrt() + if share < 1.0 { 1.0 } else { 1e-6 }
            }
        };
        // Silence can be of several kinds: what only this one explains, and all that it may explain.
        let alone =
            count(&|one| sight.admits(*one) && !sights.iter().any(|other| other != sight && other.admits(*one)));
        let all = count(&|one| sight.admits(*one));
        if alone > mean + bound || all < mean - bound {
            return Err(format!("{sight:?} has share {share:.4}, but {alone} to {all} of {tries} tries went there"));
        }
    }
    Ok(())
}

fn sight(aim: &Aim, way: &Outcome<'_>) -> Sight {
    match way.disposition {
        Disposition::Delivered | Disposition::Local | Disposition::Untouched => arrival(aim, way),
        // What is lost in OUTPUT is EPERM to a sender without a connection.
        Disposition::Dropped => Sight::Lost(if aim.place == Place::Node { vec![EPERM] } else { vec![] }),
        Disposition::Rejected => match &way.reason {
            Some(Reason::RejectedWith(_, with)) => rejection(aim, with),
            Some(_) | None => Sight::Refused(vec![ECONNREFUSED, ENETUNREACH, EHOSTUNREACH, EACCES, ENOPROTOOPT]),
        },
        Disposition::Unroutable => Sight::Lost(vec![ENETUNREACH, EHOSTUNREACH, EACCES, 22]),
        Disposition::Loop | Disposition::Indeterminate => Sight::Lost(vec![]),
    }
}

/// Linux `net/ipv4/icmp.c` icmp_err_convert and `net/ipv6/icmp.c` icmpv6_err_convert; those that are not fatal do
/// not reach a UDP socket.
fn rejection(aim: &Aim, with: &str) -> Sight {
    let (code, fatal) = match with {
        "icmp-net-unreachable" | "icmp6-no-route" => (ENETUNREACH, false),
        "icmp-host-unreachable" | "icmp6-addr-unreachable" => (EHOSTUNREACH, false),
        "icmp-proto-unreachable" => (ENOPROTOOPT, true),
        "icmp-net-prohibited" => (ENETUNREACH, true),
        "icmp-host-prohibited" | "icmp-admin-prohibited" => (EHOSTUNREACH, true),
        "icmp6-adm-prohibited" | "icmp6-policy-fail" | "icmp6-reject-route" => (EACCES, true),
        _ => (ECONNREFUSED, true),
    };
    // A TCP connect over IPv6 was seen to go on in spite of ICMPv6 errors (Linux 6.18).
    let deaf = aim.to.is_ipv6() && aim.proto == Proto::Tcp && with != "tcp-reset";
    if !deaf && (fatal || aim.proto == Proto::Tcp) {
        Sight::Refused(vec![code])
    } else {
        Sight::Lost(vec![code, EPERM])
    }
}

/// What happens at the address where the node lets the packet go.
fn arrival(aim: &Aim, way: &Outcome<'_>) -> Sight {
    let ip = way.destination.ip();
    let has = |list: &[&str]| addresses(list).contains(&ip);
    let link_local = matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
    let home = if way.disposition == Disposition::Local || has(NODE) || ip.is_loopback() || link_local {
        Some(Place::Node)
    } else if has(POD1) {
        Some(Place::Pod)
    } else if has(CLIENT) {
        Some(Place::Client)
    } else if remote().contains(&ip) || has(POD2) {
        Some(Place::Remote)
    } else {
        None
    };
    let Some(home) = home else { return Sight::Lost(vec![EHOSTUNREACH]) };
    // A host drops packets that come in with its own address as source.
    let own = home == aim.place && home != Place::Node && !way.masqueraded && !has(POD2);
    if own {
        return Sight::Lost(vec![]);
    }
    match aim.proto {
        Proto::Icmp => Sight::Echo,
        // Sockets for UDP have addresses that were chosen, and this one was not.
        Proto::Udp if link_local => Sight::Refused(vec![ECONNREFUSED]),
        Proto::Tcp | Proto::Udp if SERVED.contains(&way.destination.port()) => {
            Sight::Answer(way.destination, way.source)
        }
        Proto::Tcp | Proto::Udp => Sight::Refused(vec![ECONNREFUSED]),
    }
}
