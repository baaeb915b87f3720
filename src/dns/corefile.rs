//! A Corefile: server blocks, their zones, and the plugins in each with their lines. What a plugin does to a name is
//! told as far as its own page tells it (coredns/plugin/*/README.md); others are kept and named.

mod cache;
mod read;

use std::net::IpAddr;

use hickory_resolver::proto::rr::Name;

use super::name;

/// Port that a server block listens on where it does not say.
const DNS_PORT: u16 = 53;

/// A Corefile.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Corefile<'t> {
    /// Server blocks in order, snippets put in where they are imported.
    pub blocks: Vec<Block<'t>>,
    /// What could not be read: line and what is wrong with it.
    pub issues: Vec<(usize, String)>,
}

/// One server block: `.:53 { … }`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Block<'t> {
    /// What it serves.
    pub keys: Vec<Key>,
    /// Its plugins in the order of the text; CoreDNS has an order of its own.
    pub plugins: Vec<Plugin<'t>>,
    /// Line that it begins on, from 1.
    pub line: usize,
}

/// A zone and the port that it is served on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Zone.
    pub zone: Name,
    /// Port.
    pub port: u16,
    /// Plain DNS over UDP and TCP; others are TLS, gRPC, HTTPS, QUIC.
    pub plain: bool,
}

/// A plugin, or a line within one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plugin<'t> {
    /// Name.
    pub name: &'t str,
    /// Arguments.
    pub args: Vec<&'t str>,
    /// Lines of its block.
    pub body: Vec<Plugin<'t>>,
    /// Line, from 1.
    pub line: usize,
    /// The line itself.
    pub text: &'t str,
}

/// How `kubernetes` answers names of pods by their addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PodRecords {
    /// Not at all.
    #[default]
    Disabled,
    /// For any address.
    Insecure,
    /// Where a pod of that namespace has the address.
    Verified,
}

/// `kubernetes cluster.local in-addr.arpa ip6.arpa { … }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kubernetes<'p, 't> {
    /// The plugin.
    pub plugin: &'p Plugin<'t>,
    /// Zones that it answers.
    pub zones: Vec<Name>,
    /// Names of pods by address.
    pub pods: PodRecords,
    /// Namespaces that it shows; none: all.
    pub namespaces: Vec<&'t str>,
    /// Endpoints without a hostname have their pods' names.
    pub endpoint_pod_names: bool,
    /// A Service without an endpoint does not exist.
    pub ignore_empty_service: bool,
}

/// `forward . 192.0.2.53 /etc/resolv.conf`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forward<'p, 't> {
    /// The plugin.
    pub plugin: &'p Plugin<'t>,
    /// Names that are forwarded.
    pub from: Name,
    /// Where to.
    pub to: Vec<Upstream<'t>>,
    /// Names that are not.
    pub except: Vec<Name>,
}

/// Where queries are forwarded to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upstream<'t> {
    /// An address, with its port.
    Address(IpAddr, u16),
    /// A file such as /etc/resolv.conf of the CoreDNS pod.
    File(&'t str),
    /// By TLS or another protocol, or a value that is put in when CoreDNS starts.
    Other(&'t str),
}

impl<'t> Corefile<'t> {
    /// Reads it. What cannot be read is an issue and the rest stands.
    #[must_use]
    pub fn read(text: &'t str) -> Self {
        read::corefile(text)
    }

    /// The block that a query for `name` to `port` goes to: the longest zone.
    #[must_use]
    pub fn block_of(&self, name: &Name, port: u16) -> Option<&Block<'t>> {
        let fits = |block: &&Block<'t>| block.zone_of(name, port).map(Name::num_labels);
        let best = self.blocks.iter().filter_map(|block| Some((fits(&block)?, block)));
        best.fold(None, |best: Option<(u8, &Block<'t>)>, this| match best {
            // the first of two alike: CoreDNS refuses to start with both
            Some(best) if best.0 >= this.0 => Some(best),
            _ => Some(this),
        })
        .map(|(_, block)| block)
    }

    /// Every `kubernetes` of a block that serves plain DNS.
    pub fn kubernetes(&self) -> impl Iterator<Item = Kubernetes<'_, 't>> {
        self.blocks.iter().filter_map(Block::kubernetes)
    }

    /// Every `forward` (or `proxy`, until CoreDNS 1.5).
    pub fn forwards(&self) -> impl Iterator<Item = (&Block<'t>, Forward<'_, 't>)> {
        self.blocks.iter().flat_map(|block| block.forwards().map(move |forward| (block, forward)))
    }

    /// Whether every line was understood as far as it matters: nothing is imported from files that are not here.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.issues.is_empty() && self.blocks.iter().all(|block| block.find("import").is_none())
    }
}

impl<'t> Block<'t> {
    /// The longest of its zones on this port that `name` is in.
    #[must_use]
    pub fn zone_of(&self, name: &Name, port: u16) -> Option<&Name> {
        let keys = self.keys.iter().filter(|key| key.plain && key.port == port && key.zone.zone_of(name));
        keys.map(|key| &key.zone).max_by_key(|zone| zone.num_labels())
    }

    /// The first plugin of this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Plugin<'t>> {
        self.plugins.iter().find(|plugin| plugin.name == name)
    }

    /// Its `kubernetes`, if it has one; without zones of its own it takes the block's.
    #[must_use]
    pub fn kubernetes(&self) -> Option<Kubernetes<'_, 't>> {
        let plugin = self.find("kubernetes")?;
        let mut zones: Vec<Name> = plugin.args.iter().filter_map(|arg| zone(arg)).collect();
        if zones.is_empty() {
            zones = self.keys.iter().map(|key| key.zone.clone()).collect();
        }
        Some(Kubernetes {
            plugin,
            zones,
            pods: match plugin.line_of("pods").and_then(|line| line.args.first()) {
                Some(&"insecure") => PodRecords::Insecure,
                Some(&"verified") => PodRecords::Verified,
                Some(_) | None => PodRecords::Disabled,
            },
            namespaces: plugin.line_of("namespaces").map(|line| line.args.clone()).unwrap_or_default(),
            endpoint_pod_names: plugin.line_of("endpoint_pod_names").is_some(),
            ignore_empty_service: plugin
                .line_of("ignore")
                .is_some_and(|line| line.args.first() == Some(&"empty_service")),
        })
    }

    /// Its `forward` plugins.
    pub fn forwards(&self) -> impl Iterator<Item = Forward<'_, 't>> {
        self.plugins.iter().filter(|plugin| matches!(plugin.name, "forward" | "proxy")).filter_map(|plugin| {
            let (from, to) = plugin.args.split_first()?;
            Some(Forward {
                plugin,
                from: zone(from)?,
                to: to.iter().map(|to| upstream(to)).collect(),
                except: plugin
                    .body
                    .iter()
                    .filter(|line| line.name == "except")
                    .flat_map(|line| line.args.iter().filter_map(|name| zone(name)))
                    .collect(),
            })
        })
    }
}

impl<'t> Plugin<'t> {
    /// The line of its block that begins so.
    #[must_use]
    pub fn line_of(&self, name: &str) -> Option<&Plugin<'t>> {
        self.body.iter().find(|line| line.name == name)
    }
}

impl Kubernetes<'_, '_> {
    /// Its zones that are no reverse ones.
    pub fn domains(&self) -> impl Iterator<Item = &Name> {
        self.zones.iter().filter(|zone| !is_reverse(zone))
    }

    /// Whether it answers for `name`.
    #[must_use]
    pub fn answers(&self, name: &Name) -> bool {
        self.zones.iter().any(|zone| zone.zone_of(name))
    }
}

/// Whether a zone holds names of addresses.
#[must_use]
pub fn is_reverse(zone: &Name) -> bool {
    name::labels(zone).last().is_some_and(|last| last == "arpa")
}

/// `cluster.local`, `.`, or a range as `10.0.0.0/24`, which stands for its reverse zone where that ends on an octet.
fn zone(text: &str) -> Option<Name> {
    if text == "." {
        return Some(Name::root());
    }
    if let Some((address, length)) = text.split_once('/') {
        let ip: IpAddr = address.parse().ok()?;
        let length: usize = length.parse().ok()?;
        let mut labels: Vec<String> = name::labels(&Name::from(ip).to_lowercase());
        let (bits, whole) = match ip {
            IpAddr::V4(_) => (8, 4),
            IpAddr::V6(_) => (4, 32),
        };
        labels.drain(..whole - (length / bits).min(whole));
        return name::absolute(&labels.join("."));
    }
    name::absolute(text)
}

fn upstream(text: &str) -> Upstream<'_> {
    let bare = text.strip_prefix("dns://").unwrap_or(text);
    if bare.contains("://") || bare.contains('{') {
        return Upstream::Other(text);
    }
    if let Ok(address) = bare.parse::<std::net::SocketAddr>() {
        return Upstream::Address(address.ip(), address.port());
    }
    let inside = bare.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(bare);
    match inside.parse() {
        Ok(ip) => Upstream::Address(ip, DNS_PORT),
        Err(_) => Upstream::File(bare),
    }
}

/// `.:53`, `dns://cluster.local`, `example.org:1053`, `tls://.:853`.
fn key(text: &str) -> Option<Key> {
    let (scheme, rest) = text.split_once("://").unwrap_or(("dns", text));
    let (address, port) = match rest.rsplit_once(':') {
        Some((address, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => {
            (address, port.parse().ok()?)
        }
        _ => (rest, if scheme == "dns" { DNS_PORT } else { 0 }),
    };
    let zone = if address.is_empty() { Name::root() } else { zone(address)? };
    Some(Key { zone, port, plain: scheme == "dns" })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]
mod tests;
