//! ST712, ST713, ST723 and ST724: what the Corefile makes of names.

use crate::dns::corefile::{Block, Plugin, Upstream};
use crate::dns::server::Config;
use crate::dns::{Corefile, Entry, name, search};
use crate::report::{Code, Confidence, Evidence, Finding};

use hickory_resolver::proto::rr::Name;
use k8s_openapi::jiff::Timestamp;
use regex::Regex;

use super::super::context::{field_of, pod_ref};
use super::super::words;
use super::DnsContext;
use super::setup::{DnsClient, Setup, corefile_line, node_conf};

/// Seconds that CoreDNS keeps "there is no such name" as kubeadm sets it up, where the Corefile was not read.
const DENIAL: i64 = 30;

fn about(config: &Config<'_>, code: Code, summary: String) -> Finding {
    let mut finding = Finding::new(code, summary);
    finding.object = Some(config.reference());
    finding.help =
        Some(format!("kubectl -n {} edit configmap {}", words::shell(config.namespace), words::shell(config.name)));
    finding
}

/// ST712: clients search a domain that no server answers.
pub(super) fn domain_mismatch(context: &DnsContext<'_, '_>) -> Vec<Finding> {
    let setup = Setup::read(context);
    let Some((config, _)) = &setup.corefile else { return Vec::new() };
    let Some(searched) = setup.domain.unserved().next() else { return Vec::new() };
    let served: Vec<String> = setup.domain.served.iter().map(|saying| name::plain(&saying.domain)).collect();
    let mut finding = about(
        config,
        Code::ClusterDomainMismatch,
        format!(
            "clients search {}, and the DNS servers answer {} alone: no short name resolves",
            name::plain(&searched.domain),
            words::list(&served)
        ),
    );
    finding.share_ppm = Some(1_000_000);
    finding.evidence.push(searched.evidence.clone());
    finding.evidence.extend(setup.domain.served.first().map(|saying| saying.evidence.clone()));
    vec![finding]
}

/// ST713: what is forwarded comes back to the server itself.
pub(super) fn forward_to_loopback(context: &DnsContext<'_, '_>) -> Vec<Finding> {
    let setup = Setup::read(context);
    let Some((config, file)) = &setup.corefile else { return Vec::new() };
    let own: Vec<_> = setup.service.iter().flat_map(|dns| dns.addresses().to_vec()).collect();
    let mut found = Vec::new();
    for (block, forward) in file.forwards() {
        for to in &forward.to {
            let line = corefile_line(config, forward.plugin.line, forward.plugin.text);
            match to {
                Upstream::Address(ip, port)
                    if (ip.is_loopback() && block.keys.iter().any(|key| key.port == *port)) || own.contains(ip) =>
                {
                    let is = if ip.is_loopback() { "the server itself" } else { "the cluster's own DNS Service" };
                    let mut finding = about(
                        config,
                        Code::ForwardToLoopback,
                        format!("the Corefile forwards {} to {ip}, which is {is}", zone_words(&forward.from)),
                    );
                    finding.reason = Some("corefile".into());
                    finding.evidence.push(line);
                    found.push(finding);
                }
                Upstream::File(path) => found.extend(by_file(context, &setup, config, (path, line))),
                Upstream::Address(..) | Upstream::Other(_) => {}
            }
        }
    }
    found.truncate(1);
    found
}

/// The file is that of the node where a server with dnsPolicy Default runs.
fn by_file(
    context: &DnsContext<'_, '_>,
    setup: &Setup<'_>,
    config: &Config<'_>,
    (path, line): (&str, Evidence),
) -> Option<Finding> {
    let dns = setup.service.as_ref()?;
    dns.pods(setup.objects).into_iter().find_map(|pod| {
        let spec = pod.spec.as_ref().filter(|spec| spec.dns_policy.as_deref() == Some("Default"))?;
        let node = spec.node_name.as_deref()?;
        let conf = node_conf(context, node)?;
        let (ip, at) = conf.loopbacks().next()?;
        let mut finding = about(
            config,
            Code::ForwardToLoopback,
            format!(
                "DNS servers forward to the nameservers of {path}, and on node {node} that is {ip}: the server itself"
            ),
        );
        finding.reason = Some("resolv-conf".into());
        // the kubelet may hand its pods another file than the one that was read
        finding.confidence = Confidence::Likely;
        finding.node = Some(node.to_owned());
        finding.details.push(
            "the kubelet's resolvConf must name a file with real nameservers, as /run/systemd/resolve/resolv.conf"
                .into(),
        );
        finding.evidence.push(line.clone());
        let text = format!("resolv.conf line {}: {}", at.number, at.text);
        finding.evidence.push(Evidence::Fact { node: Some(node.to_owned()), text });
        finding.evidence.push(field_of(pod_ref(pod), "spec.dnsPolicy", "Default"));
        Some(finding)
    })
}

fn zone_words(zone: &Name) -> String {
    if zone.is_root() { "all other names".into() } else { name::plain(zone) }
}

/// ST723: the name is so new that servers and clients may still remember that it was not there.
pub(super) fn negative_cache(context: &DnsContext<'_, '_>) -> Vec<Finding> {
    let Some(typed) = &context.query.name else { return Vec::new() };
    let setup = Setup::read(context);
    let Some(now) = context.snapshot.to.as_deref().and_then(|at| at.parse::<Timestamp>().ok()) else {
        return Vec::new();
    };
    let Some(client) = setup.clients.first() else { return Vec::new() };
    let Some(entry) = setup.meant(typed, client).filter(Entry::exists) else { return Vec::new() };
    let Some(service) = entry.service() else { return Vec::new() };
    let Some(view) = crate::cluster::ServiceView::find(setup.objects, &service.namespace, &service.name) else {
        return Vec::new();
    };
    let made = view.object.metadata.creation_timestamp.as_ref().map(|time| time.0.as_second());
    let Some((kept, line)) = denial(&setup, &entry.name) else { return Vec::new() };
    let Some(age) = made.map(|made| now.as_second() - made).filter(|age| (0..kept).contains(age)) else {
        return Vec::new();
    };
    let mut finding = Finding::new(
        Code::NegativeCache,
        format!(
            "{} is {age} s old: who asked before may be told for up to {kept} s that there is no such name",
            view.full_name()
        ),
    );
    finding.object = Some(view.reference());
    let created = view.object.metadata.creation_timestamp.as_ref().map(|time| time.0.to_string()).unwrap_or_default();
    finding.evidence.push(field_of(view.reference(), "metadata.creationTimestamp", created));
    finding.evidence.extend(line);
    finding.details.push("a JVM may remember it for longer (networkaddress.cache.negative.ttl)".into());
    finding.help =
        Some(format!("kubectl svc-trace dns {} -n {}", words::shell(typed), words::shell(&client.namespace)));
    vec![finding]
}

/// For how long a name of the cluster is remembered not to be there, by the servers or by the caches on the nodes, and
/// the line that says so; `None`: by neither.
fn denial(setup: &Setup<'_>, name: &Name) -> Option<(i64, Option<Evidence>)> {
    if setup.corefile.is_none() {
        return Some((DENIAL, None));
    }
    let files = setup.corefile.iter().chain(&setup.cache);
    let kept = files.filter_map(|(config, file)| {
        let (seconds, line) = file.block_of(name, 53).or_else(|| file.blocks.first())?.denial()?;
        Some((seconds, Some(corefile_line(config, line.line, line.text))))
    });
    kept.max_by_key(|(seconds, _)| *seconds)
}

/// ST724: something on the way answers the name before the cluster's records do.
pub(super) fn local_override(context: &DnsContext<'_, '_>) -> Vec<Finding> {
    let Some(typed) = &context.query.name else { return Vec::new() };
    let setup = Setup::read(context);
    let mut found = Vec::new();
    for client in &setup.clients {
        found.extend(host_alias(typed, client));
    }
    let Some(client) = setup.clients.first() else { return found };
    if let Some((config, file)) = &setup.corefile {
        for step in search::steps(typed, &client.conf, search::Libc::Glibc) {
            let entry = setup.zone.entry(&step.name);
            if let Some((plugin, words)) = overridden(file, &step.name, &entry) {
                let mut finding = about(
                    config,
                    Code::LocalOverride,
                    format!("the Corefile answers {} {words}", name::plain(&step.name)),
                );
                finding.reason = Some(plugin.name.to_owned());
                finding.evidence.push(corefile_line(config, plugin.line, plugin.text));
                found.push(finding);
                break;
            }
        }
    }
    found
}

/// `hostAliases` become lines of the pod's /etc/hosts, which resolvers read before they ask.
fn host_alias(typed: &str, client: &DnsClient<'_>) -> Option<Finding> {
    let pod = client.pod?;
    let wanted = name::absolute(typed)?;
    let aliases = pod.spec.as_ref()?.host_aliases.as_ref()?;
    let alias = aliases
        .iter()
        .find(|alias| alias.hostnames.iter().flatten().any(|host| name::absolute(host).as_ref() == Some(&wanted)))?;
    let mut finding = Finding::new(
        Code::LocalOverride,
        format!("{} has {typed} in its hostAliases as {}: DNS is not asked", client.words, alias.ip),
    );
    finding.reason = Some("host-aliases".into());
    finding.object = Some(pod_ref(pod));
    finding.evidence.push(field_of(pod_ref(pod), "spec.hostAliases", format!("{} {typed}", alias.ip)));
    finding.help = Some(format!(
        "kubectl -n {} get pod {} -o yaml",
        words::shell(&client.namespace),
        pod.metadata.name.as_deref().unwrap_or_default()
    ));
    Some(finding)
}

/// The plugin that answers or changes a name before `kubernetes` or the last `forward` does, and how.
fn overridden<'f, 't>(file: &'f Corefile<'t>, name: &Name, entry: &Entry) -> Option<(&'f Plugin<'t>, String)> {
    let block = file.block_of(name, 53).or_else(|| file.blocks.first())?;
    if let Some(line) = hosts(block, name) {
        return Some((line, "from its hosts".into()));
    }
    for plugin in &block.plugins {
        match plugin.name {
            "rewrite" if rewrites(plugin, name) == Touch::Yes => return Some((plugin, "under another name".into())),
            "template" if templates(block, plugin, name) == Touch::Yes => {
                return Some((plugin, "by a template".into()));
            }
            _ => {}
        }
    }
    // a server block of its own for a zone is a stub zone: told where it hides a name of the cluster
    let zone = block.zone_of(name, 53)?;
    let hides = entry.exists() && !zone.is_root() && block.kubernetes().is_none();
    let plugin = block.plugins.iter().find(|plugin| plugin.name == "forward").filter(|_| hides)?;
    Some((plugin, format!("in a server block of {}", name::plain(zone))))
}

/// Whether the Corefile answers a name of the cluster with something of its own, or may.
pub(super) fn answers_itself(setup: &Setup<'_>, name: &Name, entry: &Entry) -> bool {
    setup.corefile.as_ref().is_some_and(|(_, file)| {
        let block = file.block_of(name, 53).or_else(|| file.blocks.first());
        let may = |plugin: &Plugin<'_>| match (plugin.name, block) {
            ("rewrite", _) => rewrites(plugin, name) == Touch::Maybe,
            ("template", Some(block)) => templates(block, plugin, name) == Touch::Maybe,
            _ => false,
        };
        overridden(file, name, entry).is_some() || block.is_some_and(|block| block.plugins.iter().any(may))
    })
}

/// The line of `autopath`: a server then answers the first name of a pod's search list with what the last would give
/// (coredns plugin/autopath).
pub(super) fn autopath<'s>(setup: &'s Setup<'_>) -> Option<(&'s Config<'s>, &'s Plugin<'s>, &'s Block<'s>)> {
    let (config, file) = setup.corefile.as_ref()?;
    file.blocks.iter().find_map(|block| Some((config, block.find("autopath")?, block)))
}

/// The line of an inline `hosts` that has the name.
fn hosts<'f, 't>(block: &'f Block<'t>, name: &Name) -> Option<&'f Plugin<'t>> {
    let plugin = block.find("hosts")?;
    plugin.body.iter().find(|line| {
        line.name.parse::<std::net::IpAddr>().is_ok()
            && line.args.iter().any(|host| name::absolute(host).as_ref() == Some(name))
    })
}

/// Whether a plugin has to do with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Touch {
    No,
    /// Its regular expression is none that is read here.
    Maybe,
    Yes,
}

impl Touch {
    const fn of(touches: bool) -> Self {
        if touches { Self::Yes } else { Self::No }
    }

    /// By an expression in Go's syntax, which matches anywhere in a name that ends with a dot.
    fn by(expression: &str, name: &Name) -> Self {
        Regex::new(expression).map_or(Self::Maybe, |regex| Self::of(regex.is_match(&name.to_ascii())))
    }
}

/// `rewrite [continue|stop] name [exact|prefix|suffix|substring|regex] FROM TO`, in one line or as a block.
fn rewrites(plugin: &Plugin<'_>, name: &Name) -> Touch {
    let one_line = plugin.args.iter().copied().filter(|arg| !matches!(*arg, "continue" | "stop"));
    let block = plugin.line_of("name").into_iter().flat_map(|line| std::iter::once("name").chain(line.args.clone()));
    let mut args = one_line.chain(block);
    if args.next() != Some("name") {
        return Touch::No;
    }
    let text = name.to_ascii();
    let same = |from: &str| name::absolute(from).as_ref() == Some(name);
    let (Some(kind), Some(from)) = (args.next(), args.next()) else { return Touch::No };
    match kind {
        "exact" => Touch::of(same(from)),
        "prefix" => Touch::of(text.starts_with(from)),
        "suffix" => Touch::of(text.trim_end_matches('.').ends_with(from.trim_end_matches('.'))),
        "substring" => Touch::of(text.contains(from)),
        "regex" => Touch::by(from, name),
        // without a kind the first word is the name
        name => Touch::of(same(name)),
    }
}

/// `template CLASS TYPE ZONE… { match EXPRESSION… }`: without a zone it is the block's, without a `match` all of it.
fn templates(block: &Block<'_>, plugin: &Plugin<'_>, name: &Name) -> Touch {
    let named: Vec<Name> = plugin.args.iter().skip(2).filter_map(|zone| name::absolute(zone)).collect();
    let zones = if named.is_empty() { block.keys.iter().map(|key| key.zone.clone()).collect() } else { named };
    if !zones.iter().any(|zone| zone.zone_of(name)) {
        return Touch::No;
    }
    let expressions: Vec<&str> =
        plugin.body.iter().filter(|line| line.name == "match").flat_map(|line| line.args.iter().copied()).collect();
    let touches: Vec<Touch> = expressions.iter().map(|expression| Touch::by(expression, name)).collect();
    if expressions.is_empty() || touches.contains(&Touch::Yes) {
        Touch::Yes
    } else if touches.contains(&Touch::Maybe) {
        Touch::Maybe
    } else {
        Touch::No
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;

    #[track_caller]
    fn case(line: &str, text: &str, expected: Touch) {
        let text_of_file = format!(".:53 {{\n{line}\n}}\n");
        let file = Corefile::read(&text_of_file);
        let (block, name) = (&file.blocks[0], name::absolute(text).unwrap());
        let plugin = &block.plugins[0];
        let touch = if plugin.name == "rewrite" { rewrites(plugin, &name) } else { templates(block, plugin, &name) };
        assert_eq!(touch, expected, "{line}: {text}");
    }

    #[test]
    fn names_that_are_rewritten() {
        case("rewrite name exact web.a db.b", "web.a", Touch::Yes);
        case("rewrite name web.a db.b", "web.b", Touch::No);
        case("rewrite stop name suffix .old.test .svc.cluster.local", "web.shop.old.test", Touch::Yes);
        let line = r"rewrite name regex (.*)\.old\.test {1}.svc.cluster.local";
        case(line, "web.shop.old.test", Touch::Yes);
        case(line, "web.shop.svc.cluster.local", Touch::No);
        case("rewrite stop {\n name regex ^web[.] db\n answer auto\n}", "web.a", Touch::Yes);
        // a name ends with a dot there
        case("rewrite name regex test$ db", "old.test", Touch::No);
        case(r"rewrite name regex (?<broken db", "old.test", Touch::Maybe);
        case("rewrite type ANY HINFO", "old.test", Touch::No);
    }

    #[test]
    fn names_that_a_template_answers() {
        case("template IN A old.test {\n answer x\n}", "web.old.test", Touch::Yes);
        case("template IN A old.test {\n answer x\n}", "web.test", Touch::No);
        case("template IN A {\n match ^db[.]\n answer x\n}", "db.any.test", Touch::Yes);
        case("template IN A {\n match ^db[.] ^pg[.]\n answer x\n}", "web.any.test", Touch::No);
    }
}
