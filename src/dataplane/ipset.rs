//! ipsets: until they are read, membership is not known.

use std::net::IpAddr;

use super::iptables::rule::Side;
use super::tri::Tri;
use crate::collect::snapshot::NodeDumps;

/// The sets of a node.
#[derive(Debug)]
pub struct Sets<'snap>(std::marker::PhantomData<&'snap ()>);

/// What of a packet a set may hold.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'a> {
    /// Source.
    pub src: IpAddr,
    /// Destination.
    pub dst: IpAddr,
    /// Source port.
    pub sport: Option<u16>,
    /// Destination port.
    pub dport: Option<u16>,
    /// Protocol number.
    pub protocol: u8,
    /// Interface that it came in by.
    pub iif: Option<&'a str>,
    /// Interface that it leaves by.
    pub oif: Option<&'a str>,
}

/// Whether a set holds a packet.
#[derive(Debug)]
pub struct Membership {
    /// Whether it does.
    pub tri: Tri,
    /// Why that is not known.
    pub why: Option<String>,
}

impl<'snap> Sets<'snap> {
    /// Reads the sets.
    #[must_use]
    pub fn read(_: &'snap NodeDumps) -> Self {
        Self(std::marker::PhantomData)
    }
    /// Whether a set holds it.
    #[must_use]
    pub fn contains(&self, _: &str, _: &[Side], _: &Fields<'_>) -> Membership {
        Membership { tri: Tri::Unknown, why: None }
    }
}
