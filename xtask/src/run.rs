//! Running programs, and saying what runs and how long it took.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Write, stdout};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::Result;

/// The workspace's folder.
pub(crate) fn root() -> PathBuf {
  // Asked at run time first, because a folder can move with its `target/`.
  let own = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
  Path::new(&own).parent().map(Path::to_owned).unwrap_or_default()
}

/// Where everything built goes.
pub(crate) fn target() -> PathBuf {
  match env::var_os("CARGO_TARGET_DIR") {
    // Relative to where cargo was called, which is where this runs.
    Some(folder) if !folder.is_empty() => env::current_dir().unwrap_or_default().join(folder),
    _ => root().join("target"),
  }
}

/// Where these tasks keep what cargo does not: copies, stamps, packages.
pub(crate) fn scratch() -> PathBuf {
  target().join("xtask")
}

/// Says what is about to be done, does it, and says how long it took.
pub(crate) fn step<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
  let start = Instant::now();
  println!("▸ {what} …");
  let result = work();
  match &result {
    Ok(_) => println!("  {what}: {}", seconds(start.elapsed())),
    Err(_) => println!("  {what}: failed after {}", seconds(start.elapsed())),
  }
  result
}

/// Says that something was done before and still holds.
pub(crate) fn unchanged(what: &str) {
  println!("▸ {what}: nothing changed");
}

pub(crate) fn seconds(time: Duration) -> String {
  match time.as_secs() {
    whole @ 60.. => format!("{} min {:02} s", whole / 60, whole % 60),
    _ => format!("{:.1} s", time.as_secs_f64()),
  }
}

/// Runs a command with this terminal; that it fails is an error.
pub(crate) fn run(command: &mut Command) -> Result {
  let status = command.status().map_err(|error| unable(command, &error))?;
  if status.success() { Ok(()) } else { Err(format!("`{}` failed ({status}).", shown(command))) }
}

/// Becomes the command, so that who ends this task ends that and nothing is left over.
#[cfg(unix)]
pub(crate) fn hand_over(command: &mut Command) -> Result {
  use std::os::unix::process::CommandExt;
  let error = command.exec();
  Err(unable(command, &error))
}

/// There is no becoming another program here: runs it and waits.
#[cfg(not(unix))]
pub(crate) fn hand_over(command: &mut Command) -> Result {
  run(command)
}

/// Runs a command and gives what it printed; what it complains about is shown.
pub(crate) fn output(command: &mut Command) -> Result<String> {
  let output =
    command.stderr(Stdio::inherit()).output().map_err(|error| unable(command, &error))?;
  if output.status.success() {
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
  } else {
    Err(format!("`{}` failed ({}).", shown(command), output.status))
  }
}

/// What a command prints, or nothing where it is missing or fails. For asking around.
pub(crate) fn quiet(command: &mut Command) -> Option<String> {
  let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
  output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a command, shows each line that it prints, and hands the lines over too.
/// Gives whether the command succeeded.
pub(crate) fn watch(command: &mut Command, mut line: impl FnMut(&str)) -> Result<bool> {
  let mut child =
    command.stdout(Stdio::piped()).spawn().map_err(|error| unable(command, &error))?;
  let pipe = child.stdout.take().ok_or("A command without its output.")?;
  let mut reader = BufReader::new(pipe);
  let mut bytes = Vec::new();
  while reader.read_until(b'\n', &mut bytes).is_ok_and(|count| count > 0) {
    // Written whole lines at once, so that they do not mix with standard error.
    let _ = stdout().write_all(&bytes).and_then(|()| stdout().flush());
    line(String::from_utf8_lossy(&bytes).trim_end());
    bytes.clear();
  }
  let status = child.wait().map_err(|error| unable(command, &error))?;
  Ok(status.success())
}

/// Like [`run`], but not for longer than that.
pub(crate) fn run_within(command: &mut Command, limit: Duration) -> Result {
  let start = Instant::now();
  let mut child = command.stdin(Stdio::null()).spawn().map_err(|error| unable(command, &error))?;
  loop {
    match child.try_wait().map_err(|error| unable(command, &error))? {
      Some(status) if status.success() => return Ok(()),
      Some(status) => return Err(format!("`{}` failed ({status}).", shown(command))),
      None if start.elapsed() > limit => {
        let _ = child.kill();
        let _ = child.wait();
        return Err(format!("`{}` was stopped after {}.", shown(command), seconds(limit)));
      }
      None => thread::sleep(Duration::from_millis(100)),
    }
  }
}

/// A command as somebody would type it.
pub(crate) fn shown(command: &Command) -> String {
  let mut words = vec![command.get_program().to_string_lossy().into_owned()];
  words.extend(command.get_args().map(|word| match word.to_string_lossy() {
    word if word.contains([' ', '"', '\'']) => format!("{word:?}"),
    word => word.into_owned(),
  }));
  words.join(" ")
}

fn unable(command: &Command, error: &std::io::Error) -> String {
  format!("`{}` could not be run: {error}.", command.get_program().to_string_lossy())
}

/// Finds a program as the shell would.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
  let file = format!("{name}{}", env::consts::EXE_SUFFIX);
  env::split_paths(&env::var_os("PATH")?)
    .map(|folder| folder.join(&file))
    .find(|path| path.is_file())
}

pub(crate) fn node() -> Command {
  let mut command = Command::new("node");
  command.current_dir(root());
  command
}

pub(crate) fn npm(folder: &Path) -> Command {
  let mut command = Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" });
  command.current_dir(folder);
  command
}

/// TypeScript's compiler, as the lock file has it.
pub(crate) fn tsc(config: &str) -> Command {
  let mut command = node();
  command.arg(root().join("node_modules/typescript/bin/tsc")).args([
    "--noEmit",
    "--project",
    config,
  ]);
  command
}

/// A file error with its file.
pub(crate) fn at<T>(path: &Path, result: std::io::Result<T>) -> Result<T> {
  result.map_err(|error| format!("{}: {error}.", path.display()))
}

pub(crate) fn make_folder(path: &Path) -> Result {
  at(path, fs::create_dir_all(path))
}

/// An empty folder in the place of whatever was there.
pub(crate) fn fresh_folder(path: &Path) -> Result {
  remove(path)?;
  make_folder(path)
}

/// Removes a file or a folder that may be there.
pub(crate) fn remove(path: &Path) -> Result {
  let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
  match removed {
    Err(error) if error.kind() != std::io::ErrorKind::NotFound => at(path, Err(error)),
    _ => Ok(()),
  }
}

pub(crate) fn copy(from: &Path, to: &Path) -> Result {
  at(from, fs::copy(from, to)).map(|_| ())
}

/// Copies a folder with everything in it; links become what they point to. Files
/// keep their times, so that cargo takes a copy that is made again for the same.
pub(crate) fn copy_folder(from: &Path, to: &Path) -> Result {
  make_folder(to)?;
  for entry in at(from, fs::read_dir(from))? {
    let path = at(from, entry)?.path();
    let Some(name) = path.file_name() else { continue };
    let copied = to.join(name);
    if path.is_dir() {
      copy_folder(&path, &copied)?;
    } else {
      at(&path, fs::read(&path).and_then(|contents| fs::write(&copied, contents)))?;
      at(&copied, keep_time(&path, &copied))?;
    }
  }
  Ok(())
}

/// Gives one file the time of another.
pub(crate) fn keep_time(from: &Path, to: &Path) -> std::io::Result<()> {
  fs::File::options().write(true).open(to)?.set_modified(fs::metadata(from)?.modified()?)
}

/// The files directly in a folder whose name ends so, sorted; none where there is no folder.
pub(crate) fn files_in(folder: &Path, ending: &str) -> Vec<PathBuf> {
  let mut files: Vec<PathBuf> = fs::read_dir(folder)
    .into_iter()
    .flatten()
    .flatten()
    .map(|entry| entry.path())
    .filter(|path| {
      path.file_name().and_then(OsStr::to_str).is_some_and(|name| name.ends_with(ending))
    })
    .collect();
  files.sort();
  files
}
