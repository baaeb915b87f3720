//! What the names of chains prove of a destination that is no endpoint: an endpoint of before, a rule that was changed, or
//! another Service's chain.

use std::net::SocketAddr;

use crate::cluster::expectation::Promise;
use crate::cluster::names::ServicePortName;
use crate::cluster::owners::{EndpointChain, Owner, Owners, endpoint_chain};
use crate::cluster::service::ServiceView;
use crate::dataplane::Loc;

use super::node::PathResult;

/// What is proved of a rule that sends a Service's packets to `to`.
#[must_use]
pub(super) fn said(
    owners: &Owners,
    service: &ServiceView<'_>,
    path: &PathResult<'_>,
    at: Loc<'_>,
    to: SocketAddr,
) -> Option<String> {
    let port = path.port.as_ref()?;
    let names = ServicePortName::forms(service.namespace, service.name, port.name);
    let outcome = path.outcomes.iter().find(|outcome| outcome.hops.iter().any(|hop| hop.at == Some(at)))?;
    let chain = outcome.hops.iter().find(|hop| hop.at == Some(at))?.chain;
    let foreign = outcome.hops.iter().find_map(|hop| match owners.of_chain(hop.chain) {
        Owner::Port(owner) if !names.contains(owner) => Some((hop.chain, Some(owner))),
        Owner::NoPort => Some((hop.chain, None)),
        Owner::Port(_) | Owner::NotOfService => None,
    });
    if let Some((chain, owner)) = foreign {
        return Some(match owner {
            Some(owner) => format!("{chain} is a chain of {owner}, by its name"),
            None => format!("{chain} is a chain of no Service that was read, by its name"),
        });
    }
    let promised: Vec<SocketAddr> = match path.expectation.as_ref().map(|expected| &expected.promise) {
        Some(Promise::Endpoints(list)) => list.clone(),
        _ => Vec::new(),
    };
    if !chain.starts_with("KUBE-SEP-") && !chain.starts_with("endpoint-") {
        return None;
    }
    Some(match endpoint_chain(&names, port.protocol, chain, to, &promised) {
        EndpointChain::AsNamed => format!("{chain} is kube-proxy's chain for {to}, by its name: an endpoint of before"),
        EndpointChain::MadeFor(place) => {
            let meant = promised.get(place)?;
            format!("{chain} is kube-proxy's chain for {meant}, by its name: somebody changed the rule in it")
        }
        EndpointChain::Other => format!("{chain} is not the name that kube-proxy gives to a chain for {to}"),
    })
}
