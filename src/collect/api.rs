//! What one question needs of the API, read narrowly: the Service, its slices by label, its pods by selector, the
//! nodes, and the pods of the nodes that will be looked at. The number of requests does not depend on how many
//! Services or nodes there are.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Endpoints, Node, Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy};
use kube::api::{Api, ListParams};

use super::config::{CollectConfig, WhichNodes};
use super::controllers::controller;
use super::from::{self, ClientPods};
use super::ingress;
use super::lookup::{Name, add, by_address, by_port, endpoint_nodes, has, is_ready, name_of, node_name, selector};
use super::nodes::{self, Chosen, Known};
use super::refusal::Act;
use super::requests::{Miss, Reader, failed, kept};
use super::snapshot::{Objects, PodLog};
use super::{cluster_dns, wider};
use crate::query::{Client, Port, Query, Target};
use crate::report::Gap;
use crate::{Error, Result};

const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// What was read before any node.
#[derive(Debug, Default)]
pub struct Found {
    /// Objects.
    pub objects: Objects,
    /// The ends of the logs of DNS servers.
    pub logs: Vec<PodLog>,
    /// What could not be read.
    pub gaps: Vec<Gap>,
    /// Version of the API server.
    pub kubernetes: Option<String>,
    /// The Services that the question is about.
    pub services: Vec<Name>,
    /// The nodes to read.
    pub chosen: Chosen,
}

/// Reads what `query` needs.
///
/// # Errors
/// The API server failed, or the question names a client or node that does not exist.
pub async fn read(reader: &Reader, config: &CollectConfig, query: &Query) -> Result<Found> {
    let mut found = Found::default();
    let client = from::read(reader, query.from.as_ref(), &query.namespace);
    let (version, nodes, target, client) =
        tokio::join!(reader.version(), all_nodes(reader), target(reader, query), client);
    found.kubernetes = version;
    found.objects.nodes =
        kept(nodes, act("list", "nodes", ""), "addresses, zones and readiness of nodes", &mut found.gaps)?;
    if found.objects.nodes.is_some() {
        found.objects.whole.insert("nodes".into());
    }
    let target = target?;
    let client = client?;
    found.gaps.extend(target.gaps);
    found.objects.whole.extend(target.whole);
    found.objects.services = target.services;
    found.services = target.focus;
    found.objects.slices = target.slices;

    let missing = found.services.iter().find(|(ns, name)| !has(&found.objects, ns, name)).cloned();
    if let Some((namespace, _)) = missing
        && found.objects.services.is_some()
    {
        // the nearest names, and `node-a:30080`, which reads like a Service and its port
        every_service(reader, &namespace, &mut found).await?;
        let node = node_of(query, &found.objects);
        if let Some((_, port)) = node {
            found.services = by_port(found.objects.services(), port);
        }
        if found.services.iter().all(|(ns, name)| !has(&found.objects, ns, name)) && node.is_none() {
            return Ok(found);
        }
    }
    if found.objects.slices.is_none() {
        slices(reader, &mut found).await?;
    }
    if target.pods.is_some() {
        found.objects.pods = target.pods;
        found.objects.ingresses = target.ingresses;
    } else {
        found.objects.ingresses = target.ingresses;
        pods(reader, &mut found).await?;
        Box::pin(policies(reader, &mut found, client.as_ref())).await;
        Box::pin(failures(reader, &mut found)).await;
    }
    if let Some(client) = &client {
        add(&mut found.objects.pods, client.pods.clone());
    }
    if let (Target::Ingress { .. }, Some(ingress)) = (&query.target, found.objects.ingresses().first())
        && controller(found.objects.services(), ingress).is_err()
    {
        // no Service is known that a node could be asked about
        return Ok(found);
    }
    let decided = decided(query, &found.objects, client.as_ref());
    let known = Known {
        nodes: found.objects.nodes.as_deref(),
        decided,
        endpoints: endpoint_nodes(&found.objects),
        selected: selected(reader, config, &found.objects).await?,
    };
    let mut choice = config.nodes.clone();
    if !query.nodes.is_empty() {
        choice.which = WhichNodes::Named(query.nodes.clone());
    }
    found.chosen = nodes::choose(&choice, &known)?;
    found.gaps.append(&mut found.chosen.gaps);
    Ok(found)
}

/// The Services and slices a second time.
///
/// # Errors
/// The API server failed.
pub async fn again(reader: &Reader, services: &[Name]) -> Result<Objects> {
    let mut objects = Objects { services: Some(Vec::new()), slices: Some(Vec::new()), ..Objects::default() };
    for (namespace, name) in services.iter().take(2) {
        let api: Api<Service> = Api::namespaced(reader.client().clone(), namespace);
        let (service, slices) = tokio::join!(reader.get(&api, name), slices_of(reader, namespace, name));
        match service {
            Ok(service) => add(&mut objects.services, vec![service]),
            Err(Miss::NotFound) => {}
            Err(Miss::Denied) => objects.services = None,
            Err(Miss::Failed(message)) => return Err(failed(message)),
        }
        match slices {
            Ok(slices) => add(&mut objects.slices, slices),
            Err(Miss::Failed(message)) => return Err(failed(message)),
            Err(Miss::Denied | Miss::NotFound) => objects.slices = None,
        }
    }
    Ok(objects)
}

/// Takes what is new, and the pods that go with it.
///
/// # Errors
/// The API server failed.
pub async fn refresh(reader: &Reader, found: &mut Found, after: Objects) -> Result<()> {
    for service in after.services.into_iter().flatten() {
        let name = name_of(&service);
        if let Some(services) = &mut found.objects.services {
            services.retain(|other| name_of(other) != name);
        }
        add(&mut found.objects.services, vec![service]);
    }
    if after.slices.is_some() {
        found.objects.slices = after.slices;
    }
    let old = found.objects.pods.take();
    pods(reader, found).await?;
    add(&mut found.objects.pods, old.unwrap_or_default());
    Ok(())
}

/// Everything for a bundle, in one namespace or in all.
///
/// # Errors
/// The API server failed.
pub async fn everything(reader: &Reader, config: &CollectConfig, namespace: Option<&str>) -> Result<Found> {
    fn scoped<K>(client: &kube::Client, namespace: Option<&str>) -> Api<K>
    where
        K: kube::Resource<Scope = kube::core::NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        namespace.map_or_else(|| Api::all(client.clone()), |name| Api::namespaced(client.clone(), name))
    }
    let mut found = Found::default();
    let client = reader.client();
    let place = namespace.unwrap_or_default();
    let all = ListParams::default();
    let (services, slices, pods) = (
        scoped::<Service>(client, namespace),
        scoped::<EndpointSlice>(client, namespace),
        scoped::<Pod>(client, namespace),
    );
    let (version, nodes, services, slices, pods) = tokio::join!(
        reader.version(),
        all_nodes(reader),
        reader.list(&services, &all),
        reader.list(&slices, &all),
        reader.list(&pods, &all),
    );
    found.kubernetes = version;
    let gaps = &mut found.gaps;
    found.objects.nodes = kept(nodes, act("list", "nodes", ""), "addresses, zones and readiness of nodes", gaps)?;
    found.objects.services = kept(services, act("list", "services", place), "the Services", gaps)?;
    found.objects.slices = kept(slices, act("list", "endpointslices.discovery.k8s.io", place), "the endpoints", gaps)?;
    found.objects.pods = kept(pods, act("list", "pods", place), "why endpoints are not ready", gaps)?;
    if namespace.is_none() {
        let read = [
            ("nodes", found.objects.nodes.is_some()),
            ("services", found.objects.services.is_some()),
            ("endpointslices", found.objects.slices.is_some()),
            ("pods", found.objects.pods.is_some()),
        ];
        found.objects.whole.extend(read.iter().filter(|(_, was_read)| *was_read).map(|(name, _)| (*name).to_owned()));
    }
    Box::pin(wider::read(reader, namespace, &mut found.objects, &mut found.gaps)).await?;
    if namespace.is_none() {
        found.logs = Box::pin(cluster_dns::read(reader, &mut found.objects, &mut found.gaps)).await?;
    }
    let known = Known {
        nodes: found.objects.nodes.as_deref(),
        decided: None,
        endpoints: endpoint_nodes(&found.objects),
        selected: selected(reader, config, &found.objects).await?,
    };
    found.chosen = nodes::choose(&config.nodes, &known)?;
    found.gaps.append(&mut found.chosen.gaps);
    Ok(found)
}

/// The target, as far as one batch of requests can tell.
#[derive(Debug, Default)]
pub(super) struct Aim {
    pub(super) services: Option<Vec<Service>>,
    pub(super) slices: Option<Vec<EndpointSlice>>,
    pub(super) pods: Option<Vec<Pod>>,
    pub(super) ingresses: Option<Vec<Ingress>>,
    pub(super) focus: Vec<Name>,
    whole: Option<String>,
    pub(super) gaps: Vec<Gap>,
}

async fn target(reader: &Reader, query: &Query) -> Result<Aim> {
    let mut aim = Aim::default();
    match &query.target {
        Target::Service { namespace, name, .. } => {
            let namespace = namespace.as_ref().unwrap_or(&query.namespace);
            let api: Api<Service> = Api::namespaced(reader.client().clone(), namespace);
            let (service, slices) = tokio::join!(reader.get(&api, name), slices_of(reader, namespace, name));
            aim.focus.push((namespace.clone(), name.clone()));
            aim.services = match service {
                Err(Miss::NotFound) => Some(Vec::new()),
                other => kept(
                    other.map(|one| vec![one]),
                    act("get", "services", namespace),
                    "the Service itself",
                    &mut aim.gaps,
                )?,
            };
            // what is not had here is asked for as v1 Endpoints later
            aim.slices = slices.ok();
        }
        Target::Address { ip, port, .. } => {
            let by_ip = ListParams::default().fields(&format!("spec.clusterIP={ip}"));
            let api: Api<Service> = Api::all(reader.client().clone());
            let narrow = reader.list(&api, &by_ip).await.unwrap_or_default();
            if narrow.is_empty() {
                every(reader, &mut aim).await?;
                aim.focus = by_address(aim.services.as_deref().unwrap_or_default(), *ip, *port);
            } else {
                aim.focus = narrow.iter().map(name_of).collect();
                aim.services = Some(narrow);
            }
        }
        Target::Ingress { namespace, name } => {
            every(reader, &mut aim).await?;
            Box::pin(ingress::read(reader, namespace.as_ref().unwrap_or(&query.namespace), name, &mut aim)).await?;
        }
        Target::Node { port, .. } => {
            every(reader, &mut aim).await?;
            aim.focus = by_port(aim.services.as_deref().unwrap_or_default(), *port);
        }
    }
    Ok(aim)
}

async fn every(reader: &Reader, aim: &mut Aim) -> Result<()> {
    let api: Api<Service> = Api::all(reader.client().clone());
    let all = reader.list(&api, &ListParams::default()).await;
    aim.services = kept(all, act("list", "services", ""), "which Service has the address or port", &mut aim.gaps)?;
    aim.whole = aim.services.is_some().then(|| "services".to_owned());
    Ok(())
}

/// Every Service that may be read, for the nearest names.
async fn every_service(reader: &Reader, namespace: &str, found: &mut Found) -> Result<()> {
    let everywhere: Api<Service> = Api::all(reader.client().clone());
    match reader.list(&everywhere, &ListParams::default()).await {
        Ok(all) => {
            found.objects.services = Some(all);
            found.objects.whole.insert("services".into());
        }
        Err(Miss::Failed(message)) => return Err(failed(message)),
        Err(Miss::Denied | Miss::NotFound) => {
            let here: Api<Service> = Api::namespaced(reader.client().clone(), namespace);
            if let Ok(some) = reader.list(&here, &ListParams::default()).await {
                found.objects.services = Some(some);
            }
        }
    }
    Ok(())
}

pub(super) async fn all_slices(reader: &Reader, namespace: &str) -> Result<Vec<EndpointSlice>, Miss> {
    let api: Api<EndpointSlice> = Api::namespaced(reader.client().clone(), namespace);
    reader.list(&api, &ListParams::default()).await
}

pub(super) async fn slices_of(reader: &Reader, namespace: &str, name: &str) -> Result<Vec<EndpointSlice>, Miss> {
    let api: Api<EndpointSlice> = Api::namespaced(reader.client().clone(), namespace);
    reader.list(&api, &ListParams::default().labels(&format!("{SERVICE_NAME}={name}"))).await
}

/// The slices of the Services in question, or their v1 Endpoints where slices cannot be read.
async fn slices(reader: &Reader, found: &mut Found) -> Result<()> {
    for (namespace, name) in found.services.clone().iter().take(2) {
        match slices_of(reader, namespace, name).await {
            Ok(slices) => add(&mut found.objects.slices, slices),
            Err(Miss::Failed(message)) => return Err(failed(message)),
            Err(Miss::Denied | Miss::NotFound) => {
                let api: Api<Endpoints> = Api::namespaced(reader.client().clone(), namespace);
                let old = match reader.get(&api, name).await {
                    Err(Miss::NotFound) => Ok(Vec::new()),
                    other => other.map(|one| vec![one]),
                };
                let act = act("list", "endpointslices.discovery.k8s.io", namespace);
                if let Some(old) = kept(old, act, "the endpoints of the Service", &mut found.gaps)? {
                    add(&mut found.objects.endpoints, old);
                }
            }
        }
    }
    Ok(())
}

/// The pods behind the selectors; where none matches, the pods of the namespace and what should have made them.
async fn pods(reader: &Reader, found: &mut Found) -> Result<()> {
    for (namespace, name) in found.services.clone().iter().take(2) {
        let Some(selector) = selector(&found.objects, namespace, name) else { continue };
        let api: Api<Pod> = Api::namespaced(reader.client().clone(), namespace);
        let matching = reader.list(&api, &ListParams::default().labels(&selector)).await;
        let act = act("list", "pods", namespace);
        let Some(matching) = kept(matching, act, "why endpoints are not ready, and who they are", &mut found.gaps)?
        else {
            continue;
        };
        let none = matching.is_empty();
        let unready = matching.iter().any(|pod| !is_ready(pod));
        add(&mut found.objects.pods, matching);
        if none && reader.may_ask(5) {
            if let Ok(near) = reader.list(&api, &ListParams::default()).await {
                add(&mut found.objects.pods, near);
            }
            let workloads: Api<Deployment> = Api::namespaced(reader.client().clone(), namespace);
            if let Ok(list) = reader.list(&workloads, &ListParams::default()).await {
                let values = list.iter().filter_map(|one| serde_json::to_value(one).ok()).collect();
                found.objects.other.insert("deployments".into(), values);
            }
        }
        if unready && reader.may_ask(4) {
            let events: Api<Event> = Api::namespaced(reader.client().clone(), namespace);
            let unhealthy = ListParams::default().fields("regarding.kind=Pod,reason=Unhealthy");
            if let Ok(list) = reader.list(&events, &unhealthy).await {
                add(&mut found.objects.events, list);
            }
        }
    }
    Ok(())
}

/// The NetworkPolicies around the Service and its client, where requests are left for them. Who may not read them
/// learns nothing of them.
async fn policies(reader: &Reader, found: &mut Found, client: Option<&ClientPods>) {
    let of_client = client.and_then(|client| client.pods.first()?.metadata.namespace.clone());
    let mut namespaces: Vec<String> = found.services.iter().take(1).map(|(namespace, _)| namespace.clone()).collect();
    namespaces.extend(of_client.filter(|of| !namespaces.contains(of)));
    for namespace in namespaces {
        let api: Api<NetworkPolicy> = Api::namespaced(reader.client().clone(), &namespace);
        if reader.may_ask(4)
            && let Ok(list) = reader.list(&api, &ListParams::default()).await
        {
            add(&mut found.objects.policies, list);
        }
    }
}

/// What the controller of a load balancer says of a Service.
async fn failures(reader: &Reader, found: &mut Found) {
    let Some((namespace, name)) = found.services.first() else { return };
    let balanced = found.objects.services().iter().any(|service| {
        name_of(service) == (namespace.clone(), name.clone())
            && service.spec.as_ref().and_then(|spec| spec.type_.as_deref()) == Some("LoadBalancer")
    });
    if balanced && reader.may_ask(4) {
        let events: Api<Event> = Api::namespaced(reader.client().clone(), namespace);
        let about = ListParams::default().fields(&format!("regarding.kind=Service,regarding.name={name}"));
        if let Ok(list) = reader.list(&events, &about).await {
            add(&mut found.objects.events, list);
        }
    }
}

/// The node that the question itself decides.
fn decided(query: &Query, objects: &Objects, client: Option<&ClientPods>) -> Option<(String, String)> {
    if let Some(Client::Node(name)) = &query.from {
        return Some((name.clone(), "the node of --from".into()));
    }
    if let Some(client) = client {
        return Some((node_name(client.pods.first()?)?.to_owned(), client.words.clone()));
    }
    if let Some(Client::Address(ip)) = &query.from {
        let ip = ip.to_string();
        let node = objects.nodes().iter().find(|node| {
            let addresses = node.status.as_ref().and_then(|status| status.addresses.as_deref()).unwrap_or_default();
            addresses.iter().any(|address| address.address == ip)
        })?;
        return Some((node.metadata.name.clone()?, format!("the node with {ip}")));
    }
    if let Target::Node { node, .. } = &query.target
        && !node.is_empty()
    {
        return Some((node.clone(), "the node of the target".into()));
    }
    node_of(query, objects).map(|(node, _)| (node, "the node of the target".into()))
}

/// `node-a:30080` and `node-a.example:30080`, where no Service has that name.
fn node_of(query: &Query, objects: &Objects) -> Option<(String, u16)> {
    let Target::Service { namespace, name, port: Some(Port::Number(port)), .. } = &query.target else { return None };
    if has(objects, namespace.as_ref().unwrap_or(&query.namespace), name) {
        return None;
    }
    let full = namespace.as_ref().map_or_else(|| name.clone(), |rest| format!("{name}.{rest}"));
    let known = objects.nodes().iter().any(|node| node.metadata.name.as_deref() == Some(&full));
    known.then_some((full, *port))
}

async fn selected(reader: &Reader, config: &CollectConfig, objects: &Objects) -> Result<Option<Vec<String>>> {
    let WhichNodes::Selector(selector) = &config.nodes.which else { return Ok(None) };
    let api: Api<Node> = Api::all(reader.client().clone());
    match reader.list(&api, &ListParams::default().labels(selector)).await {
        Ok(nodes) => Ok(Some(nodes.into_iter().filter_map(|node| node.metadata.name).collect())),
        Err(Miss::Failed(message)) => Err(Error::usage(format!("--node-selector: {message}"))),
        Err(Miss::Denied | Miss::NotFound) => Ok(Some(endpoint_nodes(objects))),
    }
}

async fn all_nodes(reader: &Reader) -> Result<Vec<Node>, Miss> {
    let api: Api<Node> = Api::all(reader.client().clone());
    reader.list(&api, &ListParams::default().match_any()).await
}

fn act<'a>(verb: &'a str, resource: &'a str, namespace: &'a str) -> Act<'a> {
    Act { verb, resource, namespace }
}
