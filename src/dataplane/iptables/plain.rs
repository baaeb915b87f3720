//! The plainest rules, of which a node has ten for each Service: tests of addresses, port and protocol, a chance, and a
//! target that is a chain, a mark or one endpoint. The lines of kube-proxy are read as they are printed; any other is
//! read in full first, and says the same.

use std::net::{IpAddr, SocketAddr};

use memchr::{memchr, memchr2};
use smallvec::SmallVec;

use super::body::{LONGEST, read};
use super::net::{Net, Ports};
use super::rule::{Match, NatRange, Not, Rule, Side, Target, Test};
use crate::dataplane::Loc;

/// A rule that is no more than that.
#[derive(Debug, Clone, PartialEq)]
pub struct PlainRule<'snap> {
    /// Tests: all must hold.
    pub tests: SmallVec<[PlainTest; 2]>,
    /// Share of the packets that it takes of those.
    pub chance: f64,
    /// What follows.
    pub target: PlainTarget<'snap>,
}

/// A test, and whether it holds where the packet fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlainTest {
    /// `-s`
    From(Net, bool),
    /// `-d`
    To(Net, bool),
    /// `--dport`
    Port(Ports, bool),
    /// `-p`: number; 0 is all.
    Protocol(u8, bool),
}

/// What a plain rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlainTarget<'snap> {
    /// `-j KUBE-MARK-MASQ`
    Jump(&'snap str),
    /// `-j MARK --set-xmark`: value and mask.
    Mark(u32, u32),
    /// `-j DNAT --to-destination`: `None` keeps the port.
    Send(IpAddr, Option<u16>),
}

impl<'snap> PlainRule<'snap> {
    /// Reads a line of a chain; `None` if it says more, or cannot be read.
    #[must_use]
    pub fn read(chain: &str, at: Loc<'snap>) -> Option<Self> {
        let printed = if at.text.len() <= LONGEST { as_printed(chain, at.text) } else { None };
        printed.or_else(|| Self::of(&read(at).ok()?))
    }

    /// The same of a rule that is read.
    fn of(rule: &Rule<'snap>) -> Option<Self> {
        let (mut tests, mut chance) = (SmallVec::new(), 1.0);
        for Match { test, not, .. } in &rule.matches {
            let wanted = *not == Not::Plain;
            match test {
                Test::Always if wanted => {}
                Test::Address(Side::Src, net) => tests.push(PlainTest::From(*net, wanted)),
                Test::Address(Side::Dst, net) => tests.push(PlainTest::To(*net, wanted)),
                Test::Port(Side::Dst, ports) => tests.push(PlainTest::Port(*ports, wanted)),
                Test::Protocol(number) => tests.push(PlainTest::Protocol(*number, wanted)),
                Test::Random(probability) => chance *= if wanted { *probability } else { 1.0 - probability },
                _ => return None,
            }
        }
        let target = match rule.target {
            Target::Jump(name) => PlainTarget::Jump(name),
            Target::Mark(value, mask) => PlainTarget::Mark(value, mask),
            Target::Dnat(NatRange { addresses: Some((ip, end)), ports, .. })
                if ip == end && ports.is_none_or(|ports| ports.first == ports.last) =>
            {
                PlainTarget::Send(ip, ports.map(|ports| ports.first))
            }
            _ => return None,
        };
        Some(Self { tests, chance, target })
    }
}

/// A line as kube-proxy's are printed; `None` for any other.
fn as_printed<'snap>(chain: &str, line: &'snap str) -> Option<PlainRule<'snap>> {
    let mut rest = line.strip_prefix("-A ")?.strip_prefix(chain)?.strip_prefix(' ')?;
    let mut rule = PlainRule { tests: SmallVec::new(), chance: 1.0, target: PlainTarget::Mark(0, 0) };
    loop {
        match rest.as_bytes() {
            [b'-', b'j', b' ', ..] => {
                rule.target = target(rest.get(3..)?)?;
                return Some(rule);
            }
            [b'-', b's' | b'd', b' ', ..] => rest = address(rest, true, &mut rule)?,
            [b'!', b' ', b'-', b's' | b'd', b' ', ..] => rest = address(rest.get(2..)?, false, &mut rule)?,
            [b'-', b'p', b' ', ..] => {
                let (name, behind) = word(rest.get(3..)?)?;
                rule.tests.push(PlainTest::Protocol(protocol(name)?, true));
                rest = behind;
            }
            [b'-', b'm', b' ', b'c', ..] => rest = comment(rest.strip_prefix("-m comment --comment ")?)?,
            [b'-', b'm', b' ', ..] => {
                let (name, behind) = word(rest.get(3..)?)?;
                rest = match name {
                    "tcp" | "udp" | "sctp" => match behind.strip_prefix("--dport ") {
                        Some(behind) => {
                            let (ports, behind) = word(behind)?;
                            rule.tests.push(PlainTest::Port(Ports::parse(ports)?, true));
                            behind
                        }
                        None => behind,
                    },
                    "statistic" => {
                        let (chance, behind) = word(behind.strip_prefix("--mode random --probability ")?)?;
                        rule.chance *= chance.parse::<f64>().ok().filter(|chance| (0.0..=1.0).contains(chance))?;
                        behind
                    }
                    _ => return None,
                };
            }
            _ => return None,
        }
    }
}

/// A word, and what follows behind one blank.
fn word(text: &str) -> Option<(&str, &str)> {
    let end = text.bytes().position(|byte| byte == b' ')?;
    Some((text.get(..end)?, text.get(end + 1..)?))
}

/// Behind `-s` or `-d`.
fn address<'a>(text: &'a str, wanted: bool, rule: &mut PlainRule<'_>) -> Option<&'a str> {
    let (net, behind) = word(text.get(3..)?)?;
    let net = Net::parse(net)?;
    rule.tests.push(if text.starts_with("-s") { PlainTest::From(net, wanted) } else { PlainTest::To(net, wanted) });
    Some(behind)
}

const fn protocol(name: &str) -> Option<u8> {
    match name.as_bytes() {
        b"tcp" => Some(6),
        b"udp" => Some(17),
        b"sctp" => Some(132),
        _ => None,
    }
}

/// What follows a comment.
fn comment(text: &str) -> Option<&str> {
    let Some(inside) = text.strip_prefix('"') else {
        let (comment, behind) = word(text)?;
        return (!comment.starts_with(['-', '!']) && !comment.contains(['\t', '"'])).then_some(behind);
    };
    let end = memchr2(b'"', b'\\', inside.as_bytes())?;
    inside.get(end..)?.strip_prefix("\" ")
}

/// A chain of kube-proxy, or one endpoint.
fn target(text: &str) -> Option<PlainTarget<'_>> {
    if let Some(to) = text.strip_prefix("DNAT --to-destination ").filter(|to| !to.contains('%')) {
        return match to.parse().ok()? {
            SocketAddr::V4(to) => Some(PlainTarget::Send((*to.ip()).into(), Some(to.port()))),
            SocketAddr::V6(to) => Some(PlainTarget::Send((*to.ip()).into(), Some(to.port()))),
        };
    }
    (text.starts_with("KUBE-") && memchr(b' ', text.as_bytes()).is_none()).then_some(PlainTarget::Jump(text))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn of_its_chain(line: &str) -> Option<PlainRule<'_>> {
        as_printed(line.split(' ').nth(1)?, line)
    }

    /// A line that is read as it is printed says what the whole reader reads.
    #[track_caller]
    fn case(line: &str, is_printed: bool) {
        let printed = of_its_chain(line);
        assert_eq!(printed.is_some(), is_printed, "{line}");
        if printed.is_some() {
            let rule = read(Loc { dump: "iptables-save", line: 1, text: line }).unwrap();
            assert_eq!(printed, PlainRule::of(&rule), "{line}");
        }
    }

    #[test]
    fn lines_of_kube_proxy() {
        let chain = "-A KUBE-SVC-227WPYTCFAUMJCRV";
        case(
            &format!(
                "{chain} -m comment --comment \"a/b:c -> 10.244.1.5:80\" -m statistic --mode random --probability 0.33333333349 -j KUBE-SEP-X"
            ),
            true,
        );
        case(
            &format!(
                "{chain} ! -s 10.128.0.0/9 -d 10.96.7.24/32 -p tcp -m comment --comment \"a/b cluster IP\" -m tcp --dport 80 -j KUBE-MARK-MASQ"
            ),
            true,
        );
        case(&format!("{chain} -s 10.1.2.3/32 -m comment --comment a/b -j KUBE-MARK-MASQ"), true);
        case(&format!("{chain} -p udp -m comment --comment \"a/b\" -m udp -j DNAT --to-destination 10.1.2.3:53"), true);
        case(&format!("{chain} -p tcp -m tcp --dport 80:90 -j KUBE-X"), true);
        case(&format!("{chain} -s fd00::5/128 -j KUBE-MARK-MASQ"), true);
        case(&format!("{chain} -p sctp -m sctp -j DNAT --to-destination [fd00::5]:80"), true);
        case(&format!("{chain} -j KUBE-X"), true);
        let half = "-m statistic --mode random --probability 0.5";
        case(&format!("{chain} {half} {half} -j KUBE-X"), true);
    }

    #[test]
    fn any_other_line_is_read_in_full() {
        let chain = "-A KUBE-SVC-227WPYTCFAUMJCRV";
        for rest in [
            "-m comment --comment \"say \\\"no\\\" -j X\" -j KUBE-X",
            "-m recent --rcheck --seconds 10800 --reap --name KUBE-SEP-X --mask 255.255.255.255 --rsource -j KUBE-SEP-X",
            "-p tcp -m tcp --dport 80 --sport 5 -j KUBE-X",
            "-p tcp -m tcp ! --dport 80 -j KUBE-X",
            "-p 47 -j KUBE-X",
            "-i eth0 -j KUBE-X",
            "-j MARK --set-xmark 0x4000/0x4000",
            "-j DROP",
            "-j DNAT --to-destination 10.1.2.3:80-90",
            "-j DNAT --to-destination 10.1.2.3:80 --random",
            "-j DNAT --to-destination 10.1.2.3",
            "-j KUBE-X --x",
            "-g KUBE-X",
            "-m statistic --mode nth --every 3 --packet 0 -j KUBE-X",
            "-m statistic --mode random ! --probability 0.5 -j KUBE-X",
            "-m statistic --mode random --probability 1.5 -j KUBE-X",
            "-m nfacct --nfacct-name  x -j KUBE-X",
            "-s 10.1.2.3/33 -j KUBE-X",
            "-m comment --comment --x -j KUBE-X",
            "-m comment --comment ! -j KUBE-X",
            "-j DNAT --to-destination [fe80::1%3]:80",
        ] {
            case(&format!("{chain} {rest}"), false);
        }
        case("-I KUBE-X -j KUBE-Y", false);
    }

    /// Rule lines of all dumps that are kept with the sources.
    fn lines(folder: &std::path::Path, into: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                lines(&path, into);
            } else if path.file_name().is_some_and(|name| name.to_string_lossy().contains("tables-save")) {
                let text = std::fs::read_to_string(&path).unwrap();
                into.extend(text.lines().map(str::to_owned));
            }
        }
    }

    #[test]
    fn lines_of_real_dumps_say_the_same_both_ways() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut all = Vec::new();
        lines(&root.join("demo"), &mut all);
        lines(&root.join("tests"), &mut all);
        let rules: Vec<&str> = all.iter().filter_map(|line| line.find("-A ").and_then(|at| line.get(at..))).collect();
        let printed = rules.iter().filter(|line| of_its_chain(line).is_some()).count();
        assert!(rules.len() > 1000 && printed > rules.len() / 3, "{printed} of {}", rules.len());
        for line in rules.iter().filter(|line| of_its_chain(line).is_some()) {
            case(line, true);
        }
    }
}
