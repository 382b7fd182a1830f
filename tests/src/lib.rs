//! The suite of text fixtures: each file says what is built and what comes of it.
//!
//! `tests/specs/README.md` describes the files. `tests/wasm/` reads the same
//! ones and expects the same bytes of the packed package.

pub mod engine;
pub mod fixture;
pub mod manners;
pub mod packages;
pub mod source_map;
pub mod suite;
