//! What is damaged, endless or meant to harm gets a clear word: never a panic, never a verdict of health, and nothing
//! that steers a terminal.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

const PROGRAM: &str = env!("CARGO_BIN_EXE_kubectl-svc_trace");
const DUMP: &str = "nodes/node-a/iptables-save.txt";

/// A copy of a healthy bundle.
fn bundle() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios/clusterip"), folder.path());
    folder
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn trace(bundle: &Path) -> Output {
    Command::new(PROGRAM).args(["web", "--bundle"]).arg(bundle).output().unwrap()
}

/// The program said what is the matter, in clean text, and did not say that all is well.
#[track_caller]
fn told(output: &Output, exit: &[i32], word: &str) {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let said = format!("{out}{err}");
    let code = output.status.code();
    assert!(code.is_some_and(|code| exit.contains(&code)), "exit {code:?}: {said}");
    assert!(!said.contains("panicked"), "{said}");
    assert!(said.contains(word), "no `{word}` in: {said}");
    assert!(!said.chars().any(|c| c.is_control() && c != '\n'), "{said:?}");
}

/// The dump of the healthy bundle, changed.
#[track_caller]
fn dump(change: impl FnOnce(String) -> Vec<u8>, exit: &[i32], word: &str) {
    let folder = bundle();
    let file = folder.path().join(DUMP);
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, change(text)).unwrap();
    told(&trace(folder.path()), exit, word);
}

/// A list of the healthy bundle, changed.
#[track_caller]
fn objects(list: &str, change: impl FnOnce(&mut Value), exit: &[i32], word: &str) {
    let folder = bundle();
    let file: PathBuf = folder.path().join("objects").join(list);
    let mut value: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    change(&mut value);
    fs::write(&file, value.to_string()).unwrap();
    told(&trace(folder.path()), exit, word);
}

#[test]
fn the_bundle_is_healthy_as_it_is() {
    told(&trace(bundle().path()), &[0], "all 3 endpoints");
}

#[test]
fn an_empty_dump_serves_nothing() {
    dump(|_| Vec::new(), &[1, 3], "node-a");
}

#[test]
fn a_dump_that_ends_early_is_cut() {
    dump(|text| text.as_bytes()[..text.len() / 2].to_vec(), &[1, 3], "iptables-save");
    dump(|text| text.trim_end().trim_end_matches("# Completed").trim_end_matches("COMMIT").into(), &[0, 3], "web");
}

#[test]
fn rubbish_is_no_dump() {
    let rubbish = || (0..200_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    dump(|_| rubbish(), &[1, 3], "iptables-save");
    dump(|text| [text.into_bytes(), rubbish()].concat(), &[3], "iptables-save");
}

#[test]
fn a_line_of_100_megabytes_is_a_line() {
    let long = "x".repeat(100_000_000);
    dump(|text| text.replacen("*nat\n", &format!("*nat\n{long}\n"), 1).into_bytes(), &[3], "cannot be read");
    dump(
        |text| {
            text.replacen("-A KUBE-SERVICES ", &format!("-A KUBE-SERVICES -m {long} -j DROP\n-A KUBE-SERVICES "), 1)
                .into()
        },
        &[3],
        "depends on iptables-save line",
    );
}

#[test]
fn a_rule_that_is_too_long_is_named_with_the_reason() {
    let folder = bundle();
    let file = folder.path().join(DUMP);
    let rule = format!("-A KUBE-SERVICES -m {} -j DROP\n-A KUBE-SERVICES ", "x".repeat(100_000));
    let text = fs::read_to_string(&file).unwrap().replacen("-A KUBE-SERVICES ", &rule, 1);
    fs::write(&file, text).unwrap();
    let output = Command::new(PROGRAM).args(["web", "-o", "json", "--bundle"]).arg(folder.path()).output().unwrap();
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    let issue = &said["issues"][0];
    assert!(issue["message"].as_str().unwrap().contains("it is longer than any rule"), "{issue}");
    assert!(issue["text"].as_str().unwrap().starts_with("-A KUBE-SERVICES -m xxx"), "{issue}");
    assert_eq!(said["verdict"], "incomplete");
}

#[test]
fn comments_steer_no_terminal() {
    let steering = "\u{1b}[2J\u{1b}]0;gone\u{7}\u{9b}31m\u{202e}";
    let folder = bundle();
    let file = folder.path().join(DUMP);
    let text = fs::read_to_string(&file).unwrap().replace("default/web:http", &format!("default/{steering}web:http"));
    fs::write(&file, text).unwrap();
    for format in [&["-o", "wide"][..], &["-o", "human"], &["-o", "json"]] {
        let output = Command::new(PROGRAM).args(["web", "--bundle"]).arg(folder.path()).args(format).output().unwrap();
        told(&output, &[0], "web");
        assert!(!String::from_utf8_lossy(&output.stdout).contains('\u{202e}'), "{format:?}");
    }
}

#[test]
fn names_steer_no_terminal() {
    let pod = |value: &mut Value| {
        for slice in value["items"].as_array_mut().unwrap() {
            for endpoint in slice["endpoints"].as_array_mut().unwrap() {
                endpoint["targetRef"]["name"] = json!("pod\u{1b}[31m\nerror: no");
                endpoint["nodeName"] = json!("node\u{7}");
            }
        }
    };
    objects("endpointslices.json", pod, &[0, 1, 3], "web");
}

#[test]
fn objects_without_their_fields_promise_nothing() {
    objects("services.json", |list| list["items"][0]["spec"] = json!({}), &[3], "web");
    objects("services.json", |list| list["items"][0]["spec"] = json!(7), &[2, 3], "services");
    objects("services.json", |list| list["items"] = json!("none"), &[2, 3], "services");
    objects("endpointslices.json", |list| list["items"] = json!([{}, null, 7]), &[1, 3], "web");
    objects(
        "endpointslices.json",
        |list| list["items"][0]["endpoints"] = json!([{"addresses": ["no address", "", 7]}, {}]),
        &[1, 3],
        "web",
    );
}
