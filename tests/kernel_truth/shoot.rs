//! One rule set in one world: load, read back, walk, fire, compare. What does not agree is fired at once more with
//! more patience, so that a slow machine is no disagreement.

use std::collections::BTreeMap;
use std::fmt::Write;

use svc_trace::collect::snapshot::NodeDumps;
use svc_trace::dataplane::plane::Plane;
use svc_trace::walk::packet::Outcome;
use svc_trace::walk::walk;

use crate::agent::{Seen, Shot};
use crate::case::{Aim, Backend, RuleSet};
use crate::compare::{branches, compare, packet};
use crate::node;
use crate::topology::{NODE, World, addresses};

/// Tries where the walk leaves a choice.
const MANY: usize = 120;
/// Milliseconds that a try waits; below the second after which TCP sends its first packet again.
const WAIT: u64 = 500;
const PATIENT: u64 = 950;

/// A rule set and a packet, and what came of them.
#[derive(Debug)]
pub(crate) struct Pair {
    /// Name of the rule set.
    pub(crate) set: String,
    /// What is wrong.
    pub(crate) wrong: Option<String>,
    /// Everything that is needed to look into it.
    pub(crate) report: String,
}

impl Pair {
    /// A rule set that could not be run.
    pub(crate) fn broken(set: &RuleSet, backend: Backend) -> Self {
        let report = format!("=== {} ({}): could not be run, see above", set.name, backend.as_str());
        Self { set: set.name.clone(), wrong: Some("could not be run".to_owned()), report }
    }
}

/// Fires every packet of a rule set.
pub(crate) fn shoot(world: &mut World, set: &RuleSet, backend: Backend) -> Vec<Pair> {
    let was = node::settings(world, set);
    node::load(world, set, backend);
    let dumps = node::collect(world, backend);
    let all: Vec<&Aim> = set.packets.iter().collect();
    let mut pairs = fire(world, set, backend, &dumps, &all, WAIT);
    let again: Vec<usize> = (0..pairs.len()).filter(|at| pairs[*at].wrong.is_some()).collect();
    if !again.is_empty() {
        let aims: Vec<&Aim> = again.iter().map(|at| &set.packets[*at]).collect();
        let second = fire(world, set, backend, &dumps, &aims, PATIENT);
        for (at, pair) in again.into_iter().zip(second) {
            pairs[at] = pair;
        }
    }
    node::clear(world, set, backend, &was);
    pairs
}

fn fire(
    world: &mut World,
    set: &RuleSet,
    backend: Backend,
    dumps: &NodeDumps,
    aims: &[&Aim],
    wait_ms: u64,
) -> Vec<Pair> {
    let plane = Plane::new("node", dumps, &addresses(NODE));
    let walks: Vec<Vec<Outcome<'_>>> = aims.iter().map(|aim| walk(&plane, &packet(aim))).collect();
    let shots: Vec<_> = aims
        .iter()
        .zip(&walks)
        .map(|(aim, outcomes)| {
            // A chosen source port is free for one connection at a time.
            let tries = if aim.from_port.is_some() {
                1
            } else if branches(outcomes) {
                MANY
            } else {
                3
            };
            let shot = Shot { proto: aim.proto, from: aim.from, from_port: aim.from_port, to: aim.to, tries, wait_ms };
            (aim.place, shot)
        })
        .collect();
    let seen = world.fire(&shots);
    aims.iter()
        .zip(walks)
        .zip(seen)
        .map(|((aim, outcomes), seen)| {
            let wrong = compare(aim, &outcomes, &seen).err();
            let report = wrong.as_ref().map(|wrong| report(set, backend, dumps, aim, &outcomes, &seen, wrong));
            Pair { set: set.name.clone(), wrong, report: report.unwrap_or_default() }
        })
        .collect()
}

fn report(
    set: &RuleSet,
    backend: Backend,
    dumps: &NodeDumps,
    aim: &Aim,
    outcomes: &[Outcome<'_>],
    seen: &[Seen],
    wrong: &str,
) -> String {
    let mut text = format!("=== {} ({}): {aim}\n    {wrong}\n", set.name, backend.as_str());
    let mut counts: BTreeMap<Seen, usize> = BTreeMap::new();
    for one in seen {
        *counts.entry(*one).or_default() += 1;
    }
    let _ = writeln!(text, "    kernel: {counts:?}");
    for way in outcomes {
        let _ = writeln!(
            text,
            "    walk: {:.4} {:?} to {} from {:?} masqueraded {} when {:?} by {:?} depends on {:?}",
            way.share,
            way.disposition,
            way.destination,
            way.source,
            way.masqueraded,
            way.when,
            way.reason,
            way.depends_on
        );
        for hop in &way.hops {
            let at = hop.at.map_or("", |at| at.text);
            let _ = writeln!(text, "        {} {} {}: {:?}   {at}", hop.hook, hop.table, hop.chain, hop.action);
        }
    }
    if set.name.starts_with("seed-") {
        for name in ["iptables-save", "ip6tables-save"] {
            text.push_str(dumps.dumps.get(name).map_or("", |dump| &dump.text));
        }
    }
    text
}
