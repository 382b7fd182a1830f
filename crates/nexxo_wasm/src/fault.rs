//! Breaks the instance on purpose, so that tests can see what comes after.

use wasm_bindgen::prelude::wasm_bindgen;

/// `trap` panics, `memory` takes all there is, `hang` never comes back.
#[wasm_bindgen]
pub fn fault(kind: &str) {
  match kind {
    "trap" => panic!("a fault on purpose"),
    "memory" => {
      let mut taken = Vec::new();
      loop {
        taken.push(Vec::<u8>::with_capacity(256 << 20));
      }
    }
    _ => loop {
      std::hint::spin_loop();
    },
  }
}
