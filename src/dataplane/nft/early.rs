//! Base chains that see packets before, or beside, the hooks that are walked, and whether they can do anything to the
//! first packet of a connection. In doubt they can.

use rustc_hash::FxHashSet;

use super::base::{Base, Policy};
use super::{Chain, Table, Tables};
use crate::dataplane::Loc;

/// A base chain at ingress or egress of an interface, or on a bridge, that may decide.
#[derive(Debug, Clone, Copy)]
pub struct EarlyBase<'snap> {
    /// `netdev early`.
    pub table: &'snap str,
    /// `in`.
    pub chain: &'snap str,
    /// `ingress`, `egress`, or a hook of a bridge.
    pub hook: &'snap str,
    /// What makes it one, and which interfaces it is bound to.
    pub base: Base<'snap>,
    /// The first line that may decide.
    pub at: Loc<'snap>,
}

/// Base chains of native tables that may act on a packet before the hooks that are walked.
#[must_use]
pub fn early_chains<'snap>(tables: &Tables<'snap>) -> Vec<EarlyBase<'snap>> {
    let mut found = Vec::new();
    for (_, table) in tables.active() {
        for chain in &table.chains {
            let Some(base) = chain.base else { continue };
            let early = table.family() == "bridge" || ["ingress", "egress"].contains(&base.hook);
            if !early {
                continue;
            }
            let at = if base.policy == Policy::Drop { Some(base.at) } else { decides(table, chain) };
            if let Some(at) = at {
                found.push(EarlyBase { table: table.title, chain: chain.name, hook: base.hook, base, at });
            }
        }
    }
    found
}

/// What a rule may do.
#[derive(Debug, PartialEq, Eq)]
enum Effect<'snap> {
    /// Nothing: it counts, logs, or sees no new connection.
    Nothing,
    /// It goes to these chains.
    Jumps(Vec<&'snap str>),
    /// It drops, rewrites, marks, or something that is not known.
    Decides,
}

/// The first line that may decide over a new connection's packet, from a base chain on.
fn decides<'snap>(table: &Table<'snap>, base_chain: &Chain<'snap>) -> Option<Loc<'snap>> {
    let mut seen = FxHashSet::default();
    let mut todo = vec![base_chain];
    seen.insert(base_chain.name);
    while let Some(chain) = todo.pop() {
        for found in chain.lines() {
            match effect(found.text, table) {
                Effect::Nothing => {}
                Effect::Decides => return Some(found),
                Effect::Jumps(names) => {
                    for name in names {
                        let Some(next) = table.chain(name) else {
                            return Some(found);
                        };
                        if seen.insert(name) {
                            todo.push(next);
                        }
                    }
                }
            }
        }
    }
    None
}

/// What one rule may do to a new connection's packet. An `accept` ends a base chain and no other, so without anything
/// that drops or rewrites it does nothing.
fn effect<'snap>(rule: &'snap str, table: &Table<'_>) -> Effect<'snap> {
    let words = words(rule);
    if misses_new(&words) {
        return Effect::Nothing;
    }
    let mut jumps = Vec::new();
    let mut rest = words.iter().copied().peekable();
    while let Some(word) = rest.next() {
        match word {
            "drop" | "reject" | "dnat" | "snat" | "masquerade" | "redirect" | "tproxy" | "queue" | "notrack"
            | "dup" | "fwd" | "synproxy" | "set" | "xt" | "reset" => return Effect::Decides,
            // `ct status dnat` asks, it does not rewrite.
            "status" => while rest.next_if(|word| ["!=", "{", "}", "dnat", "snat"].contains(word)).is_some() {},
            "jump" | "goto" => match rest.next() {
                Some(name) => jumps.push(name),
                None => return Effect::Decides,
            },
            // A map of verdicts without elements matches nothing.
            "vmap" => {
                if let Some(name) = rest.clone().next().and_then(|word| word.strip_prefix('@'))
                    && table.set(name).is_none_or(|set| !set.elements().is_empty())
                {
                    return Effect::Decides;
                }
            }
            _ => {}
        }
    }
    if jumps.is_empty() { Effect::Nothing } else { Effect::Jumps(jumps) }
}

/// Words outside of quotes; punctuation of lists stands alone.
fn words(rule: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for (place, part) in rule.split('"').enumerate() {
        if place % 2 == 0 {
            found.extend(
                part.split(|c: char| c.is_whitespace() || c == ',' || c == ';').filter(|word| !word.is_empty()),
            );
        }
    }
    found
}

/// Whether a rule asks for a state that the first packet of a connection does not have: `ct state invalid drop`,
/// `ct state { established, related } accept`, `ct state vmap { invalid : drop }`.
fn misses_new(words: &[&str]) -> bool {
    const STATES: [&str; 5] = ["new", "established", "related", "invalid", "untracked"];
    let mut rest = words
        .windows(2)
        .position(|pair| pair == ["ct", "state"])
        .and_then(|at| words.get(at + 2..))
        .unwrap_or_default();
    let mapped = rest.first() == Some(&"vmap");
    if mapped {
        rest = rest.get(1..).unwrap_or_default();
    }
    let braced = rest.first() == Some(&"{");
    if mapped && !braced {
        return false;
    }
    if braced {
        let end = rest.iter().position(|word| *word == "}").unwrap_or(rest.len());
        rest = rest.get(1..end).unwrap_or_default();
    }
    let mut states =
        rest.iter().take_while(|word| braced || STATES.contains(word)).filter(|word| STATES.contains(word)).peekable();
    states.peek().is_some() && states.all(|state| *state != "new" && *state != "untracked")
}

#[cfg(test)]
mod tests {
    use super::{Effect, early_chains, effect};
    use crate::dataplane::nft::ruleset::index;

    const TEXT: &str = "table netdev early {
	map verdicts {
		type ipv4_addr : verdict
	}

	chain in {
		type filter hook ingress device \"lo\" priority -500; policy accept;
		jump sub
	}

	chain sub {
		ip saddr 10.0.0.1 drop
	}

	chain counted {
		type filter hook ingress device \"eth0\" priority -500; policy accept;
		counter packets 0 bytes 0 comment \"drop nothing\"
	}
}
table bridge br {
	chain f {
		type filter hook forward priority 0; policy drop;
	}
}
";

    #[test]
    fn what_comes_first() {
        let tables = index("nft-ruleset", TEXT);
        let early: Vec<_> =
            early_chains(&tables).iter().map(|one| (one.chain, one.base.devices, one.at.line)).collect();
        assert_eq!(early, [("in", Some("\"lo\""), 12), ("f", None, 22)]);
    }

    #[track_caller]
    fn rule(text: &str, expected: &Effect<'_>) {
        let tables = index("nft-ruleset", TEXT);
        let found = tables.tables.first().map(|table| effect(text, table));
        assert_eq!(found.as_ref(), Some(expected), "{text}");
    }

    #[test]
    fn effects() {
        use Effect::{Decides, Jumps, Nothing};
        rule("counter packets 0 bytes 0", &Nothing);
        rule(r#"iifname "drop" accept comment "drop reject""#, &Nothing);
        rule("ct state established,related accept", &Nothing);
        rule("ct state { invalid } drop", &Nothing);
        rule("ct state != established drop", &Decides);
        rule("ct state new,established drop", &Decides);
        rule("ct state vmap { established : accept, new : jump a }", &Jumps(vec!["a"]));
        rule("ip daddr vmap @verdicts", &Nothing);
        rule("tcp dport { 22, 80 } jump x", &Jumps(vec!["x"]));
        rule("meta mark set meta mark | 0x00004000", &Decides);
        rule("tcp flags syn tcp option maxseg size set rt mtu", &Decides);
    }
}
