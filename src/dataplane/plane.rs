//! One node's dataplane: rules, sets, addresses, routes and switches, as one value that a packet can be sent through.

use std::net::IpAddr;
use std::sync::OnceLock;

use super::Loc;
use super::ebpf::{Agent, Sign};
use super::hooks::Hooks;
use super::iptables::ruleset::{Backend, Committed, Ruleset};
use super::iptables::{Body, Table};
pub use super::links::Family;
use crate::collect::snapshot::{Completeness, Dump, NodeDumps};

/// Names of the dumps that hold a family's rules, the usual tool first.
#[must_use]
pub const fn dumps_of(family: Family) -> [&'static str; 3] {
    match family {
        Family::V4 => ["iptables-save", "iptables-nft-save", "iptables-legacy-save"],
        Family::V6 => ["ip6tables-save", "ip6tables-nft-save", "ip6tables-legacy-save"],
    }
}

/// What one node's kernel holds.
#[derive(Debug)]
pub struct Plane<'snap> {
    /// Node name.
    pub node: &'snap str,
    /// The dumps it is read from.
    pub dumps: &'snap NodeDumps,
    /// Addresses, routes, policy rules.
    pub links: super::links::Links<'snap>,
    /// Kernel switches.
    pub sysctls: super::sysctl::Sysctls<'snap>,
    sets: OnceLock<super::ipset::Sets<'snap>>,
    /// What runs on the node and handles packets itself, as its pods tell.
    agents: Vec<Agent>,
    signs: OnceLock<Vec<Sign<'snap>>>,
    v4: OnceLock<Rules<'snap>>,
    v6: OnceLock<Rules<'snap>>,
}

/// The rules of one family.
#[derive(Debug, Default)]
pub struct Rules<'snap> {
    /// One for each backend that holds any.
    pub rulesets: Vec<Loaded<'snap>>,
    /// Base chains in running order.
    pub hooks: Hooks<'snap>,
    /// What is not whole, in words: each makes every outcome depend on it.
    pub doubts: Vec<String>,
    /// Whether any dump of this family was read.
    pub read: Read,
}

/// Whether something was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Read {
    /// It was.
    Yes,
    /// It was not.
    #[default]
    No,
}

/// A ruleset and the text it is of.
#[derive(Debug)]
pub struct Loaded<'snap> {
    /// Its index.
    pub ruleset: Ruleset<'snap>,
    /// The dump.
    pub text: &'snap str,
}

impl<'snap> Loaded<'snap> {
    /// The rules of a chain of this ruleset.
    #[must_use]
    pub fn body(&self, table: usize, chain: usize) -> Option<&Body<'snap>> {
        Some(self.ruleset.tables.get(table)?.chains.get(chain)?.body(self.ruleset.dump, self.text))
    }

    /// The rules of a chain by name.
    #[must_use]
    pub fn body_of(&self, table: &str, chain: &str) -> Option<&Body<'snap>> {
        Some(self.ruleset.table(table)?.chain(chain)?.body(self.ruleset.dump, self.text))
    }

    /// The table of this name.
    #[must_use]
    pub fn table(&self, name: &str) -> Option<&Table<'snap>> {
        self.ruleset.table(name)
    }
}

impl<'snap> Plane<'snap> {
    /// Reads a node's dumps. `addresses` are the node's own as its Node object gives them, for input without `ip addr`.
    #[must_use]
    pub fn new(node: &'snap str, dumps: &'snap NodeDumps, addresses: &[IpAddr]) -> Self {
        Self {
            node,
            dumps,
            links: super::links::Links::read(dumps, addresses),
            sysctls: super::sysctl::Sysctls::read(dumps),
            sets: OnceLock::new(),
            agents: Vec::new(),
            signs: OnceLock::new(),
            v4: OnceLock::new(),
            v6: OnceLock::new(),
        }
    }

    /// The same, with what the pods of the node tell of agents that handle packets themselves.
    #[must_use]
    pub fn with_agents(mut self, agents: Vec<Agent>) -> Self {
        self.agents = agents;
        self
    }

    /// Signs of what acts before netfilter or beside it.
    pub fn signs(&self) -> &[Sign<'snap>] {
        self.signs.get_or_init(|| {
            let mut signs = super::ebpf::signs(&self.links, self.dumps);
            for agent in &self.agents {
                if !signs.iter().any(|sign| sign.agent == *agent) {
                    signs.push(Sign { agent: *agent, interface: None, at: None });
                }
            }
            signs
        })
    }

    /// The rules of a family, read once.
    pub fn rules(&self, family: Family) -> &Rules<'snap> {
        let cell = match family {
            Family::V4 => &self.v4,
            Family::V6 => &self.v6,
        };
        cell.get_or_init(|| Rules::read(self.dumps, family))
    }

    /// What is taken for granted of a family because it is not in the input, in words.
    #[must_use]
    pub fn assumed(&self, family: Family) -> Vec<String> {
        let other = match family {
            Family::V4 => Family::V6,
            Family::V6 => Family::V4,
        };
        let of_links = self.links.assumed().iter().filter(|said| !said.contains(other.as_str())).cloned();
        of_links.chain(self.sysctls.assumed(family).map(Into::into)).collect()
    }

    /// The ipsets, read once.
    pub fn sets(&self) -> &super::ipset::Sets<'snap> {
        self.sets.get_or_init(|| super::ipset::Sets::read(self.dumps))
    }
}

impl<'snap> Rules<'snap> {
    fn read(dumps: &'snap NodeDumps, family: Family) -> Self {
        let mut rules = Self::default();
        for name in dumps_of(family) {
            let Some((name, dump)) = dumps.dumps.get_key_value(name) else {
                continue;
            };
            if dump.exit.is_some_and(|exit| exit != 0) && dump.text.trim().is_empty() {
                continue;
            }
            // An empty dump of the legacy tool says nothing of where rules are today.
            if !name.contains("legacy") || !dump.text.trim().is_empty() {
                rules.read = Read::Yes;
            }
            rules.add(name, dump, family);
        }
        let [usual, nft, legacy] = dumps_of(family).map(|name| dumps.dumps.contains_key(name));
        if legacy && !usual && !nft && rules.read == Read::Yes {
            rules.doubts.push("the rules of the nft backend were not read".into());
        }
        for (place, loaded) in rules.rulesets.iter().enumerate() {
            rules.hooks.add_iptables(place, &loaded.ruleset);
        }
        if let Some(hidden) = super::nft::xtables::xtables_rules(dumps, family)
            && rules.read == Read::Yes
            && rules.backend(Backend::Nft).is_none()
        {
            let line = hidden.first.line;
            rules.doubts.push(format!(
                "{}:{line} shows rules of iptables-nft that no dump of iptables-nft-save holds",
                hidden.first.dump
            ));
        }
        for nft in super::nft::outline::base_chains(dumps, family) {
            rules.hooks.add(
                nft.hook,
                super::hooks::BaseChain {
                    priority: nft.priority,
                    table: nft.table,
                    body: super::hooks::BaseBody::Nft(nft.at),
                },
            );
        }
        rules
    }

    fn add(&mut self, name: &'snap str, dump: &'snap Dump, family: Family) {
        let fragment = dump.complete == Completeness::Fragment;
        let ruleset = Ruleset::index(name, &dump.text, fragment.then(|| dump.table.as_deref().unwrap_or("nat")));
        if let Some(first) = ruleset.unread.first() {
            let (count, line) = (ruleset.unread.len(), first.line);
            let lines =
                if count == 1 { format!("line {line}") } else { format!("{count} lines, the first is line {line},") };
            self.doubts.push(format!("{name}: {lines} cannot be read and may be of rules"));
        }
        if ruleset.is_empty() {
            return;
        }
        let of_six = dump.text.starts_with("# Generated by ip6tables");
        if of_six != (family == Family::V6) && dump.text.starts_with("# Generated by ") {
            self.doubts.push(format!("{name} holds rules of the other address family"));
        }
        if dump.exit.is_some_and(|exit| exit != 0) {
            self.doubts.push(format!("the command of {name} failed on the way"));
        }
        // One store of rules may be printed under two names.
        let known = self
            .rulesets
            .iter()
            .any(|other| other.ruleset.backend == ruleset.backend && ruleset.backend != Backend::Unknown);
        if known {
            return;
        }
        match dump.complete {
            Completeness::Fragment => self.doubts.push(format!("{name} holds only some lines of the node's rules")),
            Completeness::Cut => self.doubts.push(format!("{name} is cut: what follows is not known")),
            Completeness::Unknown if ruleset.tables.iter().any(|table| table.committed == Committed::No) => {
                self.doubts.push(format!("{name} does not end as a whole dump does"));
            }
            Completeness::Whole | Completeness::Unknown => {}
        }
        self.rulesets.push(Loaded { ruleset, text: &dump.text });
    }

    /// The rule store of this backend.
    #[must_use]
    pub fn backend(&self, backend: Backend) -> Option<&Loaded<'snap>> {
        self.rulesets.iter().find(|loaded| loaded.ruleset.backend == backend)
    }
}

impl<'snap> Loaded<'snap> {
    /// The line that declares a chain, or its first rule.
    #[must_use]
    pub fn place_of(&self, table: &str, chain: &str) -> Option<Loc<'snap>> {
        let found = self.ruleset.table(table)?.chain(chain)?;
        found.declared(self.ruleset.dump).or_else(|| found.body(self.ruleset.dump, self.text).lines().first().copied())
    }
}
