//! A result as it is kept: the protocol's own types as JSON, with digests in the
//! place of contents.

use std::{
  collections::BTreeSet,
  sync::{Arc, Mutex, PoisonError},
};

use serde::{Deserialize, Deserializer, Serialize};

use super::{
  CONTENTS, digest,
  record::{self, Kind},
};
use crate::{
  protocol::{BuildResult, Diagnostic, Metafile, OutputFile},
  store::{Key, Write},
};

/// A result without its files' contents.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Head {
  pub(super) cost_ms: f64,
  files: Vec<File>,
  diagnostics: Vec<Diagnostic>,
  metafile: Option<Metafile>,
}

#[derive(Serialize, Deserialize)]
struct File {
  digest: String,
  #[serde(flatten)]
  file: OutputFile,
}

impl Head {
  /// The head of a result, and the contents that belong to it as records.
  pub(super) fn of(result: &BuildResult, cost_ms: f64) -> (Self, Vec<Write>) {
    let mut files = Vec::with_capacity(result.output_files.len());
    let mut contents = Vec::with_capacity(result.output_files.len());
    for file in &result.output_files {
      let key = Key(digest(&[&file.contents]));
      contents.push((CONTENTS, key, record::seal(Kind::Contents, &key, &file.contents)));
      let file = OutputFile { contents: Vec::new(), ..file.clone() };
      files.push(File { digest: key.to_string(), file });
    }
    let diagnostics = result.diagnostics.clone();
    (Self { cost_ms, files, diagnostics, metafile: result.metafile.clone() }, contents)
  }

  pub(super) fn read(body: &[u8]) -> Option<Self> {
    serde_json::from_slice(body).ok()
  }

  pub(super) fn write(&self) -> Option<Vec<u8>> {
    serde_json::to_vec(self).ok()
  }

  /// The keys of the contents, in the order of the files.
  pub(super) fn digests(&self) -> Vec<Key> {
    self.files.iter().map(|file| file.digest.parse().unwrap_or(Key([0; 32]))).collect()
  }

  /// The keys of contents that are there and are not what they are named by.
  pub(super) fn damaged(&self, found: &[Option<Arc<[u8]>>]) -> Vec<Key> {
    let all = self.digests().into_iter().zip(found);
    all
      .filter(|(key, found)| {
        found.as_ref().is_some_and(|found| record::contents(key, found).is_none())
      })
      .map(|(key, _)| key)
      .collect()
  }

  /// The whole result, if all contents are there and are what they are named by; and how many
  /// bytes of records that took.
  pub(super) fn with_contents(&self, found: &[Option<Arc<[u8]>>]) -> Option<(BuildResult, u64)> {
    let mut bytes = 0;
    let mut output_files = Vec::with_capacity(self.files.len());
    if found.len() != self.files.len() {
      return None;
    }
    for ((key, File { file, .. }), found) in self.digests().iter().zip(&self.files).zip(found) {
      let found = found.as_ref()?;
      bytes += found.len() as u64;
      let contents = record::contents(key, found)?;
      output_files.push(OutputFile { contents: contents.to_vec(), ..file.clone() });
    }
    let result = BuildResult {
      ok: true,
      output_files,
      diagnostics: self.diagnostics.clone(),
      metafile: self.metafile.clone(),
      stages: Vec::new(),
    };
    Some((result, bytes))
  }
}

/// A word of the engine's own. By this name, as serde takes a plain `&str` for one of the text's.
pub type Word = &'static str;

/// More words of its own than the engine will ever have.
const MOST_WORDS: usize = 1_000;

/// A word of the engine's own, such as a diagnostic's code, which lives as long as the process.
///
/// # Errors
/// Where there are more than can be its own.
pub(crate) fn word<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Word, D::Error> {
  static WORDS: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
  let text = String::deserialize(deserializer)?;
  let mut words = WORDS.lock().unwrap_or_else(PoisonError::into_inner);
  if let Some(known) = words.get(text.as_str()) {
    return Ok(known);
  }
  if words.len() >= MOST_WORDS || text.len() > 100 {
    return Err(serde::de::Error::custom("there are too many words"));
  }
  let word: &'static str = text.leak();
  words.insert(word);
  Ok(word)
}

/// As [`word`], where there may be none.
///
/// # Errors
/// As [`word`].
pub(crate) fn maybe_word<'de, D: Deserializer<'de>>(
  deserializer: D,
) -> Result<Option<Word>, D::Error> {
  #[derive(Deserialize)]
  struct Owned(#[serde(deserialize_with = "word")] Word);
  Ok(Option::<Owned>::deserialize(deserializer)?.map(|Owned(word)| word))
}
