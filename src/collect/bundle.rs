//! A bundle as a snapshot: a folder (or an archive) of lists of objects and of what the nodes printed.
//! Only `bundle.json` is required. What is missing is not read, what cannot be read is said.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rayon::prelude::*;
use serde::{Deserialize, Deserializer};

use super::complete::{prove, settle};
use super::lists::{ObjectFile, as_json, is_object_file};
use super::objects;
use super::scope::{Scope, Wanted};
use super::snapshot::{Dump, NodeDumps, Objects, PodLog, Snapshot};
use super::source::{Source, refused};
use crate::error::Result;
use crate::report::{Code, Gap};

/// The format that is written, and the newest that is read.
pub const FORMAT: &str = "svc-trace-bundle/v1";

/// `bundle.json`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Cover {
    format: Option<String>,
    created: Option<String>,
    kubernetes: Option<String>,
    from: Option<String>,
    to: Option<String>,
    nodes_total: Option<usize>,
    nodes_why: Option<String>,
    whole: Option<BTreeSet<String>>,
}

/// One row of `commands.json`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Command {
    #[serde(deserialize_with = "or_default")]
    dump: String,
    #[serde(deserialize_with = "or_default")]
    argv: Vec<String>,
    exit: Option<i32>,
    #[serde(deserialize_with = "or_default")]
    stderr: String,
    ms: Option<u64>,
    version: Option<String>,
    bytes: Option<u64>,
    complete: Option<bool>,
}

/// One row of `gaps.json`.
#[derive(Debug, Deserialize)]
struct GapRow {
    code: String,
    #[serde(default)]
    node: Option<String>,
    #[serde(default)]
    summary: String,
    #[serde(default)]
    lost: Option<String>,
    #[serde(default)]
    help: Option<String>,
    #[serde(default)]
    counts: Option<bool>,
}

/// Reads what `scope` wants of the bundle at `path`.
///
/// # Errors
/// If there is no bundle, it is of a newer format, a file cannot be read, leads out of the bundle or is too large.
/// A file whose content is not understood is a gap of the snapshot.
pub fn load(path: &Path, scope: &Scope) -> Result<Snapshot> {
    read(&Source::open(path)?, scope)
}

/// Reads what `scope` wants of a bundle that is in memory: name in the bundle → content. `name` is for messages.
///
/// # Errors
/// As [`load`].
pub fn load_memory(name: &str, files: BTreeMap<String, Vec<u8>>, scope: &Scope) -> Result<Snapshot> {
    read(&Source::Memory { root: name.into(), files }, scope)
}

fn read(source: &Source, scope: &Scope) -> Result<Snapshot> {
    let mut gaps = Vec::new();
    let cover = cover(source)?;
    let mut nodes = BTreeMap::<String, Vec<&str>>::new();
    let names = source.names();
    for name in &names {
        if let Some((node, file)) = name.strip_prefix("nodes/").and_then(|rest| rest.split_once('/'))
            && scope.nodes.as_ref().is_none_or(|wanted| wanted.iter().any(|wanted| wanted == node))
        {
            nodes.entry(node.to_owned()).or_default().push(file);
        }
    }
    let mut snapshot = Snapshot {
        kubernetes: cover.kubernetes,
        from: cover.from.or(cover.created),
        to: cover.to,
        nodes_total: cover.nodes_total,
        nodes_why: cover.nodes_why,
        ..Snapshot::default()
    };
    if source.has("gaps.json") {
        read_gaps(source, &mut gaps)?;
    }
    snapshot.logs = logs(source, &names)?;
    if source.has("probes.json") {
        match serde_json::from_str(&source.text("probes.json")?) {
            Ok(probes) => snapshot.probes = probes,
            Err(error) => gaps.push(unreadable(None, "probes.json", &error.to_string())),
        }
    }
    if source.has("connections.json") {
        match serde_json::from_str(&source.text("connections.json")?) {
            Ok(connections) => snapshot.connections = connections,
            Err(error) => gaps.push(unreadable(None, "connections.json", &error.to_string())),
        }
    }
    let node_names: Vec<&str> = nodes.keys().map(String::as_str).collect();
    if scope.objects != Wanted::Nothing {
        if let Some(objects) = read_objects(source, "objects/", scope, cover.whole.as_ref(), &node_names, &mut gaps)? {
            snapshot.objects = objects;
        }
        snapshot.objects_after =
            read_objects(source, "objects-after/", scope, cover.whole.as_ref(), &node_names, &mut gaps)?;
    }
    for (node, files) in &nodes {
        snapshot.nodes.insert(node.clone(), node_dumps(source, node, files, &mut gaps)?);
    }
    snapshot.gaps = gaps;
    Ok(snapshot)
}

/// Names of the nodes that the bundle at `path` holds dumps of.
///
/// # Errors
/// If there is no bundle that can be read.
pub fn node_names(path: &Path) -> Result<BTreeSet<String>> {
    let source = Source::open(path)?;
    cover(&source)?;
    Ok(source
        .names()
        .iter()
        .filter_map(|name| Some(name.strip_prefix("nodes/")?.split_once('/')?.0.to_owned()))
        .collect())
}

fn cover(source: &Source) -> Result<Cover> {
    if !source.has("bundle.json") {
        return Err(refused(source.root(), "it has no `bundle.json`"));
    }
    let text = source.text("bundle.json")?;
    let cover: Cover = serde_json::from_str(text.trim_start_matches('\u{feff}'))
        .map_err(|error| refused(source.root(), format!("`bundle.json`: {error}")))?;
    let version = cover.format.as_deref().and_then(|format| format.strip_prefix("svc-trace-bundle/v"));
    match version.and_then(|version| version.parse::<u32>().ok()) {
        Some(1) => Ok(cover),
        Some(newer) => {
            Err(refused(source.root(), format!("its format v{newer} is newer than this program, which reads v1")))
        }
        None => Err(refused(source.root(), format!("`bundle.json` does not say \"format\": \"{FORMAT}\""))),
    }
}

/// `logs/kube-system_coredns-x.txt`: neither part of the name holds an underscore.
fn logs(source: &Source, names: &[&str]) -> Result<Vec<PodLog>> {
    let mut logs = Vec::new();
    for file in names {
        let Some(name) = file.strip_prefix("logs/").and_then(|name| name.strip_suffix(".txt")) else { continue };
        let (name, previous) = name.strip_suffix(".previous").map_or((name, false), |name| (name, true));
        let Some((namespace, pod)) = name.split_once('_') else { continue };
        let text = source.text(file)?;
        logs.push(PodLog { namespace: namespace.to_owned(), pod: pod.to_owned(), previous, text });
    }
    Ok(logs)
}

fn read_objects(
    source: &Source,
    folder: &str,
    scope: &Scope,
    whole: Option<&BTreeSet<String>>,
    nodes: &[&str],
    gaps: &mut Vec<Gap>,
) -> Result<Option<Objects>> {
    let names: Vec<_> =
        source.names().into_iter().filter(|name| name.starts_with(folder) && is_object_file(name)).collect();
    if names.is_empty() {
        return Ok(None);
    }
    let texts: Vec<_> =
        names.par_iter().map(|name| source.text(name).map(|text| (*name, as_json(name, text)))).collect();
    let mut files = Vec::with_capacity(texts.len());
    for text in texts {
        match text? {
            (name, Ok(text)) => files.push(ObjectFile { name: name.to_owned(), text }),
            (name, Err(reason)) => gaps.push(unreadable(None, name, &reason)),
        }
    }
    Ok(Some(objects::read(files, scope, whole, nodes, gaps)))
}

fn node_dumps(source: &Source, node: &str, files: &[&str], gaps: &mut Vec<Gap>) -> Result<NodeDumps> {
    let (again, first): (Vec<&str>, Vec<&str>) = files.iter().partition(|file| file.starts_with("again/"));
    let mut dumps = reading(source, node, "", &first, gaps)?;
    if !again.is_empty() {
        let again: Vec<&str> = again.iter().filter_map(|file| file.strip_prefix("again/")).collect();
        dumps.again = Some(Box::new(reading(source, node, "again/", &again, gaps)?));
    }
    Ok(dumps)
}

fn reading(source: &Source, node: &str, folder: &str, files: &[&str], gaps: &mut Vec<Gap>) -> Result<NodeDumps> {
    let place = |file: &str| format!("nodes/{node}/{folder}{file}");
    let mut commands = BTreeMap::new();
    if files.contains(&"commands.json") {
        let text = source.text(&place("commands.json"))?;
        match serde_json::from_str::<Vec<Command>>(&text) {
            Ok(rows) => commands.extend(rows.into_iter().map(|row| (row.dump.clone(), row))),
            Err(error) => gaps.push(unreadable(Some(node), &place("commands.json"), &error.to_string())),
        }
    }
    let mut dumps = BTreeMap::new();
    for file in files.iter().filter(|file| **file != "commands.json" && !file.contains('/')) {
        let text = source.text(&place(file))?;
        let name = dump_name(file, files);
        let command = commands.remove(name).unwrap_or_default();
        dumps.insert(name.to_owned(), dump(name, text, command));
    }
    for (name, command) in commands {
        // a command that failed leaves no file, but what it said is worth keeping
        dumps.insert(name.clone(), dump(&name, String::new(), command));
    }
    Ok(NodeDumps { dumps, again: None })
}

fn dump(name: &str, text: String, command: Command) -> Dump {
    let complete = settle(prove(name, &text), &text, command.complete, command.bytes, command.exit);
    let Command { argv, exit, stderr, ms, version, .. } = command;
    Dump { text, argv, exit, stderr, ms, version, complete, table: None }
}

/// `iptables-save` for `iptables-save.txt`. Where one command printed both forms the text has the name.
fn dump_name<'f>(file: &'f str, files: &[&str]) -> &'f str {
    match file.rsplit_once('.') {
        Some((stem, "txt")) => stem,
        Some((stem, "json")) if !files.iter().any(|other| other.strip_suffix(".txt") == Some(stem)) => stem,
        Some(_) | None => file,
    }
}

fn read_gaps(source: &Source, gaps: &mut Vec<Gap>) -> Result<()> {
    let text = source.text("gaps.json")?;
    match serde_json::from_str::<Vec<GapRow>>(&text) {
        Ok(rows) => gaps.extend(rows.into_iter().map(|row| Gap {
            // a code of a later version still is a gap
            code: Code::find(&row.code).unwrap_or(Code::ApiOnlyVerdict),
            node: row.node,
            summary: row.summary,
            lost: row.lost,
            help: row.help,
            counts: row.counts.unwrap_or(true),
        })),
        Err(error) => gaps.push(unreadable(None, "gaps.json", &error.to_string())),
    }
    Ok(())
}

fn unreadable(node: Option<&str>, file: &str, reason: &str) -> Gap {
    let code = if reason.contains("EOF") { Code::OutputTruncated } else { Code::LayoutUnknown };
    Gap::new(code, node, format!("`{file}` cannot be read: {reason}"))
}

fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;
    use crate::collect::snapshot::Completeness;

    const COVER: &str = r#"{"format":"svc-trace-bundle/v1","created":"2026-11-21T07:00:00Z","kubernetes":"v1.34.4"}"#;

    fn bundle(files: &[(&str, &str)]) -> TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in [("bundle.json", COVER)].iter().chain(files) {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        dir
    }

    fn all(files: &[(&str, &str)]) -> Snapshot {
        load(bundle(files).path(), &Scope::everything()).unwrap()
    }

    #[track_caller]
    fn refusal(dir: &TempDir, reason: &str) {
        let error = load(dir.path(), &Scope::everything()).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }

    #[test]
    fn only_the_cover_is_required() {
        let snapshot = all(&[]);
        assert_eq!(snapshot.kubernetes.as_deref(), Some("v1.34.4"));
        assert_eq!(snapshot.from.as_deref(), Some("2026-11-21T07:00:00Z"));
        assert!(snapshot.objects.services.is_none(), "not read is not empty");
        assert!(snapshot.nodes.is_empty() && snapshot.gaps.is_empty());
    }

    #[test]
    fn what_is_no_bundle_is_refused() {
        refusal(&tempfile::tempdir().unwrap(), "no `bundle.json`");
        refusal(&bundle(&[("bundle.json", "{")]), "`bundle.json`: EOF");
        refusal(&bundle(&[("bundle.json", "{}")]), "does not say");
        refusal(&bundle(&[("bundle.json", r#"{"format":"svc-trace-bundle/v2"}"#)]), "newer");
    }

    #[cfg(unix)]
    #[test]
    fn links_out_of_the_bundle_are_refused() {
        let dir = bundle(&[("nodes/a/iptables-save.txt", "")]);
        std::os::unix::fs::symlink("iptables-save.txt", dir.path().join("nodes/a/iptables-legacy-save.txt")).unwrap();
        let nodes = load(dir.path(), &Scope::everything()).unwrap().nodes;
        assert_eq!(nodes["a"].dumps.len(), 2, "a link within is read");
        std::os::unix::fs::symlink("/etc/hostname", dir.path().join("nodes/a/ss.txt")).unwrap();
        refusal(&dir, "`nodes/a/ss.txt` is a link that leads out of it");
    }

    #[test]
    fn dumps_have_the_names_of_their_commands() {
        let snapshot = all(&[
            ("nodes/a/iptables-save.txt", "*nat\nCOMMIT\n"),
            ("nodes/a/ip-addr.json", "[]"),
            ("nodes/a/nft-ruleset.txt", "table ip x {\n}\n"),
            ("nodes/a/nft-ruleset.json", "{}"),
            ("nodes/a/resolv.conf", "nameserver 10.96.0.10\n"),
            ("nodes/a/again/iptables-save.txt", "*nat\n"),
            (
                "nodes/a/commands.json",
                r#"[{"dump":"iptables-save","argv":["iptables-save","-c"],"exit":0,"stderr":"x","ms":12,"version":"v1.8.9 (nf_tables)"},
                    {"dump":"ipvsadm-save","exit":2,"stderr":"no module"},{"dump":"conntrack","argv":null,"stderr":null}]"#,
            ),
        ]);
        let dumps = &snapshot.nodes["a"].dumps;
        let names: Vec<_> = dumps.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            ["conntrack", "ip-addr", "iptables-save", "ipvsadm-save", "nft-ruleset", "nft-ruleset.json", "resolv.conf"]
        );
        let save = &dumps["iptables-save"];
        assert_eq!((save.exit, save.ms, save.version.as_deref()), (Some(0), Some(12), Some("v1.8.9 (nf_tables)")));
        assert_eq!(save.complete, Completeness::Whole);
        assert_eq!((dumps["ipvsadm-save"].exit, dumps["ipvsadm-save"].stderr.as_str()), (Some(2), "no module"));
        let again = snapshot.nodes["a"].again.as_ref().unwrap();
        assert_eq!(again.dumps["iptables-save"].complete, Completeness::Cut);
    }

    #[test]
    fn invalid_utf8_and_bad_rows_do_not_stop_it() {
        let dir = bundle(&[("nodes/a/commands.json", "[{")]);
        fs::write(dir.path().join("nodes/a/ss.txt"), b"tcp \xff\n").unwrap();
        let snapshot = load(dir.path(), &Scope::everything()).unwrap();
        assert_eq!(snapshot.nodes["a"].dumps["ss"].text, "tcp \u{fffd}\n");
        assert_eq!(snapshot.gaps[0].code, Code::OutputTruncated);
    }

    #[test]
    fn node_dumps_alone_read_no_object() {
        let dir = bundle(&[("objects/services.json", "not json"), ("nodes/a/ss.txt", ""), ("nodes/b/ss.txt", "")]);
        let snapshot = load(dir.path(), &Scope::dumps(&["b".to_owned()])).unwrap();
        assert!(snapshot.gaps.is_empty() && snapshot.objects.services.is_none());
        assert_eq!(snapshot.nodes.keys().collect::<Vec<_>>(), ["b"]);
        assert_eq!(node_names(dir.path()).unwrap().len(), 2);
    }

    #[test]
    fn gaps_are_kept() {
        let gaps = all(&[(
            "gaps.json",
            r#"[{"code":"node-not-collected","node":"b","summary":"no answer"},{"code":"of-the-future"}]"#,
        )])
        .gaps;
        assert_eq!((gaps[0].code, gaps[0].node.as_deref(), gaps[0].counts), (Code::NodeNotCollected, Some("b"), true));
        assert_eq!(gaps.len(), 2);
    }
}
