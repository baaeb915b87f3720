//! What an expression gives for this packet: a value, parts of it, nothing at all, or one of several by chance.
//! Sources: Linux `net/netfilter/nft_{payload,meta,ct,fib,numgen,hash,bitwise,lookup}.c`.

use std::net::IpAddr;

use super::Place;
use crate::dataplane::Tri;
use crate::dataplane::hooks::Hook;
use crate::dataplane::links::{self, AddrType, Ingress, RouteKey, RouteKind};
use crate::dataplane::nft::expr::{
    BitOp, Ct, Expr, Fib, FibLimit, FibMark, FibResult, Lookup, Meta, Payload, Side, Tuple,
};
use crate::dataplane::nft::kind::{Pattern, number_of};
use crate::dataplane::nft::set::{Data, Datum, Element, Found, Known};
use crate::dataplane::plane::Family;
use crate::walk::entered::Store;
use crate::walk::packet::Protocol;
use crate::walk::state::{Bits, Bound, Iface, Made, State, Told};

/// What an expression gives.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value<'snap> {
    /// One value.
    One(Known<'snap>),
    /// Several parts.
    Parts(Vec<Known<'snap>>),
    /// What a map gives.
    Data(Vec<Datum<'snap>>),
    /// Each of as many numbers with the same chance, from the offset on.
    Spread { modulus: u32, offset: u32 },
    /// One of as many numbers, from the offset on: for all clients the same one.
    Fixed { modulus: u32, offset: u32 },
    /// It cannot be told, and why.
    Perhaps(String),
    /// There is no such thing in this packet: the rule does not match.
    Break,
}

/// What a lookup gives.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Weighed<'snap> {
    /// This element.
    One(Element<'snap>),
    /// One of these by chance, with its part of one; `None` for no element.
    Shares(Vec<(f64, Option<Element<'snap>>)>),
    /// One of these, for all clients the same; `None` for no element.
    Hashed(Vec<Option<Element<'snap>>>),
    /// No element.
    None,
    /// It cannot be told: one of these or none.
    Perhaps(Vec<Element<'snap>>, String),
    /// There is nothing to look up with.
    Break,
}

/// Why a number is not known that is the same for all clients.
const HASHED: &str = "which number this hash gives is not known";

/// When it is this element that a hash leads to, in words.
pub(super) fn when_hashed(element: Option<&Element<'_>>) -> String {
    match element {
        Some(element) => format!("when `{}` is the one that this address hashes to, for all clients", element.text),
        None => "when no element is the one that this address hashes to, for all clients".into(),
    }
}

impl<'snap> State<'snap> {
    /// What an expression gives.
    pub(super) fn evaluate(&self, expr: &Expr<'snap>, place: Place<'_, 'snap>) -> Value<'snap> {
        match expr {
            Expr::Payload(payload) => self.payload(*payload),
            Expr::Meta(meta) => self.meta(*meta),
            Expr::Ct(ct) => self.ct(*ct),
            Expr::Fib(fib) => self.fib(*fib, place),
            Expr::Spread { modulus: 1, offset, .. } => Value::One(Known::number((*offset).into())),
            Expr::Spread { modulus, offset, .. } if expr.varies() => {
                Value::Spread { modulus: *modulus, offset: *offset }
            }
            Expr::Spread { modulus, offset, .. } => Value::Fixed { modulus: *modulus, offset: *offset },
            Expr::Concat(parts) => {
                let mut all = Vec::with_capacity(parts.len());
                for part in parts {
                    match self.evaluate(part, place) {
                        Value::One(known) => all.push(known),
                        Value::Break => return Value::Break,
                        Value::Parts(more) => all.extend(more),
                        Value::Data(_) | Value::Spread { .. } => {
                            all.push(Known::Unknown("a part is chosen at random".into()));
                        }
                        Value::Fixed { .. } => all.push(Known::Unknown(HASHED.into())),
                        Value::Perhaps(why) => all.push(Known::Unknown(why)),
                    }
                }
                Value::Parts(all)
            }
            Expr::Bits(left, op, right) => {
                let (left, right) = match (self.evaluate(left, place), self.evaluate(right, place)) {
                    (Value::Break, _) | (_, Value::Break) => return Value::Break,
                    (Value::One(left), Value::One(right)) => (left, right),
                    (Value::Perhaps(why), _) | (_, Value::Perhaps(why)) => return Value::Perhaps(why),
                    _ => return Value::Perhaps("bits of something that is no number".into()),
                };
                Value::One(bits(&left, *op, &right))
            }
            Expr::Map(key, lookup) => match self.look_up(key, lookup, place) {
                Weighed::None | Weighed::Break => Value::Break,
                Weighed::One(element) => match element.data {
                    Data::Values(values) => match values.as_slice() {
                        [Datum::Number(number)] => Value::One(Known::number(*number)),
                        _ => Value::Data(values),
                    },
                    Data::None | Data::Verdict(_) => Value::Perhaps("the map gives no value".into()),
                },
                Weighed::Shares(_) => Value::Perhaps("it is chosen at random".into()),
                Weighed::Hashed(_) => Value::Perhaps(HASHED.into()),
                Weighed::Perhaps(_, why) => Value::Perhaps(why),
            },
            Expr::Constant(pattern) => match pattern {
                Pattern::Range(first, last) if first == last => Value::One(Known::number(*first)),
                Pattern::Name(name) => Value::One(Known::Name(name)),
                Pattern::Range(..) | Pattern::Begins(_) | Pattern::Any | Pattern::Unknown(_) => {
                    Value::Perhaps("a constant is not understood".into())
                }
            },
            Expr::Unknown(text) => Value::Perhaps(format!("`{text}` is not understood")),
        }
    }

    /// Looks an expression up.
    pub(super) fn look_up(&self, key: &Expr<'snap>, lookup: &Lookup<'snap>, place: Place<'_, 'snap>) -> Weighed<'snap> {
        let values = match self.evaluate(key, place) {
            Value::Break => return Weighed::Break,
            Value::One(known) => vec![known],
            Value::Parts(parts) => parts,
            Value::Spread { modulus, offset } => return place.spread(lookup, modulus, offset),
            Value::Fixed { modulus, offset } => {
                return match place.spread(lookup, modulus, offset) {
                    Weighed::Shares(shares) => {
                        Weighed::Hashed(shares.into_iter().map(|(_, element)| element).collect())
                    }
                    sure => sure,
                };
            }
            Value::Data(data) => data.iter().map(known_of).collect(),
            Value::Perhaps(why) => vec![Known::Unknown(why)],
        };
        if let Lookup::Named(name) = lookup
            && self.entered.has(Store::Nft(place.base.table, name), None, 1).is_some()
        {
            return Weighed::Perhaps(Vec::new(), format!("an earlier rule changes @{name} with this packet"));
        }
        match place.find(lookup, &values) {
            Found::One(element) => Weighed::One(element),
            Found::None => Weighed::None,
            Found::Perhaps(elements, why) => Weighed::Perhaps(elements, why),
        }
    }

    /// Whether a value is in a set because of this packet; `None` if it has nothing to do with it.
    pub(super) fn entered_in(&self, name: &'snap str, value: &Value<'snap>, place: Place<'_, 'snap>) -> Option<Tri> {
        self.entered.has(Store::Nft(place.base.table, name), super::key_of(value).as_deref(), 1)
    }

    fn payload(&self, payload: Payload) -> Value<'snap> {
        let v4 = self.family == Family::V4;
        let of = |number: u8| self.protocol_number() == number;
        let (icmp, icmp6) = (self.protocol == Protocol::Icmp && v4, self.protocol == Protocol::Icmp && !v4);
        match payload {
            Payload::Address4(side) if v4 => self.address(side),
            Payload::Address6(side) if !v4 => self.address(side),
            Payload::Protocol4 if v4 => Value::One(Known::number(self.protocol_number().into())),
            Payload::NextHeader if !v4 => Value::One(Known::number(self.protocol_number().into())),
            Payload::Port(number, side) if of(number) => self.port(side),
            Payload::AnyPort(side) if self.protocol != Protocol::Icmp => self.port(side),
            Payload::AnyPort(_) => Value::One(Known::Unknown("an echo request has no port".into())),
            // The packet that opens a connection.
            Payload::TcpFlags if self.protocol == Protocol::Tcp => Value::One(Known::number(2)),
            Payload::IcmpType if icmp => Value::One(Known::number(8)),
            Payload::Icmp6Type if icmp6 => Value::One(Known::number(128)),
            Payload::IcmpCode if icmp => Value::One(Known::number(0)),
            Payload::Icmp6Code if icmp6 => Value::One(Known::number(0)),
            Payload::Address4(_)
            | Payload::Address6(_)
            | Payload::Protocol4
            | Payload::NextHeader
            | Payload::Port(..)
            | Payload::TcpFlags
            | Payload::IcmpType
            | Payload::IcmpCode
            | Payload::Icmp6Type
            | Payload::Icmp6Code => Value::Break,
        }
    }

    fn address(&self, side: Side) -> Value<'snap> {
        match side {
            Side::Dst => Value::One(Known::address(self.to.ip())),
            Side::Src if self.src_told == Told::No => {
                Value::One(Known::Unknown("the masqueraded source address is not known".into()))
            }
            Side::Src => Value::One(Known::address(self.from.ip())),
        }
    }

    fn port(&self, side: Side) -> Value<'snap> {
        Value::One(match (side, self.sport) {
            (Side::Dst, _) => Known::number(self.to.port().into()),
            (Side::Src, Some(port)) => Known::number(port.into()),
            (Side::Src, None) => Known::Between(self.client_ports.first.into(), self.client_ports.last.into()),
        })
    }

    fn meta(&self, meta: Meta) -> Value<'snap> {
        let v4 = self.family == Family::V4;
        Value::One(match meta {
            Meta::L4Proto => Known::number(self.protocol_number().into()),
            Meta::NfProto => Known::number(if v4 { 2 } else { 10 }),
            Meta::Protocol => Known::number(if v4 { 0x800 } else { 0x86dd }),
            Meta::Mark => mark(self.mark),
            Meta::InName => interface(self.iif),
            Meta::OutName => interface(self.oif),
            Meta::PacketType => match self.made {
                Made::Elsewhere => Known::Name("host"),
                Made::Here | Made::HereLooped => {
                    Known::Unknown("the link-layer type of the packet is not simulated".into())
                }
            },
            Meta::Owner => match (self.made, self.hook) {
                (Made::Here, Hook::Output | Hook::Postrouting) => {
                    Known::Unknown("which user the process runs as is not known".into())
                }
                // nft_meta.c: without a socket there is nothing to compare.
                (Made::Here | Made::HereLooped | Made::Elsewhere, _) => return Value::Break,
            },
            Meta::Random => return Value::Spread { modulus: u32::MAX, offset: 0 },
        })
    }

    fn ct(&self, ct: Ct) -> Value<'snap> {
        if !self.has_connection() {
            // nft_ct.c nft_ct_get_eval: without a connection there is only the state, which is then invalid.
            let untracked = self.connection.tracked == Told::No;
            return match ct {
                Ct::State => Value::One(Known::number(if untracked { 64 } else { 1 })),
                Ct::Status
                | Ct::Mark
                | Ct::Direction
                | Ct::Address(..)
                | Ct::Port(..)
                | Ct::Protocol
                | Ct::L3Proto
                | Ct::Zero => Value::Break,
            };
        }
        match ct {
            Ct::State => Value::One(Known::number(8)),
            Ct::Status => {
                // IPS_SRC_NAT_DONE and IPS_DST_NAT_DONE also stand where nothing was translated, if there was who could.
                let bits =
                    |bound: Bound, bit: u128, done: u128| if bound.holds() { (bit | done, 0) } else { (0, done) };
                let (source, perhaps) = bits(self.connection.snat, 16, 128);
                let (destination, more) = bits(self.connection.dnat, 32, 256);
                let confirmed = if self.made == Made::HereLooped { 8 } else { 0 };
                Value::One(Known::Number { value: source | destination | confirmed, known: !(perhaps | more) })
            }
            Ct::Mark => Value::One(mark(self.ctmark)),
            Ct::Direction | Ct::Zero => Value::One(Known::number(0)),
            Ct::Address(Tuple::Original, Side::Src) => Value::One(Known::address(self.from.first())),
            Ct::Address(Tuple::Original, Side::Dst) => Value::One(Known::address(self.to.first().ip())),
            Ct::Address(Tuple::Reply, Side::Src) => Value::One(Known::address(self.to.ip())),
            Ct::Address(Tuple::Reply, Side::Dst) => self.address(Side::Src),
            Ct::Port(Tuple::Original, Side::Dst) => Value::One(Known::number(self.to.first().port().into())),
            Ct::Port(Tuple::Reply, Side::Src) => self.port(Side::Dst),
            Ct::Port(Tuple::Original | Tuple::Reply, _) => self.port(Side::Src),
            Ct::Protocol => Value::One(Known::number(self.protocol_number().into())),
            Ct::L3Proto => self.meta(Meta::NfProto),
        }
    }

    fn fib(&self, fib: Fib, place: Place<'_, 'snap>) -> Value<'snap> {
        let ip = match fib.side {
            Side::Dst => self.to.ip(),
            Side::Src if self.src_told == Told::No => {
                return Value::One(Known::Unknown("the masqueraded source address is not known".into()));
            }
            Side::Src => self.from.ip(),
        };
        let iface = match fib.limit {
            FibLimit::None => Iface::None,
            FibLimit::In => self.iif,
            FibLimit::Out => self.oif,
        };
        match fib.result {
            FibResult::Type => Value::One(address_type(ip, iface, place)),
            FibResult::Interface | FibResult::Exists => self.route_back(fib, ip, iface, place),
        }
    }

    /// `fib saddr . iif oif`: by which interface there is a way (Linux `nft_fib_ipv4.c` nft_fib4_eval).
    fn route_back(&self, fib: Fib, ip: IpAddr, iface: Iface<'snap>, place: Place<'_, 'snap>) -> Value<'snap> {
        let exists = fib.result == FibResult::Exists;
        if iface == Iface::Known("lo") {
            // What comes in by lo has its way there.
            return Value::One(if exists { Known::number(1) } else { Known::Name("lo") });
        }
        let key = RouteKey {
            dst: ip,
            src: (fib.side == Side::Src).then_some(self.to.ip()),
            ingress: Ingress::Here,
            mark: match fib.mark {
                FibMark::Used => (self.mark.known == u32::MAX).then_some(self.mark.value),
                FibMark::Unused => Some(0),
            },
            protocol: Some(self.protocol),
            from_port: None,
            to_port: None,
        };
        let lookup = place.plane.links.route(&key);
        let unknown = || Value::One(Known::Unknown(format!("the way to {ip} is not known")));
        let [route] = lookup.possible() else {
            return unknown();
        };
        let dev = if route.kind.refuses() || place.plane.links.is_local(ip).is_yes() { None } else { route.dev() };
        let name = match (dev, iface, fib.limit) {
            (None, _, _) if !route.kind.refuses() && !place.plane.links.is_local(ip).is_yes() => return unknown(),
            (None, ..) | (Some(_), Iface::None, FibLimit::In | FibLimit::Out) => "",
            (Some(name), _, FibLimit::None) => name,
            (Some(name), Iface::Known(asked), _) => {
                if name == asked {
                    name
                } else {
                    ""
                }
            }
            (Some(_), Iface::Unknown, _) => return unknown(),
        };
        Value::One(if exists { Known::number(u128::from(!name.is_empty())) } else { Known::Name(name) })
    }
}

/// What kind of address it is, by name. IPv6 has no broadcast, and what refuses it is asked for as a whole (Linux
/// `nft_fib_ipv6.c` nft_fib6_eval_type).
fn address_type<'snap>(ip: IpAddr, iface: Iface<'snap>, place: Place<'_, 'snap>) -> Known<'snap> {
    const OF_4: &[(&str, AddrType)] = &[
        ("local", AddrType::Local),
        ("broadcast", AddrType::Broadcast),
        ("anycast", AddrType::Anycast),
        ("multicast", AddrType::Multicast),
        ("blackhole", AddrType::Blackhole),
        ("unreachable", AddrType::Unreachable),
        ("prohibit", AddrType::Prohibit),
        ("unspec", AddrType::Unspec),
        // nft calls it unicast; the reader takes both names for one.
        ("host", AddrType::Unicast),
    ];
    const OF_6: &[(&str, AddrType)] = &[
        ("local", AddrType::Local),
        ("anycast", AddrType::Anycast),
        ("multicast", AddrType::Multicast),
        ("unreachable", AddrType::Unreachable),
        ("host", AddrType::Unicast),
    ];
    let limit = match iface {
        Iface::None => links::Limit::Anywhere,
        Iface::Known(name) => links::Limit::To(name),
        Iface::Unknown => links::Limit::Unknown,
    };
    let unknown = || Known::Unknown(format!("what kind of address {ip} is on this node is not known"));
    let types = if ip.is_ipv4() { OF_4 } else { OF_6 };
    for (name, kind) in types {
        match place.plane.links.addr_type(ip, &[*kind], limit) {
            Tri::Yes if *kind == AddrType::Unreachable && !ip.is_ipv4() => return refusal(ip, place),
            Tri::Yes => return Known::Name(name),
            Tri::No => {}
            Tri::Unknown => return unknown(),
        }
    }
    unknown()
}

/// How the routes refuse an address, by name.
fn refusal<'snap>(ip: IpAddr, place: Place<'_, 'snap>) -> Known<'snap> {
    let lookup = place.plane.links.route(&RouteKey::to(ip));
    match lookup.possible() {
        [route] => Known::Name(match route.kind {
            RouteKind::Blackhole => "blackhole",
            RouteKind::Prohibit => "prohibit",
            RouteKind::Unreachable
            | RouteKind::NoRoute
            | RouteKind::Unicast
            | RouteKind::Local
            | RouteKind::Broadcast
            | RouteKind::Multicast
            | RouteKind::Anycast
            | RouteKind::Throw
            | RouteKind::Other => "unreachable",
        }),
        _ => Known::Unknown(format!("how the routes refuse {ip} is not known")),
    }
}

fn interface(iface: Iface<'_>) -> Known<'_> {
    match iface {
        // nft_meta.c nft_meta_store_ifname: where there is none, its name is empty.
        Iface::None => Known::Name(""),
        Iface::Known(name) => Known::Name(name),
        Iface::Unknown => Known::Unknown("the interface is not known".into()),
    }
}

fn mark<'snap>(bits: Bits) -> Known<'snap> {
    Known::Number { value: bits.value.into(), known: u128::from(bits.known) | !u128::from(u32::MAX) }
}

fn known_of<'snap>(datum: &Datum<'snap>) -> Known<'snap> {
    match datum {
        Datum::Address(ip) => Known::number(number_of(*ip)),
        Datum::Number(number) => Known::number(*number),
        Datum::Word(word) => Known::Name(word),
        Datum::Addresses(..) => Known::Unknown("one of several addresses".into()),
    }
}

fn bits<'snap>(left: &Known<'snap>, op: BitOp, right: &Known<'snap>) -> Known<'snap> {
    let whole = |known: &Known<'snap>| match known {
        Known::Number { value, known } => Some((*value, *known)),
        Known::Between(..) | Known::Name(_) | Known::Unknown(_) => None,
    };
    let (Some((a, ka)), Some((b, kb))) = (whole(left), whole(right)) else {
        let why = left.why().or(right.why()).unwrap_or_else(|| "bits of a name".into());
        return Known::Unknown(why);
    };
    let shift = u32::try_from(b).unwrap_or(u32::MAX);
    let (value, known) = match op {
        // A zero that is known decides, whatever the other is.
        BitOp::And => (a & b, (ka & kb) | (ka & !a) | (kb & !b)),
        BitOp::Or => (a | b, (ka & kb) | (ka & a) | (kb & b)),
        BitOp::Xor => (a ^ b, ka & kb),
        BitOp::Left if kb == u128::MAX => (
            a.checked_shl(shift).unwrap_or(0),
            ka.checked_shl(shift).unwrap_or(0) | !(u128::MAX.checked_shl(shift).unwrap_or(0)),
        ),
        BitOp::Right if kb == u128::MAX => (a.checked_shr(shift).unwrap_or(0), ka.checked_shr(shift).unwrap_or(0)),
        BitOp::Left | BitOp::Right => (0, 0),
    };
    Known::Number { value: value & known, known }
}

impl<'snap> Place<'_, 'snap> {
    /// Each number of a range has the same chance: what each finds.
    fn spread(&self, lookup: &Lookup<'snap>, modulus: u32, offset: u32) -> Weighed<'snap> {
        let elements: Vec<Element<'snap>> = match lookup {
            Lookup::Here(elements) => elements.iter().collect(),
            Lookup::Named(name) => match self.table.set(name) {
                Some(set) => set.elements().iter().collect(),
                None => return Weighed::Perhaps(Vec::new(), format!("@{name} is not in the dump")),
            },
        };
        let (low, high) = (u128::from(offset), u128::from(offset) + u128::from(modulus) - 1);
        let mut shares = Vec::with_capacity(elements.len());
        let mut left = u128::from(modulus);
        for element in elements {
            let part = match element.key.as_slice() {
                [Pattern::Range(first, last)] => {
                    let (first, last) = ((*first).max(low), (*last).min(high));
                    if first <= last { last - first + 1 } else { 0 }
                }
                [Pattern::Any] => left,
                _ => return Weighed::Perhaps(vec![element], "an element is not understood".into()),
            };
            if part > 0 {
                left = left.saturating_sub(part);
                shares.push((weight(part, modulus), Some(element)));
            }
        }
        if left > 0 {
            shares.push((weight(left, modulus), None));
        }
        match shares.as_slice() {
            [(_, Some(element))] => Weighed::One(element.clone()),
            [] => Weighed::None,
            _ => Weighed::Shares(shares),
        }
    }
}

fn weight(part: u128, of: u32) -> f64 {
    f64::from(u32::try_from(part).unwrap_or(u32::MAX)) / f64::from(of)
}
