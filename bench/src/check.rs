//! What a check of many Services costs: beside one packet on the same node, by the number of Services, and in memory.

use std::ffi::OsString;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::child::{callgrind, cost, peak_mib};
use crate::{Row, bundle};

/// Numbers of Services that are compared.
const SIZES: [usize; 4] = [500, 2_000, 5_000, 10_000];

/// Runs that the time is taken of.
const TRIES: usize = 5;
/// Of two cores: objects are read by one.
const CORES: f64 = 1.2;

/// As a node prints them that nobody has programmed.
const NO_RULES: &str = "\
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
COMMIT
";

/// `services` are all of them (`-A`), or one by its name.
fn check(program: &Path, bundle: &Path, suite: &str, services: &str) -> Vec<OsString> {
    let words = ["check", "--suite", suite, "-o", "human", "--bundle"];
    let mut command: Vec<OsString> = vec![program.into()];
    command.extend(words.map(OsString::from));
    command.push(bundle.into());
    command.push(services.into());
    command
}

/// Namespace and name of one Service of a bundle.
fn one_of(bundle: &Path) -> Result<String> {
    let text = std::fs::read_to_string(bundle.join("objects/services.json"))?;
    let list: serde_json::Value = serde_json::from_str(&text)?;
    let of = |key: &str| list.pointer(&format!("/items/0/metadata/{key}")).and_then(serde_json::Value::as_str);
    let (namespace, name) = of("namespace").zip(of("name")).context("no Service in the bundle")?;
    Ok(format!("{namespace}/{name}"))
}

fn size(folder: &Path) -> Result<f64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        bytes += entry?.metadata()?.len();
    }
    Ok(bytes as f64 / (1024.0 * 1024.0))
}

/// A bundle again, of a node without rules.
fn without_rules(bundle: &Path, folder: &Path) -> Result<()> {
    let (objects, node) = (Path::new("objects"), Path::new("nodes/node-a"));
    for part in [objects, node] {
        std::fs::create_dir_all(folder.join(part))?;
        for entry in std::fs::read_dir(bundle.join(part))? {
            let entry = entry?;
            std::fs::copy(entry.path(), folder.join(part).join(entry.file_name()))?;
        }
    }
    std::fs::copy(bundle.join("bundle.json"), folder.join("bundle.json"))?;
    std::fs::write(folder.join(node).join("iptables-save.txt"), NO_RULES)?;
    Ok(())
}

/// Peak memory; asked before anything larger is run.
pub fn memory(program: &Path, large: &Path, rows: &mut Vec<Row>) -> Result<()> {
    cost(&check(program, large, "dataplane", "-A"))?;
    let limit = 4.0 * size(&large.join("nodes/node-a"))? + 2.0 * size(&large.join("objects"))?;
    rows.push(Row {
        what: "check, peak memory (4 x dump + 2 x objects)".into(),
        value: peak_mib()?,
        unit: "MiB",
        target: Some(limit),
    });
    Ok(())
}

/// Instructions, beside those of one packet in the same dump, and time.
pub fn table(program: &Path, large: &Path, packet: f64, work: &Path, rows: &mut Vec<Row>) -> Result<()> {
    let all = callgrind(&check(program, large, "dataplane", "-A"))?;
    // the same check of one Service, of a node without rules: what it needs of the objects is read, and all but nothing
    // is left to do
    let bare = work.join("without-rules");
    without_rules(large, &bare)?;
    let reading = callgrind(&check(program, &bare, "dataplane", &one_of(large)?))?;
    std::fs::remove_dir_all(&bare)?;
    rows.push(Row {
        what: "check of 5,000 x 10 less reading / one packet".into(),
        value: (all - reading) / packet,
        unit: "",
        target: Some(10.0),
    });
    let mut each = Vec::new();
    for count in SIZES {
        let folder = work.join(format!("check-{count}"));
        bundle::write(&folder, count)?;
        let per_service = callgrind(&check(program, &folder, "dataplane", "-A"))? / count as f64;
        rows.push(Row {
            what: format!("check of {count} x 10, each Service"),
            value: per_service / 1000.0,
            unit: "k instructions",
            target: None,
        });
        each.push(per_service);
        std::fs::remove_dir_all(&folder)?;
    }
    let (least, most) = each.iter().fold((f64::MAX, 0.0_f64), |(least, most), one| (least.min(*one), most.max(*one)));
    rows.push(Row {
        what: "check, dearest / cheapest of these".into(),
        value: most / least,
        unit: "",
        target: Some(1.3),
    });
    // what else runs on the machine takes cores away: the best of some tries is the program's own
    let mut cores = 0.0_f64;
    for _ in 0..TRIES {
        let began = Instant::now();
        let spent = cost(&check(program, large, "dataplane", "-A"))?;
        cores = cores.max(spent / began.elapsed().as_secs_f64());
    }
    rows.push(Row {
        what: "check, user+system time / time".into(),
        value: cores,
        unit: "cores",
        target: std::thread::available_parallelism().is_ok_and(|cores| cores.get() > 1).then_some(CORES),
    });
    Ok(())
}

/// What every start costs, and what is carried about.
pub fn start(program: &Path, rows: &mut Vec<Row>) -> Result<()> {
    for words in [&["--help"][..], &["completion", "bash"], &["__complete", "we"]] {
        let mut command: Vec<OsString> = vec![program.into()];
        command.extend(words.iter().map(OsString::from));
        let mut best = f64::MAX;
        for _ in 0..10 {
            best = best.min(cost(&command)?);
        }
        rows.push(Row { what: words.join(" "), value: best * 1000.0, unit: "ms", target: Some(15.0) });
    }
    let bytes = std::fs::metadata(program)?.len() as f64;
    rows.push(Row { what: "the program".into(), value: bytes / 1e6, unit: "MB", target: Some(12.0) });
    Ok(())
}
