//! Where results are kept between builds, and `nexxo cache`, which looks after
//! them.

use std::{
  fs,
  io::{self, BufWriter, Read, Write},
  path::{Path, PathBuf},
  sync::Arc,
};

use nexxo::{
  cache::{Cache, FAMILIES, Lookup, Recording, is_right},
  hooks::Plugins,
  host::Host,
  orchestrator::Job,
  protocol::{BuildResult, CacheEvent, CacheOutcome, Diagnostic},
  snapshot::Snapshot,
  store::{Batch, Key, Store},
};
use serde::{Deserialize, Serialize};

use crate::{
  args::{BuildArgs, CacheArgs, CacheCommand},
  build::Outcome,
  config::Project,
  folders,
  host::NativeHost,
  message::{
    cache_archive_unusable, cache_not_there, cache_not_written, invalid_remote_cache, io_problem,
    remote_cache_not_used,
  },
  remote::{RemoteOptions, SharedStore},
  report,
  serve::options::OneOr,
  store::FileStore,
};

const DEFAULT_MAX_SIZE: u64 = 1 << 30;

/// The option `cache` of a configuration, where it is not only whether there is one.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CacheOptions {
  /// From the project's folder.
  dir: Option<String>,
  /// In bytes.
  max_size: Option<u64>,
  remote: Option<RemoteOptions>,
}

/// A search that was none, or found nothing.
pub(crate) fn event(outcome: CacheOutcome, reason: &str) -> CacheEvent {
  CacheEvent { outcome, reason: Some(reason.to_owned()), bytes: 0, saved_ms: 0.0 }
}

/// The cache of one command.
pub(crate) struct Opened {
  cache: Cache,
  store: Arc<FileStore>,
  shared: Option<SharedStore>,
  host: Arc<NativeHost>,
}

/// A result, what came of the search for it, and what is to be kept.
pub(crate) struct Made {
  pub(crate) result: Result<BuildResult, Diagnostic>,
  pub(crate) event: CacheEvent,
  pub(crate) keep: Option<Keep>,
}

/// A result that was made, and how it is found again.
pub(crate) struct Keep {
  recording: Box<Recording>,
  result: BuildResult,
  cost_ms: f64,
}

impl Opened {
  /// The cache that a build is to use; none where it is to use none, or there is nowhere to put it.
  ///
  /// # Errors
  /// `INVALID_REMOTE_CACHE`.
  pub(crate) fn of(
    args: &BuildArgs,
    project: &Project,
    host: &Arc<NativeHost>,
  ) -> Result<Option<Self>, Diagnostic> {
    let (enabled, options) = match &project.command.cache {
      None => (true, CacheOptions::default()),
      Some(OneOr::One(enabled)) => (*enabled, CacheOptions::default()),
      Some(OneOr::Full(options)) => (true, options.clone()),
    };
    if args.no_cache || !enabled {
      return Ok(None);
    }
    let CacheOptions { dir, max_size, remote } = options;
    let folder = args
      .cache_dir
      .clone()
      .or_else(|| dir.map(|dir| project.cwd.join(dir)))
      .or_else(default_folder);
    let Some(folder) = folder else { return Ok(None) };
    let near = Arc::new(FileStore::new(&folder, max_size.unwrap_or(DEFAULT_MAX_SIZE)));
    let shared = match remote_of(args, remote) {
      Some(options) => Some(
        SharedStore::new(Arc::clone(&near), &options)
          .map_err(|problem| invalid_remote_cache(&options.url, &problem))?,
      ),
      None => None,
    };
    let store: Arc<dyn Store> = match &shared {
      Some(shared) => Arc::new(shared.clone()),
      None => Arc::<FileStore>::clone(&near),
    };
    let cache = Cache::new(store, Arc::<NativeHost>::clone(host));
    Ok(Some(Self { cache, store: near, shared, host: Arc::clone(host) }))
  }

  /// Finds a result, or builds it.
  pub(crate) async fn make(
    &self,
    project: &Project,
    snapshot: &Snapshot,
    plugins: &Plugins,
    job: &Job,
  ) -> Made {
    let options = &project.options;
    let since_ms = self.host.now_ms();
    match self.cache.look_up(&project.written, plugins, snapshot).await {
      Lookup::Found(found) => {
        let saved_ms = found.cost_ms - (self.host.now_ms() - since_ms);
        let event =
          CacheEvent { outcome: CacheOutcome::Hit, reason: None, bytes: found.bytes, saved_ms };
        Made { result: Ok(found.result), event, keep: None }
      }
      Lookup::Missed(recording) => {
        let since_ms = self.host.now_ms();
        let result = nexxo::build(options, &recording.snapshot(), plugins, job).await;
        let cost_ms = self.host.now_ms() - since_ms;
        let event = event(CacheOutcome::Miss, recording.reason);
        let kept = result.as_ref().ok().filter(|result| result.ok).cloned();
        let keep = kept.map(|result| Keep { recording, result, cost_ms });
        Made { result, event, keep }
      }
      Lookup::Unkept(reason) => {
        let result = nexxo::build(options, snapshot, plugins, job).await;
        Made { result, event: event(CacheOutcome::Off, reason), keep: None }
      }
    }
  }

  /// Keeps what was made, after whoever waits for it has it.
  pub(crate) async fn keep(&self, Keep { recording, result, cost_ms }: Keep) {
    self.cache.publish(&recording, &result, cost_ms).await;
    if let Some(failure) = self.store.failure() {
      report::idle(&cache_not_written(&failure));
    }
    if let Some(problem) = self.shared.as_ref().and_then(SharedStore::problem) {
      report::idle(&remote_cache_not_used(&problem));
    }
  }
}

/// The remote that the environment or a flag names, over what the configuration says.
fn remote_of(args: &BuildArgs, configured: Option<RemoteOptions>) -> Option<RemoteOptions> {
  let named = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
  let mut options = configured.unwrap_or_default();
  if let Some(url) = args.remote_cache.clone().or_else(|| named("NEXXO_REMOTE_CACHE")) {
    options.url = url;
  }
  if let Some(scope) = named("NEXXO_REMOTE_SCOPE") {
    options.scope = Some(scope);
  }
  if let Some(scopes) = named("NEXXO_REMOTE_READ") {
    options.read_scopes = scopes.split(',').map(|scope| scope.trim().to_owned()).collect();
  }
  options.read_only |= named("NEXXO_REMOTE_READ_ONLY").is_some_and(|value| value != "0");
  (!options.url.is_empty()).then_some(options)
}

fn default_folder() -> Option<PathBuf> {
  std::env::var_os("NEXXO_CACHE_DIR")
    .filter(|folder| !folder.is_empty())
    .map(PathBuf::from)
    .or_else(|| folders::cache().ok().map(|folder| folder.join("builds")))
}

/// `nexxo cache`.
pub(crate) async fn run(args: CacheArgs) -> Outcome {
  let Some(folder) = args.cache_dir.clone().or_else(default_folder) else {
    return refuse(&args, &cache_not_there());
  };
  let store = FileStore::new(&folder, args.max_size.unwrap_or(DEFAULT_MAX_SIZE));
  match &args.command {
    CacheCommand::Stat => stat(&args, &folder, &store),
    CacheCommand::Verify => verify(&args, &store).await,
    CacheCommand::Gc => {
      let before = total(&store);
      let after = store.evict(args.max_size.unwrap_or(DEFAULT_MAX_SIZE));
      let freed = before.saturating_sub(after);
      tell(&args, &Freed { freed_bytes: freed, left_bytes: after }, || {
        format!("{} freed, {} left.", report::size(freed), report::size(after))
      })
    }
    CacheCommand::Clear => {
      let freed = total(&store);
      match store.clear() {
        Ok(()) => tell(&args, &Freed { freed_bytes: freed, left_bytes: 0 }, || {
          format!("{} freed; nothing is left.", report::size(freed))
        }),
        Err(error) => refuse(&args, &cache_archive_unusable(&folder, &io_problem(&error))),
      }
    }
    CacheCommand::Export { file } => match export(&store, file) {
      Ok(count) => tell(&args, &Counted { records: count }, || {
        format!("{count} records written to {}.", file.display())
      }),
      Err(error) => refuse(&args, &cache_archive_unusable(file, &io_problem(&error))),
    },
    CacheCommand::Import { file } => match import(&store, file).await {
      Ok(count) => {
        tell(&args, &Counted { records: count }, || format!("{count} records taken over."))
      }
      Err(error) => refuse(&args, &cache_archive_unusable(file, &io_problem(&error))),
    },
  }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Freed {
  freed_bytes: u64,
  left_bytes: u64,
}

#[derive(Serialize)]
struct Counted {
  records: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Stat<'a> {
  folder: &'a Path,
  bytes: u64,
  families: Vec<FamilyStat>,
}

#[derive(Serialize)]
struct FamilyStat {
  name: &'static str,
  records: u64,
  bytes: u64,
}

fn stat(args: &CacheArgs, folder: &Path, store: &FileStore) -> Outcome {
  let families: Vec<FamilyStat> = store
    .usage()
    .into_iter()
    .map(|(name, usage)| FamilyStat { name, records: usage.records, bytes: usage.bytes })
    .collect();
  let stat = Stat { folder, bytes: families.iter().map(|family| family.bytes).sum(), families };
  tell(args, &stat, || {
    let mut text = format!("{}, {}", folder.display(), report::size(stat.bytes));
    for FamilyStat { name, records, bytes } in &stat.families {
      text.push_str(&format!("\n  {name:<10} {records:>7} records {:>10}", report::size(*bytes)));
    }
    text
  })
}

#[derive(Serialize)]
struct Verified {
  records: usize,
  damaged: usize,
}

/// Reads every record, and removes those that are not as they were written.
async fn verify(args: &CacheArgs, store: &FileStore) -> Outcome {
  let mut verified = Verified { records: 0, damaged: 0 };
  let mut removals = Vec::new();
  for (family, key, bytes) in store.records() {
    verified.records += 1;
    if bytes.is_none() {
      removals.push((family, key));
    }
  }
  verified.damaged = removals.len();
  let _ = store.commit(Batch { removals, ..Batch::default() }).await;
  tell(args, &verified, || match verified.damaged {
    0 => format!("{} records, all as they were written.", verified.records),
    damaged => {
      format!("{} records, of which {damaged} were damaged and are removed.", verified.records)
    }
  })
}

const ARCHIVE: &[u8; 8] = b"nxarch1\n";

/// Writes all records to a file: for each its family's place, its key, its length and its bytes.
fn export(store: &FileStore, file: &Path) -> io::Result<usize> {
  let mut out = BufWriter::new(fs::File::create(file)?);
  out.write_all(ARCHIVE)?;
  let mut count = 0;
  for (family, key, bytes) in store.records() {
    let Some(bytes) = bytes else { continue };
    let place = FAMILIES.iter().position(|(known, _)| *known == family).unwrap_or(0);
    out.write_all(&[u8::try_from(place).unwrap_or(0)])?;
    out.write_all(&key.0)?;
    out.write_all(&(bytes.len() as u64).to_le_bytes())?;
    out.write_all(&bytes)?;
    count += 1;
  }
  out.flush()?;
  Ok(count)
}

/// Takes over the records of such a file that are right. What is there already stays.
async fn import(store: &FileStore, file: &Path) -> io::Result<usize> {
  let mut input = io::BufReader::new(fs::File::open(file)?);
  let mut head = [0; 8];
  input.read_exact(&mut head)?;
  if head != *ARCHIVE {
    return Err(io::Error::new(io::ErrorKind::InvalidData, "it is no archive of a cache"));
  }
  let mut count = 0;
  loop {
    let mut place = [0];
    if input.read(&mut place)? == 0 {
      return Ok(count);
    }
    let (mut key, mut length) = ([0; 32], [0; 8]);
    input.read_exact(&mut key)?;
    input.read_exact(&mut length)?;
    let mut bytes = Vec::new();
    let length = u64::from_le_bytes(length);
    if input.by_ref().take(length).read_to_end(&mut bytes)? as u64 != length {
      return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let Some((family, _)) = FAMILIES.get(usize::from(place[0])) else { continue };
    if !is_right(*family, &Key(key), &bytes) {
      continue;
    }
    let batch = Batch { writes: vec![(*family, Key(key), bytes.into())], ..Batch::default() };
    store.commit(batch).await.map_err(io::Error::other)?;
    count += 1;
  }
}

fn total(store: &FileStore) -> u64 {
  store.usage().values().map(|usage| usage.bytes).sum()
}

fn tell(args: &CacheArgs, value: &impl Serialize, text: impl FnOnce() -> String) -> Outcome {
  if args.json {
    report::give_json(value);
  } else {
    report::give(format!("{}\n", text()).as_bytes());
  }
  Outcome::Done
}

fn refuse(args: &CacheArgs, problem: &Diagnostic) -> Outcome {
  if args.json {
    report::give_json(&report::BuildReport::failed(std::slice::from_ref(problem)));
  } else {
    report::diagnostics(std::slice::from_ref(problem), &str::to_owned);
  }
  Outcome::Io
}
