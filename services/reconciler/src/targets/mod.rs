//! Telling a server which zones to serve. One file a backend.

mod batch;
pub(crate) mod bind9;
mod by_catalog;
pub(crate) mod catalog;
pub(crate) mod designate;
mod fake;
pub(crate) mod knot;
mod masters;
pub(crate) mod nsd4;
pub(crate) mod options;
pub(crate) mod pdns4;
mod rndc;
mod turns;

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use zonelog_dns::tsig::Key;
use zonelog_dns::{Serial, ZoneName};
use zonelog_model::ZoneId;

use batch::Batched;
use by_catalog::ByCatalog;
use knot::Knot;
use nsd4::Nsd4;

pub use bind9::{Bind9, Bind9Config};
pub use catalog::{CATALOG_KINDS, CatalogFollower};
pub use designate::{Designate, DesignateConfig, Password};
pub use fake::Fake;
pub use knot::KnotConfig;
pub use nsd4::{Identity, Nsd4Channel, Nsd4Config};
pub use pdns4::{Pdns4, Pdns4Config};
pub use rndc::{KeyError, RndcError, RndcKey};

/// The kinds of targets that can be told, as `pools.yaml` names them.
pub const KINDS: &[&str] = &["bind9", "catalog", "knot", "nsd4", "pdns4", "designate", "fake"];

/// A zone as a server must have it: a secondary of the masters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneSpec {
    /// The zone's apex.
    pub name: ZoneName,
    /// Its id.
    pub zone: ZoneId,
    /// Where the server transfers it from.
    pub masters: Arc<[SocketAddr]>,
    /// The key that signs its requests to the masters; `None`: they are not signed.
    pub key: Option<Arc<Key>>,
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

    /// Makes the server forget the zone. Its copy of the zone goes too when `hard`; else as the target's options say.
    fn remove_zone<'a>(&'a self, zone: &'a ZoneName, hard: bool) -> Told<'a>;

    /// Makes the server transfer the zone anew as a whole, whatever its serial: its content is in doubt. The zone is served all
    /// the while. `serial` is what the log has, and thus what the server is to have then. `None`: there is nobody to tell.
    fn retransfer_zone<'a>(&'a self, _zone: &'a ZoneName, _serial: Serial) -> Option<Told<'a>> {
        None
    }

    /// Makes the server forget what it keeps of its answers to the zone's SOA. `None`: it keeps none.
    fn forget_answers<'a>(&'a self, _zone: &'a ZoneName) -> Option<Told<'a>> {
        None
    }

    /// Whether a NOTIFY holds the server up while it is busy with zones that it was told of, instead of reminding it of one
    /// that it lost sight of.
    fn is_held_up_by_notify(&self) -> bool {
        false
    }
}

/// How a server is told which zones to serve: addresses looked up, keys read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetConfig {
    /// BIND 9 through its rndc channel; wants `allow-new-zones yes`.
    Bind9(Bind9Config),
    /// Its server takes its zones from the pool's catalog zone. How it is told what no catalog can say; or why it cannot be.
    Catalog(Result<Box<Self>, String>),
    /// Knot DNS through its control socket; wants a configuration database (`knotd -C`).
    Knot(KnotConfig),
    /// NSD through its control channel; wants a pattern for the zones.
    Nsd4(Nsd4Config),
    /// PowerDNS by its HTTP API; wants `api=yes` and `secondary=yes`.
    Pdns4(Pdns4Config),
    /// Another Designate by its API: zones of type SECONDARY there.
    Designate(DesignateConfig),
    /// Nothing to tell.
    Fake,
}

/// A target. `server` is how messages call it.
pub fn target_of(server: &str, config: &TargetConfig) -> Arc<dyn PoolTarget> {
    match config {
        TargetConfig::Bind9(config) => Arc::new(Bind9::new(server, config)),
        TargetConfig::Knot(config) => Arc::new(Batched::new(server, Knot::new(config))),
        TargetConfig::Nsd4(config) => Arc::new(Batched::new(server, Nsd4::new(config))),
        // Who follows the catalog does the rest, for all zones together.
        TargetConfig::Catalog(channel) => {
            let channel = channel.as_ref().map(|config| target_of(server, config));
            Arc::new(ByCatalog::new(server, channel.map_err(Clone::clone)))
        }
        TargetConfig::Fake => Arc::new(Fake),
        TargetConfig::Pdns4(config) => Arc::new(Pdns4::new(server, config)),
        TargetConfig::Designate(config) => Arc::new(Designate::new(server, config)),
    }
}

/// What should be looked at in a target's description, though it can be worked with.
pub fn remarks(target: &zonelog_model::resource::PoolTarget) -> Vec<String> {
    match target.kind.as_str() {
        "bind9" => bind9::remarks(&target.options),
        "knot" => knot::options::remarks(&target.options),
        "nsd4" => nsd4::options::remarks(&target.options),
        "catalog" | "fake" => Vec::new(),
        "pdns4" => pdns4::remarks(&target.options),
        "designate" => designate::remarks(&target.options),
        _ => vec![format!(
            "this version of Zonelog cannot tell such targets of zones (it can: {}): its zones stay in ERROR",
            KINDS.join(", ")
        )],
    }
}
