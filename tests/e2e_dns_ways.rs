//! `dns` on a real cluster: how questions get into it where this program cannot simply be sent — a binary beside it, a
//! tool of an image, and an API server that cannot pass on the end of a stream. Any KUBECONFIG with SVC_TRACE_E2E=1 for
//! the first; the others need the cluster of `../shared/cluster`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, missing_docs, reason = "tests")]

mod cluster;

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cluster::{Cluster, PROGRAM};
use serde_json::{Value, json};

/// The image of the cluster that has OpenBSD's nc, and the one that has no tool.
const WITH_NC: &str = "svc-trace-debug:dev";
const WITHOUT: &str = "registry.k8s.io/kube-proxy:v1.34.4";
const ASKED: &[&str] =
    &["dns", "kubernetes", "-o", "json", "-n", "default", "--all-nodes", "--external", "db.example.test"];

/// The static binary that the tests are given.
fn agent(test: &str) -> Option<PathBuf> {
    let found = std::env::var_os("SVC_TRACE_AGENT").map(PathBuf::from).filter(|path| path.is_file());
    if found.is_none() {
        let _ = writeln!(std::io::stderr(), "skipped {test}: SVC_TRACE_AGENT names no static binary");
        let required =
            std::env::var("SVC_TRACE_REQUIRE").is_ok_and(|list| list.split(',').any(|layer| layer == "cluster"));
        assert!(!required, "SVC_TRACE_REQUIRE asks for a cluster, and SVC_TRACE_AGENT names no static binary");
    }
    found
}

/// Runs a program with no word of which binary to send.
fn ask(program: &Path, kubeconfig: &Path, more: &[&str]) -> (Option<i32>, Value, String) {
    let mut command = Command::new(program);
    command.args(ASKED).args(more).env("KUBECONFIG", kubeconfig).env_remove("SVC_TRACE_AGENT").stdin(Stdio::null());
    let output = command.output().unwrap();
    let json = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    (output.status.code(), json, String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Every cell of the matrix: `transport state`.
fn cells(json: &Value) -> Vec<String> {
    let places = json["dns"]["places"].as_array().cloned().unwrap_or_default();
    let cells = places.iter().flat_map(|place| place["cells"].as_array().unwrap().clone());
    cells.map(|cell| format!("{} {}", cell["transport"].as_str().unwrap(), cell["state"].as_str().unwrap())).collect()
}

#[track_caller]
fn all_well(cluster: &Cluster, json: &Value) {
    let cells = cells(json);
    // Service and two pods × four names, the name in two types × both transports
    assert_eq!(cells.len(), cluster.nodes().len() * 3 * 6 * 2, "{json:#}");
    assert!(cells.iter().all(|cell| cell.ends_with(" good")), "{cells:?}");
    assert!(json["dns"]["verdict"]["sentence"].as_str().unwrap().starts_with("DNS is well"), "{json:#}");
    assert_eq!(json["service"]["name"], "kubernetes", "the whole way to the Service");
}

fn gaps(json: &Value) -> Vec<String> {
    json["gaps"].as_array().into_iter().flatten().map(|gap| gap["summary"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_binary_beside_the_plugin_is_sent() {
    const NAME: &str = "a_binary_beside_the_plugin_is_sent";
    let Some(cluster) = Cluster::find(NAME) else { return };
    let (Some(_), Some(agent)) = (cluster.scripts(NAME), agent(NAME)) else { return };
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("kubectl-svc_trace");
    std::fs::copy(PROGRAM, &program).unwrap();
    // a debug build needs the libraries of this machine, which kube-proxy's image has not
    let (exit, json, said) = ask(&program, &cluster.kubeconfig, &["--image", WITHOUT]);
    assert_eq!(exit, Some(3), "{said} {json:#}");
    assert!(gaps(&json).iter().all(|gap| gap.contains("the agent does not run in the pod on")), "{json:#}");
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    std::fs::copy(agent, folder.path().join(format!("kubectl-svc_trace_linux_{architecture}"))).unwrap();
    let (exit, json, said) = ask(&program, &cluster.kubeconfig, &[]);
    assert_eq!((exit, gaps(&json)), (Some(0), vec![]), "{said} {json:#}");
    all_well(&cluster, &json);
    assert_eq!(cluster.jobs(), [""; 0]);
}

#[test]
fn a_tool_of_the_image_asks_where_nothing_can_be_sent() {
    const NAME: &str = "a_tool_of_the_image_asks_where_nothing_can_be_sent";
    let Some(cluster) = Cluster::find(NAME) else { return };
    if cluster.scripts(NAME).is_none() {
        return;
    }
    let program = Path::new(PROGRAM);
    let none = ["--agent-binary", "none", "--image"];
    let (exit, json, said) = ask(program, &cluster.kubeconfig, &[&none[..], &[WITH_NC]].concat());
    assert_eq!(exit, Some(0), "{said} {json:#}");
    let gaps = gaps(&json);
    assert_eq!(gaps.len(), cluster.nodes().len(), "{gaps:?}");
    assert!(gaps.iter().all(|gap| gap.ends_with("asked by nc of the pod's image")), "{gaps:?}");
    all_well(&cluster, &json);

    let (exit, json, said) = ask(program, &cluster.kubeconfig, &[&none[..], &[WITHOUT]].concat());
    assert_eq!((exit, cells(&json).len()), (Some(3), 0), "{said} {json:#}");
    assert!(self::gaps(&json).iter().all(|gap| gap.contains("none of dig, socat and nc to ask with")), "{json:#}");
    assert_eq!(cluster.jobs(), [""; 0]);
}

/// `kubectl proxy` behind a relay that lets a client ask for no newer protocol than `v4.channel.k8s.io`.
struct Old {
    proxy: Child,
    kubeconfig: tempfile::NamedTempFile,
    /// Streams that were opened by the old protocol.
    streams: Arc<AtomicUsize>,
}

const NEW: &[u8] = b"v5.channel.k8s.io, v4.channel.k8s.io";
const OLD: &[u8] = b"v4.channel.k8s.io, v4.channel.k8s.io";
const TAKEN: &[u8] = b"v4.channel.k8s.io\r\n";

impl Old {
    fn start(cluster: &Cluster) -> Self {
        let mut command = Command::new("kubectl");
        command.args(["proxy", "--port=0", "--disable-filter"]).env("KUBECONFIG", &cluster.kubeconfig);
        let mut proxy = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut first = String::new();
        BufReader::new(proxy.stdout.take().unwrap()).read_line(&mut first).unwrap();
        // Starting to serve on 127.0.0.1:43211
        let to = first.trim().rsplit(' ').next().unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = format!("http://{}", listener.local_addr().unwrap());
        let streams = Arc::new(AtomicUsize::new(0));
        let opened = Arc::clone(&streams);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server) = (client.unwrap(), TcpStream::connect(&to).unwrap());
                let (back, forth) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let opened = Arc::clone(&opened);
                std::thread::spawn(move || relay(client, server, |bytes| replace(bytes, NEW, OLD)));
                std::thread::spawn(move || {
                    relay(forth, back, |bytes| {
                        let is_taken = bytes.windows(TAKEN.len()).any(|part| part.eq_ignore_ascii_case(TAKEN));
                        if is_taken && bytes.starts_with(b"HTTP/1.1 101") {
                            opened.fetch_add(1, Ordering::SeqCst);
                        }
                    });
                });
            }
        });
        let mut kubeconfig = tempfile::NamedTempFile::new().unwrap();
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "old",
            "clusters": [{"name": "old", "cluster": {"server": server}}],
            "contexts": [{"name": "old", "context": {"cluster": "old", "user": "old"}}],
            "users": [{"name": "old", "user": {}}],
        });
        write!(kubeconfig, "{config}").unwrap();
        Self { proxy, kubeconfig, streams }
    }
}

impl Drop for Old {
    fn drop(&mut self) {
        let _ = self.proxy.kill();
        let _ = self.proxy.wait();
    }
}

fn relay(mut from: TcpStream, mut to: TcpStream, mut change: impl FnMut(&mut Vec<u8>)) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        let mut bytes = buffer[..read].to_vec();
        change(&mut bytes);
        if to.write_all(&bytes).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

fn replace(bytes: &mut [u8], old: &[u8], new: &[u8]) {
    if let Some(at) = bytes.windows(old.len()).position(|part| part == old) {
        bytes[at..at + old.len()].copy_from_slice(new);
    }
}

#[test]
fn an_api_server_before_1_30_takes_the_agent_too() {
    const NAME: &str = "an_api_server_before_1_30_takes_the_agent_too";
    let Some(cluster) = Cluster::find(NAME) else { return };
    let (Some(_), Some(agent)) = (cluster.scripts(NAME), agent(NAME)) else { return };
    let old = Old::start(&cluster);
    let agent = ["--agent-binary", agent.to_str().unwrap(), "--image"];
    // by grep, and by head and gzip
    for image in [WITHOUT, WITH_NC] {
        let before = old.streams.load(Ordering::SeqCst);
        let (exit, json, said) = ask(Path::new(PROGRAM), old.kubeconfig.path(), &[&agent[..], &[image]].concat());
        assert_eq!((exit, gaps(&json)), (Some(0), vec![]), "{image} {said} {json:#}");
        all_well(&cluster, &json);
        // what it can take, the agent, the order; and the rules of a node for the trace that follows
        let streams = old.streams.load(Ordering::SeqCst) - before;
        assert_eq!(streams, cluster.nodes().len() * 3 + 1, "{image}");
    }
    let tool = ["--agent-binary", "none", "--image", WITH_NC];
    let (exit, json, said) = ask(Path::new(PROGRAM), old.kubeconfig.path(), &tool);
    assert_eq!(exit, Some(0), "{said} {json:#}");
    all_well(&cluster, &json);
    assert_eq!(cluster.jobs(), [""; 0]);
}
