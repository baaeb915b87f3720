//! Kernel truth: loads rule sets into network namespaces, sends real connections through them, and compares what
//! came of each with what the walk says. Needs root and the tools named below; without them it says so and is skipped,
//! or fails where `SVC_TRACE_REQUIRE` names `netns`. What needs IPVS runs in the machine of `../shared/vm` (`ipvs`).
//! Arguments choose rule sets by a part of their name.
#![allow(clippy::similar_names, clippy::format_collect, clippy::semicolon_if_nothing_returned, reason = "tests")]
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
mod generate_nft;
mod ipvs;
mod listing;
mod machine;
mod matrix;
mod node;
mod shoot;
mod topology;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use case::{Backend, Kind, Languages, RuleSet};
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
    let filters: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let good = if machine::is_here() {
        judge(&chosen(ipvs::sets().collect(), &filters), &filters, &[Part::IPVS])
    } else {
        [here(&filters), in_machine(&filters)] == [true, true]
    };
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What runs in this kernel. Whether all is well.
fn here(filters: &[String]) -> bool {
    let sets = chosen(rule_sets(), filters);
    if sets.is_empty() {
        return true;
    }
    if let Some(lacks) = lacks() {
        return skip("netns", &lacks);
    }
    topology::sweep();
    judge(&sets, filters, &[Part::IPTABLES, Part::NFTABLES, Part::BOTH])
}

/// What needs a kernel with IPVS. Whether all is well.
fn in_machine(filters: &[String]) -> bool {
    if chosen(ipvs::sets().collect(), filters).is_empty() {
        return true;
    }
    match (lacks(), machine::runner()) {
        (Some(lacks), _) => skip("ipvs", &lacks),
        (None, None) => skip("ipvs", "../shared/vm is not there"),
        (None, Some(runner)) => machine::run(&runner, filters),
    }
}

/// Says that a layer is skipped. Whether that is well.
fn skip(layer: &str, lacks: &str) -> bool {
    let required = std::env::var("SVC_TRACE_REQUIRE").is_ok_and(|list| list.split(',').any(|word| word == layer));
    println!("kernel_truth ({layer}): {}: {lacks}", if required { "FAILED" } else { "skipped" });
    !required
}

fn chosen(sets: Vec<RuleSet>, filters: &[String]) -> Vec<RuleSet> {
    let wanted = |set: &RuleSet| filters.is_empty() || filters.iter().any(|part| set.name.contains(part));
    sets.into_iter().filter(wanted).collect()
}

/// Some of the rule sets, and what they must come to at least where all are run.
struct Part {
    words: &'static str,
    holds: fn(&Kind) -> bool,
    sets: usize,
    pairs: usize,
    generated: usize,
}

impl Part {
    const IPTABLES: Self = Self {
        words: "iptables alone",
        holds: |kind| kind.languages == Languages::Iptables,
        sets: 40,
        pairs: 200,
        generated: 100,
    };
    const NFTABLES: Self = Self {
        words: "nftables",
        holds: |kind| kind.languages != Languages::Iptables,
        sets: 40,
        pairs: 200,
        generated: 100,
    };
    const BOTH: Self = Self {
        words: "of these, both languages",
        holds: |kind| kind.languages == Languages::Both,
        sets: 30,
        pairs: 100,
        generated: 50,
    };
    const IPVS: Self = Self { words: "IPVS", holds: |_| true, sets: 15, pairs: 60, generated: 0 };

    /// Whether there is enough of it; says how much there is.
    fn is_enough(&self, sets: &[RuleSet], pairs: &[Pair]) -> bool {
        let count = sets.iter().filter(|set| (self.holds)(&set.kind())).count();
        let mine: Vec<&Pair> = pairs.iter().filter(|pair| (self.holds)(&pair.kind)).collect();
        let generated = mine.iter().filter(|pair| pair.kind.generated).count();
        println!(
            "kernel_truth: {}: {} pairs over {count} rule sets ({generated} of generated ones)",
            self.words,
            mine.len()
        );
        count >= self.sets && mine.len() >= self.pairs && generated >= self.generated
    }
}

/// Runs rule sets and says what came of them. Whether all is well.
fn judge(sets: &[RuleSet], filters: &[String], parts: &[Part]) -> bool {
    let start = Instant::now();
    let pairs = run(sets);
    let failed: Vec<&Pair> = pairs.iter().filter(|pair| pair.wrong.is_some()).collect();
    for pair in failed.iter().take(if filters.is_empty() { 20 } else { usize::MAX }) {
        println!("{}", pair.report);
    }
    let short = parts.iter().filter(|part| !part.is_enough(sets, &pairs)).count();
    println!(
        "kernel_truth: {} pairs over {} rule sets, {} failed, in {:.0?}",
        pairs.len(),
        sets.len(),
        failed.len(),
        start.elapsed()
    );
    let listed = [&listing::SAME, &listing::UNDECIDED].map(|count| count.load(Ordering::Relaxed));
    if listed != [0, 0] {
        println!("kernel_truth: listed for people: {} as when saved, {} undecided", listed[0], listed[1]);
    }
    let few = parts.iter().any(|part| part.words == Part::IPTABLES.words) && listed[0] < 1000;
    failed.is_empty() && (short == 0 && !few || !filters.is_empty())
}

/// Seeds to run instead of all that is usually run: `100..300`.
const SEEDS: &str = "SVC_TRACE_SEEDS";

/// All rule sets: those written by hand, the matches both ways, the generated ones.
fn rule_sets() -> Vec<RuleSet> {
    if let Ok(text) = std::env::var(SEEDS) {
        let (first, end) = text.split_once("..").expect("FIRST..END");
        let seeds = first.parse::<u64>().unwrap()..end.parse::<u64>().unwrap();
        return seeds.clone().map(generate::set).chain(seeds.map(generate_nft::set)).collect();
    }
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/kernel_truth/sets");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let written = files.into_iter().map(|path| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        RuleSet::parse(&name, &std::fs::read_to_string(&path).unwrap())
    });
    written
        .chain(matrix::sets())
        .chain(generate::SEEDS.map(generate::set))
        .chain(generate_nft::SEEDS.map(generate_nft::set))
        .collect()
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
