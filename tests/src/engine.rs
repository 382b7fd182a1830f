//! The one place where the suite touches the engine: a fixture in, what came of it out.

use std::{
  pin::Pin,
  sync::{Arc, Mutex, PoisonError},
  time::Duration,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use nexxo::{
  Context, build,
  cache::{Cache, Lookup},
  diagnostic::format as format_diagnostic,
  hooks::Plugins,
  host::{BoxFuture, Host},
  orchestrator::{CancelToken, EventSink, Job},
  protocol::{BuildResult, Diagnostic, ExplainEvent, OutputFile, OutputKind},
  request::{read_options, read_transform_request},
  snapshot::{Snapshot, Sources},
  store::{MemoryStore, Store},
  transform,
};
use nexxo_cli::store::FileStore;
use serde_json::{Value, json};

use crate::{
  fixture::{Edit, Fixture, Request, Section, Step, recorded, sha256},
  manners, source_map,
};

/// What came of a fixture.
#[derive(Debug, Default)]
pub struct Observed {
  pub sections: Vec<Section>,
  /// Whatever a user could see, times left out: equal however many threads there are.
  pub detail: String,
  pub files: Vec<(String, Vec<u8>)>,
  /// Promises that did not hold.
  pub broken: Vec<String>,
}

/// In what other way a build is made as well, which has to give the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Also {
  Nothing,
  /// In a context, more than once.
  InContext,
  /// Kept in every store, and found there.
  FromCaches,
}

/// Does what a fixture asks for.
pub async fn check(fixture: &Fixture, also: Also) -> Observed {
  match &fixture.request {
    Request::Transform(request) => check_transform(fixture, request),
    Request::Build(options) => check_build(fixture, options, also).await,
  }
}

/// What is told when nothing was built.
fn refused(diagnostics: &[Diagnostic]) -> Observed {
  let mut observed = Observed::default();
  observed.tell(diagnostics, &Sources::default(), "/");
  observed
}

fn check_transform(fixture: &Fixture, request: &Value) -> Observed {
  let mut observed = Observed::default();
  let Some(Edit::Write(_, code)) = fixture.steps[0].edits.first() else {
    observed.broken.push("there is no code to transform".to_owned());
    return observed;
  };
  let code = String::from_utf8_lossy(code);
  let result = match read_transform_request(request) {
    Ok(request) => transform(&code, &request),
    Err(diagnostics) => return refused(&diagnostics),
  };
  let mut sources = Sources::default();
  let name = request["fileName"].as_str().unwrap_or("input.tsx");
  if sources.write(name, code.as_bytes()).is_ok() {
    observed.tell(&result.diagnostics, &sources, "/");
  }
  if result.ok {
    observed.sections.push(Section::new("code", recorded(result.code.as_bytes())));
  }
  if let Some(map) = &result.map {
    observed.map("code", map.as_bytes(), &result.code);
  }
  observed.detail = serde_json::to_string(&result).unwrap_or_default();
  observed
}

/// What a build gave, and what it said meanwhile.
struct Built {
  outcome: Result<BuildResult, Diagnostic>,
  events: Vec<Value>,
}

async fn check_build(fixture: &Fixture, written: &Value, also: Also) -> Observed {
  let mut observed = Observed::default();
  let options = match read_options(written) {
    Ok(options) => options,
    Err(diagnostics) => return refused(&diagnostics),
  };
  let mut sources = Sources::default();
  if let Err(diagnostic) = apply(&mut sources, &fixture.steps[0]) {
    return refused(&[diagnostic]);
  }
  let job = Collecting::default();
  let outcome = build(&options, &sources.snapshot(), &Plugins::default(), &job.job()).await;
  let mut built = Built { outcome, events: job.take() };

  let steps = &fixture.steps[1..];
  if also == Also::FromCaches {
    observed.compare_with_caches(written, &sources.snapshot(), &built).await;
  }
  if also == Also::InContext || !steps.is_empty() {
    let context = Context::new(options.clone(), Plugins::default());
    let outcome = context.rebuild(&sources.snapshot(), None, &job.job()).await;
    let first = Built { outcome, events: job.take() };
    observed.compare("the first rebuild", &first, "a build", &built);
    if steps.is_empty() {
      let outcome = context.rebuild(&sources.snapshot(), None, &job.job()).await;
      let second = Built { outcome, events: job.take() };
      observed.compare("the second rebuild", &second, "the first", &first);
    }
    for (index, step) in steps.iter().enumerate() {
      let before = sources.clone();
      if let Err(diagnostic) = apply(&mut sources, step) {
        return refused(&[diagnostic]);
      }
      let (snapshot, changes) = (sources.snapshot(), sources.changes_since(&before));
      let outcome = context.rebuild(&snapshot, Some(&changes), &job.job()).await;
      let rebuilt = Built { outcome, events: job.take() };
      let outcome = build(&options, &snapshot, &Plugins::default(), &job.job()).await;
      let clean = Built { outcome, events: job.take() };
      observed.compare(&format!("rebuild {}", index + 1), &rebuilt, "a clean build", &clean);
      built = rebuilt;
    }
  }
  let cwd = options.cwd.as_deref().unwrap_or("/");
  match &built.outcome {
    Ok(result) => observed.tell(&result.diagnostics, &sources, cwd),
    Err(diagnostic) => observed.tell(std::slice::from_ref(diagnostic), &sources, cwd),
  }
  observed.describe(fixture, &built, options.explain == Some(true));
  observed
}

fn apply(sources: &mut Sources, step: &Step) -> Result<(), Diagnostic> {
  for edit in &step.edits {
    match edit {
      Edit::Write(path, contents) => sources.write(path, contents.as_slice())?,
      Edit::Remove(path) => {
        sources.remove(path);
      }
    }
  }
  Ok(())
}

impl Observed {
  /// Records diagnostics, and what is not as it should be about them.
  fn tell(&mut self, diagnostics: &[Diagnostic], sources: &Sources, cwd: &str) {
    if diagnostics.is_empty() {
      return;
    }
    let texts: Vec<String> = diagnostics
      .iter()
      .map(|diagnostic| format!("{}\n", format_diagnostic(diagnostic).trim_end_matches('\n')))
      .collect();
    self.sections.push(Section::new("diagnostics", recorded(texts.join("\n").as_bytes())));
    for diagnostic in diagnostics {
      for problem in manners::problems(diagnostic, sources, cwd) {
        self.broken.push(format!("{}: {problem}", diagnostic.code));
      }
    }
  }

  fn describe(&mut self, fixture: &Fixture, built: &Built, explain: bool) {
    self.detail = built.detail(true);
    let Ok(result) = &built.outcome else { return };
    let has_errors = result.diagnostics.iter().any(Diagnostic::is_error);
    if has_errors == result.ok || (has_errors && !result.output_files.is_empty()) {
      self.broken.push("`ok`, the errors and the output files do not go together".to_owned());
    }
    for file in &result.output_files {
      self.files.push((file.file_name.clone(), file.contents.clone()));
      if file.kind == OutputKind::Sourcemap {
        let of = file.file_name.strip_suffix(".map").unwrap_or(&file.file_name);
        let generated = result.output_files.iter().find(|file| file.file_name == of);
        let generated = generated.map(|file| String::from_utf8_lossy(&file.contents));
        self.map(&file.file_name, &file.contents, &generated.unwrap_or_default());
      } else {
        self
          .sections
          .push(Section::new(format!("output {}", file.file_name), recorded(&file.contents)));
        if let Some(map) = inline_map(&file.contents) {
          self.map(&file.file_name, &map, &String::from_utf8_lossy(&file.contents));
        }
      }
    }
    if fixture.expects("files") {
      let lines: String =
        result.output_files.iter().map(|file| format!("{}\n", facts(file))).collect();
      self.sections.push(Section::new("files", lines));
    }
    if let Some(metafile) = &result.metafile {
      let text = serde_json::to_string_pretty(metafile).unwrap_or_default();
      self.sections.push(Section::new("metafile", format!("{text}\n")));
    }
    if explain {
      let lines: String = built.events.iter().map(|event| format!("{event}\n")).collect();
      self.sections.push(Section::new("events", lines));
    }
  }

  fn map(&mut self, name: &str, map: &[u8], generated: &str) {
    match source_map::describe(map, generated) {
      Ok(text) => {
        let hash = sha256(map);
        self.sections.push(Section::new(format!("map {name}"), format!("{text}sha256 {hash}\n")));
      }
      Err(problem) => self.broken.push(format!("the map {name}: {problem}")),
    }
  }

  /// Keeps a build in each store there is, as if it had taken long, and finds it again.
  async fn compare_with_caches(&mut self, written: &Value, snapshot: &Snapshot, built: &Built) {
    let folder = match tempfile::tempdir() {
      Ok(folder) => folder,
      Err(error) => return self.broken.push(error.to_string()),
    };
    let stores: [(&str, Arc<dyn Store>); 2] = [
      ("memory", Arc::new(MemoryStore::new(1 << 28))),
      ("files", Arc::new(FileStore::new(folder.path(), 1 << 28))),
    ];
    for (name, store) in stores {
      let cache = Cache::new(store, Arc::new(Clock::new()));
      let what = format!("a build that is kept in {name}");
      let search = cache.look_up(written, &Plugins::default(), snapshot).await;
      let recording = match search {
        Lookup::Missed(recording) => recording,
        Lookup::Found(_) => return self.broken.push(format!("{what}: found before it was made")),
        Lookup::Unkept(_) => return,
      };
      let Ok(options) = read_options(written) else { return };
      let job = Collecting::default();
      let outcome = build(&options, &recording.snapshot(), &Plugins::default(), &job.job()).await;
      let watched = Built { outcome, events: job.take() };
      self.compare(&what, &watched, "a plain one", built);
      let Ok(result) = &watched.outcome else { return };
      cache.publish(&recording, result, f64::MAX).await;
      match cache.look_up(written, &Plugins::default(), snapshot).await {
        Lookup::Found(found) => {
          let found = Built { outcome: Ok(found.result), events: Vec::new() };
          self.compare(&what, &found, "a plain one", built);
        }
        Lookup::Missed(missed) if result.ok => {
          self.broken.push(format!("{what} is not found: {}", missed.reason));
        }
        _ => {}
      }
    }
  }

  fn compare(&mut self, what: &str, one: &Built, other_name: &str, other: &Built) {
    let (one, other) = (one.detail(false), other.detail(false));
    if let Some(difference) = first_difference(&one, &other) {
      self.broken.push(format!("{what} gave something else than {other_name}: {difference}"));
    }
  }
}

impl Built {
  /// Everything but durations; with what was said only where it has to be the same.
  fn detail(&self, with_events: bool) -> String {
    let mut lines = Vec::new();
    match &self.outcome {
      Err(diagnostic) => lines.push(json!(diagnostic).to_string()),
      Ok(result) => {
        lines.push(format!("ok {}", result.ok));
        lines.extend(result.diagnostics.iter().map(|diagnostic| json!(diagnostic).to_string()));
        lines.extend(result.output_files.iter().map(facts));
        lines.push(json!(result.metafile).to_string());
        if with_events {
          lines
            .extend(result.stages.iter().map(|stage| without_duration(json!(stage)).to_string()));
        }
      }
    }
    if with_events {
      lines.extend(self.events.iter().map(Value::to_string));
    }
    lines.join("\n")
  }
}

/// All that is known of an output file, in one line.
fn facts(file: &OutputFile) -> String {
  let mut line = format!(
    "{} {} {} bytes {}",
    json!(file.kind).as_str().unwrap_or_default(),
    file.file_name,
    file.contents.len(),
    &sha256(&file.contents)[..16]
  );
  if let Some(name) = &file.name {
    line.push_str(&format!(" name={name}"));
  }
  for (flag, word) in [(file.is_entry, " entry"), (file.is_dynamic_entry, " dynamic-entry")] {
    if flag {
      line.push_str(word);
    }
  }
  if let Some(id) = &file.facade_module_id {
    line.push_str(&format!(" facade={id}"));
  }
  for (key, list) in [
    ("imports", &file.imports),
    ("dynamic-imports", &file.dynamic_imports),
    ("exports", &file.exports),
    ("modules", &file.module_ids),
  ] {
    if !list.is_empty() {
      line.push_str(&format!(" {key}={}", list.join(",")));
    }
  }
  line
}

fn inline_map(contents: &[u8]) -> Option<Vec<u8>> {
  let text = std::str::from_utf8(contents).ok()?;
  let (_, url) = text.rsplit_once("//# sourceMappingURL=data:application/json;")?;
  let (_, encoded) = url.split_once("base64,")?;
  BASE64_STANDARD.decode(encoded.trim_end()).ok()
}

fn without_duration(mut event: Value) -> Value {
  if let Some(event) = event.as_object_mut() {
    event.remove("durationMs");
  }
  event
}

/// Where two texts begin to differ, with the lines there.
pub fn first_difference(one: &str, other: &str) -> Option<String> {
  if one == other {
    return None;
  }
  let (mut ones, mut others) = (one.lines(), other.lines());
  loop {
    let (line, other_line) = (ones.next(), others.next());
    if line != other_line || line.is_none() {
      let shown = |line: Option<&str>| -> String {
        line.map_or("nothing".to_owned(), |line| line.chars().take(600).collect())
      };
      return Some(format!("\n    {}\n  and not\n    {}", shown(line), shown(other_line)));
    }
  }
}

/// A job that keeps what it is told.
#[derive(Default)]
struct Collecting {
  events: Arc<Mutex<Vec<Value>>>,
}

impl Collecting {
  fn job(&self) -> Job {
    let events = Arc::clone(&self.events);
    let sink: EventSink = Arc::new(move |event: ExplainEvent| {
      let event = without_duration(json!(event));
      events.lock().unwrap_or_else(PoisonError::into_inner).push(event);
    });
    Job { host: Arc::new(Clock::new()), cancel: CancelToken::default(), events: Some(sink) }
  }

  fn take(&self) -> Vec<Value> {
    std::mem::take(&mut self.events.lock().unwrap_or_else(PoisonError::into_inner))
  }
}

/// The machine's clock.
struct Clock {
  start: tokio::time::Instant,
}

impl Clock {
  fn new() -> Self {
    Self { start: tokio::time::Instant::now() }
  }
}

impl Host for Clock {
  fn now_ms(&self) -> f64 {
    self.start.elapsed().as_secs_f64() * 1000.0
  }

  fn sleep(&self, duration_ms: u64) -> BoxFuture<()> {
    let sleep: Pin<Box<_>> = Box::pin(tokio::time::sleep(Duration::from_millis(duration_ms)));
    sleep
  }

  fn web(&self, request: nexxo_web::Request) -> BoxFuture<Option<nexxo_web::Reply>> {
    Box::pin(std::future::ready(Some(nexxo_web::answer(&request))))
  }
}
