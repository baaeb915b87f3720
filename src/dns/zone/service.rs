//! Names under `svc`: a Service, one of its endpoints, one of its ports.

use hickory_resolver::proto::rr::Name;

use crate::cluster::ServiceView;
use crate::cluster::service::Form;

use super::endpoints::{DnsEndpoint, endpoints};
use super::{Entry, Meaning, Missing, ServiceName, Srv, Zone, dashed, name, protocol, underscored};

/// What stands before the Service in a name.
enum Front<'n> {
    Nothing,
    Host(&'n str),
    Port { label: String, name: &'n str, protocol: crate::walk::packet::Protocol },
}

impl Zone<'_> {
    pub(super) fn of_service(&self, full: Name, front: &[&str], service: &str, namespace: &str) -> Entry {
        let called = ServiceName { namespace: namespace.to_owned(), name: service.to_owned() };
        let front = match front {
            [] => Front::Nothing,
            [host] => Front::Host(host),
            [port, transport] => match protocol(transport) {
                Some(protocol) => Front::Port {
                    label: format!("{}/{}", underscored(port), protocol.as_str()),
                    name: underscored(port),
                    protocol,
                },
                None => return Entry::bare(full, Meaning::Missing(Missing::Form)),
            },
            _ => return Entry::bare(full, Meaning::Missing(Missing::Form)),
        };
        let Some(view) = ServiceView::find(self.objects, namespace, service) else {
            let mut entry = Entry::bare(full, Meaning::Missing(Missing::Service(called)));
            entry.unsure = (!self.objects.is_whole("services")).then(|| "not all Services were read".into());
            return entry;
        };
        match (view.form, &front) {
            (Form::ExternalName, Front::Nothing) => alias(full, &view, called),
            // an alias has neither endpoints nor ports (plugin/kubernetes/kubernetes.go, `findServices`)
            (Form::ExternalName, Front::Host(host)) => {
                let host = (*host).to_owned();
                Entry::bare(full, Meaning::Missing(Missing::Endpoint { service: called, host }))
            }
            (Form::ExternalName, Front::Port { label, .. }) => {
                let port = label.clone();
                Entry::bare(full, Meaning::Missing(Missing::Port { service: called, port }))
            }
            (Form::Headless, _) | (_, Front::Host(_)) => self.by_endpoints(full, &view, called, &front),
            (Form::ClusterIp | Form::NodePort | Form::LoadBalancer, _) => {
                self.by_cluster_ip(full, &view, called, &front)
            }
        }
    }

    fn by_cluster_ip(&self, full: Name, view: &ServiceView<'_>, called: ServiceName, front: &Front<'_>) -> Entry {
        if self.settings.ignore_empty_service
            && endpoints(self.objects, view).is_some_and(|all| !all.iter().any(|one| one.ready))
        {
            return Entry::bare(full, Meaning::Missing(Missing::NoReadyEndpoint(called)));
        }
        let mut entry = Entry::bare(full, Meaning::Service(called.clone()));
        let target = called.in_domain(&self.domain);
        for port in &view.ports {
            let wanted = match front {
                Front::Nothing | Front::Host(_) => true,
                Front::Port { name, protocol, .. } => port.name == *name && port.protocol == *protocol,
            };
            if wanted {
                entry.addresses.extend(&view.cluster_ips);
                entry.ports.extend(target.clone().map(|target| Srv { port: port.port, target }));
            }
        }
        if let Front::Port { label, .. } = front {
            entry.is = if entry.ports.is_empty() {
                Meaning::Missing(Missing::Port { service: called, port: label.clone() })
            } else {
                Meaning::Port { service: called, port: label.clone() }
            };
        }
        entry
    }

    fn by_endpoints(&self, full: Name, view: &ServiceView<'_>, called: ServiceName, front: &Front<'_>) -> Entry {
        let is = match front {
            Front::Nothing => Meaning::Headless(called.clone()),
            Front::Host(host) => Meaning::Endpoint { service: called.clone(), host: (*host).to_owned() },
            Front::Port { label, .. } => Meaning::Port { service: called.clone(), port: label.clone() },
        };
        let mut entry = Entry::bare(full, is);
        let Some(all) = endpoints(self.objects, view) else {
            entry.unsure = Some("EndpointSlices were not read".into());
            return entry;
        };
        if all.is_empty() && !self.objects.is_whole("endpointslices") {
            // the controller makes a slice for every Service with a selector, an empty one too
            entry.unsure = Some("none of its EndpointSlices was read".into());
        }
        let ready: Vec<&DnsEndpoint<'_>> = all.iter().filter(|endpoint| endpoint.ready).collect();
        let base = called.in_domain(&self.domain);
        for endpoint in &ready {
            let label = self.label(endpoint);
            let ports: Vec<u16> = match front {
                Front::Nothing => endpoint.ports.iter().map(|port| port.2).collect(),
                Front::Host(host) if *host == label => endpoint.ports.iter().map(|port| port.2).collect(),
                Front::Host(_) => continue,
                Front::Port { name, protocol, .. } => {
                    let fits =
                        |port: &&(&str, crate::walk::packet::Protocol, u16)| port.0 == *name && port.1 == *protocol;
                    let ports: Vec<u16> = endpoint.ports.iter().filter(fits).map(|port| port.2).collect();
                    if ports.is_empty() {
                        continue;
                    }
                    ports
                }
            };
            entry.addresses.insert(endpoint.ip);
            let target = base.as_ref().and_then(|base| name::within(&label, base));
            entry.ports.extend(ports.into_iter().filter_map(|port| Some(Srv { port, target: target.clone()? })));
        }
        if entry.addresses.is_empty() {
            entry.is = Meaning::Missing(match front {
                Front::Host(host) => Missing::Endpoint { service: called, host: (*host).to_owned() },
                Front::Port { label, .. } if !ready.is_empty() => {
                    Missing::Port { service: called, port: label.clone() }
                }
                Front::Nothing | Front::Port { .. } => Missing::NoReadyEndpoint(called),
            });
        }
        entry
    }

    /// The label of an endpoint (plugin/kubernetes/kubernetes.go, `endpointHostname`).
    #[must_use]
    pub fn label(&self, endpoint: &DnsEndpoint<'_>) -> String {
        match (endpoint.hostname, endpoint.pod) {
            (Some(hostname), _) => hostname.to_lowercase(),
            (None, Some(pod)) if self.settings.endpoint_pod_names && pod.len() <= 63 => pod.to_owned(),
            (None, _) => dashed(endpoint.ip),
        }
    }
}

fn alias(full: Name, view: &ServiceView<'_>, called: ServiceName) -> Entry {
    let mut entry = Entry::bare(full, Meaning::Alias(called));
    // an address is no name: no CNAME is made of it (plugin/etcd/msg/type.go, `HostType`)
    let is_name = |text: &&str| text.parse::<std::net::IpAddr>().is_err();
    entry.alias = view.external_name.filter(is_name).and_then(name::absolute);
    entry
}
