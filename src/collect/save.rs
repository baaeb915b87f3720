//! A snapshot as a bundle: what `bundle` reads back. Writes what it is given; what may be in it was decided before.

use std::fs;
use std::path::Path;

use serde::Serialize;
use serde_json::json;

use super::archive;
use super::bundle::FORMAT;
use super::snapshot::{Completeness, Dump, NodeDumps, Objects, Snapshot};
use crate::error::{Error, Result};

/// Writes a bundle: a folder, or one file if `path` ends in `.tgz` or `.tar.gz`.
///
/// # Errors
/// If something is there already, or it cannot be written.
pub fn save(snapshot: &Snapshot, path: &Path) -> Result<()> {
    let files = files(snapshot)?;
    is_free(path)?;
    if archive::is_archive_name(path) {
        return archive::pack(path, &files);
    }
    for (name, bytes) in files {
        let file = path.join(name);
        let folder = file.parent().unwrap_or(path);
        fs::create_dir_all(folder).map_err(|source| Error::File {
            action: "create",
            path: folder.to_owned(),
            source,
        })?;
        fs::write(&file, bytes).map_err(|source| Error::File { action: "write", path: file, source })?;
    }
    Ok(())
}

/// Says of a place whether a bundle may be written there, before anything is read for it.
///
/// # Errors
/// If something is there already.
pub fn is_free(path: &Path) -> Result<()> {
    let taken = if archive::is_archive_name(path) {
        path.exists().then_some("is there already")
    } else {
        fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some()).then_some("is not empty")
    };
    match taken {
        None => Ok(()),
        Some(how) => Err(Error::usage_help(
            format!("`{}` {how}", path.display()),
            "a bundle of two readings is of neither: give a name that is not there yet",
        )),
    }
}

/// Says of a file whether it may be written, before anything is read for it; what is there stays as it is.
///
/// # Errors
/// What the system says.
pub fn may_write(path: &Path) -> Result<()> {
    let tried = match fs::metadata(path) {
        Ok(there) if there.is_dir() => Err(std::io::ErrorKind::IsADirectory.into()),
        Ok(there) if there.is_file() => fs::OpenOptions::new().append(true).open(path).map(drop),
        // a pipe or a terminal
        Ok(_) => Ok(()),
        Err(_) => fs::OpenOptions::new().write(true).create_new(true).open(path).and_then(|_| fs::remove_file(path)),
    };
    tried.map_err(|source| Error::File { action: "write", path: path.to_owned(), source })
}

fn files(snapshot: &Snapshot) -> Result<Vec<(String, Vec<u8>)>> {
    let mut files = Vec::new();
    let whole: Vec<_> = snapshot.objects.whole.iter().collect();
    put(
        &mut files,
        "bundle.json",
        &json!({
            "format": FORMAT,
            "created": snapshot.to.as_ref().or(snapshot.from.as_ref()),
            "tool": concat!("kubectl-svc-trace ", env!("CARGO_PKG_VERSION")),
            "kubernetes": snapshot.kubernetes,
            "from": snapshot.from,
            "to": snapshot.to,
            "nodes_total": snapshot.nodes_total,
            "nodes_why": snapshot.nodes_why,
            "whole": whole,
        }),
    )?;
    objects(&mut files, "objects", &snapshot.objects)?;
    if let Some(after) = &snapshot.objects_after {
        objects(&mut files, "objects-after", after)?;
    }
    for (node, dumps) in &snapshot.nodes {
        let node = plain(node)?;
        reading(&mut files, &format!("nodes/{node}"), dumps)?;
        if let Some(again) = &dumps.again {
            reading(&mut files, &format!("nodes/{node}/again"), again)?;
        }
    }
    for log in &snapshot.logs {
        let name = format!("{}_{}", plain(&log.namespace)?, plain(&log.pod)?);
        let end = if log.previous { ".previous.txt" } else { ".txt" };
        files.push((format!("logs/{name}{end}"), log.text.as_bytes().to_vec()));
    }
    if !snapshot.probes.is_empty() {
        put(&mut files, "probes.json", &snapshot.probes)?;
    }
    if !snapshot.connections.is_empty() {
        put(&mut files, "connections.json", &snapshot.connections)?;
    }
    if !snapshot.gaps.is_empty() {
        let rows: Vec<_> = snapshot
            .gaps
            .iter()
            .map(|gap| {
                json!({"code": gap.code.as_str(), "node": gap.node, "summary": gap.summary, "lost": gap.lost,
                    "help": gap.help, "counts": gap.counts})
            })
            .collect();
        put(&mut files, "gaps.json", &rows)?;
    }
    Ok(files)
}

fn objects(files: &mut Vec<(String, Vec<u8>)>, folder: &str, objects: &Objects) -> Result<()> {
    list(files, folder, "services", objects.services.as_deref())?;
    list(files, folder, "endpointslices", objects.slices.as_deref())?;
    list(files, folder, "endpoints", objects.endpoints.as_deref())?;
    list(files, folder, "pods", objects.pods.as_deref())?;
    list(files, folder, "nodes", objects.nodes.as_deref())?;
    list(files, folder, "events", objects.events.as_deref())?;
    list(files, folder, "networkpolicies", objects.policies.as_deref())?;
    list(files, folder, "ingresses", objects.ingresses.as_deref())?;
    list(files, folder, "proxies", objects.proxies.as_deref())?;
    for (resource, values) in &objects.other {
        list(files, folder, plain(resource)?, Some(values))?;
    }
    Ok(())
}

/// A `List`, one object a line: two bundles can be compared with `diff`.
fn list<T: Serialize>(
    files: &mut Vec<(String, Vec<u8>)>,
    folder: &str,
    resource: &str,
    items: Option<&[T]>,
) -> Result<()> {
    let Some(items) = items else { return Ok(()) };
    let mut bytes = br#"{"apiVersion":"v1","kind":"List","items":["#.to_vec();
    for (number, item) in items.iter().enumerate() {
        bytes.extend_from_slice(if number == 0 { b"\n" } else { b",\n" });
        serde_json::to_writer(&mut bytes, item).map_err(unwritable)?;
    }
    bytes.extend_from_slice(b"\n]}\n");
    files.push((format!("{folder}/{resource}.json"), bytes));
    Ok(())
}

fn reading(files: &mut Vec<(String, Vec<u8>)>, folder: &str, dumps: &NodeDumps) -> Result<()> {
    let mut rows = Vec::with_capacity(dumps.dumps.len());
    for (name, dump) in &dumps.dumps {
        files.push((format!("{folder}/{}", file_name(plain(name)?, dump)), dump.text.as_bytes().to_vec()));
        rows.push(json!({
            "dump": name,
            "argv": dump.argv,
            "exit": dump.exit,
            "stderr": dump.stderr,
            "ms": dump.ms,
            "version": dump.version,
            "bytes": dump.text.len(),
            "complete": match dump.complete {
                Completeness::Whole => Some(true),
                Completeness::Cut => Some(false),
                Completeness::Fragment | Completeness::Unknown => None,
            },
        }));
    }
    put(files, &format!("{folder}/commands.json"), &rows)
}

/// `ip-addr.json`, `iptables-save.txt`; `resolv.conf` stays what it is.
fn file_name(name: &str, dump: &Dump) -> String {
    match name {
        _ if name.contains('.') => name.to_owned(),
        _ if dump.text.starts_with(['[', '{']) && !dump.text.starts_with("[0:") => format!("{name}.json"),
        _ => format!("{name}.txt"),
    }
}

/// A name that is one part of a path and not a way out of it.
fn plain(name: &str) -> Result<&str> {
    let odd = name.is_empty() || name.starts_with('.') || name.contains(['/', '\\', '\0']);
    if odd { Err(Error::usage(format!("`{}` cannot be the name of a file", name.escape_debug()))) } else { Ok(name) }
}

fn put(files: &mut Vec<(String, Vec<u8>)>, name: &str, value: &impl Serialize) -> Result<()> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(unwritable)?;
    bytes.push(b'\n');
    files.push((name.to_owned(), bytes));
    Ok(())
}

fn unwritable(error: serde_json::Error) -> Error {
    Error::Output(error.into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]
mod tests {
    use std::collections::BTreeMap;

    use k8s_openapi::api::core::v1::{Node, Service};

    use super::*;
    use crate::collect::bundle::load;
    use crate::collect::scope::Scope;
    use crate::collect::snapshot::PodLog;
    use crate::probe::connections::{Attempt, Caller, Connection, Met};
    use crate::probe::{
        Outcome, Place, PlaceClient, Probe, Question, QuestionKind, Reply, Server, ServerKind, Transport, Try,
    };
    use crate::report::{Code, Gap};

    fn snapshot() -> Snapshot {
        let named = |name: &str| {
            let mut service = Service::default();
            service.metadata.name = Some(name.to_owned());
            service
        };
        let dump = |text: &str, complete| Dump {
            text: text.to_owned(),
            argv: vec!["cmd".to_owned()],
            exit: Some(0),
            stderr: "warned".to_owned(),
            ms: Some(7),
            version: Some("v1.8.9 (nf_tables)".to_owned()),
            complete,
            table: None,
        };
        let dumps = |rules: &str| NodeDumps {
            dumps: BTreeMap::from([
                ("iptables-save".to_owned(), dump(rules, Completeness::Whole)),
                ("ip-addr".to_owned(), dump("[]", Completeness::Whole)),
                ("ipset-save".to_owned(), dump("add A 10.0.0.1\n", Completeness::Cut)),
                ("resolv.conf".to_owned(), dump("nameserver 10.96.0.10\n", Completeness::Unknown)),
            ]),
            again: None,
        };
        let mut first = dumps("[0:0] *nat\n*nat\nCOMMIT\n");
        first.again = Some(Box::new(dumps("*nat\nCOMMIT\n")));
        Snapshot {
            objects: Objects {
                services: Some(vec![named("a"), named("b")]),
                nodes: Some(vec![Node::default()]),
                slices: Some(Vec::new()),
                whole: ["services".to_owned()].into(),
                other: BTreeMap::from([(
                    "configmaps".to_owned(),
                    vec![json!({"kind": "ConfigMap", "data": {"a": "b"}})],
                )]),
                ..Objects::default()
            },
            objects_after: Some(Objects {
                services: Some(vec![named("a")]),
                whole: ["services".to_owned()].into(),
                ..Objects::default()
            }),
            nodes: BTreeMap::from([("node-a".to_owned(), first)]),
            probes: vec![Place {
                node: "node-a".to_owned(),
                client: PlaceClient::Pod { namespace: "default".to_owned(), name: "web-1".to_owned() },
                address: Some([10, 244, 1, 5].into()),
                resolv_conf: Some("nameserver 10.96.0.10\n".to_owned()),
                probes: vec![Probe {
                    server: Server { address: ([10, 96, 0, 10], 53).into(), is: ServerKind::Configured },
                    transport: Transport::Udp,
                    question: Question {
                        kind: QuestionKind::External,
                        name: "example.com".to_owned(),
                        record: "A".to_owned(),
                    },
                    tries: [
                        Outcome::Answered(Reply::default()),
                        Outcome::Timeout,
                        Outcome::WrongSource { from: ([10, 0, 0, 1], 53).into(), reply: Reply::default() },
                    ]
                    .map(|outcome| Try { asked: "example.com.".to_owned(), round: 1, ms: 3, outcome })
                    .into(),
                }],
            }],
            connections: vec![Caller {
                node: "node-a".to_owned(),
                namespace: "kube-system".to_owned(),
                labels: BTreeMap::from([("app".to_owned(), "a".to_owned())]),
                address: Some([10, 244, 1, 9].into()),
                connections: vec![Connection {
                    to: ([10, 96, 0, 1], 443).into(),
                    transport: Transport::Tcp,
                    tries: [Met::Connected, Met::Unreachable { why: "no route".to_owned() }]
                        .map(|met| Attempt { ms: 1, met })
                        .into(),
                }],
            }],
            logs: [true, false]
                .map(|previous| PodLog {
                    namespace: "kube-system".to_owned(),
                    pod: "coredns-1".to_owned(),
                    previous,
                    text: "[FATAL] plugin/loop\n".to_owned(),
                })
                .into(),
            gaps: vec![Gap::new(Code::RbacDenied, Some("node-b"), "may not")],
            kubernetes: Some("v1.34.4".to_owned()),
            from: Some("2026-11-21T07:00:00Z".to_owned()),
            to: Some("2026-11-21T07:00:09Z".to_owned()),
            nodes_total: Some(3),
            nodes_why: Some("the node of pod web-1".to_owned()),
        }
    }

    #[test]
    fn what_is_saved_is_read_back() {
        let before = snapshot();
        let dir = tempfile::tempdir().unwrap();
        for name in ["folder", "b.tgz"] {
            let path = dir.path().join(name);
            save(&before, &path).unwrap();
            let after = load(&path, &Scope::everything()).unwrap();
            assert_eq!(format!("{after:#?}"), format!("{before:#?}"), "{name}");
        }
    }

    #[test]
    fn nothing_is_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("mine"), "").unwrap();
        assert!(save(&snapshot(), dir.path()).unwrap_err().to_string().ends_with("is not empty"));
    }

    #[test]
    fn a_name_never_leads_out() {
        for name in ["../x", "..", "a/b", "", "a\\b"] {
            let mut snapshot = snapshot();
            let dumps = snapshot.nodes.remove("node-a").unwrap();
            snapshot.nodes.insert(name.to_owned(), dumps);
            let dir = tempfile::tempdir().unwrap();
            assert!(save(&snapshot, &dir.path().join("new")).is_err(), "{name}");
        }
    }
}
