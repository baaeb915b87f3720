//! Reads what stands behind `-j`. A name that is no target known here is a chain, or unknown: the ruleset decides.

use std::net::IpAddr;

use super::net::{Net, Ports, masked, number};
use super::option::Words;
use super::rule::{Connmark, NatRange, Target};

/// Reads the target `name` and its options.
pub(super) fn target<'snap>(name: &'snap str, words: &mut Words<'_, 'snap>) -> Target<'snap> {
    let read = match name {
        "ACCEPT" => Some(Target::Accept),
        "DROP" => Some(Target::Drop),
        "RETURN" => Some(Target::Return),
        "REJECT" => Some(reject(words)),
        "MARK" => mark(words),
        "CONNMARK" => connmark(words),
        "DNAT" => nat(words, "--to-destination").map(Target::Dnat),
        "SNAT" => nat(words, "--to-source").map(Target::Snat),
        "MASQUERADE" => masquerade(words),
        "REDIRECT" => redirect(words),
        "NETMAP" => one_value(words, "--to").and_then(Net::parse).map(Target::Netmap),
        "NOTRACK" => Some(Target::Notrack),
        "CT" => ct(words),
        "LOG" | "NFLOG" | "ULOG" | "TRACE" | "TCPMSS" | "CHECKSUM" | "CLASSIFY" | "AUDIT" | "TOS" | "DSCP" | "TTL"
        | "HL" | "SECMARK" | "CONNSECMARK" | "TEE" | "LED" | "IDLETIMER" | "RATEEST" | "TCPOPTSTRIP" | "ECN" => {
            words.skip_module();
            Some(Target::Pass)
        }
        "SET" => set(words),
        "QUEUE" | "NFQUEUE" | "TPROXY" | "SYNPROXY" | "CLUSTERIP" | "HMARK" => None,
        chain => return Target::Jump(chain),
    };
    read.unwrap_or_else(|| {
        words.skip_module();
        Target::Unknown(name)
    })
}

fn reject<'snap>(words: &mut Words<'_, 'snap>) -> Target<'snap> {
    // The default of the target (iptables-extensions: icmp-port-unreachable, both families).
    Target::Reject(one_value(words, "--reject-with").unwrap_or("icmp-port-unreachable"))
}

fn mark<'snap>(words: &mut Words<'_, 'snap>) -> Option<Target<'snap>> {
    let option = words.module_option()?;
    let value = words.value()?;
    let (value, mask) = match option.name {
        "--set-xmark" => masked(value)?,
        // set-mark: the bits of the mask are replaced (mark = (mark & !mask) | value), as set-xmark with value | mask.
        "--set-mark" => masked(value).map(|(value, mask)| (value, mask | value))?,
        "--or-mark" => number(value).map(|bits| (bits, bits))?,
        "--and-mark" => number(value).map(|bits| (0, !bits))?,
        "--xor-mark" => number(value).map(|bits| (bits, 0))?,
        _ => return None,
    };
    Some(Target::Mark(value, mask))
}

fn connmark<'snap>(words: &mut Words<'_, 'snap>) -> Option<Target<'snap>> {
    let (mut verb, mut nfmask, mut ctmask) = (None, u32::MAX, u32::MAX);
    let mut set = None;
    while let Some(option) = words.module_option() {
        match option.name {
            "--save-mark" | "--restore-mark" => verb = Some(option.name),
            "--nfmask" => nfmask = number(words.value()?)?,
            "--ctmask" => ctmask = number(words.value()?)?,
            "--mask" => {
                nfmask = number(words.value()?)?;
                ctmask = nfmask;
            }
            "--set-xmark" => set = Some(masked(words.value()?)?),
            "--set-mark" => set = Some(masked(words.value()?).map(|(value, mask)| (value, mask | value))?),
            "--or-mark" => set = Some(number(words.value()?).map(|bits| (bits, bits))?),
            "--and-mark" => set = Some(number(words.value()?).map(|bits| (0, !bits))?),
            "--xor-mark" => set = Some(number(words.value()?).map(|bits| (bits, 0))?),
            _ => return None,
        }
    }
    Some(Target::Connmark(match (verb, set) {
        (Some("--save-mark"), None) => Connmark::Save { nfmask, ctmask },
        (Some("--restore-mark"), None) => Connmark::Restore { nfmask, ctmask },
        (None, Some((value, mask))) => Connmark::Set(value, mask),
        _ => return None,
    }))
}

fn ct<'snap>(words: &mut Words<'_, 'snap>) -> Option<Target<'snap>> {
    let mut target = Target::Pass;
    while let Some(option) = words.module_option() {
        match option.name {
            "--notrack" => target = Target::Notrack,
            "--helper" | "--timeout" | "--ctevents" | "--expevents" => {
                words.value()?;
            }
            // Another conntrack zone: connections that are looked up elsewhere.
            _ => return None,
        }
    }
    Some(target)
}

/// What is added or deleted decides nothing here; a map of marks does.
fn set<'snap>(words: &mut Words<'_, 'snap>) -> Option<Target<'snap>> {
    while let Some(option) = words.module_option() {
        match option.name {
            "--add-set" | "--del-set" => {
                words.value()?;
                words.value()?;
            }
            "--timeout" => {
                words.value()?;
            }
            "--exist" => {}
            _ => return None,
        }
    }
    Some(Target::Pass)
}

fn masquerade<'snap>(words: &mut Words<'_, 'snap>) -> Option<Target<'snap>> {
    while let Some(option) = words.module_option() {
        match option.name {
            "--random" | "--random-fully" => {}
            "--to-ports" => {
                words.value()?;
            }
            _ => return None,
        }
    }
    Some(Target::Masquerade)
}

fn redirect<'snap>(words: &mut Words<'_, 'snap>) -> Option<Target<'snap>> {
    let mut ports = None;
    while let Some(option) = words.module_option() {
        match option.name {
            "--random" => {}
            "--to-ports" => ports = Some(Ports::parse(words.value()?)?),
            _ => return None,
        }
    }
    Some(Target::Redirect(ports))
}

fn nat(words: &mut Words<'_, '_>, option_name: &str) -> Option<NatRange> {
    let (mut range, mut random) = (None, false);
    while let Some(option) = words.module_option() {
        match option.name {
            "--random" | "--random-fully" => random = true,
            "--persistent" => {}
            name if name == option_name && range.is_none() => range = Some(nat_range(words.value()?)?),
            _ => return None,
        }
    }
    range.map(|range| NatRange { random, ..range })
}

/// Reads `10.244.1.5:8080`, `10.0.0.1-10.0.0.9:80-90`, `:8080`, `[fd00::5]:80`, `fd00::5`.
fn nat_range(text: &str) -> Option<NatRange> {
    if let Some((first, rest)) = text.strip_prefix('[').and_then(|rest| rest.split_once("]-[")) {
        let (last, ports) = rest.split_once(']')?;
        let addresses = Some((first.parse().ok()?, last.parse().ok()?));
        return Some(NatRange {
            addresses,
            ports: ports.strip_prefix(':').map_or(Some(None), |p| Ports::parse(p).map(Some))?,
            random: false,
        });
    }
    let (addresses, ports) = if let Some(rest) = text.strip_prefix('[') {
        let (addresses, rest) = rest.split_once(']')?;
        (addresses, rest.strip_prefix(':'))
    } else if text.bytes().filter(|byte| *byte == b':').count() > 1 {
        (text, None)
    } else {
        text.split_once(':').map_or((text, None), |(addresses, ports)| (addresses, Some(ports)))
    };
    let ports = match ports {
        // A port may be followed by `/base`, for shifted ranges: where it ends up is not told here.
        Some(ports) if ports.contains('/') => return None,
        Some(ports) => Some(Ports::parse(ports)?),
        None => None,
    };
    let addresses = if addresses.is_empty() {
        None
    } else {
        match addresses.split_once('-') {
            Some((first, last)) => Some((first.parse::<IpAddr>().ok()?, last.parse::<IpAddr>().ok()?)),
            None => addresses.parse::<IpAddr>().ok().map(|only| Some((only, only)))?,
        }
    };
    Some(NatRange { addresses, ports, random: false })
}

fn one_value<'snap>(words: &mut Words<'_, 'snap>, name: &str) -> Option<&'snap str> {
    let option = words.module_option()?;
    if option.name == name { words.value() } else { None }
}
