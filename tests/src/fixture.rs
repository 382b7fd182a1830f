//! A fixture file: a request, the files it works on, and what is expected of it.
//!
//! The format is read a second time in `tests/wasm/fixture.mjs`; both are kept
//! so small that neither needs a library.

use std::path::Path;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::Value;

use crate::packages;

/// A last line that says that there is no newline before it.
const NO_NEWLINE: &str = "\\ no newline at end";

/// Texts longer than this are recorded by hash and length.
const LONGEST_TEXT: usize = 6_000;

#[derive(Debug)]
pub struct Fixture {
  pub request: Request,
  /// What is written and removed before each build; all but the first are rebuilds.
  pub steps: Vec<Step>,
  /// The module that is run beside the outputs, where it is not the first of them itself.
  pub run: Option<String>,
  /// Lines that what is recorded has to have, whatever else changes.
  pub says: Vec<String>,
  /// Everything before the expectations, as it is in the file.
  pub given: String,
  pub expected: Vec<Section>,
}

#[derive(Debug)]
pub enum Request {
  Build(Value),
  Transform(Value),
}

#[derive(Debug, Default)]
pub struct Step {
  pub edits: Vec<Edit>,
}

#[derive(Debug)]
pub enum Edit {
  Write(String, Vec<u8>),
  Remove(String),
}

/// One part of a file: the line that opens it, and the text up to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
  pub header: String,
  pub body: String,
}

impl Section {
  pub fn new(header: impl Into<String>, body: impl Into<String>) -> Self {
    Self { header: header.into(), body: body.into() }
  }
}

impl Fixture {
  pub fn read(path: &Path) -> Result<Self, String> {
    let text =
      std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let split = if text.starts_with("=== ") {
      0
    } else {
      text.find("\n=== ").map_or(text.len(), |at| at + 1)
    };
    let (given, expected) = text.split_at(split);
    let mut request = Request::Build(Value::Null);
    let mut steps = vec![Step::default()];
    let mut run = None;
    let mut says = Vec::new();
    for section in sections("--- ", given) {
      if section.header == "@step" {
        steps.push(Step::default());
        continue;
      }
      let edits = &mut steps.last_mut().expect("there is always a step").edits;
      match read_directive(&section, path)? {
        Directive::Options(options) => request = Request::Build(options),
        Directive::Transform(options) => request = Request::Transform(options),
        Directive::Run(code) => run = Some(code),
        Directive::Says(lines) => says.extend(lines),
        Directive::Edits(more) => edits.extend(more),
      }
    }
    Ok(Self {
      request,
      steps,
      run,
      says,
      given: given.to_owned(),
      expected: sections("=== ", expected),
    })
  }

  pub fn expects(&self, header: &str) -> bool {
    self.expected.iter().any(|section| section.header == header)
  }
}

enum Directive {
  Options(Value),
  Transform(Value),
  Run(String),
  Says(Vec<String>),
  Edits(Vec<Edit>),
}

fn read_directive(section: &Section, path: &Path) -> Result<Directive, String> {
  let body = &section.body;
  let json = || serde_json::from_str(body).map_err(|error| format!("{}: {error}", section.header));
  let (word, rest) = match section.header.split_once(' ') {
    Some((word, rest)) => (word, rest),
    None => (section.header.as_str(), ""),
  };
  Ok(match word {
    "@options" => Directive::Options(json()?),
    "@transform" => Directive::Transform(json()?),
    "@run" => Directive::Run(body.clone()),
    "@says" => Directive::Says(body.lines().map(str::to_owned).collect()),
    "@remove" => Directive::Edits(vec![Edit::Remove(rest.to_owned())]),
    "@base64" => {
      let text: String = body.split_whitespace().collect();
      let bytes = BASE64_STANDARD.decode(text).map_err(|error| format!("@base64: {error}"))?;
      Directive::Edits(vec![write(rest, bytes)?])
    }
    // One JSON string a line: for what an editor would not keep or not show.
    "@string" => {
      let mut text = String::new();
      for line in body.lines() {
        text.push_str(&from_json(line)?);
      }
      Directive::Edits(vec![write(rest, text.into_bytes())?])
    }
    // Pairs of a text and how often it comes.
    "@repeat" => {
      let pairs: Vec<(String, usize)> =
        serde_json::from_str(body).map_err(|error| format!("@repeat: {error}"))?;
      let text: String = pairs.iter().map(|(text, times)| text.repeat(*times)).collect();
      Directive::Edits(vec![write(rest, text.into_bytes())?])
    }
    // Numbered files: `%` is the file's number, `%%` that of the next.
    "@each" => {
      let (count, pattern) = rest.split_once(' ').ok_or("@each needs a count and a path")?;
      let count: usize = count.parse().map_err(|error| format!("@each: {error}"))?;
      let number = |text: &str, index: usize| {
        text.replace("%%", &(index + 1).to_string()).replace('%', &index.to_string())
      };
      Directive::Edits(
        (0..count)
          .map(|index| Edit::Write(number(pattern, index), number(body, index).into_bytes()))
          .collect(),
      )
    }
    "@packages" => {
      let names: Vec<&str> = body.split_whitespace().collect();
      let files = packages::load(&path.with_file_name("node_modules"), &names)?;
      Directive::Edits(files.into_iter().map(|(path, bytes)| Edit::Write(path, bytes)).collect())
    }
    // The files of another fixture, without its request and expectations.
    "@from" => {
      let other = Fixture::read(&path.with_file_name(rest))?;
      Directive::Edits(other.steps.into_iter().flat_map(|step| step.edits).collect())
    }
    _ if word.starts_with('@') && !word.contains('/') => {
      return Err(format!("there is no directive `{word}`"));
    }
    _ => Directive::Edits(vec![write(&section.header, body.clone().into_bytes())?]),
  })
}

fn write(path: &str, contents: Vec<u8>) -> Result<Edit, String> {
  let path = if path.starts_with('"') { from_json(path)? } else { path.to_owned() };
  Ok(Edit::Write(path, contents))
}

fn from_json(text: &str) -> Result<String, String> {
  serde_json::from_str(text).map_err(|error| format!("{text}: {error}"))
}

/// Splits at the lines that begin with `mark`. What comes before the first is about the case.
fn sections(mark: &str, text: &str) -> Vec<Section> {
  let mut sections: Vec<Section> = Vec::new();
  for line in text.split_inclusive('\n') {
    if let Some(header) = line.strip_prefix(mark) {
      sections.push(Section::new(header.trim_end_matches('\n'), ""));
    } else if let Some(section) = sections.last_mut() {
      if line.trim_end_matches('\n') == NO_NEWLINE {
        section.body.pop();
      } else {
        section.body.push_str(line.strip_prefix('\\').unwrap_or(line));
      }
    }
  }
  sections
}

/// The text of expectations, as it is in a file.
pub fn write_sections(sections: &[Section]) -> String {
  let mut out = String::new();
  for section in sections {
    out.push_str(&format!("=== {}\n", section.header));
    for line in section.body.split_inclusive('\n') {
      if line.starts_with("--- ") || line.starts_with("=== ") || line.starts_with('\\') {
        out.push('\\');
      }
      out.push_str(line);
    }
    if !section.body.is_empty() && !section.body.ends_with('\n') {
      out.push_str(&format!("\n{NO_NEWLINE}\n"));
    }
  }
  out
}

/// How a file of the output is recorded: as it is, as a JSON string, or by hash.
pub fn recorded(bytes: &[u8]) -> String {
  let text = std::str::from_utf8(bytes).ok().filter(|text| text.len() <= LONGEST_TEXT);
  match text {
    None => format!("@sha256 {} of {} bytes\n", sha256(bytes), bytes.len()),
    Some(text) if text.contains(is_odd) || text.starts_with("@sha256") => {
      format!("@string {}\n", escaped(text))
    }
    Some(text) => text.to_owned(),
  }
}

pub fn sha256(bytes: &[u8]) -> String {
  use sha2::{Digest, Sha256};
  Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether a character would not be kept or not be seen.
fn is_odd(c: char) -> bool {
  (c.is_control() && c != '\n' && c != '\t') || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}')
}

fn escaped(text: &str) -> String {
  let mut out = String::new();
  for c in Value::from(text).to_string().chars() {
    if is_odd(c) {
      out.push_str(&format!("\\u{:04x}", u32::from(c)));
    } else {
      out.push(c);
    }
  }
  out
}

#[cfg(test)]
mod tests {
  use super::{Section, recorded, sections, write_sections};

  #[test]
  fn what_is_written_is_read_again() {
    let all = [
      "",
      "\n",
      "a",
      "a\n",
      "\n\na\n\n",
      "--- a\n=== b\n\\ c\n\\",
      "\\ no newline at end",
      "\\ no newline at end\n",
      " no newline at end",
    ]
    .map(|body| Section::new("x y", body));
    assert_eq!(sections("=== ", &write_sections(&all)), all);
  }

  #[test]
  fn what_cannot_be_seen_is_escaped() {
    assert_eq!(recorded(b"a\n\tb"), "a\n\tb");
    assert_eq!(
      recorded("\r\u{feff}\u{2028}\0\u{85}\"".as_bytes()),
      "@string \"\\r\\ufeff\\u2028\\u0000\\u0085\\\"\"\n"
    );
    assert!(recorded(b"\xff").starts_with("@sha256 a8100ae6"));
  }
}
