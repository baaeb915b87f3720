//! Where does this Kubernetes Service go on this node, and why.
//!
//! A Service is a promise (objects in the API). A node's kernel holds what became of it. svc-trace reads both,
//! sends a simulated packet through the kernel's copy, and says hop by hop where it goes, with the line that sends
//! it there; where promise and kernel disagree, that is a finding.
//!
//! ```text
//! argv ─cli→ Config ─collect→ Snapshot ─┬─ cluster/   what Kubernetes intends    → Expectation ─┐
//!                       │    ▲          └─ dataplane/ what the node's kernel holds → Plane       │
//!                     save  load                         │ walk/: one packet, every way it can go
//!                       ▼    │                           ▼                                       ▼
//!                      bundle                         Outcomes ───────── diagnose/ ─────────→ Report ─render→ stdout
//! ```

pub mod cli;
pub mod cluster;
pub mod collect;
pub mod complete;
pub mod config;
pub mod dataplane;
pub mod demo;
pub mod diagnose;
pub mod error;
pub mod explain;
pub mod query;
pub mod render;
pub mod report;
pub mod run;
pub mod sugar;
pub mod walk;

pub use diagnose::{PacketQuery, analyze, packet};
pub use error::{Error, Result};
