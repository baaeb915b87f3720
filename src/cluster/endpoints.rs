//! Which endpoints a Service port has on one node, and why the others are not used: kube-proxy's own rules
//! (pkg/proxy/endpointslicecache.go and topology.go). Says nothing of addresses that lead there.

use std::io::Write;
use std::net::{IpAddr, SocketAddr};

use k8s_openapi::api::core::v1::{Endpoints, Pod};
use k8s_openapi::api::discovery::v1::{Endpoint as SliceEndpoint, EndpointSlice};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::collect::snapshot::Objects;
use crate::walk::packet::Protocol;

use super::index::{Index, PodsByName};
use super::node::NodeView;
use super::readiness::{self, NotReady};
use super::service::{Family, Policy, PortView, ServiceView, port_number};
use super::topology::Topology;
use super::why_not::{LeftOut, WhyNot};

/// Label that ties a slice to its Service.
pub const SERVICE_NAME_LABEL: &str = "kubernetes.io/service-name";
/// Label of slices of headless Services, which kube-proxy does not watch.
pub const HEADLESS_LABEL: &str = "service.kubernetes.io/headless";

/// One endpoint of a Service port in one family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint<'snap> {
    /// Address and port.
    pub address: SocketAddr,
    /// Takes new connections.
    pub ready: bool,
    /// Answers, also while it ends.
    pub serving: bool,
    /// Is ending.
    pub terminating: bool,
    /// nodeName.
    pub node: Option<&'snap str>,
    /// Zone.
    pub zone: Option<&'snap str>,
    /// Zones that it is meant for.
    pub zone_hints: Vec<&'snap str>,
    /// Nodes that it is meant for (1.33 and later).
    pub node_hints: Vec<&'snap str>,
    /// Namespace and name of its pod.
    pub pod: Option<(&'snap str, &'snap str)>,
    /// Name of the slice, or of the v1 Endpoints.
    pub from: &'snap str,
}

/// The endpoints of a Service port, in one family, as kube-proxy on one node sorts them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortEndpoints<'snap> {
    /// All that kube-proxy knows, sorted by address text as it sorts them.
    pub all: Vec<Endpoint<'snap>>,
    /// What it takes for policy Cluster.
    pub cluster: Vec<SocketAddr>,
    /// What it takes for policy Local.
    pub local: Vec<SocketAddr>,
    /// What it makes chains for.
    pub reachable: Vec<SocketAddr>,
    /// Whether there is any usable endpoint: without one it refuses.
    pub has_any: bool,
    /// What hints do.
    pub topology: Topology,
    /// The ones that are neither in `cluster` nor in `local`, and why.
    pub left_out: Vec<LeftOut<'snap>>,
    /// What would have to be known to be sure of `cluster`, where it is not.
    pub unsure: Option<String>,
}

impl<'snap> PortEndpoints<'snap> {
    /// The list that a policy uses.
    #[must_use]
    pub fn of(&self, policy: Policy) -> &[SocketAddr] {
        match policy {
            Policy::Cluster => &self.cluster,
            Policy::Local => &self.local,
        }
    }

    /// The endpoint with this address.
    #[must_use]
    pub fn find(&self, address: SocketAddr) -> Option<&Endpoint<'snap>> {
        self.all.iter().find(|endpoint| endpoint.address == address)
    }
}

/// All endpoint objects of one Service, and its pods.
#[derive(Debug)]
pub struct ServiceEndpoints<'snap> {
    objects: &'snap Objects,
    /// Slices with the Service's label, of every family.
    pub slices: Vec<&'snap EndpointSlice>,
    /// v1 Endpoints, where slices were not read.
    pub legacy: Option<&'snap Endpoints>,
    pods: PodsByName<'snap>,
    selected: Vec<&'snap Pod>,
    families: Vec<Family>,
    namespace: &'snap str,
}

/// Endpoints of one port and family, before policies sort them.
#[derive(Default)]
struct Gathered<'snap> {
    all: Vec<Endpoint<'snap>>,
    left_out: Vec<LeftOut<'snap>>,
    at: FxHashMap<SocketAddr, usize>,
}

/// One endpoint before it is known whether its port is wanted.
struct Entry<'snap> {
    addresses: &'snap [String],
    ready: bool,
    serving: bool,
    terminating: bool,
    endpoint: Option<&'snap SliceEndpoint>,
    node: Option<&'snap str>,
    pod: Option<(&'snap str, &'snap str)>,
}

impl<'snap> ServiceEndpoints<'snap> {
    /// Gathers what belongs to this Service.
    #[must_use]
    pub fn read(objects: &'snap Objects, view: &ServiceView<'snap>) -> Self {
        Self::of(&Index::new(objects), view)
    }

    /// Gathers what belongs to this Service from objects that are indexed.
    #[must_use]
    pub fn of(index: &Index<'snap>, view: &ServiceView<'snap>) -> Self {
        let objects = index.objects;
        let legacy = objects.slices.is_none().then(|| index.legacy_of(view.namespace, view.name));
        let mut selected = view.selector.map(|selector| index.selected(view.namespace, selector)).unwrap_or_default();
        // of one that was written down twice the later counts, as above
        selected.reverse();
        selected.sort_by_key(|pod| pod.metadata.name.as_deref());
        selected.dedup_by_key(|pod| pod.metadata.name.as_deref());
        Self {
            objects,
            slices: index.slices_of(view.namespace, view.name).to_vec(),
            legacy: legacy.flatten(),
            pods: index.pods_of(view.namespace),
            selected,
            families: view.families(),
            namespace: view.namespace,
        }
    }

    /// Whether endpoints were read at all; without that nothing may be said of them.
    #[must_use]
    pub fn were_read(&self) -> bool {
        self.objects.slices.is_some() || self.objects.endpoints.is_some()
    }

    /// Pods of the Service's namespace, as far as they were read, by name.
    pub fn pods(&self) -> impl Iterator<Item = &'snap Pod> {
        self.pods.values().copied()
    }

    /// Pods that the selector means, by name; none without a selector.
    pub fn selected(&self) -> impl Iterator<Item = &'snap Pod> {
        self.selected.iter().copied()
    }

    /// The pod of this name in the Service's namespace.
    #[must_use]
    pub fn pod(&self, name: &str) -> Option<&'snap Pod> {
        self.pods.get(name).copied()
    }

    /// Sorts the endpoints of one port, in one family, for one node.
    #[must_use]
    pub fn on_node(
        &self,
        view: &ServiceView<'snap>,
        port: &PortView<'snap>,
        family: Family,
        node: &NodeView<'_>,
    ) -> PortEndpoints<'snap> {
        let mut sorted = self.gather(port, family, node);
        self.categorize(view, port, family, node, &mut sorted);
        sorted
    }

    /// The endpoints of one port, in one family, as any node would take them that policies and hints do not limit.
    #[must_use]
    pub fn anywhere(&self, port: &PortView<'snap>, family: Family) -> PortEndpoints<'snap> {
        let nowhere =
            NodeView { name: "", object: None, zone: None, minor: None, addresses: Vec::new(), pod_ranges: Vec::new() };
        let mut sorted = self.gather(port, family, &nowhere);
        self.settle(&mut sorted);
        sorted
    }

    fn gather(&self, port: &PortView<'snap>, family: Family, node: &NodeView<'_>) -> PortEndpoints<'snap> {
        let mut found = Gathered::default();
        for slice in &self.slices {
            self.read_slice(slice, port, family, node, &mut found);
        }
        if let Some(legacy) = self.legacy {
            self.read_legacy(legacy, port, family, node, &mut found);
        }
        let Gathered { mut all, mut left_out, at: _ } = found;
        all.sort_by_cached_key(|endpoint| text(endpoint.address));
        // Slices may share the ports of a Service among them: what one lacks, another serves.
        if !left_out.is_empty() {
            let served: FxHashSet<String> = all.iter().map(|e| e.address.ip().to_string()).collect();
            left_out.retain(|l| !matches!(l.why, WhyNot::PortNotServed(_)) || !served.contains(&l.address));
        }
        PortEndpoints {
            all,
            cluster: Vec::new(),
            local: Vec::new(),
            reachable: Vec::new(),
            has_any: false,
            topology: Topology::Off,
            left_out,
            unsure: self.unsure_of(family),
        }
    }

    /// Why what was read does not tell the endpoints of a family, if it does not.
    fn unsure_of(&self, family: Family) -> Option<String> {
        if !self.were_read() {
            return Some("EndpointSlices were not read".into());
        }
        // v1 Endpoints hold the Service's first family alone (k8s.io/api/core/v1, Endpoints).
        let other = |address: &k8s_openapi::api::core::v1::EndpointAddress| {
            address.ip.parse().is_ok_and(|ip: std::net::IpAddr| Family::of(ip) != family)
        };
        let subsets = self.legacy.and_then(|legacy| legacy.subsets.as_ref());
        let foreign = subsets.into_iter().flatten().flat_map(|subset| subset.addresses.iter().flatten()).any(other);
        foreign.then(|| {
            format!("EndpointSlices were not read, and v1 Endpoints do not list {} addresses", family.as_str())
        })
    }

    fn read_slice(
        &self,
        slice: &'snap EndpointSlice,
        port: &PortView<'snap>,
        family: Family,
        node: &NodeView<'_>,
        into: &mut Gathered<'snap>,
    ) {
        let from = slice.metadata.name.as_deref().unwrap_or_default();
        let entries = slice.endpoints.as_deref().unwrap_or_default().iter().map(|e| self.entry(e));
        let wrong = match slice.address_type.as_str() {
            kind if kind == family.as_str() => None,
            "FQDN" => Some(WhyNot::Fqdn),
            kind if self.families.iter().any(|f| f.as_str() == kind) => return,
            kind => Some(WhyNot::WrongFamily(kind.to_owned())),
        };
        if let Some(why) = wrong {
            for entry in entries {
                entry.leave_out(from, None, &why, into);
            }
            return;
        }
        let ports = slice.ports.as_deref().unwrap_or_default();
        // The API server writes a name of "" where none is given.
        let named = |p: &&k8s_openapi::api::discovery::v1::EndpointPort| {
            p.name.as_deref().unwrap_or_default() == port.name
                && Protocol::parse(p.protocol.as_deref().unwrap_or("TCP")) == Some(port.protocol)
        };
        let numbers: Vec<u16> = ports.iter().filter(named).filter_map(|p| p.port.and_then(port_number)).collect();
        if numbers.is_empty() {
            let served = ports.iter().map(port_words).collect::<Vec<_>>().join(", ");
            for entry in entries {
                entry.leave_out(from, None, &WhyNot::PortNotServed(served.clone()), into);
            }
            return;
        }
        let (more, _) = entries.size_hint();
        into.all.reserve(more);
        into.at.reserve(more);
        for entry in entries {
            for number in &numbers {
                entry.take(from, *number, family, node, into);
            }
        }
    }

    fn entry(&self, endpoint: &'snap SliceEndpoint) -> Entry<'snap> {
        // nil means: ready, serving, not terminating (discovery/v1, EndpointConditions).
        let conditions = endpoint.conditions.as_ref();
        let reference = endpoint.target_ref.as_ref().filter(|t| t.kind.as_deref().unwrap_or("Pod") == "Pod");
        Entry {
            addresses: &endpoint.addresses,
            ready: conditions.and_then(|c| c.ready).unwrap_or(true),
            serving: conditions.and_then(|c| c.serving).unwrap_or(true),
            terminating: conditions.and_then(|c| c.terminating).unwrap_or(false),
            endpoint: Some(endpoint),
            node: endpoint.node_name.as_deref(),
            pod: reference.and_then(|t| Some((t.namespace.as_deref().unwrap_or(self.namespace), t.name.as_deref()?))),
        }
    }

    fn read_legacy(
        &self,
        endpoints: &'snap Endpoints,
        port: &PortView<'snap>,
        family: Family,
        node: &NodeView<'_>,
        into: &mut Gathered<'snap>,
    ) {
        let from = endpoints.metadata.name.as_deref().unwrap_or_default();
        for subset in endpoints.subsets.as_deref().unwrap_or_default() {
            let ports = subset.ports.as_deref().unwrap_or_default();
            let number = ports.iter().find(|p| {
                p.name.as_deref().unwrap_or_default() == port.name
                    && Protocol::parse(p.protocol.as_deref().unwrap_or("TCP")) == Some(port.protocol)
            });
            let ready = subset.addresses.as_deref().unwrap_or_default().iter().map(|a| (a, true));
            let unready = subset.not_ready_addresses.as_deref().unwrap_or_default().iter().map(|a| (a, false));
            for (address, ready) in ready.chain(unready) {
                let reference = address.target_ref.as_ref().filter(|t| t.kind.as_deref().unwrap_or("Pod") == "Pod");
                let entry = Entry {
                    addresses: std::slice::from_ref(&address.ip),
                    ready,
                    serving: ready,
                    terminating: false,
                    endpoint: None,
                    node: address.node_name.as_deref(),
                    pod: reference
                        .and_then(|t| Some((t.namespace.as_deref().unwrap_or(self.namespace), t.name.as_deref()?))),
                };
                match (address.ip.parse::<IpAddr>().map(Family::of), number.and_then(|p| port_number(p.port))) {
                    (Ok(other), _) if other != family => {}
                    (_, None) => entry.leave_out(from, None, &WhyNot::PortNotServed(String::new()), into),
                    (_, Some(number)) => entry.take(from, number, family, node, into),
                }
            }
        }
    }

    /// What the pod of an endpoint says; `None` where the pod is not known.
    #[must_use]
    pub fn not_ready(&self, pod: Option<(&str, &str)>) -> Option<NotReady> {
        let (namespace, name) = pod?;
        match self.pods.get(name).filter(|_| namespace == self.namespace) {
            Some(pod) => readiness::why_not_ready(pod, self.objects),
            None if self.objects.is_whole("pods") => Some(NotReady::Gone),
            None => None,
        }
    }
}

impl<'snap> Entry<'snap> {
    fn leave_out(&self, from: &'snap str, port: Option<u16>, why: &WhyNot, into: &mut Gathered<'snap>) {
        let address = self.addresses.first().map(String::as_str).unwrap_or_default();
        let address = port.map_or_else(|| address.to_owned(), |port| with_port(address, port));
        into.left_out.push(LeftOut { address, pod: self.pod, node: self.node, from, why: why.clone() });
    }

    fn take(&self, from: &'snap str, port: u16, family: Family, node: &NodeView<'_>, into: &mut Gathered<'snap>) {
        for second in self.addresses.iter().skip(1) {
            let address = with_port(second, port);
            into.left_out.push(LeftOut { address, pod: self.pod, node: self.node, from, why: WhyNot::SecondAddress });
        }
        let parsed =
            self.addresses.first().and_then(|a| a.parse::<IpAddr>().ok()).filter(|ip| Family::of(*ip) == family);
        let Some(ip) = parsed else {
            self.leave_out(from, Some(port), &WhyNot::BadAddress, into);
            return;
        };
        let hints = self.endpoint.and_then(|e| e.hints.as_ref());
        let zones = hints.and_then(|h| h.for_zones.as_deref()).unwrap_or_default();
        let nodes = hints.and_then(|h| h.for_nodes.as_deref()).unwrap_or_default();
        let taken = Endpoint {
            address: SocketAddr::new(ip, port),
            ready: self.ready,
            serving: self.serving,
            terminating: self.terminating,
            node: self.node,
            zone: self.endpoint.and_then(|e| e.zone.as_deref()),
            zone_hints: zones.iter().map(|z| z.name.as_str()).collect(),
            node_hints: nodes.iter().map(|n| n.name.as_str()).collect(),
            pod: self.pod,
            from,
        };
        // The same address may stand in two slices. Up to 1.35 the local one wins, from 1.36 the one that is not
        // ending; what is left to chance there goes to the usable one (pkg/proxy/endpointslicecache.go).
        let rank = |e: &Endpoint<'_>| {
            (node.minor.is_some_and(|m| m < 36) && e.node == Some(node.name), !e.terminating, e.ready)
        };
        match into.at.get(&taken.address).and_then(|at| into.all.get_mut(*at)) {
            Some(known) if rank(&taken) > rank(known) => *known = taken,
            Some(_) => {}
            None => {
                into.at.insert(taken.address, into.all.len());
                into.all.push(taken);
            }
        }
    }
}

/// As it is printed, with zeros behind: checks sort the endpoints of all Services by it.
fn text(address: SocketAddr) -> [u8; 48] {
    let mut text = [0; 48];
    let SocketAddr::V4(v4) = address else {
        let mut all = text.as_mut_slice();
        // The longest takes 47 bytes.
        let _ = write!(all, "{address}");
        return text;
    };
    let mut room = text.iter_mut();
    let mut put = |byte: u8| {
        if let Some(slot) = room.next() {
            *slot = byte;
        }
    };
    let mut number = |number: u16, end: Option<u8>| {
        for unit in [10_000, 1000, 100, 10] {
            if number >= unit {
                put(b'0' + (number / unit % 10).to_le_bytes()[0]);
            }
        }
        put(b'0' + (number % 10).to_le_bytes()[0]);
        if let Some(end) = end {
            put(end);
        }
    };
    let [a, b, c, d] = v4.ip().octets();
    number(a.into(), Some(b'.'));
    number(b.into(), Some(b'.'));
    number(c.into(), Some(b'.'));
    number(d.into(), Some(b':'));
    number(v4.port(), None);
    text
}

/// The Service that a slice says it belongs to.
#[must_use]
pub fn slice_service(slice: &EndpointSlice) -> Option<&str> {
    let labels = slice.metadata.labels.as_ref()?;
    labels.get(SERVICE_NAME_LABEL).map(String::as_str)
}

/// `http 8080/tcp` of a slice port.
#[must_use]
pub fn port_words(port: &k8s_openapi::api::discovery::v1::EndpointPort) -> String {
    let number = port.port.map_or_else(|| "no port".to_owned(), |number| number.to_string());
    let protocol = port.protocol.as_deref().unwrap_or("TCP").to_ascii_lowercase();
    match port.name.as_deref().filter(|name| !name.is_empty()) {
        Some(name) => format!("{name} {number}/{protocol}"),
        None => format!("an unnamed port {number}/{protocol}"),
    }
}

fn with_port(address: &str, port: u16) -> String {
    address.parse::<IpAddr>().map_or_else(|_| format!("{address}:{port}"), |ip| SocketAddr::new(ip, port).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_as_it_is_printed() {
        for address in ["0.0.0.0:0", "10.244.1.5:8080", "255.255.255.255:65535", "192.168.50.11:443", "[fd00::5]:80"] {
            let parsed = address.parse::<SocketAddr>().ok();
            let text =
                parsed.map(|parsed| text(parsed).iter().copied().take_while(|byte| *byte > 0).collect::<Vec<_>>());
            assert_eq!(text.as_deref(), Some(address.as_bytes()));
        }
    }
}
