//! Pages as entries: a page's module imports what the page starts, and the page
//! itself comes out beside the chunks, with what it needs of them.

use std::{
  collections::{BTreeMap, BTreeSet},
  path::Path,
};

use nexxo_web::{PagePlan, PageScript};
use rolldown::plugin::{HookLoadOutput, SharedLoadPluginContext};
use rolldown_common::side_effects::HookSideEffects;
use rolldown_utils::base64::to_standard_base64;
use sha2::{Digest, Sha384};

use super::{Address, Piece, Web, files::BASE, is_style, quoted, script, split, told};
use crate::{
  diagnostic::{missing_file, no_web_compiler, unresolved_url},
  protocol::{Diagnostic, OutputFile, OutputKind},
  snapshot::shown,
};

/// Folders below `public/` are no deeper than that.
const DEEPEST: usize = 32;

/// A page as it was read.
#[derive(Default)]
pub(super) struct Page {
  text: String,
  /// The code of its inline modules, by their places.
  inline: BTreeMap<usize, String>,
  /// Addresses of scripts and style sheets that are part of the output.
  taken: BTreeSet<String>,
  /// Other addresses, and what stands for them, with [`BASE`] before what is in the output.
  pub(super) addresses: BTreeMap<String, String>,
}

impl Web {
  /// The module of a page.
  pub(super) async fn page_module(
    &self,
    ctx: &SharedLoadPluginContext,
    id: &str,
    piece: &mut Piece,
  ) -> anyhow::Result<HookLoadOutput> {
    let mut text = self.text(id)?;
    for (name, value) in &self.environment {
      text = text.replace(name, value);
    }
    let file = shown(Path::new(id));
    let Some(parts) = self.host.read_page(text.clone()).await else {
      return Err(self.view.fail(no_web_compiler(&file)));
    };
    let mut page = Page { text, ..Page::default() };
    let mut code = String::new();
    let mut import = |path: &str| code.push_str(&format!("import {};\n", quoted(path)));
    for href in &parts.styles {
      match self.find_url(ctx, id, href).await {
        Address::File(path, _) if is_style(&path) => {
          import(&path);
          page.taken.insert(href.clone());
        }
        Address::Nowhere => piece.warnings.push(place(unresolved_url(href), &page, &file, href)),
        _ => self.show(ctx, id, href, &mut page, piece).await?,
      }
    }
    for (at, script) in parts.scripts.into_iter().enumerate() {
      match script {
        PageScript::Inline { code } => {
          let start = page.text.find(&code).unwrap_or(0);
          let place = start..start + code.len();
          self.view.check_nesting(Path::new(id), &page.text, place).map_err(told)?;
          import(&format!("{id}?script={at}.js"));
          // Stands where it stands in the page, so that its mistakes do.
          let before = page.text.get(..start).unwrap_or_default();
          let blank = before.chars().flat_map(|character| match character {
            '\n' => std::iter::repeat_n('\n', 1),
            other => std::iter::repeat_n(' ', other.len_utf16()),
          });
          page.inline.insert(at, blank.chain(code.chars()).collect());
        }
        PageScript::File { src } => match self.find_url(ctx, id, &src).await {
          Address::File(path, _) => {
            import(&path);
            page.taken.insert(src);
          }
          // Of `public/` or of another place.
          Address::AsItIs(address) if !address.starts_with(BASE) || self.is_public(&src) => {
            self.show(ctx, id, &src, &mut page, piece).await?;
          }
          _ => {
            let mistake = place(missing_file(&src, None), &page, &file, &src);
            return Err(self.view.fail(mistake));
          }
        },
      }
    }
    for address in parts.addresses {
      self.show(ctx, id, &address, &mut page, piece).await?;
    }
    self.state().pages.insert(id.to_owned(), page);
    Ok(script(code, HookSideEffects::NoTreeshake))
  }

  /// An inline module of a page that was read.
  pub(super) fn page_script(&self, id: &str) -> HookLoadOutput {
    let (page, query) = split(id);
    let at = query.strip_prefix("script=").and_then(|rest| rest.strip_suffix(".js"));
    let at = at.and_then(|at| at.parse().ok()).unwrap_or(usize::MAX);
    let state = self.state();
    let code = state.pages.get(page).and_then(|page| page.inline.get(&at)).cloned();
    HookLoadOutput {
      code: code.unwrap_or_default().into(),
      module_type: Some(rolldown_common::ModuleType::Js),
      ..HookLoadOutput::default()
    }
  }

  /// Finds what a page shows by an address.
  async fn show(
    &self,
    ctx: &SharedLoadPluginContext,
    id: &str,
    address: &str,
    page: &mut Page,
    piece: &mut Piece,
  ) -> anyhow::Result<()> {
    let placed = match self.find_url(ctx, id, address).await {
      Address::AsItIs(placed) => placed,
      Address::File(path, rest) => {
        piece.files.insert(path.clone());
        let bytes = self.asset_bytes(ctx, &path, piece).await?;
        // Icons and manifests are asked for by their addresses, whatever their size.
        format!("{}{rest}", self.asset(&path, bytes, Some(false), true)?)
      }
      Address::Nowhere => {
        let file = shown(Path::new(id));
        piece.warnings.push(place(unresolved_url(address), page, &file, address));
        return Ok(());
      }
    };
    if placed != address {
      page.addresses.insert(address.to_owned(), placed);
    }
    Ok(())
  }

  /// Whether a file is the script of a page that starts none.
  pub(crate) fn is_hollow(&self, file: &OutputFile) -> bool {
    let is_page = file.facade_module_id.as_deref().is_some_and(super::is_page);
    file.is_entry && is_page && !self.is_dev && is_empty(file)
  }

  fn is_public(&self, address: &str) -> bool {
    let path = address.split(['?', '#']).next().unwrap_or(address).trim_start_matches('/');
    self.view.snapshot().is_file(&self.cwd.join("public").join(path))
  }

  /// The pages of an output, and what is beside them as it is.
  ///
  /// # Errors
  /// `WEB_UNAVAILABLE`.
  pub(crate) async fn pages(&self, files: &[OutputFile]) -> Result<Vec<OutputFile>, Diagnostic> {
    // A server has `public/` at hand.
    let is_whole = !self.pages.is_empty() && !self.is_dev;
    let mut made = if is_whole { self.public_files() } else { Vec::new() };
    for id in &self.pages {
      let name = crate::diagnostic::shown_id(id, &self.cwd);
      let chunk = files
        .iter()
        .find(|file| file.is_entry && file.facade_module_id.as_deref() == Some(name.as_str()));
      let Some(chunk) = chunk else { continue };
      let base = match &self.base {
        Some(base) => base.clone(),
        None if name.contains('/') => "../".repeat(name.matches('/').count()),
        None => "./".to_owned(),
      };
      let at = |file: &String| format!("{base}{file}");
      let plan = {
        let state = self.state();
        let Some(page) = state.pages.get(id) else { continue };
        let mut addresses = page.addresses.clone();
        addresses.values_mut().for_each(|address| *address = address.replace(BASE, &base));
        PagePlan {
          text: page.text.clone(),
          taken: page.taken.clone(),
          // A page without scripts needs none of the output.
          scripts: if is_empty(chunk) { Vec::new() } else { vec![at(&chunk.file_name)] },
          preloads: imported(files, chunk).iter().map(at).collect(),
          styles: chunk.styles.iter().map(at).collect(),
          addresses,
          nonce: self.html.csp_nonce.clone(),
          integrity: if self.html.integrity == Some(true) && !self.is_dev {
            let checked = |file: &&OutputFile| {
              file.kind == OutputKind::Chunk || file.file_name.ends_with(".css")
            };
            let digested = files.iter().filter(checked);
            digested.map(|file| (at(&file.file_name), digest(&file.contents))).collect()
          } else {
            BTreeMap::new()
          },
        }
      };
      let text = self.host.write_page(plan).await.ok_or_else(|| no_web_compiler(&name))?;
      made.push(OutputFile::asset(name, text.into_bytes()));
    }
    Ok(made)
  }

  /// What is in `public/`, as the output has it.
  fn public_files(&self) -> Vec<OutputFile> {
    let snapshot = self.view.snapshot();
    let mut found = Vec::new();
    let mut folders = vec![(self.cwd.join("public"), String::new(), 0)];
    while let Some((folder, prefix, depth)) = folders.pop() {
      for name in snapshot.names_in(&folder) {
        let path = folder.join(&name);
        if snapshot.is_folder(&path) && depth < DEEPEST {
          folders.push((path, format!("{prefix}{name}/"), depth + 1));
        } else if let Some(bytes) = snapshot.bytes(&path) {
          found.push(OutputFile::asset(format!("{prefix}{name}"), bytes));
        }
      }
    }
    found
  }
}

/// A digest as browsers check it.
fn digest(contents: &[u8]) -> String {
  format!("sha384-{}", to_standard_base64(Sha384::digest(contents)))
}

fn is_empty(chunk: &OutputFile) -> bool {
  let code = String::from_utf8_lossy(&chunk.contents);
  code.lines().all(|line| line.trim().is_empty() || line.starts_with("//"))
}

/// The chunks that one imports, each after those that it imports itself.
fn imported(files: &[OutputFile], chunk: &OutputFile) -> Vec<String> {
  let mut order = Vec::new();
  super::files::walk(&chunk.file_name, &mut order, &|name| {
    let file = files.iter().find(|file| file.kind == OutputKind::Chunk && file.file_name == name);
    file.map(|file| file.imports.clone())
  });
  order.pop();
  order
}

/// Where an address stands in a page.
fn place(mistake: Diagnostic, page: &Page, file: &str, address: &str) -> Diagnostic {
  match page.text.find(address) {
    Some(at) => mistake.at(file, &page.text, at, at + address.len()),
    None => mistake.in_file(file),
  }
}
