//! Every message a user can see: one constructor each, in one list.
//!
//! A diagnostic is a code, a sentence, a place and a next step. Messages of
//! rolldown, oxc and the resolver come in through `from_rolldown`, which
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

  pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
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
    format!("The option `{path}` has a value it cannot have: {}.", in_backticks(problem)),
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
    format!("`{file}` nests brackets deeper than {limit} levels, or operators four times as deep."),
  )
  .at(file, text, offset, offset + 1)
  .hint("Split the expression, or raise `limits.maxNesting` where the stack allows it.")
}

pub(crate) fn no_web_compiler(file: &str) -> Diagnostic {
  Diagnostic::error(
    "WEB_UNAVAILABLE",
    format!(
      "`{file}` needs what compiles style sheets and reads pages, which could not be loaded."
    ),
  )
  .in_file(file)
  .hint("Serve `nexxo-web.wasm` beside the worker, and let a Content-Security-Policy allow it.")
}

pub(crate) fn invalid_glob(problem: &str) -> Diagnostic {
  Diagnostic::error("INVALID_GLOB", format!("`import.meta.glob` cannot be understood: {problem}."))
    .hint("Write it as in `import.meta.glob(\"./pages/*.ts\", { eager: true })`.")
}

pub(crate) fn unresolved_import_pattern(pattern: &str) -> Diagnostic {
  Diagnostic::warning(
    "UNRESOLVED_IMPORT_PATTERN",
    format!("No file matches `{}`, so that nothing is bundled for it.", printable(pattern)),
  )
  .hint("Check the path, or put `/* @vite-ignore */` before it where it is none of the project's.")
}

pub(crate) fn worker_cycle(file: &str) -> Diagnostic {
  Diagnostic::error(
    "WORKER_CYCLE",
    format!(
      "`{file}` starts a worker that starts it again, and each would have to contain the other."
    ),
  )
  .in_file(file)
  .hint("Start one of them from the page, and let them share a `MessageChannel`.")
}

pub(crate) fn invalid_wasm(file: &str, problem: &str) -> Diagnostic {
  Diagnostic::error(
    "INVALID_WASM",
    format!("`{file}` is no WebAssembly module: {}", sentence(problem)),
  )
  .in_file(file)
  .hint("Build it again, or import its address with `?url`.")
}

pub(crate) fn invalid_css(problem: &str, file: &str) -> Diagnostic {
  let (code, language) =
    if file.ends_with(".css") { ("INVALID_CSS", "CSS") } else { ("INVALID_SASS", "Sass") };
  Diagnostic::error(code, format!("`{file}` is no valid {language}: {}", sentence(problem)))
    .hint("Correct it at the place that is shown.")
}

pub(crate) fn ignored_css(problem: &str, file: &str) -> Diagnostic {
  Diagnostic::warning(
    "IGNORED_CSS",
    format!("A part of `{file}` is left out: {}", sentence(problem)),
  )
  .hint("Browsers leave it out as well. Correct or remove it.")
}

pub(crate) fn invalid_env() -> Diagnostic {
  Diagnostic::warning(
    "INVALID_ENV",
    "A line of the environment says nothing: it is no `NAME=value`.",
  )
  .hint("Put values with spaces or signs between quotes, and comments after `#`.")
}

pub(crate) fn unresolved_url(url: &str) -> Diagnostic {
  Diagnostic::warning("UNRESOLVED_URL", format!("There is no file for `{}`.", printable(url)))
    .hint("It is left as it is. Check the path, or put the file into `public/` and begin with `/`.")
}

pub(crate) fn unknown_module_type(file: &str, extension: &str) -> Diagnostic {
  Diagnostic::error(
    "UNKNOWN_MODULE_TYPE",
    format!("`{file}` has the extension `.{extension}`, and nothing says what such a file holds."),
  )
  .in_file(file)
  .hint(format!(
    "Add `\".{extension}\"` to `moduleTypes`, with `text`, `binary`, `base64`, `dataurl` or `js`."
  ))
}

// --- Resolving --------------------------------------------------------------

pub(crate) fn wrong_case(specifier: &str, actual: &str, corrected: &str) -> Diagnostic {
  let specifier = printable(specifier);
  Diagnostic::error(
    "WRONG_CASE",
    format!("`{specifier}` differs from the file `{actual}` in upper and lower case."),
  )
  .hint(format!("Write `{corrected}`: other machines and browsers tell the two apart."))
}

pub(crate) fn wrong_case_package(specifier: &str, actual: &str) -> Diagnostic {
  Diagnostic::error(
    "WRONG_CASE",
    format!(
      "`{}` differs from the package `{actual}` in upper and lower case.",
      printable(specifier)
    ),
  )
  .hint(format!("Write `{actual}`: packages have one spelling."))
}

pub(crate) fn alias_missing(specifier: &str, alias: &str, target: &str) -> Diagnostic {
  Diagnostic::error(
    "UNRESOLVED_IMPORT",
    format!(
      "There is no file for `{}`: the alias `{alias}` leads to `{}`.",
      printable(specifier),
      printable(target)
    ),
  )
  .hint("Correct `resolve.alias`, or create the file.")
}

pub(crate) fn empty_specifier() -> Diagnostic {
  Diagnostic::error("UNRESOLVED_IMPORT", "The specifier of an import is empty.")
    .hint("Write a path, such as `./module.js`, or a package's name.")
}

pub(crate) fn missing_tsconfig(path: &str, near: Option<&str>) -> Diagnostic {
  let diagnostic = Diagnostic::error(
    "INVALID_OPTION",
    format!("There is no file for `{}`, which the option `tsconfig` names.", printable(path)),
  );
  diagnostic.hint(match near {
    Some(near) => format!("Did you mean `{near}`?"),
    None => "Correct the path, or build with `tsconfig: true` to find the nearest one.".to_owned(),
  })
}

pub(crate) fn missing_cwd(cwd: &str) -> Diagnostic {
  Diagnostic::error("INVALID_OPTION", format!("There is no folder `{}` for `cwd`.", printable(cwd)))
    .hint("Name a folder of the project that holds files, or leave `cwd` out.")
}

pub(crate) fn missing_file(specifier: &str, near: Option<&str>) -> Diagnostic {
  let specifier = printable(specifier);
  let diagnostic =
    Diagnostic::error("UNRESOLVED_IMPORT", format!("There is no file for `{specifier}`."));
  diagnostic.hint(match near {
    Some(near) => format!("Did you mean `{near}`?"),
    None => "Check the path, or create the file.".to_owned(),
  })
}

pub(crate) fn missing_entry(specifier: &str, near: Option<&str>) -> Diagnostic {
  let specifier = printable(specifier);
  let diagnostic =
    Diagnostic::error("UNRESOLVED_ENTRY", format!("There is no file for the entry `{specifier}`."));
  diagnostic.hint(match near {
    Some(near) => format!("Did you mean `{near}`?"),
    None => "Check `input`: its paths start from `cwd`.".to_owned(),
  })
}

pub(crate) fn missing_package(specifier: &str, package: &str, near: Option<&str>) -> Diagnostic {
  let (specifier, package) = (printable(specifier), printable(package));
  let imported =
    if specifier == package { String::new() } else { format!(", imported as `{specifier}`,") };
  let diagnostic = Diagnostic::error(
    "MISSING_PACKAGE",
    format!("The package `{package}`{imported} is not installed."),
  );
  diagnostic.hint(match near {
    Some(near) => format!("Did you mean `{near}`?"),
    None => format!("Install `{package}`, or list it in `external` to leave the import as it is."),
  })
}

pub(crate) fn unexported_path(specifier: &str, package: &str, conditions: &[String]) -> Diagnostic {
  let specifier = printable(specifier);
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
  let specifier = printable(specifier);
  Diagnostic::error(
    "UNRESOLVED_IMPORT",
    format!(
      "`{specifier}` is not in the `imports` of the nearest `package.json`, or leads nowhere."
    ),
  )
  .hint("Add it there, with a path that exists under the conditions in force.")
}

pub(crate) fn outside_root(specifier: &str) -> Diagnostic {
  let specifier = printable(specifier);
  Diagnostic::error("OUTSIDE_ROOT", format!("`{specifier}` leads out of the project's root."))
    .hint("Move the file into the project, or choose a root that holds both.")
}

pub(crate) fn builtin_module(specifier: &str) -> Diagnostic {
  let specifier = printable(specifier);
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

/// The place is the import that closes the circle.
pub(crate) fn commonjs_cycle(
  members: &[&str],
  source: &str,
  start: usize,
  end: usize,
) -> Diagnostic {
  let mut path = members.to_vec();
  path.push(members[0]);
  Diagnostic::warning(
    "COMMONJS_CYCLE",
    format!("Modules import each other in a circle through CommonJS: {}.", path.join(" → ")),
  )
  .at(members[members.len() - 1], source, start, end)
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
    None if exports.is_empty() => original.hint("Export the name there, or import another."),
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

pub(crate) fn missing_type(problem: &str) -> Diagnostic {
  Diagnostic::error(
    "MISSING_TYPE",
    format!("Its declaration cannot be written: {}", sentence(problem)),
  )
  .hint("Say the type there, as with TypeScript's `isolatedDeclarations`; or set `library.declarations` to `false`.")
}

pub(crate) fn missing_export_target(target: &str, near: Option<String>) -> Diagnostic {
  let diagnostic = Diagnostic::warning(
    "MISSING_EXPORT_TARGET",
    format!("`package.json` names `{}`, which is not in the output.", printable(target)),
  );
  match near {
    Some(near) => diagnostic.hint(format!("Did you mean `{near}`?")),
    None => {
      diagnostic.hint("Name a file that is there, or build it: an entry, a format or declarations.")
    }
  }
}

pub(crate) fn budget_exceeded(
  name: &str,
  size: u64,
  limit: u64,
  parts: &[(String, usize)],
  at: usize,
) -> Diagnostic {
  let shown = if name.contains(' ') { name.to_owned() } else { format!("`{name}`") };
  let mut diagnostic = Diagnostic::error(
    "BUDGET_EXCEEDED",
    format!("{shown} has {size} bytes, and may have {limit}."),
  )
  .hint(format!(
    "Load what is not needed at once with `import()`, or raise `budgets[{at}].maxSize`."
  ));
  if !parts.is_empty() {
    let parts: Vec<String> =
      parts.iter().map(|(part, bytes)| format!("`{part}` ({bytes})")).collect();
    diagnostic.notes.push(format!("Its largest parts are {}.", parts.join(", ")));
  }
  diagnostic
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
  let title = match original.kind() {
    // Of a long line the title has the frame, too.
    EventKind::ParseError => title.lines().next().unwrap_or_default(),
    _ => title.split("\nStack backtrace").next().unwrap_or_default(),
  };
  let mut diagnostic =
    Diagnostic::new(code_of(original.kind()), severity, sentence(&in_backticks(title)));
  // Notes about rolldown's own options and pages help nobody here.
  let is_ours = |note: &&String| {
    let note = note.to_lowercase();
    !note.contains("rolldown") && !note.contains("parser options")
  };
  diagnostic.notes = notes.iter().filter(is_ours).map(|note| in_backticks(note)).collect();
  if let Some((file, line, column, _)) = rendered.get_primary_location() {
    // A module with a query has its file's text.
    let file = match file.split_once('?') {
      Some((path, _)) if snapshot.is_file(&cwd.join(path)) => path.to_owned(),
      _ => file,
    };
    let text = snapshot.text(&cwd.join(&file));
    match text.as_deref() {
      Some(text) => {
        let start = byte_offset(text, line, column);
        let end = start + token_length(&text[start..]);
        diagnostic = diagnostic.at(file, text, start, end);
      }
      None => diagnostic.file = Some(file),
    }
  } else if let Some(id) = original.id().filter(|id| snapshot.is_file(Path::new(id))) {
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
    EventKind::CircularReexportError => "Export the name from the module that defines it.",
    EventKind::AssignToImportError => {
      "Assign in the module that exports it, or copy it to a variable of your own."
    }
    EventKind::IllegalReassignmentError => "Declare it with `let`, or use another name.",
    EventKind::NamespaceConflict | EventKind::AmbiguousExternalNamespaceError => {
      "Export the name that is meant by itself: `export { name } from \"./module.js\"`."
    }
    EventKind::ConfigurationFieldConflict => "Remove one of the two settings.",
    EventKind::MixedExports => {
      "Set `output.exports` to `named` to say that this is meant, or export one kind only."
    }
    EventKind::InvalidExportOptionError => {
      "Choose another `output.exports`, or export what it asks for."
    }
    EventKind::InvalidOptionError
    | EventKind::BundlerInitializeError
    | EventKind::IllegalIdentifierAsNameError => {
      "The options and their values are described in `docs/options.md`."
    }
    EventKind::FilenameConflict => "Put `[name]` or `[hash]` into the file name pattern.",
    EventKind::TransformError | EventKind::ToleratedTransform => {
      "Choose a newer `transform.target`, or write it another way."
    }
    EventKind::CannotCallNamespace => "Import the default export: `import name from …`.",
    EventKind::ImportIsUndefined => "Export the name there, or import one that exists.",
    EventKind::EmptyImportMeta => {
      "Build with the format `esm`, or replace it with `transform.define`."
    }
    EventKind::CircularDependency => "Move what the modules share into one of its own.",
    EventKind::InvalidAnnotation => "Move the comment in front of a call, or remove it.",
    EventKind::ModuleLevelDirective => {
      "Put the directive into `output.banner` if the bundle needs it."
    }
    EventKind::IneffectiveDynamicImport => "Import the module in one way only.",
    EventKind::DuplicateShebang => "Remove one of the two.",
    EventKind::SourcemapBroken => "Give a `map` from the hook.",
    EventKind::UnsupportedTsconfigOption => "Remove the option, or set its equal in `transform`.",
    EventKind::LargeBarrelModules => "Import from the modules themselves.",
    EventKind::PluginError | EventKind::NapiError => "Correct the plugin, or leave it out.",
    EventKind::FileNotFoundError => "Check the path, or create the file.",
    EventKind::UnresolvedEntry => "Check `input`: its paths start from `cwd`.",
    EventKind::UnresolvedImport | EventKind::ResolveError => "Check the path, or create the file.",
    EventKind::PluginTimings
    | EventKind::PreferBuiltinFeature
    | EventKind::CouldNotCleanDirectory
    | EventKind::AlreadyClosedError
    | EventKind::RuntimeModuleSymbolNotFoundError
    | EventKind::UnhandleableError => {
      "This is a defect of Nexxo. Please report it with the smallest input that shows it."
    }
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
      (problem, offset)
    }
  };
  let end = offset + token_length(&text[floor_boundary(text, offset)..]);
  Diagnostic::error("INVALID_JSON", format!("`{file}` is no valid JSON: {problem}."))
    .at(file, text, offset, end)
    .hint("Correct the JSON at the marked place.")
}

/// Names in quotes, as rolldown and oxc write them, in backticks as everywhere here.
fn in_backticks(text: &str) -> String {
  let mut out = String::with_capacity(text.len());
  let mut rest = text;
  while let Some(at) = rest.find(['"', '\'']) {
    let (before, from) = rest.split_at(at);
    out.push_str(before);
    let quote = &from[..1];
    // What stands in backticks already needs no quotes.
    if out.matches('`').count() % 2 == 1 {
      rest = &from[1..];
      continue;
    }
    let opens = before.chars().next_back().is_none_or(|c| c.is_whitespace() || c == '(');
    let end = from[1..].find(quote).map(|end| end + 1);
    match end.filter(|&end| opens && !from[1..end].contains(['\n', '`']) && end > 1) {
      Some(end) if from[end + 1..].chars().next().is_none_or(|c| !c.is_alphanumeric()) => {
        out.push('`');
        out.push_str(&from[1..end]);
        out.push('`');
        rest = &from[end + 1..];
      }
      _ => {
        out.push_str(quote);
        rest = &from[1..];
      }
    }
  }
  out.push_str(rest);
  out
}

/// A user's text on one line and not without end, with control characters made visible.
pub(crate) fn printable(text: &str) -> String {
  const MOST: usize = 100;
  if text.chars().count() > MOST {
    let start: String = text.chars().take(MOST).collect();
    return format!("{}…", printable(&start));
  }
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

/// The byte offset of a line (from 1) and a column (from 0, in UTF-16 units). What is past the
/// last line is at the end: adapters of frameworks add lines of their own there (`hmr.rs`).
pub(crate) fn byte_offset(text: &str, line: usize, column: usize) -> usize {
  let mut line_start = 0;
  for _ in 1..line {
    let Some(end) = text[line_start..].find('\n') else { return text.len() };
    line_start += end + 1;
  }
  let mut units = 0;
  for (at, character) in text[line_start..].char_indices() {
    if units >= column {
      return line_start + at;
    }
    units += character.len_utf16();
  }
  text.len()
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
  let line_count = text.lines().count();
  for (index, line) in text.split('\n').enumerate().skip(first).take(CONTEXT * 2 + 1) {
    // What stands behind the last line's end is shown only where it is the place.
    if index > line_index + CONTEXT || (index >= line_count && index != line_index) {
      break;
    }
    let line = line.strip_suffix('\r').unwrap_or(line);
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
