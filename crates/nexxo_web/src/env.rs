//! `.env` files. `dotenvy` reads them; what stands for another value is put in
//! here, from the files alone: the machine's own environment is nobody's to see.

use std::collections::BTreeMap;

use crate::EnvFile;

/// Stands for a dollar sign while dotenvy reads, which would look it up in the environment.
const DOLLAR: char = '\u{e000}';
/// Stands for one that was escaped.
const PLAIN_DOLLAR: char = '\u{e001}';

/// Reads files, of which a later one goes before an earlier one.
pub(crate) fn read(files: &[String]) -> EnvFile {
  let mut read = EnvFile::default();
  let mut known: BTreeMap<String, String> = BTreeMap::new();
  for (file, text) in files.iter().enumerate() {
    let guarded = text.replace("\\$", &PLAIN_DOLLAR.to_string()).replace('$', &DOLLAR.to_string());
    for entry in dotenvy::from_read_iter(guarded.as_bytes()) {
      match entry {
        Ok((name, value)) => {
          let value = if is_quoted(text, &name) {
            value.replace([DOLLAR, PLAIN_DOLLAR], "$")
          } else {
            expand(&value, &known)
          };
          known.insert(name, value);
        }
        Err(dotenvy::Error::LineParse(line, _)) => {
          let line = line.replace(PLAIN_DOLLAR, "\\$").replace(DOLLAR, "$");
          read.problems.push((file, line));
        }
        Err(_) => {}
      }
    }
  }
  read.values = known;
  read
}

/// Whether a value stands between single quotes, in which nothing stands for anything else.
fn is_quoted(text: &str, name: &str) -> bool {
  text.lines().any(|line| {
    let line = line.trim_start();
    let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
    line
      .strip_prefix(name)
      .and_then(|rest| rest.trim_start().strip_prefix('='))
      .is_some_and(|value| value.trim_start().starts_with('\''))
  })
}

/// `$NAME`, `${NAME}` and `${NAME:-default}`, of values above it.
fn expand(value: &str, known: &BTreeMap<String, String>) -> String {
  let mut expanded = String::new();
  let mut rest = value;
  while let Some((before, after)) = rest.split_once(DOLLAR) {
    expanded.push_str(before);
    let braced = after.strip_prefix('{').and_then(|inner| inner.split_once('}'));
    let (name, default, after) = match braced {
      Some((inner, after)) => {
        let (name, default) = inner.split_once(":-").unwrap_or((inner, ""));
        (name, default, after)
      }
      None => {
        let is_word = |character: char| character.is_alphanumeric() || character == '_';
        let end = after.find(|character| !is_word(character)).unwrap_or(after.len());
        (&after[..end], if end == 0 { "$" } else { "" }, &after[end..])
      }
    };
    expanded.push_str(known.get(name).map_or(default, String::as_str));
    rest = after;
  }
  expanded.push_str(rest);
  expanded.replace(PLAIN_DOLLAR, "$")
}

#[cfg(test)]
mod tests {
  use super::read;

  #[test]
  fn files_are_read_and_nothing_of_the_machine_is() {
    let first =
      "A=1\nexport B=\"two $A\"\n# C=3\nD='$A'\nE=\"${NONE:-five} ${A}x $PATH\"\nF=\\$A\n";
    let read = read(&[first.to_owned(), "A=later\nnonsense\nG=$A".to_owned()]);
    let values: Vec<String> =
      read.values.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(values, ["A=later", "B=two 1", "D=$A", "E=five 1x ", "F=$A", "G=later"]);
    assert_eq!(read.problems, [(1, "nonsense".to_owned())]);
  }
}
