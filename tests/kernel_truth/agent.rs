//! What runs inside a network namespace: listeners that say who came where, and shots at addresses. One process for
//! each place, spoken to by JSON lines on its standard streams. It knows nothing of rules and judges nothing.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use socket2::{Domain, Protocol as SockProtocol, SockAddr, Socket, Type};

use crate::case::Proto;
use crate::machine;

/// Ports with a listener, TCP and UDP, in every namespace that serves.
pub(crate) const SERVED: &[u16] = &[53, 80, 8080, 8081, 8443, 9000];

/// Held by a shot with a source port of its own: two sockets on one port would take each other's answers.
static PORT: Mutex<()> = Mutex::new(());

/// How many shots of one batch are in the air together, and how many in an emulated machine.
const PARALLEL: usize = 48;
const PARALLEL_EMULATED: usize = 8;

/// What an agent is told first.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Orders {
    /// Addresses to answer UDP on; empty: nothing listens here.
    pub(crate) addresses: Vec<IpAddr>,
}

/// One connection to try, and how often.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Shot {
    /// Protocol.
    pub(crate) proto: Proto,
    /// Source address, where the kernel is not to choose.
    pub(crate) from: Option<IpAddr>,
    /// Source port, where the kernel is not to choose.
    pub(crate) from_port: Option<u16>,
    /// Destination.
    pub(crate) to: SocketAddr,
    /// How often.
    pub(crate) tries: usize,
    /// How long one try waits.
    pub(crate) wait_ms: u64,
}

/// What one try came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Seen {
    /// A listener answered: its address and the source it saw.
    Answer(SocketAddr, IpAddr),
    /// An echo reply came; who sent it cannot be told after translation.
    Echo,
    /// Nothing came back.
    Silence,
    /// The system said no: an errno.
    Errno(i32),
}

/// Serves and shoots until standard input ends.
pub(crate) fn run() -> std::io::Result<()> {
    let mut lines = BufReader::new(std::io::stdin()).lines();
    let mut out = std::io::stdout();
    let Some(first) = lines.next() else { return Ok(()) };
    let orders: Orders = serde_json::from_str(&first?)?;
    if !orders.addresses.is_empty() {
        serve(&orders.addresses)?;
    }
    out.write_all(b"ready\n")?;
    for line in lines {
        let shots: Vec<Shot> = serde_json::from_str(&line?)?;
        let mut answer = serde_json::to_vec(&volley(&shots))?;
        answer.push(b'\n');
        out.write_all(&answer)?;
        out.flush()?;
    }
    Ok(())
}

fn serve(addresses: &[IpAddr]) -> std::io::Result<()> {
    for &port in SERVED {
        let listener = listener(port)?;
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { continue };
                if let (Ok(here), Ok(there)) = (stream.local_addr(), stream.peer_addr()) {
                    // A client that is gone already has nothing to learn from the error.
                    let _gone = stream.write_all(card(here, there).as_bytes());
                }
            }
        });
        for &address in addresses {
            // One socket an address: the answer must leave from the address that was asked.
            let socket = UdpSocket::bind((address, port))?;
            let here = SocketAddr::new(address, port);
            std::thread::spawn(move || {
                let mut buffer = [0_u8; 64];
                loop {
                    if let Ok((_, there)) = socket.recv_from(&mut buffer) {
                        // Rules under test may forbid the answer; then the client sees silence.
                        let _dropped = socket.send_to(card(here, there).as_bytes(), there);
                    }
                }
            });
        }
    }
    Ok(())
}

/// With a queue for all that may come at once: a SYN that finds it full is dropped.
fn listener(port: u16) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV6, Type::STREAM, Some(SockProtocol::TCP))?;
    socket.set_only_v6(false)?;
    socket.set_reuse_address(true)?;
    socket.bind(&SockAddr::from(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))))?;
    socket.listen(1024)?;
    Ok(socket.into())
}

fn card(here: SocketAddr, there: SocketAddr) -> String {
    format!("{} {}\n", SocketAddr::new(here.ip().to_canonical(), here.port()), there.ip().to_canonical())
}

fn volley(shots: &[Shot]) -> Vec<Vec<Seen>> {
    let queue: Vec<usize> =
        shots.iter().enumerate().flat_map(|(at, shot)| std::iter::repeat_n(at, shot.tries)).collect();
    let next = AtomicUsize::new(0);
    let seen: Vec<Mutex<Vec<Seen>>> = shots.iter().map(|_| Mutex::new(Vec::new())).collect();
    std::thread::scope(|scope| {
        let parallel = if machine::is_here() { PARALLEL_EMULATED } else { PARALLEL };
        for _ in 0..parallel.min(queue.len()) {
            scope.spawn(|| {
                while let Some(&at) = queue.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let one = fire(&shots[at]);
                    seen[at].lock().unwrap().push(one);
                }
            });
        }
    });
    seen.into_iter().map(|tries| tries.into_inner().unwrap()).collect()
}

fn fire(shot: &Shot) -> Seen {
    let _alone = shot.from_port.map(|_| PORT.lock().unwrap());
    let result = match shot.proto {
        Proto::Tcp => tcp(shot),
        Proto::Udp => udp(shot),
        Proto::Icmp => icmp(shot),
    };
    result.unwrap_or_else(|error| match error.raw_os_error() {
        Some(code) if !is_silence(code) => Seen::Errno(code),
        Some(_) | None => Seen::Silence,
    })
}

/// EAGAIN (a read that waited long enough) and ETIMEDOUT.
fn is_silence(code: i32) -> bool {
    matches!(code, 11 | 110)
}

fn socket(shot: &Shot, kind: Type, protocol: SockProtocol) -> std::io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(shot.to), kind, Some(protocol))?;
    let wait = Some(Duration::from_millis(shot.wait_ms));
    socket.set_read_timeout(wait)?;
    if shot.from.is_some() || shot.from_port.is_some() {
        let any = if shot.to.is_ipv4() { IpAddr::from([0; 4]) } else { IpAddr::from([0_u16; 8]) };
        if shot.from_port.is_some() {
            socket.set_reuse_address(true)?;
        }
        let from = SocketAddr::new(shot.from.unwrap_or(any), shot.from_port.unwrap_or(0));
        socket.bind(&SockAddr::from(from))?;
    }
    Ok(socket)
}

fn tcp(shot: &Shot) -> std::io::Result<Seen> {
    let mut socket = socket(shot, Type::STREAM, SockProtocol::TCP)?;
    socket.connect_timeout(&SockAddr::from(shot.to), Duration::from_millis(shot.wait_ms))?;
    let mut text = String::new();
    let read = socket.read_to_string(&mut text);
    if shot.from_port.is_some() {
        // Without TIME-WAIT, so that the next try can have the port.
        socket.set_linger(Some(Duration::ZERO))?;
    }
    if !text.ends_with('\n') {
        read?;
    }
    Ok(answer(&text))
}

fn udp(shot: &Shot) -> std::io::Result<Seen> {
    let socket = socket(shot, Type::DGRAM, SockProtocol::UDP)?;
    socket.connect(&SockAddr::from(shot.to))?;
    let sent = socket.send(b"x");
    if sent.is_err() {
        // A packet lost in OUTPUT is EPERM here, whether or not a rejection follows.
        socket.set_read_timeout(Some(Duration::from_millis(100)))?;
    }
    let mut text = [0_u8; 256];
    let read = (&socket).read(&mut text)?;
    Ok(answer(&String::from_utf8_lossy(&text[..read])))
}

fn icmp(shot: &Shot) -> std::io::Result<Seen> {
    let v4 = shot.to.is_ipv4();
    let socket = socket(shot, Type::DGRAM, if v4 { SockProtocol::ICMPV4 } else { SockProtocol::ICMPV6 })?;
    socket.connect(&SockAddr::from(SocketAddr::new(shot.to.ip(), 0)))?;
    // Echo request, checksum and identifier by the kernel (ping_init_sock in net/ipv4/ping.c).
    let request = [if v4 { 8 } else { 128 }, 0, 0, 0, 0, 0, 0, 1, b'x'];
    if socket.send(&request).is_err() {
        socket.set_read_timeout(Some(Duration::from_millis(100)))?;
    }
    let mut reply = [0_u8; 64];
    let size = (&socket).read(&mut reply)?;
    Ok(if size > 0 { Seen::Echo } else { Seen::Silence })
}

fn answer(text: &str) -> Seen {
    let mut words = text.split_whitespace();
    let here = words.next().and_then(|word| word.parse().ok());
    let there = words.next().and_then(|word| word.parse().ok());
    match (here, there) {
        (Some(here), Some(there)) => Seen::Answer(here, there),
        _ => Seen::Silence,
    }
}
