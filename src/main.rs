//! The program: takes in its surroundings, does what was typed, prints, and ends with a code. Decides nothing.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use svc_trace::cli::Cli;
use svc_trace::collect::last_resort;
use svc_trace::config::{Color, Config, Surroundings};
use svc_trace::{Error, render, run, sugar};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    last_resort::install();
    let cli = Cli::parse_from(sugar::with_trace(&Cli::command(), std::env::args_os().collect()));
    match answer(cli) {
        Ok(exit) => ExitCode::from(exit.code()),
        Err(error) => {
            complain(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

fn answer(cli: Cli) -> Result<run::Exit, Error> {
    let config = Config::new(cli, &surroundings())?;
    colored::control::set_override(config.color == Color::On);
    if let Some(targets) = config.log_targets() {
        let lines = tracing_subscriber::fmt::layer()
            .with_writer(std::io::stderr)
            .with_ansi(config.color == Color::On && std::io::stderr().is_terminal());
        tracing_subscriber::registry().with(lines.with_filter(targets)).init();
    }
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
        in_cluster: set("KUBERNETES_SERVICE_HOST").is_some(),
        dumb: set("TERM").is_some_and(|term| term == "dumb"),
        step_summary: set("GITHUB_STEP_SUMMARY").map(Into::into),
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
