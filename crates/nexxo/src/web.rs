//! What pages have beside scripts: style sheets and assets, as modules.
//!
//! A script that imports a style sheet gets a module with its class names; the
//! sheet itself is put into a file beside the chunk that the module is in, in
//! the order in which modules run. While one develops there are no chunks to
//! be beside: there the module puts its sheet into the page, and is replaced
//! like any other. An asset is a file with its digest in its name, and its
//! module is its address. `docs/design/web.md` has the reasons.

mod files;
mod pages;

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
  __inner::SharedPluginable, HookLoadArgs, HookLoadOutput, HookLoadReturn, HookRenderChunkArgs,
  HookRenderChunkReturn, HookUsage, Plugin, PluginContext, SharedLoadPluginContext,
};
use rolldown_common::{ModuleType as RolldownModuleType, side_effects::HookSideEffects};
use rolldown_fs::SourceView;
use rolldown_utils::{base64::to_standard_base64, mime::guess_mime};
use rustc_hash::FxHashMap;

use crate::{
  diagnostic::{
    byte_offset, ignored_css, invalid_css, missing_file, no_web_compiler, unresolved_url,
    unsupported_query,
  },
  host::Host,
  protocol::{BuildOptions, Diagnostic, Format, Minify, OutputFile, Target as SyntaxTarget},
  snapshot::{GuardedView, normalize_path, shown},
};

use files::{BASE, UP};
pub(crate) use files::{Outputs, style_files};

/// A smaller asset is part of the module that imports it.
const INLINE_LIMIT: u64 = 4096;
/// A style sheet imports no deeper than that: each round tells what the next level lacks.
const MOST_ROUNDS: usize = 200;

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

/// Queries that have a meaning in Vite, and none here yet.
const UNSUPPORTED: [&str; 3] = ["worker", "sharedworker", "init"];

/// Style sheets and assets of one context, and what their modules came to.
pub(crate) struct Web {
  host: Arc<dyn Host>,
  view: Arc<GuardedView>,
  cwd: PathBuf,
  is_dev: bool,
  /// Where the output is served, with a slash at its end; none where addresses are relative.
  base: Option<String>,
  inline_limit: u64,
  asset_names: String,
  minify: bool,
  browsers: Vec<String>,
  /// Whether dynamic imports can wait for style sheets.
  splits: bool,
  named_types: BTreeSet<String>,
  /// What stands for names between per cent signs in pages.
  environment: Vec<(String, String)>,
  /// The ids of entries that are pages.
  pages: Vec<String>,
  state: Mutex<State>,
}

#[derive(Default)]
struct State {
  modules: FxHashMap<String, Piece>,
  /// Files of the output by their names.
  assets: BTreeMap<String, Arc<[u8]>>,
  pages: FxHashMap<String, pages::Page>,
}

/// What one module came to.
#[derive(Default)]
struct Piece {
  /// The files that it was made from, and those that were looked for in vain.
  files: BTreeSet<String>,
  /// A style sheet with [`BASE`] before the addresses of assets.
  style: Option<String>,
  warnings: Vec<Diagnostic>,
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
  Style {
    inline: bool,
  },
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
    Self {
      host,
      view,
      cwd: cwd.to_owned(),
      is_dev,
      base: match base {
        "" | "./" | "." => None,
        base if base.ends_with('/') => Some(base.to_owned()),
        base => Some(format!("{base}/")),
      },
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
      splits: !is_dev && output.format.unwrap_or_default() == Format::Esm,
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
    ids.sort_unstable();
    ids
  }

  /// What was found in the modules of a graph that fails no build.
  pub(crate) fn warnings<'a>(&self, ids: impl Iterator<Item = &'a str>) -> Vec<Diagnostic> {
    let state = self.state();
    ids.filter_map(|id| state.modules.get(id)).flat_map(|piece| piece.warnings.clone()).collect()
  }

  /// The assets whose addresses are in some texts.
  pub(crate) fn shown_by<'a, Texts: Iterator<Item = &'a str>>(
    &self,
    texts: impl Fn() -> Texts,
  ) -> Vec<OutputFile> {
    let state = self.state();
    let shown = state.assets.iter().filter(|(name, _)| texts().any(|text| text.contains(*name)));
    shown.map(|(name, bytes)| OutputFile::asset(name.clone(), bytes.to_vec())).collect()
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
    // Whoever says what such a file holds, or what its importer takes it for, is right.
    let name = Path::new(path).file_name()?.to_str()?;
    let is_named = |at: usize| self.named_types.contains(&name[at + 1..]);
    if asserted.is_some() || name.match_indices('.').any(|(at, _)| is_named(at)) {
      return None;
    }
    let is_style = STYLES.contains(&extension);
    let inline = match (has("inline"), has("no-inline")) {
      (true, _) => Some(true),
      (_, true) => Some(false),
      _ => None,
    };
    if has("url") || (!is_style && ASSETS.contains(&extension.to_ascii_lowercase().as_str())) {
      return Some(Kind::Asset { inline });
    }
    if is_style {
      return Some(Kind::Style { inline: inline == Some(true) });
    }
    let is_script = !query.is_empty() && script_type(extension).is_some();
    (is_script && self.view.snapshot().is_file(Path::new(path))).then_some(Kind::Script)
  }

  async fn load(
    &self,
    ctx: &SharedLoadPluginContext,
    id: &str,
    kind: Kind,
  ) -> anyhow::Result<HookLoadOutput> {
    let (path, query) = split(id);
    let mut piece = Piece { files: BTreeSet::from([path.to_owned()]), ..Piece::default() };
    let loaded = match kind {
      Kind::Page => self.page_module(ctx, id, &mut piece).await,
      Kind::PageScript => Ok(self.page_script(id)),
      Kind::Raw => {
        let text = quoted(&self.text(path)?);
        Ok(script(format!("export default {text};\n"), HookSideEffects::False))
      }
      Kind::Script => {
        if let Some(word) = query.split('&').find(|word| UNSUPPORTED.contains(word)) {
          return Err(self.view.fail(unsupported_query(&shown(Path::new(path)), word)));
        }
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
      Kind::Style { inline } => {
        let sheet = self.style(ctx, path, is_css_module(path), &mut piece).await?;
        Ok(self.style_module(id, sheet, inline, &mut piece))
      }
    };
    for file in &piece.files {
      ctx.add_watch_file(file);
    }
    self.state().modules.insert(id.to_owned(), piece);
    loaded
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
    if !self.is_dev {
      piece.style = Some(sheet.code);
    }
    script(code, HookSideEffects::NoTreeshake)
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
          self.place_urls(ctx, &mut sheet, &job, piece).await?;
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
  ) -> anyhow::Result<()> {
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
      sheet.code = sheet.code.replace(&url.placeholder, &css_string(&placed));
    }
    Ok(())
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
    self.state().assets.insert(name.clone(), bytes.into());
    Ok(format!("{BASE}{name}"))
  }

  /// The addresses of a text that is no file of the output itself.
  fn placed(&self, text: &str) -> String {
    text.replace(BASE, self.base.as_deref().unwrap_or("./"))
  }

  /// An address as an expression.
  fn expression(&self, address: &str) -> String {
    match (&self.base, address.strip_prefix(BASE)) {
      (_, None) => quoted(address),
      (Some(base), Some(name)) => quoted(&format!("{base}{name}")),
      (None, Some(name)) => {
        format!("new URL({}, import.meta.url).href", quoted(&format!("{UP}{name}")))
      }
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

  async fn load(&self, ctx: SharedLoadPluginContext, args: &HookLoadArgs<'_>) -> HookLoadReturn {
    let Some(kind) = self.0.kind_of(args.id, args.asserted_module_type) else { return Ok(None) };
    self.0.load(&ctx, args.id, kind).await.map(Some)
  }

  async fn render_chunk(
    &self,
    _: &PluginContext,
    args: &HookRenderChunkArgs<'_>,
  ) -> HookRenderChunkReturn {
    Ok(self.0.rendered(args))
  }

  async fn augment_chunk_hash(
    &self,
    _: &PluginContext,
    chunk: Arc<rolldown_common::RollupRenderedChunk>,
  ) -> rolldown::plugin::HookAugmentChunkHashReturn {
    Ok(self.0.style_of(chunk.modules.keys.iter().map(|id| id.as_str())))
  }

  fn register_hook_usage(&self) -> HookUsage {
    HookUsage::Load | HookUsage::RenderChunk | HookUsage::AugmentChunkHash
  }
}
