//! Address translation by nft's statements. Sources: Linux `net/netfilter/nft_nat.c`, `nft_masq.c`, `nft_redir.c`.

use std::net::{IpAddr, SocketAddr};

use smallvec::smallvec;

use super::eval::{Value, Weighed, when_hashed};
use super::{Part, Place};
use crate::dataplane::nft::expr::Expr;
use crate::dataplane::nft::set::{Data, Datum, Known};
use crate::dataplane::nft::statement::{Nat, NatTo, Rule};
use crate::walk::netfilter::{Walker, Ways};
use crate::walk::packet::{Action, Dependency};
use crate::walk::state::State;

/// Where a packet is sent: its part of one, and the address and port; `None` where the rule breaks off.
type Target<'snap> = (Part, Option<(IpAddr, Option<IpAddr>, Option<u16>)>);

/// Which port a packet is sent to.
#[derive(Clone, Copy)]
enum Port {
    Kept,
    To(u16),
    /// The rule breaks off: no element of a map is for it.
    Break,
}

/// Ways, or the state if the rule goes on.
type Acted<'snap> = Result<Ways<'snap>, Box<State<'snap>>>;

impl<'snap> Walker<'_, 'snap> {
    pub(super) fn nft_dnat(
        &mut self,
        state: Box<State<'snap>>,
        place: Place<'_, 'snap>,
        rule: &Rule<'snap>,
        nat: &Nat<'snap>,
    ) -> Acted<'snap> {
        if nat.family.is_some_and(|family| family != state.family) {
            return Err(state);
        }
        let kept = state.to.ip();
        let targets = match state.nat_port(nat, place).and_then(|port| state.targets(nat, place, kept, port)) {
            Ok(targets) => targets,
            Err(why) => return Ok(smallvec![state.undecided(Dependency::Rule(rule.at, why))]),
        };
        let several = targets.len() > 1;
        let mut ways = Ways::with_capacity(targets.len());
        for (part, target) in targets {
            let mut one = state.clone();
            one.take_part(&part);
            let Some((first, last, port)) = target else {
                ways.push(one.next_rule().way());
                continue;
            };
            let port = port.unwrap_or(one.to.port());
            let Some(addresses) = crate::walk::nat::listed(Some((first, last.unwrap_or(first))), kept) else {
                let why = "which address of the range is taken is not known";
                ways.push(one.undecided(Dependency::Rule(rule.at, why.into())));
                continue;
            };
            let each = f64::from(u32::try_from(addresses.len()).unwrap_or(1).max(1));
            for ip in addresses {
                let mut single = one.clone();
                single.share /= each;
                let to = SocketAddr::new(ip, port);
                let chance = ((several || each > 1.0) && single.when.is_none()).then_some(single.share);
                single.hop_with(place.base.table, place.chain, Action::Dnat(to), Some(rule.at), chance);
                ways.extend(self.rewrite_destination(single, to));
            }
        }
        Ok(ways)
    }

    pub(super) fn nft_redirect(
        &mut self,
        mut state: Box<State<'snap>>,
        place: Place<'_, 'snap>,
        rule: &Rule<'snap>,
        nat: &Nat<'snap>,
    ) -> Acted<'snap> {
        let undecided =
            |state: &State<'snap>, why: &str| Ok(smallvec![state.undecided(Dependency::Rule(rule.at, why.to_owned()))]);
        let port = match state.nat_port(nat, place) {
            Ok(Port::Kept) => state.to.port(),
            Ok(Port::To(port)) => port,
            Ok(Port::Break) => return Ok(smallvec![state.next_rule().way()]),
            Err(why) => return undecided(&state, &why),
        };
        if matches!(nat.to, NatTo::Unknown(_)) {
            return undecided(&state, "which port is taken is not known");
        }
        let ip = match self.redirect_address(&state) {
            Ok(ip) => ip,
            Err(Some(why)) => return undecided(&state, &why),
            Err(None) => {
                state.hop(place.base.table, place.chain, Action::Drop, Some(rule.at));
                return Ok(super::ends(
                    &state,
                    crate::walk::packet::Disposition::Dropped,
                    crate::walk::packet::Reason::Rule(rule.at),
                ));
            }
        };
        let to = SocketAddr::new(ip, port);
        state.hop(place.base.table, place.chain, Action::Redirect(to), Some(rule.at));
        Ok(self.rewrite_destination(state, to))
    }

    pub(super) fn nft_snat(
        state: Box<State<'snap>>,
        place: Place<'_, 'snap>,
        rule: &Rule<'snap>,
        nat: &Nat<'snap>,
    ) -> Acted<'snap> {
        if nat.family.is_some_and(|family| family != state.family) {
            return Err(state);
        }
        let kept = state.from.ip();
        // whichever port it gets, nobody asks for it
        let targets = match state.targets(nat, place, kept, Port::Kept) {
            Ok(targets) => targets,
            Err(why) => return Ok(smallvec![state.undecided(Dependency::Rule(rule.at, why))]),
        };
        let mut ways = Ways::with_capacity(targets.len());
        for (part, target) in targets {
            let mut one = state.clone();
            one.take_part(&part);
            let Some((first, last, _)) = target else {
                ways.push(one.next_rule().way());
                continue;
            };
            let ip = (last.unwrap_or(first) == first).then_some(first);
            let action = ip.map_or(Action::Masquerade(None), Action::Snat);
            one.hop(place.base.table, place.chain, action, Some(rule.at));
            one.rewrite_source(ip, rule.at);
            ways.push(one.way());
        }
        Ok(ways)
    }

    pub(super) fn nft_masquerade(
        &mut self,
        mut state: Box<State<'snap>>,
        place: Place<'_, 'snap>,
        rule: &Rule<'snap>,
    ) -> Ways<'snap> {
        let ip = self.masquerade_as(&state);
        state.hop(place.base.table, place.chain, Action::Masquerade(ip), Some(rule.at));
        state.rewrite_source(ip, rule.at);
        smallvec![state.way()]
    }
}

impl<'snap> State<'snap> {
    /// The port that the statement gives. One that is in the range already stays, unless one is drawn
    /// (nf_nat_core.c get_unique_tuple).
    fn nat_port(&self, nat: &Nat<'snap>, place: Place<'_, 'snap>) -> Result<Port, String> {
        match (&nat.port_of, nat.ports) {
            (Some(expr), _) => match self.evaluate(expr, place) {
                Value::One(Known::Number { value, known: u128::MAX }) => {
                    u16::try_from(value).map(Port::To).map_err(|_| format!("{value} is no port"))
                }
                Value::Break => Ok(Port::Break),
                _ => Err("which port is taken is not known".into()),
            },
            (None, None) => Ok(Port::Kept),
            (None, Some((first, last))) if first == last => Ok(Port::To(first)),
            (None, Some((first, last))) if (first..=last).contains(&self.to.port()) && !nat.random => Ok(Port::Kept),
            (None, Some(_)) => Err("which port of the range is taken is not known".into()),
        }
    }

    /// Where the statement leads, each with its part of one.
    fn targets(
        &self,
        nat: &Nat<'snap>,
        place: Place<'_, 'snap>,
        kept: IpAddr,
        port: Port,
    ) -> Result<Vec<Target<'snap>>, String> {
        let port = match port {
            Port::Kept => None,
            Port::To(port) => Some(port),
            Port::Break => return Ok(vec![(Part::Share(1.0), None)]),
        };
        let found = self.targets_by(nat, place, kept, port)?;
        let mapped = |(first, last): (IpAddr, Option<IpAddr>)| {
            if nat.prefix { (in_network(kept, first, last.unwrap_or(first)), None) } else { (first, last) }
        };
        let one = |target: (IpAddr, Option<IpAddr>, Option<u16>)| {
            let (first, last) = mapped((target.0, target.1));
            (first, last, target.2)
        };
        Ok(found.into_iter().map(|(part, target)| (part, target.map(one))).collect())
    }

    fn targets_by(
        &self,
        nat: &Nat<'snap>,
        place: Place<'_, 'snap>,
        kept: IpAddr,
        port: Option<u16>,
    ) -> Result<Vec<Target<'snap>>, String> {
        match &nat.to {
            NatTo::Kept => Ok(vec![(Part::Share(1.0), Some((kept, None, port)))]),
            NatTo::Addresses(first, last) => Ok(vec![(Part::Share(1.0), Some((*first, Some(*last), port)))]),
            NatTo::Unknown(text) => Err(format!("where `{text}` leads is not understood")),
            NatTo::Computed(expr) => {
                let Expr::Map(key, lookup) = expr.as_ref() else {
                    return match self.evaluate(expr, place) {
                        Value::Break => Ok(vec![(Part::Share(1.0), None)]),
                        Value::One(_)
                        | Value::Parts(_)
                        | Value::Data(_)
                        | Value::Spread { .. }
                        | Value::Fixed { .. }
                        | Value::Perhaps(_) => Err("where it leads is not understood".into()),
                    };
                };
                let read = |data: &Data<'snap>| match data {
                    Data::Values(values) => target(values, port).map(Some),
                    Data::None | Data::Verdict(_) => Err("the map gives no address".to_owned()),
                };
                match self.look_up(key, lookup, place) {
                    Weighed::None | Weighed::Break => Ok(vec![(Part::Share(1.0), None)]),
                    Weighed::One(element) => Ok(vec![(Part::Share(1.0), read(&element.data)?)]),
                    Weighed::Shares(shares) => shares
                        .iter()
                        .map(|(weight, element)| {
                            Ok((
                                Part::Share(*weight),
                                element.as_ref().map_or(Ok(None), |element| read(&element.data))?,
                            ))
                        })
                        .collect(),
                    Weighed::Hashed(elements) => elements
                        .iter()
                        .map(|element| {
                            let when = Part::When(when_hashed(element.as_ref()));
                            Ok((when, element.as_ref().map_or(Ok(None), |element| read(&element.data))?))
                        })
                        .collect(),
                    Weighed::Perhaps(_, why) => Err(why),
                }
            }
        }
    }
}

/// The network part of a target, the host part of an address (Linux nft_nat.c nft_nat_setup_netmap).
fn in_network(kept: IpAddr, first: IpAddr, last: IpAddr) -> IpAddr {
    match (kept, first, last) {
        (IpAddr::V4(kept), IpAddr::V4(first), IpAddr::V4(last)) => {
            let (kept, first, last) = (kept.to_bits(), first.to_bits(), last.to_bits());
            let mask = !(first ^ last);
            IpAddr::V4(std::net::Ipv4Addr::from_bits(kept & !mask | first & mask))
        }
        (IpAddr::V6(kept), IpAddr::V6(first), IpAddr::V6(last)) => {
            let (kept, first, last) = (kept.to_bits(), first.to_bits(), last.to_bits());
            let mask = !(first ^ last);
            IpAddr::V6(std::net::Ipv6Addr::from_bits(kept & !mask | first & mask))
        }
        _ => kept,
    }
}

/// `10.244.1.5 . 8080`
fn target(values: &[Datum<'_>], port: Option<u16>) -> Result<(IpAddr, Option<IpAddr>, Option<u16>), String> {
    let number = |number: u128| u16::try_from(number).ok();
    match values {
        [Datum::Address(ip)] => Ok((*ip, None, port)),
        [Datum::Addresses(first, last)] => Ok((*first, Some(*last), port)),
        [Datum::Address(ip), Datum::Number(to)] => Ok((*ip, None, number(*to))),
        [Datum::Addresses(first, last), Datum::Number(to)] => Ok((*first, Some(*last), number(*to))),
        _ => Err("the map's value is not understood".into()),
    }
}
