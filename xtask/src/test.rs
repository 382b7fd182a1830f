//! Every test, suite by suite: a suite that fails does not stop the others, and
//! the last line sums up what all of them counted.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::run::{files_in, node, output, root, run, seconds, target, tsc, watch};
use crate::toolchain::{CHECK, Toolchain};
use crate::wasm::Kind;
use crate::{Result, page, pkg, setup};

pub(crate) fn command(arguments: &[String]) -> Result {
  for name in arguments {
    if !SUITES.iter().any(|suite| suite.name == name) {
      return Err(format!("There is no suite `{name}`: there are {}.", names().join(", ")));
    }
  }
  let mut done = Vec::new();
  match setup::rust(CHECK) {
    Err(message) => {
      println!("\nerror: {message}");
      done.push(Done {
        name: "setup",
        counts: Counts { passed: 0, failed: 1 },
        time: Duration::ZERO,
      });
    }
    Ok(rust) => {
      let mut context = Context { rust, package: None, page: None };
      for suite in SUITES
        .iter()
        .filter(|suite| arguments.is_empty() || arguments.iter().any(|name| name == suite.name))
      {
        done.push(run_suite(suite, &mut context));
      }
    }
  }
  sum_up(&done)
}

pub(crate) fn names() -> Vec<&'static str> {
  SUITES.iter().map(|suite| suite.name).collect()
}

struct Suite {
  name: &'static str,
  about: &'static str,
  run: fn(&mut Context) -> Result<Counts>,
}

const SUITES: &[Suite] = &[
  Suite { name: "fmt", about: "Rust is formatted", run: fmt },
  Suite { name: "clippy", about: "no lint complains", run: clippy },
  Suite { name: "guards", about: "the engine depends on nothing it must not", run: guards },
  Suite { name: "rust", about: "tests in Rust: units, specs, the command line", run: rust },
  Suite {
    name: "package",
    about: "WebAssembly and the npm package are made and packed",
    run: package,
  },
  Suite { name: "types", about: "TypeScript has no type errors", run: types },
  Suite { name: "node", about: "the package under Node", run: node_tests },
  Suite { name: "specs", about: "WebAssembly gives what the native engine gives", run: specs },
  Suite { name: "serve", about: "`nexxo dev` and its page in Chromium", run: serve },
  Suite { name: "browser", about: "the packed package and the page in Chromium", run: browser },
];

/// What suites share; made by the first that needs it, and not tried twice.
struct Context {
  rust: Toolchain,
  package: Option<Result<Package>>,
  page: Option<Result<PathBuf>>,
}

#[derive(Clone)]
struct Package {
  folder: PathBuf,
  packed: PathBuf,
}

impl Context {
  fn package(&mut self) -> Result<Package> {
    if let Some(made) = &self.package {
      return made.clone().map_err(|_| "The package was not made, see above.".to_owned());
    }
    let made = pkg::package(Kind::Test)
      .and_then(|folder| Ok(Package { packed: pkg::pack(&folder)?, folder }));
    self.package.insert(made).clone()
  }

  fn page(&mut self) -> Result<PathBuf> {
    if let Some(made) = &self.page {
      return made.clone().map_err(|_| "The page was not made, see above.".to_owned());
    }
    let made = self.package().and_then(|package| page::page(Kind::Test, &package.folder));
    self.page.insert(made).clone()
  }
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
struct Counts {
  passed: usize,
  failed: usize,
}

impl Counts {
  /// A check that is one test as a whole.
  fn one(success: bool) -> Self {
    Counts { passed: usize::from(success), failed: usize::from(!success) }
  }

  /// A run that failed has at least one failure, whatever was counted.
  fn ended(mut self, success: bool) -> Self {
    if !success && self.failed == 0 {
      self.failed = 1;
    }
    self
  }

  fn and(self, other: Self) -> Self {
    Counts { passed: self.passed + other.passed, failed: self.failed + other.failed }
  }
}

struct Done {
  name: &'static str,
  counts: Counts,
  time: Duration,
}

fn run_suite(suite: &Suite, context: &mut Context) -> Done {
  println!("\n━━ {}: {}", suite.name, suite.about);
  let start = Instant::now();
  let counts = (suite.run)(context).unwrap_or_else(|message| {
    println!("error: {message}");
    Counts::one(false)
  });
  Done { name: suite.name, counts, time: start.elapsed() }
}

fn sum_up(done: &[Done]) -> Result {
  println!("\n━━ summary");
  println!("  {:8}  {:>7}  {:>7}  {:>12}", "suite", "passed", "failed", "time");
  let mut all = Counts::default();
  for Done { name, counts, time } in done {
    let mark = if counts.failed == 0 { "" } else { "  ✗" };
    println!(
      "  {name:8}  {:>7}  {:>7}  {:>12}{mark}",
      counts.passed,
      counts.failed,
      seconds(*time)
    );
    all = all.and(*counts);
  }
  println!("\n{} passed, {} failed", all.passed, all.failed);
  if all.failed == 0 { Ok(()) } else { Err(String::new()) }
}

/// Runs a check that prints its own complaints and is one test as a whole.
fn check(command: &mut Command) -> Result<Counts> {
  watch(command, |_| {}).map(Counts::one)
}

fn fmt(context: &mut Context) -> Result<Counts> {
  let mut all = Counts::default();
  for manifest in ["Cargo.toml", "xtask/bindgen/Cargo.toml"] {
    all = all.and(check(&mut context.rust.fmt(["--all", "--check", "--manifest-path", manifest]))?);
  }
  Ok(all)
}

fn clippy(context: &mut Context) -> Result<Counts> {
  check(&mut context.rust.clippy(CLIPPY.iter().copied()))
}

/// In the profile of the tests, so that what both need is compiled once.
pub(crate) const CLIPPY: &[&str] =
  &["--workspace", "--all-targets", "--profile", "fast", "--", "-D", "warnings"];

/// What the engine must not name: the shells and stores, and the worlds behind them.
fn guards(context: &mut Context) -> Result<Counts> {
  const FOREIGN: &[&str] = &[
    "wasm-bindgen",
    "wasm-bindgen-futures",
    "js-sys",
    "web-sys",
    "serde-wasm-bindgen",
    "gloo",
    "rexie",
    "idb",
    "indexed_db_futures",
    "rocksdb",
    "rust-rocksdb",
    "librocksdb-sys",
    "redb",
    "sled",
    "rusqlite",
    "opendal",
    "clap",
  ];
  // The registry's crates that have a folder here in their place.
  const IN_PLACE: &[&str] = &["rolldown", "rolldown_fs"];
  // Of the compilers, only what is asked and answered.
  const TYPES: &[&str] = &["nexxo_web"];
  let tree = output(&mut context.rust.cargo([
    "tree",
    "--package",
    "nexxo",
    "--depth",
    "1",
    "--edges",
    "normal",
    "--target",
    "all",
    "--prefix",
    "none",
    "--no-dedupe",
  ]))?;
  let mut wrong = Vec::new();
  // The first line is the engine itself.
  for line in tree.lines().skip(1) {
    let name = line.split(' ').next().unwrap_or_default();
    // A crate of the workspace is shown with its folder.
    let is_ours = line.contains(&*root().to_string_lossy());
    if FOREIGN.contains(&name) || (is_ours && !IN_PLACE.contains(&name) && !TYPES.contains(&name)) {
      wrong.push(name);
    }
  }
  if tree.lines().count() < 2 {
    return Err("`cargo tree` lists nothing: this guard guards nothing.".to_owned());
  }
  for name in &wrong {
    println!("`nexxo` depends on `{name}`: only shells and stores may. See ARCHITECTURE.md.");
  }
  Ok(Counts::one(wrong.is_empty()))
}

fn rust(context: &mut Context) -> Result<Counts> {
  real_packages()?;
  setup::redis()?;
  let mut command =
    context.rust.cargo(["test", "--workspace", "--profile", "fast", "--no-fail-fast"]);
  let mut counts = Counts::default();
  let success = watch(&mut command, |line| counts = counts.and(told_by_cargo(line)))?;
  Ok(counts.ended(success))
}

/// Of the line that ends a test program: `test result: ok. 3 passed; 0 failed; …`.
fn told_by_cargo(line: &str) -> Counts {
  let Some(result) = line.strip_prefix("test result: ") else { return Counts::default() };
  let number = |word: &str| {
    let before = result.split_once(word)?.0;
    before.rsplit(' ').next()?.parse().ok()
  };
  Counts { passed: number(" passed").unwrap_or(0), failed: number(" failed").unwrap_or(0) }
}

/// What the projects of `tests/projects` are made of.
fn real_packages() -> Result {
  setup::npm_packages(&root().join("tests/projects"), "real packages, which tests bundle")
}

fn package(context: &mut Context) -> Result<Counts> {
  context.package().map(|_| Counts::one(true))
}

/// The projects of TypeScript that have no errors.
pub(crate) const TYPESCRIPT: &[&str] = &[
  "worker/tsconfig.json",
  "worker/tsconfig.node.json",
  "www/tsconfig.json",
  "worker/preview/tsconfig.json",
  "crates/nexxo/hmr/tsconfig.json",
  "crates/nexxo_cli/client/tsconfig.json",
];

fn types(_: &mut Context) -> Result<Counts> {
  setup::npm_packages(&root(), pkg::NPM)?;
  let mut all = Counts::default();
  for config in TYPESCRIPT {
    all = all.and(check(&mut tsc(config))?);
  }
  Ok(all)
}

fn node_tests(context: &mut Context) -> Result<Counts> {
  let package = context.package()?;
  test_files(&["tests/node"], node().env("NEXXO_PKG_DIR", package.folder))
}

fn specs(context: &mut Context) -> Result<Counts> {
  real_packages()?;
  let package = context.package()?;
  let sequences = setup::place("sequences")?.join("rebuild.jsonl");
  let mut record =
    context.rust.cargo(["test", "--workspace", "--profile", "fast", "--test", "rebuild"]);
  run(record.env("NEXXO_RECORD", &sequences))?;
  test_files(
    &["tests/wasm"],
    node().env("NEXXO_PKG_DIR", package.folder).env("NEXXO_SEQUENCES", sequences),
  )
}

fn serve(context: &mut Context) -> Result<Counts> {
  let chromium = setup::chromium()?;
  setup::npm_packages(&root().join("examples/react-ts"), "the example, which is served")?;
  let command = command_under_test(context)?;
  test_files(
    &["tests/serve", "tests/tooling"],
    node().env("NEXXO_BIN", command).env("NEXXO_CHROMIUM", chromium),
  )
}

/// The native command, as the tests in Rust have it: anything less would compile crates anew with
/// other features.
fn command_under_test(context: &mut Context) -> Result<PathBuf> {
  run(&mut context.rust.cargo(["test", "--workspace", "--profile", "fast", "--no-run"]))?;
  let name = format!("nexxo-under-test{}", std::env::consts::EXE_SUFFIX);
  Ok(target().join("fast").join(name))
}

fn browser(context: &mut Context) -> Result<Counts> {
  let chromium = setup::chromium()?;
  let page = context.page()?;
  let package = context.package()?;
  let command = command_under_test(context)?;
  test_files(
    &["tests/browser", "tests/page"],
    node()
      .env("NEXXO_BIN", command)
      .env("NEXXO_PKG_DIR", package.folder)
      .env("NEXXO_TARBALL", package.packed)
      .env("NEXXO_WWW_DIST", page)
      .env("NEXXO_CHROMIUM", chromium),
  )
}

/// Runs the test files of folders by Node's runner, one file after the other: each
/// of them keeps a core or a browser busy.
fn test_files(folders: &[&str], command: &mut Command) -> Result<Counts> {
  let files: Vec<PathBuf> =
    folders.iter().flat_map(|folder| files_in(&root().join(folder), ".test.mjs")).collect();
  if files.is_empty() {
    println!("There are no tests in {} yet.", folders.join(" and "));
    return Ok(Counts::default());
  }
  setup::npm_packages(&root(), pkg::NPM)?;
  let mut counts = Counts::default();
  command
    .args(["--test", "--test-reporter=spec", "--test-concurrency=1"])
    // A file that hangs must not hang everything.
    .arg("--test-timeout=900000")
    .args(files);
  let success = watch(command, |line| counts = counts.and(told_by_node(line)))?;
  Ok(counts.ended(success))
}

/// Of the lines that end a run: `ℹ pass 3`, `ℹ fail 0`, `ℹ cancelled 0`.
fn told_by_node(line: &str) -> Counts {
  let number = |name: &str| line.strip_prefix("ℹ ")?.strip_prefix(name)?.trim().parse().ok();
  let failed: usize = number("fail ").or_else(|| number("cancelled ")).unwrap_or(0);
  Counts { passed: number("pass ").unwrap_or(0), failed }
}

#[cfg(test)]
mod tests {
  use super::{Counts, told_by_cargo, told_by_node};

  #[test]
  fn counts_are_read_from_what_the_runners_print() {
    let result =
      "test result: FAILED. 12 passed; 3 failed; 0 ignored; 0 measured; finished in 0.1s";
    assert_eq!(told_by_cargo(result), Counts { passed: 12, failed: 3 });
    assert_eq!(told_by_cargo("test passes ... ok"), Counts::default());
    assert_eq!(told_by_node("ℹ pass 51"), Counts { passed: 51, failed: 0 });
    assert_eq!(told_by_node("ℹ fail 5"), Counts { passed: 0, failed: 5 });
    assert_eq!(told_by_node("ℹ cancelled 1"), Counts { passed: 0, failed: 1 });
    assert_eq!(told_by_node("✔ a pass 3"), Counts::default());
  }

  #[test]
  fn a_run_that_fails_without_a_count_is_a_failure() {
    assert_eq!(Counts::default().ended(false), Counts { passed: 0, failed: 1 });
    assert_eq!(Counts { passed: 2, failed: 3 }.ended(false), Counts { passed: 2, failed: 3 });
    assert_eq!(Counts::default().ended(true), Counts::default());
  }
}
