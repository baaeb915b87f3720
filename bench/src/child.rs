//! Runs a program and says what it cost: CPU time, instructions, peak memory. Knows nothing of what it runs.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

/// User and system time in seconds of one run.
pub fn cost(command: &[OsString]) -> Result<f64> {
    let before = spent()?;
    run(command)?;
    Ok(spent()? - before)
}

/// The largest resident set of any child so far.
pub fn peak_mib() -> Result<f64> {
    // Linux counts in KiB, getrusage(2)
    Ok(getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss() as f64 / 1024.0)
}

/// Instructions of one run, of all its threads.
pub fn callgrind(command: &[OsString]) -> Result<f64> {
    let file = std::env::temp_dir().join(format!("svc-trace-bench.{}", std::process::id()));
    let mut out = OsString::from("--callgrind-out-file=");
    out.push(&file);
    let mut whole = vec!["valgrind".into(), "--tool=callgrind".into(), out];
    whole.extend_from_slice(command);
    let output = run(&whole)?;
    std::fs::remove_file(&file).with_context(|| file.display().to_string())?;
    let log = String::from_utf8_lossy(&output.stderr);
    let collected =
        log.lines().find_map(|line| line.split_once("Collected : ")).context("callgrind counted nothing")?;
    Ok(collected.1.trim().parse::<u64>()? as f64)
}

fn run(command: &[OsString]) -> Result<Output> {
    let (program, args) = command.split_first().context("no program")?;
    let output = Command::new(program).args(args).stdin(Stdio::null()).output()?;
    // 1 and 3 are answers too: findings, not all could be checked
    match output.status.code() {
        Some(0 | 1 | 3) if !output.stdout.is_empty() => Ok(output),
        _ => bail!(
            "{} {:?}: {}\n{}",
            Path::new(program).display(),
            args,
            output.status,
            String::from_utf8_lossy(&output.stderr)
        ),
    }
}

fn spent() -> Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let seconds = |time: TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    Ok(seconds(usage.user_time()) + seconds(usage.system_time()))
}
