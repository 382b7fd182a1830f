//! The cache's home on a disk: a file for each record.
//!
//! A file comes into being whole, by its last name, and is never changed, so
//! that any number of processes may read and write at once without a lock, and
//! one that is killed leaves nothing half. What is damaged all the same its
//! reader sees by the record itself. `docs/design/cache.md` has the reasons.

use std::{
  collections::BTreeMap,
  fs,
  io::{self, Read},
  path::{Path, PathBuf},
  sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
  },
  time::{Duration, SystemTime},
};

use nexxo::{
  cache::{FAMILIES, is_right},
  host::BoxFuture,
  store::{Batch, Family, Found, Key, Store, StoreError},
};

/// The folder's name says the layout's version: another version's is left alone, and swept away
/// when it has not been used for long.
const LAYOUT: &str = "v1";
const TEMPORARY: &str = "tmp";
/// Holds about how many bytes there are.
const SIZE: &str = "size";

/// A file is marked as used only so often.
const USE_TOLERANCE: Duration = Duration::from_hours(1);
/// A temporary file of a process that is gone.
const ABANDONED: Duration = Duration::from_hours(1);
/// Another layout's folder that nobody uses.
const FORGOTTEN: Duration = Duration::from_hours(72);
/// More than any record: whatever has such a size is none.
const LARGEST: u64 = 1 << 30;
/// Where the budget is exceeded, so much of it is left, in hundredths.
const LEFT: u64 = 85;

/// Records below a folder.
#[derive(Debug)]
pub struct FileStore {
  root: PathBuf,
  max_bytes: u64,
  /// Why nothing is written any more.
  failure: Mutex<Option<String>>,
}

/// A record's file, as it was when it was listed.
#[derive(Debug)]
struct Listed {
  path: PathBuf,
  bytes: u64,
  used: SystemTime,
}

/// How many records there are of a family, and of how many bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Usage {
  pub(crate) records: u64,
  pub(crate) bytes: u64,
}

impl FileStore {
  /// Records below `folder`, which need not be there yet, of at most so many bytes.
  pub fn new(folder: &Path, max_bytes: u64) -> Self {
    Self { root: folder.join(LAYOUT), max_bytes, failure: Mutex::default() }
  }

  /// Why it ceased to write, if it did.
  pub(crate) fn failure(&self) -> Option<String> {
    self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
  }

  fn path(&self, family: Family, key: &Key) -> PathBuf {
    let name = key.to_string();
    self.root.join(family.0).join(&name[..2]).join(&name[2..])
  }

  fn read(&self, family: Family, key: &Key) -> Option<Arc<[u8]>> {
    let path = self.path(family, key);
    let file = fs::File::open(&path).ok()?;
    let metadata = file.metadata().ok().filter(|metadata| metadata.is_file())?;
    if metadata.len() > LARGEST {
      return None;
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).ok()?);
    file.take(LARGEST).read_to_end(&mut bytes).ok()?;
    if metadata.modified().map_or(true, |used| is_past(used, USE_TOLERANCE)) {
      mark_used(&path);
    }
    Some(bytes.into())
  }

  fn write(&self, batch: &Batch) -> io::Result<u64> {
    let mut written = 0;
    for (family, key, bytes) in &batch.writes {
      let path = self.path(*family, key);
      // Who was first is right: records of one key are the same.
      if path.symlink_metadata().is_ok_and(|metadata| metadata.is_file()) {
        mark_used(&path);
        continue;
      }
      self.publish(&path, bytes)?;
      written += bytes.len() as u64;
    }
    for (family, key) in &batch.removals {
      let path = self.path(*family, key);
      if fs::remove_file(&path).is_err() {
        let _ = fs::remove_dir_all(&path);
      }
    }
    Ok(written)
  }

  fn publish(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = self.temporary()?;
    let placed = fs::write(&temporary, bytes).and_then(|()| {
      if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
      }
      fs::rename(&temporary, path).or_else(|_| {
        // Whatever is there in its place is no record.
        let _ = fs::remove_dir_all(path);
        fs::rename(&temporary, path)
      })
    });
    if placed.is_err() {
      let _ = fs::remove_file(&temporary);
    }
    placed
  }

  fn temporary(&self) -> io::Result<PathBuf> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let folder = self.root.join(TEMPORARY);
    if !folder.is_dir() {
      make_private(&folder)?;
    }
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    Ok(folder.join(format!("{}-{count}", std::process::id())))
  }

  /// Keeps the budget. Processes that count at once may count too little, so that from time to time
  /// everything is counted anew.
  fn account(&self, written: u64) -> io::Result<()> {
    let path = self.root.join(SIZE);
    let known = small_number(&path);
    // As good as at random.
    let total = match known.filter(|_| !written.is_multiple_of(32)) {
      Some(known) => known.saturating_add(written),
      None => self.usage().values().map(|usage| usage.bytes).sum(),
    };
    let is_over = total > self.max_bytes;
    let total = if is_over { self.evict(self.max_bytes / 100 * LEFT) } else { total };
    self.publish(&path, total.to_string().as_bytes())
  }

  /// Removes what was not used for the longest, family by family, until so many bytes are left at
  /// most. Gives how many there are.
  pub(crate) fn evict(&self, max_bytes: u64) -> u64 {
    self.sweep();
    let mut left = 0;
    for (family, share) in FAMILIES {
      let mut files = list(&self.root.join(family.0));
      let mut bytes: u64 = files.iter().map(|file| file.bytes).sum();
      files.sort_by(|one, other| one.used.cmp(&other.used).then_with(|| one.path.cmp(&other.path)));
      for file in files {
        if bytes <= max_bytes / 100 * share {
          break;
        }
        if fs::remove_file(&file.path).is_ok() {
          bytes -= file.bytes;
        }
      }
      left += bytes;
    }
    left
  }

  /// Removes what processes left behind that are gone, and other layouts that nobody uses.
  fn sweep(&self) {
    for file in list_folder(&self.root.join(TEMPORARY)) {
      if is_past(file.used, ABANDONED) {
        let _ = fs::remove_file(&file.path);
      }
    }
    for other in self.root.parent().and_then(|above| fs::read_dir(above).ok()).into_iter().flatten()
    {
      let Ok(other) = other else { continue };
      let is_layout = other.file_name().to_str().is_some_and(|name| {
        name != LAYOUT && name.strip_prefix('v').is_some_and(|rest| rest.parse::<u32>().is_ok())
      });
      let used = other.metadata().and_then(|metadata| metadata.modified());
      if is_layout && used.is_ok_and(|used| is_past(used, FORGOTTEN)) {
        let _ = fs::remove_dir_all(other.path());
      }
    }
  }

  /// What there is, by family.
  pub(crate) fn usage(&self) -> BTreeMap<&'static str, Usage> {
    let of = |family: Family| {
      list(&self.root.join(family.0)).iter().fold(Usage::default(), |all, file| Usage {
        records: all.records + 1,
        bytes: all.bytes + file.bytes,
      })
    };
    FAMILIES.iter().map(|(family, _)| (family.0, of(*family))).collect()
  }

  /// Every record with its family and key, damaged ones with nothing in them.
  pub(crate) fn records(&self) -> impl Iterator<Item = (Family, Key, Option<Vec<u8>>)> {
    FAMILIES.into_iter().flat_map(|(family, _)| {
      list(&self.root.join(family.0)).into_iter().filter_map(move |file| {
        let key = key_of(&file.path)?;
        let bytes = fs::read(&file.path).ok().filter(|bytes| is_right(family, &key, bytes));
        Some((family, key, bytes))
      })
    })
  }

  /// Removes everything.
  ///
  /// # Errors
  /// Of the disk.
  pub(crate) fn clear(&self) -> io::Result<()> {
    match fs::remove_dir_all(&self.root) {
      Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
      _ => Ok(()),
    }
  }
}

impl Store for FileStore {
  fn get(&self, family: Family, keys: &[Key]) -> BoxFuture<Found> {
    let found = keys.iter().map(|key| self.read(family, key)).collect();
    Box::pin(std::future::ready(Ok(found)))
  }

  fn commit(&self, batch: Batch) -> BoxFuture<Result<(), StoreError>> {
    let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
    let done = if failure.is_some() {
      Err(StoreError::Closed)
    } else {
      let done = self.write(&batch).and_then(|written| match written {
        0 => Ok(()),
        written => self.account(written),
      });
      done.map_err(|error| {
        *failure = Some(error.to_string());
        if error.kind() == io::ErrorKind::StorageFull {
          StoreError::Full
        } else {
          StoreError::Failed(error.to_string())
        }
      })
    };
    Box::pin(std::future::ready(done))
  }
}

/// The number that a file holds, if it is one: a device might go on without end.
fn small_number(path: &Path) -> Option<u64> {
  let file =
    fs::File::open(path).ok().filter(|file| file.metadata().is_ok_and(|of| of.is_file()))?;
  let mut text = String::new();
  file.take(32).read_to_string(&mut text).ok()?;
  text.trim().parse().ok()
}

/// The files below a family's folder.
fn list(family: &Path) -> Vec<Listed> {
  let folders = fs::read_dir(family).into_iter().flatten().flatten();
  folders.flat_map(|folder| list_folder(&folder.path())).collect()
}

fn list_folder(folder: &Path) -> Vec<Listed> {
  let entries = fs::read_dir(folder).into_iter().flatten().flatten();
  entries
    .filter_map(|entry| {
      let metadata = entry.metadata().ok().filter(fs::Metadata::is_file)?;
      let used = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
      Some(Listed { path: entry.path(), bytes: metadata.len(), used })
    })
    .collect()
}

fn key_of(path: &Path) -> Option<Key> {
  let folder = path.parent()?.file_name()?.to_str()?;
  format!("{folder}{}", path.file_name()?.to_str()?).parse().ok()
}

/// Whether a time lies so far back; one that lies ahead, as after a clock was set, does too.
fn is_past(time: SystemTime, tolerance: Duration) -> bool {
  #[expect(clippy::disallowed_methods, reason = "files have times of the machine's clock")]
  let now = SystemTime::now();
  match now.duration_since(time) {
    Ok(age) => age > tolerance,
    Err(ahead) => ahead.duration() > tolerance,
  }
}

fn mark_used(path: &Path) {
  #[expect(clippy::disallowed_methods, reason = "files have times of the machine's clock")]
  let now = SystemTime::now();
  if let Ok(file) = fs::File::options().append(true).open(path) {
    let _ = file.set_modified(now);
  }
}

fn make_private(folder: &Path) -> io::Result<()> {
  let mut builder = fs::DirBuilder::new();
  builder.recursive(true);
  #[cfg(unix)]
  std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
  builder.create(folder)
}

#[cfg(test)]
mod tests {
  use std::{fs, sync::Arc};

  use nexxo::{
    cache::{CONTENTS, WAYS},
    store::{Batch, Key, Store, conformance},
  };

  use super::FileStore;

  #[tokio::test]
  async fn the_file_store_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let count = std::sync::atomic::AtomicUsize::new(0);
    conformance::check(async || {
      let at = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
      FileStore::new(&folder.path().join(at.to_string()), 1 << 30)
    })
    .await;
  }

  fn write(index: u32, bytes: usize) -> Batch {
    let mut key = [0; 32];
    key[..4].copy_from_slice(&index.to_le_bytes());
    Batch { writes: vec![(CONTENTS, Key(key), Arc::from(vec![7; bytes]))], ..Batch::default() }
  }

  #[tokio::test]
  async fn the_budget_holds_and_what_is_used_stays() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::new(folder.path(), 1_000_000);
    for index in 0..400 {
      store.commit(write(index, 9_999)).await.unwrap();
      let bytes: u64 = store.usage().values().map(|usage| usage.bytes).sum();
      assert!(bytes <= 1_250_000, "{bytes} bytes after {index} records");
    }
    assert!(store.usage()["contents"].bytes > 400_000);
  }

  #[tokio::test]
  async fn a_folder_in_the_place_of_a_record_gives_way() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::new(folder.path(), 1 << 30);
    let path = store.path(WAYS, &Key([3; 32]));
    fs::create_dir_all(path.join("inside")).unwrap();
    assert_eq!(store.get(WAYS, &[Key([3; 32])]).await.unwrap(), [None]);
    let batch = Batch { writes: vec![(WAYS, Key([3; 32]), Arc::from([1]))], ..Batch::default() };
    store.commit(batch).await.unwrap();
    assert_eq!(store.get(WAYS, &[Key([3; 32])]).await.unwrap()[0].as_deref(), Some([1].as_slice()));
  }

  #[tokio::test]
  async fn a_store_that_cannot_write_says_why_once_and_goes_on_reading() {
    let folder = tempfile::tempdir().unwrap();
    let blocked = folder.path().join("file");
    fs::write(&blocked, "").unwrap();
    let store = FileStore::new(&blocked, 1 << 30);
    assert!(store.commit(write(1, 10)).await.is_err());
    assert!(store.failure().is_some());
    assert_eq!(store.get(WAYS, &[Key([1; 32])]).await.unwrap(), [None]);
  }
}
