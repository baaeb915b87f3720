//! All reading: the API, the nodes, bundles, pasted dumps. The only stage that does I/O.

mod archive;
pub mod bundle;
pub mod client;
pub mod complete;
pub mod config;
pub mod debug_pod;
pub mod dumps;
mod events;
pub mod exec;
pub mod image;
mod lists;
pub mod live;
pub mod manifest;
mod objects;
pub mod pasted;
pub mod refusal;
mod save;
pub mod scope;
pub mod script;
pub mod snapshot;
mod source;
pub use client::namespace;
pub use config::CollectConfig;
pub use live::{cleanup, collect, collect_all, manifest, settle};

/// 64 bits that nobody can guess, as 16 hexadecimal digits: names and frames are made of them.
fn random_hex() -> String {
    use std::hash::{BuildHasher, Hasher, RandomState};
    // the system's own randomness seeds it (std `RandomState`)
    format!("{:016x}", RandomState::new().build_hasher().finish())
}
pub use save::save;
