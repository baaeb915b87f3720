//! Who sends on a node: a real pod with its host interface, an endpoint of the Service itself, the node, a host outside.
//! Only places that are known; what stands in for another is said.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use k8s_openapi::api::core::v1::Pod;

use crate::cluster::{Client, Index, NodeView, ServiceView};
use crate::collect::snapshot::Objects;
use crate::dataplane::plane::{Family, Plane};
use crate::query;
use crate::report::Origin;

/// Addresses of hosts outside that stand for any (RFC 5737, RFC 3849).
const OUTSIDE: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))];

/// The clients of one node, and what has to be said of them.
#[derive(Debug, Default)]
pub struct Clients {
    /// In the order of the answer.
    pub list: Vec<Client>,
    /// What stands for what, or is missing.
    pub said: Vec<String>,
    /// Families that are asked about.
    families: Vec<Family>,
}

/// A node, as clients need it.
#[derive(Clone, Copy)]
pub struct Place<'a, 'snap> {
    /// As the API describes it.
    pub view: &'a NodeView<'snap>,
    /// As its kernel does.
    pub plane: &'a Plane<'snap>,
    /// The objects.
    pub objects: &'snap Objects,
    /// The same, to be looked up.
    pub index: &'a Index<'snap>,
}

/// The pod that a question names as its client, as the objects alone show it: for where no node was read.
#[must_use]
pub fn of_objects(objects: &Objects, service: &ServiceView<'_>, query: &query::Query) -> Option<Client> {
    let within = |namespace: &Option<String>| namespace.as_deref().unwrap_or(&query.namespace).to_owned();
    let pod = match query.from.as_ref()? {
        query::Client::Pod { namespace, name } => {
            let namespace = within(namespace);
            objects.pods().iter().find(|pod| pod_name(pod) == (namespace.as_str(), name.as_str()))?
        }
        query::Client::Deployment { namespace, name } => {
            let namespace = within(namespace);
            objects.pods().iter().find(|pod| pod_name(pod).0 == namespace && is_pod_of(pod, name))?
        }
        query::Client::Node(_) | query::Client::Address(_) | query::Client::External => return None,
    };
    let (namespace, name) = pod_name(pod);
    Some(Client {
        origin: Origin::Pod,
        name: Some(format!("{namespace}/{name}")),
        address: pod_addresses(pod).first().copied().filter(|_| !on_host_network(pod))?,
        interface: None,
        node: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()).unwrap_or_default(),
        is_endpoint: is_selected(pod, Some(service)),
    })
}

impl Clients {
    /// Every client place of a node; `from` narrows to one.
    #[must_use]
    pub fn of(
        place: Place<'_, '_>,
        service: Option<&ServiceView<'_>>,
        families: &[Family],
        from: Option<&query::Client>,
        namespace: &str,
    ) -> Self {
        let mut clients = Self { list: Vec::new(), said: Vec::new(), families: families.to_vec() };
        match from {
            None => {
                clients.pods(place, service);
                clients.node(place);
                clients.outside(place, service);
            }
            Some(query::Client::Node(_)) => clients.node(place),
            Some(query::Client::External) => clients.outside(place, service),
            Some(query::Client::Address(ip)) => clients.address(place, service, *ip),
            Some(query::Client::Pod { namespace: ns, name }) => {
                let ns = ns.as_deref().unwrap_or(namespace);
                let is_it = |pod: &&Pod| pod_name(pod) == (ns, name.as_str());
                clients.named(place, service, &place.objects.pods().iter().filter(is_it).collect::<Vec<_>>());
            }
            Some(query::Client::Deployment { namespace: ns, name }) => {
                let ns = ns.as_deref().unwrap_or(namespace);
                let is_of = |pod: &&Pod| pod_name(pod).0 == ns && is_pod_of(pod, name);
                clients.named(place, service, &place.objects.pods().iter().filter(is_of).collect::<Vec<_>>());
            }
        }
        clients.list.retain(|client| families.contains(&Family::of(client.address)));
        clients
    }

    fn pods(&mut self, place: Place<'_, '_>, service: Option<&ServiceView<'_>>) {
        let name = place.view.name;
        let here = || place.index.pods_on(name).iter().copied().filter(move |pod| runs_on(pod, name));
        let stranger = here().find(|pod| !is_selected(pod, service));
        let selected = service.and_then(|service| Some(place.index.selected(service.namespace, service.selector?)));
        let endpoint = selected.into_iter().flatten().find(|pod| runs_on(pod, name));
        if let Some(pod) = stranger {
            self.pod(place, pod, service);
        } else {
            self.stand_in(place, &here().collect::<Vec<_>>());
        }
        if let Some(pod) = endpoint {
            self.pod(place, pod, service);
        }
    }

    fn named(&mut self, place: Place<'_, '_>, service: Option<&ServiceView<'_>>, pods: &[&Pod]) {
        if let Some(pod) = pods.iter().find(|pod| runs_on(pod, place.view.name)) {
            self.pod(place, pod, service);
        } else if let Some(pod) = pods.iter().find(|pod| on_host_network(pod)) {
            self.said.push(format!("pod {} shares its node's network: it sends as the node itself", pod_name(pod).1));
            self.node(place);
        }
    }

    fn pod(&mut self, place: Place<'_, '_>, pod: &Pod, service: Option<&ServiceView<'_>>) {
        let (namespace, name) = pod_name(pod);
        for address in pod_addresses(pod) {
            self.list.push(Client {
                origin: Origin::Pod,
                name: Some(format!("{namespace}/{name}")),
                address,
                interface: interface_to(place, address),
                node: place.view.name.into(),
                is_endpoint: is_selected(pod, service),
            });
        }
    }

    /// An address of the node's pod range where no pod beside the endpoints is known.
    fn stand_in(&mut self, place: Place<'_, '_>, here: &[&Pod]) {
        let mut said = Vec::new();
        for range in place.view.pod_ranges.iter().filter(|range| self.families.contains(&Family::of(range.addr()))) {
            let taken: Vec<IpAddr> = here.iter().flat_map(|pod| pod_addresses(pod)).collect();
            let free = range
                .hosts()
                .skip(1)
                .take(512)
                .find(|ip| !taken.contains(ip) && !place.plane.links.is_local(*ip).is_yes());
            if let Some(address) = free {
                said.push(address.to_string());
                self.list.push(Client {
                    origin: Origin::Pod,
                    name: None,
                    address,
                    interface: interface_to(place, address),
                    node: place.view.name.into(),
                    is_endpoint: false,
                });
            }
        }
        if said.is_empty() {
            self.said.push(format!("no pod of {} is known: paths from its pods are not walked", place.view.name));
        } else {
            let verb = if said.len() == 1 { "stands" } else { "stand" };
            self.said.push(format!(
                "no other pod of {} is known: {} {verb} for one",
                place.view.name,
                said.join(" and ")
            ));
        }
    }

    fn node(&mut self, place: Place<'_, '_>) {
        for address in [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)] {
            self.list.push(Client {
                origin: Origin::Node,
                name: None,
                address,
                interface: None,
                node: place.view.name.into(),
                is_endpoint: false,
            });
        }
    }

    fn outside(&mut self, place: Place<'_, '_>, service: Option<&ServiceView<'_>>) {
        let mut addresses = OUTSIDE.to_vec();
        // A client that the source ranges let in, beside the one that they may keep out.
        for range in service.into_iter().flat_map(|service| &service.source_ranges) {
            let inside = range.hosts().find(|ip| !place.plane.links.is_local(*ip).is_yes());
            let open = addresses.iter().any(|ip| range.contains(ip));
            addresses.extend(inside.filter(|_| !open));
        }
        for address in addresses {
            self.list.push(external(place, address));
        }
    }

    fn address(&mut self, place: Place<'_, '_>, service: Option<&ServiceView<'_>>, ip: IpAddr) {
        if place.plane.links.is_local(ip).is_yes() {
            let node = Client { origin: Origin::Node, interface: None, ..external(place, ip) };
            self.list.push(node);
            return;
        }
        let pod = place.objects.pods().iter().find(|pod| !on_host_network(pod) && pod_addresses(pod).contains(&ip));
        match pod {
            Some(pod) if runs_on(pod, place.view.name) => {
                self.pod(place, pod, service);
                self.list.retain(|client| client.address == ip);
            }
            None if place.view.pod_ranges.iter().any(|range| range.contains(&ip)) => {
                let pod = Client { origin: Origin::Pod, ..external(place, ip) };
                self.list.push(pod);
            }
            Some(_) | None => self.list.push(external(place, ip)),
        }
    }
}

/// Whether a question narrows the nodes to one, by its client.
#[must_use]
pub fn node_of_client<'a>(objects: &'a Objects, query: &'a query::Query) -> Option<&'a str> {
    let of = |namespace: &Option<String>, is_it: &dyn Fn(&Pod) -> bool| {
        let namespace = namespace.as_deref().unwrap_or(&query.namespace).to_owned();
        objects
            .pods()
            .iter()
            .find(|pod| pod_name(pod).0 == namespace && is_it(pod))
            .and_then(|pod| pod.spec.as_ref()?.node_name.as_deref())
    };
    match query.from.as_ref()? {
        query::Client::Node(node) => Some(node),
        query::Client::Pod { namespace, name } => of(namespace, &|pod| pod_name(pod).1 == name),
        query::Client::Deployment { namespace, name } => of(namespace, &|pod| is_pod_of(pod, name)),
        query::Client::Address(ip) => objects
            .pods()
            .iter()
            .find(|pod| !on_host_network(pod) && pod_addresses(pod).contains(ip))
            .and_then(|pod| pod.spec.as_ref()?.node_name.as_deref()),
        query::Client::External => None,
    }
}

fn external(place: Place<'_, '_>, address: IpAddr) -> Client {
    Client {
        origin: Origin::External,
        name: None,
        address,
        interface: interface_to(place, address),
        node: place.view.name.into(),
        is_endpoint: false,
    }
}

/// The interface that the node would answer by, which is the one a packet from there comes in by.
fn interface_to(place: Place<'_, '_>, address: IpAddr) -> Option<String> {
    place.plane.links.interface_to(address).map(Into::into)
}

/// Namespace and name.
#[must_use]
pub fn pod_name(pod: &Pod) -> (&str, &str) {
    (pod.metadata.namespace.as_deref().unwrap_or_default(), pod.metadata.name.as_deref().unwrap_or_default())
}

/// Addresses of a pod.
#[must_use]
pub fn pod_addresses(pod: &Pod) -> Vec<IpAddr> {
    crate::cluster::readiness::addresses(pod).into_iter().filter_map(|ip| ip.parse().ok()).collect()
}

/// Whether a pod uses its node's own network.
#[must_use]
pub fn on_host_network(pod: &Pod) -> bool {
    pod.spec.as_ref().and_then(|spec| spec.host_network).unwrap_or_default()
}

fn runs_on(pod: &Pod, node: &str) -> bool {
    pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()) == Some(node)
        && !on_host_network(pod)
        && crate::cluster::readiness::is_alive(pod)
        && crate::cluster::readiness::addresses(pod).iter().any(|ip| ip.parse::<IpAddr>().is_ok())
}

fn is_selected(pod: &Pod, service: Option<&ServiceView<'_>>) -> bool {
    service.is_some_and(|service| {
        service.namespace == pod_name(pod).0
            && service.selector.is_some_and(|selector| {
                let labels = pod.metadata.labels.as_ref();
                selector.iter().all(|(key, value)| labels.and_then(|labels| labels.get(key)) == Some(value))
            })
    })
}

/// A Deployment's pods are owned by its ReplicaSets, which are named after it with one part more.
pub(super) fn is_pod_of(pod: &Pod, deployment: &str) -> bool {
    pod.metadata.owner_references.iter().flatten().any(|owner| {
        owner.kind == "ReplicaSet" && owner.name.rsplit_once('-').is_some_and(|(base, _)| base == deployment)
    })
}
