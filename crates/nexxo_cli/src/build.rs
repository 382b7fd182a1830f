//! `nexxo build`: one build, or one after the other with `--watch`.

use std::{
  path::{Component, Path, PathBuf},
  process::ExitCode,
  sync::{Arc, Mutex, PoisonError},
};

use nexxo::{
  hooks::Plugins,
  host::Host,
  orchestrator::Job,
  protocol::{BuildResult, CacheEvent, CacheOutcome, Diagnostic, ExplainEvent},
  snapshot::Snapshot,
};

use crate::{
  EXIT_DONE, EXIT_ERRORS, EXIT_INTERRUPTED, EXIT_IO, EXIT_USAGE,
  args::BuildArgs,
  cache::{self, Opened},
  config::{Project, root_of},
  disk::DiskView,
  host::{Interrupt, NativeHost},
  message::{link_leaves_workspace, out_dir_holds_sources},
  report::{self, BuildReport, FileReport, Progress},
  watch,
  write::{OutputFolder, Written, write_file},
};

/// Codes of mistakes in what was asked for, not in the sources.
const USAGE_CODES: [&str; 5] =
  ["MISSING_INPUT", "UNKNOWN_OPTION", "INVALID_OPTION", "OPTION_CONFLICT", "MISSING_NAME_OPTION"];

/// What every build of one command has in common.
pub(crate) struct Builder {
  pub(crate) args: BuildArgs,
  pub(crate) shell_cwd: PathBuf,
  pub(crate) host: Arc<NativeHost>,
  pub(crate) interrupt: Interrupt,
}

/// How a build ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
  Done,
  Errors,
  Usage,
  Io,
  Interrupted,
}

impl From<Outcome> for ExitCode {
  fn from(outcome: Outcome) -> Self {
    ExitCode::from(match outcome {
      Outcome::Done => EXIT_DONE,
      Outcome::Errors => EXIT_ERRORS,
      Outcome::Usage => EXIT_USAGE,
      Outcome::Io => EXIT_IO,
      Outcome::Interrupted => EXIT_INTERRUPTED,
    })
  }
}

pub(crate) async fn run(args: BuildArgs, shell_cwd: PathBuf) -> Outcome {
  let builder =
    Builder { args, shell_cwd, host: Arc::new(NativeHost::new()), interrupt: Interrupt::listen() };
  if builder.args.watch {
    return watch::run(&builder).await;
  }
  match builder.open() {
    Ok((project, output)) => {
      let view = Arc::new(DiskView::new(project.workspace_root.clone()));
      let plugins = Plugins::default();
      let mut build = Build::start(&builder, &project, &output, &view);
      let snapshot = Snapshot::new(Arc::<DiskView>::clone(&view));
      let opened = match Opened::of(&builder.args, &project, &builder.host) {
        Ok(opened) => opened,
        Err(mistake) => return builder.refuse(&[mistake]),
      };
      let Some(cache) = opened else {
        let result = nexxo::build(&project.options, &snapshot, &plugins, &build.job).await;
        build.cache = Some(cache::event(CacheOutcome::Off, "it is not to be used"));
        return build.finish(result);
      };
      let made = cache.make(&project, &snapshot, &plugins, &build.job).await;
      build.cache = Some(made.event);
      let outcome = build.finish(made.result);
      if let Some(keep) = made.keep {
        let interrupt = builder.interrupt.token();
        // The output is there: who is in a hurry need not wait for this.
        tokio::select! {
          () = interrupt.cancelled() => {}
          () = cache.keep(keep) => {}
        }
      }
      outcome
    }
    Err(mistakes) => builder.refuse(&mistakes),
  }
}

impl Builder {
  /// Reads what is asked for, and checks where output would go before anything is built.
  pub(crate) fn open(&self) -> Result<(Project, OutputFolder), Vec<Diagnostic>> {
    let project = Project::open(&self.args, &self.shell_cwd)?;
    let output =
      OutputFolder::open(&project.out_dir, &project.cwd).map_err(|refused| vec![refused])?;
    Ok((project, output))
  }

  /// Tells of mistakes that leave nothing to build.
  pub(crate) fn refuse(&self, mistakes: &[Diagnostic]) -> Outcome {
    if self.args.json {
      report::give_json(&BuildReport::failed(mistakes));
    } else {
      let root = root_of(&self.args, &self.shell_cwd).unwrap_or_else(|_| self.shell_cwd.clone());
      report::diagnostics(mistakes, &|file| self.shown(&root.join(file)));
      report::failed(mistakes, "; nothing was built");
    }
    Outcome::Usage
  }

  fn shows_progress(&self) -> bool {
    !self.args.json && !self.args.quiet && report::is_interactive()
  }

  /// Compressing for a number takes longer than most builds: only where somebody reads it.
  fn compresses(&self) -> bool {
    self.args.compressed_sizes.unwrap_or_else(|| {
      !self.args.watch && !self.args.quiet && (self.args.json || report::is_interactive())
    })
  }
}

/// One build on its way.
pub(crate) struct Build<'a> {
  pub(crate) job: Job,
  builder: &'a Builder,
  project: &'a Project,
  output: &'a OutputFolder,
  view: Arc<DiskView>,
  events: Arc<Mutex<Vec<ExplainEvent>>>,
  progress: Progress,
  start_ms: f64,
  /// What came of the cache, where it was asked.
  pub(crate) cache: Option<CacheEvent>,
}

impl<'a> Build<'a> {
  pub(crate) fn start(
    builder: &'a Builder,
    project: &'a Project,
    output: &'a OutputFolder,
    view: &Arc<DiskView>,
  ) -> Self {
    let counted = Arc::clone(view);
    let progress = Progress::start(builder.shows_progress(), move || counted.files_read());
    let events: Arc<Mutex<Vec<ExplainEvent>>> = Arc::default();
    let (listener, kept) = (progress.listener(), Arc::clone(&events));
    let explains = project.options.explain == Some(true);
    let sink = move |event: ExplainEvent| {
      listener(&event);
      if explains {
        kept.lock().unwrap_or_else(PoisonError::into_inner).push(event);
      }
    };
    let host: Arc<dyn Host> = Arc::<NativeHost>::clone(&builder.host);
    let job = Job { host, cancel: builder.interrupt.token(), events: Some(Arc::new(sink)) };
    let start_ms = builder.host.now_ms();
    Self {
      job,
      builder,
      project,
      output,
      view: Arc::clone(view),
      events,
      progress,
      start_ms,
      cache: None,
    }
  }

  /// Writes what was built and tells how it went.
  pub(crate) fn finish(self, result: Result<BuildResult, Diagnostic>) -> Outcome {
    let mut result = result.unwrap_or_else(|diagnostic| BuildResult {
      diagnostics: vec![diagnostic],
      ..BuildResult::default()
    });
    if self.job.cancel.is_cancelled() && !result.ok {
      drop(self.progress);
      if self.builder.args.json {
        report::give_json(&BuildReport::new(&result, Vec::new(), None));
      } else {
        report::idle("Interrupted; the output is as it was.");
      }
      return Outcome::Interrupted;
    }
    if !result.ok {
      for diagnostic in &mut result.diagnostics {
        self.project.origin.explain(diagnostic);
      }
      self.explain_refused_links(&mut result.diagnostics);
    }
    let mut outcome = outcome_of(&result);
    let mut written = Written::default();
    if result.ok {
      match self.write(&result) {
        Ok(done) => written = done,
        Err(failure) => {
          outcome = if failure.code == "OUTPUT_NOT_WRITTEN" { Outcome::Io } else { Outcome::Usage };
          result.ok = false;
          result.diagnostics.push(failure);
        }
      }
    }
    let duration_ms = self.builder.host.now_ms() - self.start_ms;
    let Self { builder, project, output, events, progress, cache, .. } = self;
    drop(progress);
    let events = std::mem::take(&mut *events.lock().unwrap_or_else(PoisonError::into_inner));

    let files: &[_] = if result.ok { &result.output_files } else { &[] };
    if builder.args.json {
      let explains = project.options.explain == Some(true);
      let files = FileReport::of(files, builder.compresses());
      let report = BuildReport::new(&result, files, explains.then_some(&events));
      report::give_json(&report.with_cache(cache));
      return outcome;
    }
    report::explain(&events);
    report::diagnostics(&result.diagnostics, &|id| builder.shown(&project.cwd.join(id)));
    if !result.ok {
      report::failed(&result.diagnostics, "; the output is as it was");
    } else if !builder.args.quiet {
      let is_cached = cache.is_some_and(|cache| cache.outcome == CacheOutcome::Hit);
      report_files(builder, output, files, &written, &result.diagnostics, duration_ms, is_cached);
    }
    outcome
  }

  fn write(&self, result: &BuildResult) -> Result<Written, Diagnostic> {
    if let Some(source) = self.view.first_read_below(self.output.path()) {
      return Err(out_dir_holds_sources(self.output.path(), &self.builder.shown(&source)));
    }
    let written = self.output.write(&result.output_files, self.builder.args.keep_stale)?;
    if let (Some(path), Some(metafile)) = (&self.project.metafile, &result.metafile) {
      let mut text = serde_json::to_vec_pretty(metafile).unwrap_or_default();
      text.push(b'\n');
      write_file(path, &text)?;
    }
    Ok(written)
  }

  /// The engine sees a link out of the workspace as a missing file. Here it is known better.
  fn explain_refused_links(&self, diagnostics: &mut [Diagnostic]) {
    let refused = self.view.refused_links();
    if refused.is_empty() {
      return;
    }
    let root = &self.project.workspace_root;
    let cwd = self.view.path_of(&self.project.cwd).unwrap_or_else(|| PathBuf::from("/"));
    for diagnostic in diagnostics {
      let Some((link, target)) = refused.iter().find(|(link, _)| is_about(diagnostic, link, &cwd))
      else {
        continue;
      };
      let real = root.join(link.strip_prefix("/").unwrap_or(link));
      let better = link_leaves_workspace(&self.builder.shown(&real), target, root);
      diagnostic.code = better.code;
      diagnostic.message = better.message;
      diagnostic.hint = better.hint;
    }
  }
}

impl Builder {
  /// A real path as one types it from where the command was started.
  pub(crate) fn shown(&self, path: &Path) -> String {
    let (path, base) = (path.components().collect::<Vec<_>>(), &self.shell_cwd);
    let base: Vec<_> = base.components().collect();
    let common = path.iter().zip(&base).take_while(|(one, other)| one == other).count();
    let up = base.len() - common;
    // Far away it is clearer from the top.
    let relative: PathBuf = if up > 3 {
      path.iter().collect()
    } else {
      std::iter::repeat_n(Component::ParentDir, up).chain(path[common..].iter().copied()).collect()
    };
    relative.to_string_lossy().into_owned()
  }
}

/// Whether a message about something missing is about what a link hides.
fn is_about(diagnostic: &Diagnostic, link: &Path, cwd: &Path) -> bool {
  if !matches!(
    diagnostic.code,
    "UNRESOLVED_IMPORT"
      | "UNRESOLVED_ENTRY"
      | "MISSING_PACKAGE"
      | "WRONG_CASE"
      | "UNLOADABLE_MODULE"
  ) {
    return false;
  }
  let importer = diagnostic.file.as_deref().map(|file| cwd.join(file));
  let folder = importer.as_deref().and_then(Path::parent).unwrap_or(cwd);
  diagnostic.message.split('`').skip(1).step_by(2).any(|specifier| {
    if specifier.starts_with(['.', '/']) || importer.is_none() {
      return normal(&folder.join(specifier)).starts_with(link);
    }
    // A package's link, or its scope's: not `node_modules` by itself.
    let package = Path::new("node_modules").join(specifier);
    package.ancestors().any(|part| part.components().count() > 1 && link.ends_with(part))
  })
}

fn normal(path: &Path) -> PathBuf {
  let mut normal = PathBuf::new();
  for component in path.components() {
    match component {
      Component::ParentDir => {
        normal.pop();
      }
      component => normal.push(component),
    }
  }
  normal
}

fn outcome_of(result: &BuildResult) -> Outcome {
  match result.ok {
    true => Outcome::Done,
    false if only_usage(&result.diagnostics) => Outcome::Usage,
    false => Outcome::Errors,
  }
}

/// Whether all errors are about what was asked for, none about sources.
pub(crate) fn only_usage(diagnostics: &[Diagnostic]) -> bool {
  diagnostics
    .iter()
    .filter(|diagnostic| diagnostic.is_error())
    .all(|error| USAGE_CODES.contains(&error.code))
}

fn report_files(
  builder: &Builder,
  output: &OutputFolder,
  files: &[nexxo::protocol::OutputFile],
  written: &Written,
  diagnostics: &[Diagnostic],
  duration_ms: f64,
  is_cached: bool,
) {
  let mut rest = Vec::new();
  if is_cached {
    rest.push("from the cache".to_owned());
  }
  match written.changed {
    0 => rest.push("none changed".to_owned()),
    changed if changed < files.len() => rest.push(format!("{changed} changed")),
    _ => {}
  }
  if !written.removed.is_empty() {
    rest.push(format!("{} stale removed", written.removed.len()));
  }
  let counts = report::counts(diagnostics);
  if !counts.is_empty() {
    rest.push(counts);
  }
  if !builder.args.watch {
    report::table(&FileReport::of(files, builder.compresses()), &builder.shown(output.path()));
    report::say("");
  }
  let what = match files.len() {
    1 => "1 file".to_owned(),
    count => format!("{count} files"),
  };
  report::done(&what, duration_ms, &rest.join(", "));
}
