//! How builds are run: cancelled, late, waiting, replaced, and going on after that.

use std::sync::{
  Arc,
  atomic::{AtomicUsize, Ordering},
};

use nexxo::{
  Context, build,
  hooks::{HookCaller, HookDeclaration, HookName, PluginDeclaration, Plugins},
  host::{BoxFuture, MemoryHost},
  orchestrator::{CancelToken, Job},
  protocol::{BuildOptions, BuildResult, ExplainEvent, RebuildScope},
  request::read_options,
  snapshot::{Changes, Sources},
};
use serde_json::{Value, json};
use tokio::sync::Notify;

fn options(value: Value) -> BuildOptions {
  read_options(&value).expect("the options are right")
}

fn sources(files: &[(&str, &str)]) -> Sources {
  let mut sources = Sources::default();
  for (path, text) in files {
    sources.write(path, text.as_bytes()).expect("the path is right");
  }
  sources
}

fn job(host: &Arc<MemoryHost>) -> Job {
  Job { host: Arc::clone(host) as _, cancel: CancelToken::new(), events: None }
}

fn text(result: &BuildResult) -> &str {
  std::str::from_utf8(&result.output_files[0].contents).expect("code is text")
}

/// A transform that never answers, and tells when it is asked.
#[derive(Default)]
struct Holding {
  asked: Notify,
  calls: AtomicUsize,
}

impl HookCaller for Holding {
  fn call(&self, _: usize, _: HookName, _: Vec<Value>) -> BoxFuture<Result<Value, String>> {
    self.calls.fetch_add(1, Ordering::SeqCst);
    self.asked.notify_one();
    Box::pin(std::future::pending())
  }
}

fn holding() -> (Arc<Holding>, Plugins) {
  let caller = Arc::new(Holding::default());
  let declaration = PluginDeclaration {
    name: "holding".to_owned(),
    hooks: vec![HookDeclaration { hook: HookName::Transform, filter: Some("held".to_owned()) }],
  };
  let plugins = Plugins::new(vec![declaration], Arc::clone(&caller) as _).expect("it can be used");
  (caller, plugins)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_build_ends_at_once() {
  let host = Arc::new(MemoryHost::default());
  let (holding, plugins) = holding();
  let job = job(&host);
  let snapshot = sources(&[("held.js", "export default 1")]).snapshot();
  let cancel = job.cancel.clone();
  let options = options(json!({ "input": "held.js" }));
  let (built, ()) = tokio::join!(build(&options, &snapshot, &plugins, &job), async {
    holding.asked.notified().await;
    cancel.cancel();
  });
  assert_eq!(built.map_err(|diagnostic| diagnostic.code).err(), Some("CANCELLED"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_build_ends_at_its_deadline() {
  let host = Arc::new(MemoryHost::default());
  let (holding, plugins) = holding();
  let job = job(&host);
  let snapshot = sources(&[("held.js", "export default 1")]).snapshot();
  let options = options(json!({ "input": "held.js", "limits": { "deadlineMs": 100 } }));
  let (built, ()) = tokio::join!(build(&options, &snapshot, &plugins, &job), async {
    holding.asked.notified().await;
    host.advance(99);
    assert_eq!(host.sleepers(), 1, "a millisecond before, it is still waited for");
    host.advance(1);
  });
  let diagnostic = built.expect_err("it is late");
  assert_eq!(diagnostic.code, "DEADLINE_EXCEEDED");
  assert!(diagnostic.message.contains("100 ms"), "{}", diagnostic.message);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_those_that_wait_the_newest_wins_and_a_context_goes_on() {
  let host = Arc::new(MemoryHost::default());
  let (holding, plugins) = holding();
  let context = Context::new(options(json!({ "input": "main.js" })), plugins);
  let held = sources(&[("main.js", "import './held.js'"), ("held.js", "export default 1")]);
  let free = sources(&[("main.js", "export default 'free'")]);
  let (first_job, job) = (job(&host), job(&host));
  let (held, free) = (held.snapshot(), free.snapshot());
  let no_changes = Changes::default();
  let (first, second, third, ()) = tokio::join!(
    biased;
    context.rebuild(&held, None, &first_job),
    async {
      holding.asked.notified().await;
      context.rebuild(&held, Some(&no_changes), &job).await
    },
    async {
      while holding.calls.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
      }
      // Two turns, so that the second one waits already.
      for _ in 0..1000 {
        tokio::task::yield_now().await;
      }
      context.rebuild(&free, Some(&no_changes), &job).await
    },
    async {
      while holding.calls.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
      }
      for _ in 0..2000 {
        tokio::task::yield_now().await;
      }
      first_job.cancel.cancel();
    },
  );
  assert_eq!(first.map_err(|diagnostic| diagnostic.code).err(), Some("CANCELLED"));
  assert_eq!(second.map_err(|diagnostic| diagnostic.code).err(), Some("SUPERSEDED"));
  let third = third.expect("the newest runs");
  assert!(third.ok, "{:?}", third.diagnostics);
  assert!(text(&third).contains("free"), "it reads its own snapshot, whatever its changes say");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rebuilds_read_what_changed_and_give_the_bytes_of_builds() {
  let host = Arc::new(MemoryHost::default());
  let given = json!({ "input": "main.ts", "explain": true });
  let context = Context::new(options(given.clone()), Plugins::default());
  let scopes = Arc::new(std::sync::Mutex::new(Vec::new()));
  let told = Arc::clone(&scopes);
  let mut job = job(&host);
  job.events = Some(Arc::new(move |event| {
    if let ExplainEvent::Rebuild(event) = event {
      told.lock().expect("nobody panicked").push(event.scope);
    }
  }));
  let mut sources = sources(&[
    ("main.ts", "import { a } from './a'; import { b } from './b'; console.log(a, b);"),
    ("a.ts", "export const a: number = 1;"),
    ("b.ts", "export const b: string = 'b';"),
    ("unused.ts", "export {};"),
  ]);
  let edits: [(&str, Option<&str>, RebuildScope); 8] = [
    ("a.ts", Some("export const a: number = 1;"), RebuildScope::Full),
    ("a.ts", Some("export const a = 2, more = 3;"), RebuildScope::Partial),
    ("unused.ts", Some("export const x = 1;"), RebuildScope::None),
    ("b.ts", Some("import { more } from './a'; export const b = more;"), RebuildScope::Full),
    ("b.ts", Some("export const b = ;"), RebuildScope::Partial),
    ("b.ts", Some("export const b = 'mended';"), RebuildScope::Full),
    ("c.ts", Some("export const c = 1;"), RebuildScope::Full),
    ("b.ts", Some("export const b = 'last';"), RebuildScope::Partial),
  ];
  let mut before = None;
  for (path, contents, scope) in edits {
    if let Some(contents) = contents {
      sources.write(path, contents.as_bytes()).expect("the path is right");
    }
    let changes = before.as_ref().map(|before| sources.changes_since(before));
    before = Some(sources.clone());
    let rebuilt =
      context.rebuild(&sources.snapshot(), changes.as_ref(), &job).await.expect("nothing stops it");
    let built = build(&options(given.clone()), &sources.snapshot(), &Plugins::default(), &job)
      .await
      .expect("nothing stops it");
    assert_eq!(rebuilt.output_files, built.output_files, "after {path}: {contents:?}");
    assert_eq!(rebuilt.diagnostics, built.diagnostics, "after {path}: {contents:?}");
    let told = scopes.lock().expect("nobody panicked").pop();
    // A scan that failed told of no scope: there was no graph to tell of.
    assert_eq!(told, built.ok.then_some(scope), "after {path}: {contents:?}");
  }
}
