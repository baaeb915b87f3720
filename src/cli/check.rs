//! The words of `check`: which Services, which nodes, what is accepted. Derives only.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{OutputArgs, PodArgs};

const EXAMPLES: &str = "\
Examples:
  kubectl svc-trace check                          smoke test of the whole cluster
  kubectl svc-trace check -A --all-nodes           every Service from every node
  kubectl svc-trace check -n shop -l tier=front    some Services, on three nodes
  kubectl svc-trace check --suite objects -A       what the API alone tells, no pod is made
  kubectl svc-trace check --probe                  and real connections to what is checked
  kubectl svc-trace check --bundle DIR -A          from files, without a cluster
  kubectl svc-trace check -A --baseline base.json --report junit=report.xml

Exit codes:
  0  nothing wrong
  1  findings at or above --fail-on
  2  wrong usage, or svc-trace itself failed
  3  nothing wrong was found, but not all that was asked could be checked";

/// Arguments of `check`.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub struct CheckArgs {
    /// Services by name, as web or shop/web [default: a sample of the whole cluster]
    #[arg(value_name = "SERVICE")]
    pub services: Vec<String>,
    /// Services of all namespaces
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    /// Services with these labels
    #[arg(short = 'l', long, value_name = "LABELS")]
    pub selector: Option<String>,
    /// Leave out a namespace; repeatable
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub exclude_namespace: Vec<String>,
    /// What is checked; several separated by commas [default: smoke, or all where Services are chosen]
    #[arg(long, value_name = "SUITE", value_enum, value_delimiter = ',')]
    pub suite: Vec<SuiteArg>,
    /// How far it goes.
    #[command(flatten)]
    pub reach: ReachArgs,
    /// Read a bundle that `collect` made, instead of a cluster
    #[arg(long, value_name = "DIR|FILE.tgz")]
    pub bundle: Option<PathBuf>,
    /// Print this check as a Job that the cluster itself runs, with its rights: IMAGE holds kubectl-svc_trace
    #[arg(long, value_name = "IMAGE", conflicts_with_all = ["bundle", "ignore_file", "baseline", "write_baseline", "report"])]
    pub print_job: Option<String>,
    /// Longest time for all of it, as 5m
    #[arg(long, value_name = "TIME")]
    pub timeout: Option<String>,
    /// A name outside the cluster that DNS is asked for [default: example.com]
    #[arg(long, value_name = "NAME")]
    pub external: Option<String>,
    /// Keep what was read as a bundle, for `check --bundle`
    #[arg(long, value_name = "DIR|FILE.tgz", conflicts_with_all = ["bundle", "print_job"])]
    pub save: Option<PathBuf>,
    /// Static Linux binary of svc-trace to ask DNS and to connect with [default: this program]
    #[arg(long, value_name = "FILE", env = "SVC_TRACE_AGENT", hide_env_values = true, help_heading = "Debug pod")]
    pub agent_binary: Option<PathBuf>,
    /// Which nodes.
    #[command(flatten)]
    pub nodes: CheckNodeArgs,
    /// What is accepted.
    #[command(flatten)]
    pub gate: GateArgs,
    /// The debug pod.
    #[command(flatten)]
    pub pod: PodArgs,
    /// The report.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// What is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SuiteArg {
    /// The API's own Service, DNS, and a sample of the others.
    Smoke,
    /// What the API's objects say.
    Objects,
    /// What the nodes do with packets.
    Dataplane,
    /// Whether names are answered.
    Dns,
    /// All of it.
    All,
}

/// How far a check goes.
#[derive(Debug, Clone, Default, Args)]
pub struct ReachArgs {
    /// Connect to what the rules deliver, from an unprivileged pod on each node: at most 300 addresses, 3 times each
    #[arg(long)]
    pub probe: bool,
    /// Do not read again what differs from the objects; what is only on its way may then be told
    #[arg(long)]
    pub no_settle: bool,
    /// Read again after 10 s what differs from the objects, to be certain: this is the default
    #[arg(long, conflicts_with = "no_settle", hide_short_help = true)]
    pub settle: bool,
}

/// Which nodes are read.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Nodes")]
pub struct CheckNodeArgs {
    /// Nodes to read, by name, separated by commas; repeatable
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub node: Vec<String>,
    /// Nodes with these labels
    #[arg(long, value_name = "LABELS")]
    pub node_selector: Option<String>,
    /// Every node
    #[arg(long)]
    pub all_nodes: bool,
    /// So many nodes, spread over zones and versions [default: 3; of a bundle, all]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub sample: Option<u32>,
    /// Read at most so many nodes [default: 20]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_nodes: Option<u32>,
}

/// What is accepted of what is found.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Gate")]
pub struct GateArgs {
    /// Accept a finding: CODE, CODE:namespace/name or CODE:NODE; repeatable
    #[arg(long, value_name = "CODE")]
    pub ignore: Vec<String>,
    /// Accept what this file lists with reasons and last days; repeatable
    #[arg(long, value_name = "FILE")]
    pub ignore_file: Vec<PathBuf>,
    /// Accept what was found before: a file of --write-baseline, or a report in JSON
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Write down what is found, and accept it this time
    #[arg(long, value_name = "FILE")]
    pub write_baseline: Option<PathBuf>,
    /// Fail where something could not be checked
    #[arg(long)]
    pub require_complete: bool,
}
