//! Names the engine by what it is made of, so that a cache never takes another
//! engine's results for its own.

use std::{
  fs,
  path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

/// All that decides what a build gives, the runtime of a dev build included.
const PLACES: [&str; 8] = [
  "crates/nexxo/hmr",
  "crates/nexxo/src",
  "crates/nexxo_web/src",
  "crates/rolldown_fs/src",
  "vendor/d3-hierarchy",
  "vendor/react-refresh",
  "vendor/rolldown/src",
  "Cargo.lock",
];

fn main() {
  let root = Path::new("../..");
  let mut files = Vec::new();
  for place in PLACES {
    let place = root.join(place);
    println!("cargo::rerun-if-changed={}", place.display());
    collect(&place, &mut files);
  }
  files.sort();
  let mut hasher = Sha256::new();
  for file in &files {
    hasher.update(file.to_string_lossy().replace('\\', "/").as_bytes());
    hasher.update([0]);
    hasher.update(Sha256::digest(fs::read(file).unwrap_or_default()));
  }
  let version = std::env::var("CARGO_PKG_VERSION").unwrap_or_default();
  let digest: String =
    hasher.finalize().iter().take(12).map(|byte| format!("{byte:02x}")).collect();
  println!("cargo::rustc-env=NEXXO_ENGINE_ID={version}-{digest}");
}

fn collect(place: &Path, files: &mut Vec<PathBuf>) {
  if place.is_file() {
    files.push(place.to_owned());
  }
  for entry in fs::read_dir(place).into_iter().flatten().flatten() {
    collect(&entry.path(), files);
  }
}
