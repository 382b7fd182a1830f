//! The immutable view of all sources that a build reads: what the resolver
//! and rolldown see.
//!
//! [`Sources`] is what an embedder edits; [`Sources::snapshot`] freezes it for
//! the price of a pointer. Natively a snapshot stands before a folder of the
//! disk, behind the same [`SourceView`] interface.

use std::{
  borrow::Cow,
  collections::BTreeSet,
  fmt, io,
  path::{Path, PathBuf},
  sync::{Arc, Mutex, PoisonError, RwLock},
};

pub use rolldown_fs::{FileMetadata, SourceView};
use rustc_hash::{FxHashMap, FxHashSet};
use tokio_util::sync::CancellationToken;

use crate::{
  diagnostic::{
    cancelled, file_too_large, invalid_path, nesting_too_deep, not_utf8, unknown_module_type,
  },
  nesting,
  protocol::Diagnostic,
};

/// Brings a path to the one form that the engine uses: absolute from the
/// project's root `/`, `/`-separated, no `.`, `..` or empty segment.
///
/// # Errors
/// `INVALID_PATH` for a path that is empty, climbs above the root, or has a
/// character that some system cannot keep in a file name.
pub fn normalize_path(path: &str) -> Result<String, Diagnostic> {
  if path.is_empty() {
    return Err(invalid_path(path, "it is empty"));
  }
  if path.contains('\0') {
    return Err(invalid_path(path, "it has a NUL character"));
  }
  if path.contains('\\') {
    return Err(invalid_path(path, "it has a backslash"));
  }
  let mut segments: Vec<&str> = Vec::new();
  for segment in path.split('/') {
    match segment {
      "" | "." => {}
      ".." => {
        if segments.pop().is_none() {
          return Err(invalid_path(path, "it leaves the project's root"));
        }
      }
      _ if segment.len() > 255 => {
        return Err(invalid_path(path, "a segment is longer than 255 bytes"));
      }
      _ => segments.push(segment),
    }
  }
  Ok(format!("/{}", segments.join("/")))
}

/// A project's files in memory.
///
/// Paths are normalised once, on the way in. Contents are bytes, exactly as
/// given. Has no symbolic links, no times and no permissions.
#[derive(Debug, Default, Clone)]
pub struct Sources {
  tree: Arc<Tree>,
}

#[derive(Debug, Default, Clone)]
struct Tree {
  files: FxHashMap<Arc<str>, Arc<[u8]>>,
  /// Every folder with the names in it; folders exist as long as they hold a file.
  folders: FxHashMap<Arc<str>, FxHashSet<Arc<str>>>,
}

impl Sources {
  /// Creates or replaces a file.
  ///
  /// # Errors
  /// `INVALID_PATH` where [`normalize_path`] refuses the path, where it names a
  /// folder, or where one of its folders is a file.
  pub fn write(&mut self, path: &str, contents: impl Into<Arc<[u8]>>) -> Result<(), Diagnostic> {
    let normal = normalize_path(path)?;
    if normal == "/" || self.tree.folders.contains_key(normal.as_str()) {
      return Err(invalid_path(path, "it names a folder"));
    }
    for (at, _) in normal.match_indices('/').skip(1) {
      if self.tree.files.contains_key(&normal[..at]) {
        return Err(invalid_path(path, &format!("`{}` is a file", &normal[1..at])));
      }
    }
    let tree = Arc::make_mut(&mut self.tree);
    let normal: Arc<str> = normal.into();
    if tree.files.insert(Arc::clone(&normal), contents.into()).is_none() {
      let mut child = Arc::clone(&normal);
      while let Some((parent, _)) = child.rsplit_once('/') {
        let key = if parent.is_empty() { "/" } else { parent };
        let first = !tree.folders.contains_key(key);
        let names = tree.folders.entry(key.into()).or_default();
        names.insert(Arc::clone(&child));
        if !first || key == "/" {
          break;
        }
        child = key.into();
      }
    }
    Ok(())
  }

  /// Removes a file, or a folder with all below it. Says whether there was one.
  pub fn remove(&mut self, path: &str) -> bool {
    let Ok(normal) = normalize_path(path) else { return false };
    let mut doomed = Vec::new();
    if self.tree.files.contains_key(normal.as_str()) {
      doomed.push(Arc::from(normal));
    } else if self.tree.folders.contains_key(normal.as_str()) {
      let below = if normal == "/" { "/".to_owned() } else { format!("{normal}/") };
      doomed.extend(self.tree.files.keys().filter(|path| path.starts_with(&below)).cloned());
    }
    let tree = Arc::make_mut(&mut self.tree);
    for path in &doomed {
      tree.files.remove(path);
      let mut child: Arc<str> = Arc::clone(path);
      while let Some((parent, _)) = child.rsplit_once('/') {
        let key: Arc<str> = if parent.is_empty() { "/".into() } else { parent.into() };
        let Some(names) = tree.folders.get_mut(&key) else { break };
        names.remove(&child);
        if !names.is_empty() {
          break;
        }
        tree.folders.remove(&key);
        if &*key == "/" {
          break;
        }
        child = key;
      }
    }
    !doomed.is_empty()
  }

  /// The contents of a file.
  pub fn get(&self, path: &str) -> Option<&[u8]> {
    self.tree.files.get(normalize_path(path).ok()?.as_str()).map(|contents| &**contents)
  }

  /// The paths of all files, sorted.
  pub fn paths(&self) -> Vec<&str> {
    let mut paths: Vec<&str> = self.tree.files.keys().map(|path| &**path).collect();
    paths.sort_unstable();
    paths
  }

  /// Freezes the files as they are now.
  pub fn snapshot(&self) -> Snapshot {
    Snapshot::new(Arc::new(Frozen(Arc::clone(&self.tree))))
  }

  /// What differs from an earlier state of the same files.
  pub fn changes_since(&self, earlier: &Sources) -> Changes {
    let (new, old) = (&self.tree, &earlier.tree);
    if Arc::ptr_eq(new, old) {
      return Changes::default();
    }
    let mut changes = Changes::default();
    #[expect(clippy::iter_over_hash_type, reason = "the lists are sorted below")]
    for (path, contents) in &new.files {
      match old.files.get(path) {
        None => changes.added.push(path.to_string()),
        Some(before) if !Arc::ptr_eq(before, contents) && before != contents => {
          changes.modified.push(path.to_string());
        }
        Some(_) => {}
      }
    }
    changes.removed.extend(
      old.files.keys().filter(|path| !new.files.contains_key(*path)).map(|path| path.to_string()),
    );
    for list in [&mut changes.added, &mut changes.modified, &mut changes.removed] {
      list.sort_unstable();
    }
    changes
  }
}

/// What an edit did to the files: normalised paths, each list sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
  pub added: Vec<String>,
  pub modified: Vec<String>,
  pub removed: Vec<String>,
}

impl Changes {
  pub fn is_empty(&self) -> bool {
    self.added.is_empty() && self.modified.is_empty() && self.removed.is_empty()
  }

  /// Every path, sorted.
  pub fn paths(&self) -> Vec<String> {
    let mut paths = [self.added.as_slice(), &self.modified, &self.removed].concat();
    paths.sort_unstable();
    paths
  }
}

#[derive(Debug)]
struct Frozen(Arc<Tree>);

impl Frozen {
  /// rolldown and the resolver hand over normalised paths, almost always.
  fn key(path: &Path) -> io::Result<Cow<'_, str>> {
    let text = path.to_str().ok_or(io::ErrorKind::InvalidInput)?;
    if text.starts_with('/') && !text.ends_with('/') && !text.contains("/.") && !text.contains("//")
    {
      return Ok(Cow::Borrowed(text));
    }
    normalize_path(text).map(Cow::Owned).map_err(|_| io::ErrorKind::NotFound.into())
  }
}

impl SourceView for Frozen {
  fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
    let key = Self::key(path)?;
    self.0.files.get(&*key).map(|contents| contents.to_vec()).ok_or_else(|| {
      let is_folder = self.0.folders.contains_key(&*key);
      (if is_folder { io::ErrorKind::IsADirectory } else { io::ErrorKind::NotFound }).into()
    })
  }

  fn metadata(&self, path: &Path) -> io::Result<FileMetadata> {
    let key = Self::key(path)?;
    if self.0.files.contains_key(&*key) {
      Ok(FileMetadata::new(true, false, false))
    } else if self.0.folders.contains_key(&*key) || &*key == "/" {
      Ok(FileMetadata::new(false, true, false))
    } else {
      Err(io::ErrorKind::NotFound.into())
    }
  }

  fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
    self.metadata(path)?;
    Ok(PathBuf::from(&*Self::key(path)?))
  }

  fn read_dir(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
    let names = self.0.folders.get(&*Self::key(path)?).ok_or(io::ErrorKind::NotFound)?;
    let mut paths: Vec<PathBuf> = names.iter().map(|path| PathBuf::from(&**path)).collect();
    paths.sort_unstable();
    Ok(paths)
  }
}

/// All sources as one build sees them.
#[derive(Debug, Clone)]
pub struct Snapshot(Arc<dyn SourceView>);

impl Snapshot {
  /// Takes a view whose answers do not change any more.
  pub fn new(view: Arc<dyn SourceView>) -> Self {
    Self(view)
  }

  /// The view itself.
  pub fn view(&self) -> &dyn SourceView {
    &*self.0
  }

  /// A file's text, where there is one and it is text.
  pub fn text(&self, path: &Path) -> Option<String> {
    self.0.read_to_string(path).ok().map(without_mark)
  }

  /// A file's bytes.
  pub fn bytes(&self, path: &Path) -> Option<Vec<u8>> {
    self.0.read(path).ok()
  }

  /// Whether a path names a file.
  pub fn is_file(&self, path: &Path) -> bool {
    self.0.metadata(path).is_ok_and(FileMetadata::is_file)
  }

  /// Whether a path names a folder.
  pub fn is_folder(&self, path: &Path) -> bool {
    self.0.metadata(path).is_ok_and(FileMetadata::is_dir)
  }

  /// The names in a folder, sorted; none where there is no such folder.
  pub fn names_in(&self, folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = self
      .0
      .read_dir(folder)
      .unwrap_or_default()
      .iter()
      .filter_map(|path| path.file_name()?.to_str().map(str::to_owned))
      .collect();
    names.sort_unstable();
    names
  }
}

/// Bounds on one source file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileLimits {
  pub(crate) max_file_size: u64,
  pub(crate) max_nesting: u32,
  /// The extensions that `moduleTypes` names, without their dots.
  pub(crate) named_types: BTreeSet<String>,
}

/// The extensions whose contents are known, and those that packages have for scripts.
const KNOWN_TYPES: [&str; 15] = [
  "js", "mjs", "cjs", "jsx", "ts", "mts", "cts", "tsx", "json", "txt", "es", "es6", "esm", "jsm",
  "jsonc",
];

/// What stands between rolldown and the snapshot: refuses files over the
/// limits, ends a build that is stopped, and lets a context move on to a newer
/// snapshot.
///
/// rolldown keeps its file system for as long as a bundler lives, so the
/// snapshot behind it is replaced between builds, never during one.
pub(crate) struct GuardedView {
  limits: FileLimits,
  state: RwLock<ViewState>,
  /// With whether a message of rolldown's was found to stand for it.
  failures: Mutex<Vec<(Diagnostic, bool)>>,
  /// What plugins said is external, in this build or an earlier one.
  externals: Mutex<FxHashSet<String>>,
}

struct ViewState {
  snapshot: Snapshot,
  stop: CancellationToken,
}

impl fmt::Debug for GuardedView {
  fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.debug_struct("GuardedView").field("limits", &self.limits).finish_non_exhaustive()
  }
}

/// What rolldown is told instead of a diagnostic, which it would take apart.
const MARK: &str = "[[nexxo:";

impl GuardedView {
  pub(crate) fn new(snapshot: Snapshot, limits: FileLimits) -> Self {
    let state = ViewState { snapshot, stop: CancellationToken::new() };
    Self {
      limits,
      state: RwLock::new(state),
      failures: Mutex::default(),
      externals: Mutex::default(),
    }
  }

  /// Begins a build over a snapshot, which ends early when `stop` is cancelled.
  pub(crate) fn begin(&self, snapshot: Snapshot, stop: CancellationToken) {
    *self.state.write().unwrap_or_else(PoisonError::into_inner) = ViewState { snapshot, stop };
    self.failures().clear();
  }

  /// The view of a build within this one: it sees the same, and ends with it, but fails by itself.
  pub(crate) fn within(&self) -> Self {
    let view = Self::new(self.snapshot(), self.limits.clone());
    view.begin(self.snapshot(), self.stop());
    view
  }

  pub(crate) fn snapshot(&self) -> Snapshot {
    self.state().snapshot.clone()
  }

  pub(crate) fn stop(&self) -> CancellationToken {
    self.state().stop.clone()
  }

  /// Keeps a diagnostic, and gives the error that stands for it on its way through rolldown.
  pub(crate) fn fail(&self, diagnostic: Diagnostic) -> anyhow::Error {
    anyhow::anyhow!("{}", self.mark(diagnostic))
  }

  /// The error of whatever goes on after the build was stopped. Nobody sees it.
  pub(crate) fn stopped(&self) -> anyhow::Error {
    self.fail(cancelled())
  }

  /// The diagnostic that a text of rolldown's stands for, if it has a mark in it.
  pub(crate) fn failure_in(&self, text: &str) -> Option<Diagnostic> {
    let (_, rest) = text.split_once(MARK)?;
    let index: usize = rest.split(']').next()?.parse().ok()?;
    let mut failures = self.failures();
    let (diagnostic, claimed) = failures.get_mut(index)?;
    *claimed = true;
    Some(diagnostic.clone())
  }

  /// The diagnostics whose marks rolldown has lost.
  pub(crate) fn lost_failures(&self) -> Vec<Diagnostic> {
    let mut failures = self.failures();
    let lost = failures.iter_mut().filter(|(_, claimed)| !claimed);
    lost
      .map(|(diagnostic, claimed)| {
        *claimed = true;
        diagnostic.clone()
      })
      .collect()
  }

  pub(crate) fn note_external(&self, id: &str) {
    self.externals.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned());
  }

  pub(crate) fn is_external(&self, id: &str) -> bool {
    self.externals.lock().unwrap_or_else(PoisonError::into_inner).contains(id)
  }

  /// The `package.json` that a file belongs to.
  pub(crate) fn nearest_package_json(&self, id: &str) -> Option<String> {
    let snapshot = self.snapshot();
    let path = Path::new(id);
    if !path.has_root() || !snapshot.is_file(path) {
      return None;
    }
    path
      .ancestors()
      .skip(1)
      .map(|folder| folder.join("package.json"))
      .find(|manifest| snapshot.is_file(manifest))
      .and_then(|manifest| manifest.to_str().map(str::to_owned))
  }

  fn state(&self) -> std::sync::RwLockReadGuard<'_, ViewState> {
    self.state.read().unwrap_or_else(PoisonError::into_inner)
  }

  fn failures(&self) -> std::sync::MutexGuard<'_, Vec<(Diagnostic, bool)>> {
    self.failures.lock().unwrap_or_else(PoisonError::into_inner)
  }

  fn mark(&self, diagnostic: Diagnostic) -> String {
    let mut failures = self.failures();
    failures.push((diagnostic, false));
    format!("{MARK}{}]]", failures.len() - 1)
  }

  fn refuse(&self, diagnostic: Diagnostic) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, self.mark(diagnostic))
  }

  fn view(&self) -> Arc<dyn SourceView> {
    Arc::clone(&self.state().snapshot.0)
  }

  /// A file's text, whatever its extension says.
  ///
  /// # Errors
  /// `NOT_UTF8`, and those of [`SourceView::read`].
  pub(crate) fn text(&self, path: &Path) -> io::Result<String> {
    String::from_utf8(self.read(path)?)
      .map(without_mark)
      .map_err(|error| self.refuse(not_utf8(&shown(path), error.utf8_error().valid_up_to())))
  }

  /// Refuses a script that nests deeper than the limit. It is a part of a file's text.
  ///
  /// # Errors
  /// `NESTING_TOO_DEEP`.
  pub(crate) fn check_nesting(
    &self,
    path: &Path,
    text: &str,
    script: std::ops::Range<usize>,
  ) -> io::Result<()> {
    let (start, limit) = (script.start, self.limits.max_nesting);
    match text.get(script).and_then(|script| nesting::deeper_than(script, limit)) {
      None => Ok(()),
      Some(offset) => Err(self.refuse(nesting_too_deep(&shown(path), text, start + offset, limit))),
    }
  }
}

impl FileLimits {
  /// Whether `moduleTypes` says what the file holds: `.d.ts` and `.ts` both name `a.d.ts`.
  fn names(&self, path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.match_indices('.').any(|(at, _)| self.named_types.contains(&name[at + 1..]))
  }
}

/// A text without the byte order mark that some editors begin it with.
fn without_mark(mut text: String) -> String {
  if text.starts_with('\u{feff}') {
    text.drain(..'\u{feff}'.len_utf8());
  }
  text
}

/// A path as diagnostics show it.
pub(crate) fn shown(path: &Path) -> String {
  path.to_string_lossy().trim_start_matches('/').to_owned()
}

impl SourceView for GuardedView {
  fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
    let (view, stopped) = {
      let state = self.state();
      (Arc::clone(&state.snapshot.0), state.stop.is_cancelled())
    };
    if stopped {
      return Err(self.refuse(cancelled()));
    }
    let bytes = view.read(path)?;
    if bytes.len() as u64 > self.limits.max_file_size {
      let size = bytes.len() as u64;
      return Err(self.refuse(file_too_large(&shown(path), size, self.limits.max_file_size)));
    }
    Ok(bytes)
  }

  fn read_to_string(&self, path: &Path) -> io::Result<String> {
    let extension = path.extension().and_then(|extension| extension.to_str());
    if let Some(extension) = extension
      && !KNOWN_TYPES.contains(&extension)
      && !self.limits.names(path)
      && self.view().metadata(path).is_ok()
    {
      return Err(self.refuse(unknown_module_type(&shown(path), extension)));
    }
    let text = self.text(path)?;
    let is_script = extension.is_none_or(|extension| {
      matches!(extension, "js" | "mjs" | "cjs" | "jsx" | "ts" | "mts" | "cts" | "tsx" | "json")
    });
    if is_script {
      self.check_nesting(path, &text, 0..text.len())?;
    }
    Ok(text)
  }

  fn metadata(&self, path: &Path) -> io::Result<FileMetadata> {
    self.view().metadata(path)
  }

  fn symlink_metadata(&self, path: &Path) -> io::Result<FileMetadata> {
    self.view().symlink_metadata(path)
  }

  fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
    self.view().read_link(path)
  }

  fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
    self.view().canonicalize(path)
  }

  fn read_dir(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
    self.view().read_dir(path)
  }
}

#[cfg(test)]
mod tests {
  use std::path::Path;

  use super::{Changes, Sources, normalize_path};

  #[test]
  fn paths_have_one_form() {
    for (given, normal) in [
      ("src/a.ts", "/src/a.ts"),
      ("/src//./a.ts", "/src/a.ts"),
      ("./src/../a.ts/", "/a.ts"),
      ("__proto__/..x", "/__proto__/..x"),
      ("é/ü.ts", "/é/ü.ts"),
    ] {
      assert_eq!(normalize_path(given).as_deref(), Ok(normal));
    }
    for refused in ["", "..", "a/../../b", "/..", "a\\b", "a\0b"] {
      assert_eq!(normalize_path(refused).map_err(|d| d.code), Err("INVALID_PATH"), "{refused:?}");
    }
  }

  #[test]
  fn folders_come_and_go_with_their_files() {
    let mut sources = Sources::default();
    sources.write("a/b/c.ts", *b"1").unwrap();
    sources.write("a/b/d.ts", *b"2").unwrap();
    sources.write("a/e.ts", *b"3").unwrap();
    assert_eq!(sources.snapshot().names_in(Path::new("/a")), ["b", "e.ts"]);
    assert_eq!(sources.write("a/b", *b"").map_err(|d| d.code), Err("INVALID_PATH"));
    assert_eq!(sources.write("a/e.ts/f", *b"").map_err(|d| d.code), Err("INVALID_PATH"));
    assert!(sources.remove("a/b"));
    assert!(!sources.remove("a/b"));
    assert_eq!(sources.snapshot().names_in(Path::new("/a")), ["e.ts"]);
    assert_eq!(sources.paths(), ["/a/e.ts"]);
    assert!(sources.remove("a/e.ts"));
    assert!(sources.snapshot().names_in(Path::new("/")).is_empty());
    sources.write("a", *b"a file now").unwrap();
    assert!(sources.remove("/"));
    assert!(sources.paths().is_empty());
  }

  #[test]
  fn a_snapshot_does_not_see_later_edits() {
    let mut sources = Sources::default();
    sources.write("a", *b"old").unwrap();
    let before = sources.clone();
    let snapshot = sources.snapshot();
    sources.write("a", *b"new").unwrap();
    sources.write("b", *b"more").unwrap();
    assert_eq!(snapshot.bytes(Path::new("/a")).as_deref(), Some(&b"old"[..]));
    assert!(!snapshot.is_file(Path::new("/b")));
    sources.remove("zzz");
    assert_eq!(
      sources.changes_since(&before),
      Changes { added: vec!["/b".into()], modified: vec!["/a".into()], removed: vec![] }
    );
    sources.write("a", *b"old").unwrap();
    sources.remove("b");
    assert!(sources.changes_since(&before).is_empty());
  }
}
