//! A scenario: `scenario.toml` beside a bundle, or beside nothing but changes to another scenario's bundle.

mod changes;
mod document;
mod expect;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use svc_trace::collect::scope::Scope;
use svc_trace::collect::snapshot::Snapshot;
use svc_trace::collect::{bundle, pasted};
use svc_trace::diagnose::check::{Chosen, Selection};
use svc_trace::diagnose::{analyze, dns::analyze as analyze_dns};
use svc_trace::query::{Client, DnsQuery, Query, Target};
use svc_trace::report::Report;
use svc_trace::report::check::SuiteKind;
use svc_trace::{CheckQuery, analyze_check};

use changes::{DumpChange, Files, ObjectChange};
use expect::Expect;

/// One scenario.
pub(crate) struct Scenario {
    /// Name of its folder.
    pub(crate) name: String,
    folder: PathBuf,
    toml: Toml,
}

/// `scenario.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Toml {
    /// What it shows, in a sentence.
    about: String,
    /// Scenario whose bundle this one changes; files beside this one replace those of the same name.
    base: Option<String>,
    /// Scenario with the same question that is as it should be; `base` if it is not said.
    twin: Option<String>,
    /// `trace`, `dns`, or `probe`.
    #[serde(default)]
    command: Command,
    /// As typed after the command.
    #[serde(default)]
    target: String,
    /// As typed after `-n`.
    #[serde(default = "default_namespace")]
    namespace: String,
    /// As typed after `--from`.
    from: Option<String>,
    /// As typed after `--node`.
    #[serde(default)]
    nodes: Vec<String>,
    /// Files beside this one that are given with `--node-dump`: they are all that is known of the node.
    #[serde(default)]
    node_dump: Vec<PathBuf>,
    /// Name of that node.
    #[serde(default = "default_node")]
    node_of_dump: String,
    /// Whether the kept report has its hops; for answers of very many paths.
    #[serde(default = "yes")]
    hops: bool,
    /// What the answer must say.
    expect: Expect,
    /// Changes of dumps.
    #[serde(default)]
    dump: Vec<DumpChange>,
    /// Changes of objects.
    #[serde(default)]
    object: Vec<ObjectChange>,
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Command {
    /// Where a Service goes.
    #[default]
    Trace,
    /// How DNS does.
    Dns,
    /// A check of one Service with real connections, from what was recorded of them.
    Probe,
}

fn default_namespace() -> String {
    "default".to_owned()
}

fn yes() -> bool {
    true
}

fn default_node() -> String {
    "node".to_owned()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios")
}

/// Every scenario, by name.
pub(crate) fn all() -> Vec<Scenario> {
    let mut names: Vec<_> =
        fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names.iter().map(|name| Scenario::read(name)).collect()
}

impl Scenario {
    fn read(name: &str) -> Self {
        let folder = root().join(name);
        let text = fs::read_to_string(folder.join("scenario.toml"))
            .unwrap_or_else(|error| panic!("{name}/scenario.toml: {error}"));
        let toml = toml::from_str(&text).unwrap_or_else(|error| panic!("{name}/scenario.toml: {error}"));
        Self { name: name.to_owned(), folder, toml }
    }

    /// The scenario that shows the same without the fault.
    pub(crate) fn twin(&self) -> Option<&str> {
        self.toml.twin.as_deref().or(self.toml.base.as_deref())
    }

    /// Codes that the answer must have.
    pub(crate) fn codes(&self) -> BTreeSet<String> {
        self.toml.expect.codes()
    }

    /// Runs it.
    ///
    /// # Panics
    /// If the answer is not what it must be.
    pub(crate) fn check(&self) {
        assert!(!self.toml.about.is_empty(), "{}: says nothing about itself", self.name);
        let files = self.files(0);
        match self.toml.command {
            Command::Trace => self.check_trace(&files),
            Command::Dns => self.check_dns(&files),
            Command::Probe => {
                let answer = self.probed(&files);
                self.show(&answer);
                self.toml.expect.check(&self.name, &answer);
                if let Ok(report) = &answer {
                    self.compare(document::short(report));
                }
            }
        }
    }

    fn check_dns(&self, files: &Files) {
        let toml = &self.toml;
        let query = DnsQuery {
            name: (!toml.target.is_empty()).then(|| toml.target.clone()),
            from: toml.from.as_deref().map(|from| Client::parse(from).unwrap()),
            from_text: toml.from.clone(),
            namespace: toml.namespace.clone(),
            nodes: toml.nodes.clone(),
            external: DnsQuery::EXTERNAL.to_owned(),
        };
        let answer = self.snapshot(files, &Scope::everything()).and_then(|snapshot| analyze_dns(&snapshot, &query));
        self.show(&answer);
        toml.expect.check(&self.name, &answer);
        if let Ok(report) = &answer {
            self.compare(document::short(report));
        }
    }

    /// Something to look at, for whoever writes the scenario.
    fn show(&self, answer: &svc_trace::Result<Report>) {
        if let (true, Ok(report)) = (self.toml.expect.is_open(), answer) {
            fs::write(self.folder.join("report.snap.new"), document::short(report)).unwrap();
        }
    }

    fn compare(&self, json: String) {
        insta::with_settings!({snapshot_path => &self.folder, prepend_module_to_snapshot => false, omit_expression => true, description => self.toml.about.as_str()}, {
            insta::assert_snapshot!("report", if self.toml.hops { json } else { document::without_hops(&json) });
        });
    }

    fn check_trace(&self, files: &Files) {
        let query = self.query();
        let narrow = self.answer(files, &query, &Scope::of(&query));
        self.show(&narrow);
        self.toml.expect.check(&self.name, &narrow);
        let Ok(report) = narrow else { return };
        let json = document::short(&report);
        let whole = self
            .answer(files, &query, &Scope { nodes: Scope::of(&query).nodes, ..Scope::everything() })
            .map(|report| document::short(&report))
            .unwrap_or_default();
        assert_eq!(json, whole, "{}: reading only what the question needs changes the answer", self.name);
        self.compare(json);
    }

    /// The answer, where there is one.
    pub(crate) fn report(&self) -> Option<Report> {
        let files = self.files(0);
        match self.toml.command {
            Command::Trace => self.answer(&files, &self.query(), &Scope::everything()).ok(),
            Command::Dns | Command::Probe => None,
        }
    }

    fn probed(&self, files: &Files) -> svc_trace::Result<Report> {
        let suites = [SuiteKind::Dataplane, SuiteKind::Nodes, SuiteKind::Probe].into();
        let query = CheckQuery { suites, ..self.check_of((self.toml.target.clone(), None)) };
        analyze_check(&self.snapshot(files, &Scope::everything())?, &query)
    }

    /// A check of one Service on the nodes that are asked for.
    fn check_of(&self, (name, namespace): (String, Option<String>)) -> CheckQuery {
        CheckQuery {
            suites: SuiteKind::ALL.into_iter().filter(|kind| *kind != SuiteKind::Dns).collect(),
            services: Selection::Chosen(Box::new(Chosen {
                names: vec![(namespace, name)],
                namespace: Some(self.toml.namespace.clone()),
                ..Chosen::default()
            })),
            nodes: self.toml.nodes.clone(),
            ..CheckQuery::default()
        }
    }

    /// A check of the Service that a trace is about: `None` where the question is of a part of it, or of a client.
    pub(crate) fn checked(&self) -> Option<Report> {
        let toml = &self.toml;
        if toml.command == Command::Probe {
            return self.probed(&self.files(0)).ok();
        }
        let whole = toml.command == Command::Trace && toml.from.is_none() && toml.node_dump.is_empty();
        let Target::Service { namespace, name, port: None, protocol: None } =
            whole.then(|| Target::parse(&toml.target).ok()).flatten()?
        else {
            return None;
        };
        let query = self.check_of((name, namespace));
        let snapshot = self.snapshot(&self.files(0), &Scope::everything()).ok()?;
        analyze_check(&snapshot, &query).ok()
    }

    fn query(&self) -> Query {
        let toml = &self.toml;
        Query {
            target: Target::parse(&toml.target).unwrap(),
            target_text: toml.target.clone(),
            from: toml.from.as_deref().map(|from| Client::parse(from).unwrap()),
            from_text: toml.from.clone(),
            namespace: toml.namespace.clone(),
            nodes: toml.nodes.clone(),
        }
    }

    fn answer(&self, files: &Files, query: &Query, scope: &Scope) -> svc_trace::Result<Report> {
        analyze(&self.snapshot(files, scope)?, query)
    }

    fn snapshot(&self, files: &Files, scope: &Scope) -> svc_trace::Result<Snapshot> {
        let dir = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        let mut snapshot =
            if files.contains_key("bundle.json") { bundle::load(dir.path(), scope)? } else { Snapshot::default() };
        if !self.toml.node_dump.is_empty() {
            let pasted: Vec<_> = self.toml.node_dump.iter().map(|file| dir.path().join(file)).collect();
            snapshot.nodes = BTreeMap::from([(self.toml.node_of_dump.clone(), pasted::read(&pasted)?)]);
        }
        Ok(snapshot)
    }

    /// The files of the bundle, changed as it says.
    fn files(&self, depth: usize) -> Files {
        assert!(depth < 8, "{}: its bases go in a circle", self.name);
        let mut files = self.toml.base.as_deref().map(|base| Self::read(base).files(depth + 1)).unwrap_or_default();
        changes::add_folder(&mut files, &self.folder, "");
        for change in &self.toml.dump {
            change.apply(&self.name, &mut files);
        }
        for change in &self.toml.object {
            change.apply(&self.name, &mut files);
        }
        files
    }
}
