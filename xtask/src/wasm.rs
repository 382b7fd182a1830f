//! The engine as WebAssembly: compiled with the corrected standard library, given
//! its JavaScript by wasm-bindgen.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run::{fresh_folder, root, run, scratch, step, target};
use crate::stamp::{Inputs, Stamp, step_if_changed};
use crate::toolchain::{BUILD, Toolchain};
use crate::{Result, flags, setup};

/// What the WebAssembly is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
  /// For a look at the page: quick to compile.
  Play,
  /// Like `Play`, with an export that breaks the instance on purpose.
  Test,
  /// For everybody: as small and as quick as it gets.
  Release,
}

impl Kind {
  /// The folder for what is made of it.
  pub(crate) fn name(self) -> &'static str {
    match self {
      Kind::Play => "play",
      Kind::Test => "test",
      Kind::Release => "release",
    }
  }

  fn profile(self) -> &'static str {
    match self {
      Kind::Play | Kind::Test => "fast",
      Kind::Release => "wasm",
    }
  }

  fn features(self) -> &'static [&'static str] {
    match self {
      Kind::Play | Kind::Release => &[],
      Kind::Test => &["fault"],
    }
  }
}

const TARGET: &str = "wasm32-unknown-unknown";

pub(crate) fn command(arguments: &[String]) -> Result {
  let kind = match flags(arguments, &["--release", "--fault"])?[..] {
    [] => Kind::Play,
    ["--release"] => Kind::Release,
    ["--fault"] => Kind::Test,
    _ => {
      return Err(
        "A release has no faults on purpose: choose `--release` or `--fault`.".to_owned(),
      );
    }
  };
  println!("{}", glue(kind)?.display());
  Ok(())
}

/// What is compiled to WebAssembly, with its features: the engine, and the compiler of style sheets,
/// which a page loads when it has the first of them.
const PACKAGES: [(&str, &[&str]); 2] = [("nexxo_wasm", &[]), ("nexxo_web", &["compiler"])];

/// The folder with `nexxo_wasm.js`, `nexxo_wasm_bg.wasm` and the same of `nexxo_web`.
pub(crate) fn glue(kind: Kind) -> Result<PathBuf> {
  let rust = setup::rust(BUILD)?;
  let std_source = setup::std_source(&rust)?;
  let tool = bindgen(&rust)?;
  let what = format!("Compile the engine to WebAssembly (profile {})", kind.profile());
  let made = step(&what, || {
    let packages = PACKAGES.iter();
    packages.map(|package| compile(&rust, &std_source, kind, *package)).collect::<Result<Vec<_>>>()
  })?;
  let folder = scratch().join(kind.name()).join("glue");
  let mut inputs = Inputs::default().path(&tool)?;
  for wasm in &made {
    inputs = inputs.path(wasm)?;
  }
  let what = "Write its JavaScript by wasm-bindgen";
  step_if_changed(what, &inputs, &folder.join("nexxo_wasm_bg.wasm"), || {
    fresh_folder(&folder)?;
    let names = matches!(kind, Kind::Release).then_some("--no-names");
    made.iter().try_for_each(|wasm| run(Command::new(&tool).arg(wasm).arg(&folder).args(names)))
  })?;
  Ok(folder)
}

fn compile(
  rust: &Toolchain,
  std_source: &Path,
  kind: Kind,
  (package, features): (&str, &[&str]),
) -> Result<PathBuf> {
  let mut command = for_wasm(rust.cargo(["build", "--lib", "--package", package]), std_source);
  command.args(["--profile", kind.profile()]);
  let own = if package == PACKAGES[0].0 { kind.features() } else { &[] };
  for feature in features.iter().chain(own) {
    command.args(["--features", feature]);
  }
  run(&mut command)?;
  let wasm = folder().join(TARGET).join(kind.profile()).join(format!("{package}.wasm"));
  match wasm.is_file() {
    true => Ok(wasm),
    false => Err(format!("{} was not made: is `{package}` a `cdylib`?", wasm.display())),
  }
}

/// Apart from the native builds: build scripts look at RUSTC_BOOTSTRAP, so in one
/// folder each kind of build would compile half of the other's crates again.
fn folder() -> PathBuf {
  target().join("wasm")
}

/// A cargo command, told to work for WebAssembly with the corrected standard library.
pub(crate) fn for_wasm(mut command: Command, std_source: &Path) -> Command {
  command
    .args(["--target", TARGET, "-Zbuild-std=std,panic_abort"])
    .env("CARGO_TARGET_DIR", folder())
    // Building the standard library is not stable, and this is its source.
    .env("RUSTC_BOOTSTRAP", "1")
    .env("__CARGO_TESTS_ONLY_SRC_ROOT", std_source)
    // These would replace the flags of .cargo/config.toml.
    .env_remove("RUSTFLAGS")
    .env_remove("CARGO_ENCODED_RUSTFLAGS");
  command
}

/// The program of `xtask/bindgen`.
pub(crate) fn bindgen(rust: &Toolchain) -> Result<PathBuf> {
  let crate_folder = root().join("xtask/bindgen");
  let folder = scratch().join("bindgen");
  let tool = folder.join("release").join(format!("nexxo-bindgen{}", env::consts::EXE_SUFFIX));
  let inputs = Inputs::default().path(&crate_folder)?.word(&rust.verbose_version);
  let stamp = Stamp::new("bindgen", &inputs, &tool);
  if !stamp.holds() {
    step(
      "Compile the wasm-bindgen tool, which writes the JavaScript that starts the WebAssembly",
      || {
        stamp.after(|| {
          let mut command = rust.cargo(["build", "--release", "--locked"]);
          run(command.current_dir(&crate_folder).env("CARGO_TARGET_DIR", &folder))
        })
      },
    )?;
  }
  Ok(tool)
}
