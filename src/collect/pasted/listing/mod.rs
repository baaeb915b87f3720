//! `iptables -t nat -nL` and its kin, as people paste them: written as `iptables -S` would have printed the same
//! rules, each on its own line. A listing says less: without `-v` it has no interfaces, without `-n` it may have names,
//! `grep` takes away which chain a rule is of. What is lost is marked in the rule, or the rule is left as it stands,
//! and nobody reads it.

mod matches;
mod row;

use std::borrow::Cow;

use rustc_hash::FxHashMap;

use super::lines::{Line, line};
use super::sorter::{Listed, guess, listed};
use row::{Columns, Row};

/// Stands behind the declaration of a chain whose rules may be bound to interfaces that the listing does not show.
pub const NO_INTERFACES: &str = "listed without interfaces";

/// What stands in a rule for what its listing does not show, and for words of it that are not understood.
const MARKS: [(&str, &str); 2] = [(" -m listed --without-interfaces", ""), (" -m listed --unread ", " ")];
/// The same behind a target whose options are not understood.
const UNREAD: &str = " --unread";

/// The command that a listing is known by.
pub const COMMAND: [&str; 2] = ["iptables", "-L"];

/// A rule for the reader, without what was put into it here.
#[must_use]
pub fn without_marks(rule: &str) -> Cow<'_, str> {
    let bare = |text: &str| !text.contains(" -m listed ") && !text.ends_with(UNREAD) && !text.ends_with(NO_INTERFACES);
    if bare(rule) {
        return Cow::Borrowed(rule);
    }
    let ends = [UNREAD, NO_INTERFACES].iter().fold(rule, |text, mark| text.trim_end_matches(mark)).trim_end();
    Cow::Owned(MARKS.iter().fold(ends.to_owned(), |text, (mark, instead)| text.replace(mark, instead)))
}

/// A chain and its rules.
#[derive(Debug)]
struct Block<'t> {
    chain: &'t str,
    policy: Option<&'t str>,
    /// Line of `Chain …`, from 0; none when only the command names the chain.
    line: Option<usize>,
    /// Line and columns of the heading.
    heading: Option<(usize, Columns)>,
    rules: Vec<(usize, Row<'t>)>,
    /// Which command or table it is of.
    segment: usize,
}

/// Blocks of one table.
#[derive(Debug, Clone, Copy, Default)]
struct Segment<'t> {
    /// As the command says.
    table: Option<Table<'t>>,
    /// Line before its first block, if that is blank.
    blank: Option<usize>,
}

/// A table of one family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Table<'t> {
    program: &'static str,
    name: &'t str,
}

impl Table<'_> {
    /// Stands for the command that was not pasted.
    fn command(&self) -> String {
        format!("{} -t {} -S", self.program, self.name)
    }
}

/// The text with its listings written as rules, line for line; nothing if it has none.
pub(super) fn as_rules(text: &str) -> Option<String> {
    let (mut blocks, segments) = read(text);
    if blocks.is_empty() {
        return None;
    }
    let mut lines: Vec<Cow<'_, str>> = text.lines().map(Cow::Borrowed).collect();
    let tables: Vec<Table<'_>> = segments.iter().enumerate().map(|(at, segment)| segment.table(&blocks, at)).collect();
    for gone in drop_repeated(&mut blocks, &tables) {
        put(&mut lines, gone, String::new());
    }
    for gone in prefer_saved(&mut blocks, text) {
        put(&mut lines, gone, String::new());
    }
    let mut begun = None;
    for block in &blocks {
        let segment = segments.get(block.segment).copied().unwrap_or_default();
        let begins = begun != Some(block.segment) && segment.table.is_none();
        begun = Some(block.segment);
        let mut declared_at = block.line;
        if begins {
            // where the rules of another table begin, no line may say it: a command that lists that table does
            let command = tables.get(block.segment).map(Table::command).unwrap_or_default();
            match (segment.blank, block.line, block.heading) {
                (Some(blank), ..) => put(&mut lines, blank, command),
                (None, Some(line), Some((heading, _))) => {
                    put(&mut lines, line, command);
                    declared_at = Some(heading);
                }
                _ => {}
            }
        }
        if let Some((heading, _)) = block.heading {
            put(&mut lines, heading, String::new());
        }
        if let Some(at) = declared_at {
            let bare = if block.rules.iter().all(|(_, row)| row.interfaces.is_some()) { "" } else { NO_INTERFACES };
            let declared = format!(":{} {} [0:0] {bare}", block.chain, block.policy.unwrap_or("-"));
            put(&mut lines, at, declared.trim_end().to_owned());
        }
        for (at, row) in &block.rules {
            put(&mut lines, *at, rule(block, row));
        }
    }
    Some(lines.join("\n") + "\n")
}

/// Whether a listing may begin at a line: where none does, [`as_rules`] has nothing to say.
pub(super) fn may_begin(line: Line<'_>) -> bool {
    match line {
        Line::Other(text) => row::chain(text).is_some(),
        Line::Command(command) => listed(command).is_some_and(|listed| listed.chain.is_some()),
        Line::Blank
        | Line::Comment(_)
        | Line::Table(_)
        | Line::Commit
        | Line::Rule(_)
        | Line::Set(_)
        | Line::Virtual(_)
        | Line::Listed(_)
        | Line::SetName(_)
        | Line::Member(_)
        | Line::Heading => false,
    }
}

/// Whether a line is a rule of a listing.
pub(super) fn is_rule(text: &str) -> bool {
    row::row(text.trim(), None).is_some()
}

/// Whether a line is the heading of a chain's rules.
pub(super) fn is_heading(text: &str) -> bool {
    row::columns(text).is_some()
}

fn put(lines: &mut [Cow<'_, str>], at: usize, text: String) {
    if let Some(line) = lines.get_mut(at) {
        *line = Cow::Owned(text);
    }
}

/// The chains that are listed, and which of them are of one table.
fn read(text: &str) -> (Vec<Block<'_>>, Vec<Segment<'_>>) {
    let (mut blocks, mut segments): (Vec<Block<'_>>, Vec<Segment<'_>>) = (Vec::new(), Vec::new());
    // whether lines of a chain may follow, and whether the next chain is of another table
    let (mut open, mut fresh, mut blank) = (false, true, None);
    let mut said = None;
    for (number, text) in text.lines().enumerate() {
        let trimmed = text.trim();
        if let Some((chain, policy)) = row::chain(trimmed) {
            if fresh || policy.is_some() && of_another_table(&blocks, segments.len(), chain) {
                if !fresh {
                    said = None;
                }
                segments.push(Segment { table: said, blank });
                fresh = false;
            }
            let segment = segments.len().saturating_sub(1);
            blocks.push(Block { chain, policy, line: Some(number), heading: None, rules: Vec::new(), segment });
            open = true;
        } else if let Some(columns) = row::columns(trimmed).filter(|_| open) {
            if let Some(block) = blocks.last_mut() {
                block.heading = Some((number, columns));
            }
        } else if let Line::Command(command) = line(text) {
            let found = listed(command);
            (open, fresh) = (false, true);
            let program = if command.contains("ip6tables") { "ip6tables" } else { "iptables" };
            said = found.map(|Listed { table, .. }| Table { program, name: table });
            if let Some(Listed { chain: Some(chain), .. }) = found {
                segments.push(Segment { table: said, blank: None });
                let segment = segments.len() - 1;
                blocks.push(Block { chain, policy: None, line: None, heading: None, rules: Vec::new(), segment });
                open = true;
            }
        } else if let Some(block) = blocks.last_mut().filter(|_| open)
            && let Some(row) = row::row(trimmed, block.heading.map(|(_, columns)| columns))
        {
            block.rules.push((number, row));
        } else {
            open = false;
        }
        blank = trimmed.is_empty().then_some(number);
    }
    blocks.retain(|block| block.line.is_some() || !block.rules.is_empty());
    (blocks, segments)
}

/// A listing has its builtin chains first, in the order of the hooks: where one comes later, another table begins.
fn of_another_table(blocks: &[Block<'_>], segments: usize, chain: &str) -> bool {
    const ORDER: [&str; 5] = ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"];
    let place = |chain: &str| ORDER.iter().position(|known| *known == chain);
    let mut here = blocks.iter().filter(|block| block.segment + 1 == segments);
    here.any(|block| block.policy.is_none() || place(block.chain) >= place(chain))
}

impl<'t> Segment<'t> {
    /// The table that its chains are of: as the command says, else by what they are called and do.
    fn table(&self, blocks: &[Block<'t>], place: usize) -> Table<'t> {
        if let Some(table) = self.table {
            return table;
        }
        let here = || blocks.iter().filter(|block| block.segment == place);
        let has = |chain: &str| here().any(|block| block.chain == chain);
        let early = has("PREROUTING") || has("POSTROUTING");
        let name = match (early, has("FORWARD"), has("INPUT")) {
            (true, true, _) => "mangle",
            (false, true, _) | (false, false, true) => "filter",
            (true, false, _) | (false, false, false) => {
                let rules = here().flat_map(|block| block.rules.iter().map(|(_, row)| rule(block, row)));
                let rules: Vec<String> = here().map(|block| format!(":{} ", block.chain)).chain(rules).collect();
                guess(rules.iter().map(String::as_str))
            }
        };
        let mut rows = here().flat_map(|block| &block.rules);
        let six = rows.any(|(_, row)| row.source.contains("::") || row.destination.contains("::"));
        Table { program: if six { "ip6tables" } else { "iptables" }, name }
    }
}

/// A chain that was listed twice stands once: as the listing has it that says most. Gives the lines of the others.
fn drop_repeated(blocks: &mut Vec<Block<'_>>, tables: &[Table<'_>]) -> Vec<usize> {
    let worth = |block: &Block<'_>| (block.heading.is_some_and(|(_, columns)| columns.verbose), block.rules.len());
    let mut best: FxHashMap<_, (usize, (bool, usize))> = FxHashMap::default();
    for (place, block) in blocks.iter().enumerate() {
        let key = (tables.get(block.segment).copied(), block.chain);
        let worth = worth(block);
        let entry = best.entry(key).or_insert((place, worth));
        if worth > entry.1 {
            *entry = (place, worth);
        }
    }
    let kept: Vec<usize> = best.into_values().map(|(place, _)| place).collect();
    remove(blocks, |place, _| !kept.contains(&place))
}

/// A chain that is pasted as rules too: the rules say more, unless there are fewer of them. Gives the lines to leave out.
fn prefer_saved(blocks: &mut Vec<Block<'_>>, text: &str) -> Vec<usize> {
    let mut saved: FxHashMap<&str, Vec<usize>> = FxHashMap::default();
    for (number, text) in text.lines().enumerate() {
        if let Line::Rule(rule) = line(text)
            && let Some(chain) = rule.split_once("-A ").and_then(|(_, rest)| rest.split(' ').next())
        {
            saved.entry(chain).or_default().push(number);
        }
    }
    let count = |block: &Block<'_>| saved.get(block.chain).map_or(0, Vec::len);
    // chains of this name may be of several tables
    let twice = |block: &Block<'_>| block.policy.is_none() && count(block) > 0;
    let mut gone: Vec<usize> = blocks
        .iter()
        .filter(|block| twice(block) && count(block) < block.rules.len())
        .filter_map(|block| saved.get(block.chain))
        .flatten()
        .copied()
        .collect();
    gone.extend(remove(blocks, |_, block| twice(block) && count(block) >= block.rules.len()));
    gone
}

/// Takes blocks out, and gives their lines.
fn remove(blocks: &mut Vec<Block<'_>>, is_gone: impl Fn(usize, &Block<'_>) -> bool) -> Vec<usize> {
    let (mut gone, mut place) = (Vec::new(), 0);
    blocks.retain(|block| {
        let leave_out = is_gone(place, block);
        place += 1;
        if leave_out {
            gone.extend(block.line);
            gone.extend(block.heading.map(|(number, _)| number));
            gone.extend(block.rules.iter().map(|(number, _)| *number));
        }
        !leave_out
    });
    gone
}

/// `-A KUBE-SERVICES -d 10.96.0.1/32 -p tcp -m comment --comment … -m tcp --dport 443 -j KUBE-SVC-…`
fn rule(block: &Block<'_>, row: &Row<'_>) -> String {
    let mut out = format!("-A {}", block.chain);
    for (option, net) in [("-s", row.source), ("-d", row.destination)] {
        let (not, net) = turned(net);
        if !matches!((not, net), ("", "0.0.0.0/0" | "::/0" | "anywhere")) {
            let length = match net.parse() {
                Ok(std::net::IpAddr::V4(_)) => "/32",
                Ok(std::net::IpAddr::V6(_)) => "/128",
                Err(_) => "",
            };
            out.push_str(&format!(" {not}{option} {net}{length}"));
        }
    }
    for (option, name) in ["-i", "-o"].into_iter().zip(row.interfaces.into_iter().flatten()) {
        let (not, name) = turned(name);
        if !matches!((not, name), ("", "*" | "any")) {
            out.push_str(&format!(" {not}{option} {name}"));
        }
    }
    let (not, protocol) = turned(row.protocol);
    if !matches!((not, protocol), ("", "all" | "0")) {
        let name = match protocol {
            "1" => "icmp",
            "6" => "tcp",
            "17" => "udp",
            "58" => "ipv6-icmp",
            "132" => "sctp",
            other => other,
        };
        out.push_str(&format!(" {not}-p {name}"));
    }
    match row.fragment {
        "-f" => out.push_str(" -f"),
        "!f" => out.push_str(" ! -f"),
        _ => {}
    }
    // kube-proxy's rules have no interface, but where it tells pods by theirs: that is said of the whole listing
    let of_kube_proxy = row.target.starts_with("KUBE-") || block.chain.starts_with("KUBE-");
    if row.interfaces.is_none() && (!of_kube_proxy || block.line.is_none()) {
        out.push_str(MARKS[0].0);
    }
    out + &matches::rule(row.target, row.rest)
}

/// `!10.0.0.0/8` → `! ` and the rest.
fn turned(text: &str) -> (&'static str, &str) {
    text.strip_prefix('!').map_or(("", text), |text| ("! ", text))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;
