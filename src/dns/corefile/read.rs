//! The text of a Corefile as blocks: words, quotes, comments, braces, snippets (caddy's Caddyfile lexer and parser,
//! coredns/caddy caddyfile/). What needs another file or the environment is kept as it is written.

use std::collections::BTreeMap;

use super::{Block, Corefile, Plugin};

/// How deep lines may stand within one another, and snippets within snippets.
const DEEPEST: usize = 16;
/// So many lines at most come of imports, whatever they hold.
const MOST_IMPORTED: usize = 4096;

/// One line: its words.
struct Line<'t> {
    words: Vec<&'t str>,
    number: usize,
    text: &'t str,
}

pub(super) fn corefile(text: &str) -> Corefile<'_> {
    let mut issues = Vec::new();
    let lines: Vec<Line<'_>> = (1..)
        .zip(text.lines())
        .map(|(number, text)| Line { words: words(text, number, &mut issues), number, text })
        .filter(|line| !line.words.is_empty())
        .collect();
    let mut lines = lines.into_iter().peekable();
    let mut blocks = Vec::new();
    let mut snippets = BTreeMap::new();
    while let Some(head) = lines.next() {
        let at = head.number;
        let mut keys: Vec<&str> = head.words;
        // keys may stand on several lines, each but the last ended by a comma
        while keys.last().is_some_and(|key| key.ends_with(',')) {
            let Some(next) = lines.next() else { break };
            keys.extend(next.words);
        }
        let opens = keys.last() == Some(&"{");
        if opens {
            keys.pop();
        } else if lines.peek().is_some_and(|next| next.words == ["{"]) {
            lines.next();
        } else {
            // without braces the whole file is one block (caddyfile/parse.go)
            let plugins = body(&mut lines, DEEPEST, Until::End, &mut issues);
            blocks.push(block(&keys, plugins, at, &mut issues));
            continue;
        }
        let plugins = body(&mut lines, DEEPEST, Until::Brace(at), &mut issues);
        let snippet = keys.first().and_then(|key| key.strip_prefix('(')).and_then(|key| key.strip_suffix(')'));
        match snippet {
            Some(name) => {
                snippets.insert(name, plugins);
            }
            None => blocks.push(block(&keys, plugins, at, &mut issues)),
        }
    }
    let mut left = MOST_IMPORTED;
    for block in &mut blocks {
        block.plugins = imported(std::mem::take(&mut block.plugins), &snippets, DEEPEST, &mut left);
    }
    Corefile { blocks, issues }
}

fn block<'t>(keys: &[&'t str], plugins: Vec<Plugin<'t>>, line: usize, issues: &mut Vec<(usize, String)>) -> Block<'t> {
    let mut block = Block { keys: Vec::new(), plugins, line };
    for text in keys.iter().flat_map(|key| key.split(',')).filter(|key| !key.is_empty()) {
        match super::key(text) {
            Some(key) => block.keys.push(key),
            None => issues.push((line, format!("`{text}` is no zone"))),
        }
    }
    block
}

/// Where a body ends.
#[derive(Clone, Copy)]
enum Until {
    /// At the brace that closes the one of this line.
    Brace(usize),
    /// With the file.
    End,
}

fn body<'t>(
    lines: &mut impl Iterator<Item = Line<'t>>,
    deep: usize,
    until: Until,
    issues: &mut Vec<(usize, String)>,
) -> Vec<Plugin<'t>> {
    let mut found = Vec::new();
    while let Some(mut line) = lines.next() {
        if line.words.first() == Some(&"}") {
            return found;
        }
        let closes = line.words.last() == Some(&"}");
        if closes {
            line.words.pop();
        }
        let opens = line.words.last() == Some(&"{");
        if opens {
            line.words.pop();
        }
        let mut words = line.words.iter().copied();
        let name = words.next().unwrap_or_default();
        let mut plugin =
            Plugin { name, args: words.collect(), body: Vec::new(), line: line.number, text: line.text.trim() };
        if opens && !closes {
            if deep == 0 {
                issues.push((line.number, "blocks stand too deep in one another".to_owned()));
                return found;
            }
            plugin.body = body(lines, deep - 1, Until::Brace(line.number), issues);
        }
        found.push(plugin);
        if closes && !opens {
            return found;
        }
    }
    if let Until::Brace(line) = until {
        issues.push((line, "its `{` is not closed".to_owned()));
    }
    found
}

/// Snippets put in where they are imported; an import of files stays a line.
fn imported<'t>(
    plugins: Vec<Plugin<'t>>,
    snippets: &BTreeMap<&'t str, Vec<Plugin<'t>>>,
    deep: usize,
    left: &mut usize,
) -> Vec<Plugin<'t>> {
    let mut found = Vec::new();
    for mut plugin in plugins {
        let Some(next) = left.checked_sub(1) else { return found };
        *left = next;
        let snippet = plugin.args.first().filter(|_| plugin.name == "import").and_then(|name| snippets.get(name));
        match snippet {
            Some(snippet) if deep > 0 => found.extend(imported(snippet.clone(), snippets, deep - 1, left)),
            Some(_) | None => {
                plugin.body = imported(plugin.body, snippets, deep.saturating_sub(1), left);
                found.push(plugin);
            }
        }
    }
    found
}

/// The words of a line; a quoted one may hold blanks, `#` begins a comment where a word would begin.
fn words<'t>(text: &'t str, line: usize, issues: &mut Vec<(usize, String)>) -> Vec<&'t str> {
    let mut words = Vec::new();
    let mut rest = text.trim_start_matches('\u{feff}').trim_start();
    while !rest.is_empty() && !rest.starts_with('#') {
        let (word, after) = if let Some(quoted) = rest.strip_prefix('"') {
            quoted.split_once('"').unwrap_or_else(|| {
                issues.push((line, "a quote is not closed on its line".to_owned()));
                (quoted, "")
            })
        } else {
            rest.split_once(char::is_whitespace).unwrap_or((rest, ""))
        };
        words.push(word);
        rest = after.trim_start();
    }
    words
}
