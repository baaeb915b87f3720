//! What iptables-nft made, as `nft list ruleset` shows it: only whether it is there. Its rules are read from
//! `iptables-save`, never from nft, which loses matches and comments.

use crate::collect::snapshot::NodeDumps;
use crate::dataplane::Loc;
use crate::dataplane::plane::Family;

/// Tables that iptables-nft makes.
const TABLES: [&str; 5] = ["raw", "mangle", "nat", "filter", "security"];

/// Rules of iptables-nft in `nft list ruleset`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct XtRules<'snap> {
    /// The first rule.
    pub first: Loc<'snap>,
    /// The first jump into a Service's chain.
    pub service: Option<Loc<'snap>>,
}

/// Rules of iptables-nft of this family, if there are any.
///
/// `chain KUBE-SERVICES {` … `meta l4proto tcp ip daddr 10.96.0.1 … jump KUBE-SVC-NPX46M4PTMTKRN6Y`
#[must_use]
pub fn xtables_rules(dumps: &NodeDumps, family: Family) -> Option<XtRules<'_>> {
    let (name, dump) = dumps.dumps.get_key_value("nft-ruleset")?;
    let wanted = match family {
        Family::V4 => "table ip ",
        Family::V6 => "table ip6 ",
    };
    let mut inside = false;
    let mut found: Option<XtRules<'_>> = None;
    for (number, text) in (1..).zip(dump.text.lines()) {
        if text.starts_with("table ") {
            inside = text
                .strip_prefix(wanted)
                .and_then(|name| name.strip_suffix(" {"))
                .is_some_and(|name| TABLES.contains(&name));
            continue;
        }
        let rule = text
            .strip_prefix("\t\t")
            .filter(|rule| !rule.starts_with("type ") && !rule.starts_with('#') && !rule.is_empty());
        if !inside || rule.is_none() {
            continue;
        }
        let at = Loc { dump: name, line: number, text: text.trim() };
        let one = found.get_or_insert(XtRules { first: at, service: None });
        if one.service.is_none() && (text.contains("KUBE-SVC-") || text.contains("KUBE-EXT-")) {
            one.service = Some(at);
        }
    }
    found
}
