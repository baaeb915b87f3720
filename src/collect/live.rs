//! Reading a live cluster from end to end: objects, then nodes, then the objects again. Says what it makes before
//! it makes it; every request and every pod has its time limit.

use futures::StreamExt;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::Client;

use super::api::{self, Found};
use super::client::connect;
use super::config::{CollectConfig, NodeChoice, Via, WhichNodes};
use super::dumps::{Row, TABLE, When};
use super::lookup::Name;
use super::node::{self, NodeRead, Way};
use super::requests::Reader;
use super::rights::Granted;
use super::snapshot::{Objects, Snapshot};
pub use super::sweep::{Cleaned, Which};
use super::{allow, allow_dns, companions, debug_pod, local, rights, sweep};
use crate::query::{Port, Query, Target};
use crate::report::{Code, Gap};
use crate::{Error, Result};

/// So many nodes are read at a time.
const AT_ONCE: usize = 8;

/// Requests that a second reading takes: pods, Service and slices.
const REREAD: usize = 2;

/// Reads what the question needs: the Service and what belongs to it, and the nodes that matter.
///
/// # Errors
/// No connection, or a client or node that does not exist; `Interrupted` on a signal, when all is removed.
pub async fn collect(config: &CollectConfig, query: &Query) -> Result<Snapshot> {
    match from_cluster(config, query).await {
        Err(Error::Kubeconfig { message } | Error::Api { message, .. }) if config.via == Via::Local => {
            alone(config, &message).await
        }
        other => other,
    }
}

async fn from_cluster(config: &CollectConfig, query: &Query) -> Result<Snapshot> {
    let began = now();
    let client = connect(&config.kube).await?;
    let reader = Reader::new(client.clone(), config.limits.request);
    let (granted, found) = tokio::join!(
        rights::granted(&client, config.via, config.pod.namespace(), config.limits.request),
        Box::pin(api::read(&reader, config, query)),
    );
    let mut found = found?;
    let namespace = found.services.first().map_or_else(|| query.namespace.clone(), |(namespace, _)| namespace.clone());
    let mut nodes = to_read(config, &mut found, query)?;
    let granted = granted.map_err(|gap| {
        found.gaps.push(gap);
        nodes.clear();
    });
    let rows = always();
    let services = found.services.clone();
    finish(config, &reader, found, &services, (&nodes, &namespace, granted.ok()), &rows, began).await
}

/// The nodes that the question has something on to be read: no pod is made for nothing.
pub(super) fn to_read(config: &CollectConfig, found: &mut Found, query: &Query) -> Result<Vec<String>> {
    let nodes = nodes_of(config, found)?;
    // of a Service that is not there the nearest names are all that is told
    let is_missing = !found.services.is_empty()
        && found.objects.services.is_some()
        && found.services.iter().all(|name| !is_read(found, name));
    let nothing = is_missing || leaves_nothing(found) || lacks_the_port(found, query);
    Ok(if nothing { Vec::new() } else { nodes })
}

/// This very node without a cluster to ask: its rules are walked and compared with nothing.
async fn alone(config: &CollectConfig, why: &str) -> Result<Snapshot> {
    let began = now();
    let host = match &config.nodes.which {
        WhichNodes::Named(names) => names.first().cloned(),
        WhichNodes::One | WhichNodes::Selector(_) | WhichNodes::All | WhichNodes::Sample(_) => None,
    };
    let host = host.unwrap_or_else(local::host_name);
    config.say.line(format!("no objects: {why}"));
    let read = node::read_here(config, &host, &always()).await;
    let mut gaps = vec![Gap {
        lost: Some("what Kubernetes promises: the rules are walked, and compared with nothing".into()),
        help: Some("give a --kubeconfig that works".into()),
        ..Gap::new(Code::ObjectsNotRead, None, format!("no objects were read: {why}"))
    }];
    gaps.extend(read.gaps);
    Ok(Snapshot {
        nodes: read.dumps.into_iter().map(|dumps| (host.clone(), dumps)).collect(),
        gaps,
        from: Some(began),
        to: Some(now()),
        nodes_why: Some("this very node".into()),
        ..Snapshot::default()
    })
}

/// The rows that an answer needs.
fn always() -> Vec<Row> {
    TABLE.iter().filter(|row| row.when == When::Always).copied().collect()
}

/// Reads everything for a bundle: all Services with what belongs to them, in one namespace or (`None`) in all.
///
/// # Errors
/// As of [`collect`].
pub async fn collect_all(config: &CollectConfig, namespace: Option<&str>) -> Result<Snapshot> {
    let began = now();
    let client = connect(&config.kube).await?;
    let reader = Reader::new(client.clone(), config.limits.request);
    let (granted, found) = tokio::join!(
        rights::granted(&client, config.via, config.pod.namespace(), config.limits.request),
        api::everything(&reader, config, namespace),
    );
    let mut found = found?;
    let mut nodes = nodes_of(config, &mut found)?;
    let granted = granted.map_err(|gap| {
        found.gaps.push(gap);
        nodes.clear();
    });
    finish(config, &reader, found, &[], (&nodes, namespace.unwrap_or("default"), granted.ok()), TABLE, began).await
}

/// Reads what a check needs: all objects, of `namespace` alone only where those of all may not be read, and the nodes.
///
/// # Errors
/// As of [`collect`].
pub async fn collect_check(config: &CollectConfig, namespace: Option<&str>) -> Result<Snapshot> {
    let began = now();
    let client = connect(&config.kube).await?;
    let reader = Reader::new(client.clone(), config.limits.request);
    let objects = async {
        tokio::join!(
            rights::granted(&client, config.via, config.pod.namespace(), config.limits.request),
            api::everything(&reader, config, None),
        )
    };
    let (granted, found) = debug_pod::in_time(&config.limits, objects).await.ok_or(Error::TooLate)?;
    let mut found = found?;
    if found.objects.services.is_none() && namespace.is_some() {
        let narrow = api::everything(&reader, config, namespace);
        found = debug_pod::in_time(&config.limits, narrow).await.ok_or(Error::TooLate)??;
    }
    let mut nodes = nodes_of(config, &mut found)?;
    let granted = granted.map_err(|gap| {
        found.gaps.push(gap);
        nodes.clear();
    });
    finish(config, &reader, found, &[], (&nodes, namespace.unwrap_or("default"), granted.ok()), &always(), began).await
}

/// Reads these nodes and the objects a second time, as [`settle`] does for a question.
///
/// # Errors
/// As of [`collect`].
pub async fn settle_check(
    config: &CollectConfig,
    namespace: Option<&str>,
    snapshot: &mut Snapshot,
    nodes: &[String],
) -> Result<()> {
    config.say.line(format!("reading {} again in {} s", nodes.join(", "), config.limits.settle.as_secs()));
    tokio::time::sleep(config.limits.settle).await;
    let second = collect_check(&CollectConfig { nodes: named(nodes, config), ..config.clone() }, namespace).await?;
    join(snapshot, second);
    Ok(())
}

/// Puts a second reading beside the first.
fn join(snapshot: &mut Snapshot, second: Snapshot) {
    for (name, dumps) in second.nodes {
        if let Some(first) = snapshot.nodes.get_mut(&name) {
            first.again = Some(Box::new(dumps));
        }
    }
    snapshot.objects_after = Some(second.objects);
    snapshot.to = second.to;
    for gap in second.gaps {
        if !snapshot.gaps.contains(&gap) {
            snapshot.gaps.push(gap);
        }
    }
}

/// Reads these nodes and the objects a second time, `limits.settle` later, into `again` and `objects_after`.
///
/// # Errors
/// As of [`collect`].
pub async fn settle(config: &CollectConfig, query: &Query, snapshot: &mut Snapshot, nodes: &[String]) -> Result<()> {
    config.say.line(format!("reading {} again in {} s", nodes.join(", "), config.limits.settle.as_secs()));
    tokio::time::sleep(config.limits.settle).await;
    let second = collect(&CollectConfig { nodes: named(nodes, config), ..config.clone() }, query).await?;
    join(snapshot, second);
    Ok(())
}

/// Removes Jobs that svc-trace left behind.
///
/// # Errors
/// No connection, or the Jobs may not be listed.
pub async fn cleanup(config: &CollectConfig, which: Which) -> Result<Cleaned> {
    let client = connect(&config.kube).await?;
    sweep::clean(&client, &config.limits, config.pod.namespace(), which).await
}

/// The nodes to read, with the way that was chosen.
fn nodes_of(config: &CollectConfig, found: &mut Found) -> Result<Vec<String>> {
    match config.via {
        Via::ApiOnly => Ok(Vec::new()),
        Via::Local => {
            let host = local::host_name();
            let name = match &config.nodes.which {
                WhichNodes::Named(names) => names.first().cloned(),
                WhichNodes::One | WhichNodes::Selector(_) | WhichNodes::All | WhichNodes::Sample(_) => {
                    local::name_among(found.objects.nodes(), &host)
                }
            };
            found.chosen.why = "this very node".into();
            match (name, &found.objects.nodes) {
                (Some(name), _) => Ok(vec![name]),
                (None, None) => Ok(vec![host]),
                (None, Some(_)) => Err(Error::usage_help(
                    format!("this machine, `{host}`, is none of the cluster's nodes"),
                    "--node NAME says which one it is",
                )),
            }
        }
        Via::DebugPod | Via::KubeProxy => Ok(found.chosen.nodes.clone()),
    }
}

async fn finish(
    config: &CollectConfig,
    reader: &Reader,
    mut found: Found,
    services: &[Name],
    (nodes, namespace, granted): (&[String], &str, Option<Granted>),
    rows: &[Row],
    began: String,
) -> Result<Snapshot> {
    let mut snapshot = Snapshot { from: Some(began), kubernetes: found.kubernetes.take(), ..Snapshot::default() };
    if let (false, Some(granted)) = (nodes.is_empty(), granted) {
        companions::read(reader, &mut found.objects, namespace, nodes).await;
        config.say.line(format!("reading {}: {}", nodes.join(", "), found.chosen.why));
        let (mut reads, mut left) = read_nodes(config, reader.client(), granted, &found.objects, (nodes, rows)).await?;
        if reads.iter().any(|(_, read)| read.dumps.is_some()) && !services.is_empty() {
            // what was read of nodes stands, whatever becomes of this
            match api::again(reader, services).await {
                Ok(after) if found.objects.stood_still(&after) || !reader.may_ask(REREAD) => {
                    snapshot.objects_after = Some(after);
                }
                Ok(after) => {
                    config.say.line("the Service changed while it was read: reading once more");
                    let refreshed = api::refresh(reader, &mut found, after).await;
                    (reads, left) = read_nodes(config, reader.client(), granted, &found.objects, (nodes, rows)).await?;
                    match refreshed.and(api::again(reader, services).await) {
                        Ok(after) => snapshot.objects_after = Some(after),
                        Err(error) => found.gaps.push(unsure(&error)),
                    }
                }
                Err(error) => found.gaps.push(unsure(&error)),
            }
        }
        for (name, read) in reads {
            found.gaps.extend(read.gaps);
            if let Some(dumps) = read.dumps {
                snapshot.nodes.insert(name, dumps);
            }
        }
        found.gaps.extend(left);
    }
    allow::objects(&mut found.objects);
    found.logs.iter_mut().for_each(allow_dns::log);
    snapshot.logs = found.logs;
    if let Some(after) = &mut snapshot.objects_after {
        allow::objects(after);
    }
    tracing::debug!(requests = reader.sent(), "asked the API");
    snapshot.nodes_total = found.objects.nodes.as_ref().map(Vec::len);
    snapshot.nodes_why = (!nodes.is_empty()).then_some(found.chosen.why);
    snapshot.objects = found.objects;
    snapshot.gaps = found.gaps;
    snapshot.to = Some(now());
    Ok(snapshot)
}

/// The objects could not be read again behind the nodes.
fn unsure(error: &Error) -> Gap {
    let gap = Gap::new(Code::SnapshotSkew, None, format!("the objects were not read again behind the nodes: {error}"));
    Gap { lost: Some("whether they changed while the nodes were read".into()), help: error.hint(), ..gap }
}

type Reads = (Vec<(String, NodeRead)>, Vec<Gap>);

/// Reads nodes side by side; what was made is removed whatever happens.
async fn read_nodes(
    config: &CollectConfig,
    client: &Client,
    granted: Granted,
    objects: &Objects,
    (nodes, rows): (&[String], &[Row]),
) -> Result<Reads> {
    debug_pod::guarded(client, config, granted, async |ledger| {
        if config.via == Via::DebugPod {
            sweep::expired(client, &config.limits, config.pod.namespace(), &config.say).await;
        }
        let way = Way { config, client, ledger, objects, rows };
        futures::stream::iter(nodes)
            .map(|name| async move {
                let read = debug_pod::in_time(&config.limits, node::read(way, name)).await;
                (name.clone(), read.unwrap_or_else(|| NodeRead::too_late(name)))
            })
            .buffered(AT_ONCE)
            .collect::<Vec<_>>()
            .await
    })
    .await
}

fn named(nodes: &[String], config: &CollectConfig) -> NodeChoice {
    NodeChoice { which: WhichNodes::Named(nodes.to_vec()), max: config.nodes.max }
}

fn is_read(found: &Found, (namespace, name): &Name) -> bool {
    super::lookup::has(&found.objects, namespace, name)
}

/// Whether the Services in question live in DNS alone: ExternalName and headless ones have no rule on any node
/// (kube-proxy pkg/proxy/util/utils.go, `ShouldSkipService`).
fn leaves_nothing(found: &Found) -> bool {
    let mut kinds = found.services.iter().filter_map(|name| {
        let service = found.objects.services().iter().find(|service| super::lookup::name_of(service) == *name)?;
        let spec = service.spec.as_ref()?;
        Some(spec.type_.as_deref() == Some("ExternalName") || spec.cluster_ip.as_deref() == Some("None"))
    });
    kinds.next() == Some(true) && kinds.all(|nothing| nothing)
}

/// Whether the port that is asked for is none of the Service's, under any of its names and numbers.
fn lacks_the_port(found: &Found, query: &Query) -> bool {
    let Target::Service { port: Some(asked), .. } = &query.target else { return false };
    let [name] = found.services.as_slice() else { return false };
    let Some(service) = found.objects.services().iter().find(|service| super::lookup::name_of(service) == *name) else {
        return false;
    };
    let ports = service.spec.as_ref().and_then(|spec| spec.ports.as_deref()).unwrap_or_default();
    !ports.is_empty()
        && !ports.iter().any(|port| match asked {
            Port::Name(name) => port.name.as_deref() == Some(name),
            Port::Number(number) => {
                let number = i32::from(*number);
                let target = matches!(&port.target_port, Some(IntOrString::Int(target)) if *target == number);
                port.port == number || port.node_port == Some(number) || target
            }
        })
}

pub(super) fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
