//! The REST API: OpenStack Designate's v2 as its clients know it, byte for byte where they can see it.
//!
//! ```text
//!  server.rs      connections: how many, how slow they may be, how they end
//!  middleware.rs  every request: id, address, caller, time limit, metrics, error bodies
//!  auth.rs        who asks; keystone/ knows those who have a token of Keystone's
//!  policy/        who may do what: oslo.policy's rules and their file
//!  router.rs      paths
//!  openapi/       the description of all this, made from it: GET /openapi.json
//!  v2/            one file a resource: handlers; its JSON out (`*_json`) and in (`*_input`)
//! ```
//! Reads come from the projections, through a pool of connections; writes go to Central, and the answer to a write is
//! rendered from what Central accepted, without reading it back.

mod admin;
mod app;
mod auth;
mod coerce;
mod context;
mod cors;
mod error;
mod forwarded;
mod health;
mod idempotency;
mod json;
mod keystone;
mod middleware;
mod neutron;
mod openapi;
mod options;
mod path;
mod policy;
mod query;
mod rate_limit;
mod router;
mod server;
mod tls;
mod token;
mod v2;
mod versions;

pub use cors::BadOrigin;
pub use keystone::{Credential, KeystoneOptions, Secret};
pub use neutron::{BadEndpoint, NeutronEndpoint};
pub use options::{ApiOptions, Auth, NeutronOptions};
pub use policy::PolicyError;
pub use rate_limit::RateLimit;
pub use server::{Api, ApiError};
pub use tls::{TlsError, TlsOptions};
pub use token::TokenSecret;
pub use zonelog_central::http_client::HttpClientError;
