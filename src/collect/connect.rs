//! Connections from inside the cluster: one unprivileged pod on each node, in which the agent connects to what it is
//! told to. Where nothing could be tried there are gaps; what came of the connections is judged elsewhere.

use futures::StreamExt;
use kube::Client;

use super::agent_binary;
use super::agent_pod::AgentPod;
use super::client::connect;
use super::config::CollectConfig;
use super::debug_pod::{self, Ledger};
use super::manifest::{self, Privilege};
use super::snapshot::{Objects, Snapshot};
use super::{image, live, node, rights, sweep};
use crate::agent::{ConnectOrder, Said, Work};
use crate::probe::connections::{Caller, Connection};
use crate::report::{Code, Gap};
use crate::{Error, Result};

/// So many nodes connect at a time.
const AT_ONCE: usize = 8;

/// Connects from each node to its addresses, and puts what came of it into the snapshot.
///
/// # Errors
/// No connection to the API; `Interrupted` on a signal, when all is removed.
pub async fn from_nodes(
    config: &CollectConfig,
    snapshot: &mut Snapshot,
    targets: Vec<(String, Vec<Connection>)>,
) -> Result<()> {
    let targets: Vec<_> = targets.into_iter().filter(|(_, list)| !list.is_empty()).collect();
    if targets.is_empty() {
        return Ok(());
    }
    let client = connect(&config.kube).await?;
    let asked = rights::granted(&client, config.via, config.pod.namespace(), config.limits.request).await;
    let granted = match asked {
        Ok(granted) => granted,
        Err(gap) => {
            snapshot.gaps.push(Gap { lost: Some("whether connections are made: none was tried".into()), ..gap });
            return Ok(());
        }
    };
    for (node, list) in &targets {
        let (limit, rounds) = ConnectOrder::PATIENCE;
        config.say.line(format!(
            "connecting from a pod on node {node} to {} addresses, {rounds} times each, at most {} s for one",
            list.len(),
            limit.div_ceil(1000)
        ));
    }
    let objects = &snapshot.objects;
    let (answers, left) = debug_pod::guarded(&client, config, granted, async |ledger| {
        sweep::expired(&client, &config.limits, config.pod.namespace(), &config.say).await;
        futures::stream::iter(&targets)
            .map(|(node, list)| async {
                let work = from_node(config, &client, ledger, objects, (node, list));
                debug_pod::in_time(&config.limits, work).await.unwrap_or_else(|| Err(too_late(node)))
            })
            .buffered(AT_ONCE)
            .collect::<Vec<_>>()
            .await
    })
    .await?;
    snapshot.gaps.extend(left);
    for answer in answers {
        match answer {
            Ok(caller) => snapshot.connections.push(caller),
            Err(gap) => {
                let node = gap.node.clone().unwrap_or_default();
                let lost = format!("whether connections from a pod on node {node} are made");
                snapshot.gaps.push(Gap { lost: Some(lost), ..gap });
            }
        }
    }
    snapshot.to = Some(live::now());
    Ok(())
}

/// There was no time left.
fn too_late(node: &str) -> Gap {
    let summary = format!("the time was over before connections were made from node {node}");
    let mut gap = Gap::new(Code::ConnectionNotJudged, Some(node), summary);
    gap.help = Error::TooLate.hint();
    gap
}

async fn from_node(
    config: &CollectConfig,
    client: &Client,
    ledger: &Ledger,
    objects: &Objects,
    (node, list): (&str, &[Connection]),
) -> Result<Caller, Gap> {
    let agent = agent_binary::find(config.agent.as_deref(), objects, node)?;
    let choice = image::choose(&config.pod, Privilege::Asker, objects, node);
    let plan = node::plan(config, node, choice.image, Privilege::Asker);
    let (limit_ms, rounds) = ConnectOrder::PATIENCE;
    let caller = Caller {
        node: node.to_owned(),
        namespace: plan.namespace.clone(),
        labels: manifest::pod_labels(),
        address: None,
        connections: list.to_vec(),
    };
    let order = ConnectOrder { caller, limit_ms, rounds };
    ledger
        .with_debug_pod(&plan, async |container| {
            let pod = AgentPod { config, client, container, node };
            match pod.carry_out(&agent, Work::Connect, &order).await? {
                Said::Connected(caller) => Ok(caller),
                said => Err(pod.odd(&said)),
            }
        })
        .await?
}
