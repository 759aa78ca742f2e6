//! The channel on which `rndc` talks to `named`: signed tables over TCP, spoken by ourselves on a kept connection.

mod channel;
mod key;
mod message;

pub use channel::RndcError;
pub(super) use channel::{Channel, Reply};
pub use key::{KeyError, RndcKey};
