//! The whole program on a real cluster: any KUBECONFIG with SVC_TRACE_E2E=1; what needs known workloads or faults
//! runs on the cluster of `../shared/cluster` alone.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, missing_docs, reason = "tests")]

mod cluster;

use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use cluster::faults::{self, Case, Fault, iptables_node};
use cluster::{Cluster, PROGRAM, Said, await_that};

/// Gaps that say that a node's proxy is not one that is modelled: not healthy, and no failure of ours.
fn only_not_modelled(said: &Said) -> bool {
    let gaps = said.codes("gaps");
    said.exit == Some(3) && !gaps.is_empty() && gaps.iter().all(|code| code == "dataplane-not-modelled")
}

#[test]
fn services_that_every_cluster_has() {
    let Some(cluster) = Cluster::find("services_that_every_cluster_has") else { return };
    let said = cluster.trace(&["kubernetes", "-n", "default"]);
    assert!(said.exit == Some(0) || only_not_modelled(&said), "{said:#?}");
    assert_eq!(said.codes("findings"), [""; 0]);
    assert_eq!(cluster.jobs(), [""; 0]);
}

#[test]
fn healthy_services_are_healthy_on_every_node() {
    const NAME: &str = "healthy_services_are_healthy_on_every_node";
    let Some(cluster) = Cluster::find(NAME) else { return };
    if cluster.scripts(NAME).is_none() {
        return;
    }
    let mut walked = 0;
    for (namespace, name) in cluster.services() {
        if name.starts_with("broken-") {
            continue;
        }
        let said = cluster.trace(&[&name, "-n", &namespace, "--all-nodes"]);
        let gaps: Vec<_> = said.codes("gaps").into_iter().filter(|code| code != "dataplane-not-modelled").collect();
        assert_eq!(gaps, [""; 0], "{namespace}/{name}: {said:#?}");
        let worse: Vec<_> =
            said.json["findings"].as_array().unwrap().iter().filter(|finding| finding["severity"] != "info").collect();
        assert!(worse.is_empty(), "{namespace}/{name}: {worse:#?}");
        assert_eq!(said.json["issues"].as_array().unwrap().len(), 0, "{namespace}/{name}");
        let traces = said.json["traces"].as_array().unwrap();
        walked += traces.len();
        for trace in traces {
            for outcome in trace["outcomes"].as_array().unwrap() {
                assert_ne!(outcome["disposition"], "indeterminate", "{namespace}/{name}: {trace:#}");
            }
        }
    }
    assert!(walked > 100, "only {walked} paths were walked");
    assert_eq!(cluster.jobs(), [""; 0]);
}

#[test]
fn broken_services_have_their_finding() {
    const NAME: &str = "broken_services_have_their_finding";
    let Some(cluster) = Cluster::find(NAME) else { return };
    if cluster.scripts(NAME).is_none() {
        return;
    }
    for (service, code) in [
        ("broken-selector", "selector-matches-no-pod"),
        ("broken-port-name", "named-target-port-missing"),
        ("broken-unready", "no-ready-endpoint"),
    ] {
        let said = cluster.trace(&[service, "-n", "default"]);
        assert_eq!((said.exit, said.codes("findings")), (Some(1), vec![code.to_owned()]), "{said:#?}");
    }
}

#[test]
fn a_name_that_is_not_there_has_near_ones() {
    let Some(cluster) = Cluster::find("a_name_that_is_not_there_has_near_ones") else { return };
    let said = cluster.run(&["trace", "kubernete", "-n", "default"]);
    assert_eq!(said.exit, Some(2));
    assert!(said.stderr.contains("default/kubernetes"), "{}", said.stderr);
}

#[test]
fn with_view_rights_the_api_part_comes_at_once() {
    const NAME: &str = "with_view_rights_the_api_part_comes_at_once";
    let Some(mut cluster) = Cluster::find(NAME) else { return };
    let viewer = cluster.kubeconfig.with_file_name("viewer.conf");
    if cluster.scripts(NAME).is_none() || !viewer.exists() {
        return;
    }
    let admin = std::mem::replace(&mut cluster.kubeconfig, viewer);
    let said = cluster.trace(&["echo", "-n", "default"]);
    assert_eq!(said.exit, Some(3), "{said:#?}");
    assert!(said.took < Duration::from_secs(3), "{:?}", said.took);
    assert!(said.codes("gaps").contains(&"rbac-denied".to_owned()));
    let broken = cluster.trace(&["broken-selector", "-n", "default"]);
    assert_eq!((broken.exit, broken.codes("findings")), (Some(1), vec!["selector-matches-no-pod".to_owned()]));
    cluster.kubeconfig = admin;
    assert_eq!(cluster.jobs(), [""; 0]);
}

#[test]
fn the_committed_rights_are_enough() {
    let Some(cluster) = Cluster::find("the_committed_rights_are_enough") else { return };
    let rights = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/rbac.yaml")).unwrap();
    let bindings = ["reader", "maker", "execer"].map(|user| {
        format!(
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {{name: svc-trace-e2e-{user}}}\nroleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: svc-trace-reader}}\nsubjects: [{{kind: User, name: svc-trace-e2e-{user}, apiGroup: rbac.authorization.k8s.io}}]\n"
        )
    });
    let role = |user: &str, role: &str| {
        format!(
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {{name: svc-trace-e2e-{user}, namespace: kube-system}}\nroleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: {role}}}\nsubjects: [{{kind: User, name: svc-trace-e2e-{user}, apiGroup: rbac.authorization.k8s.io}}]\n"
        )
    };
    let all = [rights, bindings.join("\n---\n"), role("maker", "svc-trace-pods"), role("execer", "svc-trace-exec")]
        .join("\n---\n");
    let _made = cluster.with(&all);
    let as_user = |user: &str, more: &[&str]| {
        let user = format!("svc-trace-e2e-{user}");
        await_that(
            Duration::from_secs(10),
            || cluster.trace(&[&["kubernetes", "-n", "default", "--as", &user], more].concat()),
            // the authorizer takes a moment to know a new binding
            |said| !said.codes("gaps").contains(&"rbac-denied".to_owned()),
        )
    };
    let maker = as_user("maker", &[]);
    assert!(maker.exit == Some(0) || only_not_modelled(&maker), "{maker:#?}");
    if cluster.has_proxy_pods() {
        let execer = as_user("execer", &["--via", "kube-proxy"]);
        assert!(execer.exit == Some(0) || only_not_modelled(&execer), "{execer:#?}");
    }
    let reader = cluster.trace(&["kubernetes", "-n", "default", "--as", "svc-trace-e2e-reader"]);
    assert_eq!(reader.exit, Some(3));
    let denied: Vec<_> =
        reader.json["gaps"].as_array().unwrap().iter().filter(|gap| gap["code"] == "rbac-denied").collect();
    assert_eq!(denied.len(), 1, "the reader's rights are not enough for the API: {denied:#?}");
    assert_eq!(cluster.jobs(), [""; 0]);
}

#[test]
fn signals_leave_nothing_behind() {
    let Some(cluster) = Cluster::find("signals_leave_nothing_behind") else { return };
    for signal in ["INT", "TERM", "HUP"] {
        let mut program = cluster
            .command(&["kubernetes", "-n", "default"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(program.stderr.take().unwrap()).lines();
        let making = lines.by_ref().map_while(Result::ok).find(|line| line.contains("making Job"));
        assert!(making.is_some());
        let killed = Command::new("kill").args([&format!("-{signal}"), &program.id().to_string()]).status().unwrap();
        assert!(killed.success());
        let rest: Vec<_> = lines.map_while(Result::ok).collect();
        let status = program.wait().unwrap();
        assert_eq!(status.code(), Some(130), "{signal}: {rest:?}");
        assert_eq!(cluster.jobs(), [""; 0], "{signal}: {rest:?}");
    }
}

#[test]
fn a_credential_plugin_is_asked() {
    const NAME: &str = "a_credential_plugin_is_asked";
    let Some(mut cluster) = Cluster::find(NAME) else { return };
    let text = std::fs::read_to_string(&cluster.kubeconfig).unwrap();
    let mut config: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
    let user = config["users"][0]["user"].take();
    let decode = |key: &str| {
        let bytes = data_encoding::BASE64.decode(user[key].as_str()?.as_bytes()).unwrap();
        Some(String::from_utf8(bytes).unwrap())
    };
    let (Some(certificate), Some(key)) = (decode("client-certificate-data"), decode("client-key-data")) else {
        let _ = writeln!(std::io::stderr(), "skipped {NAME}: this kubeconfig holds no client certificate");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let credential = serde_json::json!({
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": { "clientCertificateData": certificate, "clientKeyData": key },
    });
    std::fs::write(folder.path().join("credential.json"), credential.to_string()).unwrap();
    config["users"][0]["user"] = serde_json::json!({ "exec": {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "cat",
        "args": [folder.path().join("credential.json")],
        "interactiveMode": "Never",
    }});
    let file = folder.path().join("config");
    std::fs::write(&file, config.to_string()).unwrap();
    cluster.kubeconfig = file;
    let said = cluster.trace(&["kubernetes", "-n", "default", "--via", "api"]);
    assert_eq!(said.json["service"]["name"], "kubernetes", "{said:#?}");
}

#[test]
fn a_port_that_is_not_there_makes_no_pod() {
    let Some(cluster) = Cluster::find("a_port_that_is_not_there_makes_no_pod") else { return };
    let said = cluster.trace(&["kubernetes:1", "-n", "default"]);
    assert_eq!((said.exit, said.codes("findings")), (Some(1), vec!["port-not-in-service".to_owned()]), "{said:#?}");
    assert_eq!(said.codes("gaps"), [""; 0]);
    assert!(!said.stderr.contains("making Job"), "{}", said.stderr);
}

#[test]
fn what_is_shown_is_what_would_be_made_and_cleanup_removes_it() {
    let Some(cluster) = Cluster::find("what_is_shown_is_what_would_be_made_and_cleanup_removes_it") else { return };
    let shown = cluster.command(&["trace", "kubernetes", "-n", "default", "--dry-run"]).output().unwrap();
    assert!(shown.status.success());
    assert_eq!(cluster.jobs(), [""; 0], "a dry run makes nothing");
    let made = cluster.with(&String::from_utf8(shown.stdout).unwrap());
    assert_eq!(cluster.jobs().len(), 1);
    let cleaned = cluster.command(&["cleanup", "--all"]).output().unwrap();
    assert!(cleaned.status.success());
    assert!(String::from_utf8_lossy(&cleaned.stdout).contains("kube-system/svc-trace-"));
    assert_eq!(cluster.jobs(), [""; 0]);
    drop(made);
}

#[test]
fn a_namespace_that_admits_no_such_pod() {
    let Some(cluster) = Cluster::find("a_namespace_that_admits_no_such_pod") else { return };
    let namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: svc-trace-e2e-restricted, labels: {pod-security.kubernetes.io/enforce: restricted}}\n";
    let _made = cluster.with(namespace);
    let said = cluster.trace(&["kubernetes", "-n", "default", "--pod-namespace", "svc-trace-e2e-restricted"]);
    assert_eq!(said.exit, Some(3));
    assert!(said.codes("gaps").contains(&"collector-blocked-by-admission".to_owned()), "{said:#?}");
    assert_eq!(cluster.jobs(), [""; 0]);
}

#[test]
fn an_image_that_cannot_be_had() {
    let Some(cluster) = Cluster::find("an_image_that_cannot_be_had") else { return };
    let said = cluster.trace(&["kubernetes", "-n", "default", "--image", "svc-trace.invalid/none:0"]);
    assert_eq!(said.exit, Some(3));
    assert!(said.codes("gaps").contains(&"collector-image-pull".to_owned()), "{said:#?}");
    assert_eq!(cluster.jobs(), [""; 0]);
}

#[test]
fn a_bundle_says_what_the_cluster_said() {
    let Some(cluster) = Cluster::find("a_bundle_says_what_the_cluster_said") else { return };
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("bundle");
    let to = to.to_str().unwrap();
    assert_eq!(cluster.run(&["collect", "kubernetes", "-n", "default", "-d", to]).exit, Some(0));
    let live = cluster.trace(&["kubernetes", "-n", "default"]);
    let offline = cluster.trace(&["kubernetes", "-n", "default", "--bundle", to]);
    assert_eq!(live.exit, offline.exit);
    let paths = |said: &Said| {
        said.json["traces"].as_array().unwrap().iter().map(|trace| trace["path"].to_string()).collect::<Vec<_>>()
    };
    assert_eq!(paths(&live), paths(&offline));
    let secrets =
        Command::new("grep").args(["-rlE", "managedFields|last-applied|serviceAccount|\"env\"", to]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&secrets.stdout), "", "fields that are not allowed");
}

#[test]
fn every_way_to_a_node_reads_the_same_rules() {
    const NAME: &str = "every_way_to_a_node_reads_the_same_rules";
    let Some(cluster) = Cluster::find(NAME) else { return };
    if cluster.scripts(NAME).is_none() {
        return;
    }
    let node = iptables_node(&cluster);
    let ways: [&[&str]; 4] = [
        &[],
        &["--via", "kube-proxy"],
        &["--image", "svc-trace-debug:dev"],
        &["--image", "svc-trace-debug:dev", "--profile", "sysadmin"],
    ];
    let pods = cluster.has_proxy_pods();
    let ways: Vec<_> = ways.into_iter().filter(|way| pods || !way.contains(&"--via")).collect();
    let read = |way: &&[&str]| {
        let said = cluster.trace(&[&["nodeport", "-n", "default", "--node", &node], *way].concat());
        assert_eq!(said.exit, Some(0), "{way:?}: {said:#?}");
        let of = |trace: &serde_json::Value| {
            let reached =
                trace["outcomes"].as_array().unwrap().iter().map(|one| {
                    (one["destination"].clone(), one["probability_ppm"].clone(), one["masqueraded"].clone())
                });
            (trace["path"]["from"].clone(), trace["path"]["to"].clone(), reached.collect::<Vec<_>>())
        };
        said.json["traces"].as_array().unwrap().iter().map(of).collect::<Vec<_>>()
    };
    let outcomes: Vec<_> = ways.iter().map(read).collect();
    assert!(!outcomes[0].is_empty());
    for (way, other) in ways.iter().zip(&outcomes) {
        assert_eq!(other, &outcomes[0], "{way:?}");
    }
}

#[test]
fn faults_are_found() {
    const NAME: &str = "faults_are_found";
    let Some(cluster) = Cluster::find(NAME) else { return };
    let Some(scripts) = cluster.scripts(NAME) else { return };
    let look = |case: &Case, node: &str| {
        // a rule that is left behind has to stand there twice to be certain
        let sampling: &[&str] = if case.twice { &["--settle"] } else { &[] };
        let nodes: &[&str] = if case.all_nodes { &["--all-nodes"] } else { &["--node", node] };
        cluster.trace(&[&[case.service, "-n", "default"], nodes, sampling].concat())
    };
    let healed = |case: &Case, node: &str| cluster.trace(&[case.service, "-n", "default", "--node", node]);
    faults::each(&cluster, &scripts, faults::SHOWN, look, healed);
}

#[test]
fn a_kubelet_that_hangs_does_not_hang_us() {
    const NAME: &str = "a_kubelet_that_hangs_does_not_hang_us";
    let Some(cluster) = Cluster::find(NAME) else { return };
    let Some(scripts) = cluster.scripts(NAME) else { return };
    let script = scripts.join("fault");
    let node = iptables_node(&cluster);
    let _on = Fault::on(&script, "kubelet-stopped", &node);
    let ways: &[&[&str]] = if cluster.has_proxy_pods() { &[&["--via", "kube-proxy"], &[]] } else { &[&[]] };
    for way in ways {
        let said = cluster.trace(&[&["echo", "-n", "default", "--node", &node], *way].concat());
        assert_eq!(said.exit, Some(3), "{way:?}: {said:#?}");
        assert!(said.codes("gaps").contains(&"kubelet-port-blocked".to_owned()), "{way:?}: {said:#?}");
        assert!(said.took < Duration::from_secs(60), "{way:?}: {:?}", said.took);
    }
    assert_eq!(cluster.jobs(), [""; 0]);
}

/// `run` of the step of this name in the example for GitHub Actions.
fn step(name: &str) -> String {
    let text =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/ci/github-actions-kind.yaml"));
    let workflow: serde_json::Value = serde_saphyr::from_str(&text.unwrap()).unwrap();
    let steps = workflow["jobs"]["services"]["steps"].as_array().unwrap();
    let step = steps.iter().find(|step| step["name"] == name).unwrap();
    step["run"].as_str().unwrap().to_owned()
}

/// The script of the example for GitLab, as GitLab runs it: line after line in one shell.
fn gitlab_script() -> String {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/ci/gitlab.yaml")).unwrap();
    let pipeline: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
    let lines = pipeline["services"]["script"].as_array().unwrap();
    lines.iter().map(|line| line.as_str().unwrap()).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_examples_for_pipelines_do_what_they_say() {
    const NAME: &str = "the_examples_for_pipelines_do_what_they_say";
    let Some(cluster) = Cluster::find(NAME) else { return };
    if Command::new("kubectl").arg("version").arg("--client").output().is_err() {
        let _ = writeln!(std::io::stderr(), "skipped {NAME}: there is no kubectl on the PATH");
        return;
    }
    let programs = Path::new(PROGRAM).parent().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap_or_default());
    for (script, reports) in [
        (step("gate"), ["junit.xml", "report.json", "summary.md"].as_slice()),
        (gitlab_script(), ["junit.xml", "report.json"].as_slice()),
        (step("collect"), ["bundle.tgz"].as_slice()),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let output = Command::new("bash")
            .args(["-e", "-o", "pipefail", "-c", &format!("mkdir -p svc-trace-reports\n{script}")])
            .current_dir(folder.path())
            .env("KUBECONFIG", &cluster.kubeconfig)
            .env("PATH", &path)
            .env_remove("GITHUB_STEP_SUMMARY")
            .output()
            .unwrap();
        // what the cluster is like is not the question here: the gate has to come to an answer
        assert!(matches!(output.status.code(), Some(0 | 1 | 3)), "{script}\n{output:#?}");
        for report in reports {
            let file = folder.path().join("svc-trace-reports").join(report);
            assert!(std::fs::metadata(&file).is_ok_and(|file| file.len() > 0), "{script}\nno {report}\n{output:#?}");
        }
    }
    assert_eq!(cluster.jobs(), [""; 0]);
}

#[test]
fn a_check_runs_as_a_job_of_the_cluster() {
    const NAME: &str = "a_check_runs_as_a_job_of_the_cluster";
    /// Where Debian keeps what a program that was built here is linked with.
    const LIBRARIES: &str = "/usr/lib/x86_64-linux-gnu";
    let Some(cluster) = Cluster::find(NAME) else { return };
    if cluster.scripts(NAME).is_none() {
        return;
    }
    let image = "svc-trace-debug:dev";
    let asked = ["check", "kubernetes", "-n", "default", "--node", "a", "--suite", "objects,dataplane", "-o", "json"];
    let printed = cluster.command(&[asked.as_slice(), &["--print-job", image]].concat()).output().unwrap();
    assert!(printed.status.success(), "{printed:#?}");
    // this cluster has no image with the program: the nodes share their root, so the built one is mounted from there
    let programs = Path::new(PROGRAM).parent().unwrap().display();
    let volumes = format!(
        "      volumes:\n      - {{name: program, hostPath: {{path: {programs}}}}}\n      - {{name: libraries, hostPath: {{path: {LIBRARIES}}}}}\n"
    );
    let mounts = format!(
        "        volumeMounts:\n        - {{name: program, mountPath: {programs}, readOnly: true}}\n        - {{name: libraries, mountPath: /host-libraries, readOnly: true}}\n        env: [{{name: LD_LIBRARY_PATH, value: /host-libraries}}]\n"
    );
    let after = |text: String, line: &str, more: &str| text.replace(line, &format!("{line}{more}"));
    let manifest = String::from_utf8(printed.stdout).unwrap();
    let manifest = manifest.replace("command: [kubectl-svc_trace]", &format!("command: [{PROGRAM}]"));
    let manifest = after(manifest, "      restartPolicy: Never\n", &volumes);
    let manifest = after(manifest, "        imagePullPolicy: IfNotPresent\n", &mounts);
    let _made = cluster.with(&manifest);
    let (exit, said) = await_that(
        Duration::from_secs(90),
        || cluster.ended("kube-system", "app.kubernetes.io/name=svc-trace-check"),
        |(exit, _)| exit.is_some(),
    );
    assert_eq!(exit, Some(0), "{said}");
    // the commands that are printed with it
    let commands = manifest.lines().filter_map(|line| line.strip_prefix("#   "));
    let awaited: Vec<&str> = commands.filter(|line| line.starts_with("until") || line.starts_with("(exit")).collect();
    assert_eq!(awaited.len(), 2, "{manifest}");
    let mut waiting = Command::new("bash");
    waiting.args(["-e", "-c", &awaited.join("\n")]).env("KUBECONFIG", &cluster.kubeconfig);
    assert_eq!(waiting.status().unwrap().code(), exit);
    let report: serde_json::Value = serde_json::from_str(said.get(said.find('{').unwrap()..).unwrap()).unwrap();
    assert_eq!(report["verdict"], "healthy", "{said}");
}
