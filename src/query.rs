//! What is asked: the target and the client, read from the words a user types.

mod dns;

use std::net::IpAddr;

pub use dns::DnsQuery;

use crate::error::{Error, Result};
use crate::walk::packet::Protocol;

/// One question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// What is traced.
    pub target: Target,
    /// As typed.
    pub target_text: String,
    /// Who the client is, when that was said.
    pub from: Option<Client>,
    /// As typed.
    pub from_text: Option<String>,
    /// Namespace of names without one.
    pub namespace: String,
    /// Nodes that were chosen by name; empty: all that the snapshot holds.
    pub nodes: Vec<String>,
}

/// What is traced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A Service by name.
    Service {
        /// Namespace, when it was given with the name (`web.shop.svc…`).
        namespace: Option<String>,
        /// Name.
        name: String,
        /// One of its ports.
        port: Option<Port>,
        /// Protocol, when given.
        protocol: Option<Protocol>,
    },
    /// An address and port.
    Address {
        /// Address.
        ip: IpAddr,
        /// Port; without one the Service that has the address says which.
        port: Option<u16>,
        /// Protocol, when given.
        protocol: Option<Protocol>,
    },
    /// An Ingress: the way to its controller, and from there to the pods.
    Ingress {
        /// Namespace, when it was given with the name.
        namespace: Option<String>,
        /// Name.
        name: String,
    },
    /// A node by name and a port.
    Node {
        /// Node name.
        node: String,
        /// Port.
        port: u16,
        /// Protocol, when given.
        protocol: Option<Protocol>,
    },
}

/// A Service port by name or number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Port {
    /// By name.
    Name(String),
    /// By number.
    Number(u16),
}

/// Who the client is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Client {
    /// A pod.
    Pod {
        /// Namespace, if given.
        namespace: Option<String>,
        /// Name.
        name: String,
    },
    /// Any pod of a Deployment.
    Deployment {
        /// Namespace, if given.
        namespace: Option<String>,
        /// Name.
        name: String,
    },
    /// A process of this node.
    Node(String),
    /// This address.
    Address(IpAddr),
    /// A host outside the cluster.
    External,
}

/// What a target may look like, for the hint of an error.
const TARGETS: &str = "a target is `web`, `web:http`, `web:80/tcp`, `svc/web`, `web.shop.svc`, `10.96.0.10:53`, `[fd00::a]:53`, `node-a:30080` or `ingress/web`";
/// What a client may look like, for the hint of an error.
const CLIENTS: &str = "say `--from pod/NAME`, `deploy/NAME`, `node/NAME`, an address, or `external`";
/// Kinds that a target is often given with and that have no address of their own.
const NOT_TRACED: [&str; 11] =
    ["pod", "pods", "po", "deploy", "deployment", "deployments", "sts", "statefulset", "ds", "daemonset", "endpoints"];

impl Target {
    /// Reads the words that a user types.
    ///
    /// # Errors
    /// What cannot be a target, with what can.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = |why: &str| Error::usage_help(format!("`{}` {why}", text.escape_debug()), TARGETS);
        if text.is_empty() {
            return Err(Error::usage_help("the target is empty", TARGETS));
        }
        let (text_left, protocol) = split_protocol(text);
        let (kind, rest) = split_kind(text_left).map_err(|why| wrong(&why))?;
        if kind == Kind::Any
            && let Some((ip, port)) = address(rest).map_err(|why| wrong(&why))?
        {
            return Ok(Self::Address { ip, port, protocol });
        }
        let (name, port) = match rest.split_once(':') {
            Some((name, port)) => (name, Some(Port::parse(port).map_err(|why| wrong(&why))?)),
            None => (rest, None),
        };
        let node = |name: &str, port: Option<Port>| match port {
            Some(Port::Number(port)) => Ok(Self::Node { node: name.to_owned(), port, protocol }),
            Some(Port::Name(_)) | None => Err(wrong("names a node without a port number")),
        };
        match kind {
            Kind::Ingress if port.is_some() => Err(wrong("names an Ingress, which has no port")),
            Kind::Ingress => {
                let (namespace, name) = match name.split_once('/') {
                    Some((namespace, name)) => (Some(namespace), name),
                    None => (None, name),
                };
                let checked = |name: &str| check_name(name).map(ToOwned::to_owned).map_err(|why| wrong(&why));
                Ok(Self::Ingress { namespace: namespace.map(checked).transpose()?, name: checked(name)? })
            }
            Kind::Node => node(check_name(name).map_err(|why| wrong(&why))?, port),
            Kind::Service | Kind::Any => {
                if let Some((namespace, name)) = name.split_once('/') {
                    let namespace = Some(check_name(namespace).map_err(|why| wrong(&why))?.to_owned());
                    let name = check_name(name).map_err(|why| wrong(&why))?.to_owned();
                    return Ok(Self::Service { namespace, name, port, protocol });
                }
                let name = name.strip_suffix('.').unwrap_or(name);
                let labels: Vec<&str> = check_name(name).map_err(|why| wrong(&why))?.split('.').collect();
                match labels.as_slice() {
                    [name] => Ok(Self::Service { namespace: None, name: (*name).to_owned(), port, protocol }),
                    [name, namespace] | [name, namespace, "svc", ..] => {
                        let namespace = Some((*namespace).to_owned());
                        Ok(Self::Service { namespace, name: (*name).to_owned(), port, protocol })
                    }
                    [_, service, namespace, "svc", ..] => Err(Error::usage_help(
                        format!("`{text}` names one pod of a Service"),
                        format!("trace the Service: `{service}.{namespace}.svc`"),
                    )),
                    _ if kind == Kind::Any && port.is_some() => node(name, port),
                    _ => Err(wrong("is no name of a Service in this cluster's DNS")),
                }
            }
        }
    }
}

impl Port {
    fn parse(text: &str) -> std::result::Result<Self, String> {
        if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
            let number = text.parse::<u16>().ok().filter(|number| *number != 0);
            return number.map(Self::Number).ok_or_else(|| "has a port that is not 1 to 65535".into());
        }
        // A port's name is at most 63 characters in the API (15 in a container).
        let good = !text.is_empty()
            && text.len() <= 63
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if good { Ok(Self::Name(text.to_owned())) } else { Err("has no port number or name after the colon".into()) }
    }
}

impl Client {
    /// Reads what stands after `--from`.
    ///
    /// # Errors
    /// What cannot be a client, with what can.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = |why: &str| Error::usage_help(format!("`--from {}` {why}", text.escape_debug()), CLIENTS);
        if text == "external" || text == "outside" {
            return Ok(Self::External);
        }
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        if let Ok(ip) = bare.parse() {
            return Ok(Self::Address(ip));
        }
        let Some((kind, rest)) = text.split_once('/') else {
            return Err(Error::usage_help(
                format!("`--from {}` does not say what it is", text.escape_debug()),
                CLIENTS,
            ));
        };
        let (namespace, name) = rest.split_once('/').map_or((None, rest), |(namespace, name)| (Some(namespace), name));
        let checked = |name: &str| check_name(name).map(ToOwned::to_owned).map_err(|why| wrong(&why));
        let namespace = namespace.map(checked).transpose()?;
        let name = checked(name)?;
        match kind {
            "pod" | "pods" | "po" => Ok(Self::Pod { namespace, name }),
            "deploy" | "deployment" | "deployments" | "deployment.apps" => Ok(Self::Deployment { namespace, name }),
            "node" | "nodes" | "no" if namespace.is_none() => Ok(Self::Node(name)),
            _ => Err(wrong("is no client")),
        }
    }
}

/// What stands before the name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Any,
    Service,
    Node,
    Ingress,
}

/// `/udp` at the end, where a port or an address stands before it; `svc/udp` is a Service of that name.
fn split_protocol(text: &str) -> (&str, Option<Protocol>) {
    text.rsplit_once('/')
        .filter(|(before, _)| before.contains(':') || before.parse::<IpAddr>().is_ok())
        .and_then(|(before, after)| match Protocol::parse(after)? {
            protocol @ (Protocol::Tcp | Protocol::Udp | Protocol::Sctp) => Some((before, Some(protocol))),
            Protocol::Icmp => None,
        })
        .unwrap_or((text, None))
}

fn split_kind(text: &str) -> std::result::Result<(Kind, &str), String> {
    match text.split_once('/') {
        Some(("svc" | "service" | "services", rest)) => Ok((Kind::Service, rest)),
        Some(("node" | "nodes" | "no", rest)) => Ok((Kind::Node, rest)),
        Some(("ingress" | "ingresses" | "ing", rest)) => Ok((Kind::Ingress, rest)),
        Some((kind, _)) if NOT_TRACED.contains(&kind) => Err("is no Service: a client is given with --from".into()),
        Some(_) | None => Ok((Kind::Any, text)),
    }
}

/// An address with or without a port; `None` when the text is a name.
fn address(text: &str) -> std::result::Result<Option<(IpAddr, Option<u16>)>, String> {
    if let Ok(ip) = text.parse() {
        return Ok(Some((ip, None)));
    }
    if let Some(rest) = text.strip_prefix('[') {
        let (inside, after) = rest.split_once(']').ok_or("has a bracket that is not closed")?;
        let ip: IpAddr = inside.parse().map_err(|_| "is not an address")?;
        return match after.strip_prefix(':') {
            Some(port) => Ok(Some((ip, Some(number(port)?)))),
            None if after.is_empty() => Ok(Some((ip, None))),
            None => Err("has something after the bracket that is no port".into()),
        };
    }
    let (before, port) = text.rsplit_once(':').map_or((text, None), |(before, port)| (before, Some(port)));
    if let (Ok(ip), Some(port)) = (before.parse::<std::net::Ipv4Addr>(), port) {
        return Ok(Some((ip.into(), Some(number(port)?))));
    }
    let numeric = before.contains('.') && before.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if numeric || before.contains(':') { Err("is not an address".into()) } else { Ok(None) }
}

fn number(text: &str) -> std::result::Result<u16, String> {
    match Port::parse(text)? {
        Port::Number(number) => Ok(number),
        Port::Name(_) => Err("is an address with a port that is no number".into()),
    }
}

/// A name as Kubernetes allows it: lower case, digits, `-` and `.`.
fn check_name(name: &str) -> std::result::Result<&str, String> {
    let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
    let ends = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let bytes = name.as_bytes();
    if name.is_empty() {
        Err("has no name".into())
    } else if bytes.len() > 253
        || !bytes.iter().copied().all(good)
        || !ends(bytes.first())
        || !ends(bytes.last())
        || name.contains("..")
    {
        Err("is no name that Kubernetes allows (lower case letters, digits, `-`)".into())
    } else {
        Ok(name)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[track_caller]
    fn case(text: &str, expected: &Target) {
        assert_eq!(&Target::parse(text).unwrap(), expected, "{text}");
    }

    fn service(namespace: Option<&str>, name: &str, port: Option<Port>, protocol: Option<Protocol>) -> Target {
        Target::Service { namespace: namespace.map(Into::into), name: name.into(), port, protocol }
    }

    fn number(port: u16) -> Port {
        Port::Number(port)
    }

    #[test]
    fn services() {
        case("web", &service(None, "web", None, None));
        case("web:http", &service(None, "web", Some(Port::Name("http".into())), None));
        case("web:80", &service(None, "web", Some(number(80)), None));
        case("kube-dns:53/udp", &service(None, "kube-dns", Some(number(53)), Some(Protocol::Udp)));
        case("web:80/TCP", &service(None, "web", Some(number(80)), Some(Protocol::Tcp)));
        case("svc/web", &service(None, "web", None, None));
        case("service/dns", &service(None, "dns", None, None));
        case("svc/udp", &service(None, "udp", None, None));
        case("svc/shop/web:80", &service(Some("shop"), "web", Some(number(80)), None));
        case("shop/web", &service(Some("shop"), "web", None, None));
        case("web.shop", &service(Some("shop"), "web", None, None));
        case("web.shop.svc", &service(Some("shop"), "web", None, None));
        case("web.shop.svc.cluster.local:80", &service(Some("shop"), "web", Some(number(80)), None));
        case("web.shop.svc.cluster.local.:80", &service(Some("shop"), "web", Some(number(80)), None));
        case("node-a:30080", &service(None, "node-a", Some(number(30080)), None));
    }

    #[test]
    fn addresses_and_nodes() {
        let address = |ip: &str, port, protocol| Target::Address { ip: ip.parse().unwrap(), port, protocol };
        case("10.96.0.10:53", &address("10.96.0.10", Some(53), None));
        case("10.96.0.10:53/udp", &address("10.96.0.10", Some(53), Some(Protocol::Udp)));
        case("10.96.0.10/udp", &address("10.96.0.10", None, Some(Protocol::Udp)));
        case("10.96.0.10", &address("10.96.0.10", None, None));
        case("[fd00::a]:53", &address("fd00::a", Some(53), None));
        case("[fd00::a]", &address("fd00::a", None, None));
        case("fd00::a", &address("fd00::a", None, None));
        let node = |node: &str, port| Target::Node { node: node.into(), port, protocol: None };
        let ingress = |namespace: Option<&str>, name: &str| Target::Ingress {
            namespace: namespace.map(Into::into),
            name: name.into(),
        };
        case("ingress/web", &ingress(None, "web"));
        case("ing/shop/web", &ingress(Some("shop"), "web"));
        case("node/a:30080", &node("a", 30080));
        case("ip-10-0-0-1.eu.compute.internal:30080", &node("ip-10-0-0-1.eu.compute.internal", 30080));
    }

    #[track_caller]
    fn wrong(text: &str, expected: &str) {
        let error = Target::parse(text).unwrap_err();
        assert_eq!(error.to_string(), expected, "{text}");
        assert!(error.hint().is_some(), "{text}");
    }

    #[test]
    fn what_is_no_target() {
        wrong("", "the target is empty");
        wrong("pod/web", "`pod/web` is no Service: a client is given with --from");
        wrong("ingress/web:80", "`ingress/web:80` names an Ingress, which has no port");
        wrong("web:", "`web:` has no port number or name after the colon");
        wrong("web:0", "`web:0` has a port that is not 1 to 65535");
        wrong("web:70000", "`web:70000` has a port that is not 1 to 65535");
        wrong("10.96.0.300:53", "`10.96.0.300:53` is not an address");
        wrong("10.96.0.10:http", "`10.96.0.10:http` is an address with a port that is no number");
        wrong("[fd00::a:53", "`[fd00::a:53` has a bracket that is not closed");
        wrong("fd00:::a", "`fd00:::a` is not an address");
        wrong("node/a", "`node/a` names a node without a port number");
        wrong("Web", "`Web` is no name that Kubernetes allows (lower case letters, digits, `-`)");
        wrong("we\u{1b}[2J", "`we\\u{1b}[2J` is no name that Kubernetes allows (lower case letters, digits, `-`)");
        wrong("web-0.web.shop.svc", "`web-0.web.shop.svc` names one pod of a Service");
        wrong("a.b.c.d", "`a.b.c.d` is no name of a Service in this cluster's DNS");
        wrong(":80", "`:80` has no name");
    }

    #[test]
    fn clients() {
        let pod = |namespace: Option<&str>, name: &str| Client::Pod {
            namespace: namespace.map(Into::into),
            name: name.into(),
        };
        for (text, expected) in [
            ("pod/web-1", pod(None, "web-1")),
            ("pod/shop/web-1", pod(Some("shop"), "web-1")),
            ("deploy/web", Client::Deployment { namespace: None, name: "web".into() }),
            ("deployment/shop/web", Client::Deployment { namespace: Some("shop".into()), name: "web".into() }),
            ("node/a", Client::Node("a".into())),
            ("10.244.1.5", Client::Address("10.244.1.5".parse().unwrap())),
            ("[fd00::1]", Client::Address("fd00::1".parse().unwrap())),
            ("external", Client::External),
        ] {
            assert_eq!(Client::parse(text).unwrap(), expected, "{text}");
        }
        for text in ["web", "node/x/y", "svc/web", "pod/", "10.0.0.300", "pod/A"] {
            let error = Client::parse(text).unwrap_err();
            assert!(error.to_string().starts_with("`--from "), "{error}");
            assert_eq!(error.hint().as_deref(), Some(CLIENTS), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[a-z0-9.:/\\[\\]-]{0,24}|.{0,12}") {
            if let Ok(Target::Address { ip, port: Some(port), protocol: None }) = Target::parse(&text) {
                let again = std::net::SocketAddr::new(ip, port).to_string();
                proptest::prop_assert_eq!(Target::parse(&again).unwrap(), Target::parse(&text).unwrap());
            }
            if let Err(error) = Client::parse(&text) {
                proptest::prop_assert!(error.hint().is_some());
            }
        }
    }
}
