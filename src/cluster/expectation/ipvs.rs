//! What ipvs mode makes of the same objects where it differs from the other modes by design: virtual servers know no
//! silence, and one list of servers for all clients. Source: kube-proxy pkg/proxy/ipvs/proxier.go syncEndpoint.

use crate::report::{AddressKind, Origin};

use super::super::endpoints::PortEndpoints;
use super::super::paths::PathSpec;
use super::super::service::{Policy, ServiceView};
use super::{Alternative, Expectation, Masquerade, Promise, Setting};

impl Expectation {
    /// Adds what is right in ipvs mode as well.
    #[must_use]
    pub fn in_ipvs_mode(mut self, view: &ServiceView<'_>, path: &PathSpec<'_>, endpoints: &PortEndpoints<'_>) -> Self {
        let policy = match path.kind {
            AddressKind::ClusterIp => view.internal,
            AddressKind::ExternalIp
            | AddressKind::LoadBalancer
            | AddressKind::NodePort
            | AddressKind::LocalhostNodePort => view.external,
            AddressKind::Plain => return self,
        };
        let shut = matches!(&self.promise, Promise::Dropped(_)) && !endpoints.of(policy).is_empty();
        if policy == Policy::Cluster || !endpoints.has_any || shut || matches!(self.promise, Promise::Unknown(_)) {
            return self;
        }
        let mut right = |promise| self.also_acceptable.push(Alternative { promise, because: Setting::Ipvs });
        if endpoints.local.is_empty() {
            // With no server of its own the virtual server has all, or none where only Local is asked for.
            right(Promise::Endpoints(endpoints.cluster.clone()));
            right(Promise::Refused(format!("the policy is Local and no endpoint is on {}", path.client.node)));
        } else {
            right(Promise::Endpoints(endpoints.local.clone()));
        }
        // What is kept local is not marked, whoever sends it.
        if path.kind != AddressKind::ClusterIp && path.client.origin == Origin::Node {
            self.masquerade = Masquerade::Either;
        }
        self
    }
}
