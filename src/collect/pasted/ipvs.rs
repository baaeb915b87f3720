//! Lines of IPVS and of ipsets in a paste: whole outputs of `ipvsadm` and `ipset`, and what `grep` left of them.

use super::Pasted;
use super::lines::Line;
use super::sorter::numbered;
use crate::collect::complete::prove;
use crate::collect::snapshot::{Completeness, Dump};

/// Takes lines, gives dumps.
#[derive(Debug, Default)]
pub(super) struct Ipvs<'t> {
    /// Lines of sets, as `ipset save` or `ipset list` prints them; parts that make one line.
    sets: Vec<(usize, [&'t str; 4])>,
    /// Whether any is as `ipset list` prints it.
    lists_sets: bool,
    /// Lines as `ipvsadm -S` prints them.
    saved: Vec<(usize, [&'t str; 4])>,
    /// Lines as `ipvsadm -L` prints them.
    listed: Vec<(usize, [&'t str; 4])>,
    /// What the last command was.
    command: Command<'t>,
    /// Whether the lines that follow are of a listed set.
    in_set: bool,
    /// What is known of the texts above.
    known: Known,
}

/// What a command prints.
#[derive(Debug, Clone, Copy, Default)]
struct Command<'t> {
    /// The set that it names.
    set: Option<&'t str>,
    /// Whether something takes away from its output.
    is_piped: bool,
}

/// What is known of texts beside what they prove themselves.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    sets: Option<Completeness>,
    virtuals: Option<Completeness>,
}

impl<'t> Ipvs<'t> {
    /// Notes what the lines that follow are the output of.
    pub(super) fn command(&mut self, command: &'t str) {
        let mut words = command.split_ascii_whitespace().skip_while(|word| !word.ends_with("ipset"));
        let lists =
            words.nth(1).is_some_and(|word| matches!(word, "list" | "-L" | "--list" | "save" | "-S" | "--save"));
        let set =
            words.find(|word| !word.starts_with('-')).filter(|word| lists && !word.starts_with(['|', '>', '2', ';']));
        self.command = Command { set, is_piped: command.contains('|') };
        self.in_set = false;
    }

    /// Whether a line that says nothing by itself is one of a listed set.
    pub(super) const fn lists_a_set(&self) -> bool {
        self.in_set
    }

    /// Takes such a line.
    pub(super) fn of_listed_set(&mut self, number: usize, text: &'t str) {
        self.sets.push((number, [text, "", "", ""]));
    }

    /// Takes a line of IPVS or of an ipset; others are none of its own.
    pub(super) fn take(&mut self, number: usize, line: Line<'t>) {
        match line {
            Line::SetName(text) => {
                (self.in_set, self.lists_sets) = (true, true);
                if self.command.is_piped {
                    self.known.sets = Some(Completeness::Fragment);
                }
                self.of_listed_set(number, text);
            }
            Line::Member(text) if self.in_set => self.of_listed_set(number, text),
            Line::Member(text) => {
                self.known.sets = Some(Completeness::Fragment);
                let whole = self.command.set.map_or([text, "", "", ""], |set| ["add ", set, " ", text]);
                self.sets.push((number, whole));
            }
            Line::Set(text) => {
                self.in_set = false;
                // an entry whose set was not begun before
                if self.command.is_piped || self.sets.is_empty() && text.starts_with("add ") {
                    self.known.sets = Some(Completeness::Fragment);
                }
                self.sets.push((number, [text, "", "", ""]));
            }
            Line::Virtual(text) => {
                self.in_set = false;
                self.saved.push((number, [text, "", "", ""]));
            }
            Line::Listed(text) => {
                self.in_set = false;
                if self.command.is_piped || self.listed.is_empty() && !text.starts_with("IP Virtual ") {
                    self.known.virtuals = Some(Completeness::Fragment);
                }
                self.listed.push((number, [text, "", "", ""]));
            }
            Line::Blank
            | Line::Command(_)
            | Line::Comment(_)
            | Line::Table(_)
            | Line::Commit
            | Line::Rule(_)
            | Line::Heading
            | Line::Other(_) => {}
        }
    }

    /// The dumps of all lines that were taken, of which there were `count`.
    pub(super) fn finish(self, count: usize) -> impl Iterator<Item = Pasted> {
        // the kernel's file has the same head as `ipvsadm -L`, and hexadecimal addresses
        let hexadecimal = |text: &str| text.get(5..13).is_some_and(|ip| ip.bytes().all(|b| b.is_ascii_hexdigit()));
        let is_proc = self.listed.iter().any(|(_, [text, ..])| {
            ["TCP  ", "UDP  ", "SCTP "].iter().any(|name| text.starts_with(name)) && hexadecimal(text)
        });
        let listed = if is_proc { "proc-net-ip_vs" } else { "ipvsadm-list" };
        let sets = if self.lists_sets { "ipset-list" } else { "ipset-save" };
        [
            of(sets, &self.sets, count, self.known.sets),
            // nothing in it tells whether it is all that the node has
            of("ipvsadm-save", &self.saved, count, Some(Completeness::Fragment)),
            of(listed, &self.listed, count, self.known.virtuals),
        ]
        .into_iter()
        .flatten()
    }
}

fn of(name: &'static str, lines: &[(usize, [&str; 4])], count: usize, known: Option<Completeness>) -> Option<Pasted> {
    if lines.is_empty() {
        return None;
    }
    let text = numbered(count, lines.iter().copied());
    let complete = known.unwrap_or_else(|| prove(name, &text));
    Some(Pasted { name, dump: Dump { text, complete, ..Dump::default() } })
}
