//! The files that style sheets and assets become, and how chunks wait for them.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use rolldown::plugin::{HookRenderChunkArgs, HookRenderChunkOutput, HookTransformOutputMap};
use rolldown_common::{Output, OutputChunk, RollupRenderedChunk};
use rolldown_utils::{
  indexmap::FxIndexMap, sanitize_filename::default_sanitize_file_name, xxhash::xxhash_base64_url,
};
use string_wizard::{Hires, MagicString, SourceMapOptions};

use super::Web;
use crate::snapshot::normalize_path;

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
}

impl Web {
  /// The style sheets of some modules, in the order of the modules.
  pub(super) fn style_of<'a>(&self, ids: impl Iterator<Item = &'a str>) -> Option<String> {
    let state = self.state();
    let (mut imports, mut rules) = (String::new(), String::new());
    for style in ids.filter_map(|id| state.modules.get(id)?.style.as_deref()) {
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

  fn has_style<'a>(&self, mut ids: impl Iterator<Item = &'a str>) -> bool {
    let state = self.state();
    let styles = |id| state.modules.get(id).and_then(|piece| piece.style.as_ref());
    ids.any(|id| styles(id).is_some_and(|style| !style.is_empty()))
  }

  /// A chunk's code with what only a chunk can know. Nothing where that is nothing.
  pub(super) fn rendered(&self, args: &HookRenderChunkArgs<'_>) -> Option<HookRenderChunkOutput> {
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
    if self.splits && self.state().modules.values().any(|piece| piece.style.is_some()) {
      for (at, _) in code.match_indices("import(\"") {
        let start = at + "import(\"".len();
        let Some(length) = code[start..].find("\")") else { continue };
        let target = joined(&chunk.filename, &code[start..start + length]);
        let Some(files) = target.and_then(|target| self.awaited(&target, &args.chunks)) else {
          continue;
        };
        let files: Vec<String> = files.iter().map(|file| format!("{up}{file}")).collect();
        let list = serde_json::Value::from(files);
        let end = start + length + 2;
        let call = format!("__nexxo_styles({list}, import.meta.url, () => {})", &code[at..end]);
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

  /// What has to be there before a chunk runs that is imported dynamically. Nothing where no style
  /// sheet is among it: then the browser does it all.
  fn awaited(
    &self,
    target: &str,
    chunks: &FxIndexMap<arcstr::ArcStr, Arc<RollupRenderedChunk>>,
  ) -> Option<Vec<String>> {
    let mut order = Vec::new();
    walk(target, &mut order, &|name| {
      chunks.get(name).map(|chunk| chunk.imports.iter().map(ToString::to_string).collect())
    });
    let (mut files, mut has_styles) = (Vec::new(), false);
    for name in &order {
      let Some(chunk) = chunks.get(name.as_str()).filter(|chunk| !chunk.is_entry) else { continue };
      if self.has_style(chunk.modules.keys.iter().map(|id| id.as_str())) {
        has_styles = true;
        files.push(style_name(name));
      }
      files.push(name.clone());
    }
    has_styles.then_some(files)
  }
}

/// The files beside the chunks.
pub(crate) fn style_files(web: &Web, assets: &[Output]) -> Outputs {
  let mut outputs = Outputs::default();
  let chunks: BTreeMap<&str, &OutputChunk> = assets
    .iter()
    .filter_map(|asset| match asset {
      Output::Chunk(chunk) => Some((chunk.filename.as_str(), &**chunk)),
      Output::Asset(_) => None,
    })
    .collect();
  let mut own: BTreeMap<&str, String> = BTreeMap::new();
  for (name, chunk) in &chunks {
    let Some(style) = web.style_of(chunk.modules.keys.iter().map(|id| id.as_str())) else {
      continue;
    };
    // Who imports a chunk dynamically knows the sheet by the chunk's name, whose digest has it in it.
    let file = if chunk.is_entry {
      asset_name(&web.asset_names, &format!("{}.css", chunk.name), style.as_bytes())
    } else {
      style_name(name)
    };
    let base = match &web.base {
      Some(base) => base.clone(),
      None if file.contains('/') => "../".repeat(file.matches('/').count()),
      None => "./".to_owned(),
    };
    outputs.files.insert(file.clone(), style.replace(BASE, &base).into_bytes());
    own.insert(name, file);
  }
  for name in chunks.keys().filter(|_| !own.is_empty()) {
    let mut order = Vec::new();
    walk(name, &mut order, &|name| {
      chunks.get(name).map(|chunk| chunk.imports.iter().map(ToString::to_string).collect())
    });
    let styles: Vec<String> =
      order.iter().filter_map(|name| own.get(name.as_str()).cloned()).collect();
    if !styles.is_empty() {
      outputs.styles.insert((*name).to_owned(), styles);
    }
  }
  let state = web.state();
  let is_there = |name: &str| {
    chunks.values().any(|chunk| chunk.code.contains(name))
      || outputs.files.values().any(|file| memchr::memmem::find(file, name.as_bytes()).is_some())
  };
  let used: Vec<(String, Vec<u8>)> = state
    .assets
    .iter()
    .filter(|(name, _)| is_there(name))
    .map(|(name, bytes)| (name.clone(), bytes.to_vec()))
    .collect();
  outputs.files.extend(used);
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

fn style_name(chunk: &str) -> String {
  format!("{}.css", chunk.strip_suffix(".js").unwrap_or(chunk))
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
