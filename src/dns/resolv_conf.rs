//! A client's `resolv.conf`: read line by line, or made as the kubelet makes it for a pod. Keeps where each thing
//! stands, so that it can be quoted.

use std::net::IpAddr;

use hickory_resolver::proto::rr::Name;
use k8s_openapi::api::core::v1::Pod;

use super::name;

/// Nameservers that resolvers use: glibc `MAXNS` (resolv.h), musl `MAXNS` (src/network/resolvconf.c), kubelet
/// `MaxDNSNameservers` (pkg/apis/core/validation). Those after them are not asked.
pub const MAX_SERVERS: usize = 3;
/// Search domains that old resolvers take: glibc before 2.26 `MAXDNSRCH`, kubelet before 1.28.
pub const OLD_MAX_SEARCH: usize = 6;
/// Characters of the search list that old resolvers take: glibc before 2.26, kubelet before 1.28; musl still.
pub const OLD_MAX_SEARCH_CHARS: usize = 256;
/// Dots that a name needs to be asked as it stands first, where nothing says another number.
pub const DEFAULT_NDOTS: u32 = 1;
/// The same as the kubelet writes it for pods of the cluster's DNS (pkg/kubelet/network/dns/dns.go, `defaultDNSOptions`).
pub const CLUSTER_NDOTS: u32 = 5;
/// Most that resolvers take for it (glibc `RES_MAXNDOTS`, musl src/network/resolvconf.c).
const MAX_NDOTS: u32 = 15;

/// One line: `nameserver 10.96.0.10`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Number, from 1; 0 where it was made and not read.
    pub number: usize,
    /// Text.
    pub text: String,
}

/// What a resolver is told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResolvConf {
    /// Nameservers in order, with their lines.
    pub servers: Vec<(IpAddr, Line)>,
    /// Search list in order.
    pub search: Vec<Name>,
    /// Line of the search list.
    pub search_line: Option<Line>,
    /// `ndots`, as far as resolvers take it.
    pub ndots: Option<u32>,
    /// Line of the options.
    pub options_line: Option<Line>,
    /// Lines that no resolver of ours understands.
    pub issues: Vec<Line>,
}

impl ResolvConf {
    /// Reads the text. The last `search` or `domain` line is the one that counts, as in glibc and musl.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let mut conf = Self::default();
        for (number, text) in (1..).zip(text.lines()) {
            let line = Line { number, text: text.to_owned() };
            match resolv_conf::Config::parse(text) {
                Ok(parsed) => conf.take(&parsed, line),
                Err(_) => conf.issues.push(line),
            }
        }
        conf
    }

    fn take(&mut self, parsed: &resolv_conf::Config, line: Line) {
        self.servers.extend(parsed.nameservers.iter().map(|server| (IpAddr::from(server), line.clone())));
        let mut words = line.text.split_whitespace();
        match words.next() {
            Some("search" | "domain") => {
                self.search = words.filter_map(name::absolute).collect();
                self.search_line = Some(line);
            }
            Some("options") => {
                if words.any(|word| word.starts_with("ndots:")) {
                    self.ndots = Some(parsed.ndots.min(MAX_NDOTS));
                }
                self.options_line = Some(line);
            }
            _ => {}
        }
    }

    /// What the kubelet writes for a pod (pkg/kubelet/network/dns/dns.go, `GetPodDNS`), as far as it is known:
    /// `servers` are its clusterDNS, `node` is the file that its resolvConf names.
    #[must_use]
    pub fn of_pod(pod: &Pod, servers: &[IpAddr], domain: &Name, node: Option<&Self>) -> Self {
        let nothing = Self::default();
        let node = node.unwrap_or(&nothing);
        let namespace = pod.metadata.namespace.as_deref().unwrap_or("default");
        let mut conf = match PodDns::of(pod) {
            PodDns::Cluster if !servers.is_empty() => {
                let mut conf = Self { ndots: Some(CLUSTER_NDOTS), ..Self::default() };
                conf.servers = servers.iter().map(|ip| (*ip, made(&format!("nameserver {ip}")))).collect();
                let namespace = format!("{namespace}.svc");
                conf.search = [namespace.as_str(), "svc"]
                    .iter()
                    .filter_map(|front| name::within(front, domain))
                    .chain([domain.clone()])
                    .chain(node.search.iter().cloned())
                    .collect();
                conf
            }
            PodDns::Cluster | PodDns::Node { .. } => node.clone(),
            PodDns::Own => Self::default(),
        };
        conf.add(pod);
        conf
    }

    /// What dnsConfig of the pod adds.
    fn add(&mut self, pod: &Pod) {
        let Some(config) = pod.spec.as_ref().and_then(|spec| spec.dns_config.as_ref()) else { return };
        for ip in config.nameservers.iter().flatten().filter_map(|text| text.parse::<IpAddr>().ok()) {
            if !self.servers.iter().any(|(known, _)| *known == ip) {
                self.servers.push((ip, made(&format!("nameserver {ip}"))));
            }
        }
        for domain in config.searches.iter().flatten().filter_map(|text| name::absolute(text)) {
            if !self.search.contains(&domain) {
                self.search.push(domain);
            }
        }
        for option in config.options.iter().flatten().filter(|option| option.name.as_deref() == Some("ndots")) {
            let value = option.value.as_deref().and_then(|value| value.parse::<u32>().ok());
            self.ndots = value.map(|value| value.min(MAX_NDOTS)).or(self.ndots);
        }
    }

    /// Makes it that of a pod of another namespace, `x.svc.cluster.local` being the first of the search list. Whether
    /// there was anything to change.
    pub fn move_to(&mut self, namespace: &str) -> bool {
        let Some(first) = self.search.first_mut() else { return false };
        let labels = name::labels(first);
        let [own, svc, rest @ ..] = labels.as_slice() else { return false };
        if svc != "svc" || rest.is_empty() || own == namespace {
            return false;
        }
        let Some(moved) = name::absolute(&format!("{namespace}.svc.{}", rest.join("."))) else { return false };
        *first = moved;
        true
    }

    /// Dots that a name needs to be asked as it stands first.
    #[must_use]
    pub fn ndots(&self) -> u32 {
        self.ndots.unwrap_or(DEFAULT_NDOTS)
    }

    /// The nameservers that are asked.
    pub fn asked(&self) -> impl Iterator<Item = IpAddr> {
        self.servers.iter().take(MAX_SERVERS).map(|(ip, _)| *ip)
    }

    /// Servers that are this very host's: `127.0.0.53`, `::1`.
    pub fn loopbacks(&self) -> impl Iterator<Item = &(IpAddr, Line)> {
        self.servers.iter().take(MAX_SERVERS).filter(|(ip, _)| ip.is_loopback())
    }

    /// The search list as it is written.
    #[must_use]
    pub fn search_words(&self) -> String {
        self.search.iter().map(name::plain).collect::<Vec<_>>().join(" ")
    }
}

fn made(text: &str) -> Line {
    Line { number: 0, text: text.to_owned() }
}

/// Whose resolver a pod uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PodDns {
    /// The cluster's.
    Cluster,
    /// Its node's.
    Node {
        /// Although dnsPolicy says ClusterFirst: on the host's network that falls back to Default
        /// (pkg/kubelet/network/dns/dns.go, `getPodDNSType`).
        fell_back: bool,
    },
    /// What dnsConfig says and nothing else.
    Own,
}

impl PodDns {
    /// Reads dnsPolicy, which is ClusterFirst where it is not said.
    #[must_use]
    pub fn of(pod: &Pod) -> Self {
        let spec = pod.spec.as_ref();
        let host_network = spec.and_then(|spec| spec.host_network).unwrap_or_default();
        match spec.and_then(|spec| spec.dns_policy.as_deref()) {
            Some("None") => Self::Own,
            Some("Default") => Self::Node { fell_back: false },
            Some("ClusterFirstWithHostNet") => Self::Cluster,
            _ if host_network => Self::Node { fell_back: true },
            _ => Self::Cluster,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_pods_file() {
        let conf = ResolvConf::read(
            "search shop.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n",
        );
        assert_eq!(conf.asked().collect::<Vec<_>>(), ["10.96.0.10".parse::<IpAddr>().unwrap()]);
        assert_eq!(conf.search_words(), "shop.svc.cluster.local svc.cluster.local cluster.local");
        assert_eq!((conf.ndots(), conf.servers[0].1.number), (5, 2));
        assert!(conf.issues.is_empty());
    }

    #[test]
    fn odd_lines() {
        let conf = ResolvConf::read(
            "# made by hand\n; too\nnameserver rubbish\nnameserver 127.0.0.53\nnameserver fe80::1%eth0\nsearch a.test\ndomain b.test\n\
             options edns0 trust-ad\noptions ndots:99\nnameserver 10.0.0.1\nnameserver 10.0.0.2\nnonsense 1\n",
        );
        assert_eq!(conf.servers.len(), 4);
        assert_eq!(conf.asked().count(), 3);
        assert_eq!(conf.loopbacks().count(), 1);
        assert_eq!((conf.search_words().as_str(), conf.ndots()), ("b.test", 15));
        assert_eq!(conf.issues.iter().map(|line| line.number).collect::<Vec<_>>(), [3, 12]);
        assert_eq!(ResolvConf::read("").ndots(), 1);
    }

    #[track_caller]
    fn pod(spec: &Value, expected: &str) {
        let pod: Pod =
            serde_json::from_value(json!({"metadata": {"name": "web", "namespace": "shop"}, "spec": spec})).unwrap();
        let node = ResolvConf::read("nameserver 192.0.2.53\nsearch corp.test\n");
        let conf = ResolvConf::of_pod(
            &pod,
            &["10.96.0.10".parse().unwrap()],
            &name::absolute("cluster.local").unwrap(),
            Some(&node),
        );
        let servers: Vec<String> = conf.asked().map(|ip| ip.to_string()).collect();
        assert_eq!(format!("{} | {} | {}", servers.join(" "), conf.search_words(), conf.ndots()), expected, "{spec}");
    }

    #[test]
    fn what_the_kubelet_writes() {
        let cluster = "10.96.0.10 | shop.svc.cluster.local svc.cluster.local cluster.local corp.test | 5";
        pod(&json!({"containers": []}), cluster);
        pod(&json!({"containers": [], "dnsPolicy": "ClusterFirst"}), cluster);
        pod(&json!({"containers": [], "dnsPolicy": "ClusterFirstWithHostNet", "hostNetwork": true}), cluster);
        pod(&json!({"containers": [], "dnsPolicy": "ClusterFirst", "hostNetwork": true}), "192.0.2.53 | corp.test | 1");
        pod(&json!({"containers": [], "dnsPolicy": "Default"}), "192.0.2.53 | corp.test | 1");
        pod(
            &json!({"containers": [], "dnsPolicy": "None",
                "dnsConfig": {"nameservers": ["192.0.2.1"], "searches": ["x.test"], "options": [{"name": "ndots", "value": "2"}]}}),
            "192.0.2.1 | x.test | 2",
        );
        pod(
            &json!({"containers": [], "dnsConfig": {"nameservers": ["192.0.2.1"], "options": [{"name": "ndots", "value": "2"}]}}),
            "10.96.0.10 192.0.2.1 | shop.svc.cluster.local svc.cluster.local cluster.local corp.test | 2",
        );
    }
}
