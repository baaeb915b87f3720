//! What may be typed: flags, words and their help. Derives only; what they mean together is decided in `config`.
#![allow(rustdoc::broken_intra_doc_links, reason = "help texts hold IPv6 addresses in brackets")]

use std::path::PathBuf;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, Parser, Subcommand, ValueEnum};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Yellow.on_default().bold())
    .usage(AnsiColor::Yellow.on_default().bold())
    .literal(AnsiColor::Green.on_default())
    .placeholder(AnsiColor::Cyan.on_default());

const EXAMPLES: &str = "\
Examples:
  kubectl svc-trace web                        where does Service web go, on one Ready node
  kubectl svc-trace web:http --all-nodes       one port of it, on every node
  kubectl svc-trace kube-dns:53/udp -n kube-system --from pod/client
  kubectl svc-trace 10.96.0.10:53 --node a,b   an address
  kubectl svc-trace web --bundle DIR           from files, without a cluster
  ssh NODE iptables-save | kubectl svc-trace 10.96.0.10:53 --node-dump -
  kubectl svc-trace demo                       see it work, without a cluster

Exit codes:
  0  nothing wrong
  1  findings at or above --fail-on
  2  wrong usage, or svc-trace itself failed
  3  nothing wrong was found, but not all that was asked could be checked";

/// Where does this Kubernetes Service go on this node, and why
///
/// Reads what the API promises and what the node's kernel really holds, sends a simulated packet through the
/// kernel's copy, and says hop by hop where it goes, with the very line that sends it there.
#[derive(Debug, Parser)]
#[command(
    name = "kubectl svc-trace",
    bin_name = "kubectl svc-trace",
    version,
    styles = STYLES,
    after_help = EXAMPLES,
    max_term_width = 80,
    disable_help_subcommand = true,
    subcommand_required = true,
    arg_required_else_help = true,
    override_usage = "kubectl svc-trace [trace] TARGET [flags]\n       kubectl svc-trace COMMAND [flags]"
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Which cluster.
    #[command(flatten)]
    pub kube: KubeArgs,
    /// Colour and log.
    #[command(flatten)]
    pub terminal: TerminalArgs,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Trace a Service, an address or a node port (`trace` may be left out)
    Trace(TraceArgs),
    /// Read objects and nodes into a bundle: to look at elsewhere, to attach to a bug report
    Collect(CollectArgs),
    /// Walk one hand-made packet through the rules of a node in a bundle
    Packet(PacketArgs),
    /// Explain a code, or list them all
    Explain(ExplainArgs),
    /// Show embedded captures of real nodes: no cluster needed
    Demo(DemoArgs),
    /// Remove debug pods that were left behind
    Cleanup(CleanupArgs),
    /// Print a completion script
    Completion(CompletionArgs),
    /// Candidates for kubectl's completion, in its form
    #[command(name = "__complete", hide = true)]
    Complete(CompleteArgs),
}

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

/// Arguments of `trace`.
#[derive(Debug, Args)]
pub struct TraceArgs {
    /// web, web:http, web:80, kube-dns:53/udp, svc/web, web.shop.svc.cluster.local:80, 10.96.0.10:53, [fd00::a]:53, NODE:30080
    #[arg(value_name = "TARGET")]
    pub target: String,
    /// Who the client is: pod/NAME, deploy/NAME, node/NAME, an address, or external; its node is the one that is read
    #[arg(long, value_name = "CLIENT")]
    pub from: Option<String>,
    /// Read the nodes that differ from the objects a second time, 10 s later, to be certain
    #[arg(long)]
    pub settle: bool,
    /// Where data comes from.
    #[command(flatten)]
    pub input: InputArgs,
    /// Which nodes.
    #[command(flatten)]
    pub nodes: NodeArgs,
    /// The debug pod.
    #[command(flatten)]
    pub pod: PodArgs,
    /// The report.
    #[command(flatten)]
    pub output: OutputArgs,
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
    #[arg(long, value_name = "PROFILE", value_enum, default_value_t)]
    pub profile: ProfileArg,
    /// Namespace of the debug pod [default: kube-system]
    #[arg(long, value_name = "NAME")]
    pub pod_namespace: Option<String>,
    /// Image of the debug pod [default: the one kube-proxy runs on that node]
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

/// Arguments of `collect`.
#[derive(Debug, Args)]
pub struct CollectArgs {
    /// Read only what this target needs [default: all Services of the namespace]
    #[arg(value_name = "TARGET")]
    pub target: Option<String>,
    /// Write the bundle into this new folder
    #[arg(short, long, value_name = "DIR", required_unless_present_any = ["output", "dry_run"], conflicts_with = "output")]
    pub dir: Option<PathBuf>,
    /// Write the bundle as an archive
    #[arg(short, long, value_name = "FILE.tgz")]
    pub output: Option<PathBuf>,
    /// Services of all namespaces
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    /// Who the client is: its node is read
    #[arg(long, value_name = "CLIENT", requires = "target")]
    pub from: Option<String>,
    /// This very machine is the node: read its rules, make no pod
    #[arg(long)]
    pub local: bool,
    /// Which nodes.
    #[command(flatten)]
    pub nodes: NodeArgs,
    /// The debug pod.
    #[command(flatten)]
    pub pod: PodArgs,
}

/// Arguments of `packet`.
#[derive(Debug, Args)]
pub struct PacketArgs {
    /// Bundle to read; its objects are not needed
    #[arg(long, value_name = "DIR|FILE.tgz", required_unless_present = "node_dump")]
    pub bundle: Option<PathBuf>,
    /// Read a node's dump from a file, or - for standard input; repeatable
    #[arg(long, value_name = "FILE", conflicts_with = "bundle")]
    pub node_dump: Vec<PathBuf>,
    /// Node to walk [default: the only one there is]
    #[arg(long, value_name = "NAME")]
    pub node: Option<String>,
    /// Source address: the node's own sends from the node, any other comes in
    #[arg(long, value_name = "IP")]
    pub from: String,
    /// Source port [default: any ephemeral one]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub from_port: Option<u16>,
    /// Destination, as 10.96.0.1:443 or [fd00::1]:443
    #[arg(long, value_name = "IP:PORT")]
    pub to: String,
    /// Transport protocol
    #[arg(long, value_name = "PROTOCOL", value_enum, default_value_t)]
    pub protocol: ProtocolArg,
    /// The report.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Transport protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ProtocolArg {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// dnat-target-mismatch, or its number ST323; without one, a table of all codes
    #[arg(value_name = "CODE")]
    pub code: Option<String>,
}

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Which one; --list names them
    #[arg(value_name = "SCENARIO", default_value = "healthy")]
    pub scenario: String,
    /// List the scenarios
    #[arg(long)]
    pub list: bool,
    /// The report.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Arguments of `cleanup`.
#[derive(Debug, Args)]
pub struct CleanupArgs {
    /// Namespace of the debug pods [default: kube-system]
    #[arg(long, value_name = "NAME")]
    pub pod_namespace: Option<String>,
}

/// Arguments of `completion`.
#[derive(Debug, Args)]
pub struct CompletionArgs {
    /// Whose script
    #[arg(value_name = "SHELL", value_enum)]
    pub shell: ShellArg,
}

/// A shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ShellArg {
    /// bash.
    Bash,
    /// zsh.
    Zsh,
    /// fish.
    Fish,
    /// The helper that kubectl itself calls, `kubectl_complete-svc_trace`.
    Kubectl,
}

/// Arguments of `__complete`.
#[derive(Debug, Args)]
pub struct CompleteArgs {
    /// Words so far, the last one being typed.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub words: Vec<String>,
}
