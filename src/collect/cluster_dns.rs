//! What explains the cluster's DNS, read narrowly: the ConfigMaps of its Corefiles by name, its pods, and the end of
//! their logs. A right that is missing is said once; the answer of the servers themselves counts more.

use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::api::{Api, ListParams, LogParams};

use super::dns_names::{CACHE_CONFIG_MAPS, CONFIG_MAPS, KUBELET_CONFIG_MAP, is_cache, is_server};
use super::lookup::{add, is_ready};
use super::requests::{Miss, Reader, failed};
use super::snapshot::{Objects, PodLog};
use crate::Result;
use crate::order;
use crate::report::{Code, Gap};

/// Lines of a log that are asked for; those that say nothing of trouble are left out afterwards.
const LINES: i64 = 400;
/// Bytes of a log that are asked for.
const BYTES: i64 = 256 * 1024;
/// Pods whose log is read: those that are not well come first.
const PODS: usize = 4;
/// `k8s-app` of DNS servers and of caches on the nodes.
const LABELLED: &str = "k8s-app in (kube-dns,coredns,node-local-dns,nodelocaldns)";

/// Reads them into `objects` and gives the logs back.
///
/// # Errors
/// The API server failed.
pub(super) async fn read(reader: &Reader, objects: &mut Objects, gaps: &mut Vec<Gap>) -> Result<Vec<PodLog>> {
    let mut denied: Vec<&str> = Vec::new();
    let mut maps = Vec::new();
    for names in [&CONFIG_MAPS[..], &CACHE_CONFIG_MAPS, &[KUBELET_CONFIG_MAP]] {
        match first(reader, names).await {
            Ok(found) => maps.extend(found),
            Err(Miss::Denied) => denied.push("get configmaps"),
            Err(Miss::Failed(message)) => return Err(failed(message)),
            Err(Miss::NotFound) => {}
        }
    }
    if !denied.contains(&"get configmaps") {
        objects.other.entry("configmaps".to_owned()).or_default().extend(maps);
    }
    if !objects.pods().iter().any(|pod| is_server(pod) || is_cache(pod)) {
        let everywhere: Api<Pod> = Api::namespaced(reader.client().clone(), CONFIG_MAPS[0].0);
        match reader.list(&everywhere, &ListParams::default().labels(LABELLED)).await {
            Ok(pods) => add(&mut objects.pods, pods),
            Err(Miss::Denied) => denied.push("list pods"),
            Err(Miss::Failed(message)) => return Err(failed(message)),
            Err(Miss::NotFound) => {}
        }
    }
    let logs = logs(reader, objects, &mut denied, gaps).await;
    denied.sort_unstable();
    denied.dedup();
    if let Some(one) = denied.first() {
        let mut gap = Gap::new(Code::RbacDenied, None, format!("you may not {} in kube-system", denied.join(", ")));
        gap.lost = Some("why the cluster's DNS does what it does: its Corefile, its log".to_owned());
        gap.help = Some(format!("kubectl auth can-i {one} -n kube-system"));
        gap.counts = false;
        gaps.push(gap);
    }
    Ok(logs)
}

/// The first of these ConfigMaps that there is.
async fn first(reader: &Reader, names: &[(&str, &str)]) -> Result<Option<serde_json::Value>, Miss> {
    for (namespace, name) in names {
        let api: Api<ConfigMap> = Api::namespaced(reader.client().clone(), namespace);
        match reader.get(&api, name).await {
            Ok(map) => return Ok(serde_json::to_value(map).ok()),
            Err(Miss::NotFound) => {}
            Err(other) => return Err(other),
        }
    }
    Ok(None)
}

async fn logs(reader: &Reader, objects: &Objects, denied: &mut Vec<&str>, gaps: &mut Vec<Gap>) -> Vec<PodLog> {
    let mut pods: Vec<&Pod> = objects.pods().iter().filter(|pod| is_server(pod) && has_run(pod)).collect();
    order::sort_by_key(&mut pods, |pod| (is_ready(pod), pod.metadata.name.clone()));
    let mut found = Vec::new();
    for pod in pods.into_iter().take(PODS) {
        let (Some(namespace), Some(name)) = (&pod.metadata.namespace, &pod.metadata.name) else { continue };
        for previous in [false, true] {
            if previous && !has_ended_before(pod) {
                continue;
            }
            let params = LogParams {
                container: container(pod),
                previous,
                tail_lines: Some(LINES),
                limit_bytes: Some(BYTES),
                timestamps: true,
                ..LogParams::default()
            };
            match reader.log(namespace, name, &params).await {
                Ok(text) => {
                    found.push(PodLog { namespace: namespace.clone(), pod: name.clone(), previous, text });
                }
                Err(Miss::Denied) => {
                    denied.push("get pods/log");
                    return found;
                }
                Err(Miss::NotFound) => {}
                // the log of an earlier container is often gone
                Err(Miss::Failed(_)) if previous => {}
                Err(Miss::Failed(message)) => {
                    let summary = format!("the log of pod {namespace}/{name} cannot be read: {message}");
                    let mut gap = Gap::new(Code::KubeletPortBlocked, None, summary);
                    gap.lost = Some("what that DNS server complains of".to_owned());
                    gap.help = Some(format!("kubectl -n {namespace} logs {name}"));
                    gap.counts = false;
                    gaps.push(gap);
                }
            }
        }
    }
    found
}

/// The container that serves DNS: the one that says so, else the first.
fn container(pod: &Pod) -> Option<String> {
    let containers = &pod.spec.as_ref()?.containers;
    let dns = containers.iter().find(|one| one.name.contains("dns"));
    dns.or(containers.first()).map(|one| one.name.clone())
}

/// A pod that never started has no log.
fn has_run(pod: &Pod) -> bool {
    let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.as_ref());
    statuses.into_iter().flatten().any(|one| {
        one.restart_count > 0 || one.state.as_ref().is_some_and(|s| s.running.is_some() || s.terminated.is_some())
    })
}

fn has_ended_before(pod: &Pod) -> bool {
    let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.as_ref());
    statuses.into_iter().flatten().any(|one| one.last_state.as_ref().is_some_and(|state| state.terminated.is_some()))
}
