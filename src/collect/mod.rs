//! All reading: the API, the nodes, bundles, pasted dumps. The only stage that does I/O.

pub mod client;
pub mod config;
pub mod live;
pub mod snapshot;

pub use client::namespace;
pub use config::CollectConfig;
pub use live::{cleanup, collect, collect_all, manifest, settle};
