//! One node, questioned: which paths there are, where each goes, and how that compares with the promise.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use crate::cluster::expectation::{Expectation, Setting, Surroundings, expectation};
use crate::cluster::service::ServiceView;
use crate::cluster::{Index, NodeView, PathSpec, PortEndpoints, PortView, ServiceEndpoints, paths};
use crate::collect::snapshot::{NodeDumps, Objects};
use crate::dataplane::iptables::Body;
use crate::dataplane::iptables::rule::{Side, Test};
use crate::dataplane::ipvs::Key;
use crate::dataplane::plane::{Family, Plane, Read, dumps_of};
use crate::order;
use crate::query::Query;
use crate::report::{AddressKind, Code, Gap, Origin, PathInfo, PathState, Trace};
use crate::walk::packet::{Entry, Outcome, Packet, Protocol};
use crate::walk::{Ends, walk};

use super::clients::{Clients, Place};
use super::compare::{Comparison, compare, strictly};
use super::mode::{Mode, ModeKind, detect_with};
use super::outcome::{Behind, outcomes};

/// What the paths of a node lead to.
pub struct NodeResult<'snap> {
    /// The node as the API describes it.
    pub view: NodeView<'snap>,
    /// The node as its kernel does.
    pub plane: Arc<Plane<'snap>>,
    /// How it serves Services.
    pub mode: Mode,
    /// Every path, walked.
    pub paths: Vec<PathResult<'snap>>,
    /// What could not be looked at.
    pub gaps: Vec<Gap>,
    /// What stands for what.
    pub said: Vec<String>,
    /// Who sends.
    pub clients: Vec<crate::cluster::Client>,
}

/// One node, read: what all questions about it have in common.
pub struct NodePlane<'snap> {
    view: NodeView<'snap>,
    plane: Arc<Plane<'snap>>,
    mode: Mode,
    addresses: Vec<IpAddr>,
}

impl<'snap> NodePlane<'snap> {
    /// Reads a node's dumps.
    #[must_use]
    pub fn read(objects: &'snap Objects, name: &'snap str, dumps: &'snap NodeDumps) -> Self {
        let view = NodeView::find(objects, name);
        let plane = Plane::new(name, dumps, &view.addresses).with_agents(super::agents::of_node(objects, name));
        let mode = detect_with(&plane, objects);
        let addresses = node_addresses(&view, &plane);
        Self { view, plane: Arc::new(plane), mode, addresses }
    }

    /// Where packets end on it.
    pub(super) fn ends(&self) -> Ends<'_, 'snap> {
        Ends::new(&self.plane)
    }

    /// Whether the ends of packets tell that paths are as promised: IPVS and userspace mode look at hops, too.
    pub(super) const fn tells_by_ends(&self) -> bool {
        matches!(self.mode.kind, ModeKind::Iptables(_) | ModeKind::Nftables)
    }

    /// The node with nothing walked yet.
    #[must_use]
    pub fn result(&self) -> NodeResult<'snap> {
        NodeResult {
            view: self.view.clone(),
            plane: Arc::clone(&self.plane),
            mode: self.mode.clone(),
            paths: Vec::new(),
            gaps: Vec::new(),
            said: Vec::new(),
            clients: Vec::new(),
        }
    }
}

/// One path, walked and compared.
pub struct PathResult<'snap> {
    /// The path.
    pub info: PathInfo,
    /// Its Service port, if it is a Service's.
    pub port: Option<PortView<'snap>>,
    /// What the objects promise, if they promise anything.
    pub expectation: Option<Expectation>,
    /// Every way it can go.
    pub outcomes: Vec<Outcome<'snap>>,
    /// How they compare.
    pub comparison: Option<Comparison>,
}

impl PathResult<'_> {
    /// How it compares, in one word.
    #[must_use]
    pub fn state(&self) -> PathState {
        self.comparison.as_ref().map_or(PathState::NotCompared, |comparison| comparison.state)
    }

    /// For the report.
    #[must_use]
    pub fn trace(&self, behind: &Behind) -> Trace {
        let mut list = outcomes(&self.info.node, &self.outcomes, behind);
        // Where nothing is promised that is known, nothing was compared.
        let compared = self.comparison.as_ref().filter(|comparison| comparison.state != PathState::NotCompared);
        if let Some(comparison) = compared {
            for (outcome, promised) in list.iter_mut().zip(&comparison.promised) {
                let wrong = !promised && outcome.depends_on.is_empty();
                outcome.expected = if *promised { Some(true) } else { wrong.then_some(false) };
            }
        }
        let undecided = self.outcomes.iter().any(|o| o.disposition == crate::report::Disposition::Indeterminate);
        let state = if self.comparison.is_none() && undecided { PathState::Undecided } else { self.state() };
        Trace {
            path: self.info.clone(),
            state,
            expected: self.expectation.as_ref().map(|expected| expected.promise.to_string()),
            trouble: self
                .comparison
                .as_ref()
                .and_then(|c| super::trouble::of(c, self.expectation.as_ref(), &self.outcomes)),
            outcomes: list,
        }
    }
}

/// How packets are followed: with their hops, or to their ends alone.
type Walk<'w, 'snap> = &'w mut dyn FnMut(&Packet) -> Vec<Outcome<'snap>>;

/// What is asked of a node.
#[derive(Clone, Copy)]
pub struct Question<'a, 'snap> {
    /// Objects.
    pub objects: &'snap Objects,
    /// The same, to be looked up.
    pub index: &'a Index<'snap>,
    /// The question.
    pub query: &'a Query,
    /// The Service and its endpoints, if it is about one.
    pub service: Option<(&'a ServiceView<'snap>, &'a [PortView<'snap>], &'a ServiceEndpoints<'snap>)>,
    /// The one address that is meant.
    pub only: Option<IpAddr>,
    /// An address that is no Service's.
    pub plain: Option<(IpAddr, u16, Protocol)>,
    /// A Service by name where no Services were read: its addresses are those of the node's own rules.
    pub by_name: Option<(&'a str, &'a str)>,
}

impl<'snap> Question<'_, 'snap> {
    /// Asks one node.
    #[must_use]
    pub fn ask(self, name: &'snap str, dumps: &'snap NodeDumps) -> NodeResult<'snap> {
        self.ask_of(&NodePlane::read(self.objects, name, dumps))
    }

    /// Asks one node that is read already.
    #[must_use]
    pub fn ask_of(self, node: &NodePlane<'snap>) -> NodeResult<'snap> {
        self.follow(node, &mut |packet| walk(&node.plane, packet))
    }

    /// Asks where packets end and not how they come there: outcomes have no hops.
    #[must_use]
    pub(super) fn ask_for_ends(self, node: &NodePlane<'snap>, ends: &mut Ends<'_, 'snap>) -> NodeResult<'snap> {
        self.follow(node, &mut |packet| ends.of(packet))
    }

    fn follow(self, node: &NodePlane<'snap>, walk: Walk<'_, 'snap>) -> NodeResult<'snap> {
        let mut result = node.result();
        let needs_no_node = self.service.is_some_and(|(view, _, _)| view.not_programmed().is_some());
        if needs_no_node {
            return result;
        }
        Self::not_walked(&mut result);
        if !result.mode.kind.is_walked() {
            return result;
        }
        let here = Place { view: &result.view, plane: &result.plane, objects: self.objects, index: self.index };
        let service = self.service.map(|(view, _, _)| view);
        let mut plain: Vec<(IpAddr, u16, Protocol)> = self.plain.into_iter().collect();
        if let Some((namespace, name)) = self.by_name {
            plain.extend(super::leftovers::addresses_of_name(&result.plane, namespace, name));
            if plain.is_empty() {
                result.said.push(format!("no rule of this node names {namespace}/{name}"));
            } else {
                result.said.push(format!("the addresses of {namespace}/{name} are those that the node's rules name"));
            }
        }
        let families = self.families(&plain);
        let clients = Clients::of(here, service, &families, self.query.from.as_ref(), &self.query.namespace);
        let found = self.walk_all(&result, &node.addresses, &clients, &plain, walk);
        result.said.extend(clients.said);
        result.clients = clients.list;
        let mut assumed: Vec<String> = families.iter().flat_map(|family| result.plane.assumed(*family)).collect();
        assumed.dedup();
        result.said.extend(assumed);
        result.paths = found;
        let cached = super::outsiders::node_caches(&result.plane, &result.paths);
        result.said.extend(cached);
        Self::unread_families(&mut result);
        unserved_families(&mut result);
        result
    }

    /// Families of the addresses that are asked about.
    fn families(self, plain: &[(IpAddr, u16, Protocol)]) -> Vec<Family> {
        let of_service = self.service.map(|(view, _, _)| view);
        let addresses = of_service.into_iter().flat_map(|view| {
            view.cluster_ips
                .iter()
                .chain(&view.external_ips)
                .copied()
                .chain(view.load_balancer_ips())
                .collect::<Vec<_>>()
        });
        let mut families: Vec<Family> =
            addresses.chain(self.only).chain(plain.iter().map(|(ip, _, _)| *ip)).map(Family::of).collect();
        if let Some(only) = self.only {
            families.retain(|family| *family == Family::of(only));
        }
        order::sort(&mut families);
        families.dedup();
        families
    }

    /// Says of a node whose mode is not walked, or not to its end, that it is not.
    pub(super) fn not_walked(result: &mut NodeResult<'snap>) {
        let name = result.view.name;
        let gap = match result.mode.kind {
            ModeKind::Iptables(_) | ModeKind::Nftables | ModeKind::Ipvs | ModeKind::Replaced(_) | ModeKind::None => {
                return;
            }
            ModeKind::NotRead => failed(result, &[Family::V4, Family::V6])
                .unwrap_or_else(|| Gap::new(Code::NodeNotCollected, Some(name), "no rules of this node were read")),
            ModeKind::Userspace => {
                let mut gap = Gap::new(
                    Code::DataplaneNotModelled,
                    Some(name),
                    "kube-proxy in userspace mode connects to endpoints itself, and no table tells to which",
                );
                gap.lost = Some("what becomes of connections behind kube-proxy's own ports".into());
                gap
            }
        };
        // One gap a node is enough: what the collector said of it tells more.
        result.gaps.push(gap);
    }

    /// Paths of a family of which no rules were read are not walked.
    fn unread_families(result: &mut NodeResult<'snap>) {
        for family in [Family::V4, Family::V6] {
            let asked = result.paths.iter().any(|path| Family::of(path.info.to) == family);
            if asked && result.plane.rules(family).read == Read::No {
                let [dump, ..] = dumps_of(family);
                let mut gap = failed(result, &[family]).unwrap_or_else(|| {
                    Gap::new(
                        Code::NodeNotCollected,
                        Some(result.view.name),
                        format!("{dump} of this node was not read"),
                    )
                });
                gap.lost = Some(format!("paths to {} addresses", family.as_str()));
                result.gaps.push(gap);
                result.paths.retain(|path| Family::of(path.info.to) != family);
            }
        }
    }

    fn walk_all(
        self,
        node: &NodeResult<'snap>,
        addresses: &[IpAddr],
        clients: &Clients,
        plain: &[(IpAddr, u16, Protocol)],
        walk: Walk<'_, 'snap>,
    ) -> Vec<PathResult<'snap>> {
        let around = Surroundings { node_addresses: addresses, pod_ranges: self.index.pod_ranges() };
        let Some((view, ports, endpoints)) = self.service else {
            return walk_plain(node, clients, plain, walk);
        };
        let mut asked: Vec<IpAddr> = addresses.to_vec();
        let mut sorted: BTreeMap<(&str, Protocol, crate::cluster::Family), PortEndpoints<'snap>> = BTreeMap::new();
        asked.extend(self.only.filter(|only| node.plane.links.is_local(*only).is_yes() && !addresses.contains(only)));
        paths(view, ports, &asked, &clients.list)
            .into_iter()
            .filter(|spec| self.only.is_none_or(|only| spec.to.ip() == only))
            .filter(|spec| is_of_use(spec, view))
            .map(|spec| {
                let on_node = sorted
                    .entry((spec.port.name, spec.port.protocol, spec.family()))
                    .or_insert_with(|| endpoints.on_node(view, &spec.port, spec.family(), &node.view));
                let mut spec = spec;
                chosen_source(&mut spec, &node.plane);
                let mut expected = expectation(view, &spec, on_node, around);
                if node.mode.kind == ModeKind::Ipvs {
                    expected = expected.in_ipvs_mode(view, &spec, on_node);
                }
                walk_one(node, spec.info(), Some(spec.port), Some(expected), walk)
            })
            .collect()
    }
}

/// Paths to addresses of which nothing is promised.
fn walk_plain<'snap>(
    node: &NodeResult<'snap>,
    clients: &Clients,
    plain: &[(IpAddr, u16, Protocol)],
    walk: Walk<'_, 'snap>,
) -> Vec<PathResult<'snap>> {
    let mut paths = Vec::new();
    for (to, port, protocol) in plain {
        for client in clients.list.iter().filter(|client| client.address.is_ipv4() == to.is_ipv4()) {
            let from = match node.plane.links.source_for(*to).address() {
                Some(source) if client.address.is_unspecified() => source,
                _ => client.address,
            };
            let info = PathInfo {
                node: node.view.name.into(),
                origin: client.origin,
                client: client.name.clone(),
                client_is_endpoint: false,
                interface: client.interface.clone(),
                from,
                to: *to,
                port: *port,
                protocol: protocol.as_str().into(),
                address: AddressKind::Plain,
                port_name: String::new(),
            };
            paths.push(walk_one(node, info, None, None, walk));
        }
    }
    paths
}

/// A kube-proxy of one family leaves the other alone. That cannot be told from one whose rules were all flushed, so the
/// paths of that family stay undecided.
fn unserved_families(result: &mut NodeResult<'_>) {
    let nft = result.mode.kind == ModeKind::Nftables;
    let in_nft = |family| nft && super::nft_table::table(&result.plane, family).is_some();
    let serves =
        |family| in_nft(family) || (!nft && result.plane.rules(family).rulesets.iter().any(super::mode::serves));
    let any_of_proxy = |family| {
        if nft {
            return in_nft(family);
        }
        let tables = result.plane.rules(family).rulesets.iter().flat_map(|loaded| &loaded.ruleset.tables);
        tables.flat_map(|table| &table.chains).any(|chain| PROXY_CHAINS.contains(&chain.name))
    };
    for (family, other) in [(Family::V4, Family::V6), (Family::V6, Family::V4)] {
        let both = [family, other].iter().all(|one| result.paths.iter().any(|path| Family::of(path.info.to) == *one));
        if both && serves(other) && !serves(family) && !any_of_proxy(family) {
            result.said.push(format!(
                "there is nothing of kube-proxy for {} here: it serves {} alone, or its rules are gone",
                family.as_str(),
                other.as_str()
            ));
            for path in result.paths.iter_mut().filter(|path| Family::of(path.info.to) == family) {
                if let Some(comparison) = &mut path.comparison {
                    comparison.state = PathState::Undecided;
                }
            }
        }
    }
}

/// Chains that kube-proxy alone makes, in any table.
const PROXY_CHAINS: [&str; 4] = ["KUBE-PROXY-CANARY", "KUBE-SERVICES", "KUBE-FORWARD", "KUBE-EXTERNAL-SERVICES"];

/// The command whose failure leaves these families without rules.
fn failed(result: &NodeResult<'_>, families: &[Family]) -> Option<Gap> {
    let dumps = &result.plane.dumps.dumps;
    families.iter().flat_map(|family| dumps_of(*family)).find_map(|name| {
        let dump = dumps.get(name)?;
        let exit = dump.exit.filter(|exit| *exit != 0)?;
        let said = dump.stderr.lines().next().unwrap_or_default();
        let summary = format!("{name} ended with status {exit}{}{said}", if said.is_empty() { "" } else { ": " });
        Some(Gap::new(Code::ToolMissingOrCrashed, Some(result.view.name), summary))
    })
}

/// A client that stands in the source ranges is of use where they are looked at.
fn is_of_use(spec: &PathSpec<'_>, view: &ServiceView<'_>) -> bool {
    let stand_in = spec.client.origin == Origin::External
        && view.source_ranges.iter().any(|range| range.contains(&spec.client.address))
        && spec.client.name.is_none();
    !stand_in || spec.kind == AddressKind::LoadBalancer || view.source_ranges.is_empty()
}

/// The node's own client address is the one that the kernel chooses.
fn chosen_source(spec: &mut PathSpec<'_>, plane: &Plane<'_>) {
    if spec.client.address.is_unspecified()
        && let Some(source) = plane.links.source_for(spec.to.ip()).address()
    {
        spec.client.address = source;
    }
}

fn walk_one<'snap>(
    node: &NodeResult<'snap>,
    info: PathInfo,
    port: Option<PortView<'snap>>,
    expectation: Option<Expectation>,
    walk: Walk<'_, 'snap>,
) -> PathResult<'snap> {
    let entry = match info.origin {
        Origin::Node => Entry::Local,
        Origin::Pod | Origin::External => Entry::Arrives(info.interface.clone()),
    };
    let packet = Packet {
        entry,
        from: info.from,
        from_port: None,
        to: (info.to, info.port).into(),
        protocol: Protocol::parse(&info.protocol).unwrap_or(Protocol::Tcp),
    };
    let plane = &*node.plane;
    let mut outcomes = walk(&packet);
    super::userspace::ends_at_proxy(node.mode.kind, &mut outcomes);
    let comparison = expectation.as_ref().map(|expected| {
        let comparison = compare(expected, &outcomes);
        let limited = matches!(comparison.by, Some(Setting::NodePortAddresses | Setting::LocalhostNodePorts));
        // Options may keep a node port off some addresses, but then there is a rule for the port.
        if limited && !node_port_rule(plane, &info) && !virtual_server_for_port(plane, &info) {
            strictly(expected, &outcomes)
        } else {
            comparison
        }
    });
    let mut found = PathResult { info, port, expectation, outcomes, comparison };
    super::outsiders::allow_node_cache(plane, &mut found);
    found
}

/// Whether the node has a rule for this node port, on whichever address.
fn node_port_rule(plane: &Plane<'_>, info: &PathInfo) -> bool {
    let by_map = super::nft_table::table(plane, Family::of(info.to)).is_some_and(|table| {
        let entries = super::nft_table::entries_of(table);
        entries
            .iter()
            .any(|entry| entry.dst.is_none() && entry.port == info.port && entry.protocol.as_str() == info.protocol)
    });
    if by_map {
        return true;
    }
    let chains = [("nat", "KUBE-NODEPORTS"), ("filter", "KUBE-EXTERNAL-SERVICES"), ("filter", "KUBE-SERVICES")];
    plane.rules(Family::of(info.to)).rulesets.iter().any(|loaded| {
        chains.iter().filter_map(|(table, chain)| loaded.body_of(table, chain)).flat_map(Body::rules).flatten().any(
            |rule| {
                rule.matches.iter().any(|test| {
                matches!(test.test, Test::Port(Side::Dst, ports) if ports.first == info.port && ports.last == info.port)
            })
            },
        )
    })
}

/// Whether IPVS has a virtual server for this node port, on whichever address of the node.
fn virtual_server_for_port(plane: &Plane<'_>, info: &PathInfo) -> bool {
    plane.ipvs().keys().any(|key| match key {
        Key::Address(_, to) => to.port() == info.port && Family::of(to.ip()) == Family::of(info.to),
        Key::Mark(..) => false,
    })
}

/// Addresses of a node that clients use: those of its Node object that it really has, else its own global ones.
fn node_addresses(view: &NodeView<'_>, plane: &Plane<'_>) -> Vec<IpAddr> {
    let of_object: Vec<IpAddr> =
        view.addresses.iter().copied().filter(|ip| !plane.links.is_local(*ip).is_no()).collect();
    if of_object.is_empty() { plane.links.outward_addresses() } else { of_object }
}
