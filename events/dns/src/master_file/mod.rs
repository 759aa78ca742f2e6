//! Master files (RFC 1035 §5): reading them record by record, and writing them.

mod error;
mod reader;
mod record_text;
mod writer;

pub use error::{MasterFileError, MasterFileErrorKind};
pub use reader::{MasterFileReader, MasterRecord};
pub use writer::{write_header, write_rrset, write_zone};
