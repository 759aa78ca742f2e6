//! The subcommands, one file each.

pub mod doctor;
pub mod events;
pub mod migrate;
pub mod projection;
pub mod roles;
pub mod token;
pub mod up;
