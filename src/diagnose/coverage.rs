//! How many Services the rules of a mode serve: the one that serves all of them is kept up to date, the others are what
//! an earlier mode left. Compares addresses only.

use std::net::IpAddr;

use rustc_hash::FxHashSet;

use crate::cluster::ServiceView;
use crate::collect::snapshot::Objects;
use crate::dataplane::plane::Plane;

use super::mode::ModeKind;

/// What a mode serves of what it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Coverage {
    /// Cluster IPs that it serves.
    pub(super) served: usize,
    /// Cluster IPs that there are.
    pub(super) of: usize,
    /// Addresses that it serves and no Service has; 0 where not all Services were read.
    pub(super) beyond: usize,
}

/// Compares the rules of a mode with the Services that were read.
pub(super) fn coverage(plane: &Plane<'_>, kind: ModeKind, objects: &Objects) -> Coverage {
    let held = held_by(plane, kind);
    let mut wanted: FxHashSet<IpAddr> = FxHashSet::default();
    let mut others: FxHashSet<IpAddr> = FxHashSet::default();
    for view in ServiceView::all(objects).filter(|view| view.not_programmed().is_none()) {
        wanted.extend(&view.cluster_ips);
        others.extend(view.external_ips.iter().copied().chain(view.load_balancer_ips()));
    }
    let whole = objects.is_whole("services");
    let beyond = held.iter().filter(|ip| !wanted.contains(*ip) && !others.contains(*ip)).count();
    Coverage { served: wanted.intersection(&held).count(), of: wanted.len(), beyond: if whole { beyond } else { 0 } }
}

/// Addresses of Services that the rules of a mode hold.
fn held_by(plane: &Plane<'_>, kind: ModeKind) -> FxHashSet<IpAddr> {
    match kind {
        ModeKind::Iptables(backend) => super::leftovers::entry_addresses(plane, backend),
        ModeKind::Nftables => of_nftables(plane),
        ModeKind::Ipvs => plane
            .links
            .interface("kube-ipvs0")
            .into_iter()
            .flat_map(|interface| interface.addresses.iter().map(|address| address.ip))
            .filter(|ip| !matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local()))
            .collect(),
        ModeKind::Userspace | ModeKind::Replaced(_) | ModeKind::NotRead | ModeKind::None => FxHashSet::default(),
    }
}

/// Addresses in the elements of kube-proxy's maps, `10.96.0.1 . tcp . 443 : goto service-…`, in one pass.
fn of_nftables(plane: &Plane<'_>) -> FxHashSet<IpAddr> {
    super::nft_table::entries(plane).into_iter().filter_map(|entry| entry.dst).collect()
}
