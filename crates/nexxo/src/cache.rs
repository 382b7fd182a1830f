//! Results that outlive the process: a build whose every input is as it was is
//! not made again. `docs/design/cache.md` has the contract and the record format.
//!
//! What a build will read is not known before it is made, so a result is not
//! found by one key but by a way: a record says which questions about the files
//! to ask next (`trail`), the answers make the next key, until a record is a
//! result. A build that found none is watched while it asks, and its questions
//! and its result are put at the end of the way that it came.

mod kept;
mod record;
mod trail;

use std::{collections::BTreeMap, fmt, sync::Arc};

use crate::{
  hooks::Plugins,
  host::Host,
  protocol::BuildResult,
  snapshot::Snapshot,
  store::{Batch, Family, Key, Store},
};

pub use kept::Word;
pub(crate) use kept::{maybe_word, word};
use record::Kind;
use serde_json::Value;
use sha2::{Digest, Sha256};
use trail::{Questions, Watched};

/// Ways to results.
pub const WAYS: Family = Family("ways");
/// Contents of output files, by their own digest.
pub const CONTENTS: Family = Family("contents");
/// All families, each with its part of a store's budget in hundredths.
pub const FAMILIES: [(Family, u64); 2] = [(WAYS, 20), (CONTENTS, 80)];

/// A way has as many steps as there were builds of its request that asked about more than the ones
/// before; one that is longer has lost its use.
const MOST_STEPS: usize = 64;

/// A build that is faster is not worth a record.
const LEAST_COST_MS: f64 = 20.0;

/// Whether a record is what its family and key say: as it was written, and contents by their own
/// digest, as whoever wrote them may have lied.
pub fn is_right(family: Family, key: &Key, bytes: &[u8]) -> bool {
  if family == CONTENTS {
    record::contents(key, bytes).is_some()
  } else {
    record::is_whole(key, bytes)
  }
}

/// What identifies this engine: results of another are none of its.
pub const ENGINE_ID: &str = env!("NEXXO_ENGINE_ID");

/// A store with the rules of a cache.
#[derive(Clone)]
pub struct Cache {
  store: Arc<dyn Store>,
  host: Arc<dyn Host>,
}

impl fmt::Debug for Cache {
  fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.debug_struct("Cache").finish_non_exhaustive()
  }
}

/// What came of a search.
#[derive(Debug)]
pub enum Lookup {
  /// The very result that a build would give, but for its stages.
  Found(Box<Found>),
  /// There is none yet.
  Missed(Box<Recording>),
  /// Such a build is not kept, and why, as a sentence.
  Unkept(&'static str),
}

/// A result that was kept.
#[derive(Debug)]
pub struct Found {
  pub result: BuildResult,
  /// What the build took that it is of, in milliseconds.
  pub cost_ms: f64,
  /// The bytes that were read of the store.
  pub bytes: u64,
}

/// A build that is watched, for its result to be kept.
#[derive(Debug)]
pub struct Recording {
  /// Why there was no result, as a sentence.
  pub reason: &'static str,
  watch: Watch,
  /// The end of the way.
  key: Key,
  asked: Questions,
  lookup_ms: f64,
}

/// Sources that remember what was asked about them: for whoever keeps results by itself.
#[derive(Debug, Clone)]
pub struct Watch(Arc<Watched>);

impl Watch {
  pub fn new(snapshot: Snapshot) -> Self {
    Self(Arc::new(Watched::new(snapshot)))
  }

  /// The sources, as the build has to read them.
  pub fn snapshot(&self) -> Snapshot {
    Snapshot::new(Arc::<Watched>::clone(&self.0))
  }

  /// What was asked, as a record has it. Nothing where that cannot be said.
  pub fn questions(&self) -> Option<String> {
    self.0.questions().and_then(|questions| String::from_utf8(questions.write()).ok())
  }
}

impl Cache {
  pub fn new(store: Arc<dyn Store>, host: Arc<dyn Host>) -> Self {
    Self { store, host }
  }

  /// Searches for the result of a build with these options, as they are written. A store that
  /// fails has nothing.
  pub async fn look_up(&self, options: &Value, plugins: &Plugins, snapshot: &Snapshot) -> Lookup {
    if !plugins.is_empty() {
      return Lookup::Unkept("it has plugins, which may ask anything");
    }
    if options["explain"] == true {
      return Lookup::Unkept("it is to be explained, and so has to be made");
    }
    if options.get("dev").is_some_and(|dev| !dev.is_null()) {
      return Lookup::Unkept("it is for development, which goes on from it");
    }
    let since_ms = self.host.now_ms();
    let mut key = request_key(options);
    let mut asked = Questions::default();
    let mut reason = "nothing like it was built before";
    let mut bytes = 0;
    for _ in 0..MOST_STEPS {
      let Some(found) = self.get(WAYS, &[key]).await.pop().flatten() else { break };
      bytes += found.len() as u64;
      if let Some(questions) = record::open(Kind::Questions, &key, &found).and_then(Questions::read)
      {
        let Some(next) = trail::next_key(key, &questions, snapshot) else { break };
        reason = "a file that it reads is another";
        key = next;
        asked.add(&questions);
        continue;
      }
      let Some(head) = record::open(Kind::Result, &key, &found).and_then(kept::Head::read) else {
        reason = "its record is damaged";
        self.remove(WAYS, vec![key]).await;
        break;
      };
      let contents = self.get(CONTENTS, &head.digests()).await;
      let Some((result, more)) = head.with_contents(&contents) else {
        reason = "its files are no longer kept whole";
        self.remove(CONTENTS, head.damaged(&contents)).await;
        break;
      };
      let (cost_ms, lookup_ms) = (head.cost_ms, self.host.now_ms() - since_ms);
      if lookup_ms > cost_ms {
        // Where a search takes longer than the work, there is no use in the record.
        self.remove(WAYS, vec![key]).await;
      }
      return Lookup::Found(Box::new(Found { result, cost_ms, bytes: bytes + more }));
    }
    Lookup::Missed(Box::new(Recording {
      reason,
      watch: Watch::new(snapshot.clone()),
      key,
      asked,
      lookup_ms: self.host.now_ms() - since_ms,
    }))
  }

  /// Keeps what was built, unless that is not worth it. `cost_ms` is what the build took.
  ///
  /// A failure of the store is none of the build's: then nothing is kept.
  pub async fn publish(&self, recording: &Recording, result: &BuildResult, cost_ms: f64) {
    if !result.ok || cost_ms < LEAST_COST_MS || cost_ms < recording.lookup_ms {
      return;
    }
    if let Some(batch) = recording.batch(result, cost_ms) {
      // The store knows why it failed, and says so to whoever asks.
      let _ = self.store.commit(batch).await;
    }
  }

  /// Makes room for records that are as they should be.
  async fn remove(&self, family: Family, keys: Vec<Key>) {
    let removals = keys.into_iter().map(|key| (family, key)).collect();
    // One that stays is found damaged again.
    let _ = self.store.commit(Batch { removals, ..Batch::default() }).await;
  }

  async fn get(&self, family: Family, keys: &[Key]) -> Vec<Option<Arc<[u8]>>> {
    self.store.get(family, keys).await.unwrap_or_default()
  }
}

impl Recording {
  /// The sources, as the build has to read them.
  pub fn snapshot(&self) -> Snapshot {
    self.watch.snapshot()
  }

  fn batch(&self, result: &BuildResult, cost_ms: f64) -> Option<Batch> {
    let mut key = self.key;
    let mut batch = Batch::default();
    let Watch(watched) = &self.watch;
    let rest = watched.questions()?.without(&self.asked);
    if !rest.is_empty() {
      let next = trail::next_key(key, &rest, watched.inner())?;
      batch.writes.push((WAYS, key, record::seal(Kind::Questions, &key, &rest.write())));
      key = next;
    }
    let (head, contents) = kept::Head::of(result, cost_ms);
    batch.writes.extend(contents);
    batch.writes.push((WAYS, key, record::seal(Kind::Result, &key, &head.write()?)));
    Some(batch)
  }
}

/// Sections of the options, whose fields may be written in any order.
const SECTIONS: [&str; 4] = ["limits", "output", "resolve", "transform"];

/// Where all ways of a request begin.
fn request_key(options: &Value) -> Key {
  Key(digest(&[
    b"nexxo request 2\0",
    ENGINE_ID.as_bytes(),
    b"\0",
    relevant(options).to_string().as_bytes(),
  ]))
}

/// What of the options has to do with the result, in one way of writing it: a tab writes the same
/// (`worker/src/cache.ts`).
fn relevant(options: &Value) -> Value {
  let mut fields = sorted(options);
  fields.remove("explain");
  if fields.get("cwd").is_some_and(|cwd| cwd == "/") {
    fields.remove("cwd");
  }
  for name in SECTIONS {
    let Some(section) = fields.get_mut(name).filter(|section| section.is_object()) else {
      continue;
    };
    let mut inner = sorted(section);
    match name {
      "limits" => inner.remove("deadlineMs"),
      // Where the files go is no part of them.
      "output" => inner.remove("dir"),
      _ => None,
    };
    *section = Value::Object(inner.into_iter().collect());
    if section.as_object().is_some_and(serde_json::Map::is_empty) {
      fields.remove(name);
    }
  }
  Value::Object(fields.into_iter().collect())
}

/// The fields that say something, in the order of their names.
fn sorted(section: &Value) -> BTreeMap<String, Value> {
  let fields = section.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
  fields.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// SHA-256, which every browser has as well, over the parts one after the other.
pub(crate) fn digest(parts: &[&[u8]]) -> [u8; 32] {
  let mut hasher = Sha256::new();
  for part in parts {
    hasher.update(part);
  }
  hasher.finalize().into()
}

#[cfg(test)]
mod tests {
  use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
  };

  use serde_json::Value;

  use super::{Cache, Lookup, relevant};
  use crate::{
    hooks::Plugins,
    host::{BoxFuture, MemoryHost},
    orchestrator::{CancelToken, Job, build},
    protocol::BuildResult,
    request::read_options,
    snapshot::Sources,
    store::{Batch, Family, Found, Key, MemoryStore, Store, StoreError},
  };

  fn options(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
  }

  fn sources(files: &[(&str, &str)]) -> Sources {
    let mut sources = Sources::default();
    for (path, contents) in files {
      sources.write(path, contents.as_bytes()).unwrap();
    }
    sources
  }

  struct Scene {
    cache: Cache,
    host: Arc<MemoryHost>,
  }

  impl Scene {
    fn new() -> Self {
      Self::over(Arc::new(MemoryStore::new(1 << 24)))
    }

    fn over(store: Arc<dyn Store>) -> Self {
      let host = Arc::new(MemoryHost::default());
      let cache = Cache::new(store, Arc::<MemoryHost>::clone(&host));
      Self { cache, host }
    }

    /// Builds by way of the cache, and compares what it gives with a build without it.
    async fn build(&self, written: &Value, sources: &Sources) -> (BuildResult, String) {
      let options = &read_options(written).unwrap();
      let plugins = Plugins::default();
      let job = Job {
        host: Arc::<MemoryHost>::clone(&self.host),
        cancel: CancelToken::new(),
        events: None,
      };
      let cold = build(options, &sources.snapshot(), &plugins, &job).await.unwrap();
      let (result, how) = match self.cache.look_up(written, &plugins, &sources.snapshot()).await {
        Lookup::Found(found) => (found.result, "found".to_owned()),
        Lookup::Missed(recording) => {
          let result = build(options, &recording.snapshot(), &plugins, &job).await.unwrap();
          self.cache.publish(&recording, &result, 100.0).await;
          (result, recording.reason.to_owned())
        }
        Lookup::Unkept(reason) => (cold.clone(), reason.to_owned()),
      };
      assert_eq!(result.ok, cold.ok);
      assert_eq!(result.output_files, cold.output_files);
      assert_eq!(result.diagnostics, cold.diagnostics);
      assert_eq!(result.metafile, cold.metafile);
      (result, how)
    }
  }

  const ENTRY: &str = r#"{"input":"src/main.ts","metafile":true}"#;

  #[tokio::test]
  async fn the_same_sources_are_found_and_others_are_not() {
    let scene = Scene::new();
    let options = options(ENTRY);
    let one = sources(&[
      ("src/main.ts", "import { a } from './a';\nimport('./lazy');\nconsole.log(a as number);"),
      ("src/a.ts", "export const a: number = 1;"),
      ("src/lazy.ts", "export default 1;"),
      ("README.md", "one"),
    ]);
    assert_eq!(scene.build(&options, &one).await.1, "nothing like it was built before");
    assert_eq!(scene.build(&options, &one).await.1, "found");

    // What the build does not read is nobody's concern.
    let mut two = one.clone();
    two.write("README.md", b"two".as_slice()).unwrap();
    two.write("src/unused.ts", b"1".as_slice()).unwrap();
    assert_eq!(scene.build(&options, &two).await.1, "found");

    let mut three = two.clone();
    three.write("src/a.ts", b"export const a = 2;".as_slice()).unwrap();
    assert_eq!(scene.build(&options, &three).await.1, "a file that it reads is another");
    assert_eq!(scene.build(&options, &three).await.1, "found");
    // Both are kept, as when branches are switched.
    assert_eq!(scene.build(&options, &one).await.1, "found");
  }

  #[tokio::test]
  async fn files_that_were_not_there_count() {
    let scene = Scene::new();
    let options = options(ENTRY);
    let mut files = sources(&[
      ("src/main.ts", "import { a } from './a';\nconsole.log(a);"),
      ("src/a/index.ts", "export const a = 'folder';"),
    ]);
    scene.build(&options, &files).await;
    assert_eq!(scene.build(&options, &files).await.1, "found");
    // It is found before the folder is.
    files.write("src/a.ts", b"export const a = 'file';".as_slice()).unwrap();
    let (result, how) = scene.build(&options, &files).await;
    assert_eq!(how, "a file that it reads is another");
    let text = String::from_utf8_lossy(&result.output_files[0].contents);
    assert!(text.contains("\"file\""), "{text}");
    files
      .write(
        "tsconfig.json",
        br#"{"compilerOptions":{"useDefineForClassFields":false}}"#.as_slice(),
      )
      .unwrap();
    assert_eq!(scene.build(&options, &files).await.1, "a file that it reads is another");
    assert_eq!(scene.build(&options, &files).await.1, "found");
  }

  #[tokio::test]
  async fn options_count_and_warnings_come_back() {
    let scene = Scene::new();
    let files = sources(&[("src/main.ts", "eval('1');\nexport const x = 1;")]);
    let plain = options(ENTRY);
    let (result, _) = scene.build(&plain, &files).await;
    assert!(!result.diagnostics.is_empty(), "there is a warning to come back");
    assert_eq!(scene.build(&plain, &files).await.1, "found");
    let minified = options(r#"{"input":"src/main.ts","output":{"minify":true}}"#);
    assert_eq!(scene.build(&minified, &files).await.1, "nothing like it was built before");
    let hurried =
      options(r#"{"input":"src/main.ts","metafile":true,"limits":{"deadlineMs":9000}}"#);
    assert_eq!(scene.build(&hurried, &files).await.1, "found");
  }

  #[test]
  fn requests_are_written_as_in_a_tab() {
    let text = include_str!("../../../tests/cache/records.json");
    let examples: Value = serde_json::from_str(text).unwrap();
    for example in examples["requests"].as_array().unwrap() {
      assert_eq!(relevant(&example["options"]).to_string(), example["text"].as_str().unwrap());
    }
  }

  /// A store that fails once.
  struct Flaky {
    store: MemoryStore,
    /// How many operations go before the one that fails.
    left: AtomicUsize,
    count: AtomicUsize,
  }

  impl Flaky {
    fn fails(&self) -> Result<(), StoreError> {
      self.count.fetch_add(1, Ordering::Relaxed);
      if self.left.fetch_sub(1, Ordering::Relaxed) == 0 {
        return Err(StoreError::Failed("it was to fail".to_owned()));
      }
      Ok(())
    }
  }

  impl Store for Flaky {
    fn get(&self, family: Family, keys: &[Key]) -> BoxFuture<Found> {
      match self.fails() {
        Ok(()) => self.store.get(family, keys),
        Err(error) => Box::pin(std::future::ready(Err(error))),
      }
    }

    fn commit(&self, batch: Batch) -> BoxFuture<Result<(), StoreError>> {
      let failed = self.fails();
      // A beginning of it may have got through.
      let half = batch.writes.iter().take(1).cloned().collect();
      let batch = if failed.is_err() { Batch { writes: half, ..Batch::default() } } else { batch };
      let committed = self.store.commit(batch);
      if let Err(error) = failed {
        return Box::pin(std::future::ready(Err(error)));
      }
      committed
    }
  }

  #[tokio::test]
  async fn any_operation_of_a_store_may_fail_once() {
    let options = options(ENTRY);
    let states: Vec<Sources> = (0..3)
      .map(|state| {
        let lazy = format!("export default {state};");
        sources(&[("src/main.ts", "import('./lazy');\nconsole.log(1);"), ("src/lazy.ts", &lazy)])
      })
      .collect();
    let mut operations = usize::MAX;
    let mut failing = 0;
    while failing < operations {
      let store = Arc::new(Flaky {
        store: MemoryStore::new(1 << 24),
        left: AtomicUsize::new(failing),
        count: AtomicUsize::new(0),
      });
      let scene = Scene::over(Arc::<Flaky>::clone(&store));
      // Compared with a build without it, each time.
      for state in [0, 0, 1, 2, 1, 0, 2, 2] {
        scene.build(&options, &states[state]).await;
      }
      operations = store.count.load(Ordering::Relaxed);
      store.left.store(usize::MAX, Ordering::Relaxed);
      for state in &states {
        assert_eq!(scene.build(&options, state).await.1, "found", "operation {failing}");
      }
      failing += 1;
    }
    assert!(failing > 20, "only {failing} operations");
  }

  #[tokio::test]
  async fn failures_are_not_kept() {
    let scene = Scene::new();
    let files = sources(&[("src/main.ts", "const = 1;")]);
    let options = options(ENTRY);
    for _ in 0..2 {
      let (result, how) = scene.build(&options, &files).await;
      assert!(!result.ok);
      assert_eq!(how, "nothing like it was built before");
    }
  }
}
