//! What real connections did on a node that kube-proxy had programmed, row for row, against the walk over that node's
//! own dumps. A few recordings stand in `captures/`; all of them are read where `../shared/captures` is.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;
use svc_trace::collect::bundle;
use svc_trace::collect::scope::Scope;
use svc_trace::dataplane::plane::Plane;
use svc_trace::walk::packet::{Disposition, Entry, Outcome, Packet, Protocol};
use svc_trace::walk::walk;

const NODE: &str = "node-a";
/// Modes that are walked, and how many rows there are of each at least.
const MODES: [(&str, usize); 3] = [("iptables-nft", 1000), ("ipvs", 180), ("nftables", 1000)];
/// A chance below which "it just did not happen in these tries" is no excuse.
const UNLIKELY: f64 = 1e-6;

/// `{"service":"default/web","port":"http","via":"clusterIP","from":"node","proto":"tcp","to":"10.96.10.49:80","count":8,
/// "outcomes":{"ok":8},"endpoints":{"10.244.3.5:8080":8},"seen":{"192.168.50.11":8}}`
#[derive(Deserialize)]
struct Row {
    service: String,
    port: String,
    via: String,
    from: String,
    source: Option<IpAddr>,
    proto: String,
    to: SocketAddr,
    outcomes: BTreeMap<String, i32>,
    #[serde(default)]
    endpoints: BTreeMap<SocketAddr, u32>,
    #[serde(default)]
    seen: BTreeMap<IpAddr, u32>,
}

impl Row {
    /// How the list of exceptions names it.
    fn key(&self) -> String {
        let from = self.source.map_or_else(|| self.from.clone(), |ip| format!("{}={ip}", self.from));
        format!("{}/{} {} {from} {} {}", self.service, self.port, self.via, self.proto, self.to)
    }

    fn packet(&self) -> Packet {
        let v4 = self.to.is_ipv4();
        let ip = |four: &str, six: &str| -> IpAddr { if v4 { four } else { six }.parse().unwrap() };
        let (entry, from) = match self.from.as_str() {
            "node" => (Entry::Local, ip("0.0.0.0", "::")),
            "pod1" => (Entry::Arrives(Some("veth-pod1".to_owned())), ip("10.244.1.5", "fd00:244:0:1::5")),
            // Without a source it is the router's own address.
            _ => (Entry::Arrives(Some("eth0".to_owned())), self.source.unwrap_or(ip("192.168.50.1", "fd00:50::1"))),
        };
        Packet { entry, from, from_port: None, to: self.to, protocol: Protocol::parse(&self.proto).unwrap() }
    }
}

/// One recording: a bundle with its rows.
struct Capture {
    name: String,
    folder: PathBuf,
    rows: Vec<Row>,
}

impl Capture {
    fn read(name: &str, folder: PathBuf) -> Option<Self> {
        let text = fs::read_to_string(folder.join("traffic.json")).ok()?;
        let rows = serde_json::from_str(&text).unwrap();
        Some(Self { name: name.to_owned(), folder, rows })
    }

    /// Where something listened while it was recorded: each endpoint's first address with each port of its slice.
    fn listeners(&self) -> BTreeSet<(String, SocketAddr)> {
        let text = fs::read_to_string(self.folder.join("objects/endpointslices.json")).unwrap_or_default();
        let slices: Value = serde_json::from_str(&text).unwrap_or_default();
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let mut all = BTreeSet::new();
        for slice in list(&slices["items"]) {
            for endpoint in list(&slice["endpoints"]) {
                let Some(ip) = endpoint["addresses"][0].as_str().and_then(|ip| ip.parse::<IpAddr>().ok()) else {
                    continue;
                };
                for port in list(&slice["ports"]) {
                    let Some(number) = port["port"].as_u64() else { continue };
                    let protocol = port["protocol"].as_str().unwrap_or("TCP").to_lowercase();
                    all.insert((protocol, SocketAddr::new(ip, u16::try_from(number).unwrap())));
                }
            }
        }
        all
    }

    /// What does not agree: the row's key, and what is wrong with it.
    fn wrong(&self) -> Vec<(String, Wrong)> {
        let snapshot = bundle::load(&self.folder, &Scope::everything()).unwrap();
        let plane = Plane::new(NODE, &snapshot.nodes[NODE], &[]);
        let listeners = self.listeners();
        self.rows
            .iter()
            .filter_map(|row| {
                let outcomes = walk(&plane, &row.packet());
                let why = compare(row, &outcomes, &listeners).err()?;
                let brief: Vec<String> = outcomes.iter().map(brief).collect();
                let text = format!("recorded {:?} {:?} {:?}; walk {brief:?}", row.outcomes, row.endpoints, row.seen);
                Some((
                    row.key(),
                    match why {
                        Wrong::Silent(why) => Wrong::Silent(format!("{why}; {text}")),
                        Wrong::Other(why) => Wrong::Other(format!("{why}; {text}")),
                    },
                ))
            })
            .collect()
    }
}

/// What is wrong with a row.
enum Wrong {
    /// A connection timed out for which the walk has no such outcome; all that came through agrees.
    Silent(String),
    /// Anything else.
    Other(String),
}

fn brief(way: &Outcome<'_>) -> String {
    let when = way.when.as_deref().map_or_else(|| format!("{:.3}", way.share), |when| format!("when {when}"));
    format!(
        "{when} {:?} to {} from {:?} {:?} {:?}",
        way.disposition, way.destination, way.source, way.reason, way.depends_on
    )
}

fn compare(row: &Row, outcomes: &[Outcome<'_>], listeners: &BTreeSet<(String, SocketAddr)>) -> Result<(), Wrong> {
    if let Some(way) =
        outcomes.iter().find(|way| way.disposition == Disposition::Indeterminate || !way.depends_on.is_empty())
    {
        return Err(Wrong::Other(format!("not decided: {:?}", way.depends_on)));
    }
    let total: f64 = outcomes.iter().map(|way| way.share).sum();
    if (total - 1.0).abs() > 1e-6 {
        return Err(Wrong::Other(format!("the shares add up to {total}")));
    }
    let arrives = |way: &&Outcome<'_>| {
        matches!(way.disposition, Disposition::Delivered | Disposition::Local | Disposition::Untouched)
    };
    let listens = |way: &Outcome<'_>| listeners.contains(&(row.proto.clone(), way.destination));
    for endpoint in row.endpoints.keys() {
        if !outcomes.iter().filter(arrives).any(|way| way.destination == *endpoint) {
            return Err(Wrong::Other(format!("{endpoint} answered, and the walk does not lead there")));
        }
    }
    for source in row.seen.keys() {
        let to_these = outcomes.iter().filter(arrives).filter(|way| row.endpoints.contains_key(&way.destination));
        let agrees = to_these.clone().any(|way| way.source == Some(*source));
        if !agrees {
            let said: Vec<_> = to_these.map(|way| way.source).collect();
            return Err(Wrong::Other(format!("the listener saw {source}, the walk says {said:?}")));
        }
        let asked = row.packet().from;
        let changed = !asked.is_unspecified() && *source != asked;
        let said = outcomes.iter().filter(arrives).any(|way| way.source == Some(*source) && way.masqueraded == changed);
        if !asked.is_unspecified() && !said {
            return Err(Wrong::Other(format!(
                "the listener saw {source}, and the walk does not say masqueraded {changed}"
            )));
        }
    }
    for outcome in row.outcomes.keys() {
        let fits = outcomes.iter().any(|way| match (outcome.as_str(), way.disposition) {
            ("ok", _) => arrives(&way) && row.endpoints.contains_key(&way.destination),
            ("refused" | "unreachable", Disposition::Rejected)
            | ("timeout", Disposition::Dropped | Disposition::Loop)
            | ("timeout" | "unreachable", Disposition::Unroutable) => true,
            ("refused" | "timeout", Disposition::Delivered | Disposition::Local | Disposition::Untouched) => {
                !listens(way)
            }
            _ => false,
        });
        if !fits {
            let why = format!("`{outcome}` is no outcome of the walk");
            return Err(if outcome == "timeout" { Wrong::Silent(why) } else { Wrong::Other(why) });
        }
    }
    // What is likely must have been seen.
    let tries: i32 = row.outcomes.values().sum();
    let through: f64 = outcomes.iter().filter(arrives).filter(|way| listens(way)).map(|way| way.share).sum();
    let certain = outcomes.iter().all(|way| way.when.is_none());
    if certain && !row.outcomes.contains_key("ok") && (1.0 - through).powi(tries) < UNLIKELY {
        return Err(Wrong::Other(format!("a share of {through:.3} comes through, and none of {tries} did")));
    }
    if certain && row.outcomes.len() == 1 && row.outcomes.contains_key("ok") && through.powi(tries) < UNLIKELY {
        return Err(Wrong::Other(format!("only a share of {through:.3} comes through, and all of {tries} did")));
    }
    Ok(())
}

/// `SET ROW -- reason`, one a line; `#` begins a comment.
fn exceptions() -> BTreeMap<(String, String), String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures/exceptions.txt");
    fs::read_to_string(path)
        .unwrap()
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let (row, reason) = line.split_once(" -- ").expect("SET ROW -- reason");
            let (set, row) = row.split_once(' ').expect("SET ROW");
            ((set.to_owned(), row.to_owned()), reason.to_owned())
        })
        .collect()
}

/// Compares recordings; returns how many rows there were.
#[track_caller]
fn replay(captures: &[Capture]) -> usize {
    let excepted = exceptions();
    let mut used = BTreeSet::new();
    let mut wrong = Vec::new();
    for capture in captures {
        for (row, why) in capture.wrong() {
            let key = (capture.name.clone(), row);
            let beyond = key.1.split(' ').nth(2).is_some_and(|from| from.starts_with("out"));
            match why {
                // Only silence may be explained, and only towards clients beyond the node; an answer never.
                Wrong::Silent(_) if beyond && excepted.contains_key(&key) => {
                    used.insert(key);
                }
                Wrong::Silent(why) | Wrong::Other(why) => wrong.push(format!("{} {}: {why}", key.0, key.1)),
            }
        }
    }
    let here: BTreeSet<&str> = captures.iter().map(|capture| capture.name.as_str()).collect();
    let idle: Vec<_> = excepted.keys().filter(|key| here.contains(key.0.as_str()) && !used.contains(*key)).collect();
    assert!(wrong.is_empty(), "{} rows do not agree:\n{}", wrong.len(), wrong.join("\n"));
    assert!(idle.is_empty(), "these exceptions are not needed: {idle:#?}");
    captures.iter().map(|capture| capture.rows.len()).sum()
}

/// How the list of exceptions names a set: with its mode, where that is not the usual one.
fn named(set: &str, mode: &str) -> String {
    if mode == "iptables-nft" { set.to_owned() } else { format!("{set}/{mode}") }
}

fn folders(path: &Path) -> Vec<(String, PathBuf)> {
    let mut all: Vec<_> = fs::read_dir(path)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .map(|entry| (entry.file_name().into_string().unwrap(), entry.path()))
        .collect();
    all.sort();
    all
}

#[test]
fn committed_recordings() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures");
    let captures: Vec<_> =
        folders(&path).into_iter().map(|(name, folder)| Capture::read(&name, folder).unwrap()).collect();
    let rows = replay(&captures);
    assert!(rows >= 100, "{rows} rows");
}

#[test]
fn all_recordings() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/captures/bundles");
    if !path.is_dir() {
        let required =
            std::env::var("SVC_TRACE_REQUIRE").is_ok_and(|list| list.split(',').any(|word| word == "captures"));
        assert!(!required, "`{}` is not there", path.display());
        // Not by a macro: what a passing test prints is swallowed.
        let _closed = std::io::stderr().write_all(b"all_recordings: skipped: ../shared/captures is not there\n");
        return;
    }
    for (mode, least) in MODES {
        let captures: Vec<_> = folders(&path)
            .into_iter()
            .filter_map(|(name, folder)| Capture::read(&named(&name, mode), folder.join(mode)))
            .collect();
        let rows = replay(&captures);
        assert!(rows >= least, "{mode}: {rows} rows");
    }
}
