//! The cluster's domain: what says it, and whether all that say it agree.

use hickory_resolver::proto::rr::Name;

use crate::collect::snapshot::Objects;
use crate::report::{Evidence, ObjectRef};

use super::corefile::Corefile;
use super::name;
use super::resolv_conf::ResolvConf;
use super::server;

/// What the domain is where nothing says another (kubeadm, kubelet `--cluster-domain`).
pub const DEFAULT: &str = "cluster.local";

/// One thing that says what the domain is.
#[derive(Debug, Clone)]
pub struct Saying {
    /// The domain.
    pub domain: Name,
    /// Where it says so.
    pub evidence: Evidence,
}

/// The cluster's domain.
#[derive(Debug, Clone)]
pub struct Domain {
    /// The one that is used.
    pub name: Name,
    /// Zones that the DNS servers answer.
    pub served: Vec<Saying>,
    /// Domains that clients search.
    pub searched: Vec<Saying>,
    /// Nothing said it: `cluster.local` is assumed.
    pub assumed: bool,
}

impl Domain {
    /// Reads what the objects say, and these `resolv.conf` of pods, each with what it is called: `pod shop/web-1`.
    #[must_use]
    pub fn find(objects: &Objects, clients: &[(String, &ResolvConf)]) -> Self {
        let mut served = Vec::new();
        if let Some(config) = server::corefile(objects) {
            for kubernetes in Corefile::read(config.text).kubernetes() {
                let evidence = field(config.reference(), kubernetes.plugin.line, kubernetes.plugin.text);
                served.extend(
                    kubernetes.domains().map(|zone| Saying { domain: zone.clone(), evidence: evidence.clone() }),
                );
            }
        }
        let mut searched = Vec::new();
        for (client, conf) in clients {
            let Some(domain) = searched_domain(conf) else { continue };
            let line = conf.search_line.as_ref().map(|line| line.text.clone()).unwrap_or_default();
            let text = format!("{client}, /etc/resolv.conf: {line}");
            searched.push(Saying { domain, evidence: Evidence::Fact { node: None, text } });
        }
        if let Some(config) = server::kubelet_config(objects)
            && let Some((number, text)) = yaml_line(config.text, "clusterDomain:")
            && let Some((_, value)) = text.split_once(':')
            && let Some(domain) = name::absolute(value.trim().trim_matches(['"', '\'']))
        {
            searched.push(Saying { domain, evidence: field_of_key(config.reference(), config.key, number, text) });
        }
        let first = |list: &[Saying]| list.first().map(|saying| saying.domain.clone());
        let known = first(&served).or_else(|| first(&searched));
        let assumed = known.is_none();
        let name = known.or_else(|| name::absolute(DEFAULT)).unwrap_or_else(Name::root);
        Self { name, served, searched, assumed }
    }

    /// What clients search and no server answers.
    pub fn unserved(&self) -> impl Iterator<Item = &Saying> {
        let known = !self.served.is_empty();
        self.searched
            .iter()
            .filter(move |saying| known && !self.served.iter().any(|zone| zone.domain.zone_of(&saying.domain)))
    }
}

/// The domain that a search list is made of: what follows `svc.` in it (`shop.svc.cluster.local svc.cluster.local …`).
fn searched_domain(conf: &ResolvConf) -> Option<Name> {
    conf.search.iter().find_map(|entry| {
        let labels = name::labels(entry);
        let (first, rest) = labels.split_first()?;
        (first == "svc" && !rest.is_empty()).then(|| name::absolute(&rest.join("."))).flatten()
    })
}

/// The line of a YAML text that begins with this key at its top level.
#[must_use]
pub fn yaml_line<'t>(text: &'t str, key: &str) -> Option<(usize, &'t str)> {
    (1..).zip(text.lines()).find(|(_, line)| line.starts_with(key))
}

fn field(object: ObjectRef, line: usize, text: &str) -> Evidence {
    field_of_key(object, "Corefile", line, text)
}

fn field_of_key(object: ObjectRef, key: &str, line: usize, text: &str) -> Evidence {
    Evidence::Field { object, field: format!("data.{key} line {line}"), value: text.trim().to_owned() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::*;

    fn objects(corefile: Option<&str>, kubelet: Option<&str>) -> Objects {
        let map = |name: &str, key: &str, text: &str| json!({"metadata": {"namespace": "kube-system", "name": name}, "data": {key: text}});
        let maps = [
            corefile.map(|text| map("coredns", "Corefile", text)),
            kubelet.map(|text| map("kubelet-config", "kubelet", text)),
        ];
        let mut objects = Objects::default();
        objects.other.insert("configmaps".into(), maps.into_iter().flatten().collect());
        objects
    }

    #[track_caller]
    fn case(corefile: Option<&str>, kubelet: Option<&str>, client: Option<&str>, expected: (&str, bool, usize)) {
        let objects = objects(corefile, kubelet);
        let conf = client.map(ResolvConf::read);
        let clients: Vec<_> = conf.iter().map(|conf| ("pod a/b".to_owned(), conf)).collect();
        let domain = Domain::find(&objects, &clients);
        assert_eq!((name::plain(&domain.name).as_str(), domain.assumed, domain.unserved().count()), expected);
    }

    #[test]
    fn domains() {
        let corefile = ".:53 {\n kubernetes k8s.test in-addr.arpa {\n }\n}";
        let search = "search shop.svc.k8s.test svc.k8s.test k8s.test";
        case(None, None, None, ("cluster.local", true, 0));
        case(Some(corefile), None, None, ("k8s.test", false, 0));
        case(Some(corefile), None, Some(search), ("k8s.test", false, 0));
        case(Some(corefile), None, Some("search shop.svc.cluster.local svc.cluster.local"), ("k8s.test", false, 1));
        case(None, None, Some(search), ("k8s.test", false, 0));
        case(None, Some("apiVersion: x\nclusterDomain: other.test\n"), None, ("other.test", false, 0));
        case(Some(corefile), Some("clusterDomain: \"k8s.test\"\n"), None, ("k8s.test", false, 0));
        case(Some(corefile), Some("clusterDomain: other.test\n"), Some(search), ("k8s.test", false, 1));
    }
}
