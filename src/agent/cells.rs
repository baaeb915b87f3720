//! The cells of the matrix that a place has to ask: every server × every question × both transports. Asks nobody.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use crate::dns::name;
use crate::dns::resolv_conf::{CLUSTER_NDOTS, ResolvConf};
use crate::probe::{Question, QuestionKind, Server, ServerKind, Transport};

use super::{Order, names};

/// Port of DNS.
const DNS: u16 = 53;

/// One cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) server: Server,
    pub(crate) question: Question,
    pub(crate) transport: Transport,
    /// How often it is asked, each time by a socket of its own.
    pub(crate) rounds: u32,
    /// The full names that are asked for, in order, until one is there.
    pub(crate) names: Vec<String>,
}

/// The cells of an order whose place knows its resolv.conf.
pub(crate) fn cells(order: &Order) -> Vec<Cell> {
    let conf = ResolvConf::read(order.place.resolv_conf.as_deref().unwrap_or_default());
    let mut servers = order.servers.clone();
    servers.extend(configured(&conf, &servers));
    let conf = as_meant(conf, order);
    let mut cells = Vec::new();
    for server in &servers {
        for question in order.questions.iter().filter(|question| is_for(question, server)) {
            let names = names::walk(&conf, question);
            cells.extend([Transport::Udp, Transport::Tcp].map(|transport| Cell {
                server: server.clone(),
                question: question.clone(),
                transport,
                rounds: rounds_of(server, question, order.rounds),
                names: names.clone(),
            }));
        }
    }
    cells
}

/// The search list that counts: as a pod of the cluster would have it, or one of the namespace that is meant.
fn as_meant(mut conf: ResolvConf, order: &Order) -> ResolvConf {
    match (&order.search, &order.instead) {
        (Some(search), _) => {
            conf.search = search.iter().filter_map(|domain| name::absolute(domain)).collect();
            conf.ndots = Some(CLUSTER_NDOTS);
        }
        (None, Some((_, meant))) => {
            conf.move_to(meant);
        }
        (None, None) => {}
    }
    conf
}

/// Nameservers of resolv.conf that nobody named.
fn configured(conf: &ResolvConf, known: &[Server]) -> Vec<Server> {
    let known: BTreeSet<IpAddr> = known.iter().map(|server| server.address.ip()).collect();
    let others = conf.servers.iter().map(|(ip, _)| *ip).filter(|address| !known.contains(address));
    others.map(|ip| Server { address: SocketAddr::new(ip, DNS), is: ServerKind::Configured }).collect()
}

/// A server of somebody else is asked for what is not the cluster's alone.
fn is_for(question: &Question, server: &Server) -> bool {
    server.is != ServerKind::Configured || question.kind == QuestionKind::External
}

/// Behind a Service each round may reach another server.
fn rounds_of(server: &Server, question: &Question, rounds: u32) -> u32 {
    let service = matches!(server.is, ServerKind::Service { .. } | ServerKind::Upstream { .. });
    if service && question.kind == QuestionKind::Full { rounds.max(1) } else { 1 }
}
