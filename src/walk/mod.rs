//! One packet, every way it can go, over the node's own rules. Knows only `dataplane`.

mod chains;
mod ends;
mod matches;
mod netfilter;
pub mod packet;
mod routing;
mod state;

pub use netfilter::walk;
