//! What the words of `check` mean together.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use crate::cli::check::{CheckArgs, CheckNodeArgs, GateArgs, SuiteArg};
use crate::cli::{KubeArgs, ViaArg};
use crate::cluster::labels::Labels;
use crate::collect::config::{CollectConfig, WhichNodes};
use crate::diagnose::CheckQuery;
use crate::diagnose::check::{Chosen, Selection};
use crate::gate::Ignore;
use crate::query::Target;
use crate::report::check::{GapsAre, SuiteKind};
use crate::{Error, Result};

use super::{Action, NodeArgs, Sampling, collect_config, duration};

/// Nodes that are read unless others are chosen.
const SAMPLE: usize = 3;

/// A check, its files not read yet.
#[derive(Debug, Clone)]
pub struct CheckAction {
    /// What is checked; names without a namespace are of the context's.
    pub query: CheckQuery,
    /// Where data comes from.
    pub input: CheckInput,
    /// Whether differences are looked at twice.
    pub sampling: Sampling,
    /// What is accepted.
    pub gate: GateFiles,
    /// Longest time for all of it.
    pub limit: Option<Duration>,
    /// Where what was read is kept.
    pub save: Option<PathBuf>,
}

/// Where the data for a check comes from.
#[derive(Debug, Clone)]
pub enum CheckInput {
    /// A cluster.
    Live(Box<CollectConfig>),
    /// A bundle.
    Bundle(PathBuf),
}

/// What is accepted, as far as the command line tells.
#[derive(Debug, Clone, Default)]
pub struct GateFiles {
    /// `--ignore`.
    pub ignores: Vec<Ignore>,
    /// `--ignore-file`.
    pub files: Vec<PathBuf>,
    /// `--baseline`.
    pub baseline: Option<PathBuf>,
    /// `--write-baseline`.
    pub write: Option<PathBuf>,
    /// What a gap does.
    pub gaps: GapsAre,
}

/// The action of these words.
pub(super) fn check(args: CheckArgs, kube: KubeArgs) -> Result<Action> {
    let typed = args.clone();
    let CheckArgs { services, all_namespaces, selector, exclude_namespace, suite, nodes, gate, pod, .. } = args;
    if !services.is_empty() && (all_namespaces || selector.is_some()) {
        return Err(Error::usage_help(
            "Services are chosen by name, or by `-A` and `-l`, not by both",
            "kubectl svc-trace check shop/web shop/cart",
        ));
    }
    refuse_mixtures(&nodes, args.bundle.as_ref(), &pod)?;
    let names = services.iter().map(|name| named(name)).collect::<Result<Vec<_>>>()?;
    let chosen = !names.is_empty()
        || all_namespaces
        || selector.is_some()
        || kube.namespace.is_some()
        || !exclude_namespace.is_empty();
    let (mut suites, smoke) = suites(&suite, chosen)?;
    if args.reach.probe {
        probed(&suites, &pod)?;
        suites.insert(SuiteKind::Probe);
    }
    // names of namespaces count where Services are chosen by them
    let namespace = kube.namespace.clone().filter(|_| !all_namespaces);
    let text = words(&services, all_namespaces, namespace.as_deref(), selector.as_deref());
    let labels = selector.as_deref().map(Labels::parse).transpose()?;
    let services = if smoke {
        Selection::Smoke
    } else {
        Selection::Chosen(Box::new(Chosen { names, namespace, labels, without: exclude_namespace }))
    };
    let query = CheckQuery {
        suites,
        services,
        nodes: nodes.node.clone(),
        sample: nodes.sample.and_then(|count| usize::try_from(count).ok()),
        external: args.external.clone(),
        text,
    };
    if let Some(image) = &typed.print_job {
        let job = super::print_job::job(image, &typed, &kube, &query.suites);
        return Ok(Action::PrintJob { job, kube: super::kube_options(kube) });
    }
    let sampling = if args.reach.no_settle { Sampling::Once } else { Sampling::Settle };
    let limit = args.timeout.as_deref().map(|text| duration("--timeout", text)).transpose()?;
    let input = if let Some(path) = args.bundle {
        CheckInput::Bundle(path)
    } else {
        let mut collect = live(nodes, kube, pod)?;
        collect.agent = args.agent_binary;
        CheckInput::Live(Box::new(collect))
    };
    Ok(Action::Check(Box::new(CheckAction { query, input, sampling, gate: gate_of(gate)?, limit, save: args.save })))
}

fn live(nodes: CheckNodeArgs, kube: KubeArgs, pod: crate::cli::PodArgs) -> Result<CollectConfig> {
    let sample = nodes.sample;
    let args = NodeArgs {
        node: nodes.node,
        node_selector: nodes.node_selector,
        all_nodes: nodes.all_nodes,
        max_nodes: nodes.max_nodes,
        timeout: None,
    };
    let mut collect = collect_config(kube, args, pod)?;
    if collect.nodes.which == WhichNodes::One {
        let count = sample.and_then(|count| usize::try_from(count).ok()).unwrap_or(SAMPLE);
        collect.nodes.which = WhichNodes::Sample(count);
    }
    Ok(collect)
}

/// Flags that contradict each other.
fn refuse_mixtures(nodes: &CheckNodeArgs, bundle: Option<&PathBuf>, pod: &crate::cli::PodArgs) -> Result<()> {
    let chosen = [!nodes.node.is_empty(), nodes.node_selector.is_some(), nodes.all_nodes, nodes.sample.is_some()];
    if chosen.iter().filter(|chosen| **chosen).count() > 1 {
        return Err(Error::usage_help(
            "`--node`, `--node-selector`, `--all-nodes` and `--sample` exclude each other",
            "give one of them",
        ));
    }
    let live = [
        ("--node-selector", nodes.node_selector.is_some()),
        ("--image", pod.image.is_some()),
        ("--dry-run", pod.dry_run),
    ];
    match live.iter().find(|(_, given)| *given) {
        Some((flag, _)) if bundle.is_some() => Err(Error::usage_help(
            format!("`{flag}` needs a node to read, `--bundle` reads none"),
            format!("leave out `{flag}` or `--bundle`"),
        )),
        Some(("--dry-run", _)) => Err(Error::usage_help(
            "`check` has no `--dry-run`",
            "kubectl svc-trace web --dry-run prints what is made on a node",
        )),
        Some(_) | None => Ok(()),
    }
}

/// What `--probe` needs: rules that say what is delivered, and a pod.
fn probed(suites: &BTreeSet<SuiteKind>, pod: &crate::cli::PodArgs) -> Result<()> {
    if !suites.contains(&SuiteKind::Dataplane) {
        return Err(Error::usage_help(
            "`--probe` connects to what the rules deliver, and this suite reads none",
            "kubectl svc-trace check --probe --suite dataplane",
        ));
    }
    match pod.via {
        ViaArg::Pod => Ok(()),
        ViaArg::KubeProxy | ViaArg::Api => Err(Error::usage_help(
            "`--probe` connects from a pod of its own on each node, and this `--via` makes none",
            "leave `--via` or `--probe` out",
        )),
    }
}

/// The suites, and whether Services are a sample.
fn suites(asked: &[SuiteArg], chosen: bool) -> Result<(BTreeSet<SuiteKind>, bool)> {
    let all = BTreeSet::from(SuiteKind::ALL);
    if asked.is_empty() {
        return Ok((all, !chosen));
    }
    if asked.contains(&SuiteArg::Smoke) {
        return if chosen || asked.len() > 1 {
            Err(Error::usage_help(
                "the smoke suite chooses its Services itself, and is all suites at once",
                "kubectl svc-trace check --suite smoke",
            ))
        } else {
            Ok((all, true))
        };
    }
    let mut suites = BTreeSet::new();
    for suite in asked {
        match suite {
            SuiteArg::Objects => suites.extend([SuiteKind::Objects]),
            SuiteArg::Dataplane => suites.extend([SuiteKind::Dataplane, SuiteKind::Nodes]),
            SuiteArg::Dns => suites.extend([SuiteKind::Dns]),
            SuiteArg::All | SuiteArg::Smoke => suites.extend(SuiteKind::ALL),
        }
    }
    Ok((suites, false))
}

/// `web`, `shop/web`, `svc/web`.
fn named(text: &str) -> Result<(Option<String>, String)> {
    match Target::parse(text)? {
        Target::Service { namespace, name, port: None, protocol: None } => Ok((namespace, name)),
        Target::Service { .. } | Target::Address { .. } | Target::Node { .. } | Target::Ingress { .. } => {
            Err(Error::usage_help(
                format!("`{text}` is no name of a Service: a check looks at all its addresses and ports"),
                "kubectl svc-trace check web",
            ))
        }
    }
}

/// What was asked, for the echo.
fn words(services: &[String], everywhere: bool, namespace: Option<&str>, labels: Option<&str>) -> String {
    let mut words: Vec<String> = services.to_vec();
    words.extend(everywhere.then(|| "-A".to_owned()));
    words.extend(namespace.map(|name| format!("-n {name}")));
    words.extend(labels.map(|labels| format!("-l {labels}")));
    words.join(" ")
}

fn gate_of(args: GateArgs) -> Result<GateFiles> {
    Ok(GateFiles {
        ignores: args.ignore.iter().map(|text| Ignore::parse(text)).collect::<Result<_>>()?,
        files: args.ignore_file,
        baseline: args.baseline,
        write: args.write_baseline,
        gaps: if args.require_complete { GapsAre::Failures } else { GapsAre::Open },
    })
}
