//! The subcommands, one file each.

pub mod doctor;
pub mod events;
pub mod migrate;
pub mod pool;
pub mod projection;
pub mod roles;
pub mod service;
pub mod tlds;
pub mod token;
pub mod up;
