//! Reads expressions. The grammar is that of nftables 1.0 and 1.1, as `nft list ruleset` prints it (nft(8), "PAYLOAD
//! EXPRESSIONS" and what follows).

use super::expr::{BitOp, Ct, Drawn, Expr, Fib, FibLimit, FibMark, FibResult, Lookup, Meta, Payload, Side, Tuple};
use super::kind::{Kind, Pattern, number};
use super::set::Elements;
use super::words::Words;

/// Parentheses inside each other, at most; more is no real rule.
const DEEP: usize = 32;
/// Operators of one expression, at most.
const LONG: usize = 64;

/// Reads one expression with all its operators; what it cannot be is `None`, and nothing is taken.
pub(super) fn expression<'snap>(words: &mut Words<'snap>, line: u32) -> Option<Expr<'snap>> {
    nested(words, line, 0)
}

fn nested<'snap>(words: &mut Words<'snap>, line: u32, depth: usize) -> Option<Expr<'snap>> {
    if depth > DEEP {
        return None;
    }
    let place = words.place();
    let first = operand(words, depth)?;
    let mut left = if words.keyword() == "." { concat(words, first, depth)? } else { first };
    for _ in 0..=LONG {
        if let Some(op) = bit_op(words.keyword()) {
            let place = words.place();
            words.next();
            let kind = left.kind();
            let Some(right) = operand(words, depth).or_else(|| constant(words, kind)) else {
                words.back_to(place);
                return None;
            };
            left = Expr::Bits(Box::new(left), op, Box::new(right));
        } else if words.keyword() == "map" {
            words.next();
            let lookup = lookup(words, left.kinds(), line)?;
            left = Expr::Map(Box::new(left), lookup);
        } else {
            return Some(left);
        }
    }
    words.back_to(place);
    None
}

/// `@name`, or elements between braces.
pub(super) fn lookup<'snap>(words: &mut Words<'snap>, kinds: Vec<Kind>, line: u32) -> Option<Lookup<'snap>> {
    if let Some(name) = words.keyword().strip_prefix('@') {
        words.next();
        return Some(Lookup::Named(name));
    }
    let text = words.braced()?;
    Some(Lookup::Here(Box::new(Elements::anonymous(kinds, text, line))))
}

fn concat<'snap>(words: &mut Words<'snap>, first: Expr<'snap>, depth: usize) -> Option<Expr<'snap>> {
    let mut parts = vec![first];
    while words.eat(".") {
        let place = words.place();
        match operand(words, depth) {
            Some(Expr::Concat(more)) => parts.extend(more),
            Some(part) => parts.push(part),
            None => {
                words.back_to(place);
                return None;
            }
        }
    }
    Some(Expr::Concat(parts))
}

/// `&`, and what newer tools print for it.
pub(super) fn bit_op(text: &str) -> Option<BitOp> {
    Some(match text {
        "&" | "and" => BitOp::And,
        "|" | "or" => BitOp::Or,
        "^" | "xor" => BitOp::Xor,
        "<<" | "lshift" => BitOp::Left,
        ">>" | "rshift" => BitOp::Right,
        _ => return None,
    })
}

/// A constant, or several bits: `0x4000`, `(fin | syn | rst)`.
pub(super) fn constant<'snap>(words: &mut Words<'snap>, kind: Kind) -> Option<Expr<'snap>> {
    if words.eat("(") {
        let mut all = 0;
        while let Some(word) = words.next() {
            match word.text {
                ")" => return Some(Expr::Constant(Pattern::Range(all, all))),
                "|" | "," => {}
                text => all |= kind.number(text)?,
            }
        }
        return None;
    }
    let word = words.next()?;
    Some(Expr::Constant(Pattern::read(kind, word.text, word.quoted)))
}

/// One expression without operators.
fn operand<'snap>(words: &mut Words<'snap>, depth: usize) -> Option<Expr<'snap>> {
    let place = words.place();
    if words.eat("(") {
        let inner = nested(words, 0, depth + 1).filter(|_| words.keyword() == ")");
        if inner.is_some() {
            words.next();
        } else {
            words.back_to(place);
        }
        return inner;
    }
    let found = match words.keyword() {
        "meta" => {
            words.next();
            meta(words)
        }
        "ct" => ct(words),
        "fib" => fib(words),
        "numgen" | "jhash" | "symhash" => spread(words, depth),
        word => match payload(word, words.second()) {
            Some(payload) => {
                words.next();
                words.next();
                Some(Expr::Payload(payload))
            }
            None => meta(words),
        },
    };
    if found.is_none() {
        words.back_to(place);
    }
    found
}

fn payload(header: &str, field: &str) -> Option<Payload> {
    let side = |field: &str| match field {
        "saddr" | "sport" => Some(Side::Src),
        "daddr" | "dport" => Some(Side::Dst),
        _ => None,
    };
    Some(match (header, field) {
        ("ip", "saddr" | "daddr") => Payload::Address4(side(field)?),
        ("ip6", "saddr" | "daddr") => Payload::Address6(side(field)?),
        ("ip", "protocol") => Payload::Protocol4,
        ("ip6", "nexthdr") => Payload::NextHeader,
        ("th", "sport" | "dport") => Payload::AnyPort(side(field)?),
        ("tcp", "flags") => Payload::TcpFlags,
        ("icmp", "type") => Payload::IcmpType,
        ("icmp", "code") => Payload::IcmpCode,
        ("icmpv6", "type") => Payload::Icmp6Type,
        ("icmpv6", "code") => Payload::Icmp6Code,
        (_, "sport" | "dport") => {
            let number = match header {
                "tcp" => 6,
                "udp" => 17,
                "dccp" => 33,
                "sctp" => 132,
                "udplite" => 136,
                _ => return None,
            };
            Payload::Port(number, side(field)?)
        }
        _ => return None,
    })
}

fn meta<'snap>(words: &mut Words<'snap>) -> Option<Expr<'snap>> {
    let key = match words.keyword() {
        "l4proto" => Meta::L4Proto,
        "nfproto" => Meta::NfProto,
        "protocol" => Meta::Protocol,
        "mark" => Meta::Mark,
        "iifname" | "iif" => Meta::InName,
        "oifname" | "oif" => Meta::OutName,
        "pkttype" => Meta::PacketType,
        "skuid" | "skgid" | "cgroup" => Meta::Owner,
        "random" => Meta::Random,
        _ => return None,
    };
    words.next();
    Some(Expr::Meta(key))
}

/// `ct state`, `ct original ip daddr`, `ct reply proto-src`
fn ct<'snap>(words: &mut Words<'snap>) -> Option<Expr<'snap>> {
    words.next();
    let tuple = match words.keyword() {
        "original" => Some(Tuple::Original),
        "reply" => Some(Tuple::Reply),
        _ => None,
    };
    if tuple.is_some() {
        words.next();
        if matches!(words.keyword(), "ip" | "ip6") {
            words.next();
        }
    }
    let side = |text: &str| if text.ends_with("saddr") || text == "proto-src" { Side::Src } else { Side::Dst };
    let key = match (words.keyword(), tuple) {
        ("state", None) => Ct::State,
        ("status", None) => Ct::Status,
        ("mark", None) => Ct::Mark,
        ("direction", None) => Ct::Direction,
        ("zone" | "label", _) => Ct::Zero,
        (text @ ("saddr" | "daddr"), Some(tuple)) => Ct::Address(tuple, side(text)),
        (text @ ("proto-src" | "proto-dst"), Some(tuple)) => Ct::Port(tuple, side(text)),
        ("protocol", _) => Ct::Protocol,
        ("l3proto", _) => Ct::L3Proto,
        _ => return None,
    };
    words.next();
    Some(Expr::Ct(key))
}

/// `fib daddr type`, `fib saddr . mark . iif oif`
fn fib<'snap>(words: &mut Words<'snap>) -> Option<Expr<'snap>> {
    words.next();
    let (mut side, mut limit, mut mark) = (None, FibLimit::None, FibMark::Unused);
    loop {
        match words.keyword() {
            "saddr" => side = Some(Side::Src),
            "daddr" => side = Some(Side::Dst),
            "iif" => limit = FibLimit::In,
            "oif" => limit = FibLimit::Out,
            "mark" => mark = FibMark::Used,
            _ => return None,
        }
        words.next();
        if !words.eat(".") {
            break;
        }
    }
    let result = match words.keyword() {
        "type" => FibResult::Type,
        "check" => FibResult::Exists,
        "oif" | "oifname" => FibResult::Interface,
        _ => return None,
    };
    words.next();
    // `fib … oif missing` and `oif 0` ask whether there is a route.
    let asks = matches!(words.keyword(), "exists" | "missing" | "0")
        || (matches!(words.keyword(), "==" | "!=") && matches!(words.second(), "exists" | "missing" | "0"));
    let result = if result == FibResult::Interface && asks { FibResult::Exists } else { result };
    Some(Expr::Fib(Fib { side: side?, limit, mark, result }))
}

/// `numgen random mod 3 offset 1`, `jhash ip saddr . tcp dport mod 2 seed 0xdeadbeef`
fn spread<'snap>(words: &mut Words<'snap>, depth: usize) -> Option<Expr<'snap>> {
    let drawn = if words.eat("jhash") {
        let place = words.place();
        let key = nested(words, 0, depth + 1).filter(|_| words.keyword() == "mod");
        words.back_to(place);
        Drawn::HashOf(Box::new(key.unwrap_or(Expr::Unknown("jhash"))))
    } else {
        Drawn::Anew
    };
    let mut modulus = None;
    let mut offset = 0;
    while let Some(word) = words.next() {
        if word.text == "mod" {
            modulus = Some(u32::try_from(number(words.text()?)?).ok()?);
            break;
        }
    }
    if words.eat("seed") {
        words.next();
    }
    if words.eat("offset") {
        offset = u32::try_from(number(words.text()?)?).ok()?;
    }
    let modulus = modulus.filter(|modulus| *modulus > 0)?;
    Some(Expr::Spread { modulus, offset, drawn })
}

/// The kind of what `typeof` names: `ip daddr`, `meta l4proto`.
pub(super) fn kinds_of(text: &str) -> Vec<Kind> {
    let mut words = Words::of(text);
    let found = expression(&mut words, 0).filter(|_| words.is_done()).map(|expr| expr.kinds());
    found.unwrap_or_else(|| vec![Kind::Other; text.matches(" . ").count() + 1])
}
