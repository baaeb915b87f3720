//! ST406, ST409, ST410, ST411, ST418: modules, kernel switches and the age of ipvs mode itself.

use k8s_openapi::api::core::v1::Pod;

use crate::dataplane::plane::Plane;
use crate::report::{Code, Confidence, Evidence, Finding, Severity};

use super::super::backends::PROXY_MODE;
use super::super::kernel::{self, version};
use super::Ask;

/// First version of Kubernetes that calls the mode deprecated (kubernetes/kubernetes #134539).
const DEPRECATED: (u32, u32) = (1, 35);
/// First Linux that reuses connections without a delay (commit f0a5e4d7a594, kube-proxy pkg/proxy/ipvs/proxier.go).
const REUSES: (u32, u32) = (5, 9);

/// A switch as evidence.
fn switch(plane: &Plane<'_>, name: &str) -> Evidence {
    let value = plane.sysctls.get(name).unwrap_or_default();
    Evidence::Fact { node: Some(plane.node.into()), text: format!("{name} = {value}") }
}

/// ST406: kube-proxy is to run in ipvs mode, and the kernel has no IPVS.
pub(super) fn modules_missing(ask: Ask<'_, '_>) -> Vec<Finding> {
    let node = ask.node;
    let said = node.plane.dumps.dumps.get(PROXY_MODE).map(|dump| dump.text.trim());
    if said != Some("ipvs") || !node.plane.ipvs().has_no_module() {
        return Vec::new();
    }
    let name = node.view.name;
    let mut finding = Finding::new(
        Code::IpvsModulesMissing,
        format!("kube-proxy on {name} is to run in ipvs mode, and the kernel has no IPVS"),
    );
    finding.node = Some(name.into());
    finding.evidence = vec![
        Evidence::Line { node: name.into(), dump: PROXY_MODE.into(), line: 1, text: "ipvs".into() },
        Evidence::Fact {
            node: Some(name.into()),
            text: "/proc/net/ip_vs is not there: module ip_vs is not loaded".into(),
        },
    ];
    finding.help = Some(format!("on {name}: modprobe -n -v ip_vs ip_vs_rr   # shows, loads nothing"));
    vec![finding]
}

/// ST409: the node answers ARP for addresses on kube-ipvs0, and a load balancer announces them by ARP.
pub(super) fn strict_arp_off(ask: Ask<'_, '_>) -> Vec<Finding> {
    let Ask { objects, service, node, .. } = ask;
    let off = |name: &str, good: u64| node.plane.sysctls.number(name).is_some_and(|value| value < good);
    let names = ["net.ipv4.conf.all.arp_ignore", "net.ipv4.conf.all.arp_announce"];
    let has_address = service.load_balancer_ips().iter().any(std::net::IpAddr::is_ipv4);
    if !has_address || !(off(names[0], 1) || off(names[1], 2)) {
        return Vec::new();
    }
    let of_pod = |pod: &Pod| {
        let name = pod.metadata.name.as_deref()?;
        let images = pod.spec.iter().flat_map(|spec| &spec.containers).filter_map(|one| one.image.as_deref());
        let mut announces =
            images.map(|image| ["metallb/speaker", "kube-vip", "openelb"].iter().any(|is| image.contains(is)));
        announces.any(|is| is).then(|| format!("{}/{name}", pod.metadata.namespace.as_deref().unwrap_or_default()))
    };
    // What gave the address wrote so on the Service.
    let of_service = || {
        let notes = service.object.metadata.annotations.iter().flat_map(std::collections::BTreeMap::keys);
        let mut keys = notes.filter_map(|key| key.split_once('/')).map(|(owner, _)| owner);
        keys.find(|owner| owner.contains("metallb") || owner.contains("kube-vip")).map(ToOwned::to_owned)
    };
    let announcer = objects.pods().iter().find_map(of_pod).or_else(of_service);
    let name = node.view.name;
    let mut finding = match &announcer {
        Some(announcer) => Finding::new(
            Code::StrictArpOff,
            format!(
                "{name} answers ARP for the addresses on kube-ipvs0, and {announcer} announces them by ARP as well"
            ),
        ),
        None => Finding::new(
            Code::StrictArpOff,
            format!("{name} answers ARP for the addresses on kube-ipvs0, as every node does"),
        ),
    };
    match announcer {
        Some(_) => finding.details.push("the address wanders between nodes, and long connections die".into()),
        // Without somebody who announces by ARP it does no harm.
        None => finding.severity = Severity::Info,
    }
    finding.node = Some(name.into());
    finding.object = Some(service.reference());
    finding.confidence = Confidence::Likely;
    finding.evidence = names.iter().map(|name| switch(&node.plane, name)).collect();
    finding.help = Some("kubectl -n kube-system get configmap kube-proxy -o yaml   # ipvs.strictARP: true".into());
    vec![finding]
}

/// ST410: what becomes of a client that takes the same port again.
pub(super) fn conn_reuse_mode(ask: Ask<'_, '_>) -> Vec<Finding> {
    const NAME: &str = "net.ipv4.vs.conn_reuse_mode";
    let node = ask.node;
    let kernel = kernel::of(ask.objects, ask.node);
    let old = kernel.as_deref().and_then(version).map(|version| version < REUSES);
    let (reason, summary) = match (node.plane.sysctls.number(NAME), old) {
        (Some(0), _) => (
            "keeps-old-server",
            "a client that takes the same port again is sent to the old server, also when that is gone",
        ),
        (Some(_), Some(true)) => ("delay", "a client that takes the same port again waits a second"),
        _ => return Vec::new(),
    };
    let name = node.view.name;
    let mut finding = Finding::new(Code::ConnReuseMode, format!("{name}: {summary}"));
    finding.reason = Some(reason.into());
    finding.node = Some(name.into());
    finding.confidence = Confidence::Likely;
    finding.evidence.push(switch(&node.plane, NAME));
    if let Some(kernel) = kernel {
        finding.evidence.push(Evidence::Fact { node: Some(name.into()), text: format!("kernel {kernel}") });
    }
    finding.help = Some(format!("on {name}: sysctl {NAME}; uname -r   # Linux 5.9 and later do well with 1"));
    vec![finding]
}

/// ST411: IPVS forgets the connection, and so nothing of it is masqueraded.
pub(super) fn vs_conntrack_off(ask: Ask<'_, '_>) -> Vec<Finding> {
    let node = ask.node;
    if node.plane.sysctls.ipvs_conntrack() != Some(false) {
        return Vec::new();
    }
    let name = node.view.name;
    let mut finding = Finding::new(
        Code::VsConntrackOff,
        format!("{name} masquerades nothing that IPVS sends on: answers to clients outside may not come back"),
    );
    finding.node = Some(name.into());
    finding.confidence = Confidence::Likely;
    finding.evidence.push(switch(&node.plane, "net.ipv4.vs.conntrack"));
    finding.help = Some(format!("on {name}: sysctl net.ipv4.vs.conntrack   # kube-proxy sets it to 1 when it starts"));
    vec![finding]
}

/// ST418: the mode goes.
pub(super) fn deprecated(ask: Ask<'_, '_>) -> Vec<Finding> {
    let Ask { objects, node, .. } = ask;
    let info = objects
        .nodes()
        .iter()
        .find(|object| object.metadata.name.as_deref() == Some(node.view.name))
        .and_then(|object| object.status.as_ref()?.node_info.as_ref());
    let Some(info) = info.filter(|info| version(&info.kubelet_version).is_some_and(|version| version >= DEPRECATED))
    else {
        return Vec::new();
    };
    let name = node.view.name;
    let mut finding =
        Finding::new(Code::IpvsDeprecated, format!("kube-proxy on {name} runs in ipvs mode, which is deprecated"));
    finding.severity = Severity::Info;
    finding.node = Some(name.into());
    finding
        .evidence
        .push(Evidence::Fact { node: Some(name.into()), text: format!("Kubernetes {}", info.kubelet_version) });
    finding.help = Some("kubectl -n kube-system get configmap kube-proxy -o yaml   # mode: nftables".into());
    vec![finding]
}
