//! ST704, ST705, ST706 and ST714: what the DNS servers themselves complain of.

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;

use crate::cluster::readiness::is_ready;
use crate::collect::snapshot::PodLog;
use crate::dns::corefile::Upstream;
use crate::dns::logs::{Complaint, Said, complaints};
use crate::order;
use crate::probe::{Probe, QuestionKind, ServerKind};
use crate::report::dns::CellState;
use crate::report::{Code, Confidence, Evidence, Finding, ObjectRef, Severity};

use super::super::words;
use super::DnsContext;
use super::cell;
use super::setup::{Setup, corefile_line, node_conf};

/// Seconds after which a complaint of a server that is ready now is past.
const RECENT: i64 = 600;
/// Seconds after its start in which a server may say that the API does not answer yet.
const STARTING: i64 = 60;

/// A complaint that still holds.
struct Heard<'snap> {
    log: &'snap PodLog,
    pod: Option<&'snap Pod>,
    said: Said<'snap>,
}

impl Heard<'_> {
    fn object(&self) -> ObjectRef {
        ObjectRef::new("Pod", &self.log.namespace, &self.log.pod)
    }

    fn evidence(&self) -> Evidence {
        let which = if self.log.previous { "log of the container before" } else { "log" };
        let at = self.said.at.map(|at| format!(" at {at}")).unwrap_or_default();
        let (namespace, pod, line) = (&self.log.namespace, &self.log.pod, self.said.line);
        let node = self.pod.and_then(|pod| pod.spec.as_ref()?.node_name.clone());
        Evidence::Fact { node, text: format!("pod {namespace}/{pod}, {which}, line {line}{at}: {}", self.said.text) }
    }

    fn finding(&self, code: Code, summary: String) -> Finding {
        let mut finding = Finding::new(code, summary);
        finding.object = Some(self.object());
        finding.evidence.push(self.evidence());
        let previous = if self.log.previous { " --previous" } else { "" };
        finding.help =
            Some(format!("kubectl -n {} logs {}{previous}", words::shell(&self.log.namespace), self.log.pod));
        finding
    }

    fn node(&self) -> Option<&str> {
        self.pod.and_then(|pod| pod.spec.as_ref()?.node_name.as_deref())
    }
}

/// Complaints of servers that are not ready, and those of the last minutes.
fn heard<'snap>(context: &DnsContext<'_, 'snap>, wanted: impl Fn(&Complaint<'_>) -> bool) -> Vec<Heard<'snap>> {
    let now: Option<Timestamp> =
        context.snapshot.to.as_deref().or(context.snapshot.from.as_deref()).and_then(|at| at.parse().ok());
    let mut found = Vec::new();
    for log in &context.snapshot.logs {
        let pod = context.objects.pods().iter().find(|pod| {
            pod.metadata.name.as_ref() == Some(&log.pod) && pod.metadata.namespace.as_ref() == Some(&log.namespace)
        });
        let well = pod.is_some_and(is_ready);
        let recent = |said: &Said<'_>| {
            let (Some(at), Some(now)) = (said.at.and_then(|at| at.parse::<Timestamp>().ok()), now) else { return true };
            now.as_second() - at.as_second() <= RECENT
        };
        found.extend(
            complaints(&log.text)
                .into_iter()
                .filter(|said| wanted(&said.complaint) && (!well || recent(said)))
                .map(|said| Heard { log, pod, said }),
        );
    }
    found
}

/// The last complaint of each pod.
fn last_of_each(heard: Vec<Heard<'_>>) -> Vec<Heard<'_>> {
    let mut last: Vec<Heard<'_>> = Vec::new();
    for one in heard {
        match last.iter_mut().find(|other| other.log.pod == one.log.pod) {
            Some(other) => *other = one,
            None => last.push(one),
        }
    }
    last
}

/// ST704: a server gets its own queries back.
pub(super) fn looped(context: &DnsContext<'_, '_>) -> Vec<Finding> {
    let found = last_of_each(heard(context, |complaint| *complaint == Complaint::Loop));
    let Some(first) = found.first() else { return Vec::new() };
    let setup = Setup::read(context);
    let mut finding =
        first.finding(Code::CorednsLoop, format!("{} what it forwards comes back to it, so it stops", said_by(&found)));
    finding.share_ppm = Some(1_000_000);
    for other in found.iter().skip(1).take(2) {
        finding.evidence.push(other.evidence());
    }
    if let Some((config, file)) = &setup.corefile {
        for (_, forward) in file.forwards() {
            let own = forward.to.iter().any(|to| match to {
                Upstream::Address(ip, _) => setup.right_servers().contains(ip) || ip.is_loopback(),
                Upstream::File(_) | Upstream::Other(_) => false,
            });
            let by_file = forward.to.iter().any(|to| matches!(to, Upstream::File(_)));
            if own {
                finding.reason = Some("self".into());
                finding.details.push("the Corefile forwards to the cluster's own DNS".into());
                finding.evidence.push(corefile_line(config, forward.plugin.line, forward.plugin.text));
            } else if by_file
                && let Some(node) = first.node()
                && let Some(conf) = node_conf(context, node)
                && let Some((ip, line)) = conf.loopbacks().next()
            {
                let resolved = ip.to_string() == "127.0.0.53";
                finding.reason = Some(if resolved { "systemd-resolved" } else { "loopback" }.into());
                finding.details.push(format!("it forwards to the nameservers of node {node}, and one is {ip}, itself"));
                finding.evidence.push(corefile_line(config, forward.plugin.line, forward.plugin.text));
                let text = format!("/etc/resolv.conf line {}: {}", line.number, line.text);
                finding.evidence.push(Evidence::Fact { node: Some(node.to_owned()), text });
                if resolved {
                    finding.details.push("kubelet: resolvConf: /run/systemd/resolve/resolv.conf".into());
                }
            }
        }
    }
    vec![finding]
}

fn said_by(found: &[Heard<'_>]) -> String {
    match found {
        [one] => format!("DNS server {} says that", one.log.pod),
        more => format!("{} say that", words::count(more.len(), "DNS server")),
    }
}

/// ST705: a server may not read what it answers from.
pub(super) fn forbidden(context: &DnsContext<'_, '_>) -> Vec<Finding> {
    let found = last_of_each(heard(context, |complaint| matches!(complaint, Complaint::Forbidden { .. })));
    let Some(first) = found.first() else { return Vec::new() };
    let Complaint::Forbidden { resource } = first.said.complaint else { return Vec::new() };
    let mut finding = first.finding(
        Code::CorednsRbac,
        format!("{} it may not read {resource}: names of the cluster are missing or stale", said_by(&found)),
    );
    finding.details.push("it needs list and watch on services, pods, namespaces and endpointslices".into());
    finding.help = Some("kubectl describe clusterrole system:coredns".into());
    vec![finding]
}

/// ST706: a server does not reach the API server.
pub(super) fn api_unreachable(context: &DnsContext<'_, '_>) -> Vec<Finding> {
    let wanted =
        |complaint: &Complaint<'_>| matches!(complaint, Complaint::ApiUnreachable { .. } | Complaint::Unsynced);
    let late = |one: &Heard<'_>| {
        let started = one.pod.and_then(started);
        let at = one.said.at.and_then(|at| at.parse::<Timestamp>().ok());
        !one.pod.is_some_and(is_ready)
            || matches!((started, at), (Some(started), Some(at)) if at.as_second() - started > STARTING)
    };
    let found: Vec<Heard<'_>> = last_of_each(heard(context, wanted)).into_iter().filter(late).collect();
    let Some(first) = found.first() else { return Vec::new() };
    let server = match first.said.complaint {
        Complaint::ApiUnreachable { server: Some(server) } => format!(" at {server}"),
        Complaint::ApiUnreachable { server: None }
        | Complaint::Unsynced
        | Complaint::Loop
        | Complaint::Forbidden { .. }
        | Complaint::Upstream { .. }
        | Complaint::Corefile => String::new(),
    };
    let mut finding = first.finding(
        Code::CorednsApiUnreachable,
        format!("{} the API server{server} does not answer: names of the cluster fail or are stale", said_by(&found)),
    );
    for other in found.iter().skip(1).take(2) {
        finding.evidence.push(other.evidence());
    }
    let from = first.node().map(|node| format!(" --node {}", words::shell(node))).unwrap_or_default();
    finding.help = Some(format!("kubectl svc-trace kubernetes -n default{from}"));
    vec![finding]
}

/// When the container that runs now was started.
fn started(pod: &Pod) -> Option<i64> {
    let statuses = pod.status.as_ref()?.container_statuses.as_ref()?;
    let running = statuses.iter().find_map(|one| one.state.as_ref()?.running.as_ref())?;
    running.started_at.as_ref().map(|time| time.0.as_second())
}

/// ST714: a server that names outside are forwarded to does not answer.
pub(super) fn upstream_failing(context: &DnsContext<'_, '_>) -> Vec<Finding> {
    let found = heard(context, |complaint| matches!(complaint, Complaint::Upstream { .. }));
    let Some(last) = found.last() else { return Vec::new() };
    let Complaint::Upstream { server, why, .. } = last.said.complaint.clone() else { return Vec::new() };
    let mut failing: Vec<String> = found
        .iter()
        .filter_map(|one| match &one.said.complaint {
            Complaint::Upstream { server, .. } => server.map(|ip| ip.to_string()),
            Complaint::Loop
            | Complaint::Forbidden { .. }
            | Complaint::ApiUnreachable { .. }
            | Complaint::Unsynced
            | Complaint::Corefile => None,
        })
        .collect();
    order::sort(&mut failing);
    failing.dedup();
    let to = server.map_or_else(|| "the server it forwards to".to_owned(), |ip| ip.to_string());
    let mut finding = last.finding(
        Code::UpstreamFailing,
        format!("DNS server {} gets no answer from {to} ({why}): names outside the cluster fail", last.log.pod),
    );
    finding.confidence = Confidence::Likely;
    finding.details.push(format!("said {} in the last minutes", words::count(found.len(), "time")));
    let setup = Setup::read(context);
    if let Some((config, file)) = &setup.corefile
        && let Some((_, forward)) = file.forwards().find(|(_, forward)| forward.from.is_root())
    {
        finding.evidence.push(corefile_line(config, forward.plugin.line, forward.plugin.text));
        let known = forward.to.iter().filter(|to| matches!(to, Upstream::Address(..))).count();
        if known == forward.to.len() && known > failing.len() && !failing.is_empty() {
            finding.reason = Some("one-of-several".into());
            finding.severity = Severity::Warning;
            finding
                .details
                .push(format!("{} of {known} servers that it forwards to fail: some lookups are late", failing.len()));
        }
    }
    if finding.severity == Severity::Error
        && found.iter().all(|one| answers_now(context, &one.log.namespace, &one.log.pod))
    {
        finding.severity = Severity::Warning;
        finding.reason = Some("answers-now".into());
        finding.summary = format!("DNS server {} got no answer from {to} ({why}) a while ago", last.log.pod);
        finding.details.push("names outside are answered now, unless that comes from its cache".into());
    }
    vec![finding]
}

/// The server was asked for a name outside, and gave it each time.
fn answers_now(context: &DnsContext<'_, '_>, pod_namespace: &str, pod_name: &str) -> bool {
    let mut asked = context.snapshot.probes.iter().flat_map(|place| &place.probes).filter(|probe| {
        let ServerKind::Pod { namespace, name, .. } = &probe.server.is else { return false };
        probe.question.kind == QuestionKind::External
            && (namespace.as_str(), name.as_str()) == (pod_namespace, pod_name)
    });
    let is_well = |probe: &Probe| cell::judge(probe).state == CellState::Good;
    asked.next().is_some_and(is_well) && asked.all(is_well)
}
