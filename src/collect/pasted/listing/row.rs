//! Columns of a listing: `KUBE-SERVICES  all  --  0.0.0.0/0  0.0.0.0/0  /* kubernetes service portals */`, with
//! `--line-numbers`, with `-v`, or with neither (iptables 1.8 iptables/iptables.c and nft-shared.c, `print_firewall_details`).

use std::net::Ipv6Addr;

/// Which columns a listing has, as its heading says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Columns {
    /// Numbers of the rules stand in front.
    numbers: bool,
    /// Counters stand in front, and interfaces behind `opt`.
    pub(super) verbose: bool,
}

/// One rule of a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row<'t> {
    /// Empty for a rule that only counts.
    pub(super) target: &'t str,
    pub(super) protocol: &'t str,
    /// `--`, `-f`, `!f`; older tools print nothing here for IPv6.
    pub(super) fragment: &'t str,
    /// Incoming and outgoing, where they are shown.
    pub(super) interfaces: Option<[&'t str; 2]>,
    pub(super) source: &'t str,
    pub(super) destination: &'t str,
    /// What stands behind the columns: matches, comments, what the target does.
    pub(super) rest: &'t str,
}

/// The heading of a chain's rules: `num   pkts bytes target     prot opt in     out     source               destination`.
pub(super) fn columns(line: &str) -> Option<Columns> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let (numbers, words) = match words.as_slice() {
        ["num", rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    match words {
        ["target", "prot", "opt", "source", "destination"] => Some(Columns { numbers, verbose: false }),
        ["pkts", "bytes", "target", "prot", "opt", "in", "out", "source", "destination"] => {
            Some(Columns { numbers, verbose: true })
        }
        _ => None,
    }
}

/// `Chain KUBE-SERVICES (2 references)`, `Chain INPUT (policy DROP 12 packets, 720 bytes)`: name and policy.
pub(super) fn chain(line: &str) -> Option<(&str, Option<&str>)> {
    let (name, rest) = line.trim().strip_prefix("Chain ")?.split_once(' ')?;
    let inside = rest.strip_prefix('(')?.strip_suffix(')')?;
    if !plain(name) {
        return None;
    }
    match inside.strip_prefix("policy ") {
        Some(policy) => Some((name, Some(policy.split(' ').next()?))),
        None => inside.ends_with("references").then_some((name, None)),
    }
}

/// Reads a rule. Without the heading (`grep` takes it away) only what is told by its form alone.
pub(super) fn row(line: &str, heading: Option<Columns>) -> Option<Row<'_>> {
    let words = positions(line);
    let word = |at: usize| words.get(at).map(|(_, word)| *word);
    let opt = (1..7).find(|at| word(*at).is_some_and(|word| matches!(word, "--" | "-f" | "!f")));
    let (front, fragment) = if let Some(at) = opt {
        (at - 1, word(at)?)
    } else {
        // for IPv6 older tools print blanks there
        let source = (1..8).find(|at| word(*at).is_some_and(is_ipv6))?;
        (source.checked_sub(if heading?.verbose { 3 } else { 1 })?, "")
    };
    let (skipped, columns) = match heading {
        Some(columns) => (usize::from(columns.numbers) + if columns.verbose { 2 } else { 0 }, columns),
        None => told_by_form(&words.get(..front)?.iter().map(|(_, word)| *word).collect::<Vec<_>>())?,
    };
    let counts = (0..skipped.min(front)).all(|at| word(at).is_some_and(is_count));
    let target = match front.checked_sub(skipped) {
        Some(0) => "",
        Some(1) => word(skipped)?,
        _ => return None,
    };
    let mut at = front;
    let mut next = || {
        let found = word(at);
        at += 1;
        found
    };
    let protocol = next()?;
    if opt.is_some() {
        next()?;
    }
    let interfaces = if columns.verbose { Some([next()?, next()?]) } else { None };
    let (source, destination) = (next()?, next()?);
    let rest = words.get(at).and_then(|(start, _)| line.get(*start..)).unwrap_or_default().trim_end();
    let fine = counts
        && is_protocol(protocol)
        && (target.is_empty() || plain(target))
        && interfaces.into_iter().flatten().chain([source, destination]).all(plain);
    fine.then_some(Row { target, protocol, fragment, interfaces, source, destination, rest })
}

/// What stands before the protocol of a row without heading: how much of it is numbers, and what they mean.
fn told_by_form(front: &[&str]) -> Option<(usize, Columns)> {
    let numbers = front.iter().take_while(|word| is_count(word)).count();
    match (front.len(), numbers) {
        (0 | 1, 0) => Some((0, Columns { numbers: false, verbose: false })),
        (2, 1) => Some((1, Columns { numbers: true, verbose: false })),
        (3, 2) => Some((2, Columns { numbers: false, verbose: true })),
        (4, 3) => Some((3, Columns { numbers: true, verbose: true })),
        // a chain may be called by a number
        _ => None,
    }
}

/// Words and where they begin.
fn positions(line: &str) -> Vec<(usize, &str)> {
    let start = line.as_ptr().addr();
    line.split_ascii_whitespace().map(|word| (word.as_ptr().addr() - start, word)).collect()
}

/// `tcp`, `!6`, `all`: a sentence has none where a rule has one.
fn is_protocol(word: &str) -> bool {
    const NAMES: [&str; 15] = [
        "all",
        "any",
        "icmp",
        "igmp",
        "ipencap",
        "tcp",
        "udp",
        "dccp",
        "ipv6",
        "gre",
        "esp",
        "ah",
        "ipv6-icmp",
        "sctp",
        "udplite",
    ];
    let word = word.strip_prefix('!').unwrap_or(word);
    NAMES.contains(&word) || word.parse::<u8>().is_ok()
}

/// `12`, `3048K`
fn is_count(word: &str) -> bool {
    let digits = word.strip_suffix(['K', 'M', 'G', 'T', 'P']).unwrap_or(word);
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

fn is_ipv6(word: &str) -> bool {
    let word = word.strip_prefix('!').unwrap_or(word);
    word.split_once('/').map_or(word, |(address, _)| address).parse::<Ipv6Addr>().is_ok()
}

/// Whether a word can stand in a rule as it is: neither an option nor quoted.
pub(super) fn plain(word: &str) -> bool {
    !word.is_empty() && !word.starts_with('-') && word != "!" && !word.contains(['"', '\\'])
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[track_caller]
    fn case(heading: &str, line: &str, expected: Option<[&str; 7]>) {
        let found = row(line, columns(heading));
        let found = found.map(|row| {
            let [from, to] = row.interfaces.unwrap_or(["?", "?"]);
            [row.target, row.protocol, from, to, row.source, row.destination, row.rest]
        });
        assert_eq!(found, expected, "{line}");
    }

    #[test]
    fn rows_in_all_forms() {
        let any = "0.0.0.0/0";
        case(
            "target     prot opt source               destination",
            "KUBE-SERVICES  0    --  0.0.0.0/0            0.0.0.0/0            /* kubernetes service portals */",
            Some(["KUBE-SERVICES", "0", "?", "?", any, any, "/* kubernetes service portals */"]),
        );
        case(
            "num  target     prot opt source               destination",
            "3               0    --  0.0.0.0/0            0.0.0.0/0            /* counts */",
            Some(["", "0", "?", "?", any, any, "/* counts */"]),
        );
        case(
            "num   pkts bytes target     prot opt in     out     source               destination",
            "1     3048K  12M ACCEPT    !tcp  --  !cni0  eth+   !10.0.0.0/8           anywhere             ctstate NEW ",
            Some(["ACCEPT", "!tcp", "!cni0", "eth+", "!10.0.0.0/8", "anywhere", "ctstate NEW"]),
        );
        case(
            " pkts bytes target     prot opt in     out     source               destination",
            "    0     0 DROP       all      *      *       ::/0                 fd00::/8",
            Some(["DROP", "all", "*", "*", "::/0", "fd00::/8", ""]),
        );
        case(
            "",
            "KUBE-SEP-X  tcp  --  anywhere  anywhere",
            Some(["KUBE-SEP-X", "tcp", "?", "?", "anywhere", "anywhere", ""]),
        );
        case(
            "",
            "2 KUBE-SEP-X  tcp  --  anywhere  anywhere",
            Some(["KUBE-SEP-X", "tcp", "?", "?", "anywhere", "anywhere", ""]),
        );
        case(
            "",
            "0 0 KUBE-SEP-X  tcp  -- * eth0 anywhere  anywhere",
            Some(["KUBE-SEP-X", "tcp", "*", "eth0", "anywhere", "anywhere", ""]),
        );
        // a chain called 12, or the twelfth rule, which has no target
        case("", "12 tcp  --  anywhere  anywhere", None);
        case("", "we saw -- in short -- nothing", None);
        case("target     prot opt source               destination", "a b tcp -- anywhere anywhere", None);
    }

    #[test]
    fn chains() {
        assert_eq!(chain("Chain INPUT (policy DROP 12 packets, 720 bytes)"), Some(("INPUT", Some("DROP"))));
        assert_eq!(chain("Chain INPUT (policy ACCEPT)\r"), Some(("INPUT", Some("ACCEPT"))));
        assert_eq!(chain("Chain KUBE-SERVICES (2 references)"), Some(("KUBE-SERVICES", None)));
        assert_eq!(chain("Chain of events (policy x)"), None);
        assert_eq!(chain("Chain -j (2 references)"), None);
    }
}
