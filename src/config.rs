//! What the typed words mean together: defaults, rules across flags, and the questions in their own types.
//! Reads no file, no environment, no cluster: surroundings are handed in.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use tracing_subscriber::filter::{LevelFilter, Targets};

use crate::agent::Work;
use crate::cli::{
    AgentWork, Cli, CollectArgs, ColorWhen, Command, DnsArgs, ExplainArgs, FailOn, FormatArg, InputArgs, KubeArgs,
    NodeArgs, OutputArgs, PacketArgs, PageArg, PodArgs, ProfileArg, ProtocolArg, TerminalArgs, TraceArgs, ViaArg,
};
use crate::collect::config::{CollectConfig, KubeOptions, Limits, NodeChoice, PodOptions, Profile, Via, WhichNodes};
use crate::collect::manifest::DEADLINE;
use crate::collect::sweep::Which;
use crate::diagnose::PacketQuery;
use crate::explain::Form;
use crate::query::{Client, Target};
use crate::render::{Format, Glyphs, Style};
use crate::report::Severity;
use crate::walk::packet::Protocol;
use crate::{Error, Result};

mod action;
pub mod check;
mod print_job;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
mod tests;

pub use action::{
    Action, Asked, Color, Config, DnsAsked, DnsInput, Explained, Input, ObjectsFrom, Output, PacketInput, Reach,
    Sampling,
};

/// The widest that is drawn on a terminal unless `--width` says so: longer lines are hard to follow.
const WIDEST: usize = 120;
/// The width where there is no terminal.
const WIDTH: usize = 80;

/// What the program finds around it; gathered once by `main`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a question of its own")]
pub struct Surroundings {
    /// Columns of the terminal that standard output is; `None`: it is none.
    pub terminal: Option<usize>,
    /// `NO_COLOR` is set to something (no-color.org).
    pub no_color: bool,
    /// `CLICOLOR_FORCE` is set to something but 0 (bixense.com/clicolors).
    pub force_color: bool,
    /// `TERM=dumb`.
    pub dumb: bool,
    /// `GITHUB_STEP_SUMMARY` (docs.github.com, workflow commands).
    pub step_summary: Option<PathBuf>,
    /// This is a pod of a cluster (`KUBERNETES_SERVICE_HOST`).
    pub in_cluster: bool,
}

impl Config {
    /// What was typed, understood.
    ///
    /// # Errors
    /// What cannot be done together, or cannot be read.
    pub fn new(cli: Cli, around: &Surroundings) -> Result<Self> {
        let Cli { command, kube, terminal } = cli;
        let style = style(&terminal, around);
        let mut output = Output { style, ..Output::default() };
        let action = match command {
            Command::Trace(args) => {
                output = output_of(&args.output, style)?;
                trace(args, kube)?
            }
            Command::Dns(args) => {
                output = output_of(&args.output, style)?;
                dns(args, kube, around)?
            }
            Command::Check(args) => {
                output = output_of(&args.output, style)?;
                check::check(args, kube)?
            }
            Command::Collect(args) => collect(args, kube)?,
            Command::Packet(args) => {
                output = output_of(&args.output, style)?;
                packet(args)?
            }
            Command::Explain(args) => explained(args),
            Command::Demo(args) => {
                output = output_of(&args.output, style)?;
                if args.list { Action::DemoList } else { Action::Demo(args.scenario) }
            }
            Command::Cleanup(args) => {
                let pod = PodArgs { pod_namespace: args.pod_namespace, ..PodArgs::default() };
                let which = if args.all { Which::All } else { Which::Left };
                Action::Cleanup { collect: collect_config(kube, NodeArgs::default(), pod)?, which }
            }
            Command::Completion(args) => Action::Completion(args.shell),
            Command::Agent(args) => Action::Agent(match args.work {
                AgentWork::Dns => Work::Dns,
                AgentWork::Connect => Work::Connect,
            }),
            Command::Complete(args) => Action::Complete(args.words),
        };
        output.step_summary.clone_from(&around.step_summary);
        Ok(Self { action, output, color: color(terminal.color, around), verbosity: terminal.verbosity })
    }
}

impl Config {
    /// What is logged at `-v LEVEL`, as kubectl's levels go: nothing, then what is done, then how, then the libraries.
    #[must_use]
    pub fn log_targets(&self) -> Option<Targets> {
        let (own, others) = match self.verbosity {
            0 => return None,
            1 | 2 => (LevelFilter::WARN, LevelFilter::OFF),
            3 | 4 => (LevelFilter::INFO, LevelFilter::OFF),
            5 | 6 => (LevelFilter::DEBUG, LevelFilter::OFF),
            7 | 8 => (LevelFilter::TRACE, LevelFilter::INFO),
            _ => (LevelFilter::TRACE, LevelFilter::DEBUG),
        };
        Some(Targets::new().with_default(others).with_target("svc_trace", own))
    }
}

/// `--color` decides; else NO_COLOR, CLICOLOR_FORCE, and whether there is a terminal, in this order.
fn color(when: ColorWhen, around: &Surroundings) -> Color {
    match when {
        ColorWhen::Always => Color::On,
        ColorWhen::Never => Color::Off,
        ColorWhen::Auto => {
            let terminal = around.terminal.is_some() && !around.dumb;
            if !around.no_color && (around.force_color || terminal) { Color::On } else { Color::Off }
        }
    }
}

fn style(terminal: &TerminalArgs, around: &Surroundings) -> Style {
    let width =
        terminal.width.map(usize::from).or(around.terminal.map(|columns| columns.clamp(60, WIDEST))).unwrap_or(WIDTH);
    let glyphs = if terminal.ascii { Glyphs::Ascii } else { Glyphs::Unicode };
    Style { width, glyphs, ..Style::default() }
}

fn explained(args: ExplainArgs) -> Action {
    let what = match args.code {
        Some(code) => Explained::One(code),
        None if args.all => Explained::All,
        None => Explained::List,
    };
    let form = match args.output {
        PageArg::Human => Form::Terminal,
        PageArg::Markdown => Form::Markdown,
    };
    Action::Explain(what, form)
}

fn output_of(args: &OutputArgs, style: Style) -> Result<Output> {
    let fail_on = match args.fail_on {
        FailOn::Error => Some(Severity::Error),
        FailOn::Warning => Some(Severity::Warning),
        FailOn::Info => Some(Severity::Info),
        FailOn::Never => None,
    };
    let format = match args.output {
        FormatArg::Human => Format::Human,
        FormatArg::Wide => Format::Wide,
        FormatArg::Json => Format::Json,
        FormatArg::Yaml => Format::Yaml,
        FormatArg::Junit => Format::Junit,
        FormatArg::Github => Format::Github,
        FormatArg::Markdown => Format::Markdown,
    };
    let files = args.report.iter().map(|text| report_file(text)).collect::<Result<_>>()?;
    Ok(Output { format, files, style: Style { fail_on, ..style }, step_summary: None })
}

/// `json=FILE`.
fn report_file(text: &str) -> Result<(Format, PathBuf)> {
    let help = "kubectl svc-trace web --report json=report.json";
    let Some((format, file)) = text.split_once('=').filter(|(_, file)| !file.is_empty()) else {
        return Err(Error::usage_help(format!("`--report {text}` is not FORMAT=FILE"), help));
    };
    let format = match format {
        "human" => Format::Human,
        "wide" => Format::Wide,
        "json" => Format::Json,
        "yaml" => Format::Yaml,
        "junit" => Format::Junit,
        "github" => Format::Github,
        "markdown" => Format::Markdown,
        _ => {
            let known = "human, wide, json, yaml, junit, github, markdown";
            return Err(Error::usage_help(format!("`{format}` is no format of a report: {known}"), help));
        }
    };
    Ok((format, PathBuf::from(file)))
}

fn trace(args: TraceArgs, kube: KubeArgs) -> Result<Action> {
    let TraceArgs { target, from, settle, input, nodes, pod, output: _ } = args;
    let asked = asked(target, from, kube.namespace.clone(), nodes.node.clone())?;
    let sampling = if settle { Sampling::Settle } else { Sampling::Once };
    refuse_mixtures(&input, &nodes, &pod, sampling)?;
    let dry_run = pod.dry_run;
    let InputArgs { bundle, node_dump, local } = input;
    let named = nodes.node.clone();
    let mut collect = collect_config(kube, nodes, pod)?;
    if local {
        collect.via = Via::Local;
    }
    if dry_run {
        return Ok(Action::DryRun { asked: Some(asked), collect });
    }
    let input = match (bundle, node_dump.is_empty()) {
        (Some(path), true) => Input::Bundle(path),
        (None, true) => {
            in_a_pods_life(&collect)?;
            Input::Live(Box::new(collect))
        }
        (bundle, false) => {
            collect.via = Via::ApiOnly;
            let objects = bundle.map_or_else(|| ObjectsFrom::Api(Box::new(collect)), ObjectsFrom::Bundle);
            Input::Dumps { files: node_dump, node: one_node(&named)?, objects }
        }
    };
    Ok(Action::Trace { asked, input, sampling })
}

fn dns(args: DnsArgs, kube: KubeArgs, around: &Surroundings) -> Result<Action> {
    let DnsArgs { name, from, bundle, local, save, external, agent_binary, nodes, pod, output: _ } = args;
    let input = InputArgs { bundle, local, node_dump: Vec::new() };
    refuse_mixtures(&input, &nodes, &pod, Sampling::Once)?;
    let asked = DnsAsked {
        name,
        from: from.as_deref().map(Client::parse).transpose()?,
        from_text: from,
        namespace: kube.namespace.clone(),
        nodes: nodes.node.clone(),
        external,
    };
    if let Some(Client::Address(_) | Client::External) = asked.from {
        let help = "say `--from pod/NAME`, `--from deploy/NAME` or `--from node/NAME`";
        return Err(Error::usage_help("questions are asked from inside the cluster alone", help));
    }
    let enters = matches!(asked.from, Some(Client::Pod { .. } | Client::Deployment { .. }));
    if enters && pod.profile == ProfileArg::Netadmin && pod.via == ViaArg::Pod && input.bundle.is_none() && !local {
        return Err(Error::usage_help(
            "only a privileged pod can enter another pod's network namespace, and `--profile netadmin` forbids one",
            "leave `--from` out: an unprivileged pod asks; or leave `--profile` out",
        ));
    }
    if pod.via == ViaArg::KubeProxy {
        return Err(Error::usage_help(
            "DNS is asked from a pod of its own, and `--via kube-proxy` makes none",
            "leave `--via` out, or say `--via api`: what the objects tell, and no question",
        ));
    }
    let dry_run = pod.dry_run;
    let mut collect = collect_config(kube, nodes, pod)?;
    // in a pod nothing has to be made to ask as a pod does
    let no_place = asked.from.is_none() && collect.nodes.which == WhichNodes::One && collect.via == Via::DebugPod;
    if local || (around.in_cluster && no_place) {
        collect.via = Via::Local;
    }
    collect.agent = agent_binary;
    let input = match input.bundle {
        Some(path) => DnsInput::Bundle(path),
        None if dry_run => DnsInput::DryRun(Box::new(collect)),
        None => {
            in_a_pods_life(&collect)?;
            DnsInput::Live { collect: Box::new(collect), save }
        }
    };
    Ok(Action::Dns { asked, input })
}

/// Flags that contradict each other.
fn refuse_mixtures(input: &InputArgs, nodes: &NodeArgs, pod: &PodArgs, sampling: Sampling) -> Result<()> {
    let chosen = [!nodes.node.is_empty(), nodes.node_selector.is_some(), nodes.all_nodes];
    if chosen.iter().filter(|chosen| **chosen).count() > 1 {
        return Err(Error::usage_help(
            "`--node`, `--node-selector` and `--all-nodes` exclude each other",
            "give one of them",
        ));
    }
    let offline = if input.bundle.is_some() {
        Some("--bundle")
    } else if !input.node_dump.is_empty() {
        Some("--node-dump")
    } else {
        None
    };
    if let Some(offline) = offline {
        let live = [
            ("--local", input.local),
            ("--settle", sampling == Sampling::Settle),
            ("--node-selector", nodes.node_selector.is_some()),
            ("--dry-run", pod.dry_run),
            ("--image", pod.image.is_some()),
            ("--via", pod.via != ViaArg::Pod),
        ];
        if let Some((flag, _)) = live.iter().find(|(_, given)| *given) {
            return Err(Error::usage_help(
                format!("`{flag}` needs a node to read, `{offline}` reads none"),
                format!("leave out `{flag}` or `{offline}`"),
            ));
        }
    }
    if input.local && (nodes.node.len() > 1 || nodes.node_selector.is_some() || nodes.all_nodes) {
        let help = "leave out `--local`, or say with one `--node` which node this machine is";
        return Err(Error::usage_help("`--local` reads this machine alone, no other node can be chosen", help));
    }
    if input.local && pod.via != ViaArg::Pod {
        return Err(Error::usage_help("`--local` reads this machine itself, `--via` has no say", "leave out `--via`"));
    }
    Ok(())
}

fn one_node(names: &[String]) -> Result<Option<String>> {
    match names {
        [] => Ok(None),
        [one] => Ok(Some(one.clone())),
        _ => Err(Error::usage_help(
            "pasted dumps are of one node, `--node` names several",
            "kubectl svc-trace collect -d DIR makes a bundle of several",
        )),
    }
}

fn asked(target: String, from: Option<String>, namespace: Option<String>, nodes: Vec<String>) -> Result<Asked> {
    Ok(Asked {
        target: Target::parse(&target)?,
        target_text: target,
        from: from.as_deref().map(Client::parse).transpose()?,
        from_text: from,
        namespace,
        nodes,
    })
}

fn collect(args: CollectArgs, kube: KubeArgs) -> Result<Action> {
    let CollectArgs { target, dir, output, all_namespaces, from, local, nodes, pod } = args;
    if all_namespaces && target.is_some() {
        return Err(Error::usage_help(
            "`-A` collects all Services, a target only what it needs",
            "leave out one of them",
        ));
    }
    let input = InputArgs { local, ..InputArgs::default() };
    refuse_mixtures(&input, &nodes, &pod, Sampling::Once)?;
    let asked = target.map(|target| asked(target, from, kube.namespace.clone(), nodes.node.clone())).transpose()?;
    let dry_run = pod.dry_run;
    let mut collect = collect_config(kube, nodes, pod)?;
    if local {
        collect.via = Via::Local;
    }
    if dry_run {
        return Ok(Action::DryRun { asked, collect });
    }
    let Some(to) = dir.or(output) else {
        return Err(Error::usage_help("`collect` does not say where to", "kubectl svc-trace collect -d DIR"));
    };
    in_a_pods_life(&collect)?;
    let reach = if all_namespaces { Reach::Cluster } else { Reach::Namespace };
    Ok(Action::Collect { asked, reach, collect, to })
}

fn packet(args: PacketArgs) -> Result<Action> {
    let help = "kubectl svc-trace packet --bundle DIR --node NODE --from 10.244.1.5 --to 10.96.0.1:443 --protocol tcp";
    let from: IpAddr =
        args.from.parse().map_err(|_| Error::usage_help(format!("`--from {}` is not an address", args.from), help))?;
    let to: SocketAddr = args
        .to
        .parse()
        .map_err(|_| Error::usage_help(format!("`--to {}` is not an address with a port", args.to), help))?;
    if from.is_ipv4() != to.is_ipv4() {
        return Err(Error::usage_help(format!("`{from}` and `{}` are of two families", to.ip()), help));
    }
    let protocol = match args.protocol {
        ProtocolArg::Tcp => Protocol::Tcp,
        ProtocolArg::Udp => Protocol::Udp,
        ProtocolArg::Sctp => Protocol::Sctp,
    };
    let input = match args.bundle {
        Some(path) => PacketInput::Bundle(path),
        None => PacketInput::Dumps(args.node_dump),
    };
    Ok(Action::Packet { packet: PacketQuery { node: args.node, from, from_port: args.from_port, to, protocol }, input })
}

fn collect_config(kube: KubeArgs, nodes: NodeArgs, pod: PodArgs) -> Result<CollectConfig> {
    let request = kube.request_timeout.as_deref().map(|text| duration("--request-timeout", text)).transpose()?;
    let mut limits = Limits::default();
    if let Some(request) = request {
        limits.request = request;
    }
    if let Some(text) = &nodes.timeout {
        limits.node = duration("--timeout", text)?;
        limits.pod_start = limits.pod_start.min(limits.node);
    }
    let which = if nodes.all_nodes {
        WhichNodes::All
    } else if let Some(labels) = nodes.node_selector {
        WhichNodes::Selector(labels)
    } else if nodes.node.is_empty() {
        WhichNodes::One
    } else {
        WhichNodes::Named(nodes.node)
    };
    Ok(CollectConfig {
        kube: kube_options(kube),
        nodes: NodeChoice { which, max: nodes.max_nodes.and_then(|max| usize::try_from(max).ok()) },
        via: match pod.via {
            ViaArg::Pod => Via::DebugPod,
            ViaArg::KubeProxy => Via::KubeProxy,
            ViaArg::Api => Via::ApiOnly,
        },
        pod: PodOptions {
            namespace: pod.pod_namespace,
            image: pod.image,
            pull_secret: pod.image_pull_secret,
            profile: match pod.profile {
                ProfileArg::Auto => Profile::Auto,
                ProfileArg::Netadmin => Profile::Netadmin,
                ProfileArg::Sysadmin => Profile::Sysadmin,
            },
        },
        limits,
        ..CollectConfig::default()
    })
}

/// A pod that is read with must not end before the reading may.
fn in_a_pods_life(collect: &CollectConfig) -> Result<()> {
    let Limits { node, pod_start, .. } = collect.limits;
    let lives = Duration::from_secs(DEADLINE.unsigned_abs());
    if collect.via == Via::DebugPod && node.saturating_add(pod_start) > lives {
        return Err(Error::usage_help(
            format!("`--timeout` of {node:?} is longer than a debug pod lives, which ends by itself after {lives:?}"),
            "--timeout 4m; or --via kube-proxy, which makes none",
        ));
    }
    Ok(())
}

fn kube_options(kube: KubeArgs) -> KubeOptions {
    KubeOptions {
        kubeconfig: kube.kubeconfig,
        context: kube.context,
        cluster: kube.cluster,
        user: kube.user,
        namespace: kube.namespace,
        impersonate: kube.impersonate,
        impersonate_groups: kube.impersonate_groups,
    }
}

/// `5s`, `1m30s`, `5` (seconds); `0` is as long as a day, which nobody waits for.
fn duration(flag: &str, text: &str) -> Result<Duration> {
    let wrong = || Error::usage_help(format!("`{flag} {text}` is not a time"), format!("{flag} 30s, {flag} 2m"));
    let read = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => text
            .parse::<jiff::SignedDuration>()
            .ok()
            .and_then(|read| Duration::try_from(read).ok())
            .ok_or_else(wrong)?,
    };
    Ok(if read.is_zero() { Duration::from_secs(24 * 60 * 60) } else { read })
}
