//! From the words of a question to the objects it means. A word that can mean a Service or a node is a Service if one
//! exists.

use std::net::IpAddr;

use crate::collect::snapshot::Objects;
use crate::error::{Error, Result};
use crate::order;
use crate::query::{Port, Target};
use crate::walk::packet::Protocol;

use super::nearest;
use super::node::NodeView;
use super::service::{PortView, ServiceView};

/// What a question is about.
#[derive(Debug, Clone)]
pub enum Subject<'snap> {
    /// A Service.
    Service(Box<Chosen<'snap>>),
    /// An address that is no Service's.
    Plain {
        /// Address.
        ip: IpAddr,
        /// Port, when given.
        port: Option<u16>,
        /// Protocol, when given.
        protocol: Option<Protocol>,
    },
    /// A Service by name, and Services were not read.
    NotRead {
        /// Namespace.
        namespace: String,
        /// Name.
        name: String,
    },
}

/// A Service, and which of its ports and addresses are meant.
#[derive(Debug, Clone)]
pub struct Chosen<'snap> {
    /// The Service.
    pub view: ServiceView<'snap>,
    /// The ports that are meant; all of them when none was named.
    pub ports: Vec<PortView<'snap>>,
    /// The port that was asked for and is not there.
    pub missing: Option<Asked>,
    /// The one address that is meant, when an address was asked for.
    pub only: Option<IpAddr>,
    /// The node whose node port is meant, when one was asked for.
    pub node: Option<String>,
}

/// A port as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Name or number, when given.
    pub port: Option<Port>,
    /// Protocol, when given.
    pub protocol: Option<Protocol>,
}

impl std::fmt::Display for Asked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.port {
            Some(Port::Name(name)) => f.write_str(name)?,
            Some(Port::Number(number)) => write!(f, "{number}")?,
            None => f.write_str("any port")?,
        }
        self.protocol.map_or(Ok(()), |protocol| write!(f, "/{}", protocol.as_str()))
    }
}

impl Asked {
    fn means(&self, port: &PortView<'_>) -> bool {
        self.protocol.is_none_or(|protocol| protocol == port.protocol)
            && match &self.port {
                None => true,
                Some(Port::Number(number)) => *number == port.port,
                Some(Port::Name(name)) => name == port.name,
            }
    }

    fn means_node_port(&self, port: &PortView<'_>) -> bool {
        self.protocol.is_none_or(|protocol| protocol == port.protocol)
            && matches!(&self.port, Some(Port::Number(number)) if port.node_port == Some(*number))
    }
}

/// Finds what a target means; `namespace` is for names without one.
///
/// # Errors
/// A name that nothing has, when the objects were read.
pub fn resolve<'snap>(objects: &'snap Objects, target: &Target, namespace: &str) -> Result<Subject<'snap>> {
    match target {
        Target::Service { namespace: given, name, port, protocol } => {
            let asked = Asked { port: port.clone(), protocol: *protocol };
            by_name(objects, given.as_deref(), name, asked, namespace)
        }
        Target::Address { ip, port, protocol } => {
            let asked = Asked { port: port.map(Port::Number), protocol: *protocol };
            Ok(by_address(objects, *ip, &asked).unwrap_or(Subject::Plain { ip: *ip, port: *port, protocol: *protocol }))
        }
        Target::Ingress { name, .. } => {
            Err(Error::usage_help(format!("`ingress/{name}` is no Service"), "kubectl svc-trace SERVICE"))
        }
        Target::Node { node, port, protocol } => {
            let asked = Asked { port: Some(Port::Number(*port)), protocol: *protocol };
            by_node(objects, node, &asked).unwrap_or_else(|| {
                let near = nearest::closest(node, node_names(objects));
                let help = near
                    .map_or_else(|| "kubectl get nodes".to_owned(), |near| format!("did you mean `{near}:{port}`?"));
                Err(Error::usage_help(format!("no node `{node}`"), help))
            })
        }
    }
}

fn by_name<'snap>(
    objects: &'snap Objects,
    given: Option<&str>,
    name: &str,
    asked: Asked,
    namespace: &str,
) -> Result<Subject<'snap>> {
    let within = given.unwrap_or(namespace);
    if let Some(view) = ServiceView::find(objects, within, name) {
        return Ok(Subject::Service(Box::new(choose(view, asked))));
    }
    // `node-a:30080` reads like `service:port`, and `node.example` like `service.namespace`.
    if matches!(asked.port, Some(Port::Number(_))) {
        let node = given.map_or_else(|| name.to_owned(), |given| format!("{name}.{given}"));
        if let Some(found) = by_node(objects, &node, &asked) {
            return found;
        }
    }
    if objects.services.is_none() {
        return Ok(Subject::NotRead { namespace: within.to_owned(), name: name.to_owned() });
    }
    Err(Error::NoSuchService {
        namespace: within.to_owned(),
        name: name.to_owned(),
        nearest: nearest::services(objects, within, name),
        left: None,
    })
}

fn choose(view: ServiceView<'_>, asked: Asked) -> Chosen<'_> {
    let ports: Vec<PortView<'_>> = view.ports.iter().filter(|port| asked.means(port)).cloned().collect();
    let nothing_asked = asked.port.is_none() && asked.protocol.is_none();
    let missing = (ports.is_empty() && !nothing_asked).then_some(asked);
    Chosen { view, ports, missing, only: None, node: None }
}

/// The Service that has this address, or whose node port the address of a node stands for.
fn by_address<'snap>(objects: &'snap Objects, ip: IpAddr, asked: &Asked) -> Option<Subject<'snap>> {
    let own = |view: &ServiceView<'_>| {
        view.cluster_ips.iter().chain(&view.external_ips).chain(&view.load_balancer_ips()).any(|own| *own == ip)
    };
    // Several Services may share an external address: the one that has the port is meant.
    let mut with_address: Vec<Chosen<'snap>> =
        ServiceView::all(objects).filter(own).map(|view| choose(view, asked.clone())).collect();
    order::sort_by_key(&mut with_address, |chosen| chosen.missing.is_some());
    if let Some(mut chosen) = with_address.into_iter().next() {
        chosen.only = Some(ip);
        return Some(Subject::Service(Box::new(chosen)));
    }
    let of_node = ip.is_loopback() || objects.nodes().iter().any(|node| NodeView::new(node).addresses.contains(&ip));
    let mut chosen = of_node.then(|| by_node_port(objects, asked)).flatten()?;
    chosen.only = Some(ip);
    Some(Subject::Service(Box::new(chosen)))
}

/// The node of this name and the Service behind its port; `None` if there is no such node.
fn by_node<'snap>(objects: &'snap Objects, node: &str, asked: &Asked) -> Option<Result<Subject<'snap>>> {
    let object = objects.nodes().iter().find(|n| n.metadata.name.as_deref() == Some(node))?;
    if let Some(mut chosen) = by_node_port(objects, asked) {
        chosen.node = Some(node.to_owned());
        return Some(Ok(Subject::Service(Box::new(chosen))));
    }
    let Some(ip) = NodeView::new(object).addresses.first().copied() else {
        return Some(Err(Error::usage_help(
            format!("node `{node}` has no address in its status"),
            format!("kubectl get node {node} -o wide"),
        )));
    };
    let port = match asked.port {
        Some(Port::Number(number)) => Some(number),
        Some(Port::Name(_)) | None => None,
    };
    Some(Ok(Subject::Plain { ip, port, protocol: asked.protocol }))
}

fn by_node_port<'snap>(objects: &'snap Objects, asked: &Asked) -> Option<Chosen<'snap>> {
    ServiceView::all(objects).find_map(|view| {
        let ports: Vec<PortView<'snap>> =
            view.ports.iter().filter(|port| asked.means_node_port(port)).cloned().collect();
        (!ports.is_empty()).then_some(Chosen { view, ports, missing: None, only: None, node: None })
    })
}

fn node_names(objects: &Objects) -> impl Iterator<Item = &str> {
    objects.nodes().iter().filter_map(|node| node.metadata.name.as_deref())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::*;

    fn objects() -> Objects {
        let services = json!([
            {"metadata": {"name": "web", "namespace": "shop"}, "spec": {"clusterIP": "10.96.0.5", "type": "NodePort",
                "ports": [{"name": "http", "port": 80, "nodePort": 30080}, {"name": "https", "port": 443, "nodePort": 30443}]}},
            {"metadata": {"name": "kube-dns", "namespace": "kube-system"}, "spec": {"clusterIP": "10.96.0.10",
                "ports": [{"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "dns-tcp", "port": 53}]}},
            {"metadata": {"name": "lb1", "namespace": "shop"}, "spec": {"clusterIP": "10.96.0.6", "type": "LoadBalancer",
                "ports": [{"port": 80}]}, "status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.1"}]}}},
            {"metadata": {"name": "lb2", "namespace": "shop"}, "spec": {"clusterIP": "10.96.0.7", "type": "LoadBalancer",
                "ports": [{"port": 81}]}, "status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.1"}]}}}]);
        let nodes = json!([{"metadata": {"name": "node-a"}, "status": {"addresses": [{"type": "InternalIP", "address": "192.0.2.1"}]}},
            {"metadata": {"name": "n.shop"}, "status": {"addresses": [{"type": "InternalIP", "address": "192.0.2.2"}]}}]);
        Objects {
            services: Some(serde_json::from_value(services).unwrap()),
            nodes: Some(serde_json::from_value(nodes).unwrap()),
            ..Objects::default()
        }
    }

    #[track_caller]
    fn case(text: &str, expected: &str) {
        let target = Target::parse(text).unwrap();
        let objects = objects();
        let found = match resolve(&objects, &target, "shop") {
            Ok(Subject::Service(chosen)) => {
                let mut words = vec![chosen.view.full_name()];
                words.extend(chosen.ports.iter().map(PortView::label));
                words.extend(chosen.only.map(|ip| format!("only {ip}")));
                words.extend(chosen.node.as_ref().map(|node| format!("on {node}")));
                words.extend(chosen.missing.as_ref().map(|asked| format!("without {asked}")));
                words.join("; ")
            }
            Ok(Subject::Plain { ip, port, protocol: _ }) => format!("plain {ip} {port:?}"),
            Ok(Subject::NotRead { .. }) => "not read".into(),
            Err(error) => format!("{error}; {}", error.hint().unwrap_or_default()),
        };
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn targets() {
        case("web", "shop/web; http 80/tcp; https 443/tcp");
        case("web:http", "shop/web; http 80/tcp");
        case("web:443", "shop/web; https 443/tcp");
        case("web:8080", "shop/web; without 8080");
        case("web:80/udp", "shop/web; without 80/udp");
        case("kube-dns.kube-system:53", "kube-system/kube-dns; dns 53/udp; dns-tcp 53/tcp");
        case("kube-dns.kube-system.svc:53/udp", "kube-system/kube-dns; dns 53/udp");
        case("10.96.0.10:53", "kube-system/kube-dns; dns 53/udp; dns-tcp 53/tcp; only 10.96.0.10");
        case("10.96.0.5", "shop/web; http 80/tcp; https 443/tcp; only 10.96.0.5");
        case("203.0.113.1:81", "shop/lb2; 81/tcp; only 203.0.113.1");
        case("192.0.2.1:30080", "shop/web; http 80/tcp; only 192.0.2.1");
        case("127.0.0.1:30443", "shop/web; https 443/tcp; only 127.0.0.1");
        case("192.0.2.1:9999", "plain 192.0.2.1 Some(9999)");
        case("10.244.1.5:8080", "plain 10.244.1.5 Some(8080)");
        case("node-a:30080", "shop/web; http 80/tcp; on node-a");
        case("node-a:22", "plain 192.0.2.1 Some(22)");
        case("n.shop:30443", "shop/web; https 443/tcp; on n.shop");
        case("node/node-b:30080", "no node `node-b`; did you mean `node-a:30080`?");
        case("wbe", "no Service `wbe` in namespace `shop`; did you mean `shop/web`?");
        case("kube-dns:53", "no Service `kube-dns` in namespace `shop`; did you mean `kube-system/kube-dns`?");
    }

    #[test]
    fn services_that_were_not_read() {
        let target = Target::parse("web").unwrap();
        assert!(matches!(resolve(&Objects::default(), &target, "shop"), Ok(Subject::NotRead { .. })));
    }
}
