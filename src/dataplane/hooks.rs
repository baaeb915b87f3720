//! Where rules hook into the kernel: base chains of all tables of both backends, in the order they run.
//! Priorities are those of Linux `include/uapi/linux/netfilter_ipv4.h` (NF_IP_PRI_*).

use super::Loc;
use super::iptables::ruleset::Ruleset;

/// A netfilter hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hook {
    /// Just arrived.
    Prerouting,
    /// For this node.
    Input,
    /// Passing through.
    Forward,
    /// Made by this node.
    Output,
    /// About to leave.
    Postrouting,
}

impl Hook {
    /// All five.
    pub const ALL: [Self; 5] = [Self::Prerouting, Self::Input, Self::Forward, Self::Output, Self::Postrouting];

    /// `prerouting`
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Prerouting => "prerouting",
            Self::Input => "input",
            Self::Forward => "forward",
            Self::Output => "output",
            Self::Postrouting => "postrouting",
        }
    }

    /// `PREROUTING`: the builtin chain of iptables.
    #[must_use]
    pub const fn chain(self) -> &'static str {
        match self {
            Self::Prerouting => "PREROUTING",
            Self::Input => "INPUT",
            Self::Forward => "FORWARD",
            Self::Output => "OUTPUT",
            Self::Postrouting => "POSTROUTING",
        }
    }
}

/// A chain that a hook enters.
#[derive(Debug, Clone, Copy)]
pub struct BaseChain<'snap> {
    /// Lower runs first.
    pub priority: i32,
    /// `nat`, or family and name of an nft table.
    pub table: &'snap str,
    /// What it holds.
    pub body: BaseBody<'snap>,
}

/// What a base chain holds.
#[derive(Debug, Clone, Copy)]
pub enum BaseBody<'snap> {
    /// A builtin chain of iptables: places of ruleset, table and chain.
    Iptables {
        /// Place of the ruleset in the plane.
        ruleset: usize,
        /// Place of the table in the ruleset.
        table: usize,
        /// Place of the chain in the table.
        chain: usize,
    },
    /// A table of which only pasted rules are known: whether the hook leads to this chain is not in the input.
    Presumed {
        /// Place of the ruleset in the plane.
        ruleset: usize,
        /// Place of the table in the ruleset.
        table: usize,
        /// Place of the chain in the table.
        chain: usize,
    },
    /// A base chain of an nft table, which is not walked.
    Nft(Loc<'snap>),
}

/// Base chains of all hooks, in running order.
#[derive(Debug, Default)]
pub struct Hooks<'snap> {
    chains: [Vec<BaseChain<'snap>>; 5],
}

impl<'snap> Hooks<'snap> {
    /// The base chains of a hook, first to last.
    #[must_use]
    pub fn at(&self, hook: Hook) -> &[BaseChain<'snap>] {
        self.chains.get(hook as usize).map_or(&[], Vec::as_slice)
    }

    /// Adds one; chains of equal priority stay in the order they were added.
    pub fn add(&mut self, hook: Hook, chain: BaseChain<'snap>) {
        if let Some(chains) = self.chains.get_mut(hook as usize) {
            let place = chains.partition_point(|other| other.priority <= chain.priority);
            chains.insert(place, chain);
        }
    }

    /// Adds the builtin chains of all tables of a ruleset.
    pub fn add_iptables(&mut self, place: usize, ruleset: &Ruleset<'snap>) {
        for (table_place, table) in ruleset.tables.iter().enumerate() {
            for hook in Hook::ALL {
                let Some(priority) = priority(table.name, hook) else {
                    continue;
                };
                let body = if let Some(chain) = table.index_of(hook.chain()) {
                    BaseBody::Iptables { ruleset: place, table: table_place, chain }
                } else if let Some(chain) = presumed(table.name, hook).and_then(|name| table.index_of(name)) {
                    BaseBody::Presumed { ruleset: place, table: table_place, chain }
                } else {
                    continue;
                };
                self.add(hook, BaseChain { priority, table: table.name, body });
            }
        }
    }
}

/// Where a table hooks, and how early.
fn priority(table: &str, hook: Hook) -> Option<i32> {
    use Hook::{Forward, Input, Output, Postrouting, Prerouting};
    match (table, hook) {
        ("raw", Prerouting | Output) => Some(-300),
        ("mangle", _) => Some(-150),
        ("nat", Prerouting | Output) => Some(-100),
        ("filter", Input | Forward | Output) => Some(0),
        ("security", Input | Forward | Output) => Some(50),
        ("nat", Input | Postrouting) => Some(100),
        _ => None,
    }
}

/// The chain that kube-proxy hangs into a builtin one (kube-proxy 1.14 to 1.36, `iptablesJumpChains`).
fn presumed(table: &str, hook: Hook) -> Option<&'static str> {
    match (table, hook) {
        ("nat", Hook::Prerouting | Hook::Output) => Some("KUBE-SERVICES"),
        ("nat", Hook::Postrouting) => Some("KUBE-POSTROUTING"),
        _ => None,
    }
}
