//! Sass and SCSS by grass, which asks for files by trying names: a name that the
//! job does not know is no file for now, and is asked for.

use std::{
  cell::RefCell,
  collections::BTreeSet,
  fmt, io,
  path::{Path, PathBuf},
};

use grass::{ErrorKind, InputSyntax, Options};

use crate::{Job, Problem};

pub(crate) fn is_sass(path: &str) -> bool {
  path.ends_with(".scss") || path.ends_with(".sass")
}

pub(crate) struct Compiled {
  pub(crate) css: String,
  /// What it imported.
  pub(crate) files: BTreeSet<String>,
}

pub(crate) enum Failure {
  /// It may be that with these it is none.
  Needs(BTreeSet<String>),
  Problem(Problem),
}

/// Compiles one file to CSS.
pub(crate) fn compile(job: &Job, path: &str, text: &str) -> Result<Compiled, Failure> {
  let files = Files { job, state: RefCell::default() };
  let mut folders: Vec<PathBuf> = Vec::new();
  for folder in Path::new(path).ancestors().skip(1) {
    folders.push(folder.join("node_modules"));
  }
  let syntax = if path.ends_with(".sass") { InputSyntax::Sass } else { InputSyntax::Scss };
  let options = Options::default().fs(&files).quiet(true).input_syntax(syntax).load_paths(&folders);
  // grass takes the text's own place from a path that it reads.
  files.state.borrow_mut().root = Some((path.to_owned(), text.to_owned()));
  let compiled = grass::from_path(path, &options);
  let state = files.state.take();
  if !state.missing.is_empty() {
    return Err(Failure::Needs(state.missing));
  }
  match compiled {
    Ok(css) => Ok(Compiled { css, files: state.used }),
    Err(error) => Err(Failure::Problem(problem(*error, path))),
  }
}

fn problem(error: grass::Error, path: &str) -> Problem {
  let (message, file, line, column) = match error.kind() {
    ErrorKind::ParseError { message, loc, .. } => {
      (message, loc.file.name().to_owned(), loc.begin.line + 1, loc.begin.column + 1)
    }
    ErrorKind::IoError(error) => (error.to_string(), path.to_owned(), 1, 1),
    ErrorKind::FromUtf8Error(error) => (error, path.to_owned(), 1, 1),
    _ => ("it is no Sass".to_owned(), path.to_owned(), 1, 1),
  };
  let number = |number: usize| u32::try_from(number).unwrap_or(1);
  let message = message.trim_end_matches('.').to_owned();
  Problem { message, file, line: number(line), column: number(column), unresolved: None }
}

/// The job's files, as grass looks for them.
struct Files<'a> {
  job: &'a Job,
  state: RefCell<State>,
}

#[derive(Default)]
struct State {
  root: Option<(String, String)>,
  missing: BTreeSet<String>,
  used: BTreeSet<String>,
}

impl fmt::Debug for Files<'_> {
  fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.debug_struct("Files").finish_non_exhaustive()
  }
}

impl grass::Fs for Files<'_> {
  /// Whether a folder has something in it shows when that is looked for.
  fn is_dir(&self, path: &Path) -> bool {
    !matches!(
      path.extension().and_then(|extension| extension.to_str()),
      Some("scss" | "sass" | "css")
    )
  }

  fn is_file(&self, path: &Path) -> bool {
    let path = plain(path);
    match self.job.files.get(&path) {
      Some(text) => text.is_some(),
      None => {
        self.state.borrow_mut().missing.insert(path);
        false
      }
    }
  }

  fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
    let path = plain(path);
    let mut state = self.state.borrow_mut();
    if let Some((root, text)) = &state.root
      && *root == path
    {
      return Ok(text.clone().into_bytes());
    }
    let text = self.job.files.get(&path).and_then(Option::as_ref).ok_or(io::ErrorKind::NotFound)?;
    state.used.insert(path);
    Ok(text.clone().into_bytes())
  }

  fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
    Ok(PathBuf::from(plain(path)))
  }
}

/// A path without `.` and `..`.
fn plain(path: &Path) -> String {
  let mut segments: Vec<&str> = Vec::new();
  let text = path.to_string_lossy();
  for segment in text.split('/') {
    match segment {
      "" | "." => {}
      ".." => {
        segments.pop();
      }
      segment => segments.push(segment),
    }
  }
  format!("/{}", segments.join("/"))
}
