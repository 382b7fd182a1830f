//! Source maps, read for people: what a place of the output maps to.

use serde_json::Value;

/// Maps with more places than this are summed up.
const MOST_PLACES: usize = 60;
const MOST_SOURCES: usize = 12;

/// Describes a map: its files, and each place with the words at both ends.
///
/// # Errors
/// Where the map cannot be read, or names a file or place it should not.
pub fn describe(map: &[u8], generated: &str) -> Result<String, String> {
  let map: Value = serde_json::from_slice(map).map_err(|error| error.to_string())?;
  let list = |key: &str| -> Vec<Option<String>> {
    let items = map[key].as_array();
    items.into_iter().flatten().map(|item| item.as_str().map(str::to_owned)).collect()
  };
  let (sources, contents, names) = (list("sources"), list("sourcesContent"), list("names"));
  let mut out = format!("version {}\n", map["version"]);
  for key in ["file", "sourceRoot", "debugId", "x_google_ignoreList"] {
    if let Some(value) = map.get(key) {
      out.push_str(&format!("{key} {value}\n"));
    }
  }
  let generated = lines_of(generated);
  let originals: Vec<Option<Vec<Vec<u16>>>> =
    (0..sources.len()).map(|index| Some(lines_of(contents.get(index)?.as_deref()?))).collect();
  let is_long = sources.len() > MOST_SOURCES;
  if is_long {
    out.push_str(&format!("{} sources\n", sources.len()));
  }
  for (source, original) in sources.iter().zip(&originals) {
    let source = source.as_deref().unwrap_or("null");
    if source.starts_with('/') || source.contains(":/") || source.contains('\\') {
      return Err(format!("the map names an absolute path: {source}"));
    }
    let content = if original.is_some() { "" } else { ", no content" };
    if !is_long {
      out.push_str(&format!("source {source}{content}\n"));
    }
  }
  let places = decode(map["mappings"].as_str().ok_or("there are no mappings")?)?;
  let mut lines = Vec::new();
  // Names that the bundler has made up, and those of constants put in elsewhere.
  let mut made_up = 0;
  for place in &places {
    let Some((source, line, column, name)) = place.original else { continue };
    let from = word_at(&generated, place.line, place.column)
      .ok_or_else(|| format!("the output has no {}:{}", place.line + 1, place.column + 1))?;
    let shown = sources.get(source).cloned().flatten().ok_or("a source has no name")?;
    let name = match name {
      Some(index) => names.get(index).cloned().flatten().ok_or("a name is missing")?,
      None => String::new(),
    };
    let mut to = String::new();
    if let Some(original) = &originals[source] {
      let word = word_at(original, line, column)
        .ok_or_else(|| format!("{shown} has no {}:{}", line + 1, column + 1))?;
      made_up += usize::from(!name.is_empty() && word != name);
      to = format!(" {word}");
    }
    lines.push(format!(
      "{}:{} {from} <- {shown}:{}:{}{to}\n",
      place.line + 1,
      place.column + 1,
      line + 1,
      column + 1
    ));
  }
  if made_up > 0 {
    out.push_str(&format!("{made_up} names that their place has not\n"));
  }
  if lines.len() > MOST_PLACES {
    out.push_str(&format!("{} places\n", lines.len()));
  } else {
    out.extend(lines);
  }
  Ok(out)
}

/// Lines as JavaScript and its source maps count them, in UTF-16 units.
fn lines_of(text: &str) -> Vec<Vec<u16>> {
  let mut lines = Vec::new();
  let mut rest = text;
  while let Some(end) = rest.find(['\n', '\r', '\u{2028}', '\u{2029}']) {
    lines.push(rest[..end].encode_utf16().collect());
    let mark = if rest[end..].starts_with("\r\n") {
      2
    } else {
      rest[end..].chars().next().map_or(1, char::len_utf8)
    };
    rest = &rest[end + mark..];
  }
  lines.push(rest.encode_utf16().collect());
  lines
}

struct Place {
  line: usize,
  column: usize,
  original: Option<(usize, usize, usize, Option<usize>)>,
}

fn decode(mappings: &str) -> Result<Vec<Place>, String> {
  let mut places = Vec::new();
  let mut last = [0_i64; 4];
  for (line, segments) in mappings.split(';').enumerate() {
    let mut column = 0;
    for segment in segments.split(',').filter(|segment| !segment.is_empty()) {
      let fields = vlq(segment)?;
      column += fields[0];
      for (index, field) in fields[1..].iter().enumerate() {
        last[index] += field;
      }
      let at = |value: i64| usize::try_from(value).map_err(|_| format!("{segment} goes below 0"));
      let original = match fields.len() {
        1 => None,
        4 => Some((at(last[0])?, at(last[1])?, at(last[2])?, None)),
        5 => Some((at(last[0])?, at(last[1])?, at(last[2])?, Some(at(last[3])?))),
        _ => return Err(format!("{segment} has {} fields", fields.len())),
      };
      places.push(Place { line, column: at(column)?, original });
    }
  }
  Ok(places)
}

fn vlq(segment: &str) -> Result<Vec<i64>, String> {
  const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  let mut fields = Vec::new();
  let (mut value, mut shift) = (0_i64, 0);
  for byte in segment.bytes() {
    let digit = DIGITS.iter().position(|&digit| digit == byte).ok_or("a bad digit")?;
    value |= ((digit & 31) as i64) << shift;
    if digit & 32 != 0 {
      shift += 5;
      continue;
    }
    fields.push(if value & 1 == 1 { -(value >> 1) } else { value >> 1 });
    (value, shift) = (0, 0);
  }
  if shift == 0 { Ok(fields) } else { Err("a number is cut off".to_owned()) }
}

/// The word, or the one sign, at a place that counts from 0 in UTF-16 units. Empty at a line's end.
fn word_at(lines: &[Vec<u16>], line: usize, column: usize) -> Option<String> {
  let rest = lines.get(line)?.get(column..)?;
  let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '#');
  let mut word = String::new();
  for c in char::decode_utf16(rest.iter().copied()) {
    // Half of a character is no place.
    let c = c.ok()?;
    if word.is_empty() || is_word(c) {
      word.push(c);
    }
    if !is_word(c) {
      break;
    }
  }
  Some(word)
}
