//! Filters and programs of traffic control, which see a packet before netfilter does, or after it: where they are, not
//! what they do. From `tc filter show` of each interface that can have some, and from `bpftool net show`.

use super::Loc;
use crate::collect::snapshot::NodeDumps;

/// A filter or program on an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Filter<'snap> {
    /// The interface.
    pub interface: &'snap str,
    /// The line that shows it.
    pub at: Loc<'snap>,
}

/// One for each interface that has any that may decide over a packet.
#[must_use]
pub fn filters(dumps: &NodeDumps) -> Vec<Filter<'_>> {
    let mut found: Vec<Filter<'_>> = Vec::new();
    let all = of_tc(lines(dumps, "tc-filter")).into_iter().chain(of_bpftool(lines(dumps, "bpftool-net")));
    for filter in all {
        if !found.iter().any(|other| other.interface == filter.interface) {
            found.push(filter);
        }
    }
    found
}

fn lines<'snap>(dumps: &'snap NodeDumps, name: &str) -> impl Iterator<Item = Loc<'snap>> {
    let dump = dumps.dumps.get_key_value(name);
    dump.into_iter().flat_map(|(dump, held)| {
        held.text.lines().zip(1..).map(move |(text, line)| Loc { dump, line, text: text.trim_end() })
    })
}

/// Each list of an interface and direction begins with `dev eth0 ingress`, as the collector writes it.
fn of_tc<'snap>(lines: impl Iterator<Item = Loc<'snap>>) -> Vec<Filter<'snap>> {
    let mut found = Vec::new();
    let mut interface = None;
    let mut open: Option<Rule<'snap>> = None;
    for at in lines {
        let mut words = at.text.split_ascii_whitespace();
        match (words.next(), words.next()) {
            (Some("dev"), Some(name)) => {
                found.extend(open.take().and_then(|rule| rule.deciding(interface)));
                interface = Some(name);
            }
            // a filter's own line has a handle; the one above it, without, is of its kind and protocol
            (Some("filter"), _) if is_own_line(at.text) => {
                found.extend(open.take().and_then(|rule| rule.deciding(interface)));
                open = Some(Rule { at, actions: 0, shaped: 0 });
            }
            (Some("action"), Some("order")) => {
                if let Some(rule) = &mut open {
                    rule.actions += 1;
                    rule.shaped += usize::from(is_shaping(at.text));
                }
            }
            _ => {}
        }
    }
    found.extend(open.take().and_then(|rule| rule.deciding(interface)));
    found
}

/// u32 shows its hash tables as filters too.
fn is_own_line(line: &str) -> bool {
    (line.contains(" handle ") || line.contains(" fh ")) && !line.contains(" ht divisor ")
}

/// A filter while its lines are read.
struct Rule<'snap> {
    at: Loc<'snap>,
    actions: usize,
    /// Actions among them that only send a packet round by a device that shapes.
    shaped: usize,
}

impl<'snap> Rule<'snap> {
    fn deciding(self, interface: Option<&'snap str>) -> Option<Filter<'snap>> {
        let harmless = self.actions > 0 && self.actions == self.shaped;
        interface.filter(|_| !harmless).map(|interface| Filter { interface, at: self.at })
    }
}

/// The bandwidth plugin sends a pod's packets through an ifb device of its own, which gives them back to the same way
/// (containernetworking/plugins plugins/meta/bandwidth, `ifbDevicePrefix`).
fn is_shaping(action: &str) -> bool {
    action.contains("mirred (Egress Redirect to device bwp")
}

/// Below `tc:`, `eth0(2) tcx/ingress cil_from_netdev prog_id 12`; the XDP programs above it are seen on the interfaces.
fn of_bpftool<'snap>(lines: impl Iterator<Item = Loc<'snap>>) -> Vec<Filter<'snap>> {
    let mut below = "";
    let mut found = Vec::new();
    for at in lines {
        if let Some(title) = at.text.strip_suffix(':') {
            below = title;
        } else if below == "tc"
            && let Some((interface, _)) = at.text.split_once('(')
        {
            found.push(Filter { interface, at });
        }
    }
    found
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;
    use crate::collect::snapshot::Dump;

    #[track_caller]
    fn case(dump: &str, text: &str, expected: &[(&str, u32)]) {
        let mut node = NodeDumps::default();
        node.dumps.insert(dump.to_owned(), Dump { text: text.to_owned(), exit: Some(0), ..Dump::default() });
        let found: Vec<_> = filters(&node).iter().map(|filter| (filter.interface, filter.at.line)).collect();
        assert_eq!(found, expected);
    }

    // as iproute2 6.1 prints them
    const BPF: &str = "\
dev v0 ingress
filter protocol all pref 49152 bpf chain 0 
filter protocol all pref 49152 bpf chain 0 handle 0x1 direct-action not_in_hw bytecode '1,6 0 0 4294967295'
dev v0 egress
filter protocol all pref 49152 bpf chain 0 
filter protocol all pref 49152 bpf chain 0 handle 0x1 not_in_hw bytecode '1,6 0 0 4294967295'
";

    const SHAPED: &str = "\
dev veth1 ingress
filter parent ffff: protocol all pref 49152 u32 chain 0 
filter parent ffff: protocol all pref 49152 u32 chain 0 fh 800: ht divisor 1 
filter parent ffff: protocol all pref 49152 u32 chain 0 fh 800::800 order 2048 key ht 800 bkt 0 terminal flowid not_in_hw 
  match 00000000/00000000 at 0
\taction order 1: mirred (Egress Redirect to device bwp4e7f3e2c8b5) stolen
\tindex 1 ref 1 bind 1

";

    #[test]
    fn a_program_is_seen_once_an_interface() {
        case("tc-filter", BPF, &[("v0", 3)]);
        case("tc-filter", "dev v0 ingress\ndev v0 egress\n", &[]);
        case("tc-filter", "", &[]);
    }

    #[test]
    fn what_shapes_a_pod_decides_nothing() {
        case("tc-filter", SHAPED, &[]);
        let drops = SHAPED.replace("mirred (Egress Redirect to device bwp4e7f3e2c8b5) stolen", "gact action drop");
        case("tc-filter", &drops, &[("veth1", 4)]);
        let elsewhere = SHAPED.replace("bwp4e7f3e2c8b5", "eth1");
        case("tc-filter", &elsewhere, &[("veth1", 4)]);
        case("tc-filter", &format!("{SHAPED}{BPF}"), &[("v0", 11)]);
    }

    #[test]
    fn bpftool_lists_all_interfaces() {
        let text = "xdp:\neth1(3) driver id 7\n\ntc:\nv0(3) clsact/ingress\neth0(2) tcx/ingress cil_from_netdev prog_id 12 link_id 4 \n\nflow_dissector:\n\nnetfilter:\n\n";
        case("bpftool-net", text, &[("v0", 5), ("eth0", 6)]);
        case("bpftool-net", "xdp:\n\ntc:\n\nflow_dissector:\n\n", &[]);
    }
}
