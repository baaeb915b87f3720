//! One cell of the matrix, judged: what counts as an answer to which question, what is late, what is lost.

use crate::probe::{Outcome, Place, Probe, QuestionKind, Reply, Try};
use crate::report::dns::{CellState, DnsCell};

/// From here on an answer is late: names of the cluster come from memory, within a millisecond or two.
pub(super) const SLOW_MS: u64 = 1000;
/// The same for names that are asked for elsewhere.
const SLOW_ELSEWHERE_MS: u64 = 2000;

/// Judges a probe.
pub(super) fn judge(probe: &Probe) -> DnsCell {
    let kind = probe.question.kind;
    let mut considered: Vec<&Try> = probe.tries.iter().filter(|one| counts(kind, one)).collect();
    if considered.is_empty() {
        considered = probe.tries.iter().collect();
    }
    let lost = considered.iter().filter(|one| is_lost(&one.outcome)).count();
    let tries = considered.len();
    let decisive = last_of_rounds(&considered);
    let worst = decisive.iter().find(|one| trouble(kind, &one.outcome).is_some());
    let decides = worst.or(decisive.first()).copied();
    let word = decides.and_then(|one| trouble(kind, &one.outcome)).unwrap_or_default();
    let ms = decisive.iter().map(|one| one.ms).max().unwrap_or_default();
    let answered = decisive.iter().any(|one| trouble(kind, &one.outcome).is_none());
    let state = match (worst, answered) {
        (Some(_) | None, false) => CellState::Bad,
        // an answer that is wrong now and then is wrong
        (Some(one), true) if !is_lost(&one.outcome) => CellState::Bad,
        _ if lost > 0 => CellState::Lossy,
        _ if ms >= slow(kind) => CellState::Slow,
        _ => CellState::Good,
    };
    let word = match state {
        CellState::Lossy if word.is_empty() => "lost".to_owned(),
        CellState::Bad if word.is_empty() => "not asked".to_owned(),
        CellState::Good | CellState::Slow | CellState::Lossy | CellState::Bad => word,
    };
    let answers = decisive.iter().find_map(|one| match &one.outcome {
        Outcome::Answered(reply) | Outcome::WrongSource { reply, .. } if !reply.answers.is_empty() => Some(reply),
        _ => None,
    });
    DnsCell {
        state,
        word,
        // the first try went on listening while later ones were made: it waited longest
        ms: match decides.filter(|_| worst.is_some()) {
            Some(one) if is_lost(&one.outcome) => considered.iter().map(|one| one.ms).max().unwrap_or(ms),
            Some(one) => one.ms,
            None => ms,
        },
        lost,
        tries,
        answers: answers.map(data).unwrap_or_default(),
    }
}

fn data(reply: &Reply) -> Vec<String> {
    reply.answers.iter().map(|answer| answer.data.clone()).collect()
}

fn slow(kind: QuestionKind) -> u64 {
    match kind {
        QuestionKind::Full => SLOW_MS,
        QuestionKind::Short | QuestionKind::MustNotExist | QuestionKind::External | QuestionKind::Asked => {
            SLOW_ELSEWHERE_MS
        }
    }
}

/// Leaves out what was never asked. What is left of a place, and why the rest was not asked: `None` where all was.
pub(super) fn asked(place: &Place) -> (Place, Option<String>) {
    let mut left = place.clone();
    let mut why = None;
    for probe in &mut left.probes {
        probe.tries.retain(|one| match &one.outcome {
            Outcome::NotAsked { why: said } => {
                why.get_or_insert_with(|| said.clone());
                false
            }
            _ => true,
        });
    }
    if why.is_some() {
        left.probes.retain(|probe| !probe.tries.is_empty());
    }
    (left, why)
}

/// The name that must not exist is asked for outside the cluster too; there only a positive answer says something.
fn counts(kind: QuestionKind, one: &Try) -> bool {
    kind != QuestionKind::MustNotExist || !is_elsewhere(one) || is_positive(&one.outcome)
}

/// Whether a name that must not exist was asked for outside the cluster's domain.
pub(super) fn is_elsewhere(one: &Try) -> bool {
    one.asked.ends_with(".invalid.")
}

/// Whether records came.
pub(super) fn is_positive(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Answered(reply) if reply.rcode == "NOERROR" && !reply.answers.is_empty())
}

/// Whether nothing came at all.
pub(super) fn is_lost(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Timeout | Outcome::Refused | Outcome::Unreachable { .. } | Outcome::Error { .. } => true,
        Outcome::Answered(_) | Outcome::WrongSource { .. } | Outcome::NotAsked { .. } => false,
    }
}

/// The try that decides each round: the last one.
fn last_of_rounds<'t>(tries: &[&'t Try]) -> Vec<&'t Try> {
    let mut last: Vec<&Try> = Vec::new();
    for one in tries {
        match last.last_mut() {
            Some(before) if before.round == one.round => *before = one,
            Some(_) | None => last.push(one),
        }
    }
    last
}

/// What is wrong with an outcome, in a word; `None` where it is as it should be.
fn trouble(kind: QuestionKind, outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Answered(reply) => reply_trouble(kind, reply),
        Outcome::Timeout => Some("timeout".into()),
        Outcome::Refused => Some("refused".into()),
        Outcome::Unreachable { .. } => Some("unreachable".into()),
        Outcome::WrongSource { from, .. } => Some(format!("from {}", from.ip())),
        Outcome::Error { .. } => Some("broken".into()),
        Outcome::NotAsked { .. } => Some("not asked".into()),
    }
}

fn reply_trouble(kind: QuestionKind, reply: &Reply) -> Option<String> {
    let empty = reply.answers.is_empty();
    match (kind, reply.rcode.as_str()) {
        (QuestionKind::MustNotExist, "NOERROR") => (!empty).then(|| "exists".into()),
        (_, "NOERROR") if reply.truncated && empty => Some("cut".into()),
        (_, "NOERROR") if empty => Some("empty".into()),
        // an upstream that says no has been asked; that this name exists everywhere is not promised
        (QuestionKind::MustNotExist | QuestionKind::External, "NXDOMAIN") | (_, "NOERROR") => None,
        (_, rcode) => Some(rcode.to_owned()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]
mod tests {
    use super::*;
    use crate::diagnose::dns::samples::{found, no_name, probe, rcode, timeout, tries};

    #[track_caller]
    fn case(kind: QuestionKind, outcomes: &[(u32, u64, Outcome)], state: CellState, word: &str) {
        let cell = judge(&probe(kind, tries(outcomes)));
        assert_eq!((cell.state, cell.word.as_str()), (state, word), "{kind:?} {outcomes:?}");
    }

    #[test]
    fn cells() {
        use CellState::{Bad, Good, Lossy, Slow};
        use QuestionKind::{External, Full, MustNotExist, Short};
        case(Full, &[(0, 1, found())], Good, "");
        case(Full, &[(0, 3100, found())], Slow, "");
        case(Full, &[(0, 2000, timeout()), (0, 1, found())], Lossy, "lost");
        case(Full, &[(0, 2000, timeout()), (0, 2000, timeout())], Bad, "timeout");
        case(Full, &[(0, 1, found()), (1, 2000, timeout()), (1, 2000, timeout())], Lossy, "timeout");
        case(Full, &[(0, 1, rcode("SERVFAIL"))], Bad, "SERVFAIL");
        case(Full, &[(0, 1, found()), (1, 1, no_name())], Bad, "NXDOMAIN");
        case(Full, &[(0, 0, Outcome::Refused)], Bad, "refused");
        case(Short, &[(0, 1, no_name()), (0, 1, found())], Good, "");
        case(Short, &[(0, 1, no_name()), (0, 1, no_name())], Bad, "NXDOMAIN");
        case(MustNotExist, &[(0, 1, no_name()), (0, 1, no_name())], Good, "");
        case(MustNotExist, &[(0, 1, found())], Bad, "exists");
        case(External, &[(0, 1, no_name())], Good, "");
        case(External, &[(0, 1, rcode("REFUSED"))], Bad, "REFUSED");
        let elsewhere = Outcome::WrongSource { from: ([10, 244, 1, 2], 53).into(), reply: Reply::default() };
        case(Full, &[(0, 2000, timeout()), (0, 2000, elsewhere)], Bad, "from 10.244.1.2");
    }
}
