//! What chains, sets, marks and interfaces of kube-proxy are for, by name (kube-proxy pkg/proxy/{iptables,ipvs,nftables}).
//! Words for people: no decision goes by a name.

/// Something with a name.
pub(super) struct Known {
    /// What it is: `chain of kube-proxy, iptables mode`.
    pub(super) what: String,
    /// What it is for, in Markdown.
    pub(super) text: String,
}

const CHAIN: &str = "chain of kube-proxy in nat, iptables mode";
const FILTER: &str = "chain of kube-proxy in filter";
const IPVS: &str = "chain of kube-proxy, IPVS mode";
const SET: &str = "ipset of kube-proxy, IPVS mode";
const NFT: &str = "chain of kube-proxy's table, nftables mode";
const MAP: &str = "set or map of kube-proxy's table, nftables mode";

/// Name, what it is, what it is for.
const NAMES: &[(&str, &str, &str)] = &[
    (
        "KUBE-SERVICES",
        CHAIN,
        "The entry: PREROUTING (from pods and from outside) and OUTPUT (from the node itself) lead here. One rule for each \
         address and port of a Service jumps to that port's chain. The last rule takes what is sent to an address of the node \
         itself on to KUBE-NODEPORTS. In filter a chain of the same name refuses connections to Services without endpoints.\n\n\
         In IPVS mode it marks by ipset what must be masqueraded; the virtual servers do the rest.",
    ),
    (
        "KUBE-NODEPORTS",
        CHAIN,
        "Node ports: what is sent to an address of the node. Reached by the last rule of KUBE-SERVICES alone. Each rule leads \
         to the KUBE-EXT- chain of a Service port (before 1.24 to KUBE-SVC- or KUBE-XLB-). In filter a chain of the same name \
         lets the health checks of load balancers in.",
    ),
    (
        "KUBE-MARK-MASQ",
        CHAIN,
        "Sets the mark 0x4000 and goes back: the packet is to be masqueraded later, in KUBE-POSTROUTING. Three places lead \
         here: KUBE-SVC- when the client is no pod, KUBE-SEP- when a pod calls itself by the Service, KUBE-EXT- for clients \
         from outside. It decides nothing: the rule after it is tried next.\n\nMarked means: the answers must come back \
         through this node. Traffic of a Service that is not marked is normal.",
    ),
    (
        "KUBE-POSTROUTING",
        CHAIN,
        "The last step on the way out. Packets without the mark 0x4000 go back at once and keep their source. Marked ones lose \
         the mark and are masqueraded: their source becomes the address of the interface they leave by, so that the answer \
         comes back this way. Up to 1.19 that is one rule instead of three.\n\nOnly the first packet of a connection comes here; \
         the connection's entry does the same for all that follow.",
    ),
    (
        "KUBE-MARK-DROP",
        "chain of the kubelet in nat, up to 1.27",
        "Sets the mark 0x8000, by which KUBE-FIREWALL in filter drops the packet. Newer versions of kube-proxy drop in filter \
         and do not use it.",
    ),
    (
        "KUBE-FIREWALL",
        "chain of the kubelet and of kube-proxy in filter",
        "Drops packets that come from elsewhere for 127.0.0.0/8, which kube-proxy's route_localnet would otherwise let in; up \
         to 1.27 also what carries the mark 0x8000.",
    ),
    (
        "KUBE-FORWARD",
        FILTER,
        "Lets forwarded packets of Services through a FORWARD chain that drops: those with the mark 0x4000, and those of \
         connections that exist. In iptables mode it first drops what conntrack takes for INVALID, which would leave the node \
         without its address translated.",
    ),
    (
        "KUBE-EXTERNAL-SERVICES",
        FILTER,
        "Refuses connections to external addresses and node ports of Services without endpoints, and drops those whose policy \
         Local finds no endpoint on this node.",
    ),
    (
        "KUBE-PROXY-FIREWALL",
        FILTER,
        "Drops what was sent to a load balancer's address from outside its loadBalancerSourceRanges: such packets still have \
         that address here, because KUBE-FW- did not translate them (1.25 and later).",
    ),
    (
        "KUBE-KUBELET-CANARY",
        "empty chain of the kubelet",
        "Holds nothing. The kubelet looks whether it is still there: when it has gone, somebody flushed the rules.",
    ),
    (
        "KUBE-PROXY-CANARY",
        "empty chain of kube-proxy",
        "Holds nothing. kube-proxy looks whether it is still there: when it has gone, somebody flushed the rules, and it \
         writes all of them anew.",
    ),
    (
        "KUBE-IPTABLES-HINT",
        "empty chain of the kubelet in mangle",
        "Holds nothing. Programs in containers see by it which backend of iptables the node uses. Alone in one backend it means \
         nothing for Services.",
    ),
    (
        "KUBE-NODE-PORT",
        IPVS,
        "Node ports in IPVS mode: marks for masquerade by the ipsets of node ports. In filter a chain of the same name lets the \
         health checks of load balancers in.",
    ),
    (
        "KUBE-LOAD-BALANCER",
        IPVS,
        "Marks what is sent to load balancer addresses for masquerade, unless the policy is Local. An ipset of the same name holds those addresses.",
    ),
    (
        "KUBE-SOURCE-RANGES-FIREWALL",
        IPVS,
        "Lets in the clients that loadBalancerSourceRanges name, and drops the others.",
    ),
    (
        "KUBE-IPVS-FILTER",
        IPVS,
        "Protects the node: all addresses of Services are on kube-ipvs0, so a program that listens on every address would answer \
         for them on ports that no Service has. New connections to those are refused here (1.26 and later).",
    ),
    (
        "KUBE-IPVS-OUT-FILTER",
        IPVS,
        "Drops what the node itself sends to a load balancer's address whose ranges leave the node out (1.29 and later).",
    ),
    (
        "KUBE-PORTALS-CONTAINER",
        "chain of kube-proxy, userspace mode",
        "Redirects packets of pods to a port of the kube-proxy process, which connects to an endpoint itself. The mode went with 1.26.",
    ),
    (
        "KUBE-PORTALS-HOST",
        "chain of kube-proxy, userspace mode",
        "As KUBE-PORTALS-CONTAINER, for packets of the node itself.",
    ),
    (
        "KUBE-CLUSTER-IP",
        SET,
        "Cluster IPs with their ports (`10.96.0.1,tcp:443`). By it KUBE-SERVICES marks what clients that are no pods send, and accepts the rest. A missing member costs the masquerade; from 1.26 on connections may be refused for it.",
    ),
    (
        "KUBE-LOOP-BACK",
        SET,
        "Endpoints of this node, each as address, port, address (`10.244.1.5,tcp:8080,10.244.1.5`). KUBE-POSTROUTING masquerades \
         what goes to an endpoint and comes from the same address: a pod that calls itself by its Service. Without it the pod \
         would answer itself directly, and the connection would hang.",
    ),
    ("KUBE-EXTERNAL-IP", SET, "externalIPs with their ports, of Services with external policy Cluster."),
    (
        "KUBE-EXTERNAL-IP-LOCAL",
        SET,
        "externalIPs with their ports, of Services with external policy Local: not masqueraded.",
    ),
    (
        "KUBE-LOAD-BALANCER-LOCAL",
        SET,
        "Load balancer addresses of Services with external policy Local: not masqueraded.",
    ),
    ("KUBE-LOAD-BALANCER-FW", SET, "Load balancer addresses that have loadBalancerSourceRanges."),
    (
        "KUBE-LOAD-BALANCER-SOURCE-CIDR",
        SET,
        "Load balancer address, port, and a range that may come (`203.0.113.9,tcp:80,203.0.113.0/24`).",
    ),
    (
        "KUBE-LOAD-BALANCER-SOURCE-IP",
        SET,
        "Load balancer addresses that the node itself may use, where a range holds the node.",
    ),
    ("KUBE-LOAD-BALANCER-MASQ", SET, "Load balancer addresses to be masqueraded; of versions up to about 1.10."),
    (
        "KUBE-NODE-PORT-TCP",
        SET,
        "TCP node ports. It has no addresses: what passes this node towards the same port of another machine is marked too.",
    ),
    ("KUBE-NODE-PORT-UDP", SET, "UDP node ports."),
    ("KUBE-NODE-PORT-LOCAL-TCP", SET, "TCP node ports of Services with external policy Local: not masqueraded."),
    ("KUBE-NODE-PORT-LOCAL-UDP", SET, "UDP node ports of Services with external policy Local: not masqueraded."),
    ("KUBE-NODE-PORT-SCTP-HASH", SET, "SCTP node ports, with each address of the node."),
    ("KUBE-NODE-PORT-LOCAL-SCTP-HASH", SET, "SCTP node ports of Services with external policy Local."),
    (
        "KUBE-HEALTH-CHECK-NODE-PORT",
        SET,
        "Ports on which kube-proxy tells load balancers whether this node has an endpoint.",
    ),
    ("KUBE-IPVS-IPS", SET, "Addresses that kube-proxy has bound to kube-ipvs0 (1.26 and later)."),
    (
        "kube-ipvs0",
        "interface of kube-proxy, IPVS mode",
        "Holds the addresses of all Services, so that the kernel takes their packets for its own and hands them to INPUT, where \
         IPVS waits. That its state is DOWN is normal. An address that is missing here is not served, whatever virtual servers say.",
    ),
    (
        "services",
        NFT,
        "The entry: nat-prerouting and nat-output lead here. It looks the destination up in `service-ips`, and for addresses of the node in `service-nodeports`.",
    ),
    (
        "service-ips",
        MAP,
        "Address, protocol and port of a Service, and the chain that serves it: `service-`, `local-` or `external-`. A map of nftables mode: one look-up however many Services there are.",
    ),
    ("service-nodeports", MAP, "Protocol and port of node ports, and their `external-` chain."),
    ("cluster-ips", MAP, "Every cluster IP, with or without endpoints."),
    (
        "nodeport-ips",
        MAP,
        "Addresses of the node that serve node ports (`--nodeport-addresses`). It is not there where all of them do.",
    ),
    (
        "no-endpoint-services",
        MAP,
        "Addresses and ports of Services that nothing serves on this node, with what happens to their packets: refused without any endpoint, dropped where policy Local finds none here.",
    ),
    ("no-endpoint-nodeports", MAP, "As no-endpoint-services, for node ports."),
    ("firewall-ips", MAP, "Load balancer addresses that have loadBalancerSourceRanges, and their `firewall-` chain."),
    (
        "hairpin-connections",
        MAP,
        "Endpoints of this node that may call themselves by their Service, to be masqueraded (1.36 and later).",
    ),
    ("firewall-check", NFT, "Looks load balancer addresses up in `firewall-ips` before their translation."),
    ("service-endpoints-check", NFT, "Refuses or drops what `no-endpoint-services` lists."),
    ("nodeport-endpoints-check", NFT, "Refuses or drops what `no-endpoint-nodeports` lists."),
    (
        "cluster-ips-check",
        NFT,
        "Refuses connections to a cluster IP on a port that no Service has, and drops those to addresses of the range that no Service has.",
    ),
    ("reject-chain", NFT, "Refuses: maps can lead to a chain only."),
    ("masquerading", NFT, "As KUBE-POSTROUTING: what carries the mark 0x4000 loses it and is masqueraded."),
    ("mark-for-masquerade", NFT, "As KUBE-MARK-MASQ: sets the mark 0x4000 (up to 1.35)."),
    ("nat-prerouting", NFT, "Base chain: what pods and other machines send comes in here and goes to `services`."),
    ("nat-output", NFT, "Base chain: what the node itself sends goes to `services`."),
    ("nat-postrouting", NFT, "Base chain: on the way out, `masquerading`."),
];

/// Beginning of a name that ends in a hash, what it is, what it is for.
const PREFIXES: &[(&str, &str, &str)] = &[
    (
        "KUBE-SVC-",
        CHAIN,
        "Balances one port of one Service over all its endpoints: one rule for each, which takes its share of the connections that came this far at random (`-m statistic`), the last one the rest. So 0.333, then 0.5 of what is left, then all of that, are three thirds. The choice is made once for a connection.",
    ),
    (
        "KUBE-SVL-",
        CHAIN,
        "As KUBE-SVC-, for the endpoints of this node alone: for a traffic policy Local (1.24 and later).",
    ),
    (
        "KUBE-EXT-",
        CHAIN,
        "Where packets for one port of one Service come in from outside: by node port, external IP or load balancer (1.24 and later). With external policy Cluster they are marked for masquerade and go on to all endpoints; with Local they keep their source and go to endpoints of this node, while pods and the node itself still reach all.",
    ),
    ("KUBE-XLB-", CHAIN, "What KUBE-EXT- and KUBE-SVL- are today, up to 1.23: from outside to endpoints of this node."),
    (
        "KUBE-FW-",
        CHAIN,
        "Gate of a load balancer's address of one port of one Service: lets the ranges of loadBalancerSourceRanges on to KUBE-EXT-. What is not let on is dropped in KUBE-PROXY-FIREWALL.",
    ),
    (
        "KUBE-SEP-",
        CHAIN,
        "One endpoint of one port of one Service. Marks for masquerade when the client is that very pod (a pod calls itself), remembers the client where the Service has session affinity, and rewrites the destination to the endpoint (DNAT).",
    ),
];

/// Beginnings of names of nftables mode, which hold the Service in clear.
const NFT_PREFIXES: &[(&str, &str)] = &[
    ("service-", "balances over all its endpoints"),
    ("local-", "balances over the endpoints of this node alone, for a traffic policy Local"),
    (
        "external-",
        "takes what comes from outside: marks it for masquerade with external policy Cluster, keeps its source with Local",
    ),
    ("firewall-", "drops what is in none of loadBalancerSourceRanges"),
    ("endpoint-", "rewrites the destination to this endpoint"),
    ("affinity-", "remembers the clients that this endpoint serves (session affinity)"),
];

const MARK_MASQ: u32 = 0x4000;
const MARK_DROP: u32 = 0x8000;

/// What has this name.
pub(super) fn find(name: &str) -> Option<Known> {
    let known = |what: &str, text: &str| Some(Known { what: what.to_owned(), text: format!("{text}\n") });
    if let Some((_, what, text)) = NAMES.iter().find(|(known, ..)| *known == name) {
        return known(what, text);
    }
    if let Some(mark) = mark(name) {
        return match mark {
            MARK_MASQ => known("mark of kube-proxy", MASQ_TEXT),
            MARK_DROP => known("mark of the kubelet", DROP_TEXT),
            _ => None,
        };
    }
    if let Some((_, what, text)) = PREFIXES.iter().find(|(prefix, ..)| name.starts_with(prefix)) {
        let hash = "The name ends in a hash of namespace, Service, port name and protocol (for an endpoint of its address and \
                    port too): it is the same on every node, and the Service stands in the comments of its rules alone.";
        return known(what, &format!("{text}\n\n{hash}"));
    }
    if let Some(rest) = name.strip_prefix("KUBE-6-") {
        let of = find(&format!("KUBE-{rest}")).filter(|known| known.what == SET)?;
        return Some(Known { what: format!("{SET}, IPv6"), text: of.text });
    }
    nft(name)
}

const MASQ_TEXT: &str = "The mark by which a packet is to be masqueraded on its way out. KUBE-MARK-MASQ sets it (in nftables mode \
    `mark-for-masquerade`, or a rule of `services` and `external-`): when the client is no pod, when a pod calls itself, or \
    when it came from outside. KUBE-POSTROUTING (`masquerading`) goes by it and takes it away. It is bit 14, and can be set \
    with `--iptables-masquerade-bit`. Other programs use marks too: some network plugins the same bits.";
const DROP_TEXT: &str = "The mark by which a packet is to be dropped: KUBE-MARK-DROP sets it, KUBE-FIREWALL drops by it. Up to 1.27, \
    and in no use by newer versions of kube-proxy.";

/// `0x4000`, `0x4000/0x4000`, `16384`.
fn mark(name: &str) -> Option<u32> {
    let value = name.split_once('/').map_or(name, |(value, _)| value);
    match value.strip_prefix("0x") {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None => value.parse().ok(),
    }
}

/// `service-KHN6ECMT-shop/web/tcp/http`, `endpoint-5OJB2KTY-ns1/svc1/tcp/p80__10.180.0.1/80`.
fn nft(name: &str) -> Option<Known> {
    let (prefix, does) = NFT_PREFIXES.iter().find(|(prefix, _)| name.starts_with(prefix))?;
    let (hash, rest) = name.strip_prefix(prefix)?.split_once('-')?;
    if hash.len() != 8 {
        return None;
    }
    let (service, endpoint) =
        rest.split_once("__").map_or((rest, None), |(service, endpoint)| (service, Some(endpoint)));
    let mut parts = service.split('/');
    let (namespace, own, protocol) = (parts.next()?, parts.next()?, parts.next()?);
    let port = parts.next().filter(|port| !port.is_empty());
    let of = format!(
        "{} of Service {namespace}/{own} ({protocol})",
        port.map_or_else(|| "the unnamed port".to_owned(), |port| format!("port {port}"))
    );
    let text = match endpoint {
        Some(endpoint) => format!("Endpoint {endpoint} of {of}: {does}.\n"),
        None => format!("For {of}: {does}.\n"),
    };
    Some(Known { what: if *prefix == "affinity-" { MAP } else { NFT }.to_owned(), text })
}

/// Every name that is known whole.
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    NAMES.iter().map(|(name, ..)| *name)
}

/// What a chain is for in one sentence, where it is known.
pub(super) fn short(chain: &str) -> Option<String> {
    let text = find(chain)?.text;
    let (first, _) = text.split_once(". ").unwrap_or((&text, ""));
    Some(first.trim().trim_end_matches('.').to_owned())
}
