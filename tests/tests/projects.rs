//! One test for each file in `tests/projects`: builds of real packages.

use std::process::ExitCode;

fn main() -> ExitCode {
  nexxo_tests::suite::main("projects")
}
