//! What one node's kernel holds, read from its dumps and borrowed from them. Knows nothing of Kubernetes objects.

pub mod ebpf;
pub mod hooks;
pub mod ipset;
pub mod iptables;
pub mod links;
pub mod nft;
pub mod plane;
mod reach;
pub mod sysctl;
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
