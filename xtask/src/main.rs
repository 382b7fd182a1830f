//! Every task by name: `cargo xtask <command>`. A command prepares what it needs
//! by itself, says so before it does, and is quick where nothing changed.

#![expect(
  clippy::print_stdout,
  clippy::print_stderr,
  reason = "a terminal is what these tasks talk to"
)]
#![expect(
  clippy::disallowed_methods,
  reason = "the engine's rules about clocks and folders are not for its tools"
)]

mod bench;
mod lint;
mod page;
mod pkg;
mod play;
mod run;
mod setup;
mod stamp;
mod test;
mod toolchain;
mod wasm;

use std::env;
use std::process::ExitCode;

/// What a task says when it stops: what is wrong and what to do about it.
type Result<T = ()> = std::result::Result<T, String>;

struct Command {
  name: &'static str,
  takes: &'static str,
  about: &'static str,
  run: fn(&[String]) -> Result,
}

const COMMANDS: &[Command] = &[
  Command {
    name: "setup",
    takes: "",
    about: "Install what the other commands need: Rust, npm packages, Chromium",
    run: setup::command,
  },
  Command {
    name: "play",
    takes: "[--port <n>]",
    about: "Build the engine and the page quickly, and serve the playground on this machine",
    run: play::command,
  },
  Command {
    name: "test",
    takes: "[<suite>…]",
    about: "Run every test, or the named suites",
    run: test::command,
  },
  Command {
    name: "pkg",
    takes: "",
    about: "Build the npm package into pkg/, optimised, and print its sizes",
    run: pkg::command,
  },
  Command {
    name: "lint",
    takes: "",
    about: "Check formatting, lints, types, docs, licences and spelling",
    run: lint::command,
  },
  Command {
    name: "bench",
    takes: "browser|native|hmr|dev|soak|cache [<flag>…]",
    about: "Time Nexxo beside its peers; flags go to the bench",
    run: bench::command,
  },
  Command {
    name: "wasm",
    takes: "[--release] [--fault]",
    about: "Only compile the engine to WebAssembly, and print where it is",
    run: wasm::command,
  },
];

fn main() -> ExitCode {
  let arguments: Vec<String> = env::args().skip(1).collect();
  let (name, rest) = match arguments.split_first() {
    None => ("help", &[][..]),
    Some((name, rest)) => (name.as_str(), rest),
  };
  if matches!(name, "help" | "--help" | "-h")
    || rest.iter().any(|word| word == "--help" && name != "bench")
  {
    print!("{}", help());
    return ExitCode::SUCCESS;
  }
  let Some(command) = COMMANDS.iter().find(|command| command.name == name) else {
    eprint!("There is no command `{name}`.\n\n{}", help());
    return ExitCode::from(2);
  };
  match (command.run)(rest) {
    Ok(()) => ExitCode::SUCCESS,
    Err(message) => {
      // A task that has said everything already stops without another word.
      if !message.is_empty() {
        eprintln!("\nerror: {message}");
      }
      ExitCode::FAILURE
    }
  }
}

fn help() -> String {
  let mut text = String::from("Usage: cargo xtask <command>\n\n");
  let shown =
    |command: &Command| format!("{} {}", command.name, command.takes).trim_end().to_owned();
  let width = COMMANDS.iter().map(|command| shown(command).len()).max().unwrap_or(0);
  for command in COMMANDS {
    text += &format!("  {:width$}  {}\n", shown(command), command.about);
  }
  text += &format!("  {:width$}  This list\n", "help");
  text += &format!("\nSuites of `test`, in order: {}.\n", test::names().join(", "));
  text += "
NEXXO_RUST      The folder of a Rust toolchain to use, with bin/cargo in it
NEXXO_CHROMIUM  The Chromium or Chrome to test with
CARGO_TARGET_DIR is honoured; everything built goes below it, but for pkg/.
";
  text
}

/// The arguments as flags of a command: those that are set. Others are a mistake.
fn flags<'a>(arguments: &'a [String], known: &[&str]) -> Result<Vec<&'a str>> {
  for word in arguments {
    if !known.contains(&word.as_str()) {
      return Err(match known {
        [] => format!("`{word}` is not understood: this command takes no arguments."),
        _ => format!("`{word}` is not understood: this command takes {}.", known.join(", ")),
      });
    }
  }
  Ok(arguments.iter().map(String::as_str).collect())
}
