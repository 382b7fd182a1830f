//! Questions about files, and the keys that their answers lead to.

use std::{
  collections::BTreeSet,
  io,
  path::{Path, PathBuf},
  sync::{Mutex, PoisonError},
};

use rolldown_fs::{FileMetadata, SourceView};
use rustc_hash::FxHashSet;

use super::digest;
use crate::{snapshot::Snapshot, store::Key};

/// Questions, each a letter for what is asked and the path that it is asked of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Questions(BTreeSet<String>);

/// What is asked, as [`SourceView`] has it.
const READ: char = 'r';
const METADATA: char = 'm';
const LINK_METADATA: char = 'l';
const READ_LINK: char = 'k';
const CANONICALIZE: char = 'c';
const READ_DIR: char = 'd';

impl Questions {
  /// Reads them as they were written.
  pub(super) fn read(body: &[u8]) -> Option<Self> {
    let text = std::str::from_utf8(body).ok()?;
    Some(Self(text.split_terminator('\0').map(str::to_owned).collect()))
  }

  /// Sorted, each with a NUL, which no path has, after it.
  pub(super) fn write(&self) -> Vec<u8> {
    let mut body = Vec::new();
    for question in &self.0 {
      body.extend_from_slice(question.as_bytes());
      body.push(0);
    }
    body
  }

  pub(super) fn add(&mut self, more: &Self) {
    self.0.extend(more.0.iter().cloned());
  }

  pub(super) fn without(mut self, asked: &Self) -> Self {
    self.0.retain(|question| !asked.0.contains(question));
    self
  }

  pub(super) fn is_empty(&self) -> bool {
    self.0.is_empty()
  }
}

/// Where the way leads from a key by the files' answers; nowhere where a question is not known.
pub(super) fn next_key(key: Key, questions: &Questions, snapshot: &Snapshot) -> Option<Key> {
  let view = snapshot.view();
  let mut text = Vec::with_capacity(questions.0.len() * 96);
  for question in &questions.0 {
    text.extend_from_slice(question.as_bytes());
    text.push(0);
    text.extend_from_slice(&answer(question, view)?);
  }
  Some(Key(digest(&[b"nexxo answers 1\0", &key.0, &text])))
}

/// Answers of all kinds have one length, so that none runs into the next.
fn answer(question: &str, view: &dyn SourceView) -> Option<[u8; 32]> {
  let mut letters = question.chars();
  let kind = letters.next()?;
  let path = Path::new(letters.as_str());
  Some(match kind {
    READ => match view.read(path) {
      Ok(bytes) => digest(&[&bytes]),
      Err(error) => failed(&error),
    },
    METADATA => view.metadata(path).map_or_else(|error| failed(&error), described),
    LINK_METADATA => view.symlink_metadata(path).map_or_else(|error| failed(&error), described),
    READ_LINK => view.read_link(path).map_or_else(|error| failed(&error), |path| named(&[path])),
    CANONICALIZE => {
      view.canonicalize(path).map_or_else(|error| failed(&error), |path| named(&[path]))
    }
    READ_DIR => view.read_dir(path).map_or_else(
      |error| failed(&error),
      |mut paths| {
        paths.sort_unstable();
        named(&paths)
      },
    ),
    _ => return None,
  })
}

/// Every kind of failure is an answer of its own, and no file's digest.
fn failed(error: &io::Error) -> [u8; 32] {
  short(b'!', format!("{:?}", error.kind()).as_bytes())
}

fn described(metadata: FileMetadata) -> [u8; 32] {
  let bits = [metadata.is_file(), metadata.is_dir(), metadata.is_symlink()];
  short(b'?', &bits.map(u8::from))
}

fn short(mark: u8, text: &[u8]) -> [u8; 32] {
  let mut bytes = [0; 32];
  bytes[0] = mark;
  let length = text.len().min(31);
  bytes[1..=length].copy_from_slice(&text[..length]);
  bytes
}

fn named(paths: &[PathBuf]) -> [u8; 32] {
  let mut text = Vec::new();
  for path in paths {
    text.extend_from_slice(path.as_os_str().as_encoded_bytes());
    text.push(0);
  }
  digest(&[b"nexxo names 1\0", &text])
}

/// A view that remembers what it was asked.
#[derive(Debug)]
pub(super) struct Watched {
  inner: Snapshot,
  /// By their hash, so that threads seldom wait for each other.
  asked: [Mutex<Asked>; SHARDS],
}

#[derive(Debug, Default)]
struct Asked {
  questions: FxHashSet<String>,
  /// Whether a path was no text: then there is no way to say what was asked.
  is_unspeakable: bool,
}

const SHARDS: usize = 16;

impl Watched {
  pub(super) fn new(inner: Snapshot) -> Self {
    Self { inner, asked: Default::default() }
  }

  pub(super) fn inner(&self) -> &Snapshot {
    &self.inner
  }

  /// What was asked so far.
  pub(super) fn questions(&self) -> Option<Questions> {
    let mut all = BTreeSet::new();
    for shard in &self.asked {
      let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
      if shard.is_unspeakable {
        return None;
      }
      all.extend(shard.questions.iter().cloned());
    }
    Some(Questions(all))
  }

  fn note(&self, kind: char, path: &Path) -> &dyn SourceView {
    // The ends of paths differ most.
    let end = path.as_os_str().as_encoded_bytes().iter().rev().take(12);
    let spread = end.fold(0_u8, |all, byte| all.rotate_left(1) ^ byte);
    let shard = &self.asked[usize::from(spread) % SHARDS];
    let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
    match path.to_str() {
      // No file has such a name; the engine has modules that do, and asks beside them.
      Some(text) if text.contains('\0') => {}
      Some(text) => {
        let mut question = String::with_capacity(text.len() + 1);
        question.push(kind);
        question.push_str(text);
        shard.questions.insert(question);
      }
      None => shard.is_unspeakable = true,
    }
    self.inner.view()
  }
}

impl SourceView for Watched {
  fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
    self.note(READ, path).read(path)
  }

  fn read_to_string(&self, path: &Path) -> io::Result<String> {
    self.note(READ, path).read_to_string(path)
  }

  fn metadata(&self, path: &Path) -> io::Result<FileMetadata> {
    self.note(METADATA, path).metadata(path)
  }

  fn symlink_metadata(&self, path: &Path) -> io::Result<FileMetadata> {
    self.note(LINK_METADATA, path).symlink_metadata(path)
  }

  fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
    self.note(READ_LINK, path).read_link(path)
  }

  fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
    self.note(CANONICALIZE, path).canonicalize(path)
  }

  fn read_dir(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
    self.note(READ_DIR, path).read_dir(path)
  }
}

#[cfg(test)]
mod tests {
  use std::collections::BTreeMap;

  use serde::Deserialize;

  use super::{Questions, next_key};
  use crate::{
    cache::record::{Kind, open, seal},
    snapshot::Sources,
    store::Key,
  };

  #[derive(Deserialize)]
  struct Examples {
    key: String,
    files: BTreeMap<String, String>,
    questions: Vec<String>,
    next: String,
    records: Vec<Example>,
  }

  #[derive(Deserialize)]
  struct Example {
    kind: u8,
    body: String,
    record: String,
  }

  /// The tab's half of the cache has the same examples.
  #[test]
  fn records_and_keys_are_those_of_the_examples() {
    let text = include_str!("../../../../tests/cache/records.json");
    let examples: Examples = serde_json::from_str(text).unwrap();
    let key: Key = examples.key.parse().unwrap();
    let mut sources = Sources::default();
    for (path, contents) in &examples.files {
      sources.write(path, contents.as_bytes()).unwrap();
    }
    let questions = Questions(examples.questions.iter().cloned().collect());
    assert_eq!(Questions::read(&questions.write()), Some(questions.clone()));
    let next = next_key(key, &questions, &sources.snapshot()).unwrap();
    assert_eq!(next.to_string(), examples.next);
    for Example { kind, body, record } in examples.records {
      let kind = match kind {
        1 => Kind::Questions,
        2 => Kind::Result,
        _ => Kind::Contents,
      };
      let sealed = seal(kind, &key, body.as_bytes());
      let text: String = sealed.iter().map(|byte| format!("{byte:02x}")).collect();
      assert_eq!(text, record);
      assert_eq!(open(kind, &key, &sealed), Some(body.as_bytes()));
    }
  }
}
