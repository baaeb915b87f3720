//! What README.md shows is what the program says: the demos, and the tables of codes; and so does docs/findings.md. With `SVC_TRACE_UPDATE=1` the
//! file is rewritten instead.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::path::Path;
use std::process::Command;

use svc_trace::report::Code;

/// The Markdown of what stands between `<!-- NAME -->` and `<!-- end of NAME -->`, replaced by `new`.
fn replaced(readme: &str, name: &str, new: &str) -> String {
    let (start, end) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->"));
    let (before, rest) = readme.split_once(&start).unwrap_or_else(|| panic!("README.md has no {start}"));
    let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("README.md has no {end}"));
    format!("{before}{start}{new}{end}{after}")
}

/// What a command prints, as a block of Markdown with the command above it.
fn shown(args: &[&str]) -> String {
    let program = env!("CARGO_BIN_EXE_kubectl-svc_trace");
    let output = Command::new(program).args(args).args(["--width", "80", "--color", "never"]).output().unwrap();
    assert!(matches!(output.status.code(), Some(0 | 1)), "{}", String::from_utf8_lossy(&output.stderr));
    format!("```console\n$ kubectl svc-trace {}\n{}```\n", args.join(" "), String::from_utf8(output.stdout).unwrap())
}

fn table(kinds: &[&str]) -> String {
    let mut table = String::from("| code | what it means | severity |\n| --- | --- | --- |\n");
    for code in Code::ALL {
        if kinds.contains(&format!("{:?}", code.kind()).as_str()) {
            let severity = if kinds.contains(&"Finding") { code.severity().as_str() } else { "-" };
            table.push_str(&format!("| `{code}` | {} | {severity} |\n", code.meaning()));
        }
    }
    table
}

#[test]
fn the_readme_shows_what_the_program_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let mut fresh = readme.clone();
    for (name, text) in [
        ("healthy", shown(&["demo", "healthy"])),
        ("stale", shown(&["demo", "stale-endpoint"])),
        ("findings", table(&["Finding"])),
        (
            "gaps",
            table(&["Gap", "Issue"])
                .replace(" | severity |", " |")
                .replace(" | - |", " |")
                .replace("| --- | --- | --- |", "| --- | --- |"),
        ),
    ] {
        fresh = replaced(&fresh, name, &text);
    }
    if std::env::var_os("SVC_TRACE_UPDATE").is_some() {
        std::fs::write(&path, &fresh).unwrap();
        return;
    }
    let differs = readme.lines().zip(fresh.lines()).position(|(old, new)| old != new);
    assert!(
        readme == fresh,
        "README.md is out of date from line {}: SVC_TRACE_UPDATE=1 cargo test --test readme",
        differs.map_or(0, |line| line + 1)
    );
}

#[test]
fn the_book_of_findings_is_what_explain_prints() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/findings.md");
    let program = env!("CARGO_BIN_EXE_kubectl-svc_trace");
    let output = Command::new(program).args(["explain", "--all", "-o", "markdown"]).output().unwrap();
    let fresh = String::from_utf8(output.stdout).unwrap();
    assert!(fresh.starts_with("# "), "{}", String::from_utf8_lossy(&output.stderr));
    if std::env::var_os("SVC_TRACE_UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &fresh).unwrap();
        return;
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == fresh, "docs/findings.md is out of date: SVC_TRACE_UPDATE=1 cargo test --test readme");
}

/// Files that README.md leads to are there.
#[test]
fn the_readmes_links_lead_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let links: Vec<&str> = readme.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    assert!(!links.is_empty());
    for link in links.into_iter().filter(|link| !link.starts_with("https://") && !link.starts_with('#')) {
        assert!(root.join(link).exists(), "{link}");
    }
}

/// Somebody else's image runs with every right on a node: wherever people look before they allow that, it stands.
#[test]
fn the_third_partys_image_is_named_everywhere() {
    let of = |path: &str| std::fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let help = long_help();
    let said = |text: &str| text.contains(svc_trace::collect::config::FALLBACK_IMAGE);
    assert!(said(&of("README.md")) && said(&of("deploy/debug-pod-sysadmin.yaml")) && said(&help), "{help}");
}

/// `trace --help` in one line.
fn long_help() -> String {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_kubectl-svc_trace")).args(["trace", "--help"]).output();
    String::from_utf8(output.unwrap().stdout).unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
}
