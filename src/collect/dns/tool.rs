//! Tools that can ask a DNS server where our own program cannot be run: the command, and what it says read. Messages for
//! `socat` and `nc` are written and read by hickory; `dig` writes its own. Runs nothing.

use std::fmt::Write as _;
use std::net::SocketAddr;

use crate::agent::Asked;
use crate::probe::{Answer, Outcome, Reply, Transport};

/// Seconds that a tool waits for a reply.
pub(super) const WAIT: u32 = 2;
/// Said before a tool starts: from here on time counts.
const BEGIN: &[u8] = b"begin\n";

/// Prints what there is to ask with, what its nc can do, and the resolv.conf there.
pub(super) const LOOK: &str = "for t in dig socat nc; do if command -v $t >/dev/null; then echo \"tool $t\"; fi; done; \
                               echo '== nc'; nc -h 2>&1 </dev/null; echo '== resolv.conf'; cat /etc/resolv.conf; exit 0";

/// A tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tool {
    Dig,
    Socat,
    Nc {
        /// It says on its own what goes wrong, or does so when asked to.
        asked_to_tell: bool,
        /// It can do UDP: BusyBox may have one that cannot.
        udp: bool,
    },
}

/// What [`LOOK`] printed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) tool: Option<Tool>,
    pub(super) resolv_conf: Option<String>,
}

impl Seen {
    pub(super) fn read(text: &str) -> Self {
        let (tools, rest) = text.split_once("== nc\n").unwrap_or((text, ""));
        let (help, conf) = rest.split_once("== resolv.conf\n").unwrap_or((rest, ""));
        let has = |tool: &str| tools.lines().any(|line| line.strip_prefix("tool ") == Some(tool));
        let tool = if has("dig") {
            Some(Tool::Dig)
        } else if has("socat") {
            Some(Tool::Socat)
        } else if has("nc") {
            let own = help.contains("OpenBSD") || help.contains("Ncat");
            Some(Tool::Nc { asked_to_tell: own, udp: own || help.contains("-u") })
        } else {
            None
        };
        Self { tool, resolv_conf: (!conf.trim().is_empty()).then(|| conf.to_owned()) }
    }
}

impl Tool {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Dig => "dig",
            Self::Socat => "socat",
            Self::Nc { .. } => "nc",
        }
    }

    pub(super) const fn can(self, transport: Transport) -> bool {
        match (self, transport) {
            (Self::Nc { udp, .. }, Transport::Udp) => udp,
            (Self::Dig | Self::Socat | Self::Nc { .. }, Transport::Udp | Transport::Tcp) => true,
        }
    }

    /// The shell command that asks.
    pub(super) fn command(self, to: SocketAddr, transport: Transport, asked: &Asked, record: &str) -> String {
        let (ip, port) = (to.ip(), to.port());
        let family = if to.is_ipv4() { '4' } else { '6' };
        let tool = match (self, transport) {
            (Self::Dig, by) => {
                let by = if by == Transport::Tcp { "+tcp" } else { "+notcp +ignore" };
                let name = asked.name().replace('\'', r"'\''");
                return format!(
                    "dig +time={WAIT} +tries=1 +noedns +noall +comments +answer +stats {by} @{ip} -p {port} -q '{name}' -t {record}"
                );
            }
            (Self::Socat, Transport::Udp) => format!("socat -t {WAIT} -T {WAIT} - UDP{family}:{}", address(to)),
            (Self::Socat, Transport::Tcp) => {
                format!("socat -t {WAIT} -T {WAIT} - TCP{family}:{},connect-timeout={WAIT}", address(to))
            }
            (Self::Nc { .. }, Transport::Udp) => format!("nc -u -w {WAIT} {ip} {port}"),
            // asked to tell, OpenBSD's would send bytes of its own over UDP (netcat.c, `udptest`)
            (Self::Nc { asked_to_tell: true, .. }, Transport::Tcp) => format!("nc -v -w {WAIT} {ip} {port}"),
            (Self::Nc { asked_to_tell: false, .. }, Transport::Tcp) => format!("nc -w {WAIT} {ip} {port}"),
        };
        let mut octal = String::new();
        for byte in framed(transport, &asked.bytes) {
            // writing to a String cannot fail
            let _ = write!(octal, "\\{byte:03o}");
        }
        format!("echo begin; printf '{octal}' | {tool}")
    }

    /// Whether time counts already.
    pub(super) fn has_begun(self, stdout: &[u8]) -> bool {
        self == Self::Dig || stdout.starts_with(BEGIN)
    }

    /// The reply, as soon as all of it is there.
    pub(super) fn reply(self, transport: Transport, asked: &Asked, stdout: &[u8]) -> Option<Outcome> {
        if self == Self::Dig {
            let text = String::from_utf8_lossy(stdout);
            return text.contains(";; Query time:").then(|| read_dig(&text)).flatten();
        }
        let bytes = stdout.strip_prefix(BEGIN)?;
        let message = match (transport, bytes) {
            (Transport::Udp, _) => bytes,
            (Transport::Tcp, [high, low, rest @ ..]) => {
                rest.get(..usize::from(u16::from_be_bytes([*high, *low]))).unwrap_or_default()
            }
            (Transport::Tcp, _) => return None,
        };
        asked.reply(message).map(Outcome::Answered)
    }

    /// What is to be said of a tool that ended without a reply, by what it says itself.
    pub(super) fn failure(self, stdout: &[u8], stderr: &[u8], waited_ms: u64) -> Outcome {
        let said = match self {
            Self::Dig => String::from_utf8_lossy(stdout).into_owned(),
            Self::Socat | Self::Nc { .. } => String::from_utf8_lossy(stderr).into_owned(),
        };
        let small = said.to_lowercase();
        let line = said.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
        if let Some(from) = stray(&said) {
            Outcome::WrongSource { from, reply: Reply::default() }
        } else if small.contains("refused") {
            Outcome::Refused
        } else if ["unreachable", "no route", "prohibited", "not permitted"].iter().any(|word| small.contains(word)) {
            Outcome::Unreachable { why: line.to_owned() }
        } else if small.contains("timed out") || waited_ms + 200 >= u64::from(WAIT) * 1000 {
            Outcome::Timeout
        } else {
            Outcome::Error { why: format!("{} ended without a reply: {line}", self.name()) }
        }
    }
}

/// `10.96.0.10:53`, `[fd00::a]:53`.
fn address(to: SocketAddr) -> String {
    to.to_string()
}

/// RFC 1035 4.2.2: over TCP two octets of length come first.
fn framed(transport: Transport, message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len()).unwrap_or(u16::MAX);
    match transport {
        Transport::Udp => message.to_vec(),
        Transport::Tcp => [&length.to_be_bytes(), message].concat(),
    }
}

/// `;; reply from unexpected source: 10.244.1.2#53, expected 10.96.0.10#53`.
fn stray(said: &str) -> Option<SocketAddr> {
    let (_, rest) = said.split_once("reply from unexpected source: ")?;
    let (from, _) = rest.split_once(',')?;
    let (ip, port) = from.split_once('#')?;
    Some(SocketAddr::new(ip.parse().ok()?, port.parse().ok()?))
}

/// `;; ->>HEADER<<- opcode: QUERY, status: NOERROR, id: 4711`, `;; flags: qr aa rd; QUERY: 1, …`, and the answers as in a
/// zone file (dig of BIND 9).
fn read_dig(text: &str) -> Option<Outcome> {
    let rcode = text.split_once("status: ")?.1.split(',').next()?.trim();
    let flags = text.split_once(";; flags:")?.1.split(';').next()?;
    let has = |flag: &str| flags.split_whitespace().any(|one| one == flag);
    let answers = text.lines().filter(|line| !line.starts_with(';')).filter_map(answer).collect();
    Some(Outcome::Answered(Reply { rcode: rcode.to_owned(), answers, truncated: has("tc"), authoritative: has("aa") }))
}

/// `kubernetes.default.svc.cluster.local. 30 IN A 10.96.0.1`.
fn answer(line: &str) -> Option<Answer> {
    let mut words = line.split_whitespace();
    let name = words.next()?.to_owned();
    let ttl = words.next()?.parse().ok()?;
    let (_class, record) = (words.next()?, words.next()?.to_owned());
    Some(Answer { name, record, data: words.collect::<Vec<_>>().join(" "), ttl })
}

/// `;; Query time: 3 msec`.
pub(super) fn dig_ms(stdout: &[u8]) -> Option<u64> {
    let text = String::from_utf8_lossy(stdout);
    text.split_once(";; Query time: ")?.1.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests;
