//! One node, read by one of the ways: a debug pod, the kube-proxy pod, or a shell here. What cannot be read becomes
//! gaps; a node never fails the others.

use std::time::Duration;

use kube::Client;

use super::companions;
use super::config::{CollectConfig, Profile, Via};
use super::debug_pod::Ledger;
use super::dumps::Row;
use super::exec::{Patience, Place, exec};
use super::image;
use super::manifest::{Plan, Privilege, fresh_name};
use super::proof::{Proof, judge};
use super::refusal::{self, Act};
use super::script::{self, Frame};
use super::snapshot::{NodeDumps, Objects};
use crate::report::{Code, Gap};

/// What became of a node.
#[derive(Debug, Default)]
pub struct NodeRead {
    /// Its dumps, if any came.
    pub dumps: Option<NodeDumps>,
    /// What could not be read.
    pub gaps: Vec<Gap>,
}

impl NodeRead {
    /// Not read in the time there was.
    pub(super) fn too_late(node: &str) -> Self {
        Self::nothing(Gap {
            lost: Some(format!("the rules of node {node}")),
            help: crate::Error::TooLate.hint(),
            ..Gap::new(Code::NodeNotCollected, Some(node), format!("the time was over before node {node} was read"))
        })
    }

    fn nothing(gap: Gap) -> Self {
        Self { dumps: None, gaps: vec![gap] }
    }
}

/// How a node is read, and with whom.
#[derive(Clone, Copy)]
pub struct Way<'a> {
    /// What was asked for.
    pub config: &'a CollectConfig,
    /// The client.
    pub client: &'a Client,
    /// Everything that is made.
    pub ledger: &'a Ledger,
    /// What the API told.
    pub objects: &'a Objects,
    /// What is read.
    pub rows: &'a [Row],
}

/// Reads `node`.
pub async fn read(way: Way<'_>, node: &str) -> NodeRead {
    match way.config.via {
        Via::DebugPod => by_debug_pod(way, node).await,
        Via::KubeProxy => by_kube_proxy(way, node).await,
        Via::Local => read_here(way.config, node, way.rows).await,
        Via::ApiOnly => NodeRead::default(),
    }
}

/// Reads this very node.
pub async fn read_here(config: &CollectConfig, node: &str, rows: &[Row]) -> NodeRead {
    match super::local::read(rows, config.limits.node).await {
        Ok(reading) => of(judge(node, reading)),
        Err(error) => NodeRead::nothing(Gap::new(Code::ToolMissingOrCrashed, Some(node), error.to_string())),
    }
}

fn of(proof: Proof) -> NodeRead {
    let dumps = (!proof.dumps.dumps.is_empty()).then_some(proof.dumps);
    NodeRead { dumps, gaps: proof.gaps }
}

async fn by_debug_pod(way: Way<'_>, node: &str) -> NodeRead {
    let privilege = Privilege::first(way.config.pod.profile);
    let first = in_pod(way, node, privilege).await;
    let enough = match &first {
        Ok(proof) => proof.readable,
        // where the pod itself cannot be had, a more privileged one cannot either
        Err(_) => true,
    };
    match (first, way.config.pod.profile) {
        (Ok(proof), Profile::Auto) if !enough => {
            let why = proof.gaps.first().map_or("its rules could not be read", |gap| gap.summary.as_str());
            way.config.say.line(format!("{why}: trying {node} once more with profile sysadmin"));
            match in_pod(way, node, Privilege::Sysadmin).await {
                Ok(better) if better.readable => of(better),
                Ok(_) => of(proof),
                Err(gap) => {
                    let mut read = of(proof);
                    read.gaps.push(gap);
                    read
                }
            }
        }
        (Ok(proof), _) => of(proof),
        (Err(gap), _) => NodeRead::nothing(gap),
    }
}

async fn in_pod(way: Way<'_>, node: &str, privilege: Privilege) -> Result<Proof, Gap> {
    let options = &way.config.pod;
    let choice = image::choose(options, privilege, way.objects, node);
    tracing::debug!(node, image = choice.image, why = choice.why, "image");
    let plan = plan(way.config, node, choice.image, privilege);
    way.ledger.with_debug_pod(&plan, async |place| in_place(way, place, privilege.shell(), node).await).await?
}

/// The Job for a node.
#[must_use]
pub fn plan(config: &CollectConfig, node: &str, image: String, privilege: Privilege) -> Plan {
    Plan {
        name: fresh_name(),
        namespace: config.pod.namespace().to_owned(),
        node: node.to_owned(),
        image,
        pull_secret: config.pod.pull_secret.clone(),
        privilege,
    }
}

async fn by_kube_proxy(way: Way<'_>, node: &str) -> NodeRead {
    let Some(pod) = companions::kube_proxy(way.objects, node) else {
        return NodeRead::nothing(Gap {
            lost: Some(format!("the rules of node {node}")),
            help: Some("kubectl get pods -A -o wide | grep kube-proxy; or leave --via out".into()),
            ..Gap::new(Code::NodeNotCollected, Some(node), format!("no kube-proxy pod is known on {node}"))
        });
    };
    let container = pod.spec.as_ref().and_then(|spec| {
        let named = spec.containers.iter().find(|container| container.name.contains("kube-proxy"));
        named.or_else(|| spec.containers.first()).map(|container| container.name.clone())
    });
    let place = Place {
        namespace: pod.metadata.namespace.clone().unwrap_or_default(),
        pod: pod.metadata.name.clone().unwrap_or_default(),
        container: container.unwrap_or_default(),
    };
    match in_place(way, &place, Privilege::Netadmin.shell(), node).await {
        Ok(proof) => of(proof),
        Err(gap) => NodeRead::nothing(gap),
    }
}

async fn in_place(way: Way<'_>, place: &Place, shell: &[&str], node: &str) -> Result<Proof, Gap> {
    let frame = Frame::random();
    let text = script::build(&frame, way.rows);
    let limits = &way.config.limits;
    let patience = Patience { silence: limits.exec_silence, whole: limits.node };
    let began = std::time::Instant::now();
    let output = exec(way.client, place, shell, text.as_bytes(), patience).await.map_err(|refusal| {
        let act = Act { verb: "create", resource: "pods/exec", namespace: &place.namespace };
        refusal::of_exec(&refusal, act, node)
    })?;
    let took: Duration = began.elapsed();
    tracing::debug!(node, ?took, end = ?output.end, bytes = output.stdout.len(), "read");
    let reading = script::read(&frame, way.rows, &output.stdout);
    let silent = output.stdout.is_empty() && !reading.done;
    if silent {
        return Err(refusal::of_ending(&output.end, node).unwrap_or_else(|| {
            let said = refusal::shorten(&String::from_utf8_lossy(&output.stderr));
            Gap {
                lost: Some(format!("the rules of node {node}")),
                help: Some("--image takes another image".into()),
                ..Gap::new(
                    Code::ToolMissingOrCrashed,
                    Some(node),
                    format!("the pod on {node} cannot run a shell script: {said}"),
                )
            }
        }));
    }
    let mut proof = judge(node, reading);
    proof.gaps.extend(refusal::of_ending(&output.end, node));
    Ok(proof)
}
