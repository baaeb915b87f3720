//! All reading: the API, the nodes, bundles, pasted dumps. The only stage that does I/O.

mod agent_binary;
mod agent_pod;
pub mod allow;
mod allow_dns;
pub mod api;
mod archive;
pub mod bundle;
pub mod client;
mod cluster_dns;
pub mod companions;
pub mod complete;
pub mod config;
pub mod connect;
pub mod controllers;
pub mod debug_pod;
pub mod dns;
pub mod dns_names;
mod dry_run;
pub mod dumps;
mod events;
pub mod exec;
mod fit;
mod from;
pub mod image;
mod ingress;
pub mod interrupt;
pub mod last_resort;
mod lists;
pub mod live;
pub mod local;
mod lookup;
pub mod manifest;
pub mod names;
pub mod node;
pub mod nodes;
mod objects;
pub mod pasted;
pub mod proof;
pub mod refusal;
pub mod requests;
pub mod rights;
pub mod sample;
mod save;
pub mod scope;
pub mod script;
pub mod snapshot;
mod source;
pub mod sweep;
mod wider;

pub use client::namespace;
pub use config::CollectConfig;
pub use dry_run::manifest;
pub use live::{cleanup, collect, collect_all, collect_check, settle, settle_check};
pub use save::{is_free, may_write, save};

/// 64 bits that nobody can guess, as 16 hexadecimal digits: names and frames are made of them.
fn random_hex() -> String {
    use std::hash::{BuildHasher, Hasher, RandomState};
    // the system's own randomness seeds it (std `RandomState`)
    format!("{:016x}", RandomState::new().build_hasher().finish())
}
