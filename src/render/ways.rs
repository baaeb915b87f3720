//! The ways of one path, parted: what they have in common, where each goes on its own, how they end. Draws nothing.

use crate::order;
use crate::report::{Disposition, Hop, Outcome};

/// Ways that part after some common hops and meet again.
pub(super) struct Parted<'r> {
    pub(super) before: &'r [Hop],
    pub(super) branches: Vec<Branch<'r>>,
    pub(super) after: Vec<After<'r>>,
}

/// One way between the common beginning and its last rewrite (or its end).
pub(super) struct Branch<'r> {
    pub(super) outcome: &'r Outcome,
    pub(super) hops: &'r [Hop],
    /// Where it leaves the common way.
    pub(super) leaves: Option<&'r Hop>,
}

/// What follows the last rewrite, for all ways that have it alike.
pub(super) struct After<'r> {
    pub(super) outcome: &'r Outcome,
    pub(super) hops: &'r [Hop],
    pub(super) count: usize,
    pub(super) routes: Routes,
}

/// Whether ways that end alike are routed alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Routes {
    Same,
    Own,
}

impl<'r> Parted<'r> {
    /// Parts the ways.
    pub(super) fn of(outcomes: &'r [Outcome]) -> Self {
        let Some((first, others)) = outcomes.split_first() else {
            return Self { before: &[], branches: Vec::new(), after: Vec::new() };
        };
        let mut common = first.hops.len();
        for other in others {
            let alike = first.hops.iter().zip(&other.hops).take_while(|(a, b)| a == b).count();
            common = common.min(alike);
        }
        let before = first.hops.get(..common).unwrap_or_default();
        let mut branches: Vec<Branch<'r>> = Vec::new();
        let mut after: Vec<After<'r>> = Vec::new();
        if others.is_empty() {
            return Self { before, branches, after };
        }
        for outcome in outcomes {
            let own = outcome.hops.get(common..).unwrap_or_default();
            let pivot = match own.iter().rposition(is_rewrite) {
                Some(at) => at + 1,
                None if is_end(outcome) || outcome.when.is_some() => own.len(),
                None => 0,
            };
            let (branch, rest) = own.split_at_checked(pivot).unwrap_or((own, &[]));
            if pivot > 0 || !outcome.depends_on.is_empty() {
                branches.push(Branch { outcome, hops: branch, leaves: own.first() });
            }
            if rest.is_empty() {
                continue;
            }
            match after.iter_mut().find(|group| alike(group.hops, rest)) {
                Some(group) => {
                    group.count += 1;
                    if group.hops != rest {
                        group.routes = Routes::Own;
                    }
                }
                None => after.push(After { outcome, hops: rest, count: 1, routes: Routes::Same }),
            }
        }
        order::sort_by_key(&mut after, |group| std::cmp::Reverse(group.count));
        Self { before, branches, after }
    }
}

/// Whether two ends are the same but for where the route leads.
fn alike(a: &[Hop], b: &[Hop]) -> bool {
    a.len() == b.len()
        && a.iter()
            .zip(b)
            .all(|(a, b)| if a.table.is_empty() && b.table.is_empty() { a.hook == b.hook } else { a == b })
}

/// A rule that rewrites the destination.
pub(super) fn is_rewrite(hop: &Hop) -> bool {
    ["dnat", "redirect", "real server"].iter().any(|verb| hop.action.starts_with(verb))
}

/// Whether the packet goes no further.
pub(super) fn is_end(outcome: &Outcome) -> bool {
    match outcome.disposition {
        Disposition::Dropped | Disposition::Rejected | Disposition::Unroutable | Disposition::Loop => true,
        Disposition::Delivered | Disposition::Local | Disposition::Untouched | Disposition::Indeterminate => false,
    }
}

/// A jump or a return that only leads from one chain to the next.
pub(super) fn is_passage(hop: &Hop) -> bool {
    hop.words.is_none() && ["jump ", "goto ", "return"].iter().any(|verb| hop.action.starts_with(verb))
}

/// Whether the hop is a rule of a base chain, named as its hook.
pub(super) fn is_base(hop: &Hop) -> bool {
    hop.chain.eq_ignore_ascii_case(&hop.hook)
}
