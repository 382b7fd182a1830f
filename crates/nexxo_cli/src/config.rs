//! From a command line to what the engine is asked for: the project's folders,
//! its configuration file, the flags on top, and the engine's reading of both.

use std::{
  fs, io,
  ops::Range,
  path::{Path, PathBuf},
};

use nexxo::{
  protocol::{BuildOptions, Diagnostic, Input},
  request::read_options,
  snapshot::normalize_path,
};
use rustc_hash::FxHashMap;
use serde_json::Value;

use crate::{
  args::{BuildArgs, DEFAULT_METAFILE, Setting},
  message::{
    self, config_is_no_object, config_syntax, config_unreadable, deadline_flag, default_entries,
    from_flag, no_such_folder, not_below_workspace_root, several_configurations,
    unknown_config_format, unusable_path,
  },
  serve::options::Section,
};

pub(crate) const CONFIG_NAMES: [&str; 3] =
  ["nexxo.config.json", "nexxo.config.jsonc", "nexxo.config.toml"];

/// Where a project without `input` begins, the first that exists.
const ENTRY_STEMS: [&str; 3] = ["src/main", "src/index", "index"];
const ENTRY_EXTENSIONS: [&str; 5] = ["tsx", "ts", "jsx", "js", "mjs"];

/// Files that mark the root of a workspace.
const WORKSPACE_MARKERS: [&str; 3] = ["pnpm-workspace.yaml", "lerna.json", "rush.json"];

/// A project on the disk, and what its build is asked for. All paths are real.
#[derive(Debug)]
pub(crate) struct Project {
  /// The `/` of what the build sees.
  pub(crate) workspace_root: PathBuf,
  /// The folder that the options' paths start from.
  pub(crate) cwd: PathBuf,
  pub(crate) options: BuildOptions,
  /// The options as they are written, with what was made out of the folders: what the cache knows
  /// a request by.
  pub(crate) written: Value,
  pub(crate) out_dir: PathBuf,
  pub(crate) metafile: Option<PathBuf>,
  pub(crate) origin: Origin,
  /// What the configuration has for the command alone.
  pub(crate) command: Section,
  /// Whether somebody said what the entries are.
  pub(crate) has_input: bool,
}

impl Project {
  /// Reads the configuration and the flags. `shell_cwd` is where the command was started.
  ///
  /// # Errors
  /// Every mistake in the flags, the configuration and the folders they name.
  pub(crate) fn open(args: &BuildArgs, shell_cwd: &Path) -> Result<Self, Vec<Diagnostic>> {
    let (root, entries) = root_and_entries(&args.paths, shell_cwd).map_err(one)?;
    let workspace_root = match &args.workspace_root {
      Some(named) => real_folder(&shell_cwd.join(named)).map_err(one)?,
      None => workspace_root_of(&root),
    };
    let root_in_view = path_in_view(&root, &workspace_root).map_err(one)?;
    let config = ConfigFile::open(&root, args.config.as_ref().map(|file| shell_cwd.join(file)))?;

    let mut value = match &config {
      Some(config) => config.value.clone(),
      None => Value::Object(serde_json::Map::new()),
    };
    let settings = args.settings(&entries);
    for setting in &settings {
      put(&mut value, setting.path, &setting.value, setting.adds);
    }
    let origin = Origin { config, settings };
    let explained = |mut mistakes: Vec<Diagnostic>| {
      mistakes.iter_mut().for_each(|mistake| origin.explain(mistake));
      mistakes
    };
    let command = Section::take(&mut value).map_err(explained)?;
    let mut options = read_options(&value).map_err(explained)?;
    let has_input = options.input.is_some();
    if let Some(base) = &command.base {
      options.base = Some(base.clone());
      value["base"] = Value::from(base.as_str());
    }

    let sub_folder =
      options.cwd.as_deref().map_or(Ok("/".to_owned()), normalize_path).map_err(one)?;
    let cwd = match sub_folder.trim_start_matches('/') {
      "" => root.clone(),
      folder => real_folder(&root.join(folder)).map_err(one)?,
    };
    options.cwd = Some(normalize_path(&format!("{root_in_view}{sub_folder}")).map_err(one)?);
    value["cwd"] = Value::from(options.cwd.clone());
    if options.input.is_none()
      && let Some(entry) = default_entry(&cwd)
    {
      value["input"] = Value::from(entry.as_str());
      options.input = Some(Input::One(entry));
    }
    let dir = options.output.as_ref().and_then(|output| output.dir.as_deref()).unwrap_or("dist");
    let out_dir = cwd.join(dir);
    let metafile = match &args.metafile {
      Some(file) => Some(cwd.join(file)),
      None if options.metafile == Some(true) => Some(cwd.join(DEFAULT_METAFILE)),
      None => None,
    };
    Ok(Self {
      workspace_root,
      cwd,
      options,
      written: value,
      out_dir,
      metafile,
      origin,
      command,
      has_input,
    })
  }
}

impl Project {
  /// Whether the entries are pages.
  pub(crate) fn has_pages(&self) -> bool {
    let is_page = |entry: &String| entry.ends_with(".html");
    match &self.options.input {
      None => false,
      Some(Input::One(entry)) => is_page(entry),
      Some(Input::Many(entries)) => entries.iter().all(is_page),
      Some(Input::Named(entries)) => entries.values().all(is_page),
    }
  }
}

/// The folder whose configuration a build goes by.
pub(crate) fn root_of(args: &BuildArgs, shell_cwd: &Path) -> Result<PathBuf, Diagnostic> {
  root_and_entries(&args.paths, shell_cwd).map(|(root, _)| root)
}

fn one(diagnostic: Diagnostic) -> Vec<Diagnostic> {
  vec![diagnostic]
}

/// The first argument is the project's folder where it is one; all others are entries.
fn root_and_entries(
  paths: &[String],
  shell_cwd: &Path,
) -> Result<(PathBuf, Vec<String>), Diagnostic> {
  let (root, entries) = match paths.split_first() {
    Some((first, rest)) if !shell_cwd.join(first).is_file() && !first.contains('=') => {
      (shell_cwd.join(first), rest)
    }
    _ => (shell_cwd.to_path_buf(), paths),
  };
  let root = real_folder(&root)?;
  let entries = entries.iter().map(|entry| from_root(entry, &root, shell_cwd)).collect();
  Ok((root, entries))
}

/// Entries start from the root; a shell completes names from where it is, so
/// that a path from there is understood as well.
fn from_root(entry: &str, root: &Path, shell_cwd: &Path) -> String {
  let typed = shell_cwd.join(entry);
  match typed.strip_prefix(root).ok().and_then(Path::to_str) {
    Some(inside) if !root.join(entry).exists() || Path::new(entry).is_absolute() => {
      inside.to_owned()
    }
    _ => entry.to_owned(),
  }
}

fn real_folder(path: &Path) -> Result<PathBuf, Diagnostic> {
  let real = fs::canonicalize(path).map_err(|_| no_such_folder(path))?;
  if real.is_dir() { Ok(real) } else { Err(no_such_folder(path)) }
}

/// See the help text of `nexxo build`.
fn workspace_root_of(root: &Path) -> PathBuf {
  let is_workspace = |folder: &&Path| {
    WORKSPACE_MARKERS.iter().any(|marker| folder.join(marker).is_file())
      || fs::read(folder.join("package.json")).ok().is_some_and(|bytes| {
        serde_json::from_slice::<Value>(&bytes).is_ok_and(|json| json.get("workspaces").is_some())
      })
  };
  root
    .ancestors()
    .find(is_workspace)
    .or_else(|| root.ancestors().find(|folder| folder.join("package.json").is_file()))
    .unwrap_or(root)
    .to_path_buf()
}

fn path_in_view(real: &Path, workspace_root: &Path) -> Result<String, Diagnostic> {
  let below = real
    .strip_prefix(workspace_root)
    .map_err(|_| not_below_workspace_root(real, workspace_root))?;
  let below = below.to_str().ok_or_else(|| unusable_path(real))?;
  normalize_path(&format!("/{below}"))
}

fn default_entry(cwd: &Path) -> Option<String> {
  if cwd.join("index.html").is_file() {
    return Some("index.html".to_owned());
  }
  ENTRY_STEMS
    .iter()
    .flat_map(|stem| ENTRY_EXTENSIONS.iter().map(move |extension| format!("{stem}.{extension}")))
    .find(|entry| cwd.join(entry).is_file())
}

/// Puts one setting where it belongs. Where the configuration has something
/// that cannot hold it, that stays, for the engine to complain about.
fn put(options: &mut Value, path: &[&str], value: &Value, adds: bool) {
  let (Some((key, rest)), Value::Object(fields)) = (path.split_first(), options) else { return };
  let empty = || if rest.is_empty() { Value::Null } else { Value::Object(serde_json::Map::new()) };
  let field = fields.entry(*key).or_insert_with(empty);
  if !rest.is_empty() {
    return put(field, rest, value, adds);
  }
  match (field, value) {
    (Value::Array(listed), Value::Array(more)) if adds => listed.extend(more.iter().cloned()),
    (Value::Object(listed), Value::Object(more)) if adds => listed.extend(more.clone()),
    (field, value) => *field = value.clone(),
  }
}

/// Where the options were written.
#[derive(Debug)]
pub(crate) struct Origin {
  config: Option<ConfigFile>,
  settings: Vec<Setting>,
}

impl Origin {
  /// Says where a mistaken option was written, and what the command has to do with it.
  pub(crate) fn explain(&self, mistake: &mut Diagnostic) {
    match mistake.code {
      "INVALID_OPTION" | "UNKNOWN_OPTION" if mistake.file.is_none() => self.mark(mistake),
      "MISSING_INPUT" => mistake.notes.push(default_entries(&ENTRY_STEMS, &ENTRY_EXTENSIONS)),
      "DEADLINE_EXCEEDED" => mistake.notes.push(deadline_flag()),
      _ => {}
    }
  }

  fn mark(&self, mistake: &mut Diagnostic) {
    let words: Vec<&str> = mistake.message.split(['`', '"', '\'']).skip(1).step_by(2).collect();
    let option = match (mistake.code, &words[..]) {
      ("UNKNOWN_OPTION", [name, parent, ..]) => format!("{parent}.{name}"),
      (_, [option, ..]) => (*option).to_owned(),
      (_, []) => return,
    };
    if let Some(setting) = self.settings.iter().find(|setting| setting.holds(&option)) {
      mistake.notes.push(from_flag(setting.flag));
    } else if let Some(config) = &self.config {
      config.mark(mistake, &option);
    }
  }
}

impl Setting {
  /// Whether it sets an option, or is the only thing that could have that value.
  fn holds(&self, option_or_value: &str) -> bool {
    let is_it = |value: &Value| value.as_str() == Some(option_or_value);
    self.path.join(".") == option_or_value
      || match &self.value {
        Value::Array(items) => items.iter().any(is_it),
        value => is_it(value),
      }
  }
}

/// A configuration file that was read, with the place of every option in it.
#[derive(Debug)]
struct ConfigFile {
  /// As messages name it.
  shown: String,
  text: String,
  value: Value,
  /// By option, written as `a.b[0]`.
  places: FxHashMap<String, Place>,
}

#[derive(Debug)]
struct Place {
  key: Option<Range<usize>>,
  value: Range<usize>,
}

impl ConfigFile {
  /// Reads `named`, or the one that `root` has, if any.
  fn open(root: &Path, named: Option<PathBuf>) -> Result<Option<Self>, Vec<Diagnostic>> {
    let path = match named {
      Some(named) => named,
      None => {
        let found: Vec<&str> =
          CONFIG_NAMES.into_iter().filter(|name| root.join(name).is_file()).collect();
        match found[..] {
          [] => return Ok(None),
          [name] => root.join(name),
          _ => {
            let found: Vec<String> = found.into_iter().map(str::to_owned).collect();
            return Err(one(several_configurations(&found)));
          }
        }
      }
    };
    let shown = path.strip_prefix(root).unwrap_or(&path).display().to_string();
    let bytes = fs::read(&path)
      .map_err(|error: io::Error| one(config_unreadable(&shown, &message::io_problem(&error))))?;
    let text = String::from_utf8(bytes)
      .map_err(|_| one(config_unreadable(&shown, &"it is not UTF-8 text")))?;
    let mut places = FxHashMap::default();
    let value = match path.extension().and_then(|extension| extension.to_str()) {
      Some("json") => read_json(&shown, &text, false, &mut places),
      Some("jsonc") => read_json(&shown, &text, true, &mut places),
      Some("toml") => read_toml(&shown, &text, &mut places),
      _ => return Err(one(unknown_config_format(&shown))),
    };
    let mut value = value.map_err(one)?;
    let Value::Object(fields) = &mut value else { return Err(one(config_is_no_object(&shown))) };
    // Editors look for it; it is no option.
    fields.shift_remove("$schema");
    Ok(Some(Self { shown, text, value, places }))
  }

  /// Points at the option a message is about: at its name where there should
  /// be none, otherwise at its value. Some messages name the value only.
  fn mark(&self, mistake: &mut Diagnostic, option: &str) {
    let is_it = |place: &&Place| self.text[place.value.clone()].trim_matches(['"', '\'']) == option;
    let by_value = || {
      let mut found = self.places.values().filter(is_it);
      // Two places that could be meant are none.
      found.next().filter(|_| found.next().is_none())
    };
    let Some(place) = self.places.get(option).or_else(by_value) else { return };
    let range = match &place.key {
      Some(key) if mistake.code == "UNKNOWN_OPTION" => key,
      _ => &place.value,
    };
    *mistake = mistake.clone().at(&self.shown, &self.text, range.start, range.end);
  }
}

fn read_json(
  shown: &str,
  text: &str,
  with_comments: bool,
  places: &mut FxHashMap<String, Place>,
) -> Result<Value, Diagnostic> {
  let options = jsonc_parser::ParseOptions {
    allow_comments: with_comments,
    allow_trailing_commas: with_comments,
    allow_loose_object_property_names: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
  };
  // What the parser skips as a byte order mark must not shift its ranges.
  let mark = text.len() - text.trim_start_matches('\u{feff}').len();
  match jsonc_parser::parse_to_ast(
    &text[mark..],
    &jsonc_parser::CollectOptions::default(),
    &options,
  ) {
    Ok(parsed) => match parsed.value {
      Some(value) => Ok(json_value(&value, mark, None, String::new(), places)),
      None => Err(config_syntax(shown, text, 0..0, "JSON", "it is empty")),
    },
    Err(error) => {
      let range = mark + error.range().start..mark + error.range().end;
      let problem = message::lower_first(&error.kind().to_string());
      Err(config_syntax(shown, text, range, "JSON", &problem))
    }
  }
}

fn json_value(
  value: &jsonc_parser::ast::Value<'_>,
  offset: usize,
  key: Option<Range<usize>>,
  option: String,
  places: &mut FxHashMap<String, Place>,
) -> Value {
  use jsonc_parser::{ast, common::Ranged};
  let at = |range: jsonc_parser::common::Range| offset + range.start..offset + range.end;
  let made = match value {
    ast::Value::StringLit(text) => Value::String(text.value.to_string()),
    ast::Value::NumberLit(number) => {
      number.value.parse().map_or_else(|_| Value::String(number.value.to_owned()), Value::Number)
    }
    ast::Value::BooleanLit(boolean) => Value::Bool(boolean.value),
    ast::Value::NullKeyword(_) => Value::Null,
    ast::Value::Array(list) => {
      let items = list.elements.iter().enumerate();
      items
        .map(|(index, item)| json_value(item, offset, None, item_of(&option, index), places))
        .collect()
    }
    ast::Value::Object(object) => {
      let mut fields = serde_json::Map::new();
      for property in &object.properties {
        let name = property.name.as_str();
        let key = Some(at(property.name.range()));
        let field = json_value(&property.value, offset, key, field_of(&option, name), places);
        fields.insert(name.to_owned(), field);
      }
      Value::Object(fields)
    }
  };
  places.insert(option, Place { key, value: at(value.range()) });
  made
}

fn read_toml(
  shown: &str,
  text: &str,
  places: &mut FxHashMap<String, Place>,
) -> Result<Value, Diagnostic> {
  match toml::de::DeTable::parse(text) {
    Ok(table) => Ok(toml_table(table.get_ref(), "", places)),
    Err(error) => {
      let range = error.span().unwrap_or(0..0);
      Err(config_syntax(shown, text, range, "TOML", error.message().trim_end_matches('.')))
    }
  }
}

fn toml_table(
  table: &toml::de::DeTable<'_>,
  option: &str,
  places: &mut FxHashMap<String, Place>,
) -> Value {
  let mut fields = serde_json::Map::new();
  for (name, value) in table {
    let option = field_of(option, name.get_ref());
    let place = Place { key: Some(name.span()), value: value.span() };
    let field = toml_value(value.get_ref(), &option, places);
    places.insert(option, place);
    fields.insert(name.get_ref().to_string(), field);
  }
  Value::Object(fields)
}

fn toml_value(
  value: &toml::de::DeValue<'_>,
  option: &str,
  places: &mut FxHashMap<String, Place>,
) -> Value {
  use toml::de::DeValue;
  match value {
    DeValue::String(text) => Value::String(text.to_string()),
    DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
      .map_or_else(|_| Value::String(number.as_str().to_owned()), Value::from),
    DeValue::Float(number) => number
      .as_str()
      .parse::<f64>()
      .map_or_else(|_| Value::String(number.as_str().to_owned()), Value::from),
    DeValue::Boolean(boolean) => Value::Bool(*boolean),
    // No option is a date; the engine says so.
    DeValue::Datetime(date) => Value::String(date.to_string()),
    DeValue::Array(list) => list
      .iter()
      .enumerate()
      .map(|(index, item)| {
        let option = item_of(option, index);
        let made = toml_value(item.get_ref(), &option, places);
        places.insert(option, Place { key: None, value: item.span() });
        made
      })
      .collect(),
    DeValue::Table(table) => toml_table(table, option, places),
  }
}

fn field_of(option: &str, name: &str) -> String {
  if option.is_empty() { name.to_owned() } else { format!("{option}.{name}") }
}

fn item_of(option: &str, index: usize) -> String {
  format!("{option}[{index}]")
}

#[cfg(test)]
mod tests {
  use rustc_hash::FxHashMap;
  use serde_json::json;

  use super::{put, read_json, read_toml};

  #[test]
  fn both_languages_say_the_same_and_know_where() {
    let jsonc = "{\n  // one\n  \"output\": { \"minfy\": true },\n  \"external\": [\"a\", 1,],\n}";
    let toml = "external = [\"a\", 1]\n[output]\nminfy = true\n";
    for (text, language) in [(jsonc, "jsonc"), (toml, "toml")] {
      let mut places = FxHashMap::default();
      let value = match language {
        "jsonc" => read_json("f", text, true, &mut places),
        _ => read_toml("f", text, &mut places),
      };
      assert_eq!(value.unwrap(), json!({ "output": { "minfy": true }, "external": ["a", 1] }));
      let key = places["output.minfy"].key.clone().unwrap();
      assert_eq!(text[key].trim_matches('"'), "minfy");
      assert_eq!(&text[places["external[1]"].value.clone()], "1");
    }
  }

  #[test]
  fn mistakes_of_syntax_have_a_place() {
    let mut places = FxHashMap::default();
    let comment = read_json("f.json", "{ // no\n}", false, &mut places).unwrap_err();
    assert_eq!((comment.code, comment.range.unwrap().start.line), ("INVALID_CONFIG", 1));
    let table = read_toml("f.toml", "a = 1\nb = ", &mut places).unwrap_err();
    assert_eq!((table.code, table.range.unwrap().start.line), ("INVALID_CONFIG", 2));
    let mark = read_json("f.json", "\u{feff}{ \"a\": }", false, &mut places).unwrap_err();
    assert_eq!(mark.code, "INVALID_CONFIG");
  }

  #[test]
  fn flags_replace_or_add() {
    let mut options = json!({ "external": ["a"], "output": "no object", "transform": { "define": { "A": "1", "B": "2" } } });
    put(&mut options, &["external"], &json!(["b"]), true);
    put(&mut options, &["output", "dir"], &json!("out"), false);
    put(&mut options, &["transform", "define"], &json!({ "B": "3" }), true);
    put(&mut options, &["limits", "deadlineMs"], &json!(1), false);
    assert_eq!(
      options,
      json!({
        "external": ["a", "b"],
        "output": "no object",
        "transform": { "define": { "A": "1", "B": "3" } },
        "limits": { "deadlineMs": 1 },
      })
    );
  }
}
