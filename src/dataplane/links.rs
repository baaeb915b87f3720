//! Addresses, interfaces, routes and policy rules of one node, and the questions that a packet asks of them. Says
//! what was assumed where a dump is missing. Decides no packet's fate; that is `walk/routing.rs`.

mod addresses;
mod json;
mod kind;
mod lookup;
mod proc;
mod routes;
mod rules;
mod source;

use std::net::IpAddr;

use rustc_hash::FxHashSet;

use crate::collect::snapshot::{Completeness, Dump, NodeDumps};
use crate::dataplane::Tri;

pub use addresses::{Address, Interface, Scope, Standing};
pub(crate) use json::Json;
pub use kind::{AddrType, Limit};
pub use lookup::{Lookup, Route};
pub use routes::{Family, NextHop, RouteEntry, RouteKind};
pub use rules::{Ingress, RouteKey};
pub use source::Source;

use lookup::{Routing, Rules};

/// What one node knows beside its rules.
#[derive(Debug, Clone)]
pub struct Links<'snap> {
    interfaces: Vec<Interface<'snap>>,
    /// Addresses whose interface is not known: of Node objects, or of `/proc`.
    loose: Vec<IpAddr>,
    /// Every address of the node that is known.
    held: FxHashSet<IpAddr>,
    knows_interfaces: Knows,
    v4: Routing<'snap>,
    v6: Routing<'snap>,
    assumed: Vec<String>,
    /// Addresses that the node is taken to hold because IPVS serves them.
    bound: FxHashSet<IpAddr>,
    issues: Vec<LinkIssue<'snap>>,
}

/// Where a list comes from, and how far it can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Knows {
    /// Read on the node.
    Read,
    /// Not read; what other objects tell is taken for all there is, and said.
    Assumed,
    /// Nothing is known.
    Nothing,
}

/// An entry of a dump that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkIssue<'snap> {
    /// Dump name, `ip-route`.
    pub dump: &'snap str,
    /// Line, from 1.
    pub line: u32,
    /// What is not understood.
    pub message: String,
}

/// A dump that says something: it was read, whether or not it is empty.
pub(crate) fn read_dump<'snap>(dumps: &'snap NodeDumps, name: &str) -> Option<(&'snap str, &'snap Dump)> {
    let (name, dump) = dumps.dumps.get_key_value(name)?;
    let failed = dump.exit.is_some_and(|exit| exit != 0) || (dump.exit.is_none() && dump.text.trim().is_empty());
    (!failed).then_some((name.as_str(), dump))
}

impl<'snap> Links<'snap> {
    /// Reads what the dumps of a node tell. `node_addresses` are those of the Node object: they count only where
    /// the node's own lists are missing.
    #[must_use]
    pub fn read(dumps: &'snap NodeDumps, node_addresses: &[IpAddr]) -> Self {
        let mut links = Self {
            interfaces: Vec::new(),
            loose: Vec::new(),
            held: FxHashSet::default(),
            knows_interfaces: Knows::Nothing,
            v4: Routing::default(),
            v6: Routing::default(),
            assumed: Vec::new(),
            bound: FxHashSet::default(),
            issues: Vec::new(),
        };
        if let Some(list) = links.json(dumps, "ip-addr") {
            links.interfaces = addresses::read_addr(&list);
            links.knows_interfaces = Knows::Read;
            links.v4.addresses = Knows::Read;
            links.v6.addresses = Knows::Read;
        }
        if let Some(list) = links.json(dumps, "ip-link") {
            addresses::add_links(&mut links.interfaces, &list);
        }
        links.read_routes(dumps);
        links.read_rules(dumps);
        proc::complete(&mut links, dumps);
        links.assume(node_addresses);
        links.held = links.addresses().map(|(ip, _)| ip).collect();
        links
    }

    fn json(&mut self, dumps: &'snap NodeDumps, name: &str) -> Option<Vec<Json<'snap>>> {
        let (name, dump) = read_dump(dumps, name)?;
        match Json::list(&dump.text) {
            Ok(list) if dump.complete != Completeness::Cut => Some(list),
            Ok(_) => {
                self.issue(name, 1, "the dump is cut");
                None
            }
            Err(error) => {
                self.issue(name, error.line(), &format!("not JSON as `ip -j` prints it: {error}"));
                None
            }
        }
    }

    fn issue(&mut self, dump: &'snap str, line: usize, message: &str) {
        self.issues.push(LinkIssue {
            dump,
            line: u32::try_from(line).unwrap_or(u32::MAX),
            message: message.to_owned(),
        });
    }

    fn read_routes(&mut self, dumps: &'snap NodeDumps) {
        let both = self.json(dumps, "ip-route");
        let six = self.json(dumps, "ip-route6");
        let has_six = |list: &Vec<Json<'snap>>| list.iter().any(|entry| routes::family_of(entry) == Some(Family::V6));
        // Without a family `ip route show table all` prints both.
        let six = six.or_else(|| both.clone().filter(has_six));
        for (name, list, family) in [("ip-route", both, Family::V4), ("ip-route6", six, Family::V6)] {
            let Some(list) = list else { continue };
            let read = routes::read_routes(&list, family);
            let unread = read.iter().filter(|route| route.is_none()).count();
            if unread > 0
                && let Some((name, _)) = read_dump(dumps, name)
            {
                self.issue(name, 1, &format!("{unread} routes are not understood"));
            }
            self.family_mut(family).set_routes(read.into_iter().flatten().collect(), unread);
        }
    }

    fn read_rules(&mut self, dumps: &'snap NodeDumps) {
        for (name, family) in [("ip-rule", Family::V4), ("ip-rule6", Family::V6)] {
            // No rules at all is what a family prints that is switched off.
            let Some(list) = self.json(dumps, name).filter(|list| !list.is_empty()) else { continue };
            let read = rules::read_rules(&list, family);
            let unread = read.iter().filter(|rule| rule.is_none()).count();
            self.family_mut(family).rules = if unread == 0 {
                Rules::Read(read.into_iter().flatten().collect())
            } else {
                if let Some((name, _)) = read_dump(dumps, name) {
                    self.issue(name, 1, &format!("{unread} policy rules are not understood"));
                }
                Rules::Unknown(format!("{unread} {} policy rules are not understood", family.as_str()))
            };
        }
    }

    /// Says in words what stands in for what was not read.
    fn assume(&mut self, node_addresses: &[IpAddr]) {
        let missing: Vec<_> =
            [Family::V4, Family::V6].into_iter().filter(|f| self.family(*f).addresses == Knows::Nothing).collect();
        let own: Vec<_> = node_addresses.iter().filter(|ip| missing.contains(&Family::of(**ip))).collect();
        if !own.is_empty() {
            for family in missing {
                self.family_mut(family).addresses = Knows::Assumed;
            }
            self.loose.extend(own.iter().copied());
            let list: Vec<_> = own.iter().map(ToString::to_string).collect();
            self.assumed.push(format!("the node's addresses are those of its Node object ({})", list.join(", ")));
        }
        for family in [Family::V4, Family::V6] {
            let name = family.as_str();
            let mut words = Vec::new();
            if self.family(family).lacks_local() {
                let held: Vec<_> = self.addresses().filter(|(ip, _)| Family::of(*ip) == family).collect();
                if self.family(family).addresses == Knows::Nothing {
                    // Which addresses are the node's is not known.
                    self.family_mut(family).lost += 1;
                } else if !held.is_empty() {
                    self.family_mut(family).fill_local(family, &held);
                    words.push(format!("{name} table local holds the node's addresses (it was not read)"));
                }
            }
            let routing = self.family(family);
            if routing.routes == Knows::Nothing {
                words.push(format!("every other {name} address has a route, by an interface that is not known"));
            } else if matches!(routing.rules, Rules::NotRead) {
                words.push(format!("{name} policy rules are the kernel's own (local, main, default)"));
            }
            if matches!(routing.rules, Rules::NotRead) {
                self.family_mut(family).rules = Rules::Read(rules::default_rules(family));
            }
            let starts =
                matches!(&self.family(family).rules, Rules::Read(list) if *list == rules::default_rules(family));
            self.family_mut(family).as_the_kernel_starts = starts;
            self.assumed.append(&mut words);
        }
    }

    /// Whether nothing of the node tells which addresses of a family it holds.
    pub(crate) fn lacks_addresses(&self, family: Family) -> bool {
        let routing = self.family(family);
        routing.addresses != Knows::Read && routing.routes == Knows::Nothing
    }

    /// Takes addresses that IPVS serves for addresses of the node: a packet to any other never comes to IPVS, so
    /// kube-proxy binds them (to kube-ipvs0).
    pub(crate) fn assume_bound(&mut self, family: Family, served: FxHashSet<IpAddr>) {
        if !served.is_empty() {
            let name = family.as_str();
            self.assumed
                .push(format!("the node holds the {name} addresses that IPVS serves (kube-ipvs0 was not read)"));
            self.bound.extend(served);
        }
    }

    pub(crate) const fn family(&self, family: Family) -> &Routing<'snap> {
        match family {
            Family::V4 => &self.v4,
            Family::V6 => &self.v6,
        }
    }

    const fn family_mut(&mut self, family: Family) -> &mut Routing<'snap> {
        match family {
            Family::V4 => &mut self.v4,
            Family::V6 => &mut self.v6,
        }
    }

    /// What was assumed because it was not in the input, in words.
    #[must_use]
    pub fn assumed(&self) -> &[String] {
        &self.assumed
    }

    /// Entries that could not be read.
    #[must_use]
    pub fn issues(&self) -> &[LinkIssue<'snap>] {
        &self.issues
    }

    /// Interfaces, in the kernel's order.
    #[must_use]
    pub fn interfaces(&self) -> &[Interface<'snap>] {
        &self.interfaces
    }

    /// An interface by its name.
    #[must_use]
    pub fn interface(&self, name: &str) -> Option<&Interface<'snap>> {
        self.interfaces.iter().find(|interface| interface.name == name)
    }

    /// Every address of the node that is known, with its interface where that is known too.
    pub fn addresses(&self) -> impl Iterator<Item = (IpAddr, Option<&'snap str>)> {
        let held = self.interfaces.iter().flat_map(|i| i.addresses.iter().map(|address| (address.ip, Some(i.name))));
        held.chain(self.loose.iter().map(|ip| (*ip, None)))
    }

    /// The interface that kube-proxy binds the addresses of Services to, for IPVS.
    pub const IPVS: &'static str = "kube-ipvs0";

    /// Whether the node has it.
    #[must_use]
    pub fn has_ipvs(&self) -> bool {
        self.interface(Self::IPVS).is_some()
    }

    /// The interfaces that hold an address.
    pub fn holders(&self, ip: IpAddr) -> impl Iterator<Item = &'snap str> {
        let holds = move |interface: &&Interface<'snap>| interface.addresses.iter().any(|address| address.ip == ip);
        self.interfaces.iter().filter(holds).map(|interface| interface.name)
    }

    /// Whether the routes of a family were read on the node.
    #[must_use]
    pub fn knows_routes(&self, family: Family) -> bool {
        self.family(family).routes == Knows::Read
    }

    /// Whether the list of interfaces is the node's own.
    #[must_use]
    pub fn knows_interfaces(&self) -> bool {
        self.knows_interfaces == Knows::Read
    }

    /// Whether this is an address of the node: of any interface, up or down, or one that a `local` route names.
    #[must_use]
    pub fn is_local(&self, ip: IpAddr) -> Tri {
        if let Some(table) = self.family(Family::of(ip)).table("local") {
            match table.best(ip, None).first() {
                // A wide one may be overruled: the whole lookup knows.
                Some(route) if route.kind == RouteKind::Local && ip.is_ipv4() && route.prefix.prefix_len() < 32 => {
                    return self.route(&RouteKey::to(ip)).is_local();
                }
                Some(route) => return Tri::from(route.kind == RouteKind::Local),
                None if self.family(Family::of(ip)).lost == 0 => return Tri::No,
                None => {}
            }
        }
        if ip.is_loopback() && (ip.is_ipv4() || ip == IpAddr::V6(std::net::Ipv6Addr::LOCALHOST)) {
            return Tri::Yes;
        }
        if self.held.contains(&ip) || self.bound.contains(&ip) {
            return Tri::Yes;
        }
        match self.family(Family::of(ip)).addresses {
            Knows::Read | Knows::Assumed => Tri::No,
            Knows::Nothing => Tri::Unknown,
        }
    }
}

#[cfg(test)]
mod tests;
