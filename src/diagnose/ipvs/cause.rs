//! From a path that differs in ipvs mode to its cause: ST401 to ST404, ST407, ST411, ST413, ST415, ST416.

use std::net::SocketAddr;

use crate::dataplane::ipvs::{Found, Virtual, Wanted};
use crate::report::{Code, Disposition, Severity};
use crate::walk::packet::{Action, Hop, Outcome, Protocol, Reason};

use super::super::cause::Cause;
use super::super::node::{NodeResult, PathResult};

const TABLE: &str = "ipvs";

/// Endpoints are promised, and this end is none of them; nothing where it is not IPVS that makes the difference.
pub(in crate::diagnose) fn of<'snap>(
    node: &NodeResult<'snap>,
    path: &PathResult<'snap>,
    outcome: &Outcome<'snap>,
    share: f64,
) -> Option<Cause<'snap>> {
    let last = outcome.hops.last();
    match (outcome.disposition, last) {
        (Disposition::Rejected, Some(hop)) if hop.table == TABLE => Some(refused(node, path, hop, share)),
        (Disposition::Rejected, _) if refused_by_filter(outcome) => Some(filtered(node, path, outcome, share)),
        (Disposition::Rejected | Disposition::Dropped, Some(hop))
            if hop.hook == "input" && balanced(outcome).is_none() && hop.table != TABLE =>
        {
            Some(before_ipvs(outcome, hop, share))
        }
        (Disposition::Delivered | Disposition::Local, _) if balanced(outcome).is_some() => {
            let hop = balanced(outcome)?;
            Some(elsewhere(outcome, hop, share).reason("extra"))
        }
        (Disposition::Local | Disposition::Untouched | Disposition::Unroutable | Disposition::Rejected, _)
            if balanced(outcome).is_none() && !of_the_network(outcome) =>
        {
            unserved(node, path, share)
        }
        _ => None,
    }
}

/// What becomes of an address of a Service, for the causes that ipvs mode alone has.
pub(in crate::diagnose) fn words(cause: &Cause<'_>) -> Option<String> {
    let fact = &cause.fact;
    match (cause.code, cause.reason) {
        (Code::RealServerMismatch, Some("all-draining")) => Some(format!("is refused: {fact}")),
        (Code::VirtualServerMissing, _) => Some("has no virtual server in IPVS".to_owned()),
        (Code::VirtualServerEmpty, _) => Some("is refused, though there are endpoints".to_owned()),
        (Code::VipNotOnKubeIpvs0, _) => Some(format!("is not balanced: {fact}")),
        (Code::IpvsInputDrop, _) => Some(format!("is stopped before IPVS: {fact}")),
        _ => None,
    }
}

/// A switch or a route is in the way, not IPVS.
fn of_the_network(outcome: &Outcome<'_>) -> bool {
    matches!(outcome.reason, Some(Reason::Sysctl(_)))
}

/// The step at which IPVS chose a server.
fn balanced<'a, 'snap>(outcome: &'a Outcome<'snap>) -> Option<&'a Hop<'snap>> {
    outcome.hops.iter().rev().find(|hop| hop.table == TABLE && matches!(hop.action, Action::Dnat(_)))
}

/// Whether kube-proxy's own filter for addresses without a virtual server refused it.
pub(in crate::diagnose) fn refused_by_filter(outcome: &Outcome<'_>) -> bool {
    outcome.disposition == Disposition::Rejected
        && outcome.hops.last().is_some_and(|hop| hop.chain == "KUBE-IPVS-FILTER")
}

/// The virtual server for a path.
fn server_of<'snap>(node: &NodeResult<'snap>, path: &PathResult<'snap>) -> Found<'snap> {
    let protocol = Protocol::parse(&path.info.protocol).unwrap_or(Protocol::Tcp);
    let number = match protocol {
        Protocol::Tcp => 6,
        Protocol::Udp => 17,
        Protocol::Sctp => 132,
        Protocol::Icmp => 1,
    };
    let to = SocketAddr::new(path.info.to, path.info.port);
    node.plane.ipvs().find(Wanted { protocol: number, to, mark: Some(0) })
}

fn refused<'snap>(node: &NodeResult<'snap>, path: &PathResult<'snap>, hop: &Hop<'snap>, share: f64) -> Cause<'snap> {
    match server_of(node, path) {
        Found::Server(server) if !server.servers.is_empty() => {
            let fact = "all its real servers have weight 0: new connections are refused";
            Cause::new(Code::RealServerMismatch, share, fact).at(hop.at).of_objects().reason("all-draining")
        }
        Found::Server(_) | Found::None | Found::Unknown(_) => {
            Cause::new(Code::VirtualServerEmpty, share, "the virtual server has no real server: it refuses")
                .at(hop.at)
                .of_objects()
        }
    }
}

/// KUBE-IPVS-FILTER refuses what its sets do not hold (kube-proxy 1.26 and later).
fn filtered<'snap>(
    node: &NodeResult<'snap>,
    path: &PathResult<'snap>,
    outcome: &Outcome<'snap>,
    share: f64,
) -> Cause<'snap> {
    let at = outcome.hops.last().and_then(|hop| hop.at);
    match server_of(node, path) {
        Found::Server(_) => {
            let fact = "its virtual server is there, and no ipset lets packets through to it";
            Cause::new(Code::IpsetIncomplete, share, fact).at(at).reason("refused")
        }
        Found::None | Found::Unknown(_) => no_server(path, share).at(at),
    }
}

fn no_server<'snap>(path: &PathResult<'snap>, share: f64) -> Cause<'snap> {
    let to = SocketAddr::new(path.info.to, path.info.port);
    Cause::new(Code::VirtualServerMissing, share, format!("IPVS has no virtual server for {to}")).of_objects()
}

/// INPUT stops it: IPVS stands behind its filter.
fn before_ipvs<'snap>(outcome: &Outcome<'snap>, hop: &Hop<'snap>, share: f64) -> Cause<'snap> {
    let verb = if outcome.disposition == Disposition::Dropped { "drops" } else { "refuses" };
    let (fact, at) = match &outcome.reason {
        Some(Reason::Policy(at)) => ("no rule of INPUT accepts it, and the policy is DROP".to_owned(), Some(*at)),
        Some(Reason::Rule(at) | Reason::RejectedWith(at, _)) => {
            (format!("a rule of {} {verb} it before IPVS sees it", hop.chain), Some(*at))
        }
        Some(Reason::Sysctl(_) | Reason::Route(_)) | None => (format!("{} {verb} it", hop.chain), hop.at),
    };
    Cause::new(Code::IpvsInputDrop, share, fact).at(at)
}

fn elsewhere<'snap>(outcome: &Outcome<'snap>, hop: &Hop<'snap>, share: f64) -> Cause<'snap> {
    let to = outcome.destination;
    Cause::new(Code::RealServerMismatch, share, format!("sent to {to}")).at(hop.at).of_objects().endpoint(to)
}

/// IPVS did not take it.
fn unserved<'snap>(node: &NodeResult<'snap>, path: &PathResult<'snap>, share: f64) -> Option<Cause<'snap>> {
    let server: Box<Virtual<'snap>> = match server_of(node, path) {
        Found::None => return Some(no_server(path, share)),
        Found::Unknown(_) => return None,
        Found::Server(server) => server,
    };
    if node.plane.links.is_local(path.info.to).is_no() {
        let fact = format!("{} is not on kube-ipvs0: packets to it pass IPVS by", path.info.to);
        return Some(Cause::new(Code::VipNotOnKubeIpvs0, share, fact).at(Some(server.at)));
    }
    None
}

/// Nothing, or a refusal, is promised, and IPVS sends it on.
pub(in crate::diagnose) fn nothing_promised<'snap>(
    outcome: &Outcome<'snap>,
    promise: &crate::cluster::expectation::Promise,
    share: f64,
) -> Option<Cause<'snap>> {
    let hop = balanced(outcome)?;
    if !matches!(outcome.disposition, Disposition::Delivered | Disposition::Local) {
        return None;
    }
    let ranges = matches!(promise, crate::cluster::expectation::Promise::Dropped(why) if why.contains("SourceRanges"));
    if ranges {
        let fact = "the client is not in loadBalancerSourceRanges, and nothing keeps it out";
        return Some(Cause::new(Code::IpvsSourceRanges, share, fact).at(hop.at));
    }
    Some(elsewhere(outcome, hop, share).reason("no-endpoint"))
}

/// An endpoint gets nothing.
pub(in crate::diagnose) fn missing<'snap>(path: &PathResult<'snap>, endpoint: SocketAddr) -> Option<Cause<'snap>> {
    let hop = path.outcomes.first()?.hops.iter().find(|hop| hop.table == TABLE)?;
    Some(
        Cause::new(Code::RealServerMismatch, 0.0, format!("nothing goes to {endpoint}"))
            .at(hop.at)
            .of_objects()
            .reason("missing")
            .endpoint(endpoint),
    )
}

/// It is not masqueraded and should be: the cause, or `None` where a check of the node tells it better.
pub(in crate::diagnose) fn masquerade<'snap>(
    node: &NodeResult<'snap>,
    path: &PathResult<'snap>,
    outcome: &Outcome<'snap>,
) -> Option<Cause<'snap>> {
    let hop = balanced(outcome)?;
    if node.plane.sysctls.ipvs_conntrack() == Some(false) {
        return None;
    }
    let to_itself = path.info.from == outcome.destination.ip();
    let marked = outcome.hops.iter().any(|hop| matches!(hop.action, Action::Mark(mark) if mark != 0));
    if to_itself && !marked {
        let set = node.plane.sets().get(super::sets::name(path.info.to, "LOOP-BACK").as_str());
        let fact = "a pod that reaches itself is not masqueraded: the answer does not come back";
        return Some(if set.is_some() {
            Cause::new(Code::IpsetIncomplete, outcome.share, fact).at(hop.at).reason("loop-back")
        } else {
            Cause::new(Code::IpvsSourceOrHairpin, outcome.share, fact).at(hop.at).reason("hairpin")
        });
    }
    if marked {
        return Some(
            Cause::new(
                Code::MasqueradePathBroken,
                outcome.share,
                "it is marked, and no rule masquerades what is marked",
            )
            .at(hop.at)
            .reason("mark-not-masqueraded"),
        );
    }
    let fact = "no ipset has its address and port to be masqueraded: the answer may not come back";
    Some(
        Cause::new(Code::IpsetIncomplete, outcome.share, fact)
            .at(hop.at)
            .reason("not-masqueraded")
            .milder(Severity::Warning),
    )
}
