//! The REST API: OpenStack Designate's v2 as its clients know it, byte for byte where they can see it.
//!
//! ```text
//!  server.rs      connections: how many, how slow they may be, how they end
//!  middleware.rs  every request: id, address, caller, time limit, metrics, error bodies
//!  policy/        who may do what: oslo.policy's rules and their file
//!  router.rs      paths
//!  v2/            one file a resource: handlers; its JSON out (`*_json`) and in (`*_input`)
//! ```
//! Reads come from the projections, through a pool of connections; writes go to Central, and the answer to a write is
//! rendered from what Central accepted, without reading it back.

mod app;
mod auth;
mod coerce;
mod context;
mod error;
mod health;
mod idempotency;
mod json;
mod middleware;
mod options;
mod path;
mod policy;
mod query;
mod router;
mod server;
mod token;
mod v2;
mod versions;

pub use options::{ApiOptions, Auth, NameServer};
pub use server::{Api, ApiError};
pub use token::TokenSecret;
