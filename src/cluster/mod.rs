//! What Kubernetes intends: Services, endpoints, and what kube-proxy should make of them on each node.
//! Knows nothing of what a node holds.

pub mod endpoints;
pub mod expectation;
pub mod index;
pub mod ingress;
pub mod labels;
pub mod names;
pub mod nearest;
pub mod network_policy;
pub mod nft_names;
pub mod node;
pub mod owners;
pub mod paths;
pub mod port;
pub mod readiness;
pub mod referrers;
pub mod resolve;
pub mod selector;
pub mod service;
pub mod service_links;
pub mod summary;
pub mod topology;
pub mod why_not;

pub use endpoints::{PortEndpoints, ServiceEndpoints};
pub use expectation::{Expectation, expectation};
pub use index::Index;
pub use node::NodeView;
pub use paths::{Client, PathSpec, paths};
pub use resolve::{Subject, resolve};
pub use service::{Family, PortView, ServiceView};
pub use summary::summarize;
