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
/// Files of /proc/sys are read by `cat`: a shell's `read` takes a byte at a time and gets no more than the first
/// (Linux kernel/sysctl.c, `proc_dointvec` ends at any offset but 0).
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
knobs() {{ for f in "$@"; do shift; if [ -r "$f" ]; then set -- "$@" "$f"; fi; done; printf '%s\n' "$@"; echo; cat "$@"; }}
filters() {{
  q=$(tc qdisc show) || return
  printf '%s\n' "$q" | while read -r _ kind _ _ dev _; do
    case $kind in clsact|ingress) ;; *) continue ;; esac
    for way in ingress egress; do
      printf 'dev %s %s\n' "$dev" "$way"
      tc filter show dev "$dev" "$way" </dev/null || return
    done
  done
}}
"#
    );
    for row in rows {
        let name = row.dump;
        // Writing to a String cannot fail.
        let _ = match row.source {
            Source::File(path) => writeln!(script, "run {name} '' cat {path}"),
            Source::Filters => writeln!(script, "if have tc; then run {name} '' filters; else none {name}; fi"),
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
            Source::File(_) | Source::Tools(_) | Source::Filters => text.into_owned(),
        };
        let proved = complete::prove(row.dump, &text);
        let whole = match (closed, exit) {
            (None, _) => Some(false),
            (Some(_), Some(0)) => Some(!matches!(row.source, Source::Sysctls(_)) || !text.is_empty()),
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
            table: None,
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

/// Paths, an empty line, and as many values, as `sysctl` prints them. Nothing where the two do not match.
fn sysctls(text: &str) -> String {
    let Some((paths, values)) = text.split_once("\n\n") else { return String::new() };
    if paths.lines().count() != values.lines().count() || !values.ends_with('\n') {
        return String::new();
    }
    let mut out = String::with_capacity(text.len());
    for (path, value) in paths.lines().zip(values.lines()) {
        let _ = writeln!(out, "{} = {value}", sysctl_key(path));
    }
    out
}

/// The command that made a dump, as it was called.
fn argv(row: &Row, begin: &[&str]) -> Vec<String> {
    match row.source {
        Source::File(path) => vec!["cat".into(), path.into()],
        Source::Sysctls(_) => vec!["sysctl".into()],
        Source::Filters => vec!["tc".into(), "filter".into(), "show".into()],
        Source::Tools(tools) => tools
            .iter()
            .find(|tool| tool.argv.first() == begin.get(2))
            .map(|tool| tool.argv.iter().map(|&word| word.to_owned()).collect())
            .unwrap_or_default(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]
mod tests {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use super::*;
    use crate::collect::dumps::{Tool, When};
    use crate::collect::snapshot::Completeness;

    const fn tool(argv: &'static [&'static str]) -> Tool {
        Tool { argv, version: None, unless: &[] }
    }

    const fn row(dump: &'static str, source: Source) -> Row {
        Row { dump, source, when: When::Always }
    }

    const ROWS: &[Row] = &[
        row("plain", Source::Tools(&[tool(&["no-such-program-1"]), tool(&["printf", "a\\nb\\n"])])),
        row("no-newline", Source::Tools(&[tool(&["printf", "a"])])),
        row("binary", Source::Tools(&[tool(&["printf", "\\0\\377\\n\\n"])])),
        row("fails", Source::Tools(&[tool(&["sh", "-c", "echo out; echo err one >&2; echo err two >&2; exit 3"])])),
        row("silent", Source::Tools(&[tool(&["true"])])),
        row("eats-input", Source::Tools(&[tool(&["cat"])])),
        row("missing", Source::Tools(&[tool(&["no-such-program-1"])])),
        row("ruled-out", Source::Tools(&[Tool { argv: &["true"], version: None, unless: &["sh"] }])),
        row("file", Source::File("/proc/self/comm")),
        row("no-file", Source::File("/proc/no/such/file")),
        row("sysctl", Source::Sysctls(&["/proc/sys/net/ipv4/conf/*/rp_filter", "/proc/sys/net/no/such"])),
        row(
            "versioned",
            Source::Tools(&[Tool { argv: &["cat", "/dev/null"], version: Some("--version"), unless: &[] }]),
        ),
    ];

    fn run(frame: &Frame) -> Vec<u8> {
        let mut shell = Command::new("/bin/sh").arg("-s").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        shell.stdin.take().unwrap().write_all(build(frame, ROWS).as_bytes()).unwrap();
        shell.wait_with_output().unwrap().stdout
    }

    #[test]
    fn a_real_shell_frames_every_output_exactly() {
        let frame = Frame::random();
        let reading = read(&frame, ROWS, &run(&frame));
        assert!(reading.done);
        assert_eq!(reading.missing, ["missing", "ruled-out"]);
        assert_eq!(reading.unread, [""; 0]);
        let dump = |name: &str| reading.dumps.dumps.get(name).unwrap();
        assert_eq!((dump("plain").text.as_str(), dump("plain").exit), ("a\nb\n", Some(0)));
        assert_eq!(dump("plain").argv, ["printf", "a\\nb\\n"]);
        assert_eq!(dump("no-newline").text, "a");
        assert_eq!(dump("binary").text, "\0\u{fffd}\n\n");
        assert_eq!((dump("fails").text.as_str(), dump("fails").stderr.as_str()), ("out\n", "err one\nerr two\n"));
        assert_eq!((dump("fails").exit, dump("fails").complete), (Some(3), Completeness::Cut));
        assert_eq!((dump("silent").text.as_str(), dump("silent").complete), ("", Completeness::Whole));
        assert_eq!(dump("eats-input").text, "");
        assert_eq!(dump("file").text, "cat\n");
        assert_eq!(dump("no-file").exit, Some(1));
        assert_eq!(dump("no-file").complete, Completeness::Unknown);
        assert!(dump("no-file").stderr.contains("/proc/no/such/file"));
        assert!(dump("sysctl").text.contains("net.ipv4.conf.all.rp_filter = "), "{}", dump("sysctl").text);
        assert!(dump("versioned").version.as_deref().unwrap().contains("cat"));
        assert!(dump("versioned").ms.is_some());
    }

    #[test]
    fn output_that_ends_anywhere_is_never_taken_for_whole() {
        let frame = Frame::random();
        let output = run(&frame);
        let whole = read(&frame, ROWS, &output);
        for end in 0..output.len() {
            let cut = read(&frame, ROWS, &output[..end]);
            for (name, dump) in &cut.dumps.dumps {
                let of_whole = &whole.dumps.dumps[name];
                assert!(dump.complete != Completeness::Whole || dump.text == of_whole.text, "{name} cut at {end}");
            }
        }
    }

    #[test]
    fn text_that_imitates_a_frame_is_text() {
        let (frame, other) = (Frame::random(), Frame::random());
        let output = format!(
            "\n{0} begin plain printf\nx\n{1} status plain 1.00 1.50\n\n0\n{1} none missing\n\n{0} status plain 1.00 1.50\nwarning\n0",
            frame.0, other.0
        );
        let reading = read(&frame, ROWS, output.as_bytes());
        assert_eq!(reading.missing, [""; 0]);
        let dump = &reading.dumps.dumps["plain"];
        assert!(dump.text.starts_with("x\n") && dump.text.contains(&other.0));
        assert_eq!((dump.exit, dump.stderr.as_str(), dump.ms), (Some(0), "warning", Some(500)));
        assert!(!reading.done);
    }
}
