//! Nexxo in a browser tab, or under Node: the engine behind wasm-bindgen.
//!
//! Everything here runs on one thread, without shared memory. `worker/src/serve.ts`
//! is the only caller; `worker/src/nexxo_wasm.d.ts` declares what it calls.
//! Whatever an export rejects or throws with is a diagnostic as a plain object;
//! anything else means that the instance is broken.
#![cfg(target_family = "wasm")]

mod allocator;
pub mod engine;
#[cfg(feature = "fault")]
mod fault;
mod hooks;
mod host;
mod pump;
mod value;
pub mod web;

use wasm_bindgen::prelude::wasm_bindgen;

/// Makes a panic tell what happened, before the trap that follows tells nothing.
#[wasm_bindgen(start)]
fn start() {
  console_error_panic_hook::set_once();
}
