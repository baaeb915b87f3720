//! Objects of whole lists: what a trace takes of them, and what it leaves.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use super::super::lists::as_json;
use super::*;

fn read_all(files: &[(&str, &str)], scope: &Scope) -> (Objects, Vec<Gap>) {
    let mut gaps = Vec::new();
    let files: Vec<_> = files
        .iter()
        .map(|(name, text)| ObjectFile {
            name: format!("objects/{name}"),
            text: as_json(name, (*text).to_owned()).unwrap(),
        })
        .collect();
    let objects = read(files, scope, None, &["a"], &mut gaps);
    (objects, gaps)
}

fn names<T: k8s_openapi::Metadata<Ty = k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta>>(
    list: Option<&Vec<T>>,
) -> Vec<&str> {
    list.unwrap().iter().map(|object| object.metadata().name.as_deref().unwrap_or_default()).collect()
}

#[track_caller]
fn services(file: &str, text: &str, expected: Option<&[&str]>) {
    let (objects, gaps) = read_all(&[(file, text)], &Scope::everything());
    assert_eq!(gaps, [], "{text}");
    assert_eq!(objects.services.is_some(), expected.is_some(), "{text}");
    if let Some(expected) = expected {
        assert_eq!(names(objects.services.as_ref()), expected, "{text}");
    }
}

#[test]
fn every_form_of_list() {
    let item = r#"{"kind":"Service","apiVersion":"v1","metadata":{"name":"web","namespace":"shop"}}"#;
    let bare = r#"{"metadata":{"name":"web"}}"#;
    services("services.json", &format!(r#"{{"kind":"List","apiVersion":"v1","items":[{item}]}}"#), Some(&["web"]));
    services("services.json", &format!(r#"{{"kind":"ServiceList","items":[{item},{bare}]}}"#), Some(&["web", "web"]));
    services("services.json", &format!(r#"{{"items":[{item},{bare}]}}"#), Some(&["web", "web"]));
    services("services.json", &format!("[{item},{bare}]"), Some(&["web", "web"]));
    services("services.json", item, Some(&["web"]));
    services("services.json", bare, Some(&["web"]));
    services("services.json", &format!("\u{feff}{item}\r\n"), Some(&["web"]));
    services("services.json", r#"{"kind":"List","items":[]}"#, Some(&[]));
    services("services.json", r#"{"kind":"ServiceList","items":null}"#, Some(&[]));
    services("services.json", "[]", Some(&[]));
    services("pods.json", r#"{"kind":"PodList","items":[]}"#, None);
    services("everything.json", &format!(r#"{{"kind":"List","items":[{item}]}}"#), Some(&["web"]));
    services(
        "services.yaml",
        "apiVersion: v1\nkind: List\nitems:\n- kind: Service\n  apiVersion: v1\n  metadata:\n    name: web\n",
        Some(&["web"]),
    );
    services(
        "objects.yaml",
        "---\nkind: Service\napiVersion: v1\nmetadata: {name: a}\n---\nkind: Service\napiVersion: v1\nmetadata: {name: b}\n",
        Some(&["a", "b"]),
    );
}

#[test]
fn what_cannot_be_read_is_said_and_not_none() {
    let (objects, gaps) =
        read_all(&[("services.json", r#"{"items":[{"metadata""#), ("pods.json", "[]")], &Scope::everything());
    assert!(objects.services.is_none() && objects.pods.is_some());
    assert_eq!(gaps[0].code, Code::OutputTruncated);
    let (objects, gaps) =
        read_all(&[("services.json", r#"[{"metadata":{"name":"a"}},{"metadata":{"name":7}}]"#)], &Scope::everything());
    assert_eq!(names(objects.services.as_ref()), ["a"]);
    assert!(gaps[0].summary.contains("item 1: invalid type"), "{}", gaps[0].summary);
    assert!(!objects.is_whole("services"), "one is missing");
}

#[test]
fn a_resource_may_stand_in_several_files_and_a_file_hold_several() {
    let (objects, gaps) = read_all(
        &[
            ("a.json", r#"[{"kind":"Service","metadata":{"name":"a"}},{"kind":"Node","metadata":{"name":"n"}}]"#),
            ("b.json", r#" [{"kind":"Service","metadata":{"name":"b"}},{"kind":"Service","metadata":{"name":7}}]"#),
            ("services.json", r#"{"kind":"ServiceList","items":[{"metadata":{"name":"c"}}]}"#),
        ],
        &Scope::everything(),
    );
    assert_eq!(names(objects.services.as_ref()), ["a", "b", "c"]);
    assert_eq!(names(objects.nodes.as_ref()), ["n"]);
    assert!(gaps[0].summary.starts_with("`objects/b.json` cannot be read: item 1: "), "{}", gaps[0].summary);
}

#[test]
fn a_page_of_a_list_is_not_the_whole() {
    let (objects, _) = read_all(
        &[
            ("services.json", r#"{"kind":"List","metadata":{"continue":"xyz"},"items":[]}"#),
            ("nodes.json", r#"{"kind":"List","metadata":{"continue":""},"items":[]}"#),
        ],
        &Scope::everything(),
    );
    assert!(!objects.is_whole("services") && objects.is_whole("nodes"));
}

#[test]
fn one_service_reads_what_it_needs() {
    let files = [
        (
            "services.json",
            r#"[{"metadata":{"namespace":"x","name":"web"},"spec":{"clusterIP":"10.96.0.7","selector":{"app":"web"}}},
                {"metadata":{"namespace":"x","name":"db"},"spec":{"selector":{"app":"db"},"ports":[{"port":1,"nodePort":30001}]}}]"#,
        ),
        (
            "endpointslices.json",
            r#"[{"addressType":"IPv4","metadata":{"namespace":"x","name":"web-1","labels":{"kubernetes.io/service-name":"web"}},
                 "endpoints":[{"addresses":["10.0.0.9"],"targetRef":{"kind":"Pod","name":"odd"}}]},
                {"addressType":"IPv4","metadata":{"namespace":"x","name":"db-1","labels":{"kubernetes.io/service-name":"db"}},"endpoints":[]},
                {"addressType":"IPv4","metadata":{"namespace":"x","name":"lost"},"endpoints":[]}]"#,
        ),
        (
            "pods.json",
            r#"[{"metadata":{"namespace":"x","name":"web-0","labels":{"app":"web"}}},
                {"metadata":{"namespace":"x","name":"odd"}},
                {"metadata":{"namespace":"x","name":"same"},"status":{"podIP":"10.0.0.9"}},
                {"metadata":{"namespace":"y","name":"other","labels":{"app":"web"}}},
                {"metadata":{"namespace":"x","name":"db-0","labels":{"app":"db"}}},
                {"metadata":{"namespace":"y","name":"client"},"spec":{"nodeName":"a"},"status":{"phase":"Running","podIP":"10.0.0.10"}},
                {"metadata":{"namespace":"y","name":"client2"},"spec":{"nodeName":"a"},"status":{"phase":"Running","podIP":"10.0.0.11"}},
                {"metadata":{"namespace":"kube-system","name":"kube-proxy-1"}}]"#,
        ),
    ];
    let wanted = |objects| Scope { objects, ..Scope::default() };
    let (objects, gaps) =
        read_all(&files, &wanted(Wanted::Service { namespace: "x".into(), name: "web".into(), port: None }));
    assert_eq!(gaps, []);
    assert_eq!(names(objects.services.as_ref()), ["web", "db"], "Services are all read");
    assert_eq!(names(objects.slices.as_ref()), ["web-1", "lost"]);
    assert_eq!(names(objects.pods.as_ref()), ["web-0", "odd", "same", "client", "kube-proxy-1"]);
    assert_eq!(names(objects.proxies.as_ref()), ["kube-proxy-1"]);
    assert_eq!(objects.whole.iter().map(String::as_str).collect::<Vec<_>>(), ["services"]);

    let (objects, _) =
        read_all(&files, &wanted(Wanted::Address { ip: Some("10.96.0.7".parse().unwrap()), port: Some(80) }));
    assert_eq!(names(objects.slices.as_ref()), ["web-1", "lost"]);
    let (objects, _) = read_all(&files, &wanted(Wanted::Address { ip: None, port: Some(30001) }));
    assert_eq!(names(objects.slices.as_ref()), ["db-1", "lost"]);
    let node = Wanted::Service { namespace: "x".into(), name: "node-a".into(), port: Some(30001) };
    assert_eq!(names(read_all(&files, &wanted(node)).0.slices.as_ref()), ["db-1", "lost"]);
    let (objects, _) = read_all(&files, &Scope::everything());
    assert_eq!(objects.pods().len(), 8);
    assert!(objects.is_whole("pods"));
}

#[test]
fn a_selector_without_pods_gets_those_that_come_near() {
    let files = [
        ("services.json", r#"[{"metadata":{"namespace":"x","name":"web"},"spec":{"selector":{"app":"web"}}}]"#),
        (
            "pods.json",
            r#"[{"metadata":{"namespace":"x","name":"w","labels":{"app":"wbe"}}},{"metadata":{"namespace":"y","name":"z"}}]"#,
        ),
    ];
    let scope = Scope {
        objects: Wanted::Service { namespace: "x".into(), name: "web".into(), port: None },
        ..Scope::default()
    };
    assert_eq!(names(read_all(&files, &scope).0.pods.as_ref()), ["w", "z"]);
}

#[test]
fn events_of_the_old_api() {
    let text = r#"{"kind":"EventList","items":[{"kind":"Event","apiVersion":"v1","metadata":{"name":"e"},"involvedObject":{"kind":"Pod","name":"w"},"message":"pulled"}]}"#;
    let (objects, gaps) = read_all(&[("events.json", text)], &Scope::everything());
    assert_eq!(gaps, []);
    let events = objects.events.unwrap();
    assert_eq!(events[0].note.as_deref(), Some("pulled"));
    assert_eq!(events[0].regarding.as_ref().unwrap().name.as_deref(), Some("w"));
}

#[test]
fn other_resources_are_kept_as_they_are() {
    let (objects, _) = read_all(
        &[("configmaps.json", r#"{"kind":"ConfigMapList","items":[{"data":{"a":"b"}}]}"#)],
        &Scope::everything(),
    );
    assert_eq!(objects.other["configmaps"][0]["data"]["a"], "b");
}
