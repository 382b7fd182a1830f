//! Every message a user can see: one constructor each, in one list.
//!
//! A diagnostic is a code, a sentence, a place and a next step. Messages of
//! rolldown, oxc and the resolver come in through [`from_rolldown`], which
//! gives them a place and a next step where the original has none.
//! `docs/diagnostics.md` lists the codes for users.

use std::path::Path;

use rolldown_error::{BuildDiagnostic, DiagnosticOptions, EventKind};

use crate::{
  protocol::{Diagnostic, Position, Range, Severity},
  snapshot::Snapshot,
};

impl Diagnostic {
  fn new(code: &'static str, severity: Severity, message: impl Into<String>) -> Self {
    Self {
      code,
      severity,
      message: message.into(),
      file: None,
      range: None,
      frame: None,
      hint: None,
      notes: Vec::new(),
    }
  }

  fn error(code: &'static str, message: impl Into<String>) -> Self {
    Self::new(code, Severity::Error, message)
  }

  fn warning(code: &'static str, message: impl Into<String>) -> Self {
    Self::new(code, Severity::Warning, message)
  }

  fn hint(mut self, hint: impl Into<String>) -> Self {
    self.hint = Some(hint.into());
    self
  }

  fn note(mut self, note: impl Into<String>) -> Self {
    self.notes.push(note.into());
    self
  }

  /// Names the file without a place in it.
  #[must_use]
  pub fn in_file(mut self, file: impl Into<String>) -> Self {
    self.file = Some(file.into());
    self
  }

  /// Names the file and the bytes `start..end` of its text.
  #[must_use]
  pub fn at(mut self, file: impl Into<String>, text: &str, start: usize, end: usize) -> Self {
    let range = range_of(text, start, end);
    self.frame = Some(frame(text, range));
    self.range = Some(range);
    self.file = Some(file.into());
    self
  }

  /// Whether it fails the build.
  pub fn is_error(&self) -> bool {
    self.severity == Severity::Error
  }
}

// --- The request ------------------------------------------------------------

pub(crate) fn unknown_option(path: &str, name: &str, known: &[&str]) -> Diagnostic {
  let place = if path.is_empty() { String::new() } else { format!(" in `{path}`") };
  let diagnostic =
    Diagnostic::error("UNKNOWN_OPTION", format!("There is no option `{name}`{place}."));
  match nearest(name, known.iter().copied()) {
    Some(near) => diagnostic.hint(format!("Did you mean `{near}`?")),
    None => diagnostic.hint(format!(
      "The options{place} are {}.",
      known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    )),
  }
}

pub(crate) fn invalid_option(path: &str, problem: &str) -> Diagnostic {
  Diagnostic::error(
    "INVALID_OPTION",
    format!("The option `{path}` has a value it cannot have: {problem}."),
  )
  .hint("The options and their values are described in `docs/options.md`.")
}

/// Options that are no object, or hold what JSON cannot.
pub fn invalid_options_text(problem: &str) -> Diagnostic {
  Diagnostic::error("INVALID_OPTION", format!("The options cannot be read: {problem}."))
    .hint("Options are one object, such as `{ \"input\": \"src/main.ts\" }`.")
}

pub(crate) fn missing_input() -> Diagnostic {
  Diagnostic::error("MISSING_INPUT", "The build has no entry module.")
    .hint("Name one, such as `input: \"src/main.ts\"`.")
}

pub(crate) fn duplicate_entry(input: &str) -> Diagnostic {
  Diagnostic::warning("DUPLICATE_ENTRY", format!("The entry `{input}` is listed more than once."))
    .hint("It is built once. Remove the repetition.")
}

pub(crate) fn invalid_path(path: &str, problem: &str) -> Diagnostic {
  Diagnostic::error("INVALID_PATH", format!("`{}` cannot be a path: {problem}.", printable(path)))
    .hint("Paths are relative to the project's root, `/`-separated, and stay inside it.")
}

// --- Reading sources --------------------------------------------------------

pub(crate) fn file_too_large(file: &str, bytes: u64, limit: u64) -> Diagnostic {
  Diagnostic::error(
    "FILE_TOO_LARGE",
    format!("`{file}` has {bytes} bytes; the limit is {limit} bytes for one source file."),
  )
  .in_file(file)
  .hint("Load large data at run time with `fetch`, or raise `limits.maxFileSize`.")
}

pub(crate) fn not_utf8(file: &str, offset: usize) -> Diagnostic {
  Diagnostic::error(
    "NOT_UTF8",
    format!("`{file}` is not UTF-8 text: the byte at offset {offset} cannot be decoded."),
  )
  .in_file(file)
  .hint(
    "Save the file as UTF-8, or give its extension the type `binary`, `base64` or `dataurl` in \
     `moduleTypes`.",
  )
}

pub(crate) fn nesting_too_deep(file: &str, text: &str, offset: usize, limit: u32) -> Diagnostic {
  Diagnostic::error(
    "NESTING_TOO_DEEP",
    format!("`{file}` nests brackets deeper than {limit} levels."),
  )
  .at(file, text, offset, offset + 1)
  .hint("Split the expression, or raise `limits.maxNesting` where the stack allows it.")
}

// --- Resolving --------------------------------------------------------------

pub(crate) fn wrong_case(specifier: &str, actual: &str) -> Diagnostic {
  Diagnostic::error(
    "WRONG_CASE",
    format!("`{specifier}` differs from the file `{actual}` in upper and lower case."),
  )
  .hint(format!("Write `{actual}`: other machines and browsers tell the two apart."))
}

pub(crate) fn missing_file(specifier: &str, near: Option<&str>) -> Diagnostic {
  let diagnostic =
    Diagnostic::error("UNRESOLVED_IMPORT", format!("There is no file for `{specifier}`."));
  diagnostic.hint(match near {
    Some(near) => format!("Did you mean `{near}`?"),
    None => "Check the path, or create the file.".to_owned(),
  })
}

pub(crate) fn missing_entry(specifier: &str, near: Option<&str>) -> Diagnostic {
  let diagnostic =
    Diagnostic::error("UNRESOLVED_ENTRY", format!("There is no file for the entry `{specifier}`."));
  diagnostic.hint(match near {
    Some(near) => format!("Did you mean `{near}`?"),
    None => "Check `input`: its paths start from `cwd`.".to_owned(),
  })
}

pub(crate) fn missing_package(specifier: &str, package: &str, near: Option<&str>) -> Diagnostic {
  let diagnostic = Diagnostic::error(
    "MISSING_PACKAGE",
    format!("The package `{package}`, imported as `{specifier}`, is not installed."),
  );
  diagnostic.hint(match near {
    Some(near) => format!("Did you mean `{near}`?"),
    None => format!("Install `{package}`, or list it in `external` to leave the import as it is."),
  })
}

pub(crate) fn unexported_path(specifier: &str, package: &str, conditions: &[String]) -> Diagnostic {
  Diagnostic::error(
    "UNRESOLVED_CONDITION",
    format!("The package `{package}` exports no `{specifier}` under the conditions in force."),
  )
  .note(format!(
    "The conditions are {}.",
    conditions.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
  ))
  .hint(
    "Import a path that the package's `exports` has, or add its condition to \
     `resolve.conditionNames`.",
  )
}

pub(crate) fn invalid_package_import(specifier: &str) -> Diagnostic {
  Diagnostic::error(
    "UNRESOLVED_IMPORT",
    format!(
      "`{specifier}` is not in the `imports` of the nearest `package.json`, or leads nowhere."
    ),
  )
  .hint("Add it there, with a path that exists under the conditions in force.")
}

pub(crate) fn outside_root(specifier: &str) -> Diagnostic {
  Diagnostic::error("OUTSIDE_ROOT", format!("`{specifier}` leads out of the project's root."))
    .hint("Move the file into the project, or choose a root that holds both.")
}

pub(crate) fn builtin_module(specifier: &str) -> Diagnostic {
  Diagnostic::error(
    "UNRESOLVED_IMPORT",
    format!("`{specifier}` is a module of Node.js, which browsers do not have."),
  )
  .hint(
    "Build with `platform: \"node\"`, point `resolve.alias` to a browser version of it, or list \
     it in `external`.",
  )
}

// --- Plugins ----------------------------------------------------------------

pub(crate) fn invalid_plugin_filter(plugin: &str, hook: &str, filter: &str) -> Diagnostic {
  Diagnostic::error(
    "INVALID_PLUGIN",
    format!(
      "The filter of `{hook}` of the plugin `{plugin}` is no regular expression: `{filter}`."
    ),
  )
  .hint("Correct the expression, or leave the filter out and check the id in the hook.")
}

pub(crate) fn plugin_failed(plugin: &str, hook: &str, id: &str, problem: &str) -> Diagnostic {
  Diagnostic::error(
    "PLUGIN_ERROR",
    format!(
      "The plugin `{plugin}` failed in `{hook}` for `{}`: {}",
      printable(id),
      sentence(problem)
    ),
  )
  .hint("Correct the plugin, or leave it out to see whether the rest builds.")
}

// --- The graph --------------------------------------------------------------

pub(crate) fn commonjs_cycle(members: &[&str]) -> Diagnostic {
  let mut path = members.to_vec();
  path.push(members[0]);
  Diagnostic::warning(
    "COMMONJS_CYCLE",
    format!("Modules import each other in a circle through CommonJS: {}.", path.join(" → ")),
  )
  .in_file(members[0])
  .hint(
    "The first of them to run sees unfinished exports of another. Move what they share into a \
     module of its own.",
  )
}

/// Completes rolldown's message with the export that was probably meant.
pub(crate) fn missing_export_hint(
  original: Diagnostic,
  near: Option<&str>,
  exports: &[String],
) -> Diagnostic {
  const MOST_NAMES: usize = 8;
  match near {
    Some(near) => original.hint(format!("Did you mean `{near}`?")),
    None if exports.is_empty() => original.hint("The module has no exports of its own."),
    None => {
      let mut names: Vec<String> =
        exports.iter().take(MOST_NAMES).map(|name| format!("`{name}`")).collect();
      if exports.len() > MOST_NAMES {
        names.push("…".to_owned());
      }
      original.hint(format!("It exports {}.", names.join(", ")))
    }
  }
}

// --- Output -----------------------------------------------------------------

pub(crate) fn output_outside(file_name: &str) -> Diagnostic {
  Diagnostic::error(
    "OUTPUT_OUTSIDE_DIR",
    format!("The output file `{}` would leave the output folder.", printable(file_name)),
  )
  .hint("File name patterns and chunk names must be relative and without `..`.")
}

pub(crate) fn output_conflict(file_name: &str) -> Diagnostic {
  Diagnostic::error("OUTPUT_CONFLICT", format!("Two output files have the name `{file_name}`."))
    .hint("Put `[name]` or `[hash]` into the file name pattern.")
}

// --- Running ----------------------------------------------------------------

/// The request was cancelled by who made it.
pub fn cancelled() -> Diagnostic {
  Diagnostic::error("CANCELLED", "The build was cancelled.").hint("Start it again when needed.")
}

/// A newer request took the place of this one while it waited.
pub fn superseded() -> Diagnostic {
  Diagnostic::error("SUPERSEDED", "A newer build took the place of this one before it began.")
    .hint("Use the newer build's result.")
}

/// The request ran longer than `limits.deadlineMs`.
pub fn deadline_exceeded(deadline_ms: u64) -> Diagnostic {
  Diagnostic::error(
    "DEADLINE_EXCEEDED",
    format!("The build did not finish within {deadline_ms} ms and was stopped."),
  )
  .hint("Look for a plugin hook that never settles, or raise `limits.deadlineMs`.")
}

/// A defect of the engine, or of a library below it, ended the build.
pub fn internal(message: &str) -> Diagnostic {
  Diagnostic::error("INTERNAL", format!("The engine failed on this input: {message}."))
    .hint("This is a defect of Nexxo. Please report it with the smallest input that shows it.")
}

// --- What rolldown says -----------------------------------------------------

/// Gives a message of rolldown the shape of ours. `None` for one that says nothing to a user.
pub(crate) fn from_rolldown(
  original: &BuildDiagnostic,
  cwd: &Path,
  snapshot: &Snapshot,
) -> Diagnostic {
  let rendered = original.to_diagnostic_with(&DiagnosticOptions { cwd: cwd.to_path_buf() });
  let severity = match original.severity() {
    rolldown_error::Severity::Error => Severity::Error,
    rolldown_error::Severity::Warning => Severity::Warning,
    rolldown_error::Severity::Info => Severity::Info,
  };
  let (title, notes) = parts_of_rendered(&rendered.to_string());
  let mut diagnostic = Diagnostic::new(code_of(original.kind()), severity, sentence(&title));
  diagnostic.notes = notes;
  if let Some((file, line, column, _)) = rendered.get_primary_location() {
    let text = snapshot.text(&cwd.join(&file));
    match text.as_deref().and_then(|text| Some((text, byte_offset(text, line, column)?))) {
      Some((text, start)) => {
        let end = start + token_length(&text[start..]);
        diagnostic = diagnostic.at(file, text, start, end);
      }
      None => diagnostic.file = Some(file),
    }
  } else if let Some(id) = original.id() {
    diagnostic.file = Some(DiagnosticOptions { cwd: cwd.to_path_buf() }.stabilize_path(id));
  }
  diagnostic.hint = hint_for(original.kind()).map(str::to_owned);
  diagnostic
}

fn code_of(kind: EventKind) -> &'static str {
  match kind {
    EventKind::ParseError => "PARSE_ERROR",
    EventKind::UnresolvedEntry => "UNRESOLVED_ENTRY",
    EventKind::UnresolvedImport | EventKind::ResolveError => "UNRESOLVED_IMPORT",
    EventKind::MissingExportError => "MISSING_EXPORT",
    EventKind::JsonParseError => "INVALID_JSON",
    EventKind::TsConfigError => "INVALID_TSCONFIG",
    EventKind::UnsupportedTsconfigOption => "UNSUPPORTED_TSCONFIG_OPTION",
    EventKind::UnloadableDependencyError | EventKind::FileNotFoundError => "UNLOADABLE_MODULE",
    EventKind::FilenameOutsideOutputDirectoryError => "OUTPUT_OUTSIDE_DIR",
    EventKind::FilenameConflict => "OUTPUT_CONFLICT",
    EventKind::InvalidOptionError
    | EventKind::InvalidExportOptionError
    | EventKind::InvalidDefineConfigError
    | EventKind::IllegalIdentifierAsNameError
    | EventKind::BundlerInitializeError => "INVALID_OPTION",
    EventKind::UnsupportedFeatureError => "UNSUPPORTED_FEATURE",
    EventKind::TransformError | EventKind::ToleratedTransform => "TRANSFORM_ERROR",
    EventKind::PluginError | EventKind::NapiError => "PLUGIN_ERROR",
    EventKind::CircularDependency => "CIRCULAR_DEPENDENCY",
    EventKind::CircularReexportError => "CIRCULAR_REEXPORT",
    EventKind::Eval => "DIRECT_EVAL",
    EventKind::MissingGlobalName => "MISSING_GLOBAL_NAME",
    EventKind::MissingNameOptionForIifeExport => "MISSING_NAME_OPTION",
    EventKind::MixedExports => "MIXED_EXPORTS",
    EventKind::AssignToImportError => "ASSIGN_TO_IMPORT",
    EventKind::IllegalReassignmentError => "ILLEGAL_REASSIGNMENT",
    EventKind::CommonJsVariableInEsm => "COMMONJS_VARIABLE_IN_ESM",
    EventKind::ImportIsUndefined => "IMPORT_IS_UNDEFINED",
    EventKind::EmptyImportMeta => "EMPTY_IMPORT_META",
    EventKind::CannotCallNamespace => "CANNOT_CALL_NAMESPACE",
    EventKind::ConfigurationFieldConflict => "OPTION_CONFLICT",
    EventKind::InvalidAnnotation => "INVALID_ANNOTATION",
    EventKind::ModuleLevelDirective => "MODULE_LEVEL_DIRECTIVE",
    EventKind::IneffectiveDynamicImport => "INEFFECTIVE_DYNAMIC_IMPORT",
    EventKind::RequireTlaError => "REQUIRE_OF_TOP_LEVEL_AWAIT",
    EventKind::AmbiguousExternalNamespaceError => "AMBIGUOUS_EXTERNAL_NAMESPACE",
    EventKind::NamespaceConflict => "NAMESPACE_CONFLICT",
    EventKind::DuplicateShebang => "DUPLICATE_SHEBANG",
    EventKind::SourcemapBroken => "SOURCEMAP_BROKEN",
    EventKind::LargeBarrelModules => "LARGE_BARREL_MODULE",
    EventKind::PluginTimings
    | EventKind::PreferBuiltinFeature
    | EventKind::CouldNotCleanDirectory
    | EventKind::AlreadyClosedError
    | EventKind::RuntimeModuleSymbolNotFoundError
    | EventKind::UnhandleableError => "INTERNAL",
  }
}

fn hint_for(kind: EventKind) -> Option<&'static str> {
  Some(match kind {
    EventKind::ParseError => "Correct the syntax at the marked place.",
    EventKind::MissingExportError => "Export the name there, or import one that exists.",
    EventKind::JsonParseError => "Correct the JSON at the marked place.",
    EventKind::TsConfigError => "Correct the `tsconfig.json`, or build with `tsconfig: false`.",
    EventKind::MissingGlobalName => "Name the global in `output.globals`.",
    EventKind::MissingNameOptionForIifeExport => "Set `output.name`.",
    EventKind::InvalidDefineConfigError => {
      "Keys are identifiers or member paths; values are JavaScript expressions, so text needs \
       quotes of its own."
    }
    EventKind::UnloadableDependencyError => "Check that the file can be read.",
    EventKind::RequireTlaError => "Use `import()` in place of `require()` for that module.",
    EventKind::Eval => "Use `(0, eval)(…)` to evaluate in the global scope.",
    EventKind::CommonJsVariableInEsm => {
      "Use `export` in this module, or rename the file to `.cjs`."
    }
    EventKind::FilenameOutsideOutputDirectoryError => {
      "File name patterns and chunk names must be relative and without `..`."
    }
    EventKind::UnsupportedFeatureError => "Remove what is not supported, or load it another way.",
    _ => return None,
  })
}

/// Title and notes of the text that rolldown renders a diagnostic to.
///
/// Its title is not public by itself. The text is `[CODE] title`, then a
/// frame that starts with a line of box drawing, then `Note:` and `Help:`
/// lines in or below the frame.
fn parts_of_rendered(rendered: &str) -> (String, Vec<String>) {
  let mut title = String::new();
  let mut notes = Vec::new();
  let mut in_title = true;
  for line in rendered.lines() {
    let trimmed = line.trim_start_matches([' ', '│', '─', '╯', '╰', '╭']);
    if in_title && line.trim_start().starts_with(['╭', '│']) {
      in_title = false;
    }
    if let Some(note) = ["Note: ", "Help: "].iter().find_map(|label| trimmed.strip_prefix(label)) {
      in_title = false;
      notes.push(note.trim_end().to_owned());
    } else if in_title {
      if !title.is_empty() {
        title.push('\n');
      }
      title.push_str(line.trim_end());
    }
  }
  let title = match title.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
    Some((_, rest)) => rest.to_owned(),
    None => title,
  };
  (title, notes)
}

/// Ends a title with a full stop, so that every message is a sentence.
fn sentence(title: &str) -> String {
  let title = title.trim();
  match title.chars().last() {
    Some('.' | '!' | '?' | ':' | '`') | None if !title.ends_with('`') => title.to_owned(),
    _ => format!("{title}."),
  }
}

/// The known name that a mistyped one was probably meant to be.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
  known
    .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
    .filter(|(distance, candidate)| {
      *distance <= 1 + candidate.len().max(name.len()) / 4 && *distance < candidate.len()
    })
    .min_by_key(|(distance, _)| *distance)
    .map(|(_, candidate)| candidate)
}

/// A module id as users see it: relative to `cwd` where it is a path.
pub(crate) fn shown_id(id: &str, cwd: &Path) -> String {
  DiagnosticOptions { cwd: cwd.to_path_buf() }.stabilize_path(id)
}

/// A JSON file that cannot be read, with the place where reading it ends.
pub fn invalid_json_file(file: &str, text: &str) -> Diagnostic {
  let (problem, offset) = match serde_json::from_str::<serde::de::IgnoredAny>(text) {
    Ok(_) => ("it does not have the shape it should".to_owned(), 0),
    Err(error) => {
      let offset = byte_offset(text, error.line().max(1), error.column().saturating_sub(1));
      let problem = error.to_string();
      let problem = problem.split(" at line ").next().unwrap_or_default().to_owned();
      (problem, offset.unwrap_or(text.len()))
    }
  };
  let end = offset + token_length(&text[floor_boundary(text, offset)..]);
  Diagnostic::error("INVALID_JSON", format!("`{file}` is no valid JSON: {problem}."))
    .at(file, text, offset, end)
    .hint("Correct the JSON at the marked place.")
}

/// A user's text with control characters made visible.
fn printable(text: &str) -> String {
  text
    .chars()
    .flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] })
    .collect()
}

/// Lines, columns and offsets of the bytes `start..end`, moved to character boundaries.
pub(crate) fn range_of(text: &str, start: usize, end: usize) -> Range {
  let start = floor_boundary(text, start);
  let end = floor_boundary(text, end.max(start));
  Range { start: position_of(text, start), end: position_of(text, end) }
}

fn floor_boundary(text: &str, mut offset: usize) -> usize {
  offset = offset.min(text.len());
  while !text.is_char_boundary(offset) {
    offset -= 1;
  }
  offset
}

fn position_of(text: &str, offset: usize) -> Position {
  let before = &text[..offset];
  let line_start = before.rfind('\n').map_or(0, |at| at + 1);
  let utf16 = |text: &str| text.chars().map(char::len_utf16).sum::<usize>();
  Position {
    line: count(before.bytes().filter(|&byte| byte == b'\n').count()) + 1,
    column: count(utf16(&before[line_start..])) + 1,
    offset: count(utf16(before)),
  }
}

/// A text's length or line count as the wire carries it; texts are far below 4 GiB.
fn count(value: usize) -> u32 {
  u32::try_from(value).unwrap_or(u32::MAX)
}

/// The byte offset of a line (from 1) and a column (from 0, in UTF-16 units).
fn byte_offset(text: &str, line: usize, column: usize) -> Option<usize> {
  let mut line_start = 0;
  for _ in 1..line {
    line_start += text[line_start..].find('\n')? + 1;
  }
  let mut units = 0;
  for (at, character) in text[line_start..].char_indices() {
    if units >= column {
      return Some(line_start + at);
    }
    units += character.len_utf16();
  }
  Some(text.len())
}

/// How many bytes the word, string or sign at the start of `text` has.
fn token_length(text: &str) -> usize {
  let Some(first) = text.chars().next() else { return 0 };
  if matches!(first, '"' | '\'' | '`') {
    let line = text.split('\n').next().unwrap_or(text);
    return line[1..].find(first).map_or(first.len_utf8(), |end| end + 2);
  }
  let word =
    text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$')).unwrap_or(text.len());
  word.max(first.len_utf8())
}

/// A diagnostic as plain text: what it is, where, the frame, and what to do.
pub fn format(diagnostic: &Diagnostic) -> String {
  let severity = match diagnostic.severity {
    Severity::Error => "error",
    Severity::Warning => "warning",
    Severity::Info => "info",
  };
  let mut out = format!("{severity} {}: {}", diagnostic.code, diagnostic.message);
  if let Some(file) = &diagnostic.file {
    out.push_str(&format!("\n  --> {file}"));
    if let Some(range) = diagnostic.range {
      out.push_str(&format!(":{}:{}", range.start.line, range.start.column));
    }
  }
  if let Some(frame) = &diagnostic.frame {
    out.push('\n');
    out.push_str(frame);
  }
  for note in &diagnostic.notes {
    out.push_str(&format!("\n  note: {}", note.replace('\n', "\n    ")));
  }
  if let Some(hint) = &diagnostic.hint {
    out.push_str(&format!("\n  hint: {hint}"));
  }
  out
}

/// The lines around a range with the place marked, in plain text that reads
/// the same on a terminal, in a page and in a log.
pub(crate) fn frame(text: &str, range: Range) -> String {
  const CONTEXT: usize = 2;
  const WIDTH: usize = 160;
  let line_index = range.start.line as usize - 1;
  let first = line_index.saturating_sub(CONTEXT);
  let gutter = (line_index + 1 + CONTEXT).to_string().len();
  let column = range.start.column as usize - 1;
  // A minified line would fill the screen: show the part around the place.
  let cut = column.saturating_sub(WIDTH / 2);
  let mut out = String::new();
  for (index, line) in text.lines().enumerate().skip(first).take(CONTEXT * 2 + 1) {
    if index > line_index + CONTEXT {
      break;
    }
    let line = line.replace('\t', " ");
    let shown: String = line.chars().skip(cut).take(WIDTH).collect();
    let shown = shown.trim_end();
    let marker = if index == line_index { '>' } else { ' ' };
    out.push_str(format!("{marker} {:>gutter$} | {shown}", index + 1).trim_end());
    out.push('\n');
    if index == line_index {
      let length = if range.end.line == range.start.line {
        (range.end.column.saturating_sub(range.start.column) as usize).max(1)
      } else {
        1
      };
      let pad = column - cut;
      let marks = "^".repeat(length.min(WIDTH - pad.min(WIDTH - 1)));
      out.push_str(&format!("  {:>gutter$} | {}{marks}\n", "", " ".repeat(pad)));
    }
  }
  out.pop();
  out
}
