//! What a rule says: tests in order and a target, as types. `Display` prints it as the tools do.

use std::fmt;
use std::net::IpAddr;

use super::net::{IpRange, Net, Ports};
pub use super::option::Not;
use crate::dataplane::Loc;
use crate::dataplane::ipvs::Method;
use crate::dataplane::links::AddrType;

/// `-A KUBE-SVC-4N57TFCL4MD7ZTDA -m comment --comment "default/nginx" -m statistic --mode random --probability 0.5 -j KUBE-SEP-…`
#[derive(Debug, Clone, PartialEq)]
pub struct Rule<'snap> {
    /// Chain it stands in.
    pub chain: &'snap str,
    /// Tests, in the order of the kernel: all must hold.
    pub matches: Vec<Match<'snap>>,
    /// What follows when they do.
    pub target: Target<'snap>,
    /// The target as it stands, `-j DNAT --to-destination 10.244.1.5:80`; empty for a rule that only counts.
    pub target_text: &'snap str,
    /// Text of `--comment`.
    pub comment: Option<&'snap str>,
    /// Where it stands.
    pub at: Loc<'snap>,
}

impl Rule<'_> {
    /// Whether it enters something of the packet in a list or set, or takes it out.
    #[must_use]
    pub fn enters(&self) -> bool {
        let of_recent =
            |one: &Match<'_>| matches!(&one.test, Test::Recent(recent) if recent.action != RecentAction::Check);
        self.matches.iter().any(of_recent) || (self.target == Target::Pass && self.target_text.starts_with("-j SET "))
    }
}

impl fmt::Display for Rule<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "-A {}", self.chain)?;
        for test in &self.matches {
            write!(f, " {}", test.text)?;
        }
        if !self.target_text.is_empty() {
            write!(f, " {}", self.target_text)?;
        }
        Ok(())
    }
}

/// One test of a rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Match<'snap> {
    /// What is tested.
    pub test: Test<'snap>,
    /// Turned round by `!`.
    pub not: Not,
    /// As it stands: `! -s 10.244.0.0/16`, `-m tcp --dport 80`.
    pub text: &'snap str,
}

/// Source or destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// Source.
    Src,
    /// Destination.
    Dst,
}

/// What a test looks at.
#[derive(Debug, Clone, PartialEq)]
pub enum Test<'snap> {
    /// Holds by itself: `-m tcp` after `-p tcp`, `-m comment`, `-m nfacct`.
    Always,
    /// `-s`, `-d`
    Address(Side, Net),
    /// `-i`: name, or prefix with `+`
    InInterface(&'snap str),
    /// `-o`
    OutInterface(&'snap str),
    /// `-p`: number; 0 is all
    Protocol(u8),
    /// `-f`: second and further fragments
    Fragment,
    /// `--sport`, `--dport`
    Port(Side, Ports),
    /// `-m multiport --dports 80,443,8000:8010`
    Multiport(Box<[Side]>, Box<[Ports]>),
    /// `--tcp-flags FIN,SYN,RST,ACK SYN`: bits looked at, bits set
    TcpFlags(u8, u8),
    /// `--icmp-type 8`: type, and code if given
    IcmpType(u8, Option<u8>),
    /// `-m mark --mark 0x4000/0x4000`
    Mark(u32, u32),
    /// `-m connmark --mark 0x4000/0x4000`
    Connmark(u32, u32),
    /// `-m conntrack --ctstate`, `-m state --state`
    CtState(CtStates),
    /// A test beside `--ctstate` in one `-m conntrack`: without a connection the state alone decides, whatever this one
    /// and its `!` say (Linux `xt_conntrack.c` conntrack_mt).
    OfConnection(Box<Self>),
    /// `--ctstatus`
    CtStatus(Vec<&'snap str>),
    /// `--ctorigsrc`, `--ctorigdst`
    CtOriginal(Side, Net),
    /// `--ctreplsrc`, `--ctrepldst`
    CtReply(Side, Net),
    /// `--ctorigsrcport`, `--ctorigdstport`
    CtOriginalPort(Side, Ports),
    /// `--ctproto`
    CtProtocol(u8),
    /// `--ctdir`: `true` side is the original direction
    CtDirection(Direction),
    /// `-m addrtype --dst-type LOCAL`, limited to an interface's own addresses if said
    AddrType(Side, Vec<AddrType>, Limit),
    /// `-m set --match-set KUBE-CLUSTER-IP dst,dst`
    Set(&'snap str, Box<[Side]>),
    /// `-m recent`
    Recent(Box<Recent<'snap>>),
    /// `-m statistic --mode random --probability 0.5`
    Random(f64),
    /// `-m statistic --mode nth --every 3 --packet 0`
    Nth(u32, u32),
    /// `-m physdev --physdev-is-in` and its kin
    Physdev(Physdev<'snap>),
    /// `-m iprange --src-range`
    Range(Side, IpRange),
    /// `-m limit`, `-m hashlimit`, `-m connlimit`: holds at first, later by rate; the words of the condition
    Rate(&'snap str),
    /// `-m connlimit --connlimit-above 10`: does not hold at first
    Above(&'snap str),
    /// `-m owner --uid-owner 0`
    Owner,
    /// `-m rpfilter`
    ReversePath(Rpfilter),
    /// `-m pkttype --pkt-type unicast`
    PacketType(&'snap str),
    /// `-m ipvs`
    Ipvs(IpvsTest),
    /// What the listing that the rule is from does not tell
    NotListed(NotListed<'snap>),
    /// Anything else
    Unknown,
}

/// What a listing for people leaves open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotListed<'snap> {
    /// Interfaces, which only `-v` shows.
    Interfaces,
    /// What these words mean.
    Words(&'snap str),
}

/// `-m ipvs --vproto 6 --vaddr 198.51.100.149 --vport 80`: of packets that IPVS has sent on (Linux `xt_ipvs.c`)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IpvsTest {
    /// `--ipvs`
    Any,
    /// `--vproto 6`
    Protocol(u8),
    /// `--vaddr 198.51.100.149`
    Address(Net),
    /// `--vport 80`
    Port(u16),
    /// `--vdir ORIGINAL`
    Direction(Direction),
    /// `--vmethod MASQ`
    Method(Method),
}

/// `--ctstate NEW,ESTABLISHED`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct CtStates {
    /// INVALID
    pub invalid: Named,
    /// NEW
    pub new: Named,
    /// ESTABLISHED
    pub established: Named,
    /// RELATED
    pub related: Named,
    /// UNTRACKED
    pub untracked: Named,
    /// SNAT: the source was rewritten
    pub snat: Named,
    /// DNAT: the destination was rewritten
    pub dnat: Named,
}

/// Whether a list names something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Named {
    /// It does.
    Yes,
    /// It does not.
    #[default]
    No,
}

impl Named {
    /// As a condition.
    #[must_use]
    pub const fn holds(self) -> bool {
        matches!(self, Self::Yes)
    }
}

/// Direction of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the one who opened it.
    Original,
    /// The answers.
    Reply,
}

/// `--limit-iface-in`, `--limit-iface-out`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limit {
    /// Any interface.
    None,
    /// That it came in by.
    In,
    /// That it leaves by.
    Out,
}

/// `-m recent --rcheck --seconds 10800 --reap --name KUBE-SEP-… --mask 255.255.255.255 --rsource`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recent<'snap> {
    /// What it does.
    pub action: RecentAction,
    /// Name of the list.
    pub name: &'snap str,
    /// `--seconds`
    pub seconds: Option<u32>,
    /// `--hitcount`
    pub hitcount: Option<u32>,
    /// `--rsource`, `--rdest`
    pub side: Side,
    /// `--mask`
    pub mask: &'snap str,
}

/// What `-m recent` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecentAction {
    /// Remembers the address, and holds.
    Set,
    /// Holds when it is remembered.
    Check,
    /// The same, and remembers it anew.
    Update,
    /// Holds when it was remembered, and forgets it.
    Remove,
}

/// `-m physdev`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Physdev<'snap> {
    /// `--physdev-is-in`
    IsIn,
    /// `--physdev-is-out`
    IsOut,
    /// `--physdev-is-bridged`
    IsBridged,
    /// `--physdev-in NAME`
    In(&'snap str),
    /// `--physdev-out NAME`
    Out(&'snap str),
}

/// `-m rpfilter --loose --validmark --accept-local --invert`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Rpfilter {
    /// Any interface will do.
    pub loose: Named,
    /// Looks up with the mark.
    pub validmark: Named,
    /// Lets local sources pass.
    pub accept_local: Named,
    /// Holds when the filter fails.
    pub invert: Named,
}

/// What follows when all tests hold.
#[derive(Debug, Clone, PartialEq)]
pub enum Target<'snap> {
    /// No `-j`: counts only.
    None,
    /// `-j ACCEPT`
    Accept,
    /// `-j DROP`
    Drop,
    /// `-j RETURN`
    Return,
    /// `-j CHAIN`
    Jump(&'snap str),
    /// `-g CHAIN`
    Goto(&'snap str),
    /// `-j REJECT --reject-with icmp-port-unreachable`
    Reject(&'snap str),
    /// `-j MARK --set-xmark 0x4000/0x4000`: mark = (mark & !mask) ^ value
    Mark(u32, u32),
    /// `-j CONNMARK`
    Connmark(Connmark),
    /// `-j DNAT --to-destination 10.244.1.5:8080`
    Dnat(NatRange),
    /// `-j SNAT --to-source 192.168.0.1`
    Snat(NatRange),
    /// `-j MASQUERADE --random-fully`
    Masquerade,
    /// `-j REDIRECT --to-ports 3128`; `None` keeps the port
    Redirect(Option<Ports>),
    /// `-j NETMAP --to 10.0.0.0/24`
    Netmap(Net),
    /// `-j CT --notrack`, `-j NOTRACK`
    Notrack,
    /// Changes nothing that decides: LOG, NFLOG, TRACE, TCPMSS, CHECKSUM …
    Pass,
    /// Anything else: what it does is not known.
    Unknown(&'snap str),
}

/// `-j CONNMARK`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Connmark {
    /// `--set-xmark value/mask`
    Set(u32, u32),
    /// `--save-mark --nfmask n --ctmask c`
    Save {
        /// nfmask
        nfmask: u32,
        /// ctmask
        ctmask: u32,
    },
    /// `--restore-mark --nfmask n --ctmask c`
    Restore {
        /// nfmask
        nfmask: u32,
        /// ctmask
        ctmask: u32,
    },
}

/// `10.244.1.5:8080`, `10.0.0.1-10.0.0.9`, `:8080`, `[fd00::5]:80`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NatRange {
    /// Addresses; `None` keeps the address.
    pub addresses: Option<(IpAddr, IpAddr)>,
    /// Ports; `None` keeps the port.
    pub ports: Option<Ports>,
    /// `--random`: a port of the range that is drawn.
    pub random: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A check of all Services keeps all rules, three tests in each: a variant that is rare and large is boxed.
    #[test]
    fn rules_are_small() {
        assert!(size_of::<Match<'_>>() <= 64, "{}", size_of::<Match<'_>>());
        assert!(size_of::<Target<'_>>() <= 48, "{}", size_of::<Target<'_>>());
        assert!(size_of::<Rule<'_>>() <= 160, "{}", size_of::<Rule<'_>>());
    }
}
