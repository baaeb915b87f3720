//! Base chains of native nftables tables, as far as needed to know that they are there.

use crate::collect::snapshot::NodeDumps;
use crate::dataplane::Loc;
use crate::dataplane::hooks::Hook;
use crate::dataplane::plane::Family;

/// A base chain that may decide.
#[derive(Debug, Clone, Copy)]
pub struct NftBase<'snap> {
    /// Where it hooks.
    pub hook: Hook,
    /// How early.
    pub priority: i32,
    /// `inet firewalld`.
    pub table: &'snap str,
    /// Where it stands.
    pub at: Loc<'snap>,
}

/// Base chains of native tables that a packet of this family passes and that can decide over it.
#[must_use]
pub fn base_chains(_: &NodeDumps, _: Family) -> Vec<NftBase<'_>> {
    Vec::new()
}

/// Where kube-proxy's own table stands, and whether it holds any Service.
#[must_use]
pub fn kube_proxy_table(dumps: &NodeDumps) -> Option<(bool, Loc<'_>)> {
    let (name, dump) = dumps.dumps.get_key_value("nft-ruleset")?;
    let at = dump.text.lines().zip(1..).find(|(line, _)| line.starts_with("table ip kube-proxy") || line.starts_with("table ip6 kube-proxy"));
    at.map(|(text, line)| (dump.text.contains("service-ips"), Loc { dump: name, line, text }))
}
