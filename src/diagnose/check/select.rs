//! Which Services are checked: those that were named or selected, or for the smoke suite a few that stand for all.

use std::collections::BTreeSet;

use rayon::prelude::*;

use crate::cluster::nearest;
use crate::cluster::service::Form;
use crate::cluster::{Index, ServiceEndpoints, ServiceView};
use crate::collect::snapshot::Objects;
use crate::error::{Error, Result};
use crate::order;

use super::{Chosen, Selection};

/// Services beside the API's own and DNS that stand for all in the smoke suite.
const SAMPLE: usize = 20;

/// The Services, by namespace and name.
pub(super) fn services<'snap>(objects: &'snap Objects, selection: &Selection) -> Result<Vec<ServiceView<'snap>>> {
    let mut all: Vec<ServiceView<'snap>> = ServiceView::all(objects).collect();
    order::sort_by_key(&mut all, |view| (view.namespace, view.name));
    match selection {
        Selection::Smoke => Ok(smoke(all)),
        Selection::Chosen(chosen) if chosen.names.is_empty() => {
            all.retain(|view| is_chosen(view, chosen));
            Ok(all)
        }
        Selection::Chosen(chosen) => named(objects, &all, chosen),
    }
}

/// A choice that no Service meets is a slip: checked of nothing, nothing would be wrong.
pub(super) fn refuse_none(objects: &Objects, selection: &Selection) -> Result<()> {
    let Selection::Chosen(chosen) = selection else { return Ok(()) };
    if objects.services().is_empty() {
        return Ok(());
    }
    let known: BTreeSet<&str> = ServiceView::all(objects).map(|view| view.namespace).collect();
    let (message, near) = match chosen.namespace.as_deref() {
        Some(namespace) if !known.contains(namespace) => (
            format!("there is no Service in namespace {namespace}"),
            nearest::closest(namespace, known.iter().copied()),
        ),
        Some(_) | None => ("no Service is chosen: labels or excluded namespaces leave none".to_owned(), None),
    };
    let help = near.map_or_else(|| "kubectl get services -A --show-labels".to_owned(), |near| format!("-n {near}"));
    Err(Error::usage_help(message, help))
}

/// Endpoints and pods of each.
pub(super) fn endpoints<'snap>(index: &Index<'snap>, services: &[ServiceView<'snap>]) -> Vec<ServiceEndpoints<'snap>> {
    services.par_iter().map(|view| ServiceEndpoints::of(index, view)).collect()
}

fn is_chosen(view: &ServiceView<'_>, chosen: &Chosen) -> bool {
    chosen.namespace.as_deref().is_none_or(|namespace| namespace == view.namespace)
        && !chosen.without.iter().any(|namespace| namespace == view.namespace)
        && chosen.labels.as_ref().is_none_or(|labels| labels.match_all(view.object.metadata.labels.as_ref()))
}

fn named<'snap>(
    objects: &'snap Objects,
    all: &[ServiceView<'snap>],
    chosen: &Chosen,
) -> Result<Vec<ServiceView<'snap>>> {
    let mut found: Vec<ServiceView<'snap>> = Vec::new();
    for (namespace, name) in &chosen.names {
        let namespace = namespace.as_deref().or(chosen.namespace.as_deref()).unwrap_or("default");
        match all.iter().find(|view| view.namespace == namespace && view.name == name) {
            Some(view) => found.push(view.clone()),
            // what was not read is a gap, not a mistake of the user
            None if objects.services.is_none() => {}
            None => {
                return Err(Error::NoSuchService {
                    namespace: namespace.to_owned(),
                    name: name.clone(),
                    nearest: nearest::services(objects, namespace, name),
                    left: None,
                });
            }
        }
    }
    order::sort_by_key(&mut found, |view| (view.namespace, view.name));
    found.dedup_by_key(|view| (view.namespace, view.name));
    Ok(found)
}

/// The API's own Service, those of DNS, and of each form every so many: the same ones whenever it is asked.
fn smoke(all: Vec<ServiceView<'_>>) -> Vec<ServiceView<'_>> {
    let (mut chosen, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|view| is_api(view) || is_dns(view));
    let forms = [Form::ClusterIp, Form::NodePort, Form::LoadBalancer, Form::Headless, Form::ExternalName];
    let mut by_form: Vec<Vec<ServiceView<'_>>> = forms
        .iter()
        .map(|form| others.iter().filter(|view| view.form == *form).cloned().collect())
        .filter(|list: &Vec<_>| !list.is_empty())
        .collect();
    let mut room = SAMPLE.min(others.len());
    // few of a rare form leave more room for the others
    order::sort_by_key(&mut by_form, Vec::len);
    let mut left = by_form.len();
    for list in by_form {
        let share = room.div_ceil(left.max(1)).min(list.len());
        chosen.extend((0..share).filter_map(|at| list.get(at * list.len() / share)).cloned());
        room -= share;
        left -= 1;
    }
    order::sort_by_key(&mut chosen, |view| (view.namespace, view.name));
    chosen
}

/// `default/kubernetes`, the API server itself.
pub(super) fn is_api(view: &ServiceView<'_>) -> bool {
    (view.namespace, view.name) == ("default", "kubernetes")
}

/// A Service of cluster DNS, by the label that its manifests have.
pub(super) fn is_dns(view: &ServiceView<'_>) -> bool {
    let labelled = view.object.metadata.labels.as_ref().and_then(|labels| labels.get("k8s-app"));
    view.namespace == "kube-system"
        && (view.name == "kube-dns" || labelled.is_some_and(|app| app == "kube-dns" || app == "coredns"))
        && view.ports.iter().any(|port| port.port == 53)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::*;

    fn objects(count: usize) -> Objects {
        let mut list = vec![
            json!({"metadata": {"namespace": "default", "name": "kubernetes"}, "spec": {"clusterIP": "10.96.0.1"}}),
            json!({"metadata": {"namespace": "kube-system", "name": "kube-dns"},
                "spec": {"clusterIP": "10.96.0.10", "ports": [{"port": 53}]}}),
            json!({"metadata": {"namespace": "shop", "name": "only-headless"}, "spec": {"clusterIP": "None"}}),
        ];
        list.extend((0..count).map(|n| {
            json!({"metadata": {"namespace": format!("ns-{}", n % 3), "name": format!("web-{n:04}"), "labels": {"odd": (n % 2).to_string()}},
                "spec": {"clusterIP": "10.96.1.1", "type": if n % 10 == 0 { "NodePort" } else { "ClusterIP" }}})
        }));
        Objects { services: Some(serde_json::from_value(json!(list)).unwrap()), ..Objects::default() }
    }

    fn names(count: usize, selection: &Selection) -> Vec<String> {
        services(&objects(count), selection).unwrap().iter().map(ServiceView::full_name).collect()
    }

    #[test]
    fn the_smoke_suite_takes_some_of_each_form() {
        let chosen = names(500, &Selection::Smoke);
        assert_eq!(chosen.len(), SAMPLE + 2);
        for wanted in ["default/kubernetes", "kube-system/kube-dns", "shop/only-headless", "ns-0/web-0000"] {
            assert!(chosen.iter().any(|name| name == wanted), "{wanted}: {chosen:?}");
        }
        assert_eq!(chosen, names(500, &Selection::Smoke));
        assert_eq!(names(5, &Selection::Smoke).len(), 8);
    }

    #[test]
    fn by_namespace_label_and_name() {
        let with = |chosen: Chosen| names(6, &Selection::Chosen(Box::new(chosen)));
        assert_eq!(with(Chosen::default()).len(), 9);
        assert_eq!(with(Chosen { namespace: Some("ns-0".into()), ..Chosen::default() }).len(), 2);
        assert_eq!(with(Chosen { without: vec!["ns-0".into(), "shop".into()], ..Chosen::default() }).len(), 6);
        let odd = crate::cluster::labels::Labels::parse("odd=1").unwrap();
        assert_eq!(with(Chosen { labels: Some(odd), ..Chosen::default() }).len(), 3);
        let named = [(Some("shop".into()), "only-headless".into()), (None, "kubernetes".into())];
        assert_eq!(
            with(Chosen { names: named.into(), ..Chosen::default() }),
            ["default/kubernetes", "shop/only-headless"]
        );
        let gone = Chosen { names: vec![(None, "kubernets".into())], ..Chosen::default() };
        let objects = objects(1);
        let error = services(&objects, &Selection::Chosen(Box::new(gone))).unwrap_err();
        assert!(error.hint().unwrap().contains("default/kubernetes"));
    }

    #[test]
    fn a_choice_of_no_service_is_refused() {
        let objects = objects(0);
        let of = |namespace: Option<&str>, without: &[&str]| {
            let without = without.iter().map(|name| (*name).to_owned()).collect();
            let chosen = Chosen { namespace: namespace.map(Into::into), without, ..Chosen::default() };
            refuse_none(&objects, &Selection::Chosen(Box::new(chosen))).unwrap_err()
        };
        let slip = of(Some("shpo"), &[]);
        assert_eq!(slip.to_string(), "there is no Service in namespace shpo");
        assert_eq!(slip.hint().as_deref(), Some("-n shop"));
        assert!(of(Some("shop"), &["shop"]).to_string().starts_with("no Service is chosen"));
        assert!(refuse_none(&Objects::default(), &Selection::Chosen(Box::default())).is_ok());
        assert!(refuse_none(&objects, &Selection::Smoke).is_ok());
    }
}
