//! Workers: scripts that run beside a page, each with a file of its own.
//!
//! A module worker of a page in modules is an entry of the same build, and
//! shares chunks with the page. All others hold what they need in one file,
//! which is a build of its own: classic ones, as they have no imports; those
//! within a text; service workers and worklets; and while one develops.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use rolldown::plugin::{HookLoadOutput, SharedLoadPluginContext};
use rolldown_common::{EmittedChunk, side_effects::HookSideEffects};

use super::{Piece, Web, files::BASE, quoted, script, split};
use crate::{
  bundler::{self, Prepared},
  check::Checker,
  describe,
  diagnostic::worker_cycle,
  emit,
  execute::{self, Earlier, Executed},
  orchestrator::{CancelToken, Job, Progress},
  plan::Scope,
  protocol::{
    BuildOptions, CodeSplitting, Diagnostic, Format, Input, Minify, OutputFile, OutputKind,
  },
  snapshot::shown,
};

/// What a script is used as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
  Worker { shared: bool, module: bool },
  ServiceWorker { module: bool },
  Worklet,
}

/// What the module of a worker exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
  /// What scripts are given for `new URL(…)`.
  Place,
  /// What starts one, for `?worker`.
  Constructor,
  Inline,
  Address,
}

impl Use {
  /// The query of its module's id.
  pub(super) fn query(self) -> &'static str {
    match self {
      Self::Worker { shared: false, module: false } => "nexxo-worker=classic",
      Self::Worker { shared: false, module: true } => "nexxo-worker=module",
      Self::Worker { shared: true, module: false } => "nexxo-worker=shared",
      Self::Worker { shared: true, module: true } => "nexxo-worker=shared-module",
      Self::ServiceWorker { module: false } => "nexxo-worker=service",
      Self::ServiceWorker { module: true } => "nexxo-worker=service-module",
      Self::Worklet => "nexxo-worker=worklet",
    }
  }

  fn is_module(self) -> bool {
    !matches!(self, Self::Worker { module: false, .. } | Self::ServiceWorker { module: false })
  }

  /// What an id's query asks for.
  pub(super) fn of(query: &str) -> Option<(Self, Form)> {
    let all = [
      Self::Worker { shared: false, module: false },
      Self::Worker { shared: false, module: true },
      Self::Worker { shared: true, module: false },
      Self::Worker { shared: true, module: true },
      Self::ServiceWorker { module: false },
      Self::ServiceWorker { module: true },
      Self::Worklet,
    ];
    if let Some(used) = all.into_iter().find(|used| used.query() == query) {
      return Some((used, Form::Place));
    }
    let has = |word: &str| query.split('&').any(|part| part == word);
    if !has("worker") && !has("sharedworker") {
      return None;
    }
    let form = match (has("inline"), has("url")) {
      (true, _) => Form::Inline,
      (_, true) => Form::Address,
      _ => Form::Constructor,
    };
    Some((Self::Worker { shared: has("sharedworker"), module: true }, form))
  }
}

/// A build of its own: what came out, and what went in.
struct Alone {
  /// The name of the script.
  name: String,
  files: Vec<OutputFile>,
  /// The files that it was made from.
  from: BTreeSet<String>,
  piece: Piece,
}

impl Web {
  /// The module of a worker.
  pub(super) async fn worker(
    &self,
    ctx: &SharedLoadPluginContext,
    path: &str,
    (used, form): (Use, Form),
    piece: &mut Piece,
  ) -> anyhow::Result<HookLoadOutput> {
    // Scripts that are no modules start none.
    let used = match used {
      Use::Worker { shared, .. } if form != Form::Place && !self.is_dev && !self.splits => {
        Use::Worker { shared, module: false }
      }
      used => used,
    };
    let is_module = used.is_module();
    if form == Form::Inline {
      let alone = self.alone(path, used, true).await?;
      let script = alone.files.iter().find(|file| file.file_name == alone.name);
      let text = script.map(|file| String::from_utf8_lossy(&file.contents)).unwrap_or_default();
      let code = inline_code(used, &text);
      self.take(alone, piece);
      return Ok(self::code(code));
    }
    let address = if self.within.last().is_some_and(|worker| worker == path) {
      // It starts itself again.
      "self.location.href".to_owned()
    } else if self.splits && is_module && matches!(used, Use::Worker { .. }) {
      let id = path.to_owned();
      let reference = ctx.emit_chunk(EmittedChunk { id, ..EmittedChunk::default() })?;
      format!("import.meta.ROLLDOWN_FILE_URL_{reference}")
    } else {
      let alone = self.alone(path, used, false).await?;
      let address = self.beside(&format!("{BASE}{}", alone.name));
      self.take(alone, piece);
      address
    };
    let Use::Worker { shared, .. } = used else {
      return Ok(code(format!("export default {address};\n")));
    };
    let constructor = if shared { "SharedWorker" } else { "Worker" };
    let kind = if is_module { "{ ...options, type: \"module\" }" } else { "options" };
    let started = format!("new {constructor}({address}, {kind})");
    let made = match (form, self.is_dev) {
      (Form::Address, _) | (Form::Place, false) => format!("export default {address};\n"),
      (_, false) => format!("export default (function (options) {{ return {started}; }});\n"),
      (_, true) => {
        let shown = quoted(&shown(Path::new(path)));
        let exported = match form {
          Form::Place => format!("({{ address: {address}, keep }})"),
          _ => format!("(function (options) {{ return keep({started}); }})"),
        };
        format!(
          r"const workers = new Set();
const keep = (worker) => (workers.add(worker), worker);
export default {exported};
if (import.meta.hot) import.meta.hot.dispose(() => {{
  if (workers.size) console.info(`[nexxo] ${{{shown}}} changed: ${{workers.size}} running with it ended, and what started it runs again.`);
  for (const worker of workers) worker.terminate ? worker.terminate() : worker.port.close();
}});
"
        )
      }
    };
    Ok(code(made))
  }

  /// Takes over what a build of its own gave.
  fn take(&self, alone: Alone, piece: &mut Piece) {
    piece.files.extend(alone.from);
    piece.files.extend(alone.piece.files);
    piece.warnings.extend(alone.piece.warnings);
    let others: Vec<String> = alone.files.iter().map(|file| file.file_name.clone()).collect();
    let mut state = self.state();
    for file in alone.files {
      let needs = if file.file_name == alone.name { others.clone() } else { Vec::new() };
      state
        .assets
        .insert(file.file_name, super::Asset { bytes: file.contents.into(), source: None, needs });
    }
  }

  /// Builds a worker with all that it needs.
  async fn alone(&self, path: &str, used: Use, is_inline: bool) -> anyhow::Result<Alone> {
    if self.within.iter().any(|worker| worker == path) {
      return Err(self.view.fail(worker_cycle(&shown(Path::new(path)))));
    }
    let options = Arc::new(self.options_alone(path, used, is_inline));
    let fail = |diagnostics: Vec<Diagnostic>| {
      let mut errors = diagnostics.into_iter().filter(Diagnostic::is_error);
      let first = errors.next().map(|error| self.view.fail(error));
      for error in errors {
        let _ = self.view.fail(error);
      }
      first.unwrap_or_else(|| self.view.stopped())
    };
    let Prepared { options: raw, cwd, warnings } =
      bundler::prepare(&options, false).map_err(fail)?;
    let view = Arc::new(self.view.within());
    let mut web = Self::new(&options, &cwd, Arc::clone(&self.host), Arc::clone(&view), Vec::new());
    web.plugins = self.plugins.clone();
    web.within = self.within.iter().cloned().chain([path.to_owned()]).collect();
    web.is_beside = !is_inline;
    let web = Arc::new(web);
    let checker =
      Checker { options: &options, cwd: &cwd, view: &view, snapshot: self.view.snapshot() };
    let mut bundler = bundler::create(raw, &self.plugins, None, &view, &web)
      .map_err(|errors| fail(checker.translate(errors.into_vec(), None)))?;
    let job = Job { host: Arc::clone(&self.host), cancel: CancelToken::new(), events: None };
    let scope = Scope::Full { reason: "it is a build of its own" };
    let mut progress = Progress::new(&job, false);
    let run =
      execute::execute(&mut bundler, false, scope, Earlier::default(), &checker, &mut progress);
    // One worker may start another.
    let Executed { output, mut diagnostics, left } = Box::pin(run).await;
    execute::close(&mut bundler).await;
    let (Some(graph), Some(output)) = (&left.graph, output) else { return Err(fail(diagnostics)) };
    let snapshot = self.view.snapshot();
    let emitted = emit::emit(output, graph, &options, &cwd, &snapshot, &web);
    diagnostics.extend(warnings);
    diagnostics.extend(emitted.diagnostics);
    diagnostics.extend(web.warnings(graph.modules.iter().map(|module| module.id.as_str())));
    if diagnostics.iter().any(Diagnostic::is_error) {
      return Err(fail(diagnostics));
    }
    let entry = emitted.files.iter().find(|file| file.kind == OutputKind::Chunk);
    let name = entry.map(|file| file.file_name.clone()).unwrap_or_default();
    let from = graph.modules.iter().filter(|module| !module.is_external);
    let from = from.map(|module| split(&module.id).0.to_owned()).collect();
    let mut piece = Piece { warnings: diagnostics, ..Piece::default() };
    piece.files.extend(web.state().modules.values().flat_map(|inner| inner.files.iter().cloned()));
    Ok(Alone { name, files: emitted.files, from, piece })
  }

  fn options_alone(&self, path: &str, used: Use, is_inline: bool) -> BuildOptions {
    let is_module = used.is_module();
    let mut options = self.options.clone();
    options.input = Some(Input::One(path.to_owned()));
    options.preserve_entry_signatures = None;
    options.dev = None;
    options.explain = None;
    options.budgets = None;
    describe::leave_out(&mut options);
    let output = options.output.get_or_insert_default();
    output.format = Some(if is_module { Format::Esm } else { Format::Iife });
    output.code_splitting = Some(CodeSplitting::Enabled(false));
    output.preserve_modules = None;
    output.exports = None;
    output.name = None;
    output.extend = None;
    output.globals = None;
    output.entry_file_names = Some(match used {
      // Browsers look for a newer one by the same address, and let it serve what is below.
      Use::ServiceWorker { .. } => "[name].js".to_owned(),
      _ => "assets/[name]-[hash].js".to_owned(),
    });
    if self.is_dev {
      output.minify = Some(Minify::Enabled(false));
    }
    for text in [&mut output.banner, &mut output.footer, &mut output.intro, &mut output.outro] {
      *text = None;
    }
    let here = match (is_inline, is_module) {
      (true, _) => Some("self.location.origin"),
      (false, false) => Some("self.location.href"),
      (false, true) => None,
    };
    if let Some(here) = here {
      let define = options.transform.get_or_insert_default().define.get_or_insert_default();
      define.insert("import.meta.url".to_owned(), here.to_owned());
    }
    options
  }
}

fn code(text: String) -> HookLoadOutput {
  script(text, HookSideEffects::False)
}

/// Starts a worker from a text. A shared one has to have the same address each time.
fn inline_code(used: Use, text: &str) -> String {
  let (constructor, is_module) = match used {
    Use::Worker { shared, module } => (if shared { "SharedWorker" } else { "Worker" }, module),
    _ => ("Worker", true),
  };
  let kind = if is_module { "{ ...options, type: \"module\" }" } else { "options" };
  if constructor == "SharedWorker" {
    let address =
      format!("\"data:text/javascript;charset=utf-8,\" + encodeURIComponent({})", quoted(text));
    return format!(
      "export default (function (options) {{ return new SharedWorker({address}, {kind}); }});\n"
    );
  }
  // The address is of no use once the worker runs.
  let text = quoted(&format!("self.URL.revokeObjectURL(self.location.href);\n{text}"));
  format!(
    "export default (function (options) {{\n  const code = new Blob([{text}], {{ type: \
     \"text/javascript\" }});\n  return new Worker(URL.createObjectURL(code), {kind});\n}});\n"
  )
}
