//! `iptables-save` and its kin: one reader for both backends and both families, with types for what a rule says.
//! Reads only; what a rule does to a packet is `walk/`.

pub mod body;
pub mod net;
mod option;
mod parse;
mod parse_match;
mod parse_target;
pub mod plain;
pub mod rule;
pub mod ruleset;
mod token;

pub use body::{Body, Unread};
pub use parse::parse_rule;
pub use plain::{PlainRule, PlainTarget, PlainTest};
pub use rule::{Match, Not, Recent, RecentAction, Rule, Side, Target, Test};
pub use ruleset::{Chain, Ruleset, Table};
