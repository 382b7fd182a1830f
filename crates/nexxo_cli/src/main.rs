//! The command itself. All of it is in the library, so that tests can link it.

use std::process::ExitCode;

/// Parsing and printing allocate without end, from every thread at once.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
  nexxo_cli::main(std::env::args_os())
}
