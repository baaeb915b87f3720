//! Flags that several commands have. Derives only.
#![allow(rustdoc::broken_intra_doc_links, reason = "help texts hold IPv6 addresses in brackets")]

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// kubectl's own flags, with kubectl's meanings.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "kubectl's flags")]
pub struct KubeArgs {
    /// Namespace of names without one [default: the context's]
    #[arg(short, long, global = true, value_name = "NAME")]
    pub namespace: Option<String>,
    /// Context of the kubeconfig
    #[arg(long, global = true, value_name = "NAME")]
    pub context: Option<String>,
    /// Cluster of the kubeconfig
    #[arg(long, global = true, value_name = "NAME", hide_short_help = true)]
    pub cluster: Option<String>,
    /// User of the kubeconfig
    #[arg(long, global = true, value_name = "NAME", hide_short_help = true)]
    pub user: Option<String>,
    /// Kubeconfig to use [default: $KUBECONFIG, ~/.kube/config]
    #[arg(long, global = true, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// User to impersonate
    #[arg(long = "as", global = true, value_name = "USER", hide_short_help = true)]
    pub impersonate: Option<String>,
    /// Group to impersonate, repeatable
    #[arg(long = "as-group", global = true, value_name = "GROUP", hide_short_help = true)]
    pub impersonate_groups: Vec<String>,
    /// Longest wait for one answer of the API, as 5s or 1m; 0 waits for ever [default: 15s]
    #[arg(long, global = true, value_name = "TIME", hide_short_help = true)]
    pub request_timeout: Option<String>,
}

/// Colour, width, log.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Terminal")]
pub struct TerminalArgs {
    /// Colour: by default on a terminal, unless NO_COLOR is set
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t)]
    pub color: ColorWhen,
    /// Draw with ASCII alone: ok, warn, FAIL, ? instead of symbols
    #[arg(long, global = true)]
    pub ascii: bool,
    /// Columns to fill [default: the terminal's, at most 120; else 80]
    #[arg(long, global = true, value_name = "COLUMNS", value_parser = clap::value_parser!(u16).range(60..=500))]
    pub width: Option<u16>,
    /// Log level as kubectl has it, 0 to 9: what svc-trace does goes to standard error
    #[arg(short, long = "v", global = true, value_name = "LEVEL", default_value_t = 0, hide_default_value = true, value_parser = clap::value_parser!(u8).range(0..=10))]
    pub verbosity: u8,
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ColorWhen {
    /// On a terminal.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Where data comes from, when not from the cluster.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Input")]
pub struct InputArgs {
    /// Read a bundle that `collect` made, instead of a cluster
    #[arg(long, value_name = "DIR|FILE.tgz")]
    pub bundle: Option<PathBuf>,
    /// Read a node's dump from a file, or - for standard input: iptables-save and the like, recognised by its content; repeatable
    #[arg(long, value_name = "FILE")]
    pub node_dump: Vec<PathBuf>,
    /// This very machine is the node: read its rules, make no pod
    #[arg(long)]
    pub local: bool,
}

/// Which nodes are read.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Nodes")]
pub struct NodeArgs {
    /// Nodes to read, by name, separated by commas; repeatable [default: one Ready node]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub node: Vec<String>,
    /// Nodes with these labels
    #[arg(long, value_name = "LABELS")]
    pub node_selector: Option<String>,
    /// Every node
    #[arg(long)]
    pub all_nodes: bool,
    /// Read at most so many nodes [default: 20]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_nodes: Option<u32>,
    /// Longest wait for one node [default: 2m]
    #[arg(long, value_name = "TIME")]
    pub timeout: Option<String>,
}

/// The debug pod that reads a node.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Debug pod")]
pub struct PodArgs {
    /// What reads a node: a debug pod, an exec in the running kube-proxy, or nothing but the API
    #[arg(long, value_name = "MEANS", value_enum, default_value_t)]
    pub via: ViaArg,
    /// What a debug pod may do: netadmin first and sysadmin where that is not enough, or only one of them
    ///
    /// netadmin has the host's network, NET_ADMIN and NET_RAW. sysadmin is privileged and has the host's process ids: its
    /// image, unless --image names one, is docker.io/nicolaka/netshoot:v0.13, which others make.
    #[arg(long, value_name = "PROFILE", value_enum, default_value_t)]
    pub profile: ProfileArg,
    /// Namespace of the debug pod [default: kube-system]
    #[arg(long, value_name = "NAME")]
    pub pod_namespace: Option<String>,
    /// Image of the debug pod [default: the one kube-proxy runs on that node; docker.io/nicolaka/netshoot:v0.13 where there is none, and for the privileged pod]
    #[arg(long, value_name = "IMAGE")]
    pub image: Option<String>,
    /// Secret to pull the image with
    #[arg(long, value_name = "NAME")]
    pub image_pull_secret: Option<String>,
    /// Print what would be made in the cluster, and make nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// What reads a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ViaArg {
    /// A pod of our own, removed afterwards.
    #[default]
    Pod,
    /// exec in the running kube-proxy pod.
    KubeProxy,
    /// Nothing: what the API says is all.
    Api,
}

/// What a debug pod may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ProfileArg {
    /// The least that does it.
    #[default]
    Auto,
    /// Host network, NET_ADMIN and NET_RAW.
    Netadmin,
    /// Privileged, host PID.
    Sysadmin,
}

/// The report.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Report")]
pub struct OutputArgs {
    /// Form of the report; wide spells out every path and quotes every rule whole
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t)]
    pub output: FormatArg,
    /// Write the report to a file as well, as json=FILE; repeatable
    #[arg(long, value_name = "FORMAT=FILE")]
    pub report: Vec<String>,
    /// Mildest finding that makes the exit code 1
    #[arg(long, value_name = "SEVERITY", value_enum, default_value_t)]
    pub fail_on: FailOn,
}

/// Form of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum FormatArg {
    /// For people, folded.
    #[default]
    Human,
    /// For people, nothing left out.
    Wide,
    /// For programs, schema svc-trace/v1.
    Json,
    /// The same as YAML.
    Yaml,
    /// JUnit XML, for what shows test results.
    Junit,
    /// Annotations of GitHub's runner.
    Github,
    /// For a step summary or a comment.
    Markdown,
}

/// Mildest finding that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum FailOn {
    /// Errors.
    #[default]
    Error,
    /// Warnings and errors.
    Warning,
    /// Any finding.
    Info,
    /// None: exit 0 with findings.
    Never,
}
