//! The report as a scenario keeps it: the JSON document, made short. What is null or empty is left out, a hop is one
//! text, and what fits in a line stands in one, so that a change of the report is a change of a few lines.

use std::fmt::Write as _;

use serde_json::Value;
use svc_trace::render::{Format, Style, render};
use svc_trace::report::Report;

/// What stands in one line at most.
const WIDTH: usize = 160;

/// The document of a report, short.
pub(crate) fn short(report: &Report) -> String {
    let mut value: Value = serde_json::from_str(&render(report, Format::Json, Style::default())).unwrap();
    // the version of the program is not part of the answer
    value.as_object_mut().unwrap().remove("tool");
    for trace in value["traces"].as_array_mut().unwrap() {
        for outcome in trace["outcomes"].as_array_mut().unwrap() {
            for hop in outcome["hops"].as_array_mut().unwrap() {
                *hop = hop_text(hop).into();
            }
        }
    }
    let mut out = String::new();
    write(&mut out, &without_nothing(value), 0);
    out.push('\n');
    out
}

/// A document without the hops, and without what each DNS server was asked.
pub(crate) fn without_hops(document: &str) -> String {
    let mut value: Value = serde_json::from_str(document).unwrap();
    if let Some(dns) = value.get_mut("dns").and_then(Value::as_object_mut) {
        dns.remove("places");
    }
    let traces = value.get_mut("traces").and_then(Value::as_array_mut).into_iter().flatten();
    for outcome in traces.flat_map(|trace| trace["outcomes"].as_array_mut().unwrap()) {
        outcome.as_object_mut().unwrap().remove("hops");
    }
    let mut out = String::new();
    write(&mut out, &value, 0);
    out.push('\n');
    out
}

/// `prerouting nat KUBE-SERVICES (iptables-save:41) jump KUBE-SVC-… : what it means`
fn hop_text(hop: &Value) -> String {
    let text = |key: &str| hop[key].as_str().unwrap_or_default();
    let mut out = [text("hook"), text("table"), text("chain")]
        .iter()
        .filter(|part| !part.is_empty())
        .copied()
        .collect::<Vec<_>>()
        .join(" ");
    if let Some(line) = hop["line"].as_u64() {
        write!(out, " ({}:{line})", text("dump")).unwrap();
    }
    write!(out, " {}", text("action")).unwrap();
    if let Some(ppm) = hop["probability_ppm"].as_u64() {
        write!(out, " {ppm}").unwrap();
    }
    if !text("words").is_empty() {
        write!(out, " : {}", text("words")).unwrap();
    }
    out
}

fn without_nothing(value: Value) -> Value {
    let nothing = |value: &Value| value.is_null() || value.as_array().is_some_and(Vec::is_empty);
    match value {
        Value::Object(fields) => fields
            .into_iter()
            .filter(|(_, value)| !nothing(value))
            .map(|(key, value)| (key, without_nothing(value)))
            .collect(),
        Value::Array(values) => values.into_iter().map(without_nothing).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

fn write(out: &mut String, value: &Value, depth: usize) {
    let line = value.to_string();
    if line.len() + depth <= WIDTH || !(value.is_array() || value.is_object()) {
        out.push_str(&line);
        return;
    }
    let indent = "\n".to_owned() + &" ".repeat(depth + 1);
    match value {
        Value::Object(fields) => {
            out.push('{');
            for (number, (key, value)) in fields.iter().enumerate() {
                write!(out, "{}{indent}{:?}: ", if number > 0 { "," } else { "" }, key).unwrap();
                write(out, value, depth + 1);
            }
            write!(out, "\n{}}}", " ".repeat(depth)).unwrap();
        }
        Value::Array(values) => {
            out.push('[');
            for (number, value) in values.iter().enumerate() {
                write!(out, "{}{indent}", if number > 0 { "," } else { "" }).unwrap();
                write(out, value, depth + 1);
            }
            write!(out, "\n{}]", " ".repeat(depth)).unwrap();
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
