//! What a library has beside its scripts: formats, externals that are its
//! packages, declarations of its types, and a `package.json` that says where
//! all of this is.

use std::{collections::BTreeSet, path::Path};

use oxc::{
  allocator::Allocator,
  ast::ast::Statement,
  codegen::Codegen,
  isolated_declarations::{IsolatedDeclarations, IsolatedDeclarationsOptions},
  parser::Parser,
  span::SourceType,
};
use serde_json::Value;

use crate::{
  bundler::inputs,
  describe,
  diagnostic::{missing_export_target, missing_type, shown_id},
  protocol::{BuildOptions, Diagnostic, Format, LibraryOptions, OutputFile, OutputOptions},
  snapshot::{Snapshot, normalize_path},
  web::relative,
};

/// Extensions of sources that have types, as they are tried.
const TYPED: [&str; 4] = ["ts", "tsx", "mts", "cts"];

/// The options of a library for one of its formats; the first one has what is not of a format.
pub(crate) fn options_for(
  options: &BuildOptions,
  library: &LibraryOptions,
  format: Format,
  is_first: bool,
  snapshot: &Snapshot,
) -> BuildOptions {
  let mut options = options.clone();
  if library.external_packages != Some(false) {
    let cwd = options.cwd.clone().unwrap_or_else(|| "/".to_owned());
    let external = options.external.get_or_insert_default();
    for package in packages(Path::new(&cwd), snapshot) {
      external.push(format!("{package}/*"));
      external.push(package);
    }
  }
  let output = options.output.get_or_insert_default();
  output.format = Some(format);
  let [entries, chunks] = file_names(format);
  output.entry_file_names.get_or_insert_with(|| entries.to_owned());
  output.chunk_file_names.get_or_insert_with(|| chunks.to_owned());
  options.library = None;
  if !is_first {
    describe::leave_out(&mut options);
  }
  options
}

/// The formats of a library, each once.
pub(crate) fn formats(library: &LibraryOptions, output: Option<&OutputOptions>) -> Vec<Format> {
  let usual = || vec![output.and_then(|output| output.format).unwrap_or_default()];
  let mut formats =
    library.formats.clone().filter(|formats| !formats.is_empty()).unwrap_or_else(usual);
  let mut seen = Vec::new();
  formats.retain(|format| {
    let is_new = !seen.contains(format);
    seen.push(*format);
    is_new
  });
  formats
}

/// The names of entries and of other chunks.
fn file_names(format: Format) -> [&'static str; 2] {
  match format {
    Format::Esm => ["[name].js", "[name]-[hash].js"],
    Format::Cjs => ["[name].cjs", "[name]-[hash].cjs"],
    Format::Iife => ["[name].iife.js", "[name]-[hash].iife.js"],
    Format::Umd => ["[name].umd.cjs", "[name]-[hash].umd.cjs"],
  }
}

/// The packages that whoever uses a library installs with it.
fn packages(cwd: &Path, snapshot: &Snapshot) -> Vec<String> {
  let manifest = manifest(cwd, snapshot);
  ["dependencies", "peerDependencies", "optionalDependencies"]
    .iter()
    .filter_map(|field| manifest[*field].as_object())
    .flat_map(|packages| packages.keys().cloned())
    .collect::<BTreeSet<String>>()
    .into_iter()
    .collect()
}

fn manifest(cwd: &Path, snapshot: &Snapshot) -> Value {
  let text = snapshot.text(&cwd.join("package.json")).unwrap_or_default();
  serde_json::from_str(&text).unwrap_or_default()
}

/// The declarations of all types that entries lead to, beside the scripts of the same name.
fn declarations(
  options: &BuildOptions,
  cwd: &Path,
  snapshot: &Snapshot,
  built: &[OutputFile],
) -> (Vec<OutputFile>, Vec<Diagnostic>) {
  let (mut files, mut diagnostics) = (Vec::new(), Vec::new());
  let entries: Vec<String> = inputs(options)
    .into_iter()
    .filter_map(|input| find(snapshot, &cwd.join(input).to_string_lossy()))
    .collect();
  let root = common_folder(&entries);
  let mut open = entries;
  let mut seen = BTreeSet::new();
  while let Some(path) = open.pop() {
    if !is_typed(&path) || !seen.insert(path.clone()) {
      continue;
    }
    let Some(text) = snapshot.text(Path::new(&path)) else { continue };
    let declared =
      if path.ends_with(".d.ts") || path.ends_with(".d.mts") || path.ends_with(".d.cts") {
        follow(&path, &text, &root, snapshot)
      } else {
        let (code, problems) = declare(&path, &text);
        let file = shown_id(&path, cwd);
        diagnostics.extend(
          problems.into_iter().map(|(message, start, end)| {
            missing_type(&message).at(file.clone(), &text, start, end)
          }),
        );
        follow(&path, &code, &root, snapshot)
      };
    open.extend(declared.imports);
    let name = declared_name(&placed(&path, &root));
    files.push(OutputFile::asset(name, declared.code.into_bytes()));
  }
  // A script that is called otherwise than its source has declarations of its name.
  for script in built.iter().filter(|file| file.is_entry) {
    let Some(source) = script.facade_module_id.as_deref().filter(|source| is_typed(source)) else {
      continue;
    };
    let source = placed(&cwd.join(source).to_string_lossy(), &root);
    let end = match source.rsplit_once('.') {
      Some((_, end @ ("mts" | "cts"))) => end,
      _ => "ts",
    };
    let wanted = format!("{}.d.{end}", script.file_name.split('.').next().unwrap_or_default());
    if files.iter().all(|file| file.file_name != wanted) {
      let from = beside(&wanted, &script_name(&source));
      let mut code = format!("export * from \"{from}\";\n");
      if script.exports.iter().any(|name| name == "default") {
        code.push_str(&format!("export {{ default }} from \"{from}\";\n"));
      }
      files.push(OutputFile::asset(wanted, code.into_bytes()));
    }
  }
  files.sort_by(|one, other| one.file_name.cmp(&other.file_name));
  (files, diagnostics)
}

struct Declared {
  code: String,
  /// The sources that it takes types from.
  imports: Vec<String>,
}

fn is_typed(path: &str) -> bool {
  let extension = Path::new(path).extension().and_then(|extension| extension.to_str());
  extension.is_some_and(|extension| TYPED.contains(&extension))
}

/// Where a source is in the output: as it is below the entries' folder, or else in a folder for
/// what is not.
fn placed(path: &str, root: &str) -> String {
  match path.strip_prefix(root).filter(|rest| rest.starts_with('/')) {
    Some(below) => below[1..].to_owned(),
    None => format!("_outside{path}"),
  }
}

/// The way from one file of the output to another, as a specifier.
fn beside(from: &str, to: &str) -> String {
  let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
  relative(&format!("/{folder}"), &format!("/{to}"))
}

/// The script that stands beside declarations.
fn script_name(source: &str) -> String {
  let script = |stem: &str, end: &str| format!("{}.{end}", stem.strip_suffix(".d").unwrap_or(stem));
  match source.rsplit_once('.') {
    Some((stem, "mts")) => script(stem, "mjs"),
    Some((stem, "cts")) => script(stem, "cjs"),
    Some((stem, _)) => script(stem, "js"),
    None => source.to_owned(),
  }
}

/// `a.ts` becomes `a.d.ts`, and `a.mts` `a.d.mts`.
fn declared_name(name: &str) -> String {
  if name.contains(".d.") {
    return name.to_owned();
  }
  match name.rsplit_once('.') {
    Some((stem, "mts")) => format!("{stem}.d.mts"),
    Some((stem, "cts")) => format!("{stem}.d.cts"),
    Some((stem, _)) => format!("{stem}.d.ts"),
    None => format!("{name}.d.ts"),
  }
}

fn declare(path: &str, text: &str) -> (String, Vec<(String, usize, usize)>) {
  let allocator = Allocator::default();
  let source_type = SourceType::from_path(path).unwrap_or_else(|_| SourceType::ts());
  let parsed = Parser::new(&allocator, text, source_type).parse();
  // What cannot be read, the build itself has told.
  if !parsed.diagnostics.is_empty() {
    return (String::new(), Vec::new());
  }
  let options = IsolatedDeclarationsOptions { strip_internal: true };
  let declared = IsolatedDeclarations::new(&allocator, options).build(&parsed.program);
  let problems = declared.diagnostics.iter().map(|problem| {
    let label = problem.labels.iter().next();
    let (start, length) =
      label.map_or((0, 1), |label| (label.offset() as usize, label.len() as usize));
    // TypeScript's number stands before its sentence.
    let message =
      problem.message.split_once(": ").map_or(&*problem.message, |(_, message)| message);
    (message.to_owned(), start, start + length)
  });
  let problems = problems.collect();
  (Codegen::new().build(&declared.program).code, problems)
}

/// Reads where declarations take types from, and names the files as they are in the output.
fn follow(path: &str, code: &str, root: &str, snapshot: &Snapshot) -> Declared {
  let allocator = Allocator::default();
  let mut program = Parser::new(&allocator, code, SourceType::d_ts()).parse().program;
  let mut imports = Vec::new();
  let mut named = |specifier: &str| {
    let (found, named) = named_in_output(path, specifier, root, snapshot)?;
    imports.push(found);
    Some(named)
  };
  for statement in &mut program.body {
    let source = match statement {
      Statement::ImportDeclaration(import) => &mut import.source,
      Statement::ExportFromDeclaration(export) => &mut export.source,
      Statement::ExportAllDeclaration(export) => &mut export.source,
      _ => continue,
    };
    if let Some(named) = named(&source.value) {
      source.value = allocator.alloc_str(&named).into();
      source.raw = None;
    }
  }
  // Types that are imported where they are used: nothing else in a declaration looks like them.
  let printed = Codegen::new().build(&program).code;
  let mut code = String::with_capacity(printed.len());
  let mut rest = printed.as_str();
  while let Some(at) = rest.find("import(\"") {
    let (before, after) = rest.split_at(at + "import(\"".len());
    let end = after.find('"').unwrap_or(after.len());
    code.push_str(before);
    code.push_str(named(&after[..end]).as_deref().unwrap_or(&after[..end]));
    rest = &after[end..];
  }
  code.push_str(rest);
  Declared { code, imports }
}

/// The file that a specifier means, and the script beside it in the output: some of TypeScript's ways
/// of looking ask for that name.
fn named_in_output(
  path: &str,
  specifier: &str,
  root: &str,
  snapshot: &Snapshot,
) -> Option<(String, String)> {
  if !specifier.starts_with('.') {
    return None;
  }
  let folder = Path::new(path).parent()?.to_string_lossy();
  let found = find(snapshot, &format!("{folder}/{specifier}"))?;
  let named = beside(&placed(path, root), &script_name(&placed(&found, root)));
  Some((found, named))
}

/// The source that a specifier means.
fn find(snapshot: &Snapshot, path: &str) -> Option<String> {
  let path = normalize_path(path).ok()?;
  let stem = path.strip_suffix(".js").or_else(|| path.strip_suffix(".jsx")).unwrap_or(&path);
  let mut names = vec![path.clone()];
  for stem in [stem, path.as_str()] {
    for end in ["ts", "tsx", "d.ts"] {
      names.push(format!("{stem}.{end}"));
    }
  }
  for (script, source) in [(".mjs", ".mts"), (".cjs", ".cts")] {
    names.extend(path.strip_suffix(script).map(|stem| format!("{stem}{source}")));
  }
  names.extend(["ts", "tsx", "d.ts"].map(|end| format!("{path}/index.{end}")));
  names.into_iter().find(|name| snapshot.is_file(Path::new(name)))
}

/// The deepest folder that all paths are in.
fn common_folder(paths: &[String]) -> String {
  let folder = |path: &String| path.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
  let mut common = paths.first().map(folder).unwrap_or_default();
  for path in paths {
    while !path.starts_with(&format!("{common}/")) && !common.is_empty() {
      common = folder(&common);
    }
  }
  common
}

/// What is of no format: declarations, and what `package.json` says of the output.
pub(crate) fn complete(
  options: &BuildOptions,
  library: &LibraryOptions,
  cwd: &Path,
  snapshot: &Snapshot,
  built: &[OutputFile],
) -> (Vec<OutputFile>, Vec<Diagnostic>) {
  let (mut files, mut diagnostics) = (Vec::new(), Vec::new());
  if library.declarations.unwrap_or_else(|| inputs(options).into_iter().any(is_typed)) {
    (files, diagnostics) = declarations(options, cwd, snapshot, built);
  }
  if library.check_exports != Some(false) {
    let all = [built, files.as_slice()].concat();
    diagnostics.extend(check_exports(options, cwd, snapshot, &all));
  }
  (files, diagnostics)
}

/// What a library's `package.json` names and the output does not have.
fn check_exports(
  options: &BuildOptions,
  cwd: &Path,
  snapshot: &Snapshot,
  files: &[OutputFile],
) -> Vec<Diagnostic> {
  let path = cwd.join("package.json");
  let Some(text) = snapshot.text(&path) else { return Vec::new() };
  let manifest = manifest(cwd, snapshot);
  let dir = options.output.as_ref().and_then(|output| output.dir.as_deref()).unwrap_or("dist");
  let dir = format!("{}/", dir.trim_start_matches("./").trim_end_matches('/'));
  let mut named = BTreeSet::new();
  for field in ["main", "module", "browser", "types", "typings", "style", "exports", "bin"] {
    targets(&manifest[field], &mut named);
  }
  let is_there = |name: &str| files.iter().any(|file| file.file_name == name);
  let file = shown_id(&path.to_string_lossy(), cwd);
  named
    .into_iter()
    .filter_map(|target| {
      let name = target.trim_start_matches("./").strip_prefix(&dir)?.to_owned();
      let is_missing = !name.contains('*') && !is_there(&name);
      is_missing.then(|| {
        let at = text.find(&format!("\"{target}\"")).unwrap_or(0);
        let there = files.iter().map(|file| file.file_name.as_str());
        let near = crate::diagnostic::nearest(&name, there).map(str::to_owned);
        missing_export_target(&target, near.as_deref().map(|near| format!("./{dir}{near}"))).at(
          file.clone(),
          &text,
          at,
          at + target.len() + 2,
        )
      })
    })
    .collect()
}

/// Every path below a field.
fn targets(value: &Value, found: &mut BTreeSet<String>) {
  match value {
    Value::String(target) => {
      found.insert(target.clone());
    }
    Value::Array(all) => all.iter().for_each(|value| targets(value, found)),
    Value::Object(all) => all.values().for_each(|value| targets(value, found)),
    _ => {}
  }
}
