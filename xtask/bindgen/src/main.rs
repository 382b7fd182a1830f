//! The wasm-bindgen step as a command: `nexxo-bindgen <wasm> <folder> [--no-names]`
//! writes the JavaScript that starts the module, and the module without its
//! descriptions. Names of functions are for profiles and stack traces, and a
//! third of all bytes.

use std::{env::args, ffi::OsStr, path::Path};

use anyhow::{Context, Result, bail};
use wasm_bindgen_cli_support::Bindgen;

fn main() -> Result<()> {
  let arguments: Vec<_> = args().skip(1).collect();
  let (wasm, folder, without_names) = match arguments.as_slice() {
    [wasm, folder] => (wasm, folder, false),
    [wasm, folder, flag] if flag == "--no-names" => (wasm, folder, true),
    _ => bail!("usage: nexxo-bindgen <wasm> <folder> [--no-names]"),
  };
  Bindgen::new()
    .input_path(wasm)
    .web(true)?
    .typescript(false)
    .omit_default_module_path(true)
    .remove_name_section(without_names)
    .remove_producers_section(without_names)
    .out_name(Path::new(wasm).file_stem().and_then(OsStr::to_str).unwrap_or("nexxo_wasm"))
    .generate(folder)
    .with_context(|| format!("The JavaScript for {wasm} could not be written to {folder}"))
}
