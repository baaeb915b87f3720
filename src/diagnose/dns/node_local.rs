//! ST715, ST716 and ST717: what a node itself does to DNS: a cache that is not there, IPVS beside it, lost races.

use std::net::IpAddr;

use k8s_openapi::api::core::v1::Pod;

use crate::cluster::{NodeView, readiness};
use crate::collect::dns_names::is_cache;
use crate::collect::snapshot::NodeDumps;
use crate::dataplane::plane::Plane;
use crate::probe::{Outcome, Transport};
use crate::report::{Code, Confidence, Evidence, Finding, Severity};

use super::super::context::{field_of, pod_name, pod_ref};
use super::super::mode::{self, ModeKind};
use super::super::words;
use super::DnsContext;
use super::setup::{Setup, conf_line};

/// Column of `/proc/net/stat/nf_conntrack` (Linux net/netfilter/nf_conntrack_standalone.c, `ct_cpu_seq_show`).
const INSERT_FAILED: &str = "insert_failed";
/// Milliseconds after which resolvers ask again: musl 2.5 s, glibc 5 s (resolv.conf(5), `timeout`).
const AGAIN: [std::ops::RangeInclusive<u64>; 2] = [2_400..=2_900, 4_900..=5_500];

fn planes<'snap>(context: &DnsContext<'_, 'snap>) -> Vec<Plane<'snap>> {
    let nodes = context.snapshot.nodes.iter();
    nodes.map(|(name, dumps)| Plane::new(name, dumps, &NodeView::find(context.objects, name).addresses)).collect()
}

/// The cache's pod on a node.
fn cache_on<'snap>(context: &DnsContext<'_, 'snap>, node: &str) -> Option<&'snap Pod> {
    context.objects.pods().iter().find(|pod| {
        is_cache(pod)
            && readiness::is_alive(pod)
            && pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()) == Some(node)
    })
}

/// ST716: clients of a node ask a cache that does not answer there.
pub(super) fn broken(context: &DnsContext<'_, '_>) -> Vec<Finding> {
    let setup = Setup::read(context);
    let known: Vec<IpAddr> = super::setup::CACHE_ADDRESSES.iter().filter_map(|text| text.parse().ok()).collect();
    let mut addresses = setup.cache_addresses();
    addresses.extend(known.into_iter().filter(|ip| !addresses.contains(ip)).collect::<Vec<_>>());
    let whole = context.objects.is_whole("pods");
    let mut found: Vec<Finding> = Vec::new();
    for plane in planes(context) {
        let held = addresses.iter().find_map(|ip| {
            // the address is the node's own only by the cache's interface
            Some((*ip, plane.links.holders(*ip).find(|dev| dev.contains("nodelocaldns"))?))
        });
        let pod = cache_on(context, plane.node);
        let well = pod.is_some_and(readiness::is_ready);
        let Some((ip, dev)) = held.filter(|_| !well && (pod.is_some() || whole)) else { continue };
        let mut finding = Finding::new(
            Code::NodeLocalDnsBroken,
            match pod {
                Some(pod) => {
                    format!("{} has {ip} for a DNS cache, and its pod {} is not ready", plane.node, pod_name(pod))
                }
                None => format!(
                    "{} has {ip} for a DNS cache, and no cache runs there: what asks {ip} is refused",
                    plane.node
                ),
            },
        );
        finding.reason = Some(if pod.is_some() { "dead" } else { "leftover" }.into());
        finding.confidence = Confidence::Likely;
        finding.node = Some(plane.node.to_owned());
        finding
            .evidence
            .push(Evidence::Fact { node: Some(plane.node.to_owned()), text: format!("interface {dev} has {ip}") });
        if let Some(pod) = pod {
            let why = readiness::why_not_ready(pod, context.objects);
            finding.object = Some(pod_ref(pod));
            finding.evidence.extend(why.map(|why| field_of(pod_ref(pod), why.field(), readiness::quote(pod, &why))));
        }
        finding.help = Some("kubectl -n kube-system get pods -l k8s-app=node-local-dns -o wide".into());
        found.push(finding);
    }
    for client in &setup.clients {
        let Some(node) = client.node.as_deref().filter(|_| whole) else { continue };
        let asked = client.conf.asked().find(|ip| addresses.contains(ip) && !is_service(&setup, *ip));
        let told = found.iter().any(|finding| finding.node.as_deref() == Some(node));
        let Some(ip) = asked.filter(|_| !told && cache_on(context, node).is_none()) else { continue };
        let mut finding = Finding::new(
            Code::NodeLocalDnsBroken,
            format!("{} asks the DNS cache of its node at {ip}, and none runs on {node}", client.words),
        );
        finding.reason = Some("no-address".into());
        finding.node = Some(node.to_owned());
        finding.evidence.push(conf_line(client, &format!("nameserver {ip}")));
        let text = format!("no pod of a DNS cache is on {node}");
        finding.evidence.push(Evidence::Fact { node: Some(node.to_owned()), text });
        finding.help = Some("kubectl -n kube-system get daemonsets".into());
        found.push(finding);
    }
    found
}

fn is_service(setup: &Setup<'_>, ip: IpAddr) -> bool {
    setup.service.as_ref().is_some_and(|dns| dns.addresses().contains(&ip))
}

/// ST717: with IPVS every node has the DNS Service's address on `kube-ipvs0`, and the cache cannot have it.
pub(super) fn ipvs(context: &DnsContext<'_, '_>) -> Vec<Finding> {
    let setup = Setup::read(context);
    let (Some(dns), Some((config, file))) = (&setup.service, &setup.cache) else { return Vec::new() };
    let bind = file.blocks.iter().filter_map(|block| block.find("bind")).find(|bind| {
        bind.args.iter().filter_map(|arg| arg.parse::<IpAddr>().ok()).any(|ip| dns.addresses().contains(&ip))
    });
    let Some(bind) = bind else { return Vec::new() };
    for plane in planes(context) {
        let mode = mode::detect(&plane);
        if mode.kind != ModeKind::Ipvs {
            continue;
        }
        let mut finding = Finding::new(
            Code::NodeLocalDnsIpvs,
            format!(
                "the DNS cache binds the DNS Service's address, and {} is in IPVS mode: packets to it go to IPVS, not to the cache",
                plane.node
            ),
        );
        finding.object = Some(config.reference());
        finding.evidence.push(super::setup::corefile_line(config, bind.line, bind.text));
        finding.evidence.extend(mode.evidence);
        finding
            .details
            .push("with IPVS the cache has only its own address, and the kubelet's clusterDNS must be that".into());
        finding.help =
            Some(format!("kubectl -n {} edit configmap {}", words::shell(config.namespace), words::shell(config.name)));
        return vec![finding];
    }
    Vec::new()
}

/// ST715: connections that were lost in a race of the connection table, which resolvers wait for.
pub(super) fn five_second_delay(context: &DnsContext<'_, '_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (node, dumps) in &context.snapshot.nodes {
        let Some((row, now)) = insert_failed(dumps) else { continue };
        let again = dumps.again.as_deref().and_then(insert_failed);
        let grew = again.is_some_and(|(_, later)| later > now);
        let waited = waited(context, node);
        if !grew && (now == 0 || waited.is_none()) {
            continue;
        }
        let mut finding = Finding::new(
            Code::DnsFiveSecondDelay,
            format!(
                "{node} loses connections in races of its connection table: DNS answers come 5 s late (glibc) or 2.5 s (musl)"
            ),
        );
        finding.confidence = if grew { Confidence::Certain } else { Confidence::Likely };
        finding.severity = Severity::Warning;
        finding.node = Some(node.clone());
        let (row, shown) = match (again, dumps.again.as_deref()) {
            (Some((later, _)), Some(again)) if grew => (later, again),
            _ => (row, dumps),
        };
        let dump = shown.dumps.get("proc-net-stat-nf_conntrack");
        if let Some(text) = dump.and_then(|dump| dump.text.lines().nth(row)) {
            finding.evidence.push(Evidence::Line {
                node: node.clone(),
                dump: "proc-net-stat-nf_conntrack".into(),
                line: u32::try_from(row + 1).unwrap_or_default(),
                text: text.to_owned(),
            });
        }
        let then = again.map(|(_, later)| format!(", then {later}")).unwrap_or_default();
        finding.details.push(format!("{INSERT_FAILED} is {now}{then} over all processors"));
        if let Some(text) = waited {
            finding.evidence.push(Evidence::Fact { node: Some(node.clone()), text });
        }
        finding
            .details
            .push("A and AAAA are asked at once from one socket: both make one entry, and one packet is lost".into());
        finding
            .details
            .push("a DNS cache on the node avoids it, or options single-request-reopen in dnsConfig (glibc)".into());
        finding.help = Some("kubectl svc-trace explain dns-five-second-delay".into());
        found.push(finding);
    }
    found
}

/// The first row of a processor that counts any, and the sum.
fn insert_failed(dumps: &NodeDumps) -> Option<(usize, u64)> {
    let text = &dumps.dumps.get("proc-net-stat-nf_conntrack")?.text;
    let mut lines = text.lines();
    let column = lines.next()?.split_whitespace().position(|word| word == INSERT_FAILED)?;
    let counts: Vec<u64> =
        lines.filter_map(|line| u64::from_str_radix(line.split_whitespace().nth(column)?, 16).ok()).collect();
    let row = counts.iter().position(|count| *count > 0).unwrap_or_default();
    Some((row + 1, counts.iter().sum()))
}

/// An answer by UDP that came when a resolver would have asked again.
fn waited(context: &DnsContext<'_, '_>, node: &str) -> Option<String> {
    let places = context.snapshot.probes.iter().filter(|place| place.node == node);
    for place in places {
        for probe in place.probes.iter().filter(|probe| probe.transport == Transport::Udp) {
            for one in &probe.tries {
                if matches!(one.outcome, Outcome::Answered(_)) && AGAIN.iter().any(|range| range.contains(&one.ms)) {
                    return Some(format!("{}: {} took {} ms by UDP", place.words(), one.asked, one.ms));
                }
            }
        }
    }
    None
}
