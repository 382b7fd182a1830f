//! The npm package: the WebAssembly, the JavaScript around it, and the types.

use std::path::{Path, PathBuf};

use crate::run::{copy, fresh_folder, node, npm, output, root, run};
use crate::stamp::{Inputs, step_if_changed};
use crate::wasm::{Kind, glue};
use crate::{Result, flags, setup};

pub(crate) fn command(arguments: &[String]) -> Result {
  flags(arguments, &[])?;
  let folder = package(Kind::Release)?;
  println!();
  run(node().args(["xtask/sizes.mjs"]).arg(&folder))
}

/// The release's place is the one that is published.
fn folder(kind: Kind) -> Result<PathBuf> {
  match kind {
    Kind::Release => Ok(root().join("pkg")),
    Kind::Play | Kind::Test => Ok(setup::place(kind.name())?.join("pkg")),
  }
}

/// Builds the package and gives its folder.
pub(crate) fn package(kind: Kind) -> Result<PathBuf> {
  setup::npm_packages(&root(), NPM)?;
  let glue = glue(kind)?;
  let folder = folder(kind)?;
  let kept = root().join("pkg");
  let by_hand = ["package.json", "README.md"];
  let inputs = Inputs::default()
    .path(&glue)?
    .path(&root().join("worker"))?
    .path(&root().join("LICENSE"))?
    .path(&root().join("package-lock.json"))?
    .paths(&by_hand.map(|name| kept.join(name)))?;
  step_if_changed("Make the npm package", &inputs, &folder.join("nexxo.wasm"), || {
    if kind != Kind::Release {
      fresh_folder(&folder)?;
      for name in by_hand {
        copy(&kept.join(name), &folder.join(name))?;
      }
    }
    let mut command = node();
    command.arg("worker/build.mjs").arg("--glue").arg(&glue).arg("--out").arg(&folder);
    // What is tested is what is published; for a look at the page, names are better.
    if kind != Kind::Play {
      command.arg("--minify");
    }
    run(&mut command)
  })?;
  Ok(folder)
}

/// Why the root's npm packages are installed.
pub(crate) const NPM: &str = "TypeScript, the page's editor, and what drives the browser tests";

/// Packs a package as npm would publish it, and gives the file.
pub(crate) fn pack(package: &Path) -> Result<PathBuf> {
  let folder = setup::place("packed")?;
  fresh_folder(&folder)?;
  let name = output(npm(package).args(["pack", "--silent", "--pack-destination"]).arg(&folder))?;
  Ok(folder.join(name.trim()))
}
