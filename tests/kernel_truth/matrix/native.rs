//! Tests of nftables' own language, both ways, as the matches of iptables in the other files.

mod header;
mod state;

use std::fmt::Write;

use crate::case::{Aim, Backend, RuleSet};

/// Where a test stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Before connections are looked up.
    Raw,
    /// In a chain that sets a mark, which is translated by.
    Mark,
    /// In a chain that translates the destination.
    Nat,
    /// Where what passes or leaves is filtered.
    Filter,
    /// The same, after the destination was rewritten.
    AfterDnat,
}

/// Ways of writing one test. `{to}`, `{vip}` and `{then}` stand for the destination, the first destination and a chain
/// that does what a matching packet meets.
struct Row {
    name: &'static str,
    stage: Stage,
    /// Place, protocol and family of the packet; `from=` if it matters.
    packet: &'static str,
    /// Sets and maps.
    sets: &'static str,
    /// A base chain before.
    before: &'static str,
    holds: &'static [&'static str],
    fails: &'static [&'static str],
}

const ROW: Row = Row { name: "", stage: Stage::Nat, packet: "pod tcp 4", sets: "", before: "", holds: &[], fails: &[] };

/// One rule set a row.
pub(super) fn sets() -> impl Iterator<Item = RuleSet> {
    header::ROWS.iter().chain(state::ROWS).map(set)
}

fn set(row: &Row) -> RuleSet {
    let mut words = row.packet.split_whitespace();
    let (place, proto, family) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
    let from = words.next().unwrap_or_default();
    let four = family == "4";
    let ip = if four { "ip" } else { "ip6" };
    let (entry, through) = if place == "node" { ("output", "output") } else { ("prerouting", "forward") };
    let l4 = if proto == "icmp" { if four { "icmp" } else { "ipv6-icmp" } } else { proto };
    let endpoint = if four { "10.244.2.5:8080" } else { "[fd00:244:0:2::5]:8080" };
    let dnat = format!("meta l4proto {l4} dnat {ip} to {endpoint}");
    let (mut chains, mut tests, mut moves) = (String::new(), String::new(), String::new());
    let mut packets = Vec::new();
    for (at, text) in row.holds.iter().chain(row.fails).enumerate() {
        let address = |n: usize| if four { format!("10.96.0.{n}") } else { format!("fd00:96::{n:x}") };
        let (vip, moved) = (address(10 + at), address(34 + at));
        let to = if row.stage == Stage::AfterDnat { &moved } else { &vip };
        let then = match row.stage {
            Stage::Nat => dnat.clone(),
            Stage::Filter | Stage::AfterDnat => "reject".to_owned(),
            Stage::Raw | Stage::Mark => "meta mark set 0x7000".to_owned(),
        };
        let test = text.replace("{to}", to).replace("{vip}", &vip).replace("{then}", &format!("then{at}"));
        let end = if text.contains("{then}") { "" } else { then.as_str() };
        let _ = writeln!(chains, "\tchain then{at} {{\n\t\t{then}\n\t}}\n\tchain test{at} {{\n\t\t{test} {end}\n\t}}");
        let _ = writeln!(tests, "\t\t{ip} daddr {to} jump test{at}");
        let _ = writeln!(moves, "\t\t{ip} daddr {vip} meta l4proto {l4} dnat {ip} to {moved}");
        let target = if four { format!("{vip}:80") } else { format!("[{vip}]:80") };
        packets.push(Aim::parse(&format!("{place} {proto} {target} {from}")).expect("a row makes packets"));
    }
    let (base, nat) = match row.stage {
        Stage::Raw => {
            (format!("type filter hook {entry} priority raw"), format!("\t\tmeta mark & 0xf000 == 0x7000 {dnat}\n"))
        }
        Stage::Mark => {
            (format!("type filter hook {entry} priority mangle"), format!("\t\tmeta mark & 0xf000 == 0x7000 {dnat}\n"))
        }
        Stage::Nat => (format!("type nat hook {entry} priority -100"), String::new()),
        Stage::Filter => (format!("type filter hook {through} priority filter"), String::new()),
        Stage::AfterDnat => (format!("type filter hook {through} priority filter"), moves),
    };
    // Only first packets are tested: what follows them would meet tests of state and flags anew.
    let first = if matches!(row.stage, Stage::Filter | Stage::AfterDnat) {
        "\t\ttcp flags & (fin | syn | rst | ack) != syn accept\n\t\tct direction reply accept\n"
    } else {
        ""
    };
    let nft = format!(
        "table inet t {{\n{}{}{chains}\tchain base {{\n\t\t{base}; policy accept;\n{first}{tests}\t}}\n\
         \tchain nat {{\n\t\ttype nat hook {entry} priority -100; policy accept;\n{nat}\t}}\n}}\n",
        row.sets, row.before
    );
    RuleSet { name: format!("native-{}", row.name), backends: vec![Backend::Nft], packets, nft, ..RuleSet::default() }
}
