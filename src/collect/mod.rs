//! All reading: the API, the nodes, bundles, pasted dumps. The only stage that does I/O.

pub mod bundle;
pub mod client;
pub mod complete;
pub mod config;
mod events;
mod lists;
pub mod live;
mod objects;
pub mod scope;
pub mod snapshot;
mod source;
pub use client::namespace;
pub use config::CollectConfig;
pub use live::{cleanup, collect, collect_all, manifest, settle};
