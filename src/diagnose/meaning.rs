//! What a hop means, in words. Reads what the rule does; kube-proxy's names and comments only add the Service's name.

use crate::cluster::names::ServicePortName;
use crate::cluster::nft_names::{NftKind, NftName};
use crate::cluster::owners::{Owner, Owners};
use crate::walk::packet::{Action, Hop};

/// Words for one hop, where there is more to say than the action itself.
#[must_use]
pub(super) fn of(hop: &Hop<'_>, owners: &Owners) -> Option<String> {
    let text = hop.at.map_or("", |at| at.text);
    if crate::diagnose::nft_table::is_own(hop.table) {
        return super::nft_meaning::of(hop, owners);
    }
    let comment = comment(text);
    let service = owner(hop, owners).or_else(|| service_in(comment).map(Into::into));
    let service = service.as_deref();
    Some(match &hop.action {
        Action::Jump(to) | Action::Goto(to) => match kind(to) {
            Some(Kind::Service) if ENTRIES.contains(&hop.chain) => format!("this is {}", service?),
            Some(Kind::External) => match service {
                Some(service) => format!("this is {service}, from outside"),
                None => "entry from outside the cluster".into(),
            },
            Some(Kind::Firewall) => format!("source ranges of {}", service.unwrap_or("the load balancer")),
            Some(Kind::Mark) => match why_marked(hop.chain, text, comment) {
                Some(why) => format!("to be masqueraded: {why}"),
                None => "to be masqueraded".into(),
            },
            Some(Kind::NodePorts) => "an address of this node: node ports".into(),
            Some(Kind::Service) if comment.starts_with("pod traffic for") => {
                "a pod: all endpoints, as for the cluster IP".into()
            }
            Some(Kind::Service) if comment.starts_with("route LOCAL traffic") => "from this node: all endpoints".into(),
            Some(Kind::Local) if ENTRIES.contains(&hop.chain) && service.is_some() => {
                format!("this is {}: endpoints of this node only", service?)
            }
            Some(Kind::Local) => "endpoints of this node only".into(),
            Some(Kind::Service | Kind::Endpoint) | None => return None,
        },
        Action::Mark(0) => "mark cleared".into(),
        Action::Mark(mark) if hop.chain == "KUBE-MARK-MASQ" => format!("mark {mark:#x}: masquerade later"),
        Action::Mark(mark) => format!("mark {mark:#x}"),
        Action::Return if hop.chain == "KUBE-POSTROUTING" && text.contains("! --mark") => {
            "not marked: the source is kept".into()
        }
        Action::Masquerade(_) => "source becomes the address of the interface it leaves by".into(),
        Action::Accept if text.contains("--mark") && hop.chain == "KUBE-FORWARD" => {
            "marked by kube-proxy: accepted".into()
        }
        Action::Reject(_) if comment.ends_with("has no endpoints") => {
            format!("{} has no endpoints: refused", service?)
        }
        Action::Drop if comment.ends_with("has no local endpoints") => {
            format!("{} has no endpoint on this node: dropped", service?)
        }
        Action::Drop if comment.contains("not accepted by KUBE-FW-") => "not in the source ranges: dropped".into(),
        Action::Policy("ACCEPT") => "nothing decides, policy ACCEPT".into(),
        Action::Policy(policy) => format!("nothing accepts it, policy {policy}"),
        Action::Notrack => "not tracked: no address translation from here on".into(),
        Action::Pass(what) if what == "counted" && comment.contains("will be dropped by KUBE-PROXY-FIREWALL") => {
            "not in the source ranges".into()
        }
        Action::Unknown(what) => format!("what {what} does is not known"),
        Action::Dnat(_) | Action::Redirect(_) if super::userspace::is_own(hop.chain) => {
            let port = super::userspace::port(&hop.action, hop.chain)?;
            match service {
                Some(service) => format!("this is {service}: kube-proxy itself takes it, at port {port}"),
                None => format!("kube-proxy itself takes it, at port {port}"),
            }
        }
        Action::Return
        | Action::Accept
        | Action::Drop
        | Action::Reject(_)
        | Action::Dnat(_)
        | Action::Snat(_)
        | Action::Redirect(_)
        | Action::Pass(_)
        | Action::Route(_) => return None,
    })
}

/// Chains that packets enter Services by.
const ENTRIES: [&str; 4] = ["KUBE-SERVICES", "KUBE-NODEPORTS", "nat-prerouting", "services"];

/// The Service port that the chain jumped to belongs to, by its name; that proves more than a comment, and some
/// kube-proxies write none.
fn owner(hop: &Hop<'_>, owners: &Owners) -> Option<String> {
    let (Action::Jump(to) | Action::Goto(to)) = &hop.action else {
        return None;
    };
    match owners.of_chain(to) {
        Owner::Port(name) => Some(name.to_string()),
        Owner::NoPort => NftName::read(to).map(|name| name.port_name()).map(|name: ServicePortName| name.to_string()),
        Owner::NotOfService => None,
    }
}

/// What a chain of kube-proxy is for, by its name: for words only, never for decisions.
enum Kind {
    Service,
    Local,
    Endpoint,
    External,
    Firewall,
    Mark,
    NodePorts,
}

fn kind(chain: &str) -> Option<Kind> {
    let of_service = ["KUBE-SVC-", "KUBE-SVL-", "KUBE-SEP-", "KUBE-EXT-", "KUBE-XLB-", "KUBE-FW-"];
    match of_service.iter().position(|prefix| chain.starts_with(prefix)) {
        Some(0) => Some(Kind::Service),
        Some(1) => Some(Kind::Local),
        Some(2) => Some(Kind::Endpoint),
        Some(3 | 4) => Some(Kind::External),
        Some(_) => Some(Kind::Firewall),
        None => match chain {
            "KUBE-MARK-MASQ" => Some(Kind::Mark),
            "KUBE-NODEPORTS" => Some(Kind::NodePorts),
            _ => NftName::read(chain).map(|name| match name.kind {
                NftKind::Service => Kind::Service,
                NftKind::Local => Kind::Local,
                NftKind::External => Kind::External,
                NftKind::Firewall => Kind::Firewall,
                NftKind::Endpoint | NftKind::Affinity => Kind::Endpoint,
            }),
        },
    }
}

/// Why kube-proxy marks here, by what the rule tests.
fn why_marked(chain: &str, text: &str, comment: &str) -> Option<&'static str> {
    if comment.starts_with("masquerade traffic for") {
        Some("from outside, policy Cluster")
    } else if comment.starts_with("masquerade LOCAL traffic")
        || text.contains("--src-type LOCAL")
        || text.contains(" -s 127.0.0.0/8 ")
    {
        Some("from this node")
    } else if text.contains(" ! -s ") || text.contains(" ! -i ") {
        Some("the client is no pod")
    } else if text.contains(" -s ") && chain.starts_with("KUBE-SEP-") {
        Some("a pod calls itself")
    } else {
        None
    }
}

/// Text of `--comment`, without quotes.
fn comment(text: &str) -> &str {
    let Some((_, rest)) = text.split_once("--comment ") else {
        return "";
    };
    match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next().unwrap_or_default(),
        None => rest.split(' ').next().unwrap_or_default(),
    }
}

/// `default/web:http cluster IP` → `default/web:http`.
fn service_in(comment: &str) -> Option<&str> {
    comment.split(' ').find(|word| word.contains('/')).map(|word| word.trim_end_matches(':'))
}
