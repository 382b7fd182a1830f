//! In which files style sheets come out, so that every page has its rules in
//! the order in which its modules run.
//!
//! A chunk's sheet is one file, unless something that is started needs another
//! chunk's rules between its own, or its own in another order: then it is
//! several, of which each start has its order.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashMap;

/// What is known of a chunk.
#[derive(Debug, Default)]
pub(super) struct Part<'a> {
  pub(super) name: &'a str,
  /// Its modules that have style sheets, in the order in which they run.
  pub(super) sheets: Vec<&'a str>,
  /// The chunks that it imports.
  pub(super) imports: Vec<&'a str>,
  /// The module that it is started for.
  pub(super) start: Option<&'a str>,
}

/// The style sheets of an output.
#[derive(Debug, Default)]
pub(super) struct Sheets {
  /// By chunk: its files, each with the modules whose rules it has.
  pub(super) files: BTreeMap<String, Vec<Vec<String>>>,
  /// By chunk: the files that it needs, in their order, as chunks and places in `files`.
  pub(super) needs: BTreeMap<String, Vec<(String, usize)>>,
}

/// Plans the files.
pub(super) fn plan(chunks: &[Part<'_>], imports: &dyn Fn(&str) -> Vec<String>) -> Sheets {
  let mut sheets = Sheets::default();
  if chunks.iter().all(|chunk| chunk.sheets.is_empty()) {
    return sheets;
  }
  let places: FxHashMap<&str, usize> =
    chunks.iter().enumerate().map(|(at, chunk)| (chunk.name, at)).collect();
  let home: FxHashMap<&str, usize> = (chunks.iter().enumerate())
    .flat_map(|(at, chunk)| chunk.sheets.iter().map(move |sheet| (*sheet, at)))
    .collect();
  let mut modules = Modules::default();
  // Where a chunk's sheet has to end, so that another's can come between: by its first module after.
  let mut breaks: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); chunks.len()];
  let mut orders = Vec::with_capacity(chunks.len());
  for chunk in chunks {
    let loaded = loaded_with(chunk.name, chunks, &places);
    let order: Vec<&str> = match chunk.start {
      Some(start) => modules
        .run_order(start, imports)
        .into_iter()
        .filter_map(|id| home.get_key_value(id.as_str()))
        .filter(|(_, at)| loaded.contains(at))
        .map(|(sheet, _)| *sheet)
        .collect(),
      None => Vec::new(),
    };
    let place: FxHashMap<&str, usize> =
      order.iter().enumerate().map(|(at, sheet)| (*sheet, at)).collect();
    for &at in loaded.iter().filter(|_| chunk.start.is_some()) {
      let mut last: Option<usize> = None;
      for (index, sheet) in chunks[at].sheets.iter().enumerate() {
        let Some(&now) = place.get(sheet) else { continue };
        let is_apart = |before: usize| {
          now < before || order[before + 1..now].iter().any(|sheet| home.get(sheet) != Some(&at))
        };
        if last.is_some_and(is_apart) {
          breaks[at].insert(index);
        }
        last = Some(now);
      }
    }
    orders.push((loaded, place));
  }
  for (chunk, breaks) in chunks.iter().zip(&breaks).filter(|(chunk, _)| !chunk.sheets.is_empty()) {
    let mut files = vec![Vec::new()];
    for (index, sheet) in chunk.sheets.iter().enumerate() {
      if breaks.contains(&index) {
        files.push(Vec::new());
      }
      if let Some(file) = files.last_mut() {
        file.push((*sheet).to_owned());
      }
    }
    sheets.files.insert(chunk.name.to_owned(), files);
  }
  for (chunk, (loaded, place)) in chunks.iter().zip(orders) {
    let mut needs = Vec::new();
    // What is loaded in vain comes where its chunk comes.
    for (step, at) in loaded.iter().enumerate() {
      let name = chunks[*at].name;
      let mut last = (0, step);
      for (index, file) in sheets.files.get(name).into_iter().flatten().enumerate() {
        let first = file.iter().filter_map(|sheet| place.get(sheet.as_str())).min();
        last = (first.map_or(last.0, |first| first + 1), step);
        needs.push((last, name.to_owned(), index));
      }
    }
    if !needs.is_empty() {
      needs.sort();
      let needs = needs.into_iter().map(|(_, name, index)| (name, index)).collect();
      sheets.needs.insert(chunk.name.to_owned(), needs);
    }
  }
  sheets
}

/// The chunks that run with one, each after those that it imports.
fn loaded_with(name: &str, chunks: &[Part<'_>], places: &FxHashMap<&str, usize>) -> Vec<usize> {
  let mut order = Vec::new();
  super::files::walk(name, &mut order, &|name| {
    let chunk = &chunks[*places.get(name)?];
    Some(chunk.imports.iter().map(|name| (*name).to_owned()).collect())
  });
  order.iter().filter_map(|name| places.get(name.as_str()).copied()).collect()
}

/// The modules of a build, by numbers, as they are asked for many times.
#[derive(Default)]
struct Modules {
  numbers: FxHashMap<String, usize>,
  names: Vec<String>,
  imports: Vec<Option<Vec<usize>>>,
}

impl Modules {
  fn number(&mut self, id: &str) -> usize {
    if let Some(number) = self.numbers.get(id) {
      return *number;
    }
    self.names.push(id.to_owned());
    self.imports.push(None);
    self.numbers.insert(id.to_owned(), self.names.len() - 1);
    self.names.len() - 1
  }

  /// All that a module runs, itself at the end.
  fn run_order(&mut self, start: &str, imports: &dyn Fn(&str) -> Vec<String>) -> Vec<String> {
    let start = self.number(start);
    let mut seen: Vec<bool> = Vec::new();
    let mut order = Vec::new();
    let mut open = vec![(start, false)];
    while let Some((module, is_through)) = open.pop() {
      if is_through {
        order.push(self.names[module].clone());
        continue;
      }
      seen.resize(seen.len().max(self.names.len()), false);
      if std::mem::replace(&mut seen[module], true) {
        continue;
      }
      if self.imports[module].is_none() {
        let names = imports(&self.names[module]);
        let numbers = names.iter().map(|name| self.number(name)).collect();
        self.imports[module] = Some(numbers);
      }
      open.push((module, true));
      open.extend(self.imports[module].iter().flatten().rev().map(|module| (*module, false)));
    }
    order
  }
}

#[cfg(test)]
mod tests {
  use super::{Part, plan};

  fn imports(id: &str) -> Vec<String> {
    let all: &[&str] = match id {
      "main" => &["a.css", "shared", "b.css"],
      "other" => &["shared"],
      "contrary" => &["y.css", "x.css"],
      "straight" => &["x.css", "y.css"],
      "shared" => &["s.css"],
      _ => &[],
    };
    all.iter().map(|name| (*name).to_owned()).collect()
  }

  #[test]
  fn a_sheet_is_parted_where_anothers_rules_come_between() {
    let chunks = [
      Part {
        name: "main.js",
        sheets: vec!["a.css", "b.css"],
        imports: vec!["shared.js"],
        start: Some("main"),
      },
      Part {
        name: "other.js",
        imports: vec!["shared.js"],
        start: Some("other"),
        ..Part::default()
      },
      Part { name: "shared.js", sheets: vec!["s.css"], ..Part::default() },
    ];
    let sheets = plan(&chunks, &imports);
    assert_eq!(sheets.files["main.js"], [["a.css"], ["b.css"]]);
    let needs = |name: &str| -> Vec<String> {
      sheets.needs[name].iter().map(|(name, at)| format!("{name} {at}")).collect()
    };
    assert_eq!(needs("main.js"), ["main.js 0", "shared.js 0", "main.js 1"]);
    assert_eq!(needs("other.js"), ["shared.js 0"]);
  }

  #[test]
  fn each_start_has_its_own_order() {
    let shared = ["both.js"];
    let start =
      |name, start| Part { name, imports: shared.to_vec(), start: Some(start), ..Part::default() };
    let chunks = [
      start("straight.js", "straight"),
      start("contrary.js", "contrary"),
      Part { name: "both.js", sheets: vec!["x.css", "y.css"], ..Part::default() },
    ];
    let sheets = plan(&chunks, &imports);
    assert_eq!(sheets.files["both.js"], [["x.css"], ["y.css"]]);
    let needs =
      |name: &str| -> Vec<usize> { sheets.needs[name].iter().map(|(_, at)| *at).collect() };
    assert_eq!((needs("straight.js"), needs("contrary.js")), (vec![0, 1], vec![1, 0]));
  }
}
