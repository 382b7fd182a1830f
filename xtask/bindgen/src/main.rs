//! The wasm-bindgen step as a command: `nexxo-bindgen <wasm> <folder>` writes the
//! JavaScript that starts the module, and the module without its descriptions.

use std::env::args;

use anyhow::{Context, Result, bail};
use wasm_bindgen_cli_support::Bindgen;

fn main() -> Result<()> {
  let [wasm, folder] = args()
    .skip(1)
    .collect::<Vec<_>>()
    .try_into()
    .or_else(|_| bail!("usage: nexxo-bindgen <wasm> <folder>"))?;
  Bindgen::new()
    .input_path(&wasm)
    .web(true)?
    .typescript(false)
    .omit_default_module_path(true)
    .out_name("nexxo_wasm")
    .generate(&folder)
    .with_context(|| format!("The JavaScript for {wasm} could not be written to {folder}"))
}
