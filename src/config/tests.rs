//! What typed words become, and which are refused.

use clap::{CommandFactory, Parser};

use super::*;
use crate::sugar;

fn read(typed: &str, around: &Surroundings) -> Result<Config> {
    let words = std::iter::once("svc-trace").chain(typed.split_whitespace()).map(Into::into).collect();
    Config::new(Cli::try_parse_from(sugar::with_trace(&Cli::command(), words)).unwrap(), around)
}

#[track_caller]
fn config(typed: &str) -> Config {
    read(typed, &Surroundings::default()).unwrap()
}

#[track_caller]
fn refused(typed: &str, want: &str) {
    let error = read(typed, &Surroundings::default()).unwrap_err();
    assert_eq!(error.to_string(), want, "{typed}");
    assert!(error.hint().is_some(), "{typed}");
}

#[track_caller]
fn live(typed: &str) -> CollectConfig {
    match config(typed).action {
        Action::Trace { input: Input::Live(collect), .. } => *collect,
        other => panic!("{typed}: {other:?}"),
    }
}

#[test]
fn the_command_line_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn nodes() {
    assert_eq!(live("web").nodes.which, WhichNodes::One);
    assert_eq!(
        live("web --node a,b --node c").nodes.which,
        WhichNodes::Named(vec!["a".into(), "b".into(), "c".into()])
    );
    assert_eq!(live("web --node-selector pool=x").nodes.which, WhichNodes::Selector("pool=x".into()));
    let all = live("web --all-nodes --max-nodes 7").nodes;
    assert_eq!((all.which, all.max), (WhichNodes::All, Some(7)));
    refused("web --all-nodes --node a", "`--node`, `--node-selector` and `--all-nodes` exclude each other");
}

#[test]
fn means() {
    assert_eq!(live("web").via, Via::DebugPod);
    assert_eq!(live("web --via kube-proxy").via, Via::KubeProxy);
    assert_eq!(live("web --via api").via, Via::ApiOnly);
    assert_eq!(live("web --local").via, Via::Local);
    let pod = live("web --profile sysadmin --image x --image-pull-secret s --pod-namespace p").pod;
    assert_eq!(
        (pod.profile, pod.image.as_deref(), pod.pull_secret.as_deref()),
        (Profile::Sysadmin, Some("x"), Some("s"))
    );
    assert_eq!(pod.namespace(), "p");
    assert_eq!(
        live("web --local --node a").nodes.which,
        WhichNodes::Named(vec!["a".into()]),
        "its name in the cluster"
    );
    refused("web --local --node a,b", "`--local` reads this machine alone, no other node can be chosen");
    refused("web --local --all-nodes", "`--local` reads this machine alone, no other node can be chosen");
    refused("web --local --via api", "`--local` reads this machine itself, `--via` has no say");
}

#[test]
fn kubectls_flags_mean_what_they_mean() {
    let kube =
        live("-n shop --context big --cluster c --user u --as eve --as-group g --as-group h --request-timeout 5s web")
            .kube;
    assert_eq!((kube.namespace.as_deref(), kube.context.as_deref()), (Some("shop"), Some("big")));
    assert_eq!(
        (kube.cluster.as_deref(), kube.user.as_deref(), kube.impersonate.as_deref()),
        (Some("c"), Some("u"), Some("eve"))
    );
    assert_eq!(kube.impersonate_groups, ["g", "h"]);
    assert_eq!(live("web --request-timeout=5s").limits.request, Duration::from_secs(5));
    assert!(
        live("web --request-timeout 0").limits.request > Duration::from_secs(3600),
        "0 waits for ever, as for kubectl"
    );
    assert_eq!(live("web --timeout 1m30s").limits.node, Duration::from_secs(90));
    refused("web --timeout soon", "`--timeout soon` is not a time");
    let targets = config("web -v 6").log_targets().unwrap();
    assert!(targets.would_enable("svc_trace::collect", &tracing::Level::DEBUG));
    assert!(!targets.would_enable("svc_trace", &tracing::Level::TRACE));
    assert!(!targets.would_enable("kube", &tracing::Level::ERROR));
    assert_eq!(config("web").log_targets(), None);
}

#[test]
fn offline_inputs() {
    assert!(matches!(config("web --bundle x").action, Action::Trace { input: Input::Bundle(_), .. }));
    match config("web --node-dump - --node a").action {
        Action::Trace { input: Input::Dumps { files, node, objects: ObjectsFrom::Api(api) }, .. } => {
            assert_eq!((files.len(), node.as_deref(), api.via), (1, Some("a"), Via::ApiOnly));
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(
        config("web --node-dump x --bundle y").action,
        Action::Trace { input: Input::Dumps { objects: ObjectsFrom::Bundle(_), .. }, .. }
    ));
    refused("web --bundle x --settle", "`--settle` needs a node to read, `--bundle` reads none");
    refused("web --node-dump x --local", "`--local` needs a node to read, `--node-dump` reads none");
    refused("web --node-dump x --node a,b", "pasted dumps are of one node, `--node` names several");
}

#[test]
fn bundles_to_make() {
    match config("collect -A -o x.tgz").action {
        Action::Collect { asked: None, reach: Reach::Cluster, to, .. } => assert_eq!(to, PathBuf::from("x.tgz")),
        other => panic!("{other:?}"),
    }
    assert!(matches!(
        config("collect web -d x").action,
        Action::Collect { asked: Some(_), reach: Reach::Namespace, .. }
    ));
    assert!(matches!(config("collect --dry-run").action, Action::DryRun { asked: None, .. }));
    refused("collect web -A -d x", "`-A` collects all Services, a target only what it needs");
}

#[test]
fn packets() {
    match config("packet --bundle x --node a --from 10.0.0.1 --from-port 7 --to 10.96.0.1:443 --protocol udp").action {
        Action::Packet { packet, .. } => {
            assert_eq!(
                (packet.node.as_deref(), packet.from_port, packet.protocol),
                (Some("a"), Some(7), Protocol::Udp)
            );
        }
        other => panic!("{other:?}"),
    }
    refused("packet --bundle x --from 10.0.0.1 --to fd00::1", "`--to fd00::1` is not an address with a port");
    refused("packet --bundle x --from me --to 10.96.0.1:443", "`--from me` is not an address");
}

#[test]
fn colour_and_width() {
    let at = |typed: &str, around: &Surroundings| read(typed, around).unwrap();
    let terminal = Surroundings { terminal: Some(200), ..Surroundings::default() };
    let plain = Surroundings { no_color: true, ..terminal.clone() };
    assert_eq!(at("web", &terminal).color, Color::On);
    assert_eq!(at("web", &plain).color, Color::Off);
    assert_eq!(at("web --color always", &plain).color, Color::On);
    assert_eq!(at("web", &Surroundings { dumb: true, ..terminal.clone() }).color, Color::Off);
    assert_eq!(at("web", &Surroundings { force_color: true, ..Surroundings::default() }).color, Color::On);
    assert_eq!(config("web").color, Color::Off);
    assert_eq!((config("web").output.style.width, at("web", &terminal).output.style.width), (80, 120));
    assert_eq!(at("web --width 200", &terminal).output.style.width, 200);
    assert_eq!(at("web", &Surroundings { terminal: Some(20), ..Surroundings::default() }).output.style.width, 60);
    assert_eq!(config("web --ascii").output.style.glyphs, Glyphs::Ascii);
}

#[test]
fn reports() {
    let output = config("web -o wide --report json=a --report human=b=c --fail-on warning").output;
    assert_eq!(output.files, [(Format::Json, PathBuf::from("a")), (Format::Human, PathBuf::from("b=c"))]);
    assert_eq!((output.format, output.style.fail_on), (Format::Wide, Some(Severity::Warning)));
    assert_eq!(config("web --fail-on never").output.style.fail_on, None);
    refused("web --report json", "`--report json` is not FORMAT=FILE");
    refused("web --report toml=x", "`toml` is no format of a report: human, wide, json, yaml, junit, github, markdown");
}

#[test]
fn what_asks_and_connects_needs_a_pod_of_its_own() {
    refused("dns --via kube-proxy", "DNS is asked from a pod of its own, and `--via kube-proxy` makes none");
    for via in ["kube-proxy", "api"] {
        refused(
            &format!("check --probe --via {via}"),
            "`--probe` connects from a pod of its own on each node, and this `--via` makes none",
        );
    }
    assert!(matches!(config("dns --via api").action, Action::Dns { .. }));
}

#[test]
fn less_privilege_is_not_given_up_for_a_client() {
    let wanted =
        "only a privileged pod can enter another pod's network namespace, and `--profile netadmin` forbids one";
    refused("dns --from pod/web-1 --profile netadmin", wanted);
    refused("dns web --from deploy/web --profile netadmin", wanted);
    for typed in [
        "dns --from node/a --profile netadmin",
        "dns --profile netadmin",
        "dns --from pod/web-1 --profile netadmin --via api",
    ] {
        assert!(matches!(config(typed).action, Action::Dns { .. }), "{typed}");
    }
}

#[track_caller]
fn job(typed: &str) -> crate::job::JobOf {
    match config(&format!("check --print-job i {typed}")).action {
        Action::PrintJob { job, .. } => job,
        other => panic!("{typed}: {other:?}"),
    }
}

#[test]
fn a_job_has_the_rights_that_its_suites_take() {
    use crate::job::{Home, Reach};
    for (typed, reach) in [
        ("-A", Reach::Pods),
        ("-A --suite objects", Reach::Api),
        ("-A --suite dns", Reach::Pods),
        ("-A --via api", Reach::Api),
        ("-A --via kube-proxy", Reach::KubeProxy),
        ("-A --via kube-proxy --suite objects", Reach::Api),
    ] {
        assert_eq!(job(typed).reach, reach, "{typed}");
    }
    for (typed, home) in [
        ("web", Home::OfContext),
        ("svc/web shop/cart", Home::OfContext),
        ("web -n shop", Home::Said),
        ("shop/web", Home::Said),
        ("svc/web -n shop", Home::Said),
        ("-A", Home::Said),
        ("", Home::Said),
    ] {
        assert_eq!(job(typed).home, home, "{typed}");
    }
}

#[test]
fn no_node_is_waited_for_longer_than_its_pod_lives() {
    for (typed, seconds) in
        [("web --timeout 5m", 300), ("dns --timeout 0", 86400), ("collect -d x --timeout 4m21s", 261)]
    {
        let why = "is longer than a debug pod lives, which ends by itself after 300s";
        refused(typed, &format!("`--timeout` of {seconds}s {why}"));
    }
    assert_eq!(live("web --timeout 10m --local").limits.node, Duration::from_secs(600));
    assert_eq!(live("web --timeout 4m").limits.node, Duration::from_secs(240));
    assert_eq!(live("web --timeout 10m --via kube-proxy").limits.node, Duration::from_secs(600));
    assert_eq!(live("web --timeout 5s").limits.pod_start, Duration::from_secs(5));
}
