//! Address translation: destinations, sources, redirects, mapped networks.
//! Sources: Linux `net/netfilter/nf_nat_core.c`, `xt_nat.c`, `nf_nat_redirect.c`, `nf_nat_masquerade.c`, `xt_NETMAP.c`.

use std::net::{IpAddr, SocketAddr};

use smallvec::{SmallVec, smallvec};

use super::addresses::Question;
use super::chains::{Place, ends};
use super::netfilter::{Walker, Ways};
use super::packet::{Action, Dependency, Disposition, Reason};
use super::state::{Bound, Iface, State, Told};
use crate::dataplane::Loc;
use crate::dataplane::hooks::Hook;
use crate::dataplane::iptables::Rule;
use crate::dataplane::iptables::net::{Net, Ports};
use crate::dataplane::iptables::rule::NatRange;
use crate::dataplane::plane::Family;

/// Addresses of a nat range that are listed one by one.
const LISTED: u128 = 64;

impl<'snap> Walker<'_, 'snap> {
    pub(super) fn dnat(
        &mut self,
        state: Box<State<'snap>>,
        place: Place<'_, 'snap>,
        rule: &Rule<'snap>,
        range: NatRange,
        chance: Option<f64>,
    ) -> Ways<'snap> {
        // A port that is in the range already stays, unless one is drawn (nf_nat_core.c get_unique_tuple).
        let within = |ports: Ports| !range.random && (ports.first..=ports.last).contains(&state.to.port());
        let port = if range.ports.is_some_and(within) {
            Some(state.to.port())
        } else {
            one_port(range.ports, state.to.port())
        };
        let Some(port) = port else {
            let why = Dependency::Rule(rule.at, "which port of the range is taken is not known".into());
            return smallvec![state.undecided(why)];
        };
        let Some(addresses) = listed(range.addresses, state.to.ip()) else {
            let why = Dependency::Rule(rule.at, "which address of the range is taken is not known".into());
            return smallvec![state.undecided(why)];
        };
        let each = f64::from(u32::try_from(addresses.len()).unwrap_or(1).max(1));
        let mut send = |mut one: Box<State<'snap>>, ip: IpAddr| {
            one.share /= each;
            let to = SocketAddr::new(ip, port);
            let chance = if each > 1.0 { one.when.is_none().then_some(one.share) } else { chance };
            one.hop_with(place.base.table, place.chain, Action::Dnat(to), Some(rule.at), chance);
            self.rewrite_destination(one, to)
        };
        match addresses.as_slice() {
            [only] => send(state, *only),
            several => several.iter().flat_map(|ip| send(state.clone(), *ip)).collect(),
        }
    }

    /// A new destination ends the table; a packet that is made here is routed anew.
    pub(super) fn rewrite_destination(&mut self, mut state: Box<State<'snap>>, to: SocketAddr) -> Ways<'snap> {
        // What stays as it was is not translated (nf_nat_core.c, __nf_nat_setup_info: IPS_DST_NAT).
        if state.to.socket() != to {
            state.connection.dnat = Bound::Yes;
        }
        state.to.set(to.ip(), to.port());
        state.connection.dst_bound = Bound::Yes;
        self.behind(state)
    }

    pub(super) fn redirect(
        &mut self,
        mut state: Box<State<'snap>>,
        place: Place<'_, 'snap>,
        rule: &Rule<'snap>,
        ports: Option<Ports>,
        chance: Option<f64>,
    ) -> Ways<'snap> {
        let Some(port) = one_port(ports, state.to.port()) else {
            let why = Dependency::Rule(rule.at, "which port of the range is taken is not known".into());
            return smallvec![state.undecided(why)];
        };
        let ip = match self.redirect_address(&state) {
            Ok(ip) => ip,
            Err(None) => {
                state.hop_with(place.base.table, place.chain, Action::Drop, Some(rule.at), chance);
                return ends(&state, Disposition::Dropped, Reason::Rule(rule.at));
            }
            Err(Some(why)) => return smallvec![state.undecided(Dependency::Rule(rule.at, why))],
        };
        let to = SocketAddr::new(ip, port);
        state.hop_with(place.base.table, place.chain, Action::Redirect(to), Some(rule.at), chance);
        self.rewrite_destination(state, to)
    }

    /// Where a redirect leads: loopback for what is made here, else the first address of the interface it came in by.
    /// Without one it is dropped (`None`); or it is not known, in words (Linux `nf_nat_redirect.c`).
    pub(super) fn redirect_address(&self, state: &State<'snap>) -> Result<IpAddr, Option<String>> {
        let ip = match (state.hook, state.family) {
            (Hook::Output, Family::V4) => Some(IpAddr::from([127, 0, 0, 1])),
            (Hook::Output, Family::V6) => Some(IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])),
            (Hook::Prerouting | Hook::Input | Hook::Forward | Hook::Postrouting, family) => {
                state.iif.name().and_then(|dev| self.plane.links.first_address(dev, family))
            }
        };
        let known = || state.iif.name().is_some_and(|dev| self.plane.links.interface(dev).is_some());
        ip.ok_or_else(|| (!known()).then(|| "the address of the interface that it came in by is not known".to_owned()))
    }

    pub(super) fn netmap(
        &mut self,
        mut state: Box<State<'snap>>,
        place: Place<'_, 'snap>,
        rule: &Rule<'snap>,
        net: Net,
        chance: Option<f64>,
    ) -> Ways<'snap> {
        if matches!(state.hook, Hook::Prerouting | Hook::Output) {
            let to = SocketAddr::new(mapped(net, state.to.ip()), state.to.port());
            state.hop_with(place.base.table, place.chain, Action::Dnat(to), Some(rule.at), chance);
            return self.rewrite_destination(state, to);
        }
        let to = mapped(net, state.from.ip());
        state.hop_with(place.base.table, place.chain, Action::Snat(to), Some(rule.at), chance);
        state.rewrite_source(Some(to), rule.at);
        smallvec![state.way()]
    }

    pub(super) fn masquerade(
        &mut self,
        mut state: Box<State<'snap>>,
        place: Place<'_, 'snap>,
        rule: &Rule<'snap>,
        chance: Option<f64>,
    ) -> Ways<'snap> {
        let ip = self.masquerade_as(&state);
        state.hop_with(place.base.table, place.chain, Action::Masquerade(ip), Some(rule.at), chance);
        state.rewrite_source(ip, rule.at);
        smallvec![state.way()]
    }

    /// The address that a masqueraded packet gets, where it can be told.
    pub(super) fn masquerade_as(&self, state: &State<'snap>) -> Option<IpAddr> {
        match state.oif {
            Iface::Known(dev) => {
                let to = state.to.unnoted().ip();
                let found = self.plane.links.masquerade_address(dev, state.gateway, to).address();
                state.to.note(|| Question::Masquerade(dev, state.gateway, found));
                found
            }
            Iface::None | Iface::Unknown => None,
        }
    }
}

impl<'snap> State<'snap> {
    pub(super) fn rewrite_source(&mut self, to: Option<IpAddr>, at: Loc<'snap>) {
        match to {
            Some(ip) => {
                self.from.set(ip);
                self.src_told = Told::Yes;
            }
            None => self.src_told = Told::No,
        }
        self.sport = None;
        self.client_ports = super::matches::EPHEMERAL;
        self.connection.snat = Bound::Yes;
        self.connection.src_bound = Bound::Yes;
        self.masqueraded = Some(at);
        self.leave_table();
    }
}

/// A new source, for all packets of the connection.
pub(super) fn snat<'snap>(
    mut state: Box<State<'snap>>,
    place: Place<'_, 'snap>,
    rule: &Rule<'snap>,
    range: NatRange,
    chance: Option<f64>,
) -> Ways<'snap> {
    let ip = match range.addresses {
        None => Some(state.from.ip()),
        Some((first, last)) if first == last => Some(first),
        Some(_) => None,
    };
    let action = ip.map_or(Action::Masquerade(None), Action::Snat);
    state.hop_with(place.base.table, place.chain, action, Some(rule.at), chance);
    state.rewrite_source(ip, rule.at);
    smallvec![state.way()]
}

/// The port after translation: kept, or the only one of the range.
fn one_port(ports: Option<Ports>, kept: u16) -> Option<u16> {
    match ports {
        None => Some(kept),
        Some(ports) if ports.first == ports.last => Some(ports.first),
        Some(_) => None,
    }
}

/// Addresses of a range, each as likely as the others (nf_nat_core.c find_best_ips_proto spreads by hash).
pub(super) fn listed(addresses: Option<(IpAddr, IpAddr)>, kept: IpAddr) -> Option<SmallVec<[IpAddr; 1]>> {
    let (first, last) = addresses.unwrap_or((kept, kept));
    if first == last {
        return Some(smallvec![first]);
    }
    match (first, last) {
        (IpAddr::V4(first), IpAddr::V4(last)) => {
            let (first, last) = (u32::from(first), u32::from(last));
            (u128::from(last.checked_sub(first)?) < LISTED)
                .then(|| (first..=last).map(|ip| IpAddr::V4(ip.into())).collect())
        }
        (IpAddr::V6(first), IpAddr::V6(last)) => {
            let (first, last) = (u128::from(first), u128::from(last));
            (last.checked_sub(first)? < LISTED).then(|| (first..=last).map(|ip| IpAddr::V6(ip.into())).collect())
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => None,
    }
}

/// Network part of the target, host part of the address (Linux `xt_NETMAP.c`).
fn mapped(net: Net, ip: IpAddr) -> IpAddr {
    match (net, ip) {
        (Net::V4 { addr, mask }, IpAddr::V4(ip)) => IpAddr::V4((u32::from(ip) & !mask | addr).into()),
        (Net::V6 { addr, mask }, IpAddr::V6(ip)) => IpAddr::V6(ip & !mask | addr),
        (Net::V4 { .. }, IpAddr::V6(_)) | (Net::V6 { .. }, IpAddr::V4(_)) => ip,
    }
}
