//! How a node serves Services, by evidence: what stands in its kernel, not what somebody configured.

use crate::dataplane::iptables::ruleset::Backend;
use crate::dataplane::plane::{Family, Loaded, Plane};
use crate::report::Evidence;

use super::outcome::line;

/// How a node serves Services.
#[derive(Debug, Clone, PartialEq)]
pub struct Mode {
    /// What was found.
    pub kind: ModeKind,
    /// What says so.
    pub evidence: Option<Evidence>,
}

/// Kinds of dataplane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModeKind {
    /// kube-proxy's iptables rules, in this backend.
    Iptables(Backend),
    /// kube-proxy's nftables table.
    Nftables,
    /// Virtual servers and ipsets.
    Ipvs,
    /// Redirects to a port of kube-proxy (before 1.26).
    Userspace,
    /// No rules were read.
    NotRead,
    /// Rules were read, and none of them serves Services.
    None,
}

impl ModeKind {
    /// For the header: `kube-proxy iptables (nft backend)`.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Iptables(Backend::Nft) => "kube-proxy iptables (nft backend)",
            Self::Iptables(Backend::Legacy) => "kube-proxy iptables (legacy backend)",
            Self::Iptables(Backend::Unknown) => "kube-proxy iptables",
            Self::Nftables => "kube-proxy nftables",
            Self::Ipvs => "kube-proxy ipvs",
            Self::Userspace => "kube-proxy userspace",
            Self::NotRead => "rules not read",
            Self::None => "no service proxy found",
        }
    }

    /// kube-proxy's own name of the mode, where it is one.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::Iptables(_) => Some("iptables"),
            Self::Nftables => Some("nftables"),
            Self::Ipvs => Some("ipvs"),
            Self::Userspace => Some("userspace"),
            Self::NotRead | Self::None => None,
        }
    }

    /// Whether the walk follows it hop by hop.
    #[must_use]
    pub const fn is_walked(self) -> bool {
        match self {
            Self::Iptables(_) | Self::None => true,
            Self::Nftables | Self::Ipvs | Self::Userspace | Self::NotRead => false,
        }
    }
}

/// Finds how a node serves Services.
#[must_use]
pub fn detect(plane: &Plane<'_>) -> Mode {
    among(plane, &[Family::V4, Family::V6])
}

/// The same, of one family alone: the rules of the other are not read.
#[must_use]
pub fn detect_for(plane: &Plane<'_>, family: Family) -> Mode {
    among(plane, &[family])
}

fn among(plane: &Plane<'_>, families: &[Family]) -> Mode {
    let loaded = || families.iter().flat_map(|family| &plane.rules(*family).rulesets);
    if let Some((table, at)) = crate::dataplane::nft::outline::kube_proxy_table(plane.dumps) {
        // Old iptables rules may stay beside it; they are told of as leftovers.
        let said = plane.dumps.dumps.get(super::backends::PROXY_MODE).map(|dump| dump.text.trim());
        if !loaded().any(serves) || (table && said != Some("iptables")) {
            return Mode { kind: ModeKind::Nftables, evidence: Some(line(plane.node, at)) };
        }
    }
    for one in loaded() {
        if let Some(at) = one.place_of("nat", "KUBE-PORTALS-CONTAINER") {
            return Mode { kind: ModeKind::Userspace, evidence: Some(line(plane.node, at)) };
        }
    }
    for one in loaded() {
        let ipvs = ["KUBE-IPVS-FILTER", "KUBE-NODE-PORT"];
        let found = ipvs.iter().find_map(|chain| one.place_of("filter", chain).or_else(|| one.place_of("nat", chain)));
        if let Some(at) = found.filter(|_| !one.table("nat").is_some_and(has_service_chains)) {
            return Mode { kind: ModeKind::Ipvs, evidence: Some(line(plane.node, at)) };
        }
    }
    if let Some(one) = loaded().find(|one| serves(one)) {
        let evidence = one.place_of("nat", "KUBE-SERVICES").map(|at| line(plane.node, at));
        return Mode { kind: ModeKind::Iptables(one.ruleset.backend), evidence };
    }
    let read = families.iter().any(|family| plane.rules(*family).read == crate::dataplane::plane::Read::Yes);
    Mode { kind: if read { ModeKind::None } else { ModeKind::NotRead }, evidence: None }
}

/// Whether a ruleset has kube-proxy's entry into nat.
#[must_use]
pub fn serves(loaded: &Loaded<'_>) -> bool {
    loaded.table("nat").is_some_and(|nat| nat.chain("KUBE-SERVICES").is_some())
}

fn has_service_chains(nat: &crate::dataplane::iptables::Table<'_>) -> bool {
    nat.chains.iter().any(|chain| chain.name.starts_with("KUBE-SVC-") || chain.name.starts_with("KUBE-SEP-"))
}
