//! The command line as people meet it: words, exit codes, pipes. `TRYCMD=overwrite` takes over what is printed now.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::io::Read;
use std::process::{Command, Stdio};

/// What is printed, word for word.
#[test]
fn words_and_exit_codes() {
    trycmd::TestCases::new()
        .env("KUBECONFIG", "/nonexistent/kubeconfig")
        .env("NO_COLOR", "1")
        .case("tests/cmd/*.trycmd");
}

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-svc_trace"));
    command.env("KUBECONFIG", "/nonexistent/kubeconfig").env_remove("CLICOLOR_FORCE").env_remove("NO_COLOR");
    command
}

/// `| head`: a reader that goes away is no failure, and nothing is said of it.
#[test]
fn a_reader_may_go_away() {
    let mut child =
        program().args(["demo", "-o", "wide"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!((child.wait().unwrap().code(), said.as_str()), (Some(0), ""));
}

#[test]
fn colour_is_decided_once() {
    #[track_caller]
    fn case(args: &[&str], environment: &[(&str, &str)], coloured: bool) {
        let output = program().args(args).envs(environment.iter().copied()).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout).contains('\u{1b}'), coloured, "{args:?} {environment:?}");
        assert_eq!(output.stderr, b"");
    }
    case(&["demo"], &[], false);
    case(&["demo", "--color", "always"], &[], true);
    case(&["demo", "--color", "always"], &[("NO_COLOR", "1")], true);
    case(&["demo"], &[("CLICOLOR_FORCE", "1")], true);
    case(&["demo"], &[("CLICOLOR_FORCE", "0")], false);
    case(&["demo"], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false);
    case(&["demo", "--color=never"], &[("CLICOLOR_FORCE", "1")], false);
    case(&["demo", "-o", "json"], &[("CLICOLOR_FORCE", "1")], false);
}

#[test]
fn json_is_one_document_and_the_same_each_time() {
    let print = || program().args(["demo", "nodeport", "-o", "json"]).output().unwrap().stdout;
    let first = print();
    let document: serde_json::Value = serde_json::from_slice(&first).unwrap();
    assert_eq!(document.get("schema").and_then(serde_json::Value::as_str), Some("svc-trace/v1"));
    assert_eq!(first, print());
}

/// Beside the report on standard output, the same one in other forms in files.
#[test]
fn reports_are_written_to_files() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.json");
    let report = format!("json={}", file.display());
    let output = program().args(["demo", "selector-typo", "--report", &report]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let document: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(document.get("verdict").and_then(serde_json::Value::as_str), Some("findings"));
    let nowhere = format!("json={}", folder.path().join("no/such/folder.json").display());
    let output = program().args(["demo", "--report", &nowhere]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    // the answer is told all the same
    assert!(String::from_utf8_lossy(&output.stdout).contains("Service   default/echo"), "{output:?}");
    // and no cluster is asked for one that has no place to go: there is no kubeconfig, which would be told else
    let folder = folder.path().join("no/such/baseline");
    let baseline = folder.to_str().unwrap();
    for words in [
        &["web", "--report", &nowhere][..],
        &["dns", "--report", &nowhere],
        &["check", "--report", &nowhere],
        &["check", "--write-baseline", baseline],
    ] {
        let output = program().args(words).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && said.starts_with("error: cannot write `"), "{words:?} {said}");
    }
}

/// A bundle has a place of its own, which is looked at before a cluster is.
#[test]
fn no_cluster_is_read_into_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("x"), "").unwrap();
    let taken = folder.path().to_str().unwrap();
    for words in [&["collect", "-d", taken][..], &["dns", "--save", taken], &["check", "--save", taken]] {
        let output = program().args(words).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && said.contains("is not empty"), "{words:?} {said}");
    }
}

#[test]
fn every_demo_says_that_it_is_one_and_fits() {
    for demo in svc_trace::demo::SCENARIOS {
        for extra in [&[][..], &["--ascii"], &["-o", "wide"], &["--width", "60"]] {
            let output = program().arg("demo").arg(demo.name).args(extra).output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            assert!(text.starts_with(&format!("Demo {}: ", demo.name)), "{text}");
            let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(flat.contains("No cluster was asked."), "{text}");
            let width = if extra.contains(&"60") { 60 } else { 80 };
            for line in text.lines() {
                let copied = line.trim_start().starts_with(['\'', '[']) || line.contains("next:");
                assert!(line.chars().count() <= width || copied, "{} {extra:?}: {line}", demo.name);
            }
            let healthy = ["healthy", "nodeport", "affinity"].contains(&demo.name);
            assert_eq!(output.status.code(), Some(i32::from(!healthy)), "{}", demo.name);
        }
    }
}
