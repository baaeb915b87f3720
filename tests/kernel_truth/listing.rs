//! The rules that a node holds, listed for people (`iptables -nvL`), must come to the same as when they are saved, or to
//! nothing.

use std::fmt::Write;
use std::sync::atomic::{AtomicUsize, Ordering};

use svc_trace::collect::pasted;
use svc_trace::collect::snapshot::NodeDumps;
use svc_trace::dataplane::plane::{Family, Plane};
use svc_trace::walk::walk;

use crate::case::{Backend, Languages, RuleSet};
use crate::compare::packet;
use crate::topology::{NODE, World, addresses, run};

#[path = "../listings/compare.rs"]
mod compare;

use compare::{Listed, compare};

/// Packets of which the listing says the same as the saved rules, and of which it says nothing.
pub(crate) static SAME: AtomicUsize = AtomicUsize::new(0);
pub(crate) static UNDECIDED: AtomicUsize = AtomicUsize::new(0);

/// For each packet of a rule set what the listing says otherwise, if it does.
pub(crate) fn differs(world: &World, set: &RuleSet, backend: Backend, saved: &NodeDumps) -> Vec<Option<String>> {
    if set.languages() != Languages::Iptables {
        return Vec::new();
    }
    let text = list(world, backend, saved);
    if text.is_empty() {
        return Vec::new();
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &text).unwrap();
    let mut dumps = saved.clone();
    // whoever pastes a listing pastes that
    dumps.dumps.retain(|name, _| !name.ends_with("tables-save") && name != "nft-ruleset");
    dumps.dumps.extend(pasted::read(&[file.path().to_owned()]).unwrap().dumps);
    let own = addresses(NODE);
    let (one, other) = (Plane::new("node", saved, &own), Plane::new("node", &dumps, &own));
    set.packets
        .iter()
        .map(|aim| {
            let packet = packet(aim);
            let rules = other.rules(Family::of(aim.to.ip()));
            if rules.rulesets.is_empty() {
                return None; // no rule of this family, and so no listing
            }
            match compare(&walk(&one, &packet), &walk(&other, &packet), rules.condition()) {
                Listed::Same => {
                    SAME.fetch_add(1, Ordering::Relaxed);
                    None
                }
                Listed::Undecided => {
                    UNDECIDED.fetch_add(1, Ordering::Relaxed);
                    None
                }
                Listed::Other(why) => Some(format!("{aim}: {why}\n{text}")),
            }
        })
        .collect()
}

/// All tables that are there, as a person pastes them.
fn list(world: &World, backend: Backend, saved: &NodeDumps) -> String {
    let mut out = String::new();
    for family in ["iptables", "ip6tables"] {
        let Some(dump) = saved.dumps.get(&format!("{family}-save")) else { continue };
        for table in dump.text.lines().filter_map(|line| line.strip_prefix('*')) {
            let program = format!("{family}-{}", backend.as_str());
            let text = run(world.on_node(&program).args(["-w", "-t", table, "-nvL"]));
            let _ = writeln!(out, "# {program} -t {table} -nvL\n{text}");
        }
    }
    out
}
