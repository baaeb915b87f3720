//! Whether one may make, use and remove a debug pod, asked before anything is made: who may not remove must not
//! make. Reads nothing of the cluster.

use std::time::Duration;

use futures::future::join_all;
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};
use kube::Client;
use kube::api::{Api, PostParams};
use tokio::time::timeout;

use super::config::Via;
use super::refusal::Act;
use crate::report::Gap;

/// verb, API group, resource, subresource.
type Right = (&'static str, &'static str, &'static str, &'static str);

const POD: &[Right] = &[
    ("create", "batch", "jobs", ""),
    ("delete", "batch", "jobs", ""),
    ("list", "", "pods", ""),
    ("create", "", "pods", "exec"),
];
const EXEC: &[Right] = &[("create", "", "pods", "exec")];

/// What may be done in the pods' namespace; only [`granted`] gives one. Without it no pod can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Granted {
    namespace: Allowed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Allowed {
    /// Nothing: this way of reading needs no right.
    Nothing,
    /// To run something in a pod that is there.
    Exec,
    /// To make a pod, use it, and remove it.
    Pods,
}

impl Granted {
    /// Whether pods may be made.
    pub(super) fn pods(self) -> bool {
        self.namespace == Allowed::Pods
    }
}

/// The rights that `via` takes in `namespace`. Those that cannot be asked for count as had: what is refused later is told
/// then.
///
/// # Errors
/// The gap of those that are missing.
#[allow(clippy::disallowed_methods, reason = "a review is a question: nothing is kept in the cluster")]
pub async fn granted(client: &Client, via: Via, namespace: &str, limit: Duration) -> Result<Granted, Gap> {
    let (rights, allowed) = match via {
        Via::DebugPod => (POD, Allowed::Pods),
        Via::KubeProxy => (EXEC, Allowed::Exec),
        Via::Local | Via::ApiOnly => return Ok(Granted { namespace: Allowed::Nothing }),
    };
    let reviews: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    let answers = join_all(rights.iter().map(async |right| {
        let review = review(*right, namespace);
        timeout(limit, reviews.create(&PostParams::default(), &review)).await
    }))
    .await;
    let denied: Vec<Right> = rights
        .iter()
        .zip(answers)
        .filter(|(_, answer)| matches!(answer, Ok(Ok(review)) if review.status.as_ref().is_some_and(|status| !status.allowed)))
        .map(|(right, _)| *right)
        .collect();
    let Some(first) = denied.first() else { return Ok(Granted { namespace: allowed }) };
    let (verb, ..) = first;
    let resources: Vec<String> = denied.iter().map(|right| format!("{} {}", right.0, name(*right))).collect();
    let resource = name(*first);
    let mut gap = Act { verb, resource: &resource, namespace }
        .denied(None, "the rules of every node: only what the API tells is checked");
    gap.summary = format!("you may not {} in {namespace}", resources.join(", "));
    Err(gap)
}

/// `jobs.batch`, `pods/exec`.
fn name((_, group, resource, sub): Right) -> String {
    let mut name = resource.to_owned();
    if !group.is_empty() {
        name.push('.');
        name.push_str(group);
    }
    if !sub.is_empty() {
        name.push('/');
        name.push_str(sub);
    }
    name
}

fn review((verb, group, resource, sub): Right, namespace: &str) -> SelfSubjectAccessReview {
    let text = |word: &str| (!word.is_empty()).then(|| word.to_owned());
    SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec {
            resource_attributes: Some(ResourceAttributes {
                namespace: Some(namespace.to_owned()),
                verb: text(verb),
                group: text(group),
                resource: text(resource),
                subresource: text(sub),
                ..ResourceAttributes::default()
            }),
            ..SelfSubjectAccessReviewSpec::default()
        },
        ..SelfSubjectAccessReview::default()
    }
}
