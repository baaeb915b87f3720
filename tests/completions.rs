//! The scripts in `completions/` are what the program prints.

use svc_trace::cli::ShellArg;
use svc_trace::run::completion;

#[track_caller]
fn case(shell: ShellArg, file: &str) {
    let path = format!("{}/completions/{file}", env!("CARGO_MANIFEST_DIR"));
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        stored == completion(shell),
        "`completions/{file}` is old: kubectl svc-trace completion SHELL > completions/{file}"
    );
}

#[test]
fn stored_scripts_are_the_generated_ones() {
    case(ShellArg::Bash, "kubectl-svc_trace.bash");
    case(ShellArg::Zsh, "kubectl-svc_trace.zsh");
    case(ShellArg::Fish, "kubectl-svc_trace.fish");
    case(ShellArg::Kubectl, "kubectl_complete-svc_trace");
}

/// kubectl starts the helper as it is, so it must be executable.
#[cfg(unix)]
#[test]
fn the_helper_can_be_started() {
    use std::os::unix::fs::PermissionsExt;

    let path = format!("{}/completions/kubectl_complete-svc_trace", env!("CARGO_MANIFEST_DIR"));
    let mode = std::fs::metadata(path).map(|file| file.permissions().mode()).unwrap_or_default();
    assert_eq!(mode & 0o111, 0o111);
}
