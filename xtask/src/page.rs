//! The playground's page, built with a package into a folder that can be served.

use std::path::{Path, PathBuf};

use crate::run::{node, root, run};
use crate::stamp::{Inputs, step_if_changed};
use crate::{Result, setup, wasm::Kind};

/// Builds the page beside the package of that kind, and gives its folder.
pub(crate) fn page(kind: Kind, package: &Path) -> Result<PathBuf> {
  let folder = setup::place(kind.name())?.join("www");
  let inputs = Inputs::default()
    .path(package)?
    .path(&root().join("www"))?
    .path(&root().join("examples"))?
    .path(&root().join("package-lock.json"))?;
  step_if_changed("Make the page", &inputs, &folder.join("index.html"), || {
    run(node().arg("www/build.mjs").arg("--pkg").arg(package).arg("--out").arg(&folder))
  })?;
  Ok(folder)
}
