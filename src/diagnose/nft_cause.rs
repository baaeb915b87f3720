//! Causes in nftables mode: why a packet does not come where the objects promise, by kube-proxy's own table and by the
//! other tables of the node.

use std::net::SocketAddr;

use crate::cluster::nft_names::NftName;
use crate::cluster::service::ServiceView;
use crate::dataplane::Loc;
use crate::dataplane::plane::Family;
use crate::report::{AddressKind, Code, Disposition, Origin};
use crate::walk::packet::{Action, Hop, Outcome};

use super::cause::Cause;
use super::nft_table::{self, Fault};
use super::node::{NodeResult, PathResult};

/// A rule or a policy of an nft table stops it.
pub(super) fn stopped<'snap>(
    service: &ServiceView<'_>,
    node: &NodeResult<'snap>,
    path: &PathResult<'snap>,
    outcome: &Outcome<'snap>,
    at: Loc<'snap>,
    share: f64,
) -> Cause<'snap> {
    let last = outcome.hops.last();
    let (table, chain) = last.map_or(("", ""), |hop| (hop.table, hop.chain));
    let verb = if outcome.disposition == Disposition::Dropped { "drops" } else { "refuses" };
    if !nft_table::is_own(table) {
        let what = match last.map(|hop| &hop.action) {
            Some(Action::Policy(_)) => {
                format!("no rule of {chain} in table {table} accepts it, and its policy is drop")
            }
            _ => format!("a rule of {chain} in table {table} {verb} it"),
        };
        return Cause::new(Code::NftOtherTableDrops, share, what).at(Some(at));
    }
    // The element that leads to the verdict tells for which address it is.
    // What leads to a chain of a Service is no verdict yet.
    let decides = |hop: &&Hop<'snap>| match hop.action {
        Action::Drop => true,
        Action::Goto(to) | Action::Jump(to) => NftName::read(to).is_none(),
        _ => false,
    };
    let element = outcome.hops.iter().rev().filter(decides).find_map(|hop| hop.at.filter(|at| is_element(at.text)));
    if chain.starts_with("firewall-") {
        return Cause::new(Code::FirewallReject, share, format!("a rule of {chain} {verb} it")).at(Some(at));
    }
    let Some(own) = element else {
        // kube-proxy's answer to what was not translated.
        return untouched(service, node, path, outcome, share);
    };
    let fact = if verb == "drops" {
        "the node drops it, for it knows of no endpoint of its own"
    } else {
        "the node refuses it, for it knows of no endpoint"
    };
    let cause = Cause::new(Code::NftNoEndpointVerdict, share, fact).at(Some(own)).of_objects();
    if verb == "drops" { cause.reason("local") } else { cause }
}

/// `10.96.10.9 . tcp . 80 comment "…" : goto reject-chain`
fn is_element(text: &str) -> bool {
    text.contains(" . ") && text.contains(" : ")
}

/// It is sent to an address that is no endpoint.
pub(super) fn elsewhere<'snap>(hop: &Hop<'snap>, to: SocketAddr, share: f64) -> Cause<'snap> {
    if nft_table::is_own(hop.table) {
        return Cause::new(Code::NftEndpointMismatch, share, format!("sent to {to}"))
            .at(hop.at)
            .of_objects()
            .reason("extra")
            .endpoint(to);
    }
    // The portmap plugin's own table (CNI plugins 1.6 and later, plugins/meta/portmap).
    if hop.table.contains("cni_hostport") {
        return Cause::new(Code::HostportHijacksService, share, format!("a hostPort rule sends it to {to}"))
            .at(hop.at)
            .endpoint(to);
    }
    let fact = format!("a rule of {} in table {} sends it to {to}", hop.chain, hop.table);
    Cause::new(Code::EarlierNatRuleWins, share, fact).at(hop.at).endpoint(to)
}

/// No rule gave it another destination.
pub(super) fn untouched<'snap>(
    service: &ServiceView<'_>,
    node: &NodeResult<'snap>,
    path: &PathResult<'snap>,
    outcome: &Outcome<'snap>,
    share: f64,
) -> Cause<'snap> {
    let family = Family::of(path.info.to);
    let name = node.view.name;
    let hook = if path.info.origin == Origin::Node { "output" } else { "prerouting" };
    if let Some(fault) = nft_table::fault(&node.plane, family, hook) {
        return faulty(fault, name, family, share);
    }
    let Some(table) = nft_table::table(&node.plane, family) else {
        return Cause::new(Code::NftTableMissing, share, format!("{name} has no table of kube-proxy"));
    };
    // It came into a chain of the Service, and out of it as it was.
    let inside = |hop: &&Hop<'snap>| {
        nft_table::is_own(hop.table) && matches!(hop.action, Action::Goto(_) | Action::Jump(_)) && hop.hook == hook
    };
    let led = outcome.hops.iter().rev().filter(inside).find_map(|hop| match hop.action {
        Action::Goto(to) => Some((hop, to)),
        _ => None,
    });
    if let Some((hop, to)) = led {
        let fact = format!("{to} translates nothing: what is sent there comes back as it was");
        return Cause::new(Code::ChainGraphBroken, share, fact).at(hop.at).reason("endpoint-chain-empty");
    }
    let to = SocketAddr::new(path.info.to, path.info.port);
    if matches!(path.info.address, AddressKind::NodePort | AddressKind::LocalhostNodePort) {
        let served = nft_table::entries_of(table).into_iter().any(|entry| {
            entry.dst.is_none() && entry.port == path.info.port && entry.protocol.as_str() == path.info.protocol
        });
        if served {
            let fact = format!("node ports are not served on {}", path.info.to);
            return Cause::new(Code::NftNodeportAddress, share, fact).at(nft_table::node_port_gate(table));
        }
        let fact = format!("no map of kube-proxy has node port {}", path.info.port);
        return Cause::new(Code::ServiceRuleMissing, share, fact).at(Some(table.at)).of_objects();
    }
    let chain = path
        .port
        .as_ref()
        .and_then(|port| nft_table::service_chain(table, service.namespace, service.name, port.name, port.protocol));
    // The chain is there, and no element of any map leads to it: the element is lost, not the Service late.
    let lost = chain.filter(|chain| {
        let entries = nft_table::entries_of(table);
        !entries.iter().any(|entry| entry.chain == Some(chain.name) || entry.is_of(service.namespace, service.name))
    });
    if let Some(chain) = lost {
        let fact = format!("no map leads from {to} to {}, though the chain is there", chain.name);
        return Cause::new(Code::NftVipMissing, share, fact).at(Some(chain.at)).of_objects();
    }
    let fact = format!("no map of kube-proxy has {to}");
    Cause::new(Code::ServiceRuleMissing, share, fact).at(Some(table.at)).of_objects()
}

fn faulty<'snap>(fault: Fault<'snap>, name: &str, family: Family, share: f64) -> Cause<'snap> {
    let word = match family {
        Family::V4 => "ip",
        Family::V6 => "ip6",
    };
    match fault {
        Fault::NoTable => Cause::new(Code::NftTableMissing, share, format!("{name} has no table {word} kube-proxy")),
        Fault::Dormant(at) => {
            Cause::new(Code::NftBaseChainWrong, share, "kube-proxy's table is dormant: nothing enters it")
                .at(Some(at))
                .reason("dormant")
        }
        Fault::NoChain(hook, at) => {
            Cause::new(Code::NftBaseChainWrong, share, format!("kube-proxy's table has no nat chain at {hook}"))
                .at(Some(at))
                .reason("chain-missing")
        }
        Fault::LeadsNowhere(at) => {
            Cause::new(Code::NftBaseChainWrong, share, "kube-proxy's nat chain does not lead to its Services")
                .at(Some(at))
                .reason("leads-nowhere")
        }
    }
}
