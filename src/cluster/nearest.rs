//! Names that come near one that does not exist.

use crate::collect::snapshot::Objects;
use crate::order;

use super::service::ServiceView;

/// How many are told.
const TOLD: usize = 5;
/// Names longer than this are compared by their beginning alone; Kubernetes allows 63 (253 with dots).
const COMPARED: usize = 64;

/// `namespace/name` of Services that come near this one, best first: the same name in other namespaces, then few
/// letters away, this namespace before others.
#[must_use]
pub fn services(objects: &Objects, namespace: &str, name: &str) -> Vec<String> {
    let mut found: Vec<(usize, bool, String)> = ServiceView::all(objects)
        .filter_map(|view| {
            let far = distance(name, view.name);
            let contains =
                name.len() > 2 && view.name.len() > 2 && (view.name.contains(name) || name.contains(view.name));
            (far <= allowed(name) || contains).then(|| (far, view.namespace != namespace, view.full_name()))
        })
        .collect();
    order::sort(&mut found);
    found.into_iter().map(|(_, _, name)| name).take(TOLD).collect()
}

/// The candidate that is fewest letters away, if it is near enough to be a slip.
#[must_use]
pub fn closest<'a>(wanted: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let near = candidates.into_iter().map(|c| (distance(wanted, c), c)).filter(|(far, _)| *far <= allowed(wanted));
    near.min().map(|(_, candidate)| candidate)
}

/// How many letters may differ for a slip.
fn allowed(name: &str) -> usize {
    match name.chars().count() {
        0..=4 => 1,
        5..=7 => 2,
        _ => 3,
    }
}

/// Letters to insert, remove, change, or swap with their neighbour.
#[must_use]
pub fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().take(COMPARED).collect();
    let b: Vec<char> = b.chars().take(COMPARED).collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut previous_left = None;
    for (row, &left) in a.iter().enumerate() {
        let mut next = vec![row + 1];
        let mut previous_right = None;
        for (column, &right) in b.iter().enumerate() {
            let at = |list: &[usize], index: usize| list.get(index).copied().unwrap_or(usize::MAX - 1);
            let changed = at(&last, column) + usize::from(left != right);
            let mut best = changed.min(at(&last, column + 1) + 1).min(at(&next, column) + 1);
            if column > 0 && previous_left == Some(right) && previous_right == Some(left) {
                best = best.min(at(&before_last, column - 1).saturating_add(1));
            }
            next.push(best);
            previous_right = Some(right);
        }
        before_last = last;
        last = next;
        previous_left = Some(left);
    }
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn distances() {
        for (a, b, expected) in [
            ("web", "web", 0),
            ("", "abc", 3),
            ("echo", "ehco", 1),
            ("kitten", "sitting", 3),
            ("web", "wbe", 1),
            ("a", "", 1),
            ("ä", "a", 1),
        ] {
            assert_eq!(distance(a, b), expected, "{a} {b}");
            assert_eq!(distance(b, a), expected, "{b} {a}");
        }
    }

    #[track_caller]
    fn case(name: &str, expected: &[&str]) {
        let services = json!([
            {"metadata": {"name": "web", "namespace": "shop"}}, {"metadata": {"name": "web2", "namespace": "default"}},
            {"metadata": {"name": "weeb", "namespace": "other"}}, {"metadata": {"name": "kubernetes", "namespace": "default"}},
            {"metadata": {"name": "web-frontend", "namespace": "default"}}]);
        let objects = Objects { services: Some(serde_json::from_value(services).unwrap()), ..Objects::default() };
        assert_eq!(services_of(&objects, name), expected);
    }

    fn services_of(objects: &Objects, name: &str) -> Vec<String> {
        services(objects, "default", name)
    }

    #[test]
    fn nearest_services() {
        case("web", &["shop/web", "default/web2", "other/weeb", "default/web-frontend"]);
        case("kubernets", &["default/kubernetes"]);
        case("postgres", &[]);
    }

    #[test]
    fn closest_of_a_list() {
        assert_eq!(closest("htpp", ["http", "https", "metrics"]), Some("http"));
        assert_eq!(closest("grpc", ["http"]), None);
    }
}
