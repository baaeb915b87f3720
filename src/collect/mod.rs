//! All reading: the API, the nodes, bundles, pasted dumps. The only stage that does I/O.

pub mod allow;
pub mod api;
mod archive;
pub mod bundle;
pub mod client;
pub mod companions;
pub mod complete;
pub mod config;
pub mod debug_pod;
pub mod dumps;
mod events;
pub mod exec;
mod from;
pub mod image;
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
mod save;
pub mod scope;
pub mod script;
pub mod snapshot;
mod source;
pub mod sweep;

pub use client::namespace;
pub use config::CollectConfig;
pub use live::{cleanup, collect, collect_all, manifest, settle};
pub use save::save;

/// 64 bits that nobody can guess, as 16 hexadecimal digits: names and frames are made of them.
fn random_hex() -> String {
    use std::hash::{BuildHasher, Hasher, RandomState};
    // the system's own randomness seeds it (std `RandomState`)
    format!("{:016x}", RandomState::new().build_hasher().finish())
}
