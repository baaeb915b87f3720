//! An Ingress as the target of a trace: the Service that leads to its controller is walked, and from there the way
//! goes to the pods. What the controller itself does is not looked at.

use std::collections::BTreeSet;

use k8s_openapi::api::networking::v1::Ingress;

use crate::cluster::ingress::{self, Backend, Controller, backends, by_cluster_ip, find, reference};
use crate::cluster::nearest::closest;
use crate::cluster::{Index, PortView, ServiceEndpoints, ServiceView};
use crate::collect::snapshot::{Objects, Snapshot};
use crate::error::{Error, Result};
use crate::query::{Query, Target};
use crate::report::{Code, Gap, Report};

use super::{Context, bypass, words};

/// An Ingress and what leads to its controller.
pub(super) struct Entry<'snap> {
    ingress: &'snap Ingress,
    controller: std::result::Result<Controller<'snap>, Vec<String>>,
}

/// The Ingress that a question is about.
///
/// # Errors
/// There is none of that name, or Ingresses were not read.
pub(super) fn entry<'snap>(objects: &'snap Objects, namespace: &str, name: &str) -> Result<Entry<'snap>> {
    if objects.ingresses.is_none() {
        return Err(Error::usage_help(
            "no Ingresses were read",
            "kubectl svc-trace collect -A -d DIR reads them as well",
        ));
    }
    let Some(ingress) = find(objects, namespace, name) else {
        let names = objects.ingresses().iter().filter_map(|one| one.metadata.name.as_deref());
        let help = closest(name, names)
            .map_or_else(|| "kubectl get ingresses -A".to_owned(), |near| format!("did you mean `ingress/{near}`?"));
        let message = format!("no Ingress `{}` in namespace `{}`", name.escape_debug(), namespace.escape_debug());
        return Err(Error::usage_help(message, help));
    };
    Ok(Entry { ingress, controller: ingress::controller(objects, ingress) })
}

impl Entry<'_> {
    /// The question about the Service that leads to the controller, where one does.
    pub(super) fn question(&self, query: &Query) -> Option<Query> {
        let view = &self.controller.as_ref().ok()?.view;
        let target = Target::Service {
            namespace: Some(view.namespace.to_owned()),
            name: view.name.to_owned(),
            port: None,
            protocol: None,
        };
        Some(Query { target, ..query.clone() })
    }

    /// Adds the second half: from the controller to the pods.
    pub(super) fn add_to(&self, report: &mut Report, snapshot: &Snapshot, objects: &Objects) {
        let own = reference(self.ingress);
        match &self.controller {
            Ok(Controller { view, why, assumed }) => {
                let said = format!("Service {} leads to the controller of {own}: {why}", view.full_name());
                if *assumed { report.assumed.push(said) } else { report.notes.push(said) }
            }
            Err(several) => {
                let which = if several.is_empty() { String::new() } else { format!(" ({})", words::list(several)) };
                let summary = format!("which Service leads to the controller of {own} is not known{which}");
                let mut gap = Gap::new(Code::ObjectsNotRead, None, summary);
                gap.lost = Some("the way from clients to the controller".to_owned());
                gap.help = Some("kubectl svc-trace SERVICE traces it".to_owned());
                report.gaps.push(gap);
            }
        }
        let mut seen = BTreeSet::new();
        let index = Index::new(objects);
        for backend in backends(self.ingress) {
            let Some(view) = ServiceView::find(objects, &own.namespace, backend.service) else {
                report.notes.push(format!("{} → Service {}, which does not exist", backend.rule, backend.service));
                continue;
            };
            let endpoints = ServiceEndpoints::of(&index, &view);
            let ports: Vec<PortView<'_>> = view.ports.iter().filter(|port| backend.means(port)).cloned().collect();
            report.notes.push(self.way(&backend, &view, &endpoints, &ports));
            if !seen.insert((backend.service, backend.port())) {
                continue;
            }
            let context = Context {
                objects,
                index: &index,
                view: &view,
                endpoints: &endpoints,
                ports: &ports,
                missing: None,
                nodes: &[],
                client: None,
                at: snapshot.from.as_deref().or(snapshot.to.as_deref()),
            };
            let told = |finding: &crate::report::Finding| finding.code == Code::IngressBypassesService;
            report.findings.extend(super::object_findings(&context).into_iter().filter(|finding| !told(finding)));
            if !by_cluster_ip(self.ingress) && !view.cluster_ips.is_empty() {
                report.findings.push(bypass::bypass(&view, self.ingress, &backend, &[]));
            }
        }
        let whole = super::cluster_findings(objects);
        report.findings.extend(whole.into_iter().filter(|finding| super::concerns(finding, &own)));
        let mut known = BTreeSet::new();
        report.findings.retain(|finding| known.insert(finding.fingerprint()));
    }

    /// `shop.example/ → Service default/web:80 → 10.244.1.5:8080, by the controller itself`
    fn way(
        &self,
        backend: &Backend<'_>,
        view: &ServiceView<'_>,
        endpoints: &ServiceEndpoints<'_>,
        ports: &[PortView<'_>],
    ) -> String {
        let to = format!("{} → Service {}:{}", backend.rule, view.full_name(), backend.port());
        if by_cluster_ip(self.ingress) {
            let own: Vec<String> = view.cluster_ips.iter().map(ToString::to_string).collect();
            return format!("{to} → its cluster IP {}, as an annotation says", words::list(&own));
        }
        let mut addresses: Vec<String> = Vec::new();
        for port in ports {
            for family in view.families() {
                addresses.extend(endpoints.anywhere(port, family).cluster.iter().map(ToString::to_string));
            }
        }
        if !endpoints.were_read() {
            format!("{to} → endpoints that were not read")
        } else if addresses.is_empty() {
            format!("{to} → no endpoint")
        } else {
            format!("{to} → {}, by the controller itself", words::list(&addresses))
        }
    }
}
