//! Starts the command line; the exit code is its answer.

use std::process::ExitCode;

fn main() -> ExitCode {
    partnercast::cli::main()
}
