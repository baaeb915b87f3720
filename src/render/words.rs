//! Numbers and places in the words that people use. Exact figures stand in JSON.

use crate::report::{Origin, PathInfo, Report, Severity, Trace};

/// `33.3 %`, `0.2 %`, `100 %`.
pub(super) fn percent(ppm: u32) -> String {
    match ppm {
        0 => "0 %".into(),
        1..500 => "<0.1 %".into(),
        _ => {
            let tenths = (ppm + 500) / 1000;
            if tenths.is_multiple_of(10) {
                format!("{} %", tenths / 10)
            } else {
                format!("{}.{} %", tenths / 10, tenths % 10)
            }
        }
    }
}

/// A share of new connections: `a third of new connections`.
pub(super) fn share(ppm: u32) -> String {
    let near = |part: u32| ppm.abs_diff(part) <= 2_000;
    let words = if ppm == 1_000_000 {
        "all"
    } else if near(500_000) {
        "half of"
    } else if near(333_333) {
        "a third of"
    } else if near(666_667) {
        "two thirds of"
    } else if near(250_000) {
        "a quarter of"
    } else if near(750_000) {
        "three quarters of"
    } else if near(200_000) {
        "a fifth of"
    } else if near(100_000) {
        "a tenth of"
    } else {
        return format!("{} of new connections", percent(ppm));
    };
    format!("{words} new connections")
}

/// `1 path`, `3 paths`.
pub(super) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// As [`count`], the number in groups: `1,204 paths`.
pub(super) fn many(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{} {noun}s", number(count)) }
}

/// `1,204`.
pub(super) fn number(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 error, 2 warnings`, mildest last; empty when there are none.
pub(super) fn severities(of: &(impl Iterator<Item = Severity> + Clone)) -> String {
    let parts: Vec<String> = [(Severity::Error, "error"), (Severity::Warning, "warning"), (Severity::Info, "remark")]
        .into_iter()
        .filter_map(|(severity, noun)| {
            let number = of.clone().filter(|s| *s == severity).count();
            (number > 0).then(|| count(number, noun))
        })
        .collect();
    parts.join(", ")
}

/// How clients are called in one report: as short as stays clear.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clients<'r> {
    namespace: &'r str,
    traces: &'r [Trace],
    /// The client was given as an address: it is called by it.
    given: Option<std::net::IpAddr>,
}

impl<'r> Clients<'r> {
    /// Those of this report.
    pub(super) fn of(report: &'r Report) -> Self {
        let namespace =
            report.service.as_ref().map_or(report.query.namespace.as_str(), |service| service.namespace.as_str());
        let given = report.query.from.as_deref().and_then(|from| from.parse().ok());
        Self { namespace, traces: &report.traces, given }
    }

    /// Who sends: `a pod on node-a`, `node node-a`, `outside`.
    pub(super) fn name(self, path: &PathInfo) -> String {
        match (&path.client, path.origin) {
            (_, Origin::Pod) if path.client_is_endpoint => format!("endpoint {}", path.from),
            (Some(pod), Origin::Pod) => format!("pod {}", self.short(pod)),
            (None, Origin::Pod) if self.is_one_of_several(path) => format!("pod {}", path.from),
            (None, Origin::Pod) => format!("a pod on {}", path.node),
            (_, Origin::Node) if self.is_one_of_several(path) => {
                format!("{} ({})", on_nodes(&[&path.node], 1), path.from)
            }
            (_, Origin::Node) => on_nodes(&[&path.node], 1),
            (_, Origin::External) if self.is_one_of_several(path) => format!("outside ({})", path.from),
            (_, Origin::External) => "outside".into(),
        }
    }

    /// A pod's name, without the namespace that all is about.
    fn short(self, pod: &str) -> &str {
        pod.split_once('/').filter(|(namespace, _)| *namespace == self.namespace).map_or(pod, |(_, name)| name)
    }

    /// Whether its address is needed to tell it from others: one address asked for from several places of a kind.
    fn is_one_of_several(self, path: &PathInfo) -> bool {
        if self.given == Some(path.from) {
            return true;
        }
        let like = |other: &&Trace| {
            let other = &other.path;
            (other.origin, other.to, other.port, &other.node) == (path.origin, path.to, path.port, &path.node)
                && other.client == path.client
                && other.client_is_endpoint == path.client_is_endpoint
        };
        self.traces.iter().filter(like).any(|other| other.path.from != path.from)
    }
}

/// The address that is asked for: `10.96.10.1:80`, `10.96.0.10:53/udp`.
pub(super) fn address(path: &PathInfo) -> String {
    let socket = std::net::SocketAddr::new(path.to, path.port);
    if path.protocol == "tcp" { socket.to_string() } else { format!("{socket}/{}", path.protocol) }
}

/// `a, b and c`; of many the first ones: `a, b, c and 7 more`.
pub(super) fn list(items: &[&str], most: usize) -> String {
    match items {
        [] => String::new(),
        [one] => (*one).to_owned(),
        _ if items.len() > most => {
            let shown: Vec<&str> = items.iter().take(most).copied().collect();
            format!("{} and {} more", shown.join(", "), items.len() - most)
        }
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// `node a`, `nodes a and c`; a name that says itself that it is a node's does so alone.
pub(super) fn on_nodes(nodes: &[&str], most: usize) -> String {
    if nodes.iter().all(|node| node.starts_with("node")) {
        return list(nodes, most);
    }
    format!("{} {}", if nodes.len() == 1 { "node" } else { "nodes" }, list(nodes, most))
}

/// Nodes that were walked, in order.
pub(super) fn nodes(traces: &[Trace]) -> Vec<&str> {
    let mut nodes: Vec<&str> = Vec::new();
    for trace in traces {
        if !nodes.contains(&trace.path.node.as_str()) {
            nodes.push(&trace.path.node);
        }
    }
    nodes
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn shares_in_words() {
        #[track_caller]
        fn case(ppm: u32, want_percent: &str, want_words: &str) {
            assert_eq!((percent(ppm).as_str(), share(ppm).as_str()), (want_percent, want_words));
        }
        case(1_000_000, "100 %", "all new connections");
        case(333_333, "33.3 %", "a third of new connections");
        case(333_334, "33.3 %", "a third of new connections");
        case(500_000, "50 %", "half of new connections");
        case(2_000, "0.2 %", "0.2 % of new connections");
        case(120, "<0.1 %", "<0.1 % of new connections");
        case(999_999, "100 %", "100 % of new connections");
    }

    #[test]
    fn large_numbers_are_grouped() {
        for (count, want) in [(0, "0"), (999, "999"), (1_204, "1,204"), (60_000, "60,000"), (1_234_567, "1,234,567")] {
            assert_eq!(number(count), want);
        }
    }

    #[test]
    fn lists_read_as_prose() {
        assert_eq!(list(&["a"], 3), "a");
        assert_eq!(list(&["a", "b", "c"], 3), "a, b and c");
        assert_eq!(list(&["a", "b", "c", "d"], 2), "a, b and 2 more");
    }

    #[test]
    fn severities_are_counted() {
        let of = [Severity::Error, Severity::Info, Severity::Warning, Severity::Warning];
        assert_eq!(severities(&of.into_iter()), "1 error, 2 warnings, 1 remark");
        assert_eq!(severities(&[].into_iter()), "");
    }
}
