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
    /// The selector means the pods of several workloads.
    SelectorTooBroad = "selector-too-broad", 103, Finding, Warning;
    /// targetPort names a port that no selected container declares.
    NamedTargetPortMissing = "named-target-port-missing", 104, Finding, Error;
    /// targetPort's name resolves to different numbers.
    NamedTargetPortDiffers = "named-target-port-differs", 105, Finding, Info;
    /// targetPort is a number that no selected container declares.
    NumericTargetPortUndeclared = "numeric-target-port-undeclared", 106, Finding, Info;
    /// Endpoints refuse connections on the port that the Service leads to.
    NothingListensOnTargetPort = "nothing-listens-on-target-port", 107, Finding, Error;
    /// The pods declare the port with another protocol.
    ProtocolMismatch = "protocol-mismatch", 108, Finding, Warning;
    /// Two ports with one number were applied, one is there.
    PortLostInApply = "port-lost-in-apply", 109, Finding, Error;
    /// The port that was asked for is not in spec.ports.
    PortNotInService = "port-not-in-service", 110, Finding, Error;
    /// Two Services have one cluster IP.
    DuplicateClusterIp = "duplicate-cluster-ip", 111, Finding, Error;
    /// No ServiceCIDR holds the cluster IP.
    ClusterIpOutsideServiceCidr = "cluster-ip-outside-service-cidr", 112, Finding, Warning;
    /// The Service is being deleted.
    ServiceTerminating = "service-terminating", 113, Finding, Warning;
    /// Headless, and port is not the target port.
    HeadlessPortRemapIgnored = "headless-port-remap-ignored", 114, Finding, Warning;
    /// A StatefulSet takes its names from a Service that gives none.
    StatefulsetServiceName = "statefulset-service-name", 115, Finding, Error;
    /// Affinity by client address, and clients without an address of their own.
    AffinityCollapses = "affinity-collapses", 117, Finding, Warning;
    /// A label leaves the Service to another proxy.
    ForeignServiceProxyLabel = "foreign-service-proxy-label", 118, Finding, Warning;
    /// A Service's environment variables are missing, or take the place of others.
    ServiceLinksEnv = "service-links-env", 119, Finding, Info;
    /// externalName is an address.
    ExternalNameIsIp = "external-name-is-ip", 120, Finding, Error;
    /// ExternalName with ports that nothing maps, or with a selector.
    ExternalNamePortsIgnored = "external-name-ports-ignored", 121, Finding, Warning;
    /// The host behind the alias is asked for another name.
    ExternalNameHostOrTls = "external-name-host-or-tls", 122, Finding, Info;
    /// An alias goes in a circle, or ends at a name that does not exist.
    ExternalNameLoopOrDangling = "external-name-loop-or-dangling", 123, Finding, Error;
    /// No such Service, though rules or a name point at one.
    ServiceMissing = "service-missing", 124, Finding, Error;
    /// NetworkPolicies let the client, or nobody, in to the pods.
    NetpolIngressDenies = "netpol-ingress-denies", 180, Finding, Error;
    /// NetworkPolicies do not let the client out to the pods.
    NetpolEgressDenies = "netpol-egress-denies", 181, Finding, Error;
    /// No NetworkPolicy lets the client ask the DNS servers.
    NetpolBlocksDns = "netpol-blocks-dns", 182, Finding, Error;
    /// A NetworkPolicy names the Service's port instead of the pods'.
    NetpolUsesServicePort = "netpol-uses-service-port", 183, Finding, Warning;
    /// NetworkPolicies, and a plugin that enforces none.
    NetpolNotEnforced = "netpol-not-enforced", 185, Finding, Info;
    /// Pods match, none is ready.
    NoReadyEndpoint = "no-ready-endpoint", 201, Finding, Error;
    /// Ready pods, and no slice.
    SliceMissingOrLate = "slice-missing-or-late", 202, Finding, Error;
    /// Slices and pods disagree.
    SliceDisagreesWithPods = "slice-disagrees-with-pods", 203, Finding, Error;
    /// Slices of two controllers for one Service.
    StaleDuplicateSlices = "stale-duplicate-slices", 204, Finding, Error;
    /// A slice port's name is no Service port's name.
    SlicePortNameMismatch = "slice-port-name-mismatch", 205, Finding, Error;
    /// A slice that belongs to no Service.
    OrphanSlice = "orphan-slice", 206, Finding, Warning;
    /// A hand-made endpoint that cannot work.
    CustomEndpointInvalid = "custom-endpoint-invalid", 207, Finding, Error;
    /// v1 Endpoints are cut at 1000 addresses.
    EndpointsTruncated = "endpoints-truncated", 209, Finding, Info;
    /// Only terminating endpoints are left.
    OnlyTerminatingEndpoints = "only-terminating-endpoints", 211, Finding, Warning;
    /// internalTrafficPolicy Local and nothing local.
    InternalTrafficPolicyNoLocal = "internal-traffic-policy-no-local", 212, Finding, Error;
    /// Topology hints leave endpoints out for this node.
    TopologyFiltered = "topology-filtered", 214, Finding, Info;
    /// Topology hints are asked for and not used.
    TopologyInactive = "topology-inactive", 215, Finding, Info;
    /// A ready endpoint on a node that is not ready.
    EndpointOnUnreadyNode = "endpoint-on-unready-node", 216, Finding, Warning;
    /// Two running pods with one address.
    DuplicateEndpointAddress = "duplicate-endpoint-address", 217, Finding, Error;
    /// publishNotReadyAddresses sends traffic to pods that are not ready.
    PublishNotReady = "publish-not-ready", 218, Finding, Warning;
    /// The Service of the API server leads elsewhere.
    KubernetesServiceWrongEndpoint = "kubernetes-service-wrong-endpoint", 222, Finding, Error;
    /// Nothing on the node serves Services.
    NoServiceProxy = "no-service-proxy", 301, Finding, Error;
    /// kube-proxy's pod on the node does not run.
    KubeProxyNotRunning = "kube-proxy-not-running", 302, Finding, Error;
    /// The configured mode is not the one in the kernel.
    ModeMismatch = "mode-mismatch", 304, Finding, Warning;
    /// kube-proxy beside another service proxy.
    TwoServiceProxies = "two-service-proxies", 307, Finding, Warning;
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
    /// kube-proxy's rules, and another service proxy took its place.
    LeftoverAfterReplacement = "leftover-after-replacement", 334, Finding, Warning;
    /// Rules for an address or port that no Service has.
    RulesForDeletedService = "rules-for-deleted-service", 335, Finding, Warning;
    /// A rule accepts packets to an empty Service before the one that would refuse them.
    NoEndpointRejectBypassed = "no-endpoint-reject-bypassed", 336, Finding, Info;
    /// The network plugin's policy chains drop or refuse it.
    CniPolicyDrop = "cni-policy-drop", 337, Finding, Error;
    /// A hostPort takes the Service's packets.
    HostportHijacksService = "hostport-hijacks-service", 339, Finding, Error;
    /// Endpoints get shares that are not even.
    UnevenShares = "uneven-shares", 360, Finding, Warning;
    /// A Service's address has no virtual server in IPVS.
    VirtualServerMissing = "virtual-server-missing", 401, Finding, Error;
    /// A Service's address is not on kube-ipvs0, so IPVS never sees its packets.
    VipNotOnKubeIpvs0 = "vip-not-on-kube-ipvs0", 402, Finding, Error;
    /// IPVS sends to other servers than the Service has endpoints.
    RealServerMismatch = "real-server-mismatch", 403, Finding, Error;
    /// A virtual server has no real server though there are endpoints.
    VirtualServerEmpty = "virtual-server-empty", 404, Finding, Error;
    /// A Service has a node's own address, which ipvs mode binds on every node.
    NodeIpOnKubeIpvs0 = "node-ip-on-kube-ipvs0", 405, Finding, Error;
    /// kube-proxy is to use IPVS and the kernel has none.
    IpvsModulesMissing = "ipvs-modules-missing", 406, Finding, Error;
    /// An ipset of kube-proxy lacks what the Service needs.
    IpsetIncomplete = "ipset-incomplete", 407, Finding, Error;
    /// A rule asks for an ipset that is not there.
    IpsetReferenceBroken = "ipset-reference-broken", 408, Finding, Error;
    /// The node answers ARP for load balancer addresses that something else announces.
    StrictArpOff = "strict-arp-off", 409, Finding, Error;
    /// Connections from a port that is used again are delayed or go to the old server.
    ConnReuseMode = "conn-reuse-mode", 410, Finding, Warning;
    /// IPVS keeps no connections, so nothing it sends on is masqueraded.
    VsConntrackOff = "vs-conntrack-off", 411, Finding, Error;
    /// UDP clients stay bound to a server that is gone.
    UdpBoundToDeadServer = "udp-bound-to-dead-server", 412, Finding, Warning;
    /// The node's own connections, or a pod's to itself, leave with a source that no answer comes back to.
    IpvsSourceOrHairpin = "ipvs-source-or-hairpin", 413, Finding, Warning;
    /// Node ports on 127.0.0.1 are not served in ipvs mode.
    IpvsLocalhostNodePort = "ipvs-localhost-nodeport", 414, Finding, Info;
    /// INPUT stops packets before IPVS sees them.
    IpvsInputDrop = "ipvs-input-drop", 415, Finding, Error;
    /// loadBalancerSourceRanges keep nobody out.
    IpvsSourceRanges = "ipvs-source-ranges", 416, Finding, Warning;
    /// A virtual server or an address on kube-ipvs0 that no Service has.
    IpvsStaleService = "ipvs-stale-service", 417, Finding, Warning;
    /// ipvs mode is deprecated in this version.
    IpvsDeprecated = "ipvs-deprecated", 418, Finding, Info;
    /// A Service's address is on another interface too.
    VipBoundElsewhere = "vip-bound-elsewhere", 419, Finding, Error;
    /// kube-proxy's nftables table is not there.
    NftTableMissing = "nft-table-missing", 501, Finding, Error;
    /// A base chain of kube-proxy's nftables table is not where it must be.
    NftBaseChainWrong = "nft-base-chain-wrong", 502, Finding, Error;
    /// No map of kube-proxy leads from the address to the Service, though its chains are there.
    NftVipMissing = "nft-vip-missing", 503, Finding, Error;
    /// kube-proxy's nftables maps refuse or drop it, though there are endpoints.
    NftNoEndpointVerdict = "nft-no-endpoint-verdict", 504, Finding, Error;
    /// kube-proxy's nftables rules lead elsewhere than to the endpoints.
    NftEndpointMismatch = "nft-endpoint-mismatch", 505, Finding, Error;
    /// Another nftables table drops or refuses it.
    NftOtherTableDrops = "nft-other-table-drops", 506, Finding, Error;
    /// The node port is not served on that address in nftables mode.
    NftNodeportAddress = "nft-nodeport-address", 507, Finding, Error;
    /// nftables mode does not serve node ports on 127.0.0.1.
    NftLocalhostNodeport = "nft-localhost-nodeport", 508, Finding, Info;
    /// kube-proxy's nftables mode does not start on the node's kernel.
    NftKernelOrModules = "nft-kernel-or-modules", 509, Finding, Error;
    /// kube-proxy's nftables table, though another mode serves.
    NftTableLeftover = "nft-table-leftover", 511, Finding, Warning;
    /// Forwarding is switched off.
    IpForwardOff = "ip-forward-off", 601, Finding, Error;
    /// No route to the address.
    NoRouteForVip = "no-route-for-vip", 610, Finding, Error;
    /// The ranges of Services and of pods or nodes lie in each other.
    CidrOverlap = "cidr-overlap", 612, Finding, Error;
    /// Pods do not answer by their own addresses.
    PodIpUnreachable = "pod-ip-unreachable", 622, Finding, Error;
    /// Pods with security groups of their own.
    EksSecurityGroupsForPods = "eks-security-groups-for-pods", 624, Finding, Warning;
    /// Connection tracking is switched off on the path.
    NotrackOnPath = "notrack-on-path", 625, Finding, Warning;
    /// Endpoints take connections, the Service's address does not, and the rules do not say why.
    ServiceAddressFails = "service-address-fails", 627, Finding, Error;
    /// Kubelets tell pods to ask an address that is not the DNS Service.
    ClusterDnsIpMismatch = "cluster-dns-ip-mismatch", 701, Finding, Error;
    /// A pod's resolv.conf is not what the kubelet writes.
    PodResolvConfUnexpected = "pod-resolv-conf-unexpected", 702, Finding, Error;
    /// No DNS server is ready.
    DnsServiceNoEndpoints = "dns-service-no-endpoints", 703, Finding, Error;
    /// A DNS server gets its own queries back and stops.
    CorednsLoop = "coredns-loop", 704, Finding, Error;
    /// A DNS server may not read what it answers from.
    CorednsRbac = "coredns-rbac", 705, Finding, Error;
    /// A DNS server does not reach the API server.
    CorednsApiUnreachable = "coredns-api-unreachable", 706, Finding, Error;
    /// On the host's network ClusterFirst means the node's DNS.
    HostnetworkDnsPolicy = "hostnetwork-dns-policy", 707, Finding, Error;
    /// dnsPolicy keeps the client from the cluster's DNS.
    DnsPolicyUnfit = "dns-policy-unfit", 708, Finding, Warning;
    /// A kubelet says that it knows no cluster DNS.
    MissingClusterDnsEvent = "missing-cluster-dns-event", 709, Finding, Error;
    /// More nameservers or search domains than resolvers take.
    ResolvLimits = "resolv-limits", 710, Finding, Warning;
    /// Other names are asked for before the one that was meant.
    SearchExpansion = "search-expansion", 711, Finding, Info;
    /// Clients search a domain that the DNS servers do not answer.
    ClusterDomainMismatch = "cluster-domain-mismatch", 712, Finding, Error;
    /// DNS servers forward to themselves.
    ForwardToLoopback = "forward-to-loopback", 713, Finding, Error;
    /// A server that names outside are forwarded to does not answer.
    UpstreamFailing = "upstream-failing", 714, Finding, Error;
    /// Queries are lost in races of the connection table, and resolvers wait.
    DnsFiveSecondDelay = "dns-five-second-delay", 715, Finding, Warning;
    /// Clients of a node ask a DNS cache that does not answer.
    NodeLocalDnsBroken = "node-local-dns-broken", 716, Finding, Error;
    /// A DNS cache has the DNS Service's address beside IPVS.
    NodeLocalDnsIpvs = "node-local-dns-ipvs", 717, Finding, Error;
    /// Answers that do not fit into UDP have no way.
    DnsTcpOrSize = "dns-tcp-or-size", 718, Finding, Warning;
    /// The name means nothing in the cluster.
    NameNotInCluster = "name-not-in-cluster", 719, Finding, Error;
    /// A headless Service without a ready endpoint has no name.
    HeadlessEmpty = "headless-empty", 720, Finding, Error;
    /// No ready endpoint of the Service has that name.
    PodRecordMissing = "pod-record-missing", 721, Finding, Error;
    /// The name is new: that it was not there may still be remembered.
    NegativeCache = "negative-cache", 723, Finding, Info;
    /// Something answers the name before the cluster's records do.
    LocalOverride = "local-override", 724, Finding, Warning;
    /// Replies come from another address than the one that was asked.
    ReplyFromWrongSource = "reply-from-wrong-source", 726, Finding, Error;
    /// The DNS Service is not as it should be.
    DnsServiceEdited = "dns-service-edited", 728, Finding, Warning;
    /// A DNS server says something else than the objects.
    DnsAnswerDiffersFromApi = "dns-answer-differs-from-api", 730, Finding, Error;
    /// AAAA fails though there is an A record: musl takes the name for missing.
    AaaaBehaviour = "aaaa-behaviour", 731, Finding, Info;
    /// DNS fails whichever server is asked.
    DnsAllFail = "dns-all-fail", 741, Finding, Error;
    /// The DNS servers are well, the DNS Service's address fails.
    DnsServiceIpOnly = "dns-service-ip-only", 742, Finding, Error;
    /// One of the DNS servers fails.
    DnsOneServer = "dns-one-server", 743, Finding, Error;
    /// DNS fails from one node alone.
    DnsOneNode = "dns-one-node", 744, Finding, Error;
    /// DNS fails over UDP alone.
    DnsUdpOnly = "dns-udp-only", 745, Finding, Error;
    /// DNS fails over TCP alone.
    DnsTcpOnly = "dns-tcp-only", 746, Finding, Error;
    /// Short names fail, full names do not.
    DnsShortNamesOnly = "dns-short-names-only", 747, Finding, Error;
    /// Names outside the cluster fail, those of the cluster do not.
    DnsExternalOnly = "dns-external-only", 748, Finding, Error;
    /// Names of the cluster fail, those outside do not.
    DnsClusterNamesOnly = "dns-cluster-names-only", 749, Finding, Error;
    /// A name that must not exist has an address.
    DnsWildcard = "dns-wildcard", 750, Finding, Warning;
    /// DNS answers now and then.
    DnsIntermittent = "dns-intermittent", 751, Finding, Error;
    /// DNS answers late.
    DnsSlow = "dns-slow", 752, Finding, Warning;
    /// DNS servers on other nodes are not reached.
    DnsAcrossNodes = "dns-across-nodes", 753, Finding, Error;
    /// No controller gave the load balancer an address.
    LbPendingNoController = "lb-pending-no-controller", 801, Finding, Error;
    /// No controller has claimed the load balancer's class.
    LbClassUnclaimed = "lb-class-unclaimed", 802, Finding, Error;
    /// The load balancer's controller says that it failed.
    LbControllerError = "lb-controller-error", 803, Finding, Error;
    /// Every node that could serve the load balancer is kept out of it.
    NodesExcludedFromLb = "nodes-excluded-from-lb", 804, Finding, Error;
    /// externalTrafficPolicy Local and nothing local.
    EtpLocalNoLocalEndpoint = "etp-local-no-local-endpoint", 805, Finding, Info;
    /// The node port is not served on that address.
    NodeportAddressNotServed = "nodeport-address-not-served", 807, Finding, Error;
    /// A node port that something else uses on a node.
    NodeportCollision = "nodeport-collision", 808, Finding, Error;
    /// The client is not in loadBalancerSourceRanges.
    SourceRangeExcludesClient = "source-range-excludes-client", 812, Finding, Error;
    /// loadBalancerSourceRanges keeps the cluster's own clients out.
    SourceRangeBlocksInCluster = "source-range-blocks-in-cluster", 813, Finding, Warning;
    /// Nodes serve the load balancer's address and leave out what it adds.
    LbIpShortCircuit = "lb-ip-short-circuit", 814, Finding, Warning;
    /// externalIPs that are a node's own, or deprecated.
    ExternalIps = "external-ips", 816, Finding, Warning;
    /// Two Services have one address and port for outside.
    LbIpShared = "lb-ip-shared", 817, Finding, Error;
    /// No node ports, and a load balancer that needs them.
    NoNodeportsForLb = "no-nodeports-for-lb", 818, Finding, Error;
    /// An ingress controller goes to the pods and past the Service.
    IngressBypassesService = "ingress-bypasses-service", 819, Finding, Info;
    /// An Ingress or a route leads to a Service or port that is not there.
    RouteBackendInvalid = "route-backend-invalid", 820, Finding, Error;
    /// An address of a family that nothing serves.
    FamilyMismatch = "family-mismatch", 821, Finding, Error;
    /// A cluster in containers on one machine.
    LocalClusterLimits = "local-cluster-limits", 822, Finding, Info;
    /// The API server does not reach a webhook.
    ControlPlaneToPodBlocked = "control-plane-to-pod-blocked", 824, Finding, Error;
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
    /// A connection was not made, or proves nothing.
    ConnectionNotJudged = "connection-not-judged", 917, Gap, Info;
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
