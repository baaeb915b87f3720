//! What the objects promise for one path: which endpoints in even shares, or a refusal, or nothing at all; and whether
//! the source is replaced. Where options of kube-proxy decide that no object tells, it says what else is right.

mod ipvs;

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use crate::report::{AddressKind, Origin};

use super::endpoints::PortEndpoints;
use super::paths::PathSpec;
use super::service::{Policy, ServiceView};

/// What a new connection should meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Promise {
    /// One of these, each equally often.
    Endpoints(Vec<SocketAddr>),
    /// An answer that refuses, and why.
    Refused(String),
    /// Silence, and why.
    Dropped(String),
    /// No rule of kube-proxy at all, and why.
    NotServed(String),
    /// It cannot be told, and why.
    Unknown(String),
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Endpoints(list) if list.len() == 1 => f.write_str("1 endpoint"),
            Self::Endpoints(list) => write!(f, "{} endpoints", list.len()),
            Self::Refused(why) => write!(f, "refused: {why}"),
            Self::Dropped(why) => write!(f, "dropped: {why}"),
            Self::NotServed(why) => write!(f, "not served: {why}"),
            Self::Unknown(why) => write!(f, "not known: {why}"),
        }
    }
}

/// What no object tells, and what makes an alternative right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Setting {
    /// NodeLocal DNSCache: a server on the node has the DNS Service's address.
    NodeCache,
    /// nodePortAddresses: node ports may be served on some of the node's addresses only.
    NodePortAddresses,
    /// localhostNodePorts, and route_localnet: node ports on 127.0.0.1 are a thing of iptables mode.
    LocalhostNodePorts,
    /// detectLocalMode: which sources kube-proxy takes for pods.
    DetectLocal,
    /// Mode: in iptables mode OUTPUT does not look at external addresses without endpoints.
    NodeOwnAccess,
    /// Mode: a virtual server of IPVS has one list of servers for all clients.
    Ipvs,
    /// Mode: which of two drops or refusals comes first.
    Mode,
    /// Which of the node's addresses the kernel takes as source.
    SourceAddress,
}

impl Setting {
    /// In words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NodeCache => "a DNS cache on the node has the address",
            Self::NodePortAddresses => "nodePortAddresses may limit node ports to other addresses of the node",
            Self::LocalhostNodePorts => {
                "node ports on 127.0.0.1 are served in iptables mode with localhostNodePorts only"
            }
            Self::DetectLocal => "detectLocalMode decides which clients count as pods",
            Self::NodeOwnAccess => "in iptables mode the node's own connections are not refused there",
            Self::Ipvs => "in ipvs mode an address has one list of servers for all clients",
            Self::Mode => "the proxy mode decides which of the two comes first",
            Self::SourceAddress => "it depends on the source address that the kernel chooses",
        }
    }
}

/// Something else that is right, and what would make it so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alternative {
    /// What is right then.
    pub promise: Promise,
    /// What decides.
    pub because: Setting,
}

/// Whether the source has to be replaced on the way to one destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Masquerade {
    /// It must be: the answer would not come back.
    Must,
    /// It must not be: the receiver is promised the client's address.
    MustNot,
    /// Options decide that no object tells.
    Either,
}

/// The promise for one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    /// The promise.
    pub promise: Promise,
    /// What is right as well.
    pub also_acceptable: Vec<Alternative>,
    masquerade: Masquerade,
    client: IpAddr,
    node_addresses: Vec<IpAddr>,
}

impl Expectation {
    /// Whether the source has to be replaced when this endpoint is chosen: a client that reaches itself always needs
    /// it; what stays on the node does not pass POSTROUTING when it comes from elsewhere.
    #[must_use]
    pub fn masquerade(&self, destination: SocketAddr) -> Masquerade {
        let itself = destination.ip() == self.client;
        if (!itself && self.masquerade == Masquerade::Either) || self.node_addresses.contains(&destination.ip()) {
            Masquerade::Either
        } else if itself {
            Masquerade::Must
        } else {
            self.masquerade
        }
    }

    /// Every promise that is right, the first one first.
    pub fn promises(&self) -> impl Iterator<Item = &Promise> {
        std::iter::once(&self.promise).chain(self.also_acceptable.iter().map(|a| &a.promise))
    }
}

/// What is known of the node and the network around a path.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    /// The node's own addresses.
    pub node_addresses: &'a [IpAddr],
    /// Ranges that pods have their addresses from, on any node.
    pub pod_ranges: &'a [IpNet],
}

/// What the objects promise for a path, with the endpoints sorted for its node, port and family.
#[must_use]
pub fn expectation(
    view: &ServiceView<'_>,
    path: &PathSpec<'_>,
    endpoints: &PortEndpoints<'_>,
    around: Surroundings<'_>,
) -> Expectation {
    let asked = Asked { view, path, endpoints, around };
    let mut expected = Expectation {
        promise: Promise::Unknown(String::new()),
        also_acceptable: Vec::new(),
        masquerade: asked.masquerade(),
        client: path.client.address,
        node_addresses: around.node_addresses.to_vec(),
    };
    if let Some(why) = view.not_programmed() {
        // What another proxy makes of it is not for us to know.
        expected.promise = if view.proxy_name.is_some() { Promise::Unknown(why) } else { Promise::NotServed(why) };
        return expected;
    }
    if let Some(why) = &endpoints.unsure {
        expected.promise = Promise::Unknown(why.clone());
        return expected;
    }
    let (promise, also) = match path.kind {
        AddressKind::ClusterIp => (asked.cluster_ip(), Vec::new()),
        AddressKind::ExternalIp
        | AddressKind::LoadBalancer
        | AddressKind::NodePort
        | AddressKind::LocalhostNodePort => asked.external_entry(),
        AddressKind::Plain => (Promise::NotServed("the address is no Service's".into()), Vec::new()),
    };
    expected.promise = promise;
    expected.also_acceptable = also;
    expected
}

/// One question, while it is answered.
#[derive(Clone, Copy)]
struct Asked<'a> {
    view: &'a ServiceView<'a>,
    path: &'a PathSpec<'a>,
    endpoints: &'a PortEndpoints<'a>,
    around: Surroundings<'a>,
}

/// Whether loadBalancerSourceRanges let a client in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gate {
    Open,
    Shut,
    /// The source address is the kernel's choice.
    Depends,
}

impl Asked<'_> {
    fn nothing(self) -> Promise {
        Promise::Refused(if self.endpoints.all.is_empty() {
            "no endpoint".into()
        } else {
            "no endpoint is ready".into()
        })
    }

    fn cluster_ip(self) -> Promise {
        let list = self.endpoints.of(self.view.internal);
        if !self.endpoints.has_any {
            self.nothing()
        } else if list.is_empty() {
            Promise::Dropped(format!("internalTrafficPolicy is Local and no endpoint is on {}", self.path.client.node))
        } else {
            Promise::Endpoints(list.to_vec())
        }
    }

    /// Addresses that lead into kube-proxy's external entry.
    fn external_entry(self) -> (Promise, Vec<Alternative>) {
        let mut also = Vec::new();
        let mut alternative = |promise: Promise, because: Setting| also.push(Alternative { promise, because });
        let gate = self.gate();
        let shut = || Promise::Dropped("the client is not in loadBalancerSourceRanges".to_owned());
        let mut promise = self.behind_the_gate(&mut alternative);
        match gate {
            Gate::Open => {}
            Gate::Depends => alternative(shut(), Setting::SourceAddress),
            Gate::Shut if self.endpoints.has_any => promise = shut(),
            Gate::Shut => alternative(shut(), Setting::Mode),
        }
        match self.path.kind {
            AddressKind::NodePort => {
                alternative(Promise::NotServed("no rule for this address".into()), Setting::NodePortAddresses);
            }
            AddressKind::LocalhostNodePort => {
                alternative(Promise::NotServed("no rule for 127.0.0.1".into()), Setting::LocalhostNodePorts);
            }
            AddressKind::ClusterIp | AddressKind::ExternalIp | AddressKind::LoadBalancer | AddressKind::Plain => {}
        }
        (promise, also)
    }

    fn behind_the_gate(self, alternative: &mut impl FnMut(Promise, Setting)) -> Promise {
        if !self.endpoints.has_any {
            let leaves = matches!(self.path.kind, AddressKind::ExternalIp | AddressKind::LoadBalancer);
            if leaves && self.path.client.origin == Origin::Node {
                alternative(Promise::NotServed("the packet leaves by the route".into()), Setting::NodeOwnAccess);
            }
            return self.nothing();
        }
        let all = || Promise::Endpoints(self.endpoints.cluster.clone());
        if self.view.external == Policy::Cluster {
            return all();
        }
        let here = || {
            if self.endpoints.local.is_empty() {
                Promise::Dropped(format!(
                    "externalTrafficPolicy is Local and no endpoint is on {}",
                    self.path.client.node
                ))
            } else {
                Promise::Endpoints(self.endpoints.local.clone())
            }
        };
        // Under policy Local kube-proxy leads its own pods and the node past it, to all endpoints.
        match self.path.client.origin {
            Origin::Node => all(),
            Origin::Pod => {
                alternative(here(), Setting::DetectLocal);
                all()
            }
            Origin::External if self.is_pod_address() => {
                alternative(here(), Setting::DetectLocal);
                all()
            }
            Origin::External => here(),
        }
    }

    fn is_pod_address(self) -> bool {
        self.around.pod_ranges.iter().any(|range| range.contains(&self.path.client.address))
    }

    fn gate(self) -> Gate {
        let ranges = self.view.source_ranges_of(self.path.family());
        if self.path.kind != AddressKind::LoadBalancer || ranges.is_empty() {
            return Gate::Open;
        }
        let inside = |ip: &IpAddr| ranges.iter().any(|range| range.contains(ip));
        let own: Vec<&IpAddr> = self
            .around
            .node_addresses
            .iter()
            .filter(|ip| ip.is_ipv4() == self.path.to.is_ipv4() && !ip.is_loopback())
            .collect();
        let client = &self.path.client.address;
        if !client.is_unspecified() {
            // A range that holds the node's address also lets in what the kernel sends from the load balancer's own
            // one (kube-proxy pkg/proxy/iptables/proxier.go, KUBE-FW).
            let as_itself = self.path.client.origin == Origin::Node && own.iter().any(|ip| inside(ip));
            return match (inside(client), as_itself) {
                (true, _) => Gate::Open,
                (false, true) => Gate::Depends,
                (false, false) => Gate::Shut,
            };
        }
        match own.iter().filter(|ip| inside(ip)).count() {
            0 if own.is_empty() => Gate::Depends,
            0 => Gate::Shut,
            n if n == own.len() => Gate::Open,
            _ => Gate::Depends,
        }
    }

    fn masquerade(self) -> Masquerade {
        match (self.path.kind, self.view.external, self.path.client.origin) {
            (AddressKind::ClusterIp | AddressKind::Plain, _, _) => Masquerade::Either,
            (_, Policy::Cluster, _) | (_, Policy::Local, Origin::Node) => Masquerade::Must,
            (_, Policy::Local, Origin::Pod | Origin::External) => Masquerade::MustNot,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::cluster::{Client, Family, NodeView, ServiceEndpoints, paths};
    use crate::collect::snapshot::Objects;

    /// A load balancer Service with one endpoint on `a` and one on `b`, walked on `a`.
    fn objects(spec: &Value, labels: &Value) -> Objects {
        let mut all =
            json!({"type": "LoadBalancer", "clusterIP": "10.96.0.1", "ports": [{"port": 80, "nodePort": 30080}]});
        all.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        let service = json!({"metadata": {"name": "web", "namespace": "default", "labels": labels}, "spec": all,
            "status": {"loadBalancer": {"ingress": [{"ip": "198.51.100.1"}]}}});
        let slice = json!({"metadata": {"name": "web-1", "namespace": "default", "labels": {"kubernetes.io/service-name": "web"}},
            "addressType": "IPv4", "ports": [{"name": "", "port": 8080}], "endpoints": [
                {"addresses": ["10.244.1.5"], "nodeName": "a", "hints": {"forZones": [{"name": "z"}]}},
                {"addresses": ["10.244.2.5"], "nodeName": "b", "hints": {"forZones": [{"name": "z"}]}}]});
        let node = json!({"metadata": {"name": "a", "labels": {"topology.kubernetes.io/zone": "z"}}});
        Objects {
            services: Some(vec![serde_json::from_value(service).unwrap()]),
            slices: Some(vec![serde_json::from_value(slice).unwrap()]),
            nodes: Some(vec![serde_json::from_value(node).unwrap()]),
            ..Objects::default()
        }
    }

    fn client(origin: Origin, address: &str) -> Client {
        Client {
            origin,
            name: None,
            address: address.parse().unwrap(),
            interface: None,
            node: "a".into(),
            is_endpoint: false,
        }
    }

    #[track_caller]
    fn case(objects: &Objects, node: &str, kind: AddressKind, client: Client, expected: &[&str]) -> Expectation {
        let view = ServiceView::find(objects, "default", "web").unwrap();
        let addresses = ["192.0.2.11".parse().unwrap()];
        let all = paths(&view, &view.ports, &addresses, &[client]);
        let path = all.iter().find(|path| path.kind == kind).unwrap();
        let node = NodeView::find(objects, node);
        let endpoints = ServiceEndpoints::read(objects, &view).on_node(&view, &view.ports[0], Family::V4, &node);
        let ranges = ["10.244.0.0/16".parse().unwrap()];
        let around = Surroundings { node_addresses: &addresses, pod_ranges: &ranges };
        let found = expectation(&view, path, &endpoints, around);
        let words: Vec<String> = found.promises().map(ToString::to_string).collect();
        assert_eq!(words, expected, "{kind:?}");
        found
    }

    #[test]
    fn source_ranges() {
        let open = objects(&json!({"loadBalancerSourceRanges": ["203.0.113.0/24"]}), &json!({}));
        let shut = "dropped: the client is not in loadBalancerSourceRanges";
        case(&open, "a", AddressKind::LoadBalancer, client(Origin::External, "203.0.113.7"), &["2 endpoints"]);
        case(&open, "a", AddressKind::LoadBalancer, client(Origin::External, "198.18.0.1"), &[shut]);
        case(&open, "a", AddressKind::LoadBalancer, client(Origin::Node, "0.0.0.0"), &[shut]);
        case(&open, "a", AddressKind::ClusterIp, client(Origin::External, "198.18.0.1"), &["2 endpoints"]);
        let nodes = objects(&json!({"loadBalancerSourceRanges": ["192.0.2.0/24"]}), &json!({}));
        case(&nodes, "a", AddressKind::LoadBalancer, client(Origin::Node, "0.0.0.0"), &["2 endpoints"]);
        case(&nodes, "a", AddressKind::LoadBalancer, client(Origin::Node, "198.51.100.1"), &["2 endpoints", shut]);
        let other = objects(&json!({"loadBalancerSourceRanges": ["fd00::/8"]}), &json!({}));
        case(&other, "a", AddressKind::LoadBalancer, client(Origin::External, "198.18.0.1"), &["2 endpoints"]);
    }

    #[test]
    fn external_policy_local() {
        let local = objects(&json!({"externalTrafficPolicy": "Local"}), &json!({}));
        let outside =
            case(&local, "a", AddressKind::LoadBalancer, client(Origin::External, "203.0.113.7"), &["1 endpoint"]);
        assert_eq!(outside.masquerade("10.244.1.5:8080".parse().unwrap()), Masquerade::MustNot);
        case(
            &local,
            "a",
            AddressKind::LoadBalancer,
            client(Origin::External, "10.244.3.9"),
            &["2 endpoints", "1 endpoint"],
        );
        let pod = case(
            &local,
            "a",
            AddressKind::LoadBalancer,
            client(Origin::Pod, "10.244.1.5"),
            &["2 endpoints", "1 endpoint"],
        );
        assert_eq!(pod.masquerade("10.244.1.5:8080".parse().unwrap()), Masquerade::Must);
        assert_eq!(pod.masquerade("10.244.2.5:8080".parse().unwrap()), Masquerade::MustNot);
        let none = "dropped: externalTrafficPolicy is Local and no endpoint is on a";
        case(
            &local,
            "c",
            AddressKind::LoadBalancer,
            client(Origin::External, "203.0.113.7"),
            &["not known: the zone of node c is not known, and topology hints depend on it"],
        );
        let mut far = local.clone();
        far.slices.as_mut().unwrap()[0].endpoints.as_mut().unwrap().remove(0);
        case(&far, "a", AddressKind::LoadBalancer, client(Origin::External, "203.0.113.7"), &[none]);
        case(
            &far,
            "a",
            AddressKind::NodePort,
            client(Origin::Node, "0.0.0.0"),
            &["1 endpoint", "not served: no rule for this address"],
        );
        case(
            &far,
            "a",
            AddressKind::LocalhostNodePort,
            client(Origin::Node, "0.0.0.0"),
            &["1 endpoint", "not served: no rule for 127.0.0.1"],
        );
    }

    #[test]
    fn nothing_behind_it() {
        let mut empty = objects(&json!({}), &json!({}));
        empty.slices = Some(Vec::new());
        let words = "refused: no endpoint";
        case(&empty, "a", AddressKind::ClusterIp, client(Origin::Pod, "10.244.1.9"), &[words]);
        case(&empty, "a", AddressKind::LoadBalancer, client(Origin::External, "203.0.113.7"), &[words]);
        let leaves = "not served: the packet leaves by the route";
        case(&empty, "a", AddressKind::LoadBalancer, client(Origin::Node, "0.0.0.0"), &[words, leaves]);
    }

    #[test]
    fn another_proxy() {
        let foreign = objects(&json!({}), &json!({"service.kubernetes.io/service-proxy-name": "mesh"}));
        let words = "not known: the label service.kubernetes.io/service-proxy-name=mesh leaves it to another proxy than kube-proxy";
        case(&foreign, "a", AddressKind::ClusterIp, client(Origin::Pod, "10.244.1.9"), &[words]);
    }

    #[test]
    fn masquerade_of_local_destinations_is_open() {
        let plain = objects(&json!({}), &json!({}));
        let found =
            case(&plain, "a", AddressKind::LoadBalancer, client(Origin::External, "203.0.113.7"), &["2 endpoints"]);
        assert_eq!(found.masquerade("10.244.2.5:8080".parse().unwrap()), Masquerade::Must);
        assert_eq!(found.masquerade("192.0.2.11:8080".parse().unwrap()), Masquerade::Either);
    }
}
