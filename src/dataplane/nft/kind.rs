//! Datatypes of nft, and their constants: numbers, ranges, prefixes, names, wildcards.
//! Names and numbers are those of nftables `src/datatype.c`, `src/ct.c`, `src/meta.c`, `src/proto.c`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an expression is of, as far as constants are read by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `ipv4_addr`
    Ipv4,
    /// `ipv6_addr`
    Ipv6,
    /// `inet_proto`: `tcp`, 6.
    Proto,
    /// `inet_service`: a port.
    Port,
    /// `mark`, and any other number.
    Number,
    /// `ct_state`: bits.
    CtState,
    /// `ct_status`: bits.
    CtStatus,
    /// `ct_dir`
    CtDirection,
    /// `tcp_flag`: bits.
    TcpFlags,
    /// `nf_proto`
    NfProto,
    /// `ether_type`
    EtherType,
    /// `icmp_type`
    IcmpType,
    /// `icmpv6_type`
    Icmp6Type,
    /// `icmp_code`
    IcmpCode,
    /// `icmpv6_code`
    Icmp6Code,
    /// `ifname`, `iface_index`: told by name.
    Interface,
    /// `fib_addrtype`, `pkt_type`: a name.
    Name,
    /// `exists`, `missing`
    Exists,
    /// Anything else: its constants are kept, and compare with nothing.
    Other,
}

/// A constant, or a set of them that is written as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pattern<'snap> {
    /// From first to last; one number if they are equal.
    Range(u128, u128),
    /// `"eth0"`, `local`
    Name(&'snap str),
    /// `"veth*"`, without the star.
    Begins(&'snap str),
    /// `*`: whatever else there is.
    Any,
    /// Not understood.
    Unknown(&'snap str),
}

impl<'snap> Pattern<'snap> {
    /// The one number or name that it is.
    #[must_use]
    pub const fn is_exact(&self) -> bool {
        match self {
            Self::Range(first, last) => *first == *last,
            Self::Name(_) => true,
            Self::Begins(_) | Self::Any | Self::Unknown(_) => false,
        }
    }

    /// Reads a constant of this kind.
    #[must_use]
    pub fn read(kind: Kind, text: &'snap str, quoted: bool) -> Self {
        if !quoted && text == "*" {
            return Self::Any;
        }
        match kind {
            Kind::Interface => match text.strip_suffix('*') {
                // nft escapes a star that is part of the name.
                Some(name) if !name.ends_with('\\') => Self::Begins(name),
                Some(_) | None => Self::Name(text),
            },
            Kind::Name => Self::Name(if text == "unicast" { "host" } else { text }),
            Kind::Other => Self::Unknown(text),
            Kind::Ipv4 | Kind::Ipv6 => addresses(kind, text).map_or(Self::Unknown(text), |(a, b)| Self::Range(a, b)),
            Kind::Proto
            | Kind::Port
            | Kind::Number
            | Kind::CtState
            | Kind::CtStatus
            | Kind::CtDirection
            | Kind::TcpFlags
            | Kind::NfProto
            | Kind::EtherType
            | Kind::IcmpType
            | Kind::Icmp6Type
            | Kind::IcmpCode
            | Kind::Icmp6Code
            | Kind::Exists => {
                let range = match kind.number(text) {
                    Some(number) => Some((number, number)),
                    None if kind == Kind::Number && text.contains('/') => prefix(text),
                    None => text.split_once('-').and_then(|(a, b)| Some((kind.number(a)?, kind.number(b)?))),
                };
                range.map_or(Self::Unknown(text), |(first, last)| Self::Range(first, last))
            }
        }
    }
}

/// `10.0.0.0/8`, `10.0.0.1-10.0.0.9`, `fd00::1` as first and last.
fn addresses(kind: Kind, text: &str) -> Option<(u128, u128)> {
    if let Some((addr, len)) = text.split_once('/') {
        let (addr, len) = (address(kind, addr)?, len.parse::<u32>().ok()?);
        let bits: u32 = if kind == Kind::Ipv4 { 32 } else { 128 };
        let host = bits.checked_sub(len).filter(|_| len <= bits)?;
        let mask = 1_u128.checked_shl(host).map_or(u128::MAX, |one| one - 1);
        return Some((addr & !mask, addr | mask));
    }
    if let Some((first, last)) = text.split_once('-') {
        return Some((address(kind, first)?, address(kind, last)?));
    }
    let one = address(kind, text)?;
    Some((one, one))
}

/// `0x00004000/31`: a range of marks in a set, printed as if it were a network.
fn prefix(text: &str) -> Option<(u128, u128)> {
    let (first, len) = text.split_once('/')?;
    let (first, len) = (number(first)?, len.parse::<u32>().ok()?);
    let host = 32_u32.checked_sub(len)?;
    let mask = (1_u128 << host) - 1;
    Some((first & !mask, first | mask))
}

fn address(kind: Kind, text: &str) -> Option<u128> {
    if kind == Kind::Ipv4 {
        text.parse::<Ipv4Addr>().ok().map(|ip| u128::from(u32::from(ip)))
    } else {
        text.parse::<Ipv6Addr>().ok().map(u128::from)
    }
}

/// An address as a number.
#[must_use]
pub fn number_of(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => u32::from(ip).into(),
        IpAddr::V6(ip) => ip.into(),
    }
}

/// `0x4000`, `16384`
#[must_use]
pub fn number(text: &str) -> Option<u128> {
    match text.strip_prefix("0x") {
        Some(hex) => u128::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

impl Kind {
    /// The kind that a set's `type` names.
    #[must_use]
    pub fn of_type(name: &str) -> Self {
        match name {
            "ipv4_addr" => Self::Ipv4,
            "ipv6_addr" => Self::Ipv6,
            "inet_proto" => Self::Proto,
            "inet_service" => Self::Port,
            "mark" | "integer" | "uid" | "gid" | "classid" | "realm" | "devgroup" | "dscp" | "ecn" | "ct_id"
            | "ct_zone" => Self::Number,
            "icmp_code" => Self::IcmpCode,
            "icmpv6_code" => Self::Icmp6Code,
            "ct_state" => Self::CtState,
            "ct_status" => Self::CtStatus,
            "ct_dir" => Self::CtDirection,
            "tcp_flag" => Self::TcpFlags,
            "nf_proto" => Self::NfProto,
            "ether_type" => Self::EtherType,
            "icmp_type" => Self::IcmpType,
            "icmpv6_type" => Self::Icmp6Type,
            "ifname" | "iface_index" => Self::Interface,
            "fib_addrtype" | "pkt_type" => Self::Name,
            "boolean" => Self::Exists,
            _ => Self::Other,
        }
    }

    /// Whether its names are bits, of which several may be set.
    #[must_use]
    pub const fn is_bits(self) -> bool {
        matches!(self, Self::CtState | Self::CtStatus | Self::TcpFlags)
    }

    /// A number, or a name that stands for one.
    #[must_use]
    pub fn number(self, text: &str) -> Option<u128> {
        let names: &[(&str, u128)] = match self {
            Self::Proto => &PROTOCOLS,
            Self::Port => &PORTS,
            Self::CtState => &CT_STATES,
            Self::CtStatus => &CT_STATUSES,
            Self::CtDirection => &[("original", 0), ("reply", 1)],
            Self::TcpFlags => &TCP_FLAGS,
            Self::NfProto => &[("ipv4", 2), ("ipv6", 10)],
            Self::EtherType => &[("ip", 0x800), ("arp", 0x806), ("vlan", 0x8100), ("ip6", 0x86dd)],
            Self::IcmpType => &ICMP,
            Self::Icmp6Type => &ICMP6,
            Self::IcmpCode => &ICMP_CODES,
            Self::Icmp6Code => &ICMP6_CODES,
            Self::Exists => &[("exists", 1), ("missing", 0), ("true", 1), ("false", 0)],
            Self::Ipv4 | Self::Ipv6 => return address(self, text),
            Self::Number | Self::Interface | Self::Name | Self::Other => &[],
        };
        names.iter().find(|(name, _)| *name == text).map(|(_, number)| *number).or_else(|| number(text))
    }
}

const PROTOCOLS: [(&str, u128); 14] = [
    ("icmp", 1),
    ("igmp", 2),
    ("ipencap", 4),
    ("tcp", 6),
    ("udp", 17),
    ("dccp", 33),
    ("ipv6", 41),
    ("gre", 47),
    ("esp", 50),
    ("ah", 51),
    ("ipv6-icmp", 58),
    ("icmpv6", 58),
    ("sctp", 132),
    ("udplite", 136),
];
/// `nft -S` prints some ports by name.
const PORTS: [(&str, u128); 10] = [
    ("ftp", 21),
    ("ssh", 22),
    ("smtp", 25),
    ("domain", 53),
    ("http", 80),
    ("ntp", 123),
    ("bgp", 179),
    ("https", 443),
    ("http-alt", 8080),
    ("vxlan", 4789),
];
pub(crate) const CT_STATES: [(&str, u128); 5] =
    [("invalid", 1), ("established", 2), ("related", 4), ("new", 8), ("untracked", 64)];
pub(crate) const CT_STATUSES: [(&str, u128); 7] =
    [("expected", 1), ("seen-reply", 2), ("assured", 4), ("confirmed", 8), ("snat", 16), ("dnat", 32), ("dying", 512)];
const TCP_FLAGS: [(&str, u128); 8] =
    [("fin", 1), ("syn", 2), ("rst", 4), ("psh", 8), ("ack", 16), ("urg", 32), ("ecn", 64), ("cwr", 128)];
const ICMP: [(&str, u128); 13] = [
    ("echo-reply", 0),
    ("destination-unreachable", 3),
    ("source-quench", 4),
    ("redirect", 5),
    ("echo-request", 8),
    ("router-advertisement", 9),
    ("router-solicitation", 10),
    ("time-exceeded", 11),
    ("parameter-problem", 12),
    ("timestamp-request", 13),
    ("timestamp-reply", 14),
    ("address-mask-request", 17),
    ("address-mask-reply", 18),
];
const ICMP6: [(&str, u128); 18] = [
    ("destination-unreachable", 1),
    ("packet-too-big", 2),
    ("time-exceeded", 3),
    ("parameter-problem", 4),
    ("echo-request", 128),
    ("echo-reply", 129),
    ("mld-listener-query", 130),
    ("mld-listener-report", 131),
    ("mld-listener-done", 132),
    ("mld-listener-reduction", 132),
    ("nd-router-solicit", 133),
    ("nd-router-advert", 134),
    ("nd-neighbor-solicit", 135),
    ("nd-neighbor-advert", 136),
    ("nd-redirect", 137),
    ("router-renumbering", 138),
    ("ind-neighbor-solicit", 141),
    ("mld2-listener-report", 143),
];
/// nftables `src/proto.c`, `src/datatype.c`: names that `icmp code` is printed with.
const ICMP_CODES: [(&str, u128); 8] = [
    ("net-unreachable", 0),
    ("host-unreachable", 1),
    ("prot-unreachable", 2),
    ("port-unreachable", 3),
    ("frag-needed", 4),
    ("net-prohibited", 9),
    ("host-prohibited", 10),
    ("admin-prohibited", 13),
];
const ICMP6_CODES: [(&str, u128); 6] = [
    ("no-route", 0),
    ("admin-prohibited", 1),
    ("addr-unreachable", 3),
    ("port-unreachable", 4),
    ("policy-fail", 5),
    ("reject-route", 6),
];

#[cfg(test)]
mod tests {
    use super::{Kind, Pattern};

    #[track_caller]
    fn case(kind: Kind, text: &str, expected: Pattern<'_>) {
        assert_eq!(Pattern::read(kind, text, false), expected, "{text}");
    }

    #[test]
    fn constants() {
        case(Kind::Ipv4, "10.0.0.1", Pattern::Range(0x0a00_0001, 0x0a00_0001));
        case(Kind::Ipv4, "10.0.0.0/8", Pattern::Range(0x0a00_0000, 0x0aff_ffff));
        case(Kind::Ipv4, "0.0.0.0/0", Pattern::Range(0, 0xffff_ffff));
        case(Kind::Ipv4, "10.0.0.0/33", Pattern::Unknown("10.0.0.0/33"));
        case(Kind::Ipv6, "::/0", Pattern::Range(0, u128::MAX));
        case(Kind::Ipv4, "10.0.0.1-10.0.0.3", Pattern::Range(0x0a00_0001, 0x0a00_0003));
        case(Kind::Port, "30000-32767", Pattern::Range(30000, 32767));
        case(Kind::Port, "http-alt", Pattern::Range(8080, 8080));
        case(Kind::Proto, "sctp", Pattern::Range(132, 132));
        case(Kind::Number, "0x00004000", Pattern::Range(0x4000, 0x4000));
        case(Kind::Number, "0x00004000/31", Pattern::Range(0x4000, 0x4001));
        case(Kind::Number, "0x00004000/33", Pattern::Unknown("0x00004000/33"));
        case(Kind::IcmpCode, "net-unreachable", Pattern::Range(0, 0));
        case(Kind::CtState, "new", Pattern::Range(8, 8));
        case(Kind::Interface, "veth*", Pattern::Begins("veth"));
        case(Kind::Interface, "lo", Pattern::Name("lo"));
        case(Kind::Port, "*", Pattern::Any);
        case(Kind::Name, "unicast", Pattern::Name("host"));
        case(Kind::Other, "x", Pattern::Unknown("x"));
    }
}
