//! Timings beside the peers: prepares what `benches/` compares, and hands over.

use std::env::consts::EXE_SUFFIX;
use std::path::PathBuf;

use crate::run::{hand_over, node, root, run, step, target};
use crate::toolchain::BUILD;
use crate::wasm::Kind;
use crate::{Result, pkg, setup};

pub(crate) fn command(arguments: &[String]) -> Result {
  let (which, flags) = match arguments.split_first() {
    Some((which, flags))
      if matches!(
        which.as_str(),
        "browser" | "native" | "hmr" | "dev" | "soak" | "cache" | "web"
      ) =>
    {
      (which, flags)
    }
    _ => return Err(USAGE.to_owned()),
  };
  setup::npm_packages(&root().join("benches"), "the peers that are timed, and what is bundled")?;
  if which == "dev" {
    setup::npm_packages(&root().join("benches/servers"), "the development servers that are timed")?;
  }
  if which == "cache" {
    setup::redis()?;
  }
  let mut bench = node();
  bench.arg(format!("benches/{which}.mjs")).args(flags);
  // To ask for help needs no builds.
  if !flags.iter().any(|flag| flag == "--help" || flag == "-h") {
    bench.env("NEXXO_PKG_DIR", pkg::package(Kind::Release)?);
    match which.as_str() {
      "browser" | "hmr" => bench.env("NEXXO_CHROMIUM", setup::chromium()?),
      "dev" | "soak" => bench.env("NEXXO_CHROMIUM", setup::chromium()?).env("NEXXO_BIN", native()?),
      _ => bench.env("NEXXO_BIN", native()?),
    };
  }
  hand_over(&mut bench)
}

const USAGE: &str = "Say which bench: `cargo xtask bench browser`, `native`, `hmr`, `dev`, `soak`, `cache` or `web`, then its flags.";

/// The native command; the bench finds its own commands in the same folder.
fn native() -> Result<PathBuf> {
  let rust = setup::rust(BUILD)?;
  step("Compile the native command and what measures it (profile release)", || {
    let packages = ["--package", "nexxo_cli", "--package", "nexxo_benches"];
    run(rust.cargo(["build", "--release"]).args(packages))
  })?;
  Ok(target().join("release").join(format!("nexxo{EXE_SUFFIX}")))
}
