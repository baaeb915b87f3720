//! What an answer must say, and the comparison with what it says.

use std::collections::BTreeSet;

use serde::Deserialize;
use svc_trace::Error;
use svc_trace::report::{Finding, Outcome, PathState, Report, Severity, Trace, Verdict};

/// `[expect]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Expect {
    /// `healthy`, `findings`, `incomplete`; `error` with `error`; `?` while the scenario is being written.
    verdict: String,
    /// What the message of a failure must contain.
    error: Option<String>,
    /// All findings: `error[no-ready-endpoint] Service default/web`, with ` @node-a` behind what is of one node.
    findings: Vec<String>,
    /// All gaps: `rbac-denied`, `node-not-collected @node-b`.
    gaps: Vec<String>,
    /// All issues: `layout-unknown iptables-save:12`.
    issues: Vec<String>,
    /// Paths that must be there.
    path: Vec<PathExpect>,
}

/// `[[expect.path]]`: what is not said is not compared, but the outcomes must be all.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PathExpect {
    node: Option<String>,
    origin: Option<String>,
    from: Option<String>,
    to: String,
    protocol: Option<String>,
    state: Option<String>,
    /// `333334 delivered 10.244.1.5:8080 masqueraded`; a condition stands for the number: `(returning) delivered …`.
    outcomes: Vec<String>,
    /// Chains that every outcome passes, in this order.
    #[serde(default)]
    through: Vec<String>,
}

impl Expect {
    pub(crate) fn codes(&self) -> BTreeSet<String> {
        let finding = |line: &String| line.split(['[', ']']).nth(1).unwrap_or_default().to_owned();
        let first = |line: &String| line.split(' ').next().unwrap_or_default().to_owned();
        self.findings
            .iter()
            .map(finding)
            .chain(self.gaps.iter().map(first))
            .chain(self.issues.iter().map(first))
            .collect()
    }

    /// Whether nobody wrote down yet what the answer must say.
    pub(crate) fn is_open(&self) -> bool {
        self.verdict == "?"
    }

    pub(crate) fn check(&self, name: &str, answer: &svc_trace::Result<Report>) {
        let report = match (answer, &self.error) {
            (Ok(report), None) => report,
            (Err(error), Some(expected)) => return failure(name, error, expected),
            (Ok(_), Some(expected)) => panic!("{name}: must fail with `{expected}`"),
            (Err(error), None) => panic!("{name}: {error}"),
        };
        let said = Said::of(report);
        let wanted = Said {
            verdict: self.verdict.clone(),
            findings: sorted(&self.findings),
            gaps: sorted(&self.gaps),
            issues: sorted(&self.issues),
        };
        assert!(said == wanted, "{name}: the answer says\n{}\nand must say\n{}", said.toml(), wanted.toml());
        for path in &self.path {
            path.check(name, report);
        }
    }
}

#[derive(Debug, PartialEq)]
struct Said {
    verdict: String,
    findings: Vec<String>,
    gaps: Vec<String>,
    issues: Vec<String>,
}

impl Said {
    fn of(report: &Report) -> Self {
        let at = |node: Option<&str>| node.map(|node| format!(" @{node}")).unwrap_or_default();
        let verdict = match report.verdict(Some(Severity::Error)) {
            Verdict::Healthy => "healthy",
            Verdict::Findings => "findings",
            Verdict::Incomplete => "incomplete",
        };
        let finding = |finding: &Finding| {
            let object = finding.object.as_ref().map(|object| format!(" {object}")).unwrap_or_default();
            format!("{}[{}]{object}{}", finding.severity.as_str(), finding.code, at(finding.node.as_deref()))
        };
        Self {
            verdict: verdict.to_owned(),
            findings: sorted(&report.findings.iter().map(finding).collect::<Vec<_>>()),
            gaps: sorted(
                &report.gaps.iter().map(|gap| format!("{}{}", gap.code, at(gap.node.as_deref()))).collect::<Vec<_>>(),
            ),
            issues: sorted(
                &report
                    .issues
                    .iter()
                    .map(|issue| format!("{} {}:{}", issue.code, issue.dump, issue.line))
                    .collect::<Vec<_>>(),
            ),
        }
    }

    /// As it would stand in the file.
    fn toml(&self) -> String {
        let mut text = format!("verdict = {:?}\n", self.verdict);
        for (key, lines) in [("findings", &self.findings), ("gaps", &self.gaps), ("issues", &self.issues)] {
            if !lines.is_empty() {
                let lines: Vec<_> = lines.iter().map(|line| format!("  {line:?},\n")).collect();
                text += &format!("{key} = [\n{}]\n", lines.concat());
            }
        }
        text
    }
}

impl PathExpect {
    fn check(&self, name: &str, report: &Report) {
        let like: Vec<&Trace> = report.traces.iter().filter(|trace| self.is(trace)).collect();
        let [trace] = like.as_slice() else {
            let all: Vec<_> = report.traces.iter().map(shown).collect();
            panic!("{name}: {} paths are like {self:?}, of\n{}", like.len(), all.join("\n"));
        };
        let outcomes: Vec<String> = trace.outcomes.iter().map(outcome).collect();
        assert_eq!(outcomes, self.outcomes, "{name}: {}", shown(trace));
        if let Some(state) = &self.state {
            assert_eq!(state_name(trace.state), state, "{name}: {}", shown(trace));
        }
        for outcome in &trace.outcomes {
            let mut chains = outcome.hops.iter().map(|hop| hop.chain.as_str());
            for wanted in &self.through {
                assert!(chains.any(|chain| chain == wanted), "{name}: {} does not pass {wanted}", shown(trace));
            }
        }
    }

    fn is(&self, trace: &Trace) -> bool {
        let path = &trace.path;
        let same = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|wanted| wanted == is);
        same(&self.node, &path.node)
            && same(&self.origin, path.origin.as_str())
            && same(&self.from, &path.from.to_string())
            && same(&self.protocol, &path.protocol)
            && self.to == std::net::SocketAddr::new(path.to, path.port).to_string()
    }
}

fn shown(trace: &Trace) -> String {
    let path = &trace.path;
    let outcomes: Vec<_> = trace.outcomes.iter().map(|o| format!("{:?}", outcome(o))).collect();
    format!(
        "node = {:?}, origin = {:?}, from = {:?}, to = {:?}, protocol = {:?}, state = {:?}, outcomes = [{}]",
        path.node,
        path.origin.as_str(),
        path.from.to_string(),
        std::net::SocketAddr::new(path.to, path.port).to_string(),
        path.protocol,
        state_name(trace.state),
        outcomes.join(", "),
    )
}

fn outcome(outcome: &Outcome) -> String {
    let mut text = match (outcome.ppm, &outcome.when) {
        (_, Some(when)) => format!("({when})"),
        (ppm, None) => ppm.unwrap_or_default().to_string(),
    };
    for part in [Some(outcome.disposition.as_str()), outcome.destination.as_deref(), outcome.by.as_deref()]
        .into_iter()
        .flatten()
    {
        text += &format!(" {part}");
    }
    text + if outcome.masqueraded { " masqueraded" } else { "" }
}

fn state_name(state: PathState) -> &'static str {
    match state {
        PathState::Expected => "expected",
        PathState::Differs => "differs",
        PathState::Undecided => "undecided",
        PathState::NotCompared => "not-compared",
    }
}

fn failure(name: &str, error: &Error, expected: &str) {
    let said = format!("{error}; {}", error.hint().unwrap_or_default());
    assert!(said.contains(expected), "{name}: {said}");
}

fn sorted(lines: &[String]) -> Vec<String> {
    let mut lines = lines.to_vec();
    lines.sort();
    lines
}
