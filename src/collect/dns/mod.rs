//! Asking the cluster's DNS from inside the cluster: objects first, then one pod on each node in which the agent asks.
//! What cannot be asked becomes gaps; nothing that came back is judged here.

mod by_tool;
mod ground;
mod plan;
mod tool;

use std::collections::BTreeSet;
use std::path::PathBuf;

use futures::StreamExt;
use kube::Client;

use super::agent_pod::AgentPod;
use super::api::{self, Found};
use super::client::connect;
use super::config::{CollectConfig, FALLBACK_IMAGE, Via, WhichNodes};
use super::debug_pod::{self, Ledger};
use super::live::now;
use super::manifest::{Plan, Privilege};
use super::requests::Reader;
use super::rights::Granted;
use super::snapshot::{Objects, Snapshot};
use super::{agent_binary, allow, allow_dns, companions, dry_run, from, image, node, rights, sweep};
use crate::agent::{Order, Said, Work};
use crate::probe::Place;
use crate::query::DnsQuery;
use crate::report::{Code, Gap};
use crate::{Error, Result};

use ground::Ground;

/// So many nodes ask at a time.
const AT_ONCE: usize = 8;

/// Reads the objects that DNS is made of, and asks its servers from the nodes that were chosen.
///
/// # Errors
/// No connection, or a client or node that does not exist; `Interrupted` on a signal, when all is removed.
pub async fn ask(config: &CollectConfig, query: &DnsQuery) -> Result<Snapshot> {
    let began = now();
    let client = connect(&config.kube).await?;
    let reader = Reader::new(client.clone(), config.limits.request);
    let objects = async {
        tokio::join!(
            rights::granted(&client, config.via, config.pod.namespace(), config.limits.request),
            read(&reader, config, query),
        )
    };
    let (granted, found) = debug_pod::in_time(&config.limits, objects).await.ok_or(Error::TooLate)?;
    let (mut found, grounds) = found?;
    let mut snapshot = Snapshot { from: Some(began), kubernetes: found.kubernetes.take(), ..Snapshot::default() };
    let (probes, gaps) = match granted {
        Err(mut gap) => {
            gap.lost = Some("what DNS servers answer: only what the API tells is checked".into());
            (Vec::new(), vec![gap])
        }
        Ok(_) if config.via == Via::KubeProxy => (Vec::new(), vec![not_by_kube_proxy()]),
        Ok(granted) => ask_from(config, (&client, granted), query, &found.objects, &grounds).await?,
    };
    snapshot.probes = probes;
    found.gaps.extend(gaps);
    allow::objects(&mut found.objects);
    found.logs.iter_mut().for_each(allow_dns::log);
    snapshot.nodes_total = found.objects.nodes.as_ref().map(Vec::len);
    snapshot.nodes_why = (!grounds.is_empty()).then_some(found.chosen.why);
    snapshot.objects = found.objects;
    snapshot.logs = found.logs;
    snapshot.gaps = found.gaps;
    snapshot.to = Some(now());
    Ok(snapshot)
}

/// The Jobs that `ask` would make, as YAML documents, and as comments those that a trace may make after it; nothing, and
/// a word of why, where none would be made.
///
/// # Errors
/// As of [`ask`].
pub async fn manifest(config: &CollectConfig, query: &DnsQuery) -> Result<String> {
    if dry_run::makes_none(config) {
        return Ok(String::new());
    }
    let reader = Reader::new(connect(&config.kube).await?, config.limits.request);
    let (found, grounds) = read(&reader, config, query).await?;
    let mut documents = String::new();
    for ground in &grounds {
        match plan_of(config, &found.objects, ground) {
            Ok((plan, _)) => documents.push_str(&dry_run::document(&plan)?),
            Err(gap) => config.say.line(format!("nothing would be made: {}", gap.summary)),
        }
    }
    let nodes: BTreeSet<&String> = grounds.iter().map(|ground| &ground.node).collect();
    for node in nodes {
        let why = format!("Only where the answers leave the rules of node {node} to be looked at, they are read:");
        documents.push_str(&dry_run::commented(&why, &dry_run::reading(config, &found.objects, node)?));
    }
    Ok(documents)
}

async fn read(reader: &Reader, config: &CollectConfig, query: &DnsQuery) -> Result<(Found, Vec<Ground>)> {
    let mut config = config.clone();
    if !query.nodes.is_empty() {
        config.nodes.which = WhichNodes::Named(query.nodes.clone());
    }
    let mut found = api::everything(reader, &config, None).await?;
    let grounds = match config.via {
        Via::ApiOnly | Via::KubeProxy => Vec::new(),
        Via::Local => vec![Ground::here(&found.objects)],
        Via::DebugPod => {
            let client = from::read(reader, query.from.as_ref(), &query.namespace).await?;
            ground::grounds(&mut found, query, client)?
        }
    };
    let nodes: Vec<String> = grounds.iter().map(|ground| ground.node.clone()).collect();
    companions::read(reader, &mut found.objects, config.pod.namespace(), &nodes).await;
    Ok((found, grounds))
}

/// The pod to ask from, and the agent that is sent there, or why none is.
///
/// # Errors
/// The gap where no pod is of use.
fn plan_of(config: &CollectConfig, objects: &Objects, ground: &Ground) -> Result<(Plan, Result<PathBuf, Gap>), Gap> {
    let agent = agent_binary::find(config.agent.as_deref(), objects, &ground.node);
    if let (Err(gap), Privilege::Entering) = (&agent, ground.privilege) {
        // a tool asks from the network namespace of its own pod: a privileged pod would be made for nothing
        let help = "leave --from out, or give --agent-binary a static Linux binary of this program";
        return Err(Gap { help: gap.help.clone().or_else(|| Some(help.into())), ..gap.clone() });
    }
    let mut options = config.pod.clone();
    if agent.is_err() && options.image.is_none() {
        // kube-proxy's image has no tool that asks
        options.image = Some(FALLBACK_IMAGE.into());
    }
    let choice = image::choose(&options, ground.privilege, objects, &ground.node);
    Ok((node::plan(config, &ground.node, choice.image, ground.privilege), agent))
}

/// Asks from every ground; what was made is removed whatever happens.
async fn ask_from(
    config: &CollectConfig,
    (client, granted): (&Client, Granted),
    query: &DnsQuery,
    objects: &Objects,
    grounds: &[Ground],
) -> Result<(Vec<Place>, Vec<Gap>)> {
    let orders: Vec<Order> = grounds.iter().map(|ground| plan::order(objects, query, config, ground)).collect();
    if config.via == Via::Local {
        return Ok(here(orders).await);
    }
    let Some(any) = orders.first() else { return Ok((Vec::new(), Vec::new())) };
    if any.servers.is_empty() {
        let mut gap = Gap::new(Code::NodeNotCollected, None, "no DNS Service and no DNS server was found to ask");
        gap.help = Some("kubectl get services,pods -A -l k8s-app=kube-dns".into());
        return Ok((Vec::new(), vec![gap]));
    }
    let (answers, left) = debug_pod::guarded(client, config, granted, async |ledger| {
        sweep::expired(client, &config.limits, config.pod.namespace(), &config.say).await;
        futures::stream::iter(grounds.iter().zip(&orders))
            .map(|(ground, order)| async move {
                let answer = in_pod(config, client, ledger, objects, (ground, order));
                let answer = debug_pod::in_time(&config.limits, answer).await;
                answer.unwrap_or_else(|| Err(too_late(&ground.node))).map_err(|gap| not_asked(gap, ground))
            })
            .buffered(AT_ONCE)
            .collect::<Vec<_>>()
            .await
    })
    .await?;
    let mut gaps = left;
    let mut places = Vec::new();
    for answer in answers {
        match answer {
            Ok((place, gap)) => {
                places.push(place);
                gaps.extend(gap);
            }
            Err(gap) => gaps.push(gap),
        }
    }
    Ok((places, gaps))
}

/// In kube-proxy's pod is no tool that asks, and none is put there.
fn not_by_kube_proxy() -> Gap {
    let mut gap =
        Gap::new(Code::NodeNotCollected, None, "no DNS server was asked: `--via kube-proxy` makes no pod to ask from");
    gap.lost = Some("what DNS servers answer: only what the API tells is checked".into());
    gap.help = Some("leave --via out; or say `check --suite objects,dataplane`, which asks none".into());
    gap
}

/// There was no time left.
fn too_late(node: &str) -> Gap {
    let mut gap = Gap::new(
        Code::NodeNotCollected,
        Some(node),
        format!("the time was over before DNS servers were asked from node {node}"),
    );
    gap.help = Error::TooLate.hint();
    gap
}

fn not_asked(gap: Gap, ground: &Ground) -> Gap {
    Gap { lost: Some(format!("what DNS servers answer to {}", ground.place().words())), ..gap }
}

/// This very machine asks.
async fn here(orders: Vec<Order>) -> (Vec<Place>, Vec<Gap>) {
    let mut places = Vec::new();
    let mut gaps = Vec::new();
    for order in orders {
        let node = order.place.node.clone();
        // the agent has a runtime of its own
        let said = tokio::task::spawn_blocking(move || crate::agent::carry_out(order)).await;
        match said {
            Ok(Ok(Said::Place(place))) => places.push(place),
            Ok(Ok(Said::Failed(why))) => gaps.push(Gap::new(Code::ToolMissingOrCrashed, Some(&node), why)),
            Ok(Ok(Said::Connected(_))) => {}
            Ok(Err(error)) => gaps.push(Gap::new(Code::ToolMissingOrCrashed, Some(&node), error.to_string())),
            Err(_) => gaps.push(Gap::new(Code::ToolMissingOrCrashed, Some(&node), "the agent failed")),
        }
    }
    (places, gaps)
}

/// The agent asks; where it cannot, a tool that the image has.
async fn in_pod(
    config: &CollectConfig,
    client: &Client,
    ledger: &Ledger,
    objects: &Objects,
    (ground, order): (&Ground, &Order),
) -> Result<(Place, Option<Gap>), Gap> {
    let (plan, agent) = plan_of(config, objects, ground)?;
    ledger
        .with_debug_pod(&plan, async |container| {
            let pod = AgentPod { config, client, container, node: &ground.node };
            let why = match &agent {
                Ok(agent) => match pod.carry_out(agent, Work::Dns, order).await {
                    Ok(Said::Place(place)) => return Ok((place, None)),
                    Ok(said) => pod.odd(&said),
                    Err(gap) => gap,
                },
                Err(gap) => gap.clone(),
            };
            pod.by_tool(order, why).await.map(|(place, gap)| (place, Some(gap)))
        })
        .await?
}
