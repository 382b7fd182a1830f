//! What the tasks need on a machine, installed where it is missing. Each part says
//! what it installs and why before it does, is silent where all is there, and
//! stops with what to do where it cannot.

use std::env;
use std::fs;
use std::io::{IsTerminal, stdin};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::Result;
use crate::run::{
  at, copy_folder, keep_time, make_folder, node as node_command, npm, on_path, quiet, remove, root,
  run, run_within, scratch, shown, step,
};
use crate::stamp::{Inputs, Stamp};
use crate::toolchain::{CHECK, OLDEST, Part, Toolchain, clean, installed};
use crate::{flags, pkg, wasm};

pub(crate) fn command(arguments: &[String]) -> Result {
  flags(arguments, &[])?;
  let rust = rust(CHECK)?;
  std_source(&rust)?;
  npm_packages(&root(), pkg::NPM)?;
  wasm::bindgen(&rust)?;
  chromium()?;
  redis()?;
  println!("Everything that Nexxo needs is here.");
  Ok(())
}

/// Debian's Rust for its browsers is newer than its own. lld links the WebAssembly.
const DEBIAN_RUST: &[&str] = &[
  "rustc-web",
  "cargo-web",
  "libstd-rust-web-dev",
  "rust-web-src",
  "rust-web-llvm",
  "lld-22",
  "rust-web-clippy",
  "rustfmt-web",
];

/// A Rust that is new enough and has these parts.
pub(crate) fn rust(parts: &[Part]) -> Result<Toolchain> {
  if let Some(folder) = env::var_os("NEXXO_RUST").filter(|folder| !folder.is_empty()) {
    return chosen_rust(Path::new(&folder), parts);
  }
  let complete = || installed().into_iter().find(|toolchain| toolchain.lacks(parts).is_empty());
  if let Some(toolchain) = complete() {
    return Ok(toolchain);
  }

  let (major, minor) = OLDEST;
  println!("Rust {major}.{minor} or newer is needed, to compile the engine.");
  println!(
    "With it comes the standard library's source, because WebAssembly is compiled with a corrected copy of it."
  );
  if let Some(toolchain) = installed().first() {
    println!(
      "There is Rust {} in {}, but without {}.",
      toolchain.release,
      toolchain.sysroot.display(),
      list(&toolchain.lacks(parts))
    );
  }
  let mut tried = Vec::new();
  for install in [install_by_rustup, install_by_apt] {
    match install() {
      Ok(()) => match complete() {
        Some(toolchain) => return Ok(toolchain),
        None => tried.push("It was installed, but is not complete.".to_owned()),
      },
      Err(message) => {
        println!("{message}");
        tried.push(message);
      }
    }
  }
  Err(format!(
    "Rust {major}.{minor} could not be installed.\n{}\n\
     Install it yourself: `rustup toolchain install {major}.{minor}.0 --profile minimal -c rust-src -c clippy -c rustfmt`,\n\
     or name the folder of a toolchain that has its `rust-src`: NEXXO_RUST=<folder with bin/cargo in it>.",
    tried.iter().map(|message| format!("  - {message}")).collect::<Vec<_>>().join("\n"),
  ))
}

fn chosen_rust(folder: &Path, parts: &[Part]) -> Result<Toolchain> {
  let named = format!("NEXXO_RUST names {}", folder.display());
  let toolchain = Toolchain::at(folder)
    .ok_or(format!("{named}, where there is no working bin/cargo and bin/rustc."))?;
  let (major, minor) = OLDEST;
  if !toolchain.is_new_enough() {
    return Err(format!(
      "{named}, which is Rust {}: {major}.{minor} or a newer release is needed.",
      toolchain.release
    ));
  }
  match toolchain.lacks(parts) {
    missing if missing.is_empty() => Ok(toolchain),
    missing => Err(format!("{named}, which has no {}.", list(&missing))),
  }
}

fn list(parts: &[Part]) -> String {
  parts.iter().map(|part| part.name()).collect::<Vec<_>>().join(" and no ")
}

fn install_by_rustup() -> Result {
  let Some(rustup) = on_path("rustup") else {
    return Err("rustup is not installed.".to_owned());
  };
  let (major, minor) = OLDEST;
  let mut command = Command::new(rustup);
  clean(&mut command)
    .args([
      "toolchain",
      "install",
      &format!("{major}.{minor}.0"),
      "--profile",
      "minimal",
      "--no-self-update",
    ])
    .args(["-c", "rust-src", "-c", "clippy", "-c", "rustfmt"])
    // Where nothing can be fetched, that shall be known soon.
    .env("RUSTUP_MAX_RETRIES", "1");
  println!("Installing it by rustup: `{}`.", shown(&command));
  run_within(&mut command, Duration::from_secs(15 * 60))
    .map_err(|error| format!("rustup could not: {error}"))
}

fn install_by_apt() -> Result {
  println!("Installing it as packages of this distribution.");
  apt(DEBIAN_RUST)
}

/// Installs packages of a Debian-like distribution, where this user may.
fn apt(packages: &[&str]) -> Result {
  if on_path("apt-get").is_none() {
    return Err("This distribution has no apt-get.".to_owned());
  }
  let is_root = quiet(Command::new("id").arg("-u")).is_some_and(|id| id.trim() == "0");
  let may_sudo = || {
    on_path("sudo").is_some()
      && (stdin().is_terminal() || quiet(Command::new("sudo").args(["-n", "true"])).is_some())
  };
  let by: &[&str] = match is_root {
    true => &["apt-get"],
    false if may_sudo() => &["sudo", "apt-get"],
    false => {
      return Err(format!("apt-get needs root: `sudo apt-get install {}`.", packages.join(" ")));
    }
  };
  let apt_get = |arguments: &[&str]| {
    let mut command = Command::new(by[0]);
    command
      .args(&by[1..])
      .args(["-qq", "-o", "Dpkg::Use-Pty=0"])
      .args(arguments)
      .env("DEBIAN_FRONTEND", "noninteractive");
    println!("  {}", shown(&command));
    run(&mut command)
  };
  if let Err(message) = apt_get(&["update"]) {
    // What was fetched earlier may be enough.
    println!("{message}");
  }
  apt_get(
    &["install", "--yes", "--no-install-recommends"]
      .into_iter()
      .chain(packages.iter().copied())
      .collect::<Vec<_>>(),
  )
}

/// In the source as it is, `/x` is not an absolute path on this target, which has
/// no root of its own; the bundler's paths have.
const IS_ABSOLUTE: (&str, &str) =
  ("cfg!(any(unix, target_os", "cfg!(any(unix, target_family = \"wasm\", target_os");

/// The corrected copy of the standard library's source, for building WebAssembly.
/// `docs/design/wasm-toolchain.md` has the reason.
pub(crate) fn std_source(rust: &Toolchain) -> Result<PathBuf> {
  let original = rust.library();
  let folder = scratch().join(format!("std-{}", rust.release));
  let library = folder.join("library");
  let inputs = Inputs::default().word(&rust.verbose_version).word(&original).word(IS_ABSOLUTE);
  let stamp = Stamp::new("standard library", &inputs, &library);
  if stamp.holds() {
    return Ok(library);
  }
  step(
    &format!("Copy the standard library's source of Rust {} and correct it", rust.release),
    || {
      stamp.after(|| {
        let fresh = folder.with_extension("new");
        remove(&fresh)?;
        copy_folder(&original, &fresh.join("library"))?;
        let file = "std/src/sys/path/unix.rs";
        correct(&fresh.join("library").join(file), rust)?;
        at(&fresh, keep_time(&original.join(file), &fresh.join("library").join(file)))?;
        remove(&folder)?;
        at(&folder, fs::rename(&fresh, &folder))
      })
    },
  )?;
  Ok(library)
}

fn correct(file: &Path, rust: &Toolchain) -> Result {
  let text = at(file, fs::read_to_string(file))?;
  let corrected = corrected(&text).map_err(|problem| {
    format!(
      "The line to correct is not in the standard library's source of Rust {} ({}): {problem}.\n\
       Without it, paths in WebAssembly are wrong, so nothing is built. Name another toolchain by NEXXO_RUST, such as 1.96.0,\n\
       or see to `IS_ABSOLUTE` in xtask/src/setup.rs.",
      rust.release,
      file.display(),
    )
  })?;
  at(file, fs::write(file, corrected))
}

/// The source with the correction, or why there is none.
fn corrected(text: &str) -> Result<String> {
  let (before, after) = IS_ABSOLUTE;
  // Only in this function: another place may ask the same for another reason.
  let Some(start) = text.find("fn is_absolute(") else {
    return Err("it has no `fn is_absolute(`".to_owned());
  };
  let (head, rest) = text.split_at(start);
  let body = rest.find("\n}").map_or(rest, |end| &rest[..end]);
  match body.matches(before).count() {
    1 => Ok(format!("{head}{}", rest.replacen(before, after, 1))),
    count => Err(format!("`{before}` was found {count} times in `is_absolute`")),
  }
}

/// Node, new enough for the tools and the tests.
pub(crate) fn node() -> Result {
  const OLDEST_NODE: u32 = 20;
  let version = quiet(node_command().arg("--version"));
  let major =
    |version: &str| version.trim().strip_prefix('v')?.split('.').next()?.parse::<u32>().ok();
  let problem = match version.as_deref() {
    None => "There is no Node.js here".to_owned(),
    Some(version) if major(version).is_some_and(|major| major >= OLDEST_NODE) => return Ok(()),
    Some(version) => format!("Node.js is too old here ({})", version.trim()),
  };
  Err(format!(
    "{problem}. The TypeScript compiler and the tests of the npm package need {OLDEST_NODE} or newer.\n\
     Install it, with npm, by your distribution or from the Node.js site, and run this again."
  ))
}

/// A folder's npm packages, exactly as its lock file lists them.
pub(crate) fn npm_packages(folder: &Path, what: &str) -> Result {
  node()?;
  let inputs =
    Inputs::default().paths(&[folder.join("package.json"), folder.join("package-lock.json")])?;
  let stamp = Stamp::new("npm packages", &inputs, &folder.join("node_modules/.package-lock.json"));
  if stamp.holds() {
    return Ok(());
  }
  let shown = folder.strip_prefix(root()).ok().filter(|path| !path.as_os_str().is_empty());
  let place =
    shown.map_or("node_modules".to_owned(), |path| format!("{}/node_modules", path.display()));
  step(&format!("Install npm packages into {place} by the lock file: {what}"), || {
    stamp.after(|| {
      let mut command = npm(folder);
      command.args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
      run(&mut command)
        .map_err(|error| format!("{error}\nThe npm registry must be reachable for this, once."))
    })
  })
}

/// The Chromium or Chrome that the browser tests drive.
pub(crate) fn chromium() -> Result<PathBuf> {
  if let Some(path) =
    env::var_os("NEXXO_CHROMIUM").map(PathBuf::from).filter(|path| !path.as_os_str().is_empty())
  {
    return match path.is_file() {
      true => Ok(path),
      false => Err(format!("NEXXO_CHROMIUM names {}, where there is no file.", path.display())),
    };
  }
  if let Some(path) = installed_chromium() {
    return Ok(path);
  }
  println!(
    "Chromium is needed, to run the package and the page in a real browser. Installing it as a package of this distribution."
  );
  let problem = match apt(&["chromium"]) {
    Ok(()) => "It was installed, but is not on the PATH.".to_owned(),
    Err(message) => message,
  };
  installed_chromium().ok_or(format!(
    "Chromium could not be installed. {problem}\n\
     Install Chromium or Chrome yourself, or name it: NEXXO_CHROMIUM=<its program>.",
  ))
}

/// The Redis server that the tests of shared caches start.
pub(crate) fn redis() -> Result {
  let is_there = || on_path("redis-server").is_some();
  if is_there() {
    return Ok(());
  }
  println!(
    "Redis is needed, to share a cache through a real one in the tests. Installing it as a package of this distribution."
  );
  let problem = match apt(&["redis-server"]) {
    Ok(()) if is_there() => return Ok(()),
    Ok(()) => "It was installed, but is not on the PATH.".to_owned(),
    Err(message) => message,
  };
  Err(format!("Redis could not be installed. {problem}\nInstall `redis-server` yourself."))
}

fn installed_chromium() -> Option<PathBuf> {
  let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];
  names.into_iter().find_map(on_path).or_else(|| {
    let mac = PathBuf::from("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome");
    mac.is_file().then_some(mac)
  })
}

/// The folder for what is built for one use, such as `play`.
pub(crate) fn place(name: &str) -> Result<PathBuf> {
  let folder = scratch().join(name);
  make_folder(&folder)?;
  Ok(folder)
}

#[cfg(test)]
mod tests {
  use super::corrected;

  const SOURCE: &str = "fn other() { cfg!(any(unix, target_os = \"a\")) }\n\npub(crate) fn is_absolute(path: &Path) -> bool {\n  if cfg!(any(unix, target_os = \"wasi\")) {\n    path.has_root()\n  }\n}\n";

  #[test]
  fn the_one_line_is_corrected_and_nothing_else() {
    let expected =
      SOURCE.replace("target_os = \"wasi\"", "target_family = \"wasm\", target_os = \"wasi\"");
    assert_eq!(corrected(SOURCE), Ok(expected));
  }

  #[test]
  fn a_source_without_the_line_is_refused() {
    assert!(corrected("").is_err());
    assert!(
      corrected(&SOURCE.replace("unix, target_os = \"wasi\"", "target_os = \"wasi\"")).is_err()
    );
    assert!(corrected(&SOURCE.replace("is_absolute(", "is_rooted(")).is_err());
  }
}
