//! The cluster's DNS as it is set up, read once for the checks: its Service, its Corefile, its domain, and how the
//! clients in question resolve names. Judges nothing.

use std::net::IpAddr;

use hickory_resolver::proto::rr::Name;
use k8s_openapi::api::core::v1::Pod;

use crate::collect::snapshot::Objects;
use crate::dns::search::{Libc, Lookup, Reply, lookup};
use crate::dns::server::{self, Config};
use crate::dns::zone::{ChainEnd, Meaning, Missing};
use crate::dns::{Corefile, DnsService, Domain, Entry, ResolvConf, Zone, name};
use crate::probe::{Outcome, PlaceClient, QuestionKind};
use crate::query::Client as Asker;
use crate::report::Evidence;

use super::DnsContext;

/// Addresses that caches on nodes have where nothing says another: kubernetes/dns and kubespray.
pub(super) const CACHE_ADDRESSES: [&str; 2] = ["169.254.20.10", "169.254.25.10"];

/// The setup.
pub(super) struct Setup<'snap> {
    pub(super) objects: &'snap Objects,
    /// The DNS Service.
    pub(super) service: Option<DnsService<'snap>>,
    /// Corefile of the DNS servers, and where it stands.
    pub(super) corefile: Option<(Config<'snap>, Corefile<'snap>)>,
    /// Corefile of the caches on the nodes, and where it stands.
    pub(super) cache: Option<(Config<'snap>, Corefile<'snap>)>,
    /// The cluster's domain.
    pub(super) domain: Domain,
    /// Its records.
    pub(super) zone: Zone<'snap>,
    /// The clients in question: where it was asked from, else the pod or namespace of the question.
    pub(super) clients: Vec<DnsClient<'snap>>,
}

/// A client, and how it resolves names.
pub(super) struct DnsClient<'snap> {
    /// `pod shop/web-1`, `a pod on node a`, `a pod of namespace shop`.
    pub(super) words: String,
    /// The pod, where it is one that was read.
    pub(super) pod: Option<&'snap Pod>,
    /// Namespace.
    pub(super) namespace: String,
    /// Its node.
    pub(super) node: Option<String>,
    /// Its resolv.conf.
    pub(super) conf: ResolvConf,
    /// Whether that was read, or made as the kubelet makes it.
    pub(super) source: Source,
}

/// Where a resolv.conf comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// Read in a pod that was made for this.
    New,
    /// Read in a pod that is older.
    Read,
    /// Read on a node.
    Host,
    /// Made from the objects.
    Made,
}

impl<'snap> Setup<'snap> {
    /// Reads it.
    pub(super) fn read(context: &DnsContext<'_, 'snap>) -> Self {
        let objects = context.objects;
        let service = DnsService::find(objects);
        let file = |config: Config<'snap>| (config, Corefile::read(config.text));
        let mut clients = asked_from(context);
        // the pod of the question comes first, also where nobody asked from it
        let named = named(context);
        let own =
            |client: &DnsClient<'_>| named.is_some_and(|pod| client.pod.is_some_and(|own| std::ptr::eq(own, pod)));
        if let Some(at) = clients.iter().position(own) {
            clients.swap(0, at);
        }
        let found = clients.first().is_some_and(own);
        let said: Vec<(String, &ResolvConf)> =
            clients.iter().map(|client| (client.words.clone(), &client.conf)).collect();
        let domain = Domain::find(objects, &said);
        if clients.is_empty() || (named.is_some() && !found) {
            let servers: Vec<IpAddr> = service.iter().flat_map(DnsService::addresses).copied().collect();
            clients.insert(0, imagined(context, named, &servers, &domain.name));
        }
        Self {
            objects,
            corefile: server::corefile(objects).map(file),
            cache: server::cache_corefile(objects).map(file),
            zone: Zone::new(objects, domain.name.clone()),
            service,
            domain,
            clients,
        }
    }

    /// Addresses that a client of the cluster's DNS may ask: the Service's, and those of caches on the nodes.
    pub(super) fn right_servers(&self) -> Vec<IpAddr> {
        let mut found: Vec<IpAddr> = self.service.iter().flat_map(DnsService::addresses).copied().collect();
        found.extend(self.cache_addresses());
        found
    }

    /// Addresses that caches on the nodes bind.
    pub(super) fn cache_addresses(&self) -> Vec<IpAddr> {
        let mut found: Vec<IpAddr> = Vec::new();
        if let Some((_, file)) = &self.cache {
            let lines = file.blocks.iter().filter_map(|block| block.find("bind"));
            found.extend(lines.flat_map(|line| line.args.iter().filter_map(|arg| arg.parse::<IpAddr>().ok())));
        }
        if found.is_empty() && self.objects.pods().iter().any(server::is_cache) {
            found.extend(CACHE_ADDRESSES.iter().filter_map(|text| text.parse::<IpAddr>().ok()));
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// What the objects promise of a query by a client's own search: for names outside only that they are outside.
    pub(super) fn lookup(&self, typed: &str, client: &DnsClient<'_>, libc: Libc) -> Lookup {
        lookup(typed, &client.conf, libc, |name| self.reply(&self.zone.entry(name), typed))
    }

    fn reply(&self, entry: &Entry, typed: &str) -> Reply {
        match &entry.is {
            // what is outside may exist if it was typed so, and not if a search list made it
            Meaning::Outside if name::absolute(typed).as_ref() == Some(&entry.name) && !self.is_meant_inside(typed) => {
                Reply::Found
            }
            Meaning::Missing(_) | Meaning::Outside => Reply::NoSuchName,
            Meaning::Between => Reply::NoData,
            Meaning::Alias(_) => match self.zone.follow(entry).1 {
                ChainEnd::At(end) if matches!(end.is, Meaning::Missing(_)) => Reply::NoSuchName,
                ChainEnd::At(_) => Reply::Found,
                ChainEnd::Loop(_) => Reply::Failed,
            },
            Meaning::Service(_)
            | Meaning::Headless(_)
            | Meaning::Endpoint { .. }
            | Meaning::Port { .. }
            | Meaning::PodAddress { .. }
            | Meaning::Reverse(_) => Reply::Found,
        }
    }

    /// Whether a name can only be meant as one of the cluster: `web`, `web.shop` where there is a namespace shop,
    /// `web.shop.svc`.
    pub(super) fn is_meant_inside(&self, typed: &str) -> bool {
        let Some(full) = name::absolute(typed) else { return false };
        if self.domain.name.zone_of(&full) {
            return true;
        }
        let labels = name::labels(&full);
        let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
        match labels.as_slice() {
            [_] => !typed.ends_with('.'),
            [.., _, "svc"] => true,
            [.., last] => self.zone.knows(last),
            [] => false,
        }
    }

    /// Whether a name is of a Service that exists, itself or a part of it.
    pub(super) fn is_of_a_service(&self, entry: &Entry) -> bool {
        entry.service().is_some_and(|service| {
            crate::cluster::ServiceView::find(self.objects, &service.namespace, &service.name).is_some()
        })
    }

    /// Whether the name was asked for and an address came back.
    pub(super) fn is_answered(context: &DnsContext<'_, '_>) -> bool {
        let asked = context.snapshot.probes.iter().flat_map(|place| &place.probes);
        let mut tries = asked.filter(|probe| probe.question.kind == QuestionKind::Asked).flat_map(|probe| &probe.tries);
        tries.any(|one| match &one.outcome {
            Outcome::Answered(reply) => reply.rcode == "NOERROR" && !reply.answers.is_empty(),
            Outcome::Timeout
            | Outcome::Refused
            | Outcome::Unreachable { .. }
            | Outcome::WrongSource { .. }
            | Outcome::Error { .. }
            | Outcome::NotAsked { .. } => false,
        })
    }

    /// The first entry of the cluster's domain that a typed name means for a client: the one that is found, else the
    /// one that it most likely means.
    pub(super) fn meant(&self, typed: &str, client: &DnsClient<'_>) -> Option<Entry> {
        let entries: Vec<Entry> = crate::dns::search::steps(typed, &client.conf, Libc::Glibc)
            .iter()
            .map(|step| self.zone.entry(&step.name))
            .filter(|entry| entry.is != Meaning::Outside)
            .collect();
        let missing = |entry: &&Entry, rank: u8| {
            let Meaning::Missing(missing) = &entry.is else { return false };
            match rank {
                0 => self.is_of_a_service(entry),
                // `web.shop`, where there is such a namespace
                1 => matches!(missing, Missing::Service(service) if self.zone.knows(&service.namespace)
                    && service.in_domain(&self.zone.domain).as_ref() == Some(&entry.name)),
                2 => matches!(missing, Missing::Service(_)),
                _ => true,
            }
        };
        entries
            .iter()
            .find(|entry| entry.exists() && entry.is != Meaning::Between)
            .or_else(|| (0..4).find_map(|rank| entries.iter().find(|entry| missing(entry, rank))))
            .cloned()
    }
}

/// The pod of the question.
fn named<'snap>(context: &DnsContext<'_, 'snap>) -> Option<&'snap Pod> {
    match &context.query.from {
        Some(Asker::Pod { namespace, name }) => {
            find(context.objects, namespace.as_ref().unwrap_or(&context.query.namespace), name)
        }
        Some(Asker::Deployment { .. } | Asker::Node(_) | Asker::Address(_) | Asker::External) | None => None,
    }
}

/// Where questions were asked from, with the resolv.conf that stands there.
fn asked_from<'snap>(context: &DnsContext<'_, 'snap>) -> Vec<DnsClient<'snap>> {
    let mut clients = Vec::new();
    for place in &context.snapshot.probes {
        let Some(text) = &place.resolv_conf else { continue };
        let (pod, namespace, source) = match &place.client {
            PlaceClient::OwnPod => (None, context.query.namespace.clone(), Source::New),
            PlaceClient::Host => (None, context.query.namespace.clone(), Source::Host),
            PlaceClient::Pod { namespace, name } => {
                (find(context.objects, namespace, name), namespace.clone(), Source::Read)
            }
        };
        let mut conf = ResolvConf::read(text);
        let mut words = place.words();
        if source == Source::New && conf.move_to(&namespace) {
            words = format!("a pod of namespace {namespace} on node {}", place.node);
        }
        clients.push(DnsClient { words, pod, namespace, node: Some(place.node.clone()), conf, source });
    }
    clients
}

/// The pod that the question names, or any of its namespace, as the kubelet sets it up.
fn imagined<'snap>(
    context: &DnsContext<'_, 'snap>,
    named: Option<&'snap Pod>,
    servers: &[IpAddr],
    domain: &Name,
) -> DnsClient<'snap> {
    let mut any = Pod::default();
    any.metadata.namespace = Some(context.query.namespace.clone());
    let pod = named.unwrap_or(&any);
    let node = named.and_then(|pod| pod.spec.as_ref()?.node_name.clone());
    let file = node.as_ref().and_then(|node| node_conf(context, node));
    let namespace = pod.metadata.namespace.clone().unwrap_or_default();
    DnsClient {
        words: match named {
            Some(pod) => format!("pod {namespace}/{}", pod.metadata.name.as_deref().unwrap_or_default()),
            None => format!("a pod of namespace {namespace}"),
        },
        conf: ResolvConf::of_pod(pod, servers, domain, file.as_ref()),
        pod: named,
        namespace,
        node,
        source: Source::Made,
    }
}

/// The resolv.conf that a node gives to pods with dnsPolicy Default: what reads a node is such a pod itself.
pub(super) fn node_conf(context: &DnsContext<'_, '_>, node: &str) -> Option<ResolvConf> {
    Some(ResolvConf::read(&context.snapshot.nodes.get(node)?.dumps.get("resolv.conf")?.text))
}

fn find<'snap>(objects: &'snap Objects, namespace: &str, name: &str) -> Option<&'snap Pod> {
    objects
        .pods()
        .iter()
        .find(|pod| pod.metadata.name.as_deref() == Some(name) && pod.metadata.namespace.as_deref() == Some(namespace))
}

/// A line of a Corefile as evidence.
pub(super) fn corefile_line(config: &Config<'_>, line: usize, text: &str) -> Evidence {
    Evidence::Field {
        object: config.reference(),
        field: format!("data.{} line {line}", config.key),
        value: text.to_owned(),
    }
}

/// A fact of a client's resolv.conf as evidence.
pub(super) fn conf_line(client: &DnsClient<'_>, text: &str) -> Evidence {
    let words = match client.source {
        Source::Made => format!("{}, resolv.conf as the kubelet writes it: {text}", client.words),
        Source::New | Source::Read | Source::Host => format!("{}, /etc/resolv.conf: {text}", client.words),
    };
    Evidence::Fact { node: client.node.clone(), text: words }
}
