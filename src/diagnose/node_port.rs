//! ST807: a node port that was asked for at an address where kube-proxy does not serve node ports.

use crate::cluster::ServiceView;
use crate::cluster::expectation::Setting;
use crate::report::{AddressKind, Code, Finding};

use super::node::NodeResult;
use super::outcome::line;
use crate::dataplane::plane::Family;

/// Asked by address, the option that keeps node ports off it is what the user looks for.
#[must_use]
pub(super) fn address_not_served(
    service: &ServiceView<'_>,
    node: &NodeResult<'_>,
    asked: &dyn Fn(std::net::IpAddr) -> bool,
) -> Vec<Finding> {
    let path = node.paths.iter().find(|path| {
        path.info.address == AddressKind::NodePort
            && asked(path.info.to)
            && path.comparison.as_ref().is_some_and(|comparison| comparison.by == Some(Setting::NodePortAddresses))
    });
    let Some(path) = path else {
        return Vec::new();
    };
    let name = node.view.name;
    let mut finding = Finding::new(
        Code::NodeportAddressNotServed,
        format!("node port {} of {} is not served at {} of {name}", path.info.port, service.full_name(), path.info.to),
    );
    finding.node = Some(name.into());
    finding.object = Some(service.reference());
    let rules = node.plane.rules(Family::of(path.info.to));
    finding.evidence = rules
        .rulesets
        .iter()
        .filter_map(|loaded| loaded.body_of("nat", "KUBE-SERVICES"))
        .flat_map(|body| body.lines().iter().filter(|at| at.text.contains("-j KUBE-NODEPORTS")))
        .take(3)
        .map(|at| line(name, *at))
        .collect();
    finding
        .details
        .push("only the addresses of these rules are served: nodePortAddresses of kube-proxy decides".into());
    finding.help = Some("kubectl -n kube-system get configmap kube-proxy -o yaml".into());
    vec![finding]
}
