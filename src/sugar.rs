//! A bare target is `trace TARGET`: puts in the word that may be left out. Judges words only, parses nothing.

use std::ffi::{OsStr, OsString};

use clap::{ArgAction, Command};

/// The words with `trace` put in where the first plain word is no subcommand. `words` begins with the program's name.
#[must_use]
pub fn with_trace(cli: &Command, words: Vec<OsString>) -> Vec<OsString> {
    let subcommand = |word: &OsStr| cli.get_subcommands().any(|sub| OsStr::new(sub.get_name()) == word);
    let leave = match first_plain(cli, words.get(1..).unwrap_or_default()) {
        Some(at) => words.get(at + 1).is_none_or(|word| subcommand(word)),
        None => only_asks(words.get(1..).unwrap_or_default()),
    };
    if leave {
        return words;
    }
    let mut out = Vec::with_capacity(words.len() + 1);
    let mut words = words.into_iter();
    out.extend(words.next());
    out.push("trace".into());
    out.extend(words);
    out
}

/// Where the first word stands that is no flag and no flag's value.
#[must_use]
pub fn first_plain(cli: &Command, words: &[OsString]) -> Option<usize> {
    let mut value = false;
    for (at, word) in words.iter().enumerate() {
        if std::mem::take(&mut value) {
            continue;
        }
        let Some(text) = word.to_str() else { return Some(at) };
        if text == "--" {
            return (at + 1 < words.len()).then_some(at + 1);
        }
        match text.strip_prefix('-') {
            None | Some("") => return Some(at),
            Some(flag) => value = wants_value(cli, flag),
        }
    }
    None
}

/// Whether the next word is the value of this flag (written without its first dash).
fn wants_value(cli: &Command, flag: &str) -> bool {
    let known = || {
        cli.get_arguments()
            .chain(cli.get_subcommands().filter(|sub| sub.get_name() == "trace").flat_map(Command::get_arguments))
    };
    let takes = |action: &ArgAction| matches!(action, ArgAction::Set | ArgAction::Append);
    if let Some(long) = flag.strip_prefix('-') {
        return !long.contains('=') && known().any(|arg| arg.get_long() == Some(long) && takes(arg.get_action()));
    }
    let mut letters = flag.chars();
    let short = letters.next();
    letters.next().is_none()
        && known().any(|arg| arg.get_short().is_some() && arg.get_short() == short && takes(arg.get_action()))
}

/// Whether all that is asked for is help or the version.
fn only_asks(words: &[OsString]) -> bool {
    words.is_empty() || words.iter().any(|word| ["-h", "--help", "-V", "--version"].iter().any(|ask| word == ask))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    #[track_caller]
    fn case(typed: &str, want: &str) {
        let words = std::iter::once("svc-trace").chain(typed.split_whitespace()).map(OsString::from).collect();
        let got = with_trace(&Cli::command(), words);
        let got: Vec<&str> = got.iter().skip(1).filter_map(|word| word.to_str()).collect();
        assert_eq!(got.join(" "), want, "{typed}");
    }

    #[test]
    fn trace_is_put_in_where_it_was_left_out() {
        case("web", "trace web");
        case("web --all-nodes", "trace web --all-nodes");
        case("-n shop web", "trace -n shop web");
        case("-n=shop web", "trace -n=shop web");
        case("-nshop web", "trace -nshop web");
        case("--node a --all-nodes web", "trace --node a --all-nodes web");
        case("--color=never web", "trace --color=never web");
        case("-v 6 web", "trace -v 6 web");
        case("svc/demo", "trace svc/demo");
        case("--bundle demo web", "trace --bundle demo web");
        case("--all-nodes", "trace --all-nodes");
        case("-- demo", "-- demo");
        case("-- web", "trace -- web");
    }

    #[test]
    fn a_subcommand_is_the_subcommand() {
        case("demo", "demo");
        case("-n shop collect -d x", "-n shop collect -d x");
        case("trace demo", "trace demo");
        case("explain", "explain");
        case("--ascii demo healthy", "--ascii demo healthy");
    }

    #[test]
    fn questions_about_ourselves_stay() {
        case("", "");
        case("--help", "--help");
        case("-V", "-V");
    }
}
