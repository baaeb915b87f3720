//! The cluster that the end-to-end tests use, whichever KUBECONFIG leads to: asked for by SVC_TRACE_E2E=1, needed by
//! SVC_TRACE_REQUIRE=cluster. Runs the built program; changes objects by the API.
#![allow(dead_code, reason = "each test takes a part")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, reason = "tests")]

pub(crate) mod faults;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Node, Pod, Service};
use kube::api::{Api, DynamicObject, ListParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::Value;
use svc_trace::collect::client::connect;
use svc_trace::collect::config::KubeOptions;

/// Faults and Jobs are the whole cluster's: one test at a time.
static TURN: Mutex<()> = Mutex::new(());

/// The program, built.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_kubectl-svc_trace");

/// A cluster, and the turn to use it.
pub(crate) struct Cluster {
    pub(crate) kubeconfig: PathBuf,
    runtime: tokio::runtime::Runtime,
    client: kube::Client,
    _turn: MutexGuard<'static, ()>,
}

/// What the program said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) exit: Option<i32>,
    pub(crate) json: Value,
    pub(crate) stderr: String,
    pub(crate) took: Duration,
}

impl Said {
    /// Codes of `findings` or `gaps`.
    pub(crate) fn codes(&self, list: &str) -> Vec<String> {
        self.json[list].as_array().into_iter().flatten().map(|one| one["code"].as_str().unwrap().to_owned()).collect()
    }
}

impl Cluster {
    /// The cluster, or `None` with one line why there is none.
    pub(crate) fn find(test: &str) -> Option<Self> {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        match Self::connect(turn) {
            Ok(cluster) => Some(cluster),
            Err(why) => {
                let required = std::env::var("SVC_TRACE_REQUIRE")
                    .is_ok_and(|list| list.split(',').any(|layer| layer == "cluster"));
                assert!(!required, "SVC_TRACE_REQUIRE asks for a cluster: {why}");
                let _ = writeln!(std::io::stderr(), "skipped {test}: {why}");
                None
            }
        }
    }

    fn connect(turn: MutexGuard<'static, ()>) -> Result<Self, String> {
        if std::env::var("SVC_TRACE_E2E").as_deref() != Ok("1") {
            return Err("SVC_TRACE_E2E is not 1".into());
        }
        let kubeconfig = std::env::var_os("KUBECONFIG").map(PathBuf::from).ok_or("KUBECONFIG is not set")?;
        let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
        let options = KubeOptions { kubeconfig: Some(kubeconfig.clone()), ..KubeOptions::default() };
        let client = runtime.block_on(connect(&options)).map_err(|error| error.to_string())?;
        let version = async { tokio::time::timeout(Duration::from_secs(5), client.apiserver_version()).await };
        match runtime.block_on(version) {
            Ok(Ok(_)) => Ok(Self { kubeconfig, runtime, client, _turn: turn }),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("the API server does not answer".into()),
        }
    }

    /// The folder of the cluster's scripts, if this is that cluster.
    pub(crate) fn scripts(&self, test: &str) -> Option<PathBuf> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/cluster");
        let ours = self
            .nodes()
            .iter()
            .all(|node| node.metadata.labels.as_ref().is_some_and(|labels| labels.contains_key("kubelab/proxy")));
        if folder.join("fault").exists() && ours {
            return Some(folder);
        }
        let _ = writeln!(std::io::stderr(), "skipped {test}: this cluster has no faults to switch on");
        None
    }

    /// A command of the program.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).env("KUBECONFIG", &self.kubeconfig).stdin(Stdio::null());
        command
    }

    /// Runs the program and reads its JSON, where it prints some.
    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        let began = Instant::now();
        let Output { status, stdout, stderr } = self.command(arguments).output().unwrap();
        Said {
            exit: status.code(),
            json: serde_json::from_slice(&stdout).unwrap_or(Value::Null),
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
            took: began.elapsed(),
        }
    }

    /// Traces with `-o json`.
    pub(crate) fn trace(&self, arguments: &[&str]) -> Said {
        self.run(&[&["trace", "-o", "json"], arguments].concat())
    }

    /// Every node.
    pub(crate) fn nodes(&self) -> Vec<Node> {
        let api: Api<Node> = Api::all(self.client.clone());
        self.runtime.block_on(api.list(&ListParams::default())).unwrap().items
    }

    /// Whether kube-proxy runs in pods that `--via kube-proxy` finds.
    pub(crate) fn has_proxy_pods(&self) -> bool {
        let api: Api<Pod> = Api::namespaced(self.client.clone(), "kube-system");
        let list = self.runtime.block_on(api.list(&ListParams::default().labels("k8s-app=kube-proxy")));
        !list.unwrap().items.is_empty()
    }

    /// Every Service as namespace and name.
    pub(crate) fn services(&self) -> Vec<(String, String)> {
        let api: Api<Service> = Api::all(self.client.clone());
        let list = self.runtime.block_on(api.list(&ListParams::default())).unwrap();
        list.items.into_iter().map(|one| (one.metadata.namespace.unwrap(), one.metadata.name.unwrap())).collect()
    }

    /// Jobs that svc-trace made.
    pub(crate) fn jobs(&self) -> Vec<String> {
        let api: Api<Job> = Api::all(self.client.clone());
        let ours = ListParams::default().labels("app.kubernetes.io/managed-by=kubectl-svc-trace");
        self.runtime.block_on(api.list(&ours)).unwrap().items.into_iter().filter_map(|job| job.metadata.name).collect()
    }

    /// Exit code and log of the first container of a pod with these labels, when it has ended.
    pub(crate) fn ended(&self, namespace: &str, labels: &str) -> (Option<i32>, String) {
        let api: Api<Pod> = Api::namespaced(self.client.clone(), namespace);
        let pods = self.runtime.block_on(api.list(&ListParams::default().labels(labels))).unwrap().items;
        let Some(pod) = pods.first() else { return (None, "no pod".into()) };
        let status = pod.status.as_ref().and_then(|status| status.container_statuses.as_ref()?.first());
        let exit = status.and_then(|one| Some(one.state.as_ref()?.terminated.as_ref()?.exit_code));
        let whole = kube::api::LogParams::default();
        let log = api.logs(pod.metadata.name.as_deref().unwrap(), &whole);
        let said = self.runtime.block_on(log).unwrap_or_else(|error| format!("{error}; {status:?}"));
        (exit, said)
    }

    /// Makes objects of YAML documents; they go when the guard does.
    pub(crate) fn with(&self, yaml: &str) -> Made<'_> {
        let mut made = Made { cluster: self, objects: Vec::new() };
        for document in yaml.split("\n---\n").filter(|text| text.lines().any(|line| line.starts_with("kind:"))) {
            let object: DynamicObject = serde_saphyr::from_str(document).unwrap();
            let api = self.api(&object);
            let name = object.metadata.name.clone().unwrap();
            let created = self.runtime.block_on(api.create(&kube::api::PostParams::default(), &object));
            match created {
                Ok(object) => made.objects.push(object),
                Err(kube::Error::Api(status)) if status.code == 409 => {}
                Err(error) => panic!("{name}: {error}"),
            }
        }
        made
    }

    fn api(&self, object: &DynamicObject) -> Api<DynamicObject> {
        let types = object.types.as_ref().unwrap();
        let kind = GroupVersionKind::try_from(types).unwrap();
        let resource = ApiResource::from_gvk(&kind);
        match &object.metadata.namespace {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, &resource),
            None => Api::all_with(self.client.clone(), &resource),
        }
    }
}

/// Objects that were made for a test.
pub(crate) struct Made<'c> {
    cluster: &'c Cluster,
    objects: Vec<DynamicObject>,
}

impl Drop for Made<'_> {
    fn drop(&mut self) {
        for object in self.objects.iter().rev() {
            let api = self.cluster.api(object);
            let name = object.metadata.name.clone().unwrap_or_default();
            let _ = self.cluster.runtime.block_on(api.delete(&name, &kube::api::DeleteParams::background()));
        }
    }
}

/// Repeats `look` until it is content, at most for `limit`; the last look counts.
pub(crate) fn await_that<T>(limit: Duration, mut look: impl FnMut() -> T, content: impl Fn(&T) -> bool) -> T {
    let began = Instant::now();
    loop {
        let seen = look();
        if content(&seen) || began.elapsed() > limit {
            return seen;
        }
        std::thread::park_timeout(Duration::from_millis(100));
    }
}
