//! What would be made in a cluster, as YAML documents (`--dry-run`). What only may follow stands there as comments: what
//! is piped to kubectl is what would surely be made. Makes nothing.

use super::api;
use super::client::connect;
use super::config::{CollectConfig, Profile, Via};
use super::live::to_read;
use super::manifest::{Plan, Privilege};
use super::requests::Reader;
use super::snapshot::Objects;
use super::{companions, image, node};
use crate::query::Query;
use crate::{Error, Result};

/// The Jobs that `collect` would make for this question; nothing, and a word of why, where it would make none.
///
/// # Errors
/// As of [`super::collect`].
pub async fn manifest(config: &CollectConfig, query: &Query) -> Result<String> {
    if makes_none(config) {
        return Ok(String::new());
    }
    let client = connect(&config.kube).await?;
    let reader = Reader::new(client, config.limits.request);
    let mut found = Box::pin(api::read(&reader, config, query)).await?;
    if found.chosen.nodes.is_empty() {
        return Err(Error::usage_help("no node would be read, so nothing would be made", "give --node"));
    }
    let nodes = to_read(config, &mut found, query)?;
    if nodes.is_empty() {
        config.say.line("nothing would be made: there is nothing of this on a node to be read");
    }
    companions::read(&reader, &mut found.objects, &query.namespace, &nodes).await;
    let mut documents = String::new();
    for node in &nodes {
        documents.push_str(&reading(config, &found.objects, node)?);
    }
    Ok(documents)
}

/// Says so where the way that was chosen makes no pod.
pub(super) fn makes_none(config: &CollectConfig) -> bool {
    let why = match config.via {
        Via::DebugPod => return false,
        Via::KubeProxy => "kube-proxy's own pods are used",
        Via::Local => "this very machine is used",
        Via::ApiOnly => "only the API is asked",
    };
    config.say.line(format!("nothing would be made: {why}"));
    true
}

/// What is made to read a node, and what may follow.
pub(super) fn reading(config: &CollectConfig, objects: &Objects, node: &str) -> Result<String> {
    let plan = |privilege| {
        let choice = image::choose(&config.pod, privilege, objects, node);
        node::plan(config, node, choice.image, privilege)
    };
    let mut documents = document(&plan(Privilege::first(config.pod.profile)))?;
    if config.pod.profile == Profile::Auto {
        let why = format!(
            "Only where that pod cannot read the rules of node {node} this one follows; --profile netadmin forbids it."
        );
        documents.push_str(&commented(&why, &plan(Privilege::Sysadmin).yaml()?));
    }
    Ok(documents)
}

/// A document of its own.
pub(super) fn document(plan: &Plan) -> Result<String> {
    Ok(format!("---\n{}", plan.yaml()?))
}

/// A text of which kubectl makes nothing.
pub(super) fn commented(why: &str, text: &str) -> String {
    let lines = std::iter::once(why).chain(text.lines());
    lines.map(|line| if line.starts_with('#') { format!("{line}\n") } else { format!("# {line}\n") }).collect()
}
