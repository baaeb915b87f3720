//! Does what was asked: read, analyze, render. Gives back the text and the exit code; prints nothing itself.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::CommandFactory;

use crate::cli::{Cli, ShellArg};
use crate::collect::config::{KubeOptions, NodeChoice, Say, Via, WhichNodes};
use crate::collect::scope::Scope;
use crate::collect::snapshot::Snapshot;
use crate::collect::sweep::Which;
use crate::collect::{self, CollectConfig, bundle, pasted};
use crate::config::{
    Action, Asked, Config, DnsAsked, DnsInput, Explained, Input, ObjectsFrom, Output, PacketInput, Reach, Sampling,
};
use crate::demo::Scenario;
use crate::diagnose::PacketQuery;
use crate::job::{Home, JobOf};
use crate::probe::PlaceClient;
use crate::query::{Query, Target};
use crate::render::{self, Format};
use crate::report::{Code, Gap, Report, Verdict};
use crate::{Error, Result, complete, demo, explain};

mod check;

/// Name of a node of which only pasted dumps are known.
const PASTED: &str = "pasted";

/// What the program has to say at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// For standard output.
    pub text: String,
    /// Reports to write beside it.
    pub files: Vec<(PathBuf, String)>,
    /// What is added to the end of a file that others write too.
    pub added: Option<(PathBuf, String)>,
    /// For the exit code.
    pub exit: Exit,
}

/// Exit codes, as `kubectl diff` and grep have them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: healthy, or done.
    Fine,
    /// 1: findings at or above the threshold.
    Findings,
    /// 3: no such finding, but not all that was asked could be checked.
    Incomplete,
}

impl Exit {
    /// The code; 2 is an [`Error`]'s.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Fine => 0,
            Self::Findings => 1,
            Self::Incomplete => 3,
        }
    }
}

impl Answer {
    fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), files: Vec::new(), added: None, exit: Exit::Fine }
    }

    fn report(report: &Report, output: &Output) -> Self {
        let draw = |format: Format| render::render(report, format, output.style);
        // the runner gives each step a file of its own, which all that run in it add to
        let (added, files): (Vec<_>, Vec<_>) =
            output.files.iter().partition::<Vec<_>, _>(|(_, path)| output.step_summary.as_ref() == Some(path));
        let summary = match (added.first(), &output.step_summary) {
            (Some((format, path)), _) => Some((path.clone(), draw(*format))),
            (None, Some(path)) if output.format == Format::Github => Some((path.clone(), draw(Format::Markdown))),
            (None, _) => None,
        };
        Self {
            text: draw(output.format),
            files: files.iter().map(|(format, path)| (path.clone(), draw(*format))).collect(),
            added: summary,
            exit: match report.verdict(output.style.fail_on) {
                Verdict::Healthy => Exit::Fine,
                Verdict::Findings => Exit::Findings,
                Verdict::Incomplete => Exit::Incomplete,
            },
        }
    }

    /// Writes the text, then the files: what was found is told also where a file cannot be written. A reader that has seen
    /// enough and goes away is no failure.
    ///
    /// # Errors
    /// If a file or the text cannot be written.
    pub fn write(&self, out: &mut impl Write) -> Result<()> {
        let told = match out.write_all(self.text.as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            other => other,
        };
        let mut failed = told.err().map(Error::from);
        let mut keep = |path: &Path, done: std::io::Result<()>| {
            if let Err(source) = done {
                failed.get_or_insert(Error::File { action: "write", path: path.to_owned(), source });
            }
        };
        for (path, text) in &self.files {
            keep(path, std::fs::write(path, text));
        }
        if let Some((path, text)) = &self.added {
            let add = || std::fs::OpenOptions::new().append(true).create(true).open(path)?.write_all(text.as_bytes());
            keep(path, add());
        }
        failed.map_or(Ok(()), Err)
    }
}

/// Does what was asked.
///
/// # Errors
/// What svc-trace itself cannot do; what is wrong with the cluster stands in the answer.
pub fn run(config: Config) -> Result<Answer> {
    let Config { action, output, .. } = config;
    match action {
        Action::Trace { asked, input, sampling } => trace(&asked, input, sampling, &output),
        Action::Dns { asked, input } => dns(&asked, input, &output),
        Action::Check(action) => check::check(*action, &output),
        Action::DryRun { asked, collect } => dry_run(asked.as_ref(), &told(collect)),
        Action::Collect { asked, reach, collect, to } => make_bundle(asked.as_ref(), reach, collect, &to),
        Action::Packet { packet, input } => walk_packet(&packet, &input, &output),
        Action::PrintJob { job, kube } => print_job(job, &kube),
        Action::Explain(Explained::List, _) => Ok(Answer::text(explain::list(output.style))),
        Action::Explain(Explained::All, form) => Ok(Answer::text(explain::all(form, output.style))),
        Action::Explain(Explained::One(what), form) => Ok(Answer::text(explain::page(&what, form, output.style)?)),
        Action::Demo(name) => run_demo(&name, &output),
        Action::DemoList => Ok(Answer::text(demo::list(output.style))),
        Action::Cleanup { collect, which } => cleanup(&collect, which),
        Action::Completion(shell) => Ok(Answer::text(completion(shell))),
        Action::Agent(work) => Ok(Answer::text(crate::agent::serve(work, std::io::stdin().lock())?)),
        Action::Complete(words) => Ok(Answer::text(complete::candidates(&words))),
    }
}

/// Where a live reading tells what it does: standard error, made safe.
fn told(mut collect: CollectConfig) -> CollectConfig {
    collect.say = Say::to(|line| {
        // progress that nobody can read is no reason to stop
        let _ = writeln!(std::io::stderr(), "{}", render::clean(line));
    });
    collect
}

/// What will be written must be writable: a cluster is not read for an answer that has no place to go.
fn files_of(output: &Output) -> Result<()> {
    output.files.iter().try_for_each(|(_, path)| collect::may_write(path))
}

/// Waits for what is asked of a cluster, or for a signal.
fn wait<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    collect::interrupt::block_on(work)
}

fn trace(asked: &Asked, input: Input, sampling: Sampling, output: &Output) -> Result<Answer> {
    let report = match input {
        Input::Bundle(path) => {
            let query = asked.query("default");
            crate::analyze(&bundle::load(&path, &Scope::of(&query))?, &query)?
        }
        Input::Live(collect) => {
            files_of(output)?;
            wait(live(asked, told(*collect), sampling))?
        }
        Input::Dumps { files, node, objects } => {
            let (mut snapshot, query) = objects_for(asked, objects)?;
            add_pasted(&mut snapshot, node.as_deref(), &files)?;
            crate::analyze(&snapshot, &query)?
        }
    };
    Ok(Answer::report(&report, output))
}

/// Collects, analyzes, and looks again at what differs if that was asked for.
async fn live(asked: &Asked, collect: CollectConfig, sampling: Sampling) -> Result<Report> {
    let query = asked.query(&collect::namespace(&collect)?);
    let mut snapshot = collect::collect(&collect, &query).await?;
    let report = crate::analyze(&snapshot, &query)?;
    let nodes = report.differing_nodes();
    if sampling == Sampling::Once || nodes.is_empty() {
        return Ok(report);
    }
    if let Err(error) = Box::pin(collect::settle(&collect, &query, &mut snapshot, &nodes)).await {
        snapshot.gaps.push(only_once(error)?);
    }
    crate::analyze(&snapshot, &query)
}

/// The first reading stands where a second one fails; a signal ends both.
fn only_once(error: Error) -> Result<Gap> {
    first_stands(error, "the second reading failed", "whether what differs from the objects differs still")
}

/// What was read before stands where more could not be read, and that is a gap; a signal ends all.
fn first_stands(error: Error, what: &str, lost: &str) -> Result<Gap> {
    if let Error::Interrupted = error {
        return Err(error);
    }
    let gap = Gap::new(Code::ObjectsNotRead, None, format!("{what}: {error}"));
    Ok(Gap { lost: Some(lost.to_owned()), help: error.hint(), ..gap })
}

fn dns(asked: &DnsAsked, input: DnsInput, output: &Output) -> Result<Answer> {
    let report = match input {
        DnsInput::Bundle(path) => {
            let query = asked.query("default");
            crate::analyze_dns(&bundle::load(&path, &Scope::everything())?, &query)?
        }
        DnsInput::DryRun(collect) => {
            let collect = told(*collect);
            let text = wait(async {
                let query = asked.query(&collect::namespace(&collect)?);
                collect::dns::manifest(&collect, &query).await
            })?;
            return Ok(Answer::text(text));
        }
        DnsInput::Live { collect, save } => {
            files_of(output)?;
            save.as_deref().map(collect::is_free).transpose()?;
            let collect = told(*collect);
            let (snapshot, report) = wait(live_dns(asked, &collect))?;
            if let Some(to) = save {
                collect::save(&snapshot, &to)?;
            }
            report
        }
    };
    Ok(Answer::report(&report, output))
}

/// Asks, judges, and reads the rules of a node where they are what is left to look at.
async fn live_dns(asked: &DnsAsked, collect: &CollectConfig) -> Result<(Snapshot, Report)> {
    let query = asked.query(&collect::namespace(collect)?);
    let mut snapshot = collect::dns::ask(collect, &query).await?;
    let mut report = crate::analyze_dns(&snapshot, &query)?;
    if let Some(next) = report.dns.as_ref().and_then(|dns| dns.next.clone()) {
        let nodes = NodeChoice { which: WhichNodes::Named(next.nodes.clone()), max: None };
        // a pod that asks for itself has no rules of a node to read
        let in_pod = snapshot.probes.iter().any(|place| place.client != PlaceClient::Host);
        let via = if collect.via == Via::Local && in_pod { Via::ApiOnly } else { collect.via };
        match collect::collect(&CollectConfig { nodes, via, ..collect.clone() }, &next).await {
            Ok(read) => {
                snapshot.nodes = read.nodes;
                snapshot.gaps.extend(read.gaps);
            }
            Err(error) => {
                let what = format!("{} could not be traced", next.target_text);
                snapshot.gaps.push(first_stands(error, &what, "what the rules of a node do with it")?);
            }
        }
        report = crate::analyze_dns(&snapshot, &query)?;
    }
    Ok((snapshot, report))
}

/// The objects that go with pasted dumps. An API that cannot be reached is no reason not to read the dump.
fn objects_for(asked: &Asked, objects: ObjectsFrom) -> Result<(Snapshot, Query)> {
    match objects {
        ObjectsFrom::Bundle(path) => {
            let query = Query { nodes: Vec::new(), ..asked.query("default") };
            let mut snapshot = bundle::load(&path, &Scope::of(&query))?;
            snapshot.nodes.clear();
            Ok((snapshot, query))
        }
        ObjectsFrom::Api(collect) => {
            let query = |namespace: &str| Query { nodes: Vec::new(), ..asked.query(namespace) };
            let read = wait(async {
                let query = query(&collect::namespace(&collect)?);
                Ok((collect::collect(&collect, &query).await?, query))
            });
            match read {
                Ok((snapshot, query)) => Ok((without_node_gaps(snapshot), query)),
                Err(Error::Kubeconfig { message } | Error::Api { message, .. }) => {
                    let mut gap = Gap::new(Code::ApiOnlyVerdict, None, format!("no objects were read: {message}"));
                    gap.lost =
                        Some("what Kubernetes promises: the dump is walked, and compared with nothing".to_owned());
                    gap.help = Some("give --bundle DIR, or a --kubeconfig that works".to_owned());
                    gap.counts = false;
                    Ok((Snapshot { gaps: vec![gap], ..Snapshot::default() }, query("default")))
                }
                Err(error) => Err(error),
            }
        }
    }
}

/// Nodes are not read beside a pasted dump on purpose: that is no gap.
fn without_node_gaps(mut snapshot: Snapshot) -> Snapshot {
    snapshot.nodes.clear();
    snapshot.gaps.retain(|gap| !matches!(gap.code, Code::NodeNotCollected | Code::ApiOnlyVerdict));
    snapshot
}

/// The Job of a check: in the cluster there is no context to say where names are, and each run has a name of its own.
fn print_job(mut job: JobOf, kube: &KubeOptions) -> Result<Answer> {
    if job.home == Home::OfContext {
        job.arguments.extend(["-n".to_owned(), collect::client::namespace_of(kube)?]);
    }
    Ok(Answer::text(crate::job::manifest(&job, &collect::manifest::fresh_name_of("svc-trace-check"))))
}

fn dry_run(asked: Option<&Asked>, collect: &CollectConfig) -> Result<Answer> {
    // an address that no Service has: only the choice of nodes is left to be made
    let anything = Asked {
        target: Target::Address { ip: std::net::Ipv4Addr::UNSPECIFIED.into(), port: None, protocol: None },
        target_text: String::new(),
        from: None,
        from_text: None,
        namespace: None,
        nodes: Vec::new(),
    };
    let text = wait(async {
        let namespace = collect::namespace(collect)?;
        collect::manifest(collect, &asked.unwrap_or(&anything).query(&namespace)).await
    })?;
    Ok(Answer::text(text))
}

fn make_bundle(asked: Option<&Asked>, reach: Reach, collect: CollectConfig, to: &Path) -> Result<Answer> {
    collect::is_free(to)?;
    let collect = told(collect);
    let snapshot = wait(async {
        let namespace = collect::namespace(&collect)?;
        match (asked, reach) {
            (Some(asked), _) => collect::collect(&collect, &asked.query(&namespace)).await,
            (None, Reach::Namespace) => collect::collect_all(&collect, Some(&namespace)).await,
            (None, Reach::Cluster) => collect::collect_all(&collect, None).await,
        }
    })?;
    collect::save(&snapshot, to)?;
    let nodes: Vec<&str> = snapshot.nodes.keys().map(String::as_str).collect();
    let mut text = format!("wrote {} ({} Services", to.display(), snapshot.objects.services().len());
    text.push_str(&if nodes.is_empty() {
        ", no node)\n".to_owned()
    } else {
        format!(", nodes {})\n", nodes.join(", "))
    });
    for gap in &snapshot.gaps {
        text.push_str(&format!("? {}: {}\n", gap.code, gap.summary));
    }
    let exit = if snapshot.gaps.iter().any(|gap| gap.counts) { Exit::Incomplete } else { Exit::Fine };
    Ok(Answer { exit, ..Answer::text(safe_lines(&text)) })
}

/// Each line made safe.
fn safe_lines(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        out.push_str(&render::clean(line));
        out.push('\n');
    }
    out
}

fn walk_packet(packet: &PacketQuery, input: &PacketInput, output: &Output) -> Result<Answer> {
    let snapshot = match input {
        PacketInput::Bundle(path) => bundle::load(path, &Scope::dumps(packet.node.as_slice()))?,
        PacketInput::Dumps(files) => pasted_snapshot(packet.node.as_deref(), files)?,
    };
    if let (Some(node), true) = (&packet.node, snapshot.nodes.is_empty()) {
        return Err(no_such_node(node, input));
    }
    let report = crate::packet(&snapshot, packet)?;
    let mut answer = Answer::report(&report, output);
    // asked of one packet alone, there is nothing to find; only what cannot be decided is left open
    if answer.exit == Exit::Findings {
        answer.exit = Exit::Fine;
    }
    Ok(answer)
}

fn no_such_node(node: &str, input: &PacketInput) -> Error {
    let known: Vec<String> = match input {
        PacketInput::Bundle(path) => bundle::node_names(path).unwrap_or_default().into_iter().collect(),
        PacketInput::Dumps(_) => Vec::new(),
    };
    let known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
    Error::usage_help(
        format!("the bundle holds no dumps of node `{}`", node.escape_debug()),
        format!("it holds {}", known.join(", ")),
    )
}

/// A snapshot of pasted dumps alone.
fn pasted_snapshot(node: Option<&str>, files: &[PathBuf]) -> Result<Snapshot> {
    let mut snapshot = Snapshot::default();
    add_pasted(&mut snapshot, node, files)?;
    Ok(snapshot)
}

/// Adds pasted dumps under their node's name.
fn add_pasted(snapshot: &mut Snapshot, node: Option<&str>, files: &[PathBuf]) -> Result<()> {
    let dumps = pasted::read(files)?;
    snapshot.nodes.insert(node.unwrap_or(PASTED).to_owned(), dumps);
    Ok(())
}

fn run_demo(name: &str, output: &Output) -> Result<Answer> {
    let scenario = Scenario::find(name)?;
    let report = scenario.report()?;
    let mut answer = Answer::report(&report, output);
    if matches!(output.format, Format::Human | Format::Wide) {
        answer.text.insert_str(0, &render::note(&scenario.introduction(), output.style));
    }
    Ok(answer)
}

fn cleanup(collect: &CollectConfig, which: Which) -> Result<Answer> {
    let cleaned = wait(collect::cleanup(collect, which))?;
    let mut text = String::new();
    for job in &cleaned.removed {
        text.push_str(&format!("removed {job}\n"));
    }
    for failure in &cleaned.failed {
        text.push_str(&format!("not removed: {failure}\n"));
    }
    for job in &cleaned.kept {
        text.push_str(&format!("not removed: {job}: somebody may be at work with it (--all)\n"));
    }
    if text.is_empty() {
        text.push_str("nothing was left behind\n");
    }
    let exit = if cleaned.failed.is_empty() { Exit::Fine } else { Exit::Incomplete };
    Ok(Answer { exit, ..Answer::text(safe_lines(&text)) })
}

/// What kubectl runs for candidates; the plugin's own name is found on the PATH.
const KUBECTL_HELPER: &str = include_str!("../completions/kubectl_complete-svc_trace");

/// The script for a shell.
#[must_use]
pub fn completion(shell: ShellArg) -> String {
    let shell = match shell {
        ShellArg::Bash => clap_complete::Shell::Bash,
        ShellArg::Zsh => clap_complete::Shell::Zsh,
        ShellArg::Fish => clap_complete::Shell::Fish,
        ShellArg::Kubectl => return KUBECTL_HELPER.to_owned(),
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "kubectl-svc_trace", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}
