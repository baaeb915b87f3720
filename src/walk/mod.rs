//! One packet, every way it can go, over the node's own rules. Knows only `dataplane`.

mod addresses;
mod admission;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::format_push_string, reason = "tests")]
mod cases;
mod chains;

mod ends;
mod entered;
mod fan;
mod ipvs;
mod kept;
mod matches;
mod nat;
mod netfilter;
mod nft;
pub mod packet;
mod routing;
mod state;

pub use netfilter::{Ends, walk};
