//! ST509: kube-proxy is configured for nftables mode, and does not start with the node's kernel.

use crate::collect::snapshot::Objects;
use crate::report::{Code, Confidence, Evidence, Finding};

use super::kernel;
use super::local_detection::proxy_config;
use super::mode::ModeKind;
use super::node::NodeResult;

/// The oldest kernel that the mode starts with (kubernetes pkg/util/kernel/constants.go, NFTablesKubeProxyKernelVersion;
/// pkg/proxy/nftables/proxier.go, getNFTablesInterface).
const OLDEST: (u32, u32) = (5, 13);

/// The node's kernel is older than that, and the mode's table is not there.
#[must_use]
pub(super) fn too_old(objects: &Objects, node: &NodeResult<'_>) -> Vec<Finding> {
    let Some((object, config)) = proxy_config(objects) else {
        return Vec::new();
    };
    let mode = config.lines().find_map(|line| line.strip_prefix("mode:")).map(|mode| mode.trim().trim_matches('"'));
    let kernel = kernel::of(objects, node).filter(|kernel| kernel::version(kernel).is_some_and(|is| is < OLDEST));
    let (Some("nftables"), Some(kernel)) = (mode, kernel) else {
        return Vec::new();
    };
    // whoever wrote the table had the check switched off
    if matches!(node.mode.kind, ModeKind::Nftables | ModeKind::Replaced(_) | ModeKind::NotRead) {
        return Vec::new();
    }
    let name = node.view.name;
    let (major, minor) = OLDEST;
    let mut finding = Finding::new(
        Code::NftKernelOrModules,
        format!(
            "kube-proxy does not start on {name}: its nftables mode needs Linux {major}.{minor}, and this is {kernel}"
        ),
    );
    finding.node = Some(name.into());
    finding.confidence = Confidence::Likely;
    finding.evidence = vec![
        Evidence::Field { object, field: "mode".into(), value: "nftables".into() },
        Evidence::Fact { node: Some(name.into()), text: format!("kernel {kernel}") },
    ];
    finding.help = Some(format!("kubectl -n kube-system get pods -o wide --field-selector spec.nodeName={name}"));
    vec![finding]
}
