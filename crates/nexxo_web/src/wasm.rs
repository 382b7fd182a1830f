//! All of it as a WebAssembly: a request and its answer as JSON.

use wasm_bindgen::prelude::wasm_bindgen;

use crate::answer;

/// Answers a request. Nothing where it is none.
#[wasm_bindgen(js_name = answer)]
pub fn answer_json(request: &str) -> Option<String> {
  let request = serde_json::from_str(request).ok()?;
  serde_json::to_string(&answer(&request)).ok()
}

/// Where hash tables begin. The same everywhere, so that nothing can depend on it; who builds tables
/// to be slow in this instance slows down only themselves.
///
/// # Safety
/// `dest` points to `len` bytes that may be written, as getrandom promises.
#[unsafe(no_mangle)]
#[expect(unsafe_code, reason = "the name and the pointer are getrandom's way to ask")]
unsafe extern "Rust" fn __getrandom_v03_custom(
  dest: *mut u8,
  len: usize,
) -> Result<(), getrandom::Error> {
  // SAFETY: as above.
  unsafe { dest.write_bytes(0x2a, len) };
  Ok(())
}
