//! Signs on a node of something that handles packets before netfilter or beside it: an eBPF dataplane, a policy agent,
//! a virtual switch, an XDP program, a filter of tc, an early nftables chain. Says where they are, not what they do.

use rustc_hash::FxHashMap;

use super::Loc;
use super::links::Links;
use super::nft::Tables;
use super::nft::early::early_chains;
use super::tc::Filter;

/// What was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Agent {
    /// Cilium; also beside kube-proxy.
    Cilium,
    /// Calico in eBPF mode.
    CalicoEbpf,
    /// The policy agent of the AWS VPC plugin.
    AwsPolicy,
    /// Antrea, with Open vSwitch.
    Antrea,
    /// OVN-Kubernetes.
    OvnKubernetes,
    /// Kube-OVN.
    KubeOvn,
    /// An XDP program.
    Xdp,
    /// A filter or program of traffic control.
    Tc,
    /// A chain of nftables at ingress or on a bridge.
    EarlyChain,
}

impl Agent {
    /// Its name, for the reader.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cilium => "Cilium",
            Self::CalicoEbpf => "Calico's eBPF dataplane",
            Self::AwsPolicy => "the AWS network policy agent",
            Self::Antrea => "Antrea (Open vSwitch)",
            Self::OvnKubernetes => "OVN-Kubernetes (Open vSwitch)",
            Self::KubeOvn => "Kube-OVN (Open vSwitch)",
            Self::Xdp => "an XDP program",
            Self::Tc => "a filter of tc",
            Self::EarlyChain => "a chain of nftables that runs earlier",
        }
    }

    /// Whether it may act on a packet that passes an interface. The AWS agent is on the interfaces of pods only
    /// (aws-network-policy-agent README), a program, filter or chain where it was seen and on what lies above, the others
    /// on each path.
    fn is_on(self, seen: Option<&str>, above: &Above<'_>, passed: &str) -> bool {
        match self {
            Self::Cilium | Self::CalicoEbpf | Self::Antrea | Self::OvnKubernetes | Self::KubeOvn => true,
            Self::AwsPolicy => passed.starts_with("eni") || passed.starts_with("vlan"),
            Self::Xdp | Self::Tc | Self::EarlyChain => seen.is_none_or(|seen| seen == passed || above.has(passed)),
        }
    }
}

/// The interfaces whose packets also pass one: the bridge or bond that it is a port of, the VLAN that stands on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Above<'snap> {
    /// These.
    Known(Vec<&'snap str>),
    /// The node's interfaces were not read: any.
    Unknown,
}

impl Above<'_> {
    fn has(&self, passed: &str) -> bool {
        match self {
            Self::Known(names) => names.contains(&passed),
            Self::Unknown => true,
        }
    }
}

/// One sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sign<'snap> {
    /// What it is a sign of.
    pub agent: Agent,
    /// Interface that it was seen on; `None` for one that is on no single interface.
    pub interface: Option<&'snap str>,
    /// The interfaces above that one.
    pub above: Above<'snap>,
    /// The line, where it is one.
    pub at: Option<Loc<'snap>>,
}

impl Sign<'_> {
    /// The sign in words: `Cilium: interface cilium_host`.
    #[must_use]
    pub fn words(&self) -> String {
        let agent = self.agent.as_str();
        match (self.agent, self.interface, self.at) {
            (Agent::Xdp, Some(interface), _) => format!("{agent} on interface {interface}"),
            (Agent::EarlyChain | Agent::Tc, interface, Some(at)) => {
                format!("{agent}{}: `{}`", interface.map(|name| format!(" on {name}")).unwrap_or_default(), at.text)
            }
            (_, Some(interface), _) => format!("{agent}: interface {interface}"),
            (_, None, _) => agent.to_owned(),
        }
    }

    /// Whether it may act on a packet that passes these interfaces. One that is not known may be any.
    #[must_use]
    pub fn concerns(&self, passed: &[Option<&str>]) -> bool {
        passed.iter().any(|passed| passed.is_none_or(|passed| self.agent.is_on(self.interface, &self.above, passed)))
    }
}

/// All signs that a node's interfaces, their filters, and early chains give.
#[must_use]
pub fn signs<'snap>(links: &Links<'snap>, filters: &[Filter<'snap>], nft: &Tables<'snap>) -> Vec<Sign<'snap>> {
    let mut found: Vec<Sign<'snap>> = Vec::new();
    let uppers = Uppers::of(links);
    let sign = |agent, interface: Option<&'snap str>, at| {
        let above = interface.map_or(Above::Known(Vec::new()), |name| uppers.of_interface(name));
        Sign { agent, interface, above, at }
    };
    for interface in links.interfaces() {
        // One sign of each agent is enough.
        if let Some(agent) = agent_of_interface(interface.name)
            && !found.iter().any(|sign| sign.agent == agent)
        {
            found.push(sign(agent, Some(interface.name), None));
        }
        if interface.xdp {
            found.push(sign(Agent::Xdp, Some(interface.name), None));
        }
    }
    for filter in filters {
        found.push(sign(Agent::Tc, Some(filter.interface), Some(filter.at)));
    }
    for chain in early_chains(nft) {
        let mut devices = chain.base.devices().peekable();
        if devices.peek().is_none() {
            found.push(sign(Agent::EarlyChain, None, Some(chain.at)));
        }
        found.extend(devices.map(|device| sign(Agent::EarlyChain, Some(device), Some(chain.at))));
    }
    found
}

/// What lies above each interface, one step up.
struct Uppers<'snap> {
    next: Option<FxHashMap<&'snap str, Vec<&'snap str>>>,
}

impl<'snap> Uppers<'snap> {
    fn of(links: &Links<'snap>) -> Self {
        if links.interfaces().is_empty() {
            return Self { next: None };
        }
        let mut next: FxHashMap<&str, Vec<&str>> = FxHashMap::default();
        for interface in links.interfaces() {
            if let Some(master) = interface.master {
                next.entry(interface.name).or_default().push(master);
            }
            if let Some(below) = interface.below {
                next.entry(below).or_default().push(interface.name);
            }
        }
        Self { next: Some(next) }
    }

    fn of_interface(&self, name: &'snap str) -> Above<'snap> {
        let Some(next) = &self.next else { return Above::Unknown };
        let mut all = Vec::new();
        let mut todo = vec![name];
        while let Some(one) = todo.pop() {
            for upper in next.get(one).into_iter().flatten() {
                if !all.contains(upper) {
                    all.push(*upper);
                    todo.push(upper);
                }
            }
        }
        Above::Known(all)
    }
}

/// Interfaces that only one agent makes: Cilium `pkg/defaults/node.go`, Calico `felix/dataplane/linux/dataplanedefs`
/// `BPFInDev`, Antrea `cmd/antrea-agent` `defaultHostGateway`, OVN-Kubernetes `go-controller/pkg/types` `K8sMgmtIntfName`.
fn agent_of_interface(name: &str) -> Option<Agent> {
    Some(match name {
        "cilium_host" | "cilium_net" | "cilium_vxlan" | "cilium_geneve" | "lxc_health" => Agent::Cilium,
        "bpfin.cali" | "bpfout.cali" => Agent::CalicoEbpf,
        "antrea-gw0" => Agent::Antrea,
        "ovn-k8s-mp0" => Agent::OvnKubernetes,
        "ovn0" => Agent::KubeOvn,
        _ => return None,
    })
}

/// What the container of a pod of this node is the agent of, by its image and arguments. A container that runs with
/// its part switched off is none.
#[must_use]
pub fn agent_of_container(image: &str, args: &[String]) -> Option<Agent> {
    let path = image.split_once('@').map_or(image, |(path, _)| path);
    let last = path.rsplit('/').next().unwrap_or_default();
    let name = last.split_once(':').map_or(last, |(name, _)| name);
    let says = |text: &str| args.iter().any(|arg| arg == text);
    match name {
        // The operator and the interface plugins of Cilium handle no packets.
        "cilium" | "cilium-ci" => Some(Agent::Cilium),
        // The container is always there; the switch is one of its arguments (aws-network-policy-agent README).
        "aws-network-policy-agent" if !says("--enable-network-policy=false") => Some(Agent::AwsPolicy),
        "antrea-agent-ubuntu" | "antrea-ubuntu" | "antrea-agent-ubi" => Some(Agent::Antrea),
        "ovn-kube" | "ovn-kube-u" | "ovn-kube-f" => Some(Agent::OvnKubernetes),
        "kube-ovn" => Some(Agent::KubeOvn),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]
mod tests {
    use super::*;
    use crate::collect::snapshot::{Dump, NodeDumps};

    fn node(list: &[(&str, &str)]) -> NodeDumps {
        let mut node = NodeDumps::default();
        for (name, text) in list {
            node.dumps.insert((*name).to_owned(), Dump { text: (*text).to_owned(), exit: Some(0), ..Dump::default() });
        }
        node
    }

    #[track_caller]
    fn case(list: &[(&str, &str)], expected: &[&str]) {
        let dumps = node(list);
        let links = Links::read(&dumps, &[]);
        let words: Vec<_> = signs(&links, &crate::dataplane::tc::filters(&dumps), &crate::dataplane::nft::read(&dumps))
            .iter()
            .map(Sign::words)
            .collect();
        assert_eq!(words, expected);
    }

    #[test]
    fn interfaces_tell() {
        let cilium = r#"[{"ifindex":1,"ifname":"lo","addr_info":[]},{"ifindex":3,"ifname":"cilium_net","addr_info":[]},{"ifindex":4,"ifname":"cilium_host","addr_info":[]}]"#;
        case(&[("ip-addr", cilium)], &["Cilium: interface cilium_net"]);
        case(
            &[("ip-addr", r#"[{"ifindex":3,"ifname":"bpfin.cali"}]"#)],
            &["Calico's eBPF dataplane: interface bpfin.cali"],
        );
        case(&[("ip-addr", r#"[{"ifindex":3,"ifname":"cali12345"},{"ifindex":4,"ifname":"eni0a1b2c"}]"#)], &[]);
    }

    #[test]
    fn an_xdp_program_is_on_its_interface() {
        let link = r#"[{"ifindex":2,"ifname":"eth0","flags":["UP"],"xdp":{"mode":2,"prog":{"id":12,"tag":"3b185187f1855c4c"}}},{"ifindex":3,"ifname":"cni0","flags":["UP"]}]"#;
        case(&[("ip-link", link)], &["an XDP program on interface eth0"]);
        let dumps = node(&[("ip-link", link)]);
        let links = Links::read(&dumps, &[]);
        let signs = signs(&links, &crate::dataplane::tc::filters(&dumps), &crate::dataplane::nft::read(&dumps));
        let sign = &signs[0];
        assert!(sign.concerns(&[Some("eth0")]) && sign.concerns(&[Some("cni0"), None]));
        assert!(!sign.concerns(&[Some("cni0"), Some("lo")]));
    }

    #[test]
    fn a_filter_of_tc_is_on_its_interface() {
        let text = "dev eth0 ingress\nfilter protocol all pref 1 bpf chain 0 \nfilter protocol all pref 1 bpf chain 0 handle 0x1 from_netdev direct-action not_in_hw id 9\n";
        let words = "a filter of tc on eth0: `filter protocol all pref 1 bpf chain 0 handle 0x1 from_netdev direct-action not_in_hw id 9`";
        case(&[("tc-filter", text)], &[words]);
    }

    #[test]
    fn early_chains_tell() {
        let text = "table netdev early {\n\tchain in {\n\t\ttype filter hook ingress device \"eth0\" priority -500; policy accept;\n\t\tip saddr 10.0.0.1 drop\n\t}\n}\n";
        case(&[("nft-ruleset", text)], &["a chain of nftables that runs earlier on eth0: `ip saddr 10.0.0.1 drop`"]);
    }

    #[test]
    fn a_chain_may_be_on_several_interfaces() {
        let text = "table netdev e {\n\tchain c {\n\t\ttype filter hook ingress devices = { cni0, eth0 } priority filter; policy accept;\n\t\ttcp dport 80 drop\n\t}\n}\n";
        let on = |name: &str| format!("a chain of nftables that runs earlier on {name}: `tcp dport 80 drop`");
        case(&[("nft-ruleset", text)], &[&on("cni0"), &on("eth0")]);
        let unread = text.replace("cni0,", "cni0 ");
        case(&[("nft-ruleset", &unread)], &["a chain of nftables that runs earlier: `tcp dport 80 drop`"]);
    }

    #[test]
    fn what_lies_below_an_interface_is_passed_too() {
        let link = r#"[{"ifindex":2,"ifname":"eth0"},{"ifindex":3,"ifname":"cni0"},{"ifindex":4,"ifname":"eth0.7","link":"eth0"},
            {"ifindex":7,"ifname":"veth1","master":"cni0","xdp":{"mode":2}},{"ifindex":8,"ifname":"ens1","master":"eth0","xdp":{"mode":1}}]"#;
        let dumps = node(&[("ip-link", link)]);
        let links = Links::read(&dumps, &[]);
        let concerned = |passed: &str| -> Vec<_> {
            let all = signs(&links, &[], &Tables::default());
            all.iter().filter(|sign| sign.concerns(&[Some(passed)])).filter_map(|sign| sign.interface).collect()
        };
        assert_eq!(concerned("cni0"), ["veth1"]);
        assert_eq!(concerned("eth0"), ["ens1"]);
        assert_eq!(concerned("eth0.7"), ["ens1"]);
        assert_eq!(concerned("veth1"), ["veth1"]);
        assert!(concerned("veth2").is_empty());
    }

    #[test]
    fn containers_tell() {
        let agent = |image, args: &[&str]| {
            agent_of_container(image, &args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(agent("quay.io/cilium/cilium:v1.17.2@sha256:abc", &[]), Some(Agent::Cilium));
        assert_eq!(agent("quay.io/cilium/operator-generic:v1.17.2", &[]), None);
        let aws = "602401143452.dkr.ecr.us-west-2.amazonaws.com/amazon/aws-network-policy-agent:v1.2.0-eksbuild.1";
        assert_eq!(agent(aws, &["--enable-network-policy=true"]), Some(Agent::AwsPolicy));
        assert_eq!(agent(aws, &["--enable-network-policy=false"]), None);
        assert_eq!(agent("registry.k8s.io/kube-proxy:v1.34.4", &[]), None);
    }
}
