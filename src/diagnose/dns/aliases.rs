//! ST123: ExternalName Services that lead in a circle, or to a name that does not exist.

use std::collections::BTreeSet;

use hickory_resolver::proto::rr::Name;

use crate::cluster::ServiceView;
use crate::collect::snapshot::Objects;
use crate::dns::zone::{ChainEnd, Entry, Meaning, ServiceName, Zone};
use crate::dns::{Domain, name};
use crate::report::{Code, Finding, ObjectRef};

use super::super::context::field_of;
use super::super::words;
use super::DnsContext;
use super::names::{Asked, finding_about};

/// ST123: an alias that goes in a circle, or ends at a name that does not exist.
pub(super) fn alias_chain(context: &DnsContext<'_, '_>) -> Vec<Finding> {
    let Some(asked) = Asked::of(context) else { return Vec::new() };
    let Some(entry) = asked.entry() else { return Vec::new() };
    let Meaning::Alias(service) = &entry.is else { return Vec::new() };
    let (chain, end) = asked.setup.zone.follow(&entry);
    finding(service, &entry, (&chain, &end)).into_iter().collect()
}

/// What is wrong with an alias that leads by these names to this end, if anything is.
fn finding(service: &ServiceName, entry: &Entry, (chain, end): (&[Name], &ChainEnd)) -> Option<Finding> {
    let (reason, words) = match end {
        ChainEnd::Loop(back) => ("loop", format!("{service} is an alias that comes back to {}", name::plain(back))),
        ChainEnd::At(last) => {
            let Meaning::Missing(missing) = &last.is else { return None };
            ("dangling", format!("{service} is an alias of {}: {missing}", name::plain(&last.name)))
        }
    };
    let mut finding = finding_about(Code::ExternalNameLoopOrDangling, words, entry);
    finding.reason = Some(reason.into());
    finding.details.push(chain.iter().map(name::plain).collect::<Vec<_>>().join(" → "));
    let reference = ObjectRef::new("Service", &service.namespace, &service.name);
    let alias = entry.alias.as_ref().map(name::plain).unwrap_or_default();
    finding.evidence.push(field_of(reference, "spec.externalName", alias));
    finding.help =
        Some(format!("kubectl -n {} edit svc {}", words::shell(&service.namespace), words::shell(&service.name)));
    Some(finding)
}

/// ST123 without a question: aliases that lead back to themselves, each circle once.
pub(in crate::diagnose) fn alias_loop(objects: &Objects) -> Vec<Finding> {
    let domain = Domain::find(objects, &[]).name;
    let zone = Zone::new(objects, domain.clone());
    let mut found = Vec::new();
    let mut told: BTreeSet<Name> = BTreeSet::new();
    for view in ServiceView::all(objects).filter(|view| view.external_name.is_some()) {
        let called = ServiceName { namespace: view.namespace.to_owned(), name: view.name.to_owned() };
        let Some(entry) = called.in_domain(&domain).map(|name| zone.entry(&name)) else { continue };
        let (chain, end @ ChainEnd::Loop(_)) = zone.follow(&entry) else { continue };
        if chain.iter().any(|name| told.contains(name)) {
            continue;
        }
        found.extend(finding(&called, &entry, (&chain, &end)));
        told.extend(chain);
    }
    found
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_circle_is_told_once() {
        let alias = |name: &str, to: &str| json!({"metadata": {"namespace": "shop", "name": name}, "spec": {"type": "ExternalName", "externalName": to}});
        let services = json!([
            alias("ring", "ring2.shop.svc.cluster.local"),
            alias("ring2", "ring.shop.svc.cluster.local"),
            alias("in", "out.shop.svc.cluster.local"),
            alias("out", "www.example.com"),
        ]);
        let objects = Objects { services: Some(serde_json::from_value(services).unwrap()), ..Objects::default() };
        let found = alias_loop(&objects);
        assert_eq!(found.len(), 1, "{found:#?}");
        assert_eq!(found[0].object, Some(ObjectRef::new("Service", "shop", "ring")));
        assert_eq!(found[0].summary, "shop/ring is an alias that comes back to ring.shop.svc.cluster.local");
    }
}
