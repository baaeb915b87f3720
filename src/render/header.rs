//! What the question was about: the Service, its ports, its endpoints, the nodes.

use std::collections::BTreeSet;

use super::human::Detail;
use super::page::{Column, Mark, Marks, Page, Row};
use super::words;
use crate::report::{EndpointSummary, Environment, NodeSummary, PortSummary, Report, ServiceSummary};

/// Endpoints and nodes that are listed before the rest is counted.
const ENDPOINTS: usize = 6;
const NODES: usize = 5;
/// Environment variables that are listed before the rest is counted.
const VARIABLES: usize = 2;
/// Columns of the words at the left.
const LABEL: usize = 10;

/// Draws the header.
pub(super) fn draw(page: &mut Page, report: &Report, detail: Detail) {
    if let Some(service) = &report.service {
        draw_service(page, service, detail);
    }
    draw_nodes(page, report, detail);
    if let Some(environment) = &report.environment {
        draw_environment(page, environment, detail);
    }
    for (label, texts) in [("Assumed", &report.assumed), ("Note", &report.notes)] {
        for (number, text) in texts.iter().enumerate() {
            labelled(page, if number == 0 { label } else { "" }, text);
        }
    }
}

/// A word at the left and a paragraph beside it.
fn labelled(page: &mut Page, label: &str, text: &str) {
    let padded = format!("{label:<LABEL$}");
    let room = page.width().saturating_sub(LABEL);
    for (number, line) in super::text::wrap(&page.safe(text), room).iter().enumerate() {
        page.pair(if number == 0 { &padded } else { "" }, LABEL, line);
    }
}

/// `Env       WEB_SERVICE_HOST=10.96.0.7, WEB_SERVICE_PORT=80 and 5 more (-o wide)`.
fn draw_environment(page: &mut Page, environment: &Environment, detail: Detail) {
    if let Some(missing) = &environment.missing {
        labelled(page, "Env", &format!("not in {}: {missing}", environment.client));
        return;
    }
    let mut texts = environment.variables.iter().map(|(name, value)| format!("{name}={value}"));
    match detail {
        Detail::Folded => {
            let first: Vec<String> = texts.by_ref().take(VARIABLES).collect();
            let more = match texts.count() {
                0 => String::new(),
                more => format!(" and {more} more (-o wide)"),
            };
            labelled(page, "Env", &format!("{}{more}", first.join(", ")));
        }
        Detail::Whole => {
            for (number, text) in texts.enumerate() {
                labelled(page, if number == 0 { "Env" } else { "" }, &text);
            }
        }
    }
}

fn draw_service(page: &mut Page, service: &ServiceSummary, detail: Detail) {
    let mut parts = vec![format!("{}/{}", service.namespace, service.name), service.kind.clone()];
    parts.extend(service.cluster_ips.iter().filter(|ip| *ip != "None").cloned());
    labelled(page, "Service", &parts.join("  "));
    if let Some(name) = &service.external_name {
        labelled(page, "", &format!("{} {name}", page.arrow()));
    }
    for (what, addresses) in [("external IPs", &service.external_ips), ("load balancer", &service.load_balancer)] {
        if !addresses.is_empty() {
            labelled(page, "", &format!("{what} {}", addresses.join(", ")));
        }
    }
    if !service.ports.is_empty() {
        let texts: Vec<String> = service.ports.iter().map(|port| port_text(page, port)).collect();
        labelled(page, "Ports", &texts.join("   "));
    }
    if let Some(selector) = &service.selector {
        labelled(page, "Selector", selector);
    }
    for text in &service.traits {
        labelled(page, "", text);
    }
    // an alias has none, whatever happens
    if service.external_name.is_none() || !service.endpoints.is_empty() {
        draw_endpoints(page, &service.endpoints, detail);
    }
}

/// `http 30080 → 80 → 8080/TCP`.
fn port_text(page: &Page, port: &PortSummary) -> String {
    let mut text = String::new();
    if !port.name.is_empty() {
        text.push_str(&port.name);
        text.push(' ');
    }
    let arrow = page.arrow();
    if let Some(node_port) = port.node_port {
        text.push_str(&format!("{node_port} {arrow} "));
    }
    text.push_str(&format!("{} {arrow} {}/{}", port.port, port.target, port.protocol));
    text
}

fn draw_endpoints(page: &mut Page, endpoints: &[EndpointSummary], detail: Detail) {
    let used = endpoints.iter().filter(|endpoint| endpoint.used).count();
    let unused = endpoints.len() - used;
    let ready =
        if endpoints.iter().all(|endpoint| !endpoint.used || endpoint.state == "ready") { "ready" } else { "used" };
    let text = match (used, unused) {
        (0, 0) => "none".to_owned(),
        (used, 0) => format!("{used} {ready}"),
        (0, unused) => format!("{unused}, none used"),
        (used, unused) => format!("{used} {ready}, {unused} not used"),
    };
    let behind_them: BTreeSet<&str> = endpoints.iter().map(behind).collect();
    let text = match behind_them.len() {
        // one pod has an address for each family, and all of them for each port
        few if few < endpoints.len() => {
            let of_pods = endpoints.iter().all(|endpoint| endpoint.pod.is_some());
            format!("{text}, of {}", words::count(few, if of_pods { "pod" } else { "host" }))
        }
        _ => text,
    };
    labelled(page, "Endpoints", &text);
    let most = match detail {
        Detail::Folded => ENDPOINTS,
        Detail::Whole => usize::MAX,
    };
    // those that are left out are what is looked for
    let mut shown: Vec<&EndpointSummary> = endpoints.iter().filter(|endpoint| !endpoint.used).take(most / 2).collect();
    let room = most - shown.len();
    let mut listed: Vec<&EndpointSummary> = endpoints.iter().filter(|endpoint| endpoint.used).take(room).collect();
    listed.append(&mut shown);
    let several =
        endpoints.iter().any(|endpoint| endpoints.first().is_some_and(|first| first.port_name != endpoint.port_name));
    let mut rows: Vec<Row> =
        listed.iter().map(|endpoint| endpoint_row(endpoint, several.then_some(endpoint.port_name.as_str()))).collect();
    if unused == 0 && rows.iter().all(|row| row.cells.last().is_some_and(|state| state == "ready")) {
        for row in &mut rows {
            row.cells.pop();
        }
    }
    if rows.is_empty() {
        return;
    }
    let widths = widths(page, &rows, page.width().saturating_sub(LABEL));
    let cut = |row: &Row| Row {
        mark: row.mark,
        // the last cell says why; it is wrapped instead
        cells: row
            .cells
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(at, (cell, width))| match detail {
                Detail::Folded if at + 1 < widths.len() => page.cut_middle(cell, *width),
                Detail::Folded | Detail::Whole => cell.clone(),
            })
            .collect(),
    };
    let rows: Vec<Row> = rows.iter().map(cut).collect();
    let columns: Vec<Column> = widths.iter().map(|width| Column::of(*width + 1)).collect();
    page.table(LABEL, Marks::Left, &columns, &rows);
    if listed.len() < endpoints.len() {
        let left = endpoints.len() - listed.len();
        page.pair("", LABEL, &format!("{} {left} more (-o wide)", page.dots()));
    }
}

/// What stands behind an endpoint: its pod, else the host of its address.
fn behind(endpoint: &EndpointSummary) -> &str {
    let host = || endpoint.address.rsplit_once(':').map_or(endpoint.address.as_str(), |(host, _)| host);
    endpoint.pod.as_deref().unwrap_or_else(host)
}

/// `port`: its name, where there are several.
fn endpoint_row(endpoint: &EndpointSummary, port: Option<&str>) -> Row {
    let mut state = endpoint.state.clone();
    if let Some(port) = port.filter(|port| !port.is_empty()) {
        state = format!("{state}, {port}");
    }
    let zone = endpoint.zone.as_ref().map(|zone| format!(" ({zone})")).unwrap_or_default();
    let node = endpoint.node.as_ref().map(|node| format!("{node}{zone}")).unwrap_or_default();
    Row {
        mark: Mark::Plain,
        cells: vec![endpoint.address.clone(), endpoint.pod.clone().unwrap_or_default(), node, state],
    }
}

/// Widths that the cells want, the widest shrunk until all fit in `room`.
fn widths(page: &Page, rows: &[Row], room: usize) -> Vec<usize> {
    let count = rows.iter().map(|row| row.cells.len()).max().unwrap_or(0);
    let mut widths: Vec<usize> = (0..count)
        .map(|at| {
            rows.iter()
                .filter_map(|row| row.cells.get(at))
                .map(|cell| super::text::columns(&page.safe(cell)))
                .max()
                .unwrap_or(0)
                .max(1)
        })
        .collect();
    let over = |widths: &[usize]| widths.iter().map(|width| width + 2).sum::<usize>() > room;
    // what is said last can be wrapped, names can only be cut
    while over(&widths) && widths.last().is_some_and(|last| *last > 24) {
        if let Some(last) = widths.last_mut() {
            *last -= 1;
        }
    }
    while over(&widths) {
        let Some(widest) = widths.iter_mut().max_by_key(|width| **width).filter(|width| **width > 8) else { break };
        *widest -= 1;
    }
    widths
}

fn draw_nodes(page: &mut Page, report: &Report, detail: Detail) {
    let most = match detail {
        Detail::Folded => NODES,
        Detail::Whole => usize::MAX,
    };
    for (number, node) in report.nodes.iter().take(most).enumerate() {
        let label = match (number, report.nodes.len()) {
            (0, 1) => "Node",
            (0, _) => "Nodes",
            _ => "",
        };
        labelled(page, label, &node_text(node, detail));
    }
    if report.nodes.len() > most {
        page.pair("", LABEL, &format!("{} {} more (-o wide)", page.dots(), report.nodes.len() - most));
    }
    if let Some(why) = report.nodes_why.as_ref().filter(|_| !report.nodes.is_empty()) {
        labelled(page, "", &format!("read because: {why}"));
    }
}

fn node_text(node: &NodeSummary, detail: Detail) -> String {
    let mut text =
        format!("{}  {}", node.name, if node.read { node.dataplane.as_str() } else { "its rules were not read" });
    if let Some(version) = &node.kubernetes {
        text.push_str(&format!(", Kubernetes {}", version.trim_start_matches('v')));
    }
    if let (Detail::Whole, Some(evidence)) = (detail, &node.evidence) {
        text.push_str(&format!(" ({evidence})"));
    }
    text
}
