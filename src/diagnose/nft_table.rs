//! kube-proxy's own nft table, asked for what causes and leftovers need: which maps lead from which address to which
//! chain, whether its base chains are where they must be. Looks at what maps and chains do, not at their names.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::cluster::nft_names::NftName;
use crate::dataplane::Loc;
use crate::dataplane::nft::expr::Lookup;
use crate::dataplane::nft::kind::{Kind, Pattern};
use crate::dataplane::nft::ruleset::Standing;
use crate::dataplane::nft::set::{Data, Element};
use crate::dataplane::nft::statement::{Right, Rule, Statement, Verdict};
use crate::dataplane::nft::{Chain, DUMP, Table};
use crate::dataplane::plane::{Family, Plane};
use crate::order;
use crate::walk::packet::Protocol;

/// An element of a map that decides over an address or a node port of a Service.
#[derive(Debug, Clone)]
pub(super) struct Entry<'snap> {
    pub(super) dst: Option<IpAddr>,
    pub(super) port: u16,
    pub(super) protocol: Protocol,
    /// The chain that it leads to; `None` where it drops.
    pub(super) chain: Option<&'snap str>,
    /// `default/web:http`, where it says so.
    pub(super) comment: Option<&'snap str>,
    pub(super) at: Loc<'snap>,
}

impl Entry<'_> {
    /// The Service that the chain's name, or the comment, tells.
    pub(super) fn is_of(&self, namespace: &str, name: &str) -> bool {
        let by_chain = self.chain.and_then(NftName::read);
        let by_comment = || {
            let comment = self.comment.unwrap_or_default();
            comment.split(':').next() == Some(format!("{namespace}/{name}").as_str())
        };
        by_chain.map_or_else(by_comment, |chain| chain.namespace == namespace && chain.service == name)
    }
}

/// kube-proxy's table of this family, whether it hooks or not.
pub(super) fn table<'a, 'snap>(plane: &'a Plane<'snap>, family: Family) -> Option<&'a Table<'snap>> {
    plane.nft().kube_proxy().find(|table| table.sees(family))
}

/// Whether a hop's table is kube-proxy's.
pub(super) fn is_own(table: &str) -> bool {
    matches!(table, "ip kube-proxy" | "ip6 kube-proxy")
}

/// Whether a hop's table is one of nft's own: those have a family in front.
pub(super) fn is_native(table: &str) -> bool {
    table.contains(' ')
}

/// Every element that decides over an address or a node port, of both families.
pub(super) fn entries<'snap>(plane: &Plane<'snap>) -> Vec<Entry<'snap>> {
    [Family::V4, Family::V6].into_iter().filter_map(|family| table(plane, family)).flat_map(entries_of).collect()
}

/// Every element of a table that decides over an address or a node port.
pub(super) fn entries_of<'snap>(table: &Table<'snap>) -> Vec<Entry<'snap>> {
    let mut found = Vec::new();
    for set in table.sets() {
        found.extend(set.elements().iter().filter_map(|element| entry(set.elements().kinds(), &element)));
    }
    order::sort_by_key(&mut found, |entry| entry.at.line);
    found
}

fn entry<'snap>(kinds: &[Kind], element: &Element<'snap>) -> Option<Entry<'snap>> {
    let chain = match element.data {
        Data::Verdict(Verdict::Goto(chain) | Verdict::Jump(chain)) => Some(chain),
        Data::Verdict(Verdict::Drop) => None,
        Data::Verdict(Verdict::Accept | Verdict::Continue | Verdict::Return | Verdict::Queue)
        | Data::Values(_)
        | Data::None => return None,
    };
    let one = |pattern: &Pattern<'_>| match pattern {
        Pattern::Range(first, last) if first == last => Some(*first),
        Pattern::Range(..) | Pattern::Name(_) | Pattern::Begins(_) | Pattern::Any | Pattern::Unknown(_) => None,
    };
    let (dst, protocol, port) = match (kinds, element.key.as_slice()) {
        ([Kind::Ipv4, Kind::Proto, Kind::Port], [dst, protocol, port]) => {
            let dst = u32::try_from(one(dst)?).ok()?;
            (Some(IpAddr::V4(dst.into())), protocol, port)
        }
        ([Kind::Ipv6, Kind::Proto, Kind::Port], [dst, protocol, port]) => {
            (Some(IpAddr::V6(one(dst)?.into())), protocol, port)
        }
        ([Kind::Proto, Kind::Port], [protocol, port]) => (None, protocol, port),
        _ => return None,
    };
    let protocol = match one(protocol)? {
        6 => Protocol::Tcp,
        17 => Protocol::Udp,
        132 => Protocol::Sctp,
        _ => return None,
    };
    let port = u16::try_from(one(port)?).ok()?;
    let at = Loc { dump: DUMP, line: element.line, text: element.text };
    Some(Entry { dst, port, protocol, chain, comment: element.comment, at })
}

/// What is wrong with how kube-proxy's table hooks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Fault<'snap> {
    /// There is none for this family.
    NoTable,
    /// `flags dormant`
    Dormant(Loc<'snap>),
    /// No base chain of type nat at this hook.
    NoChain(&'static str, Loc<'snap>),
    /// One that does not lead to where maps are asked.
    LeadsNowhere(Loc<'snap>),
}

/// Whether packets get from this hook (`prerouting`, `output`) to the maps that choose a Service.
pub(super) fn fault<'snap>(plane: &Plane<'snap>, family: Family, hook: &'static str) -> Option<Fault<'snap>> {
    let Some(table) = table(plane, family) else {
        return Some(Fault::NoTable);
    };
    if table.standing == Standing::Dormant {
        return Some(Fault::Dormant(table.at));
    }
    let hooked = table.chains.iter().find(|chain| {
        chain.base.is_some_and(|base| base.hook == hook && base.kind == "nat" && base.priority.is_some())
    });
    let Some(chain) = hooked else {
        return Some(Fault::NoChain(hook, table.at));
    };
    (!asks_a_map(table, chain, &mut BTreeSet::new())).then_some(Fault::LeadsNowhere(chain.at))
}

fn asks_a_map<'a>(table: &'a Table<'_>, chain: &'a Chain<'_>, seen: &mut BTreeSet<&'a str>) -> bool {
    if !seen.insert(chain.name) {
        return false;
    }
    chain.rules().iter().flat_map(|rule| &rule.statements).any(|statement| match statement {
        Statement::Vmap(..) => true,
        Statement::Verdict(Verdict::Jump(next) | Verdict::Goto(next)) => {
            table.chain(next).is_some_and(|next| asks_a_map(table, next, seen))
        }
        _ => false,
    })
}

/// The chain of this Service port that chooses an endpoint, if the table has it.
pub(super) fn service_chain<'a, 'snap>(
    table: &'a Table<'snap>,
    namespace: &str,
    name: &str,
    port: &str,
    protocol: Protocol,
) -> Option<&'a Chain<'snap>> {
    table.chains.iter().find(|chain| {
        chain.name.starts_with("service-")
            && NftName::read(chain.name).is_some_and(|own| {
                own.namespace == namespace && own.service == name && own.port == port && own.protocol == protocol
            })
    })
}

/// The rule that asks the map of node ports, and before it for the address.
pub(super) fn node_port_gate<'snap>(table: &Table<'snap>) -> Option<Loc<'snap>> {
    let asks = |statement: &Statement<'_>| match statement {
        Statement::Vmap(key, Lookup::Named(_)) => key.kinds() == [Kind::Proto, Kind::Port],
        _ => false,
    };
    let mut rules = table.chains.iter().flat_map(Chain::rules).filter(|rule| rule.statements.iter().any(asks));
    let leads = |rule: &&Rule<'_>| {
        rule.statements.iter().any(|statement| match statement {
            Statement::Vmap(_, Lookup::Named(map)) => table.set(map).is_some_and(|map| {
                map.elements().iter().any(
                    |element| matches!(element.data, Data::Verdict(Verdict::Goto(to)) if to.starts_with("external-")),
                )
            }),
            _ => false,
        })
    };
    rules.find(leads).map(|rule| rule.at)
}

/// Where the set of addresses stands that the rule before the map of node ports asks for.
pub(super) fn node_addresses<'snap>(table: &Table<'snap>) -> Option<Loc<'snap>> {
    let gate = node_port_gate(table)?;
    let rule = table.chains.iter().flat_map(Chain::rules).find(|rule| rule.at == gate)?;
    let set = rule.statements.iter().find_map(|statement| match statement {
        Statement::Match { right: Right::Named(name), .. } => table.set(name),
        _ => None,
    })?;
    let first = set.elements().iter().next()?;
    Some(Loc { dump: DUMP, line: first.line, text: first.text })
}
