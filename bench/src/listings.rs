//! What one packet costs in pasted listings of a large node in ipvs mode: `ipvsadm -Sn` and `ipset save`, by the byte.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::Row;
use crate::child::callgrind;

/// Virtual servers looked at, the last of the file among them.
const SAMPLE: usize = 5;

/// The most instructions that a packet to any of a few virtual servers needs. `given` are the folder of the listings and
/// the rules of a node in ipvs mode: as many however many Services there are.
pub fn table(program: &Path, given: &[PathBuf], client: &str, rows: &mut Vec<Row>) -> Result<()> {
    let [folder, rules] = given else { bail!("the listings of IPVS, and rules, are missing") };
    let (servers, sets) = (folder.join("ipvsadm-save.txt"), folder.join("ipset-save.txt"));
    let text = std::fs::read_to_string(&servers).with_context(|| servers.display().to_string())?;
    let bytes = text.len() as f64 + std::fs::metadata(&sets)?.len() as f64;
    let cluster: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("-A -t ")?.split(' ').next())
        .filter(|address| address.starts_with("10.96."))
        .collect();
    let step = (cluster.len() / SAMPLE).max(1);
    let chosen = cluster.iter().rev().step_by(step).take(SAMPLE);
    let worst = chosen.copied().try_fold(0.0_f64, |worst, to| -> Result<f64> {
        let mut command: Vec<OsString> = vec![program.into(), "packet".into()];
        for dump in [&servers, &sets, rules] {
            command.extend(["--node-dump".into(), dump.into()]);
        }
        command.extend(["--from", client, "--to", to].map(OsString::from));
        Ok(worst.max(callgrind(&command)? / bytes))
    })?;
    rows.push(Row {
        what: format!("packet, pasted ipvsadm and ipset, worst of {SAMPLE}"),
        value: worst,
        unit: "instructions/byte",
        target: Some(25.0),
    });
    Ok(())
}
