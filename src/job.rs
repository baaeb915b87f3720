//! A check as a Job of the cluster itself: its manifest, with the rights it needs. Text only; nothing is made.

use crate::diagnose::words::shell;

/// The rights as they are kept for everybody.
const RIGHTS: &str = include_str!("../deploy/rbac.yaml");
/// Name of everything in the manifest that is not a role.
const NAME: &str = "svc-trace-check";

/// What the Job is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobOf {
    /// Image that holds `kubectl-svc_trace`.
    pub image: String,
    /// Namespace of the Job, and of the pods that it makes on nodes.
    pub namespace: String,
    /// What stands behind `check`.
    pub arguments: Vec<String>,
}

/// The manifest, as `kubectl apply` takes it.
#[must_use]
pub fn manifest(job: &JobOf) -> String {
    let typed: Vec<String> = job.arguments.iter().map(|word| shell(word)).collect();
    let (namespace, image) = (quoted(&job.namespace), quoted(&job.image));
    let mut text = format!(
        "# kubectl svc-trace check --print-job {} {}\n\
         # Apply it, then wait and read what it found; the exit code of its container is that of the check:\n\
         #   kubectl -n {ns} wait --for=condition=Complete --for=condition=Failed job/{NAME} --timeout=15m\n\
         #   kubectl -n {ns} logs job/{NAME}\n",
        shell(&job.image),
        typed.join(" ").replace(char::is_control, " "),
        ns = shell(&job.namespace)
    );
    text.push_str(&format!(
        "apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: {NAME}, namespace: {namespace}}}\n"
    ));
    for role in RIGHTS.split("\n---\n").filter(|role| !role.contains("name: svc-trace-exec")) {
        let role: Vec<&str> = role.lines().filter(|line| !line.starts_with('#')).collect();
        let role = role.join("\n");
        // debug pods are made where the Job is; the cluster's DNS is in kube-system wherever that is
        let role = if role.contains("name: svc-trace-pods") {
            role.replace("namespace: kube-system", &format!("namespace: {namespace}"))
        } else {
            role
        };
        text.push_str(&format!("---\n{}\n", role.trim()));
    }
    let subjects = format!("subjects: [{{kind: ServiceAccount, name: {NAME}, namespace: {namespace}}}]");
    let mut bind = |kind: &str, role: &str, place: Option<&str>| {
        let of = if place.is_some() { "Role" } else { "ClusterRole" };
        let place = place.map(|place| format!(", namespace: {place}")).unwrap_or_default();
        text.push_str(&format!(
            "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}\nmetadata: {{name: {NAME}-{}{place}}}\n\
             roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: {of}, name: {role}}}\n{subjects}\n",
            role.trim_start_matches("svc-trace-")
        ));
    };
    bind("ClusterRoleBinding", "svc-trace-reader", None);
    bind("ClusterRoleBinding", "svc-trace-check", None);
    bind("RoleBinding", "svc-trace-pods", Some(&namespace));
    bind("RoleBinding", "svc-trace-dns", Some("kube-system"));
    let arguments: Vec<String> =
        std::iter::once("check").chain(job.arguments.iter().map(String::as_str)).map(quoted).collect();
    text.push_str(&format!(
        "---\n\
         apiVersion: batch/v1\n\
         kind: Job\n\
         metadata: {{name: {NAME}, namespace: {namespace}}}\n\
         spec:\n\
         \x20 backoffLimit: 0\n\
         \x20 activeDeadlineSeconds: 1800\n\
         \x20 ttlSecondsAfterFinished: 86400\n\
         \x20 template:\n\
         \x20   metadata:\n\
         \x20     labels: {{app.kubernetes.io/name: {NAME}}}\n\
         \x20   spec:\n\
         \x20     serviceAccountName: {NAME}\n\
         \x20     restartPolicy: Never\n\
         \x20     containers:\n\
         \x20     - name: check\n\
         \x20       image: {image}\n\
         \x20       imagePullPolicy: IfNotPresent\n\
         \x20       command: [kubectl-svc_trace]\n\
         \x20       args: [{}]\n\
         \x20       securityContext:\n\
         \x20         allowPrivilegeEscalation: false\n\
         \x20         readOnlyRootFilesystem: true\n\
         \x20         runAsNonRoot: true\n\
         \x20         runAsUser: 65532\n\
         \x20         capabilities: {{drop: [ALL]}}\n\
         \x20         seccompProfile: {{type: RuntimeDefault}}\n",
        arguments.join(", ")
    ));
    text
}

/// A text for YAML: JSON's form is one of YAML's.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn every_document_is_there_and_holds_what_was_asked() {
        let job = JobOf {
            image: "registry.example/svc-trace:1".into(),
            namespace: "probes".into(),
            arguments: ["-A", "--ignore", "x: y # z\n- \"q\""].map(Into::into).into(),
        };
        let documents: Vec<Value> = serde_saphyr::from_multiple(&manifest(&job)).unwrap();
        let kinds: Vec<String> = documents
            .iter()
            .map(|one| {
                let place =
                    one["metadata"]["namespace"].as_str().map(|place| format!(" in {place}")).unwrap_or_default();
                format!("{} {}{place}", one["kind"].as_str().unwrap(), one["metadata"]["name"].as_str().unwrap())
            })
            .collect();
        assert_eq!(
            kinds,
            [
                "ServiceAccount svc-trace-check in probes",
                "ClusterRole svc-trace-reader",
                "ClusterRole svc-trace-check",
                "Role svc-trace-pods in probes",
                "Role svc-trace-dns in kube-system",
                "ClusterRoleBinding svc-trace-check-reader",
                "ClusterRoleBinding svc-trace-check-check",
                "RoleBinding svc-trace-check-pods in probes",
                "RoleBinding svc-trace-check-dns in kube-system",
                "Job svc-trace-check in probes",
            ]
        );
        let container = &documents.last().unwrap()["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(container["image"], "registry.example/svc-trace:1");
        assert_eq!(container["args"], serde_json::json!(["check", "-A", "--ignore", "x: y # z\n- \"q\""]));
    }
}
