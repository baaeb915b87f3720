//! What is to be done, as types: all that the command line decides.

use std::path::PathBuf;

use crate::cli::ShellArg;
use crate::collect::config::CollectConfig;
use crate::diagnose::PacketQuery;
use crate::query::{Client, Query, Target};
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
    /// Explain one code, or list all.
    Explain(Option<String>),
    /// Answer from an embedded capture.
    Demo(String),
    /// List the embedded captures.
    DemoList,
    /// Remove what was left behind.
    Cleanup(CollectConfig),
    /// Print a completion script.
    Completion(ShellArg),
    /// Print candidates for kubectl.
    Complete(Vec<String>),
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
