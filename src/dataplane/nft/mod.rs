//! nftables' own tables.

pub mod outline;
