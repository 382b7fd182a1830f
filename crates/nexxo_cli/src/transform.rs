//! `nexxo transform`: modules one by one, without a project.
//!
//! Everything is read and transformed before anything is written, so that one
//! module with an error leaves all output as it was.

use std::{
  collections::BTreeMap,
  fs,
  io::{self, IsTerminal, Read},
  path::{Component, Path, PathBuf},
};

use nexxo::{
  protocol::{Diagnostic, TransformRequest, TransformResult},
  request::read_transform_request,
};
use rayon::iter::{IntoParallelIterator, IntoParallelRefIterator, ParallelIterator};
use serde::Serialize;

use crate::{
  args::TransformArgs,
  build::{Outcome, only_usage},
  host::NativeHost,
  message::{
    io_problem, needs_out_dir, no_modules, not_written, source_not_utf8, source_unreadable,
    two_for_one_name, would_overwrite,
  },
  report,
  write::write_file,
};

const EXTENSIONS: [&str; 8] = ["ts", "tsx", "mts", "cts", "js", "jsx", "mjs", "cjs"];

/// One module on its way.
struct Source {
  /// As the user named it.
  path: PathBuf,
  /// Below its folder: what it is called in the output, but for the extension.
  name: PathBuf,
}

/// A module that was read and transformed.
struct Transformed {
  source: Source,
  out: Option<PathBuf>,
  result: TransformResult,
}

pub(crate) fn run(args: &TransformArgs) -> Outcome {
  let host = NativeHost::new();
  match transform(args) {
    Ok(modules) => finish(args, &modules, &host),
    Err(mistakes) => {
      tell(args, &[], &mistakes);
      Outcome::Usage
    }
  }
}

fn transform(args: &TransformArgs) -> Result<Vec<Transformed>, Vec<Diagnostic>> {
  let request = read_transform_request(&args.request())?;
  let sources = sources(&args.paths, args.out_dir.as_deref())?;
  if sources.len() > 1 && args.out_dir.is_none() && !args.json {
    return Err(vec![needs_out_dir()]);
  }
  let keeps_jsx = matches!(
    request.transform.as_ref().and_then(|transform| transform.jsx.as_ref()),
    Some(nexxo::protocol::Jsx::Mode(nexxo::protocol::JsxMode::Preserve))
  );
  let outs = outs(args, &sources, keeps_jsx)?;
  // On a thread of the pool also where there is only one: they have large stacks.
  let pairs: Vec<(Source, Option<PathBuf>)> = sources.into_iter().zip(outs).collect();
  pairs.into_par_iter().map(|(source, out)| transform_one(source, out, &request)).collect()
}

/// Every module that the arguments name, folders by what is in them.
fn sources(paths: &[PathBuf], out_dir: Option<&Path>) -> Result<Vec<Source>, Vec<Diagnostic>> {
  let out_dir = out_dir.and_then(|dir| fs::canonicalize(dir).ok());
  let mut sources = Vec::new();
  for path in paths {
    if !is_stdin(path) && path.is_dir() {
      let before = sources.len();
      walk(path, path, out_dir.as_deref(), &mut sources).map_err(|problem| vec![problem])?;
      if sources.len() == before {
        return Err(vec![no_modules(path)]);
      }
    } else {
      let name = path.file_name().map_or_else(|| path.clone(), PathBuf::from);
      sources.push(Source { path: path.clone(), name });
    }
  }
  Ok(sources)
}

fn walk(
  folder: &Path,
  top: &Path,
  out_dir: Option<&Path>,
  sources: &mut Vec<Source>,
) -> Result<(), Diagnostic> {
  let unreadable = |error: io::Error| source_unreadable(folder, &io_problem(&error));
  let mut entries: Vec<(PathBuf, bool)> = Vec::new();
  for entry in fs::read_dir(folder).map_err(unreadable)? {
    let entry = entry.map_err(unreadable)?;
    let name = entry.file_name();
    if name.as_encoded_bytes().starts_with(b".") || name == "node_modules" {
      continue;
    }
    // Links to folders may lead in a circle.
    entries.push((entry.path(), entry.file_type().map_err(unreadable)?.is_dir()));
  }
  entries.sort_unstable();
  for (path, is_folder) in entries {
    if is_folder {
      if out_dir.is_none_or(|out| fs::canonicalize(&path).map_or(true, |real| real != out)) {
        walk(&path, top, out_dir, sources)?;
      }
    } else if is_module(&path) {
      let name = path.strip_prefix(top).unwrap_or(&path).to_path_buf();
      sources.push(Source { path, name });
    }
  }
  Ok(())
}

fn is_module(path: &Path) -> bool {
  let extension = path.extension().and_then(|extension| extension.to_str());
  let is_declaration = || {
    path.file_stem().is_some_and(|stem| stem.as_encoded_bytes().ends_with(b".d"))
      && extension.is_some_and(|extension| extension.ends_with("ts"))
  };
  extension.is_some_and(|extension| EXTENSIONS.contains(&extension)) && !is_declaration()
}

fn is_stdin(path: &Path) -> bool {
  path == Path::new("-")
}

/// Where each module's code goes; `None` for stdout.
fn outs(
  args: &TransformArgs,
  sources: &[Source],
  keeps_jsx: bool,
) -> Result<Vec<Option<PathBuf>>, Vec<Diagnostic>> {
  let mut taken: BTreeMap<PathBuf, &Path> = BTreeMap::new();
  let mut outs = Vec::with_capacity(sources.len());
  for source in sources {
    let out = match (&args.out, &args.out_dir) {
      (Some(out), _) => Some(out.clone()),
      (None, Some(dir)) if is_stdin(&source.path) => Some(dir.join("stdin.js")),
      (None, Some(dir)) => Some(dir.join(renamed(&source.name, keeps_jsx))),
      (None, None) => None,
    };
    if let Some(out) = &out {
      if let Some(first) = taken.insert(out.clone(), &source.path) {
        return Err(vec![two_for_one_name(out, first, &source.path)]);
      }
      // Only one that exists can be a source.
      if let (Ok(out), Ok(source_path)) = (fs::canonicalize(out), fs::canonicalize(&source.path))
        && out == source_path
      {
        return Err(vec![would_overwrite(&source.path)]);
      }
    }
    outs.push(out);
  }
  Ok(outs)
}

/// The name with the extension that the code has then.
fn renamed(name: &Path, keeps_jsx: bool) -> PathBuf {
  name.with_extension(match name.extension().and_then(|extension| extension.to_str()) {
    Some("mts" | "mjs") => "mjs",
    Some("cts" | "cjs") => "cjs",
    Some("tsx" | "jsx") if keeps_jsx => "jsx",
    _ => "js",
  })
}

fn transform_one(
  source: Source,
  out: Option<PathBuf>,
  request: &TransformRequest,
) -> Result<Transformed, Vec<Diagnostic>> {
  let unreadable = |error: io::Error| vec![source_unreadable(&source.path, &io_problem(&error))];
  let bytes = if is_stdin(&source.path) {
    if io::stdin().is_terminal() {
      report::idle("Reading from the terminal; Ctrl-D ends.");
    }
    let mut bytes = Vec::new();
    io::stdin().lock().read_to_end(&mut bytes).map_err(unreadable)?;
    bytes
  } else {
    fs::read(&source.path).map_err(unreadable)?
  };
  let mut result = match String::from_utf8(bytes) {
    Ok(code) => {
      let mut request = request.clone();
      // The name by itself: the engine's paths do not leave a project.
      if !is_stdin(&source.path) {
        request.file_name =
          source.name.file_name().map(|name| name.to_string_lossy().replace('\\', "_"));
      }
      nexxo::transform(&code, &request)
    }
    Err(error) => TransformResult {
      diagnostics: vec![source_not_utf8(&source.path, error.utf8_error().valid_up_to())],
      ..TransformResult::default()
    },
  };
  for diagnostic in &mut result.diagnostics {
    if diagnostic.file.is_some() {
      diagnostic.file = Some(shown(&source.path));
    }
  }
  Ok(Transformed { source, out, result })
}

fn shown(path: &Path) -> String {
  if is_stdin(path) { "<stdin>".to_owned() } else { path.to_string_lossy().into_owned() }
}

/// Writes, and tells how it went.
fn finish(args: &TransformArgs, modules: &[Transformed], host: &NativeHost) -> Outcome {
  let mut diagnostics: Vec<Diagnostic> = Vec::new();
  for diagnostic in modules.iter().flat_map(|module| &module.result.diagnostics) {
    // A mistake in what was asked for comes with every module.
    if diagnostic.file.is_some() || !diagnostics.contains(diagnostic) {
      diagnostics.push(diagnostic.clone());
    }
  }
  let ok = modules.iter().all(|module| module.result.ok);
  let mut outcome = match ok {
    true => Outcome::Done,
    false if only_usage(&diagnostics) => Outcome::Usage,
    false => Outcome::Errors,
  };
  if ok && let Err(problem) = write(args, modules) {
    diagnostics.push(problem);
    outcome = Outcome::Io;
  }
  tell(args, if outcome == Outcome::Done { modules } else { &[] }, &diagnostics);
  if outcome == Outcome::Done && !args.json && args.out_dir.is_some() && report::is_interactive() {
    use nexxo::host::Host;
    let what = if modules.len() == 1 { "module" } else { "modules" };
    report::done(
      &format!("{} {what}", modules.len()),
      host.now_ms(),
      &report::counts(&diagnostics),
    );
  }
  outcome
}

fn write(args: &TransformArgs, modules: &[Transformed]) -> Result<(), Diagnostic> {
  let folders: std::collections::BTreeSet<&Path> =
    modules.iter().filter_map(|module| module.out.as_deref()?.parent()).collect();
  for folder in folders {
    fs::create_dir_all(folder).map_err(|error| not_written(folder, &io_problem(&error)))?;
  }
  modules.par_iter().try_for_each(|module| {
    let Some(out) = &module.out else { return Ok(()) };
    let Some(map) = module.result.map.as_deref() else {
      return write_file(out, module.result.code.as_bytes());
    };
    let map_path = with_suffix(out, ".map");
    let name = map_path.file_name().unwrap_or_default().to_string_lossy();
    let code = format!("{}//# sourceMappingURL={name}\n", with_newline(&module.result.code));
    write_file(&map_path, pointing_back(map, out, &module.source.path).as_bytes())?;
    write_file(out, code.as_bytes())
  })?;
  if let ([module], false) = (modules, args.json)
    && module.out.is_none()
  {
    let mut code = module.result.code.clone();
    if let Some(map) = &module.result.map {
      let encoded = base64_simd::STANDARD.encode_to_string(map);
      code = format!(
        "{}//# sourceMappingURL=data:application/json;charset=utf-8;base64,{encoded}\n",
        with_newline(&code)
      );
    }
    report::give(code.as_bytes());
  }
  Ok(())
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
  let mut path = path.as_os_str().to_owned();
  path.push(suffix);
  path.into()
}

fn with_newline(code: &str) -> String {
  if code.ends_with('\n') || code.is_empty() { code.to_owned() } else { format!("{code}\n") }
}

/// The engine's map names the source as if it lay beside the code.
fn pointing_back(map: &str, out: &Path, source: &Path) -> String {
  let Ok(mut value) = serde_json::from_str::<serde_json::Value>(map) else { return map.to_owned() };
  if is_stdin(source) {
    return map.to_owned();
  }
  value["sources"] = serde_json::json!([relative(source, out.parent().unwrap_or(Path::new("")))]);
  value.to_string()
}

/// A path as it is written from `folder`, `/`-separated. Both are real where they exist.
fn relative(path: &Path, folder: &Path) -> String {
  let real = |path: &Path| {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf())
  };
  let (path, folder) = (real(path), real(folder));
  let common = path.components().zip(folder.components()).take_while(|(a, b)| a == b).count();
  let up = folder.components().skip(common).map(|_| Component::ParentDir);
  let parts: Vec<_> = up
    .chain(path.components().skip(common))
    .map(|part| part.as_os_str().to_string_lossy().into_owned())
    .collect();
  parts.join("/")
}

/// What `nexxo transform --json` prints.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
  ok: bool,
  files: Vec<FileReport<'a>>,
  diagnostics: &'a [Diagnostic],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FileReport<'a> {
  file: String,
  /// Where the code was written; otherwise it is here.
  #[serde(skip_serializing_if = "Option::is_none")]
  out: Option<String>,
  #[serde(skip_serializing_if = "Option::is_none")]
  code: Option<&'a str>,
  #[serde(skip_serializing_if = "Option::is_none")]
  map: Option<&'a str>,
}

fn tell(args: &TransformArgs, modules: &[Transformed], diagnostics: &[Diagnostic]) {
  if !args.json {
    report::diagnostics(diagnostics, &str::to_owned);
    if diagnostics.iter().any(Diagnostic::is_error) {
      report::failed(diagnostics, "; nothing was written");
    }
    return;
  }
  let files = modules
    .iter()
    .map(|module| FileReport {
      file: shown(&module.source.path),
      out: module.out.as_deref().map(shown),
      code: module.out.is_none().then_some(module.result.code.as_str()),
      map: module.result.map.as_deref().filter(|_| module.out.is_none()),
    })
    .collect();
  let ok = !diagnostics.iter().any(Diagnostic::is_error);
  report::give_json(&Report { ok, files, diagnostics });
}

#[cfg(test)]
mod tests {
  use std::path::Path;

  use super::{is_module, renamed};

  #[test]
  fn names_follow_what_the_code_is() {
    for (name, keeps_jsx, expected) in [
      ("a/b.ts", false, "a/b.js"),
      ("b.mts", false, "b.mjs"),
      ("b.cts", false, "b.cjs"),
      ("b.tsx", false, "b.js"),
      ("b.tsx", true, "b.jsx"),
      ("b.test.ts", true, "b.test.js"),
    ] {
      assert_eq!(renamed(Path::new(name), keeps_jsx), Path::new(expected));
    }
  }

  #[test]
  fn declarations_are_no_modules() {
    for (name, expected) in [
      ("a.ts", true),
      ("a.d.ts", false),
      ("a.d.mts", false),
      ("a.d.js", true),
      ("a.css", false),
      ("ts", false),
    ] {
      assert_eq!(is_module(Path::new(name)), expected, "{name}");
    }
  }
}
