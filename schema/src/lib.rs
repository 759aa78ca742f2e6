//! The tables of Zonelog: numbered migrations, embedded in the program, and the check that a database has exactly them.
//!
//! [`migrate`] is run by the owner's role, under a lock, and may be run again at any time. [`check`] is run by every
//! service at its start: it refuses a schema that is missing, older, newer or altered, in a sentence that says what to do.
//! [`check_log_is_protected`] tells whether the connected role could change the log's past.

mod catalogue;
mod check;
mod error;
mod grants;
mod migrate;
mod migrations;

pub use catalogue::describe;
pub use check::check;
pub use error::SchemaError;
pub use grants::check_log_is_protected;
pub use migrate::{Migrated, migrate};
pub use migrations::{MIGRATIONS, Migration};
