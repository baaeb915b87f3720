//! The one table of codes: what can be wrong, what can be missing, what can be unreadable. One explain page each.

/// What a code is a code of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The cluster is wrong.
    Finding,
    /// We could not look.
    Gap,
    /// A line could not be read.
    Issue,
}

/// How bad a finding is, mildest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing, nothing is broken by it.
    Info,
    /// Breaks some clients, or will.
    Warning,
    /// Explains broken traffic on the path.
    Error,
}

impl Severity {
    /// `info`, `warning`, `error`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

macro_rules! codes {
    ($(#[doc = $doc:literal] $variant:ident = $slug:literal, $number:literal, $kind:ident, $severity:ident;)*) => {
        /// A stable identifier of a finding, a gap or an issue.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $(#[doc = $doc] $variant,)* }

        impl Code {
            /// Every code, in the order of the catalogue.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The slug that users see.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $slug,)* }
            }

            /// What it means, in one sentence.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $doc.trim_start(),)* }
            }

            /// Number of the row in the catalogue of failures.
            #[must_use]
            pub const fn number(self) -> u16 {
                match self { $(Self::$variant => $number,)* }
            }

            /// What it is a code of.
            #[must_use]
            pub const fn kind(self) -> Kind {
                match self { $(Self::$variant => Kind::$kind,)* }
            }

            /// Its usual severity; a finding may be milder.
            #[must_use]
            pub const fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)* }
            }

            /// Its page: what it means, how to tell, what to do.
            #[must_use]
            pub const fn explanation(self) -> &'static str {
                match self { $(Self::$variant => include_str!(concat!("explain/", $slug, ".md")),)* }
            }
        }
    };
}

codes! {
    /// The selector matches no pod.
    SelectorMatchesNoPod = "selector-matches-no-pod", 101, Finding, Error;
    /// The workload behind the selector has no replicas.
    SelectorWorkloadScaledToZero = "selector-workload-scaled-to-zero", 102, Finding, Warning;
    /// targetPort names a port that no selected container declares.
    NamedTargetPortMissing = "named-target-port-missing", 104, Finding, Error;
    /// targetPort's name resolves to different numbers.
    NamedTargetPortDiffers = "named-target-port-differs", 105, Finding, Info;
    /// The port that was asked for is not in spec.ports.
    PortNotInService = "port-not-in-service", 110, Finding, Error;
    /// The Service is being deleted.
    ServiceTerminating = "service-terminating", 113, Finding, Warning;
    /// Headless, and port is not the target port.
    HeadlessPortRemapIgnored = "headless-port-remap-ignored", 114, Finding, Warning;
    /// externalName is an address.
    ExternalNameIsIp = "external-name-is-ip", 120, Finding, Error;
    /// ExternalName with ports that nothing maps, or with a selector.
    ExternalNamePortsIgnored = "external-name-ports-ignored", 121, Finding, Warning;
    /// No such Service, though rules or a name point at one.
    ServiceMissing = "service-missing", 124, Finding, Error;
    /// Pods match, none is ready.
    NoReadyEndpoint = "no-ready-endpoint", 201, Finding, Error;
    /// Ready pods, and no slice.
    SliceMissingOrLate = "slice-missing-or-late", 202, Finding, Error;
    /// Slices and pods disagree.
    SliceDisagreesWithPods = "slice-disagrees-with-pods", 203, Finding, Error;
    /// A slice port's name is no Service port's name.
    SlicePortNameMismatch = "slice-port-name-mismatch", 205, Finding, Error;
    /// A slice that belongs to no Service.
    OrphanSlice = "orphan-slice", 206, Finding, Warning;
    /// A hand-made endpoint that cannot work.
    CustomEndpointInvalid = "custom-endpoint-invalid", 207, Finding, Error;
    /// Only terminating endpoints are left.
    OnlyTerminatingEndpoints = "only-terminating-endpoints", 211, Finding, Warning;
    /// internalTrafficPolicy Local and nothing local.
    InternalTrafficPolicyNoLocal = "internal-traffic-policy-no-local", 212, Finding, Error;
    /// Topology hints leave endpoints out for this node.
    TopologyFiltered = "topology-filtered", 214, Finding, Info;
    /// Two running pods with one address.
    DuplicateEndpointAddress = "duplicate-endpoint-address", 217, Finding, Error;
    /// publishNotReadyAddresses sends traffic to pods that are not ready.
    PublishNotReady = "publish-not-ready", 218, Finding, Warning;
    /// Nothing on the node serves Services.
    NoServiceProxy = "no-service-proxy", 301, Finding, Error;
    /// The configured mode is not the one in the kernel.
    ModeMismatch = "mode-mismatch", 304, Finding, Warning;
    /// KUBE-SERVICES is not reached from the hooks.
    KubeServicesNotHooked = "kube-services-not-hooked", 320, Finding, Error;
    /// No rule leads from the address to the Service.
    ServiceRuleMissing = "service-rule-missing", 321, Finding, Error;
    /// The node refuses though there are endpoints, or the reverse.
    RejectWithEndpoints = "reject-with-endpoints", 322, Finding, Error;
    /// The rules lead elsewhere than to the endpoints.
    DnatTargetMismatch = "dnat-target-mismatch", 323, Finding, Error;
    /// Chains that lead nowhere.
    ChainGraphBroken = "chain-graph-broken", 324, Finding, Error;
    /// A foreign nat rule decides before KUBE-SERVICES.
    EarlierNatRuleWins = "earlier-nat-rule-wins", 325, Finding, Error;
    /// A marked packet is not masqueraded, or one that needs it is not marked.
    MasqueradePathBroken = "masquerade-path-broken", 326, Finding, Error;
    /// kube-proxy does not know which clients are pods.
    NoLocalDetection = "no-local-detection", 327, Finding, Warning;
    /// The range that kube-proxy takes for pods is not that of the pods.
    ClusterCidrWrong = "cluster-cidr-wrong", 328, Finding, Warning;
    /// FORWARD's policy drops it.
    ForwardDrop = "forward-drop", 329, Finding, Error;
    /// A firewall rule drops or refuses it.
    FirewallReject = "firewall-reject", 330, Finding, Error;
    /// Rules in both iptables backends.
    MixedBackends = "mixed-backends", 331, Finding, Error;
    /// The same rule many times.
    DuplicatedRules = "duplicated-rules", 332, Finding, Warning;
    /// Rules of a mode that is not the active one.
    LeftoverModeRules = "leftover-mode-rules", 333, Finding, Warning;
    /// Rules for an address or port that no Service has.
    RulesForDeletedService = "rules-for-deleted-service", 335, Finding, Warning;
    /// A hostPort takes the Service's packets.
    HostportHijacksService = "hostport-hijacks-service", 339, Finding, Error;
    /// Endpoints get shares that are not even.
    UnevenShares = "uneven-shares", 360, Finding, Warning;
    /// Forwarding is switched off.
    IpForwardOff = "ip-forward-off", 601, Finding, Error;
    /// No route to the address.
    NoRouteForVip = "no-route-for-vip", 610, Finding, Error;
    /// Connection tracking is switched off on the path.
    NotrackOnPath = "notrack-on-path", 625, Finding, Warning;
    /// No controller gave the load balancer an address.
    LbPendingNoController = "lb-pending-no-controller", 801, Finding, Error;
    /// externalTrafficPolicy Local and nothing local.
    EtpLocalNoLocalEndpoint = "etp-local-no-local-endpoint", 805, Finding, Info;
    /// The node port is not served on that address.
    NodeportAddressNotServed = "nodeport-address-not-served", 807, Finding, Error;
    /// The client is not in loadBalancerSourceRanges.
    SourceRangeExcludesClient = "source-range-excludes-client", 812, Finding, Error;
    /// loadBalancerSourceRanges keeps the cluster's own clients out.
    SourceRangeBlocksInCluster = "source-range-blocks-in-cluster", 813, Finding, Warning;
    /// A node's rules were not read.
    NodeNotCollected = "node-not-collected", 901, Gap, Info;
    /// Admission refused the debug pod.
    CollectorBlockedByAdmission = "collector-blocked-by-admission", 902, Gap, Error;
    /// The debug pod's image cannot be had.
    CollectorImagePull = "collector-image-pull", 903, Gap, Error;
    /// The debug pod does not start.
    CollectorUnschedulable = "collector-unschedulable", 904, Gap, Error;
    /// A right is missing.
    RbacDenied = "rbac-denied", 905, Gap, Error;
    /// A tool is missing, too old, or failed.
    ToolMissingOrCrashed = "tool-missing-or-crashed", 906, Gap, Warning;
    /// A dump is cut.
    OutputTruncated = "output-truncated", 907, Issue, Warning;
    /// A line on the path that is not understood.
    LayoutUnknown = "layout-unknown", 908, Issue, Info;
    /// Objects changed while the nodes were read.
    SnapshotSkew = "snapshot-skew", 909, Gap, Info;
    /// The node's dataplane is not one that is modelled.
    DataplaneNotModelled = "dataplane-not-modelled", 910, Gap, Info;
    /// No objects: what the Service should do is not known.
    ObjectsNotRead = "objects-not-read", 950, Gap, Info;
    /// Only the API could be asked.
    ApiOnlyVerdict = "api-only-verdict", 912, Gap, Info;
    /// The debug pod could not be removed.
    CollectorLeftBehind = "collector-left-behind", 914, Gap, Warning;
    /// The kubelet cannot be reached.
    KubeletPortBlocked = "kubelet-port-blocked", 916, Gap, Error;
}

impl Code {
    /// The code with this slug, or with this row number (`ST201`, `201`).
    #[must_use]
    pub fn find(text: &str) -> Option<Self> {
        let number = text.strip_prefix("ST").or(text.strip_prefix("st")).unwrap_or(text).parse::<u16>().ok();
        Self::ALL.iter().copied().find(|code| code.as_str() == text || Some(code.number()) == number)
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
