//! Puts output files in place: all of them or none, and without touching what
//! Nexxo did not write.
//!
//! Files are first written in full to a folder inside the output folder, so
//! that they are on the same file system, and then renamed one after the
//! other. What they replace is kept until the last one is in place and put
//! back when one cannot be. Files that are the same already stay as they are,
//! with their times, so that servers and other tools see real changes only.
//!
//! Which files were written is remembered outside of the output folder (see
//! [`record_folder`]), with their content's hash. A file of an earlier build
//! that is not written any more is removed if it still is what was written.

use std::{
  collections::BTreeMap,
  ffi::OsStr,
  fs, io,
  path::{Component, Path, PathBuf},
};

use nexxo::protocol::{Diagnostic, OutputFile};
use rayon::iter::{IndexedParallelIterator, IntoParallelRefIterator, ParallelIterator};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use crate::message::{
  io_problem, not_written, out_dir_holds_project, output_in_the_way, unusable_output_name,
};

/// Begins the name of what is not in its place yet.
pub(crate) const STAGING_PREFIX: &str = ".nexxo-";

/// What a write did.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Written {
  /// How many files are new or have other contents than before.
  pub(crate) changed: usize,
  /// Files of earlier builds that are gone now, relative to the output folder.
  pub(crate) removed: Vec<String>,
}

/// A folder that output goes to.
#[derive(Debug)]
pub(crate) struct OutputFolder {
  /// The real path; it need not exist yet.
  path: PathBuf,
  record: PathBuf,
}

/// What was written, so that a later build knows what is its to remove.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Record {
  version: u32,
  /// By name; the hash of what was written, in hexadecimal.
  files: BTreeMap<String, String>,
}

const RECORD_VERSION: u32 = 1;

impl OutputFolder {
  /// Checks that output may go to `dir`.
  ///
  /// # Errors
  /// `OUT_DIR_HOLDS_PROJECT` where it is the project's folder or above it.
  pub(crate) fn open(dir: &Path, project: &Path) -> Result<Self, Diagnostic> {
    let path = real_path_of(dir);
    if project.starts_with(&path) {
      return Err(out_dir_holds_project(&path));
    }
    let key = xxh3_128(path.as_os_str().as_encoded_bytes());
    let record = record_folder(project).join(format!("output-{key:032x}.json"));
    Ok(Self { path, record })
  }

  /// Where output goes; the real path.
  pub(crate) fn path(&self) -> &Path {
    &self.path
  }

  /// Writes `files` and removes what earlier builds wrote and this one does not.
  ///
  /// # Errors
  /// `OUTPUT_NOT_WRITTEN` or `OUTPUT_OUTSIDE_DIR`; then every file is as before.
  pub(crate) fn write(
    &self,
    files: &[OutputFile],
    keep_stale: bool,
  ) -> Result<Written, Diagnostic> {
    if let Some(file) = files.iter().find(|file| !is_plain(&file.file_name)) {
      return Err(unusable_output_name(&file.file_name));
    }
    create_folder(&self.path)?;
    let record = RecordFile::lock(&self.record);
    if record.file.is_some() {
      // The lock is ours, so whoever left these is gone.
      remove_leftovers(&self.path);
    }

    let new: Vec<&OutputFile> = files
      .par_iter()
      .filter(|file| !holds(&self.path.join(&file.file_name), &file.contents))
      .collect();
    for file in &new {
      self.check_place(&file.file_name)?;
    }
    if !new.is_empty() {
      let staging = self.path.join(format!("{STAGING_PREFIX}{}", std::process::id()));
      create_folder(&staging)?;
      let placed = self.stage_and_place(&new, &staging);
      // What is left in it is a copy of what was replaced, or of what was not placed.
      if let Err(error) = fs::remove_dir_all(&staging) {
        tracing::warn!(%error, folder = %staging.display(), "could not be removed");
      }
      placed?;
    }

    let mut written = Written { changed: new.len(), removed: Vec::new() };
    let mut current: BTreeMap<String, String> =
      files.par_iter().map(|file| (file.file_name.clone(), hash(&file.contents))).collect();
    for (name, hash_before) in record.before.files.clone() {
      if current.contains_key(&name) || !is_plain(&name) {
        continue;
      }
      if keep_stale {
        current.insert(name, hash_before);
      } else if self.remove_stale(&name, &hash_before) {
        written.removed.push(name);
      }
    }
    record.save(Record { version: RECORD_VERSION, files: current });
    Ok(written)
  }

  /// Refuses a place that is taken by something else than a file, or that
  /// a link in the output folder would lead elsewhere.
  fn check_place(&self, name: &str) -> Result<(), Diagnostic> {
    let mut place = self.path.clone();
    let mut components = Path::new(name).components().peekable();
    while let Some(component) = components.next() {
      place.push(component);
      let is_last = components.peek().is_none();
      let kind = match fs::symlink_metadata(&place) {
        Ok(metadata) => metadata.file_type(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(not_written(&place, &io_problem(&error))),
      };
      if is_last && kind.is_dir() {
        return Err(output_in_the_way(&place, "a folder"));
      }
      if !is_last && kind.is_symlink() {
        return Err(output_in_the_way(&place, "a link to another folder"));
      }
      if !is_last && !kind.is_dir() {
        return Err(output_in_the_way(&place, "a file"));
      }
    }
    Ok(())
  }

  fn stage_and_place(&self, files: &[&OutputFile], staging: &Path) -> Result<(), Diagnostic> {
    files.par_iter().enumerate().try_for_each(|(index, file)| {
      let place = self.path.join(&file.file_name);
      fs::write(staging.join(format!("new-{index}")), &file.contents)
        .map_err(|error| not_written(&place, &io_problem(&error)))
    })?;
    let mut undo = Undo::default();
    for (index, file) in files.iter().enumerate() {
      let place = self.path.join(&file.file_name);
      let new = staging.join(format!("new-{index}"));
      let old = staging.join(format!("old-{index}"));
      undo
        .make_parents(&self.path, &place)
        .and_then(|()| undo.replace(&place, &new, old))
        .map_err(|error| not_written(&place, &io_problem(&error)))?;
    }
    undo.forget();
    Ok(())
  }

  /// Removes a file if it is what was written, and the folders it leaves empty.
  fn remove_stale(&self, name: &str, hash_before: &str) -> bool {
    let place = self.path.join(name);
    // Not through a link: what it leads to is not ours.
    if self.check_place(name).is_err()
      || !fs::symlink_metadata(&place).is_ok_and(|metadata| metadata.is_file())
      || !fs::read(&place).is_ok_and(|contents| hash(&contents) == hash_before)
      || fs::remove_file(&place).is_err()
    {
      return false;
    }
    let parents = place.ancestors().skip(1).take_while(|parent| *parent != self.path);
    for parent in parents {
      // It fails where something else is in it, which is as it should be.
      if fs::remove_dir(parent).is_err() {
        break;
      }
    }
    true
  }
}

/// Files put in place so far. Dropped before [`Undo::forget`] it puts
/// everything back as it was.
#[derive(Default)]
struct Undo {
  folders: Vec<PathBuf>,
  /// Each place, and where the file that was there is kept, if one was.
  places: Vec<(PathBuf, Option<PathBuf>)>,
}

impl Undo {
  fn make_parents(&mut self, root: &Path, place: &Path) -> io::Result<()> {
    let missing: Vec<&Path> =
      place.ancestors().skip(1).take_while(|parent| *parent != root && !parent.exists()).collect();
    for folder in missing.into_iter().rev() {
      fs::create_dir(folder)?;
      self.folders.push(folder.to_path_buf());
    }
    Ok(())
  }

  fn replace(&mut self, place: &Path, new: &Path, old: PathBuf) -> io::Result<()> {
    // A second name for the old file, so that the place is never empty.
    let kept = match fs::hard_link(place, &old).or_else(|error| match error.kind() {
      io::ErrorKind::NotFound => Err(error),
      // Not every file system has hard links.
      _ => fs::copy(place, &old).map(drop),
    }) {
      Ok(()) => Some(old),
      Err(error) if error.kind() == io::ErrorKind::NotFound => None,
      Err(error) => return Err(error),
    };
    fs::rename(new, place)?;
    self.places.push((place.to_path_buf(), kept));
    Ok(())
  }

  fn forget(mut self) {
    self.folders.clear();
    self.places.clear();
  }
}

impl Drop for Undo {
  fn drop(&mut self) {
    for (place, kept) in self.places.drain(..).rev() {
      let result = match kept {
        Some(old) => fs::rename(old, &place),
        None => fs::remove_file(&place),
      };
      if let Err(error) = result {
        tracing::error!(%error, file = %place.display(), "could not be put back");
      }
    }
    for folder in self.folders.drain(..).rev() {
      // Best effort: an empty folder harms nobody.
      let _ = fs::remove_dir(folder);
    }
  }
}

/// The record of an output folder, locked for as long as somebody writes there.
///
/// A record that cannot be kept costs the removal of stale files, nothing else.
struct RecordFile {
  file: Option<fs::File>,
  path: PathBuf,
  before: Record,
}

impl RecordFile {
  fn lock(path: &Path) -> Self {
    let opened = path.parent().map_or(Ok(()), make_record_folder).and_then(|()| {
      let file =
        fs::File::options().read(true).write(true).create(true).truncate(false).open(path)?;
      file.lock()?;
      Ok(file)
    });
    let file = opened
      .inspect_err(|error| tracing::warn!(%error, file = %path.display(), "cannot be kept"))
      .ok();
    let before = file
      .as_ref()
      .and_then(|file| io::read_to_string(file).ok())
      .and_then(|text| serde_json::from_str::<Record>(&text).ok())
      .filter(|record| record.version == RECORD_VERSION)
      .unwrap_or_default();
    Self { file, path: path.to_path_buf(), before }
  }

  /// Writes in place, because the lock is on this very file. A record that is
  /// cut off in the middle reads as none.
  fn save(mut self, record: Record) {
    use io::{Seek, Write};
    let Some(file) = &mut self.file else { return };
    let saved = serde_json::to_vec_pretty(&record).map_err(io::Error::from).and_then(|text| {
      file.set_len(0)?;
      file.rewind()?;
      file.write_all(&text)
    });
    if let Err(error) = saved {
      tracing::warn!(%error, file = %self.path.display(), "cannot be kept");
    }
  }
}

/// Where Nexxo keeps what it has to remember of a project: with the other
/// tools' in `node_modules/.cache` where there is a `node_modules`, otherwise
/// in `.nexxo`.
pub(crate) fn record_folder(project: &Path) -> PathBuf {
  let packages = project.join("node_modules");
  if packages.is_dir() { packages.join(".cache/nexxo") } else { project.join(".nexxo") }
}

fn make_record_folder(folder: &Path) -> io::Result<()> {
  if folder.is_dir() {
    return Ok(());
  }
  fs::create_dir_all(folder)?;
  if folder.file_name() == Some(OsStr::new(".nexxo")) {
    // Nobody wants to have it in a repository.
    fs::write(folder.join(".gitignore"), "*\n")?;
  }
  Ok(())
}

/// Writes one file of its own, such as the metafile, whole or not at all.
///
/// # Errors
/// `OUTPUT_NOT_WRITTEN`.
pub(crate) fn write_file(path: &Path, contents: &[u8]) -> Result<(), Diagnostic> {
  if holds(path, contents) {
    return Ok(());
  }
  let failed = |error: io::Error| not_written(path, &io_problem(&error));
  let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
    return Err(output_in_the_way(path, "a folder"));
  };
  create_folder(folder)?;
  let temporary =
    folder.join(format!(".{}{STAGING_PREFIX}{}", name.to_string_lossy(), std::process::id()));
  fs::write(&temporary, contents).and_then(|()| fs::rename(&temporary, path)).map_err(|error| {
    let _ = fs::remove_file(&temporary);
    failed(error)
  })
}

/// The real path of what exists of `path`, with the rest of it.
fn real_path_of(path: &Path) -> PathBuf {
  let mut normal = PathBuf::new();
  for component in path.components() {
    match component {
      Component::ParentDir => {
        normal.pop();
      }
      Component::CurDir => {}
      component => normal.push(component),
    }
  }
  let real = normal.ancestors().find_map(|existing| {
    let real = fs::canonicalize(existing).ok()?;
    let rest = normal.strip_prefix(existing).ok()?;
    Some(if rest.as_os_str().is_empty() { real } else { real.join(rest) })
  });
  real.unwrap_or(normal)
}

fn create_folder(path: &Path) -> Result<(), Diagnostic> {
  fs::create_dir_all(path).map_err(|error| match error.kind() {
    io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => {
      output_in_the_way(path, "no folder")
    }
    _ => not_written(path, &io_problem(&error)),
  })
}

fn remove_leftovers(folder: &Path) {
  let entries = fs::read_dir(folder).into_iter().flatten().flatten();
  for entry in entries {
    let is_ours = entry.file_name().to_str().is_some_and(|name| {
      let id = name.strip_prefix(STAGING_PREFIX).unwrap_or_default();
      !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit())
    });
    if is_ours && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
      let _ = fs::remove_dir_all(entry.path());
    }
  }
}

/// Whether a file is a regular one with exactly these contents.
fn holds(path: &Path, contents: &[u8]) -> bool {
  fs::symlink_metadata(path)
    .is_ok_and(|metadata| metadata.is_file() && metadata.len() == contents.len() as u64)
    && fs::read(path).is_ok_and(|bytes| bytes == contents)
}

fn hash(contents: &[u8]) -> String {
  format!("{:032x}", xxh3_128(contents))
}

/// Whether a name stays below the folder it is joined to, on any system.
fn is_plain(name: &str) -> bool {
  !name.is_empty()
    && !name.ends_with('/')
    && !name.contains(['\\', '\0'])
    && !name.starts_with(STAGING_PREFIX)
    && Path::new(name).components().all(|part| matches!(part, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
  use std::{fs, os::unix::fs::symlink, path::Path};

  use nexxo::protocol::{OutputFile, OutputKind};

  use super::{OutputFolder, Undo, Written};

  fn file(name: &str, contents: &str) -> OutputFile {
    OutputFile {
      kind: OutputKind::Chunk,
      is_entry: true,
      ..OutputFile::asset(name.to_owned(), contents.as_bytes().to_vec())
    }
  }

  fn tree(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
      let name = entry.file_name().into_string().unwrap();
      if entry.file_type().unwrap().is_dir() {
        let inside = tree(&entry.path());
        found.extend(inside.iter().map(|inner| format!("{name}/{inner}")));
        if inside.is_empty() {
          found.push(format!("{name}/"));
        }
      } else {
        found.push(name);
      }
    }
    found.sort();
    found
  }

  #[test]
  fn only_what_was_written_is_removed() {
    let project = tempfile::tempdir().unwrap();
    let root = project.path().canonicalize().unwrap();
    let dist = root.join("dist");
    let folder = OutputFolder::open(&dist, &root).unwrap();
    folder
      .write(&[file("a.js", "a"), file("sub/b.js", "b"), file("sub/c.js", "c")], false)
      .unwrap();
    fs::write(dist.join("mine.txt"), "mine").unwrap();
    fs::write(dist.join("sub/c.js"), "changed by hand").unwrap();
    let modified = fs::metadata(dist.join("a.js")).unwrap().modified().unwrap();
    let written = folder.write(&[file("a.js", "a")], false).unwrap();
    assert_eq!(written, Written { changed: 0, removed: vec!["sub/b.js".into()] });
    assert_eq!(tree(&dist), ["a.js", "mine.txt", "sub/c.js"]);
    assert_eq!(fs::metadata(dist.join("a.js")).unwrap().modified().unwrap(), modified);

    folder.write(&[file("x/y/z.js", "z")], true).unwrap();
    assert_eq!(tree(&dist), ["a.js", "mine.txt", "sub/c.js", "x/y/z.js"]);
    let written = folder.write(&[file("d.js", "d")], false).unwrap();
    assert_eq!(written.removed, ["a.js", "x/y/z.js"]);
    assert_eq!(tree(&dist), ["d.js", "mine.txt", "sub/c.js"]);
  }

  #[test]
  fn a_write_that_fails_changes_nothing() {
    let project = tempfile::tempdir().unwrap();
    let root = project.path().canonicalize().unwrap();
    let dist = root.join("dist");
    let folder = OutputFolder::open(&dist, &root).unwrap();
    folder.write(&[file("a.js", "old"), file("b.js", "old")], false).unwrap();
    fs::create_dir(dist.join("c.js")).unwrap();
    let failed = folder.write(&[file("a.js", "new"), file("c.js", "new")], false).unwrap_err();
    assert_eq!(failed.code, "OUTPUT_NOT_WRITTEN");
    assert_eq!(tree(&dist), ["a.js", "b.js", "c.js/"]);
    assert_eq!(fs::read_to_string(dist.join("a.js")).unwrap(), "old");

    // Also where the mishap comes when some files are in place already.
    let staging = root.join("staging");
    fs::create_dir(&staging).unwrap();
    fs::write(staging.join("new"), "new").unwrap();
    let mut undo = Undo::default();
    undo.make_parents(&dist, &dist.join("x/y.js")).unwrap();
    undo.replace(&dist.join("a.js"), &staging.join("new"), staging.join("old")).unwrap();
    assert_eq!(fs::read_to_string(dist.join("a.js")).unwrap(), "new");
    drop(undo);
    assert_eq!(fs::read_to_string(dist.join("a.js")).unwrap(), "old");
    assert_eq!(tree(&dist), ["a.js", "b.js", "c.js/"]);
  }

  #[test]
  fn links_and_names_lead_nowhere_else() {
    let project = tempfile::tempdir().unwrap();
    let root = project.path().canonicalize().unwrap();
    let (dist, other) = (root.join("dist"), root.join("other"));
    fs::create_dir(&dist).unwrap();
    fs::create_dir(&other).unwrap();
    fs::write(other.join("a.js"), "theirs").unwrap();
    symlink(&other, dist.join("linked")).unwrap();
    symlink(other.join("a.js"), dist.join("b.js")).unwrap();
    let folder = OutputFolder::open(&dist, &root).unwrap();
    for name in
      ["linked/a.js", "../a.js", "/a.js", "a//../../b.js", "", "a\\b.js", "a/", ".nexxo-1/x"]
    {
      assert!(folder.write(&[file(name, "ours")], false).is_err(), "{name:?}");
    }
    folder.write(&[file("b.js", "ours")], false).unwrap();
    assert_eq!(fs::read_to_string(other.join("a.js")).unwrap(), "theirs");
    assert_eq!(fs::read_to_string(dist.join("b.js")).unwrap(), "ours");
  }

  #[test]
  fn the_project_is_no_output_folder() {
    let project = tempfile::tempdir().unwrap();
    let root = project.path().canonicalize().unwrap();
    fs::create_dir(root.join("app")).unwrap();
    symlink(&root, root.join("app/up")).unwrap();
    for dir in ["app", ".", "app/..", "app/up", "app/up/app", "/"] {
      let refused = OutputFolder::open(&root.join(dir), &root.join("app")).unwrap_err();
      assert_eq!(refused.code, "OUT_DIR_HOLDS_PROJECT", "{dir}");
    }
    assert!(OutputFolder::open(&root.join("app-dist"), &root.join("app")).is_ok());
  }
}
