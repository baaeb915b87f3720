//! Routing between hooks: for this node, through it, or nowhere. Asks the node's tables, rules and switches.
//! Sources: Linux `net/ipv4/route.c` (ip_route_input_slow, ip_route_output_key), `net/ipv4/fib_frontend.c`
//! (fib_validate_source), `net/ipv4/ip_forward.c`, `net/ipv4/netfilter.c` (ip_route_me_harder).

use super::addresses::{Ahead, Kind, Question};
use super::admission::{self, Admission};
use super::ends::finish;
use smallvec::smallvec;

use super::netfilter::{Walker, Way, Ways};
use super::packet::{Dependency, Disposition, Reason};
use super::state::{Bound, Iface, Made, State, Told};
use crate::dataplane::hooks::Hook;
use crate::dataplane::links::{Ingress, Links, Lookup, RouteKey, RouteKind, Source};
use crate::dataplane::plane::Family;
use crate::dataplane::tri::Tri;

impl<'snap> Walker<'_, 'snap> {
    /// The last base chain of a hook is through: route, or go on to the next hook, or be at the end.
    pub(super) fn end_of_hook(&self, mut state: Box<State<'snap>>) -> Ways<'snap> {
        state.base = 0;
        state.connection.looked_up = Bound::Yes;
        match state.hook {
            Hook::Prerouting => {
                state.connection.dst_bound = Bound::Yes;
                self.arrive(state)
            }
            Hook::Input => smallvec![Way::Ends(Box::new(finish(&state, Disposition::Local, None, Vec::new())))],
            Hook::Forward => {
                state.hook = Hook::Postrouting;
                state.oif = state.route_oif;
                smallvec![state.way()]
            }
            Hook::Output => {
                state.connection.dst_bound = Bound::Yes;
                state.hook = Hook::Postrouting;
                state.oif = state.route_oif;
                smallvec![state.way()]
            }
            Hook::Postrouting => {
                state.connection.src_bound = Bound::Yes;
                if state.made == Made::Here && state.route_oif == Iface::Known("lo") {
                    // What is for this node itself comes in by `lo`, with its connection as it is.
                    state.made = Made::HereLooped;
                    state.hook = Hook::Prerouting;
                    (state.iif, state.oif) = (Iface::Known("lo"), Iface::None);
                    return smallvec![state.way()];
                }
                if let Some(to) = state.balanced.and_then(|balanced| balanced.carried_to) {
                    state.to.set(to.ip(), to.port());
                }
                let disposition = if state.to.is_new() { Disposition::Delivered } else { Disposition::Untouched };
                smallvec![Way::Ends(Box::new(finish(&state, disposition, None, Vec::new())))]
            }
        }
    }

    fn look_up(&self, state: &State<'snap>, ingress: Ingress<'snap>) -> Lookup<'snap> {
        let to = state.to.unnoted();
        let key = RouteKey {
            dst: to.ip(),
            src: (state.src_told == Told::Yes && !state.from.unnoted().is_unspecified())
                .then_some(state.from.unnoted()),
            ingress,
            mark: (state.mark.known == u32::MAX).then_some(state.mark.value),
            protocol: Some(state.protocol),
            from_port: state.sport,
            to_port: Some(to.port()),
        };
        let lookup = self.plane.links.route(&key);
        // Without one, which the kernel has still to choose, the key has none.
        let _ = state.from.kind();
        if state.from.is_replaced() {
            state.to.looked();
        }
        state.to.note(|| Question::Route(key, Ahead::of(&lookup)));
        lookup
    }

    /// After PREROUTING.
    fn arrive(&self, mut state: Box<State<'snap>>) -> Ways<'snap> {
        if state.made == Made::HereLooped {
            return input(state);
        }
        match admission::admits(self.plane, &state) {
            Admission::Taken => {}
            Admission::Martian(reason) => return unroutable(&state, reason),
            Admission::Filtered(reason) => {
                return smallvec![Way::Ends(Box::new(finish(&state, Disposition::Dropped, Some(reason), Vec::new())))];
            }
            Admission::Unknown(why) => return smallvec![state.undecided(Dependency::Fact(why))],
        }
        let ingress = state.iif.name().map_or(Ingress::Unknown, Ingress::By);
        let lookup = self.look_up(&state, ingress);
        match lookup.is_local() {
            Tri::Yes => {
                state.tell_route(|state| {
                    let by = self.plane.links.holders(state.to.ip()).find(|name| *name == Links::IPVS);
                    let by = by.map_or_else(String::new, |name| format!(", on {name}"));
                    format!("{} is an address of this node{by}", state.to.ip())
                });
                return input(state);
            }
            Tri::Unknown => {
                let why = format!("whether {} is an address of this node is not known", state.to.ip());
                return smallvec![state.undecided(Dependency::Fact(why))];
            }
            Tri::No => {}
        }
        if let Some(reason) = admission::forwards(&state) {
            return unroutable(&state, reason);
        }
        let forwarding = match state.family {
            Family::V4 => self.plane.sysctls.forwarding(state.iif.name()),
            Family::V6 => self.plane.sysctls.ipv6_forwarding(),
        };
        if forwarding == Some(false) {
            let name = self.plane.sysctls.forwarding_name(state.family, state.iif.name());
            return unroutable(&state, Reason::Sysctl(name));
        }
        if let Some(ended) = Self::leave(&mut state, &lookup) {
            return ended;
        }
        state.hook = Hook::Forward;
        state.oif = state.route_oif;
        smallvec![state.way()]
    }

    /// A process of this node sends: routed before OUTPUT sees it.
    pub(super) fn send(&self, mut state: Box<State<'snap>>) -> Ways<'snap> {
        let lookup = self.look_up(&state, Ingress::Here);
        if state.from.ip().is_unspecified() {
            let source = match &lookup {
                Lookup::Found(route) => self.plane.links.source_by(route, state.to.ip()),
                Lookup::Unknown { .. } => self.plane.links.source_for(state.to.ip()),
            };
            match source {
                Source::Address(ip) => state.from.chosen(ip),
                Source::None | Source::Unknown(_) => state.src_told = Told::No,
            }
        }
        if let Some(ended) = Self::leave(&mut state, &lookup) {
            return ended;
        }
        state.oif = state.route_oif;
        state.routed();
        smallvec![state.way()]
    }

    /// After a table changed what OUTPUT was routed by. The source stays.
    pub(super) fn reroute(&self, mut state: Box<State<'snap>>) -> Ways<'snap> {
        if state.is_routed() {
            return smallvec![state.way()];
        }
        let lookup = self.look_up(&state, Ingress::Here);
        if let Some(ended) = Self::leave(&mut state, &lookup) {
            return ended;
        }
        state.routed();
        // A loopback source may leave by another interface only with route_localnet (__mkroute_output).
        if state.src_told == Told::Yes
            && state.family == Family::V4
            && state.from.kind() == Kind::Loopback
            && state.route_oif != Iface::Known("lo")
        {
            match self.plane.sysctls.route_localnet(state.route_oif.name()) {
                Tri::Yes => {}
                Tri::No => return unroutable(&state, Reason::Sysctl("net.ipv4.conf.all.route_localnet = 0".into())),
                Tri::Unknown => {
                    let why = "net.ipv4.conf.all.route_localnet is not in the input".to_owned();
                    return smallvec![state.undecided(Dependency::Fact(why))];
                }
            }
        }
        smallvec![state.way()]
    }

    /// Takes the way that a lookup gives; how it ends where there is none, or none that is certain.
    pub(super) fn leave(state: &mut State<'snap>, lookup: &Lookup<'snap>) -> Option<Ways<'snap>> {
        match lookup {
            Lookup::Found(route) => {
                if route.kind.refuses() {
                    let words = if route.kind == RouteKind::NoRoute {
                        format!("no route to {}", state.to.ip())
                    } else {
                        state.to.looked();
                        route.text()
                    };
                    return Some(unroutable(state, Reason::Route(words)));
                }
                state.route_oif = Iface::of(route.dev());
                state.gateway = route.gateway();
                let dev = route.dev()?;
                state.tell_route(|state| match state.gateway {
                    _ if dev == "lo" => format!("{} is an address of this node", state.to.ip()),
                    Some(gateway) => format!("to {} by {dev} over {gateway}", state.to.ip()),
                    None => format!("to {} by {dev}", state.to.ip()),
                });
                None
            }
            Lookup::Unknown { reason, possible } => {
                let refused = possible.iter().filter(|route| route.kind.refuses()).count();
                if possible.is_empty() || (refused > 0 && refused < possible.len()) {
                    return Some(smallvec![state.undecided(Dependency::Fact(reason.clone()))]);
                }
                if refused > 0 {
                    return Some(unroutable(state, Reason::Route(format!("no route to {}", state.to.ip()))));
                }
                let mut devs = possible.iter().map(crate::dataplane::links::Route::dev);
                let first = devs.next().flatten();
                state.route_oif = if devs.all(|dev| dev == first) { Iface::of(first) } else { Iface::Unknown };
                state.gateway = None;
                None
            }
        }
    }
}

fn input(mut state: Box<State<'_>>) -> Ways<'_> {
    state.hook = Hook::Input;
    state.oif = Iface::None;
    state.route_oif = Iface::Known("lo");
    smallvec![state.way()]
}

pub(super) fn unroutable<'snap>(state: &State<'snap>, reason: Reason<'snap>) -> Ways<'snap> {
    smallvec![Way::Ends(Box::new(finish(state, Disposition::Unroutable, Some(reason), Vec::new())))]
}
