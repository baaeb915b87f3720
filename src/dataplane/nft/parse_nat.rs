//! Reads where an address translation leads: what follows `dnat`, `snat`, `masquerade` and `redirect`.

use std::net::IpAddr;

use super::parse_expr::expression;
use super::statement::{Nat, NatTo};
use super::words::{Word, Words};
use crate::dataplane::plane::Family;

/// `fully-random,persistent`: whether a port is drawn.
pub(super) fn flags(words: &mut Words<'_>) -> bool {
    let mut random = false;
    while matches!(words.keyword(), "random" | "fully-random" | "persistent" | ",") {
        random |= words.keyword().ends_with("random");
        words.next();
    }
    random
}

/// `to :1024-65535`
pub(super) fn skip_to_ports(words: &mut Words<'_>) {
    if words.keyword() == "to" && words.second().starts_with(':') {
        words.next();
        words.next();
    }
}

/// What follows `dnat`: `ip to 10.0.0.1:80`, `ip addr . port to numgen …`, `to :8080`.
pub(super) fn nat<'snap>(words: &mut Words<'snap>, line: u32) -> Nat<'snap> {
    let (prefix, random) = (false, false);
    let mut found = Nat { family: None, to: NatTo::Kept, ports: None, port_of: None, prefix, random };
    loop {
        match words.keyword() {
            "ip" if !matches!(words.second(), "saddr" | "daddr") => found.family = Some(Family::V4),
            "ip6" if !matches!(words.second(), "saddr" | "daddr") => found.family = Some(Family::V6),
            "prefix" => found.prefix = true,
            "addr" | "." | "port" | "interval" => {}
            _ => break,
        }
        words.next();
    }
    if words.eat("to") {
        nat_to(words, line, &mut found);
    }
    found.random = flags(words);
    found
}

/// What follows `to`.
fn nat_to<'snap>(words: &mut Words<'snap>, line: u32, found: &mut Nat<'snap>) {
    if let Some(port) = words.keyword().strip_prefix(':') {
        words.next();
        if port.is_empty() {
            match expression(words, line) {
                Some(expr) => found.port_of = Some(Box::new(expr)),
                None => found.to = NatTo::Unknown(words.rest()),
            }
        } else {
            match ports(port) {
                Some(ports) => found.ports = Some(ports),
                None => found.to = NatTo::Unknown(port),
            }
        }
        return;
    }
    if let Some(expr) = expression(words, line) {
        found.to = NatTo::Computed(Box::new(expr));
        if words.keyword().starts_with(':') {
            let place = words.place();
            let text = words.text().unwrap_or_default().trim_start_matches(':');
            found.ports = ports(text);
            if found.ports.is_none() {
                words.back_to(place);
                found.to = NatTo::Unknown(words.rest());
            }
        }
    } else if let Some(word) = words.next() {
        match target(word.text) {
            Some((first, last, ports)) => (found.to, found.ports) = (NatTo::Addresses(first, last), ports),
            None => found.to = address_and_map(words, word, line, found).unwrap_or(NatTo::Unknown(word.text)),
        }
    }
}

/// `10.0.0.1:tcp dport map { 80 : 8080 }`: the port of a fixed address is looked up.
fn address_and_map<'snap>(
    words: &mut Words<'snap>,
    word: Word<'snap>,
    line: u32,
    found: &mut Nat<'snap>,
) -> Option<NatTo<'snap>> {
    let (address, header) = word.text.rsplit_once(':')?;
    let (first, last, None) = target(address)? else { return None };
    let mut behind = Words::of(words.line_from(word, header.len()));
    found.port_of = Some(Box::new(expression(&mut behind, line)?));
    words.rest();
    Some(NatTo::Addresses(first, last))
}

/// First and last port.
type PortRange = (u16, u16);

/// `10.0.0.1`, `10.0.0.1-10.0.0.3:80-90`, `[fd00::1]:80`
fn target(text: &str) -> Option<(IpAddr, IpAddr, Option<PortRange>)> {
    let bare = |text: &str| text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
    let pair = |text: &str| -> Option<(IpAddr, IpAddr)> {
        if let Some(ip) = bare(text) {
            return Some((ip, ip));
        }
        if let Ok(net) = text.parse::<ipnet::IpNet>() {
            return Some((net.network(), net.broadcast()));
        }
        let (first, last) = text.split_once('-')?;
        Some((bare(first)?, bare(last)?))
    };
    if let Some((first, last)) = pair(text) {
        return Some((first, last, None));
    }
    let (addresses, port) = text.rsplit_once(':')?;
    let (first, last) = pair(addresses)?;
    Some((first, last, Some(ports(port)?)))
}

fn ports(text: &str) -> Option<PortRange> {
    if let Some((first, last)) = text.split_once('-') {
        return Some((first.parse().ok()?, last.parse().ok()?));
    }
    let port = text.parse().ok()?;
    Some((port, port))
}
