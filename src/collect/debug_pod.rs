//! The debug pod: created, waited for, used, and always removed — on success, error and signal; after a panic by
//! `last_resort.rs`. What it may
//! do stands in `manifest.rs`; what is run in it is its user's business.
#![allow(clippy::disallowed_methods, reason = "the one file that makes something in a cluster, and removes it")]

use std::sync::Mutex;
use std::time::Duration;

use futures::future::join_all;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::api::{Api, DeleteParams, ListParams, PostParams};
use kube::{Client, Error as KubeError};
use tokio::time::{Instant, sleep, timeout};

use super::config::{CollectConfig, KubeOptions, Limits, Say};
use super::exec::Place;
use super::interrupt::{Hold, interrupted};
use super::last_resort;
use super::manifest::{CONTAINER, Plan};
use super::refusal::{self, Act, shorten};
use super::rights::Granted;
use crate::report::{Code, Gap};
use crate::{Error, Result};

/// Between two looks at a pod that is starting.
const LOOK: Duration = Duration::from_millis(200);
/// Between the time limit and the end of what does not keep to it.
const GRACE: Duration = Duration::from_secs(1);

/// Everything that was made and is not yet removed.
pub struct Ledger {
    client: Client,
    kube: KubeOptions,
    limits: Limits,
    say: Say,
    granted: Granted,
    made: Mutex<Vec<Made>>,
    left: Mutex<Vec<Gap>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Made {
    namespace: String,
    name: String,
    node: String,
}

/// Runs `body`; what it has made in the cluster is removed whatever becomes of it: return, Ctrl-C, SIGTERM, SIGHUP, the
/// time limit. The gaps are of what could not be removed.
///
/// # Errors
/// `Interrupted` when a signal came.
pub async fn guarded<T>(
    client: &Client,
    config: &CollectConfig,
    granted: Granted,
    body: impl AsyncFnOnce(&Ledger) -> T,
) -> Result<(T, Vec<Gap>)> {
    let CollectConfig { kube, limits, say, .. } = config;
    let ledger = Ledger {
        client: client.clone(),
        kube: kube.clone(),
        limits: limits.clone(),
        say: say.clone(),
        granted,
        made: Mutex::default(),
        left: Mutex::default(),
    };
    let _hold = Hold::new();
    let outcome = tokio::select! {
        biased;
        () = interrupted() => Err(Error::Interrupted),
        value = body(&ledger) => Ok(value),
        () = too_late(limits) => Err(Error::TooLate),
    };
    if let Err(why) = &outcome {
        say.line(format!("{why}: removing what was made"));
    }
    ledger.remove_all().await;
    let left = std::mem::take(&mut *ledger.left.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    match outcome {
        Ok(value) => Ok((value, left)),
        Err(why) => {
            for gap in left {
                say.line(format!("{}: {}", gap.summary, gap.help.unwrap_or_default()));
            }
            Err(why)
        }
    }
}

/// The way that was chosen makes no pod, or nobody asked whether it may be removed again.
fn not_to_be_made(plan: &Plan) -> Gap {
    let summary = format!("no pod was made on node {}: the chosen way makes none", plan.node);
    Gap { help: Some("leave --via out".into()), ..Gap::new(Code::NodeNotCollected, Some(&plan.node), summary) }
}

/// Returns when all must have ended, and who does the work has had a moment to say how far it came.
async fn too_late(limits: &Limits) {
    match limits.until {
        Some(until) => tokio::time::sleep_until(until + GRACE).await,
        None => std::future::pending().await,
    }
}

/// The work, unless all must have ended before it is done. What it has made is removed by [`guarded`].
pub(super) fn in_time<T>(limits: &Limits, work: impl Future<Output = T>) -> impl Future<Output = Option<T>> {
    let (until, work) = (limits.until, Box::pin(work));
    async move {
        match until {
            Some(until) => tokio::time::timeout_at(until, work).await.ok(),
            None => Some(work.await),
        }
    }
}

impl Ledger {
    /// Makes the pod of `plan`, hands it to `body` once it runs, and removes it.
    ///
    /// # Errors
    /// The gap that stands for what could not be had.
    pub async fn with_debug_pod<T>(&self, plan: &Plan, body: impl AsyncFnOnce(&Place) -> T) -> Result<T, Gap> {
        if !self.granted.pods() {
            return Err(not_to_be_made(plan));
        }
        self.rehearse(plan).await?;
        self.say.line(format!(
            "making Job {}/{} for one pod on node {} ({}; image {}), removed when read",
            plan.namespace,
            plan.name,
            plan.node,
            plan.privilege.words(),
            plan.image
        ));
        let made = Made { namespace: plan.namespace.clone(), name: plan.name.clone(), node: plan.node.clone() };
        // Noted before it is sent: an answer that is lost does not mean that nothing was made.
        self.note(made.clone());
        let outcome = match self.create(plan).await {
            Ok(()) => match self.running(plan).await {
                Ok(place) => Ok(body(&place).await),
                Err(gap) => Err(gap),
            },
            Err(gap) => Err(gap),
        };
        self.remove(&made).await;
        outcome
    }

    fn note(&self, made: Made) {
        last_resort::note(&made, &self.kube, &self.limits);
        self.made.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(made);
    }

    /// Asks the API server what it would say, and changes nothing.
    async fn rehearse(&self, plan: &Plan) -> Result<(), Gap> {
        let dry = PostParams { dry_run: true, ..PostParams::default() };
        let fault = |error: serde_json::Error| {
            Gap::new(Code::NodeNotCollected, Some(&plan.node), format!("the manifest is no Job: {error}"))
        };
        let (job, pod) = (plan.job().map_err(fault)?, plan.pod().map_err(fault)?);
        let jobs: Api<Job> = Api::namespaced(self.client.clone(), &plan.namespace);
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), &plan.namespace);
        let (of_job, of_pod) = tokio::join!(
            timeout(self.limits.request, jobs.create(&dry, &job)),
            timeout(self.limits.request, pods.create(&dry, &pod)),
        );
        self.answered(of_job, plan, "jobs.batch")?;
        match of_pod {
            // who may make Jobs need not be allowed to make pods
            Ok(Err(KubeError::Api(status))) if refusal::is_rbac(&status) => Ok(()),
            other => self.answered(other, plan, "pods"),
        }
    }

    async fn create(&self, plan: &Plan) -> Result<(), Gap> {
        let fault = |error: serde_json::Error| {
            Gap::new(Code::NodeNotCollected, Some(&plan.node), format!("the manifest is no Job: {error}"))
        };
        let job = plan.job().map_err(fault)?;
        let jobs: Api<Job> = Api::namespaced(self.client.clone(), &plan.namespace);
        let params = PostParams::default();
        let sent = timeout(self.limits.request, jobs.create(&params, &job)).await;
        self.answered(sent, plan, "jobs.batch")
    }

    fn answered<T>(
        &self,
        answer: Result<Result<T, KubeError>, tokio::time::error::Elapsed>,
        plan: &Plan,
        resource: &str,
    ) -> Result<(), Gap> {
        let act = Act { verb: "create", resource, namespace: &plan.namespace };
        let summary = match answer {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(KubeError::Api(status))) => return Err(refusal::of_creation(&status, act, &plan.node)),
            Ok(Err(error)) => format!("the debug pod cannot be made: {}", shorten(&super::client::chain(&error))),
            Err(_) => format!("the API server did not answer within {:?} to making the debug pod", self.limits.request),
        };
        Err(Gap {
            lost: Some(format!("the rules of node {}", plan.node)),
            ..Gap::new(Code::NodeNotCollected, Some(&plan.node), summary)
        })
    }

    /// Waits until the pod runs, or until it is known that it will not.
    async fn running(&self, plan: &Plan) -> Result<Place, Gap> {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), &plan.namespace);
        // The job controller sets this label on the pod (kubernetes pkg/controller/job, `LegacyJobNameLabel`).
        let ours = ListParams::default().labels(&format!("job-name={}", plan.name));
        let began = Instant::now();
        let mut seen = State::Absent;
        while began.elapsed() < self.limits.pod_start {
            match timeout(self.limits.request, pods.list(&ours)).await {
                Ok(Ok(list)) => {
                    seen = list.items.first().map_or(State::Absent, state);
                    match &seen {
                        State::Running(pod) => {
                            return Ok(Place {
                                namespace: plan.namespace.clone(),
                                pod: pod.clone(),
                                container: CONTAINER.to_owned(),
                            });
                        }
                        State::Hopeless(..) => break,
                        State::Absent | State::Untouched if began.elapsed() > self.limits.pod_seen => break,
                        State::Absent | State::Untouched | State::Starting(_) => {}
                    }
                }
                Ok(Err(KubeError::Api(status))) => {
                    let act = Act { verb: "list", resource: "pods", namespace: &plan.namespace };
                    return Err(refusal::of_creation(&status, act, &plan.node));
                }
                // a connection that fails once may work the next time
                Ok(Err(_)) | Err(_) => {}
            }
            sleep(LOOK).await;
        }
        Err(self.not_started(plan, seen).await)
    }

    async fn not_started(&self, plan: &Plan, state: State) -> Gap {
        let node = plan.node.as_str();
        let (code, summary, help) = match state {
            State::Hopeless(Trouble::Image, why) => (
                Code::CollectorImagePull,
                format!("node {node} cannot get the image {}: {why}", plan.image),
                "give --image one that the node has or can pull (--image-pull-secret), or --via kube-proxy".to_owned(),
            ),
            State::Hopeless(Trouble::Start, why) if why.contains("executable file not found") => (
                Code::ToolMissingOrCrashed,
                format!("the image {} has not what the debug pod runs: {why}", plan.image),
                "give --image one with a shell, sleep and cat beside the tools".to_owned(),
            ),
            State::Hopeless(Trouble::Start, why) => (
                Code::CollectorUnschedulable,
                format!("the debug pod does not start on {node}: {why}"),
                format!("kubectl describe node {node}"),
            ),
            State::Starting(why) => (
                Code::CollectorUnschedulable,
                format!("the debug pod did not run on {node} within {:?}: {why}", self.limits.pod_start),
                format!("kubectl describe node {node}"),
            ),
            State::Untouched | State::Running(_) => (
                Code::KubeletPortBlocked,
                format!("the kubelet of {node} did not take up the debug pod within {:?}", self.limits.pod_seen),
                format!("kubectl describe node {node}"),
            ),
            State::Absent => match self.last_event(plan).await {
                Some(said) if said.contains("PodSecurity") || said.contains("webhook") || said.contains("denied") => (
                    Code::CollectorBlockedByAdmission,
                    format!("admission refuses the debug pod: {said}"),
                    "give --pod-namespace a namespace with the label pod-security.kubernetes.io/enforce=privileged"
                        .to_owned(),
                ),
                said => (
                    Code::CollectorUnschedulable,
                    format!(
                        "no pod was made for the Job on {node}: {}",
                        said.as_deref().unwrap_or("no event says why")
                    ),
                    format!(
                        "kubectl describe job -n {} -l app.kubernetes.io/managed-by=kubectl-svc-trace",
                        plan.namespace
                    ),
                ),
            },
        };
        Gap { lost: Some(format!("the rules of node {node}")), help: Some(help), ..Gap::new(code, Some(node), summary) }
    }

    /// What the job controller last said of the Job.
    async fn last_event(&self, plan: &Plan) -> Option<String> {
        let events: Api<Event> = Api::namespaced(self.client.clone(), &plan.namespace);
        let of_job =
            ListParams::default().fields(&format!("involvedObject.kind=Job,involvedObject.name={}", plan.name));
        let list = timeout(self.limits.request, events.list(&of_job)).await.ok()?.ok()?;
        list.items.iter().rev().find_map(|event| event.message.as_deref().map(shorten))
    }

    async fn remove(&self, made: &Made) {
        let gap = delete(&self.client, &self.limits, made).await.err();
        last_resort::removed(made);
        self.made.lock().unwrap_or_else(std::sync::PoisonError::into_inner).retain(|other| other != made);
        if let Some(gap) = gap {
            self.left.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(gap);
        }
    }

    async fn remove_all(&self) {
        let all = self.made.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        join_all(all.iter().map(|made| self.remove(made))).await;
    }
}

/// Deletes one Job and, in the background, its pod. Tried twice; one that is not there is removed.
pub(super) async fn delete(client: &Client, limits: &Limits, made: &Made) -> Result<(), Gap> {
    let jobs: Api<Job> = Api::namespaced(client.clone(), &made.namespace);
    let params = DeleteParams::background();
    let mut why = String::new();
    for _ in 0..2 {
        match timeout(limits.request, jobs.delete(&made.name, &params)).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(KubeError::Api(status))) if status.code == 404 => return Ok(()),
            Ok(Err(KubeError::Api(status))) => why = shorten(&status.message),
            Ok(Err(error)) => why = shorten(&super::client::chain(&error)),
            Err(_) => why = format!("no answer within {:?}", limits.request),
        }
    }
    Err(Gap {
        help: Some(format!("kubectl delete job {} -n {}", made.name, made.namespace)),
        lost: None,
        counts: false,
        ..Gap::new(
            Code::CollectorLeftBehind,
            Some(&made.node),
            format!(
                "Job {}/{} could not be removed: {why}; the cluster ends it by itself after some minutes",
                made.namespace, made.name
            ),
        )
    })
}

/// How far a pod has come.
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// Not made.
    Absent,
    /// Made; the kubelet has not looked at it.
    Untouched,
    /// The kubelet is at it.
    Starting(String),
    /// It runs.
    Running(String),
    /// It will not run.
    Hopeless(Trouble, String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    Image,
    Start,
}

fn state(pod: &Pod) -> State {
    let Some(status) = &pod.status else { return State::Untouched };
    let container = status.container_statuses.iter().flatten().find(|container| container.name == CONTAINER);
    if let Some(waiting) = container.and_then(|c| c.state.as_ref()).and_then(|state| state.waiting.as_ref()) {
        let reason = waiting.reason.as_deref().unwrap_or_default();
        let said = shorten(&format!("{reason} {}", waiting.message.as_deref().unwrap_or_default()));
        // reasons of kubelet pkg/kubelet/images/types.go and pkg/kubelet/kuberuntime/kuberuntime_container.go
        return match reason {
            "ErrImagePull"
            | "ImagePullBackOff"
            | "InvalidImageName"
            | "ErrImageNeverPull"
            | "ImageInspectError"
            | "RegistryUnavailable" => State::Hopeless(Trouble::Image, said),
            "CreateContainerConfigError"
            | "CreateContainerError"
            | "RunContainerError"
            | "StartError"
            | "CrashLoopBackOff" => State::Hopeless(Trouble::Start, said),
            _ => State::Starting(said),
        };
    }
    if container.and_then(|c| c.state.as_ref()).is_some_and(|state| state.running.is_some()) {
        return State::Running(pod.metadata.name.clone().unwrap_or_default());
    }
    if let Some(ended) = container.and_then(|c| c.state.as_ref()).and_then(|state| state.terminated.as_ref()) {
        let reason = ended.reason.as_deref().unwrap_or_default();
        return State::Hopeless(
            Trouble::Start,
            shorten(&format!("{reason} {}", ended.message.as_deref().unwrap_or_default())),
        );
    }
    if status.phase.as_deref() == Some("Failed") {
        let reason = status.reason.as_deref().unwrap_or("Failed");
        return State::Hopeless(
            Trouble::Start,
            shorten(&format!("{reason} {}", status.message.as_deref().unwrap_or_default())),
        );
    }
    if status.start_time.is_some() { State::Starting("the kubelet has taken it up".into()) } else { State::Untouched }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn pod(status: &Value) -> Pod {
        serde_json::from_value(json!({"metadata": {"name": "p"}, "spec": {"containers": []}, "status": status}))
            .unwrap()
    }

    fn with_container(state: &Value) -> Pod {
        pod(&json!({"phase": "Pending", "startTime": "2026-11-21T07:00:00Z", "containerStatuses": [
            {"name": CONTAINER, "image": "i", "imageID": "", "ready": false, "restartCount": 0, "state": state}]}))
    }

    #[test]
    fn how_far_a_pod_has_come() {
        assert_eq!(state(&pod(&json!({"phase": "Pending"}))), State::Untouched);
        assert!(matches!(
            state(&pod(&json!({"phase": "Pending", "startTime": "2026-11-21T07:00:00Z"}))),
            State::Starting(_)
        ));
        assert!(matches!(
            state(&with_container(&json!({"waiting": {"reason": "ContainerCreating"}}))),
            State::Starting(_)
        ));
        assert_eq!(
            state(&with_container(&json!({"running": {"startedAt": "2026-11-21T07:00:00Z"}}))),
            State::Running("p".into())
        );
        assert!(matches!(
            state(&with_container(&json!({"waiting": {"reason": "ErrImagePull", "message": "not found"}}))),
            State::Hopeless(Trouble::Image, why) if why == "ErrImagePull not found"
        ));
        assert!(matches!(
            state(&with_container(&json!({"terminated": {"exitCode": 1, "reason": "StartError"}}))),
            State::Hopeless(Trouble::Start, _)
        ));
        assert!(matches!(
            state(&pod(&json!({"phase": "Failed", "reason": "OutOfpods", "message": "too many"}))),
            State::Hopeless(Trouble::Start, why) if why == "OutOfpods too many"
        ));
    }
}
