//! DNS messages as MiniDNS reads and writes them. Pure, and safe against any octets: this is all that reads what came from the
//! network, so it is what is fuzzed (`ops/fuzz`), and it needs neither a runtime nor a database.
//!
//! As a primary: [`request`] reads what is asked, [`message`] writes the fixed parts of the answer. As a secondary: [`query`]
//! asks, [`stream`] reads a transfer message by message, and [`gathered`] holds its records. Both read with [`wire`].

pub mod gathered;
pub mod message;
pub mod query;
pub mod request;
pub mod stream;
pub mod wire;
