//! Telling a server which zones to serve. One file a backend.

mod bind9;
mod rndc;

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use zonelog_dns::ZoneName;

use crate::options::{ServerConfig, TargetConfig, Timings};

pub use bind9::Bind9;
pub use rndc::RndcError;

/// A zone as a server must have it: a secondary of the masters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneSpec {
    /// The zone's apex.
    pub name: ZoneName,
    /// Where the server transfers it from.
    pub masters: Arc<[SocketAddr]>,
    /// Set when the server may have the zone but does not follow: its settings are checked, and it is made to ask the masters.
    pub renew: bool,
}

/// Why a server could not be told. The text names the server, where it was tried, and what to check.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{server}: {reason}")]
pub struct TargetError {
    /// The server's name.
    pub server: String,
    /// What went wrong, and what to check.
    pub reason: String,
}

/// The answer of a verb of [`PoolTarget`].
pub type Told<'a> = Pin<Box<dyn Future<Output = Result<(), TargetError>> + Send + 'a>>;

/// A server that can be told which zones to serve. Both verbs are idempotent: they may be repeated at any time, and say
/// nothing of whether the server serves the zone by now.
pub trait PoolTarget: fmt::Debug + Send + Sync {
    /// Makes the server a secondary for the zone.
    fn ensure_zone<'a>(&'a self, zone: &'a ZoneSpec) -> Told<'a>;

    /// Makes the server forget the zone and what it holds of it.
    fn remove_zone<'a>(&'a self, zone: &'a ZoneName) -> Told<'a>;
}

/// The target of a configured server.
pub fn target_of(server: &ServerConfig, timings: &Timings) -> Arc<dyn PoolTarget> {
    match &server.target {
        TargetConfig::Bind9 {
            rndc_address,
            key_name,
            algorithm,
            secret,
        } => Arc::new(Bind9::new(
            &server.name,
            rndc::Channel::new(
                *rndc_address,
                key_name,
                *algorithm,
                secret.clone(),
                timings.rndc_timeout,
            ),
        )),
    }
}
