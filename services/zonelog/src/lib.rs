//! The one binary: roles and operators' commands as subcommands.
//!
//! `cli` reads the command line, `config` the configuration, `compose` turns both into running roles, `shutdown` ends
//! them, `commands/` has one file for each operators' command.

pub mod cli;
pub mod commands;
pub mod compose;
pub mod config;
pub mod installation;
pub mod output;
pub mod shutdown;
pub mod telemetry;
