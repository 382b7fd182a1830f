//! A cache that machines share: records behind an address, by OpenDAL.
//!
//! Nobody waits for it: what it does not have in time, or cannot say, is not
//! there, and after a few failures it is not asked again. What it gives is
//! checked like any record, so that it is trusted with time only. Records are
//! below **scopes**: a build writes to its own, and reads that and those it
//! names, so that what strangers wrote is read by nobody who did not ask for it.

use std::{
  collections::BTreeSet,
  sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU32, Ordering},
  },
  time::Duration,
};

use futures_util::{StreamExt, stream};
use nexxo::{
  cache::{WAYS, is_right},
  host::BoxFuture,
  store::{Batch, Family, Found, Key, Store, StoreError},
};
use opendal::{ErrorKind, Operator};
use opendal_core::OperatorRegistry;
use serde::Deserialize;

use crate::store::FileStore;

/// The option `cache.remote`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RemoteOptions {
  /// `redis://`, `s3://`, `http://`, `https://`, `webdav://` or `fs://`.
  pub(crate) url: String,
  /// What is written to, and read first. Default `shared`.
  pub(crate) scope: Option<String>,
  /// What is read as well.
  pub(crate) read_scopes: Vec<String>,
  pub(crate) read_only: bool,
  /// How long one record is waited for. Default 500.
  pub(crate) timeout_ms: Option<u64>,
}

const DEFAULT_SCOPE: &str = "shared";
const DEFAULT_TIMEOUT: Duration = Duration::from_millis(500);
/// All uploads of a build together.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(20);
/// Records on their way at once.
const CONCURRENCY: usize = 16;
/// After so many it is not asked again.
const MOST_FAILURES: u32 = 2;

/// Records of this machine, and behind them those that are shared.
#[derive(Debug, Clone)]
pub(crate) struct SharedStore {
  near: Arc<FileStore>,
  far: Arc<Far>,
}

#[derive(Debug)]
struct Far {
  operator: Operator,
  reads: Vec<String>,
  writes: Option<String>,
  timeout: Duration,
  /// What came from there, and is near now.
  fetched: Mutex<BTreeSet<Key>>,
  failures: AtomicU32,
  /// The first failure, for whoever asks why nothing came.
  problem: Mutex<Option<String>>,
}

impl SharedStore {
  /// # Errors
  /// What is wrong with the options, as a part of a sentence.
  pub(crate) fn new(near: Arc<FileStore>, options: &RemoteOptions) -> Result<Self, String> {
    let own = options.scope.as_deref().unwrap_or(DEFAULT_SCOPE);
    let mut reads = vec![own.to_owned()];
    reads.extend(options.read_scopes.iter().filter(|scope| *scope != own).cloned());
    for scope in &reads {
      let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
      if scope.is_empty() || scope.starts_with('.') || !scope.chars().all(is_name) {
        return Err(format!("a scope has letters, digits, `-`, `_` and `.`; `{scope}` is none"));
      }
    }
    opendal::init_default_registry();
    // By themselves, as with the others they would bring a second implementation of TLS, in C.
    opendal_http_transport_reqwest::install_default();
    opendal_service_redis::register_redis_service(OperatorRegistry::get());
    // Whoever was first has chosen already.
    let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    let operator = Operator::from_uri(options.url.as_str()).map_err(|error| plain(&error))?;
    let writes = (!options.read_only && operator.info().capability().write).then(|| own.to_owned());
    let timeout = options.timeout_ms.map_or(DEFAULT_TIMEOUT, Duration::from_millis);
    let far = Far {
      operator,
      reads,
      writes,
      timeout,
      fetched: Mutex::default(),
      failures: AtomicU32::new(0),
      problem: Mutex::default(),
    };
    Ok(Self { near, far: Arc::new(far) })
  }

  /// Why it was not asked any more, or not written to.
  pub(crate) fn problem(&self) -> Option<String> {
    self.far.problem.lock().unwrap_or_else(PoisonError::into_inner).clone()
  }
}

impl Far {
  fn is_given_up(&self) -> bool {
    self.failures.load(Ordering::Relaxed) >= MOST_FAILURES
  }

  fn fail(&self, problem: String) {
    self.failures.fetch_add(1, Ordering::Relaxed);
    self.problem.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(problem);
  }

  /// A record of any scope that is read, if it is whole.
  async fn read(&self, family: Family, key: Key) -> Option<Arc<[u8]>> {
    for scope in &self.reads {
      if self.is_given_up() {
        return None;
      }
      match tokio::time::timeout(self.timeout, self.operator.read(&path(scope, family, &key))).await
      {
        Err(_) => self.fail(format!("it did not answer within {} ms", self.timeout.as_millis())),
        Ok(Err(error)) if error.kind() == ErrorKind::NotFound => {}
        Ok(Err(error)) => self.fail(plain(&error)),
        Ok(Ok(bytes)) => {
          let bytes = bytes.to_vec();
          if is_right(family, &key, &bytes) {
            return Some(bytes.into());
          }
        }
      }
    }
    None
  }

  /// Writes what is not there yet: who was first is right.
  async fn write(&self, scope: &str, family: Family, key: Key, bytes: Arc<[u8]>) {
    if self.is_given_up() {
      return;
    }
    let path = path(scope, family, &key);
    let bytes = bytes.to_vec();
    let written = if self.operator.info().capability().write_with_if_not_exists {
      self.operator.write_with(&path, bytes).if_not_exists(true).await.map(drop)
    } else {
      match self.operator.exists(&path).await {
        Ok(true) => Ok(()),
        _ => self.operator.write(&path, bytes).await.map(drop),
      }
    };
    match written {
      Err(error) if error.kind() != ErrorKind::ConditionNotMatch => self.fail(plain(&error)),
      _ => {}
    }
  }
}

impl Store for SharedStore {
  fn get(&self, family: Family, keys: &[Key]) -> BoxFuture<Found> {
    let (own, keys) = (self.clone(), keys.to_vec());
    Box::pin(async move {
      let mut found = own.near.get(family, &keys).await?;
      let missing: Vec<usize> = (0..keys.len()).filter(|&at| found[at].is_none()).collect();
      if missing.is_empty() || own.far.is_given_up() {
        return Ok(found);
      }
      let fetched: Vec<(usize, Option<Arc<[u8]>>)> = stream::iter(missing)
        .map(|at| {
          let (far, key) = (Arc::clone(&own.far), keys[at]);
          async move { (at, far.read(family, key).await) }
        })
        .buffer_unordered(CONCURRENCY)
        .collect()
        .await;
      let mut batch = Batch::default();
      for (at, bytes) in fetched {
        let Some(bytes) = bytes else { continue };
        own.far.fetched.lock().unwrap_or_else(PoisonError::into_inner).insert(keys[at]);
        batch.writes.push((family, keys[at], Arc::clone(&bytes)));
        found[at] = Some(bytes);
      }
      // The next time it is near.
      let _ = own.near.commit(batch).await;
      Ok(found)
    })
  }

  fn commit(&self, mut batch: Batch) -> BoxFuture<Result<(), StoreError>> {
    let own = self.clone();
    Box::pin(async move {
      // Whatever took too long this time: the next time it is near.
      let fetched = own.far.fetched.lock().unwrap_or_else(PoisonError::into_inner).clone();
      batch.removals.retain(|(_, key)| !fetched.contains(key));
      let uploads = batch.writes.clone();
      let near = own.near.commit(batch).await;
      if let Some(scope) = &own.far.writes
        && !uploads.is_empty()
      {
        let (ways, contents): (Vec<_>, Vec<_>) =
          uploads.into_iter().partition(|(family, ..)| *family == WAYS);
        // A way that leads somewhere comes last.
        let all = async {
          for some in [contents, ways] {
            stream::iter(some)
              .for_each_concurrent(CONCURRENCY, |(family, key, bytes)| {
                own.far.write(scope, family, key, bytes)
              })
              .await;
          }
        };
        if tokio::time::timeout(UPLOAD_TIMEOUT, all).await.is_err() {
          own.far.fail(format!("it took more than {} s to write to", UPLOAD_TIMEOUT.as_secs()));
        }
      }
      near
    })
  }
}

fn path(scope: &str, family: Family, key: &Key) -> String {
  let name = key.to_string();
  format!("{scope}/{}/{}/{}", family.0, &name[..2], &name[2..])
}

/// The sentence of an error, without where in which crate it was made.
fn plain(error: &opendal::Error) -> String {
  let text = error.to_string();
  let first = text.lines().next().unwrap_or_default();
  let message = first.rsplit(" => ").next().unwrap_or(first);
  message.trim().trim_end_matches('.').to_owned()
}
