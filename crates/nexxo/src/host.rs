//! The trait [`Host`]: what a build may ask of the place it runs in, and its
//! in-memory twin.
//!
//! Sources are no part of it: a build reads them from an immutable
//! [`Snapshot`](crate::snapshot::Snapshot), because rolldown's reads are
//! synchronous and a browser's are not (`docs/design/edge.md`).

use std::{
  fmt,
  future::Future,
  pin::Pin,
  sync::{Mutex, PoisonError},
};

use nexxo_web::{Answer, EnvFile, Job, PageParts, PagePlan, Reply, Request};
use tokio::sync::oneshot;

/// A future that any thread may drive.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Time, as the platform has it, and what is too large to be part of the engine everywhere. Cheap to
/// call; nothing is cached.
pub trait Host: Send + Sync {
  /// Milliseconds since any fixed moment, never going back. For durations only.
  fn now_ms(&self) -> f64;

  /// Ends after at least that many milliseconds. Dropping it early is fine.
  fn sleep(&self, duration_ms: u64) -> BoxFuture<()>;

  /// Compiles style sheets, and reads and writes pages. None where nobody does: a tab loads that
  /// with the first of them.
  fn web(&self, _: Request) -> BoxFuture<Option<Reply>> {
    Box::pin(std::future::ready(None))
  }
}

impl dyn Host {
  pub(crate) async fn style(&self, job: Job) -> Option<Answer> {
    match self.web(Request::Style(job)).await {
      Some(Reply::Style(answer)) => Some(answer),
      _ => None,
    }
  }

  pub(crate) async fn read_page(&self, text: String) -> Option<PageParts> {
    match self.web(Request::ReadPage { text }).await {
      Some(Reply::ReadPage(parts)) => Some(parts),
      _ => None,
    }
  }

  pub(crate) async fn read_env(&self, files: Vec<String>) -> Option<EnvFile> {
    match self.web(Request::ReadEnv { files }).await {
      Some(Reply::ReadEnv(read)) => Some(read),
      _ => None,
    }
  }

  pub(crate) async fn targets(&self, queries: Vec<String>) -> Option<Result<Vec<String>, String>> {
    match self.web(Request::Targets { queries }).await {
      Some(Reply::Targets { found }) => Some(found),
      _ => None,
    }
  }

  pub(crate) async fn report(&self, data: String) -> Option<String> {
    match self.web(Request::Report { data }).await {
      Some(Reply::Report { text }) => Some(text),
      _ => None,
    }
  }

  pub(crate) async fn write_page(&self, plan: PagePlan) -> Option<String> {
    match self.web(Request::WritePage(plan)).await {
      Some(Reply::WritePage { text }) => text,
      _ => None,
    }
  }
}

/// A clock that stands still until it is advanced.
///
/// Unlike a platform's it never wakes anybody by itself, so a deadline passes
/// only where a test says so.
#[derive(Default)]
pub struct MemoryHost {
  state: Mutex<Clock>,
}

#[derive(Default)]
struct Clock {
  now_ms: u64,
  sleepers: Vec<(u64, oneshot::Sender<()>)>,
}

impl fmt::Debug for MemoryHost {
  fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.debug_struct("MemoryHost").finish_non_exhaustive()
  }
}

impl MemoryHost {
  /// Lets time pass, and wakes those whose time has come.
  pub fn advance(&self, duration_ms: u64) {
    let mut clock = self.clock();
    clock.now_ms += duration_ms;
    let now_ms = clock.now_ms;
    for (_, wake) in clock.sleepers.extract_if(.., |(until_ms, _)| *until_ms <= now_ms) {
      // Whoever does not wait any more needs no waking.
      let _ = wake.send(());
    }
  }

  /// How many sleep now.
  pub fn sleepers(&self) -> usize {
    self.clock().sleepers.len()
  }

  fn clock(&self) -> std::sync::MutexGuard<'_, Clock> {
    self.state.lock().unwrap_or_else(PoisonError::into_inner)
  }
}

impl Host for MemoryHost {
  #[expect(clippy::cast_precision_loss, reason = "tests do not run for millennia")]
  fn now_ms(&self) -> f64 {
    self.clock().now_ms as f64
  }

  fn sleep(&self, duration_ms: u64) -> BoxFuture<()> {
    let (wake, woken) = oneshot::channel();
    let mut clock = self.clock();
    let until_ms = clock.now_ms.saturating_add(duration_ms);
    clock.sleepers.push((until_ms, wake));
    Box::pin(async move {
      if woken.await.is_err() {
        std::future::pending::<()>().await;
      }
    })
  }
}
