//! Domain names as text: read, compared, taken apart. Knows nothing of what a name means.

use hickory_resolver::proto::rr::Name;

/// Reads a name and makes it lower case and absolute, whether or not it ends in a dot; `None`: no name at all.
#[must_use]
pub fn absolute(text: &str) -> Option<Name> {
    let mut name = Name::from_ascii(text).ok().filter(|_| !text.is_empty())?.to_lowercase();
    name.set_fqdn(true);
    Some(name)
}

/// The name without its last dot, as people write it.
#[must_use]
pub fn plain(name: &Name) -> String {
    let text = name.to_ascii();
    text.strip_suffix('.').filter(|rest| !rest.is_empty()).unwrap_or(&text).to_owned()
}

/// The labels, first one first.
#[must_use]
pub fn labels(name: &Name) -> Vec<String> {
    name.iter().map(|label| String::from_utf8_lossy(label).into_owned()).collect()
}

/// The labels that stand before `zone`; `None` where the name is not in it.
#[must_use]
pub fn below(name: &Name, zone: &Name) -> Option<Vec<String>> {
    if !zone.zone_of(name) {
        return None;
    }
    let mut labels = labels(name);
    labels.truncate(labels.len().saturating_sub(usize::from(zone.num_labels())));
    Some(labels)
}

/// `name` put in front of `domain`; `None` where that is longer than a name may be.
#[must_use]
pub fn within(name: &str, domain: &Name) -> Option<Name> {
    let name = Name::from_ascii(name).ok()?.to_lowercase();
    name.append_domain(domain).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[track_caller]
    fn case(text: &str, zone: &str, expected: Option<&[&str]>) {
        let found = below(&absolute(text).unwrap(), &absolute(zone).unwrap());
        assert_eq!(
            found,
            expected.map(|labels| labels.iter().map(ToString::to_string).collect::<Vec<_>>()),
            "{text} in {zone}"
        );
    }

    #[test]
    fn what_stands_before_a_zone() {
        case("web.shop.svc.cluster.local", "cluster.local", Some(&["web", "shop", "svc"]));
        case("WEB.shop.svc.Cluster.Local.", "cluster.local", Some(&["web", "shop", "svc"]));
        case("_http._tcp.web.shop.svc.cluster.local", "svc.cluster.local", Some(&["_http", "_tcp", "web", "shop"]));
        case("cluster.local", "cluster.local", Some(&[]));
        case("xcluster.local", "cluster.local", None);
        case("example.com", ".", Some(&["example", "com"]));
    }

    #[test]
    fn what_is_no_name() {
        for text in ["", "a..b", ".a", &"a".repeat(64), &"a.".repeat(128)] {
            assert!(absolute(text).is_none(), "{text}");
        }
        assert!(within("web", &absolute(&"a.".repeat(126)).unwrap()).is_none());
        assert_eq!(plain(&absolute(".").unwrap()), ".");
        assert_eq!(plain(&absolute("a.b.").unwrap()), "a.b");
    }
}
