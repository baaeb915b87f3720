//! Every way a client can address a Service on one node: its addresses × the clients × its ports. Says where packets
//! are sent, not what becomes of them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::report::{AddressKind, Origin, PathInfo};

use super::service::{Family, PortView, ServiceView};

/// A client, at a place. The caller knows the places of a node; each has one address and so one family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Place.
    pub origin: Origin,
    /// `default/client-6lv87` when it is a real pod.
    pub name: Option<String>,
    /// Its address. Of the node itself the unspecified one of a family means: the kernel chooses by the route.
    pub address: IpAddr,
    /// Interface that its packets come in by, when it is known.
    pub interface: Option<String>,
    /// Node that it is walked on.
    pub node: String,
    /// It is an endpoint of this very Service.
    pub is_endpoint: bool,
}

/// One path: a client, an address and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathSpec<'snap> {
    /// Client.
    pub client: Client,
    /// The Service port.
    pub port: PortView<'snap>,
    /// What kind of address.
    pub kind: AddressKind,
    /// Where the packet is sent.
    pub to: SocketAddr,
}

impl PathSpec<'_> {
    /// Family of the path.
    #[must_use]
    pub fn family(&self) -> Family {
        Family::of(self.to.ip())
    }

    /// The path as the report shows it.
    #[must_use]
    pub fn info(&self) -> PathInfo {
        PathInfo {
            node: self.client.node.clone(),
            origin: self.client.origin,
            client: self.client.name.clone(),
            client_is_endpoint: self.client.is_endpoint,
            interface: self.client.interface.clone(),
            from: self.client.address,
            to: self.to.ip(),
            port: self.to.port(),
            protocol: self.port.protocol.as_str().to_owned(),
            address: self.kind,
            port_name: self.port.name.to_owned(),
        }
    }
}

/// Addresses of one port of a Service, in the order of the answer: cluster IPs, external IPs, load balancer,
/// node ports, localhost. `node_addresses` are the node's own ones that clients may use.
#[must_use]
pub fn addresses(
    view: &ServiceView<'_>,
    port: &PortView<'_>,
    node_addresses: &[IpAddr],
) -> Vec<(AddressKind, SocketAddr)> {
    let families = view.families();
    let mut found: Vec<(AddressKind, SocketAddr)> = Vec::new();
    let mut add = |kind: AddressKind, ip: IpAddr, number: u16| {
        let to = SocketAddr::new(ip, number);
        // A family without a cluster IP is not served: its proxier does not know the Service.
        if families.contains(&Family::of(ip)) && !found.contains(&(kind, to)) {
            found.push((kind, to));
        }
    };
    for ip in &view.cluster_ips {
        add(AddressKind::ClusterIp, *ip, port.port);
    }
    for ip in &view.external_ips {
        add(AddressKind::ExternalIp, *ip, port.port);
    }
    for ip in view.load_balancer_ips() {
        add(AddressKind::LoadBalancer, ip, port.port);
    }
    if let Some(number) = port.node_port {
        for ip in node_addresses.iter().filter(|ip| !ip.is_loopback()) {
            add(AddressKind::NodePort, *ip, number);
        }
        // Never served on ::1 (kube-proxy pkg/proxy/iptables/proxier.go: localhostNodePorts is IPv4 alone).
        add(AddressKind::LocalhostNodePort, IpAddr::V4(Ipv4Addr::LOCALHOST), number);
    }
    found
}

/// Every path to the chosen ports. A client uses addresses of its own family; localhost is for the node itself.
#[must_use]
pub fn paths<'snap>(
    view: &ServiceView<'snap>,
    ports: &[PortView<'snap>],
    node_addresses: &[IpAddr],
    clients: &[Client],
) -> Vec<PathSpec<'snap>> {
    let mut all = Vec::new();
    for port in ports {
        for (kind, to) in addresses(view, port, node_addresses) {
            let fits = |client: &&Client| {
                Family::of(client.address) == Family::of(to.ip())
                    && (kind != AddressKind::LocalhostNodePort || client.origin == Origin::Node)
            };
            for client in clients.iter().filter(fits) {
                all.push(PathSpec { client: client.clone(), port: port.clone(), kind, to });
            }
        }
    }
    all
}
