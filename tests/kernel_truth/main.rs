//! Kernel truth: loads rule sets into network namespaces, sends real connections through them, and compares what
//! came of each with what the walk says. Needs root and the tools named below; without them it says so and is skipped,
//! or fails where `SVC_TRACE_REQUIRE` names `netns`. Arguments choose rule sets by a part of their name.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests"
)]

mod agent;
mod case;
mod compare;
mod generate;
mod matrix;
mod node;
mod shoot;
mod topology;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use case::{Backend, RuleSet};
use shoot::Pair;
use topology::World;

const TOOLS: &[&str] = &[
    "ip",
    "nsenter",
    "sysctl",
    "ipset",
    "conntrack",
    "nft",
    "iptables-nft-restore",
    "ip6tables-nft-restore",
    "iptables-legacy-restore",
    "ip6tables-legacy-restore",
];
/// What a whole run must come to at least: rule sets, pairs of a rule set and a packet, pairs of generated rule sets.
const LEAST: (usize, usize, usize) = (40, 200, 100);

fn main() -> ExitCode {
    if std::env::var_os(topology::AGENT).is_some() {
        return match agent::run() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("agent: {error}");
                ExitCode::FAILURE
            }
        };
    }
    if let Some(lacks) = lacks() {
        let required = std::env::var("SVC_TRACE_REQUIRE").is_ok_and(|list| list.split(',').any(|word| word == "netns"));
        println!("kernel_truth: {}: {lacks}", if required { "FAILED" } else { "skipped" });
        return if required { ExitCode::FAILURE } else { ExitCode::SUCCESS };
    }
    topology::sweep();
    let filters: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let sets: Vec<RuleSet> = rule_sets()
        .into_iter()
        .filter(|set| filters.is_empty() || filters.iter().any(|part| set.name.contains(part)))
        .collect();
    let start = Instant::now();
    let pairs = run(&sets);
    let failed: Vec<&Pair> = pairs.iter().filter(|pair| pair.wrong.is_some()).collect();
    for pair in failed.iter().take(20) {
        println!("{}", pair.report);
    }
    let generated = pairs.iter().filter(|pair| pair.set.starts_with("seed-")).count();
    println!(
        "kernel_truth: {} pairs over {} rule sets ({generated} of generated ones), {} failed, in {:.0?}",
        pairs.len(),
        sets.len(),
        failed.len(),
        start.elapsed()
    );
    let enough = (sets.len(), pairs.len(), generated) >= LEAST || !filters.is_empty();
    if enough && failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// All rule sets: those written by hand, the matches both ways, the generated ones.
fn rule_sets() -> Vec<RuleSet> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/kernel_truth/sets");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let written = files.into_iter().map(|path| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        RuleSet::parse(&name, &std::fs::read_to_string(&path).unwrap())
    });
    written.chain(matrix::sets()).chain(generate::SEEDS.map(generate::set)).collect()
}

/// Runs every rule set in its backends, each backend in two worlds of its own.
fn run(sets: &[RuleSet]) -> Vec<Pair> {
    let pairs = Mutex::new(Vec::new());
    let worlds = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for backend in [Backend::Nft, Backend::Legacy] {
            let jobs: Vec<&RuleSet> = sets.iter().filter(|set| set.backends.contains(&backend)).collect();
            let (pairs, worlds) = (&pairs, &worlds);
            let next = std::sync::Arc::new((AtomicUsize::new(0), jobs));
            for _ in 0..2 {
                let next = std::sync::Arc::clone(&next);
                scope.spawn(move || {
                    let mut world = None;
                    while let Some(set) = next.1.get(next.0.fetch_add(1, Ordering::Relaxed)) {
                        let here = world.get_or_insert_with(|| World::make(worlds.fetch_add(1, Ordering::Relaxed)));
                        let done = catch_unwind(AssertUnwindSafe(|| shoot::shoot(here, set, backend)));
                        let done = done.unwrap_or_else(|_| {
                            // What it left in the namespaces must not meet the next one.
                            world = None;
                            vec![Pair::broken(set, backend)]
                        });
                        pairs.lock().unwrap().extend(done);
                    }
                });
            }
        }
    });
    pairs.into_inner().unwrap()
}

/// What this machine lacks, if anything.
fn lacks() -> Option<String> {
    let uid = Command::new("id").arg("-u").output().ok()?;
    if String::from_utf8_lossy(&uid.stdout).trim() != "0" {
        return Some("needs root".to_owned());
    }
    let missing = TOOLS.iter().find(|tool| {
        Command::new(tool)
            .arg("--version")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_err()
    });
    if let Some(tool) = missing {
        return Some(format!("`{tool}` is not installed"));
    }
    let probe = Command::new("unshare").args(["--net", "true"]).stderr(Stdio::null()).status();
    (!probe.is_ok_and(|status| status.success())).then(|| "network namespaces cannot be made".to_owned())
}
