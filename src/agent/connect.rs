//! Connections to what is told: each made anew, and ended at once. Over UDP a packet is sent, and what comes back, if
//! anything does, is seen.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use futures::StreamExt;
use serde::{Deserialize, Serialize};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{sleep, timeout};

use crate::probe::Transport;
use crate::probe::connections::{Attempt, Caller, Connection, Met};
use crate::{Error, Result};

use super::place;

/// So many addresses are tried at a time.
const AT_ONCE: usize = 64;
/// After a try that failed: what only passes is gone at the next one.
const PAUSE: Duration = Duration::from_millis(500);

/// What one place has to connect to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectOrder {
    /// The place, and the addresses, not tried yet.
    pub caller: Caller,
    /// Milliseconds that one try waits.
    pub limit_ms: u64,
    /// Tries of each address over TCP: behind a Service each may reach another endpoint.
    pub rounds: u32,
}

impl ConnectOrder {
    /// Milliseconds of one try, and tries. A SYN that is lost is sent again after one second (RFC 6298, 2.1).
    pub const PATIENCE: (u64, u32) = (2500, 3);
}

/// Carries out one order.
pub(super) fn carry_out(order: ConnectOrder) -> Result<Caller> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Output)?;
    Ok(runtime.block_on(connect(order)))
}

async fn connect(order: ConnectOrder) -> Caller {
    let ConnectOrder { mut caller, limit_ms, rounds } = order;
    let limit = Duration::from_millis(limit_ms);
    if let Some(first) = caller.connections.first() {
        caller.address = place::own_address(first.to);
    }
    let targets = std::mem::take(&mut caller.connections);
    caller.connections = futures::stream::iter(targets)
        .map(|Connection { to, transport, .. }| async move {
            // silence over UDP tells nothing however often it is heard
            let rounds = if transport == Transport::Udp { 1 } else { rounds };
            Connection { to, transport, tries: tries(to, transport, rounds, limit).await }
        })
        .buffered(AT_ONCE)
        .collect()
        .await;
    caller
}

async fn tries(to: SocketAddr, transport: Transport, rounds: u32, limit: Duration) -> Vec<Attempt> {
    let mut made = Vec::new();
    for round in 0..rounds {
        let began = Instant::now();
        let met = match transport {
            Transport::Tcp => timeout(limit, tcp(to)).await,
            Transport::Udp => timeout(limit, udp(to)).await,
        };
        let met = met.unwrap_or(Met::Silence);
        let failed = met != Met::Connected;
        made.push(Attempt { ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX), met });
        if failed && round + 1 < rounds {
            sleep(PAUSE).await;
        }
    }
    made
}

async fn tcp(to: SocketAddr) -> Met {
    match TcpStream::connect(to).await {
        Ok(_) => Met::Connected,
        Err(error) => met(&error),
    }
}

/// What is sent over UDP: a request for the status of a DNS server (RFC 1035 4.1.1, opcode 2). One that answers at all
/// says that it has no such thing, and asks nobody else; others do nothing on account of it.
const STATUS: [u8; 17] = [0x53, 0x54, 0x10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1];

async fn udp(to: SocketAddr) -> Met {
    let any: IpAddr = if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let exchange = async {
        let socket = UdpSocket::bind(SocketAddr::new(any, 0)).await?;
        socket.connect(to).await?;
        socket.send(&STATUS).await?;
        socket.recv(&mut [0; 1]).await
    };
    match exchange.await {
        Ok(_) => Met::Connected,
        Err(error) => met(&error),
    }
}

/// What the system says, in our words.
fn met(error: &std::io::Error) -> Met {
    use std::io::ErrorKind;
    let text = error.to_string();
    // Rust adds the number: `Host is unreachable (os error 113)`
    let why = text.split_once(" (os error").map_or(text.as_str(), |(said, _)| said).to_owned();
    match error.kind() {
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset => Met::Refused,
        ErrorKind::TimedOut => Met::Silence,
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::PermissionDenied => {
            Met::Unreachable { why }
        }
        _ => Met::Error { why },
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn what_is_there_and_what_is_not() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let open = listener.local_addr().unwrap();
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let mute = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let speaks = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let heard = speaks.local_addr().unwrap();
        tokio::spawn(async move {
            let mut buffer = [0; 64];
            while let Ok((_, from)) = speaks.recv_from(&mut buffer).await {
                speaks.send_to(b"x", from).await.unwrap();
            }
        });
        let tcp = |to| Connection { to, transport: Transport::Tcp, tries: Vec::new() };
        let udp = |to| Connection { to, transport: Transport::Udp, tries: Vec::new() };
        let caller = Caller {
            connections: vec![tcp(open), tcp(closed), udp(mute.local_addr().unwrap()), udp(heard), udp(closed)],
            ..Caller::default()
        };
        let said = connect(ConnectOrder { caller, limit_ms: 300, rounds: 2 }).await;
        let met: Vec<(usize, Met)> =
            said.connections.iter().map(|one| (one.tries.len(), one.tries.last().unwrap().met.clone())).collect();
        let wanted =
            [(2, Met::Connected), (2, Met::Refused), (1, Met::Silence), (1, Met::Connected), (1, Met::Refused)];
        assert_eq!(met, wanted);
        assert_eq!(said.address, Some([127, 0, 0, 1].into()));
    }
}
