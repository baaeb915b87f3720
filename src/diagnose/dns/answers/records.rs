//! The records of one reply against those that the objects promise, by type.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::net::IpAddr;

use hickory_resolver::proto::rr::Name;

use crate::dns::zone::{ChainEnd, Meaning, Srv, Zone};
use crate::dns::{Entry, name};
use crate::probe::{Answer, Reply};

use super::super::super::words;

/// How a reply differs from what it should be: a short name of it, and words.
type Difference = (&'static str, String);

/// What is wrong with a reply, if anything. Failures of a server are others' matter.
pub(super) fn difference(zone: &Zone<'_>, entry: &Entry, record: &str, reply: &Reply) -> Option<Difference> {
    let answered = matches!(reply.rcode.as_str(), "NOERROR" | "NXDOMAIN");
    if !answered {
        return None;
    }
    match (&entry.is, record) {
        (Meaning::Alias(_), "A" | "AAAA") => alias(zone, entry, record, reply),
        // names of addresses that are not the cluster's are somebody's outside
        (Meaning::Outside | Meaning::Alias(_), _) | (Meaning::Missing(_), "PTR") => None,
        (Meaning::Missing(missing), _) => {
            let said: Vec<String> = of_type(reply, record).map(|answer| answer.data.clone()).collect();
            (!said.is_empty()).then(|| ("extra", format!("{}, and {missing}", words::list(&said))))
        }
        (_, "SRV") => {
            let said = of_type(reply, record).map(|answer| service(&answer.data)).collect::<Option<BTreeSet<Srv>>>()?;
            apart(&said, &entry.ports, reply, ("port", "ports"))
        }
        (_, "PTR") => {
            let said: BTreeSet<Name> =
                of_type(reply, record).filter_map(|answer| name::absolute(&answer.data)).collect();
            // any one of several names will do
            let known = said.intersection(&entry.pointers).next().is_some() || entry.pointers.is_empty();
            let plain = |names: &BTreeSet<Name>| names.iter().map(name::plain).collect::<BTreeSet<_>>();
            (!known).then(|| apart(&plain(&said), &plain(&entry.pointers), reply, ("name", "names"))).flatten()
        }
        _ => apart(&super::addresses(&reply.answers), &of_family(entry, record), reply, ("address", "addresses")),
    }
}

fn of_type<'r>(reply: &'r Reply, record: &str) -> impl Iterator<Item = &'r Answer> {
    reply.answers.iter().filter(move |answer| answer.record == record)
}

fn of_family(entry: &Entry, record: &str) -> BTreeSet<IpAddr> {
    entry.addresses.iter().copied().filter(|ip| ip.is_ipv4() == (record == "A")).collect()
}

/// `0 100 443 kubernetes.default.svc.cluster.local.`.
fn service(data: &str) -> Option<Srv> {
    let mut words = data.split_whitespace().skip(2);
    Some(Srv { port: words.next()?.parse().ok()?, target: name::absolute(words.next()?)? })
}

/// Two sets of what a name gives.
fn apart<T: Ord + Display>(
    said: &BTreeSet<T>,
    wanted: &BTreeSet<T>,
    reply: &Reply,
    (one, many): (&str, &str),
) -> Option<Difference> {
    let list = |all: &BTreeSet<T>| words::list(&all.iter().map(ToString::to_string).collect::<Vec<_>>());
    let has = if wanted.len() == 1 { one } else { many };
    match (reply.rcode.as_str(), said.is_empty(), wanted.is_empty()) {
        ("NXDOMAIN", _, false) => Some(("missing", format!("no such name, and it is {}", list(wanted)))),
        ("NOERROR", true, false) => Some(("missing", format!("no {one}, and it has {has} {}", list(wanted)))),
        ("NOERROR", false, true) => Some(("extra", format!("{}, and it has no such {one}", list(said)))),
        ("NOERROR", false, false) if said != wanted => {
            Some(("other", format!("{}, and it is {}", list(said), list(wanted))))
        }
        _ => None,
    }
}

/// An ExternalName Service: the alias itself, and what stands at the end of the chain where that is the cluster's.
fn alias(zone: &Zone<'_>, entry: &Entry, record: &str, reply: &Reply) -> Option<Difference> {
    let wanted = entry.alias.as_ref()?;
    let own = |answer: &&Answer| name::absolute(&answer.name).as_ref() == Some(&entry.name);
    let said = of_type(reply, "CNAME").find(own).and_then(|answer| name::absolute(&answer.data));
    match said {
        Some(said) if said != *wanted => {
            let (said, wanted) = (name::plain(&said), name::plain(wanted));
            return Some(("other", format!("an alias of {said}, and it is one of {wanted}")));
        }
        None => return Some(("missing", format!("no alias, and it is one of {}", name::plain(wanted)))),
        Some(_) => {}
    }
    let (_, ChainEnd::At(last)) = zone.follow(entry) else { return None };
    let ours = matches!(
        last.is,
        Meaning::Service(_) | Meaning::Headless(_) | Meaning::Endpoint { .. } | Meaning::PodAddress { .. }
    );
    if !ours || last.unsure.is_some() {
        return None;
    }
    // how a server follows an alias that it is asked for again is its own matter: only wrong addresses count
    let said = super::addresses(&reply.answers);
    let promised = of_family(&last, record);
    (!said.is_empty() && said != promised)
        .then(|| apart(&said, &promised, reply, ("address", "addresses")))
        .flatten()
        .map(|(reason, words)| (reason, format!("{words} ({})", name::plain(&last.name))))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;
