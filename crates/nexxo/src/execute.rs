//! Stages graph and execute as rolldown runs them: it scans, links and
//! generates, and the stages in between look at what it found.

use rolldown::{Bundle, BundleOutput, Bundler, NormalizedScanStageOutput, ScannedAgain};
use rolldown_common::{BundleMode, ScanMode};
use rolldown_error::{BuildResult, EventKind, Severity};

use crate::{
  check::{Checker, commonjs_cycles},
  graph::Graph,
  orchestrator::Progress,
  plan::{self, Scope},
  protocol::{Diagnostic, Stage},
};

/// What an earlier build of the same context left.
#[derive(Default)]
pub(crate) struct Earlier {
  pub(crate) graph: Option<Graph>,
  /// What its full scan warned of, which a partial one does not tell again.
  pub(crate) scan_warnings: Vec<Diagnostic>,
  /// What linking warned of, which is not done again where only text changed.
  pub(crate) link_warnings: Vec<Diagnostic>,
}

/// What the stages from graph to execute give.
#[derive(Default)]
pub(crate) struct Executed {
  pub(crate) output: Option<BundleOutput>,
  pub(crate) diagnostics: Vec<Diagnostic>,
  /// For the next build. After a failed one, what the build before it left where that still stands.
  pub(crate) left: Earlier,
}

/// Runs rolldown over the guarded view, from its scan to its output.
pub(crate) async fn execute(
  bundler: &mut Bundler,
  incremental: bool,
  scope: Scope,
  earlier: Earlier,
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
    Ok(run_stages(bundle, scope.clone(), earlier, checker, progress).await)
  });
  match run.await {
    Ok(executed) => executed,
    Err(errors) => failed(checker.translate(errors.into_vec(), None)),
  }
}

fn failed(diagnostics: Vec<Diagnostic>) -> Executed {
  Executed { diagnostics, ..Executed::default() }
}

/// What stage graph found.
enum Found {
  Scan(Box<NormalizedScanStageOutput>),
  /// The earlier graph stands, but for the text of some modules.
  OnlyText,
}

async fn run_stages(
  bundle: &mut Bundle,
  mut scope: Scope,
  earlier: Earlier,
  checker: &Checker<'_>,
  progress: &mut Progress<'_>,
) -> Executed {
  // 2. graph
  let mut graph = None;
  let scanned = match (&mut scope, &earlier.graph) {
    (Scope::Partial { modules, only_text }, Some(previous)) => {
      match scan_again(bundle, modules, previous, &earlier.link_warnings).await {
        Ok(ScannedAgain::OnlyText) => {
          *only_text = true;
          Ok(Found::OnlyText)
        }
        Ok(ScannedAgain::Graph(scan)) => {
          let scanned = Graph::new(&scan.module_table, &scan.entry_points);
          if plan::keeps_shape(previous, &scanned, modules) {
            graph = Some(scanned);
            Ok(Found::Scan(scan))
          } else {
            scope = Scope::Full { reason: "what the changed modules import changed" };
            scan_all(bundle).await
          }
        }
        // Of several modules, one may be needed no longer, because of another's new text.
        Err(_) if modules.len() > 1 => {
          scope = Scope::Full { reason: "one of the changed modules cannot be read" };
          scan_all(bundle).await
        }
        Err(errors) => {
          progress.done(Stage::Graph, &[("errors", errors.len())]);
          let mut diagnostics = checker.translate(errors.into_vec(), None);
          diagnostics.extend(checker.hidden_by(&diagnostics));
          // The scan was taken back: what was found before it still stands.
          return Executed { left: earlier, ..failed(diagnostics) };
        }
      }
    }
    _ => scan_all(bundle).await,
  };
  let mut found = match scanned {
    Ok(found) => found,
    Err(errors) => {
      progress.done(Stage::Graph, &[("errors", errors.len())]);
      let mut diagnostics = checker.translate(errors.into_vec(), None);
      diagnostics.extend(checker.hidden_by(&diagnostics));
      return failed(diagnostics);
    }
  };
  let graph = match (&found, graph, earlier.graph) {
    (Found::Scan(scan), None, _) => Graph::new(&scan.module_table, &scan.entry_points),
    (Found::OnlyText, _, Some(mut previous)) => {
      for id in scope.modules() {
        if let Some(module) = bundle.scanned_module(id) {
          previous.take_text(id, module);
        }
      }
      previous
    }
    (_, graph, _) => graph.unwrap_or_default(),
  };
  let read = match &scope {
    Scope::Partial { modules, .. } => modules.len(),
    _ => graph.own_count(),
  };
  progress.done(
    Stage::Graph,
    &[("modules", graph.own_count()), ("imports", graph.imports_count()), ("read", read)],
  );

  // 3. plan
  progress.plan(&graph, &scope);

  // 4. check
  let warnings = match &mut found {
    Found::Scan(scan) => std::mem::take(&mut scan.warnings),
    Found::OnlyText => Vec::new(),
  };
  // Packages that are not there come from the graph, with a next step.
  let warnings = warnings.into_iter().filter(|warning| {
    !(matches!(warning.kind(), EventKind::UnresolvedImport)
      && warning.severity() == Severity::Warning)
  });
  let mut scan_warnings = checker.translate(warnings, Some(&graph));
  if matches!(scope, Scope::Partial { .. }) {
    let read = stable_ids(&graph, scope.modules());
    scan_warnings
      .extend(earlier.scan_warnings.into_iter().filter(|warning| !is_of(warning, &read)));
  }
  let mut diagnostics = scan_warnings.clone();
  diagnostics.extend(checker.unresolved_packages(&graph));
  diagnostics.extend(commonjs_cycles(&graph));
  let errors = diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).count();
  progress.done(Stage::Check, &[("errors", errors), ("warnings", diagnostics.len() - errors)]);
  if errors > 0 {
    return failed(diagnostics);
  }

  // 5. execute
  let (generated, kept_warnings): (BuildResult<BundleOutput>, _) = match found {
    Found::Scan(scan) => (bundle.bundle_generate(*scan).await, Vec::new()),
    Found::OnlyText => (bundle.print_again().await, earlier.link_warnings),
  };
  match generated {
    Ok(mut output) => {
      let warnings = std::mem::take(&mut output.warnings);
      let mut link_warnings = checker.translate(warnings, Some(&graph));
      link_warnings.extend(kept_warnings);
      diagnostics.extend(link_warnings.iter().cloned());
      progress.done(Stage::Execute, &[("files", output.assets.len())]);
      let left = Earlier { graph: Some(graph), scan_warnings, link_warnings };
      Executed { output: Some(output), diagnostics, left }
    }
    Err(errors) => {
      progress.done(Stage::Execute, &[("errors", errors.len())]);
      diagnostics.extend(checker.translate(errors.into_vec(), Some(&graph)));
      failed(diagnostics)
    }
  }
}

async fn scan_all(bundle: &mut Bundle) -> BuildResult<Found> {
  bundle.scan_modules(ScanMode::Full).await.map(Box::new).map(Found::Scan)
}

/// Scans some modules of an earlier graph again.
async fn scan_again(
  bundle: &mut Bundle,
  modules: &[String],
  previous: &Graph,
  link_warnings: &[Diagnostic],
) -> BuildResult<ScannedAgain> {
  let ids = modules.iter().map(|id| id.as_str().into()).collect();
  // A warning points into the text: where that is another, linking has to look again.
  let read = stable_ids(previous, modules);
  if link_warnings.iter().any(|warning| is_of(warning, &read)) {
    let scan = bundle.scan_modules(ScanMode::Partial(ids)).await?;
    return Ok(ScannedAgain::Graph(Box::new(scan)));
  }
  bundle.scan_again(ids).await
}

fn stable_ids<'a>(graph: &'a Graph, modules: &[String]) -> Vec<&'a str> {
  modules.iter().filter_map(|id| graph.find(id)).map(|module| module.stable_id.as_str()).collect()
}

fn is_of(warning: &Diagnostic, files: &[&str]) -> bool {
  warning.file.as_deref().is_some_and(|file| files.contains(&file))
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
