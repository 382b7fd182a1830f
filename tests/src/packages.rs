//! Real packages as the files of a project.

use std::{
  collections::{BTreeSet, VecDeque},
  fs,
  path::Path,
};

use serde_json::Value;

/// No build reads these, and they are most of many a package.
const SKIPPED: [&str; 7] = [".d.ts", ".d.mts", ".d.cts", ".map", ".md", ".flow", ".html"];

/// The files of the packages named and of all they depend on, by path from the project's root.
pub fn load(node_modules: &Path, names: &[&str]) -> Result<Vec<(String, Vec<u8>)>, String> {
  if !node_modules.is_dir() {
    return Err(format!(
      "{} is missing. `cargo xtask test` installs it; so does `npm ci` in that folder's parent.",
      node_modules.display()
    ));
  }
  let mut files = Vec::new();
  let mut seen = BTreeSet::new();
  let mut waiting: VecDeque<(String, bool)> =
    names.iter().map(|name| ((*name).to_owned(), true)).collect();
  while let Some((name, required)) = waiting.pop_front() {
    let folder = node_modules.join(&name);
    if !folder.is_dir() {
      if required {
        return Err(format!("{} is missing. Run `npm ci` there.", folder.display()));
      }
      continue;
    }
    if !seen.insert(name.clone()) {
      continue;
    }
    let mut manifests = Vec::new();
    read_folder(&folder, &format!("node_modules/{name}"), &mut files, &mut manifests)?;
    // Packages that lie in this one's own `node_modules` depend on others as well.
    for manifest in manifests {
      for kind in ["dependencies", "peerDependencies"] {
        let Some(Value::Object(more)) = manifest.get(kind) else { continue };
        waiting.extend(more.keys().map(|name| (name.clone(), false)));
      }
    }
  }
  Ok(files)
}

fn read_folder(
  folder: &Path,
  shown: &str,
  files: &mut Vec<(String, Vec<u8>)>,
  manifests: &mut Vec<Value>,
) -> Result<(), String> {
  let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
  let mut entries: Vec<_> =
    fs::read_dir(folder).and_then(Iterator::collect::<Result<_, _>>).map_err(failed)?;
  entries.sort_by_key(fs::DirEntry::file_name);
  for entry in entries {
    let Ok(name) = entry.file_name().into_string() else { continue };
    let (path, shown) = (entry.path(), format!("{shown}/{name}"));
    let kind = entry.file_type().map_err(failed)?;
    if name.starts_with('.') {
      continue;
    } else if kind.is_dir() {
      read_folder(&path, &shown, files, manifests)?;
    } else if kind.is_file() && !SKIPPED.iter().any(|end| name.ends_with(end)) {
      let bytes = fs::read(&path).map_err(failed)?;
      if name == "package.json"
        && let Ok(manifest) = serde_json::from_slice(&bytes)
      {
        manifests.push(manifest);
      }
      files.push((shown, bytes));
    }
  }
  Ok(())
}
