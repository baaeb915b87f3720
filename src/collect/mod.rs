//! All reading: the API, the nodes, bundles, pasted dumps. The only stage that does I/O.

pub mod snapshot;
