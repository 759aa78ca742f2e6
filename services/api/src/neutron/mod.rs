//! Floating IPs as Neutron knows them, asked with the caller's own token: Neutron says which are the caller's.
//!
//! ```text
//!  endpoint.rs  where Neutron is: from the configuration, else from the catalogue of the caller's token
//!  client.rs    the question, in bounded time and size
//!  reverse.rs   the name of an address in DNS, and the zone that holds it
//! ```

mod client;
mod endpoint;
mod reverse;

pub(crate) use client::{FloatingIp, Neutron, Wanted};
pub use endpoint::{BadEndpoint, NeutronEndpoint};
pub(crate) use endpoint::{Endpoint, is_region};
pub(crate) use reverse::{owner_of, zone_of};
