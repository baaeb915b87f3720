//! Each match, both ways: for every way of writing one that holds for the packet, and every way that does not, a chain
//! of its own is entered by an address of its own. What a matching packet meets (another destination, a rejection) is
//! seen at once, and so is what it meets otherwise.

mod header;
mod native;
mod state;

use std::fmt::Write;

use crate::case::{Aim, Backend, RuleSet};

/// What a matching packet meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// DNAT in nat PREROUTING or OUTPUT.
    Nat,
    /// REJECT in filter FORWARD or OUTPUT, where only first packets come.
    Filter,
    /// The same, after the destination was rewritten.
    AfterDnat,
    /// A mark in mangle PREROUTING, and DNAT for the mark.
    Mangle,
}

/// Ways of writing one match.
struct Row {
    name: &'static str,
    stage: Stage,
    /// Place, protocol and family of the packet; `from=` if it matters.
    packet: &'static str,
    ipset: &'static str,
    raw: &'static str,
    mangle: &'static str,
    holds: &'static [&'static str],
    fails: &'static [&'static str],
}

const ROW: Row =
    Row { name: "", stage: Stage::Nat, packet: "pod tcp 4", ipset: "", raw: "", mangle: "", holds: &[], fails: &[] };

/// One rule set a row, of either language.
pub(crate) fn sets() -> Vec<RuleSet> {
    header::ROWS.iter().chain(state::ROWS).map(set).chain(native::sets()).collect()
}

fn set(row: &Row) -> RuleSet {
    let mut words = row.packet.split_whitespace();
    let (place, proto, family) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
    let from = words.next().unwrap_or_default();
    let four = family == "4";
    let (mut nat, mut mangle, mut filter) = (String::new(), row.mangle.to_owned(), String::new());
    let (entry, through) = if place == "node" { ("OUTPUT", "OUTPUT") } else { ("PREROUTING", "FORWARD") };
    // Only first packets are tested: what follows them would meet tests of state and flags anew.
    let mut chains = (String::new(), String::new(), String::new());
    let _ = writeln!(filter, "-A {through} -p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN -j ACCEPT");
    let mut packets = Vec::new();
    for (at, text) in row.holds.iter().chain(row.fails).enumerate() {
        let ip = |n: usize| if four { format!("10.96.0.{n}") } else { format!("fd00:96::{n:x}") };
        let (vip, moved) = (ip(10 + at), ip(34 + at));
        let bits = if four { 32 } else { 128 };
        let to = if row.stage == Stage::AfterDnat { &moved } else { &vip };
        let test = text.replace("{to}", to).replace("{vip}", &vip);
        let endpoint = if four { "10.244.2.5:8080" } else { "[fd00:244:0:2::5]:8080" };
        let protocol = if test.contains("-p ") { String::new() } else { format!(" -p {proto}") };
        let dnat = format!("-j DNAT --to-destination {endpoint}");
        match row.stage {
            Stage::Nat => {
                let _ = writeln!(chains.0, ":T{at} - [0:0]");
                let _ = writeln!(nat, "-A {entry} -d {vip}/{bits} -j T{at}\n-A T{at}{protocol} {test} {dnat}");
            }
            Stage::Filter | Stage::AfterDnat => {
                let _ = writeln!(chains.2, ":T{at} - [0:0]");
                let _ = writeln!(filter, "-A {through} -d {to}/{bits} -j T{at}\n-A T{at} {test} -j REJECT");
                if row.stage == Stage::AfterDnat {
                    let _ = writeln!(nat, "-A {entry} -d {vip}/{bits} -j DNAT --to-destination {moved}");
                }
            }
            Stage::Mangle => {
                let _ = writeln!(chains.1, ":T{at} - [0:0]");
                let _ = writeln!(
                    mangle,
                    "-A PREROUTING -d {vip}/{bits} -j T{at}\n-A T{at} {test} -j MARK --set-xmark 0x7/0xff"
                );
                let _ = writeln!(nat, "-A {entry} -d {vip}/{bits} -p {proto} -m mark --mark 0x7/0xff {dnat}");
            }
        }
        let target = if four { format!("{vip}:80") } else { format!("[{vip}]:80") };
        packets.push(Aim::parse(&format!("{place} {proto} {target} {from}")).expect("a row makes packets"));
    }
    let text = format!(
        "*raw\n{}COMMIT\n*mangle\n{}{mangle}COMMIT\n*nat\n{}{nat}COMMIT\n*filter\n{}{filter}COMMIT\n",
        row.raw, chains.1, chains.0, chains.2
    );
    RuleSet {
        name: format!("match-{}", row.name),
        backends: vec![Backend::Nft, Backend::Legacy],
        packets,
        ipset: row.ipset.to_owned(),
        v4: if four { text.clone() } else { String::new() },
        v6: if four { String::new() } else { text },
        ..RuleSet::default()
    }
}
