//! Whether the kernel takes a packet that arrives: martian addresses, and the reverse path filter. Before it is routed,
//! after PREROUTING. Sources: Linux `net/ipv4/route.c` ip_route_input_slow, `net/ipv4/fib_frontend.c`
//! fib_validate_source, `net/ipv6/ip6_input.c` ip6_rcv_core, `net/ipv6/ip6_output.c` ip6_forward.

use std::net::IpAddr;

use super::addresses::{Kind, Question};
use super::packet::Reason;
use super::state::{Iface, State};
use crate::dataplane::links::{Ingress, Lookup, Route, RouteKey, RouteKind};
use crate::dataplane::plane::{Family, Plane};
use crate::dataplane::tri::Tri;

/// What becomes of a packet that arrives.
#[derive(Debug, PartialEq)]
pub(super) enum Admission<'snap> {
    /// It is taken.
    Taken,
    /// No packet with these addresses is taken by this interface.
    Martian(Reason<'snap>),
    /// The way back to its source does not lead by this interface.
    Filtered(Reason<'snap>),
    /// It cannot be told, and why.
    Unknown(String),
}

/// `rp_filter`: off, strict, loose.
const OFF: u64 = 0;
const STRICT: u64 = 1;

/// Whether a packet that arrived is taken.
pub(super) fn admits<'snap>(plane: &Plane<'snap>, state: &State<'snap>) -> Admission<'snap> {
    if state.iif == Iface::Known("lo") {
        return Admission::Taken;
    }
    match state.family {
        Family::V4 => match martian(plane, state) {
            Admission::Taken => way_back(plane, state),
            other @ (Admission::Martian(_) | Admission::Filtered(_) | Admission::Unknown(_)) => other,
        },
        // What PREROUTING did comes after this test.
        Family::V6 => {
            let came = [state.from.first_unnoted(), state.to.first_unnoted().ip()];
            let odd = came.into_iter().find(IpAddr::is_loopback);
            state.to.note(|| Question::CameLoopback(odd.is_some()));
            match odd {
                Some(_) => {
                    let came = [state.from.first(), state.to.first().ip()].into_iter().find(IpAddr::is_loopback);
                    let ip = came.unwrap_or_else(|| state.from.first());
                    Admission::Martian(Reason::Route(format!("{ip} is not taken from outside")))
                }
                None if state.from.kind() == Kind::Multicast => no_source(state.from.ip()),
                None => Admission::Taken,
            }
        }
    }
}

/// Whether a packet of this source is sent on at all.
pub(super) fn forwards<'snap>(state: &State<'snap>) -> Option<Reason<'snap>> {
    let link_local = state.from.kind() == Kind::LinkLocal;
    link_local.then(|| Reason::Route(format!("{} is good for its link only, and is not forwarded", state.from.ip())))
}

fn no_source<'snap>(ip: IpAddr) -> Admission<'snap> {
    Admission::Martian(Reason::Route(format!("{ip} is no address to send from")))
}

fn martian<'snap>(plane: &Plane<'snap>, state: &State<'snap>) -> Admission<'snap> {
    let from = state.from.kind();
    if matches!(from, Kind::Multicast | Kind::Broadcast | Kind::Nowhere) {
        return no_source(state.from.ip());
    }
    let kind = state.to.kind();
    if kind == Kind::Nowhere {
        return Admission::Martian(Reason::Route(format!("{} is no address to send to", state.to.ip())));
    }
    if from != Kind::Loopback && kind != Kind::Loopback {
        return Admission::Taken;
    }
    match plane.sysctls.route_localnet(state.iif.name()) {
        Tri::Yes => Admission::Taken,
        Tri::No => Admission::Martian(Reason::Sysctl(
            "net.ipv4.conf.all.route_localnet = 0: 127.0.0.0/8 is not taken from outside".into(),
        )),
        Tri::Unknown => Admission::Unknown("net.ipv4.conf.all.route_localnet is not in the input".into()),
    }
}

/// The source must not be the node's own; with `rp_filter` strict the way back must lead by the interface it came in
/// by, with loose there must be one.
fn way_back<'snap>(plane: &Plane<'snap>, state: &State<'snap>) -> Admission<'snap> {
    let dev = state.iif.name();
    if state.from.is_held(&plane.links).is_yes() && state.from.kind() != Kind::Loopback {
        return match plane.sysctls.accept_local(dev) {
            Some(true) => Admission::Taken,
            Some(false) => Admission::Martian(Reason::Sysctl(format!(
                "net.ipv4.conf.all.accept_local = 0: {} is an address of this node and is not taken from outside",
                state.from.ip()
            ))),
            None => Admission::Martian(Reason::Route(format!(
                "{} is an address of this node: nothing from outside has it",
                state.from.ip()
            ))),
        };
    }
    // What was not read is told as an assumption.
    let filter = plane.sysctls.rp_filter(dev).unwrap_or(OFF);
    if filter == OFF {
        return Admission::Taken;
    }
    let mark = match plane.sysctls.src_valid_mark(dev) {
        Tri::Yes => (state.mark.known == u32::MAX).then_some(state.mark.value),
        Tri::No => Some(0),
        Tri::Unknown => (state.mark == super::state::Bits::ZERO).then_some(0),
    };
    if !plane.links.knows_routes(Family::V4) {
        return if filter == STRICT { unknown(filter, "the node's routes were not read") } else { Admission::Taken };
    }
    let to = state.to.unnoted();
    let key = RouteKey {
        dst: state.from.unnoted(),
        src: Some(to.ip()),
        ingress: Ingress::Here,
        mark,
        protocol: Some(state.protocol),
        from_port: Some(to.port()),
        to_port: state.sport,
    };
    let lookup = plane.links.route(&key);
    let mut verdicts = lookup.possible().iter().map(|route| back_by(plane, state, route, filter));
    let Some(first) = verdicts.next() else {
        state.to.looked();
        return unknown(filter, "the way back to its source cannot be told");
    };
    match first {
        Back::Fits if state.from.is_replaced() => state.to.looked(),
        Back::Fits => state.to.note(|| Question::Admitted(Box::new(state.unwatched()))),
        Back::Open | Back::Not(_) => state.to.looked(),
    }
    if verdicts.any(|other| other != first) || (matches!(lookup, Lookup::Unknown { .. }) && first == Back::Open) {
        return unknown(filter, "the way back to its source cannot be told");
    }
    match first {
        Back::Fits => Admission::Taken,
        Back::Open => unknown(filter, "the interface that it came in by is not known"),
        Back::Not(words) => {
            Admission::Filtered(Reason::Sysctl(format!("{} = {filter}: {words}", rp_filter_name(plane, dev, filter))))
        }
    }
}

fn unknown<'snap>(filter: u64, why: &str) -> Admission<'snap> {
    Admission::Unknown(format!("rp_filter is {filter}, and {why}"))
}

/// The switch that gives the effective value.
fn rp_filter_name(plane: &Plane<'_>, dev: Option<&str>, filter: u64) -> String {
    let all = "net.ipv4.conf.all.rp_filter";
    match dev {
        Some(dev) if plane.sysctls.number(all) != Some(filter) => format!("net.ipv4.conf.{dev}.rp_filter"),
        Some(_) | None => all.to_owned(),
    }
}

/// Whether a way back fits.
#[derive(Debug, PartialEq, Eq)]
enum Back {
    Fits,
    Open,
    Not(String),
}

fn back_by(plane: &Plane<'_>, state: &State<'_>, route: &Route<'_>, filter: u64) -> Back {
    let src = state.from.unnoted();
    if route.kind != RouteKind::Unicast {
        return Back::Not(format!("there is no way back to {src} (`{}`)", route.text()));
    }
    let Some(iif) = state.iif.name() else {
        return if filter == STRICT { Back::Open } else { Back::Fits };
    };
    if route.live().any(|hop| hop.dev == Some(iif)) {
        return Back::Fits;
    }
    if route.live().any(|hop| hop.dev.is_none()) {
        return Back::Open;
    }
    let bare = plane.links.interface(iif).is_some_and(|own| !own.addresses.iter().any(|address| address.ip.is_ipv4()));
    // An interface without addresses is always filtered strictly (`no_addr`).
    if filter == STRICT || bare {
        let by = route.dev().map(|dev| format!(" by {dev}")).unwrap_or_default();
        return Back::Not(format!("the way back to {src} leads{by}, not by {iif}"));
    }
    Back::Fits
}

#[cfg(test)]
mod tests;
