//! The files that style sheets and assets become, and how chunks wait for them.

use std::{
  collections::{BTreeMap, BTreeSet},
  path::Path,
  sync::Arc,
};

use rolldown::plugin::{
  HookRenderChunkArgs, HookRenderChunkOutput, HookTransformOutputMap, PluginContext,
};
use rolldown_common::{Modules, Output, OutputChunk, RollupRenderedChunk};
use rolldown_utils::{
  indexmap::FxIndexMap, sanitize_filename::default_sanitize_file_name, xxhash::xxhash_base64_url,
};
use string_wizard::{Hires, MagicString, SourceMapOptions};

use nexxo_web::{Answer, Job};

use super::{
  Web,
  order::{self, Part, Sheets},
  put,
};
use crate::{graph::Graph, protocol::ImportKind, snapshot::normalize_path};

/// Stands for where the output is served, until the file is known that says so.
pub(super) const BASE: &str = "__NEXXO_BASE__";
/// Stands for the way from a chunk to the output's root.
pub(super) const UP: &str = "__NEXXO_UP__";

/// Loads style sheets and scripts at once, and runs the scripts when the sheets are there.
const WAIT: &str = r#"
function __nexxo_styles(files, base, load) {
  if (typeof document === "undefined") return load();
  const nonce = document.querySelector("script[nonce]")?.nonce;
  return Promise.all(files.map((file) => new Promise((done) => {
    const isStyle = file.endsWith(".css");
    const href = new URL(file, base).href;
    const known = [...document.querySelectorAll("link[href]")].find((link) => link.href === href);
    if (known) {
      if (!isStyle || known.sheet) return done();
      known.addEventListener("load", done);
      return known.addEventListener("error", done);
    }
    const link = document.createElement("link");
    link.rel = isStyle ? "stylesheet" : "modulepreload";
    if (nonce) link.nonce = nonce;
    link.href = href;
    if (isStyle) link.onload = link.onerror = done;
    document.head.append(link);
    if (!isStyle) done();
  }))).then(load);
}
"#;

/// The style sheets of an output, and the assets that it has the addresses of.
#[derive(Debug, Default)]
pub(crate) struct Outputs {
  /// By name.
  pub(crate) files: BTreeMap<String, Vec<u8>>,
  /// By the name of a chunk: the style sheets that it needs, in their order.
  pub(crate) styles: BTreeMap<String, Vec<String>>,
  /// Chunks of which nothing is left beside their style sheets.
  pub(crate) bare: BTreeSet<String>,
}

/// What is decided of all style sheets while chunks are rendered.
#[derive(Debug, Default)]
pub(super) struct Planned {
  sheets: Sheets,
  bare: BTreeSet<String>,
}

impl Web {
  /// The style sheets of some modules, in the order of the modules.
  pub(super) fn style_of<'a>(&self, ids: impl Iterator<Item = &'a str>) -> Option<String> {
    let state = self.state();
    let (mut imports, mut rules) = (String::new(), String::new());
    for style in ids.filter_map(|id| state.modules.get(id)?.sheet()) {
      let (first, rest) = split_imports(style);
      // Wherever else they stand, they count for nothing.
      imports.push_str(first);
      rules.push_str(rest);
      if !self.minify && !rest.is_empty() && !rest.ends_with('\n') {
        rules.push('\n');
      }
    }
    imports.push_str(&rules);
    (!imports.is_empty()).then_some(imports)
  }

  /// Takes the rules of classes away that no script uses, once for all chunks of a build.
  pub(super) async fn drop_unused(
    &self,
    chunks: &FxIndexMap<arcstr::ArcStr, Arc<RollupRenderedChunk>>,
  ) {
    let dropped = Arc::clone(&self.state().dropped);
    let drop = async || {
      for chunk in chunks.values() {
        for (id, module) in chunk.modules.keys.iter().zip(&chunk.modules.values) {
          self.drop_unused_of(id.as_str(), &module.rendered_exports).await;
        }
      }
    };
    dropped.get_or_init(drop).await;
  }

  async fn drop_unused_of(&self, id: &str, exports: &[impl AsRef<str>]) {
    let job = {
      let mut state = self.state();
      let Some(piece) = state.modules.get_mut(id) else { return };
      piece.used = None;
      let Some(module) = &piece.module else { return };
      // Whoever has all names may use any.
      if exports.iter().any(|name| name.as_ref() == "default") {
        return;
      }
      Job { unused: module.unused(exports), ..module.job.clone() }
    };
    if job.unused.is_empty() {
      return;
    }
    let Some(Answer::Done(mut sheet)) = self.host.style(job).await else { return };
    let mut state = self.state();
    let Some(piece) = state.modules.get_mut(id) else { return };
    if let Some(module) = &piece.module {
      put(&mut sheet.code, &module.places);
    }
    piece.used = Some(sheet.code);
  }

  /// A chunk, as far as its style sheets go.
  fn part<'a>(
    &self,
    name: &'a str,
    modules: &'a Modules,
    imports: &'a [arcstr::ArcStr],
    start: Option<&'a str>,
  ) -> Part<'a> {
    let state = self.state();
    let is_sheet = |id: &&str| state.modules.get(*id).is_some_and(|piece| piece.sheet().is_some());
    Part {
      name,
      sheets: modules.keys.iter().map(|id| id.as_str()).filter(is_sheet).collect(),
      imports: imports.iter().map(arcstr::ArcStr::as_str).collect(),
      start,
    }
  }

  /// What is decided of the style sheets, once for all chunks of a build.
  fn planned(
    &self,
    ctx: &PluginContext,
    chunks: &FxIndexMap<arcstr::ArcStr, Arc<RollupRenderedChunk>>,
  ) -> Arc<Planned> {
    let known = self.state().planned.clone();
    known.unwrap_or_else(|| {
      let parts = chunks.values().map(|chunk| {
        let RollupRenderedChunk { filename, modules, imports, facade_module_id: start, .. } =
          &**chunk;
        self.part(filename, modules, imports, start.as_ref().map(|id| id.as_str()))
      });
      let parts: Vec<Part<'_>> = parts.collect();
      let bare = parts.iter().zip(chunks.values()).filter(|(part, chunk)| {
        is_bare(part, chunk.is_entry, chunk.exports.is_empty(), &chunk.modules)
      });
      let bare = bare.map(|(part, _)| part.name.to_owned()).collect();
      let sheets = order::plan(&parts, &|id| {
        let info = ctx.get_module_info(id);
        info.iter().flat_map(|info| &info.imported_ids).map(ToString::to_string).collect()
      });
      let planned = Arc::new(Planned { sheets, bare });
      self.state().planned = Some(Arc::clone(&planned));
      planned
    })
  }

  /// What a chunk's style sheets are, and how they are parted.
  pub(super) fn digest_of(&self, chunk: &RollupRenderedChunk) -> Option<String> {
    let planned = self.state().planned.clone()?;
    let files = planned.sheets.files.get(chunk.filename.as_str())?;
    let styles = files.iter().filter_map(|ids| self.style_of(ids.iter().map(String::as_str)));
    Some(styles.collect::<Vec<_>>().join("\0"))
  }

  /// A chunk's code with what only a chunk can know. Nothing where that is nothing.
  pub(super) fn rendered(
    &self,
    ctx: &PluginContext,
    args: &HookRenderChunkArgs<'_>,
  ) -> Option<HookRenderChunkOutput> {
    let (code, chunk) = (args.code.as_str(), &args.chunk);
    let mut edited = None;
    let mut edit = |start: usize, end: usize, text: String| {
      let start = u32::try_from(start).ok()?;
      let end = u32::try_from(end).ok()?;
      edited.get_or_insert_with(|| MagicString::new(code)).update(start, end, text).ok()?;
      Some(())
    };
    let up = match chunk.filename.matches('/').count() {
      0 => "./".to_owned(),
      depth => "../".repeat(depth),
    };
    for (at, token) in code.match_indices(UP) {
      edit(at, at + token.len(), up.clone());
    }
    let mut waits = false;
    // Pages load what comes later at once; whoever uses a library has ways of their own.
    let preloads = !self.pages.is_empty();
    let has_styles = self.state().modules.values().any(|piece| piece.style.is_some());
    if self.splits && (preloads || has_styles) {
      let planned = self.planned(ctx, &args.chunks);
      for (at, _) in code.match_indices("import \"") {
        let start = at + "import \"".len();
        let Some(length) = code[start..].find("\";") else { continue };
        let target = joined(&chunk.filename, &code[start..start + length]);
        if target.is_some_and(|target| planned.bare.contains(&target)) {
          let end = start + length + 2;
          edit(at, end + usize::from(code[end..].starts_with('\n')), String::new());
        }
      }
      for (at, _) in code.match_indices("import(\"") {
        let start = at + "import(\"".len();
        let Some(length) = code[start..].find("\")") else { continue };
        let target = joined(&chunk.filename, &code[start..start + length]);
        let Some(target) = target else { continue };
        let Some(files) = awaited(&target, &args.chunks, &planned, preloads) else { continue };
        let is_bare = planned.bare.contains(&target);
        let files: Vec<String> = files.iter().map(|file| format!("{up}{file}")).collect();
        let list = serde_json::Value::from(files);
        let end = start + length + 2;
        let loaded = if is_bare { "Promise.resolve({})" } else { &code[at..end] };
        let call = format!("__nexxo_styles({list}, import.meta.url, () => {loaded})");
        waits |= edit(at, end, call).is_some();
      }
    }
    let mut edited = edited?;
    if waits {
      edited.append(WAIT);
    }
    let map = match args.options.sourcemap {
      None => HookTransformOutputMap::Null,
      Some(_) => {
        let options = SourceMapOptions { hires: Hires::Boundary, ..SourceMapOptions::default() };
        edited.source_map(options).into_owned().into()
      }
    };
    Some(HookRenderChunkOutput { code: edited.to_string(), map })
  }
}

/// Whether a chunk has style sheets and nothing else.
fn is_bare(part: &Part<'_>, is_entry: bool, exports_nothing: bool, modules: &Modules) -> bool {
  let says_nothing = |code: String| {
    code.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with("//"))
  };
  !part.sheets.is_empty()
    && !is_entry
    && exports_nothing
    && part.imports.is_empty()
    && modules.values.iter().all(|module| module.code().is_none_or(says_nothing))
}

/// What has to be there before a chunk runs that is imported dynamically. Nothing where that is the
/// chunk alone: then the browser does it all.
fn awaited(
  target: &str,
  chunks: &FxIndexMap<arcstr::ArcStr, Arc<RollupRenderedChunk>>,
  planned: &Planned,
  preloads: bool,
) -> Option<Vec<String>> {
  let is_own = |name: &str| chunks.get(name).is_some_and(|chunk| !chunk.is_entry);
  let needs = planned.sheets.needs.get(target).into_iter().flatten();
  let needs = needs.filter(|(name, _)| is_own(name));
  let mut files: Vec<String> = needs.map(|(name, at)| style_name(name, *at)).collect();
  let has_styles = !files.is_empty();
  let mut order = Vec::new();
  walk(target, &mut order, &|name| {
    chunks.get(name).map(|chunk| chunk.imports.iter().map(ToString::to_string).collect())
  });
  files.extend(order.into_iter().filter(|name| is_own(name) && !planned.bare.contains(name)));
  (has_styles || (preloads && files.len() > 1)).then_some(files)
}

/// The files beside the chunks.
pub(crate) fn style_files(web: &Web, assets: &[Output], graph: &Graph) -> Outputs {
  let mut outputs = Outputs::default();
  let chunks: BTreeMap<&str, &OutputChunk> = assets
    .iter()
    .filter_map(|asset| match asset {
      Output::Chunk(chunk) => Some((chunk.filename.as_str(), &**chunk)),
      Output::Asset(_) => None,
    })
    .collect();
  let parts = chunks.values().map(|chunk| {
    let start = chunk.facade_module_id.as_ref().map(|id| id.as_str());
    web.part(&chunk.filename, &chunk.modules, &chunk.imports, start)
  });
  let parts: Vec<Part<'_>> = parts.collect();
  let sheets = order::plan(&parts, &|id| {
    let imports = graph.find(id).map(|module| module.imports.as_slice()).unwrap_or_default();
    let runs = imports.iter().filter(|import| import.kind != ImportKind::DynamicImport);
    runs.filter_map(|import| Some(graph.modules[import.target?].id.clone())).collect()
  });
  let bare = parts.iter().filter(|part| {
    let chunk = chunks[part.name];
    web.splits && is_bare(part, chunk.is_entry, chunk.exports.is_empty(), &chunk.modules)
  });
  outputs.bare = bare.map(|part| part.name.to_owned()).collect();
  let mut names: BTreeMap<(&str, usize), String> = BTreeMap::new();
  for (name, files) in &sheets.files {
    let chunk = chunks[name.as_str()];
    for (at, ids) in files.iter().enumerate() {
      let Some(style) = web.style_of(ids.iter().map(String::as_str)) else { continue };
      // Who imports a chunk dynamically knows its sheets by its name, whose digest has them in it.
      let file = if chunk.is_entry {
        asset_name(&web.asset_names, &format!("{}.css", chunk.name), style.as_bytes())
      } else {
        style_name(name, at)
      };
      let base = match &web.base {
        Some(base) => base.clone(),
        None if file.contains('/') => "../".repeat(file.matches('/').count()),
        None => "./".to_owned(),
      };
      outputs.files.insert(file.clone(), style.replace(BASE, &base).into_bytes());
      names.insert((name, at), file);
    }
  }
  for (name, needs) in &sheets.needs {
    let files = needs.iter().filter_map(|(name, at)| names.get(&(name.as_str(), *at)).cloned());
    outputs.styles.insert(name.clone(), files.collect());
  }
  let used = web.needed(|name| {
    chunks.values().any(|chunk| chunk.code.contains(name))
      || outputs.files.values().any(|file| memchr::memmem::find(file, name.as_bytes()).is_some())
  });
  outputs.files.extend(used.into_iter().map(|file| (file.file_name, file.contents)));
  outputs
}

/// Chunks in the order in which they run: each after those that it imports.
pub(super) fn walk(
  name: &str,
  order: &mut Vec<String>,
  imports: &dyn Fn(&str) -> Option<Vec<String>>,
) {
  let mut open = vec![(name.to_owned(), false)];
  let mut seen = std::collections::BTreeSet::new();
  while let Some((name, is_through)) = open.pop() {
    if is_through {
      order.push(name);
      continue;
    }
    let Some(imported) = imports(&name).filter(|_| seen.insert(name.clone())) else { continue };
    open.push((name, true));
    open.extend(imported.into_iter().rev().map(|imported| (imported, false)));
  }
}

fn style_name(chunk: &str, at: usize) -> String {
  let stem = chunk.strip_suffix(".js").unwrap_or(chunk);
  if at == 0 { format!("{stem}.css") } else { format!("{stem}.{at}.css") }
}

/// Where a relative specifier of a chunk leads.
fn joined(chunk: &str, specifier: &str) -> Option<String> {
  if !specifier.starts_with('.') {
    return None;
  }
  let path = Path::new(chunk).parent()?.join(specifier);
  Some(normalize_path(&path.to_string_lossy()).ok()?.trim_start_matches('/').to_owned())
}

/// The imports at a sheet's beginning, and all after them.
fn split_imports(style: &str) -> (&str, &str) {
  let mut at = 0;
  loop {
    let rest = style[at..].trim_start();
    let start = style.len() - rest.len();
    if !rest.starts_with("@import") {
      return style.split_at(if at == 0 { 0 } else { start });
    }
    let mut quote = None;
    let end = rest.char_indices().find(|&(_, character)| {
      match (quote, character) {
        (None, ';') => return true,
        (None, '"' | '\'') => quote = Some(character),
        (Some(open), character) if open == character => quote = None,
        _ => {}
      }
      false
    });
    at = end.map_or(style.len(), |(end, _)| start + end + 1);
  }
}

/// A file's name in the output, by the pattern.
pub(super) fn asset_name(pattern: &str, path: &str, bytes: &[u8]) -> String {
  let path = Path::new(path);
  let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("asset");
  let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
  let stem = default_sanitize_file_name(stem);
  let hash = xxhash_base64_url(bytes);
  let mut name = String::new();
  let mut rest = pattern;
  while let Some((before, after)) = rest.split_once('[') {
    name.push_str(before);
    let Some((placeholder, after)) = after.split_once(']') else { break };
    match placeholder.split_once(':').unwrap_or((placeholder, "")) {
      ("name", _) => name.push_str(&stem),
      ("hash", length) => {
        let length = length.parse().unwrap_or(8).clamp(1, hash.len());
        name.push_str(&hash[..length]);
      }
      ("ext", _) => name.push_str(extension),
      ("extname", _) if !extension.is_empty() => {
        name.push('.');
        name.push_str(extension);
      }
      _ => {}
    }
    rest = after;
  }
  name.push_str(rest);
  name
}

#[cfg(test)]
mod tests {
  use super::{asset_name, joined, split_imports};

  #[test]
  fn imports_stand_first_whatever_is_in_their_addresses() {
    for (style, imports, rest) in [
      ("a{}", "", "a{}"),
      ("@import \"x;y\";\n@import url('a;b');a{}", "@import \"x;y\";\n@import url('a;b');", "a{}"),
      ("@import \"x\"", "@import \"x\"", ""),
      ("", "", ""),
    ] {
      assert_eq!(split_imports(style), (imports, rest));
    }
  }

  #[test]
  fn names_follow_the_pattern_and_paths_lead_on() {
    let name = asset_name("assets/[name]-[hash:4][extname]", "/src/logo.png", b"1");
    assert!(name.starts_with("assets/logo-") && name.ends_with(".png"), "{name}");
    assert_eq!(name.len(), "assets/logo-1234.png".len());
    assert_eq!(joined("a/b.js", "./c.js").as_deref(), Some("a/c.js"));
    assert_eq!(joined("a/b.js", "../c.js").as_deref(), Some("c.js"));
    assert_eq!(joined("b.js", "../c.js"), None);
    assert_eq!(joined("b.js", "react"), None);
  }
}
