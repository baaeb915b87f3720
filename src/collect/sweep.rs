//! Jobs of earlier runs: finding and removing them. Touches nothing without svc-trace's own label.

use std::time::Duration;

use k8s_openapi::api::batch::v1::Job;
use kube::api::{Api, DeleteParams, ListParams};
use kube::{Client, Error as KubeError};
use tokio::time::timeout;

use super::config::{Limits, Say};
use super::manifest::{DEADLINE, MANAGED_BY, TTL};
use super::refusal::shorten;
use crate::{Error, Result};

/// What `cleanup` did.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Cleaned {
    /// `namespace/name` of each Job that was removed.
    pub removed: Vec<String>,
    /// What could not be removed, with the reason.
    pub failed: Vec<String>,
    /// `namespace/name` of each Job that may still be at work, and stays.
    pub kept: Vec<String>,
}

/// Which Jobs of ours are removed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Those that have ended, and those that should have long ago: nobody is at work with them.
    #[default]
    Left,
    /// All, also what somebody is reading with just now.
    All,
}

/// Removes Jobs of ours: in all namespaces, or in `namespace` where all may not be listed.
///
/// # Errors
/// The Jobs could not be listed.
pub async fn clean(client: &Client, limits: &Limits, namespace: &str, which: Which) -> Result<Cleaned> {
    let everywhere = list(client, limits, None).await;
    let jobs = match everywhere {
        Err(KubeError::Api(status)) if status.code == 403 => list(client, limits, Some(namespace)).await,
        other => other,
    };
    match jobs {
        Ok(jobs) => {
            let (gone, kept): (Vec<Job>, Vec<Job>) =
                jobs.into_iter().partition(|job| which == Which::All || has_ended(job) || is_expired(job));
            let kept = kept.iter().map(full_name).collect();
            Ok(Cleaned { kept, ..delete(client, limits, gone).await })
        }
        Err(error) => Err(Error::Api {
            message: format!("the Jobs cannot be listed: {}", shorten(&super::client::chain(&error))),
            help: Some(format!("kubectl auth can-i list jobs.batch -n {namespace}")),
        }),
    }
}

/// Removes Jobs of ours that should have ended long ago. Failing to is no failure of the run.
pub async fn expired(client: &Client, limits: &Limits, namespace: &str, say: &Say) {
    let Ok(jobs) = list(client, limits, Some(namespace)).await else { return };
    let old = jobs.into_iter().filter(is_expired).collect();
    for name in delete(client, limits, old).await.removed {
        say.line(format!("removed {name}, which an earlier run left behind"));
    }
}

async fn list(client: &Client, limits: &Limits, namespace: Option<&str>) -> Result<Vec<Job>, KubeError> {
    let api: Api<Job> =
        namespace.map_or_else(|| Api::all(client.clone()), |name| Api::namespaced(client.clone(), name));
    let ours = ListParams::default().labels(&format!("{}={}", MANAGED_BY.0, MANAGED_BY.1));
    match timeout(limits.request, api.list(&ours)).await {
        Ok(list) => Ok(list?.items),
        Err(_) => Err(KubeError::Service(format!("no answer within {:?}", limits.request).into())),
    }
}

#[allow(clippy::disallowed_methods, reason = "removes what debug_pod.rs made and could not remove")]
async fn delete(client: &Client, limits: &Limits, jobs: Vec<Job>) -> Cleaned {
    let mut cleaned = Cleaned::default();
    for job in jobs {
        let namespace = job.metadata.namespace.unwrap_or_default();
        let name = job.metadata.name.unwrap_or_default();
        let api: Api<Job> = Api::namespaced(client.clone(), &namespace);
        let full = format!("{namespace}/{name}");
        match timeout(limits.request, api.delete(&name, &DeleteParams::background())).await {
            Ok(Ok(_)) => cleaned.removed.push(full),
            Ok(Err(KubeError::Api(status))) if status.code == 404 => cleaned.removed.push(full),
            Ok(Err(error)) => cleaned.failed.push(format!("{full}: {}", shorten(&super::client::chain(&error)))),
            Err(_) => cleaned.failed.push(format!("{full}: no answer within {:?}", limits.request)),
        }
    }
    cleaned
}

fn full_name(job: &Job) -> String {
    let text = |one: &Option<String>| one.clone().unwrap_or_default();
    format!("{}/{}", text(&job.metadata.namespace), text(&job.metadata.name))
}

/// Whether its pod has ended.
fn has_ended(job: &Job) -> bool {
    let conditions = job.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|one| one.status == "True" && (one.type_ == "Complete" || one.type_ == "Failed"))
}

/// Whether the cluster itself should have removed it by now.
fn is_expired(job: &Job) -> bool {
    let Some(created) = job.metadata.creation_timestamp.as_ref() else { return false };
    let age = jiff::Timestamp::now().duration_since(created.0);
    let lifetime = Duration::from_secs(DEADLINE.unsigned_abs() + u64::from(TTL.unsigned_abs()) + 60);
    Duration::try_from(age).is_ok_and(|age| age > lifetime)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn case(seconds_ago: i64, expected: bool) {
        let created = jiff::Timestamp::now().checked_sub(jiff::SignedDuration::from_secs(seconds_ago)).unwrap();
        let job: Job =
            serde_json::from_value(json!({"metadata": {"name": "j", "creationTimestamp": created.to_string()}}))
                .unwrap();
        assert_eq!(is_expired(&job), expected, "{seconds_ago} s");
    }

    #[test]
    fn only_what_should_be_gone_is_expired() {
        case(10, false);
        case(DEADLINE, false);
        case(DEADLINE + 60 + 61, true);
        case(-100, false);
    }
}
