//! Objects of a bundle as the API's own types, as many of them as the question needs.
//! An object that cannot be read is said and left out; the others stand.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::OnceLock;

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use rayon::prelude::*;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::events::event;
use super::fit::Fit;
use super::lists::{Item, Lot, ObjectFile, Word, split};
use super::scope::{ClientName, Scope, Wanted};
use super::snapshot::Objects;
use crate::report::{Code, Gap};

const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// Reads what `scope` wants of `files`. `whole` names the resources whose lists are the cluster's, if the bundle
/// says so; without its word a list counts as whole unless it is a page of one. `nodes` are those that were read.
/// A file is dropped as soon as the last resource in it is read.
pub(super) fn read(
    files: Vec<ObjectFile>,
    scope: &Scope,
    whole: Option<&BTreeSet<String>>,
    nodes: &[&str],
    gaps: &mut Vec<Gap>,
) -> Objects {
    let split: Vec<_> = files
        .into_par_iter()
        .map(|file| {
            let (mut lots, name) = (BTreeMap::new(), file.name.clone());
            split(file, &mut lots).map(|()| lots).map_err(|reason| unreadable(&name, &reason))
        })
        .collect();
    let mut lots = BTreeMap::<String, Lot>::new();
    for part in split {
        match part {
            Ok(part) => {
                for (resource, lot) in part {
                    lots.entry(resource).or_default().append(lot);
                }
            }
            Err(gap) => gaps.push(gap),
        }
    }
    let mut reader = Reader {
        lots,
        whole,
        narrow: !matches!(scope.objects, Wanted::Everything | Wanted::Paths),
        paths: scope.objects == Wanted::Paths,
        objects: Objects::default(),
        gaps,
    };
    reader.services_and_nodes();
    let focus = reader.focus(scope, nodes);
    reader.rest(&focus);
    reader.objects
}

/// What one question is about. Empty in all its parts where everything is wanted.
#[derive(Debug, Default)]
struct Focus<'s> {
    services: Vec<(String, String)>,
    selectors: Vec<(String, BTreeMap<String, String>)>,
    namespaces: BTreeSet<String>,
    addresses: BTreeSet<String>,
    pods: BTreeSet<(String, String)>,
    client: Option<&'s ClientName>,
    nodes: &'s [&'s str],
}

/// As much of an object as tells whether it is wanted.
#[derive(Debug, Default, Deserialize)]
struct Head<'a> {
    #[serde(borrow, default)]
    metadata: Meta<'a>,
}

#[derive(Debug, Default, Deserialize)]
struct Meta<'a> {
    #[serde(borrow, default)]
    name: Option<Word<'a>>,
    #[serde(borrow, default)]
    namespace: Option<Word<'a>>,
    #[serde(borrow, default)]
    labels: Option<BTreeMap<Word<'a>, Option<Word<'a>>>>,
}

#[derive(Debug, Default, Deserialize)]
struct PodHead<'a> {
    #[serde(borrow, default)]
    metadata: Meta<'a>,
    #[serde(borrow, default)]
    spec: PodSpec<'a>,
    #[serde(borrow, default)]
    status: PodStatus<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PodSpec<'a> {
    #[serde(borrow, default)]
    node_name: Option<Word<'a>>,
    #[serde(default)]
    host_network: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PodStatus<'a> {
    #[serde(borrow, default)]
    phase: Option<Word<'a>>,
    #[serde(borrow, default, rename = "podIP")]
    pod_ip: Option<Word<'a>>,
}

impl Meta<'_> {
    fn name(&self) -> &str {
        text(self.name.as_ref())
    }
    fn namespace(&self) -> &str {
        text(self.namespace.as_ref())
    }
    fn label(&self, key: &str) -> Option<&str> {
        self.labels.as_ref()?.get(key)?.as_ref().map(|word| word.0.as_ref())
    }
}

fn text<'w>(word: Option<&'w Word<'_>>) -> &'w str {
    word.map(|word| word.0.as_ref()).unwrap_or_default()
}

struct Reader<'g> {
    lots: BTreeMap<String, Lot>,
    whole: Option<&'g BTreeSet<String>>,
    narrow: bool,
    /// Of pods only those of the nodes that are read.
    paths: bool,
    objects: Objects,
    gaps: &'g mut Vec<Gap>,
}

impl Reader<'_> {
    /// Services are all read: a name that is not there has nearest names, and rules are compared with all.
    fn services_and_nodes(&mut self) {
        self.objects.services = self.all("services");
        self.objects.nodes = self.all("nodes");
    }

    fn focus<'s>(&self, scope: &'s Scope, nodes: &'s [&'s str]) -> Focus<'s> {
        let mut focus = Focus { client: scope.client.as_ref(), nodes, ..Focus::default() };
        focus.namespaces.insert(String::new());
        focus.namespaces.insert("kube-system".to_owned());
        focus.namespaces.extend(scope.client.iter().map(|client| client.namespace.clone()));
        let as_node = self.as_node(&scope.objects);
        let wanted = as_node.as_ref().unwrap_or(&scope.objects);
        for service in self.objects.services() {
            if concerns(service, wanted) {
                let meta = &service.metadata;
                let namespace = meta.namespace.clone().unwrap_or_default();
                focus.services.push((namespace.clone(), meta.name.clone().unwrap_or_default()));
                focus.namespaces.insert(namespace.clone());
                if let Some(selector) =
                    service.spec.as_ref().and_then(|spec| spec.selector.clone()).filter(|s| !s.is_empty())
                {
                    focus.selectors.push((namespace, selector));
                }
            }
        }
        if let Wanted::Service { namespace, name, .. } = &scope.objects {
            // slices may stand although the Service does not
            let asked = (namespace.clone(), name.clone());
            focus.namespaces.insert(namespace.clone());
            if !focus.services.contains(&asked) {
                focus.services.push(asked);
            }
        }
        if let Wanted::Address { ip: Some(ip), .. } = &scope.objects {
            focus.addresses.insert(ip.to_string());
        }
        focus
    }

    /// `node-a:30080`, which reads as a Service until it is known that there is none.
    fn as_node(&self, wanted: &Wanted) -> Option<Wanted> {
        let Wanted::Service { port: Some(port), .. } = wanted else { return None };
        let there = self.objects.services().iter().any(|service| concerns(service, wanted));
        (!there).then_some(Wanted::Address { ip: None, port: Some(*port) })
    }

    fn rest(&mut self, focus: &Focus<'_>) {
        if !self.narrow {
            self.objects.slices = self.all("endpointslices");
            self.objects.endpoints = self.all("endpoints");
            self.objects.pods = if self.paths {
                self.some("pods", &|json| head::<PodHead<'_>>(json).is_none_or(|head| head.is_on(focus.nodes)))
            } else {
                self.all("pods")
            };
            self.objects.proxies = self.all("proxies").or_else(|| self.proxies());
            self.objects.events = self.take("events").map(|lot| self.build_with(&lot, &lot.items, event));
            self.objects.policies = self.all("networkpolicies");
            self.objects.ingresses = self.all("ingresses");
            self.others(|_| true);
            return;
        }
        let in_focus =
            |json: &str| head::<Head<'_>>(json).is_none_or(|head| focus.namespaces.contains(head.metadata.namespace()));
        let by_name = |json: &str| {
            head::<Head<'_>>(json).is_none_or(|head| focus.is_asked(head.metadata.namespace(), head.metadata.name()))
        };
        let slices = |json: &str| {
            head::<Head<'_>>(json).is_none_or(|head| {
                let (namespace, own) = (head.metadata.namespace(), head.metadata.name());
                match head.metadata.label(SERVICE_NAME) {
                    // one that lost its label, or has another's, is worth a look beside the Service whose name it has
                    Some(name) => focus.is_asked(namespace, name) || focus.seems_meant(namespace, own),
                    None => focus.services.iter().any(|(asked, _)| asked == namespace),
                }
            })
        };
        self.objects.slices = self.some("endpointslices", &slices);
        self.objects.endpoints = self.some("endpoints", &by_name);
        let mut wider = Focus { addresses: focus.addresses.clone(), ..Focus::default() };
        for slice in self.objects.slices() {
            wider.note(slice);
        }
        self.pods(focus, &wider);
        self.objects.proxies = self.all("proxies").or_else(|| self.proxies());
        self.objects.events = self.take("events").map(|lot| {
            let wanted = chosen(&lot, &in_focus);
            self.build_with(&lot, &wanted, event)
        });
        self.objects.policies = self.some("networkpolicies", &in_focus);
        self.objects.ingresses = self.some("ingresses", &in_focus);
        self.others(in_focus);
    }

    fn pods(&mut self, focus: &Focus<'_>, wider: &Focus<'_>) {
        let Some(lot) = self.take("pods") else { return };
        let heads: Vec<Option<PodHead<'_>>> = lot.items.par_iter().map(|item| head(lot.json(item))).collect();
        let mut wanted: Vec<bool> = heads
            .par_iter()
            .map(|head| head.as_ref().is_none_or(|head| focus.wants(head) || wider.wants(head)))
            .collect();
        let means_none = |(namespace, selector): &(String, BTreeMap<String, String>)| {
            !heads
                .iter()
                .flatten()
                .any(|head| head.metadata.namespace() == namespace && selects(selector, &head.metadata))
        };
        if focus.selectors.iter().any(means_none) {
            // what it nearly means is told by all the pods that are there
            wanted.fill(true);
        }
        for node in focus.nodes {
            // one ordinary pod of each node stands for its clients
            let client = heads
                .iter()
                .zip(&wanted)
                .position(|(head, wanted)| !wanted && head.as_ref().is_some_and(|head| head.is_client_on(node)));
            if let Some(wanted) = client.and_then(|client| wanted.get_mut(client)) {
                *wanted = true;
            }
        }
        let items: Vec<_> =
            lot.items.iter().zip(wanted).filter(|(_, wanted)| *wanted).map(|(item, _)| item.clone()).collect();
        let pods = self.build(&lot, &items);
        if pods.len() == heads.len() {
            self.mark_whole("pods", lot.partial);
        }
        self.objects.pods = Some(pods);
    }

    /// Pods of service proxies and network plugins among the pods; none found is no proof that none runs.
    fn proxies(&self) -> Option<Vec<k8s_openapi::api::core::v1::Pod>> {
        let found: Vec<_> = self
            .objects
            .pods()
            .iter()
            .filter(|pod| is_proxy(pod.metadata.name.as_deref().unwrap_or_default()))
            .cloned()
            .collect();
        (!found.is_empty()).then_some(found)
    }

    fn others(&mut self, wanted: impl Fn(&str) -> bool) {
        for (resource, lot) in std::mem::take(&mut self.lots) {
            let items: Vec<_> = lot.items.iter().filter(|item| wanted(lot.json(item))).cloned().collect();
            let values = self.build(&lot, &items);
            if items.len() == lot.items.len() {
                self.mark_whole(&resource, lot.partial);
            }
            self.objects.other.insert(resource, values);
        }
    }

    fn take(&mut self, resource: &str) -> Option<Lot> {
        self.lots.remove(resource)
    }

    fn all<T: DeserializeOwned + Fit + Send + Sync>(&mut self, resource: &str) -> Option<Vec<T>> {
        let lot = self.take(resource)?;
        let built = self.build(&lot, &lot.items);
        if built.len() == lot.items.len() {
            self.mark_whole(resource, lot.partial);
        }
        Some(built)
    }

    fn some<T: DeserializeOwned + Fit + Send + Sync>(
        &mut self,
        resource: &str,
        wanted: &(dyn Fn(&str) -> bool + Sync),
    ) -> Option<Vec<T>> {
        let lot = self.take(resource)?;
        let items = chosen(&lot, wanted);
        let built = self.build(&lot, &items);
        if built.len() == lot.items.len() {
            self.mark_whole(resource, lot.partial);
        }
        Some(built)
    }

    fn mark_whole(&mut self, resource: &str, partial: bool) {
        if !partial && self.whole.is_none_or(|whole| whole.contains(resource)) {
            self.objects.whole.insert(resource.to_owned());
        }
    }

    fn build<T: DeserializeOwned + Fit + Send + Sync>(&mut self, lot: &Lot, items: &[Item]) -> Vec<T> {
        self.build_with(lot, items, |json| {
            let mut object: T = serde_json::from_str(json)?;
            object.fit();
            Ok(object)
        })
    }

    fn build_with<T: Send + Sync>(
        &mut self,
        lot: &Lot,
        items: &[Item],
        make: impl Fn(&str) -> serde_json::Result<T> + Sync,
    ) -> Vec<T> {
        let slots: Vec<OnceLock<serde_json::Result<T>>> = items.iter().map(|_| OnceLock::new()).collect();
        each(items.len(), &|at| {
            if let (Some(slot), Some(item)) = (slots.get(at), items.get(at)) {
                slot.get_or_init(|| make(lot.json(item)));
            }
        });
        let mut items = items.iter();
        // filtered where it stands: there is one list of them and no other beside it
        let good = slots.into_iter().filter_map(|slot| {
            let item = items.next()?;
            let unread = |error| unreadable(lot.file(item), &format!("item {}: {error}", item.number));
            slot.into_inner()?.map_err(|error| self.gaps.push(unread(error))).ok()
        });
        good.collect()
    }
}

impl Focus<'_> {
    fn is_asked(&self, namespace: &str, name: &str) -> bool {
        self.services.iter().any(|(ns, n)| ns == namespace && n == name)
    }

    /// Whether a slice of this name was made for a Service that is asked for: `web-x1`.
    fn seems_meant(&self, namespace: &str, slice: &str) -> bool {
        self.services.iter().any(|(ns, name)| {
            ns == namespace
                && slice.strip_prefix(name.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        })
    }

    fn note(&mut self, slice: &EndpointSlice) {
        for endpoint in slice.endpoints.iter().flatten() {
            self.addresses.extend(endpoint.addresses.iter().cloned());
            if let Some(target) = &endpoint.target_ref {
                let namespace =
                    target.namespace.as_ref().or(slice.metadata.namespace.as_ref()).cloned().unwrap_or_default();
                self.pods.insert((namespace, target.name.clone().unwrap_or_default()));
            }
        }
    }

    fn wants(&self, pod: &PodHead<'_>) -> bool {
        let meta = &pod.metadata;
        self.selectors.iter().any(|(namespace, selector)| namespace == meta.namespace() && selects(selector, meta))
            || self.addresses.contains(text(pod.status.pod_ip.as_ref()))
            || (!self.pods.is_empty() && self.pods.contains(&(meta.namespace().to_owned(), meta.name().to_owned())))
            || self
                .client
                .is_some_and(|client| client.namespace == meta.namespace() && meta.name().starts_with(&client.name))
            || is_proxy(meta.name())
    }
}

impl PodHead<'_> {
    fn is_on(&self, nodes: &[&str]) -> bool {
        nodes.contains(&text(self.spec.node_name.as_ref()))
    }

    fn is_client_on(&self, node: &str) -> bool {
        text(self.spec.node_name.as_ref()) == node
            && self.spec.host_network != Some(true)
            && text(self.status.phase.as_ref()) == "Running"
            && !text(self.status.pod_ip.as_ref()).is_empty()
    }
}

/// Places of the objects that are wanted. Not for each closure anew, as [`each`]: rayon takes much room in the program.
fn chosen(lot: &Lot, wanted: &(dyn Fn(&str) -> bool + Sync)) -> Vec<Item> {
    lot.items.par_iter().filter(|item| wanted(lot.json(item))).cloned().collect()
}

/// Does `work` for all places below `count`.
fn each(count: usize, work: &(dyn Fn(usize) + Sync)) {
    (0..count).into_par_iter().for_each(work);
}

fn selects(selector: &BTreeMap<String, String>, meta: &Meta<'_>) -> bool {
    selector.iter().all(|(key, value)| meta.label(key) == Some(value))
}

fn head<'a, T: Deserialize<'a>>(json: &'a str) -> Option<T> {
    serde_json::from_str(json).ok()
}

/// Names that the pods of service proxies and network plugins begin with, as their own manifests give them.
pub(super) fn is_proxy(name: &str) -> bool {
    const NAMES: [&str; 12] = [
        "kube-proxy",
        "cilium",
        "calico-node",
        "kube-router",
        "antrea-agent",
        "aws-node",
        "kube-flannel",
        "kindnet",
        "weave-net",
        "canal",
        "ovnkube-node",
        "anetd",
    ];
    NAMES.iter().any(|proxy| name.strip_prefix(proxy).is_some_and(|rest| rest.starts_with('-')))
}

fn concerns(service: &Service, wanted: &Wanted) -> bool {
    let spec = service.spec.as_ref();
    match wanted {
        Wanted::Everything | Wanted::Paths => true,
        Wanted::Nothing => false,
        Wanted::Service { namespace, name, .. } => {
            service.metadata.namespace.as_deref() == Some(namespace) && service.metadata.name.as_deref() == Some(name)
        }
        Wanted::Address { ip, port } => {
            let ports = spec.and_then(|spec| spec.ports.as_deref()).unwrap_or_default();
            port.is_some_and(|port| ports.iter().any(|p| p.node_port == Some(i32::from(port))))
                || ip.is_some_and(|ip| addresses(service).any(|address| address.parse::<IpAddr>() == Ok(ip)))
        }
    }
}

fn addresses(service: &Service) -> impl Iterator<Item = &str> {
    let spec = service.spec.iter();
    let ingress =
        service.status.iter().flat_map(|status| &status.load_balancer).flat_map(|lb| lb.ingress.iter().flatten());
    spec.flat_map(|spec| {
        spec.cluster_ip.iter().chain(spec.cluster_ips.iter().flatten()).chain(spec.external_ips.iter().flatten())
    })
    .chain(ingress.filter_map(|ingress| ingress.ip.as_ref()))
    .map(String::as_str)
}

fn unreadable(file: &str, reason: &str) -> Gap {
    let code = if reason.contains("EOF") { Code::OutputTruncated } else { Code::LayoutUnknown };
    let mut gap = Gap::new(code, None, format!("`{file}` cannot be read: {reason}"));
    gap.lost = Some("the objects in it".to_owned());
    gap
}

#[cfg(test)]
mod tests;
