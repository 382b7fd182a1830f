//! What pages have beside scripts: style sheets and assets, as modules.
//!
//! A script that imports a style sheet gets a module with its class names; the
//! sheet itself is put into a file beside the chunk that the module is in, in
//! the order in which modules run. While one develops there are no chunks to
//! be beside: there the module puts its sheet into the page, and is replaced
//! like any other. An asset is a file with its digest in its name, and its
//! module is its address. `docs/design/web.md` has the reasons.

mod files;
mod order;
mod pages;
mod scripts;
mod wasm;
mod workers;

use std::{
  borrow::Cow,
  collections::{BTreeMap, BTreeSet},
  fmt,
  path::{Path, PathBuf},
  sync::{Arc, Mutex, PoisonError},
};

use nexxo_web::{Answer, Class, Job, Problem, Sheet, Target, is_elsewhere};
use oxc::syntax::keyword::is_reserved_keyword_or_global_object;
use rolldown::plugin::{
  __inner::SharedPluginable, HookLoadArgs, HookLoadOutput, HookLoadReturn, HookNoopReturn,
  HookRenderChunkArgs, HookRenderChunkReturn, HookRenderStartArgs, HookResolveIdArgs,
  HookResolveIdOutput, HookResolveIdReturn, HookTransformAstArgs, HookTransformAstReturn,
  HookUsage, Plugin, PluginContext, SharedLoadPluginContext,
};
use rolldown_common::{ModuleType as RolldownModuleType, side_effects::HookSideEffects};
use rolldown_fs::SourceView;
use rolldown_utils::{base64::to_standard_base64, mime::guess_mime};
use rustc_hash::FxHashMap;

use crate::{
  diagnostic::{
    byte_offset, ignored_css, invalid_css, missing_file, no_web_compiler, unresolved_url,
  },
  hooks::Plugins,
  host::Host,
  protocol::{
    BuildOptions, CodeSplitting, CssOptions, Diagnostic, Format, HtmlOptions, Minify, OutputFile,
    Platform, Target as SyntaxTarget,
  },
  snapshot::{GuardedView, normalize_path, shown},
};

use files::{BASE, UP};
pub(crate) use files::{Outputs, style_files};
pub(crate) use scripts::relative;

/// A smaller asset is part of the module that imports it.
const INLINE_LIMIT: u64 = 4096;
/// A style sheet imports no deeper than that: each round tells what the next level lacks.
const MOST_ROUNDS: usize = 200;

/// JSON of as many bytes is a text that is parsed when it is needed.
const LARGE_JSON: usize = 64 << 10;

/// Extensions of files that pages show, play or load by their address, as in Vite.
const ASSETS: [&str; 36] = [
  "apng",
  "avif",
  "bmp",
  "cur",
  "gif",
  "ico",
  "jfif",
  "jpeg",
  "jpg",
  "jxl",
  "pjp",
  "pjpeg",
  "png",
  "svg",
  "webp",
  "aac",
  "flac",
  "m4a",
  "mov",
  "mp3",
  "mp4",
  "ogg",
  "opus",
  "vtt",
  "wav",
  "webm",
  "eot",
  "otf",
  "ttf",
  "woff",
  "woff2",
  "pdf",
  "webmanifest",
  "xml",
  "bin",
  "glb",
];

const STYLES: [&str; 3] = ["css", "scss", "sass"];

/// Style sheets and assets of one context, and what their modules came to.
pub(crate) struct Web {
  host: Arc<dyn Host>,
  view: Arc<GuardedView>,
  cwd: PathBuf,
  is_dev: bool,
  /// Where the output is served, with a slash at its end; none where addresses are relative.
  base: Option<String>,
  inline_limit: u64,
  /// What else is an asset, as patterns of paths.
  more_assets: Vec<String>,
  asset_names: String,
  css: CssOptions,
  html: HtmlOptions,
  minify: bool,
  browsers: Vec<String>,
  /// Whether dynamic imports can wait for style sheets.
  splits: bool,
  named_types: BTreeSet<String>,
  /// What stands for names between per cent signs in pages.
  environment: Vec<(String, String)>,
  /// The ids of entries that are pages.
  pages: Vec<String>,
  /// Whether a script knows where it is, and so where files beside it are, wherever it is served.
  is_beside: bool,
  /// For builds of their own: the options, and the workers within which this one is.
  options: BuildOptions,
  plugins: Plugins,
  within: Vec<String>,
  state: Mutex<State>,
}

#[derive(Default)]
struct State {
  modules: FxHashMap<String, Piece>,
  /// Files of the output by their names.
  assets: BTreeMap<String, Asset>,
  /// By the ids of scripts.
  said: FxHashMap<String, scripts::Said>,
  /// While chunks are rendered.
  planned: Option<Arc<files::Planned>>,
  /// Whether what is not used of modules of classes was dropped from this build.
  dropped: Arc<tokio::sync::OnceCell<()>>,
  pages: FxHashMap<String, pages::Page>,
}

/// A file of the output.
struct Asset {
  bytes: Arc<[u8]>,
  /// The file that it was.
  source: Option<String>,
  /// The names of others that it has the addresses of.
  needs: Vec<String>,
}

/// What one module came to.
#[derive(Default)]
struct Piece {
  /// The files that it was made from, and those that were looked for in vain.
  files: BTreeSet<String>,
  /// A style sheet with [`BASE`] before the addresses of assets.
  style: Option<String>,
  /// The same without what nothing uses, while chunks are rendered.
  used: Option<String>,
  /// For the same: how it was compiled.
  module: Option<Module>,
  warnings: Vec<Diagnostic>,
}

impl Piece {
  /// Its rules, where there are any.
  fn sheet(&self) -> Option<&str> {
    self.used.as_deref().or(self.style.as_deref()).filter(|style| !style.is_empty())
  }
}

/// How a module of classes was compiled.
struct Module {
  job: Job,
  sheet: Sheet,
  /// What stands for its addresses.
  places: Vec<(String, String)>,
}

impl Module {
  /// The names of which nothing is left, given those that scripts use.
  fn unused(&self, used: &[impl AsRef<str>]) -> BTreeSet<String> {
    let is_used = |name: &str| used.iter().any(|used| used.as_ref() == name);
    let mut kept = BTreeSet::new();
    for (name, classes) in &self.sheet.exports {
      if is_used(name) || self.sheet.referenced.contains(name) {
        kept.extend(classes.iter().filter_map(|class| match class {
          Class::Own { name } => Some(name),
          Class::Of { .. } => None,
        }));
      }
    }
    let own = self.sheet.exports.iter().filter(|(_, classes)| {
      !classes
        .first()
        .is_some_and(|class| matches!(class, Class::Own { name } if kept.contains(name)))
    });
    own.map(|(name, _)| name.clone()).collect()
  }
}

/// What an id asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
  Page,
  PageScript,
  Raw,
  /// A script by another id: each query is a module of its own.
  Script,
  Asset {
    inline: Option<bool>,
  },
  /// Data that is parsed faster as JSON than as JavaScript.
  LargeJson,
  /// What `new URL("./x", import.meta.url)` means.
  Place,
  Worker(workers::Use, workers::Form),
  Wasm {
    init: bool,
  },
  Style {
    inline: bool,
  },
  /// A style sheet as an object of the browser's.
  Constructed,
}

impl fmt::Debug for Web {
  fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.debug_struct("Web").field("cwd", &self.cwd).finish_non_exhaustive()
  }
}

impl Web {
  pub(crate) fn new(
    options: &BuildOptions,
    cwd: &Path,
    host: Arc<dyn Host>,
    view: Arc<GuardedView>,
    environment: Vec<(String, String)>,
  ) -> Self {
    let output = options.output.clone().unwrap_or_default();
    let base = options.base.as_deref().unwrap_or("/");
    let is_dev = options.dev.is_some();
    let format = output.format.unwrap_or_default();
    let splits = !is_dev
      && format == Format::Esm
      && output.code_splitting != Some(CodeSplitting::Enabled(false));
    Self {
      options: options.clone(),
      plugins: Plugins::default(),
      within: Vec::new(),
      is_beside: match format {
        Format::Esm => !is_dev,
        Format::Cjs => options.platform == Some(Platform::Node),
        Format::Iife | Format::Umd => false,
      },
      host,
      view,
      cwd: cwd.to_owned(),
      is_dev,
      base: match base {
        "" | "./" | "." => None,
        base if base.ends_with('/') => Some(base.to_owned()),
        base => Some(format!("{base}/")),
      },
      css: options.css.clone().unwrap_or_default(),
      html: options.html.clone().unwrap_or_default(),
      more_assets: options.assets_include.clone().unwrap_or_default(),
      inline_limit: options.assets_inline_limit.unwrap_or(INLINE_LIMIT),
      asset_names: output
        .asset_file_names
        .unwrap_or_else(|| "assets/[name]-[hash][extname]".to_owned()),
      minify: !is_dev && output.minify == Some(Minify::Enabled(true)),
      browsers: match options.transform.as_ref().and_then(|transform| transform.target.as_ref()) {
        None => Vec::new(),
        Some(SyntaxTarget::One(one)) => one.split(',').map(|one| one.trim().to_owned()).collect(),
        Some(SyntaxTarget::Many(many)) => many.clone(),
      },
      splits,
      named_types: options
        .module_types
        .iter()
        .flatten()
        .map(|(extension, _)| extension.trim_start_matches('.').to_owned())
        .collect(),
      environment,
      pages: crate::bundler::inputs(options)
        .into_iter()
        .filter(|input| is_page(input))
        .filter_map(|input| normalize_path(&cwd.join(input).to_string_lossy()).ok())
        .collect(),
      state: Mutex::default(),
    }
  }

  /// The plugins of builds within this one.
  pub(crate) fn with_plugins(self, plugins: Plugins) -> Self {
    Self { plugins, ..self }
  }

  pub(crate) fn plugin(self: &Arc<Self>) -> SharedPluginable {
    Plugin::new_shared(WebPlugin(Arc::clone(self)))
  }

  /// The ids of modules that were made from one of these files, beside those of the files' own names.
  pub(crate) fn made_from(&self, paths: &[String]) -> Vec<String> {
    let state = self.state();
    let mut ids: Vec<String> = state
      .modules
      .iter()
      .filter(|(_, piece)| paths.iter().any(|path| piece.files.contains(path)))
      .map(|(id, _)| id.clone())
      .collect();
    let is_meant = |said: &scripts::Said| {
      said.patterns.iter().any(|pattern| paths.iter().any(|path| pattern.matches(path)))
    };
    ids.extend(state.said.iter().filter(|(_, said)| is_meant(said)).map(|(id, _)| id.clone()));
    ids.sort_unstable();
    ids.dedup();
    ids
  }

  /// What was found in the modules of a graph that fails no build.
  pub(crate) fn warnings<'a>(&self, ids: impl Iterator<Item = &'a str>) -> Vec<Diagnostic> {
    let state = self.state();
    let of = |id| {
      let piece = state.modules.get(id).map(|piece| &piece.warnings);
      [piece, state.said.get(id).map(|said| &said.warnings)].into_iter().flatten().flatten()
    };
    ids.flat_map(of).cloned().collect()
  }

  /// The assets whose addresses are in some texts.
  pub(crate) fn shown_by<'a, Texts: Iterator<Item = &'a str>>(
    &self,
    texts: impl Fn() -> Texts,
  ) -> Vec<OutputFile> {
    self.needed(|name| texts().any(|text| text.contains(name)))
  }

  /// The assets whose addresses are in a text, and the files that they were.
  pub(crate) fn assets_in(&self, text: &str) -> Vec<(String, Option<String>)> {
    let state = self.state();
    let there = state.assets.iter().filter(|(name, _)| text.contains(name.as_str()));
    there.map(|(name, asset)| (name.clone(), asset.source.clone())).collect()
  }

  /// The assets that are there, and those that they need.
  fn needed(&self, is_there: impl Fn(&str) -> bool) -> Vec<OutputFile> {
    let state = self.state();
    let is_on_page = |name: &str| {
      let mut addresses = state.pages.values().flat_map(|page| page.addresses.values());
      addresses.any(|address| address.contains(name))
    };
    let mut names: Vec<&str> = state.assets.keys().map(String::as_str).collect();
    names.retain(|name| is_there(name) || is_on_page(name));
    let mut needed = BTreeMap::new();
    while let Some(name) = names.pop() {
      let Some(asset) = state.assets.get(name) else { continue };
      if needed.insert(name, asset).is_none() {
        names.extend(asset.needs.iter().map(String::as_str));
      }
    }
    let file =
      |(name, asset): (&str, &Asset)| OutputFile::asset(name.to_owned(), asset.bytes.to_vec());
    needed.into_iter().map(file).collect()
  }

  fn state(&self) -> std::sync::MutexGuard<'_, State> {
    self.state.lock().unwrap_or_else(PoisonError::into_inner)
  }

  fn kind_of(&self, id: &str, asserted: Option<&RolldownModuleType>) -> Option<Kind> {
    let (path, query) = split(id);
    if self.pages.iter().any(|page| page == path) {
      match query {
        "" => return Some(Kind::Page),
        _ if query.starts_with("script=") => return Some(Kind::PageScript),
        _ => {}
      }
    }
    let extension = Path::new(path).extension()?.to_str()?;
    let has = |word: &str| query.split('&').any(|part| part == word);
    if has("raw") {
      return Some(Kind::Raw);
    }
    if has("nexxo-url") {
      return Some(Kind::Place);
    }
    if let Some((used, form)) = workers::Use::of(query) {
      return Some(Kind::Worker(used, form));
    }
    // Whoever says what such a file holds, or what its importer takes it for, is right.
    let name = Path::new(path).file_name()?.to_str()?;
    let is_named = |at: usize| self.named_types.contains(&name[at + 1..]);
    let is_json = extension == "json" && asserted == Some(&RolldownModuleType::Json);
    if has("nexxo-sheet") {
      return Some(Kind::Constructed);
    }
    let is_asserted = asserted.is_some() && !is_json;
    if is_asserted || name.match_indices('.').any(|(at, _)| is_named(at)) {
      return None;
    }
    if extension == "json" && query.is_empty() {
      let length = self.view.snapshot().bytes(Path::new(path)).map_or(0, |bytes| bytes.len());
      return (length >= LARGE_JSON).then_some(Kind::LargeJson);
    }
    let is_style = STYLES.contains(&extension);
    let inline = match (has("inline"), has("no-inline")) {
      (true, _) => Some(true),
      (_, true) => Some(false),
      _ => None,
    };
    if has("url") || (!is_style && self.is_asset(path, extension)) {
      return Some(Kind::Asset { inline });
    }
    if extension == "wasm" {
      return Some(Kind::Wasm { init: has("init") });
    }
    if is_style {
      return Some(Kind::Style { inline: inline == Some(true) });
    }
    let is_script = !query.is_empty() && script_type(extension).is_some();
    (is_script && self.view.snapshot().is_file(Path::new(path))).then_some(Kind::Script)
  }

  fn is_asset(&self, path: &str, extension: &str) -> bool {
    let below = path.strip_prefix(&*self.cwd.to_string_lossy()).unwrap_or(path);
    ASSETS.contains(&extension.to_ascii_lowercase().as_str())
      || self.more_assets.iter().any(|pattern| {
        fast_glob::glob_match(pattern.trim_start_matches('/'), below.trim_start_matches('/'))
      })
  }

  async fn load(&self, ctx: &SharedLoadPluginContext, id: &str, kind: Kind) -> HookLoadReturn {
    let (path, query) = split(id);
    let mut piece = Piece { files: BTreeSet::from([path.to_owned()]), ..Piece::default() };
    let loaded = match kind {
      Kind::LargeJson => match large_json(&self.text(path)?) {
        Some(code) => Ok(HookLoadOutput {
          code: code.into(),
          module_type: Some(RolldownModuleType::Js),
          ..HookLoadOutput::default()
        }),
        // Whoever reads it as it is tells what is wrong.
        None => return Ok(None),
      },
      Kind::Page => self.page_module(ctx, id, &mut piece).await,
      Kind::PageScript => Ok(self.page_script(id)),
      Kind::Raw => {
        let text = quoted(&self.text(path)?);
        Ok(script(format!("export default {text};\n"), HookSideEffects::False))
      }
      Kind::Script => {
        let extension = Path::new(path).extension().and_then(|extension| extension.to_str());
        Ok(HookLoadOutput {
          // As a script without a query is read, with the same limits.
          code: self.view.read_to_string(Path::new(path)).map_err(told)?.into(),
          module_type: extension.and_then(script_type),
          ..HookLoadOutput::default()
        })
      }
      Kind::Asset { inline } => {
        let bytes = self.asset_bytes(ctx, path, &mut piece).await?;
        let address =
          self.asset(path, bytes, inline, query.split('&').any(|part| part == "url"))?;
        let code = format!("export default {};\n", self.expression(&address));
        Ok(script(code, HookSideEffects::False))
      }
      Kind::Place => {
        let bytes = self.asset_bytes(ctx, path, &mut piece).await?;
        let address = self.asset(path, bytes, None, true)?;
        let code = format!("export default {};\n", self.beside(&address));
        Ok(script(code, HookSideEffects::False))
      }
      Kind::Worker(used, form) => self.worker(ctx, path, (used, form), &mut piece).await,
      Kind::Wasm { init } => self.wasm(path, init).await,
      Kind::Constructed => {
        let sheet = self.style(ctx, path, false, &mut piece).await?;
        let text = quoted(&self.placed(&sheet.code));
        let code = format!(
          "const sheet = new CSSStyleSheet();\nsheet.replaceSync({text});\nexport default sheet;\n"
        );
        Ok(script(code, HookSideEffects::False))
      }
      Kind::Style { inline } => {
        let sheet = self.style(ctx, path, is_css_module(path), &mut piece).await?;
        Ok(self.style_module(id, sheet, inline, &mut piece))
      }
    };
    for file in &piece.files {
      ctx.add_watch_file(file);
    }
    self.state().modules.insert(id.to_owned(), piece);
    loaded.map(Some)
  }

  fn bytes(&self, path: &str) -> anyhow::Result<Vec<u8>> {
    self.view.read(Path::new(path)).map_err(told)
  }

  fn text(&self, path: &str) -> anyhow::Result<String> {
    self.view.text(Path::new(path)).map_err(told)
  }

  /// The module of a style sheet.
  fn style_module(
    &self,
    id: &str,
    sheet: Sheet,
    inline: bool,
    piece: &mut Piece,
  ) -> HookLoadOutput {
    let is_module = is_css_module(split(id).0);
    let mut code = String::new();
    if self.css.inject == Some(true) && !self.is_dev && !inline && !sheet.code.is_empty() {
      let css = quoted(&self.placed(&sheet.code));
      code.push_str(&format!(
        "if (typeof document !== \"undefined\") {{\n  const style = document.createElement(\"style\");\n  \
         style.textContent = {css};\n  document.head.append(style);\n}}\n"
      ));
    }
    if self.is_dev && !inline {
      let shown = quoted(&shown(Path::new(id)));
      let css = quoted(&self.placed(&sheet.code));
      code.push_str(&format!("__nexxo_styles__.set({shown}, {css});\n"));
      code.push_str("if (import.meta.hot) {\n");
      // The names of a module are those of its importers as well: they run again.
      if !is_module {
        code.push_str("  import.meta.hot.accept();\n");
      }
      code.push_str(&format!(
        "  import.meta.hot.prune(() => __nexxo_styles__.remove({shown}));\n}}\n"
      ));
    }
    if inline {
      code.push_str(&format!("export default {};\n", quoted(&self.placed(&sheet.code))));
      return script(code, HookSideEffects::False);
    }
    if is_module {
      let (mut fields, mut imports) = (String::new(), Vec::new());
      for (name, classes) in &sheet.exports {
        let (key, value) = (quoted(name), class_list(classes, &mut imports));
        if is_name(name) {
          code.push_str(&format!("export const {name} = {value};\n"));
          fields.push_str(&format!("  {key}: {name},\n"));
        } else {
          fields.push_str(&format!("  {key}: {value},\n"));
        }
      }
      code.push_str(&format!("export default {{\n{fields}}};\n"));
      for (at, specifier) in imports.iter().enumerate() {
        code.push_str(&format!("import composed{at} from {};\n", quoted(specifier)));
      }
    }
    if !self.is_dev && self.css.inject != Some(true) {
      piece.style = Some(sheet.code);
    }
    // Of a module of classes, what is not used can go.
    script(code, if is_module { HookSideEffects::True } else { HookSideEffects::NoTreeshake })
  }

  /// Compiles a style sheet, as often as it takes to know what it imports.
  async fn style(
    &self,
    ctx: &SharedLoadPluginContext,
    path: &str,
    is_module: bool,
    piece: &mut Piece,
  ) -> anyhow::Result<Sheet> {
    let mut job = Job {
      root: path.to_owned(),
      is_module,
      minify: self.minify,
      browsers: self.browsers.clone(),
      pattern: self.css.modules.as_ref().and_then(|modules| modules.pattern.clone()),
      dashed_idents: self.css.modules.as_ref().and_then(|modules| modules.dashed_idents)
        == Some(true),
      before: self.before(path),
      source_map: self.is_dev && self.css.dev_sourcemap == Some(true),
      ..Job::default()
    };
    job.files.insert(path.to_owned(), Some(self.text(path)?));
    for _ in 0..MOST_ROUNDS {
      let Some(answer) = self.host.style(job.clone()).await else {
        return Err(self.view.fail(no_web_compiler(&shown(Path::new(path)))));
      };
      if self.view.stop().is_cancelled() {
        return Err(self.view.stopped());
      }
      match answer {
        Answer::Needs { files, targets } => {
          for file in files {
            let text = self.view.snapshot().is_file(Path::new(&file)).then(|| self.text(&file));
            piece.files.insert(file.clone());
            job.files.insert(file, text.transpose()?);
          }
          for Target { from, specifier } in targets {
            let to = self.find(ctx, &from, &specifier).await;
            job.targets.entry(from).or_default().insert(specifier, to);
          }
        }
        Answer::Done(mut sheet) => {
          piece.files.extend(sheet.files.iter().cloned());
          for problem in &sheet.warnings {
            piece.warnings.push(self.diagnostic(problem, &job, ignored_css));
          }
          let places = self.place_urls(ctx, &mut sheet, &job, piece).await?;
          if is_module && !self.is_dev && self.css.inject != Some(true) {
            piece.module = Some(Module { job, sheet: sheet.clone(), places });
          }
          return Ok(sheet);
        }
        Answer::Failed { problems } => {
          // One is enough to fail, and the first is the cause more often than not.
          let Some(problem) = problems.first() else { break };
          let diagnostic = match &problem.unresolved {
            Some(specifier) => self.diagnostic(problem, &job, |_, _| missing_file(specifier, None)),
            None => self.diagnostic(problem, &job, invalid_css),
          };
          return Err(self.view.fail(diagnostic));
        }
      }
    }
    let problem = Problem {
      file: path.to_owned(),
      line: 1,
      column: 1,
      message: format!("it imports deeper than {MOST_ROUNDS} levels"),
      unresolved: None,
    };
    Err(self.view.fail(self.diagnostic(&problem, &job, invalid_css)))
  }

  /// What stands before a file's text.
  fn before(&self, path: &str) -> Option<String> {
    let extension = Path::new(path).extension()?.to_str()?;
    self.css.preprocessor_options.as_ref()?.get(extension)?.additional_data.clone()
  }

  fn diagnostic(
    &self,
    problem: &Problem,
    job: &Job,
    make: impl FnOnce(&str, &str) -> Diagnostic,
  ) -> Diagnostic {
    let file = shown(Path::new(&problem.file));
    let diagnostic = make(&problem.message, &file);
    match job.files.get(&problem.file) {
      Some(Some(text)) => {
        let column = problem.column.saturating_sub(1) as usize;
        let start = byte_offset(text, problem.line as usize, column);
        let length = problem.unresolved.as_ref().map_or(1, String::len);
        diagnostic.at(file, text, start, start + length)
      }
      _ => diagnostic.in_file(file),
    }
  }

  /// Where an `@import` or a `composes` leads.
  async fn find(
    &self,
    ctx: &SharedLoadPluginContext,
    from: &str,
    specifier: &str,
  ) -> Option<String> {
    let snapshot = self.view.snapshot();
    if let Some(rooted) = specifier.strip_prefix('/') {
      let path = self.cwd.join(rooted);
      return snapshot.is_file(&path).then(|| path.to_string_lossy().into_owned());
    }
    let beside = Path::new(from).parent()?.join(specifier);
    let beside = normalize_path(&beside.to_string_lossy()).ok()?;
    if snapshot.is_file(Path::new(&beside)) {
      return Some(beside);
    }
    if specifier.starts_with("./") || specifier.starts_with("../") {
      return None;
    }
    // A package's own style sheet comes before its script.
    for folder in Path::new(from).ancestors().skip(1) {
      let package = folder.join("node_modules").join(specifier);
      if let Some(text) = snapshot.text(&package.join("package.json")) {
        let manifest: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        let conditions = &manifest["exports"]["."];
        let style = [&manifest["style"], &conditions["style"], &manifest["main"]]
          .into_iter()
          .filter_map(serde_json::Value::as_str)
          .find(|path| is_style(path))
          .unwrap_or("index.css");
        let path = normalize_path(&package.join(style).to_string_lossy()).ok()?;
        return snapshot.is_file(Path::new(&path)).then_some(path);
      }
    }
    let resolved = ctx.resolve(specifier, Some(from), None).await.ok()?.ok()?;
    let id = resolved.id.to_string();
    (is_style(&id) && snapshot.is_file(Path::new(&id))).then_some(id)
  }

  /// Puts the addresses of assets in the place of a sheet's own.
  async fn place_urls(
    &self,
    ctx: &SharedLoadPluginContext,
    sheet: &mut Sheet,
    job: &Job,
    piece: &mut Piece,
  ) -> anyhow::Result<Vec<(String, String)>> {
    let mut places = Vec::new();
    for url in std::mem::take(&mut sheet.urls) {
      let placed = match self.find_url(ctx, &url.from, &url.url).await {
        Address::AsItIs(address) => address,
        Address::File(path, rest) => {
          piece.files.insert(path.clone());
          let address = self.asset(&path, self.bytes(&path)?, None, false)?;
          format!("{address}{rest}")
        }
        Address::Nowhere => {
          let problem = Problem {
            file: url.from.clone(),
            line: url.line,
            column: url.column,
            message: String::new(),
            unresolved: Some(url.url.clone()),
          };
          piece.warnings.push(self.diagnostic(&problem, job, |_, _| unresolved_url(&url.url)));
          url.url.clone()
        }
      };
      places.push((url.placeholder, css_string(&placed)));
    }
    put(&mut sheet.code, &places);
    Ok(places)
  }

  async fn find_url(&self, ctx: &SharedLoadPluginContext, from: &str, url: &str) -> Address {
    let snapshot = self.view.snapshot();
    if url.is_empty() || url.starts_with('#') || is_elsewhere(url) {
      return Address::AsItIs(url.to_owned());
    }
    let at = url.find(['?', '#']).unwrap_or(url.len());
    let (path, rest) = url.split_at(at);
    if let Some(rooted) = path.strip_prefix('/') {
      let file = self.cwd.join(rooted);
      if !snapshot.is_file(&self.cwd.join("public").join(rooted)) && snapshot.is_file(&file) {
        return Address::File(file.to_string_lossy().into_owned(), rest.to_owned());
      }
      // Of `public/`, or of whoever serves the page.
      return Address::AsItIs(format!("{BASE}{rooted}{rest}"));
    }
    let beside = Path::new(from).parent().map(|folder| folder.join(path));
    let beside = beside.and_then(|path| normalize_path(&path.to_string_lossy()).ok());
    if let Some(path) = beside.filter(|path| snapshot.is_file(Path::new(path))) {
      return Address::File(path, rest.to_owned());
    }
    if !path.starts_with('.')
      && let Ok(Ok(resolved)) = ctx.resolve(path, Some(from), None).await
      && snapshot.is_file(Path::new(resolved.id.as_str()))
    {
      return Address::File(resolved.id.to_string(), rest.to_owned());
    }
    Address::Nowhere
  }

  /// A file as it is shown by its address. A style sheet has no names of its own there.
  async fn asset_bytes(
    &self,
    ctx: &SharedLoadPluginContext,
    path: &str,
    piece: &mut Piece,
  ) -> anyhow::Result<Vec<u8>> {
    if !is_style(path) {
      return self.bytes(path);
    }
    let sheet = self.style(ctx, path, false, piece).await?;
    Ok(self.placed(&sheet.code).into_bytes())
  }

  /// Takes a file into the output, or into its address where it is small.
  fn asset(
    &self,
    path: &str,
    bytes: Vec<u8>,
    inline: Option<bool>,
    keeps_file: bool,
  ) -> anyhow::Result<String> {
    let is_small = bytes.len() as u64 <= self.inline_limit && !keeps_file;
    if inline.unwrap_or(is_small) {
      let kind = guess_mime(Path::new(path), &bytes)?;
      // The shorter form has quotes in it, which may end the attribute that it is put into.
      return Ok(format!("data:{kind};base64,{}", to_standard_base64(&bytes)));
    }
    let name = files::asset_name(&self.asset_names, path, &bytes);
    let source = crate::diagnostic::shown_id(path, &self.cwd);
    let mut state = self.state();
    // A style sheet shows others.
    let needs = match is_style(path) {
      true => {
        let shown = |name: &&String| memchr::memmem::find(&bytes, name.as_bytes()).is_some();
        state.assets.keys().filter(shown).cloned().collect()
      }
      false => Vec::new(),
    };
    let asset = Asset { bytes: bytes.into(), source: Some(source), needs };
    state.assets.insert(name.clone(), asset);
    drop(state);
    Ok(format!("{BASE}{name}"))
  }

  /// The addresses of a text that is no file of the output itself.
  fn placed(&self, text: &str) -> String {
    text.replace(BASE, self.base.as_deref().unwrap_or("./"))
  }

  /// An address as an expression that is right wherever the script that has it is served.
  fn beside(&self, address: &str) -> String {
    let address = located(address, self.base.as_deref().filter(|_| !self.is_beside));
    // Updates run where they have no address of their own.
    if self.is_dev { format!("new URL({address}, self.location.href).href") } else { address }
  }

  /// An address as an expression.
  fn expression(&self, address: &str) -> String {
    located(address, self.base.as_deref())
  }
}

/// An address as an expression, which begins at the base or, without one, at the script that has it.
fn located(address: &str, base: Option<&str>) -> String {
  match (base, address.strip_prefix(BASE)) {
    (_, None) => quoted(address),
    (Some(base), Some(name)) => quoted(&format!("{base}{name}")),
    (None, Some(name)) => {
      format!("new URL({}, import.meta.url).href", quoted(&format!("{UP}{name}")))
    }
  }
}

/// Where an address of a style sheet leads.
enum Address {
  AsItIs(String),
  /// With what comes after the file's path.
  File(String, String),
  Nowhere,
}

/// An id's path, and what comes after its question mark.
fn split(id: &str) -> (&str, &str) {
  id.split_once('?').unwrap_or((id, ""))
}

/// Whether an entry is a page.
pub(crate) fn is_page(input: &str) -> bool {
  input.ends_with(".html")
}

/// Whether a path, or an id, is that of a style sheet.
pub(crate) fn is_style(id: &str) -> bool {
  Path::new(split(id).0)
    .extension()
    .and_then(|extension| extension.to_str())
    .is_some_and(|extension| STYLES.contains(&extension))
}

/// The file whose module is no script's own.
pub(crate) fn source_of(id: &str) -> Option<&str> {
  let (path, query) = split(id);
  let extension = Path::new(path).extension().and_then(|extension| extension.to_str());
  let is_asset = extension.is_some_and(|extension| ASSETS.contains(&extension));
  (is_asset || is_style(id) || !query.is_empty()).then_some(path)
}

fn is_css_module(path: &str) -> bool {
  STYLES.iter().any(|style| path.strip_suffix(style).is_some_and(|stem| stem.ends_with(".module.")))
}

fn script_type(extension: &str) -> Option<RolldownModuleType> {
  Some(match extension {
    "js" | "mjs" | "cjs" => RolldownModuleType::Js,
    "jsx" => RolldownModuleType::Jsx,
    "ts" | "mts" | "cts" => RolldownModuleType::Ts,
    "tsx" => RolldownModuleType::Tsx,
    "json" => RolldownModuleType::Json,
    "txt" => RolldownModuleType::Text,
    _ => return None,
  })
}

/// What the view refused, as rolldown carries it.
fn told(error: std::io::Error) -> anyhow::Error {
  anyhow::anyhow!("{error}")
}

fn script(code: String, side_effects: HookSideEffects) -> HookLoadOutput {
  HookLoadOutput {
    code: code.into(),
    map: None,
    side_effects: Some(side_effects),
    module_type: Some(RolldownModuleType::Js),
  }
}

/// A module whose value is JSON, for imports and `require`. Nothing where it is none, or says that it
/// is a module itself.
fn large_json(text: &str) -> Option<String> {
  let value: serde_json::Value = serde_json::from_str(text).ok()?;
  let is_plain = value.get("__esModule").is_none();
  is_plain.then(|| format!("module.exports = JSON.parse({});\n", quoted(&value.to_string())))
}

/// A text as a literal: JSON is JavaScript.
fn quoted(text: &str) -> String {
  serde_json::Value::from(text).to_string()
}

/// The classes of a name as an expression. Those of other files come from their modules, so that their
/// rules come before these, once.
fn class_list<'a>(classes: &'a [Class], imports: &mut Vec<&'a str>) -> String {
  let mut parts: Vec<String> = Vec::new();
  let mut text = String::new();
  for class in classes {
    match class {
      Class::Own { name } => {
        text.push_str(name);
        text.push(' ');
      }
      Class::Of { name, from } => {
        let at = imports.iter().position(|known| known == from).unwrap_or_else(|| {
          imports.push(from);
          imports.len() - 1
        });
        parts.push(quoted(&std::mem::take(&mut text)));
        parts.push(format!("composed{at}[{}]", quoted(name)));
        text.push(' ');
      }
    }
  }
  let rest = text.trim_end();
  if parts.is_empty() || !rest.is_empty() {
    parts.push(quoted(rest));
  }
  parts.retain(|part| part != "\"\"");
  parts.join(" + ")
}

/// An address within the quotes that the printer has put around it.
fn css_string(address: &str) -> String {
  address.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\a ")
}

/// Puts addresses into the places of a compiled sheet.
fn put(code: &mut String, places: &[(String, String)]) {
  for (placeholder, placed) in places {
    *code = code.replace(placeholder, placed);
  }
}

/// Whether a class name can be exported by it. Words of the language cannot be declared.
fn is_name(name: &str) -> bool {
  let mut characters = name.chars();
  let starts = characters.next().is_some_and(|first| first.is_alphabetic() || "_$".contains(first));
  starts
    && characters.all(|character| character.is_alphanumeric() || "_$".contains(character))
    && !is_reserved_keyword_or_global_object(name)
    && !["await", "let", "static", "implements", "interface", "package", "private", "protected"]
      .contains(&name)
    && !["public", "yield", "arguments", "eval", "undefined", "NaN", "Infinity"].contains(&name)
}

#[derive(Debug)]
struct WebPlugin(Arc<Web>);

impl Plugin for WebPlugin {
  fn name(&self) -> Cow<'static, str> {
    Cow::Borrowed("nexxo:web")
  }

  async fn resolve_id(
    &self,
    _: &PluginContext,
    args: &HookResolveIdArgs<'_>,
  ) -> HookResolveIdReturn {
    Ok(
      (args.specifier == wasm::LOADER)
        .then(|| HookResolveIdOutput { id: wasm::LOADER.into(), ..HookResolveIdOutput::default() }),
    )
  }

  async fn load(&self, ctx: SharedLoadPluginContext, args: &HookLoadArgs<'_>) -> HookLoadReturn {
    if args.id == wasm::LOADER {
      return Ok(Some(self.0.wasm_loader()));
    }
    let Some(kind) = self.0.kind_of(args.id, args.asserted_module_type) else { return Ok(None) };
    self.0.load(&ctx, args.id, kind).await
  }

  async fn transform_ast(
    &self,
    _: &PluginContext,
    args: HookTransformAstArgs<'_>,
  ) -> HookTransformAstReturn {
    let mut ast = args.ast;
    match args.module_type {
      RolldownModuleType::Js
      | RolldownModuleType::Jsx
      | RolldownModuleType::Ts
      | RolldownModuleType::Tsx => self.0.understand(&mut ast, args.id)?,
      _ => {}
    }
    Ok(ast)
  }

  async fn render_start(&self, _: &PluginContext, _: &HookRenderStartArgs<'_>) -> HookNoopReturn {
    let mut state = self.0.state();
    (state.planned, state.dropped) = (None, Arc::default());
    drop(state);
    Ok(())
  }

  async fn render_chunk(
    &self,
    ctx: &PluginContext,
    args: &HookRenderChunkArgs<'_>,
  ) -> HookRenderChunkReturn {
    self.0.drop_unused(&args.chunks).await;
    Ok(self.0.rendered(ctx, args))
  }

  async fn augment_chunk_hash(
    &self,
    _: &PluginContext,
    chunk: Arc<rolldown_common::RollupRenderedChunk>,
  ) -> rolldown::plugin::HookAugmentChunkHashReturn {
    Ok(self.0.digest_of(&chunk))
  }

  fn register_hook_usage(&self) -> HookUsage {
    HookUsage::ResolveId
      | HookUsage::Load
      | HookUsage::TransformAst
      | HookUsage::RenderStart
      | HookUsage::RenderChunk
      | HookUsage::AugmentChunkHash
  }
}
