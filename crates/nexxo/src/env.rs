//! `import.meta.env`, and the `.env` files that it comes from, as in Vite: only
//! what begins with a prefix can be seen by the app.

use std::path::{Path, PathBuf};

use indexmap::IndexMap;

use crate::{
  bundler::inputs,
  diagnostic::{invalid_env, invalid_option, no_web_compiler},
  host::Host,
  protocol::{BuildOptions, Diagnostic, EnvPrefix, Target},
  snapshot::{Snapshot, normalize_path, shown},
  web::is_page,
};

const PREFIX: &str = "VITE_";

/// What an app can see of its environment. Nothing, for what is no app: its `import.meta.env` is
/// that of whoever uses it.
#[derive(Debug, Default)]
pub(crate) struct Environment {
  /// The files that it may come from, as they were.
  files: Vec<(PathBuf, Option<String>)>,
  /// By the names after `import.meta.env.`, as expressions.
  values: IndexMap<String, serde_json::Value>,
  pub(crate) warnings: Vec<Diagnostic>,
}

/// Reads the environment of an app.
///
/// # Errors
/// `INVALID_OPTION` for a prefix that would let everything through; `WEB_UNAVAILABLE`.
pub(crate) async fn of(
  options: &BuildOptions,
  snapshot: &Snapshot,
  host: &(dyn Host + 'static),
) -> Result<Environment, Diagnostic> {
  let is_app =
    options.mode.is_some() || options.dev.is_some() || inputs(options).into_iter().any(is_page);
  if !is_app {
    return Ok(Environment::default());
  }
  let prefixes: Vec<String> = match &options.env_prefix {
    None => vec![PREFIX.to_owned()],
    Some(EnvPrefix::One(one)) => vec![one.clone()],
    Some(EnvPrefix::Many(many)) => many.clone(),
  };
  if prefixes.iter().any(String::is_empty) {
    let problem = "an empty prefix would put every value of the environment into the output";
    return Err(invalid_option("envPrefix", problem));
  }
  let is_dev = options.dev.is_some();
  let mode = options.mode.as_deref().unwrap_or(if is_dev { "development" } else { "production" });
  let cwd = normalize_path(options.cwd.as_deref().unwrap_or("/")).unwrap_or_default();
  let mut environment = Environment::default();
  for name in [".env", ".env.local", &format!(".env.{mode}"), &format!(".env.{mode}.local")] {
    let path = Path::new(&cwd).join(name);
    let text = snapshot.text(&path);
    environment.files.push((path, text));
  }
  let there = environment.files.iter().filter_map(|(path, text)| Some((path, text.as_ref()?)));
  let there: Vec<(&PathBuf, &String)> = there.collect();
  if let Some((first, _)) = there.first() {
    let texts = there.iter().map(|(_, text)| (*text).clone()).collect();
    let read = host.read_env(texts).await.ok_or_else(|| no_web_compiler(&shown(first)))?;
    for (name, value) in read.values {
      if prefixes.iter().any(|prefix| name.starts_with(prefix.as_str())) {
        environment.values.insert(name, value.into());
      }
    }
    for (file, line) in read.problems {
      let Some((path, text)) = there.get(file) else { continue };
      let at = text.find(line.as_str()).unwrap_or(0);
      environment.warnings.push(invalid_env().at(shown(path), text, at, at + line.len()));
    }
  }
  let base = options.base.as_deref().unwrap_or("/");
  for (name, value) in [
    ("BASE_URL", serde_json::Value::from(base)),
    ("MODE", mode.into()),
    ("DEV", is_dev.into()),
    ("PROD", (!is_dev).into()),
    ("SSR", false.into()),
  ] {
    environment.values.insert(name.to_owned(), value);
  }
  Ok(environment)
}

/// Puts browsers in the place of what is said of them in `transform.target`.
///
/// # Errors
/// `INVALID_OPTION` for what says nothing; `WEB_UNAVAILABLE`.
pub(crate) async fn find_targets(
  options: &mut BuildOptions,
  host: &(dyn Host + 'static),
) -> Result<(), Diagnostic> {
  let Some(target) = options.transform.as_mut().and_then(|transform| transform.target.as_mut())
  else {
    return Ok(());
  };
  let given: Vec<String> = match target {
    Target::One(one) => one.split(',').map(|one| one.trim().to_owned()).collect(),
    Target::Many(many) => many.clone(),
  };
  let is_name = |target: &String| {
    let digits = target.find(|c: char| c.is_ascii_digit()).unwrap_or(target.len());
    let (name, version) = target.split_at(digits);
    name.chars().all(|c| c.is_ascii_alphabetic())
      && version.chars().all(|c| c.is_ascii_digit() || c == '.')
      && (!version.is_empty() || name.eq_ignore_ascii_case("esnext"))
  };
  let (mut named, queries): (Vec<String>, Vec<String>) = given.into_iter().partition(is_name);
  if queries.is_empty() {
    return Ok(());
  }
  match host.targets(queries).await {
    None => Err(no_web_compiler("transform.target")),
    Some(Err(problem)) => Err(invalid_option("transform.target", &problem)),
    Some(Ok(found)) => {
      named.extend(found);
      *target = Target::Many(named);
      Ok(())
    }
  }
}

impl Environment {
  /// Whether the files that it comes from are what they were.
  pub(crate) fn holds(&self, snapshot: &Snapshot) -> bool {
    self.files.iter().all(|(path, text)| snapshot.text(path) == *text)
  }

  /// The options with what stands for the environment's values. What the options define themselves
  /// comes first.
  pub(crate) fn applied(&self, options: &BuildOptions) -> BuildOptions {
    let mut options = options.clone();
    if self.values.is_empty() {
      return options;
    }
    let define = options.transform.get_or_insert_default().define.get_or_insert_default();
    let all = serde_json::Value::Object(
      self.values.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
    );
    let each = self
      .values
      .iter()
      .map(|(name, value)| (format!("import.meta.env.{name}"), value.to_string()));
    for (name, value) in each.chain([("import.meta.env".to_owned(), all.to_string())]) {
      define.entry(name).or_insert(value);
    }
    options
  }

  /// What a page has between per cent signs.
  pub(crate) fn in_page(&self) -> Vec<(String, String)> {
    let text = |value: &serde_json::Value| match value {
      serde_json::Value::String(text) => text.clone(),
      other => other.to_string(),
    };
    self.values.iter().map(|(name, value)| (format!("%{name}%"), text(value))).collect()
  }
}
