//! What CoreDNS complains of in its log. Reads lines; what follows from them is not decided here.

use std::net::IpAddr;

/// One line that says that something is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said<'t> {
    /// Line, from 1.
    pub line: usize,
    /// When, RFC 3339, where the log has times.
    pub at: Option<&'t str>,
    /// The line without its time.
    pub text: &'t str,
    /// What it says.
    pub complaint: Complaint<'t>,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Complaint<'t> {
    /// It got its own query back and stops.
    /// `[FATAL] plugin/loop: Loop (127.0.0.1:38733 -> :53) detected for zone ".", …`
    Loop,
    /// It may not read what it must.
    /// `… endpointslices.discovery.k8s.io is forbidden: User "system:serviceaccount:kube-system:coredns" cannot list …`
    Forbidden {
        /// `endpointslices.discovery.k8s.io`.
        resource: &'t str,
    },
    /// It cannot reach the API server.
    /// `… Get "https://10.96.0.1:443/version": dial tcp 10.96.0.1:443: i/o timeout`
    ApiUnreachable {
        /// `10.96.0.1:443`, where it says so.
        server: Option<&'t str>,
    },
    /// It serves before it has read the API.
    /// `[WARNING] plugin/kubernetes: starting server with unsynced Kubernetes API`
    Unsynced,
    /// A server that it forwards to does not answer.
    /// `[ERROR] plugin/errors: 2 example.com. A: read udp 10.244.1.2:46043->192.0.2.53:53: i/o timeout`
    Upstream {
        /// The server, where it says so.
        server: Option<IpAddr>,
        /// The question: `example.com. A`; `HINFO` is the question of plugin/loop itself.
        question: &'t str,
        /// `i/o timeout`, `connection refused`.
        why: &'t str,
    },
    /// It does not understand its Corefile.
    /// `plugin/forward: /etc/coredns/Corefile:12 - Error during parsing: Unknown directive 'foo'`
    Corefile,
}

/// Every complaint of a log, in its order.
#[must_use]
pub fn complaints(log: &str) -> Vec<Said<'_>> {
    (1..)
        .zip(log.lines())
        .filter_map(|(line, text)| {
            let (at, text) = time(text);
            Some(Said { line, at, text, complaint: complaint(text)? })
        })
        .collect()
}

/// A log that was asked for with times has one before each line: `2026-11-28T02:40:00.123456789Z [INFO] …`.
fn time(text: &str) -> (Option<&str>, &str) {
    match text.split_once(' ') {
        Some((at, rest)) if at.parse::<jiff::Timestamp>().is_ok() => (Some(at), rest),
        _ => (None, text),
    }
}

fn complaint(text: &str) -> Option<Complaint<'_>> {
    if text.contains("plugin/loop: ") && text.contains("detected") {
        return Some(Complaint::Loop);
    }
    if let Some((before, _)) = text.split_once(" is forbidden: ") {
        let resource = before.rsplit(' ').next().unwrap_or(before);
        return Some(Complaint::Forbidden { resource });
    }
    if text.contains("Error during parsing") {
        return Some(Complaint::Corefile);
    }
    if text.contains("starting server with unsynced Kubernetes API") {
        return Some(Complaint::Unsynced);
    }
    if text.contains("Kubernetes API connection failure")
        || text.contains("Failed to watch")
        || text.contains("Failed to list")
        || text.contains("failed to list")
    {
        return Some(Complaint::ApiUnreachable { server: dialled(text) });
    }
    upstream(text)
}

/// `dial tcp 10.96.0.1:443: i/o timeout` → `10.96.0.1:443`.
fn dialled(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("dial tcp ")?;
    Some(rest.split(' ').next().unwrap_or(rest).trim_end_matches(':'))
}

/// `plugin/errors: 2 NAME TYPE: WHY`; before CoreDNS 1.5 without `plugin/errors: `.
fn upstream(text: &str) -> Option<Complaint<'_>> {
    let (_, rest) = text.split_once("[ERROR] ")?;
    let rest = rest.strip_prefix("plugin/errors: ").unwrap_or(rest);
    let (code, rest) = rest.split_once(' ')?;
    code.parse::<u16>().ok()?;
    let (question, why) = rest.split_once(": ")?;
    let known = [
        "i/o timeout",
        "connection refused",
        "no route to host",
        "network is unreachable",
        "no healthy upstream",
        "unreachable backend",
    ];
    let short = known.iter().find(|word| why.contains(*word))?;
    // the words as they stand in the line
    let at = why.find(short)?;
    Some(Complaint::Upstream { server: server(why), question, why: why.get(at..at + short.len())? })
}

/// `read udp 10.244.1.2:46043->192.0.2.53:53: i/o timeout`, `dial tcp 192.0.2.53:53: …` → the far end.
fn server(why: &str) -> Option<IpAddr> {
    let far = match why.split_once("->") {
        Some((_, rest)) => rest,
        None => why.split_once("dial ").and_then(|(_, rest)| rest.split_once(' ')).map(|(_, rest)| rest)?,
    };
    let address = far.split(' ').next()?.trim_end_matches(':');
    address.parse::<std::net::SocketAddr>().ok().map(|address| address.ip())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;

    #[track_caller]
    fn case(text: &str, expected: Option<&Complaint<'_>>) {
        let found = complaints(text);
        assert_eq!(found.first().map(|said| &said.complaint), expected, "{text}");
    }

    #[test]
    fn lines_of_coredns() {
        case(
            r#"[FATAL] plugin/loop: Loop (127.0.0.1:38733 -> :53) detected for zone ".", see https://coredns.io/plugins/loop#troubleshooting. Query: "HINFO 1.2.""#,
            Some(&Complaint::Loop),
        );
        case(
            r#"[WARNING] plugin/kubernetes: pkg/mod/k8s.io/client-go@v0.29.3/tools/cache/reflector.go:229: failed to list *v1.EndpointSlice: endpointslices.discovery.k8s.io is forbidden: User "system:serviceaccount:kube-system:coredns" cannot list resource "endpointslices" in API group "discovery.k8s.io" at the cluster scope"#,
            Some(&Complaint::Forbidden { resource: "endpointslices.discovery.k8s.io" }),
        );
        case(
            r#"[WARNING] plugin/kubernetes: Kubernetes API connection failure: Get "https://10.96.0.1:443/version": dial tcp 10.96.0.1:443: i/o timeout"#,
            Some(&Complaint::ApiUnreachable { server: Some("10.96.0.1:443") }),
        );
        case("[WARNING] plugin/kubernetes: starting server with unsynced Kubernetes API", Some(&Complaint::Unsynced));
        case(
            "[ERROR] plugin/errors: 2 example.com. A: read udp 10.244.1.2:46043->192.0.2.53:53: i/o timeout",
            Some(&Complaint::Upstream {
                server: Some("192.0.2.53".parse().unwrap()),
                question: "example.com. A",
                why: "i/o timeout",
            }),
        );
        case(
            "[ERROR] 2 1.2. HINFO: unreachable backend: read udp 10.244.1.2:1->192.0.2.53:53: i/o timeout",
            Some(&Complaint::Upstream {
                server: Some("192.0.2.53".parse().unwrap()),
                question: "1.2. HINFO",
                why: "i/o timeout",
            }),
        );
        case("/etc/coredns/Corefile:12 - Error during parsing: Unknown directive 'foo'", Some(&Complaint::Corefile));
        case("[INFO] 127.0.0.1:38733 - 2 \"HINFO IN 1.2. udp 57 false 512\" NXDOMAIN qr,rd,ra 132 0.01s", None);
        case(
            ".:53\nCoreDNS-1.13.1\nlinux/amd64, go1.25\n[INFO] plugin/reload: Running configuration SHA512 = 1b",
            None,
        );
    }

    #[test]
    fn times_are_taken_off() {
        let log = "2026-11-28T02:40:00.123456789Z [INFO] fine\n2026-11-28T02:40:01Z [FATAL] plugin/loop: Loop (a -> b) detected for zone \".\"\n";
        let found = complaints(log);
        assert_eq!((found.len(), found[0].line, found[0].at), (1, 2, Some("2026-11-28T02:40:01Z")));
        assert!(found[0].text.starts_with("[FATAL]"));
    }
}
