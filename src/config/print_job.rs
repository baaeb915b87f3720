//! The words of a check once more, for a Job that does the same: what was typed, without what is of this machine.

use std::collections::BTreeSet;

use clap::ValueEnum;

use crate::cli::check::CheckArgs;
use crate::cli::{KubeArgs, ViaArg};
use crate::collect::config::POD_NAMESPACE;
use crate::job::{Home, JobOf, Reach};
use crate::report::check::SuiteKind;

/// The Job of a check of these suites.
pub(super) fn job(image: &str, args: &CheckArgs, kube: &KubeArgs, suites: &BTreeSet<SuiteKind>) -> JobOf {
    let on_nodes = suites.iter().any(|kind| match kind {
        SuiteKind::Dataplane | SuiteKind::Nodes | SuiteKind::Dns | SuiteKind::Probe => true,
        SuiteKind::Objects => false,
    });
    let reach = match args.pod.via {
        ViaArg::Pod if on_nodes => Reach::Pods,
        ViaArg::KubeProxy if on_nodes => Reach::KubeProxy,
        ViaArg::Pod | ViaArg::KubeProxy | ViaArg::Api => Reach::Api,
    };
    let mut words = Words(args.services.clone());
    words.0.extend(args.all_namespaces.then(|| "-A".to_owned()));
    words.value("-n", kube.namespace.as_ref().filter(|_| !args.all_namespaces));
    words.value("-l", args.selector.as_ref());
    words.values("--exclude-namespace", &args.exclude_namespace);
    words.values("--suite", &args.suite.iter().filter_map(named).collect::<Vec<_>>());
    words.0.extend(args.reach.probe.then(|| "--probe".to_owned()));
    words.value("--external", args.external.as_ref());
    words.0.extend(args.reach.no_settle.then(|| "--no-settle".to_owned()));
    words.value("--timeout", args.timeout.as_ref());
    words.values("--node", &args.nodes.node);
    words.value("--node-selector", args.nodes.node_selector.as_ref());
    words.0.extend(args.nodes.all_nodes.then(|| "--all-nodes".to_owned()));
    words.value("--sample", args.nodes.sample.map(|count| count.to_string()).as_ref());
    words.value("--max-nodes", args.nodes.max_nodes.map(|count| count.to_string()).as_ref());
    for code in &args.gate.ignore {
        words.value("--ignore", Some(code));
    }
    words.0.extend(args.gate.require_complete.then(|| "--require-complete".to_owned()));
    words.chosen("--via", &args.pod.via);
    words.chosen("--profile", &args.pod.profile);
    // elsewhere none is made, and rights are those in kube-proxy's own
    words.value("--pod-namespace", args.pod.pod_namespace.as_ref().filter(|_| reach == Reach::Pods));
    words.value("--image", args.pod.image.as_ref());
    words.value("--image-pull-secret", args.pod.image_pull_secret.as_ref());
    words.chosen("--output", &args.output.output);
    words.chosen("--fail-on", &args.output.fail_on);
    let namespace = args.pod.pod_namespace.clone().unwrap_or_else(|| POD_NAMESPACE.to_owned());
    let bare = args.services.iter().any(|name| !name.trim_start_matches("svc/").contains('/'));
    let home = if bare && kube.namespace.is_none() { Home::OfContext } else { Home::Said };
    JobOf { image: image.to_owned(), namespace, reach, home, arguments: words.0 }
}

/// What will be typed.
struct Words(Vec<String>);

impl Words {
    fn value(&mut self, flag: &str, value: Option<&String>) {
        if let Some(value) = value {
            self.0.extend([flag.to_owned(), value.clone()]);
        }
    }

    fn values(&mut self, flag: &str, values: &[String]) {
        if !values.is_empty() {
            self.0.extend([flag.to_owned(), values.join(",")]);
        }
    }

    /// What is not the default.
    fn chosen<T: ValueEnum + Default + PartialEq>(&mut self, flag: &str, value: &T) {
        if *value != T::default() {
            self.value(flag, named(value).as_ref());
        }
    }
}

fn named<T: ValueEnum>(value: &T) -> Option<String> {
    Some(value.to_possible_value()?.get_name().to_owned())
}
