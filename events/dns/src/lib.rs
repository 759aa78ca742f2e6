//! DNS as pure data: names, serials, TTLs, rdata, RRsets, zone differences and master files.
//!
//! Nothing here waits, reads a clock or talks to anybody. Text from outside becomes a value of
//! these types once, at the edge; a value that exists is well formed, so the rest of the program
//! never checks again. The wire form is the form kept: it is what is stored, compared, and sent.

mod diff;
mod fields;
mod master_file;
mod name;
mod owner_name;
mod rdata;
mod rrset;
mod rrtype;
mod serial;
mod soa;
pub mod tsig;
mod ttl;
mod zone_name;

pub use diff::{DifferenceError, ZoneDifference, ZoneImage, difference};
pub use master_file::{
    MasterFileError, MasterFileErrorKind, MasterFileReader, MasterRecord, write_header, write_rrset,
    write_zone,
};
pub use name::{Labels, Name, NameError};
pub use owner_name::OwnerName;
pub use rdata::{Rdata, RdataError};
pub use rrset::{Rrset, pack_rdata, packed_count, unpack_rdata};
pub use rrtype::{ParseRrtypeError, Rrtype};
pub use serial::{LongSerial, Serial};
pub use soa::{EmailError, Soa, mailbox_from_rname, rname_from_email, rname_from_mailbox};
pub use ttl::{Ttl, TtlError};
pub use zone_name::ZoneName;
