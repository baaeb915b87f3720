//! One node's dataplane: rules, sets, addresses, routes and switches, as one value that a packet can be sent through.

use std::net::IpAddr;
use std::sync::OnceLock;

use super::Loc;
use super::ebpf::{Above, Agent, Sign};
use super::hooks::Hooks;
use super::iptables::ruleset::{Backend, Committed, Ruleset};
use super::iptables::{Body, Table};
pub use super::links::Family;
use crate::collect::pasted::listing::{COMMAND, NO_INTERFACES};
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
    ipvs: OnceLock<super::ipvs::Ipvs<'snap>>,
    /// What runs on the node and handles packets itself, as its pods tell.
    agents: Vec<Agent>,
    signs: OnceLock<Vec<Sign<'snap>>>,
    nft: OnceLock<super::nft::Tables<'snap>>,
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
    /// The same with the stores of rules the other way round, where two hook in at the same priority: the one that came
    /// last runs first, and which that was no dump tells (Linux net/netfilter/core.c `nf_hook_entries_grow`).
    pub other_order: Option<Hooks<'snap>>,
    /// What is not whole, in words: each makes every outcome depend on it.
    pub doubts: Vec<String>,
    /// Whether its rules come from a listing that shows no interfaces.
    pub interfaces: Shown,
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

/// Whether rules show the interfaces that they are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shown {
    /// They do.
    #[default]
    Yes,
    /// They may be for fewer packets than it seems.
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
        let mut links = super::links::Links::read(dumps, addresses);
        let ipvs = OnceLock::new();
        for family in [Family::V4, Family::V6] {
            if !links.lacks_addresses(family) {
                continue;
            }
            let read = ipvs.get_or_init(|| super::ipvs::Ipvs::read(dumps));
            let served = read.keys().filter_map(|key| match key {
                super::ipvs::Key::Address(_, to) => Some(to.ip()),
                super::ipvs::Key::Mark(..) => None,
            });
            links.assume_bound(family, served.filter(|ip| Family::of(*ip) == family).collect());
        }
        Self {
            node,
            dumps,
            links,
            sysctls: super::sysctl::Sysctls::read(dumps),
            sets: OnceLock::new(),
            ipvs,
            agents: Vec::new(),
            signs: OnceLock::new(),
            nft: OnceLock::new(),
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
            let mut signs = super::ebpf::signs(&self.links, &super::tc::filters(self.dumps), self.nft());
            for agent in &self.agents {
                if !signs.iter().any(|sign| sign.agent == *agent) {
                    signs.push(Sign { agent: *agent, interface: None, above: Above::Known(Vec::new()), at: None });
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
        cell.get_or_init(|| {
            let mut rules = Rules::read(self.dumps, self.nft(), family);
            let ipvs = self.ipvs();
            if if ipvs.was_read() { !ipvs.is_empty() } else { self.links.has_ipvs() || rules.are_for_ipvs() } {
                rules.hooks.add_ipvs();
                if let Some(other) = &mut rules.other_order {
                    other.add_ipvs();
                }
            }
            rules
        })
    }

    /// The virtual servers of IPVS, read once.
    pub fn ipvs(&self) -> &super::ipvs::Ipvs<'snap> {
        self.ipvs.get_or_init(|| super::ipvs::Ipvs::read(self.dumps))
    }

    /// The native tables of nftables, read once.
    pub fn nft(&self) -> &super::nft::Tables<'snap> {
        self.nft.get_or_init(|| super::nft::read(self.dumps))
    }

    /// What is taken for granted of a family because it is not in the input, in words.
    #[must_use]
    pub fn assumed(&self, family: Family) -> Vec<String> {
        let other = match family {
            Family::V4 => Family::V6,
            Family::V6 => Family::V4,
        };
        let of_links = self.links.assumed().iter().filter(|said| !said.contains(other.as_str())).cloned();
        let of_ipvs = (!self.ipvs().is_empty() && self.ipvs().was_read() && self.sysctls.ipvs_conntrack().is_none())
            .then(|| "IPVS keeps connections for masquerading (net.ipv4.vs.conntrack was not read)".to_owned());
        let listed = |name: &&str| self.dumps.dumps.get(*name).is_some_and(|dump| dump.argv == COMMAND);
        let of_listing = dumps_of(family)
            .iter()
            .find(|name| listed(name))
            .map(|_| format!("rules of the {} listing are quoted as `iptables -S` prints them", family.as_str()));
        of_links.chain(of_listing).chain(self.sysctls.assumed(family).map(Into::into)).chain(of_ipvs).collect()
    }

    /// The ipsets, read once.
    pub fn sets(&self) -> &super::ipset::Sets<'snap> {
        self.sets.get_or_init(|| super::ipset::Sets::read(self.dumps))
    }
}

impl<'snap> Rules<'snap> {
    fn read(dumps: &'snap NodeDumps, nft: &super::nft::Tables<'snap>, family: Family) -> Self {
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
        let [usual, by_name, legacy] = dumps_of(family).map(|name| dumps.dumps.contains_key(name));
        if legacy && !usual && !by_name && rules.read == Read::Yes {
            rules.doubts.push("the rules of the nft backend were not read".into());
        }
        for (place, loaded) in rules.rulesets.iter().enumerate() {
            rules.hooks.add_iptables(place, &loaded.ruleset);
        }
        if let Some(hidden) = super::nft::xtables::xtables_rules(nft, family)
            && rules.read == Read::Yes
            && rules.backend(Backend::Nft).is_none()
        {
            let line = hidden.first.line;
            rules.doubts.push(format!(
                "{}:{line} shows rules of iptables-nft that no dump of iptables-nft-save holds",
                hidden.first.dump
            ));
        }
        let mut other = Hooks::default();
        other.add_nft(nft, family);
        for (place, loaded) in rules.rulesets.iter().enumerate().rev() {
            other.add_iptables(place, &loaded.ruleset);
        }
        rules.add_nft(dumps, nft, family);
        rules.other_order = (!other.runs_like(&rules.hooks)).then_some(other);
        rules
    }

    fn add_nft(&mut self, dumps: &'snap NodeDumps, nft: &super::nft::Tables<'snap>, family: Family) {
        self.hooks.add_nft(nft, family);
        if nft.active().any(|(_, table)| table.sees(family)) {
            self.read = Read::Yes;
        }
        if nft.tables.is_empty() {
            return;
        }
        if let Some(first) = nft.unread.first() {
            self.doubts.push(format!("{}: line {} stands in no table", first.dump, first.line));
        }
        let name = super::nft::DUMP;
        let open = nft.tables.iter().any(|table| table.end == super::nft::ruleset::End::Missing);
        match dumps.dumps.get(name).map(|dump| dump.complete) {
            Some(Completeness::Fragment) => {
                self.doubts.push(format!("{name} holds only some lines of the node's rules"));
            }
            Some(Completeness::Cut) => self.doubts.push(format!("{name} is cut: what follows is not known")),
            Some(Completeness::Whole | Completeness::Unknown) | None if open => {
                self.doubts.push(format!("{name} does not end as a whole dump does"));
            }
            Some(Completeness::Whole | Completeness::Unknown) | None => {}
        }
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
        if fragment && dump.text.contains(NO_INTERFACES) {
            self.interfaces = Shown::No;
            self.doubts.push("`iptables -L` without -v does not show which interfaces a rule is for".into());
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

    /// On which condition what was found holds, where there are doubts.
    #[must_use]
    pub const fn condition(&self) -> &'static str {
        match self.interfaces {
            Shown::Yes => "if the lines that are not here change nothing",
            Shown::No => "if the lines that are not here change nothing and no rule is for one interface only",
        }
    }

    /// Whether there are chains that kube-proxy makes for IPVS alone.
    #[must_use]
    pub fn are_for_ipvs(&self) -> bool {
        let chains = [("filter", "KUBE-IPVS-FILTER"), ("filter", "KUBE-IPVS-OUT-FILTER"), ("nat", "KUBE-NODE-PORT")];
        let has = |(table, chain)| self.rulesets.iter().any(|loaded| loaded.place_of(table, chain).is_some());
        chains.into_iter().any(has)
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
        let table = self.ruleset.table(table)?;
        let found = table.chain(chain)?;
        found.declared(table).or_else(|| found.body(self.ruleset.dump, self.text).lines().next())
    }
}
