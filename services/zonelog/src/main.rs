//! `zonelog`: the roles and the operators' commands.

use std::process::ExitCode;

fn main() -> ExitCode {
    zonelog::cli::main()
}
