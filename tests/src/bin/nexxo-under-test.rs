//! The command as `tests/tests/cli.rs` runs it: cargo builds a package's own
//! programs before its tests, and only those.

fn main() -> std::process::ExitCode {
  nexxo_cli::main(std::env::args_os())
}
