//! Nodes whose Services are not served by kube-proxy's rules: by what else, and what says so. What is told of such a
//! node is neither a gap nor a verdict: there are no rules to walk.

use k8s_openapi::api::core::v1::{Node, Pod};

use crate::collect::snapshot::Objects;
use crate::dataplane::ebpf::Agent;
use crate::dataplane::plane::{Family, Plane};
use crate::report::{Code, Confidence, Evidence, Finding, ObjectRef};

use super::mode::ModeKind;
use super::node::NodeResult;

/// What serves Services on a node instead of kube-proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replacement {
    /// Cilium; GKE's Dataplane V2 and Azure's CNI powered by Cilium are the same.
    Cilium,
    /// Calico in eBPF mode.
    CalicoEbpf,
    /// Antrea with proxyAll.
    Antrea,
    /// OVN-Kubernetes.
    OvnKubernetes,
    /// Kube-OVN.
    KubeOvn,
    /// kube-router with `--run-service-proxy`.
    KubeRouter,
    /// Windows' HNS.
    Windows,
    /// A pod that is a node: there are no rules of one's own.
    Fargate,
}

impl Replacement {
    /// For the header.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Cilium => "Cilium instead of kube-proxy (eBPF)",
            Self::CalicoEbpf => "Calico instead of kube-proxy (eBPF)",
            Self::Antrea => "Antrea instead of kube-proxy (Open vSwitch)",
            Self::OvnKubernetes => "OVN-Kubernetes instead of kube-proxy (Open vSwitch)",
            Self::KubeOvn => "Kube-OVN instead of kube-proxy (Open vSwitch)",
            Self::KubeRouter => "kube-router instead of kube-proxy (IPVS)",
            Self::Windows => "Windows (HNS)",
            Self::Fargate => "Fargate (no node of one's own)",
        }
    }

    /// One command that shows what it holds; nothing is changed by it.
    const fn shown_by(self) -> Option<&'static str> {
        match self {
            Self::Cilium => Some("kubectl -n kube-system exec ds/cilium -- cilium-dbg service list"),
            Self::CalicoEbpf => Some("kubectl -n calico-system exec ds/calico-node -- calico-node -bpf nat dump"),
            Self::Antrea => Some("kubectl -n kube-system exec ds/antrea-agent -- antctl get ovsflows"),
            Self::OvnKubernetes => Some("ovn-nbctl lb-list, in a pod ovnkube-node of the node"),
            Self::KubeOvn => Some("kubectl ko nbctl lb-list"),
            Self::KubeRouter => Some("ipvsadm -Ln, on the node"),
            Self::Windows => Some("Get-HnsPolicyList, on the node"),
            Self::Fargate => None,
        }
    }

    fn of_agent(agent: Agent) -> Option<Self> {
        match agent {
            Agent::Cilium => Some(Self::Cilium),
            Agent::CalicoEbpf => Some(Self::CalicoEbpf),
            Agent::Antrea => Some(Self::Antrea),
            Agent::OvnKubernetes => Some(Self::OvnKubernetes),
            Agent::KubeOvn => Some(Self::KubeOvn),
            Agent::AwsPolicy | Agent::Xdp | Agent::Tc | Agent::EarlyChain => None,
        }
    }

    /// Whether it always serves Services where it runs; Cilium, Antrea and Kube-OVN also run beside kube-proxy.
    const fn always_serves(self) -> bool {
        match self {
            Self::CalicoEbpf | Self::OvnKubernetes | Self::KubeRouter => true,
            Self::Cilium | Self::Antrea | Self::KubeOvn | Self::Windows | Self::Fargate => false,
        }
    }
}

/// What serves Services on a node that holds no rule of kube-proxy, with what says so.
pub(super) fn instead(objects: &Objects, plane: &Plane<'_>) -> Option<(Replacement, Evidence)> {
    if let Some(found) = by_object(objects, plane.node) {
        return Some(found);
    }
    // Where kube-proxy runs, its rules are missing, whatever else runs.
    if runs_kube_proxy(objects, plane) {
        return None;
    }
    beside(plane)
}

/// What a node is, by its object: no kube-proxy of Linux is meant for it.
pub(super) fn by_object(objects: &Objects, node: &str) -> Option<(Replacement, Evidence)> {
    let object = objects.nodes().iter().find(|object| object.metadata.name.as_deref() == Some(node))?;
    let label = |key: &str| object.metadata.labels.as_ref().and_then(|labels| labels.get(key)).map(String::as_str);
    let says = |replacement, field: &str, value: &str| {
        let object = ObjectRef::new("Node", "", node);
        Some((replacement, Evidence::Field { object, field: field.into(), value: value.into() }))
    };
    let system = object.status.as_ref().and_then(|status| status.node_info.as_ref());
    if label("kubernetes.io/os") == Some("windows") || system.is_some_and(|info| info.operating_system == "windows") {
        return says(Replacement::Windows, "status.nodeInfo.operatingSystem", "windows");
    }
    let fargate = "eks.amazonaws.com/compute-type";
    if label(fargate) == Some("fargate") {
        return says(Replacement::Fargate, &format!("metadata.labels[{fargate}]"), "fargate");
    }
    None
}

/// Another service proxy on a node, by its signs.
fn beside(plane: &Plane<'_>) -> Option<(Replacement, Evidence)> {
    let fact = |text: String| Evidence::Fact { node: Some(plane.node.into()), text };
    // kube-router pkg/controllers/proxy, `KubeDummyIf`; it holds the addresses of Services.
    if plane.links.interface("kube-dummy-if").is_some_and(|own| !own.addresses.is_empty()) {
        return Some((Replacement::KubeRouter, fact("interface kube-dummy-if holds addresses of Services".into())));
    }
    for family in [Family::V4, Family::V6] {
        for loaded in &plane.rules(family).rulesets {
            if let Some(at) = loaded.place_of("filter", "KUBE-ROUTER-SERVICES") {
                return Some((Replacement::KubeRouter, super::outcome::line(plane.node, at)));
            }
        }
    }
    let (replacement, sign) = plane.signs().iter().find_map(|sign| Some((Replacement::of_agent(sign.agent)?, sign)))?;
    let text = match sign.interface {
        Some(interface) => format!("interface {interface}"),
        None => format!("a pod of {} runs on it", sign.agent.as_str()),
    };
    Some((replacement, fact(text)))
}

fn runs_kube_proxy(objects: &Objects, plane: &Plane<'_>) -> bool {
    let answers = plane.dumps.dumps.get(super::backends::PROXY_MODE).is_some_and(|dump| !dump.text.trim().is_empty());
    let object = objects.nodes().iter().find(|object| object.metadata.name.as_deref() == Some(plane.node));
    answers || embedded(object).is_some() || proxy_pod(objects, plane.node).is_some()
}

fn proxy_pod<'a>(objects: &'a Objects, node: &str) -> Option<&'a Pod> {
    crate::collect::companions::kube_proxy(objects, node)
}

/// The program that kube-proxy is a part of on this node; there is no pod of it then (k3s `pkg/agent`, MicroK8s'
/// kubelite, EKS Auto Mode's nodes).
pub(super) fn embedded(object: Option<&Node>) -> Option<&'static str> {
    let object = object?;
    let has = |key: &str, value: &str| {
        object.metadata.labels.as_ref().and_then(|labels| labels.get(key)).is_some_and(|found| found == value)
    };
    let version = object.status.as_ref()?.node_info.as_ref().map_or("", |info| info.kubelet_version.as_str());
    if version.contains("+k3s") {
        Some("k3s")
    } else if has("microk8s.io/cluster", "true") {
        Some("kubelite of MicroK8s")
    } else if has("eks.amazonaws.com/compute-type", "auto") {
        Some("EKS Auto Mode")
    } else {
        None
    }
}

/// What is said of a node that is not walked because something else serves there.
pub(super) fn said(node: &NodeResult<'_>) -> Option<String> {
    let ModeKind::Replaced(replacement) = node.mode.kind else { return None };
    let name = node.view.name;
    let why = match &node.mode.evidence {
        Some(Evidence::Fact { text, .. }) => format!(" ({text})"),
        Some(Evidence::Field { field, value, .. }) => format!(" ({field}: {value})"),
        Some(Evidence::Line { dump, line, .. }) => format!(" ({dump} :{line})"),
        None => String::new(),
    };
    let by = replacement.shown_by().map(|command| format!("; {command} shows it")).unwrap_or_default();
    Some(format!(
        "{name}: {}{why}. The objects were checked; where packets go there is not in rules that could be walked{by}",
        replacement.words()
    ))
}

/// ST307 and ST334: kube-proxy's rules beside another service proxy.
pub(super) fn two_proxies(objects: &Objects, node: &NodeResult<'_>) -> Option<Finding> {
    match node.mode.kind {
        ModeKind::Iptables(_) | ModeKind::Nftables | ModeKind::Ipvs | ModeKind::Userspace => {}
        ModeKind::Replaced(_) | ModeKind::NotRead | ModeKind::None => return None,
    }
    let (replacement, sign) = beside(&node.plane)?;
    let name = node.view.name;
    let runs = runs_kube_proxy(objects, &node.plane);
    let (code, summary) = if runs {
        if !replacement.always_serves() {
            return None;
        }
        let summary = format!("two service proxies on {name}: {}, and kube-proxy", bare(replacement));
        (Code::TwoServiceProxies, summary)
    } else {
        // Pods of the node were looked for, and kube-proxy is not among them.
        let gone = objects.proxies.as_ref().is_some_and(|pods| !pods.is_empty() && !pods.iter().any(is_kube_proxy));
        if !gone {
            return None;
        }
        let summary = format!(
            "{name} still holds kube-proxy's rules: {} serves Services, and kube-proxy is gone",
            bare(replacement)
        );
        (Code::LeftoverAfterReplacement, summary)
    };
    let mut finding = Finding::new(code, summary);
    finding.node = Some(name.into());
    finding.confidence = Confidence::Likely;
    finding.evidence = node.mode.evidence.iter().cloned().chain([sign]).collect();
    if runs {
        finding
            .details
            .push("both send connections to endpoints, and which is first depends on the way of the packet".into());
        finding.evidence.extend(proxy_pod(objects, name).map(|pod| Evidence::Field {
            object: ObjectRef::new(
                "Pod",
                pod.metadata.namespace.as_deref().unwrap_or_default(),
                pod.metadata.name.as_deref().unwrap_or_default(),
            ),
            field: "spec.nodeName".into(),
            value: name.into(),
        }));
        finding.help = Some("kubectl -n kube-system get daemonset kube-proxy".into());
    } else {
        finding.details.push("nobody updates them: they lead to the endpoints of the day when kube-proxy went".into());
        finding.help = Some(format!(
            "on {name}: iptables-save | grep -c KUBE-SVC   # a reboot, or kube-proxy --cleanup, removes them"
        ));
    }
    Some(finding)
}

/// `Cilium instead of kube-proxy (eBPF)` → `Cilium`.
fn bare(replacement: Replacement) -> &'static str {
    let words = replacement.words();
    words.split_once(" instead").map_or(words, |(name, _)| name)
}

fn is_kube_proxy(pod: &Pod) -> bool {
    pod.metadata.name.as_deref().is_some_and(|name| name.contains("kube-proxy"))
}
