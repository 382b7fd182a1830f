//! One test for each file in `tests/specs`.

use std::process::ExitCode;

fn main() -> ExitCode {
  nexxo_tests::suite::main("specs")
}
