//! Runs the six stages: one build at a time in a context, at most one waiting,
//! each with a deadline, all of them cancellable.
//!
//! A build that is cancelled or late is answered at once and winds down by
//! itself: rolldown's tasks must not be dropped half way, so reads and hooks
//! fail instead until nothing is left to do. Its context waits for that.

use std::{
  fmt,
  path::Path,
  sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
  },
};

use indexmap::IndexMap;
use rolldown::Bundler;
use tokio::sync::{OwnedMutexGuard, oneshot};

use crate::{
  bundler::{self, Prepared},
  check::{Checker, in_order},
  describe,
  diagnostic::{
    cancelled, deadline_exceeded, internal, missing_cwd, missing_tsconfig, nearest,
    output_conflict, shown_id, superseded,
  },
  emit,
  env::{self, Environment},
  execute::{self, Earlier, Executed},
  graph::Graph,
  hmr::Pages,
  hooks::Plugins,
  host::Host,
  library,
  plan::{self, Scope, UpdateScope},
  protocol::{
    BuildOptions, BuildResult, Diagnostic, ExplainEvent, LibraryOptions, Limits, OutputFile, Patch,
    Stage, StageEvent, Tsconfig, UpdateResult,
  },
  snapshot::{Changes, FileLimits, GuardedView, Snapshot, normalize_path},
  web::Web,
};

/// Stops a build from the outside. Clones stop the same build.
pub use tokio_util::sync::CancellationToken as CancelToken;

/// Told what a build does, in order.
pub type EventSink = Arc<dyn Fn(ExplainEvent) + Send + Sync>;

/// What a build runs with.
#[derive(Clone)]
pub struct Job {
  pub host: Arc<dyn Host>,
  pub cancel: CancelToken,
  pub events: Option<EventSink>,
}

impl fmt::Debug for Job {
  fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.debug_struct("Job").field("cancel", &self.cancel).finish_non_exhaustive()
  }
}

/// Builds once. Has to be called on a tokio runtime.
///
/// Mistakes in options and sources are part of the result, which then has no
/// output files.
///
/// # Errors
/// `CANCELLED` or `DEADLINE_EXCEEDED`; `INTERNAL` where the engine itself failed.
pub async fn build(
  options: &BuildOptions,
  snapshot: &Snapshot,
  plugins: &Plugins,
  job: &Job,
) -> Result<BuildResult, Diagnostic> {
  let mut state = State::new(Arc::new(options.clone()), plugins.clone(), false);
  let (snapshot, own_job, stop) = (snapshot.clone(), job.clone(), CancelToken::new());
  let own_stop = stop.clone();
  let task = async move {
    let result = state.run(&snapshot, None, &own_job, own_stop).await;
    state.close().await;
    result
  };
  drive(task, &stop, limits_of(options).deadline_ms(), job).await
}

/// Builds a library in all its formats, and what is of none.
async fn build_library(
  given: &BuildOptions,
  library: &LibraryOptions,
  plugins: &Plugins,
  snapshot: &Snapshot,
  job: &Job,
  stop: &CancelToken,
) -> BuildResult {
  let mut result = BuildResult::default();
  for (at, format) in library::formats(library, given.output.as_ref()).into_iter().enumerate() {
    let options = library::options_for(given, library, format, at == 0, snapshot);
    let mut state = State::new(Arc::new(options), plugins.clone(), false);
    // One within the other only in name: these options are no library's.
    let next = Box::pin(state.run(snapshot, None, job, stop.clone())).await;
    state.close().await;
    if at == 0 {
      result = next;
    } else {
      result.add(next);
    }
    if !result.ok {
      return result;
    }
  }
  let cwd = normalize_path(given.cwd.as_deref().unwrap_or("/")).unwrap_or_default();
  let (files, diagnostics) =
    library::complete(given, library, Path::new(&cwd), snapshot, &result.output_files);
  result.complete(files, diagnostics);
  result
}

impl BuildResult {
  /// Takes the files of another format of the same library. What is the same is there once.
  fn add(&mut self, other: Self) {
    let is_new = |file: &OutputFile| {
      !self
        .output_files
        .iter()
        .any(|known| known.file_name == file.file_name && known.contents == file.contents)
    };
    let new: Vec<OutputFile> = other.output_files.into_iter().filter(is_new).collect();
    for file in &new {
      if self.output_files.iter().any(|known| known.file_name == file.file_name) {
        self.diagnostics.push(output_conflict(&file.file_name));
      }
    }
    let told = |diagnostic: &Diagnostic| !self.diagnostics.contains(diagnostic);
    let told: Vec<Diagnostic> = other.diagnostics.into_iter().filter(told).collect();
    self.diagnostics.extend(told);
    self.output_files.extend(new);
    self.stages.extend(other.stages);
    self.settle();
  }

  /// Takes what is of no format, and what is wrong with it.
  fn complete(&mut self, files: Vec<OutputFile>, diagnostics: Vec<Diagnostic>) {
    self.output_files.extend(files);
    self.diagnostics.extend(diagnostics);
    self.settle();
  }

  fn settle(&mut self) {
    self.diagnostics = in_order(std::mem::take(&mut self.diagnostics));
    self.ok = !self.diagnostics.iter().any(Diagnostic::is_error);
    if !self.ok {
      self.output_files.clear();
    }
  }
}

/// A build that can be repeated, and then does only what changed.
///
/// One rebuild runs and at most one waits; a newer one takes the waiting one's place.
pub struct Context {
  state: Arc<tokio::sync::Mutex<State>>,
  waiting: Mutex<Option<oneshot::Sender<()>>>,
  /// Whether a rebuild ended before it began, so that nobody has read its changes.
  missed: AtomicBool,
  deadline_ms: u64,
}

impl fmt::Debug for Context {
  fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.debug_struct("Context").finish_non_exhaustive()
  }
}

impl Context {
  pub fn new(options: BuildOptions, plugins: Plugins) -> Self {
    let deadline_ms = limits_of(&options).deadline_ms();
    let state = State::new(Arc::new(options), plugins, true);
    Self {
      state: Arc::new(tokio::sync::Mutex::new(state)),
      waiting: Mutex::default(),
      missed: AtomicBool::new(false),
      deadline_ms,
    }
  }

  /// Builds again. `changes` is what differs from the snapshot of the last
  /// rebuild that was started; without it, everything is read again.
  ///
  /// # Errors
  /// As [`build`], and `SUPERSEDED` where a newer rebuild took the place of this one.
  pub async fn rebuild(
    &self,
    snapshot: &Snapshot,
    changes: Option<&Changes>,
    job: &Job,
  ) -> Result<BuildResult, Diagnostic> {
    let mut state = match self.enter(job).await {
      Ok(state) => state,
      Err(diagnostic) => {
        self.missed.store(true, Ordering::SeqCst);
        return Err(diagnostic);
      }
    };
    let changes = changes.filter(|_| !self.missed.swap(false, Ordering::SeqCst));
    let (snapshot, changes, own_job) = (snapshot.clone(), changes.cloned(), job.clone());
    let stop = CancelToken::new();
    let own_stop = stop.clone();
    let task = async move { state.run(&snapshot, changes.as_ref(), &own_job, own_stop).await };
    drive(task, &stop, self.deadline_ms, job).await
  }

  /// A page loads what the last rebuild gave. From now on, updates have patches for it.
  pub async fn connect(&self, page: &str) {
    self.state.lock().await.pages.connect(page);
  }

  /// Forgets a page.
  pub async fn disconnect(&self, page: &str) {
    self.state.lock().await.pages.disconnect(page);
  }

  /// Makes what the connected pages need to become what the sources are now.
  /// `changes` is what differs from the last update or the rebuild before it.
  ///
  /// # Errors
  /// As [`Context::rebuild`].
  pub async fn update(
    &self,
    snapshot: &Snapshot,
    changes: &Changes,
    job: &Job,
  ) -> Result<UpdateResult, Diagnostic> {
    let mut state = Arc::clone(&self.state).lock_owned().await;
    let (snapshot, changes, own_job) = (snapshot.clone(), changes.clone(), job.clone());
    let stop = CancelToken::new();
    let own_stop = stop.clone();
    let task = async move { state.update(&snapshot, &changes, &own_job, own_stop).await };
    drive(task, &stop, self.deadline_ms, job).await
  }

  /// The code of modules that a page has only as part of a chunk, by their ids.
  ///
  /// # Errors
  /// As [`Context::rebuild`].
  pub async fn factories(
    &self,
    page: &str,
    modules: &[String],
    job: &Job,
  ) -> Result<String, Diagnostic> {
    let mut state = Arc::clone(&self.state).lock_owned().await;
    let (page, modules) = (page.to_owned(), modules.to_vec());
    let stop = CancelToken::new();
    let task = async move { state.factories(&page, &modules).await };
    drive(task, &stop, self.deadline_ms, job).await
  }

  async fn enter(&self, job: &Job) -> Result<OwnedMutexGuard<State>, Diagnostic> {
    if let Ok(state) = Arc::clone(&self.state).try_lock_owned() {
      return Ok(state);
    }
    let (replaced_by_next, replaced) = oneshot::channel();
    // Dropping the sender of the one that waited tells it that it was replaced.
    *self.waiting() = Some(replaced_by_next);
    tokio::select! {
      biased;
      _ = replaced => Err(superseded()),
      () = job.cancel.cancelled() => Err(cancelled()),
      state = Arc::clone(&self.state).lock_owned() => Ok(state),
    }
  }

  fn waiting(&self) -> std::sync::MutexGuard<'_, Option<oneshot::Sender<()>>> {
    self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
  }
}

/// Waits for a build, until it is cancelled or late.
async fn drive<T: Send + 'static>(
  task: impl Future<Output = T> + Send + 'static,
  stop: &CancelToken,
  deadline_ms: u64,
  job: &Job,
) -> Result<T, Diagnostic> {
  if job.cancel.is_cancelled() {
    return Err(cancelled());
  }
  if deadline_ms == 0 {
    return Err(deadline_exceeded(deadline_ms));
  }
  let outcome = tokio::select! {
    biased;
    () = job.cancel.cancelled() => Err(cancelled()),
    joined = tokio::spawn(task) => joined.map_err(|error| internal(&panic_message(error))),
    () = job.host.sleep(deadline_ms) => Err(deadline_exceeded(deadline_ms)),
  };
  if outcome.is_err() {
    stop.cancel();
  }
  outcome
}

fn panic_message(error: tokio::task::JoinError) -> String {
  match error.try_into_panic() {
    Ok(payload) => payload
      .downcast_ref::<String>()
      .cloned()
      .or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned()))
      .unwrap_or_else(|| "it panicked".to_owned()),
    Err(_) => "its runtime was shut down".to_owned(),
  }
}

fn limits_of(options: &BuildOptions) -> Limits {
  options.limits.clone().unwrap_or_default()
}

/// What a build keeps, for the next one in the same context.
struct State {
  options: Arc<BuildOptions>,
  plugins: Plugins,
  incremental: bool,
  made: Option<Made>,
  pages: Pages,
}

/// The bundler and what it last gave. Absent before the first build and after a broken one.
struct Made {
  bundler: Bundler,
  view: Arc<GuardedView>,
  web: Arc<Web>,
  environment: Environment,
  prepared_warnings: Vec<Diagnostic>,
  cwd: std::path::PathBuf,
  left: Earlier,
  /// The modules that changed since, where they could not be read.
  unread: Vec<String>,
  /// Whether an update since the last build changed which modules there are, or what they import.
  reshaped: bool,
  result: Option<BuildResult>,
}

impl State {
  fn new(options: Arc<BuildOptions>, plugins: Plugins, incremental: bool) -> Self {
    Self { options, plugins, incremental, made: None, pages: Pages::default() }
  }

  /// The data's path: init, graph, plan, check, execute, emit.
  async fn run(
    &mut self,
    snapshot: &Snapshot,
    changes: Option<&Changes>,
    job: &Job,
    stop: CancelToken,
  ) -> BuildResult {
    let (options, incremental) = (Arc::clone(&self.options), self.incremental);
    if let Some(library) = options.library.as_ref().filter(|_| options.dev.is_none()) {
      return build_library(&options, library, &self.plugins, snapshot, job, &stop).await;
    }
    let mut progress = Progress::new(job, options.explain == Some(true));

    // What changed since the last update, the pages are not told by this build.
    self.pages.missed |= changes.is_none_or(|changes| !changes.is_empty());

    // 1. init
    self.check_environment(snapshot);
    let made = match self.init(snapshot, &job.host, &stop).await {
      Ok(made) => made,
      Err(diagnostics) => {
        progress.done(Stage::Init, &[("errors", diagnostics.len())]);
        return progress.failure(diagnostics);
      }
    };
    made.view.begin(snapshot.clone(), stop);
    // What came of an earlier build is taken, so that a build which ends early leaves nothing half new.
    let (earlier, last) = (std::mem::take(&mut made.left), made.result.take());
    let unread = std::mem::take(&mut made.unread);
    let cwd = made.cwd.to_string_lossy().into_owned();
    let touches_web =
      changes.is_some_and(|changes| !made.web.made_from(&changes.paths()).is_empty());
    let scope = if std::mem::take(&mut made.reshaped) {
      Scope::Full { reason: "an update changed what modules import" }
    } else if incremental && touches_web {
      // Its module may be what it was, and what it stands for be another.
      Scope::Full { reason: "a style sheet or an asset changed" }
    } else if incremental {
      plan::scope(earlier.graph.as_ref(), changes, &unread, snapshot)
    } else {
      Scope::Full { reason: "it is a build of its own" }
    };
    progress.done(Stage::Init, &[("entries", bundler::inputs(&options).len())]);
    if let (Scope::Nothing, Some(last)) = (&scope, &last) {
      progress.event(plan::rebuild_event(&scope, changes, &cwd));
      let result = progress.unchanged(last);
      made.left = earlier;
      made.result = Some(last.clone());
      return result;
    }

    // 2. graph, 3. plan, 4. check, 5. execute
    let view = Arc::clone(&made.view);
    let checker =
      Checker { options: &options, cwd: &made.cwd, view: &view, snapshot: snapshot.clone() };
    progress.rebuild = incremental.then(|| (changes.cloned(), cwd.clone()));
    let read = scope.modules().to_vec();
    let Executed { output, mut diagnostics, left } =
      execute::execute(&mut made.bundler, incremental, scope, earlier, &checker, &mut progress)
        .await;
    diagnostics.extend(made.prepared_warnings.iter().cloned());
    let (Some(graph), Some(output)) = (&left.graph, output) else {
      if left.graph.is_some() {
        (made.left, made.unread, made.result) = (left, read, last);
      }
      return progress.failure(diagnostics);
    };

    // 6. emit
    let ids = graph.modules.iter().map(|module| module.id.as_str());
    diagnostics.extend(made.web.warnings(ids));
    let mut emitted = emit::emit(output, graph, &options, &made.cwd, snapshot, &made.web);
    if emitted.files.iter().any(|file| file.is_entry) {
      match made.web.pages(&emitted.files).await {
        Ok(pages) => {
          emitted.files.retain(|file| !made.web.is_hollow(file));
          emit::add(&mut emitted, pages);
        }
        Err(mistake) => diagnostics.push(mistake),
      }
    }
    for event in std::mem::take(&mut emitted.events) {
      progress.event(event);
    }
    if !emitted.files.is_empty() {
      let (cwd, web) = (&made.cwd, &made.web);
      let told = describe::describe(&mut emitted, &options, cwd, snapshot, web, &*job.host).await;
      diagnostics.extend(told);
    }
    let bytes = emitted.files.iter().map(|file| file.contents.len()).sum();
    progress.done(Stage::Emit, &[("files", emitted.files.len()), ("bytes", bytes)]);
    diagnostics.extend(emitted.diagnostics);
    if diagnostics.iter().any(Diagnostic::is_error) {
      return progress.failure(diagnostics);
    }
    let result = BuildResult {
      ok: true,
      output_files: emitted.files,
      diagnostics: in_order(diagnostics),
      metafile: emitted.metafile,
      stages: progress.stages,
    };
    if incremental {
      made.left = left;
      made.result = Some(result.clone());
    }
    result
  }

  /// Gives a bundler up whose environment is another now: it is part of its options. Says whether it did.
  fn check_environment(&mut self, snapshot: &Snapshot) -> bool {
    self.made.take_if(|made| !made.environment.holds(snapshot)).is_some()
  }

  async fn init(
    &mut self,
    snapshot: &Snapshot,
    host: &Arc<dyn Host>,
    stop: &CancelToken,
  ) -> Result<&mut Made, Vec<Diagnostic>> {
    if self.made.is_none() {
      let environment =
        env::of(&self.options, snapshot, &**host).await.map_err(|mistake| vec![mistake])?;
      let mut applied = environment.applied(&self.options);
      env::find_targets(&mut applied, &**host).await.map_err(|mistake| vec![mistake])?;
      let Prepared { options, cwd, mut warnings } = bundler::prepare(&applied, self.incremental)?;
      warnings.extend(environment.warnings.iter().cloned());
      if cwd.parent().is_some() && !snapshot.is_folder(&cwd) {
        return Err(vec![missing_cwd(&cwd.to_string_lossy())]);
      }
      if let Some(Tsconfig::Path(path)) = &self.options.tsconfig
        && !snapshot.is_file(&cwd.join(path))
      {
        let folder = cwd.join(path).parent().map(Path::to_path_buf).unwrap_or_default();
        let names = snapshot.names_in(&folder);
        let name = path.rsplit('/').next().unwrap_or(path);
        let near = nearest(name, names.iter().map(String::as_str));
        return Err(vec![missing_tsconfig(path, near)]);
      }
      let limits = limits_of(&self.options);
      let view = Arc::new(GuardedView::new(
        snapshot.clone(),
        FileLimits {
          max_file_size: limits.max_file_size.unwrap_or(Limits::MAX_FILE_SIZE),
          max_nesting: limits.max_nesting.unwrap_or(Limits::MAX_NESTING),
          named_types: self
            .options
            .module_types
            .iter()
            .flatten()
            .map(|(extension, _)| extension.trim_start_matches('.').to_owned())
            .collect(),
        },
      ));
      view.begin(snapshot.clone(), stop.clone());
      let checker =
        Checker { options: &self.options, cwd: &cwd, view: &view, snapshot: snapshot.clone() };
      let web = Arc::new(
        Web::new(&applied, &cwd, Arc::clone(host), Arc::clone(&view), environment.in_page())
          .with_plugins(self.plugins.clone()),
      );
      let bundler = bundler::create(options, &self.plugins, self.options.dev.as_ref(), &view, &web)
        .map_err(|errors| checker.translate(errors.into_vec(), None))?;
      warnings.extend(execute::warnings_of(&bundler, &checker));
      let prepared_warnings = warnings;
      self.made = Some(Made {
        bundler,
        view,
        web,
        environment,
        prepared_warnings,
        cwd,
        left: Earlier::default(),
        unread: Vec::new(),
        reshaped: false,
        result: None,
      });
    }
    self.made.as_mut().ok_or_else(Vec::new)
  }

  /// What the pages need of what changed.
  async fn update(
    &mut self,
    snapshot: &Snapshot,
    changes: &Changes,
    job: &Job,
    stop: CancelToken,
  ) -> UpdateResult {
    let since_ms = job.host.now_ms();
    let options = Arc::clone(&self.options);
    let is_another = self.check_environment(snapshot);
    let Some(made) = self.made.as_mut().filter(|made| made.left.graph.is_some()) else {
      return UpdateResult {
        ok: true,
        reload: Some(
          if is_another {
            "the environment changed"
          } else {
            "there is no earlier build to go on from"
          }
          .to_owned(),
        ),
        ..UpdateResult::default()
      };
    };
    let cwd = made.cwd.clone();
    let mut result = UpdateResult {
      ok: true,
      changed: changes.paths().iter().map(|path| shown_id(path, &cwd)).collect(),
      ..UpdateResult::default()
    };
    made.view.begin(snapshot.clone(), stop);
    let checker =
      Checker { options: &options, cwd: &cwd, view: &made.view, snapshot: snapshot.clone() };
    let previous = made.left.graph.as_ref();
    let mut due = self.pages.due(changes);
    // A module changes with all that it was made from.
    let paths = due.paths();
    let made_from = made.web.made_from(&paths).into_iter().filter(|id| !paths.contains(id));
    due.modified.extend(made_from);
    match plan::update_scope(previous, &due) {
      UpdateScope::Nothing => {}
      UpdateScope::Reload { reason } => {
        made.reshaped = true;
        self.pages.settle();
        result.reload = Some(reason.to_owned());
      }
      UpdateScope::Modules => {
        if !changes.added.is_empty() || !changes.removed.is_empty() {
          made.bundler.clear_resolver_cache();
          made.reshaped = true;
        }
        match self.pages.update(&mut made.bundler, &due).await {
          Ok(patches) => {
            let mut modules = [due.added.as_slice(), &due.modified].concat();
            let scanned = Graph::of(&made.bundler, &modules);
            modules.retain(|id| scanned.find(id).is_some());
            made.reshaped |=
              !previous.is_some_and(|previous| plan::keeps_shape(previous, &scanned, &modules));
            result.diagnostics = checker.unresolved_packages(&scanned);
            match patches {
              Ok(patches) => {
                let texts = || patches.iter().map(|patch: &Patch| patch.code.as_str());
                result.output_files = made.web.shown_by(texts);
                result.patches = patches;
              }
              Err(reason) => result.reload = Some(reason),
            }
          }
          Err(errors) => result.diagnostics = checker.translate(errors.into_vec(), None),
        }
        result.ok = !result.diagnostics.iter().any(Diagnostic::is_error);
        if result.ok {
          self.pages.settle();
        } else {
          result.reload = None;
          self.pages.keep(&due, &std::mem::take(&mut result.patches));
        }
      }
    }
    result.duration_ms = job.host.now_ms() - since_ms;
    result
  }

  async fn factories(&mut self, page: &str, modules: &[String]) -> String {
    let Some(made) = &mut self.made else { return String::new() };
    // A module that is gone meanwhile has no code; the page then loads again.
    self.pages.factories(&mut made.bundler, page, modules).await.unwrap_or_default()
  }

  async fn close(mut self) {
    if let Some(made) = &mut self.made {
      execute::close(&mut made.bundler).await;
    }
  }
}

/// What a build has told so far.
pub(crate) struct Progress<'a> {
  job: &'a Job,
  explain: bool,
  since_ms: f64,
  stages: Vec<StageEvent>,
  /// Of a rebuild: what changed, and where paths start from.
  rebuild: Option<(Option<Changes>, String)>,
}

impl<'a> Progress<'a> {
  pub(crate) fn new(job: &'a Job, explain: bool) -> Self {
    Self { job, explain, since_ms: job.host.now_ms(), stages: Vec::new(), rebuild: None }
  }

  /// Ends a stage.
  pub(crate) fn done(&mut self, stage: Stage, counts: &[(&'static str, usize)]) {
    let now_ms = self.job.host.now_ms();
    let event = StageEvent {
      stage,
      duration_ms: now_ms - self.since_ms,
      counts: counts.iter().copied().collect::<IndexMap<_, _>>(),
    };
    self.since_ms = now_ms;
    self.stages.push(event.clone());
    self.send(ExplainEvent::Stage(event));
  }

  /// Stage plan, with what it decided.
  pub(crate) fn plan(&mut self, graph: &Graph, scope: &Scope) {
    if let Some((changes, cwd)) = &self.rebuild {
      let event = plan::rebuild_event(scope, changes.as_ref(), cwd);
      self.event(event);
    }
    let changed = scope.modules();
    if self.explain && self.job.events.is_some() {
      for event in plan::graph_events(graph, changed) {
        self.send(event);
      }
    }
    let all = graph.own_count();
    let read = if matches!(scope, Scope::Partial { .. }) { changed.len() } else { all };
    self.done(Stage::Plan, &[("reused", all - read)]);
  }

  /// A decision, told only to those who ask why.
  fn event(&self, event: ExplainEvent) {
    if self.explain {
      self.send(event);
    }
  }

  fn send(&self, event: ExplainEvent) {
    if let Some(events) = &self.job.events {
      events(event);
    }
  }

  fn failure(self, diagnostics: Vec<Diagnostic>) -> BuildResult {
    BuildResult {
      ok: false,
      diagnostics: in_order(diagnostics),
      stages: self.stages,
      ..BuildResult::default()
    }
  }

  /// The last result again. Its stages are those of this build: it had one.
  fn unchanged(self, last: &BuildResult) -> BuildResult {
    BuildResult { stages: self.stages, ..last.clone() }
  }
}
