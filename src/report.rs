//! The answer, ready to be rendered: owned, plain values. Renderers see nothing else, and nothing here knows
//! how it was found.

pub mod check;
pub mod dns;
mod path;

pub use crate::diagnose::code::{Code, Kind, Severity};
pub use path::{AddressKind, Disposition, Hop, Origin, Outcome, PathInfo, PathState, Trace};

/// All that is said about one question.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// What was asked, for the echo.
    pub query: QueryEcho,
    /// The Service, when the question was about one that exists.
    pub service: Option<ServiceSummary>,
    /// The nodes that were looked at, in order.
    pub nodes: Vec<NodeSummary>,
    /// One entry for each path that was walked.
    pub traces: Vec<Trace>,
    /// The cluster's DNS, when the question was about it.
    pub dns: Option<dns::DnsReport>,
    /// What is wrong, worst first.
    pub findings: Vec<Finding>,
    /// What could not be looked at.
    pub gaps: Vec<Gap>,
    /// Lines that could not be read.
    pub issues: Vec<Issue>,
    /// What was assumed because it was not in the input.
    pub assumed: Vec<String>,
    /// What was not looked at because nobody asked (`nodes b and c (--all-nodes)`).
    pub not_checked: Vec<String>,
    /// The Service's environment variables, where the question names a client pod.
    pub environment: Option<Environment>,
    /// Facts that are worth a line and are no finding (`ExternalName: an alias in DNS, nothing on a node`).
    pub notes: Vec<String>,
    /// When reading began and ended, RFC 3339.
    pub collected: (Option<String>, Option<String>),
    /// Version of the API server.
    pub kubernetes: Option<String>,
    /// How many nodes the cluster has, if known.
    pub nodes_total: Option<usize>,
    /// Why these nodes.
    pub nodes_why: Option<String>,
    /// Suites and cases, when many Services were checked. Then `traces` holds some of the paths that differ.
    pub check: Option<check::CheckSummary>,
}

/// The environment variables that the kubelet makes of a Service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// The client pod: `default/client-6lv87`.
    pub client: String,
    /// Why its containers do not have them, or why that is not known; `None`: they have.
    pub missing: Option<String>,
    /// Name and value, in the order of the kubelet.
    pub variables: Vec<(String, String)>,
}

/// What a script acts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing at or above the threshold, and all that was asked was checked.
    Healthy,
    /// At least one finding at or above the threshold.
    Findings,
    /// No such finding, but something that was asked could not be checked.
    Incomplete,
}

impl Report {
    /// The verdict with findings below `fail_on` left aside (`None`: all findings are).
    #[must_use]
    pub fn verdict(&self, fail_on: Option<Severity>) -> Verdict {
        let strict = self.check.as_ref().is_some_and(|check| check.gaps == check::GapsAre::Failures);
        if fail_on.is_some_and(|least| self.findings.iter().any(|f| f.severity >= least))
            || (strict && !self.is_complete())
        {
            Verdict::Findings
        } else if self.is_complete() {
            Verdict::Healthy
        } else {
            Verdict::Incomplete
        }
    }

    /// Nodes whose kernel differs from the objects in one sample: worth reading again.
    #[must_use]
    pub fn differing_nodes(&self) -> Vec<String> {
        let likely = self.findings.iter().filter(|finding| finding.confidence == Confidence::Likely);
        let nodes: std::collections::BTreeSet<&String> = likely.filter_map(|finding| finding.node.as_ref()).collect();
        nodes.into_iter().cloned().collect()
    }

    /// Whether all that was asked could be looked at and decided.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let cut = |issue: &Issue| issue.code == Code::OutputTruncated;
        self.gaps.iter().all(|gap| !gap.counts)
            && !self.issues.iter().any(cut)
            // of a check the gaps tell what is undecided
            && (self.check.is_some() || self.traces.iter().all(|trace| trace.state != PathState::Undecided))
    }
}

/// The question, said back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueryEcho {
    /// `trace`, `packet`.
    pub command: String,
    /// As typed.
    pub target: String,
    /// As typed after `--from`.
    pub from: Option<String>,
    /// Namespace that names were looked up in.
    pub namespace: String,
}

/// The Service, as the header shows it.
#[derive(Debug, Clone, Default)]
pub struct ServiceSummary {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// `ClusterIP`, `NodePort`, `LoadBalancer`, `ExternalName`, or `headless`.
    pub kind: String,
    /// Cluster IPs, first family first.
    pub cluster_ips: Vec<String>,
    /// spec.externalIPs.
    pub external_ips: Vec<String>,
    /// status.loadBalancer.ingress: address or host name.
    pub load_balancer: Vec<String>,
    /// spec.externalName.
    pub external_name: Option<String>,
    /// Ports.
    pub ports: Vec<PortSummary>,
    /// Selector as `app=web,tier=x`; `None` when there is none.
    pub selector: Option<String>,
    /// What is unusual: `externalTrafficPolicy Local`, `session affinity ClientIP 10800 s`, `publishes not-ready addresses`.
    pub traits: Vec<String>,
    /// creationTimestamp, RFC 3339.
    pub created: Option<String>,
    /// Endpoints, ready ones first.
    pub endpoints: Vec<EndpointSummary>,
}

/// One port: `30080 → 80 → 8080/TCP`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PortSummary {
    /// Name; empty when unnamed.
    pub name: String,
    /// nodePort.
    pub node_port: Option<u16>,
    /// port.
    pub port: u16,
    /// targetPort as written; a name shows what it resolves to: `web (8080)`.
    pub target: String,
    /// `TCP`, `UDP`, `SCTP`.
    pub protocol: String,
}

/// One endpoint with pod, node and readiness.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EndpointSummary {
    /// Address and port, `10.244.1.5:8080`.
    pub address: String,
    /// Name of the Service port it serves.
    pub port_name: String,
    /// Pod name.
    pub pod: Option<String>,
    /// Node name.
    pub node: Option<String>,
    /// Zone.
    pub zone: Option<String>,
    /// Whether it is used for new connections somewhere.
    pub used: bool,
    /// `ready`, or why it is not used: `not ready: readiness probe`, `terminating`.
    pub state: String,
}

/// One node, as the header shows it.
#[derive(Debug, Clone, Default)]
pub struct NodeSummary {
    /// Name.
    pub name: String,
    /// How Services are programmed there: `kube-proxy iptables (nft backend)`.
    pub dataplane: String,
    /// What says so: `chain KUBE-SERVICES in nat, iptables-save :41`.
    pub evidence: Option<String>,
    /// kubelet's version.
    pub kubernetes: Option<String>,
    /// Zone label.
    pub zone: Option<String>,
    /// Whether its rules could be read.
    pub read: bool,
}

/// How sure a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confidence {
    /// A hint.
    Possible,
    /// One assumption, named in the text.
    Likely,
    /// The evidence entails it.
    Certain,
}

impl Confidence {
    /// As in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Possible => "possible",
            Self::Likely => "likely",
            Self::Certain => "certain",
        }
    }
}

/// Something wrong, with its proof and the next command.
#[derive(Debug, Clone)]
pub struct Finding {
    /// Its code.
    pub code: Code,
    /// Variant of it.
    pub reason: Option<String>,
    /// How bad.
    pub severity: Severity,
    /// How sure.
    pub confidence: Confidence,
    /// One sentence, lowercase, without a full stop.
    pub summary: String,
    /// More, if one sentence does not do: each a line.
    pub details: Vec<String>,
    /// Node, if it is about one.
    pub node: Option<String>,
    /// Object, if it is about one.
    pub object: Option<ObjectRef>,
    /// Share of new connections that it hits, parts per million.
    pub share_ppm: Option<u32>,
    /// Quoted lines and fields.
    pub evidence: Vec<Evidence>,
    /// One command to run next.
    pub help: Option<String>,
}

impl Finding {
    /// A finding with the code's own severity, certain, without evidence yet.
    #[must_use]
    pub fn new(code: Code, summary: impl Into<String>) -> Self {
        Self {
            code,
            reason: None,
            severity: code.severity(),
            confidence: Confidence::Certain,
            summary: summary.into(),
            details: Vec::new(),
            node: None,
            object: None,
            share_ppm: None,
            evidence: Vec::new(),
            help: None,
        }
    }

    /// Key of baselines, ignores and junit: code, reason, object and node; no line, no chain hash.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let mut key = self.code.as_str().to_owned();
        for part in [&self.reason, &self.object.as_ref().map(ToString::to_string), &self.node] {
            key.push('|');
            key.push_str(part.as_deref().unwrap_or_default());
        }
        key
    }
}

/// An object of the API.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectRef {
    /// `Service`.
    pub kind: String,
    /// Namespace, empty for what has none.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl ObjectRef {
    /// A reference.
    pub fn new(kind: impl Into<String>, namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { kind: kind.into(), namespace: namespace.into(), name: name.into() }
    }
}

impl std::fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.namespace.is_empty() {
            write!(f, "{} {}", self.kind, self.name)
        } else {
            write!(f, "{} {}/{}", self.kind, self.namespace, self.name)
        }
    }
}

/// A quoted source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evidence {
    /// A line of a dump.
    Line {
        /// Node.
        node: String,
        /// Dump name.
        dump: String,
        /// Line, from 1.
        line: u32,
        /// The text as it stands there.
        text: String,
    },
    /// A field of an object.
    Field {
        /// The object.
        object: ObjectRef,
        /// `spec.selector`.
        field: String,
        /// Its value.
        value: String,
    },
    /// Something else that was read: `proc-net-ip_tables_names is empty`.
    Fact {
        /// Node, if it is of one.
        node: Option<String>,
        /// The fact.
        text: String,
    },
}

/// Something that could not be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// Its code.
    pub code: Code,
    /// Node, if it is of one.
    pub node: Option<String>,
    /// What could not be done, and why.
    pub summary: String,
    /// What is lost by it.
    pub lost: Option<String>,
    /// One command to run next.
    pub help: Option<String>,
    /// Whether what was asked stays unanswered for it (exit 3). An eBPF node or a Windows node is not such a gap.
    pub counts: bool,
}

impl Gap {
    /// A gap that leaves the question open.
    #[must_use]
    pub fn new(code: Code, node: Option<&str>, summary: impl Into<String>) -> Self {
        Self { code, node: node.map(Into::into), summary: summary.into(), lost: None, help: None, counts: true }
    }

    /// Tells it from other gaps of one report.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        format!("{}|{}|{}", self.code, self.node.as_deref().unwrap_or_default(), self.summary)
    }
}

/// A line that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// Its code: `output-truncated`, `layout-unknown`.
    pub code: Code,
    /// Node.
    pub node: String,
    /// Dump name.
    pub dump: String,
    /// Line, from 1.
    pub line: u32,
    /// What is not understood.
    pub message: String,
    /// The text, shortened.
    pub text: String,
}
