//! One question over UDP. A connected socket hears that a port is closed, an unconnected one hears replies from
//! addresses that were not asked; which of them is used is the caller's choice.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::UdpSocket;

use crate::probe::{Outcome, Reply};

use super::wire::Asked;

/// Larger than any reply without EDNS (RFC 1035 4.2.1), and than those that come anyway.
const REPLY: usize = 8192;

/// How a socket is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ear {
    /// Hears the server alone, and what ICMP says of it.
    Connected,
    /// Hears anybody.
    Open,
}

/// Asks, and waits for as long as nothing comes. `stray` takes a reply that came from elsewhere.
pub(super) async fn ask(
    server: SocketAddr,
    asked: &Asked,
    ear: Ear,
    stray: &mut Option<(SocketAddr, Reply)>,
) -> Outcome {
    match exchange(server, asked, ear, stray).await {
        Ok(reply) => Outcome::Answered(reply),
        Err(error) => of_error(&error),
    }
}

async fn exchange(
    server: SocketAddr,
    asked: &Asked,
    ear: Ear,
    stray: &mut Option<(SocketAddr, Reply)>,
) -> std::io::Result<Reply> {
    let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0)).await?;
    match ear {
        Ear::Connected => {
            socket.connect(server).await?;
            socket.send(&asked.bytes).await?;
        }
        Ear::Open => {
            socket.send_to(&asked.bytes, server).await?;
        }
    }
    let mut buffer = vec![0; REPLY];
    loop {
        let (length, from) = match ear {
            Ear::Connected => (socket.recv(&mut buffer).await?, server),
            Ear::Open => socket.recv_from(&mut buffer).await?,
        };
        let Some(reply) = buffer.get(..length).and_then(|bytes| asked.reply(bytes)) else { continue };
        if from == server {
            return Ok(reply);
        }
        *stray = Some((from, reply));
    }
}

/// What the system says, in our words.
pub(super) fn of_error(error: &std::io::Error) -> Outcome {
    match error.kind() {
        ErrorKind::ConnectionRefused => Outcome::Refused,
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::PermissionDenied => {
            Outcome::Unreachable { why: error.to_string() }
        }
        _ => Outcome::Error { why: error.to_string() },
    }
}
