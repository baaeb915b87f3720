//! What the connections of one port prove: whether its endpoints take them by their own addresses, and if they do,
//! whether the Service's addresses do too.

use std::net::SocketAddr;

use k8s_openapi::api::core::v1::Pod;

use crate::cluster::network_policy::{Direction, Policies};
use crate::diagnose::words;
use crate::probe::connections::{Caller, Connection, Met};
use crate::report::{Code, Confidence, Evidence, Finding, Gap, ObjectRef};

use super::super::Work;
use super::plan::Group;

/// Connections that are quoted.
const QUOTED: usize = 6;

/// What came of one port on one node.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    pub(super) finding: Option<Finding>,
    pub(super) gap: Option<Gap>,
    /// Addresses of which something is known now.
    pub(super) judged: usize,
    /// Addresses that said nothing over UDP.
    pub(super) silent: usize,
}

/// Judges one port; `of` gives what was made to an address.
pub(super) fn group<'a, 'snap>(
    work: Work<'_, 'snap>,
    caller: &Caller,
    group: &Group<'snap>,
    of: impl Fn(SocketAddr) -> Option<&'a Connection>,
) -> Verdict {
    let made = |list: &[SocketAddr]| -> Vec<&'a Connection> { list.iter().filter_map(|to| of(*to)).collect() };
    let (addresses, endpoints) = (made(&group.addresses), made(&group.endpoints));
    let all = || addresses.iter().chain(&endpoints).copied();
    let mut verdict = Verdict {
        judged: all().filter(|one| one.is_judged()).count(),
        silent: all().filter(|one| !one.is_judged() && one.made().next().is_some()).count(),
        ..Verdict::default()
    };
    if let Some((one, why)) = all().find_map(|one| Some((one, error(one)?))) {
        let summary = format!("{} could not be connected to from node {}: {why}", one.name(), caller.node);
        verdict.gap = Some(Gap::new(Code::ConnectionNotJudged, Some(&caller.node), summary));
    }
    let failed: Vec<&Connection> = all().filter(|one| one.failed() > 0).collect();
    if failed.is_empty() {
        return verdict;
    }
    let Some(view) = work.services.get(group.service) else { return verdict };
    let context = Failed { work, caller, group, object: view.reference() };
    let bad: Vec<&Connection> = endpoints.iter().copied().filter(|one| one.failed() > 0).collect();
    let works = |one: &&Connection| one.failed() == 0 && one.is_judged();
    // where a Service's address works and no endpoint by its own, it is going past the Service that does not work here
    let only_by_service = !endpoints.is_empty() && bad.len() == endpoints.len() && addresses.iter().any(works);
    let (code, failing) = if bad.is_empty() || only_by_service {
        (Code::ServiceAddressFails, addresses.iter().copied().filter(|one| one.failed() > 0).collect::<Vec<_>>())
    } else if bad.iter().all(|one| refused(one)) {
        (Code::NothingListensOnTargetPort, bad)
    } else {
        (Code::PodIpUnreachable, bad)
    };
    if failing.is_empty() {
        return verdict;
    }
    if let Some(why) = context.policies() {
        let mut gap = Gap::new(
            Code::ConnectionNotJudged,
            Some(&caller.node),
            format!("connections from a pod on node {} to {} fail, and {why}", caller.node, context.object),
        );
        gap.lost = Some("whether others get through".into());
        gap.help = Some("kubectl get networkpolicies -A".into());
        verdict.gap = Some(gap);
        return verdict;
    }
    verdict.finding = Some(context.finding(code, &failing, (&addresses, &endpoints)));
    verdict
}

/// Why an address could not be tried at all.
fn error(one: &Connection) -> Option<&str> {
    if one.made().next().is_some() {
        return None;
    }
    one.tries.iter().find_map(|attempt| match &attempt.met {
        Met::Error { why } => Some(why.as_str()),
        Met::Connected | Met::Silence | Met::Refused | Met::Unreachable { .. } => None,
    })
}

fn refused(one: &Connection) -> bool {
    one.made().any(|attempt| attempt.met == Met::Refused)
        && !one.made().any(|attempt| matches!(attempt.met, Met::Silence | Met::Unreachable { .. }))
}

/// Connections that failed, and around what.
struct Failed<'a, 'snap> {
    work: Work<'a, 'snap>,
    caller: &'a Caller,
    group: &'a Group<'snap>,
    object: ObjectRef,
}

impl Failed<'_, '_> {
    /// The pod behind an endpoint, by namespace and name.
    fn pod(&self, to: SocketAddr) -> Option<(String, String)> {
        let endpoints = self.work.endpoints.get(self.group.service)?;
        let sorted = endpoints.anywhere(&self.group.port, self.group.family);
        let (namespace, name) = sorted.find(to)?.pod?;
        Some((namespace.to_owned(), name.to_owned()))
    }

    /// Why policies of the API may be what keeps this pod out.
    fn policies(&self) -> Option<String> {
        let objects = self.work.index.objects;
        let Some(policies) = Policies::of(objects) else {
            return Some("NetworkPolicies were not read: one may be why".into());
        };
        let mut own = Pod::default();
        own.metadata.namespace = Some(self.caller.namespace.clone());
        own.metadata.labels = Some(self.caller.labels.clone());
        if let Some(policy) = policies.isolating(&own, Direction::Egress).first() {
            let name = policy.metadata.name.as_deref().unwrap_or_default();
            return Some(format!("NetworkPolicy {}/{name} limits what leaves that pod", self.caller.namespace));
        }
        let endpoints = self.work.endpoints.get(self.group.service)?;
        self.group.endpoints.iter().find_map(|to| {
            let (namespace, name) = self.pod(*to)?;
            let policy = *policies.isolating(endpoints.pod(&name)?, Direction::Ingress).first()?;
            let policy = policy.metadata.name.as_deref().unwrap_or_default();
            Some(format!("NetworkPolicy {namespace}/{policy} limits who gets in to pod {name}"))
        })
    }

    fn finding(
        &self,
        code: Code,
        failing: &[&Connection],
        (addresses, endpoints): (&[&Connection], &[&Connection]),
    ) -> Finding {
        let Self { caller, object, group, .. } = self;
        let service = format!("{}/{}", object.namespace, object.name);
        let port = format!("{}/{}", group.port.port, group.transport.as_str().to_uppercase());
        let many = format!("{} of {}", failing.len(), words::count(endpoints.len(), "endpoint"));
        let from = format!("a pod on node {}", caller.node);
        let pod = failing.first().and_then(|one| self.pod(one.to));
        let mut finding = match code {
            Code::NothingListensOnTargetPort => {
                let number = failing.first().map(|one| one.to.port()).unwrap_or_default();
                let refuse = if failing.len() == 1 { "refuses" } else { "refuse" };
                let text = format!("{many} of {service} {refuse} connections on {number}, where port {port} leads");
                let mut finding = Finding::new(code, text);
                finding.help = pod.map(|(namespace, name)| {
                    format!("kubectl exec -n {namespace} {name} -- cat /proc/net/tcp /proc/net/tcp6")
                });
                finding
            }
            Code::PodIpUnreachable => {
                let answer = if failing.len() == 1 { "does" } else { "do" };
                let mut finding = Finding::new(code, format!("{many} of {service} {answer} not answer {from}"));
                finding.help = pod.map(|(namespace, name)| format!("kubectl get pod -n {namespace} {name} -o wide"));
                finding
            }
            _ => {
                let names: Vec<String> = failing.iter().map(|one| one.name()).collect();
                let text = format!(
                    "{from} does not get through to {service} by {}, though the rules deliver it",
                    words::list(&names)
                );
                let mut finding = Finding::new(code, text);
                finding.help = Some(format!(
                    "kubectl svc-trace trace {} -n {} --node {} -o wide",
                    words::shell(&object.name),
                    words::shell(&object.namespace),
                    words::shell(&caller.node)
                ));
                finding
            }
        };
        // the pods may be coming up, and the objects are of a moment before
        finding.confidence = Confidence::Likely;
        finding.object = Some(object.clone());
        finding.node = Some(caller.node.clone());
        let (lost, made) =
            addresses.iter().fold((0, 0), |(lost, made), one| (lost + one.failed(), made + one.made().count()));
        finding.share_ppm = share(lost, made);
        if code != Code::ServiceAddressFails && lost > 0 {
            let made = words::count(made, "connection");
            finding.details.push(format!("{lost} of {made} by the Service's own address failed as well"));
        } else if code == Code::ServiceAddressFails && endpoints.iter().any(|one| one.is_judged()) {
            finding.details.push("its endpoints take connections by their own addresses".into());
        }
        let quoted = failing.iter().chain(addresses.iter().filter(|one| one.failed() > 0 && !failing.contains(one)));
        for one in quoted.take(QUOTED) {
            finding.evidence.push(Evidence::Fact { node: Some(caller.node.clone()), text: said(caller, one) });
        }
        finding
    }
}

fn share(lost: usize, made: usize) -> Option<u32> {
    let ppm = u64::try_from(lost).ok()?.checked_mul(1_000_000)?.checked_div(u64::try_from(made).ok()?)?;
    u32::try_from(ppm).ok().filter(|ppm| *ppm > 0)
}

/// `10.244.1.9 → 10.96.0.7:80/TCP: refused, refused, connected`.
fn said(caller: &Caller, one: &Connection) -> String {
    let from = caller.address.map_or_else(|| "a pod".to_owned(), |ip| ip.to_string());
    let tries: Vec<String> = one
        .tries
        .iter()
        .map(|attempt| match &attempt.met {
            Met::Connected => "connected".to_owned(),
            Met::Silence => format!("no answer in {} ms", attempt.ms),
            Met::Refused => "refused".to_owned(),
            Met::Unreachable { why } | Met::Error { why } => why.clone(),
        })
        .collect();
    format!("{from} → {}: {}", one.name(), tries.join(", "))
}

/// Findings of several ports of one Service on one node are one.
pub(super) fn of_one(findings: Vec<Finding>) -> Vec<Finding> {
    let mut all: Vec<Finding> = Vec::new();
    for finding in findings {
        let key = finding.fingerprint();
        let Some(first) = all.iter_mut().find(|first| first.fingerprint() == key) else {
            all.push(finding);
            continue;
        };
        // of the other family of the same port the sentence is the same
        if first.summary != finding.summary {
            first.details.push(format!("so too: {}", finding.summary));
        }
        first.share_ppm = first.share_ppm.max(finding.share_ppm);
        first.evidence.extend(finding.evidence);
    }
    for finding in &mut all {
        finding.evidence.truncate(QUOTED);
    }
    all
}
