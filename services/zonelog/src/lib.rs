//! The one binary: roles and operators' commands as subcommands.
//!
//! `cli` reads the command line, `config` the configuration, `compose` turns both into running roles, `heartbeat` says that
//! they run, `shutdown` ends them; `pools_yaml` is what a pool looks like to operators, `pools` brings it into the log;
//! `commands/` has one file for each operators' command.

pub mod cli;
pub mod commands;
pub mod compose;
pub mod config;
pub mod heartbeat;
pub mod installation;
pub mod output;
pub mod pools;
pub mod pools_yaml;
pub mod sealing;
pub mod shutdown;
pub mod telemetry;
