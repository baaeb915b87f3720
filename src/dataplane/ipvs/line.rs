//! Words of a line: protocols, addresses in their three spellings, real servers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::ports::port;
use super::{Loc, Method, Real};

/// An address with its port, as far as it can be read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Address {
    pub(super) ip: Option<IpAddr>,
    pub(super) port: Option<u16>,
}

/// The address of a virtual server's line in a list: `TCP  10.96.0.1:443 rr`, `FWM  1 rr`.
pub(super) fn listed_address(line: &str) -> Option<&str> {
    let kind = line.get(..5)?;
    matches!(kind, "TCP  " | "UDP  " | "SCTP " | "FWM  " | "AH   " | "ESP  ")
        .then(|| line.get(5..)?.split_ascii_whitespace().next())?
}

/// A protocol's number: `-t`, `TCP`.
pub(super) fn protocol(word: &str) -> Option<u8> {
    Some(match word {
        "-t" | "--tcp-service" | "TCP" => 6,
        "-u" | "--udp-service" | "UDP" => 17,
        "--sctp-service" | "SCTP" => 132,
        "ESP" => 50,
        "AH" => 51,
        _ => return None,
    })
}

/// `10.96.0.1:443`, `[fd00:96::1]:443`, `10.96.0.1:https`, `localhost:https`.
pub(super) fn address(text: &str) -> Address {
    if let Ok(known) = text.parse::<SocketAddr>() {
        return Address { ip: Some(known.ip()), port: Some(known.port()) };
    }
    let (host, number) = text.rsplit_once(':').unwrap_or((text, "0"));
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    Address { ip: host.parse().ok(), port: port(number) }
}

/// `0A600A31:0050`, `[fd00:0096:0000:0000:0000:0000:0000:0043]:0050`.
pub(super) fn hexadecimal(text: &str) -> Address {
    let (host, number) = text.rsplit_once(':').unwrap_or((text, "0"));
    let ip = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(six) => six.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => u32::from_str_radix(host, 16).ok().map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits))),
    };
    Address { ip, port: u16::from_str_radix(number, 16).ok() }
}

/// `-t 10.96.10.49:80 -r 10.244.1.5:8080 -m -w 1`, behind `-a`.
pub(super) fn saved_server<'snap>(rest: &'snap str, at: Loc<'snap>) -> Option<Real<'snap>> {
    let mut words = rest.split_ascii_whitespace().skip(2);
    // ipvsadm's own defaults (ipvsadm(8)): direct routing, weight 1.
    let (mut to, mut method, mut weight) = (None, Method::Route, Some(1));
    while let Some(word) = words.next() {
        match word {
            "-r" | "--real-server" => {
                let Address { ip, port } = address(words.next()?);
                to = Some(SocketAddr::new(ip?, port?));
            }
            "-m" | "--masquerading" => method = Method::Masq,
            "-g" | "--gatewaying" => method = Method::Route,
            "-i" | "--ipip" => method = Method::Tunnel,
            "-w" | "--weight" => weight = Some(words.next()?.parse().ok()?),
            _ => {}
        }
    }
    Some(Real { to: to?, method, weight, connections: None, at })
}

/// `10.244.1.5:8080              Masq    1      0          0`, behind `->`.
pub(super) fn listed_server<'snap>(
    rest: &'snap str,
    at: Loc<'snap>,
    read: impl Fn(&str) -> Address,
) -> Option<Real<'snap>> {
    let mut words = rest.split_ascii_whitespace();
    let Address { ip, port } = read(words.next()?);
    let to = SocketAddr::new(ip?, port?);
    let method = match words.next()? {
        "Masq" => Method::Masq,
        "Route" => Method::Route,
        "Tunnel" => Method::Tunnel,
        "Local" => Method::Local,
        // `--stats` and `--rate` have counters here, and tell neither method nor weight
        _ => return Some(Real { to, method: Method::Unknown, weight: None, connections: None, at }),
    };
    let weight = words.next()?.parse().ok()?;
    let mut number = || words.next()?.parse().ok();
    let connections = number().zip(number());
    Some(Real { to, method, weight: Some(weight), connections, at })
}
