//! The agent: this program run inside the cluster, where it asks DNS servers what it is told to, or connects to what it
//! is told to, and says what came back. One order a line on standard input, one answer a line on standard output; it
//! knows nothing of Kubernetes.

mod cells;
mod connect;
mod names;
mod place;
mod tcp;
mod tries;
mod udp;
mod wire;

use std::io::BufRead;
use std::time::Duration;

use futures::StreamExt;
use serde::{Deserialize, Serialize};

use crate::probe::connections::Caller;
use crate::probe::{Place, Probe, Question, Server};
use crate::{Error, Result};

pub use connect::ConnectOrder;
use tries::Limits;

pub(crate) use cells::cells;
pub(crate) use tries::ends_the_walk;
pub(crate) use wire::Asked;

/// So many questions are on their way at a time.
const AT_ONCE: usize = 128;

/// What one place has to ask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The place, as far as it is known to who gives the order.
    pub place: Place,
    /// Who is asked.
    pub servers: Vec<Server>,
    /// What each of them is asked.
    pub questions: Vec<Question>,
    /// Search list to use instead of the one in resolv.conf: for places whose resolver is not the cluster's.
    #[serde(default)]
    pub search: Option<Vec<String>>,
    /// Namespace of this pod and the one that is meant: the search list is taken to that one's.
    #[serde(default)]
    pub instead: Option<(String, String)>,
    /// Part of a container's id: questions are asked in that container's network namespace.
    #[serde(default)]
    pub container: Option<String>,
    /// Milliseconds that one try waits.
    pub limit_ms: u64,
    /// Tries of a question that nothing answers.
    pub tries: u32,
    /// Rounds of the full name at a Service, which hides several servers.
    pub rounds: u32,
}

impl Order {
    /// Milliseconds of one try, tries, rounds. Shorter than the 5 s that a resolver waits (resolv.conf(5), `timeout`),
    /// for a person waits here; an answer that is later than that is still seen until the last try is over.
    pub const PATIENCE: (u64, u32, u32) = (2000, 3, 10);
}

/// What the agent answers to one order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Said {
    /// The place, with all that was asked.
    Place(Place),
    /// The same of connections.
    Connected(Caller),
    /// Why nothing was done.
    Failed(String),
}

/// What an agent is told to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Ask DNS servers: orders are [`Order`]s.
    Dns,
    /// Connect: orders are [`ConnectOrder`]s.
    Connect,
}

impl Work {
    /// Its word on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Connect => "connect",
        }
    }
}

/// Carries out the orders that stand in `input`, one a line up to an empty one, and gives the answers, one a line. The
/// empty line is there for a stream whose end cannot be told (`v4.channel.k8s.io`).
///
/// # Errors
/// When the asynchronous runtime cannot be had, or `input` cannot be read.
pub fn serve(work: Work, input: impl BufRead) -> Result<String> {
    let mut output = String::new();
    for line in input.lines() {
        let line = line.map_err(Error::Output)?;
        if line.trim().is_empty() {
            break;
        }
        let done = match work {
            Work::Dns => serde_json::from_str::<Order>(&line).map(carry_out),
            Work::Connect => serde_json::from_str::<ConnectOrder>(&line).map(make_connections),
        };
        let said = match done {
            Ok(said) => said?,
            Err(error) => Said::Failed(format!("the order cannot be read: {error}")),
        };
        // only maps with keys that are no strings can fail, and there is none
        output.push_str(&serde_json::to_string(&said).unwrap_or_default());
        output.push('\n');
    }
    Ok(output)
}

/// Carries out one order.
///
/// # Errors
/// When the asynchronous runtime cannot be had.
pub fn carry_out(mut order: Order) -> Result<Said> {
    let container = order.container.take();
    match place::enter(container.as_deref()) {
        Ok(root) => order.place.resolv_conf = place::resolv_conf(&root),
        Err(why) => return Ok(Said::Failed(why)),
    }
    // one thread: a network namespace is a thread's own
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Output)?;
    Ok(Said::Place(runtime.block_on(ask(order))))
}

/// Makes the connections of one order.
///
/// # Errors
/// When the asynchronous runtime cannot be had.
pub fn make_connections(order: ConnectOrder) -> Result<Said> {
    Ok(Said::Connected(connect::carry_out(order)?))
}

/// Asks every server every question by both transports.
async fn ask(order: Order) -> Place {
    let mut place = order.place.clone();
    if let Some(server) = order.servers.first() {
        place.address = place::own_address(server.address);
    }
    let limits = Limits { one: Duration::from_millis(order.limit_ms), tries: order.tries };
    place.probes = futures::stream::iter(cells(&order))
        .map(|cell| async move {
            let (names, record) = (cell.names.as_slice(), cell.question.record.as_str());
            let tries = tries::all(cell.server.address, cell.transport, (names, record), cell.rounds, limits).await;
            Probe { server: cell.server, transport: cell.transport, question: cell.question, tries }
        })
        .buffered(AT_ONCE)
        .collect()
        .await;
    place
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]
mod tests;
