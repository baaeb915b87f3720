//! One port of a Service, with the API's defaults filled in.

use std::fmt;

use k8s_openapi::api::core::v1::ServicePort;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::walk::packet::Protocol;

/// One port of a Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortView<'snap> {
    /// Name; empty when unnamed.
    pub name: &'snap str,
    /// port.
    pub port: u16,
    /// Protocol; TCP when none is given.
    pub protocol: Protocol,
    /// nodePort, when there is one.
    pub node_port: Option<u16>,
    /// targetPort; `port` when none is given.
    pub target: TargetPort<'snap>,
}

/// targetPort of a Service port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetPort<'snap> {
    /// A number.
    Number(u16),
    /// The name of a container port.
    Name(&'snap str),
}

impl fmt::Display for TargetPort<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl<'snap> PortView<'snap> {
    /// The port as kube-proxy reads it; `None` where its number or protocol is none.
    pub(super) fn read(port: &'snap ServicePort) -> Option<Self> {
        let number = port_number(port.port)?;
        let target = match &port.target_port {
            Some(IntOrString::String(name)) => match name.parse::<u16>() {
                Ok(number) => TargetPort::Number(number),
                Err(_) => TargetPort::Name(name),
            },
            Some(IntOrString::Int(target)) => TargetPort::Number(port_number(*target).unwrap_or(number)),
            None => TargetPort::Number(number),
        };
        Some(Self {
            name: port.name.as_deref().unwrap_or_default(),
            port: number,
            protocol: Protocol::parse(port.protocol.as_deref().unwrap_or("TCP"))?,
            node_port: port.node_port.and_then(port_number),
            target,
        })
    }

    /// `80/tcp`, or `http 80/tcp`.
    #[must_use]
    pub fn label(&self) -> String {
        let number = format!("{}/{}", self.port, self.protocol.as_str());
        if self.name.is_empty() { number } else { format!("{} {number}", self.name) }
    }
}

/// A port number of the API: an i32 that must be 1 to 65535.
#[must_use]
pub fn port_number(number: i32) -> Option<u16> {
    u16::try_from(number).ok().filter(|number| *number != 0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use crate::cluster::ServiceView;

    #[test]
    fn ports_and_their_defaults() {
        let spec = json!({"clusterIP": "10.96.0.1", "ports": [{"port": 80}, {"name": "dns", "port": 53, "protocol": "UDP", "targetPort": "d"},
            {"port": 0}, {"port": 70000}, {"port": 81, "targetPort": "8081", "nodePort": 0}, {"port": 5, "protocol": "GRE"}]});
        let object = serde_json::from_value(json!({"spec": spec})).unwrap();
        let view = ServiceView::new(&object);
        let words: Vec<String> =
            view.ports.iter().map(|p| format!("{} → {} {:?}", p.label(), p.target, p.node_port)).collect();
        assert_eq!(words, ["80/tcp → 80 None", "dns 53/udp → d None", "81/tcp → 8081 None"]);
    }
}
