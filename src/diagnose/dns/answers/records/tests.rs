//! Records that come back against those that the objects promise.

use serde_json::json;

use super::*;
use crate::collect::snapshot::Objects;

fn objects() -> Objects {
    let service =
        |name: &str, spec: &serde_json::Value| json!({"metadata": {"namespace": "shop", "name": name}, "spec": spec});
    let services = json!([
        service(
            "web",
            &json!({"clusterIP": "10.96.0.7", "clusterIPs": ["10.96.0.7"], "ports": [{"name": "http", "port": 80}]})
        ),
        service(
            "db",
            &json!({"clusterIP": "None", "selector": {"app": "db"}, "ports": [{"name": "sql", "port": 5432}]})
        ),
        service("out", &json!({"type": "ExternalName", "externalName": "www.example.com"})),
        service("in", &json!({"type": "ExternalName", "externalName": "web.shop.svc.cluster.local"})),
    ]);
    let slice = json!({"metadata": {"namespace": "shop", "name": "db-x", "labels": {"kubernetes.io/service-name": "db"}},
        "addressType": "IPv4", "ports": [{"name": "sql", "port": 5433, "protocol": "TCP"}],
        "endpoints": [{"addresses": ["10.244.1.5"], "hostname": "db-0", "conditions": {"ready": true}}]});
    let mut objects = Objects {
        services: Some(serde_json::from_value(services).unwrap()),
        slices: Some(vec![serde_json::from_value(slice).unwrap()]),
        ..Objects::default()
    };
    objects.whole.extend(["services", "endpointslices"].map(String::from));
    objects
}

/// `answers` are `OWNER TYPE DATA`, one a line.
#[track_caller]
fn case(asked: &str, record: &str, rcode: &str, answers: &str, expected: Option<(&str, &str)>) {
    let objects = objects();
    let zone = Zone::new(&objects, name::absolute("cluster.local").unwrap());
    let answer = |line: &str| {
        let mut words = line.trim().splitn(3, ' ').map(ToOwned::to_owned);
        Answer { name: words.next().unwrap(), record: words.next().unwrap(), data: words.next().unwrap(), ttl: 30 }
    };
    let reply = Reply { rcode: rcode.into(), answers: answers.lines().map(answer).collect(), ..Reply::default() };
    let found = difference(&zone, &zone.entry(&name::absolute(asked).unwrap()), record, &reply);
    let found = found.as_ref().map(|(reason, words)| (*reason, words.as_str()));
    assert_eq!(found, expected, "{asked} {record} {rcode} {answers}");
}

#[test]
fn addresses() {
    let web = "web.shop.svc.cluster.local";
    case(web, "A", "NOERROR", "web.shop.svc.cluster.local. A 10.96.0.7", None);
    case(web, "AAAA", "NOERROR", "", None);
    let other = ("other", "10.96.0.8, and it is 10.96.0.7");
    case(web, "A", "NOERROR", "web.shop.svc.cluster.local. A 10.96.0.8", Some(other));
    case(web, "A", "NXDOMAIN", "", Some(("missing", "no such name, and it is 10.96.0.7")));
    case(web, "A", "NOERROR", "", Some(("missing", "no address, and it has address 10.96.0.7")));
    case(web, "A", "SERVFAIL", "", None);
    let extra = ("extra", "10.9.9.9, and there is no Service shop/gone");
    case("gone.shop.svc.cluster.local", "A", "NOERROR", "gone.shop.svc.cluster.local. A 10.9.9.9", Some(extra));
}

#[test]
fn ports() {
    let http = "_http._tcp.web.shop.svc.cluster.local";
    let right = "_http._tcp.web.shop.svc.cluster.local. SRV 0 100 80 web.shop.svc.cluster.local.";
    case(http, "SRV", "NOERROR", right, None);
    let old = right.replace(" 80 ", " 8080 ");
    let words = "port 8080 at web.shop.svc.cluster.local, and it is port 80 at web.shop.svc.cluster.local";
    case(http, "SRV", "NOERROR", &old, Some(("other", words)));
    let missing = ("missing", "no such name, and it is port 80 at web.shop.svc.cluster.local");
    case(http, "SRV", "NXDOMAIN", "", Some(missing));
    let sql = "_sql._tcp.db.shop.svc.cluster.local. SRV 0 100 5433 db-0.db.shop.svc.cluster.local.";
    case("_sql._tcp.db.shop.svc.cluster.local", "SRV", "NOERROR", sql, None);
    let extra = ("extra", "0 100 5433 db-0.db.shop.svc.cluster.local., and Service shop/db has no port named no/tcp");
    case("_no._tcp.db.shop.svc.cluster.local", "SRV", "NOERROR", &sql.replace("_sql", "_no"), Some(extra));
}

#[test]
fn names_of_addresses() {
    let web = "7.0.96.10.in-addr.arpa";
    case(web, "PTR", "NOERROR", "7.0.96.10.in-addr.arpa. PTR web.shop.svc.cluster.local.", None);
    let other = ("other", "old.shop.svc.cluster.local, and it is web.shop.svc.cluster.local");
    case(web, "PTR", "NOERROR", "7.0.96.10.in-addr.arpa. PTR old.shop.svc.cluster.local.", Some(other));
    case(web, "PTR", "NXDOMAIN", "", Some(("missing", "no such name, and it is web.shop.svc.cluster.local")));
    case("5.1.244.10.in-addr.arpa", "PTR", "NOERROR", "x. PTR db-0.db.shop.svc.cluster.local.", None);
    // somebody else's
    case("9.9.9.9.in-addr.arpa", "PTR", "NOERROR", "x. PTR dns9.quad9.net.", None);
}

#[test]
fn aliases() {
    let out = "out.shop.svc.cluster.local";
    let right = "out.shop.svc.cluster.local. CNAME www.example.com.\nwww.example.com. A 192.0.2.1";
    case(out, "A", "NOERROR", right, None);
    // the alias is right, what it leads to is not the cluster's
    case(out, "A", "NXDOMAIN", "out.shop.svc.cluster.local. CNAME www.example.com.", None);
    let old = right.replace("www.example.com", "old.example.com");
    let words = "an alias of old.example.com, and it is one of www.example.com";
    case(out, "A", "NOERROR", &old, Some(("other", words)));
    case(out, "A", "NXDOMAIN", "", Some(("missing", "no alias, and it is one of www.example.com")));
    let inside = "in.shop.svc.cluster.local. CNAME web.shop.svc.cluster.local.\nweb.shop.svc.cluster.local. A ";
    case("in.shop.svc.cluster.local", "A", "NOERROR", &format!("{inside}10.96.0.7"), None);
    let words = "10.96.0.9, and it is 10.96.0.7 (web.shop.svc.cluster.local)";
    case("in.shop.svc.cluster.local", "A", "NOERROR", &format!("{inside}10.96.0.9"), Some(("other", words)));
}
