//! Kernel switches that change what becomes of a packet, from `sysctl` or the files of `/proc/sys`. A switch that
//! was not read is `None`, never its default.

use rustc_hash::FxHashMap;

use super::Tri;
use super::iptables::net::Ports;
use super::links::{Family, read_dump};
use crate::collect::snapshot::{Completeness, NodeDumps};

/// Switches of one node.
///
/// `net.ipv4.conf.eth0/100.rp_filter = 1`: a dot in an interface's name is printed as a slash.
#[derive(Debug, Clone, Default)]
pub struct Sysctls<'snap> {
    values: FxHashMap<&'snap str, &'snap str>,
    files: FxHashMap<String, &'snap str>,
}

impl<'snap> Sysctls<'snap> {
    /// Reads the dump `sysctl` (`net.ipv4.ip_forward = 1`, also without blanks) and dumps named like
    /// `proc-sys-net-ipv4-ip_forward`.
    #[must_use]
    pub fn read(dumps: &'snap NodeDumps) -> Self {
        let mut found = Self::default();
        // The command fails when one of many names is not there, and prints the others.
        if let Some(dump) = dumps.dumps.get("sysctl") {
            let whole = match dump.complete {
                Completeness::Cut => dump.text.rsplit_once('\n').map_or("", |(whole, _)| whole),
                Completeness::Whole | Completeness::Fragment | Completeness::Unknown => &dump.text,
            };
            let pairs = whole.lines().filter_map(|line| line.split_once('='));
            found.values = pairs.map(|(name, value)| (name.trim(), value.trim())).collect();
        }
        for name in dumps.dumps.keys() {
            if let Some(path) = name.strip_prefix("proc-sys-")
                && let Some((_, dump)) = read_dump(dumps, name)
            {
                found.files.insert(path.replace('-', "."), dump.text.trim());
            }
        }
        found
    }

    /// A value as printed.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'snap str> {
        let value = self.values.get(name).or_else(|| self.files.get(&name.replace('-', "."))).copied();
        value.filter(|value| !value.is_empty())
    }

    /// A value that is a number.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u64> {
        self.get(name)?.parse().ok()
    }

    /// What the node's own clients take their ports from: `net.ipv4.ip_local_port_range = 32768 60999`, of both families.
    #[must_use]
    pub fn client_ports(&self) -> Option<Ports> {
        let mut words = self.get("net.ipv4.ip_local_port_range")?.split_ascii_whitespace();
        let (first, last) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        (first <= last).then_some(Ports { first, last })
    }

    fn switch(&self, name: &str) -> Option<bool> {
        self.number(name).map(|value| value != 0)
    }

    fn of_dev(&self, family: &str, dev: &str, name: &str) -> Option<u64> {
        self.number(&format!("net.{family}.conf.{}.{name}", dev.replace('.', "/")))
    }

    /// `net.ipv4.ip_forward`.
    #[must_use]
    pub fn ip_forward(&self) -> Option<bool> {
        self.switch("net.ipv4.ip_forward").or_else(|| self.switch("net.ipv4.conf.all.forwarding"))
    }

    /// Whether IPv4 packets that come in by an interface are forwarded: the interface's own switch, which
    /// `ip_forward` sets for all of them; Linux net/ipv4/route.c ip_route_input_slow `IN_DEV_FORWARD`.
    #[must_use]
    pub fn forwarding(&self, dev: Option<&str>) -> Option<bool> {
        dev.and_then(|dev| self.of_dev("ipv4", dev, "forwarding")).map(|value| value != 0).or_else(|| self.ip_forward())
    }

    /// `net.ipv6.conf.all.forwarding`, which alone decides; Linux net/ipv6/ip6_output.c ip6_forward.
    #[must_use]
    pub fn ipv6_forwarding(&self) -> Option<bool> {
        self.switch("net.ipv6.conf.all.forwarding")
    }

    /// Name and text of the switch that stops packets of a family from being forwarded.
    #[must_use]
    pub fn forwarding_name(&self, family: Family, dev: Option<&str>) -> String {
        let own = dev
            .filter(|dev| self.of_dev("ipv4", dev, "forwarding") == Some(0))
            .filter(|_| self.ip_forward() != Some(false));
        match (family, own) {
            (Family::V4, Some(dev)) => format!("net.ipv4.conf.{dev}.forwarding = 0"),
            (Family::V4, None) => "net.ipv4.ip_forward = 0".to_owned(),
            (Family::V6, _) => "net.ipv6.conf.all.forwarding = 0".to_owned(),
        }
    }

    /// Whether addresses of 127/8 may cross an interface: `all` or its own; Linux include/linux/inetdevice.h
    /// `IN_DEV_NET_ROUTE_LOCALNET`.
    #[must_use]
    pub fn route_localnet(&self, dev: Option<&str>) -> Tri {
        let all = self.switch("net.ipv4.conf.all.route_localnet");
        // An interface that was not read has what was set before it came, mostly the same as `all`.
        let own = dev.and_then(|dev| self.of_dev("ipv4", dev, "route_localnet")).map(|value| value != 0);
        match (all, own) {
            (Some(true), _) | (_, Some(true)) => Tri::Yes,
            (Some(false), _) => Tri::No,
            (None, Some(false) | None) => Tri::Unknown,
        }
    }

    /// The effective reverse path filter: the larger of `all` and the interface's own; Linux
    /// include/linux/inetdevice.h `IN_DEV_RPFILTER`. 0 is off, 1 strict, 2 loose. The own value of an interface that
    /// was not read counts as `default`'s, which it was made with.
    #[must_use]
    pub fn rp_filter(&self, dev: Option<&str>) -> Option<u64> {
        let all = self.number("net.ipv4.conf.all.rp_filter");
        let own = dev.and_then(|dev| self.of_dev("ipv4", dev, "rp_filter"));
        let own = own.or_else(|| self.number("net.ipv4.conf.default.rp_filter"));
        match (all, own) {
            (Some(all), Some(own)) => Some(all.max(own)),
            (Some(one), None) | (None, Some(one)) => Some(one),
            (None, None) => None,
        }
    }

    /// Whether packets may come in with an address of the node as their source.
    #[must_use]
    pub fn accept_local(&self, dev: Option<&str>) -> Option<bool> {
        let all = self.switch("net.ipv4.conf.all.accept_local");
        let own = dev.and_then(|dev| self.of_dev("ipv4", dev, "accept_local")).map(|value| value != 0);
        if all == Some(true) || own == Some(true) { Some(true) } else { all.or(own) }
    }

    /// Whether the mark of a packet counts when the way back to its source is looked up.
    #[must_use]
    pub fn src_valid_mark(&self, dev: Option<&str>) -> Tri {
        let all = self.switch("net.ipv4.conf.all.src_valid_mark");
        let own = dev.and_then(|dev| self.of_dev("ipv4", dev, "src_valid_mark")).map(|value| value != 0);
        Tri::from(all).or(own.map_or(Tri::No, Tri::from))
    }

    /// What the walk takes for granted of a family because no switch says otherwise.
    #[must_use]
    pub fn assumed(&self, family: Family) -> Option<&'static str> {
        match family {
            Family::V4 if self.ip_forward().is_none() => Some("IPv4 forwarding is on (the switch was not read)"),
            Family::V4 if self.rp_filter(None).is_none() => {
                Some("IPv4 packets are taken whatever the way back to their source (rp_filter was not read)")
            }
            Family::V6 if self.ipv6_forwarding().is_none() => Some("IPv6 forwarding is on (the switch was not read)"),
            Family::V4 | Family::V6 => None,
        }
    }

    /// `net.netfilter.nf_conntrack_tcp_be_liberal`.
    #[must_use]
    pub fn be_liberal(&self) -> Option<bool> {
        self.switch("net.netfilter.nf_conntrack_tcp_be_liberal")
    }

    /// Whether packets between ports of one bridge pass iptables of a family; not there without `br_netfilter`.
    #[must_use]
    pub fn bridge_nf_call(&self, family: Family) -> Option<bool> {
        self.switch(match family {
            Family::V4 => "net.bridge.bridge-nf-call-iptables",
            Family::V6 => "net.bridge.bridge-nf-call-ip6tables",
        })
    }

    /// `net.bridge.bridge-nf-call-iptables`.
    #[must_use]
    pub fn bridge_nf_call_iptables(&self) -> Option<bool> {
        self.bridge_nf_call(Family::V4)
    }

    /// Room of the table of connections.
    #[must_use]
    pub fn conntrack_max(&self) -> Option<u64> {
        self.number("net.netfilter.nf_conntrack_max").or_else(|| self.number("net.nf_conntrack_max"))
    }

    /// Connections in the table.
    #[must_use]
    pub fn conntrack_count(&self) -> Option<u64> {
        self.number("net.netfilter.nf_conntrack_count")
    }

    /// Whether IPVS makes connections that MASQUERADE can change: `net.ipv4.vs.conntrack`.
    #[must_use]
    pub fn ipvs_conntrack(&self) -> Option<bool> {
        self.switch("net.ipv4.vs.conntrack")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]
mod tests {
    use super::*;
    use crate::collect::snapshot::Dump;

    fn node(name: &str, text: &str) -> NodeDumps {
        let mut node = NodeDumps::default();
        node.dumps.insert(name.to_owned(), Dump { text: text.to_owned(), exit: Some(0), ..Dump::default() });
        node
    }

    #[test]
    fn reads_what_sysctl_prints() {
        let node = node(
            "sysctl",
            "net.ipv4.ip_forward = 1\nnet.ipv4.ip_local_reserved_ports = \nnet.netfilter.nf_conntrack_max=262144\n",
        );
        let read = Sysctls::read(&node);
        assert_eq!(read.ip_forward(), Some(true));
        assert_eq!(read.conntrack_max(), Some(262_144));
        assert_eq!(read.get("net.ipv4.ip_local_reserved_ports"), None);
        assert_eq!(read.ipv6_forwarding(), None);
        assert_eq!(read.route_localnet(Some("eth0")), Tri::Unknown);
    }

    #[test]
    fn an_interface_has_its_own() {
        let text = "net.ipv4.ip_forward = 1\nnet.ipv4.conf.eth0.forwarding = 0\nnet.ipv4.conf.all.rp_filter = 0\nnet.ipv4.conf.eth0.rp_filter = 1\nnet.ipv4.conf.default.rp_filter = 2\nnet.ipv4.conf.eth0/100.rp_filter = 0\nnet.ipv4.conf.all.route_localnet = 0\nnet.ipv4.conf.eth0.route_localnet = 1\n";
        let node = node("sysctl", text);
        let read = Sysctls::read(&node);
        assert_eq!(read.forwarding(Some("eth0")), Some(false));
        assert_eq!(read.forwarding_name(Family::V4, Some("eth0")), "net.ipv4.conf.eth0.forwarding = 0");
        assert_eq!(read.forwarding(Some("cni0")), Some(true));
        assert_eq!(
            [Some("eth0"), Some("eth0.100"), Some("cni0")].map(|dev| read.rp_filter(dev)),
            [Some(1), Some(0), Some(2)]
        );
        assert_eq!(
            [Some("eth0"), Some("cni0"), None].map(|dev| read.route_localnet(dev)),
            [Tri::Yes, Tri::No, Tri::No]
        );
    }

    #[test]
    fn files_of_proc() {
        let node = node("proc-sys-net-bridge-bridge-nf-call-iptables", "1\n");
        assert_eq!(Sysctls::read(&node).bridge_nf_call_iptables(), Some(true));
    }

    #[test]
    fn what_was_printed_counts_whatever_failed_beside_it() {
        let mut node = node("sysctl", "net.ipv4.ip_forward = 0\nnet.netfilter.nf_conntrack_max = 26");
        let dump = node.dumps.get_mut("sysctl").unwrap();
        dump.exit = Some(255);
        dump.complete = Completeness::Cut;
        let read = Sysctls::read(&node);
        assert_eq!(read.ip_forward(), Some(false));
        assert_eq!(read.conntrack_max(), None, "the last line is cut");
    }
}
