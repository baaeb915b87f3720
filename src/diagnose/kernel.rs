//! Which kernel and which Kubernetes a node has, as far as versions decide something.

use crate::collect::snapshot::Objects;

use super::node::NodeResult;

/// The node's kernel: of its Node object, or of `/proc/version`.
pub(super) fn of(objects: &Objects, node: &NodeResult<'_>) -> Option<String> {
    let of_object = objects
        .nodes()
        .iter()
        .find(|object| object.metadata.name.as_deref() == Some(node.view.name))
        .and_then(|object| Some(object.status.as_ref()?.node_info.as_ref()?.kernel_version.clone()))
        .filter(|version| !version.is_empty());
    of_object.or_else(|| {
        let text = &node.plane.dumps.dumps.get("proc-version")?.text;
        text.strip_prefix("Linux version ")?.split(' ').next().map(ToOwned::to_owned)
    })
}

/// `v1.34.4`, `5.4.0-42-generic`: the first two numbers.
pub(super) fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.trim_start_matches('v').split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}
