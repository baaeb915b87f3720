//! What the API server or a kubelet answered instead of doing what was asked, as gaps. Only words are looked at
//! here; nothing is sent.

use kube::core::Status;

use super::exec::{End, Refusal};
use crate::report::{Code, Gap};

/// What was being done, to name it.
#[derive(Debug, Clone, Copy)]
pub struct Act<'a> {
    /// `create`.
    pub verb: &'a str,
    /// `jobs.batch`.
    pub resource: &'a str,
    /// Namespace; empty for what has none.
    pub namespace: &'a str,
}

impl Act<'_> {
    /// The command that tells whether one may.
    fn can_i(&self) -> String {
        let scope = if self.namespace.is_empty() { String::new() } else { format!(" -n {}", self.namespace) };
        format!("kubectl auth can-i {} {}{scope}", self.verb, self.resource)
    }

    /// The gap of a right that is missing; `lost` is what cannot be told without it.
    #[must_use]
    pub fn denied(&self, node: Option<&str>, lost: &str) -> Gap {
        let place = if self.namespace.is_empty() { String::new() } else { format!(" in {}", self.namespace) };
        Gap {
            lost: Some(lost.to_owned()),
            help: Some(self.can_i()),
            ..Gap::new(Code::RbacDenied, node, format!("you may not {} {}{place}", self.verb, self.resource))
        }
    }
}

/// Whether this is the authorizer's no, and not that of an admission plugin, which answers 403 as well
/// (apiserver pkg/endpoints/handlers/responsewriters/errors.go, `forbiddenMessage`).
#[must_use]
pub fn is_rbac(status: &Status) -> bool {
    status.code == 403 && status.message.contains(" cannot ") && status.message.contains(" resource ")
}

/// Why a debug pod was refused.
#[must_use]
pub fn of_creation(status: &Status, act: Act<'_>, node: &str) -> Gap {
    let said = shorten(&status.message);
    let lost = format!("the rules of node {node}");
    let gap = |code, summary: String, help: String| Gap {
        lost: Some(lost.clone()),
        help: Some(help),
        ..Gap::new(code, Some(node), summary)
    };
    if is_rbac(status) {
        return act.denied(Some(node), &lost);
    }
    let namespace = act.namespace;
    if said.contains("exceeded quota") || said.contains("failed quota") || said.contains("LimitRange") {
        return gap(
            Code::CollectorUnschedulable,
            format!("a quota of {namespace} refuses the debug pod: {said}"),
            format!("kubectl describe quota,limitrange -n {namespace}; or give --pod-namespace"),
        );
    }
    match status.code {
        404 => gap(
            Code::NodeNotCollected,
            format!("no debug pod can be made in {namespace}: {said}"),
            "give --pod-namespace a namespace that exists".into(),
        ),
        422 => gap(
            Code::NodeNotCollected,
            format!("the API server finds the debug pod invalid: {said}"),
            "kubectl svc-trace … --dry-run shows the manifest".into(),
        ),
        _ => gap(
            Code::CollectorBlockedByAdmission,
            format!("admission refuses the debug pod in {namespace}: {said}"),
            "give --pod-namespace a namespace with the label pod-security.kubernetes.io/enforce=privileged; or --via kube-proxy".into(),
        ),
    }
}

/// Why an exec did not begin.
#[must_use]
pub fn of_exec(refusal: &Refusal, act: Act<'_>, node: &str) -> Gap {
    let lost = format!("the rules of node {node}");
    let kubelet = |summary: String| Gap {
        lost: Some(lost.clone()),
        help: Some(format!("kubectl get --raw /api/v1/nodes/{node}/proxy/healthz")),
        ..Gap::new(Code::KubeletPortBlocked, Some(node), summary)
    };
    match refusal {
        Refusal::Api(status) if is_rbac(status) => act.denied(Some(node), &lost),
        Refusal::Api(status) => {
            let said = shorten(&status.message);
            if ["dial", "i/o timeout", "10250", "no route to host", "connection refused", "proxy error"]
                .iter()
                .any(|word| said.contains(word))
            {
                kubelet(format!("the API server does not reach the kubelet of {node}: {said}"))
            } else {
                Gap {
                    lost: Some(lost),
                    ..Gap::new(Code::NodeNotCollected, Some(node), format!("exec on {node} is refused: {said}"))
                }
            }
        }
        Refusal::TimedOut => kubelet(format!("the kubelet of {node} does not answer an exec")),
        Refusal::Connection(said) => kubelet(format!("exec on {node} has no connection: {}", shorten(said))),
    }
}

/// What an ending leaves undone; `None` where the command simply ran.
#[must_use]
pub fn of_ending(end: &End, node: &str) -> Option<Gap> {
    let gap = |code, summary: String| {
        Some(Gap { lost: Some(format!("rules of node {node}")), ..Gap::new(code, Some(node), summary) })
    };
    match end {
        End::Exit(_) | End::Enough => None,
        End::Failed(said) => {
            gap(Code::ToolMissingOrCrashed, format!("nothing can be run in the pod on {node}: {}", shorten(said)))
        }
        End::Broken => gap(Code::NodeNotCollected, format!("the stream from {node} ended in the middle")),
        End::TimedOut => gap(Code::KubeletPortBlocked, format!("the stream from {node} went silent")),
        End::TooMuch => gap(Code::NodeNotCollected, format!("{node} sends more than is taken in")),
    }
}

/// One line of at most 300 characters.
#[must_use]
pub fn shorten(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(300) {
        None => line,
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]
mod tests {
    use super::*;

    const ACT: Act<'_> = Act { verb: "create", resource: "jobs.batch", namespace: "kube-system" };

    fn status(code: u16, message: &str) -> Status {
        Status { code, message: message.into(), ..Status::default() }
    }

    #[track_caller]
    fn creation(code: u16, message: &str, expected: Code) {
        let gap = of_creation(&status(code, message), ACT, "a");
        assert_eq!((gap.code, gap.counts, gap.node.as_deref()), (expected, true, Some("a")), "{message}");
        assert!(gap.lost.is_some() && gap.help.is_some());
    }

    #[test]
    fn refusals_of_the_pod() {
        creation(
            403,
            r#"jobs.batch is forbidden: User "viewer" cannot create resource "jobs" in API group "batch" in the namespace "kube-system""#,
            Code::RbacDenied,
        );
        creation(
            403,
            r#"pods "svc-trace-1" is forbidden: violates PodSecurity "restricted:latest": host namespaces (hostNetwork=true)"#,
            Code::CollectorBlockedByAdmission,
        );
        creation(
            400,
            r#"admission webhook "validate.kyverno.svc-fail" denied the request: no"#,
            Code::CollectorBlockedByAdmission,
        );
        creation(
            403,
            r#"pods "x" is forbidden: exceeded quota: small, requested: pods=1"#,
            Code::CollectorUnschedulable,
        );
        creation(404, r#"namespaces "debug" not found"#, Code::NodeNotCollected);
        creation(422, r#"Job.batch "x" is invalid: spec"#, Code::NodeNotCollected);
    }

    #[track_caller]
    fn exec(refusal: &Refusal, expected: Code) {
        let act = Act { verb: "create", resource: "pods/exec", namespace: "kube-system" };
        assert_eq!(of_exec(refusal, act, "a").code, expected, "{refusal:?}");
    }

    #[test]
    fn refusals_of_exec() {
        let api = |code, message: &str| Refusal::Api(Box::new(status(code, message)));
        exec(
            &api(403, r#"pods "x" is forbidden: User "u" cannot create resource "pods/exec" in API group """#),
            Code::RbacDenied,
        );
        exec(&api(500, "error dialing backend: dial tcp 10.90.0.11:10250: i/o timeout"), Code::KubeletPortBlocked);
        exec(&api(500, "container not found"), Code::NodeNotCollected);
        exec(&Refusal::TimedOut, Code::KubeletPortBlocked);
        exec(&Refusal::Connection("broken pipe".into()), Code::KubeletPortBlocked);
    }

    #[test]
    fn a_command_that_ran_is_no_gap() {
        assert_eq!(of_ending(&End::Exit(1), "a"), None);
        assert_eq!(of_ending(&End::Broken, "a").map(|gap| gap.code), Some(Code::NodeNotCollected));
        assert_eq!(of_ending(&End::TimedOut, "a").map(|gap| gap.code), Some(Code::KubeletPortBlocked));
    }

    #[test]
    fn long_words_are_cut_between_characters() {
        assert_eq!(shorten(" a\n b "), "a b");
        assert_eq!(shorten(&"ä".repeat(400)).chars().count(), 301);
    }
}
