//! Stages graph and execute as rolldown runs them: it scans, links and
//! generates, and the stages in between look at what it found.

use rolldown::{Bundle, BundleOutput, Bundler};
use rolldown_common::{BundleMode, ScanMode};
use rolldown_error::{BuildResult, EventKind, Severity};

use crate::{
  check::{Checker, commonjs_cycles},
  graph::Graph,
  orchestrator::Progress,
  plan::{self, Scope},
  protocol::{Diagnostic, Stage},
};

/// What the stages from graph to execute give.
pub(crate) struct Executed {
  pub(crate) graph: Option<Graph>,
  pub(crate) output: Option<BundleOutput>,
  pub(crate) diagnostics: Vec<Diagnostic>,
  /// Of these, what a later partial scan would not tell again.
  pub(crate) scan_warnings: Vec<Diagnostic>,
}

/// Runs rolldown over the guarded view, from its scan to its output.
pub(crate) async fn execute(
  bundler: &mut Bundler,
  incremental: bool,
  scope: Scope,
  previous: Option<&Graph>,
  kept_warnings: Vec<Diagnostic>,
  checker: &Checker<'_>,
  progress: &mut Progress<'_>,
) -> Executed {
  if matches!(scope, Scope::Full { .. }) {
    bundler.clear_resolver_cache();
    bundler.clear_transform_tsconfig_cache();
  }
  let mode = match (&scope, incremental) {
    (_, false) => BundleMode::FullBuild,
    (Scope::Partial { .. }, true) => BundleMode::IncrementalBuild,
    (_, true) => BundleMode::IncrementalFullBuild,
  };
  let run = bundler.with_cached_bundle_experimental(mode, async |bundle| {
    Ok(run_stages(bundle, scope.clone(), previous, kept_warnings, checker, progress).await)
  });
  match run.await {
    Ok(executed) => executed,
    Err(errors) => failed(None, checker.translate(errors.into_vec(), None)),
  }
}

fn failed(graph: Option<Graph>, diagnostics: Vec<Diagnostic>) -> Executed {
  Executed { graph, output: None, diagnostics, scan_warnings: Vec::new() }
}

async fn run_stages(
  bundle: &mut Bundle,
  mut scope: Scope,
  previous: Option<&Graph>,
  kept_warnings: Vec<Diagnostic>,
  checker: &Checker<'_>,
  progress: &mut Progress<'_>,
) -> Executed {
  // 2. graph
  let mode = match &scope {
    Scope::Partial { modules } => {
      ScanMode::Partial(modules.iter().map(|id| id.as_str().into()).collect())
    }
    _ => ScanMode::Full,
  };
  let mut scanned = bundle.scan_modules(mode).await;
  let mut graph = None;
  if let (Scope::Partial { modules }, Some(previous)) = (&scope, previous) {
    let kept = scanned.as_ref().ok().map(|scan| Graph::new(&scan.module_table, &scan.entry_points));
    if kept.as_ref().is_some_and(|graph| plan::keeps_shape(previous, graph, modules)) {
      graph = kept;
    } else {
      scope = Scope::Full { reason: "what the changed modules import changed" };
      scanned = bundle.scan_modules(ScanMode::Full).await;
    }
  }
  let mut scan = match scanned {
    Ok(scan) => scan,
    Err(errors) => {
      progress.done(Stage::Graph, &[("errors", errors.len())]);
      let mut diagnostics = checker.translate(errors.into_vec(), None);
      diagnostics.extend(checker.hidden_by(&diagnostics));
      return failed(None, diagnostics);
    }
  };
  let graph = graph.unwrap_or_else(|| Graph::new(&scan.module_table, &scan.entry_points));
  let read = match &scope {
    Scope::Partial { modules } => modules.len(),
    _ => graph.own_count(),
  };
  progress.done(
    Stage::Graph,
    &[("modules", graph.own_count()), ("imports", graph.imports_count()), ("read", read)],
  );

  // 3. plan
  progress.plan(&graph, &scope);

  // 4. check
  let warnings = std::mem::take(&mut scan.warnings);
  // Packages that are not there come from the graph, with a next step.
  let warnings = warnings.into_iter().filter(|warning| {
    !(matches!(warning.kind(), EventKind::UnresolvedImport)
      && warning.severity() == Severity::Warning)
  });
  let mut scan_warnings = checker.translate(warnings, Some(&graph));
  if let Scope::Partial { modules } = &scope {
    let read: Vec<&str> = modules
      .iter()
      .filter_map(|id| graph.find(id))
      .map(|module| module.stable_id.as_str())
      .collect();
    let is_kept =
      |warning: &Diagnostic| warning.file.as_deref().is_none_or(|file| !read.contains(&file));
    scan_warnings.extend(kept_warnings.into_iter().filter(is_kept));
  }
  let mut diagnostics = scan_warnings.clone();
  diagnostics.extend(checker.unresolved_packages(&graph));
  diagnostics.extend(commonjs_cycles(&graph));
  let errors = diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).count();
  progress.done(Stage::Check, &[("errors", errors), ("warnings", diagnostics.len() - errors)]);
  if errors > 0 {
    return failed(Some(graph), diagnostics);
  }

  // 5. execute
  let generated: BuildResult<BundleOutput> = bundle.bundle_generate(scan).await;
  match generated {
    Ok(mut output) => {
      let warnings = std::mem::take(&mut output.warnings);
      diagnostics.extend(checker.translate(warnings, Some(&graph)));
      progress.done(Stage::Execute, &[("files", output.assets.len())]);
      Executed { graph: Some(graph), output: Some(output), diagnostics, scan_warnings }
    }
    Err(errors) => {
      progress.done(Stage::Execute, &[("errors", errors.len())]);
      diagnostics.extend(checker.translate(errors.into_vec(), Some(&graph)));
      failed(Some(graph), diagnostics)
    }
  }
}

/// Ends what a one-off build holds on to: rolldown's plugins know each other in a circle.
pub(crate) async fn close(bundler: &mut Bundler) {
  // Nothing of it is left to fail: the output is already taken.
  let _ = bundler.close().await;
}

/// The warnings that rolldown has about options, when a bundler is made.
pub(crate) fn warnings_of(bundler: &Bundler, checker: &Checker<'_>) -> Vec<Diagnostic> {
  bundler.warnings.iter().map(|warning| checker.translate_plain(warning)).collect()
}
