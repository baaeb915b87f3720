//! Whether tests of a rule hold, three-valued: yes, no, by chance, by state, or not known.

use super::Place;
use super::eval::{Value, Weighed};
use crate::dataplane::nft::expr::{Expr, Lookup};
use crate::dataplane::nft::kind::Pattern;
use crate::dataplane::nft::ruleset::Learning;
use crate::dataplane::nft::set::{Element, Known, all_fit};
use crate::dataplane::nft::statement::{Limit, Op, Right, Statement};
use crate::walk::matches::{Fresh, States};
use crate::walk::packet::Dependency;
use crate::walk::state::State;

/// What is known of tests.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Answer {
    /// All hold.
    Yes,
    /// One does not.
    No,
    /// They hold for this share.
    Chance(f64),
    /// By state: what happens to a client that was never seen, and in words when it is otherwise.
    State {
        /// For a new client.
        fresh: Fresh,
        /// When it is the other way round.
        otherwise: String,
        /// Share of the packets for which they hold, where they do.
        chance: f64,
    },
    /// It cannot be told, and why.
    Unknown(String),
}

impl From<Option<bool>> for Answer {
    fn from(value: Option<bool>) -> Self {
        match value {
            Some(true) => Self::Yes,
            Some(false) => Self::No,
            None => Self::Unknown("it is not understood".into()),
        }
    }
}

impl Answer {
    const fn by_state(fresh: Fresh, otherwise: String) -> Self {
        Self::State { fresh, otherwise, chance: 1.0 }
    }

    /// The reverse, where the values were there to compare.
    fn reverse(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            Self::Chance(chance) => Self::Chance(1.0 - chance),
            Self::State { fresh: Fresh::Matches, otherwise, .. } => Self::by_state(Fresh::Passes, otherwise),
            Self::State { fresh: Fresh::Passes, otherwise, .. } => Self::by_state(Fresh::Matches, otherwise),
            Self::Unknown(why) => Self::Unknown(why),
        }
    }
}

impl<'snap> State<'snap> {
    /// Whether all of these tests hold.
    pub(super) fn ask(&self, tests: &[Statement<'snap>], place: Place<'_, 'snap>) -> Answer {
        let (mut chance, mut states, mut unknown) = (1.0, States::default(), None);
        for test in tests {
            match self.one_test(test, place) {
                Answer::No => return Answer::No,
                Answer::Yes => {}
                Answer::Chance(part) => chance *= part,
                Answer::State { fresh, otherwise, .. } => states.add(fresh == Fresh::Matches, otherwise),
                Answer::Unknown(why) => unknown = unknown.or(Some(why)),
            }
        }
        match (unknown, states.all()) {
            _ if chance <= 0.0 => Answer::No,
            (Some(why), _) => Answer::Unknown(why),
            (None, Some((fresh, otherwise))) => Answer::State { fresh, otherwise, chance },
            (None, None) if chance >= 1.0 => Answer::Yes,
            (None, None) => Answer::Chance(chance),
        }
    }

    fn one_test(&self, statement: &Statement<'snap>, place: Place<'_, 'snap>) -> Answer {
        match statement {
            Statement::Match { left, op, right, text } => match self.compare(left, *op, right, place) {
                Answer::Unknown(why) if why == "it is not understood" => {
                    Answer::Unknown(format!("`{text}` is not understood"))
                }
                other => other,
            },
            Statement::Unknown(text) => Answer::Unknown(format!("`{text}` is not understood")),
            Statement::Limit(Limit::Named(kind, name), text) => match place.table.limit(kind, name) {
                Some(limit) => limited(limit, text),
                None => Answer::Unknown(format!("{kind} {name} {}", Dependency::CHAIN_MISSING)),
            },
            Statement::Limit(limit, text) => limited(*limit, text),
            Statement::Verdict(_)
            | Statement::Vmap(..)
            | Statement::Mark(_)
            | Statement::CtMark(_)
            | Statement::Dnat(_)
            | Statement::Snat(_)
            | Statement::Masquerade
            | Statement::Redirect(_)
            | Statement::Reject(_)
            | Statement::Notrack
            | Statement::Enter(..)
            | Statement::Pass(_)
            | Statement::Other(_) => Answer::Yes,
        }
    }

    fn compare(&self, left: &Expr<'snap>, op: Op, right: &Right<'snap>, place: Place<'_, 'snap>) -> Answer {
        let value = self.evaluate(left, place);
        if value == Value::Break {
            return Answer::No;
        }
        match right {
            Right::Named(name) => {
                if let Some(there) = self.entered_in(name, &value, place) {
                    let why = || Answer::Unknown(format!("an earlier rule changes @{name} with this packet"));
                    return negated(if there.is_yes() { Answer::Yes } else { why() }, op);
                }
                let dynamic = place.table.set(name).is_some_and(|set| set.learning() == Learning::Packets);
                let found = self.look_up(left, &Lookup::Named(name), place);
                let answer = if dynamic { learned(name, &found) } else { membership(found) };
                negated(answer, op)
            }
            Right::Here(elements) => {
                negated(membership(self.look_up(left, &Lookup::Here(elements.clone()), place)), op)
            }
            Right::Unknown(text) => Answer::Unknown(format!("`{text}` is not understood")),
            Right::Bits(_) | Right::Masked { .. } | Right::Patterns(_) => match value {
                Value::One(known) => one(left, &known, op, right),
                Value::Parts(parts) => match right {
                    Right::Patterns(patterns) => negated(all_fit(patterns, &parts).into(), op),
                    Right::Bits(_) | Right::Masked { .. } | Right::Here(_) | Right::Named(_) | Right::Unknown(_) => {
                        None.into()
                    }
                },
                Value::Spread { modulus, offset } => spread(modulus, offset, op, right),
                Value::Fixed { modulus, offset } => match spread(modulus, offset, op, right) {
                    Answer::Chance(_) => Answer::Unknown("which number this hash gives is not known".into()),
                    sure => sure,
                },
                Value::Perhaps(why) => Answer::Unknown(why),
                Value::Data(_) => None.into(),
                Value::Break => Answer::No,
            },
        }
    }
}

fn negated(answer: Answer, op: Op) -> Answer {
    match op {
        Op::Implicit | Op::Equal => answer,
        Op::NotEqual => answer.reverse(),
        Op::None | Op::Less | Op::Greater | Op::LessOrEqual | Op::GreaterOrEqual => None.into(),
    }
}

fn limited(limit: Limit<'_>, text: &str) -> Answer {
    match limit {
        Limit::Until => Answer::by_state(Fresh::Matches, format!("`{text}` is used up")),
        Limit::Over => Answer::by_state(Fresh::Passes, format!("there is more than `{text}`")),
        Limit::Always => Answer::Yes,
        Limit::Never => Answer::No,
        Limit::Named(..) | Limit::Open => Answer::Unknown(format!("how much of `{text}` is left cannot be told")),
    }
}

fn membership(found: Weighed<'_>) -> Answer {
    match found {
        Weighed::One(element) if element.limited => {
            Answer::by_state(Fresh::Matches, format!("`{}` is used up", element.text))
        }
        Weighed::One(_) => Answer::Yes,
        Weighed::None | Weighed::Break => Answer::No,
        Weighed::Shares(shares) if shares.iter().flat_map(|(_, element)| element).any(|element| element.limited) => {
            Answer::Unknown("an element of it holds by a state of its own".into())
        }
        Weighed::Shares(shares) => {
            Answer::Chance(shares.iter().filter(|(_, element)| element.is_some()).map(|(share, _)| share).sum())
        }
        Weighed::Hashed(_) => Answer::Unknown("which element this hash leads to is not known".into()),
        Weighed::Perhaps(_, why) => Answer::Unknown(why),
    }
}

/// A set that packets fill: whether this one is in it changes from one connection to the next.
fn learned(name: &str, found: &Weighed<'_>) -> Answer {
    let now = match found {
        Weighed::One(Element { expires: Some(left), .. }) => format!(", as it was for {left} more"),
        Weighed::One(_) => ", as it was".into(),
        Weighed::Shares(_) | Weighed::Hashed(_) | Weighed::None | Weighed::Perhaps(..) | Weighed::Break => {
            String::new()
        }
    };
    Answer::by_state(Fresh::Passes, format!("this client is entered in {name}{now}"))
}

/// One value against constants.
fn one(left: &Expr<'_>, known: &Known<'_>, op: Op, right: &Right<'_>) -> Answer {
    if let Some(why) = known.why()
        && matches!(known, Known::Unknown(_))
    {
        return Answer::Unknown(why);
    }
    match (right, op) {
        (Right::Bits(bits), Op::Implicit) if !matches!(left, Expr::Bits(..)) => {
            any_bit(known, *bits).map_or_else(|| Answer::from(None), |any| Some(any).into())
        }
        (Right::Bits(bits), Op::None) => any_bit(known, *bits).map(|any| !any).into(),
        // With an operator all bits are compared: `!= established | related` is `cmp neq 0x6` (nft --debug=netlink).
        (Right::Bits(bits), _) => ordered(known, op, *bits),
        (Right::Masked { value, mask }, Op::Implicit | Op::Equal | Op::NotEqual) => {
            let Known::Number { value: is, known } = known else { return None.into() };
            let equal = (known & mask == *mask).then_some(is & mask == *value);
            negated(equal.into(), op)
        }
        (Right::Patterns(patterns), _) => match (patterns.as_slice(), op) {
            ([pattern], Op::Implicit | Op::Equal | Op::NotEqual) => {
                let answer = match crate::dataplane::nft::set::fits(pattern, known) {
                    None => known.why().map_or_else(|| Answer::from(None), Answer::Unknown),
                    sure => sure.into(),
                };
                negated(answer, op)
            }
            ([Pattern::Range(first, last)], _) if first == last => ordered(known, op, *first),
            _ => None.into(),
        },
        (Right::Masked { .. } | Right::Here(_) | Right::Named(_) | Right::Unknown(_), _) => None.into(),
    }
}

fn any_bit(known: &Known<'_>, bits: u128) -> Option<bool> {
    let Known::Number { value, known } = known else { return None };
    if value & known & bits != 0 { Some(true) } else { (known & bits == bits).then_some(false) }
}

fn ordered(known: &Known<'_>, op: Op, other: u128) -> Answer {
    let (low, high) = match known {
        Known::Number { value, known: u128::MAX } => (*value, *value),
        Known::Between(low, high) => (*low, *high),
        Known::Number { value, known } if matches!(op, Op::Implicit | Op::Equal | Op::NotEqual) => {
            let differs = (value ^ other) & known != 0;
            let equal = if differs { Answer::No } else { Answer::Unknown("some bits of it are not known".into()) };
            return negated(equal, op);
        }
        Known::Number { .. } | Known::Name(_) | Known::Unknown(_) => {
            return known.why().map_or_else(|| Answer::from(None), Answer::Unknown);
        }
    };
    let holds = |is: u128| match op {
        Op::Implicit | Op::Equal => is == other,
        Op::NotEqual => is != other,
        Op::Less => is < other,
        Op::Greater => is > other,
        Op::LessOrEqual => is <= other,
        Op::GreaterOrEqual => is >= other,
        Op::None => is & other == 0,
    };
    if low == high
        || (matches!(op, Op::Less | Op::Greater | Op::LessOrEqual | Op::GreaterOrEqual) && holds(low) == holds(high))
    {
        return Some(holds(low)).into();
    }
    Answer::Unknown("the client's own port is not known".into())
}

/// Each of as many numbers with the same chance: the share for which it holds.
fn spread(modulus: u32, offset: u32, op: Op, right: &Right<'_>) -> Answer {
    let Right::Patterns(patterns) = right else { return None.into() };
    let [Pattern::Range(first, last)] = patterns.as_slice() else { return None.into() };
    let (low, high) = (u128::from(offset), u128::from(offset) + u128::from(modulus) - 1);
    let (from, to) = match op {
        Op::Implicit | Op::Equal | Op::NotEqual => (*first, *last),
        Op::Less => match first.checked_sub(1) {
            Some(to) => (0, to),
            None => return Answer::No,
        },
        Op::LessOrEqual => (0, *first),
        Op::Greater => (first.saturating_add(1), u128::MAX),
        Op::GreaterOrEqual => (*first, u128::MAX),
        Op::None => return None.into(),
    };
    let (from, to) = (from.max(low), to.min(high));
    let part = if from <= to { to - from + 1 } else { 0 };
    let share = f64::from(u32::try_from(part).unwrap_or(u32::MAX)) / f64::from(modulus);
    let answer = if part == 0 {
        Answer::No
    } else if part == u128::from(modulus) {
        Answer::Yes
    } else {
        Answer::Chance(share)
    };
    if op == Op::NotEqual { answer.reverse() } else { answer }
}
