//! A rule set and the packets to send at it: the type, and its reader. A file is named `NAME.rules` and has sections:
//!
//! `[on]` backends (`nft`, `legacy`); `[packets]` lines `PLACE PROTO DESTINATION [from=ADDRESS[:PORT]] [undecided] [spread|turns]`;
//! `[ipset]`, `[iptables]`, `[ip6tables]` restore text; `[nft]` what `nft -f` reads, loaded after these; `[sysctl]` `key=value`;
//! `[ip]` arguments of `ip`, undone by `[ip undo]`. A set with `[nft]` alone runs once: no backend has a part in it.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

/// Protocol of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Proto {
    /// TCP
    Tcp,
    /// UDP
    Udp,
    /// ICMP or ICMPv6 echo
    Icmp,
}

/// Where a packet is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// A process of the node.
    Node,
    /// The pod 10.244.1.5.
    Pod,
    /// The client 203.0.113.7, behind eth0.
    Client,
    /// Pods of other nodes, behind eth1.
    Remote,
}

/// Which rule store a set is loaded into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    /// `iptables-nft`
    Nft,
    /// `iptables-legacy`
    Legacy,
}

impl Backend {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Nft => "nft",
            Self::Legacy => "legacy",
        }
    }
}

/// Whether the share of each outcome shows in one client's connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shares {
    /// It does.
    Seen,
    /// The kernel chooses by a hash of the client's address: one client always meets the same.
    ByHash,
    /// The kernel goes round: no chance is in it.
    InTurn,
}

/// Whether the walk must say which way a packet goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decides {
    /// It must.
    Yes,
    /// Something that is not known stands in the set, and may or may not matter.
    Maybe,
    /// Something that is not known decides: it must say that it cannot tell.
    No,
}

/// One packet.
#[derive(Debug, Clone)]
pub(crate) struct Aim {
    pub(crate) place: Place,
    pub(crate) proto: Proto,
    pub(crate) to: SocketAddr,
    pub(crate) from: Option<IpAddr>,
    pub(crate) from_port: Option<u16>,
    pub(crate) decides: Decides,
    pub(crate) shares: Shares,
}

impl std::fmt::Display for Aim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (place, proto) = (format!("{:?}", self.place).to_lowercase(), format!("{:?}", self.proto).to_lowercase());
        write!(f, "{place} {proto} {}", self.to)?;
        match (self.from, self.from_port) {
            (None, None) => Ok(()),
            (Some(ip), Some(port)) => write!(f, " from={}", SocketAddr::new(ip, port)),
            (Some(ip), None) => write!(f, " from={ip}"),
            (None, Some(port)) => write!(f, " from=:{port}"),
        }
    }
}

/// A rule set with its packets.
#[derive(Debug, Clone, Default)]
pub(crate) struct RuleSet {
    pub(crate) name: String,
    pub(crate) backends: Vec<Backend>,
    pub(crate) packets: Vec<Aim>,
    pub(crate) ipset: String,
    pub(crate) v4: String,
    pub(crate) v6: String,
    pub(crate) nft: String,
    pub(crate) ipvs: String,
    pub(crate) sysctl: Vec<(String, String)>,
    pub(crate) ip: Vec<String>,
    pub(crate) ip_undo: Vec<String>,
}

/// What the rules of a set are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Languages {
    /// iptables, of either backend.
    Iptables,
    /// nftables' own.
    Nft,
    /// Some in either.
    Both,
}

/// What a rule set counts as.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    /// What its rules are written in.
    pub(crate) languages: Languages,
    /// Whether a generator made it.
    pub(crate) generated: bool,
}

impl RuleSet {
    /// What it counts as.
    pub(crate) fn kind(&self) -> Kind {
        Kind { languages: self.languages(), generated: self.is_generated() }
    }

    /// What its rules are written in.
    pub(crate) fn languages(&self) -> Languages {
        match (self.nft.is_empty(), self.v4.is_empty() && self.v6.is_empty()) {
            (true, _) => Languages::Iptables,
            (false, true) => Languages::Nft,
            (false, false) => Languages::Both,
        }
    }

    /// Whether a generator made it.
    pub(crate) fn is_generated(&self) -> bool {
        self.name.contains("seed-")
    }

    /// Reads a `.rules` file.
    ///
    /// # Panics
    /// When it is not written as said above: the files are part of the test.
    pub(crate) fn parse(name: &str, text: &str) -> Self {
        let mut set = Self { name: name.to_owned(), ..Self::default() };
        let mut section = "";
        for line in text.lines() {
            if let Some(title) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                section = title;
                continue;
            }
            let line = line.trim_end();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let append = |to: &mut String| {
                to.push_str(line);
                to.push('\n');
            };
            match section {
                "on" => set.backends.extend(line.split_whitespace().map(|word| match word {
                    "nft" => Backend::Nft,
                    "legacy" => Backend::Legacy,
                    other => panic!("{name}: no backend `{other}`"),
                })),
                "packets" => set.packets.push(Aim::parse(line).unwrap_or_else(|| panic!("{name}: no packet: {line}"))),
                "ipset" => append(&mut set.ipset),
                "iptables" => append(&mut set.v4),
                "ip6tables" => append(&mut set.v6),
                "nft" => append(&mut set.nft),
                "sysctl" => {
                    let (key, value) = line.split_once('=').expect("key=value");
                    set.sysctl.push((key.to_owned(), value.to_owned()));
                }
                "ip" => set.ip.push(line.to_owned()),
                "ip undo" => set.ip_undo.push(line.to_owned()),
                other => panic!("{name}: no section `{other}`"),
            }
        }
        if set.backends.is_empty() {
            set.backends = match set.languages() {
                Languages::Nft => vec![Backend::Nft],
                Languages::Iptables | Languages::Both => vec![Backend::Nft, Backend::Legacy],
            };
        }
        set
    }
}

impl Aim {
    /// Reads `pod tcp 10.96.0.10:80 from=10.244.1.5:4000 undecided`.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        let place = match words.next()? {
            "node" => Place::Node,
            "pod" => Place::Pod,
            "client" => Place::Client,
            "remote" => Place::Remote,
            _ => return None,
        };
        let proto = match words.next()? {
            "tcp" => Proto::Tcp,
            "udp" => Proto::Udp,
            "icmp" => Proto::Icmp,
            _ => return None,
        };
        let to = words.next()?;
        let mut to: SocketAddr = to.parse().or_else(|_| to.parse().map(|ip| SocketAddr::new(ip, 0))).ok()?;
        if proto == Proto::Icmp {
            to.set_port(0);
        }
        // Only a process of the node leaves its address to the routes.
        let own = match (place, to.is_ipv4()) {
            (Place::Node, _) => None,
            (Place::Pod, true) => Some("10.244.1.5"),
            (Place::Pod, false) => Some("fd00:244:0:1::5"),
            (Place::Client, true) => Some("203.0.113.7"),
            (Place::Client, false) => Some("2001:db8::7"),
            (Place::Remote, true) => Some("10.244.2.6"),
            (Place::Remote, false) => Some("fd00:244:0:2::6"),
        };
        let from = own.map(str::parse).transpose().ok()?;
        let mut aim = Self { place, proto, to, from, from_port: None, decides: Decides::Yes, shares: Shares::Seen };
        for word in words {
            match word.strip_prefix("from=") {
                Some(from) => {
                    if let Some(port) = from.strip_prefix(':') {
                        aim.from_port = Some(port.parse().ok()?);
                    } else if let Ok(socket) = from.parse::<SocketAddr>() {
                        (aim.from, aim.from_port) = (Some(socket.ip()), Some(socket.port()));
                    } else {
                        aim.from = Some(from.parse().ok()?);
                    }
                }
                None if word == "undecided" => aim.decides = Decides::No,
                None if word == "spread" => aim.shares = Shares::ByHash,
                None if word == "turns" => aim.shares = Shares::InTurn,
                None => return None,
            }
        }
        Some(aim)
    }
}
