//! A check as a Job of the cluster itself: its manifest, with the rights it needs. Text only; nothing is made.

use crate::diagnose::words::shell;

/// The rights as they are kept for everybody.
const RIGHTS: &str = include_str!("../deploy/rbac.yaml");
/// Name of everything in the manifest that is neither a role nor the Job.
const NAME: &str = "svc-trace-check";
/// Where the cluster's DNS and kube-proxy are.
const SYSTEM: &str = "kube-system";

/// What the Job is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobOf {
    /// Image that holds `kubectl-svc_trace`.
    pub image: String,
    /// Namespace of the Job, and of the pods that it makes on nodes.
    pub namespace: String,
    /// What it has to be allowed on nodes.
    pub reach: Reach,
    /// Whether a name among the arguments is of the namespace that is the context's.
    pub home: Home,
    /// What stands behind `check`.
    pub arguments: Vec<String>,
}

/// What a check does on nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Nothing: the API is all that is read.
    Api,
    /// It execs in kube-proxy's pods.
    KubeProxy,
    /// It makes pods, which is as good as root there.
    Pods,
}

/// Where names without a namespace are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Home {
    /// There are none, or the words say where.
    Said,
    /// In the namespace of the context that is left behind.
    OfContext,
}

/// A role and where it is bound; `None`: in the whole cluster.
type Binding<'a> = (&'static str, Option<&'a str>);

impl JobOf {
    /// Least rights that do it.
    fn bindings(&self) -> Vec<Binding<'_>> {
        let mut all = vec![("svc-trace-reader", None), ("svc-trace-check", None)];
        match self.reach {
            Reach::Api => {}
            Reach::KubeProxy => all.push(("svc-trace-exec", Some(SYSTEM))),
            Reach::Pods => all.push(("svc-trace-pods", Some(self.namespace.as_str()))),
        }
        all.push(("svc-trace-dns", Some(SYSTEM)));
        all
    }

    /// What to do with the manifest, in words and commands.
    fn header(&self, run: &str) -> String {
        let typed: Vec<String> = self.arguments.iter().map(|word| shell(word)).collect();
        let job = format!("job/{run}");
        let ns = shell(&self.namespace);
        let mut lines = vec![
            format!(
                "kubectl svc-trace check --print-job {} {}",
                shell(&self.image),
                typed.join(" ").replace(char::is_control, " ")
            ),
            "As job.yaml, run it, wait, read what it found, and end as the check ends. The Job has a name of its own: print"
                .into(),
            "it anew for the next run. It goes by itself after a day.".into(),
            "  kubectl apply -f job.yaml".into(),
            format!(
                "  until kubectl -n {ns} get {job} -o jsonpath='{{.status.conditions[*].type}}' | grep -Eqw 'Complete|Failed'; do sleep 2; done"
            ),
            format!("  kubectl -n {ns} logs {job}"),
            format!(
                "  (exit \"$(kubectl -n {ns} get pods -l job-name={run} -o jsonpath='{{.items[0].status.containerStatuses[0].state.terminated.exitCode}}')\")"
            ),
            "What stays is an account with these rights. Without them:".into(),
            format!("  kubectl -n {ns} delete serviceaccount {NAME}"),
        ];
        for (role, place) in self.bindings() {
            let binding = binding(role);
            lines.push(match place {
                None => format!("  kubectl delete clusterrolebinding {binding}"),
                Some(place) => format!("  kubectl -n {} delete rolebinding {binding}", shell(place)),
            });
        }
        lines.push("The roles are those of deploy/rbac.yaml, which others may use.".into());
        format!("# {}\n", lines.join("\n# "))
    }
}

fn binding(role: &str) -> String {
    format!("{NAME}-{}", role.trim_start_matches("svc-trace-"))
}

/// The manifest, as `kubectl apply` takes it; `run` is the Job's name, which no other has.
#[must_use]
pub fn manifest(job: &JobOf, run: &str) -> String {
    let (namespace, image) = (quoted(&job.namespace), quoted(&job.image));
    let bindings = job.bindings();
    let mut text = job.header(run);
    text.push_str(&format!(
        "apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: {NAME}, namespace: {namespace}}}\n"
    ));
    for role in RIGHTS.split("\n---\n") {
        let Some((name, place)) = bindings.iter().find(|(name, _)| role.contains(&format!("  name: {name}\n"))) else {
            continue;
        };
        let role: Vec<&str> = role.lines().filter(|line| !line.starts_with('#')).collect();
        let mut role = role.join("\n");
        if let Some(place) = place {
            // debug pods are made where the Job is; the cluster's DNS is in kube-system wherever that is
            role = role.replace("namespace: kube-system", &format!("namespace: {}", quoted(place)));
        }
        let (kind, of) = if place.is_some() { ("RoleBinding", "Role") } else { ("ClusterRoleBinding", "ClusterRole") };
        let at = place.map(|place| format!(", namespace: {}", quoted(place))).unwrap_or_default();
        text.push_str(&format!(
            "---\n{}\n---\napiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}\nmetadata: {{name: {}{at}}}\n\
             roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: {of}, name: {name}}}\n\
             subjects: [{{kind: ServiceAccount, name: {NAME}, namespace: {namespace}}}]\n",
            role.trim(),
            binding(name)
        ));
    }
    let arguments: Vec<String> =
        std::iter::once("check").chain(job.arguments.iter().map(String::as_str)).map(quoted).collect();
    text.push_str(&format!(
        "---\n\
         apiVersion: batch/v1\n\
         kind: Job\n\
         metadata: {{name: {run}, namespace: {namespace}}}\n\
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

    fn job(reach: Reach) -> JobOf {
        JobOf {
            image: "registry.example/svc-trace:1".into(),
            namespace: "probes".into(),
            reach,
            home: Home::Said,
            arguments: ["-A", "--ignore", "x: y # z\n- \"q\""].map(Into::into).into(),
        }
    }

    /// Every document as `Kind name in namespace`, and the last one.
    fn documents(reach: Reach) -> (Vec<String>, Value) {
        let documents: Vec<Value> = serde_saphyr::from_multiple(&manifest(&job(reach), "svc-trace-check-1")).unwrap();
        let kinds = documents.iter().map(|one| {
            let place = one["metadata"]["namespace"].as_str().map(|place| format!(" in {place}")).unwrap_or_default();
            format!("{} {}{place}", one["kind"].as_str().unwrap(), one["metadata"]["name"].as_str().unwrap())
        });
        (kinds.collect(), documents.last().unwrap().clone())
    }

    #[test]
    fn every_document_is_there_and_holds_what_was_asked() {
        let (kinds, last) = documents(Reach::Pods);
        assert_eq!(
            kinds,
            [
                "ServiceAccount svc-trace-check in probes",
                "ClusterRole svc-trace-reader",
                "ClusterRoleBinding svc-trace-check-reader",
                "ClusterRole svc-trace-check",
                "ClusterRoleBinding svc-trace-check-check",
                "Role svc-trace-pods in probes",
                "RoleBinding svc-trace-check-pods in probes",
                "Role svc-trace-dns in kube-system",
                "RoleBinding svc-trace-check-dns in kube-system",
                "Job svc-trace-check-1 in probes",
            ]
        );
        let container = &last["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(container["image"], "registry.example/svc-trace:1");
        assert_eq!(container["args"], serde_json::json!(["check", "-A", "--ignore", "x: y # z\n- \"q\""]));
    }

    #[test]
    fn who_makes_no_pod_may_make_none() {
        let of = |reach| documents(reach).0.into_iter().filter(|kind| kind.starts_with("Role ")).collect::<Vec<_>>();
        assert_eq!(of(Reach::Api), ["Role svc-trace-dns in kube-system"]);
        assert_eq!(of(Reach::KubeProxy), ["Role svc-trace-exec in kube-system", "Role svc-trace-dns in kube-system"]);
    }

    #[test]
    fn the_header_removes_all_that_is_bound() {
        let text = manifest(&job(Reach::KubeProxy), "svc-trace-check-1");
        let bound = documents(Reach::KubeProxy).0.into_iter().filter(|kind| kind.contains("Binding "));
        for binding in bound {
            let name = binding.split(' ').nth(1).unwrap();
            assert!(text.contains(&format!("binding {name}\n")), "{text}");
        }
        assert!(
            text.contains("-n probes get job/svc-trace-check-1 -o jsonpath='{.status.conditions[*].type}'"),
            "{text}"
        );
    }
}
