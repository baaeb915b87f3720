//! What is to be done, as types: all that the command line decides.

use std::net::IpAddr;
use std::path::PathBuf;

use hickory_resolver::proto::rr::Name;

use crate::cli::ShellArg;
use crate::collect::config::{CollectConfig, KubeOptions};
use crate::collect::sweep::Which;
use crate::diagnose::PacketQuery;
use crate::explain::Form;
use crate::query::{Client, DnsQuery, Query, Target};
use crate::render::{Format, Style};

/// All that was decided from the command line.
#[derive(Debug, Clone)]
pub struct Config {
    /// What to do.
    pub action: Action,
    /// How it is drawn.
    pub output: Output,
    /// Colour or none.
    pub color: Color,
    /// Level of the log, 0 to 10.
    pub verbosity: u8,
}

/// Whether text is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Color {
    /// It is.
    On,
    /// It is not.
    Off,
}

/// How the report is given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Output {
    /// On standard output.
    pub format: Format,
    /// Beside it.
    pub files: Vec<(Format, PathBuf)>,
    /// The summary of the step of a workflow that this runs in.
    pub step_summary: Option<PathBuf>,
    /// Width, symbols, threshold.
    pub style: Style,
}

/// What to do.
#[derive(Debug, Clone)]
pub enum Action {
    /// Answer a question.
    Trace {
        /// The question.
        asked: Asked,
        /// Where data comes from.
        input: Input,
        /// Whether differences are looked at twice.
        sampling: Sampling,
    },
    /// Ask the cluster's DNS.
    Dns {
        /// The question.
        asked: DnsAsked,
        /// Where data comes from.
        input: DnsInput,
    },
    /// Check many Services.
    Check(Box<super::check::CheckAction>),
    /// Print what would be made in the cluster for a question.
    DryRun {
        /// The question; `None` for a whole bundle.
        asked: Option<Asked>,
        /// The cluster.
        collect: CollectConfig,
    },
    /// Make a bundle.
    Collect {
        /// What it must answer; `None`: everything of a namespace.
        asked: Option<Asked>,
        /// Which Services, when nothing is asked.
        reach: Reach,
        /// The cluster.
        collect: CollectConfig,
        /// Where to.
        to: PathBuf,
    },
    /// Walk one packet.
    Packet {
        /// The packet.
        packet: PacketQuery,
        /// Where the rules are.
        input: PacketInput,
    },
    /// Print a check as a Job.
    PrintJob {
        /// What it does.
        job: crate::job::JobOf,
        /// Whose context's namespace names are in.
        kube: KubeOptions,
    },
    /// Explain something, or list all codes.
    Explain(Explained, Form),
    /// Answer from an embedded capture.
    Demo(String),
    /// List the embedded captures.
    DemoList,
    /// Remove what was left behind.
    Cleanup {
        /// The cluster.
        collect: CollectConfig,
        /// How much of it.
        which: Which,
    },
    /// Carry out the orders on standard input.
    Agent(crate::agent::Work),
    /// Print a completion script.
    Completion(ShellArg),
    /// Print candidates for kubectl.
    Complete(Vec<String>),
}

/// What is explained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Explained {
    /// All codes, one line each.
    List,
    /// The pages of all codes.
    All,
    /// This.
    One(String),
}

/// Whether differences are looked at twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sampling {
    /// Once.
    Once,
    /// What differs is read again.
    Settle,
}

/// Which Services a bundle holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Those of one namespace.
    Namespace,
    /// All.
    Cluster,
}

/// Where the data for a trace comes from.
#[derive(Debug, Clone)]
pub enum Input {
    /// A cluster.
    Live(Box<CollectConfig>),
    /// A bundle.
    Bundle(PathBuf),
    /// Pasted dumps of one node, objects from a bundle.
    Dumps {
        /// The files; `-` is standard input.
        files: Vec<PathBuf>,
        /// Name of their node.
        node: Option<String>,
        /// Where objects come from.
        objects: ObjectsFrom,
    },
}

/// Where the objects come from that go with pasted dumps.
#[derive(Debug, Clone)]
pub enum ObjectsFrom {
    /// A bundle.
    Bundle(PathBuf),
    /// The API, if it can be reached.
    Api(Box<CollectConfig>),
}

/// Where the rules come from that a packet is walked through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PacketInput {
    /// A bundle.
    Bundle(PathBuf),
    /// Pasted dumps.
    Dumps(Vec<PathBuf>),
}

/// A question whose namespace is not settled yet: the context's, where none was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// What is traced.
    pub target: Target,
    /// As typed.
    pub target_text: String,
    /// The client.
    pub from: Option<Client>,
    /// As typed.
    pub from_text: Option<String>,
    /// `--namespace`.
    pub namespace: Option<String>,
    /// Nodes by name.
    pub nodes: Vec<String>,
}

impl Asked {
    /// The question, names without a namespace being of `namespace` unless `--namespace` was given.
    #[must_use]
    pub fn query(&self, namespace: &str) -> Query {
        Query {
            target: self.target.clone(),
            target_text: self.target_text.clone(),
            from: self.from.clone(),
            from_text: self.from_text.clone(),
            namespace: self.namespace.as_deref().unwrap_or(namespace).to_owned(),
            nodes: self.nodes.clone(),
        }
    }
}

/// Where the data for `dns` comes from.
#[derive(Debug, Clone)]
pub enum DnsInput {
    /// A cluster.
    Live {
        /// The cluster.
        collect: Box<CollectConfig>,
        /// Where what was read is kept as well.
        save: Option<PathBuf>,
    },
    /// Only what would be made in a cluster is printed.
    DryRun(Box<CollectConfig>),
    /// A bundle.
    Bundle(PathBuf),
}

/// A question about DNS whose namespace is not settled yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsAsked {
    /// The name.
    pub name: Option<String>,
    /// The client.
    pub from: Option<Client>,
    /// As typed.
    pub from_text: Option<String>,
    /// `--namespace`.
    pub namespace: Option<String>,
    /// Nodes by name.
    pub nodes: Vec<String>,
    /// A name outside the cluster.
    pub external: String,
}

impl DnsAsked {
    /// The question, names without a namespace being of `namespace` unless `--namespace` was given.
    #[must_use]
    pub fn query(&self, namespace: &str) -> DnsQuery {
        DnsQuery {
            // an address has a name too: 10.0.96.10.in-addr.arpa.
            name: self.name.as_ref().map(|text| match text.parse::<IpAddr>() {
                Ok(ip) => Name::from(ip).to_ascii(),
                Err(_) => text.clone(),
            }),
            from: self.from.clone(),
            from_text: self.from_text.clone(),
            namespace: self.namespace.as_deref().unwrap_or(namespace).to_owned(),
            nodes: self.nodes.clone(),
            external: self.external.clone(),
        }
    }
}
