//! MiniDNS: the hidden primary from which a pool's name servers transfer their zones.
//!
//! It answers SOA queries, AXFR (RFC 5936) and IXFR (RFC 1995) over TCP and UDP. A request goes this
//! way: [`zonelog_messages::request`] reads it, `transfer` decides what it gets, `images` holds or builds the zone at
//! its latest serial (`reader` reads the rows, `chunk` renders them, `image` replaces what changed),
//! `difference` renders what lies between two serials, and `send` writes either. `heads` is the
//! table of all zones, which `follow` keeps at the head of the log; who asks while it is behind waits for it (`lag`).
//!
//! A transfer holds its chunks, so it is one serial from its first message to its last, however
//! many changes come meanwhile. `keys` verifies signed requests (TSIG); their answers are signed. Every query is checked against the same table, and what we do not
//! serve is REFUSED: there is no NXDOMAIN here.
//!
//! What is read from the network is answered or dropped, whatever it is ([`zonelog_messages`]; fuzzed, see `ops/fuzz`). Who may ask is in
//! access lists (`acl`); how many connections and transfers there may be, together and for one address, in `limits`. A client
//! that is slow to ask or to read is dropped after a time; an idle connection also when another needs its place.
//!
//! Zones whose primary is elsewhere come in by transfer ([`secondary`]), and are served as all others while a primary
//! vouches for them; else they are answered SERVFAIL.

mod acl;
mod answer;
mod chunk;
pub mod datagrams;
mod difference;
pub mod drain;
mod follow;
mod heads;
mod image;
mod images;
mod keys;
mod lag;
mod limits;
mod options;
mod origin;
#[cfg(test)]
mod read_back;
mod reader;
mod record;
pub mod secondary;
mod send;
mod server;
mod snapshot;
mod tcp;
pub mod transfer;
mod udp;

pub use acl::{Acl, AclError};
pub use options::MdnsOptions;
pub use server::{MdnsError, MiniDns};
pub use zonelog_messages::message::Rcode;
pub(crate) use zonelog_messages::{message, request};
