//! Kernel truth: loads rule sets into network namespaces, sends real connections through them, and compares what
//! came of each with what the walk says. Needs root, `ip`, `nsenter`, `ipset`, `conntrack` and both kinds of iptables;
//! without them it says so and is skipped, or fails where `SVC_TRACE_REQUIRE` names `netns`.

mod agent;
mod case;
mod matrix;
mod node;
mod topology;

use std::process::ExitCode;

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
    topology::sweep();
    let t = std::time::Instant::now();
    let mut w = topology::World::make(0);
    println!("made in {:?}", t.elapsed());
    let mut sets = matrix::sets(); for e in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/kernel_truth/sets")).unwrap().flatten() { let p = e.path(); sets.push(case::RuleSet::parse(p.file_stem().unwrap().to_str().unwrap(), &std::fs::read_to_string(&p).unwrap())); }
    for arg in std::env::args().skip(1) {
        if arg.ends_with(".rules") { sets = vec![case::RuleSet::parse(&arg, &std::fs::read_to_string(&arg).unwrap())]; } else {
         sets.retain(|s| s.name.contains(&arg));}
    }
        for set in sets { for &b in &set.backends {
            let t = std::time::Instant::now();
            let was = node::settings(&w, &set);
            node::load(&w, &set, b);
            let d = node::collect(&w, b);
            let shots: Vec<_> = set.packets.iter().map(|aim| (aim.place, agent::Shot { proto: aim.proto, from: aim.from, from_port: aim.from_port, to: aim.to, tries: if aim.from_port.is_some() {1} else {4}, wait_ms: 500 })).collect();
            let seens = w.fire(&shots);
            println!("{} {b:?} {:?}", set.name, t.elapsed());
            for (aim, mut seen) in set.packets.iter().zip(seens) {
                seen.sort();
                let mut c: Vec<(agent::Seen, usize)> = vec![];
                for s in seen { match c.last_mut() { Some((l, n)) if *l == s => *n += 1, _ => c.push((s, 1)) } }
                println!("  {aim}: {c:?}");
            }
            let _ = d;
            node::clear(&w, &set, b, &was);
        }
    }
    ExitCode::SUCCESS
}
