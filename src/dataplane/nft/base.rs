//! Where a base chain hooks, and how early: the line that makes a chain one.

use crate::dataplane::Loc;

/// `type filter hook prerouting priority dstnat - 10; policy accept;`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Base<'snap> {
    /// `filter`, `nat`, `route`.
    pub kind: &'snap str,
    /// `prerouting`, `ingress`.
    pub hook: &'snap str,
    /// Interfaces that it is bound to, parted by commas: `cni0, eth0`; `None` if it is to none, or that cannot be read.
    pub devices: Option<&'snap str>,
    /// How early; `None` if that cannot be told.
    pub priority: Option<i32>,
    /// What becomes of a packet that no rule decides over.
    pub policy: Policy,
    /// The line.
    pub at: Loc<'snap>,
}

/// The end of a base chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// It passes.
    Accept,
    /// It is dropped.
    Drop,
}

/// Reads the line; `None` if it is none.
pub(super) fn read<'snap>(at: Loc<'snap>, family: &str) -> Option<Base<'snap>> {
    let (head, rest) = at.text.split_once(';').unwrap_or((at.text, ""));
    let mut words = head.split_ascii_whitespace().peekable();
    let (Some("type"), Some(kind), Some("hook"), Some(hook)) = (words.next(), words.next(), words.next(), words.next())
    else {
        return None;
    };
    let devices = read_devices(head);
    let mut priority = None;
    if words.find(|word| *word == "priority").is_some() {
        priority = read_priority(&mut words, if family == "bridge" { &BRIDGE_PRIORITIES } else { &PRIORITIES });
    }
    let drops = rest.split_once("policy").is_some_and(|(_, policy)| policy.trim_start().starts_with("drop"));
    let policy = if drops { Policy::Drop } else { Policy::Accept };
    Some(Base { kind, hook, devices, priority, policy, at })
}

impl<'snap> Base<'snap> {
    /// The interfaces that it is bound to, each by itself.
    pub fn devices(&self) -> impl Iterator<Item = &'snap str> {
        self.devices.unwrap_or_default().split(',').map(|name| name.trim().trim_matches('"')).filter(|n| !n.is_empty())
    }
}

/// `device "eth0"`, `devices = { cni0, eth0 }`
fn read_devices(head: &str) -> Option<&str> {
    let (_, behind) = head.split_once(" device")?;
    let (text, _) = behind.split_once(" priority ")?;
    let list = match text.strip_prefix('s') {
        Some(several) => several.trim().strip_prefix('=')?.trim().strip_prefix('{')?.strip_suffix('}')?,
        None => text,
    };
    let list = list.trim();
    // A name may begin others: `"eth*"`.
    let plain = |name: &str| {
        let name = name.trim();
        let name = name.strip_prefix('"').map_or(Some(name), |name| name.strip_suffix('"')).unwrap_or_default();
        !name.is_empty() && !name.contains(['*', '"', '{', '}', '$']) && !name.contains(char::is_whitespace)
    };
    list.split(',').all(plain).then_some(list)
}

/// Names of priorities; nftables src/rule.c std_prios and bridge_std_prios.
const PRIORITIES: [(&str, i32); 6] =
    [("raw", -300), ("mangle", -150), ("dstnat", -100), ("filter", 0), ("security", 50), ("srcnat", 100)];
const BRIDGE_PRIORITIES: [(&str, i32); 4] = [("dstnat", -300), ("filter", -200), ("out", 100), ("srcnat", 300)];

/// `filter`, `-110`, `dstnat - 10`.
fn read_priority<'a>(words: &mut impl Iterator<Item = &'a str>, names: &[(&str, i32)]) -> Option<i32> {
    let first = words.next()?;
    let start = match names.iter().find(|(name, _)| *name == first) {
        Some((_, value)) => *value,
        None => first.parse().ok()?,
    };
    match words.next() {
        None => Some(start),
        Some("+") => start.checked_add(words.next()?.parse().ok()?),
        Some("-") => start.checked_sub(words.next()?.parse().ok()?),
        Some(_) => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::{Policy, read};
    use crate::dataplane::Loc;

    #[track_caller]
    fn case(family: &str, text: &str, priority: Option<i32>, policy: Policy) {
        let base = read(Loc { dump: "nft-ruleset", line: 1, text }, family).unwrap();
        assert_eq!((base.priority, base.policy), (priority, policy), "{text}");
    }

    #[test]
    fn priorities() {
        let accept = Policy::Accept;
        case("ip", "type filter hook prerouting priority dstnat - 10; policy accept;", Some(-110), accept);
        case("ip", "type filter hook output priority -110; policy accept;", Some(-110), accept);
        case("inet", "type filter hook forward priority filter + 1; policy drop;", Some(1), Policy::Drop);
        case("bridge", "type filter hook forward priority filter; policy accept;", Some(-200), accept);
        case("netdev", "type filter hook ingress device \"eth0\" priority -500; policy accept;", Some(-500), accept);
        case("ip", "type nat hook postrouting priority srcnat;", Some(100), accept);
        case("ip", "type nat hook postrouting priority nonsense; policy accept;", None, accept);
    }

    #[track_caller]
    fn devices(text: &str, expected: &[&str]) {
        let text = format!("type filter hook ingress {text}priority filter; policy accept;");
        let base = read(Loc { dump: "nft-ruleset", line: 1, text: &text }, "netdev").unwrap();
        assert_eq!((base.devices().collect::<Vec<_>>(), base.priority), (expected.to_vec(), Some(0)), "{text}");
    }

    #[test]
    fn devices_one_by_one() {
        devices("device \"eth0\" ", &["eth0"]);
        devices("device eth0 ", &["eth0"]);
        devices("devices = { cni0, eth0 } ", &["cni0", "eth0"]);
        devices("devices = { \"cni0\", \"eth0\" } ", &["cni0", "eth0"]);
        // What cannot be read may be any.
        devices("", &[]);
        devices("devices = { cni0, eth0 ", &[]);
        devices("devices { cni0 } ", &[]);
        devices("devices = { cni0 eth0 } ", &[]);
        devices("device \"eth*\" ", &[]);
    }
}
