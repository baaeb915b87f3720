//! The one table of what is read on a node: dump names, the commands and files behind them, and what each must
//! never be called with. The script for a pod and the reading of this very node are both made from it; it runs
//! nothing itself.

/// One dump: its name in a bundle and where it comes from.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Name of the dump; the file is `nodes/<node>/<name>.txt`, or `.json`.
    pub dump: &'static str,
    /// Where it comes from.
    pub source: Source,
    /// When it is read.
    pub when: When,
}

/// Where a dump comes from.
#[derive(Debug, Clone, Copy)]
pub enum Source {
    /// The first of these programs that is there.
    Tools(&'static [Tool]),
    /// One file; one that is not there is a dump with exit status 1 and no text.
    File(&'static str),
    /// Files of one line each, by pattern: `net.ipv4.ip_forward = 1`, as `sysctl` prints them.
    Sysctls(&'static [&'static str]),
    /// `tc filter show` of each interface and direction that can have filters, below a line `dev eth0 ingress`.
    Filters,
}

/// A program that can make a dump.
#[derive(Debug, Clone, Copy)]
pub struct Tool {
    /// Program and arguments; none needs a shell.
    pub argv: &'static [&'static str],
    /// Argument that makes it print its version, if it has one.
    pub version: Option<&'static str>,
    /// With one of these programs there, this one is not called.
    pub unless: &'static [&'static str],
}

/// When a dump is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Always: an answer needs it.
    Always,
    /// For a bundle only: it is long, or only people read it.
    Bundle,
}

/// A program without conditions.
const fn tool(argv: &'static [&'static str], version: Option<&'static str>) -> Tool {
    Tool { argv, version, unless: &[] }
}

/// A dump made by programs.
const fn by(dump: &'static str, tools: &'static [Tool]) -> Row {
    Row { dump, source: Source::Tools(tools), when: When::Always }
}

/// A dump that is a file.
const fn file(dump: &'static str, path: &'static str) -> Row {
    Row { dump, source: Source::File(path), when: When::Always }
}

/// The same, for a bundle only.
const fn bundled(row: Row) -> Row {
    Row { dump: row.dump, source: row.source, when: When::Bundle }
}

/// Everything that is read on a node, in this order: small and telling first, so that a reading that is cut short
/// still says most.
///
/// Rules of the house, seen on real nodes:
/// - `iptables-nft-save` and `iptables-legacy-save` by name. Bare `iptables-save` is in kube-proxy's image a script
///   that must write its links first, which a read-only root does not let it (kubernetes-sigs/iptables-wrappers).
/// - never `iptables-legacy-save -t TABLE`: the kernel makes the table if it is missing, which changes the node
///   (Linux net/ipv4/netfilter/ip_tables.c, `xt_find_table_lock` asks for the table's module and makes it). Without
///   `-t` only the tables in `/proc/net/ip_tables_names` are saved.
/// - never `iptables -S` or `-L` of the legacy backend: it wants the lock file `/run/xtables.lock`.
/// - no counters (`-c`): nothing here needs them and they make a third of a large dump.
pub const TABLE: &[Row] = &[
    file("proc-version", "/proc/version"),
    file("proc-net-ip_tables_names", "/proc/net/ip_tables_names"),
    file("proc-net-ip6_tables_names", "/proc/net/ip6_tables_names"),
    Row { dump: "sysctl", source: Source::Sysctls(SYSCTLS), when: When::Always },
    file("proc-net-dev", "/proc/net/dev"),
    file("proc-net-route", "/proc/net/route"),
    file("proc-net-fib_trie", "/proc/net/fib_trie"),
    file("proc-net-if_inet6", "/proc/net/if_inet6"),
    file("proc-net-ipv6_route", "/proc/net/ipv6_route"),
    by("ip-addr", &[tool(&["ip", "-j", "addr"], Some("-V"))]),
    by("ip-link", &[tool(&["ip", "-j", "-d", "link"], Some("-V"))]),
    by("ip-route", &[tool(&["ip", "-j", "route", "show", "table", "all"], Some("-V"))]),
    by("ip-route6", &[tool(&["ip", "-6", "-j", "route", "show", "table", "all"], Some("-V"))]),
    by("ip-rule", &[tool(&["ip", "-j", "rule"], Some("-V"))]),
    by("ip-rule6", &[tool(&["ip", "-6", "-j", "rule"], Some("-V"))]),
    Row { dump: "tc-filter", source: Source::Filters, when: When::Always },
    by("bpftool-net", &[tool(&["bpftool", "net", "show"], None)]),
    by("iptables-save", &[tool(&["iptables-nft-save"], Some("-V")), bare(&["iptables-save"])]),
    by("ip6tables-save", &[tool(&["ip6tables-nft-save"], Some("-V")), bare6(&["ip6tables-save"])]),
    by("iptables-legacy-save", &[tool(&["iptables-legacy-save"], Some("-V"))]),
    by("ip6tables-legacy-save", &[tool(&["ip6tables-legacy-save"], Some("-V"))]),
    by("ipset-save", &[tool(&["ipset", "save"], Some("version"))]),
    file("proc-net-ip_vs", "/proc/net/ip_vs"),
    by("ipvsadm-save", &[tool(&["ipvsadm", "-Sn"], Some("-v"))]),
    by("kube-proxy-mode", PROXY_MODE),
    by("kube-proxy-healthz", PROXY_HEALTH),
    by("nft-ruleset", &[tool(&["nft", "list", "ruleset"], Some("--version"))]),
    file("resolv.conf", "/etc/resolv.conf"),
    bundled(by("ss", &[tool(&["ss", "-lntu"], Some("-V"))])),
    bundled(by("conntrack", &[tool(&["conntrack", "-L"], Some("--version"))])),
    bundled(by("conntrack6", &[tool(&["conntrack", "-L", "-f", "ipv6"], Some("--version"))])),
    bundled(file("proc-net-nf_conntrack", "/proc/net/nf_conntrack")),
    bundled(file("proc-net-ip_vs_conn", "/proc/net/ip_vs_conn")),
    bundled(file("proc-net-stat-nf_conntrack", "/proc/net/stat/nf_conntrack")),
];

/// Bare `iptables-save`, for systems that have no names for the two backends (iptables before 1.8.2).
const fn bare(argv: &'static [&'static str]) -> Tool {
    Tool { argv, version: Some("-V"), unless: &["iptables-nft-save", "iptables-legacy-save"] }
}

/// The same for IPv6.
const fn bare6(argv: &'static [&'static str]) -> Tool {
    Tool { argv, version: Some("-V"), unless: &["ip6tables-nft-save", "ip6tables-legacy-save"] }
}

/// kube-proxy tells its mode on its metrics address, which is the loopback unless it is configured away
/// (kube-proxy cmd/kube-proxy/app/server.go, `serveMetrics`).
const PROXY_MODE: &[Tool] = &[
    tool(&["curl", "-sSf", "-m", "2", "--noproxy", "*", "http://127.0.0.1:10249/proxyMode"], None),
    tool(&["wget", "-qO-", "http://127.0.0.1:10249/proxyMode"], None),
    tool(&["busybox", "wget", "-qO-", "http://127.0.0.1:10249/proxyMode"], None),
];

/// When it last wrote its rules (kube-proxy pkg/proxy/healthcheck/proxy_health.go).
const PROXY_HEALTH: &[Tool] = &[
    tool(&["curl", "-sS", "-m", "2", "--noproxy", "*", "http://127.0.0.1:10256/healthz"], None),
    tool(&["wget", "-qO-", "http://127.0.0.1:10256/healthz"], None),
    tool(&["busybox", "wget", "-qO-", "http://127.0.0.1:10256/healthz"], None),
];

/// Kernel switches that decide where a packet goes; `*` is every interface.
const SYSCTLS: &[&str] = &[
    "/proc/sys/net/ipv4/ip_forward",
    "/proc/sys/net/ipv6/conf/all/forwarding",
    "/proc/sys/net/ipv6/conf/all/disable_ipv6",
    "/proc/sys/net/ipv4/conf/*/forwarding",
    "/proc/sys/net/ipv4/conf/*/route_localnet",
    "/proc/sys/net/ipv4/conf/*/rp_filter",
    "/proc/sys/net/ipv4/conf/*/accept_local",
    "/proc/sys/net/ipv4/conf/*/src_valid_mark",
    "/proc/sys/net/ipv4/conf/all/arp_ignore",
    "/proc/sys/net/ipv4/conf/all/arp_announce",
    "/proc/sys/net/ipv4/vs/conntrack",
    "/proc/sys/net/ipv4/vs/conn_reuse_mode",
    "/proc/sys/net/ipv4/vs/expire_nodest_conn",
    "/proc/sys/net/ipv4/vs/expire_quiescent_template",
    "/proc/sys/net/ipv4/vs/sloppy_tcp",
    "/proc/sys/net/bridge/bridge-nf-call-iptables",
    "/proc/sys/net/bridge/bridge-nf-call-ip6tables",
    "/proc/sys/net/netfilter/nf_conntrack_max",
    "/proc/sys/net/netfilter/nf_conntrack_count",
    "/proc/sys/net/netfilter/nf_conntrack_tcp_be_liberal",
    "/proc/sys/net/ipv4/ip_local_port_range",
    "/proc/sys/net/ipv4/ip_local_reserved_ports",
];

/// The row of a dump.
#[must_use]
pub fn row(dump: &str) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.dump == dump)
}

/// `/proc/sys/net/ipv4/conf/eth0.100/rp_filter` as `sysctl` prints it: `net.ipv4.conf.eth0/100.rp_filter`
/// (sysctl(8): slashes and dots change places).
#[must_use]
pub fn sysctl_key(path: &str) -> String {
    let relative = path.strip_prefix("/proc/sys/").unwrap_or(path);
    relative
        .chars()
        .map(|c| match c {
            '/' => '.',
            '.' => '/',
            other => other,
        })
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]
mod tests {
    use super::*;

    fn programs() -> impl Iterator<Item = &'static Tool> {
        TABLE.iter().flat_map(|row| match row.source {
            Source::Tools(tools) => tools,
            Source::File(_) | Source::Sysctls(_) | Source::Filters => &[],
        })
    }

    #[test]
    fn no_command_changes_a_node() {
        const READS: &[&[&str]] = &[
            &["iptables-nft-save"],
            &["ip6tables-nft-save"],
            &["iptables-legacy-save"],
            &["ip6tables-legacy-save"],
            &["iptables-save"],
            &["ip6tables-save"],
            &["ipset", "save"],
            &["ipvsadm", "-Sn"],
            &["nft", "list", "ruleset"],
            &["ip", "-j", "addr"],
            &["ip", "-j", "-d", "link"],
            &["ip", "-j", "route", "show", "table", "all"],
            &["ip", "-6", "-j", "route", "show", "table", "all"],
            &["ip", "-j", "rule"],
            &["ip", "-6", "-j", "rule"],
            &["bpftool", "net", "show"],
            &["ss", "-lntu"],
            &["conntrack", "-L"],
            &["conntrack", "-L", "-f", "ipv6"],
        ];
        for tool in programs() {
            let fetches = tool.argv.last().is_some_and(|last| last.starts_with("http://127.0.0.1:"));
            assert!(fetches || READS.contains(&tool.argv), "{:?} is not known to be harmless", tool.argv);
        }
    }

    #[test]
    fn bare_names_only_where_the_backends_have_none() {
        for tool in programs().filter(|tool| tool.argv[0].ends_with("tables-save")) {
            assert_eq!(tool.unless.len(), 2, "{:?}", tool.argv);
        }
    }

    #[test]
    fn names_are_unique_and_words_need_no_quoting() {
        let mut names: Vec<_> = TABLE.iter().map(|row| row.dump).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), TABLE.len());
        let plain = |word: &str| word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:*".contains(c));
        assert!(programs().flat_map(|tool| tool.argv).all(|word| plain(word)));
        assert!(names.iter().all(|name| plain(name)));
    }

    #[track_caller]
    fn key(path: &str, expected: &str) {
        assert_eq!(sysctl_key(path), expected);
    }

    #[test]
    fn sysctl_keys() {
        key("/proc/sys/net/ipv4/ip_forward", "net.ipv4.ip_forward");
        key("/proc/sys/net/ipv4/conf/eth0.100/rp_filter", "net.ipv4.conf.eth0/100.rp_filter");
    }
}
