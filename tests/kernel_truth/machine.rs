//! The machine for what this kernel may not have (IPVS): `../shared/vm` boots it, and this very binary runs in it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Variable that says that this process is inside.
const INSIDE: &str = "SVC_TRACE_KERNEL_TRUTH_MACHINE";
/// Seconds that the machine may take: it is emulated.
const LIMIT: &str = "900";

/// That of busybox, which the machine has, runs programs of busybox where there are better ones.
const NSENTER: &str = "/usr/bin/nsenter";

/// Whether this process runs in the machine.
pub(crate) fn is_here() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// What boots it, if it is there.
pub(crate) fn runner() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/vm/run");
    path.is_file().then_some(path)
}

/// Runs this binary in the machine with these arguments; its output is ours. Whether it found all well.
pub(crate) fn run(runner: &Path, arguments: &[String]) -> bool {
    let folder = std::env::temp_dir().join(format!("svctrace-machine-{}", std::process::id()));
    let binary = folder.join("kernel_truth");
    std::fs::create_dir_all(&folder).unwrap();
    // Debug information is most of it, and all of it is carried into the machine's memory.
    let stripped = Command::new("strip").arg("-o").arg(&binary).arg(std::env::current_exe().unwrap()).status();
    assert!(stripped.is_ok_and(|status| status.success()), "`strip` failed");
    let script = folder.join("script");
    std::fs::write(&script, SCRIPT.replace("ARGUMENTS", &arguments.join(" "))).unwrap();
    let mut command = Command::new(runner);
    command.args(["-t", LIMIT, "-m", "2560", "-e", &format!("{INSIDE}=1")]).arg(&script).arg(&binary).arg(NSENTER);
    let mut carried = libraries(&binary);
    carried.extend(libraries(Path::new(NSENTER)));
    carried.sort();
    carried.dedup();
    let status = command.args(carried).stdin(Stdio::null()).status();
    // Left to the system's own cleaning where it cannot be removed.
    let _left = std::fs::remove_dir_all(&folder);
    status.is_ok_and(|status| status.success())
}

/// Shared libraries that the machine may not have.
fn libraries(binary: &Path) -> Vec<String> {
    let listed = Command::new("ldd").arg(binary).output().unwrap();
    String::from_utf8_lossy(&listed.stdout)
        .split_whitespace()
        .filter(|word| word.starts_with('/') && word.contains(".so") && !word.contains("ld-linux"))
        .map(str::to_owned)
        .collect()
}

const SCRIPT: &str = "#!/bin/bash
chmod 755 kernel_truth nsenter
modprobe -a ip_vs ip_vs_rr dummy br_netfilter
export LD_LIBRARY_PATH=/in PATH=/in:$PATH
exec ./kernel_truth ARGUMENTS
";
