//! One rule set in one world: load, read back, walk, fire, compare. What does not agree is fired at once more with
//! more patience, so that a slow machine is no disagreement.

use std::collections::BTreeMap;
use std::fmt::Write;

use svc_trace::collect::snapshot::NodeDumps;
use svc_trace::dataplane::plane::Plane;
use svc_trace::walk::packet::Outcome;
use svc_trace::walk::walk;

use crate::agent::{Seen, Shot};
use crate::case::{Aim, Backend, Kind, RuleSet};
use crate::compare::{branches, compare, packet};
use crate::listing;
use crate::machine;
use crate::node;
use crate::topology::{NODE, World, addresses};

/// Tries where the walk leaves a choice.
const MANY: usize = 120;
/// Milliseconds that a try waits; below the second after which TCP sends its first packet again.
const WAIT: u64 = 500;
const PATIENT: u64 = 950;
/// The same where all is emulated. IPVS remembers what it chose, also for a packet that is sent again.
const MANY_EMULATED: usize = 60;
const WAIT_EMULATED: u64 = 2500;
const PATIENT_EMULATED: u64 = 6000;

/// A rule set and a packet, and what came of them.
#[derive(Debug)]
pub(crate) struct Pair {
    /// What the rule set counts as.
    pub(crate) kind: Kind,
    /// What is wrong.
    pub(crate) wrong: Option<String>,
    /// Everything that is needed to look into it.
    pub(crate) report: String,
}

impl Pair {
    fn new(set: &RuleSet, wrong: Option<String>, report: String) -> Self {
        Self { kind: set.kind(), wrong, report }
    }

    /// A rule set that could not be run.
    pub(crate) fn broken(set: &RuleSet, backend: Backend) -> Self {
        let report = format!("=== {} ({}): could not be run, see above", set.name, backend.as_str());
        Self::new(set, Some("could not be run".to_owned()), report)
    }
}

/// Fires every packet of a rule set.
pub(crate) fn shoot(world: &mut World, set: &RuleSet, backend: Backend) -> Vec<Pair> {
    let was = node::settings(world, set);
    node::load(world, set, backend);
    let dumps = node::collect(world, backend);
    let listed = listing::differs(world, set, backend, &dumps);
    let all: Vec<&Aim> = set.packets.iter().collect();
    let (wait, patient) = if machine::is_here() { (WAIT_EMULATED, PATIENT_EMULATED) } else { (WAIT, PATIENT) };
    let mut pairs = fire(world, set, backend, &dumps, &all, wait);
    let again: Vec<usize> = (0..pairs.len()).filter(|at| pairs[*at].wrong.is_some()).collect();
    if !again.is_empty() {
        let aims: Vec<&Aim> = again.iter().map(|at| &set.packets[*at]).collect();
        let second = fire(world, set, backend, &dumps, &aims, patient);
        for (at, pair) in again.into_iter().zip(second) {
            pairs[at] = pair;
        }
    }
    node::clear(world, set, backend, &was);
    for (pair, differs) in pairs.iter_mut().zip(listed) {
        if let (None, Some(why)) = (&pair.wrong, differs) {
            pair.report = format!("=== {} ({}): the listing says otherwise: {why}", set.name, backend.as_str());
            pair.wrong = Some(why);
        }
    }
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
                if machine::is_here() { MANY_EMULATED } else { MANY }
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
            Pair::new(set, wrong, report.unwrap_or_default())
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
    if set.is_generated() {
        for name in ["iptables-save", "ip6tables-save", "nft-ruleset"] {
            text.push_str(dumps.dumps.get(name).map_or("", |dump| &dump.text));
        }
    }
    text
}
