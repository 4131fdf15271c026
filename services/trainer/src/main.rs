//! `canopy-trainer`: see the README.

use std::process::ExitCode;

fn main() -> ExitCode {
    trainer::main()
}
