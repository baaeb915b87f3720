//! Schema `svc-trace/v1`: these structs are the contract of `-o json`. Fields are added, never renamed, retyped or
//! removed.

use schemars::JsonSchema;
use serde::Serialize;

use super::v1_check::V1Check;
use super::v1_dns::V1Dns;
use super::v1_path::V1Trace;
use crate::report::check::PathCounts;
use crate::report::{
    EndpointSummary, Environment, Evidence, Finding, Gap, Issue, NodeSummary, ObjectRef, PortSummary, QueryEcho,
    Report, ServiceSummary, Severity, Verdict,
};

/// The whole document.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct V1Report<'r> {
    schema: &'static str,
    tool: V1Tool,
    collected: V1Collected<'r>,
    kubernetes: Option<&'r str>,
    verdict: &'static str,
    complete: bool,
    query: V1Query<'r>,
    service: Option<V1Service<'r>>,
    nodes: Vec<V1Node<'r>>,
    traces: Vec<V1Trace<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dns: Option<V1Dns<'r>>,
    findings: Vec<V1Finding<'r>>,
    gaps: Vec<V1Gap<'r>>,
    issues: Vec<V1Issue<'r>>,
    /// Suites and cases, of `check` alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    check: Option<V1Check<'r>>,
    assumed: &'r [String],
    not_checked: &'r [String],
    notes: &'r [String],
    environment: Option<V1Environment<'r>>,
    summary: V1Summary,
}

impl<'r> V1Report<'r> {
    /// The report as the document; `fail_on` decides the verdict.
    pub(super) fn new(report: &'r Report, fail_on: Option<Severity>) -> Self {
        Self {
            schema: "svc-trace/v1",
            tool: V1Tool { name: "kubectl-svc-trace", version: env!("CARGO_PKG_VERSION") },
            collected: V1Collected { from: report.collected.0.as_deref(), to: report.collected.1.as_deref() },
            kubernetes: report.kubernetes.as_deref(),
            verdict: match report.verdict(fail_on) {
                Verdict::Healthy => "healthy",
                Verdict::Findings => "findings",
                Verdict::Incomplete => "incomplete",
            },
            complete: report.is_complete(),
            query: (&report.query).into(),
            service: report.service.as_ref().map(Into::into),
            nodes: report.nodes.iter().map(Into::into).collect(),
            traces: report.traces.iter().map(Into::into).collect(),
            dns: report.dns.as_ref().map(Into::into),
            findings: report.findings.iter().map(Into::into).collect(),
            gaps: report.gaps.iter().map(Into::into).collect(),
            issues: report.issues.iter().map(Into::into).collect(),
            check: report.check.as_ref().map(|check| V1Check::new(report, check, fail_on)),
            assumed: &report.assumed,
            not_checked: &report.not_checked,
            notes: &report.notes,
            environment: report.environment.as_ref().map(Into::into),
            summary: report.into(),
        }
    }
}

/// The Service's environment variables in the client pod.
#[derive(Debug, Serialize, JsonSchema)]
struct V1Environment<'r> {
    client: &'r str,
    missing: Option<&'r str>,
    variables: Vec<V1Variable<'r>>,
}

/// One variable.
#[derive(Debug, Serialize, JsonSchema)]
struct V1Variable<'r> {
    name: &'r str,
    value: &'r str,
}

impl<'r> From<&'r Environment> for V1Environment<'r> {
    fn from(environment: &'r Environment) -> Self {
        let variables = environment.variables.iter();
        Self {
            client: &environment.client,
            missing: environment.missing.as_deref(),
            variables: variables.map(|(name, value)| V1Variable { name, value }).collect(),
        }
    }
}

/// What wrote it.
#[derive(Debug, Serialize, JsonSchema)]
struct V1Tool {
    name: &'static str,
    version: &'static str,
}

/// When the data was read.
#[derive(Debug, Serialize, JsonSchema)]
struct V1Collected<'r> {
    from: Option<&'r str>,
    to: Option<&'r str>,
}

/// The question.
#[derive(Debug, Serialize, JsonSchema)]
struct V1Query<'r> {
    command: &'r str,
    target: &'r str,
    from: Option<&'r str>,
    namespace: &'r str,
}

impl<'r> From<&'r QueryEcho> for V1Query<'r> {
    fn from(query: &'r QueryEcho) -> Self {
        Self {
            command: &query.command,
            target: &query.target,
            from: query.from.as_deref(),
            namespace: &query.namespace,
        }
    }
}

/// The Service.
#[derive(Debug, Serialize, JsonSchema)]
struct V1Service<'r> {
    namespace: &'r str,
    name: &'r str,
    r#type: &'r str,
    cluster_ips: &'r [String],
    external_ips: &'r [String],
    load_balancer: &'r [String],
    external_name: Option<&'r str>,
    ports: Vec<V1Port<'r>>,
    selector: Option<&'r str>,
    traits: &'r [String],
    created: Option<&'r str>,
    endpoints: Vec<V1Endpoint<'r>>,
}

impl<'r> From<&'r ServiceSummary> for V1Service<'r> {
    fn from(service: &'r ServiceSummary) -> Self {
        Self {
            namespace: &service.namespace,
            name: &service.name,
            r#type: &service.kind,
            cluster_ips: &service.cluster_ips,
            external_ips: &service.external_ips,
            load_balancer: &service.load_balancer,
            external_name: service.external_name.as_deref(),
            ports: service.ports.iter().map(Into::into).collect(),
            selector: service.selector.as_deref(),
            traits: &service.traits,
            created: service.created.as_deref(),
            endpoints: service.endpoints.iter().map(Into::into).collect(),
        }
    }
}

/// One Service port.
#[derive(Debug, Serialize, JsonSchema)]
struct V1Port<'r> {
    name: &'r str,
    node_port: Option<u16>,
    port: u16,
    target: &'r str,
    protocol: &'r str,
}

impl<'r> From<&'r PortSummary> for V1Port<'r> {
    fn from(port: &'r PortSummary) -> Self {
        Self {
            name: &port.name,
            node_port: port.node_port,
            port: port.port,
            target: &port.target,
            protocol: &port.protocol,
        }
    }
}

/// One endpoint.
#[derive(Debug, Serialize, JsonSchema)]
struct V1Endpoint<'r> {
    address: &'r str,
    port_name: &'r str,
    pod: Option<&'r str>,
    node: Option<&'r str>,
    zone: Option<&'r str>,
    used: bool,
    state: &'r str,
}

impl<'r> From<&'r EndpointSummary> for V1Endpoint<'r> {
    fn from(endpoint: &'r EndpointSummary) -> Self {
        Self {
            address: &endpoint.address,
            port_name: &endpoint.port_name,
            pod: endpoint.pod.as_deref(),
            node: endpoint.node.as_deref(),
            zone: endpoint.zone.as_deref(),
            used: endpoint.used,
            state: &endpoint.state,
        }
    }
}

/// One node.
#[derive(Debug, Serialize, JsonSchema)]
struct V1Node<'r> {
    name: &'r str,
    dataplane: &'r str,
    evidence: Option<&'r str>,
    kubernetes: Option<&'r str>,
    zone: Option<&'r str>,
    read: bool,
}

impl<'r> From<&'r NodeSummary> for V1Node<'r> {
    fn from(node: &'r NodeSummary) -> Self {
        Self {
            name: &node.name,
            dataplane: &node.dataplane,
            evidence: node.evidence.as_deref(),
            kubernetes: node.kubernetes.as_deref(),
            zone: node.zone.as_deref(),
            read: node.read,
        }
    }
}

/// An object of the API.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct V1Object<'r> {
    kind: &'r str,
    namespace: &'r str,
    name: &'r str,
}

impl<'r> From<&'r ObjectRef> for V1Object<'r> {
    fn from(object: &'r ObjectRef) -> Self {
        Self { kind: &object.kind, namespace: &object.namespace, name: &object.name }
    }
}

/// A quoted source.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(super) enum V1Evidence<'r> {
    /// A line of a dump.
    Line { node: &'r str, dump: &'r str, line: u32, text: &'r str },
    /// A field of an object.
    Field { object: V1Object<'r>, field: &'r str, value: &'r str },
    /// Something else that was read.
    Fact { node: Option<&'r str>, text: &'r str },
}

impl<'r> From<&'r Evidence> for V1Evidence<'r> {
    fn from(evidence: &'r Evidence) -> Self {
        match evidence {
            Evidence::Line { node, dump, line, text } => Self::Line { node, dump, line: *line, text },
            Evidence::Field { object, field, value } => Self::Field { object: object.into(), field, value },
            Evidence::Fact { node, text } => Self::Fact { node: node.as_deref(), text },
        }
    }
}

/// Something wrong.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct V1Finding<'r> {
    code: &'static str,
    reason: Option<&'r str>,
    fingerprint: String,
    severity: &'static str,
    confidence: &'static str,
    share_ppm: Option<u32>,
    summary: &'r str,
    details: &'r [String],
    node: Option<&'r str>,
    object: Option<V1Object<'r>>,
    evidence: Vec<V1Evidence<'r>>,
    help: Option<&'r str>,
}

impl<'r> From<&'r Finding> for V1Finding<'r> {
    fn from(finding: &'r Finding) -> Self {
        Self {
            code: finding.code.as_str(),
            reason: finding.reason.as_deref(),
            fingerprint: finding.fingerprint(),
            severity: finding.severity.as_str(),
            confidence: finding.confidence.as_str(),
            share_ppm: finding.share_ppm,
            summary: &finding.summary,
            details: &finding.details,
            node: finding.node.as_deref(),
            object: finding.object.as_ref().map(Into::into),
            evidence: finding.evidence.iter().map(Into::into).collect(),
            help: finding.help.as_deref(),
        }
    }
}

/// Something that could not be looked at.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct V1Gap<'r> {
    code: &'static str,
    node: Option<&'r str>,
    summary: &'r str,
    lost: Option<&'r str>,
    help: Option<&'r str>,
    counts: bool,
}

impl<'r> From<&'r Gap> for V1Gap<'r> {
    fn from(gap: &'r Gap) -> Self {
        Self {
            code: gap.code.as_str(),
            node: gap.node.as_deref(),
            summary: &gap.summary,
            lost: gap.lost.as_deref(),
            help: gap.help.as_deref(),
            counts: gap.counts,
        }
    }
}

/// A line that could not be read.
#[derive(Debug, Serialize, JsonSchema)]
struct V1Issue<'r> {
    code: &'static str,
    node: &'r str,
    dump: &'r str,
    line: u32,
    message: &'r str,
    text: &'r str,
}

impl<'r> From<&'r Issue> for V1Issue<'r> {
    fn from(issue: &'r Issue) -> Self {
        Self {
            code: issue.code.as_str(),
            node: &issue.node,
            dump: &issue.dump,
            line: issue.line,
            message: &issue.message,
            text: &issue.text,
        }
    }
}

/// Counts of it all.
#[derive(Debug, Serialize, JsonSchema)]
struct V1Summary {
    paths: usize,
    expected: usize,
    differs: usize,
    undecided: usize,
    not_compared: usize,
    errors: usize,
    warnings: usize,
    infos: usize,
    gaps: usize,
    issues: usize,
    nodes_read: usize,
    nodes_total: Option<usize>,
}

impl From<&Report> for V1Summary {
    fn from(report: &Report) -> Self {
        let mut paths = PathCounts::default();
        report.traces.iter().for_each(|trace| paths.add(trace.state));
        if let Some(check) = &report.check {
            paths = check.paths;
        }
        let findings = |severity| report.findings.iter().filter(|finding| finding.severity == severity).count();
        Self {
            paths: paths.all(),
            expected: paths.expected,
            differs: paths.differs,
            undecided: paths.undecided,
            not_compared: paths.not_compared,
            errors: findings(Severity::Error),
            warnings: findings(Severity::Warning),
            infos: findings(Severity::Info),
            gaps: report.gaps.len(),
            issues: report.issues.len(),
            nodes_read: report.nodes.iter().filter(|node| node.read).count(),
            nodes_total: report.nodes_total,
        }
    }
}
