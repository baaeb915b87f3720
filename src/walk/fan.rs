//! Chains that do nothing but choose where a packet goes, as kube-proxy makes one for each Service: rules that mark, and
//! rules that choose a chain which sends it to one endpoint. For who asks for ends alone such a chain is read once, and
//! all its ways are gone at once. What a chain holds beside that makes it none: then its rules are followed one by one.

use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::netfilter::Walker;
use super::packet::Outcome;
use super::state::{Bits, Frame, State, Told};
use crate::dataplane::hooks::{BaseBody, BaseChain};
use crate::dataplane::iptables::{Chain, PlainRule, PlainTarget, PlainTest, Table};
use crate::dataplane::plane::{Family, Loaded};

/// Chains inside each other at which a fan is left to be followed rule by rule.
const DEEP: usize = 64;

/// A chain with more rules sends to no endpoint.
const LONG: usize = 16;

/// A chain that chooses.
#[derive(Debug)]
pub(super) struct Fan(Vec<Choice>);

/// One of its rules.
#[derive(Debug)]
enum Choice {
    /// Marks.
    Mark(Marking),
    /// Sends a part of the packets to an endpoint.
    Send { tests: Tests, chance: f64, behind: Box<Endpoint> },
}

/// A rule that marks.
#[derive(Debug)]
struct Marking {
    tests: Tests,
    marks: Marks,
}

/// A chain that marks and sends to one endpoint.
#[derive(Debug)]
struct Endpoint {
    marks: SmallVec<[Marking; 1]>,
    tests: Tests,
    ip: IpAddr,
    /// `None` keeps the port.
    port: Option<u16>,
}

/// Values and masks that are set, one after the other.
type Marks = SmallVec<[(u32, u32); 1]>;

type Tests = SmallVec<[PlainTest; 2]>;

fn hold(tests: &Tests, state: &State<'_>) -> bool {
    tests.iter().all(|test| match test {
        PlainTest::From(net, wanted) => net.contains(state.from.unnoted()) == *wanted,
        PlainTest::To(net, wanted) => net.contains(state.to.unnoted().ip()) == *wanted,
        PlainTest::Port(ports, wanted) => ports.contains(state.to.unnoted().port()) == *wanted,
        PlainTest::Protocol(number, wanted) => (*number == 0 || *number == state.protocol_number()) == *wanted,
    })
}

fn set(mark: Bits, marks: &[(u32, u32)]) -> Bits {
    marks.iter().fold(mark, |mark, (value, mask)| mark.set_xmark(*value, *mask))
}

/// The last chain that only marks, by its family, ruleset, table and name: nearly all rules name the same one.
type Marker<'snap> = ((Family, usize, usize), &'snap str, Marks);

/// What reads the chains of one table. Nothing of their rules is kept but what they do.
struct Reader<'a, 'snap> {
    place: (Family, usize, usize),
    loaded: &'a Loaded<'snap>,
    table: &'a Table<'snap>,
    marking: &'a mut Option<Marker<'snap>>,
}

impl<'a, 'snap> Reader<'a, 'snap> {
    /// Rules of a chain; `None` for one that is not plain.
    fn rules(&self, index: usize) -> impl Iterator<Item = Option<PlainRule<'snap>>> + use<'a, 'snap> {
        let loaded = self.loaded;
        let chain = self.table.chains.get(index);
        let read = move |chain: &'a Chain<'snap>| {
            let lines = chain.rule_lines(loaded.ruleset.dump, loaded.text);
            lines.map(|line| PlainRule::read(chain.name, line))
        };
        chain.map(read).into_iter().flatten()
    }

    /// The chain as a fan, if it is one.
    fn fan(mut self, chain: usize) -> Option<Fan> {
        let choices: Vec<Choice> = self.rules(chain).map(|rule| self.choice(rule?)).collect::<Option<_>>()?;
        choices.iter().any(|choice| matches!(choice, Choice::Send { .. })).then_some(Fan(choices))
    }

    fn choice(&mut self, rule: PlainRule<'snap>) -> Option<Choice> {
        let PlainRule { tests, chance, target } = rule;
        let PlainTarget::Jump(name) = target else { return None };
        if self.known_marks(name).is_none() {
            let index = self.table.index_of(name)?;
            if let Some(behind) = self.endpoint(index) {
                return Some(Choice::Send { tests, chance, behind: Box::new(behind) });
            }
        }
        let marks = self.marks(name)?;
        (chance >= 1.0).then_some(Choice::Mark(Marking { tests, marks }))
    }

    /// A chain that marks and sends to one endpoint, if it is one.
    fn endpoint(&mut self, index: usize) -> Option<Endpoint> {
        let count = self.table.chains.get(index)?.len();
        if count > LONG {
            return None;
        }
        let mut marks = SmallVec::new();
        for (at, rule) in self.rules(index).enumerate() {
            let PlainRule { tests, target, .. } = rule.filter(|rule| rule.chance >= 1.0)?;
            match target {
                PlainTarget::Jump(name) => marks.push(Marking { tests, marks: self.marks(name)? }),
                PlainTarget::Send(ip, port) if at + 1 == count => return Some(Endpoint { marks, tests, ip, port }),
                PlainTarget::Send(..) | PlainTarget::Mark(..) => return None,
            }
        }
        None
    }

    fn known_marks(&self, name: &str) -> Option<&Marks> {
        let (place, last, marks) = self.marking.as_ref()?;
        (*place == self.place && *last == name).then_some(marks)
    }

    /// What a chain sets that only marks: `-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000`.
    fn marks(&mut self, name: &'snap str) -> Option<Marks> {
        if let Some(marks) = self.known_marks(name) {
            return Some(marks.clone());
        }
        let mut marks = Marks::new();
        for rule in self.rules(self.table.index_of(name)?) {
            match rule? {
                PlainRule { tests, chance, target: PlainTarget::Mark(value, mask) }
                    if tests.is_empty() && chance >= 1.0 =>
                {
                    marks.push((value, mask));
                }
                _ => return None,
            }
        }
        // Whether a chain without rules is one at all is for the walk to say.
        if marks.is_empty() {
            return None;
        }
        *self.marking = Some((self.place, name, marks.clone()));
        Some(marks)
    }
}

/// Chains that were read, by their place: the fan, if they are one.
#[derive(Debug, Default)]
pub(super) struct Fans<'snap> {
    read: FxHashMap<(Family, usize, usize, usize), Option<Rc<Fan>>>,
    marking: Option<Marker<'snap>>,
}

/// Chains that are kept: a Service is asked for by all its clients, one after the other.
const KEPT: usize = 64;

impl<'snap> Fans<'snap> {
    /// The chain at a place of this table, if it is a fan. `place`: its family, ruleset and table.
    fn of(
        &mut self,
        place: (Family, usize, usize),
        chain: usize,
        loaded: &Loaded<'snap>,
        table: &Table<'snap>,
    ) -> Option<Rc<Fan>> {
        let key = (place.0, place.1, place.2, chain);
        if let Some(known) = self.read.get(&key) {
            return known.clone();
        }
        if self.read.len() >= KEPT {
            self.read.clear();
        }
        let reader = Reader { place, loaded, table, marking: &mut self.marking };
        let fan = reader.fan(chain).map(Rc::new);
        self.read.insert(key, fan.clone());
        fan
    }
}

/// One way out of a fan.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ray {
    pub(super) share: f64,
    pub(super) mark: Bits,
    pub(super) to: SocketAddr,
}

impl Fan {
    /// All ways of a packet; `None` if one leads back to the chain that called.
    fn rays(&self, state: &State<'_>) -> Option<SmallVec<[Ray; 12]>> {
        let mut rays = SmallVec::new();
        let (mut share, mut mark) = (state.share, state.mark);
        for choice in &self.0 {
            match choice {
                Choice::Mark(marking) if hold(&marking.tests, state) => mark = set(mark, &marking.marks),
                Choice::Send { tests, chance, behind } if *chance > 0.0 && hold(tests, state) => {
                    if !hold(&behind.tests, state) {
                        return None;
                    }
                    let own = behind.marks.iter().filter(|marking| hold(&marking.tests, state));
                    let own = own.fold(mark, |mark, marking| set(mark, &marking.marks));
                    let port = behind.port.unwrap_or(state.to.unnoted().port());
                    let to = SocketAddr::new(behind.ip, port);
                    if *chance >= 1.0 {
                        rays.push(Ray { share, mark: own, to });
                        return Some(rays);
                    }
                    rays.push(Ray { share: share * chance, mark: own, to });
                    share *= 1.0 - chance;
                    if share <= 0.0 && state.when.is_none() {
                        return Some(rays);
                    }
                }
                Choice::Mark(_) | Choice::Send { .. } => {}
            }
        }
        None
    }
}

impl<'snap> Walker<'_, 'snap> {
    /// Ends of a packet that enters a chain which is a fan; `None` where it is none, or hops are told.
    pub(super) fn spread(
        &mut self,
        state: &State<'snap>,
        base: &BaseChain<'snap>,
        loaded: &Loaded<'snap>,
        table: &Table<'snap>,
        frame: Frame,
    ) -> Option<Vec<Outcome<'snap>>> {
        let BaseBody::Iptables { ruleset, table: place, .. } = base.body else { return None };
        let unusual = state.is_its_own() || state.src_told == Told::No || state.frames.len() > DEEP;
        let again = state.frames.iter().filter(|other| other.chain == frame.chain).count() > 1;
        let builtin = state.frames.len() < 2;
        if frame.next != 0 || builtin || !base.is_nat() || unusual || again {
            return None;
        }
        let fans = &mut self.kept.as_deref_mut()?.fans;
        let fan = fans.of((state.family, ruleset, place), frame.chain, loaded, table)?;
        let rays = fan.rays(state)?;
        let mut outcomes = Vec::with_capacity(rays.len());
        let mut rest = rays.as_slice();
        loop {
            let known = self.ends_like(state, rest, &mut outcomes);
            let Some((ray, others)) = rest.get(known..).and_then(<[Ray]>::split_first) else { break };
            let mut one = Box::new(state.clone());
            (one.share, one.mark) = (ray.share, ray.mark);
            let ways = self.rewrite_destination(one, ray.to);
            outcomes.extend(self.run(ways));
            rest = others;
        }
        Some(outcomes)
    }
}
