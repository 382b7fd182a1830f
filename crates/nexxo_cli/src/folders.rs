//! Folders of the user that are Nexxo's.

use std::{io, path::PathBuf};

/// Where what can be made again is kept.
///
/// # Errors
/// Where the environment names no home.
pub(crate) fn cache() -> io::Result<PathBuf> {
  let named =
    |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
  named("XDG_CACHE_HOME")
    .or_else(|| named("HOME").map(|home| home.join(".cache")))
    .map(|folder| folder.join("nexxo"))
    .ok_or_else(|| io::Error::other("neither `HOME` nor `XDG_CACHE_HOME` is set"))
}
