//! Why a pod gets no traffic, in the words of its own status. Says nothing of Services.

use std::fmt;

use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus, Pod};

use crate::collect::snapshot::Objects;

/// What keeps a pod from being ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotReady {
    /// The pod is not in the cluster any more.
    Gone,
    /// It is being deleted.
    Deleting,
    /// It ran to its end, or failed.
    Finished(String),
    /// No node was found for it; the scheduler's words.
    Unscheduled(String),
    /// A container waits: `ImagePullBackOff`, `CrashLoopBackOff`.
    Waiting {
        /// Container.
        container: String,
        /// Reason.
        reason: String,
    },
    /// A container has ended.
    Ended {
        /// Container.
        container: String,
        /// `exit 1, OOMKilled`.
        how: String,
    },
    /// A container runs and its readiness probe does not pass; the last event of it, if there is one.
    Probe {
        /// Container.
        container: String,
        /// What the kubelet said last.
        said: Option<String>,
    },
    /// A container runs, has no readiness probe, and is not reported ready yet.
    Container(String),
    /// A readiness gate is not true.
    Gate(String),
    /// Its node is not ready.
    NodeNotReady(String),
    /// The status does not say why.
    Unsaid,
}

impl NotReady {
    /// Name of the variant, stable.
    #[must_use]
    pub const fn slug(&self) -> &'static str {
        match self {
            Self::Gone => "pod-gone",
            Self::Deleting => "pod-deleted",
            Self::Finished(_) => "pod-finished",
            Self::Unscheduled(_) => "pod-unscheduled",
            Self::Waiting { .. } => "container-waiting",
            Self::Ended { .. } => "container-ended",
            Self::Probe { .. } => "readiness-probe",
            Self::Container(_) => "container-not-ready",
            Self::Gate(_) => "readiness-gate",
            Self::NodeNotReady(_) => "node-not-ready",
            Self::Unsaid => "unknown",
        }
    }

    /// The field of the pod that says so.
    #[must_use]
    pub const fn field(&self) -> &'static str {
        match self {
            Self::Gone => "metadata.name",
            Self::Deleting => "metadata.deletionTimestamp",
            Self::Finished(_) => "status.phase",
            Self::Unscheduled(_) | Self::Gate(_) | Self::NodeNotReady(_) | Self::Unsaid => "status.conditions",
            Self::Waiting { .. } | Self::Ended { .. } | Self::Probe { .. } | Self::Container(_) => {
                "status.containerStatuses"
            }
        }
    }
}

impl fmt::Display for NotReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => f.write_str("the pod is gone"),
            Self::Deleting => f.write_str("being deleted"),
            Self::Finished(phase) => write!(f, "the pod has ended ({phase})"),
            Self::Unscheduled(words) if words.is_empty() => f.write_str("no node was found for it"),
            Self::Unscheduled(words) => write!(f, "no node was found for it: {words}"),
            Self::Waiting { container, reason } => write!(f, "container {container} waits: {reason}"),
            Self::Ended { container, how } => write!(f, "container {container} has ended ({how})"),
            Self::Probe { container, said: None } => write!(f, "readiness probe of container {container} fails"),
            Self::Probe { container, said: Some(said) } => {
                write!(f, "readiness probe of container {container} fails: {said}")
            }
            Self::Container(container) => write!(f, "container {container} is not ready"),
            Self::Gate(gate) => write!(f, "readiness gate {gate} is not true"),
            Self::NodeNotReady(node) => write!(f, "its node {node} is not ready"),
            Self::Unsaid => f.write_str("its status does not say why"),
        }
    }
}

/// The value in the pod's status that a reason stands on, as near to the object as one line can be.
#[must_use]
pub fn quote(pod: &Pod, why: &NotReady) -> String {
    let of_condition = |kind: &str| {
        condition(pod, kind).map_or_else(|| format!("no {kind}"), |(status, _)| format!("{kind} {status}"))
    };
    match why {
        NotReady::Gone => pod.metadata.name.clone().unwrap_or_default(),
        NotReady::Deleting => {
            pod.metadata.deletion_timestamp.as_ref().map(|time| time.0.to_string()).unwrap_or_default()
        }
        NotReady::Finished(phase) => phase.clone(),
        NotReady::Unscheduled(_) => of_condition("PodScheduled"),
        NotReady::Gate(gate) => of_condition(gate),
        NotReady::NodeNotReady(_) | NotReady::Unsaid => of_condition("Ready"),
        NotReady::Waiting { container, .. }
        | NotReady::Ended { container, .. }
        | NotReady::Probe { container, .. }
        | NotReady::Container(container) => container_words(pod, container),
    }
}

/// `app ready false, waiting CrashLoopBackOff, 4 restarts`.
fn container_words(pod: &Pod, name: &str) -> String {
    let status = pod.status.as_ref();
    let running = status.and_then(|s| s.container_statuses.as_deref()).unwrap_or_default();
    let init = status.and_then(|s| s.init_container_statuses.as_deref()).unwrap_or_default();
    let Some(found) = running.iter().chain(init).find(|c| c.name == name) else { return name.to_owned() };
    let state = found.state.as_ref();
    let waiting =
        state.and_then(|s| s.waiting.as_ref()).map(|w| format!("waiting {}", w.reason.as_deref().unwrap_or_default()));
    let words = waiting.or_else(|| state.and_then(ended)).unwrap_or_else(|| "running".into());
    format!("{name} ready {}, {words}, {} restarts", found.ready, found.restart_count)
}

/// Whether the pod's Ready condition is True.
#[must_use]
pub fn is_ready(pod: &Pod) -> bool {
    condition(pod, "Ready").is_some_and(|(status, _)| status == "True")
}

/// Whether the pod is there to serve: not ended, not being deleted.
#[must_use]
pub fn is_alive(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_none() && !matches!(phase(pod), "Succeeded" | "Failed")
}

/// status.phase.
#[must_use]
pub fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|s| s.phase.as_deref()).unwrap_or_default()
}

/// Addresses of a pod, first family first.
#[must_use]
pub fn addresses(pod: &Pod) -> Vec<&str> {
    let status = pod.status.as_ref();
    let listed: Vec<&str> =
        status.and_then(|s| s.pod_ips.as_deref()).unwrap_or_default().iter().map(|ip| ip.ip.as_str()).collect();
    if listed.is_empty() { status.and_then(|s| s.pod_ip.as_deref()).into_iter().collect() } else { listed }
}

/// Status and message of a condition.
fn condition<'pod>(pod: &'pod Pod, kind: &str) -> Option<(&'pod str, &'pod str)> {
    let conditions = pod.status.as_ref()?.conditions.as_deref()?;
    conditions.iter().find(|c| c.type_ == kind).map(|c| (c.status.as_str(), c.message.as_deref().unwrap_or_default()))
}

/// What keeps this pod from being ready; `None` when it is ready.
#[must_use]
pub fn why_not_ready(pod: &Pod, objects: &Objects) -> Option<NotReady> {
    if pod.metadata.deletion_timestamp.is_some() {
        return Some(NotReady::Deleting);
    }
    if matches!(phase(pod), "Succeeded" | "Failed") {
        return Some(NotReady::Finished(phase(pod).to_owned()));
    }
    if is_ready(pod) {
        return None;
    }
    if let Some(("False", message)) = condition(pod, "PodScheduled") {
        return Some(NotReady::Unscheduled(message.to_owned()));
    }
    Some(container(pod, objects).or_else(|| gate(pod)).or_else(|| node(pod, objects)).unwrap_or(NotReady::Unsaid))
}

/// The first container that keeps the pod from being ready; init containers run first.
fn container(pod: &Pod, objects: &Objects) -> Option<NotReady> {
    let status = pod.status.as_ref()?;
    let waiting = |c: &ContainerStatus| {
        let state = c.state.as_ref()?;
        let reason = state.waiting.as_ref().map(|w| w.reason.clone().unwrap_or_else(|| "Waiting".into()))?;
        // The state before says why it waits: an exit code or OOMKilled.
        let before = c.last_state.as_ref().and_then(ended).map(|how| format!("{reason}, before: {how}"));
        Some(NotReady::Waiting { container: c.name.clone(), reason: before.unwrap_or(reason) })
    };
    let init = status.init_container_statuses.as_deref().unwrap_or_default();
    if let Some(found) = init.iter().filter(|c| !c.ready && c.started != Some(true)).find_map(waiting) {
        return Some(found);
    }
    let all = status.container_statuses.as_deref().unwrap_or_default();
    all.iter().filter(|c| !c.ready).find_map(|c| {
        waiting(c)
            .or_else(|| c.state.as_ref().and_then(ended).map(|how| NotReady::Ended { container: c.name.clone(), how }))
            .or_else(|| {
                c.state.as_ref()?.running.as_ref()?;
                let has_probe = pod.spec.as_ref().is_some_and(|spec| {
                    spec.containers.iter().any(|s| s.name == c.name && s.readiness_probe.is_some())
                });
                let said = unhealthy(pod, objects);
                Some(if has_probe || said.is_some() {
                    NotReady::Probe { container: c.name.clone(), said }
                } else {
                    NotReady::Container(c.name.clone())
                })
            })
    })
}

/// `exit 137, OOMKilled`.
fn ended(state: &ContainerState) -> Option<String> {
    let ended = state.terminated.as_ref()?;
    let reason = ended.reason.as_deref().filter(|reason| *reason != "Error" && !reason.is_empty());
    Some(
        reason.map_or_else(
            || format!("exit {}", ended.exit_code),
            |reason| format!("exit {}, {reason}", ended.exit_code),
        ),
    )
}

/// The last `Unhealthy` event about readiness of this pod.
fn unhealthy(pod: &Pod, objects: &Objects) -> Option<String> {
    let name = pod.metadata.name.as_deref()?;
    let events = objects.events.as_deref()?;
    let found = events.iter().rev().find(|event| {
        event.reason.as_deref() == Some("Unhealthy")
            && event
                .regarding
                .as_ref()
                .is_some_and(|o| o.name.as_deref() == Some(name) && o.namespace == pod.metadata.namespace)
            && event.note.as_deref().is_some_and(|note| note.starts_with("Readiness probe"))
    })?;
    let note = found.note.as_deref()?;
    Some(note.split_once(": ").map_or(note, |(_, said)| said).trim().to_owned())
}

fn gate(pod: &Pod) -> Option<NotReady> {
    let gates = pod.spec.as_ref()?.readiness_gates.as_deref()?;
    gates
        .iter()
        .find(|gate| condition(pod, &gate.condition_type).is_none_or(|(status, _)| status != "True"))
        .map(|gate| NotReady::Gate(gate.condition_type.clone()))
}

fn node(pod: &Pod, objects: &Objects) -> Option<NotReady> {
    let name = pod.spec.as_ref()?.node_name.as_deref()?;
    let view = super::node::NodeView::find(objects, name);
    (view.is_ready() == Some(false)).then(|| NotReady::NodeNotReady(name.to_owned()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[track_caller]
    fn case(pod: Value, expected: Option<&str>) {
        let pod: Pod = serde_json::from_value(pod).unwrap();
        let events = json!([{"metadata": {"name": "e"}, "reason": "Unhealthy", "eventTime": null,
            "regarding": {"kind": "Pod", "name": "probed", "namespace": "default"},
            "note": "Readiness probe failed: HTTP probe failed with statuscode: 503"}]);
        let nodes =
            json!([{"metadata": {"name": "b"}, "status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}}]);
        let objects = Objects {
            events: Some(serde_json::from_value(events).unwrap()),
            nodes: Some(serde_json::from_value(nodes).unwrap()),
            ..Objects::default()
        };
        assert_eq!(why_not_ready(&pod, &objects).map(|why| why.to_string()).as_deref(), expected);
    }

    #[test]
    fn reasons() {
        let ready = json!([{"type": "Ready", "status": "True"}]);
        let unready = json!([{"type": "Ready", "status": "False"}]);
        case(json!({"metadata": {"name": "x"}, "status": {"phase": "Running", "conditions": ready}}), None);
        case(
            json!({"metadata": {"name": "x", "deletionTimestamp": "2026-01-01T00:00:00Z"}, "status": {"conditions": ready}}),
            Some("being deleted"),
        );
        case(json!({"metadata": {"name": "x"}, "status": {"phase": "Failed"}}), Some("the pod has ended (Failed)"));
        case(
            json!({"metadata": {"name": "x"}, "status": {"phase": "Pending", "conditions": [
                {"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available"}]}}),
            Some("no node was found for it: 0/3 nodes are available"),
        );
        case(
            json!({"metadata": {"name": "x"}, "status": {"phase": "Running", "conditions": unready, "containerStatuses": [
                {"name": "app", "ready": false, "image": "", "imageID": "", "restartCount": 3,
                 "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                 "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}]}}),
            Some("container app waits: CrashLoopBackOff, before: exit 137, OOMKilled"),
        );
        let running = json!([{"name": "app", "ready": false, "image": "", "imageID": "", "restartCount": 0,
            "state": {"running": {}}}]);
        case(
            json!({"metadata": {"name": "probed", "namespace": "default"},
                "spec": {"containers": [{"name": "app", "readinessProbe": {"httpGet": {"port": 80}}}]},
                "status": {"phase": "Running", "conditions": unready, "containerStatuses": running}}),
            Some("readiness probe of container app fails: HTTP probe failed with statuscode: 503"),
        );
        case(
            json!({"metadata": {"name": "x"}, "spec": {"containers": [{"name": "app"}]},
                "status": {"phase": "Running", "conditions": unready, "containerStatuses": running}}),
            Some("container app is not ready"),
        );
        case(
            json!({"metadata": {"name": "x"}, "spec": {"containers": [], "readinessGates": [{"conditionType": "lb/ready"}]},
                "status": {"phase": "Running", "conditions": unready}}),
            Some("readiness gate lb/ready is not true"),
        );
        case(
            json!({"metadata": {"name": "x"}, "spec": {"containers": [], "nodeName": "b"},
                "status": {"phase": "Running", "conditions": unready}}),
            Some("its node b is not ready"),
        );
        case(
            json!({"metadata": {"name": "x"}, "status": {"conditions": unready}}),
            Some("its status does not say why"),
        );
    }
}
