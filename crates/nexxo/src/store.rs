//! The trait [`Store`]: bytes that outlive a build, by content key, with its
//! in-memory twin and the suite that every store must pass.
//!
//! A store may lose any entry at any time. That costs work, never correctness:
//! whoever reads checks what it got, and makes again what is not there.

use std::{
  collections::{BTreeMap, HashMap},
  fmt,
  str::FromStr,
  sync::{Arc, Mutex, PoisonError},
};

use crate::host::BoxFuture;

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;

/// What kind of thing an entry is. Families do not see each other's keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Family(pub &'static str);

/// The digest of all that an entry was made from: contents, options that were
/// read, and versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub [u8; 32]);

/// Hexadecimal, as records and files are named.
impl fmt::Display for Key {
  fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
  }
}

impl FromStr for Key {
  type Err = StoreError;

  fn from_str(text: &str) -> Result<Self, StoreError> {
    let mut key = [0; 32];
    let no_key = || StoreError::Failed("it is no key".to_owned());
    if text.len() != 64 || !text.is_ascii() {
      return Err(no_key());
    }
    for (at, byte) in key.iter_mut().enumerate() {
      *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).map_err(|_| no_key())?;
    }
    Ok(Self(key))
  }
}

/// What is written together, one after the other: a process that is killed leaves a beginning of
/// it, and each of its entries whole or not at all.
#[derive(Debug, Clone, Default)]
pub struct Batch {
  /// Later writes of one key win.
  pub writes: Vec<Write>,
  /// Removed after the writes. Keys that are not there are no mistake.
  pub removals: Vec<(Family, Key)>,
}

/// An entry that is written.
pub type Write = (Family, Key, Arc<[u8]>);

/// Why a store did not answer. Builds go on without it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
  #[error("the store is closed")]
  Closed,
  #[error("the store is full")]
  Full,
  #[error("the store failed: {0}")]
  Failed(String),
}

/// What a read gives: the entries in the order of the keys.
pub type Found = Result<Vec<Option<Arc<[u8]>>>, StoreError>;

/// Bytes by content key.
pub trait Store: Send + Sync {
  /// The entries of the keys, in the order of the keys. Absence is an answer.
  ///
  /// # Errors
  /// Only where the store itself is broken; a missing or damaged entry is `None`.
  fn get(&self, family: Family, keys: &[Key]) -> BoxFuture<Found>;

  /// Writes the batch. When it is done, a `get` of the same process sees it;
  /// whether it survives the process is the store's own matter. Where there is
  /// an entry of a key already, it may stay: entries of one key are the same.
  ///
  /// # Errors
  /// Where not all of the batch was kept.
  fn commit(&self, batch: Batch) -> BoxFuture<Result<(), StoreError>>;
}

/// Entries in memory, up to a number of bytes; the least recently used go first.
///
/// Forgets all with the process, is never damaged and never slow: what other
/// stores may be.
#[derive(Debug)]
pub struct MemoryStore {
  max_bytes: usize,
  state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
  entries: HashMap<(Family, Key), Entry>,
  /// By last use. Ticks are unique, so this has each entry once.
  order: BTreeMap<u64, (Family, Key)>,
  tick: u64,
  bytes: usize,
}

#[derive(Debug)]
struct Entry {
  bytes: Arc<[u8]>,
  tick: u64,
}

impl MemoryStore {
  /// A store that keeps up to that many bytes of values.
  pub fn new(max_bytes: usize) -> Self {
    Self { max_bytes, state: Mutex::default() }
  }

  /// The bytes of the values that are kept now.
  pub fn bytes(&self) -> usize {
    self.state().bytes
  }

  fn state(&self) -> std::sync::MutexGuard<'_, State> {
    self.state.lock().unwrap_or_else(PoisonError::into_inner)
  }
}

impl State {
  fn next_tick(&mut self) -> u64 {
    self.tick += 1;
    self.tick
  }

  fn read(&mut self, id: (Family, Key)) -> Option<Arc<[u8]>> {
    let tick = self.next_tick();
    let entry = self.entries.get_mut(&id)?;
    self.order.remove(&entry.tick);
    entry.tick = tick;
    self.order.insert(tick, id);
    Some(Arc::clone(&entry.bytes))
  }

  fn write(&mut self, id: (Family, Key), bytes: Arc<[u8]>) {
    self.remove(id);
    let tick = self.next_tick();
    self.bytes += bytes.len();
    self.order.insert(tick, id);
    self.entries.insert(id, Entry { bytes, tick });
  }

  fn remove(&mut self, id: (Family, Key)) {
    if let Some(entry) = self.entries.remove(&id) {
      self.order.remove(&entry.tick);
      self.bytes -= entry.bytes.len();
    }
  }
}

impl Store for MemoryStore {
  fn get(&self, family: Family, keys: &[Key]) -> BoxFuture<Found> {
    let mut state = self.state();
    let found = keys.iter().map(|&key| state.read((family, key))).collect();
    Box::pin(std::future::ready(Ok(found)))
  }

  fn commit(&self, batch: Batch) -> BoxFuture<Result<(), StoreError>> {
    let mut state = self.state();
    for (family, key, bytes) in batch.writes {
      state.write((family, key), bytes);
    }
    for (family, key) in batch.removals {
      state.remove((family, key));
    }
    while state.bytes > self.max_bytes
      && let Some((_, id)) = state.order.pop_first()
    {
      state.remove(id);
    }
    Box::pin(std::future::ready(Ok(())))
  }
}

#[cfg(test)]
mod tests {
  use std::sync::Arc;

  use super::{Batch, Family, Key, MemoryStore, Store, conformance};

  #[tokio::test]
  async fn the_memory_store_conforms() {
    conformance::check(async || MemoryStore::new(1 << 20)).await;
  }

  #[tokio::test]
  async fn the_least_recently_used_entry_goes_first() {
    let store = MemoryStore::new(30);
    let family = Family("test");
    let write = |index: u8| Batch {
      writes: vec![(family, Key([index; 32]), Arc::from([index; 10]))],
      ..Batch::default()
    };
    for index in 0..3 {
      store.commit(write(index)).await.unwrap();
    }
    store.get(family, &[Key([0; 32])]).await.unwrap();
    store.commit(write(3)).await.unwrap();
    let found = store.get(family, &[0, 1, 2, 3].map(|index| Key([index; 32]))).await.unwrap();
    assert_eq!(found.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, true, true]);
    assert_eq!(store.bytes(), 30);
  }
}
