//! Stage init, the first half: what a caller wants, read and checked once.
//!
//! Options come as JSON, whether from a page, a configuration file or a flag,
//! so that one mistake has one message. Every mistake is reported, not only
//! the first: what cannot be read is taken out, and reading goes on.

use std::{fmt, marker::PhantomData};

use indexmap::IndexMap;
use serde::{
  Deserialize, Deserializer,
  de::{
    DeserializeOwned, Error, MapAccess, SeqAccess, Visitor,
    value::{MapAccessDeserializer, SeqAccessDeserializer, StrDeserializer},
  },
};
use serde_json::Value;

use crate::{
  diagnostic::{invalid_option, invalid_options_text, unknown_option},
  protocol::{
    BuildOptions, CodeSplitting, Diagnostic, Input, Jsx, Limits, TransformRequest, Treeshake,
  },
};

/// More mistakes than anybody reads at once.
const MOST_MISTAKES: usize = 20;

/// Reads the options of a build.
///
/// # Errors
/// `UNKNOWN_OPTION` and `INVALID_OPTION`, one for each mistake, up to twenty.
pub fn read_options(value: &Value) -> Result<BuildOptions, Vec<Diagnostic>> {
  read(value)
}

/// Reads what one file is transformed with.
///
/// # Errors
/// As [`read_options`].
pub fn read_transform_request(value: &Value) -> Result<TransformRequest, Vec<Diagnostic>> {
  read(value)
}

/// Reads an object of options of any shape. Its fields are checked where the type denies unknown ones.
///
/// # Errors
/// As [`read_options`].
pub fn read<T: DeserializeOwned + Default>(value: &Value) -> Result<T, Vec<Diagnostic>> {
  if value.is_null() {
    return Ok(T::default());
  }
  if !value.is_object() {
    return Err(vec![invalid_options_text("they are no object")]);
  }
  let mut rest = value.clone();
  let mut mistakes = Vec::new();
  let mut taken_out: Vec<Vec<Segment>> = Vec::new();
  loop {
    let error = match serde_path_to_error::deserialize::<_, T>(&rest) {
      Ok(_) if !mistakes.is_empty() => return Err(mistakes),
      Ok(options) => return Ok(options),
      Err(error) => error,
    };
    let segments: Vec<Segment> = error.path().iter().filter_map(Segment::new).collect();
    let (mistake, culprit, missing) = mistake_of(&segments, &error.into_inner().to_string());
    // A field that is missing because it was wrong has been reported already.
    if missing.is_none_or(|missing| !taken_out.contains(&missing)) {
      mistakes.push(mistake);
    }
    if mistakes.len() == MOST_MISTAKES || !take_out(&mut rest, &culprit) {
      return Err(mistakes);
    }
    taken_out.push(culprit);
  }
}

#[derive(Debug, Clone, PartialEq)]
enum Segment {
  Key(String),
  Index(usize),
}

impl Segment {
  fn new(segment: &serde_path_to_error::Segment) -> Option<Self> {
    match segment {
      serde_path_to_error::Segment::Map { key } => Some(Self::Key(key.clone())),
      serde_path_to_error::Segment::Seq { index } => Some(Self::Index(*index)),
      serde_path_to_error::Segment::Enum { .. } | serde_path_to_error::Segment::Unknown => None,
    }
  }
}

/// `a.b[0]`, as one writes it in JavaScript.
fn shown(path: &[Segment]) -> String {
  let mut text = String::new();
  for segment in path {
    match segment {
      Segment::Key(key) if key.contains(|c: char| !(c.is_alphanumeric() || c == '_')) => {
        text.push_str(&format!("[{key}]"));
      }
      Segment::Key(key) => {
        if !text.is_empty() {
          text.push('.');
        }
        text.push_str(key);
      }
      Segment::Index(index) => text.push_str(&format!("[{index}]")),
    }
  }
  text
}

/// serde tells of an unknown field by its text only: ``unknown field `x`,
/// expected one of `a`, `b` ``.
///
/// Gives the mistake, what to take out, and the field that is missing, if one is.
fn mistake_of(path: &[Segment], problem: &str) -> (Diagnostic, Vec<Segment>, Option<Vec<Segment>>) {
  if let Some(rest) = problem.strip_prefix("unknown field `") {
    let mut names = rest.split('`').step_by(2);
    let name = names.next().unwrap_or_default();
    let known: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
    let mut culprit = path.to_vec();
    // The path ends at the field where it is known, or at the object it is in.
    if culprit.last() == Some(&Segment::Key(name.to_owned())) {
      culprit.pop();
    }
    let place = shown(&culprit);
    culprit.push(Segment::Key(name.to_owned()));
    return (unknown_option(&place, name, &known), culprit, None);
  }
  if let Some(name) =
    problem.strip_prefix("missing field `").and_then(|rest| rest.split('`').next())
  {
    let missing = [path, &[Segment::Key(name.to_owned())]].concat();
    let mistake = invalid_option(&shown(path), &format!("it has no `{name}`"));
    return (mistake, path.to_vec(), Some(missing));
  }
  let problem = problem.strip_prefix("invalid type: ").unwrap_or(problem);
  let problem = problem.strip_prefix("invalid value: ").unwrap_or(problem);
  (invalid_option(&shown(path), &in_javascript(problem)), path.to_vec(), None)
}

/// Rust's names of types in serde's messages, as JavaScript has them.
pub(crate) fn in_javascript(problem: &str) -> String {
  if problem == "invalid number" {
    return "expected a whole number from 0".to_owned();
  }
  let problem = match problem.split_once("expected struct ") {
    Some((before, _)) => format!("{before}expected an object"),
    None => problem.to_owned(),
  };
  problem
    .replace("a sequence", "a list")
    .replace("sequence", "a list")
    .replace("a map", "an object")
    .replace("map", "an object")
    .replace("expected u32", "expected a whole number from 0")
    .replace("expected u64", "expected a whole number from 0")
    .replace("expected f64", "expected a number")
    .replace("unknown variant", "there is no value")
    .replace("floating point", "number")
    .replace("boolean", "the boolean")
    .replace("a the boolean", "a boolean")
}

/// Removes what a path leads to. Says whether there was something.
fn take_out(value: &mut Value, path: &[Segment]) -> bool {
  let Some((last, parents)) = path.split_last() else { return false };
  let mut at = value;
  for segment in parents {
    let next = match segment {
      Segment::Key(key) => at.get_mut(key),
      Segment::Index(index) => at.get_mut(index),
    };
    let Some(next) = next else { return false };
    at = next;
  }
  match (at, last) {
    (Value::Object(fields), Segment::Key(key)) => fields.shift_remove(key).is_some(),
    (Value::Array(items), Segment::Index(index)) if *index < items.len() => {
      items.remove(*index);
      true
    }
    _ => false,
  }
}

impl Limits {
  pub const DEADLINE_MS: u64 = 30_000;
  pub const MAX_FILE_SIZE: u64 = 32 << 20;
  pub const MAX_NESTING: u32 = 1_000;

  pub fn deadline_ms(&self) -> u64 {
    self.deadline_ms.unwrap_or(Self::DEADLINE_MS)
  }
}

// --- Values of several shapes -----------------------------------------------
//
// serde's own untagged enums say only that no variant matched. These look at
// the shape first, so that a mistake inside an object is found where it is.

/// How a value is made from each shape that it can have.
trait Shapes: Sized {
  const EXPECTED: &'static str;

  fn from_bool(_value: bool) -> Option<Self> {
    None
  }

  fn from_str<E: Error>(text: &str) -> Result<Self, E> {
    Err(E::invalid_type(serde::de::Unexpected::Str(text), &Self::EXPECTED))
  }

  fn from_list<'de, A: SeqAccess<'de>>(_list: A) -> Result<Self, A::Error> {
    Err(A::Error::invalid_type(serde::de::Unexpected::Seq, &Self::EXPECTED))
  }

  fn from_object<'de, A: MapAccess<'de>>(object: A) -> Result<Self, A::Error>;
}

struct ShapeVisitor<T>(PhantomData<T>);

impl<'de, T: Shapes> Visitor<'de> for ShapeVisitor<T> {
  type Value = T;

  fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str(T::EXPECTED)
  }

  fn visit_bool<E: Error>(self, value: bool) -> Result<T, E> {
    T::from_bool(value)
      .ok_or_else(|| E::invalid_type(serde::de::Unexpected::Bool(value), &T::EXPECTED))
  }

  fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
    T::from_str(text)
  }

  fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<T, A::Error> {
    T::from_list(list)
  }

  fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<T, A::Error> {
    T::from_object(object)
  }
}

macro_rules! deserialize_by_shape {
  ($($name:ident),*) => {
    $(impl<'de> Deserialize<'de> for $name {
      fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ShapeVisitor(PhantomData))
      }
    })*
  };
}

deserialize_by_shape!(Input, Jsx, Treeshake, CodeSplitting);

impl Shapes for Input {
  const EXPECTED: &'static str = "a path, a list of paths, or an object of names and paths";

  fn from_str<E: Error>(text: &str) -> Result<Self, E> {
    Ok(Self::One(text.to_owned()))
  }

  fn from_list<'de, A: SeqAccess<'de>>(list: A) -> Result<Self, A::Error> {
    Vec::deserialize(SeqAccessDeserializer::new(list)).map(Self::Many)
  }

  fn from_object<'de, A: MapAccess<'de>>(object: A) -> Result<Self, A::Error> {
    IndexMap::deserialize(MapAccessDeserializer::new(object)).map(Self::Named)
  }
}

impl Shapes for Jsx {
  const EXPECTED: &'static str =
    "\"automatic\", \"classic\", \"preserve\", or an object of JSX options";

  fn from_str<E: Error>(text: &str) -> Result<Self, E> {
    Deserialize::deserialize(StrDeserializer::new(text)).map(Self::Mode)
  }

  fn from_object<'de, A: MapAccess<'de>>(object: A) -> Result<Self, A::Error> {
    Deserialize::deserialize(MapAccessDeserializer::new(object)).map(Self::Options)
  }
}

impl Shapes for Treeshake {
  const EXPECTED: &'static str = "true, false, or an object of tree-shaking options";

  fn from_bool(value: bool) -> Option<Self> {
    Some(Self::Enabled(value))
  }

  fn from_object<'de, A: MapAccess<'de>>(object: A) -> Result<Self, A::Error> {
    Deserialize::deserialize(MapAccessDeserializer::new(object)).map(Self::Options)
  }
}

impl Shapes for CodeSplitting {
  const EXPECTED: &'static str = "true, false, or an object of code-splitting options";

  fn from_bool(value: bool) -> Option<Self> {
    Some(Self::Enabled(value))
  }

  fn from_object<'de, A: MapAccess<'de>>(object: A) -> Result<Self, A::Error> {
    Deserialize::deserialize(MapAccessDeserializer::new(object)).map(Self::Options)
  }
}

#[cfg(test)]
mod tests {
  use serde_json::json;

  use super::{read_options, read_transform_request};
  use crate::protocol::{CodeSplitting, Input};

  fn mistakes(value: serde_json::Value) -> Vec<(&'static str, String, Option<String>)> {
    read_options(&value)
      .err()
      .unwrap_or_default()
      .into_iter()
      .map(|diagnostic| (diagnostic.code, diagnostic.message, diagnostic.hint))
      .collect()
  }

  #[test]
  fn shapes_are_told_apart() {
    let options = read_options(&json!({
      "input": { "b": "b.ts", "a": "a.ts" },
      "output": { "codeSplitting": { "groups": [{ "name": "vendor", "test": "node_modules" }] } },
      "cwd": null,
    }))
    .unwrap();
    let Some(Input::Named(named)) = options.input else { panic!("it is named") };
    assert_eq!(named.keys().collect::<Vec<_>>(), ["b", "a"], "the order is the caller's");
    assert!(matches!(options.output.unwrap().code_splitting, Some(CodeSplitting::Options(_))));
  }

  #[test]
  fn every_mistake_is_found_where_it_is() {
    let found = mistakes(json!({
      "inptu": "a.ts",
      "treeshake": { "anotations": true },
      "output": { "format": "amd", "codeSplitting": { "groups": [{ "name": 1 }] } },
      "limits": { "maxNesting": -1 },
    }));
    let codes: Vec<_> = found.iter().map(|(code, ..)| *code).collect();
    assert_eq!(codes.iter().filter(|code| **code == "UNKNOWN_OPTION").count(), 2, "{found:#?}");
    assert_eq!(codes.iter().filter(|code| **code == "INVALID_OPTION").count(), 3, "{found:#?}");
    let all = format!("{found:?}");
    for part in [
      "`input`",
      "`annotations`",
      "`treeshake`",
      "output.format",
      "output.codeSplitting.groups[0].name",
      "limits.maxNesting",
    ] {
      assert!(all.contains(part), "{part} in {all}");
    }
  }

  #[test]
  fn what_is_no_object_is_refused() {
    assert_eq!(mistakes(json!("a.ts"))[0].0, "INVALID_OPTION");
    assert!(read_transform_request(&json!({ "fileNaem": "a.ts" })).is_err());
    assert!(read_options(&json!(null)).is_ok());
  }
}
