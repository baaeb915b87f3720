//! nftables' own tables.

pub mod outline;
pub mod xtables;
