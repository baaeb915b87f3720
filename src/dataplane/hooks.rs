//! Where rules hook into the kernel: base chains of all tables of both backends, in the order they run.
//! Priorities are those of Linux `include/uapi/linux/netfilter_ipv4.h` (NF_IP_PRI_*).

use super::Loc;
use super::iptables::ruleset::Ruleset;
use super::nft::Tables;
use super::nft::base::Policy;
use super::plane::Family;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    /// IPVS, which is no table.
    Ipvs,
    /// A base chain of an nft table: places of table and chain.
    Nft {
        /// Place of the table in the plane.
        table: usize,
        /// Place of the chain in the table.
        chain: usize,
        /// What it may do.
        kind: Kind,
    },
    /// What makes a base chain one cannot be read.
    Unread(Loc<'snap>),
}

/// What a base chain may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Pass, drop, mark.
    Filter,
    /// Translate addresses, of the first packet of a connection.
    Nat,
    /// Filter, and have what is made here routed anew (Linux `nft_chain_route.c`).
    Route,
}

impl BaseChain<'_> {
    /// Whether it translates addresses.
    #[must_use]
    pub fn is_nat(&self) -> bool {
        match self.body {
            BaseBody::Iptables { .. } | BaseBody::Presumed { .. } => self.table == "nat",
            BaseBody::Nft { kind, .. } => kind == Kind::Nat,
            BaseBody::Unread(_) | BaseBody::Ipvs => false,
        }
    }

    /// When it runs: all chains of type nat run where the kernel's own translation hooks, in the order of their
    /// priorities among themselves (Linux 4.18 and later, `nf_nat_core.c` nf_nat_register_fn, nf_nat_inet_fn).
    fn order(&self, hook: Hook) -> (i32, i32) {
        match (self.is_nat(), hook) {
            (false, _) => (self.priority, i32::MIN),
            (true, Hook::Prerouting | Hook::Output) => (-100, self.priority),
            (true, Hook::Input | Hook::Forward | Hook::Postrouting) => (100, self.priority),
        }
    }
}

/// Where IPVS takes requests: behind the filter of INPUT, and behind the destination nat of OUTPUT
/// (Linux `net/netfilter/ipvs/ip_vs_core.c`, `ip_vs_ops4`: NF_IP_PRI_NAT_SRC - 1, NF_IP_PRI_NAT_DST + 2).
const IPVS: [(Hook, i32); 2] = [(Hook::Input, 99), (Hook::Output, -98)];

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

    /// Adds one. Chains of equal priority stay in the order they were added, but of nft's own tables the last made runs
    /// first (Linux `net/netfilter/core.c` nf_hook_entries_grow).
    pub fn add(&mut self, hook: Hook, chain: BaseChain<'snap>) {
        if let Some(chains) = self.chains.get_mut(hook as usize) {
            let own = |body| matches!(body, BaseBody::Nft { .. });
            let place = chains.partition_point(|other| {
                let (before, now) = (other.order(hook), chain.order(hook));
                before < now || (before == now && !(own(other.body) && own(chain.body)))
            });
            chains.insert(place, chain);
        }
    }

    /// Whether the same chains run in the same order.
    #[must_use]
    pub fn runs_like(&self, other: &Self) -> bool {
        let bodies = |hooks: &Self| -> Vec<Vec<BaseBody<'snap>>> {
            hooks.chains.iter().map(|chains| chains.iter().map(|chain| chain.body).collect()).collect()
        };
        bodies(self) == bodies(other)
    }

    /// Adds IPVS.
    pub fn add_ipvs(&mut self) {
        for (hook, priority) in IPVS {
            self.add(hook, BaseChain { priority, table: "ipvs", body: BaseBody::Ipvs });
        }
    }

    /// Adds the base chains of all native tables that see this family.
    pub fn add_nft(&mut self, tables: &Tables<'snap>, family: Family) {
        for (table_place, table) in tables.active().filter(|(_, table)| table.sees(family)) {
            for (place, chain) in table.chains.iter().enumerate() {
                let Some(base) = chain.base else { continue };
                let Some(hook) = Hook::ALL.into_iter().find(|hook| hook.as_str() == base.hook) else { continue };
                // A chain that holds nothing does nothing.
                if chain.is_empty() && base.policy == Policy::Accept {
                    continue;
                }
                let kind = match base.kind {
                    "filter" => Some(Kind::Filter),
                    "nat" => Some(Kind::Nat),
                    "route" => Some(Kind::Route),
                    _ => None,
                };
                let body = match (kind, base.priority) {
                    (Some(kind), Some(_)) => BaseBody::Nft { table: table_place, chain: place, kind },
                    (None, _) | (_, None) => BaseBody::Unread(base.at),
                };
                let priority = base.priority.unwrap_or(i32::MIN);
                self.add(hook, BaseChain { priority, table: table.title, body });
            }
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
