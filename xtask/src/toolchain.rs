//! A Rust that can build all of Nexxo: which one is used, what it must have, and
//! how its programs are called from under another one.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run::{on_path, quiet, target};

/// The oldest Rust that builds the engine, and the one that is installed.
pub(crate) const OLDEST: (u32, u32) = (1, 96);

#[derive(Clone)]
pub(crate) struct Toolchain {
  /// The folder with `bin/cargo` in it.
  pub(crate) sysroot: PathBuf,
  /// What `rustc -vV` says, which identifies it.
  pub(crate) verbose_version: String,
  /// Such as 1.96.0.
  pub(crate) release: String,
  host: String,
  version: (u32, u32),
}

/// What a toolchain may lack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Part {
  Source,
  Linker,
  Clippy,
  Rustfmt,
}

impl Part {
  pub(crate) fn name(self) -> &'static str {
    match self {
      Part::Source => "the standard library's source (rust-src)",
      Part::Linker => "a linker for WebAssembly (rust-lld)",
      Part::Clippy => "clippy",
      Part::Rustfmt => "rustfmt",
    }
  }
}

/// What it takes to build, and to check as well.
pub(crate) const BUILD: &[Part] = &[Part::Source, Part::Linker];
pub(crate) const CHECK: &[Part] = &[Part::Source, Part::Linker, Part::Clippy, Part::Rustfmt];

impl Toolchain {
  /// What is in a folder, if it is a toolchain at all.
  pub(crate) fn at(sysroot: &Path) -> Option<Self> {
    let program =
      |name: &str| sysroot.join("bin").join(format!("{name}{}", env::consts::EXE_SUFFIX));
    if !program("cargo").is_file() {
      return None;
    }
    let verbose_version = quiet(clean(&mut Command::new(program("rustc"))).arg("-vV"))?;
    let field = |name: &str| {
      verbose_version.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned)
    };
    let (release, host) = (field("release: ")?, field("host: ")?);
    let mut numbers = release.split('.').map_while(|number| number.parse().ok());
    let version = (numbers.next()?, numbers.next()?);
    Some(Toolchain { sysroot: sysroot.to_owned(), verbose_version, release, host, version })
  }

  /// Betas and nightlies are left out: what they change next is not known here.
  pub(crate) fn is_new_enough(&self) -> bool {
    self.version >= OLDEST && !self.release.contains('-')
  }

  pub(crate) fn lacks(&self, parts: &[Part]) -> Vec<Part> {
    let has = |part: &Part| match part {
      Part::Source => self.library().join("std/src/lib.rs").is_file(),
      Part::Linker => {
        let own = self.sysroot.join("lib/rustlib").join(&self.host).join("bin");
        own.join(format!("rust-lld{}", env::consts::EXE_SUFFIX)).is_file()
          || self.program("rust-lld").is_file()
          || on_path("rust-lld").is_some()
      }
      Part::Clippy => {
        self.program("cargo-clippy").is_file() && self.program("clippy-driver").is_file()
      }
      Part::Rustfmt => self.program("cargo-fmt").is_file() && self.program("rustfmt").is_file(),
    };
    parts.iter().copied().filter(|part| !has(part)).collect()
  }

  /// The standard library's source.
  pub(crate) fn library(&self) -> PathBuf {
    self.sysroot.join("lib/rustlib/src/rust/library")
  }

  fn program(&self, name: &str) -> PathBuf {
    self.sysroot.join("bin").join(format!("{name}{}", env::consts::EXE_SUFFIX))
  }

  /// `cargo <arguments>` of this toolchain, in the workspace.
  pub(crate) fn cargo<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Command {
    self.command("cargo", arguments)
  }

  /// `cargo clippy`, called by its own name: cargo would look into the user's own
  /// folder of commands first, and find another toolchain's there.
  pub(crate) fn clippy<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Command {
    self.command("cargo-clippy", ["clippy"].into_iter().chain(arguments))
  }

  /// `cargo fmt`, called by its own name for the same reason.
  pub(crate) fn fmt<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Command {
    self.command("cargo-fmt", ["fmt"].into_iter().chain(arguments))
  }

  fn command<'a>(&self, program: &str, arguments: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = Command::new(self.program(program));
    clean(&mut command)
      .env("CARGO", self.program("cargo"))
      .env("RUSTC", self.program("rustc"))
      .env("RUSTDOC", self.program("rustdoc"))
      .env("RUSTFMT", self.program("rustfmt"))
      .env("PATH", self.path())
      .env("CARGO_TARGET_DIR", target())
      .current_dir(crate::run::root())
      .args(arguments);
    command
  }

  /// The search path with this toolchain's programs first.
  fn path(&self) -> OsString {
    let old = env::var_os("PATH").unwrap_or_default();
    let folders = [self.sysroot.join("bin")].into_iter().chain(env::split_paths(&old));
    // A folder whose name cannot be in the list was not in it before.
    env::join_paths(folders).unwrap_or(old)
  }
}

/// The toolchains here that are new enough, the one to use first: complete, and the
/// nearest to the oldest that will do, because that one is tested. The order is the
/// same for every task, so that they share what is compiled.
pub(crate) fn installed() -> Vec<Toolchain> {
  let mut found: Vec<Toolchain> = Vec::new();
  for sysroot in sysroots() {
    let known = found.iter().any(|toolchain| same_folder(&toolchain.sysroot, &sysroot));
    if !known && let Some(toolchain) = Toolchain::at(&sysroot) {
      found.push(toolchain);
    }
  }
  found.retain(Toolchain::is_new_enough);
  found.sort_by_key(|toolchain| (toolchain.lacks(CHECK).len(), toolchain.version));
  found
}

fn sysroots() -> Vec<PathBuf> {
  let mut folders = Vec::new();
  // The one that runs this task: the project's own choice where it is new enough.
  if let Some(cargo) = env::var_os("CARGO") {
    folders.extend(Path::new(&cargo).ancestors().nth(2).map(Path::to_owned));
  }
  if let Some(list) = quiet(Command::new("rustup").args(["toolchain", "list", "--verbose"])) {
    // Of each line the path is last: `1.96.0-<host> (active) <path>`.
    let path = |line: &str| {
      line
        .find(" /")
        .or_else(|| line.find(":\\").map(|colon| colon - 2))
        .map(|at| line[at..].trim().into())
    };
    folders.extend(list.lines().filter_map(path));
  }
  folders.push(PathBuf::from("/usr"));
  folders.push(PathBuf::from("/usr/local"));
  folders
}

fn same_folder(one: &Path, other: &Path) -> bool {
  let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
  real(one) == real(other)
}

/// Takes away what the cargo and the rustup that run this task tell their children.
pub(crate) fn clean(command: &mut Command) -> &mut Command {
  for (name, _) in env::vars_os() {
    let Some(text) = name.to_str() else { continue };
    let own = matches!(
      text,
      "CARGO"
        | "RUSTC"
        | "RUSTDOC"
        | "RUSTUP_TOOLCHAIN"
        | "RUSTUP_TOOLCHAIN_SOURCE"
        | "RUST_RECURSION_COUNT"
    ) || text.starts_with("CARGO_PKG_")
      || text.starts_with("CARGO_MANIFEST_");
    if own {
      command.env_remove(name);
    }
  }
  // `cargo run` lists its own toolchain's libraries, which another one must not load.
  if let Some(libraries) = env::var_os("LD_LIBRARY_PATH") {
    let target = target();
    let keep = |folder: &PathBuf| {
      let text = folder.to_string_lossy();
      !folder.starts_with(&target) && !text.contains("rustlib") && !text.contains("toolchains")
    };
    match env::join_paths(env::split_paths(&libraries).filter(keep)) {
      Ok(kept) if !kept.is_empty() => command.env("LD_LIBRARY_PATH", kept),
      _ => command.env_remove("LD_LIBRARY_PATH"),
    };
  }
  command
}
