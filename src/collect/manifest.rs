//! The Job that reads one node, as a value: what it may do is written here and nowhere else. Sends nothing.

use k8s_openapi::api::batch::v1::Job;
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

/// How privileged a debug pod is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Privilege {
    /// Host network, NET_ADMIN and NET_RAW. Both are needed: with NET_ADMIN alone `iptables-nft-save` stops in the
    /// middle of a line at the first `-m set` (iptables extensions/libxt_set.h opens a raw socket).
    Netadmin,
    /// Privileged, with the host's process ids, to run the node's own tools in its mount namespace.
    Sysadmin,
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
        }
    }

    /// The shell that the script is given to.
    #[must_use]
    pub const fn shell(self) -> &'static [&'static str] {
        match self {
            Self::Netadmin => &["/bin/sh", "-s"],
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

impl Plan {
    /// The Job.
    ///
    /// # Errors
    /// When it is no Job: a fault of this program.
    pub fn job(&self) -> Result<Job, serde_json::Error> {
        serde_json::from_value(json!({
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
        serde_json::from_value(json!({
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
        let job = self.job().map_err(|error| fault(error.to_string()))?;
        serde_saphyr::to_string(&job).map_err(|error| fault(error.to_string()))
    }

    fn spec(&self) -> Value {
        let sysadmin = self.privilege == Privilege::Sysadmin;
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
            Privilege::Sysadmin => json!({"runAsUser": 0, "privileged": true, "readOnlyRootFilesystem": true}),
        };
        let mut spec = json!({
            "nodeName": self.node,
            "hostNetwork": true,
            "hostPID": sysadmin,
            "restartPolicy": "Never",
            "dnsPolicy": "Default",
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
        spec
    }
}

/// A name that no other run has.
#[must_use]
pub fn fresh_name() -> String {
    format!("svc-trace-{:.10}", super::random_hex())
}

fn labels() -> Value {
    json!({MANAGED_BY.0: MANAGED_BY.1, "app.kubernetes.io/name": "svc-trace"})
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]
mod tests {
    use super::*;

    fn plan(privilege: Privilege) -> Plan {
        Plan {
            name: "svc-trace-0123456789".into(),
            namespace: "kube-system".into(),
            node: "node-a".into(),
            image: "registry.k8s.io/kube-proxy:v1.34.4".into(),
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
    }

    #[test]
    fn job_and_dry_run_pod_are_the_same_pod() {
        for privilege in [Privilege::Netadmin, Privilege::Sysadmin] {
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
