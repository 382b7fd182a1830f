//! Everything that reads the sources without running them.

use std::path::Path;
use std::process::Command;

use crate::run::{on_path, root, run, step, tsc};
use crate::test::{CLIPPY, TYPESCRIPT};
use crate::toolchain::{CHECK, Toolchain};
use crate::{Result, flags, pkg, setup, wasm};

pub(crate) fn command(arguments: &[String]) -> Result {
  flags(arguments, &[])?;
  let rust = setup::rust(CHECK)?;
  setup::npm_packages(&root(), pkg::NPM)?;
  let std_source = setup::std_source(&rust)?;

  let mut failed = Vec::new();
  let mut check = |what: &'static str, commands: &mut [Command]| {
    if let Err(message) = step(what, || commands.iter_mut().try_for_each(run)) {
      println!("error: {message}");
      failed.push(what);
    }
  };
  check(
    "Formatting",
    &mut ["Cargo.toml", "xtask/bindgen/Cargo.toml"]
      .map(|manifest| rust.fmt(["--all", "--check", "--manifest-path", manifest])),
  );
  check("Lints", &mut [rust.clippy(CLIPPY.iter().copied())]);
  check("Lints of the WebAssembly", &mut [wasm_lints(&rust, &std_source)]);
  check("Documentation", &mut [documentation(&rust)]);
  check("Types", &mut TYPESCRIPT.iter().map(|config| tsc(config)).collect::<Vec<_>>());
  for (what, program, arguments, get) in TOOLS {
    match on_path(program) {
      Some(program) => check(what, &mut [in_root(Command::new(program), arguments)]),
      None => println!("▸ {what}: left out, because `{program}` is not installed (`{get}`)"),
    }
  }
  match &failed[..] {
    [] => Ok(()),
    failed => Err(format!("Not in order: {}.", failed.join(", "))),
  }
}

/// The native lints do not see what is compiled for this target alone.
fn wasm_lints(rust: &Toolchain, std_source: &Path) -> Command {
  let packages = ["--package", "nexxo_wasm", "--package", "nexxo_web"];
  let mut lints = rust.clippy(["--lib", "--profile", "fast", "--features", "nexxo_web/compiler"]);
  lints.args(packages);
  let mut command = wasm::for_wasm(lints, std_source);
  command.args(["--", "-D", "warnings"]);
  command
}

/// What is run where it is there: name, program, arguments, how to get it.
const TOOLS: [(&str, &str, &[&str], &str); 2] = [
  (
    "Licences and bans",
    "cargo-deny",
    &["--workspace", "check", "bans", "licenses", "sources"],
    "cargo install --locked cargo-deny",
  ),
  ("Spelling", "typos", &[], "cargo install --locked typos-cli"),
];

fn documentation(rust: &Toolchain) -> Command {
  let mut command = rust.cargo([
    "doc",
    "--workspace",
    "--no-deps",
    "--document-private-items",
    "--profile",
    "fast",
  ]);
  command.env("RUSTDOCFLAGS", "-D warnings");
  command
}

fn in_root(mut command: Command, arguments: &[&str]) -> Command {
  command.args(arguments).current_dir(root());
  command
}
