//! The manifest for krew keeps krew's rules, the archives are what it says, and kubectl finds what is unpacked. Rules:
//! krew's "Writing Krew plugin manifests" and "Submitting plugins to Krew".
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::read::GzDecoder;
use serde::Deserialize;
use sha2::{Digest, Sha256};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Manifest {
    api_version: String,
    kind: String,
    metadata: Metadata,
    spec: Spec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Spec {
    version: String,
    homepage: String,
    short_description: String,
    description: String,
    caveats: String,
    platforms: Vec<Platform>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Platform {
    selector: Selector,
    uri: String,
    sha256: String,
    files: Vec<Operation>,
    bin: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Selector {
    match_labels: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Operation {
    from: String,
    to: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn text() -> String {
    std::fs::read_to_string(root().join("krew-manifest.yaml")).unwrap()
}

fn manifest() -> Manifest {
    serde_saphyr::from_str(&text()).unwrap()
}

/// Where `packaging/dist` puts the archive of a platform, if it was built here.
fn archive(platform: &Platform) -> Option<PathBuf> {
    let path = root().join("dist").join(platform.uri.rsplit('/').next().unwrap());
    path.exists().then_some(path)
}

/// A line that the test runner does not keep to itself.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "krew: {line}");
}

fn unpack(path: &Path) -> tar::Archive<GzDecoder<File>> {
    tar::Archive::new(GzDecoder::new(File::open(path).unwrap()))
}

/// Semantic version 2.0.0 without build metadata, after the `v` that krew wants.
fn is_version(text: &str) -> bool {
    let Some(text) = text.strip_prefix('v') else { return false };
    let (numbers, pre) = text.split_once('-').map_or((text, None), |(numbers, pre)| (numbers, Some(pre)));
    let numbers: Vec<&str> = numbers.split('.').collect();
    let plain = |part: &&str| part.parse::<u32>().is_ok_and(|number| number.to_string() == **part);
    let word = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    numbers.len() == 3 && numbers.iter().all(plain) && pre.is_none_or(|pre| pre.split('.').all(word))
}

#[test]
fn versions_are_told_from_other_words() {
    for good in ["v0.1.0", "v1.20.3", "v1.0.0-rc.1"] {
        assert!(is_version(good), "{good}");
    }
    for bad in ["0.1.0", "v1.0", "v01.0.0", "v1.0.0.0", "v1.0.x", "v1.0.0-", "v"] {
        assert!(!is_version(bad), "{bad}");
    }
}

#[test]
fn the_manifest_keeps_krews_rules() {
    let Manifest { api_version, kind, metadata, spec } = manifest();
    assert_eq!(api_version, "krew.googlecontainertools.github.com/v1alpha2");
    assert_eq!(kind, "Plugin");
    // the file in krew's index is named after the plugin, and `-` becomes `_` in the program's name
    assert_eq!(metadata.name, "svc-trace");
    assert!(is_version(&spec.version), "{}", spec.version);
    assert_eq!(spec.version, concat!("v", env!("CARGO_PKG_VERSION")));
    assert!(spec.homepage.starts_with("https://"));

    let short = &spec.short_description;
    assert!((1..=50).contains(&short.chars().count()), "{short}");
    assert!(!short.contains(['\r', '\n']) && !short.ends_with('.'), "{short}");
    assert!(short.chars().next().unwrap().is_uppercase(), "{short}");
    assert!(!short.to_lowercase().contains("kubectl"), "{short}");
    for prose in [&spec.description, &spec.caveats] {
        assert!(prose.lines().all(|line| line.chars().count() <= 80), "{prose}");
    }
}

#[test]
fn each_platform_keeps_krews_rules() {
    let Manifest { spec, .. } = manifest();
    let mut seen = BTreeSet::new();
    for platform in &spec.platforms {
        let labels = &platform.selector.match_labels;
        assert_eq!(labels.keys().map(String::as_str).collect::<Vec<_>>(), ["arch", "os"]);
        assert_eq!(labels.get("os").unwrap(), "linux");
        let arch = labels.get("arch").unwrap().as_str();
        assert!(["amd64", "arm64"].contains(&arch), "{arch} is not built by packaging/dist");
        assert!(seen.insert(arch), "{arch} twice");

        let (folder, file) = platform.uri.rsplit_once('/').unwrap();
        assert!(folder.starts_with("https://"), "{folder}");
        assert!(folder.ends_with(&format!("/download/{}", spec.version)), "{folder}");
        assert_eq!(file, format!("kubectl-svc_trace_{}_linux_{arch}.tar.gz", spec.version));

        let lowercase_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        assert!(platform.sha256.len() == 64 && platform.sha256.bytes().all(lowercase_hex), "{}", platform.sha256);
        assert_ne!(platform.sha256, "0".repeat(64), "{arch} was not built: packaging/dist");

        assert_eq!(platform.bin, "kubectl-svc_trace");
        let from: Vec<&str> = platform.files.iter().map(|file| file.from.as_str()).collect();
        assert!(from.contains(&platform.bin.as_str()), "the program itself is not installed");
        assert!(from.contains(&"LICENSE"), "krew wants the licence installed");
        assert!(platform.files.iter().all(|file| file.to == "."), "the program is looked for at the top");
    }
    assert!(!seen.is_empty());
}

#[test]
fn archives_are_what_the_manifest_says() {
    let Manifest { spec, .. } = manifest();
    for platform in &spec.platforms {
        let Some(path) = archive(platform) else {
            say(&format!("skipped: {} was not built (just dist)", platform.uri.rsplit('/').next().unwrap()));
            continue;
        };
        let mut bytes = Vec::new();
        File::open(&path).unwrap().read_to_end(&mut bytes).unwrap();
        let sum = data_encoding::HEXLOWER.encode(&Sha256::digest(&bytes));
        assert_eq!(sum, platform.sha256, "{}: run packaging/dist again", path.display());

        let mut held = BTreeMap::new();
        for entry in unpack(&path).entries().unwrap() {
            let header = entry.unwrap().header().clone();
            assert!(header.entry_type().is_file());
            // nothing of the machine that built it
            assert_eq!((header.uid().unwrap(), header.gid().unwrap(), header.mtime().unwrap()), (0, 0, 315_532_800));
            let name = header.path().unwrap().to_string_lossy().into_owned();
            held.insert(name, (header.mode().unwrap(), header.size().unwrap()));
        }
        for file in &platform.files {
            assert!(held.contains_key(&file.from), "{} is not in {}", file.from, path.display());
        }
        let (mode, size) = *held.get(&platform.bin).unwrap();
        assert_eq!(mode & 0o777, 0o755);
        assert!(size < 12_000_000, "the program has {size} bytes");
    }
}

/// Runs `kubectl svc-trace --help` with the program in `folder`.
fn asked_by_kubectl(kubectl: &Path, folder: &Path) {
    let mut path = OsString::from(folder);
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap());
    let output = Command::new(kubectl).args(["svc-trace", "--help"]).env("PATH", path).output().unwrap();
    let help = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(help.contains("Usage: kubectl svc-trace [trace] TARGET"), "{help}");
}

#[test]
fn kubectl_finds_the_plugin() {
    let folders = std::env::var_os("PATH").unwrap();
    let Some(kubectl) =
        std::env::split_paths(&folders).map(|folder| folder.join("kubectl")).find(|file| file.is_file())
    else {
        say("skipped: no kubectl on the PATH");
        return;
    };
    asked_by_kubectl(&kubectl, Path::new(env!("CARGO_BIN_EXE_kubectl-svc_trace")).parent().unwrap());

    let Manifest { spec, .. } = manifest();
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let built = spec
        .platforms
        .iter()
        .filter(|platform| platform.selector.match_labels.get("arch").is_some_and(|label| label == arch));
    for path in built.filter_map(archive) {
        let folder = tempfile::tempdir().unwrap();
        unpack(&path).unpack(folder.path()).unwrap();
        asked_by_kubectl(&kubectl, folder.path());
    }
}
