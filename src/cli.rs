//! What may be typed: flags, words and their help. Derives only; what they mean together is decided in `config`.
#![allow(rustdoc::broken_intra_doc_links, reason = "help texts hold IPv6 addresses in brackets")]

use std::path::PathBuf;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, Parser, Subcommand, ValueEnum};

pub mod check;
mod groups;

pub use groups::{
    ColorWhen, FailOn, FormatArg, InputArgs, KubeArgs, NodeArgs, OutputArgs, PodArgs, ProfileArg, TerminalArgs, ViaArg,
};

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
    /// Is it the Service or the DNS: ask every DNS server from inside the cluster, and say what is wrong
    Dns(DnsArgs),
    /// Check many Services at once: the gate at the end of a pipeline
    Check(check::CheckArgs),
    /// Read objects and nodes into a bundle: to look at elsewhere, to attach to a bug report
    Collect(CollectArgs),
    /// Walk one hand-made packet through the rules of a node in a bundle
    Packet(PacketArgs),
    /// Explain a code, a chain, a set, a mark or a rule; or list all codes
    Explain(ExplainArgs),
    /// Show embedded captures of real nodes: no cluster needed
    Demo(DemoArgs),
    /// Remove debug pods that were left behind: what has ended or should have, in all namespaces
    Cleanup(CleanupArgs),
    /// Print a completion script
    Completion(CompletionArgs),
    /// Ask DNS servers what standard input says: run inside a cluster by `dns`
    #[command(name = "__agent", hide = true)]
    Agent(AgentArgs),
    /// Candidates for kubectl's completion, in its form
    #[command(name = "__complete", hide = true)]
    Complete(CompleteArgs),
}

/// Arguments of `trace`.
#[derive(Debug, Args)]
pub struct TraceArgs {
    /// web, web:http, web:80, kube-dns:53/udp, svc/web, web.shop.svc.cluster.local:80, 10.96.0.10:53, [fd00::a]:53, NODE:30080, ingress/web
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

/// Arguments of `dns`.
#[derive(Debug, Args)]
pub struct DnsArgs {
    /// A name that does not resolve as it should: web, web.shop, web.shop.svc.cluster.local, example.com
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// Who the client is: pod/NAME asks in that pod's network namespace, node/NAME in the node's own [default: a new pod]
    #[arg(long, value_name = "CLIENT")]
    pub from: Option<String>,
    /// Read a bundle that `collect` or `dns --save` made, instead of a cluster
    #[arg(long, value_name = "DIR|FILE.tgz", help_heading = "Input")]
    pub bundle: Option<PathBuf>,
    /// Ask from this very machine, make no pod
    #[arg(long, help_heading = "Input")]
    pub local: bool,
    /// Write what was read and asked into a new bundle as well
    #[arg(long, value_name = "DIR|FILE.tgz", conflicts_with = "bundle", help_heading = "Report")]
    pub save: Option<PathBuf>,
    /// A name outside the cluster to ask for
    #[arg(long, value_name = "NAME", default_value = "example.com")]
    pub external: String,
    /// Static Linux binary of svc-trace to ask with, or `none`: a tool of the image asks [default: this program]
    #[arg(long, value_name = "FILE", env = "SVC_TRACE_AGENT", hide_env_values = true, help_heading = "Debug pod")]
    pub agent_binary: Option<PathBuf>,
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
    /// dnat-target-mismatch, or its number ST323; KUBE-MARK-MASQ, KUBE-LOOP-BACK, 0x4000; '-A CHAIN … -j TARGET'; without one, a table of all codes
    #[arg(value_name = "CODE", allow_hyphen_values = true)]
    pub code: Option<String>,
    /// The pages of all codes
    #[arg(long, conflicts_with = "code")]
    pub all: bool,
    /// For a terminal, or as it is written
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t)]
    pub output: PageArg,
}

/// Form of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum PageArg {
    /// For people.
    #[default]
    Human,
    /// Markdown.
    Markdown,
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
    /// Also those that may be at work: of others too, whoever reads a node just now
    #[arg(long)]
    pub all: bool,
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

/// Arguments of `__agent`.
#[derive(Debug, Args)]
pub struct AgentArgs {
    /// What it is to do.
    #[arg(value_enum)]
    pub work: AgentWork,
}

/// What the agent can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AgentWork {
    /// Ask DNS servers.
    Dns,
    /// Connect to addresses.
    Connect,
}
