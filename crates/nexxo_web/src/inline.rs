//! Imports of style sheets, put in place.
//!
//! A browser loads a sheet for each `@import` that it meets, at its place and
//! under its conditions. So does this: what is imported is put where it is
//! imported, within the layer, the condition and the media of the import. The
//! same sheet under the same conditions again makes the earlier one of no use,
//! but for the order of its layers.

use std::collections::{BTreeMap, BTreeSet};

use lightningcss::{
  error::{Error, ErrorLocation, ParserError},
  printer::PrinterOptions,
  rules::{
    CssRule, CssRuleList, Location,
    import::ImportRule,
    layer::{LayerBlockRule, LayerStatementRule},
    media::MediaRule,
    supports::SupportsRule,
  },
  stylesheet::{ParserOptions, StyleSheet},
  traits::ToCss,
};

/// Imports within imports, deeper than a stack may go.
const DEEPEST: usize = 100;
/// Each way to a sheet counts, so that few files can be many sheets.
const MOST_SHEETS: usize = 5_000;

type Rules<'a> = Vec<CssRule<'a>>;

/// Where an import leads.
pub(crate) enum Place {
  File(String),
  Elsewhere,
}

/// What is asked of whoever has the files.
pub(crate) trait Library<'a> {
  /// Nothing where it is not known yet.
  fn text(&self, path: &str) -> &'a str;
  fn place(&self, specifier: &str, from: &str) -> Place;
}

/// Why it cannot be done.
pub(crate) enum Failure<'a> {
  Parse(Error<ParserError<'a>>),
  TooDeep { file: String, loc: Location },
  TooMany,
}

/// A sheet with all that it imports.
pub(crate) fn inline<'a>(
  root: &str,
  options: &ParserOptions<'a>,
  library: &dyn Library<'a>,
) -> Result<StyleSheet<'a>, Failure<'a>> {
  let mut sheets = Sheets {
    options,
    library,
    sources: Vec::new(),
    parsed: BTreeMap::new(),
    keys: Vec::new(),
    kept: BTreeSet::new(),
    count: 0,
    first: Vec::new(),
  };
  sheets.visit(root, &mut Vec::new(), &mut Vec::new())?;
  // The last of each, and all that stand for themselves.
  let mut seen = BTreeSet::new();
  for (at, key) in sheets.keys.iter().enumerate().rev() {
    if key.as_ref().is_none_or(|key| seen.insert(key)) {
      sheets.kept.insert(at);
    }
  }
  let rules = sheets.put(root, &mut Vec::new());
  let mut all = std::mem::take(&mut sheets.first);
  all.extend(rules);
  Ok(StyleSheet::new(sheets.sources, CssRuleList(all), options.clone()))
}

struct Sheets<'a, 'l> {
  options: &'l ParserOptions<'a>,
  library: &'l dyn Library<'a>,
  sources: Vec<String>,
  parsed: BTreeMap<String, Rules<'a>>,
  /// By occurrence: the sheet and its conditions; nothing where it is within a layer without a name.
  keys: Vec<Option<String>>,
  kept: BTreeSet<usize>,
  count: usize,
  /// What holds only at the beginning.
  first: Rules<'a>,
}

impl<'a> Sheets<'a, '_> {
  fn parse(&mut self, path: &str) -> Result<(), Failure<'a>> {
    if self.parsed.contains_key(path) {
      return Ok(());
    }
    let options = ParserOptions {
      filename: path.to_owned(),
      source_index: u32::try_from(self.sources.len()).unwrap_or(u32::MAX),
      ..self.options.clone()
    };
    self.sources.push(path.to_owned());
    let sheet = StyleSheet::parse(self.library.text(path), options).map_err(Failure::Parse)?;
    self.parsed.insert(path.to_owned(), sheet.rules.0);
    Ok(())
  }

  /// The imports of a sheet that lead to files.
  fn imports(&self, path: &str) -> Vec<(ImportRule<'a>, String)> {
    let rules = self.parsed.get(path).map(Vec::as_slice).unwrap_or_default();
    let imports = rules.iter().filter_map(|rule| match rule {
      CssRule::Import(import) => match self.library.place(&import.url, path) {
        Place::File(file) => Some((import.clone(), file)),
        Place::Elsewhere => None,
      },
      _ => None,
    });
    imports.collect()
  }

  /// Finds every occurrence, in the order in which their rules come.
  fn visit(
    &mut self,
    path: &str,
    open: &mut Vec<String>,
    conditions: &mut Vec<Option<String>>,
  ) -> Result<(), Failure<'a>> {
    self.parse(path)?;
    open.push(path.to_owned());
    for (import, file) in self.imports(path) {
      if open.contains(&file) {
        continue;
      }
      if open.len() >= DEEPEST {
        return Err(Failure::TooDeep { file: path.to_owned(), loc: import.loc });
      }
      conditions.push(condition(&import));
      self.visit(&file, open, conditions)?;
      conditions.pop();
    }
    open.pop();
    let conditions: Option<Vec<&str>> = conditions.iter().map(Option::as_deref).collect();
    self.keys.push(conditions.map(|all| format!("{path}\0{}", all.concat())));
    if self.keys.len() > MOST_SHEETS { Err(Failure::TooMany) } else { Ok(()) }
  }

  /// The rules of a sheet, each import's in its place.
  fn put(&mut self, path: &str, open: &mut Vec<String>) -> Rules<'a> {
    open.push(path.to_owned());
    let mut put = Vec::new();
    let mut own = Vec::new();
    let is_root = open.len() == 1;
    for rule in self.parsed.get(path).cloned().unwrap_or_default() {
      match rule {
        CssRule::Import(import) => match self.library.place(&import.url, path) {
          // A sheet that imports itself has begun already.
          Place::File(file) if open.contains(&file) => {}
          Place::File(file) => {
            let rules = self.put(&file, open);
            put.extend(within(&import, rules));
          }
          Place::Elsewhere => self.first.push(CssRule::Import(import)),
        },
        // What may stand before imports says in which order layers come.
        CssRule::LayerStatement(_) if own.is_empty() => put.push(rule),
        CssRule::Namespace(_) if is_root => self.first.push(rule),
        CssRule::CustomMedia(_) => self.first.push(rule),
        other => own.push(other),
      }
    }
    open.pop();
    let is_kept = self.kept.contains(&self.count);
    self.count += 1;
    put.extend(if is_kept { own } else { layers_of(own) });
    put
  }
}

/// The conditions of an import as a text, which is nothing where its layer is its own alone.
fn condition(import: &ImportRule<'_>) -> Option<String> {
  if import.layer == Some(None) {
    return None;
  }
  // The address is no part of it.
  let bare = ImportRule { url: "".into(), ..import.clone() };
  bare.to_css_string(PrinterOptions::default()).ok()
}

/// Rules within the layer, the condition and the media of an import.
fn within<'a>(import: &ImportRule<'a>, mut rules: Rules<'a>) -> Rules<'a> {
  let loc = import.loc;
  if let Some(name) = &import.layer {
    let block = LayerBlockRule { name: name.clone(), rules: CssRuleList(rules), loc };
    rules = vec![CssRule::LayerBlock(block)];
  }
  if rules.is_empty() {
    return rules;
  }
  if let Some(condition) = &import.supports {
    let block = SupportsRule { condition: condition.clone(), rules: CssRuleList(rules), loc };
    rules = vec![CssRule::Supports(block)];
  }
  if !import.media.media_queries.is_empty() {
    let block = MediaRule { query: import.media.clone(), rules: CssRuleList(rules), loc };
    rules = vec![CssRule::Media(block)];
  }
  rules
}

/// What is left of rules where only the order of their layers counts.
fn layers_of(rules: Rules<'_>) -> Rules<'_> {
  let layers = rules.into_iter().filter_map(|rule| match rule {
    CssRule::LayerStatement(_) => Some(rule),
    CssRule::LayerBlock(block) if block.name.is_some() => {
      let rules = layers_of(block.rules.0);
      if rules.is_empty() {
        let names = block.name.into_iter().collect();
        return Some(CssRule::LayerStatement(LayerStatementRule { names, loc: block.loc }));
      }
      Some(CssRule::LayerBlock(LayerBlockRule { rules: CssRuleList(rules), ..block }))
    }
    CssRule::Media(block) => {
      let rules = layers_of(block.rules.0);
      let block = MediaRule { rules: CssRuleList(rules), ..block };
      (!block.rules.0.is_empty()).then_some(CssRule::Media(block))
    }
    CssRule::Supports(block) => {
      let rules = layers_of(block.rules.0);
      let block = SupportsRule { rules: CssRuleList(rules), ..block };
      (!block.rules.0.is_empty()).then_some(CssRule::Supports(block))
    }
    _ => None,
  });
  layers.collect()
}

impl Failure<'_> {
  /// Where it is, as the compiler tells it.
  pub(crate) fn told(&self) -> (String, Option<ErrorLocation>) {
    match self {
      Self::Parse(error) => (error.kind.to_string(), error.loc.clone()),
      Self::TooDeep { file, loc } => (
        format!("imports within imports are deeper than {DEEPEST} levels"),
        Some(ErrorLocation { filename: file.clone(), line: loc.line, column: loc.column }),
      ),
      Self::TooMany => {
        (format!("it is more than {MOST_SHEETS} sheets, as some import each other"), None)
      }
    }
  }
}
