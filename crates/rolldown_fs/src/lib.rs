//! The file view that rolldown and its resolver read a project through.
//!
//! rolldown names its file system type, [`OsFileSystem`], and makes one for
//! itself whenever a bundler is created. This crate takes the place of the
//! original (see `[patch.crates-io]` in the workspace manifest) so that the
//! type is a handle to whatever [`SourceView`] the engine has put in place:
//! the snapshot of a project in the tab, a folder of the disk natively. The
//! original can only reach the disk, which a tab has not.
//!
//! The view is read-only: output leaves the engine as values, never as writes.

use std::{
  cell::RefCell,
  fmt, io,
  path::{Path, PathBuf},
  sync::Arc,
};

pub use oxc_resolver::{FileMetadata, FileSystem as OxcResolverFileSystem};
use oxc_resolver::{FileSystemOs, ResolveError};

/// What can be asked about a project's files.
///
/// Paths are absolute within the view, `/`-separated and start at its root
/// `/`. Nothing above the root exists. Every answer must stay the same for as
/// long as a build reads through the view.
pub trait SourceView: Send + Sync + fmt::Debug {
  /// The file's bytes. `NotFound` where there is none; following links.
  fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

  /// The file's text. `InvalidData` where its bytes are not UTF-8.
  fn read_to_string(&self, path: &Path) -> io::Result<String> {
    self.read(path).and_then(FileSystemOs::validate_string)
  }

  /// What a path is, following links.
  fn metadata(&self, path: &Path) -> io::Result<FileMetadata>;

  /// What a path is, not following a link in its last component.
  fn symlink_metadata(&self, path: &Path) -> io::Result<FileMetadata> {
    self.metadata(path)
  }

  /// Where a symbolic link points, as an absolute path of the view.
  fn read_link(&self, _path: &Path) -> io::Result<PathBuf> {
    Err(io::Error::from(io::ErrorKind::InvalidInput))
  }

  /// The path with every link and `..` resolved. `NotFound` where nothing is.
  fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
    self.metadata(path).map(|_| path.to_path_buf())
  }

  /// The paths of a folder's entries, in any order.
  fn read_dir(&self, path: &Path) -> io::Result<Vec<PathBuf>>;
}

thread_local! {
  static CURRENT: RefCell<Option<Arc<dyn SourceView>>> = const { RefCell::new(None) };
}

/// Runs `create` with `view` behind every [`OsFileSystem`] it makes.
///
/// The view stays with those handles for good; only making new ones needs it
/// in place. rolldown makes its handle on the thread that creates the bundler.
pub fn with_view<R>(view: Arc<dyn SourceView>, create: impl FnOnce() -> R) -> R {
  struct Restore(Option<Arc<dyn SourceView>>);
  impl Drop for Restore {
    fn drop(&mut self) {
      CURRENT.set(self.0.take());
    }
  }
  let _restore = Restore(CURRENT.replace(Some(view)));
  create()
}

/// The file system operations that rolldown's own crates name.
pub trait FileSystem: Send + Sync + OxcResolverFileSystem {
  /// Removes a folder and all below it.
  ///
  /// # Errors
  /// Always `Unsupported` here: the view is read-only.
  fn remove_dir_all(&self, path: &Path) -> io::Result<()>;

  /// Makes a folder and those above it.
  ///
  /// # Errors
  /// Always `Unsupported` here: the view is read-only.
  fn create_dir_all(&self, path: &Path) -> io::Result<()>;

  /// Writes a file.
  ///
  /// # Errors
  /// Always `Unsupported` here: the view is read-only.
  fn write(&self, path: &Path, content: &[u8]) -> io::Result<()>;

  /// Whether a path names a file or a folder.
  fn exists(&self, path: &Path) -> bool;

  /// The paths of a folder's entries.
  ///
  /// # Errors
  /// `NotFound` or `NotADirectory`.
  fn read_dir(&self, path: &Path) -> io::Result<Vec<PathBuf>>;

  /// Removes a file.
  ///
  /// # Errors
  /// Always `Unsupported` here: the view is read-only.
  fn remove_file(&self, path: &Path) -> io::Result<()>;
}

/// A handle to a [`SourceView`], under the name that rolldown knows.
#[derive(Clone)]
pub struct OsFileSystem(Arc<dyn SourceView>);

impl fmt::Debug for OsFileSystem {
  fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    self.0.fmt(f)
  }
}

impl FileSystem for OsFileSystem {
  fn remove_dir_all(&self, _path: &Path) -> io::Result<()> {
    Err(read_only())
  }

  fn create_dir_all(&self, _path: &Path) -> io::Result<()> {
    Err(read_only())
  }

  fn write(&self, _path: &Path, _content: &[u8]) -> io::Result<()> {
    Err(read_only())
  }

  fn exists(&self, path: &Path) -> bool {
    self.0.metadata(path).is_ok()
  }

  fn read_dir(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
    self.0.read_dir(path)
  }

  fn remove_file(&self, _path: &Path) -> io::Result<()> {
    Err(read_only())
  }
}

impl OxcResolverFileSystem for OsFileSystem {
  /// Takes the view that [`with_view`] has put in place, or an empty one: a
  /// bundler made outside of it finds no file, rather than the machine's disk.
  fn new(_yarn_pnp: bool) -> Self {
    Self(CURRENT.with_borrow(Clone::clone).unwrap_or_else(|| Arc::new(Nothing)))
  }

  fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
    self.0.read(path)
  }

  fn read_to_string(&self, path: &Path) -> io::Result<String> {
    self.0.read_to_string(path)
  }

  fn metadata(&self, path: &Path) -> io::Result<FileMetadata> {
    self.0.metadata(path)
  }

  fn symlink_metadata(&self, path: &Path) -> io::Result<FileMetadata> {
    self.0.symlink_metadata(path)
  }

  fn read_link(&self, path: &Path) -> Result<PathBuf, ResolveError> {
    self.0.read_link(path).map_err(ResolveError::from)
  }

  fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
    self.0.canonicalize(path)
  }
}

fn read_only() -> io::Error {
  io::Error::new(io::ErrorKind::Unsupported, "the file view is read-only")
}

/// The view without a file.
#[derive(Debug)]
struct Nothing;

impl SourceView for Nothing {
  fn read(&self, _path: &Path) -> io::Result<Vec<u8>> {
    Err(io::Error::from(io::ErrorKind::NotFound))
  }

  fn metadata(&self, _path: &Path) -> io::Result<FileMetadata> {
    Err(io::Error::from(io::ErrorKind::NotFound))
  }

  fn read_dir(&self, _path: &Path) -> io::Result<Vec<PathBuf>> {
    Err(io::Error::from(io::ErrorKind::NotFound))
  }
}
