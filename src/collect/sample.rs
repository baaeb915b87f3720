//! A few nodes that stand for all: spread over zones and kubelet versions, the same ones whenever it is asked.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Node;

/// Label that names a node's zone.
const ZONE: &str = "topology.kubernetes.io/zone";

/// `count` of these names: each time of the zone and the kubelet version that are seen least so far, the first by name.
#[must_use]
pub fn spread(nodes: &[Node], names: &[String], count: usize) -> Vec<String> {
    let mut groups: BTreeMap<(&str, &str), Vec<&String>> = BTreeMap::new();
    for name in names {
        let node = nodes.iter().find(|node| node.metadata.name.as_ref() == Some(name));
        let zone = node.and_then(|node| node.metadata.labels.as_ref()?.get(ZONE)).map(String::as_str);
        let version =
            node.and_then(|node| node.status.as_ref()?.node_info.as_ref()).map(|info| info.kubelet_version.as_str());
        groups.entry((version.unwrap_or_default(), zone.unwrap_or_default())).or_default().push(name);
    }
    for group in groups.values_mut() {
        group.sort();
        group.dedup();
    }
    let (mut zones, mut versions) = (BTreeMap::<&str, usize>::new(), BTreeMap::<&str, usize>::new());
    let mut taken: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut chosen = Vec::new();
    while chosen.len() < count {
        let left = groups.iter().filter_map(|(group, names)| {
            let turn = taken.get(group).copied().unwrap_or_default();
            Some((*group, turn, names.get(turn)?))
        });
        let known = |(version, zone): (&str, &str)| {
            let of = |seen: &BTreeMap<&str, usize>, name: &str| seen.get(name).copied().unwrap_or_default();
            of(&versions, version) + of(&zones, zone)
        };
        let Some((group, turn, name)) = left.min_by_key(|(group, turn, _)| (known(*group), *turn)) else { break };
        chosen.push((*name).clone());
        taken.insert(group, turn + 1);
        *versions.entry(group.0).or_default() += 1;
        *zones.entry(group.1).or_default() += 1;
    }
    chosen.sort();
    chosen
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn zones_and_versions_come_first() {
        let node = |name: &str, zone: &str, version: &str| -> Node {
            serde_json::from_value(json!({"metadata": {"name": name, "labels": {ZONE: zone}},
                "status": {"nodeInfo": {"kubeletVersion": version, "architecture": "", "bootID": "", "containerRuntimeVersion": "",
                    "kernelVersion": "", "kubeProxyVersion": "", "machineID": "", "operatingSystem": "", "osImage": "", "systemUUID": ""}}}))
            .unwrap()
        };
        let nodes = [
            node("a1", "a", "v1.34.0"),
            node("a2", "a", "v1.34.0"),
            node("a3", "a", "v1.33.0"),
            node("b1", "b", "v1.34.0"),
            node("b2", "b", "v1.34.0"),
        ];
        let names: Vec<String> = nodes.iter().filter_map(|node| node.metadata.name.clone()).rev().collect();
        assert_eq!(spread(&nodes, &names, 3), ["a1", "a3", "b1"]);
        assert_eq!(spread(&nodes, &names, 4), ["a1", "a3", "b1", "b2"]);
        assert_eq!(spread(&nodes, &names, 9).len(), 5);
        assert_eq!(spread(&[], &names, 2), ["a1", "a2"]);
        // few nodes are of all zones and of all versions
        let nodes =
            ["a", "b", "c"].map(|zone| ["v1.33.0", "v1.34.0"].map(|of| node(&format!("{zone}-{of}"), zone, of)));
        let nodes: Vec<Node> = nodes.into_iter().flatten().collect();
        let names: Vec<String> = nodes.iter().filter_map(|node| node.metadata.name.clone()).collect();
        assert_eq!(spread(&nodes, &names, 3), ["a-v1.33.0", "b-v1.34.0", "c-v1.33.0"]);
    }
}
