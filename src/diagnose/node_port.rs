//! ST807: a node port that was asked for at an address where kube-proxy does not serve node ports.

use crate::cluster::ServiceView;
use crate::cluster::expectation::Setting;
use crate::report::{AddressKind, Code, Evidence, Finding, Severity};

use super::mode::ModeKind;
use super::nft_table;
use super::node::{NodeResult, PathResult};
use super::outcome::line;
use crate::dataplane::plane::Family;

/// Asked by address, the option that keeps node ports off it is what the user looks for.
#[must_use]
pub(super) fn address_not_served(
    service: &ServiceView<'_>,
    node: &NodeResult<'_>,
    asked: &dyn Fn(std::net::IpAddr) -> bool,
) -> Vec<Finding> {
    let nft = node.mode.kind == ModeKind::Nftables;
    let path = node.paths.iter().find(|path| {
        let by = path.comparison.as_ref().and_then(|comparison| comparison.by);
        asked(path.info.to)
            && match path.info.address {
                AddressKind::NodePort => by == Some(Setting::NodePortAddresses),
                AddressKind::LocalhostNodePort => by == Some(Setting::LocalhostNodePorts) && nft,
                AddressKind::ClusterIp | AddressKind::ExternalIp | AddressKind::LoadBalancer | AddressKind::Plain => {
                    false
                }
            }
    });
    let Some(path) = path else {
        return Vec::new();
    };
    let name = node.view.name;
    if nft {
        return vec![in_nftables_mode(service, node, path)];
    }
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
        .flat_map(|body| body.lines().filter(|at| at.text.contains("-j KUBE-NODEPORTS")))
        .take(3)
        .map(|at| line(name, at))
        .collect();
    finding
        .details
        .push("only the addresses of these rules are served: nodePortAddresses of kube-proxy decides".into());
    finding.help = Some("kubectl -n kube-system get configmap kube-proxy -o yaml".into());
    vec![finding]
}

/// ST507 and ST508: nftables mode serves node ports on some addresses, and on 127.0.0.1 never
/// (kube-proxy pkg/proxy/nftables/proxier.go, to 1.36).
fn in_nftables_mode(service: &ServiceView<'_>, node: &NodeResult<'_>, path: &PathResult<'_>) -> Finding {
    let name = node.view.name;
    let here = path.info.address == AddressKind::LocalhostNodePort;
    let code = if here { Code::NftLocalhostNodeport } else { Code::NftNodeportAddress };
    let mut finding = Finding::new(
        code,
        format!("node port {} of {} is not served at {} of {name}", path.info.port, service.full_name(), path.info.to),
    );
    finding.severity = Severity::Error;
    finding.node = Some(name.into());
    finding.object = Some(service.reference());
    let table = nft_table::table(&node.plane, Family::of(path.info.to));
    let gate = table.and_then(nft_table::node_port_gate);
    finding.evidence =
        gate.into_iter().chain(table.and_then(nft_table::node_addresses)).map(|at| line(name, at)).collect();
    if finding.evidence.is_empty() {
        let text = "kube-proxy runs in nftables mode".to_owned();
        finding.evidence.push(Evidence::Fact { node: Some(name.into()), text });
    }
    let (detail, help) = if here {
        ("nftables mode does not serve node ports on loopback addresses", "kubectl get nodes -o wide")
    } else {
        (
            "only the addresses of this set are served: nodePortAddresses of kube-proxy decides, by default the primary ones",
            "kubectl -n kube-system get configmap kube-proxy -o yaml",
        )
    };
    finding.details.push(detail.into());
    finding.help = Some(help.into());
    finding
}
