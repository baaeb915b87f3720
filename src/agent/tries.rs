//! How often a question is tried, and when it is given up: every try has a socket of its own, and goes on listening
//! while later ones are under way, so that a late answer is late and not lost.

use std::net::SocketAddr;
use std::time::Duration;

use futures::StreamExt;
use futures::future::join_all;
use futures::stream::FuturesUnordered;
use tokio::time::{Instant, sleep_until, timeout};

use crate::probe::{Outcome, Reply, Transport, Try};

use super::udp::Ear;
use super::wire::Asked;
use super::{tcp, udp};

/// Time of one try, and how many there are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) one: Duration,
    pub(super) tries: u32,
}

/// Every try of one cell: the rounds side by side, in each the names one after another until one is there.
pub(super) async fn all(
    server: SocketAddr,
    transport: Transport,
    (names, record): (&[String], &str),
    rounds: u32,
    limits: Limits,
) -> Vec<Try> {
    let round = |round: u32| async move {
        let mut made = Vec::new();
        for name in names {
            made.extend(one_name(server, transport, (name, record), round, limits).await);
            if made.last().is_none_or(|last: &Try| ends_the_walk(&last.outcome)) {
                break;
            }
        }
        made
    };
    join_all((0..rounds).map(round)).await.concat()
}

/// A resolver goes on to the next name of its list after "no such name", "no such record" and SERVFAIL, and after
/// nothing else (glibc resolv/res_query.c, `__res_context_search`).
pub(crate) fn ends_the_walk(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Answered(reply) => match reply.rcode.as_str() {
            "NXDOMAIN" | "SERVFAIL" => false,
            "NOERROR" => !reply.answers.is_empty(),
            _ => true,
        },
        Outcome::Timeout
        | Outcome::Refused
        | Outcome::Unreachable { .. }
        | Outcome::WrongSource { .. }
        | Outcome::Error { .. }
        | Outcome::NotAsked { .. } => true,
    }
}

/// Tries until something is known; the deciding try comes last.
async fn one_name(
    server: SocketAddr,
    transport: Transport,
    (name, record): (&str, &str),
    round: u32,
    limits: Limits,
) -> Vec<Try> {
    let made = |ms: u64, outcome: Outcome| Try { asked: name.to_owned(), round, ms, outcome };
    let began = Instant::now();
    let last = began + limits.one * limits.tries.max(1);
    let mut open = FuturesUnordered::new();
    let mut started: Vec<Instant> = Vec::new();
    let mut known: Vec<Option<Try>> = Vec::new();
    loop {
        let now = Instant::now();
        let due = began + limits.one * u32::try_from(started.len()).unwrap_or(u32::MAX);
        if started.len() < usize::try_from(limits.tries.max(1)).unwrap_or(1) && now >= due {
            let asked = match Asked::new(name, record) {
                Ok(asked) => asked,
                Err(why) => return vec![made(0, Outcome::Error { why })],
            };
            let (number, ear) = (started.len(), ear_of(started.len()));
            started.push(now);
            known.push(None);
            open.push(async move { (number, single(server, transport, &asked, ear, last).await) });
        }
        let wake = last.min(began + limits.one * u32::try_from(started.len()).unwrap_or(u32::MAX));
        tokio::select! {
            biased;
            Some((number, outcome)) = open.next() => {
                let decided = outcome != Outcome::Timeout;
                let ms = started.get(number).map_or(0, |start| millis(start.elapsed()));
                if let Some(slot) = known.get_mut(number) {
                    *slot = Some(made(ms, outcome));
                }
                if decided {
                    break;
                }
                if open.is_empty() && Instant::now() >= last {
                    break;
                }
            }
            () = sleep_until(wake) => {
                if Instant::now() >= last && open.is_empty() {
                    break;
                }
            }
        }
    }
    let mut tries = Vec::new();
    let mut decided = None;
    for (known, start) in known.into_iter().zip(started) {
        match known {
            Some(try_) if try_.outcome == Outcome::Timeout => tries.push(try_),
            Some(try_) => decided = Some(try_),
            // nothing came while there was time
            None if start.elapsed() >= limits.one => tries.push(made(millis(start.elapsed()), Outcome::Timeout)),
            None => {}
        }
    }
    tries.extend(decided);
    tries
}

/// The first try hears ICMP, later ones hear replies from elsewhere.
fn ear_of(number: usize) -> Ear {
    if number == 0 { Ear::Connected } else { Ear::Open }
}

async fn single(server: SocketAddr, transport: Transport, asked: &Asked, ear: Ear, last: Instant) -> Outcome {
    let left = last.saturating_duration_since(Instant::now());
    match transport {
        Transport::Udp => {
            let mut stray: Option<(SocketAddr, Reply)> = None;
            match timeout(left, udp::ask(server, asked, ear, &mut stray)).await {
                Ok(outcome) => outcome,
                Err(_) => stray.map_or(Outcome::Timeout, |(from, reply)| Outcome::WrongSource { from, reply }),
            }
        }
        Transport::Tcp => timeout(left, tcp::ask(server, asked)).await.unwrap_or(Outcome::Timeout),
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
