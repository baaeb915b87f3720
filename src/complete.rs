//! Candidates for the word that is being typed, as kubectl asks a plugin's `kubectl_complete-NAME` for them: one a
//! line, a tab and its help after it, at the end a directive. Never an error: without a cluster there are fewer.

use std::ffi::{OsStr, OsString};
use std::sync::Arc;

use clap::{Command, CommandFactory};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate, complete};

use crate::cli::Cli;
use crate::collect::config::KubeOptions;
use crate::collect::names::{self, Names};
use crate::render::clean;
use crate::report::Code;
use crate::{demo, sugar};

/// "Do not offer files": ShellCompDirectiveNoFileComp (cobra completions.go).
const NO_FILES: u8 = 4;
/// "Offer files too": ShellCompDirectiveDefault.
const FILES: u8 = 0;

/// Flags whose value is a file or a folder.
const FILE_FLAGS: [&str; 11] = [
    "--agent-binary",
    "--baseline",
    "--bundle",
    "--dir",
    "--ignore-file",
    "--kubeconfig",
    "--node-dump",
    "--report",
    "--save",
    "--write-baseline",
    "-d",
];

/// `-o` is the form of an answer, and of `collect` a file.
fn is_archive(flag: &str, typed: &[OsString]) -> bool {
    ["-o", "--output"].contains(&flag) && typed.iter().any(|word| word == "collect")
}

/// The candidates for the last of `words`, which may be empty.
#[must_use]
pub fn candidates(words: &[String]) -> String {
    let live = Arc::new(options(words));
    let words: Vec<OsString> =
        std::iter::once("kubectl-svc_trace".to_owned()).chain(words.iter().cloned()).map(OsString::from).collect();
    let before = words.len().checked_sub(2).and_then(|at| words.get(at)).and_then(|word| word.to_str());
    let flag = words.last().is_some_and(|word| word.as_encoded_bytes().starts_with(b"-"));
    let mut found = Vec::new();
    let typed = words.get(1..words.len().max(2) - 1).unwrap_or_default();
    let cli = command(&live);
    if sugar::first_plain(&cli, typed).is_none() {
        // the word may become a subcommand as well as a target
        found.extend(of(cli.clone(), words.clone()));
        if !flag {
            let mut with_trace = words.clone();
            with_trace.insert(1, "trace".into());
            found.extend(of(cli, with_trace));
        }
    } else {
        found.extend(of(cli.clone(), sugar::with_trace(&cli, words.clone())));
    }
    // flags are many, and offered when one is begun
    found.retain(|candidate| flag || !candidate.get_value().as_encoded_bytes().starts_with(b"-"));
    let mut lines: Vec<String> = Vec::new();
    for candidate in found {
        let text = written(&candidate);
        if !lines.contains(&text) {
            lines.push(text);
        }
    }
    let directive =
        if before.is_some_and(|flag| FILE_FLAGS.contains(&flag) || is_archive(flag, typed)) { FILES } else { NO_FILES };
    lines.push(format!(":{directive}"));
    lines.join("\n") + "\n"
}

fn of(mut cli: Command, words: Vec<OsString>) -> Vec<CompletionCandidate> {
    let last = words.len().saturating_sub(1);
    let found = complete(&mut cli, words, last, None).unwrap_or_default();
    found.into_iter().filter(|candidate| !candidate.is_hide_set()).collect()
}

/// `web`, or `--all-nodes` and its help.
fn written(candidate: &CompletionCandidate) -> String {
    let value = candidate.get_value().to_string_lossy();
    let help = candidate.get_help().map(ToString::to_string).unwrap_or_default();
    let help = help.lines().next().unwrap_or_default();
    if help.is_empty() { clean(&value).into_owned() } else { format!("{}\t{}", clean(&value), clean(help)) }
}

/// The command line with what is known of the cluster behind it.
fn command(live: &Arc<KubeOptions>) -> Command {
    let from = |what: Names| {
        let live = Arc::clone(live);
        ArgValueCompleter::new(move |current: &OsStr| starting(current, names::list(what, &live)))
    };
    let target = || {
        let live = Arc::clone(live);
        ArgValueCompleter::new(move |current: &OsStr| {
            let what = if current.as_encoded_bytes().contains(&b':') { Names::ServicePorts } else { Names::Services };
            starting(current, names::list(what, &live))
        })
    };
    let codes = ArgValueCompleter::new(|current: &OsStr| {
        let codes =
            Code::ALL.iter().map(|code| CompletionCandidate::new(code.as_str()).help(Some(code.meaning().into())));
        codes.filter(|code| begins(code.get_value(), current)).collect()
    });
    let demos = ArgValueCompleter::new(|current: &OsStr| {
        let demos =
            demo::SCENARIOS.iter().map(|demo| CompletionCandidate::new(demo.name).help(Some(demo.about.into())));
        demos.filter(|demo| begins(demo.get_value(), current)).collect()
    });
    Cli::command()
        .mut_arg("namespace", |arg| arg.add(from(Names::Namespaces)))
        .mut_arg("context", |arg| arg.add(from(Names::Contexts)))
        .mut_subcommand("trace", |sub| {
            sub.mut_arg("target", |arg| arg.add(target()))
                .mut_arg("from", |arg| arg.add(from(Names::Clients)))
                .mut_arg("node", |arg| arg.add(from(Names::Nodes)))
                .mut_arg("pod_namespace", |arg| arg.add(from(Names::Namespaces)))
        })
        .mut_subcommand("check", |sub| {
            sub.mut_arg("services", |arg| arg.add(from(Names::Services)))
                .mut_arg("node", |arg| arg.add(from(Names::Nodes)))
                .mut_arg("exclude_namespace", |arg| arg.add(from(Names::Namespaces)))
                .mut_arg("ignore", |arg| arg.add(codes.clone()))
        })
        .mut_subcommand("collect", |sub| {
            sub.mut_arg("target", |arg| arg.add(target())).mut_arg("node", |arg| arg.add(from(Names::Nodes)))
        })
        .mut_subcommand("explain", |sub| sub.mut_arg("code", |arg| arg.add(codes)))
        .mut_subcommand("demo", |sub| sub.mut_arg("scenario", |arg| arg.add(demos)))
}

fn begins(value: &OsStr, current: &OsStr) -> bool {
    value.as_encoded_bytes().starts_with(current.as_encoded_bytes())
}

fn starting(current: &OsStr, names: Vec<String>) -> Vec<CompletionCandidate> {
    names.into_iter().filter(|name| begins(OsStr::new(name), current)).map(CompletionCandidate::new).collect()
}

/// The connection that the words so far ask for.
fn options(words: &[String]) -> KubeOptions {
    let value = |flags: &[&str]| {
        words.iter().enumerate().find_map(|(at, word)| match word.split_once('=') {
            Some((flag, value)) if flags.contains(&flag) => Some(value.to_owned()),
            _ if flags.contains(&word.as_str()) => words.get(at + 1).filter(|_| at + 2 < words.len()).cloned(),
            _ => None,
        })
    };
    KubeOptions {
        kubeconfig: value(&["--kubeconfig"]).map(Into::into),
        context: value(&["--context"]),
        cluster: value(&["--cluster"]),
        user: value(&["--user"]),
        namespace: value(&["-n", "--namespace"]),
        impersonate: value(&["--as"]),
        ..KubeOptions::default()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    /// Candidates without a cluster: the kubeconfig that is named does not exist.
    fn offline(words: &[&str]) -> Vec<String> {
        let nowhere = ["--kubeconfig=/nonexistent/kubeconfig"];
        let words: Vec<String> = nowhere.iter().chain(words).map(|word| (*word).to_owned()).collect();
        candidates(&words).lines().map(|line| line.split('\t').next().unwrap_or_default().to_owned()).collect()
    }

    #[test]
    fn words_of_our_own() {
        assert_eq!(offline(&["dem"]), ["demo", ":4"]);
        assert_eq!(
            offline(&[""]),
            ["trace", "dns", "check", "collect", "packet", "explain", "demo", "cleanup", "completion", ":4"]
        );
        assert_eq!(offline(&["demo", "sta"]), ["stale-endpoint", ":4"]);
        assert_eq!(offline(&["explain", "forward-d"]), ["forward-drop", ":4"]);
        assert_eq!(offline(&["web", "--all-n"]), ["--all-nodes", ":4"]);
        assert_eq!(offline(&["web", "-o", "w"]), ["wide", ":4"]);
    }

    #[test]
    fn without_a_cluster_there_is_silence() {
        assert_eq!(offline(&["we"]), [":4"]);
        assert_eq!(offline(&["web", "--node", ""]), [":4"]);
        assert_eq!(offline(&["web", "--from", "pod/"]), [":4"]);
        assert_eq!(offline(&["web", "--bundle", ""]).last().map(String::as_str), Some(":0"));
    }

    #[test]
    fn the_connection_is_the_one_that_is_typed() {
        let words: Vec<String> =
            ["-n", "shop", "--context=big", "web", "--as"].iter().map(|w| (*w).to_owned()).collect();
        let read = options(&words);
        assert_eq!(
            (read.namespace.as_deref(), read.context.as_deref(), read.impersonate),
            (Some("shop"), Some("big"), None)
        );
        let typing: Vec<String> = ["-n", "sh"].iter().map(|w| (*w).to_owned()).collect();
        assert_eq!(options(&typing).namespace, None);
    }
}
