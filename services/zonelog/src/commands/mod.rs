//! The subcommands, one file each.

pub mod doctor;
pub mod events;
mod existed;
pub mod migrate;
pub mod pool;
pub mod projection;
pub mod roles;
pub mod secondary;
pub mod server;
pub mod service;
pub mod tlds;
pub mod token;
pub mod up;
pub mod zone;
