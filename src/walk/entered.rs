//! What rules have entered of this very packet: addresses in lists of `recent`, elements in sets. What comes later in
//! its way sees them. Sources: Linux `net/netfilter/xt_recent.c`, `xt_set.c`, `nft_dynset.c`.

use std::net::IpAddr;
use std::rc::Rc;

use super::matches::Answer;
use super::state::{State, Told};
use crate::dataplane::Tri;
use crate::dataplane::iptables::rule::{Match, Not, Recent, RecentAction, Rule, Side, Target, Test};
use crate::dataplane::plane::Plane;

/// Where something is entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Store<'snap> {
    /// A list of `-m recent`.
    Recent(&'snap str),
    /// An ipset.
    Ipset(&'snap str),
    /// A set or map of an nft table: the table and its name.
    Nft(&'snap str, &'snap str),
}

/// What became of one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry<'snap> {
    store: Store<'snap>,
    /// What was entered; `None` if that is not known.
    key: Option<String>,
    standing: Standing,
    /// How often.
    times: u32,
}

/// Whether something is in a list or set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    There,
    Perhaps,
    Gone,
}

/// All of them, first to last.
#[derive(Debug, Clone, Default)]
pub(super) struct Entered<'snap>(Option<Rc<Vec<Entry<'snap>>>>);

/// Where a packet is that a rule was asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Passage {
    /// All tests held.
    Taken,
    /// One did not.
    Passed,
}

impl<'snap> Entered<'snap> {
    fn all(&self) -> &[Entry<'snap>] {
        self.0.as_deref().map_or(&[], Vec::as_slice)
    }

    /// This is how it stands with a key now.
    pub(super) fn set(&mut self, store: Store<'snap>, key: Option<String>, standing: Standing) {
        let Some(key) = key else { return self.change(store) };
        let all = Rc::make_mut(self.0.get_or_insert_default());
        let Some(entry) = all.iter_mut().find(|entry| entry.store == store && entry.key.as_ref() == Some(&key)) else {
            return all.push(Entry { store, key: Some(key), standing, times: 1 });
        };
        match (entry.standing, standing) {
            (Standing::There, Standing::There) => entry.times = entry.times.saturating_add(1),
            (Standing::There, Standing::Perhaps) => {}
            (Standing::There | Standing::Perhaps | Standing::Gone, _) => {
                (entry.standing, entry.times) = (standing, 1);
            }
        }
    }

    /// Something was taken out or entered that is not known: what is there now is not known.
    pub(super) fn change(&mut self, store: Store<'snap>) {
        let all = Rc::make_mut(self.0.get_or_insert_default());
        all.retain(|entry| entry.store != store);
        all.push(Entry { store, key: None, standing: Standing::Perhaps, times: 1 });
    }

    /// Whether this key is there because of this packet, so often; `None` if the packet has nothing to do with it.
    pub(super) fn has(&self, store: Store<'snap>, key: Option<&str>, times: u32) -> Option<Tri> {
        let mut of_store = self.all().iter().filter(|entry| entry.store == store).peekable();
        of_store.peek()?;
        let entry = of_store.find(|entry| key.is_some() && entry.key.as_deref() == key);
        match entry.map(|entry| (entry.standing, entry.times)) {
            Some((Standing::There, often)) if often >= times => Some(Tri::Yes),
            // Only this packet's own count is known.
            Some((Standing::There, _)) => None,
            Some((Standing::Gone, _)) => Some(Tri::No),
            Some((Standing::Perhaps, _)) | None => Some(Tri::Unknown),
        }
    }

    /// Whether nothing was entered anywhere.
    pub(super) fn is_empty(&self) -> bool {
        self.all().is_empty()
    }

    /// Whether anything was entered in a set.
    pub(super) fn has_any_set(&self) -> bool {
        self.all().iter().any(|entry| matches!(entry.store, Store::Ipset(_)))
    }
}

impl<'snap> State<'snap> {
    /// What an entry of `recent` is made of.
    pub(super) fn recent_key(&self, recent: &Recent<'snap>) -> Option<String> {
        let address = match recent.side {
            Side::Src if self.src_told == Told::No => return None,
            Side::Src => self.from.ip(),
            Side::Dst => self.to.ip(),
        };
        Some(format!("{address}/{}", recent.mask))
    }

    /// What an entry of an ipset is made of.
    pub(super) fn set_key(&self, sides: &[Side]) -> Option<String> {
        if self.src_told == Told::No && sides.contains(&Side::Src) {
            return None;
        }
        let part = |side: &Side| match side {
            Side::Src => (self.from.ip(), self.sport),
            Side::Dst => (self.to.ip(), Some(self.to.port())),
        };
        let parts: Vec<(IpAddr, Option<u16>)> = sides.iter().map(part).collect();
        Some(format!("{parts:?}"))
    }

    /// The rule was asked: what its tests have entered on the way to the one that failed, or all of them.
    pub(super) fn remember(&mut self, rule: &Rule<'snap>, passage: Passage, plane: &Plane<'snap>) {
        // Addresses, interfaces and the protocol are compared before any module is asked (ip_tables.c ip_packet_match).
        let plain = |test: &&Match<'snap>| {
            matches!(
                test.test,
                Test::Address(..) | Test::InInterface(_) | Test::OutInterface(_) | Test::Protocol(_) | Test::Fragment
            )
        };
        let fails = |test: &Match<'snap>| matches!(self.answer(test, plane), Answer::Known(holds) if holds != (test.not == Not::Plain));
        if rule.matches.iter().any(enters) && !rule.matches.iter().filter(plain).any(fails) {
            let mut sure = true;
            for (at, test) in rule.matches.iter().enumerate() {
                let answer = self.answer(test, plane);
                let open = |test: &Match<'snap>| !matches!(self.answer(test, plane), Answer::Known(holds) if holds == (test.not == Not::Plain));
                let here = if passage == Passage::Taken || sure {
                    Tri::Yes
                } else {
                    // The one that failed stood before or behind.
                    let behind = rule.matches.get(at + 1..).unwrap_or_default().iter().any(open);
                    if behind { Tri::Unknown } else { Tri::No }
                };
                if let Test::Recent(recent) = &test.test {
                    self.remember_recent(recent, test.not, passage, here);
                }
                match answer {
                    Answer::Never => return,
                    Answer::Known(holds) if holds != (test.not == Not::Plain) => return,
                    Answer::Known(_) => {}
                    Answer::Chance(_) | Answer::State { .. } | Answer::Unknown(_) => sure = false,
                }
            }
        }
        if passage == Passage::Taken && rule.target == Target::Pass {
            self.remember_set(rule.target_text);
        }
    }

    pub(super) fn remember_recent(&mut self, recent: &Recent<'snap>, not: Not, passage: Passage, here: Tri) {
        let store = Store::Recent(recent.name);
        match recent.action {
            RecentAction::Set | RecentAction::Remove => {
                let standing = match (here, recent.action) {
                    (Tri::No, _) => return,
                    (Tri::Unknown, _) => Standing::Perhaps,
                    (Tri::Yes, RecentAction::Remove) => Standing::Gone,
                    (Tri::Yes, RecentAction::Set | RecentAction::Check | RecentAction::Update) => Standing::There,
                };
                let key = self.recent_key(recent);
                self.entered.set(store, key, standing);
            }
            // Holds where it was there, and enters it anew.
            RecentAction::Update if passage == Passage::Taken && not == Not::Plain => {
                let key = self.recent_key(recent);
                self.entered.set(store, key, Standing::There);
            }
            RecentAction::Check | RecentAction::Update => {}
        }
    }

    /// `-j SET --add-set foo src,dst --exist`
    fn remember_set(&mut self, target: &'snap str) {
        let mut words = target.split_ascii_whitespace();
        while let Some(word) = words.next() {
            if !matches!(word, "--add-set" | "--del-set") {
                continue;
            }
            let (Some(name), Some(sides)) = (words.next(), words.next()) else { return };
            let store = Store::Ipset(name.trim_matches('"'));
            let side = |side| if side == "src" { Side::Src } else { Side::Dst };
            let sides: Vec<Side> = sides.split(',').map(side).collect();
            if word == "--add-set" {
                let key = self.set_key(&sides);
                self.entered.set(store, key, Standing::There);
            } else {
                self.entered.change(store);
            }
        }
    }
}

/// Whether a test leaves something behind.
pub(super) fn enters(test: &Match<'_>) -> bool {
    matches!(&test.test, Test::Recent(recent) if recent.action != RecentAction::Check)
}
