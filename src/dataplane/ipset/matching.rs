//! Whether a packet is in a set, as `-m set --match-set NAME src,dst` asks. Unknown where the set, an entry or the
//! packet does not tell. Each case was tried on Linux 6.18 with ipset 7.17.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::entry::{Entries, Entry, EntryPort, Key};
use super::{Dim, Set, Sets};
use crate::dataplane::Tri;
use crate::dataplane::iptables::rule::Side;
use crate::dataplane::links::Family;

/// An interface that a set may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetIface<'a> {
    /// There is none at this hook.
    Absent,
    /// This one.
    Named(&'a str),
    /// One that is not known.
    Unknown,
}

/// What a set may look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fields<'a> {
    /// Source.
    pub src: IpAddr,
    /// Destination.
    pub dst: IpAddr,
    /// Protocol number.
    pub protocol: u8,
    /// Source port; `None` for an ephemeral one (1024 to 65535).
    pub sport: Option<u16>,
    /// Destination port; `None` where the protocol has none.
    pub dport: Option<u16>,
    /// Interface that it came in by.
    pub iif: SetIface<'a>,
    /// Interface that it leaves by.
    pub oif: SetIface<'a>,
    /// Mark, if it is known.
    pub mark: Option<u32>,
}

/// Whether a packet is in a set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// Whether it is in it.
    pub tri: Tri,
    /// Whether a `nomatch` entry took it out (what `--return-nomatch` asks for).
    pub nomatch: Tri,
    /// Line of the entry that decided.
    pub line: Option<u32>,
    /// Why it is not known, or what must hold for it to stay so (`the entry expires in 30 s`).
    pub why: Option<String>,
}

impl Membership {
    const NO: Self = Self { tri: Tri::No, nomatch: Tri::No, line: None, why: None };

    fn unknown(why: String) -> Self {
        Self { tri: Tri::Unknown, nomatch: Tri::Unknown, line: None, why: Some(why) }
    }

    fn by(entry: &Entry<'_>) -> Self {
        Self {
            tri: Tri::from(!entry.nomatch),
            nomatch: Tri::from(entry.nomatch),
            line: Some(entry.line),
            why: entry.expires.map(|seconds| format!("the entry expires in {seconds} s")),
        }
    }
}

/// The packet's values in the order of a set's dims.
#[derive(Debug, Default)]
struct Wanted<'a> {
    ips: [Option<IpAddr>; 2],
    port: Option<WantedPort>,
    iface: Option<SetIface<'a>>,
    mac: bool,
    mark: Option<u32>,
}

#[derive(Debug, Clone, Copy)]
enum WantedPort {
    Known(EntryPort),
    /// An ephemeral port of this protocol; `None` in `bitmap:port`.
    Ephemeral(Option<u8>),
    /// A message of this protocol.
    Icmp(u8),
}

impl<'snap> Sets<'snap> {
    /// Whether a packet is in a set. A set of another family, or one with more dims than the rule names, holds
    /// nothing; Linux net/netfilter/ipset/ip_set_core.c ip_set_test.
    #[must_use]
    pub fn contains(&self, set: &str, dims: &[Side], packet: &Fields<'_>) -> Membership {
        self.contains_within(set, dims, packet, Nesting::Outer)
    }

    fn contains_within(&self, name: &str, sides: &[Side], packet: &Fields<'_>, nesting: Nesting) -> Membership {
        let Some(set) = self.get(name) else { return Membership::unknown(self.why_missing(name)) };
        let Some(dims) = &set.dims else {
            return Membership::unknown(format!("ipset `{name}` is of a type that is not known, `{}`", set.kind));
        };
        if set.family.is_some_and(|family| family != Family::of(packet.dst)) || sides.len() < dims.len() {
            return Membership::NO;
        }
        let found = if dims.contains(&Dim::Set) {
            match nesting {
                Nesting::Outer => self.in_list(set, sides, packet),
                // The kernel allows no list in a list.
                Nesting::Inner => Membership::unknown(format!("ipset `{name}` is a list in a list")),
            }
        } else {
            in_set(set, dims, sides, packet)
        };
        // What is missing may add, and among prefixes also take out.
        let open = found.line.is_none() && found.tri.is_no() || dims.contains(&Dim::Net);
        if open && let Some((line, text)) = set.entries().unread {
            return Membership::unknown(format!("line {line} of ipset `{name}` is not understood: {text}"));
        }
        if open && !set.is_whole() {
            return Membership::unknown(format!("not all entries of ipset `{name}` are in the dump"));
        }
        found
    }

    /// A list holds what any of its sets holds.
    fn in_list(&self, set: &Set<'snap>, sides: &[Side], packet: &Fields<'_>) -> Membership {
        let mut found = Membership::NO;
        for entry in &set.entries().list {
            let Some(name) = entry.set else { continue };
            let inner = self.contains_within(name, sides, packet, Nesting::Inner);
            if inner.tri.is_yes() {
                return Membership { why: inner.why.or_else(|| Membership::by(entry).why), ..inner };
            }
            if inner.tri.is_unknown() {
                found = inner;
            }
        }
        found
    }
}

#[derive(Clone, Copy)]
enum Nesting {
    Outer,
    Inner,
}

fn in_set(set: &Set<'_>, dims: &[Dim], sides: &[Side], packet: &Fields<'_>) -> Membership {
    let Some(wanted) = want(set, dims, sides, packet) else { return Membership::NO };
    let entries = set.entries();
    if entries.list.is_empty() {
        return Membership::NO;
    }
    if set.option("bitmask").is_some() || set.option("netmask").is_some() || set.option("markmask").is_some() {
        return masked(set, entries, &wanted);
    }
    look(set, entries, &wanted)
}

/// Sets with a mask hold masked entries: the packet's first address is masked likewise.
fn masked(set: &Set<'_>, entries: &Entries<'_>, wanted: &Wanted<'_>) -> Membership {
    let cut = |ip: IpAddr| -> Option<IpAddr> {
        if let Some(len) = set.option("netmask") {
            return Some(IpNet::new(ip, len.parse().ok()?).ok()?.trunc().addr());
        }
        match (set.option("bitmask"), ip) {
            (None, ip) => Some(ip),
            (Some(mask), IpAddr::V4(ip)) => Some(IpAddr::V4(ip & mask.parse::<Ipv4Addr>().ok()?)),
            (Some(mask), IpAddr::V6(ip)) => Some(IpAddr::V6(ip & mask.parse::<Ipv6Addr>().ok()?)),
        }
    };
    let mark = match set.option("markmask") {
        None => Some(u32::MAX),
        Some(text) => text.strip_prefix("0x").and_then(|hex| u32::from_str_radix(hex, 16).ok()),
    };
    let [first, second] = wanted.ips;
    // With two prefixes both are masked, which was never seen.
    let (Some(ip), Some(mark), true) = (first.and_then(cut), mark, set.kind != "hash:net,net") else {
        return Membership::unknown(format!("the mask of ipset `{}` is not understood", set.name));
    };
    let wanted = Wanted {
        ips: [Some(ip), second],
        port: wanted.port,
        iface: wanted.iface,
        mac: wanted.mac,
        mark: wanted.mark.map(|value| value & mark),
    };
    look(set, entries, &wanted)
}

/// The packet's values in the order of the set's dims; nothing where the packet lacks one, which is no match.
fn want<'a>(set: &Set<'_>, dims: &[Dim], sides: &[Side], packet: &Fields<'a>) -> Option<Wanted<'a>> {
    let mut wanted = Wanted::default();
    let mut filled = 0;
    for (dim, side) in dims.iter().zip(sides) {
        match dim {
            Dim::Ip | Dim::Net => {
                *wanted.ips.get_mut(filled)? = Some(match side {
                    Side::Src => packet.src,
                    Side::Dst => packet.dst,
                });
                filled += 1;
            }
            Dim::Port => wanted.port = Some(want_port(set, *side, packet)?),
            Dim::Mac => wanted.mac = true,
            Dim::Mark => wanted.mark = packet.mark,
            Dim::Iface => {
                wanted.iface = Some(match side {
                    Side::Src => packet.iif,
                    Side::Dst => packet.oif,
                });
                if wanted.iface == Some(SetIface::Absent) {
                    return None;
                }
            }
            Dim::Set => return None,
        }
    }
    Some(wanted)
}

/// `bitmap:port` looks at the port of TCP and UDP only, whichever it is; Linux net/netfilter/ipset/ip_set_bitmap_port.c
/// ip_set_get_ip_port.
fn want_port(set: &Set<'_>, side: Side, packet: &Fields<'_>) -> Option<WantedPort> {
    let bitmap = set.kind.starts_with("bitmap:");
    let number = packet.protocol;
    match number {
        TCP | UDP => {}
        _ if bitmap => return None,
        ICMP | ICMPV6 => return Some(WantedPort::Icmp(number)),
        _ => {}
    }
    let port = match (number, side) {
        (TCP | UDP | SCTP | UDPLITE, Side::Src) => packet.sport,
        (TCP | UDP | SCTP | UDPLITE, Side::Dst) => packet.dport,
        // Protocols without ports have port 0.
        (_, Side::Src | Side::Dst) => Some(0),
    };
    Some(match (port, bitmap) {
        (Some(port), true) => WantedPort::Known(EntryPort::Any(port)),
        (Some(port), false) => WantedPort::Known(EntryPort::Of(number, port)),
        (None, true) => WantedPort::Ephemeral(None),
        (None, false) => WantedPort::Ephemeral(Some(number)),
    })
}

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;
const SCTP: u8 = 132;
const UDPLITE: u8 = 136;

fn look(set: &Set<'_>, entries: &Entries<'_>, wanted: &Wanted<'_>) -> Membership {
    let port = match wanted.port {
        None => None,
        Some(WantedPort::Known(port)) => Some(port),
        Some(WantedPort::Ephemeral(_) | WantedPort::Icmp(_)) => return scan(set, entries, wanted),
    };
    for lens in &entries.shapes {
        let mut nets = [None; 2];
        let mut fits = true;
        for ((net, len), ip) in nets.iter_mut().zip(lens).zip(wanted.ips) {
            match (len, ip) {
                (None, None) => {}
                (Some(len), Some(ip)) => match IpNet::new(ip, *len) {
                    Ok(found) => *net = Some(found.trunc()),
                    Err(_) => fits = false,
                },
                (Some(_), None) | (None, Some(_)) => fits = false,
            }
        }
        if !fits {
            continue;
        }
        let mut seen = false;
        for entry in entries.at(Key { nets, port }) {
            seen |= entry.iface.is_some_and(|iface| !iface.physdev);
            match rest(entry, wanted) {
                Tri::Yes => return Membership::by(entry),
                Tri::No => {}
                Tri::Unknown => {
                    return Membership::unknown(format!(
                        "an entry of ipset `{}` asks for more than is known of the packet",
                        set.name
                    ));
                }
            }
        }
        // A prefix that is there with another interface hides all shorter ones; Linux
        // net/netfilter/ipset/ip_set_hash_netiface.c, the counter `multi`.
        if seen {
            return Membership::NO;
        }
    }
    Membership::NO
}

/// What the index does not hold: mark, interface, hardware address.
fn rest(entry: &Entry<'_>, wanted: &Wanted<'_>) -> Tri {
    let iface = match (entry.iface, wanted.iface) {
        (None, _) => Tri::Yes,
        (Some(iface), _) if iface.physdev => Tri::Unknown,
        (Some(_), Some(SetIface::Unknown)) => Tri::Unknown,
        (Some(_), None | Some(SetIface::Absent)) => Tri::No,
        (Some(iface), Some(SetIface::Named(name))) if iface.wildcard => Tri::from(name.starts_with(iface.name)),
        (Some(iface), Some(SetIface::Named(name))) => Tri::from(name == iface.name),
    };
    let mark = entry.mark.map_or(Tri::Yes, |mark| wanted.mark.map(|known| known == mark).into());
    // Hardware addresses are not part of the packet here.
    let mac = if wanted.mac { Tri::Unknown } else { Tri::Yes };
    Tri::all([iface, mark, mac])
}

/// Without a known port every entry is looked at; one that may fit makes it unknown.
fn scan(set: &Set<'_>, entries: &Entries<'_>, wanted: &Wanted<'_>) -> Membership {
    let fits = |entry: &&Entry<'_>| {
        let ips = entry.nets.iter().zip(wanted.ips).all(|(net, ip)| match (net, ip) {
            (Some(net), Some(ip)) => net.contains(&ip),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        });
        let port = match (entry.port, wanted.port) {
            (Some(EntryPort::Any(port)), Some(WantedPort::Ephemeral(None))) => port >= 1024,
            (Some(EntryPort::Of(number, port)), Some(WantedPort::Ephemeral(Some(wanted)))) => {
                number == wanted && port >= 1024
            }
            (Some(EntryPort::Icmp(number)), Some(WantedPort::Icmp(wanted))) => number == wanted,
            (_, _) => false,
        };
        ips && port && !rest(entry, wanted).is_no()
    };
    match entries.list.iter().find(fits) {
        None => Membership::NO,
        Some(entry) => Membership::unknown(format!(
            "line {} of ipset `{}` fits some source ports or kinds of message, not all",
            entry.line, set.name
        )),
    }
}
