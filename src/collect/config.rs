//! How to read a live cluster: which kubeconfig, which nodes, by what means, with what limits. Plain values with
//! their defaults; nothing is read or checked here.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Namespace of debug pods unless another is named: pod security usually leaves it open.
pub const POD_NAMESPACE: &str = "kube-system";
/// Image for nodes without a kube-proxy pod, and for the privileged pod, when none is named: the tools that are read with are
/// all in it. A third party makes it: README, `--help` and `deploy/` say so.
pub const FALLBACK_IMAGE: &str = "docker.io/nicolaka/netshoot:v0.13";
/// How many nodes are read unless more are allowed.
pub const MAX_NODES: usize = 20;

/// Everything that `collect` needs to know.
#[derive(Debug, Clone, Default)]
pub struct CollectConfig {
    /// Which cluster, as whom.
    pub kube: KubeOptions,
    /// Which nodes.
    pub nodes: NodeChoice,
    /// By what means node state is read.
    pub via: Via,
    /// The debug pod.
    pub pod: PodOptions,
    /// Time limits.
    pub limits: Limits,
    /// Binary that asks from inside the cluster; `None`: this program.
    pub agent: Option<PathBuf>,
    /// Where progress is told.
    pub say: Say,
}

/// kubectl's connection flags, with kubectl's meanings.
#[derive(Debug, Clone, Default)]
pub struct KubeOptions {
    /// `--kubeconfig`: this file instead of `$KUBECONFIG` and `~/.kube/config`.
    pub kubeconfig: Option<PathBuf>,
    /// `--context`.
    pub context: Option<String>,
    /// `--cluster`.
    pub cluster: Option<String>,
    /// `--user`.
    pub user: Option<String>,
    /// `--namespace`.
    pub namespace: Option<String>,
    /// `--as`.
    pub impersonate: Option<String>,
    /// `--as-group`, repeatable.
    pub impersonate_groups: Vec<String>,
}

/// Which nodes are read, when `--from` does not decide it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeChoice {
    /// Which.
    pub which: WhichNodes,
    /// `--max-nodes`; `None` is [`MAX_NODES`].
    pub max: Option<usize>,
}

/// Nodes by name, by label, all, or one that is chosen for the user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum WhichNodes {
    /// One Ready node, chosen and told.
    #[default]
    One,
    /// `--node A,B`.
    Named(Vec<String>),
    /// `--node-selector`.
    Selector(String),
    /// `--all-nodes`.
    All,
    /// So many, spread over zones and kubelet versions.
    Sample(usize),
}

/// By what means node state is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Via {
    /// A debug pod of our own on each node.
    #[default]
    DebugPod,
    /// exec in the running kube-proxy pod.
    KubeProxy,
    /// This very node, no pod: `--local`.
    Local,
    /// No node at all, the API alone.
    ApiOnly,
}

/// What a debug pod may do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Profile {
    /// `netadmin` first, `sysadmin` only where that cannot do it.
    #[default]
    Auto,
    /// Host network, NET_ADMIN and NET_RAW, all else dropped.
    Netadmin,
    /// Privileged, host PID, the node's own tools through its mount namespace.
    Sysadmin,
}

/// The debug pod, as flags shape it.
#[derive(Debug, Clone, Default)]
pub struct PodOptions {
    /// `--pod-namespace`; `None` is [`POD_NAMESPACE`].
    pub namespace: Option<String>,
    /// `--image`; `None` or `auto` is the image that kube-proxy runs on that node, and for the privileged pod
    /// [`FALLBACK_IMAGE`].
    pub image: Option<String>,
    /// `--image-pull-secret`.
    pub pull_secret: Option<String>,
    /// `--profile`.
    pub profile: Profile,
}

impl PodOptions {
    /// The namespace that debug pods are made in.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.namespace.as_deref().unwrap_or(POD_NAMESPACE)
    }
}

/// Time limits, each counted for itself: nothing that is waited for may hang for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// One request to the API.
    pub request: Duration,
    /// From a created Job to its running pod.
    pub pod_start: Duration,
    /// From a created Job to a pod that the kubelet has taken up.
    pub pod_seen: Duration,
    /// Nothing comes from an exec for so long.
    pub exec_silence: Duration,
    /// All commands of one node.
    pub node: Duration,
    /// Between the two readings of `--settle`.
    pub settle: Duration,
    /// When all must have ended, whatever is left to be read.
    pub until: Option<tokio::time::Instant>,
}

impl Limits {
    /// One request to the API, unless `--request-timeout` says otherwise.
    pub const REQUEST: Duration = Duration::from_secs(15);
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request: Self::REQUEST,
            pod_start: Duration::from_secs(40),
            pod_seen: Duration::from_secs(12),
            exec_silence: Duration::from_secs(20),
            node: Duration::from_secs(120),
            settle: Duration::from_secs(10),
            until: None,
        }
    }
}

/// Where progress is told, a line at a time; silent by default. Never standard output.
#[derive(Clone, Default)]
pub struct Say(Option<Listener>);

type Listener = Arc<dyn Fn(&str) + Send + Sync>;

impl Say {
    /// Tells each line to `listener`.
    pub fn to(listener: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(listener)))
    }

    /// Tells one line.
    pub fn line(&self, text: impl AsRef<str>) {
        tracing::info!("{}", text.as_ref());
        if let Some(listener) = &self.0 {
            listener(text.as_ref());
        }
    }
}

impl fmt::Debug for Say {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Say(..)" } else { "Say(silent)" })
    }
}
