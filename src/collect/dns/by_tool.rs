//! Asking by a tool of the pod's image, a question an exec, where our own program cannot be sent or run there.

use std::time::Instant;

use futures::StreamExt;

use super::tool::{LOOK, Seen, Tool, WAIT, dig_ms};
use crate::agent::{Asked, Order, cells, ends_the_walk};
use crate::collect::agent_pod::AgentPod;
use crate::collect::exec::{End, Output, exec, exec_until};
use crate::collect::refusal;
use crate::probe::{Outcome, Place, Probe, Transport, Try};
use crate::report::Gap;

/// So many execs at a time.
const AT_ONCE: usize = 8;
/// Rounds of the full name at a Service, and tries of a question that nothing answers: each costs an exec.
const ROUNDS: u32 = 4;
const TRIES: usize = 2;

impl AgentPod<'_> {
    /// Asks by what the image has; `why` is why the agent does not, and the gap if nothing else can.
    pub(super) async fn by_tool(self, order: &Order, why: Gap) -> Result<(Place, Gap), Gap> {
        if order.container.is_some() {
            // a tool stands in the namespace of its own pod, and the agent that was to enter another's has failed
            return Err(why);
        }
        let look = exec(self.client, self.container, &["/bin/sh", "-c", LOOK], b"", self.patience()).await;
        let output = look.map_err(|refusal| refusal::of_exec(&refusal, self.act(), self.node))?;
        let seen = Seen::read(&String::from_utf8_lossy(&output.stdout));
        let Some(tool) = seen.tool else {
            let summary =
                format!("{}; and the image of its pod has none of dig, socat and nc to ask with", why.summary);
            return Err(Gap { summary, ..why });
        };
        self.config.say.line(format!("{}: asking by {} on node {}", why.summary, tool.name(), self.node));
        let mut order = order.clone();
        order.place.resolv_conf = seen.resolv_conf;
        order.rounds = order.rounds.min(ROUNDS);
        let asked = cells(&order).into_iter().filter(|cell| tool.can(cell.transport));
        let probes = futures::stream::iter(asked)
            .map(|cell| async move {
                let mut tries = Vec::new();
                for round in 0..cell.rounds {
                    for name in &cell.names {
                        let of_name = (name.as_str(), cell.question.record.as_str());
                        let made = self.question(tool, (cell.server.address, cell.transport), of_name).await;
                        let ends = made.last().is_none_or(|(_, outcome)| ends_the_walk(outcome));
                        let made = made.into_iter();
                        tries.extend(made.map(|(ms, outcome)| Try { asked: name.clone(), round, ms, outcome }));
                        if ends {
                            break;
                        }
                    }
                }
                Probe { server: cell.server, transport: cell.transport, question: cell.question, tries }
            })
            .buffered(AT_ONCE)
            .collect()
            .await;
        Ok((Place { probes, ..order.place }, told(tool, why)))
    }

    /// One name, until something is known.
    async fn question(
        self,
        tool: Tool,
        (to, transport): (std::net::SocketAddr, Transport),
        (name, record): (&str, &str),
    ) -> Vec<(u64, Outcome)> {
        let mut made = Vec::new();
        while made.len() < TRIES && made.iter().all(|(_, outcome)| *outcome == Outcome::Timeout) {
            made.push(match Asked::new(name, record) {
                Err(why) => (0, Outcome::Error { why }),
                Ok(asked) => {
                    let command = tool.command(to, transport, &asked, record);
                    self.once(tool, transport, &asked, &command).await
                }
            });
        }
        made
    }

    async fn once(self, tool: Tool, transport: Transport, asked: &Asked, command: &str) -> (u64, Outcome) {
        let (opened, mut begun, mut came) = (Instant::now(), None, None);
        let is_enough = |output: &Output| {
            if tool.has_begun(&output.stdout) {
                begun.get_or_insert_with(Instant::now);
            }
            came = tool.reply(transport, asked, &output.stdout);
            came.is_some()
        };
        let argv = ["/bin/sh", "-c", command];
        let done = exec_until(self.client, self.container, &argv, b"", self.patience(), is_enough).await;
        let ms = u64::try_from(begun.unwrap_or(opened).elapsed().as_millis()).unwrap_or(u64::MAX);
        match (done, came) {
            (Ok(output), Some(outcome)) => (dig_ms(&output.stdout).unwrap_or(ms), outcome),
            (Ok(Output { end: End::Failed(why), .. }), None) => (ms, Outcome::NotAsked { why }),
            (Ok(output), None) => (ms, tool.failure(&output.stdout, &output.stderr, ms)),
            (Err(refusal), _) => {
                (ms, Outcome::NotAsked { why: refusal::of_exec(&refusal, self.act(), self.node).summary })
            }
        }
    }
}

/// That a tool asked, and what is lost by it: nothing that leaves the question open.
fn told(tool: Tool, why: Gap) -> Gap {
    let udp = if tool.can(Transport::Udp) { "" } else { "; this nc cannot ask over UDP" };
    Gap {
        summary: format!("{}: asked by {} of the pod's image", why.summary, tool.name()),
        // their sockets are connected, that of dig 9.18 too: the kernel drops what comes from elsewhere
        lost: Some(format!(
            "answers that take longer than {WAIT} s, losses that are rare, and replies from another address{udp}"
        )),
        counts: !tool.can(Transport::Udp),
        ..why
    }
}
