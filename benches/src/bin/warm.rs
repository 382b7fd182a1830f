//! Times the engine inside a process that has run the same work before, and
//! prints milliseconds as JSON.
//!
//! `warm build <task>` builds one folder over and over on one thread, its files
//! in memory, as `warm.mjs` does in WebAssembly. `warm transform <task>`
//! transforms every TypeScript module of a folder, each by itself, on all
//! processors. A task is a JSON object; `native.mjs` makes it.

#![expect(clippy::disallowed_methods, reason = "the machine's clock is what this is about")]

use std::{
  env,
  error::Error,
  fs,
  path::{Path, PathBuf},
  process::ExitCode,
  sync::Arc,
  thread,
  time::{Duration, Instant},
};

use nexxo::{
  build,
  diagnostic::format,
  hooks::Plugins,
  host::MemoryHost,
  orchestrator::{CancelToken, Job},
  protocol::{BuildResult, Diagnostic, TransformRequest},
  request::read_options,
  snapshot::Sources,
  transform,
};
use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};
use serde::Deserialize;
use serde_json::{Value, json};

// The `nexxo` command's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What the `nexxo` command gives its threads too: long chains of modules and deep nests recurse.
const STACK_BYTES: usize = 64 * 1024 * 1024;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "this is a command")]
fn main() -> ExitCode {
  let arguments: Vec<_> = env::args().skip(1).collect();
  let outcome = match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
    ["build", task] => serde_json::from_str(task).map_err(Into::into).and_then(time_builds),
    ["transform", task] => {
      serde_json::from_str(task).map_err(Into::into).and_then(|task| time_transforms(&task))
    }
    _ => Err("Usage: warm build|transform <task>".into()),
  };
  match outcome {
    Ok(figures) => {
      println!("{figures}");
      ExitCode::SUCCESS
    }
    Err(problem) => {
      eprintln!("{problem}");
      ExitCode::FAILURE
    }
  }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BuildTask {
  root: PathBuf,
  /// Where the last build's files go, for whoever wants to see that they are right.
  out: PathBuf,
  options: Value,
  /// So many builds pass unmeasured at least, and as many as fit into so many milliseconds.
  warm_up_builds: usize,
  warm_up_ms: u64,
  builds: usize,
}

fn time_builds(task: BuildTask) -> Outcome<Value> {
  rayon::ThreadPoolBuilder::new().num_threads(1).stack_size(STACK_BYTES).build_global()?;
  let builder = thread::Builder::new().stack_size(STACK_BYTES).spawn(move || {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(build_repeatedly(&task))
  })?;
  builder.join().map_err(|_| "a build panicked")?
}

async fn build_repeatedly(task: &BuildTask) -> Outcome<Value> {
  let mut sources = Sources::default();
  for path in files_below(&task.root)? {
    sources
      .write(&view_path(&task.root, &path), fs::read(&path)?)
      .map_err(|problem| format(&problem))?;
  }
  let options = read_options(&task.options).map_err(|problems| sentences(&problems))?;
  // The same clock for ever: no deadline passes, and no time goes into telling it.
  let job = Job { host: Arc::new(MemoryHost::default()), cancel: CancelToken::new(), events: None };
  let plugins = Plugins::default();
  let build_once = async || -> Outcome<BuildResult> {
    let result = build(&options, &sources.snapshot(), &plugins, &job)
      .await
      .map_err(|problem| format(&problem))?;
    if result.ok { Ok(result) } else { Err(sentences(&result.diagnostics).into()) }
  };

  let start = Instant::now();
  let mut passed = 0;
  while passed < task.warm_up_builds || start.elapsed() < Duration::from_millis(task.warm_up_ms) {
    build_once().await?;
    passed += 1;
  }
  let mut ms = Vec::with_capacity(task.builds);
  let mut last = None;
  for _ in 0..task.builds {
    let start = Instant::now();
    let result = build_once().await?;
    ms.push(milliseconds(start.elapsed()));
    last = Some(result);
  }
  for file in last.iter().flat_map(|result| &result.output_files) {
    let path = task.out.join(&file.file_name);
    fs::create_dir_all(path.parent().unwrap_or(&task.out))?;
    fs::write(path, &file.contents)?;
  }
  Ok(json!({ "ms": ms }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TransformTask {
  root: PathBuf,
  warm_up_ms: u64,
  rounds: usize,
}

fn time_transforms(task: &TransformTask) -> Outcome<Value> {
  rayon::ThreadPoolBuilder::new().stack_size(STACK_BYTES).build_global()?;
  let mut modules = Vec::new();
  for path in files_below(&task.root)? {
    if path.extension().is_some_and(|extension| extension == "ts" || extension == "tsx") {
      let request = TransformRequest {
        file_name: Some(view_path(&task.root, &path)),
        ..TransformRequest::default()
      };
      modules.push((fs::read_to_string(&path)?, request));
    }
  }
  let transform_all = || -> Outcome<usize> {
    let results: Vec<_> =
      modules.par_iter().map(|(code, request)| transform(code, request)).collect();
    match results.iter().find(|result| !result.ok) {
      Some(result) => Err(sentences(&result.diagnostics).into()),
      None => Ok(results.iter().map(|result| result.code.len()).sum()),
    }
  };

  let start = Instant::now();
  let mut bytes = transform_all()?;
  let first = milliseconds(start.elapsed());
  while start.elapsed() < Duration::from_millis(task.warm_up_ms) {
    transform_all()?;
  }
  let mut ms = Vec::with_capacity(task.rounds);
  for _ in 0..task.rounds {
    let start = Instant::now();
    bytes = transform_all()?;
    ms.push(milliseconds(start.elapsed()));
  }
  Ok(json!({ "ms": ms, "firstMs": first, "modules": modules.len(), "bytes": bytes }))
}

/// All files below a folder, in no order that means anything.
fn files_below(root: &Path) -> Outcome<Vec<PathBuf>> {
  let mut files = Vec::new();
  let mut folders = vec![root.to_path_buf()];
  while let Some(folder) = folders.pop() {
    for entry in fs::read_dir(&folder)? {
      let entry = entry?;
      if entry.file_type()?.is_dir() {
        folders.push(entry.path())
      } else {
        files.push(entry.path())
      }
    }
  }
  Ok(files)
}

/// `/src/main.tsx` for a file below the root.
fn view_path(root: &Path, path: &Path) -> String {
  let inside = path.strip_prefix(root).unwrap_or(path);
  inside
    .components()
    .fold(String::new(), |path, part| path + "/" + &part.as_os_str().to_string_lossy())
}

fn sentences(problems: &[Diagnostic]) -> String {
  problems.iter().map(format).collect::<Vec<_>>().join("\n")
}

fn milliseconds(duration: Duration) -> f64 {
  duration.as_secs_f64() * 1000.0
}
