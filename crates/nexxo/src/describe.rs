//! Files that describe an output, for those who serve it, ship it or have to
//! keep it small: manifests, licences, a report. And whether it is too large.

use std::{
  collections::{BTreeMap, BTreeSet},
  path::Path,
};

use indexmap::IndexMap;
use serde_json::{Value, json};

use crate::{
  diagnostic::{budget_exceeded, no_web_compiler},
  emit::{self, Emitted},
  host::Host,
  protocol::{
    Budget, BudgetKind, BuildOptions, Diagnostic, Metafile, NamedFile, OutputFile, OutputKind,
  },
  snapshot::Snapshot,
  web::Web,
};

/// Parts of an output that are named where it is too large.
const MOST_PARTS: usize = 5;

/// Whether what is described needs to know what each file is made of.
pub(crate) fn needs_metafile(options: &BuildOptions) -> bool {
  options.budgets.is_some() || name(options.report.as_ref(), "").is_some()
}

/// Asks for none of it: the options are those of a part of an output.
pub(crate) fn leave_out(options: &mut BuildOptions) {
  options.manifest = None;
  options.ssr_manifest = None;
  options.license = None;
  options.report = None;
  options.metafile = None;
}

/// Adds the files that are asked for, and tells what is too large.
pub(crate) async fn describe(
  emitted: &mut Emitted,
  options: &BuildOptions,
  cwd: &Path,
  snapshot: &Snapshot,
  web: &Web,
  host: &(dyn Host + 'static),
) -> Vec<Diagnostic> {
  let mut diagnostics = Vec::new();
  for (at, budget) in options.budgets.iter().flatten().enumerate() {
    let exceeded = over(budget, &emitted.files, emitted.metafile.as_ref());
    diagnostics.extend(
      exceeded
        .into_iter()
        .map(|(name, size, parts)| budget_exceeded(&name, size, budget.max_size, &parts, at)),
    );
  }
  let mut files = Vec::new();
  let mut add = |name: String, text: String| files.push(OutputFile::asset(name, text.into_bytes()));
  if let Some(name) = name(options.manifest.as_ref(), "manifest.json") {
    add(name, written(&manifest(&emitted.files, web)));
  }
  if let Some(name) = name(options.ssr_manifest.as_ref(), "ssr-manifest.json") {
    add(name, written(&ssr_manifest(&emitted.files, options, web)));
  }
  if let Some(name) = name(options.license.as_ref(), "license.md") {
    let packages = packages(&emitted.files, cwd, snapshot);
    let text = if name.ends_with(".json") { written(&packages.into()) } else { shown(&packages) };
    add(name, text);
  }
  if let Some(name) = name(options.report.as_ref(), "report.html") {
    let data = serde_json::to_string(&emitted.metafile).unwrap_or_default();
    if name.ends_with(".json") {
      add(name, data);
    } else {
      match host.report(data).await {
        Some(page) => add(name, page),
        None => diagnostics.push(no_web_compiler(&name)),
      }
    }
  }
  if !files.is_empty() {
    emit::add(emitted, files);
  }
  if options.metafile != Some(true) {
    emitted.metafile = None;
  }
  diagnostics
}

fn name(given: Option<&NamedFile>, usual: &str) -> Option<String> {
  match given? {
    NamedFile::Enabled(false) => None,
    NamedFile::Enabled(true) => Some(usual.to_owned()),
    NamedFile::Name(name) => Some(name.clone()),
  }
}

fn written(value: &Value) -> String {
  let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
  text.push('\n');
  text
}

/// The name of a chunk among others: its module, or its file where it has none of its own.
fn key(file: &OutputFile) -> String {
  file
    .facade_module_id
    .clone()
    .unwrap_or_else(|| format!("_{}", file.file_name.rsplit('/').next().unwrap_or(&file.file_name)))
}

/// What servers need of each entry and each chunk, in the shape that they know from Vite.
fn manifest(files: &[OutputFile], web: &Web) -> Value {
  let chunks: BTreeMap<&str, &OutputFile> = files
    .iter()
    .filter(|file| file.kind == OutputKind::Chunk)
    .map(|file| (file.file_name.as_str(), file))
    .collect();
  let keys = |names: &[String]| -> Vec<String> {
    names.iter().filter_map(|name| chunks.get(name.as_str())).map(|file| key(file)).collect()
  };
  let mut all = BTreeMap::new();
  for file in chunks.values() {
    let mut described = serde_json::Map::new();
    let mut set = |name: &str, value: Value| described.insert(name.to_owned(), value);
    set("file", file.file_name.as_str().into());
    if let Some(name) = &file.name {
      set("name", name.as_str().into());
    }
    if let Some(module) = &file.facade_module_id {
      set("src", module.as_str().into());
    }
    if file.is_entry {
      set("isEntry", true.into());
    }
    if file.is_dynamic_entry {
      set("isDynamicEntry", true.into());
    }
    let code = String::from_utf8_lossy(&file.contents);
    let assets = web.assets_in(&code);
    let lists = [
      ("imports", keys(&file.imports)),
      ("dynamicImports", keys(&file.dynamic_imports)),
      ("css", file.styles.clone()),
      ("assets", assets.iter().map(|(name, _)| name.clone()).collect()),
    ];
    for (name, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
      set(name, list.into());
    }
    all.insert(key(file), Value::Object(described));
    for (name, source) in assets {
      if let Some(source) = source {
        all.insert(source.clone(), json!({ "file": name, "src": source }));
      }
    }
  }
  all.into_iter().collect::<serde_json::Map<_, _>>().into()
}

/// The addresses that a page needs of each module that a server renders.
fn ssr_manifest(files: &[OutputFile], options: &BuildOptions, web: &Web) -> Value {
  let base = options.base.as_deref().unwrap_or("/");
  let base = if base.ends_with('/') { base.to_owned() } else { format!("{base}/") };
  let mut all: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
  for file in files.iter().filter(|file| file.kind == OutputKind::Chunk) {
    let code = String::from_utf8_lossy(&file.contents);
    let assets = web.assets_in(&code).into_iter().map(|(name, _)| name);
    let needed = [file.file_name.clone()].into_iter().chain(file.styles.clone()).chain(assets);
    let addresses: Vec<String> = needed.map(|name| format!("{base}{name}")).collect();
    for module in &file.module_ids {
      all.entry(module).or_default().extend(addresses.iter().cloned());
    }
  }
  all
    .into_iter()
    .map(|(module, addresses)| (module.to_owned(), addresses.into_iter().collect::<Value>()))
    .collect::<serde_json::Map<_, _>>()
    .into()
}

/// The packages whose modules are in the output, in the order of their names.
fn packages(files: &[OutputFile], cwd: &Path, snapshot: &Snapshot) -> Vec<Value> {
  let mut folders = BTreeSet::new();
  for module in files.iter().flat_map(|file| &file.module_ids) {
    let module = module.split('?').next().unwrap_or(module);
    if let Some(at) = module.rfind("node_modules/") {
      let start = at + "node_modules/".len();
      let mut names = module[start..].split('/');
      let first = names.next().unwrap_or_default();
      let length = match names.next().filter(|_| first.starts_with('@')) {
        Some(second) => first.len() + 1 + second.len(),
        None => first.len(),
      };
      folders.insert(module[..start + length].to_owned());
    }
  }
  let mut found = BTreeMap::new();
  for folder in folders {
    let folder = cwd.join(folder);
    let manifest = snapshot.text(&folder.join("package.json")).unwrap_or_default();
    let manifest: Value = serde_json::from_str(&manifest).unwrap_or_default();
    let field = |name: &str| manifest[name].as_str().unwrap_or_default().to_owned();
    let license = match &manifest["license"] {
      Value::Object(license) => license.get("type").and_then(Value::as_str).unwrap_or_default(),
      other => other.as_str().unwrap_or_default(),
    };
    let names = snapshot.names_in(&folder);
    let is_license = |name: &&String| {
      let name = name.to_ascii_lowercase();
      ["license", "licence", "copying"].iter().any(|start| name.starts_with(start))
    };
    let text = names.iter().find(is_license).and_then(|name| snapshot.text(&folder.join(name)));
    let (name, version) = (field("name"), field("version"));
    let described = json!({
      "name": name, "version": version, "identifier": license,
      "text": text.map(|text| text.trim().to_owned()),
    });
    found.insert((name, version), described);
  }
  found.into_values().collect()
}

fn shown(packages: &[Value]) -> String {
  let mut text = "# Licenses\n\nThe output contains code of these packages.\n".to_owned();
  for package in packages {
    let field = |name: &str| package[name].as_str().unwrap_or_default();
    text.push_str(&format!("\n## {} {}", field("name"), field("version")));
    match field("identifier") {
      "" => text.push_str("\n\nIts `package.json` names no license.\n"),
      license => text.push_str(&format!(" ({license})\n")),
    }
    for line in field("text").lines() {
      text.push_str(format!("\n> {line}").trim_end());
    }
    text.push('\n');
  }
  text
}

type Exceeded = (String, u64, Vec<(String, usize)>);

/// What exceeds a budget: name, size, and the largest parts.
fn over(budget: &Budget, files: &[OutputFile], metafile: Option<&Metafile>) -> Vec<Exceeded> {
  let is_meant =
    |name: &str| budget.files.as_deref().is_none_or(|pattern| fast_glob::glob_match(pattern, name));
  let shipped = |file: &&OutputFile| file.kind != OutputKind::Sourcemap;
  let by_name: BTreeMap<&str, &OutputFile> =
    files.iter().map(|file| (file.file_name.as_str(), file)).collect();
  let groups: Vec<(String, Vec<&OutputFile>)> = match budget.kind.unwrap_or_default() {
    BudgetKind::File => files
      .iter()
      .filter(shipped)
      .filter(|file| is_meant(&file.file_name))
      .map(|file| (file.file_name.clone(), vec![file]))
      .collect(),
    BudgetKind::All => {
      let meant = files.iter().filter(shipped).filter(|file| is_meant(&file.file_name));
      vec![("The output".to_owned(), meant.collect())]
    }
    BudgetKind::Entry => files
      .iter()
      .filter(|file| file.is_entry && is_meant(&file.file_name))
      .map(|entry| {
        let mut open = vec![entry.file_name.as_str()];
        let mut all = BTreeSet::new();
        while let Some(file) = open.pop().and_then(|name| by_name.get(name)) {
          if all.insert(file.file_name.as_str()) {
            open.extend(file.imports.iter().chain(&file.styles).map(String::as_str));
          }
        }
        (
          entry.file_name.clone(),
          all.iter().filter_map(|name| by_name.get(name).copied()).collect(),
        )
      })
      .collect(),
  };
  let mut exceeded = Vec::new();
  for (name, files) in groups {
    let size: usize = files.iter().map(|file| file.contents.len()).sum();
    if size as u64 <= budget.max_size {
      continue;
    }
    let mut parts: IndexMap<String, usize> = IndexMap::new();
    for file in &files {
      let inputs = metafile.and_then(|metafile| metafile.outputs.get(&file.file_name));
      match inputs.filter(|output| !output.inputs.is_empty()) {
        Some(output) => {
          for (module, part) in &output.inputs {
            *parts.entry(module.clone()).or_default() += part.bytes_in_output;
          }
        }
        None if files.len() > 1 => {
          parts.insert(file.file_name.clone(), file.contents.len());
        }
        None => {}
      }
    }
    let mut parts: Vec<(String, usize)> = parts.into_iter().collect();
    parts.retain(|(_, bytes)| *bytes > 0);
    parts.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    parts.truncate(MOST_PARTS);
    exceeded.push((name, size as u64, parts));
  }
  exceeded
}
