//! The machine as the engine's host: its clock, its threads, and Ctrl-C.

use std::{
  io,
  num::NonZero,
  thread,
  time::{Duration, Instant},
};

use nexxo::{
  host::{BoxFuture, Host},
  orchestrator::CancelToken,
};
use nexxo_web::{Reply, Request, answer};

/// A chain of 10,000 modules and deep nests recurse, on every thread. Pages of
/// a stack that nobody touches cost address space only.
const STACK_BYTES: usize = 64 << 20;

#[derive(Debug)]
pub(crate) struct NativeHost {
  start: Instant,
}

impl NativeHost {
  pub(crate) fn new() -> Self {
    #[expect(clippy::disallowed_methods, reason = "the host is where time comes from")]
    let start = Instant::now();
    Self { start }
  }
}

impl Host for NativeHost {
  fn now_ms(&self) -> f64 {
    self.start.elapsed().as_secs_f64() * 1000.0
  }

  fn sleep(&self, duration_ms: u64) -> BoxFuture<()> {
    Box::pin(tokio::time::sleep(Duration::from_millis(duration_ms)))
  }

  fn web(&self, request: Request) -> BoxFuture<Option<Reply>> {
    Box::pin(async move { tokio::task::spawn_blocking(move || answer(&request)).await.ok() })
  }
}

/// Sets the machine up for `threads` threads (all processors where it is
/// `None`) and drives a future to its end.
///
/// # Errors
/// Where the system does not give the threads.
pub(crate) fn run<F, T>(threads: Option<u16>, main: F) -> io::Result<T>
where
  F: Future<Output = T> + Send + 'static,
  T: Send + 'static,
{
  let threads = match threads {
    Some(threads) => usize::from(threads),
    None => thread::available_parallelism().map_or(1, NonZero::get),
  };
  let pool = rayon::ThreadPoolBuilder::new()
    .num_threads(threads)
    .stack_size(STACK_BYTES)
    .thread_name(|index| format!("nexxo-rayon-{index}"));
  pool.build_global().map_err(io::Error::other)?;
  let runtime = tokio::runtime::Builder::new_multi_thread()
    .worker_threads(threads)
    // They read files: more of them than processors only wait for each other.
    .max_blocking_threads(threads.max(4))
    .thread_stack_size(STACK_BYTES)
    .thread_name("nexxo-worker")
    .enable_time()
    .enable_io()
    .build()?;
  // On a thread with a stack of known size, unlike the process' first one.
  let main = runtime.block_on(runtime.spawn(main)).map_err(io::Error::other);
  // What still runs was cancelled; nobody waits for it.
  runtime.shutdown_background();
  main
}

/// Ctrl-C, and the request to end that systems send.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interrupt(CancelToken);

impl Interrupt {
  /// From here on the first interruption asks for an end and the second ends the process.
  pub(crate) fn listen() -> Self {
    let interrupt = Self::default();
    let token = interrupt.token();
    tokio::spawn(async move {
      wait_for_signal().await;
      token.cancel();
      wait_for_signal().await;
      // The user asked twice.
      std::process::exit(130);
    });
    interrupt
  }

  /// Cancelled when the interruption comes.
  pub(crate) fn token(&self) -> CancelToken {
    self.0.clone()
  }
}

async fn wait_for_signal() {
  use tokio::signal::unix::{SignalKind, signal};
  let (Ok(mut interrupt), Ok(mut terminate)) =
    (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
  else {
    // Without handlers the system ends the process, as it would have anyway.
    return std::future::pending().await;
  };
  tokio::select! {
    _ = interrupt.recv() => {}
    _ = terminate.recv() => {}
  }
}
