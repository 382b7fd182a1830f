//! The compiler: Sass becomes CSS, imports are put in place, names are made a
//! file's own, and syntax is lowered and minified.

use std::{
  collections::{BTreeMap, BTreeSet, HashSet},
  fmt,
  sync::{Arc, Mutex, PoisonError, RwLock},
};

use lightningcss::{
  css_modules::{Config, CssModuleExports, CssModuleReference, Pattern},
  dependencies::{Dependency, DependencyOptions},
  error::ErrorLocation,
  printer::PrinterOptions,
  stylesheet::{MinifyOptions, ParserFlags, ParserOptions},
  targets::{Browsers, Targets},
};

use parcel_sourcemap::SourceMap;

use crate::{
  Answer, Class, Job, Problem, Sheet, Target, Url,
  inline::{self, Library, Place},
  is_elsewhere, sass,
};

/// Rules within rules deeper than that are nobody's: parsers and printers recurse.
const MOST_NESTED: usize = 200;

/// Compiles a style sheet with all that it imports.
pub(crate) fn compile(job: &Job) -> Answer {
  // Texts are held on to while they are read, so that Sass is compiled between two runs.
  let mut compiled = BTreeMap::new();
  let mut used = BTreeSet::new();
  loop {
    let files = Files::new(job, &compiled);
    let answer = run(job, &files);
    let State { files: missing, targets, problems, sass, used: read } =
      files.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    if !missing.is_empty() || !targets.is_empty() {
      let (files, targets) = (missing.into_iter().collect(), targets.into_iter().collect());
      return Answer::Needs { files, targets };
    }
    if !problems.is_empty() {
      return Answer::Failed { problems: problems.into_iter().collect() };
    }
    if sass.is_empty() {
      used.extend(read);
      return match answer {
        Ok(sheet) => Answer::Done(Sheet { files: used.into_iter().collect(), ..sheet }),
        Err(problem) => Answer::Failed { problems: vec![problem] },
      };
    }
    for path in sass {
      let text = job.files.get(&path).and_then(Option::as_deref).unwrap_or_default();
      let before = job.before.as_deref().filter(|_| path == job.root).unwrap_or_default();
      let text = &if before.is_empty() { text.to_owned() } else { format!("{before}\n{text}") };
      match sass::compile(job, &path, text) {
        Ok(sass::Compiled { css, files }) => {
          used.extend(files);
          compiled.insert(path, css);
        }
        Err(sass::Failure::Needs(files)) => {
          return Answer::Needs { files: files.into_iter().collect(), targets: Vec::new() };
        }
        Err(sass::Failure::Problem(mut problem)) => {
          if problem.file == job.root && !before.is_empty() {
            let lines = u32::try_from(before.matches('\n').count() + 1).unwrap_or(0);
            problem.line = problem.line.saturating_sub(lines).max(1);
          }
          return Answer::Failed { problems: vec![problem] };
        }
      }
    }
  }
}

/// Bundles, lowers and prints what is known.
fn run<'a>(job: &'a Job, files: &'a Files<'a>) -> Result<Sheet, Problem> {
  let options = ParserOptions {
    filename: job.root.clone(),
    css_modules: job.is_module.then(|| module_names(job)),
    error_recovery: true,
    warnings: Some(Arc::new(RwLock::new(Vec::new()))),
    flags: ParserFlags::CUSTOM_MEDIA,
    ..ParserOptions::default()
  };
  let warnings = options.warnings.clone();
  let mut sheet = inline::inline(&job.root, &options, &files).map_err(|failure| {
    let (message, at) = failure.told();
    problem(&message, at.as_ref(), job)
  })?;
  let targets = targets(&job.browsers);
  sheet
    .minify(MinifyOptions {
      targets,
      unused_symbols: job.unused.iter().cloned().collect::<HashSet<String>>(),
    })
    .map_err(|error| problem(&error.kind, error.loc.as_ref(), job))?;
  let mut map = job.source_map.then(|| SourceMap::new("/"));
  let printed = sheet
    .to_css(PrinterOptions {
      minify: job.minify,
      source_map: map.as_mut(),
      project_root: Some("/"),
      targets,
      analyze_dependencies: Some(DependencyOptions { remove_imports: false }),
      ..PrinterOptions::default()
    })
    .map_err(|error| problem(&error.kind, error.loc.as_ref(), job))?;
  let mut code = printed.code;
  if let Some(map) = &mut map {
    for at in 0..map.get_sources().len() {
      let path = map.get_sources()[at].clone();
      let text = job.files.get(&format!("/{}", path.trim_start_matches('/')));
      let text = text.and_then(Option::as_deref).unwrap_or_default().to_owned();
      let _ = map.set_source_content(at, &text);
    }
    if let Ok(url) = map.to_data_url(None) {
      code.push_str(&format!("\n/*# sourceMappingURL={url} */\n"));
    }
  }
  let mut warned = BTreeSet::new();
  if let Some(list) = warnings
    && let Ok(list) = list.read()
  {
    warned.extend(list.iter().map(|error| problem(&error.kind, error.loc.as_ref(), job)));
  }
  Ok(Sheet {
    code,
    files: Vec::new(),
    urls: printed.dependencies.unwrap_or_default().into_iter().map(address).collect(),
    referenced: printed
      .exports
      .iter()
      .flatten()
      .filter(|(_, export)| export.is_referenced)
      .map(|(name, _)| name.clone())
      .collect(),
    exports: printed.exports.map(exports).unwrap_or_default(),
    warnings: warned.into_iter().collect(),
  })
}

fn module_names(job: &Job) -> Config {
  let usual = || Pattern::parse("[local]_[hash]").unwrap_or_default();
  Config {
    pattern: job
      .pattern
      .as_deref()
      .and_then(|given| Pattern::parse(given).ok())
      .unwrap_or_else(usual),
    dashed_idents: job.dashed_idents,
    // What these name is often shared between files, as in Vite.
    grid: false,
    container: false,
    ..Config::default()
  }
}

/// The names as scripts see them, with all classes that a name composes.
fn exports(exports: CssModuleExports) -> Vec<(String, Vec<Class>)> {
  let mut all: Vec<(String, Vec<Class>)> = exports
    .into_iter()
    .map(|(name, export)| {
      let mut classes = vec![Class::Own { name: export.name }];
      classes.extend(export.composes.into_iter().map(|reference| match reference {
        CssModuleReference::Local { name } | CssModuleReference::Global { name } => {
          Class::Own { name }
        }
        CssModuleReference::Dependency { name, specifier } => Class::Of { name, from: specifier },
      }));
      (name, classes)
    })
    .collect();
  all.sort_by(|one, other| one.0.cmp(&other.0));
  all
}

fn address(dependency: Dependency) -> Url {
  let (placeholder, url, at) = match dependency {
    Dependency::Import(import) => (import.placeholder, import.url, import.loc),
    Dependency::Url(url) => (url.placeholder, url.url, url.loc),
  };
  Url { placeholder, url, from: at.file_path, line: at.start.line, column: at.start.column }
}

fn problem(message: &dyn fmt::Display, at: Option<&ErrorLocation>, job: &Job) -> Problem {
  let (file, line, column) = match at {
    Some(at) => (at.filename.clone(), at.line + 1, at.column.max(1)),
    None => (job.root.clone(), 1, 1),
  };
  let message = message.to_string().trim_end_matches('.').to_owned();
  Problem { file, line, column, message, unresolved: None }
}

/// `chrome111` and the like; what names no browser lowers nothing.
fn targets(browsers: &[String]) -> Targets {
  let mut all = Browsers::default();
  for browser in browsers {
    let at = browser.find(|character: char| character.is_ascii_digit()).unwrap_or(browser.len());
    let (name, version) = browser.split_at(at);
    let mut numbers = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let Some(major) = numbers.next().filter(|major| *major > 0) else { continue };
    let version = (major << 16) | (numbers.next().unwrap_or(0) << 8);
    let place = match name {
      "chrome" => &mut all.chrome,
      "edge" => &mut all.edge,
      "firefox" => &mut all.firefox,
      "ie" => &mut all.ie,
      "ios" => &mut all.ios_saf,
      "opera" => &mut all.opera,
      "safari" => &mut all.safari,
      _ => continue,
    };
    *place = Some(place.map_or(version, |known| known.min(version)));
  }
  if all == Browsers::default() { Targets::default() } else { Targets::from(all) }
}

/// The files of a job, and what it lacks.
struct Files<'a> {
  job: &'a Job,
  /// CSS of Sass, by path.
  compiled: &'a BTreeMap<String, String>,
  state: Mutex<State>,
}

#[derive(Default)]
struct State {
  files: BTreeSet<String>,
  targets: BTreeSet<Target>,
  problems: BTreeSet<Problem>,
  /// Files that have to be compiled before they can be read.
  sass: BTreeSet<String>,
  used: BTreeSet<String>,
}

impl<'a> Files<'a> {
  fn new(job: &'a Job, compiled: &'a BTreeMap<String, String>) -> Self {
    Self { job, compiled, state: Mutex::default() }
  }

  fn state(&self) -> std::sync::MutexGuard<'_, State> {
    self.state.lock().unwrap_or_else(PoisonError::into_inner)
  }
}

impl<'a> Library<'a> for &'a Files<'a> {
  fn text(&self, path: &str) -> &'a str {
    let Some(known) = self.job.files.get(path) else {
      // Reads on, so that all that is lacking is told at once.
      self.state().files.insert(path.to_owned());
      return "";
    };
    let Some(text) = known.as_deref() else { return "" };
    if let Some(problem) = too_deep(path, text) {
      self.state().problems.insert(problem);
      return "";
    }
    self.state().used.insert(path.to_owned());
    if !sass::is_sass(path) {
      return text;
    }
    match self.compiled.get(path) {
      Some(css) => css,
      None => {
        self.state().sass.insert(path.to_owned());
        ""
      }
    }
  }

  fn place(&self, specifier: &str, from: &str) -> Place {
    if is_elsewhere(specifier) {
      return Place::Elsewhere;
    }
    let mut state = self.state();
    match self.job.targets.get(from).and_then(|targets| targets.get(specifier)) {
      Some(Some(path)) => return Place::File(path.clone()),
      Some(None) => {
        state.problems.insert(unresolved(self.job, from.to_owned(), specifier));
      }
      None => {
        let target = Target { from: from.to_owned(), specifier: specifier.to_owned() };
        state.targets.insert(target);
      }
    }
    Place::Elsewhere
  }
}

/// Where an import stands that leads nowhere: where its text is.
fn unresolved(job: &Job, from: String, specifier: &str) -> Problem {
  let text = job.files.get(&from).and_then(Option::as_deref).unwrap_or_default();
  let at = text.find(specifier).unwrap_or(0);
  let before = &text[..at];
  let line = before.matches('\n').count() + 1;
  let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
  Problem {
    message: format!("`{specifier}` leads nowhere"),
    line: u32::try_from(line).unwrap_or(1),
    column: u32::try_from(column).unwrap_or(1),
    file: from,
    unresolved: Some(specifier.to_owned()),
  }
}

/// Brackets within brackets, deeper than a stack may go. Strings and comments count as well, which
/// only makes it more careful.
fn too_deep(path: &str, text: &str) -> Option<Problem> {
  let (mut depth, mut line, mut column) = (0_usize, 1, 1);
  for character in text.chars() {
    match character {
      '{' | '(' | '[' => depth += 1,
      '}' | ')' | ']' => depth = depth.saturating_sub(1),
      '\n' => (line, column) = (line + 1, 0),
      _ => {}
    }
    column += 1;
    if depth > MOST_NESTED {
      return Some(Problem {
        message: format!("it nests deeper than {MOST_NESTED} levels"),
        file: path.to_owned(),
        line,
        column,
        unresolved: None,
      });
    }
  }
  None
}
