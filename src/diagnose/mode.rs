//! How a node serves Services, by evidence: what stands in its kernel, not what somebody configured.

use crate::collect::snapshot::Objects;
use crate::dataplane::Loc;
use crate::dataplane::iptables::rule::{Rule, Test};
use crate::dataplane::iptables::ruleset::Backend;
use crate::dataplane::links::Links;
use crate::dataplane::plane::{Family, Loaded, Plane};
use crate::order;
use crate::report::Evidence;

use super::coverage::{Coverage, coverage};
use super::outcome::line;
use super::replacement::Replacement;

/// How a node serves Services.
#[derive(Debug, Clone, PartialEq)]
pub struct Mode {
    /// What was found.
    pub kind: ModeKind,
    /// What says so.
    pub evidence: Option<Evidence>,
    /// Why this one, where there are rules of several.
    pub why: Option<Why>,
    /// The others.
    pub others: Vec<Candidate>,
}

/// Why a mode is taken for the one that acts, where there are rules of several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// kube-proxy on the node says so.
    Said(String),
    /// Its rules serve the Services that there are, the others do not.
    Covers(String),
    /// Nothing tells.
    Open,
}

impl Why {
    /// In words, for the report.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Said(mode) => format!("kube-proxy says that its mode is {mode}"),
            Self::Covers(words) => words.clone(),
            Self::Open => "which of two modes is in use is not known".into(),
        }
    }
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
    /// Something else than kube-proxy.
    Replaced(Replacement),
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
            Self::Replaced(replacement) => replacement.words(),
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
            Self::Replaced(_) | Self::NotRead | Self::None => None,
        }
    }

    /// Whether the walk follows it hop by hop, in userspace mode up to kube-proxy's port.
    #[must_use]
    pub const fn is_walked(self) -> bool {
        match self {
            Self::Iptables(_) | Self::Nftables | Self::Ipvs | Self::Userspace | Self::None => true,
            Self::Replaced(_) | Self::NotRead => false,
        }
    }
}

/// Finds how a node serves Services.
#[must_use]
pub fn detect(plane: &Plane<'_>) -> Mode {
    choose(plane, &[Family::V4, Family::V6], None)
}

/// The same, with what the objects tell of the rules of two modes: those that serve all Services are kept up to date.
#[must_use]
pub fn detect_with(plane: &Plane<'_>, objects: &Objects) -> Mode {
    let mode = choose(plane, &[Family::V4, Family::V6], Some(objects));
    let found = match mode.kind {
        ModeKind::None => super::replacement::instead(objects, plane),
        // Nothing was read: only the object of the node tells.
        ModeKind::NotRead => super::replacement::by_object(objects, plane.node),
        ModeKind::Iptables(_) | ModeKind::Nftables | ModeKind::Ipvs | ModeKind::Userspace | ModeKind::Replaced(_) => {
            None
        }
    };
    match found {
        Some((by, evidence)) => {
            Mode { kind: ModeKind::Replaced(by), evidence: Some(evidence), why: None, others: Vec::new() }
        }
        None => mode,
    }
}

/// The same, of one family alone: the rules of the other are not read.
#[must_use]
pub fn detect_for(plane: &Plane<'_>, family: Family) -> Mode {
    choose(plane, &[family], None)
}

/// A mode whose rules are on the node.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Which.
    pub kind: ModeKind,
    /// The line that says so.
    pub evidence: Option<Evidence>,
    /// Whether it holds any Service.
    pub serves: bool,
}

fn choose(plane: &Plane<'_>, families: &[Family], objects: Option<&Objects>) -> Mode {
    let mut found = candidates(plane, families);
    let said = plane.dumps.dumps.get(super::backends::PROXY_MODE).map(|dump| dump.text.trim());
    let serving = found.iter().filter(|one| one.serves).count();
    let mut why = None;
    let at = if let Some(at) = found.iter().position(|one| one.kind.name().is_some() && one.kind.name() == said) {
        if found.len() > 1 {
            why = said.map(|said| Why::Said(said.to_owned()));
        }
        Some(at)
    } else if serving > 1 {
        let best = objects.and_then(|objects| best_covering(plane, &found, objects));
        why = Some(best.as_ref().map_or(Why::Open, |(_, words)| Why::Covers(words.clone())));
        best.map(|(at, _)| at).or_else(|| found.iter().position(|one| one.serves))
    } else {
        found.iter().position(|one| one.serves).or_else(|| {
            // A table or a chain that holds nothing: an entry of iptables' nat is what every kube-proxy makes first.
            let iptables = found.iter().position(|one| matches!(one.kind, ModeKind::Iptables(_)));
            iptables.or((!found.is_empty()).then_some(0))
        })
    };
    if let Some(at) = at {
        let chosen = found.remove(at);
        return Mode { kind: chosen.kind, evidence: chosen.evidence, why, others: found };
    }
    let read = families.iter().any(|family| plane.rules(*family).read == crate::dataplane::plane::Read::Yes);
    let kind = if read { ModeKind::None } else { ModeKind::NotRead };
    Mode { kind, evidence: None, why: None, others: Vec::new() }
}

/// Every mode of which there are rules, the newest kind first.
fn candidates(plane: &Plane<'_>, families: &[Family]) -> Vec<Candidate> {
    let loaded = || families.iter().flat_map(|family| &plane.rules(*family).rulesets);
    let mut found = Vec::new();
    if let Some((serves, at)) = plane.nft().kube_proxy_table() {
        found.push(Candidate { kind: ModeKind::Nftables, evidence: Some(line(plane.node, at)), serves });
    }
    if let Some(at) = loaded().find_map(|one| one.place_of("nat", "KUBE-PORTALS-CONTAINER")) {
        found.push(Candidate { kind: ModeKind::Userspace, evidence: Some(line(plane.node, at)), serves: true });
    }
    let ipvs_chain = ["KUBE-IPVS-FILTER", "KUBE-NODE-PORT"];
    let ipvs = loaded().find_map(|one| {
        if let Some(at) = sets_of_ipvs(one) {
            return Some(at);
        }
        ipvs_chain.iter().find_map(|chain| one.place_of("filter", chain).or_else(|| one.place_of("nat", chain)))
    });
    // ipvs mode makes a nat KUBE-SERVICES too, of sets instead of addresses.
    let iptables =
        loaded().find(|one| has_entries(one)).or_else(|| loaded().find(|one| serves(one)).filter(|_| ipvs.is_none()));
    if let Some(one) = iptables {
        let evidence = one.place_of("nat", "KUBE-SERVICES").map(|at| line(plane.node, at));
        let kind = ModeKind::Iptables(one.ruleset.backend);
        found.push(Candidate { kind, evidence, serves: has_entries(one) });
    }
    if let Some(at) = ipvs {
        // Without its interface there is nothing that a packet for a Service would be handed to.
        let bound = plane.links.interface(Links::IPVS).is_some_and(|own| !own.addresses.is_empty());
        let serves = bound || !plane.ipvs().is_empty() && plane.ipvs().was_read() && !plane.links.knows_interfaces();
        found.push(Candidate { kind: ModeKind::Ipvs, evidence: Some(line(plane.node, at)), serves });
    }
    found
}

/// The one that serves more of the Services than each other; if none does, the one that serves less beyond them.
fn best_covering(plane: &Plane<'_>, found: &[Candidate], objects: &Objects) -> Option<(usize, String)> {
    let mut list: Vec<(usize, Coverage)> = found
        .iter()
        .enumerate()
        .filter(|(_, one)| one.serves)
        .map(|(at, one)| (at, coverage(plane, one.kind, objects)))
        .collect();
    let rank = |one: &Coverage| (std::cmp::Reverse(one.served), one.beyond);
    order::sort_by_key(&mut list, |(_, one)| rank(one));
    let [(at, best), (other_at, other), ..] = list.as_slice() else {
        return None;
    };
    if rank(best) == rank(other) {
        return None;
    }
    let name = |at: &usize| found.get(*at).and_then(|one| one.kind.name()).unwrap_or_default();
    let (own, theirs) = (name(at), name(other_at));
    let words = if best.served == other.served {
        format!("those of {theirs} are also for {} addresses that no Service has", other.beyond)
    } else {
        format!(
            "the rules of {own} serve {} of {} cluster IPs, those of {theirs} {}",
            best.served, best.of, other.served
        )
    };
    Some((*at, words))
}

/// The rule that tells cluster IPs by a set, as ipvs mode alone does, also before it had chains of its own (1.10).
fn sets_of_ipvs<'snap>(loaded: &Loaded<'snap>) -> Option<Loc<'snap>> {
    let nat = loaded.table("nat").filter(|_| !has_entries(loaded))?;
    nat.chain("KUBE-SERVICES")?;
    let rules = loaded.body_of("nat", "KUBE-SERVICES")?.rules().flatten();
    let of_set = |rule: &&Rule<'_>| {
        rule.matches.iter().any(
            |test| matches!(test.test, Test::Set(name, _) if ["KUBE-CLUSTER-IP", "KUBE-6-CLUSTER-IP"].contains(&name)),
        )
    };
    rules.into_iter().find(of_set).map(|rule| rule.at)
}

/// Whether a ruleset has kube-proxy's entry into nat.
#[must_use]
pub fn serves(loaded: &Loaded<'_>) -> bool {
    loaded.table("nat").is_some_and(|nat| nat.chain("KUBE-SERVICES").is_some())
}

/// Whether a rule of a ruleset leads into a Service's chain.
#[must_use]
pub fn has_entries(loaded: &Loaded<'_>) -> bool {
    ["KUBE-SERVICES", "KUBE-NODEPORTS"].iter().filter_map(|chain| loaded.body_of("nat", chain)).any(|body| {
        body.lines().any(|at| {
            let to = at.text.split_once(" -j ").map_or("", |(_, to)| to);
            ["KUBE-SVC-", "KUBE-SVL-", "KUBE-EXT-", "KUBE-XLB-", "KUBE-FW-"].iter().any(|prefix| to.starts_with(prefix))
        })
    })
}
