//! The one binary: roles and operators' commands as subcommands.
fn main() {}
