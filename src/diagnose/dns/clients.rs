//! ST701, ST702, ST707, ST708, ST709 and ST710: clients that do not ask the cluster's DNS, or not as they should.

use k8s_openapi::api::events::v1::Event;

use crate::dns::resolv_conf::{MAX_SERVERS, OLD_MAX_SEARCH, PodDns};
use crate::dns::{name, server};
use crate::report::{Code, Confidence, Evidence, Finding, ObjectRef, Severity};

use super::super::context::{field_of, pod_ref};
use super::super::words;
use super::DnsContext;
use super::setup::{DnsClient, Setup, Source, conf_line};

/// ST701: the kubelet tells pods to ask an address that is not the cluster's DNS.
pub(super) fn cluster_dns_ip_mismatch(context: &DnsContext<'_, '_>) -> Vec<Finding> {
    let setup = Setup::read(context);
    let Some(dns) = setup.service.as_ref().filter(|dns| !dns.addresses().is_empty()) else { return Vec::new() };
    let right = setup.right_servers();
    let mut found = Vec::new();
    for client in setup.clients.iter().filter(|client| client.source == Source::New) {
        if let Some((ip, line)) = client.conf.servers.first().filter(|(ip, _)| !right.contains(ip)) {
            let node = client.node.clone().unwrap_or_default();
            let mut finding = Finding::new(
                Code::ClusterDnsIpMismatch,
                format!("the kubelet of {node} tells its pods to ask {ip}, which is not the DNS Service"),
            );
            finding.node.clone_from(&client.node);
            finding.object = Some(dns.view.reference());
            finding.evidence.push(conf_line(client, &line.text));
            finding.evidence.push(field_of(dns.view.reference(), "spec.clusterIP", addresses(dns.addresses())));
            finding.details.push("clusterDNS in its configuration must be the DNS Service; pods keep their file until they are made anew".into());
            finding.help = Some(format!(
                "kubectl debug node/{} -it --image=busybox -- grep -A2 clusterDNS /host/var/lib/kubelet/config.yaml",
                words::shell(&node)
            ));
            found.push(finding);
        }
    }
    if let (true, Some(config)) = (found.is_empty(), server::kubelet_config(setup.objects)) {
        let said: Vec<std::net::IpAddr> =
            yaml_list(config.text, "clusterDNS:").iter().filter_map(|ip| ip.parse().ok()).collect();
        if !said.is_empty() && !said.iter().any(|ip| right.contains(ip)) {
            let mut finding = Finding::new(
                Code::ClusterDnsIpMismatch,
                format!("kubelets are set up to tell pods to ask {}, which is not the DNS Service", addresses(&said)),
            );
            // what new nodes get; a node may have another
            finding.confidence = Confidence::Likely;
            finding.object = Some(config.reference());
            finding.evidence.push(field_of(config.reference(), "data.kubelet clusterDNS", addresses(&said)));
            finding.evidence.push(field_of(dns.view.reference(), "spec.clusterIP", addresses(dns.addresses())));
            finding.help = Some(
                "kubectl -n kube-system edit configmap kubelet-config; kubeadm upgrade node phase kubelet-config"
                    .into(),
            );
            found.push(finding);
        }
    }
    found
}

fn addresses(ips: &[std::net::IpAddr]) -> String {
    ips.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// The items of a list at the top level of a YAML text: those that the kubelet's configuration has.
fn yaml_list<'t>(text: &'t str, key: &str) -> Vec<&'t str> {
    let after = text.lines().skip_while(|line| !line.starts_with(key)).skip(1);
    after
        .map(str::trim_start)
        .map_while(|line| line.strip_prefix("- "))
        .map(|item| item.trim().trim_matches(['"', '\'']))
        .collect()
}

/// ST702: a pod of the cluster's DNS has a resolv.conf that is not what the kubelet would write.
pub(super) fn pod_resolv_conf(context: &DnsContext<'_, '_>) -> Vec<Finding> {
    let setup = Setup::read(context);
    let right = setup.right_servers();
    let mut found = Vec::new();
    for client in setup.clients.iter().filter(|client| client.source == Source::Read) {
        let Some(pod) = client.pod.filter(|pod| PodDns::of(pod) == PodDns::Cluster) else { continue };
        let own: Vec<std::net::IpAddr> = pod
            .spec
            .iter()
            .filter_map(|spec| spec.dns_config.as_ref())
            .flat_map(|config| config.nameservers.iter().flatten())
            .filter_map(|text| text.parse().ok())
            .collect();
        let strange = |ip: &std::net::IpAddr| !right.contains(ip) && !own.contains(ip);
        let mut finding = Finding::new(Code::PodResolvConfUnexpected, String::new());
        if let Some((ip, line)) = client.conf.servers.first().filter(|(ip, _)| !right.is_empty() && strange(ip)) {
            finding.summary = format!("{} asks {ip}, which is not the cluster's DNS", client.words);
            finding.reason = Some("nameserver".into());
            finding.evidence.push(conf_line(client, &line.text));
            let service = setup.service.as_ref().map(|dns| dns.view.reference());
            finding.evidence.extend(service.map(|service| field_of(service, "spec.clusterIP", addresses(&right))));
        } else {
            let wanted = name::within(&format!("{}.svc", client.namespace), &setup.domain.name);
            let Some(wanted) = wanted.filter(|wanted| !client.conf.search.contains(wanted)) else { continue };
            finding.summary = format!(
                "{} does not search {}: names of its own namespace do not resolve",
                client.words,
                name::plain(&wanted)
            );
            finding.reason = Some("search".into());
            let line = client.conf.search_line.as_ref().map_or("no search line", |line| line.text.as_str());
            finding.evidence.push(conf_line(client, line));
        }
        finding.object = Some(pod_ref(pod));
        finding.details.push(
            "the pod is older than a change of the kubelet's configuration, or something wrote the file anew".into(),
        );
        finding.evidence.push(field_of(pod_ref(pod), "spec.dnsPolicy", policy(pod)));
        finding.help = Some(format!(
            "kubectl -n {} delete pod {}: a new one gets a new file",
            words::shell(&client.namespace),
            pod.metadata.name.as_deref().unwrap_or_default()
        ));
        found.push(finding);
    }
    found
}

fn policy(pod: &k8s_openapi::api::core::v1::Pod) -> &str {
    pod.spec.as_ref().and_then(|spec| spec.dns_policy.as_deref()).unwrap_or("ClusterFirst")
}

/// Whether the question is about a name of the cluster: then a client that does not ask the cluster's DNS is why.
fn about_cluster_name(context: &DnsContext<'_, '_>, setup: &Setup<'_>) -> bool {
    let Some(typed) = &context.query.name else { return false };
    // as any pod of the client's namespace would mean it
    let Some(client) = setup.clients.first() else { return false };
    let mut pod = k8s_openapi::api::core::v1::Pod::default();
    pod.metadata.namespace = Some(client.namespace.clone());
    let conf = crate::dns::ResolvConf::of_pod(&pod, &[std::net::Ipv4Addr::LOCALHOST.into()], &setup.domain.name, None);
    crate::dns::search::steps(typed, &conf, crate::dns::search::Libc::Glibc)
        .iter()
        .any(|step| setup.zone.entry(&step.name).exists())
}

/// Whether a client asks the cluster's DNS.
fn asks_cluster(setup: &Setup<'_>, client: &DnsClient<'_>) -> bool {
    let right = setup.right_servers();
    client.conf.asked().any(|ip| right.contains(&ip))
}

/// ST707: on the host's network dnsPolicy ClusterFirst means the node's DNS.
pub(super) fn host_network_policy(context: &DnsContext<'_, '_>) -> Vec<Finding> {
    let setup = Setup::read(context);
    let mut found = Vec::new();
    for client in &setup.clients {
        let Some(pod) = client.pod.filter(|pod| PodDns::of(pod) == (PodDns::Node { fell_back: true })) else {
            continue;
        };
        if asks_cluster(&setup, client) {
            continue;
        }
        let mut finding = Finding::new(
            Code::HostnetworkDnsPolicy,
            format!(
                "{} is on the host's network with dnsPolicy ClusterFirst: it asks its node's DNS, not the cluster's",
                client.words
            ),
        );
        if !about_cluster_name(context, &setup) {
            finding.severity = Severity::Warning;
        }
        finding.object = Some(pod_ref(pod));
        finding.evidence.push(field_of(pod_ref(pod), "spec.hostNetwork", "true"));
        finding.evidence.push(field_of(pod_ref(pod), "spec.dnsPolicy", policy(pod)));
        finding.details.push("dnsPolicy ClusterFirstWithHostNet asks the cluster's".into());
        finding.help = Some(format!(
            "kubectl -n {} get pod {} -o jsonpath='{{.metadata.ownerReferences}}'",
            words::shell(&client.namespace),
            pod.metadata.name.as_deref().unwrap_or_default()
        ));
        found.push(finding);
    }
    found
}

/// ST708: dnsPolicy Default or None, and the name is one of the cluster.
pub(super) fn policy_unfit(context: &DnsContext<'_, '_>) -> Vec<Finding> {
    let setup = Setup::read(context);
    if !about_cluster_name(context, &setup) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for client in &setup.clients {
        let fits = |dns: PodDns| matches!(dns, PodDns::Own | PodDns::Node { fell_back: false });
        let Some(pod) = client.pod.filter(|pod| fits(PodDns::of(pod))) else { continue };
        if asks_cluster(&setup, client) {
            continue;
        }
        let mut finding = Finding::new(
            Code::DnsPolicyUnfit,
            format!(
                "{} has dnsPolicy {}: it does not ask the cluster's DNS, which alone knows this name",
                client.words,
                policy(pod)
            ),
        );
        finding.object = Some(pod_ref(pod));
        finding.evidence.push(field_of(pod_ref(pod), "spec.dnsPolicy", policy(pod)));
        let servers: Vec<String> = client.conf.asked().map(|ip| ip.to_string()).collect();
        finding.evidence.push(conf_line(
            client,
            &format!("nameservers {}", if servers.is_empty() { "none".into() } else { servers.join(", ") }),
        ));
        finding.help = Some(format!(
            "kubectl -n {} get pod {} -o yaml",
            words::shell(&client.namespace),
            pod.metadata.name.as_deref().unwrap_or_default()
        ));
        found.push(finding);
    }
    found
}

fn events<'snap>(
    context: &DnsContext<'_, 'snap>,
    reason: &'static str,
) -> impl Iterator<Item = &'snap Event> + use<'snap> {
    let events = context.objects.events.as_deref().unwrap_or_default().iter();
    events.filter(move |event| event.reason.as_deref() == Some(reason))
}

fn regarding(event: &Event) -> Option<ObjectRef> {
    let about = event.regarding.as_ref()?;
    Some(ObjectRef::new(about.kind.as_deref()?, about.namespace.as_deref().unwrap_or_default(), about.name.as_deref()?))
}

fn event_field(event: &Event) -> Option<Evidence> {
    let namespace = event.metadata.namespace.as_deref().unwrap_or_default();
    let object = ObjectRef::new("Event", namespace, event.metadata.name.as_deref()?);
    Some(field_of(object, "note", event.note.as_deref().unwrap_or_default()))
}

/// ST709: the kubelet says that it knows no cluster DNS.
pub(super) fn missing_cluster_dns(context: &DnsContext<'_, '_>) -> Vec<Finding> {
    let Some(event) = events(context, "MissingClusterDNS").last() else { return Vec::new() };
    let count = events(context, "MissingClusterDNS").count();
    let mut finding = Finding::new(
        Code::MissingClusterDnsEvent,
        format!("a kubelet has no clusterDNS: {} got its node's resolver instead", words::count(count, "pod")),
    );
    finding.object = regarding(event);
    finding.evidence.extend(event_field(event));
    finding.details.push("clusterDNS is missing in the configuration of that node's kubelet".into());
    finding.help = Some("kubectl get events -A --field-selector reason=MissingClusterDNS".into());
    vec![finding]
}

/// ST710: more nameservers or search domains than resolvers take.
pub(super) fn resolv_limits(context: &DnsContext<'_, '_>) -> Vec<Finding> {
    let setup = Setup::read(context);
    let mut found = Vec::new();
    for client in &setup.clients {
        let (servers, search) = (client.conf.servers.len(), client.conf.search.len());
        let mut finding = Finding::new(Code::ResolvLimits, String::new());
        if servers > MAX_SERVERS {
            finding.summary =
                format!("{} has {servers} nameservers: those after the {MAX_SERVERS}rd are never asked", client.words);
            finding.reason = Some("nameservers".into());
            let unused: Vec<String> =
                client.conf.servers.iter().skip(MAX_SERVERS).map(|(_, line)| line.text.clone()).collect();
            finding.evidence.push(conf_line(client, &words::list(&unused)));
        } else if search > OLD_MAX_SEARCH {
            finding.summary = format!(
                "{} has {search} search domains: resolvers before glibc 2.26 take {OLD_MAX_SEARCH}",
                client.words
            );
            finding.reason = Some("search".into());
            finding.severity = Severity::Info;
            let line =
                client.conf.search_line.as_ref().map_or_else(|| client.conf.search_words(), |line| line.text.clone());
            finding.evidence.push(conf_line(client, &line));
        } else {
            continue;
        }
        finding.node.clone_from(&client.node);
        finding.object = client.pod.map(pod_ref);
        finding.help =
            Some("cat /etc/resolv.conf there; the node's own file and dnsConfig are added to the cluster's".into());
        found.push(finding);
    }
    if let (true, Some(event)) = (found.is_empty(), events(context, "DNSConfigForming").last()) {
        let mut finding = Finding::new(
            Code::ResolvLimits,
            "a kubelet left out nameservers or search domains, for there are too many".to_owned(),
        );
        finding.reason = Some("event".into());
        finding.object = regarding(event);
        finding.evidence.extend(event_field(event));
        finding.help = Some("kubectl get events -A --field-selector reason=DNSConfigForming".into());
        found.push(finding);
    }
    found
}
