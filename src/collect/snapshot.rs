//! What was read, as it was read: objects, node dumps, gaps. Owned text; everything later borrows from here.
//! Nothing is interpreted here.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{Endpoints, Node, Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::probe::Place;
use crate::probe::connections::Caller;
use crate::report::Gap;

/// Everything `analyze` may know. Made live by `collect`, from a bundle, or from pasted dumps.
#[derive(Debug, Default, Clone)]
pub struct Snapshot {
    /// What the API said.
    pub objects: Objects,
    /// What the API said after the nodes were read, if it was asked again.
    pub objects_after: Option<Objects>,
    /// Node name → what was read on it.
    pub nodes: BTreeMap<String, NodeDumps>,
    /// What DNS servers were asked and answered, by the place it was asked from.
    pub probes: Vec<Place>,
    /// Connections that were made to Services, by the pod that made them.
    pub connections: Vec<Caller>,
    /// The ends of the logs of DNS servers.
    pub logs: Vec<PodLog>,
    /// What could not be looked at.
    pub gaps: Vec<Gap>,
    /// Version of the API server, as `v1.34.4`.
    pub kubernetes: Option<String>,
    /// When reading began, RFC 3339.
    pub from: Option<String>,
    /// When reading ended, RFC 3339.
    pub to: Option<String>,
    /// How many nodes the cluster has, if known; more than `nodes` holds.
    pub nodes_total: Option<usize>,
    /// Why these nodes were read, for the reader: `the node of pod web-1`.
    pub nodes_why: Option<String>,
}

/// The end of a pod's log, each line with its time before it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct PodLog {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub pod: String,
    /// Of the container before the one that runs now.
    pub previous: bool,
    /// What is kept of it.
    pub text: String,
}

/// Objects of the API. `None` is "not read", an empty list is "there are none".
#[derive(Debug, Default, Clone)]
pub struct Objects {
    /// Services.
    pub services: Option<Vec<Service>>,
    /// EndpointSlices.
    pub slices: Option<Vec<EndpointSlice>>,
    /// v1 Endpoints: read in their stead where slices cannot be, and for what still reads them.
    pub endpoints: Option<Vec<Endpoints>>,
    /// Pods.
    pub pods: Option<Vec<Pod>>,
    /// Nodes.
    pub nodes: Option<Vec<Node>>,
    /// Events, newest last.
    pub events: Option<Vec<Event>>,
    /// NetworkPolicies.
    pub policies: Option<Vec<NetworkPolicy>>,
    /// Ingresses.
    pub ingresses: Option<Vec<Ingress>>,
    /// Plural names of resources whose list is the cluster's whole list, not a narrow one (`services`, `pods` …).
    pub whole: BTreeSet<String>,
    /// Pods that run a service proxy or a network plugin (`kube-system/kube-proxy-x`), if they were looked for.
    pub proxies: Option<Vec<Pod>>,
    /// Other objects by plural name (`configmaps` …), as JSON values.
    pub other: BTreeMap<String, Vec<serde_json::Value>>,
}

impl Objects {
    /// Services that were read.
    #[must_use]
    pub fn services(&self) -> &[Service] {
        self.services.as_deref().unwrap_or_default()
    }
    /// Slices that were read.
    #[must_use]
    pub fn slices(&self) -> &[EndpointSlice] {
        self.slices.as_deref().unwrap_or_default()
    }
    /// v1 Endpoints that were read.
    #[must_use]
    pub fn endpoints(&self) -> &[Endpoints] {
        self.endpoints.as_deref().unwrap_or_default()
    }
    /// Pods that were read.
    #[must_use]
    pub fn pods(&self) -> &[Pod] {
        self.pods.as_deref().unwrap_or_default()
    }
    /// Nodes that were read.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        self.nodes.as_deref().unwrap_or_default()
    }
    /// NetworkPolicies that were read.
    #[must_use]
    pub fn policies(&self) -> &[NetworkPolicy] {
        self.policies.as_deref().unwrap_or_default()
    }
    /// Ingresses that were read.
    #[must_use]
    pub fn ingresses(&self) -> &[Ingress] {
        self.ingresses.as_deref().unwrap_or_default()
    }
    /// Events that were read.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        self.events.as_deref().unwrap_or_default()
    }
    /// Objects of another resource that were read (`servicecidrs`).
    #[must_use]
    pub fn others(&self, resource: &str) -> &[serde_json::Value] {
        self.other.get(resource).map(Vec::as_slice).unwrap_or_default()
    }
    /// Whether the Services and slices of `after` are the same versions that stand here. What either side did not
    /// read is left aside, and Services that only stand here nobody asked for again.
    #[must_use]
    pub fn stood_still(&self, after: &Self) -> bool {
        type Versions<'a> = BTreeMap<(Option<&'a str>, Option<&'a str>), Option<&'a str>>;
        fn versions<'a>(metas: impl Iterator<Item = &'a ObjectMeta>) -> Versions<'a> {
            metas
                .map(|meta| ((meta.namespace.as_deref(), meta.name.as_deref()), meta.resource_version.as_deref()))
                .collect()
        }
        let before = versions(self.services().iter().map(|one| &one.metadata));
        let later = versions(after.services().iter().map(|one| &one.metadata));
        let services = later.iter().all(|(name, version)| before.get(name) == Some(version));
        // the first reading may hold slices of more Services than were asked for again
        let names: BTreeSet<(Option<&str>, Option<&str>)> = later.keys().copied().collect();
        let asked = |one: &&EndpointSlice| {
            let service = one.metadata.labels.as_ref().and_then(|labels| labels.get("kubernetes.io/service-name"));
            names.contains(&(one.metadata.namespace.as_deref(), service.map(String::as_str)))
        };
        let slices = self.slices.is_none()
            || after.slices.is_none()
            || versions(self.slices().iter().filter(asked).map(|one| &one.metadata))
                == versions(after.slices().iter().filter(asked).map(|one| &one.metadata));
        services && slices
    }
    /// Whether the list of `resource` (`services`) is all that the cluster has.
    #[must_use]
    pub fn is_whole(&self, resource: &str) -> bool {
        self.whole.contains(resource)
    }
}

/// What was read on one node: dump name (`iptables-save`) → text.
#[derive(Debug, Default, Clone)]
pub struct NodeDumps {
    /// Dumps by name; the file is `nodes/<node>/<name>.txt` or `.json`.
    pub dumps: BTreeMap<String, Dump>,
    /// A second reading some seconds later (`--settle`).
    pub again: Option<Box<NodeDumps>>,
}

/// Output of one command on a node.
#[derive(Debug, Default, Clone)]
pub struct Dump {
    /// Standard output, untouched but for invalid UTF-8.
    pub text: String,
    /// The command.
    pub argv: Vec<String>,
    /// Exit status; `None` when it is not known (pasted).
    pub exit: Option<i32>,
    /// Standard error.
    pub stderr: String,
    /// Milliseconds it took.
    pub ms: Option<u64>,
    /// What the tool says of its version: `v1.8.9 (nf_tables)`.
    pub version: Option<String>,
    /// Whether the output is all of it.
    pub complete: Completeness,
    /// Table of the rules that stand under no `*table` line, where that could be told: `iptables -S` and grepped rules
    /// do not say it.
    pub table: Option<String>,
}

/// Whether a dump is whole. A stream can end early with status 0, so a dump proves it by its format.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Completeness {
    /// Proven by a trailer or by the format.
    Whole,
    /// Cut: something that must follow does not.
    Cut,
    /// A part by nature: grepped or pasted lines. What it lacks is not missing.
    Fragment,
    /// Nothing is known of it.
    #[default]
    Unknown,
}
