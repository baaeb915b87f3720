//! Whose rule it is, by the names that programs give to their chains: for words and advice, never for decisions.

use crate::dataplane::plane::{Family, Plane};

/// A program that writes rules beside kube-proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Author {
    Ufw,
    Firewalld,
    Docker,
    Calico,
    KubeRouter,
    Weave,
    Aws,
    Flannel,
    IpMasqAgent,
    Portmap,
    Cilium,
}

impl Author {
    const ALL: [Self; 11] = [
        Self::Ufw,
        Self::Firewalld,
        Self::Docker,
        Self::Calico,
        Self::KubeRouter,
        Self::Weave,
        Self::Aws,
        Self::Flannel,
        Self::IpMasqAgent,
        Self::Portmap,
        Self::Cilium,
    ];

    /// Its name.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Ufw => "ufw",
            Self::Firewalld => "firewalld",
            Self::Docker => "Docker",
            Self::Calico => "Calico",
            Self::KubeRouter => "kube-router",
            Self::Weave => "Weave Net",
            Self::Aws => "the AWS VPC plugin",
            Self::Flannel => "flannel",
            Self::IpMasqAgent => "ip-masq-agent",
            Self::Portmap => "the portmap plugin",
            Self::Cilium => "Cilium",
        }
    }

    /// What its chains begin with: ufw(8), firewalld 1.3 `core/ipXtables.py`, Docker libnetwork `iptables/iptables.go`,
    /// Calico `felix/rules/rule_defs.go`, kube-router `pkg/controllers/netpol`, weave `npc/constants.go`, the AWS VPC
    /// plugin `pkg/networkutils`, flannel `pkg/trafficmngr/iptables`, containernetworking portmap `chain.go`.
    const fn prefixes(self) -> &'static [&'static str] {
        match self {
            Self::Ufw => &["ufw-", "ufw6-"],
            Self::Firewalld => &[
                "FWD_",
                "FWDI_",
                "FWDO_",
                "IN_",
                "OUT_",
                "PRE_",
                "POST_",
                "FORWARD_ZONES",
                "INPUT_ZONES",
                "FORWARD_POLICIES",
                "INPUT_POLICIES",
                "FORWARD_direct",
                "INPUT_direct",
                "filter_FWD_",
                "filter_IN_",
                "filter_FORWARD",
                "filter_INPUT",
                "nat_PRE_",
                "nat_POST_",
                "mangle_PRE_",
            ],
            Self::Docker => &["DOCKER"],
            Self::Calico => &["cali-"],
            Self::KubeRouter => &["KUBE-ROUTER-", "KUBE-POD-FW-", "KUBE-NWPLCY-"],
            Self::Weave => &["WEAVE"],
            Self::Aws => &["AWS-"],
            Self::Flannel => &["FLANNEL-"],
            Self::IpMasqAgent => &["IP-MASQ"],
            Self::Portmap => &["CNI-HOSTPORT", "CNI-DN-", "CNI-SN-"],
            Self::Cilium => &["CILIUM_"],
        }
    }

    /// Who makes chains of this name.
    pub(super) fn of_chain(chain: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|author| author.prefixes().iter().any(|prefix| chain.starts_with(prefix)))
    }

    /// Who wrote a rule: its chain, or where it jumps, or what its comment begins with.
    pub(super) fn of_rule(chain: &str, text: &str) -> Option<Self> {
        const WORDS: [(&str, Author); 4] = [
            ("\"flanneld ", Author::Flannel),
            ("\"AWS", Author::Aws),
            ("\"ip-masq-agent", Author::IpMasqAgent),
            ("\"cali:", Author::Calico),
        ];
        Self::of_chain(chain)
            .or_else(|| WORDS.into_iter().find(|(words, _)| text.contains(words)).map(|(_, author)| author))
    }

    /// Whether it enforces NetworkPolicies in its chains.
    pub(super) const fn enforces_policies(self) -> bool {
        match self {
            Self::Calico | Self::KubeRouter | Self::Weave | Self::Cilium => true,
            Self::Ufw
            | Self::Firewalld
            | Self::Docker
            | Self::Aws
            | Self::Flannel
            | Self::IpMasqAgent
            | Self::Portmap => false,
        }
    }

    /// How to let through what it stops; one sentence, where there is one.
    pub(super) const fn advice(self) -> Option<&'static str> {
        match self {
            Self::Ufw => Some("ufw drops what is routed unless it is told otherwise: `ufw default allow routed`"),
            Self::Firewalld => {
                Some("firewalld lets through what its zones allow: the pods' range belongs into zone trusted")
            }
            Self::Docker => {
                Some("Docker sets the policy DROP where it switches forwarding on itself: `iptables -P FORWARD ACCEPT`")
            }
            Self::Calico
            | Self::KubeRouter
            | Self::Weave
            | Self::Cilium
            | Self::Aws
            | Self::Flannel
            | Self::IpMasqAgent
            | Self::Portmap => None,
        }
    }
}

/// Programs of a node that set the policy of a filter chain: they may be why it is DROP.
pub(super) fn firewalls(plane: &Plane<'_>, family: Family) -> Vec<Author> {
    let chains = plane
        .rules(family)
        .rulesets
        .iter()
        .filter_map(|loaded| loaded.table("filter"))
        .flat_map(|table| table.chains.iter().map(|chain| chain.name));
    let mut found: Vec<Author> = Vec::new();
    for author in chains.filter_map(Author::of_chain).filter(|author| author.advice().is_some()) {
        if !found.contains(&author) {
            found.push(author);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_tell_who_made_them() {
        let case = |chain: &str, name| assert_eq!(Author::of_chain(chain).map(Author::name), name, "{chain}");
        case("cali-tw-cali1a2b3c4d5e6", Some("Calico"));
        case("KUBE-POD-FW-HBWZV2SJLGK5NFMS", Some("kube-router"));
        case("KUBE-SVC-NPX46M4PTMTKRN6Y", None);
        case("ufw-reject-forward", Some("ufw"));
        case("DOCKER-USER", Some("Docker"));
        case("FWD_public", Some("firewalld"));
        case("FORWARD", None);
        case("CNI-DN-7f361a562971dddb8f2ea", Some("the portmap plugin"));
    }

    #[test]
    fn comments_tell_where_chains_do_not() {
        let text = "-A POSTROUTING -s 10.244.0.0/16 -d 10.244.0.0/16 -m comment --comment \"flanneld masq\" -j RETURN";
        assert_eq!(Author::of_rule("POSTROUTING", text), Some(Author::Flannel));
    }
}
