//! A folder of the disk as a [`SourceView`]: rooted, exact about upper and
//! lower case, and unchanging for as long as a build reads through it.
//!
//! A folder is listed once and then answers every question about the names in
//! it. The resolver asks mostly for files that do not exist (`./x`, `./x.tsx`,
//! `./x.ts`, …), so one listing takes the place of many calls to the system;
//! it makes a build see the folder as it was at one moment; and it tells `a.ts`
//! from `A.ts` on disks that do not, so that every machine resolves alike.
//! Contents are kept from their first reading on, so that an edit in the
//! middle of a build cannot show one half of it another file than the other.
//!
//! Links are followed as far as they stay below the root. One that leads out
//! is as good as broken; [`DiskView::refused_links`] remembers it.

use std::{
  borrow::Cow,
  collections::{BTreeMap, BTreeSet},
  ffi::{OsStr, OsString},
  fs,
  io::{self, Read},
  path::{Component, Path, PathBuf},
  sync::{Arc, Mutex, PoisonError},
  time::{Duration, SystemTime},
};

use dashmap::DashMap;
use nexxo::snapshot::{Changes, FileMetadata, SourceView};
use rustc_hash::{FxBuildHasher, FxHashMap};

/// File systems keep times only so exactly: a file changed this shortly before
/// it was read may change again without its time telling.
const CLOCK_TOLERANCE: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(crate) struct DiskView {
  /// Real path of the view's `/`.
  root: PathBuf,
  /// By path in the view; `None` where there is no folder.
  folders: DashMap<OsString, Option<Arc<Folder>>, FxBuildHasher>,
  /// By path in the view: every file that was read.
  files: DashMap<OsString, Content, FxBuildHasher>,
  refused_links: Mutex<BTreeMap<PathBuf, PathBuf>>,
}

/// A folder as it was when it was first asked about.
#[derive(Debug)]
struct Folder {
  real: PathBuf,
  /// `None` where the folder may be entered but not listed.
  entries: Option<FxHashMap<OsString, Kind>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
  File,
  Folder,
  Link,
  /// A pipe, socket or device: nothing that a build could read.
  Other,
}

#[derive(Debug, Clone)]
struct Content {
  bytes: Arc<[u8]>,
  real: PathBuf,
  stamp: Option<Stamp>,
}

/// What a file's metadata says about its content; `None` where it says too little.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
  modified: SystemTime,
  bytes: u64,
}

impl Stamp {
  fn new(metadata: &fs::Metadata) -> Option<Self> {
    let modified = metadata.modified().ok()?;
    Some(Self { modified, bytes: metadata.len() })
  }

  /// The stamp, unless a change right after the reading could leave it as it is.
  fn settled(metadata: &fs::Metadata, now: SystemTime) -> Option<Self> {
    Self::new(metadata)
      .filter(|stamp| now.duration_since(stamp.modified).is_ok_and(|age| age > CLOCK_TOLERANCE))
  }
}

impl DiskView {
  /// A view of the folder `root`, which has to be a real path.
  pub(crate) fn new(root: PathBuf) -> Self {
    Self {
      root,
      folders: DashMap::default(),
      files: DashMap::default(),
      refused_links: Mutex::default(),
    }
  }

  /// The path in the view of a real path below the root.
  pub(crate) fn path_of(&self, real: &Path) -> Option<PathBuf> {
    real.strip_prefix(&self.root).ok().map(|path| Path::new("/").join(path))
  }

  /// How many files were read so far.
  pub(crate) fn files_read(&self) -> usize {
    self.files.len()
  }

  /// The first file below a real folder that was read, if any.
  pub(crate) fn first_read_below(&self, folder: &Path) -> Option<PathBuf> {
    self.files.iter().map(|file| file.real.clone()).filter(|real| real.starts_with(folder)).min()
  }

  /// The real paths of all folders that the build looked into.
  pub(crate) fn folders_seen(&self) -> BTreeSet<PathBuf> {
    self.folders.iter().filter_map(|folder| Some(folder.as_ref()?.real.clone())).collect()
  }

  /// Links that were asked for and lead out of the root, with where they lead.
  pub(crate) fn refused_links(&self) -> BTreeMap<PathBuf, PathBuf> {
    self.refused_links.lock().unwrap_or_else(PoisonError::into_inner).clone()
  }

  /// A view of the disk as it is now, and what differs for who asked this one.
  ///
  /// Asks every question of this view again and compares the answers, so that
  /// nothing that the build depended on is missed, and nothing else is read.
  /// Contents are shared with this view where they are the same. Paths for
  /// which `ignored` is true do not count as changes.
  pub(crate) fn advance(&self, ignored: &dyn Fn(&Path) -> bool) -> (Self, Changes) {
    let next = Self::new(self.root.clone());
    let mut added = BTreeSet::new();
    let mut modified = BTreeSet::new();
    let mut removed = BTreeSet::new();
    // Parents come before what is in them, and are listed when asked for.
    let folders: BTreeMap<OsString, Option<Arc<Folder>>> =
      self.folders.iter().map(|entry| (entry.key().clone(), entry.value().clone())).collect();
    for (path, before) in &folders {
      let path = Path::new(path);
      let now = next.folder(path);
      match (before, now) {
        (Some(before), Some(now)) => {
          if before.real != now.real {
            modified.insert(path.to_path_buf());
          }
          let (Some(old), Some(new)) = (&before.entries, &now.entries) else { continue };
          #[expect(clippy::iter_over_hash_type, reason = "the sets they go to are sorted")]
          for (name, kind) in new {
            match old.get(name) {
              None => added.insert(path.join(name)),
              Some(old) if old != kind => modified.insert(path.join(name)),
              Some(_) => continue,
            };
          }
          for name in old.keys().filter(|name| !new.contains_key(*name)) {
            removed.insert(path.join(name));
          }
        }
        // What made the difference shows in the folder above, or is a link.
        (None, Some(_)) | (Some(_), None) => {
          modified.insert(path.to_path_buf());
        }
        (None, None) => {}
      }
    }
    let files: BTreeMap<OsString, Content> =
      self.files.iter().map(|entry| (entry.key().clone(), entry.value().clone())).collect();
    for (path, before) in files {
      match next.content_since(Path::new(&path), &before) {
        Some(now) => {
          if now.bytes != before.bytes {
            modified.insert(PathBuf::from(&path));
          }
          next.files.insert(path, now);
        }
        None => {
          removed.insert(PathBuf::from(path));
        }
      }
    }
    // A path that moved between the lists belongs to one of them only.
    modified.retain(|path| !added.contains(path) && !removed.contains(path));
    let listed = |set: BTreeSet<PathBuf>| {
      let kept = set
        .into_iter()
        .filter(|path| !ignored(&next.root.join(path.strip_prefix("/").unwrap_or(path))));
      kept.filter_map(|path| path.into_os_string().into_string().ok()).collect()
    };
    let changes =
      Changes { added: listed(added), modified: listed(modified), removed: listed(removed) };
    (next, changes)
  }

  /// As [`DiskView::advance`], where it is known which real paths something happened to: only files
  /// that were read are looked at, unless there is more to it.
  pub(crate) fn advance_at(
    &self,
    paths: &BTreeSet<PathBuf>,
    ignored: &dyn Fn(&Path) -> bool,
  ) -> (Self, Changes) {
    let mut touched = BTreeSet::new();
    for path in paths {
      let kind = fs::symlink_metadata(path).ok().map(|metadata| kind_of(metadata.file_type()));
      let listed = self.listed(path);
      match (listed, kind) {
        // Came and went, as what editors save to first.
        (None, None) => {}
        (Some(Kind::File), Some(Kind::File)) => {
          touched.insert(path);
        }
        _ => return self.advance(ignored),
      }
    }
    if paths.is_empty() {
      return self.advance(ignored);
    }
    let next = Self::new(self.root.clone());
    for folder in &self.folders {
      next.folders.insert(folder.key().clone(), folder.value().clone());
    }
    let mut changes = Changes::default();
    for file in &self.files {
      let (path, before) = (file.key(), file.value());
      if !touched.contains(&before.real) {
        next.files.insert(path.clone(), before.clone());
        continue;
      }
      // Read, whatever its time says: something happened to it.
      let Ok((_, now)) = read_file(before.real.clone()) else { return self.advance(ignored) };
      if now.bytes != before.bytes
        && !ignored(&before.real)
        && let Some(path) = path.to_str()
      {
        changes.modified.push(path.to_owned());
      }
      next.files.insert(path.clone(), now);
    }
    changes.modified.sort_unstable();
    (next, changes)
  }

  /// What a folder that was looked into has under a real path.
  fn listed(&self, real: &Path) -> Option<Kind> {
    let (folder, name) = (real.parent()?, real.file_name()?);
    let folder = self.path_of(folder)?;
    self.folders.get(folder.as_os_str())?.as_ref()?.entries.as_ref()?.get(name).copied()
  }

  /// What a file holds now: as before where its stamp says so, otherwise read.
  fn content_since(&self, path: &Path, before: &Content) -> Option<Content> {
    let real = self.real_file(path).ok()?;
    if real == before.real
      && before.stamp.is_some()
      && fs::metadata(&real).ok().as_ref().and_then(Stamp::new) == before.stamp
    {
      return Some(before.clone());
    }
    let (_, mut content) = read_file(real).ok()?;
    if content.bytes == before.bytes {
      content.bytes = Arc::clone(&before.bytes);
    }
    Some(content)
  }

  /// The folder at a path, links followed.
  fn folder(&self, path: &Path) -> Option<Arc<Folder>> {
    if let Some(known) = self.folders.get(path.as_os_str()) {
      return known.clone();
    }
    let folder = self.look_into(path);
    // Whoever was first gives the answer, and everybody the same.
    self.folders.entry(path.as_os_str().to_owned()).or_insert(folder).clone()
  }

  fn look_into(&self, path: &Path) -> Option<Arc<Folder>> {
    let Some(name) = path.file_name() else {
      return Some(Arc::new(Folder::list(self.root.clone())));
    };
    let parent = self.folder(path.parent()?)?;
    match parent.kind(name)? {
      Kind::Folder => Some(Arc::new(Folder::list(parent.real.join(name)))),
      Kind::Link => self.folder(&self.follow(path, &parent.real.join(name)).ok()?),
      Kind::File | Kind::Other => None,
    }
  }

  /// What a path names, links not followed.
  fn entry(&self, path: &Path) -> io::Result<Entry> {
    let Some(name) = path.file_name() else {
      let folder = self.folder(Path::new("/")).ok_or(io::ErrorKind::NotFound)?;
      return Ok(Entry { real: folder.real.clone(), kind: Kind::Folder });
    };
    let parent = path.parent().and_then(|parent| self.folder(parent));
    let parent = parent.ok_or(io::ErrorKind::NotFound)?;
    let kind = parent.kind(name).ok_or(io::ErrorKind::NotFound)?;
    Ok(Entry { real: parent.real.join(name), kind })
  }

  /// The path in the view that a link leads to in the end.
  fn follow(&self, link: &Path, real: &Path) -> io::Result<PathBuf> {
    let target = fs::canonicalize(real)?;
    self.path_of(&target).ok_or_else(|| {
      let mut refused = self.refused_links.lock().unwrap_or_else(PoisonError::into_inner);
      refused.insert(link.to_path_buf(), target);
      io::Error::new(io::ErrorKind::NotFound, "the link leads out of the root")
    })
  }

  /// The real path of a file that can be read.
  fn real_file(&self, path: &Path) -> io::Result<PathBuf> {
    let entry = self.entry(path)?;
    match entry.kind {
      Kind::File => Ok(entry.real),
      // The target is a real path, hence no link again.
      Kind::Link => match self.entry(&self.follow(path, &entry.real)?)? {
        Entry { real, kind: Kind::File } => Ok(real),
        Entry { kind: Kind::Folder, .. } => Err(io::ErrorKind::IsADirectory.into()),
        Entry { .. } => Err(io::ErrorKind::NotFound.into()),
      },
      Kind::Folder => Err(io::ErrorKind::IsADirectory.into()),
      Kind::Other => Err(io::ErrorKind::InvalidInput.into()),
    }
  }
}

#[derive(Debug)]
struct Entry {
  real: PathBuf,
  kind: Kind,
}

impl Folder {
  fn list(real: PathBuf) -> Self {
    let entries = fs::read_dir(&real).and_then(|entries| {
      entries
        .map(|entry| entry.and_then(|entry| Ok((entry.file_name(), kind_of(entry.file_type()?)))))
        .collect()
    });
    Self { real, entries: entries.ok() }
  }

  fn kind(&self, name: &OsStr) -> Option<Kind> {
    match &self.entries {
      Some(entries) => entries.get(name).copied(),
      None => fs::symlink_metadata(self.real.join(name))
        .ok()
        .map(|metadata| kind_of(metadata.file_type())),
    }
  }
}

fn kind_of(kind: fs::FileType) -> Kind {
  if kind.is_file() {
    Kind::File
  } else if kind.is_dir() {
    Kind::Folder
  } else if kind.is_symlink() {
    Kind::Link
  } else {
    Kind::Other
  }
}

fn read_file(real: PathBuf) -> io::Result<(Vec<u8>, Content)> {
  #[expect(clippy::disallowed_methods, reason = "files have times of the machine's clock")]
  let now = SystemTime::now();
  let file = fs::File::open(&real)?;
  let metadata = file.metadata()?;
  if !metadata.is_file() {
    return Err(io::ErrorKind::InvalidInput.into());
  }
  let length = usize::try_from(metadata.len()).map_err(|_| io::ErrorKind::FileTooLarge)?;
  // With the length known, one call reads it all, and none is needed to see the end.
  let mut bytes = Vec::with_capacity(length);
  file.take(metadata.len()).read_to_end(&mut bytes)?;
  let content =
    Content { bytes: bytes.as_slice().into(), real, stamp: Stamp::settled(&metadata, now) };
  Ok((bytes, content))
}

/// Resolves `..` by name. The resolver has done so almost always.
fn normal(path: &Path) -> io::Result<Cow<'_, Path>> {
  if !path.as_os_str().as_encoded_bytes().windows(3).any(|part| part == b"/..") {
    return Ok(Cow::Borrowed(path));
  }
  let mut normal = PathBuf::from("/");
  for component in path.components() {
    match component {
      Component::Normal(name) => normal.push(name),
      Component::ParentDir if !normal.pop() => return Err(io::ErrorKind::NotFound.into()),
      _ => {}
    }
  }
  Ok(Cow::Owned(normal))
}

impl SourceView for DiskView {
  fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
    let path = normal(path)?;
    if let Some(content) = self.files.get(path.as_os_str()) {
      return Ok(content.bytes.to_vec());
    }
    let (bytes, content) = read_file(self.real_file(&path)?)?;
    match self.files.entry(path.as_os_str().to_owned()) {
      // Somebody was faster, and everybody gets the same.
      dashmap::Entry::Occupied(known) => Ok(known.get().bytes.to_vec()),
      dashmap::Entry::Vacant(free) => {
        free.insert(content);
        Ok(bytes)
      }
    }
  }

  fn metadata(&self, path: &Path) -> io::Result<FileMetadata> {
    let path = normal(path)?;
    let entry = self.entry(&path)?;
    let kind = match entry.kind {
      Kind::Link => self.entry(&self.follow(&path, &entry.real)?)?.kind,
      kind => kind,
    };
    Ok(FileMetadata::new(kind == Kind::File, kind == Kind::Folder, false))
  }

  fn symlink_metadata(&self, path: &Path) -> io::Result<FileMetadata> {
    let kind = self.entry(&normal(path)?)?.kind;
    Ok(FileMetadata::new(kind == Kind::File, kind == Kind::Folder, kind == Kind::Link))
  }

  fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
    let path = normal(path)?;
    let entry = self.entry(&path)?;
    if entry.kind != Kind::Link {
      return Err(io::ErrorKind::InvalidInput.into());
    }
    self.follow(&path, &entry.real)
  }

  fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
    let path = normal(path)?;
    let entry = self.entry(&path)?;
    if entry.kind == Kind::Link {
      return self.follow(&path, &entry.real);
    }
    self.path_of(&entry.real).ok_or_else(|| io::ErrorKind::NotFound.into())
  }

  fn read_dir(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
    let path = normal(path)?;
    let folder = self.folder(&path).ok_or(io::ErrorKind::NotFound)?;
    let entries = folder.entries.as_ref().ok_or(io::ErrorKind::PermissionDenied)?;
    let mut paths: Vec<PathBuf> = entries.keys().map(|name| path.join(name)).collect();
    paths.sort_unstable();
    Ok(paths)
  }
}

#[cfg(test)]
mod tests {
  use std::{fs, os::unix::fs::symlink, path::Path};

  use nexxo::snapshot::{Changes, SourceView};

  use super::DiskView;

  fn scene() -> (tempfile::TempDir, DiskView) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap().join("root");
    fs::create_dir_all(root.join("src/deep")).unwrap();
    fs::create_dir_all(root.join("store/pkg")).unwrap();
    fs::create_dir_all(root.join("node_modules/@scope")).unwrap();
    fs::create_dir_all(folder.path().join("outside")).unwrap();
    fs::write(folder.path().join("outside/secret.ts"), "secret").unwrap();
    fs::write(root.join("src/a.ts"), "a").unwrap();
    fs::write(root.join("store/pkg/index.js"), "pkg").unwrap();
    symlink("../../store/pkg", root.join("node_modules/@scope/pkg")).unwrap();
    symlink(root.join("store/pkg/index.js"), root.join("src/alias.js")).unwrap();
    symlink("../../outside", root.join("src/out")).unwrap();
    symlink("../../outside/secret.ts", root.join("src/out.ts")).unwrap();
    symlink("nowhere", root.join("src/broken")).unwrap();
    symlink("loop", root.join("src/loop")).unwrap();
    (folder, DiskView::new(root))
  }

  fn path(text: &str) -> &Path {
    Path::new(text)
  }

  #[test]
  fn links_inside_are_followed() {
    let (_folder, view) = scene();
    let pkg = path("/node_modules/@scope/pkg");
    assert!(view.symlink_metadata(pkg).unwrap().is_symlink());
    assert!(view.metadata(pkg).unwrap().is_dir());
    assert_eq!(view.read_link(pkg).unwrap(), path("/store/pkg"));
    assert_eq!(
      view.canonicalize(path("/node_modules/@scope/pkg/index.js")).unwrap(),
      path("/store/pkg/index.js")
    );
    assert_eq!(view.read(path("/node_modules/@scope/pkg/index.js")).unwrap(), b"pkg");
    assert_eq!(view.read(path("/src/alias.js")).unwrap(), b"pkg");
    assert!(!view.symlink_metadata(path("/src/a.ts")).unwrap().is_symlink());
    assert!(view.read_link(path("/src/a.ts")).is_err());
  }

  #[test]
  fn links_out_are_broken_and_remembered() {
    let (_folder, view) = scene();
    for out in ["/src/out", "/src/out/secret.ts", "/src/out.ts", "/src/broken", "/src/loop"] {
      assert!(view.metadata(path(out)).is_err(), "{out}");
      assert!(view.canonicalize(path(out)).is_err(), "{out}");
      assert!(view.read(path(out)).is_err(), "{out}");
    }
    assert!(view.symlink_metadata(path("/src/out")).unwrap().is_symlink());
    let refused: Vec<_> = view.refused_links().into_keys().collect();
    assert_eq!(refused, [path("/src/out"), path("/src/out.ts")]);
  }

  #[test]
  fn nothing_is_above_the_root_and_names_are_exact() {
    let (_folder, view) = scene();
    assert!(view.read(path("/../outside/secret.ts")).is_err());
    assert!(view.read(path("/src/../../outside/secret.ts")).is_err());
    assert_eq!(view.read(path("/src/deep/../a.ts")).unwrap(), b"a");
    assert!(view.metadata(path("/")).unwrap().is_dir());
    assert!(view.metadata(path("/src/A.ts")).is_err());
    assert!(view.metadata(path("/src/a.ts/b")).is_err());
    assert_eq!(view.read(path("/src")).unwrap_err().kind(), std::io::ErrorKind::IsADirectory);
    assert_eq!(view.read_dir(path("/store")).unwrap(), [path("/store/pkg")]);
  }

  #[test]
  fn answers_stay_and_the_next_view_tells_what_changed() {
    let (_folder, view) = scene();
    view.read(path("/src/a.ts")).unwrap();
    view.read(path("/src/alias.js")).unwrap();
    assert!(view.metadata(path("/src/new.ts")).is_err());
    assert!(view.metadata(path("/lib/x.ts")).is_err());
    assert!(view.metadata(path("/node_modules/@scope/pkg/index.js")).is_ok());
    let (same, changes) = view.advance(&|_| false);
    assert_eq!(changes, Changes::default());

    fs::write(view.root.join("src/a.ts"), "b").unwrap();
    fs::write(view.root.join("src/new.ts"), "new").unwrap();
    fs::write(view.root.join("src/unread.ts"), "ignored").unwrap();
    fs::create_dir(view.root.join("lib")).unwrap();
    fs::write(view.root.join("lib/x.ts"), "x").unwrap();
    fs::remove_file(view.root.join("store/pkg/index.js")).unwrap();
    assert_eq!(same.read(path("/src/a.ts")).unwrap(), b"a");
    assert!(same.metadata(path("/src/new.ts")).is_err());

    let (next, changes) = same.advance(&|path| path.ends_with("unread.ts"));
    assert_eq!(
      changes,
      Changes {
        added: vec!["/lib".into(), "/src/new.ts".into()],
        modified: vec!["/src/a.ts".into()],
        removed: vec![
          "/node_modules/@scope/pkg/index.js".into(),
          "/src/alias.js".into(),
          "/store/pkg/index.js".into(),
        ],
      }
    );
    assert_eq!(next.read(path("/src/a.ts")).unwrap(), b"b");
    assert!(next.metadata(path("/lib/x.ts")).is_ok());
  }

  #[test]
  fn a_link_that_turns_is_a_change() {
    let (_folder, view) = scene();
    fs::create_dir(view.root.join("store/other")).unwrap();
    fs::write(view.root.join("store/other/index.js"), "other").unwrap();
    view.read(path("/node_modules/@scope/pkg/index.js")).unwrap();
    let link = view.root.join("node_modules/@scope/pkg");
    fs::remove_file(&link).unwrap();
    symlink("../../store/other", &link).unwrap();
    let (_, changes) = view.advance(&|_| false);
    assert_eq!(changes.modified, ["/node_modules/@scope/pkg", "/node_modules/@scope/pkg/index.js"]);
  }
}
