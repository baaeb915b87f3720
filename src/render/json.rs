//! The report as one JSON document. The shape stands in `v1`; here it becomes text.

use super::text;
use super::v1::V1Report;
use crate::report::{Report, Severity};

/// The document, indented, ending in a newline.
#[must_use]
pub fn render(report: &Report, fail_on: Option<Severity>) -> String {
    let document = V1Report::new(report, fail_on);
    // only maps with keys that are no strings can fail, and there is none
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text::json(text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]
mod tests {
    use super::*;
    use crate::render::samples;

    fn read(report: &Report) -> serde_json::Value {
        serde_json::from_str(&render(report, Some(Severity::Error))).unwrap()
    }

    #[test]
    fn the_contract() {
        let document = read(&samples::stale());
        assert_eq!(document["schema"], "svc-trace/v1");
        assert_eq!(document["verdict"], "findings");
        assert_eq!(document["complete"], true);
        let path = &document["traces"][0]["path"];
        assert_eq!(path["origin"], "pod");
        assert_eq!(path["to"], "10.96.10.1:80");
        let outcome = &document["traces"][0]["outcomes"][0];
        assert_eq!(outcome["probability_ppm"], 333_334);
        assert_eq!(outcome["disposition"], "delivered");
        assert!(outcome["when"].is_null());
        let hop = &outcome["hops"][0];
        assert_eq!((hop["table"].as_str(), hop["dump"].as_str()), (Some("nat"), Some("iptables-save")));
        let finding = &document["findings"][0];
        assert_eq!(finding["code"], "dnat-target-mismatch");
        assert_eq!(finding["evidence"][0]["type"], "line");
        assert_eq!(finding["fingerprint"], "dnat-target-mismatch||Service default/web|node-b");
        assert_eq!(document["summary"]["errors"], 1);
    }

    #[test]
    fn v6_addresses_are_bracketed() {
        let document = read(&samples::v6());
        assert_eq!(document["traces"][0]["path"]["to"], "[fd00:96::a]:53");
        assert_eq!(document["traces"][0]["path"]["from"], "fd00:244::7");
    }

    #[test]
    fn the_verdict_follows_the_threshold() {
        let report = samples::stale();
        for (fail_on, want) in [(Some(Severity::Error), "findings"), (None, "healthy")] {
            let document: serde_json::Value = serde_json::from_str(&render(&report, fail_on)).unwrap();
            assert_eq!(document["verdict"], want);
        }
        assert_eq!(read(&samples::unread_node())["verdict"], "incomplete");
    }

    #[test]
    fn hostile_names_are_escaped_and_kept() {
        let report = samples::hostile();
        let text = render(&report, None);
        assert!(text.chars().all(|c| c == '\n' || text::clean(&c.to_string()) == c.to_string()), "{text}");
        assert_eq!(read(&report)["service"]["name"], samples::HOSTILE);
    }

    #[test]
    fn the_same_report_is_the_same_document() {
        assert_eq!(render(&samples::stale(), None), render(&samples::stale(), None));
    }
}
