//! The command itself. All of it is in the library, so that tests can link it.

use std::process::ExitCode;

/// Parsing and printing allocate without end, from every thread at once. It does not ask for huge
/// pages, and gives back at once what is free: `docs/design/serve.md` has the figures.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `mi_option_purge_delay` of the allocator's header: how long free memory is kept, in milliseconds.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

fn main() -> ExitCode {
  // SAFETY: the call stores a number in a table of the allocator's, atomically, and may come at any
  // time.
  #[expect(unsafe_code, reason = "the allocator is C, and has no other way to be told")]
  unsafe {
    libmimalloc_sys::mi_option_set(PURGE_DELAY, 0);
  }
  nexxo_cli::main(std::env::args_os())
}
