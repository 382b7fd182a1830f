//! Stage check: everything that a build has to tell, in one form and order.
//!
//! rolldown's messages become ours here, with what it does not say: a name
//! that was probably meant, the file that differs in case, the package that is
//! not there.

use std::path::{Component, Path, PathBuf};

use rolldown_error::{BuildDiagnostic, DiagnosableArcstr, DiagnosableResolveError, EventKind};
use rustc_hash::FxHashSet;

use crate::{
  diagnostic::{
    alias_missing, builtin_module, commonjs_cycle, empty_specifier, from_rolldown,
    invalid_package_import, missing_entry, missing_export_hint, missing_file, missing_package,
    nearest, outside_root, unexported_path, wrong_case, wrong_case_package,
  },
  graph::Graph,
  protocol::{Alias, BuildOptions, Diagnostic, Format, ImportKind, Platform},
  snapshot::{GuardedView, Snapshot},
  web,
};

/// What is known while messages are made.
pub(crate) struct Checker<'a> {
  pub(crate) options: &'a BuildOptions,
  pub(crate) cwd: &'a Path,
  pub(crate) view: &'a GuardedView,
  pub(crate) snapshot: Snapshot,
}

impl Checker<'_> {
  /// rolldown's messages in our form.
  pub(crate) fn translate(
    &self,
    messages: impl IntoIterator<Item = BuildDiagnostic>,
    graph: Option<&Graph>,
  ) -> Vec<Diagnostic> {
    let mut diagnostics: Vec<Diagnostic> =
      messages.into_iter().filter_map(|message| self.translate_one(message, graph)).collect();
    let mut lost = self.view.lost_failures();
    if !lost.is_empty() {
      // Where the kind of file is what is wrong, its import is the place to mend.
      for failure in lost.iter_mut().filter(|failure| failure.range.is_none()) {
        let Some(file) = failure.file.clone() else { continue };
        let message = format!("Could not load {file}");
        let of_import = diagnostics.iter().position(|diagnostic| {
          diagnostic.code == "UNLOADABLE_MODULE" && diagnostic.message.starts_with(&message)
        });
        if let Some(at) = of_import {
          let place = diagnostics.remove(at);
          failure.file = place.file.or(Some(file));
          (failure.range, failure.frame) = (place.range, place.frame);
        }
      }
      // What rolldown says of a hook that failed is that it failed.
      diagnostics.retain(|diagnostic| match diagnostic.code {
        "UNLOADABLE_MODULE" => {
          let message = diagnostic.message.trim_end_matches('.');
          let path = message.trim_start_matches("Could not load ");
          let is_told = lost.iter().any(|failure| failure.file.as_deref() == Some(path));
          // What has a query may be made from many files, and is ours to tell of.
          let is_ours = path.contains('?') || web::is_style(path);
          !message.contains("threw an error") && !is_told && !is_ours
        }
        "PLUGIN_ERROR" => !diagnostic.message.contains("threw an error"),
        _ => true,
      });
      diagnostics.extend(lost);
    }
    diagnostics
  }

  /// A message about options, which no place in a source goes with.
  pub(crate) fn translate_plain(&self, message: &BuildDiagnostic) -> Diagnostic {
    from_rolldown(message, self.cwd, &self.snapshot)
  }

  fn translate_one(
    &self,
    mut message: BuildDiagnostic,
    graph: Option<&Graph>,
  ) -> Option<Diagnostic> {
    let original = from_rolldown(&message, self.cwd, &self.snapshot);
    let text = original.notes.iter().fold(original.message.clone(), |text, note| text + note);
    let options = rolldown_error::DiagnosticOptions { cwd: self.cwd.to_path_buf() };
    let full = format!("{text}{}", message.to_message_with(&options));
    if let Some(mut failure) = self.view.failure_in(&full) {
      // Where the kind of file is what is wrong, its import is the place to mend.
      let is_kind = matches!(failure.code, "UNKNOWN_MODULE_TYPE" | "UNSUPPORTED_FEATURE");
      if failure.file.is_none() || (is_kind && original.range.is_some()) {
        failure.file = original.file;
        failure.range = original.range;
        failure.frame = original.frame;
      } else if let Some(importer) =
        original.file.filter(|file| Some(file) != failure.file.as_ref())
      {
        failure.notes.push(format!("It is imported by `{importer}`."));
      }
      return Some(failure);
    }
    if let Some(error) = message.downcast_mut::<DiagnosableResolveError>() {
      return Some(self.unresolved(error, original));
    }
    if matches!(message.kind(), EventKind::UnhandleableError)
      && let Some(manifest) = manifest_in(&full)
    {
      return Some(self.broken_manifest(manifest));
    }
    Some(match message.kind() {
      EventKind::TsConfigError => self.broken_tsconfig(original),
      EventKind::UnresolvedEntry => self.unresolved_entry(original),
      EventKind::MissingExportError => self.missing_export(&message, original, graph),
      _ => original,
    })
  }

  fn unresolved(&self, error: &DiagnosableResolveError, original: Diagnostic) -> Diagnostic {
    let specifier = match &error.importee {
      DiagnosableArcstr::String(text) | DiagnosableArcstr::Span { text, .. } => text.to_string(),
    };
    let importer = PathBuf::from(error.importer_id.as_str());
    let mut diagnostic = self.explain(&specifier, &importer, &error.reason);
    let file = crate::diagnostic::shown_id(&error.importer_id, self.cwd);
    if diagnostic.file.is_some() {
      diagnostic.notes.push(format!("It was read for `{file}`."));
      return diagnostic;
    }
    diagnostic = match &error.importee {
      DiagnosableArcstr::Span { span, .. } if !span.is_unspanned() => {
        diagnostic.at(file, &error.source, span.start as usize, span.end as usize)
      }
      _ => diagnostic.in_file(file),
    };
    if let Some(chain) = error.import_chain.as_ref().filter(|chain| !chain.is_empty()) {
      let ways: Vec<String> =
        chain.iter().map(|id| format!("`{}`", crate::diagnostic::shown_id(id, self.cwd))).collect();
      diagnostic.notes.push(format!("The file is imported by {}.", ways.join(", imported by ")));
    }
    if original.code == "INVALID_TSCONFIG" { original } else { diagnostic }
  }

  /// Why a specifier leads nowhere.
  fn explain(&self, specifier: &str, importer: &Path, reason: &str) -> Diagnostic {
    if reason.starts_with("JSON parse error in '") {
      let manifest = reason.split('\'').nth(1).unwrap_or_default();
      return self.broken_manifest(manifest);
    }
    if specifier.is_empty() {
      return empty_specifier();
    }
    if specifier.starts_with("file:") {
      return outside_root(specifier);
    }
    if let Some((alias, target)) = self.alias_of(specifier) {
      return alias_missing(specifier, &alias, &target);
    }
    if specifier.starts_with('#') {
      return invalid_package_import(specifier);
    }
    let is_relative = matches!(
      Path::new(specifier).components().next(),
      Some(Component::CurDir | Component::ParentDir | Component::RootDir)
    );
    if is_relative {
      let folder = importer.parent().unwrap_or(self.cwd);
      return self.explain_path(specifier, &folder.join(specifier), missing_file);
    }
    if reason.contains("not defined by exports") || reason.contains("package target") {
      return unexported_path(specifier, &package_of(specifier), &self.conditions());
    }
    if is_node_builtin(specifier) && self.platform() != Platform::Node {
      return builtin_module(specifier);
    }
    let package = package_of(specifier);
    let mut installed = FxHashSet::default();
    for folder in importer.ancestors().skip(1) {
      let modules = folder.join("node_modules");
      if self.snapshot.is_folder(&modules.join(&package)) {
        return missing_file(specifier, None);
      }
      for name in self.snapshot.names_in(&modules) {
        if name.starts_with('@') {
          let scoped = self.snapshot.names_in(&modules.join(&name));
          installed.extend(scoped.into_iter().map(|inner| format!("{name}/{inner}")));
        } else {
          installed.insert(name);
        }
      }
    }
    let mut names: Vec<&str> = installed.iter().map(String::as_str).collect();
    names.sort_unstable();
    let lower = package.to_lowercase();
    if let Some(name) = names.iter().find(|name| **name != package && name.to_lowercase() == lower)
    {
      return wrong_case_package(specifier, name);
    }
    let others = names.into_iter().filter(|name| *name != package);
    missing_package(specifier, &package, nearest(&package, others))
  }

  /// A path that names no file: perhaps it leaves the root, differs in case, or is mistyped.
  fn explain_path(
    &self,
    specifier: &str,
    path: &Path,
    missing: fn(&str, Option<&str>) -> Diagnostic,
  ) -> Diagnostic {
    let mut at = PathBuf::from("/");
    let mut depth = 0_usize;
    let mut differs = false;
    let components: Vec<Component<'_>> = path.components().collect();
    let last = components.len().saturating_sub(1);
    for (index, component) in components.iter().enumerate() {
      match component {
        Component::ParentDir => {
          if depth == 0 {
            return outside_root(specifier);
          }
          depth -= 1;
          at.pop();
        }
        Component::Normal(name) => {
          let name = name.to_string_lossy();
          let names = self.snapshot.names_in(&at);
          depth += 1;
          if names.iter().any(|there| *there == name) {
            at.push(&*name);
            continue;
          }
          let same = |there: &&String| {
            there.to_lowercase() == name.to_lowercase()
              || (index == last && stem(there).to_lowercase() == name.to_lowercase())
          };
          if let Some(there) = names.iter().find(same) {
            differs |= !there.starts_with(&*name);
            at.push(there);
            continue;
          }
          let candidates = names.iter().flat_map(|there| [there.as_str(), stem(there)]);
          let near = nearest(&name, candidates).map(|near| match specifier.rsplit_once('/') {
            Some((folder, _)) if index == last => format!("{folder}/{near}"),
            _ => near.to_owned(),
          });
          return missing(specifier, near.as_deref());
        }
        _ => {}
      }
    }
    if differs {
      let actual = crate::diagnostic::shown_id(&at.to_string_lossy(), self.cwd);
      return wrong_case(specifier, &actual, &corrected(specifier, &at));
    }
    missing(specifier, None)
  }

  fn unresolved_entry(&self, original: Diagnostic) -> Diagnostic {
    let inputs = crate::bundler::inputs(self.options);
    // rolldown says which one it was only in its sentence.
    let named = inputs
      .into_iter()
      .filter(|input| {
        original.message.contains(*input)
          || original.message.contains(input.trim_start_matches("./"))
      })
      .max_by_key(|input| input.len());
    let Some(input) = named else { return original };
    let path = if input.starts_with('/') { PathBuf::from(input) } else { self.cwd.join(input) };
    self.explain_path(input, &path, missing_entry)
  }

  fn missing_export(
    &self,
    message: &BuildDiagnostic,
    original: Diagnostic,
    graph: Option<&Graph>,
  ) -> Diagnostic {
    let Some(name) = original.message.split(['"', '`']).nth(1).map(str::to_owned) else {
      return original;
    };
    let module = message.exporter().and_then(|id| graph?.find(&id));
    let exports = module.map(|module| module.exports.as_slice()).unwrap_or_default();
    let near = nearest(&name, exports.iter().map(String::as_str));
    if name == "default" && module.is_some_and(|module| module.id.ends_with(".wasm")) {
      return original
        .hint("Import what it exports by name, or what instantiates it with `?init`.");
    }
    missing_export_hint(original, near, exports)
  }

  fn broken_manifest(&self, named: &str) -> Diagnostic {
    let path = self.cwd.join(named);
    let text = self.snapshot.text(&path).unwrap_or_default();
    let shown = crate::diagnostic::shown_id(&path.to_string_lossy(), self.cwd);
    crate::diagnostic::invalid_json_file(&shown, &text)
  }

  /// Gives a message about a `tsconfig.json` the place that it tells in words.
  fn broken_tsconfig(&self, original: Diagnostic) -> Diagnostic {
    let Some(file) = original.message.split('`').nth(1).map(str::to_owned) else { return original };
    let Some(text) = self.snapshot.text(&self.cwd.join(&file)) else { return original };
    let number = |after: &str| -> Option<usize> {
      let (_, rest) = original.message.split_once(after)?;
      rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    };
    let place = number(" line ").zip(number(" column "));
    let offset = place.map(|(line, column)| {
      crate::diagnostic::byte_offset(&text, line.max(1), column.saturating_sub(1))
    });
    let original =
      Diagnostic { message: crate::request::in_javascript(&original.message), ..original };
    let original = Diagnostic {
      message: original
        .message
        .split(" at line ")
        .next()
        .unwrap_or_default()
        .trim_end_matches('.')
        .to_owned()
        + ".",
      ..original
    };
    match offset {
      Some(offset) => original.at(file, &text, offset, offset + 1),
      None => original.at(file, &text, 0, 1),
    }
  }

  /// The alias that a specifier falls under, and what stands for it.
  fn alias_of(&self, specifier: &str) -> Option<(String, String)> {
    let aliases = self.options.resolve.as_ref()?.alias.as_ref()?;
    let (alias, target) = aliases.iter().find(|(alias, _)| {
      specifier == alias.as_str()
        || specifier.strip_prefix(alias.as_str()).is_some_and(|rest| rest.starts_with('/'))
    })?;
    match target {
      Alias::To(target) => Some((alias.clone(), target.clone() + &specifier[alias.len()..])),
      Alias::Ignore(_) => None,
    }
  }

  /// The packages that are not there, where a scan ended by another mistake:
  /// rolldown then tells of that one only.
  pub(crate) fn hidden_by(&self, told: &[Diagnostic]) -> Vec<Diagnostic> {
    let external = crate::bundler::Externals::new(self.options);
    let mut files: Vec<&str> = told
      .iter()
      .filter(|diagnostic| {
        matches!(
          diagnostic.code,
          "UNRESOLVED_IMPORT" | "WRONG_CASE" | "OUTSIDE_ROOT" | "UNRESOLVED_CONDITION"
        )
      })
      .filter_map(|diagnostic| diagnostic.file.as_deref())
      .collect();
    files.sort_unstable();
    files.dedup();
    let mut hidden = Vec::new();
    for file in files {
      let importer = self.cwd.join(file);
      let Some(text) = self.snapshot.text(&importer) else { continue };
      for (specifier, start, end) in requests_of(&importer, &text) {
        let is_bare = !specifier.starts_with(['.', '/', '#']) && !has_scheme(&specifier);
        if !is_bare || external.matches(&specifier) || self.view.is_external(&specifier) {
          continue;
        }
        if is_node_builtin(&specifier) && self.platform() == Platform::Node {
          continue;
        }
        let package = package_of(&specifier);
        let is_installed = importer
          .ancestors()
          .skip(1)
          .any(|folder| self.snapshot.is_folder(&folder.join("node_modules").join(&package)));
        let is_told = told.iter().any(|diagnostic| {
          diagnostic.file.as_deref() == Some(file)
            && diagnostic.range.is_some_and(|range| {
              range.start == crate::diagnostic::range_of(&text, start, end).start
            })
        });
        if !is_installed && !is_told && self.alias_of(&specifier).is_none() {
          let diagnostic = self.explain(&specifier, &importer, "");
          hidden.push(diagnostic.at(file, &text, start, end));
        }
      }
    }
    hidden
  }

  fn platform(&self) -> Platform {
    self.options.platform.unwrap_or_else(|| {
      let format = self.options.output.as_ref().and_then(|output| output.format);
      if format == Some(Format::Cjs) { Platform::Node } else { Platform::Browser }
    })
  }

  fn conditions(&self) -> Vec<String> {
    let given = self.options.resolve.as_ref().and_then(|resolve| resolve.condition_names.clone());
    let mut conditions = vec!["import".to_owned(), "default".to_owned()];
    conditions.extend(given.unwrap_or_else(|| vec!["module".to_owned()]));
    match self.platform() {
      Platform::Browser => conditions.push("browser".to_owned()),
      Platform::Node => conditions.push("node".to_owned()),
      Platform::Neutral => {}
    }
    conditions
  }

  /// The imports that rolldown left as they are because it found nothing there,
  /// which is an error unless the options say that they are external.
  pub(crate) fn unresolved_packages(&self, graph: &Graph) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let external = crate::bundler::Externals::new(self.options);
    for module in graph.modules.iter().filter(|module| !module.is_external) {
      for import in &module.imports {
        if climbs_above_root(&import.specifier, &module.id) {
          let (start, end) = place_of_specifier(&module.source, import.span, &import.specifier);
          let diagnostic = outside_root(&import.specifier);
          found.push(diagnostic.at(module.stable_id.clone(), &module.source, start, end));
          continue;
        }
        let Some(target) = import.target.map(|place| &graph.modules[place]) else { continue };
        let is_left = target.is_external && target.id == import.specifier;
        if !is_left
          || import.in_try
          || external.matches(&import.specifier)
          || self.view.is_external(&import.specifier)
          || has_scheme(&import.specifier)
          || (is_node_builtin(&import.specifier) && self.platform() == Platform::Node)
        {
          continue;
        }
        let diagnostic = self.explain(&import.specifier, Path::new(&module.id), "");
        let (start, end) = place_of_specifier(&module.source, import.span, &import.specifier);
        found.push(diagnostic.at(module.stable_id.clone(), &module.source, start, end));
      }
    }
    found
  }
}

/// Whether a relative specifier goes above the root, where the resolver stops
/// climbing and looks into the root itself.
fn climbs_above_root(specifier: &str, importer: &str) -> bool {
  if !specifier.starts_with("../") || !importer.starts_with('/') {
    return false;
  }
  let depth = importer.matches('/').count() - 1;
  specifier.split('/').take_while(|segment| *segment == "..").count() > depth
}

/// The specifier as it leads to a file that differs from it in case.
fn corrected(specifier: &str, actual: &Path) -> String {
  let segments: Vec<&str> = specifier.split('/').collect();
  let names: Vec<String> = actual.iter().map(|name| name.to_string_lossy().into_owned()).collect();
  let own = segments.iter().filter(|segment| !matches!(**segment, "." | ".." | "")).count();
  let mut tail = names[names.len().saturating_sub(own)..].iter();
  let last = segments.len() - 1;
  let parts: Vec<String> = segments
    .iter()
    .enumerate()
    .map(|(index, segment)| match *segment {
      "." | ".." | "" => (*segment).to_owned(),
      // An extension that was left out stays out.
      _ if index == last && !segment.contains('.') => {
        tail.next().map_or_else(String::new, |name| stem(name).to_owned())
      }
      _ => tail.next().cloned().unwrap_or_default(),
    })
    .collect();
  parts.join("/")
}

/// The `package.json` that a message of the resolver's is about.
fn manifest_in(text: &str) -> Option<&str> {
  if !text.contains("JSON") {
    return None;
  }
  let end = text.find("package.json")? + "package.json".len();
  let start =
    text[..end].rfind(|c: char| c.is_whitespace() || "\"'`(".contains(c)).map_or(0, |at| at + 1);
  Some(&text[start..end])
}

/// The specifier within the statement that has it.
fn place_of_specifier(text: &str, span: (u32, u32), specifier: &str) -> (usize, usize) {
  let (start, end) = (span.0 as usize, (span.1 as usize).min(text.len()));
  let statement = text.get(start..end).unwrap_or_default();
  for quote in ['"', '\'', '`'] {
    if let Some(at) = statement.rfind(&format!("{quote}{specifier}{quote}")) {
      return (start + at, start + at + specifier.len() + 2);
    }
  }
  (start.min(text.len()), end)
}

/// Warns of modules that import each other in a circle through CommonJS.
///
/// Circles within installed packages are nobody's here to mend.
pub(crate) fn commonjs_cycles(graph: &Graph) -> Vec<Diagnostic> {
  let mut found = Vec::new();
  for members in strongly_connected(graph) {
    let modules: Vec<_> = members.iter().map(|&place| &graph.modules[place]).collect();
    let own = modules.iter().any(|module| !module.id.contains("/node_modules/"));
    if own && modules.iter().any(|module| module.is_commonjs) {
      let path = shortest_cycle(graph, &members);
      let names: Vec<&str> =
        path.iter().map(|&place| graph.modules[place].stable_id.as_str()).collect();
      let last = &graph.modules[path[path.len() - 1]];
      let closing = last.imports.iter().find(|import| import.target == Some(path[0]));
      let (start, end) = closing
        .map_or((0, 0), |import| place_of_specifier(&last.source, import.span, &import.specifier));
      found.push(commonjs_cycle(&names, &last.source, start, end));
    }
  }
  found
}

fn static_targets(graph: &Graph, place: usize) -> impl Iterator<Item = usize> + '_ {
  graph.modules[place]
    .imports
    .iter()
    .filter(|import| matches!(import.kind, ImportKind::ImportStatement | ImportKind::RequireCall))
    .filter_map(|import| import.target)
}

/// The sets of modules that reach each other, by Tarjan's algorithm with a
/// stack of its own: a chain of ten thousand modules is no reason to recurse.
fn strongly_connected(graph: &Graph) -> Vec<Vec<usize>> {
  const NEW: usize = usize::MAX;
  let count = graph.modules.len();
  let (mut index, mut low) = (vec![NEW; count], vec![0; count]);
  let mut on_stack = vec![false; count];
  let (mut stack, mut next, mut sets) = (Vec::new(), 0, Vec::new());
  for root in 0..count {
    if index[root] != NEW {
      continue;
    }
    let mut work = vec![(root, static_targets(graph, root))];
    index[root] = next;
    low[root] = next;
    next += 1;
    stack.push(root);
    on_stack[root] = true;
    while let Some((at, targets)) = work.last_mut() {
      let at = *at;
      if let Some(target) = targets.next() {
        if index[target] == NEW {
          index[target] = next;
          low[target] = next;
          next += 1;
          stack.push(target);
          on_stack[target] = true;
          work.push((target, static_targets(graph, target)));
        } else if on_stack[target] {
          low[at] = low[at].min(index[target]);
        }
        continue;
      }
      work.pop();
      if let Some((parent, _)) = work.last() {
        low[*parent] = low[*parent].min(low[at]);
      }
      if low[at] == index[at] {
        let mut set = Vec::new();
        while let Some(member) = stack.pop() {
          on_stack[member] = false;
          set.push(member);
          if member == at {
            break;
          }
        }
        set.sort_unstable();
        let loops_to_itself = static_targets(graph, at).any(|target| target == at);
        if set.len() > 1 || loops_to_itself {
          sets.push(set);
        }
      }
    }
  }
  sets.sort_unstable();
  sets
}

/// A shortest way from the first of the members back to itself.
fn shortest_cycle(graph: &Graph, members: &[usize]) -> Vec<usize> {
  let start = members[0];
  let mut came_from: Vec<Option<usize>> = vec![None; graph.modules.len()];
  let mut queue = std::collections::VecDeque::from([start]);
  while let Some(at) = queue.pop_front() {
    for target in static_targets(graph, at) {
      if target == start {
        let mut path = vec![at];
        let mut last = at;
        while let Some(previous) = came_from[last] {
          path.push(previous);
          last = previous;
        }
        path.reverse();
        return path;
      }
      if came_from[target].is_none() && members.binary_search(&target).is_ok() {
        came_from[target] = Some(at);
        queue.push_back(target);
      }
    }
  }
  members.to_vec()
}

/// What a module imports by `import` and `export … from`, and where.
fn requests_of(path: &Path, text: &str) -> Vec<(String, usize, usize)> {
  let allocator = oxc::allocator::Allocator::default();
  let source_type = oxc::span::SourceType::from_path(path).unwrap_or_default();
  let parsed = oxc::parser::Parser::new(&allocator, text, source_type).parse();
  let mut requests: Vec<_> = parsed
    .module_record
    .requested_modules
    .iter()
    .flat_map(|(name, requests)| requests.iter().map(move |request| (name, request)))
    .filter(|(_, request)| !request.is_type)
    .map(|(name, request)| {
      let span = request.statement_span;
      let (start, end) = place_of_specifier(text, (span.start, span.end), name);
      (name.to_string(), start, end)
    })
    .collect();
  requests.sort_unstable_by_key(|(_, start, _)| *start);
  requests
}

/// One order for all, whichever thread was first, and nothing twice.
pub(crate) fn in_order(mut diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
  diagnostics.sort_by(|a, b| {
    let key = |diagnostic: &Diagnostic| {
      (diagnostic.severity, diagnostic.file.clone(), diagnostic.range, diagnostic.code)
    };
    key(a).cmp(&key(b)).then_with(|| a.message.cmp(&b.message))
  });
  diagnostics.dedup();
  diagnostics
}

fn stem(name: &str) -> &str {
  name.split_once('.').map_or(name, |(stem, _)| if stem.is_empty() { name } else { stem })
}

/// `@scope/name` of `@scope/name/path`, `name` of `name/path`.
fn package_of(specifier: &str) -> String {
  let parts = if specifier.starts_with('@') { 2 } else { 1 };
  specifier.split('/').take(parts).collect::<Vec<_>>().join("/")
}

/// `https:` and its like name something outside of any project.
fn has_scheme(specifier: &str) -> bool {
  specifier.starts_with("//")
    || ["http:", "https:", "data:", "blob:"].iter().any(|scheme| specifier.starts_with(scheme))
}

fn is_node_builtin(specifier: &str) -> bool {
  specifier.starts_with("node:") || nodejs_built_in_modules::is_nodejs_builtin_module(specifier)
}
