//! The `nexxo` command: the engine on a machine's own disk and processors.
//!
//! A command line is read (`args`), joined with the configuration
//! (`config`), and built from a view of the disk (`disk`) on the machine's
//! threads (`host`); what comes out is put in place (`write`) and told of
//! (`report`) and kept for the next time (`cache`). With `dev` and `preview` it is served instead (`serve`).
//! Everything about bundling itself is in the crate `nexxo`.

mod args;
mod build;
mod cache;
mod config;
mod dev;
mod disk;
mod folders;
mod host;
mod message;
mod preview;
mod remote;
mod report;
mod serve;
pub mod store;
mod transform;
mod watch;
mod write;

use std::{ffi::OsString, process::ExitCode};

use clap::{CommandFactory, Parser};

use crate::{
  args::{Command, CommandLine},
  build::Outcome,
};

// The help text says what they mean.
const EXIT_DONE: u8 = 0;
const EXIT_ERRORS: u8 = 1;
const EXIT_USAGE: u8 = 2;
const EXIT_IO: u8 = 3;
const EXIT_INTERRUPTED: u8 = 130;

/// Runs the command with these arguments, the first of which is its own name.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
  let line = match CommandLine::try_parse_from(arguments) {
    Ok(line) => line,
    Err(error) => {
      // Help and version come here as well, for stdout and with success.
      let _ = error.print();
      return ExitCode::from(if error.use_stderr() { EXIT_USAGE } else { EXIT_DONE });
    }
  };
  report::choose_colors(line.color);
  listen_to_engine();
  let (threads, json) = match &line.command {
    Command::Build(args) => (args.threads, args.json),
    Command::Transform(args) => (args.threads, args.json),
    Command::Dev(args) => (args.threads, false),
    Command::Preview(_) => (None, false),
    Command::Cache(args) => (None, args.json),
    Command::Completions { shell } => {
      let mut script = Vec::new();
      clap_complete::generate(*shell, &mut CommandLine::command(), "nexxo", &mut script);
      report::give(&script);
      return ExitCode::from(EXIT_DONE);
    }
  };
  let ended = host::run(threads, async move {
    match line.command {
      Command::Build(args) => match current_folder() {
        Ok(folder) => build::run(*args, folder).await,
        Err(outcome) => outcome,
      },
      Command::Dev(args) => match current_folder() {
        Ok(folder) => dev::run(*args, folder).await,
        Err(outcome) => outcome,
      },
      Command::Preview(args) => match current_folder() {
        Ok(folder) => preview::run(*args, folder).await,
        Err(outcome) => outcome,
      },
      Command::Transform(args) => transform::run(&args),
      Command::Cache(args) => cache::run(args).await,
      Command::Completions { .. } => Outcome::Done,
    }
  });
  match ended {
    Ok(outcome) => outcome.into(),
    Err(error) => {
      let problem = [message::cannot_start(&error)];
      if json {
        report::give_json(&report::BuildReport::failed(&problem));
      } else {
        report::diagnostics(&problem, &str::to_owned);
      }
      ExitCode::from(EXIT_IO)
    }
  }
}

/// The real path of where the command was started.
fn current_folder() -> Result<std::path::PathBuf, Outcome> {
  #[expect(clippy::disallowed_methods, reason = "a command's paths start where it was started")]
  let folder = std::env::current_dir().and_then(std::fs::canonicalize);
  folder.map_err(|error| {
    report::diagnostics(&[message::no_current_folder(&error)], &str::to_owned);
    Outcome::Usage
  })
}

/// Prints the engine's log where `NEXXO_LOG` asks for it.
fn listen_to_engine() {
  let Ok(filter) = std::env::var("NEXXO_LOG") else { return };
  let subscriber = tracing_subscriber::fmt()
    .with_env_filter(tracing_subscriber::EnvFilter::new(filter))
    .with_writer(std::io::stderr);
  // Another one is listening already only where somebody embeds this.
  let _ = subscriber.try_init();
}
