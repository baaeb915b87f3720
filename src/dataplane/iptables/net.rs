//! Address and port ranges as rules write them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The mask of a single address.
const ALL: Ipv6Addr = Ipv6Addr::from_bits(u128::MAX);

/// `10.244.0.0/16`, `10.0.0.1/255.0.0.255`, `fd00::/64`: an address and a mask, which need not be a prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Net {
    /// IPv4.
    V4 {
        /// Address, masked.
        addr: u32,
        /// Mask.
        mask: u32,
    },
    /// IPv6.
    V6 {
        /// Address, masked.
        addr: Ipv6Addr,
        /// Mask.
        mask: Ipv6Addr,
    },
}

impl Net {
    /// Reads an address with an optional prefix length or mask.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (addr, mask) = text.split_once('/').map_or((text, None), |(addr, mask)| (addr, Some(mask)));
        match addr.parse::<IpAddr>().ok()? {
            IpAddr::V4(ip) => {
                let mask = match mask {
                    None => u32::MAX,
                    Some(mask) => match mask.parse::<u32>() {
                        Ok(len) if len <= 32 => u32::MAX.checked_shl(32 - len).unwrap_or(0),
                        Ok(_) => return None,
                        Err(_) => u32::from(mask.parse::<Ipv4Addr>().ok()?),
                    },
                };
                Some(Self::V4 { addr: u32::from(ip) & mask, mask })
            }
            IpAddr::V6(ip) => {
                let mask = match mask {
                    None => ALL,
                    Some(mask) => match mask.parse::<u32>() {
                        Ok(len) if len <= 128 => Ipv6Addr::from_bits(u128::MAX.checked_shl(128 - len).unwrap_or(0)),
                        Ok(_) => return None,
                        Err(_) => mask.parse().ok()?,
                    },
                };
                Some(Self::V6 { addr: ip & mask, mask })
            }
        }
    }

    /// Whether the address lies in it; never for the other family.
    #[must_use]
    pub fn contains(&self, ip: IpAddr) -> bool {
        match (*self, ip) {
            (Self::V4 { addr, mask }, IpAddr::V4(ip)) => u32::from(ip) & mask == addr,
            (Self::V6 { addr, mask }, IpAddr::V6(ip)) => ip & mask == addr,
            (Self::V4 { .. }, IpAddr::V6(_)) | (Self::V6 { .. }, IpAddr::V4(_)) => false,
        }
    }

    /// Whether it is of IPv4.
    #[must_use]
    pub const fn is_v4(&self) -> bool {
        matches!(self, Self::V4 { .. })
    }

    /// Its first address.
    #[must_use]
    pub fn network(&self) -> Option<IpAddr> {
        Some(match *self {
            Self::V4 { addr, .. } => IpAddr::V4(addr.into()),
            Self::V6 { addr, .. } => IpAddr::V6(addr),
        })
    }

    /// The one address that it is, if it is one.
    #[must_use]
    pub fn host(&self) -> Option<IpAddr> {
        match *self {
            Self::V4 { addr, mask: u32::MAX } => Some(IpAddr::V4(addr.into())),
            Self::V6 { addr, mask: ALL } => Some(IpAddr::V6(addr)),
            Self::V4 { .. } | Self::V6 { .. } => None,
        }
    }
}

/// `80`, `30000:32767`, `:1023`: ports from first to last, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ports {
    /// First.
    pub first: u16,
    /// Last.
    pub last: u16,
}

impl Ports {
    /// Reads `a`, `a:b`, `:b`, `a:` (and the same with `-`).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let Some((first, last)) = text.split_once([':', '-']) else {
            let port = text.parse().ok()?;
            return Some(Self { first: port, last: port });
        };
        let bound = |text: &str, default| if text.is_empty() { Some(default) } else { text.parse().ok() };
        Some(Self { first: bound(first, 0)?, last: bound(last, u16::MAX)? })
    }

    /// Whether the port lies in it.
    #[must_use]
    pub const fn contains(&self, port: u16) -> bool {
        self.first <= port && port <= self.last
    }
}

/// `10.0.0.1-10.0.0.9`: addresses from first to last, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct IpRange {
    /// First.
    pub first: IpAddr,
    /// Last.
    pub last: IpAddr,
}

impl IpRange {
    /// Reads `a-b` or `a`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let (first, last) = (first.parse::<IpAddr>().ok()?, last.parse::<IpAddr>().ok()?);
        (first.is_ipv4() == last.is_ipv4()).then_some(Self { first, last })
    }

    /// Whether the address lies in it; never for the other family.
    #[must_use]
    pub fn contains(&self, ip: IpAddr) -> bool {
        self.first.is_ipv4() == ip.is_ipv4() && self.first <= ip && ip <= self.last
    }
}

/// Reads `0x4000`, `16384`.
#[must_use]
pub fn number(text: &str) -> Option<u32> {
    match text.strip_prefix("0x").or(text.strip_prefix("0X")) {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

/// Reads `0x4000/0x4000`, `0x1`: a value and a mask, all bits when there is none.
#[must_use]
pub fn masked(text: &str) -> Option<(u32, u32)> {
    match text.split_once('/') {
        Some((value, mask)) => Some((number(value)?, number(mask)?)),
        None => Some((number(text)?, u32::MAX)),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[track_caller]
    fn case(net: &str, ip: &str, inside: bool) {
        assert_eq!(Net::parse(net).unwrap().contains(ip.parse().unwrap()), inside, "{net} {ip}");
    }

    #[test]
    fn nets() {
        case("10.244.0.0/16", "10.244.3.4", true);
        case("10.244.0.0/16", "10.245.3.4", false);
        case("0.0.0.0/0", "1.2.3.4", true);
        case("10.0.0.1/255.0.0.255", "10.9.9.1", true);
        case("10.0.0.1/255.0.0.255", "10.9.9.2", false);
        case("fd00:244::/56", "fd00:244:0:1::5", true);
        case("::/0", "fd00::1", true);
        case("0.0.0.0/0", "fd00::1", false);
        assert_eq!(Net::parse("10.0.0.0/33"), None);
        assert_eq!(Net::parse("example"), None);
    }

    #[test]
    fn ports() {
        assert!(Ports::parse("30000:32767").unwrap().contains(32767));
        assert!(!Ports::parse("30000:32767").unwrap().contains(29999));
        assert!(Ports::parse(":1023").unwrap().contains(0));
        assert_eq!(Ports::parse("http"), None);
        assert_eq!(masked("0x4000/0x0"), Some((0x4000, 0)));
        assert_eq!(masked("16384"), Some((0x4000, u32::MAX)));
    }
}
