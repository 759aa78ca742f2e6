//! Transaction signatures (RFC 8945): an HMAC over a DNS message, by a key that both sides have.
//!
//! Everything works on the octets of messages, as the HMAC covers them as they are sent. The time is an argument, in seconds
//! since 1970.
//!
//! - One message: [`sign`] signs it; [`read`] finds a message's signature, and [`Signed::verify`] checks it.
//! - A request that is not accepted: [`Signed::refuse`] puts the reason into the answer (§5.2, §5.3.2).
//! - A transfer of many messages (§5.3.1): [`StreamSigner`] on the side that sends it, [`StreamVerifier`] on the other.

mod hmac;
mod key;
mod message;
mod record;
mod stream;

pub use key::{Algorithm, Key, KeyError, Secret};
pub use message::{FUDGE, Failure, Malformed, Signed, read, sign};
pub use stream::{StreamFailure, StreamSigner, StreamVerifier, UNSIGNED_MOST};

pub use self::hmac::Mac;

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
