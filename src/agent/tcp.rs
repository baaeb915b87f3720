//! One question over TCP, on a connection of its own.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::probe::Outcome;

use super::udp::of_error;
use super::wire::Asked;

/// Asks, and waits for as long as nothing comes.
pub(super) async fn ask(server: SocketAddr, asked: &Asked) -> Outcome {
    match exchange(server, asked).await {
        Ok(bytes) => asked.reply(&bytes).map_or_else(
            || Outcome::Error { why: "what came back is no reply to the question".into() },
            Outcome::Answered,
        ),
        Err(error) => of_error(&error),
    }
}

async fn exchange(server: SocketAddr, asked: &Asked) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await?;
    // RFC 1035 4.2.2: two octets of length before each message
    let length = u16::try_from(asked.bytes.len()).map_err(std::io::Error::other)?;
    let mut message = length.to_be_bytes().to_vec();
    message.extend_from_slice(&asked.bytes);
    stream.write_all(&message).await?;
    let length = stream.read_u16().await?;
    let mut reply = vec![0; usize::from(length)];
    stream.read_exact(&mut reply).await?;
    Ok(reply)
}
