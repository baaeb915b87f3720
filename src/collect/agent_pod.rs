//! The agent in a pod of its own: streamed in, given its orders, and heard. What it is to do is its caller's business.
//! Where a stream's end can be told, it is; where not (`v4.channel.k8s.io`), the pod's side takes as much as was said to
//! come.

use std::path::Path;

use kube::Client;
use serde::Serialize;

use super::agent_binary;
use super::config::CollectConfig;
use super::exec::{End, Patience, Place as Container, exec};
use super::refusal::{self, Act, shorten};
use crate::agent::{Said, Work};
use crate::report::{Code, Gap};

/// Where the agent stands in its pod.
const AGENT: &str = "/svc-trace/agent";

/// A pod that the agent is run in.
#[derive(Clone, Copy)]
pub(super) struct AgentPod<'a> {
    pub(super) config: &'a CollectConfig,
    pub(super) client: &'a Client,
    pub(super) container: &'a Container,
    pub(super) node: &'a str,
}

/// What the pod can do with a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Hands {
    tools: Vec<String>,
    closes: bool,
}

impl Hands {
    fn has(&self, tool: &str) -> bool {
        self.tools.iter().any(|one| one == tool)
    }

    /// The shell command that takes the agent from standard input, and the bytes to send; `None`: there is none.
    fn taking(&self, agent: &[u8]) -> Option<(String, Vec<u8>)> {
        match (self.closes, self.has("gzip"), self.has("head"), self.has("grep")) {
            (true, true, ..) => Some(("gzip -dc".into(), agent_binary::packed(agent))),
            (true, false, ..) => Some(("cat".into(), agent.to_vec())),
            (false, true, true, _) => {
                let packed = agent_binary::packed(agent);
                Some((format!("head -c {} | gzip -dc", packed.len()), packed))
            }
            (false, false, true, _) => Some((format!("head -c {}", agent.len()), agent.to_vec())),
            // kube-proxy's image has no head, but GNU grep, which ends behind so many lines; a line feed behind a program
            // does no harm
            (false, _, false, true) => {
                let mut lines = agent.to_vec();
                lines.push(b'\n');
                let count = lines.split(|byte| *byte == b'\n').count() - 1;
                Some((format!("LC_ALL=C grep -a -m {count} ''"), lines))
            }
            (false, _, false, false) => None,
        }
    }
}

impl<'a> AgentPod<'a> {
    /// Streams the agent in, and lets it carry out an order.
    pub(super) async fn carry_out(self, agent: &Path, work: Work, order: &impl Serialize) -> Result<Said, Gap> {
        self.send(agent).await?;
        self.run(work, order).await
    }

    /// What cannot be: an answer to another order.
    pub(super) fn odd(self, said: &Said) -> Gap {
        match said {
            Said::Failed(why) => self.failed(format!("the agent could not do it: {why}")),
            Said::Place(_) | Said::Connected(_) => self.failed("the agent answers another order".into()),
        }
    }

    pub(super) fn act(self) -> Act<'a> {
        Act { verb: "create", resource: "pods/exec", namespace: &self.container.namespace }
    }

    fn missing(self, summary: String) -> Gap {
        Gap::new(Code::ToolMissingOrCrashed, Some(self.node), summary)
    }

    fn failed(self, summary: String) -> Gap {
        let mut gap = self.missing(summary);
        gap.help = Some("give --agent-binary a static Linux binary of this program".into());
        gap
    }

    async fn send(self, agent: &Path) -> Result<(), Gap> {
        let Self { client, container, node, .. } = self;
        let bytes = std::fs::read(agent)
            .map_err(|error| self.missing(format!("cannot read `{}`: {error}", agent.display())))?;
        let hands = self.hands().await?;
        let Some((take, body)) = hands.taking(&bytes) else {
            let mut gap = self.missing(
                "the agent cannot be sent: this API server does not pass on the end of a stream (Kubernetes before 1.30), \
                 and the image has neither head nor grep"
                    .into(),
            );
            gap.help = Some("give --image one that has head, or dig, socat or nc to ask with".into());
            return Err(gap);
        };
        let script = format!("{take} >{AGENT} && chmod 755 {AGENT} && wc -c <{AGENT}");
        tracing::debug!(node, bytes = body.len(), take, "sending the agent");
        let output = exec(client, container, &["/bin/sh", "-c", &script], &body, self.patience())
            .await
            .map_err(|refusal| refusal::of_exec(&refusal, self.act(), node))?;
        let arrived = String::from_utf8_lossy(&output.stdout).trim().parse::<usize>().ok();
        let said = shorten(&String::from_utf8_lossy(&output.stderr));
        let is_whole = |size: usize| size == bytes.len() || (take.contains("grep") && size == body.len());
        match (&output.end, arrived) {
            (End::Exit(0), Some(size)) if is_whole(size) => Ok(()),
            // an image without wc
            (End::Exit(127), None) => Ok(()),
            (End::Exit(_), Some(size)) => {
                Err(self.missing(format!("{size} of {} bytes of the agent arrived", bytes.len())))
            }
            (End::TimedOut, _) => Err(self.missing("the agent cannot be sent: the stream went silent".into())),
            (end, _) => Err(self.missing(format!("the agent cannot be sent: {}", ended(end, &said)))),
        }
    }

    async fn hands(self) -> Result<Hands, Gap> {
        let script = "for tool in gzip head grep; do command -v $tool >/dev/null && echo $tool; done; exit 0";
        let output = exec(self.client, self.container, &["/bin/sh", "-c", script], b"", self.patience())
            .await
            .map_err(|refusal| refusal::of_exec(&refusal, self.act(), self.node))?;
        let tools = String::from_utf8_lossy(&output.stdout).lines().map(ToOwned::to_owned).collect();
        Ok(Hands { tools, closes: output.closes })
    }

    /// For an exec that says something all the while.
    pub(super) fn patience(self) -> Patience {
        Patience { silence: self.config.limits.exec_silence, whole: self.config.limits.node }
    }

    async fn run(self, work: Work, order: &impl Serialize) -> Result<Said, Gap> {
        let Self { client, container, node, .. } = self;
        let mut text = serde_json::to_string(order).map_err(|error| self.failed(error.to_string()))?;
        // an empty line ends the orders
        text.push_str("\n\n");
        // it is silent until all is done
        let patience = Patience { silence: self.config.limits.node, ..self.patience() };
        let output = exec(client, container, &[AGENT, "__agent", work.as_str()], text.as_bytes(), patience)
            .await
            .map_err(|refusal| refusal::of_exec(&refusal, self.act(), node))?;
        let said = shorten(&String::from_utf8_lossy(&output.stderr));
        match serde_json::from_slice::<Said>(&output.stdout) {
            Ok(Said::Failed(why)) => Err(self.failed(format!("the agent could not do it: {why}"))),
            Ok(said) => Ok(said),
            Err(_) => {
                let how = ended(&output.end, &said);
                Err(self.failed(format!("the agent does not run in the pod on {node}: {how}")))
            }
        }
    }
}

/// How an exec ended, and what it said, if anything.
fn ended(end: &End, said: &str) -> String {
    if said.is_empty() { end.to_string() } else { format!("{end}; {said}") }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[track_caller]
    fn case(tools: &str, closes: bool, expected: Option<&str>) {
        let hands = Hands { tools: tools.split_whitespace().map(ToOwned::to_owned).collect(), closes };
        let taking = hands.taking(b"\x7fELF\nx\ny");
        assert_eq!(taking.as_ref().map(|(command, _)| command.as_str()), expected, "{tools} {closes}");
    }

    #[test]
    fn an_exec_that_says_nothing() {
        assert_eq!(ended(&End::Exit(3), ""), End::Exit(3).to_string());
        assert!(ended(&End::Exit(3), "no shell").ends_with("; no shell"));
    }

    #[test]
    fn how_the_agent_is_taken() {
        let packed = agent_binary::packed(b"\x7fELF\nx\ny").len();
        case("gzip head grep", true, Some("gzip -dc"));
        case("grep", true, Some("cat"));
        case("gzip head grep", false, Some(&format!("head -c {packed} | gzip -dc")));
        case("head grep", false, Some("head -c 8"));
        case("grep", false, Some("LC_ALL=C grep -a -m 3 ''"));
        case("gzip", false, None);
    }
}
