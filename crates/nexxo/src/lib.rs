//! Nexxo's engine: a request and a snapshot of sources in, output files,
//! diagnostics and events out. It knows no browser, no disk, no database.
//!
//! A build goes through six stages, each a module here, run by [`orchestrator`]:
//!
//! 1. *init*: [`request`] reads the options, `bundler` gives them rolldown's shape;
//! 2. *graph*: rolldown scans the [`snapshot`], `graph` seals what it found, [`hooks`] are called, and
//!    `web` makes modules of style sheets and assets;
//! 3. *plan*: `plan` says what is reused and why;
//! 4. *check*: `check` makes diagnostics of all that was seen;
//! 5. *execute*: `execute` drives rolldown's scan, link and generate;
//! 6. *emit*: `emit` puts names, order and metafile together, and `describe` what tells of them.
//!
//! What crosses the engine's edge is plain data, listed in [`protocol`]. The
//! outside is asked only through [`host::Host`], [`store::Store`] and
//! [`snapshot::SourceView`].

pub mod protocol;

mod bundler;
pub mod cache;
mod check;
mod describe;
mod emit;
mod env;
mod execute;
mod graph;
mod hmr;
pub mod hooks;
mod library;
mod nesting;
mod plan;
pub mod request;
pub mod snapshot;

pub mod diagnostic;
pub mod host;
pub mod orchestrator;
pub mod store;
mod transform;
mod web;

pub use orchestrator::{Context, build};
pub use transform::transform;

/// The version of the engine, which is that of the package and of the command.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
