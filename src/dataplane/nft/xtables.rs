//! What iptables-nft made, as `nft list ruleset` shows it: only whether it is there. Its rules are read from
//! `iptables-save`, never from nft, which loses matches and comments.

use super::{Chain, Tables};
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
pub fn xtables_rules<'snap>(tables: &Tables<'snap>, family: Family) -> Option<XtRules<'snap>> {
    let of_family = match family {
        Family::V4 => "ip",
        Family::V6 => "ip6",
    };
    let wanted = tables.tables.iter().filter(|table| table.family() == of_family && TABLES.contains(&table.name()));
    let mut found: Option<XtRules<'snap>> = None;
    for at in wanted.flat_map(|table| &table.chains).flat_map(Chain::lines) {
        let one = found.get_or_insert(XtRules { first: at, service: None });
        if one.service.is_none() && (at.text.contains("KUBE-SVC-") || at.text.contains("KUBE-EXT-")) {
            one.service = Some(at);
            break;
        }
    }
    found
}
