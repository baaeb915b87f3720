//! Which nodes are read, and why these. A pure choice among the nodes that the API named.

use k8s_openapi::api::core::v1::Node;

use super::config::{MAX_NODES, NodeChoice, WhichNodes};
use crate::report::{Code, Gap};
use crate::{Error, Result};

/// What the choice is made from.
#[derive(Debug, Default)]
pub struct Known<'a> {
    /// Nodes, if they could be listed.
    pub nodes: Option<&'a [Node]>,
    /// The node that the question itself decides, and the words for why.
    pub decided: Option<(String, String)>,
    /// Nodes of the Service's endpoints, in order.
    pub endpoints: Vec<String>,
    /// Nodes that the label selector gave, when one was given.
    pub selected: Option<Vec<String>>,
}

/// The nodes to read.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Chosen {
    /// Names.
    pub nodes: Vec<String>,
    /// In words.
    pub why: String,
    /// Nodes that were asked for and are not read.
    pub gaps: Vec<Gap>,
}

/// Chooses.
///
/// # Errors
/// A node was named that does not exist.
pub fn choose(choice: &NodeChoice, known: &Known<'_>) -> Result<Chosen> {
    let (mut names, why) = match (&known.decided, &choice.which) {
        (_, WhichNodes::Named(names)) => (names.clone(), "asked for by name".to_owned()),
        (Some((node, why)), _) => (vec![node.clone()], why.clone()),
        (None, WhichNodes::Selector(selector)) => {
            (known.selected.clone().unwrap_or_default(), format!("nodes with {selector}"))
        }
        (None, WhichNodes::All) => (all(known), "all nodes".to_owned()),
        (None, WhichNodes::Sample(count)) => sampled(known, *count),
        (None, WhichNodes::One) => return Ok(one(known)),
    };
    let mut seen = std::collections::BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
    if let Some(nodes) = known.nodes {
        for name in &names {
            if !nodes.iter().any(|node| node.metadata.name.as_deref() == Some(name)) {
                return Err(Error::usage_help(format!("no node `{name}`"), "kubectl get nodes"));
            }
        }
    }
    if names.is_empty() && known.nodes.is_none() {
        let gap = Gap::new(Code::RbacDenied, None, format!("{why} cannot be read: you may not list nodes"));
        let lost = Some("what nodes' rules do".to_owned());
        let help = Some("kubectl auth can-i list nodes; --node NAME where you know one".to_owned());
        return Ok(Chosen { nodes: Vec::new(), why, gaps: vec![Gap { lost, help, ..gap }] });
    }
    if names.is_empty() {
        return Err(Error::usage_help(format!("there are no {why}"), "kubectl get nodes --show-labels"));
    }
    let mut gaps = Vec::new();
    let max = choice.max.unwrap_or(MAX_NODES);
    if names.len() > max {
        gaps.push(Gap {
            lost: Some(format!("the rules of {} nodes", names.len() - max)),
            help: Some(format!("--max-nodes {}", names.len())),
            ..Gap::new(Code::NodeNotCollected, None, format!("{max} of {} nodes are read", names.len()))
        });
        names.truncate(max);
    }
    let mut chosen = Chosen { nodes: Vec::new(), why, gaps };
    for name in names {
        match known.nodes.and_then(|nodes| unreadable(nodes, &name)) {
            Some(gap) => chosen.gaps.push(gap),
            None => chosen.nodes.push(name),
        }
    }
    Ok(chosen)
}

/// So many nodes that can be read; those that cannot are among them as well, so that they are told of.
fn sampled(known: &Known<'_>, count: usize) -> (Vec<String>, String) {
    let nodes = known.nodes.unwrap_or_default();
    let (mut silent, readable): (Vec<String>, Vec<String>) =
        all(known).into_iter().partition(|name| unreadable(nodes, name).is_some());
    let total = readable.len() + silent.len();
    if readable.len() <= count {
        silent.extend(readable);
        silent.sort();
        return (silent, "all nodes".to_owned());
    }
    let mut chosen = super::sample::spread(nodes, &readable, count);
    let why = format!("{} of {total} nodes, spread over zones and versions", chosen.len());
    // a node that the API itself takes for dead is no matter of chance
    silent.retain(|name| unreadable(nodes, name).is_some_and(|gap| gap.counts));
    chosen.extend(silent);
    (chosen, why)
}

fn all(known: &Known<'_>) -> Vec<String> {
    match known.nodes {
        Some(nodes) => nodes.iter().filter_map(|node| node.metadata.name.clone()).collect(),
        None => known.endpoints.clone(),
    }
}

/// Whether the API says that a node is Ready.
fn is_ready(nodes: &[Node], name: &str) -> bool {
    let node = nodes.iter().find(|node| node.metadata.name.as_deref() == Some(name));
    let conditions = node.and_then(|node| node.status.as_ref()?.conditions.as_ref());
    conditions.is_some_and(|list| list.iter().any(|one| one.type_ == "Ready" && one.status == "True"))
}

/// One node, rather a Ready one, and rather one that runs an endpoint: a pod there shows most of the paths.
fn one(known: &Known<'_>) -> Chosen {
    let readable =
        |name: &String| known.nodes.is_none_or(|nodes| is_listed(nodes, name) && unreadable(nodes, name).is_none());
    let is_ready = |name: &str| known.nodes.map(|nodes| is_ready(nodes, name));
    let mut endpoints: Vec<_> = known.endpoints.iter().filter(|name| readable(name)).collect();
    endpoints.sort_by_key(|name| (is_ready(name) == Some(false), *name));
    if let Some(name) = endpoints.first() {
        let why = match is_ready(name) {
            Some(true) => "Ready, and runs an endpoint of the Service",
            Some(false) => "runs an endpoint of the Service, and is not Ready",
            None => "runs an endpoint of the Service",
        };
        return Chosen { nodes: vec![(*name).clone()], why: why.into(), gaps: Vec::new() };
    }
    let Some(nodes) = known.nodes else { return Chosen::default() };
    let mut names: Vec<_> = nodes.iter().filter_map(|node| node.metadata.name.clone()).filter(readable).collect();
    names.sort_by_key(|name| (is_ready(name) == Some(false), name.clone()));
    match names.into_iter().next() {
        Some(name) => {
            let ready = is_ready(&name) == Some(true);
            let why = if ready { "the first Ready node by name" } else { "the first node by name, none is Ready" };
            Chosen { nodes: vec![name], why: why.into(), gaps: Vec::new() }
        }
        None => Chosen {
            nodes: Vec::new(),
            why: "no node is Ready".into(),
            gaps: nodes.iter().filter_map(|node| unreadable(nodes, node.metadata.name.as_deref()?)).take(3).collect(),
        },
    }
}

fn is_listed(nodes: &[Node], name: &str) -> bool {
    nodes.iter().any(|node| node.metadata.name.as_deref() == Some(name))
}

/// Why a node cannot be read, if that is known before trying.
fn unreadable(nodes: &[Node], name: &str) -> Option<Gap> {
    let node = nodes.iter().find(|node| node.metadata.name.as_deref() == Some(name))?;
    let label = |key: &str| node.metadata.labels.as_ref().and_then(|labels| labels.get(key)).map(String::as_str);
    let foreign = |what: &str| {
        Some(Gap {
            counts: false,
            ..Gap::new(
                Code::DataplaneNotModelled,
                Some(name),
                format!("node {name} is {what}: it has no rules to read"),
            )
        })
    };
    if label("kubernetes.io/os") == Some("windows") {
        return foreign("a Windows node");
    }
    if label("eks.amazonaws.com/compute-type") == Some("fargate") {
        return foreign("a Fargate node");
    }
    if label("type") == Some("virtual-kubelet") {
        return foreign("a virtual node");
    }
    let ready = node.status.as_ref()?.conditions.as_ref()?.iter().find(|condition| condition.type_ == "Ready")?;
    // `Unknown` is written by the node lifecycle controller when the kubelet no longer reports.
    (ready.status == "Unknown").then(|| Gap {
        lost: Some(format!("the rules of node {name}")),
        help: Some(format!("kubectl describe node {name}")),
        ..Gap::new(
            Code::KubeletPortBlocked,
            Some(name),
            format!("the kubelet of {name} no longer reports (Ready is Unknown)"),
        )
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]
mod tests {
    use super::*;
    use serde_json::json;

    fn nodes() -> Vec<Node> {
        let node = |name: &str, os: &str, ready: &str| {
            serde_json::from_value(json!({
                "metadata": {"name": name, "labels": {"kubernetes.io/os": os}},
                "status": {"conditions": [{"type": "Ready", "status": ready}]},
            }))
            .unwrap()
        };
        vec![
            node("a", "linux", "Unknown"),
            node("b", "linux", "True"),
            node("c", "linux", "True"),
            node("w", "windows", "True"),
        ]
    }

    #[track_caller]
    fn case(which: WhichNodes, decided: Option<&str>, endpoints: &[&str], expected: &[&str], gaps: &[(Code, bool)]) {
        let nodes = nodes();
        let known = Known {
            nodes: Some(&nodes),
            decided: decided.map(|node| (node.to_owned(), "the node of pod x".to_owned())),
            endpoints: endpoints.iter().map(|&name| name.to_owned()).collect(),
            selected: Some(vec!["c".into()]),
        };
        let chosen = choose(&NodeChoice { which, max: None }, &known).unwrap();
        assert_eq!(chosen.nodes, expected);
        assert_eq!(chosen.gaps.iter().map(|gap| (gap.code, gap.counts)).collect::<Vec<_>>(), gaps);
        assert!(!chosen.why.is_empty());
    }

    #[test]
    fn which_nodes() {
        let silent = (Code::KubeletPortBlocked, true);
        let windows = (Code::DataplaneNotModelled, false);
        case(WhichNodes::One, None, &[], &["b"], &[]);
        case(WhichNodes::One, None, &["c"], &["c"], &[]);
        case(WhichNodes::One, None, &["a", "w", "gone"], &["b"], &[]);
        case(WhichNodes::One, Some("c"), &["b"], &["c"], &[]);
        case(WhichNodes::All, None, &[], &["b", "c"], &[silent, windows]);
        case(WhichNodes::Selector("x=y".into()), None, &[], &["c"], &[]);
        case(WhichNodes::Named(vec!["c".into(), "c".into(), "a".into()]), Some("b"), &[], &["c"], &[silent]);
    }

    #[test]
    fn more_than_the_limit_is_a_gap() {
        let nodes = nodes();
        let known = Known { nodes: Some(&nodes), ..Known::default() };
        let chosen =
            choose(&NodeChoice { which: WhichNodes::Named(vec!["b".into(), "c".into()]), max: Some(1) }, &known)
                .unwrap();
        assert_eq!(chosen.nodes, ["b"]);
        assert_eq!(chosen.gaps[0].code, Code::NodeNotCollected);
    }

    #[test]
    fn a_node_that_is_not_there() {
        let nodes = nodes();
        let known = Known { nodes: Some(&nodes), ..Known::default() };
        let which = WhichNodes::Named(vec!["x".into()]);
        assert!(matches!(choose(&NodeChoice { which, max: None }, &known), Err(Error::Usage { .. })));
    }

    #[test]
    fn without_the_right_to_list_nodes() {
        let known = Known { endpoints: vec!["b".into()], ..Known::default() };
        assert_eq!(choose(&NodeChoice::default(), &known).unwrap().nodes, ["b"]);
        assert!(choose(&NodeChoice::default(), &Known::default()).unwrap().nodes.is_empty());
    }
}
