//! The Job that reads one node, as a value: what it may do is written here and nowhere else. Sends nothing.

use std::collections::BTreeMap;

use k8s_openapi::api::batch::v1::Job;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::config::Profile;

/// Label that marks everything svc-trace makes in a cluster.
pub const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "kubectl-svc-trace");
/// Name of the container.
pub const CONTAINER: &str = "reader";
/// Seconds after which the cluster itself ends a pod that nobody removed.
pub const DEADLINE: i64 = 300;
/// Seconds after which the cluster itself removes a Job that has ended.
pub const TTL: i32 = 60;

/// User and group of what needs no right.
const NOBODY: i64 = 65534;

/// How privileged a debug pod is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Privilege {
    /// Host network, NET_ADMIN and NET_RAW. Both are needed: with NET_ADMIN alone `iptables-nft-save` stops in the
    /// middle of a line at the first `-m set` (iptables extensions/libxt_set.h opens a raw socket).
    Netadmin,
    /// Privileged, with the host's process ids, to run the node's own tools in its mount namespace.
    Sysadmin,
    /// Nothing: a pod that meets the restricted profile of pod security, to ask as any pod would.
    Asker,
    /// Nothing but the host's network, to ask as the node would.
    HostAsker,
    /// Privileged, with the host's process ids, to ask in another pod's network namespace.
    Entering,
}

impl Privilege {
    /// What a profile begins with.
    #[must_use]
    pub const fn first(profile: Profile) -> Self {
        match profile {
            Profile::Auto | Profile::Netadmin => Self::Netadmin,
            Profile::Sysadmin => Self::Sysadmin,
        }
    }

    /// In words, for the line that is said before anything is made.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Netadmin => "host network, capabilities NET_ADMIN and NET_RAW, read-only root",
            Self::Sysadmin => "privileged, host network, host process ids",
            Self::Asker => "unprivileged, as the restricted profile wants it",
            Self::HostAsker => "unprivileged, host network",
            Self::Entering => "privileged, host process ids, to enter the pod's network namespace",
        }
    }

    /// The shell that the script is given to.
    #[must_use]
    pub const fn shell(self) -> &'static [&'static str] {
        match self {
            Self::Netadmin | Self::Asker | Self::HostAsker | Self::Entering => &["/bin/sh", "-s"],
            Self::Sysadmin => &["nsenter", "--target", "1", "--mount", "--net", "--", "/bin/sh", "-s"],
        }
    }
}

/// What differs between one debug pod and another.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Name of the Job.
    pub name: String,
    /// Namespace.
    pub namespace: String,
    /// Node.
    pub node: String,
    /// Image.
    pub image: String,
    /// Pull secret.
    pub pull_secret: Option<String>,
    /// Privilege.
    pub privilege: Privilege,
}

/// By way of text, as the API's answers come: read from a `Value`, each type would stand in the program twice.
fn typed<T: DeserializeOwned>(value: &Value) -> Result<T, serde_json::Error> {
    serde_json::from_str(&value.to_string())
}

impl Plan {
    /// The Job.
    ///
    /// # Errors
    /// When it is no Job: a fault of this program.
    pub fn job(&self) -> Result<Job, serde_json::Error> {
        typed(&json!({
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": self.name, "namespace": self.namespace, "labels": labels()},
            "spec": {
                "backoffLimit": 0,
                "completions": 1,
                "parallelism": 1,
                "activeDeadlineSeconds": DEADLINE,
                "ttlSecondsAfterFinished": TTL,
                "template": {"metadata": {"labels": labels()}, "spec": self.spec()},
            },
        }))
    }

    /// The pod that the Job will make, for a dry run of its own: pod security looks at pods, and only warns of Jobs.
    ///
    /// # Errors
    /// When it is no Pod: a fault of this program.
    pub fn pod(&self) -> Result<k8s_openapi::api::core::v1::Pod, serde_json::Error> {
        typed(&json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": self.name, "namespace": self.namespace, "labels": labels()},
            "spec": self.spec(),
        }))
    }

    /// The Job as YAML, for `--dry-run`.
    ///
    /// # Errors
    /// When it cannot be written as YAML: a fault of this program.
    pub fn yaml(&self) -> Result<String, crate::Error> {
        let fault = |error: String| crate::Error::usage(format!("cannot write the manifest: {error}"));
        let job = self.job().and_then(|job| serde_json::to_string(&job)).map_err(|error| fault(error.to_string()))?;
        crate::yaml::from_json(&job).map_err(fault)
    }

    fn spec(&self) -> Value {
        let sees_processes = matches!(self.privilege, Privilege::Sysadmin | Privilege::Entering);
        let on_host = matches!(self.privilege, Privilege::Netadmin | Privilege::Sysadmin | Privilege::HostAsker);
        let asks = matches!(self.privilege, Privilege::Asker | Privilege::HostAsker | Privilege::Entering);
        let security = match self.privilege {
            Privilege::Netadmin => json!({
                "runAsUser": 0,
                "runAsNonRoot": false,
                "privileged": false,
                "allowPrivilegeEscalation": false,
                "readOnlyRootFilesystem": true,
                "capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN", "NET_RAW"]},
                "seccompProfile": {"type": "RuntimeDefault"},
            }),
            Privilege::Asker | Privilege::HostAsker => json!({
                "runAsUser": NOBODY,
                "runAsGroup": NOBODY,
                "runAsNonRoot": true,
                "privileged": false,
                "allowPrivilegeEscalation": false,
                "readOnlyRootFilesystem": true,
                "capabilities": {"drop": ["ALL"]},
                "seccompProfile": {"type": "RuntimeDefault"},
            }),
            Privilege::Sysadmin | Privilege::Entering => {
                json!({"runAsUser": 0, "privileged": true, "readOnlyRootFilesystem": true})
            }
        };
        let mut spec = json!({
            "nodeName": self.node,
            "hostNetwork": on_host,
            "hostPID": sees_processes,
            "restartPolicy": "Never",
            "dnsPolicy": if self.privilege == Privilege::Asker { "ClusterFirst" } else { "Default" },
            "automountServiceAccountToken": false,
            "enableServiceLinks": false,
            "terminationGracePeriodSeconds": 0,
            "tolerations": [{"operator": "Exists"}],
            "containers": [{
                "name": CONTAINER,
                "image": self.image,
                "imagePullPolicy": "IfNotPresent",
                "command": ["sleep", DEADLINE.to_string()],
                "resources": {
                    "requests": {"cpu": "10m", "memory": "32Mi"},
                    "limits": {"cpu": "1", "memory": "512Mi"},
                },
                "securityContext": security,
            }],
        });
        if let (Some(secret), Some(fields)) = (&self.pull_secret, spec.as_object_mut()) {
            fields.insert("imagePullSecrets".into(), json!([{"name": secret}]));
        }
        if asks && let Some(fields) = spec.as_object_mut() {
            // what is streamed in, and nothing else, can be written
            fields.insert("volumes".into(), json!([{"name": "agent", "emptyDir": {"sizeLimit": "256Mi"}}]));
            fields.insert("securityContext".into(), json!({"fsGroup": NOBODY}));
            let container = spec.pointer_mut("/containers/0").and_then(Value::as_object_mut);
            if let Some(container) = container {
                container.insert("volumeMounts".into(), json!([{"name": "agent", "mountPath": "/svc-trace"}]));
            }
        }
        spec
    }
}

/// A name that no other run has.
#[must_use]
pub fn fresh_name() -> String {
    fresh_name_of("svc-trace")
}

/// The same behind another word.
#[must_use]
pub fn fresh_name_of(word: &str) -> String {
    format!("{word}-{:.10}", super::random_hex())
}

fn labels() -> Value {
    json!(pod_labels())
}

/// Labels of everything that is made: policies may select by them.
#[must_use]
pub fn pod_labels() -> BTreeMap<String, String> {
    [MANAGED_BY, ("app.kubernetes.io/name", "svc-trace")].map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]
mod tests {
    use super::*;
    use crate::collect::config::PodOptions;
    use crate::collect::image;
    use crate::collect::snapshot::Objects;

    fn plan(privilege: Privilege) -> Plan {
        let objects = serde_json::from_value(json!({"metadata": {"name": "node-a"}, "status": {
            "images": [{"names": ["registry.k8s.io/kube-proxy:v1.34.4"]}]}}));
        let objects = Objects { nodes: Some(vec![objects.unwrap()]), ..Objects::default() };
        Plan {
            name: "svc-trace-0123456789".into(),
            namespace: "kube-system".into(),
            node: "node-a".into(),
            image: image::choose(&PodOptions::default(), privilege, &objects, "node-a").image,
            pull_secret: Some("pull".into()),
            privilege,
        }
    }

    #[test]
    fn yaml_says_what_the_committed_manifest_says() {
        let ours: Value = serde_saphyr::from_str(&plan(Privilege::Netadmin).yaml().unwrap()).unwrap();
        let golden: Value = serde_saphyr::from_str(include_str!("../../deploy/debug-pod-netadmin.yaml")).unwrap();
        assert_eq!(ours, golden);
        let ours: Value = serde_saphyr::from_str(&plan(Privilege::Sysadmin).yaml().unwrap()).unwrap();
        let golden: Value = serde_saphyr::from_str(include_str!("../../deploy/debug-pod-sysadmin.yaml")).unwrap();
        assert_eq!(ours, golden);
        let ours: Value = serde_saphyr::from_str(&plan(Privilege::Asker).yaml().unwrap()).unwrap();
        let golden: Value = serde_saphyr::from_str(include_str!("../../deploy/asking-pod.yaml")).unwrap();
        assert_eq!(ours, golden);
    }

    #[test]
    fn who_asks_meets_the_restricted_profile() {
        // kubernetes.io/docs/concepts/security/pod-security-standards, Restricted
        let pod = plan(Privilege::Asker).pod().unwrap().spec.unwrap();
        let security = pod.containers[0].security_context.clone().unwrap();
        assert_eq!((pod.host_network, pod.host_pid, pod.host_ipc), (Some(false), Some(false), None));
        assert_eq!((security.run_as_non_root, security.allow_privilege_escalation), (Some(true), Some(false)));
        assert_eq!(security.seccomp_profile.unwrap().type_, "RuntimeDefault");
        let capabilities = security.capabilities.unwrap();
        assert_eq!((capabilities.drop.unwrap(), capabilities.add), (vec!["ALL".to_owned()], None));
        assert!(pod.volumes.unwrap().iter().all(|volume| volume.empty_dir.is_some()));
        assert_eq!(pod.automount_service_account_token, Some(false));
        let host = plan(Privilege::HostAsker).pod().unwrap().spec.unwrap();
        assert_eq!(host.host_network, Some(true));
    }

    #[test]
    fn job_and_dry_run_pod_are_the_same_pod() {
        for privilege in [Privilege::Netadmin, Privilege::Sysadmin, Privilege::Asker, Privilege::Entering] {
            let plan = plan(privilege);
            assert_eq!(plan.job().unwrap().spec.unwrap().template.spec, plan.pod().unwrap().spec);
        }
    }

    #[test]
    fn least_privilege() {
        let job = plan(Privilege::Netadmin).job().unwrap();
        let spec = job.spec.unwrap();
        assert_eq!(
            (spec.backoff_limit, spec.active_deadline_seconds, spec.ttl_seconds_after_finished),
            (Some(0), Some(300), Some(60))
        );
        let pod = spec.template.spec.unwrap();
        assert_eq!(
            (pod.host_pid, pod.host_network, pod.automount_service_account_token),
            (Some(false), Some(true), Some(false))
        );
        assert_eq!(pod.volumes, None);
        let security = pod.containers[0].security_context.clone().unwrap();
        let capabilities = security.capabilities.unwrap();
        assert_eq!(capabilities.drop.unwrap(), ["ALL"]);
        assert_eq!(capabilities.add.unwrap(), ["NET_ADMIN", "NET_RAW"]);
        assert_eq!((security.privileged, security.read_only_root_filesystem), (Some(false), Some(true)));
        assert_eq!((security.run_as_user, security.allow_privilege_escalation), (Some(0), Some(false)));
    }

    #[test]
    fn names_are_fresh_and_short() {
        let (one, other) = (fresh_name(), fresh_name());
        assert_ne!(one, other);
        assert_eq!(one.len(), "svc-trace-0123456789".len());
    }
}
