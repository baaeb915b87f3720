//! Userspace mode (before 1.26): rules lead to a port of the kube-proxy process, which connects to an endpoint itself.
//! The walk ends there, and nothing is said of what the process does.

use crate::dataplane::Loc;
use crate::dataplane::plane::Rules;
use crate::report::{Disposition, Origin};
use crate::walk::packet::{Action, Dependency, Outcome};

use super::mode::ModeKind;

/// kube-proxy's chains of this mode (kubernetes 1.25, pkg/proxy/userspace/proxier.go).
const CHAINS: [&str; 5] = [
    "KUBE-PORTALS-CONTAINER",
    "KUBE-PORTALS-HOST",
    "KUBE-NODEPORT-CONTAINER",
    "KUBE-NODEPORT-HOST",
    "KUBE-NODEPORT-NON-LOCAL",
];

/// Whether a chain is one of kube-proxy's in this mode.
#[must_use]
pub(super) fn is_own(chain: &str) -> bool {
    CHAINS.contains(&chain)
}

/// Makes ends at a port that kube-proxy's rules lead to depend on what kube-proxy does there.
pub(super) fn ends_at_proxy(mode: ModeKind, outcomes: &mut [Outcome<'_>]) {
    if mode != ModeKind::Userspace {
        return;
    }
    let arrives = |end| matches!(end, Disposition::Local | Disposition::Delivered);
    for outcome in outcomes.iter_mut().filter(|outcome| arrives(outcome.disposition)) {
        let to = super::outcome::rewrite(outcome).filter(|(hop, _)| is_own(hop.chain)).map(|(_, to)| to);
        if let Some(to) = to.filter(|to| *to == outcome.destination) {
            let port = to.port();
            let what = format!("what kube-proxy does at its own port {port}, where it connects to an endpoint itself");
            outcome.depends_on.push(Dependency::Fact(what));
        }
    }
}

/// The chain that takes packets for cluster IPs from a client, and its line.
#[must_use]
pub(super) fn entry<'snap>(rules: &Rules<'snap>, origin: Origin) -> (&'static str, Option<Loc<'snap>>) {
    let chain = match origin {
        Origin::Node => "KUBE-PORTALS-HOST",
        Origin::Pod | Origin::External => "KUBE-PORTALS-CONTAINER",
    };
    (chain, rules.rulesets.iter().find_map(|loaded| loaded.place_of("nat", chain)))
}

/// Whether an end is open though it is known where it is: what a process does there decides.
#[must_use]
pub(super) fn is_open(outcome: &Outcome<'_>) -> bool {
    outcome.disposition != Disposition::Indeterminate && outcome.when.is_none() && !outcome.depends_on.is_empty()
}

/// The port of kube-proxy that a hop leads to.
#[must_use]
pub(super) fn port(action: &Action<'_>, chain: &str) -> Option<u16> {
    match action {
        Action::Redirect(to) | Action::Dnat(to) if is_own(chain) => Some(to.port()),
        _ => None,
    }
}
