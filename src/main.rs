//! The program: takes in its surroundings, does what was typed, prints, and ends with a code. Decides nothing.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use svc_trace::cli::Cli;
use svc_trace::config::{Color, Config, Surroundings};
use svc_trace::{Error, render, run, sugar};

#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse_from(sugar::with_trace(&Cli::command(), std::env::args_os().collect()));
    match answer(cli) {
        Ok(exit) => ExitCode::from(exit.code()),
        Err(error) => {
            complain(&error);
            ExitCode::from(2)
        }
    }
}

fn answer(cli: Cli) -> Result<run::Exit, Error> {
    let config = Config::new(cli, &surroundings())?;
    colored::control::set_override(config.color == Color::On);
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new(config.log_filter()))
        .with_writer(std::io::stderr)
        .with_ansi(config.color == Color::On && std::io::stderr().is_terminal())
        .init();
    let answer = run::run(config)?;
    answer.write(&mut std::io::stdout().lock())?;
    Ok(answer.exit)
}

fn surroundings() -> Surroundings {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let columns = || terminal_size::terminal_size().map_or(80, |(width, _)| usize::from(width.0));
    Surroundings {
        terminal: std::io::stdout().is_terminal().then(columns),
        no_color: set("NO_COLOR").is_some(),
        force_color: set("CLICOLOR_FORCE").is_some_and(|value| value != "0"),
        dumb: set("TERM").is_some_and(|term| term == "dumb"),
    }
}

/// The error and what to do next, on standard error.
fn complain(error: &Error) {
    let mut err = std::io::stderr().lock();
    // where standard error is closed there is nobody to tell
    let _ = writeln!(err, "error: {}", render::clean(&error.to_string()));
    if let Some(hint) = error.hint() {
        let _ = writeln!(err, "help: {}", render::clean(&hint));
    }
}
