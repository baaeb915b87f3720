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
//!
//! # Invariants
//!
//! - [`analyze`] is a function of its arguments: no clock, no environment, no I/O. Only `collect/` reads, only
//!   `main.rs` touches the terminal and the exit code. Live, `--bundle`, `--node-dump` and tests take one path.
//! - No stage imports a later one. `cluster/` and `dataplane/` do not know each other, `walk/` knows only `dataplane/`,
//!   `render/` only [`report::Report`].
//! - What is not understood is `Unknown` and is carried on. A rule that may or may not match is followed both ways to
//!   the end: if the ends are alike it does not matter, else the path is undecided and names the rule.
//! - What was not read is never "none": a dump that is cut, hidden behind another tool or of the other family makes the
//!   outcome depend on it. Missing objects make no promise.
//! - Rules are judged by what they do. Names such as `KUBE-SVC-…` give words, and tie a chain to its Service by hash.
//!
//! # Vocabulary
//!
//! **plane** a node's dataplane · **snapshot** all that was read · **path** a client place and an address · **outcome** one
//! way a packet can go · **disposition** how it ends · **expectation** what the objects promise · **finding** the cluster
//! is wrong · **gap** we could not look · **issue** a line we could not read · **probe** a question that was put to a
//! DNS server from inside the cluster (`agent/` puts it), and what came back · **connection** one that the agent made to an
//! address of which the walk says "delivered", and what it met with.
//!
//! # Where the code found the first design wrong
//!
//! - A question about a Service, node or pod that is not there is an error (exit 2), so `analyze` returns a `Result`.
//! - An undecidable rule gives one outcome `indeterminate` that keeps the share, and behind it the ends of both ways with
//!   their condition in `when` and no share: so shares still sum to a million, and nothing undecided reads "delivered".
//! - `untouched` is judged by the destination alone: a packet whose source was replaced by somebody's masquerade, and
//!   whose destination was not, has reached no Service.
//! - All `nat` chains of a hook, of both rule languages, run inside one dispatcher at a fixed priority; their own orders
//!   them among themselves only (Linux `nf_nat_proto.c`). Where two stores may come first, both orders are walked.
//! - IPVS is a base chain of its own at INPUT and OUTPUT, behind the filter; what it sends on starts OUTPUT anew.
//! - A check is `analyze` for many Services with one [`report::Report`]: planes are read once, suites and baselines are the
//!   gate's.
//! - A check asks where packets end and not how they come there: [`walk::Ends`] keeps what was asked of a packet's addresses
//!   on its way, and the next one that answers all of it alike ends as that one did. `tests/ends.rs` holds both against
//!   each other.
//! - OUTPUT sees the outgoing interface of before its own translation, as in the kernel; routing after it sees the new.

pub mod agent;
pub mod cli;
pub mod cluster;
pub mod collect;
pub mod complete;
pub mod config;
pub mod dataplane;
pub mod demo;
pub mod diagnose;
pub mod dns;
pub mod error;
pub mod explain;
pub mod gate;
pub mod job;
mod order;
pub mod probe;
pub mod query;
pub mod render;
pub mod report;
pub mod run;
pub mod sugar;
pub mod walk;
mod yaml;

pub use diagnose::{CheckQuery, PacketQuery, analyze, analyze_check, dns::analyze as analyze_dns, packet};
pub use error::{Error, Result};
