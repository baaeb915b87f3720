//! The shell script that reads a node in one exec, and the reading of what it prints. Output is framed by a random
//! word that nothing on the node can know, so no text can pass for a frame. Runs nothing.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::complete;
use super::dumps::{Row, Source, sysctl_key};
use super::snapshot::{Dump, NodeDumps};

/// What the script prints around each dump: a word of 128 random bits.
#[derive(Debug, Clone)]
pub struct Frame(String);

impl Frame {
    /// A frame nobody knows yet.
    #[must_use]
    pub fn random() -> Self {
        Self(format!("{}{}", super::random_hex(), super::random_hex()))
    }
}

/// A POSIX script for `sh -s` (dash will do) that runs `rows` and needs no program but `cat` beside the tools.
///
/// stdout of a command goes straight through; stderr and the exit status are kept in a variable and follow, so no
/// file is written and the streams cannot mix. Every command has `/dev/null` for input: the script is in ours.
#[must_use]
pub fn build(frame: &Frame, rows: &[Row]) -> String {
    let word = &frame.0;
    let mut script = format!(
        r#"{{
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin
LC_ALL=C
export PATH LC_ALL
have() {{ command -v "$1" >/dev/null 2>&1; }}
up() {{ read -r t rest </proc/uptime; }} 2>/dev/null
run() {{
  n=$1 v=$2; shift 2
  printf '\n%s begin %s %s\n' {word} "$n" "$1"
  up; t0=$t
  {{ e=$( {{ "$@" 3>&- >&4 4>&- </dev/null; printf '\n%s' "$?"; }} 2>&1 ); }} 4>&1
  up
  printf '\n%s status %s %s %s\n%s' {word} "$n" "$t0" "$t" "$e"
  printf '\n%s version %s\n' {word} "$n"
  if [ -n "$v" ]; then "$1" "$v" </dev/null 2>&1; fi
  printf '\n%s end %s\n' {word} "$n"
}}
none() {{ printf '\n%s none %s\n' {word} "$1"; }}
knobs() {{ for f in "$@"; do if [ -r "$f" ]; then read -r x <"$f" && printf '%s %s\n' "$f" "$x"; fi; done; return 0; }}
"#
    );
    for row in rows {
        let name = row.dump;
        // Writing to a String cannot fail.
        let _ = match row.source {
            Source::File(path) => writeln!(script, "run {name} '' cat {path}"),
            Source::Sysctls(paths) => writeln!(script, "run {name} '' knobs {}", paths.join(" ")),
            Source::Tools(tools) => {
                let mut choice = String::new();
                for tool in tools {
                    let Some(program) = tool.argv.first() else { continue };
                    let mut condition = format!("have {program}");
                    for other in tool.unless {
                        let _ = write!(condition, " && ! have {other}");
                    }
                    let words: Vec<_> = tool.argv.iter().map(|word| format!("'{word}'")).collect();
                    let lead = if choice.is_empty() { "if" } else { "elif" };
                    let _ = writeln!(
                        choice,
                        "{lead} {condition}; then run {name} '{}' {}",
                        tool.version.unwrap_or_default(),
                        words.join(" ")
                    );
                }
                writeln!(script, "{choice}else none {name}; fi")
            }
        };
    }
    let _ = write!(script, "printf '\\n%s done\\n' {word}\nexit 0\n}}\n");
    script
}

/// What the script printed, read back.
#[derive(Debug, Default)]
pub struct Reading {
    /// The dumps.
    pub dumps: NodeDumps,
    /// Dumps for which the node has no program.
    pub missing: Vec<&'static str>,
    /// Dumps that the reading never came to.
    pub unread: Vec<&'static str>,
    /// Whether the script came to its end.
    pub done: bool,
}

/// Reads what the script for `rows` printed; `output` may end anywhere.
#[must_use]
pub fn read(frame: &Frame, rows: &[Row], output: &[u8]) -> Reading {
    let marks = marks(frame, output);
    let mut dumps = BTreeMap::new();
    let mut missing = Vec::new();
    let mut unread = Vec::new();
    let done = marks.iter().any(|mark| mark.words.first() == Some(&"done"));
    for row in rows {
        let find = |kind: &str| {
            marks.iter().find(|mark| mark.words.first() == Some(&kind) && mark.words.get(1) == Some(&row.dump))
        };
        if find("none").is_some() {
            missing.push(row.dump);
            continue;
        }
        let Some(begin) = find("begin") else {
            unread.push(row.dump);
            continue;
        };
        let text = String::from_utf8_lossy(begin.body);
        let closed = find("status");
        let (stderr, exit) = closed.map_or_else(Default::default, |mark| status(mark.body));
        let text = match row.source {
            Source::Sysctls(_) => sysctls(&text),
            Source::File(_) | Source::Tools(_) => text.into_owned(),
        };
        let proved = complete::prove(row.dump, &text);
        let whole = match (closed, exit) {
            (None, _) => Some(false),
            (Some(_), Some(0)) => Some(true),
            // a command that failed without a word of output has nothing to be cut
            (Some(_), _) => (!text.is_empty()).then_some(false),
        };
        let version = find("version").and_then(|mark| first_line(&String::from_utf8_lossy(mark.body)));
        let dump = Dump {
            complete: complete::settle(proved, &text, whole, None, exit),
            argv: argv(row, &begin.words),
            ms: closed.and_then(|mark| took(&mark.words)),
            text,
            exit,
            stderr,
            version,
        };
        dumps.insert(row.dump.to_owned(), dump);
    }
    Reading { dumps: NodeDumps { dumps, again: None }, missing, unread, done }
}

/// One frame line and what follows it up to the next.
struct Mark<'out> {
    words: Vec<&'out str>,
    body: &'out [u8],
}

fn marks<'out>(frame: &Frame, output: &'out [u8]) -> Vec<Mark<'out>> {
    let needle = format!("\n{} ", frame.0);
    let starts: Vec<usize> = memchr::memmem::find_iter(output, needle.as_bytes()).collect();
    let mut marks = Vec::with_capacity(starts.len());
    for (index, &start) in starts.iter().enumerate() {
        let end = starts.get(index + 1).copied().unwrap_or(output.len());
        let Some(block) = output.get(start + needle.len()..end) else { continue };
        let Some(newline) = memchr::memchr(b'\n', block) else { continue };
        let Some((line, rest)) = block.split_at_checked(newline) else { continue };
        let Ok(line) = std::str::from_utf8(line) else { continue };
        marks.push(Mark { words: line.split(' ').collect(), body: rest.get(1..).unwrap_or_default() });
    }
    marks
}

/// stderr and the exit status behind it, each as the script prints them.
fn status(body: &[u8]) -> (String, Option<i32>) {
    let text = String::from_utf8_lossy(body);
    match text.rsplit_once('\n') {
        Some((stderr, exit)) => (stderr.to_owned(), exit.trim().parse().ok()),
        None => (String::new(), text.trim().parse().ok()),
    }
}

/// `/proc/uptime` before and after: seconds with two decimals.
fn took(words: &[&str]) -> Option<u64> {
    let centis = |text: &str| -> Option<u64> {
        let (whole, part) = text.split_once('.')?;
        Some(whole.parse::<u64>().ok()? * 100 + part.parse::<u64>().ok()?)
    };
    let (before, after) = (centis(words.get(2)?)?, centis(words.get(3)?)?);
    Some(after.saturating_sub(before) * 10)
}

fn first_line(text: &str) -> Option<String> {
    let line = text.lines().find(|line| !line.trim().is_empty())?.trim();
    let short: String = line.chars().take(120).collect();
    Some(short)
}

/// `/proc/sys/net/ipv4/ip_forward 1` as `sysctl` prints it.
fn sysctls(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        if let Some((path, value)) = line.split_once(' ') {
            let _ = writeln!(out, "{} = {value}", sysctl_key(path));
        }
    }
    out
}

/// The command that made a dump, as it was called.
fn argv(row: &Row, begin: &[&str]) -> Vec<String> {
    match row.source {
        Source::File(path) => vec!["cat".into(), path.into()],
        Source::Sysctls(_) => vec!["sysctl".into()],
        Source::Tools(tools) => tools
            .iter()
            .find(|tool| tool.argv.first() == begin.get(2))
            .map(|tool| tool.argv.iter().map(|&word| word.to_owned()).collect())
            .unwrap_or_default(),
    }
}
