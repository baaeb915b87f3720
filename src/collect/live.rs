//! Reading a live cluster from end to end: objects, then nodes, then the objects again. Says what it makes before
//! it makes it.

use super::config::CollectConfig;
use super::snapshot::Snapshot;
use crate::query::Query;
use crate::{Error, Result};

/// What `cleanup` did.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Cleaned {
    /// `namespace/name` of each Job that was removed.
    pub removed: Vec<String>,
    /// What could not be removed, with the reason.
    pub failed: Vec<String>,
}

/// Reads what the question needs: the Service and what belongs to it, and the nodes that matter.
pub async fn collect(config: &CollectConfig, query: &Query) -> Result<Snapshot> {
    let _ = (config, query);
    Err(Error::usage("reading a live cluster is being built"))
}

/// Reads everything for a bundle: all Services with what belongs to them, in one namespace or (`None`) in all.
pub async fn collect_all(config: &CollectConfig, namespace: Option<&str>) -> Result<Snapshot> {
    let _ = (config, namespace);
    Err(Error::usage("reading a live cluster is being built"))
}

/// Reads these nodes and the objects a second time, `limits.settle` later, into `again` and `objects_after`.
pub async fn settle(config: &CollectConfig, query: &Query, snapshot: &mut Snapshot, nodes: &[String]) -> Result<()> {
    let _ = (config, query, snapshot, nodes);
    Err(Error::usage("reading a live cluster is being built"))
}

/// Removes every Job that svc-trace ever left behind in the pod namespace.
pub async fn cleanup(config: &CollectConfig) -> Result<Cleaned> {
    let _ = config;
    Err(Error::usage("reading a live cluster is being built"))
}

/// The manifests that `collect` would make for this question, as YAML documents (`--dry-run`).
pub async fn manifest(config: &CollectConfig, query: &Query) -> Result<String> {
    let _ = (config, query);
    Err(Error::usage("reading a live cluster is being built"))
}
