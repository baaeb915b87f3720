//! What the cluster's DNS is set up to do, from objects and configuration text alone: which records there should be,
//! how a client makes queries of a name, what a Corefile and a resolv.conf say. Asks nobody.

pub mod corefile;
pub mod domain;
pub mod logs;
pub mod missing;
pub mod name;
pub mod resolv_conf;
pub mod search;
pub mod server;
pub mod zone;

pub use corefile::Corefile;
pub use domain::Domain;
pub use resolv_conf::ResolvConf;
pub use server::DnsService;
pub use zone::{Entry, Meaning, Zone};
