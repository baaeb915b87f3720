//! Measures the program as a whole process and prints one table: what is measured, the value, the target. Exits with 1
//! where a target is missed. `bench/run` builds, unpacks and calls it.

mod bundle;
mod check;
mod child;
mod listings;
mod services;
mod values;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use child::{callgrind, cost};
use services::Service;

/// Services looked at in the large capture, the last of the file and a node port among them.
const SAMPLE: usize = 20;
/// Rounds of everything that is timed; programs take turns, so that a busy machine is busy for both.
const ROUNDS: usize = 3;
/// A client beyond the node, as no capture has an interface of a local pod's.
const CLIENT: &str = "10.244.2.5";

fn main() -> Result<()> {
    let args: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    match args.as_slice() {
        [word, folder, count] if word.as_os_str() == "make-bundle" => {
            bundle::write(folder, count.display().to_string().parse()?)
        }
        [word, folder] if word.as_os_str() == "read-values" => values::read(folder).map(|read| println!("{read}")),
        [program, word, ipvs @ ..] if word.as_os_str() == "listings" => {
            let mut rows = Vec::new();
            listings::table(program, ipvs, CLIENT, &mut rows)?;
            print(&rows)
        }
        [program, bundle, small, large, ipvs @ ..] => table(program, bundle, small, large, ipvs),
        _ => bail!(
            "usage: svc-trace-bench PROGRAM BUNDLE SMALL-DUMP LARGE-DUMP IPVS-LISTINGS IPVS-RULES | PROGRAM listings \
             IPVS-LISTINGS IPVS-RULES | read-values FOLDER"
        ),
    }
}

/// One line of the table.
struct Row {
    what: String,
    value: f64,
    unit: &'static str,
    target: Option<f64>,
}

/// What is better the larger it is.
const MORE_IS_BETTER: [&str; 1] = ["cores"];

fn table(program: &Path, bundle: &Path, small: &Path, large: &Path, ipvs: &[PathBuf]) -> Result<()> {
    let dump = bundle.join("nodes/node-a/iptables-save.txt");
    let text = std::fs::read_to_string(&dump).with_context(|| dump.display().to_string())?;
    let bytes = text.len() as f64;
    let sample = services::sample(&text, SAMPLE)?;
    drop(text);
    let mut rows = Vec::new();

    // memory first: the peak of all children so far is what the system tells
    for service in &sample {
        cost(&packet(program, bundle, service))?;
    }
    rows.push(Row { what: "packet, peak memory".into(), value: child::peak_mib()?, unit: "MiB", target: Some(60.0) });
    check::memory(program, bundle, &mut rows)?;
    check::start(program, &mut rows)?;

    let mut worst = (0.0, String::new());
    for service in &sample {
        let per_byte = callgrind(&packet(program, bundle, service))? / bytes;
        if per_byte > worst.0 {
            worst = (per_byte, service.name.clone());
        }
    }
    rows.push(Row {
        what: format!("packet, worst of {SAMPLE} Services ({})", worst.1),
        value: worst.0,
        unit: "instructions/byte",
        target: Some(12.0),
    });

    let work = small.parent().context("no folder")?;
    check::table(program, bundle, worst.0 * bytes, work, &mut rows)?;

    let greps = Path::new(env!("CARGO_MANIFEST_DIR")).join("four-greps");
    let four = |service: &Service| vec![greps.clone().into(), dump.clone().into(), service.name.clone().into()];
    let (mut ours, mut theirs) = (0.0, 0.0);
    for _ in 0..ROUNDS {
        for service in sample.iter().filter(|service| !service.node_port) {
            ours += cost(&packet(program, bundle, service))?;
            theirs += cost(&four(service))?;
        }
    }
    let runs = (ROUNDS * sample.iter().filter(|service| !service.node_port).count()) as f64;
    rows.push(Row { what: "packet, user+system time".into(), value: 1000.0 * ours / runs, unit: "ms", target: None });
    rows.push(Row {
        what: "four greps, user+system time".into(),
        value: 1000.0 * theirs / runs,
        unit: "ms",
        target: None,
    });
    rows.push(Row { what: "packet / four greps".into(), value: ours / theirs, unit: "", target: Some(0.8) });

    let (few, many) = (worst_pasted(program, small)?, worst_pasted(program, large)?);
    rows.push(Row { what: "packet, 10,000 x 10 / 2,000 x 10".into(), value: many / few, unit: "", target: Some(5.2) });

    let own = std::env::current_exe()?;
    let reader = vec![own.into(), "read-values".into(), bundle.join("objects").into()];
    let traced = sample.first().context("no Service")?;
    let (namespace, name) = traced.name.split_once('/').context("a Service without a namespace")?;
    let name = name.split_once(':').map_or(name, |(name, _)| name);
    let trace: Vec<std::ffi::OsString> = vec![
        program.into(),
        "trace".into(),
        name.into(),
        "-n".into(),
        namespace.into(),
        "--bundle".into(),
        bundle.into(),
    ];
    let (mut ours, mut theirs) = (0.0, 0.0);
    for _ in 0..ROUNDS {
        ours += cost(&trace)?;
        theirs += cost(&reader)?;
    }
    let rounds = ROUNDS as f64;
    rows.push(Row {
        what: "trace --bundle, user+system time".into(),
        value: 1000.0 * ours / rounds,
        unit: "ms",
        target: None,
    });
    rows.push(Row {
        what: "serde_json::Value of its objects".into(),
        value: 1000.0 * theirs / rounds,
        unit: "ms",
        target: None,
    });
    rows.push(Row {
        what: "trace --bundle / serde_json::Value".into(),
        value: ours / theirs,
        unit: "",
        target: Some(2.0),
    });

    listings::table(program, ipvs, CLIENT, &mut rows)?;
    print(&rows)
}

/// The most instructions that any of a few Services needs in a pasted dump.
fn worst_pasted(program: &Path, dump: &Path) -> Result<f64> {
    let text = std::fs::read_to_string(dump).with_context(|| dump.display().to_string())?;
    let sample = services::sample(&text, 5)?;
    drop(text);
    // a dump alone does not say which addresses are the node's
    sample.iter().filter(|service| !service.node_port).try_fold(0.0_f64, |worst, service| {
        let mut command = vec![program.into(), "packet".into(), "--node-dump".into(), dump.into()];
        command.extend(service.packet(CLIENT, "192.0.2.10"));
        Ok(worst.max(callgrind(&command)?))
    })
}

fn packet(program: &Path, bundle: &Path, service: &Service) -> Vec<std::ffi::OsString> {
    let mut command = vec![program.into(), "packet".into(), "--bundle".into(), bundle.into()];
    command.extend(service.packet(CLIENT, "192.168.50.11"));
    command
}

fn print(rows: &[Row]) -> Result<()> {
    let mut missed = 0;
    println!("{:<56} {:>10} {:<18} target", "what", "value", "unit");
    for row in rows {
        let more = MORE_IS_BETTER.contains(&row.unit);
        let sign = if more { ">=" } else { "<=" };
        let verdict = match row.target.map(|target| (target * 10.0).round() / 10.0) {
            None => String::new(),
            Some(target) if (row.value >= target) == more || row.value == target => format!("{sign} {target}  ok"),
            Some(target) => {
                missed += 1;
                format!("{sign} {target}  MISSED")
            }
        };
        println!("{:<56} {:>10.2} {:<18} {verdict}", row.what, row.value, row.unit);
    }
    if missed > 0 {
        bail!("{missed} targets missed");
    }
    Ok(())
}
