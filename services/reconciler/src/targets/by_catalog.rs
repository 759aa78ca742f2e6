//! A server that takes its zones from the pool's catalog zone: it is told of no zone, but where it has a control channel it can
//! be made to transfer one anew, which no catalog can say.

use std::sync::Arc;

use zonelog_dns::{Serial, ZoneName};

use super::{PoolTarget, TargetError, Told, ZoneSpec};

/// A server that follows the catalog.
#[derive(Debug)]
pub(super) struct ByCatalog {
    server: String,
    /// By which it can be told more than the catalog says; or why there is none.
    channel: Result<Arc<dyn PoolTarget>, String>,
}

impl ByCatalog {
    /// `server` is how messages call it.
    pub(super) fn new(server: &str, channel: Result<Arc<dyn PoolTarget>, String>) -> Self {
        Self {
            server: server.to_owned(),
            channel,
        }
    }
}

impl PoolTarget for ByCatalog {
    fn ensure_zone<'a>(&'a self, _: &'a ZoneSpec) -> Told<'a> {
        Box::pin(async { Ok(()) })
    }

    fn remove_zone<'a>(&'a self, _: &'a ZoneName, _hard: bool) -> Told<'a> {
        Box::pin(async { Ok(()) })
    }

    fn retransfer_zone<'a>(&'a self, zone: &'a ZoneName, serial: Serial) -> Option<Told<'a>> {
        match &self.channel {
            Ok(channel) => channel.retransfer_zone(zone, serial),
            Err(reason) => {
                let (server, reason) = (self.server.clone(), reason.clone());
                Some(Box::pin(async { Err(TargetError { server, reason }) }))
            }
        }
    }

    fn forget_answers<'a>(&'a self, zone: &'a ZoneName) -> Option<Told<'a>> {
        self.channel.as_ref().ok()?.forget_answers(zone)
    }
}
