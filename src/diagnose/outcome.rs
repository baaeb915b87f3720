//! A walk's outcomes as the report tells them: parts per million, pods behind addresses, hops with their lines.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use crate::cluster::owners::Owners;
use crate::collect::pasted::listing::without_marks;
use crate::dataplane::Loc;
use crate::report::{Disposition, Evidence, Hop, Outcome};
use crate::walk::packet::{self, Action, Dependency, Reason};

use super::meaning;

/// Parts of a whole.
const WHOLE: u32 = 1_000_000;

/// What stands behind addresses: `default/web-1`, and its node.
#[derive(Debug, Default, Clone)]
pub struct Behind {
    /// Address → what it is, node.
    pub known: BTreeMap<IpAddr, (String, Option<String>)>,
    /// Whose chains are whose.
    pub owners: Owners,
}

/// The outcomes of one walk, for the report.
#[must_use]
pub fn outcomes(node: &str, walked: &[packet::Outcome<'_>], behind: &Behind) -> Vec<Outcome> {
    let shares =
        largest_remainder(&walked.iter().map(|o| if o.when.is_none() { o.share } else { 0.0 }).collect::<Vec<_>>());
    walked
        .iter()
        .zip(shares)
        .map(|(one, ppm)| {
            let end = behind.known.get(&one.destination.ip());
            Outcome {
                ppm: one.when.is_none().then_some(ppm),
                when: one.when.clone(),
                disposition: one.disposition,
                by: one.reason.as_ref().map(reason),
                destination: has_destination(one.disposition).then(|| one.destination.to_string()),
                destination_is: end.map(|(name, node)| match node {
                    Some(node) if *name != node_words(node) => format!("{name} on {node}"),
                    Some(_) | None => name.clone(),
                }),
                destination_node: end.and_then(|(_, node)| node.clone()),
                source: one.source.map(|ip| ip.to_string()),
                masqueraded: one.masqueraded,
                interface: one.interface.map(Into::into),
                depends_on: one.depends_on.iter().map(|d| dependency(node, d)).collect(),
                hops: one.hops.iter().map(|one| hop(one, &behind.owners)).collect(),
                expected: None,
            }
        })
        .collect()
}

/// A node as what stands behind an address.
#[must_use]
pub(super) fn node_words(node: &str) -> String {
    format!("node {node}")
}

/// Whether an end has a destination worth naming.
fn has_destination(disposition: Disposition) -> bool {
    match disposition {
        Disposition::Delivered | Disposition::Local | Disposition::Untouched | Disposition::Unroutable => true,
        Disposition::Dropped | Disposition::Rejected | Disposition::Loop | Disposition::Indeterminate => false,
    }
}

/// Shares as whole numbers that sum to the whole; what rounding leaves goes to the largest remainders.
#[must_use]
pub fn largest_remainder(shares: &[f64]) -> Vec<u32> {
    let total: f64 = shares.iter().sum();
    if total <= 0.0 {
        return vec![0; shares.len()];
    }
    let exact: Vec<f64> = shares.iter().map(|share| share / total * f64::from(WHOLE)).collect();
    let mut parts: Vec<u32> = exact.iter().map(|part| whole_part(*part)).collect();
    let mut order: Vec<usize> = (0..parts.len()).collect();
    let rest = |at: usize| exact.get(at).map_or(0.0, |part| part - part.floor());
    order.sort_by(|a, b| rest(*b).total_cmp(&rest(*a)).then(a.cmp(b)));
    let mut missing = WHOLE.saturating_sub(parts.iter().sum());
    for at in order {
        if missing == 0 {
            break;
        }
        if let Some(part) = parts.get_mut(at) {
            *part += 1;
            missing -= 1;
        }
    }
    parts
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and a million")]
fn whole_part(part: f64) -> u32 {
    part.clamp(0.0, f64::from(WHOLE)).floor() as u32
}

fn reason(reason: &Reason<'_>) -> String {
    match reason {
        Reason::Rule(_) => "rule".into(),
        Reason::Policy(_) => "policy".into(),
        Reason::RejectedWith(_, with) => with.clone(),
        Reason::Sysctl(words) | Reason::Route(words) => words.clone(),
    }
}

/// A dependency as evidence.
#[must_use]
pub fn dependency(node: &str, dependency: &Dependency<'_>) -> Evidence {
    match dependency {
        Dependency::Rule(at, why) => Evidence::Line {
            node: node.into(),
            dump: at.dump.into(),
            line: at.line,
            text: format!("{} ({why})", without_marks(at.shown())),
        },
        Dependency::Fact(text) => Evidence::Fact { node: Some(node.into()), text: text.clone() },
    }
}

/// A line as evidence.
#[must_use]
pub fn line(node: &str, at: Loc<'_>) -> Evidence {
    Evidence::Line { node: node.into(), dump: at.dump.into(), line: at.line, text: without_marks(at.shown()).into() }
}

fn hop(hop: &packet::Hop<'_>, owners: &Owners) -> Hop {
    Hop {
        hook: hop.hook.into(),
        table: hop.table.into(),
        chain: hop.chain.into(),
        action: action(&hop.action),
        words: meaning::of(hop, owners),
        rule: hop.at.map(|at| without_marks(at.shown()).into()),
        dump: hop.at.map(|at| at.dump.into()),
        line: hop.at.map(|at| at.line),
        ppm: hop.chance.map(|chance| whole_part(chance * f64::from(WHOLE) + 0.5)),
    }
}

fn action(action: &Action<'_>) -> String {
    let masked = |ip: &Option<IpAddr>| ip.map_or_else(|| "masquerade".to_owned(), |ip| format!("masquerade as {ip}"));
    match action {
        Action::Jump(chain) => format!("jump {chain}"),
        Action::Goto(chain) => format!("goto {chain}"),
        Action::Return => "return".into(),
        Action::Accept => "accept".into(),
        Action::Drop => "drop".into(),
        Action::Reject(with) => format!("reject with {with}"),
        Action::Mark(mark) => format!("mark {mark:#x}"),
        Action::Dnat(to) => format!("dnat to {to}"),
        Action::Snat(to) => format!("snat to {to}"),
        Action::Masquerade(ip) => masked(ip),
        Action::Redirect(to) => format!("redirect to {to}"),
        Action::Notrack => "notrack".into(),
        Action::Pass(what) => what.clone(),
        Action::Policy(policy) => format!("policy {policy}"),
        Action::Route(words) => words.clone(),
        Action::Unknown(what) => format!("unknown: {what}"),
    }
}

/// The last rewrite of the destination among hops, if any.
#[must_use]
pub fn rewrite<'a, 'snap>(outcome: &'a packet::Outcome<'snap>) -> Option<(&'a packet::Hop<'snap>, SocketAddr)> {
    outcome.hops.iter().rev().find_map(|hop| match hop.action {
        Action::Dnat(to) | Action::Redirect(to) => Some((hop, to)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_sum_to_the_whole() {
        assert_eq!(largest_remainder(&[1.0 / 3.0; 3]), [333_334, 333_333, 333_333]);
        let old = 0.333_329_999_82;
        assert_eq!(largest_remainder(&[old, (1.0 - old) / 2.0, (1.0 - old) / 2.0]), [333_330, 333_335, 333_335]);
        assert_eq!(largest_remainder(&[]), Vec::<u32>::new());
        assert_eq!(largest_remainder(&[0.0, 0.0]), [0, 0]);
        for n in 1..200_u8 {
            let shares = vec![1.0 / f64::from(n); usize::from(n)];
            assert_eq!(largest_remainder(&shares).iter().sum::<u32>(), WHOLE, "{n}");
        }
    }
}
