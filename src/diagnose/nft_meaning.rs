//! What a hop in kube-proxy's nftables table means, in words. Reads what the rule does; names and comments only add the
//! Service's name.

use crate::cluster::nft_names::{NftKind, NftName};
use crate::cluster::owners::{Owner, Owners};
use crate::walk::packet::{Action, Hop};

/// Words for one hop, where there is more to say than the action itself.
#[must_use]
pub(super) fn of(hop: &Hop<'_>, owners: &Owners) -> Option<String> {
    let text = hop.at.map_or("", |at| at.text);
    let comment = comment(text);
    Some(match &hop.action {
        Action::Jump(to) | Action::Goto(to) => to_chain(hop, to, text, comment, owners)?,
        Action::Mark(0) => "mark cleared".into(),
        Action::Mark(mark) => match why_marked(text, comment) {
            Some(why) => format!("mark {mark:#x}, to be masqueraded: {why}"),
            None => format!("mark {mark:#x}: masquerade later"),
        },
        Action::Return if text.contains("mark") => "not marked: the source is kept".into(),
        Action::Masquerade(_) if text.contains("ct status dnat") => {
            "a pod calls itself: the source becomes the address of the interface".into()
        }
        Action::Masquerade(_) => "source becomes the address of the interface it leaves by".into(),
        Action::Reject(_) if text.contains("cluster-ips") => "a cluster IP, and no port of it: refused".into(),
        Action::Reject(_) => "no endpoints: refused".into(),
        Action::Drop if hop.chain.starts_with("firewall-") => "not in the source ranges: dropped".into(),
        Action::Drop if comment.contains('/') => format!("{comment} has no endpoint on this node: dropped"),
        Action::Drop if text.contains("unallocated") => "a cluster IP that no Service has: dropped".into(),
        Action::Policy("ACCEPT") => "nothing decides, policy accept".into(),
        Action::Unknown(what) => format!("what {what} does is not known"),
        Action::Return
        | Action::Accept
        | Action::Drop
        | Action::Dnat(_)
        | Action::Snat(_)
        | Action::Redirect(_)
        | Action::Pass(_)
        | Action::Policy(_)
        | Action::Notrack
        | Action::Route(_) => return None,
    })
}

fn to_chain(hop: &Hop<'_>, to: &str, text: &str, comment: &str, owners: &Owners) -> Option<String> {
    let Some(name) = NftName::read(to) else {
        return match to {
            "mark-for-masquerade" => Some(match why_marked(text, comment) {
                Some(why) => format!("to be masqueraded: {why}"),
                None => "to be masqueraded".into(),
            }),
            "reject-chain" if comment.contains('/') => Some(format!("{comment} has no endpoints")),
            _ => None,
        };
    };
    let service = match owners.of_chain(to) {
        Owner::Port(name) => name.to_string(),
        Owner::NoPort | Owner::NotOfService => name.port_name().to_string(),
    };
    let entry = NftName::read(hop.chain).is_none();
    Some(match name.kind {
        NftKind::Service if entry => format!("this is {service}"),
        NftKind::Service if comment.contains("pod traffic") => "a pod: all endpoints, as for the cluster IP".into(),
        NftKind::Service if comment.contains("local traffic") => "from this node: all endpoints".into(),
        NftKind::Local if entry => format!("this is {service}: endpoints of this node only"),
        NftKind::Local => "endpoints of this node only".into(),
        NftKind::External => format!("this is {service}, from outside"),
        NftKind::Firewall => format!("source ranges of {service}"),
        NftKind::Service | NftKind::Endpoint | NftKind::Affinity => return None,
    })
}

/// Why kube-proxy marks here, by what the rule tests.
fn why_marked(text: &str, comment: &str) -> Option<&'static str> {
    if comment == "masquerade" || text == "jump mark-for-masquerade" {
        Some("from outside, policy Cluster")
    } else if text.contains("fib saddr type local") {
        Some("from this node")
    } else if text.contains("saddr != ") || text.contains("iifname != ") {
        Some("the client is no pod")
    } else if comment.contains("masquerade all") {
        Some("all traffic is")
    } else if text.contains("saddr ") {
        Some("a pod calls itself")
    } else {
        None
    }
}

/// Text of `comment "…"`.
fn comment(text: &str) -> &str {
    text.split_once("comment \"").and_then(|(_, rest)| rest.split('"').next()).unwrap_or_default()
}
