//! What one node's kernel holds, read from its dumps and borrowed from them. Knows nothing of Kubernetes objects.

pub mod ebpf;
pub mod hooks;
pub mod ipset;
pub mod iptables;
pub mod ipvs;
pub mod links;
pub mod nft;
pub mod plane;
mod reach;
pub mod sysctl;
pub mod tc;
pub mod tri;

pub use tri::Tri;

/// A place in a dump.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loc<'snap> {
    /// Dump name, `iptables-save`.
    pub dump: &'snap str,
    /// Line, from 1.
    pub line: u32,
    /// The line as it stands there, without counters.
    pub text: &'snap str,
}

/// So much of a line is shown; no tool prints a rule that is longer.
const SHOWN: usize = 1024;

impl<'snap> Loc<'snap> {
    /// The text, cut where it is longer than any line that the tools print.
    #[must_use]
    pub fn shown(&self) -> &'snap str {
        let whole = (0..=SHOWN).rev().find_map(|end| self.text.get(..end));
        if self.text.len() <= SHOWN { self.text } else { whole.unwrap_or_default() }
    }
}
