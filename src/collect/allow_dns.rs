//! What is kept of the configuration and the logs of DNS servers: of few ConfigMaps a few keys, of logs the lines that
//! say that something is wrong. No query of a client and no credential enters a snapshot.

use serde_json::Value;

use super::allow::only_meta;
use super::dns_names::{CACHE_CONFIG_MAPS, CONFIG_MAPS, KUBELET_CONFIG_MAP};
use super::snapshot::PodLog;

/// First words of Corefile lines that hold a secret or may (coredns/plugin: etcd, route53, azure, clouddns, tsig).
const SECRET: [&str; 9] =
    ["credentials", "secret", "secrets", "aws_access_key", "azure_auth_location", "client", "password", "token", "tls"];
/// Plugins whose line may hold a secret.
const SECRET_PLUGINS: [&str; 4] = ["route53", "azure", "clouddns", "tsig"];
/// Keys of the kubelet's configuration that are about DNS.
const KUBELET: [&str; 3] = ["clusterDNS:", "clusterDomain:", "resolvConf:"];
/// What the lines of a log begin with, or hold, that are kept.
const KEPT: [&str; 6] = ["[FATAL]", "[ERROR]", "[WARNING]", "panic", "Error", "CoreDNS-"];

/// A ConfigMap of the cluster's DNS keeps its Corefile, the kubelet's what is about DNS, any other nothing.
pub(super) fn config_map(object: &mut Value) {
    let meta = |field: &str| object.pointer(&format!("/metadata/{field}")).and_then(Value::as_str).unwrap_or_default();
    let name = (meta("namespace"), meta("name"));
    let kept = if CONFIG_MAPS.contains(&name) || CACHE_CONFIG_MAPS.contains(&name) {
        text(object, "Corefile").map(|corefile| ("Corefile", self::corefile(corefile)))
    } else if name == KUBELET_CONFIG_MAP {
        text(object, "kubelet").map(|kubelet| ("kubelet", self::kubelet(kubelet)))
    } else {
        None
    };
    only_meta(object);
    let Some(fields) = object.as_object_mut() else { return };
    fields.retain(|key, _| ["apiVersion", "kind", "metadata"].contains(&key.as_str()));
    if let Some((key, value)) = kept {
        fields.insert("data".to_owned(), serde_json::json!({key: value}));
    }
}

fn text<'v>(object: &'v Value, key: &str) -> Option<&'v str> {
    object.pointer("/data")?.get(key)?.as_str()
}

/// The text with what may be secret taken out; lines stay where they are.
fn corefile(text: &str) -> String {
    let line = |line: &str| {
        let mut words = line.split_whitespace();
        let first = words.next().unwrap_or_default();
        if words.next().is_none_or(|word| word == "{") || !(SECRET.contains(&first) || SECRET_PLUGINS.contains(&first))
        {
            return line.to_owned();
        }
        let indent: String = line.chars().take_while(|c| c.is_whitespace()).collect();
        let opens = if line.trim_end().ends_with('{') { " {" } else { "" };
        format!("{indent}{first} (left out){opens}")
    };
    lines(text, line)
}

fn lines(text: &str, make: impl Fn(&str) -> String) -> String {
    let mut kept: String = text.lines().map(make).collect::<Vec<_>>().join("\n");
    if text.ends_with('\n') {
        kept.push('\n');
    }
    kept
}

/// The lines about DNS, with the lists that follow them.
fn kubelet(text: &str) -> String {
    let mut kept = String::new();
    let mut within = false;
    for line in text.lines() {
        within = KUBELET.iter().any(|key| line.starts_with(key)) || (within && line.starts_with([' ', '-']));
        if within {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

/// A log keeps its complaints. With the plugin `log` it holds every query of every client: none of those.
pub(super) fn log(log: &mut PodLog) {
    let kept = |line: &&str| KEPT.iter().any(|word| line.contains(word)) && !line.contains("[INFO]");
    log.text = log.text.lines().filter(kept).flat_map(|line| [line, "\n"]).collect();
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn case(namespace: &str, name: &str, data: &Value, expected: &Value) {
        let mut given = json!({"kind": "ConfigMap", "metadata": {"namespace": namespace, "name": name}, "data": data, "binaryData": {"x": "y"}});
        config_map(&mut given);
        assert_eq!(given.get("data").unwrap_or(&Value::Null), expected, "{namespace}/{name}");
        assert!(given.get("binaryData").is_none());
    }

    #[test]
    fn config_maps_keep_what_is_about_dns() {
        let corefile = ".:53 {\n    etcd skydns.local {\n        credentials user hunter2\n    }\n    tls {\n    }\n    route53 a.test:Z1 {\n        aws_access_key A hunter2\n    }\n}\n";
        let kept = ".:53 {\n    etcd skydns.local {\n        credentials (left out)\n    }\n    tls {\n    }\n    route53 (left out) {\n        aws_access_key (left out)\n    }\n}\n";
        case(
            "kube-system",
            "coredns",
            &json!({"Corefile": corefile, "NodeHosts": "192.0.2.1 a"}),
            &json!({"Corefile": kept}),
        );
        case("default", "coredns", &json!({"Corefile": corefile}), &Value::Null);
        case("kube-system", "x", &json!({"password": "hunter2"}), &Value::Null);
        case(
            "kube-system",
            "kubelet-config",
            &json!({"kubelet": "authentication:\n  x509: {}\nclusterDNS:\n- 10.96.0.10\nclusterDomain: cluster.local\nrotateCertificates: true\n"}),
            &json!({"kubelet": "clusterDNS:\n- 10.96.0.10\nclusterDomain: cluster.local\n"}),
        );
    }

    #[test]
    fn logs_keep_complaints_and_no_query() {
        let mut given = PodLog {
            text:
                "2026-11-28T02:40:00Z [INFO] 10.244.1.5:1 - 2 \"A IN secret.example.com. udp 57 false 512\" NOERROR\n\
                2026-11-28T02:40:00Z CoreDNS-1.13.1\n2026-11-28T02:40:01Z [FATAL] plugin/loop: Loop\n"
                    .to_owned(),
            ..PodLog::default()
        };
        log(&mut given);
        assert_eq!(given.text, "2026-11-28T02:40:00Z CoreDNS-1.13.1\n2026-11-28T02:40:01Z [FATAL] plugin/loop: Loop\n");
    }
}
