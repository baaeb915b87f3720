//! Names of addresses: `1.0.96.10.in-addr.arpa`.

use std::net::IpAddr;

use hickory_resolver::proto::rr::Name;

use crate::cluster::ServiceView;
use crate::cluster::endpoints::slice_service;
use crate::order;

use super::endpoints::endpoints;
use super::{Entry, Meaning, Missing, ServiceName, Zone, name};

/// The address that a name is of, where it is of a whole one.
pub(super) fn address(name: &Name) -> Option<IpAddr> {
    let net = name.parse_arpa_name().ok()?;
    (net.prefix_len() == net.max_prefix_len()).then(|| net.addr())
}

impl Zone<'_> {
    /// A cluster IP is its Service's; any other address is the endpoint's of whichever Service has it
    /// (plugin/kubernetes/reverse.go, `serviceRecordForIP`).
    pub(super) fn reverse(&self, full: Name, ip: IpAddr) -> Entry {
        let mut entry = Entry::bare(full, Meaning::Reverse(ip));
        let called = |view: &ServiceView<'_>| ServiceName { namespace: view.namespace.into(), name: view.name.into() };
        let shown = |view: &ServiceView<'_>| self.shows(view.namespace);
        if let Some(view) = ServiceView::all(self.objects).find(|view| view.cluster_ips.contains(&ip) && shown(view)) {
            entry.pointers.extend(called(&view).in_domain(&self.domain));
            return entry;
        }
        for view in self.behind(ip).into_iter().filter(shown) {
            let Some(base) = called(&view).in_domain(&self.domain) else { continue };
            for endpoint in endpoints(self.objects, &view).unwrap_or_default() {
                if endpoint.ip == ip && endpoint.ready {
                    entry.pointers.extend(name::within(&self.label(&endpoint), &base));
                }
            }
        }
        if entry.pointers.is_empty() {
            entry.is = Meaning::Missing(Missing::Address(ip));
            let whole = self.objects.is_whole("services") && self.objects.is_whole("endpointslices");
            entry.unsure = (!whole).then(|| "not all Services and slices were read".into());
        }
        entry
    }

    /// The Services that have an endpoint with this address.
    fn behind(&self, ip: IpAddr) -> Vec<ServiceView<'_>> {
        let text = ip.to_string();
        let slices = self
            .objects
            .slices()
            .iter()
            .filter(|slice| slice.endpoints.iter().flatten().any(|endpoint| endpoint.addresses.contains(&text)));
        let mut names: Vec<(&str, &str)> =
            slices.filter_map(|slice| Some((slice.metadata.namespace.as_deref()?, slice_service(slice)?))).collect();
        if self.objects.slices.is_none() {
            let all = self.objects.endpoints().iter();
            names.extend(
                all.filter_map(|one| Some((one.metadata.namespace.as_deref()?, one.metadata.name.as_deref()?))),
            );
        }
        order::sort(&mut names);
        names.dedup();
        names.into_iter().filter_map(|(namespace, name)| ServiceView::find(self.objects, namespace, name)).collect()
    }
}
