//! IPVS of a node: virtual servers and their real servers, from `ipvsadm -Sn`, `ipvsadm -Ln`, their forms with names,
//! or `/proc/net/ip_vs`. Indexed by address at once; a virtual server's lines are read when it is asked for.

mod index;
mod line;
mod ports;
mod scheduler;
mod source;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests;

use std::net::SocketAddr;

use rustc_hash::FxHashMap;

use super::Loc;
use super::links::Family;

pub(in crate::dataplane) use ports::port;
pub use scheduler::{Choice, Scheduler};

/// All virtual servers of one node.
#[derive(Debug, Default)]
pub struct Ipvs<'snap> {
    state: State,
    dump: &'snap str,
    form: Form,
    by_key: FxHashMap<Key, usize>,
    blocks: Vec<Block<'snap>>,
    /// Lines of virtual servers that cannot be read.
    unread: Vec<Unread<'snap>>,
}

/// How much of a node's IPVS was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    /// All of it.
    Whole,
    /// Some lines; what they lack is not missing.
    Part,
    /// Nothing.
    #[default]
    Unread,
}

/// How a dump is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Form {
    /// `-A -t 10.96.0.1:443 -s rr`, as `ipvsadm -S` prints.
    #[default]
    Save,
    /// `TCP  10.96.0.1:443 rr`, as `ipvsadm -L` prints.
    List,
    /// `TCP  0A600001:01BB rr`, as `/proc/net/ip_vs` has it.
    Proc,
}

/// Which packets a virtual server takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Key {
    /// Those of this protocol, by number, to this address.
    Address(u8, SocketAddr),
    /// Those with this mark.
    Mark(Family, u32),
}

/// Lines of one virtual server.
#[derive(Debug, Clone, Copy)]
struct Block<'snap> {
    line: u32,
    text: &'snap str,
    then: Then,
}

/// What follows the lines of a virtual server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    /// Another virtual server: there are no more lines of this one.
    Another,
    /// The end, or a gap.
    Gap,
}

/// A virtual server's line that cannot be read.
#[derive(Debug, Clone, Copy)]
struct Unread<'snap> {
    at: Loc<'snap>,
    /// What of it can be read.
    partly: Partly,
}

/// What can be read of an address with names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Partly {
    protocol: Option<u8>,
    ip: Option<std::net::IpAddr>,
    port: Option<u16>,
}

/// One virtual server.
///
/// `-A -t 10.96.10.49:80 -s rr -p 10800`, `TCP  10.96.10.49:80 rr persistent 10800`
#[derive(Debug, Clone)]
pub struct Virtual<'snap> {
    /// Which packets it takes.
    pub key: Key,
    /// Its address or mark as written.
    pub name: &'snap str,
    /// How it chooses.
    pub scheduler: Scheduler<'snap>,
    /// Seconds that a client stays with its server (`-p`).
    pub persistent: Option<u32>,
    /// Flags of its scheduler as written: `sh-fallback,sh-port`.
    pub scheduler_flags: &'snap str,
    /// Its servers, in the order of the dump.
    pub servers: Vec<Real<'snap>>,
    /// The first line of a server that cannot be read.
    pub unread: Option<Loc<'snap>>,
    /// The last of its lines, where a dump that is not whole may lack more of them.
    pub goes_on: Option<Loc<'snap>>,
    /// Where it stands.
    pub at: Loc<'snap>,
}

/// One real server.
///
/// `-a -t 10.96.10.49:80 -r 10.244.1.5:8080 -m -w 1`, `  -> 10.244.1.5:8080              Masq    1      0          0`
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Real<'snap> {
    /// Its address.
    pub to: SocketAddr,
    /// How packets get there.
    pub method: Method,
    /// Its weight, where the dump tells it; 0 takes no new connections.
    pub weight: Option<u32>,
    /// Connections, active and inactive, where the dump tells them.
    pub connections: Option<(u64, u64)>,
    /// Where it stands.
    pub at: Loc<'snap>,
}

/// How packets get to a real server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// The destination is rewritten: `Masq`, `-m`.
    Masq,
    /// Sent on unchanged to the server's link address: `Route`, `-g`.
    Route,
    /// Sent on unchanged inside another packet: `Tunnel`, `-i`.
    Tunnel,
    /// Left to this node: `Local`.
    Local,
    /// The dump does not tell.
    Unknown,
}

impl Method {
    /// `Masq`, as `ipvsadm -L` prints.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Masq => "Masq",
            Self::Route => "Route",
            Self::Tunnel => "Tunnel",
            Self::Local => "Local",
            Self::Unknown => "unknown",
        }
    }
}

/// What IPVS has for a packet.
#[derive(Debug)]
pub enum Found<'snap> {
    /// This virtual server.
    Server(Box<Virtual<'snap>>),
    /// None.
    None,
    /// It cannot be told, and why.
    Unknown(String),
}

/// What a packet is looked up by.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// Protocol number.
    pub protocol: u8,
    /// Destination.
    pub to: SocketAddr,
    /// Mark, if it is known.
    pub mark: Option<u32>,
}

const TCP: u8 = 6;
const FTP: u16 = 21;
const FTP_DATA: u16 = 20;
const UNPRIVILEGED: u16 = 1024;

impl<'snap> Ipvs<'snap> {
    /// Whether it was read and holds nothing: no packet is balanced.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.state == State::Whole && self.blocks.is_empty() && self.unread.is_empty()
    }

    /// Whether anything of it was read.
    #[must_use]
    pub fn was_read(&self) -> bool {
        self.state != State::Unread
    }

    /// Whether all of it was read.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.state == State::Whole
    }

    /// Whether the kernel has no IPVS at all.
    #[must_use]
    pub fn has_no_module(&self) -> bool {
        self.is_empty() && self.dump.is_empty()
    }

    /// How many virtual servers there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.blocks.len()
    }

    /// The virtual server that takes a packet; Linux net/netfilter/ipvs/ip_vs_ctl.c ip_vs_service_find: by mark, by
    /// address, for FTP's data, for any port.
    #[must_use]
    pub fn find(&self, wanted: Wanted) -> Found<'snap> {
        if self.state == State::Unread {
            return Found::Unknown("the node's virtual servers (ipvsadm, /proc/net/ip_vs) were not read".into());
        }
        let family = Family::of(wanted.to.ip());
        let marked = match wanted.mark {
            Some(0) => None,
            Some(mark) => self.by_key.get(&Key::Mark(family, mark)),
            None if self.by_key.keys().any(|key| matches!(key, Key::Mark(of, _) if *of == family)) => {
                return Found::Unknown("the mark is not known here, and there are virtual servers for marks".into());
            }
            None => None,
        };
        let exact = || self.by_key.get(&Key::Address(wanted.protocol, wanted.to));
        if let Some(place) = marked.or_else(exact) {
            return self.server(*place);
        }
        if let Some(unread) = self.unread.iter().find(|unread| unread.partly.may_be(wanted)) {
            let (dump, line) = (unread.at.dump, unread.at.line);
            return Found::Unknown(format!("{dump}:{line} cannot be read and may be for it: {}", unread.at.text));
        }
        let at_port = |port| self.by_key.get(&Key::Address(wanted.protocol, SocketAddr::new(wanted.to.ip(), port)));
        let port = wanted.to.port();
        let ftp = (wanted.protocol == TCP && (port == FTP_DATA || port >= UNPRIVILEGED)).then(|| at_port(FTP));
        if let Some(place) = ftp.flatten().or_else(|| at_port(0)) {
            return self.server(*place);
        }
        match self.state {
            State::Whole => Found::None,
            State::Part | State::Unread => {
                Found::Unknown(format!("{} holds only some of the node's virtual servers", self.dump))
            }
        }
    }

    fn server(&self, place: usize) -> Found<'snap> {
        match self.blocks.get(place).and_then(|block| self.read_block(*block)) {
            Some(server) => Found::Server(Box::new(server)),
            None => Found::Unknown(format!("a virtual server of {} cannot be read", self.dump)),
        }
    }

    /// Every virtual server, in the order of the dump.
    pub fn servers(&self) -> impl Iterator<Item = Virtual<'snap>> {
        self.blocks.iter().filter_map(|block| self.read_block(*block))
    }

    /// Which packets the virtual servers take.
    pub fn keys(&self) -> impl Iterator<Item = Key> {
        self.by_key.keys().copied()
    }

    /// The virtual server for a protocol and an address, whatever else might take a packet there first.
    #[must_use]
    pub fn get(&self, protocol: u8, to: SocketAddr) -> Option<Virtual<'snap>> {
        let place = self.by_key.get(&Key::Address(protocol, to))?;
        self.read_block(*self.blocks.get(*place)?)
    }

    /// Lines that cannot be read.
    pub fn unread(&self) -> impl Iterator<Item = Loc<'snap>> {
        self.unread.iter().map(|unread| unread.at)
    }
}

impl Partly {
    fn may_be(self, wanted: Wanted) -> bool {
        self.protocol.is_none_or(|protocol| protocol == wanted.protocol)
            && self.ip.is_none_or(|ip| ip == wanted.to.ip())
            && self.port.is_none_or(|port| port == wanted.to.port() || port == 0)
    }
}

impl Virtual<'_> {
    /// Whether a server that gets no connection is passed over for another one (`sh-fallback`, `mh-fallback`).
    #[must_use]
    pub fn falls_back(&self) -> bool {
        self.scheduler_flags.split(',').any(|flag| flag.ends_with("-fallback") || flag == "flag-1")
    }
}
