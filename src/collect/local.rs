//! Reading this very node: the same script as in a pod, given to a shell here. No pod, no exec, nothing is changed.

use std::process::Stdio;
use std::time::Duration;

use k8s_openapi::api::core::v1::Node;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tokio::time::timeout;

use super::dumps::Row;
use super::script::{self, Frame, Reading};
use super::snapshot::Dump;
use crate::{Error, Result};

/// Reads `rows` here.
///
/// # Errors
/// There is no shell.
pub async fn read(rows: &[Row], whole: Duration) -> Result<Reading> {
    let frame = Frame::random();
    let cannot = |source: std::io::Error| Error::File { action: "run", path: "/bin/sh".into(), source };
    let mut shell = Command::new("/bin/sh")
        .arg("-s")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(cannot)?;
    let mut input = shell.stdin.take();
    let mut output = shell.stdout.take();
    let text = script::build(&frame, rows);
    let mut bytes = Vec::new();
    let work = async {
        if let Some(input) = &mut input {
            input.write_all(text.as_bytes()).await?;
        }
        drop(input.take());
        if let Some(output) = &mut output {
            let mut part = vec![0; 1 << 16];
            loop {
                let read = output.read(&mut part).await?;
                match part.get(..read) {
                    Some(more) if !more.is_empty() => bytes.extend_from_slice(more),
                    Some(_) | None => return Ok(()),
                }
            }
        }
        Ok(())
    };
    // what came before the time was up is kept, and the frames tell how far it got
    if let Ok(done) = timeout(whole, work).await {
        done.map_err(cannot)?;
    }
    let mut reading = script::read(&frame, rows, &bytes);
    if let Some(dump) = backend().await {
        reading.dumps.dumps.insert("iptables-version".into(), dump);
    }
    Ok(reading)
}

/// Which backend the name `iptables` stands for on this node. `-V` behind `-t nat` prints the version and leaves
/// before any table is looked at (iptables 1.8 iptables/xshared.c, `do_parse`).
#[cfg(target_os = "linux")]
async fn backend() -> Option<Dump> {
    tokio::task::spawn_blocking(|| {
        let output = iptables::new(false).ok()?.execute("nat", "-V").ok()?;
        Some(Dump {
            text: String::from_utf8_lossy(&output.stdout).into_owned(),
            argv: vec!["iptables".into(), "-V".into()],
            exit: output.status.code(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            ..Dump::default()
        })
    })
    .await
    .ok()?
}

#[cfg(not(target_os = "linux"))]
async fn backend() -> Option<Dump> {
    None
}

/// The name that the cluster has for this machine: the host name, or the label made of it.
#[must_use]
pub fn name_among(nodes: &[Node], host: &str) -> Option<String> {
    let short = host.split('.').next().unwrap_or(host);
    let is_label = |node: &Node, name: &str| {
        let label = node.metadata.labels.as_ref().and_then(|labels| labels.get("kubernetes.io/hostname"));
        label.is_some_and(|label| label.eq_ignore_ascii_case(name))
            || node.metadata.name.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(name))
    };
    let found =
        nodes.iter().find(|node| is_label(node, host)).or_else(|| nodes.iter().find(|node| is_label(node, short)))?;
    found.metadata.name.clone()
}

/// Host name of this machine; `localhost` where none can be told.
#[must_use]
pub fn host_name() -> String {
    // kubelet takes it from the kernel as well (k8s.io/component-helpers nodeutil.GetHostname)
    let kernel = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = kernel.trim();
    if name.is_empty() { "localhost".into() } else { name.to_ascii_lowercase() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn case(host: &str, expected: Option<&str>) {
        let nodes: Vec<Node> = serde_json::from_value(json!([
            {"metadata": {"name": "node-a", "labels": {"kubernetes.io/hostname": "host-a"}}},
            {"metadata": {"name": "node-b.example"}},
        ]))
        .unwrap();
        assert_eq!(name_among(&nodes, host).as_deref(), expected, "{host}");
    }

    #[test]
    fn this_machine_among_the_nodes() {
        case("host-a", Some("node-a"));
        case("HOST-A.example", Some("node-a"));
        case("node-b.example", Some("node-b.example"));
        case("node-c", None);
    }

    #[tokio::test]
    async fn this_machine_is_read_with_the_table() {
        let rows: Vec<Row> = super::super::dumps::TABLE
            .iter()
            .filter(|row| row.dump.starts_with("proc-") || row.dump == "sysctl")
            .copied()
            .collect();
        let reading = read(&rows, Duration::from_secs(20)).await.unwrap();
        assert!(reading.done);
        assert!(reading.dumps.dumps["proc-version"].text.starts_with("Linux version"));
        assert!(reading.dumps.dumps["sysctl"].text.contains("net.ipv4.ip_forward = "));
    }

    #[tokio::test]
    async fn a_command_that_hangs_ends_with_the_time() {
        use super::super::dumps::{Source, Tool, When};
        const ROWS: &[Row] = &[
            Row {
                dump: "first",
                source: Source::Tools(&[Tool { argv: &["echo", "x"], version: None, unless: &[] }]),
                when: When::Always,
            },
            Row {
                dump: "hangs",
                source: Source::Tools(&[Tool { argv: &["sleep", "60"], version: None, unless: &[] }]),
                when: When::Always,
            },
        ];
        let reading = read(ROWS, Duration::from_millis(700)).await.unwrap();
        assert!(!reading.done);
        assert_eq!(reading.dumps.dumps["first"].text, "x\n");
        assert_eq!(reading.dumps.dumps["hangs"].complete, crate::collect::snapshot::Completeness::Cut);
    }
}
