//! nftables' own tables: the text of `nft list ruleset`, indexed once, its chains and sets read when they are used.
//! Tables that iptables-nft made are left to the reader of `iptables-save`.

pub mod base;
pub mod early;
pub mod expr;
pub mod kind;
mod parse_expr;
mod parse_limit;
mod parse_nat;
mod parse_statement;
pub mod ruleset;
pub mod set;
pub mod statement;
mod words;
pub mod xtables;

pub use ruleset::{Chain, Set, Table, Tables};

use self::ruleset::Standing;
use super::Loc;
use super::links::read_dump;
use crate::collect::snapshot::{Dump, NodeDumps};
use crate::dataplane::hooks::Hook;

/// Name of the dump.
pub const DUMP: &str = "nft-ruleset";

/// Reads the outline of all native tables.
#[must_use]
pub fn read(dumps: &NodeDumps) -> Tables<'_> {
    let Some((name, dump)) = read_dump(dumps, DUMP) else {
        return Tables::default();
    };
    // The JSON form is not read.
    if dump.text.trim_start().starts_with('{') {
        return Tables::default();
    }
    let mut tables = ruleset::index(name, &dump.text);
    for table in &mut tables.tables {
        if is_managed(table, dump, dumps) {
            table.standing = Standing::Managed;
        }
    }
    tables
}

impl<'snap> Tables<'snap> {
    /// Tables that are read from here, and hook.
    pub fn active(&self) -> impl Iterator<Item = (usize, &Table<'snap>)> {
        self.tables.iter().enumerate().filter(|(_, table)| table.standing == Standing::Active)
    }

    /// kube-proxy's own tables.
    pub fn kube_proxy(&self) -> impl Iterator<Item = &Table<'snap>> {
        self.tables.iter().filter(|table| matches!(table.title, "ip kube-proxy" | "ip6 kube-proxy"))
    }

    /// Where kube-proxy's own table stands, and whether it holds any Service.
    #[must_use]
    pub fn kube_proxy_table(&self) -> Option<(bool, Loc<'snap>)> {
        let first = self.kube_proxy().next()?;
        let serves = self.kube_proxy().any(|table| {
            ["service-ips", "no-endpoint-services"]
                .iter()
                .any(|name| table.set(name).is_some_and(|set| !set.elements().is_empty()))
        });
        Some((serves, first.at))
    }
}

/// Whether iptables-nft made a table. nft says so, on stderr or (from 1.0.9 on) among the rules; without that word
/// it is one if it looks like one and `iptables-save` shows a table of that name.
fn is_managed(table: &Table<'_>, dump: &Dump, dumps: &NodeDumps) -> bool {
    let named_so = ["raw", "mangle", "nat", "filter", "security"].contains(&table.name());
    if !named_so && table.name() != "broute" {
        return false;
    }
    let warning = format!("# Warning: table {} is managed by iptables-nft", table.title);
    let before = table.at.text.as_ptr().addr().saturating_sub(dump.text.as_ptr().addr());
    let above = dump.text.get(..before).unwrap_or_default().trim_end().rsplit('\n').next().unwrap_or_default();
    if dump.stderr.contains(&warning) || above.starts_with(&warning) {
        return true;
    }
    let saves = match table.family() {
        "ip" => ["iptables-save", "iptables-nft-save"],
        "ip6" => ["ip6tables-save", "ip6tables-nft-save"],
        _ => return false,
    };
    let builtin = |name: &str| Hook::ALL.into_iter().any(|hook| hook.chain() == name);
    let looks_so = named_so && table.chains.iter().all(|chain| chain.base.is_none() || builtin(chain.name));
    let head = format!("*{}", table.name());
    looks_so
        && saves
            .into_iter()
            .filter_map(|save| read_dump(dumps, save))
            .any(|(_, save)| save.text.lines().any(|line| line == head))
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::collect::snapshot::{Dump, NodeDumps};

    fn node(list: &[(&str, &str)]) -> NodeDumps {
        let mut node = NodeDumps::default();
        for (name, text) in list {
            node.dumps.insert((*name).to_owned(), Dump { text: (*text).to_owned(), exit: Some(0), ..Dump::default() });
        }
        node
    }

    const IPTABLES: &str = "table ip filter {\n\tchain INPUT {\n\t\ttype filter hook input priority filter; policy accept;\n\t\tcounter packets 28 bytes 1806 jump KUBE-FIREWALL\n\t}\n\n\tchain KUBE-FIREWALL {\n\t\tdrop\n\t}\n}\n";

    #[track_caller]
    fn case(list: &[(&str, &str)], active: usize) {
        assert_eq!(read(&node(list)).active().count(), active, "{list:?}");
    }

    #[test]
    fn what_iptables_made_is_left_to_it() {
        let warned = "# Warning: table ip filter is managed by iptables-nft, do not touch!\n";
        let saved = "*filter\n:INPUT ACCEPT [28:1806]\nCOMMIT\n";
        let native = IPTABLES.replace("INPUT", "input");
        case(&[("nft-ruleset", IPTABLES)], 1);
        case(&[("nft-ruleset", &format!("{warned}{IPTABLES}"))], 0);
        case(&[("nft-ruleset", IPTABLES), ("iptables-save", saved)], 0);
        case(&[("nft-ruleset", &native), ("iptables-save", saved)], 1);
        let mut dumps = node(&[("nft-ruleset", IPTABLES)]);
        dumps.dumps.entry("nft-ruleset".into()).and_modify(|dump| dump.stderr = warned.to_owned());
        assert_eq!(read(&dumps).active().count(), 0);
    }

    #[test]
    fn kube_proxys_own() {
        let text = "table ip kube-proxy {\n\tmap service-ips {\n\t\ttype ipv4_addr . inet_proto . inet_service : verdict\n\t\telements = { 10.96.10.1 . tcp . 80 : goto service-X }\n\t}\n}\n";
        let dumps = node(&[("nft-ruleset", text)]);
        assert_eq!(read(&dumps).kube_proxy_table().map(|(serves, at)| (serves, at.line)), Some((true, 1)));
        let empty = node(&[("nft-ruleset", "table ip6 kube-proxy {\n}\n")]);
        assert_eq!(read(&empty).kube_proxy_table().map(|(serves, _)| serves), Some(false));
    }
}
