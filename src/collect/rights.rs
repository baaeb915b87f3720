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

/// The gap of the rights that are missing in `namespace`; nothing where all are there or cannot be asked for.
#[allow(clippy::disallowed_methods, reason = "a review is a question: nothing is kept in the cluster")]
pub async fn missing(client: &Client, via: Via, namespace: &str, limit: Duration) -> Option<Gap> {
    let rights = match via {
        Via::DebugPod => POD,
        Via::KubeProxy => EXEC,
        Via::Local | Via::ApiOnly => return None,
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
    let (verb, ..) = denied.first()?;
    let resources: Vec<String> = denied.iter().map(|right| format!("{} {}", right.0, name(*right))).collect();
    let resource = name(*denied.first()?);
    let mut gap = Act { verb, resource: &resource, namespace }
        .denied(None, "the rules of every node: only what the API tells is checked");
    gap.summary = format!("you may not {} in {namespace}", resources.join(", "));
    Some(gap)
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
