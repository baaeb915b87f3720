//! `check`: reads what is to be checked, and what is accepted, and says what it came to.

use std::path::Path;
use std::time::Duration;

use indicatif::ProgressBar;
use tokio::time::Instant;

use crate::collect::config::{Say, Via};
use crate::collect::scope::{Scope, Wanted};
use crate::collect::snapshot::Snapshot;
use crate::collect::{self, CollectConfig, bundle};
use crate::config::check::{CheckAction, CheckInput, GateFiles};
use crate::config::{Output, Sampling};
use crate::diagnose::CheckQuery;
use crate::diagnose::check::{Selection, dns_query, targets};
use crate::gate::{self, Baseline, Gate, Ignore, baseline};
use crate::report::check::SuiteKind;
use crate::report::{Code, Gap, Report};
use crate::{Error, Result, render};

use super::{Answer, files_of, first_stands, only_once, told, wait};

/// After the time limit, for what is under way to be given up.
const SLACK: Duration = Duration::from_secs(2);

/// What is asked of a cluster.
struct Asked {
    query: CheckQuery,
    sampling: Sampling,
}

/// Does a check.
pub(super) fn check(action: CheckAction, output: &Output) -> Result<Answer> {
    let CheckAction { query, input, sampling, gate: files, limit, save } = action;
    // what cannot be read of them is told before anything is made in a cluster
    let gate = read_gate(&files)?;
    save.as_deref().map(collect::is_free).transpose()?;
    let mut report = match input {
        CheckInput::Bundle(path) => {
            let nodes = (!query.nodes.is_empty()).then(|| query.nodes.clone());
            let paths_alone = query.suites.iter().all(|kind| matches!(kind, SuiteKind::Dataplane | SuiteKind::Nodes));
            let objects = if paths_alone { Wanted::Paths } else { Wanted::Everything };
            let scope = Scope { objects, nodes, client: None };
            crate::analyze_check(&bundle::load(&path, &scope)?, &query)?
        }
        CheckInput::Live(config) => {
            files_of(output)?;
            files.write.as_deref().map(collect::may_write).transpose()?;
            let (config, bar) = watched(*config);
            let done = wait(within(limit, config, &Asked { query, sampling }));
            bar.finish_and_clear();
            let (snapshot, report) = done?;
            if let Some(path) = &save {
                collect::save(&snapshot, path)?;
            }
            report
        }
    };
    let mut answer = None;
    if let Some(path) = &files.write {
        gate::apply(&mut report, &gate);
        let text = baseline::write(&report);
        let accepted = Baseline::parse(&name(path), &text)?;
        gate::apply(&mut report, &Gate { baseline: Some(accepted), gaps: gate.gaps, ..Gate::default() });
        answer = Some((path.clone(), text));
    } else {
        gate::apply(&mut report, &gate);
    }
    let mut done = Answer::report(&report, output);
    done.files.extend(answer);
    Ok(done)
}

/// The same with a line that moves where standard error is a terminal; elsewhere lines are told as they come.
fn watched(config: CollectConfig) -> (CollectConfig, ProgressBar) {
    let bar = ProgressBar::new_spinner();
    if bar.is_hidden() {
        return (told(config), bar);
    }
    bar.set_message("checking");
    bar.enable_steady_tick(Duration::from_millis(120));
    let drawn = bar.clone();
    let say = Say::to(move |line| drawn.println(render::clean(line)));
    (CollectConfig { say, ..config }, bar)
}

/// A live check that ends in time: what could not be read by then is said, and the rest judged.
async fn within(limit: Option<Duration>, mut config: CollectConfig, asked: &Asked) -> Result<(Snapshot, Report)> {
    let Some(limit) = limit else { return Box::pin(live(config, asked)).await };
    let until = Instant::now() + limit;
    config.limits.until = Some(until);
    config.limits.request = config.limits.request.min(limit);
    let spent = || spent(&asked.query, limit);
    // what was made is removed before that; a request that removes it has its own limit
    let request = config.limits.request;
    match tokio::time::timeout_at(until + request + SLACK, Box::pin(live(config, asked))).await {
        Ok(Err(Error::TooLate)) => spent(),
        // a request had no longer than that
        Ok(Err(Error::Api { .. })) if Instant::now() >= until => spent(),
        Ok(report) => report,
        Err(_) => Err(Error::TooLate),
    }
}

/// What there is to say when the time was over before anything was read.
fn spent(query: &CheckQuery, limit: Duration) -> Result<(Snapshot, Report)> {
    let mut gap = Gap::new(
        Code::ObjectsNotRead,
        None,
        format!("{} s were over before the objects were read", limit.as_secs_f32()),
    );
    gap.lost = Some("everything: nothing was checked".into());
    gap.help = Error::TooLate.hint();
    let snapshot = Snapshot { gaps: vec![gap], ..Snapshot::default() };
    // names are of nothing that was read
    let query = CheckQuery { nodes: Vec::new(), ..query.clone() };
    let report = crate::analyze_check(&snapshot, &query)?;
    Ok((snapshot, report))
}

/// Collects, analyzes, looks again at what differs, and connects if that was asked for.
async fn live(config: CollectConfig, asked: &Asked) -> Result<(Snapshot, Report)> {
    let mut query = asked.query.clone();
    if let Selection::Chosen(chosen) = &mut query.services
        && !chosen.names.is_empty()
        && chosen.namespace.is_none()
    {
        chosen.namespace = Some(collect::namespace(&config)?);
    }
    // which nodes are read is decided there
    query.sample = None;
    let namespace = match &query.services {
        Selection::Chosen(chosen) => chosen.namespace.clone(),
        Selection::Smoke => None,
    };
    let pods = config.clone();
    let mut config = config;
    if !query.suites.contains(&SuiteKind::Dataplane) {
        config.via = Via::ApiOnly;
    }
    let mut snapshot: Snapshot = collect::collect_check(&config, namespace.as_deref()).await?;
    if query.suites.contains(&SuiteKind::Dns) {
        ask(&pods, &query, &mut snapshot).await?;
    }
    // connections are judged when they were made
    let mut before = query.clone();
    before.suites.remove(&SuiteKind::Probe);
    let mut report = crate::analyze_check(&snapshot, &before)?;
    let nodes = report.differing_nodes();
    let late = |more: Duration| config.limits.until.is_some_and(|until| Instant::now() + more > until);
    if asked.sampling == Sampling::Settle && !nodes.is_empty() && !late(config.limits.settle) {
        match Box::pin(collect::settle_check(&config, namespace.as_deref(), &mut snapshot, &nodes)).await {
            // the first reading stands
            Ok(()) | Err(Error::TooLate) => {}
            Err(error) => snapshot.gaps.push(only_once(error)?),
        }
        report = crate::analyze_check(&snapshot, &before)?;
    }
    if query.suites.contains(&SuiteKind::Probe) {
        if !late(Duration::ZERO) {
            let targets = targets(&snapshot, &query)?;
            match Box::pin(collect::connect::from_nodes(&pods, &mut snapshot, targets)).await {
                Ok(()) | Err(Error::TooLate) => {}
                Err(error) => {
                    let (what, lost) = ("no connection was tried", "whether connections are made");
                    snapshot.gaps.push(first_stands(error, what, lost)?);
                }
            }
        }
        report = crate::analyze_check(&snapshot, &query)?;
    }
    Ok((snapshot, report))
}

/// Asks DNS from the chosen nodes; that it cannot be asked is a gap among others.
async fn ask(config: &CollectConfig, query: &CheckQuery, snapshot: &mut Snapshot) -> Result<()> {
    match Box::pin(collect::dns::ask(config, &dns_query(query))).await {
        Ok(asked) => {
            snapshot.probes = asked.probes;
            snapshot.logs = asked.logs;
            snapshot.to = asked.to;
            for (resource, list) in asked.objects.other {
                snapshot.objects.other.entry(resource).or_insert(list);
            }
            for gap in asked.gaps {
                if !snapshot.gaps.contains(&gap) {
                    snapshot.gaps.push(gap);
                }
            }
        }
        Err(error @ Error::Interrupted) => return Err(error),
        Err(Error::TooLate) => {
            snapshot.gaps.push(dns_gap("the time was over before DNS servers were asked", Error::TooLate.hint()));
        }
        Err(error) => {
            snapshot.gaps.push(dns_gap(&format!("DNS could not be asked: {error}"), error.hint()));
        }
    }
    Ok(())
}

fn dns_gap(summary: &str, help: Option<String>) -> Gap {
    let mut gap = Gap::new(Code::ObjectsNotRead, None, summary);
    gap.lost = Some("whether DNS answers".into());
    gap.help = help;
    gap
}

fn read_gate(files: &GateFiles) -> Result<Gate> {
    let mut ignores = files.ignores.clone();
    for path in &files.files {
        ignores.extend(Ignore::parse_file(&name(path), &text_of(path)?)?);
    }
    let baseline = files.baseline.as_ref().map(|path| Baseline::parse(&name(path), &text_of(path)?)).transpose()?;
    Ok(Gate { ignores, baseline, gaps: files.gaps })
}

fn text_of(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|source| Error::File { action: "read", path: path.to_owned(), source })
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
