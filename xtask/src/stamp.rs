//! Whether a step's inputs are what they were when it last ran: a stamp is a hash
//! of contents and names, kept in a file beside the other scratch.

use std::collections::hash_map::DefaultHasher;
use std::ffi::OsStr;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};

use crate::Result;
use crate::run::{at, make_folder, scratch, step, unchanged};

/// Collects what a step depends on.
#[derive(Default)]
pub(crate) struct Inputs(DefaultHasher);

impl Inputs {
  /// A word that the result depends on, such as a version or a flag.
  pub(crate) fn word(mut self, word: impl Hash) -> Self {
    word.hash(&mut self.0);
    self
  }

  /// A file, or a folder with everything in it but what is installed, built or hidden.
  pub(crate) fn path(mut self, path: &Path) -> Result<Self> {
    self.add(path)?;
    Ok(self)
  }

  pub(crate) fn paths<'a>(mut self, paths: impl IntoIterator<Item = &'a PathBuf>) -> Result<Self> {
    for path in paths {
      self.add(path)?;
    }
    Ok(self)
  }

  fn add(&mut self, path: &Path) -> Result {
    path.hash(&mut self.0);
    if path.is_dir() {
      let mut entries = at(path, fs::read_dir(path))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<Vec<_>>>()
        .map_err(|error| format!("{}: {error}.", path.display()))?;
      entries.sort();
      for entry in entries {
        let name = entry.file_name().and_then(OsStr::to_str).unwrap_or_default();
        if !matches!(name, "node_modules" | "dist") && !name.starts_with('.') {
          self.add(&entry)?;
        }
      }
    } else if path.exists() {
      at(path, fs::read(path))?.hash(&mut self.0);
    }
    Ok(())
  }
}

/// The record of a step: with which inputs it last ended well.
pub(crate) struct Stamp {
  file: PathBuf,
  wanted: String,
  result: PathBuf,
}

impl Stamp {
  pub(crate) fn new(what: &str, inputs: &Inputs, result: &Path) -> Self {
    let mut hasher = DefaultHasher::new();
    (what, result).hash(&mut hasher);
    Stamp {
      file: scratch().join("stamps").join(format!("{:016x}", hasher.finish())),
      wanted: format!("{:016x}", inputs.0.finish()),
      result: result.to_owned(),
    }
  }

  /// Whether the step needs no run.
  pub(crate) fn holds(&self) -> bool {
    self.result.exists() && fs::read_to_string(&self.file).is_ok_and(|found| found == self.wanted)
  }

  /// Runs the step; one that is interrupted is left without a stamp. Where another
  /// task is at it, that one is waited for, and the step is not done twice.
  pub(crate) fn after(&self, work: impl FnOnce() -> Result) -> Result {
    make_folder(self.file.parent().unwrap_or(Path::new(".")))?;
    let path = self.file.with_extension("lock");
    let lock = at(&path, fs::File::create(&path))?;
    if lock.try_lock().is_err() {
      println!("  Another task is doing this: waiting for it.");
      at(&path, lock.lock())?;
      if self.holds() {
        return Ok(());
      }
    }
    let _ = fs::remove_file(&self.file);
    work()?;
    at(&self.file, fs::write(&self.file, &self.wanted))
  }
}

/// Runs a step unless its inputs are as they were and its result is still there.
pub(crate) fn step_if_changed(
  what: &str,
  inputs: &Inputs,
  result: &Path,
  work: impl FnOnce() -> Result,
) -> Result {
  let stamp = Stamp::new(what, inputs, result);
  if stamp.holds() {
    unchanged(what);
    return Ok(());
  }
  step(what, || stamp.after(work))
}
